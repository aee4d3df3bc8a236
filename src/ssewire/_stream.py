"""A source goes in; typed events, the final object and the verdict come out: a parser that reads itself."""

from __future__ import annotations

import contextlib
import time
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar

from ssewire._merge import REPLACEMENT, join_halves
from ssewire._part_events import AsyncPartEvents, PartEvents, Telling
from ssewire._source import AsyncSource, Source, open_async_source, open_source
from ssewire._stalling import AsyncIdleLimit, IdleLimit
from ssewire._timing import Stopwatch, Timing
from ssewire._wire.tokenizer import DEFAULT_MAX_EVENT_BYTES
from ssewire.errors import SSEWireError, StreamInterruptedError, StreamStalledError
from ssewire.events import Diagnostic, Verdict
from ssewire.message import in_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ssewire._parser import Malformed, Parser
    from ssewire.message import Message

E = TypeVar("E")
S = TypeVar("S")

DRAIN_SECONDS: Final = 0.1
"""How long an async stream reads on behind the end mark, so that an HTTP/1.1 connection can be reused."""


class _Stream(Generic[E, S]):
    """What the two kinds of stream share: all but the reading."""

    parser_class: ClassVar[type[Parser[Any, Any]]]
    other_class: ClassVar[str]  # the name of the class for the other kind of source
    idle_limit_class: ClassVar[type[IdleLimit]]

    # For `__del__`, should `__init__` raise:
    _source: Any = None
    _idle: Any = None

    def __init__(
        self,
        source: Any,
        *,
        type: type[E] | None = None,
        max_event_size: int | None = DEFAULT_MAX_EVENT_BYTES,
        malformed: Malformed = "raise",
        strict: bool = False,
        idle_timeout: float | None = None,
        first_event_timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a source.

        Args:
            source: A response of httpx, httpx2, requests or aiohttp, an iterable of bytes, or bytes. The
                stream closes it: at the end, at an error, and at the latest with the stream.
            type: The event type to decode into: the dialect's own, or a subclass with more fields.
            max_event_size: The largest event in bytes; None for no limit.
            malformed: What to do with an event that does not decode: `"raise"` an `EventDecodeError`,
                `"skip"` it, or call a function with its data and the error. Skipped ones are counted in
                `diagnostics`. A terminal event of the Responses API of which only the response does not
                decode counts as one when that is looked at: then what was streamed stands for it.
            strict: Let `result()` return for a complete stream only.
            idle_timeout: The longest time without progress in seconds, after which a `StreamStalledError`
                ends the stream; None for any. Comments and keep-alive events are no progress, and time that
                the caller spends between two events does not count. An async stream wakes up when the time is
                used up (on an asyncio loop); any other looks when a read returns, and leaves total silence to
                the read timeout of the client.
            first_event_timeout: The same for the first event, for which many models take longer; by default,
                `idle_timeout`.
            clock: Gives the time in seconds; called once a read, and once more with a timeout.

        Raises:
            TypeError: The source is none, or is one for the other kind of stream; or `type` is no subclass of
                the dialect's own.
            ValueError: `malformed`, `max_event_size` or a timeout is none that there is.
        """
        parser = self.parser_class(
            type=type, max_event_size=max_event_size, malformed=malformed, strict=strict
        )
        self._begin(source, parser, clock, idle_timeout, first_event_timeout)

    def _begin(
        self,
        source: Any,
        parser: Parser[E, S],
        clock: Callable[[], float],
        idle_timeout: float | None,
        first_event_timeout: float | None,
    ) -> None:
        """Set the state: all of it is here."""
        for timeout in (idle_timeout, first_event_timeout):
            if timeout is not None and not timeout > 0:
                raise ValueError(f"a timeout is a positive number of seconds or None, not {timeout!r}")
        self._source = self._open(source)
        self._parser = parser
        self._parser.status = self._source.status
        self._parser.headers = self._source.headers
        self._clock = clock
        self._stopwatch = self._parser.stopwatch = Stopwatch(clock())
        self._over = False  # nothing more is handed out
        self._telling: Telling[E] | None = None  # of the parts, once somebody asks
        self._idle = None
        if idle_timeout is not None or first_event_timeout is not None:
            self._idle = self.idle_limit_class(self._source.read, clock, idle_timeout, first_event_timeout)

    def _open(self, source: Any) -> Any:
        """Recognise the source."""

    # -- what has arrived --------------------------------------------------------------------------------

    def snapshot(self) -> S:
        """What has arrived so far. What was handed out before is never altered."""
        return self._parser.snapshot()

    def message(self, choice: int = 0) -> Message:
        """What has arrived so far of one choice, as a neutral message.

        The order of texts and calls of a chat stream is known if `parts()` was iterated over from its start;
        otherwise reasoning comes first, then the text, then the calls.
        """
        message = self._parser.message(choice)
        return message if self._telling is None else in_order(message, self._telling.parts.parts(choice))

    @property
    def verdict(self) -> Verdict:
        """How the stream ended, or `open`."""
        return self._parser.verdict

    @property
    def usage(self) -> Any:
        """The provider's usage object as last sent, or None."""
        return self._parser.usage

    @property
    def model(self) -> str | None:
        """The name of the model that answers, or None."""
        return self._parser.model

    @property
    def created(self) -> float | None:
        """When the answer was created, in seconds since 1970, or None."""
        return self._parser.created

    @property
    def timing(self) -> Timing:
        """When things arrived."""
        self._parser.fold()
        return self._stopwatch.timing()

    @property
    def time_to_first_token(self) -> float | None:
        """That of `timing`, which also lists the gaps: a long stream has many."""
        self._parser.fold()
        return self._stopwatch.time_to_first_token()

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was unusual, each thing once with its count."""
        return self._parser.diagnostics

    # -- half steps --------------------------------------------------------------------------------------

    def _push_interruption(self, error: Exception) -> None:
        """The source broke with `error`, or nobody waits for it any longer."""
        if isinstance(error, StreamStalledError):
            self._push_end(broken=True, cause=error)
            return
        interrupted = StreamInterruptedError(f"the transport broke: {str(error) or type(error).__name__}")
        interrupted.__cause__ = error
        self._push_end(broken=True, cause=interrupted)

    def _push_end(self, *, broken: bool = False, cause: SSEWireError | None = None) -> None:
        """The source has ended."""
        self._parser.push_end(broken=broken, cause=cause)

    def _begin_telling(self) -> Telling[E]:
        if self._telling is None:
            self._telling = Telling(self.parser_class.dialect.parts())
        return self._telling

    def _note_progress(self, event: E) -> None:
        """An event is handed out, and time is limited."""
        if not isinstance(event, self.parser_class.dialect.keepalive):
            self._idle.progress()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.verdict.value}>"


class Stream(_Stream[E, S]):
    """Iterates over the typed events of a response; read without `await`."""

    idle_limit_class = IdleLimit

    def _open(self, source: Any) -> Source:
        return open_source(source, self.other_class)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> E:
        parser = self._parser
        for event in parser.ready:
            return event
        if self._over:
            raise StopIteration
        idle = self._idle
        try:
            while True:
                if not parser.plain:
                    found = parser.pull()
                    if found is not None:
                        if idle is not None:
                            self._note_progress(found)
                        return found
                    if parser.verdict is not Verdict.OPEN:
                        with contextlib.suppress(Exception):  # that tells nothing of the stream
                            self.close()
                        raise StopIteration
                try:
                    data = next(self._source.reads, None) if idle is None else idle.read()
                except Exception as error:
                    self._push_interruption(error)
                    continue
                if data:
                    found = parser.take(data, self._clock())
                    if found is not None:
                        if idle is not None:
                            self._note_progress(found)
                        return found
                elif data is None:
                    self._push_end()
        except StopIteration:
            raise
        except BaseException:
            with contextlib.suppress(Exception):  # the error at hand is the one to tell
                self.close()
            raise

    def raw(self) -> RawEvents[E, S]:
        """Iterate over pairs of an event and the data that it was decoded from."""
        return RawEvents(self)

    def parts(self) -> PartEvents[E]:
        """Iterate over what the events tell of the parts of the answer: the same for every API.

        Called again, it goes on where it was.
        """
        return PartEvents(self, self._begin_telling())

    def text(self, choice: int = 0) -> TextDeltas[E, S]:
        """Iterate over the pieces of text of one choice's answer, none of them empty."""
        return TextDeltas(self, choice)

    def result(self) -> S:
        """Read what is left and return the final object.

        Raises:
            ProviderError: The provider sent an error.
            StreamTruncatedError: The stream was cut, was closed before its end, or, with `strict`, is not
                complete. `StreamInterruptedError` where the transport broke.
            EmptyStreamError: There was no event.
            NotAnEventStreamError: The body is no event stream.
            EventDecodeError, EventTooLargeError: An event is malformed or too large.
        """
        for _ in self:
            pass
        return self._parser.result()

    def close(self) -> None:
        """Close the source. What has arrived stays; a stream that has not ended is `closed`. Idempotent."""
        self._over = True
        self._parser.abandon()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._source is not None and self._source.holds:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            with contextlib.suppress(Exception):
                self._source.close()


class AsyncStream(_Stream[E, S]):
    """Iterates over the typed events of a response; read with `await`."""

    idle_limit_class = AsyncIdleLimit

    def _open(self, source: Any) -> AsyncSource:
        return open_async_source(source, self.other_class)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        parser = self._parser
        for event in parser.ready:
            return event
        if self._over:
            raise StopAsyncIteration
        idle = self._idle
        try:
            while True:
                if not parser.plain:
                    found = parser.pull()
                    if found is not None:
                        if idle is not None:
                            self._note_progress(found)
                        return found
                    if parser.verdict is not Verdict.OPEN:
                        await self._drain()
                        with contextlib.suppress(Exception):  # that tells nothing of the stream
                            await self.aclose()
                        raise StopAsyncIteration
                try:
                    data = await (self._source.read() if idle is None else idle.read_in_time())
                except Exception as error:
                    self._push_interruption(error)
                    continue
                if data:
                    found = parser.take(data, self._clock())
                    if found is not None:
                        if idle is not None:
                            self._note_progress(found)
                        return found
                elif data is None:
                    self._push_end()
        except StopAsyncIteration:
            raise
        except BaseException:
            with contextlib.suppress(Exception):  # the error at hand is the one to tell
                await self.aclose()
            raise

    async def _drain(self) -> None:
        """Read on behind the end mark for a moment: an HTTP/1.1 connection is reusable once it is drained."""
        import asyncio  # whoever awaits has paid for it

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # another kind of loop, which has other timeouts
        if not self._source.holds:
            return
        deadline = loop.time() + DRAIN_SECONDS
        with contextlib.suppress(Exception):
            async with asyncio.timeout_at(deadline):
                # The timeout cannot interrupt a source that never waits.
                while not self._source.ended and loop.time() < deadline:
                    self._parser.push(await self._source.read() or b"")

    def raw(self) -> AsyncRawEvents[E, S]:
        """Iterate over pairs of an event and the data that it was decoded from."""
        return AsyncRawEvents(self)

    def parts(self) -> AsyncPartEvents[E]:
        """Iterate over what the events tell of the parts of the answer: the same for every API.

        Called again, it goes on where it was.
        """
        return AsyncPartEvents(self, self._begin_telling())

    def text(self, choice: int = 0) -> AsyncTextDeltas[E, S]:
        """Iterate over the pieces of text of one choice's answer, none of them empty."""
        return AsyncTextDeltas(self, choice)

    async def result(self) -> S:
        """Read what is left and return the final object.

        Raises:
            ProviderError: The provider sent an error.
            StreamTruncatedError: The stream was cut, was closed before its end, or, with `strict`, is not
                complete. `StreamInterruptedError` where the transport broke.
            EmptyStreamError: There was no event.
            NotAnEventStreamError: The body is no event stream.
            EventDecodeError, EventTooLargeError: An event is malformed or too large.
        """
        async for _ in self:
            pass
        return self._parser.result()

    async def aclose(self) -> None:
        """Close the source. What has arrived stays; a stream that has not ended is `closed`. Idempotent."""
        self._over = True
        self._parser.abandon()
        if self._idle is not None:
            self._idle.stop()
        await self._source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if self._idle is not None:
            self._idle.stop()  # the loop keeps the timer, which knows the source
        if self._source is not None and self._source.holds:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)


