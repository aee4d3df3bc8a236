"""Final objects and snapshots in, neutral messages out: the same whatever the API."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire import ChatStream, ResponsesStream, Verdict, chat, completions, responses
from ssewire.message import FinishReason, Message, Usage, finish_reason_of, in_order
from ssewire.parts import AnyPart, PartEnd, ReasoningPart, TextPart, ToolCallPart
from ssewire.testing import make_chat_body, make_responses_body

CREATED = datetime(2026, 8, 21, 12, 0, 0, tzinfo=UTC)

COMPLETION = msgspec.convert(
    {
        "created": 1787313600,
        "model": "example-1",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "reasoning_content": "Hm",
                    "content": "Hello",
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
                    ],
                },
            },
            {"index": 1, "finish_reason": "length", "message": {"content": "Hi"}},
        ],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "total_tokens": 12,
            "completion_tokens_details": {"reasoning_tokens": 3},
            "prompt_tokens_details": {"cached_tokens": 2},
        },
    },
    chat.ChatCompletion,
)
RESPONSE = msgspec.convert(
    {
        "id": "resp_1",
        "created_at": 1787313600,
        "model": "example-1",
        "status": "completed",
        "output": [
            {
                "type": "reasoning",
                "id": "rs_1",
                "content": [{"type": "reasoning_text", "text": "Hm"}],
                "summary": [],
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
            },
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}"},
        ],
        "usage": {
            "input_tokens": 5,
            "output_tokens": 7,
            "total_tokens": 12,
            "output_tokens_details": {"reasoning_tokens": 3},
            "input_tokens_details": {"cached_tokens": 2},
        },
    },
    responses.Response,
)


def test_a_completion_as_a_message() -> None:
    message = chat.message_of(COMPLETION)
    assert message == Message(
        choice=0,
        parts=[
            ReasoningPart(index=0, text="Hm"),
            TextPart(index=1, text="Hello"),
            ToolCallPart(index=2, call_id="call_1", name="look", arguments="{}", ended=True),
        ],
        usage=Usage(5, 7, 3, 2, COMPLETION.usage),
        model="example-1",
        created=CREATED,
        finish_reason=FinishReason.TOOL_CALLS,
        raw_finish_reason="tool_calls",
        verdict=Verdict.COMPLETE,
    )
    assert message.text == "Hello"
    assert message.tool_calls == [message.parts[2]]


def test_calls_that_the_provider_answers_are_not_the_callers() -> None:
    search, own = ToolCallPart(index=0, kind="web_search", hosted=True), ToolCallPart(index=1)
    message = Message(parts=[search, own])
    assert message.tool_calls == [own]


def test_two_apis_tell_the_same() -> None:
    message = responses.message_of(RESPONSE)
    assert (message.finish_reason, message.raw_finish_reason) == (FinishReason.TOOL_CALLS, "completed")
    assert message.usage == Usage(5, 7, 3, 2, RESPONSE.usage)
    assert [part.id for part in message.parts] == ["rs_1", "msg_1", "fc_1"]
    assert message.neutral() == chat.message_of(COMPLETION).neutral()
    assert message.neutral() != message


@given(
    text=st.none() | st.text(min_size=1),
    reasoning=st.none() | st.text(min_size=1),
    refusal=st.none() | st.text(min_size=1),
    calls=st.lists(st.tuples(st.text("abc_", min_size=1), st.text()), max_size=3),
    counts=st.tuples(st.integers(0, 999), st.integers(1, 999)),
    follow=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_streamed_in_both_shapes_makes_equal_messages(
    text: str | None,
    reasoning: str | None,
    refusal: str | None,
    calls: list[tuple[str, str]],
    counts: tuple[int, int],
    follow: bool,
) -> None:
    asked, given_back = counts
    usage = {"total_tokens": sum(counts)}
    wrote: Any = {"text": text, "reasoning": reasoning, "refusal": refusal, "tool_calls": calls}
    chat_usage = usage | {"prompt_tokens": asked, "completion_tokens": given_back}
    responses_usage = usage | {"input_tokens": asked, "output_tokens": given_back}
    messages: list[Message] = []
    for stream in (
        ChatStream(make_chat_body(**wrote, usage=chat_usage)),
        ResponsesStream(make_responses_body(**wrote, usage=responses_usage)),
    ):
        for _ in stream.parts() if follow else stream:
            pass
        messages.append(stream.message().neutral())
    assert messages[0] == messages[1]
    assert messages[0].text == (text or "")


@pytest.mark.parametrize("call_id", ["call_0", ""])
def test_calls_that_come_whole_are_as_many_as_there_are(call_id: str) -> None:
    calls = [
        chat.ToolCall(call_id, function=chat.Function("a", '{"x":1}')),
        chat.ToolCall(call_id, type="custom", custom=chat.Custom("b", "y")),
        chat.ToolCall(call_id, function=chat.Function("b", "")),
    ]
    choice = chat.Choice(message=chat.Message(tool_calls=calls), finish_reason="tool_calls")
    assert chat.message_of(chat.ChatCompletion(choices=[choice])).parts == [
        ToolCallPart(index=0, call_id=call_id, name="a", arguments='{"x":1}', ended=True),
        ToolCallPart(index=1, kind="custom", call_id=call_id, name="b", arguments="y", ended=True),
        ToolCallPart(index=2, call_id=call_id, name="b", ended=True),
    ]


@pytest.mark.parametrize(
    ("reasoning", "content", "told"),
    [
        ("a", None, "a"),
        (None, "b", "b"),
        ("", "b", "b"),
        ("ab", "ab", "ab"),
        ("ab", "b", "ab"),
        ("a", "ab", "ab"),
        ("a", "b", "ab"),
    ],
)
def test_reasoning_in_two_fields_is_told_once(reasoning: str | None, content: str | None, told: str) -> None:
    held = chat.Message(reasoning=reasoning, reasoning_content=content)
    completion = chat.ChatCompletion(choices=[chat.Choice(message=held)])
    assert chat.message_of(completion).parts == [ReasoningPart(index=0, text=told)]


def test_reasoning_that_moves_to_another_field_is_all_told() -> None:
    deltas = [{"reasoning": "a"}, {"reasoning_content": "b"}]
    body = [f'data: {{"choices":[{{"index":0,"delta":{json.dumps(each)}}}]}}\n\n'.encode() for each in deltas]
    stream = ChatStream(body)
    followed = [event.part for event in stream.parts() if isinstance(event, PartEnd)]
    assert stream.message().parts == followed == [ReasoningPart(index=0, text="ab")]


def test_another_choice() -> None:
    message = chat.message_of(COMPLETION, 1)
    assert (message.choice, message.text, message.finish_reason) == (1, "Hi", FinishReason.LENGTH)


@pytest.mark.parametrize(
    "message",
    [
        chat.message_of(COMPLETION, 7),
        responses.message_of(RESPONSE, 7),
        completions.message_of(completions.Completion(), 7),
    ],
)
def test_a_choice_that_is_not_there_is_an_empty_message(message: Message) -> None:
    assert (message.parts, message.finish_reason, message.raw_finish_reason) == ([], None, None)


def test_nothing_is_known_of_nothing() -> None:
    for empty in (chat.message_of(chat.ChatCompletion()), responses.message_of(responses.Response())):
        assert empty == Message(0, [])


def test_a_legacy_completion_as_a_message() -> None:
    completion = completions.Completion(
        choices=[completions.CompletionChoice("a", 0, finish_reason="stop")], created=1787313600, model="m"
    )
    message = completions.message_of(completion, verdict=Verdict.NO_DONE)
    assert message == Message(
        0, [TextPart(index=0, text="a")], None, "m", CREATED, FinishReason.STOP, "stop", Verdict.NO_DONE
    )


def cut(reason: str | None) -> dict[str, Any]:
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


@pytest.mark.parametrize(
    ("fields", "reason", "raw"),
    [
        ({"status": "in_progress"}, None, None),
        ({"status": "queued"}, None, None),
        ({"status": "completed", "output": []}, "stop", "completed"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
            "max_output_tokens",
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ({"status": "incomplete", "incomplete_details": {}}, "other", "incomplete"),
        ({"status": "incomplete"}, "other", "incomplete"),
        ({"status": "failed"}, "error", "failed"),
        ({"status": "cancelled"}, "error", "cancelled"),
    ],
)
def test_why_a_response_ended(fields: dict[str, Any], reason: str | None, raw: str | None) -> None:
    message = responses.message_of(msgspec.convert({"output": []} | fields, responses.Response))
    assert (message.finish_reason, message.raw_finish_reason) == (reason, raw)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("eos", "stop"),
        ("max_tokens", "length"),
        ("novelty", "other"),
        ("", None),
    ],
)
def test_what_the_words_of_providers_mean(word: str, reason: str | None) -> None:
    assert finish_reason_of(word) == reason


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"prompt_tokens": 1}, (1, None, None, None)),
        ({"completion_tokens": 1, "reasoning_tokens": 2, "cached_tokens": 3}, (None, 1, 2, 3)),
        ({"prompt_cache_hit_tokens": 4, "reasoning_tokens": "two"}, (None, None, None, 4)),
        (
            {"reasoning_tokens": True, "completion_tokens_details": {"reasoning_tokens": 0}},
            (None, None, 0, None),
        ),
    ],
)
def test_where_providers_put_their_counts(
    fields: dict[str, Any], expected: tuple[Any, Any, Any, Any]
) -> None:
    usage = msgspec.convert(fields, chat.CompletionUsage)
    message = chat.message_of(chat.ChatCompletion(usage=usage))
    assert message.usage == Usage(*expected, usage)


@pytest.mark.parametrize("created", [0, None, 10**18, -(10**18), float("nan"), float("inf")])
def test_what_is_no_time_is_none(created: Any) -> None:
    assert responses.message_of(responses.Response(created_at=created)).created is None


def test_a_message_pickles_and_encodes() -> None:
    message = responses.message_of(RESPONSE)
    assert pickle.loads(pickle.dumps(message)) == message
    decoded = msgspec.json.decode(msgspec.json.encode(message), type=Message)
    assert decoded.neutral() == message.neutral()


def test_followed_parts_give_the_order_if_they_are_all_there_is() -> None:
    told = chat.message_of(chat.ChatCompletion(choices=[chat.Choice(message=chat.Message(content="ab"))]))
    followed: list[AnyPart] = [
        TextPart(index=0, text="a"),
        ReasoningPart(index=1),
        TextPart(index=3, text="b"),
    ]
    assert in_order(told, followed) is told  # reasoning has come that is not in the message
    assert in_order(told, followed[:1]) is told
    assert in_order(told, followed[::2]).parts == followed[::2]
