"""Streams that break and go on: nothing is lost, nothing comes twice, and what cannot go on says why."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import random
import re
import weakref
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_server import playing
from shared import CORPUS, captures_folder
from ssewire import (
    AsyncResponsesStream,
    AudioPart,
    ChatStream,
    EventDecodeError,
    EventTooLargeError,
    NotAnEventStreamError,
    PartDelta,
    PartEnd,
    PartStart,
    ProviderError,
    ResponsesParser,
    ResponsesStream,
    StreamInterruptedError,
    StreamStalledError,
    StreamTruncatedError,
    Verdict,
    responses,
)
from ssewire.logs import Capture, Head
from ssewire.responses import ResponsesState
from ssewire.testing import check_resuming, event_by_event, make_responses_body, responses_streams
from streams import NUMBERED, examples

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

BODY = make_responses_body(
    text="one two three", tool_calls=[("look_up", '{"of":1}')], reasoning="hm hm", usage={"total_tokens": 3}
)
EVENTS = event_by_event(BODY)[:-1]  # numbered from 0
WHOLE = list(ResponsesStream(BODY))
RESULT = ResponsesStream(BODY).result()
ERROR = b'{"error":{"message":"Response expired.","type":"invalid_request_error","code":null}}'


class Broken(Exception):
    """What a client raises."""


class Connection:
    """A source that gives some events, and then breaks; it knows whether it was closed."""

    def __init__(self, reads: list[bytes], error: Exception | None = None) -> None:
        self._reads = iter(reads)
        self._error = error
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for read in self._reads:
            return read
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        self.closed += 1


class AsyncConnection(Connection):
    """The same, to be awaited."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    __iter__ = None  # type: ignore[assignment]

    async def __anext__(self) -> bytes:
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self.closed += 1


def breaking(count: int) -> Connection:
    """Gives so many events, the half of the next one, and breaks."""
    return Connection([*EVENTS[:count], EVENTS[count][:20]], Broken("reset"))


