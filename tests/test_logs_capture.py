"""Captures: reading once or again, the end, and streams over what was recorded."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import pytest

from capture_cases import BODY, DONE, HEAD, READS, story
from ssewire import CaptureError, ChatStream, SSEWireError, StreamInterruptedError, Verdict
from ssewire.logs import Capture, End, Head, read_captures, write_captures

if TYPE_CHECKING:
    from pathlib import Path


def test_a_capture_of_lists_can_be_read_again() -> None:
    capture = story()
    assert list(capture.reads) == list(capture.reads) == READS
    assert capture.body == BODY
    assert capture.end == End("eof", 1.25)
    assert capture.load() is capture


def test_a_capture_says_what_it_is() -> None:
    assert repr(story()) == "<Capture POST https://api.example.com/v1/chat/completions (recorded)>"
    assert repr(Capture(Head(origin="sse"), [])) == "<Capture (sse)>"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "two.jsonl"
    write_captures([story(), story()], path)
    return path


def test_a_passing_capture_is_read_once(path: Path) -> None:
    capture = next(read_captures(path))
    assert list(capture.reads) == READS
    assert capture.end == End("eof", 1.25)
    with pytest.raises(RuntimeError, match=r"load\(\) keeps"):
        list(capture.reads)
    with pytest.raises(RuntimeError, match="load it before"):
        assert capture.body


def test_a_loop_that_broke_off_goes_on_where_it_was(path: Path) -> None:
    capture = next(read_captures(path))
    for read in capture.reads:
        assert read == READS[0]
        break
    assert list(capture.reads) == READS[1:]


def test_the_end_can_be_asked_for_first(path: Path) -> None:
    captures = read_captures(path)
    first = next(captures)
    assert first.end == End("eof", 1.25)
    assert list(first.reads) == READS
    second = next(captures)
    assert second.end == End("eof", 1.25)
    assert second.body == BODY


def test_the_end_can_be_asked_for_in_the_middle(path: Path) -> None:
    capture = next(read_captures(path))
    reads = iter(capture.reads)
    assert next(reads) == READS[0]
    assert capture.end == End("eof", 1.25)
    assert list(reads) == READS[1:]
    assert capture.end == End("eof", 1.25)


def test_what_was_read_ahead_is_left_out_like_the_rest(path: Path) -> None:
    captures = read_captures(path)
    first = next(captures)
    assert first.end == End("eof", 1.25)
    assert list(next(captures).reads) == READS
    with pytest.raises(RuntimeError, match=r"load\(\) keeps"):
        list(first.reads)


def test_a_stream_is_not_hurt_by_asking_for_the_end(path: Path) -> None:
    capture = next(read_captures(path))
    with capture.stream() as stream:
        assert capture.end.how == "eof"
        assert stream.result().choices[0].message.content == "Café"


def test_there_is_no_stream_over_reads_that_have_passed_by(path: Path) -> None:
    captures = read_captures(path)
    streamed, begun = next(captures), next(read_captures(path))
    streamed.stream().result()
    next(iter(begun.reads))
    for capture in (streamed, begun):
        with pytest.raises(RuntimeError, match=r"have passed by; load\(\) keeps them"):
            capture.stream()
    loaded = next(captures).load()
    assert loaded.stream().result() == loaded.stream().result()


def test_a_loaded_capture_outlives_its_file(path: Path) -> None:
    loaded = [capture.load() for capture in read_captures(path)]
    path.unlink()
    assert [capture.body for capture in loaded] == [BODY, BODY]
    assert [capture.end.how for capture in loaded] == ["eof", "eof"]


def test_the_next_capture_leaves_out_the_rest_of_the_one_before(path: Path) -> None:
    captures = read_captures(path)
    first = next(captures)
    reads = iter(first.reads)
    assert next(reads) == READS[0]
    assert list(next(captures).reads) == READS
    with pytest.raises(RuntimeError, match="moved on"):
        next(reads)
    assert first.end == End("eof", 1.25)
    assert list(captures) == []


def test_what_has_not_been_read_can_be_left_out(path: Path) -> None:
    first, second = read_captures(path), read_captures(path)
    assert next(first).skip() == End("eof", 1.25)
    assert [list(each.reads) for each in first] == [READS]
    capture = next(second)
    assert next(iter(capture.reads)) == READS[0]
    assert capture.skip() == End("eof", 1.25)
    assert capture.size == len(BODY)
    assert story().skip() == End("eof", 1.25)


def test_the_size_is_that_of_what_has_been_read(path: Path, tmp_path: Path) -> None:
    capture = next(read_captures(path))
    assert capture.size == 0
    next(iter(capture.reads))
    assert capture.size == len(READS[0][1])
    assert list(capture.reads) == READS[1:]
    assert capture.size == story().size == len(BODY)
    (tmp_path / "raw.sse").write_bytes(BODY)
    raw = next(read_captures(tmp_path / "raw.sse"))
    raw.skip()
    assert raw.size == len(BODY)


# -- streams ---------------------------------------------------------------------------------------------


def test_a_stream_is_of_the_dialect_that_the_events_tell() -> None:
    with story().stream() as stream:
        assert isinstance(stream, ChatStream)
        assert stream.result().choices[0].message.content == "Café"
    assert stream.verdict is Verdict.COMPLETE


def test_to_tell_the_dialect_loses_no_read(path: Path) -> None:
    for capture in (story(), next(read_captures(path))):
        assert [capture.detect_dialect() for _ in range(2)] == ["chat", "chat"]
        assert list(capture.reads) == READS
    foreign = Capture(HEAD, [(None, b"data: 1\n\n")])
    assert foreign.detect_dialect() is None
    unknown: Any = "claude"
    with pytest.raises(ValueError, match="no dialect 'claude': there are chat, completions, responses"):
        foreign.stream(unknown)
    assert foreign.stream().parser_class.dialect.name == "chat"


def test_a_stream_can_be_of_a_chosen_dialect() -> None:
    with story().stream("responses", malformed="skip") as stream:
        assert stream.parser_class.dialect.name == "responses"


def test_a_stream_has_the_timing_of_the_recording() -> None:
    with story().stream() as stream:
        stream.result()
    timing = stream.timing
    assert (timing.opened, timing.first_byte, timing.first_token) == (0.0, 0.25, 0.5)
    assert timing.time_to_first_token == stream.time_to_first_token == 0.5


def test_times_that_are_not_known_are_no_numbers() -> None:
    capture = Capture(HEAD, [(None, BODY)])
    with capture.stream() as stream:
        stream.result()
    assert math.isnan(stream.timing.first_byte or 0)


def test_the_clock_can_be_another() -> None:
    with story().stream(clock=lambda: 7.0) as stream:
        stream.result()
    assert stream.timing.first_byte == 7.0


def test_the_errors_of_a_stream_know_the_recorded_status() -> None:
    head = Head(response=HEAD.response)
    capture = Capture(head, [(None, b"<html>")])
    with capture.stream() as stream, pytest.raises(Exception, match="status 200"):
        stream.result()


@pytest.mark.parametrize("body", [b"", b"<html>", b'data: {"hello": 1}\n\n'])
def test_a_stream_from_a_file_whose_events_tell_no_dialect_is_read_to_its_end(
    tmp_path: Path, body: bytes
) -> None:
    write_captures([Capture(HEAD, [(0.0, body)], End("eof"))], tmp_path / "log.jsonl")
    capture = next(read_captures(tmp_path / "log.jsonl"))
    with capture.stream() as stream, contextlib.suppress(SSEWireError):
        stream.result()
    assert stream.verdict is (Verdict.TRUNCATED if b"data" in body else Verdict.EMPTY)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (End("error", error="connection reset"), "the recorded transport broke: connection reset"),
        (End("cut", problem="the file ends"), "the capture is cut: the file ends"),
        (End("closed"), "the reader closed the response here"),
        (End("eof", problem="no space", lost_reads=2, lost_bytes=9), "lost 9 bytes from here on: no space"),
    ],
)
def test_a_stream_breaks_off_where_the_recording_does(end: End, told: str) -> None:
    capture = Capture(HEAD, READS[:-1], end)
    with capture.stream() as stream, pytest.raises(StreamInterruptedError, match=told) as caught:
        stream.result()
    assert stream.verdict is Verdict.TRUNCATED
    assert isinstance(caught.value.__cause__, CaptureError)


def test_a_reader_who_closed_behind_the_end_mark_has_seen_it_all() -> None:
    with story(end=End("closed")).stream() as stream:
        stream.result()
    assert stream.verdict is Verdict.COMPLETE


@pytest.mark.parametrize("how", ["eof", "unknown"])
def test_an_end_that_is_not_known_to_be_early_is_clean(how: str) -> None:
    assert READS[-1][1] == DONE
    with Capture(HEAD, READS[:-1], End(how)).stream() as stream:
        stream.result()
    assert stream.verdict is Verdict.NO_DONE
