"""Streams over real responses: httpx, httpx2, requests and aiohttp against a server on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import httpx2
import pytest
import requests

from server import ERROR, HTML, NAMED_STATUS_ERROR, STORY, STORY_TEXT, USAGE
from ssewire import (
    AsyncChatStream,
    ChatCompletion,
    ChatCompletionChunk,
    ChatStream,
    NotAnEventStreamError,
    ProviderError,
    SSEWireError,
    StreamInterruptedError,
    StreamTruncatedError,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator

    from server import Exchange, Server

    Get = Callable[[str], Any]
    AsyncGet = Callable[[str], Awaitable[Any]]

TIMEOUT_SECONDS = 15.0
PATIENCE = 5.0
"""Much longer than anything here takes, and much shorter than what it would have to wait for."""


# -- clients ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def httpx_client(module: Any) -> Iterator[Get]:
    with module.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
        yield lambda url: client.send(client.build_request("GET", url), stream=True)


@contextlib.contextmanager
def requests_client() -> Iterator[Get]:
    with requests.Session() as session:
        session.trust_env = False
        yield lambda url: session.get(url, stream=True, timeout=TIMEOUT_SECONDS)


@contextlib.asynccontextmanager
async def async_httpx_client(module: Any) -> AsyncIterator[AsyncGet]:
    async with module.AsyncClient(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
        yield lambda url: client.send(client.build_request("GET", url), stream=True)


@contextlib.asynccontextmanager
async def aiohttp_client() -> AsyncIterator[AsyncGet]:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def get(url: str) -> Any:
            return await session.get(url)

        yield get


@dataclass(frozen=True)
class Client:
    """A way to ask, and what it raises when a connection breaks."""

    name: str
    open: Callable[[], contextlib.AbstractContextManager[Get]]
    error: type[Exception]


@dataclass(frozen=True)
class AsyncClient:
    """The same with `await`."""

    name: str
    open: Callable[[], contextlib.AbstractAsyncContextManager[AsyncGet]]
    error: type[Exception]


SYNC_CLIENTS = [
    Client("httpx", lambda: httpx_client(httpx), httpx.TransportError),
    Client("httpx2", lambda: httpx_client(httpx2), httpx2.TransportError),
    Client("requests", requests_client, requests.RequestException),
]
ASYNC_CLIENTS = [
    AsyncClient("async httpx", lambda: async_httpx_client(httpx), httpx.TransportError),
    AsyncClient("async httpx2", lambda: async_httpx_client(httpx2), httpx2.TransportError),
    AsyncClient("aiohttp", aiohttp_client, aiohttp.ClientError),
]


def by_name(client: Client | AsyncClient) -> str:
    return client.name


every_client = pytest.mark.parametrize("client", [*SYNC_CLIENTS, *ASYNC_CLIENTS], ids=by_name)
sync_client = pytest.mark.parametrize("client", SYNC_CLIENTS, ids=by_name)
async_client = pytest.mark.parametrize("client", ASYNC_CLIENTS, ids=by_name)


@dataclass
class Told:
    """What a stream told, and the server's side of it."""

    exchange: Exchange
    stream: ChatStream | AsyncChatStream
    events: list[ChatCompletionChunk] = field(default_factory=list)
    result: ChatCompletion | None = None
    error: SSEWireError | None = None


def ask(client: Client | AsyncClient, server: Server, name: str, **options: Any) -> Told:
    """Read the stream of that name to its end, whatever that is."""
    if isinstance(client, AsyncClient):
        return asyncio.run(_async_ask(client, server, name, options))
    with client.open() as get:
        response = get(server.url(name))
        with ChatStream(response, **options) as stream:
            told = Told(server.record.of(response), stream)
            try:
                for each in stream:
                    told.events.append(each)
                    if len(told.events) == 2:
                        told.exchange.proceed.set()
                told.result = stream.result()
            except SSEWireError as error:
                told.error = error
    return told