class Server:
    """Answers each request for what comes after a number with the next of some answers."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[int] = []
        self._answers = iter(answers)

    def __call__(self, after: int) -> Any:
        self.asked.append(after)
        answer = next(self._answers, None)
        if isinstance(answer, Exception):
            raise answer
        return Connection(EVENTS[after + 1 :]) if answer is None else answer


def kinds(stream: Any) -> list[tuple[str, str, int]]:
    return [(each.kind, each.detail, each.count) for each in stream.diagnostics]


# -- going on --------------------------------------------------------------------------------------------


def test_a_stream_that_is_to_resume_goes_on_as_if_nothing_had_happened() -> None:
    server = Server()
    with ResponsesStream(breaking(4)) as stream:
        assert stream.resume(server) is stream
        assert list(stream) == WHOLE
    assert server.asked == [3]
    assert stream.verdict is Verdict.COMPLETE
    assert stream.result() == RESULT
    assert kinds(stream) == [("resumed", "after sequence number 3", 1)]


def test_a_stream_that_broke_is_resumed_where_the_error_is_caught() -> None:
    server = Server()
    found: list[Any] = []
    with ResponsesStream(breaking(4)) as stream:
        with pytest.raises(StreamInterruptedError):
            found.extend(stream)
        assert str(stream.verdict) == "truncated"
        stream.resume(server)
        assert str(stream.verdict) == "open"
        assert server.asked == []  # it connects at the next step
        found.extend(stream)
    assert found == WHOLE
    assert stream.result() == RESULT


def test_a_stream_that_was_closed_behind_its_break_is_resumed_too() -> None:
    stream = ResponsesStream(breaking(4))
    with pytest.raises(StreamInterruptedError), stream:
        stream.result()
    with stream.resume(Server()):
        assert list(stream) == WHOLE[4:]
        assert stream.result() == RESULT


def test_a_stream_that_its_reader_left_is_resumed_behind_the_last_event_he_had() -> None:
    server = Server()
    with ResponsesStream(BODY) as stream:
        found = [next(stream) for _ in range(5)]  # many more have been read
    assert stream.verdict is Verdict.CLOSED
    with stream.resume(server):
        assert [*found, *stream] == WHOLE
    assert server.asked == [4]


@pytest.mark.parametrize("count", range(1, len(EVENTS)))
def test_whatever_was_read_at_once_before_it_broke_is_not_asked_for_again(count: int) -> None:
    server = Server()
    connection = Connection([b"".join(EVENTS[:count]) + EVENTS[count][:-1]], Broken())
    with ResponsesStream(connection) as stream:
        assert list(stream.resume(server)) == WHOLE
    assert server.asked == [count - 1]


def test_it_resumes_again_and_again() -> None:
    server = Server(*(Connection(EVENTS[at : at + 1], Broken()) for at in range(1, len(EVENTS) - 1)))
    with ResponsesStream(breaking(1)) as stream:
        assert list(stream.resume(server, attempts=1)) == WHOLE
    assert server.asked == list(range(len(EVENTS) - 1))


def test_a_body_that_ends_before_the_end_was_told_is_cut() -> None:
    server = Server(Connection(EVENTS[4:6]))
    with ResponsesStream(EVENTS[:4]) as stream:
        assert list(stream.resume(server)) == WHOLE
    assert server.asked == [3, 5]


def test_a_last_event_without_its_blank_line_is_the_last_event() -> None:
    server = Server()
    with ResponsesStream([BODY.removesuffix(b"\n")]) as stream:
        assert list(stream.resume(server)) == WHOLE
    assert server.asked == []


def test_what_the_server_repeats_is_dropped() -> None:
    with ResponsesStream(breaking(4)) as stream:
        assert list(stream.resume(Server([BODY]))) == WHOLE
    assert ("duplicate_event", "seen before the stream was resumed", 4) in kinds(stream)


def test_numbers_that_are_missing_are_told() -> None:
    with ResponsesStream(breaking(4)) as stream:
        assert list(stream.resume(Server(Connection(EVENTS[6:])))) == WHOLE[:4] + WHOLE[6:]
    assert ("sequence_gap", "sequence numbers 4 to 5 are missing", 1) in kinds(stream)
    assert stream.result() == RESULT  # the terminal event has it all


def test_text_goes_on_in_the_same_iterator() -> None:
    with ResponsesStream(breaking(len(EVENTS) // 2)) as stream:
        text = stream.resume(Server()).text()
        assert "".join(text) == "one two three"
    with ResponsesStream(breaking(len(EVENTS) // 2)) as stream:
        raw = [raw for _, raw in stream.resume(Server()).raw()]
    assert raw == [raw for _, raw in ResponsesStream(BODY).raw()]


def test_the_times_go_on() -> None:
    with ResponsesStream(breaking(3), clock=iter(range(1000)).__next__) as stream:
        stream.resume(Server()).result()
    timing = stream.timing
    assert timing.opened == 0
    assert timing.first_byte == 1
    assert timing.last_byte is not None
    assert timing.last_byte > len(EVENTS)


# -- connecting ------------------------------------------------------------------------------------------


def test_connections_are_closed_each_when_the_next_is_made() -> None:
    first, second, third = breaking(2), Connection(EVENTS[2:4], Broken()), Connection(EVENTS[4:])
    log: list[str] = []

    @contextlib.contextmanager
    def managed(connection: Connection, name: str) -> Iterator[Connection]:
        log.append(f"enter {name}")
        yield connection
        log.append(f"exit {name} {connection.closed}")

    with ResponsesStream(first) as stream:
        stream.resume(Server(managed(second, "second"), managed(third, "third")))
        for _ in range(3):
            next(stream)
        assert (first.closed, second.closed) == (1, 0)
        stream.result()
    assert log == ["enter second", "exit second 1", "enter third", "exit third 1"]
    assert (first.closed, second.closed, third.closed) == (1, 1, 1)


def test_closing_the_stream_closes_the_connection() -> None:
    first = breaking(2)
    with ResponsesStream(first) as stream:
        stream.resume(Server())
    assert first.closed == 1
    assert stream.verdict is Verdict.CLOSED


def test_what_breaks_while_it_is_closed_is_not_told() -> None:
    first = breaking(2)
    first.close = lambda: 1 / 0  # type: ignore[method-assign, assignment]
    with ResponsesStream(first) as stream:
        assert list(stream.resume(Server())) == WHOLE


def test_a_stream_that_is_to_resume_is_in_no_cycle() -> None:
    stream = ResponsesStream([BODY]).resume(Server())
    stream.result()
    seen = weakref.ref(stream)
    gc.disable()
    try:
        del stream
        assert seen() is None
    finally:
        gc.enable()


def test_an_async_stream_takes_whatever_is_awaited() -> None:
    closed: list[str] = []

    @contextlib.asynccontextmanager
    async def managed(connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
        await asyncio.sleep(0)
        yield connection
        closed.append("managed")

    async def made(connection: Any) -> Any:
        await asyncio.sleep(0)
        return connection

    def part(start: int, end: int) -> AsyncConnection:
        return AsyncConnection(EVENTS[start:end], Broken())

    async def read() -> tuple[list[Any], list[int], Any]:
        first = part(0, 1)
        server = Server(
            managed(part(1, 2)), made(part(2, 3)), made(managed(part(3, 4))), part(4, 5), EVENTS[5:]
        )
        async with AsyncResponsesStream(first) as stream:
            found = [event async for event in stream.resume(server)]
        assert first.closed == 1
        return found, server.asked, await stream.result()

    assert asyncio.run(read()) == (WHOLE, [0, 1, 2, 3, 4], RESULT)
    assert closed == ["managed", "managed"]


def test_an_async_stream_that_was_cancelled_is_resumed() -> None:
    async def hanging() -> AsyncIterator[bytes]:
        yield b"".join(EVENTS[:4])
        await asyncio.sleep(60)

    async def read() -> Any:
        found: list[Any] = []
        server = Server(hanging(), EVENTS[4:])

        async def take() -> None:
            async for event in stream:
                found[len(found) :] = [event]

        async with AsyncResponsesStream(hanging()) as stream:
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(take(), 0.01)
                assert stream.verdict is Verdict.CLOSED
                stream.resume(server)
            await take()
        return found, server.asked, stream.verdict

    assert asyncio.run(read()) == (WHOLE, [3, 3], Verdict.COMPLETE)


@pytest.mark.parametrize("managed", [False, True])
def test_a_source_that_has_to_be_awaited_is_refused_at_once(managed: bool) -> None:
    connection = AsyncConnection([BODY])
    server = Server(contextlib.closing(connection) if managed else connection)
    with ResponsesStream(breaking(4)) as stream:
        with pytest.raises(TypeError, match=r"AsyncConnection has to be awaited: use AsyncResponsesStream$"):
            list(stream.resume(server))
        assert (server.asked, connection.closed > 0) == ([3], True)
        assert stream.verdict is Verdict.CLOSED
        assert stream.resume(Server()).result() == RESULT


@pytest.mark.parametrize("limit", [None, 60])
def test_a_source_that_cannot_be_awaited_is_refused_at_once(limit: float | None) -> None:
    connection = Connection([BODY])

    async def read() -> None:
        server = Server(connection)
        first = AsyncConnection(EVENTS[:4], Broken())
        async with AsyncResponsesStream(first, idle_timeout=limit) as stream:
            with pytest.raises(TypeError, match=r"Connection cannot be awaited: use ResponsesStream$"):
                await stream.resume(server).result()
            assert (server.asked, connection.closed > 0) == ([3], True)
            assert await stream.resume(Server(EVENTS[4:])).result() == RESULT

    asyncio.run(read())


def test_what_is_no_source_at_all_is_refused_at_once() -> None:
    with ResponsesStream(breaking(4)) as stream, pytest.raises(TypeError, match="no source of bytes"):
        stream.resume(Server("text")).result()


def test_a_type_error_in_what_connects_is_a_transport_that_broke() -> None:
    server = Server(TypeError("refused"))
    with ResponsesStream(breaking(4)) as stream:
        assert list(stream.resume(server)) == WHOLE
    assert server.asked == [3, 3]


def test_a_stream_that_stalls_is_resumed() -> None:
    server = Server()
    signs_of_life = itertools.chain(EVENTS[:2], itertools.repeat(b": alive\n\n"))
    with ResponsesStream(signs_of_life, clock=itertools.count().__next__, idle_timeout=5) as stream:
        assert list(stream.resume(server)) == WHOLE
    assert server.asked == [1]


def test_an_async_stream_that_stalls_is_resumed() -> None:
    async def silent(*reads: bytes) -> AsyncIterator[bytes]:
        for read in reads:
            yield read
        await asyncio.sleep(60)

    async def read() -> Any:
        async with AsyncResponsesStream(silent(*EVENTS[:4]), idle_timeout=0.02) as stream:
            server = Server(silent(), silent(), silent())
            with pytest.raises(StreamStalledError):
                await stream.resume(server).result()
            server = Server(silent(EVENTS[4]), EVENTS[5:])
            return [event async for event in stream.resume(server)], server.asked

    assert asyncio.run(read()) == (WHOLE[4:], [3, 4])


@pytest.mark.parametrize("clean", [False, True])
def test_the_silence_of_one_connection_does_not_count_for_the_next(clean: bool) -> None:
    now = 0.0

    def silence(seconds: float) -> bytes:
        nonlocal now
        now += seconds
        return b": alive\n\n"

    def first() -> Iterator[bytes]:
        yield from EVENTS[:3]
        yield silence(20)
        if not clean:
            raise Broken("reset")

    def rest(after: int) -> Iterator[bytes]:
        yield silence(20)
        yield from EVENTS[after + 1 :]

    with ResponsesStream(first(), clock=lambda: now, idle_timeout=30) as stream:
        assert list(stream.resume(rest, attempts=1)) == WHOLE


def test_the_silence_of_one_awaited_connection_does_not_count_for_the_next() -> None:
    async def reads(*steps: bytes | float) -> AsyncIterator[bytes]:
        for step in steps:
            if isinstance(step, bytes):
                yield step
            else:
                await asyncio.sleep(step)

    async def read() -> Any:
        async with AsyncResponsesStream(reads(*EVENTS[:3], 0.15), idle_timeout=0.25) as stream:
            stream.resume(lambda after: reads(0.15, *EVENTS[after + 1 :]), attempts=1)
            return [event async for event in stream]

    assert asyncio.run(read()) == WHOLE


# -- giving up -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_connections_in_vain_are_bounded(attempts: int) -> None:
    refused = OSError("refused")
    server = Server(*[refused, Connection([], Broken()), Connection(EVENTS[:4])] * 3)
    with ResponsesStream(breaking(4)) as stream:
        stream.resume(server, attempts=attempts)
        with pytest.raises(StreamTruncatedError):
            stream.result()
        assert stream.verdict is Verdict.TRUNCATED
        assert server.asked == [3] * attempts
        assert ("resumed", "after sequence number 3", attempts) in kinds(stream)
        # The caller may wait, and try once more.
        assert stream.resume(Server()).result() == RESULT


def test_the_error_is_chained_from_the_last_refusal() -> None:
    refused = OSError("refused")
    with ResponsesStream(breaking(4)) as stream:
        with pytest.raises(StreamInterruptedError, match="refused") as caught:
            stream.resume(Server(*[refused] * 3)).result()
        assert caught.value.__cause__ is refused
        assert caught.value.snapshot.id == RESULT.id


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_what_broke_a_stream_is_raised_though_the_last_attempts_end_quietly(attempts: int) -> None:
    with ResponsesStream(breaking(4)) as stream:
        stream.resume(lambda _: Connection([]), attempts=attempts)
        with pytest.raises(StreamInterruptedError, match="reset"):
            list(stream)
        with pytest.raises(StreamInterruptedError, match="reset"):
            stream.result()
        assert stream.verdict is Verdict.TRUNCATED


def test_what_broke_a_stream_before_it_went_on_is_forgotten() -> None:
    with ResponsesStream(breaking(2)) as stream:
        stream.resume(Server(Connection(EVENTS[2:4]), *[Connection([]) for _ in range(3)]))
        assert list(stream) == WHOLE[:4]
        with pytest.raises(StreamTruncatedError, match="was cut before its end") as caught:
            stream.result()
        assert type(caught.value) is StreamTruncatedError


def test_no_attempt_at_all_is_refused() -> None:
    with ResponsesStream(BODY) as stream, pytest.raises(ValueError, match="1 or more, not 0"):
        stream.resume(Server(), attempts=0)


def unnumbered(reads: list[bytes]) -> list[bytes]:
    return [read.replace(b'"sequence_number"', b'"other"') for read in reads]


@pytest.mark.parametrize(
    ("reads", "reason"),
    [
        ([], "no event had a sequence number"),
        (unnumbered(EVENTS[:4]), "no event had a sequence number"),
        ([EVENTS[0], EVENTS[3], EVENTS[3]], "its sequence numbers are out of order"),
    ],
)
def test_a_stream_that_cannot_be_resumed_breaks_as_it_would_have(reads: list[bytes], reason: str) -> None:
    server = Server()
    with ResponsesStream(Connection(reads, Broken("reset"))) as stream:
        with pytest.raises(StreamInterruptedError, match="reset") as caught:
            list(stream.resume(server))
        assert isinstance(caught.value.__cause__, Broken)
        assert ("not_resumable", f"the stream cannot be resumed: {reason}", 1) in kinds(stream)
        with pytest.raises(StreamTruncatedError, match=reason) as refused:
            stream.resume(server)
        assert refused.value.__cause__ is caught.value
        assert refused.value.snapshot == stream.snapshot()
    assert server.asked == []
    assert stream.verdict is Verdict.TRUNCATED


def test_a_stream_that_has_ended_is_not_resumed() -> None:
    with ResponsesStream(BODY) as stream:
        stream.result()
        with pytest.raises(RuntimeError, match="there is nothing to resume: the stream is complete"):
            stream.resume(Server())


FAILED = b'data: {"type":"error","sequence_number":4,"code":"x","message":"overloaded","param":null}\n\n'


@pytest.mark.parametrize("end", [[FAILED], [FAILED, EVENTS[0][:20]], [b"error: no\n", b"\n"]])
def test_a_stream_that_failed_is_not_resumed(end: list[bytes]) -> None:
    server = Server()
    with ResponsesStream(Connection([*EVENTS[:4], *end], Broken())) as stream:
        with pytest.raises(ProviderError):
            stream.resume(server).result()
        with pytest.raises(RuntimeError, match="there is nothing to resume: the stream is failed"):
            stream.resume(server)
    assert server.asked == []


class Response:
    """A response, as httpx has them."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status_code = status
        self.headers = {"x": str(status)}
        self.iter_bytes = lambda: iter([body])


