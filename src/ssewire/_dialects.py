"""The dialects there are: one table, a parser and two streams for each, and how to tell them apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Literal

from ssewire._dialect import provider_error
from ssewire._json import loads
from ssewire._parser import Parser
from ssewire._resuming import AsyncReads, Reads, ResumableParser, ResumableStream
from ssewire._stream import AsyncStream, Stream
from ssewire._wire.tokenizer import DEFAULT_MAX_EVENT_BYTES, Tokenizer
from ssewire.chat.dialect import CHAT
from ssewire.chat.types import ChatCompletion, ChatCompletionChunk
from ssewire.completions.dialect import COMPLETIONS
from ssewire.completions.types import Completion, CompletionChunk
from ssewire.responses.dialect import RESPONSES, AnyEvent, ResponsesDecoder
from ssewire.responses.reducer import ResponsesReducer, ResponsesState
from ssewire.responses.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import TypeVar  # the one with defaults

    from ssewire._dialect import Dialect
    from ssewire._parser import Malformed
    from ssewire.responses.compare import Difference

    # What `type=` says, and otherwise the dialect's own.
    ChatEvent = TypeVar("ChatEvent", bound=ChatCompletionChunk, default=ChatCompletionChunk)
    CompletionsEvent = TypeVar("CompletionsEvent", bound=CompletionChunk, default=CompletionChunk)
else:
    from typing import TypeVar

    ChatEvent, CompletionsEvent = TypeVar("ChatEvent"), TypeVar("CompletionsEvent")

DialectName = Literal["chat", "completions", "responses"]


class ChatParser(Parser[ChatEvent, ChatCompletion]):
    """A parser of Chat Completions streams."""

    dialect = CHAT


class ChatStream(Stream[ChatEvent, ChatCompletion]):
    """A Chat Completions stream over a source that is read without `await`."""

    parser_class = ChatParser
    other_class = "AsyncChatStream"


class AsyncChatStream(AsyncStream[ChatEvent, ChatCompletion]):
    """A Chat Completions stream over a source that is read with `await`."""

    parser_class = ChatParser
    other_class = "ChatStream"


class CompletionsParser(Parser[CompletionsEvent, Completion]):
    """A parser of legacy Completions streams."""

    dialect = COMPLETIONS


class CompletionsStream(Stream[CompletionsEvent, Completion]):
    """A legacy Completions stream over a source that is read without `await`."""

    parser_class = CompletionsParser
    other_class = "AsyncCompletionsStream"


class AsyncCompletionsStream(AsyncStream[CompletionsEvent, Completion]):
    """A legacy Completions stream over a source that is read with `await`."""

    parser_class = CompletionsParser
    other_class = "CompletionsStream"


class ResponsesParser(ResumableParser):
    """A parser of Responses streams."""

    dialect = RESPONSES

    def __init__(
        self,
        *,
        max_event_size: int | None = DEFAULT_MAX_EVENT_BYTES,
        malformed: Malformed = "raise",
        strict: bool = False,
        aliases: Mapping[str, str] | None = None,
        state: ResponsesState | None = None,
    ) -> None:
        """Expect a response.

        Args:
            max_event_size: As for `ChatParser`.
            malformed: As for `ChatParser`.
            strict: As for `ChatParser`.
            aliases: Other names of event types, such as `responses.ALIASES`.
            state: What an earlier parser of the same response knew (`state()`), to go on from: events that it
                has seen are dropped, unless their numbers were out of order, and gaps are noted in
                `diagnostics`. Where the end had come, it has come here, too.

        Raises:
            ValueError: `malformed` or `max_event_size` is none that there is.
        """
        self._state = state
        super().__init__(max_event_size=max_event_size, malformed=malformed, strict=strict)
        if aliases is not None:
            self._decode = ResponsesDecoder(aliases).read
        if state is not None:
            self._came_before = self._responses.came_before
            if state.ending is not None:
                self._end_with(state.ending)

    def _new_reducer(self) -> ResponsesReducer:
        forgive = None if self._malformed == "raise" else self._skip
        self._responses = ResponsesReducer(self._log, state=self._state, forgive=forgive)
        return self._responses

    def _end_with(self, ending: bytes) -> None:
        """The state has the terminal event."""
        event: Any = self._decode(ending, "message")[0]
        error = self._error_of(event, "message", ending)
        if error is not None:
            self._failure = provider_error(error, ending)
        self._settle(ended=True)

    def assembled(self) -> Response:
        """The response folded from everything but the terminal event."""
        self.fold()
        return self._responses.assembled()

    def compare(self) -> list[Difference]:
        """Where what was streamed and the server's own final object differ; nowhere before the end."""
        self.fold()
        return self._responses.compare()

    def state(self) -> ResponsesState:
        """What has arrived, to be saved, and to go on from with another parser."""
        self.fold()
        return self._responses.state()


