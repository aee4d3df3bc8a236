"""Streams: the same in every cutting and in every way of reading; errors, closing, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import pickle
import re
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from server import END, ERROR, HTML, ROLE, STOP, STORY, STORY_TEXT, USAGE, chunk, event
from shared import pieces as pieces_of
from ssewire import (
    AsyncChatStream,
    ChatCompletion,
    ChatCompletionChunk,
    ChatParser,
    ChatStream,
    EmptyStreamError,
    EventDecodeError,
    EventTooLargeError,
    NotAnEventStreamError,
    ProviderError,
    SSEWireError,
    StreamInterruptedError,
    StreamTruncatedError,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator

CORPUS = Path(__file__).with_name("corpus")
EXPECTED: dict[str, dict[str, Any]] = {
    name: expected
    for name, expected in json.loads((CORPUS.parent / "corpus_expected.json").read_bytes()).items()
    if name.startswith("chat/")
}
MALFORMED = b'data: {"choices": [\n\n'
PROVIDER_ERROR = event({"error": {"message": "Out of steam", "code": 503}})
OTHER_TYPE: dict[str, Any] = {"type": msgspec.Struct}
OTHER_POLICY: dict[str, Any] = {"malformed": "ignore"}


# -- reading in every way --------------------------------------------------------------------------------


@dataclass
class Told:
    """What a stream told about itself: at each event, and in the end."""

    events: list[str] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    verdict: Verdict = Verdict.OPEN
    usage: str = ""
    result: str | None = None
    error: tuple[str, str, str] | None = None

    def event(self, stream: Any, pair: tuple[ChatCompletionChunk, bytes]) -> None:
        self.events.append(repr(pair[0]))
        self.data.append(pair[1])
        self.snapshots.append(repr(stream.snapshot()))
        self.verdicts.append(stream.verdict)

    def end(self, stream: Any, result: ChatCompletion | None, error: SSEWireError | None) -> None:
        self.verdict = stream.verdict
        self.usage = repr((stream.usage, stream.model, stream.created))
        self.result = None if result is None else repr(result)
        self.error = None if error is None else (type(error).__name__, str(error), repr(error.snapshot))


def read(reads: Any, **options: Any) -> Told:
    told, result, error = Told(), None, None
    stream = ChatStream(reads, **options)
    try:
        for pair in stream.raw():
            told.event(stream, pair)
        result = stream.result()
    except SSEWireError as raised:
        error = raised
    told.end(stream, result, error)
    return told


def async_read(reads: Any, **options: Any) -> Told:
    async def run() -> Told:
        told, result, error = Told(), None, None
        stream = AsyncChatStream(reads, **options)
        try:
            async for pair in stream.raw():
                told.event(stream, pair)
            result = await stream.result()
        except SSEWireError as raised:
            error = raised
        told.end(stream, result, error)
        return told

    return asyncio.run(run())


def push(reads: Iterable[bytes], **options: Any) -> tuple[Told, dict[int, str]]:
    """Feed a parser; the snapshots are those after reads, by the number of events until then."""
    told, result, error = Told(), None, None
    snapshots = {}
    parser = ChatParser(**options)

    def take(pairs: list[tuple[ChatCompletionChunk, bytes]]) -> None:
        told.events += [repr(each) for each, _ in pairs]
        told.data += [data for _, data in pairs]
        snapshots[len(told.events)] = repr(parser.snapshot())

    try:
        for each in reads:
            take(parser.feed_raw(each))
        take([(each, b"(the tail)") for each in parser.close()])
        result = parser.result()
    except SSEWireError as raised:
        error = raised
    told.end(parser, result, error)
    return told, snapshots


def bulk(body: bytes) -> list[bytes]:
    return [body]


def live(body: bytes) -> list[bytes]:
    return [each for each in re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", body) if each]


def bytewise(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


CUTTINGS = (bulk, live, bytewise)


def rest(stream: ChatStream) -> list[object]:
    """What any way of iterating still finds."""
    return [*stream, *stream.raw(), *stream.text()]


async def async_rest(stream: AsyncChatStream) -> list[object]:
    found: list[object] = [each async for each in stream]
    found += [each async for each in stream.raw()]
    return found + [each async for each in stream.text()]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_way_of_reading_tells_the_same(name: str) -> None:
    body = (CORPUS / name).read_bytes()
    told = read([body], malformed="skip")
    for cutting in CUTTINGS:
        reads = cutting(body)
        assert read(reads, malformed="skip") == told
        assert async_read(reads, malformed="skip") == told
        pushed, snapshots = push(reads, malformed="skip")
        tail = pushed.data[-1:] == [b"(the tail)"]
        assert pushed.events == told.events
        assert pushed.data[: -1 if tail else None] == told.data[: -1 if tail else None]
        assert (pushed.verdict, pushed.usage) == (told.verdict, told.usage)
        assert (pushed.result, pushed.error) == (told.result, told.error)
        assert {at: told.snapshots[at - 1] for at in snapshots if at > 0} == {
            at: snapshot for at, snapshot in snapshots.items() if at > 0
        }


@pytest.mark.parametrize("name", EXPECTED)
def test_streams_tell_what_the_corpus_expects(name: str) -> None:
    expected = EXPECTED[name]
    body = (CORPUS / name).read_bytes()
    stream = ChatStream([body], malformed="skip")
    events: list[ChatCompletionChunk] = []
    error = None
    try:
        events.extend(stream)
    except SSEWireError as raised:
        error = raised
    assert len(events) == expected["events"] - expected["malformed"] - body.count(b"data: null")
    assert stream.verdict == expected["verdict"]
    snapshot = stream.snapshot()
    assert (stream.model, stream.created) == (expected["model"], expected["created"])
    assert (snapshot.model or None, snapshot.created) == (stream.model, stream.created)
    assert snapshot.usage == stream.usage
    assert [(choice.index, choice.finish_reason, choice.message.content) for choice in snapshot.choices] == [
        (choice["index"], choice["finish_reason"], choice["content"]) for choice in expected["choices"]
    ]
    malformed = sum(each.count for each in stream.diagnostics if each.kind == "malformed")
    assert malformed == expected["malformed"]
    if expected["error"] is not None:
        assert isinstance(error, ProviderError)
        facts = {name: getattr(error, name) for name in expected["error"]}
        assert facts == expected["error"]
        assert error.snapshot == snapshot


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("cutting", CUTTINGS)
def test_the_pieces_of_text_add_up_to_the_content(name: str, cutting: Callable[[bytes], list[bytes]]) -> None:
    reads = cutting((CORPUS / name).read_bytes())
    for index in range(3):
        stream = ChatStream(reads, malformed="skip")
        pieces: list[str] = []
        with contextlib.suppress(SSEWireError):
            pieces.extend(stream.text(index))
        choices = [choice for choice in stream.snapshot().choices if choice.index == index]
        assert "".join(pieces) == "".join(choice.message.content or "" for choice in choices)
        assert all(pieces)
        "".join(pieces).encode()  # no half characters


# -- iterating -------------------------------------------------------------------------------------------


def test_three_lines_print_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with ChatStream(STORY) as stream:
        for text in stream.text():
            print(text, end="")
    assert capsys.readouterr().out == STORY_TEXT
    assert stream.verdict is Verdict.COMPLETE
    assert stream.result().choices[0].message.content == STORY_TEXT


def test_three_lines_print_an_answer_with_await(capsys: pytest.CaptureFixture[str]) -> None:
    async def tell() -> None:
        async with AsyncChatStream(STORY) as stream:
            async for text in stream.text():
                print(text, end="")
        assert (await stream.result()).choices[0].message.content == STORY_TEXT

    asyncio.run(tell())
    assert capsys.readouterr().out == STORY_TEXT


def test_events_are_chunks() -> None:
    events = list(ChatStream(STORY))
    assert all(type(each) is ChatCompletionChunk for each in events)
    assert [each.choices[0].delta.content for each in events if each.choices][:3] == ["", "Once", " upon"]
    assert len(events) == len(STORY) - 1  # the end mark is none


class Named(ChatCompletionChunk, frozen=True):
    nonce: str = ""


def test_events_are_of_the_type_that_was_asked_for() -> None:
    reads = [event({"choices": [], "nonce": "n-1"}), END]
    # A type checker knows it, too.
    assert [named.nonce for named in ChatStream(reads, type=Named)] == ["n-1"]
    assert [named.nonce for named in ChatParser(type=Named).feed(reads[0])] == ["n-1"]
    with pytest.raises(TypeError):
        ChatStream(reads, **OTHER_TYPE)


def test_raw_gives_each_event_with_its_data() -> None:
    pairs = list(ChatStream([b"".join(STORY)]).raw())
    assert [data for _, data in pairs] == [each.removeprefix(b"data: ").strip() for each in STORY[:-1]]
    assert [each for each, _ in pairs] == list(ChatStream(STORY))


def test_the_ways_to_iterate_share_the_stream() -> None:
    stream = ChatStream(STORY)
    assert iter(stream) is stream
    raw, text = stream.raw(), stream.text()
    assert iter(raw) is raw
    assert iter(text) is text
    assert next(stream).choices[0].delta.role == "assistant"
    assert next(raw)[0].choices[0].delta.content == "Once"
    assert next(text) == " upon"
    assert stream.result().choices[0].message.content == STORY_TEXT
    assert [*raw, *text, *stream] == []


def test_the_ways_to_iterate_share_the_async_stream() -> None:
    async def run() -> None:
        stream = AsyncChatStream(STORY)
        assert aiter(stream) is stream
        raw, text = stream.raw(), stream.text()
        assert aiter(raw) is raw
        assert aiter(text) is text
        assert (await anext(stream)).choices[0].delta.role == "assistant"
        assert (await anext(raw))[0].choices[0].delta.content == "Once"
        assert await anext(text) == " upon"
        assert (await stream.result()).choices[0].message.content == STORY_TEXT
        assert [each async for each in raw] == []
        assert [each async for each in text] == []

    asyncio.run(run())


TWO_CHOICES = (
    chunk("A", index=0),
    chunk("X", index=1),
    event({"choices": [{"index": 1, "delta": {"content": "Y"}}, {"index": 0, "delta": {"content": "B"}}]}),
    chunk(finish="stop", index=0),
    chunk(finish="length", index=1),
    END,
)


@pytest.mark.parametrize(("choice", "pieces"), [(0, ["A", "B"]), (1, ["X", "Y"]), (2, [])])
def test_text_is_that_of_one_choice(choice: int, pieces: list[str]) -> None:
    assert list(ChatStream(TWO_CHOICES).text(choice=choice)) == pieces

    async def run() -> list[str]:
        return [text async for text in AsyncChatStream(TWO_CHOICES).text(choice=choice)]

    assert asyncio.run(run()) == pieces


HALVES: list[tuple[list[str], list[str]]] = [
    (["A \ud83d", "\ude00!"], ["A ", "\N{GRINNING FACE}!"]),
    (["\ud83d", "\ude00"], ["\N{GRINNING FACE}"]),
    (["\ud83d", "", "\ude00"], ["\N{GRINNING FACE}"]),
    (["\ud83d\ude00"], ["\N{GRINNING FACE}"]),
    (["\ud83d", "x"], ["\ufffdx"]),
    (["\ud83d", "\ud83d", "\ude00"], ["\ufffd", "\N{GRINNING FACE}"]),
    (["\ude00x"], ["\ufffdx"]),
    (["x", "\ud83d"], ["x", "\ufffd"]),
    (["\ud83d"], ["\ufffd"]),
]


@pytest.mark.parametrize(("deltas", "pieces"), HALVES)
def test_halves_of_a_character_are_joined(deltas: list[str], pieces: list[str]) -> None:
    reads = [*map(chunk, deltas), STOP, END]
    stream = ChatStream(reads)
    text = stream.text()
    assert list(text) == pieces
    assert list(text) == []
    assert stream.result().choices[0].message.content == "".join(pieces)

    async def run() -> None:
        text = AsyncChatStream(reads).text()
        assert [piece async for piece in text] == pieces
        assert [piece async for piece in text] == []

    asyncio.run(run())


def test_the_text_of_a_choice_that_is_sent_as_a_message_is_found() -> None:
    whole = event(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "All of it"},
                    "finish_reason": "stop",
                }
            ]
        }
    )
    stream = ChatStream([whole, END])
    assert list(stream.text()) == ["All of it"]
    assert stream.result().choices[0].message.content == "All of it"


# -- snapshots and results -------------------------------------------------------------------------------


def test_snapshots_grow_and_the_earlier_ones_stay() -> None:
    stream = ChatStream([b"".join(STORY)])
    assert stream.snapshot().choices == []
    contents = []
    snapshots = []
    for _ in stream:
        snapshots.append(stream.snapshot())
        contents.append(snapshots[-1].choices[0].message.content)
    whole = STORY_TEXT
    assert contents == ["", "Once", "Once upon", whole, whole, whole]
    assert [each.choices[0].message.content for each in snapshots] == contents
    assert stream.result() == stream.snapshot() == snapshots[-1]


LONG = [chunk(f"<{number}>") for number in range(150)]


def long_answer(until: int) -> str:
    return "".join(f"<{number}>" for number in range(until))


@pytest.mark.parametrize("reads", [LONG, [b"".join(LONG)], pieces_of(b"".join(LONG), 1460)])
@pytest.mark.parametrize("stop", [1, 15, 16, 17, 18, 30, 49, 50, 51, 80, 149, 150])
def test_what_was_handed_out_is_what_is_known_however_much_was_read(reads: list[bytes], stop: int) -> None:
    stream = ChatStream(reads)
    for number, (found, raw) in enumerate(stream.raw(), 1):
        assert raw == LONG[number - 1][6:-2]
        assert found.choices[0].delta.content == f"<{number - 1}>"
        if number in {stop - 1, stop}:
            assert stream.snapshot().choices[0].message.content == long_answer(number)
        if number == stop:
            break
    verdicts = [stream.verdict]
    stream.close()
    assert [*verdicts, stream.verdict] == [Verdict.OPEN, Verdict.CLOSED]
    assert list(stream) == []
    assert stream.snapshot().choices[0].message.content == long_answer(stop)


@pytest.mark.parametrize("reads", [LONG, [b"".join(LONG)]])
def test_an_async_stream_hands_out_a_long_answer_too(reads: list[bytes]) -> None:
    async def run() -> None:
        async with AsyncChatStream(reads) as stream:
            raws = [raw async for _, raw in stream.raw()]
        assert raws == [event[6:-2] for event in LONG]
        assert stream.snapshot().choices[0].message.content == long_answer(150)

    asyncio.run(run())


def test_facts_are_known_when_they_have_arrived() -> None:
    stream = ChatStream(STORY)
    assert (stream.model, stream.created, stream.usage) == (None, None, None)
    next(stream)
    assert (stream.model, stream.created, stream.usage) == ("example-1", 1_700_000_000, None)
    stream.result()
    assert {name: getattr(stream.usage, name) for name in USAGE} == USAGE
    assert stream.diagnostics == []


def test_the_result_is_there_after_any_amount_of_iteration() -> None:
    whole = ChatStream(STORY).result()
    for count in range(len(STORY)):
        stream = ChatStream([b"".join(STORY[:3]), *STORY[3:]])
        assert len(list(itertools.islice(stream, count))) == count
        assert stream.verdict.value == "open"
        assert stream.result() == whole
        assert stream.verdict.value == "complete"
        assert stream.result() == whole
        assert list(stream) == []


def test_the_result_is_there_after_any_amount_of_async_iteration() -> None:
    async def run() -> None:
        whole = await AsyncChatStream(STORY).result()
        for count in range(len(STORY)):
            stream = AsyncChatStream([b"".join(STORY[:3]), *STORY[3:]])
            for _ in range(count):
                await anext(stream)
            assert await stream.result() == await stream.result() == whole
            assert [each async for each in stream] == []

    asyncio.run(run())


def test_a_stream_shows_its_verdict() -> None:
    stream = ChatStream(STORY)
    assert repr(stream) == "<ChatStream open>"
    stream.result()
    assert repr(stream) == "<ChatStream complete>"
    assert repr(AsyncChatStream(STORY)) == "<AsyncChatStream open>"


def test_what_comes_behind_the_end_is_no_event() -> None:
    reads = [b"".join((*STORY, chunk("late"), chunk("later"), END))]
    for told in (read(reads), async_read(reads)):
        assert told == read(STORY)
    stream = ChatStream(reads)
    stream.result()
    assert [(each.kind, each.count) for each in stream.diagnostics] == [("late_event", 2)]


# -- the end, and what is wrong with it ------------------------------------------------------------------

ENDS: dict[str, tuple[Iterable[bytes], Verdict, type[SSEWireError] | None]] = {
    "complete": (STORY, Verdict.COMPLETE, None),
    "no end mark": (STORY[:-1], Verdict.NO_DONE, None),
    "no finish reason": ([*STORY[:3], END], Verdict.NO_FINISH, None),
    "the end mark alone": ([END], Verdict.NO_FINISH, None),
    "cut between events": (STORY[:3], Verdict.TRUNCATED, StreamTruncatedError),
    "cut inside an event": ([*STORY[:5], STORY[5][:-10]], Verdict.TRUNCATED, StreamTruncatedError),
    "nothing": ([], Verdict.EMPTY, EmptyStreamError),
    "no bytes": ([b""], Verdict.EMPTY, EmptyStreamError),
    "comments": ([b": one\n\n", b": two\n\n"], Verdict.EMPTY, EmptyStreamError),
    "an error in the stream": ([*STORY[:3], PROVIDER_ERROR, *STORY[3:]], Verdict.FAILED, ProviderError),
    "an error instead of it": ([ERROR], Verdict.FAILED, ProviderError),
    "HTML": ([HTML], Verdict.EMPTY, NotAnEventStreamError),
    "a malformed event": ([*STORY[:3], MALFORMED, *STORY[3:]], Verdict.CLOSED, EventDecodeError),
}
RAISED_BY_RESULT_ALONE = (StreamTruncatedError, EmptyStreamError)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("cutting", CUTTINGS)
def test_each_end_has_its_verdict_and_its_error(end: str, cutting: Callable[[bytes], list[bytes]]) -> None:
    reads, verdict, error = ENDS[end]
    reads = cutting(b"".join(reads))
    told = read(reads)
    assert (told.verdict, told.error and told.error[0]) == (verdict, error and error.__name__)
    assert async_read(reads) == told
    assert push(reads)[0].error == told.error


@pytest.mark.parametrize("end", ENDS)
def test_strict_lets_a_complete_stream_through_alone(end: str) -> None:
    reads, verdict, error = ENDS[end]
    for told in (read(reads, strict=True), async_read(reads, strict=True)):
        assert told.verdict is verdict
        if verdict is Verdict.COMPLETE:
            assert told.result == read(reads).result
        else:
            assert told.error is not None
            assert told.error[0] == (error or StreamTruncatedError).__name__


FAILING = [end for end, (_, _, error) in ENDS.items() if error is not None]


@pytest.mark.parametrize("end", FAILING)
def test_an_error_is_raised_once_by_iteration_and_again_by_result(end: str) -> None:
    reads, verdict, kind = ENDS[end]
    assert kind is not None
    stream = ChatStream(reads)
    events: list[ChatCompletionChunk] = []
    if kind in RAISED_BY_RESULT_ALONE:
        events.extend(stream)
        raised = None
    else:
        with pytest.raises(kind) as found:
            events.extend(stream)
        raised = found.value
    assert rest(stream) == []
    again = []
    for _ in range(2):
        with pytest.raises(kind) as told:
            stream.result()
        again.append(told.value)
        assert type(told.value) is kind
        assert told.value.snapshot == stream.snapshot()
        if raised is not None:
            assert told.value is raised
    assert str(again[0]) == str(again[1])
    assert stream.verdict is verdict


@pytest.mark.parametrize("end", FAILING)
def test_an_error_is_raised_once_by_async_iteration_and_again_by_result(end: str) -> None:
    async def run() -> None:
        reads, verdict, kind = ENDS[end]
        assert kind is not None
        stream = AsyncChatStream(list(reads))
        raised = None
        try:
            async for _ in stream:
                pass
        except kind as found:
            raised = found
        assert (raised is None) == (kind in RAISED_BY_RESULT_ALONE)
        assert await async_rest(stream) == []
        for _ in range(2):
            with pytest.raises(kind) as told:
                await stream.result()
            assert told.value.snapshot == stream.snapshot()
            assert raised is None or told.value is raised
        assert stream.verdict is verdict

    asyncio.run(run())


@pytest.mark.parametrize("end", FAILING)
def test_every_error_carries_the_snapshot_and_pickles(end: str) -> None:
    reads, _, kind = ENDS[end]
    assert kind is not None
    stream = ChatStream(reads)
    with pytest.raises(kind) as told:
        stream.result()
    copy = pickle.loads(pickle.dumps(told.value))
    assert (type(copy), str(copy)) == (kind, str(told.value))
    assert copy.snapshot == told.value.snapshot == stream.snapshot()
    assert isinstance(copy.snapshot, ChatCompletion)


def test_the_event_that_carries_an_error_is_handed_out_first() -> None:
    stream = ChatStream([*STORY[:2], PROVIDER_ERROR, *STORY[2:]])
    events: list[tuple[ChatCompletionChunk, Verdict]] = []
    with pytest.raises(ProviderError, match="Out of steam") as told:
        events.extend((each, stream.verdict) for each in stream)
    assert [verdict for _, verdict in events] == [Verdict.OPEN, Verdict.OPEN, Verdict.FAILED]
    assert events[-1][0].error == {"message": "Out of steam", "code": 503}
    assert (told.value.code, told.value.status) == (503, 503)
    assert told.value.raw == PROVIDER_ERROR.removeprefix(b"data: ").strip()


def test_an_error_that_nobody_waited_for_is_told_by_result() -> None:
    stream = ChatStream([*STORY[:2], PROVIDER_ERROR, *STORY[2:]])
    assert len(list(itertools.islice(stream, 3))) == 3
    stream.close()
    assert stream.verdict is Verdict.FAILED
    assert list(stream) == []
    with pytest.raises(ProviderError, match="Out of steam"):
        stream.result()


def test_a_foreign_body_is_shown() -> None:
    with pytest.raises(NotAnEventStreamError) as told:
        list(ChatStream(HTML))
    assert (told.value.status, told.value.headers, told.value.body) == (None, None, HTML)


# -- the transport breaks --------------------------------------------------------------------------------


class TransportError(OSError):
    """What a client raises."""


def broken(reads: Iterable[bytes], error: Exception) -> Iterator[bytes]:
    yield from reads
    raise error


async def async_broken(reads: Iterable[bytes], error: Exception) -> AsyncIterator[bytes]:
    for each in reads:
        yield each
    raise error


@pytest.mark.parametrize(
    "reads",
    [[], STORY[:1], STORY[:3], [b"".join(STORY[:3]) + STORY[3][:20]], STORY[:6]],
    ids=["at once", "behind one event", "behind three", "inside an event", "before the end mark"],
)
def test_a_broken_transport_interrupts_the_stream(reads: list[bytes]) -> None:
    cause = TransportError("connection reset")
    stream = ChatStream(broken(reads, cause))
    events: list[ChatCompletionChunk] = []
    with pytest.raises(StreamInterruptedError, match="connection reset") as told:
        events.extend(stream)
    assert told.value.__cause__ is cause
    assert len(events) == sum(each.count(b"\n\n") for each in reads)
    assert stream.verdict is Verdict.TRUNCATED
    assert told.value.snapshot == stream.snapshot()
    assert list(stream) == []

    async def run() -> None:
        stream = AsyncChatStream(async_broken(reads, cause))
        with pytest.raises(StreamInterruptedError, match="connection reset") as told:
            async for _ in stream:
                pass
        assert told.value.__cause__ is cause
        assert told.value.snapshot == stream.snapshot()
        assert stream.verdict is Verdict.TRUNCATED
        assert [each async for each in stream] == []

    asyncio.run(run())


def test_result_tells_of_the_interruption_again() -> None:
    cause = TransportError("connection reset")
    stream = ChatStream(broken(STORY[:3], cause))
    with pytest.raises(StreamInterruptedError) as first:
        list(stream)
    with pytest.raises(StreamInterruptedError) as again:
        stream.result()
    assert again.value is first.value
    assert again.value.__cause__ is cause

    async def run() -> None:
        stream = AsyncChatStream(async_broken(STORY[:3], cause))
        with pytest.raises(StreamInterruptedError) as first:
            await stream.result()
        with pytest.raises(StreamInterruptedError) as again:
            await stream.result()
        assert again.value is first.value

    asyncio.run(run())


def test_a_transport_that_breaks_behind_the_end_mark_is_no_harm() -> None:
    told = read(STORY)
    assert read(broken(STORY, TransportError())) == told
    assert async_read(async_broken(STORY, TransportError())) == told


def test_a_break_without_words_is_told_by_its_name() -> None:
    with pytest.raises(StreamInterruptedError, match="TransportError"):
        ChatStream(broken([], TransportError())).result()


def test_an_interruption_pickles() -> None:
    with pytest.raises(StreamInterruptedError) as told:
        ChatStream(broken(STORY[:3], TransportError("connection reset"))).result()
    copy = pickle.loads(pickle.dumps(told.value))
    assert (type(copy), str(copy)) == (StreamInterruptedError, str(told.value))
    assert copy.snapshot == told.value.snapshot


# -- options ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cutting", CUTTINGS)
def test_a_malformed_event_is_raised_with_its_facts(cutting: Callable[[bytes], list[bytes]]) -> None:
    reads = cutting(b"".join([*STORY[:3], MALFORMED, *STORY[3:]]))
    stream = ChatStream(reads)
    events: list[ChatCompletionChunk] = []
    with pytest.raises(EventDecodeError) as told:
        events.extend(stream)
    assert len(events) == 3
    assert (told.value.raw, told.value.event, told.value.ordinal) == (b'{"choices": [', "message", 4)
    assert async_read(reads) == read(reads)


@pytest.mark.parametrize("cutting", CUTTINGS)
def test_a_malformed_event_is_skipped_and_counted(cutting: Callable[[bytes], list[bytes]]) -> None:
    reads = cutting(b"".join([MALFORMED, *STORY[:3], MALFORMED, *STORY[3:]]))
    assert read(reads, malformed="skip") == async_read(reads, malformed="skip") == read(STORY)
    stream = ChatStream(reads, malformed="skip")
    stream.result()
    assert [(each.kind, each.count, each.ordinal) for each in stream.diagnostics] == [("malformed", 2, 1)]


@pytest.mark.parametrize("cutting", CUTTINGS)
def test_a_malformed_event_is_given_to_a_function(cutting: Callable[[bytes], list[bytes]]) -> None:
    reads = cutting(b"".join([*STORY[:3], MALFORMED, *STORY[3:]]))
    for reading in (read, async_read):
        given: list[tuple[bytes, EventDecodeError]] = []
        told = reading(reads, malformed=lambda raw, error, given=given: given.append((raw, error)))
        assert told == read(STORY)
        assert [(raw, error.raw, error.ordinal) for raw, error in given] == [
            (b'{"choices": [', b'{"choices": [', 4)
        ]


def test_what_the_function_raises_passes_through_and_closes() -> None:
    def refuse(raw: bytes, error: EventDecodeError) -> None:
        raise LookupError(raw)

    source = Response([*STORY[:3], MALFORMED, *STORY[3:]])
    stream = ChatStream(source, malformed=refuse)
    with pytest.raises(LookupError):
        list(stream)
    assert (source.closed, stream.verdict) == (1, Verdict.CLOSED)
    with pytest.raises(StreamTruncatedError):
        stream.result()


def test_a_policy_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="ignore"):
        ChatStream(STORY, **OTHER_POLICY)


@pytest.mark.parametrize("cutting", CUTTINGS)
def test_an_event_over_the_limit_comes_behind_the_events_before_it(
    cutting: Callable[[bytes], list[bytes]],
) -> None:
    limit = max(map(len, STORY))
    body = b"".join(STORY[:3]) + chunk("x" * limit) + b"".join(STORY[3:])
    position = len(b"".join(STORY[:3])) + len(b"data: ") + limit
    stream = ChatStream(cutting(body), max_event_size=limit)
    events: list[ChatCompletionChunk] = []
    with pytest.raises(EventTooLargeError) as told:
        events.extend(stream)
    assert len(events) == 3
    assert (told.value.limit, told.value.seen, told.value.position) == (limit, limit + 1, position)
    assert told.value.snapshot == stream.snapshot()
    assert stream.verdict is Verdict.CLOSED
    assert list(stream) == []
    with pytest.raises(EventTooLargeError) as again:
        stream.result()
    assert again.value is told.value
    assert async_read(cutting(body), max_event_size=limit) == read([body], max_event_size=limit)
    assert read(cutting(body), max_event_size=None).verdict is Verdict.COMPLETE


def test_an_unterminated_event_over_the_limit_is_told_too() -> None:
    with pytest.raises(EventTooLargeError):
        ChatStream([ROLE, b"data: {}"], max_event_size=1).result()


# -- closing ---------------------------------------------------------------------------------------------


class Response:
    """A response that is read without `await`, and counts its closings."""

    def __init__(self, reads: Iterable[bytes] = STORY, error: Exception | None = None) -> None:
        self.closed = 0
        self.given = 0
        self._reads = reads
        self._error = error

    def iter_bytes(self) -> Iterator[bytes]:
        for each in self._reads:
            assert not self.closed, "read after it was closed"
            self.given += 1
            yield each
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed += 1


class AsyncResponse:
    """A response that is read with `await`, and counts its closings.

    Args:
        reads: What it gives.
        hangs: Behind that it neither ends nor gives anything more.
        error: Raised at the end.
    """

    def __init__(
        self, reads: Iterable[bytes] = STORY, *, hangs: bool = False, error: Exception | None = None
    ) -> None:
        self.closed = 0
        self.given = 0
        self.ended = False
        self._reads = reads
        self._hangs = hangs
        self._error = error

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        for each in self._reads:
            await asyncio.sleep(0)
            assert not self.closed, "read after it was closed"
            self.given += 1
            yield each
        if self._hangs:
            await asyncio.Event().wait()
        if self._error is not None:
            raise self._error
        self.ended = True

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1


BODIES: dict[str, Iterable[bytes]] = {
    "whole": STORY,
    "in one read": [b"".join(STORY)],
    "no end mark": STORY[:-1],
    "cut": STORY[:3],
    "empty": [],
    "error": [*STORY[:2], PROVIDER_ERROR],
    "malformed": [*STORY[:2], MALFORMED, *STORY[2:]],
    "no event stream": [HTML],
}


@pytest.mark.parametrize("body", BODIES)
def test_a_stream_that_is_read_to_its_end_closes_its_response_once(body: str) -> None:
    response = Response(BODIES[body])
    stream = ChatStream(response)
    with contextlib.suppress(SSEWireError):
        list(stream)
    assert response.closed == 1
    with stream:
        stream.close()
    assert response.closed == 1

    async def run() -> None:
        response = AsyncResponse(BODIES[body])
        stream = AsyncChatStream(response)
        with contextlib.suppress(SSEWireError):
            await stream.result()
        assert response.closed == 1
        async with stream:
            await stream.aclose()
        assert response.closed == 1

    asyncio.run(run())


def test_a_response_that_broke_is_closed_once() -> None:
    response = Response(STORY[:2], TransportError())
    with pytest.raises(StreamInterruptedError), ChatStream(response) as stream:
        list(stream)
    assert response.closed == 1

    async def run() -> None:
        response = AsyncResponse(STORY[:2], error=TransportError())
        with pytest.raises(StreamInterruptedError):
            async with AsyncChatStream(response) as stream:
                await stream.result()
        assert response.closed == 1

    asyncio.run(run())


def leave_by_break(stream: ChatStream) -> None:
    with stream:
        for _ in stream:
            break


def leave_by_error(stream: ChatStream) -> None:
    with contextlib.suppress(ZeroDivisionError), stream:
        for _ in stream:
            raise ZeroDivisionError


def leave_by_interrupt(stream: ChatStream) -> None:
    with contextlib.suppress(KeyboardInterrupt), stream:
        for _ in stream:
            raise KeyboardInterrupt


def leave_by_return(stream: ChatStream) -> None:
    with stream:
        next(stream)
        return


def leave_by_close(stream: ChatStream) -> None:
    next(stream)
    stream.close()
    stream.close()


def leave_while_iterating(stream: ChatStream) -> None:
    for _ in stream:
        stream.close()


def leave_raw(stream: ChatStream) -> None:
    with stream:
        for _ in stream.raw():
            break


LEAVING = [
    leave_by_break,
    leave_by_error,
    leave_by_interrupt,
    leave_by_return,
    leave_by_close,
    leave_while_iterating,
    leave_raw,
]


@pytest.mark.parametrize("leave", LEAVING)
@pytest.mark.parametrize("reads", [STORY, [b"".join(STORY)]], ids=["live", "bulk"])
def test_a_stream_that_is_left_is_closed(leave: Callable[[ChatStream], None], reads: list[bytes]) -> None:
    response = Response(reads)
    stream = ChatStream(response)
    leave(stream)
    assert response.closed == 1
    assert response.given == 1
    assert stream.verdict is Verdict.CLOSED
    snapshot = stream.snapshot()
    assert snapshot.choices[0].message.role == "assistant"
    assert snapshot.choices[0].message.content == ""
    assert rest(stream) == []  # it does not begin again
    with pytest.raises(StreamTruncatedError, match="closed") as told:
        stream.result()
    assert type(told.value) is StreamTruncatedError
    assert told.value.snapshot == snapshot
    stream.close()
    assert (response.closed, stream.verdict) == (1, Verdict.CLOSED)


async def async_leave_by_break(stream: AsyncChatStream) -> None:
    async with stream:
        async for _ in stream:
            break


async def async_leave_by_error(stream: AsyncChatStream) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with stream:
            async for _ in stream:
                raise ZeroDivisionError


async def async_leave_by_close(stream: AsyncChatStream) -> None:
    await anext(stream)
    await stream.aclose()
    await stream.aclose()


async def async_leave_by_closing_twice_at_once(stream: AsyncChatStream) -> None:
    await anext(stream)
    await asyncio.gather(stream.aclose(), stream.aclose())


async def async_leave_while_iterating(stream: AsyncChatStream) -> None:
    async for _ in stream:
        await stream.aclose()


async def async_leave_raw(stream: AsyncChatStream) -> None:
    async with stream:
        async for _ in stream.raw():
            break


ASYNC_LEAVING = [
    async_leave_by_break,
    async_leave_by_error,
    async_leave_by_close,
    async_leave_by_closing_twice_at_once,
    async_leave_while_iterating,
    async_leave_raw,
]


async def check_left(stream: AsyncChatStream, response: AsyncResponse) -> None:
    """A stream that was left behind its first event is closed, and so is its response."""
    assert response.closed == 1
    assert stream.verdict is Verdict.CLOSED
    snapshot = stream.snapshot()
    assert snapshot.choices[0].message.role == "assistant"
    assert await async_rest(stream) == []
    with pytest.raises(StreamTruncatedError, match="closed") as told:
        await stream.result()
    assert told.value.snapshot == snapshot
    await stream.aclose()
    assert response.closed == 1


@pytest.mark.parametrize("leave", ASYNC_LEAVING)
@pytest.mark.parametrize("reads", [STORY, [b"".join(STORY)]], ids=["live", "bulk"])
def test_an_async_stream_that_is_left_is_closed(
    leave: Callable[[AsyncChatStream], Coroutine[Any, Any, None]], reads: list[bytes]
) -> None:
    async def run() -> None:
        response = AsyncResponse(reads)
        stream = AsyncChatStream(response)
        await leave(stream)
        assert response.given == 1
        await check_left(stream, response)

    asyncio.run(run())


def test_what_the_loop_raises_passes_through() -> None:
    def fail() -> None:
        with ChatStream(STORY) as stream:
            for _ in stream:
                raise ZeroDivisionError

    async def async_fail() -> None:
        async with AsyncChatStream(STORY) as stream:
            async for _ in stream:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(async_fail())


def test_closing_before_the_first_read_closes() -> None:
    response = Response()
    stream = ChatStream(response)
    stream.close()
    assert (response.closed, response.given, stream.verdict) == (1, 0, Verdict.CLOSED)
    with pytest.raises(StreamTruncatedError):
        stream.result()


def test_leaving_without_closing_leaves_the_stream_open() -> None:
    stream = ChatStream(STORY)
    for _ in stream:
        break
    assert stream.verdict is Verdict.OPEN
    for each in stream:
        assert each.choices[0].delta.content == "Once"  # it goes on, and does not begin again
        break
    assert stream.result().choices[0].message.content == STORY_TEXT


def test_closing_a_complete_stream_changes_nothing() -> None:
    stream = ChatStream(STORY)
    result = stream.result()
    stream.close()
    assert (stream.verdict, stream.result()) == (Verdict.COMPLETE, result)


def test_the_response_is_closed_when_the_last_event_has_been_asked_for() -> None:
    response = Response()
    stream = ChatStream(response)
    for _ in range(len(STORY) - 1):
        next(stream)
    assert response.closed == 0
    with pytest.raises(StopIteration):
        next(stream)
    assert response.closed == 1


class Sticky(Response):
    def close(self) -> None:
        super().close()
        raise OSError("the door is stuck")


class AsyncSticky(AsyncResponse):
    async def aclose(self) -> None:
        await super().aclose()
        raise OSError("the door is stuck")


def test_an_error_is_told_though_the_response_fails_to_close() -> None:
    response = Sticky([*STORY[:2], MALFORMED])
    with pytest.raises(EventDecodeError):
        list(ChatStream(response))
    assert response.closed == 1

    async def run() -> None:
        response = AsyncSticky([*STORY[:2], MALFORMED])
        with pytest.raises(EventDecodeError):
            await AsyncChatStream(response).result()
        assert response.closed == 1

    asyncio.run(run())


def test_a_stream_is_whole_though_the_response_fails_to_close() -> None:
    response = Sticky([*STORY, END])
    with ChatStream(response) as stream:
        assert stream.result() == ChatStream([*STORY, END]).result()
    assert response.closed == 1

    async def run() -> None:
        response = AsyncSticky([*STORY, END])
        async with AsyncChatStream(response) as stream:
            assert await stream.result() == ChatStream([*STORY, END]).result()
        assert response.closed == 1

    asyncio.run(run())
    with pytest.raises(OSError, match="the door is stuck"):  # whoever closes it is told
        ChatStream(Sticky([*STORY, END])).close()


# -- cancelling ------------------------------------------------------------------------------------------


async def until(condition: Callable[[], object]) -> None:
    """Let others run until it holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@pytest.mark.parametrize("way", ["iterate", "text", "result"])
