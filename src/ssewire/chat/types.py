"""The types of the Chat Completions API: what a stream sends, and what it adds up to.

Field for field those of https://platform.openai.com/docs/api-reference/chat-streaming and of
https://platform.openai.com/docs/api-reference/chat/object, with the extensions of other providers, which
are typed `Any` unless ssewire itself looks into them: they differ from host to host and from week to week.
Every enumeration is an open `str`, and every field may be missing.

In the types of the final object a field that the API requires is always encoded, and is null, `[]` or `""`
when nobody sent it; an optional field is encoded when a value came.
"""

from types import NoneType
from typing import Any, Final

from msgspec import Struct, field

from ssewire.usage import CompletionUsage

# -- shared by chunks and completions --------------------------------------------------------------------


def _no_items() -> list[Any]:
    return []


class TopLogprob(Struct, frozen=True, gc=False, omit_defaults=True):
    """A token that was likely at a position."""

    token: str = field(default_factory=str)
    logprob: float | None = field(default_factory=NoneType)
    bytes: list[int] | None = field(default_factory=NoneType)
    id: Any = None  # llama.cpp


class TokenLogprob(Struct, frozen=True, gc=False, omit_defaults=True):
    """A token, its log probability, and the likeliest tokens at its position."""

    token: str = field(default_factory=str)
    logprob: float | None = field(default_factory=NoneType)
    bytes: list[int] | None = field(default_factory=NoneType)
    top_logprobs: list[TopLogprob] = field(default_factory=_no_items)
    id: Any = None  # llama.cpp


class ChoiceLogprobs(Struct, frozen=True, gc=False, omit_defaults=True):
    """Log probabilities of the content's and the refusal's tokens."""

    content: list[TokenLogprob] | None = field(default_factory=NoneType)
    refusal: list[TokenLogprob] | None = field(default_factory=NoneType)
    reasoning_content: list[TokenLogprob] | None = None  # DeepSeek
    # Together: the shape of the legacy completions
    tokens: list[Any] | None = None
    token_logprobs: list[Any] | None = None
    top_logprobs: list[Any] | None = None
    token_ids: list[Any] | None = None


class ModerationOutcome(Struct, frozen=True, gc=False, omit_defaults=True):
    """Results of a moderation (`moderation_results`), or why there are none (`error`)."""

    type: str = field(default_factory=str)
    model: str | None = None
    results: list[Any] | None = None
    code: str | None = None
    message: str | None = None


class ChatCompletionModeration(Struct, frozen=True, gc=False, omit_defaults=True):
    """Moderation of the input and of the output."""

    input: ModerationOutcome | None = field(default_factory=NoneType)
    output: ModerationOutcome | None = field(default_factory=NoneType)


# -- chunks ----------------------------------------------------------------------------------------------


class ContentPart(Struct, frozen=True, gc=False, omit_defaults=True):
    """A part of a content that comes as a list: `text`, `thinking`, `reference` (Mistral)."""

    type: str | None = None
    text: str | None = None
    thinking: "list[ContentPart] | str | None" = None
    closed: Any = None
    reference_ids: Any = None


class FunctionDelta(Struct, frozen=True, gc=False, omit_defaults=True):
    """A piece of a function call."""

    arguments: str | None = None
    name: str | None = None


class CustomDelta(Struct, frozen=True, gc=False, omit_defaults=True):
    """A piece of a custom tool's call."""

    name: str | None = None
    input: str | None = None


class ToolCallDelta(Struct, frozen=True, gc=False, omit_defaults=True):
    """A piece of a tool call; `index` names the call, where the provider says so."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None
    extra_content: Any = None  # Google: the thought's signature


class AudioDelta(Struct, frozen=True, gc=False, omit_defaults=True):
    """A piece of a spoken answer: base64 of samples, and what is said."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class Delta(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a chunk adds to a choice's message."""

    content: str | list[ContentPart] | None = None
    role: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: FunctionDelta | None = None
    audio: AudioDelta | None = None
    annotations: list[Any] | None = None

    reasoning_content: str | list[ContentPart] | None = (
        None  # DeepSeek, xAI, Alibaba, Moonshot and many others
    )
    reasoning: str | list[ContentPart] | None = None  # OpenRouter, Groq, Cerebras, Together, Ollama, vLLM
    reasoning_details: Any = None  # OpenRouter, the Vercel gateway
    channel: Any = None  # Groq
    executed_tools: Any = None  # Groq
    reasoning_steps: Any = None  # Perplexity
    images: Any = None  # OpenRouter
    provider_metadata: Any = None  # the Vercel gateway
    token_id: Any = None  # Together


class NoDelta(Delta, frozen=True):
    """The delta of a choice that came without one, as Azure's asynchronous filter sends it."""


NO_DELTA: Final = NoDelta()


