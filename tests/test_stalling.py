"""Idle timeouts: against sources whose time is the test's own, and against a server that stalls."""

from __future__ import annotations

import asyncio
import gc
import pickle
import selectors
import socket
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from clients import AsyncClient, Client, async_client, every_client
from server import STORY, chunk, event
from ssewire import (
    AsyncChatStream,
    AsyncResponsesStream,
    ChatStream,
    ResponsesStream,
    StreamStalledError,
    StreamTruncatedError,
    Verdict,
)
from ssewire._stalling import PASSES
from ssewire.logs import Capture, Head
from test_stream_http import PATIENCE, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from server import Server

PING = b": ping\n\n"
ONE = chunk("one")
KEEPALIVE = b'data: {"type":"keepalive","sequence_number":1}\n\n'
CREATED = event({"type": "response.created", "sequence_number": 0, "response": {"id": "r"}})

Wait = tuple[float, bytes]
"""Seconds that a read takes, and what it brings."""


# -- times of the test's own -----------------------------------------------------------------------------


class Slow:
    """A source whose reads take their time, by a clock of its own."""

    def __init__(self, waits: list[Wait]) -> None:
        self.now = 100.0
        self.closed = False
        self._waits = iter(waits)

    def clock(self) -> float:
        return self.now

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        seconds, data = next(self._waits)
        self.now += seconds
        return data

    def close(self) -> None:
        self.closed = True


class Leaping(selectors.SelectSelector):
    """Does not wait: time leaps."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            self.now += timeout or 0.0
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose waits take no time."""

    def __init__(self) -> None:
        self.leaping = Leaping()
        super().__init__(self.leaping)

    def time(self) -> float:
        return self.leaping.now


def leap(seconds: float) -> None:
    """Keep the loop from looking at anything for so long."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    loop.leaping.now += seconds


def in_leaps(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on such a loop."""
    loop = LeapingLoop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


async def slow(waits: list[Wait], closed: list[str] | None = None) -> AsyncIterator[bytes]:
    """The same on a loop."""
    try:
        for seconds, data in waits:
            await asyncio.sleep(seconds)
            yield data
    finally:
        if closed is not None:
            closed.append("closed")


STALLS: list[tuple[str, list[Wait], dict[str, Any], float, float]] = [
    # what it is, waits, timeouts, the limit that is told, the wait that an awaited stream stops after
    ("nothing but comments", [(1, ONE), *[(20, PING)] * 9], {"idle_timeout": 30}, 30, 31),
    ("half an event", [(1, ONE), (20, ONE[:9]), (20, ONE[9:20]), (1, b"")], {"idle_timeout": 30}, 30, 31),
    ("a null for an event", [(1, ONE), *[(20, b"data: null\n\n")] * 9], {"idle_timeout": 30}, 30, 31),
    ("no first event", [*[(4, PING)] * 9], {"idle_timeout": 10}, 10, 10),
    ("no first event in its time", [(6, PING)] * 9, {"idle_timeout": 30, "first_event_timeout": 10}, 10, 10),
    ("only that is limited", [(6, PING)] * 9, {"first_event_timeout": 10}, 10, 10),
    (
        "no second, the first may take longer",
        [(25, PING), (25, ONE), (6, PING), (6, PING), (1, ONE)],
        {"idle_timeout": 10, "first_event_timeout": 60},
        10,
        60,
    ),
]


@pytest.mark.parametrize(
    ("waits", "timeouts", "limit"),
    [(row[1], row[2], row[3]) for row in STALLS],
    ids=[row[0] for row in STALLS],
)
def test_a_stream_without_progress_is_stalled(
    waits: list[Wait], timeouts: dict[str, Any], limit: float
) -> None:
    source = Slow(waits)
    stream = ChatStream(source, clock=source.clock, **timeouts)
    with pytest.raises(StreamStalledError) as caught:
        stream.result()
    assert caught.value.idle_timeout == limit
    assert limit <= caught.value.waited < limit + 20  # a wait is looked at when it is over
    assert stream.verdict is Verdict.TRUNCATED
    assert caught.value.snapshot == stream.snapshot()
    assert source.closed
    with pytest.raises(StreamStalledError):
        stream.result()


@pytest.mark.parametrize(
    ("waits", "timeouts", "limit", "stopped"), [row[1:] for row in STALLS], ids=[row[0] for row in STALLS]
)
def test_an_awaited_stream_wakes_up_when_the_time_is_used_up(
    waits: list[Wait], timeouts: dict[str, Any], limit: float, stopped: float
) -> None:
    async def main() -> None:
        closed: list[str] = []
        stream = AsyncChatStream(slow(waits, closed), **timeouts)
        with pytest.raises(StreamStalledError) as caught:
            await stream.result()
        assert caught.value.idle_timeout == limit
        assert caught.value.waited == pytest.approx(limit)
        assert asyncio.get_running_loop().time() == pytest.approx(stopped)
        assert stream.verdict is Verdict.TRUNCATED
        assert closed == ["closed"]
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0  # nothing is left of how it was done

    in_leaps(main)


