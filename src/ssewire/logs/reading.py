"""A capture file, or something else that holds recorded bodies, goes in; captures come out, lazily."""

from __future__ import annotations

import logging
from os import PathLike
from os.path import splitext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from ssewire.errors import ForeignFileError
from ssewire.logs.capture import CUT, Capture, End, Head, PassingReads
from ssewire.logs.cassettes import read_cassette
from ssewire.logs.har import read_har
from ssewire.logs.lines import (
    BOM,
    decode_line,
    decode_plain_read,
    end_of,
    head_of,
    is_end,
    is_head,
    may_be_capture_file,
    read_of,
    split_lines,
)
from ssewire.logs.records import read_records
from ssewire.logs.storage import BLOCK_BYTES, BrokenFileError, bare_name, read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire.logs.capture import Read
    from ssewire.logs.foreign import Report

Form = Literal["capture", "sse", "jsonl", "har", "vcr"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)

SUFFIXES: Final[dict[str, Form | None]] = {
    ".sse": "sse",
    ".txt": "sse",
    ".har": "har",
    ".yaml": "vcr",
    ".yml": "vcr",
    ".json": None,
    ".jsonl": None,
    ".ndjson": None,
}
"""What a file is by its name; None where its content tells."""
FOLDER_SUFFIXES: Final = tuple(
    suffix + packing for suffix in SUFFIXES if suffix != ".txt" for packing in ("", ".gz", ".zst")
)
"""What to look at in a folder."""
MAX_LOOKED_AT_BYTES: Final = 64 * 2**10

_log = logging.getLogger("ssewire.logs")


def read_captures(
    source: str | PathLike[str] | Iterable[bytes],
    *,
    form: Form | None = None,
    body_key: str | None = None,
    every: bool = False,
    report: Report | None = None,
) -> Iterator[Capture]:
    """Read the captures in a file, one after the other, lazily.

    A capture file (docs/capture-format.md), raw `.sse` and JSON Lines are read in constant memory, cassettes
    of vcrpy and HAR files whole, up to 256 MiB. Names that end in `.gz` and `.zst` are unpacked (`.zst`
    before Python 3.14 with the extra `zstd`, cassettes in YAML with the extra `yaml`). A capture file that
    was cut is read up to the cut, and the `end` of its last capture says so.

    Args:
        source: A path, a binary file, or an iterable of bytes.
        form: What it is: `capture`, `sse` (one raw body), `jsonl` (a log whose records hold bodies), `har`,
            `vcr` (a cassette in YAML or JSON). By default its name and its first bytes tell.
        body_key: For `jsonl`, where a record holds the body: a key, or several joined by dots.
        every: For `har` and `vcr`, give also the responses that are no event streams.
        report: Called with a line of text for each thing that is left out; by default it is logged. What is
            rightly so, such as records without a body among others, is told by a `logs.foreign.Aside`.

    Raises, while iterating:
        ForeignFileError: It is nothing of this.
        CaptureError: It is of a newer version, or cannot be read for another reason.
        OSError: It cannot be read.
        ImportError: It needs an extra that is not installed; the message names it.
        TypeError: The source is none of these.
        ValueError: There is no such form, or a log in JSON Lines comes without `body_key`.
    """
    if form is not None and form not in FORMS:
        raise ValueError(f"form is one of {', '.join(FORMS)}, not {form!r}")
    report = report or _log.warning
    if isinstance(source, (str, PathLike)):
        path = Path(source)
        name, blocks = str(path), read_blocks(path)
    else:
        path, name, blocks = Path(), "the source", _blocks_of(source)
    known = form or form_of_name(path)
    if known is None:
        named = Path(bare_name(path.name)).suffix in SUFFIXES
        known, blocks = _recognised(blocks, body_key, name, is_json=named)
    if known == "capture":
        yield from _Reader(blocks, name, report).captures()
    elif known == "sse":
        yield _raw_body(blocks)
    elif known == "jsonl":
        if body_key is None:
            raise ValueError("a log in JSON Lines is read with body_key=, the key of its bodies")
        yield from read_records(blocks, name, body_key=body_key, report=report)
    elif known == "har":
        yield from read_har(blocks, name, every=every, report=report)
    else:
        yield from read_cassette(blocks, name, every=every, report=report)


def form_of_name(path: Path) -> Form | None:
    """What a file is by its name; None where its content tells."""
    return SUFFIXES.get(splitext(bare_name(path.name))[1])


def _blocks_of(source: Any) -> Iterator[bytes]:
    """The bytes of a binary file or an iterable."""
    read: Any = getattr(source, "read1", None) or getattr(source, "read", None)
    if callable(read):
        blocks: Iterator[Any] = iter(lambda: read(BLOCK_BYTES), b"")
        return blocks
    if isinstance(source, (str, bytes, bytearray, memoryview)) or not hasattr(type(source), "__iter__"):
        kind = type(source).__name__
        raise TypeError(f"captures are read from a path, a binary file or an iterable of bytes, not {kind}")
    return iter(source)


