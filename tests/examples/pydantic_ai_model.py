"""A pydantic-ai `StreamedResponse` on top of ssewire: an async stream goes in, its events come out."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_ai.messages import ModelResponseStreamEvent
from pydantic_ai.models import StreamedResponse
from pydantic_ai.usage import RequestUsage

from ssewire import (
    AnyPart,
    FinishReason,
    PartDelta,
    PartEnd,
    PartStart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
)

FINISH_REASONS: dict[FinishReason | None, Any] = {reason: reason.value for reason in FinishReason}
FINISH_REASONS |= {FinishReason.TOOL_CALLS: "tool_call", FinishReason.OTHER: None, None: None}


@dataclass
class SsewireStreamedResponse(StreamedResponse):
    stream: Any  # an AsyncChatStream, AsyncCompletionsStream or AsyncResponsesStream
    provider_name: str | None = "openai"
    provider_url: str | None = None

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        manager, started = self._parts_manager, dict[int, AnyPart]()
        async for event in self.stream.parts():
            found: Iterable[ModelResponseStreamEvent] = ()
            match event, started.get(event.index):
                case PartStart(index, 0, part), _:
                    started[index] = part
                    if isinstance(part, ToolCallPart) and not part.hosted:
                        found = manager.handle_tool_call_delta_events(
                            vendor_part_id=index, tool_name=part.name, tool_call_id=part.call_id
                        )
                case PartDelta(index, delta), TextPart():
                    found = manager.handle_text_delta(vendor_part_id=index, content=delta)
                case PartDelta(index, delta), ReasoningPart():
                    found = manager.handle_thinking_delta(vendor_part_id=index, content=delta)
                case PartDelta(index, delta, "arguments"), ToolCallPart(hosted=False):
                    found = manager.handle_tool_call_delta_events(vendor_part_id=index, args=delta)
                case PartEnd(index, ReasoningPart(signature=str(signature))), _:
                    found = manager.handle_thinking_delta(vendor_part_id=index, signature=signature)
            for told in found:
                yield told
        message = self.stream.message()
        self.finish_reason = FINISH_REASONS[message.finish_reason]
        if (usage := message.usage) is not None:
            self._usage = RequestUsage(
                input_tokens=usage.input_tokens or 0,
                output_tokens=usage.output_tokens or 0,
                cache_read_tokens=usage.cached_tokens or 0,
            )

    @property
    def model_name(self) -> str:
        return self.stream.model or ""

    @property
    def timestamp(self) -> datetime:
        return self.stream.message().created or datetime.now(UTC)
