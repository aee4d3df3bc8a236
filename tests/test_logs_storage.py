"""Storage: plain and packed files, cut, joined, appended to, padded, locked."""

from __future__ import annotations

import errno
import gzip
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire import CaptureError
from ssewire.logs import storage
from ssewire.logs.storage import (
    GZIP_MARK,
    ZSTD_MARK,
    Appender,
    BrokenFileError,
    bare_name,
    read_blocks,
    zstd,
)

SUFFIXES = ("", ".gz", ".zst")
PAGE = (Path(__file__).parent.parent / "docs" / "capture-format.md").read_text()
LINES = [b'[%d,"%s"]\n' % (number, b"abc" * number) for number in range(60)]

every_suffix = pytest.mark.parametrize("suffix", SUFFIXES)
packed = pytest.mark.parametrize("suffix", SUFFIXES[1:])


def appended(path: Path, *parts: bytes, live: bool = True) -> Path:
    file = Appender(path, live=live)
    for part in parts:
        file.write(part)
    file.close()
    return path


def read(path: Path) -> bytes:
    return b"".join(read_blocks(path))


def read_broken(path: Path) -> tuple[bytes, str]:
    """What can be read, and what is wrong."""
    found = b""
    try:
        for block in read_blocks(path):
            found += block
    except BrokenFileError as error:
        return found, str(error)
    return found, ""


@every_suffix
@pytest.mark.parametrize("live", [True, False])
def test_what_is_appended_can_be_read(tmp_path: Path, suffix: str, live: bool) -> None:
    path = tmp_path / f"log.jsonl{suffix}"
    appended(path, *LINES[:10], live=live)
    appended(path, *LINES[10:], live=live)
    assert read(path) == b"".join(LINES)


def test_other_programs_read_what_is_packed(tmp_path: Path) -> None:
    path = appended(tmp_path / "log.gz", *LINES)
    assert gzip.decompress(path.read_bytes()) == b"".join(LINES)
    path = appended(tmp_path / "log.zst", *LINES)
    assert zstd().decompress(path.read_bytes()) == b"".join(LINES)


def test_what_other_programs_packed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(LINES[0]) + gzip.compress(LINES[1]) + b"\0" * 512)
    assert read(path) == LINES[0] + LINES[1]
    path = tmp_path / "log.ZST"
    path.write_bytes(zstd().compress(LINES[0]) + zstd().compress(LINES[1]))
    assert read(path) == LINES[0] + LINES[1]


def test_the_marks_are_those_of_the_page() -> None:
    told = re.findall(r"`((?:[0-9a-f]{4,} ?)+)` \|$", PAGE, re.MULTILINE)
    assert [bytes.fromhex(each) for each in told] == [GZIP_MARK, ZSTD_MARK]
    assert gzip.decompress(GZIP_MARK) == b""


@every_suffix
def test_each_call_can_be_read_at_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    file = Appender(path)
    for count, line in enumerate(LINES, 1):
        file.write(line)
        assert read_broken(path)[0] == b"".join(LINES[:count])
    file.close()
    file.close()


@packed
def test_a_file_cut_anywhere_is_read_up_to_the_cut(tmp_path: Path, suffix: str) -> None:
    whole = appended(tmp_path / f"whole{suffix}", *LINES).read_bytes()
    path = tmp_path / f"cut{suffix}"
    lengths = []
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found, problem = read_broken(path)
        assert b"".join(LINES).startswith(found)
        # Between the mark and the member there is nothing that could be missing.
        assert problem == "its compressed data ends too early" or size in (
            0,
            len(GZIP_MARK if suffix == ".gz" else ZSTD_MARK),
        )
        lengths.append(len(found))
    assert lengths == sorted(lengths)
    assert lengths[-1] == len(b"".join(LINES))


