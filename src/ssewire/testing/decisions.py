"""A question of a server goes in (where to cut, who is next), an answer comes out, drawn or steady."""

from __future__ import annotations

import re
from typing import Protocol


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


class Steady:
    """Decides as a plain server does: word by word, one thing after the other, nothing by chance."""

    def below(self, limit: int) -> int:
        """The first."""
        return min(0, limit)

    def chance(self) -> bool:
        """Never."""
        return False

    def split(self, text: str) -> list[str]:
        """The words, each with the space before it."""
        return re.findall(r"\s*\S+|\s+$", text)