def test_cancelling_a_task_in_mid_read_closes_its_stream(way: str) -> None:
    async def run() -> None:
        response = AsyncResponse(STORY[:1], hangs=True)
        stream = AsyncChatStream(response)

        async def consume() -> None:
            match way:
                case "iterate":
                    async for _ in stream:
                        pass
                case "text":
                    async for _ in stream.text():
                        pass
                case _:
                    await stream.result()

        task = asyncio.create_task(consume())
        await until(lambda: stream.timing.first_event is not None)
        await asyncio.sleep(0)
        assert response.closed == 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await check_left(stream, response)

    asyncio.run(run())


def test_a_timeout_in_mid_read_closes_the_stream() -> None:
    async def run() -> None:
        response = AsyncResponse(STORY[:1], hangs=True)
        stream = AsyncChatStream(response)

        async def consume() -> None:
            async with asyncio.timeout(0.01), stream:
                async for _ in stream:
                    pass

        with pytest.raises(TimeoutError):
            await consume()
        await check_left(stream, response)

    asyncio.run(run())


def test_a_timeout_inside_the_stream_s_block_closes_it_too() -> None:
    async def run() -> None:
        response = AsyncResponse(STORY[:1], hangs=True)
        async with AsyncChatStream(response) as stream:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.result(), 0.01)
            assert stream.verdict is Verdict.CLOSED
        await check_left(stream, response)

    asyncio.run(run())


