"""Each event of a Responses stream does to the response what the API says; and what servers do besides."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import msgspec
import pytest

from ssewire import (
    EventDecodeError,
    ResponsesDecoder,
    ResponsesParser,
    ResponsesReducer,
    ServerSentEvent,
    UnknownEvent,
    responses,
)
from ssewire.responses.reducer import ResponsesState, _load

Payload = dict[str, Any]
DECODER = ResponsesDecoder()


def decoded(payload: Payload) -> Any:
    event = DECODER.decode(ServerSentEvent(json.dumps(payload).encode()))
    assert event is not None
    return event


def fold(*payloads: Payload, number: bool = True) -> ResponsesReducer:
    reducer = ResponsesReducer()
    for at, payload in enumerate(payloads):
        reducer.apply(decoded(({"sequence_number": at} if number else {}) | payload))
    return reducer


def plain(reducer: ResponsesReducer) -> Any:
    return json.loads(msgspec.json.encode(reducer.snapshot()))


def kinds(reducer: ResponsesReducer) -> list[str]:
    return [each.kind for each in reducer.diagnostics]


def notes(reducer: ResponsesReducer) -> list[tuple[str, str, int]]:
    return [(each.kind, each.detail, each.ordinal) for each in reducer.diagnostics]


def event(kind: str, index: int | None = 0, **fields: Any) -> Payload:
    return {"type": f"response.{kind}", "output_index": index, "item_id": "i", **fields}


def added(item: Payload, index: int | None = 0) -> Payload:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: Payload, index: int | None = 0) -> Payload:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def whole(name: str = "completed", **fields: Any) -> Payload:
    return {"type": f"response.{name}", "response": {"id": "r", "status": name, **fields}}


def part(kind: str, **fields: Any) -> Payload:
    return {"content_index": 0, "part": {"type": kind, **fields}}


MESSAGE = {"type": "message", "id": "m", "status": "in_progress", "role": "assistant", "content": []}
REASONING = {"type": "reasoning", "id": "r", "summary": []}
CALL = {
    "type": "function_call",
    "id": "f",
    "call_id": "c",
    "name": "look",
    "arguments": "",
    "status": "in_progress",
}
CUSTOM = {"type": "custom_tool_call", "id": "u", "call_id": "c", "name": "write", "input": ""}
MCP = {"type": "mcp_call", "id": "p", "server_label": "s", "name": "n", "arguments": ""}
CODE = {
    "type": "code_interpreter_call",
    "id": "c",
    "container_id": "x",
    "code": None,
    "status": "in_progress",
}
SHELL = {"type": "shell_call", "id": "s", "call_id": "c", "action": {"commands": []}, "status": "in_progress"}
OUTPUT = {"type": "shell_call_output", "id": "o", "call_id": "c", "output": [], "status": "in_progress"}
PATCH = {
    "type": "apply_patch_call",
    "id": "a",
    "call_id": "c",
    "operation": {"type": "update_file", "path": "p"},
}
LOGPROB = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}
CITATION = {"type": "file_citation", "file_id": "f", "filename": "n", "index": 3}
EXIT = {"stdout": "out", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}

ROWS: dict[str, tuple[list[Payload], str, Any]] = {
    "content_part.added": (
        [added(MESSAGE), event("content_part.added", **part("output_text", text="x"))],
        "content.0.text",
        "x",
    ),
    "content_part.done": (
        [added(MESSAGE), event("content_part.done", **part("refusal", refusal="no"))],
        "content.0.refusal",
        "no",
    ),
    "output_text.delta": (
        [added(MESSAGE), *(event("output_text.delta", content_index=0, delta=each) for each in "ab")],
        "content.0.text",
        "ab",
    ),
    "output_text.delta, logprobs": (
        [
            added(MESSAGE),
            *(event("output_text.delta", content_index=0, delta="a", logprobs=[LOGPROB]) for _ in range(3)),
        ],
        "content.0.logprobs",
        [LOGPROB] * 3,
    ),
    "output_text.done": (
        [
            added(MESSAGE),
            event("output_text.delta", content_index=0, delta="a"),
            event("output_text.done", content_index=0, text="abc", logprobs=[LOGPROB]),
        ],
        "content.0",
        {"type": "output_text", "annotations": [], "logprobs": [LOGPROB], "text": "abc"},
    ),
    "output_text.annotation.added": (
        [
            added(MESSAGE),
            event("output_text.annotation.added", content_index=0, annotation_index=0, annotation=CITATION),
        ],
        "content.0.annotations",
        [CITATION],
    ),
    "refusal.delta": (
        [added(MESSAGE), *(event("refusal.delta", content_index=0, delta=each) for each in ("n", "o"))],
        "content.0",
        {"type": "refusal", "refusal": "no"},
    ),
    "refusal.done": ([event("refusal.done", content_index=0, refusal="no")], "content.0.refusal", "no"),
    "reasoning_text.delta": (
        [added(REASONING), *(event("reasoning_text.delta", content_index=0, delta=each) for each in "xy")],
        "content.0",
        {"type": "reasoning_text", "text": "xy"},
    ),
    "reasoning_text.done": (
        [event("reasoning_text.done", content_index=0, text="xy")],
        "content.0.text",
        "xy",
    ),
    "reasoning_summary_part.added": (
        [
            added(REASONING),
            event("reasoning_summary_part.added", summary_index=0, part={"type": "summary_text", "text": ""}),
        ],
        "summary.0",
        {"type": "summary_text", "text": ""},
    ),
    "reasoning_summary_part.done": (
        [event("reasoning_summary_part.done", summary_index=1, part={"type": "summary_text", "text": "z"})],
        "summary.0.text",
        "z",
    ),
    "reasoning_summary_text.delta": (
        [
            added(REASONING),
            *(event("reasoning_summary_text.delta", summary_index=0, delta=each) for each in "st"),
        ],
        "summary.0",
        {"type": "summary_text", "text": "st"},
    ),
    "reasoning_summary_text.done": (
        [event("reasoning_summary_text.done", summary_index=0, text="st")],
        "summary.0.text",
        "st",
    ),
    "function_call_arguments.delta": (
        [added(CALL), *(event("function_call_arguments.delta", delta=each) for each in "{}")],
        "arguments",
        "{}",
    ),
    "function_call_arguments.done": (
        [added(CALL), event("function_call_arguments.done", arguments="{}", name="other")],
        "name",
        "look",
    ),
    "function_call_arguments.done, the first to tell": (
        [event("function_call_arguments.done", arguments="{}", name="look")],
        "name",
        "look",
    ),
    "custom_tool_call_input.delta": (
        [added(CUSTOM), *(event("custom_tool_call_input.delta", delta=each) for each in "ab")],
        "input",
        "ab",
    ),
    "custom_tool_call_input.done": (
        [added(CUSTOM), event("custom_tool_call_input.done", input="ab")],
        "input",
        "ab",
    ),
    "mcp_call_arguments.delta": (
        [added(MCP), event("mcp_call_arguments.delta", delta="{}")],
        "arguments",
        "{}",
    ),
    "mcp_call_arguments.done": (
        [added(MCP), event("mcp_call_arguments.done", arguments="[]")],
        "arguments",
        "[]",
    ),
    "code_interpreter_call_code.delta": (
        [added(CODE), *(event("code_interpreter_call_code.delta", delta=each) for each in ("1", "+1"))],
        "code",
        "1+1",
    ),
    "code_interpreter_call_code.done": (
        [added(CODE), event("code_interpreter_call_code.done", code="2")],
        "code",
        "2",
    ),
    "shell_call_command.added": (
        [added(SHELL), event("shell_call_command.added", command_index=0, command="l")],
        "action.commands",
        ["l"],
    ),
    "shell_call_command.delta": (
        [
            added(SHELL),
            event("shell_call_command.added", command_index=0, command="l"),
            event("shell_call_command.delta", command_index=0, delta="s"),
        ],
        "action.commands",
        ["ls"],
    ),
    "shell_call_command.done": (
        [event("shell_call_command.done", command_index=2, command="ls")],
        "action.commands",
        ["ls"],
    ),
    "shell_call_output_content.delta": (
        [
            added(OUTPUT),
            event("shell_call_output_content.delta", command_index=0, delta={"stdout": "a"}),
            event("shell_call_output_content.delta", command_index=0, delta={"stdout": "b", "stderr": "c"}),
        ],
        "output.0.stdout",
        "ab",
    ),
    "shell_call_output_content.done": (
        [added(OUTPUT), event("shell_call_output_content.done", command_index=0, output=[EXIT])],
        "output",
        [EXIT],
    ),
    "shell_call_output_content.done, of nothing": (
        [added(OUTPUT), event("shell_call_output_content.done", command_index=0, output=[])],
        "output",
        [],
    ),
    "apply_patch_call_operation_diff.delta": (
        [added(PATCH), *(event("apply_patch_call_operation_diff.delta", delta=each) for each in "+x")],
        "operation.diff",
        "+x",
    ),
    "apply_patch_call_operation_diff.done": (
        [added(PATCH), event("apply_patch_call_operation_diff.done", diff="+y")],
        "operation.diff",
        "+y",
    ),
}
STATES = {
    "mcp_call": ("in_progress", "completed", "failed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "web_search_call": ("in_progress", "searching", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
}


def at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step) if step.isdigit() else step]
    return value


@pytest.mark.parametrize(("payloads", "path", "value"), ROWS.values(), ids=ROWS.keys())
def test_an_event_contributes_to_its_field(payloads: list[Payload], path: str, value: Any) -> None:
    assert at(plain(fold(*payloads))["output"][0], path) == value


@pytest.mark.parametrize(("item", "status"), [(item, each) for item, all_ in STATES.items() for each in all_])
def test_progress_is_the_status_of_the_item(item: str, status: str) -> None:
    found = plain(fold(added({"type": item, "id": "x", "status": "?"}), event(f"{item}.{status}")))
    assert found["output"][0]["status"] == status


def test_lifecycle_events_replace_what_is_known_but_the_items() -> None:
    reducer = fold(
        whole("queued"), whole("created", model="a"), added(MESSAGE), whole("in_progress", model="b")
    )
    assert (reducer.model, reducer.created, reducer.usage) == ("b", None, None)
    assert [item["id"] for item in plain(reducer)["output"]] == ["m"]
    assert not reducer.finished


def test_the_terminal_event_overrides_everything() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    final = {**MESSAGE, "content": [{"type": "output_text", "text": "final"}]}
    reducer = fold(added(MESSAGE), done(MESSAGE), whole(output=[final], usage=usage, model="m", created_at=7))
    assert plain(reducer)["output"][0]["content"][0]["text"] == "final"
    assert (reducer.usage.total_tokens, reducer.model, reducer.created) == (3, "m", 7)
    assert reducer.finished


@pytest.mark.parametrize("fields", [{"output": []}, {"output": None}, {}])
def test_an_end_without_items_keeps_those_that_came(fields: Payload) -> None:
    begun = [whole("created"), added(MESSAGE), event("output_text.delta", content_index=0, delta="a")]
    reducer = fold(*begun, whole(**fields))
    assert plain(reducer)["output"][0]["content"][0]["text"] == "a"
    (difference,) = reducer.compare()
    assert (difference.path, difference.kind.value, difference.final) == ("output[0]", "missing", None)


def test_after_the_end_nothing_changes() -> None:
    reducer = fold(whole(output=[MESSAGE]), event("output_text.delta", content_index=0, delta="a"))
    assert plain(reducer)["output"][0]["content"] == []
    assert kinds(reducer) == ["late_event"]


def test_items_are_kept_by_index_while_ids_rotate() -> None:
    reducer = fold(
        added(MESSAGE),
        event("output_text.delta", content_index=0, delta="a") | {"item_id": "x"},
        event("output_text.delta", content_index=0, delta="b") | {"item_id": "y"},
        done({**MESSAGE, "id": "z", "content": [{"type": "output_text", "text": "ab"}]}),
    )
    (item,) = plain(reducer)["output"]
    assert (item["id"], item["content"][0]["text"]) == ("z", "ab")


def test_an_item_without_index_is_found_by_its_id_or_is_the_last() -> None:
    reducer = fold(
        added(CALL, None),
        added({**CALL, "id": "g"}, None),
        event("function_call_arguments.delta", None, delta="1") | {"item_id": "f"},
        event("function_call_arguments.delta", None, delta="2") | {"item_id": ""},
        event("function_call_arguments.delta", None, delta="3") | {"item_id": "new"},
        done({**CALL, "id": "f", "arguments": "whole"}, None),
    )
    assert [item["arguments"] for item in plain(reducer)["output"]] == ["whole", "2", "3"]


def test_an_index_that_a_finished_item_has_may_be_used_again() -> None:
    second = {**CALL, "id": "second"}
    reducer = fold(added(CALL), done(CALL), added(second), event("function_call_arguments.delta", delta="{}"))
    assert [(item["id"], item["arguments"]) for item in plain(reducer)["output"]] == [
        ("f", ""),
        ("second", "{}"),
    ]
    assert kinds(reducer) == ["output_index_reused"]
    reducer = fold(done(CALL), done(second))
    assert [item["id"] for item in plain(reducer)["output"]] == ["f", "second"]


def test_an_item_that_is_added_again_stays() -> None:
    reducer = fold(added(CALL), event("function_call_arguments.delta", delta="{}"), added(CALL))
    assert plain(reducer)["output"][0]["arguments"] == "{}"
    assert kinds(reducer) == ["item_added_again"]


def test_an_item_that_is_added_after_its_deltas_keeps_them() -> None:
    reducer = fold(event("function_call_arguments.delta", delta="{}"), added({**CALL, "arguments": ""}))
    (item,) = plain(reducer)["output"]
    assert (item["name"], item["arguments"], item["id"]) == ("look", "{}", "f")
    assert kinds(reducer) == ["missing_item"]


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (event("output_text.delta", content_index=0, delta="a"), "message"),
        (event("content_part.added", **part("reasoning_text", text="")), "reasoning"),
        (event("reasoning_summary_text.delta", summary_index=0, delta="a"), "reasoning"),
        (event("mcp_call_arguments.delta", delta="a"), "mcp_call"),
        (event("web_search_call.searching"), "web_search_call"),
    ],
)
def test_an_event_makes_the_item_that_nobody_added(payload: Payload, kind: str) -> None:
    assert plain(fold(payload))["output"][0]["type"] == kind


def test_events_without_item_or_value_change_nothing() -> None:
    reducer = fold(
        {"type": "response.output_item.added", "output_index": 0},
        {"type": "response.output_item.done", "output_index": 0},
        event("content_part.added", content_index=0, part=None),
        event("image_generation_call.partial_image", partial_image_index=0, partial_image_b64="aaaa"),
        {"type": "response.audio.delta", "delta": "aaaa"},
        {"type": "keepalive"},
    )
    assert plain(reducer)["output"] == []


def test_a_text_that_is_done_takes_no_more_deltas() -> None:
    finished = [added(MESSAGE), event("output_text.done", content_index=0, text="a")]
    reducer = fold(*finished, event("output_text.delta", content_index=0, delta="b"))
    assert plain(reducer)["output"][0]["content"][0]["text"] == "a"
    assert kinds(reducer) == ["late_delta"]
    assert reducer.tokens == 0


def test_what_is_done_takes_no_more_deltas() -> None:
    reducer = fold(
        added(MESSAGE),
        event("output_text.done", content_index=0, text="a"),
        event("output_text.delta", content_index=0, delta="b"),
        event("content_part.done", **part("output_text", text="a")),
        event("content_part.added", **part("output_text", text="")),
        done({**CALL, "arguments": "{}"}, 1),
        event("function_call_arguments.delta", 1, delta="}"),
    )
    assert plain(reducer)["output"][0]["content"][0]["text"] == "a"
    assert plain(reducer)["output"][1]["arguments"] == "{}"
    assert set(kinds(reducer)) == {"late_delta"}


def test_a_done_event_that_has_not_what_its_deltas_add_up_to_is_noted() -> None:
    delta = event("output_text.delta", content_index=0, delta="a")
    assert kinds(fold(added(MESSAGE), delta, event("output_text.done", content_index=0, text="a"))) == []
    differing = fold(added(MESSAGE), delta, event("output_text.done", content_index=0, text="b"))
    assert kinds(differing) == ["done_differs"]


ARGUMENTS = event("function_call_arguments.delta", delta="{")
TEXT = event("output_text.delta", content_index=0, delta="a")
TEXT_DONE = event("output_text.done", content_index=0, text="a")

NOTES: dict[str, tuple[list[Payload], tuple[str, str, int]]] = {
    "an event after the end": (
        [added(CALL), whole(), ARGUMENTS],
        ("late_event", "response.function_call_arguments.delta after the end", 3),
    ),
    "an item that nobody added": (
        [added(MESSAGE), ARGUMENTS | {"output_index": 1}],
        ("missing_item", "response.function_call_arguments.delta for an item that was not added", 2),
    ),
    "an item that is added again": (
        [added(MESSAGE), TEXT, added(MESSAGE)],
        ("item_added_again", "an item was added where one is", 3),
    ),
    "an index that is used again": (
        [added(CALL), done(CALL), added(MESSAGE)],
        ("output_index_reused", "an output index that a finished item has", 3),
    ),
    "a delta of an item that is done": (
        [added(CALL), done(CALL), ARGUMENTS],
        ("late_delta", "response.function_call_arguments.delta for an item that is done", 3),
    ),
    "a delta of a text that is done": (
        [added(MESSAGE), TEXT_DONE, TEXT],
        ("late_delta", "response.output_text.delta for what is done", 3),
    ),
    "a text that is not what its deltas add up to": (
        [added(MESSAGE), TEXT, TEXT, TEXT_DONE],
        ("done_differs", "response.output_text.done has not what its deltas add up to", 4),
    ),
}


@pytest.mark.parametrize(("payloads", "note"), NOTES.values(), ids=NOTES.keys())
def test_what_is_unusual_is_noted_with_its_event(payloads: list[Payload], note: tuple[str, str, int]) -> None:
    assert notes(fold(*payloads)) == [note]


def test_an_item_that_nobody_added_is_in_progress_and_has_the_id_of_its_event() -> None:
    (item,) = plain(fold(TEXT))["output"]
    assert (item["type"], item["id"], item["status"]) == ("message", "i", "in_progress")
    assert [(each["type"], each["text"]) for each in item["content"]] == [("output_text", "a")]
    (nameless,) = plain(fold(TEXT | {"item_id": None}))["output"]
    assert nameless["id"] == ""


def test_what_adds_an_item_late_says_its_type_and_its_status() -> None:
    late = {**REASONING, "status": "completed"}
    reducer = fold(ARGUMENTS, added(late), added(late))
    (item,) = plain(reducer)["output"]
    assert (item["type"], item["status"], item["id"]) == ("reasoning", "completed", "r")
    assert kinds(reducer) == ["missing_item", "item_added_again"]


@pytest.mark.parametrize(
    ("payload", "item"),
    [
        (
            event("refusal.done", content_index=0, refusal="no"),
            {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},
        ),
        (
            event("reasoning_summary_text.done", summary_index=0, text="hm"),
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        ),
        (event("custom_tool_call_input.done", input="x"), {"type": "custom_tool_call", "input": "x"}),
    ],
)
def test_a_text_may_come_with_its_end_alone(payload: Payload, item: Payload) -> None:
    (made,) = plain(fold(payload))["output"]
    assert {name: made[name] for name in item} == item


def test_an_end_that_does_not_decode_comes_with_what_was_streamed() -> None:
    reducer = fold(
        event("output_text.delta", content_index=0, delta="a"), {"type": "response.completed", "response": 3}
    )
    with pytest.raises(EventDecodeError) as caught:
        reducer.snapshot()
    assert caught.value.snapshot is reducer.assembled()
    assert msgspec.to_builtins(caught.value.snapshot)["output"][0]["content"][0]["text"] == "a"


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_an_end_that_does_not_decode_may_be_forgiven_once(status: str) -> None:
    told: list[EventDecodeError] = []
    reducer = ResponsesReducer(forgive=told.append)
    beginning = {"type": "response.created", "response": {"id": "r", "model": "m", "status": "in_progress"}}
    for payload in (beginning, TEXT, {"type": f"response.{status}", "response": {"output": 5}}):
        reducer.apply(decoded(payload))
    assert told == []
    assert reducer.model == "m"
    response = reducer.snapshot()
    assert (response.id, response.model, response.status) == ("r", "m", status)
    assert response.output == reducer.assembled().output
    assert plain(reducer)["output"][0]["content"][0]["text"] == "a"
    assert (reducer.compare(), reducer.usage, reducer.finished) == ([], None, True)
    (error,) = told
    assert (error.event, error.ordinal) == (f"response.{status}", 3)


def test_the_first_event_may_name_neither_index_nor_id() -> None:
    reducer = fold(event("output_text.delta", None, item_id="", content_index=0, delta="a"))
    assert plain(reducer)["output"][0]["content"][0]["text"] == "a"


def test_items_without_index_are_counted_on() -> None:
    reducer = fold(
        added(CALL, None),
        added({**CALL, "id": "g"}, None),
        added({**CALL, "id": "h"}, None),
        event("function_call_arguments.delta", 0, delta="0"),
        event("function_call_arguments.delta", 1, delta="1"),
        event("function_call_arguments.delta", 2, delta="2"),
        event("function_call_arguments.delta", None, delta="+") | {"item_id": None},
    )
    assert [item["arguments"] for item in plain(reducer)["output"]] == ["0", "1", "2+"]
    assert kinds(reducer) == []


@pytest.mark.parametrize(
    ("items", "count"),
    [
        ([added({**CALL, "id": ""}), added({**CALL, "id": ""})], 1),  # the index tells
        ([added(CALL, None), added(CALL, None)], 1),  # the id tells
        ([added({**CALL, "id": ""}, None), added({**CALL, "id": ""}, None)], 2),  # nothing does
        ([added(CALL), done(CALL), added(CALL)], 1),
    ],
)
def test_an_item_is_added_again_where_index_or_id_say_so(items: list[Payload], count: int) -> None:
    reducer = fold(*items)
    assert len(plain(reducer)["output"]) == count
    assert kinds(reducer) == ["item_added_again"] * (2 - count)


def test_an_item_may_be_done_twice_under_any_id_that_it_had() -> None:
    other = {**CALL, "id": "other"}
    for again in (CALL, other):
        reducer = fold(added(CALL), done(other), done({**again, "arguments": "{}"}))
        assert [item["arguments"] for item in plain(reducer)["output"]] == ["{}"]
        assert kinds(reducer) == []


def test_items_of_unknown_types_are_told_apart_by_their_ids() -> None:
    one, two = ({"type": "novel", "id": name} for name in "ab")
    assert len(plain(fold(done(one), done(one)))["output"]) == 1
    reducer = fold(done(one), done(two))
    assert [item["id"] for item in plain(reducer)["output"]] == ["a", "b"]
    assert kinds(reducer) == ["output_index_reused"]


def test_what_an_event_makes_in_an_item_has_no_more_than_it_told() -> None:
    reducer = fold(added({"type": "novel"}), event("apply_patch_call_operation_diff.delta", delta="+"))
    assert plain(reducer)["output"] == [{"type": "novel", "operation": {"diff": "+"}}]


def test_half_a_character_is_saved_with_the_state() -> None:
    half = fold(added(MESSAGE), TEXT | {"delta": "\ud83d"})
    reducer = ResponsesReducer(state=half.state())
    reducer.apply(decoded(TEXT | {"sequence_number": 2, "delta": "\ude00"}))
    assert plain(reducer)["output"][0]["content"][0]["text"] == "😀"


def test_that_an_item_is_done_is_saved_with_the_state() -> None:
    reducer = ResponsesReducer(state=fold(added(CALL), done(CALL | {"arguments": "{}"})).state())
    reducer.apply(decoded(ARGUMENTS | {"sequence_number": 2}))
    assert plain(reducer)["output"][0]["arguments"] == "{}"
    assert kinds(reducer) == ["late_delta"]


def test_an_item_that_is_done_and_was_not_added_is_known() -> None:
    for index in (5, None):
        reducer = fold(
            done(CALL, index), event("function_call_arguments.delta", index, delta="{") | {"item_id": "f"}
        )
        assert [item["id"] for item in plain(reducer)["output"]] == ["f"]
        assert kinds(reducer) == ["late_delta"]


def test_a_field_that_an_event_leaves_out_is_left_alone() -> None:
    named = fold(added(CALL), event("function_call_arguments.done", arguments="{}"))
    assert plain(named)["output"][0]["arguments"] == "{}"
    errors = fold(
        added(OUTPUT), event("shell_call_output_content.delta", command_index=0, delta={"stderr": "c"})
    )
    assert plain(errors)["output"][0]["output"][0]["stderr"] == "c"


def test_what_a_command_prints_is_no_token() -> None:
    printed = event("shell_call_output_content.delta", command_index=0, delta={"stdout": "a"})
    assert fold(added(OUTPUT), printed, printed).tokens == 0
    assert fold(added(CALL), ARGUMENTS, ARGUMENTS).tokens == 2
    assert fold(added(CALL), ARGUMENTS | {"delta": ""}).tokens == 0


def test_an_index_that_is_left_out_is_the_first() -> None:
    reducer = fold(added(MESSAGE), event("output_text.delta", delta="a"), TEXT)
    assert [each["text"] for each in plain(reducer)["output"][0]["content"]] == ["aa"]


def test_a_part_that_is_done_ends_no_other_part() -> None:
    reducer = fold(added(MESSAGE), TEXT_DONE, TEXT | {"content_index": 1})
    assert [each["text"] for each in plain(reducer)["output"][0]["content"]] == ["a", "a"]
    assert kinds(reducer) == []


def test_before_the_first_event_nothing_is_known() -> None:
    reducer = ResponsesReducer()
    assert (reducer.usage, reducer.model, reducer.created, reducer.finished) == (None, None, None, False)
    assert (reducer.snapshot(), reducer.compare()) == (responses.Response(), [])


@pytest.mark.parametrize("resumed", [False, True])
def test_a_repair_is_noted_once_however_often_one_looks(resumed: bool) -> None:
    reducer = fold({"type": "response.created", "response": {"id": "r", "max_tool_calls": 2.0}})
    if resumed:
        reducer = ResponsesReducer(state=reducer.state())
    for _ in range(3):
        assert reducer.snapshot().max_tool_calls == 2
        assert reducer.model is None
    assert [(each.kind, each.count) for each in reducer.diagnostics] == [("repaired", 1)]


def test_a_repair_is_noted_at_the_event_that_needed_it() -> None:
    odd = {"id": "r", "max_tool_calls": 2.0}
    reducer = fold({"type": "response.created", "response": odd}, added(MESSAGE), TEXT)
    reducer.snapshot()
    reducer.apply(decoded({"type": "response.completed", "sequence_number": 3, "response": odd}))
    reducer.apply(decoded({"type": "keepalive", "sequence_number": 4}))
    reducer.snapshot()
    assert [(each.kind, each.ordinal, each.count) for each in reducer.diagnostics] == [
        ("repaired", 1, 2),
        ("late_event", 5, 1),
    ]
    looked_at_last = fold({"type": "response.created", "response": odd}, added(MESSAGE), added(MESSAGE))
    looked_at_last.snapshot()
    assert [(each.kind, each.ordinal) for each in looked_at_last.diagnostics] == [
        ("repaired", 1),
        ("item_added_again", 3),
    ]


def test_a_response_that_does_not_decode_names_its_event() -> None:
    reducer = fold({"type": "response.incomplete", "response": {"output": 5}})
    with pytest.raises(EventDecodeError) as caught:
        reducer.snapshot()
    assert (caught.value.event, caught.value.ordinal) == ("response.incomplete", 1)


def test_a_state_holds_the_events_with_their_numbers() -> None:
    state = fold(whole("created"), added(MESSAGE), whole()).state()
    assert state.sequence_number == 2
    assert state.beginning is not None
    assert state.ending is not None
    numbers = [json.loads(each)["sequence_number"] for each in (state.beginning, state.ending)]
    assert numbers == [0, 2]


def test_what_is_late_after_a_resumption_is_noted_too() -> None:
    reducer = ResponsesReducer(state=fold(added(MESSAGE), TEXT_DONE).state())
    for number in (0, 1, 2):
        reducer.apply(decoded(TEXT | {"sequence_number": number}))
    assert notes(reducer) == [
        ("duplicate_event", "seen before the stream was resumed", 1),
        ("late_delta", "response.output_text.delta for what is done", 3),
    ]


@pytest.mark.parametrize(
    "payloads",
    [
        [
            added({"type": "computer_call_output", "id": "o"}),
            event("shell_call_output_content.done", command_index=0, output=[EXIT]),
        ],
        [
            added({**MESSAGE, "content": [{"type": "refusal", "refusal": "x"}]}),
            event("output_text.delta", content_index=0, delta="a"),
        ],
    ],
)
def test_an_item_with_what_its_type_does_not_have_stays_an_item(payloads: list[Payload]) -> None:
    reducer = fold(*payloads)
    assert [item["id"] for item in plain(reducer)["output"]] == [payloads[0]["item"]["id"]]
    assert kinds(reducer) == []


@pytest.mark.parametrize(
    "payloads",
    [
        [added({"type": "novel", "content": 5}), event("output_text.delta", content_index=0, delta="a")],
        [
            added({"type": "novel", "content": {"a": 1}}),
            event("output_text.delta", content_index=0, delta="a"),
        ],
        [added({"type": "novel", "operation": 5}), event("apply_patch_call_operation_diff.delta", delta="a")],
        [added({"type": "novel", "arguments": 5}), event("function_call_arguments.delta", delta="a")],
        [
            added({"type": "novel", "content": [{"logprobs": 5}]}),
            event("output_text.delta", content_index=0, delta="", logprobs=[LOGPROB]),
        ],
    ],
)
def test_an_event_that_does_not_fit_its_item_breaks_nothing(payloads: list[Payload]) -> None:
    reducer = fold(*payloads)
    assert len(plain(reducer)["output"]) == 1
    what = f"{payloads[1]['type']} for an item that has something else there"
    assert notes(reducer) == [("misplaced_event", what, 2)]
    assert reducer.tokens == 0


def test_an_unknown_item_among_three_leaves_the_others_typed() -> None:
    novel = {"type": "novel", "id": "n", "deep": {"a": [1, 2.5, None]}}
    reducer = fold(added(MESSAGE), added(novel, 1), done({**novel, "more": True}, 1), added(CALL, 2))
    first, second, third = reducer.snapshot().output
    assert isinstance(first, responses.Message)
    assert isinstance(second, responses.UnknownMember)
    assert (second.type, second["id"]) == ("novel", "n")
    assert isinstance(third, responses.FunctionCall)
    assert plain(reducer)["output"][1] == {**novel, "more": True}


def test_surrogate_halves_are_joined_over_deltas_and_replaced_elsewhere() -> None:
    reducer = fold(
        added({**MESSAGE, "id": "m\ud83d"}),
        event("output_text.delta", content_index=0, delta="\ud83d"),
    )
    assert plain(reducer)["output"][0]["content"][0]["text"] == "\ufffd"
    reducer.apply(decoded(event("output_text.delta", content_index=0, delta="\ude00")))
    assert plain(reducer)["output"][0]["content"][0]["text"] == "😀"
    assert plain(reducer)["output"][0]["id"] == "m\ufffd"
    made = fold(
        event("output_text.delta", content_index=0, delta="a", item_id="m\ud83d"),
        event("output_text.delta", None, content_index=0, delta="b", item_id="m\ud83d"),
        done({"id": "n\ud83d", "type": "novel\ud83d"}, None),
    )
    assert [(item["id"], item["type"]) for item in plain(made)["output"]] == [
        ("m\ufffd", "message"),
        ("n\ufffd", "novel\ufffd"),
    ]
    assert plain(made)["output"][0]["content"][0]["text"] == "ab"
    msgspec.json.encode(made.state())
    finished = fold(done({**MESSAGE, "id": "\ud83d"}), whole(output=[{**MESSAGE, "id": "\ud83d"}]))
    assert [item["id"] for item in plain(finished)["output"]] == ["\ufffd"]
    (item,) = finished.assembled().output
    assert isinstance(item, responses.Message)
    assert item.id == "\ufffd"


def test_indexes_may_have_gaps_and_nothing_is_allocated_up_to_them() -> None:
    tracemalloc.start()
    reducer = fold(
        event("output_text.delta", 10**6, content_index=10**6, delta="b"),
        event("output_text.delta", 3, content_index=7, delta="a"),
        event("output_text.delta", 3, content_index=5, delta="c"),
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [[each["text"] for each in item["content"]] for item in plain(reducer)["output"]] == [
        ["c", "a"],
        ["b"],
    ]
    assert peak < 2**20


ODD: Payload = {"type": "response.created", "response": {"id": "r", "created_at": "today", "output": [5]}}


@pytest.mark.parametrize("saved", [False, True])
def test_of_a_beginning_that_does_not_decode_nothing_is_known(saved: bool) -> None:
    reducer = fold(ODD, added(MESSAGE), TEXT)
    if saved:
        reducer = ResponsesReducer(state=reducer.state())
    for _ in range(2):
        assert (reducer.usage, reducer.model, reducer.created) == (None, None, None)
        assert reducer.snapshot().id == ""
        assert plain(reducer)["output"][0]["content"][0]["text"] == "a"
        reducer.apply(decoded({"type": "keepalive", "sequence_number": 3}))
    (first, *_) = reducer.diagnostics
    assert (first.kind, first.ordinal, first.count) == ("malformed", 0 if saved else 1, 1)
    assert "created_at" in first.detail
    assert ResponsesReducer(state=reducer.state()).state() == reducer.state()


@pytest.mark.parametrize("output", [[], [MESSAGE]])
def test_a_beginning_that_does_not_decode_is_not_looked_at_behind_the_end(output: list[Payload]) -> None:
    reducer = fold(ODD, added(MESSAGE), TEXT, whole(output=output, model="m"))
    assert (reducer.model, len(reducer.snapshot().output)) == ("m", 1)
    assert kinds(reducer) == []
    assert reducer.compare()
    assert kinds(reducer) == ["malformed"]


def test_a_response_that_does_not_decode_is_told_when_somebody_looks() -> None:
    reducer = fold(added(MESSAGE), {"type": "response.completed", "response": {"output": 5}})
    with pytest.raises(EventDecodeError):
        reducer.snapshot()
    assert len(reducer.assembled().output) == 1
    repaired = fold(
        {"type": "response.completed", "response": {"id": "r", "completed_at": 1.0, "max_tool_calls": 2.0}}
    )
    assert repaired.snapshot().max_tool_calls == 2
    assert kinds(repaired) == ["repaired"]


def test_sequence_numbers_tell_gaps_and_disorder() -> None:
    def numbered(*numbers: int | None) -> list[tuple[str, str, int]]:
        return notes(
            fold(*({"type": "keepalive", "sequence_number": each} for each in numbers), number=False)
        )

    assert numbered(0, 1, 2) == []
    assert numbered(None, None) == []
    assert numbered(1, 2) == [("sequence_gap", "the stream begins at sequence number 1", 1)]
    assert numbered(0, 2) == [("sequence_gap", "sequence numbers 1 to 1 are missing", 2)]
    assert numbered(0, 1, 4) == [("sequence_gap", "sequence numbers 2 to 3 are missing", 3)]
    assert numbered(0, 1, 1) == [("sequence_disorder", "a sequence number that is not the next", 3)]
    assert numbered(0, 1, 0, 2) == [("sequence_disorder", "a sequence number that is not the next", 3)]
    disordered = fold(*({**TEXT, "sequence_number": 0} for _ in range(2)))
    assert plain(disordered)["output"][0]["content"][0]["text"] == "aa"
    reducer = ResponsesReducer()
    for raw in (b'{"type":"novel","sequence_number":0}', b'{"type":"novel","sequence_number":2}', b"[]"):
        reducer.apply(UnknownEvent("novel", raw))
    assert kinds(reducer) == ["sequence_gap"]


STORY: list[Payload] = [
    whole("created", model="m"),
    added(REASONING),
    event("reasoning_summary_text.delta", summary_index=1, delta="think"),
    added(MESSAGE, 1),
    event("content_part.added", 1, **part("output_text", text="")),
    event("output_text.delta", 1, content_index=0, delta="\ud83d", logprobs=[LOGPROB]),
    event("output_text.delta", 1, content_index=0, delta="\ude00!"),
    event("output_text.annotation.added", 1, content_index=0, annotation_index=0, annotation=CITATION),
    event("output_text.done", 1, content_index=0, text="😀!"),
    done({"type": "novel", "id": "n"}, 2),
    event("function_call_arguments.delta", 3, delta="{"),
    added({**CALL, "arguments": ""}, 3),
    event("function_call_arguments.delta", 3, delta="}"),
    whole(output=[], model="m"),
]
NUMBERED = [decoded({"sequence_number": number} | payload) for number, payload in enumerate(STORY)]


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b'{"sequence_number":3}', 3),
        (b'{"sequence_number":3.0}', 3),
        (b'{"sequence_number":"x"}', None),
        (b"[", None),
    ],
)
def test_an_event_of_unknown_type_is_numbered_like_any_other(raw: bytes, number: int | None) -> None:
    reducer = ResponsesReducer()
    reducer.apply(UnknownEvent("response.next_year", raw))
    assert reducer.sequence_number == number


def test_a_snapshot_is_made_anew_only_when_something_came() -> None:
    reducer = ResponsesReducer()
    before: Any = None
    for each in NUMBERED:  # the last of them leaves out the items
        reducer.apply(each)
        assert reducer.snapshot() is not before
        before = reducer.snapshot()
        assert reducer.snapshot() is before


@pytest.mark.parametrize("encoding", [msgspec.json, msgspec.msgpack], ids=["JSON", "MessagePack"])
@pytest.mark.parametrize("overlap", [0, 3])
@pytest.mark.parametrize("at", range(len(STORY) + 1))
def test_a_state_that_is_saved_and_loaded_goes_on_as_if_nothing_had_been(
    at: int, overlap: int, encoding: Any
) -> None:
    whole_way, first = ResponsesReducer(), ResponsesReducer()
    for each in NUMBERED:
        whole_way.apply(each)
    for each in NUMBERED[:at]:
        first.apply(each)
    state = encoding.decode(encoding.encode(first.state()), type=ResponsesState)
    second = ResponsesReducer(state=state)
    for each in NUMBERED[max(at - overlap, 0) :]:
        second.apply(each)
    assert second.snapshot() == whole_way.snapshot()
    assert second.assembled() == whole_way.assembled()
    assert second.compare() == whole_way.compare()


@pytest.mark.parametrize("kind", ["created", "completed"])
@pytest.mark.parametrize("odd", [b'"\\ud83d"', b'"\xff"', b"NaN"])
def test_a_response_that_needs_repairs_survives_its_saving(kind: str, odd: bytes) -> None:
    sent = b'data: {"type":"response.%b","response":{"id":"r","metadata":{"a":%b}}}\n\n' % (
        kind.encode(),
        odd,
    )
    first = ResponsesParser()
    first.feed(sent)
    saved = msgspec.json.encode(first.state())
    second = ResponsesParser(state=msgspec.json.decode(saved, type=ResponsesState))
    assert repr(second.snapshot()) == repr(first.snapshot())


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(ValueError, match="no state"):
        _load([])


def test_a_snapshot_at_any_time_is_a_fresh_fold_and_stays() -> None:
    reducer = ResponsesReducer()
    taken: list[bytes] = []
    snapshots: list[Any] = []
    for count, each in enumerate(NUMBERED, 1):
        reducer.apply(each)
        fresh = ResponsesReducer()
        for one in NUMBERED[:count]:
            fresh.apply(one)
        snapshots.append(reducer.snapshot())
        assert snapshots[-1] == fresh.snapshot()
        assert reducer.snapshot() is snapshots[-1] or reducer.finished
        taken.append(msgspec.json.encode(snapshots[-1]))
    assert [msgspec.json.encode(each) for each in snapshots] == taken


@pytest.mark.no_cover
def test_a_hundred_thousand_deltas_make_one_text() -> None:
    reducer = ResponsesReducer()
    delta = responses.OutputTextDelta(None, "i", 0, 0, "ab")
    for _ in range(100_000):
        reducer.apply(delta)
    assert len(plain(reducer)["output"][0]["content"][0]["text"]) == 200_000
    assert reducer.tokens == 100_000
