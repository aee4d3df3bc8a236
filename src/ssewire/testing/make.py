"""What an answer is to say goes in, the body of a streamed response that says it comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ssewire.testing.chat import stream_chat
from ssewire.testing.completions import stream_completions
from ssewire.testing.decisions import Steady
from ssewire.testing.quirks import check_compatible, check_names
from ssewire.testing.responses import stream_responses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    ToolCall = tuple[str, str | Mapping[str, Any]] | Mapping[str, Any]
    ToolCalls = Sequence[ToolCall]

CREATED: Final = 1_780_000_000
"""When all made answers were created, in seconds since 1970."""


def make_chat_body(
    *,
    text: str | None = None,
    tool_calls: ToolCalls = (),
    reasoning: str | None = None,
    refusal: str | None = None,
    finish_reason: str | None = None,
    usage: Mapping[str, Any] | None = None,
    model: str = "example-1",
    id: str = "chatcmpl-1",
    choices: Sequence[str] = (),
    quirks: Iterable[str] = (),
) -> bytes:
    """Make the body of a Chat Completions stream: a delta a word, `[DONE]` at the end.

    Args:
        text: What the model says.
        tool_calls: What it calls: pairs of a name and the arguments, as JSON text or as what it means; or
            calls as the API's own JSON, where `id` and `type` may be left out.
        reasoning: What it thinks first.
        refusal: What it says instead.
        finish_reason: Why it ends; `tool_calls` or `stop` by default.
        usage: What it used, as the API's own JSON.
        model: The name of the model.
        id: The id of the completion.
        choices: The texts of further choices.
        quirks: Names of `QUIRKS`: the shapes that the body has. Each is in it, wherever what the answer says
            and the other quirks give it a place, and is the same each time; what ends the body early does so
            in the middle.

    Raises:
        TypeError: `quirks` is a text.
        ValueError: A quirk is not known or contradicts another, or a call has no name or no arguments.
    """
    calls = [_tool_call(call, number) for number, call in enumerate(tool_calls)]
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": refusal}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    reason = finish_reason or ("tool_calls" if calls else "stop")
    answers = [message, *({"role": "assistant", "content": each, "refusal": None} for each in choices)]
    answer: dict[str, Any] = {
        "id": id,
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [
            {"index": index, "message": each, "finish_reason": reason, "logprobs": None}
            for index, each in enumerate(answers)
        ],
    }
    if usage is not None:
        answer["usage"] = dict(usage)
    names = check_compatible(check_names(quirks, "chat"))
    return stream_chat(answer, Steady(), names).body


def _tool_call(call: ToolCall, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {"id": f"call_{number}", "type": "function"}
    if isinstance(call, Mapping):
        made |= call
    else:
        made["function"] = _called(call)
    key, passed = ("custom", "input") if made["type"] == "custom" else ("function", "arguments")
    _check_call(call, made.get(key), passed)
    return made


def _called(call: tuple[str, str | Mapping[str, Any]]) -> dict[str, str]:
    name, arguments = call
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    return {"name": name, "arguments": arguments}


def _check_call(call: ToolCall, called: Any, passed: str) -> None:
    told = called if isinstance(called, Mapping) else {}
    if not all(isinstance(told.get(key), str) for key in ("name", passed)):
        raise ValueError(f"a call has a name and {passed}, both text: {call!r}")


def make_completions_body(
    *,
    text: str = "",
    finish_reason: str = "stop",
    usage: Mapping[str, Any] | None = None,
    model: str = "example-instruct",
    id: str = "cmpl-1",
    quirks: Iterable[str] = (),
) -> bytes:
    """Make the body of a legacy Completions stream. As `make_chat_body`."""
    choice = {"index": 0, "text": text, "finish_reason": finish_reason, "logprobs": None}
    answer: dict[str, Any] = {"id": id, "object": "text_completion", "created": CREATED, "model": model}
    answer["choices"] = [choice]
    if usage is not None:
        answer["usage"] = dict(usage)
    names = check_compatible(check_names(quirks, "completions"))
    return stream_completions(answer, Steady(), names).body


def make_responses_body(
    *,
    text: str | None = None,
    tool_calls: ToolCalls = (),
    reasoning: str | None = None,
    refusal: str | None = None,
    status: str = "completed",
    usage: Mapping[str, Any] | None = None,
    model: str = "example-1",
    id: str = "resp_1",
    output: Sequence[Mapping[str, Any]] = (),
    quirks: Iterable[str] = (),
) -> bytes:
    """Make the body of a Responses stream: a delta a word, a terminal event at the end.

    Args:
        text: What the model says.
        tool_calls: What it calls: pairs of a name and the arguments, as JSON text or as what it means; or
            items as the API's own JSON, where `call_id` and `type` may be left out.
        reasoning: A summary of what it thinks first.
        refusal: What it says instead.
        status: `completed` or `incomplete`.
        usage: What it used, as the API's own JSON.
        model: The name of the model.
        id: The id of the response.
        output: Further items, as the API's own JSON.
        quirks: Names of `QUIRKS`: the shapes that the body has. Each is in it, wherever what the answer says
            and the other quirks give it a place, and is the same each time; what ends the body early does so
            in the middle.

    Raises:
        TypeError: `quirks` is a text.
        ValueError: A quirk or the status is not known, a quirk contradicts another, a call has no name or no
            arguments, or an item or a part of one has no type.
    """
    if status not in ("completed", "incomplete"):
        raise ValueError(f"a made response is completed or incomplete, not {status!r}")
    items: list[dict[str, Any]] = []
    if reasoning is not None:
        items.append({"type": "reasoning", "summary": [{"type": "summary_text", "text": reasoning}]})
    content: list[dict[str, Any]] = []
    if text is not None:
        content.append({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
    if refusal is not None:
        content.append({"type": "refusal", "refusal": refusal})
    if content:
        items.append({"type": "message", "role": "assistant", "content": content})
    items += [_function_call(call, number) for number, call in enumerate(tool_calls)]
    items += [_typed(item) for item in output]
    answer: dict[str, Any] = {
        "id": id,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "model": model,
        "output": [
            {"id": f"item_{number}", "status": "completed", **item} for number, item in enumerate(items)
        ],
        "error": None,
        "incomplete_details": None if status == "completed" else {"reason": "max_output_tokens"},
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }
    if usage is not None:
        answer["usage"] = dict(usage)
    names = check_compatible(check_names(quirks, "responses"))
    return stream_responses(answer, Steady(), names).body


def _typed(item: Mapping[str, Any]) -> dict[str, Any]:
    parts: list[Any] = []
    if item.get("type") in ("message", "reasoning"):
        parts = [*(item.get("content") or ()), *(item.get("summary") or ())]
    for each in (item, *parts):
        if not isinstance(each, Mapping) or not each.get("type"):
            raise ValueError(f"an item has a type, and so has each of its parts: {each!r}")
    return dict(item)


def _function_call(call: ToolCall, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "function_call", "call_id": f"call_{number}"}
    made |= call if isinstance(call, Mapping) else _called(call)
    if made["type"] == "function_call":
        _check_call(call, made, "arguments")
    return made
