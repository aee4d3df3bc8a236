"""What came when goes in; how it is spread over the way, and over lengths of gaps, comes out, briefly."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from typing import Final

import msgspec

MAX_COLUMNS: Final = 512
"""A row has half as many at least, once the way is longer than the first columns."""
EDGES: Final = (0.0, *(float(f"{10 ** (fifth / 5):.3g}") for fifth in range(-20, 51)))
"""Seconds, five a decade. Gaps of less than 0.1 ms say more about the machine than about the stream."""


class Columns:
    """Amounts in rows, over a way whose length nobody knows before its end.

    The way is cut into columns of one width. Where they would be too many, each two become one.

    Args:
        width: The width of a column at first.
    """

    def __init__(self, width: float) -> None:
        self.width = width
        self.rows: defaultdict[int, Counter[int]] = defaultdict(Counter)
        """The amounts, by row and column."""

    def add(self, row: int, position: float, amount: int) -> None:
        """Something came at that position, which is not negative."""
        column = int(position / self.width)
        while column >= MAX_COLUMNS:
            self._widen()
            column = int(position / self.width)
        self.rows[row][column] += amount

    def _widen(self) -> None:
        self.width *= 2
        for row, narrow in self.rows.items():
            wide: Counter[int] = Counter()
            for column, amount in narrow.items():
                wide[column >> 1] += amount
            self.rows[row] = wide

    def pairs(self, row: int) -> list[tuple[int, int]]:
        """The columns of a row that are not empty, each with its amount, in order."""
        return sorted(self.rows[row].items()) if row in self.rows else []

    def cells(self, row: int, length: float, count: int) -> list[int]:
        """The amounts of a row in so many cells, which cover a way of that length."""
        found = [0] * count
        for column, amount in self.pairs(row):
            middle = (column + 0.5) * self.width
            found[int(min(count - 1, middle / length * count)) if length else 0] += amount
        return found


class Gaps(msgspec.Struct, frozen=True):
    """How long the times between reads were that brought tokens, in seconds.

    Attributes:
        count: How many there were.
        median: Half of them were no longer; to three digits.
        p95: 95 of 100 were no longer; to three digits.
        max: The longest.
        histogram: Lengths from (inclusive), to, and how many there were: five steps a decade.
    """

    count: int
    median: float
    p95: float
    max: float
    histogram: list[tuple[float, float, int]]


class GapCounter:
    """Counts gaps by their length to three digits: millions of them take no more memory than a few."""

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()
        self._max = 0.0

    def add(self, seconds: float) -> None:
        """There was a gap of that length."""
        self._counts[float(f"{seconds:.2e}")] += 1
        self._max = max(self._max, seconds)

    def gaps(self) -> Gaps | None:
        """The figures; None where there was no gap."""
        total = self._counts.total()
        if not total:
            return None
        bins: Counter[int] = Counter()
        for seconds, count in self._counts.items():
            bins[bisect_right(EDGES, seconds, hi=len(EDGES) - 1) - 1] += count
        histogram = [(EDGES[each], EDGES[each + 1], bins[each]) for each in range(min(bins), max(bins) + 1)]
        return Gaps(total, self._quantile(0.5), self._quantile(0.95), self._max, histogram)

    def _quantile(self, share: float) -> float:
        """The shortest length that so large a share of the gaps does not exceed."""
        left = math.ceil(share * self._counts.total())
        lengths = iter(sorted(self._counts))
        found = next(lengths)
        while (left := left - self._counts[found]) > 0:
            found = next(lengths)
        return found
