"""Chunks to a completion: every row of the tables, tool calls, choices, and what a snapshot promises."""

import copy
import json
import pickle
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls import calls_of
from shared import broken_texts, fitting, written
from ssewire import ChatCompletion, ChatCompletionChunk, ChatDecoder, ChatReducer, EventDecodeError
from ssewire._wire.tokenizer import ServerSentEvent
from ssewire.chat import (
    Audio,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    CompletionUsage,
    Custom,
    Delta,
    Function,
    FunctionDelta,
    Message,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
)
from ssewire.chat.reducer import AUDIO, CHOICE, CHUNK, LOGPROBS, MESSAGE, TEXTS, TOOL_CALL
from ssewire.events import DiagnosticLog

DECODER: ChatDecoder[ChatCompletionChunk] = ChatDecoder()


def chunk_of(payload: Any) -> ChatCompletionChunk:
    """The chunk of a payload, as it comes from the wire."""
    chunk = DECODER.decode(ServerSentEvent(json.dumps(payload).encode()))
    assert isinstance(chunk, ChatCompletionChunk)
    return chunk


def folded(*payloads: Any) -> ChatReducer:
    reducer = ChatReducer()
    for payload in payloads:
        reducer.apply(chunk_of(payload))
    return reducer


def completion(*payloads: Any) -> ChatCompletion:
    return folded(*payloads).snapshot()


def choice_of(*pieces: Any) -> Choice:
    """Choice 0 of chunks of one choice each."""
    (choice,) = completion(*({"choices": [{"index": 0, "delta": {}} | piece]} for piece in pieces)).choices
    return choice


def message_of(*deltas: Any) -> Message:
    """The message that deltas add up to."""
    return choice_of(*({"delta": delta} for delta in deltas)).message


# -- one field a row -------------------------------------------------------------------------------------

# The values as they come, and what they add up to.
FIRST: list[tuple[list[Any], Any]] = [(["", "a", "b"], "a"), ([None, "b", ""], "b")]
LAST: list[tuple[list[Any], Any]] = [(["a", None, "b", ""], "b"), ([None, {"x": 1}, None], {"x": 1})]
LAST_TEXT: list[tuple[list[Any], Any]] = [(["a", None, "b", ""], "b"), ([None, "b"], "b"), ([""], None)]
LAST_OF_ANY: list[tuple[list[Any], Any]] = [*LAST, ([3, 0], 0), ([True, False], False), ([[1], []], [1])]
EXTENDED: list[tuple[list[Any], Any]] = [([["a"], [], None, ["b", "a"]], ["a", "b", "a"]), ([[]], [])]
APPENDED: list[tuple[list[Any], Any]] = [
    (["a", None, "", "b"], "ab"),
    ([""], ""),
    ([None], None),
    (["\ud83d", "\ude00"], "😀"),
    (["\ud83d"], "\ufffd"),
]
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
MORE_USAGE = {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5, "cost": 0.5}
MODERATION = {"input": {"type": "error", "code": "c", "message": "m"}, "output": {"type": "error"}}

CHUNK_ROWS: dict[str, list[tuple[list[Any], Any]]] = {
    "id": FIRST,
    "created": [([0, None, 5, 6], 5), ([0], None)],
    "model": FIRST,
    "service_tier": LAST_TEXT,
    "system_fingerprint": LAST_TEXT,
    "usage": [
        ([USAGE, None, MORE_USAGE, None], msgspec.convert(MORE_USAGE, CompletionUsage)),
        ([USAGE, USAGE], msgspec.convert(USAGE, CompletionUsage)),
        ([USAGE, {}], msgspec.convert(USAGE, CompletionUsage)),
        ([{}], None),
        ([{"prompt_tokens": 0}], CompletionUsage(prompt_tokens=0)),
    ],
    "moderation": [([None, MODERATION, None], MODERATION)],
    "x_groq": [
        (
            [{"id": "a", "seed": 1}, None, {"id": "a", "seed": None, "more": 2}],
            {"id": "a", "seed": 1, "more": 2},
        )
    ],
    "prompt_filter_results": [
        (
            [[{"prompt_index": 0, "a": 1}, {"prompt_index": 1}], [{"prompt_index": 0, "a": 2}]],
            [{"prompt_index": 0, "a": 2}, {"prompt_index": 1}],
        )
    ],
    "prompt_annotations": [
        ([[{"prompt_index": 0}], [{"prompt_index": 1}]], [{"prompt_index": 0}, {"prompt_index": 1}])
    ],
    "latency_checkpoint": LAST_OF_ANY,
    "citations": [([["a"], ["a", "b"], [], None, ["a", "b"]], ["a", "b"])],
    "search_results": [([[{"url": "a"}], [{"url": "a"}]], [{"url": "a"}])],
    "images": LAST_OF_ANY,
    "provider": LAST_OF_ANY,
    "provider_metadata": LAST_OF_ANY,
    "sla_metrics": LAST_OF_ANY,
    "time_info": LAST_OF_ANY,
    "timings": LAST_OF_ANY,
    "cost": LAST_OF_ANY,
    "prompt_token_ids": LAST_OF_ANY,
}
CHOICE_ROWS: dict[str, list[tuple[list[Any], Any]]] = {
    "finish_reason": [
        (["", None, "length"], "length"),
        (["stop", "", None], "stop"),
        (["stop", "tool_calls"], "tool_calls"),
        (["", ""], None),
    ],
    "content_filter_results": [
        (
            [{}, {"hate": {"filtered": False}}, {"hate": {"filtered": True}, "violence": {}}],
            {"hate": {"filtered": True}, "violence": {}},
        )
    ],
    "content_filter_offsets": [([["odd"], "other"], ["odd", "other"])],
    "matched_stop": LAST_OF_ANY,
    "stop_reason": LAST_OF_ANY,
    "native_finish_reason": LAST_OF_ANY,
    "token_ids": EXTENDED,
    "seed": LAST_OF_ANY,
    "raw_output": LAST_OF_ANY,
}
TEXT_ROWS: dict[str, list[tuple[list[Any], Any]]] = {
    "content": APPENDED,
    "refusal": APPENDED,
    "reasoning_content": APPENDED,
    "reasoning": APPENDED,
}
MESSAGE_ROWS: dict[str, list[tuple[list[Any], Any]]] = {
    "role": [*FIRST, (["", None], "assistant"), (["assistant", "assistant"], "assistant")],
    "annotations": EXTENDED,
    "reasoning_details": [
        (
            [[{"type": "reasoning.text", "text": "a"}], [{"type": "reasoning.text", "text": "b"}], []],
            [{"type": "reasoning.text", "text": "ab"}],
        )
    ],
    "channel": LAST_OF_ANY,
    "executed_tools": [
        (
            [
                [{"index": 0, "arguments": "a"}],
                [{"index": 1, "arguments": "b"}],
                [{"index": 0, "arguments": "a", "output": "c"}],
            ],
            [{"index": 0, "arguments": "a", "output": "c"}, {"index": 1, "arguments": "b"}],
        ),
        (
            [[{"index": 0, "arguments": "a", "output": "c"}], [{"index": 0, "arguments": "b"}]],
            [{"index": 0, "arguments": "a", "output": "c"}, {"index": 0, "arguments": "b"}],
        ),
    ],
    "reasoning_steps": EXTENDED,
    "images": EXTENDED,
    "provider_metadata": LAST_OF_ANY,
    "token_id": LAST_OF_ANY,
}
TOKEN_LOGPROBS = [{"token": "a", "logprob": -1.0, "bytes": [97]}, {"token": "b", "logprob": 0.0}]
BOTH_LOGPROBS = [TokenLogprob("a", -1.0, [97], []), TokenLogprob("b", 0.0, None, [])]
LOGPROBS_EXTENDED: list[tuple[list[Any], Any]] = [
    ([TOKEN_LOGPROBS[:1], [], None, TOKEN_LOGPROBS[1:]], BOTH_LOGPROBS),
    ([[{"token": "\ud83d", "logprob": 0}]], [TokenLogprob("\ufffd", 0.0, None, [])]),
    ([[]], []),
    ([None], None),
]
LOGPROB_ROWS: dict[str, list[tuple[list[Any], Any]]] = {
    "content": LOGPROBS_EXTENDED,
    "refusal": LOGPROBS_EXTENDED,
    "reasoning_content": LOGPROBS_EXTENDED,
    "tokens": EXTENDED,
    "token_logprobs": EXTENDED,
    "token_ids": EXTENDED,
    "top_logprobs": EXTENDED,
}
AUDIO_ROWS: dict[str, list[tuple[list[Any], Any]]] = {
    "id": FIRST,
    "data": [(["AAEC", "AwQF", None, ""], "AAECAwQF"), ([None], "")],
    "transcript": [(["Go", "od", None], "Good"), (["\ud83d", "\ude00"], "😀"), ([None], "")],
    "expires_at": [([1, None, 2], 2), ([None], None)],
}
CALL_ROWS: dict[str, list[tuple[list[Any], Any]]] = {
    "id": FIRST,
    "type": [*FIRST, (["function", "function"], "function"), ([None, ""], "function")],
    "extra_content": [([None, {"google": {"s": 1}}, {"other": 2}], {"google": {"s": 1}, "other": 2})],
}


