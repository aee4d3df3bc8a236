"""The push object: events and errors at their step, the verdict and the result of every way to end."""

import pickle
import types
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec
import pytest

import ssewire
from shared import Run, pieces, run
from ssewire import (
    DONE,
    BodyTooLargeError,
    CaptureError,
    ChatCompletion,
    ChatCompletionChunk,
    ChatParser,
    CompletionsParser,
    Diagnostic,
    EmptyStreamError,
    EventDecodeError,
    EventTooLargeError,
    ForeignFileError,
    NoCaptureError,
    NotAnEventStreamError,
    ProviderError,
    ResponsesParser,
    SSEWireError,
    StreamInterruptedError,
    StreamStalledError,
    StreamTruncatedError,
    StructuredOutputError,
    TextPart,
    UnknownEvent,
    Verdict,
    detect_dialect,
)
from ssewire._dialect import Dialect, NoRun
from ssewire._parser import MAX_HEAD_BYTES, Parser
from ssewire._wire.tokenizer import ServerSentEvent
from ssewire.chat.dialect import CHAT
from ssewire.events import MAX_DETAIL_CHARS, MAX_DIAGNOSTICS, DiagnosticLog
from ssewire.responses import Response
from ssewire.testing import make_chat_body, make_completions_body, make_responses_body


def event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def chunk(text: str, index: int = 0, finish: str = "null") -> bytes:
    return event(
        f'{{"choices":[{{"index":{index},"delta":{{"content":"{text}"}},"finish_reason":{finish}}}]}}'
    )


HELLO = chunk("Hello")
STOP = chunk("!", finish='"stop"')
END = event("[DONE]")
BROKEN = event('{"choices":')
ERROR = event('{"error":{"message":"boom","code":"c"}}')
WHOLE = HELLO + STOP + END


def text_of(snapshot: ChatCompletion) -> list[str | None]:
    return [choice.message.content for choice in snapshot.choices]


def texts(events: Iterable[ChatCompletionChunk]) -> list[Any]:
    return [choice.delta.content for each in events for choice in each.choices]


def verdict(parser: Parser[Any, Any]) -> str:
    return parser.verdict.value


def kinds(parser: Parser[Any, Any]) -> list[str]:
    return [entry.kind for entry in parser.diagnostics]


# -- how a stream ends -----------------------------------------------------------------------------------

STARTS = {
    "all": HELLO + STOP,
    "some": HELLO + STOP + chunk("Goodbye", index=1),
    "none": HELLO,
    "no choice": event('{"choices":[],"usage":{"prompt_tokens":1}}'),
}
ENDINGS = ("clean", "broken", "cut", "abandoned")
WITHOUT_DONE = {
    "all": ("no_done", "truncated", "truncated", "closed"),
    "some": ("truncated", "truncated", "truncated", "closed"),
    "none": ("truncated", "truncated", "truncated", "closed"),
    "no choice": ("truncated", "truncated", "truncated", "closed"),
}
# What comes after [DONE] changes nothing.
WITH_DONE = {
    "all": ("complete", "complete", "complete", "complete"),
    "some": ("no_finish", "no_finish", "no_finish", "no_finish"),
    "none": ("no_finish", "no_finish", "no_finish", "no_finish"),
    "no choice": ("no_finish", "no_finish", "no_finish", "no_finish"),
}
RESULTS: dict[str, type[SSEWireError] | None] = {
    "complete": None,
    "no_done": None,
    "no_finish": None,
    "truncated": StreamTruncatedError,
    "closed": StreamTruncatedError,
    "failed": ProviderError,
}
TRUTH = [
    (STARTS[finish] + ERROR * error + END * done, ending, "failed" if error else table[finish][at])
    for done, table in ((False, WITHOUT_DONE), (True, WITH_DONE))
    for finish in STARTS
    for at, ending in enumerate(ENDINGS)
    for error in (False, True)
]


def ended(parser: ChatParser, reads: list[bytes], ending: str) -> Run:
    match ending:
        case "cut":
            return run(parser, *reads, b'data: {"cho')
        case "abandoned":
            events = [event for read in reads for event in parser.feed(read)]
            parser.abandon()
            return Run(parser, events, None)
        case _:
            return run(parser, *reads, broken=ending == "broken")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("body", "ending", "verdict"), TRUTH)
def test_the_verdict_is_the_first_that_applies(body: bytes, ending: str, verdict: str, strict: bool) -> None:
    ending_run = ended(ChatParser(strict=strict), [body], ending)
    parser = ending_run.parser
    assert parser.verdict.value == verdict
    assert isinstance(ending_run.error, ProviderError) == (verdict == "failed" and ending != "abandoned")
    snapshot = parser.snapshot()
    refusal = RESULTS[verdict]
    if strict and verdict != "complete" and refusal is None:
        refusal = StreamTruncatedError
    if refusal is None:
        assert parser.result() is snapshot
        return
    for _ in range(2):
        with pytest.raises(refusal) as caught:
            parser.result()
        assert type(caught.value) is refusal
        assert caught.value.snapshot is snapshot


@pytest.mark.parametrize(("body", "ending", "verdict"), TRUTH)
def test_the_verdict_is_the_same_byte_by_byte(body: bytes, ending: str, verdict: str) -> None:
    reads = pieces(body, 1)
    if verdict == "failed":
        # The step after the error raises; here it is the last.
        reads = pieces(body[: body.index(ERROR) + len(ERROR)], 1)
    assert ended(ChatParser(), reads, ending).verdict == verdict


@pytest.mark.parametrize(
    "body", [b"", b"\n\n", b": hello\n\n", b"id: 7\n\n", b"data:\n\n", event("null") * 3]
)
@pytest.mark.parametrize("strict", [False, True])
def test_a_body_without_an_event_is_empty(body: bytes, strict: bool) -> None:
    ending = run(ChatParser(strict=strict), body)
    assert (ending.events, ending.error, ending.verdict) == ([], None, "empty")
    with pytest.raises(EmptyStreamError) as caught:
        ending.parser.result()
    assert caught.value.snapshot == ChatCompletion()


def test_a_broken_body_without_an_event_is_truncated() -> None:
    ending = run(ChatParser(), b"", broken=True)
    assert ending.verdict == "truncated"
    with pytest.raises(StreamTruncatedError):
        ending.parser.result()


def test_a_body_without_an_event_that_was_abandoned_is_closed() -> None:
    parser = ChatParser()
    parser.abandon()
    assert verdict(parser) == "closed"
    with pytest.raises(StreamTruncatedError):
        parser.result()


def test_the_end_mark_alone_is_no_finish() -> None:
    ending = run(ChatParser(), END)
    assert (ending.events, ending.verdict) == ([], "no_finish")
    assert ending.parser.result() == ChatCompletion()


@pytest.mark.parametrize("mark", ["[DONE]", " [DONE]", "[DONE] ", "\t[DONE]\t", "\n[DONE]"])
def test_the_end_mark_may_have_spaces_around_it(mark: str) -> None:
    data = mark.replace("\n", "\ndata: ")
    assert run(ChatParser(), HELLO + STOP + event(data)).verdict == "complete"


