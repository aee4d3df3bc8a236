"""A report about a stream goes in; a table and a timeline for a terminal come out."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ssewire.cli.output import plain
from ssewire.events import Verdict
from ssewire.logs.capture import UNKNOWN
from ssewire.logs.report import READS_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire.logs.report import Looked, PartReport, Report
    from ssewire.logs.timeline import Columns

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
PLAIN_BLOCKS: Final = " .:-=+*#%"
"""For a terminal that cannot show the others."""
LABEL_CHARS: Final = 18
NOTE_CHARS: Final = 28
MIN_BAR_CHARS: Final = 20
SHOWN: Final = 10
"""How many diagnostics, differences and kinds of unknown events are listed."""
SHOWN_PARTS: Final = 40
VALUE_CHARS: Final = 60

STYLES: Final = {
    "text": "blue",
    "reasoning": "magenta",
    "tool_call": "yellow",
    "refusal": "red",
    "reads": "dim",
}
GOOD_STYLE: Final = "green"
BAD_STYLE: Final = "red"


class Row(NamedTuple):
    """A row of a timeline."""

    label: str
    bar: str
    note: str
    kind: str


def print_report(looked: Looked, width: int) -> None:
    """Print the table and the timeline of one stream; in colours, where there are some."""
    report, columns = looked
    facts = [(label, shown(value)) for label, value in facts_of(report)]
    room = max(MIN_BAR_CHARS, width - LABEL_CHARS - NOTE_CHARS - 6)
    blocks = BLOCKS if shown(BLOCKS) == BLOCKS else PLAIN_BLOCKS
    rows = list(rows_of(report, columns, room, blocks))
    console = _console(width)
    if console is None:
        print(shown(title_of(report)))
        for label, value in facts:
            print(f"  {label:{LABEL_CHARS}}  {value}")
        for row in rows:
            print(f"  {shown(row.label):{LABEL_CHARS}}  {row.bar:{room}}  {shown(row.note)}".rstrip())
        print()
    else:
        _print_pretty(console, report, facts, rows)


def shown(text: str) -> str:
    """A text as this terminal can show it, on one line."""
    encoding = sys.stdout.encoding or "utf-8"
    return plain(text).encode(encoding, "backslashreplace").decode(encoding)


def _console(width: int) -> Any:
    """Where to print in colours; None where there are none."""
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(width=width, highlight=False)


def _print_pretty(console: Any, report: Report, facts: list[tuple[str, str]], rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    good = report.verdict is Verdict.COMPLETE and not report.problem
    style = f"bold {GOOD_STYLE if good else BAD_STYLE}"
    # Everything from the stream goes into `Text`, which knows no markup.
    console.print(Text(shown(title_of(report)), style=style))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", min_width=LABEL_CHARS)
    table.add_column(overflow="fold")
    for label, value in facts:
        alarming = label == "problem" or (label == "verdict" and not good)
        table.add_row(Text(f"  {label}"), Text(value, style=BAD_STYLE if alarming else ""))
    console.print(table)
    lines = Table.grid(padding=(0, 2))
    for row in rows:
        lines.add_row(
            Text(f"  {shown(row.label)}"),
            Text(row.bar, style=STYLES.get(row.kind, "cyan"), no_wrap=True),
            Text(shown(row.note), style="dim"),
        )
    console.print(lines)
    console.print()


# -- what to say -----------------------------------------------------------------------------------------


def title_of(report: Report) -> str:
    """What stream it is, and how it ended."""
    return f"{report.source} #{report.number}: {report.verdict.value}"


def facts_of(report: Report) -> Iterator[tuple[str, str]]:
    """The rows of the table: labels and values."""
    if report.request is not None:
        yield "request", report.request
    if report.status is not None:
        yield "status", str(report.status)
    if report.began is not None:
        yield "began", report.began
    yield "dialect", report.dialect or "unknown"
    if report.model:
        yield "model", report.model
    finish = f" (finish reason: {report.finish_reason})" if report.finish_reason else ""
    yield "verdict", f"{report.verdict.value}{finish}"
    if report.problem:
        yield "problem", report.problem
    if report.end.how != UNKNOWN:
        told = (
            each for each in (report.end.error, report.end.problem) if each and each not in report.problem
        )
        yield "end", ", ".join((report.end.how, *told))
    yield "size", _size(report)
    yield from _times(report)
    if report.usage is not None:
        yield "usage", _usage(report)
    for kind, count in list(report.unknown_events.items())[:SHOWN]:
        yield "unknown event", f"{kind}{times(count)}"
    for each in report.diagnostics[:SHOWN]:
        yield "diagnostic", f"{each.kind} at event {each.ordinal}: {each.detail}{times(each.count)}"
    if len(report.diagnostics) > SHOWN:
        yield "diagnostic", f"and {len(report.diagnostics) - SHOWN} more"
    yield from _differences(report)


def times(count: int) -> str:
    """How often something came up, if more than once."""
    return f" ({count:,} times)" if count > 1 else ""


def _size(report: Report) -> str:
    reads = counted(report.reads, "read")
    if "reads" in report.unknown:
        reads = "reads not known"
    return f"{counted(report.events, 'event')}, {counted(report.bytes, 'byte')}, {reads}"


def counted(count: int, what: str) -> str:
    """So many of something."""
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _times(report: Report) -> Iterator[tuple[str, str]]:
    if not report.timed:
        yield "times", "no times: the capture does not know when its reads came"
        return
    if report.first_token is None or report.last_token is None:
        yield "first token", "none"
    else:
        yield "first token", f"after {seconds(report.first_token)} (first byte: {seconds(report.first_byte)})"
        yield "last token", f"after {seconds(report.last_token)} (last byte: {seconds(report.last_byte)})"
    if report.tokens_per_second is not None and report.usage is not None:
        reasoning = report.usage.reasoning_tokens
        hidden = f", {reasoning:,} of them reasoning," if reasoning else ""
        counts = f"{report.usage.output_tokens:,} output tokens{hidden} from the first to the last"
        yield "tokens a second", f"{report.tokens_per_second:,.1f} ({counts})"
    if report.gaps is not None:
        gaps = report.gaps
        spread = f"median {seconds(gaps.median)}, p95 {seconds(gaps.p95)}, max {seconds(gaps.max)}"
        yield "gaps", f"{spread} ({gaps.count:,} between reads with tokens)"


def _usage(report: Report) -> str:
    usage = report.usage
    counts = (
        (name.removesuffix("_tokens"), getattr(usage, name))
        for name in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    )
    return ", ".join(f"{name} {count:,}" for name, count in counts if count is not None) or "no counts"


def _differences(report: Report) -> Iterator[tuple[str, str]]:
    if report.differences is None:
        return
    if not report.differences:
        yield "differences", "none: what was streamed is what the server's final object says"
    for each in report.differences[:SHOWN]:
        values = (_cut(value, VALUE_CHARS) for value in (each.streamed, each.final))
        yield "difference", f"{each.kind}: {each.path}: streamed {', final '.join(values)}"
    if len(report.differences) > SHOWN:
        yield "difference", f"and {len(report.differences) - SHOWN} more"


def seconds(value: float | None) -> str:
    """A time for people: three digits."""
    if value is None:
        return "?"
    if value < 0.9995:  # which would be 1e+03 ms
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 1000 else f"{value:,.0f} s"


# -- the timeline ----------------------------------------------------------------------------------------


def rows_of(report: Report, columns: Columns, room: int, blocks: str) -> Iterator[Row]:
    """The rows of the timeline: when each part came, and when the reads.

    Args:
        report: The report.
        columns: How much came when.
        room: How many characters a row has.
        blocks: The characters for nothing, for a little, and so on.
    """
    length = (report.last_byte or 0.0) if report.timed else float(report.events)
    if report.events == 0:
        return
    end = seconds(length) if report.timed else counted(report.events, "event")
    yield Row("timeline", f"0{end:>{room - 1}}", "" if report.timed else "by event: no times", "")
    for part in report.parts[:SHOWN_PARTS]:
        bar = _bar(columns.cells(part.index, length, room), blocks)
        yield Row(_cut(f"{part.index} {part.name or part.kind}", LABEL_CHARS), bar, _note(part), part.kind)
    if len(report.parts) > SHOWN_PARTS:
        more = len(report.parts) - SHOWN_PARTS + report.more_parts
        yield Row("", f"and {counted(more, 'more part')}", "", "")
    if report.timed and "reads" not in report.unknown:
        bar = _bar(columns.cells(READS_ROW, length, room), blocks)
        yield Row("reads", bar, counted(report.reads, "read"), "reads")


def _bar(cells: list[int], blocks: str) -> str:
    """Cells as characters; whatever is not nothing can be seen."""
    most = max(cells)
    top = len(blocks) - 1
    return "".join(blocks[math.ceil(cell / most * top) if most else 0] for cell in cells)


def _note(part: PartReport) -> str:
    note = counted(part.chars, "char") if part.chars else "no text"
    if part.first is not None and part.last is not None:
        note += f", {seconds(part.first)}"
        note += f" to {seconds(part.last)}" if part.last > part.first else ""
    return f"{note}, {part.arguments}" if part.arguments not in ("", "complete") else note


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"
