"""Chunks go in; the parts of the answers that they write come out, in the order in which they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ssewire._choices import index_of, message_of_choice
from ssewire._growing import Growing, Parts
from ssewire._merge import without_halves
from ssewire.chat.reducer import Called, CallSlot, ToolCalls, delta_of
from ssewire.chat.types import (
    AudioDelta,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    ContentPart,
    CustomDelta,
    Delta,
    FunctionDelta,
    ToolCallDelta,
)
from ssewire.events import DiagnosticLog, Verdict
from ssewire.message import FinishReason, finish_reason_of
from ssewire.parts import (
    AnyPart,
    AudioPart,
    ImagePart,
    OtherPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire.message import Message
    from ssewire.parts import PartDelta, PartEvent

CUT_REASONS: Final = frozenset({FinishReason.LENGTH, FinishReason.CONTENT_FILTER, FinishReason.ERROR})
"""The finish reasons that leave a call of a tool unfinished."""

ALONE: Final[dict[str, Callable[[str, str | None], Delta]]] = {
    "reasoning_content": lambda text, role: Delta(role=role, reasoning_content=text),
    "reasoning": lambda text, role: Delta(role=role, reasoning=text),
}
"""What makes a delta with reasoning in one field and nothing else, but for the role that some repeat."""


class ChatParts(Parts[ChatCompletionChunk]):
    """Tells, chunk by chunk, which parts of the answers begin, go on and end. Single-owner.

    A text, a refusal or some reasoning ends where the next part of its choice begins. Calls of tools end with
    the stream, since providers interleave their pieces; so does what is spoken.
    """

    def __init__(self) -> None:
        super().__init__()
        self._choices: dict[int | None, _Choice] = {}
        # What the last chunk wrote to in a content, if the next one may do the same:
        self._text: Growing | None = None
        self._text_index = 0  # its choice

    def go_on(self, event: ChatCompletionChunk, /) -> PartDelta | None:
        """Take a chunk that has only more of one text, one reasoning or one call's arguments."""
        choices = event.choices
        if len(choices) == 1 and not self._halves.waiting:
            piece = choices[0]
            text = self._text
            delta = piece.delta
            content = delta.content
            if (  # nothing but more of the same text, as in most chunks: a third of the cost of a full look
                text is not None
                and piece.index == self._text_index
                and type(content) is str
                and content
                and content.isascii()
                and delta == Delta(content, delta.role)
                and not piece.finish_reason
            ):
                return text.append(content)
            known = self._choices.get(piece.index)
            if known is not None:
                return known.go_on(piece)
        return None

    def tell(self, event: ChatCompletionChunk) -> list[PartEvent]:
        """Take any chunk that does not go on."""
        self._text = None
        found: list[PartEvent] = []
        if self._over:
            return found
        for position, piece in enumerate(event.choices):
            index = index_of(piece, position)
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice(self, index)
            choice.apply(piece, found)
        return found

    def _end(self, found: list[PartEvent]) -> None:
        for choice in self._choices.values():
            choice.end(found)
        super()._end(found)
        self._choices.clear()  # they know their parts: only the collector would free such a cycle
        self._text = None


