"""What all dialects share: the end mark, events of unknown type, the verdict, diagnostics."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, Literal

import msgspec


class EndMark(Enum):
    """The type of `DONE`."""

    DONE = "[DONE]"


DONE: Final[Literal[EndMark.DONE]] = EndMark.DONE
"""What `data: [DONE]` decodes to: the provider's word that the stream is whole."""


class UnknownEvent(msgspec.Struct, frozen=True, gc=False):
    """An event of a type that this version does not know.

    Attributes:
        type: The type as sent.
        raw: The event's data.
    """

    type: str
    raw: bytes


class Verdict(StrEnum):
    """How a stream ended."""

    OPEN = "open"
    """Still running."""
    COMPLETE = "complete"
    """Whole: everything finished, and the end mark came."""
    NO_DONE = "no_done"
    """Every choice has a finish reason; the body ended cleanly without `[DONE]`."""
    NO_FINISH = "no_finish"
    """`[DONE]` came, but some choice has no finish reason, or there was no choice."""
    TRUNCATED = "truncated"
    """Cut: the transport broke, or the body ended before the end was told."""
    FAILED = "failed"
    """The provider sent an error."""
    CLOSED = "closed"
    """It was left before the end: by the caller, or because an event was malformed or too large."""
    EMPTY = "empty"
    """The body ended without an event."""


class Diagnostic(msgspec.Struct, frozen=True, gc=False):
    """Something unusual that did not stop the stream.

    Attributes:
        kind: What it is, in a word: `repaired`, `malformed`, `unterminated`, `late_event`, `tool_call_id`, …
        detail: The particulars, for people.
        ordinal: The number of the first event that showed it, from 1; 0 before the first event.
        count: How often it came up.
    """

    kind: str
    detail: str
    ordinal: int
    count: int = 1


MAX_DIAGNOSTICS: Final = 100
"""How many different diagnostics are kept for a stream; what comes up beyond them is only counted."""
MAX_DETAIL_CHARS: Final = 300


class DiagnosticLog:
    """Collects the diagnostics of one stream in bounded memory: equal ones are counted, not repeated."""

    __slots__ = ("_entries", "ordinal")

    def __init__(self) -> None:
        self.ordinal = 0
        """The number of the event at hand."""
        self._entries: dict[tuple[str, str], Diagnostic] = {}

    def note(self, kind: str, detail: str, ordinal: int | None = None) -> None:
        """Record something at the event at hand, or at an earlier one; what it quotes of the stream is cut.

        Args:
            kind: What it is.
            detail: The particulars.
            ordinal: The number of the event, if it is an earlier one.
        """
        at = self.ordinal if ordinal is None else ordinal
        key = (kind, detail if len(detail) <= MAX_DETAIL_CHARS else detail[:MAX_DETAIL_CHARS] + "…")
        known = self._entries.get(key)
        if known is None and len(self._entries) >= MAX_DIAGNOSTICS:
            key = ("more", f"further diagnostics, beyond {MAX_DIAGNOSTICS} different ones")
            known = self._entries.get(key)
        if known is None:
            self._entries[key] = Diagnostic(*key, at)
        else:
            self._entries[key] = Diagnostic(*key, min(known.ordinal, at), known.count + 1)

    def entries(self) -> list[Diagnostic]:
        """The diagnostics so far, in order of first appearance."""
        return sorted(self._entries.values(), key=lambda entry: entry.ordinal)

    def count(self, kind: str) -> int:
        """How often something of this kind came up."""
        return sum(entry.count for entry in self._entries.values() if entry.kind == kind)
