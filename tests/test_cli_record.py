"""`ssewire record`: what it asks, prints, writes and says."""

from __future__ import annotations

import io
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from capture_cases import BODY, HEAD, URL, story
from capture_server import playing
from server import ERROR, HTML, STORY_TEXT
from ssewire.cli import main
from ssewire.cli.output import FINDINGS, INTERRUPTED, WRONG_USE, StdoutError
from ssewire.logs import Capture, End, read_captures

if TYPE_CHECKING:
    from pathlib import Path

    from server import Server


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path / "log.jsonl"


def recorded(path: Path) -> Capture:
    (capture,) = (each.load() for each in read_captures(path))
    return capture


def test_the_answer_is_printed_and_recorded_to_its_end(
    chat_url: str, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", chat_url, "-o", str(output)]) == 0
    out, err = capsys.readouterr()
    assert out == STORY_TEXT + "\n"
    assert err == f"ssewire: recorded to {output}\n"
    capture = recorded(output)
    assert capture.end.how == "eof"
    assert capture.head.request is not None
    assert (capture.head.request.method, capture.head.request.url) == ("GET", chat_url)


def test_headers_and_data_are_sent_and_credentials_are_not_written(output: Path, tmp_path: Path) -> None:
    data = tmp_path / "body.json"
    data.write_bytes(b'{"model": "m"}')
    with playing(story(), speed=None) as url:
        command = ["record", f"{url}/v1/chat/completions", "-o", str(output)]
        command += ["-H", "Authorization: Bearer hush", "--header", "x-a:b", "--data", f"@{data}"]
        assert main(command) == 0
    request = recorded(output).head.request
    assert request is not None
    assert (request.method, request.body) == ("POST", b'{"model": "m"}')
    headers = dict(request.headers)
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "REDACTED"
    assert headers["x-a"] == "b"
    assert b"hush" not in output.read_bytes()


@pytest.mark.parametrize(("data", "sent"), [("{}", b"{}"), ("@-", b"from stdin")])
def test_data_can_be_given_and_typed(
    output: Path, monkeypatch: pytest.MonkeyPatch, data: str, sent: bytes
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from stdin")))
    with playing(story(), speed=None) as url:
        command = ["record", f"{url}/captures/1", "-o", str(output), "-d", data, "-X", "PUT"]
        assert main([*command, "-H", "Content-Type: text/plain"]) == 0
    request = recorded(output).head.request
    assert request is not None
    assert (request.method, request.body) == ("PUT", sent)
    assert dict(request.headers)["content-type"] == "text/plain"


def test_a_second_recording_is_appended(chat_url: str, output: Path) -> None:
    for _ in range(2):
        assert main(["record", chat_url, "-o", str(output)]) == 0
    assert len(list(read_captures(output))) == 2


def test_a_folder_gets_a_file_of_its_own(
    chat_url: str, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", chat_url, "-o", str(output.parent)]) == 0
    (path,) = output.parent.iterdir()
    assert f"recorded to {path}" in capsys.readouterr().err


def test_the_dialect_can_be_told(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with playing(story(), speed=None) as url:
        command = ["record", f"{url}/captures/1", "-o", str(output), "--dialect", "completions"]
        assert main(command) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("error-401", "failed: Who are you? (code bad_key, type auth, status 401)"),
        ("html", "not an event stream (status 200)"),
        ("short", "truncated: the stream was cut before its end was told"),
        ("cut", "truncated: the transport broke"),
    ],
)
def test_what_is_wrong_is_said_and_recorded(
    server: Server, output: Path, capsys: pytest.CaptureFixture[str], name: str, found: str
) -> None:
    assert main(["record", server.url(name), "-o", str(output)]) == FINDINGS
    assert f"ssewire: {found}" in capsys.readouterr().err
    capture = recorded(output)
    assert capture.end.how == ("error" if name == "cut" else "eof")
    assert capture.body in (ERROR, HTML) or capture.body.startswith(b"data: ")


def test_a_silence_that_is_too_long_is_told(server: Server, output: Path) -> None:
    assert main(["record", server.url("silent"), "-o", str(output), "--timeout", "0.1"]) == FINDINGS
    end = recorded(output).end
    assert end.how == "error"
    assert "ReadTimeout" in (end.error or "")


def test_a_break_behind_the_end_mark_is_told(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = Capture(HEAD, [(0.0, BODY), (0.05, b": bye\n\n")], End("error", 0.1, "gone"))
    with playing(late, speed=1) as url:
        assert main(["record", f"{url}/captures/1", "-o", str(output)]) == FINDINGS
    assert "/captures/1: " in capsys.readouterr().err
    assert recorded(output).end.how == "error"
    assert recorded(output).body == BODY + b": bye\n\n"


def test_ctrl_c_leaves_what_came(
    server: Server, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stdout(io.StringIO):
        def write(self, text: str) -> int:
            if "and" in text:
                raise KeyboardInterrupt
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Stdout())
    assert main(["record", server.url("endless"), "-o", str(output)]) == INTERRUPTED
    told = f"ssewire: interrupted: what came until then is recorded to {output}\n"
    assert capsys.readouterr().err == told
    capture = recorded(output)
    assert capture.end.how == "closed"
    assert capture.body


def test_a_reader_who_has_seen_enough_is_no_problem(
    chat_url: str, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ssewire.cli import record

    def leave(_stream: Any) -> None:
        raise StdoutError

    monkeypatch.setattr(record, "print_text", leave)
    with pytest.raises(StdoutError):
        record.run(_options(chat_url, output))
    assert recorded(output).end.how == "closed"


def _options(url: str, output: Path) -> Any:
    from ssewire.cli import parser

    return parser().parse_args(["record", url, "-o", str(output)])


def test_a_full_disk_is_told_behind_the_answer(
    chat_url: str, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.symlink_to("/dev/full")
    assert main(["record", chat_url, "-o", str(output)]) == FINDINGS
    out, err = capsys.readouterr()
    assert out == STORY_TEXT + "\n"
    assert "No space left on device (lost " in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-H", "no colon"], "a header is written 'Name: value', not 'no colon'"),
        (["-H", ": empty"], "a header is written 'Name: value', not ': empty'"),
        (["-H", "a b: c"], "a header is written 'Name: value', not 'a b: c'"),
        (["-H", "X: é"], "the header X has something else than one line of ASCII"),
        (["-H", "X: a\nY: b"], "the header X has something else than one line of ASCII"),
        (["-X", "B AD"], "a method is a word such as POST, not 'B AD'"),
        (["-d", "@/nothing/there"], "/nothing/there: No such file or directory"),
        (["-o", "/nothing/log.jsonl"], "/nothing/log.jsonl: No such file or directory"),
        (["-o", "answer.sse"], "answer.sse would not be read as a capture file: end its name in .jsonl"),
    ],
)
def test_wrong_use_is_told(
    chat_url: str, output: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["record", chat_url, "-o", str(output), *arguments]) == WRONG_USE
    assert capsys.readouterr().err == f"ssewire: {told}\n"
    assert not output.exists()


@pytest.mark.parametrize("url", ["ftp://h/", "no url", "http://h:port/"])
def test_what_is_no_url_is_told(output: Path, capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert main(["record", url, "-o", str(output)]) == WRONG_USE
    assert capsys.readouterr().err.startswith("ssewire: ")


def test_a_server_that_is_not_there_is_told(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    assert main(["record", url, "-o", str(output)]) == FINDINGS
    assert f"ssewire: {url}: " in capsys.readouterr().err
    assert not output.exists()


def test_the_extra_is_named(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    assert main(["record", URL, "-o", str(output)]) == WRONG_USE
    assert "pip install 'ssewire[httpx]'" in capsys.readouterr().err
