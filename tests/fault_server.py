"""A loopback server on raw sockets that answers with faults: what no HTTP server would send for anybody."""

from __future__ import annotations

import contextlib
import gzip
import socket
import socketserver
import struct
import threading
import zlib
from dataclasses import dataclass
from typing import Final, Literal, Self

from server import END, STOP, STORY, WAIT_SECONDS, Exchange, Record

Ending = Literal["close", "reset", "hold"]
"""How a response ends: with a FIN (only our half is closed), with a RST, or not at all."""

AGREED: Final = object()
"""A step: wait until the client has read what came so far. A reset may overtake it, and so may an error."""

CHUNKED: Final = "Transfer-Encoding: chunked"
CUT_AT: Final = 40
"""In the middle of an event."""
HALF: Final = STORY[2][:CUT_AT]
BODY: Final = b"".join(STORY)
GARBAGE: Final = bytes(range(128, 256)) * 2
"""What is no UTF-8, no line end, and no field."""


@dataclass(frozen=True)
class Fault:
    """A response: how its head frames the body, what is sent behind the head, and how it ends."""

    framing: str
    steps: tuple[object, ...]
    ending: Ending = "close"
    version: str = "1.1"


def _in_chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def _length(size: int) -> str:
    return f"Content-Length: {size}"


BEGUN: Final = _in_chunks(*STORY[:2])
"""What came of the story before something goes wrong: its text is `Once`."""
LAST_CHUNK: Final = b"0\r\n\r\n"
STARTED: Final = b"".join(STORY[:2])
PACKED: Final = gzip.compress(BODY)
_packer = zlib.compressobj(wbits=31)
PACKED_START: Final = _packer.compress(STARTED) + _packer.flush(zlib.Z_SYNC_FLUSH)
_GZIP: Final = f"{CHUNKED}\r\nContent-Encoding: gzip"


def _unended(part: bytes, missing: int) -> bytes:
    """The beginning of a chunk that is said to be longer."""
    return b"%x\r\n%b" % (len(part) + missing, part)


FAULTS: Final[dict[str, Fault]] = {
    # breaks
    "reset between chunks": Fault(CHUNKED, (BEGUN, AGREED), "reset"),
    "reset in a chunk": Fault(CHUNKED, (BEGUN + _unended(HALF, 9), AGREED), "reset"),
    "reset without length": Fault("Connection: close", (STARTED + HALF, AGREED), "reset"),
    "end between chunks": Fault(CHUNKED, (BEGUN, AGREED)),
    "end in a chunk": Fault(CHUNKED, (BEGUN + _unended(HALF, 9), AGREED)),
    "end behind an event in a chunk": Fault(CHUNKED, (BEGUN + _unended(STORY[2] + HALF, 9), AGREED)),
    "end in a chunk's size": Fault(CHUNKED, (BEGUN + b"1", AGREED)),
    "end behind the finish reason": Fault(CHUNKED, (BEGUN + _in_chunks(STOP), AGREED)),
    "end behind the end mark": Fault(CHUNKED, (_in_chunks(*STORY),)),
    "reset behind the end mark": Fault(CHUNKED, (_in_chunks(*STORY), AGREED), "reset"),
    # silence
    "stall": Fault(CHUNKED, (BEGUN,), "hold"),
    "stall in a chunk": Fault(CHUNKED, (BEGUN + _unended(HALF, 9),), "hold"),
    # lies about the length
    "too little": Fault(_length(len(BODY)), (STARTED + HALF, AGREED)),
    "too little, in whole events": Fault(_length(len(BODY)), (STARTED, AGREED)),
    "too much": Fault(_length(len(STARTED + HALF)), (STARTED + HALF, AGREED, BODY)),
    "too much, in whole events": Fault(_length(len(STARTED)), (STARTED, AGREED, BODY)),
    "no length, cut": Fault("Connection: close", (STARTED + HALF,)),
    "no length, cut between events": Fault("Connection: close", (STARTED,)),
    "HTTP/1.0": Fault("X-Nothing: 0", (BODY,), version="1.0"),
    "HTTP/1.0, cut": Fault("X-Nothing: 0", (STARTED + HALF,), version="1.0"),
    "nothing": Fault(CHUNKED, (LAST_CHUNK,)),
    "nothing and no end": Fault(CHUNKED, ()),
    # garbage
    "no chunk size": Fault(CHUNKED, (BEGUN, AGREED, b"zz\r\n")),
    "no end of a chunk": Fault(CHUNKED, (BEGUN, AGREED, b"2\r\n: no end at all\r\n")),
    "no stream": Fault(CHUNKED, (_in_chunks(GARBAGE) + LAST_CHUNK,)),
    "garbage among the events": Fault(
        CHUNKED, (BEGUN + _in_chunks(GARBAGE + b"\n\n", *STORY[2:]) + LAST_CHUNK,)
    ),
    "garbage in an event": Fault(
        CHUNKED, (BEGUN + _in_chunks(b"data: " + GARBAGE + b"\n\n", END) + LAST_CHUNK,)
    ),
    "no gzip": Fault(_GZIP, (_in_chunks(BODY) + LAST_CHUNK,)),
    "gzip, then garbage": Fault(_GZIP, (_in_chunks(PACKED_START), AGREED, _in_chunks(GARBAGE) + LAST_CHUNK)),
    "gzip, cut": Fault(_GZIP, (_in_chunks(PACKED_START), AGREED, LAST_CHUNK)),
    # slowness
    "drip": Fault(CHUNKED, (*(_in_chunks(BODY[at : at + 1]) for at in range(len(BODY))), LAST_CHUNK)),
    "drip, cut": Fault(CHUNKED, tuple(BEGUN[at : at + 1] for at in range(len(BEGUN)))),
}


class _Handler(socketserver.BaseRequestHandler):
    """Answers one request with the fault that its path numbers, and waits until the client has left."""

    record: Record

    def handle(self) -> None:
        connection: socket.socket = self.request
        connection.settimeout(WAIT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65_536)
        fault = list(FAULTS.values())[int(request.split()[1].removeprefix(b"/"))]
        number, exchange = self.record.begin(self.client_address[1])
        head = (
            f"HTTP/{fault.version} 200 OK",
            "Content-Type: text/event-stream",
            f"X-Exchange: {number}",
            fault.framing,
        )
        with contextlib.suppress(OSError):  # the client may leave at any time
            connection.sendall("\r\n".join((*head, "", "")).encode())
            self._answer(connection, fault, exchange)
            while connection.recv(65_536):
                pass
        exchange.end("disconnected")

    def _answer(self, connection: socket.socket, fault: Fault, exchange: Exchange) -> None:
        for step in fault.steps:
            if isinstance(step, bytes):
                connection.sendall(step)
            else:
                exchange.proceed.wait(WAIT_SECONDS)
        if fault.ending == "close":
            connection.shutdown(socket.SHUT_WR)
        elif fault.ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class FaultServer:
    """The server, in a thread of its own on a free port of the loopback interface."""

    def __init__(self) -> None:
        self.record = Record()
        handler = type("Handler", (_Handler,), {"record": self.record})
        self._listener = _Listener(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def url(self, name: str) -> str:
        """Where to ask for a fault."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}/{list(FAULTS).index(name)}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._thread.join(WAIT_SECONDS)
        self._listener.server_close()
