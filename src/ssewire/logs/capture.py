"""What was recorded of one response goes in; its reads, its head, its end and a stream over it come out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from ssewire._dialects import DIALECTS
from ssewire.errors import CaptureError
from ssewire.logs.detection import with_dialect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire._dialects import DialectName
    from ssewire._stream import Stream

    Read = tuple[float | None, bytes]

Headers = tuple[tuple[str, str], ...]
"""Pairs of name and value."""

EOF: Final = "eof"
CLOSED: Final = "closed"
ERROR: Final = "error"
CUT: Final = "cut"
UNKNOWN: Final = "unknown"
WAYS: Final = (EOF, CLOSED, ERROR, CUT, UNKNOWN)
"""How a capture can end."""


class RequestHead(msgspec.Struct, frozen=True):
    """What was asked.

    Attributes:
        method: The HTTP method.
        url: The whole URL; credentials in it are redacted.
        headers: Pairs of name and value, in order; credentials are redacted.
        body: The body, or None where it is not known.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None


class ResponseHead(msgspec.Struct, frozen=True):
    """How the answer began.

    Attributes:
        status: The HTTP status.
        headers: Pairs of name and value, in order; credentials are redacted. They are what was sent: where
            they name a content encoding, the reads are what the client had decoded.
        http_version: Such as `HTTP/1.1`, or None where it is not known.
    """

    status: int
    headers: Headers = ()
    http_version: str | None = None


class Head(msgspec.Struct, frozen=True):
    """What is known of a capture beside its bytes.

    Attributes:
        request: What was asked, or None where it is not known.
        response: How the answer began, or None where it is not known.
        began: When the recording began, as ISO 8601 in UTC, or None where it is not known.
        origin: What the capture comes from: `recorded`, `sse`, `vcr`, `har`, `jsonl`.
        unknown: What that could not tell: `times` (when the reads came), `reads` (how the body was cut),
            `bytes` (the exact bytes: they were text in between), `end` (how the body ended).
    """

    request: RequestHead | None = None
    response: ResponseHead | None = None
    began: str | None = None
    origin: str = "recorded"
    unknown: tuple[str, ...] = ()


class End(msgspec.Struct, frozen=True):
    """How a capture ended.

    Attributes:
        how: `eof`: the body ended. `closed`: the reader closed it first. `error`: the transport broke.
            `cut`: the recording ends here, the body perhaps did not. `unknown`: an import cannot tell.
        seconds: When, on the clock of the reads, or None.
        error: What broke the transport, in the client's words.
        problem: What is wrong with the capture itself: why it is cut, or what the recording lost.
        lost_reads: How many reads could not be written.
        lost_bytes: How many bytes they had.
    """

    how: str = UNKNOWN
    seconds: float | None = None
    error: str | None = None
    problem: str | None = None
    lost_reads: int = 0
    lost_bytes: int = 0

    @property
    def broken(self) -> bool:
        """Whether the end of the bytes is known not to be the end of the body."""
        return self.how in (CLOSED, ERROR, CUT) or self.lost_reads > 0


class PassingReads(ABC):
    """The reads of a capture while they are read from somewhere, once."""

    def __init__(self) -> None:
        self.begun = False
        """A read has been asked for."""
        self.size = 0
        """How many bytes have been read so far."""
        self._end: End | None = None
        self._ahead: deque[Read] = deque()  # read to find the end, and not yet handed out
        self._over = False  # all have been handed out
        self._gone = False  # the reading has moved on to the next capture

    @abstractmethod
    def advance(self) -> Read | End:
        """The next read, or the end; counts its bytes."""

    def __iter__(self) -> Self:
        if self._over:
            raise RuntimeError("the reads of this capture have passed by; load() keeps them")
        return self

    def __next__(self) -> Read:
        if self._gone:
            raise RuntimeError("the reading has moved on to the next capture; load() keeps the reads")
        self.begun = True
        if self._ahead:
            return self._ahead.popleft()
        if self._end is None:
            found = self.advance()
            if not isinstance(found, End):
                return found
            self._end = found
        self._over = True
        raise StopIteration

    def ahead(self) -> Iterator[Read]:
        """Look at the reads to come; they stay."""
        yield from self._ahead
        while (found := self._next()) is not None:
            self._ahead.append(found)
            yield found

    def finish(self) -> End:
        """Read on to the end; what comes before it is kept until it is asked for."""
        while self._end is None:
            if (found := self._next()) is not None:
                self._ahead.append(found)
        return self._end

    def skip(self) -> None:
        """Leave out what has not been read."""
        self._gone = not self._over
        self.begun = self._over = True
        self._ahead.clear()
        while self._next() is not None:
            pass

    def _next(self) -> Read | None:
        found = self.advance() if self._end is None else self._end
        if isinstance(found, End):
            self._end = found
            return None
        return found


