"""Pieces of parts go in; the events that tell of them come out, and the parts so far: what dialects share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from ssewire._merge import REPLACEMENT, join_halves, whole_text
from ssewire._structured import PartialJson
from ssewire.parts import AudioPart, PartDelta, PartEnd, PartStart, TextPart, ToolCallPart

if TYPE_CHECKING:
    from ssewire.parts import AnyPart, PartEvent

E_contra = TypeVar("E_contra", contravariant=True)

MAIN_FIELDS: Final[dict[type, str]] = {ToolCallPart: "arguments", AudioPart: "data"}
"""The field that grows, where it is not `text`."""


class Halves:
    """Joins the surrogate pairs that were cut in two: a first half waits for the second one."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: dict[tuple[int, str], str] = {}
        """The first halves, by owner and name."""

    def join(self, piece: str, owner: int, name: str) -> str:
        """The whole characters in the next piece of the text that has this owner and name."""
        if not self.waiting and piece.isascii():
            return piece
        text, half = join_halves(self.waiting.pop((owner, name), "") + piece)
        if half:
            self.waiting[owner, name] = half
        return text

    def rest(self, owner: int, name: str) -> str:
        """What no piece follows any more: U+FFFD for a half, or nothing."""
        return REPLACEMENT if self.waiting.pop((owner, name), "") else ""


_NOTHING: Final[dict[str, Any]] = {}
"""What most parts have beside their text; never altered."""


class Growing:
    """A part that has begun. It grows by whole characters.

    Args:
        part: What is known of it, without content.
    """

    __slots__ = (
        "_annotations",
        "_facts",
        "_main",
        "_others",
        "_part",
        "_partial",
        "_value",
        "choice",
        "ended",
        "field",
        "index",
        "part_type",
    )

    def __init__(self, part: AnyPart) -> None:
        self.index = part.index
        self.choice = part.choice
        self.part_type = type(part)
        self.field = MAIN_FIELDS.get(type(part), "text")
        """The field that grows."""
        self.ended = False
        """It takes nothing more."""
        self._part = part  # as it began, without the texts
        self._facts: dict[str, Any] = _NOTHING  # learned since
        self._main = StringIO()
        self._others: dict[str, StringIO] = _NOTHING  # further texts, by field
        self._annotations: list[Any] | None = None  # of a text
        self._partial: PartialJson | None = None  # once somebody looks
        self._value: AnyPart | None = None  # unless something came since

    def append(self, text: str) -> PartDelta:
        """Append to the field that grows."""
        self._value = None
        self._main.write(text)
        if self._partial is not None:
            self._partial.feed(text)
        return PartDelta(self.index, text, self.field)

    def append_to(self, field: str, text: str) -> PartDelta:
        """Append to another field."""
        self._value = None
        held = self._others.get(field)
        if held is None:
            held = StringIO()
            self._others = {**self._others, field: held}
        held.write(text)
        return PartDelta(self.index, text, field)

    def name(self, field: str, name: str, found: list[PartEvent]) -> None:
        """Take a name that may have grown."""
        told = self.fact(field)
        if len(name) > len(told):
            self.learn(**{field: name})
            found.append(PartDelta(self.index, name[len(told) :], field))

    def annotate(self, annotations: list[Any], *, anew: bool = False) -> None:
        """Take more annotations of a text, or all of them anew."""
        if anew or self._annotations is None:
            self._annotations = []
        self._annotations += annotations
        self._value = None

    def settle(self, text: str, found: list[PartEvent]) -> None:
        """The provider tells the whole of it: what is missing is appended, what differs is replaced."""
        so_far = self._main.getvalue()
        whole = whole_text(text)
        if not whole.startswith(so_far):
            self._main = StringIO()
            self._main.write(whole)
            self._partial = self._value = None
        elif len(whole) > len(so_far):
            found.append(self.append(whole[len(so_far) :]))

    def learn(self, **facts: Any) -> None:
        """Take facts that are no texts."""
        self._facts = {**self._facts, **facts}
        self._value = None

    def fact(self, name: str) -> Any:
        """A fact as it was last learned."""
        return self._facts[name] if name in self._facts else getattr(self._part, name)

    def end(self, found: list[PartEvent]) -> None:
        """Nothing more comes."""
        value = self.value()
        self.ended = True
        self._main, self._others = StringIO(), _NOTHING  # the value holds the texts from here on
        found.append(PartEnd(self.index, value))

    def reopen(self) -> None:
        """It goes on after all."""
        value = self._value
        self.ended = False
        self._partial = None
        for name in ("text", "arguments", "transcript", "data"):
            if text := getattr(value, name, ""):
                if name == self.field:
                    self._main.write(text)
                else:
                    self.append_to(name, text)

    def text(self) -> str:
        """What has grown so far."""
        return getattr(self._value, self.field, "") if self.ended else self._main.getvalue()

    def value(self) -> AnyPart:
        """The part so far; one copy of its texts when something came since the last look."""
        if self._value is None:
            # One copy for all that is known: making it costs as much as ten deltas.
            facts = self._facts.copy()
            for name, held in self._others.items():
                facts[name] = held.getvalue()
            if text := self._main.getvalue():
                facts[self.field] = text
            if self._annotations:
                facts["annotations"] = self._annotations.copy()
            self._value = msgspec.structs.replace(self._part, **facts)
        return self._value

    def partial(self) -> Any:
        """The JSON in it as far as it has come, in plain values."""
        if not isinstance(self._part, (TextPart, ToolCallPart)):
            raise TypeError(f"part {self.index} holds no JSON: it is of type {self._part.type}")
        if self._partial is None:
            self._partial = PartialJson(self._part.what)
            self._partial.feed(getattr(self.value(), self.field))
        return self._partial.value(final=self.ended)


