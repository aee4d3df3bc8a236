"""The `ssewire` command, run in process; one run as a process shows that it is installed."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ssewire import ChatCompletion, Tokenizer
from ssewire.cli import main
from ssewire.cli.demo import brief
from ssewire.cli.jobs import for_each
from ssewire.cli.output import CLEAN, FINDINGS, INTERRUPTED, WRONG_USE, StdoutError
from ssewire.logs.detection import with_dialect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire.cli.tally import Tally
    from ssewire.logs import Capture

CORPUS = Path(__file__).parent / "corpus"


def chunk(delta: str = "{}", finish: str = "null", index: int = 0, **more: str) -> bytes:
    beside = "".join(f',"{name}":{value}' for name, value in more.items())
    choice = f'{{"index":{index},"delta":{delta},"finish_reason":{finish}}}'
    return f'data: {{"object":"chat.completion.chunk","choices":[{choice}]{beside}}}\n\n'.encode()


DONE = b"data: [DONE]\n\n"
WHOLE = chunk('{"content":"Good "}') + chunk('{"content":"day"}', '"stop"') + DONE


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "whole.sse"
    path.write_bytes(WHOLE)
    return path


def test_text_is_the_answer_alone(body: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(body)]) == 0
    out, err = capsys.readouterr()
    assert out == "Good day\n"
    assert err == ""


def test_text_shows_what_the_answer_has_beside_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = '{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}'
    custom = '{"index":1,"id":"c2","type":"custom","custom":{"name":"g","input":"now"}}'
    path = tmp_path / "calls.sse"
    path.write_bytes(
        chunk('{"content":"one\\n"}', '"stop"')
        + chunk('{"content":"two"}', '"stop"', index=1)
        + chunk('{"refusal":"no"}', '"stop"', index=2)
        + chunk(f'{{"tool_calls":[{call},{custom}]}}', '"tool_calls"', index=3)
        + chunk('{"function_call":{"name":"h","arguments":"[]"}}', '"function_call"', index=4)
        + DONE
    )
    assert main(["replay", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "one",
        "[choice 1] two",
        "[refusal] no",
        "[function call c1] f {}",
        "[custom call c2] g now",
        "[function call] h []",
    ]


def test_json_is_one_line_a_stream_with_verdict_and_source(
    body: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "--as", "json", str(body), str(body)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["source"], line["verdict"], line["dialect"]) for line in lines] == [
        (str(body), "complete", "chat")
    ] * 2
    assert lines[0]["result"]["choices"][0]["message"]["content"] == "Good day"
    assert lines[0]["error"] is None


def test_json_tells_the_error_and_its_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "failed.sse"
    path.write_bytes(b'data: {"error":{"message":"full","code":503}}\n\n')
    assert main(["replay", "--as", "json", str(path)]) == FINDINGS
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert (error["kind"], error["message"], error["code"], error["status"]) == (
        "ProviderError",
        "full",
        503,
        503,
    )
    assert err == f"ssewire: {path}: failed: full (code 503, status 503)\n"


def test_events_are_one_typed_event_a_line(body: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--as", "events", str(body)]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["choices"][0]["delta"]["content"] for event in events] == ["Good ", "day"]


def test_half_a_surrogate_pair_can_be_printed_as_an_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "half.sse"
    path.write_bytes(chunk('{"content":"\\ud83d"}') + chunk('{"content":"\\ude00"}', '"stop"') + DONE)
    assert main(["replay", "--as", "events", str(path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "\\ud83d" in first
    assert "\\ude00" in second
    assert main(["replay", str(path)]) == 0
    assert capsys.readouterr().out == "😀\n"


def test_sse_is_a_clean_event_stream(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "untidy.sse"
    path.write_bytes(b"\xef\xbb\xbf: hello\r\nevent:x\rdata:a\ndata: b\r\n\r\nid: 7\nfoo: bar\n\ndata: c\n\n")
    assert main(["replay", "--as", "sse", str(path)]) == 0
    out = capfdbinary.readouterr().out
    assert out == b"event: x\ndata: a\ndata: b\n\nid: 7\ndata: c\n\n"
    assert Tokenizer().feed(out) == Tokenizer().feed(path.read_bytes())


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b": nothing\n\n", "no events"),
        (b"data: a", "truncated: the last event came without its blank line and was left out"),
    ],
)
def test_sse_tells_what_it_left_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, finding: str
) -> None:
    path = tmp_path / "odd.sse"
    path.write_bytes(content)
    assert main(["replay", "--as", "sse", str(path)]) == FINDINGS
    assert capfd.readouterr().err == f"ssewire: {path}: {finding}\n"


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"", "the body ended without an event"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not an event stream: '\ufffdPNG"),
        (b"<html>\n</html>", "not an event stream: '<html>"),
        (chunk('{"content":"Hal"}'), "truncated: the stream was cut before its end was told"),
        (
            chunk() + b"data: {oops\n\n" + chunk(finish='"stop"') + DONE,
            "1 malformed event skipped",
        ),
        (
            b"data: :\n\ndata: {oops\n\n" + chunk(finish='"stop"') + DONE,
            "2 malformed events skipped",
        ),
        (b'event: ping\ndata: {"type":"ping"}\n\n', "events of no known dialect"),
        (
            b"data: 1\n\ndata: [2]\n\n" * 3,
            "truncated: the stream was cut before its end was told; 6 malformed",
        ),
    ],
)
def test_a_bad_file_gets_one_clear_line_and_does_not_stop_the_others(
    tmp_path: Path, body: Path, capsys: pytest.CaptureFixture[str], content: bytes, finding: str
) -> None:
    bad = tmp_path / "bad.sse"
    bad.write_bytes(content)
    assert main(["replay", str(bad), str(body)]) == FINDINGS
    out, err = capsys.readouterr()
    assert out.endswith("Good day\n")
    assert err.startswith(f"ssewire: {bad}: {finding}")
    assert err.count("\n") == 1


def test_a_missing_file_is_wrong_use(body: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "missing.sse", str(body)]) == WRONG_USE
    out, err = capsys.readouterr()
    assert out == "Good day\n"
    assert err == "ssewire: missing.sse: No such file or directory\n"


def test_a_stream_of_the_end_mark_alone_is_clean(tmp_path: Path) -> None:
    path = tmp_path / "done.sse"
    path.write_bytes(DONE)
    assert main(["replay", str(path)]) == 0


def test_folders_are_searched_and_patterns_expanded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b/two.sse", "a/one.sse", "a/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(WHOLE.replace(b"day", name.encode()))
    assert main(["replay", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Good a/one.sse\nGood b/two.sse\n"
    assert main(["replay", str(tmp_path / "*" / "t*.sse")]) == 0
    assert capsys.readouterr().out == "Good b/two.sse\n"


def test_a_folder_without_recordings_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path)]) == WRONG_USE
    assert capsys.readouterr().err == "ssewire: no captures there\n"


class FakeStdin:
    """A standard input that holds these bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_stdin_is_a_dash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", FakeStdin(WHOLE))
    assert main(["replay", "-"]) == 0
    assert capsys.readouterr().out == "Good day\n"


