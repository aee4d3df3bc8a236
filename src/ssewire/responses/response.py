"""The object that a Responses stream adds up to.

Field for field that of https://platform.openai.com/docs/api-reference/responses/object, with the extensions
of other providers. What only echoes the request, and what is never folded, is `Any`. Open and optional like
the types of `content`.
"""

from functools import cache
from types import NoneType
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from ssewire._json import STRICT_ERRORS, PayloadDecoder
from ssewire.responses.items import OutputItem
from ssewire.responses.tagged import no_items

# -- usage -----------------------------------------------------------------------------------------------


class CacheWriteTokensDetails(Struct, frozen=True, gc=False, omit_defaults=True):
    """How long the tokens that went into the prompt cache stay there."""

    ttl_12h_tokens: int | None = field(default_factory=NoneType)
    ttl_30m_tokens: int | None = field(default_factory=NoneType)


class InputTokensDetails(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the input tokens were made of."""

    cached_tokens: int | None = field(default_factory=NoneType)
    cache_write_tokens: int | None = field(default_factory=NoneType)
    cache_write_tokens_details: CacheWriteTokensDetails | None = None


class OutputTokensDetails(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the output tokens were spent on."""

    reasoning_tokens: int | None = field(default_factory=NoneType)


class ResponseUsage(Struct, frozen=True, gc=False, omit_defaults=True):
    """Token counts of the whole request, as the provider counts them."""

    input_tokens: int | None = field(default_factory=NoneType)
    input_tokens_details: InputTokensDetails | None = field(default_factory=NoneType)
    output_tokens: int | None = field(default_factory=NoneType)
    output_tokens_details: OutputTokensDetails | None = field(default_factory=NoneType)
    total_tokens: int | None = field(default_factory=NoneType)

    # OpenRouter
    cost: Any = None
    cost_details: Any = None
    is_byok: Any = None
    # xAI
    context_details: Any = None
    cost_in_usd_ticks: Any = None
    num_server_side_tools_used: Any = None
    num_sources_used: Any = None


# -- how it ended ----------------------------------------------------------------------------------------


class ResponseError(Struct, frozen=True, gc=False, omit_defaults=True):
    """Why a response failed."""

    code: str | int | None = field(default_factory=NoneType)
    message: str = field(default_factory=str)
    param: str | None = None
    type: str | None = None
    misalignment: Any = None  # what a review objected to


class IncompleteDetails(Struct, frozen=True, gc=False, omit_defaults=True):
    """Why a response is incomplete."""

    reason: str | None = None


class Conversation(Struct, frozen=True, gc=False, omit_defaults=True):
    """The conversation that a response belongs to."""

    id: str = field(default_factory=str)


# -- the response ----------------------------------------------------------------------------------------


class Response(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a Responses stream adds up to: the object that the API returns without streaming."""

    id: str = field(default_factory=str)
    object: str = field(default_factory=lambda: "response")
    created_at: int | float | None = field(default_factory=NoneType)
    status: str | None = None
    background: bool | None = None
    completed_at: int | float | None = None
    content_filters: Any = None  # Azure
    conversation: Conversation | None = None
    error: ResponseError | None = field(default_factory=NoneType)
    frequency_penalty: int | float | None = None
    incomplete_details: IncompleteDetails | None = field(default_factory=NoneType)
    instructions: Any = field(default_factory=NoneType)  # a text, or a list of input items
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    model: str = field(default_factory=str)
    moderation: Any = None
    output: list[OutputItem] = field(default_factory=no_items)
    output_text: str | None = None
    parallel_tool_calls: bool | None = field(default_factory=NoneType)
    presence_penalty: int | float | None = None
    previous_response_id: str | None = None
    prompt: Any = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None
    reasoning: Any = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    temperature: int | float | None = field(default_factory=NoneType)
    text: Any = None
    tool_choice: Any = field(default_factory=NoneType)
    tools: list[Any] = field(default_factory=no_items)
    top_logprobs: int | None = None
    top_p: int | float | None = field(default_factory=NoneType)
    truncation: str | None = None
    usage: ResponseUsage | None = None
    user: str | None = None
    metadata: Any = field(default_factory=NoneType)

    access_programs: Any = None
    image: Any = None
    input_transformations: Any = None
    prompt_cache_diagnostics: Any = None
    tool_usage: Any = None


# -- the response inside an event ------------------------------------------------------------------------

NO_RESPONSE = Raw(b"null")
"""Stands for the response where an event brings none."""


@cache
def _decoder() -> PayloadDecoder[Response]:
    return PayloadDecoder(Response)


def read_response(raw: Raw, event: str) -> tuple[Response, list[str]]:
    """Decode the response of an event of that type.

    Returns:
        The response, empty for null, and what had to be repaired.

    Raises:
        EventDecodeError: It is no response.
    """
    if raw == NO_RESPONSE:
        return Response(), []
    return _decoder().decode(bytes(raw), event)


class _Outline(Struct, frozen=True, omit_defaults=True, gc=False):
    """How many items a response has."""

    output: list[Raw] = []


@cache
def _outline() -> msgspec.json.Decoder[_Outline]:
    return msgspec.json.Decoder(_Outline)


def item_count(raw: Raw) -> int | None:
    """How many items a response has, at a tenth of the cost of decoding it; None where that is no list."""
    try:
        return len(_outline().decode(raw).output)
    except STRICT_ERRORS:
        return None