class ChunkChoice(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a chunk says of one choice."""

    delta: Delta = NO_DELTA
    index: int | None = None
    finish_reason: str | None = None
    logprobs: ChoiceLogprobs | None = None

    usage: CompletionUsage | None = None  # Moonshot
    error: Any = None  # OpenRouter
    message: Any = None  # Perplexity, Writer: the message so far, beside the delta
    text: Any = None  # Together: repeats the delta's content
    content_filter_results: Any = None  # Azure
    content_filter_offsets: Any = None  # Azure
    matched_stop: Any = None  # SGLang, Together
    stop_reason: Any = None  # vLLM, Baseten
    native_finish_reason: Any = None  # OpenRouter, Avian
    token_ids: Any = None  # vLLM
    seed: Any = None  # Together
    raw_output: Any = None  # Together


class ChatCompletionChunk(Struct, frozen=True, gc=False, omit_defaults=True):
    """One event of a chat stream."""

    choices: list[ChunkChoice] = []
    id: str | None = None
    created: int | None = None
    model: str | None = None
    object: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    obfuscation: str | None = None
    usage: CompletionUsage | None = None
    moderation: ChatCompletionModeration | None = None

    error: Any = None
    type: Any = None  # `error`, for an error that is the payload itself
    x_groq: Any = None  # Groq
    prompt_filter_results: Any = None  # Azure
    prompt_annotations: Any = None  # Azure, before
    latency_checkpoint: Any = None  # Azure
    citations: Any = None  # Perplexity
    search_results: Any = None  # Perplexity
    images: Any = None  # Perplexity
    provider: Any = None  # OpenRouter
    provider_metadata: Any = None  # Novita, the Vercel gateway
    sla_metrics: Any = None  # Novita
    time_info: Any = None  # Cerebras
    timings: Any = None  # llama.cpp
    cost: Any = None  # Venice
    prompt_token_ids: Any = None  # vLLM
    p: Any = None  # Mistral: padding


# -- the completion --------------------------------------------------------------------------------------


class Function(Struct, frozen=True, gc=False, omit_defaults=True):
    """The function that the model calls; `arguments` is the text as written, whole JSON or not."""

    name: str = field(default_factory=str)
    arguments: str = field(default_factory=str)


class Custom(Struct, frozen=True, gc=False, omit_defaults=True):
    """The custom tool that the model calls."""

    name: str = field(default_factory=str)
    input: str = field(default_factory=str)


class ToolCall(Struct, frozen=True, gc=False, omit_defaults=True):
    """A call of a tool: of a function, or, with type `custom`, of a custom tool."""

    id: str = field(default_factory=str)
    type: str = field(default_factory=lambda: "function")
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Any = None


class Audio(Struct, frozen=True, gc=False, omit_defaults=True):
    """The spoken answer: base64 of samples, and what is said."""

    id: str = field(default_factory=str)
    data: str = field(default_factory=str)
    expires_at: int | None = field(default_factory=NoneType)
    transcript: str = field(default_factory=str)


class Message(Struct, frozen=True, gc=False, omit_defaults=True):
    """The message that a choice adds up to."""

    role: str = field(default_factory=lambda: "assistant")
    content: str | None = field(default_factory=NoneType)
    refusal: str | None = field(default_factory=NoneType)
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None
    audio: Audio | None = None
    annotations: list[Any] | None = None

    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Any] | None = None
    channel: Any = None
    executed_tools: list[Any] | None = None
    reasoning_steps: list[Any] | None = None
    images: list[Any] | None = None
    provider_metadata: Any = None
    token_id: Any = None


class Choice(Struct, frozen=True, gc=False, omit_defaults=True):
    """One answer."""

    index: int = field(default_factory=int)
    message: Message = field(default_factory=Message)
    finish_reason: str | None = field(default_factory=NoneType)
    logprobs: ChoiceLogprobs | None = field(default_factory=NoneType)

    content_filter_results: Any = None
    content_filter_offsets: list[Any] | None = None  # one entry a report: its offsets and its results
    matched_stop: Any = None
    stop_reason: Any = None
    native_finish_reason: Any = None
    token_ids: list[Any] | None = None
    seed: Any = None
    raw_output: Any = None


class ChatCompletion(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a chat stream adds up to: the object that the API returns without streaming."""

    id: str = field(default_factory=str)
    object: str = field(default_factory=lambda: "chat.completion")
    created: int | None = field(default_factory=NoneType)
    model: str = field(default_factory=str)
    choices: list[Choice] = field(default_factory=_no_items)
    usage: CompletionUsage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    moderation: ChatCompletionModeration | None = None

    x_groq: Any = None
    prompt_filter_results: list[Any] | None = None
    prompt_annotations: list[Any] | None = None
    latency_checkpoint: Any = None
    citations: Any = None
    search_results: Any = None
    images: Any = None
    provider: Any = None
    provider_metadata: Any = None
    sla_metrics: Any = None
    time_info: Any = None
    timings: Any = None
    cost: Any = None
    prompt_token_ids: Any = None