@pytest.mark.parametrize("mark", ["[done]", "DONE", '"[DONE]"', "[DONE] x", "[DONE][DONE]", "\u00a0[DONE]"])
def test_what_is_not_the_end_mark_is_malformed(mark: str) -> None:
    ending = run(ChatParser(), HELLO + STOP + event(mark))
    assert isinstance(ending.error, EventDecodeError)


@pytest.mark.parametrize("result", ["stop", "length", "tool_calls", "content_filter", "weird"])
def test_any_reason_to_finish_is_one(result: str) -> None:
    assert run(ChatParser(), HELLO + chunk("", finish=f'"{result}"') + END).verdict == "complete"


def test_text_after_the_finish_reason_is_text() -> None:
    assert text_of(run(ChatParser(), HELLO + STOP + chunk("?") + END).parser.result()) == ["Hello!?"]


# -- steps -----------------------------------------------------------------------------------------------


def test_each_event_comes_with_the_read_that_completes_it() -> None:
    parser = ChatParser()
    assert parser.feed(HELLO[:-1]) == []
    assert texts(parser.feed(HELLO[-1:] + STOP + END[:3])) == ["Hello", "!"]
    assert verdict(parser) == "open"
    assert parser.feed(END[3:]) == []
    assert verdict(parser) == "complete"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_can_be_fed(kind: Callable[[bytes], Any]) -> None:
    parser = ChatParser()
    assert texts(parser.feed(kind(HELLO))) == ["Hello"]
    assert parser.feed(kind(b"")) == []


@pytest.mark.parametrize("wrong", ["text", None, 7, [1, 2]])
def test_what_is_no_bytes_cannot(wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"^a stream is read in bytes, not in {type(wrong).__name__}$"):
        ChatParser().feed(wrong)


def test_the_data_of_an_event_is_there_for_whoever_asks() -> None:
    parser = ChatParser()
    pairs = parser.feed_raw(b"event: x\ndata: {\ndata:  }\r\ndata:\n\n" + HELLO)
    assert [raw for _, raw in pairs] == [b"{\n }\n", HELLO[6:-2]]
    assert [each for each, _ in pairs] == run(ChatParser(), b"data: {}\n\n" + HELLO).events


def test_heartbeats_and_the_end_mark_are_not_handed_out() -> None:
    parser = ChatParser()
    body = event("null") + HELLO + b"data:\n\n" + event(" null ") + b": c\n\n" + STOP + END
    assert texts(parser.feed(body)) == ["Hello", "!"]
    assert parser.diagnostics == []


def test_no_result_before_the_end() -> None:
    parser = ChatParser()
    running = r"^the stream has not ended; snapshot\(\) gives what has arrived$"
    with pytest.raises(RuntimeError, match=running):
        parser.result()
    parser.feed(HELLO + STOP)
    with pytest.raises(RuntimeError, match=running):
        parser.result()
    assert text_of(parser.snapshot()) == ["Hello!"]
    parser.close()
    assert text_of(parser.result()) == ["Hello!"]


def test_nothing_can_be_fed_after_the_close() -> None:
    parser = ChatParser()
    parser.feed(HELLO)
    parser.close()
    with pytest.raises(RuntimeError, match=r"^the parser is closed$"):
        parser.feed(b"")
    with pytest.raises(RuntimeError, match=r"^the parser is closed$"):
        parser.feed_raw(b"x")
    assert parser.close() == []
    assert parser.close(broken=True) == []
    assert verdict(parser) == "truncated"


def test_nothing_can_be_fed_to_what_was_abandoned() -> None:
    parser = ChatParser()
    parser.push(HELLO)
    parser.abandon()
    parser.abandon()
    assert parser.pull() is None
    with pytest.raises(RuntimeError):
        parser.feed(HELLO)
    assert parser.close() == []
    assert (parser.verdict, parser.snapshot().choices) == (Verdict.CLOSED, [])


def test_half_steps_hand_out_event_by_event() -> None:
    parser = ChatParser()
    assert parser.pull() is None
    parser.push(HELLO + STOP)
    parser.push(END)
    assert parser.pull() is not None
    assert parser.raw == HELLO[6:-2]
    assert text_of(parser.snapshot()) == ["Hello"]
    assert verdict(parser) == "open"
    assert parser.pull() is not None
    assert parser.pull() is None
    assert verdict(parser) == "complete"
    parser.push_end()
    parser.push_end()
    assert parser.pull() is None


def test_what_the_body_ends_inside_of_is_noted_at_its_place() -> None:
    cut = run(ChatParser(), HELLO, STOP, b'data: {"cho').parser
    assert cut.diagnostics == [Diagnostic("cut_event", "the body ends inside an event", 3)]
    unterminated = run(ChatParser(), HELLO, STOP[:-1]).parser
    assert unterminated.diagnostics == [
        Diagnostic("unterminated", "the last event came without its blank line", 2)
    ]


def test_an_empty_body_says_so() -> None:
    parser = run(ChatParser(), b"").parser
    with pytest.raises(EmptyStreamError, match=r"^the body ended without an event$"):
        parser.result()


def test_what_the_reducer_notes_is_among_the_diagnostics() -> None:
    parser = ChatParser()
    for each in ('"id":"a","function":{"arguments":"{"}', '"id":"b","function":{"arguments":"}"}'):
        parser.feed(event(f'{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,{each}}}]}}}}]}}'))
    assert [(entry.kind, entry.ordinal) for entry in parser.diagnostics] == [("tool_call_id", 2)]


def test_a_message_is_that_of_its_choice() -> None:
    parser = run(ChatParser(), chunk("a"), chunk("b", index=1)).parser
    assert (parser.message().text, parser.message(1).text) == ("a", "b")
    assert parser.message().verdict is Verdict.TRUNCATED


def test_what_was_pushed_before_the_end_is_no_unterminated_event() -> None:
    parser = ChatParser()
    parser.push(HELLO + STOP + END)
    parser.push_end()
    assert texts(event for _ in "ab" if (event := parser.pull()) is not None) == ["Hello", "!"]
    assert parser.pull() is None
    assert (verdict(parser), parser.diagnostics) == ("complete", [])


def step(parser: ChatParser, read: Any, now: float) -> list[ChatCompletionChunk]:
    """Take a read, and pull what it left, as a stream does."""
    events = [parser.take(read, now), *parser.ready]
    while events[-1] is not None:
        events += [*parser.ready, parser.pull()]
    return [event for event in events if event is not None]


@pytest.mark.parametrize(
    ("reads", "plain"),
    [
        ([], False),
        ([b": no event yet\n\n"], False),
        ([event("null")], False),
        ([HELLO], True),
        ([HELLO, b": c\n\n"], True),
        ([HELLO, b": c"], False),
        ([HELLO, b"data: x"], False),
        ([HELLO, bytearray(HELLO)], True),
        ([HELLO, STOP, END], False),
        ([HELLO, BROKEN], True),
    ],
)
def test_a_read_takes_the_fast_way_between_two_events_of_a_running_stream(
    reads: list[bytes], plain: bool
) -> None:
    parser = ChatParser(malformed="skip")
    for at, read in enumerate(reads):
        step(parser, read, at)
    assert parser.plain is plain


