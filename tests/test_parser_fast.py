"""The parser's fast ways: each event is decoded once, and what continues a run takes no step of its own."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from calls import calls_of
from ssewire import ChatCompletionChunk, ChatParser, ResponsesParser
from ssewire._parser import BATCH_EVENTS
from ssewire.chat.repeats import MIN_CHUNKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire._parser import Parser

STEPS = ("push", "pull", "_take_queued", "_take", "decode", "Tokenizer.take_plain")
MANY = 3 * BATCH_EVENTS
WARM = MIN_CHUNKS + 2
"""After so many chunks alike a run of them has begun."""


def counted(work: Callable[[], object]) -> Counter[str]:
    """How often the parser's steps are taken, and how often something is decoded."""
    calls = calls_of(work)
    names = [name.removeprefix("Parser.") for name in calls.python]
    return Counter(name for name in [*names, *calls.c] if name in STEPS)


def read(payload: object) -> bytes:
    return b"data: %b\n\n" % json.dumps(payload).encode()


def alike(_at: int) -> bytes:
    return read({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]})


def unlike(at: int) -> bytes:
    """A chunk that the one before tells nothing of."""
    return read({"id": f"{at}", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]})


def delta(at: int) -> bytes:
    kind = "response.output_text.delta"
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    return read({"type": kind, **place, "sequence_number": at, "delta": "a", "logprobs": []})


def elsewhere(at: int) -> bytes:
    """A delta that goes somewhere else than the one before."""
    kind = "response.output_text.delta"
    place = {"item_id": f"{at}", "output_index": at, "content_index": 0}
    return read({"type": kind, **place, "sequence_number": at, "delta": "a", "logprobs": []})


def now_and_then(at: int) -> bytes:
    """A delta that goes somewhere else every few events."""
    return elsewhere(at // 4).replace(b'"sequence_number": %d' % (at // 4), b'"sequence_number": %d' % at)


CASES: list[tuple[type[Parser[Any, Any]], Callable[[int], bytes], bool]] = [
    (ChatParser, alike, True),
    (ChatParser, unlike, False),
    (ResponsesParser, delta, True),
    (ResponsesParser, elsewhere, False),
]
"""A dialect, the reads of a stream, and whether they are one run."""


@pytest.mark.parametrize(
    ("parser_type", "make", "runs"), CASES, ids=lambda each: getattr(each, "__name__", each)
)
def test_a_live_event_is_decoded_once_and_needs_no_queue(
    parser_type: type[Parser[Any, Any]], make: Callable[[int], bytes], runs: bool
) -> None:
    parser = parser_type()
    for at in range(WARM):
        parser.feed(make(at))
    found: list[Any] = []

    def work() -> None:
        found.extend(parser.take(make(at), 0.0) for at in range(WARM, WARM + MANY))

    taken = counted(work)
    assert None not in found
    expected = {"decode": MANY} if runs else {"decode": MANY, "_take": MANY}
    repeated = parser_type is ChatParser and runs  # there is no need to tokenize what repeats the last read
    assert taken == expected | ({} if repeated else {"Tokenizer.take_plain": MANY})


QUEUED = ("Tokenizer.take_plain", "push", "pull", "_take_queued")


@pytest.mark.parametrize(("spare", "steps"), [(0, {}), (-1, dict.fromkeys(QUEUED, 1))])
def test_a_read_as_large_as_an_event_may_be_takes_the_fast_way(spare: int, steps: dict[str, int]) -> None:
    parser = ChatParser(max_event_size=len(alike(0)) + spare)
    for at in range(WARM):
        parser.feed(alike(at))
    assert counted(partial(parser.take, alike(0), 0.0)) == {"decode": 1} | steps


@pytest.mark.parametrize("live", [True, False])
def test_what_ends_a_run_is_decoded_once(live: bool) -> None:
    parser = ResponsesParser()
    for at in range(WARM):
        parser.feed(now_and_then(at))
    reads = [now_and_then(at) for at in range(WARM, WARM + MANY)]
    found: list[Any] = []

    def work() -> None:
        for each in reads if live else [b"".join(reads)]:
            found.extend(parser.feed(each))

    taken = counted(work)
    assert len(found) == taken["decode"] == MANY
    assert taken["_take"] == MANY // 4


@pytest.mark.parametrize(
    ("parser_type", "make", "runs"), CASES, ids=lambda each: getattr(each, "__name__", each)
)
def test_an_event_of_a_large_read_is_decoded_once(
    parser_type: type[Parser[Any, Any]], make: Callable[[int], bytes], runs: bool
) -> None:
    parser = parser_type()
    for at in range(WARM):
        parser.feed(make(at))
    body = b"".join(make(at) for at in range(WARM, WARM + MANY))
    found: list[Any] = []
    taken = counted(lambda: found.extend(parser.feed(body)))
    assert len(found) == taken.pop("decode") == MANY
    steps = MANY // BATCH_EVENTS if runs else MANY
    expected = {"push": 1, "pull": steps + 1, "_take_queued": steps}
    assert taken == expected | ({} if runs else {"_take": MANY})


class Picky(ChatCompletionChunk, frozen=True):
    """Takes no bad words. What a caller's type may look at is decoded each time."""

    def __post_init__(self) -> None:
        if any(choice.delta.content == "bad" for choice in self.choices):
            raise ValueError("a bad word")


def test_a_callers_type_may_refuse_what_would_continue_a_run() -> None:
    parser = ChatParser(type=Picky, malformed="skip")
    for at in range(WARM):
        parser.feed(alike(at))
    bad = alike(0).replace(b'"a"', b'"bad"')
    assert parser.take(bad, 0.0) is None
    assert parser.feed(bad + alike(0)) != []
    assert [(each.detail, each.count) for each in parser.diagnostics] == [("a bad word", 2)]
