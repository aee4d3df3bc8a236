"""Reading captures: what a source is, what is damaged in it, and what is left out."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_cases import BODY, DONE, HEAD, READS, plain, story
from ssewire import CaptureError, ForeignFileError
from ssewire.logs import Capture, End, Head, read_captures, reading, write_captures

if TYPE_CHECKING:
    from pathlib import Path


def all_of(source: Any, **options: Any) -> tuple[list[Capture], list[str]]:
    """The captures of a source, loaded, and what was reported."""
    told: list[str] = []
    return [each.load() for each in read_captures(source, report=told.append, **options)], told


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    path = tmp_path / "whole.jsonl"
    write_captures([story()], path)
    return path.read_bytes()


# -- what a source is ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["log.jsonl", "log.ndjson", "log.json", "log", "log.capture"])
def test_a_capture_file_is_told_by_its_first_line(tmp_path: Path, whole: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(whole)
    captures, told = all_of(path)
    assert [plain(each) for each in captures] == [plain(story())]
    assert told == []
    assert [plain(each) for each in all_of(str(path))[0]] == [plain(story())]


def test_binary_files_and_iterables_are_read(whole: bytes) -> None:
    class Plain:
        def __init__(self) -> None:
            self.read = io.BytesIO(whole).read

    for source in (io.BytesIO(whole), Plain(), [whole], (whole[at : at + 1] for at in range(len(whole)))):
        assert [plain(each) for each in all_of(source)[0]] == [plain(story())]


@pytest.mark.parametrize("source", [b"x", bytearray(b"x"), 7, None])
def test_other_things_are_refused(source: Any) -> None:
    with pytest.raises(TypeError, match="from a path, a binary file or an iterable of bytes, not"):
        all_of(source)


def test_a_form_that_does_not_exist_is_refused() -> None:
    form: Any = "csv"
    with pytest.raises(ValueError, match="form is one of capture, sse, jsonl, har, vcr, not 'csv'"):
        all_of([], form=form)


def test_a_raw_body_is_a_capture_without_times(tmp_path: Path) -> None:
    path = tmp_path / "answer.sse"
    path.write_bytes(BODY)
    ((capture,), told) = all_of(path)
    assert plain(capture) == (Head(origin="sse", unknown=("times", "reads", "end")), [(None, BODY)], End())
    assert told == []


def test_a_raw_body_is_read_block_by_block_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "answer.txt"
    path.write_bytes(DONE * 10_000)
    capture = next(read_captures(path))
    sizes = [len(data) for _, data in capture.reads]
    assert len(sizes) == 3
    assert sum(sizes) == 10_000 * len(DONE)
    assert capture.end == End()


def test_a_raw_body_in_a_cut_gz_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "answer.sse.gz"
    path.write_bytes(gzip.compress(BODY)[:-12])
    ((capture,), _) = all_of(path)
    assert BODY.startswith(capture.body)
    assert capture.end == End("cut", problem="its compressed data ends too early")


@pytest.mark.parametrize("body", [b": hi\n\n", b"\xef\xbb\xbfdata: x\n\n", b"\n\ndata: x\n\n", b"<html>"])
def test_what_has_no_name_and_is_no_json_is_a_raw_body(body: bytes) -> None:
    ((capture,), _) = all_of([body])
    assert capture.body == body
    assert capture.head.origin == "sse"


def test_an_error_in_json_instead_of_a_stream_is_a_raw_body_unless_its_name_says_otherwise(
    tmp_path: Path,
) -> None:
    body = b'\xef\xbb\xbf{"error": {"message": "full"}}'
    ((capture,), _) = all_of([body[:9], body[9:]])
    assert (capture.body, capture.head.origin) == (body, "sse")
    (tmp_path / "log.json").write_bytes(body)
    with pytest.raises(ForeignFileError):
        all_of(tmp_path / "log.json")


def test_an_empty_file_holds_no_captures_or_an_empty_body(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").touch()
    assert all_of(tmp_path / "log.jsonl") == ([], [])
    ((capture,), _) = all_of([])
    assert capture.body == b""


def test_json_that_is_nothing_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_bytes(b'{"name": "x"}')
    with pytest.raises(ForeignFileError, match=r"package\.json is no capture file, HAR or cassette; of"):
        all_of(path)


def test_what_is_called_json_and_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(DONE)
    with pytest.raises(CaptureError, match=r"log\.jsonl is no capture file"):
        all_of(path)


def test_a_log_is_read_only_with_the_key_of_its_bodies(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"body": "data: x\\n\\n"}\n')
    ((capture,), _) = all_of(path, body_key="body")
    assert capture.body == b"data: x\n\n"
    with pytest.raises(ValueError, match="body_key="):
        all_of(path, form="jsonl")


def test_json_files_are_told_apart_by_their_content(tmp_path: Path) -> None:
    request = {"method": "GET", "uri": "https://h/"}
    response = {"status": {"code": 200}, "body": {"string": "data: x\n\n"}}
    path = tmp_path / "recorded.json"
    path.write_text(json.dumps({"interactions": [{"request": request, "response": response}]}, indent=1))
    assert [each.head.origin for each in all_of(path)[0]] == ["vcr"]
    entry = {
        "request": {"method": "GET", "url": "https://h/"},
        "response": {"status": 200, "content": {"text": "data: x\n\n"}},
    }
    path.write_text(json.dumps({"log": {"entries": [entry]}}, indent=1))
    assert [each.head.origin for each in all_of(path)[0]] == ["har"]


def test_a_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        all_of(tmp_path)


# -- what is damaged -------------------------------------------------------------------------------------


def lines(*values: Any) -> list[bytes]:
    return [(value if isinstance(value, str) else json.dumps(value)).encode() + b"\n" for value in values]


def test_a_newer_version_is_refused_where_it_stands(whole: bytes) -> None:
    captures = read_captures([whole, b'\n{"ssewire": 2}\n'])
    assert plain(next(captures).load()) == plain(story())
    with pytest.raises(CaptureError, match=r"line \d+: a capture of version 2, and this ssewire knows 1"):
        next(captures)


def test_damage_ends_a_capture_and_the_next_head_begins_another() -> None:
    captures, told = all_of(
        lines({"ssewire": 1}, [1, "a"], '[2,"b', [3, "c"], {"end": "eof"}, {"ssewire": 1}, {"end": "eof"})
    )
    assert [plain(each)[1:] for each in captures] == [
        ([(1.0, b"a")], End("cut", problem="a line is cut or damaged (the source, line 3)")),
        ([], End("eof")),
    ]
    assert told == ["the source, from line 4 on: 2 lines of no capture left out"]


def test_a_missing_end_is_told() -> None:
    captures, told = all_of(lines({"ssewire": 1}, [1, "a"], {"ssewire": 1}, [1, "b"]))
    assert [each.end.problem for each in captures] == [
        "its end is missing: another capture begins (the source, line 3)",
        "the file ends before its end line (the source, line 4)",
    ]
    assert told == []


def test_what_belongs_to_no_capture_is_told() -> None:
    captures, told = all_of(lines([1, "stray"], "{"), form="capture")
    assert captures == []
    assert told == ["the source, from line 1 on: 2 lines of no capture left out"]
    assert all_of([b'{"ssewire":1,"req']) == (
        [],
        ["the source, from line 1 on: 1 line of no capture left out"],
    )


def test_by_default_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ssewire.logs"):
        assert list(read_captures([b'{"ssewire":1,"req'])) == []
    assert caplog.messages == ["the source, from line 1 on: 1 line of no capture left out"]


def test_objects_of_other_kinds_and_blank_lines_are_passed_over() -> None:
    captures, told = all_of(
        lines(
            *({"note": 0}, {"ssewire": 1}, {"note": 1}, "", " \t", [1, "a"], {"end": "eof"}),
            *({"note": 2}, {"ssewire": 1}, {"end": "eof"}, {"note": 3}),
        )
    )
    assert [plain(each)[1:] for each in captures] == [([(1.0, b"a")], End("eof")), ([], End("eof"))]
    assert told == []


def test_a_byte_order_mark_is_ignored(whole: bytes) -> None:
    assert [plain(each) for each in all_of([b"\xef\xbb\xbf" + whole.lstrip()])[0]] == [plain(story())]


def test_a_byte_order_mark_may_come_in_pieces(whole: bytes) -> None:
    marked = b"\xef\xbb\xbf" + whole
    ((found,), (expected,)) = (
        [plain(each.load()) for each in read_captures(blocks)]
        for blocks in ([marked[:1], marked[1:2], marked[2:]], [whole])
    )
    assert found == expected
    assert list(read_captures([b"\xef", b"\xbb\xbf"])) == []


def test_a_cut_gz_is_told_by_the_capture_or_by_the_file(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(whole)[:-9])
    ((capture,), _) = all_of(path)
    assert capture.head == HEAD
    assert capture.end in (End("eof", 1.25), End("cut", problem="its compressed data ends too early"))
    path.write_bytes(gzip.compress(b"")[:-9])
    assert all_of(path, form="capture") == ([], [f"{path}: its compressed data ends too early"])
    assert all_of(path) == ([], [f"{path}: its compressed data ends too early"])


def test_reads_stand_in_the_order_of_the_file(whole: bytes) -> None:
    ((capture,), _) = all_of([whole])
    assert list(capture.reads) == READS
    assert reading.FORMS == ("capture", "sse", "jsonl", "har", "vcr")


# -- anything --------------------------------------------------------------------------------------------

PIECES = (
    b'{"ssewire":1}\n',
    b'\n{"ssewire":1,"request":{"method":"GET","url":"/"}}\n',
    b'[1,"a"]\n',
    b'[1,"/w==","base64"]\n',
    b'{"end":"eof"}\n',
    b'{"end":',
    b'{"log":{"entries":[',
    b'{"interactions":[{"request":{},"response":{}}]}',
    b'{"body":"x"}\n',
    b"data: x\n\n",
    b"\xef\xbb\xbf",
    b"\0",
    b"]}",
)
anything = st.lists(st.sampled_from(PIECES) | st.binary(max_size=12), max_size=8).map(b"".join)


@pytest.mark.parametrize("form", [None, *reading.FORMS])
@given(content=anything, size=st.integers(1, 40))
def test_whatever_a_file_holds_there_is_one_error_for_it(form: Any, content: bytes, size: int) -> None:
    blocks = [content[at : at + size] for at in range(0, len(content), size)]
    told: list[str] = []
    with contextlib.suppress(CaptureError):
        for capture in read_captures(blocks, form=form, body_key="body", every=True, report=told.append):
            assert capture.body is not None
            assert capture.end.how in ("eof", "cut", "unknown")


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@given(at=st.integers(0, 700), byte=st.integers(0, 255))
def test_a_wrong_byte_in_a_file_never_passes_for_more_than_damage(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, at: int, byte: int
) -> None:
    path = tmp_path_factory.mktemp("wrong") / f"log.jsonl{suffix}"
    write_captures([story(), story()], path)
    content = bytearray(path.read_bytes())
    content[at % len(content)] = byte
    path.write_bytes(content)
    told: list[str] = []
    with contextlib.suppress(CaptureError):
        for capture in read_captures(path, report=told.append):
            size = len(capture.body)
            assert size == len(BODY) or capture.end.how == "cut" or capture.end.problem
