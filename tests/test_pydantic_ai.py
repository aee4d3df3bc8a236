"""pydantic-ai on top of ssewire, and beside it: the same parts, usage, model and finish reason."""

from __future__ import annotations

import asyncio
import runpy
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from shared import CORPUS, TESTS, captures_folder
from ssewire import AsyncChatStream, AsyncResponsesStream, logs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EXAMPLE = TESTS / "examples" / "pydantic_ai_model.py"
Response: Any = runpy.run_path(str(EXAMPLE))["SsewireStreamedResponse"]

CHAT = [
    *sorted(captures_folder().glob("chat-openai-*.sse")),
    *(CORPUS / "chat" / name for name in ("openai-usage.sse", "tools-parallel.sse", "tools-index-three.sse")),
]
RESPONSES = [
    *(path for path in sorted(captures_folder().glob("responses-openai-*.sse")) if "error" not in path.name),
    *(CORPUS / "responses" / name for name in ("text.sse", "function-call.sse", "reasoning-summary.sse")),
]
DIFFERENT = {
    "chat-openai-gpt3.5turbo0125-nchoices.sse": "theirs mixes the choices into one",
    "chat-openai-gpt3.5turbo0125-paralleltools-nchoices.sse": "theirs mixes the choices into one",
    "responses-openai-gpt5.1-applypatch.sse": "theirs knows no such item",
    "responses-openai-gpt5.2codex-customtool.sse": "theirs knows no such item",
    "text.sse": "theirs hands out halves of characters",
}
FINISH_REASONS = {
    ("stop", "content_filter"): "theirs calls a refusal that",
    ("tool_call", "stop"): "theirs says of a response with calls that it stopped",
    (None, "stop"): "theirs says of a stream that was cut that it stopped",
}
"""Where ours and theirs differ, and why."""


async def theirs(body: bytes, model_class: Any) -> ModelResponse:
    """What pydantic-ai's own model makes of a recorded body."""
    transport = logs.transport([logs.Capture(logs.Head(origin="sse"), [(None, body)])], httpx2)
    async with httpx2.AsyncClient(transport=transport) as http:
        client = openai.AsyncOpenAI(
            api_key="none", base_url="http://localhost/v1", http_client=http, max_retries=0
        )
        model = model_class("example-1", provider=OpenAIProvider(openai_client=client))
        request = [ModelRequest.user_text_prompt("Hello")]
        async with model.request_stream(request, None, ModelRequestParameters()) as response:
            async for _ in response:
                pass
            made: ModelResponse = response.get()
            return made


async def ours(body: bytes, stream_class: Any) -> tuple[ModelResponse, list[Any], Any]:
    """What the example makes of it, its events, and ssewire's own message."""

    async def reads() -> AsyncIterator[bytes]:
        yield body

    async with stream_class(reads()) as stream:
        response = Response(ModelRequestParameters(), stream)
        events = [event async for event in response]
        return response.get(), events, stream.message()


def shown(response: ModelResponse) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for part in response.parts:
        match part:
            case TextPart() | ThinkingPart() if part.content:
                found.append((type(part), part.content))
            case ToolCallPart():
                found.append((type(part), part.tool_name, part.args, part.tool_call_id))
    return found


@pytest.mark.filterwarnings("ignore:Handling of this")
@pytest.mark.parametrize(
    ("path", "model_class", "stream_class"),
    [(path, OpenAIChatModel, AsyncChatStream) for path in CHAT]
    + [(path, OpenAIResponsesModel, AsyncResponsesStream) for path in RESPONSES],
    ids=lambda value: getattr(value, "name", getattr(value, "__name__", None)),
)
def test_their_own_model_makes_the_same_of_recorded_streams(
    path: Path, model_class: Any, stream_class: Any
) -> None:
    body = path.read_bytes()
    expected = asyncio.run(theirs(body, model_class))
    made, _, message = asyncio.run(ours(body, stream_class))
    if path.name in DIFFERENT:
        assert shown(made) != shown(expected)
        return
    assert shown(made) == shown(expected)
    assert made.model_name == expected.model_name
    assert message.model == expected.model_name
    for name in ("input_tokens", "output_tokens", "cache_read_tokens"):
        assert getattr(made.usage, name) == getattr(expected.usage, name)
    told = (expected.provider_details or {}).get("timestamp")
    if told is not None:
        assert made.timestamp == message.created == told
    reasons = made.finish_reason, expected.finish_reason
    assert made.finish_reason == expected.finish_reason or reasons in FINISH_REASONS


def test_the_example_streams_what_an_agent_reads() -> None:
    made, events, _ = asyncio.run(
        ours((CORPUS / "chat" / "tools-parallel.sse").read_bytes(), AsyncChatStream)
    )
    kinds = [type(event) for event in events]
    assert kinds[0] is PartStartEvent
    assert kinds[-1] is PartEndEvent
    assert PartDeltaEvent in kinds
    assert made.finish_reason == "tool_call"
    assert [part.args_as_dict() for part in made.parts if isinstance(part, ToolCallPart)]


def test_the_example_passes_reasoning_and_its_signature_on() -> None:
    chunk = '{"choices":[{"index":0,"delta":{"reasoning_details":[%s]}}]}'
    details = ['{"type":"reasoning.text","text":"Hm"}', '{"type":"reasoning.text","signature":"sig"}']
    body = "".join(f"data: {chunk.replace('%s', each)}\n\n" for each in details).encode()
    made, _, _ = asyncio.run(ours(body, AsyncChatStream))
    (part,) = made.parts
    assert isinstance(part, ThinkingPart)
    assert (part.content, part.signature) == ("Hm", "sig")
    assert made.model_name == ""
    assert made.timestamp.tzinfo is not None


def test_the_example_is_about_forty_lines() -> None:
    code = EXAMPLE.read_text().partition("@dataclass")[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 50