@pytest.mark.parametrize("end", [lambda parser: parser.abandon(), lambda parser: parser.push_end()])
def test_nothing_can_be_taken_after_the_end(end: Callable[[ChatParser], None]) -> None:
    parser = ChatParser()
    step(parser, HELLO, 1.0)
    assert parser.plain
    end(parser)
    assert not parser.plain
    with pytest.raises(RuntimeError, match=r"^the parser is closed$"):
        parser.take(HELLO, 2.0)


def test_a_limit_is_exact_however_fast_the_reads_before_it_were() -> None:
    for text in ("a" * 300, '"'):
        parser = ChatParser(max_event_size=250)
        taken = [HELLO] * 40
        for at, read in enumerate(taken):
            assert len(step(parser, read, at)) == 1
        large = chunk(text + "b" * 250)
        with pytest.raises(EventTooLargeError) as caught:
            parser.take(large, 50.0)
        error = caught.value
        position = len(HELLO) * len(taken) + len("data: ") + 250
        assert (error.limit, error.seen, error.position) == (250, 251, position)
        assert text_of(error.snapshot) == ["Hello" * 40]


def test_the_data_of_an_event_is_there_whichever_way_it_took() -> None:
    parser = ChatParser()
    reads = [chunk(f"t{at}") for at in range(70)] + [STOP, HELLO, b": c\n" + HELLO, b"event: x\n" + HELLO]
    for at, read in enumerate(reads):
        assert len(step(parser, read, at)) == 1
        assert parser.raw == read[read.index(b"data: ") + 6 : -2]
    bulk = ChatParser()
    assert [raw for _, raw in bulk.feed_raw(b"".join(reads))] == [
        read[read.index(b"data: ") + 6 : -2] for read in reads
    ]


def test_a_read_may_be_taken_without_a_stopwatch() -> None:
    parser = ChatParser()
    assert parser.take(HELLO, 1.0) is not None
    assert parser.pull() is None
    assert parser.plain
    assert parser.take(HELLO, 2.0) is not None
    assert text_of(parser.snapshot()) == ["HelloHello"]


def test_a_dialect_may_have_no_fast_way() -> None:
    run: NoRun[object] = NoRun(None, None)
    assert (run.take(ServerSentEvent(b"{}")), run.decoded, run.fold(0), run.pieces) == (None, None, [], [])


def test_a_closed_parser_tells_what_it_has() -> None:
    parser = ChatParser()
    assert (parser.usage, parser.model, parser.created, parser.tokens) == (None, None, None, 0)
    assert (parser.raw, parser.status, parser.headers) == (b"", None, None)
    parser.feed(HELLO + event('{"model":"m","created":7,"usage":{"prompt_tokens":1}}') + END)
    assert parser.usage == parser.snapshot().usage
    assert parser.usage.prompt_tokens == 1
    assert (parser.model, parser.created, parser.tokens) == ("m", 7, 1)


class More(ChatCompletionChunk, frozen=True):
    novel: str = ""


class Other(msgspec.Struct):
    pass


def test_the_type_may_be_a_subclass_with_more_fields() -> None:
    parser = ChatParser(type=More)
    (found,) = parser.feed(event('{"novel":"x","id":"a"}'))
    assert isinstance(found, More)
    assert found.novel == "x"
    assert parser.snapshot().id == "a"


@pytest.mark.parametrize("wrong", [Other, dict, int, "More", More()])
def test_the_type_is_nothing_else(wrong: Any) -> None:
    with pytest.raises(TypeError):
        ChatParser(type=wrong)


def test_a_final_object_that_is_skipped_is_noted_at_its_event() -> None:
    body = event('{"type":"response.completed","response":3}') + event('{"type":"response.queued"}')
    parser = ResponsesParser(malformed="skip")
    assert len(parser.feed(event('{"type":"response.in_progress"}') + body)) == 2
    assert parser.close() == []
    assert parser.result().status == "completed"
    assert {each.kind: each.ordinal for each in parser.diagnostics} == {"late_event": 2, "malformed": 2}


# -- errors of the provider ------------------------------------------------------------------------------

Facts = tuple[str, Any, Any, Any, Any]  # message, code, type, param, status
NAMELESS: tuple[Any, ...] = (None, None, None, None)

IN_BAND: dict[str, tuple[bytes, Facts]] = {
    "an error object": (
        event('{"error":{"message":"boom","code":"c","type":"t","param":"p"}}'),
        ("boom", "c", "t", "p", None),
    ),
    "an integer code": (event('{"error":{"message":"boom","code":42}}'), ("boom", 42, None, None, None)),
    "a code that is a status": (
        event('{"error":{"message":"boom","code":503}}'),
        ("boom", 503, None, None, 503),
    ),
    "a text code": (event('{"error":{"message":"boom","code":"503"}}'), ("boom", "503", None, None, None)),
    "a status": (
        event('{"error":{"message":"boom","code":1,"status":429}}'),
        ("boom", 1, None, None, 429),
    ),
    "a status under its other name": (
        event('{"error":{"message":"boom","status_code":500,"status":"INTERNAL"}}'),
        ("boom", None, None, None, 500),
    ),
    "a status that is none": (
        event('{"error":{"message":"boom","status":200,"code":600}}'),
        ("boom", 600, None, None, None),
    ),
    "null facts": (
        event('{"error":{"message":"boom","code":null,"type":null,"param":null}}'),
        ("boom", *NAMELESS),
    ),
    "odd facts": (
        event('{"error":{"message":"boom","code":[1],"type":2,"param":{}}}'),
        ("boom", *NAMELESS),
    ),
    "an error text": (event('{"error":"boom"}'), ("boom", *NAMELESS)),
    "an error in an error": (
        event('{"error":{"error":{"message":"boom","type":"t"}}}'),
        ("boom", None, "t", None, None),
    ),
    "an error text in an error": (event('{"error":{"error":"boom"}}'), ("boom", *NAMELESS)),
    "a detail": (event('{"error":{"detail":"boom"}}'), ("boom", *NAMELESS)),
    "a message beside an empty error": (
        event('{"error":{"message":"boom","error":{}}}'),
        ("boom", *NAMELESS),
    ),
    "an error among a chunk's fields": (
        event('{"id":"x","choices":[],"error":{"message":"boom"}}'),
        ("boom", *NAMELESS),
    ),
    "an error with null choices": (event('{"choices":null,"error":{"message":"boom"}}'), ("boom", *NAMELESS)),
    "an error on a choice": (
        event('{"choices":[{"index":0},{"index":1,"error":{"code":502,"message":"boom"}}]}'),
        ("boom", 502, None, None, 502),
    ),
    "a flat error by its type": (
        event('{"type":"error","message":"boom","code":"c","param":null,"sequence_number":3}'),
        ("boom", "c", "error", None, None),
    ),
    "a nested error by its type": (
        event('{"type":"error","error":{"type":"t","message":"boom"}}'),
        ("boom", None, "t", None, None),
    ),
    "an event named error with an object": (
        b'event: error\ndata: {"message":"boom","type":"t"}\n\n',
        ("boom", None, "t", None, None),
    ),
    "an event named error with an error": (
        b'event: error\ndata: {"error":{"message":"boom","code":"c"}}\n\n',
        ("boom", "c", None, None, None),
    ),
    "an event named error with a text": (b"event: error\ndata: boom\n\n", ("boom", *NAMELESS)),
    "an event named error with a JSON text": (b'event: error\ndata: "boom"\n\n', ("boom", *NAMELESS)),
    "an event named error with cut JSON": (b'event: error\ndata: {"boom\n\n', ('{"boom', *NAMELESS)),
    "an event named error with broken text": (b"event: error\ndata: b\xff\n\n", ("b\ufffd", *NAMELESS)),
    "an error line": (
        b'error: {"code":400,"message":"boom","type":"t"}\n\n',
        ("boom", 400, "t", None, 400),
    ),
    "an error line with a text": (b"error: boom\n", ("boom", *NAMELESS)),
    "an error line with an error": (b'error:{"error":{"message":"boom"}}\n', ("boom", *NAMELESS)),
}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("sent", "facts"), IN_BAND.values(), ids=IN_BAND.keys())
def test_an_error_is_handed_out_and_then_raised(sent: bytes, facts: Facts, size: int) -> None:
    parser = ChatParser()
    before = parser.feed(HELLO)
    handed: list[ChatCompletionChunk] = []
    for piece in pieces(sent, size):
        handed += parser.feed(piece)
        if handed:
            break
    assert len(handed) == 1
    assert isinstance(handed[0], ChatCompletionChunk)
    assert verdict(parser) == "failed"
    with pytest.raises(ProviderError) as caught:
        parser.feed(STOP)
    error = caught.value
    assert (error.message, error.code, error.type, error.param, error.status) == facts
    assert error.raw in sent.replace(b"\n\n", b"\n")
    assert error.raw
    assert str(error).startswith(error.message)
    assert error.snapshot == parser.snapshot()
    assert text_of(parser.snapshot()) == texts(before)
    with pytest.raises(RuntimeError):
        parser.feed(b"")
    assert parser.close() == []
    with pytest.raises(ProviderError) as again:
        parser.result()
    assert again.value is error


