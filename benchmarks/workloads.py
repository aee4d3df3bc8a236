"""The streams that the benchmarks read, and how they are cut into reads."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
CAPTURES = Path(os.environ.get("SSEWIRE_SHARED", ROOT.parent / "shared")) / "captures"
EVENT = re.compile(rb".*?(?:\n\n|\r\n\r\n|\Z)", re.DOTALL)
WORDS = ("The", " quick", " fox", "\n", " jumps", " over", ' "the"', " dog", ".")
ENDINGS = ("response.completed", "response.incomplete", "response.failed")


@dataclass(frozen=True)
class Workload:
    """Some streams of one dialect."""

    name: str
    dialect: Literal["chat", "responses"]
    bodies: list[bytes]

    @cached_property
    def payloads(self) -> list[list[bytes]]:
        """The data of each stream's events, cut out, up to its end."""
        return [payloads_of(body) for body in self.bodies]

    def text_of(self, payloads: list[bytes], *, all_choices: bool = False) -> str:
        """What a stream's first answer says, or all its answers as they come, by `json.loads`."""
        found = map(json.loads, payloads)
        if self.dialect == "responses":
            return "".join(map(responses_text, found))
        return "".join(chat_text(payload, all_choices=all_choices) for payload in found)

    @property
    def events(self) -> int:
        """How many events there are."""
        return sum(map(len, self.payloads))

    @property
    def size(self) -> int:
        """How many bytes a payload has on average."""
        return sum(len(payload) for each in self.payloads for payload in each) // self.events

    def cut(self, reads: str) -> list[list[bytes]]:
        """The reads of each stream."""
        return [READS[reads](body) for body in self.bodies]


def payloads_of(body: bytes) -> list[bytes]:
    """The data lines of a body whose events have one each, up to the end mark."""
    found: list[bytes] = []
    for line in body.splitlines():
        if line == b"data: [DONE]":
            break
        if line.startswith(b"data: "):
            found.append(line[6:])
            if any(f'"type":"{ending}"'.encode() in line for ending in ENDINGS):
                break
    return found


def chat_text(payload: dict[str, Any], *, all_choices: bool = False) -> str:
    """What a chunk adds to the first answer, or to all of them."""
    choices = [choice for choice in payload["choices"] if all_choices or choice["index"] == 0]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def responses_text(payload: dict[str, Any]) -> str:
    """What an event adds to the answer."""
    return payload["delta"] if payload["type"] == "response.output_text.delta" else ""


# -- cutting ---------------------------------------------------------------------------------------------


def each_event(body: bytes) -> list[bytes]:
    """A read an event, as a live stream comes."""
    return [event for event in EVENT.findall(body) if event]


def of_size(size: int) -> Callable[[bytes], list[bytes]]:
    """Reads of a size."""
    return lambda body: [body[at : at + size] for at in range(0, len(body), size)]


READS: dict[str, Callable[[bytes], list[bytes]]] = {
    "event": each_event,
    "1460": of_size(1460),
    "64k": of_size(64 * 2**10),
    "whole": lambda body: [body],
}


# -- streams ---------------------------------------------------------------------------------------------


def written(payload: dict[str, Any]) -> bytes:
    """A payload as OpenAI writes it."""
    return b"data: %b\n\n" % json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def chunk(delta: dict[str, Any], padding: int, finish: str | None = None) -> bytes:
    """A chunk as OpenAI writes it, about 280 bytes long."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return written(
        {
            "id": "chatcmpl-CqXnGd4tFj8k1Wq0yTb2RmZs9LpVe",
            "object": "chat.completion.chunk",
            "created": 1790000000,
            "model": "example-1-2026-01-01",
            "service_tier": "default",
            "system_fingerprint": "fp_0123456789",
            "choices": [choice],
            "usage": None,
            "obfuscation": "x" * padding,
        }
    )


DONE = b"data: [DONE]\n\n"
ROLE = chunk({"role": "assistant", "content": ""}, 3)


def answer(deltas: int) -> list[bytes]:
    """The events of an answer of so many words."""
    words = [chunk({"content": WORDS[at % 9]}, at % 8 + 1) for at in range(deltas)]
    return [ROLE, *words, chunk({}, 5, "stop"), DONE]


def parallel_calls(deltas: int) -> list[bytes]:
    """The events of four tool calls, one after the other, with so many deltas in all."""
    events = [ROLE]
    for index in range(4):
        function = {"name": "get_weather", "arguments": ""}
        call = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        events.append(chunk({"tool_calls": [call]}, 3))
        pieces = ['{"', "city", '":"', *["Rome"] * (deltas // 4 - 4), '"}']
        for at, piece in enumerate(pieces):
            call = {"index": index, "function": {"arguments": piece}}
            events.append(chunk({"tool_calls": [call]}, at % 8 + 1))
    return [*events, chunk({}, 5, "tool_calls"), DONE]


def responses_answer(deltas: int) -> list[bytes]:
    """The events of a Responses stream with an answer of so many words."""
    place = {"item_id": "msg_0123456789abcdef0123456789abcdef", "output_index": 0, "content_index": 0}
    text = "".join(WORDS[at % 9] for at in range(deltas))
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    item = {"id": place["item_id"], "type": "message", "role": "assistant"}
    begun = item | {"status": "in_progress", "content": []}
    done = item | {"status": "completed", "content": [part]}
    delta = {"type": "response.output_text.delta", **place, "logprobs": [], "obfuscation": "x"}
    response = {"id": "resp_1", "object": "response", "created_at": 1790000000, "model": "example-1"}
    payloads: list[dict[str, Any]] = [
        {"type": "response.created", "response": response | {"status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
        *(delta | {"delta": WORDS[at % 9]} for at in range(deltas)),
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": response | {"status": "completed", "output": [done]}},
    ]
    return [
        b"event: %b\n%b" % (payload["type"].encode(), written({"sequence_number": number} | payload))
        for number, payload in enumerate(payloads)
    ]


def recorded(pattern: str, *without: str) -> list[bytes]:
    """The recorded streams of a name, but for those whose names say that they are something else."""
    paths = sorted(CAPTURES.glob(pattern))
    return [path.read_bytes() for path in paths if not any(word in path.name for word in without)]


def workloads(deltas: int) -> dict[str, Workload]:
    """All there are, by name.

    Args:
        deltas: The length of the answers that are made here.
    """
    corpus = ROOT / "tests" / "corpus"
    chat = recorded("chat-openai-gpt*.sse", "audio", "filter") or [
        (ROOT / "src" / "ssewire" / "cli" / "demo.sse").read_bytes()
    ]
    responses = recorded("responses-openai-*.sse", "failed") or [
        (corpus / "responses" / "function-call.sse").read_bytes()
    ]
    text = answer(deltas)
    large = [chunk({"content": "word " * 3000}, 8) for _ in range(max(1, deltas // 50))]
    made = {
        "answer": text,
        "calls": parallel_calls(deltas),
        "crlf": [event.replace(b"\n", b"\r\n") for event in text],
        "comments": [b": keep-alive\n\n" + event for event in text],
        "large": [ROLE, *large, chunk({}, 5, "stop"), DONE],
    }
    return {
        "recorded": Workload("recorded", "chat", chat),
        "recorded-responses": Workload("recorded-responses", "responses", responses),
        **{name: Workload(name, "chat", [b"".join(events)]) for name, events in made.items()},
        "responses": Workload("responses", "responses", [b"".join(responses_answer(deltas))]),
    }
