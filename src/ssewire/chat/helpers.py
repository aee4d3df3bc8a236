"""Chunks go in; the events that `client.chat.completions.stream()` of the openai package gives come out.

The names, the fields and the order are those of the package, so that code written for it has a home. What
grows (`snapshot`, `arguments`) is put together when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from ssewire._choices import index_of
from ssewire._growing import Halves
from ssewire._structured import PartialJson, parse
from ssewire.chat.reducer import CallSlot, ChatReducer, ToolCalls, delta_of
from ssewire.errors import StructuredOutputError
from ssewire.events import DiagnosticLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ssewire.chat.types import (
        ChatCompletion,
        ChatCompletionChunk,
        ChunkChoice,
        ContentPart,
        TokenLogprob,
        ToolCallDelta,
    )

T = TypeVar("T")


class _Grown(Generic[T]):
    """A list that only grows: pieces of a text, or log probabilities."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[T] = []


# -- the events ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChunkEvent:
    """A chunk came: each one, before what it brings."""

    type: ClassVar[Literal["chunk"]] = "chunk"
    chunk: ChatCompletionChunk
    _reducer: ChatReducer = field(repr=False, compare=False)

    @property
    def snapshot(self) -> ChatCompletion:
        """The completion as it stands when you look."""
        return self._reducer.snapshot()


@dataclass(frozen=True, slots=True)
class ContentDeltaEvent:
    """The content goes on; `parsed` is the JSON so far, where a `response_format` was given."""

    type: ClassVar[Literal["content.delta"]] = "content.delta"
    delta: str
    parsed: Any
    _text: _Grown[str] = field(repr=False, compare=False)
    _size: int = field(repr=False)

    @property
    def snapshot(self) -> str:
        """The content up to here."""
        return "".join(self._text.items[: self._size])


@dataclass(frozen=True, slots=True)
class ContentDoneEvent:
    """The content is whole; `parsed` is of the `response_format`, where one was given."""

    type: ClassVar[Literal["content.done"]] = "content.done"
    content: str
    parsed: Any


@dataclass(frozen=True, slots=True)
class RefusalDeltaEvent:
    """The refusal goes on."""

    type: ClassVar[Literal["refusal.delta"]] = "refusal.delta"
    delta: str
    _text: _Grown[str] = field(repr=False, compare=False)
    _size: int = field(repr=False)

    @property
    def snapshot(self) -> str:
        """The refusal up to here."""
        return "".join(self._text.items[: self._size])


@dataclass(frozen=True, slots=True)
class RefusalDoneEvent:
    """The refusal is whole."""

    type: ClassVar[Literal["refusal.done"]] = "refusal.done"
    refusal: str


@dataclass(frozen=True, slots=True)
class FunctionToolCallArgumentsDeltaEvent:
    """The arguments of a function go on; `index` is the call's place among the calls of the choice."""

    type: ClassVar[Literal["tool_calls.function.arguments.delta"]] = "tool_calls.function.arguments.delta"
    name: str
    index: int
    arguments_delta: str
    parsed_arguments: Any
    _text: _Grown[str] = field(repr=False, compare=False)
    _size: int = field(repr=False)

    @property
    def arguments(self) -> str:
        """The arguments up to here."""
        return "".join(self._text.items[: self._size])


@dataclass(frozen=True, slots=True)
class FunctionToolCallArgumentsDoneEvent:
    """The arguments of a function are whole; parsed into the type that `tools` has for its name."""

    type: ClassVar[Literal["tool_calls.function.arguments.done"]] = "tool_calls.function.arguments.done"
    name: str
    index: int
    arguments: str
    parsed_arguments: Any


@dataclass(frozen=True, slots=True)
class LogprobsContentDeltaEvent:
    """The log probabilities of the content go on."""

    type: ClassVar[Literal["logprobs.content.delta"]] = "logprobs.content.delta"
    content: list[TokenLogprob]
    _all: _Grown[TokenLogprob] = field(repr=False, compare=False)
    _size: int = field(repr=False)

    @property
    def snapshot(self) -> list[TokenLogprob]:
        """Those up to here."""
        return self._all.items[: self._size]


@dataclass(frozen=True, slots=True)
class LogprobsContentDoneEvent:
    """The log probabilities of the content are whole."""

    type: ClassVar[Literal["logprobs.content.done"]] = "logprobs.content.done"
    content: list[TokenLogprob]


@dataclass(frozen=True, slots=True)
class LogprobsRefusalDeltaEvent:
    """The log probabilities of the refusal go on."""

    type: ClassVar[Literal["logprobs.refusal.delta"]] = "logprobs.refusal.delta"
    refusal: list[TokenLogprob]
    _all: _Grown[TokenLogprob] = field(repr=False, compare=False)
    _size: int = field(repr=False)

    @property
    def snapshot(self) -> list[TokenLogprob]:
        """Those up to here."""
        return self._all.items[: self._size]


