"""A legacy completion goes in, the stream of chunks that adds up to it comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ssewire.testing import chunks
from ssewire.testing.chat import cut_text, is_number

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from ssewire.testing.cases import StreamCase
    from ssewire.testing.decisions import Decisions


def stream_completions(
    answer: dict[str, Any], decisions: Decisions, quirks: AbstractSet[str] = frozenset()
) -> StreamCase:
    """Stream a completion, which is given as the API's own JSON."""
    return chunks.stream(
        answer, pieces_of, decisions, quirks, dialect="completions", chunk_object="text_completion"
    )


def pieces_of(choice: dict[str, Any], decisions: Decisions, quirks: AbstractSet[str]) -> list[dict[str, Any]]:
    """The pieces in which a choice comes."""
    index = choice["index"]
    texts: list[Any] = cut_text(choice["text"], decisions, quirks) or [""]
    if "numbers_for_text" in quirks:
        texts = [int(text) if is_number(text) else text for text in texts]
    pieces: list[dict[str, Any]] = [{"index": index, "text": text, "finish_reason": None} for text in texts]
    logprobs = choice.get("logprobs")
    if logprobs is not None:
        # All lists have an entry a token; the first piece has the first token, the last all that are left.
        for at, piece in enumerate(pieces):
            behind = None if piece is pieces[-1] else at + 1
            piece["logprobs"] = {name: entries[at:behind] for name, entries in logprobs.items()}
    if choice["finish_reason"] is not None:
        pieces += _finish(choice, quirks)
    elif len(pieces) < 2:
        pieces.append({"index": index, "text": ""})
    return pieces


def _finish(choice: dict[str, Any], quirks: AbstractSet[str]) -> list[dict[str, Any]]:
    reasons = [choice["finish_reason"]]
    if "finish_empty" in quirks:
        reasons.insert(0, "")
    if "finish_twice" in quirks:
        reasons += reasons
    return [
        {"index": choice["index"], "text": None if "nulls" in quirks else "", "finish_reason": reason}
        for reason in reasons
    ]
