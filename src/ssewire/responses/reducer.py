"""Events go in, the response that they add up to comes out, at any time.

Items are kept by output index, as trees of plain values, in which the texts that still grow are `Text`s and
the lists that events address by an index are dicts, so that nothing is ever allocated up to an index. What an
event does to its item is a row in `FOLDS`.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from ssewire._json import PayloadDecoder
from ssewire._merge import Text, without_halves
from ssewire.errors import EventDecodeError
from ssewire.events import Diagnostic, DiagnosticLog, UnknownEvent
from ssewire.responses import events
from ssewire.responses.compare import Difference, compare
from ssewire.responses.content import ReasoningText
from ssewire.responses.items import OutputItem
from ssewire.responses.response import Response, read_response
from ssewire.responses.tagged import UnknownMember

if TYPE_CHECKING:
    from collections.abc import Callable


class Fold(Enum):
    """What a row does at its place."""

    OPEN = auto()  # put the value there, unless something is there already
    APPEND = auto()  # append to the text there
    EXTEND = auto()  # extend the list there
    SET = auto()  # put the value there, whole: nothing is appended any more
    STATUS = auto()  # put a constant there


class Row(NamedTuple):
    """One thing that an event does to its item."""

    item: str
    """The type of the item, should this event be the first to tell of it."""
    path: tuple[str, ...]
    """From the item to the place: field names, and `#name` for the index that the event has in `name`."""
    fold: Fold
    source: str
    """The field of the event that has the value; for a status the value itself."""
    part: str | None = None
    """The type of the part, should this event be the first to tell of it."""


def _text(item: str, *path: str, part: str | None = None) -> tuple[tuple[Row], tuple[Row]]:
    """What a delta does, and what its done event does, which has the whole under the place's name."""
    return (Row(item, path, Fold.APPEND, "delta", part),), (Row(item, path, Fold.SET, path[-1], part),)


def _status(item: str, status: str) -> tuple[Row]:
    return (Row(item, ("status",), Fold.STATUS, status),)


_CONTENT: Final = ("content", "#content_index")
_SUMMARY: Final = ("summary", "#summary_index")
_COMMAND: Final = ("action", "commands", "#command_index")
_OUTPUT: Final = ("output", "#command_index")

_text_delta, _text_done = _text("message", *_CONTENT, "text", part="output_text")
_refusal_delta, _refusal_done = _text("message", *_CONTENT, "refusal", part="refusal")
_reasoning_delta, _reasoning_done = _text("reasoning", *_CONTENT, "text", part="reasoning_text")
_summary_delta, _summary_done = _text("reasoning", *_SUMMARY, "text", part="summary_text")
_arguments_delta, _arguments_done = _text("function_call", "arguments")
_input_delta, _input_done = _text("custom_tool_call", "input")
_mcp_delta, _mcp_done = _text("mcp_call", "arguments")
_code_delta, _code_done = _text("code_interpreter_call", "code")
_diff_delta, _diff_done = _text("apply_patch_call", "operation", "diff")

