"""The tokenizer's fast ways: which reads they take, and that the exact way has nothing to do with those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from calls import calls_of
from reference import interpret
from ssewire import ServerSentEvent, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = b"id: 7\ndata: first\n\n"
"""After it, a read begins an event, and events have an ID."""


def begun(limit: int | None = None) -> Tokenizer:
    tokenizer = Tokenizer(max_event_size=limit)
    tokenizer.feed(FIRST)
    return tokenizer


def one(data: bytes, event: str = "message") -> ServerSentEvent:
    return ServerSentEvent(data, event, "7")


def means(body: bytes, events: list[ServerSentEvent]) -> bool:
    """The events are what the standard makes of the bytes behind the first event."""
    return interpret(FIRST + body).events[1:] == [(each.text, each.event, each.id) for each in events]


# -- reads that are one event ----------------------------------------------------------------------------

TAKEN = [
    (b"data: a\n\n", one(b"a")),
    (b"data: \n\n", one(b"")),
    (b"data:  a \n\n", one(b" a ")),
    (b"data: data: a\n\n", one(b"data: a")),
    (b"data: a\xff\0\n\n", one(b"a\xff\0")),
    (b"data: a\r\n\r\n", one(b"a")),
    (b"data: a\r\n\n", one(b"a")),
    (b"event: x\ndata: a\n\n", one(b"a", "x")),
    (b"event: x\r\ndata: a\r\n\r\n", one(b"a", "x")),
    (b"event: \ndata: a\n\n", one(b"a")),
    (b"event: \xffX\ndata: a\n\n", one(b"a", "\N{REPLACEMENT CHARACTER}X")),
]
LEFT: list[bytes | bytearray | memoryview] = [
    b"",
    b"\n",
    b"\n\n",
    b"data: a",
    b"data: a\n",
    b"data:a\n\n",
    b"data\n\n",
    b"DATA: a\n\n",
    b"date: a\n\n",
    b"data: a\n\n\n",
    b"data: a\n\ndata: b\n\n",
    b"data: a\ndata: b\n\n",
    b"data: a\nid: 8\n\n",
    b"data: a\nevent: x\n\n",
    b"data: a\r\r",
    b"data: a\rdata: b\n\n",
    b"data: a\rdata: b\r\n\r\n",
    b"event: x\n\n",
    b"event:x\ndata: a\n\n",
    b"EVENT: x\ndata: a\n\n",
    b"event: x\ndata: a\n",
    b"event: x\n\ndata: a\n\n",
    b"event: x\nevent: y\ndata: a\n\n",
    b": c\n\n",
    bytearray(b"data: a\n\n"),
    memoryview(b"data: a\n\n"),
]


@pytest.mark.parametrize(("read", "event"), TAKEN, ids=repr)
def test_a_read_that_is_one_event_is_taken_at_once(read: bytes, event: ServerSentEvent) -> None:
    assert means(read, [event])
    for limit in (None, max(len(FIRST), len(read)) + 1, max(len(FIRST), len(read))):
        tokenizer = begun(limit)
        assert [tokenizer.take_plain(read) for _ in range(3)] == [event] * 3
        assert tokenizer.position == len(FIRST) + 3 * len(read)
    assert begun().feed(read) == [event]


@pytest.mark.parametrize("read", LEFT, ids=lambda read: f"{type(read).__name__} {bytes(read)!r}")
def test_a_read_that_is_anything_else_is_left_as_it_is(read: bytes | bytearray | memoryview) -> None:
    tokenizer = begun()
    assert tokenizer.take_plain(read) is None
    assert (tokenizer.position, tokenizer.fresh) == (len(FIRST), True)


def test_a_read_that_may_be_too_large_is_left() -> None:
    assert begun(64).take_plain(b"data: %b\n\n" % (b"a" * 56)) == one(b"a" * 56)
    assert begun(64).take_plain(b"data: %b\n\n" % (b"a" * 57)) is None


@pytest.mark.parametrize(
    "before", [b"data: b", b"data: b\n", b"event: x\n", b"\xef", b"data: b\n\n:", b"b\n"]
)
def test_a_read_that_goes_on_with_something_is_left(before: bytes) -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(before)
    assert tokenizer.take_plain(b"data: a\n\n") is None


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"], ids=repr)
def test_a_read_at_the_start_and_one_after_a_cr_are_left(end: bytes) -> None:
    tokenizer = Tokenizer()
    assert tokenizer.take_plain(b"data: a\n\n") is None
    tokenizer.feed(b"data: a" + end)
    assert (tokenizer.take_plain(b"data: a\n\n") is None) == (end == b"\r\r")


@pytest.mark.parametrize(
    ("read", "rest"),
    [
        (b":a\n\n", b""),
        (b":a\n", b""),
        (b":\n\ndata: b\n\n", b"data: b\n\n"),
        (b":a\r\n\r\ndata: b\n\n", b"data: b\n\n"),
        (b":a\n\r\ndata: b\n\n", b"data: b\n\n"),
        (b":a\n:b\n\n:c\ndata: d\n\n", b"data: d\n\n"),
        (b":a\n\n\ndata: b\n\n", b"\ndata: b\n\n"),
        (b":a\n\rdata: b\n\n", b"\rdata: b\n\n"),
        (b":a\n\n:b\rc\n\n", b":b\rc\n\n"),
        (b":a\r\n:b", b":b"),
        (b":a", b":a"),
        (b"", b""),
    ],
    ids=repr,
)
def test_comments_before_an_event_are_skipped(read: bytes, rest: bytes) -> None:
    tokenizer = begun()
    assert tokenizer.skip_comments(read) == rest
    assert tokenizer.position == len(FIRST) + len(read) - len(rest)
    assert tokenizer.fresh
    assert interpret(read).events == interpret(rest).events  # what was skipped means nothing


# -- reads of many events --------------------------------------------------------------------------------

STEPS = ("read_mixed", "read_lines", "read_line", "end_line", "dispatch")
"""The steps that a read of events that are all alike does without."""


def steps_of(work: Callable[[], object]) -> str:
    """The steps that are taken, in order."""
    names = (name.removeprefix("Tokenizer._") for name in calls_of(work).python)
    return " ".join(name for name in names if name in STEPS)


MANY = b"data: c\n\n" * 5


@pytest.mark.parametrize(
    ("read", "steps"),
    [
        (MANY, ""),
        (b"data: a\r\n\r\n" * 5, ""),
        (b"event: x\ndata: a\n\n" * 5, ""),
        (b"event: \ndata: a\n\n" * 5, ""),
        (b"event: x\r\ndata: a\r\n\r\n" * 5, ""),
        (b"data: a\n\nevent: x\ndata: b\n\n" * 5, "read_mixed"),
        (b"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n" * 5, "read_mixed"),
        (b"data: a\nevent: x\n\n" * 5, "read_mixed"),
        (b"data: a\n: c\n\n" * 5, "read_mixed"),
        (b"event: y\nevent: x\ndata: a\n\n" * 5, "read_mixed"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("limit", ["none", "just"])
def test_many_events_take_no_steps_of_their_own(read: bytes, steps: str, limit: str) -> None:
    tokenizer = begun(None if limit == "none" else len(read))
    events: list[ServerSentEvent] = []
    assert steps_of(lambda: events.extend(tokenizer.feed(read))) == steps
    assert means(read, events)
    assert steps_of(lambda: tokenizer.feed(read)) == steps  # and the one after it


@pytest.mark.parametrize(
    ("before", "read", "steps"),
    [
        # The rest of a line, and with the blank line the event that it belongs to.
        (b"data: a", b"b\n\n" + MANY, "read_lines end_line read_mixed dispatch"),
        (b"event: x\nda", b"ta: a\n\n" + MANY, "read_lines end_line read_mixed dispatch"),
        (b"data: a\r\r", b"\n" + MANY, ""),
        # An event that a whole line has begun.
        (b"data: a\n", b"\n" + MANY, "read_mixed dispatch"),
        (b"event: a\n", b"data: b\n\n" + MANY, "read_mixed"),
        (b"data: a\n", b"data: b\n\n" + MANY, "read_mixed read_line end_line dispatch"),
        # What is unfinished at the end.
        (b"", MANY + b"data: a", ""),
        (b"", MANY + b"data: a\n", "read_line end_line"),
        (b"", MANY + b"event: x\ndata: a\nda", "read_line end_line read_line end_line"),
        # Lines among them that the exact way knows.
        (b"", MANY + b"id: 1\ndata: a\n\n", "read_mixed read_line end_line"),
        (b"", MANY + b"data:a\n\n", "read_mixed read_line end_line dispatch"),
        (b"", MANY + b"data: a\ndata: b\n\n", "read_mixed" + " read_line end_line" * 2 + " dispatch"),
        (b"", MANY + b": a\n\n", "read_mixed dispatch"),
        (b"", MANY + b"event: x\n\n", "read_mixed dispatch"),
        # A CR that is alone.
        (b"", b"data: a\r\r" + MANY, "read_lines end_line dispatch end_line read_mixed dispatch"),
        (b"data: a", b"\r\r" + MANY, "read_lines end_line dispatch end_line read_mixed dispatch"),
    ],
    ids=repr,
)
def test_the_exact_way_reads_no_more_than_what_needs_it(before: bytes, read: bytes, steps: str) -> None:
    tokenizer = begun()
    events = tokenizer.feed(before)
    assert steps_of(lambda: events.extend(tokenizer.feed(read))) == steps
    assert means(before + read, events)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_whatever_holds_the_bytes_is_read_alike(kind: Callable[[bytes], bytearray | memoryview]) -> None:
    tokenizer = begun()
    assert steps_of(lambda: tokenizer.feed(kind(MANY))) == ""
    assert tokenizer.fresh
