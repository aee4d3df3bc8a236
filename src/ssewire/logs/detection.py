"""The reads of a body go in; its dialect comes out, with the same reads from the first on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from ssewire._dialects import detect_dialect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ssewire._dialects import DialectName

R = TypeVar("R")

MAX_HEAD_BYTES: Final = 2**20
"""How much of a body is looked at to tell its dialect."""

FIRST_LOOK_BYTES: Final = 4 * 2**10
"""How much is looked at first; nearly always the first event tells."""


def with_dialect(reads: Iterator[R], data_of: Callable[[R], bytes]) -> tuple[DialectName | None, Iterator[R]]:
    """Tell the dialect of a body from its start.

    Args:
        reads: The body's reads.
        data_of: Gives the bytes of a read.

    Returns:
        The dialect, None when no event tells, and the reads from the first on.
    """
    head: list[R] = []
    rest: Iterator[R] = iter(())
    start = bytearray()
    looked_at = 0
    dialect = None
    for read in reads:
        head.append(read)
        start += data_of(read)
        # Not at every read, for a pipe may give a byte at a time; nor at all of a large one.
        while dialect is None and looked_at < len(start) >= 2 * looked_at:
            looked_at = min(max(2 * looked_at, FIRST_LOOK_BYTES), len(start))
            dialect = detect_dialect(bytes(start[:looked_at]))
        if dialect is not None or len(start) >= MAX_HEAD_BYTES:
            rest = reads  # which is asked for no more once it has ended: that may be an error
            break
    if dialect is None and len(start) > looked_at:
        dialect = detect_dialect(bytes(start))
    return dialect, _again(head, rest)


def _again(head: list[R], rest: Iterator[R]) -> Iterator[R]:
    yield from head
    yield from rest
