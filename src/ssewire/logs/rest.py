"""A capture of a Responses stream goes in, with a sequence number; what comes behind that event comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ssewire._dialect import payload_or_text
from ssewire._wire.tokenizer import Tokenizer
from ssewire.logs.capture import Capture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire.logs.capture import Read
    from ssewire.logs.play import Fault


def rest_of(capture: Capture, after: int) -> tuple[Capture, range]:
    """What a server sends of a response when it is asked to go on after an event.

    Args:
        capture: The whole of it, loaded.
        after: The sequence number of the event.

    Returns:
        A capture of the rest, whose times begin with it, and where in the body its first event is.
    """
    first = _first_behind(capture.body, after)
    reads = list(_from(capture.reads, first.start))
    began = (reads[0][0] if reads else capture.end.seconds) or 0
    reads = [(None if seconds is None else seconds - began, data) for seconds, data in reads]
    ended = capture.end.seconds
    end = msgspec.structs.replace(capture.end, seconds=None if ended is None else ended - began)
    return Capture(capture.head, reads, end), first


def faults_behind(faults: Iterable[Fault], first: range) -> list[Fault]:
    """What is still to go wrong in the rest of a body: what has broken it before is over."""
    shifted = [each if each.kind == "reads" else each._replace(at=each.at - first.start) for each in faults]
    return [each for each in shifted if each.kind == "reads" or each.at >= len(first)]


def _first_behind(body: bytes, after: int) -> range:
    """Where the first event is that has a higher number."""
    tokenizer = Tokenizer(max_event_size=None)
    begin = 0
    for line in body.splitlines(keepends=True):
        for event in tokenizer.feed(line):
            payload = payload_or_text(event.data)
            number = payload.get("sequence_number") if isinstance(payload, dict) else None
            if isinstance(number, int) and number > after:
                return range(begin, tokenizer.position)
            begin = tokenizer.position
    return range(len(body), len(body))


def _from(reads: Iterable[Read], start: int) -> Iterator[Read]:
    """The reads from a byte on."""
    position = 0
    for seconds, data in reads:
        position += len(data)
        if position > start:
            yield seconds, data[max(len(data) - (position - start), 0) :]
