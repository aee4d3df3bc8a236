"""Heads: what responses of each client tell, and that looking never raises."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests

from ssewire.logs import Head, ResponseHead
from ssewire.logs.heads import head_from

BODY = b'{"stream": true}'
HEADERS = {"x-mine": "1", "content-type": "application/json"}


def check(head: Head, url: str, body: bytes | None = BODY) -> None:
    assert head.request is not None
    assert (head.request.method, head.request.url, head.request.body) == ("POST", url, body)
    names = {name.lower(): value for name, value in head.request.headers}
    assert names["x-mine"] == "1"
    assert head.response is not None
    assert (head.response.status, head.response.http_version) == (200, "HTTP/1.1")
    assert ("content-type", "text/event-stream") in [
        (name.lower(), value) for name, value in head.response.headers
    ]


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_httpx(chat_url: str, module: Any) -> None:
    with module.stream("POST", chat_url, content=BODY, headers=HEADERS) as response:
        check(head_from(response), chat_url)


@pytest.mark.parametrize("body", [BODY, BODY.decode()])
def test_requests(chat_url: str, body: Any) -> None:
    with requests.post(chat_url, data=body, headers=HEADERS, stream=True, timeout=5) as response:
        check(head_from(response), chat_url)


def test_aiohttp_which_does_not_tell_the_body(chat_url: str) -> None:
    async def ask() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(chat_url, data=BODY, headers=HEADERS) as response,
        ):
            check(head_from(response), chat_url, None)

    asyncio.run(ask())


def test_a_body_that_was_streamed_is_not_known() -> None:
    request = httpx.Request("POST", "https://h/", content=iter([b"x"]))
    head = head_from(httpx.Response(200, request=request))
    assert head.request is not None
    assert head.request.body is None


def test_headers_that_repeat_are_all_told() -> None:
    head = head_from(httpx.Response(200, headers=[("a", "1"), ("a", "2")]))
    assert head.request is None  # it raises when it is asked for
    assert head.response is not None
    assert head.response.headers == (("a", "1"), ("a", "2"))


@pytest.mark.parametrize(
    ("version", "told"),
    [({"version": 20}, "HTTP/2"), ({"version": 77}, None), ({"version": "1.1"}, None), ({}, None)],
)
def test_versions_that_are_not_known_are_not_told(version: dict[str, Any], told: str | None) -> None:
    origin = SimpleNamespace(
        status=200, request_info=None, headers={b"a": b"\xe9"}, raw=SimpleNamespace(**version)
    )
    head = head_from(origin)
    assert head.response is not None
    assert head.response.http_version == told
    origin.headers = [("a", "b")]
    assert head_from(origin) == Head(response=ResponseHead(200, (), told))
    assert head.response.headers == (("a", "é"),)


@pytest.mark.parametrize("origin", [b"x", [b"x"], None, SimpleNamespace(status="200", request=7)])
def test_what_is_no_response_tells_nothing(origin: Any) -> None:
    assert head_from(origin, "then") == Head(began="then")
