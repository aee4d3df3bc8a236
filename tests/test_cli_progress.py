"""Progress: when it shows, what, and that nothing is left of it."""

from __future__ import annotations

import io
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from capture_cases import BODY, story
from ssewire.cli import main, progress
from ssewire.cli.output import FINDINGS, say
from ssewire.cli.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let stderr be a terminal, and progress show at once."""
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.005)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    return stderr


def wait_for(sign: str, terminal: Terminal) -> None:
    end = time.monotonic() + 20
    while sign not in terminal.getvalue():
        assert time.monotonic() < end, terminal.getvalue()[:1000]
        time.sleep(0.005)


def test_without_rich_there_is_a_line_that_makes_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    tally = Tally()
    with progress.shown(tally, 2000):
        wait_for("0/2,000 files  0.0 MiB  0.0 MiB/s  0 findings", terminal)
        tally.capture, tally.findings = story(), 1
        tally.size = 3 * 2**20
        wait_for("0/2,000 files  3.0 MiB  ", terminal)
        wait_for("1 finding", terminal)
        say("something")
        wait_for("\rssewire: something\n", terminal)
    assert sys.stderr is terminal
    assert screen_of(terminal.getvalue()) == "ssewire: something\n"


def screen_of(written: str) -> str:
    """What is left on a terminal."""
    lines = [""]
    for piece in written.splitlines(keepends=True):
        for part in piece.removesuffix("\n").split("\r"):
            lines[-1] = (part + lines[-1][len(part) :]) if part else lines[-1]
        lines[-1] = lines[-1].rstrip()
        if piece.endswith("\n"):
            lines.append("")
    return "\n".join(lines)


def test_a_narrow_terminal_gets_less(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setenv("COLUMNS", "8")
    with progress.shown(Tally(), 5):
        wait_for("0/5 fil", terminal)
    assert "0/5 file" not in terminal.getvalue()


def test_with_rich_there_is_a_bar_and_what_is_said_stands_above(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    tally = Tally()
    with progress.shown(tally, 4):
        wait_for("0/4 files", terminal)
        tally.files = 3
        wait_for("3/4 files", terminal)
        say("something")
        wait_for("ssewire: something\n", terminal)
    assert sys.stderr is terminal


def test_what_takes_no_time_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 10)
    with progress.shown(Tally(), 4):
        pass
    assert terminal.getvalue() == ""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of how many files progress is shown."""
    totals: list[int] = []

    def note(tally: Tally, total: int) -> Any:
        totals.append(total)
        return real(tally, total)

    real: Callable[[Tally, int], Any] = progress.shown
    monkeypatch.setattr(progress, "shown", note)
    return totals


@pytest.mark.parametrize(
    ("command", "stdout_too", "count"),
    [
        ("check --summary", True, 1),
        ("check --findings", True, 1),
        ("check", False, 1),
        ("check", True, 0),
        ("check --quiet", False, 0),
        ("replay", False, 1),
        ("replay", True, 0),
        ("replay -q", False, 0),
    ],
)
def test_progress_does_not_tear_apart_what_is_printed(
    command: str,
    stdout_too: bool,
    count: int,
    tmp_path: Path,
    shown: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.sse").write_bytes(BODY)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(sys, "stdout", Terminal() if stdout_too else io.StringIO())
    main([*command.split(), str(tmp_path)])
    assert shown == [1] * count


def test_there_is_none_where_stderr_is_no_terminal(tmp_path: Path, shown: list[int]) -> None:
    (tmp_path / "a.sse").write_bytes(BODY)
    main(["check", "--summary", str(tmp_path)])
    assert shown == []


def test_a_summary_of_replayed_streams_is_for_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.sse").write_bytes(BODY)
    (tmp_path / "c.sse").write_bytes(b"")
    assert main(["replay", str(tmp_path)]) == FINDINGS
    assert capsys.readouterr().err.count("\n") == 1
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    assert main(["replay", str(tmp_path)]) == FINDINGS
    assert "ssewire: verdicts:    complete 2, empty 1\n" in stderr.getvalue()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_real_terminal_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)
    with os.fdopen(theirs, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        with progress.shown(Tally(files=1), 2):
            written = b""
            while b"1/2 files" not in written:
                written += os.read(ours, 1000)
    with os.fdopen(ours, "rb", buffering=0) as reader:
        try:
            while data := reader.read(1000):
                written += data
        except OSError:  # the other side is closed
            pass
    assert written.rfind(b"\x1b[?25h") > written.rfind(b"\x1b[?25l")  # the cursor is there again