def _recognised(
    blocks: Iterator[bytes], body_key: str | None, name: str, *, is_json: bool
) -> tuple[Form, Iterator[bytes]]:
    """Tell by the first bytes what a file is, perhaps by name of JSON; returns the blocks from the first."""
    head = bytearray()
    broken: BrokenFileError | None = None
    form: Form | None = None
    try:
        while form is None and len(head) < MAX_LOOKED_AT_BYTES:
            block = next(blocks, None)
            if block is None:
                break
            head += block
            form = _form_of_start(bytes(head), is_json=is_json)
    except BrokenFileError as error:
        broken = error
    start = bytes(head)
    if form is not None:
        pass
    elif may_be_capture_file(start):
        form = "capture" if is_json or start.strip() else "sse"
    elif body_key is not None:
        form = "jsonl"
    elif not is_json and _is_error(start):
        form = "sse"
    elif b'"interactions"' in start:
        form = "vcr"
    elif b'"log"' in start:
        form = "har"
    else:
        raise ForeignFileError(
            f"{name} is no capture file, HAR or cassette; of a log in JSON Lines, name the key of the bodies"
        )
    return form, _again(bytes(head), blocks, broken)


def _form_of_start(start: bytes, *, is_json: bool) -> Form | None:
    """What a file is, where its first bytes tell so already."""
    if BOM.startswith(start):
        return None  # the next bytes tell whether it is a mark
    start = start.removeprefix(BOM).lstrip()
    if start and not is_json and not start.startswith((b"{", b"[")):
        return "sse"
    line, ended, _ = start.partition(b"\n")
    return "capture" if ended and is_head(decode_line(line)) else None


def _is_error(start: bytes) -> bool:
    """Whether this is what a provider answers instead of a stream."""
    value = decode_line(start.removeprefix(BOM))
    return isinstance(value, dict) and "error" in value


def _again(head: bytes, rest: Iterator[bytes], broken: BrokenFileError | None) -> Iterator[bytes]:
    yield head
    if broken is not None:
        raise broken
    yield from rest


# -- bodies that pass by ---------------------------------------------------------------------------------


def _raw_body(blocks: Iterator[bytes]) -> Capture:
    head = Head(origin="sse", unknown=("times", "reads", "end"))
    return Capture(head, _RawReads(blocks))


class _RawReads(PassingReads):
    """The blocks of a raw body."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks = blocks

    def advance(self) -> Read | End:
        try:
            block = next(self._blocks, None)
        except BrokenFileError as error:
            return End(CUT, problem=str(error))
        if block is None:
            return End()
        self.size += len(block)
        return None, block


class _Reader:
    """Reads a capture file."""

    def __init__(self, blocks: Iterable[bytes], name: str, report: Report) -> None:
        self.lines = self._numbered(blocks)
        self._name = name
        self._report = report
        self._number = 0
        self._next_head: Any = None  # found behind a capture without an end line
        self._broken = ""  # what is wrong with the file's compressed data

    def captures(self) -> Iterator[Capture]:
        """The captures, each of which passes by until the next is asked for."""
        while (head := self._find_head()) is not None:
            reads = _Reads(self)
            yield Capture(head, reads)
            reads.skip()

    def _find_head(self) -> Head | None:
        """Go on to the next line that begins a capture."""
        strayed = 0
        first = self._number + 1
        value, self._next_head = self._next_head, None
        while value is None or not is_head(value):
            line = next(self.lines, None)
            if line is None:
                self._report_strayed(strayed, first)
                if self._broken:
                    self._report(f"{self._name}: {self._broken}")
                return None
            value = decode_line(line)
            if line.strip() and (not isinstance(value, dict) or is_end(value)):  # others are for others
                strayed += 1
        self._report_strayed(strayed, first)
        return head_of(value, self.where())

    def _report_strayed(self, lines: int, first: int) -> None:
        if lines:
            what = f"{lines} line{'s' if lines > 1 else ''} of no capture left out"
            self._report(f"{self._name}, from line {first} on: {what}")

    def where(self) -> str:
        """Where in the file the line at hand is."""
        return f"{self._name}, line {self._number}"

    def _numbered(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The lines that are not empty; that of white space alone is left to the reader."""
        lines = split_lines(blocks)
        try:
            for line in lines:
                self._number = 1
                yield line.removeprefix(BOM)
                break
            for self._number, line in enumerate(lines, 2):
                if line:
                    yield line
        except BrokenFileError as error:
            self._broken = str(error)

    def read_in(self, line: bytes | None, reads: int, size: int) -> Read | End:
        """The read in a line or behind it, so many reads and bytes into the capture at hand, or its end."""
        while line is not None:
            value = decode_line(line)
            read = read_of(value)
            if read is not None:
                return read
            if is_head(value):
                self._next_head = value
                return End(CUT, problem=f"its end is missing: another capture begins ({self.where()})")
            if is_end(value):
                return end_of(value, reads, size)
            if not isinstance(value, dict) and line.strip():  # objects of other kinds are for others
                return End(CUT, problem=f"a line is cut or damaged ({self.where()})")
            line = next(self.lines, None)
        problem, self._broken = self._broken, ""
        return End(CUT, problem=problem or f"the file ends before its end line ({self.where()})")


class _Reads(PassingReads):
    """The reads of one capture in a file."""

    def __init__(self, reader: _Reader) -> None:
        super().__init__()
        self._reader = reader
        self._lines = reader.lines
        self._count = 0

    def advance(self) -> Read | End:
        line = next(self._lines, None)
        # Nearly every line is a read that is written as text: here that costs no further call.
        try:
            seconds, text = decode_plain_read(line or b"")
            data = text.encode()
        except ValueError:
            found = self._reader.read_in(line, self._count, self.size)
            if isinstance(found, End):
                return found
            seconds, data = found
        self._count += 1
        self.size += len(data)
        return seconds, data