class _Choice:
    """What is written of one choice."""

    def __init__(self, parts: ChatParts, index: int, calls: type[ToolCalls] = ToolCalls) -> None:
        self._parts = parts
        self._index = index
        self._writing: Growing | None = None  # the text, reasoning or refusal that goes on
        self._kind: type[AnyPart] = OtherPart  # what it is
        self._sources: dict[str, type[AnyPart]] = {}  # the fields that texts came from, and what they are
        self._annotations: list[Any] = []  # that came before their text
        self._calls = calls(DiagnosticLog())
        self._called: dict[CallSlot, Growing] = {}
        self._function: tuple[Called, Growing] | None = None  # called in the way before tools
        self._ran: dict[str, Growing] = {}  # tools that the provider ran
        self._audio: Growing | None = None
        self._reason: str | None = None
        # What the last piece wrote to, if the next one may do the same:
        self._last: Growing | None = None
        self._alone = ALONE["reasoning"]  # makes a delta that has nothing else
        self._source = "reasoning"  # the field of the delta
        self._last_call: Called | None = None  # of a call
        self._call_index = 0

    def go_on(self, piece: ChunkChoice) -> PartDelta | None:
        """Take a piece that has only more of the last one's reasoning or arguments; None for any other."""
        growing = self._last
        if growing is None or piece.finish_reason:
            return None
        delta = piece.delta
        text: Any
        if self._last_call is None:
            text = getattr(delta, self._source)
            if type(text) is not str or not text.isascii() or delta != self._alone(text, delta.role):
                return None
        else:
            calls = delta.tool_calls
            if (
                calls is None
                or len(calls) != 1
                or delta.content
                or delta != Delta(delta.content, delta.role, None, calls)
            ):
                return None
            call = calls[0]
            called = call.function
            if call.index != self._call_index or call.id or call.custom or call.extra_content or not called:
                return None
            text = called.arguments
            if called.name or not text or not text.isascii():
                return None
            self._last_call.add(None, text)
        return growing.append(text) if text else None

    def apply(self, piece: ChunkChoice, found: list[PartEvent]) -> None:
        """Take any piece."""
        self._last = None
        delta = delta_of(piece)
        if delta.reasoning_content is not None or delta.reasoning is not None or delta.reasoning_details:
            self._reasoned(delta, found)
        if delta.executed_tools is not None:
            self._run(delta.executed_tools, found)
        if delta.content is not None:
            self._content(TextPart, "content", delta.content, found)
        if delta.refusal is not None:
            self._write(RefusalPart, "refusal", delta.refusal, found)
        for call in delta.tool_calls or ():
            self._call(call, found)
        if delta.function_call is not None:
            self._call_function(delta.function_call, found)
        if delta.audio is not None:
            self._speak(delta.audio, found)
        if delta.images is not None:
            self._show(delta.images, found)
        if delta.annotations is not None:
            self._annotate(delta.annotations)
        if piece.finish_reason:
            self._reason = piece.finish_reason

    def end(self, found: list[PartEvent]) -> None:
        """Nothing more comes: settle what is not told by any delta."""
        for source, kind in self._sources.items():
            # Half a character may have come last, and its part may have ended since.
            if rest := self._parts._halves.rest(self._index, source):
                self._append(kind, source, rest, found)
        if self._annotations:
            self._annotate_part(self._begin(TextPart, found))
        whole = self._reason is not None and finish_reason_of(self._reason) not in CUT_REASONS
        calls = list(self._called.values()) + ([self._function[1]] if self._function else [])
        for growing in calls:
            growing.learn(ended=whole)

    # -- texts -------------------------------------------------------------------------------------------

    def _write(self, kind: type[AnyPart], source: str, piece: str, found: list[PartEvent]) -> None:
        """Write a piece that came in a field of the delta."""
        if piece:
            self._sources[source] = kind
            if text := self._parts._halves.join(piece, self._index, source):
                self._append(kind, source, text, found)

    def _append(self, kind: type[AnyPart], source: str, text: str, found: list[PartEvent]) -> None:
        growing = self._writing
        if growing is None or kind is not self._kind or (kind is ReasoningPart and _is_sealed(growing)):
            growing = self._begin(kind, found)
        found.append(growing.append(text))
        if source == "content":
            self._parts._text, self._parts._text_index = growing, self._index
        elif source in ALONE:
            self._last, self._last_call = growing, None
            self._source, self._alone = source, ALONE[source]

    def _begin(self, kind: type[AnyPart], found: list[PartEvent], **facts: Any) -> Growing:
        self._stop_writing(found)
        self._kind = kind
        growing = self._writing = self._parts._start(kind, found, self._index, **facts)
        if kind is TextPart and self._annotations:
            self._annotate_part(growing)
        return growing

    def _stop_writing(self, found: list[PartEvent]) -> None:
        """Something else begins."""
        if self._writing is not None:
            self._parts._finish(self._writing, found)
            self._writing = self._last = self._parts._text = None

    def _content(
        self, kind: type[AnyPart], source: str, content: str | list[ContentPart], found: list[PartEvent]
    ) -> None:
        """Write a content, which may be a list: Mistral thinks and refers inside it."""
        if isinstance(content, str):
            self._write(kind, source, content, found)
            return
        for part in content:
            if part.text is not None:
                self._write(kind, source, part.text, found)
            if part.thinking is not None:
                self._content(ReasoningPart, "reasoning_content", part.thinking, found)
            if part.text is None and part.thinking is None:
                self._stop_writing(found)
                other = self._parts._start(OtherPart, found, self._index, kind=part.type or "")
                other.learn(extra=part)
                self._parts._finish(other, found)

    # -- reasoning ---------------------------------------------------------------------------------------

    def _reasoned(self, delta: Delta, found: list[PartEvent]) -> None:
        """Write reasoning; a provider that sends it in two fields sends it twice."""
        if delta.reasoning_content:
            self._content(ReasoningPart, "reasoning_content", delta.reasoning_content, found)
        elif delta.reasoning:
            self._content(ReasoningPart, "reasoning", delta.reasoning, found)
        details = delta.reasoning_details
        for entry in details if isinstance(details, list) else [details]:
            if isinstance(entry, dict):
                self._detail(entry, not (delta.reasoning_content or delta.reasoning), found)

    def _detail(self, entry: dict[str, Any], has_text: bool, found: list[PartEvent]) -> None:
        """OpenRouter's way to tell what the text alone does not."""
        text = entry.get("text") or entry.get("summary")
        if has_text and isinstance(text, str):
            self._write(ReasoningPart, "reasoning_details", text, found)
        facts = {
            name: without_halves(entry[key])
            for name, key in (("signature", "signature"), ("encrypted", "data"))
            if isinstance(entry.get(key), str) and entry[key]
        }
        growing = self._writing if self._kind is ReasoningPart else None
        if facts and (growing is None or any(growing.fact(name) for name in facts)):
            growing = self._begin(ReasoningPart, found)
        if growing is not None:
            if isinstance(entry.get("id"), str) and not growing.fact("id"):
                growing.name("id", without_halves(entry["id"]), found)
            if entry.get("type") == "reasoning.summary" and not growing.fact("summary"):
                facts["summary"] = True
            if facts:
                growing.learn(**facts)
                self._last = None

    # -- calls of tools ----------------------------------------------------------------------------------

    def _call(self, piece: ToolCallDelta, found: list[PartEvent]) -> None:
        self._calls.apply(piece)
        slot = self._calls.last
        called = slot.custom or slot.function
        name = "" if called is None else called.name
        call_id = slot.fields.get("id") or ""
        growing = self._called.get(slot)
        if growing is None:
            kind = slot.fields.get("type") or ("function" if slot.custom is None else "custom")
            growing = self._called[slot] = self._begin_beside(
                ToolCallPart, found, kind=kind, call_id=call_id, name=name
            )
        else:
            if slot.custom is not None and growing.fact("kind") == "function":
                growing.learn(kind="custom")
            growing.name("call_id", call_id, found)
            growing.name("name", name, found)
        if piece.extra_content is not None:
            growing.learn(extra=slot.fields.get("extra_content"))
        if piece.function is not None:
            self._parts._grow(growing, piece.function.arguments, found)
        if piece.custom is not None:
            self._parts._grow(growing, piece.custom.input, found)
        if piece.index is not None and slot.function is not None:
            self._last, self._last_call, self._call_index = growing, slot.function, piece.index

    def _call_function(self, piece: FunctionDelta, found: list[PartEvent]) -> None:
        if self._function is None:
            self._function = Called(DiagnosticLog()), self._begin_beside(ToolCallPart, found)
        called, growing = self._function
        called.add(piece.name, piece.arguments)
        growing.name("name", called.name, found)
        self._parts._grow(growing, piece.arguments, found)

    def _run(self, entries: Any, found: list[PartEvent]) -> None:
        """Groq tells of a tool that it runs, and once more when it has run."""
        for entry in without_halves(entries if isinstance(entries, list) else [entries]):
            if not isinstance(entry, dict):
                continue
            arguments = entry.get("arguments")
            kind, name = (each if isinstance(each, str) else "" for each in map(entry.get, ("type", "name")))
            key = repr((entry.get("index"), arguments))
            growing = self._ran.get(key)
            if growing is None:
                growing = self._ran[key] = self._begin_beside(
                    ToolCallPart, found, kind=kind, name=name, hosted=True
                )
                self._parts._grow(growing, arguments if isinstance(arguments, str) else None, found)
            growing.learn(extra=entry, ended="output" in entry, kind=kind or growing.fact("kind"))

    # -- what is no text ---------------------------------------------------------------------------------

    def _begin_beside(self, part_type: type[AnyPart], found: list[PartEvent], /, **facts: Any) -> Growing:
        """Begin a part that stays open when others begin."""
        self._stop_writing(found)
        return self._parts._start(part_type, found, self._index, **facts)

    def _speak(self, piece: AudioDelta, found: list[PartEvent]) -> None:
        if self._audio is None:
            self._audio = self._begin_beside(AudioPart, found)
        growing = self._audio
        if piece.id and not growing.fact("id"):
            growing.name("id", without_halves(piece.id), found)
        if piece.expires_at is not None:
            growing.learn(expires_at=piece.expires_at)
        self._parts._grow(growing, piece.data, found)
        spoken = piece.transcript
        if spoken and (text := self._parts._halves.join(spoken, growing.index, "transcript")):
            found.append(growing.append_to("transcript", text))

    def _show(self, images: Any, found: list[PartEvent]) -> None:
        for entry in without_halves(images if isinstance(images, list) else [images]):
            shown = self._begin_beside(ImagePart, found)
            shown.learn(extra=entry, **_image(entry))
            self._parts._finish(shown, found)

    def _annotate(self, annotations: list[Any]) -> None:
        self._annotations += without_halves(annotations)
        if self._writing is not None and self._kind is TextPart:
            self._annotate_part(self._writing)

    def _annotate_part(self, growing: Growing) -> None:
        growing.annotate(self._annotations)
        self._annotations = []


