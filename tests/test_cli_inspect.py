"""`ssewire inspect`: what it reads, prints and writes, and with which exit code it ends."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from capture_cases import BODY, CHUNK, HEAD, story
from ssewire.cli import inputs, inspect, main, parser
from ssewire.cli.output import FINDINGS, INTERRUPTED, WRONG_USE
from ssewire.logs import Capture, CaptureWriter, End, read_captures, write_captures

if TYPE_CHECKING:
    from pathlib import Path

CUT = Capture(HEAD, [(0.25, CHUNK.replace(b"stop", b""))], End("eof", 0.5))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    write_captures([story(), story()], path)
    return path


def test_each_stream_is_shown(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(log)]) == 0
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.startswith(str(log))] == [
        f"{log} #1: complete",
        f"{log} #2: complete",
    ]
    assert "first token         after 500 ms" in out
    assert err == ""


def test_what_is_wrong_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_captures([CUT, story()], tmp_path / "log.jsonl")
    assert main(["inspect", str(tmp_path)]) == FINDINGS
    assert "problem             truncated: " in capsys.readouterr().out


def test_streams_are_printed_as_json(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(log), "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["number"], second["number"]) == (1, 2)
    assert first["parts"][0]["chars"] == 4
    assert first["gaps"] is None


def test_any_form_of_capture_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw.sse").write_bytes(BODY)
    (tmp_path / "app.jsonl").write_text(json.dumps({"body": BODY.decode()}) + "\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BODY)))
    files = [str(tmp_path / "raw.sse"), str(tmp_path / "app.jsonl"), "-"]
    assert main(["inspect", *files, "--body-key", "body", "--json"]) == 0
    reports = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [report["source"] for report in reports] == files
    assert {report["timed"] for report in reports} == {False}


def test_the_dialect_can_be_chosen(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(log), "--dialect", "completions", "--json"]) in (0, FINDINGS)
    assert json.loads(capsys.readouterr().out.splitlines()[0])["dialect"] == "completions"


def test_a_file_that_is_asked_for_must_be_one_of_captures(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "package.json").write_text('{"name": "x"}')
    assert main(["inspect", str(tmp_path)]) == 0  # a folder may hold other files
    assert main(["inspect", str(tmp_path / "package.json"), str(log)]) == WRONG_USE
    out, err = capsys.readouterr()
    assert out.count("#1: complete") == 2
    assert err.count("package.json is no capture file") == 2


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.touch()])
def test_nothing_to_look_at_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any
) -> None:
    make(tmp_path / "nothing.jsonl")
    assert main(["inspect", str(tmp_path / "nothing.jsonl")]) == WRONG_USE
    assert capsys.readouterr().err.startswith("ssewire: ")


def test_a_file_that_breaks_while_it_is_read_is_told(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: Any, **options: Any) -> Any:
        yield from read_captures(log, **options)
        if "bad" in source:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(inputs, "read_captures", broken)
    assert main(["inspect", "bad.jsonl", "good.jsonl"]) == WRONG_USE
    out, err = capsys.readouterr()
    assert err == "ssewire: bad.jsonl: Input/output error\n"
    assert out.count("#2: complete") == 2


def test_a_capture_that_breaks_while_it_is_read_is_told(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(inspect, "look", broken)
    assert main(["inspect", str(log)]) == WRONG_USE
    assert capsys.readouterr().err == f"ssewire: {log}: Input/output error\n"


def test_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "a.yaml").write_text("interactions: []")
    assert main(["inspect", str(tmp_path / "a.yaml")]) == WRONG_USE
    assert "pip install 'ssewire[yaml]'" in capsys.readouterr().err


# -- the page --------------------------------------------------------------------------------------------


def test_a_page_is_written_instead(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["inspect", str(log), "--html", str(page)]) == 0
    out, err = capsys.readouterr()
    size = page.stat().st_size
    assert (out, err) == ("", f"ssewire: {page}: 2 streams, {size:,} bytes; open it in a browser\n")
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert text.endswith("</html>\n")
    assert text.count('class="report">') == text.count('class="kept">') == 2


def test_a_page_and_json_together(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(log), "--json", "--html", str(tmp_path / "page.html")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_who_has_read_enough_json_gets_a_page_of_it(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object) -> str:
        raise BrokenPipeError

    monkeypatch.setattr(inspect, "json_line", gone)
    page = tmp_path / "page.html"
    options = parser().parse_args(["inspect", str(log), "--json", "--html", str(page)])
    with pytest.raises(BrokenPipeError):  # which the command takes for a clean end
        options.run(options)
    assert page.read_text().endswith("</html>\n")


def test_a_page_never_overwrites_a_capture(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = log.read_bytes()
    other = log.with_name("link.jsonl")
    os.link(log, other)
    for name in (log, other):
        assert main(["inspect", str(log), "--html", str(name)]) == WRONG_USE
    assert "is one of the captures" in capsys.readouterr().err
    assert log.read_bytes() == before


def test_a_page_that_cannot_be_written_is_told(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(log), "--html", str(log.parent)]) == WRONG_USE
    assert capsys.readouterr().err == f"ssewire: {log.parent}: Is a directory\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk")
def test_a_full_disk_is_told(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(log), "--html", "/dev/full"]) == WRONG_USE
    assert capsys.readouterr().err == "ssewire: /dev/full: No space left on device\n"


def test_a_page_without_streams_is_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with CaptureWriter(tmp_path / "log.jsonl"):
        pass
    page = tmp_path / "page.html"
    assert main(["inspect", str(tmp_path / "log.jsonl"), "--html", str(page)]) == WRONG_USE
    assert capsys.readouterr().err == "ssewire: no captures there\n"
    assert page.read_text().endswith("</html>\n")


def test_ctrl_c_leaves_a_page_of_what_was_done(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Any:
        for number, capture in enumerate(read_captures(log, report=options["report"])):
            if number == 1:
                raise KeyboardInterrupt
            yield capture

    monkeypatch.setattr(inputs, "read_captures", interrupted)
    page = tmp_path / "page.html"
    assert main(["inspect", str(log), "--html", str(page)]) == INTERRUPTED
    assert "ssewire: interrupted: 1 stream done\n" in capsys.readouterr().err
    text = page.read_text()
    assert text.count('class="report">') == 1
    assert text.endswith("</html>\n")
