"""Time what costs little once, and happens often: an import, an empty stream, a first event, many streams.

    python benchmarks/small.py [--rounds R] [--streams N] [--events M]

Imports run in processes of their own, with their bytecode cached, beside `python -c pass`. Many streams run
at once on one asyncio loop, and the openai package's beside them on the same reads, an event a read, in
responses of the same kind; what each reads is checked. The minimum of the rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import made

import ssewire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

READ = made.delta(0)
FIRST_EVENT = f"""
import time
from ssewire import ChatStream
start = time.perf_counter()
next(ChatStream([{READ!r}]))
print(time.perf_counter() - start)
"""


def python(*arguments: str, cache: str) -> subprocess.CompletedProcess[str]:
    """Run Python with its bytecode cached in that folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = cache
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def imports(rounds: int, cache: str) -> None:
    """Print what imports cost."""
    best: dict[str, float] = {}
    for program in ("pass", "import msgspec", "import ssewire", "import ssewire.cli", "import openai"):
        python("-c", program, cache=cache)  # so that the bytecode is there
        taken = []
        for _ in range(rounds):
            start = time.perf_counter()
            python("-c", program, cache=cache)
            taken.append(time.perf_counter() - start)
        best[program] = min(taken)
    print("import, in ms, without the start of Python:")
    for program, seconds in best.items():
        if program != "pass":
            print(f"  {program:22}{(seconds - best['pass']) * 1e3:8.1f}")
    told = [python("-X", "importtime", "-c", "import ssewire", cache=cache).stderr for _ in range(rounds)]
    totals = [importtime(each) for each in told]
    for module in ("ssewire", "msgspec"):
        print(f"  -X importtime {module:8}{min(total[module] for total in totals) / 1e3:8.1f}")
    cold = min(float(python("-c", FIRST_EVENT, cache=cache).stdout) for _ in range(rounds))
    print(f"\nfirst event of a process, in ms: {cold * 1e3:.2f}")


def importtime(told: str) -> dict[str, int]:
    """The cumulative microseconds of each module."""
    rows = [line.removeprefix("import time:").split("|") for line in told.splitlines()[1:]]
    return {row[2].strip(): int(row[1]) for row in rows if len(row) == 3}


def least(work: Callable[[], object], rounds: int) -> float:
    """The microseconds of a processor that a call takes."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(1000):
            work()
        best = min(best, time.process_time() - start)
    return best * 1e3


def nothing(stream_class: Any) -> None:
    """Construct a stream, read its empty body, take the snapshot."""
    stream = stream_class([])
    for _ in stream:
        pass
    stream.snapshot()


def first() -> None:
    """Bytes in, the first typed event out."""
    assert next(ssewire.ChatStream([READ])).choices[0].delta.content == "The"


def own_costs(rounds: int) -> None:
    """Print what one stream costs."""
    print("\na stream's own cost, in µs:")
    for stream_class in (ssewire.ChatStream, ssewire.CompletionsStream, ssewire.ResponsesStream):
        cost = least(functools.partial(nothing, stream_class), rounds)
        print(f"  {stream_class.__name__:36}{cost:8.1f}")
    cost = least(first, rounds)
    print(f"  {'ChatStream up to its first event':36}{cost:8.1f}")


# -- many streams ----------------------------------------------------------------------------------------


async def body(events: int) -> AsyncIterator[bytes]:
    """An event a read; the loop turns between them."""
    for at in range(events):
        yield made.delta(at)
        await asyncio.sleep(0)
    yield made.END


def openers() -> dict[str, Callable[[int], Any]]:
    """What opens a stream of so many events, by its name."""
    import httpx2
    import openai
    from openai.types.chat import ChatCompletionChunk

    class Body(httpx2.AsyncByteStream):
        def __init__(self, events: int) -> None:
            self._events = events

        def __aiter__(self) -> AsyncIterator[bytes]:
            return body(self._events)

    client = openai.AsyncOpenAI(api_key="none")
    request = httpx2.Request("POST", "http://localhost/")

    def response(events: int) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=Body(events), request=request)

    return {
        "ssewire": lambda events: ssewire.AsyncChatStream(response(events)),
        "openai": lambda events: openai.AsyncStream(
            cast_to=ChatCompletionChunk, response=response(events), client=client
        ),
    }


async def read(stream: Any, events: int, half: asyncio.Event | None = None) -> int:
    """Read a stream; or its first half, and wait."""
    count = 0
    async for chunk in stream:
        count += bool(chunk.choices[0].delta.content)
        if half is not None and count == events // 2:
            await half.wait()
    return count


async def speed(opened: Callable[[int], Any], streams: int, events: int) -> float:
    """Events a second over so many streams."""
    start = time.perf_counter()
    counts = await asyncio.gather(*(read(opened(events), events) for _ in range(streams)))
    assert counts == [events] * streams
    return streams * events / (time.perf_counter() - start)


async def memory(opened: Callable[[int], Any], streams: int, events: int) -> float:
    """Bytes of each stream, in the middle of its answer, with its task and response."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    half = asyncio.Event()
    tasks = [asyncio.create_task(read(opened(events), events, half)) for _ in range(streams)]
    for _ in range(events):
        await asyncio.sleep(0)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    half.set()
    assert await asyncio.gather(*tasks) == [events] * streams
    return used / streams


def many_streams(rounds: int, streams: int, events: int) -> None:
    """Print what many streams at once cost."""
    print(f"\n{streams} streams of {events} events at once:")
    for name, opened in openers().items():
        asyncio.run(speed(opened, 1, events))  # what is made once is made
        best = max(asyncio.run(speed(opened, streams, events)) for _ in range(rounds))
        tracemalloc.start()
        kept = asyncio.run(memory(opened, streams, events))
        tracemalloc.stop()
        print(f"  {name:10}{best:12,.0f} events a second{kept / 1024:10.1f} KiB a stream")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--streams", type=int, default=1000)
    arguments.add_argument("--events", type=int, default=40, help="in each of the many streams")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="ssewire-") as cache:
        imports(options.rounds, cache)
    own_costs(options.rounds)
    many_streams(min(options.rounds, 3), options.streams, options.events)


if __name__ == "__main__":
    main()