def test_what_has_arrived_before_a_stall_is_kept() -> None:
    source = Slow([(1, ONE), (50, PING), (1, ONE)])
    stream = ChatStream(source, clock=source.clock, idle_timeout=30)
    assert list(zip("1", stream.text(), strict=False)) == [("1", "one")]
    with pytest.raises(StreamStalledError, match=r"^no progress for 50 s \(limit: 30 s\)$"):
        next(stream)
    assert stream.snapshot().choices[0].message.content == "one"
    assert stream.message().text == "one"


def test_the_error_is_a_truncation_and_pickles() -> None:
    error = StreamStalledError(30, 31.5)
    assert isinstance(error, StreamTruncatedError)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is StreamStalledError
    assert (copy.idle_timeout, copy.waited, str(copy)) == (30, 31.5, "no progress for 31.5 s (limit: 30 s)")


# -- what is no stall ------------------------------------------------------------------------------------

WHOLE = b"".join(STORY)
LIVE: list[tuple[str, list[Wait], dict[str, Any]]] = [
    ("events come in time", [(9, each) for each in STORY], {"idle_timeout": 10}),
    ("all at once", [(9, WHOLE)], {"idle_timeout": 10}),
    ("comments between", [(5, part) for each in STORY for part in (PING, each)], {"idle_timeout": 11}),
    ("the first takes longer", [(50, STORY[0]), (9, WHOLE)], {"idle_timeout": 10, "first_event_timeout": 60}),
    ("later ones are not limited", [(9, STORY[0]), (90, WHOLE)], {"first_event_timeout": 10}),
]


@pytest.mark.parametrize(("waits", "timeouts"), [row[1:] for row in LIVE], ids=[row[0] for row in LIVE])
def test_a_stream_that_goes_on_is_not_stalled(waits: list[Wait], timeouts: dict[str, Any]) -> None:
    source = Slow(waits)
    assert (
        ChatStream(source, clock=source.clock, **timeouts).result()
        == ChatStream([data for _, data in waits]).result()
    )

    async def main() -> None:
        stream = AsyncChatStream(slow(waits), **timeouts)
        assert await stream.result() == ChatStream([data for _, data in waits]).result()

    in_leaps(main)


def test_what_came_too_late_is_not_thrown_away() -> None:
    # A stream that is not awaited looks when the wait is over: then the event is there.
    source = Slow([(100, each) for each in STORY])
    assert ChatStream(source, clock=source.clock, idle_timeout=30).result() == ChatStream(STORY).result()


async def handed_on(source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same, read by a task of its own."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def read() -> None:
        async for data in source:
            await queue.put(data)
        await queue.put(b"")

    task = asyncio.ensure_future(read())
    while data := await queue.get():
        yield data
    await task


@pytest.mark.parametrize("tasks", [0, 1, 2])
def test_what_arrived_while_the_loop_was_busy_is_not_thrown_away(tasks: int) -> None:
    async def main() -> None:
        here, there = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=here)

        def work() -> None:
            there.sendall(WHOLE)
            there.close()
            leap(60)

        async def body() -> AsyncIterator[bytes]:
            there.sendall(ONE)
            while data := await reader.read(2**16):
                yield data

        source = body()
        for _ in range(tasks):
            source = handed_on(source)
        stream = AsyncChatStream(source, idle_timeout=10)
        await anext(stream)
        asyncio.get_running_loop().call_later(1, work)
        assert [event async for event in stream] == list(ChatStream(STORY))
        assert asyncio.get_running_loop().time() == 61
        writer.close()
        await writer.wait_closed()

    in_leaps(main)


def test_time_that_the_caller_spends_does_not_count() -> None:
    source = Slow([(1, each) for each in STORY])
    for _ in (stream := ChatStream(source, clock=source.clock, idle_timeout=10)):
        source.now += 60
    assert stream.verdict is Verdict.COMPLETE

    async def main() -> None:
        stream = AsyncChatStream(slow([(1, each) for each in STORY]), idle_timeout=10)
        async for _ in stream:
            await asyncio.sleep(60)  # the timer rings, and nobody waits
        assert stream.verdict is Verdict.COMPLETE

    in_leaps(main)


def test_keep_alive_events_are_handed_out_and_no_progress() -> None:
    source = Slow([(1, CREATED), *[(8, KEEPALIVE)] * 9])
    stream = ResponsesStream(source, clock=source.clock, idle_timeout=30)
    assert [next(stream).type for _ in range(5)] == ["response.created", *["keepalive"] * 4]
    with pytest.raises(StreamStalledError) as caught:
        next(stream)
    assert caught.value.waited == 32

    async def main() -> None:
        stream = AsyncResponsesStream(slow([(1, CREATED), *[(8, KEEPALIVE)] * 9]), idle_timeout=30)
        found = [(await anext(stream)).type for _ in range(4)]
        assert found == ["response.created", *["keepalive"] * 3]
        with pytest.raises(StreamStalledError):
            await anext(stream)
        assert asyncio.get_running_loop().time() == 31

    in_leaps(main)


