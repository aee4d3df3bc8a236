"""Responses that decompress to more than they seem, read through `bounded`."""

from __future__ import annotations

import asyncio
import gzip
import pickle
import tracemalloc
import zlib
from typing import Any

import httpx
import httpx2
import pytest

from ssewire import AsyncChatStream, BodyTooLargeError, ChatStream, StreamInterruptedError, Verdict, bounded
from ssewire._bounded import STEP_BYTES
from ssewire.testing import Body, make_chat_body

MIB = 2**20
BOMB = gzip.compress(b": " + b"\0" * 64 * MIB)
"""64 MiB of a comment, in 64 KiB."""

each_client = pytest.mark.parametrize("module", [httpx, httpx2])


def response(module: Any, body: Body, coding: str) -> Any:
    return module.Response(200, headers={"content-encoding": coding}, stream=body.stream(module))


@each_client
@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes), ("X-GZip ", gzip.compress)],
)
def test_a_bounded_response_is_read_like_any_other(module: Any, coding: str, compress: Any) -> None:
    body = Body(compress(make_chat_body(text="one two three")), reads=50)
    with ChatStream(bounded(response(module, body, coding))) as stream:
        assert stream.result().choices[0].message.content == "one two three"
    assert body.closed == 1

    async def main() -> None:
        async with AsyncChatStream(bounded(response(module, body, coding))) as stream:
            assert (await stream.result()).choices[0].message.content == "one two three"

    asyncio.run(main())
    assert body.closed == 2


@each_client
def test_a_bomb_ends_at_the_limit_and_is_never_held(module: Any) -> None:
    assert len(BOMB) < 128 * 2**10
    stream = ChatStream(bounded(response(module, Body(BOMB), "gzip"), max_bytes=4 * MIB))
    tracemalloc.start()
    with stream, pytest.raises(StreamInterruptedError) as caught:
        stream.result()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB
    assert isinstance(caught.value.__cause__, BodyTooLargeError)
    assert caught.value.__cause__.limit == 4 * MIB
    assert str(caught.value.__cause__) == "body larger than 4194304 bytes"
    assert stream.verdict is Verdict.TRUNCATED


@pytest.mark.parametrize(("limit", "fits"), [(STEP_BYTES, True), (STEP_BYTES - 1, False), (0, False)])
def test_the_limit_is_exact(limit: int, fits: bool) -> None:
    data = b"x" * STEP_BYTES
    given: list[bytes] = []
    try:
        given.extend(bounded(response(httpx, Body(gzip.compress(data)), "gzip"), max_bytes=limit))
    except BodyTooLargeError:
        assert not fits
    else:
        assert fits
    assert b"".join(given) == data[:limit]


def test_the_error_pickles() -> None:
    loaded = pickle.loads(pickle.dumps(BodyTooLargeError(5)))
    assert (loaded.limit, str(loaded)) == (5, "body larger than 5 bytes")


def test_what_cannot_be_bounded_is_refused() -> None:
    with pytest.raises(ValueError, match="'br' cannot be bounded"):
        bounded(response(httpx, Body(b""), "br"))
