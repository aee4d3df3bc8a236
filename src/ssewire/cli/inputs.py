"""File names, folders, patterns and `-` go in; bodies to read come out, one after the other."""

from __future__ import annotations

import glob
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ssewire._dialects import DIALECTS
from ssewire.logs.detection import with_dialect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire._dialects import DialectName
    from ssewire._stream import Stream

READ_BYTES: Final = 64 * 2**10
STDIN: Final = "-"
SUFFIX: Final = ".sse"


def expand(names: Iterable[str], suffixes: tuple[str, ...] = (SUFFIX,)) -> Iterator[str]:
    """The files meant: of a folder all with a suffix below it, of a pattern all matches, the rest as is."""
    for name in names:
        path = Path(name)
        if name == STDIN or path.is_file():
            yield name
        elif path.is_dir():
            files = (each for each in path.rglob("*") if each.name.lower().endswith(suffixes))
            yield from sorted(str(each) for each in files if each.is_file())
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
    detected, reads = with_dialect(reads_of(name), bytes)
    known = dialect or detected
    return known, DIALECTS[known or "chat"].stream(reads, malformed="skip")
