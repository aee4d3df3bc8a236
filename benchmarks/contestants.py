"""Ways to read a stream: each takes the reads of one body and returns the text of its first answer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import httpx_sse
import openai
import orjson
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletionChunk as OpenAIChunk
from openai.types.responses import ResponseStreamEvent
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from workloads import chat_text, responses_text

import ssewire
from ssewire.responses import OutputTextDelta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    Reader = Callable[[list[bytes]], str]

HEADERS = {"content-type": "text/event-stream"}
REQUEST = httpx.Request("POST", "http://localhost/")
REQUEST2 = httpx2.Request("POST", "http://localhost/")
CLIENT = openai.OpenAI(api_key="none")


class Body(httpx.SyncByteStream):
    """Reads as httpx hands them out."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._reads)


class Body2(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """Reads as httpx2 hands them out."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._reads)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for read in self._reads:
            yield read


def response2(reads: list[bytes]) -> httpx2.Response:
    """A response of httpx2, which the openai package reads too."""
    return httpx2.Response(200, headers=HEADERS, stream=Body2(reads), request=REQUEST2)


# -- ssewire ---------------------------------------------------------------------------------------------


def chat_whole(reads: list[bytes]) -> str:
    """ssewire: typed events, folded, with the final object and the verdict."""
    stream = ssewire.ChatStream(reads)
    for _ in stream:
        pass
    choices = stream.snapshot().choices
    return next((choice.message.content or "" for choice in choices if choice.index == 0), "")


def responses_whole(reads: list[bytes]) -> str:
    """ssewire: typed events, folded, with the final object and the verdict."""
    stream = ssewire.ResponsesStream(reads)
    text = ""
    for event in stream:
        if isinstance(event, OutputTextDelta):
            text += event.delta
    stream.snapshot()
    return text


def tokenizer(reads: list[bytes]) -> str:
    """ssewire: server-sent events alone."""
    feed = ssewire.Tokenizer().feed
    for read in reads:
        feed(read)
    return ""


# -- others ----------------------------------------------------------------------------------------------


def httpx_sse_json(reads: list[bytes]) -> str:
    """httpx-sse, then json.loads: untyped and unfolded."""
    response = httpx.Response(200, headers=HEADERS, stream=Body(reads), request=REQUEST)
    return _text(event.data for event in httpx_sse.EventSource(response).iter_sse())


def httpx2_json(reads: list[bytes]) -> str:
    """httpx2's EventSource, then json.loads: untyped and unfolded."""
    return _text(event.data for event in httpx2.EventSource(response2(reads)))


def _text(payloads: Iterator[str]) -> str:
    found = [json.loads(payload) for payload in payloads if payload != "[DONE]"]
    text_of = chat_text if "choices" in found[0] else responses_text
    return "".join(map(text_of, found))


def openai_chat(reads: list[bytes]) -> str:
    """The openai package's stream, without its accumulator."""
    stream = openai.Stream(cast_to=OpenAIChunk, response=response2(reads), client=CLIENT)
    found = ""
    for event in stream:
        for choice in event.choices:
            found += (choice.delta.content or "") if choice.index == 0 else ""
    return found


def openai_chat_accumulated(reads: list[bytes]) -> str:
    """The openai package's stream with its accumulator."""
    stream = openai.Stream(cast_to=OpenAIChunk, response=response2(reads), client=CLIENT)
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for event in stream:
        state.handle_chunk(event)
    choices = {choice.index: choice for choice in state.current_completion_snapshot.choices}
    return choices[0].message.content or ""


def openai_responses(reads: list[bytes]) -> str:
    """The openai package's stream, without its accumulator."""
    return "".join(
        event.delta for event in _openai_events(reads) if event.type == "response.output_text.delta"
    )


def openai_responses_accumulated(reads: list[bytes]) -> str:
    """The openai package's stream with its accumulator."""
    state: ResponseStreamState[Any] = ResponseStreamState(text_format=openai.NOT_GIVEN, input_tools=[])
    found = ""
    for event in _openai_events(reads):
        for each in state.handle_event(event):
            found += each.delta if each.type == "response.output_text.delta" else ""
    return found


def _openai_events(reads: list[bytes]) -> Any:
    event_type: Any = ResponseStreamEvent
    return openai.Stream(cast_to=event_type, response=response2(reads), client=CLIENT)


def pydantic_ai_chat(reads: list[bytes]) -> str:
    """pydantic-ai's OpenAI model stream."""
    return asyncio.run(_pydantic_ai(OpenAIChatModel, reads))


def pydantic_ai_responses(reads: list[bytes]) -> str:
    """pydantic-ai's OpenAI Responses model stream."""
    return asyncio.run(_pydantic_ai(OpenAIResponsesModel, reads))


async def _pydantic_ai(kind: Any, reads: list[bytes]) -> str:
    transport = httpx2.MockTransport(lambda _: response2(reads))
    client = openai.AsyncOpenAI(api_key="none", http_client=httpx2.AsyncClient(transport=transport))
    model = kind("example-1", provider=OpenAIProvider(openai_client=client))
    found = ""
    async with model_request_stream(model, [ModelRequest.user_text_prompt("Hi")]) as stream:
        async for event in stream:
            match event:
                case PartStartEvent(part=TextPart(content=text)):
                    found += text
                case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                    found += text
    return found


# -- payloads that somebody else has cut out -------------------------------------------------------------


def orjson_alone(payloads: list[bytes]) -> str:
    """orjson.loads of each."""
    for payload in payloads:
        orjson.loads(payload)
    return ""


def json_alone(payloads: list[bytes]) -> str:
    """json.loads of each."""
    for payload in payloads:
        json.loads(payload)
    return ""


def chat_struct_alone(payloads: list[bytes]) -> str:
    """msgspec into ssewire's own Struct: the floor."""
    decode = ssewire.ChatParser.dialect.decoder_of().strict
    for payload in payloads:
        decode(payload)
    return ""


def responses_struct_alone(payloads: list[bytes]) -> str:
    """msgspec into ssewire's own Structs: the floor."""
    decode = ssewire.ResponsesParser.dialect.decoder_of()
    for payload in payloads:
        decode.read(payload, "message")
    return ""


FAST: dict[str, dict[str, Reader]] = {
    "chat": {
        "whole": chat_whole,
        "tokenizer": tokenizer,
        "httpx-sse + json": httpx_sse_json,
        "httpx2 + json": httpx2_json,
    },
    "responses": {
        "whole": responses_whole,
        "tokenizer": tokenizer,
        "httpx-sse + json": httpx_sse_json,
        "httpx2 + json": httpx2_json,
    },
}
"""By dialect and name; those that take microseconds an event."""
SLOW: dict[str, dict[str, Reader]] = {
    "chat": {
        "openai": openai_chat,
        "openai, accumulated": openai_chat_accumulated,
        "pydantic-ai": pydantic_ai_chat,
    },
    "responses": {
        "openai": openai_responses,
        "openai, accumulated": openai_responses_accumulated,
        "pydantic-ai": pydantic_ai_responses,
    },
}
"""Those that take a hundred times that."""
ALONE: dict[str, dict[str, Reader]] = {
    "chat": {"orjson alone": orjson_alone, "json alone": json_alone, "Struct alone": chat_struct_alone},
    "responses": {
        "orjson alone": orjson_alone,
        "json alone": json_alone,
        "Struct alone": responses_struct_alone,
    },
}
"""Those that take payloads instead of reads."""
