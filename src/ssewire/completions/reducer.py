"""Chunks go in, the completion that they add up to comes out, at any time.

How each field merges is in the tables. A prompt that is echoed is text like any other.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ssewire._choices import ChoicesReducer, FoldedChoice, LastUsage
from ssewire._merge import First, Items, Keyed, Last, Merged, Text
from ssewire.completions.types import (
    Completion,
    CompletionChoice,
    CompletionChunk,
    CompletionChunkChoice,
    Logprobs,
)

if TYPE_CHECKING:
    from ssewire._merge import Table
    from ssewire.events import DiagnosticLog

CHUNK: Final[Table] = {
    "id": First,
    "created": First,
    "model": First,
    "system_fingerprint": Last,
    "usage": LastUsage,
    "prompt_filter_results": partial(Keyed, "prompt_index"),
    "provider": Last,
    "timings": Last,
    "prompt_token_ids": Last,
}
CHOICE: Final[Table] = {
    "text": Text,
    "finish_reason": Last,
    "content_filter_results": Merged,
    "matched_stop": Last,
    "stop_reason": Last,
    "token_ids": Items,
    "prompt_token_ids": Last,
    "prompt_logprobs": Last,
    "native_finish_reason": Last,
}
LOGPROBS: Final[Table] = {
    "text_offset": Items,
    "token_logprobs": Items,
    "tokens": Items,
    "top_logprobs": Items,
    "content": Items,
    "token_ids": Items,
}


class CompletionsReducer(ChoicesReducer[CompletionChunk, Completion]):
    """Folds the chunks of one stream into a `Completion`.

    Chunks are never changed, nor is a snapshot that was handed out. Applying a chunk costs in proportion to
    its size; a snapshot costs one copy of the text when something came since the last, nothing otherwise.
    Single-owner: not for several threads at once.

    Args:
        log: Where to note what is unusual; a log of its own by default.
    """

    def __init__(self, log: DiagnosticLog | None = None) -> None:
        super().__init__(CHUNK, _Choice, Completion, log)


class _Choice(FoldedChoice):
    """What is known of one choice."""

    delta: ClassVar[dict[str, Any]] = {"text": None}

    def __init__(self, log: DiagnosticLog) -> None:
        super().__init__(CHOICE, LOGPROBS, log)

    def apply(self, piece: CompletionChunkChoice) -> int:
        if piece.text is not None:
            self.begun = True
            self._fields.merge("text").add(piece.text)
        self.add_fields(piece)
        return 1 if piece.text else 0

    def snapshot(self, index: int) -> CompletionChoice:
        return CompletionChoice(**self.values(index, Logprobs))