@pytest.mark.parametrize(
    "sent",
    [
        '{"error":{"message":["boom",1]}}',
        '{"error":{"message":{"boom":1}}}',
        '{"error":{"detail":[{"msg":"boom"}]}}',
        '{"error":{"reason":"boom"}}',
        '{"error":["boom"]}',
        '{"type":"error","reason":"boom"}',
    ],
)
def test_an_error_without_a_message_shows_what_there_is(sent: str) -> None:
    error = run(ChatParser(), event(sent)).error
    assert isinstance(error, ProviderError)
    assert isinstance(error.message, str)
    assert "boom" in error.message


@pytest.mark.parametrize("empty", ["null", "{}", '""', "[]", "false", "0"])
def test_an_empty_error_is_none(empty: str) -> None:
    body = (
        event(f'{{"error":{empty},"choices":[{{"index":0,"delta":{{"content":"a"}},"error":{empty}}}]}}')
        + b"error: null\nerror:\n\n"
        + STOP
        + END
    )
    ending = run(ChatParser(), body)
    assert (ending.verdict, ending.error, text_of(ending.snapshot)) == ("complete", None, ["a!"])


def test_what_comes_with_an_error_is_folded() -> None:
    parser = ChatParser()
    choice = '{"index":0,"delta":{"content":" wor"},"finish_reason":"error"}'
    sent = event(f'{{"choices":[{choice}],"error":{{"message":"boom"}}}}')
    assert texts(parser.feed(HELLO + sent + END)) == ["Hello", " wor"]
    with pytest.raises(ProviderError) as caught:
        parser.close()
    assert text_of(caught.value.snapshot) == ["Hello wor"]
    assert caught.value.snapshot.choices[0].finish_reason == "error"


def test_nothing_behind_an_error_is_handed_out() -> None:
    parser = ChatParser()
    assert texts(parser.feed(HELLO + ERROR + STOP + ERROR + END)) == ["Hello"]
    assert kinds(parser) == ["late_event"]
    assert parser.diagnostics[0].count == 2
    with pytest.raises(ProviderError):
        parser.feed(STOP)
    assert text_of(parser.snapshot()) == ["Hello"]


def test_an_error_line_counts_at_its_place() -> None:
    line = b'error: {"message":"boom"}\n'
    parser = ChatParser()
    # It stands inside an event, and so before that event.
    pairs = parser.feed_raw(HELLO + STOP.replace(b"\n\n", b"\n" + line + b"\n") + END)
    assert [raw for _, raw in pairs] == [HELLO[6:-2], b'{"message":"boom"}']
    with pytest.raises(ProviderError):
        parser.close()
    assert text_of(parser.snapshot()) == ["Hello"]


def test_a_status_of_the_response_is_told_unless_the_error_names_one() -> None:
    for sent, status in ((ERROR, 502), (event('{"error":{"message":"boom","code":429}}'), 429)):
        parser = ChatParser()
        parser.status = 502
        error = run(parser, sent).error
        assert isinstance(error, ProviderError)
        assert error.status == status
    parser = ChatParser()
    parser.status = 200
    error = run(parser, ERROR).error
    assert isinstance(error, ProviderError)
    assert error.status is None


def test_a_status_alone_never_raises() -> None:
    parser = ChatParser()
    parser.status = 500
    assert run(parser, WHOLE).verdict == "complete"


class Demanding(ChatCompletionChunk, frozen=True, kw_only=True):
    trace: str


def test_an_error_event_that_is_no_object_is_an_error_of_ours_for_a_demanding_type() -> None:
    ending = run(ChatParser(type=Demanding), b"event: error\ndata: boom\n\n")
    assert isinstance(ending.error, (ProviderError, EventDecodeError))


@pytest.mark.parametrize("response", ["5", '{"id":"r","output":[5]}'])
def test_an_error_is_told_though_what_came_before_it_does_not_decode(response: str) -> None:
    parser = ResponsesParser()
    created = event(f'{{"type":"response.created","sequence_number":0,"response":{response}}}')
    assert len(parser.feed(created + event('{"type":"error","sequence_number":1,"message":"no"}'))) == 2
    with pytest.raises(ProviderError, match="no") as caught:
        parser.close()
    assert caught.value.snapshot == Response()


HELLO_IN_ITEMS = event(
    '{"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"m","delta":"Hello"}'
)


def test_an_error_has_what_was_streamed_though_the_response_does_not_decode() -> None:
    odd = '{"type":"response.%s","response":{"id":"r","created_at":"today","error":{"message":"no"}}}'
    parser = ResponsesParser()
    parser.feed(event(odd % "created") + HELLO_IN_ITEMS)
    parser.close()
    with pytest.raises(StreamTruncatedError) as cut:
        parser.result()
    parser = ResponsesParser()
    parser.feed(HELLO_IN_ITEMS + event(odd % "failed"))
    with pytest.raises(ProviderError, match="no") as failed:
        parser.close()
    parser = ResponsesParser()
    parser.feed(HELLO_IN_ITEMS + event(odd % "completed"))
    with pytest.raises(EventDecodeError, match="created_at") as undecodable:
        parser.result()
    for caught in (cut, failed, undecodable):
        (item,) = caught.value.snapshot.output
        assert item.content[0].text == "Hello"


