"""Captures that several test modules share, and strategies of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead

CHUNK = (
    b'data: {"object":"chat.completion.chunk","model":"example-1","choices":[{"index":0,'
    b'"delta":{"content":"Caf\xc3\xa9"},"finish_reason":"stop"}]}\n\n'
)
DONE = b"data: [DONE]\n\n"
URL = "https://api.example.com/v1/chat/completions"
REQUEST = RequestHead("POST", URL, (("accept", "*/*"),), b'{"stream": true}')
RESPONSE = ResponseHead(200, (("content-type", "text/event-stream"),), "HTTP/1.1")
HEAD = Head(REQUEST, RESPONSE, "2026-01-01T12:00:00+00:00")
READS: list[tuple[float | None, bytes]] = [
    (0.25, CHUNK[: CHUNK.index(b"\xa9")]),  # in the middle of a character
    (0.5, CHUNK[CHUNK.index(b"\xa9") :]),
    (1.0, DONE),
]
BODY = CHUNK + DONE


def story(**changes: Any) -> Capture:
    """A whole capture in memory, its head or end changed."""
    return Capture(changes.get("head", HEAD), READS, changes.get("end", End("eof", 1.25)))


def plain(capture: Capture) -> tuple[Head, list[tuple[float | None, bytes]], End]:
    """A capture as a value that can be compared."""
    return capture.head, list(capture.reads), capture.end


# Names that are no credentials, and values that no rule takes for one.
_names = st.sampled_from(("accept", "content-type", "x-request-id", "date", "x-ratelimit-limit-tokens"))
_headers = st.lists(st.tuples(_names, st.text("abc ü\n\"'", max_size=5)), max_size=3).map(tuple)
_bytes = st.binary(max_size=20) | st.text(max_size=8).map(str.encode) | st.sampled_from((b"", CHUNK, b"\n"))
_seconds = st.none() | st.integers(0, 10**10).map(lambda micros: micros / 10**6)
_requests = st.builds(
    RequestHead, st.sampled_from(("GET", "POST")), st.just(URL), _headers, st.none() | _bytes
)
_responses = st.builds(ResponseHead, st.integers(100, 599), _headers, st.none() | st.just("HTTP/2"))
heads = st.builds(
    Head,
    st.none() | _requests,
    st.none() | _responses,
    st.none() | st.just("2026-01-01T12:00:00+00:00"),
    st.sampled_from(("recorded", "har")),
    st.lists(st.sampled_from(("times", "reads")), max_size=2).map(tuple),
)
ends = st.builds(
    End,
    st.sampled_from(("eof", "closed", "error", "unknown")),
    _seconds,
    st.none() | st.text(max_size=5),
    st.none() | st.text(max_size=5),
    st.integers(0, 3),
    st.integers(0, 3),
)
captures = st.builds(Capture, heads, st.lists(st.tuples(_seconds, _bytes), max_size=5), ends)
