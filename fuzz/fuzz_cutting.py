"""Whatever comes, a parser tells the same in any reads, with every policy for malformed events."""

from __future__ import annotations

from harness import DIALECTS, chooser, main, reads_of
from ssewire.testing import check_cutting, check_timeliness


def law(data: bytes) -> None:
    """Compare all that is told whole, byte by byte, event by event, and in some other reads."""
    random = chooser(data)
    dialect = random.choice(DIALECTS)
    check_cutting(dialect, data, reads_of(data), random.choice(("raise", "skip", "call")))
    check_timeliness(dialect, data, reads_of(data))


if __name__ == "__main__":
    main(law)