async def _async_ask(client: AsyncClient, server: Server, name: str, options: dict[str, Any]) -> Told:
    async with client.open() as get:
        response = await get(server.url(name))
        async with AsyncChatStream(response, **options) as stream:
            told = Told(server.record.of(response), stream)
            try:
                async for each in stream:
                    told.events.append(each)
                    if len(told.events) == 2:
                        told.exchange.proceed.set()
                told.result = await stream.result()
            except SSEWireError as error:
                told.error = error
    return told


# -- whole streams ---------------------------------------------------------------------------------------

WHOLE = list(ChatStream(STORY))


@every_client
@pytest.mark.parametrize("name", ["chat", "gzip", "gzip-whole", "crlf", "drip", "late-end"])
def test_a_story_is_the_same_however_it_is_sent(
    client: Client | AsyncClient, name: str, server: Server
) -> None:
    told = ask(client, server, name)
    assert told.events == WHOLE
    assert told.stream.verdict is Verdict.COMPLETE
    assert told.result == told.stream.snapshot()
    assert told.result is not None
    assert told.result.choices[0].message.content == STORY_TEXT
    assert {name: getattr(told.result.usage, name) for name in USAGE} == USAGE
    assert told.stream.diagnostics == []
    assert told.exchange.wait() in ("finished", "disconnected")


@every_client
def test_an_event_is_there_when_it_was_sent(client: Client | AsyncClient, server: Server) -> None:
    # The server sends two events and then nothing: who waits for more than an event waits for long.
    def first(get: Get) -> None:
        response = get(server.url("silent"))
        with ChatStream(response) as stream:
            assert [next(stream), next(stream)] == WHOLE[:2]
            assert not server.record.of(response).ended
        assert server.record.of(response).wait() == "disconnected"

    async def async_first(client: AsyncClient) -> None:
        async with client.open() as get:
            response = await get(server.url("silent"))
            async with AsyncChatStream(response) as stream:
                assert [await anext(stream), await anext(stream)] == WHOLE[:2]
                assert not server.record.of(response).ended
            assert await asyncio.to_thread(server.record.of(response).wait) == "disconnected"

    began = time.monotonic()
    if isinstance(client, AsyncClient):
        asyncio.run(async_first(client))
    else:
        with client.open() as get:
            first(get)
    assert time.monotonic() - began < PATIENCE


@every_client
def test_a_slow_stream_has_its_times(client: Client | AsyncClient, server: Server) -> None:
    timing = ask(client, server, "drip").stream.timing
    assert timing.first_byte is not None
    assert timing.first_event is not None
    assert timing.first_token is not None
    assert timing.last_token is not None
    assert timing.last_byte is not None
    stamps = [timing.opened, timing.first_byte, timing.first_event, timing.first_token, timing.last_token]
    assert [*stamps, timing.last_byte] == sorted([*stamps, timing.last_byte])
    assert timing.first_byte < timing.first_token < timing.last_byte
    assert timing.duration is not None
    assert 0.01 < timing.duration < PATIENCE


def test_a_response_of_aiohttp_may_have_been_read(server: Server) -> None:
    # Those of httpx and requests may: they keep what they have read.
    async def read() -> None:
        async with aiohttp_client() as get:
            response = await get(server.url("chat"))
            await response.read()
            stream = AsyncChatStream(response)
            assert [each async for each in stream] == WHOLE
            assert stream.verdict is Verdict.COMPLETE
            passed_by = await get(server.url("chat"))
            async for _ in passed_by.content.iter_any():
                pass
            assert [each async for each in AsyncChatStream(passed_by)] == []

    asyncio.run(read())


# -- answers that are no streams -------------------------------------------------------------------------


@every_client
def test_an_error_under_200_is_the_provider_s(client: Client | AsyncClient, server: Server) -> None:
    told = ask(client, server, "error-200")
    assert isinstance(told.error, ProviderError)
    facts = (told.error.message, told.error.code, told.error.type, told.error.status, told.error.raw)
    assert facts == ("Slow down", 429, "rate_limit", 429, NAMED_STATUS_ERROR)
    assert (told.events, told.stream.verdict) == ([], Verdict.FAILED)
    assert told.error.snapshot == told.stream.snapshot()