def test_a_server_that_refuses_to_go_on_says_why() -> None:
    with ResponsesStream(breaking(4)) as stream:
        with pytest.raises(ProviderError, match="Response expired") as caught:
            list(stream.resume(Server(Response(400, ERROR))))
        assert caught.value.status == 400
        assert caught.value.snapshot.id == RESULT.id
        assert stream.verdict is Verdict.FAILED
        # That was no event of the response, which perhaps goes on later.
        assert stream.resume(Server()).result() == RESULT


GATEWAY = Response(502, b"<html>\nBad gateway")


def test_what_is_no_event_stream_is_a_connection_that_brought_nothing() -> None:
    server = Server(GATEWAY, GATEWAY)
    with ResponsesStream(breaking(4)) as stream:
        assert list(stream.resume(server)) == WHOLE
    assert server.asked == [3, 3, 3]
    assert ("resumed", "after sequence number 3", 3) in kinds(stream)


def test_what_is_no_event_stream_is_told_and_does_not_make_the_stream_empty() -> None:
    with ResponsesStream(breaking(4)) as stream:
        with pytest.raises(NotAnEventStreamError) as caught:
            list(stream.resume(Server(*[GATEWAY] * 3)))
        assert (caught.value.status, caught.value.headers) == (502, {"x": "502"})
        assert stream.verdict is Verdict.TRUNCATED
        assert stream.resume(Server()).result() == RESULT


