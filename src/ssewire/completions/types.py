"""The types of the legacy Completions API: what a stream sends, and what it adds up to.

Field for field those of https://platform.openai.com/docs/api-reference/completions/object, with the
extensions of other providers. A chunk and the final object are the same object to the API; here a chunk may
lack every field, and the final object has all that the API requires, as null, `[]` or `""` when nobody sent
it. Every enumeration is an open `str`.
"""

from types import NoneType
from typing import Any

from msgspec import Struct, field

from ssewire.usage import CompletionUsage


def _no_items() -> list[Any]:
    return []


class Logprobs(Struct, frozen=True, gc=False, omit_defaults=True):
    """Log probabilities of the text's tokens: lists of one length, an entry a token.

    The first token of an echoed prompt has none: its entry is null.
    """

    text_offset: list[int] | None = None
    token_logprobs: list[float | None] | None = None
    tokens: list[str] | None = None
    top_logprobs: list[dict[str, float | None] | None] | None = None

    content: list[Any] | None = None  # llama.cpp, Fireworks: the shape of Chat Completions
    token_ids: list[Any] | None = None  # Together


# -- chunks ----------------------------------------------------------------------------------------------


class CompletionChunkChoice(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a chunk says of one choice."""

    text: str | None = None
    index: int | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None

    error: Any = None  # OpenRouter
    content_filter_results: Any = None  # Azure
    matched_stop: Any = None  # SGLang
    stop_reason: Any = None  # vLLM
    token_ids: Any = None  # vLLM
    prompt_token_ids: Any = None  # vLLM
    prompt_logprobs: Any = None  # vLLM
    native_finish_reason: Any = None  # OpenRouter


class CompletionChunk(Struct, frozen=True, gc=False, omit_defaults=True):
    """One event of a stream of a completion."""

    choices: list[CompletionChunkChoice] = []
    id: str | None = None
    created: int | None = None
    model: str | None = None
    object: str | None = None
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None

    error: Any = None
    type: Any = None  # `error`, for an error that is the payload itself
    prompt_filter_results: Any = None  # Azure
    provider: Any = None  # OpenRouter
    timings: Any = None  # llama.cpp
    prompt_token_ids: Any = None  # TensorRT-LLM


# -- the completion --------------------------------------------------------------------------------------


class CompletionChoice(Struct, frozen=True, gc=False, omit_defaults=True):
    """One answer."""

    # `default_factory` keeps them encoded under `omit_defaults`: the API requires them.
    text: str = field(default_factory=str)
    index: int = field(default_factory=int)
    logprobs: Logprobs | None = field(default_factory=NoneType)
    finish_reason: str | None = field(default_factory=NoneType)

    content_filter_results: Any = None
    matched_stop: Any = None
    stop_reason: Any = None
    token_ids: list[Any] | None = None
    prompt_token_ids: Any = None
    prompt_logprobs: Any = None
    native_finish_reason: Any = None


class Completion(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the stream of a completion adds up to: the object that the API returns without streaming."""

    id: str = field(default_factory=str)
    object: str = field(default_factory=lambda: "text_completion")
    created: int | None = field(default_factory=NoneType)
    model: str = field(default_factory=str)
    choices: list[CompletionChoice] = field(default_factory=_no_items)
    usage: CompletionUsage | None = None
    system_fingerprint: str | None = None

    prompt_filter_results: list[Any] | None = None
    provider: Any = None
    timings: Any = None
    prompt_token_ids: Any = None
