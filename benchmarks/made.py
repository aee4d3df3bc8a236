"""Sizes go in, chat streams of that size come out, written as servers write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = (
    '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"example-1",'
    '"service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":'
)
WORDS = ("The", " quick", " fox", "\\n", " jumps", " over", ' \\"the\\"', " dog", ".")
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"


def chunk(delta: str = "{}", finish: str = "null", padding: str = "x") -> bytes:
    """One event, with that JSON for its delta and its finish reason."""
    tail = f'}}],"usage":null,"obfuscation":"{padding}"}}'
    return f'data: {HEAD}{delta},"logprobs":null,"finish_reason":{finish}{tail}\n\n'.encode()


EMPTY = chunk()
END = chunk(finish='"stop"') + DONE


def delta(at: int) -> bytes:
    """The event that brings an answer's next word, with the padding that OpenAI adds."""
    return chunk(f'{{"content":"{WORDS[at % len(WORDS)]}"}}', padding="x" * (at % 8 + 1))


def answer(deltas: int) -> bytes:
    """A whole stream with an answer of so many deltas."""
    return b"".join(map(delta, range(deltas))) + END


def reads_of(body: bytes, size: int) -> Iterator[bytes]:
    """A body in reads of one size."""
    return (body[at : at + size] for at in range(0, len(body), size))
