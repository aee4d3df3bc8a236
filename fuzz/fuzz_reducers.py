"""Whatever is folded, events and snapshots stay as they are, and everybody is told the same of the parts."""

from __future__ import annotations

from harness import DIALECTS, chooser, main, reads_of
from ssewire.testing import check_errors, check_folding, check_parts, check_snapshots


def law(data: bytes) -> None:
    """Fold a body in each dialect, looking on the way and not, and tell of its parts."""
    for dialect in DIALECTS:
        check_folding(dialect, data)
        check_snapshots(dialect, data)
        check_errors(dialect, data)
    dialect = chooser(data).choice(DIALECTS)
    check_parts(dialect, data, reads_of(data))


if __name__ == "__main__":
    main(law)
