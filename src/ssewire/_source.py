"""What a caller has goes in (a response, an iterable, bytes); reads of bytes come out, and a way to close it.

A source is recognised by its shape, never by its type, so that no client library is imported.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Final

_BYTES: Final = (bytes, bytearray, memoryview)


class _Head:
    """What a source tells beside its bytes."""

    def __init__(self, origin: Any) -> None:
        status = getattr(origin, "status_code", None)  # httpx, httpx2, requests
        if status is None:
            status = getattr(origin, "status", None)  # aiohttp
        headers = getattr(origin, "headers", None)
        self.status: int | None = status if isinstance(status, int) else None
        self.headers: Mapping[str, str] | None = headers if isinstance(headers, Mapping) else None


class Source(_Head):
    """A source that is read without `await`."""

    def __init__(self, origin: Any, reads: Iterator[Any]) -> None:
        super().__init__(origin)
        self._reads = reads
        self._closers = _closers(origin, reads, "close")

    @property
    def holds(self) -> bool:
        """Whether there is something to close."""
        return bool(self._closers)

    def read(self) -> Any:
        """The next bytes, or None at the end. What the source raises passes through."""
        return next(self._reads, None)

    def close(self) -> None:
        """Close what was given, once."""
        while self._closers:
            self._closers.pop()()


class AsyncSource(_Head):
    """A source that is read with `await`."""

    def __init__(self, origin: Any, reads: AsyncIterator[Any]) -> None:
        super().__init__(origin)
        self._reads = reads
        self._closers = _closers(origin, reads, "aclose", "close")  # aiohttp's is `close`, and no coroutine

    @property
    def holds(self) -> bool:
        """Whether there is something to close."""
        return bool(self._closers)

    async def read(self) -> Any:
        """The next bytes, or None at the end. What the source raises passes through."""
        return await anext(self._reads, None)

    async def aclose(self) -> None:
        """Close what was given, once."""
        while self._closers:
            closing = self._closers.pop()()
            if hasattr(closing, "__await__"):
                await closing


def _closers(origin: Any, reads: Any, *names: str) -> list[Callable[[], Any]]:
    """How to close a response, and before it the iterator over it; what is in memory needs no closing."""
    things = [] if origin is None else [origin] if origin is reads else [origin, reads]
    found = (next((getattr(each, name) for name in names if hasattr(each, name)), None) for each in things)
    return [close for close in found if callable(close)]


def open_source(origin: Any, other: str) -> Source:
    """Recognise a source that is read without `await`.

    Args:
        origin: What the caller has.
        other: The class that reads what has to be awaited.

    Raises:
        TypeError: It is none, or has to be awaited.
    """
    if isinstance(origin, _BYTES):
        return Source(None, iter((bytes(origin),)))
    read = _body_already_read(origin)
    if read is not None:
        return Source(origin, iter((read,)))
    if _is_async(origin):
        raise TypeError(f"{_name(origin)} has to be awaited: use {other}")
    if callable(getattr(origin, "iter_bytes", None)):
        return Source(origin, iter(origin.iter_bytes()))
    if callable(getattr(origin, "iter_content", None)):
        return Source(origin, iter(origin.iter_content(None)))
    if isinstance(origin, Iterable) and not isinstance(origin, (str, Mapping)):
        return Source(origin, iter(origin))
    raise TypeError(f"no source of bytes: {_name(origin)}; give a response, an iterable of bytes, or bytes")


def open_async_source(origin: Any, other: str) -> AsyncSource:
    """Recognise a source that is read with `await`; what is in memory already will do as well.

    Args:
        origin: What the caller has.
        other: The class that reads what is not awaited.

    Raises:
        TypeError: It is none, or cannot be awaited.
    """
    if isinstance(origin, _BYTES):
        return AsyncSource(None, _each((bytes(origin),)))
    read = _body_already_read(origin)
    if read is not None:
        return AsyncSource(origin, _each((read,)))
    if isinstance(origin, (list, tuple)):
        return AsyncSource(None, _each(origin))
    if not _is_async(origin):
        if _is_sync(origin):
            raise TypeError(f"{_name(origin)} cannot be awaited: use {other}")
        raise TypeError(
            f"no source of bytes: {_name(origin)}; give a response, an async iterable of bytes, or bytes"
        )
    if callable(getattr(origin, "aiter_bytes", None)):
        return AsyncSource(origin, aiter(origin.aiter_bytes()))
    if callable(getattr(getattr(origin, "content", None), "iter_any", None)):
        return AsyncSource(origin, aiter(origin.content.iter_any()))
    return AsyncSource(origin, aiter(origin))


def _is_async(origin: Any) -> bool:
    """Whether it has to be awaited."""
    if callable(getattr(origin, "aiter_bytes", None)):
        # httpx and httpx2 have one class for both; what tells them apart is the stream inside.
        stream = getattr(origin, "stream", None)
        return not callable(getattr(origin, "iter_bytes", None)) or not isinstance(stream, Iterable)
    if isinstance(origin, AsyncIterable):
        return True
    return _is_aiohttp(origin)


def _is_aiohttp(origin: Any) -> bool:
    return hasattr(origin, "release") and callable(
        getattr(getattr(origin, "content", None), "iter_any", None)
    )


def _is_sync(origin: Any) -> bool:
    return (
        callable(getattr(origin, "iter_bytes", None))
        or callable(getattr(origin, "iter_content", None))
        or (isinstance(origin, Iterable) and not isinstance(origin, (str, Mapping)))
    )


def _body_already_read(origin: Any) -> bytes | None:
    """The body of an httpx response that was read before it came here."""
    if getattr(origin, "is_stream_consumed", False) and callable(getattr(origin, "aiter_bytes", None)):
        try:
            body = origin.content
        except Exception:  # it was streamed, not kept: reading on tells so in its own words
            return None
        return body if isinstance(body, bytes) else None
    return None


async def _each(reads: Iterable[Any]) -> AsyncIterator[Any]:
    for read in reads:
        yield read


def _name(origin: Any) -> str:
    return f"{type(origin).__module__}.{type(origin).__qualname__}"
