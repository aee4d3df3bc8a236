"""Events of a stream come in, one by one or with `await`; the events of its parts go out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ssewire._growing import Parts
    from ssewire.parts import AnyPart, PartEvent

E = TypeVar("E")


class _PartEvents(Generic[E]):
    """What the two kinds of iterator share. The parts that are open end with the stream."""

    def __init__(self, parts: Parts[E]) -> None:
        self._parts = parts
        self._told: deque[PartEvent] = deque()  # and not yet handed out

    def so_far(self, choice: int = 0) -> list[AnyPart]:
        """The parts of one choice so far, in order. What was handed out before is never altered."""
        return self._parts.parts(choice)

    def reopen(self) -> None:
        """The stream goes on: so do the parts that its end had ended. They end anew."""
        self._parts.reopen()

    def part(self, index: int) -> AnyPart:
        """The part of that number, as it stands."""
        return self._parts.part(index)

    def partial(self, index: int) -> Any:
        """The JSON that a text, or the arguments of a call, hold so far, in plain values; None for nothing.

        It may be asked for at every delta: a long text is parsed again only when it has grown by an eighth,
        and the value is the one before until then. That of a part that has ended leaves nothing out.

        Raises:
            StructuredOutputError: It is not the beginning of JSON.
            TypeError: The part is neither a text nor a call of a tool.
            ImportError: The extra `json` is not installed.
        """
        return self._parts.partial(index)


class PartEvents(_PartEvents[E]):
    """Iterates over what the events of a stream tell of the parts of the answer."""

    def __init__(self, events: Iterator[E], parts: Parts[E]) -> None:
        super().__init__(parts)
        self._events = events

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> PartEvent:
        told = self._told
        while not told:
            try:
                found = self._parts.apply(next(self._events))
            except StopIteration:
                found = self._parts.end()
                if not found:
                    raise
            if len(found) == 1:
                return found[0]
            told.extend(found)
        return told.popleft()


class AsyncPartEvents(_PartEvents[E]):
    """Iterates over what the events of a stream tell of the parts of the answer."""

    def __init__(self, events: AsyncIterator[E], parts: Parts[E]) -> None:
        super().__init__(parts)
        self._events = events

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PartEvent:
        told = self._told
        while not told:
            try:
                found = self._parts.apply(await anext(self._events))
            except StopAsyncIteration:
                found = self._parts.end()
                if not found:
                    raise
            if len(found) == 1:
                return found[0]
            told.extend(found)
        return told.popleft()
