"""The tokenizer: rows at every cutting, agreement with the reference, the size limit, the cost."""

import array
import bisect
import gc
import pickle
import re
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import completion_offsets, first_overflow, interpret
from ssewire import ChatParser, ServerSentEvent, Tokenizer
from ssewire.errors import EventTooLargeError, SSEWireError
from ssewire.testing import cut, cuttings, every_cutting, wire_streams
from wire_cases import BOM, CASES, Case, ev

KIB = 2**10
MIB = 2**20
Arrival = tuple[bytes, list[bytes]]  # a body, and the reads in which it arrives

bodies = wire_streams(hostile=True).map(lambda case: case.body)
arrivals = bodies.flatmap(lambda body: st.tuples(st.just(body), cuttings(body)))

REPORTED = 64 * KIB  # how much of a comment, of a name, of a value the callbacks get


@dataclass
class Told:
    """Everything a tokenizer told about one stream, and when."""

    events: list[ServerSentEvent] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    unknown_fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)  # how many events there were after each read
    error: EventTooLargeError | None = None
    last_event_id: str = ""
    retry: int | None = None


def listen(told: Told, limit: int | None = 16 * MIB) -> Tokenizer:
    return Tokenizer(
        max_event_size=limit,
        on_comment=told.comments.append,
        on_unknown_field=lambda name, value: told.unknown_fields.append((name, value)),
    )


def run(reads: Iterable[bytes | bytearray | memoryview], *, flush: bool = False) -> Told:
    told = Told()
    tokenizer = listen(told)
    taken = 0
    for read in reads:
        told.events += tokenizer.feed(read)
        told.counts.append(len(told.events))
        taken += len(read)
        assert tokenizer.position == taken
    told.events += tokenizer.close(flush=flush)
    assert tokenizer.position == taken
    told.last_event_id = tokenizer.last_event_id
    told.retry = tokenizer.retry
    return told


def rows(events: Iterable[ServerSentEvent]) -> list[tuple[bytes, str, str]]:
    return [(event.data, event.event, event.id) for event in events]


def check_case(case: Case, reads: Iterable[bytes | bytearray | memoryview]) -> Told:
    told = run(reads, flush=case.flush)
    assert rows(told.events) == list(case.events)
    assert told.last_event_id == case.last_event_id
    assert told.retry == case.retry
    assert told.comments == list(case.comments)
    assert told.unknown_fields == list(case.unknown_fields)
    return told


def check_against_reference(body: bytes, reads: list[bytes], *, flush: bool = False) -> None:
    """All that is told is what the reference says, each event with the read that ends it."""
    told = run(reads, flush=flush)
    expected = interpret(body, flush=flush)
    assert [(event.text, event.event, event.id) for event in told.events] == expected.events
    assert told.last_event_id == expected.last_event_id
    assert told.retry == expected.retry
    assert told.counts == counts_due(completion_offsets(body), reads)
    # Bytes come out as they came in, malformed or not.
    sent = interpret(body, flush=flush, errors="surrogateescape")
    assert [event.data for event in told.events] == [to_bytes(data) for data, _, _ in sent.events]
    assert told.comments == [to_bytes(text) for text in sent.comments]
    fields = [(to_bytes(name), to_bytes(value)) for name, value in sent.unknown_fields]
    assert told.unknown_fields == fields


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def counts_due(offsets: list[int], reads: list[bytes]) -> list[int]:
    """Count the events that are complete, and so must have been handed out, after each read."""
    counts = []
    taken = 0
    for read in reads:
        taken += len(read)
        counts.append(sum(offset <= taken for offset in offsets))
    return counts


# -- rows ------------------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_row_gives_its_events_however_it_is_cut(case: Case) -> None:
    offsets = completion_offsets(case.body)
    for reads in every_cutting(case.body):
        told = check_case(case, reads)
        assert told.counts == counts_due(offsets, reads)  # and each as soon as it is complete


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", [bytearray, memoryview])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_row_gives_its_events_whatever_holds_its_bytes(
    case: Case, kind: Callable[[bytes], bytearray | memoryview]
) -> None:
    check_case(case, [kind(case.body)])
    check_case(case, [kind(case.body[at : at + 1]) for at in range(len(case.body))])
    if len(case.body) <= 400:
        for at in range(len(case.body)):
            check_case(case, [kind(case.body[:at]), case.body[at:]])
            check_case(case, [case.body[:at], kind(case.body[at:])])


# In what state a read can find the tokenizer: at rest, behind a CR, with an id and a type, within
# an event, within a line of each kind, within a character.
BEFORE = [
    b"data:before\n\n",
    b"data:before\r\r",
    b"data:before\r\n\r\n",
    b"data:before\r\n\r",
    b"id:7\ndata:before\n\nevent:e\n",
    b"data:before\n",
    b"data:before\r",
    b"data:befo",
    b"data",
    b"data:",
    b":befo",
    b"id:befo",
    b"x:befo",
    b"data:\xe2\x82",
    b"retry:1",
    BOM,
    b"\xef",
    b"\xef\xbb",
]


