"""Time `ssewire replay` over many files, by one process and by more.

    python benchmarks/jobs.py [--files N] [--events M] [--jobs J ...] [--rounds R]

The files are made in a temporary folder. What is printed is checked to be the same in each round; the minimum
of the rounds counts. What the machine gives beside other work is seen by as many commands of one process, all
at once: "at most" is what they reach. The processors' seconds tell what handing over costs, on a busy machine
too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import made

Measured = tuple[float, float]
"""The seconds that passed, and those of processors."""


def measure(folder: Path, jobs: int, copies: int, expected: bytes) -> Measured:
    """Run so many copies of the command at once, and see that each prints what it should."""
    command = [sys.executable, "-m", "ssewire", "replay", "--as", "json", "--jobs", str(jobs), "."]
    before = os.times()
    with contextlib.ExitStack() as stack:
        outs = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(copies)]
        running = [subprocess.Popen(command, cwd=folder, stdout=out) for out in outs]
        assert not any(process.wait() for process in running)
        after = os.times()
        for out in outs:
            out.seek(0)
            assert out.read() == expected
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return after.elapsed - before.elapsed, used


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--files", type=int, default=32)
    arguments.add_argument("--events", type=int, default=10_000, help="in each file")
    arguments.add_argument("--jobs", type=int, nargs="+", default=[2], help="how many processes")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="ssewire-") as name:
        folder = Path(name)
        body = made.answer(options.events)
        for number in range(options.files):
            (folder / f"{number:06}.sse").write_bytes(body)
        print(f"{options.files} files of {options.events} events, {len(body):,} bytes each\n")
        command = [sys.executable, "-m", "ssewire", "replay", "--as", "json", "."]
        expected = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout
        assert expected.count(b"\n") == options.files
        alone: list[Measured] = []
        many: dict[int, list[Measured]] = {jobs: [] for jobs in options.jobs}
        copies: dict[int, list[Measured]] = {jobs: [] for jobs in options.jobs}
        for _ in range(options.rounds):
            alone.append(measure(folder, 1, 1, expected))
            for jobs in options.jobs:
                many[jobs].append(measure(folder, jobs, 1, expected))
                copies[jobs].append(measure(folder, 1, jobs, expected))
    print(f"{'jobs':>4}{'seconds':>10}{'times as fast':>15}{'at most':>10}{'processor seconds':>20}")
    seconds, used = map(min, zip(*alone, strict=True))
    print(f"{1:4}{seconds:10.2f}{1:15.2f}{1:10.2f}{used:20.2f}")
    for jobs in options.jobs:
        taken, used = map(min, zip(*many[jobs], strict=True))
        most = jobs * seconds / min(elapsed for elapsed, _ in copies[jobs])
        print(f"{jobs:4}{taken:10.2f}{seconds / taken:15.2f}{most:10.2f}{used:20.2f}")


if __name__ == "__main__":
    main()
