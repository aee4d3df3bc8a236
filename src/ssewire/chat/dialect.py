"""The row of Chat Completions: what its events are, how an error is told, and that `[DONE]` ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec

from ssewire._dialect import Decoder, Dialect, payload_or_text
from ssewire.chat.reducer import ChatReducer
from ssewire.chat.types import ChatCompletion, ChatCompletionChunk
from ssewire.errors import EventDecodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ssewire.events import EndMark

T = TypeVar("T", bound=msgspec.Struct)


class ChatDecoder(Decoder[T]):
    """Decodes server-sent events into chat chunks. Shared and thread-safe.

    Args:
        type: The Struct to decode into: `ChatCompletionChunk`, a subclass with more fields, or any Struct
            that names just the fields you want, which is faster.
    """

    def __init__(self, type: type[T] | None = None) -> None:
        super().__init__(cast("Any", ChatCompletionChunk) if type is None else type)

    def read(self, data: bytes, name: str) -> tuple[T | EndMark | None, Sequence[str]]:
        """Decode; an error event may also hold a text instead of an object."""
        try:
            return super().read(data, name)
        except EventDecodeError:
            if name == "error" and issubclass(self._payload.type, ChatCompletionChunk):
                return self._payload.type(error=payload_or_text(data)), ()
            raise


def error_of(chunk: ChatCompletionChunk, name: str, raw: bytes) -> Any:
    """The error in a chunk: in it, on a choice, or the payload itself."""
    if chunk.error:
        return chunk.error
    for choice in chunk.choices:
        if choice.error:
            return choice.error
    if name == "error" or chunk.type == "error":
        return payload_or_text(raw)
    return None


def text_of(chunk: ChatCompletionChunk, index: int) -> str:
    """The text that a chunk adds to the content of one choice."""
    texts: list[str] = []
    for position, choice in enumerate(chunk.choices):
        if (position if choice.index is None else choice.index) != index:
            continue
        content = choice.delta.content
        if isinstance(content, str):
            texts.append(content)
        elif content is not None:
            texts += [part.text for part in content if part.text is not None]
    return "".join(texts)


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
    ends_with_done=True,
    error_of=error_of,
    text_of=text_of,
    claims=claims,
)
