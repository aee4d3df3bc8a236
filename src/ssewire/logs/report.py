"""A capture goes in; what there is to tell about it comes out: its figures, its parts, and when they came."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ssewire._dialects import DIALECTS, DialectName, ResponsesParser
from ssewire.errors import (
    EmptyStreamError,
    EventDecodeError,
    NotAnEventStreamError,
    ProviderError,
    SSEWireError,
    StreamInterruptedError,
)
from ssewire.events import Diagnostic, UnknownEvent, Verdict
from ssewire.logs.capture import End, broken_off
from ssewire.logs.detection import with_dialect
from ssewire.logs.redaction import redact_url
from ssewire.logs.timeline import Columns, GapCounter, Gaps
from ssewire.parts import PartDelta, PartEnd, PartStart, ToolCallPart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire.logs.capture import Capture
    from ssewire.message import Usage
    from ssewire.parts import AnyPart, PartEvent
    from ssewire.responses.compare import Difference

MAX_PARTS: Final = 200
"""How many parts of a stream are told of; further ones are counted."""
MAX_DIFFERENCES: Final = 200
MAX_SECONDS: Final = 1e9
"""Times beyond that, and negative ones, are none."""
MAX_QUOTED_CHARS: Final = 400
"""How much of a value is quoted that differs."""
CHARS_BEFORE: Final = 40
"""How much of that stands before the place where it begins to differ."""
FIRST_SECONDS: Final = 1e-3
"""The width of a column of the timeline at first."""

COMPARABLE: Final = frozenset({Verdict.COMPLETE, Verdict.FAILED})
"""The verdicts of a stream whose server has told what it sent."""
CONTENT_FIELDS: Final = ("arguments", "transcript", "data", "text")
"""The fields that hold what was written, the one that there is to show first."""

READS_ROW: Final = -1
BYTES_ROW: Final = -2


class PartReport(msgspec.Struct, kw_only=True):
    """What there is to tell about a part.

    Attributes:
        index: Its number in the stream.
        choice: The index of its choice.
        kind: `text`, `reasoning`, `refusal`, `tool_call`, `audio`, `image` or `other`.
        name: Of a call the tool, of other things what they are; perhaps empty.
        chars: How many characters it has.
        first_event: The number of the event that began it, from 1.
        last_event: The number of the event that last brought some of it.
        first: When it began, in seconds; None where times are not known.
        last: When the last of it came, in seconds, or None.
        arguments: Of a call: `complete`, `incomplete` or `invalid`; else empty.
    """

    index: int
    choice: int
    kind: str
    name: str = ""
    chars: int = 0
    first_event: int = 0
    last_event: int = 0
    first: float | None = None
    last: float | None = None
    arguments: str = ""


class DifferenceReport(msgspec.Struct):
    """A place where the stream and the server's own final object differ, its values cut to be read.

    Attributes:
        path: The place.
        kind: What the difference is.
        streamed: What the stream added up to there, as JSON.
        final: What the final object has there, as JSON.
    """

    path: str
    kind: str
    streamed: str
    final: str


class Report(msgspec.Struct, kw_only=True):
    """What there is to tell about a stream. Times are seconds since the recording began, None if not known.

    Attributes:
        source: Where the capture comes from.
        number: Its number there, from 1.
        request: What was asked: method and URL.
        status: The HTTP status.
        began: When the recording began, as ISO 8601.
        unknown: What the capture cannot tell: `times`, `reads`, `bytes`, `end`.
        dialect: The API, or None where no event tells.
        model: The model's name.
        verdict: How the stream ended.
        finish_reason: Why the model stopped, in the provider's words.
        problem: What is wrong, on one line; empty for nothing.
        end: How the capture ended.
        events: How many events there are.
        unknown_events: How many of each type that this version does not know.
        reads: How many reads there are.
        bytes: How many bytes they have.
        timed: Every read has a time.
        first_byte: When the first read with bytes came.
        first_token: When the first text, reasoning, refusal or arguments came.
        last_token: When the last of them came.
        last_byte: When the last read with bytes came.
        tokens_per_second: Output tokens, as `usage` counts them, over the time from the first to the last.
        gaps: How long the times between reads were that brought tokens.
        usage: Token counts.
        diagnostics: What was unusual.
        differences: Where what was streamed and the server's own final object differ, 200 at most; None where
            the API has no such object, or it did not come.
        parts: The first 200 parts of the answer.
        more_parts: How many there are beside these.
    """

    source: str
    number: int
    request: str | None = None
    status: int | None = None
    began: str | None = None
    unknown: tuple[str, ...] = ()
    dialect: DialectName | None = None
    model: str | None = None
    verdict: Verdict = Verdict.OPEN
    finish_reason: str | None = None
    problem: str = ""
    end: End = End()
    events: int = 0
    unknown_events: dict[str, int] = {}
    reads: int = 0
    bytes: int = 0
    timed: bool = True
    first_byte: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    last_byte: float | None = None
    tokens_per_second: float | None = None
    gaps: Gaps | None = None
    usage: Usage | None = None
    diagnostics: list[Diagnostic] = []
    differences: list[DifferenceReport] | None = None
    parts: list[PartReport] = []
    more_parts: int = 0


class Witness:
    """Is told what passes by while a capture is looked at. This one keeps nothing."""

    def read(self, seconds: float | None, size: int) -> None:
        """A read of so many bytes came."""

    def event(self, ordinal: int, what: str, part: int | None, brought: str, data: bytes) -> None:
        """An event came with the last read.

        Args:
            ordinal: Its number, from 1.
            what: Its type, or what it brought, in a word.
            part: The part that it told of, or None.
            brought: What it appended to parts; perhaps nothing.
            data: Its data.
        """

    def part(self, part: AnyPart, content: str) -> None:
        """A part ended."""


class Looked(NamedTuple):
    """What came of looking at a capture."""

    report: Report
    columns: Columns
    """How much came when: of each part characters, by its index. In seconds, and with reads and bytes, where
    the report is `timed`; otherwise by number of the event."""


def look(
    capture: Capture,
    source: str = "",
    number: int = 1,
    *,
    dialect: DialectName | None = None,
    witness: Witness | None = None,
) -> Looked:
    """Read a capture and tell what there is to tell.

    What is kept in memory is the answer, and little else, however long the stream is.

    Args:
        capture: The capture; its reads pass by, also those behind the end of the stream.
        source: Where it comes from.
        number: Its number there, from 1.
        dialect: What it is; by default its first events tell.
        witness: Is told what passes by.

    Raises:
        OSError, CaptureError: It cannot be read on.
    """
    detected, reads = with_dialect(iter(capture.reads), lambda read: read[1])
    head = capture.head
    report = Report(
        source=source,
        number=number,
        began=head.began,
        unknown=head.unknown,
        dialect=dialect or detected,
    )
    look = _Look(report, witness or Witness())
    if head.request is not None:
        report.request = f"{head.request.method} {redact_url(head.request.url)}"
    if head.response is not None:
        report.status = head.response.status
        look.parser.status, look.parser.headers = head.response.status, dict(head.response.headers)
    for seconds, data in reads:
        look.take_read(seconds, data)
    look.end(capture.end)
    return Looked(report, look.by_time if report.timed else look.by_event)


class _Look:
    """One look at one capture."""

    def __init__(self, report: Report, witness: Witness) -> None:
        row = DIALECTS[report.dialect or "chat"]
        self.parser = row.parser(malformed=self._take_malformed)
        self.by_time = Columns(FIRST_SECONDS)
        self.by_event = Columns(1)
        self._parts = row.dialect.parts()
        self._report = report
        self._witness = witness
        self._gaps = GapCounter()
        self._unknown: Counter[str] = Counter()
        self._now: float | None = None  # when the last read came
        self._tokens = 0  # deltas that brought some, up to the last read
        self._over = False  # there are no more events: what follows is counted, and not looked at
        self._problem: SSEWireError | None = None

    def end(self, end: End) -> None:
        """There are no more reads."""
        report, parser = self._report, self.parser
        cause = None
        if end.broken:
            cause = StreamInterruptedError(f"the transport broke: {broken_off(end)}")
        parser.push_end(broken=end.broken, cause=cause)
        self._pull()
        self._see_tokens()
        self._take_parts(self._parts.end())
        self._over = True
        try:
            parser.result()
        except SSEWireError as error:
            self._problem = error
        report.end = end
        report.verdict = parser.verdict
        report.unknown_events = dict(self._unknown)
        report.timed = report.timed and report.reads > 0
        message = parser.message()
        report.model, report.finish_reason = message.model, message.raw_finish_reason
        report.usage = message.usage and msgspec.structs.replace(message.usage, raw=None)
        if isinstance(parser, ResponsesParser) and parser.verdict in COMPARABLE:
            report.differences = [_difference(each) for each in parser.compare()[:MAX_DIFFERENCES]]
        report.diagnostics = parser.diagnostics
        report.problem = "; ".join(self._problems())
        self._settle_times()

    def _problems(self) -> Iterator[str]:
        """What is wrong."""
        report, problem = self._report, self._problem
        if report.dialect is None and report.events and not isinstance(problem, ProviderError):
            yield "events of no known dialect"
            return
        if isinstance(problem, (EmptyStreamError, NotAnEventStreamError)):
            yield str(problem)
        elif problem is not None:
            yield f"{report.verdict.value}: {problem}"
        malformed = sum(each.count for each in report.diagnostics if each.kind == "malformed")
        if malformed:
            yield f"{malformed} malformed event{'s' if malformed > 1 else ''} skipped"

    def _pull(self) -> None:
        """Take the events that the last step completed."""
        parser = self.parser
        try:
            while (event := parser.pull()) is not None:
                self._take_event(event, parser.raw)
                for event in parser.ready:
                    self._take_event(event, parser.raw)
        except SSEWireError:  # `result` raises it again
            self._over = True

    def take_read(self, seconds: float | None, data: bytes) -> None:
        """The stream has taken a read."""
        report = self._report
        if seconds is None or not 0 <= seconds <= MAX_SECONDS:
            report.timed = False
        elif self._now is None or seconds > self._now:  # a clock that goes back has not gone on
            self._now = seconds
        report.reads += 1
        report.bytes += len(data)
        if data:
            report.first_byte = self._now if report.first_byte is None else report.first_byte
            report.last_byte = self._now
        if self._now is not None:
            self.by_time.add(READS_ROW, self._now, 1)
            self.by_time.add(BYTES_ROW, self._now, len(data))
        self._witness.read(self._now if report.timed else None, len(data))
        if not self._over:
            self.parser.push(data)
            self._pull()
            self._see_tokens()

    def _take_malformed(self, raw: bytes, error: EventDecodeError) -> None:
        """An event did not decode, and is skipped; or in the end the response in one that was taken."""
        if self._over:
            return
        self._report.events += 1
        self._witness.event(self._report.events, f"malformed: {error.reason}", None, "", raw)

    def _take_event(self, event: Any, raw: bytes) -> None:
        self._report.events += 1
        if isinstance(event, UnknownEvent):
            self._unknown[event.type] += 1
        told = self._parts.apply(event)
        self._take_parts(told)
        what = getattr(event, "type", None)
        if not (isinstance(what, str) and what):
            news = [each for each in told if not isinstance(each, PartEnd)]
            what = ", ".join(dict.fromkeys(map(self._name_of, news or told))) or "chunk"
        brought = "".join(each.delta for each in told if isinstance(each, PartDelta))
        self._witness.event(self._report.events, what, told[-1].index if told else None, brought, raw)

    def _name_of(self, told: PartEvent) -> str:
        """What an event of a part brings, in a word."""
        if isinstance(told, PartDelta):
            return self._kind_of(told.index) if told.field == "text" else told.field
        return told.part.type

    def _kind_of(self, index: int) -> str:
        parts = self._report.parts
        return parts[index].kind if index < len(parts) else "text"

    def _take_parts(self, told: list[PartEvent]) -> None:
        for each in told:
            if isinstance(each, PartStart):
                self._begin_part(each)
            elif each.index < len(self._report.parts):
                self._go_on(self._report.parts[each.index], each)

    def _see_tokens(self) -> None:
        """See whether the last read brought tokens; of several, the first counts."""
        report, before = self._report, self._tokens
        self._tokens = self.parser.tokens
        if self._tokens == before or self._now is None:
            return
        if report.last_token is None:
            report.first_token = self._now
        else:
            self._gaps.add(self._now - report.last_token)
        report.last_token = self._now

    def _begin_part(self, start: PartStart) -> None:
        report = self._report
        if len(report.parts) == MAX_PARTS:
            report.more_parts += 1
            return
        report.parts.append(
            PartReport(
                index=start.index,
                choice=start.choice,
                kind=start.part.type,
                first_event=report.events,
                last_event=report.events,
                first=self._now,
                last=self._now,
            )
        )

    def _go_on(self, part: PartReport, told: PartDelta | PartEnd) -> None:
        if isinstance(told, PartDelta):
            part.last_event, part.last = self._report.events, self._now
            self.by_event.add(part.index, self._report.events - 1, len(told.delta))
            if self._now is not None:
                self.by_time.add(part.index, self._now, len(told.delta))
            return
        whole = told.part
        part.name = getattr(whole, "name", "") or getattr(whole, "kind", "")
        part.arguments = whole.arguments_state.value if isinstance(whole, ToolCallPart) else ""
        content = next((text for name in CONTENT_FIELDS if (text := getattr(whole, name, ""))), "")
        part.chars = len(content)
        self._witness.part(whole, content)

    def _settle_times(self) -> None:
        report = self._report
        if not report.timed:
            report.first_byte = report.first_token = report.last_token = report.last_byte = None
            for part in report.parts:
                part.first = part.last = None
            return
        report.gaps = self._gaps.gaps()
        if report.first_token is None or report.last_token is None or report.usage is None:
            return
        took = report.last_token - report.first_token
        if took > 0 and report.usage.output_tokens is not None:
            report.tokens_per_second = report.usage.output_tokens / took


def _difference(found: Difference) -> DifferenceReport:
    return DifferenceReport(found.path, found.kind.value, *_quoted(found.streamed, found.final))


def _quoted(streamed: Any, final: Any) -> tuple[str, str]:
    """Two values as JSON, cut to the place where they begin to differ."""
    ours, theirs = (json.dumps(each, ensure_ascii=False) for each in (streamed, final))
    pairs = zip(ours, theirs, strict=False)
    same = next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(ours), len(theirs)))
    start = max(0, same - CHARS_BEFORE)
    return _cut(ours, start), _cut(theirs, start)


def _cut(text: str, start: int) -> str:
    end = start + MAX_QUOTED_CHARS
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