# -- bodies that are no event stream ---------------------------------------------------------------------

ERROR_BODIES: dict[str, tuple[bytes, Facts]] = {
    "JSON": (
        b'{"error":{"message":"boom","type":"t","code":"c","param":"p"}}',
        ("boom", "c", "t", "p", 429),
    ),
    "a line end behind": (b'{"error":{"message":"boom"}}\n', ("boom", None, None, None, 429)),
    "many lines": (
        b'{\n  "error": {\n    "message": "boom",\n    "code": 400\n  }\n}\n',
        ("boom", 400, None, None, 400),
    ),
    "blank lines": (b'{\r\n\r\n"error": "boom"\r\n\r\n}', ("boom", None, None, None, 429)),
    "a list": (b'[{"error":{"message":"boom","status":"X","code":503}}]', ("boom", 503, None, None, 503)),
    "a text": (b'{"error":"boom"}', ("boom", None, None, None, 429)),
    "broken text": (b'{"error":"b\xff"}', ("b\ufffd", None, None, None, 429)),
    "a byte order mark": (b'\xef\xbb\xbf{"error":"boom"}', ("boom", None, None, None, 429)),
}


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(("body", "facts"), ERROR_BODIES.values(), ids=ERROR_BODIES.keys())
def test_a_json_body_with_an_error_is_that_error(body: bytes, facts: Facts, size: int) -> None:
    parser = ChatParser()
    parser.status = 429
    ending = run(parser, *pieces(body, size))
    error = ending.error
    assert isinstance(error, ProviderError)
    assert (error.message, error.code, error.type, error.param, error.status) == facts
    assert error.raw == body
    assert (ending.events, ending.verdict) == ([], "failed")
    with pytest.raises(ProviderError) as caught:
        parser.result()
    assert caught.value is error


FOREIGN_BODIES = {
    "HTML": b"<!DOCTYPE html>\n<html>\n<p>502\n</html>\n",
    "text": b"Bad gateway",
    "JSON without an error": b'{"choices":[{"message":{"content":"Hello"}}]}',
    "JSON with an empty error": b'{"error":{}}',
    "JSON with a null error": b'{"error":null}',
    "a JSON list": b'["error"]',
    "an empty JSON list": b"[]",
    "a list of something else": b'[{"id":1}]',
    "a JSON text": b'"error"',
    "cut JSON": b'{"error":{"message":"boom"',
    "bytes": bytes(range(128, 256)),
    "lines of an unknown kind": b"novel: 1\n\nother: 2\n\n",
    "much": b"x" * 200_000,
    "nested lists": b"[" * 10_000,
}


@pytest.mark.no_cover
@pytest.mark.parametrize("size", [1, 1000, 10**6])
@pytest.mark.parametrize("body", FOREIGN_BODIES.values(), ids=FOREIGN_BODIES.keys())
def test_any_other_body_is_no_event_stream(body: bytes, size: int) -> None:
    parser = ChatParser()
    parser.status = 200
    parser.headers = {"content-type": "text/html"}
    ending = run(parser, *pieces(body, size))
    error = ending.error
    assert isinstance(error, NotAnEventStreamError)
    assert (error.status, error.headers) == (200, {"content-type": "text/html"})
    assert error.body == body[:65536]
    assert len(error.body) <= MAX_HEAD_BYTES
    assert len(str(error)) < 300
    assert (ending.events, ending.verdict) == ([], "empty")
    assert error.snapshot == ChatCompletion()
    with pytest.raises(NotAnEventStreamError) as caught:
        parser.result()
    assert caught.value is error


def test_a_foreign_body_that_broke_off_is_truncated() -> None:
    ending = run(ChatParser(), b"<!DOCTYPE html>\n<html>", broken=True)
    assert (ending.error, ending.verdict) == (None, "truncated")


def test_unknown_lines_beside_an_event_are_nothing() -> None:
    ending = run(ChatParser(), b"novel: 1\n\n" + WHOLE)
    assert (ending.verdict, ending.error, ending.diagnostics) == ("complete", None, [])


def test_unknown_lines_before_the_end_mark_are_nothing() -> None:
    assert run(ChatParser(), b"novel: 1\n\n" + END).verdict == "no_finish"


def test_bytes_need_not_lie_side_by_side() -> None:
    spread = memoryview(b"".join(b"%c_" % byte for byte in HELLO))[::2]
    assert not spread.contiguous
    assert texts(ChatParser().feed(spread)) == ["Hello"]


def test_an_error_that_is_raised_again_is_as_short_as_the_first() -> None:
    parser = ChatParser()
    parser.feed(ERROR)
    lengths: list[int] = []
    for _ in range(5):
        with pytest.raises(ProviderError) as caught:
            parser.result()
        lengths.append(len(caught.traceback))
    assert lengths == [lengths[0]] * 5


def test_the_start_of_a_body_is_kept_until_an_event_has_come() -> None:
    parser = ChatParser()
    parser.feed(b": ping\n\n")
    parser.feed(HELLO)
    assert bytes(parser._head) == b": ping\n\n" + HELLO
    parser.feed(HELLO * 10)
    assert bytes(parser._head) == b": ping\n\n" + HELLO


# -- malformed events ------------------------------------------------------------------------------------


def test_a_malformed_event_is_raised_by_the_step_after_the_events_before_it() -> None:
    parser = ChatParser()
    assert texts(parser.feed(HELLO + b"event: x\n" + BROKEN + STOP + END)) == ["Hello"]
    with pytest.raises(EventDecodeError) as caught:
        parser.feed(b"")
    error = caught.value
    assert (error.raw, error.event, error.ordinal) == (b'{"choices":', "x", 2)
    assert error.reason
    assert "event 2 (x, 11 bytes)" in str(error)
    assert text_of(error.snapshot) == ["Hello"]
    assert error.__cause__ is not None


def test_with_no_event_before_it_a_malformed_event_is_raised_at_once() -> None:
    parser = ChatParser()
    with pytest.raises(EventDecodeError) as caught:
        parser.feed(event("null") + BROKEN + STOP + END)
    assert caught.value.ordinal == 2
    assert caught.value.snapshot == ChatCompletion()


@pytest.mark.parametrize("before", [b"", HELLO])
def test_an_error_leaves_the_parser_closed(before: bytes) -> None:
    parser = ChatParser()
    ending = run(parser, before + BROKEN + STOP + END)
    assert isinstance(ending.error, EventDecodeError)
    assert texts(ending.events) == ["Hello"] * (before == HELLO)
    for _ in range(2):
        assert parser.close() == []
        with pytest.raises(RuntimeError):
            parser.feed(STOP)
        assert parser.pull() is None
        assert text_of(parser.snapshot()) == texts(ending.events)
        assert verdict(parser) == "closed"
        with pytest.raises(EventDecodeError) as caught:
            parser.result()
        assert caught.value is ending.error


