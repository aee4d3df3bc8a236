"""Timing: the stopwatch alone, and the stamps of streams with a clock of the test's own."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from server import END, ROLE, STOP, STORY, chunk, event
from ssewire import AsyncChatStream, ChatStream, SSEWireError, Timing
from ssewire._timing import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Clock:
    """Tells 0, 1, 2, … or the times it is given, and counts its calls."""

    def __init__(self, times: Iterable[float] | None = None) -> None:
        self.calls = 0
        self._times = iter(times) if times is not None else None

    def __call__(self) -> float:
        self.calls += 1
        return float(self.calls - 1) if self._times is None else next(self._times)


def timing_of(reads: list[bytes], times: Iterable[float] | None = None) -> Timing:
    """The timing of a stream at its end; sync and async agree on it."""
    stream = ChatStream(reads, clock=Clock(times), malformed="skip")
    for _ in stream:
        pass

    async def read() -> Timing:
        stream = AsyncChatStream(reads, clock=Clock(times), malformed="skip")
        async for _ in stream:
            pass
        return stream.timing

    assert asyncio.run(read()) == stream.timing
    return stream.timing


# -- the stopwatch ---------------------------------------------------------------------------------------


def test_nothing_has_arrived_yet() -> None:
    timing = Stopwatch(5.0).timing()
    assert timing == Timing(opened=5.0)
    assert (timing.time_to_first_token, timing.duration) == (None, None)


def test_an_event_before_any_read_has_no_time() -> None:
    watch = Stopwatch(5.0)
    watch.event(token=True)
    assert watch.timing() == Timing(opened=5.0)


def test_stamps_are_those_of_the_reads() -> None:
    watch = Stopwatch(1.0)
    watch.read(2.0)
    assert watch.timing() == Timing(1.0, first_byte=2.0, last_byte=2.0)
    watch.read(3.0)
    watch.event(token=False)
    watch.read(4.5)
    watch.event(token=True)
    watch.read(5.0)
    watch.event(token=True)
    watch.event(token=True)
    watch.read(9.0)
    watch.event(token=True)
    watch.read(9.5)
    watch.event(token=False)
    assert watch.timing() == Timing(
        opened=1.0,
        first_byte=2.0,
        first_event=3.0,
        first_token=4.5,
        last_token=9.0,
        last_byte=9.5,
        gaps=(0.5, 4.0),
    )
    assert watch.timing().time_to_first_token == watch.time_to_first_token() == 3.5
    assert watch.timing().duration == 8.5


def test_the_figures_that_were_handed_out_do_not_change() -> None:
    watch = Stopwatch(0.0)
    watch.read(1.0)
    watch.event(token=True)
    before = watch.timing()
    watch.read(2.0)
    watch.event(token=True)
    assert before == Timing(0.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert watch.timing().gaps == (1.0,)


def test_reads_that_brought_an_event_each_are_told_together() -> None:
    watch = Stopwatch(0.0)
    watch.events([1.0, 2.0, 4.0], ["", "a", "b"])
    watch.read(7.0)
    watch.event(token=True)
    assert watch.timing() == Timing(
        opened=0.0,
        first_byte=1.0,
        first_event=1.0,
        first_token=2.0,
        last_token=7.0,
        last_byte=7.0,
        gaps=(2.0, 3.0),
    )


# -- streams ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [20, 49, 50, 81, 200])
def test_a_long_answer_is_stamped_read_by_read(count: int) -> None:
    texts = ["" if number % 7 == 3 else "a" for number in range(count)]
    times = [number for number, text in enumerate(texts, 1) if text]
    timing = timing_of([chunk(text) for text in texts])
    assert (timing.first_token, timing.last_token, timing.last_byte) == (1.0, times[-1], count)
    assert timing.gaps == tuple(later - earlier for earlier, later in pairwise(times))


@pytest.mark.parametrize("last", [b": ping\n\n", b"data: cut", END, chunk("b") + chunk("c")])
def test_the_last_byte_is_in_whatever_came_last(last: bytes) -> None:
    assert timing_of([chunk("a"), chunk("b"), last]).last_byte == 3.0


def test_a_long_answer_in_one_read_has_no_gaps() -> None:
    timing = timing_of([chunk("a") * 100, chunk("b") * 100])
    assert (timing.first_token, timing.last_token, timing.gaps) == (1.0, 2.0, (1.0,))


def test_a_stream_is_stamped_read_by_read() -> None:
    reads = [b": hello\n", b"\n", ROLE, chunk("a"), b": ping\n\n", chunk("b"), chunk("c"), STOP, END]
    assert timing_of(reads) == Timing(
        opened=0.0,
        first_byte=1.0,
        first_event=3.0,
        first_token=4.0,
        last_token=7.0,
        last_byte=9.0,
        gaps=(2.0, 1.0),
    )


def test_an_event_is_stamped_with_the_read_that_completes_it() -> None:
    first = chunk("a")
    assert timing_of([first[:5], first[5:-1], first[-1:], chunk("b")[:-1]]) == Timing(
        opened=0.0,
        first_byte=1.0,
        first_event=3.0,
        first_token=3.0,
        last_token=4.0,  # the end of the body completes it, and brings no bytes
        last_byte=4.0,
        gaps=(1.0,),
    )


def test_tokens_of_one_read_arrive_together() -> None:
    assert timing_of([b"".join(STORY)]) == Timing(0.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_reads_at_one_instant_have_a_gap_of_nothing() -> None:
    reads = [chunk("a"), chunk("b"), chunk("c"), STOP, END]
    timing = timing_of(reads, [0.0, 1.0, 1.0, 1.0, 2.0, 2.0])
    assert timing == Timing(0.0, 1.0, 1.0, 1.0, 1.0, 2.0, (0.0, 0.0))


TOKENS = {
    "text": {"content": "a"},
    "a list of parts": {"content": [{"type": "text", "text": "a"}]},
    "reasoning_content": {"reasoning_content": "a"},
    "reasoning": {"reasoning": "a"},
    "refusal": {"refusal": "a"},
    "arguments": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
    "function_call": {"function_call": {"arguments": "{"}},
}
NO_TOKENS = {
    "role": {"role": "assistant", "content": ""},
    "null": {"role": "assistant", "content": None},
    "nothing": {},
    "a call's name": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]},
}


def delta(fields: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


@pytest.mark.parametrize("kind", TOKENS)
def test_a_delta_with_something_to_read_is_a_token(kind: str) -> None:
    timing = timing_of([ROLE, delta(TOKENS[kind]), STOP, END])
    assert (timing.first_event, timing.first_token, timing.last_token) == (1.0, 2.0, 2.0)


@pytest.mark.parametrize("kind", NO_TOKENS)
def test_a_delta_with_nothing_to_read_is_no_token(kind: str) -> None:
    timing = timing_of([delta(NO_TOKENS[kind]), STOP, END])
    assert (timing.first_event, timing.first_token, timing.last_token) == (1.0, None, None)
    assert timing.time_to_first_token is None


@pytest.mark.parametrize(
    "read",
    [b": ping\n\n", b"data:\n\n", b"data: null\n\n", b"event: ping\n\n", b"data: {\n\n", END],
    ids=["comment", "no data", "null", "no data line", "malformed and skipped", "end mark"],
)
def test_what_is_not_handed_out_is_no_event(read: bytes) -> None:
    assert timing_of([read]) == Timing(0.0, first_byte=1.0, last_byte=1.0)


def test_a_body_without_bytes_has_no_times() -> None:
    for reads in ([], [b""], [b"", b""]):
        assert timing_of(reads) == Timing(0.0)


def test_the_clock_is_called_once_a_read() -> None:
    clock = Clock()
    stream = ChatStream([STORY[0], b"", STORY[1] + STORY[2], *STORY[3:]], clock=clock)
    assert clock.calls == 1  # when the stream was made
    next(stream)
    assert clock.calls == 2
    next(stream)
    assert clock.calls == 3  # the empty read brought nothing, and is not counted
    next(stream)
    assert clock.calls == 3  # of the same read
    stream.result()
    assert clock.calls == len(STORY)
    assert stream.timing.duration == len(STORY) - 1
    assert clock.calls == len(STORY)


def test_an_async_stream_calls_the_clock_once_a_read() -> None:
    async def read() -> None:
        clock = Clock()
        stream = AsyncChatStream([STORY[0], b"", STORY[1] + STORY[2], *STORY[3:]], clock=clock)
        await anext(stream)
        assert clock.calls == 2
        await stream.result()
        assert clock.calls == len(STORY)

    asyncio.run(read())


def test_the_timing_of_a_running_stream_is_what_has_arrived() -> None:
    stream = ChatStream(STORY, clock=Clock())
    assert stream.timing == Timing(0.0)
    next(stream)
    assert stream.timing == Timing(0.0, 1.0, 1.0, None, None, 1.0)
    next(stream)
    assert stream.timing == Timing(0.0, 1.0, 1.0, 2.0, 2.0, 2.0)
    stream.close()
    assert stream.timing == Timing(0.0, 1.0, 1.0, 2.0, 2.0, 2.0)


def test_the_clock_is_monotonic_unless_another_one_is_given() -> None:
    def slowly() -> Iterator[bytes]:
        for read in STORY:
            time.sleep(0.002)
            yield read

    before = time.monotonic()
    stream = ChatStream(slowly())
    stream.result()
    timing = stream.timing
    assert before <= timing.opened <= time.monotonic() - 0.002 * len(STORY)
    assert timing.time_to_first_token is not None
    assert timing.time_to_first_token >= 0.004
    assert len(timing.gaps) == 2
    assert min(timing.gaps) >= 0.001


@pytest.mark.parametrize("failing", [b"data: {\n\n", event({"error": {"message": "no"}})])
def test_a_stream_that_fails_keeps_its_times(failing: bytes) -> None:
    stream = ChatStream([ROLE, chunk("a"), failing], clock=Clock())
    events: list[object] = []
    with pytest.raises(SSEWireError):
        events.extend(stream)
    assert stream.timing == Timing(0.0, 1.0, 1.0, 2.0, 2.0, 3.0)
