"""What ssewire is tested with: streams that know their answer, bodies that break, laws.

The strategies need Hypothesis (`pip install 'ssewire[testing]'`); it is imported when the first one is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ssewire.testing.accounts import Account, pull, pull_async, push
from ssewire.testing.bodies import Body
from ssewire.testing.cases import StreamCase, WireCase
from ssewire.testing.clients import fake_client
from ssewire.testing.cutting import cut, event_by_event, every_cutting, in_reads_of
from ssewire.testing.laws import (
    check_answer,
    check_cutting,
    check_deltas,
    check_encoding,
    check_errors,
    check_folding,
    check_limit,
    check_memory,
    check_noise,
    check_parts,
    check_prefix,
    check_resuming,
    check_snapshots,
    check_state,
    check_steps,
    check_streams,
    check_timeliness,
    check_tokenizer,
)
from ssewire.testing.make import make_chat_body, make_completions_body, make_responses_body
from ssewire.testing.quirks import QUIRKS, Quirk, quirks_of

if TYPE_CHECKING:
    from ssewire.testing.strategies import chat_streams, completions_streams, responses_streams
    from ssewire.testing.wire import cuttings, sendable_events, wire_streams

_STRATEGIES: Final = {
    "chat_streams": "strategies",
    "completions_streams": "strategies",
    "responses_streams": "strategies",
    "cuttings": "wire",
    "sendable_events": "wire",
    "wire_streams": "wire",
}
"""The names that need Hypothesis, each with its module."""

__all__ = [
    "QUIRKS",
    "Account",
    "Body",
    "Quirk",
    "StreamCase",
    "WireCase",
    "chat_streams",
    "check_answer",
    "check_cutting",
    "check_deltas",
    "check_encoding",
    "check_errors",
    "check_folding",
    "check_limit",
    "check_memory",
    "check_noise",
    "check_parts",
    "check_prefix",
    "check_resuming",
    "check_snapshots",
    "check_state",
    "check_steps",
    "check_streams",
    "check_timeliness",
    "check_tokenizer",
    "completions_streams",
    "cut",
    "cuttings",
    "event_by_event",
    "every_cutting",
    "fake_client",
    "in_reads_of",
    "make_chat_body",
    "make_completions_body",
    "make_responses_body",
    "pull",
    "pull_async",
    "push",
    "quirks_of",
    "responses_streams",
    "sendable_events",
    "wire_streams",
]


def __getattr__(name: str) -> Any:
    module = _STRATEGIES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError(f"{name} needs Hypothesis: pip install 'ssewire[testing]'") from error
