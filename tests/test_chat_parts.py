"""Chunks in, parts out: in the order in which the model writes, and exactly what the reducer adds up."""

from __future__ import annotations

import json
import tracemalloc
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from part_laws import check_part_events, texts_of
from shared import CHAT_BODIES, Body, broken_texts, fitting
from ssewire import ChatDecoder, ChatParser, ChatReducer, ServerSentEvent, SSEWireError
from ssewire.chat import ChatCompletion, ChatCompletionChunk
from ssewire.chat.parts import ChatParts, parts_of
from ssewire.parts import (
    AnyPart,
    AudioPart,
    ImagePart,
    OtherPart,
    PartDelta,
    PartEnd,
    PartEvent,
    PartStart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

# Where text and calls, or reasoning and calls, alternate, which a completion does not tell.
ALTERNATING = {
    "chat-avian-kimik2.5-paralleltools-reasoning.sse",
    "chat-avian-kimik2.5-toolcalls-reasoning.sse",
    "chat-groq-compound-reasoning.sse",
    "chat-groq-gptoss120b-reasoning.sse",
    "chat/content-list.sse",
    "chat/reasoning-details.sse",
}


def chunks_of(*deltas: dict[str, Any], **fields: Any) -> list[ChatCompletionChunk]:
    """Chunks of one choice, with the fields given on the last of them."""
    payloads = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    payloads[-1]["choices"][0] |= fields
    return [msgspec.convert(payload, ChatCompletionChunk) for payload in payloads]


def told_by(chunks: list[ChatCompletionChunk]) -> list[PartEvent]:
    parts = ChatParts()
    return [event for chunk in chunks for event in parts.apply(chunk)] + parts.end()


def call(index: int | None = 0, **fields: Any) -> dict[str, Any]:
    """A delta with a piece of one call."""
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    return {"tool_calls": [{"index": index, "function": function} | fields]}


def check_agreement(completion: ChatCompletion, parts: list[AnyPart]) -> None:
    """The parts of each choice, concatenated, are what the completion holds."""
    for choice in completion.choices:
        message = choice.message
        own = [part for part in parts if part.choice == choice.index]
        assert texts_of(own, TextPart) == (message.content or "")
        assert texts_of(own, RefusalPart) == (message.refusal or "")
        calls = [part for part in own if isinstance(part, ToolCallPart) and not part.hosted]
        expected = [
            ("custom", each.id, each.custom.name, each.custom.input)
            for each in message.tool_calls or []
            if each.custom
        ]
        expected += [
            ("function", each.id, each.function.name, each.function.arguments)
            for each in message.tool_calls or []
            if each.function
        ]
        if message.function_call is not None:
            expected.append(("function", "", message.function_call.name, message.function_call.arguments))
        found = [(each.kind, each.call_id, each.name, each.arguments) for each in calls]
        assert sorted(found) == sorted(expected)
        spoken = [part for part in own if isinstance(part, AudioPart)]
        heard = [] if message.audio is None else [message.audio]
        assert [(each.id, each.data, each.transcript, each.expires_at) for each in spoken] == [
            (each.id, each.data, each.transcript, each.expires_at) for each in heard
        ]
        ran = [part.extra for part in own if isinstance(part, ToolCallPart) and part.hosted]
        assert ran == (message.executed_tools or [])
        annotations = [each for part in own if isinstance(part, TextPart) for each in part.annotations]
        assert annotations == (message.annotations or [])


def reasoning_of(completion: ChatCompletion, choice: int) -> str:
    message = next(each.message for each in completion.choices if each.index == choice)
    details = message.reasoning_details or []
    told = "".join(each.get("text") or each.get("summary") or "" for each in details)
    return message.reasoning_content or message.reasoning or told


@pytest.mark.parametrize("body", CHAT_BODIES, ids=lambda body: body.name)
def test_the_parts_of_a_recorded_stream_are_what_it_adds_up_to(body: Body) -> None:
    parser = ChatParser(malformed="skip")
    parts = ChatParts()
    told: list[PartEvent] = []
    try:
        for step in (partial(parser.feed, body.read()), parser.close):
            told += [each for event in step() for each in parts.apply(event)]
    except SSEWireError:
        pass  # what had come is compared all the same
    told += parts.end()
    found = check_part_events(told)
    completion = parser.snapshot()
    check_agreement(completion, found)
    for choice in completion.choices:
        own = parts.parts(choice.index)
        assert own == [part for part in found if part.choice == choice.index]
        assert texts_of(own, ReasoningPart) == reasoning_of(completion, choice.index)
        whole = parts_of(completion, choice.index)
        if body.name in ALTERNATING:
            assert {part.type for part in whole} <= {part.type for part in own}
        else:
            assert [msgspec.structs.replace(part, index=0) for part in whole] == [
                msgspec.structs.replace(part, index=0) for part in own
            ]


payloads = fitting(ChatCompletionChunk, broken_texts)
pieces = st.fixed_dictionaries(
    {"index": st.none() | st.integers(0, 1)},
    optional={
        "id": st.sampled_from(["", "a", "b"]),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["", "f", "g"]),
                "arguments": st.sampled_from(["", "{", "}", "é"]),
            },
        ),
    },
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": st.none() | broken_texts,
        "role": st.just("assistant"),
        "refusal": broken_texts,
        "tool_calls": st.none() | st.lists(pieces, max_size=2),
    },
)
written = st.lists(
    st.fixed_dictionaries({"delta": deltas, "index": st.none() | st.integers(0, 1)}), max_size=2
).map(lambda choices: msgspec.convert({"choices": choices}, ChatCompletionChunk))