@dataclass(frozen=True, slots=True)
class LogprobsRefusalDoneEvent:
    """The log probabilities of the refusal are whole."""

    type: ClassVar[Literal["logprobs.refusal.done"]] = "logprobs.refusal.done"
    refusal: list[TokenLogprob]


HelperEvent = (
    ChunkEvent
    | ContentDeltaEvent
    | ContentDoneEvent
    | RefusalDeltaEvent
    | RefusalDoneEvent
    | FunctionToolCallArgumentsDeltaEvent
    | FunctionToolCallArgumentsDoneEvent
    | LogprobsContentDeltaEvent
    | LogprobsContentDoneEvent
    | LogprobsRefusalDeltaEvent
    | LogprobsRefusalDoneEvent
)


# -- what makes them -------------------------------------------------------------------------------------


class ChatEvents:
    """Gives, chunk by chunk, the events of the official client's helper. Single-owner.

    Args:
        response_format: What the content is parsed into when it is whole: see `ToolCallPart.parse`. While it
            arrives, `parsed` is plain values (extra `json`).
        tools: What the arguments of functions are parsed into, by name.
    """

    def __init__(self, *, response_format: Any = None, tools: Mapping[str, Any] | None = None) -> None:
        self._reducer = ChatReducer()
        self._choices: dict[int, _Choice] = {}
        self._response_format = response_format
        self._tools = tools or {}
        self._errors: list[StructuredOutputError] = []  # of the chunk at hand

    def apply(self, chunk: ChatCompletionChunk) -> list[HelperEvent]:
        """Take the next chunk.

        Raises:
            StructuredOutputError: What is whole does not parse into the type that was asked for. The chunk is
                taken all the same: the error has its `events`, and the next chunk may follow.
        """
        self._reducer.apply(chunk)
        found: list[HelperEvent] = [ChunkEvent(chunk, self._reducer)]
        for position, piece in enumerate(chunk.choices):
            index = index_of(piece, position)
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice(self._response_format, self._tools, self._errors)
            choice.apply(piece, found)
        if self._errors:
            error = self._errors[0]
            self._errors.clear()
            error.events, error.snapshot = found, self.snapshot()
            raise error
        return found

    def snapshot(self) -> ChatCompletion:
        """The completion so far."""
        return self._reducer.snapshot()


def _parsed(text: str, wanted: Any, what: str, errors: list[StructuredOutputError]) -> Any:
    """What is whole, in the type that is wanted; None where that is none, or where it does not parse."""
    try:
        return None if wanted is None else parse(text, wanted, what)
    except StructuredOutputError as error:
        errors.append(error)
        return None


def _so_far(partial: PartialJson) -> Any:
    """What has come of a text as plain values; None where it is no JSON, of which its end will tell."""
    try:
        return partial.value()
    except StructuredOutputError:
        return None


class _Called:
    """One call of a function."""

    def __init__(self, index: int, slot: CallSlot, wanted: Any, errors: list[StructuredOutputError]) -> None:
        self.index = index
        self.slot = slot
        self.text: _Grown[str] = _Grown()
        self.done = False
        self._wanted = wanted
        self._errors = errors
        self._partial = PartialJson(f"arguments of call {index}")

    def delta(self, piece: str) -> FunctionToolCallArgumentsDeltaEvent:
        self.text.items.append(piece)
        self._partial.feed(piece)
        parsed = None if self._wanted(self.name) is None else _so_far(self._partial)
        return FunctionToolCallArgumentsDeltaEvent(
            self.name, self.index, piece, parsed, self.text, len(self.text.items)
        )

    def end(self) -> FunctionToolCallArgumentsDoneEvent:
        self.done = True
        arguments = "".join(self.text.items)
        what = f"arguments of {self.name!r}"
        parsed = _parsed(arguments, self._wanted(self.name), what, self._errors)
        return FunctionToolCallArgumentsDoneEvent(self.name, self.index, arguments, parsed)

    @property
    def name(self) -> str:
        return self.slot.function.name if self.slot.function is not None else ""

    @property
    def whole(self) -> bool:
        """Whether its arguments are; where there are none, they may be yet to come."""
        function = self.slot.function
        return function is not None and not function.empty and function.whole


