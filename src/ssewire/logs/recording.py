"""A source goes in; the same source comes out, and what passes through it is written down."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, overload

import msgspec

from ssewire._source import AsyncSource, Source, open_async_source, open_source
from ssewire.logs.capture import CLOSED, EOF, ERROR, End
from ssewire.logs.heads import head_from
from ssewire.logs.writing import CaptureWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping
    from os import PathLike
    from pathlib import Path
    from types import TracebackType

    from ssewire.logs.capture import Head
    from ssewire.logs.writing import RedactBody

_log = logging.getLogger("ssewire.logs")


class _Recorder:
    """Writes down what passes; whatever fails in that is remembered, and hurts nobody."""

    def __init__(self, writer: CaptureWriter, head: Head, clock: Callable[[], float], began: float) -> None:
        self.path = writer.path
        self.problem = ""
        self.lost_reads = 0
        self.lost_bytes = 0
        self._writer = writer
        self._clock = clock
        self._began = began
        self._over = False
        self._lost = False  # for good: something is missing in the middle
        self._unwritten = 0  # bytes of the read that the file has not taken yet
        if not self._try(lambda: writer.begin(head)) and self._lost and head.request is not None:
            request = msgspec.structs.replace(head.request, body=None)  # which the hook could not redact
            self._try(lambda: writer.begin(msgspec.structs.replace(head, request=request)))

    def read(self, data: Any) -> None:
        """A read came."""
        if self._over or not isinstance(data, (bytes, bytearray, memoryview)):
            return  # what is no bytes is for whoever reads it to refuse
        seconds = self._clock() - self._began
        data = bytes(data)
        if self._lost or not self._try(self._writer.flush):
            self._lost = True
            self.lost_reads += 1
            self.lost_bytes += len(data)
        else:
            self._unwritten = len(data)
            if self._try(lambda: self._writer.read(seconds, data)):
                self._unwritten = 0
            elif self._lost:
                self._lose()

    def end(self, how: str, error: str | None = None) -> None:
        """The source ended, broke, or was closed."""
        if self._over:
            return
        self._over = True
        seconds = self._clock() - self._began
        written = self._try(self._writer.flush) and self._write_end(how, seconds, error)
        if not written and self._lost and not self.lost_reads:  # the hook could not redact the last line
            self.lost_reads = 1
            written = self._write_end(how, seconds, error)
        if not self._try(self._writer.close) or not written:
            self._lose()

    def _write_end(self, how: str, seconds: float, error: str | None) -> bool:
        problem = self.problem if self._lost else None
        end = End(how, seconds, error, problem, self.lost_reads, self.lost_bytes)
        return self._try(lambda: self._writer.end(end))

    def _lose(self) -> None:
        """The read that the file has not taken is lost."""
        if self._unwritten:
            self.lost_reads += 1
            self.lost_bytes += self._unwritten
            self._unwritten = 0

    def _try(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except Exception as error:
            # A file that is full may have room again. What a hook could not redact is lost.
            self._lost = self._lost or not isinstance(error, OSError)
            if not self.problem:
                self.problem = f"{type(error).__name__}: {error}"
                _log.warning("recording to %s failed: %s", self.path, self.problem)
            return False
        return True


class _Recording:
    """What recordings of both kinds share."""

    def __init__(self, told: Source | AsyncSource, recorder: _Recorder) -> None:
        self._told = told
        self._recorder = recorder

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._recorder.path

    @property
    def problem(self) -> str:
        """What went wrong with the writing; empty for nothing."""
        return self._recorder.problem

    @property
    def lost_reads(self) -> int:
        """How many reads could not be written so far."""
        return self._recorder.lost_reads

    @property
    def lost_bytes(self) -> int:
        """How many bytes they had."""
        return self._recorder.lost_bytes

    @property
    def status(self) -> int | None:
        """The status of the response that is recorded, or None."""
        return self._told.status

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The headers of the response that is recorded, or None."""
        return self._told.headers

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.path}>"

    def __del__(self) -> None:
        self._recorder.end(CLOSED)

    def _broken(self, error: BaseException) -> None:
        """The source raised that."""
        if isinstance(error, Exception):
            self._recorder.end(ERROR, f"{type(error).__name__}: {error}".removesuffix(": "))
        else:  # cancelled, interrupted: it is the reader who stops
            self._recorder.end(CLOSED)