def test_an_event_that_does_not_decode_comes_again() -> None:
    malformed = Connection([*EVENTS[:4], b'data: {"type"\n\n'])
    with ResponsesStream(malformed) as stream:
        with pytest.raises(EventDecodeError):
            list(stream)
        assert list(stream.resume(Server())) == WHOLE[4:]


def test_chat_streams_have_no_such_method() -> None:
    assert not hasattr(ChatStream, "resume")


# -- parsers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False])
def test_a_parser_takes_another_body(told: bool) -> None:
    parser = ResponsesParser()
    found = parser.feed(b"".join(EVENTS[:4]) + EVENTS[4][:30])
    if told:
        parser.close(broken=True)
    assert parser.resume() == 3
    found += parser.feed(BODY)
    parser.close()
    assert found == WHOLE
    assert parser.result() == RESULT
    with pytest.raises(RuntimeError, match="nothing to resume"):
        parser.resume()


def test_an_event_without_a_type_may_have_been_cut_before_its_name() -> None:
    first, name, data = EVENTS[0], b"event: response.in_progress", b'data: {"sequence_number":1}'
    for body in (data, data + b"\n", data + b"\neve"):
        parser = ResponsesParser()
        parser.feed(first + body)
        assert parser.close() == []
        assert parser.verdict is Verdict.TRUNCATED
        assert "cut_event" in [each.kind for each in parser.diagnostics]
        assert parser.resume() == 0
        (event,) = parser.feed(data + b"\n" + name + b"\n\n")
        assert event.type == "response.in_progress"
    named = ResponsesParser()
    assert len(named.feed(first + data + b"\n" + name) + named.close()) == 2