def test_the_dialect_can_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.sse"
    path.write_bytes(
        b'data: {"choices":[{"text":"x","delta":{"content":"y"},"finish_reason":"stop"}]}\n\n' + DONE
    )
    assert main(["replay", "--dialect", "chat", str(path)]) == 0
    assert capsys.readouterr().out == "y\n"


def test_the_dialect_is_looked_for_in_growing_heads_not_at_every_read() -> None:
    comments = [b": padding\n\n"] * 300
    dialect, reads = with_dialect(iter([*comments, WHOLE, DONE]), bytes)
    assert dialect == "chat"
    assert b"".join(reads) == b"".join(comments) + WHOLE + DONE


def test_the_dialect_is_looked_for_in_the_first_mebibyte_only() -> None:
    block = b":" + b" " * (2**19) + b"\n"
    dialect, reads = with_dialect(iter([block] * 4 + [WHOLE]), bytes)
    assert dialect is None
    assert b"".join(reads) == block * 4 + WHOLE


def test_the_demo_shows_events_message_verdict_and_timing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    for sign in (
        "ChatCompletionChunk(",
        "final message:",
        "get_weather",
        "verdict:  complete",
        "first token after",
    ):
        assert sign in out


def test_brief_leaves_out_what_is_default() -> None:
    assert (
        brief(ChatCompletion(id="a", choices=[]))
        == "ChatCompletion(id='a', object='chat.completion', model='')"
    )


