"""What a caller has goes in (a response, an iterable, bytes); reads of bytes come out, and a way to close it.

A source is recognised by its shape, never by its type, so that no client library is imported.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Final

_BYTES: Final = (bytes, bytearray, memoryview)
_PLAIN: Final = frozenset({*_BYTES, list, tuple})
"""What has nothing beside its bytes, and nothing to be closed."""
READ_BYTES: Final = 64 * 2**10
"""How much is asked for at a time, where there is no limit otherwise."""


class _Head:
    """What a source tells beside its bytes."""

    status: int | None = None
    headers: Mapping[str, str] | None = None

    def __init__(self, origin: Any) -> None:
        if type(origin) in _PLAIN:
            return
        status = getattr(origin, "status_code", None)  # httpx, httpx2, requests
        if status is None:
            status = getattr(origin, "status", None)  # aiohttp
        headers = getattr(origin, "headers", None)
        if isinstance(status, int):
            self.status = status
        if isinstance(headers, Mapping):
            self.headers = headers


class Source(_Head):
    """A source that is read without `await`."""

    def __init__(self, origin: Any, reads: Iterator[Any], *closing: Any) -> None:
        super().__init__(origin)
        self.reads = reads
        """The bytes. What the source raises passes through."""
        self._closers = _closers(closing, "close")

    def read(self) -> Any:
        """The next bytes, or None at the end."""
        return next(self.reads, None)

    @property
    def holds(self) -> bool:
        """Whether there is something to close."""
        return bool(self._closers)

    def close(self) -> None:
        """Close what was given, once, whatever fails on the way."""
        if self._closers:
            try:
                self._closers.pop()()
            finally:
                self.close()


class AsyncSource(_Head):
    """A source that is read with `await`."""

    def __init__(self, origin: Any, reads: AsyncIterator[Any], *closing: Any) -> None:
        super().__init__(origin)
        self.ended = False
        """There is nothing more to read."""
        self._reads = reads
        self._closers = _closers(closing, "aclose", "close")  # aiohttp's is `close`, and no coroutine

    @property
    def holds(self) -> bool:
        """Whether there is something to close."""
        return bool(self._closers)

    async def read(self) -> Any:
        """The next bytes, or None at the end. What the source raises passes through."""
        data = await anext(self._reads, None)
        self.ended = data is None
        return data

    async def aclose(self) -> None:
        """Close what was given, once, whatever fails on the way."""
        if self._closers:
            try:
                closing = self._closers.pop()()
                if hasattr(closing, "__await__"):
                    await closing
            finally:
                await self.aclose()


def _closers(things: tuple[Any, ...], *names: str) -> list[Callable[[], Any]]:
    """How to close each thing that can be closed; the last is closed first."""
    if not things:
        return []
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
    if type(origin) in (list, tuple):
        return Source(origin, iter(origin))
    body = _in_memory(origin)
    if body is not None:
        return Source(origin, iter((body,)))
    reads: Iterator[Any]
    given = origin.iter_bytes() if _is_response(origin, "iter_bytes", Iterable) else None
    if isinstance(given, Iterable):
        reads = iter(given)
    elif callable(getattr(origin, "iter_content", None)):
        reads = _of_requests(origin)
    elif _is_iterable(origin):
        reads = iter(origin)
        return Source(origin, reads, *((origin,) if reads is origin else (origin, reads)))
    elif _is_async(origin):
        raise TypeError(f"{_name(origin)} has to be awaited: use {other}")
    else:
        raise TypeError(
            f"no source of bytes: {_name(origin)}; give a response, an iterable of bytes, or bytes"
        )
    return Source(origin, reads, origin, reads)


def open_async_source(origin: Any, other: str) -> AsyncSource:
    """Recognise a source that is read with `await`; what is in memory already will do as well.

    Args:
        origin: What the caller has.
        other: The class that reads what is not awaited.

    Raises:
        TypeError: It is none, or cannot be awaited.
    """
    if isinstance(origin, (list, tuple)):
        return AsyncSource(origin, _each(origin))
    body = _in_memory(origin)
    if body is not None:
        return AsyncSource(origin, _each((body,)))
    reads: AsyncIterator[Any]
    if _is_response(origin, "aiter_bytes", AsyncIterable):
        reads = aiter(origin.aiter_bytes())
    elif _is_openai_async(origin):
        reads = aiter(origin.iter_bytes())
    elif _is_aiohttp(origin):
        reads = _kept(origin) if origin.content.at_eof() else aiter(origin.content.iter_any())
    elif isinstance(origin, AsyncIterable):
        reads = aiter(origin)
        return AsyncSource(origin, reads, *((origin,) if reads is origin else (origin, reads)))
    elif _is_sync(origin):
        raise TypeError(f"{_name(origin)} cannot be awaited: use {other}")
    else:
        raise TypeError(
            f"no source of bytes: {_name(origin)}; give a response, an async iterable of bytes, or bytes"
        )
    return AsyncSource(origin, reads, origin, reads)


def _in_memory(origin: Any) -> bytes | None:
    """Bytes, or the body of an httpx response that was read before it came here."""
    if isinstance(origin, _BYTES):
        return bytes(origin)
    if getattr(origin, "is_stream_consumed", False) and hasattr(origin, "aiter_bytes"):
        try:
            body = origin.content
        except Exception:  # it was streamed, not kept: reading on tells so in its own words
            return None
        return body if isinstance(body, bytes) else None
    return None


def _is_response(origin: Any, method: str, kind: type) -> bool:
    """Whether it is read by that method. httpx has one class for both ways: its stream tells them apart."""
    if not callable(getattr(origin, method, None)):
        return False
    return not hasattr(origin, "stream") or isinstance(origin.stream, kind)


def _is_iterable(origin: Any) -> bool:
    return isinstance(origin, Iterable) and not isinstance(origin, (str, Mapping))


def _of_requests(response: Any) -> Iterator[Any]:
    """The reads of a response of requests, whose own way would wait for the end of a body without chunks."""
    raw = response.raw
    live = hasattr(raw, "read1") and not getattr(raw, "chunked", True)  # of urllib3, below requests
    if not live or getattr(response, "_content_consumed", True):
        return iter(response.iter_content(None))
    return iter(lambda: raw.read1(READ_BYTES, decode_content=True), b"")


def _is_aiohttp(origin: Any) -> bool:
    # `content` is looked at second: that of a requests response would be read whole.
    return hasattr(origin, "release") and callable(
        getattr(getattr(origin, "content", None), "iter_any", None)
    )


def _is_openai_async(origin: Any) -> bool:
    # Its responses have one name for both ways. What is given has read nothing yet.
    return callable(getattr(origin, "iter_bytes", None)) and isinstance(origin.iter_bytes(), AsyncIterable)


def _is_async(origin: Any) -> bool:
    if hasattr(origin, "aiter_bytes") or isinstance(origin, AsyncIterable):
        return True
    return _is_aiohttp(origin) or _is_openai_async(origin)


def _is_sync(origin: Any) -> bool:
    return hasattr(origin, "iter_bytes") or hasattr(origin, "iter_content") or _is_iterable(origin)


async def _kept(response: Any) -> AsyncIterator[bytes]:
    """The body of an aiohttp response that was read before it came here, if it was kept."""
    yield await response.read()


async def _each(reads: Iterable[Any]) -> AsyncIterator[Any]:
    for read in reads:
        yield read


def _name(origin: Any) -> str:
    return f"{type(origin).__module__}.{type(origin).__qualname__}"
