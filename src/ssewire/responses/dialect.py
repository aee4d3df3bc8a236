"""The row of the Responses API: what its events are, how an error is told, and which events end it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ssewire._dialect import Decoder, Dialect, payload_or_text
from ssewire.errors import EventDecodeError
from ssewire.events import UnknownEvent
from ssewire.responses import events, items
from ssewire.responses.content import Refusal
from ssewire.responses.deltas import Deltas
from ssewire.responses.parts import ResponsesParts, message_of
from ssewire.responses.reducer import ResponsesReducer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ssewire.responses.response import Response

AnyEvent = events.Event | UnknownEvent
"""What a Responses stream gives."""

ALIASES: Final[Mapping[str, str]] = {
    "response.created": "response.created",
    "response.in_progress": "response.in_progress",
    "response.completed": "response.completed",
    "response.incomplete": "response.incomplete",
    "response.failed": "response.failed",
    "response.error": "error",
    "response.output_item_added": "response.output_item.added",
    "response.output_item_done": "response.output_item.done",
    "response.content_part_added": "response.content_part.added",
    "response.text_delta": "response.output_text.delta",
    "response.text_done": "response.output_text.done",
    "response.reasoning_text_delta": "response.reasoning_text.delta",
    "response.reasoning_text_done": "response.reasoning_text.done",
    "response.reasoning_summary_part_added": "response.reasoning_summary_part.added",
    "response.reasoning_summary_part_done": "response.reasoning_summary_part.done",
    "response.reasoning_summary_text_delta": "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text_done": "response.reasoning_summary_text.done",
    "response.function_call_arguments_delta": "response.function_call_arguments.delta",
    "response.function_call_arguments_done": "response.function_call_arguments.done",
    "response.code_interpreter_call_interpreting": "response.code_interpreter_call.interpreting",
    "response.code_interpreter_call_completed": "response.code_interpreter_call.completed",
    "response.code_interpreter_call_code_delta": "response.code_interpreter_call_code.delta",
    "response.code_interpreter_call_code_done": "response.code_interpreter_call_code.done",
    "response.file_search_call_searching": "response.file_search_call.searching",
    "response.file_search_call_completed": "response.file_search_call.completed",
    "response.web_search_call_searching": "response.web_search_call.searching",
    "response.web_search_call_completed": "response.web_search_call.completed",
}
"""Names that unofficial documents give to event types, and some proxies send, with the names on the wire."""


class ResponsesDecoder(Decoder[AnyEvent]):
    """Decodes server-sent events into Responses events. Shared and thread-safe.

    An event of a type that this version does not know is an `UnknownEvent`; where the payload has no type,
    the name of the server-sent event is taken.

    Args:
        aliases: Other names of event types, such as `ALIASES`.
    """

    def __init__(self, aliases: Mapping[str, str] | None = None) -> None:
        known: Any = events.KnownEvent
        super().__init__(known)
        self._aliases = dict(aliases or {})

    def _read_odd(self, data: bytes, name: str, refusal: Exception) -> tuple[AnyEvent, Sequence[str]]:
        payload = payload_or_text(data)
        if name == "error" and not isinstance(payload, dict):
            return events.Error(message=payload if isinstance(payload, str) else repr(payload)), ()
        if not isinstance(payload, dict):
            failure = EventDecodeError(data, name)
            failure.reason = str(refusal)
            raise failure from refusal
        named = payload.get("type")
        kind = named if isinstance(named, str) and named else name
        kind = self._aliases.get(kind, kind)
        if kind == "message" and payload.get("error"):
            kind = "error"  # an error object in place of an event, as a gateway sends it
        if kind not in events.EVENT_TYPES:
            return UnknownEvent(kind, data), ()
        if kind == named:
            return self._payload.lenient(data, name, refusal)
        try:
            return self._payload.decode(json.dumps(payload | {"type": kind}).encode(), name)
        except EventDecodeError as error:
            failure = EventDecodeError(data, name)
            failure.reason = error.reason
            raise failure from error


def error_of(event: AnyEvent, name: str, raw: bytes) -> Any:
    """The error that an `error` event, a failed response or an event named `error` tells."""
    if isinstance(event, events.Failed):
        payload = payload_or_text(raw)
        response = payload.get("response") if isinstance(payload, dict) else None
        error = response.get("error") if isinstance(response, dict) else None
        return error or {"message": "the response failed"}
    if isinstance(event, events.Error) or name == "error":
        return payload_or_text(raw)
    return None


def text_of(event: AnyEvent, choice: int) -> str:
    """The text that an event adds to the answer; there is one choice."""
    return event.delta if isinstance(event, events.OutputTextDelta) and choice == 0 else ""


def beside_text(final: Response) -> Iterator[str]:
    """What a response holds that is not text, a line each."""
    for item in final.output:
        if isinstance(item, items.Message):
            yield from (f"[refusal] {part.refusal}" for part in item.content if isinstance(part, Refusal))
        elif isinstance(item, (items.FunctionCall, items.McpCall)):
            yield f"[{item.type} {item.id}] {item.name} {item.arguments}"
        elif isinstance(item, items.CustomToolCall):
            yield f"[{item.type} {item.id}] {item.name} {item.input}"
        elif item.type != "reasoning":
            yield f"[{item.type}]"


def claims(payload: dict[str, Any]) -> bool:
    """An event's type says so."""
    kind = payload.get("type")
    return isinstance(kind, str) and (kind.startswith("response.") or kind == "keepalive")


def ends(event: AnyEvent) -> bool:
    """The response is complete, or cut by the server; a failed one is an error."""
    return isinstance(event, (events.Completed, events.Incomplete))


def awaits_explanation(event: AnyEvent) -> bool:
    """An `error` may be followed by the failed response."""
    return isinstance(event, events.Error)


def explains(event: AnyEvent) -> bool:
    """The failed response behind an `error`."""
    return isinstance(event, events.Failed)


RESPONSES: Final[Dialect[AnyEvent, Response]] = Dialect(
    name="responses",
    event_type=events.Event,
    decoder=lambda _: ResponsesDecoder(),
    reducer=ResponsesReducer,
    parts=ResponsesParts,
    message=message_of,
    error_of=error_of,
    text_of=text_of,
    beside_text=beside_text,
    claims=claims,
    ends_with_done=False,
    ends=ends,
    run=Deltas,
    awaits_explanation=awaits_explanation,
    explains=explains,
    keepalive=events.Keepalive,
)
