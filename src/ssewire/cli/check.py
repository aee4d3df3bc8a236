"""`ssewire check`: captures go in; what is wrong or odd about them comes out."""

from __future__ import annotations

import functools
import math
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire._dialects import ResponsesStream
from ssewire.cli import inputs, jobs, picks
from ssewire.cli.output import CLEAN, FINDINGS, finding, json_line, plain, told, writing
from ssewire.cli.streams import Reading, end_of, none_asked_for, open_stream
from ssewire.errors import SSEWireError
from ssewire.events import UnknownEvent
from ssewire.responses.compare import Difference, DifferenceKind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ssewire.cli.tally import Tally
    from ssewire.logs.capture import Capture

EXPLAINED: Final = (DifferenceKind.RE_ENCRYPTED, DifferenceKind.ROUNDED)
"""Differences that servers make on purpose."""
SHOWN_CHARS: Final = 60


class _Form(msgspec.Struct, frozen=True):
    """What to print."""

    json: bool
    strict: bool
    rows: bool
    """The streams that are clean, too."""
    found_rows: bool
    """The streams with findings."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "check",
        help="tell whether recorded streams are whole, and what is odd about them",
        description="Report on each recorded stream: its verdict, malformed and unknown events, gaps in its "
        "numbering and other oddities, and where the server's own final object differs from what it had "
        "streamed. Behind several streams comes a summary.",
    )
    inputs.add_to(command)
    command.add_argument(
        "--json", action="store_true", help="print one JSON object a stream, a line each, and no summary"
    )
    command.add_argument(
        "--summary", action="store_true", help="print the summary alone; with --json as JSON"
    )
    command.add_argument("--findings", action="store_true", help="print only the streams with findings")
    command.add_argument(
        "--strict",
        action="store_true",
        help="count as findings, too: streams that are not complete, oddities, unknown events, and "
        "differences other than rounding and encrypting anew",
    )
    picks.add_to(command)
    jobs.add_to(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check each file."""
    form = _Form(options.json, options.strict, not (options.summary or options.findings), not options.summary)
    work = functools.partial(_check_file, form=form, reading=Reading.of(options))
    # Rows are progress enough, and would be torn apart by another.
    watched = not options.quiet and not (form.rows and sys.stdout.isatty())
    ended = jobs.for_each(options.files, work, options.jobs, watched=watched)
    with writing(ended.code):
        if options.summary and options.json:
            print(json_line(ended.tally.facts(interrupted=ended.interrupted)))
        elif options.summary or (ended.tally.streams > 1 and not options.quiet and not options.json):
            print("\n".join(map(plain, ended.tally.lines())))
    return none_asked_for(ended)


def _check_file(name: str, tally: Tally, *, form: _Form, reading: Reading) -> None:
    """Check the captures in one file, and print a report on each."""
    for source, capture in reading.captures_of(name, tally):
        _check(source, capture, tally, form, reading)


def _check(source: str, capture: Capture, tally: Tally, form: _Form, reading: Reading) -> None:
    """Read one capture, and print the report."""
    known = reading.dialect_of(capture)
    stream = open_stream(capture, known)
    problem: SSEWireError | None = None
    differences: list[Difference] = []
    unknown: Counter[str] = Counter()
    events = 0
    with stream:
        try:
            for event in stream:
                events += 1
                if isinstance(event, UnknownEvent):
                    unknown[event.type] += 1
            stream.result()
        except SSEWireError as error:
            problem = error
        if isinstance(stream, ResponsesStream):
            differences = stream.compare()
    end = end_of(capture, tally)
    if not reading.asks_for(stream, known, tally):
        return
    seconds = stream.time_to_first_token
    report = {
        "source": source,
        "dialect": known,
        "model": stream.model,
        "verdict": stream.verdict,
        "events": events,
        "bytes": capture.size,
        "time_to_first_token": None if seconds is None or math.isnan(seconds) else seconds,
        "unknown_events": dict(unknown),
        "diagnostics": stream.diagnostics,
        "differences": differences,
        "error": told(problem),
    }
    found = finding(stream, problem, known, end)
    code = FINDINGS if found or (form.strict and _is_odd(report)) else CLEAN
    if form.rows or (form.found_rows and code != CLEAN):
        with writing():
            print(json_line(report) if form.json else "\n".join(map(plain, _lines(report))))
    tally.events += events
    tally.look_at(source, stream, known)
    tally.count(source, found, code=code)


def _is_odd(report: dict[str, Any]) -> bool:
    unexplained = [each for each in report["differences"] if each.kind not in EXPLAINED]
    return bool(
        report["verdict"] != "complete" or report["unknown_events"] or report["diagnostics"] or unexplained
    )


def _lines(report: dict[str, Any]) -> Iterator[str]:
    dialect = report["dialect"] or "unknown"
    events = f"{report['events']} event{'s' if report['events'] != 1 else ''}"
    yield f"{report['source']}: {report['verdict']} ({dialect}, {events})"
    for kind, count in report["unknown_events"].items():
        yield f"  unknown event: {kind}{_times(count)}"
    for each in report["diagnostics"]:
        yield f"  {each.kind} at event {each.ordinal}: {each.detail}{_times(each.count)}"
    for each in report["differences"]:
        yield f"  {each.kind}: {each.path}: streamed {_short(each.streamed)}, final {_short(each.final)}"


def _times(count: int) -> str:
    return f" ({count} times)" if count > 1 else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