@every_client
def test_an_error_under_401_has_that_status(client: Client | AsyncClient, server: Server) -> None:
    told = ask(client, server, "error-401")
    assert isinstance(told.error, ProviderError)
    facts = (told.error.message, told.error.code, told.error.type, told.error.status, told.error.raw)
    assert facts == ("Who are you?", "bad_key", "auth", 401, ERROR)
    assert (told.events, told.stream.verdict) == ([], Verdict.FAILED)


@every_client
def test_a_page_of_html_is_shown_with_its_status_and_headers(
    client: Client | AsyncClient, server: Server
) -> None:
    told = ask(client, server, "html")
    assert isinstance(told.error, NotAnEventStreamError)
    assert (told.error.status, told.error.body) == (200, HTML)
    assert told.error.headers is not None
    assert told.error.headers["Content-Type"] == "text/html"
    assert str(told.error).startswith("not an event stream (status 200): '<!doctype html>")
    assert (told.events, told.stream.verdict) == ([], Verdict.EMPTY)


@every_client
@pytest.mark.parametrize("name", ["error-200", "html", "cut"])
def test_an_error_over_a_response_pickles(client: Client | AsyncClient, name: str, server: Server) -> None:
    error = ask(client, server, name).error
    assert error is not None
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.snapshot) == (type(error), str(error), error.snapshot)
    if isinstance(error, NotAnEventStreamError):
        assert {name.lower(): value for name, value in copy.headers.items()}["content-type"] == "text/html"


# -- connections that break ------------------------------------------------------------------------------


@every_client
@pytest.mark.parametrize("name", ["reset", "cut"])
def test_a_connection_that_breaks_interrupts_the_stream(
    client: Client | AsyncClient, name: str, server: Server
) -> None:
    told = ask(client, server, name)
    assert type(told.error) is StreamInterruptedError
    assert isinstance(told.error.__cause__, client.error)
    assert told.events == WHOLE[:2]
    assert told.stream.verdict is Verdict.TRUNCATED
    assert told.error.snapshot == told.stream.snapshot()
    assert told.stream.snapshot().choices[0].message.content == "Once"


@every_client
def test_a_body_that_just_ends_in_the_middle_is_truncated(
    client: Client | AsyncClient, server: Server
) -> None:
    told = ask(client, server, "short")
    assert type(told.error) is StreamTruncatedError
    assert told.events == WHOLE[:2]
    assert told.stream.verdict is Verdict.TRUNCATED
    assert [each.kind for each in told.stream.diagnostics] == ["cut_event"]


# -- leaving ---------------------------------------------------------------------------------------------


def leave_by_break(stream: ChatStream) -> None:
    with stream:
        for number, _ in enumerate(stream):
            if number == 2:
                break


def leave_by_error(stream: ChatStream) -> None:
    with contextlib.suppress(ZeroDivisionError), stream:
        for _ in stream.text():
            raise ZeroDivisionError


def leave_by_close(stream: ChatStream) -> None:
    next(stream)
    stream.close()
    stream.close()


@sync_client
@pytest.mark.parametrize("leave", [leave_by_break, leave_by_error, leave_by_close])
def test_the_server_sees_that_a_stream_was_left(
    client: Client, leave: Callable[[ChatStream], None], server: Server
) -> None:
    with client.open() as get:
        response = get(server.url("endless"))
        stream = ChatStream(response)
        leave(stream)
        # The client is still open: it is the stream that has closed the connection.
        assert server.record.of(response).wait() == "disconnected"
        assert stream.verdict is Verdict.CLOSED
        assert (stream.snapshot().choices[0].message.content or "").startswith(" and")
        with pytest.raises(StreamTruncatedError):
            stream.result()
        assert list(stream) == []


async def async_leave_by_break(stream: AsyncChatStream) -> None:
    async with stream:
        async for _ in stream.text():
            break


async def async_leave_by_error(stream: AsyncChatStream) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with stream:
            async for _ in stream:
                raise ZeroDivisionError