def with_spaces(body: bytes) -> bytes:
    """Write a space behind each field name, as most servers do."""
    return re.sub(rb"(data|event|id|retry):(?! )", rb"\1: ", body)


@pytest.mark.no_cover
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_row_as_one_read_in_the_middle_of_a_stream(case: Case) -> None:
    for body in {case.body, with_spaces(case.body)}:
        for before in BEFORE:
            # Without a read behind it, the body decides what the last event ID is.
            for after in (b"", b"data:after\n\n", b"\n\ndata:after\n\n", b"\r\rdata:after\r\r"):
                reads = [before, body, after]
                check_against_reference(b"".join(reads), reads)


@pytest.mark.no_cover
@pytest.mark.parametrize("case", [case for case in CASES if len(case.body) <= 64], ids=str)
def test_each_row_cut_in_two_between_plain_events(case: Case) -> None:
    body = b"data:before\n\n" + case.body + b"\n\ndata:after\n\n"
    for at in range(len(case.body) + 1):
        reads = [b"data:before\n\n", case.body[:at], case.body[at:], b"\n\ndata:after\n\n"]
        check_against_reference(body, reads)


# Reads that hold whole events, as most reads do, are where a tokenizer may take a short way. These
# almost have one form throughout: but for an end of another kind, a second line, an empty value.
PLAIN = {b"\n": b"data: p\n\n", b"\r\n": b"data: p\r\n\r\n", b"\r": b"data: p\r\r"}
CONTENTS = [
    b"data: x",
    b"data:x",
    b"data:",
    b"data: ",
    b"data",
    b"data:  x",
    b"data: x\ry",
    b"data: x\r",
    b"data: \rx",
    b"data: x\rdata: y",
    b"data: x\ndata: y",
    b"data: x\r\ndata: y",
    b"data: x\n\r\ndata: y",
    b"data: x\n:c",
    b"data: x\nid: 2",
    b"data: x\r\nid: 2\0\r\nretry: 1",
    b"event: f\ndata: x",
    b"event: f\r\ndata: x",
    b"id: 1\revent: f\rdata: x",
    b"id: 1\ndata: x",
    b"id: 1\r\nevent: f\r\ndata: x",
    b"id\ndata: x",
    b"retry: 1\ndata: x",
    b"event: f",
    b": c",
    b"x: y",
    b"Data: x",
    b"datax",
    b"data: \xe2\x82",
    BOM + b"data: x",
]
BLANK_LINES = [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n", b"\r\n\r", b"\n\r"]
ENDS = [*BLANK_LINES, b"\n", b"\r\n", b"\r", b""]
STATES = [
    b"",
    b"data: before\n\n",
    b"data: before\r\r",
    b"data: before\r",
    b"data: before\n",
    b"data: befo",
    b"id: 7\nevent: e\r\n",
    b"dat",
    b": befo",
    b"\xef",
]


@pytest.mark.no_cover
@pytest.mark.parametrize("content", CONTENTS, ids=repr)
def test_a_read_of_whole_events_that_are_not_quite_alike(content: bytes) -> None:
    for end in ENDS:
        for line_end, plain in PLAIN.items():
            read = plain + content + end + plain
            for state in STATES:
                for reads in ([state, read, line_end, plain], [state, content + end + plain]):
                    check_against_reference(b"".join(reads), reads)
        for state in STATES:
            for reads in ([state, content + end, content + end, b"\n\n"], [state, content + end]):
                check_against_reference(b"".join(reads), reads)


# -- the reference ---------------------------------------------------------------------------------


@pytest.mark.no_cover
@given(arrivals, st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_stream_means_what_the_reference_says(arrival: Arrival, flush: bool) -> None:
    body, reads = arrival
    check_against_reference(body, reads, flush=flush)


@pytest.mark.no_cover
@given(bodies, st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_stream_means_the_same_whole_and_byte_by_byte(body: bytes, flush: bool) -> None:
    check_against_reference(body, [body], flush=flush)
    check_against_reference(body, [body[at : at + 1] for at in range(len(body))], flush=flush)


@pytest.mark.no_cover
@given(st.lists(st.sampled_from(list(b"\r\n\r\n:d \xef\xbb\xbf\0"))).map(bytes), st.data())
@settings(max_examples=200, deadline=None)
def test_any_soup_of_line_ends_agrees_with_the_reference(soup: bytes, data: st.DataObject) -> None:
    body = soup.replace(b"d", b"data:x")
    check_against_reference(body, data.draw(cuttings(body)))


# -- line ends and byte order marks ----------------------------------------------------------------


def test_a_bare_cr_hands_out_the_event_without_waiting() -> None:
    tokenizer = Tokenizer()
    assert rows(tokenizer.feed(b"data:a\r")) == []
    assert rows(tokenizer.feed(b"\r")) == [ev(b"a")]
    assert rows(tokenizer.feed(b"\ndata:b\r\n")) == []
    assert rows(tokenizer.feed(b"\r")) == [ev(b"b")]


def test_crlf_split_between_reads_is_one_line_end() -> None:
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"data:a\r") == []
    assert tokenizer.feed(b"") == []
    assert tokenizer.feed(memoryview(b"")) == []
    assert tokenizer.feed(b"\n") == []
    assert rows(tokenizer.feed(b"\n")) == [ev(b"a")]


def test_the_lf_of_a_crlf_is_skipped_for_one_byte_only() -> None:
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"data:a\r") == []
    assert tokenizer.feed(b"d") == []
    assert tokenizer.feed(b"ata:b") == []
    assert tokenizer.feed(b"\n") == []
    assert rows(tokenizer.feed(b"\n")) == [ev(b"a\nb")]


def test_a_byte_order_mark_cut_by_empty_reads_is_dropped() -> None:
    tokenizer = Tokenizer()
    for read in (b"", b"\xef", b"", b"\xbb", b"", b"\xbf", b""):
        assert tokenizer.feed(read) == []
    assert rows(tokenizer.feed(b"data:a\n\n")) == [ev(b"a")]


def test_a_held_back_byte_order_mark_delays_nothing_else() -> None:
    for head in (b"\xef", b"\xef\xbb", b"\xef\xbb\xbf"):
        told = Told()
        tokenizer = listen(told)
        assert tokenizer.feed(head) == []
        assert tokenizer.position == len(head)
        # With the line end there is nothing to wait for, whatever the head has become.
        assert rows(tokenizer.feed(b"\ndata:a\n\n")) == [ev(b"a")]
        assert told.unknown_fields == ([] if head == BOM else [(head, b"")])


# -- what is told beside events --------------------------------------------------------------------


def test_comments_and_unknown_fields_are_told_in_the_order_of_the_stream() -> None:
    body = b":1\nx:2\ndata:a\n:3\ny\n\n:4\rz:5\r\r:6\r\n"
    for reads in every_cutting(body):
        assert told_beside(reads) == [b":1", b"x=2", b":3", b"y=", b":4", b"z=5", b":6"]


def told_beside(reads: Iterable[bytes]) -> list[bytes]:
    """The comments and the unknown fields of a stream, in the order in which they are told."""
    order: list[bytes] = []
    tokenizer = Tokenizer(
        on_comment=lambda text: order.append(b":" + text),
        on_unknown_field=lambda name, value: order.append(name + b"=" + value),
    )
    for read in reads:
        tokenizer.feed(read)
    return order


def test_a_comment_and_an_unknown_field_are_told_at_their_line_end() -> None:
    told = Told()
    tokenizer = listen(told)
    for read, comments, fields in (
        (b":a", 0, 0),
        (b"b", 0, 0),
        (b"\r", 1, 0),
        (b"\nx:", 1, 0),
        (b" y", 1, 0),
        (b"\n", 1, 1),
        (b"z", 1, 1),
        (b"\r", 1, 2),
    ):
        tokenizer.feed(read)
        assert (len(told.comments), len(told.unknown_fields)) == (comments, fields)
    assert told.comments == [b"ab"]
    assert told.unknown_fields == [(b"x", b"y"), (b"z", b"")]


def test_callbacks_get_bytes() -> None:
    told = Told()
    tokenizer = listen(told)
    tokenizer.feed(bytearray(b":a\nx:y\n"))
    tokenizer.feed(memoryview(b":b\nz\n"))
    got = [*told.comments, *(part for row in told.unknown_fields for part in row)]
    assert {type(part) for part in got} == {bytes}


@pytest.mark.parametrize(
    ("read", "rest"),
    [
        (b":a\n\ndata:b\n\n", b"data:b\n\n"),
        (b":a\r\n\r\n:b\ndata:c\n\n", b"data:c\n\n"),
        (b":a\rdata:b\n\n", b":a\rdata:b\n\n"),  # the exact way knows where it ends
        (b":a\n:b", b":b"),
        (b"data:a\n\n", b"data:a\n\n"),
    ],
)
def test_comments_that_nobody_wants_are_skipped(read: bytes, rest: bytes) -> None:
    tokenizer = Tokenizer()
    assert tokenizer.skip_comments(read) == read  # at first, a byte order mark may stand before them
    tokenizer.feed(b"data:first\n\n")
    begun = tokenizer.position
    assert tokenizer.skip_comments(read) == rest
    assert tokenizer.position == begun + len(read) - len(rest)


@pytest.mark.no_cover
@pytest.mark.parametrize("length", [REPORTED - 1, REPORTED, REPORTED + 1, 2 * REPORTED + 7])
@pytest.mark.parametrize("size", [7, 1000, REPORTED, MIB])
def test_comments_and_unknown_fields_are_cut_at_64_kib(length: int, size: int) -> None:
    text = (b"0123456789abcdefg" * (length // 17 + 1))[:length]
    lines = [b":" + text, text + b":x", b"x:" + text, b"x: " + text, text]
    told = run(chunks(b"\n".join(lines) + b"\n", size))
    kept = text[:REPORTED]
    assert told.comments == [kept]
    assert told.unknown_fields == [(kept, b"x"), (b"x", kept), (b"x", kept), (kept, b"")]


def test_a_cut_name_leaves_its_value_whole() -> None:
    told = run([b"n" * (REPORTED + 5) + b": value\ndata:a\n\n"])
    assert told.unknown_fields == [(b"n" * REPORTED, b"value")]
    assert rows(told.events) == [ev(b"a")]


def test_a_long_name_that_begins_like_a_field_is_no_field() -> None:
    for name in (b"data", b"event", b"id", b"retry"):
        body = b"data:a\n" + name + b"x" * 200_000 + b":1\n" + name + b"\0:2\n\n"
        for size in (1000, MIB):
            tokenizer = Tokenizer()
            events = [event for read in chunks(body, size) for event in tokenizer.feed(read)]
            assert rows(events) == [ev(b"a")]
            assert tokenizer.retry is None


def test_without_callbacks_the_same_events_come() -> None:
    body = b":c\nx:y\ndata:a\n:d\nz\n\n" + b"q" * 100 + b":\ndata:b\n\n"
    for reads in every_cutting(body):
        tokenizer = Tokenizer()
        events = [event for read in reads for event in tokenizer.feed(read)]
        assert rows(events) == [ev(b"a"), ev(b"b")]


def test_the_last_event_id_changes_with_the_blank_line() -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(b"id:1\ndata:a\n")
    assert tokenizer.last_event_id == ""
    tokenizer.feed(b"\n")
    assert tokenizer.last_event_id == "1"
    tokenizer.feed(b"id:2\n")
    assert tokenizer.last_event_id == "1"
    tokenizer.feed(b"\r")
    assert tokenizer.last_event_id == "2"
    tokenizer.feed(b"\nid\n")
    assert tokenizer.last_event_id == "2"
    tokenizer.feed(b"\n")
    assert tokenizer.last_event_id == ""


def test_the_reconnection_time_changes_with_its_line_end() -> None:
    tokenizer = Tokenizer()
    assert tokenizer.retry is None
    tokenizer.feed(b"retry:15")
    assert tokenizer.retry is None
    tokenizer.feed(b"0\r")
    assert tokenizer.retry == 150
    tokenizer.feed(b"\nretry:x\n")
    assert tokenizer.retry == 150


def test_a_reconnection_time_may_be_long_whatever_its_zeros() -> None:
    zeros = b"0" * 100_000
    tokenizer = Tokenizer()
    tokenizer.feed(b"retry:" + zeros + b"12\n")
    assert tokenizer.retry == 12
    tokenizer.feed(b"retry:" + zeros + b"1" + b"0" * 639 + b"\n")
    assert tokenizer.retry == 10**639
    tokenizer.feed(b"retry:" + zeros + b"1" + b"0" * 640 + b"\n")
    assert tokenizer.retry == 10**639
    tokenizer.feed(b"retry:" + zeros + b"\n")
    assert tokenizer.retry == 0


@pytest.mark.no_cover
@given(bodies, st.data())
@settings(max_examples=200, deadline=None)
def test_after_each_read_the_state_is_that_of_its_bytes(body: bytes, data: st.DataObject) -> None:
    tokenizer = Tokenizer()
    taken = b""
    for read in data.draw(cuttings(body))[:40]:
        tokenizer.feed(read)
        taken += read
        expected = interpret(taken)
        assert tokenizer.position == len(taken)
        assert tokenizer.last_event_id == expected.last_event_id
        assert tokenizer.retry == expected.retry


# -- the object ------------------------------------------------------------------------------------


def test_feed_after_close_is_wrong_use() -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(b"data: a\n\n")  # the next read could be plain
    tokenizer.close()
    for read in (b"data: a\n\n", b"data:a\n\n", b""):
        with pytest.raises(RuntimeError, match=r"^the tokenizer is closed$"):
            tokenizer.feed(read)


def test_close_discards_the_unfinished_event() -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(b"id:1\ndata:a\n")
    assert tokenizer.close() == []
    assert tokenizer.last_event_id == ""


def test_a_flushing_close_hands_out_the_unfinished_event() -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(b"id:1\nevent:e\ndata:a")
    assert rows(tokenizer.close(flush=True)) == [ev(b"a", "e", "1")]
    assert tokenizer.last_event_id == "1"


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_a_second_close_returns_nothing(first: bool, second: bool) -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(b"data:a")
    assert len(tokenizer.close(flush=first)) == first
    assert tokenizer.close(flush=second) == []


@pytest.mark.parametrize("head", [b"\xef", b"\xef\xbb"])
def test_a_held_back_byte_order_mark_is_not_told_by_a_plain_close(head: bytes) -> None:
    told = run([head])
    assert told.unknown_fields == []
    assert run([head], flush=True).unknown_fields == [(head, b"")]


@pytest.mark.parametrize(
    "wrong",
    ["", "data:a\n\n", 5, 0, None, [100], (100,), array.array("B", b"data:a\n\n"), object()],
    ids=lambda wrong: type(wrong).__name__,
)
def test_what_is_no_bytes_is_a_type_error_and_changes_nothing(wrong: Any) -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(b"data:a\n")
    with pytest.raises(TypeError, match=rf"^feed\(\) takes bytes, not {type(wrong).__name__}$"):
        tokenizer.feed(wrong)
    assert tokenizer.position == 7
    assert rows(tokenizer.feed(b"\n")) == [ev(b"a")]


def test_a_buffer_may_be_reused_after_each_read() -> None:
    body = b"\xef\xbb\xbfevent:e\nid:1\n:c\nx:y\ndata:a\ndata:b\n\n"
    for size in range(1, len(body)):
        told = Told()
        tokenizer = listen(told)
        buffer = bytearray(size)
        for read in chunks(body, size):
            buffer[: len(read)] = read
            with memoryview(buffer) as view:
                told.events += tokenizer.feed(view[: len(read)])
            buffer[:] = b"#" * size
        buffer.extend(b"not exported")  # a BufferError if the tokenizer had kept a view
        assert rows(told.events) == [ev(b"a\nb", "e", "1")]
        assert (told.comments, told.unknown_fields) == ([b"c"], [(b"x", b"y")])


def test_a_bytearray_may_be_changed_after_its_read() -> None:
    tokenizer = Tokenizer()
    buffer = bytearray(b"data:a\n\ndata:b")
    events = tokenizer.feed(buffer)
    buffer.clear()
    assert rows(events) == [ev(b"a")]
    assert rows(tokenizer.feed(b"\n\n")) == [ev(b"b")]


def test_a_memoryview_is_read_as_the_bytes_it_shows() -> None:
    strided = memoryview(b"d-a-t-a-:-x-\n-\n-")[::2]
    tokenizer = Tokenizer()
    assert rows(tokenizer.feed(strided)) == [ev(b"x")]
    assert tokenizer.position == 8
    wide = memoryview(b"data:x\n\n").cast("I")
    assert rows(tokenizer.feed(wide)) == [ev(b"x")]
    assert tokenizer.position == 16


def test_two_tokenizers_share_nothing() -> None:
    one, other = Tokenizer(), Tokenizer()
    one.feed(b"id:1\nevent:e\ndata:a\r")
    assert rows(other.feed(b"\ndata:b\n\n")) == [ev(b"b")]
    assert rows(one.feed(b"\n\n")) == [ev(b"a", "e", "1")]


def test_an_event_is_a_frozen_value_with_defaults() -> None:
    event: Any = ServerSentEvent(b"a")
    assert (event.data, event.event, event.id) == (b"a", "message", "")
    assert event == ServerSentEvent(b"a", "message", "")
    assert event != ServerSentEvent(b"a", "message", "1")
    assert hash(event) == hash(ServerSentEvent(b"a"))
    with pytest.raises(AttributeError):
        event.data = b"b"
    assert pickle.loads(pickle.dumps(event)) == event


def test_text_has_a_replacement_character_for_each_malformed_sequence() -> None:
    data = b"a\xf0\x80\x80b\xed\xa0\x80c\xe2\x82\xe2\x82\xacd\xc0\x80\xf0\x9f\x98"
    expected = "a\ufffd\ufffd\ufffdb\ufffd\ufffd\ufffdc\ufffd\u20acd\ufffd\ufffd\ufffd"
    assert ServerSentEvent(data).text == expected
    assert ServerSentEvent(BOM + b"a\0").text == "\ufeffa\0"


# -- the size limit --------------------------------------------------------------------------------


def run_limited(reads: list[bytes], limit: int, *, flush: bool = False) -> Told:
    """Feed until the limit is broken, holding the tokenizer to when it may say so."""
    told = Told()
    tokenizer = listen(told, limit)
    for read in [*reads, b""]:
        before = len(told.events)
        try:
            told.events += tokenizer.feed(read)
        except EventTooLargeError as error:
            told.error = error
            break
        told.counts.append(len(told.events) - before)
    else:
        try:
            told.events += tokenizer.close(flush=flush)
        except EventTooLargeError as error:
            told.error = error
    told.last_event_id = tokenizer.last_event_id
    told.retry = tokenizer.retry
    if told.error is not None:
        for read in (b"", b"data:more\n\n"):
            with pytest.raises(RuntimeError):
                tokenizer.feed(read)
        assert tokenizer.close(flush=True) == []
        assert tokenizer.close() == []
    return told


def check_limit(body: bytes, reads: list[bytes], limit: int, *, flush: bool = False) -> None:
    told = run_limited(reads, limit, flush=flush)
    overflow = first_overflow(body, limit, flush=flush)
    if overflow is None:
        assert told.error is None
        expected = interpret(body, flush=flush)
        assert [(event.text, event.event, event.id) for event in told.events] == expected.events
        return

    position, events_before = overflow
    assert told.error is not None
    assert (told.error.limit, told.error.seen) == (limit, limit + 1)
    assert told.error.position == position
    # What came before the byte that went over counts in full, and nothing behind it does.
    expected = interpret(body[:position])
    assert len(expected.events) == events_before
    assert [(event.text, event.event, event.id) for event in told.events] == expected.events
    assert [text.decode(errors="replace") for text in told.comments] == expected.comments
    assert len(told.unknown_fields) == len(expected.unknown_fields)
    assert told.last_event_id == expected.last_event_id
    assert told.retry == expected.retry

    # The read with that byte returned the events complete in it, and then the next call has raised;
    # or there were none, and the read itself has.
    taken = 0
    for index, read in enumerate(reads):
        if taken <= position < taken + len(read):
            due = sum(taken < offset <= position for offset in completion_offsets(body))
            assert len(told.counts) == (index + 1 if due else index)
            assert not due or told.counts[-1] == due
        taken += len(read)


LIMITED = [
    b"data:abcd\n\n",
    b"data: abcd\r\r",
    b"data:ab\ndata:cd\n\n",
    b"data:ab\r\ndata\r\ndata:\r\n\r\n",
    b"event:ab\nid:c\nretry:12\ndata: d\n\n",
    b"data:a\n\ndata:b\n\ndata:abcde\n\ndata:c\n\n",
    b"id:ab\n\n:comment\nid:cd\n\ndata:abcd\n\n",
    b"retry:5\nid:1\n\nx:yz\ndata:abcdef\nretry:7\n\n",
    b"data:\n\ndata\n\n\rdata:\rdata\r\r",
    b"\xef\xbb\xbfdata:abcd\n\n",
    b"\xef\xbbdata:abcd\ndata:ab",
    b"id:\0\0\0\ndata:a\n\n",
    b"datax:abcdef\nxdata:abc\ndat",
    b"data:abc\ndata",
    b":\n\n:ab\ndata:ab\n:cd\ndata:ef",
    b"event\nid\nretry\ndata:abc",
    b"data: a\n\ndata: abc\n\ndata: abcde\n\ndata: c\n\n",
    b"data: a\r\n\r\ndata: abc\r\n\r\ndata: abcde\r\n\r\n",
    b"event: ab\ndata: cd\n\nevent: abc\ndata: cde\n\n",
    b"data: a\rdata: b\n\ndata: ab\rdata: cd\n\n",
]


@pytest.mark.no_cover
@pytest.mark.parametrize("body", LIMITED, ids=repr)
def test_the_limit_breaks_at_one_byte_however_the_stream_is_cut(body: bytes) -> None:
    for limit in range(9):
        for reads in short_cuttings(body):
            check_limit(body, reads, limit)


@pytest.mark.no_cover
@pytest.mark.parametrize("body", LIMITED, ids=repr)
def test_the_limit_breaks_at_one_byte_when_the_end_is_flushed(body: bytes) -> None:
    for limit in range(9):
        for reads in ([body], [body[at : at + 1] for at in range(len(body))]):
            check_limit(body, reads, limit, flush=True)


@pytest.mark.no_cover
@pytest.mark.parametrize("case", [case for case in CASES if len(case.body) <= 64], ids=str)
def test_each_row_breaks_each_limit_where_the_reference_says(case: Case) -> None:
    for limit in range(8):
        check_limit(case.body, [case.body], limit)
        check_limit(case.body, [case.body[at : at + 1] for at in range(len(case.body))], limit)


@pytest.mark.no_cover
@given(arrivals, st.integers(0, 60))
@settings(max_examples=250, deadline=None)
def test_any_stream_breaks_any_limit_where_it_must(arrival: Arrival, limit: int) -> None:
    body, reads = arrival
    check_limit(body, reads, limit)


@pytest.mark.no_cover
@given(bodies, st.data())
@settings(max_examples=100, deadline=None)
def test_a_limit_is_exact_to_the_byte(body: bytes, data: st.DataObject) -> None:
    def keeps(limit: int) -> bool:
        return first_overflow(body, limit) is None

    # The smallest limit that the body keeps, and the one below it.
    fits = bisect.bisect_left(range(len(body)), True, key=keeps)
    reads = data.draw(cuttings(body))
    check_limit(body, reads, fits)
    if fits:
        check_limit(body, reads, fits - 1)


SMALL_BLOCKS = [
    [b"data: x", b""],
    [b"event: abcdefgh", b"data: x", b""],
    [b"id: 12345678", b"data: x", b""],
    [b"id: 12345678", b""],
    [b"event: abcdefgh", b""],
    [b"retry: 12345678", b"data: x", b"data: y", b""],
    [b": comment", b"", b"unknown: field", b""],
]


def large_blocks(size: int) -> list[list[bytes]]:
    """Blocks of exactly that size, a multiple of ten."""
    ten = b"data: 123456789"  # with the LF that joins it
    return [
        [b"data: " + b"x" * size, b""],
        [b"event: " + b"e" * (size // 2), b"data: " + b"x" * (size // 2), b""],
        [b"id: " + b"1" * (size - 10), b"data: 0123456789", b""],
        [b"data: 0123456789", *[ten] * (size // 10 - 1), b""],
        [b"data", b"data: " + b"x" * (size - 10), b"data: 12345678", b""],
    ]


@pytest.mark.no_cover
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=repr)
@pytest.mark.parametrize("small", SMALL_BLOCKS, ids=repr)
def test_small_events_before_leave_the_whole_limit_to_a_large_one(
    small: list[bytes],
    line_end: bytes,
) -> None:
    # The reads are much smaller than the limit, so that no single one of them can break it.
    size = 400
    for large in large_blocks(size):
        lines = [line + line_end for line in [*small * 8, *large, *small]]
        head = b"".join(lines[: len(small) * 8])
        rest = lines[len(small) * 8 :]
        body = b"".join(lines)
        for reads in (lines, [head, *rest], [head, b"".join(rest)], [body], chunks(body, 30)):
            check_limit(body, reads, size)
            check_limit(body, reads, size - 1)
        assert first_overflow(body, size) is None
        assert first_overflow(body, size - 1) is not None


def test_events_before_an_oversized_one_come_first_and_the_error_with_the_next_call() -> None:
    body = b"data:a\n\ndata:b\n\ndata:oversized\n\ndata:c\n\n"
    next_calls: list[Callable[[Tokenizer], object]] = [
        lambda tokenizer: tokenizer.feed(b""),
        lambda tokenizer: tokenizer.feed(b"data:d\n\n"),
        lambda tokenizer: tokenizer.close(),
        lambda tokenizer: tokenizer.close(flush=True),
    ]
    for next_call in next_calls:
        tokenizer = Tokenizer(max_event_size=3)
        assert rows(tokenizer.feed(body)) == [ev(b"a"), ev(b"b")]
        with pytest.raises(EventTooLargeError) as caught:
            next_call(tokenizer)
        assert caught.value.position == 24
        with pytest.raises(RuntimeError):
            tokenizer.feed(b"")
        assert tokenizer.close() == []


def test_an_oversized_first_event_raises_at_once() -> None:
    tokenizer = Tokenizer(max_event_size=3)
    with pytest.raises(EventTooLargeError) as caught:
        tokenizer.feed(b"data:abcd\n\ndata:b\n\n")
    assert caught.value.position == 8
    with pytest.raises(RuntimeError):
        tokenizer.feed(b"data:b\n\n")


def test_an_oversized_event_raises_without_waiting_for_its_end() -> None:
    tokenizer = Tokenizer(max_event_size=3)
    assert tokenizer.feed(b"data:abc") == []
    with pytest.raises(EventTooLargeError):
        tokenizer.feed(b"d")


def test_the_error_says_what_how_much_and_where() -> None:
    tokenizer = Tokenizer(max_event_size=3)
    with pytest.raises(SSEWireError, match=r"^event larger than 3 bytes \(at byte 8\)$") as caught:
        tokenizer.feed(b"data:abcd")
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, EventTooLargeError)
    assert (error.limit, error.seen, error.position) == (3, 4, 8)


def test_the_limit_is_16_mib_unless_told() -> None:
    value = b"x" * (16 * MIB)
    assert len(Tokenizer().feed(b"data: " + value + b"\n\n")[0].data) == 16 * MIB
    with pytest.raises(EventTooLargeError) as caught:
        Tokenizer().feed(b"data: " + value + b"x")
    assert (caught.value.limit, caught.value.position) == (16 * MIB, 16 * MIB + 6)


def test_a_limit_below_nothing_is_refused() -> None:
    for make in (Tokenizer, ChatParser):
        with pytest.raises(ValueError, match=r"^max_event_size is a number of bytes or None, not -1$"):
            make(max_event_size=-1)
    assert Tokenizer(max_event_size=0).feed(b"data:\n\n") == [ServerSentEvent(b"")]


def test_without_a_limit_an_event_may_be_larger() -> None:
    tokenizer = Tokenizer(max_event_size=None)
    for read in (b"data:", b"x" * (9 * MIB), b"x" * (9 * MIB), b"\n"):
        assert tokenizer.feed(read) == []
    assert len(tokenizer.feed(b"\n")[0].data) == 18 * MIB


def test_comments_and_unknown_fields_may_outgrow_the_limit() -> None:
    body = b"data:abc\n:" + b"c" * 1000 + b"\n" + b"u" * 1000 + b":" + b"v" * 1000 + b"\n\n"
    for reads in ([body], chunks(body, 7)):
        tokenizer = Tokenizer(max_event_size=3)
        assert rows(event for read in reads for event in tokenizer.feed(read)) == [ev(b"abc")]


def short_cuttings(body: bytes) -> Iterator[list[bytes]]:
    yield [body]
    yield [body[at : at + 1] for at in range(len(body))]
    for at in range(1, len(body)):
        yield cut(body, [at])
        yield [b"", body[:at], b"", body[at:], b""]


# -- cost ------------------------------------------------------------------------------------------


def chunks(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


@contextmanager
def peak_below(limit: int) -> Iterator[None]:
    """Require that what is allocated inside never comes to more than `limit` bytes at a time."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < limit


def seconds(work: Callable[[int], object], size: int) -> float:
    """Time some work by the processor's clock, which other processes disturb less."""
    gc.collect()
    start = time.process_time()
    work(size)
    return time.process_time() - start


def check_linear(work: Callable[[int], object], size: int, *, times: int = 8) -> None:
    """Hold the cost of `times` as much work to that multiple, with a factor of three for noise."""
    short = min(seconds(work, size) for _ in range(2))
    # A slow moment of the machine may be over when the work is tried again; a square will not.
    assert any(seconds(work, size * times) < 3 * times * short + 0.002 for _ in range(3))


LINE_HEADS = [b"data:", b"event:", b"id:", b"retry:", b":", b"x:", b"", b"data"]


@pytest.mark.no_cover
@pytest.mark.parametrize("head", LINE_HEADS, ids=repr)
def test_a_long_line_costs_the_same_per_byte_as_a_short_one(head: bytes) -> None:
    def work(length: int) -> None:
        told = Told()
        feed = listen(told).feed
        feed(head)
        for _ in range(length):
            feed(b"1")
        feed(b"\n\n")

    check_linear(work, 10_000)


@pytest.mark.no_cover
def test_a_line_of_8_mib_costs_the_same_per_byte_as_one_of_1_mib() -> None:
    def work(length: int) -> None:
        tokenizer = Tokenizer()
        tokenizer.feed(b"data:")
        read = b"x" * 1024
        for _ in range(length // 1024):
            tokenizer.feed(read)
        assert len(tokenizer.feed(b"\n\n")[0].data) == length

    check_linear(work, MIB)


@pytest.mark.no_cover
# Tracing allocations makes a call several times slower, so reads of one byte build a smaller line.
@pytest.mark.parametrize(
    ("length", "size"),
    [(64 * KIB, 1), (2 * MIB, 64), (8 * MIB, 1460), (8 * MIB, 64 * KIB)],
)
def test_an_unfinished_line_takes_less_than_three_times_its_memory(length: int, size: int) -> None:
    read = b"x" * size
    tokenizer = Tokenizer()
    with peak_below(3 * length):
        assert tokenizer.feed(b"data:") == []
        for _ in range(length // size):
            tokenizer.feed(read)
        tokenizer.feed(b"\n")
        events = tokenizer.feed(b"\n")
    assert len(events[0].data) == length // size * size


@pytest.mark.no_cover
@pytest.mark.parametrize("size", [1, 1460, 64 * KIB])
def test_an_event_of_80_000_data_lines_costs_the_same_per_line_as_a_short_one(size: int) -> None:
    def work(lines: int) -> None:
        tokenizer = Tokenizer()
        body = b"data:x\n" * lines + b"\n"
        events = [event for read in chunks(body, size) for event in tokenizer.feed(read)]
        assert len(events) == 1
        assert events[0].data == b"\n".join([b"x"] * lines)

    if size == 1:
        work(80_000)
    else:
        check_linear(work, 10_000)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "block",
    [b"data:x\n\n", b"data:x\r\n\r\n", b"data:x\r\r", b":c\n", b"x:y\n", b"\n", b"\r", b"id:1\n\n"],
    ids=repr,
)
def test_a_read_of_many_blocks_costs_the_same_per_block_as_one_of_few(block: bytes) -> None:
    check_linear(lambda count: Tokenizer().feed(block * count), 4_000)


@pytest.mark.no_cover
@pytest.mark.parametrize("end", [b"\r", b"\n"], ids=["CR", "LF"])
def test_a_line_end_that_never_comes_is_not_looked_for_again(end: bytes) -> None:
    # One kind of line end in a read must not make every line search the whole read for the other.
    check_linear(lambda count: Tokenizer().feed((b"data:" + b"x" * 50 + end) * count), 5_000)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "head",
    [b":", b"x:", b"x: ", b"", b"data", b"dat", b"id\0"],
    ids=["comment", "unknown", "space", "name", "data and more", "dat and more", "id and NUL"],
)
@pytest.mark.parametrize("told", [Told(), None], ids=["told", "not told"])
def test_64_mib_of_comment_or_ignored_line_are_not_kept(head: bytes, told: Told | None) -> None:
    tokenizer = Tokenizer() if told is None else listen(told)
    read = b"c" * (64 * KIB)
    with peak_below(MIB):
        assert tokenizer.feed(head) == []
        for _ in range(1024):
            assert tokenizer.feed(read) == []
        assert rows(tokenizer.feed(b"\ndata:a\n\n")) == [ev(b"a")]
    assert tokenizer.position == 64 * MIB + len(head) + 9


def test_nothing_is_kept_of_events_that_were_handed_out() -> None:
    tokenizer = Tokenizer()
    body = b"id:1\nevent:e\ndata:" + b"x" * 50_000 + b"\n\n"
    with peak_below(MIB):
        for _ in range(200):
            assert len(tokenizer.feed(body)) == 1


def test_an_oversized_event_is_let_go_with_its_error() -> None:
    tokenizer = Tokenizer(max_event_size=4 * MIB)
    part = b"x" * (4 * MIB)
    gc.collect()
    tracemalloc.start()
    try:
        tokenizer.feed(b"data:")
        tokenizer.feed(part)
        with pytest.raises(EventTooLargeError):
            tokenizer.feed(b"x")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MIB