FOLDS: Final[dict[type, tuple[Row, ...]]] = {
    events.ContentPartAdded: (Row("message", _CONTENT, Fold.OPEN, "part"),),
    events.ContentPartDone: (Row("message", _CONTENT, Fold.SET, "part"),),
    events.OutputTextDelta: (
        *_text_delta,
        Row("message", (*_CONTENT, "logprobs"), Fold.EXTEND, "logprobs", "output_text"),
    ),
    events.OutputTextDone: (
        *_text_done,
        Row("message", (*_CONTENT, "logprobs"), Fold.SET, "logprobs", "output_text"),
    ),
    events.OutputTextAnnotationAdded: (
        Row(
            "message", (*_CONTENT, "annotations", "#annotation_index"), Fold.OPEN, "annotation", "output_text"
        ),
    ),
    events.RefusalDelta: _refusal_delta,
    events.RefusalDone: _refusal_done,
    events.ReasoningTextDelta: _reasoning_delta,
    events.ReasoningTextDone: _reasoning_done,
    events.ReasoningSummaryPartAdded: (Row("reasoning", _SUMMARY, Fold.OPEN, "part"),),
    events.ReasoningSummaryPartDone: (Row("reasoning", _SUMMARY, Fold.SET, "part"),),
    events.ReasoningSummaryTextDelta: _summary_delta,
    events.ReasoningSummaryTextDone: _summary_done,
    events.FunctionCallArgumentsDelta: _arguments_delta,
    events.FunctionCallArgumentsDone: (
        Row("function_call", ("name",), Fold.OPEN, "name"),
        *_arguments_done,
    ),
    events.CustomToolCallInputDelta: _input_delta,
    events.CustomToolCallInputDone: _input_done,
    events.McpCallArgumentsDelta: _mcp_delta,
    events.McpCallArgumentsDone: _mcp_done,
    events.McpCallInProgress: _status("mcp_call", "in_progress"),
    events.McpCallCompleted: _status("mcp_call", "completed"),
    events.McpCallFailed: _status("mcp_call", "failed"),
    events.CodeInterpreterCallInProgress: _status("code_interpreter_call", "in_progress"),
    events.CodeInterpreterCallInterpreting: _status("code_interpreter_call", "interpreting"),
    events.CodeInterpreterCallCompleted: _status("code_interpreter_call", "completed"),
    events.CodeInterpreterCallCodeDelta: _code_delta,
    events.CodeInterpreterCallCodeDone: _code_done,
    events.FileSearchCallInProgress: _status("file_search_call", "in_progress"),
    events.FileSearchCallSearching: _status("file_search_call", "searching"),
    events.FileSearchCallCompleted: _status("file_search_call", "completed"),
    events.WebSearchCallInProgress: _status("web_search_call", "in_progress"),
    events.WebSearchCallSearching: _status("web_search_call", "searching"),
    events.WebSearchCallCompleted: _status("web_search_call", "completed"),
    events.ImageGenerationCallInProgress: _status("image_generation_call", "in_progress"),
    events.ImageGenerationCallGenerating: _status("image_generation_call", "generating"),
    events.ImageGenerationCallCompleted: _status("image_generation_call", "completed"),
    events.ShellCallCommandAdded: (Row("shell_call", _COMMAND, Fold.OPEN, "command"),),
    events.ShellCallCommandDelta: (Row("shell_call", _COMMAND, Fold.APPEND, "delta"),),
    events.ShellCallCommandDone: (Row("shell_call", _COMMAND, Fold.SET, "command"),),
    events.ShellCallOutputContentDelta: (
        Row("shell_call_output", (*_OUTPUT, "stdout"), Fold.APPEND, "delta.stdout"),
        Row("shell_call_output", (*_OUTPUT, "stderr"), Fold.APPEND, "delta.stderr"),
    ),
    events.ShellCallOutputContentDone: (Row("shell_call_output", _OUTPUT, Fold.SET, "output.0"),),
    events.ApplyPatchCallOperationDiffDelta: _diff_delta,
    events.ApplyPatchCallOperationDiffDone: _diff_done,
}
"""What each event does to its item. Events that are not here change no item, but for the three below."""

BEGINNINGS: Final = (events.Created, events.Queued, events.InProgress)
"""The events that replace what is known of the response, but for its items."""
ENDINGS: Final = (events.Completed, events.Incomplete, events.Failed)
"""The terminal events."""


class ResponsesState(msgspec.Struct, frozen=True):
    """What a reducer knows, to be saved as JSON or MessagePack and to go on from, in another process too.

    Attributes:
        sequence_number: The highest that was seen: resume the stream after it.
        beginning: The event that told of the response last, encoded.
        ending: The terminal event, encoded.
        items: The items, in a form that is ssewire's own.
        disordered: The numbers were out of order, and do not tell what was seen.
    """

    sequence_number: int | None
    beginning: bytes | None
    ending: bytes | None
    items: list[Any]
    disordered: bool = False


