"""The bytes of a response and what is to go wrong go in, a body that arrives like that comes out."""

from __future__ import annotations

import time
from bisect import insort
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from ssewire.testing.cutting import cut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from types import ModuleType

STALL_SECONDS: Final = 3600.0


class Body:
    """A response body that arrives as you say: an iterable and an async iterable of bytes.

    Every iteration begins anew. Give it to any stream of ssewire, or, as `body.stream(httpx)`, to a response
    or a transport of httpx or httpx2.

    Args:
        data: The bytes; or the reads in which they arrive.
        reads: How the bytes are cut into reads: the size of each, or the places of the cuts. By default one
            read, or the reads that were given.
        corrupt: Bytes that arrive instead of others, by their place.
        end_at: How many bytes come before the body ends, cleanly and early.
        break_at: How many bytes come before the transport breaks.
        error: What it raises then.
        stall_at: How many bytes come before nothing comes for a time.
        stall_seconds: How long that is; an hour by default.
        delay: How many seconds each read takes.
        sleep: What waits, where nothing is awaited.

    Attributes:
        given: How many bytes of it the last iteration has given.
        closed: How often it was closed.
    """

    def __init__(
        self,
        data: bytes | Sequence[bytes],
        *,
        reads: int | Sequence[int] | None = None,
        corrupt: Mapping[int, bytes] | None = None,
        end_at: int | None = None,
        break_at: int | None = None,
        error: BaseException | None = None,
        stall_at: int | None = None,
        stall_seconds: float = STALL_SECONDS,
        delay: float = 0.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.given = 0
        self.closed = 0
        self._error = ConnectionResetError("the connection was reset") if error is None else error
        self._break_at = break_at
        self._stall_at = stall_at
        self._stall_seconds = stall_seconds
        self._delay = delay
        self._sleep = sleep

        whole = data if isinstance(data, bytes) else b"".join(data)
        for place, other in (corrupt or {}).items():
            whole = whole[:place] + other + whole[place + len(other) :]
        if isinstance(reads, int):
            places = list(range(reads, len(whole), reads))
        elif reads is not None:
            places = list(reads)
        else:
            given = [] if isinstance(data, bytes) else data[:-1]
            places = list(accumulate(map(len, given)))
        end = min(len(whole) if each is None else each for each in (end_at, break_at))
        if stall_at is not None and stall_at not in (0, *places, len(whole)):
            insort(places, stall_at)
        self.reads = cut(whole[:end], [place for place in places if place < end])
        """The reads that arrive."""

    def _steps(self) -> Iterator[tuple[float, bytes | None]]:
        """Each read with the time to wait before it, and None for the end."""
        self.given = 0
        for read in [*self.reads, None]:
            stalls = self.given == self._stall_at and read != b""
            yield self._delay + (self._stall_seconds if stalls else 0.0), read
            self.given += len(read or b"")

    def __iter__(self) -> Iterator[bytes]:
        for seconds, read in self._steps():
            if seconds:
                self._sleep(seconds)
            if read is not None:
                yield read
        if self._break_at is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for seconds, read in self._steps():
            if seconds:
                import asyncio  # only for whoever waits

                await asyncio.sleep(seconds)
            if read is not None:
                yield read
        if self._break_at is not None:
            raise self._error

    def close(self) -> None:
        """Count that somebody has closed it."""
        self.closed += 1

    async def aclose(self) -> None:
        """Count that somebody has closed it."""
        self.closed += 1

    def stream(self, client: ModuleType) -> Any:
        """Give the body as the `stream` of a response, for the sync and the async client.

        Args:
            client: `httpx` or `httpx2`, the module.
        """
        bases = (_BodyStream, client.SyncByteStream, client.AsyncByteStream)
        return type("BodyStream", bases, {})(self)


class _BodyStream:
    """What makes the two kinds of byte stream of a client a body."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    def close(self) -> None:
        self._body.close()

    async def aclose(self) -> None:
        await self._body.aclose()