def test_behind_the_end_nothing_is_told() -> None:
    parts = ChatParts()
    parts.apply(chunks_of({"content": "a"})[0])
    parts.end()
    assert parts.apply(chunks_of({"content": "b"})[0]) == []
    assert parts.apply(chunks_of({"refusal": "c"})[0]) == []
    assert parts.end() == []


@example(
    [
        msgspec.convert({"choices": [{"index": 0, "delta": delta}]}, ChatCompletionChunk)
        for delta in ({"content": "a", "refusal": "b"}, {"content": "c"})
    ]
)
@given(st.lists(written, max_size=12))
@settings(max_examples=200)
def test_however_deltas_alternate_the_parts_agree_with_the_reducer(
    given_chunks: list[ChatCompletionChunk],
) -> None:
    reducer, parts = ChatReducer(), ChatParts()
    told: list[PartEvent] = []
    for chunk in given_chunks:
        reducer.apply(chunk)
        told += parts.apply(chunk)
    told += parts.end()
    check_agreement(reducer.snapshot(), check_part_events(told))


@pytest.mark.no_cover
@given(st.data())
@settings(max_examples=100)
def test_whatever_chunks_hold_the_laws_hold(data: st.DataObject) -> None:
    given_payloads = [data.draw(payloads) for _ in range(data.draw(st.integers(1, 4)))]
    decoder: ChatDecoder[ChatCompletionChunk] = ChatDecoder()
    events = [decoder.decode(ServerSentEvent(json.dumps(each).encode())) for each in given_payloads]
    check_part_events(told_by([event for event in events if isinstance(event, ChatCompletionChunk)]))


def test_text_behind_a_call_is_a_new_part() -> None:
    chunks = chunks_of(
        {"role": "assistant", "content": "Let me"},
        {"content": " see."},
        call(id="call_1", name="look", arguments=""),
        call(arguments="{}"),
        {"content": "Done."},
        finish_reason="stop",
    )
    first, look, last = (
        TextPart(index=0, text="Let me see."),
        ToolCallPart(index=1, call_id="call_1", name="look", arguments="{}", ended=True),
        TextPart(index=2, text="Done."),
    )
    assert told_by(chunks) == [
        PartStart(0, 0, TextPart(index=0)),
        PartDelta(0, "Let me"),
        PartDelta(0, " see."),
        PartEnd(0, first),
        PartStart(1, 0, ToolCallPart(index=1, call_id="call_1", name="look")),
        PartDelta(1, "{}", "arguments"),
        PartStart(2, 0, TextPart(index=2)),
        PartDelta(2, "Done."),
        PartEnd(1, look),
        PartEnd(2, last),
    ]


