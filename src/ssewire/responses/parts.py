"""Events go in; the parts of the response that they write come out, in the order in which they are written.

A text, a refusal, and each entry of a reasoning or of its summary is a part; so is each item of another kind.
Which item an event belongs to, and what an event does that comes early, late or alone, is as in `reducer`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire._growing import Growing, Parts
from ssewire._merge import whole_text, without_halves
from ssewire.errors import EventDecodeError
from ssewire.events import Verdict
from ssewire.message import FinishReason, Message, Usage, finish_reason_of, make_message
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
from ssewire.responses import calls, content, events, items
from ssewire.responses.reducer import ENDINGS
from ssewire.responses.response import item_count
from ssewire.responses.tagged import UnknownMember

if TYPE_CHECKING:
    from ssewire.events import UnknownEvent
    from ssewire.parts import PartDelta, PartEvent
    from ssewire.responses.response import Response, ResponseUsage

RUNNING: Final = frozenset({"queued", "in_progress"})
"""The states of a response that goes on."""
CUT: Final = frozenset({"in_progress", "incomplete"})
"""The states of an item that is not whole."""

# -- what items and their entries are --------------------------------------------------------------------


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode() if value else ""


def _diff(operation: Any) -> str:
    """The diff of a patch, also of one that only its deltas have told of: those do not say its type."""
    found = operation.get("diff") if isinstance(operation, UnknownMember) else getattr(operation, "diff", "")
    return found if isinstance(found, str) else ""


CALLS: Final[dict[type, tuple[str, bool, Callable[[Any], str]]]] = {
    items.FunctionCall: ("function", False, lambda item: item.arguments),
    items.CustomToolCall: ("custom", False, lambda item: item.input),
    items.McpCall: ("mcp", True, lambda item: item.arguments),
    items.CodeInterpreterCall: ("code_interpreter", True, lambda item: item.code or ""),
    items.ShellCall: ("shell", False, lambda item: "\n".join(item.action.commands) if item.action else ""),
    items.ApplyPatchCall: ("apply_patch", False, lambda item: _diff(item.operation)),
    items.WebSearchCall: ("web_search", True, lambda item: _json(item.action)),
    items.FileSearchCall: ("file_search", True, lambda item: _json(item.queries)),
    items.ToolSearchCall: ("tool_search", False, lambda item: _json(item.arguments)),
    items.ComputerCall: ("computer", False, lambda item: _json(item.actions or item.action)),
    items.LocalShellCall: ("local_shell", False, lambda item: _json(item.action)),
}
"""The items that are calls of tools: the kind, whether the provider answers them, and what is passed."""

STREAMED: Final = (
    items.FunctionCall,
    items.CustomToolCall,
    items.McpCall,
    items.CodeInterpreterCall,
    items.ShellCall,
    items.ApplyPatchCall,
)
"""The calls for which there are deltas; what the others pass is whole when they are done."""

LISTS: Final = (items.Message, items.Reasoning)
"""The items of which each entry is a part."""

PASSED: Final[dict[type, tuple[type, str]]] = {
    events.FunctionCallArgumentsDelta: (items.FunctionCall, "delta"),
    events.FunctionCallArgumentsDone: (items.FunctionCall, "arguments"),
    events.CustomToolCallInputDelta: (items.CustomToolCall, "delta"),
    events.CustomToolCallInputDone: (items.CustomToolCall, "input"),
    events.McpCallArgumentsDelta: (items.McpCall, "delta"),
    events.McpCallArgumentsDone: (items.McpCall, "arguments"),
    events.CodeInterpreterCallCodeDelta: (items.CodeInterpreterCall, "delta"),
    events.CodeInterpreterCallCodeDone: (items.CodeInterpreterCall, "code"),
    events.ApplyPatchCallOperationDiffDelta: (items.ApplyPatchCall, "delta"),
    events.ApplyPatchCallOperationDiffDone: (items.ApplyPatchCall, "diff"),
    events.ShellCallCommandAdded: (items.ShellCall, "command"),
    events.ShellCallCommandDelta: (items.ShellCall, "delta"),
    events.ShellCallCommandDone: (items.ShellCall, "command"),
}
"""The events that bring what is passed to a tool: the item, and the field of the event that has it."""

PASSING: Final = ("", 0)
"""The place of what is passed, as if it were an entry."""

WRITTEN: Final[dict[type, tuple[str, type, type[AnyPart], str]]] = {
    events.OutputTextDelta: ("content", items.Message, TextPart, "delta"),
    events.OutputTextDone: ("content", items.Message, TextPart, "text"),
    events.RefusalDelta: ("content", items.Message, RefusalPart, "delta"),
    events.RefusalDone: ("content", items.Message, RefusalPart, "refusal"),
    events.ReasoningTextDelta: ("content", items.Reasoning, ReasoningPart, "delta"),
    events.ReasoningTextDone: ("content", items.Reasoning, ReasoningPart, "text"),
    events.ReasoningSummaryTextDelta: ("summary", items.Reasoning, ReasoningPart, "delta"),
    events.ReasoningSummaryTextDone: ("summary", items.Reasoning, ReasoningPart, "text"),
}
"""The events that write: the list of the item, the item, the part, and the field that has the text."""


def _told(entry: Any) -> tuple[type[AnyPart], str]:
    """What an entry of a message or of a reasoning is, and its text."""
    match entry:
        case content.OutputText():
            return TextPart, entry.text
        case content.Refusal():
            return RefusalPart, entry.refusal
        case content.ReasoningText() | content.SummaryText():
            return ReasoningPart, entry.text
        case _:
            return OtherPart, ""


def _is_hosted(item: Any) -> bool:
    """Whether the provider answers a call; a shell and a search for tools may be at either place."""
    match item:
        case items.ShellCall():
            return isinstance(item.environment, calls.ContainerReference)
        case items.ToolSearchCall():
            return item.execution == "server"
        case _:
            return CALLS[type(item)][1]


class _Item:
    """What is known of one item."""

    __slots__ = ("closed", "command", "done", "entries", "id", "index", "last", "made", "part", "type")

    def __init__(self, index: int, item_type: type, item_id: str) -> None:
        self.index = index
        self.type = item_type
        self.id = item_id
        self.made = False  # no event has added it
        self.done = False
        self.part: Growing | None = None  # of an item that is a part; of a reasoning, its last part
        self.entries: dict[tuple[str, int], Growing] = {}  # by list and index
        self.closed: set[tuple[str, int]] = set()  # entries that are told whole
        self.last: tuple[str, int] | None = None  # of a reasoning: the entry that began last
        self.command = -1  # of a shell: the last that has begun


# -- the parts -------------------------------------------------------------------------------------------


class ResponsesParts(Parts["events.Event | UnknownEvent"]):
    """Tells, event by event, which parts of the response begin, go on and end. Single-owner.

    A part ends where the server says so, and at the latest with the terminal event; behind it there are no
    more. What the server tells only whole comes as one delta.
    """

    def __init__(self) -> None:
        super().__init__()
        self._items: list[_Item] = []  # in order of appearance
        self._by_index: dict[int, _Item] = {}
        self._by_id: dict[str, _Item] = {}
        self._highest_index = -1
        self._speech: Growing | None = None
        # What the last delta wrote to, if the next one may do the same:
        self._last_type: type | None = None
        self._last: Any = None
        self._last_index = 0
        self._entry_field = ""  # of the event; empty where there are no entries
        self._last_entry = 0
        self.whole = True
        """An item that is told to be done is so; false for a response that was looked at on its way."""

    def go_on(self, event: events.Event | UnknownEvent, /) -> PartDelta | None:
        """Take a delta that goes where the last one went."""
        if type(event) is not self._last_type or self._halves.waiting:
            return None
        delta: Any = event  # of a type that has these fields
        text: str = delta.delta
        if (
            delta.output_index != self._last_index
            or not text
            or not text.isascii()
            or (self._entry_field and getattr(delta, self._entry_field) != self._last_entry)
        ):
            return None
        told: PartDelta = self._last.append(text)
        return told

    def tell(self, event: events.Event | UnknownEvent) -> list[PartEvent]:
        """Take any event that does not go on."""
        found: list[PartEvent] = []
        tell = TELLERS.get(type(event))
        if tell is not None and not self._over:
            self._last_type = None
            tell(self, event, found)
        return found

    # -- items -------------------------------------------------------------------------------------------

    def _item_of(self, event: Any, item_type: type, found: list[PartEvent]) -> _Item:
        """The item that an event is about; made, if no event has told of it."""
        item_id = without_halves(getattr(event, "item_id", ""))
        item = self._known(event.output_index, item_id)
        if item is None:
            item = self._open_item(event.output_index, item_type, item_id)
            item.made = True
            if item_type is not items.Message:
                self._begin(item, found)
        return item

    def _known(self, index: int | None, item_id: str) -> _Item | None:
        """The item at an index; where the server names none, the item of that id, or else the last."""
        if index is not None:
            return self._by_index.get(index)
        if item_id:
            return self._by_id.get(item_id)
        return self._items[-1] if self._items else None

    def _open_item(self, index: int | None, item_type: type, item_id: str) -> _Item:
        at = self._highest_index + 1 if index is None else index
        self._highest_index = max(self._highest_index, at)
        item = self._by_index[at] = _Item(at, item_type, item_id)
        self._items.append(item)
        if item_id:
            self._by_id[item_id] = item
        return item

    def _begin(self, item: _Item, found: list[PartEvent], told: Any = None) -> Growing:
        """Begin the part that an item is, or the first one of a reasoning."""
        if item.type in CALLS:
            kind, hosted, _ = CALLS[item.type]
            facts = {"hosted": hosted, **_names(told)}
            part = self._start(ToolCallPart, found, 0, id=item.id, kind=kind, **facts)
        elif item.type is items.Reasoning:
            part = self._start(ReasoningPart, found, 0, id=item.id)
        elif item.type is items.ImageGenerationCall:
            part = self._start(ImagePart, found, 0, id=item.id)
        else:
            part = self._start(OtherPart, found, 0, id=item.id, kind=getattr(told, "type", ""))
        item.part = part
        return part

    def _add(self, event: events.OutputItemAdded, found: list[PartEvent]) -> None:
        if event.item is None:
            return
        # The entries of a list are looked at when they are told.
        told = event.item if isinstance(event.item, LISTS) else without_halves(event.item)
        item_id = without_halves(_id_of(told))
        named = event.output_index is not None or item_id
        item = self._known(event.output_index, item_id) if named else None
        if item is None or (item.done and item_id != item.id):
            item = self._open_item(event.output_index, type(told), item_id)
            if isinstance(told, items.Message):
                for at, entry in enumerate(told.content):
                    self._tell_entry(item, ("content", at), entry, found)
                return
            part = self._begin(item, found, told)
            if item.type in STREAMED:
                self._grow(part, CALLS[item.type][2](told), found)
        elif item.made and not item.done and item.part is not None:
            item.made = False
            if item.type in CALLS and type(told) is item.type:
                for field in ("call_id", "name"):
                    item.part.name(field, _names(told)[field], found)

    def _done(self, event: events.OutputItemDone, found: list[PartEvent]) -> None:
        if event.item is None:
            return
        # The entries of a list are looked at when they are told.
        told = event.item if isinstance(event.item, LISTS) else without_halves(event.item)
        item_id = without_halves(_id_of(told))
        item = self._known(event.output_index, item_id)
        if item is None or (item.done and item_id != item.id):
            item = self._open_item(event.output_index, type(told), item_id)
        if not item.done:
            self._finish_item(item, told, found)

    def _finish_item(self, item: _Item, told: Any, found: list[PartEvent]) -> None:
        """The server tells a whole item."""
        item.done = True
        if type(told) is not item.type:
            item.part = None  # it was taken for something else, which ends as it stands
            item.type = type(told)
        if isinstance(told, items.Message):
            self._settle(item, "content", told.content, found)
        elif isinstance(told, items.Reasoning):
            self._settle(item, "summary", told.summary, found)
            self._settle(item, "content", told.content or [], found)
            part = item.part if item.part is not None else self._begin(item, found)
            part.learn(encrypted=without_halves(told.encrypted_content))
        else:
            part = item.part if item.part is not None else self._begin(item, found, told)
            if isinstance(told, items.ImageGenerationCall):
                part.learn(extra=told, data=told.result or "", media_type=_media_type(told.output_format))
            elif item.type in CALLS:
                names = _names(told)
                for field in ("call_id", "name"):
                    part.name(field, names.pop(field), found)
                self._settle_text(part, CALLS[item.type][2](told), found)
                ended = self.whole and getattr(told, "status", None) not in CUT
                part.learn(extra=told, ended=ended, **names)
            else:
                part.learn(extra=told, kind=told.type)
        for growing in (item.part, *item.entries.values()):
            if growing is not None:
                self._finish(growing, found)

    def _settle(self, item: _Item, where: str, entries: list[Any], found: list[PartEvent]) -> None:
        """The server tells the whole of a list of an item."""
        if all(_is_over(item.entries.get((where, at))) for at in range(len(entries))):
            return
        known = [
            growing.text() for (name, _), growing in sorted(item.entries.items(), key=_place) if name == where
        ]
        # Some servers count their deltas as entries: what has the same text is not told once more.
        told = "".join(whole_text(_told(entry)[1]) for entry in entries)
        as_told = bool(known) and "".join(known) == told
        for at, entry in enumerate(entries):
            if (where, at) in item.entries or not as_told:
                self._tell_entry(item, (where, at), entry, found, whole=not as_told)

    def _finish_all(self, event: Any, found: list[PartEvent]) -> None:
        """The terminal event: it tells all items once more, and perhaps some that nothing has told."""
        known = sorted(self._items, key=lambda item: item.index)
        count = item_count(
            event.raw_response
        )  # to decode the response would double the cost of a short stream
        if count is None or count > len(known) or not all(item.done for item in known):
            try:
                output = event.response.output
            except EventDecodeError:
                output = []  # the snapshot raises it
            for at, told in enumerate(without_halves(output)):
                if at >= len(known):
                    self._finish_item(self._open_item(None, type(told), _id_of(told)), told, found)
                elif not known[at].done and known[at].type is type(told):
                    self._finish_item(known[at], told, found)
        found += self.end()

    def _pass(self, event: Any, item_type: type, field: str, found: list[PartEvent]) -> None:
        """What is passed to a tool goes on, or is told whole."""
        item = self._item_of(event, item_type, found)
        growing = item.part
        if item.done or growing is None or item.type is not item_type:
            return
        text = getattr(event, field)
        if item_type is items.ShellCall:
            self._command(item, growing, event.command_index or 0, text, told=field != "delta", found=found)
        elif field != "delta":
            item.closed.add(PASSING)
            growing.name("name", without_halves(getattr(event, "name", None) or ""), found)
            self._settle_text(growing, text, found)
            growing.learn(ended=self.whole)
        elif PASSING not in item.closed:
            self._grow(growing, text, found)
            self._stay(event, growing)

    def _command(
        self, item: _Item, growing: Growing, at: int, text: str, *, told: bool, found: list[PartEvent]
    ) -> None:
        """A command of a shell begins, goes on or is told whole; each is a line."""
        if at > item.command:
            if item.command >= 0:
                found.append(growing.append("\n"))
            item.command = at
            told = False
        if at == item.command and not told:
            self._grow(growing, text, found)

    # -- entries of messages and reasonings --------------------------------------------------------------

    def _write(
        self,
        event: Any,
        where: str,
        item_type: type,
        part_type: type[AnyPart],
        field: str,
        found: list[PartEvent],
    ) -> None:
        """A text goes on, or is told whole."""
        item = self._item_of(event, item_type, found)
        key = where, (event.content_index if where == "content" else event.summary_index) or 0
        if item.done or key in item.closed:
            return
        growing = item.entries.get(key) or self._open_entry(item, key, part_type, found)
        if growing.ended or growing.part_type is not part_type:
            return
        if field == "delta":
            self._grow(growing, event.delta, found)
            self._stay(event, growing, "content_index" if where == "content" else "summary_index")
        else:
            item.closed.add(key)
            self._settle_text(growing, getattr(event, field), found)

    def _stay(self, event: Any, growing: Growing, entry_field: str = "") -> None:
        """The next delta, if it is of the same type and place, goes where this one went."""
        if event.output_index is not None:
            self._last_type, self._last, self._last_index = type(event), growing, event.output_index
            self._entry_field = entry_field
            self._last_entry = getattr(event, entry_field) if entry_field else 0

    def _open_entry(
        self,
        item: _Item,
        key: tuple[str, int],
        part_type: type[AnyPart],
        found: list[PartEvent],
        **facts: Any,
    ) -> Growing:
        """Begin the part of an entry."""
        if part_type is ReasoningPart:
            facts["summary"] = key[0] == "summary"
        if part_type is ReasoningPart and item.type is items.Reasoning:
            # What is encrypted comes with the end of the item, for its last part: that one stays open.
            if item.last is not None and item.last in item.closed:
                self._finish(item.entries[item.last], found)
            if item.entries or item.part is None:
                item.part = self._start(ReasoningPart, found, 0, id=item.id)
            item.last = key
            growing = item.part
            growing.learn(**facts)
        else:
            growing = self._start(part_type, found, 0, id=item.id, **facts)
        item.entries[key] = growing
        return growing

    def _add_entry(
        self, event: events.ContentPartAdded | events.ReasoningSummaryPartAdded, found: list[PartEvent]
    ) -> None:
        item, key = self._entry_of(event, found)
        if event.part is not None and key not in item.entries and not item.done:
            self._tell_entry(item, key, event.part, found)

    def _finish_entry(
        self, event: events.ContentPartDone | events.ReasoningSummaryPartDone, found: list[PartEvent]
    ) -> None:
        item, key = self._entry_of(event, found)
        if event.part is None or item.done:
            return
        growing = self._tell_entry(item, key, event.part, found)
        item.closed.add(key)
        if key != item.last:
            self._finish(growing, found)

    def _entry_of(
        self, event: events.PartEvent | events.SummaryEvent, found: list[PartEvent]
    ) -> tuple[_Item, tuple[str, int]]:
        """The item of an event about an entry, and the entry's place."""
        if isinstance(event, events.SummaryEvent):
            return self._item_of(event, items.Reasoning, found), ("summary", event.summary_index or 0)
        reasoned = isinstance(getattr(event, "part", None), content.ReasoningText)
        item = self._item_of(event, items.Reasoning if reasoned else items.Message, found)
        return item, ("content", event.content_index or 0)

    def _tell_entry(
        self, item: _Item, key: tuple[str, int], told: Any, found: list[PartEvent], *, whole: bool = True
    ) -> Growing:
        """The server tells an entry, as it is now.

        Args:
            item: Its item.
            key: Its place there.
            told: The entry.
            found: Where to tell of it.
            whole: Whether its text is to be taken too.
        """
        growing = item.entries.get(key)
        if growing is not None and growing.ended:
            return growing
        told = without_halves(told)
        part_type, text = _told(told)
        if growing is None:
            facts = {"kind": told.type} if part_type is OtherPart else {}
            growing = self._open_entry(item, key, part_type, found, **facts)
        if growing.part_type is not part_type:
            return growing
        if isinstance(told, content.OutputText):
            growing.annotate(told.annotations, anew=True)
        if part_type is OtherPart:
            growing.learn(extra=told)
        elif whole:
            self._settle_text(growing, text, found)
        return growing

    def _annotate(self, event: events.OutputTextAnnotationAdded, found: list[PartEvent]) -> None:
        item, key = self._entry_of(event, found)
        growing = item.entries.get(key) or self._open_entry(item, key, TextPart, found)
        if event.annotation is not None and not growing.ended and growing.part_type is TextPart:
            growing.annotate([without_halves(event.annotation)])

    # -- sound -------------------------------------------------------------------------------------------

    def _speak(self, found: list[PartEvent]) -> Growing:
        if self._speech is None:
            self._speech = self._start(AudioPart, found, 0)
        return self._speech

    def _sound(self, event: events.AudioDelta, found: list[PartEvent]) -> None:
        self._grow(self._speak(found), event.delta, found)

    def _transcribe(self, event: events.AudioTranscriptDelta, found: list[PartEvent]) -> None:
        speech = self._speak(found)
        if text := self._halves.join(event.delta, speech.index, "transcript"):
            found.append(speech.append_to("transcript", text))


