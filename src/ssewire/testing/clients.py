"""Bodies go in, a client of httpx or httpx2 that is answered with them comes out: no socket is opened."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ssewire.testing.bodies import Body

if TYPE_CHECKING:
    from collections.abc import Mapping


def fake_client(
    *bodies: bytes | Body,
    client: type[Any] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Make a client whose requests are answered with bodies, one after the other.

    Args:
        bodies: The bodies; the last one answers all further requests.
        client: The class of the client, of httpx or httpx2 or derived from theirs, sync or async;
            `httpx.Client` by default.
        status: The HTTP status of the responses.
        headers: Further headers of the responses, or other values of those that they have.

    Raises:
        ValueError: There is no body.
        TypeError: The class is no client's.
        ImportError: No class was given, and httpx is not installed.
    """
    if not bodies:
        raise ValueError("a client without a body cannot be answered")
    if client is None:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise ImportError("a client class, or httpx, is needed: pip install httpx") from error
        client = httpx.Client
    module = _module_of(client)
    waiting = [body if isinstance(body, Body) else Body(body) for body in bodies]

    def answer(request: Any) -> Any:
        body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        told = module.Headers({"content-type": "text/event-stream; charset=utf-8"})
        told.update(headers or {})  # whatever the case of a name
        return module.Response(status, headers=told, stream=body.stream(module), request=request)

    return client(transport=module.MockTransport(answer))


def _module_of(client: type[Any]) -> Any:
    """The module, httpx or httpx2, that a class of clients comes from."""
    for each in getattr(client, "__mro__", ()):
        module = sys.modules.get(each.__module__.partition(".")[0])
        if all(hasattr(module, name) for name in ("MockTransport", "Response", "Headers")):
            return module
    raise TypeError(f"a client class of httpx or httpx2, or one derived from it, is needed, not {client!r}")