def rows(table: dict[str, list[tuple[list[Any], Any]]]) -> pytest.MarkDecorator:
    named = [(f"{name}-{at}", name, *row) for name, each in table.items() for at, row in enumerate(each)]
    return pytest.mark.parametrize(
        ("name", "values", "result"), [row[1:] for row in named], ids=[row[0] for row in named]
    )


def test_each_field_of_the_tables_has_a_row_here() -> None:
    assert CHUNK_ROWS.keys() == CHUNK.keys()
    assert CHOICE_ROWS.keys() == CHOICE.keys()
    assert TEXT_ROWS.keys() == TEXTS.keys()
    assert MESSAGE_ROWS.keys() == MESSAGE.keys()
    assert LOGPROB_ROWS.keys() == LOGPROBS.keys()
    assert AUDIO_ROWS.keys() == AUDIO.keys()
    assert CALL_ROWS.keys() == TOOL_CALL.keys()


def check(found: Any, result: Any) -> None:
    """Compare Structs with Structs, or what they encode to with plain values."""
    if type(found) is not type(result):
        found = msgspec.to_builtins(found)
    assert found == result


@rows(CHUNK_ROWS)
def test_a_field_of_the_chunk(name: str, values: list[Any], result: Any) -> None:
    snapshot = completion(*({name: value} for value in values))
    found = getattr(snapshot, name)
    check(found, "" if result is None and name in ("id", "model") else result)
    assert snapshot.choices == []


@rows(CHOICE_ROWS)
def test_a_field_of_the_choice(name: str, values: list[Any], result: Any) -> None:
    check(getattr(choice_of(*({name: value} for value in values)), name), result)


@rows(TEXT_ROWS | MESSAGE_ROWS)
def test_a_field_of_the_message(name: str, values: list[Any], result: Any) -> None:
    check(getattr(message_of(*({name: value} for value in values)), name), result)


@rows(LOGPROB_ROWS)
def test_a_field_of_the_logprobs(name: str, values: list[Any], result: Any) -> None:
    logprobs = choice_of(*({"logprobs": {name: value}} for value in values)).logprobs
    assert isinstance(logprobs, ChoiceLogprobs)
    check(getattr(logprobs, name), result)


@rows(AUDIO_ROWS)
def test_a_field_of_the_audio(name: str, values: list[Any], result: Any) -> None:
    audio = message_of(*({"audio": {name: value}} for value in values)).audio
    assert isinstance(audio, Audio)
    check(getattr(audio, name), result)


@rows(CALL_ROWS)
def test_a_field_of_a_tool_call(name: str, values: list[Any], result: Any) -> None:
    calls = message_of(*({"tool_calls": [{"index": 0, name: value}]} for value in values)).tool_calls
    assert calls is not None
    check(getattr(calls[0], name), result)


def test_what_nobody_sent_is_not_there() -> None:
    assert completion() == ChatCompletion()
    assert choice_of({}) == Choice()
    assert message_of({}) == Message()
    assert choice_of({"logprobs": None}).logprobs is None
    assert choice_of({"logprobs": {}}).logprobs == ChoiceLogprobs()


def test_what_belongs_to_a_chunk_alone_is_not_kept() -> None:
    snapshot = completion(
        {"object": "", "obfuscation": "x", "p": "y", "type": "z", "novel": 1, "choices": []},
        {"choices": [{"index": 0, "text": "x", "message": {"content": "y"}, "delta": {"novel": 1}}]},
    )
    assert json.loads(msgspec.json.encode(snapshot)) == {
        "id": "",
        "object": "chat.completion",
        "created": None,
        "model": "",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": None},
                "finish_reason": None,
                "logprobs": None,
            }
        ],
    }