Teller = Callable[[ResponsesParts, Any, "list[PartEvent]"], None]


def _writer(where: str, item_type: type, part_type: type[AnyPart], field: str) -> Teller:
    return lambda parts, event, found: parts._write(event, where, item_type, part_type, field, found)


def _passer(item_type: type, field: str) -> Teller:
    return lambda parts, event, found: parts._pass(event, item_type, field, found)


TELLERS: Final[dict[type, Teller]] = {
    **{event_type: _writer(*row) for event_type, row in WRITTEN.items()},
    **{event_type: _passer(*row) for event_type, row in PASSED.items()},
    **dict.fromkeys(ENDINGS, ResponsesParts._finish_all),
    events.OutputItemAdded: ResponsesParts._add,
    events.OutputItemDone: ResponsesParts._done,
    events.ContentPartAdded: ResponsesParts._add_entry,
    events.ReasoningSummaryPartAdded: ResponsesParts._add_entry,
    events.ContentPartDone: ResponsesParts._finish_entry,
    events.ReasoningSummaryPartDone: ResponsesParts._finish_entry,
    events.OutputTextAnnotationAdded: ResponsesParts._annotate,
    events.AudioDelta: ResponsesParts._sound,
    events.AudioTranscriptDelta: ResponsesParts._transcribe,
}
"""What tells of the parts, by the type of the event. Events that are not here tell nothing of them."""