def test_a_keep_alive_event_beside_another_does_not_hide_it() -> None:
    both = KEEPALIVE + CREATED
    source = Slow([(20, both)] * 9)
    stream = ResponsesStream(source, clock=source.clock, idle_timeout=30)
    assert sum(1 for _ in zip(range(18), stream, strict=False)) == 18
    assert stream.verdict is Verdict.OPEN
    stream.close()


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
@pytest.mark.parametrize("name", ["idle_timeout", "first_event_timeout"])
def test_a_timeout_is_a_positive_number(name: str, timeout: float) -> None:
    source = Slow([])
    options: dict[str, Any] = {name: timeout}
    with pytest.raises(ValueError, match=r"^a timeout is a positive number of seconds or None, not "):
        ChatStream(source, **options)
    assert not source.closed  # it is still the caller's


# -- cancelling ------------------------------------------------------------------------------------------


def test_whoever_else_cancels_is_obeyed() -> None:
    # Once long before the time is used up, then at the very moment, and in the passes of the loop behind it.
    async def main(seconds: float, passes: int) -> None:
        closed: list[str] = []
        stream = AsyncChatStream(slow([(1, ONE), (90, ONE)], closed), idle_timeout=10)

        async def read() -> None:
            await anext(stream)
            asyncio.get_running_loop().call_later(seconds, cancel, passes)
            await anext(stream)

        def cancel(passes: int) -> None:
            if passes:
                asyncio.get_running_loop().call_soon(cancel, passes - 1)
            else:
                task.cancel()

        task = asyncio.ensure_future(read())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert (stream.verdict, closed) == (Verdict.CLOSED, ["closed"])

    in_leaps(partial(main, 3, 0))
    for passes in range(PASSES + 1):
        in_leaps(partial(main, 10, passes))


def test_a_source_that_does_not_let_itself_be_cancelled_goes_on() -> None:
    async def stubborn() -> AsyncIterator[bytes]:
        yield ONE
        try:
            await asyncio.sleep(90)
        except asyncio.CancelledError:
            yield b"".join(STORY)

    async def main() -> None:
        stream = AsyncChatStream(stubborn(), idle_timeout=10)
        assert (await stream.result()).choices[0].message.content is not None
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    in_leaps(main)


def test_a_closed_stream_leaves_no_timer() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stream = AsyncChatStream(slow([(1, ONE), (90, ONE)]), idle_timeout=10)
        await anext(stream)
        await stream.aclose()
        handles: list[asyncio.TimerHandle] = vars(loop)["_scheduled"]
        assert handles
        assert all(handle.cancelled() for handle in handles)

    in_leaps(main)


def test_a_stream_that_is_dropped_leaves_its_source() -> None:
    class Source:
        def __aiter__(self) -> Source:
            return self

        async def __anext__(self) -> bytes:
            return ONE

    async def main() -> None:
        source = Source()
        seen = weakref.ref(source)
        stream = AsyncChatStream(source, idle_timeout=10)
        await anext(stream)
        gc.disable()
        try:
            del source, stream
            assert seen() is None
        finally:
            gc.enable()

    in_leaps(main)


def test_on_another_kind_of_loop_a_wait_is_looked_at_when_it_is_over() -> None:
    source = Slow([(1, ONE), *[(20, PING)] * 9])

    class Awaited:
        def __aiter__(self) -> Awaited:
            return self

        async def __anext__(self) -> bytes:
            return next(source)

    stream = AsyncChatStream(Awaited(), clock=source.clock, idle_timeout=30)
    with pytest.raises(StopIteration):
        stream.__anext__().send(None)
    with pytest.raises(StreamStalledError) as caught:
        stream.__anext__().send(None)
    assert caught.value.waited == 40


# -- recordings and servers ------------------------------------------------------------------------------


def test_a_recorded_stall_is_found_again() -> None:
    capture = Capture(Head(), [(1.0, ONE), (20.0, PING), (40.0, PING), (41.0, WHOLE)])
    assert capture.stream().result().choices
    with pytest.raises(StreamStalledError) as caught:
        capture.stream(idle_timeout=30).result()
    assert caught.value.waited == 39
    without_times = Capture(Head(), [(None, ONE), (None, PING), (None, WHOLE)])
    assert without_times.stream(idle_timeout=30).result().choices


@pytest.mark.parametrize("name", ["silent", "pinging"])
@async_client
def test_a_server_that_stalls_is_left(client: AsyncClient, name: str, server: Server) -> None:
    began = time.monotonic()
    told = ask(client, server, name, idle_timeout=0.1)
    assert time.monotonic() - began < PATIENCE
    assert isinstance(told.error, StreamStalledError)
    assert 0.09 < told.error.waited < PATIENCE
    assert told.stream.snapshot().choices[0].message.content == "Once"
    assert told.exchange.wait() == "disconnected"


@every_client
def test_a_server_that_sends_nothing_but_comments_is_left(
    client: Client | AsyncClient, server: Server
) -> None:
    told = ask(client, server, "pinging", idle_timeout=0.1)
    assert isinstance(told.error, StreamStalledError)
    assert told.stream.verdict is Verdict.TRUNCATED
    assert told.exchange.wait() == "disconnected"