def test_waiting_for_an_event_with_a_time_limit_closes_the_stream() -> None:
    async def run() -> None:
        response = AsyncResponse(STORY[:1], hangs=True)
        stream = AsyncChatStream(response)
        await anext(stream)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.01)
        await check_left(stream, response)

    asyncio.run(run())


def test_an_interrupt_in_mid_read_closes_the_stream() -> None:
    class Interrupted(Response):
        def iter_bytes(self) -> Iterator[bytes]:
            yield from super().iter_bytes()
            raise KeyboardInterrupt

    response = Interrupted(STORY[:1])
    stream = ChatStream(response)
    next(stream)
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert (response.closed, stream.verdict) == (1, Verdict.CLOSED)


# -- behind the end mark ---------------------------------------------------------------------------------

PATIENCE = 2.0
"""Much longer than a stream reads on, and much shorter than what it would have to wait for."""


def test_an_async_stream_reads_on_behind_the_end_mark() -> None:
    async def run() -> None:
        response = AsyncResponse([*STORY, b"", b": bye\n\n"])
        stream = AsyncChatStream(response)
        assert (await stream.result()).choices[0].message.content == STORY_TEXT
        assert (response.ended, response.closed) == (True, 1)
        assert stream.diagnostics == []

    asyncio.run(run())


