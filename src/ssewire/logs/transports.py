"""Captures go in, with the module httpx or httpx2; a transport that answers from them alone comes out."""

from __future__ import annotations

import math
import threading
import time
from os import PathLike
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from ssewire.errors import NoCaptureError
from ssewire.logs.detection import with_dialect
from ssewire.logs.play import check_speed, parse_faults, play
from ssewire.logs.reading import read_captures
from ssewire.logs.redaction import REDACTED, redact_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from ssewire.logs.capture import Capture, RequestHead
    from ssewire.logs.play import Fault, Step
    from ssewire.logs.writing import RedactBody

ENDPOINTS: Final = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "responses": "/responses",
}
"""How the paths end at which each dialect is spoken; the first that fits."""
CONNECTION_HEADERS: Final = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers that describe how the body was sent, and not the body."""
MAX_LISTED: Final = 10
_SPIN_SECONDS: Final = 0.002
"""Loops sleep to the millisecond, and wake up a little later; the rest is waited for step by step."""


def transport(
    captures: Iterable[Capture] | str | PathLike[str],
    module: Any,
    *,
    match_body: bool = False,
    once: bool = False,
    speed: float | None = None,
    faults: Iterable[str | Fault] = (),
    redact_body: RedactBody | None = None,
) -> Any:
    """A transport that answers requests from captures, and refuses all others: nothing leaves the machine.

    A capture answers the requests of its method and URL; one that does not know what was asked (a raw
    `.sse`) answers POST requests to the API of its dialect, by the end of their path, and every POST where
    nothing tells the dialect. Several that answer the same request do so in turn, and the last of them again
    and again. The body comes in the recorded reads, with the recorded status and headers. Where the recorded
    transport broke, `ReadError` is raised; where nothing comes for longer than the client's read timeout,
    `ReadTimeout`.

    Args:
        captures: What to answer from, or a file of it. They are kept in memory.
        module: `httpx` or `httpx2`. The transport serves its `Client` and its `AsyncClient` (with asyncio).
        match_body: Compare the request's body, too: as JSON where it is JSON.
        once: Let each capture answer one request only.
        speed: 1 for the times of the recording, 10 for a tenth of them, None for no waiting.
        faults: What is to go wrong in each body, as `Fault` explains it: `cut:AT`, `reset:AT`,
            `stall:AT[:SECONDS]`, `garbage:AT[:COUNT]`, `reads:SIZE`, `reads:whole`, `reads:random[:SEED]`.
        redact_body: The hook with which the captures were recorded; used on bodies before they are compared.

    Raises:
        ValueError: The speed or a fault is none.
        CaptureError, OSError, ImportError: The captures cannot be read.
    """
    if isinstance(captures, (str, PathLike)):
        captures = read_captures(captures)
    shelf = _Shelf(captures, match_body=match_body, once=once, redact_body=redact_body)
    kind = type("CaptureTransport", (_Transport, module.BaseTransport, module.AsyncBaseTransport), {})
    return kind(shelf, module, check_speed(speed), parse_faults(faults))


# -- which capture answers -------------------------------------------------------------------------------


class _Shelf:
    """Captures in order, and which of them have answered."""

    def __init__(
        self, captures: Iterable[Capture], *, match_body: bool, once: bool, redact_body: RedactBody | None
    ) -> None:
        self._books = [_Book(capture.load()) for capture in captures]
        self._match_body = match_body
        self._once = once
        self._redact_body = redact_body
        self._lock = threading.Lock()

    def take(self, method: str, url: str, body: bytes) -> Capture:
        """The capture that answers. Raises NoCaptureError."""
        if self._redact_body is not None:
            body = self._redact_body(body)
        fitting = [book for book in self._books if book.answers(method, url)]
        # A capture of that very request comes before those that only speak the dialect.
        fitting = [book for book in fitting if book.request is not None] or fitting
        asked = fitting
        if self._match_body:
            fitting = [book for book in fitting if book.has_body(body)]
        with self._lock:
            fresh = [book for book in fitting if not book.taken]
            if fresh:
                fresh[0].taken = True
                return fresh[0].capture
        if fitting and not self._once:
            return fitting[-1].capture
        raise NoCaptureError(method, redact_url(url), self._reason(asked, fitting))

    def _reason(self, asked: Sequence[_Book], fitting: Sequence[_Book]) -> str:
        if fitting:
            return "each of its captures has answered once"
        if asked:
            return f"its body differs from what was recorded ({len(asked)} of that URL)"
        known = sorted({book.name for book in self._books})
        more = f" and {len(known) - MAX_LISTED} more" if len(known) > MAX_LISTED else ""
        return f"there are {', '.join(known[:MAX_LISTED])}{more}" if known else "there are no captures"


class _Book:
    """A capture, and what it answers."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.taken = False
        self.request: RequestHead | None = capture.head.request
        self._endpoint = endpoint_of(capture)
        if self.request is None:
            self.name = f"POST …{self._endpoint}"
        else:
            self.name = f"{self.request.method} {redact_url(self.request.url)}"
            self._address = _address(self.request.url)

    def answers(self, method: str, url: str) -> bool:
        """Whether it answers a request, its body aside."""
        if self.request is not None:
            return method == self.request.method and _address(url) == self._address
        path = urlsplit(url).path
        spoken = next((end for end in ENDPOINTS.values() if path.endswith(end)), None)
        return method == "POST" and self._endpoint in ("", spoken)

    def has_body(self, body: bytes) -> bool:
        """Whether it was asked with that body."""
        if self.request is None or self.request.body is None:
            return not body
        return body == self.request.body or _json(body) == _json(self.request.body) is not None


