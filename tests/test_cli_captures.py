"""`ssewire replay` and `ssewire check` over captures of every form, with filters, speed and summaries."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from capture_cases import BODY, CHUNK, DONE, HEAD, READS, story
from ssewire.cli import main
from ssewire.cli.output import CLEAN, FINDINGS, INTERRUPTED, WRONG_USE
from ssewire.logs import Capture, End, Head, RequestHead, read_captures, write_captures

WHOLE = "complete (chat, 1 event)\n"


EVIL = "\x1b]0;pwn\x07\x1b[2J\x9b"
"""What no terminal should be given."""
IN_JSON = json.dumps(EVIL)[1:-1]
HARMLESS = "\\x1b]0;pwn\\x07\\x1b[2J\\x9b"


def head(host: str) -> Head:
    return Head(RequestHead("POST", f"https://{host}/v1/chat/completions"))


def answer(text: str, finish: str = '"stop"', model: str = "example-1") -> bytes:
    choice = f'{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{finish}}}'
    chunk = f'{{"object":"chat.completion.chunk","model":"{model}","choices":[{choice}]}}'
    return f"data: {chunk}\n\n".encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def log(folder: Path) -> str:
    """Three captures in one file: whole, of another model and host, and failed."""
    captures = [
        story(),
        Capture(head("b.example.com"), [(0.125, answer("Tee", model="example-2") + DONE)], End("eof", 0.5)),
        Capture(head("b.example.com"), [(0.25, b'data: {"error":{"message":"full"}}\n\n')], End("eof", 1.0)),
    ]
    write_captures(captures, folder / "log.jsonl")
    return "log.jsonl"


FAILED = "ssewire: log.jsonl#3: failed: full\n"


# -- forms -----------------------------------------------------------------------------------------------


def har(text: str | None) -> bytes:
    content = {"mimeType": "text/event-stream"} | ({} if text is None else {"text": text})
    exchange = {
        "request": {"method": "POST", "url": "https://api.example.com/v1/chat/completions"},
        "response": {"status": 200, "content": content},
    }
    return json.dumps({"log": {"entries": [exchange]}}).encode()


def cassette(body: str) -> str:
    return (
        "interactions:\n- request: {method: POST, uri: 'https://api.example.com/'}\n"
        "  response:\n    status: {code: 200}\n    headers: {content-type: [text/event-stream]}\n"
        f"    body: {{string: {body}}}\n"
    )


def capture_file(folder: Path, capture: Capture | None = None) -> bytes:
    path = folder / "made.jsonl"
    write_captures([capture or story()], path)
    content = path.read_bytes()
    path.unlink()
    return content


FORMS: dict[str, Any] = {
    "a.sse": lambda _: BODY,
    "a.sse.gz": lambda _: gzip.compress(BODY),
    "a.jsonl": capture_file,
    "a.jsonl.gz": lambda folder: gzip.compress(capture_file(folder)),
    "a.har": lambda _: har(BODY.decode()),
    "a.json": lambda _: har(BODY.decode()),
    "a.yaml": lambda _: cassette(json.dumps(BODY.decode())).encode(),
    "a.ndjson": lambda _: json.dumps({"at": 1, "response": {"body": BODY.decode()}}).encode() + b"\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_replayed_and_checked(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(name).write_bytes(FORMS[name](folder))
    key = ["--body-key", "response.body"] if name == "a.ndjson" else []
    assert main(["replay", *key, "."]) == CLEAN
    assert main(["check", *key, name]) == CLEAN
    assert capsys.readouterr() == (f"Café\n{name}: {WHOLE}", "")
    if not name.endswith(".gz"):  # stdin has no name to tell that

        class Stdin:
            buffer = io.BytesIO(Path(name).read_bytes())

        monkeypatch.setattr(sys, "stdin", Stdin)
        if name != "a.yaml":  # nor this
            assert main(["replay", *key, "-"]) == CLEAN
            assert capsys.readouterr() == ("Café\n", "")


def test_each_capture_of_a_file_has_its_answer_and_its_row(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", log]) == FINDINGS
    assert capsys.readouterr() == ("Café\nTee\n", FAILED)
    assert main(["check", "--json", log]) == FINDINGS
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    shown = [
        (row["source"], row["verdict"], row["model"], row["bytes"], row["time_to_first_token"])
        for row in rows
    ]
    assert shown == [
        ("log.jsonl", "complete", "example-1", len(BODY), 0.5),
        ("log.jsonl#2", "complete", "example-2", len(answer("Tee")) + len(DONE), 0.125),
        ("log.jsonl#3", "failed", None, 36, None),
    ]


def test_a_raw_body_has_no_times(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.sse").write_bytes(BODY)
    assert main(["check", "--json", "a.sse"]) == CLEAN
    row = json.loads(capsys.readouterr().out)
    assert (row["bytes"], row["time_to_first_token"]) == (len(BODY), None)


def test_an_error_instead_of_a_stream_is_told_from_a_pipe(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stdin:
        buffer = io.BytesIO(b'{"error": {"message": "no such model"}}')

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert main(["replay", "-"]) == FINDINGS
    assert capsys.readouterr() == ("", "ssewire: -: failed: no such model\n")


# -- what is bad -----------------------------------------------------------------------------------------

NEWER = b'{"ssewire":2}\n[0.1,"x"]\n'


@pytest.mark.parametrize(
    ("name", "content", "code", "problem"),
    [
        ("bad.jsonl", NEWER, FINDINGS, "bad.jsonl, line 1: a capture of version 2, and this ssewire knows 1"),
        ("bad.jsonl", b"", FINDINGS, "bad.jsonl: no captures in it"),
        ("bad.jsonl", b"[1,2]\n", FINDINGS, "bad.jsonl is no capture file, HAR or cassette; of a log"),
        ("bad.har", har(None), FINDINGS, "bad.har holds no bodies: it was saved without content"),
        ("bad.har", b'{"log": {"entr', FINDINGS, "bad.har is no HAR file: "),
        ("bad.har", b'{"log": {}}', FINDINGS, "bad.har is no HAR file: it has no log with entries"),
        ("bad.har", b"", FINDINGS, "bad.har is no HAR file: "),
        ("bad.sse.gz", BODY, FINDINGS, "bad.sse.gz is no gzip file"),
        ("bad.sse", b"", FINDINGS, "bad.sse: the body ended without an event"),
        ("bad.yaml", b"interactions: [", FINDINGS, "bad.yaml is no YAML that can be read"),
        (
            "bad.yaml",
            cassette("!!binary " + base64.b64encode(b"\xff\0\xfe").decode()).encode(),
            FINDINGS,
            "bad.yaml: not an event stream (status 200): '\\ufffd",
        ),
        ("bad.yaml", cassette("5").encode(), FINDINGS, "bad.yaml, interaction 1: its body is neither text"),
    ],
)
@pytest.mark.parametrize("command", ["replay", "check --quiet"])
def test_a_bad_file_gets_its_line_and_does_not_stop_the_others(
    command: str,
    name: str,
    content: bytes,
    code: int,
    problem: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path(name).write_bytes(content)
    Path("whole.sse").write_bytes(BODY)
    assert main([*command.split(), name, "whole.sse"]) == code
    out, err = capsys.readouterr()
    assert out.endswith("Café\n" if command == "replay" else f"whole.sse: {WHOLE}")
    assert err.startswith(f"ssewire: {problem.encode().decode('unicode-escape')}")


def test_a_cassette_with_a_binary_body_that_is_a_stream_is_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.yaml").write_text(cassette("!!binary " + base64.b64encode(BODY).decode()))
    assert main(["replay", "a.yaml"]) == CLEAN
    assert capsys.readouterr().out == "Café\n"


def test_an_extra_that_is_missing_is_wrong_use(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.yaml").write_text(cassette("x"))
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert main(["check", "."]) == WRONG_USE
    assert capsys.readouterr().err == (
        "ssewire: a.yaml: reading cassettes in YAML needs an extra: pip install 'ssewire[yaml]'\n"
    )


@pytest.mark.parametrize("form", ["text", "json", "events", "sse"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_capture_that_is_cut_says_so(
    folder: Path, form: str, packed: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    content = capture_file(folder)
    cut = content[: content.index(b"[1.0")]
    name = "cut.jsonl.gz" if packed else "cut.jsonl"
    Path(name).write_bytes(gzip.compress(content)[:-40] if packed else cut)
    assert main(["replay", "--as", form, name]) == FINDINGS
    why = "its compressed data ends too early" if packed else "the file ends before its end line (cut.jsonl, "
    assert capfd.readouterr().err.startswith(f"ssewire: {name}: truncated: the capture is cut: {why}")


def test_a_capture_that_is_cut_behind_the_end_of_its_stream_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = capture_file(folder)
    Path("cut.jsonl").write_bytes(content[: content.index(b'{"end"')])
    assert main(["check", "cut.jsonl"]) == FINDINGS
    assert capsys.readouterr() == (
        f"cut.jsonl: {WHOLE}",
        "ssewire: cut.jsonl: the capture is cut: the file ends before its end line (cut.jsonl, line 5)\n",
    )


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (End("closed", 1.0), ""),
        (End("error", 1.0, "reset"), "the recorded transport broke: reset"),
        (End("eof", 1.0, lost_reads=1, lost_bytes=7, problem="disk full"), "the recording lost 7 bytes"),
    ],
)
def test_what_comes_behind_the_end_of_a_stream_counts_unless_its_reader_had_left(
    end: End, found: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.jsonl").write_bytes(capture_file(folder, story(end=end)))
    assert main(["check", "a.jsonl"]) == (FINDINGS if found else CLEAN)
    assert found in capsys.readouterr().err


def test_a_transport_that_broke_is_told_in_its_own_words(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.jsonl").write_bytes(capture_file(folder, Capture(HEAD, READS[:1], End("error", 1.0, "reset"))))
    assert main(["check", "a.jsonl"]) == FINDINGS
    assert capsys.readouterr().err == "ssewire: a.jsonl: truncated: the recorded transport broke: reset\n"


def test_damage_between_captures_is_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = capture_file(folder)
    Path("a.jsonl").write_bytes(content + b"garbage\n" + content)
    assert main(["replay", "a.jsonl"]) == FINDINGS
    assert capsys.readouterr() == (
        "Café\nCafé\n",
        "ssewire: a.jsonl, from line 7 on: 1 line of no capture left out\n",
    )


def test_records_without_a_body_are_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("log.jsonl").write_text(json.dumps({"body": BODY.decode()}) + '\n{"other": 1}\n')
    assert main(["replay", "--body-key", "body", "log.jsonl"]) == CLEAN
    assert capsys.readouterr() == ("Café\n", "ssewire: log.jsonl: 1 records without 'body' left out\n")


def test_other_files_in_a_folder_are_left_out_and_no_findings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.sse").write_bytes(BODY)
    Path("notes.txt").write_text("notes")
    Path("compose.yml").write_text("services: {}\n")
    Path("package.json").write_text("{}")
    assert main(["check", "."]) == CLEAN
    out, err = capsys.readouterr()
    assert out == f"a.sse: {WHOLE}"
    assert [line.partition(" is ")[0] for line in err.splitlines()] == [
        "ssewire: left out: compose.yml",
        "ssewire: left out: package.json",
    ]
    Path("a.sse").unlink()
    assert main(["check", "."]) == WRONG_USE
    assert capsys.readouterr().err.endswith("ssewire: no captures there\n")
    assert main(["check", "package.json"]) == FINDINGS


def test_a_name_that_is_no_text_can_be_printed(folder: Path) -> None:
    with open(b"\xff.sse", "wb") as file:
        file.write(BODY)
    for command in (["check", "."], ["check", "--json", "."], ["replay", "--as", "json", "."]):
        ran = subprocess.run(
            [sys.executable, "-m", "ssewire", *command],
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )
        assert rb"\udcff.sse" in ran.stdout
        assert ran.stderr == b""


# -- filters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "answers", "told"),
    [
        ("--where verdict=complete", "Café\nTee\n", ""),
        ("--where verdict=failed", "", FAILED),
        ("--where verdict!=failed --model *-2", "Tee\n", ""),
        ("--model *-2 --model *-1", "Café\nTee\n", ""),
        ("--host b.*", "Tee\n", FAILED),
        ("--host api.example.com", "Café\n", ""),
        ("--where finish_reason=stop --where dialect=chat --host b.*", "Tee\n", ""),
    ],
)
def test_filters_choose_streams(
    log: str, options: str, answers: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = FINDINGS if told else CLEAN
    assert main(["replay", log, *options.split()]) == code
    assert capsys.readouterr() == (answers, told)
    assert main(["check", log, *options.split(), "--quiet"]) == code
    out, err = capsys.readouterr()
    assert err == told
    assert out.count("\n") == answers.count("\n") + told.count("\n")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("--where verdict=truncated", CLEAN),
        ("--where verdict=truncated --model example-1", CLEAN),
        ("--model gpt", WRONG_USE),
        ("--host nowhere", WRONG_USE),
    ],
)
def test_nothing_that_is_asked_for_is_good_news_and_nothing_to_look_at_is_none(
    log: str, options: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("replay", "check"):
        assert main([command, log, *options.split()]) == code
        assert capsys.readouterr() == ("", "ssewire: the filters left out all there is: 3 streams\n")
    Path("a.sse").write_bytes(BODY)
    main(["check", "a.sse", *options.split()])
    assert "all there is: 1 stream\n" in capsys.readouterr().err or "example-1" in options


def test_a_clean_event_stream_is_made_of_what_was_chosen(
    log: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["replay", "--as", "sse", "--model", "*-1", log]) == CLEAN
    assert capfdbinary.readouterr() == (BODY, b"")


def test_a_chosen_capture_is_the_same_in_every_respect(folder: Path) -> None:
    from ssewire.cli.replay import _copied

    capture = story(end=End("error", 1.5, "reset"))
    odd = Capture(HEAD, [*READS, (None, b"\xff")], End("cut", problem="damaged"))
    for each in (capture, odd):
        with _copied(each) as (passing, again):
            reads = list(passing.reads)
            anew = again()
            assert (anew.head, list(anew.reads), anew.end) == (each.head, reads, each.end)
            assert reads == list(each.reads)


def test_what_does_not_decode_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.sse").write_bytes(b'data: {"type":"response.completed","response":3}\n\n')
    assert main(["replay", "--where", "dialect=responses", "a.sse"]) == FINDINGS
    assert capsys.readouterr().err.count("\n") == 1


# -- speed -----------------------------------------------------------------------------------------------


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for."""
    seconds: list[float] = []
    now = time.monotonic()

    def sleep(wait: float) -> None:
        seconds.append(wait)

    monkeypatch.setattr("ssewire.cli.replay.sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    return seconds


@pytest.mark.parametrize(
    ("speed", "waits"),
    [
        ("1", [0.25, 0.5, 1.0, 1.25]),
        ("2.5", [0.1, 0.2, 0.4, 0.5]),
        ("0", []),
        ("none", []),
    ],
)
def test_reads_are_waited_for(
    folder: Path, slept: list[float], speed: str, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.jsonl").write_bytes(capture_file(folder))
    assert main(["replay", "--speed", speed, "a.jsonl"]) == CLEAN
    assert slept == pytest.approx(waits[:3])  # behind the end mark nobody waits
    slept.clear()
    assert main(["replay", "--speed", speed, "--as", "sse", "--model", "*", "a.jsonl"]) == CLEAN
    assert slept == pytest.approx(waits)
    assert capsys.readouterr().err == ""


def test_time_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.jsonl").write_bytes(capture_file(folder))
    start = time.monotonic()
    assert main(["replay", "--speed", "10", "a.jsonl"]) == CLEAN
    assert 0.1 <= time.monotonic() - start < 1


def test_times_that_were_not_recorded_are_told(
    folder: Path, slept: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.sse").write_bytes(BODY)
    assert main(["replay", "--speed", "1", "a.sse"]) == CLEAN
    assert max(slept) <= 0
    assert capsys.readouterr() == (
        "Café\n",
        "ssewire: a.sse: played without waiting: its times were not recorded\n",
    )


@pytest.mark.parametrize("options", ["--speed -1", "--speed fast", "--speed inf", "--speed nan"])
def test_what_is_no_speed_is_refused(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["replay", *options.split(), "x"])
    assert stop.value.code == WRONG_USE
    assert "a factor above 0, 0 or none" in capsys.readouterr().err


def test_several_jobs_cannot_be_watched(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--speed", "1", "--jobs", "2", log]) == WRONG_USE
    assert capsys.readouterr() == ("", "ssewire: --speed is for one job: nobody can watch several\n")


# -- summaries -------------------------------------------------------------------------------------------


def test_behind_several_streams_comes_a_summary(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", log]) == FINDINGS
    out = capsys.readouterr().out.splitlines()
    size = (len(BODY) + len(answer("Tee")) + len(DONE) + 36) / 2**20
    assert out == [
        f"log.jsonl: {WHOLE.strip()}",
        f"log.jsonl#2: {WHOLE.strip()}",
        "log.jsonl#3: failed (unknown, 1 event)",
        "files:       1 read",
        f"streams:     3, {size:.1f} MiB, 3 events",
        "verdicts:    complete 2, failed 1",
        "dialects:    chat 2, unknown 1",
        "models:      example-1 1, example-2 1, unknown 1",
        "findings:    1",
        "first token: 0.500 s at the latest (log.jsonl)",
    ]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_summary_alone(log: str, jobs: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("cut.sse").write_bytes(CHUNK)
    assert main(["check", "--summary", "--json", "--jobs", jobs, log, "cut.sse", "gone"]) == WRONG_USE
    out, err = capfd.readouterr()
    assert json.loads(out) == {
        "files": 3,
        "unreadable": 1,
        "foreign": 0,
        "streams": 4,
        "left_out": 0,
        "bytes": len(BODY) + len(answer("Tee")) + len(DONE) + 36 + len(CHUNK),
        "events": 4,
        "findings": 1,
        "verdicts": {"complete": 2, "failed": 1, "no_done": 1},
        "dialects": {"chat": 3, "unknown": 1},
        "models": {"example-1": 2, "example-2": 1, "unknown": 1},
        "slowest_first_token": {"seconds": 0.5, "source": "log.jsonl"},
        "interrupted": False,
    }
    assert err == f"{FAILED}ssewire: gone: No such file or directory\n"
    assert main(["check", "--summary", log]) == FINDINGS
    assert capfd.readouterr().out.startswith("files:       1 read\n")


def test_the_findings_alone(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cut.sse").write_bytes(CHUNK)
    assert main(["check", "--findings", "-q", log, "cut.sse"]) == FINDINGS
    assert capsys.readouterr().out == "log.jsonl#3: failed (unknown, 1 event)\n"
    assert main(["check", "--findings", "--strict", "-q", "--json", "cut.sse", "cut.sse"]) == FINDINGS
    assert capsys.readouterr().out.count('"no_done"') == 2


def test_an_interruption_tells_what_was_done(
    log: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(source: Any, **options: Any) -> Any:
        captures = read_captures(source, **options)
        yield next(captures)
        yield next(captures)
        raise KeyboardInterrupt

    monkeypatch.setattr("ssewire.cli.inputs.read_captures", interrupted)
    assert main(["replay", log]) == INTERRUPTED
    out, err = capsys.readouterr()
    assert out == "Café\nTee\n"
    assert "ssewire: verdicts:    complete 2\n" in err
    assert main(["check", "--summary", "--json", log]) == INTERRUPTED
    facts = json.loads(capsys.readouterr().out)
    assert (facts["streams"], facts["files"], facts["interrupted"]) == (2, 0, True)
    assert main(["check", "--where", "verdict=failed", log]) == INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_leaves_is_no_error(log: str) -> None:
    for command in (["check", *[log] * 3000], ["check", "--jobs", "2", *[log] * 3000]):
        with subprocess.Popen(
            [sys.executable, "-m", "ssewire", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            assert running.stdout.readline() == f"log.jsonl: {WHOLE}".encode()
            running.stdout.close()
            assert set(running.stderr.read().decode().splitlines()) <= {FAILED.strip()}
            assert running.wait(30) in {CLEAN, FINDINGS}  # it may have met the third capture before


@pytest.mark.parametrize("options", [["check"], ["check", "--summary"], ["replay"]])
def test_nothing_that_is_told_of_a_stream_controls_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = f'data: {{"error":{{"message":"{IN_JSON}"}}}}\n\n'.encode()
    Path(f"{EVIL}.sse").write_bytes(answer("Tee", model=IN_JSON) + failed)
    assert main([*options, ".", f"{EVIL}.sse", f"{EVIL}.jsonl"]) == WRONG_USE
    out, err = capsys.readouterr()
    assert f"{HARMLESS}.sse: failed: {HARMLESS}\n" in err
    assert err.endswith(f"{HARMLESS}.jsonl: No such file or directory\n")
    assert (out + err).replace("\n", "").isprintable()
    assert options == ["replay"] or f"models:      {HARMLESS} 2\n" in out


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_in_an_answer_controls_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    call = f'{{"index":0,"id":"c1","function":{{"name":"f","arguments":"{IN_JSON}"}}}}'
    calls = f'data: {{"choices":[{{"index":0,"delta":{{"tool_calls":[{call}]}}}}]}}\n\n'
    path = tmp_path / "a.sse"
    path.write_bytes(answer(f"{IN_JSON}\\t\\n\\u007f\\u00a0") + calls.encode() + DONE)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert main(["replay", str(path)]) == CLEAN
    evil, delete = (HARMLESS, "\\x7f") if terminal else (EVIL, "\x7f")
    assert capsys.readouterr().out == f"{evil}\t\n{delete}\xa0\n[function call c1] f {evil}\n"
