"""What `parts()` costs over plain iteration, and `message()` at the end, on the same streams in one process.

    python benchmarks/parts.py [--rounds N] [--answer DELTAS]

Each way reads the same bodies, live (an event a read) and in bulk (64 KiB a read), in turn within each round;
the least of the processor's time over the rounds counts. That the parts hold what was streamed is checked
before it is timed.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from workloads import READS, workloads

import ssewire

if TYPE_CHECKING:
    from collections.abc import Callable


def plain(stream: Any) -> None:
    """The typed events, and the final object."""
    for _ in stream:
        pass
    stream.snapshot()


def with_parts(stream: Any) -> None:
    """The events of the parts, and the final object."""
    for _ in stream.parts():
        pass
    stream.snapshot()


def with_message(stream: Any) -> None:
    """The typed events, and the neutral message."""
    for _ in stream:
        pass
    stream.message()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--answer", type=int, default=20_000, help="deltas of the long answer")
    options = arguments.parse_args()
    known = workloads(options.answer)
    print(f"{'µs an event':28}{'plain':>8}{'parts()':>9}{'':>8}{'message()':>11}{'':>8}")
    for name in ("answer", "recorded", "responses", "recorded-responses"):
        workload = known[name]
        stream_class = ssewire.ChatStream if workload.dialect == "chat" else ssewire.ResponsesStream
        for mode, cutting in (("live", READS["event"]), ("bulk", READS["64k"])):
            cut = [cutting(body) for body in workload.bodies]
            count = 0
            for reads in cut:
                count += sum(1 for _ in stream_class(reads))
                stream = stream_class(reads)
                ends = [event.part for event in stream.parts() if isinstance(event, ssewire.PartEnd)]
                texts = [part.text for part in ends if isinstance(part, ssewire.TextPart) and not part.choice]
                assert "".join(texts) == stream.message().text
            if count:
                figures = [seconds / count * 1e6 for seconds in _time(stream_class, cut, options.rounds)]
                more = [figure / figures[0] - 1 for figure in figures]
                print(
                    f"{f'{name}, {mode}':28}{figures[0]:8.2f}{figures[1]:9.2f}{more[1]:8.0%}"
                    f"{figures[2]:11.2f}{more[2]:8.0%}"
                )


def _time(stream_class: Any, cut: list[list[bytes]], rounds: int) -> list[float]:
    """The least time that each way took for all streams, in seconds."""
    ways: tuple[Callable[[Any], None], ...] = (plain, with_parts, with_message)
    best = [float("inf")] * len(ways)
    for _ in range(rounds):
        for at, way in enumerate(ways):
            start = time.process_time()
            for reads in cut:
                way(stream_class(reads))
            best[at] = min(best[at], time.process_time() - start)
    return best


if __name__ == "__main__":
    main()
