"""The benchmark runs, and checks what each contestant makes of the streams before it times them."""

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
        for contestant in (
            "whole",
            "tokenizer",
            "httpx-sse + json",
            "httpx2 + json",
            "orjson alone",
            "Struct alone",
        ):
            assert f"| {contestant}" in rows
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
