"""HTTP clients that streams are read from: opened alike, asked alike, and what each raises if it breaks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import httpx2
import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True)
class Get:
    """Asks an open client for a URL; an async one has to be awaited."""

    ask: Callable[[str], Any]
    busy: Callable[[], int]
    """How many of its connections are neither closed nor ready for the next request."""

    def __call__(self, url: str) -> Any:
        return self.ask(url)


@contextlib.contextmanager
def httpx_client(module: Any, seconds: float) -> Iterator[Get]:
    with module.Client(trust_env=False, timeout=seconds, verify=False) as client:
        yield _httpx_get(client)


@contextlib.asynccontextmanager
async def async_httpx_client(module: Any, seconds: float) -> AsyncIterator[Get]:
    async with module.AsyncClient(trust_env=False, timeout=seconds, verify=False) as client:
        yield _httpx_get(client)


def _httpx_get(client: Any) -> Get:
    pool = client._transport._pool
    return Get(
        lambda url: client.send(client.build_request("GET", url), stream=True),
        lambda: sum(not (each.is_idle() or each.is_closed()) for each in pool.connections),
    )


@contextlib.contextmanager
def requests_client(seconds: float) -> Iterator[Get]:
    with requests.Session() as session:
        session.trust_env = False
        adapter: Any = session.get_adapter("http://")
        pools = adapter.poolmanager.pools

        def busy() -> int:
            # A queue that is full has every connection back.
            queues = [pools[key].pool for key in list(pools.keys())]
            return sum(queue.maxsize - queue.qsize() for queue in queues)

        yield Get(lambda url: session.get(url, stream=True, timeout=seconds), busy)


@contextlib.asynccontextmanager
async def aiohttp_client(seconds: float) -> AsyncIterator[Get]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:

        async def ask(url: str) -> Any:
            return await session.get(url)

        connector: Any = session.connector
        yield Get(ask, lambda: len(connector._acquired))


@dataclass(frozen=True)
class Client:
    """A way to ask, and what it raises when a connection breaks."""

    name: str
    opener: Callable[[float], contextlib.AbstractContextManager[Get]]
    error: type[Exception]

    def open(self, seconds: float = TIMEOUT_SECONDS) -> contextlib.AbstractContextManager[Get]:
        """Open it; it waits for so many seconds."""
        return self.opener(seconds)


@dataclass(frozen=True)
class AsyncClient:
    """The same with `await`."""

    name: str
    opener: Callable[[float], contextlib.AbstractAsyncContextManager[Get]]
    error: type[Exception]

    def open(self, seconds: float = TIMEOUT_SECONDS) -> contextlib.AbstractAsyncContextManager[Get]:
        """Open it; it waits for so many seconds."""
        return self.opener(seconds)


SYNC_CLIENTS = [
    Client("httpx", lambda seconds: httpx_client(httpx, seconds), httpx.TransportError),
    Client("httpx2", lambda seconds: httpx_client(httpx2, seconds), httpx2.TransportError),
    Client("requests", requests_client, requests.RequestException),
]
ASYNC_CLIENTS = [
    AsyncClient("async httpx", lambda seconds: async_httpx_client(httpx, seconds), httpx.TransportError),
    AsyncClient("async httpx2", lambda seconds: async_httpx_client(httpx2, seconds), httpx2.TransportError),
    AsyncClient("aiohttp", aiohttp_client, aiohttp.ClientError),
]


def by_name(client: Client | AsyncClient) -> str:
    return client.name


every_client = pytest.mark.parametrize("client", [*SYNC_CLIENTS, *ASYNC_CLIENTS], ids=by_name)
sync_client = pytest.mark.parametrize("client", SYNC_CLIENTS, ids=by_name)
async_client = pytest.mark.parametrize("client", ASYNC_CLIENTS, ids=by_name)