def test_another_body_has_the_limit_of_the_first() -> None:
    parser = ResponsesParser(max_event_size=max(map(len, EVENTS)))
    parser.feed(b"".join(EVENTS[:4]))
    parser.resume()
    with pytest.raises(EventTooLargeError):
        parser.feed(b"data: " + b"a" * 10_000)


@pytest.mark.parametrize("before", [b"", b"garbage: 1\n\n"])
def test_another_body_is_judged_by_what_it_is(before: bytes) -> None:
    parser = ResponsesParser()
    parser.feed(before + b"".join(EVENTS[:4]))
    parser.resume()
    (event,) = parser.feed(b"error: no\n")
    parser.abandon()
    assert (event.type, parser.verdict.value) == ("error", "failed")
    parser = ResponsesParser()
    parser.feed(before + b"".join(EVENTS[:4]))
    parser.resume()
    assert parser.close() == []
    assert parser.verdict.value == "truncated"


def test_a_parser_whose_error_may_yet_be_explained_has_failed() -> None:
    parser = ResponsesParser()
    parser.feed(b"".join(EVENTS[:4]) + FAILED)
    with pytest.raises(RuntimeError, match="the stream is failed"):
        parser.resume()


def test_a_parser_with_a_state_hands_out_nothing_twice() -> None:
    first = ResponsesParser()
    found = first.feed(b"".join(EVENTS[:4]))
    second = ResponsesParser(state=first.state())
    found += second.feed(BODY)
    assert found == WHOLE
    assert second.result() == RESULT


