"""The events of the official client's helper: the same as its own, on recorded streams."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import msgspec
import pydantic
import pytest
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk as TheirChunk

from calls import calls_of
from reference import interpret
from shared import CHAT_BODIES, Body
from ssewire import ServerSentEvent
from ssewire._json import loads
from ssewire.chat import ChatCompletionChunk, ChatDecoder
from ssewire.chat.helpers import (
    ChatEvents,
    ChunkEvent,
    ContentDeltaEvent,
    ContentDoneEvent,
    HelperEvent,
    RefusalDoneEvent,
)
from ssewire.errors import StructuredOutputError

DECODER: ChatDecoder[ChatCompletionChunk] = ChatDecoder()

DIFFERENT = {
    "chat/broken-text.sse": "theirs hands out halves of characters",
    "chat/drift-numbers.sse": "theirs loses a number that is content",
    "chat/tools-aliased-index.sse": "the same call at two indexes is two calls to theirs",
    "chat/tools-one-index.sse": "one index for several calls makes one of them",
    "chat/tools-parallel.sse": "theirs tells a call to be done when another begins, and then goes on with it",
    "chat/tools-unstable-id.sse": "theirs appends a name that is repeated",
    "chat-mistral-ministral14b2512-toolcalls.sse": "theirs ignores calls without a type",
    "chat-mistral-ministral3b2512-paralleltools.sse": "theirs ignores calls without a type",
    "chat-mistral-mistrallargelatest-paralleltools.sse": "theirs ignores calls without a type",
}
FIELDS = {
    "content.delta": ("delta", "snapshot"),
    "content.done": ("content",),
    "refusal.delta": ("delta", "snapshot"),
    "refusal.done": ("refusal",),
    "tool_calls.function.arguments.delta": ("name", "index", "arguments", "arguments_delta"),
    "tool_calls.function.arguments.done": ("name", "index", "arguments"),
    "logprobs.content.delta": ("content",),
    "logprobs.content.done": ("content",),
    "logprobs.refusal.delta": ("refusal",),
    "logprobs.refusal.done": ("refusal",),
    "chunk": (),
}


def shown(event: Any) -> tuple[Any, ...]:
    values = [getattr(event, name) for name in FIELDS[event.type]]
    return event.type, *(
        [each.token for each in value] if isinstance(value, list) else value for value in values
    )


def payloads_of(body: bytes) -> list[str]:
    return [data for data, _, _ in interpret(body, flush=True).events if data.strip() != "[DONE]"]


def theirs(payloads: list[str]) -> list[tuple[Any, ...]]:
    """What their helper gives; skips the test where it raises."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    found: list[tuple[Any, ...]] = []
    try:
        for data in payloads:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                chunk: Any = construct_type(type_=TheirChunk, value=loads(data.encode()))
                found += [shown(event) for event in state.handle_chunk(chunk)]
    except Exception as error:  # whatever it cannot take
        pytest.skip(f"their helper raises {type(error).__name__}")
    return found


def ours(payloads: list[str]) -> list[tuple[Any, ...]]:
    events = ChatEvents()
    return [shown(event) for data in payloads for event in events.apply(chunk_of(data))]


def chunk_of(data: str) -> ChatCompletionChunk:
    chunk = DECODER.decode(ServerSentEvent(data.encode()))
    return chunk if isinstance(chunk, ChatCompletionChunk) else pytest.skip("not all of it decodes")


@pytest.mark.parametrize("body", CHAT_BODIES, ids=lambda body: body.name)
def test_the_events_of_a_recorded_stream_are_theirs(body: Body) -> None:
    payloads = payloads_of(body.read())
    expected = theirs(payloads)
    assert (ours(payloads) == expected) is (body.name not in DIFFERENT)


def told_by(events: ChatEvents, *deltas: dict[str, Any], **fields: Any) -> list[HelperEvent]:
    """What the deltas of one choice tell, without the chunks; the fields are on the last."""
    pieces = [{"index": 0, "delta": delta} for delta in deltas]
    pieces[-1] |= fields
    chunks = [msgspec.convert({"choices": [piece]}, ChatCompletionChunk) for piece in pieces]
    told = [event for chunk in chunks for event in events.apply(chunk)]
    return [event for event in told if not isinstance(event, ChunkEvent)]


