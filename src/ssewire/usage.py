"""Token counts, as Chat Completions and the legacy Completions tell them.

Field for field those of https://platform.openai.com/docs/api-reference/chat/object, with the counts that
other providers put beside them, which are typed `Any`.
"""

from types import NoneType
from typing import Any

from msgspec import Struct, field

from ssewire.message import Usage, first_count


class CompletionTokensDetails(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the completion tokens were spent on."""

    accepted_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    rejected_prediction_tokens: int | None = None
    text_tokens: int | None = None
    image_tokens: int | None = None


class PromptTokensDetails(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the prompt tokens were made of."""

    audio_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    image_tokens: int | None = None
    text_tokens: int | None = None


class CompletionUsage(Struct, frozen=True, gc=False, omit_defaults=True):
    """Token counts of the whole request, as the provider counts them."""

    # `default_factory` keeps them encoded under `omit_defaults`: the API requires them.
    prompt_tokens: int | None = field(default_factory=NoneType)
    completion_tokens: int | None = field(default_factory=NoneType)
    total_tokens: int | None = field(default_factory=NoneType)
    completion_tokens_details: CompletionTokensDetails | None = None
    prompt_tokens_details: PromptTokensDetails | None = None

    # DeepSeek
    prompt_cache_hit_tokens: Any = None
    prompt_cache_miss_tokens: Any = None
    # Together, SGLang
    reasoning_tokens: Any = None
    cached_tokens: Any = None
    # Groq, Cerebras: seconds
    queue_time: Any = None
    prompt_time: Any = None
    completion_time: Any = None
    total_time: Any = None
    # OpenRouter, Avian, Perplexity
    cost: Any = None
    cost_details: Any = None
    is_byok: Any = None
    # xAI
    cost_in_usd_ticks: Any = None
    num_sources_used: Any = None
    # Perplexity
    search_context_size: Any = None
    citation_tokens: Any = None
    num_search_queries: Any = None


def normalised(usage: CompletionUsage | None) -> Usage | None:
    """The counts under neutral names."""
    if usage is None:
        return None
    prompt = usage.prompt_tokens_details or PromptTokensDetails()
    completion = usage.completion_tokens_details or CompletionTokensDetails()
    return Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        reasoning_tokens=first_count(completion.reasoning_tokens, usage.reasoning_tokens),
        cached_tokens=first_count(prompt.cached_tokens, usage.cached_tokens, usage.prompt_cache_hit_tokens),
        raw=usage,
    )
