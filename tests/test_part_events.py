"""`parts()` and `message()` of parsers and streams: any dialect, sync, async and push."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from part_laws import check_part_events
from shared import CORPUS
from ssewire import (
    AsyncChatStream,
    AsyncCompletionsStream,
    AsyncResponsesStream,
    ChatParser,
    ChatStream,
    CompletionsStream,
    FinishReason,
    PartDelta,
    ProviderError,
    ResponsesStream,
    TextPart,
    ToolCallPart,
    Verdict,
    chat,
    completions,
    responses,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ssewire.parts import PartEvent

STREAMS: list[tuple[Any, Any, Any, str]] = [
    (ChatStream, AsyncChatStream, chat, "chat/groq-compound.sse"),
    (ChatStream, AsyncChatStream, chat, "chat/content-list.sse"),
    (CompletionsStream, AsyncCompletionsStream, completions, "completions/two-choices.sse"),
    (ResponsesStream, AsyncResponsesStream, responses, "responses/code-interpreter.sse"),
]


def body_of(*deltas: dict[str, Any], reason: str | None = "stop") -> bytes:
    chunks: list[Any] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


CALL = {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "look", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("stream_class", "async_class", "api", "name"), STREAMS, ids=[each[3] for each in STREAMS]
)
def test_the_parts_of_a_stream_are_the_same_sync_and_async(
    stream_class: Any, async_class: Any, api: Any, name: str
) -> None:
    body = (CORPUS / name).read_bytes()

    async def reads() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    async def told_async() -> list[PartEvent]:
        async with async_class(reads()) as stream:
            first = await anext(stream.parts())  # asked for again, they go on
            return [first, *[event async for event in stream.parts()]]

    with stream_class(body) as stream:
        told = list(stream.parts())
        events = stream.parts()
    assert asyncio.run(told_async()) == told
    found = check_part_events(told)
    assert [events.part(part.index) for part in found] == found
    assert {part.choice for part in found} >= {0}
    for choice in {part.choice for part in found}:
        message = stream.message(choice)
        assert message.parts == events.so_far(choice) == [part for part in found if part.choice == choice]
        assert message.neutral().text == api.message_of(stream.snapshot(), choice).text


def test_a_message_knows_the_order_if_its_parts_were_followed() -> None:
    body = body_of({"content": "Let me see."}, CALL, {"content": "Done."})
    followed, plain = ChatStream(body), ChatStream(body)
    for _ in followed.parts():
        pass
    plain.result()
    assert [part.type for part in followed.message().parts] == ["text", "tool_call", "text"]
    assert [part.type for part in plain.message().parts] == ["text", "tool_call"]
    assert followed.message().text == plain.message().text == "Let me see.Done."


@pytest.mark.parametrize("skipped", [1, 2])
def test_parts_that_were_followed_in_part_do_not_hide_the_rest(skipped: int) -> None:
    stream = ChatStream(body_of({"content": "a"}, {"content": "b"}, CALL, {"content": "c"}))
    for _ in range(skipped):
        next(stream)
    told = list(stream.parts())
    written = [event.delta for event in told if isinstance(event, PartDelta)]
    assert written == ["a", "b", "{}", "c"][skipped:]
    assert stream.message().text == "abc"
    assert [part.type for part in stream.message().parts] == ["text", "tool_call"]


def test_parts_go_on_where_they_were() -> None:
    stream = ChatStream(body_of({"content": "a"}, {"content": "b"}))
    for event in stream.parts():
        if isinstance(event, PartDelta):
            break
    assert stream.message().text == "a"
    assert stream.message().verdict is Verdict.OPEN
    assert [event.delta for event in stream.parts() if isinstance(event, PartDelta)] == ["b"]
    assert list(stream.parts()) == []
    message = stream.message()
    assert (message.text, message.verdict, message.finish_reason) == ("ab", "complete", FinishReason.STOP)


def test_a_call_that_was_cut_is_told_to_be_incomplete() -> None:
    function = {"name": "f", "arguments": '{"a": 1'}
    whole = body_of({"tool_calls": [{"index": 0, "id": "c", "function": function}]})
    stream = ChatStream(whole.partition(b"\n\n")[0] + b"\n\n")
    (part,) = check_part_events(stream.parts())
    assert isinstance(part, ToolCallPart)
    assert part.arguments_state == "incomplete"
    assert stream.message().verdict is Verdict.TRUNCATED


def test_an_error_comes_through_and_what_had_come_stays() -> None:
    body = (
        body_of({"content": "Hel"}).partition(b"\n\n")[0]
        + b'\n\ndata: {"error": {"message": "overloaded"}}\n\n'
    )
    stream = ChatStream(body)
    told: list[PartEvent] = []
    with pytest.raises(ProviderError, match="overloaded"):
        told.extend(stream.parts())
    assert stream.message().parts == [TextPart(index=0, text="Hel")]
    assert stream.message().verdict is Verdict.FAILED
    assert check_part_events(told + list(stream.parts())) == [TextPart(index=0, text="Hel")]


def test_json_is_followed_while_it_arrives() -> None:
    stream = ChatStream(body_of({"content": '{"a": [1'}, {"content": ", 2]}"}))
    parts = stream.parts()
    drafts = [parts.partial(event.index) for event in parts if isinstance(event, PartDelta)]
    assert drafts == [{"a": [1]}, {"a": [1, 2]}]


def test_a_parser_makes_a_message_at_any_time() -> None:
    body = body_of({"content": "a"}, {"content": "b"})
    first, second, rest = body.split(b"\n\n", 2)
    parser = ChatParser()
    parser.feed(first + b"\n\n")
    assert (parser.message().text, parser.message().verdict) == ("a", "open")
    parser.feed(second + b"\n\n" + rest)
    assert (parser.message().text, parser.message().verdict) == ("ab", "complete")
    assert parser.message(1).parts == []


def test_what_two_apis_stream_is_one_message() -> None:
    chat_body = body_of({"reasoning_content": "Hm"}, {"content": "Let me see."}, CALL, reason="tool_calls")
    told = {"created": 1787313600, "model": "example-1", "choices": []}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 3}}
    chat_body = b"data: %b\n\n" % json.dumps(told | {"usage": usage}).encode() + chat_body
    text = {"type": "output_text", "text": "Let me see.", "annotations": []}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}"}
    output = [
        {
            "type": "reasoning",
            "id": "rs_1",
            "content": [{"type": "reasoning_text", "text": "Hm"}],
            "summary": [],
        },
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [text]},
        call,
    ]
    response = {
        "id": "resp_1",
        "created_at": 1787313600,
        "model": "example-1",
        "status": "completed",
        "output": output,
        "usage": {"input_tokens": 5, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}},
    }
    events: list[dict[str, Any]] = [
        {"type": "response.reasoning_text.delta", "output_index": 0, "delta": "Hm"},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "Let me "},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "see."},
        {"type": "response.output_item.added", "output_index": 2, "item": call | {"arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{}"},
        {"type": "response.completed", "response": response},
    ]
    responses_body = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    for follow in (False, True):
        messages = []
        for stream in (ChatStream(chat_body), ResponsesStream(responses_body)):
            for _ in stream.parts() if follow else stream:
                pass
            messages.append(stream.message().neutral())
        assert messages[0] == messages[1]
        assert [part.type for part in messages[0].parts] == ["reasoning", "text", "tool_call"]
        assert messages[0].usage is not None
        assert messages[0].finish_reason is FinishReason.TOOL_CALLS
