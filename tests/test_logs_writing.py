"""Writing capture files: redaction, folders, what must not be spoilt, what is cut and joined."""

from __future__ import annotations

import json
import tracemalloc
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_cases import BODY, DONE, HEAD, READS, captures, plain, story
from ssewire import CaptureError
from ssewire.logs import (
    Capture,
    CaptureWriter,
    End,
    Head,
    RequestHead,
    ResponseHead,
    read_captures,
    write_captures,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
every_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


def read(path: Path) -> list[tuple[Head, list[tuple[float | None, bytes]], End]]:
    return [plain(capture.load()) for capture in read_captures(path)]


@every_suffix
@given(written=st.lists(captures, max_size=3))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, written: list[Capture]
) -> None:
    path = tmp_path_factory.mktemp("log") / f"log{suffix}"
    assert write_captures(written, path) == len(written)
    assert read(path) == [plain(capture) for capture in written]


def test_a_line_is_json_that_every_tool_reads(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write_captures([story()], path)
    first, *lines = path.read_text().splitlines()
    assert first == ""
    head, *reads, end = map(json.loads, lines)
    assert head["ssewire"] == 1
    assert [read[0] for read in reads] == [0.25, 0.5, 1.0]
    assert reads[2] == [1.0, "data: [DONE]\n\n"]
    assert end == {"end": "eof", "seconds": 1.25, "reads": 3, "bytes": len(BODY)}


@every_suffix
def test_a_file_cut_at_any_byte_is_read_up_to_the_cut_and_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    with CaptureWriter(path) as writer:
        for capture in (story(), story()):
            writer.begin(capture.head)
            for seconds, data in capture.reads:
                writer.read(seconds, data)
            writer.end(capture.end)
    whole = path.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    seen = set()
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        told: list[str] = []
        found = [plain(capture.load()) for capture in read_captures(cut, report=told.append)]
        for head, reads, end in found[:-1]:
            assert (head, reads, end) == (HEAD, READS, End("eof", 1.25))
        if not found:
            continue
        head, reads, end = found[-1]
        assert head == HEAD
        assert reads == READS[: len(reads)]
        assert end.how == "cut" or (reads, end) == (READS, End("eof", 1.25))
        assert end.how == "eof" or end.problem
        seen.add((len(found), len(reads), end.how))
    every = {(number, count, "cut") for number in (1, 2) for count in range(4)}
    assert seen >= every | {(1, 3, "eof")}


@every_suffix
@given(data=st.data())
def test_files_can_be_joined_also_when_the_first_was_cut(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("joined")
    first, second, both = (folder / f"{name}{suffix}" for name in ("first", "second", "both"))
    with CaptureWriter(first) as writer:
        writer.begin(HEAD)
        for each in READS:
            writer.read(*each)
        writer.end(End("eof"))
    write_captures([story()], second)
    start = first.read_bytes()
    both.write_bytes(start[: data.draw(st.integers(0, len(start)))] + second.read_bytes())
    told: list[str] = []
    *before, last = [plain(capture.load()) for capture in read_captures(both, report=told.append)]
    assert last == plain(story())
    assert [head for head, _, _ in before] == [HEAD] * len(before)
    assert all(reads == READS[: len(reads)] for _, reads, _ in before)
    assert all((end.how == "cut" and end.problem) or end == End("eof") for _, _, end in before)


@every_suffix
def test_recording_goes_on_behind_a_crash(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    write_captures([story()], path)
    path.write_bytes(path.read_bytes()[:-20])
    write_captures([story()], path)
    *_, last = read(path)
    assert last == plain(story())


@every_suffix
def test_a_file_that_is_appended_to_itself_is_in_it_twice(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    write_captures([story(), story(end=End("closed", 2.0))], path)
    before = read(path)
    assert write_captures(islice(read_captures(path), 5), path) == 2
    assert read(path) == before * 2


def test_credentials_do_not_reach_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    head = Head(
        RequestHead("POST", "https://h/?key=hush", (("Authorization", "Bearer hush"),)),
        ResponseHead(200, (("set-cookie", "hush"),)),
    )
    write_captures([Capture(head, [])], path)
    assert b"hush" not in path.read_bytes()
    assert path.read_bytes().count(b"REDACTED") == 3


def test_credentials_can_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    head = Head(RequestHead("POST", "https://h/?key=hush", (("Authorization", "Bearer hush"),)))
    write_captures([Capture(head, [])], path, keep_credentials=True)
    assert next(read_captures(path)).head == head


def hush(body: bytes) -> bytes:
    return body.replace(b"secret", b"***")


@pytest.mark.parametrize(
    ("reads", "written"),
    [
        ([b"a secret\n", b"b\n"], [b"a ***\n", b"b\n"]),
        ([b"a sec", b"ret\nb"], [b"a ***\n", b"b"]),
        ([b"a secret\r", b"\nb\r", b"c"], [b"a ***\r\n", b"b\r", b"c"]),
        ([b"a\rsec", b"ret\r", b"\r"], [b"a\r", b"***\r", b"\r"]),
        ([b"", b"\n", b"sec", b"ret"], [b"\n", b"***"]),
        ([], []),
    ],
)
def test_a_hook_redacts_bodies_line_by_line(tmp_path: Path, reads: list[bytes], written: list[bytes]) -> None:
    path = tmp_path / "log.jsonl"
    head = Head(RequestHead("POST", "https://h/", body=b"my secret"))
    capture = Capture(head, [(float(at), data) for at, data in enumerate(reads)], End("eof", 9.0))
    write_captures([capture], path, redact_body=hush)
    found = next(read_captures(path)).load()
    assert found.head.request is not None
    assert found.head.request.body == b"my ***"
    assert b"".join(data for _, data in found.reads) == hush(b"".join(reads))
    assert [data for _, data in found.reads] == written
    assert found.end == End("eof", 9.0)


def test_a_hook_does_without_a_request_body(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    heads = [Head(), Head(RequestHead("GET", "https://h/"))]
    write_captures([Capture(head, []) for head in heads], path, redact_body=hush)
    assert [capture.head for capture in read_captures(path)] == heads


def test_a_hook_gets_a_line_without_end_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_READ_BYTES", 10)
    path = tmp_path / "log.jsonl"
    parts: list[bytes] = []

    def note(line: bytes) -> bytes:
        parts.append(line)
        return line

    write_captures([Capture(Head(), [(0.0, b"12345678")] * 3)], path, redact_body=note)
    assert parts == [b"1234567812345678", b"12345678"]
    assert next(read_captures(path)).body == b"12345678" * 3


def test_a_read_that_is_too_large_becomes_several_of_one_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MAX_READ_BYTES", 10)
    path = tmp_path / "log.jsonl"
    write_captures([Capture(Head(), [(0.5, b"12345678901234567890123")])], path)
    assert list(next(read_captures(path)).reads) == [
        (0.5, b"1234567890"),
        (0.5, b"1234567890"),
        (0.5, b"123"),
    ]


def test_a_folder_gets_a_file_for_each_writer(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path) as first, CaptureWriter(tmp_path) as second:
        for writer in (first, second):
            writer.begin(HEAD)
            writer.read(0.0, DONE)
            writer.end(End("eof"))
    assert sorted(tmp_path.iterdir()) == sorted([first.path, second.path])
    assert first.path.suffix == ".jsonl"
    assert next(read_captures(first.path)).body == DONE


def test_a_name_with_a_slash_behind_it_is_that_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    for count in (1, 2):
        write_captures([story()], f"{folder}/")
        assert len(list(folder.glob("*.jsonl"))) == count
    with pytest.raises(FileNotFoundError):
        CaptureWriter(f"{tmp_path}/no/folder/")


@pytest.mark.parametrize("content", [b"data: x\n\n", b'{"log": {}}', b"\n\nhello"])
def test_nothing_is_appended_to_another_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "answer.log"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=r"answer\.log is there and is no capture file"):
        CaptureWriter(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["answer.sse", "answer.har.gz", "answer.YAML"])
def test_a_name_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CaptureError, match=r"would not be read as a capture file: end its name in \.jsonl"):
        CaptureWriter(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\n", b'\n{"sse'])
def test_what_is_cut_in_its_first_bytes_may_be_a_capture_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    write_captures([story()], path)
    *_, last = [plain(each.load()) for each in read_captures(path, form="capture", report=lambda _: None)]
    assert last == plain(story())


def test_a_packed_file_cut_in_its_first_bytes_may_be_a_capture_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    write_captures([story()], path)
    path.write_bytes(path.read_bytes()[:40])
    write_captures([story()], path)
    assert read(path)[-1] == plain(story())


def test_a_large_capture_is_written_and_read_in_little_memory(tmp_path: Path) -> None:
    size, count = 2**16, 500
    text = b"data: " + b"x" * (size - 8) + b"\n\n"

    def reads() -> Iterator[tuple[float | None, bytes]]:
        for number in range(count):
            yield float(number), text

    class Passing(Capture):
        reads = property(lambda self: reads())

    path = tmp_path / "log.jsonl"
    tracemalloc.start()
    try:
        write_captures([Passing(HEAD, [], End("eof"))], path)
        total = sum(len(data) for capture in read_captures(path) for _, data in capture.reads)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == size * count
    assert peak < 30 * size  # 2 of 31 MiB