def test_wrong_arguments_exit_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["replay"], ["replay", "--as", "xml", "x"], ["frobnicate"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == WRONG_USE
    assert "usage: ssewire" in capsys.readouterr().err


def test_ctrl_c_ends_quietly(
    body: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_name: str, **_options: object) -> Iterator[Capture]:
        raise KeyboardInterrupt

    monkeypatch.setattr("ssewire.cli.inputs.read_captures", interrupt)
    assert main(["replay", str(body)]) == INTERRUPTED
    assert capsys.readouterr().err == ""


def test_a_reader_that_stops_reading_is_no_error(
    body: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open(tmp_path / "out", "w") as stdout:

        def broken(_text: str) -> int:
            raise BrokenPipeError

        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(stdout, "write", broken, raising=False)
        assert main(["replay", str(body)]) == 0


class Pipe(io.TextIOWrapper):
    """A stdout that nobody reads."""

    def __init__(self, *, buffered: bool) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        file = io.FileIO(writer, "wb")
        super().__init__(io.BufferedWriter(file) if buffered else file, write_through=not buffered)


FORMS = (
    ["check"],
    ["check", "--json"],
    ["check", "--summary"],
    ["replay"],
    ["replay", "--as", "json"],
    ["replay", "--as", "events"],
    ["replay", "--as", "sse"],
    ["inspect"],
)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk")
@pytest.mark.parametrize("command", FORMS, ids=" ".join)
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_full_disk_is_no_fault_of_a_capture(
    body: Path,
    command: list[str],
    buffering: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with io.TextIOWrapper(open("/dev/full", "wb", buffering=buffering), write_through=True) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main([*command, str(body)]) == WRONG_USE
        monkeypatch.undo()
    assert capsys.readouterr().err == "ssewire: stdout: No space left on device\n"


def test_what_was_found_is_told_to_who_stops_reading(
    body: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut.sse"
    cut.write_bytes(chunk())
    with open(tmp_path / "out", "w") as stdout:

        def write_first(text: str) -> int:
            if str(body) in text:
                raise BrokenPipeError
            return len(text)

        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(stdout, "write", write_first, raising=False)
        assert main(["check", str(body), str(cut)]) == CLEAN
        assert main(["check", str(cut), str(body)]) == FINDINGS


@pytest.mark.parametrize(
    ("arguments", "buffered"),
    [
        (["b.sse"], True),
        (["b.sse", "c.jsonl"], True),
        (["c.jsonl", "a.sse"], False),
        (["--summary", "a.sse"], False),
        (["--summary", "--json", "a.sse"], False),
    ],
)
def test_findings_count_though_nobody_reads_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], buffered: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.sse").write_bytes(WHOLE.removesuffix(DONE))
    Path("b.sse").write_bytes(chunk())
    Path("c.jsonl").write_bytes(b"")
    with Pipe(buffered=buffered) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["check", "--strict", *arguments]) == FINDINGS


def test_what_is_printed_has_left_when_the_work_is_done(body: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(name: str, tally: Tally) -> None:
        print(name)
        tally.find()

    with Pipe(buffered=True) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(StdoutError) as caught:
            for_each([str(body)], work)
        assert caught.value.code == FINDINGS
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())


@pytest.mark.parametrize(("command", "code"), [(["check"], CLEAN), (["replay", "missing"], WRONG_USE)])
def test_without_stdout_and_stderr_the_exit_code_tells(
    body: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], code: int
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main([*command, str(body)]) == code
    with sys.stdout, sys.stderr:
        pass


@pytest.mark.parametrize("command", ["check", "replay", "inspect", "serve"])
def test_a_stdin_that_is_closed_is_told(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main([command, "-"]) == WRONG_USE
    assert capsys.readouterr().err.splitlines()[0] == "ssewire: -: stdin is closed"


def test_the_demo_is_shown_without_the_letters_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with io.TextIOWrapper(io.BytesIO(), "ascii") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["demo"]) == CLEAN


def test_the_module_is_the_command(
    body: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ssewire", "replay", str(body)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("ssewire", run_name="__main__")
    assert stop.value.code == 0
    assert capsys.readouterr().out == "Good day\n"


def test_the_command_is_installed_and_a_module_too(body: Path) -> None:
    for command in ([str(Path(sys.executable).with_name("ssewire"))], [sys.executable, "-m", "ssewire"]):
        ran = subprocess.run([*command, "replay", str(body)], capture_output=True, check=True)
        assert ran.stdout == b"Good day" + os.linesep.encode()
        assert ran.stderr == b""


def test_a_response_that_does_not_decode_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.sse"
    path.write_bytes(b'data: {"type":"response.completed","response":3}\n\n')
    assert main(["replay", "--as", "json", str(path)]) == FINDINGS
    out, err = capsys.readouterr()
    assert err == f"ssewire: {path}: 1 malformed event skipped\n"
    report = json.loads(out)
    assert (report["result"]["status"], report["verdict"], report["error"]) == ("completed", "complete", None)
    (diagnostic,) = report["diagnostics"]
    assert (diagnostic["kind"], diagnostic["ordinal"]) == ("malformed", 1)


def test_bytes_that_are_no_utf8_are_replaced_where_nobody_has_decoded_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.sse"
    path.write_bytes(b'data: {"type":"response.created","response":{"model":"\xff"}}\n\n')
    assert main(["replay", "--as", "events", str(path)]) == FINDINGS
    assert json.loads(capsys.readouterr().out)["response"]["model"] == "\ufffd"