def call(at: int = 0, **function: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": at, "id": f"call_{at}", "function": function}]}


class Answer(msgspec.Struct):
    a: int


class AnswerModel(pydantic.BaseModel):
    a: int


@pytest.mark.parametrize(("wanted", "expected"), [(Answer, Answer(1)), (AnswerModel, AnswerModel(a=1))])
def test_content_and_arguments_are_parsed_where_a_type_is_given(wanted: Any, expected: Any) -> None:
    events = ChatEvents(response_format=wanted, tools={"look": wanted})
    told = told_by(
        events,
        {"content": '{"a": '},
        {"content": "1}"},
        call(0, name="look", arguments='{"a"'),
        call(0, arguments=": 1}"),
        call(1, name="other", arguments="{}"),
        finish_reason="tool_calls",
    )
    parsed = [
        (each.type, getattr(each, "parsed", None), getattr(each, "parsed_arguments", None)) for each in told
    ]
    assert parsed == [
        ("content.delta", {}, None),
        ("content.delta", {"a": 1}, None),
        ("tool_calls.function.arguments.delta", None, {}),
        ("content.done", expected, None),
        ("tool_calls.function.arguments.delta", None, {"a": 1}),
        ("tool_calls.function.arguments.delta", None, None),
        ("tool_calls.function.arguments.done", None, expected),
        ("tool_calls.function.arguments.done", None, None),
    ]


def test_what_does_not_parse_is_an_error_when_it_is_whole() -> None:
    with pytest.raises(StructuredOutputError, match="the content, incomplete JSON"):
        told_by(ChatEvents(response_format=Answer), {"content": '{"a": 1'}, finish_reason="length")


def test_calls_that_are_announced_first_are_done_when_they_are_whole() -> None:
    told = told_by(
        ChatEvents(),
        call(0, name="pay", arguments=""),
        call(1, name="mail", arguments=""),
        call(0, arguments='{"to": 1}'),
        call(1, arguments='{"to": 2}'),
        call(2, name="now", arguments=""),
        finish_reason="tool_calls",
    )
    assert [
        (each.name, each.index, each.arguments)
        for each in told
        if each.type == "tool_calls.function.arguments.done"
    ] == [("pay", 0, '{"to": 1}'), ("mail", 1, '{"to": 2}'), ("now", 2, "")]


def test_arguments_that_come_before_their_name_are_followed() -> None:
    told = told_by(ChatEvents(tools={"f": dict}), call(arguments='{"a": '), call(name="f", arguments="1}"))
    deltas = [each for each in told if each.type == "tool_calls.function.arguments.delta"]
    assert [each.parsed_arguments for each in deltas] == [None, {"a": 1}]


def test_a_text_that_does_not_parse_costs_no_other_event() -> None:
    events = ChatEvents(response_format=list)
    chunk = msgspec.convert(
        {
            "choices": [
                {"index": 0, "delta": {"content": "Sorry"}, "finish_reason": "stop"},
                {"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"},
                {"index": 2, "delta": {"content": "[1, "}},
            ]
        },
        ChatCompletionChunk,
    )
    with pytest.raises(StructuredOutputError, match="the content, invalid JSON") as caught:
        events.apply(chunk)
    assert [shown(event) for event in caught.value.events if not isinstance(event, ChunkEvent)] == [
        ("content.delta", "Sorry", "Sorry"),
        ("content.done", "Sorry"),
        ("content.delta", "no", "no"),
        ("content.done", "no"),
        ("content.delta", "[1, ", "[1, "),
    ]
    assert caught.value.text == "Sorry"
    assert caught.value.snapshot == events.snapshot()
    again = pickle.loads(pickle.dumps(caught.value))
    assert [event.type for event in again.events] == [event.type for event in caught.value.events]
    rest = {"choices": [{"index": 2, "delta": {"content": "2]"}, "finish_reason": "stop"}]}
    *_, delta, done = events.apply(msgspec.convert(rest, ChatCompletionChunk))
    assert isinstance(delta, ContentDeltaEvent)
    assert done == ContentDoneEvent("[1, 2]", [1, 2])
    assert delta.parsed == [1, 2]


def test_arguments_that_do_not_parse_cost_no_other_call() -> None:
    events = ChatEvents(tools={"now": dict, "look": dict})
    told_by(events, call(0, name="now", arguments=""), call(1, name="look", arguments="{}"))
    with pytest.raises(StructuredOutputError, match="arguments of 'now', incomplete JSON") as caught:
        told_by(events, {}, finish_reason="tool_calls")
    assert [
        (each.name, each.parsed_arguments)
        for each in caught.value.events
        if each.type == "tool_calls.function.arguments.done"
    ] == [("now", None), ("look", {})]


def test_looking_whether_the_content_is_done_does_not_read_it_again() -> None:
    events = ChatEvents()
    told_by(events, *[{"content": "word "}] * 1_000)
    told_by(events, *[call(at, name="f", arguments='{"a":') for at in range(2)])
    calls = calls_of(lambda: told_by(events, *[call(at % 2, arguments="1") for at in range(100)]))
    assert calls.c.count("join") < 10  # one for each call, whose arguments are looked at


def test_a_refusal_is_not_parsed_and_not_the_content_beside_it() -> None:
    told = told_by(
        ChatEvents(response_format=Answer), {"content": "{"}, {"refusal": "No"}, finish_reason="stop"
    )
    assert told[-2:] == [ContentDoneEvent("{", None), RefusalDoneEvent("No")]


def test_halves_of_characters_are_joined_and_lists_are_read() -> None:
    told = told_by(
        ChatEvents(),
        {"content": "a\ud83d"},
        {"content": [{"type": "text", "text": "\ude00"}, {"type": "thinking", "thinking": "Hm"}]},
    )
    assert [getattr(event, "snapshot", None) for event in told] == ["a", "a😀"]


@pytest.mark.parametrize("whole", ["a", ""])
@pytest.mark.parametrize("name", ["content", "refusal"])
@pytest.mark.parametrize("last", [{}, call(0, name="f")])
def test_half_a_character_that_stays_alone_is_told_before_the_end_of_its_text(
    name: str, whole: str, last: dict[str, Any]
) -> None:
    told = told_by(ChatEvents(), {name: whole + "\ud83d"}, last, finish_reason="stop")
    assert [shown(event) for event in told if event.type.startswith(name)] == [
        (f"{name}.delta", whole, whole),
        (f"{name}.delta", "\ufffd", whole + "\ufffd"),
        (f"{name}.done", whole + "\ufffd"),
    ]


def test_half_a_character_that_stays_alone_is_told_before_the_end_of_its_call() -> None:
    pieces = [
        call(0, name="f", arguments="{\ud83d"),
        call(0, arguments="\ude00}"),
        call(0, arguments="\ud83d"),
    ]
    told = told_by(ChatEvents(), *pieces, finish_reason="stop")
    delta, done = "tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"
    assert [shown(event) for event in told] == [
        (delta, "f", 0, "{", "{"),
        (delta, "f", 0, "{😀}", "😀}"),
        (delta, "f", 0, "{😀}", ""),
        (delta, "f", 0, "{😀}\ufffd", "\ufffd"),
        (done, "f", 0, "{😀}\ufffd"),
    ]


def test_a_snapshot_is_what_it_was_at_its_event() -> None:
    logprobs = {"content": [{"token": "a"}], "refusal": [{"token": "b"}]}
    events = ChatEvents()
    told = told_by(
        events, {"content": "a"}, {"refusal": "b"}, call(0, name="f", arguments="c"), logprobs=logprobs
    )
    told_by(events, {"content": "A"}, {"refusal": "B"}, call(0, arguments="C"), logprobs=logprobs)
    names = ("snapshot", "arguments")
    values = [getattr(event, name) for event in told for name in names if hasattr(event, name)]
    assert [[each.token for each in value] if isinstance(value, list) else value for value in values] == [
        "a",
        "b",
        "c",
        ["a"],
        ["b"],
    ]


def test_each_chunk_is_an_event_with_the_completion_so_far() -> None:
    events = ChatEvents()
    chunk = chunk_of('{"choices":[{"delta":{"content":"a"}}]}')
    first = events.apply(chunk)[0]
    assert isinstance(first, ChunkEvent)
    assert first.chunk is chunk
    assert first.snapshot == events.snapshot()
    assert first.snapshot.choices[0].message.content == "a"


def test_custom_tools_and_empty_logprobs_tell_nothing() -> None:
    custom = {
        "tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "run", "input": "ls"}}]
    }
    told = told_by(ChatEvents(), custom, logprobs={"content": [], "refusal": []}, finish_reason="stop")
    assert [event.type for event in told] == ["logprobs.content.done", "logprobs.refusal.done"]


def test_the_events_pickle() -> None:
    told = told_by(ChatEvents(), {"content": "a"}, call(0, name="f", arguments="{}"), finish_reason="stop")
    assert pickle.loads(pickle.dumps(told)) == told
