"""A response of httpx, httpx2, requests or aiohttp goes in; what it tells beside its bytes comes out.

It is recognised by its attributes, never by its type. What it does not tell is left out; looking never fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ssewire.logs.capture import Head, RequestHead, ResponseHead

if TYPE_CHECKING:
    from ssewire.logs.capture import Headers

_VERSIONS: Final = {9: "HTTP/0.9", 10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2", 30: "HTTP/3"}
"""What urllib3 calls them."""


def head_from(origin: Any, began: str | None = None) -> Head:
    """The head of a source, as far as it tells.

    Args:
        origin: The source.
        began: When its recording begins.
    """
    return Head(_request(origin), _response(origin), began)


def _response(origin: Any) -> ResponseHead | None:
    status = _look(origin, "status_code")  # httpx, httpx2, requests
    if status is None:
        status = _look(origin, "status")  # aiohttp
    if not isinstance(status, int):
        return None
    return ResponseHead(int(status), _headers(_look(origin, "headers")), _http_version(origin))


def _request(origin: Any) -> RequestHead | None:
    request = _look(origin, "request")
    if request is None:
        request = _look(origin, "request_info")  # aiohttp
    method, url = _look(request, "method"), _look(request, "url")
    if not isinstance(method, str) or url is None:
        return None
    body = _look(request, "content")
    if body is None:
        body = _look(request, "body")  # requests
    if isinstance(body, str):
        body = body.encode(errors="replace")
    return RequestHead(
        method, str(url), _headers(_look(request, "headers")), body if isinstance(body, bytes) else None
    )


def _http_version(origin: Any) -> str | None:
    version = _look(origin, "http_version")
    if isinstance(version, str):
        return version
    version = _look(_look(origin, "raw"), "version")
    if isinstance(version, int):
        return _VERSIONS.get(version)
    version = _look(origin, "version")  # aiohttp: a pair
    major, minor = _look(version, "major"), _look(version, "minor")
    return f"HTTP/{major}.{minor}" if isinstance(major, int) and isinstance(minor, int) else None


def _headers(headers: Any) -> Headers:
    """Pairs, each as often as it was sent where the mapping can tell."""
    if not isinstance(headers, Mapping):
        return ()
    items = _look(headers, "multi_items")  # httpx
    pairs: Any = items() if callable(items) else headers.items()
    return tuple((_text(name), _text(value)) for name, value in pairs)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _look(thing: Any, name: str) -> Any:
    """An attribute, or None: some raise when they are looked at too early."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None
