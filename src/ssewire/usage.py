"""Token counts, as Chat Completions and the legacy Completions tell them.

Field for field those of https://platform.openai.com/docs/api-reference/chat/object, with the counts that
other providers put beside them, which are typed `Any`.
"""

from types import NoneType
from typing import Any

from msgspec import Struct, field


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
