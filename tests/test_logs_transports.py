"""The transport: what answers what, in which reads and when, and what is refused."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import openai
import pytest
from hypothesis import given

from capture_cases import BODY, CHUNK, DONE, HEAD, READS, RESPONSE, URL, captures, story
from ssewire import AsyncChatStream, ChatStream, NoCaptureError, StreamInterruptedError, Verdict
from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead, transport, write_captures

if TYPE_CHECKING:
    from pathlib import Path

MODULES: list[Any] = [httpx, httpx2]
both = pytest.mark.parametrize("module", MODULES, ids=["httpx", "httpx2"])
BODY_SENT = b'{"stream": true}'
RESPONSES = b'data: {"type":"response.created","sequence_number":0,"response":{"id":"r"}}\n\n'
TEXT_COMPLETION = b'data: {"object":"text_completion","choices":[{"index":0,"text":"x"}]}\n\n'


def ask(carrier: Any, module: Any, method: str = "POST", url: str = URL, body: bytes = BODY_SENT) -> Any:
    with module.Client(transport=carrier) as client:
        return client.request(method, url, content=body)


async def ask_async(carrier: Any, module: Any, url: str = URL, **options: Any) -> tuple[Any, list[bytes]]:
    async with (
        module.AsyncClient(transport=carrier, **options) as client,
        client.stream("POST", url, content=BODY_SENT) as response,
    ):
        return response, [data async for data in response.aiter_raw()]


@both
def test_one_transport_serves_both_clients(module: Any) -> None:
    carrier = transport([story()], module)
    response = ask(carrier, module)
    assert (response.status_code, response.http_version, response.content) == (200, "HTTP/1.1", BODY)
    assert response.headers["content-type"] == "text/event-stream"
    response, reads = asyncio.run(ask_async(carrier, module))
    assert reads == [data for _, data in READS]


@both
def test_streams_read_from_it(module: Any) -> None:
    carrier = transport([story()], module)
    with (
        module.Client(transport=carrier) as client,
        client.stream("POST", URL) as response,
        ChatStream(response) as stream,
    ):
        assert stream.result().choices[0].message.content == "Café"

    async def read() -> None:
        async with (
            module.AsyncClient(transport=carrier) as client,
            client.stream("POST", URL) as response,
            AsyncChatStream(response) as stream,
        ):
            assert (await stream.result()).choices[0].message.content == "Café"

    asyncio.run(read())


def test_the_openai_package_reads_from_it() -> None:
    client = openai.OpenAI(
        api_key="none",
        base_url="https://api.example.com/v1",
        http_client=httpx2.Client(transport=transport([story()], httpx2)),
    )
    stream = client.chat.completions.create(model="example-1", messages=[], stream=True)
    assert [chunk.choices[0].delta.content for chunk in stream] == ["Café"]


def test_a_file_of_captures_will_do(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write_captures([story()], path)
    assert ask(transport(path, httpx), httpx).content == BODY
    assert ask(transport(str(path), httpx), httpx).content == BODY


# -- what answers ----------------------------------------------------------------------------------------


def said(text: bytes, url: str = URL, method: str = "POST", body: bytes | None = BODY_SENT) -> Capture:
    return Capture(Head(RequestHead(method, url, body=body), RESPONSE), [(0.0, text)])


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        ("https://h/p?a=1&b=2", "https://h/p?b=2&a=1"),
        ("https://h/p?api-key=REDACTED&v=1", "https://h/p?api-key=mine&v=1"),
        ("https://h/p?key=theirs", "https://h/p?key=mine"),
        ("https://H:443/p", "https://h/p"),
        ("https://h", "https://h/"),
    ],
)
def test_urls_are_compared_by_what_they_mean(recorded: str, asked: str) -> None:
    assert ask(transport([said(b"x", recorded)], httpx), httpx, url=asked).content == b"x"


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", URL),
        ("POST", URL + "/more"),
        ("POST", URL + "?a=1"),
        ("POST", URL.replace("https", "http")),
        ("POST", URL.replace("example.com", "example.org")),
        ("POST", URL.replace("example.com", "example.com:8443")),
    ],
)
def test_everything_else_is_refused(method: str, url: str) -> None:
    carrier = transport([story(), story()], httpx)
    with pytest.raises(NoCaptureError) as caught:
        ask(carrier, httpx, method, url)
    assert str(caught.value) == f"no capture answers {method} {url}: there are POST {URL}"
    assert (caught.value.method, caught.value.url) == (method, url)
    with pytest.raises(NoCaptureError):
        asyncio.run(ask_async(carrier, httpx, URL + "/more"))


def test_a_refusal_tells_no_credentials_and_not_everything() -> None:
    many = [said(b"", f"https://h/{number:02}?key=hush") for number in range(13)]
    with pytest.raises(NoCaptureError) as caught:
        ask(transport(many, httpx), httpx, url="https://h/x?key=hush")
    told = str(caught.value)
    assert "hush" not in told
    assert told.endswith("POST https://h/09?key=REDACTED and 3 more")
    with pytest.raises(NoCaptureError, match="there are no captures"):
        ask(transport([], httpx), httpx)


def test_a_url_that_is_none_answers_nothing_and_hurts_nobody() -> None:
    carrier = transport([said(b"x", "https://h:port/"), said(b"y", "https://[h/"), said(b"z")], httpx)
    assert ask(carrier, httpx).content == b"z"


def test_several_answers_come_in_turn_and_the_last_again() -> None:
    carrier = transport([said(b"one"), said(b"two")], httpx)
    assert [ask(carrier, httpx).content for _ in range(4)] == [b"one", b"two", b"two", b"two"]


def test_each_answers_once_when_that_is_wanted() -> None:
    carrier = transport([said(b"one"), said(b"two")], httpx, once=True)
    assert [ask(carrier, httpx).content for _ in range(2)] == [b"one", b"two"]
    with pytest.raises(NoCaptureError, match="each of its captures has answered once"):
        ask(carrier, httpx)


def test_threads_share_a_transport() -> None:
    carrier = transport([said(b"%d" % number) for number in range(40)], httpx, once=True)
    found: list[bytes] = []

    def work() -> None:
        found.extend(ask(carrier, httpx).content for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, found)) == list(range(40))


@pytest.mark.parametrize(
    ("recorded", "asked", "answered"),
    [
        (b'{"a": 1, "b": [2]}', b'{"b":[2],"a":1}', True),
        (b'{"a": 1}', b'{"a": 2}', False),
        (b"form=1", b"form=1", True),
        (b"form=1", b"form=2", False),
        (b"null", b"\xff", False),
        (None, b"", True),
        (None, b"{}", False),
        (b"", b"", True),
    ],
)
def test_bodies_are_compared_when_that_is_wanted(
    recorded: bytes | None, asked: bytes, answered: bool
) -> None:
    carrier = transport([said(b"x", body=recorded)], httpx, match_body=True)
    if answered:
        assert ask(carrier, httpx, body=asked).content == b"x"
        return
    with pytest.raises(NoCaptureError, match=r"its body differs from what was recorded \(1 of that URL\)"):
        ask(carrier, httpx, body=asked)


def test_bodies_are_compared_as_they_were_redacted() -> None:
    carrier = transport(
        [said(b"x", body=b"my ***")],
        httpx,
        match_body=True,
        redact_body=lambda body: body.replace(b"secret", b"***"),
    )
    assert ask(carrier, httpx, body=b"my secret").content == b"x"


def test_bodies_that_are_streamed_can_be_compared() -> None:
    carrier = transport([said(b"x")], httpx, match_body=True)
    with httpx.Client(transport=carrier) as client:
        assert client.post(URL, content=iter([BODY_SENT[:3], BODY_SENT[3:]])).content == b"x"


BARE = {
    "chat": Capture(Head(origin="sse"), [(None, CHUNK)]),
    "responses": Capture(Head(origin="sse"), [(None, RESPONSES)]),
    "completions": Capture(Head(origin="sse"), [(None, TEXT_COMPLETION)]),
}


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", "chat"),
        ("/openai/deployments/x/chat/completions", "chat"),
        ("/v1/responses", "responses"),
        ("/v1/completions", "completions"),
    ],
)
def test_bare_bodies_answer_the_api_of_their_dialect(path: str, dialect: str) -> None:
    carrier = transport(BARE.values(), httpx)
    response = ask(carrier, httpx, url=f"https://anywhere{path}")
    assert response.content == BARE[dialect].body
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    with pytest.raises(NoCaptureError, match="there are POST …/chat/completions, POST …/completions"):
        ask(carrier, httpx, "GET", f"https://anywhere{path}")


def test_bare_bodies_of_no_dialect_answer_every_post() -> None:
    carrier = transport([Capture(Head(origin="sse"), [(None, b"data: x\n\n")])], httpx)
    assert ask(carrier, httpx, url="https://anywhere/else").content == b"data: x\n\n"
    with pytest.raises(NoCaptureError):
        ask(transport([BARE["chat"]], httpx), httpx, url="https://anywhere/else")


def test_a_capture_of_the_very_request_comes_first() -> None:
    assert ask(transport([BARE["chat"], said(b"x")], httpx), httpx).content == b"x"


def test_headers_of_the_connection_and_redacted_ones_are_not_played() -> None:
    sent = (
        ("content-encoding", "gzip"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
        ("set-cookie", "REDACTED"),
        ("x-request-id", "7"),
        ("x-many", "1"),
        ("x-many", "2"),
    )
    capture = Capture(Head(RequestHead("POST", URL), ResponseHead(429, sent)), [(0.0, b"{}")])
    response = ask(transport([capture], httpx), httpx)
    assert response.status_code == 429
    assert response.content == b"{}"
    assert response.headers.multi_items() == [("x-request-id", "7"), ("x-many", "1"), ("x-many", "2")]


# -- when, and what goes wrong ---------------------------------------------------------------------------

PACED = Capture(HEAD, [(0.02, CHUNK), (0.06, CHUNK), (0.1, DONE)], End("eof", 0.12))


def stamps_of(module: Any, *, awaited: bool, speed: float | None) -> list[float]:
    carrier = transport([PACED], module, speed=speed)
    if not awaited:
        with module.Client(transport=carrier) as client:
            began = time.monotonic()
            with client.stream("POST", URL) as response:
                stamps = [time.monotonic() - began for _ in response.iter_raw()]
                return [*stamps, time.monotonic() - began]

    async def read() -> list[float]:
        async with module.AsyncClient(transport=carrier) as client:
            began = time.monotonic()
            async with client.stream("POST", URL) as response:
                stamps = [time.monotonic() - began async for _ in response.aiter_raw()]
                return [*stamps, time.monotonic() - began]

    return asyncio.run(read())


@both
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("speed", [1, 4])
def test_reads_come_when_they_came(module: Any, awaited: bool, speed: float) -> None:
    off = [1.0] * 4
    for _ in range(100):  # a busy machine makes it later, nothing makes it earlier
        stamps = stamps_of(module, awaited=awaited, speed=speed)
        late = [stamp - due / speed for stamp, due in zip(stamps, (0.02, 0.06, 0.1, 0.12), strict=True)]
        assert min(late) >= 0
        off = list(map(min, off, late))
        if max(off) < 0.001:
            return
    pytest.fail(f"they were late by {off} seconds")


@both
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_without_speed_nothing_waits(module: Any, awaited: bool) -> None:
    assert any(stamps_of(module, awaited=awaited, speed=None)[-1] < 0.1 for _ in range(20))


def drain(module: Any, carrier: Any, *, awaited: bool, timeout: float = 5.0) -> bytes:
    if not awaited:
        with module.Client(transport=carrier, timeout=timeout) as client:
            content: bytes = client.post(URL).content
            return content
    return b"".join(asyncio.run(ask_async(carrier, module, timeout=timeout))[1])


either = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])


@both
@either
def test_a_reset_is_a_read_error(module: Any, awaited: bool) -> None:
    carrier = transport([story()], module, faults="reset:20")
    with pytest.raises(module.ReadError, match="connection reset at byte 20") as caught:
        drain(module, carrier, awaited=awaited)
    assert caught.value.request.url == URL


@both
@either
def test_a_recorded_break_is_a_read_error(module: Any, awaited: bool) -> None:
    carrier = transport([story(end=End("error", error="ReadError: gone"))], module)
    with pytest.raises(module.ReadError, match="ReadError: gone"):
        drain(module, carrier, awaited=awaited)


@both
@either
def test_a_stall_runs_into_the_read_timeout(module: Any, awaited: bool) -> None:
    carrier = transport([story()], module, faults=["stall:20"])
    began = time.monotonic()
    with pytest.raises(module.ReadTimeout, match=r"nothing came for 0\.05 seconds"):
        drain(module, carrier, awaited=awaited, timeout=0.05)
    assert 0.05 <= time.monotonic() - began < 2


@both
@either
def test_a_short_stall_passes(module: Any, awaited: bool) -> None:
    carrier = transport([story()], module, faults=["stall:20:0.02"])
    began = time.monotonic()
    assert drain(module, carrier, awaited=awaited) == BODY
    assert time.monotonic() - began >= 0.02


def test_a_client_without_timeout_can_be_stalled() -> None:
    carrier = transport([story()], httpx, faults=["stall:20:0.02"])
    with httpx.Client(transport=carrier, timeout=None) as client:
        assert client.post(URL).content == BODY


def test_a_stalled_reader_can_be_cancelled() -> None:
    async def read() -> None:
        carrier = transport([story()], httpx, faults=["stall:20"])
        async with asyncio.timeout(0.05):
            await ask_async(carrier, httpx, timeout=None)

    with pytest.raises(TimeoutError):
        asyncio.run(read())


def test_a_stream_tells_a_fault() -> None:
    carrier = transport([story()], httpx, faults=[f"reset:{len(CHUNK)}"])
    with (
        httpx.Client(transport=carrier) as client,
        client.stream("POST", URL) as response,
        ChatStream(response) as stream,
        pytest.raises(StreamInterruptedError) as caught,
    ):
        stream.result()
    assert stream.verdict is Verdict.TRUNCATED
    assert isinstance(caught.value.__cause__, httpx.ReadError)


@pytest.mark.parametrize(("options", "problem"), [({"speed": 0}, "a speed"), ({"faults": ["x"]}, "no fault")])
def test_wrong_options_are_refused(options: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        transport([], httpx, **options)


@given(captures)
def test_what_is_played_is_what_was_captured(capture: Capture) -> None:
    end = End("eof", capture.end.seconds)
    response = ResponseHead(200, (("content-type", "text/event-stream"),))
    played = Capture(Head(RequestHead("POST", URL), response), capture.reads, end)
    with (
        httpx.Client(transport=transport([played], httpx)) as client,
        client.stream("POST", URL) as answer,
    ):
        assert list(answer.iter_raw()) == [data for _, data in capture.reads if data]
