"""Sources: what is recognised, what is refused and with which words, what is read, and what is closed."""

from __future__ import annotations

import asyncio
import contextlib
import io
from array import array
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import requests

from ssewire import AsyncChatStream, ChatStream
from ssewire._source import AsyncSource, Source, open_async_source, open_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

LINES = [b"data: 1\n", b"\n", b"data: 2\n"]
WHOLE = b"".join(LINES)
HTTPX: list[Any] = [httpx, httpx2]


# -- shapes ----------------------------------------------------------------------------------------------


def generator() -> Iterator[bytes]:
    yield from LINES


async def async_generator() -> AsyncIterator[bytes]:
    for line in LINES:
        yield line


class Lines:
    """Can be iterated over, and counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(LINES)

    def close(self) -> None:
        self.closed += 1


class AsyncLines:
    """Can be iterated over with `async for`, and counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return async_generator()

    async def aclose(self) -> None:
        self.closed += 1


class BothWays(Lines):
    """Can be iterated over in either way, as the byte streams of httpx can."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return async_generator()


class AsyncIteratorWithoutClose:
    def __init__(self) -> None:
        self._reads = iter(LINES)

    def __aiter__(self) -> AsyncIteratorWithoutClose:
        return self

    async def __anext__(self) -> bytes:
        try:
            return next(self._reads)
        except StopIteration:
            raise StopAsyncIteration from None


class Content:
    def at_eof(self) -> bool:
        return False

    def iter_any(self) -> AsyncIterator[bytes]:
        return async_generator()


class AiohttpShape:
    """What of an aiohttp response is looked at."""

    def __init__(self) -> None:
        self.status = 418
        self.headers = {"x-kind": "teapot"}
        self.content = Content()
        self.closed = 0

    def release(self) -> None:
        raise AssertionError("a response that is not read to its end is closed, not released")

    def close(self) -> None:
        self.closed += 1


class SyncShape:
    """A response that is read without `await`, and counts."""

    def __init__(self) -> None:
        self.closed = 0

    def iter_bytes(self) -> Iterator[bytes]:
        return generator()

    def close(self) -> None:
        self.closed += 1


class OpenaiAsyncShape:
    """The raw response of an async client of openai, and counts."""

    def __init__(self) -> None:
        self.closed = 0

    def iter_bytes(self) -> AsyncIterator[bytes]:
        return async_generator()

    async def close(self) -> None:
        self.closed += 1


class AsyncShape:
    """A response that is read with `await`, and counts."""

    def __init__(self) -> None:
        self.closed = 0

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        return async_generator()

    async def aclose(self) -> None:
        self.closed += 1


def requests_response(body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code = 200
    response.raw = io.BytesIO(body)
    return response


def requests_response_read() -> requests.Response:
    response = requests_response(WHOLE)
    assert response.content == WHOLE
    return response


def fetched(module: Any) -> Any:
    """A response of a client, read already."""
    transport = module.MockTransport(
        lambda _: module.Response(203, content=WHOLE, headers={"x-kind": "read"})
    )
    with module.Client(transport=transport) as client:
        return client.get("http://test/")


def async_fetched(module: Any) -> Any:
    """A response of an async client, read already."""
    transport = module.MockTransport(
        lambda _: module.Response(203, content=WHOLE, headers={"x-kind": "read"})
    )

    async def fetch() -> Any:
        async with module.AsyncClient(transport=transport) as client:
            return await client.get("http://test/")

    return asyncio.run(fetch())


def read_all(source: Source) -> list[Any]:
    return list(source.reads)


async def async_read_all(source: AsyncSource) -> list[Any]:
    reads = []
    while (read := await source.read()) is not None:
        reads.append(read)
    return reads


def sync_reads(origin: Any) -> list[bytes]:
    source = open_source(origin, "Other")
    reads = read_all(source)
    assert next(source.reads, None) is None
    source.close()
    assert not source.holds
    return reads


def async_reads(origin: Any) -> list[bytes]:
    async def read() -> list[bytes]:
        source = open_async_source(origin, "Other")
        reads = await async_read_all(source)
        assert await source.read() is None
        await source.aclose()
        assert not source.holds
        return reads

    return asyncio.run(read())


IN_MEMORY: dict[str, tuple[Callable[[], Any], list[bytes]]] = {
    "bytes": (lambda: WHOLE, [WHOLE]),
    "bytearray": (lambda: bytearray(WHOLE), [WHOLE]),
    "memoryview": (lambda: memoryview(WHOLE), [WHOLE]),
    "no bytes": (lambda: b"", [b""]),
    "list": (lambda: LINES, LINES),
    "tuple": (lambda: tuple(LINES), LINES),
    "empty list": (list, []),
    "httpx, read": (lambda: fetched(httpx), [WHOLE]),
    "httpx2, read": (lambda: fetched(httpx2), [WHOLE]),
    "httpx async, read": (lambda: async_fetched(httpx), [WHOLE]),
    "httpx2 async, read": (lambda: async_fetched(httpx2), [WHOLE]),
    "httpx, made with its content": (lambda: httpx.Response(200, content=WHOLE), [WHOLE]),
    "httpx2, made with its content": (lambda: httpx2.Response(200, content=WHOLE), [WHOLE]),
}
SYNC: dict[str, tuple[Callable[[], Any], list[bytes]]] = {
    "generator": (generator, LINES),
    "iterator": (lambda: iter(LINES), LINES),
    "iterable class": (Lines, LINES),
    "file in memory": (lambda: io.BytesIO(WHOLE), LINES),
    "both ways": (BothWays, LINES),
    "anything with iter_bytes": (SyncShape, LINES),
    "httpx": (lambda: httpx.Response(200, content=generator()), LINES),
    "httpx2": (lambda: httpx2.Response(200, content=generator()), LINES),
    "httpx over a body of both ways": (lambda: httpx.Response(200, stream=BothWaysBody()), LINES),
    "requests": (lambda: requests_response(WHOLE), [WHOLE]),
    "requests, read": (requests_response_read, [WHOLE]),
}
ASYNC: dict[str, tuple[Callable[[], Any], list[bytes]]] = {
    "async generator": (async_generator, LINES),
    "async iterable class": (AsyncLines, LINES),
    "async iterator class": (AsyncIteratorWithoutClose, LINES),
    "both ways": (BothWays, LINES),
    "anything with aiter_bytes": (AsyncShape, LINES),
    "openai": (OpenaiAsyncShape, LINES),
    "httpx": (lambda: httpx.Response(200, content=async_generator()), LINES),
    "httpx2": (lambda: httpx2.Response(200, content=async_generator()), LINES),
    "httpx over a body of both ways": (lambda: httpx.Response(200, stream=BothWaysBody()), LINES),
    "aiohttp": (AiohttpShape, LINES),
}


class BothWaysBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        return generator()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return async_generator()


@pytest.mark.parametrize("shape", [*IN_MEMORY, *SYNC])
def test_a_sync_source_is_read(shape: str) -> None:
    make, reads = (IN_MEMORY | SYNC)[shape]
    assert sync_reads(make()) == reads


@pytest.mark.parametrize("shape", [*IN_MEMORY, *ASYNC])
def test_an_async_source_is_read(shape: str) -> None:
    make, reads = (IN_MEMORY | ASYNC)[shape]
    assert async_reads(make()) == reads


def test_a_file_is_read_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "body.sse"
    path.write_bytes(WHOLE)
    with path.open("rb") as file:
        assert sync_reads(file) == LINES
        assert file.closed


@pytest.mark.parametrize("make", [bytearray, memoryview])
def test_bytes_are_taken_when_they_are_given(make: Callable[[bytearray], Any]) -> None:
    memory = bytearray(WHOLE)
    source = open_source(make(memory), "Other")
    memory[:4] = b"else"
    assert read_all(source) == [WHOLE]


# -- what is refused -------------------------------------------------------------------------------------

NO_SOURCES: list[Any] = ["data: 1\n\n", {"data": 1}, 5, None, object(), Lines, asyncio.sleep]


@pytest.mark.parametrize("origin", NO_SOURCES, ids=lambda origin: type(origin).__name__)
def test_what_is_no_source_is_told_by_its_type(origin: Any) -> None:
    name = f"{type(origin).__module__}.{type(origin).__qualname__}"
    with pytest.raises(TypeError) as refused:
        ChatStream(origin)
    assert (
        str(refused.value) == f"no source of bytes: {name}; give a response, an iterable of bytes, or bytes"
    )
    with pytest.raises(TypeError) as refused:
        AsyncChatStream(origin)
    assert (
        str(refused.value)
        == f"no source of bytes: {name}; give a response, an async iterable of bytes, or bytes"
    )


@pytest.mark.parametrize("shape", [shape for shape in ASYNC if "both ways" not in shape])
def test_an_async_source_in_a_sync_stream_names_the_async_stream(shape: str) -> None:
    origin = ASYNC[shape][0]()
    with pytest.raises(
        TypeError, match=f"{type(origin).__qualname__} has to be awaited: use AsyncChatStream$"
    ):
        ChatStream(origin)


@pytest.mark.parametrize("shape", [shape for shape in SYNC if "both ways" not in shape])
def test_a_sync_source_in_an_async_stream_names_the_sync_stream(shape: str) -> None:
    origin = SYNC[shape][0]()
    with pytest.raises(TypeError, match=f"{type(origin).__qualname__} cannot be awaited: use ChatStream$"):
        AsyncChatStream(origin)


@pytest.mark.parametrize("module", HTTPX)
def test_the_response_of_a_client_is_told_from_that_of_an_async_client(module: Any) -> None:
    transport = module.MockTransport(lambda _: module.Response(200, content=generator()))
    with module.Client(transport=transport) as client, client.stream("GET", "http://test/") as response:
        with pytest.raises(TypeError, match=r"Response cannot be awaited: use ChatStream$"):
            AsyncChatStream(response)
        assert sync_reads(response) == LINES

    async def fetch() -> None:
        transport = module.MockTransport(lambda _: module.Response(200, content=async_generator()))
        async with (
            module.AsyncClient(transport=transport) as client,
            client.stream("GET", "http://test/") as response,
        ):
            with pytest.raises(TypeError, match=r"Response has to be awaited: use AsyncChatStream$"):
                ChatStream(response)
            assert await async_read_all(open_async_source(response, "Other")) == LINES

    asyncio.run(fetch())


@pytest.mark.parametrize("reads", [["data: 1\n\n"], [1], array("B", b"data"), {"data: 1\n\n"}])
def test_reads_that_are_no_bytes_are_a_type_error(reads: Any) -> None:
    stream = ChatStream(reads)
    with pytest.raises(TypeError):
        next(stream)
    assert list(stream) == []


def test_text_behind_bytes_is_a_type_error() -> None:
    stream = ChatStream([b'data: {"choices": []}\n\n', "data: [DONE]\n\n"])
    next(stream)
    with pytest.raises(TypeError, match="str"):
        next(stream)


def test_async_reads_that_are_text_are_a_type_error() -> None:
    async def read() -> None:
        async def texts() -> AsyncIterator[str]:
            yield "data: 1\n\n"

        stream = AsyncChatStream(texts())
        with pytest.raises(TypeError):
            await anext(stream)

    asyncio.run(read())


@pytest.mark.parametrize("module", HTTPX)
def test_a_body_that_was_streamed_before_tells_so_in_the_words_of_its_library(module: Any) -> None:
    response = module.Response(200, content=generator())
    assert list(response.iter_bytes()) == LINES
    source = open_source(response, "Other")
    with pytest.raises(module.StreamConsumed):
        next(source.reads)
    source.close()


def test_a_body_of_another_kind_is_not_taken_for_one_already_read() -> None:
    class Consumed(AsyncShape):
        is_stream_consumed = True
        content = Content()

    assert async_reads(Consumed()) == LINES


# -- status and headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", HTTPX)
@pytest.mark.parametrize("fetch", [fetched, async_fetched])
def test_status_and_headers_of_a_response_are_known(module: Any, fetch: Callable[[Any], Any]) -> None:
    for source in (open_source(fetch(module), "Other"), open_async_source(fetch(module), "Other")):
        assert source.status == 203
        assert source.headers is not None
        assert source.headers["X-Kind"] == "read"


def test_status_and_headers_of_requests_are_known() -> None:
    response = requests_response(WHOLE)
    response.headers["X-Kind"] = "streamed"
    source = open_source(response, "Other")
    assert (source.status, source.headers and source.headers["x-kind"]) == (200, "streamed")


def test_status_and_headers_of_aiohttp_are_known() -> None:
    source = open_async_source(AiohttpShape(), "Other")
    assert (source.status, source.headers) == (418, {"x-kind": "teapot"})


def test_what_is_no_response_has_neither_status_nor_headers() -> None:
    class Odd(Lines):
        status = "fine"
        headers = ("none",)

    for origin in (WHOLE, LINES, generator(), Odd()):
        source = open_source(origin, "Other")
        assert (source.status, source.headers) == (None, None)


# -- closing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Lines, SyncShape])
def test_a_sync_source_is_closed_once(make: Callable[[], Lines | SyncShape]) -> None:
    origin = make()
    source = open_source(origin, "Other")
    assert source.holds
    source.close()
    source.close()
    assert (origin.closed, source.holds) == (1, False)


@pytest.mark.parametrize("make", [AsyncLines, AsyncShape, OpenaiAsyncShape, AiohttpShape])
def test_an_async_source_is_closed_once(
    make: Callable[[], AsyncLines | AsyncShape | OpenaiAsyncShape | AiohttpShape],
) -> None:
    async def close() -> None:
        origin = make()
        source = open_async_source(origin, "Other")
        assert source.holds
        await source.aclose()
        await source.aclose()
        assert (origin.closed, source.holds) == (1, False)

    asyncio.run(close())


@pytest.mark.parametrize("module", HTTPX)
def test_a_real_response_is_closed(module: Any) -> None:
    response = module.Response(200, content=generator())
    source = open_source(response, "Other")
    assert next(source.reads) == LINES[0]
    assert not response.is_closed
    source.close()
    assert response.is_closed

    async def close() -> None:
        response = module.Response(200, content=async_generator())
        source = open_async_source(response, "Other")
        assert await source.read() == LINES[0]
        assert not response.is_closed
        await source.aclose()
        assert response.is_closed

    asyncio.run(close())


def test_a_generator_is_closed_where_it_stands() -> None:
    told = []

    def lines() -> Iterator[bytes]:
        try:
            yield from LINES
        finally:
            told.append("closed")

    source = open_source(lines(), "Other")
    next(source.reads)
    source.close()
    assert told == ["closed"]


def test_an_async_generator_is_closed_where_it_stands() -> None:
    told = []

    async def lines() -> AsyncIterator[bytes]:
        try:
            for line in LINES:
                yield line
        finally:
            await asyncio.sleep(0)
            told.append("closed")

    async def close() -> None:
        source = open_async_source(lines(), "Other")
        await source.read()
        await source.aclose()
        assert told == ["closed"]

    asyncio.run(close())


def test_the_iterator_over_a_response_is_closed_before_the_response() -> None:
    told = []

    class Response:
        def iter_bytes(self) -> Iterator[bytes]:
            try:
                yield from LINES
            finally:
                told.append("iterator")

        def close(self) -> None:
            told.append("response")

    source = open_source(Response(), "Other")
    next(source.reads)
    source.close()
    assert told == ["iterator", "response"]


def test_a_response_is_closed_though_its_iterator_fails_to() -> None:
    class Response(SyncShape):
        def iter_bytes(self) -> Iterator[bytes]:
            try:
                yield from LINES
            finally:
                raise OSError("the iterator fails")

    response = Response()
    source = open_source(response, "Other")
    next(source.reads)
    with pytest.raises(OSError, match="the iterator fails"):
        source.close()
    assert (response.closed, source.holds) == (1, False)


def test_a_response_is_closed_though_another_task_is_reading_it() -> None:
    # An async generator cannot be closed while it runs; the response can, and that is what ends the read.
    class Response(AsyncShape):
        def __init__(self) -> None:
            super().__init__()
            self.gone = asyncio.Event()

        async def aiter_bytes(self) -> AsyncIterator[bytes]:
            await self.gone.wait()
            yield b""

        async def aclose(self) -> None:
            await super().aclose()
            self.gone.set()

    async def close() -> None:
        response = Response()
        source = open_async_source(response, "Other")
        reading = asyncio.create_task(source.read())
        await asyncio.sleep(0)
        with contextlib.suppress(RuntimeError):
            await source.aclose()
        response.gone.set()
        await reading
        assert (response.closed, source.holds) == (1, False)

    asyncio.run(close())


@pytest.mark.parametrize("shape", IN_MEMORY)
def test_what_is_in_memory_needs_no_closing(shape: str) -> None:
    make = IN_MEMORY[shape][0]
    assert not open_source(make(), "Other").holds
    assert not open_async_source(make(), "Other").holds


def test_an_iterator_without_a_close_needs_no_closing() -> None:
    assert not open_source(iter(LINES), "Other").holds
    assert not open_async_source(AsyncIteratorWithoutClose(), "Other").holds


def test_a_close_that_cannot_be_called_is_left_alone() -> None:
    class Odd(list[bytes]):
        close = "closed"

    assert sync_reads(Odd(LINES)) == LINES
