"""Deltas in a row that go to the same text come in; the text gets them many at a time.

Between two deltas of a text nothing changes but the delta, its number and its padding. To see that costs a
tenth of finding the way to the text anew. `benchmarks/compare.py` has the figures. Whatever is not like that
is left to the exact way.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from ssewire._json import STRICT_ERRORS
from ssewire.responses.reducer import FOLDS, Fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire._wire.tokenizer import ServerSentEvent
    from ssewire.events import UnknownEvent
    from ssewire.responses import events
    from ssewire.responses.reducer import ResponsesReducer, Row

    AnyEvent = events.Event | UnknownEvent


def _place_of(event_type: type, rows: tuple[Row, ...]) -> Callable[[Any], Any]:
    """What of an event tells where its delta goes, and what it brings beside."""
    indexes = [step[1:] for step in rows[0].path if step.startswith("#")]
    names = ["item_id"] if hasattr(event_type, "item_id") else []
    return attrgetter("output_index", *names, *indexes, *(row.source for row in rows[1:]))


PLACES: Final = {
    event_type: _place_of(event_type, rows)
    for event_type, rows in FOLDS.items()
    if rows[0].fold is Fold.APPEND and rows[0].source == "delta"
}
"""The events that bring a delta of a text, and their places."""


class Deltas:
    """Remembers the place of the last delta, and takes those that go there too. Single-owner.

    Args:
        reducer: Where the deltas go.
        strict: Decodes an event, the exact way.
    """

    __slots__ = (
        "_add",
        "_number",
        "_place",
        "_place_of",
        "_reducer",
        "_strict",
        "_type",
        "decoded",
        "pieces",
    )

    def __init__(self, reducer: ResponsesReducer, strict: Callable[[bytes], AnyEvent]) -> None:
        self.pieces: list[str] = []
        """The deltas that were taken and are not folded yet."""
        self.decoded: AnyEvent | None = None
        """The last event, where it was not taken."""
        self._reducer = reducer
        self._strict = strict
        self._type: type[Any] | None = None  # of the events; None: nothing is remembered
        # What is set with the type:
        self._place_of: Callable[[Any], Any]
        self._place: Any
        self._number: int | None  # that the next event has, if they are numbered
        self._add: Callable[[str], object]

    def take(self, wire: ServerSentEvent) -> AnyEvent | None:
        """The event; None where it does not go where the last one went."""
        self.decoded = None
        event: Any
        try:
            event = self._strict(wire.data)
        except STRICT_ERRORS:
            return None
        if (
            type(event) is not self._type
            or wire.event == "error"
            or self._place_of(event) != self._place
            or event.sequence_number != self._number
        ):
            self.decoded = event
            return None
        if self._number is not None:
            self._number += 1
        self.pieces.append(event.delta)
        taken: AnyEvent = event
        return taken

    def take_read(self, _data: bytes) -> None:
        """To decode a delta is cheap enough, and there is no shorter way to see whether it goes on."""
        self.decoded = None

    def fold(self, count: int) -> list[str]:
        """Fold the first so many deltas, and return them."""
        deltas = self.pieces[:count]
        del self.pieces[:count]
        self._add("".join(deltas))
        self._reducer.repeated(count, tokens=count - deltas.count(""))
        return deltas

    def learn(self, _payload: bytes, event: AnyEvent) -> None:
        """Remember an event that was decoded and folded the exact way."""
        self._type = None
        place_of = PLACES.get(type(event))
        if place_of is None:
            return
        known: Any = event
        rows = FOLDS[type(event)]
        number = self._reducer.sequence_number
        if known.sequence_number != number or any(getattr(known, row.source) for row in rows[1:]):
            return
        add = self._reducer.adder(known, rows[0])
        if add is not None:
            self._type = type(event)
            self._place_of = place_of
            self._place = place_of(event)
            self._number = None if number is None else number + 1
            self._add = add
