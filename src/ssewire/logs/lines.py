"""The lines of a capture file go in; heads, reads and ends come out. And the other way round.

The format is described in docs/capture-format.md.
"""

from __future__ import annotations

import binascii
import math
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire.errors import CaptureError
from ssewire.logs.capture import CUT, UNKNOWN, WAYS, End, Head, RequestHead, ResponseHead

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire.logs.capture import Read

VERSION: Final = 1
BASE64: Final = "base64"
BOM: Final = b"\xef\xbb\xbf"
_HEAD_START: Final = b'{"ssewire":'
MAX_READ_BYTES: Final = 16 * 2**20
"""A larger read is written as several that came at the same time."""
MAX_LINE_BYTES: Final = 128 * 2**20
"""JSON makes at most six bytes of one."""


class _Request(msgspec.Struct):
    method: str
    url: str
    headers: list[tuple[str, str]] = []
    body: str | None = None
    body_encoding: str | None = None


class _Response(msgspec.Struct):
    status: int
    headers: list[tuple[str, str]] = []
    http_version: str | None = None


class _Head(msgspec.Struct):
    ssewire: int
    origin: str = "recorded"
    began: str | None = None
    unknown: list[str] = []
    request: _Request | None = None
    response: _Response | None = None


class _End(msgspec.Struct, omit_defaults=True):
    end: str
    seconds: float | None = None
    reads: int | None = None
    bytes: int | None = None
    error: str | None = None
    problem: str | None = None
    lost_reads: int = 0
    lost_bytes: int = 0


decode_plain_read: Final = msgspec.json.Decoder(tuple[float | None, str]).decode
"""The value of a line that holds a read which is written as text; raises ValueError for any other."""


# -- writing ---------------------------------------------------------------------------------------------


def encode_head(head: Head) -> bytes:
    """The line that begins a capture."""
    request = None
    if head.request is not None:
        asked = head.request
        text, encoding = (None, None) if asked.body is None else _text_of(asked.body)
        request = _Request(asked.method, asked.url, list(asked.headers), text, encoding)
    response = None
    if head.response is not None:
        answer = head.response
        response = _Response(answer.status, list(answer.headers), answer.http_version)
    return _line(_Head(VERSION, head.origin, head.began, list(head.unknown), request, response))


def encode_read(seconds: float | None, data: bytes) -> bytes:
    """The line of one read."""
    text, encoding = _text_of(data)
    rounded = None if seconds is None or not math.isfinite(seconds) else round(seconds, 6)
    return _line((rounded, text) if encoding is None else (rounded, text, encoding))


def encode_end(end: End, reads: int, size: int) -> bytes:
    """The line that ends a capture of so many reads and bytes."""
    seconds = None if end.seconds is None else round(end.seconds, 6)
    return _line(_End(end.how, seconds, reads, size, end.error, end.problem, end.lost_reads, end.lost_bytes))


def _text_of(data: bytes) -> tuple[str, str | None]:
    """Bytes as a text, and how they are encoded in it where they are not the text's UTF-8."""
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return b64encode(data).decode(), BASE64


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


# -- reading ---------------------------------------------------------------------------------------------


def split_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut blocks into lines at their LF; the last may be without.

    Raises:
        CaptureError: A line is longer than 128 MiB.
    """
    rest = bytearray()
    for block in blocks:
        *whole, last = block.split(b"\n")
        for line in whole:
            if rest:
                rest += line
                line = bytes(rest)
                rest.clear()
            yield line
        rest += last
        if len(rest) > MAX_LINE_BYTES:
            raise CaptureError(f"a line of more than {MAX_LINE_BYTES} bytes: no capture file")
    if rest:
        yield bytes(rest)


def decode_line(line: bytes) -> Any:
    """The JSON value of a line; None where it is none."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def may_be_capture_file(start: bytes) -> bool:
    """Whether the first bytes of a file are those of a capture file, perhaps cut in its first head."""
    start = start.removeprefix(BOM).lstrip()
    return start.startswith(_HEAD_START) or _HEAD_START.startswith(start) or b"\n" + _HEAD_START in start


def is_head(value: Any) -> bool:
    """Whether the value of a line begins a capture."""
    return isinstance(value, dict) and "ssewire" in value


def is_end(value: Any) -> bool:
    """Whether the value of a line ends a capture."""
    return isinstance(value, dict) and "end" in value


def head_of(value: Any, where: str) -> Head:
    """The head in the value of a line.

    Raises:
        CaptureError: It is of a newer version, or not as it should be.
    """
    version = value["ssewire"]
    if isinstance(version, int) and version > VERSION:
        raise CaptureError(f"{where}: a capture of version {version}, and this ssewire knows {VERSION}")
    try:
        wire = msgspec.convert(value, _Head)
        asked, answer = wire.request, wire.response
        request = response = None
        if asked is not None:
            body = None if asked.body is None else _bytes_of(asked.body, asked.body_encoding)
            request = RequestHead(asked.method, asked.url, tuple(asked.headers), body)
        if answer is not None:
            response = ResponseHead(answer.status, tuple(answer.headers), answer.http_version)
    except (msgspec.ValidationError, ValueError) as error:
        raise CaptureError(f"{where}: the head of a capture is not as it should be: {error}") from error
    return Head(request, response, wire.began, wire.origin, tuple(wire.unknown))


def read_of(value: Any) -> Read | None:
    """The read in the value of a line; None where it is none."""
    match value:
        case [int() | float() | None as seconds, str() as text]:
            encoding = None
        case [int() | float() | None as seconds, str() as text, str() as encoding]:
            pass
        case _:
            return None
    try:
        return None if seconds is None else float(seconds), _bytes_of(text, encoding)
    except (ValueError, OverflowError):
        return None


def _bytes_of(text: str, encoding: str | None) -> bytes:
    if encoding is None:
        return text.encode()
    if encoding != BASE64:
        raise ValueError(f"no such encoding: {encoding}")
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from error


def end_of(value: Any, reads: int, size: int) -> End:
    """The end in the value of a line, behind so many reads and bytes."""
    try:
        end = msgspec.convert(value, _End)
    except msgspec.ValidationError as error:
        return End(CUT, problem=f"its end line is not as it should be: {error}")
    if (end.reads, end.bytes) not in ((reads, size), (None, None)):
        told = f"its end line counts {end.bytes} bytes in {end.reads} reads, there are {size} in {reads}"
        return End(CUT, end.seconds, end.error, told)
    how = end.end if end.end in WAYS else UNKNOWN
    return End(how, end.seconds, end.error, end.problem, end.lost_reads, end.lost_bytes)
