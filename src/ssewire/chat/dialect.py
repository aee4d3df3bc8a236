"""The row of Chat Completions: what its events are, how an error is told, and that `[DONE]` ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from ssewire._choices import index_of
from ssewire._dialect import ChunkDecoder, Dialect, error_of_chunk
from ssewire.chat.parts import ChatParts, message_of
from ssewire.chat.reducer import ChatReducer, delta_of
from ssewire.chat.repeats import Repeats
from ssewire.chat.types import ChatCompletion, ChatCompletionChunk, Custom, Function

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T", bound=msgspec.Struct)


class ChatDecoder(ChunkDecoder[T]):
    """Decodes server-sent events into chat chunks. Shared and thread-safe.

    Args:
        type: The Struct to decode into: `ChatCompletionChunk`, a subclass with more fields, or any Struct
            that names just the fields you want, which is faster.
    """

    chunk_type = ChatCompletionChunk


def text_of(chunk: ChatCompletionChunk, index: int) -> str:
    """The text that a chunk adds to the content of one choice."""
    texts: list[str] = []
    for position, choice in enumerate(chunk.choices):
        if index_of(choice, position) != index:
            continue
        content = delta_of(choice).content
        if isinstance(content, str):
            texts.append(content)
        elif content is not None:
            texts += [part.text for part in content if part.text is not None]
    return "".join(texts)


def beside_text(completion: ChatCompletion) -> Iterator[str]:
    """What a completion holds that is not the first answer's text, a line each."""
    for choice in completion.choices:
        message = choice.message
        if choice.index and message.content is not None:
            yield f"[choice {choice.index}] {message.content}"
        if message.refusal:
            yield f"[refusal] {message.refusal}"
        for call in message.tool_calls or ():
            called = call.custom or call.function or Function()
            body = called.input if isinstance(called, Custom) else called.arguments
            yield f"[{call.type} call {call.id}] {called.name} {body}"
        if message.function_call is not None:
            yield f"[function call] {message.function_call.name} {message.function_call.arguments}"


def claims(payload: dict[str, Any]) -> bool:
    """A chunk says so in `object`, or its choices hold deltas."""
    kind = payload.get("object")
    if isinstance(kind, str) and kind.startswith("chat."):
        return True
    choices = payload.get("choices")
    if kind == "text_completion" or not isinstance(choices, list):
        return False
    return not choices or any(isinstance(each, dict) and "text" not in each for each in choices)


CHAT: Final[Dialect[ChatCompletionChunk, ChatCompletion]] = Dialect(
    name="chat",
    event_type=ChatCompletionChunk,
    decoder=ChatDecoder,
    reducer=ChatReducer,
    parts=ChatParts,
    message=message_of,
    ends_with_done=True,
    error_of=error_of_chunk,
    run=Repeats,
    text_of=text_of,
    beside_text=beside_text,
    claims=claims,
)
