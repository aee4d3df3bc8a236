"""Chat streams, and a loopback server that sends them in every way there is and records how each ended."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import socket
import socketserver
import struct
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.types import Receive, Scope, Send

# -- chat streams ----------------------------------------------------------------------------------------


def event(payload: object) -> bytes:
    """One server-sent event; lone surrogates are sent as escapes."""
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def chunk(
    content: str | None = None, *, index: int = 0, finish: str | None = None, role: str | None = None
) -> bytes:
    """A chunk with one choice, as an event."""
    delta = {name: value for name, value in (("role", role), ("content", content)) if value is not None}
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return event(HEAD | {"choices": [choice]})


HEAD: Final[dict[str, object]] = {
    "id": "chatcmpl-test",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "example-1",
}
USAGE: Final = {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}
ROLE: Final = chunk("", role="assistant")
STOP: Final = chunk(finish="stop")
END: Final = b"data: [DONE]\n\n"

STORY: Final = (
    ROLE,
    chunk("Once"),
    chunk(" upon"),
    chunk(" a t\N{LATIN SMALL LETTER I WITH DIAERESIS}me"),
    STOP,
    event(HEAD | {"choices": [], "usage": USAGE}),
    END,
)
"""A whole stream, event by event; the last is the end mark."""
STORY_TEXT: Final = "Once upon a t\N{LATIN SMALL LETTER I WITH DIAERESIS}me"

NAMED_STATUS_ERROR: Final = b'{"error": {"message": "Slow down", "type": "rate_limit", "code": 429}}'
ERROR: Final = b'{"error": {"message": "Who are you?", "type": "auth", "code": "bad_key", "param": null}}'
HTML: Final = b"<!doctype html>\n<title>Sorry</title>\n<p>The gateway is down.</p>\n"

# -- how they are sent -----------------------------------------------------------------------------------

HOLD: Final = 60.0
"""A pause that no test waits for: the client goes first."""

Step = bytes | float
"""Bytes to send, or seconds to wait."""


@dataclass(frozen=True)
class Script:
    """A response: a status, headers, and steps to go through until the end or until the client is gone."""

    steps: Iterable[Step]
    status: int = 200
    content_type: str = "text/event-stream"
    encoding: str | None = None


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Gzip, flushed behind each part so that it can be read when it arrives."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    for part in parts:
        yield packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def _dripped(body: bytes) -> Iterator[Step]:
    """One byte, two, three, one, … with little pauses."""
    at = 0
    for size in itertools.cycle((1, 2, 3, 29)):
        if at >= len(body):
            return
        yield body[at : at + size]
        yield 0.0005
        at += size


def _scripts() -> dict[str, Script]:
    body = b"".join(STORY)
    return {
        "chat": Script(STORY),
        "gzip": Script(list(_compressed(STORY)), encoding="gzip"),
        "gzip-whole": Script([gzip.compress(body)], encoding="gzip"),
        "crlf": Script([each.replace(b"\n", b"\r\n") for each in STORY]),
        "drip": Script(list(_dripped(body))),
        "error-200": Script([NAMED_STATUS_ERROR], content_type="application/json"),
        "error-401": Script([ERROR], status=401, content_type="application/json"),
        "html": Script([HTML], content_type="text/html"),
        "late-end": Script([*STORY, 0.02]),  # the body ends a moment behind the end mark
        "held": Script([*STORY, HOLD]),
        "silent": Script([*STORY[:2], HOLD]),
        "endless": Script(_Endless()),
        "pinging": Script(_Pinging()),
    }


class _Pinging:
    """The beginning of a story, and then nothing but comments."""

    def __iter__(self) -> Iterator[Step]:
        return itertools.chain(STORY[:2], itertools.cycle((b": ping\n\n", 0.01)))


class _Endless:
    """A story without an end, told anew to whoever asks."""

    def __iter__(self) -> Iterator[Step]:
        return itertools.cycle((chunk(" and"), 0.002))


# -- the record ------------------------------------------------------------------------------------------

WAIT_SECONDS: Final = 10.0


@dataclass
class Exchange:
    """What the server knows of one response."""

    peer_port: int
    outcome: Literal["finished", "disconnected"] | None = None
    proceed: threading.Event = field(default_factory=threading.Event)
    """Set by the test: the raw server may break the connection."""
    _ended: threading.Event = field(default_factory=threading.Event)

    def end(self, outcome: Literal["finished", "disconnected"]) -> None:
        """Note how it ended."""
        self.outcome = outcome
        self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._ended.is_set()

    def wait(self) -> str | None:
        """How it ended, as soon as it has."""
        assert self._ended.wait(WAIT_SECONDS), "the response is still being sent"
        return self.outcome


class Record:
    """The exchanges of a server; a response names its own in the header `x-exchange`."""

    def __init__(self) -> None:
        self._exchanges: dict[str, Exchange] = {}
        self._numbers = itertools.count()

    def begin(self, peer_port: int) -> tuple[str, Exchange]:
        """Note a request."""
        number = str(next(self._numbers))
        exchange = self._exchanges[number] = Exchange(peer_port)
        return number, exchange

    def of(self, response: Any) -> Exchange:
        """The server's side of a response that a client got."""
        return self._exchanges[response.headers["x-exchange"]]