def _is_sealed(reasoning: Growing) -> bool:
    """Whether a signature or a payload stands for the reasoning so far: what follows is not in it."""
    return bool(reasoning.fact("signature") or reasoning.fact("encrypted"))


def _image(entry: Any) -> dict[str, str]:
    """Where an image is, or what it is, of OpenRouter's object of it."""
    held = entry.get("image_url") if isinstance(entry, dict) else None
    url = held.get("url") if isinstance(held, dict) else None
    if not isinstance(url, str):
        return {}
    head, comma, data = url.partition(";base64,")
    if comma and head.startswith("data:"):
        return {"media_type": head.removeprefix("data:"), "data": data}
    return {"url": url}


class _WholeCalls(ToolCalls):
    """Calls that come whole: each piece is one, and what it shares with another does not matter."""

    def apply(self, piece: ToolCallDelta) -> int:
        self.last = self._open()
        return self.last.apply(piece)


def parts_of(completion: ChatCompletion, choice: int = 0) -> list[AnyPart]:
    """The parts of one choice of a whole completion, streamed or not.

    A completion does not tell in which order they were written: reasoning comes first, then the text, the
    refusal and the calls of tools.
    """
    parts = ChatParts()
    parts._choices[choice] = _Choice(parts, choice, _WholeCalls)
    for each in completion.choices:
        if each.index == choice:
            parts.apply(ChatCompletionChunk([_chunk_of(each)]))
    parts.end()
    return parts.parts(choice)


