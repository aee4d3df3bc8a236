"""A body goes in, the reads in which it may arrive come out."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLANK_LINE: Final = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r\n|\n|\r)")

SHORT_BYTES: Final = 400
"""A body of that size is cut in two at every place."""
VERY_SHORT_BYTES: Final = 64
"""A body of that size is cut in three at every two places."""


def cut(body: bytes, positions: Iterable[int]) -> list[bytes]:
    """Cut a body at ascending positions; a position given twice makes an empty read."""
    return [body[start:end] for start, end in pairwise((0, *positions, len(body)))]


def in_reads_of(body: bytes, size: int) -> list[bytes]:
    """Cut a body into reads of one size in bytes, but for the last."""
    return [body[at : at + size] for at in range(0, len(body), size)]


def event_by_event(body: bytes) -> list[bytes]:
    """Cut a body behind each blank line, as a server sends it whose events arrive one by one."""
    return cut(body, [found.end() for found in _BLANK_LINE.finditer(body)])


def every_cutting(body: bytes) -> Iterator[list[bytes]]:
    """Yield a body whole, byte by byte, and in two and in three reads at every place.

    Only a short body is cut in two (400 bytes) or three (64). Each cutting comes a second time, with empty
    reads before, between and behind.
    """
    for reads in _dense_cuttings(body):
        yield reads
        yield [b"", *(piece for read in reads for piece in (read, b""))]


def _dense_cuttings(body: bytes) -> Iterator[list[bytes]]:
    yield [body]
    yield in_reads_of(body, 1)
    if len(body) > SHORT_BYTES:
        return
    for first in range(1, len(body)):
        yield cut(body, [first])
    if len(body) > VERY_SHORT_BYTES:
        return
    for first in range(1, len(body)):
        for second in range(first + 1, len(body)):
            yield cut(body, [first, second])
