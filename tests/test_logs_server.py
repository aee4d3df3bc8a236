"""The server: which capture answers, when, with which faults, and to which clients."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from typing import Any

import httpx
import httpx2
import openai
import pytest

from capture_cases import BODY, CHUNK, DONE, HEAD, READS, RESPONSE, URL, story
from capture_server import playing
from ssewire import ChatStream, Verdict
from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead, read_captures, record
from ssewire.logs.server import Program, make_app, serve

RESPONSES = (
    b'data: {"type":"response.completed","sequence_number":0,"response":{"id":"r","object":"response",'
    b'"model":"example-2","output":[]}}\n\n'
)
TEXT_COMPLETION = b'data: {"object":"text_completion","choices":[{"index":0,"text":"x"}]}\n\n'
BARE = Head(origin="sse")
CHAT_CAPTURE = Capture(BARE, [(None, BODY)])
RESPONSES_CAPTURE = Capture(BARE, [(None, RESPONSES)])
COMPLETIONS_CAPTURE = Capture(BARE, [(None, TEXT_COMPLETION)])


def post(url: str, body: bytes = b"{}", **options: Any) -> httpx.Response:
    return httpx.post(url, content=body, trust_env=False, **options)


# -- which capture ---------------------------------------------------------------------------------------


def test_each_api_is_answered_with_its_dialect() -> None:
    with playing(CHAT_CAPTURE, RESPONSES_CAPTURE, COMPLETIONS_CAPTURE, speed=None) as url:
        assert post(f"{url}/v1/chat/completions").content == BODY
        assert post(f"{url}/v1/responses").content == RESPONSES
        response = post(f"{url}/v1/completions")
        assert response.content == TEXT_COMPLETION
        assert response.headers["content-type"] == "text/event-stream"
        assert httpx.get(f"{url}/v1/responses", trust_env=False).content == RESPONSES


def test_what_nothing_answers_is_not_found() -> None:
    told: list[str] = []
    with playing(RESPONSES_CAPTURE, told=told.append, speed=None) as url:
        response = post(f"{url}/v1/chat/completions")
        assert response.status_code == 404
        assert response.json() == {
            "error": {
                "message": "no capture answers POST /v1/chat/completions; GET / lists what there is",
                "type": "no_capture",
                "code": None,
            }
        }
        assert post(f"{url}/captures/2").status_code == 404
        post(f"{url}/v1/responses")
    assert told == [
        "POST /v1/chat/completions: no capture",
        "POST /captures/2: no capture",
        "POST /v1/responses: capture 1 (log.jsonl)",
    ]


def named(text: bytes, model: str | None = None, path: str = "/v1/chat/completions") -> Capture:
    body = None if model is None else json.dumps({"model": model}).encode()
    return Capture(
        Head(RequestHead("POST", f"https://h{path}", body=body), RESPONSE), [(0.0, text), (0.0, CHUNK)]
    )


def pick(
    program: Program, path: str = "/v1/chat/completions", wanted: str | None = None, body: bytes = b""
) -> int:
    entry = program.pick(path, wanted, body)
    return 0 if entry is None else entry.number


def test_several_answer_in_turn() -> None:
    program = Program([("a", named(b":1\n")), ("b", named(b":2\n"))])
    assert [pick(program) for _ in range(5)] == [1, 2, 1, 2, 1]


def test_the_model_that_is_asked_for_is_preferred() -> None:
    program = Program([("a", named(b"", "one")), ("b", named(b"", "two")), ("c", CHAT_CAPTURE)])
    assert pick(program, body=b'{"model": "two"}') == 2
    assert program.entries[0].models == {"one", "example-1"}  # that was asked for, and that answered
    assert [pick(program, body=b'{"model": "example-1"}') for _ in range(3)] == [1, 2, 3]
    for body in (b'{"model": "three"}', b'{"model": 7}', b"[]", b"\xff", b""):
        assert pick(program, body=body) in (1, 2, 3)


def test_a_capture_can_be_named() -> None:
    program = Program([("logs/a.jsonl", CHAT_CAPTURE), ("logs/b.jsonl", RESPONSES_CAPTURE)])
    assert pick(program, wanted="2") == 2
    assert pick(program, wanted="b.json") == 2
    assert pick(program, "/anything", wanted="1") == 1
    assert pick(program, wanted="c") == pick(program, wanted="") == pick(program, wanted="3") == 0


def test_a_capture_is_named_by_header_query_or_path() -> None:
    with playing(CHAT_CAPTURE, RESPONSES_CAPTURE, speed=None) as url:
        path = f"{url}/v1/chat/completions"
        assert post(path, headers={"x-ssewire-capture": "2"}).content == RESPONSES
        assert post(path, params={"capture": "2"}).content == RESPONSES
        assert post(f"{url}/captures/2").content == RESPONSES


def test_the_recorded_path_answers_too() -> None:
    foreign = named(b"data: x\n\n", path="/v1/messages")
    foreign = Capture(foreign.head, [(0.0, b"data: x\n\n")])
    program = Program([("a", foreign), ("b", CHAT_CAPTURE)])
    assert pick(program, "/v1/messages") == 1
    assert pick(program, "/v1/other") == 0
    assert pick(program, "/openai/deployments/d/chat/completions") == 2


def test_the_captures_are_listed() -> None:
    capture = Capture(Head(RequestHead("POST", URL + "?key=hush", body=b'{"model": "m"}'), RESPONSE), READS)
    with playing(("a.jsonl", capture), ("b.sse", Capture(BARE, [(None, b"data: x\n\n")])), speed=None) as url:
        assert httpx.get(url, trust_env=False).json() == [
            {
                "number": 1,
                "name": "a.jsonl",
                "request": f"POST {URL}?key=REDACTED",
                "endpoint": "/v1/chat/completions",
                "models": ["example-1", "m"],
                "play": "/captures/1",
            },
            {
                "number": 2,
                "name": "b.sse",
                "request": None,
                "endpoint": None,
                "models": [],
                "play": "/captures/2",
            },
        ]


# -- how it is played ------------------------------------------------------------------------------------


def test_a_name_that_is_no_text_is_listed_and_can_be_asked_for() -> None:
    with playing(("n\udcff.sse", CHAT_CAPTURE), speed=None) as url:
        assert httpx.get(url, trust_env=False).json()[0]["name"] == "n\\udcff.sse"
        assert post(f"{url}/?capture=n%5Cudcff").content == CHAT_CAPTURE.body


def test_status_and_headers_are_those_of_the_recording() -> None:
    headers = (
        ("Content-Type", "application/json"),
        ("x-request-id", "7"),
        ("transfer-encoding", "chunked"),
        ("content-encoding", "br"),
        ("x-odd", "\u20ac"),
        ("x-split", "a\r\nb"),
        ("x-ü", "c"),
    )
    capture = Capture(Head(HEAD.request, ResponseHead(429, headers)), [(0.0, b'{"error": {}}')])
    with playing(capture, speed=None) as url:
        response = post(f"{url}/v1/chat/completions")
    assert response.status_code == 429
    assert response.content == b'{"error": {}}'
    assert response.headers["x-request-id"] == "7"
    assert not {"content-encoding", "x-odd", "x-split"} & set(response.headers)


PACED = Capture(HEAD, [(0.03, CHUNK), (0.06, b": ping\n\n"), (0.09, DONE)], End("eof", 0.1))


def test_reads_come_when_they_came() -> None:
    wanted = [data for _, data in PACED.reads]
    with playing(PACED, speed=1) as url:
        for _ in range(10):  # on a busy machine two of them may be read as one
            began = time.monotonic()
            with httpx.stream("POST", f"{url}/v1/chat/completions", trust_env=False) as response:
                found = list(response.iter_raw())
            assert time.monotonic() - began >= 0.1
            assert b"".join(found) == b"".join(wanted)
            if found == wanted:
                return
    pytest.fail(f"{len(found)} reads for {len(wanted)}")


def test_a_reset_breaks_the_connection() -> None:
    with (
        playing(story(), speed=None, faults=["reset:30"]) as url,
        httpx.stream("POST", f"{url}/v1/chat/completions", trust_env=False) as response,
        ChatStream(response) as stream,
        pytest.raises(Exception, match="the transport broke"),
    ):
        stream.result()
    assert stream.verdict is Verdict.TRUNCATED


def test_a_cut_is_a_clean_end() -> None:
    with playing(story(), speed=None, faults=["cut:30"]) as url:
        assert post(f"{url}/v1/chat/completions").content == BODY[:30]


def test_a_stall_ends_when_the_client_goes() -> None:
    with playing(story(), speed=None, faults=["stall:30"]) as url:
        with pytest.raises(httpx.ReadTimeout):
            post(f"{url}/v1/chat/completions", timeout=0.1)
        assert httpx.get(url, trust_env=False).status_code == 200


def test_requests_are_answered_side_by_side() -> None:
    async def ask(url: str) -> float:
        began = time.monotonic()
        async with httpx.AsyncClient(trust_env=False) as client:
            await asyncio.gather(*(client.post(f"{url}/v1/chat/completions") for _ in range(40)))
        return time.monotonic() - began

    with playing(PACED, speed=1) as url:
        assert asyncio.run(ask(url)) < 2  # one by one it would be 4


def test_a_large_request_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssewire.logs.server.MAX_REQUEST_BYTES", 1000)
    with playing(story(), speed=None) as url:
        assert post(f"{url}/v1/chat/completions", b"x" * 10_000_000).content == BODY


# -- clients ---------------------------------------------------------------------------------------------


def test_the_openai_package_is_answered() -> None:
    with (
        playing(CHAT_CAPTURE, RESPONSES_CAPTURE, COMPLETIONS_CAPTURE, speed=None) as url,
        openai.OpenAI(
            api_key="none", base_url=f"{url}/v1", http_client=httpx2.Client(trust_env=False)
        ) as client,
    ):
        chunks = client.chat.completions.create(model="example-1", messages=[], stream=True)
        assert [chunk.choices[0].delta.content for chunk in chunks] == ["Café"]
        events = client.responses.create(model="example-2", input="x", stream=True)
        assert [event.type for event in events] == ["response.completed"]
        texts = client.completions.create(model="x", prompt="x", stream=True)
        assert [each.choices[0].text for each in texts] == ["x"]
        with pytest.raises(openai.NotFoundError, match="no capture answers POST /v1/embeddings"):
            client.embeddings.create(model="x", input="x")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_is_answered() -> None:
    with playing(story(), speed=1) as url:
        done = subprocess.run(
            ["curl", "-sN", "--noproxy", "*", f"{url}/v1/chat/completions", "-d", "{}"],
            capture_output=True,
            check=True,
        )
    assert done.stdout == BODY


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8000", True),
        ("https://[::1]", True),
        ("https://example.com", False),
        ("http://localhost.example.com", False),
        ("null", False),
    ],
)
def test_pages_of_this_machine_may_read(origin: str, allowed: bool) -> None:
    with playing(story(), speed=None) as url:
        response = post(f"{url}/v1/chat/completions", headers={"origin": origin})
        assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
        asked = {"origin": origin, "access-control-request-method": "POST"}
        status = httpx.options(f"{url}/v1/chat/completions", headers=asked, trust_env=False).status_code
        assert status == (200 if allowed else 400)


@pytest.mark.parametrize("status", [0, 101, 600])
def test_a_status_that_cannot_be_sent_is_another(status: int) -> None:
    with playing(Capture(Head(HEAD.request, ResponseHead(status)), READS), speed=None) as url:
        response = post(f"{url}/v1/chat/completions")
        assert (response.status_code, response.content) == (502, BODY)


# -- record and replay -----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_recording_what_is_served_gives_what_was_recorded(tmp_path: Any, module: Any, awaited: bool) -> None:
    reads = [(0.03, CHUNK[:50]), (0.06, CHUNK[50:]), (0.07, b"\xff\n"), (0.1, DONE)]
    capture = Capture(HEAD, reads, End("eof", 0.11))

    async def ask(url: str, path: Any) -> None:
        async with (
            module.AsyncClient(trust_env=False) as client,
            client.stream("POST", url, content=b'{"stream": true}') as response,
        ):
            async for _ in record(response, path):
                pass

    off, start = [1.0] * len(reads), 1.0
    with playing(capture, speed=1) as url:
        url += "/v1/chat/completions"
        for attempt in range(40):  # a busy machine makes it later, nothing makes it earlier
            path = tmp_path / f"{attempt}.jsonl"
            if awaited:
                asyncio.run(ask(url, path))
            else:
                with (
                    module.Client(trust_env=False) as client,
                    client.stream("POST", url, content=b'{"stream": true}') as response,
                ):
                    list(record(response, path))
            again = next(read_captures(path)).load()
            assert again.body == capture.body
            assert again.end.how == "eof"
            assert again.head.request is not None
            assert (again.head.request.method, again.head.request.body) == ("POST", b'{"stream": true}')
            assert again.head.response is not None
            assert again.head.response.status == 200
            if [data for _, data in again.reads] == [data for _, data in reads]:  # or two were read as one
                late = [(at or 0) - due for (at, _), (due, _) in zip(again.reads, reads, strict=True)]
                # What it takes until the response's head has reached the recorder delays them all.
                off = [min(best, abs(each - late[0])) for best, each in zip(off, late, strict=True)]
                start = min(start, abs(late[0]))
            if max(off) < 0.001 and start < 0.005:
                return
    pytest.fail(f"the times were off by {off} seconds, the first by {start}")


# -- extras and ports ------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["starlette.applications", "uvicorn"])
def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install 'ssewire\[server\]'"):
        serve(Program([("a", story())]))


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="a speed"):
        Program([], speed=0)
    with pytest.raises(ValueError, match="no fault"):
        Program([], faults=["x"])
    assert make_app(Program([])) is not None


# -- resuming --------------------------------------------------------------------------------------------

NUMBERED = [
    b'data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1"}}\n\n',
    b'data: {"type":"response.output_text.delta","sequence_number":1,"delta":"a"}\n\n',
    b'data: {"type":"response.output_text.delta","sequence_number":2,"delta":"b"}\n\n',
]


def test_a_response_is_sent_from_behind_a_number() -> None:
    told: list[str] = []
    capture = Capture(BARE, [(None, b"".join(NUMBERED))])
    path = "/v1/responses/resp_1?stream=true"
    with playing(CHAT_CAPTURE, capture, told=told.append, speed=None) as url:
        for query, first in (("", 0), ("&starting_after=0", 1), ("&starting_after=2", 3)):
            response = httpx.get(f"{url}{path}{query}", trust_env=False)
            assert response.content == b"".join(NUMBERED[first:])
            assert response.headers["content-type"] == "text/event-stream"
    assert told[1] == f"GET {path}&starting_after=0: capture 2 (log.jsonl)"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses/resp_2?stream=true&starting_after=0"),
        ("GET", "/v1/responses/resp_1?starting_after=0"),
        ("GET", "/v1/responses/resp_1?stream=true&starting_after=x"),
        ("GET", "/v1/chat/completions?stream=true&starting_after=0"),
        ("POST", "/v1/responses/resp_1?stream=true&starting_after=0"),
        ("GET", "/v1/responses/None?stream=true"),
    ],
)
def test_another_response_is_not_found(method: str, path: str) -> None:
    nameless = Capture(BARE, [(None, NUMBERED[1])])
    with playing(nameless, Capture(BARE, [(None, b"".join(NUMBERED))]), speed=None) as url:
        assert httpx.request(method, url + path, trust_env=False).status_code == 404


def test_a_reset_is_one() -> None:
    with (
        playing(story(), speed=None, faults=["reset:30"]) as url,
        pytest.raises(httpx.ReadError, match="reset by peer") as caught,
    ):
        post(f"{url}/v1/chat/completions")
    assert not isinstance(caught.value, httpx.RemoteProtocolError)


def test_another_server_that_does_not_tell_of_its_connections_breaks_off() -> None:
    app = make_app(Program([("log.jsonl", story())], speed=None, faults=["reset:30"]))
    sent: list[Any] = []

    async def ask() -> None:
        received = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            if (message := next(received, None)) is None:
                await asyncio.sleep(60)
            return message

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
        await app(scope | {"query_string": b"", "client": ("127.0.0.1", 1)}, receive, send)

    asyncio.run(ask())
    assert b"".join(each.get("body", b"") for each in sent) == BODY[:30]
    assert sent[-1]["more_body"]
