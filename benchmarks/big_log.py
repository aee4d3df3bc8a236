"""Replay large logs, and print the peak of resident memory and the seconds of each process that did.

    python benchmarks/big_log.py [--mib SIZE ...] [--kinds KIND ...] [--ways WAY ...]

The logs are made piece by piece in a temporary folder. The kinds are:

    keep-alives  one stream, most of which is comments and chunks without text
    answer       one stream, all of whose chunks bring a word: the answer itself grows, and is kept
    shuffled     the same, but no chunk repeats the one before, so that each is decoded the exact way
    large        one stream of chunks of 64 KiB without text
    streams      many files of 4 MiB, each a whole stream
    capture      a capture file with one capture, an answer with an event a read
    captures     a capture file with many of 4 MiB

The ways are forms of the command (text, json, events, sse, check), and stream: a ChatStream over the files in
reads of 64 KiB, for raw bodies. What is printed goes to /dev/null.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import made

from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead, write_captures
from ssewire.logs.capture import PassingReads
from ssewire.logs.lines import encode_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ssewire.logs.capture import Read

MIB = 2**20
FILE_BYTES = 4 * MIB
PIECE_EVENTS = 1000
HEAD = Head(RequestHead("POST", "https://api.example.com/v1/chat/completions"), ResponseHead(200))

STREAM = """
import sys
from pathlib import Path
from ssewire import ChatStream

for path in sorted(Path(sys.argv[1]).iterdir()):
    with path.open("rb") as file, ChatStream(iter(lambda: file.read(65536), b"")) as stream:
        for event in stream:
            pass
        stream.result()
"""


def keep_alives() -> Iterator[bytes]:
    """Pieces of a stream that says little."""
    piece = made.KEEP_ALIVE * PIECE_EVENTS + made.EMPTY * PIECE_EVENTS
    for at in count():
        yield made.delta(at) + piece


def words() -> Iterator[bytes]:
    """Pieces of a long answer."""
    while True:
        yield b"".join(map(made.delta, range(PIECE_EVENTS)))


def shuffled() -> Iterator[bytes]:
    """Pieces of a long answer, by a server that has two ways to write."""
    for piece in words():
        yield (
            piece.replace(b"fox", b"dog")
            .replace(b'"content":"T', b'"refusal":null,"content":"T')
            .replace(b'"content":"."', b'"content":".","refusal":null')
            .replace(b'{"content":" over"}', b'{ "content":" over"}')
            .replace(b'{"content":" dog"}', b'{"content":" dog" }')
        )


def large() -> Iterator[bytes]:
    """Pieces of a stream of large events."""
    piece = made.chunk(padding="x" * (64 * 2**10))
    while True:
        yield piece


KINDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "keep-alives": keep_alives,
    "answer": words,
    "shuffled": shuffled,
    "large": large,
    "streams": words,
    "capture": words,
    "captures": words,
}
WAYS = ("text", "json", "events", "sse", "check", "stream")


def make(folder: Path, kind: str, size: int) -> None:
    """Write the logs of a kind, so many bytes in all."""
    if kind in ("capture", "captures"):
        write_captures(captures(size if kind == "capture" else FILE_BYTES, size), folder / "log.jsonl")
        return
    left = size
    for number in count():
        if left <= 0:
            return
        share = min(left, FILE_BYTES) if kind == "streams" else left
        left -= share
        with (folder / f"{number:06}.sse").open("wb") as file:
            for piece in KINDS[kind]():
                if file.tell() >= share:
                    break
                file.write(piece)
            file.write(made.END)


def captures(size: int, total: int) -> Iterator[Capture]:
    """Captures of about that size in the file, until it has the other."""
    for _ in range(max(total // size, 1)):
        yield Capture(HEAD, Live(size), End("eof"))


class Live(PassingReads):
    """The reads of an answer, an event each."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size
        self._count = 0
        self._ending = iter((made.END,))

    def advance(self) -> Read | End:
        data = made.delta(self._count) if self._left > 0 else next(self._ending, None)
        if data is None:
            return End("eof", self._count * 0.02)
        self._left -= len(encode_read(0.0, data)) + 6  # what it takes in the file
        self._count += 1
        self.size += len(data)
        return self._count * 0.02, data


def command(way: str, folder: Path) -> list[str]:
    """What to run."""
    if way == "stream":
        return [sys.executable, "-c", STREAM, str(folder)]
    verb = ["check"] if way == "check" else ["replay", "--as", way]
    return [sys.executable, "-m", "ssewire", *verb, str(folder)]


def measure(arguments: list[str]) -> tuple[float, float]:
    """The seconds that a process takes, and the most memory that it had at once, in MiB."""
    start = time.perf_counter()
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return time.perf_counter() - start, used.ru_maxrss * unit / MIB


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--mib", type=int, nargs="+", default=[16, 32, 64])
    arguments.add_argument("--kinds", choices=KINDS, nargs="+", default=["keep-alives", "streams"])
    arguments.add_argument("--ways", choices=WAYS, nargs="+", default=["json", "stream"])
    options = arguments.parse_args()
    _, empty = measure([sys.executable, "-c", "import ssewire.cli"])
    print(f"the command without a log: {empty:.0f} MiB\n")
    print(f"{'kind':13}{'way':8}{'MiB':>6}{'seconds':>10}{'MiB/s':>8}{'peak MiB':>10}")
    for kind in options.kinds:
        for size in options.mib:
            with tempfile.TemporaryDirectory(prefix="ssewire-") as folder:
                make(Path(folder), kind, size * MIB)
                for way in options.ways:
                    seconds, peak = measure(command(way, Path(folder)))
                    print(
                        f"{kind:13}{way:8}{size:6}{seconds:10.1f}{size / seconds:8.1f}{peak:10.1f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