class Parts(ABC, Generic[E_contra]):
    """Tells, event by event, which parts of the answer begin, go on and end. Single-owner.

    Telling costs in proportion to the event. What is kept is the parts, once.
    """

    def __init__(self) -> None:
        self._halves = Halves()
        self._all: list[Growing] = []  # by index
        self._open: dict[int, Growing] = {}  # by index, in order
        self._cut: list[Growing] = []  # open at the end, which was the stream's
        self._over = False

    def apply(self, event: E_contra) -> list[PartEvent]:
        """Take the next event of the stream.

        Returns:
            What it tells of the parts, in order; often nothing.
        """
        told = self.go_on(event)
        return self.tell(event) if told is None else [told]

    def go_on(self, _event: E_contra, /) -> PartDelta | None:
        """Take an event that has only more of what the last one brought, as most have; None for any other."""
        return None

    @abstractmethod
    def tell(self, event: E_contra) -> list[PartEvent]:
        """Take any event that does not go on."""

    def end(self) -> list[PartEvent]:
        """The stream has ended, however it did: the parts that are open end, in order. Idempotent."""
        found: list[PartEvent] = []
        if not self._over:
            self._over = True
            self._cut = list(self._open.values())
            self._end(found)
        return found

    def reopen(self) -> None:
        """The stream goes on after all: so do the parts that its end had ended, to end anew."""
        self._over = False
        for growing in self._cut:
            growing.reopen()
            self._open[growing.index] = growing
        self._cut = []

    def parts(self, choice: int = 0) -> list[AnyPart]:
        """The parts of one choice so far, in order. What was handed out before is never altered."""
        return [each.value() for each in self._all if each.choice == choice]

    def part(self, index: int) -> AnyPart:
        """The part of that number, as it stands. Raises IndexError: it has not begun yet."""
        return self._all[index].value()

    def partial(self, index: int) -> Any:
        """The JSON that a text, or the arguments of a call, hold so far, in plain values; None for nothing.

        It may be asked for at every delta: a long text is parsed again only when it has grown by an eighth,
        and the value is the one before until then. That of a part that has ended leaves nothing out.

        Raises:
            StructuredOutputError: It is not the beginning of JSON.
            TypeError: The part is neither a text nor a call of a tool.
            IndexError: There is no part of that number yet.
            ImportError: The extra `json` is not installed.
        """
        return self._all[index].partial()

    # -- for the dialects --------------------------------------------------------------------------------

    def _start(self, part_type: type[Any], found: list[PartEvent], choice: int, /, **facts: Any) -> Growing:
        """Begin a part."""
        part = part_type(index=len(self._all), choice=choice, **facts)
        growing = self._open[part.index] = Growing(part)
        self._all.append(growing)
        found.append(PartStart(part.index, choice, part))
        return growing

    def _grow(self, growing: Growing, piece: str | None, found: list[PartEvent]) -> None:
        """Append a piece, which may be nothing, or end in half a character."""
        if piece and (text := self._halves.join(piece, growing.index, growing.field)):
            found.append(growing.append(text))

    def _settle_text(self, growing: Growing, text: str, found: list[PartEvent]) -> None:
        """Take the whole of what grows, as the provider tells it: of its pieces, no half waits any more."""
        self._halves.rest(growing.index, growing.field)
        growing.settle(text, found)

    def _finish(self, growing: Growing, found: list[PartEvent]) -> None:
        """End a part."""
        if self._open.pop(growing.index, None) is not None:
            if self._halves.waiting:
                if rest := self._halves.rest(growing.index, growing.field):
                    found.append(growing.append(rest))
                if rest := self._halves.rest(growing.index, "transcript"):
                    found.append(growing.append_to("transcript", rest))
            growing.end(found)

    def _end(self, found: list[PartEvent]) -> None:
        """End what is open."""
        for growing in list(self._open.values()):
            self._finish(growing, found)
