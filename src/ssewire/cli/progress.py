"""What is being counted goes in; how far it is shows on the terminal, while it lasts.

A thread of its own looks at the counts now and then, so that the work does not have to stop for that.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from ssewire.cli.tally import mebibytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ssewire.cli.tally import Tally

    Show = Callable[[int, str], None]

DELAY_SECONDS: Final = 0.5
"""What is done before that needs no progress."""
INTERVAL_SECONDS: Final = 0.2


@contextlib.contextmanager
def shown(tally: Tally, total: int) -> Iterator[None]:
    """Show how far the counts are, of so many files, until the block ends."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(tally, total, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(tally: Tally, total: int, over: threading.Event) -> None:
    began = time.monotonic()
    if over.wait(DELAY_SECONDS):
        return
    with _display(total) as show:
        while not over.is_set():
            capture = tally.capture
            size = tally.size + (0 if capture is None else capture.size)
            rate = mebibytes(size / (time.monotonic() - began))
            findings = f"{tally.findings:,} finding{'' if tally.findings == 1 else 's'}"
            files = f"{tally.files:,}/{total:,} files"
            show(tally.files, f"{files}  {mebibytes(size)}  {rate}/s  {findings}")
            over.wait(INTERVAL_SECONDS)


@contextlib.contextmanager
def _display(total: int) -> Iterator[Show]:
    """A bar, if rich is there; otherwise a line."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        with contextlib.redirect_stderr(_Line(sys.stderr)) as line:
            try:
                yield lambda _, text: line.show(text)
            finally:
                line.erase()
        return
    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(
        *columns, console=Console(stderr=True), transient=True, auto_refresh=False, redirect_stdout=False
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda done, text: progress.update(task, completed=done, description=text, refresh=True)


class _Line(io.TextIOBase):
    """A stderr with a line at its end that makes way for what is written."""

    def __init__(self, stderr: Any) -> None:
        self._stderr = stderr
        self._shown = 0
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            self._erase()
            self._stderr.write(text)
        return len(text)

    def flush(self) -> None:
        self._stderr.flush()

    def show(self, text: str) -> None:
        """Show a line in the place of the one before."""
        with self._lock:
            self._erase()
            text = text[: shutil.get_terminal_size().columns - 1]
            self._stderr.write(text)
            self._stderr.flush()
            self._shown = len(text)

    def erase(self) -> None:
        """Leave nothing behind."""
        with self._lock:
            self._erase()
            self._stderr.flush()

    def _erase(self) -> None:
        if self._shown:
            self._stderr.write(f"\r{' ' * self._shown}\r")
            self._shown = 0
