"""Whatever is folded, events and snapshots stay as they are, and nothing undocumented is raised."""

from __future__ import annotations

from harness import DIALECTS, main
from ssewire.testing import check_errors, check_folding, check_snapshots


def law(data: bytes) -> None:
    """Fold a body in each dialect, looking on the way and not."""
    for dialect in DIALECTS:
        check_folding(dialect, data)
        check_snapshots(dialect, data)
        check_errors(dialect, data)


if __name__ == "__main__":
    main(law)
