"""Streams that were read go in, one after the other; what there is to say of all of them comes out."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire.cli.output import CLEAN, FINDINGS, WRONG_USE, say
from ssewire.logs.foreign import Aside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire._stream import Stream
    from ssewire.logs.capture import Capture

MAX_MODELS: Final = 1000
"""How many different models are counted apart: their names come from the streams."""
SHOWN_MODELS: Final = 10
OTHERS: Final = "…"
"""The name under which the rest is counted."""
MIB: Final = 2**20
_SUMS: Final = (
    "files",
    "unreadable",
    "foreign",
    "streams",
    "left_out",
    "selected",
    "size",
    "events",
    "findings",
)


class Tally(msgspec.Struct):
    """What was done, and what came of it.

    Attributes:
        files: Files that are done, whatever came of them.
        unreadable: Those of them that could not be read.
        foreign: Those of them that hold no captures.
        streams: Streams that were read and asked for.
        left_out: Streams that the filters left out.
        selected: Streams that those filters took that name what to look at.
        size: Bytes of all streams.
        events: Events of all streams, where they are counted.
        findings: Streams and files with something wrong.
        verdicts: How many streams ended in each way.
        dialects: How many streams there are of each dialect.
        models: How many streams there are of each model.
        slowest: The longest time to a first token, and the stream's name.
        code: The exit code that all this asks for.
        capture: What is being read, for those who watch.
    """

    files: int = 0
    unreadable: int = 0
    foreign: int = 0
    streams: int = 0
    left_out: int = 0
    selected: int = 0
    size: int = 0
    events: int = 0
    findings: int = 0
    verdicts: Counter[str] = msgspec.field(default_factory=Counter)
    dialects: Counter[str] = msgspec.field(default_factory=Counter)
    models: Counter[str] = msgspec.field(default_factory=Counter)
    slowest: tuple[float, str] | None = None
    code: int = CLEAN
    capture: Capture | None = None

    def add(self, other: Tally) -> None:
        """Count in what somebody else has counted."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.verdicts.update(other.verdicts)
        self.dialects.update(other.dialects)
        for model, count in other.models.items():
            self._count_model(model, count)
        self._time(other.slowest)
        self.code = max(self.code, other.code)

    def look_at(self, source: str, stream: Stream[Any, Any], dialect: str | None) -> None:
        """Count what a stream is that was read, as far as that is known."""
        self.verdicts[stream.verdict.value] += 1
        self.dialects[dialect or "unknown"] += 1
        self._count_model(stream.model or "unknown", 1)
        seconds = stream.time_to_first_token
        if seconds is not None and not math.isnan(seconds):
            self._time((seconds, source))

    def count(self, source: str, found: str, *, code: int = CLEAN) -> None:
        """Count a stream, and say what is wrong with it, if anything is; it may ask for an exit code, too."""
        self.streams += 1
        code = max(code, FINDINGS) if found else code
        self.findings += code != CLEAN
        self.code = max(self.code, code)
        if found:
            say(f"{source}: {found}")

    def report(self, line: str) -> None:
        """Say what was left out of a file, and count it, unless it was rightly left out."""
        if not isinstance(line, Aside):
            self.find()
        say(line)

    def find(self) -> None:
        """Count a finding."""
        self.findings += 1
        self.code = max(self.code, FINDINGS)

    def fail(self) -> None:
        """Count a file that could not be read."""
        self.unreadable += 1
        self.code = WRONG_USE

    def _count_model(self, model: str, count: int) -> None:
        if model not in self.models and len(self.models) >= MAX_MODELS:
            model = OTHERS
        self.models[model] += count

    def _time(self, seconds: tuple[float, str] | None) -> None:
        if seconds is not None and (self.slowest is None or seconds[0] > self.slowest[0]):
            self.slowest = seconds

    # -- telling -----------------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        """What there is to say, for people."""
        files = [f"{self.files:,} read"]
        files += [f"{self.unreadable:,} unreadable"] if self.unreadable else []
        files += [f"{self.foreign:,} without captures"] if self.foreign else []
        streams = [f"{self.streams:,}", mebibytes(self.size)]
        streams += [f"{self.events:,} events"] if self.events else []
        streams += [f"{self.left_out:,} others left out"] if self.left_out else []
        yield f"files:       {', '.join(files)}"
        yield f"streams:     {', '.join(streams)}"
        tables = {"verdicts": self.verdicts, "dialects": self.dialects, "models": self.models}
        for title, counts in tables.items():
            if counts:
                shown = [f"{name} {count:,}" for name, count in counts.most_common(SHOWN_MODELS)]
                more = len(counts) - len(shown)
                shown += [f"and {more:,} more"] if more else []
                yield f"{title + ':':<13}{', '.join(shown)}"
        yield f"findings:    {self.findings:,}"
        if self.slowest is not None:
            seconds, source = self.slowest
            yield f"first token: {seconds:.3f} s at the latest ({source})"

    def facts(self, *, interrupted: bool) -> dict[str, Any]:
        """The same in plain values, for programs."""
        return {
            "files": self.files,
            "unreadable": self.unreadable,
            "foreign": self.foreign,
            "streams": self.streams,
            "left_out": self.left_out,
            "bytes": self.size,
            "events": self.events,
            "findings": self.findings,
            "verdicts": dict(self.verdicts.most_common()),
            "dialects": dict(self.dialects.most_common()),
            "models": dict(self.models.most_common()),
            "slowest_first_token": None
            if self.slowest is None
            else {"seconds": self.slowest[0], "source": self.slowest[1]},
            "interrupted": interrupted,
        }


def mebibytes(size: float) -> str:
    """A number of bytes, for people."""
    return f"{size / MIB:,.1f} MiB"
