"""Bytes in any cutting go in, server-sent events come out, each at the read that completes it.

The standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
It gives a meaning to every byte sequence, so no content raises; only the size limit does.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import msgspec

from ssewire.errors import EventTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_MAX_EVENT_BYTES: Final = 16 * 2**20
MAX_REPORTED_BYTES: Final = 64 * 2**10
"""What the callbacks get of a comment, of a field's name and of its value."""
MAX_RETRY_DIGITS: Final = 640
"""The longest reconnection time that is read; the shortest limit on integers that Python allows."""

_BOM: Final = b"\xef\xbb\xbf"
_CR: Final = 0x0D
_LF: Final = 0x0A
_SPACE: Final = b" "


class ServerSentEvent(msgspec.Struct, frozen=True, gc=False):
    """One dispatched event.

    Attributes:
        data: The data as received, its lines joined with LF; may hold invalid UTF-8.
        event: The event type; `message` when the stream named none.
        id: The last event ID at the dispatch; it stays from event to event until another one is sent.
    """

    data: bytes
    event: str = "message"
    id: str = ""

    @property
    def text(self) -> str:
        """The data as text: UTF-8, each malformed sequence as U+FFFD, as the standard decodes it."""
        return self.data.decode(errors="replace")


class _Line(Enum):
    """What is known of the line that is being read."""

    NAME = auto()  # nothing yet but the start of a field name
    DATA = auto()
    EVENT = auto()
    ID = auto()
    RETRY = auto()
    COMMENT = auto()
    UNKNOWN = auto()


_FIELDS: Final = {b"data": _Line.DATA, b"event": _Line.EVENT, b"id": _Line.ID, b"retry": _Line.RETRY}


