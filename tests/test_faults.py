"""What goes wrong on a real connection, by client: the error, the verdict, what had arrived, and no leak."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import httpx
import httpx2
import msgspec
import pytest
import requests
import urllib3

from clients import TIMEOUT_SECONDS, AsyncClient, Client, every_client
from fault_server import FAULTS, GARBAGE, FaultServer
from server import STORY
from ssewire import (
    AsyncChatStream,
    ChatCompletionChunk,
    ChatStream,
    EmptyStreamError,
    EventDecodeError,
    NotAnEventStreamError,
    SSEWireError,
    StreamInterruptedError,
    StreamTruncatedError,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients import Get
    from server import Exchange

SHORT_SECONDS = 0.4
"""The patience of a client with a server that says nothing."""
WHOLE = list(ChatStream(STORY))
ALL = len(WHOLE)
TEXTS = ["", "", "Once", "Once upon", "Once upon a t\N{LATIN SMALL LETTER I WITH DIAERESIS}me"]
"""The text behind so many events; it stays as the last."""


class Seen(NamedTuple):
    """What a stream says of a fault."""

    error: type[SSEWireError] | None
    cause: str
    """A row of `CAUSES`, or nothing."""
    events: int
    """How many events of the story there were."""
    noted: tuple[str, ...] = ()
    """The kinds of its diagnostics."""


REQUESTS_BROKE = (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError)
"""What requests says of a broken connection; without chunks, what is below it."""

CAUSES: dict[str, tuple[str, Any, Any]] = {
    # of httpx and httpx2, by name; of requests; of aiohttp
    "reset": ("ReadError", REQUESTS_BROKE, aiohttp.ClientPayloadError),
    "unended": ("RemoteProtocolError", REQUESTS_BROKE, aiohttp.ClientPayloadError),
    "silent": ("ReadTimeout", requests.exceptions.ConnectionError, TimeoutError),
    "coding": ("DecodingError", requests.exceptions.ContentDecodingError, aiohttp.ClientPayloadError),
    # aiohttp says nothing about chunks that are none, and waits until its time is up.
    "chunks": (
        "RemoteProtocolError",
        requests.exceptions.ChunkedEncodingError,
        (aiohttp.ClientPayloadError, TimeoutError),
    ),
}


def broken(cause: str, events: int) -> Seen:
    return Seen(StreamInterruptedError, cause, events)


CUT = Seen(StreamTruncatedError, "", 2)
CUT_IN_EVENT = Seen(StreamTruncatedError, "", 2, ("cut_event",))
GOOD = Seen(None, "", ALL)
T, C = Verdict.TRUNCATED, Verdict.COMPLETE

ROWS: dict[str, tuple[Verdict, Seen, dict[str, Seen]]] = {
    # what every client says, and what some say otherwise
    "reset between chunks": (T, broken("reset", 2), {}),
    "reset in a chunk": (T, broken("reset", 2), {}),
    # aiohttp takes a reset for the end.
    "reset without length": (T, broken("reset", 2), {"aiohttp": CUT_IN_EVENT}),
    "end between chunks": (T, broken("unended", 2), {}),
    "end in a chunk": (T, broken("unended", 2), {}),
    # requests gives a chunk when all of it is there.
    "end behind an event in a chunk": (T, broken("unended", 3), {"requests": broken("unended", 2)}),
    "end in a chunk's size": (T, broken("unended", 2), {}),
    "end behind the finish reason": (T, broken("unended", 3), {}),
    "end behind the end mark": (C, GOOD, {}),
    "reset behind the end mark": (C, GOOD, {}),
    "stall": (T, broken("silent", 2), {}),
    "stall in a chunk": (T, broken("silent", 2), {}),
    "too little": (T, broken("unended", 2), {}),
    "too little, in whole events": (T, broken("unended", 2), {}),
    # What is behind the length is no part of the body, which ends cleanly.
    "too much": (T, CUT_IN_EVENT, {}),
    "too much, in whole events": (T, CUT, {}),
    "no length, cut": (T, CUT_IN_EVENT, {}),
    "no length, cut between events": (T, CUT, {}),
    "HTTP/1.0": (C, GOOD, {}),
    "HTTP/1.0, cut": (T, CUT_IN_EVENT, {}),
    "nothing": (Verdict.EMPTY, Seen(EmptyStreamError, "", 0), {}),
    "nothing and no end": (T, broken("unended", 0), {}),
    "no chunk size": (T, broken("chunks", 2), {}),
    "no end of a chunk": (T, broken("chunks", 2), {}),
    "no stream": (Verdict.EMPTY, Seen(NotAnEventStreamError, "", 0), {}),
    # Lines that are no fields mean nothing.
    "garbage among the events": (C, GOOD, {}),
    # It is the stream that closes the connection, with an error of its own.
    "garbage in an event": (Verdict.CLOSED, Seen(EventDecodeError, "its own", 2), {}),
    "no gzip": (T, broken("coding", 0), {}),
    "gzip, then garbage": (T, broken("coding", 2), {}),
    # Nobody says that the packed data is cut, only that the body has ended.
    "gzip, cut": (T, CUT, {}),
    "drip": (C, GOOD, {}),
    "drip, cut": (T, broken("unended", 2), {}),
}


class Told:
    """What a stream told while it was read to its end, and the server's side of it."""

    def __init__(self, stream: ChatStream | AsyncChatStream, exchange: Exchange, events_to_read: int) -> None:
        self.stream = stream
        self.exchange = exchange
        self.events: list[ChatCompletionChunk] = []
        self.error: SSEWireError | None = None
        self._events_to_read = events_to_read
        self._may_go_on()

    def take(self, event: ChatCompletionChunk) -> None:
        self.events.append(event)
        self._may_go_on()

    def _may_go_on(self) -> None:
        if len(self.events) >= self._events_to_read:
            self.exchange.proceed.set()


