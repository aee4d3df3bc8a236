"""A response goes in, a source that is decompressed in small steps and ends at a limit comes out.

A client decompresses a read at once, and a read of 64 KiB may be 64 MiB then. Here no step is above 64 KiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ssewire.errors import BodyTooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

DEFAULT_MAX_BODY_BYTES: Final = 256 * 2**20
STEP_BYTES: Final = 64 * 2**10
GZIP_OR_ZLIB: Final = 47
"""The window of zlib that takes both, by their headers."""


def bounded(response: Any, max_bytes: int = DEFAULT_MAX_BODY_BYTES) -> Bounded:
    """Bound what a response may decompress to: give the result to a stream instead of the response.

    A body over the limit breaks there: the stream is truncated, and its `StreamInterruptedError` is chained
    from a `BodyTooLargeError`.

    Args:
        response: A response of httpx or httpx2 that is streamed, sync or async.
        max_bytes: The most bytes of the decompressed body.

    Raises:
        ValueError: The body is compressed otherwise than with gzip or deflate. Ask the server for what can be
            bounded: `Accept-Encoding: gzip`.
    """
    return Bounded(response, max_bytes)


class Bounded:
    """A source over the bytes of a response as they came from the network."""

    def __init__(self, response: Any, max_bytes: int) -> None:
        self.status_code = response.status_code
        self.headers = response.headers
        self._response = response
        self._limit = max_bytes
        self._given = 0
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", "x-gzip", "deflate"):
            raise ValueError(f"a body in {coding!r} cannot be bounded; ask for gzip")
        self._inflater: Any = None
        if coding != "identity":
            import zlib  # which few need

            self._inflater = zlib.decompressobj(GZIP_OR_ZLIB)

    def __iter__(self) -> Iterator[bytes]:
        for raw in self._response.iter_raw():
            yield from self._steps(raw)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for raw in self._response.aiter_raw():
            for step in self._steps(raw):
                yield step

    def _steps(self, raw: bytes) -> Iterator[bytes]:
        """What a read is decompressed to, in steps, up to the limit."""
        while raw:
            if self._inflater is None:
                step, raw = raw, b""
            else:
                step = self._inflater.decompress(raw, STEP_BYTES)
                raw = self._inflater.unconsumed_tail
            room = self._limit - self._given
            self._given += len(step)
            if step[:room]:
                yield step[:room]
            if len(step) > room:
                raise BodyTooLargeError(self._limit)

    def close(self) -> None:
        """Close the response."""
        self._response.close()

    async def aclose(self) -> None:
        """Close the response."""
        await self._response.aclose()