class ResponsesReducer:
    """Folds the events of one stream into a `Response`.

    Events are never changed, nor is a snapshot that was handed out. Applying an event costs in proportion to
    its size; a snapshot costs one copy of what changed since the last, nothing when nothing did.
    Single-owner: not for several threads at once.

    Args:
        log: Where to note what is unusual; a log of its own by default.
        state: What another reducer knew, to go on from: events that it has seen are dropped, unless their
            numbers were out of order.
        forgive: Called with the error, once, when the server's own response is looked at and does not decode:
            what was assembled stands for it. By default whoever looks gets the error.
    """

    def __init__(
        self,
        log: DiagnosticLog | None = None,
        *,
        state: ResponsesState | None = None,
        forgive: Callable[[EventDecodeError], object] | None = None,
    ) -> None:
        self.tokens = 0
        """How many deltas have brought text, reasoning, a refusal, arguments or the like."""
        self.sequence_number: int | None = None
        """The highest sequence number that was seen."""
        self.disordered = False
        """A sequence number was not higher than one before: the numbers do not tell what was seen."""
        self._own_log = log is None
        self._log = log or DiagnosticLog()
        self._resume_after: int | None = None
        self._beginning: _Told | None = None
        self._ending: _Told | None = None
        self._items: list[_Item] = []  # in order of appearance
        self._by_index: dict[int, _Item] = {}
        self._by_id: dict[str, _Item] = {}  # of several with an id, the last that was told
        self._next_index = 0  # behind the highest
        self._assembled: Response | None = None  # unless something came since
        self._completed: Response | None = None  # the final object, with what it lacks
        self._forgive = forgive
        self._forgiven = False  # the final object does not decode
        if state is not None:
            self._load(state)

    def apply(self, event: events.Event | UnknownEvent) -> None:
        """Fold one event."""
        if self._own_log:
            self._log.ordinal += 1
        if not self._is_next(event):
            return
        if self._ending is not None:
            self._log.note("late_event", f"{event.type} after the end")
            return
        self._assembled = None
        rows = FOLDS.get(type(event))
        if rows is not None:
            self._fold(event, rows)
            return
        if isinstance(event, events.OutputItemAdded):
            self._add(event)
        elif isinstance(event, events.OutputItemDone):
            self._finish(event)
        elif isinstance(event, BEGINNINGS):
            self._beginning = _Told(event, self._log)
        elif isinstance(event, ENDINGS):
            self._ending = _Told(event, self._log)

    def adder(self, event: Any, row: Row) -> Callable[[str], object] | None:
        """What adds to the text that a delta was folded into, for whoever knows that nothing else comes.

        Args:
            event: The delta.
            row: What it does.
        """
        item = self._known(event.output_index, getattr(event, "item_id", None))
        return None if item is None or item.done is not None else item.adder(event, row)

    def repeated(self, count: int, *, tokens: int) -> None:
        """A text was added to by so many events, of which `tokens` brought something to read."""
        self._assembled = None
        self.tokens += tokens
        if self.sequence_number is not None:
            self.sequence_number += count
        if self._own_log:
            self._log.ordinal += count

    def resume(self) -> None:
        """Another body goes on after the last event; what it repeats is dropped, if the numbers tell it."""
        self._resume_after = None if self.disordered else self.sequence_number

    def came_before(self, event: events.Event | UnknownEvent) -> bool:
        """Whether an event was seen before the stream was resumed; notes it."""
        if self._resume_after is None:
            return False
        number = _number_of(event)
        if number is None:
            return False
        if number <= self._resume_after:
            self._log.note("duplicate_event", "seen before the stream was resumed")
            return True
        self._resume_after = None
        return False

    def _is_next(self, event: events.Event | UnknownEvent) -> bool:
        """Whether the event was not seen before the stream was resumed; notes gaps."""
        if self.came_before(event):
            return False
        number = _number_of(event)
        if number is None:
            return True
        if self.sequence_number is None:
            if number > 0:
                self._log.note("sequence_gap", f"the stream begins at sequence number {number}")
        elif number > self.sequence_number + 1:
            self._log.note(
                "sequence_gap", f"sequence numbers {self.sequence_number + 1} to {number - 1} are missing"
            )
        elif number <= self.sequence_number:
            self._log.note("sequence_disorder", "a sequence number that is not the next")
            self.disordered = True
            return True
        self.sequence_number = number
        return True

    # -- items -------------------------------------------------------------------------------------------

    def _fold(self, event: Any, rows: tuple[Row, ...]) -> None:
        """Do what the rows say."""
        item: _Item | None = None
        for row in rows:
            value: Any = row.source if row.fold is Fold.STATUS else _value_of(event, row.source)
            if value is None or value == []:
                continue
            if item is None:
                item = self._item_of(event, row.item)
            if item.done is not None:
                self._log.note("late_delta", f"{event.type} for an item that is done")
                return
            taken = item.fold(event, row, value)
            if taken and row.fold is Fold.APPEND and value and row.item != "shell_call_output":
                self.tokens += 1

    def _item_of(self, event: Any, kind: str) -> _Item:
        """The item that an event is about; made, if no event has told of it."""
        item_id = getattr(event, "item_id", None)
        item = self._known(event.output_index, item_id)
        if item is None:
            if isinstance(getattr(event, "part", None), ReasoningText):
                kind = "reasoning"
            item = self._open(
                event.output_index, {"type": kind, "id": item_id or "", "status": "in_progress"}
            )
            item.made = True
            self._log.note("missing_item", f"{event.type} for an item that was not added")
        return item

    def _known(self, index: int | None, item_id: str | None) -> _Item | None:
        """The item at an index; where the server names none, the item of that id, or else the last."""
        if index is not None:
            return self._by_index.get(index)
        if item_id:
            return self._by_id.get(str(without_halves(item_id)))
        return self._items[-1] if self._items else None

    def _open(self, index: int | None, tree: dict[str, Any]) -> _Item:
        at = self._next_index if index is None else index
        item = _Item(at, without_halves(tree), self._log)
        self._keep(item)
        return item

    def _keep(self, item: _Item) -> None:
        """An item is new."""
        self._items.append(item)
        self._by_index[item.index] = item
        self._next_index = max(self._next_index, item.index + 1)
        self._name(item)

    def _name(self, item: _Item) -> None:
        """The id of an item is known."""
        if item_id := item.tree.get("id"):
            self._by_id[str(item_id)] = item

    def _add(self, event: events.OutputItemAdded) -> None:
        if event.item is None:
            return
        tree = _tree_of(event.item)
        named = event.output_index is not None or tree.get("id")
        known = self._known(event.output_index, tree.get("id")) if named else None
        if known is None or self._reuses(known, tree.get("id")):
            self._open(event.output_index, tree)
        elif known.made and known.done is None:
            known.explain(tree)
            self._name(known)
        else:
            self._log.note("item_added_again", "an item was added where one is")

    def _finish(self, event: events.OutputItemDone) -> None:
        if event.item is None:
            return
        item_id = without_halves(_id_of(event.item))
        item = self._known(event.output_index, item_id)
        if item is None or self._reuses(item, item_id):
            item = self._open(event.output_index, {"id": item_id})
        item.done = _whole(event.item, lambda raw: _item_decoder().decode(raw)[0])

    def _reuses(self, known: _Item, item_id: Any) -> bool:
        """Whether an item comes with the output index of another one, which is finished."""
        if known.done is None or item_id in (known.tree.get("id"), _id_of(known.done)):
            return False
        self._log.note("output_index_reused", "an output index that a finished item has")
        return True

    # -- what has arrived --------------------------------------------------------------------------------

    def snapshot(self) -> Response:
        """The response so far; after the terminal event the server's own.

        Raises:
            EventDecodeError: The server's own does not decode; what was assembled is the error's `snapshot`.
        """
        if self._ending is None:
            return self.assembled()
        if self._completed is None:
            final = self._final()
            if final is None:
                status = self._ending.event.type.removeprefix("response.")
                self._completed = msgspec.structs.replace(self.assembled(), status=status)
            elif final.output or not self._items:
                self._completed = final
            else:  # the ChatGPT backend and some gateways end with an empty list of items
                self._completed = msgspec.structs.replace(final, output=self._output())
        return self._completed

    def _final(self) -> Response | None:
        """The server's own; None before the end, or where it does not decode and that is forgiven."""
        if self._ending is None or self._forgiven:
            return None
        try:
            return self._ending.response()
        except EventDecodeError as error:
            error.ordinal = self._ending.ordinal
            if self._forgive is None:
                error.snapshot = self.assembled()
                raise
            self._forgiven = True
            self._forgive(error)
            return None

    def assembled(self) -> Response:
        """The response folded from everything but the terminal event.

        Where its beginning does not decode, it is the items alone, and the diagnostics have a `malformed`.
        """
        if self._assembled is None:
            beginning = self._begun()
            self._assembled = msgspec.structs.replace(beginning, output=self._output() or beginning.output)
        return self._assembled

    def _output(self) -> list[Any]:
        return [item.snapshot() for item in sorted(self._items, key=lambda item: item.index)]

    def _begun(self) -> Response:
        return Response() if self._beginning is None else self._beginning.response_or_nothing()

    def compare(self) -> list[Difference]:
        """The differences between what was streamed and the server's own final object; none before the end.

        Raises:
            EventDecodeError: The server's own does not decode.
        """
        final = self._final()
        return [] if final is None else compare(self.assembled(), final)

    @property
    def finished(self) -> bool:
        """Whether the terminal event came."""
        return self._ending is not None

    @property
    def usage(self) -> Any:
        """The usage, which the terminal event brings."""
        return self._told().usage

    @property
    def model(self) -> str | None:
        """The name of the model."""
        return self._told().model or None

    @property
    def created(self) -> float | None:
        """When the response was created, in seconds since 1970."""
        return self._told().created_at

    def _told(self) -> Response:
        return self._final() or self._begun()

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was unusual."""
        return self._log.entries()

    # -- saving ------------------------------------------------------------------------------------------

    def state(self) -> ResponsesState:
        """What the reducer knows, to go on from later."""
        beginning, ending = (
            None if told is None else told.encoded() for told in (self._beginning, self._ending)
        )
        items = [item.dump() for item in self._items]
        return ResponsesState(self.sequence_number, beginning, ending, items, self.disordered)

    def _load(self, state: ResponsesState) -> None:
        known: Any = events.KnownEvent
        decoder = PayloadDecoder(known)  # the response is as it was sent, and may need repairs
        self.sequence_number, self.disordered = state.sequence_number, state.disordered
        self.resume()
        self._beginning, self._ending = (
            None if encoded is None else _Told(decoder.decode(encoded)[0], self._log)
            for encoded in (state.beginning, state.ending)
        )
        for dumped in state.items:
            self._keep(_Item.load(dumped, self._log))


class _Told:
    """An event that brings the whole response, which is decoded at the first look."""

    __slots__ = ("_log", "_response", "event", "ordinal")

    def __init__(self, event: Any, log: DiagnosticLog) -> None:
        self.event = event
        self.ordinal = log.ordinal
        self._response: Response | None = None
        self._log = log

    def response(self) -> Response:
        if self._response is not None:
            return self._response
        response, repairs = read_response(self.event.raw_response, self.event.type)
        for repair in repairs:
            self._log.note("repaired", repair, self.ordinal)
        whole: Response = _whole(response, lambda raw: read_response(Raw(raw), self.event.type)[0])
        self._response = whole
        return whole

    def response_or_nothing(self) -> Response:
        """An empty response, and a diagnostic, where it does not decode."""
        try:
            return self.response()
        except EventDecodeError as error:
            self._log.note("malformed", error.reason, self.ordinal)
            self._response = Response()
            return self._response

    def encoded(self) -> bytes:
        """The event, with nothing but its response."""
        return msgspec.json.encode(type(self.event)(self.event.sequence_number, self.event.raw_response))


# -- one item --------------------------------------------------------------------------------------------


class _Indexed:
    """A list of which the events name the indexes."""

    __slots__ = ("entries",)

    def __init__(self, entries: dict[int, Any]) -> None:
        self.entries = entries

    def ordered(self) -> list[Any]:
        return [entry for _, entry in sorted(self.entries.items())]


class _Item:
    """What is known of one item.

    Attributes:
        index: Its place among the items.
        tree: Its fields, while it grows.
        done: The item as the server sent it when it was done.
        made: No event has added it: what its deltas told is all there is.
    """

    __slots__ = ("_closed", "_log", "_snapshot", "done", "index", "made", "tree")

    def __init__(self, index: int, tree: dict[str, Any], log: DiagnosticLog) -> None:
        self.index = index
        self.tree = tree
        self.done: Any = None
        self.made = False
        self._closed: set[tuple[str | int, ...]] = set()  # places that are whole
        self._snapshot: Any = None  # unless something came since
        self._log = log

    def explain(self, tree: dict[str, Any]) -> None:
        """The item's own event came after its deltas: take what they did not tell."""
        told = {name: value for name, value in self.tree.items() if name not in ("id", "status", "type")}
        self.tree = tree | told
        self.made = False
        self._snapshot = None

    def fold(self, event: Any, row: Row, value: Any) -> bool:
        """Do what a row says; returns whether there was a place for it."""
        self._snapshot = None
        entries: Any = self.tree
        key: str | int = ""
        place: list[str | int] = []
        for at, step in enumerate(row.path):
            key = (getattr(event, step[1:]) or 0) if step.startswith("#") else step
            place.append(key)
            if tuple(place) in self._closed and row.fold is not Fold.SET:
                if row.fold is not Fold.OPEN:
                    self._log.note("late_delta", f"{event.type} for what is done")
                return False
            if at < len(row.path) - 1:
                entries = self._descend(entries, key, row.path[at + 1].startswith("#"), row.part)
                if entries is None:
                    break
        if entries is None or not self._put(event, entries, key, row, value):
            self._log.note("misplaced_event", f"{event.type} for an item that has something else there")
            return False
        if row.fold is Fold.SET:
            self._closed.add(tuple(place))
        return True

    def adder(self, event: Any, row: Row) -> Callable[[str], object] | None:
        """What adds to the text at a place, if one grows there."""
        place = [(getattr(event, step[1:]) or 0) if step.startswith("#") else step for step in row.path]
        held: Any = self.tree
        for key in place:
            if isinstance(held, _Indexed):
                held = held.entries
            held = held.get(key) if isinstance(held, dict) else None
        if not isinstance(held, Text):  # what is done does not grow any more, and is plain text
            return None

        def add(piece: str) -> None:
            self._snapshot = None
            held.add(piece)

        return add

    def _descend(self, entries: Any, key: str | int, indexed: bool, part: str | None) -> Any:
        """The entries of a list that is addressed by index, or the fields of an object; None for neither."""
        held = entries.get(key)
        if isinstance(held, _Indexed):
            return held.entries
        if indexed and (not held or isinstance(held, list)):
            entries[key] = _Indexed(dict(enumerate(held or ())))
            return entries[key].entries
        if not held:
            held = entries[key] = {"type": part} if part else {}
        return held if isinstance(held, dict) and not indexed else None

    def _put(self, event: Any, entries: dict[str | int, Any], key: str | int, row: Row, value: Any) -> bool:
        held = entries.get(key)
        if row.fold is Fold.APPEND:
            if not isinstance(held, Text):
                if held and not isinstance(held, str):
                    return False
                begun, held = held or "", Text()
                held.add(begun)
                entries[key] = held
            held.add(value)
        elif row.fold is Fold.EXTEND:
            if held and not isinstance(held, list):
                return False
            if held:
                held += _tree_of(value)
            else:
                entries[key] = _tree_of(value)
        elif row.fold is not Fold.OPEN or not held:
            entries[key] = _tree_of(value)
            if isinstance(held, Text) and held.value() != entries[key]:
                self._log.note("done_differs", f"{event.type} has not what its deltas add up to")
        return True

    def snapshot(self) -> Any:
        """The item so far."""
        if self.done is not None:
            return self.done
        if self._snapshot is None:
            raw = msgspec.json.encode(self.tree, enc_hook=_plain)
            try:
                self._snapshot = _item_decoder().decode(raw)[0]
            except EventDecodeError:
                # An event put into it what items of its type do not have.
                self._snapshot = UnknownMember(msgspec.json.decode(raw))
        return self._snapshot

    def dump(self) -> list[Any]:
        """The item in plain values."""
        closed = [list(place) for place in self._closed]
        return [self.index, _dump(self.tree), closed, self.made, msgspec.to_builtins(self.done)]

    @classmethod
    def load(cls, dumped: list[Any], log: DiagnosticLog) -> _Item:
        """What `dump` gave, as an item again."""
        index, tree, closed, made, done = dumped
        item = cls(index, _load(tree), log)
        item._closed = {tuple(place) for place in closed}
        item.made = made
        if done is not None:
            item.done = _item_decoder().decode(msgspec.json.encode(done))[0]
        return item