# -- content in parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deltas", "content", "reasoning_content", "reasoning"),
    [
        ([{"content": "a"}, {"content": [{"type": "text", "text": "b"}]}], "ab", None, None),
        ([{"content": []}], None, None, None),
        ([{"content": [{"type": "text"}]}], None, None, None),
        ([{"content": [{"type": "text", "text": ""}]}], "", None, None),
        (
            [
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]},
                {
                    "content": [
                        {"type": "thinking", "thinking": [{"text": "b"}, {"text": "c"}], "closed": True}
                    ]
                },
                {"content": [{"type": "text", "text": "d"}, {"type": "reference", "reference_ids": [2]}]},
                {"content": "e"},
            ],
            "de",
            "abc",
            None,
        ),
        ([{"content": [{"type": "thinking", "thinking": "a"}]}], None, "a", None),
        ([{"content": [{"type": "thinking", "thinking": []}]}], None, None, None),
        (
            [{"content": [{"thinking": [{"thinking": [{"text": "a"}]}, {"thinking": "b"}], "text": "c"}]}],
            "c",
            "ab",
            None,
        ),
        ([{"reasoning_content": [{"text": "a"}]}, {"reasoning_content": "b"}], None, "ab", None),
        ([{"reasoning": [{"text": "a"}, {"thinking": "b"}]}], None, "b", "a"),
        ([{"reasoning": "a", "reasoning_content": "a"}], None, "a", "a"),
        ([{"content": [{"text": "a\ud83d"}]}, {"content": [{"text": "\ude00"}]}], "a😀", None, None),
    ],
)
def test_a_list_is_told_into_text_and_reasoning(
    deltas: list[Any], content: str | None, reasoning_content: str | None, reasoning: str | None
) -> None:
    message = message_of(*deltas)
    assert (message.content, message.reasoning_content, message.reasoning) == (
        content,
        reasoning_content,
        reasoning,
    )