class _Choice:
    """What the events have told of one choice."""

    def __init__(
        self, response_format: Any, tools: Mapping[str, Any], errors: list[StructuredOutputError]
    ) -> None:
        self._response_format = response_format
        self._tools = tools
        self._errors = errors
        self._halves = Halves()
        self._content: _Grown[str] | None = None  # what came of it
        self._refusal: _Grown[str] | None = None
        self._content_logprobs: _Grown[TokenLogprob] | None = None
        self._refusal_logprobs: _Grown[TokenLogprob] | None = None
        self._partial = PartialJson("the content")
        self._calls = ToolCalls(DiagnosticLog())
        self._called: dict[CallSlot, _Called] = {}
        self._current: _Called | None = None  # the call that is being written
        self._told: set[str] = set()  # what was told to be done
        self._finished = False

    def apply(self, piece: ChunkChoice, found: list[HelperEvent]) -> None:
        delta = delta_of(piece)
        if delta.content is not None:
            found.append(self._content_delta(_text_of(delta.content)))
        if delta.refusal is not None:
            found.append(self._refusal_delta(delta.refusal))
        calls = [self._call(call, found) for call in delta.tool_calls or ()]
        if piece.logprobs is not None:
            self._logprobs(piece.logprobs.content, piece.logprobs.refusal, found)
        for called in calls:
            if called is not self._current:
                self._content_done(found)
                # Some providers interleave their calls: one that may go on is not done yet.
                if self._current is not None and self._current.whole:
                    self._call_done(self._current, found)
            self._current = called
        self._finished = self._finished or bool(piece.finish_reason)
        if self._finished:
            self._content_done(found)
            for called in self._called.values():
                self._call_done(called, found)

    def _content_delta(self, text: str) -> ContentDeltaEvent:
        self._content = self._content or _Grown()
        text = self._halves.join(text, 0, "content")
        self._content.items.append(text)
        parsed = None
        if self._response_format is not None:
            self._partial.feed(text)
            parsed = _so_far(self._partial)
        return ContentDeltaEvent(text, parsed, self._content, len(self._content.items))

    def _refusal_delta(self, text: str) -> RefusalDeltaEvent:
        self._refusal = self._refusal or _Grown()
        text = self._halves.join(text, 0, "refusal")
        self._refusal.items.append(text)
        return RefusalDeltaEvent(text, self._refusal, len(self._refusal.items))

    def _call(self, piece: ToolCallDelta, found: list[HelperEvent]) -> _Called:
        self._calls.apply(piece)
        slot = self._calls.last
        called = self._called.get(slot)
        if called is None:
            called = self._called[slot] = _Called(len(self._called), slot, self._tools.get, self._errors)
        if piece.function is not None:
            text = self._halves.join(piece.function.arguments or "", called.index, "arguments")
            found.append(called.delta(text))
        return called

    def _logprobs(
        self,
        content: list[TokenLogprob] | None,
        refusal: list[TokenLogprob] | None,
        found: list[HelperEvent],
    ) -> None:
        if content is not None:
            held = self._content_logprobs = self._content_logprobs or _Grown()
            held.items += content
            if content:
                found.append(LogprobsContentDeltaEvent(content, held, len(held.items)))
        if refusal is not None:
            held = self._refusal_logprobs = self._refusal_logprobs or _Grown()
            held.items += refusal
            if refusal:
                found.append(LogprobsRefusalDeltaEvent(refusal, held, len(held.items)))

    def _content_done(self, found: list[HelperEvent]) -> None:
        if rest := self._halves.rest(0, "content"):
            found.append(self._content_delta(rest))
        if rest := self._halves.rest(0, "refusal"):
            found.append(self._refusal_delta(rest))
        if self._content and any(self._content.items) and self._first("content"):
            wanted = None if self._refusal and any(self._refusal.items) else self._response_format
            content = "".join(self._content.items)
            parsed = _parsed(content, wanted, "the content", self._errors)
            found.append(ContentDoneEvent(content, parsed))
        if self._refusal is not None and self._first("refusal"):
            found.append(RefusalDoneEvent("".join(self._refusal.items)))
        if self._content_logprobs is not None and self._first("content logprobs"):
            found.append(LogprobsContentDoneEvent(self._content_logprobs.items.copy()))
        if self._refusal_logprobs is not None and self._first("refusal logprobs"):
            found.append(LogprobsRefusalDoneEvent(self._refusal_logprobs.items.copy()))

    def _first(self, what: str) -> bool:
        """Whether something is to be told now; once."""
        if what in self._told:
            return False
        self._told.add(what)
        return True

    def _call_done(self, called: _Called, found: list[HelperEvent]) -> None:
        if rest := self._halves.rest(called.index, "arguments"):
            found.append(called.delta(rest))
        if not called.done and called.slot.function is not None:
            found.append(called.end())


def _text_of(content: str | list[ContentPart]) -> str:
    """The text of a content, which may be a list."""
    return content if isinstance(content, str) else "".join(part.text or "" for part in content)
