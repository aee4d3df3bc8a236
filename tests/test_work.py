"""Four times the input costs four times the work, counted and not timed, so that no busy machine matters.

Three things are counted: calls of Python and C functions; the bytes of what C methods were told to search or
to cut; and the bytes of what was made meanwhile, which shows a buffer that is copied by an operator.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ssewire import ChatParser, ChatStream, CompletionsParser, ResponsesParser, Tokenizer
from ssewire._wire import tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Scenario = Callable[[int], Iterator[object]]
    """Yields after each step of work on an input of that size."""

FACTOR = 4
ALLOWED = 1.2 * FACTOR
"""Buffers grow by steps; anything quadratic would be at 16."""
_TEXT_SCANS = ["count", "decode", "find", "index", "partition", "replace", "rfind", "rpartition", "split"]
SCANS: dict[type, list[str]] = {
    bytes: _TEXT_SCANS,
    bytearray: _TEXT_SCANS,
    str: _TEXT_SCANS,
    list: ["copy", "count", "index", "insert", "remove"],
}
"""Methods that look at the whole of what they belong to, or may."""


def counted(steps: Iterator[object]) -> Counter[str]:
    """How many calls were made, and of how many bytes the objects were whose methods look at all of them."""
    found: Counter[str] = Counter()

    def see(_frame: object, event: str, called: Any) -> None:
        if event == "call":
            found["calls"] += 1
        elif event == "c_call":
            found["calls"] += 1
            subject = called.__self__
            if called.__name__ in SCANS.get(type(subject), []):
                found["scanned"] += len(subject)

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        for _ in steps:
            pass
    finally:
        sys.setprofile(before)
    return found


def made(steps: Iterator[object]) -> int:
    """How many bytes each step had at most beside what was there before it, in all."""
    total = 0
    tracemalloc.start()
    try:
        done = False
        while not done:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            done = next(steps, steps) is steps
            total += tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return total


# -- inputs ----------------------------------------------------------------------------------------------


def event(payload: object) -> bytes:
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


def chunk(at: int = 0, **delta: object) -> bytes:
    choice = {"index": at, "delta": delta, "finish_reason": None}
    return event({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})


def long_line(size: int) -> bytes:
    return chunk(content="a" * size)


def long_comment(size: int) -> bytes:
    return b":" + b"a" * size + b"\n\n" + chunk()


def long_name(size: int) -> bytes:
    return b"a" * size + b"\n\n" + chunk()


def data_lines(count: int) -> bytes:
    return chunk(content="a")[:-1] + b"data:  \n" * count + b"\n"


def deltas(count: int) -> bytes:
    return b"".join(chunk(content=f"w{at % 7}") for at in range(count))


def uneven(count: int) -> bytes:
    """Each differs from the one before in more than its text."""
    return b"".join(chunk(role=f"r{at}", content="w") for at in range(count))


def long_deltas(count: int) -> bytes:
    return chunk(content="word " * 100) * count


def long_uneven(count: int) -> bytes:
    return b"".join(chunk(role=f"r{at}", content="word " * 100) for at in range(count))


def comments(count: int) -> bytes:
    return (b": keep-alive\n\n" + chunk(content="a")) * count


def only_comments(count: int) -> bytes:
    return b": keep-alive\n" * count


def named(count: int) -> bytes:
    return b"".join(b"event: x\nid: 1\n" + chunk(content="a") for _ in range(count))


def crs(count: int) -> bytes:
    return chunk(content="a") + b"\r" * count


def crlf(count: int) -> bytes:
    return deltas(count).replace(b"\n", b"\r\n")


def choices(count: int) -> bytes:
    return b"".join(chunk(at, content="a") for at in range(count))


def tool_calls(count: int) -> bytes:
    return b"".join(
        chunk(tool_calls=[{"index": at, "id": f"c{at}", "function": {"name": "f", "arguments": "{}"}}])
        for at in range(count)
    )


def tool_calls_without_index(count: int) -> bytes:
    return b"".join(
        chunk(tool_calls=[{"id": f"c{at}", "function": {"name": "f", "arguments": "{}"}}])
        for at in range(count)
    )


def groq(count: int) -> bytes:
    return b"".join(event({"choices": [], "x_groq": {f"k{at}": at}}) for at in range(count))


def malformed(count: int) -> bytes:
    return b"".join(b"data: {oops%d\n\n" % at for at in range(count))


def in_pieces(body: bytes, size: int) -> Sequence[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def live(body: bytes) -> Sequence[bytes]:
    return [each + b"\n\n" for each in body.split(b"\n\n") if each]


# -- work ------------------------------------------------------------------------------------------------


def tokenize(reads: Sequence[bytes]) -> Iterator[object]:
    reading = Tokenizer(max_event_size=None)
    for read in reads:
        yield reading.feed(read)
    yield reading.close(flush=True)


def parse(reads: Sequence[bytes]) -> Iterator[object]:
    parser = ChatParser(max_event_size=None, malformed="skip")
    for read in reads:
        yield parser.feed(read)
    parser.close()
    yield parser.snapshot()


def stream(reads: Sequence[bytes]) -> Iterator[object]:
    reading = ChatStream(reads, max_event_size=None, malformed="skip")
    yield from reading
    yield reading.snapshot()


def raw(reads: Sequence[bytes]) -> Iterator[object]:
    return ChatStream(reads, malformed="skip").raw()


def text(reads: Sequence[bytes]) -> Iterator[object]:
    return ChatStream(reads, malformed="skip").text()


WAYS = {"tokenize": tokenize, "parse": parse, "stream": stream, "raw": raw, "text": text}
CUTS: dict[str, Callable[[bytes], Sequence[bytes]]] = {
    "1 byte": lambda body: in_pieces(body, 1),
    "97 bytes": lambda body: in_pieces(body, 97),
    "1460 bytes": lambda body: in_pieces(body, 1460),
    "live": live,
}
ROWS: list[tuple[Callable[[int], bytes], int, str, str]] = [
    *[(long_line, 1000, "1 byte", way) for way in ("tokenize", "parse")],
    *[(make, 1000, "1 byte", way) for make in (long_comment, long_name) for way in ("tokenize", "parse")],
    *[(make, 100, cut, "parse") for make in (long_deltas, long_uneven) for cut in ("live", "1460 bytes")],
    *[(long_line, 25_000, "97 bytes", way) for way in ("tokenize", "parse")],
    *[(data_lines, 200, "1 byte", way) for way in ("tokenize", "parse")],
    *[(data_lines, 1000, "97 bytes", way) for way in ("tokenize", "parse")],
    *[(make, 100, cut, way) for make in (deltas, uneven) for cut in ("live", "1460 bytes") for way in WAYS],
    *[
        (make, 100, cut, "stream")
        for make in (comments, named, crlf)
        for cut in ("live", "97 bytes", "1460 bytes")
    ],
    (groq, 500, "live", "parse"),
    *[(malformed, 500, cut, "stream") for cut in ("live", "1460 bytes")],
    *[(make, 500, "97 bytes", way) for make in (only_comments, crs) for way in ("tokenize", "stream")],
    *[
        (make, 100, cut, "stream")
        for make in (choices, tool_calls, tool_calls_without_index)
        for cut in ("live", "1460 bytes")
    ],
]


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("make", "size", "cut", "way"), ROWS, ids=[f"{row[0].__name__}, {row[2]}, {row[3]}" for row in ROWS]
)
def test_work_grows_with_the_input(make: Callable[[int], bytes], size: int, cut: str, way: str) -> None:
    def steps(times: int) -> Iterator[object]:
        return WAYS[way](CUTS[cut](make(size * times)))

    for _ in steps(1):  # what is made once is made
        pass
    one, four = counted(steps(1)), counted(steps(FACTOR))
    assert one["calls"] > 0
    assert four["calls"] <= ALLOWED * one["calls"]
    assert four["scanned"] <= ALLOWED * one["scanned"]


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("make", "size", "cut", "way"),
    [row for row in ROWS if row[3] in {"tokenize", "parse"}],
    ids=[f"{row[0].__name__}, {row[2]}, {row[3]}" for row in ROWS if row[3] in {"tokenize", "parse"}],
)
def test_what_is_made_meanwhile_grows_with_the_input(
    make: Callable[[int], bytes], size: int, cut: str, way: str
) -> None:
    def steps(times: int) -> Iterator[object]:
        return WAYS[way](CUTS[cut](make(size * times)))

    made(steps(1))
    assert made(steps(FACTOR)) <= ALLOWED * made(steps(1))


def watch(events: int, of: int) -> Iterator[object]:
    """A snapshot at every event of a stream with so many choices."""
    reading = ChatStream(live(b"".join(chunk(at % of, content="a") for at in range(events))))
    for _ in reading:
        yield reading.snapshot()


@pytest.mark.parametrize("of", [1, 5])
def test_snapshots_at_every_event_cost_by_the_event(of: int) -> None:
    one, four = counted(watch(100, of)), counted(watch(100 * FACTOR, of))
    assert four["calls"] <= ALLOWED * one["calls"]


def test_snapshots_at_every_event_cost_by_the_choice() -> None:
    one, four = counted(watch(200, 5)), counted(watch(200, 5 * FACTOR))
    assert four["calls"] <= ALLOWED * one["calls"]


def test_a_snapshot_with_nothing_new_costs_one_look() -> None:
    def looks(events: int) -> int:
        reading = ChatStream(live(deltas(events)))
        for _ in reading:
            pass
        reading.snapshot()
        return counted(reading.snapshot() for _ in range(3))["calls"]

    assert looks(10) == looks(1000) < 30


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n", b"\n\r"])
@pytest.mark.parametrize("make", [deltas, only_comments, data_lines, crs, crlf])
def test_no_byte_of_a_read_is_searched_twice(
    make: Callable[[int], bytes], line_end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = 0
    real = tokenizer._find

    def find(data: bytes, byte: bytes, start: int = 0) -> int:
        nonlocal searched
        found = real(data, byte, start)
        searched += found - start
        return found

    monkeypatch.setattr(tokenizer, "_find", find)
    body = b"data: cut" + make(200).replace(b"\n", line_end)
    Tokenizer().feed(b"\rdata: x\r" + body)
    assert 0 < searched <= 2 * len(body) + 20  # once for CR, once for LF


@pytest.mark.parametrize("cut", ["live", "1460 bytes"])
def test_other_dialects_grow_alike(cut: str) -> None:
    def responses(count: int) -> Iterator[object]:
        parser = ResponsesParser()
        delta = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0}
        body = b"".join(event(delta | {"sequence_number": at, "delta": "w"}) for at in range(count))
        for read in CUTS[cut](body):
            yield parser.feed(read)
        yield parser.snapshot()

    def completions(count: int) -> Iterator[object]:
        parser = CompletionsParser()
        body = event({"object": "text_completion", "choices": [{"index": 0, "text": "w"}]}) * count
        for read in CUTS[cut](body):
            yield parser.feed(read)
        yield parser.snapshot()

    for steps in (responses, completions):
        for _ in steps(1):
            pass
        one, four = counted(steps(100)), counted(steps(100 * FACTOR))
        assert four["calls"] <= ALLOWED * one["calls"]
        assert four["scanned"] <= ALLOWED * one["scanned"]