def test_each_name_of_reasoning_is_a_field_of_its_own() -> None:
    message = message_of(
        {"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]},
        {"reasoning_content": "b"},
    )
    assert (message.content, message.reasoning, message.reasoning_content) == (None, "a", "b")
    assert message.reasoning_details == [{"type": "reasoning.text", "text": "a"}]


# -- tool calls ------------------------------------------------------------------------------------------


def passing(arguments: Any = None, **fields: Any) -> dict[str, Any]:
    """A delta of a tool call: index and id as named, `name` and the arguments in its function."""
    function = {}
    if "name" in fields:
        function["name"] = fields.pop("name")
    if arguments is not None:
        function["arguments"] = arguments
    return fields | ({"function": function} if function else {})


Call = tuple[str, str, str]

# Deltas as they come, one list a chunk; the calls as (id, name, arguments); the kinds of what is noted.
TOOL_CALLS: dict[str, tuple[list[list[dict[str, Any]]], list[Call], list[str]]] = {
    "one call in pieces": (
        [[passing("", index=0, id="a", name="f")], [passing('{"x":', index=0)], [passing("1}", index=0)]],
        [("a", "f", '{"x":1}')],
        [],
    ),
    "two calls that take turns": (
        [
            [passing(index=0, id="a", name="f")],
            [passing("{", index=1, id="b", name="g")],
            [passing("{}", index=0), passing("}", index=1)],
        ],
        [("a", "f", "{}"), ("b", "g", "{}")],
        [],
    ),
    # Index missing or null: a new id opens a call, an empty one goes on with the last.
    "no index": ([[passing("{}", id="a", name="f")]], [("a", "f", "{}")], []),
    "a null index": ([[passing("{}", index=None, id="a", name="f")]], [("a", "f", "{}")], []),
    "neither index nor id": (
        [[passing(name="f")], [passing("{")], [passing("}", id="")], [passing(id=None)]],
        [("", "f", "{}")],
        [],
    ),
    "no index, and an empty id goes on with the last": (
        [[passing("{", id="a", name="f")], [passing("}", id="")]],
        [("a", "f", "{}")],
        [],
    ),
    "no index, and the id again": (
        [[passing("{", id="a", name="f")], [passing("}", id="a")]],
        [("a", "f", "{}")],
        [],
    ),
    # Calls without an index in one chunk, and over several.
    "whole calls in one chunk without an index": (
        [[passing('{"x":1}', id="a", name="f"), passing('{"x":2}', id="b", name="f")]],
        [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')],
        [],
    ),
    "whole calls in one chunk each without an index": (
        [[passing('{"x":1}', id="a", name="f")], [passing('{"x":2}', id="b", name="f")]],
        [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')],
        [],
    ),
    "pieces of calls without an index": (
        [
            [passing("{", id="a", name="f")],
            [passing("}")],
            [passing("{", id="b", name="f")],
            [passing("}")],
        ],
        [("a", "f", "{}"), ("b", "f", "{}")],
        [],
    ),
    # Every call has the index 0.
    "one index for whole calls": (
        [[passing("{}", index=0, id="a", name="f")], [passing("{}", index=0, id="b", name="f")]],
        [("a", "f", "{}"), ("b", "f", "{}")],
        [],
    ),
    "one index for calls without arguments": (
        [
            [passing("", index=0, id="a", name="f")],
            [passing("", index=0, id="b", name="g")],
            [passing("{}", index=0)],
        ],
        [("a", "f", ""), ("b", "g", "{}")],
        [],
    ),
    "one index for calls in pieces": (
        [
            [passing("{", index=0, id="a", name="f")],
            [passing('"k":[1]}', index=0)],
            [passing("{", index=0, id="b", name="f")],
            [passing("}", index=0)],
        ],
        [("a", "f", '{"k":[1]}'), ("b", "f", "{}")],
        [],
    ),
    "one index in one chunk": (
        [[passing("{}", index=0, id="a", name="f"), passing("{}", index=0, id="b", name="g")]],
        [("a", "f", "{}"), ("b", "g", "{}")],
        [],
    ),
    "an earlier call is found again by its id": (
        [
            [passing(index=0, id="a", name="f")],
            [passing(index=0, id="b", name="g")],
            [passing("{}", index=0, id="a")],
            [passing("", index=0)],
        ],
        [("a", "f", "{}"), ("b", "g", "")],
        ["tool_call_index"],
    ),
    # One chunk names one index twice.
    "an index twice in one chunk": (
        [[passing(index=0, id="a", name="f"), passing(' {"', index=0), passing('x":1}', index=0)]],
        [("a", "f", ' {"x":1}')],
        [],
    ),
    # Indexes are names, not positions.
    "a first index above 0": (
        [[passing(index=3, id="a", name="f")], [passing("{}", index=3)]],
        [("a", "f", "{}")],
        [],
    ),
    "indexes in any order, with gaps": (
        [[passing("1", index=7, id="a", name="f"), passing("2", index=-1, id="b", name="g")]],
        [("a", "f", "1"), ("b", "g", "2")],
        [],
    ),
    "an index as large as they come": (
        [[passing("1", index=10**12, id="a", name="f")], [passing("2", index=10**12)]],
        [("a", "f", "12")],
        [],
    ),
    # The id changes on the way, but no new call begins.
    "another id without a name": (
        [[passing("", index=0, id="a", name="f")], [passing("{}", index=0, id="b")]],
        [("a", "f", "{}")],
        ["tool_call_id"],
    ),
    "another id with a name, amid the arguments": (
        [[passing('{"x":', index=0, id="a", name="f")], [passing("1}", index=0, id="b", name="f")]],
        [("a", "f", '{"x":1}')],
        ["tool_call_id"],
    ),
    "another id with every delta": (
        [
            [passing("", index=0, id="a", name="f")],
            [passing('{"x":', index=0, id="b")],
            [passing("1", index=0, id="c", name="f")],
            [passing("}", index=0, id="b", name="f")],
        ],
        [("a", "f", '{"x":1}')],
        ["tool_call_id", "tool_call_id", "tool_call_id"],
    ),
    "another id with an empty name": (
        [[passing("{}", index=0, id="a", name="f")], [passing("", index=0, id="b", name="")]],
        [("a", "f", "{}")],
        ["tool_call_id"],
    ),
    "another id, once the arguments have become whole": (
        [
            [passing('{"x":', index=0, id="a", name="f")],
            [passing("1", index=0, id="b", name="f")],
            [passing("}", index=0)],
            [passing("{}", index=0, id="c", name="g")],
        ],
        [("a", "f", '{"x":1}'), ("c", "g", "{}")],
        ["tool_call_id"],
    ),
    "arguments that hold half a character": (
        [
            [passing("tru", index=0, id="a", name="f")],
            [passing("", index=0, id="b", name="f")],
            [passing("\ud83d", index=0)],
            [passing("", index=0, id="c", name="f")],
        ],
        [("a", "f", "tru\ufffd")],
        ["tool_call_id", "tool_call_id"],
    ),
    # Id and type in every delta.
    "id, type and name in every delta": (
        [
            [passing("{", index=0, id="a", type="function", name="f")],
            [passing("}", index=0, id="a", type="function", name="f")],
        ],
        [("a", "f", "{}")],
        [],
    ),
    "id, type and name null or empty later on": (
        [
            [passing("{", index=0, id="a", type="function", name="f")],
            [passing("}", index=0, id="", type="", name="")],
            [passing(None, index=0, id=None, type=None, name=None)],
        ],
        [("a", "f", "{}")],
        [],
    ),
    # A name that is repeated, and a name in pieces.
    "a name in pieces": (
        [[passing(index=0, id="a", name="get_")], [passing(index=0, name="it")], [passing("{}", index=0)]],
        [("a", "get_it", "{}")],
        [],
    ),
    "a name that is repeated before and amid the arguments": (
        [
            [passing(index=0, id="a", name="f")],
            [passing("{", index=0, name="f")],
            [passing("}", index=0, name="f")],
        ],
        [("a", "f", "{}")],
        [],
    ),
    "another name amid the arguments": (
        [[passing("{", index=0, id="a", name="f")], [passing("}", index=0, name="g")]],
        [("a", "f", "{}")],
        ["tool_call_name"],
    ),
    # Id, name and arguments in any order.
    "the name before the id": (
        [[passing(index=0, name="f")], [passing(index=0, id="a")], [passing("{}", index=0)]],
        [("a", "f", "{}")],
        [],
    ),
    "the id last": ([[passing("{}", index=0, name="f")], [passing(index=0, id="a")]], [("a", "f", "{}")], []),
    "the arguments first": (
        [[passing("{}", index=0)], [passing(index=0, id="a", name="f")]],
        [("a", "f", "{}")],
        [],
    ),
    "an id alone, then the rest": (
        [[passing(index=0, id="a")], [passing("{}", index=0, name="f")]],
        [("a", "f", "{}")],
        [],
    ),
    # One call at several indexes.
    "the same id at a new index": (
        [[passing(index=0, id="a", name="f")], [passing("{", index=1, id="a")], [passing("}", index=1)]],
        [("a", "f", "{}")],
        [],
    ),
    "the same id at both indexes": (
        [
            [passing("{", index=0, id="a", name="f")],
            [passing('"x":', index=1, id="a")],
            [passing("1", index=0)],
            [passing("}", index=1)],
        ],
        [("a", "f", '{"x":1}')],
        [],
    ),
    "the same id at the index of another call": (
        [
            [passing("{", index=0, id="a", name="f")],
            [passing("{}", index=1, id="b", name="g")],
            [passing("}", index=1, id="a")],
        ],
        [("a", "f", "{}"), ("b", "g", "{}")],
        ["tool_call_index"],
    ),
    # What providers do with the arguments.
    "null arguments": (
        [[passing(index=0, id="a", name="f") | {"function": {"name": "f", "arguments": None}}]],
        [("a", "f", "")],
        [],
    ),
    "no function": ([[{"index": 0, "id": "a"}]], [("a", "", "")], []),
    "a null function": ([[{"index": 0, "id": "a", "function": None}]], [("a", "", "")], []),
    "arguments as an object": (
        [[passing({"x": "é"}, index=0, id="a", name="f")]],
        [("a", "f", '{"x":"é"}')],
        [],
    ),
    "arguments that are no JSON": (
        [[passing("{oops", index=0, id="a", name="f")]],
        [("a", "f", "{oops")],
        [],
    ),
    "halves of a character over two deltas": (
        [[passing('"\ud83d', index=0, id="a", name="f")], [passing('\ude00"', index=0)]],
        [("a", "f", '"😀"')],
        [],
    ),
}


@pytest.mark.parametrize(
    ("size", "more"), [(1000, 65), (1024, 63)]
)  # 64 Ki characters, and what begins below
def test_a_name_in_endless_pieces_stops_growing(size: int, more: int) -> None:
    reducer = folded({"choices": [{"delta": {"tool_calls": [passing(index=0, id="a", name="n" * size)]}}]})
    piece = "xy" * (size // 2)
    for _ in range(100):
        reducer.apply(chunk_of({"choices": [{"delta": {"tool_calls": [passing(index=0, name=piece)]}}]}))
    reducer.apply(chunk_of({"choices": [{"delta": {"tool_calls": [passing("{}", index=0)]}}]}))
    call = reducer.snapshot().choices[0].message.tool_calls
    assert call is not None
    assert call[0].function == Function("n" * size + piece * more, "{}")
    assert [(each.kind, each.count) for each in reducer.diagnostics] == [("tool_call_name", 100 - more)]


@pytest.mark.parametrize(("chunks", "calls", "noted"), TOOL_CALLS.values(), ids=TOOL_CALLS.keys())
def test_each_delta_finds_its_call(
    chunks: list[list[dict[str, Any]]], calls: list[Call], noted: list[str]
) -> None:
    reducer = ChatReducer()
    for deltas in chunks:
        reducer.apply(chunk_of({"choices": [{"index": 0, "delta": {"tool_calls": deltas}}]}))
    found = reducer.snapshot().choices[0].message.tool_calls
    assert found is not None
    assert [(call.id, *called(call)) for call in found] == calls
    assert {call.type for call in found} == {"function"}
    kinds = [entry.kind for entry in reducer.diagnostics for _ in range(entry.count)]
    assert kinds == noted


def called(call: ToolCall) -> tuple[str, str]:
    assert call.function is not None
    assert call.custom is None
    return call.function.name, call.function.arguments


def test_calls_of_two_choices_are_apart() -> None:
    snapshot = completion(
        {
            "choices": [
                {"index": index, "delta": {"tool_calls": [passing("{}", index=0, id="a", name=f"f{index}")]}}
                for index in (0, 1)
            ]
        }
    )
    assert [choice.message.tool_calls for choice in snapshot.choices] == [
        [ToolCall("a", function=Function("f0", "{}"))],
        [ToolCall("a", function=Function("f1", "{}"))],
    ]


def test_a_custom_tool_has_a_name_and_an_input() -> None:
    message = message_of(
        {"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "x = "}}]},
        {"tool_calls": [{"index": 0, "custom": {"name": "f", "input": "1"}}]},
        {"tool_calls": [{"index": 1, "custom": {"name": "g"}}]},
    )
    assert message.tool_calls == [
        ToolCall("a", "custom", custom=Custom("f", "x = 1")),
        ToolCall("", "custom", custom=Custom("g", "")),
    ]


def test_custom_tools_under_one_index_are_told_apart() -> None:
    message = message_of(
        {"tool_calls": [{"index": 0, "id": "a", "custom": {"name": "f"}}]},
        {"tool_calls": [{"index": 0, "id": "b", "custom": {"name": "f", "input": "{}"}}]},
        {"tool_calls": [{"index": 0, "id": "c", "custom": {"name": "g", "input": "x"}}]},
        {"tool_calls": [{"index": 0, "id": "d", "custom": {"name": "g", "input": "y"}}]},
    )
    assert message.tool_calls == [
        ToolCall("a", "custom", custom=Custom("f", "")),
        ToolCall("b", "custom", custom=Custom("f", "{}")),
        ToolCall("c", "custom", custom=Custom("g", "xy")),
    ]


def test_what_a_provider_adds_to_a_call_is_kept_with_it() -> None:
    first, second = {"google": {"thought_signature": "s1"}}, {"google": {"thought_signature": "s2"}}
    message = message_of(
        {"tool_calls": [passing("{}", id="a", name="f") | {"extra_content": first}]},
        {"tool_calls": [passing("{}", id="b", name="f")]},
        {"tool_calls": [{"extra_content": second}]},
    )
    assert message.tool_calls == [
        ToolCall("a", function=Function("f", "{}"), extra_content=first),
        ToolCall("b", function=Function("f", "{}"), extra_content=second),
    ]


def test_no_tool_calls_are_none() -> None:
    assert message_of({"tool_calls": None}, {"tool_calls": []}).tool_calls is None


# -- the deprecated function call, audio -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("deltas", "name", "arguments"),
    [
        ([{"name": "f"}], "f", ""),
        (
            [{"name": "f", "arguments": ""}, {"arguments": '{"a"'}, {"arguments": ": 1}"}, None],
            "f",
            '{"a": 1}',
        ),
        ([{"name": "get_"}, {"name": "it", "arguments": "{}"}, {"name": "get_it"}], "get_it", "{}"),
        ([{"arguments": "{}"}], "", "{}"),
        ([{"arguments": "{}"}, {"name": "f"}], "f", "{}"),
        ([{}], "", ""),
        ([{"name": "f", "arguments": {"a": 1}}], "f", '{"a":1}'),
    ],
)
def test_the_deprecated_function_call(deltas: list[Any], name: str, arguments: str) -> None:
    message = message_of(*({"function_call": delta} for delta in deltas))
    assert message.function_call == Function(name, arguments)
    assert message.tool_calls is None


def test_audio_adds_up_and_may_end_late() -> None:
    choice = choice_of(
        {"delta": {"role": "assistant", "content": None}},
        {"delta": {"audio": {"id": "au", "transcript": "Hi"}}},
        {"delta": {"audio": {"id": "au", "data": "UklG"}}},
        {"finish_reason": "stop"},
        {"delta": {"audio": {"expires_at": 1734}}},
    )
    assert choice.message.audio == Audio("au", "UklG", 1734, "Hi")
    assert choice.message.content is None
    assert choice.finish_reason == "stop"


# -- choices ---------------------------------------------------------------------------------------------


def text_chunk(*texts: tuple[Any, str]) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": text}} for index, text in texts]}


@pytest.mark.parametrize(
    ("chunks", "choices"),
    [
        ([[(1, "a")], [(0, "b")], [(1, "c"), (0, "d")]], [(0, "bd"), (1, "ac")]),
        ([[(1, "a")], [(1, "b")]], [(1, "ab")]),
        ([[(None, "a")], [(0, "b")], [(None, "c")]], [(0, "abc")]),
        ([[(None, "a"), (None, "b")], [(None, "c"), (None, "d")]], [(0, "ac"), (1, "bd")]),
        ([[(10**12, "a")], [(0, "b")], [(10**12, "c")]], [(0, "b"), (10**12, "ac")]),
        ([[(-1, "a")], [(0, "b")]], [(-1, "a"), (0, "b")]),
        ([[(0, "a"), (0, "b")]], [(0, "ab")]),
    ],
)
def test_choices_are_kept_by_index(chunks: list[Any], choices: list[tuple[int, str]]) -> None:
    snapshot = completion(*(text_chunk(*texts) for texts in chunks))
    assert [(choice.index, choice.message.content) for choice in snapshot.choices] == choices


def test_a_missing_index_is_the_only_choice() -> None:
    snapshot = completion(
        {"choices": [{"delta": {"content": "a"}}]}, {"choices": [{"finish_reason": "stop"}]}
    )
    assert [(choice.index, choice.finish_reason) for choice in snapshot.choices] == [(0, "stop")]


@pytest.mark.parametrize(
    ("payloads", "finished"),
    [
        ([], False),
        ([{"choices": []}], False),
        ([text_chunk((0, "a"))], False),
        ([{"choices": [{"index": 0, "finish_reason": "stop"}]}], True),
        ([{"choices": [{"index": 0, "delta": {}, "finish_reason": ""}]}], False),
        ([text_chunk((0, "a"), (1, "b")), {"choices": [{"index": 0, "finish_reason": "stop"}]}], False),
        (
            [
                text_chunk((0, "a"), (1, "b")),
                {"choices": [{"index": 1, "finish_reason": "stop"}]},
                {"choices": [{"index": 0, "finish_reason": "length"}]},
            ],
            True,
        ),
        # A finish reason does not end the stream, and what follows does not take it back.
        ([{"choices": [{"index": 0, "finish_reason": "stop"}]}, text_chunk((0, "a"))], True),
        ([{"choices": [{"index": 0, "finish_reason": "stop"}]}, text_chunk((1, "a"))], False),
        # A filter reports on a choice that never speaks.
        (
            [
                {"choices": [{"index": 0, "finish_reason": "stop"}]},
                {"choices": [{"index": 1, "content_filter_results": {"hate": {}}}]},
            ],
            True,
        ),
    ],
)
def test_finished_is_when_every_choice_has_its_reason(payloads: list[Any], finished: bool) -> None:
    assert folded(*payloads).finished is finished


# -- chunks of a kind of their own -----------------------------------------------------------------------


def test_a_first_chunk_of_a_filter_begins_nothing() -> None:
    results = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}]
    reducer = folded(
        {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": results},
        {"id": "x", "created": 7, "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]},
    )
    snapshot = reducer.snapshot()
    assert (snapshot.id, snapshot.created, snapshot.model) == ("x", 7, "m")
    assert snapshot.prompt_filter_results == results
    assert len(snapshot.choices) == 1


def filtered(index: int, check_offset: int, **fields: Any) -> dict[str, Any]:
    return {
        "index": index,
        "finish_reason": None,
        "content_filter_results": {"hate": {"filtered": False}},
        "content_filter_offsets": {"check_offset": check_offset},
    } | fields


def test_reports_of_an_asynchronous_filter_are_a_list_and_no_content() -> None:
    snapshot = completion(
        {"choices": [filtered(0, 0), filtered(1, 0)]},
        text_chunk((0, "a")),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [filtered(0, 5)]},
        {"choices": [filtered(0, 9, content_filter_results=None)]},
    )
    (choice,) = snapshot.choices
    assert (choice.message.content, choice.finish_reason) == ("a", "stop")
    assert choice.content_filter_results is None
    assert choice.content_filter_offsets == [
        {"check_offset": 0, "content_filter_results": {"hate": {"filtered": False}}},
        {"check_offset": 5, "content_filter_results": {"hate": {"filtered": False}}},
        {"check_offset": 9, "content_filter_results": None},
    ]


def test_a_filter_report_on_text_counts_as_any_delta() -> None:
    snapshot = completion({"choices": [filtered(0, 3, delta={"content": "a"})]})
    assert snapshot.choices[0].message.content == "a"
    assert snapshot.choices[0].content_filter_offsets is not None


@pytest.mark.parametrize("delta", [None, "missing"])
def test_a_choice_without_a_delta_has_not_begun(delta: Any) -> None:
    piece = {"index": 0, "content_filter_results": {"hate": {}}} | ({} if delta else {"delta": None})
    assert completion({"choices": [piece]}).choices == []


def test_a_running_message_beside_a_delta_is_ignored() -> None:
    snapshot = completion(
        {"choices": [{"index": 0, "message": {"content": "It"}, "delta": {"content": "It"}}]},
        {"choices": [{"index": 0, "message": {"content": "It is"}, "delta": {"content": " is"}}]},
        {"choices": [{"index": 0, "message": {"content": "It is"}, "delta": {"content": ""}}]},
    )
    assert snapshot.choices[0].message.content == "It is"


def test_a_message_without_a_delta_is_the_delta() -> None:
    message = {"role": "assistant", "content": "It is", "tool_calls": [passing("{}", id="a", name="f")]}
    snapshot = completion({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    assert snapshot.choices[0].message == Message(
        content="It is", tool_calls=[ToolCall("a", function=Function("f", "{}"))]
    )


@pytest.mark.parametrize("message", ["text", 7, [], {"content": {}}, {"tool_calls": 1}])
def test_a_message_of_another_shape_is_none(message: Any) -> None:
    assert completion({"choices": [{"index": 0, "message": message}]}).choices == []


# -- usage -----------------------------------------------------------------------------------------------

USED = msgspec.convert(USAGE, CompletionUsage)
MORE_USED = msgspec.convert(MORE_USAGE, CompletionUsage)


@pytest.mark.parametrize(
    ("payloads", "usage"),
    [
        ([{"choices": [], "usage": USAGE}], USED),
        ([{"usage": USAGE}], USED),
        (
            [{"choices": [{"index": 0, "delta": {"content": "a"}}], "usage": USAGE}, {"usage": MORE_USAGE}],
            MORE_USED,
        ),
        ([{"choices": [{"index": 0, "usage": USAGE}]}], USED),
        ([{"choices": [{"index": 0, "usage": MORE_USAGE}], "usage": USAGE}], USED),
        ([{"usage": USAGE}, {"choices": [{"index": 0, "usage": MORE_USAGE}]}], MORE_USED),
        ([{"usage": USAGE}, {"choices": [{"index": 0, "usage": {}}]}], USED),
        ([{"x_groq": {"usage": USAGE}}], USED),
        ([{"x_groq": {"usage": MORE_USAGE}}, {"usage": USAGE}], USED),
        ([{"usage": USAGE}, {"x_groq": {"usage": MORE_USAGE}}], USED),
        ([{"x_groq": {"usage": USAGE}}, {"x_groq": {"id": "a"}}], USED),
        ([{"x_groq": {"usage": None}}], None),
        ([{"x_groq": {"usage": {}}}], None),
        ([{"x_groq": {}}], None),
        ([{"x_groq": {"id": "a"}}], None),
        ([{"x_groq": {"usage": "much"}}], None),
        ([{"x_groq": "odd"}], None),
        ([{"x_groq": ["odd"]}], None),
        ([], None),
    ],
)
def test_usage_is_taken_from_wherever_it_comes(payloads: list[Any], usage: CompletionUsage | None) -> None:
    reducer = folded(*payloads)
    assert reducer.usage == usage
    assert reducer.snapshot().usage == usage


def test_model_and_created_are_those_of_the_snapshot() -> None:
    reducer = folded({"model": "", "created": 0}, {"model": "m", "created": 7}, {"model": "n", "created": 8})
    assert (reducer.model, reducer.created) == ("m", 7)
    assert (ChatReducer().model, ChatReducer().created) == (None, None)


# -- tokens ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delta", "tokens"),
    [
        ({}, 0),
        ({"role": "assistant", "content": ""}, 0),
        ({"content": None, "refusal": None}, 0),
        ({"content": "a"}, 1),
        ({"refusal": "a"}, 1),
        ({"reasoning": "a"}, 1),
        ({"reasoning_content": "a"}, 1),
        ({"content": [{"text": ""}]}, 0),
        ({"content": [{"thinking": "a"}]}, 1),
        ({"tool_calls": [passing("", id="a", name="f")]}, 0),
        ({"tool_calls": [passing("{", id="a", name="f")]}, 1),
        ({"tool_calls": [{"custom": {"input": "x"}}]}, 1),
        ({"function_call": {"name": "f"}}, 0),
        ({"function_call": {"arguments": "{"}}, 1),
        ({"tool_calls": [passing("{", index=0, id="a"), passing("{", index=1, id="b")]}, 2),
        ({"tool_calls": [{"function": {"arguments": "{"}, "custom": {"input": "x"}}]}, 2),
        ({"content": "a", "refusal": "b", "reasoning": ""}, 2),
        ({"content": "a", "tool_calls": [passing("{", index=0), passing("}", index=0)]}, 3),
        ({"content": "a", "function_call": {"arguments": "{"}}, 2),
    ],
)
def test_tokens_are_deltas_that_bring_something_to_read(delta: Any, tokens: int) -> None:
    assert folded({"choices": [{"index": 0, "delta": delta}]}).tokens == tokens


# -- diagnostics -----------------------------------------------------------------------------------------

TWO_IDS = (
    {"choices": [{"index": 0, "delta": {"tool_calls": [passing("", index=0, id="a", name="f")]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [passing("{", index=0, id="b")]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [passing("}", index=0, id="b")]}}]},
)


def test_what_is_noted_says_where_and_how_often() -> None:
    (entry,) = folded(*TWO_IDS).diagnostics
    assert (entry.kind, entry.ordinal, entry.count) == ("tool_call_id", 2, 2)
    assert entry.detail == "id 'b' for call 'a': taken as the same call"


@pytest.mark.parametrize(
    "called",
    [
        lambda name, passed: {"function_call": {"name": name, "arguments": passed}},
        lambda name, passed: {"tool_calls": [{"index": 0, "function": {"name": name, "arguments": passed}}]},
        lambda name, passed: {"tool_calls": [{"index": 0, "custom": {"name": name, "input": passed}}]},
    ],
)
def test_another_name_for_a_call_is_ignored_and_noted(called: Any) -> None:
    reducer = folded(
        *(
            {"choices": [{"index": 0, "delta": called(name, passed)}]}
            for name, passed in (("f", "{"), ("g", "}"))
        )
    )
    (entry,) = reducer.diagnostics
    assert (entry.kind, entry.detail, entry.ordinal) == (
        "tool_call_name",
        "name 'g' ignored: the call is 'f'",
        2,
    )


@pytest.mark.parametrize(
    ("delta", "steps"),
    [
        ({"content": "a"}, ["Fields.merge", "Text.add"]),
        ({"content": "a", "role": "assistant"}, ["Fields.merge", "First.add", "Fields.merge", "Text.add"]),
        ({"tool_calls": [passing("{", index=0)]}, ["ToolCalls.apply", "Called.add", "Text.add"]),
    ],
)
def test_what_most_deltas_bring_is_folded_without_a_look_at_each_field(
    delta: dict[str, Any], steps: list[str]
) -> None:
    begun = {"role": "assistant", "content": "", "tool_calls": [passing("", index=0, id="x", name="f")]}
    reducer = folded(*({"id": "c", "choices": [{"index": 0, "delta": each}]} for each in (begun, delta)))
    chunk = chunk_of({"id": "c", "choices": [{"index": 0, "delta": delta}]})
    calls = calls_of(partial(reducer.apply, chunk)).python
    assert calls == ["ChoicesReducer.apply", "_Choice.apply", "_Choice._apply_delta", *steps]


def test_chunks_that_were_folded_by_the_fast_way_are_counted() -> None:
    reducer = folded(TWO_IDS[0])
    reducer.repeated(3, tokens=2)
    reducer.apply(chunk_of(TWO_IDS[1]))
    (entry,) = reducer.diagnostics
    assert (entry.ordinal, reducer.tokens) == (5, 3)


def test_what_adds_to_arguments_finds_its_call() -> None:
    calls = [passing("", index=at, id=name, name=name) for at, name in enumerate("fgh")]
    reducer = folded({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]})
    for index in (0, 1, None):
        add = reducer.adder(0, "arguments", Delta(tool_calls=[ToolCallDelta(index)]))
        add(f"{index}")
    reducer.repeated(3, tokens=3)
    found = reducer.snapshot().choices[0].message.tool_calls or []
    assert [called(call) for call in found] == [("f", "0"), ("g", "1"), ("h", "None")]


def test_a_log_of_the_caller_is_written_and_not_counted_on() -> None:
    log = DiagnosticLog()
    log.ordinal = 40
    reducer = ChatReducer(log)
    for payload in TWO_IDS:
        reducer.apply(chunk_of(payload))
    (entry,) = log.entries()
    assert (entry.kind, entry.ordinal) == ("tool_call_id", 40)
    assert reducer.diagnostics == log.entries()


# -- what a snapshot promises ----------------------------------------------------------------------------

MIXED: list[Any] = [
    {"id": "x", "created": 7, "model": "m", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    {"choices": [filtered(0, 0), filtered(2, 0)]},
    text_chunk((1, "a\ud83d"), (0, "b")),
    text_chunk((1, "\ude00")),
    {"choices": [{"index": 0, "delta": {"content": [{"text": "c"}, {"thinking": "d"}]}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_details": [{"type": "reasoning.text", "text": "e"}]}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_details": [{"type": "reasoning.text", "text": "f"}]}}]},
    {"choices": [{"index": 1, "message": {"content": "whole"}}]},
    *TWO_IDS,
    {"choices": [{"index": 0, "delta": {"tool_calls": [passing("{}", index=0, id="c", name="g")]}}]},
    {"choices": [{"index": 0, "delta": {"function_call": {"name": "f", "arguments": "{"}}}]},
    {"choices": [{"index": 0, "delta": {"audio": {"id": "a", "data": "AAEC", "transcript": "g"}}}]},
    {"choices": [{"index": 0, "delta": {"audio": {"data": "AwQF"}, "annotations": [{"h": 1}]}}]},
    {"choices": [{"index": 0, "delta": {"annotations": [{"i": [1]}], "executed_tools": [{"index": 0}]}}]},
    {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": TOKEN_LOGPROBS, "refusal": None}}]},
    {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": TOKEN_LOGPROBS, "tokens": ["a"]}}]},
    {"choices": [{"index": 0, "finish_reason": "stop", "token_ids": [1]}], "usage": USAGE},
    {"choices": [], "x_groq": {"usage": MORE_USAGE}, "citations": ["a"], "usage": {}},
    {"choices": [{"index": 1, "finish_reason": "length", "usage": MORE_USAGE}], "citations": ["a", "b"]},
]


def check_snapshots(chunks: list[ChatCompletionChunk]) -> None:
    """At every step a snapshot is what a fresh fold gives, and it stays so; no chunk is changed."""
    before = repr(chunks)
    reducer = ChatReducer()
    snapshots = [reducer.snapshot()]
    shown = [repr(snapshots[0])]
    for chunk in chunks:
        reducer.apply(chunk)
        snapshots.append(reducer.snapshot())
        shown.append(repr(snapshots[-1]))
        assert reducer.snapshot() is snapshots[-1]
    assert repr(chunks) == before
    for count, then in enumerate(shown):
        fresh = ChatReducer()
        for chunk in chunks[:count]:
            fresh.apply(chunk)
        assert repr(fresh.snapshot()) == then
    assert [repr(snapshot) for snapshot in snapshots] == shown


def test_a_snapshot_is_a_fresh_fold_and_is_never_altered() -> None:
    check_snapshots([chunk_of(payload) for payload in MIXED])
    check_snapshots([chunk_of(payload) for payload in reversed(MIXED)])


def test_a_snapshot_encodes_and_comes_back() -> None:
    snapshot = completion(*MIXED)
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=ChatCompletion) == snapshot


def test_chunks_that_were_copied_fold_alike() -> None:
    chunks = [chunk_of(payload) for payload in MIXED]
    whole = completion(*MIXED)
    for copies in (copy.deepcopy(chunks), copy.copy(chunks), roundtrip(chunks)):
        assert copies == chunks
        reducer = ChatReducer()
        for chunk in copies:
            reducer.apply(chunk)
        assert reducer.snapshot() == whole


def roundtrip(chunks: list[ChatCompletionChunk]) -> list[ChatCompletionChunk]:
    copies: list[ChatCompletionChunk] = pickle.loads(pickle.dumps(chunks))
    return copies


def test_chunks_made_by_hand_fold_as_well() -> None:
    reducer = ChatReducer()
    reducer.apply(ChatCompletionChunk(choices=[ChunkChoice(Delta(content="a"), 0)], id="x"))
    call = ToolCallDelta(0, "c", function=FunctionDelta("{}", "f"))
    reducer.apply(ChatCompletionChunk([ChunkChoice(Delta(tool_calls=[call]), 0, "tool_calls")]))
    (choice,) = reducer.snapshot().choices
    assert reducer.snapshot().id == "x"
    assert choice.message == Message(content="a", tool_calls=[ToolCall("c", function=Function("f", "{}"))])
    assert choice.finish_reason == "tool_calls"


def check_folds(texts: list[str]) -> None:
    """What decodes folds, snapshots keep their promises, and what is handed out encodes."""
    chunks = []
    for text in texts:
        try:
            chunk = DECODER.decode(ServerSentEvent(text.encode("utf-8", "surrogatepass")))
        except EventDecodeError:
            continue
        if isinstance(chunk, ChatCompletionChunk):
            chunks.append(chunk)
    check_snapshots(chunks)
    reducer = ChatReducer()
    for chunk in chunks:
        reducer.apply(chunk)
    encoded = msgspec.json.encode(reducer.snapshot())
    for entry in reducer.diagnostics:
        assert entry.detail.encode()
    assert json.loads(encoded)["object"] == "chat.completion"
    again = msgspec.json.decode(encoded, type=ChatCompletion)
    assert msgspec.json.encode(again) == encoded


some_deltas = fitting(Delta, broken_texts).map(lambda delta: {"choices": [{"index": 0, "delta": delta}]})
some_chunks = fitting(ChatCompletionChunk, broken_texts) | some_deltas


@given(st.lists(written(some_chunks), max_size=4))
@settings(max_examples=100, deadline=None)
def test_whatever_decodes_folds_and_encodes(texts: list[str]) -> None:
    check_folds(texts)


short_texts = st.sampled_from(("", "a", "b", "{}", "{", "}", '"', None))
call_deltas = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from((None, 0, 1, 2)),
        "id": short_texts,
        "function": st.fixed_dictionaries({}, optional={"name": short_texts, "arguments": short_texts}),
    },
)


@given(st.lists(st.lists(call_deltas, max_size=2), max_size=6))
@settings(max_examples=200, deadline=None)
def test_no_piece_of_an_argument_is_lost(chunks: list[list[dict[str, Any]]]) -> None:
    sent = [delta.get("function", {}).get("arguments") or "" for deltas in chunks for delta in deltas]
    snapshot = completion(
        *({"choices": [{"index": 0, "delta": {"tool_calls": deltas}}]} for deltas in chunks)
    )
    calls = [call for choice in snapshot.choices for call in choice.message.tool_calls or []]
    assert sorted("".join(called(call)[1] for call in calls)) == sorted("".join(sent))
    ids = [call.id for call in calls if call.id]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ('"logprobs":{"content":[{"token":"a","logprob":-1}]}', "logprobs"),
        ('"token_ids":[7]', "token_ids"),
        ('"content_filter_offsets":{"check_offset":1}', "content_filter_offsets"),
    ],
)
def test_lists_add_up_though_a_chunk_repeats_the_one_before(fields: str, name: str) -> None:
    reducer = ChatReducer()
    chunk = msgspec.json.decode(
        f'{{"choices":[{{"index":0,"delta":{{"content":"a"}},{fields}}}]}}', type=ChatCompletionChunk
    )
    for _ in range(3):
        reducer.apply(chunk)
    value = getattr(reducer.snapshot().choices[0], name)
    assert len(value.content if name == "logprobs" else value) == 3
