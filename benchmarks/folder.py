"""Time `ssewire check` over a folder of thousands of captures, beside what the parser alone takes for them.

    python benchmarks/folder.py [--files N] [--forms FORM ...] [--jobs J ...] [--bodies FOLDER] [--rounds R]

The captures have 20 to 100 KiB each, one a file. The forms are:

    sse       raw bodies
    capture   capture files with an event a read, as they arrive live
    packed    the same, as .gz

"Parser" is a stream over the same bodies in memory, by one process: in 64 KiB reads beside raw bodies, an
event a read beside captures. The factor is what the command takes in units of that, times its processes; the
last two columns are the same of processors' seconds, for a busy machine. With `--bodies`, the bodies are
those of that size in a folder; otherwise they are made, answers of 70 to 340 deltas. The minimum of the
rounds counts.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import made

from ssewire import SSEWireError, detect_dialect
from ssewire._dialects import DIALECTS
from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead, write_captures

KIB = 2**10
MIN_BYTES, MAX_BYTES = 20 * KIB, 100 * KIB
READ_BYTES = 64 * KIB
HEAD = Head(
    RequestHead("POST", "https://api.example.com/v1/chat/completions", (("accept", "*/*"),), b"{}"),
    ResponseHead(200, (("content-type", "text/event-stream"),), "HTTP/1.1"),
    "2026-01-01T12:00:00+00:00",
)
SUFFIXES = {"sse": ".sse", "capture": ".jsonl", "packed": ".jsonl.gz"}


def bodies_of(folder: str | None) -> list[bytes]:
    """The bodies to write, some dozens."""
    if folder is None:
        return [made.answer(deltas) for deltas in range(70, 341, 10)]
    found = [path.read_bytes() for path in sorted(Path(folder).glob("*.sse"))]
    return [body for body in found if MIN_BYTES <= len(body) <= MAX_BYTES and detect_dialect(body)]


def reads_of(body: bytes) -> list[bytes]:
    """A body as it arrives live: an event a read."""
    reads = [event + b"\n\n" for event in body.split(b"\n\n")]
    return [*reads[:-1], reads[-1][:-2]]


def write(folder: Path, form: str, bodies: list[bytes], files: int) -> int:
    """Write so many captures; returns the bytes of their bodies."""
    for number, body in enumerate(bodies):
        path = folder / f"model{SUFFIXES[form]}"
        if form == "sse":
            path.write_bytes(body)
        else:
            reads = [(0.3 + at * 0.021, read) for at, read in enumerate(reads_of(body))]
            write_captures([Capture(HEAD, reads, End("eof", reads[-1][0]))], path)
        content = path.read_bytes()
        path.unlink()
        for copy in range(number, files, len(bodies)):
            (folder / f"{copy:06}{SUFFIXES[form]}").write_bytes(content)
    return sum(len(body) for body in itertools.islice(itertools.cycle(bodies), files))


Measured = tuple[float, float]
"""The seconds that passed, and those of processors."""


def parse(bodies: list[bytes], files: int, *, live: bool) -> Measured:
    """What the parser takes for that many of the bodies."""
    some = min(files, max(len(bodies), 500))
    streams = [
        (
            DIALECTS[detect_dialect(body) or "chat"].stream,
            reads_of(body) if live else list(made.reads_of(body, READ_BYTES)),
        )
        for body in bodies
    ]
    start, used = time.perf_counter(), time.process_time()
    for make, reads in itertools.islice(itertools.cycle(streams), some):
        with make(reads, malformed="skip") as stream, contextlib.suppress(SSEWireError):
            for _ in stream:
                pass
    return (time.perf_counter() - start) * files / some, (time.process_time() - used) * files / some


def check(folder: Path, jobs: int, files: int) -> Measured:
    """What the command takes."""
    command = [sys.executable, "-m", "ssewire", "check", "--jobs", str(jobs), "."]
    with tempfile.TemporaryFile() as out:
        before = os.times()
        subprocess.run(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL, check=False)
        after = os.times()
        out.seek(0)
        assert out.read().count(b" events)\n") == files
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return after.elapsed - before.elapsed, used


def least(rounds: list[Measured]) -> Measured:
    """The minimum of each."""
    return min(seconds for seconds, _ in rounds), min(used for _, used in rounds)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--files", type=int, default=10_000)
    arguments.add_argument("--forms", choices=SUFFIXES, nargs="+", default=["sse", "capture"])
    arguments.add_argument("--jobs", type=int, nargs="+", default=[1, 2], help="how many processes")
    arguments.add_argument("--bodies", metavar="FOLDER")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    bodies = bodies_of(options.bodies)
    print(f"{options.files} files, {len(bodies)} different; {os.cpu_count()} processors\n")
    print(f"{'form':9}{'MiB':>7}{'jobs':>6}{'parser':>9}{'seconds':>9}{'factor':>8}{'used':>9}{'factor':>8}")
    for form in options.forms:
        with tempfile.TemporaryDirectory(prefix="ssewire-") as name:
            size = write(Path(name), form, bodies, options.files)
            parsers: list[Measured] = []
            taken: dict[int, list[Measured]] = {jobs: [] for jobs in options.jobs}
            for _ in range(options.rounds):
                parsers.append(parse(bodies, options.files, live=form != "sse"))
                for jobs in options.jobs:
                    taken[jobs].append(check(Path(name), jobs, options.files))
            for jobs in options.jobs:
                (parser, parser_used), (seconds, used) = least(parsers), least(taken[jobs])
                row = f"{form:9}{size / 2**20:7.0f}{jobs:6}{parser:9.2f}{seconds:9.2f}"
                factor, factor_used = seconds * jobs / parser, used / parser_used
                print(f"{row}{factor:8.2f}{used:9.2f}{factor_used:8.2f}", flush=True)


if __name__ == "__main__":
    main()