def test_what_an_async_stream_finds_behind_the_end_mark_is_noted() -> None:
    async def run() -> None:
        stream = AsyncChatStream(AsyncResponse([*STORY, chunk("late"), chunk("later")]))
        assert (await stream.result()).choices[0].message.content == STORY_TEXT
        assert stream.verdict is Verdict.COMPLETE
        assert [(each.kind, each.count) for each in stream.diagnostics] == [("late_event", 2)]

    asyncio.run(run())


def test_an_async_stream_does_not_read_on_when_it_is_left() -> None:
    async def run() -> None:
        response = AsyncResponse(STORY)
        async with AsyncChatStream(response) as stream:
            for _ in STORY[:-1]:
                await anext(stream)
        assert (stream.verdict, response.given, response.closed) == (Verdict.CLOSED, len(STORY) - 1, 1)

    asyncio.run(run())


def test_a_body_that_does_not_end_behind_the_end_mark_holds_nobody_for_long() -> None:
    async def run() -> None:
        response = AsyncResponse(STORY, hangs=True)
        stream = AsyncChatStream(response)
        for _ in STORY[:-1]:
            await anext(stream)
        began = time.monotonic()
        result = await stream.result()
        waited = time.monotonic() - began
        assert 0.09 <= waited < PATIENCE
        assert result.choices[0].message.content == STORY_TEXT
        assert (stream.verdict, response.closed) == (Verdict.COMPLETE, 1)

    asyncio.run(run())