def test_the_step_after_the_last_events_may_be_the_close() -> None:
    parser = ChatParser()
    assert len(parser.feed(HELLO + BROKEN)) == 1
    with pytest.raises(EventDecodeError):
        parser.close()
    assert parser.close() == []


def test_a_result_may_be_what_tells_of_an_error() -> None:
    parser = ChatParser()
    assert len(parser.feed(HELLO + ERROR)) == 2
    with pytest.raises(ProviderError):
        parser.result()


def test_malformed_events_can_be_skipped() -> None:
    ending = run(ChatParser(malformed="skip"), HELLO + BROKEN + BROKEN + event(": ping") + STOP + END)
    assert (ending.verdict, texts(ending.events)) == ("complete", ["Hello", "!"])
    assert ending.diagnostics == [("malformed", 2), ("malformed", 1)]
    assert [entry.ordinal for entry in ending.parser.diagnostics] == [2, 4]


def test_malformed_events_can_be_given_to_a_function() -> None:
    seen: list[tuple[bytes, EventDecodeError]] = []
    ending = run(ChatParser(malformed=lambda *pair: seen.append(pair)), HELLO + BROKEN + STOP + END)
    assert ending.verdict == "complete"
    ((raw, error),) = seen
    assert (raw, error.raw, error.ordinal) == (b'{"choices":', raw, 2)
    assert ending.diagnostics == [("malformed", 1)]


def test_what_the_function_raises_passes() -> None:
    def refuse(_raw: bytes, error: EventDecodeError) -> None:
        raise LookupError(error.ordinal)

    with pytest.raises(LookupError):
        run(ChatParser(malformed=refuse), BROKEN)


@pytest.mark.parametrize("wrong", ["ignore", None, 7])
def test_there_is_no_other_policy(wrong: Any) -> None:
    with pytest.raises(ValueError, match="malformed"):
        ChatParser(malformed=wrong)


def test_a_body_of_malformed_events_is_not_empty() -> None:
    assert run(ChatParser(malformed="skip"), BROKEN).verdict == "truncated"


def test_repairs_are_noted() -> None:
    ending = run(
        ChatParser(), event('{"choices":null}') * 2 + HELLO + event('{"id":5,"created":1.0}') + STOP + END
    )
    assert ending.verdict == "complete"
    assert [(entry.kind, entry.ordinal, entry.count) for entry in ending.parser.diagnostics] == [
        ("repaired", 1, 2),
        ("repaired", 4, 1),
        ("repaired", 4, 1),
    ]


# -- the last event --------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n"])
def test_an_unterminated_event_is_taken_and_noted(end: bytes) -> None:
    ending = run(ChatParser(), HELLO + STOP.rstrip() + end)
    assert (ending.verdict, text_of(ending.parser.result())) == ("no_done", ["Hello!"])
    assert texts(ending.events) == ["Hello", "!"]
    ((kind, ordinal),) = [(entry.kind, entry.ordinal) for entry in ending.parser.diagnostics]
    assert (kind, ordinal) == ("unterminated", 2)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_an_unterminated_end_mark_is_the_end_mark(end: bytes) -> None:
    assert run(ChatParser(), HELLO + STOP + b"data: [DONE]" + end).verdict == "complete"


def test_an_unterminated_error_is_an_error() -> None:
    for tail in (b'data: {"error":"boom"}', b"event: error\ndata: boom", b"error: boom"):
        ending = run(ChatParser(), HELLO + tail)
        assert isinstance(ending.error, ProviderError)
        assert ending.error.message == "boom"
        assert (ending.verdict, len(ending.events)) == ("failed", 2)


@pytest.mark.parametrize(
    "tail", [b'data: {"choices":[', b'data: {"choices":[\n', b"data: [DON", b"data: nul"]
)
@pytest.mark.parametrize("malformed", ["raise", "skip"])
def test_a_cut_event_is_neither_an_event_nor_malformed(tail: bytes, malformed: Any) -> None:
    ending = run(ChatParser(malformed=malformed), HELLO + STOP + tail)
    assert (ending.error, ending.verdict, ending.diagnostics) == (None, "truncated", [("cut_event", 1)])
    assert texts(ending.events) == ["Hello", "!"]


@pytest.mark.parametrize("tail", [b"da", b": ping", b"data", b"data:", b"data: null", b"id: 7", b"event: x"])
def test_a_cut_line_that_says_nothing_is_nothing(tail: bytes) -> None:
    ending = run(ChatParser(), HELLO + STOP + tail)
    assert (ending.error, ending.verdict, len(ending.events)) == (None, "no_done", 2)


def test_a_broken_body_has_no_last_event() -> None:
    ending = run(ChatParser(), HELLO + STOP[:-1], broken=True)
    assert (texts(ending.events), ending.verdict, ending.diagnostics) == (["Hello"], "truncated", [])


# -- what comes late -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_what_comes_after_the_end_is_noted_and_nothing_else(size: int) -> None:
    parser = ChatParser()
    found: list[ChatCompletionChunk] = []
    for piece in pieces(WHOLE + chunk("late") + ERROR + BROKEN + END + END, size):
        found += parser.feed(piece)
    found += parser.close()
    assert texts(found) == ["Hello", "!"]
    assert text_of(parser.result()) == ["Hello!"]
    assert verdict(parser) == "complete"
    (late,) = parser.diagnostics
    assert (late.kind, late.detail, late.count) == ("late_event", "an event after the end", 3)


def test_an_end_mark_may_come_twice() -> None:
    ending = run(ChatParser(), WHOLE, END, END)
    assert (ending.verdict, ending.diagnostics) == ("complete", [])


def test_a_late_event_may_be_too_large() -> None:
    parser = ChatParser(max_event_size=200)
    parser.feed(WHOLE)
    for piece in pieces(event("x" * 1000) + HELLO, 100):
        assert parser.feed(piece) == []
    assert parser.close() == []
    assert text_of(parser.result()) == ["Hello!"]
    (late,) = parser.diagnostics
    assert (late.kind, late.detail, late.count) == ("late_event", "an event after the end", 1)


def test_the_end_of_the_body_may_come_late() -> None:
    for tail, broken in ((b'data: {"cut', False), (b'data: {"cut', True), (b"error: boom", False)):
        ending = run(ChatParser(), WHOLE, tail, broken=broken)
        assert (ending.verdict, ending.error) == ("complete", None)


# -- the limit -------------------------------------------------------------------------------------------


def test_an_event_over_the_limit_is_raised_by_the_step_after_the_events_before_it() -> None:
    parser = ChatParser(max_event_size=100)
    assert len(parser.feed(HELLO + event("x" * 101) + STOP)) == 1
    with pytest.raises(EventTooLargeError) as caught:
        parser.feed(b"")
    error = caught.value
    assert (error.limit, error.seen, error.position) == (100, 101, len(HELLO) + len("data: ") + 100)
    assert text_of(error.snapshot) == ["Hello"]
    assert parser.close() == []
    with pytest.raises(RuntimeError):
        parser.feed(STOP)
    with pytest.raises(EventTooLargeError) as again:
        parser.result()
    assert again.value is error
    assert verdict(parser) == "closed"


