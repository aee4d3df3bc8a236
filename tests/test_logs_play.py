"""Playing: what is due when, at any speed, and with each fault."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire.logs import Capture, End, Head
from ssewire.logs.play import Fault, Step, parse_faults, parse_speed, play

READS: list[tuple[float | None, bytes]] = [(1.0, b"abcd"), (3.0, b"efg"), (3.5, b"hi")]
CAPTURE = Capture(Head(), READS, End("eof", 4.0))


def steps(*faults: str, speed: float | None = 1, capture: Capture = CAPTURE) -> list[Step]:
    return list(play(capture, speed=speed, faults=parse_faults(faults)))


def sent(*faults: str, capture: Capture = CAPTURE) -> bytes:
    return b"".join(step.data for step in steps(*faults, capture=capture))


# -- speed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "dues"),
    [(1, [1, 3, 3.5, 4]), (2, [0.5, 1.5, 1.75, 2]), (0.5, [2, 6, 7, 8]), (None, [0, 0, 0, 0])],
)
def test_a_speed_divides_the_times(speed: float | None, dues: list[float]) -> None:
    played = steps(speed=speed)
    assert [step.due for step in played] == dues
    assert [step.data for step in played] == [b"abcd", b"efg", b"hi", b""]
    assert not any(step.broken for step in played)


def test_reads_without_time_or_out_of_order_come_at_once() -> None:
    capture = Capture(Head(), [(None, b"a"), (2.0, b"b"), (1.0, b"c"), (None, b"d")])
    assert [step.due for step in steps(capture=capture)] == [0, 2, 2, 2, 2]


@pytest.mark.parametrize(("text", "speed"), [("none", None), ("1", 1.0), ("0.5", 0.5), ("1e3", 1000.0)])
def test_speeds_as_they_are_written(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "fast", ""])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"speed|float"):
        parse_speed(text)


@pytest.mark.parametrize("speed", [0, -1, math.inf, math.nan])
def test_playing_refuses_it_too(speed: float) -> None:
    with pytest.raises(ValueError, match="a speed is a factor above 0"):
        play(CAPTURE, speed=speed)


# -- ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "broken"),
    [
        (End("eof"), ""),
        (End("unknown"), ""),
        (End("closed"), ""),
        (End("error", error="ReadError: gone"), "ReadError: gone"),
        (End("error"), "the connection broke"),
        (End("cut", problem="the file ends"), "the recording ends here: the file ends"),
        (End("eof", problem="no space", lost_reads=1), "the recording ends here: no space"),
    ],
)
def test_what_broke_off_breaks_off_again(end: End, broken: str) -> None:
    (step,) = steps(capture=Capture(Head(), [], end))
    assert step == Step(0, b"", broken)


# -- faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("cut:0", Fault("cut", 0)),
        ("reset:12", Fault("reset", 12)),
        ("stall:3", Fault("stall", 3, math.inf)),
        ("stall:3:0.5", Fault("stall", 3, 0.5)),
        ("garbage:3", Fault("garbage", 3, 16)),
        ("garbage:3:2", Fault("garbage", 3, 2)),
        ("reads:7", Fault("reads", 7)),
        ("reads:random", Fault("reads", 0, 0)),
        ("reads:random:9", Fault("reads", 0, 9)),
    ],
)
def test_faults_as_they_are_written(text: str, fault: Fault) -> None:
    assert parse_faults([text, fault]) == [fault, fault]
    assert parse_faults(text) == [fault]


@pytest.mark.parametrize(
    "text",
    [
        *("", "fire:1", "cut", "cut:", "cut:-1", "cut:x", "cut:1:2"),
        *("stall:1:-1", "stall:1:nan", "stall:1:2:3", "garbage:1:-1", "garbage:1:x"),
        *("reads", "reads:0", "reads:-1", "reads:whole:1", "reads:random:x"),
    ],
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no fault: .*; cut:AT, reset:AT"):
        parse_faults([text])


@pytest.mark.parametrize(
    ("at", "data"), [(0, b""), (1, b"a"), (4, b"abcd"), (5, b"abcde"), (9, b"abcdefghi"), (10, b"abcdefghi")]
)
def test_a_cut_ends_the_body_cleanly_at_its_byte(at: int, data: bytes) -> None:
    assert sent(f"cut:{at}") == data
    assert not any(step.broken for step in steps(f"cut:{at}"))


def test_a_reset_breaks_the_connection_at_its_byte_and_time() -> None:
    assert steps("reset:5") == [
        Step(1, b"abcd"),
        Step(3, b"e"),
        Step(3, b"", "connection reset at byte 5"),
    ]
    assert steps("reset:0") == [Step(1, b"", "connection reset at byte 0")]
    assert [step.broken for step in steps("reset:10")] == [""] * 4


def test_a_stall_delays_what_comes_behind_it_at_any_speed() -> None:
    assert [(step.due, step.data) for step in steps("stall:5:10", speed=2)] == [
        (0.5, b"abcd"),
        (1.5, b"e"),
        (11.5, b"fg"),
        (11.75, b"hi"),
        (12, b""),
    ]
    assert [step.due for step in steps("stall:9", speed=None)] == [0, 0, 0, math.inf]
    assert [step.due for step in steps("stall:4:1", "stall:7:2", speed=None)] == [0, 1, 3, 3]


def test_garbage_is_put_in_at_its_byte_and_the_same_each_time() -> None:
    body = sent("garbage:5:3")
    assert body == sent("garbage:5:3")
    assert (body[:5], body[8:], len(body)) == (b"abcde", b"fghi", 12)
    assert len(sent("garbage:5")) == 25


def test_faults_add_up_in_the_order_of_their_bytes() -> None:
    assert steps("reset:6", "stall:5:10", speed=None) == [
        Step(0, b"abcd"),
        Step(0, b"e"),
        Step(10, b"f"),
        Step(10, b"", "connection reset at byte 6"),
    ]


def test_an_empty_read_stays_one() -> None:
    capture = Capture(Head(), [(1.0, b""), (2.0, b"a")])
    assert [step.data for step in steps(capture=capture)] == [b"", b"a", b""]


# -- other cuttings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reads"),
    [
        ("reads:3", [(1, b"abc"), (3, b"def"), (3.5, b"ghi")]),
        ("reads:2", [(1, b"ab"), (1, b"cd"), (3, b"ef"), (3.5, b"gh"), (3.5, b"i")]),
        ("reads:5", [(3, b"abcde"), (3.5, b"fghi")]),
        ("reads:9", [(3.5, b"abcdefghi")]),
        ("reads:whole", [(3.5, b"abcdefghi")]),
    ],
)
def test_a_piece_comes_when_its_last_byte_came(fault: str, reads: list[Any]) -> None:
    assert [(step.due, step.data) for step in steps(fault)] == [*reads, (4, b"")]


def test_random_cuttings_follow_their_seed() -> None:
    capture = Capture(Head(), [(1.0, bytes(1000))])

    def sizes(fault: str) -> list[int]:
        return [len(step.data) for step in steps(fault, capture=capture)]

    assert sizes("reads:random:1") == sizes("reads:random:1") != sizes("reads:random:2")
    assert sizes("reads:random") == sizes("reads:random:0")
    assert max(sizes("reads:random:1")) <= 64
    assert len(set(sizes("reads:random:1"))) > 5


def test_faults_are_placed_in_the_recorded_body_however_it_is_cut() -> None:
    assert sent("reads:2", "cut:5") == b"abcde"


times = st.none() | st.floats(0, 100)
captures = st.builds(Capture, st.just(Head()), st.lists(st.tuples(times, st.binary(max_size=9)), max_size=6))
cuttings = st.sampled_from(("reads:whole", "reads:1", "reads:3", "reads:random:5"))


@given(captures, st.lists(cuttings, max_size=2), st.sampled_from((None, 0.5, 1.0, 7.0)))
def test_no_cutting_changes_the_body_or_turns_back_time(
    capture: Capture, faults: list[str], speed: float | None
) -> None:
    played = steps(*faults, speed=speed, capture=capture)
    assert b"".join(step.data for step in played) == capture.body
    dues = [step.due for step in played]
    assert dues == sorted(dues)


@given(captures, st.integers(0, 60))
def test_a_cut_leaves_the_first_bytes(capture: Capture, at: int) -> None:
    assert sent(f"cut:{at}", capture=capture) == capture.body[:at]
