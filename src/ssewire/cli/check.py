"""`ssewire check`: recorded bodies go in; what is wrong or odd about each comes out."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from ssewire._dialects import DIALECTS, ResponsesStream
from ssewire.cli import jobs
from ssewire.cli.inputs import open_stream
from ssewire.cli.output import CLEAN, FINDINGS, finding, json_line, told
from ssewire.errors import SSEWireError
from ssewire.events import UnknownEvent
from ssewire.responses.compare import Difference, DifferenceKind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ssewire._dialects import DialectName

EXPLAINED: Final = (DifferenceKind.RE_ENCRYPTED, DifferenceKind.ROUNDED)
"""Differences that servers make on purpose."""
SHOWN_CHARS: Final = 60


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "check",
        help="tell whether recorded streams are whole, and what is odd about them",
        description="Report on each recorded response body (.sse): its verdict, malformed and unknown "
        "events, gaps in its numbering and other oddities, and where the server's own final object differs "
        "from what it had streamed.",
    )
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="a file, a folder, a pattern, or - for stdin"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object a stream, a line each")
    command.add_argument(
        "--strict",
        action="store_true",
        help="count as findings, too: streams that are not complete, oddities, unknown events, and "
        "differences other than rounding and encrypting anew",
    )
    command.add_argument(
        "--dialect", choices=tuple(DIALECTS), help="what the streams are; by default their events tell"
    )
    jobs.add_to(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check each file."""
    work = functools.partial(_print_check, json=options.json, strict=options.strict, dialect=options.dialect)
    return jobs.for_each(options.files, work, options.jobs)


def _print_check(name: str, *, json: bool, strict: bool, dialect: DialectName | None) -> jobs.Outcome:
    """Check one body, and print the report."""
    report, found = _check(name, dialect)
    print(json_line(report) if json else "\n".join(_lines(report)))
    return FINDINGS if found or (strict and _is_odd(report)) else CLEAN, found


def _check(name: str, dialect: DialectName | None) -> tuple[dict[str, Any], str]:
    """Read one body; returns the report, and what is wrong."""
    known, stream = open_stream(name, dialect)
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
            try:
                differences = stream.compare()
            except SSEWireError as error:
                problem = problem or error
    report = {
        "source": name,
        "dialect": known,
        "verdict": stream.verdict,
        "events": events,
        "unknown_events": dict(unknown),
        "diagnostics": stream.diagnostics,
        "differences": differences,
        "error": told(problem),
    }
    return report, finding(stream, problem, known)


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
