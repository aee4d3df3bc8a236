"""The lines of a capture file: as the format's page says, and back."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given

from capture_cases import captures, plain
from ssewire import CaptureError
from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead, read_captures
from ssewire.logs import lines as lines_module
from ssewire.logs.lines import (
    decode_line,
    encode_end,
    encode_head,
    encode_read,
    end_of,
    head_of,
    read_of,
    split_lines,
)

PAGE = (Path(__file__).parent.parent / "docs" / "capture-format.md").read_text()


def test_the_example_on_the_page_is_read_as_it_says() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    capture = next(read_captures([example.encode()]))
    assert capture.head == Head(
        RequestHead(
            "POST",
            "https://api.example.com/v1/chat/completions",
            (("authorization", "REDACTED"),),
            b'{"stream":true}',
        ),
        ResponseHead(200, (("content-type", "text/event-stream"),), "HTTP/1.1"),
        "2026-01-01T12:00:00.000000+00:00",
    )
    assert list(capture.reads) == [
        (0.412, b'data: {"choices":[{"delta":{"content":"caf'),
        (0.413, b"\xc3\xa9"),
        (0.431, b'"}}]}\n\n'),
        (0.502, b"data: [DONE]\n\n"),
    ]
    assert capture.end == End("eof", 0.503)


@pytest.mark.parametrize(
    ("seconds", "data", "line"),
    [
        (0.1234567, b"data: x\n\n", [0.123457, "data: x\n\n"]),
        (None, "\u2028é\0".encode(), [None, "\u2028é\0"]),
        (1, b"\xff", [1, "/w==", "base64"]),
        (2.0, b"\xed\xa0\x80", [2.0, "7aCA", "base64"]),  # half a surrogate pair is no UTF-8
        (0.0, b"", [0.0, ""]),
        (math.inf, b"x", [None, "x"]),
    ],
)
def test_a_read_is_a_list(seconds: float | None, data: bytes, line: list[object]) -> None:
    encoded = encode_read(seconds, data)
    assert encoded.endswith(b"\n")
    assert encoded.count(b"\n") == 1
    assert json.loads(encoded) == line
    assert read_of(json.loads(encoded)) == (line[0], data)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1],
        ["x", "y"],
        [1, 2],
        [1, "x", "base32"],
        [1, "w6k", "base64"],
        [1, "w6k=", "base64", 4],
        [1, "\ud800"],
        [10**400, "x"],
        "text",
        7,
        None,
        {},
    ],
)
def test_what_is_no_read_is_none(value: object) -> None:
    assert read_of(value) is None


@pytest.mark.parametrize("line", [b'{"a":', b"\xff", b"[" * 5000, b"[1,]"])
def test_what_is_no_json_is_none(line: bytes) -> None:
    assert decode_line(line) is None


@given(captures)
def test_heads_reads_and_ends_survive(capture: Capture) -> None:
    head, reads, end = plain(capture)
    size = sum(len(data) for _, data in reads)
    assert head_of(decode_line(encode_head(head)), "here") == head
    assert [read_of(decode_line(encode_read(*read))) for read in reads] == reads
    assert end_of(decode_line(encode_end(end, len(reads), size)), len(reads), size) == end


def test_a_newer_version_is_refused_by_its_number() -> None:
    with pytest.raises(CaptureError, match=r"^here: a capture of version 2, and this ssewire knows 1$"):
        head_of({"ssewire": 2, "request": "of another shape"}, "here")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ssewire": "one"},
        {"ssewire": 1, "request": {"method": "GET"}},
        {"ssewire": 1, "request": {"method": "GET", "url": "/", "body": "x", "body_encoding": "rot13"}},
        {"ssewire": 1, "response": {"status": "200"}},
    ],
)
def test_a_head_of_another_shape_is_refused(wrong: object) -> None:
    with pytest.raises(CaptureError, match="here: the head of a capture is not as it should be"):
        head_of(wrong, "here")


def test_a_head_may_have_more_and_less() -> None:
    assert head_of({"ssewire": 1, "colour": "blue"}, "here") == Head()


@pytest.mark.parametrize(
    ("value", "end"),
    [
        ({"end": "eof"}, End("eof")),
        ({"end": "eof", "reads": 2, "bytes": 5}, End("eof")),
        ({"end": "next year's"}, End("unknown")),
        (
            {"end": "eof", "reads": 3, "bytes": 5},
            End("cut", problem="its end line counts 5 bytes in 3 reads, there are 5 in 2"),
        ),
        (
            {"end": "eof", "reads": 2},
            End("cut", problem="its end line counts None bytes in 2 reads, there are 5 in 2"),
        ),
    ],
)
def test_an_end_is_believed_when_its_counts_fit(value: object, end: End) -> None:
    assert end_of(value, 2, 5) == end


def test_an_end_of_another_shape_is_none() -> None:
    end = end_of({"end": 1}, 0, 0)
    assert end.how == "cut"
    assert "its end line is not as it should be" in (end.problem or "")


@pytest.mark.parametrize(
    ("blocks", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b", b"\n", b"c"], [b"ab", b"c"]),
        ([b"a\n", b"\n", b"b"], [b"a", b"", b"b"]),
        ([b"a\r\n\xe2\x80\xa8\n"], [b"a\r", b"\xe2\x80\xa8"]),
        ([], []),
    ],
)
def test_lines_end_at_lf_alone(blocks: list[bytes], lines: list[bytes]) -> None:
    assert list(split_lines(blocks)) == lines


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE_BYTES", 100)
    with pytest.raises(CaptureError, match="a line of more than 100 bytes"):
        list(split_lines([b"x" * 60] * 2))