def endpoint_of(capture: Capture) -> str:
    """How the path ends at which a loaded capture's dialect is spoken; empty where it speaks none."""
    dialect, _ = with_dialect(iter(capture.reads), lambda read: read[1])
    return ENDPOINTS.get(dialect or "", "")


def _address(url: str) -> tuple[object, ...]:
    """What of a URL is compared: not the credentials, nor the order of the query."""
    parts = urlsplit(redact_url(url))
    try:
        given = parts.port
    except ValueError:  # no number
        given = None
    port = given or {"http": 80, "https": 443}.get(parts.scheme)
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    return parts.scheme, parts.hostname, port, parts.path or "/", query


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# -- answering -------------------------------------------------------------------------------------------


class _Transport:
    """Answers; mixed with the transport classes of a module."""

    def __init__(self, shelf: _Shelf, module: Any, speed: float | None, faults: Sequence[Fault]) -> None:
        self._shelf = shelf
        self._module = module
        self._speed = speed
        self._faults = faults
        self._sync_body = type("CaptureBody", (_Body, module.SyncByteStream), {})
        self._async_body = type("CaptureBody", (_AsyncBody, module.AsyncByteStream), {})

    def handle_request(self, request: Any) -> Any:
        """Answer a request of a `Client`."""
        return self._answer(request, request.read(), self._sync_body)

    async def handle_async_request(self, request: Any) -> Any:
        """Answer a request of an `AsyncClient`."""
        return self._answer(request, await request.aread(), self._async_body)

    def _answer(self, request: Any, body: bytes, kind: Any) -> Any:
        capture = self._shelf.take(request.method, str(request.url), body)
        steps = play(capture, speed=self._speed, faults=self._faults)
        status, headers = head_to_send(capture)
        response = capture.head.response
        version = None if response is None else response.http_version
        return self._module.Response(
            status,
            headers=headers,
            stream=kind(steps, self._module, request),
            extensions={} if version is None else {"http_version": version.encode("ascii", "replace")},
            request=request,
        )


def head_to_send(capture: Capture) -> tuple[int, list[tuple[str, str]]]:
    """The status and the headers to play a capture with."""
    response = capture.head.response
    if response is None:
        return 200, [("content-type", "text/event-stream")]
    return response.status, [
        (name, value)
        for name, value in response.headers
        if name.lower() not in CONNECTION_HEADERS and REDACTED not in value
    ]


class _Playing:
    """A body that is played."""

    def __init__(self, steps: Iterator[Step], module: Any, request: Any) -> None:
        self._steps = steps
        self._module = module
        self._request = request
        patience = request.extensions.get("timeout", {}).get("read")
        self._patience = math.inf if patience is None else patience
        self._began = time.monotonic()

    def _wait_for(self, step: Step) -> float:
        """How long to wait for a step, at most as long as the client waits."""
        return min(step.due - (time.monotonic() - self._began), self._patience)

    def _check(self, step: Step, waited: float) -> None:
        """Raise what the client's own transport would."""
        if waited >= self._patience:
            raise self._module.ReadTimeout(
                f"nothing came for {self._patience} seconds", request=self._request
            )
        if step.broken:
            raise self._module.ReadError(step.broken, request=self._request)


class _Body(_Playing):
    def __iter__(self) -> Iterator[bytes]:
        for step in self._steps:
            wait = self._wait_for(step)
            if wait > 0:
                sleep(wait)
            self._check(step, wait)
            if step.data:
                yield step.data

    def close(self) -> None:
        """Nothing is held."""


class _AsyncBody(_Playing):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            wait = self._wait_for(step)
            if wait > 0:
                await async_sleep(wait)
            self._check(step, wait)
            if step.data:
                yield step.data

    async def aclose(self) -> None:
        """Nothing is held."""


def sleep(seconds: float) -> None:
    """Sleep for as long as that; not at all for less than nothing."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, threading.TIMEOUT_MAX))


async def async_sleep(seconds: float) -> None:
    """Sleep as exactly as a thread does."""
    import asyncio

    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        await asyncio.sleep(min(max(left - _SPIN_SECONDS, 0), threading.TIMEOUT_MAX))