def test_a_body_that_floods_behind_the_end_mark_holds_nobody_for_long() -> None:
    flooding = 2 * PATIENCE

    async def flood() -> AsyncIterator[bytes]:
        for each in STORY:
            yield each
        until = time.monotonic() + flooding
        while time.monotonic() < until:  # and never waits for anything
            yield b": more\n\n"

    async def run() -> None:
        stream = AsyncChatStream(flood())
        began = time.monotonic()
        await stream.result()
        assert time.monotonic() - began < PATIENCE

    asyncio.run(run())


def test_an_error_behind_the_end_mark_is_nobody_s() -> None:
    async def run() -> None:
        response = AsyncResponse([*STORY, b"data: " + b"x" * 2_000, b": bye\n"], error=TransportError())
        stream = AsyncChatStream(response, max_event_size=1_000)
        await stream.result()
        assert (stream.verdict, response.closed) == (Verdict.COMPLETE, 1)

    asyncio.run(run())


def test_cancelling_behind_the_end_mark_closes_and_the_verdict_stays() -> None:
    async def run() -> None:
        response = AsyncResponse(STORY, hangs=True)
        stream = AsyncChatStream(response)
        task = asyncio.create_task(stream.result())
        await until(lambda: stream.verdict is Verdict.COMPLETE)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (stream.verdict, response.closed) == (Verdict.COMPLETE, 1)
        assert (await stream.result()).choices[0].message.content == STORY_TEXT

    asyncio.run(run())