@packed
@given(data=st.data())
def test_what_is_joined_to_a_cut_file_is_read(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("joined")
    first = appended(folder / f"first{suffix}", *LINES).read_bytes()
    second = appended(folder / f"second{suffix}", b"second\n").read_bytes()
    path = folder / f"both{suffix}"
    size = data.draw(st.integers(0, len(first)))
    path.write_bytes(first[:size] + second)
    found, problem = read_broken(path)
    assert problem == ""
    assert found.endswith(b"second\n")
    assert b"".join(LINES).startswith(found.removesuffix(b"second\n"))


@packed
def test_damage_is_told_and_what_stands_before_it_is_read(tmp_path: Path, suffix: str) -> None:
    path = appended(tmp_path / f"log{suffix}", *LINES)
    whole = bytearray(path.read_bytes())
    middle = len(whole) - 40
    assert middle > 2 * storage.PIECE_BYTES
    whole[middle : middle + 20] = b"\xff" * 20
    path.write_bytes(whole + b"more")
    found, problem = read_broken(path)
    assert found
    assert b"".join(LINES).startswith(found)
    assert problem.startswith("its compressed data is damaged: ")


@packed
def test_what_is_not_packed_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    path.write_bytes(b"data: x\n\n")
    with pytest.raises(CaptureError, match=f"log{suffix} is no (gzip|zstd) file"):
        read(path)


@packed
def test_a_small_file_that_unpacks_to_much_is_read_in_small_blocks(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    content = b"\0" * 2**24
    path.write_bytes(gzip.compress(content) if suffix == ".gz" else zstd().compress(content))
    sizes = [len(block) for block in read_blocks(path)]
    assert sum(sizes) == len(content)
    assert max(sizes) <= storage.BLOCK_BYTES


@given(st.lists(st.binary(max_size=30) | st.just(GZIP_MARK), max_size=4), st.integers(1, 30))
def test_marks_are_found_however_the_file_is_read(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    blocks = [whole[at : at + size] for at in range(0, len(whole), size)]
    pieces: list[bytes] = [b""]
    for data, marked in storage._split_at(blocks, GZIP_MARK):
        if marked:
            pieces.append(b"")
        pieces[-1] += data
    assert pieces == whole.split(GZIP_MARK)


def test_what_zlib_holds_back_at_a_full_block_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    packed = gzip.compress(b"x" * (3 * storage.BLOCK_BYTES + 1))
    for size in range(20, len(packed)):
        path.write_bytes(packed[:size])
        assert read_broken(path)[0] == zlib.decompressobj(31).decompress(packed[:size])
    path.write_bytes(packed)
    assert len(read(path)) == 3 * storage.BLOCK_BYTES + 1


@pytest.mark.parametrize("name", ["a.sse", "A.SSE.gz", "a.sse.ZST"])
def test_a_name_without_its_packing(name: str) -> None:
    assert bare_name(name) == "a.sse"


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing")


def test_two_cannot_append_to_one_file(tmp_path: Path) -> None:
    first = Appender(tmp_path / "log")
    with pytest.raises(BlockingIOError, match="record into a folder"):
        Appender(tmp_path / "log")
    first.close()
    Appender(tmp_path / "log").close()


def test_a_file_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert read(appended(tmp_path / "log", b"x")) == b"x"


def test_a_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert read(appended(tmp_path / "log", b"x")) == b"x"


class Reluctant:
    """A file that takes three bytes at a time, and nothing while the disk is full."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.full = False

    def write(self, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self.file.write(data[:3]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> Any:
        return self.file.__enter__()

    def __exit__(self, *args: object) -> Any:
        return self.file.__exit__(*args)


@every_suffix
def test_what_could_not_be_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"log{suffix}"
    file = Appender(path)
    reluctant = Reluctant(file._file)
    monkeypatch.setattr(file, "_file", reluctant)
    file.write(LINES[1])
    reluctant.full = True
    with pytest.raises(OSError, match="No space"):
        file.write(LINES[2])
    with pytest.raises(OSError, match="No space"):
        file.flush()
    reluctant.full = False
    file.flush()
    file.write(LINES[3])
    file.close()
    assert read(path) == LINES[1] + LINES[2] + LINES[3]


def test_zst_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(storage, "import_module", refuse)
    path = tmp_path / "log.zst"
    with pytest.raises(ImportError, match=re.escape("pip install 'ssewire[zstd]'")):
        read(path)
    with pytest.raises(ImportError):
        Appender(path)
    assert not path.exists()
