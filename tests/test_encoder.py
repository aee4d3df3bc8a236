"""The encoder: what it writes comes back from the tokenizer, and it refuses what would not."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import interpret
from ssewire import ServerSentEvent, Tokenizer, encode_comment, encode_event
from ssewire.testing import sendable_events

retries = st.one_of(st.none(), st.integers(0, 10**12), st.integers(10**600, 10**640 - 1))


def with_lf(event: ServerSentEvent) -> ServerSentEvent:
    data = event.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return ServerSentEvent(data, event.event, event.id)


@given(sendable_events(), retries)
@settings(max_examples=300, deadline=None)
def test_a_fresh_tokenizer_gets_back_the_event(event: ServerSentEvent, retry: int | None) -> None:
    told: list[object] = []
    tokenizer = Tokenizer(on_comment=told.append, on_unknown_field=lambda *row: told.append(row))
    assert tokenizer.feed(encode_event(event, retry=retry)) == [with_lf(event)]
    assert tokenizer.retry == retry
    assert tokenizer.last_event_id == event.id
    # Nothing is left over: no line, and no event that a flush would find.
    assert tokenizer.close(flush=True) == []
    assert told == []


@given(sendable_events(), retries)
@settings(max_examples=150, deadline=None)
def test_by_the_standard_it_is_one_event(event: ServerSentEvent, retry: int | None) -> None:
    outcome = interpret(encode_event(event, retry=retry), errors="surrogateescape")
    data = with_lf(event).data.decode("utf-8", "surrogateescape")
    assert outcome.events == [(data, event.event, event.id)]
    assert (outcome.last_event_id, outcome.retry) == (event.id, retry)
    assert (outcome.comments, outcome.unknown_fields) == ([], [])


@given(st.lists(st.one_of(sendable_events(), st.sampled_from(("", "ping", " x"))), max_size=5))
@settings(max_examples=100, deadline=None)
def test_encoded_events_and_comments_follow_one_another(items: list[ServerSentEvent | str]) -> None:
    tokenizer = Tokenizer()
    expected = []
    last_id = ""
    body = b""
    for item in items:
        if isinstance(item, str):
            body += encode_comment(item)
            continue
        body += encode_event(item)
        last_id = item.id or last_id
        expected.append(ServerSentEvent(with_lf(item).data, item.event, last_id))
    assert tokenizer.feed(body) == expected


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", [b""]),
        (b"a", [b"a"]),
        (b" a", [b" a"]),
        (b"a\n", [b"a", b""]),
        (b"\n", [b"", b""]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\rb", [b"a", b"b"]),
        (b"a\r\nb", [b"a", b"b"]),
        (b"a\n\rb", [b"a", b"", b"b"]),
        (b"a\r\r\nb", [b"a", b"", b"b"]),
        (b"\r\n\r\n", [b"", b"", b""]),
        (b"a\x0bb\x1cc\xc2\x85d\xe2\x80\xa8e", [b"a\x0bb\x1cc\xc2\x85d\xe2\x80\xa8e"]),
        (b"\xff\xc0\x80\0", [b"\xff\xc0\x80\0"]),
    ],
)
def test_each_line_of_data_is_one_data_line(data: bytes, lines: list[bytes]) -> None:
    written = encode_event(ServerSentEvent(data))
    assert Tokenizer().feed(written) == [ServerSentEvent(b"\n".join(lines))]
    assert b"\r" not in written
    assert written.count(b"\n") == len(lines) + 1
    assert written.endswith(b"\n\n")


def test_data_cannot_write_fields_of_its_own() -> None:
    for end in (b"\n", b"\r", b"\r\n"):
        event = ServerSentEvent(b"a" + end + b"event: x" + end + end + b"id: 1" + end + b"retry: 5")
        tokenizer = Tokenizer()
        assert tokenizer.feed(encode_event(event)) == [with_lf(event)]
        assert tokenizer.retry is None
        assert tokenizer.last_event_id == ""


def test_an_empty_id_leaves_the_readers_id_alone() -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(encode_event(ServerSentEvent(b"a", id="1")))
    assert tokenizer.feed(encode_event(ServerSentEvent(b"b"))) == [ServerSentEvent(b"b", id="1")]


def test_leading_spaces_survive() -> None:
    event = ServerSentEvent(b" a\n  b", " x", " 1")
    assert Tokenizer().feed(encode_event(event)) == [event]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (ServerSentEvent(b"a", ""), "an empty event type would be read as 'message'"),
        (ServerSentEvent(b"a", "x\n"), r"event with a line end: 'x\n'"),
        (ServerSentEvent(b"a", "\rx"), r"event with a line end: '\rx'"),
        (ServerSentEvent(b"a", "x\r\ndata: injected"), r"event with a line end: 'x\r\ndata: injected'"),
        (ServerSentEvent(b"a", "x\n\ndata: b\n\n"), r"event with a line end: 'x\n\ndata: b\n\n'"),
        (ServerSentEvent(b"a", "message", "1\n"), r"id with a line end: '1\n'"),
        (ServerSentEvent(b"a", "message", "\r1"), r"id with a line end: '\r1'"),
        (ServerSentEvent(b"a", "message", "1\r\ndata: b"), r"id with a line end: '1\r\ndata: b'"),
        (ServerSentEvent(b"a", "message", "\0"), "an id with NUL would be ignored"),
        (ServerSentEvent(b"a", "message", "1\0"), "an id with NUL would be ignored"),
    ],
    ids=repr,
)
def test_what_would_not_survive_is_refused(event: ServerSentEvent, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        encode_event(event)


@pytest.mark.parametrize(
    "event", [ServerSentEvent(b"a", "\ud83d"), ServerSentEvent(b"a", id="\udfff")], ids=repr
)
def test_what_is_no_text_is_refused(event: ServerSentEvent) -> None:
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        encode_event(event)


NO_TIMES = [-1, 10**640, True, False, "5", "", b"5", 1.0, 1.5, [5]]


@pytest.mark.parametrize("retry", NO_TIMES, ids=lambda retry: repr(retry)[:5])
def test_a_reconnection_time_is_an_integer_of_at_least_zero_and_at_most_640_digits(retry: Any) -> None:
    reason = "^retry is milliseconds, an integer of at least 0 and at most 640 digits$"
    with pytest.raises(ValueError, match=reason):
        encode_event(ServerSentEvent(b"a"), retry=retry)


def test_a_reconnection_time_of_zero_is_written() -> None:
    tokenizer = Tokenizer()
    assert tokenizer.feed(encode_event(ServerSentEvent(b"a"), retry=0)) == [ServerSentEvent(b"a")]
    assert tokenizer.retry == 0


NO_BYTES = ["a", "", None, 5, bytearray(b"a"), memoryview(b"a"), [97]]


@pytest.mark.parametrize("data", NO_BYTES, ids=lambda data: type(data).__name__)
def test_data_that_is_no_bytes_is_a_type_error(data: Any) -> None:
    with pytest.raises(TypeError, match=f"^data is bytes, not {type(data).__name__}$"):
        encode_event(ServerSentEvent(data))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_comment_is_one_comment_and_nothing_else(text: str) -> None:
    written = encode_comment(text)
    comments: list[bytes] = []
    unknown: list[tuple[bytes, bytes]] = []
    tokenizer = Tokenizer(
        on_comment=comments.append,
        on_unknown_field=lambda name, value: unknown.append((name, value)),
    )
    assert tokenizer.feed(written + b"data:a\n\n") == [ServerSentEvent(b"a")]
    # A space behind the colon is a matter of taste; a comment has no value to strip it from.
    assert comments in ([text.encode()], [b" " + text.encode()])
    assert unknown == []
    assert written.endswith(b"\n\n")
    assert written.count(b"\n") == 2


NO_COMMENTS = ["a\n", "\r", "a\r\nb", "a\n\ndata: injected\n\n"]


@pytest.mark.parametrize("text", NO_COMMENTS, ids=repr)
def test_a_comment_of_several_lines_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^comment with a line end: {re.escape(repr(text))}$"):
        encode_comment(text)


def test_a_comment_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        encode_comment("\ud83d")