def test_a_source_that_has_ended_is_not_read_again() -> None:
    class Once:
        def __init__(self, reads: Iterable[bytes]) -> None:
            self._reads = iter(reads)
            self.ends = 0
            self.closed = 0

        def __aiter__(self) -> Once:
            return self

        async def __anext__(self) -> bytes:
            for each in self._reads:
                return each
            self.ends += 1
            raise StopAsyncIteration

        async def aclose(self) -> None:
            self.closed += 1

    async def run() -> None:
        for reads in (STORY[:-1], STORY[:2], [], [b"".join(STORY), b""]):
            once = Once(reads)
            async for _ in AsyncChatStream(once):
                pass
            assert (once.ends, once.closed) == (1, 1)

    asyncio.run(run())


def test_an_async_stream_needs_no_asyncio() -> None:
    # Another event loop drives coroutines with `send`; without asyncio's timeouts nobody reads on.
    async def body() -> AsyncIterator[bytes]:
        for each in STORY:
            yield each
        raise AssertionError("read behind the end mark")

    stream = AsyncChatStream(body())
    with pytest.raises(StopIteration) as returned:
        stream.result().send(None)
    assert returned.value.value.choices[0].message.content == STORY_TEXT


# -- streams that nobody closes --------------------------------------------------------------------------