@pytest.fixture(scope="module")
def faults() -> Iterator[FaultServer]:
    with FaultServer() as running:
        # Each test looks for what nobody has closed: only among what is new, or it takes a third of a second.
        gc.collect()
        gc.freeze()
        yield running


def read(get: Get, server: FaultServer, name: str, events: int) -> Told:
    response = get(server.url(name))
    with ChatStream(response) as stream:
        told = Told(stream, server.record.of(response), events)
        try:
            for event in stream:
                told.take(event)
            assert stream.result() == stream.snapshot()
        except SSEWireError as error:
            told.error = error
        assert get.busy() == 0
    return told


async def async_read(get: Get, server: FaultServer, name: str, events: int) -> Told:
    response = await get(server.url(name))
    async with AsyncChatStream(response) as stream:
        told = Told(stream, server.record.of(response), events)
        try:
            async for event in stream:
                told.take(event)
            assert await stream.result() == stream.snapshot()
        except SSEWireError as error:
            told.error = error
        assert get.busy() == 0
    return told


def ask(client: Client | AsyncClient, server: FaultServer, name: str, events: int) -> Told:
    patience = SHORT_SECONDS if waits_in_vain(name) else TIMEOUT_SECONDS

    async def main(client: AsyncClient) -> Told:
        async with client.open(patience) as get:
            return await async_read(get, server, name, events)

    if isinstance(client, AsyncClient):
        return asyncio.run(main(client))
    with client.open(patience) as get:
        return read(get, server, name, events)


def waits_in_vain(name: str) -> bool:
    return ROWS[name][1].cause in ("silent", "chunks")


def cause_of(client: Client | AsyncClient, cause: str) -> Any:
    if not cause:
        return type(None)
    if cause == "its own":
        return msgspec.DecodeError
    of_httpx, of_requests, of_aiohttp = CAUSES[cause]
    name = client.name.removeprefix("async ")
    by_name = {"requests": of_requests, "aiohttp": of_aiohttp}
    return by_name[name] if name in by_name else getattr({"httpx": httpx, "httpx2": httpx2}[name], of_httpx)


@every_client
@pytest.mark.parametrize("name", ROWS)
def test_a_fault_is_told_what_had_arrived_is_there_and_nothing_leaks(
    client: Client | AsyncClient, name: str, faults: FaultServer
) -> None:
    verdict, usual, others = ROWS[name]
    seen = others.get(client.name, usual)
    told = ask(client, faults, name, seen.events)
    assert type(told.error) is (seen.error or type(None))
    assert isinstance(told.error and told.error.__cause__, cause_of(client, seen.cause))
    assert told.stream.verdict is verdict
    expected = [WHOLE[0], WHOLE[1], WHOLE[4]] if "finish reason" in name else WHOLE[: seen.events]
    assert told.events == expected
    snapshot = told.stream.snapshot()
    text = "".join(choice.message.content or "" for choice in snapshot.choices)
    assert text == ("Once" if "finish reason" in name else TEXTS[min(seen.events, 4)])
    assert told.error is None or told.error.snapshot == snapshot
    assert tuple(each.kind for each in told.stream.diagnostics) == seen.noted
    exchange = told.exchange
    del told
    gc.collect()  # a connection that nobody has closed would be told of here
    assert exchange.wait() == "disconnected"


@every_client
def test_what_is_no_stream_is_shown(client: Client | AsyncClient, faults: FaultServer) -> None:
    error = ask(client, faults, "no stream", 0).error
    assert isinstance(error, NotAnEventStreamError)
    assert (error.status, error.body) == (200, GARBAGE)


def test_every_fault_has_its_row() -> None:
    assert list(ROWS) == list(FAULTS)