@pytest.mark.parametrize("numbers", [[1, 1, 1, 1], [5, 6, 1, 2]])
@pytest.mark.parametrize("saves", [1, 2])
def test_where_numbers_are_out_of_order_a_state_drops_nothing(numbers: list[int], saves: int) -> None:
    sent = [numbered(number, delta) for number, delta in zip(numbers, [*DELTAS, DELTAS[0]], strict=True)]
    parser = ResponsesParser()
    parser.feed(b"".join(sent[:3]))
    for _ in range(saves):
        state = msgspec.json.decode(msgspec.json.encode(parser.state()), type=ResponsesState)
        parser = ResponsesParser(state=state)
    assert len(parser.feed(sent[3])) == 1
    assert parser.message().text == "Hello thereHel"
    with pytest.raises(StreamTruncatedError, match="out of order"):
        parser.resume()


def test_a_state_that_does_not_tell_of_the_order_drops_what_was_seen() -> None:
    state = msgspec.json.decode(
        b'{"sequence_number":3,"beginning":null,"ending":null,"items":[]}', type=ResponsesState
    )
    assert ResponsesParser(state=state).feed(numbered(3, *DELTAS[:2])) == [
        responses.OutputTextDelta(4, delta="lo ", item_id="m", output_index=0, content_index=0)
    ]


@pytest.mark.parametrize("rest", [b"", b"data: [DONE]\n\n", EVENTS[-1]])
def test_what_had_ended_when_it_was_saved_has_ended(rest: bytes) -> None:
    first = ResponsesParser()
    first.feed(b"".join(EVENTS))
    second = ResponsesParser(state=first.state(), strict=True)
    assert second.verdict is Verdict.COMPLETE
    assert second.feed(rest) == second.close() == []
    assert second.result() == RESULT
    with pytest.raises(RuntimeError, match="nothing to resume: the stream is complete"):
        second.resume()
    with ResponsesStream([rest], state=first.state()) as stream:
        assert list(stream) == []
        assert stream.result() == RESULT


