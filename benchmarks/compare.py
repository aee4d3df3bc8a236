"""Compare ssewire with what people use today, in one process.

    python benchmarks/compare.py [--workload NAME]... [--rounds N] [--slow N] [--deltas N] [--memory]

Each workload is read in several cuttings: an event a read (live), 1,460 bytes, 64 KiB, the whole body. What a
contestant makes of a stream is checked before it is timed. Within each round all contestants take turns, and
the minimum over the rounds counts. eventsource-parser runs on Node, in a process of its own, where there is
one. Times are microseconds an event, and behind them is how many times `orjson.loads` they are, on payloads
that somebody else has cut out.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import contestants
import orjson
from workloads import READS, Workload, workloads

if TYPE_CHECKING:
    from contestants import Reader

NODE = Path(__file__).parent / "node"
NODE_ROUNDS = 30
MAX_SLOW_EVENTS = 3000
"""Workloads of more events are not given to the slow contestants."""
MEMORY_DELTAS = 2000


class Table:
    """The best times of one workload, by contestant and cutting."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.best: dict[tuple[str, str], float] = {}

    def note(self, name: str, reads: str, seconds: float) -> None:
        """Keep a time if it is the best so far."""
        self.best[name, reads] = min(self.best.get((name, reads), seconds), seconds)

    def micros(self, name: str, reads: str) -> float | None:
        """Microseconds an event; of a contestant that takes payloads whatever the cutting."""
        found = self.best.get((name, reads), self.best.get((name, "")))
        return None if found is None else found / self.workload.events * 1e6

    def show(self) -> None:
        """Print the table."""
        workload = self.workload
        print(f"\n## {workload.name}: {len(workload.bodies)} streams, {workload.events} events ", end="")
        print(f"of {workload.size} bytes on average\n")
        print("| µs an event (x orjson) | " + " | ".join(READS) + " |\n| --- |" + " --- |" * len(READS))
        base = self.micros("orjson alone", "") or 0.0
        for name in dict.fromkeys(name for name, _ in self.best):
            times = [self.micros(name, reads) for reads in READS]
            cells = ["-" if micros is None else f"{micros:.2f} ({micros / base:.1f})" for micros in times]
            print(f"| {name} | " + " | ".join(cells) + " |")

    def show_targets(self) -> None:
        """Print how the whole way and the tokenizer compare with the others, and how they are to."""
        print("\n| against | ratio | live | target | bulk | target |\n| --- | --- | --- | --- | --- | --- |")
        rows = (
            ("orjson alone", "whole", "≤ 1.8", "≤ 1.6"),
            ("openai, accumulated", "whole", "≥ 100", "≥ 100"),
            ("httpx-sse + json", "whole", "≥ 5", "≥ 4.5"),
            ("eventsource-parser on Node, JSON.parse", "whole", "≤ 1.0", "≤ 1.0"),
            ("eventsource-parser on Node", "tokenizer", "≤ 1.2", "≤ 1.6"),
        )
        for other, ours, *targets in rows:
            faster = targets[0].startswith("≥")
            cells = [other, f"{ours}: {'times faster' if faster else 'times its time'}"]
            for reads, target in zip(("event", "64k"), targets, strict=True):
                theirs, own = self.micros(other, reads), self.micros(ours, reads)
                ratio = "-"
                if theirs and own:
                    ratio = f"{theirs / own if faster else own / theirs:.2f}"
                cells += [ratio, target]
            print("| " + " | ".join(cells) + " |")