@cache
def _item_decoder() -> PayloadDecoder[Any]:
    item: Any = OutputItem
    return PayloadDecoder(item)


class _Numbered(msgspec.Struct, frozen=True, gc=False):
    """What an event of unknown type may have in common with the others."""

    sequence_number: int | None = None


@cache
def _numbered_decoder() -> PayloadDecoder[_Numbered]:
    return PayloadDecoder(_Numbered)


def _number_of(event: events.Event | UnknownEvent) -> int | None:
    """The sequence number of an event."""
    if not isinstance(event, UnknownEvent):
        return event.sequence_number
    try:
        return _numbered_decoder().decode(event.raw)[0].sequence_number
    except EventDecodeError:
        return None


def _tree_of(value: Any) -> Any:
    """A decoded value as plain values of its own, without surrogate halves."""
    return without_halves(msgspec.to_builtins(value))


def _whole(value: Any, read: Callable[[bytes], Any]) -> Any:
    """A decoded value, which may hold unknown members, with U+FFFD for each surrogate half in it."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return read(msgspec.json.encode(_tree_of(value)))
    return value


def _id_of(item: Any) -> Any:
    """The id of an item of any type."""
    return item.get("id") if isinstance(item, UnknownMember) else item.id


def _value_of(event: Any, source: str) -> Any:
    """The value of a field, or of a field or entry inside it."""
    for name in source.split("."):
        if event is None or event == []:
            return None
        event = event[int(name)] if name.isdigit() else getattr(event, name, None)
    return event


def _plain(node: Any) -> Any:
    """A growing text or list as JSON has it."""
    return node.value() if isinstance(node, Text) else node.ordered()


def _dump(node: Any) -> list[Any]:
    match node:
        case Text():
            return ["text", *node.dump()]
        case _Indexed():
            return ["list", [[key, _dump(each)] for key, each in node.entries.items()]]
        case dict():
            return ["object", {key: _dump(each) for key, each in node.items()}]
        case _:
            return ["value", msgspec.to_builtins(node)]


def _load(dumped: list[Any]) -> Any:
    match dumped:
        case ["text", text, half]:
            return Text.load(text, half)
        case ["list", entries]:
            return _Indexed({key: _load(each) for key, each in entries})
        case ["object", fields]:
            return {key: _load(each) for key, each in fields.items()}
        case [_, value]:
            return value
    raise ValueError(f"no state of a reducer: {dumped!r}")
