"""The benchmarks run, and check what they time."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize("options", [[], ["--answer", "20"]], ids=["recorded", "answer"])
def test_the_comparison_runs_and_prints_ratios(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SSEWIRE_SHARED", str(tmp_path))  # so that it takes the recording of the package
    monkeypatch.setattr(sys, "argv", ["compare.py", "--rounds", "1", *options])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    runpy.run_path(str(BENCHMARKS / "compare.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert "x orjson" in out
    for contestant in (
        "whole live",
        "whole bulk",
        "openai_accumulated live",
        "httpx2_json live",
        "httpx_sse_json bulk",
    ):
        assert contestant in out


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
        (
            "growth.py",
            "--max-mib 0.004 --max-single-mib 0.001 --rounds 1",
            ("one_event     tokenized  1 byte", "many_events   watched    64 KiB"),
        ),
        (
            "small.py",
            "--rounds 1 --streams 3 --events 4",
            ("import ssewire", "ResponsesStream", "openai", "KiB a stream"),
        ),
    ],
    ids=["jobs", "big_log", "big_log by all commands", "growth", "small"],
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


@pytest.mark.parametrize("script", ["compare.py", "jobs.py", "big_log.py", "growth.py", "small.py"])
def test_a_benchmark_tells_how_it_is_run(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
    assert stop.value.code == 0
    assert f"python benchmarks/{script}" in capsys.readouterr().out
