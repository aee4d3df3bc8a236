"""The benchmarks run, and check what they time."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_the_comparison_runs_and_prints_ratios(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SSEWIRE_SHARED", str(tmp_path))  # so that it takes the recordings of the package
    monkeypatch.setenv("PATH", str(tmp_path))  # so that it finds no Node
    options = ["--rounds", "1", "--slow", "1", "--deltas", "20", "--memory"]
    monkeypatch.setattr(sys, "argv", ["compare.py", *options])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    runpy.run_path(str(BENCHMARKS / "compare.py"), run_name="__main__")
    out = capsys.readouterr().out
    tables = out.split("\n## ")[1:]
    assert [table.partition(":")[0] for table in tables] == [
        "recorded",
        "recorded-responses",
        "answer",
        "calls",
        "crlf",
        "comments",
        "large",
        "responses",
        "memory",
    ]
    for table in tables[:-1]:
        rows = [line.split(" | ")[0] for line in table.splitlines()]
        assert {"| whole", "| tokenizer", "| httpx-sse + json", "| httpx2 + json"} < set(rows)
        assert {"| orjson alone", "| json alone", "| Struct alone"} < set(rows)
    assert "| openai, accumulated |" in tables[-1]


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no Node here")
def test_a_parser_on_node_is_timed_on_the_same_streams(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--rounds", "1", "--slow", "0", "--deltas", "20", "--workload", "calls"]
    monkeypatch.setattr(sys, "argv", ["compare.py", *options])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    runpy.run_path(str(BENCHMARKS / "compare.py"), run_name="__main__")
    assert "| eventsource-parser on Node, JSON.parse |" in capsys.readouterr().out


def test_a_workload_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compare.py", "--workload", "other"])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    with pytest.raises(SystemExit):
        runpy.run_path(str(BENCHMARKS / "compare.py"), run_name="__main__")
    assert "there is no workload 'other': there are recorded, " in capsys.readouterr().err


def test_the_cost_of_parts_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SSEWIRE_SHARED", str(tmp_path))  # so that it takes the recording of the package
    monkeypatch.setattr(sys, "argv", ["parts.py", "--rounds", "1", "--answer", "20"])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    runpy.run_path(str(BENCHMARKS / "parts.py"), run_name="__main__")
    rows = capsys.readouterr().out.splitlines()
    assert [row.partition(",")[0] for row in rows[1:]] == [
        name for name in ("answer", "recorded", "responses", "recorded-responses") for _ in range(2)
    ]


def test_lines_are_profiled(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--workload", "answer", "--deltas", "30", "--rounds", "1", "--lines", "4"]
    monkeypatch.setattr(sys, "argv", ["lines.py", *options])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    runpy.run_path(str(BENCHMARKS / "lines.py"), run_name="__main__")
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == 4
    assert "_stream.py" in rows[0]


@pytest.mark.parametrize(
    ("script", "options", "signs"),
    [
        ("jobs.py", "--files 3 --events 5 --rounds 1", ("3 files of 5 events", "at most")),
        (
            "big_log.py",
            "--mib 1 --kinds keep-alives answer shuffled large streams --ways events stream",
            ("without a log", "keep-alives  events", "shuffled     stream", "streams      stream"),
        ),
        ("big_log.py", "--mib 1 --kinds answer --ways text json sse check", ("answer       check",)),
        ("big_log.py", "--mib 1 --kinds capture captures --ways json", ("captures     json",)),
        ("folder.py", "--files 3 --rounds 1 --forms sse capture packed --jobs 1", ("3 files", "packed ")),
        (
            "growth.py",
            "--max-mib 0.004 --max-single-mib 0.001 --rounds 1 --kinds one_event many_events",
            ("one_event     tokenized  1 byte", "many_events   watched    64 KiB"),
        ),
        (
            "small.py",
            "--rounds 1 --streams 3 --events 4",
            ("import ssewire", "ResponsesStream", "openai", "KiB a stream"),
        ),
    ],
    ids=["jobs", "big_log", "big_log by all commands", "big_log of captures", "folder", "growth", "small"],
)
def test_a_small_run_ends_well(
    script: str,
    options: str,
    signs: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [script, *options.split()])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
    out = capsys.readouterr().out
    for sign in signs:
        assert sign in out


@pytest.mark.parametrize(
    "script", ["compare.py", "parts.py", "lines.py", "jobs.py", "big_log.py", "growth.py", "small.py"]
)
def test_a_benchmark_tells_how_it_is_run(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
    assert stop.value.code == 0
    assert f"python benchmarks/{script}" in capsys.readouterr().out
