"""Events of a stream come in, one by one or with `await`; the events of its parts go out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ssewire._growing import Parts
    from ssewire.parts import AnyPart, PartEvent

E = TypeVar("E")


class Telling(Generic[E]):
    """What a stream keeps of its parts. It knows no iterator: with that one, they would be a cycle.

    Args:
        parts: What tells of them.
    """

    __slots__ = ("parts", "told")

    def __init__(self, parts: Parts[E]) -> None:
        self.parts = parts
        self.told: deque[PartEvent] = deque()
        """What was told of them and not yet handed out."""


class _PartEvents(Generic[E]):
    """What the two kinds of iterator share. The parts that are open end with the stream."""

    def __init__(self, telling: Telling[E]) -> None:
        self._parts = telling.parts
        self._told = telling.told

    def so_far(self, choice: int = 0) -> list[AnyPart]:
        """The parts of one choice so far, in order. What was handed out before is never altered."""
        return self._parts.parts(choice)

    def part(self, index: int) -> AnyPart:
        """The part of that number, as it stands. Raises IndexError: it has not begun yet."""
        return self._parts.part(index)

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
        return self._parts.partial(index)


class PartEvents(_PartEvents[E]):
    """Iterates over what the events of a stream tell of the parts of the answer."""

    def __init__(self, events: Iterator[E], telling: Telling[E]) -> None:
        super().__init__(telling)
        self._next = events.__next__  # `next` would cost as much again as the call

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> PartEvent:
        told = self._told
        parts = self._parts
        while not told:
            try:
                event = self._next()
            except StopIteration:
                told.extend(parts.end())
                if not told:
                    raise
            else:
                more = parts.go_on(event)
                if more is not None:
                    return more
                if found := parts.tell(event):
                    told.extend(found)
        return told.popleft()


class AsyncPartEvents(_PartEvents[E]):
    """Iterates over what the events of a stream tell of the parts of the answer."""

    def __init__(self, events: AsyncIterator[E], telling: Telling[E]) -> None:
        super().__init__(telling)
        self._next = events.__anext__

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PartEvent:
        told = self._told
        parts = self._parts
        while not told:
            try:
                event = await self._next()
            except StopAsyncIteration:
                told.extend(parts.end())
                if not told:
                    raise
            else:
                more = parts.go_on(event)
                if more is not None:
                    return more
                if found := parts.tell(event):
                    told.extend(found)
        return told.popleft()