# -- the servers -----------------------------------------------------------------------------------------


class _Endpoint:
    """An ASGI application that goes through a script."""

    def __init__(self, script: Script, record: Record) -> None:
        self._script = script
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        number, exchange = self._record.begin(scope["client"][1])
        gone = asyncio.create_task(_until_gone(receive))
        try:
            headers = [
                (b"content-type", self._script.content_type.encode()),
                (b"x-exchange", number.encode()),
            ]
            if self._script.encoding is not None:
                headers.append((b"content-encoding", self._script.encoding.encode()))
            await send({"type": "http.response.start", "status": self._script.status, "headers": headers})
            for step in self._script.steps:
                if isinstance(step, bytes):
                    await send({"type": "http.response.body", "body": step, "more_body": True})
                else:
                    await asyncio.wait((gone,), timeout=step)
                if gone.done():
                    return
            await send({"type": "http.response.body", "body": b""})
        finally:
            exchange.end("disconnected" if gone.done() else "finished")
            gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _RawHandler(socketserver.BaseRequestHandler):
    """Sends the start of a stream up to the middle of an event, and breaks off in the way the path names."""

    record: Record

    def handle(self) -> None:
        connection: socket.socket = self.request
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65_536)
        way = request.split()[1].decode().removeprefix("/")
        number, exchange = self.record.begin(self.client_address[1])
        framing = "Connection: close" if way == "short" else "Transfer-Encoding: chunked"
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Exchange: {number}\r\n{framing}\r\n\r\n"
        )
        connection.sendall(head.encode())
        for part in (*STORY[:2], STORY[2][:40]):
            connection.sendall(part if way == "short" else b"%x\r\n%b\r\n" % (len(part), part))
        if way == "reset":
            # What was sent must be read before it: a reset may overtake it.
            exchange.proceed.wait(WAIT_SECONDS)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        exchange.end("finished")


class _RawServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Server:
    """Both servers, each in a thread of its own, on free ports of the loopback interface.

    What can be asked for: `chat`, `gzip`, `gzip-whole`, `crlf`, `drip`, `error-200`, `error-401`, `html`,
    `late-end` (ends 20 ms behind the end mark), `held` (does not end behind it), `silent` (begins, then
    nothing), `pinging` (begins, then comments), `endless`; and three that end in the middle of an event:
    `reset` (when the exchange may proceed), `cut` (the chunked body is not ended) and `short` (a clean end).
    """

    def __init__(self) -> None:
        self.record = Record()
        app = Starlette(
            routes=[Route(f"/{name}", _Endpoint(script, self.record)) for name, script in _scripts().items()]
        )
        self._http = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                log_level="critical",
                timeout_graceful_shutdown=1,
            )
        )
        self._socket = socket.create_server(("127.0.0.1", 0))
        handler = type("RawHandler", (_RawHandler,), {"record": self.record})
        self._raw = _RawServer(("127.0.0.1", 0), handler)
        self._threads = [
            threading.Thread(target=self._http.run, kwargs={"sockets": [self._socket]}, daemon=True),
            threading.Thread(target=self._raw.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
        ]

    def url(self, name: str) -> str:
        """Where to ask for it."""
        raw = name in ("reset", "cut", "short")
        port = self._raw.server_address[1] if raw else self._socket.getsockname()[1]
        return f"http://127.0.0.1:{port}/{name}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()  # both sockets are listening already, so that no one has to wait
        return self

    def __exit__(self, *_: object) -> None:
        self._http.should_exit = True
        self._raw.shutdown()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
        self._raw.server_close()
        with contextlib.suppress(OSError):
            self._socket.close()
