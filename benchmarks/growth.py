"""Time what grows with the input, over several sizes: the cost of each byte must stay what it is.

    python benchmarks/growth.py [--max-mib SIZE] [--max-single-mib SIZE] [--rounds R] [--kinds KIND ...]

For each kind of input and of reads: nanoseconds a byte at each size, and the growth: the most that a byte
costs over what it costs at a smaller size. Sizes go from 64 KiB in steps of four. The processor's time is
taken, and the minimum of the rounds counts. What comes out is checked.

"copied" is the least that anybody does who keeps an event: a bytearray that grows, and a copy. From some size
on it costs ten times as much, for the system hands out fresh memory, which small sizes use again and again.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import made

import ssewire

if TYPE_CHECKING:
    from collections.abc import Callable

KIB = 2**10
MIB = 2**20
SIZES = [64 * KIB * 4**step for step in range(7)]
READS = {"1 byte": 1, "1,460 bytes": 1460, "64 KiB": 64 * KIB}
ROUND_BYTES = MIB
FLAT = 1.3
SNAPSHOT_EVENTS = 1000


def one_event(size: int) -> bytes:
    """One event of one line."""
    return made.chunk(f'{{"content":"{"a" * size}"}}') + made.END


def data_lines(size: int) -> bytes:
    """One event of many data lines, each with a byte of its JSON's white space."""
    return made.EMPTY.removesuffix(b"\n") + b"data:  \n" * (size // 8) + b"\n" + made.END


def line_ends(size: int) -> bytes:
    """An event, and very many blank lines, ended by CRs."""
    return made.EMPTY + b"\r" * size + made.END


def many_events(size: int) -> bytes:
    """An answer in many events."""
    return made.answer(size // len(made.delta(0)))


def copied(reads: list[bytes]) -> None:
    """The bytes, collected and copied."""
    data = bytearray()
    for read in reads:
        data += read
    assert len(bytes(data)) == len(data)


def tokenized(reads: list[bytes]) -> None:
    """The server-sent events alone."""
    tokenizer = ssewire.Tokenizer(max_event_size=None)
    count = 0
    for read in reads:
        count += len(tokenizer.feed(read))
    assert count >= 2


def streamed(reads: list[bytes]) -> None:
    """Typed events and the snapshot."""
    stream = ssewire.ChatStream(reads, max_event_size=None)
    for _ in stream:
        pass
    stream.snapshot()
    assert stream.verdict is ssewire.Verdict.COMPLETE


def watched(reads: list[bytes]) -> None:
    """Typed events, and a snapshot each time that a thousand have come."""
    stream = ssewire.ChatStream(reads, max_event_size=None)
    for number, _ in enumerate(stream):
        if number % SNAPSHOT_EVENTS == 0:
            stream.snapshot()
    assert stream.verdict is ssewire.Verdict.COMPLETE


ROWS: list[tuple[Callable[[int], bytes], Callable[[list[bytes]], None]]] = [
    (one_event, copied),
    (one_event, tokenized),
    (one_event, streamed),
    (data_lines, tokenized),
    (data_lines, streamed),
    (line_ends, tokenized),
    (line_ends, streamed),
    (many_events, tokenized),
    (many_events, streamed),
    (many_events, watched),
]


def cost(reader: Callable[[list[bytes]], None], body: bytes, read_size: int, rounds: int) -> float:
    """Nanoseconds a byte."""
    reads = list(made.reads_of(body, read_size))
    repeats = max(1, ROUND_BYTES // len(body)) if read_size > 1 else 1
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(repeats):
            reader(reads)
        best = min(best, time.process_time() - start)
    return best / repeats / len(body) * 1e9


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--max-mib", type=float, default=4, help="the largest size, up to 256")
    arguments.add_argument("--max-single-mib", type=float, default=0.25, help="the largest in 1-byte reads")
    arguments.add_argument("--rounds", type=int, default=3)
    kinds = list(dict.fromkeys(make.__name__ for make, _ in ROWS))
    arguments.add_argument("--kinds", choices=kinds, nargs="+", default=kinds)
    options = arguments.parse_args()
    sizes = [size for size in SIZES if size <= options.max_mib * MIB] or [int(options.max_mib * MIB)]
    columns = "".join(f"{f'{size // KIB} KiB' if size < MIB else f'{size // MIB} MiB':>9}" for size in sizes)
    print(f"{'ns a byte':14}{'':11}{'reads':12}{columns}{'growth':>9}")
    for make, reader in (row for row in ROWS if row[0].__name__ in options.kinds):
        for name, read_size in READS.items():
            costs = [
                cost(reader, make(size), read_size, options.rounds)
                for size in sizes
                if read_size > 1 or size <= options.max_single_mib * MIB or size == sizes[0]
            ]
            growth = max(each / min(costs[: at + 1]) for at, each in enumerate(costs))
            cells = "".join(f"{each:9.2f}" for each in costs) + " " * 9 * (len(sizes) - len(costs))
            verdict = "flat" if growth <= FLAT else f"more than {FLAT}"
            print(
                f"{make.__name__:14}{reader.__name__:11}{name:12}{cells}{growth:9.2f}  {verdict}", flush=True
            )


if __name__ == "__main__":
    main()
