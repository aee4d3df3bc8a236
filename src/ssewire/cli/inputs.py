"""File names, folders, patterns and `-` go in; the files meant come out, and the captures in each."""

from __future__ import annotations

import argparse
import errno
import glob
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from ssewire._dialects import DIALECTS
from ssewire.logs.play import parse_speed
from ssewire.logs.reading import FOLDER_SUFFIXES, read_captures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ssewire.logs.capture import Capture

STDIN: Final = "-"


class File(NamedTuple):
    """A file to read."""

    name: str
    """Its path, or `-`."""
    searched: bool = False
    """It was found in a folder: nobody said that it holds captures."""


def add_to(command: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that reads captures."""
    command.add_argument(
        "files",
        nargs="+",
        type=file_name,
        metavar="FILE",
        help="a raw body (.sse), capture file, cassette (.yaml), .har or log; a folder, a pattern, or -",
    )
    command.add_argument(
        "--dialect", choices=tuple(DIALECTS), help="what the streams are; by default their events tell"
    )
    command.add_argument(
        "--body-key",
        metavar="KEY",
        help="where the records of a JSON Lines log hold bodies: a key, or several joined by dots",
    )


def file_name(text: str) -> str:
    """A name as it is given on the command line. For `argparse`."""
    if not text:  # it would mean the folder at hand
        raise argparse.ArgumentTypeError("the name of a file is empty")
    return text


def speed(text: str) -> float | None:
    """How fast to play, as it is given on the command line. For `argparse`."""
    try:
        return None if text == "0" else parse_speed(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a factor above 0, 0 or none, not {text!r}") from None


def expand(names: Iterable[str], suffixes: tuple[str, ...] = FOLDER_SUFFIXES) -> Iterator[str]:
    """The names of the files meant; see `find`."""
    return (file.name for file in find(names, suffixes))


def find(names: Iterable[str], suffixes: tuple[str, ...] = FOLDER_SUFFIXES) -> Iterator[File]:
    """The files meant: of a folder all with a suffix below it, of a pattern all matches, the rest as is.

    Neither a folder nor a pattern means hidden files, or what is in hidden folders, unless it names them.
    """
    for name in names:
        if name == STDIN or os.path.isfile(name):
            yield File(name)
        elif os.path.isdir(name):
            yield from _in_folder(name, suffixes)
        else:
            for match in _matches(name) or [name]:
                yield from _in_folder(match, suffixes) if os.path.isdir(match) else [File(match)]


def _matches(pattern: str) -> list[str]:
    matches = glob.glob(pattern, recursive=True)
    if "**" in pattern:
        # It follows links in a circle, and finds a file again and again; the shortest name remains.
        matches.sort(key=len, reverse=True)
        matches = list({os.path.realpath(each): each for each in matches}.values())
    return sorted(matches)


def _in_folder(folder: str, suffixes: tuple[str, ...]) -> list[File]:
    found: list[str] = []

    def unreadable(error: OSError) -> None:
        found.append(error.filename)  # as a file: who opens it, tells why

    for path, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [each for each in folders if not _is_hidden(each)]
        paths = [
            str(Path(path, name))
            for name in names
            if name.lower().endswith(suffixes) and not _is_hidden(name)
        ]
        found += [each for each in paths if os.path.isfile(each) or os.path.islink(each)]
    return [File(name, searched=True) for name in sorted(found)]


def _is_hidden(name: str) -> bool:
    """As for a pattern of the shell: what belongs to a tool, such as the copies that an editor keeps."""
    return name.startswith(".")


def stdin() -> BinaryIO:
    """What comes on standard input. Raises OSError: nothing can, for it was closed when the program began."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "stdin is closed", STDIN)
    return sys.stdin.buffer


def captures_of(
    name: str, body_key: str | None, report: Callable[[str], object]
) -> Iterator[tuple[str, Capture]]:
    """The captures in a file, lazily, each with a name: the first has the file's, then comes `FILE#2`.

    Args:
        name: The file, or `-`.
        body_key: As for `read_captures`.
        report: Called with a line of text for each thing that is left out.

    Raises, while iterating:
        CaptureError, ImportError, OSError: As `read_captures`.
    """
    source = stdin() if name == STDIN else name
    for number, capture in enumerate(read_captures(source, body_key=body_key, report=report), 1):
        yield name if number == 1 else f"{name}#{number}", capture
