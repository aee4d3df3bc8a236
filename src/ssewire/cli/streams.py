"""A file goes in, with what the user wants of it; the captures to look at come out, and streams over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ssewire.cli.inputs import captures_of
from ssewire.cli.output import CLEAN, WRONG_USE, say
from ssewire.cli.picks import Picks

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ssewire._dialects import DialectName
    from ssewire._stream import Stream
    from ssewire.cli.jobs import Ended
    from ssewire.cli.tally import Tally
    from ssewire.logs.capture import Capture, End


class Reading(msgspec.Struct, frozen=True):
    """What the user says of the captures.

    Attributes:
        dialect: What they are; by default their events tell.
        body_key: Where the records of a log hold bodies.
        picks: Which of them to look at.
    """

    dialect: DialectName | None
    body_key: str | None
    picks: Picks

    @classmethod
    def of(cls, options: argparse.Namespace) -> Reading:
        """What the options say."""
        return cls(options.dialect, options.body_key, Picks.of(options))

    def captures_of(self, name: str, tally: Tally) -> Iterator[tuple[str, Capture]]:
        """The captures in a file that may be asked for, each with its name.

        Raises, while iterating:
            CaptureError, ImportError, OSError: As `read_captures`.
        """
        found = False
        for source, capture in captures_of(name, self.body_key, tally.report):
            found = True
            if self.picks.select_head(capture.head):
                tally.capture = capture
                yield source, capture
            else:
                tally.left_out += 1
        if not found:
            tally.report(f"{name}: no captures in it")

    def dialect_of(self, capture: Capture) -> DialectName | None:
        """What a capture is; None when neither the user nor an event tells.

        Raises:
            OSError: The file cannot be read.
        """
        detected = capture.detect_dialect()
        return self.dialect or detected

    def asks_for(self, stream: Stream[Any, Any], dialect: DialectName | None, tally: Tally) -> bool:
        """Whether a stream that was read is asked for; counts it as left out if it is not."""
        selected = self.picks.select(stream)
        tally.selected += selected
        asked_for = selected and self.picks.hold(stream, dialect)
        tally.left_out += not asked_for
        return asked_for


def open_stream(capture: Capture, dialect: DialectName | None) -> Stream[Any, Any]:
    """A stream over a capture, which skips malformed events."""
    return capture.stream(dialect or "chat", malformed="skip")


def end_of(capture: Capture, tally: Tally) -> End:
    """Leave out what the stream did not read, and count the bytes; returns how the capture ended."""
    end = capture.skip()
    tally.capture = None
    tally.size += capture.size
    return end


def none_asked_for(ended: Ended) -> int:
    """Say so where the filters have left out every stream; returns the exit code."""
    tally = ended.tally
    if ended.interrupted or tally.streams or not tally.left_out:
        return ended.code
    many = f"{tally.left_out:,} stream{'s' if tally.left_out > 1 else ''}"
    say(f"the filters left out all there is: {many}")
    # To ask which streams are cut is to hope for none. A model that nobody has used is a slip of the pen.
    return max(ended.code, CLEAN if tally.selected else WRONG_USE)
