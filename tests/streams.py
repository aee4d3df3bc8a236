"""Strategies of streams by dialect, for the tests of laws."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st

from ssewire.testing import chat_streams, completions_streams, quirks_of, responses_streams

if TYPE_CHECKING:
    from ssewire._dialects import DialectName
    from ssewire.testing import StreamCase

FACTOR = int(os.environ.get("SSEWIRE_EXAMPLES", "1"))
"""How many times the usual number of examples each law is tried with: 1, or more for a long run."""


SHRINKING = () if "SSEWIRE_PLANTED" in os.environ else (Phase.shrink, Phase.explain)
"""Of a planted fault nobody needs to know the smallest example."""


def examples(count: int) -> settings:
    """How many examples a law is tried with in a usual run."""
    return settings(max_examples=count * FACTOR, deadline=None, phases=(Phase.generate, *SHRINKING))


STRATEGIES: dict[DialectName, Any] = {
    "chat": chat_streams,
    "completions": completions_streams,
    "responses": responses_streams,
}
ENDINGS = {
    "no_done",
    "no_finish",
    "cut",
    "error_payload",
    "error_event",
    "error_field",
    "error_in_chunk",
    "response_failed",
}
"""The quirks that make a stream end otherwise than complete."""

NUMBERED = [
    each
    for each in quirks_of("responses")
    if each not in {"no_sequence_numbers", "malformed", *ENDINGS} or each == "cut"
]
"""The shapes of a stream that can be resumed: its events are numbered, and it has not failed."""

each_dialect = pytest.mark.parametrize("dialect", STRATEGIES)


def sound_streams(dialect: DialectName) -> st.SearchStrategy[StreamCase]:
    """Streams that say what they mean, with quirks and without."""
    strategy = STRATEGIES[dialect]
    return st.one_of(strategy(), strategy(quirks=quirks_of(dialect)))


def complete_streams(dialect: DialectName) -> st.SearchStrategy[StreamCase]:
    """Streams that end as they should."""
    strategy = STRATEGIES[dialect]
    names = [each for each in quirks_of(dialect) if each not in ENDINGS]
    return st.one_of(strategy(), strategy(quirks=names))


def any_streams(dialect: DialectName) -> st.SearchStrategy[StreamCase]:
    """Streams of all kinds."""
    strategy, names = STRATEGIES[dialect], quirks_of(dialect)
    return st.one_of(
        strategy(),
        strategy(quirks=["malformed", "heartbeats", "lone_halves"]),
        strategy(quirks=names),
        strategy(quirks=names, hostile=True),
    )