# Deltas, and the parts that they write.
ROWS: list[tuple[str, list[dict[str, Any]], list[AnyPart]]] = [
    ("nothing", [{"role": "assistant", "content": ""}, {}, {"content": None}], []),
    (
        "reasoning in one field, then text, then reasoning again",
        [
            {"reasoning_content": "a"},
            {"reasoning_content": "b"},
            {"content": "c"},
            {"reasoning_content": "d"},
        ],
        [
            ReasoningPart(index=0, text="ab"),
            TextPart(index=1, text="c"),
            ReasoningPart(index=2, text="d"),
        ],
    ),
    (
        "reasoning that is sent in three fields is sent thrice",
        [
            {
                "reasoning_content": "a",
                "reasoning": "a",
                "reasoning_details": [{"type": "reasoning.text", "text": "a"}],
            }
        ],
        [ReasoningPart(index=0, text="a")],
    ),
    (
        "a signature belongs to the reasoning before it, and ends it",
        [
            {"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a", "id": "r_1"}]},
            {"reasoning_details": [{"type": "reasoning.text", "signature": "sig", "id": "r_2"}]},
            {"reasoning": "b", "reasoning_details": [{"type": "reasoning.text", "text": "b"}]},
        ],
        [ReasoningPart(index=0, id="r_1", text="a", signature="sig"), ReasoningPart(index=1, text="b")],
    ),
    (
        "a signature beside its text",
        [
            {"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "signature": "sig"}]},
            {"reasoning": "b"},
        ],
        [ReasoningPart(index=0, text="a", signature="sig"), ReasoningPart(index=1, text="b")],
    ),
    (
        "encrypted reasoning has no text; another payload is another part",
        [
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "id": "r_1"}]},
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "y"}, "nonsense"]},
            {"content": "c"},
            {"reasoning_details": {"type": "reasoning.encrypted", "data": "z"}},
        ],
        [
            ReasoningPart(index=0, id="r_1", encrypted="x"),
            ReasoningPart(index=1, encrypted="y"),
            TextPart(index=2, text="c"),
            ReasoningPart(index=3, encrypted="z"),
        ],
    ),
    (
        "a summary says so, and its text may stand in the details alone",
        [{"reasoning_details": [{"type": "reasoning.summary", "summary": "In short"}]}],
        [ReasoningPart(index=0, text="In short", summary=True)],
    ),
    (
        "a detail of nothing",
        [{"reasoning_details": [{"type": "reasoning.text", "text": None, "signature": None, "data": 1}]}],
        [],
    ),
    (
        "Mistral thinks and refers inside the content",
        [
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
            {"content": [{"type": "thinking", "thinking": "m."}, {"type": "text", "text": "So"}]},
            {"content": [{"type": "reference", "reference_ids": [1]}]},
            {"content": "!"},
        ],
        [
            ReasoningPart(index=0, text="Hmm."),
            TextPart(index=1, text="So"),
            TextPart(index=3, text="!"),
        ],
    ),
    (
        "a refusal",
        [{"content": "I"}, {"refusal": "No"}, {"refusal": "."}],
        [TextPart(index=0, text="I"), RefusalPart(index=1, text="No.")],
    ),
    (
        "calls that interleave",
        [
            call(0, id="a", name="f", arguments="{"),
            call(1, id="b", name="g", arguments="["),
            call(0, arguments="}"),
            call(1, arguments="]"),
        ],
        [
            ToolCallPart(index=0, call_id="a", name="f", arguments="{}"),
            ToolCallPart(index=1, call_id="b", name="g", arguments="[]"),
        ],
    ),
    (
        "calls that all have the index 0",
        [call(0, id="a", name="f", arguments="{}"), call(0, id="b", name="f", arguments="{}")],
        [
            ToolCallPart(index=0, call_id="a", name="f", arguments="{}"),
            ToolCallPart(index=1, call_id="b", name="f", arguments="{}"),
        ],
    ),
    (
        "calls that all have the index 0, in pieces",
        [
            call(0, id="a", name="f", arguments="{"),
            call(0, arguments="}"),
            call(0, id="b", name="f", arguments="["),
            call(0, arguments="1"),
            call(0, id="c", name="f", arguments="]"),
        ],
        [
            ToolCallPart(index=0, call_id="a", name="f", arguments="{}"),
            ToolCallPart(index=1, call_id="b", name="f", arguments="[1]"),
        ],
    ),
    (
        "a known id at the index of another call",
        [
            call(0, id="a", name="f", arguments="{"),
            call(1, id="b", name="g", arguments="["),
            call(1, arguments="1"),
            call(1, id="a", arguments="}"),
        ],
        [
            ToolCallPart(index=0, call_id="a", name="f", arguments="{}"),
            ToolCallPart(index=1, call_id="b", name="g", arguments="[1"),
        ],
    ),
    (
        "text beside arguments that go on",
        [
            call(0, id="a", name="f", arguments="{"),
            call(0, arguments="1") | {"content": "a"},
            call(0, arguments="}") | {"content": "b"},
        ],
        [
            ToolCallPart(index=0, call_id="a", name="f", arguments="{1}"),
            TextPart(index=1, text="ab"),
        ],
    ),
    (
        "one call whose id changes",
        [call(0, id="a", name="f", arguments=""), call(0, id="b", arguments="{}")],
        [ToolCallPart(index=0, call_id="a", name="f", arguments="{}")],
    ),
    (
        "calls without an index",
        [
            call(None, id="a", name="f", arguments="{"),
            call(None, arguments="}"),
            call(None, id="b", name="g"),
        ],
        [
            ToolCallPart(index=0, call_id="a", name="f", arguments="{}"),
            ToolCallPart(index=1, call_id="b", name="g"),
        ],
    ),
    (
        "names and ids that come late, and names that come repeated",
        [
            call(0, arguments=""),
            call(0, name="lo"),
            call(0, name="ok", id="a"),
            call(0, name="look", arguments="{"),
        ],
        [ToolCallPart(index=0, call_id="a", name="look", arguments="{")],
    ),
    (
        "a custom tool takes free text",
        [
            {
                "tool_calls": [
                    {"index": 0, "id": "a", "type": "custom", "custom": {"name": "run", "input": "ls"}}
                ]
            },
            {"tool_calls": [{"index": 0, "custom": {"input": " -l"}}]},
        ],
        [ToolCallPart(index=0, kind="custom", call_id="a", name="run", arguments="ls -l")],
    ),
    (
        "a custom tool that is told late",
        [call(0, id="a"), {"tool_calls": [{"index": 0, "custom": {"name": "run", "input": "ls"}}]}],
        [ToolCallPart(index=0, kind="custom", call_id="a", name="run", arguments="ls")],
    ),
    (
        "what Google needs back with a call",
        [
            call(0, id="a", name="f", arguments="{}"),
            {"tool_calls": [{"index": 0, "extra_content": {"google": 1}}]},
        ],
        [ToolCallPart(index=0, call_id="a", name="f", arguments="{}", extra={"google": 1})],
    ),
    (
        "the way to call before there were tools",
        [
            {"function_call": {"name": "f"}},
            {"function_call": {"arguments": "{"}},
            {"function_call": {"arguments": "}"}},
        ],
        [ToolCallPart(index=0, name="f", arguments="{}")],
    ),
    (
        "tools that Groq runs",
        [
            {"reasoning": "a"},
            {"executed_tools": [{"index": 0, "type": "search", "name": "s", "arguments": "{}"}, "nonsense"]},
            {"executed_tools": [{"index": 0, "type": "search", "arguments": "{}", "output": "found"}]},
            {"executed_tools": {"index": 1, "arguments": None}},
        ],
        [
            ReasoningPart(index=0, text="a"),
            ToolCallPart(
                index=1,
                kind="search",
                name="s",
                arguments="{}",
                hosted=True,
                ended=True,
                extra={"index": 0, "type": "search", "arguments": "{}", "output": "found"},
            ),
            ToolCallPart(index=2, kind="", hosted=True, extra={"index": 1, "arguments": None}),
        ],
    ),
    (
        "a spoken answer",
        [
            {"audio": {"id": "audio_1", "transcript": "Hi"}},
            {"audio": {"id": "audio_1", "data": "AAAA"}},
            {"audio": {"transcript": "\ud83d"}},
            {"audio": {"transcript": "\ude00", "data": "BBBB"}},
            {"audio": {"transcript": "\ud83d", "expires_at": 7}},
        ],
        [AudioPart(index=0, id="audio_1", data="AAAABBBB", transcript="Hi😀\ufffd", expires_at=7)],
    ),
    (
        "images",
        [
            {"content": "Look:"},
            {
                "images": [
                    {"image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"image_url": {"url": "https://example.com/a"}},
                ]
            },
            {"images": "nonsense"},
            {"images": [{"image_url": {"url": 1}}]},
        ],
        [
            TextPart(index=0, text="Look:"),
            ImagePart(
                index=1,
                data="AAAA",
                media_type="image/png",
                extra={"image_url": {"url": "data:image/png;base64,AAAA"}},
            ),
            ImagePart(
                index=2, url="https://example.com/a", extra={"image_url": {"url": "https://example.com/a"}}
            ),
            ImagePart(index=3, extra="nonsense"),
            ImagePart(index=4, extra={"image_url": {"url": 1}}),
        ],
    ),
    (
        "annotations before, with and after their text",
        [{"annotations": [1]}, {"content": "a", "annotations": [2]}, {"annotations": [3]}],
        [TextPart(index=0, text="a", annotations=[1, 2, 3])],
    ),
    ("annotations without text", [{"annotations": [1]}], [TextPart(index=0, annotations=[1])]),
    (
        "half a character at the end of a text",
        [{"content": "a\ud83d"}, {"content": "\ude00"}, {"content": "\ud83d"}],
        [TextPart(index=0, text="a😀\ufffd")],
    ),
    (
        "two halves with a call between them are one character, as in the completion",
        [{"content": "\ud83d"}, call(0, name="f", arguments="\ud83d"), {"content": "\ude00"}],
        [
            ToolCallPart(index=0, name="f", arguments="\ufffd"),
            TextPart(index=1, text="😀"),
        ],
    ),
]


