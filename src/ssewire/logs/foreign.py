"""What another program's file says of one exchange goes in; a capture comes out, its body unpacked."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any, Final

from ssewire.errors import CaptureError
from ssewire.logs.capture import CUT, Capture, End, Head
from ssewire.logs.storage import BrokenFileError, zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ssewire.logs.capture import Headers, RequestHead, ResponseHead

    Report = Callable[[str], object]

MAX_WHOLE_BYTES: Final = 256 * 2**20
"""How much is read of a file that has to be read whole, and how much a packed body in it may hold."""

_STREAM_START: Final = re.compile(rb"(\xef\xbb\xbf)?\s*(data|event|id|retry)?:")
_ASKS_FOR_STREAM: Final = re.compile(rb'"stream"\s*:\s*true')


class Aside(str):
    """A line of a report on something that is as it should be."""

    __slots__ = ()


def read_whole(blocks: Iterable[bytes], name: str) -> bytes:
    """The content of a file that cannot be read in parts.

    Raises:
        CaptureError: It is too large, or packed and cut.
    """
    content = bytearray()
    try:
        for block in blocks:
            content += block
            if len(content) > MAX_WHOLE_BYTES:
                raise CaptureError(f"{name} has to be read whole, and has more than {MAX_WHOLE_BYTES} bytes")
    except BrokenFileError as error:
        raise CaptureError(f"{name}: {error}") from error
    return bytes(content)


def is_stream(request: RequestHead | None, response: ResponseHead, body: bytes) -> bool:
    """Whether an exchange is one of an event stream: by its content type, its body, or the request."""
    kind = _header(response.headers, "content-type")
    asked = request.body if request is not None else None
    return (
        "text/event-stream" in kind.lower()
        or _STREAM_START.match(body) is not None
        or (asked is not None and _ASKS_FOR_STREAM.search(asked) is not None)
    )


def capture_of(
    request: RequestHead | None,
    response: ResponseHead,
    body: bytes,
    *,
    origin: str,
    unknown: tuple[str, ...],
    began: str | None = None,
) -> Capture:
    """Make a capture of a body as it was recorded, which may still be packed.

    Raises:
        CaptureError: It is packed in a way that is not known here, or is too large.
    """
    body, problem = _unpacked(body, _header(response.headers, "content-encoding"))
    end = End(CUT, problem=problem) if problem else End()
    return Capture(Head(request, response, began, origin, unknown), [(None, body)], end)


def pairs_of(headers: Any) -> Headers:
    """Headers as pairs, of a dict of texts or of lists of texts. Raises as `text_of`."""
    pairs: list[tuple[str, str]] = []
    for name, values in headers.items() if isinstance(headers, dict) else ():
        each = values if isinstance(values, list) else [values]
        pairs += [(str(name), text_of(value)) for value in each if value is not None]
    return tuple(pairs)


def text_of(value: Any) -> str:
    """A scalar as text.

    Raises:
        TypeError: It is a collection: in YAML one may hold another so often that its text would be endless.
    """
    if isinstance(value, (dict, list, set)):
        raise TypeError(f"a text was expected, not {type(value).__name__}")
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _header(headers: Headers, name: str) -> str:
    return next((value for each, value in headers if each.lower() == name), "")


def _unpacked(body: bytes, encoding: str) -> tuple[bytes, str]:
    """A body without its content encoding, and what is wrong with it."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity") or _is_text(body):  # many record what the client had unpacked
        return body, ""
    if encoding in ("gzip", "x-gzip", "deflate"):
        raw = encoding == "deflate" and (body[0] & 0x0F != 8 or int.from_bytes(body[:2]) % 31)
        unpack: Any = zlib.decompressobj(-zlib.MAX_WBITS if raw else 32 + zlib.MAX_WBITS)
        damage: type[Exception] = zlib.error
    elif encoding == "zstd":
        unpack, damage = zstd().ZstdDecompressor(), zstd().ZstdError
    else:
        raise CaptureError(f"its body is packed as {encoding}, which is not known here")
    # In pieces, so that what comes before the damage is had.
    content = bytearray()
    try:
        for at in range(0, len(body), 4096):
            if unpack.eof:
                break
            content += unpack.decompress(body[at : at + 4096])
            if len(content) > MAX_WHOLE_BYTES:
                raise CaptureError(f"its unpacked body is larger than {MAX_WHOLE_BYTES} bytes")
    except damage as error:
        return bytes(content), f"its packed body is damaged: {error}"
    return bytes(content), "" if unpack.eof else "its packed body ends too early"


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