class Tokenizer:
    """An incremental parser of one event stream.

    However the bytes are cut into reads, the same events come out in the same order, each at the earliest
    read at which it is complete. The work per byte is constant; the memory is about twice the unfinished
    event. Single-owner: not for several threads at once.

    The size of an event is that of the values of its `data`, `event`, `id` and `retry` lines, and one byte
    for each LF that joins two data lines. Comments and fields without a meaning do not count.

    Args:
        max_event_size: The largest event in bytes; None for no limit.
        on_comment: Called with the bytes after the colon of each comment, at its line end.
        on_unknown_field: Called with the name and the value of each field that the standard ignores, at its
            line end. What the callbacks get is cut at 64 KiB each.

    Raises:
        ValueError: The limit is negative.
    """

    __slots__ = (
        "_after_cr",
        "_closed",
        "_data",
        "_error",
        "_event",
        "_has_data",
        "_held",
        "_id",
        "_limit",
        "_line",
        "_name",
        "_on_comment",
        "_on_unknown_field",
        "_size",
        "_value",
        "_value_begun",
        "fresh",
        "last_event_id",
        "position",
        "retry",
    )

    def __init__(
        self,
        *,
        max_event_size: int | None = DEFAULT_MAX_EVENT_BYTES,
        on_comment: Callable[[bytes], object] | None = None,
        on_unknown_field: Callable[[bytes, bytes], object] | None = None,
    ) -> None:
        if max_event_size is not None and max_event_size < 0:
            raise ValueError(f"max_event_size is a number of bytes or None, not {max_event_size}")
        self.last_event_id = ""
        """The last event ID, as of the last blank line."""
        self.retry: int | None = None
        """The reconnection time in milliseconds, as last sent."""
        self.position = 0
        """How many bytes have been taken."""
        self.fresh = False
        """The last read ended with a blank line, so that the next begins an event; false while in doubt."""

        self._limit = max_event_size
        self._on_comment = on_comment
        self._on_unknown_field = on_unknown_field
        self._closed = False
        self._error: EventTooLargeError | None = None  # found, and to be raised by the next call

        self._held: bytes | None = b""  # what may become a byte order mark; None after the start
        self._after_cr = False  # a LF that comes now belongs to the line end before it

        self._line = _Line.NAME
        self._name = bytearray()  # of the field being read, while undecided or unknown
        self._value = bytearray()  # of the field being read, unless that is data
        self._value_begun = False  # the optional space after the colon is behind us

        self._data = bytearray()  # the data buffer, without its last LF
        self._has_data = False
        self._event = ""  # the event type buffer
        self._id = ""  # the last event ID buffer
        self._size = 0  # of the event being built

    def feed(self, data: bytes | bytearray | memoryview) -> list[ServerSentEvent]:
        """Take the next bytes of the stream and return the events they complete.

        Args:
            data: The next bytes as received; may be empty. They are not kept.

        Raises:
            EventTooLargeError: An event outgrew the limit. Every event before it has been returned.
            RuntimeError: The tokenizer was closed, or has raised.

        Any other exception is a bug in ssewire, a caller's callback, or `TypeError` for what is no bytes.
        """
        event = self.take_plain(data)
        if event is not None:
            return [event]
        events: list[ServerSentEvent] = []
        self.feed_into(data, events)
        if not events:
            self.check()
        return events

    def feed_into(self, data: bytes | bytearray | memoryview, events: list[ServerSentEvent]) -> None:
        """Like `feed`, but append each event to a list, between the callbacks; `check` tells an error."""
        self.check()
        if self._closed:
            raise RuntimeError("the tokenizer is closed")
        if type(data) is not bytes:
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise TypeError(f"feed() takes bytes, not {type(data).__name__}")
            data = bytes(data)
        if not data:
            return
        self.fresh = False
        start = self.position
        self.position = start + len(data)
        if self._held is not None:
            start -= len(self._held)
            data = self._held + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._held = data
                return
            self._held = None
            if data.startswith(_BOM):
                start += len(_BOM)
                data = data[len(_BOM) :]
        if self._after_cr:
            self._after_cr = False
            if data[0] == _LF:
                start += 1
                data = data[1:]
        try:
            lines = self._plain_lines(data)
            if lines is None:
                # Perhaps it is but the end of an unfinished line that keeps the read from being plain.
                cut = data.find(b"\n") + 1
                if 0 < cut < len(data):
                    self._read_lines(data[:cut], start, events)
                    start += cut
                    data = data[cut:]
                    lines = self._plain_lines(data)
            if lines is None:
                self._read_lines(data, start, events)
            else:
                self._read_plain(lines, events)
        except EventTooLargeError as error:
            self._error = error

    def close(self, *, flush: bool = False) -> list[ServerSentEvent]:
        """End the stream. What is unfinished is discarded, as the standard asks.

        Args:
            flush: Treat the end as a line end and a blank line, and so return the unterminated last event.

        Raises:
            EventTooLargeError: As `feed`.
        """
        self.check()
        events: list[ServerSentEvent] = []
        self.fresh = False
        if self._closed:
            return events
        if flush:
            held, self._held = self._held, None
            try:
                self._take(held or b"", self.position - len(held or b""))
                if self._line is not _Line.NAME or self._name:
                    self._end_line(self.position)
            except EventTooLargeError as error:
                self._error = error
                self.check()
            self._dispatch(events)
        self._closed = True
        return events

    def check(self) -> None:
        """Raise the error that the last call left for the next one, if it did."""
        error, self._error = self._error, None
        if error is not None:
            self._closed = True
            self._data.clear()
            self._value.clear()
            raise error

    # -- the fast ways -----------------------------------------------------------------------------------

    def take_plain(self, data: bytes | bytearray | memoryview) -> ServerSentEvent | None:
        """The event that a read is, if it is one and nothing else, as most reads of a live stream are.

        That is a data line and a blank one, behind a line with the event's name perhaps. In all it is a third
        of the cost of the other fast way.
        """
        if not self.fresh or type(data) is not bytes:
            return None
        size = len(data)
        # `13 in data` looks for a byte; `b"\r" in data` would look for a text, and costs five times that.
        if _CR in data:
            data = data.replace(b"\r\n", b"\n")
            if _CR in data:
                return None
        line, _, rest = data.partition(b"\n")  # the cheapest way to see that a read is two lines
        name = "message"
        if rest != b"\n" and line[:7] == b"event: ":
            name = line[7:].decode(errors="replace") or name
            line, _, rest = rest.partition(b"\n")
        if rest != b"\n" or line[:6] != b"data: " or (self._limit is not None and size > self._limit):
            return None
        self.position += size
        return ServerSentEvent(line[6:], name, self._id)

    def skip_comments(self, data: bytes) -> bytes:
        """What follows the comments that a read begins with, for whoever does not want them.

        Servers send a comment and a blank line every few seconds to keep a connection alive.
        """
        at = 0
        while self.fresh and data[at : at + 1] == b":":
            end = data.find(b"\n", at)
            # A CR that is alone ends the comment.
            if end == -1 or _CR in data[at : end - 1]:
                break
            at = end + 1
            if data[at : at + 1] == b"\n":
                at += 1
            elif data[at : at + 2] == b"\r\n":
                at += 2
        if at:
            self.position += at
            return data[at:]
        return data

    def _plain_lines(self, data: bytes) -> list[bytes] | None:
        """The lines of a read that begins with one, whose line ends are all alike and cannot break the limit.

        Most reads are like that: whole events, with LF, or with CRLF throughout. Splitting runs at the speed
        of memory; the exact way costs three times as much an event. The last line is the unfinished one.
        """
        if self._line is not _Line.NAME or self._name:
            return None
        if self._limit is not None and self._size + len(data) > self._limit:
            return None
        if _CR in data:
            data = data.replace(b"\r\n", b"\n")
            if _CR in data:
                return None
        return data.split(b"\n")

    def _read_plain(self, lines: list[bytes], events: list[ServerSentEvent]) -> None:
        """Read lines, the last of which is unfinished."""
        rest = lines.pop()
        # An event that is not finished yet is left to the exact way, which counts its size.
        begun: list[bytes] = []
        while lines and lines[-1]:
            begun.append(lines.pop())
        alike = self._read_alike(lines)
        if alike:
            events += alike
            self.last_event_id = self._id
            self._size = 0
        else:
            self._read_mixed(lines, events)
        self.fresh = bool(lines) and not begun and not rest
        for line in reversed(begun):
            self._read_line(line)
        if rest:
            self._take(rest, self.position - len(rest))

    def _read_alike(self, lines: list[bytes]) -> list[ServerSentEvent] | None:
        """The events of lines that are a data line and a blank one over and over, or those and a name before.

        Nothing is done for a line but to look at it, cut it and keep it: half the cost of reading it by what
        it is.
        """
        if self._has_data or self._event:
            return None
        if len(lines) % 2 == 0 and not any(lines[1::2]):
            datas = lines[::2]
            events = [
                ServerSentEvent(line[6:], "message", self._id) for line in datas if line[:6] == b"data: "
            ]
        elif len(lines) % 3 == 0 and not any(lines[2::3]):
            datas = lines[1::3]
            events = [
                ServerSentEvent(line[6:], name[7:].decode(errors="replace") or "message", self._id)
                for name, line in zip(lines[::3], datas, strict=True)
                if line[:6] == b"data: " and name[:7] == b"event: "
            ]
        else:
            return None
        return events if len(events) == len(datas) else None

    def _read_mixed(self, lines: list[bytes], events: list[ServerSentEvent]) -> None:
        """Read lines, the last of which is a blank one."""
        data: bytes | None = None  # of an event that has had no other data line
        for line in lines:
            if not line:
                if data is None:
                    self._dispatch(events)
                    continue
                events.append(ServerSentEvent(data, self._event or "message", self._id))
                data = None
                self.last_event_id = self._id
                self._event = ""
                self._size = 0
            elif line[:6] == b"data: " and data is None and not self._has_data:
                data = line[6:]
            elif line[:7] == b"event: ":
                self._event = line[7:].decode(errors="replace")
            elif line[:1] != b":" or self._on_comment:
                if data is not None:
                    self._read_line(b"data: " + data)
                    data = None
                self._read_line(line)

    def _read_line(self, line: bytes) -> None:
        """Read a line that is not empty and cannot break the limit."""
        self._take(line, 0)
        self._end_line(0)

    # -- lines -------------------------------------------------------------------------------------------

    def _read_lines(self, data: bytes, start: int, events: list[ServerSentEvent]) -> None:
        """Cut `data`, which begins at the stream's byte `start`, at CR, LF and CRLF."""
        size = len(data)
        at = 0
        # Each search result is kept until it lies behind, so that no byte is searched twice.
        cr = _find(data, b"\r")
        lf = _find(data, b"\n")
        while True:
            end = min(cr, lf)
            self._take(data[at:end], start + at)
            if end == size:
                return
            if self._line is _Line.NAME and not self._name:
                self._dispatch(events)
            else:
                self._end_line(start + end)
            at = end + 1
            if end == lf:
                lf = _find(data, b"\n", at)
                continue
            # A CR ends the line at once; nobody waits to see whether a LF follows.
            if at == size:
                self._after_cr = True
            elif lf == at:
                at += 1
                lf = _find(data, b"\n", at)
            cr = _find(data, b"\r", at)

    def _take(self, part: bytes, start: int) -> None:
        """Take a part of the current line, which begins at the stream's byte `start`."""
        if self._line is _Line.NAME:
            colon = part.find(b":")
            name = part if colon < 0 else part[:colon]
            self._name += name[: MAX_REPORTED_BYTES - len(self._name)]
            if colon < 0:
                return
            self._begin_value(start + colon)
            part = part[colon + 1 :]
            start += colon + 1
        if not self._value_begun and part:
            self._value_begun = True
            # "If value starts with a U+0020 SPACE character, remove it from value." A comment has no value.
            if part.startswith(_SPACE) and self._line is not _Line.COMMENT:
                part = part[1:]
                start += 1
        if self._line is _Line.DATA:
            self._grow(len(part), start)
            self._data += part
        elif self._line is _Line.COMMENT:
            if self._on_comment:
                self._value += part[: MAX_REPORTED_BYTES - len(self._value)]
        elif self._line is _Line.UNKNOWN:
            if self._on_unknown_field:
                self._value += part[: MAX_REPORTED_BYTES - len(self._value)]
        else:
            self._grow(len(part), start)
            self._value += part

    def _begin_value(self, colon: int) -> None:
        """The name is complete: the line has a colon at the stream's byte `colon`, or ends there."""
        self._line = _FIELDS.get(bytes(self._name), _Line.UNKNOWN) if self._name else _Line.COMMENT
        if self._line is not _Line.DATA:
            return
        if self._has_data:
            # "Append the field value to the data buffer, then append a single U+000A LINE FEED (LF)." The
            # last of these goes again at the dispatch, so the LF may wait until another line follows.
            self._grow(1, colon)
            self._data.append(_LF)
        self._has_data = True

    def _grow(self, count: int, start: int) -> None:
        """Count bytes of the event being built, the first of which is the stream's byte `start`."""
        size = self._size + count
        if self._limit is not None and size > self._limit:
            raise EventTooLargeError(self._limit, self._limit + 1, start + self._limit - self._size)
        self._size = size

    def _end_line(self, end: int) -> None:
        """Process the current line, which is not empty and whose end is the stream's byte `end`."""
        if self._line is _Line.NAME:
            # "Process the field using the whole line as the field name, and the empty string as the field
            # value."
            self._begin_value(end)
        line, value = self._line, bytes(self._value)
        name = bytes(self._name)
        self._line = _Line.NAME
        self._value_begun = False
        self._name.clear()
        self._value.clear()
        if line is _Line.EVENT:
            self._event = value.decode(errors="replace")
        elif line is _Line.ID:
            # "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field
            # value. Otherwise, ignore the field."
            if b"\0" not in value:
                self._id = value.decode(errors="replace")
        elif line is _Line.RETRY:
            # "If the field value consists of only ASCII digits": bytes.isdigit, for str.isdigit knows others.
            if value.isdigit():
                digits = value.lstrip(b"0") or b"0"
                if len(digits) <= MAX_RETRY_DIGITS:
                    self.retry = int(digits)
        elif line is _Line.COMMENT:
            if self._on_comment:
                self._on_comment(value)
        elif line is _Line.UNKNOWN and self._on_unknown_field:
            self._on_unknown_field(name, value)

    def _dispatch(self, events: list[ServerSentEvent]) -> None:
        """A blank line: "dispatch the event", https://html.spec.whatwg.org/#dispatchMessage."""
        self.last_event_id = self._id
        if self._has_data:
            events.append(ServerSentEvent(bytes(self._data), self._event or "message", self._id))
            self._data.clear()
            self._has_data = False
        self._event = ""
        self._size = 0


def _find(data: bytes, byte: bytes, start: int = 0) -> int:
    """The offset of the next such byte, or the end of the data."""
    found = data.find(byte, start)
    return len(data) if found < 0 else found