class _ResponsesStream(ResumableStream[ResponsesParser]):
    """What the two Responses streams have beside what every stream has."""

    parser_class = ResponsesParser

    def __init__(
        self,
        source: Any,
        *,
        max_event_size: int | None = DEFAULT_MAX_EVENT_BYTES,
        malformed: Malformed = "raise",
        strict: bool = False,
        aliases: Mapping[str, str] | None = None,
        state: ResponsesState | None = None,
        idle_timeout: float | None = None,
        first_event_timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a source.

        Args:
            source: As for `ChatStream`.
            max_event_size: As for `ChatStream`.
            malformed: As for `ChatStream`.
            strict: As for `ChatStream`.
            aliases: Other names of event types, such as `responses.ALIASES`.
            state: What an earlier stream of the same response knew (`state()`), to go on from.
            idle_timeout: As for `ChatStream`.
            first_event_timeout: As for `ChatStream`.
            clock: As for `ChatStream`.

        Raises:
            TypeError: The source is none, or is one for the other kind of stream.
            ValueError: `malformed`, `max_event_size` or a timeout is none that there is.
        """
        parser = ResponsesParser(
            max_event_size=max_event_size, malformed=malformed, strict=strict, aliases=aliases, state=state
        )
        self._begin(source, parser, clock, idle_timeout, first_event_timeout)

    def assembled(self) -> Response:
        """The response folded from everything but the terminal event."""
        return self._parser.assembled()

    def compare(self) -> list[Difference]:
        """Where what was streamed and the server's own final object differ; nowhere before the end."""
        return self._parser.compare()

    def state(self) -> ResponsesState:
        """What has arrived, to be saved, and to go on from with another stream."""
        return self._parser.state()


class ResponsesStream(_ResponsesStream, Stream[AnyEvent, Response]):
    """A Responses stream over a source that is read without `await`."""

    other_class = "AsyncResponsesStream"
    reads_class = Reads


class AsyncResponsesStream(_ResponsesStream, AsyncStream[AnyEvent, Response]):
    """A Responses stream over a source that is read with `await`."""

    other_class = "ResponsesStream"
    reads_class = AsyncReads


class Row:
    """One dialect and its classes."""

    def __init__(self, parser: type[Parser[Any, Any]], stream: type[Stream[Any, Any]]) -> None:
        self.dialect: Dialect[Any, Any] = parser.dialect
        self.parser = parser
        self.stream = stream


class _Rows(dict[DialectName, Row]):
    """The dialects by name."""

    def __missing__(self, name: object) -> Row:
        raise ValueError(f"there is no dialect {name!r}: there are {', '.join(self)}")


DIALECTS: Final = _Rows(
    {
        "chat": Row(ChatParser, ChatStream),
        "completions": Row(CompletionsParser, CompletionsStream),
        "responses": Row(ResponsesParser, ResponsesStream),
    }
)


def detect_dialect(data: bytes) -> DialectName | None:
    """Tell the dialect of a body from its first events.

    Args:
        data: The body, or a start of it that holds a whole event.

    Returns:
        The dialect's name; None when no event tells, as for an error, a foreign body, or none at all.
    """
    tokenizer = Tokenizer(max_event_size=None)
    for event in tokenizer.feed(data) + tokenizer.close(flush=True):
        try:
            payload = loads(event.data)
        except (ValueError, RecursionError):
            continue
        if not isinstance(payload, dict):
            continue
        for name, row in DIALECTS.items():
            if row.dialect.claims(payload):
                return name
    return None
