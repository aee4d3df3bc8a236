"""Record and play back: the identity on bytes, reads and times, for generated captures.

Over a real server it is shown in test_logs_server.py.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_cases import URL, captures, plain
from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead, read_captures, record, transport
from ssewire.logs.play import play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESPONSE = ResponseHead(200, (("content-type", "text/event-stream"),), "HTTP/1.1")
REQUEST = RequestHead("POST", URL, body=b"{}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("identity")


def timed(gaps: list[tuple[int, bytes]], last: int) -> Capture:
    """A capture whose reads come so many microseconds one after the other."""
    reads: list[tuple[float | None, bytes]] = []
    now = 0
    for gap, data in gaps:
        now += gap
        reads.append((now / 10**6, data))
    return Capture(Head(REQUEST, RESPONSE), reads, End("eof", (now + last) / 10**6))


gaps = st.integers(0, 10**9)
reads = st.lists(st.tuples(gaps, st.binary(max_size=30)), max_size=8)


@given(st.builds(timed, reads, gaps), st.sampled_from((".jsonl", ".jsonl.gz", ".jsonl.zst")))
def test_what_is_played_by_a_clock_is_recorded_by_it(folder: Path, capture: Capture, suffix: str) -> None:
    path = folder / f"log{suffix}"
    path.unlink(missing_ok=True)
    now = 0.0

    def source() -> Iterator[bytes]:
        nonlocal now
        *steps, end = play(capture, speed=1)
        for step in steps:
            now = step.due
            yield step.data
        now = end.due

    assert list(record(source(), path, head=capture.head, clock=lambda: now)) == [
        data for _, data in capture.reads
    ]
    assert plain(next(read_captures(path)).load()) == plain(capture)


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@given(capture=captures)
def test_what_a_transport_plays_is_recorded(
    folder: Path, module: Any, awaited: bool, capture: Capture
) -> None:
    path = folder / "played.jsonl"
    path.unlink(missing_ok=True)
    played = Capture(Head(REQUEST, RESPONSE), capture.reads, End("eof"))
    carrier = transport([played], module)

    async def ask() -> None:
        async with (
            module.AsyncClient(transport=carrier) as client,
            client.stream("POST", URL, content=b"{}") as response,
        ):
            async for _ in record(response, path):
                pass

    if awaited:
        asyncio.run(ask())
    else:
        with (
            module.Client(transport=carrier) as client,
            client.stream("POST", URL, content=b"{}") as response,
        ):
            list(record(response, path))
    again = next(read_captures(path)).load()
    assert [data for _, data in again.reads] == [data for _, data in capture.reads if data]
    assert again.end.how == "eof"
    assert again.head.response == RESPONSE
    assert again.head.request is not None
    assert (again.head.request.method, again.head.request.url, again.head.request.body) == (
        "POST",
        URL,
        b"{}",
    )
