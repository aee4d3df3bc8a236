"""Every exception of ssewire: what is wrong with a stream, with its facts as attributes.

All derive from `SSEWireError`. Wrong use of an object (feeding after close, a result before the end) is
`RuntimeError`, a wrong argument is `TypeError` or `ValueError`; any other exception is a bug in ssewire.
Exceptions pickle, their facts and their snapshot included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHOWN_CHARS = 200
"""How much of a payload an error message quotes; the attributes hold the whole of it."""


class SSEWireError(Exception):
    """Something is wrong with a stream.

    Attributes:
        snapshot: What had been folded when the error came up: the object that `snapshot()` returns, or
            None where no stream or parser was involved.
    """

    snapshot: Any = None


class EventTooLargeError(SSEWireError):
    """An event outgrew the limit.

    Attributes:
        limit: The limit in bytes, `max_event_size`.
        seen: The size that broke it, always `limit + 1`.
        position: Offset in the stream, from 0, of the byte that went over.
    """

    def __init__(self, limit: int, seen: int, position: int) -> None:
        super().__init__(limit, seen, position)
        self.limit = limit
        self.seen = seen
        self.position = position

    def __str__(self) -> str:
        return f"event larger than {self.limit} bytes (at byte {self.position})"


class BodyTooLargeError(SSEWireError):
    """A body that is read through `bounded` outgrew its limit.

    Attributes:
        limit: The limit in bytes, `max_bytes`.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"body larger than {self.limit} bytes"


class EventDecodeError(SSEWireError):
    """The data of an event is not what its dialect sends: no JSON, or JSON of another shape.

    Attributes:
        raw: The whole data of the event; if only the response in it does not decode, that response.
        event: The SSE event name (`message` when none was sent).
        ordinal: The event's number in its stream, from 1; None outside a stream.
    """

    def __init__(self, raw: bytes, event: str = "message", ordinal: int | None = None) -> None:
        super().__init__(raw, event, ordinal)
        self.raw = raw
        self.event = event
        self.ordinal = ordinal
        self.reason = ""

    def __str__(self) -> str:
        where = "event" if self.ordinal is None else f"event {self.ordinal}"
        reason = f": {self.reason}" if self.reason else ""
        return f"{where} ({self.event}, {len(self.raw)} bytes) does not decode{reason}: {_shown(self.raw)}"


class StructuredOutputError(SSEWireError):
    """What a model wrote does not parse into the type that was asked for.

    Attributes:
        text: The whole text.
        state: `incomplete` where it was cut or is still arriving, `invalid` where it is no JSON, `complete`
            where it is JSON that does not fit the type.
        what: What the text is, such as the arguments of which call.
        reason: What is wrong with it, and where. `__cause__` is the exception that said so.
        events: Of `ChatEvents`, all that the chunk brought, with nothing parsed from this text.
    """

    events: Sequence[Any] = ()

    def __init__(self, text: str, state: str, what: str, reason: str) -> None:
        super().__init__(text, state, what, reason)
        self.text = text
        self.state = state
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.what}, {self.state} JSON, cannot be parsed: {self.reason}"


class ProviderError(SSEWireError):
    """The provider sent an error inside the stream, or instead of it.

    Attributes:
        message: What the provider says.
        code: Its code as sent: a string, an integer, or None.
        type: Its type, such as `server_error`, or None.
        param: The request parameter it blames, or None.
        status: The HTTP status it names or came with, or None.
        raw: The bytes that carried it.
    """

    def __init__(
        self,
        message: str,
        code: str | int | None = None,
        type: str | None = None,
        param: str | None = None,
        status: int | None = None,
        raw: bytes = b"",
    ) -> None:
        super().__init__(message, code, type, param, status, raw)
        self.message = message
        self.code = code
        self.type = type
        self.param = param
        self.status = status
        self.raw = raw

    def __str__(self) -> str:
        facts = [
            f"{name} {value}"
            for name, value in (("code", self.code), ("type", self.type), ("status", self.status))
            if value is not None
        ]
        return f"{self.message} ({', '.join(facts)})" if facts else self.message


class StreamTruncatedError(SSEWireError):
    """The stream ended before its end was told, or not in the way that was asked for."""


class StreamInterruptedError(StreamTruncatedError):
    """The transport broke in the middle of the stream; `__cause__` is the client's exception."""


class StreamStalledError(StreamTruncatedError):
    """The stream made no progress for too long: nothing came, or nothing but comments and keep-alive events.

    Attributes:
        idle_timeout: The limit in seconds: `idle_timeout`, or `first_event_timeout` before the first event.
        waited: How long the stream waited for its source since the last progress, in seconds.
    """

    def __init__(self, idle_timeout: float, waited: float) -> None:
        super().__init__(idle_timeout, waited)
        self.idle_timeout = idle_timeout
        self.waited = waited

    def __str__(self) -> str:
        return f"no progress for {self.waited:.3g} s (limit: {self.idle_timeout:g} s)"


class EmptyStreamError(SSEWireError):
    """The body ended without a single event."""


class NotAnEventStreamError(SSEWireError):
    """The body is no event stream: HTML, plain text, JSON without an `error`.

    Attributes:
        status: The HTTP status, or None where the source has none.
        headers: The response's headers, or None where the source has none.
        body: The start of the body, at most 65,536 bytes.
    """

    def __init__(
        self, status: int | None = None, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        super().__init__(status, headers, body)
        self.status = status
        self.headers = headers
        self.body = body

    def __reduce__(self) -> tuple[Any, ...]:
        # The mappings of some clients do not pickle.
        headers = None if self.headers is None else dict(self.headers)
        state = vars(self) | {"headers": headers}
        return type(self), (self.status, headers, self.body), state

    def __str__(self) -> str:
        status = "" if self.status is None else f" (status {self.status})"
        return f"not an event stream{status}: {_shown(self.body)}"


class CaptureError(SSEWireError):
    """What was recorded cannot be read as it should be, or ends here though the body did not."""


class ForeignFileError(CaptureError):
    """A file is of none of the forms that hold captures, or not of the one that its name tells."""


class NoCaptureError(SSEWireError):
    """No capture answers a request, and nothing else does.

    Attributes:
        method: The request's method.
        url: Its URL, without credentials.
        reason: Why none does.
    """

    def __init__(self, method: str, url: str, reason: str = "") -> None:
        super().__init__(method, url, reason)
        self.method = method
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"no capture answers {self.method} {self.url}: {self.reason}"


def _shown(raw: bytes) -> str:
    shown = repr(raw[: 4 * SHOWN_CHARS].decode(errors="replace"))
    return shown if len(shown) <= SHOWN_CHARS else shown[:SHOWN_CHARS] + "…"