def test_with_no_event_before_it_an_event_over_the_limit_is_raised_at_once() -> None:
    parser = ChatParser(max_event_size=100)
    with pytest.raises(EventTooLargeError):
        parser.feed(b"data: " + b"x" * 200)
    assert parser.close() == []


def test_the_last_event_may_outgrow_the_limit_at_the_end() -> None:
    # The LF that joins two lines is known to be there once the second line has ended.
    parser = ChatParser(max_event_size=0)
    assert parser.feed(b"data\ndata") == []
    with pytest.raises(EventTooLargeError):
        parser.close()
    assert parser.close() == []
    assert verdict(parser) == "closed"
    with pytest.raises(EventTooLargeError):
        parser.result()


def test_without_a_limit_an_event_may_be_large() -> None:
    parser = ChatParser(max_event_size=None)
    large = chunk("x" * 2**20)
    assert len(run(parser, large + STOP + END).events) == 2
    assert ChatParser(max_event_size=len(STOP)).feed(STOP) != []


# -- a dialect in which errors wait and events end -------------------------------------------------------


class WaitingParser(ChatParser):
    """Errors wait for an explanation, and an event ends the stream."""

    dialect: ClassVar[Dialect[Any, Any]] = msgspec.structs.replace(
        CHAT,
        ends_with_done=False,
        awaits_explanation=lambda chunk: chunk.type == "error",
        explains=lambda chunk: chunk.id == "why",
        ends=lambda chunk: chunk.id == "end",
    )


WAITS = event('{"type":"error","message":"boom"}')
WHY = event('{"id":"why"}')


def test_what_follows_an_error_that_waits_takes_the_exact_way() -> None:
    parser = WaitingParser()
    assert len(step(parser, HELLO, 1.0)) == 1
    assert parser.plain
    assert len(step(parser, WAITS, 2.0)) == 1
    assert not parser.plain


@pytest.mark.parametrize("behind", [b"", STOP])
def test_an_error_that_waits_is_raised_after_its_explanation(behind: bytes) -> None:
    parser = WaitingParser()
    assert len(parser.feed(WAITS)) == 1
    assert verdict(parser) == "open"
    with pytest.raises(RuntimeError):
        parser.result()
    (why,) = parser.feed(WHY + behind)
    assert why.id == "why"
    assert verdict(parser) == "failed"
    with pytest.raises(ProviderError, match="boom"):
        parser.close()


@pytest.mark.parametrize("behind", [HELLO, END, b"", BROKEN, event("x" * 200)])
@pytest.mark.parametrize("malformed", ["raise", "skip"])
def test_an_error_that_waits_in_vain_is_raised_instead_of_what_came(behind: bytes, malformed: Any) -> None:
    parser = WaitingParser(malformed=malformed, max_event_size=100)
    ending = run(parser, HELLO + WAITS + behind)
    assert isinstance(ending.error, ProviderError)
    assert len(ending.events) == 2
    assert ending.verdict == "failed"
    assert text_of(parser.snapshot()) == ["Hello"]


def test_an_error_that_waits_is_the_verdict_of_a_broken_stream_too() -> None:
    ending = run(WaitingParser(), WAITS, broken=True)
    assert isinstance(ending.error, ProviderError)
    assert ending.verdict == "failed"


def test_an_error_that_waits_is_the_verdict_when_the_caller_leaves() -> None:
    parser = WaitingParser()
    parser.feed(WAITS)
    parser.abandon()
    assert verdict(parser) == "failed"
    with pytest.raises(ProviderError):
        parser.result()


def test_an_event_may_be_the_end() -> None:
    parser = WaitingParser()
    assert len(parser.feed(STOP + END + event('{"id":"end"}') + HELLO)) == 2
    assert verdict(parser) == "complete"
    assert kinds(parser) == ["late_event"]


def test_where_events_end_a_stream_nothing_else_does() -> None:
    assert run(WaitingParser(), STOP + END).verdict == "truncated"
    assert run(WaitingParser(), event('{"id":"end"}')).verdict == "no_finish"


# -- pickling --------------------------------------------------------------------------------------------


def copied(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def raised(parser: ChatParser, *reads: bytes) -> SSEWireError:
    ending = run(parser, *reads)
    if ending.error is not None:
        return ending.error
    with pytest.raises(SSEWireError) as caught:
        parser.result()
    return caught.value


def stalled() -> StreamStalledError:
    error = StreamStalledError(30, 31.5)
    error.snapshot = run(ChatParser(), HELLO, broken=True).snapshot
    return error


def interrupted() -> StreamInterruptedError:
    error = StreamInterruptedError("the transport broke: reset")
    error.snapshot = run(ChatParser(), HELLO, broken=True).snapshot
    return error


def unparsable() -> SSEWireError:
    broken = run(ChatParser(), HELLO, broken=True)
    with pytest.raises(StructuredOutputError) as caught:
        TextPart(index=0, text="{").parse(dict)
    caught.value.snapshot = broken.snapshot
    return caught.value


EXCEPTIONS: dict[type[SSEWireError], Callable[[], SSEWireError]] = {
    EventTooLargeError: lambda: raised(ChatParser(max_event_size=100), HELLO, event("x" * 200)),
    EventDecodeError: lambda: raised(ChatParser(), HELLO + BROKEN),
    ProviderError: lambda: raised(ChatParser(), HELLO + ERROR),
    StreamTruncatedError: lambda: raised(ChatParser(), HELLO),
    StreamInterruptedError: interrupted,
    StreamStalledError: stalled,
    EmptyStreamError: lambda: raised(ChatParser(), b""),
    NotAnEventStreamError: lambda: raised(ChatParser(), b"<html>"),
    StructuredOutputError: unparsable,
}
NEVER_FROM_A_PARSER = (SSEWireError, BodyTooLargeError, CaptureError, ForeignFileError, NoCaptureError)
"""What no parser raises."""


def all_exceptions() -> list[type[SSEWireError]]:
    return [
        each
        for each in vars(ssewire.errors).values()
        if isinstance(each, type) and issubclass(each, SSEWireError) and each not in NEVER_FROM_A_PARSER
    ]


@pytest.mark.parametrize("kind", all_exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_pickles_with_its_facts_and_its_snapshot(kind: type[SSEWireError]) -> None:
    error = EXCEPTIONS[kind]()
    assert type(error) is kind
    assert error.snapshot is not None
    again = copied(error)
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert (str(again), again.args) == (str(error), error.args)
    assert again.snapshot == error.snapshot
    assert str(error)


@pytest.mark.parametrize(
    "error", [EventDecodeError(b"x"), CaptureError("cut"), NoCaptureError("GET", "https://h/", "why")]
)
def test_an_exception_outside_a_stream_has_no_snapshot(error: SSEWireError) -> None:
    again = copied(error)
    assert error.snapshot is again.snapshot is None
    assert (type(again), vars(again), str(again)) == (type(error), vars(error), str(error))


def test_headers_of_any_client_pickle() -> None:
    parser = ChatParser()
    parser.headers = types.MappingProxyType({"Content-Type": "text/html"})
    error = raised(parser, b"<html>")
    assert isinstance(error, NotAnEventStreamError)
    again = copied(error)
    assert dict(again.headers) == {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EventTooLargeError(10, 11, 42), "event larger than 10 bytes (at byte 42)"),
        (EventDecodeError(b"{"), "event (message, 1 bytes) does not decode: '{'"),
        (EventDecodeError(b"{", "ping", 3), "event 3 (ping, 1 bytes) does not decode: '{'"),
        (ProviderError("boom"), "boom"),
        (ProviderError("boom", 7, "t", "p", 500, b"x"), "boom (code 7, type t, status 500)"),
        (NotAnEventStreamError(), "not an event stream: ''"),
        (NotAnEventStreamError(502, None, b"\xff<"), "not an event stream (status 502): '\ufffd<'"),
    ],
)
def test_an_exception_says_what_how_much_and_where(error: SSEWireError, text: str) -> None:
    assert str(error) == text


