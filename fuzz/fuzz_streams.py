"""Whatever comes, a parser, a stream and an async stream tell the same in any reads."""

from __future__ import annotations

from harness import DIALECTS, chooser, main, reads_of
from ssewire.testing import check_streams


def law(data: bytes) -> None:
    """Compare all that is told."""
    random = chooser(data)
    malformed = random.choice(("raise", "skip", "call"))
    check_streams(random.choice(DIALECTS), data, reads_of(data), malformed)


if __name__ == "__main__":
    main(law)
