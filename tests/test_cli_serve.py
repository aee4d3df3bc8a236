"""`ssewire serve`: what it reads, says and serves until Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from capture_cases import BODY, DONE, story
from ssewire.cli import main, serve
from ssewire.cli.output import WRONG_USE
from ssewire.logs import read_captures, write_captures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Served = dict[str, Any]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """What the command would serve; it does not."""
    found: Served = {}

    def note(program: Any, **options: Any) -> None:
        found.update(options, names=[each.name for each in program.entries], program=program)

    monkeypatch.setattr("ssewire.logs.server.serve", note)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    write_captures([story(), story()], path)
    return path


def asking(monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], object]) -> None:
    """Ask the server as soon as its URL is printed, then press Ctrl-C."""

    class Stdout(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("http://"):
                threading.Thread(target=self._ask, args=(text.strip(),)).start()
            return super().write(text)

        def _ask(self, url: str) -> None:
            try:
                ask(url)
            finally:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(sys, "stdout", Stdout())


def test_it_serves_until_ctrl_c(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found: list[bytes] = []

    def ask(url: str) -> None:
        found.append(httpx.post(f"{url}/v1/chat/completions", trust_env=False).content)

    asking(monkeypatch, ask)
    assert main(["serve", str(log), "--port", "0", "--speed", "none"]) == 0
    assert found == [BODY]
    err = capsys.readouterr().err
    assert "ssewire: serving 2 captures at http://127.0.0.1:" in err
    assert "/v1; Ctrl-C ends it" in err
    assert f"ssewire: POST /v1/chat/completions: capture 1 ({log})" in err


def test_it_serves_ipv6_where_there_is_some(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6")
    found: list[int] = []
    asking(monkeypatch, lambda url: found.append(httpx.get(url, trust_env=False).status_code))
    assert main(["serve", str(log), "--host", "::1", "--port", "0"]) == 0
    assert found == [200]


def test_options_reach_the_server(log: Path, served: Served) -> None:
    command = ["serve", str(log), "--port", "7", "--speed", "10", "--fault", "cut:5", "--fault", "reads:1"]
    assert main(command) == 0
    assert (served["host"], served["port"]) == ("127.0.0.1", 7)
    assert served["program"].speed == 10
    assert [fault.kind for fault in served["program"].faults] == ["cut", "reads"]
    for none in ("0", "none"):
        assert main(["serve", str(log), "--speed", none]) == 0
        assert served["program"].speed is None


@pytest.mark.parametrize(
    "arguments", [["--speed", "-1"], ["--speed", "fast"], ["--fault", "fire"], ["--port", "x"], []]
)
def test_wrong_options_are_wrong_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", *(["x.jsonl"] if arguments else []), *arguments])
    assert caught.value.code == WRONG_USE
    assert "usage: ssewire serve" in capsys.readouterr().err


def test_a_folder_is_searched_for_what_holds_captures(
    tmp_path: Path, log: Path, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "answer.sse").write_bytes(BODY)
    write_captures([story()], tmp_path / "more.jsonl.gz")
    (tmp_path / "README.txt").write_text("no capture")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "package.json").write_text('{"name": "x"}')
    (tmp_path / "broken.har").write_text("{")
    (tmp_path / "bodies.har").write_text(json.dumps({"log": {"entries": []}}))
    assert main(["serve", str(tmp_path)]) == 0
    names = [os.path.relpath(name, tmp_path) for name in served["names"]]
    assert names == ["below/answer.sse", "log.jsonl", "log.jsonl", "more.jsonl.gz"]
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2
    assert "broken.har is no HAR file" in err[0]
    assert "package.json is no capture file" in err[1]


def test_stdin_is_read(log: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(log.read_bytes())))
    assert main(["serve", "-"]) == 0
    assert served["names"] == ["-", "-"]


def test_a_log_is_read_with_the_key_of_its_bodies(tmp_path: Path, served: Served) -> None:
    path = tmp_path / "app.jsonl"
    path.write_text(json.dumps({"body": DONE.decode()}) + "\n")
    assert main(["serve", str(path), "--body-key", "body"]) == 0
    assert served["names"] == [str(path)]


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.touch()])
def test_nothing_to_serve_is_wrong_use(
    tmp_path: Path, served: Served, capsys: pytest.CaptureFixture[str], make: Any
) -> None:
    make(tmp_path / "nothing.jsonl")
    assert main(["serve", str(tmp_path / "nothing.jsonl")]) == WRONG_USE
    assert "ssewire: no captures there" in capsys.readouterr().err
    assert served == {}


def test_a_file_that_cannot_be_read_is_told_and_the_others_served(
    log: Path, served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    def refuse(source: Any, **options: Any) -> Any:
        if "secret" in str(source):
            raise PermissionError(13, "Permission denied", source)
        return read_captures(source, **options)

    monkeypatch.setattr(serve, "read_captures", refuse)
    assert main(["serve", "secret.jsonl", str(log)]) == 0
    assert capsys.readouterr().err == "ssewire: secret.jsonl: Permission denied\n"
    assert len(served["names"]) == 2


def test_a_port_that_is_taken_is_told(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main(["serve", str(log), "--port", str(port)]) == WRONG_USE
    assert f"ssewire: 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_the_extra_is_named(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    assert main(["serve", str(log)]) == WRONG_USE
    assert "pip install 'ssewire[server]'" in capsys.readouterr().err


def test_the_forms_of_faults_are_told(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", str(log), "--fault", "fire"])
    assert "argument --fault: no fault: 'fire'; cut:AT, reset:AT," in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_that_is_none_is_wrong_use(log: Path, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["serve", str(log), "--port", port])
    assert stop.value.code == WRONG_USE
    assert f"argument --port: a number from 0 to 65535, not {port!r}" in capsys.readouterr().err
