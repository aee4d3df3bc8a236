"""A file goes in, compressed by its suffix or not; its content comes out in blocks, or is appended to.

What is appended to a packed file begins with a mark that means nothing to any other program: an empty gzip
member or a skippable zstd frame. Where a file was cut, by a crash or otherwise, before more was appended or
another file was joined to it, reading goes on at the next mark.
"""

from __future__ import annotations

import os
import stat
import sys
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ssewire.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

BLOCK_BYTES: Final = 64 * 2**10

PIECE_BYTES: Final = 256
"""How much is unpacked at once: what stands in the same piece as damage is lost."""

# RFC 1952: a member with the extra field `SW`, no content, no time, system unknown.
GZIP_MARK: Final = (
    b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x0b\0SW\x07\0ssewire" + b"\x03\0" + b"\0\0\0\0" + b"\0\0\0\0"
)
# RFC 8878, 3.1.2: a skippable frame of seven bytes.
ZSTD_MARK: Final = b"\x50\x2a\x4d\x18\x07\0\0\0ssewire"


class BrokenFileError(Exception):
    """A compressed file ends too early or is damaged; what could be read of it has been."""


class _GzipMember:
    """Takes the bytes of one gzip member."""

    def __init__(self) -> None:
        self._unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def ended(self) -> bool:
        return self._unpack.eof

    @property
    def rest(self) -> bytes:
        """What came behind the end."""
        return self._unpack.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content that the bytes complete, in blocks. Raises when they are damaged."""
        content = None
        # Where a block is full there may be more, though all the data was taken.
        while not self._unpack.eof and (data or content is None or len(content) == BLOCK_BYTES):
            content = self._unpack.decompress(data, BLOCK_BYTES)
            data = self._unpack.unconsumed_tail
            yield content


class _ZstdFrame:
    """Takes the bytes of one zstd frame."""

    def __init__(self) -> None:
        self._unpack = zstd().ZstdDecompressor()

    @property
    def ended(self) -> bool:
        return bool(self._unpack.eof)

    @property
    def rest(self) -> bytes:
        rest: bytes = self._unpack.unused_data
        return rest

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._unpack.decompress(data, BLOCK_BYTES)
        while not self._unpack.eof and not self._unpack.needs_input:
            yield self._unpack.decompress(b"", BLOCK_BYTES)


def zstd() -> Any:
    """The module that knows zstd: the standard library's, or the one of the extra."""
    try:
        return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    except ImportError as error:
        raise ImportError("reading and writing .zst needs an extra: pip install 'ssewire[zstd]'") from error


# -- reading ---------------------------------------------------------------------------------------------


def bare_name(name: str) -> str:
    """A file name without the suffix of its compression, in lower case."""
    return name.lower().removesuffix(".gz").removesuffix(".zst")


def read_blocks(path: Path) -> Iterator[bytes]:
    """The content of a file, as far as it went when it was opened.

    Raises, while iterating:
        OSError: It cannot be read.
        CaptureError: Its suffix names a compression, but it is not compressed in that way.
        BrokenFileError: Its compressed data ends too early or is damaged; behind all that could be read.
    """
    blocks = _raw_blocks(path)
    if path.name.lower().endswith(".gz"):
        return _unpacked(blocks, GZIP_MARK, _GzipMember, (zlib.error,), f"{path} is no gzip file")
    if path.name.lower().endswith(".zst"):
        return _unpacked(blocks, ZSTD_MARK, _ZstdFrame, (zstd().ZstdError,), f"{path} is no zstd file")
    return blocks


def _raw_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        # What is appended meanwhile is left out: who appends may be reading this, and would never end.
        status = os.fstat(file.fileno())
        left = (stat.S_ISREG(status.st_mode) and status.st_size) or sys.maxsize  # /proc has no sizes
        while block := file.read(min(BLOCK_BYTES, left)):
            left -= len(block)
            yield block


