"""What every command says, and how: findings a line each on stderr, values as JSON on stdout."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire.errors import (
    CaptureError,
    EmptyStreamError,
    NotAnEventStreamError,
    ProviderError,
    SSEWireError,
)
from ssewire.logs.capture import CLOSED, broken_off

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire._stream import Stream
    from ssewire.logs.capture import End

CLEAN: Final = 0
FINDINGS: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130


class StdoutError(Exception):
    """Stdout cannot be written any more: nobody reads it, or its disk is full.

    It is no `OSError`, for that is what a file raises that cannot be read.
    """

    code: int
    """The exit code that what was found before asks for."""


@contextlib.contextmanager
def writing(code: int = CLEAN) -> Iterator[None]:
    """Write to stdout in here, with that exit code so far. Raises StdoutError."""
    try:
        yield
    except OSError as error:
        refusal = StdoutError(error.strerror or str(error))
        refusal.code = code
        raise refusal from error


def plain(text: str) -> str:
    """A text from a stream on one line: nothing in it moves the cursor or turns the text."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def say(line: str) -> None:
    """Tell the user something that is not the answer. Raises StdoutError."""
    with writing():
        sys.stdout.flush()
    sys.stderr.write(f"ssewire: {plain(line)}\n")
    sys.stderr.flush()


def finding(
    stream: Stream[Any, Any], problem: SSEWireError | None, known: str | None, end: End | None = None
) -> str:
    """What is wrong with a stream that has been read, on one line; empty for nothing.

    Args:
        stream: The stream.
        problem: What it raised.
        known: Its dialect, as far as that is known.
        end: How its capture ended, if it has one.
    """
    if isinstance(problem, (EmptyStreamError, NotAnEventStreamError)):
        return str(problem)
    # What the capture itself lacks is no fault of a transport.
    cause = None if problem is None else problem.__cause__
    told = cause if isinstance(cause, CaptureError) else problem
    found = [] if problem is None else [f"{stream.verdict.value}: {told}"]
    malformed = count_of("malformed", stream)
    if malformed:
        found.append(f"{malformed} malformed event{'s' if malformed > 1 else ''} skipped")
    if known is None and stream.timing.first_event is not None and not isinstance(problem, ProviderError):
        found = ["events of no known dialect"]
    if end is not None and end.broken and end.how != CLOSED and not isinstance(told, CaptureError):
        found.append(str(broken_off(end)))  # behind the stream's own end
    return "; ".join(found)


def count_of(kind: str, stream: Stream[Any, Any]) -> int:
    """How often something of a kind came up."""
    return sum(each.count for each in stream.diagnostics if each.kind == kind)


def told(problem: SSEWireError | None) -> dict[str, Any] | None:
    """An exception in plain values: its kind, its text, and its facts."""
    if problem is None:
        return None
    facts = {
        name: dict(value) if name == "headers" else value
        for name, value in vars(problem).items()
        if name != "snapshot" and not isinstance(value, bytes) and value is not None
    }
    return {"kind": type(problem).__name__, "text": str(problem)} | facts


def json_line(value: Any) -> str:
    """A value as one line of JSON."""
    try:
        # An event may hold JSON that nobody has decoded yet, with bytes in it that are no UTF-8.
        return msgspec.json.encode(value).decode(errors="replace")
    except UnicodeEncodeError:
        # An event keeps half a surrogate pair as it was sent; escaped, it can be written.
        return json.dumps(msgspec.to_builtins(value))
