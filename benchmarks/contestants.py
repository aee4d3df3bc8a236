"""Ways to read a chat stream: each takes the reads of one body and returns what it made of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import httpx_sse
import msgspec
import openai
import orjson
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk as OpenAIChunk

import ssewire

if TYPE_CHECKING:
    from collections.abc import Iterator

Reads = list[bytes]
CLIENT = openai.OpenAI(api_key="none")
STRUCT = msgspec.json.Decoder(ssewire.ChatCompletionChunk)


class Body(httpx.SyncByteStream):
    """Reads as httpx hands them out."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._reads)


class Body2(httpx2.SyncByteStream):
    """Reads as httpx2 hands them out."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._reads)


HEADERS = {"content-type": "text/event-stream"}
REQUEST = httpx.Request("POST", "http://localhost/")
REQUEST2 = httpx2.Request("POST", "http://localhost/")


def httpx2_response(reads: Reads) -> httpx2.Response:
    """A response of httpx2, which the openai package reads too."""
    return httpx2.Response(200, headers=HEADERS, stream=Body2(reads), request=REQUEST2)


def whole(reads: Reads) -> str:
    """ssewire: typed events, folded, with the final object."""
    stream = ssewire.ChatStream(reads)
    for _ in stream:
        pass
    return text_of(stream.snapshot())


def tokenizer_alone(reads: Reads) -> int:
    """ssewire: server-sent events."""
    tokenizer = ssewire.Tokenizer()
    return sum(len(tokenizer.feed(read)) for read in reads)


def httpx_sse_json(reads: Reads) -> str:
    """httpx-sse, then json.loads: untyped and unfolded."""
    response = httpx.Response(200, headers=HEADERS, stream=Body(reads), request=REQUEST)
    payloads = (
        json.loads(event.data)
        for event in httpx_sse.EventSource(response).iter_sse()
        if event.data != "[DONE]"
    )
    return deltas_of(payloads)


def httpx2_json(reads: Reads) -> str:
    """httpx2's EventSource, then json.loads: untyped and unfolded."""
    source = httpx2.EventSource(httpx2_response(reads))
    payloads = (json.loads(event.data) for event in source if event.data != "[DONE]")
    return deltas_of(payloads)


def openai_stream(reads: Reads) -> str:
    """The openai package's stream, without its accumulator."""
    stream = openai.Stream(cast_to=OpenAIChunk, response=httpx2_response(reads), client=CLIENT)
    text = ""
    for chunk in stream:
        for choice in chunk.choices[:1]:
            text += choice.delta.content or "" if choice.index == 0 else ""
    return text


def openai_accumulated(reads: Reads) -> str:
    """The openai package's stream with its accumulator."""
    stream = openai.Stream(cast_to=OpenAIChunk, response=httpx2_response(reads), client=CLIENT)
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for chunk in stream:
        state.handle_chunk(chunk)
    choices = {choice.index: choice for choice in state.current_completion_snapshot.choices}
    return choices[0].message.content or ""


def orjson_payloads(payloads: list[bytes]) -> str:
    """orjson.loads on payloads that somebody else has cut out."""
    for payload in payloads:
        orjson.loads(payload)
    return ""


def json_payloads(payloads: list[bytes]) -> str:
    """json.loads on payloads that somebody else has cut out."""
    for payload in payloads:
        json.loads(payload)
    return ""


def struct_payloads(payloads: list[bytes]) -> str:
    """msgspec into ssewire's own Struct, on payloads that somebody else has cut out: the floor."""
    for payload in payloads:
        STRUCT.decode(payload)
    return ""


def text_of(completion: ssewire.ChatCompletion) -> str:
    """The first answer's text."""
    return next((each.message.content or "" for each in completion.choices if each.index == 0), "")


def deltas_of(payloads: Iterator[Any]) -> str:
    """The first answer's text, joined from untyped payloads."""
    return "".join(
        choice["delta"].get("content") or ""
        for payload in payloads
        for choice in payload["choices"]
        if choice["index"] == 0
    )
