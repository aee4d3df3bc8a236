"""Events in, parts out: in the order in which the model writes, and exactly what the response holds."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from part_laws import check_part_events
from shared import CORPUS, captures_folder
from ssewire import ResponsesParser, ServerSentEvent, SSEWireError, responses
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
from ssewire.responses.parts import ResponsesParts, parts_of

if TYPE_CHECKING:
    from pathlib import Path

BODIES = sorted(captures_folder().glob("responses-*.sse")) + sorted((CORPUS / "responses").glob("*.sse"))

SHORTENED = {
    "responses-openai-gpt5.2-shell-shellcalloutput.sse": "The command ran successfully in the container",
}
"""Where somebody has left out some of the deltas: how the text begins that differs from them."""

DECODER = responses.ResponsesDecoder()


def event_of(kind: str, **fields: Any) -> Any:
    """An event, by its type without `response.`."""
    payload = {"type": f"response.{kind}"} | fields
    return DECODER.decode(ServerSentEvent(json.dumps(payload).encode()))


def told_by(*events: Any) -> list[PartEvent]:
    parts = ResponsesParts()
    return [told for event in events for told in parts.apply(event)] + parts.end()


def parts_told_by(*events: Any) -> list[AnyPart]:
    return check_part_events(told_by(*events))


def test_what_turns_out_to_be_something_else_ends_as_it_stands() -> None:
    call = {"type": "function_call", "id": "m", "call_id": "c", "name": "f", "arguments": ""}
    text = {"type": "output_text", "text": "hi", "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "content": [text]}
    ended = parts_told_by(
        event_of("output_item.added", output_index=0, item=call),
        event_of("output_item.done", output_index=0, item=message),
    )
    assert [type(part) for part in ended] == [ToolCallPart, TextPart]
    refusal = {"type": "refusal", "refusal": "no"}
    (part,) = parts_told_by(
        event_of("output_text.delta", output_index=0, content_index=0, item_id="m", delta="hi"),
        event_of("content_part.done", output_index=0, content_index=0, item_id="m", part=refusal),
    )
    assert isinstance(part, TextPart)
    assert part.text == "hi"


@pytest.mark.parametrize(
    ("operation", "diff"),
    [
        ({"diff": "+a"}, "+a"),
        ({"type": "rename_file", "diff": 5}, ""),
        ({"type": "update_file", "path": "a", "diff": "+a"}, "+a"),
        ({"type": "delete_file", "path": "a"}, ""),
        (None, ""),
    ],
)
def test_a_patch_of_any_type_is_passed(operation: Any, diff: str) -> None:
    item = {"type": "apply_patch_call", "id": "a", "operation": operation}
    (part,) = parts_told_by(event_of("output_item.done", output_index=0, item=item))
    assert isinstance(part, ToolCallPart)
    assert part.arguments == diff


def test_a_patch_that_only_its_deltas_have_told_of_is_in_the_message() -> None:
    delta = {"type": "response.apply_patch_call_operation_diff.delta", "output_index": 0, "item_id": "a"}
    parser = ResponsesParser()
    parts = ResponsesParts()
    for event in parser.feed(b"data: " + json.dumps(delta | {"delta": "+a"}).encode() + b"\n\n"):
        parts.apply(event)
    (call,) = parser.message().tool_calls
    (part,) = parts.parts()
    assert isinstance(part, ToolCallPart)
    assert call.arguments == part.arguments == "+a"


def content_of(response: responses.Response) -> list[tuple[str, str]]:
    """What a response holds, in order: types of parts, and texts."""
    found: list[tuple[str, str]] = []
    for item in response.output:
        match item:
            case responses.Message():
                for entry in item.content:
                    match entry:
                        case responses.OutputText():
                            found.append(("text", entry.text))
                        case responses.Refusal():
                            found.append(("refusal", entry.refusal))
                        case _:
                            found.append(("other", ""))
            case responses.Reasoning():
                thought = [*item.summary, *(item.content or [])]
                found += [("reasoning", getattr(entry, "text", "")) for entry in thought] or [
                    ("reasoning", "")
                ]
            case responses.FunctionCall() | responses.McpCall():
                found.append(("tool_call", item.arguments))
            case responses.CustomToolCall():
                found.append(("tool_call", item.input))
            case responses.CodeInterpreterCall():
                found.append(("tool_call", item.code or ""))
            case responses.ShellCall():
                found.append(("tool_call", "\n".join(item.action.commands if item.action else [])))
            case responses.ApplyPatchCall():
                found.append(("tool_call", getattr(item.operation, "diff", "")))
            case responses.WebSearchCall():
                found.append(("tool_call", msgspec.json.encode(item.action).decode() if item.action else ""))
            case responses.FileSearchCall():
                found.append(
                    ("tool_call", msgspec.json.encode(item.queries).decode() if item.queries else "")
                )
            case responses.ToolSearchCall():
                found.append(("tool_call", msgspec.json.encode(item.arguments).decode()))
            case responses.ImageGenerationCall():
                found.append(("image", item.result or ""))
            case _:
                found.append(("other", ""))
    return found


def shown(part: AnyPart) -> tuple[str, str]:
    names = {"tool_call": "arguments", "image": "data", "other": "choice_"}
    return part.type, getattr(part, names.get(part.type, "text"), "")


def without_ciphers(part: AnyPart) -> AnyPart:
    """Without what servers write anew in each event: encrypted payloads, and at one host ids."""
    extra: Any = getattr(part, "extra", None)
    if isinstance(part, ReasoningPart):
        return msgspec.structs.replace(part, encrypted=part.encrypted and "...", id="")
    if isinstance(extra, responses.Compaction) and isinstance(part, OtherPart):
        return msgspec.structs.replace(part, extra=type(extra))
    if isinstance(part, ToolCallPart):
        return msgspec.structs.replace(part, extra=type(extra), id="")
    return msgspec.structs.replace(part, id="")


def run(body: bytes) -> tuple[list[PartEvent], ResponsesParts, ResponsesParser]:
    parser = ResponsesParser(malformed="skip", aliases=responses.ALIASES)
    parts = ResponsesParts()
    told: list[PartEvent] = []
    try:
        for step in (partial(parser.feed, body), parser.close):
            told += [each for event in step() for each in parts.apply(event)]
    except SSEWireError:
        pass  # what had come is compared all the same
    return told + parts.end(), parts, parser


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
def test_the_parts_of_a_recorded_stream_are_what_it_adds_up_to(path: Path) -> None:
    told, parts, parser = run(path.read_bytes())
    shortened = SHORTENED.get(path.name)
    differing = [
        part.text
        for part in parts.parts()
        if isinstance(part, TextPart) and shortened and part.text.startswith(shortened)
    ]
    found = check_part_events(told, differing)
    assert found == parts.parts()
    response = parser.snapshot()
    assert [shown(part) for part in found] == content_of(response)
    if any(isinstance(event, PartEnd) for event in told) and parser.verdict.value == "complete":
        finished = [without_ciphers(part) for part in found]
        unfinished = {"aliases.sse", "bare.sse"}  # whose items are never told to be done
        if path.name not in unfinished:
            assert [without_ciphers(part) for part in parts_of(response)] == finished


# -- any events at all -----------------------------------------------------------------------------------

texts = st.sampled_from(["", "a", "bc", "é", "\ud83d", "\ude00"])
indexes = st.none() | st.integers(0, 1)
OF_MESSAGES = [
    ("output_text.delta", "delta"),
    ("output_text.done", "text"),
    ("refusal.delta", "delta"),
    ("refusal.done", "refusal"),
    ("reasoning_text.delta", "delta"),
    ("reasoning_summary_text.delta", "delta"),
    ("reasoning_summary_text.done", "text"),
    ("function_call_arguments.delta", "delta"),
    ("function_call_arguments.done", "arguments"),
    ("custom_tool_call_input.delta", "delta"),
    ("shell_call_command.delta", "delta"),
    ("shell_call_command.done", "command"),
    ("shell_call_command.added", "command"),
    ("audio.delta", "delta"),
    ("audio.transcript.delta", "delta"),
]
entries = st.sampled_from(
    [
        {"type": "output_text", "text": "a", "annotations": []},
        {"type": "refusal", "refusal": "no"},
        {"type": "reasoning_text", "text": "hm"},
        {"type": "novelty", "text": "?"},
    ]
)
output_items = st.sampled_from(
    [
        {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "abc"}]},
        {"type": "message", "id": "n", "content": []},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "a"}]},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x"},
        {"type": "function_call", "id": "f", "call_id": "c", "name": "go", "arguments": "{}"},
        {"type": "custom_tool_call", "id": "f", "call_id": "c", "name": "go", "input": "x"},
        {"type": "image_generation_call", "id": "i", "result": "AAAA"},
        {"type": "novelty", "id": "z"},
    ]
)


@st.composite
def events_of_any_kind(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.integers(0, 4))
    place = {"output_index": draw(indexes), "item_id": draw(st.sampled_from(["", "m", "r", "f"]))}
    if kind < 2:
        name, field = draw(st.sampled_from(OF_MESSAGES))
        at = {f"{each}_index": draw(indexes) for each in ("content", "summary", "command")}
        return {"type": f"response.{name}", field: draw(texts)} | place | at
    if kind == 2:
        name = draw(st.sampled_from(["response.content_part.added", "response.content_part.done"]))
        return {"type": name, "part": draw(st.none() | entries), "content_index": draw(indexes)} | place
    name = draw(st.sampled_from(["response.output_item.added", "response.output_item.done"]))
    return {"type": name, "output_index": draw(indexes), "item": draw(st.none() | output_items)}


@given(st.lists(events_of_any_kind(), max_size=10))
@settings(max_examples=200)
def test_whatever_events_come_the_laws_hold(payloads: list[dict[str, Any]]) -> None:
    parts = ResponsesParts()
    told: list[PartEvent] = []
    for payload in payloads:
        fields = {name: value for name, value in payload.items() if name != "type"}
        told += parts.apply(event_of(payload["type"].removeprefix("response."), **fields))
    told += parts.end()
    last_words = [getattr(part, name, "") for part in parts.parts() for name in ("text", "arguments")]
    check_part_events(told, last_words)  # the server may contradict itself


def test_arguments_for_what_turns_out_to_be_a_reasoning_are_a_part_of_their_own() -> None:
    parts = ResponsesParts()
    told = parts.apply(event_of("function_call_arguments.done", item_id="r", arguments="a"))
    item = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]}
    told += parts.apply(event_of("output_item.done", item=item))
    call, reasoning = check_part_events([*told, *parts.end()])
    assert (getattr(call, "arguments", None), getattr(reasoning, "text", None)) == ("a", "hm")


# -- what single events tell -----------------------------------------------------------------------------

MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "content": [], "status": "in_progress"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}
FUNCTION = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": ""}


def added(item: dict[str, Any], at: int | None = 0) -> Any:
    return event_of("output_item.added", output_index=at, item=item)


def done(item: dict[str, Any], at: int | None = 0) -> Any:
    return event_of("output_item.done", output_index=at, item=item)


def text(delta: str, at: int = 0, entry: int = 0) -> Any:
    return event_of("output_text.delta", output_index=at, content_index=entry, delta=delta)


def output_text(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []} | fields


def test_a_message_is_told_text_by_text() -> None:
    part = {"content_index": 0, "output_index": 0, "item_id": "msg_1"}
    whole = output_text("Hello", annotations=[{"type": "file_path", "file_id": "file_1"}])
    annotation = responses.FilePath(file_id="file_1")
    assert told_by(
        added(MESSAGE),
        event_of("content_part.added", part=output_text(""), **part),
        text("Hel"),
        text("lo"),
        event_of(
            "output_text.annotation.added", annotation={"type": "file_path", "file_id": "file_1"}, **part
        ),
        event_of("output_text.done", text="Hello", **part),
        text(" late"),
        event_of("content_part.done", part=whole, **part),
        done(MESSAGE | {"content": [whole], "status": "completed"}),
        text(" later"),
    ) == [
        PartStart(0, 0, TextPart(index=0, id="msg_1")),
        PartDelta(0, "Hel"),
        PartDelta(0, "lo"),
        PartEnd(0, TextPart(index=0, id="msg_1", text="Hello", annotations=[annotation])),
    ]


def test_nothing_comes_behind_the_terminal_event() -> None:
    response = {"id": "resp_1", "status": "completed", "output": []}
    parts = ResponsesParts()
    parts.apply(text("a"))
    assert parts.apply(event_of("completed", response=response)) == [PartEnd(0, TextPart(index=0, text="a"))]
    assert parts.apply(text("b", at=1)) == []
    assert parts.end() == []


def test_the_summary_and_the_payload_of_a_reasoning() -> None:
    def summary(name: str, entry: int, **fields: Any) -> Any:
        return event_of(f"reasoning_summary_{name}", output_index=0, summary_index=entry, **fields)

    whole = [{"type": "summary_text", "text": "First"}, {"type": "summary_text", "text": "Second"}]
    assert told_by(
        added(REASONING),
        summary("part.added", 0, part={"type": "summary_text", "text": ""}),
        summary("text.delta", 0, delta="First"),
        summary("text.done", 0, text="First"),
        summary("part.done", 0, part=whole[0]),
        summary("part.added", 1, part={"type": "summary_text", "text": ""}),
        summary("text.delta", 1, delta="Sec"),
        summary("text.done", 1, text="Second"),
        done(REASONING | {"summary": whole, "encrypted_content": "gAAA"}),
    ) == [
        PartStart(0, 0, ReasoningPart(index=0, id="rs_1")),
        PartDelta(0, "First"),
        PartEnd(0, ReasoningPart(index=0, id="rs_1", text="First", summary=True)),
        PartStart(1, 0, ReasoningPart(index=1, id="rs_1")),
        PartDelta(1, "Sec"),
        PartDelta(1, "ond"),
        PartEnd(1, ReasoningPart(index=1, id="rs_1", text="Second", summary=True, encrypted="gAAA")),
    ]


# Events, and the parts that they tell of.
ROWS: list[tuple[str, list[Any], list[AnyPart]]] = [
    (
        "an item that nothing has announced is told whole",
        [done(MESSAGE | {"content": [output_text("Hi"), {"type": "refusal", "refusal": "No"}]})],
        [TextPart(index=0, id="msg_1", text="Hi"), RefusalPart(index=1, id="msg_1", text="No")],
    ),
    (
        "a refusal",
        [
            event_of("refusal.delta", output_index=0, content_index=0, delta="N"),
            event_of("refusal.done", output_index=0, content_index=0, refusal="No"),
            event_of("refusal.delta", output_index=0, content_index=0, delta="!"),
        ],
        [RefusalPart(index=0, text="No")],
    ),
    (
        "a message that begins with some of its content",
        [added(MESSAGE | {"content": [output_text("He")]}), text("llo")],
        [TextPart(index=0, id="msg_1", text="Hello")],
    ),
    (
        "a server that counts its deltas as entries does not write them twice",
        [
            added(MESSAGE),
            text("He", entry=0),
            text("llo", entry=1),
            done(MESSAGE | {"content": [output_text("Hello")]}),
        ],
        [TextPart(index=0, id="msg_1", text="He"), TextPart(index=1, id="msg_1", text="llo")],
    ),
    (
        "nor one that counts its entries from 1",
        [added(MESSAGE), text("Hello", entry=1), done(MESSAGE | {"content": [output_text("Hello")]})],
        [TextPart(index=0, id="msg_1", text="Hello")],
    ),
    (
        "a content of next year",
        [
            added(MESSAGE),
            event_of("content_part.added", output_index=0, content_index=0, part={"type": "novelty"}),
            text("never", entry=0),
            event_of("content_part.done", output_index=0, content_index=0, part={"type": "novelty", "a": 1}),
        ],
        [OtherPart(index=0, id="msg_1", kind="novelty", extra={"type": "novelty", "a": 1})],
    ),
    (
        "reasoning that is encrypted alone",
        [added(REASONING), done(REASONING | {"encrypted_content": "gAAA"})],
        [ReasoningPart(index=0, id="rs_1", encrypted="gAAA")],
    ),
    (
        "reasoning as it was written, which nothing has announced",
        [
            event_of("content_part.added", output_index=0, part={"type": "reasoning_text", "text": ""}),
            event_of("reasoning_text.delta", output_index=0, content_index=0, delta="Hm"),
            event_of("reasoning_text.done", output_index=0, content_index=0, text="Hmm"),
        ],
        [ReasoningPart(index=0, text="Hmm")],
    ),
    (
        "arguments that come only whole",
        [added(FUNCTION), event_of("function_call_arguments.done", output_index=0, arguments="{}")],
        [ToolCallPart(index=0, id="fc_1", call_id="call_1", name="look", arguments="{}", ended=True)],
    ),
    (
        "deltas behind the whole arguments are late",
        [
            event_of("function_call_arguments.delta", output_index=0, item_id="fc_1", delta="{"),
            event_of("function_call_arguments.done", output_index=0, arguments="{}", name="look"),
            event_of("function_call_arguments.delta", output_index=0, delta="}"),
            event_of("output_text.delta", output_index=1, delta=""),
        ],
        [
            ToolCallPart(index=0, id="fc_1", name="look", arguments="{}", ended=True),
            TextPart(index=1),
        ],
    ),
    (
        "an item that is announced behind its deltas",
        [
            event_of("function_call_arguments.delta", output_index=0, delta="{}"),
            added(FUNCTION),
            added(FUNCTION),
        ],
        [ToolCallPart(index=0, call_id="call_1", name="look", arguments="{}")],
    ),
    (
        "an item that is something else than its deltas said",
        [
            event_of("function_call_arguments.delta", output_index=0, delta="{}"),
            added(REASONING),
            event_of("custom_tool_call_input.delta", output_index=0, delta="x"),
        ],
        [ToolCallPart(index=0, arguments="{}")],
    ),
    (
        "an index that is used again, when its item is done",
        [
            done(FUNCTION | {"arguments": "{}"}),
            added(FUNCTION | {"id": "fc_2", "call_id": "call_2"}),
            done(FUNCTION | {"id": "fc_2", "call_id": "call_2", "arguments": "[]"}),
            done(FUNCTION | {"id": "fc_2", "call_id": "call_2", "arguments": "[]"}),
        ],
        [
            ToolCallPart(index=0, id="fc_1", call_id="call_1", name="look", arguments="{}", ended=True),
            ToolCallPart(index=1, id="fc_2", call_id="call_2", name="look", arguments="[]", ended=True),
        ],
    ),
    (
        "events without an index go by the id, or else to the last item",
        [
            added(FUNCTION, None),
            added(FUNCTION | {"id": "fc_2", "call_id": "call_2"}, None),
            event_of("function_call_arguments.delta", item_id="fc_1", delta="1"),
            event_of("function_call_arguments.delta", delta="2"),
        ],
        [
            ToolCallPart(index=0, id="fc_1", call_id="call_1", name="look", arguments="1"),
            ToolCallPart(index=1, id="fc_2", call_id="call_2", name="look", arguments="2"),
        ],
    ),
    (
        "a custom tool that was cut",
        [
            event_of("custom_tool_call_input.delta", output_index=0, delta="l"),
            done({"type": "custom_tool_call", "name": "run", "input": "ls", "status": "incomplete"}),
        ],
        [ToolCallPart(index=0, kind="custom", name="run", arguments="ls")],
    ),
    (
        "an MCP tool",
        [
            event_of("mcp_call_arguments.delta", output_index=0, item_id="mcp_1", delta="{}"),
            event_of("mcp_call_arguments.done", output_index=0, arguments="{}"),
        ],
        [ToolCallPart(index=0, id="mcp_1", kind="mcp", arguments="{}", hosted=True, ended=True)],
    ),
    (
        "code",
        [
            event_of("code_interpreter_call_code.delta", output_index=0, delta="1+"),
            event_of("code_interpreter_call_code.done", output_index=0, code="1+1"),
        ],
        [ToolCallPart(index=0, kind="code_interpreter", arguments="1+1", hosted=True, ended=True)],
    ),
    (
        "a patch",
        [
            added({"type": "apply_patch_call", "id": "ap_1", "call_id": "call_1"}),
            event_of("apply_patch_call_operation_diff.delta", output_index=0, delta="+a"),
            event_of("apply_patch_call_operation_diff.done", output_index=0, diff="+a\n"),
        ],
        [
            ToolCallPart(
                index=0, id="ap_1", kind="apply_patch", call_id="call_1", arguments="+a\n", ended=True
            )
        ],
    ),
    (
        "the commands of a shell are lines",
        [
            added({"type": "shell_call", "id": "sh_1", "environment": {"type": "container_reference"}}),
            event_of("shell_call_command.added", output_index=0, command_index=0, command=""),
            event_of("shell_call_command.delta", output_index=0, command_index=0, delta="l"),
            event_of("shell_call_command.delta", output_index=0, command_index=0, delta="s"),
            event_of("shell_call_command.done", output_index=0, command_index=0, command="ls"),
            event_of("shell_call_command.done", output_index=0, command_index=1, command="pwd"),
            event_of("shell_call_command.delta", output_index=0, command_index=0, delta=" late"),
        ],
        [ToolCallPart(index=0, id="sh_1", kind="shell", arguments="ls\npwd", hosted=True)],
    ),
    (
        "a shell at the caller's, without commands",
        [added({"type": "shell_call", "id": "sh_1"})],
        [ToolCallPart(index=0, id="sh_1", kind="shell")],
    ),
    (
        "tools whose calls come whole",
        [
            done({"type": "web_search_call", "action": {"type": "search", "query": "q"}}, 0),
            done({"type": "file_search_call", "queries": ["q"], "status": "completed"}, 1),
            done({"type": "computer_call", "call_id": "c", "action": {"type": "wait"}}, 2),
            done({"type": "computer_call", "call_id": "c", "actions": [{"type": "wait"}]}, 3),
            done(
                {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}, 4
            ),
            done({"type": "tool_search_call", "arguments": {"a": 1}, "execution": "server"}, 5),
            done({"type": "tool_search_call", "arguments": None, "execution": "client"}, 6),
            done({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls", "pwd"]}}, 7),
        ],
        [
            ToolCallPart(
                index=0, kind="web_search", arguments='{"type":"search","query":"q"}', hosted=True, ended=True
            ),
            ToolCallPart(index=1, kind="file_search", arguments='["q"]', hosted=True, ended=True),
            ToolCallPart(index=2, kind="computer", call_id="c", arguments='{"type":"wait"}', ended=True),
            ToolCallPart(index=3, kind="computer", call_id="c", arguments='[{"type":"wait"}]', ended=True),
            ToolCallPart(
                index=4,
                kind="local_shell",
                call_id="c",
                arguments='{"type":"exec","command":["ls"],"env":null}',
                ended=True,
            ),
            ToolCallPart(index=5, kind="tool_search", arguments='{"a":1}', hosted=True, ended=True),
            ToolCallPart(index=6, kind="tool_search", ended=True),
            ToolCallPart(index=7, kind="shell", call_id="c", arguments="ls\npwd", ended=True),
        ],
    ),
    (
        "images",
        [
            added({"type": "image_generation_call", "id": "ig_1"}),
            done({"type": "image_generation_call", "id": "ig_1", "result": "AAAA", "output_format": "png"}),
            done(
                {"type": "image_generation_call", "id": "ig_2", "result": "BBBB", "output_format": "svg"}, 1
            ),
            done({"type": "image_generation_call", "id": "ig_3"}, 2),
        ],
        [
            ImagePart(index=0, id="ig_1", data="AAAA", media_type="image/png"),
            ImagePart(index=1, id="ig_2", data="BBBB", media_type="image/svg+xml"),
            ImagePart(index=2, id="ig_3"),
        ],
    ),
    (
        "items of another kind",
        [
            added({"type": "compaction", "id": "cmp_1"}),
            done({"type": "novelty", "id": 7}, 1),
        ],
        [OtherPart(index=0, id="cmp_1", kind="compaction"), OtherPart(index=1, kind="novelty")],
    ),
    (
        "sound",
        [
            event_of("audio.delta", delta="AAAA"),
            event_of("audio.transcript.delta", delta="H\ud83d"),
            event_of("audio.transcript.delta", delta="\ude00"),
            event_of("audio.transcript.delta", delta="\ud83d"),
            event_of("audio.done"),
        ],
        [AudioPart(index=0, data="AAAA", transcript="H😀\ufffd")],
    ),
    (
        "halves of characters",
        [text("a\ud83d"), text("b", at=1), text("\ude00"), text("\ud83d")],
        [TextPart(index=0, text="a😀\ufffd"), TextPart(index=1, text="b")],
    ),
    (
        "half a character at the end, which is told once more",
        [
            text("a\ud83d"),
            event_of("output_text.done", output_index=0, content_index=0, text="a\ud83d"),
            added(FUNCTION, 1),
            event_of("function_call_arguments.delta", output_index=1, delta="b\ud83d"),
            done(FUNCTION | {"arguments": "b\ud83d", "status": "incomplete"}, 1),
            added(MESSAGE, 2),
            text("c\ud83d", 2),
            done(MESSAGE | {"content": [output_text("c\ud83d")]}, 2),
            added(FUNCTION, 3),
            event_of("function_call_arguments.delta", output_index=3, delta="d\ud83d"),
            event_of("function_call_arguments.done", output_index=3, arguments="d\ud83d"),
        ],
        [
            TextPart(index=0, text="a\ufffd"),
            ToolCallPart(index=1, id="fc_1", call_id="call_1", name="look", arguments="b\ufffd"),
            TextPart(index=2, id="msg_1", text="c\ufffd"),
            ToolCallPart(index=3, id="fc_1", call_id="call_1", name="look", arguments="d\ufffd", ended=True),
        ],
    ),
    (
        "halves of characters in names",
        [
            event_of("function_call_arguments.delta", item_id="f\ud83d", delta="a"),
            event_of("function_call_arguments.done", item_id="f\ud83d", name="\ud83d", arguments="ab"),
        ],
        [ToolCallPart(index=0, id="f\ufffd", name="\ufffd", arguments="ab", ended=True)],
    ),
    (
        "what events do not name, or say nothing of",
        [
            event_of("output_item.added", output_index=0, item=None),
            event_of("output_item.done", output_index=0, item=None),
            event_of("content_part.added", output_index=0, part=None),
            event_of("content_part.done", output_index=0, part=None),
            event_of("output_text.annotation.added", output_index=0, annotation=None),
            event_of("created", response={"id": "resp_1"}),
        ],
        [TextPart(index=0)],
    ),
    (
        "the terminal event tells what nothing else has told",
        [
            added(FUNCTION),
            added(MESSAGE, 1),
            event_of(
                "completed",
                response={
                    "id": "resp_1",
                    "output": [
                        FUNCTION | {"arguments": "{}"},
                        REASONING,
                        MESSAGE | {"id": "msg_2", "content": [output_text("Hi")]},
                    ],
                },
            ),
        ],
        [
            ToolCallPart(index=0, id="fc_1", call_id="call_1", name="look", arguments="{}", ended=True),
            TextPart(index=1, id="msg_2", text="Hi"),
        ],
    ),
    (
        "a terminal event whose response does not decode ends what is open",
        [text("a"), event_of("completed", response=7)],
        [TextPart(index=0, text="a")],
    ),
]


@pytest.mark.parametrize(("events", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_events_tell(events: list[Any], expected: list[AnyPart]) -> None:
    def bare(part: AnyPart) -> AnyPart:
        named = isinstance(part, (ToolCallPart, ImagePart)) or (
            isinstance(part, OtherPart) and part.kind in ("compaction", "novelty") and part.id != "msg_1"
        )
        return msgspec.structs.replace(part, extra=None) if named else part

    assert [bare(part) for part in parts_told_by(*events)] == expected


def test_a_call_that_is_done_brings_its_item() -> None:
    item = FUNCTION | {"arguments": "{}", "namespace": "n"}
    (part,) = parts_told_by(done(item))
    assert isinstance(part, ToolCallPart)
    assert part.extra == msgspec.convert(item, responses.FunctionCall)


def test_a_response_on_its_way_has_calls_that_have_not_ended() -> None:
    item = responses.CustomToolCall(name="run", input="ls")
    running = responses.Response(status="in_progress", output=[item])
    (part,) = parts_of(running)
    assert isinstance(part, ToolCallPart)
    assert not part.ended
    (part,) = parts_of(msgspec.structs.replace(running, status="completed"))
    assert isinstance(part, ToolCallPart)
    assert part.ended
    assert parts_of(running, 1) == []
