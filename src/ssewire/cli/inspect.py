"""`ssewire inspect`: captures go in; tables, timelines and a page to look at come out."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from ssewire.cli import inputs
from ssewire.cli.output import CLEAN, FINDINGS, INTERRUPTED, WRONG_USE, json_line, say
from ssewire.cli.tables import counted, print_report
from ssewire.errors import CaptureError
from ssewire.logs.page import Page
from ssewire.logs.report import look

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ssewire.logs.capture import Capture


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "inspect",
        help="look at captures: figures, timelines, a page",
        description="Show each stream of the captures: what it is, how it ended, its size, its times (first "
        "token, tokens a second, gaps), its token counts, what is odd about it, and when each part of the "
        "answer came. --html writes all of it, and the events to search in, into one page that needs no "
        "network.",
    )
    inputs.add_to(command)
    command.add_argument("--html", metavar="FILE", help="write a page for a browser instead")
    command.add_argument("--json", action="store_true", help="print one JSON object a stream, a line each")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look at each capture."""
    files = list(inputs.expand(options.files))
    if options.html is None:
        return _Inspection(options, None).run(files)
    if any(_same(file, options.html) for file in files):
        say(f"{options.html} is one of the captures; the page would overwrite it")
        return WRONG_USE
    try:
        with open(options.html, "wb") as file, Page(file) as page:
            code = _Inspection(options, page).run(files)
    except BrokenPipeError:  # of stdout, which is not the page
        raise
    except OSError as error:
        say(f"{options.html}: {error.strerror or error}")
        return WRONG_USE
    if page.streams:
        size = os.path.getsize(options.html)
        told = f"{counted(page.streams, 'stream')}, {counted(size, 'byte')}"
        say(f"{options.html}: {told}; open it in a browser")
    return code


def _same(file: str, other: str) -> bool:
    """Whether two names are those of one file."""
    with contextlib.suppress(OSError):
        return os.path.samefile(file, other)
    return False


class _Inspection:
    """One run over captures."""

    def __init__(self, options: argparse.Namespace, page: Page | None) -> None:
        self._options = options
        self._page = page
        self._width = shutil.get_terminal_size().columns
        self._code = CLEAN
        self._count = 0

    def run(self, files: list[str]) -> int:
        """Look at all captures; a bad file does not stop the others."""
        try:
            for file in files:
                self._look_at(file)
        except ImportError as error:
            say(str(error))
            return WRONG_USE
        except KeyboardInterrupt:
            say(f"interrupted: {counted(self._count, 'stream')} done")
            return INTERRUPTED
        if not self._count and self._code == CLEAN:
            say("no captures there")
            return WRONG_USE
        return self._code

    def _look_at(self, file: str) -> None:
        for number, capture in enumerate(self._captures(file), 1):
            kept = None if self._page is None else self._page.witness()
            try:
                looked = look(capture, file, number, dialect=self._options.dialect, witness=kept)
            except (CaptureError, OSError) as error:
                self._refuse(file, error)
                return
            self._count += 1
            if looked.report.problem:
                self._code = max(self._code, FINDINGS)
            if self._page is not None and kept is not None:
                self._page.add(looked, kept)
            if self._options.json:
                print(json_line(looked.report))
            elif self._page is None:
                print_report(looked, self._width)

    def _captures(self, file: str) -> Iterator[Capture]:
        """The captures in a file, until something is wrong with it, which is told."""
        try:
            for _, capture in inputs.captures_of(file, self._options.body_key, say):
                yield capture
        except (CaptureError, OSError) as error:
            self._refuse(file, error)

    def _refuse(self, file: str, error: CaptureError | OSError) -> None:
        """A file cannot be read (on): wrong use if it was asked for; in a folder there may be other files."""
        if isinstance(error, OSError):
            say(f"{file}: {error.strerror or error}")
        else:
            say(str(error))
        if file in self._options.files or isinstance(error, OSError):
            self._code = WRONG_USE
