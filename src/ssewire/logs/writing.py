"""Captures go in, whole or while they arrive; a capture file comes out, without credentials."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from ssewire.errors import CaptureError
from ssewire.logs.lines import MAX_READ_BYTES, encode_end, encode_head, encode_read, may_be_capture_file
from ssewire.logs.reading import form_of_name
from ssewire.logs.redaction import redact as redact_credentials
from ssewire.logs.storage import Appender, BrokenFileError, new_file, read_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike
    from types import TracebackType

    from ssewire.logs.capture import Capture, End, Head

    RedactBody = Callable[[bytes], bytes]


class CaptureWriter:
    """Appends captures to a file, one after the other: `begin`, then `read` as often as needed, then `end`.

    What has been written can be read, however the program ends.

    Args:
        path: The file, made where it is not, packed where it ends in `.gz` or `.zst`. A folder, made where
            it is not if a `/` is behind its name: a new file in it, whose name begins with the time.
        redact_body: Called with the request's body and with each line of the response's (its line end
            included; one of more than 16 MiB in parts); returns what is written instead. With it, the reads
            in the file end where lines do.
        keep_credentials: Leave the values of headers and of the query that are credentials as they are.
        live: Whether each call is to be readable at once. Otherwise packed files are smaller.

    Raises:
        OSError: The file cannot be opened; BlockingIOError when something else is writing to it.
        CaptureError: It is there and is no capture file, or its name is that of another format (`.sse`).
        ImportError: It ends in `.zst`, and the extra is not installed.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        redact_body: RedactBody | None = None,
        keep_credentials: bool = False,
        live: bool = True,
    ) -> None:
        self.path = Path(path)
        """The file."""
        if os.fspath(path).endswith(("/", os.sep)):  # which a `Path` forgets
            self.path.mkdir(exist_ok=True)
        if self.path.is_dir():
            self.path = new_file(self.path, datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
        _check(self.path)
        self._file = Appender(self.path, live=live)
        self._redact_body = redact_body
        self._keep_credentials = keep_credentials
        self._reads = 0  # of the capture at hand
        self._size = 0
        self._line = bytearray()  # the line that has not ended, where bodies are redacted

    def begin(self, head: Head) -> None:
        """Begin a capture. Raises OSError."""
        if not self._keep_credentials:
            head = redact_credentials(head)
        if self._redact_body is not None and head.request is not None and head.request.body is not None:
            request = msgspec.structs.replace(head.request, body=self._redact_body(head.request.body))
            head = msgspec.structs.replace(head, request=request)
        self._reads = self._size = 0
        self._line.clear()
        self._file.write(b"\n" + encode_head(head))

    def read(self, seconds: float | None, data: bytes) -> None:
        """Add a read, so many seconds behind the beginning. Raises OSError."""
        if self._redact_body is not None:
            data = self._whole_lines(data, self._redact_body)
            if not data:
                return
        self._write(seconds, data)

    def end(self, end: End) -> None:
        """End the capture. Raises OSError."""
        line, self._line = bytes(self._line), bytearray()
        if self._redact_body is not None and line and not end.lost_reads:
            self._write(end.seconds, self._redact_body(line))
        self._file.write(encode_end(end, self._reads, self._size))

    def flush(self) -> None:
        """Write what could not be written when an earlier call raised. Raises OSError."""
        self._file.flush()

    def close(self) -> None:
        """Close the file. Raises OSError. Idempotent."""
        self._file.close()

    def _write(self, seconds: float | None, data: bytes) -> None:
        for at in range(0, max(len(data), 1), MAX_READ_BYTES):
            part = data[at : at + MAX_READ_BYTES]
            self._reads += 1
            self._size += len(part)
            self._file.write(encode_read(seconds, part))

    def _whole_lines(self, data: bytes, redact: RedactBody) -> bytes:
        """Take the next bytes; returns the lines that they end, redacted, one by one."""
        # A CR at the end of a read may be the first half of a CRLF.
        if 10 not in data and 13 not in data and not self._line.endswith(b"\r"):
            lines, rest = [], self._line
            rest += data
        else:
            *lines, rest = (self._line + data).splitlines(keepends=True)
        if rest.endswith(b"\n") or len(rest) > MAX_READ_BYTES:
            lines.append(rest)
            rest = bytearray()
        self._line = rest
        return b"".join(map(redact, map(bytes, lines)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_captures(
    captures: Iterable[Capture],
    path: str | PathLike[str],
    *,
    redact_body: RedactBody | None = None,
    keep_credentials: bool = False,
) -> int:
    """Append captures to a file, also ones that were imported or come from another file.

    What the file holds already stays: captures that are read from it are in it twice then.

    Args:
        captures: What to write; each is read while it is written.
        path: As for `CaptureWriter`.
        redact_body: As for `CaptureWriter`.
        keep_credentials: As for `CaptureWriter`.

    Returns:
        How many were written.

    Raises:
        OSError, CaptureError, ImportError: As `CaptureWriter`, and as the captures.
    """
    count = 0
    with CaptureWriter(
        path, redact_body=redact_body, keep_credentials=keep_credentials, live=False
    ) as writer:
        for capture in captures:
            writer.begin(capture.head)
            for seconds, data in capture.reads:
                writer.read(seconds, data)
            writer.end(capture.end)
            count += 1
    return count


def _check(path: Path) -> None:
    """See that the name is not another format's, and that what is there already is a capture file."""
    if form_of_name(path) is not None:
        raise CaptureError(f"{path} would not be read as a capture file: end its name in .jsonl")
    if not path.is_file():
        return
    try:
        start = next(read_blocks(path), b"")
    except BrokenFileError:
        return  # cut in its first bytes
    if not may_be_capture_file(start):
        raise CaptureError(f"{path} is there and is no capture file: nothing is appended to it")