def _place(entry: tuple[tuple[str, int], Growing]) -> tuple[str, int]:
    return entry[0]


def _is_over(growing: Growing | None) -> bool:
    return growing is not None and growing.ended


def _id_of(item: Any) -> str:
    """The id of an item of any type."""
    found = item.get("id") if isinstance(item, UnknownMember) else item.id
    return found if isinstance(found, str) else ""


def _names(item: Any) -> dict[str, Any]:
    """What is told of a call beside what is passed."""
    call_id, name = getattr(item, "call_id", None), getattr(item, "name", None)
    facts: dict[str, Any] = {
        "call_id": call_id if isinstance(call_id, str) else "",
        "name": name if isinstance(name, str) else "",
    }
    if type(item) in CALLS:
        facts["hosted"] = _is_hosted(item)
    return facts


def _media_type(output_format: str | None) -> str:
    """The media type of an image in a format that the API names."""
    return f"image/{'svg+xml' if output_format == 'svg' else output_format}" if output_format else ""


def parts_of(response: Response, choice: int = 0) -> list[AnyPart]:
    """The parts of a whole response, streamed or not. It has one choice, whose index is 0."""
    parts = ResponsesParts()
    parts.whole = response.status not in RUNNING
    if choice == 0:
        for index, item in enumerate(response.output):
            parts.apply(events.OutputItemDone(output_index=index, item=item))
    parts.end()
    return parts.parts(choice)


