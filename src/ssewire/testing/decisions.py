"""A question of a server goes in (where to cut, who is next), an answer comes out, drawn or steady."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Decisions(Protocol):
    """Decides what the API leaves to a server: how an answer is cut into deltas, and in which order."""

    def below(self, limit: int) -> int:
        """A number from 0 to below a limit of at least 1."""
        ...

    def chance(self) -> bool:
        """Whether something happens that need not; rather not."""
        ...

    def split(self, text: str) -> list[str]:
        """A text in pieces; none of the empty text."""
        ...

    def stop(self, limit: int) -> int:
        """Where a stream breaks off: a number from 0 to below a limit of at least 1."""
        ...

    def occurs(self, quirk: str, /) -> bool:
        """Whether what a quirk adds comes at the next place where it may come."""
        ...

    def turn(self, quirk: str, shapes: int, /) -> int:
        """Which of its shapes a quirk takes next, by number."""
        ...


class Steady:
    """Decides as a plain server does: word by word, one thing after the other, nothing by chance.

    What a quirk adds comes without fail, and the same each time.
    """

    def __init__(self) -> None:
        self._places: defaultdict[str, Iterator[int]] = defaultdict(count)
        self._shapes: defaultdict[str, Iterator[int]] = defaultdict(count)

    def below(self, limit: int) -> int:
        """The first."""
        return min(0, limit)

    def chance(self) -> bool:
        """Never."""
        return False

    def split(self, text: str) -> list[str]:
        """The words, each with the space before it."""
        return re.findall(r"\s*\S+|\s+$", text)

    def stop(self, limit: int) -> int:
        """In the middle."""
        return limit // 2

    def occurs(self, quirk: str, /) -> bool:
        """At the first place, and from there at every second one."""
        return next(self._places[quirk]) % 2 == 0

    def turn(self, quirk: str, shapes: int, /) -> int:
        """One shape after the other."""
        return next(self._shapes[quirk]) % shapes
