"""A Responses stream that was cut goes in, with what connects anew; its events go on where they were cut.

The server numbers the events of a response that runs in the background, and sends those behind a number to
whoever asks: `GET /v1/responses/{id}?stream=true&starting_after=N`.
https://platform.openai.com/docs/guides/background
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar

from ssewire._parser import Parser
from ssewire._source import AsyncSource, Source, open_async_source, open_source
from ssewire._stream import _Stream
from ssewire.errors import ProviderError, SSEWireError, StreamTruncatedError
from ssewire.events import Verdict
from ssewire.responses.dialect import AnyEvent
from ssewire.responses.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire._wire.tokenizer import ServerSentEvent
    from ssewire.responses.reducer import ResponsesReducer

DEFAULT_ATTEMPTS: Final = 3
"""How many connections in a row may bring nothing new."""


class Resumption:
    """What connects anew, and how often it may.

    Args:
        connect: Gets a sequence number, and gives a source of what comes after it.
        attempts: How many connections in a row may bring nothing new.

    Raises:
        ValueError: No attempt at all is none.
    """

    def __init__(self, connect: Callable[[int], Any], attempts: int) -> None:
        if attempts < 1:
            raise ValueError(f"attempts is 1 or more, not {attempts}")
        self.connect = connect
        self.after: int | None = None
        """The number to go on after; None unless the body was cut."""
        self.mistake: TypeError | None = None
        """`connect` gave what is no source for the stream."""
        self.cause: SSEWireError | None = None
        """What broke the last connection that broke, of those that brought nothing new."""
        self._attempts = self._left = attempts
        self._reached: int | None = None

    def begin(self, number: int) -> bool:
        """The body was cut after that number; returns whether there is another attempt."""
        if number != self._reached:
            self._reached, self._left, self.cause = number, self._attempts, None
        if not self._left:
            return False
        self._left -= 1
        self.after = number
        return True

    def refuse(self, made: Any, error: TypeError) -> None:
        """What was made is no source for the stream: no transport broke, and to try on is no help."""
        self.mistake = error
        with contextlib.suppress(Exception):  # it may be anything
            made.close()


class ResumableParser(Parser[AnyEvent, Response]):
    """A parser that takes another body where one was cut."""

    resumption: Resumption | None = None
    """How a stream goes on by itself, if it does."""
    _responses: ResponsesReducer
    _resumed = False

    def resume(self) -> int:
        """The transport broke: take another body, which goes on where this one did.

        What has come of an event that was cut is dropped, and so are events that the server repeats. Numbers
        that are missing are noted in `diagnostics`.

        Returns:
            The sequence number of the last event. Ask the server for what comes after it.

        Raises:
            StreamTruncatedError: The server does not number its events, or none has come.
            RuntimeError: The server has told the end of the stream, or that it failed.
        """
        if self.verdict is Verdict.OPEN:
            self.abandon()
        # A refusal of an earlier resumption is no event.
        if self._responses.finished or (isinstance(self._failure, ProviderError) and self._seen):
            raise RuntimeError(f"there is nothing to resume: the stream is {self.verdict}")
        number = self._last_number()
        self._go_on_after(number)
        return number

    def _last_number(self) -> int:
        """The number to go on after. Raises StreamTruncatedError."""
        number = self._responses.sequence_number
        if number is None:
            reason = "no event had a sequence number"
        elif self._responses.disordered:
            reason = "its sequence numbers are out of order"
        else:
            return number
        raise self._told(StreamTruncatedError(f"the stream cannot be resumed: {reason}")) from self._failure

    def _go_on_after(self, number: int) -> None:
        self._log.note("resumed", f"after sequence number {number}")
        self._responses.resume()
        self._came_before = self._responses.came_before
        self._resumed = True
        self._reopen()

    def _is_whole(self, wire: ServerSentEvent) -> bool:
        if not super()._is_whole(wire):
            return False
        event, _ = self._decode(wire.data, wire.event)
        # Of one without a type, the line that names it may have been to come.
        return getattr(event, "type", None) != "message"

    def _settle(
        self, *, ended: bool = False, broken: bool = False, cause: SSEWireError | None = None
    ) -> None:
        super()._settle(ended=ended, broken=broken, cause=cause)
        if self._resumed and self.verdict is Verdict.EMPTY:
            self.verdict = Verdict.TRUNCATED  # of the response, something has come
        # Whatever the error: the page of a gateway, too, may be followed by the rest at the next attempt.
        if self.verdict is not Verdict.TRUNCATED or self.resumption is None:
            return
        try:
            number = self._last_number()
        except StreamTruncatedError as error:
            self._log.note("not_resumable", str(error))
            return
        more = self.resumption.begin(number)
        self.resumption.cause = self._failure or self.resumption.cause
        if more:
            self._go_on_after(number)
        elif self.resumption.cause is not None:
            self._fail(self.resumption.cause, Verdict.TRUNCATED)


class Reads:
    """The reads of a source, and of those that are connected to where it was cut.

    Args:
        source: What is read first.
        parser: What is told of the connections.
        resumption: What connects.
        other: The class that reads what has to be awaited.
    """

    def __init__(self, source: Source, parser: ResumableParser, resumption: Resumption, other: str) -> None:
        self._reads = source.reads
        self._parser = parser
        self._resumption = resumption
        self._other = other
        self._open = contextlib.ExitStack()
        self._open.callback(source.close)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        after, self._resumption.after = self._resumption.after, None
        if after is not None:
            with contextlib.suppress(Exception):  # it is broken
                self._open.close()
            made = self._resumption.connect(after)
            if hasattr(made, "__enter__"):
                made = self._open.enter_context(made)
            try:
                source = open_source(made, self._other)
            except TypeError as error:
                self._resumption.refuse(made, error)
                raise
            self._open.callback(source.close)
            self._parser.status, self._parser.headers = source.status, source.headers
            self._reads = source.reads
        return next(self._reads)

    def close(self) -> None:
        """Close what is open."""
        self._open.close()


class AsyncReads:
    """The reads of a source, and of those that are connected to where it was cut. As `Reads`."""

    def __init__(
        self, source: AsyncSource, parser: ResumableParser, resumption: Resumption, other: str
    ) -> None:
        self._source = source
        self._parser = parser
        self._resumption = resumption
        self._other = other
        self._open = contextlib.AsyncExitStack()
        self._open.push_async_callback(source.aclose)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        after, self._resumption.after = self._resumption.after, None
        if after is not None:
            with contextlib.suppress(Exception):  # it is broken
                await self._open.aclose()
            made = self._resumption.connect(after)
            if hasattr(made, "__await__") and not hasattr(made, "__aenter__"):
                made = await made
            if hasattr(made, "__aenter__"):
                made = await self._open.enter_async_context(made)
            try:
                self._source = open_async_source(made, self._other)
            except TypeError as error:
                self._resumption.refuse(made, error)
                raise
            self._open.push_async_callback(self._source.aclose)
            self._parser.status, self._parser.headers = self._source.status, self._source.headers
        data = await self._source.read()
        if data is None:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """Close what is open."""
        await self._open.aclose()


P = TypeVar("P", bound=ResumableParser)


class ResumableStream(_Stream[AnyEvent, Response], Generic[P]):
    """What the two kinds of stream that can be resumed share."""

    _parser: P
    reads_class: ClassVar[type[Reads | AsyncReads]]

    def resume(self, connect: Callable[[int], Any], *, attempts: int = DEFAULT_ATTEMPTS) -> Self:
        """Go on where the transport breaks, or has broken, as if it had not.

        A running stream connects whenever it is cut from now on; one that was cut is `open` again, connects
        at its next step, and whenever it is cut again. Nothing is awaited here. No event is lost and none
        comes twice: what has come of an event that was cut is dropped, and so are events that the server
        repeats. `diagnostics` has each resumption, and numbers that are missing. A stream that stalled
        (`idle_timeout`) goes on as one that broke. Waiting before a further attempt is up to `connect`.

        Args:
            connect: Gets the sequence number of the last event, and gives a source of what comes after it: a
                response, or a context manager of one, such as `client.stream("GET", ...)` is; an async
                stream also takes a coroutine. The stream closes it. What it raises is a transport that broke;
                the TypeError for what is no source of the stream's kind is raised by the step that asked.
            attempts: How many connections in a row may bring nothing new. Then, and where the server does
                not number its events, the error is raised as without this; the stream can be resumed again.

        Returns:
            The stream.

        Raises:
            StreamTruncatedError: The stream was cut, and cannot be resumed: the server does not number its
                events, or none has come.
            RuntimeError: The server has told the end of the stream, or that it failed.
            ValueError: `attempts` is less than 1.
        """
        resumption = Resumption(connect, attempts)
        parser = self._parser
        if parser.verdict is not Verdict.OPEN:
            resumption.begin(parser.resume())
            self._over = False
            if self._telling is not None:
                self._telling.parts.reopen()
        parser.resumption = resumption
        self._source = self._open(self.reads_class(self._source, parser, resumption, self.other_class))
        if self._idle is not None:
            self._idle.restart(self._source.read)
        return self

    def _push_interruption(self, error: Exception) -> None:
        resumption = self._parser.resumption
        if resumption is not None and error is resumption.mistake:
            raise error
        super()._push_interruption(error)

    def _push_end(self, *, broken: bool = False, cause: SSEWireError | None = None) -> None:
        super()._push_end(broken=broken, cause=cause)
        if self._idle is not None:
            self._idle.restart(self._source.read)
