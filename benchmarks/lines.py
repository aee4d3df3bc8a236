"""Where the time of a stream goes, line by line.

    python benchmarks/lines.py [--workload NAME] [--reads CUTTING] [--lines N]

Needs `pip install line_profiler`. The share of a line is that of the whole time, with what it calls. A line
that is measured costs more than one that is not, so that the shares tell, and not the times.
"""

from __future__ import annotations

import argparse
import inspect
import linecache
from typing import Any

import contestants
from workloads import READS, workloads

from ssewire import _choices, _merge, _parser, _stream
from ssewire._wire import tokenizer
from ssewire.chat import reducer, repeats
from ssewire.responses import deltas
from ssewire.responses import reducer as responses_reducer

ROOMS = (_stream, _parser, tokenizer, _choices, _merge, reducer, repeats, deltas, responses_reducer)


def functions() -> list[Any]:
    """Every function and method that is written in those rooms."""
    found: list[Any] = []
    for room in ROOMS:
        for _, member in inspect.getmembers(room):
            if getattr(member, "__module__", None) != room.__name__:
                continue
            members = vars(member).values() if inspect.isclass(member) else [member]
            found += [each.fget if isinstance(each, property) else each for each in members]
    return [each for each in found if inspect.isfunction(each)]


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workload", default="recorded")
    parser.add_argument("--reads", choices=tuple(READS), default="event")
    parser.add_argument("--deltas", type=int, default=2000, help="the length of made answers")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--lines", type=int, default=40, help="how many lines are printed")
    options = parser.parse_args()
    try:
        import line_profiler
    except ImportError:
        parser.error("pip install line_profiler")
    workload = workloads(options.deltas)[options.workload]
    cut = workload.cut(options.reads)
    reader = contestants.FAST[workload.dialect]["whole"]
    make_profiler: Any = line_profiler.LineProfiler
    profiler = make_profiler(reader, *functions())
    whole = profiler.wrap_function(reader)
    for _ in range(options.rounds):
        for reads in cut:
            whole(reads)
    rows: list[tuple[float, str, int, int]] = []
    total = 0.0
    for (file, *_), lines in profiler.get_stats().timings.items():
        if file.endswith("contestants.py"):
            total += sum(time for _, _, time in lines)
        else:
            rows += [(time, file, line, hits) for line, hits, time in lines]
    events = workload.events * options.rounds
    print("| share | times an event | line |\n| --- | --- | --- |")
    for time, file, line, hits in sorted(rows, reverse=True)[: options.lines]:
        place = file.rpartition("ssewire/")[2]
        text = linecache.getline(file, line).strip().replace("|", "\\|")
        print(f"| {time / total:.1%} | {hits / events:.2f} | {place}:{line} `{text}` |")


if __name__ == "__main__":
    main()
