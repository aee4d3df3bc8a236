"""A capture goes in, with a speed and faults; the steps of playing it come out: what to send, and when.

Nothing here waits or sends: a transport does, or a server.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from ssewire.logs.capture import CUT, ERROR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ssewire.logs.capture import Capture, End, Read

GARBAGE_BYTES: Final = 16
MAX_RANDOM_READ_BYTES: Final = 64


class Step(NamedTuple):
    """One step of playing."""

    due: float
    """When, in seconds since the response began."""
    data: bytes
    """What to send then; nothing for a pause."""
    broken: str = ""
    """What to break the connection with; nothing comes after it."""


class Fault(NamedTuple):
    """Something to go wrong in a body.

    Written `cut:AT` (the body ends cleanly at that byte), `reset:AT` (the connection breaks there),
    `stall:AT` or `stall:AT:SECONDS` (nothing comes for that time, or ever again, whatever the speed),
    `garbage:AT` or `garbage:AT:COUNT` (that many bytes are put in, 16 by default), and `reads:SIZE`,
    `reads:whole`, `reads:random` or `reads:random:SEED` (the body is cut into other reads; random, yet the
    same each time). Behind the end of a body nothing goes wrong.
    """

    kind: str
    at: int = 0
    """Which byte, from 0; for `reads`: how many bytes, 0 for random sizes."""
    more: float = 0
    """How many seconds, how many bytes, or the seed."""

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault as it is written.

        Raises:
            ValueError: It is none.
        """
        try:
            match text.split(":"):
                case ["cut" | "reset" as kind, at]:
                    return cls(kind, _natural(at))
                case ["stall", at]:
                    return cls("stall", _natural(at), math.inf)
                case ["stall", at, seconds] if float(seconds) >= 0:
                    return cls("stall", _natural(at), float(seconds))
                case ["garbage", at]:
                    return cls("garbage", _natural(at), GARBAGE_BYTES)
                case ["garbage", at, count]:
                    return cls("garbage", _natural(at), _natural(count))
                case ["reads", "whole"]:
                    return cls("reads", sys.maxsize)
                case ["reads", "random"]:
                    return cls("reads", 0)
                case ["reads", "random", seed]:
                    return cls("reads", 0, int(seed))
                case ["reads", size] if int(size) > 0:
                    return cls("reads", int(size))
        except ValueError:
            pass
        raise ValueError(f"no fault: {text!r}; {_GRAMMAR}")


_GRAMMAR: Final = (
    "cut:AT, reset:AT, stall:AT[:SECONDS], garbage:AT[:COUNT], reads:SIZE, reads:whole or reads:random[:SEED]"
)


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def parse_faults(faults: Iterable[str | Fault]) -> list[Fault]:
    """Read faults as they are written; one alone will do as well. Raises ValueError."""
    if isinstance(faults, str):
        faults = [faults]
    return [each if isinstance(each, Fault) else Fault.parse(each) for each in faults]


def parse_speed(text: str) -> float | None:
    """A speed as it is written: `none` (no waiting), or a factor such as `1` or `10`. Raises ValueError."""
    return None if text == "none" else check_speed(float(text))


def check_speed(speed: float | None) -> float | None:
    """See that a speed is one. Raises ValueError."""
    if speed is not None and not 0 < speed < math.inf:
        raise ValueError(f"a speed is a factor above 0, or none, not {speed}")
    return speed


def play(capture: Capture, *, speed: float | None = None, faults: Sequence[Fault] = ()) -> Iterator[Step]:
    """The steps of playing a capture.

    Where its transport broke, or the recording is cut, the playing breaks off, too; where the reader had
    closed first, the body ends.

    Args:
        capture: What to play; it is read while it is played.
        speed: 1 for the times of the recording, 10 for a tenth of them, None for no waiting.
        faults: What is to go wrong; their bytes are counted in the recorded body.
    """
    reads: Iterator[Read] = iter(capture.reads)
    for fault in faults:
        if fault.kind == "reads":
            reads = _recut(reads, fault)
    return _paced(reads, capture, check_speed(speed), [each for each in faults if each.kind != "reads"])


def _paced(
    reads: Iterator[Read], capture: Capture, speed: float | None, faults: Sequence[Fault]
) -> Iterator[Step]:
    waiting = sorted(faults, key=lambda each: each.at)
    due = late = 0.0
    position = 0

    def at(seconds: float | None) -> float:
        """When something is due that came so many seconds into the recording."""
        nonlocal due
        if speed is not None and seconds is not None:
            due = max(due, seconds / speed)
        return due + late

    for seconds, data in reads:
        begun = False  # some of the read is sent already
        while waiting and waiting[0].at <= position + len(data):
            fault = waiting.pop(0)
            before, data = data[: fault.at - position], data[fault.at - position :]
            position += len(before)
            if before:
                yield Step(at(seconds), before)
            begun = True
            if fault.kind == "cut":
                return
            if fault.kind == "reset":
                yield Step(at(seconds), b"", f"connection reset at byte {position}")
                return
            if fault.kind == "stall":
                late += fault.more
            else:
                yield Step(at(seconds), _garbage(fault))
        if data or not begun:
            yield Step(at(seconds), data)
        position += len(data)
    yield _ending(capture.end, at)


def _ending(end: End, at: Callable[[float | None], float]) -> Step:
    """The step behind the last read."""
    broken = ""
    if end.how == ERROR:
        broken = end.error or "the connection broke"
    elif end.how == CUT or end.lost_reads:
        broken = f"the recording ends here: {end.problem}"
    return Step(at(end.seconds), b"", broken)


def _garbage(fault: Fault) -> bytes:
    return hashlib.shake_128(str(fault.at).encode()).digest(int(fault.more))


def _recut(reads: Iterable[Read], fault: Fault) -> Iterator[Read]:
    """Cut anew; a piece comes when its last byte came."""
    sizes = itertools.repeat(fault.at) if fault.at else _random_sizes(int(fault.more))
    held = bytearray()
    seconds: float | None = None
    size = next(sizes)
    for seconds, data in reads:
        held += data
        start = 0
        while len(held) - start >= size:
            end = start + size
            yield seconds, bytes(held[start:end])
            start, size = end, next(sizes)
        del held[:start]
    if held:
        yield seconds, bytes(held)


def _random_sizes(seed: int) -> Iterator[int]:
    block = 0
    while True:
        digest = hashlib.sha256(f"{seed} {block}".encode()).digest()
        yield from (byte % MAX_RANDOM_READ_BYTES + 1 for byte in digest)
        block += 1
