"""Chunks go in, the completion that they add up to comes out, at any time.

How each field merges is in the tables; the two things that no table can say are how the deltas of a tool
call find their call, and how content that comes as a list is told into text and reasoning.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from ssewire._choices import NO_USAGE, ChoicesReducer, FoldedChoice, LastUsage
from ssewire._json import JsonProgress
from ssewire._merge import (
    Fields,
    First,
    Items,
    Keyed,
    Last,
    Merged,
    ReasoningDetails,
    Text,
    without_halves,
)
from ssewire.chat.types import (
    NO_DELTA,
    Audio,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    ContentPart,
    Custom,
    CustomDelta,
    Delta,
    Function,
    FunctionDelta,
    Message,
    NoDelta,
    ToolCall,
    ToolCallDelta,
)
from ssewire.events import MAX_DETAIL_CHARS
from ssewire.usage import CompletionUsage

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire._merge import Table
    from ssewire.events import DiagnosticLog

CHUNK: Final[Table] = {
    "id": First,  # Azure sends an empty one first
    "created": First,
    "model": First,
    "service_tier": Last,
    "system_fingerprint": Last,
    "usage": LastUsage,
    "moderation": Last,
    "x_groq": Merged,
    "prompt_filter_results": partial(Keyed, "prompt_index"),
    "prompt_annotations": partial(Keyed, "prompt_index"),
    "latency_checkpoint": Last,
    "citations": Last,  # repeated whole in every chunk
    "search_results": Last,
    "images": Last,
    "provider": Last,
    "provider_metadata": Last,
    "sla_metrics": Last,
    "time_info": Last,
    "timings": Last,
    "cost": Last,
    "prompt_token_ids": Last,
}
CHOICE: Final[Table] = {
    "finish_reason": Last,
    "content_filter_results": Merged,
    "content_filter_offsets": Items,
    "matched_stop": Last,
    "stop_reason": Last,
    "native_finish_reason": Last,
    "token_ids": Items,
    "seed": Last,
    "raw_output": Last,
}
TEXTS: Final[Table] = {
    "content": Text,
    "refusal": Text,
    "reasoning_content": Text,
    "reasoning": Text,
}
MESSAGE: Final[Table] = {
    "role": First,
    "annotations": Items,
    "reasoning_details": ReasoningDetails,
    "channel": Last,
    "executed_tools": partial(Keyed, "index", "arguments"),  # first the call, then the call with its output
    "reasoning_steps": Items,
    "images": Items,
    "provider_metadata": Last,
    "token_id": Last,
}
LOGPROBS: Final[Table] = {
    "content": Items,
    "refusal": Items,
    "reasoning_content": Items,
    "tokens": Items,
    "token_logprobs": Items,
    "token_ids": Items,
    "top_logprobs": Items,
}
AUDIO: Final[Table] = {"id": First, "data": Text, "transcript": Text, "expires_at": Last}
TOOL_CALL: Final[Table] = {"id": First, "type": First, "extra_content": Merged}


class ChatReducer(ChoicesReducer[ChatCompletionChunk, ChatCompletion]):
    """Folds the chunks of one stream into a `ChatCompletion`.

    Chunks are never changed, nor is a snapshot that was handed out. Applying a chunk costs in proportion to
    its size; a snapshot costs one copy of the text when something came since the last, nothing otherwise.
    Single-owner: not for several threads at once.

    Args:
        log: Where to note what is unusual; a log of its own by default.
    """

    padding: ClassVar[tuple[str, ...]] = ("choices", "obfuscation")

    def __init__(self, log: DiagnosticLog | None = None) -> None:
        super().__init__(CHUNK, _Choice, ChatCompletion, log)

    def adder(self, index: int, field: str, delta: Delta) -> Callable[[str], object]:
        """What adds to a text of a choice, for whoever knows that nothing else comes.

        Args:
            index: The choice.
            field: The field that the text is in.
            delta: The last one that brought some.
        """
        choice: Any = self._choices[index]
        add: Callable[[str], object]
        if delta.tool_calls:
            add = choice.tool_calls.adder(delta.tool_calls[0].index)
        else:
            add = choice.texts.merge(field).add
        return add

    def repeated(self, count: int, *, tokens: int) -> None:
        """A text was added to by so many chunks, of which `tokens` brought something to read."""
        self._snapshot = None
        self.tokens += tokens
        if self._own_log:
            self._log.ordinal += count

    @property
    def usage(self) -> CompletionUsage | None:
        """The usage as last sent."""
        usage = super().usage
        if usage is not None:
            return usage
        groq = self._fields.get("x_groq")
        try:
            usage = msgspec.convert(groq["usage"], CompletionUsage) if groq else None
        except (TypeError, KeyError, msgspec.ValidationError):
            return None
        return None if usage == NO_USAGE else usage


class _Choice(FoldedChoice):
    """What is known of one choice."""

    delta: ClassVar[dict[str, Any]] = {"delta": NO_DELTA}
    lists: ClassVar[tuple[str, ...]] = (*FoldedChoice.lists, "content_filter_offsets")

    def __init__(self, log: DiagnosticLog) -> None:
        super().__init__(CHOICE, LOGPROBS, log)
        self._message = Fields(MESSAGE)
        self.texts = Fields(TEXTS)
        self._audio: Fields | None = None
        self._function_call: Called | None = None
        self.tool_calls = ToolCalls(log)

    def apply(self, piece: ChunkChoice) -> int:
        delta = piece.delta if piece.message is None else delta_of(piece)
        if not self.begun:
            self.begun = not isinstance(delta, NoDelta)
        tokens = self._apply_delta(delta)
        if piece != ChunkChoice(piece.delta, piece.index):
            self.usage = piece.usage
            if isinstance(piece.content_filter_offsets, dict):
                # Azure's asynchronous filter reports on a range of the text; the ranges do not merge.
                report = piece.content_filter_offsets | {
                    "content_filter_results": piece.content_filter_results
                }
                piece = msgspec.structs.replace(
                    piece, content_filter_offsets=[report], content_filter_results=None
                )
            self.add_fields(piece)
        return tokens

    def _apply_delta(self, delta: Delta) -> int:
        # Most deltas bring a text or a call and nothing else, and one comparison in C stands for a look at
        # each of seventeen fields.
        if delta.role is not None:
            self._message.merge("role").add(delta.role)
            delta = msgspec.structs.replace(delta, role=None)
        content, calls = delta.content, delta.tool_calls
        if isinstance(content, str) and delta == Delta(content):
            self.texts.merge("content").add(content)
            return content != ""
        tokens = 0
        if delta == Delta(tool_calls=calls):
            for call in calls or ():
                tokens += self.tool_calls.apply(call)
            return tokens
        for name in TEXTS:
            value = getattr(delta, name)
            if value is None:
                continue
            for field, text in ((name, value),) if isinstance(value, str) else _told_apart(name, value):
                self.texts.merge(field).add(text)
                tokens += text != ""
        self._message.add(delta)
        for call in calls or ():
            tokens += self.tool_calls.apply(call)
        if delta.function_call is not None:
            if self._function_call is None:
                self._function_call = Called(self._log)
            tokens += self._function_call.add(delta.function_call.name, delta.function_call.arguments)
        if delta.audio is not None:
            if self._audio is None:
                self._audio = Fields(AUDIO)
            self._audio.add(delta.audio)
        return tokens

    def snapshot(self, index: int) -> Choice:
        message = self._message.values() | self.texts.values()
        if self.tool_calls.slots:
            message["tool_calls"] = [slot.snapshot() for slot in self.tool_calls.slots]
        if self._function_call is not None:
            message["function_call"] = Function(self._function_call.name, self._function_call.body.value())
        if self._audio is not None:
            message["audio"] = Audio(**self._audio.values())
        return Choice(**self.values(index, ChoiceLogprobs), message=Message(**message))


def delta_of(piece: ChunkChoice) -> Delta:
    """The delta; of a choice that has none but a whole message, the message."""
    if isinstance(piece.delta, NoDelta) and isinstance(piece.message, dict):
        try:
            return msgspec.convert(piece.message, Delta)
        except (msgspec.ValidationError, UnicodeEncodeError):
            pass
    return piece.delta


def _told_apart(name: str, parts: list[ContentPart]) -> list[tuple[str, str]]:
    """The texts in a list of parts, each with the field it belongs to: Mistral thinks inside the content."""
    texts: list[tuple[str, str]] = []
    for part in parts:
        if part.text is not None:
            texts.append((name, part.text))
        if isinstance(part.thinking, str):
            texts.append(("reasoning_content", part.thinking))
        elif part.thinking is not None:
            texts += _told_apart("reasoning_content", part.thinking)
    return texts


# -- tool calls ------------------------------------------------------------------------------------------


MAX_NAME_CHARS: Final = 64 * 2**10
"""From this length on, a name does not grow: each piece of it costs a copy of what there is."""


class Called:
    """A name and what is passed: the arguments of a function, the input of a custom tool."""

    def __init__(self, log: DiagnosticLog) -> None:
        self.name = ""
        self.body = Text()
        self.empty = True
        self._progress: JsonProgress | None = None
        self._log = log

    def add(self, name: str | None, body: str | None) -> int:
        if name and name != self.name:
            piece: str = without_halves(name)
            # llama.cpp and Fireworks repeat the whole name with every delta; some servers cut it into pieces.
            if (self.empty or not self.name) and len(self.name) < MAX_NAME_CHARS:
                self.name += piece
            else:
                known = self.name[:MAX_DETAIL_CHARS]
                self._log.note("tool_call_name", f"name {piece!r} ignored: the call is {known!r}")
        if not body:
            return 0
        self.empty = False
        self.body.add(body)
        if self._progress is not None:
            self._progress.feed(body)
        return 1

    @property
    def whole(self) -> bool:
        """Whether the body is a whole JSON value. Looked at once, it is followed from there on."""
        if self._progress is None:
            self._progress = JsonProgress()
            self._progress.feed(self.body.value())
        return self._progress.whole


class CallSlot:
    """One slot: a call, whatever index or id its deltas came with."""

    def __init__(self, log: DiagnosticLog) -> None:
        self.fields = Fields(TOOL_CALL)
        self.function: Called | None = None
        self.custom: Called | None = None
        self._log = log

    def apply(self, piece: ToolCallDelta) -> int:
        self.fields.add(piece)
        tokens = 0
        if piece.function is not None:
            if self.function is None:
                self.function = Called(self._log)
            tokens += self.function.add(piece.function.name, piece.function.arguments)
        if piece.custom is not None:
            if self.custom is None:
                self.custom = Called(self._log)
            tokens += self.custom.add(piece.custom.name, piece.custom.input)
        return tokens

    def may_be_over(self) -> bool:
        """Nothing was passed yet, or a whole JSON value."""
        called = self.function or self.custom
        return called is None or called.empty or called.whole

    def snapshot(self) -> ToolCall:
        fields: dict[str, Any] = self.fields.values()
        if self.custom is not None:
            fields = {"type": "custom"} | fields
            fields["custom"] = Custom(self.custom.name, self.custom.body.value())
        if self.function is not None:
            fields["function"] = Function(self.function.name, self.function.body.value())
        elif self.custom is None:
            fields["function"] = Function()
        return ToolCall(**fields)


class ToolCalls:
    """The tool calls of one choice, in order of first appearance, and which delta is whose.

    Providers contradict one another: some give every call the index 0, some give no index at all, some
    change the id of a call on its way, some give one call two indexes.
    """

    last: CallSlot
    """The call that the last piece belonged to."""

    def __init__(self, log: DiagnosticLog) -> None:
        self.slots: list[CallSlot] = []
        self._by_index: dict[int, CallSlot] = {}
        self._by_id: dict[str, CallSlot] = {}
        self._log = log

    def apply(self, piece: ToolCallDelta) -> int:
        function = piece.function
        # Most pieces are arguments for a call that is known by its index.
        if function is not None and piece.index in self._by_index:
            slot = self.last = self._by_index[piece.index]
            if slot.function is not None and piece == ToolCallDelta(piece.index, function=function):
                return slot.function.add(function.name, function.arguments)
        slot = self.last = self._slot(piece)
        if piece.index is not None:
            self._by_index[piece.index] = slot
        tokens = slot.apply(piece)
        if piece.id and piece.id == slot.fields.get("id"):
            self._by_id.setdefault(piece.id, slot)
        return tokens

    def adder(self, index: int | None) -> Callable[[str], object]:
        """What adds to the arguments of the call that an index means."""
        called: Any = (self.slots[-1] if index is None else self._by_index[index]).function
        return partial(called.add, None)

    def _slot(self, piece: ToolCallDelta) -> CallSlot:
        known = self._by_id.get(piece.id) if piece.id else None
        if known is not None:
            if piece.index is not None and self._by_index.get(piece.index, known) is not known:
                self._log.note("tool_call_index", f"index {piece.index} now means call {piece.id!r}")
            return known
        if piece.index is None:
            return self._open() if piece.id or not self.slots else self.slots[-1]
        slot = self._by_index.get(piece.index)
        if slot is None:
            return self._open()
        first_id = slot.fields.get("id")
        if piece.id and first_id:
            if _name_of(piece) and slot.may_be_over():
                return self._open()
            self._log.note("tool_call_id", f"id {piece.id!r} for call {first_id!r}: taken as the same call")
        return slot

    def _open(self) -> CallSlot:
        self.slots.append(CallSlot(self._log))
        return self.slots[-1]


def _name_of(piece: ToolCallDelta) -> str | None:
    called: FunctionDelta | CustomDelta | None = piece.function or piece.custom
    return called.name if called is not None else None