class Capture:
    """One recorded response: its head, its reads, and how it ended.

    A capture from a file is read from it while it is iterated over, once, and in constant memory. Asking for
    the next capture of that file leaves out what has not been read of this one. `load()` keeps the reads,
    and so do `body` and captures that were made from lists: these can be read again and again.

    Args:
        head: What is known beside the bytes.
        reads: Pairs of the seconds since the recording began (None where they are not known) and the bytes.
        end: How it ended.
    """

    def __init__(self, head: Head, reads: Iterable[Read], end: End | None = None) -> None:
        self.head = head
        self._passing: PassingReads | None = None
        self._kept: list[Read] = []
        self._end = End() if end is None else end
        if isinstance(reads, PassingReads):
            self._passing = reads
        else:
            self._kept = list(reads)

    @property
    def reads(self) -> Iterable[Read]:
        """Pairs of seconds and bytes, as they came.

        Raises, while iterating:
            RuntimeError: They have passed by.
            OSError: The file cannot be read on.
        """
        return self._kept if self._passing is None else self._passing

    @property
    def end(self) -> End:
        """How it ended. To know it, the reads up to there are kept in memory until they are read."""
        return self._end if self._passing is None else self._passing.finish()

    def load(self) -> Self:
        """Keep the reads in memory, so that they can be read again and again; returns the capture.

        Raises:
            RuntimeError: Some of them have passed by.
        """
        if self._passing is not None:
            if self._passing.begun:
                raise RuntimeError("reads of this capture have passed by; load it before it is read")
            self._kept = list(self._passing)
            self._end = self._passing.finish()
            self._passing = None
        return self

    @property
    def body(self) -> bytes:
        """All bytes; the capture is loaded."""
        return b"".join(data for _, data in self.load().reads)

    @property
    def size(self) -> int:
        """How many bytes have been read of it so far."""
        return sum(len(data) for _, data in self._kept) if self._passing is None else self._passing.size

    def skip(self) -> End:
        """Leave out what has not been read; returns how it ended."""
        if self._passing is not None:
            self._passing.skip()
        return self.end

    def detect_dialect(self) -> DialectName | None:
        """Tell from its first events what to read it as; None where none tells. No read is lost by that.

        Raises:
            OSError: The file cannot be read.
        """
        reads = self._kept if self._passing is None else self._passing.ahead()
        return with_dialect(iter(reads), _data_of)[0]

    def stream(self, dialect: DialectName | None = None, **options: Any) -> Stream[Any, Any]:
        """A stream over the reads, without waiting; its `timing` is that of the recording.

        Where the bytes are known not to be the whole body (`end.broken`), the stream is broken off behind
        them, as by its transport. Times that are not known are NaN.

        Args:
            dialect: What to read it as; by default its first events tell, and `chat` where they do not.
            **options: The stream's own, such as `malformed` or `max_event_size`.

        Raises:
            RuntimeError: Some of the reads have passed by.
            ValueError: There is no such dialect.
            OSError: The file cannot be read.
        """
        if self._passing is not None and self._passing.begun:
            raise RuntimeError("the reads of this capture have passed by; load() keeps them")
        clock = _Clock()
        row = DIALECTS[dialect or self.detect_dialect() or "chat"]
        options.setdefault("clock", clock)
        return row.stream(_Source(self, iter(self.reads), clock), **options)

    def __repr__(self) -> str:
        request = self.head.request
        asked = "" if request is None else f" {request.method} {request.url}"
        return f"<Capture{asked} ({self.head.origin})>"


def _data_of(read: Read) -> bytes:
    return read[1]


class _Clock:
    """Tells the time of the read at hand."""

    def __init__(self) -> None:
        self.now: float | None = 0.0

    def __call__(self) -> float:
        return math.nan if self.now is None else self.now


class _Source:
    """A capture as a source of a stream: it sets the clock, and breaks where the capture does."""

    def __init__(self, capture: Capture, reads: Iterator[Read], clock: _Clock) -> None:
        response = capture.head.response
        self.status = None if response is None else response.status
        self.headers = None if response is None else dict(response.headers)
        self._capture = capture
        self._reads = reads
        self._clock = clock

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        for seconds, data in self._reads:
            self._clock.now = seconds
            return data
        end = self._capture.end
        if end.broken:
            raise broken_off(end)
        raise StopIteration


def broken_off(end: End) -> CaptureError:
    """What to raise behind the reads of a capture that does not have the whole body."""
    if end.lost_reads:
        return CaptureError(f"the recording lost {end.lost_bytes} bytes from here on: {end.problem}")
    if end.how == CUT:
        return CaptureError(f"the capture is cut: {end.problem}")
    if end.how == CLOSED:
        return CaptureError("the reader closed the response here")
    return CaptureError(f"the recorded transport broke: {end.error}")
