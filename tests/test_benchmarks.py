"""The benchmark runs, and checks what each contestant makes of the streams before it times them."""

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


def test_the_cost_of_parts_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SSEWIRE_SHARED", str(tmp_path))  # so that it takes the recording of the package
    monkeypatch.setattr(sys, "argv", ["parts.py", "--rounds", "1", "--answer", "20"])
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    runpy.run_path(str(BENCHMARKS / "parts.py"), run_name="__main__")
    rows = capsys.readouterr().out.splitlines()
    assert [row.partition(",")[0] for row in rows[1:]] == ["answer"] * 2 + ["recorded chat"] * 2