def test_a_message_quotes_so_much_and_no_more() -> None:
    for payload in (b"x" * 10**6, b"\0" * 10**6, "é".encode() * 10**6, b"\xf0\x9f\x98" * 10**6):
        assert len(str(EventDecodeError(payload))) < 300
        assert len(str(NotAnEventStreamError(None, None, payload))) < 300


def test_events_snapshots_and_diagnostics_pickle() -> None:
    ending = run(ChatParser(), event('{"choices":null,"usage":{"prompt_tokens":1}}') + WHOLE)
    assert copied(ending.events) == ending.events
    assert copied(ending.snapshot) == ending.snapshot
    assert copied(ending.parser.diagnostics) == ending.parser.diagnostics
    assert copied(ending.parser.verdict) is Verdict.COMPLETE
    assert copied(UnknownEvent("a", b"b")) == UnknownEvent("a", b"b")
    assert copied(DONE) is DONE


# -- diagnostics -----------------------------------------------------------------------------------------


def test_equal_diagnostics_are_counted() -> None:
    log = DiagnosticLog()
    for ordinal in (1, 2, 3):
        log.ordinal = ordinal
        log.note("a", "x")
        log.note("b" if ordinal < 3 else "a", "y")
    assert log.entries() == [Diagnostic("a", "x", 1, 3), Diagnostic("b", "y", 1, 2), Diagnostic("a", "y", 3)]
    assert (log.count("a"), log.count("b"), log.count("c")) == (4, 2, 0)


def test_what_is_noted_later_stands_where_it_was() -> None:
    log = DiagnosticLog()
    log.ordinal = 5
    log.note("a", "x")
    log.note("b", "y")
    log.note("b", "y", 2)
    log.note("c", "z", 0)
    log.note("c", "z", 3)
    assert log.entries() == [Diagnostic("c", "z", 0, 2), Diagnostic("b", "y", 2, 2), Diagnostic("a", "x", 5)]


def test_a_log_is_bounded() -> None:
    log = DiagnosticLog()
    for number in range(1000):
        log.note("kind", f"{number:03}" + "x" * 1000)
    entries = log.entries()
    assert len(entries) == MAX_DIAGNOSTICS + 1
    assert all(len(entry.detail) <= MAX_DETAIL_CHARS + 1 for entry in entries)
    assert sum(entry.count for entry in entries) == 1000
    assert entries[-1].kind == "more"
    log.note("kind", "000" + "x" * 1000)
    assert log.entries()[0].count == 2


def test_a_stream_cannot_grow_its_diagnostics() -> None:
    body = b"".join(event("x" * number) for number in range(1, 500))
    parser = ChatParser(malformed="skip")
    run(parser, body)
    assert len(parser.diagnostics) <= MAX_DIAGNOSTICS + 1
    assert sum(entry.count for entry in parser.diagnostics) == 499


BODIES: dict[str, bytes] = {
    "chat": make_chat_body(text="Hello there"),
    "completions": make_completions_body(text="Hello there"),
    "responses": make_responses_body(text="Hello there"),
}


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("parser_type", [ChatParser, CompletionsParser, ResponsesParser])
@pytest.mark.parametrize("name", BODIES)
def test_a_stream_of_another_api_is_noted(name: str, parser_type: type[Parser[Any, Any]], size: int) -> None:
    parser: Any = parser_type()
    run(parser, *pieces(BODIES[name], size))
    own = parser_type.dialect.name
    foreign = [] if name == own else [("foreign_event", f"the first event is none of the {own} API", 1)]
    assert [(each.kind, each.detail, each.ordinal) for each in parser.diagnostics] == foreign


def test_a_heartbeat_is_not_the_event_that_is_foreign() -> None:
    parser = ChatParser()
    run(parser, b"data:\n\n" + BODIES["responses"])
    assert [(each.kind, each.ordinal) for each in parser.diagnostics] == [("foreign_event", 2)]


@pytest.mark.parametrize(
    "first", ["[]", '"text"', '{"id":NaN}', '{"object":"chat.next_year"}', '{"choices":[]}']
)
def test_a_stream_without_a_text_is_not_foreign_for_that(first: str) -> None:
    parser = ChatParser()
    run(parser, event(first) + END)
    assert "foreign_event" not in kinds(parser)


# -- which dialect ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        (WHOLE, "chat"),
        (HELLO, "chat"),
        (HELLO.rstrip(), "chat"),
        (b"\xef\xbb\xbf: c\r\n\r\n" + HELLO.replace(b"\n", b"\r\n"), "chat"),
        (event('{"object":"chat.completion.chunk"}'), "chat"),
        (event('{"object":"chat.completion.done","choices":[{"text":"a"}]}'), "chat"),
        (event('{"id":"","object":"","choices":[],"prompt_filter_results":[]}'), "chat"),
        (event('{"choices":[{"index":0,"finish_reason":"stop"}]}'), "chat"),
        (event("null") + event("7") + event("x") + event('{"usage":{}}') + HELLO, "chat"),
        (event('{"choices":[{"delta":{"content":"\\ud83d"}}],"cost":NaN}'), "chat"),
        (event('{"object":"text_completion","choices":[{"text":"a","index":0}]}'), "completions"),
        (event('{"object":"text_completion","choices":[]}'), "completions"),
        (event('{"choices":[{"text":"a","index":0}]}'), "completions"),
        (event('{"type":"response.created","response":{}}'), "responses"),
        (b"", None),
        (ERROR, None),
        (END, None),
        (event('{"choices":7}'), None),
        (event('{"choices":null}'), None),
        (event('{"choices":["a"]}'), None),
        (event('{"object":7}'), None),
        (event("[" * 10_000), None),
        (b"<html>", None),
        (b'{"error":{"message":"boom"}}', None),
        (b'data: {"choices":[', None),
    ],
)
def test_the_first_events_tell_the_dialect(body: bytes, dialect: str | None) -> None:
    assert detect_dialect(body) == dialect