# -- other ways to iterate -------------------------------------------------------------------------------


class RawEvents(Generic[E, S]):
    """Iterates over the events of a stream with their data."""

    def __init__(self, stream: Stream[E, S]) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[E, bytes]:
        return next(self._stream), self._stream._parser.raw


class AsyncRawEvents(Generic[E, S]):
    """Iterates over the events of a stream with their data."""

    def __init__(self, stream: AsyncStream[E, S]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[E, bytes]:
        return await anext(self._stream), self._stream._parser.raw


class _Text(Generic[E]):
    """Finds the text in events, and holds back half a character until its other half comes."""

    def __init__(self, text_of: Callable[[E, int], str], choice: int) -> None:
        self._text_of = text_of
        self._choice = choice
        self._half = ""

    def take(self, event: E) -> str:
        """The text that an event brings."""
        text, self._half = join_halves(self._half + self._text_of(event, self._choice))
        return text

    def end(self) -> str:
        """The text that the end brings: half a character that stayed alone."""
        half, self._half = self._half, ""
        return REPLACEMENT if half else ""


class TextDeltas(Generic[E, S]):
    """Iterates over the text of a stream."""

    def __init__(self, stream: Stream[E, S], choice: int) -> None:
        self._stream = stream
        self._text: _Text[E] = _Text(stream.parser_class.dialect.text_of, choice)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        for event in self._stream:
            if text := self._text.take(event):
                return text
        if text := self._text.end():
            return text
        raise StopIteration


class AsyncTextDeltas(Generic[E, S]):
    """Iterates over the text of a stream."""

    def __init__(self, stream: AsyncStream[E, S], choice: int) -> None:
        self._stream = stream
        self._text: _Text[E] = _Text(stream.parser_class.dialect.text_of, choice)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        async for event in self._stream:
            if text := self._text.take(event):
                return text
        if text := self._text.end():
            return text
        raise StopAsyncIteration
