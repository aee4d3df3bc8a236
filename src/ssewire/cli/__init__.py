"""The `ssewire` command: arguments go in, answers come out on stdout, everything else on stderr."""

from __future__ import annotations

import argparse
import io
import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from ssewire.cli import check, demo, inspect, record, replay, serve
from ssewire.cli.output import CLEAN, INTERRUPTED, WRONG_USE, StdoutError, writing

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="ssewire",
        description="Read recorded LLM streams: typed events, the finished message, and whether it is whole.",
        epilog="Exit codes: 0 clean, 1 findings (truncated, failed, malformed, no stream), 2 wrong use. Of "
        "check and replay, who stops reading (| head) gets the code of what was found until then.",
    )
    top.add_argument("--version", action="version", version=f"ssewire {version('ssewire')}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in (replay, check, inspect, record, serve, demo):
        command.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    code: int = CLEAN
    try:
        with writing():
            _see_to_output()
            options = parser().parse_args(arguments)
            code = options.run(options)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except StdoutError as error:
        _drop_stdout()
        if isinstance(error.__cause__, BrokenPipeError):
            # Whoever read our answers has seen enough, as `head` does; what was found is found.
            return max(code, error.code)
        print(f"ssewire: stdout: {error}", file=sys.stderr)
        return WRONG_USE
    return code


def _see_to_output() -> None:
    """Have a stdout and a stderr that take every text."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed when the program began
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w")))
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name may hold bytes that are no text, and a terminal may lack letters.
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_stdout() -> None:
    """What is not written yet goes nowhere; Python would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
