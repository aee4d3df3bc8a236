"""The fast way gives what the exact way gives: events, snapshots, counts and diagnostics, on any stream."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls import calls_of
from shared import CHAT_BODIES, Body
from ssewire import ChatCompletionChunk, ChatParser, ChatReducer, ChatStream, ServerSentEvent, SSEWireError
from ssewire._dialect import NoRun
from ssewire.chat.dialect import CHAT, ChatDecoder
from ssewire.chat.repeats import MAX_VAIN_LESSONS, MIN_CHUNKS, Repeats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire._dialect import Dialect


@pytest.fixture(scope="module", autouse=True)
def _impatient() -> Iterator[None]:
    """The fast way begins with the second chunk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssewire.chat.repeats.MIN_CHUNKS", 0)
        yield


class ExactParser(ChatParser):
    """A parser without the fast way."""

    dialect: ClassVar[Dialect[Any, Any]] = msgspec.structs.replace(CHAT, run=NoRun)


class ExactStream(ChatStream):
    """A stream without the fast way."""

    parser_class = ExactParser


def payload(content: str, *, padding: str | None = None, **changes: Any) -> bytes:
    """A chunk as OpenAI writes it, the content as it stands in JSON."""
    facts = {"id": '"c-1"', "model": '"m"', "index": "0", "finish": "null", "field": "content", "more": ""}
    facts |= changes
    end = "" if padding is None else f',"obfuscation":"{padding}"'
    return (
        f'{{"id":{facts["id"]},"created":7,"model":{facts["model"]},"choices":[{{"index":{facts["index"]},'
        f'"delta":{{{facts["more"]}"{facts["field"]}":{content}}},"finish_reason":{facts["finish"]}}}]{end}}}'
    ).encode(errors="surrogatepass")


def seen(stream_class: type[ChatStream], reads: list[bytes]) -> list[Any]:
    """All that a stream shows at each event, and in the end."""
    story: list[Any] = []
    stream = stream_class(reads, malformed="skip", max_event_size=400)
    try:
        for event, raw in stream.raw():
            story.append((event, raw, stream.snapshot(), stream.usage))
    except SSEWireError as error:
        story.append((type(error), str(error)))
    return [
        *story,
        stream.verdict,
        stream.diagnostics,
        stream.timing.first_token is None,
        stream._parser.tokens,
    ]


TEXTS = [
    '"a"',
    '"b c"',
    '""',
    '"\\n"',
    '"\\""',
    '"\\\\"',
    '"é"',
    '"\\ud83d\\ude00"',
    '"\\ud83d"',
    "null",
    "6",
]
TEXTS += [
    '"m"',
    '"content"',
    '"x\\",\\"obfuscation\\":\\"y"',
    '"a',
    '"\x01"',
    '"\udcff"',
    '"a","content":"b"',
    "[]",
]
ODD = [
    b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}',
    b'{"id":"c-1","created":7,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    b'{"error":{"message":"no"}}',
    b"[DONE]",
    b"null",
    b"{oops",
    b'{"choices":[{"delta":{"content":"n"}}]}',
]
CHUNKS = st.builds(
    payload,
    st.sampled_from(TEXTS),
    padding=st.sampled_from([None, None, "ab", "Zz9", "", "a-b", '"']),
    id=st.sampled_from(['"c-1"', '"c-1"', '"c-2"', "5"]),
    index=st.sampled_from(["0", "0", "0", "1"]),
    field=st.sampled_from(["content", "content", "reasoning", "refusal"]),
    finish=st.sampled_from(["null", "null", "null", '"stop"']),
    more=st.sampled_from(["", "", "", '"role":"assistant",', '"content":"z",']),
)
PAYLOADS = st.lists(st.one_of(CHUNKS, CHUNKS, CHUNKS, st.sampled_from(ODD)), max_size=12)
RUNS = st.lists(st.sampled_from(TEXTS[:9]).map(payload), max_size=12)


@settings(max_examples=400, deadline=None)
@given(st.one_of(PAYLOADS, RUNS), st.booleans())
def test_the_fast_way_gives_what_the_exact_way_gives(payloads: list[bytes], live: bool) -> None:
    events = [b"data: %b\n\n" % each for each in payloads]
    reads = events if live else [b"".join(events)]
    assert repr(seen(ChatStream, reads)) == repr(seen(ExactStream, reads))


@pytest.mark.parametrize("body", CHAT_BODIES, ids=lambda body: body.name)
def test_recorded_streams_are_the_same_both_ways(body: Body) -> None:
    events = [event + b"\n\n" for event in body.read().split(b"\n\n")]
    # As text, for NaN is not equal to itself.
    assert repr(seen(ChatStream, events)) == repr(seen(ExactStream, events))


def repeats() -> tuple[Repeats, ChatReducer]:
    reducer = ChatReducer()
    return Repeats(reducer, ChatDecoder(ChatCompletionChunk).strict), reducer


