"""What the README shows is run as it stands there."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import runpy
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from capture_server import playing
from ssewire.cli import parser
from ssewire.logs import Capture, Head
from ssewire.testing import make_responses_body

if TYPE_CHECKING:
    from server import Server

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_quick_start_is_two_blocks_of_one_command_line_each() -> None:
    quick_start = README.partition("## Quick start")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", quick_start, re.MULTILINE | re.DOTALL)
    assert blocks == SHELL
    assert [block.count("\n") for block in blocks] == [1, 1]
    assert "ssewire demo" in blocks[0]
    assert "pytest" in blocks[1]


def run(program: str, tmp_path: Path, **names: object) -> str:
    path = tmp_path / "program.py"
    path.write_text(program)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(str(path), init_globals=names, run_name="__main__")
    return out.getvalue()


def programs_of(chapter: str) -> list[str]:
    text = README.partition(f"## {chapter}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_there_are_three_programs() -> None:
    assert programs_of("Three programs") == PROGRAMS[:3]
    assert len(PROGRAMS[:3]) == 3


def test_the_first_program_prints_the_answer(tmp_path: Path, chat_url: str) -> None:
    out = run(PROGRAMS[0], tmp_path, url=chat_url, request={}, headers={})
    assert out.endswith("\n(complete)\n")
    assert len(out) > len("\n(complete)\n")


def test_the_second_program_prints_the_answer_and_the_final_object(tmp_path: Path, chat_url: str) -> None:
    assert asyncio is not None
    out = run(PROGRAMS[1], tmp_path, url=chat_url, request={}, headers={})
    assert "CompletionUsage(" in out


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cut", "cut: [Choice("),
        ("short", "cut: [Choice("),
        ("error-401", "failed: Who are you? 401"),
        ("error-200", "failed: Slow down 429"),
    ],
)
def test_the_second_program_tells_what_went_wrong(
    name: str, told: str, tmp_path: Path, server: Server
) -> None:
    out = run(PROGRAMS[1], tmp_path, url=server.url(name), request={}, headers={})
    assert told in out
    assert "CompletionUsage(" not in out


RESPONSE = '{"id":"resp_1","object":"response","model":"example-1","output":[]'
CALL = '{"type":"function_call","id":"fc_1","call_id":"call_1","name":"look_up","arguments":"{}"}'
RECORDING = "".join(
    f"data: {payload}\n\n"
    for payload in (
        f'{{"type":"response.created","sequence_number":0,"response":{RESPONSE}}}}}',
        '{"type":"response.output_text.delta","sequence_number":1,"output_index":0,"delta":"Let me see. "}',
        f'{{"type":"response.output_item.done","sequence_number":2,"output_index":1,"item":{CALL}}}',
        f'{{"type":"response.completed","sequence_number":3,"response":{RESPONSE},"usage":{{"total_tokens":5}}}}}}',
    )
)


def test_the_third_program_parses_a_recording(tmp_path: Path) -> None:
    recording = tmp_path / "recording.sse"
    recording.write_text(RECORDING)
    first, last = run(PROGRAMS[2], tmp_path, recording=recording).splitlines()
    assert first == "Let me see. look_up {}"
    assert last.startswith("complete ResponseUsage(")
    assert "total_tokens=5" in last


def test_the_program_about_logs_records_reads_and_tests(
    tmp_path: Path, chat_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = programs_of("Logs")
    out = run(program, tmp_path, url=chat_url, request={}, headers={})
    read, tested = out.splitlines()
    assert read.startswith("closed CompletionUsage(")
    assert tested == "connection reset at byte 500"


def test_every_extra_is_told() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in extras.keys() - {"all", "dev"}:
        assert f"| `ssewire[{extra}]` |" in README


def test_the_commands_about_logs_are_understood() -> None:
    chapter = README.partition("## Logs\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^\$ ssewire (.*?)(?: +#.*)?$", chapter, re.MULTILINE)
    assert {command.split()[0] for command in commands} >= {"record", "serve", "inspect", "replay", "check"}
    for command in commands:
        parser().parse_args(shlex.split(command))


def test_the_program_about_fuzzing_finds_what_is_wrong_with_its_consumer(tmp_path: Path) -> None:
    from ssewire import ChatStream

    (program,) = programs_of("Fuzz your own consumer")
    (tmp_path / "program.py").write_text(program)
    names = runpy.run_path(str(tmp_path / "program.py"))
    with pytest.raises((AssertionError, IndexError, ValueError, ExceptionGroup)):
        names["test_my_consumer"]()

    def consume(body: bytes) -> str:
        return ChatStream(body).result().choices[0].message.content or ""

    names["test_my_consumer"].hypothesis.inner_test.__globals__["consume"] = consume
    names["test_my_consumer"]()


def test_every_verdict_is_explained() -> None:
    from ssewire import Verdict

    for verdict in Verdict:
        assert f"| `{verdict.value}` |" in README


@pytest.mark.parametrize("name", ["LICENSE", "CHANGELOG.md"])
def test_the_files_every_repository_has_are_there(name: str) -> None:
    assert (ROOT / name).read_text()


def test_the_program_of_parts_prints_calls_and_text(tmp_path: Path) -> None:
    function = '{"name":"look_up","arguments":"{\\"of\\":1}"}'
    call = f'{{"index":0,"id":"call_1","function":{function}}}'
    deltas = ['{"content":"Well"}', f'{{"tool_calls":[{call}]}}']
    chunks = [f'{{"choices":[{{"index":0,"delta":{delta}}}]}}' for delta in deltas]
    chunks.append('{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}')
    body = "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"]).encode()
    out = run(PROGRAMS[3], tmp_path, response=body)
    lines = ["Wellcalls look_up", "call_1 {'of': 1}", "Well tool_calls None None complete"]
    assert out.splitlines() == lines


def test_the_picture_of_a_stream_is_what_inspect_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from server import chunk, event
    from ssewire.cli import main
    from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead, write_captures

    def delta(name: str, text: str) -> bytes:
        choice = {"index": 0, "delta": {name: text}, "finish_reason": None}
        return event({"model": "example-1", "choices": [choice]})

    call = {"index": 0, "id": "call_1", "function": {"name": "look_up", "arguments": ""}}
    usage = {"prompt_tokens": 212, "completion_tokens": 96}
    pieces = [delta("reasoning_content", "so it is" + "." * (number % 5)) for number in range(40)]
    pieces += [delta("content", "word" * (1 + number % 3)) for number in range(30)]
    pieces += [event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})]
    for text in ('{"city": ', '"Reykj', 'avík", ', '"days": 3}'):
        grown = {"index": 0, "function": {"arguments": text}}
        pieces += [event({"choices": [{"index": 0, "delta": {"tool_calls": [grown]}}]})]
    pieces += [chunk(finish="tool_calls"), event({"choices": [], "usage": usage}), b"data: [DONE]\n\n"]
    at = 0.42
    reads = []
    for number, piece in enumerate(pieces):
        at += 0.3 if number == 40 else 0.02 + number % 7 / 500
        reads.append((at, piece))
    head = Head(
        RequestHead("POST", "https://api.example.com/v1/chat/completions"),
        ResponseHead(200),
        "2026-01-01T12:00:00+00:00",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    write_captures([Capture(head, reads, End("eof", at))], "answers.jsonl")
    assert main(["inspect", "answers.jsonl"]) == 0
    (shown,) = re.findall(r"^```text\n(answers.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert capsys.readouterr().out.strip() == shown.strip()


def test_the_program_that_resumes_prints_the_whole_answer(tmp_path: Path) -> None:
    (program,) = programs_of("Streams that break and go on")
    body = make_responses_body(text="Hello there, once more")
    capture = Capture(Head(origin="sse"), [(None, body)])
    with playing(capture, speed=None, faults=[f"reset:{len(body) // 2}"]) as url:
        out = run(program, tmp_path, url=f"{url}/v1/responses", request={"model": "example-1"})
    text, last = out.splitlines()
    assert text == "Hello there, once more"
    assert last.startswith("(complete) Diagnostic(kind='resumed'")
