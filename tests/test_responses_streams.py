"""Responses streams from bytes to verdict: decoding, aliases, errors, the truth table, `ssewire check`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from shared import CORPUS
from ssewire import (
    DONE,
    AsyncResponsesStream,
    EventDecodeError,
    ProviderError,
    ResponsesDecoder,
    ResponsesParser,
    ResponsesStream,
    ServerSentEvent,
    SSEWireError,
    StreamInterruptedError,
    UnknownEvent,
    Verdict,
    detect_dialect,
    responses,
)
from ssewire.cli import main
from ssewire.responses.compare import compare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

# The names that unofficial documents give, and those on the wire.
UNOFFICIAL = {
    "response.created": "response.created",
    "response.in_progress": "response.in_progress",
    "response.output_item_added": "response.output_item.added",
    "response.content_part_added": "response.content_part.added",
    "response.text_delta": "response.output_text.delta",
    "response.text_done": "response.output_text.done",
    "response.output_item_done": "response.output_item.done",
    "response.completed": "response.completed",
    "response.failed": "response.failed",
    "response.error": "error",
    "response.incomplete": "response.incomplete",
    "response.function_call_arguments_delta": "response.function_call_arguments.delta",
    "response.function_call_arguments_done": "response.function_call_arguments.done",
    "response.web_search_call_searching": "response.web_search_call.searching",
    "response.web_search_call_completed": "response.web_search_call.completed",
    "response.file_search_call_searching": "response.file_search_call.searching",
    "response.file_search_call_completed": "response.file_search_call.completed",
    "response.code_interpreter_call_interpreting": "response.code_interpreter_call.interpreting",
    "response.code_interpreter_call_code_delta": "response.code_interpreter_call_code.delta",
    "response.code_interpreter_call_code_done": "response.code_interpreter_call_code.done",
    "response.code_interpreter_call_completed": "response.code_interpreter_call.completed",
    "response.reasoning_text_delta": "response.reasoning_text.delta",
    "response.reasoning_text_done": "response.reasoning_text.done",
    "response.reasoning_summary_part_added": "response.reasoning_summary_part.added",
    "response.reasoning_summary_text_delta": "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text_done": "response.reasoning_summary_text.done",
    "response.reasoning_summary_part_done": "response.reasoning_summary_part.done",
}


def decode(raw: bytes, name: str = "message", **options: Any) -> Any:
    return ResponsesDecoder(**options).decode(ServerSentEvent(raw, name))


def sse(*payloads: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in payloads)


def whole(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{name}", "response": {"id": "r", "object": "response", **fields}}


DELTA = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"}
MESSAGE = {
    "type": "message",
    "id": "m",
    "content": [{"type": "output_text", "text": "Hi"}],
    "role": "assistant",
}
ITEM = {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE}
CREATED = whole("created")
COMPLETED = whole("completed", output=[MESSAGE])
NESTED = {"type": "error", "error": {"type": "t", "code": "c", "message": "no", "param": "p"}}
FLAT = {"type": "error", "code": "c", "message": "no", "param": "p"}
FAILED = whole("failed", error={"code": "server_error", "message": "broken"})

# -- decoding --------------------------------------------------------------------------------------------


def test_an_event_is_of_its_own_class_wherever_its_type_stands() -> None:
    assert isinstance(decode(b'{"delta":"a","type":"response.output_text.delta"}'), responses.OutputTextDelta)
    assert decode(b'{"delta":"a","type":"response.output_text.delta"}').type == "response.output_text.delta"


def test_an_unknown_type_is_an_unknown_event() -> None:
    raw = b'{"type":"response.text.delta","delta":"a"}'  # a name of the Realtime API
    assert decode(raw) == UnknownEvent("response.text.delta", raw)
    assert decode(raw, aliases=responses.ALIASES) == UnknownEvent("response.text.delta", raw)


def test_where_there_is_no_type_the_name_of_the_event_is_taken() -> None:
    raw = b'{"delta":"a"}'
    assert isinstance(decode(raw, "response.refusal.delta"), responses.RefusalDelta)
    assert isinstance(decode(b'{"type":null,"delta":"a"}', "response.refusal.delta"), responses.RefusalDelta)
    assert decode(raw) == UnknownEvent("message", raw)
    assert decode(b'{"type":5}', "x") == UnknownEvent("x", b'{"type":5}')


def test_done_null_and_nothing_are_no_events() -> None:
    assert decode(b" [DONE]") is DONE
    assert decode(b"null") is None
    assert decode(b"") is None


def test_what_is_no_object_is_malformed() -> None:
    for raw in (b"[1]", b"{oops", b"5"):
        with pytest.raises(EventDecodeError) as caught:
            decode(raw)
        assert caught.value.raw == raw
        assert caught.value.reason


@pytest.mark.parametrize("aliases", [None, responses.ALIASES])
def test_a_known_type_of_another_shape_is_malformed(aliases: Any) -> None:
    raw = b'{"type":"response.refusal.delta","delta":true}'
    with pytest.raises(EventDecodeError):
        decode(raw, aliases=aliases)
    with pytest.raises(EventDecodeError) as caught:
        decode(b'{"delta":true}', "response.refusal.delta", aliases=aliases)
    assert caught.value.raw == b'{"delta":true}'


def test_an_event_of_45_kib_is_like_any_other() -> None:
    raw = json.dumps({"type": "response.output_text.delta", "delta": "x" * 46_080}).encode()
    assert len(decode(raw).delta) == 46_080


def test_the_aliases_are_those_27() -> None:
    assert dict(responses.ALIASES) == UNOFFICIAL


@pytest.mark.parametrize(("name", "real"), UNOFFICIAL.items())
def test_an_alias_is_decoded_as_what_it_means(name: str, real: str) -> None:
    raw = json.dumps({"type": name, "sequence_number": 3}).encode()
    assert decode(raw, aliases=responses.ALIASES).type == real
    if name != real:
        assert decode(raw) == UnknownEvent(name, raw)


def test_a_log_of_aliases_alone_is_read() -> None:
    body = (CORPUS / "responses" / "aliases.sse").read_bytes()
    assert not any(each.encode() in body for name, each in UNOFFICIAL.items() if each not in (name, "error"))
    parser = ResponsesParser(aliases=responses.ALIASES)
    parser.feed(body)
    with ResponsesStream(body, aliases=responses.ALIASES) as stream:
        final = stream.result()
        assert stream.verdict is Verdict.COMPLETE
    assert parser.result() == final
    assert any(isinstance(item, responses.Message) for item in stream.assembled().output)


# -- errors and the end ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (sse(CREATED, FLAT), ("no", "c", "error", "p")),
        (sse(CREATED, NESTED), ("no", "c", "t", "p")),
        (sse(CREATED, NESTED, FAILED), ("no", "c", "t", "p")),
        (sse(CREATED, FLAT, DELTA), ("no", "c", "error", "p")),
        (sse(CREATED, FAILED), ("broken", "server_error", None, None)),
        (sse(CREATED, whole("failed", error=None)), ("the response failed", None, None, None)),
        (
            sse(CREATED, whole("failed", error={"message": "broken"}, output=5)),
            ("broken", None, None, None),
        ),
        (sse({"type": "response.failed", "response": None}), ("the response failed", None, None, None)),
        (sse({"error": {"message": "no", "code": 5}}), ("no", 5, None, None)),
        (b"event: error\ndata: gone\n\n", ("gone", None, None, None)),
        (b'event: error\ndata: {"type":"odd","message":"no"}\n\n', ("no", None, "odd", None)),
        (b"error: lost\n\n", ("lost", None, None, None)),
        (b'{"error":{"message":"no key"}}', ("no key", None, None, None)),
    ],
)
def test_an_error_is_told_in_each_of_its_shapes(body: bytes, error: tuple[Any, ...]) -> None:
    for reads in ([body], [body[at : at + 1] for at in range(len(body))]):
        stream = ResponsesStream(reads)
        with pytest.raises(ProviderError) as caught:
            stream.result()
        told = caught.value
        assert (told.message, told.code, told.type, told.param) == error
        assert stream.verdict is Verdict.FAILED


def test_an_error_and_the_failed_response_are_both_handed_out() -> None:
    stream = ResponsesStream(sse(CREATED, NESTED, FAILED, DELTA))
    assert [next(stream).type for _ in range(3)] == ["response.created", "error", "response.failed"]
    with pytest.raises(ProviderError, match="no"):
        next(stream)


ENDINGS: dict[str, tuple[bytes, bool, Verdict]] = {
    "completed": (sse(CREATED, DELTA, COMPLETED), False, Verdict.COMPLETE),
    "incomplete": (sse(CREATED, whole("incomplete")), False, Verdict.COMPLETE),
    "completed, then [DONE]": (sse(CREATED, COMPLETED) + b"data: [DONE]\n\n", False, Verdict.COMPLETE),
    "completed, unterminated": (sse(CREATED, COMPLETED).rstrip(), False, Verdict.COMPLETE),
    "completed, then broken": (sse(CREATED, COMPLETED), True, Verdict.COMPLETE),
    "[DONE] alone": (b"data: [DONE]\n\n", False, Verdict.TRUNCATED),
    "[DONE], then completed": (b"data: [DONE]\n\n" + sse(COMPLETED), False, Verdict.COMPLETE),
    "no end": (sse(CREATED, DELTA), False, Verdict.TRUNCATED),
    "a cut event": (sse(CREATED)[:-9], False, Verdict.TRUNCATED),
    "broken": (sse(CREATED, DELTA), True, Verdict.TRUNCATED),
    "unknown events only": (sse({"type": "novel"}, {"type": "response.novel"}), False, Verdict.TRUNCATED),
    "failed, and broken": (sse(CREATED, NESTED), True, Verdict.FAILED),
    "nothing": (b"", False, Verdict.EMPTY),
    "comments": (b": hi\n\n", False, Verdict.EMPTY),
}


@pytest.mark.parametrize(("body", "broken", "verdict"), ENDINGS.values(), ids=ENDINGS.keys())
def test_the_verdict_is_what_the_end_tells(body: bytes, broken: bool, verdict: Verdict) -> None:
    def reads() -> Iterator[bytes]:
        yield body
        if broken:
            raise OSError("reset")

    stream = ResponsesStream(reads())
    if verdict is Verdict.COMPLETE:
        stream.result()
    else:
        with pytest.raises(SSEWireError) as caught:
            stream.result()
        interrupted = broken and verdict is Verdict.TRUNCATED
        assert isinstance(caught.value, StreamInterruptedError) is interrupted
    assert stream.verdict is verdict


# What gateways send in place of what the type says, and no repair is known for:
UNREADABLE = [3, {"usage": {"input_tokens": "3"}}, {"output": 5}, {"temperature": "hot"}]


def look_at(stream: Any, name: str) -> None:
    value = getattr(stream, name)
    if callable(value):
        value()


@pytest.mark.parametrize("response", UNREADABLE, ids=str)
@pytest.mark.parametrize("status", ["completed", "incomplete"])
@pytest.mark.parametrize("look", ["result", "snapshot", "usage", "model", "created", "compare", "message"])
def test_a_final_object_that_does_not_decode_is_skipped_as_an_event_is(
    response: Any, status: str, look: str
) -> None:
    ending = sse({"type": f"response.{status}", "response": response})
    told: list[tuple[bytes, EventDecodeError]] = []
    body = sse(whole("created", model="m", created_at=5), ITEM) + ending
    for policy in ("skip", lambda raw, error: told.append((raw, error))):
        with ResponsesStream(body, malformed=policy) as stream:
            assert len(list(stream)) == 3
            assert stream.verdict is Verdict.COMPLETE
            look_at(stream, look)
            assert (stream.usage, stream.model, stream.created) == (None, "m", 5)
            result = stream.result()
            assert (result.id, result.status, result.model) == ("r", status, "m")
            assert result.output == stream.assembled().output != []
            assert stream.result() is stream.snapshot() is result
            assert (stream.compare(), stream.message().text) == ([], "Hi")
            assert [(each.kind, each.ordinal, each.count) for each in stream.diagnostics] == [
                ("malformed", 3, 1)
            ]
    ((raw, error),) = told
    assert (json.loads(raw), error.raw, error.ordinal) == (response, raw, 3)


@pytest.mark.parametrize("look", ["usage", "model", "created", "compare", "message", "snapshot"])
def test_a_final_object_that_does_not_decode_is_an_error_by_default(look: str) -> None:
    with ResponsesStream(sse(CREATED, ITEM, {"type": "response.completed", "response": 3})) as stream:
        with pytest.raises(EventDecodeError) as first:
            stream.result()
        with pytest.raises(EventDecodeError) as caught:
            look_at(stream, look)
        for each in (first, caught):
            assert each.value.ordinal == 3
            assert each.value.snapshot == stream.assembled()
        assert stream.diagnostics == []


def test_a_state_whose_final_object_does_not_decode_goes_on_by_the_policy() -> None:
    parser = ResponsesParser(malformed="skip")
    parser.feed(sse(CREATED, ITEM, {"type": "response.completed", "response": 3}))
    again = ResponsesParser(malformed="skip", state=parser.state())
    assert (again.verdict, again.result()) == (Verdict.COMPLETE, parser.result())
    with pytest.raises(EventDecodeError):
        ResponsesParser(state=parser.state()).result()


def test_a_failure_whose_response_does_not_decode_comes_with_what_was_streamed() -> None:
    with ResponsesStream(
        sse(CREATED, ITEM, {"type": "response.failed", "response": {"error": 5, "output": 5}}),
        malformed="skip",
    ) as stream:
        with pytest.raises(ProviderError) as caught:
            stream.result()
        assert (caught.value.snapshot.status, caught.value.snapshot.output) == (
            "failed",
            stream.assembled().output,
        )


def test_a_stream_that_the_caller_leaves_is_closed() -> None:
    with ResponsesStream([sse(CREATED), sse(COMPLETED)]) as stream:
        next(stream)
    assert stream.verdict is Verdict.CLOSED


def test_both_streams_tell_the_same() -> None:
    body = sse(CREATED, DELTA, ITEM, COMPLETED)

    async def reads() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    async def read() -> Any:
        async with AsyncResponsesStream(reads()) as stream:
            text = [each async for each in stream.text()]
            return (
                text,
                await stream.result(),
                stream.compare(),
                stream.assembled(),
                stream.state(),
                stream.verdict,
            )

    with ResponsesStream([body]) as stream:
        text = list(stream.text())
        here = (text, stream.result(), stream.compare(), stream.assembled(), stream.state(), stream.verdict)
    assert asyncio.run(read()) == here
    assert text == ["Hi"]
    assert list(ResponsesStream([body]).text(1)) == []


def test_a_stream_goes_on_from_a_state() -> None:
    payloads = [{"sequence_number": at} | each for at, each in enumerate((CREATED, DELTA, ITEM, COMPLETED))]
    with pytest.raises(SSEWireError):
        ResponsesStream(sse(*payloads[:2])).result()
    first = ResponsesParser()
    first.feed(sse(*payloads[:2]))
    saved = msgspec.json.encode(first.state())
    state = msgspec.json.decode(saved, type=responses.ResponsesState)
    second = ResponsesStream(sse(*payloads[1:]), state=state)
    assert second.result() == ResponsesStream(sse(*payloads)).result()
    assert [each.kind for each in second.diagnostics] == ["duplicate_event"]


def test_the_dialect_is_told_by_the_types() -> None:
    assert detect_dialect(sse(CREATED)) == "responses"
    assert detect_dialect(sse({"type": "keepalive"})) == "responses"
    assert detect_dialect(sse({"type": "ping"}, {"type": "message_start"})) is None


# -- the comparison --------------------------------------------------------------------------------------


def test_differences_have_a_place_and_a_kind() -> None:
    def made(**fields: Any) -> responses.Response:
        return msgspec.convert({"id": "r", **fields}, responses.Response)

    item = {"type": "reasoning", "id": "a", "encrypted_content": "x", "summary": []}
    text = {"type": "output_text", "text": "t", "logprobs": [{"token": "t", "logprob": -0.1234567}]}
    rounded = text | {"logprobs": [{"token": "t", "logprob": -0.123457}]}
    streamed = made(
        status="in_progress",
        output=[item, MESSAGE | {"content": [text]}],
        temperature=1.0,
        model="a",
        user=None,
    )
    final = made(
        status="completed",
        usage={"total_tokens": 3},
        output=[item | {"encrypted_content": "y"}, MESSAGE | {"content": [rounded]}, item],
        temperature=0.5,
        user="",
    )
    assert [(each.path, each.kind.value) for each in compare(streamed, final)] == [
        ("model", "missing"),
        ("output[0].encrypted_content", "re-encrypted"),
        ("output[1].content[0].logprobs[0].logprob", "rounded"),
        ("output[2]", "missing"),
        ("temperature", "different"),
    ]
    assert compare(final, final) == []


def test_before_its_end_a_stream_has_nothing_to_compare() -> None:
    parser = ResponsesParser()
    parser.feed(sse(CREATED, DELTA))
    assert parser.compare() == []


# -- ssewire check ---------------------------------------------------------------------------------------


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    path = tmp_path / "odd.sse"
    numbered = [
        {"sequence_number": at} | each for at, each in ((0, CREATED), (1, ITEM), (5, {"type": "novel"}))
    ]
    end = whole("completed", output=[MESSAGE | {"id": "n" * 99}]) | {"sequence_number": 7}
    path.write_bytes(sse(*numbered, {"type": "novel", "sequence_number": 6}, end))
    return path


def test_check_lists_what_is_odd(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(odd)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        f"{odd}: complete (responses, 5 events)",
        "  unknown event: novel (2 times)",
        "  sequence_gap at event 3: sequence numbers 2 to 4 are missing",
        f"  different: output[0].id: streamed 'm', final '{'n' * 59}…",
    ]
    assert main(["check", "--strict", str(odd)]) == 1


def test_check_reports_in_json(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", str(odd)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["dialect"], report["events"]) == ("complete", "responses", 5)
    assert report["unknown_events"] == {"novel": 2}
    assert [each["path"] for each in report["differences"]] == ["output[0].id"]
    assert report["error"] is None


def test_check_finds_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut, clean, unreadable, failed = (
        tmp_path / f"{name}.sse" for name in ("cut", "clean", "unreadable", "failed")
    )
    cut.write_bytes(b'data: {"object":"chat.completion.chunk","choices":[]}\n\ndata: {oops\n\n')
    encrypted = {"type": "reasoning", "id": "r", "encrypted_content": "x"}
    clean.write_bytes(
        sse(
            CREATED,
            ITEM | {"item": encrypted},
            whole("completed", output=[encrypted | {"encrypted_content": "y"}]),
        )
    )
    unreadable.write_bytes(sse(CREATED, {"type": "response.completed", "response": {"output": 5}}))
    failed.write_bytes(sse(CREATED, FLAT))
    assert main(["check", str(cut)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"{cut}: truncated (chat, 1 event)\n  malformed at event 2: ")
    assert err.endswith("truncated: the stream was cut before its end was told; 1 malformed event skipped\n")
    assert main(["check", "--strict", str(clean)]) == 0
    assert "re-encrypted: output[0].encrypted_content" in capsys.readouterr().out
    assert main(["check", str(unreadable)]) == 1
    out, err = capsys.readouterr()
    assert "  malformed at event 2: Expected `array`, got `int`" in out
    assert err == f"ssewire: {unreadable}: 1 malformed event skipped\n"
    assert main(["check", str(failed), str(clean)]) == 1
    assert capsys.readouterr().err == f"ssewire: {failed}: failed: no (code c, type error)\n"


def test_replay_shows_what_a_response_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = [
        MESSAGE | {"content": [*MESSAGE["content"], {"type": "refusal", "refusal": "but no"}]},
        {"type": "reasoning", "id": "r", "summary": []},
        {"type": "function_call", "id": "f", "call_id": "c", "name": "look", "arguments": "{}"},
        {"type": "custom_tool_call", "id": "u", "call_id": "c", "name": "write", "input": "x"},
        {"type": "web_search_call", "id": "w", "status": "completed"},
        {"type": "novel", "id": "n"},
    ]
    path = tmp_path / "whole.sse"
    path.write_bytes(sse(CREATED, DELTA, whole("completed", output=items)))
    assert main(["replay", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Hi",
        "[refusal] but no",
        "[function_call f] look {}",
        "[custom_tool_call u] write x",
        "[web_search_call]",
        "[novel]",
    ]
    assert main(["replay", "--as", "json", str(path)]) == 0
    assert len(json.loads(capsys.readouterr().out)["result"]["output"]) == 6
    assert main(["replay", "--as", "events", str(path)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[1])["delta"] == "Hi"
