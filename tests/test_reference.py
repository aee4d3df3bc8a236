"""The reference itself: it agrees with the rows worked out by hand, and with itself."""

import pytest
from hypothesis import given, settings

from reference import completion_offsets, first_overflow, interpret
from ssewire.testing import wire_streams
from wire_cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_reference_gives_what_each_row_says(case: Case) -> None:
    outcome = interpret(case.body, flush=case.flush, errors="surrogateescape")
    assert [_sent(data) for data, _, _ in outcome.events] == [data for data, _, _ in case.events]
    assert tuple(map(_sent, outcome.comments)) == case.comments
    fields = [(_sent(name), _sent(value)) for name, value in outcome.unknown_fields]
    assert fields == list(case.unknown_fields)

    outcome = interpret(case.body, flush=case.flush)
    expected = [(row[0].decode("utf-8", "replace"), *row[1:]) for row in case.events]
    assert outcome.events == expected
    assert outcome.last_event_id == case.last_event_id
    assert outcome.retry == case.retry


@pytest.mark.parametrize("case", [case for case in CASES if len(case.body) < 400], ids=str)
def test_an_event_is_complete_with_the_first_prefix_that_holds_it(case: Case) -> None:
    prefixes = [case.body[:taken] for taken in range(len(case.body) + 1)]
    counts = [len(interpret(prefix).events) for prefix in prefixes]
    seen = [min(t for t, count in enumerate(counts) if count > n) for n in range(counts[-1])]
    assert completion_offsets(case.body) == seen


@given(wire_streams(hostile=True).map(lambda case: case.body))
@settings(max_examples=100, deadline=None)
def test_every_event_of_a_drawn_body_is_complete_somewhere_in_it(body: bytes) -> None:
    offsets = completion_offsets(body)
    assert offsets == sorted(set(offsets))
    assert len(offsets) == len(interpret(body).events)
    for count, offset in enumerate(offsets):
        assert len(interpret(body[: offset - 1]).events) == count
        assert len(interpret(body[:offset]).events) == count + 1


OVERFLOWS: list[tuple[str, bytes, int, tuple[int, int] | None]] = [
    ("as large as the limit", b"data:abc\n\n", 3, None),
    ("one byte larger", b"data:abcd\n\n", 3, (8, 0)),
    ("the first byte of many", b"data:abcdefgh\n\n", 3, (8, 0)),
    ("nothing is allowed", b"data:\n\ndata:a\n\n", 0, (12, 1)),
    ("the one space does not count", b"data: abc\n\n", 3, None),
    ("the second space counts", b"data:  abc\n\n", 3, (9, 0)),
    ("without a line end", b"data:abcd", 3, (8, 0)),
    ("a BOM counts for the position alone", b"\xef\xbb\xbfdata:abcd", 3, (11, 0)),
    ("the joining LF counts at the colon", b"data:abc\ndata:", 3, (13, 0)),
    ("the joining LF counts at the line end", b"data:abc\ndata\n", 3, (13, 0)),
    ("the joining LF counts at a CR", b"data:abc\ndata\r\n", 3, (13, 0)),
    ("an unfinished name is no data line", b"data:abc\ndata", 3, None),
    ("the first data line joins nothing", b"data:\ndata:ab\n\n", 3, None),
    ("empty lines join", b"data\ndata\ndata\n", 1, (14, 0)),
    ("an event before", b"data:abc\n\ndata:abcd", 3, (18, 1)),
    ("a blank line starts anew", b"data:abc\n\ndata:abc\n\n", 3, None),
    ("a blank line without event starts anew", b"id:abc\n\nid:abc\n\n", 3, None),
    ("type, id and reconnection time count", b"event:a\nid:b\nretry:1\ndata:c", 3, (26, 0)),
    ("an id with NUL counts", b"id:\0\0\0\0\n\n", 3, (6, 0)),
    ("a bad reconnection time counts", b"retry:abcd\n\n", 3, (9, 0)),
    ("repeated fields add up", b"id:ab\nid:cd\n\n", 3, (10, 0)),
    ("comments do not count", b":abcdef\ndata:abc\n\n", 3, None),
    ("unknown fields do not count", b"Data:abcdef\ndata:abc\ndatas:abc\n\n", 3, None),
    ("names do not count", b"event:\nid:\nretry:\ndata:\n\n", 0, None),
    ("characters count as bytes", "data:\u20ac\u20ac\n\n".encode(), 3, (8, 0)),
    ("CRLF between", b"data:ab\r\n\r\ndata:abcd\r\n", 3, (19, 1)),
    ("no event for a block without data", b"id:1\n\ndata:abcd", 3, (14, 0)),
]


@pytest.mark.parametrize(
    ("body", "limit", "expected"),
    [row[1:] for row in OVERFLOWS],
    ids=[row[0] for row in OVERFLOWS],
)
def test_the_size_of_an_event(body: bytes, limit: int, expected: tuple[int, int] | None) -> None:
    assert first_overflow(body, limit) == expected


def test_the_end_of_a_flushed_body_is_a_line_end() -> None:
    assert first_overflow(b"data:abc\ndata", 3, flush=True) == (13, 0)


def _sent(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