async def async_leave_by_close(stream: AsyncChatStream) -> None:
    await anext(stream)
    await stream.aclose()
    await stream.aclose()


async def async_leave_by_cancel(stream: AsyncChatStream) -> None:
    task = asyncio.create_task(stream.result())
    while not stream.snapshot().choices:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def async_leave_by_timeout(stream: AsyncChatStream) -> None:
    await anext(stream)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream.result(), 0.02)


@async_client
@pytest.mark.parametrize("name", ["endless", "silent"])
@pytest.mark.parametrize(
    "leave",
    [
        async_leave_by_break,
        async_leave_by_error,
        async_leave_by_close,
        async_leave_by_cancel,
        async_leave_by_timeout,
    ],
)
def test_the_server_sees_that_an_async_stream_was_left(
    client: AsyncClient,
    leave: Callable[[AsyncChatStream], Coroutine[Any, Any, None]],
    name: str,
    server: Server,
) -> None:
    async def run() -> None:
        async with client.open() as get:
            response = await get(server.url(name))
            stream = AsyncChatStream(response)
            await leave(stream)
            assert await asyncio.to_thread(server.record.of(response).wait) == "disconnected"
            assert stream.verdict is Verdict.CLOSED
            assert len(stream.snapshot().choices) == 1
            with pytest.raises(StreamTruncatedError):
                await stream.result()
            assert [each async for each in stream] == []

    asyncio.run(run())


# -- connections that are used again ---------------------------------------------------------------------


@async_client
@pytest.mark.parametrize("name", ["chat", "late-end", "gzip"])
def test_the_connection_of_a_whole_stream_is_used_again(
    client: AsyncClient, name: str, server: Server
) -> None:
    async def run() -> None:
        ports = set()
        async with client.open() as get:
            for _ in range(3):
                response = await get(server.url(name))
                async for _ in AsyncChatStream(response):
                    pass
                assert await asyncio.to_thread(server.record.of(response).wait) == "finished"
                ports.add(server.record.of(response).peer_port)
        assert len(ports) == 1

    asyncio.run(run())


@every_client
@pytest.mark.parametrize("name", ["html", "error-401"])
def test_the_connection_of_a_body_read_to_its_end_is_used_again(
    client: Client | AsyncClient, name: str, server: Server
) -> None:
    ports = set()

    def read(get: Get) -> None:
        response = get(server.url(name))
        with contextlib.suppress(SSEWireError):
            list(ChatStream(response))
        ports.add(server.record.of(response).peer_port)

    async def async_read(client: AsyncClient) -> None:
        async with client.open() as get:
            for _ in range(2):
                response = await get(server.url(name))
                with contextlib.suppress(SSEWireError):
                    await AsyncChatStream(response).result()
                ports.add(server.record.of(response).peer_port)

    if isinstance(client, AsyncClient):
        asyncio.run(async_read(client))
    else:
        with client.open() as get:
            read(get)
            read(get)
    assert len(ports) == 1


@every_client
def test_a_server_that_keeps_the_body_open_holds_nobody_for_long(
    client: Client | AsyncClient, server: Server
) -> None:
    began = time.monotonic()
    told = ask(client, server, "held")
    assert time.monotonic() - began < PATIENCE
    assert told.events == WHOLE
    assert (told.stream.verdict, told.error) == (Verdict.COMPLETE, None)
    assert told.exchange.wait() == "disconnected"


@async_client
def test_a_server_that_keeps_the_body_open_is_waited_for_a_tenth_of_a_second(
    client: AsyncClient, server: Server
) -> None:
    async def run() -> None:
        async with client.open() as get:
            response = await get(server.url("held"))
            stream = AsyncChatStream(response)
            for _ in WHOLE:
                await anext(stream)
            began = time.monotonic()
            await stream.result()
            assert 0.09 <= time.monotonic() - began < PATIENCE
            assert await asyncio.to_thread(server.record.of(response).wait) == "disconnected"

    asyncio.run(run())