def measure(workload: Workload, rounds: int, slow_rounds: int) -> Table:
    """Check and time all contestants."""
    table = Table(workload)
    slow = contestants.SLOW[workload.dialect] if workload.events <= MAX_SLOW_EVENTS and slow_rounds else {}
    runs: list[tuple[str, str, Reader, list[list[bytes]], int]] = []
    for readers, times in ((contestants.FAST[workload.dialect], rounds), (slow, slow_rounds)):
        for name, reader in readers.items():
            for reads in READS:
                cut = workload.cut(reads)
                if name != "tokenizer":
                    check(name, workload, reader, cut)
                runs.append((name, reads, reader, cut, times))
    for name, reader in contestants.ALONE[workload.dialect].items():
        runs.append((name, "", reader, workload.payloads, rounds))
    for number in range(max(rounds, slow_rounds)):
        for name, reads, reader, inputs, times in runs:
            if number < times:
                start = time.perf_counter()
                for each in inputs:
                    reader(each)
                table.note(name, reads, time.perf_counter() - start)
    for reads in READS:
        for name, seconds in on_node(workload, reads).items():
            table.note(name, reads, seconds)
    return table


def check(name: str, workload: Workload, reader: Reader, cut: list[list[bytes]]) -> None:
    """See that a contestant reads what the streams say."""
    for reads, payloads in zip(cut, workload.payloads, strict=True):
        # pydantic-ai knows one answer only, and takes the others' text for its own.
        text = workload.text_of(payloads, all_choices=name == "pydantic-ai")
        found = reader(reads)
        if found != text:
            raise AssertionError(f"{name} reads {found!r} where {text!r} stands")


def on_node(workload: Workload, reads: str) -> dict[str, float]:
    """The times of eventsource-parser, if Node is here."""
    if shutil.which("node") is None or not install():
        return {}
    streams = [[base64.b64encode(read).decode() for read in each] for each in workload.cut(reads)]
    given = json.dumps({"rounds": NODE_ROUNDS, "streams": streams}).encode()
    ran = subprocess.run(["node", str(NODE / "bench.mjs")], input=given, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    fields = sum(len(orjson.loads(payload)) for each in workload.payloads for payload in each)
    if found["fields"] < fields:
        raise AssertionError(f"eventsource-parser finds {found['fields']} fields where {fields} are")
    return {
        "eventsource-parser on Node": found["tokenizer"] / 1e9,
        "eventsource-parser on Node, JSON.parse": found["whole"] / 1e9,
    }


def install() -> bool:
    """Install what the script for Node needs, unless it is there."""
    if (NODE / "node_modules").is_dir():
        return True
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(NODE)]
    if shutil.which("npm") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        print("eventsource-parser cannot be installed here, and is left out", file=sys.stderr)
        return False
    return True


def show_memory(workload: Workload) -> None:
    """Print what each contestant allocates at most while it reads a stream event by event."""
    print(f"\n## memory: at most, for one stream of {workload.events} events\n")
    print("| contestant | KiB |\n| --- | --- |")
    (reads,) = workload.cut("event")
    for name, reader in (contestants.FAST[workload.dialect] | contestants.SLOW[workload.dialect]).items():
        reader(reads)
        tracemalloc.start()
        reader(reads)
        print(f"| {name} | {tracemalloc.get_traced_memory()[1] / 1024:.0f} |")
        tracemalloc.stop()


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = "(default: %(default)s)"
    parser.add_argument("--workload", action="append", metavar="NAME", help="one of them; may be repeated")
    parser.add_argument("--rounds", type=int, default=9, help=f"how often each is timed {default}")
    parser.add_argument("--slow", type=int, default=2, help=f"how often those are that take long {default}")
    parser.add_argument("--deltas", type=int, default=20_000, help=f"the length of made answers {default}")
    parser.add_argument("--memory", action="store_true", help="also show what each allocates")
    options = parser.parse_args()
    known = workloads(options.deltas)
    for name in options.workload or known:
        if name not in known:
            parser.error(f"there is no workload {name!r}: there are {', '.join(known)}")
    for name in options.workload or known:
        print(f"reading {name} …", file=sys.stderr)
        table = measure(known[name], options.rounds, options.slow)
        table.show()
        table.show_targets()
    if options.memory:
        show_memory(workloads(min(options.deltas, MEMORY_DELTAS))["answer"])


if __name__ == "__main__":
    main()