@pytest.mark.parametrize("told", ['"error":{"message":"no","code":"full"}', '"status":"failed"'])
def test_what_had_failed_when_it_was_saved_has_failed(told: str) -> None:
    first = ResponsesParser()
    first.feed(
        b'data: {"type":"response.failed","sequence_number":4,"response":{"id":"r",%b}}\n\n' % told.encode()
    )
    with pytest.raises(ProviderError) as before:
        first.close()
    second = ResponsesParser(state=first.state())
    assert second.verdict is Verdict.FAILED
    with pytest.raises(ProviderError) as after:
        second.feed(b"")
    assert (after.value.message, after.value.code) == (before.value.message, before.value.code)
    assert after.value.snapshot == before.value.snapshot
    with pytest.raises(ProviderError):
        ResponsesStream([], state=first.state()).result()


def test_an_event_without_a_number_is_no_repetition() -> None:
    parser = ResponsesParser(state=ResponsesState(3, None, None, []))
    (event,) = parser.feed(b'data: {"type":"response.in_progress"}\n\n')
    assert event.type == "response.in_progress"
    assert parser.feed(numbered(3, DELTAS[0])) == []
    assert [each.kind for each in parser.diagnostics] == ["duplicate_event"]


# -- parts -----------------------------------------------------------------------------------------------


def test_parts_that_a_quiet_end_has_ended_go_on_and_end_again() -> None:
    with ResponsesStream(breaking_text()) as stream:
        parts = stream.parts()
        told = list(parts)
        assert told[-1] == PartEnd(0, stream.message().parts[0])
        stream.resume(lambda after: [numbered(after + 1, *TEXT_END)])
        told += parts
    assert told[-1] == PartEnd(0, stream.message().parts[0])
    assert stream.message().text == "Hello there"
    assert "".join(each.delta for each in told if isinstance(each, PartDelta)) == "Hello there"
    assert [type(each) for each in told].count(PartStart) == 1


TEXT = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0}
DELTAS = [TEXT | {"delta": each} for each in ("Hel", "lo ", "there")]
COMPLETED = {"type": "response.completed", "response": {"id": "r", "output": [], "status": "completed"}}
TEXT_END = (DELTAS[2], COMPLETED)


def numbered(first: int, *payloads: dict[str, Any]) -> bytes:
    events = [each | {"sequence_number": at} for at, each in enumerate(payloads, first)]
    return b"".join(f"data: {json.dumps(each)}\n\n".encode() for each in events)


def breaking_text() -> list[bytes]:
    return [numbered(0, *DELTAS[:2])]


@pytest.mark.parametrize("looked", [True, False])
def test_every_text_of_a_part_goes_on(looked: bool) -> None:
    sound = {"type": "response.audio.delta", "delta": "QUJD"}
    said = {"type": "response.audio.transcript.delta", "delta": "abc "}
    call = {
        "type": "response.function_call_arguments.delta",
        "output_index": 1,
        "item_id": "f",
        "delta": '{"a":',
    }
    first: list[dict[str, Any]] = [sound, said, call]
    with ResponsesStream([numbered(0, *first)]) as stream:
        parts = stream.parts()
        list(parts)
        if looked:
            assert parts.partial(1) == {}
        more: list[dict[str, Any]] = [sound, said, call | {"delta": "1}"}, COMPLETED]
        told = list(stream.resume(lambda after: [numbered(after + 1, *more)]).parts())
        assert parts.partial(1) == {"a": 1}
    audio, arguments = parts.so_far()
    assert isinstance(audio, AudioPart)
    assert (audio.data, audio.transcript) == ("QUJDQUJD", "abc abc ")
    assert arguments.parse(dict) == {"a": 1}  # type: ignore[union-attr]
    assert [type(each) for each in told].count(PartEnd) == 2


# -- the law ---------------------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("clean", [False, True])
def test_a_body_that_is_cut_anywhere_is_resumed(clean: bool) -> None:
    body = b"".join([EVENTS[0], *EVENTS[-3:]]).replace(b'"sequence_number":', b'"sequence_number" :')
    numbers = iter(range(4))
    body = re.sub(rb'("sequence_number" :)\d+', lambda found: b"%b%d" % (found[1], next(numbers)), body)
    for at in range(len(EVENTS[0]), len(body)):
        check_resuming(body, [at], clean=clean)