@pytest.mark.parametrize(("deltas", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_deltas_write(deltas: list[dict[str, Any]], expected: list[AnyPart]) -> None:
    found = check_part_events(told_by(chunks_of(*deltas)))
    assert [part for part in found if not isinstance(part, OtherPart)] == expected


def test_a_content_of_another_type_is_a_part_of_its_own() -> None:
    found = check_part_events(
        told_by(chunks_of({"content": [{"type": "reference", "reference_ids": [1]}, {}]}))
    )
    assert [(part.kind, part.extra.reference_ids) for part in found if isinstance(part, OtherPart)] == [
        ("reference", [1]),
        ("", None),
    ]


@pytest.mark.parametrize(
    ("reason", "ended"),
    [
        *[(reason, True) for reason in ("tool_calls", "stop", "end_turn", "next_year")],
        *[(reason, False) for reason in ("length", "content_filter", "error", None)],
        *[(reason, False) for reason in ("model_length", "MAX_TOKENS", "insufficient_system_resource")],
    ],
)
def test_a_call_has_ended_if_its_choice_has_and_was_not_cut(reason: str | None, ended: bool) -> None:
    deltas = [call(0, name="f", arguments="{}"), {"function_call": {"name": "g"}}]
    found = check_part_events(told_by(chunks_of(*deltas, finish_reason=reason)))
    assert [part.ended for part in found if isinstance(part, ToolCallPart)] == [ended, ended]


@pytest.mark.parametrize("last", [{"content": "b"}, {"reasoning": "b"}, call(0, arguments="}")])
def test_a_finish_reason_may_come_with_more_of_the_same(last: dict[str, Any]) -> None:
    first = call(0, id="a", name="f", arguments="{")
    before = {} if "tool_calls" in last else dict.fromkeys(last, "a")
    found = check_part_events(told_by(chunks_of(first, before, last, finish_reason="tool_calls")))
    assert [part.ended for part in found if isinstance(part, ToolCallPart)] == [True]


def test_each_choice_has_parts_of_its_own() -> None:
    payloads: list[dict[str, Any]] = [
        {"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}}]},
        {"choices": [{"index": 1, "delta": {"content": "b"}}]},
    ]
    found = check_part_events(told_by([msgspec.convert(each, ChatCompletionChunk) for each in payloads]))
    assert found == [TextPart(index=0, choice=1, text="bb"), TextPart(index=1, choice=0, text="aa")]


def test_a_choice_without_an_index_is_known_by_its_place() -> None:
    payload = {"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}
    chunk = msgspec.convert(payload, ChatCompletionChunk)
    found = check_part_events(told_by([chunk, chunk]))
    assert found == [TextPart(index=0, text="aa"), TextPart(index=1, choice=1, text="bb")]


@pytest.mark.no_cover
def test_a_million_deltas_keep_one_text() -> None:
    chunk = chunks_of({"content": "word "})[0]
    parts = ChatParts()
    tracemalloc.start()
    try:
        for _ in range(100_000):
            parts.apply(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 500_000
