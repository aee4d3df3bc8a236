"""Captures go in; a server on the loopback interface that plays them to any client comes out."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from ssewire._dialects import ResponsesStream
from ssewire.errors import SSEWireError
from ssewire.logs.play import check_speed, parse_faults, play
from ssewire.logs.redaction import redact_url
from ssewire.logs.rest import faults_behind, rest_of
from ssewire.logs.transports import ENDPOINTS, async_sleep, endpoint_of, head_to_send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ssewire.logs.capture import Capture
    from ssewire.logs.play import Fault

CAPTURE_HEADER: Final = "x-ssewire-capture"
MAX_REQUEST_BYTES: Final = 64 * 2**20
LOCAL_ORIGIN: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
"""Which pages may read what is played: those of this machine. What was recorded is nobody else's business."""
PLAYABLE_STATUSES: Final = range(200, 600)
RESET_DELAY_SECONDS: Final = 0.05
"""How long a connection lives on before it is reset: a reset may overtake what was sent."""
_RESPONSE_PATH: Final = re.compile(r"/responses/([^/]+)")


class Entry:
    """A capture to be played, and what it answers.

    Args:
        number: Its number, from 1.
        name: Where it comes from.
        capture: The capture, loaded.
    """

    def __init__(self, number: int, name: str, capture: Capture) -> None:
        self.number = number
        # The name of a file may hold bytes that are no text.
        self.name = name.encode(errors="backslashreplace").decode()
        self.capture = capture
        self.endpoint = endpoint_of(capture)
        """How the path ends at which its dialect is spoken; empty where it speaks none."""
        request = capture.head.request
        self.path = "" if request is None else urlsplit(redact_url(request.url)).path
        """The recorded path, or empty."""
        asked = None if request is None else request.body
        answering, self.response_id = _answer_of(capture)
        models = (_model_of(asked or b""), answering)
        self.models = {model for model in models if model is not None}
        """The models that were asked for and that answered."""

    def told(self) -> dict[str, Any]:
        """What the server's list says of it."""
        request = self.capture.head.request
        return {
            "number": self.number,
            "name": self.name,
            "request": None if request is None else f"{request.method} {redact_url(request.url)}",
            "endpoint": f"/v1{self.endpoint}" if self.endpoint else None,
            "models": sorted(self.models),
            "play": f"/captures/{self.number}",
        }


class Program:
    """What is played to whom.

    Args:
        captures: Pairs of a name and a capture; they are kept in memory.
        speed: 1 for the times of the recording, 10 for a tenth of them, None for no waiting.
        faults: What is to go wrong in each body.

    Raises:
        ValueError: The speed or a fault is none.
    """

    def __init__(
        self,
        captures: Iterable[tuple[str, Capture]],
        *,
        speed: float | None = 1,
        faults: Iterable[str | Fault] = (),
    ) -> None:
        self.speed = check_speed(speed)
        self.faults: Sequence[Fault] = parse_faults(faults)
        self.entries = [
            Entry(number, name, capture.load()) for number, (name, capture) in enumerate(captures, 1)
        ]
        self._turns: dict[tuple[int, ...], Iterator[Entry]] = {}

    def resumed(self, path: str, query: Mapping[str, str]) -> tuple[Entry, Capture, list[Fault]] | None:
        """What answers a GET request for the events of a response behind a number, as the API has it.

        Args:
            path: The path, which names the response.
            query: `stream` is `true`; `starting_after` is a number, or everything is asked for.
        """
        found = _RESPONSE_PATH.search(path)
        after = query.get("starting_after", "-1")
        if found is None or query.get("stream") != "true" or not re.fullmatch(r"-?\d{1,18}", after):
            return None
        for entry in self.entries:
            if entry.response_id == found[1]:
                rest, first = rest_of(entry.capture, int(after))
                return entry, rest, faults_behind(self.faults, first)
        return None

    def pick(self, path: str, wanted: str | None, body: bytes) -> Entry | None:
        """The capture that answers a request; of several, each in turn.

        Args:
            path: The path of the request: that of a capture's own request, or of the API of its dialect.
            wanted: A number or a part of a name, which decides alone.
            body: The request's body; the model that it names is preferred.
        """
        if wanted is not None:
            found = [each for each in self.entries if str(each.number) == wanted]
            found = found or [each for each in self.entries if wanted and wanted in each.name]
        else:
            spoken = next((end for end in ENDPOINTS.values() if path.endswith(end)), None)
            found = [each for each in self.entries if path == each.path or each.endpoint == spoken]
            model = _model_of(body)
            found = [each for each in found if model in each.models] or found
        if not found:
            return None
        turn = self._turns.setdefault(tuple(each.number for each in found), itertools.cycle(found))
        return next(turn)


def _model_of(body: bytes) -> str | None:
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    model = payload.get("model") if isinstance(payload, dict) else None
    return model if isinstance(model, str) else None


def _answer_of(capture: Capture) -> tuple[str | None, str | None]:
    """The model that answers, and the id of the response, if it is one."""
    with capture.stream(malformed="skip") as stream:
        with contextlib.suppress(SSEWireError):
            stream.result()
        response_id = stream.snapshot().id if isinstance(stream, ResponsesStream) else None
        return stream.model, response_id or None


# -- HTTP ------------------------------------------------------------------------------------------------


