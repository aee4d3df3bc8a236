"""A HAR file goes in; the responses in it come out as captures.

HAR (http://www.softwareishard.com/blog/har-12-spec/) holds bodies as text: the exact bytes, their times and
their cutting are lost.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import msgspec

from ssewire.errors import CaptureError, ForeignFileError
from ssewire.logs.capture import RequestHead, ResponseHead
from ssewire.logs.foreign import capture_of, is_stream, read_whole
from ssewire.logs.lines import BOM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire.logs.capture import Capture, Headers
    from ssewire.logs.foreign import Report


def read_har(blocks: Iterable[bytes], name: str, *, every: bool, report: Report) -> Iterator[Capture]:
    """The captures in a HAR file.

    Args:
        blocks: Its content.
        name: What it is called in messages.
        every: Give also the responses that are no event streams.
        report: Called with a line of text for each entry that is left out though it is one.

    Raises, while iterating:
        ForeignFileError: It is JSON, and no HAR.
        CaptureError: It is no JSON, or holds no body at all.
    """
    try:
        content = msgspec.json.decode(read_whole(blocks, name).removeprefix(BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CaptureError(f"{name} is no HAR file: {error!r}") from error
    try:
        entries = content["log"]["entries"]
    except (KeyError, TypeError) as error:
        raise ForeignFileError(f"{name} is no HAR file: it has no log with entries") from error
    if not isinstance(entries, list):
        raise ForeignFileError(f"{name} is no HAR file: its entries are no list")
    bodies = 0
    for number, entry in enumerate(entries, 1):
        try:
            request, response, body, exact = _exchange(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            report(f"{name}, entry {number}: not as it should be: {error!r}")
            continue
        if body is None:
            if is_stream(request, response, b""):
                report(f"{name}, entry {number} ({request.method} {request.url}): saved without its body")
            continue
        bodies += 1
        if not every and not is_stream(request, response, body):
            continue
        began = entry.get("startedDateTime")
        unknown = ("times", "reads", "end") if exact else ("times", "reads", "bytes", "end")
        try:
            yield capture_of(
                request,
                response,
                body,
                origin="har",
                unknown=unknown,
                began=began if isinstance(began, str) else None,
            )
        except CaptureError as error:
            report(f"{name}, entry {number}: {error}")
    if entries and not bodies:
        raise CaptureError(f"{name} holds no bodies: it was saved without content")


def _exchange(entry: Any) -> tuple[RequestHead, ResponseHead, bytes | None, bool]:
    """The request, the response, its body, and whether that is known byte for byte."""
    asked, answer = entry["request"], entry["response"]
    posted = (asked.get("postData") or {}).get("text")
    request = RequestHead(
        str(asked["method"]), str(asked["url"]), _headers(asked), posted.encode() if posted else None
    )
    version = answer.get("httpVersion")
    response = ResponseHead(int(answer["status"]), _headers(answer), str(version) if version else None)
    content = answer.get("content") or {}
    text = content.get("text")
    if text is None:
        return request, response, None, False
    if content.get("encoding") == "base64":
        return request, response, b64decode("".join(text.split()), validate=True), True
    return request, response, text.encode(errors="replace"), False


def _headers(message: Any) -> Headers:
    return tuple((str(each["name"]), str(each["value"])) for each in message.get("headers") or ())
