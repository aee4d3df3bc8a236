"""Recorded Responses streams hold what the server says it sent, and the official client agrees."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import msgspec
import openai
import pytest
from openai._models import construct_type
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent

from reference import interpret
from shared import CORPUS, captures_folder
from ssewire import ResponsesParser, SSEWireError, Verdict, encode_event
from ssewire._wire.tokenizer import ServerSentEvent
from ssewire.responses.compare import DifferenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RECORDED = sorted(captures_folder().glob("responses-*.sse"))
OWN = sorted((CORPUS / "responses").glob("*.sse"))
ENDINGS = ("response.completed", "response.incomplete", "response.failed")

# What differs, by recording and place, but for what is encrypted anew: each for a reason of the server's.
EXPLAINED = {
    "responses-chatgpt-gpt5.4-function.sse": {
        "output[0]": "the ChatGPT backend ends with an empty list of items",
    },
    "responses-copilot-gpt5.3codex-reasoning-encrypted.sse": {
        "id": "GitHub Copilot gives new ids in every event",
        "output[0].id": "GitHub Copilot gives new ids in every event",
        "output[1].id": "GitHub Copilot gives new ids in every event",
    },
    "responses-openrouter-gpt4.1mini-function.sse": {
        "reasoning": "OpenRouter tells of its reasoning settings in the end only",
    },
    "responses-openrouter-gpt5nano-reasoning-encrypted.sse": {
        "reasoning.summary": "OpenRouter resolves `auto` in the end",
        "reasoning.context": "OpenRouter tells of its reasoning settings in the end only",
        "reasoning.mode": "OpenRouter tells of its reasoning settings in the end only",
    },
}


SHORTENED = {"responses-openai-gpt5.2-shell-shellcalloutput.sse"}
"""Recordings of which somebody has left out some of the deltas."""


def parsed(body: bytes) -> ResponsesParser:
    parser = ResponsesParser(malformed="skip")
    try:
        parser.feed(body)
        parser.close()
    except SSEWireError:
        pass  # the verdict tells
    return parser


def payloads(body: bytes) -> list[dict[str, Any]]:
    """The payloads of a body up to its end, read by the reference."""
    found: list[dict[str, Any]] = []
    for data, _, _ in interpret(body, flush=True).events:
        if data == "[DONE]":
            continue
        try:
            found.append(json.loads(data))
        except json.JSONDecodeError:
            break  # cut
        if found[-1].get("type") in ENDINGS:
            break
    return found


def body_of(events: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(encode_event(ServerSentEvent(json.dumps(event).encode())) for event in events)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_was_streamed_is_what_the_server_says_it_sent(path: Path) -> None:
    differences = parsed(path.read_bytes()).compare()
    odd = [each.path for each in differences if each.kind is not DifferenceKind.RE_ENCRYPTED]
    assert odd == list(EXPLAINED.get(path.name, {}))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_every_event_is_known_and_nothing_had_to_be_repaired(path: Path) -> None:
    parser = parsed(path.read_bytes())
    kinds = {each.kind for each in parser.diagnostics}
    assert kinds <= {"late_event"} | ({"done_differs"} if path.name in SHORTENED else set())
    failed = "failed" in path.name
    assert parser.verdict is (Verdict.FAILED if failed else Verdict.COMPLETE)


def words(items: Iterable[dict[str, Any]]) -> list[Any]:
    """All that the model wrote: texts, refusals, reasoning, arguments, inputs, code, patches, commands."""
    found: list[Any] = []
    for item in items:
        found += [part.get("text", part.get("refusal")) for part in item.get("content") or ()]
        found += [part["text"] for part in item.get("summary") or ()]
        found += [item.get(name) for name in ("arguments", "input", "code")]
        found += [item.get("operation", {}).get("diff"), (item.get("action") or {}).get("commands")]
    return [each for each in found if each]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_without_its_end_a_stream_still_holds_all_that_was_written(path: Path) -> None:
    events = payloads(path.read_bytes())
    final = events[-1]["response"]
    parser = parsed(body_of(events[:-1]))
    assert parser.verdict is (Verdict.FAILED if "failed" in path.name else Verdict.TRUNCATED)
    snapshot = json.loads(msgspec.json.encode(parser.snapshot()))
    done = [event["item"] for event in events if event.get("type") == "response.output_item.done"]
    assert words(snapshot["output"]) == words(final["output"] or done)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_deltas_alone_hold_all_that_they_brought(path: Path) -> None:
    if path.name in SHORTENED:
        pytest.skip("some deltas are left out")
    events = payloads(path.read_bytes())
    final = events[-1]["response"]
    deltas = [
        event
        for event in events[:-1]
        if not event["type"].endswith(".done") and event["type"] != "response.output_text.annotation.added"
    ]
    streamed = {event["type"] for event in deltas if event["type"].endswith(".delta")}
    if not streamed:
        pytest.skip("nothing came in deltas")
    written = words(json.loads(msgspec.json.encode(parsed(body_of(deltas)).snapshot()))["output"])
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    whole = words(final["output"] or done)
    assert [each for each in written if each not in whole] == []
    assert sum(len(event["delta"]) for event in deltas if isinstance(event.get("delta"), str)) == sum(
        len(each) if isinstance(each, str) else sum(map(len, each)) for each in written
    ) - sum(len(each) for each in untold(events))


def untold(events: list[dict[str, Any]]) -> list[str]:
    """What items and parts held when they were added, without a delta."""
    texts: list[str] = []
    for event in events:
        if event["type"] == "response.output_item.added":
            texts += [each for each in words([event["item"]]) if isinstance(each, str)]
        elif event["type"] in ("response.content_part.added", "response.reasoning_summary_part.added"):
            texts.append(event["part"].get("text") or event["part"].get("refusal") or "")
        elif event["type"] == "response.shell_call_command.added":
            texts.append(event["command"])
    return texts


# -- the official accumulator ----------------------------------------------------------------------------

# Their final object is that of `response.completed` alone; where there is another, or an id that changes,
# there is none, or it is an error.
THEIRS_IS_NONE = {
    "responses-copilot-gpt5.3codex-reasoning-encrypted.sse",  # an id changes
    "responses-openai-gpt5.6sol-reasoning-incomplete-encrypted.sse",
    "responses-openai-gpt5mini-reasoning-incomplete.sse",
    "responses-openai-gpt5nano-failed-error.sse",
    "bare.sse",  # no `response.created`
    "error-failed.sse",
    "error-flat.sse",
    "failed.sse",
    "incomplete.sse",
    "parallel-calls.sse",  # an id changes
    "truncated.sse",
}
DIFFERS = {
    "responses-chatgpt-gpt5.4-function.sse": "theirs takes the empty list at the end for the items",
    "empty-output.sse": "theirs takes the empty list at the end for the items",
    "responses-xai-grok4fastreasoning-websearch-citations.sse": "the API requires a title; ours is empty",
}


def theirs(body: bytes) -> Any:
    state: Any = ResponseStreamState(input_tools=openai.omit, text_format=openai.omit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for event in payloads(body):
            state.handle_event(construct_type(type_=ResponseStreamEvent, value=event))
        return json.loads(state._completed_response.to_json())


def without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = ((key, without_nothing(each)) for key, each in value.items())
        return {key: each for key, each in pairs if each not in (None, [])}
    return [without_nothing(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", RECORDED + OWN, ids=lambda path: path.stem)
def test_the_official_accumulator_agrees(path: Path) -> None:
    body = path.read_bytes()
    try:
        final = theirs(body)
    except (RuntimeError, AttributeError, json.JSONDecodeError):
        assert path.name in THEIRS_IS_NONE
        return
    assert path.name not in THEIRS_IS_NONE
    ours = json.loads(msgspec.json.encode(parsed(body).snapshot()))
    assert (without_nothing(ours) != without_nothing(final)) is (path.name in DIFFERS)
