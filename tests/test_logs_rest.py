"""What comes behind an event of a recorded response, and what is still to go wrong in it."""

from __future__ import annotations

import pytest

from ssewire.logs import Capture, End, Head
from ssewire.logs.play import Fault
from ssewire.logs.rest import faults_behind, rest_of

EVENTS = [b": hello\n\ndata: {}\n\n", *(b'data: {"sequence_number":%d}\r\n\r\n' % at for at in range(4))]
BODY = b"".join(EVENTS)
STARTS = [sum(map(len, EVENTS[:at])) for at in range(len(EVENTS) + 1)]


def capture(*reads: tuple[float | None, bytes], seconds: float | None = 9.0) -> Capture:
    return Capture(Head(), reads, End("eof", seconds))


@pytest.mark.parametrize(
    ("after", "first"),
    [(-1, (1, 2)), (0, (2, 3)), (2, (4, 5)), (3, (5, 5)), (99, (5, 5))],
)
def test_the_rest_begins_with_the_first_event_of_a_higher_number(after: int, first: tuple[int, int]) -> None:
    rest, place = rest_of(capture((0.0, BODY)), after)
    assert place == range(STARTS[first[0]], STARTS[first[1]])
    assert rest.body == BODY[place.start :]


def test_the_reads_are_those_of_the_recording_and_their_times_begin_anew() -> None:
    cut = STARTS[3] + 5
    rest, _ = rest_of(capture((1.0, BODY[:5]), (2.0, BODY[5:cut]), (4.0, BODY[cut:])), 1)
    assert list(rest.reads) == [(0.0, BODY[STARTS[3] : cut]), (2.0, BODY[cut:])]
    assert (rest.end.how, rest.end.seconds) == ("eof", 7.0)


def test_times_that_are_not_known_stay_so() -> None:
    rest, _ = rest_of(capture((None, BODY), seconds=None), 0)
    assert list(rest.reads) == [(None, BODY[STARTS[2] :])]
    assert rest.end.seconds is None
    rest, _ = rest_of(capture((1.0, BODY), seconds=5.0), 9)
    assert list(rest.reads) == []
    assert rest.end.seconds == 0


def test_a_number_that_is_none_is_passed_over() -> None:
    odd = b"".join(b"data: %b\n\n" % each for each in (b'{"sequence_number":"7"}', b"3", b"{", b"[DONE]"))
    rest, _ = rest_of(capture((0.0, odd + BODY)), -1)
    assert rest.body == BODY[STARTS[1] :]


def test_what_broke_the_body_before_its_first_event_was_whole_is_over() -> None:
    faults = [Fault("reset", 99), Fault("cut", 119), Fault("stall", 120, 1.0), Fault("reads", 3)]
    assert faults_behind(faults, range(100, 120)) == [Fault("stall", 20, 1.0), Fault("reads", 3)]
