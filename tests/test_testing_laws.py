"""Each law of `ssewire.testing` finds what breaks it: something is broken here, and the law says so."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ssewire import EventDecodeError, ResponsesParser, ResponsesReducer, ServerSentEvent, Verdict
from ssewire.parts import PartDelta, PartEnd, PartStart, TextPart
from ssewire.testing import (
    StreamCase,
    WireCase,
    accounts,
    check_answer,
    check_cutting,
    check_deltas,
    check_encoding,
    check_errors,
    check_folding,
    check_limit,
    check_memory,
    check_noise,
    check_parts,
    check_prefix,
    check_resuming,
    check_snapshots,
    check_state,
    check_steps,
    check_streams,
    check_timeliness,
    check_tokenizer,
    in_reads_of,
    laws,
    make_chat_body,
    make_responses_body,
    pull,
    pull_async,
    push,
)
from ssewire.testing.chat import is_plain_object, stream_chat
from ssewire.testing.decisions import Steady

if TYPE_CHECKING:
    from collections.abc import Callable

CHAT = make_chat_body(text="one two three", usage={"total_tokens": 3})
RESPONSES = make_responses_body(text="one two three", tool_calls=[("look_up", "{}")], reasoning="hm hm")
UNDECODABLE = b'data: {"type":"response.completed","response":3}\n\n'
CASE = StreamCase(
    "chat", CHAT, None, {"choices": [{"message": {"content": "one two three"}}]}, Verdict.COMPLETE
)


def broken(message: str) -> Any:
    return pytest.raises(AssertionError, match=message)


def test_what_a_stream_means_is_compared_with_what_the_tokenizer_says() -> None:
    event = ServerSentEvent(b"a")
    check_tokenizer(WireCase(b"data: a\n\n", [event]), [b"data", b": a\n\n"])
    with broken("are not"):
        check_tokenizer(WireCase(b"data: a\n\n", []), [b"data: a\n\n"])
    with broken("are not"):
        check_tokenizer(WireCase(b"data: a\n\n", [event], retry=3), [b"data: a\n\n"])
    with broken("is left at the end"):
        check_tokenizer(WireCase(b"data: a\n", []), [b"data: a\n"])


def test_an_encoder_that_changes_data_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check_encoding(ServerSentEvent(b"a\r\nb", "x", "1"))
    monkeypatch.setattr(laws, "encode_event", lambda event: b"data: other\n\n")
    with broken("comes back as"):
        check_encoding(ServerSentEvent(b"a"))


@pytest.mark.parametrize(
    "event",
    [
        ServerSentEvent(b"abc"),
        ServerSentEvent(b"", "x"),
        ServerSentEvent(b"", id="7"),
        ServerSentEvent(b"a\n", "x", "7"),
        ServerSentEvent(b""),
    ],
)
def test_the_limit_is_measured_at_the_byte_that_goes_over(event: ServerSentEvent) -> None:
    check_limit(event)


@pytest.mark.parametrize(
    ("off", "message"), [(-1, "are refused by"), (1, "are not refused by"), (0, "instead of")]
)
def test_a_limit_that_is_not_exact_is_found(monkeypatch: pytest.MonkeyPatch, off: int, message: str) -> None:
    refusal = laws._refusal

    def other(reads: Any, limit: int) -> Any:
        found = refusal(reads, limit + off)
        return found and (limit, limit + 1, 0)

    monkeypatch.setattr(laws, "_refusal", other)
    with broken(message):
        check_limit(ServerSentEvent(b"abc"))


def test_memory_that_is_held_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = [b"data: {}\n\n", b"data: ", *([b"x" * 4096] * 200)]
    check_memory(reads, limit=2**17, largest_read=4096)
    check_memory([b"data: {}\n\n"], limit=10, largest_read=10)
    monkeypatch.setattr(laws, "HELD_BESIDE_BYTES", -(2**30))
    with broken("were held"):
        check_memory(reads, limit=2**17, largest_read=4096)


def test_a_reader_that_depends_on_the_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check_cutting("chat", CHAT, in_reads_of(CHAT, 7))
    check_streams("chat", CHAT, in_reads_of(CHAT, 7))
    check_timeliness("chat", CHAT, in_reads_of(CHAT, 7))

    def counting(dialect: Any, reads: Any, *more: Any, **options: Any) -> Any:
        account = push(dialect, reads, *more, **options)
        return account._replace(refused=[str(len(list(reads)))])

    monkeypatch.setattr(laws, "push", counting)
    with broken("refused differ"):
        check_cutting("chat", CHAT)
    with broken("refused differ"):
        check_streams("chat", CHAT)
    monkeypatch.setattr(laws, "_counted", lambda dialect, reads, malformed: [(len(list(reads)), 1)])
    with broken("events after 1 bytes"):
        check_timeliness("chat", CHAT, [CHAT])


def test_steps_that_differ_from_the_parser_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check_steps("chat", CHAT + b"error: lifted by the parser alone\n")
    check_steps("responses", UNDECODABLE)
    monkeypatch.setattr(laws, "push", lambda *args: push(*args)._replace(snapshot="another"))
    with broken("snapshots differ"):
        check_steps("chat", CHAT)
    monkeypatch.setattr(laws, "push", lambda *args: push(*args)._replace(events=[("another", b"")]))
    with broken("events differ"):
        check_steps("chat", CHAT)


class Odd:
    """A parser that is wrong in one way."""

    def __init__(self, **wrong: Any) -> None:
        self.verdict = Verdict.COMPLETE
        vars(self).update(wrong)

    def feed(self, read: bytes) -> list[Any]:
        return []

    def close(self) -> list[Any]:
        return []

    def snapshot(self) -> Any:
        return None

    def __getattr__(self, name: str) -> Any:
        return None


def planted(monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]) -> None:
    row = SimpleNamespace(parser=lambda **options: make())
    monkeypatch.setattr(laws, "DIALECTS", {"chat": row, "responses": row})


def test_errors_that_break_a_promise_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check_errors("chat", b"data: 3}\n\n", [b"data", b": 3}\n\n"])
    check_errors("responses", UNDECODABLE)

    class Uncopied(EventDecodeError):
        def __reduce__(self) -> Any:
            return EventDecodeError, (b"another",)

    def refuse(*_: Any) -> Any:
        raise Uncopied(b"raw")

    planted(monkeypatch, lambda: Odd(snapshot=refuse))
    with broken("is copied as"):
        check_errors("chat", b"data: 1\n\n")

    def wrong_use(*_: Any) -> Any:
        raise RuntimeError

    planted(monkeypatch, lambda: Odd(usage=wrong_use))
    with broken("usage raised before the end"):
        check_errors("chat", b"data: 1\n\n")

    def raise_each_time(read: bytes) -> Any:
        raise EventDecodeError(b"raw")

    class Open(Odd):
        calls = 0

        def feed(self, read: bytes) -> list[Any]:
            self.calls += 1
            if self.calls == 1:
                raise EventDecodeError(b"raw")
            return []

    planted(monkeypatch, Open)
    with broken("takes more bytes"):
        check_errors("chat", b"data: 1\n\n")


def test_a_snapshot_that_changes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check_snapshots("chat", CHAT)
    check_snapshots("chat", b'data: {"error":"no"}\n\ndata: 1\n\n')
    shared: list[int] = []

    def growing() -> list[int]:
        shared.append(1)
        return shared

    planted(monkeypatch, lambda: Odd(snapshot=lambda: shared, feed=lambda read: shared.append(1)))
    with broken("a snapshot was altered"):
        check_snapshots("chat", CHAT)
    planted(monkeypatch, lambda: Odd(snapshot=lambda: list(growing())))
    with broken("differs at a second look"):
        check_snapshots("chat", CHAT)


def test_folding_that_changes_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check_folding("chat", CHAT)
    check_folding("chat", b'data: {"error":"no"}\n\n')
    check_folding("chat", b"data: {}\n\n")
    check_folding("responses", UNDECODABLE)
    check_folding("responses", b'{"error":"a bare body"}')

    class Changing:
        def __init__(self, _log: object) -> None:
            self.looks = 0

        def apply(self, event: list[int]) -> None:
            event.append(1)

        def snapshot(self) -> int:
            self.looks += 1
            return self.looks

    class Looking(Changing):
        def apply(self, event: list[int]) -> None:
            pass

    for reducer, message in ((Changing, "has changed an event"), (Looking, "a look has changed the fold")):
        row = SimpleNamespace(
            parser=lambda **options: Odd(feed=lambda read: [[0]]), dialect=SimpleNamespace(reducer=reducer)
        )
        monkeypatch.setattr(laws, "DIALECTS", {"chat": row})
        with broken(message):
            check_folding("chat", CHAT)


@pytest.mark.parametrize(
    ("told", "text", "message"),
    [
        ([PartDelta(0, "a")], None, "out of order"),
        ([PartStart(0, 0, TextPart(index=0))] * 2, None, "out of order"),
        (
            [PartStart(0, 0, TextPart(index=0)), PartEnd(0, TextPart(index=0)), PartDelta(0, "a")],
            None,
            "out of order",
        ),
        ([PartStart(0, 0, TextPart(index=0))], None, "have not ended"),
        (
            [PartStart(0, 0, TextPart(index=0, id="\ud83d")), PartEnd(0, TextPart(index=0))],
            None,
            "half a character",
        ),
        (
            [PartStart(0, 0, TextPart(index=0)), PartEnd(0, TextPart(index=0, text="a"))],
            "ab",
            "the text is 'ab'",
        ),
        ([], "", "of parts is told"),
    ],
)
def test_parts_that_are_told_badly_are_found(
    monkeypatch: pytest.MonkeyPatch, told: list[Any], text: str | None, message: str
) -> None:
    monkeypatch.setattr(laws, "push_parts", lambda dialect, reads: (told, text))
    with broken(message):
        check_parts("chat", CHAT, adds_up=True)


@pytest.mark.parametrize("dialect", ["chat", "completions", "responses"])
@pytest.mark.parametrize("body", [CHAT, RESPONSES, UNDECODABLE, b"data: 3}\n\n", b'{"error":"no"}', b""])
def test_parts_are_told_whatever_comes(dialect: Any, body: bytes) -> None:
    check_parts(dialect, body, in_reads_of(body, 3), adds_up=True)


def test_a_text_in_an_item_that_has_none_adds_up_to_nothing() -> None:
    item = b'data: {"type":"response.output_item.added","output_index":0,"item":{"type":"novel"}}\n\n'
    text = b'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}\n\n'
    check_parts("responses", item + text)
    with broken("the text is '', that of the parts 'a'"):
        check_parts("responses", item + text, adds_up=True)


def test_a_text_that_the_server_takes_back_need_not_add_up() -> None:
    text = b'data: {"type":"response.output_text.delta","output_index":7,"content_index":0,"delta":"a"}\n\n'
    output = b'{"type":"message","id":"m","content":[]}'
    end = b'data: {"type":"response.completed","response":{"id":"r","status":"completed","output":[%b]}}\n\n'
    check_parts("responses", text + end % output, adds_up=True)
    told = b'{"type":"message","id":"m","content":[{"type":"output_text","text":"b"}]}'
    check_parts("responses", end % told, adds_up=True)  # what is only told in the end has to


def test_a_state_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check_state(RESPONSES, 5, 2)
    check_state(b'data: {"type":"error"}\n\ndata: {"type":"keepalive"}\n\n', 2)
    unfinished = RESPONSES.partition(b"event: response.completed")[0]
    failing = b'data: {"error":"no"}\n\ndata: {"type":"keepalive"}\n\ndata: {}\n\n'
    check_state(unfinished + failing, 4)
    failed = (
        b'data: {"type":"response.failed","sequence_number":99,"response":{"error":{"message":"no"}}}\n\n'
    )
    check_state(unfinished + failed, unfinished.count(b"\n\n") + 1, 2)
    with monkeypatch.context() as patch, broken("what was saved as complete is open"):
        patch.setattr(ResponsesParser, "_end_with", lambda *_: None)
        check_state(RESPONSES, RESPONSES.count(b"\n\n"))

    class Forgetful(ResponsesParser):
        def __init__(self, *, malformed: Any, state: Any = None) -> None:
            super().__init__(malformed=malformed)

    monkeypatch.setattr(laws, "ResponsesParser", Forgetful)
    with broken("not what was saved"):
        check_state(RESPONSES, 5)


def test_an_answer_that_does_not_come_back_is_found() -> None:
    case = stream_chat(answer(), Steady())
    check_answer(case)
    check_answer(case, in_reads_of(case.body, 9))
    check_answer(CASE_CUT)
    check_answer(replace(CASE_CUT, answer=None))
    check_answer(replace(CASE_CUT, answer={"choices": []}))
    assert case.payloads is not None
    assert case.final is not None
    for other, message in (
        (replace(case, verdict=Verdict.NO_DONE), "instead of no_done"),
        (replace(case, payloads=[b"{}", *case.payloads[1:]]), "events of"),
        (replace(case, payloads=[*case.payloads, b"{}"]), "events instead of"),
        (replace(case, error="no"), "the error None instead of 'no'"),
        (replace(case, malformed=1), "0 malformed events instead of 1"),
        (replace(case, answer=case.final | {"id": "another"}), "the final object"),
        (
            replace(CASE_CUT, answer={"choices": [{"index": 0, "message": {"content": "two"}}]}),
            "does not begin",
        ),
    ):
        with broken(message):
            check_answer(other)


def answer() -> dict[str, Any]:
    message = {"role": "assistant", "content": "one two", "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


CASE_CUT = replace(
    stream_chat(answer(), Steady()),
    body=stream_chat(answer(), Steady()).body.partition(b" two")[0],
    payloads=None,
    verdict=Verdict.TRUNCATED,
)


def test_a_beginning_that_passes_for_the_whole_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    case = stream_chat(answer(), Steady())
    for end in range(len(case.body) + 1):
        check_prefix(case, end)
    planted(monkeypatch, lambda: Odd(close=lambda broken: []))
    with broken("complete after 0 of"):
        check_prefix(case, 10)
    planted(monkeypatch, lambda: Odd(close=lambda broken: [], verdict=Verdict.EMPTY))
    with broken("a broken stream is empty"):
        check_prefix(case, 10)


def test_deltas_that_do_not_add_up_are_found() -> None:
    check_deltas(StreamCase("responses", RESPONSES, None, None, None))
    other = RESPONSES.replace(b'"delta":" two"', b'"delta":" 2"').replace(
        b'"text":"one two three"', b'"text":""', 1
    )
    done = b"event: response.output_item.done"
    cut = other.replace(b"event: response.output_text.done", b"event: x\ndata: \n\nevent: x", 1)
    assert done in cut
    with broken("the deltas add up to"):
        check_deltas(StreamCase("responses", without_done_events(other), None, None, None))
    check_deltas(StreamCase("responses", b'data: {"type":"response.output_item.done"}\n\n', None, None, None))


def without_done_events(body: bytes) -> bytes:
    blocks = body.split(b"\n\n")
    return b"\n\n".join(each for each in blocks if b"text.done" not in each and b"part.done" not in each)


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_noise_that_changes_something_is_found(monkeypatch: pytest.MonkeyPatch, line_end: bytes) -> None:
    case = replace(CASE, body=b"\xef\xbb\xbf" + CHAT)
    check_noise(case, [0, 0, 3, 999], line_end)
    monkeypatch.setattr(laws, "BOM", b"")
    with broken("differ"):
        check_noise(case, [0], line_end)


def test_a_source_that_has_to_be_waited_for_is_no_source_here(monkeypatch: pytest.MonkeyPatch) -> None:
    async def waits(*_: Any) -> Any:
        import asyncio

        await asyncio.sleep(0)

    monkeypatch.setattr(accounts, "_pull_async", waits)
    with broken("was waited for"):
        pull_async("chat", [b""])


def test_an_account_tells_what_a_function_was_given() -> None:
    account = push("chat", [b"data: 3}\n\n"], "call")
    assert account.count("malformed") == 1
    assert "3}" in account.refused[0]
    assert pull("responses", [UNDECODABLE]).snapshot.startswith("EventDecodeError")


def test_each_way_of_reading_tells_what_was_raised_by_the_events_and_by_the_result() -> None:
    body = b"data: 3}\n\n"
    for read in (push, pull, pull_async):
        assert [error.partition("(")[0] for error in read("chat", [body]).errors] == ["EventDecodeError"] * 2
    check_streams("chat", body)
    check_timeliness("chat", body, [body], "raise")


def test_what_is_an_object_of_arguments() -> None:
    assert is_plain_object('{"a":1}')
    assert not is_plain_object('{"a": 1}')
    assert not is_plain_object("[]")
    assert not is_plain_object("{")


def test_a_resumption_that_loses_or_doubles_events_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(RESPONSES) // 2
    check_resuming(RESPONSES, [size, 1, 300], again=2)
    check_resuming(RESPONSES, [])
    check_resuming(UNDECODABLE, [9])
    check_resuming(b'data: {"type":"error","sequence_number":0,"message":"no"}\n\n', [])
    with monkeypatch.context() as patch, broken("cut at .* and resumed, it tells"):
        patch.setattr(ResponsesReducer, "came_before", lambda *_: False)
        check_resuming(RESPONSES, [size], again=2)
    with monkeypatch.context() as patch, broken("cut at .* and resumed, it tells"):
        patch.setattr(ResponsesParser, "_last_number", lambda parser: parser.state().sequence_number + 1)
        check_resuming(RESPONSES, [size])
