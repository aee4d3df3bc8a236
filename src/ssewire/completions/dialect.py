"""The row of the legacy Completions: what its events are, how an error is told, and that `[DONE]` ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from ssewire._choices import index_of
from ssewire._dialect import ChunkDecoder, Dialect, error_of_chunk
from ssewire.completions.parts import CompletionsParts, message_of
from ssewire.completions.reducer import CompletionsReducer
from ssewire.completions.types import Completion, CompletionChunk

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T", bound=msgspec.Struct)


class CompletionsDecoder(ChunkDecoder[T]):
    """Decodes server-sent events into chunks of a completion. Shared and thread-safe.

    Args:
        type: The Struct to decode into: `CompletionChunk`, a subclass with more fields, or any Struct that
            names just the fields you want, which is faster.
    """

    chunk_type = CompletionChunk


def text_of(chunk: CompletionChunk, index: int) -> str:
    """The text that a chunk adds to one choice."""
    return "".join(
        choice.text
        for position, choice in enumerate(chunk.choices)
        if choice.text is not None and index_of(choice, position) == index
    )


def beside_text(completion: Completion) -> Iterator[str]:
    """What a completion holds that is not the first answer's text, a line each."""
    for choice in completion.choices:
        if choice.index:
            yield f"[choice {choice.index}] {choice.text}"


def claims(payload: dict[str, Any]) -> bool:
    """A chunk says so in `object`, or its choices hold texts, and neither deltas nor messages."""
    if payload.get("object") == "text_completion":
        return True
    choices = payload.get("choices")
    return isinstance(choices, list) and any(
        isinstance(each, dict) and "text" in each and "delta" not in each and "message" not in each
        for each in choices
    )


COMPLETIONS: Final[Dialect[CompletionChunk, Completion]] = Dialect(
    name="completions",
    event_type=CompletionChunk,
    decoder=CompletionsDecoder,
    reducer=CompletionsReducer,
    parts=CompletionsParts,
    message=message_of,
    error_of=error_of_chunk,
    text_of=text_of,
    beside_text=beside_text,
    claims=claims,
    ends_with_done=True,
)