def _unpacked(
    blocks: Iterable[bytes],
    mark: bytes,
    new_member: Callable[[], _GzipMember | _ZstdFrame],
    damages: tuple[type[Exception], ...],
    no_such_file: str,
) -> Iterator[bytes]:
    """Unpack member by member; a mark begins a new one, whatever became of the one before."""
    member: _GzipMember | _ZstdFrame | None = None
    damage = ""
    untouched = True
    for data, marked in _split_at(blocks, mark):
        if marked:
            damage, member = "", None
        at = 0
        while at < len(data) and not damage:
            piece = data[at : at + PIECE_BYTES]
            at += len(piece)
            if member is None:
                piece = piece.lstrip(b"\0")  # some programs pad
                if not piece:
                    continue
                member = new_member()
            try:
                for content in member.feed(piece):
                    if content:
                        yield content
            except damages as error:
                if untouched:
                    raise CaptureError(no_such_file) from error
                damage = f"its compressed data is damaged: {error}"
                break
            untouched = False
            if member.ended:
                at -= len(member.rest)
                member = None
    if damage or member is not None:
        raise BrokenFileError(damage or "its compressed data ends too early")


def _split_at(blocks: Iterable[bytes], mark: bytes) -> Iterator[tuple[bytes, bool]]:
    """Pieces of the data without the marks, and whether a mark stands before the piece."""
    rest = b""
    marked = False
    for block in blocks:
        *before, rest = (rest + block).split(mark)
        for piece in before:
            yield piece, marked
            marked = True
        held = _start_of(mark, rest)
        yield rest[: len(rest) - held], marked
        marked = False
        rest = rest[len(rest) - held :]
    yield rest, marked


def _start_of(mark: bytes, data: bytes) -> int:
    """How many of the last bytes may be the beginning of a mark."""
    return next((size for size in range(len(mark) - 1, 0, -1) if data.endswith(mark[:size])), 0)


# -- writing ---------------------------------------------------------------------------------------------


class Appender:
    """Appends to a file; behind each call all that was given can be read, whatever becomes of this process.

    Args:
        path: The file; it is made where it is not.
        live: Whether that holds; otherwise compressed data is held back, and packed better.

    Raises:
        OSError: The file cannot be opened. BlockingIOError: another `Appender` is at it.
        ImportError: It ends in `.zst`, and the extra is not installed.
    """

    def __init__(self, path: Path, *, live: bool = True) -> None:
        self._live = live
        name = path.name.lower()
        self._packer: Any = None
        mark, self._flush_mode = b"", 0
        if name.endswith(".gz"):
            mark, self._flush_mode = GZIP_MARK, zlib.Z_SYNC_FLUSH
            self._packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        elif name.endswith(".zst"):
            self._packer = zstd().ZstdCompressor(options={zstd().CompressionParameter.checksum_flag: 1})
            mark, self._flush_mode = ZSTD_MARK, self._packer.FLUSH_BLOCK
        self._file = path.open("ab", buffering=0)
        self._pending = bytearray()  # packed, and not yet in the file
        try:
            _lock(self._file.fileno(), path)
        except BaseException:
            self._file.close()
            raise
        self._mark: bytes | None = mark

    def write(self, data: bytes) -> None:
        """Append. Raises OSError: what is missing is appended by the next call that succeeds."""
        if self._mark is not None:
            self._pending += self._mark
            self._mark = None
        if self._packer is not None:
            data = self._packer.compress(data)
            if self._live:
                data += self._packer.flush(self._flush_mode)
        self._pending += data
        self.flush()

    def flush(self) -> None:
        """Append what could not be appended before. Raises OSError."""
        while self._pending:  # an unbuffered file may take a part
            del self._pending[: self._file.write(self._pending)]

    def close(self) -> None:
        """End what is compressed, and close the file. Raises OSError. Idempotent."""
        if self._file.closed:
            return
        with self._file:
            if self._packer is not None and self._mark is None:
                self._pending += self._packer.flush()
            self.flush()


def _lock(descriptor: int, path: Path) -> None:
    """See that nobody else appends, for lines of two captures must not mix."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(
            error.errno, "another recording is being written to it (record into a folder instead)", str(path)
        ) from error
    except OSError:  # some file systems know no locks
        pass


def new_file(folder: Path, stamp: str) -> Path:
    """A name for a new capture file in a folder, different from all others."""
    return folder / f"{stamp}-{os.urandom(4).hex()}.jsonl"