def message_of(
    completion: ChatCompletion,
    choice: int = 0,
    verdict: Verdict = Verdict.COMPLETE,
) -> Message:
    """One choice of a completion, streamed or not, as a neutral message.

    Args:
        completion: The completion, or a snapshot of it.
        choice: The index of the choice; one that is not there gives an empty message.
        verdict: How its stream ended.
    """
    return message_of_choice(completion, choice, parts_of(completion, choice), verdict)


def _reasoning(one: str, other: str) -> str:
    """The reasoning of two fields: what is in both was sent twice."""
    if one in other:
        return other
    return one if other in one else one + other


def _chunk_of(choice: Choice) -> ChunkChoice:
    """A whole choice as one chunk tells it."""
    message = choice.message
    calls = [
        ToolCallDelta(
            None,
            call.id,
            call.type,
            None if call.function is None else FunctionDelta(call.function.arguments, call.function.name),
            None if call.custom is None else CustomDelta(call.custom.name, call.custom.input),
            call.extra_content,
        )
        for call in message.tool_calls or ()
    ]
    called, audio = message.function_call, message.audio
    delta = Delta(
        content=message.content,
        refusal=message.refusal,
        tool_calls=calls or None,
        function_call=None if called is None else FunctionDelta(called.arguments, called.name),
        audio=None if audio is None else AudioDelta(audio.id, audio.data, audio.transcript, audio.expires_at),
        annotations=message.annotations,
        reasoning_content=_reasoning(message.reasoning or "", message.reasoning_content or ""),
        reasoning_details=message.reasoning_details,
        executed_tools=message.executed_tools,
        images=message.images,
    )
    return ChunkChoice(delta, choice.index, choice.finish_reason)