def learn(fast: Repeats, reducer: ChatReducer, raw: bytes) -> None:
    chunk = ChatDecoder(ChatCompletionChunk).decode(ServerSentEvent(raw))
    assert isinstance(chunk, ChatCompletionChunk)
    reducer.apply(chunk)
    fast.learn(raw, chunk)


@pytest.mark.parametrize("padding", [None, "abc"])
@pytest.mark.parametrize("field", ["content", "reasoning_content", "reasoning"])
def test_another_text_is_taken(padding: str | None, field: str) -> None:
    fast, reducer = repeats()
    assert fast.take(ServerSentEvent(payload('"a"', padding=padding, field=field))) is None
    learn(fast, reducer, payload('"Hello"', padding=padding, field=field))
    raw = payload('"\\u00e9\\n"', padding=padding and "xyz9", field=field)
    assert fast.take(ServerSentEvent(raw)) == ChatDecoder(ChatCompletionChunk).strict(raw)
    assert (fast.pieces, reducer.tokens) == (["é\n"], 1)
    assert fast.fold(1) == ["é\n"]
    read = b"data: %b\n\n" % raw
    assert fast.take_read(read) == ChatDecoder(ChatCompletionChunk).strict(raw)
    assert fast.pieces.pop() == "é\n"
    for other in (read[:-1], read[1:], read.replace(b"data: ", b"data:"), b"event: error\n" + read, raw):
        assert fast.take_read(other) is None
    assert fast.take(ServerSentEvent(raw, "error")) is None
    assert fast.pieces == []
    assert getattr(reducer.snapshot().choices[0].message, field) == "Helloé\n"
    assert reducer.tokens == 2


FIRST = '"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}],'


def arguments(text: str) -> bytes:
    return payload("null", more=f'"tool_calls":[{{"index":0,"function":{{"arguments":{text}}}}}],')


def test_more_arguments_are_taken() -> None:
    fast, reducer = repeats()
    learn(fast, reducer, payload("null", more=FIRST))
    assert fast.take(ServerSentEvent(arguments('"{\\"city"'))) is None
    learn(fast, reducer, arguments('"{\\"city"'))
    for text in ('"\\":"', '"\\"Rome\\""', '""', '"}"'):
        raw = arguments(text)
        assert fast.take(ServerSentEvent(raw)) == ChatDecoder(ChatCompletionChunk).strict(raw)
    assert fast.fold(4) == ['":', '"Rome"', "", "}"]
    (call,) = reducer.snapshot().choices[0].message.tool_calls or []
    assert call.function is not None
    assert call.function.arguments == '{"city":"Rome"}'
    assert reducer.tokens == 4


@pytest.mark.parametrize(
    ("first", "following"),
    [
        (payload('"Hello"', padding="abc"), payload('"a"', padding="a-b")),
        (payload('"Hello"', padding="abc"), payload('"a"', padding="")),
        (payload('"Hello"', padding="abc"), payload('"\\",\\"obfuscation\\":\\""', padding="x")),
        (payload('"Hello"', padding="\\n"), payload('"a"', padding="\\t")),
        (payload('"\\n"'), payload('"\\""')),
        (payload('"Hello"', more='"role":"assistant",'), payload('"a"', more='"role":"assistant",')),
    ],
)
def test_texts_may_be_written_as_json_allows(first: bytes, following: bytes) -> None:
    fast, reducer = repeats()
    learn(fast, reducer, first)
    assert fast.take(ServerSentEvent(following)) == ChatDecoder(ChatCompletionChunk).strict(following)


def test_the_first_chunks_are_left_to_the_exact_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssewire.chat.repeats.MIN_CHUNKS", MIN_CHUNKS)
    fast, reducer = repeats()
    taken = 0
    for _ in range(MIN_CHUNKS + 1):
        taken += fast.take(ServerSentEvent(payload('"a b"'))) is not None
        learn(fast, reducer, payload('"a b"'))
    assert (taken, MIN_CHUNKS) == (0, 16)
    assert fast.take(ServerSentEvent(payload('"a b"'))) is not None


@pytest.mark.parametrize(
    "raw",
    [
        payload('"a"', padding="abc", id='"c-2"'),
        payload('"a"', padding="abc", index="1"),
        payload('"a"', padding="abc").replace(b'"finish_reason"', b'"finish"'),
        payload('"a'),
        payload('"\\ud83d"', padding="abc"),
        b"{}",
        payload('"a"'),
        b"",
    ],
)
def test_what_differs_elsewhere_is_left_to_the_exact_way(raw: bytes) -> None:
    fast, reducer = repeats()
    learn(fast, reducer, payload('"Hello"', padding="abc"))
    before = reducer.snapshot()
    assert fast.take(ServerSentEvent(raw)) is None
    assert (fast.pieces, reducer.snapshot()) == ([], before)