@given(st.data())
@examples(60)
def test_a_stream_that_is_cut_and_resumed_tells_what_it_tells_whole(data: st.DataObject) -> None:
    quirks = [each for each in NUMBERED if each != "cut"]
    case = data.draw(st.one_of(responses_streams(), responses_streams(quirks=quirks)))
    cuts = data.draw(st.lists(st.integers(0, len(case.body)), min_size=1, max_size=4))
    check_resuming(
        case.body, cuts, data.draw(st.sampled_from((0, 0, 1, 100))), clean=data.draw(st.booleans())
    )


RECORDED = sorted([*captures_folder().glob("responses-*.sse"), *(CORPUS / "responses").glob("*.sse")])


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_recorded_streams_are_resumed_at_every_event_and_anywhere(path: Path) -> None:
    body = path.read_bytes()
    if not resumable(body):
        return
    draw = random.Random(path.name)
    sizes = [len(event) for event in event_by_event(body)]
    check_resuming(body, sizes[:50])  # a connection for each event
    cuts = [draw.randrange(len(body) // 4) for _ in range(5)]
    check_resuming(body, cuts, again=draw.choice((0, 1, 99)), clean=draw.random() < 0.5)


def resumable(body: bytes) -> bool:
    """Whether the events are numbered one by one, to an end that is no error."""
    parser = ResponsesParser(malformed="skip")
    with contextlib.suppress(ProviderError, NotAnEventStreamError):
        numbers = [getattr(event, "sequence_number", None) for event in parser.feed(body) + parser.close()]
        return parser.verdict is Verdict.COMPLETE and numbers == list(range(len(numbers)))
    return False


def test_most_recorded_streams_can_be_resumed() -> None:
    if captures_folder().is_dir():
        assert sum(resumable(path.read_bytes()) for path in RECORDED) > 30


# -- over the network ------------------------------------------------------------------------------------

OVER_THE_NETWORK = pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
CAPTURE = Capture(Head(origin="sse"), [(None, event) for event in EVENTS])
RESETS = [f"reset:{at}" for at in range(700, len(BODY), 700)]


@OVER_THE_NETWORK
@pytest.mark.parametrize("fault", ["reset", "cut"])
def test_a_connection_that_is_reset_again_and_again_is_resumed(module: Any, fault: str) -> None:
    told: list[str] = []
    faults = [each.replace("reset", fault) for each in RESETS]
    with playing(CAPTURE, told=told.append, speed=None, faults=faults) as url:
        url += "/v1/responses"
        with (
            module.Client(trust_env=False) as client,
            client.stream("POST", url) as response,
            ResponsesStream(response) as stream,
        ):
            stream.resume(lambda after: client.stream("GET", asking(url, stream, after)))
            assert list(stream) == WHOLE
            assert stream.result() == RESULT
    assert len(told) > 3
    assert all("starting_after" in each for each in told[1:])


@OVER_THE_NETWORK
def test_an_async_connection_that_is_reset_again_and_again_is_resumed(module: Any) -> None:
    async def read(url: str) -> Any:
        async with (
            module.AsyncClient(trust_env=False) as client,
            client.stream("POST", url) as response,
            AsyncResponsesStream(response) as stream,
        ):
            stream.resume(lambda after: client.stream("GET", asking(url, stream, after)))
            return [event async for event in stream], await stream.result()

    with playing(CAPTURE, speed=None, faults=RESETS) as url:
        assert asyncio.run(read(f"{url}/v1/responses")) == (WHOLE, RESULT)


@OVER_THE_NETWORK
def test_a_response_that_is_not_there_any_more_is_told(module: Any) -> None:
    with (
        playing(CAPTURE, speed=None, faults=["reset:2000"]) as url,
        module.Client(trust_env=False) as client,
        client.stream("POST", f"{url}/v1/responses") as response,
        ResponsesStream(response) as stream,
        pytest.raises(ProviderError, match="no capture answers") as caught,
    ):
        list(stream.resume(lambda after: client.stream("GET", f"{url}/v1/responses/x?stream=true")))
    assert caught.value.status == 404


def asking(url: str, stream: Any, after: int) -> str:
    return f"{url}/{stream.snapshot().id}?stream=true&starting_after={after}"
