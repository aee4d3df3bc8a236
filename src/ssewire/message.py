"""What an answer holds goes in, told in the words of any API; one neutral message comes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import asdict, replace

from ssewire.events import Verdict
from ssewire.parts import AnyPart, TextPart, ToolCallPart

if TYPE_CHECKING:
    from collections.abc import Sequence

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    """It had said everything."""
    LENGTH = "length"
    """It had written as much as it may: the answer is cut."""
    TOOL_CALLS = "tool_calls"
    """It waits for the answers to its calls of tools."""
    CONTENT_FILTER = "content_filter"
    """A filter stopped it."""
    ERROR = "error"
    """Something failed."""
    OTHER = "other"
    """For a reason that this version does not know."""


_WORDS: Final[dict[FinishReason, str]] = {
    FinishReason.STOP: "stop completed complete eos eos_token end_turn stop_sequence",
    FinishReason.LENGTH: "length max_tokens max_output_tokens model_length",
    FinishReason.TOOL_CALLS: "tool_calls tool_call tool_use function_call",
    FinishReason.CONTENT_FILTER: "content_filter content_filtered safety recitation refusal",
    FinishReason.ERROR: "error failed cancelled abort insufficient_system_resource",
}
FINISH_REASONS: Final = {word: reason for reason, words in _WORDS.items() for word in words.split()}
"""What the words of the providers mean, in lower case."""


def finish_reason_of(word: str | None) -> FinishReason | None:
    """What a provider's word for why the model stopped means; None for none."""
    return FINISH_REASONS.get(word.lower(), FinishReason.OTHER) if word else None


class Usage(Struct, frozen=True, gc=False, omit_defaults=True):
    """Token counts of the whole request, as the provider counts them; None for what it does not tell.

    Attributes:
        input_tokens: Of the input, cached ones included.
        output_tokens: Of the output, with the reasoning where the provider counts it in, as most do.
        reasoning_tokens: Of the reasoning.
        cached_tokens: Of the input, those that were read from a cache.
        raw: The provider's own object.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    raw: Any = None


def first_count(*counts: Any) -> int | None:
    """The first that is a count: providers have several fields for one, of any type."""
    return next((count for count in counts if isinstance(count, int) and not isinstance(count, bool)), None)


class Message(Struct, frozen=True, gc=False):
    """One answer, the same for every API.

    Attributes:
        choice: The index of the choice that it is.
        parts: What the model wrote, in order.
        usage: Token counts, or None.
        model: The name of the model, or None.
        created: When the answer was created, or None.
        finish_reason: Why the model stopped, or None while it goes on.
        raw_finish_reason: The same in the provider's words.
        verdict: How the stream ended, or `open`.
    """

    choice: int = 0
    parts: list[AnyPart] = []
    usage: Usage | None = None
    model: str | None = None
    created: datetime | None = None
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    verdict: Verdict = Verdict.COMPLETE

    @property
    def text(self) -> str:
        """The texts of the answer, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def tool_calls(self) -> list[ToolCallPart]:
        """The calls that the caller is to answer; `parts` has those that the provider answers, too."""
        return [part for part in self.parts if isinstance(part, ToolCallPart) and not part.hosted]

    def neutral(self) -> Message:
        """The message without what only its provider can say.

        That is its own objects and words, item ids, signatures, and whether reasoning is a summary. Two
        providers whose models wrote the same give the same. The parts are numbered from 0.
        """
        return replace(
            self,
            parts=[_neutral(part, index) for index, part in enumerate(self.parts)],
            usage=None if self.usage is None else replace(self.usage, raw=None),
            raw_finish_reason=None,
        )


_OF_A_PROVIDER: Final[dict[str, Any]] = {
    "id": "",
    "extra": None,
    "signature": None,
    "encrypted": None,
    "expires_at": None,
    "annotations": [],
    "summary": False,
}


def _neutral(part: AnyPart, index: int) -> AnyPart:
    plain = {name: value for name, value in _OF_A_PROVIDER.items() if name in asdict(part)}
    return replace(part, index=index, **plain)


def make_message(
    choice: int,
    parts: Sequence[AnyPart],
    *,
    usage: Usage | None,
    model: str | None,
    created: float | None,
    finish_reason: FinishReason | None,
    raw_finish_reason: str | None,
    verdict: Verdict,
) -> Message:
    """The message; `created` is in seconds since 1970, and what is no time of this era is None."""
    try:
        at = EPOCH + timedelta(seconds=created) if created else None
    except (OverflowError, ValueError):
        at = None
    return Message(
        choice, list(parts), usage, model or None, at, finish_reason, raw_finish_reason or None, verdict
    )


def in_order(message: Message, followed: Sequence[AnyPart]) -> Message:
    """A message with the parts that were followed, if these are its parts and not but some of them.

    Followed parts know the order in which they were written, and the numbers that their events name.
    """
    if _content(followed) != _content(message.parts):
        return message
    return replace(message, parts=list(followed))


def _content(parts: Sequence[AnyPart]) -> dict[tuple[type, str], str]:
    """The texts in parts, joined by type of part and field."""
    texts: dict[tuple[type, str], list[str]] = {}
    for part in parts:
        for name in ("text", "arguments", "transcript", "data"):
            if hasattr(part, name):
                texts.setdefault((type(part), name), []).append(getattr(part, name))
    return {key: "".join(pieces) for key, pieces in texts.items()}