def test_an_abandoned_stream_warns_and_closes() -> None:
    response = Response()
    stream = ChatStream(response)
    next(stream)
    with pytest.warns(ResourceWarning, match="unclosed <ChatStream open>"):
        del stream
    assert response.closed == 1


def test_an_abandoned_stream_closes_as_well_as_it_can() -> None:
    class Sticky(Response):
        def close(self) -> None:
            super().close()
            raise OSError("the door is stuck")

    response = Sticky()
    stream = ChatStream(response)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del stream
    assert response.closed == 1


def test_an_abandoned_async_stream_warns() -> None:
    async def run() -> None:
        response = AsyncResponse()
        stream = AsyncChatStream(response)
        await anext(stream)
        with pytest.warns(ResourceWarning, match="unclosed <AsyncChatStream open>"):
            del stream
        assert response.closed == 0  # nobody is there to await it

    asyncio.run(run())


@pytest.mark.parametrize(
    "source",
    [b"".join(STORY), bytearray(b"".join(STORY)), list(STORY), STORY],
    ids=["bytes", "bytearray", "list", "tuple"],
)
def test_an_abandoned_stream_over_what_is_in_memory_is_no_harm(source: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream = ChatStream(source)
        next(stream)
        del stream

        async def run() -> None:
            stream = AsyncChatStream(source)
            await anext(stream)
            del stream
            gc.collect()

        asyncio.run(run())
        gc.collect()


@pytest.mark.parametrize("ending", ["closed", "complete", "broken", "refused"])
def test_a_stream_that_is_over_is_no_harm(ending: str, recwarn: pytest.WarningsRecorder) -> None:
    async def run() -> None:
        error = TransportError() if ending == "broken" else None
        response = Response(STORY[:2] if error else STORY, error)
        async_response = AsyncResponse(STORY[:2] if error else STORY, error=error)
        if ending == "refused":
            for other in (AsyncChatStream, ChatStream):
                with pytest.raises(TypeError):
                    other(async_response if other is ChatStream else response)
            with pytest.raises(TypeError):
                ChatStream(response, **OTHER_TYPE)
            return
        stream = ChatStream(response)
        async_stream = AsyncChatStream(async_response)
        if ending == "closed":
            next(stream)
            await anext(async_stream)
            stream.close()
            await async_stream.aclose()
        with contextlib.suppress(SSEWireError):
            stream.result()
        with contextlib.suppress(SSEWireError):
            await async_stream.result()
        del stream, async_stream

    asyncio.run(run())
    gc.collect()
    assert [str(each.message) for each in recwarn] == []
