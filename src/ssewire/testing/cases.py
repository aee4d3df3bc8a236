"""A body and what it means, side by side: what strategies draw and laws take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ssewire.events import Verdict

if TYPE_CHECKING:
    from ssewire._dialects import DialectName
    from ssewire._wire.tokenizer import ServerSentEvent


@dataclass(frozen=True)
class WireCase:
    """The bytes of an event stream, and what the standard makes of them.

    Attributes:
        body: The bytes.
        events: The events that they dispatch.
        last_event_id: The last event ID at the end.
        retry: The reconnection time at the end, or None.
        comments: What stands behind the colon of each comment, in order.
        unknown_fields: The name and the value of each field that the standard ignores, in order.
        unfinished: The event that an end of stream discards, and `close(flush=True)` gives; or None.
    """

    body: bytes
    events: list[ServerSentEvent]
    last_event_id: str = ""
    retry: int | None = None
    comments: list[bytes] = field(default_factory=list)
    unknown_fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    unfinished: ServerSentEvent | None = None


@dataclass(frozen=True)
class StreamCase:
    """A streamed answer, and what a reader has to make of it.

    Attributes:
        dialect: `chat`, `completions` or `responses`.
        body: The bytes of the response.
        payloads: The data of each event that a reader is handed, in order; of those that do not decode, and
            of heartbeats and `[DONE]`, there is none here. None where the case does not say, as for hostile
            ones.
        answer: The object that was drawn and then streamed, as the API's own JSON. A stream that does not
            reach its end gives the beginnings of its texts. None where the case does not say.
        verdict: How the stream ends, or None where the case does not say.
        error: What the provider's error says, for a stream that has one.
        malformed: How many events do not decode; reading the rest takes `malformed="skip"`.
        quirks: The names of the shapes that the stream was drawn with. One that the answer gives no place is
            not in the body; nor are, now and then, those of which it is drawn how often they come.
        hostile: Something is in it that no server should send.
    """

    dialect: DialectName
    body: bytes
    payloads: list[bytes] | None
    answer: dict[str, Any] | None
    verdict: Verdict | None
    error: str | None = None
    malformed: int = 0
    quirks: frozenset[str] = frozenset()
    hostile: bool = False

    @property
    def final(self) -> dict[str, Any] | None:
        """What `result()` gives, as the API's own JSON; None where it raises, or the case does not say."""
        good = (Verdict.COMPLETE, Verdict.NO_DONE, Verdict.NO_FINISH)
        return self.answer if self.verdict in good else None