def message_of(
    response: Response,
    choice: int = 0,
    verdict: Verdict = Verdict.COMPLETE,
) -> Message:
    """A response, streamed or not, as a neutral message.

    Args:
        response: The response, or a snapshot of it.
        choice: 0; any other gives an empty message.
        verdict: How its stream ended.
    """
    raw = None if response.status in RUNNING or choice else response.status
    if raw == "incomplete" and response.incomplete_details is not None:
        raw = response.incomplete_details.reason or raw
    message = make_message(
        choice,
        parts_of(response, choice),
        usage=_usage_of(response.usage),
        model=response.model,
        created=response.created_at,
        finish_reason=finish_reason_of(raw),
        raw_finish_reason=raw,
        verdict=verdict,
    )
    if message.finish_reason is FinishReason.STOP and message.tool_calls:
        # The API knows no such reason; the chat APIs do.
        return msgspec.structs.replace(message, finish_reason=FinishReason.TOOL_CALLS)
    return message


def _usage_of(usage: ResponseUsage | None) -> Usage | None:
    """The counts under neutral names."""
    if usage is None:
        return None
    inputs, outputs = usage.input_tokens_details, usage.output_tokens_details
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=None if outputs is None else outputs.reasoning_tokens,
        cached_tokens=None if inputs is None else inputs.cached_tokens,
        raw=usage,
    )
