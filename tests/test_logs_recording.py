"""Recording: what passes is not changed, what is written is what passed, and no failure hurts the reader."""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from capture_cases import BODY, DONE, READS, plain
from ssewire import AsyncChatStream, CaptureError, ChatStream, Verdict
from ssewire.logs import AsyncRecording, Capture, End, Head, Recording, read_captures, record
from ssewire.logs.storage import Appender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

PARTS = [data for _, data in READS]


class Clock:
    """One second later each time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def written(path: Path) -> Capture:
    captures = [each.load() for each in read_captures(path)]
    assert len(captures) == 1
    return captures[0]


async def each_of(parts: list[Any]) -> AsyncIterator[Any]:
    for part in parts:
        if isinstance(part, BaseException):
            raise part
        yield part


def every_of(parts: list[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, BaseException):
            raise part
        yield part


def drain(source: Any, path: Path, **options: Any) -> list[Any]:
    """Record a source and read it to its end, whichever kind it is."""
    recording = record(source, path, **options)
    if isinstance(recording, Recording):
        return list(recording)

    async def read() -> list[Any]:
        return [part async for part in recording]

    return asyncio.run(read())


KINDS: list[Callable[[list[Any]], Any]] = [list, every_of, each_of]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=["list", "iterator", "async iterator"])
lazy_kind = pytest.mark.parametrize("kind", KINDS[1:], ids=["iterator", "async iterator"])


@every_kind
def test_what_passes_is_written_with_its_times(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "log.jsonl"
    assert drain(kind(PARTS), path, clock=Clock(), head=Head(origin="mine")) == PARTS
    assert plain(written(path)) == (
        Head(origin="mine"),
        [(1.0, PARTS[0]), (2.0, PARTS[1]), (3.0, PARTS[2])],
        End("eof", 4.0),
    )


def test_the_kind_of_source_decides_the_kind_of_recording(tmp_path: Path) -> None:
    assert type(record(every_of([]), tmp_path)) is Recording
    assert type(record(each_of([]), tmp_path)) is AsyncRecording
    recording = record(BODY, tmp_path / "log.jsonl")
    assert isinstance(recording, Recording)
    assert repr(recording).endswith(f"to {tmp_path / 'log.jsonl'}>")


@pytest.mark.parametrize(
    "source", [BODY, PARTS, httpx.Response(200, content=BODY)], ids=["bytes", "list", "read"]
)
def test_what_is_in_memory_can_be_read_in_either_way(tmp_path: Path, source: Any) -> None:
    with ChatStream(record(source, tmp_path / "sync.jsonl")) as stream:
        stream.result()

    async def read() -> None:
        async with AsyncChatStream(record(source, tmp_path / "async.jsonl")) as stream:
            await stream.result()

    asyncio.run(read())
    assert written(tmp_path / "sync.jsonl").body == written(tmp_path / "async.jsonl").body == BODY


@pytest.mark.parametrize("source", ["text", 7, None])
def test_what_is_no_source_is_refused_and_nothing_is_made(tmp_path: Path, source: Any) -> None:
    with pytest.raises(TypeError, match="no source of bytes"):
        record(source, tmp_path / "log.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_stream_of_the_wrong_kind_names_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="has to be awaited: use AsyncChatStream"):
        ChatStream(record(each_of(PARTS), tmp_path / "log.jsonl"))
    with pytest.raises(TypeError, match="cannot be awaited: use ChatStream"):
        AsyncChatStream(record(every_of(PARTS), tmp_path))


def test_a_stream_over_a_recording_knows_the_response(tmp_path: Path) -> None:
    response = httpx.Response(
        503, headers={"x-a": "b"}, content=b"<html>", request=httpx.Request("GET", "http://h/")
    )
    with (
        ChatStream(record(response, tmp_path / "log.jsonl")) as stream,
        pytest.raises(Exception, match="503"),
    ):
        stream.result()
    head = written(tmp_path / "log.jsonl").head
    assert head.request is not None
    assert head.request.url == "http://h/"
    assert head.began is not None


# -- ends ------------------------------------------------------------------------------------------------


@lazy_kind
def test_a_transport_that_breaks_is_passed_on_and_written(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "log.jsonl"
    with pytest.raises(httpx.ReadError, match="gone"):
        drain(kind([DONE, httpx.ReadError("gone")]), path)
    capture = written(path)
    assert capture.body == DONE
    assert (capture.end.how, capture.end.error) == ("error", "ReadError: gone")


@lazy_kind
@pytest.mark.parametrize("stop", [KeyboardInterrupt, asyncio.CancelledError])
def test_a_reader_who_is_interrupted_has_closed(tmp_path: Path, kind: Any, stop: type[BaseException]) -> None:
    path = tmp_path / "log.jsonl"
    with pytest.raises(stop):
        drain(kind([DONE, stop()]), path)
    assert written(path).end.how == "closed"


def test_a_reader_who_leaves_has_closed(tmp_path: Path) -> None:
    closed: list[str] = []

    class Closable:
        def __iter__(self) -> Iterator[bytes]:
            return iter(PARTS)

        def close(self) -> None:
            closed.append("closed")

    path = tmp_path / "log.jsonl"
    with record(Closable(), path) as recording:
        next(recording)
    recording.close()
    assert closed == ["closed"]
    capture = written(path)
    assert [data for _, data in capture.reads] == PARTS[:1]
    assert capture.end.how == "closed"


def test_an_async_reader_who_leaves_has_closed(tmp_path: Path) -> None:
    async def read(path: Path, source: Any) -> None:
        async with record(source, path) as recording:
            await anext(recording)
        await recording.aclose()

    asyncio.run(read(tmp_path / "log.jsonl", each_of(PARTS)))
    assert written(tmp_path / "log.jsonl").end.how == "closed"


def test_a_recording_that_is_dropped_has_closed(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    recording = record(every_of(PARTS), path)
    next(recording)
    del recording
    assert written(path).end.how == "closed"


def test_a_stream_that_ends_at_its_mark_closes_the_recording_there(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with ChatStream(record(every_of(PARTS), path)) as stream:
        stream.result()
    assert written(path).end.how == "closed"
    with written(path).stream() as again:
        again.result()
    assert again.verdict is Verdict.COMPLETE


def test_what_is_no_bytes_is_refused_by_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert list(record(["text", bytearray(b"x"), memoryview(b"y")], path)) == ["text", b"x", b"y"]
    assert written(path).body == b"xy"


# -- failures --------------------------------------------------------------------------------------------


class Disk:
    """Makes writing fail while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        flush = Appender.flush

        def maybe(appender: Appender) -> None:
            if self.full and appender._pending:
                raise OSError(errno.ENOSPC, "No space left on device")
            flush(appender)

        monkeypatch.setattr(Appender, "flush", maybe)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_full_disk_does_not_hurt_the_reader(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.jsonl"
    recording = record(every_of([b"one", b"two", b"three", b"four", b"five"]), path)
    assert next(recording) == b"one"
    disk.full = True
    with caplog.at_level(logging.WARNING, "ssewire.logs"):
        assert [next(recording), next(recording), next(recording)] == [b"two", b"three", b"four"]
    assert len(caplog.messages) == 1
    assert "No space left on device" in caplog.messages[0]
    assert (recording.lost_reads, recording.lost_bytes) == (2, 9)
    disk.full = False
    assert list(recording) == [b"five"]
    capture = written(path)
    assert [data for _, data in capture.reads] == [b"one", b"two"]  # the file took it later
    problem = "OSError: [Errno 28] No space left on device"
    assert recording.problem == problem
    assert capture.end.how == "eof"
    assert (capture.end.lost_reads, capture.end.lost_bytes, capture.end.problem) == (3, 13, problem)
    assert recording.lost_bytes == 13


def test_a_disk_that_stays_full_leaves_a_cut_capture(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "log.jsonl"
    recording = record(every_of([b"one", b"two", b"three"]), path)
    next(recording)
    disk.full = True
    assert list(recording) == [b"two", b"three"]
    assert (recording.lost_reads, recording.lost_bytes) == (2, 8)
    assert written(path).end.how == "cut"
    disk.full = False


def test_a_disk_that_is_full_for_a_moment_loses_nothing(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "log.jsonl.gz"
    recording = record(every_of([b"one", b"two", b"three"]), path)
    next(recording)
    disk.full = True
    next(recording)
    disk.full = False
    assert list(recording) == [b"three"]
    assert written(path).body == b"onetwothree"
    assert written(path).end.how == "eof"
    assert recording.lost_reads == 0
    assert "No space" in recording.problem


def test_a_disk_that_is_full_from_the_beginning(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "log.jsonl"
    disk.full = True
    recording = record(every_of([b"one", b"two"]), path)
    assert list(recording) == [b"one", b"two"]
    assert (recording.lost_reads, recording.lost_bytes) == (2, 6)
    disk.full = False


def test_a_device_that_is_full(tmp_path: Path) -> None:
    link = tmp_path / "log.jsonl"
    link.symlink_to("/dev/full")
    recording = record(every_of(PARTS), link)
    assert list(recording) == PARTS
    assert recording.lost_bytes == len(BODY)
    assert "No space left on device" in recording.problem


def fail_at(line: bytes) -> Callable[[bytes], bytes]:
    def hook(data: bytes) -> bytes:
        if line in data:
            raise ValueError("what is this?")
        return data

    return hook


@pytest.mark.parametrize(
    ("reads", "kept", "lost"),
    [
        ([b"a\n", b"bad\n", b"c\n"], b"a\n", (2, 6)),
        ([b"a\n", b"bad"], b"a\n", (1, 0)),  # the last line; how long it was nobody knows
        ([b"a\n", b"bad\nb", b"c\n"], b"a\n", (2, 7)),
    ],
)
def test_a_hook_that_raises_does_not_hurt_the_reader(
    tmp_path: Path, reads: list[bytes], kept: bytes, lost: tuple[int, int]
) -> None:
    path = tmp_path / "log.jsonl"
    recording = record(every_of(reads), path, redact_body=fail_at(b"bad"))
    assert list(recording) == reads
    capture = written(path)
    assert capture.body == kept
    assert (capture.end.lost_reads, capture.end.lost_bytes) == lost
    assert capture.end.problem == recording.problem == "ValueError: what is this?"


def test_a_hook_that_raises_at_the_request_keeps_it_out_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    request = httpx.Request("POST", "https://h/", content=b"bad")
    response = httpx.Response(200, request=request, content=BODY)
    assert b"".join(record(response, path, redact_body=fail_at(b"bad"))) == BODY
    capture = written(path)
    assert capture.head.request is not None
    assert capture.head.request.body is None
    assert capture.end.lost_bytes == len(BODY)


def test_a_file_that_cannot_be_opened_is_told_before_anything_is_read(tmp_path: Path) -> None:
    source = every_of(PARTS)
    with pytest.raises(FileNotFoundError):
        record(source, tmp_path / "no" / "log.jsonl")
    (tmp_path / "answer").write_bytes(BODY)
    with pytest.raises(CaptureError, match="is there and is no capture file"):
        record(source, tmp_path / "answer")
    assert list(source) == PARTS


def test_recordings_side_by_side_take_a_folder(tmp_path: Path) -> None:
    first, second = record(every_of(PARTS), tmp_path), record(every_of(PARTS), tmp_path)
    assert [next(first), next(second), *first, *second] == [PARTS[0], PARTS[0], *PARTS[1:], *PARTS[1:]]
    assert first.path != second.path
    assert written(first.path).body == written(second.path).body == BODY
    single = record(every_of(PARTS), tmp_path / "log.jsonl")
    with pytest.raises(BlockingIOError):
        record(every_of(PARTS), tmp_path / "log.jsonl")
    single.close()
