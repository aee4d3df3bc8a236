"""Compare ssewire with what people use today, on recorded streams, in one process.

    python benchmarks/compare.py [--rounds N] [--answer DELTAS]

Every contestant reads the same bodies, live (an event a read) and in bulk (64 KiB a read), in turn within
each round; the minimum over the rounds counts. What each makes of a body is checked before it is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import contestants

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
BULK_BYTES = 64 * 2**10


def bodies() -> list[bytes]:
    """The recorded OpenAI chat streams where they are, the demo recording otherwise."""
    shared = Path(os.environ.get("SSEWIRE_SHARED", ROOT.parent / "shared"))
    recorded = sorted((shared / "captures").glob("chat-openai-gpt*.sse"))
    usable = [
        path.read_bytes() for path in recorded if "audio" not in path.name and "filter" not in path.name
    ]
    return usable or [(ROOT / "src" / "ssewire" / "cli" / "demo.sse").read_bytes()]


def long_answer(deltas: int) -> bytes:
    """A stream of one answer of so many deltas, written as OpenAI writes it."""
    words = ("The", " quick", " fox", "\\n", " jumps", " over", ' \\"the\\"', " dog", ".")
    head = '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"example-1",'
    head += '"service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":'
    tail = '}],"usage":null,"obfuscation":"'
    chunks = [
        f'{head}{{"content":"{words[at % 9]}"}},"logprobs":null,"finish_reason":null'
        f'{tail}{"x" * (at % 8 + 1)}"}}'
        for at in range(deltas)
    ]
    chunks.append(f'{head}{{}},"logprobs":null,"finish_reason":"stop"{tail}x"}}')
    return "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"]).encode()


def live(body: bytes) -> list[bytes]:
    """One read an event."""
    return [event + b"\n\n" for event in body.split(b"\n\n") if event]


def bulk(body: bytes) -> list[bytes]:
    """Reads of 64 KiB."""
    return [body[at : at + BULK_BYTES] for at in range(0, len(body), BULK_BYTES)]


def payloads(body: bytes) -> list[bytes]:
    """The data of each event, cut out."""
    events = (event.removeprefix(b"data: ") for event in body.split(b"\n\n") if event.startswith(b"data: "))
    return [event for event in events if event != b"[DONE]"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument(
        "--answer", type=int, help="instead of recorded streams, one answer of so many deltas"
    )
    options = arguments.parse_args()
    rounds = options.rounds
    streams = [long_answer(options.answer)] if options.answer else bodies()
    count = sum(len(payloads(body)) for body in streams)
    size = sum(len(payload) for body in streams for payload in payloads(body))
    print(f"{len(streams)} streams, {count} events of {size // count} bytes on average, {rounds} rounds\n")

    entrants: list[tuple[str, Callable[[Any], Any], list[list[bytes]]]] = []
    for mode, cut in (("live", live), ("bulk", bulk)):
        cutting = [cut(body) for body in streams]
        readers: tuple[Callable[[Any], Any], ...] = (
            contestants.whole,
            contestants.httpx_sse_json,
            contestants.httpx2_json,
            contestants.openai_stream,
            contestants.openai_accumulated,
        )
        for reader in readers:
            for body, reads in zip(streams, cutting, strict=True):
                expected = contestants.deltas_of(map(json.loads, payloads(body)))
                assert reader(reads) == expected, reader
            entrants.append((f"{reader.__name__} {mode}", reader, cutting))
        entrants.append((f"tokenizer_alone {mode}", contestants.tokenizer_alone, cutting))
    cut_out = [payloads(body) for body in streams]
    loaders = (contestants.struct_payloads, contestants.orjson_payloads, contestants.json_payloads)
    entrants += [(loader.__name__, loader, cut_out) for loader in loaders]

    best = dict.fromkeys((name for name, _, _ in entrants), float("inf"))
    for _ in range(rounds):
        for name, reader, inputs in entrants:
            start = time.perf_counter()
            for each in inputs:
                reader(each)
            best[name] = min(best[name], time.perf_counter() - start)

    base = best["orjson_payloads"]
    print(f"{'':28}{'µs an event':>12}{'x orjson':>10}{'x whole':>10}")
    for name, seconds in best.items():
        mode = "live" if name.endswith("live") else "bulk"
        ratio = seconds / best[f"whole {mode}"]
        print(f"{name:28}{seconds / count * 1e6:12.2f}{seconds / base:10.2f}{ratio:10.2f}")


if __name__ == "__main__":
    main()