class Recording(_Recording):
    """A source that is being recorded, read without `await`: give it to a stream, or iterate over it."""

    def __init__(self, source: Source, recorder: _Recorder) -> None:
        super().__init__(source, recorder)
        self._source = source

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            data = next(self._source.reads, None)
        except BaseException as error:
            self._broken(error)
            raise
        if data is None:
            self._recorder.end(EOF)
            raise StopIteration
        self._recorder.read(data)
        return data

    def close(self) -> None:
        """Close the source and the recording. Idempotent."""
        self._recorder.end(CLOSED)
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MemoryRecording(Recording):
    """A recording of what is in memory already: it is read with or without `await`."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        for data in self:
            return data
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the source and the recording. Idempotent."""
        self.close()


class AsyncRecording(_Recording):
    """A source that is being recorded, read with `await`: give it to a stream, or iterate over it."""

    def __init__(self, source: AsyncSource, recorder: _Recorder) -> None:
        super().__init__(source, recorder)
        self._source = source

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            data = await self._source.read()
        except BaseException as error:
            self._broken(error)
            raise
        if data is None:
            self._recorder.end(EOF)
            raise StopAsyncIteration
        self._recorder.read(data)
        return data

    async def aclose(self) -> None:
        """Close the source and the recording. Idempotent."""
        self._recorder.end(CLOSED)
        await self._source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


@overload
def record(
    source: Iterable[bytes],
    path: str | PathLike[str],
    *,
    head: Head | None = None,
    clock: Callable[[], float] = time.monotonic,
    redact_body: RedactBody | None = None,
    keep_credentials: bool = False,
) -> Recording: ...
@overload
def record(
    source: AsyncIterable[bytes],
    path: str | PathLike[str],
    *,
    head: Head | None = None,
    clock: Callable[[], float] = time.monotonic,
    redact_body: RedactBody | None = None,
    keep_credentials: bool = False,
) -> AsyncRecording: ...
@overload
def record(
    source: object,
    path: str | PathLike[str],
    *,
    head: Head | None = None,
    clock: Callable[[], float] = time.monotonic,
    redact_body: RedactBody | None = None,
    keep_credentials: bool = False,
) -> Any: ...
def record(
    source: Any,
    path: str | PathLike[str],
    *,
    head: Head | None = None,
    clock: Callable[[], float] = time.monotonic,
    redact_body: RedactBody | None = None,
    keep_credentials: bool = False,
) -> Any:
    """Record a source while it is read.

    What passes, and when, is not changed, and nothing that goes wrong with the writing is raised to the
    reader: `problem`, `lost_reads` and `lost_bytes` of the recording tell, and so do the log `ssewire.logs`
    and, where it can still be written, the end of the capture.

    Args:
        source: Whatever a stream takes: a response of httpx, httpx2, requests or aiohttp, an iterable of
            bytes, or bytes.
        path: A capture file, which is appended to by one recording at a time; or a folder, in which each
            recording makes a file of its own: for recordings that run side by side.
        head: What is known beside the bytes; by default the response tells.
        clock: Gives the time in seconds; called once a read. Time 0 is this call.
        redact_body: As for `CaptureWriter`.
        keep_credentials: As for `CaptureWriter`.

    Returns:
        A `Recording` for what is read without `await`, an `AsyncRecording` for what is read with it.

    Raises:
        TypeError: It is no source.
        OSError, CaptureError, ImportError: The file cannot be opened, as `CaptureWriter` says. The source has
            not been read.
    """
    began = clock()
    opened: Source | AsyncSource
    try:
        opened = open_source(source, "")
    except TypeError as refusal:
        if not _can_be_awaited(source):
            raise refusal from None
        opened = open_async_source(source, "")
    if head is None:
        head = head_from(source, datetime.now(UTC).isoformat())
    writer = CaptureWriter(path, redact_body=redact_body, keep_credentials=keep_credentials)
    recorder = _Recorder(writer, head, clock, began)
    if isinstance(opened, AsyncSource):
        return AsyncRecording(opened, recorder)
    return MemoryRecording(opened, recorder) if _can_be_awaited(source) else Recording(opened, recorder)


def _can_be_awaited(source: Any) -> bool:
    try:
        open_async_source(source, "")
    except TypeError:
        return False
    return True