def make_app(program: Program, told: Callable[[str], object] = lambda _: None) -> Any:
    """The ASGI application that plays a program.

    Args:
        program: What is played.
        told: Called with a line of text for each request.

    Raises:
        ImportError: The extra is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.cors import CORSMiddleware
        from starlette.responses import Response
        from starlette.routing import Mount, Route
    except ImportError as error:
        raise ImportError("serving needs an extra: pip install 'ssewire[server]'") from error

    async def index(_request: Any) -> Any:
        listed = msgspec.json.encode([each.told() for each in program.entries])
        return Response(listed, media_type="application/json")

    cors = Middleware(
        CORSMiddleware,
        allow_origin_regex=LOCAL_ORIGIN,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["*"],
    )
    player = _Player(program, told)
    app = Starlette(routes=[Route("/", index), Mount("/", player)], middleware=[cors])
    app.state.connections = player.connections
    return app


class _Player:
    """An ASGI application that answers every request with a capture, or says that there is none."""

    def __init__(self, program: Program, told: Callable[[str], object]) -> None:
        self._program = program
        self._told = told
        self.connections: dict[Any, Any] = {}
        """The transports of the connections, by the client's address, where the server tells."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request

        request = Request(scope, receive)
        path: str = scope["path"]
        body = bytearray()
        async for part in request.stream():
            if len(body) < MAX_REQUEST_BYTES:
                body += part
        asked = f"{request.method} {path}"
        resumed = self._program.resumed(path, request.query_params) if request.method == "GET" else None
        if resumed is None:
            wanted = _wanted(path, request.headers, request.query_params)
            entry = self._program.pick(path, wanted, bytes(body))
            if entry is None:
                self._told(f"{asked}: no capture")
                await _refuse(send, f"no capture answers {asked}; GET / lists what there is")
                return
            capture, faults = entry.capture, self._program.faults
        else:
            entry, capture, faults = resumed
            asked += f"?{request.url.query}"
        self._told(f"{asked}: capture {entry.number} ({entry.name})")
        if await self._play(capture, faults, receive, send):
            await self._reset(request.client)

    async def _reset(self, client: Any) -> None:
        """Break a connection, so that the client's next read of it fails. Else, its body has no end."""
        import asyncio

        transport = self.connections.get(client)
        if transport is not None:
            await asyncio.sleep(RESET_DELAY_SECONDS)
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    async def _play(self, capture: Capture, faults: Sequence[Fault], receive: Any, send: Any) -> bool:
        """Play to a client that stays; returns whether the connection is to break."""
        import asyncio

        gone = asyncio.ensure_future(receive())  # behind the request's body, the client's leaving
        status, headers = head_to_send(capture)
        if status not in PLAYABLE_STATUSES:  # such as 0, which browsers write down for no answer
            status = 502
        try:
            await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
            began = time.monotonic()  # a recording begins behind the head, too
            for step in play(capture, speed=self._program.speed, faults=faults):
                wait = step.due - (time.monotonic() - began)
                if wait > 0:
                    pause = asyncio.create_task(async_sleep(wait))
                    await asyncio.wait((pause, gone), return_when=asyncio.FIRST_COMPLETED)
                    pause.cancel()
                if gone.done():
                    return False
                if step.broken:
                    return True
                if step.data:
                    await send({"type": "http.response.body", "body": step.data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return False
        finally:
            gone.cancel()


def _wanted(path: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """The capture that a request names: in its path, its header, or its query."""
    if path.startswith("/captures/"):
        return path.removeprefix("/captures/")
    return headers.get(CAPTURE_HEADER) or query.get("capture")


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Headers as they are sent; what cannot be sent is left out."""
    found: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        try:
            pair = name.lower().encode("ascii"), value.encode("latin-1")
        except UnicodeEncodeError:
            continue
        if not any(byte in b"\r\n\0" for byte in pair[0] + pair[1]):
            found.append(pair)
    return found


async def _refuse(send: Any, message: str) -> None:
    body = msgspec.json.encode({"error": {"message": message, "type": "no_capture", "code": None}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def make_server(program: Program, told: Callable[[str], object] = lambda _: None) -> Any:
    """The uvicorn server that plays a program. As `make_app`; a connection that is to break is reset."""
    app = make_app(program, told)
    try:
        import uvicorn
        from uvicorn.protocols.http.h11_impl import H11Protocol
    except ImportError as error:
        raise ImportError("serving needs an extra: pip install 'ssewire[server]'") from error
    connections: dict[Any, Any] = app.state.connections

    class Protocol(H11Protocol):
        """Tells of its connections."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self.client, None)
            super().connection_lost(exc)

    config = uvicorn.Config(
        app,
        http=Protocol,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def serve(
    program: Program,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], object] = lambda _: None,
    told: Callable[[str], object] = lambda _: None,
) -> None:
    """Serve until Ctrl-C.

    Args:
        program: What is played.
        host: The interface; the loopback by default.
        port: The port; 0 for one that is free.
        ready: Called with the server's URL when it listens.
        told: Called with a line of text for each request.

    Raises:
        OSError: The port is taken.
        ImportError: The extra is not installed.
    """
    server = make_server(program, told)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listener.getsockname()[1]}")
        server.run(sockets=[listener])
