"""Columns and gaps: nothing gets lost, and millions take no more room than a few."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire.logs.timeline import EDGES, MAX_COLUMNS, Columns, GapCounter


def columns(*amounts: tuple[int, float, int], width: float = 1.0) -> Columns:
    found = Columns(width)
    for row, position, amount in amounts:
        found.add(row, position, amount)
    return found


def test_amounts_are_added_up_in_their_columns() -> None:
    found = columns((0, 0.0, 1), (0, 0.9, 2), (0, 1.0, 4), (7, 3.5, 8))
    assert found.pairs(0) == [(0, 3), (1, 4)]
    assert found.pairs(7) == [(3, 8)]
    assert found.pairs(1) == []
    assert found.width == 1.0


def test_two_columns_become_one_where_they_would_be_too_many() -> None:
    found = columns((0, 0, 1), (0, 1, 2), (0, 2, 4), (1, 3, 8), (0, MAX_COLUMNS, 16))
    assert found.width == 2.0
    assert found.pairs(0) == [(0, 3), (1, 4), (MAX_COLUMNS // 2, 16)]
    assert found.pairs(1) == [(1, 8)]


def test_a_way_of_any_length_has_few_columns() -> None:
    found = columns((0, 0.0, 1), (0, 1e9, 1), width=1e-3)
    assert len(found.pairs(0)) == 2
    assert found.pairs(0)[-1][0] < MAX_COLUMNS


@pytest.mark.parametrize(
    ("length", "count", "cells"),
    [
        (4, 4, [3, 0, 0, 5]),
        (4, 2, [3, 5]),
        (8, 4, [3, 5, 0, 0]),
        (3, 3, [3, 0, 5]),  # the end of the way is in the last cell
        (0, 2, [8, 0]),  # a way without length
    ],
)
def test_cells_cover_the_way(length: float, count: int, cells: list[int]) -> None:
    assert columns((0, 0.5, 3), (0, 3.0, 5)).cells(0, length, count) == cells


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e9), st.integers(0, 9))), st.integers(1, 99))
def test_nothing_gets_lost(amounts: list[tuple[int, float, int]], count: int) -> None:
    found = columns(*amounts, width=1e-3)
    length = max((position for _, position, _ in amounts), default=0)
    for row in range(4):
        total = sum(amount for each, _, amount in amounts if each == row)
        assert sum(amount for _, amount in found.pairs(row)) == total
        assert sum(found.cells(row, length, count)) == total
        assert all(column < MAX_COLUMNS for column, _ in found.pairs(row))


# -- gaps ------------------------------------------------------------------------------------------------


def test_no_gaps_have_no_figures() -> None:
    assert GapCounter().gaps() is None


def test_figures_of_gaps() -> None:
    counter = GapCounter()
    for milliseconds in range(1, 101):
        counter.add(milliseconds / 1000)
    gaps = counter.gaps()
    assert gaps is not None
    assert (gaps.count, gaps.median, gaps.p95, gaps.max) == (100, 0.05, 0.095, 0.1)
    assert gaps.histogram[0] == (0.001, 0.00158, 1)
    assert gaps.histogram[-1] == (0.1, 0.158, 1)
    assert gaps.histogram[5] == (0.01, 0.0158, 6)  # 10 to 15


def test_what_is_shorter_than_a_tenth_of_a_millisecond_is_together() -> None:
    counter = GapCounter()
    for seconds in (0.0, 1e-9, 9.99e-5, 1e-4):
        counter.add(seconds)
    gaps = counter.gaps()
    assert gaps is not None
    assert gaps.histogram == [(0.0, 1e-4, 3), (1e-4, 1.58e-4, 1)]


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_figures_are_those_of_the_sorted_gaps(lengths: list[float]) -> None:
    counter = GapCounter()
    for each in lengths:
        counter.add(each)
    gaps = counter.gaps()
    assert gaps is not None
    in_order = sorted(lengths)
    for found, share in ((gaps.median, 0.5), (gaps.p95, 0.95)):
        assert found == pytest.approx(in_order[math.ceil(share * len(in_order)) - 1], rel=0.006)
    assert gaps.max == in_order[-1]
    assert sum(count for _, _, count in gaps.histogram) == gaps.count == len(lengths)
    assert gaps.histogram[0][2]
    assert gaps.histogram[-1][2]
    for (_, high, _), (low, _, _) in zip(gaps.histogram, gaps.histogram[1:], strict=False):
        assert high == low


def test_the_edges_of_the_histogram_rise() -> None:
    assert list(EDGES) == sorted(set(EDGES))
    assert EDGES[1] == 1e-4
    assert EDGES[-1] >= 1e10


def test_a_million_gaps_take_no_more_room_than_a_thousand() -> None:
    counter = GapCounter()
    for number in range(20_000):
        counter.add(0.01 + number % 997 / 1e5 + number / 1e9)
    assert len(counter._counts) < 1_100
