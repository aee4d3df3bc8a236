"""Legacy Completions: https://platform.openai.com/docs/api-reference/completions."""

from ssewire.completions.dialect import CompletionsDecoder
from ssewire.completions.parts import CompletionsParts, message_of, parts_of
from ssewire.completions.reducer import CompletionsReducer
from ssewire.completions.types import (
    Completion,
    CompletionChoice,
    CompletionChunk,
    CompletionChunkChoice,
    Logprobs,
)
from ssewire.usage import CompletionTokensDetails, CompletionUsage, PromptTokensDetails

__all__ = [
    "Completion",
    "CompletionChoice",
    "CompletionChunk",
    "CompletionChunkChoice",
    "CompletionTokensDetails",
    "CompletionUsage",
    "CompletionsDecoder",
    "CompletionsParts",
    "CompletionsReducer",
    "Logprobs",
    "PromptTokensDetails",
    "message_of",
    "parts_of",
]
