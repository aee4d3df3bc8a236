"""File names, folders, patterns and `-` go in; bodies to read come out, one after the other."""

from __future__ import annotations

import glob
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ssewire._dialects import DIALECTS, detect_dialect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire._dialects import DialectName
    from ssewire._stream import Stream

READ_BYTES: Final = 64 * 2**10
MAX_HEAD_BYTES: Final = 2**20
"""How much of a body is looked at to tell its dialect."""
STDIN: Final = "-"
SUFFIX: Final = ".sse"


def expand(names: Iterable[str]) -> Iterator[str]:
    """The files meant: of a folder all `.sse` files below it, of a pattern all that match, the rest as is."""
    for name in names:
        path = Path(name)
        if name == STDIN or path.is_file():
            yield name
        elif path.is_dir():
            yield from sorted(str(each) for each in path.rglob(f"*{SUFFIX}") if each.is_file())
        else:
            yield from sorted(glob.glob(name, recursive=True)) or [name]


def reads_of(name: str) -> Iterator[bytes]:
    """The bytes of a file or of stdin, as they can be had.

    Raises:
        OSError: The file cannot be read.
    """
    with ExitStack() as stack:
        file: Any = sys.stdin.buffer if name == STDIN else stack.enter_context(open(name, "rb"))
        # `read1` gives what a pipe holds at the moment; `read` would wait until the block is full.
        while data := file.read1(READ_BYTES):
            yield data


def open_stream(name: str, dialect: DialectName | None = None) -> tuple[DialectName | None, Stream[Any, Any]]:
    """Open a recorded body.

    Args:
        name: The file, or `-`.
        dialect: What it is; by default its events tell.

    Returns:
        The dialect, None when no event tells, and the stream, which skips malformed events.
    """
    detected, reads = with_dialect(reads_of(name))
    known = dialect or detected
    return known, DIALECTS[known or "chat"].stream(reads, malformed="skip")


def with_dialect(reads: Iterator[bytes]) -> tuple[DialectName | None, Iterator[bytes]]:
    """Tell the dialect of a body from its start; returns the reads from the first on."""
    head: list[bytes] = []
    size = looked_at = 0
    dialect = None
    for read in reads:
        head.append(read)
        size += len(read)
        if size >= 2 * looked_at:  # not at every read, for a pipe may give a byte at a time
            dialect = detect_dialect(b"".join(head))
            looked_at = size
        if dialect is not None or size >= MAX_HEAD_BYTES:
            break
    if dialect is None and size > looked_at:
        dialect = detect_dialect(b"".join(head))
    return dialect, _again(head, reads)


def _again(head: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from head
    yield from rest
