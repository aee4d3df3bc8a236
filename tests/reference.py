"""A whole event-stream body in, what the WHATWG HTML standard makes of it out.

This is the measure for the tokenizer, so it is slow and obvious on purpose: it decodes everything,
cuts it into lines, and takes the steps in the order in which section 9.2.6 gives them. It knows
nothing about reads.
https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

BOM = b"\xef\xbb\xbf"

# ssewire ignores a longer reconnection time. `int()` takes 640 digits however
# `sys.set_int_max_str_digits` was called.
MAX_RETRY_DIGITS = 640


@dataclass
class Outcome:
    """What one body means: its events as (data, type, last event ID), and all that is no event."""

    events: list[tuple[str, str, str]] = field(default_factory=list)
    last_event_id: str = ""
    retry: int | None = None
    comments: list[str] = field(default_factory=list)
    unknown_fields: list[tuple[str, str]] = field(default_factory=list)


def interpret(body: bytes, *, flush: bool = False, errors: str = "replace") -> Outcome:
    """Interpret a whole body as the standard does.

    Args:
        body: All bytes of the stream.
        flush: End the body with a line end and a blank line, so that its last event counts.
        errors: How malformed UTF-8 is decoded. The standard says "replace"; with "surrogateescape"
            the texts encode back to the bytes that were sent, and show what became of each.
    """
    text = body.decode("utf-8", errors).removeprefix("\ufeff")

    # Not `splitlines`: that knows eight line ends more than the standard does.
    lines = re.split("\r\n|\n|\r", text)
    unfinished = lines.pop()
    if flush:
        lines += [unfinished, ""]

    outcome = Outcome()
    data_buffer = ""
    type_buffer = ""
    id_buffer = ""
    for line in lines:
        if line == "":
            outcome.last_event_id = id_buffer
            if data_buffer != "":
                data = data_buffer.removesuffix("\n")
                outcome.events.append((data, type_buffer or "message", id_buffer))
            data_buffer = ""
            type_buffer = ""
            continue
        if line.startswith(":"):
            outcome.comments.append(line[1:])
            continue

        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            type_buffer = value
        elif name == "data":
            data_buffer += value + "\n"
        elif name == "id":
            if "\0" not in value:
                id_buffer = value
        elif name == "retry":
            digits = value.lstrip("0")
            if re.fullmatch("[0-9]+", value) and len(digits) <= MAX_RETRY_DIGITS:
                outcome.retry = int(digits or "0")
        else:
            outcome.unknown_fields.append((name, value))
    return outcome


@dataclass(frozen=True)
class _Line:
    start: int
    content: bytes
    end: int | None  # the offset of its line end; None when the body stops before one


def completion_offsets(body: bytes) -> list[int]:
    """Return, for each event, after how many bytes of the body it must have been handed out.

    A bare CR ends a line, so an event is whole with that CR, whether or not an LF follows.
    """
    offsets = []
    has_data = False
    for line in _lines(body):
        if line.content == b"" and line.end is not None:
            if has_data:
                offsets.append(line.end + 1)
            has_data = False
        elif line.end is not None and _field_name(line) == b"data":
            has_data = True
    return offsets


def first_overflow(body: bytes, limit: int, *, flush: bool = False) -> tuple[int, int] | None:
    """Return where an event outgrows the limit, with the number of events complete before, or None.

    The size of an event is what its data, event, id and retry lines carry as values, and one byte
    for each data line after the first: the LF that joins it to the one before. That byte is counted
    as soon as the line is known to be a data line: at its colon or, without one, at its line end.

    Args:
        body: All bytes of the stream.
        limit: The largest size allowed, in bytes.
        flush: The end of the body counts as a line end, at the offset behind its last byte.
    """
    size = 0
    data_lines = 0
    for line in _lines(body):
        if line.content == b"":
            size = 0
            data_lines = 0
            continue
        name = _field_name(line)
        if name not in (b"data", b"event", b"id", b"retry"):
            continue

        counted: list[int] = []
        behind_name = line.start + len(name)
        has_colon = line.content != name
        if name == b"data" and (has_colon or line.end is not None or flush):
            data_lines += 1
            if data_lines > 1:
                counted.append(behind_name)
        value = line.content[len(name) + 1 :].removeprefix(b" ")
        behind_value = line.start + len(line.content)
        counted += range(behind_value - len(value), behind_value)

        for position in counted:
            size += 1
            if size > limit:
                return position, sum(done <= position for done in completion_offsets(body))
    return None


def _lines(body: bytes) -> Iterator[_Line]:
    start = len(BOM) if body.startswith(BOM) else 0
    at = start
    while at < len(body):
        if body[at : at + 2] == b"\r\n":
            yield _Line(start, body[start:at], at)
            start = at = at + 2
        elif body[at : at + 1] in (b"\r", b"\n"):
            yield _Line(start, body[start:at], at)
            start = at = at + 1
        else:
            at += 1
    if start < len(body):
        yield _Line(start, body[start:], None)


def _field_name(line: _Line) -> bytes:
    return line.content.partition(b":")[0]
