"""`ssewire replay`: recorded bodies go in; their answers, events or final objects come out."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

from ssewire._dialects import DIALECTS
from ssewire._wire.encoder import encode_event
from ssewire._wire.tokenizer import Tokenizer
from ssewire.cli import jobs
from ssewire.cli.inputs import open_stream, reads_of
from ssewire.cli.output import CLEAN, FINDINGS, finding, json_line, told
from ssewire.errors import EventDecodeError, SSEWireError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ssewire._dialects import DialectName
    from ssewire._stream import Stream

FORMS: Final = ("text", "json", "events", "sse")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "replay",
        help="replay recorded streams",
        description="Replay recorded response bodies (.sse): print the answers as they would have streamed.",
    )
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="a file, a folder, a pattern, or - for stdin"
    )
    command.add_argument(
        "--as",
        dest="form",
        choices=FORMS,
        default="text",
        help="text: the answer (the default); json: a line with the final object and the verdict for each "
        "stream; events: a line for each typed event; sse: the events as a clean event stream",
    )
    command.add_argument(
        "--dialect", choices=tuple(DIALECTS), help="what the streams are; by default their events tell"
    )
    jobs.add_to(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay each file."""
    work = functools.partial(_replay, form=options.form, dialect=options.dialect)
    return jobs.for_each(options.files, work, options.jobs)


def _replay(name: str, form: str, dialect: DialectName | None) -> jobs.Outcome:
    """Replay one body."""
    found = _rewrite(reads_of(name)) if form == "sse" else _print_as(form, name, dialect)
    return FINDINGS if found else CLEAN, found


def _print_as(form: str, name: str, dialect: DialectName | None) -> str:
    """Print one body in one form; returns what is wrong with it."""
    known, stream = open_stream(name, dialect)
    problem: SSEWireError | None = None
    with stream:
        try:
            if form == "text":
                print_text(stream)
            for event in stream:
                if form == "events" and known:
                    print(json_line(event))
            stream.result()
        except SSEWireError as error:
            problem = error
    if form == "json":
        print(json_line(_report(name, known, stream, problem)))
    return finding(stream, problem, known)


def _rewrite(reads: Iterator[bytes]) -> str:
    """Write the events as a clean event stream."""
    tokenizer = Tokenizer(max_event_size=None)
    count = 0
    for read in reads:
        for event in tokenizer.feed(read):
            sys.stdout.buffer.write(encode_event(event))
            count += 1
        sys.stdout.buffer.flush()
    cut = tokenizer.close(flush=True)
    if cut:
        return "truncated: the last event came without its blank line and was left out"
    return "" if count else "no events"


def print_text(stream: Stream[Any, Any]) -> None:
    """Print the answer as it streams, then what it has beside text."""
    ends_line = True
    try:
        for piece in stream.text():
            sys.stdout.write(piece)
            sys.stdout.flush()
            ends_line = piece.endswith("\n")
    finally:
        if not ends_line:
            print()
        for line in stream.parser_class.dialect.beside_text(stream.snapshot()):
            print(line)


def _report(
    name: str, known: str | None, stream: Stream[Any, Any], problem: SSEWireError | None
) -> dict[str, Any]:
    try:
        result = stream.snapshot()
    except EventDecodeError:  # the response inside the terminal event; `problem` says so
        result = None
    return {
        "source": name,
        "dialect": known,
        "verdict": stream.verdict,
        "result": result,
        "error": told(problem),
        "diagnostics": stream.diagnostics,
    }