@pytest.mark.parametrize(
    "raw",
    [
        payload('"m"'),  # the text stands elsewhere, too
        payload('"\\u0061"'),  # it is not written as most servers write it
        payload('"\\ud83d"'),
        payload('""'),
        payload("null"),
        payload("null", more='"tool_calls":[{"index":0,"id":"t"}],'),
        payload('"a"', padding="\\u0061"),
        payload('"a"', finish='"stop"'),
        payload('"a"', more='"refusal":"b",'),
        payload('"a"', index="null"),
        payload('[{"type":"text","text":"a"}]'),
        payload('"a"').replace(b'"id"', b'"error":{"message":"b"},"id"'),
        payload('"a"').replace(b'"id"', b'"type":"error","id"'),
        payload('"a"', id="5"),  # it had to be repaired
        # the first of two contents: the text that is found is not the one that counts
        b'{"choices":[{"index":0,"delta":{"content":"first","content":"\\u0061"}}]}',
        b'{"choices":[],"id":"none"}',
    ],
)
def test_what_is_no_plain_text_is_not_remembered(raw: bytes) -> None:
    fast, reducer = repeats()
    learn(fast, reducer, raw)
    assert fast.take(ServerSentEvent(raw)) is None


def test_the_place_is_probed_before_it_is_believed() -> None:
    # The content "b" is written as an escape, and the same text stands as it is in a field nobody reads.
    raw = b'{"note":"b","choices":[{"index":0,"delta":{"content":"\\u0062"}}]}'
    fast, reducer = repeats()
    learn(fast, reducer, raw)
    assert fast.take(ServerSentEvent(raw)) is None


def counting(fast: Repeats) -> list[bytes]:
    """The payloads that are decoded from now on for a lesson."""
    decoded: list[bytes] = []
    strict = fast._strict

    def decode(raw: bytes) -> ChatCompletionChunk:
        decoded.append(raw)
        return strict(raw)

    fast._strict = decode
    return decoded


@pytest.mark.parametrize(
    "raw",
    [
        payload('"m"'),
        payload('"\\u0061"'),
        payload('""'),
        payload("null"),
        payload("null", more='"tool_calls":[{"index":0,"id":"t"}],'),
        payload("null", more=FIRST),
        arguments('""'),
        payload('"a"', padding="\\u0061"),
        payload('"a"', finish='"stop"'),
        payload('"a"', more='"refusal":"b",'),
        payload('"a"', index="null"),
    ],
)
def test_what_cannot_be_remembered_is_seen_without_a_lesson(raw: bytes) -> None:
    fast, reducer = repeats()
    decoded = counting(fast)
    learn(fast, reducer, raw)
    assert fast.take(ServerSentEvent(raw)) is None
    assert decoded == []


def test_a_stream_that_never_repeats_itself_is_soon_left_alone() -> None:
    fast, reducer = repeats()
    learn(fast, reducer, payload('"a"'))
    assert fast.take(ServerSentEvent(payload('"b"'))) is not None  # as long as lessons serve, there are more
    decoded = counting(fast)
    for number in range(50):
        raw = payload('"a"', id=json.dumps(f"chatcmpl-{number}"))
        assert fast.take(ServerSentEvent(raw)) is None
        learn(fast, reducer, raw)
    assert len(decoded) == MAX_VAIN_LESSONS


def test_a_plain_text_makes_two_calls() -> None:
    fast, reducer = repeats()
    learn(fast, reducer, payload('"Hello"'))
    assert fast.take(ServerSentEvent(payload('"a"'))) is not None
    read = b"data: %b\n\n" % payload('"b"')
    assert calls_of(partial(fast.take_read, read)).python == ["Repeats.take_read", "Repeats._make"]


def test_a_stream_that_repeats_itself_now_and_then_is_never_left_alone() -> None:
    fast, reducer = repeats()
    for number in range(5 * MAX_VAIN_LESSONS):
        raw = payload('"a"', id=json.dumps(f"chatcmpl-{number // 3}"))
        taken = fast.take(ServerSentEvent(raw))
        assert (taken is not None) == (number % 3 > 0)
        if taken is None:
            learn(fast, reducer, raw)
    assert len(fast.pieces) > 10


def test_between_two_events_of_a_read_a_snapshot_is_made_once() -> None:
    stream = ChatStream([b"data: %b\n\n" % payload('"a"') * 10])
    for number, _ in enumerate(stream, 1):
        assert stream.snapshot() is stream.snapshot()
        assert stream.snapshot().choices[0].message.content == "a" * number


def test_a_callers_type_takes_the_exact_way() -> None:
    class Mine(ChatCompletionChunk, frozen=True):
        novel: int = 0

    raw = payload('"a"').replace(b'"id"', b'"novel":5,"id"')
    stream = ChatStream([b"data: %b\n\n" % raw] * 3, type=Mine)
    assert [event.novel for event in stream if isinstance(event, Mine)] == [5, 5, 5]
