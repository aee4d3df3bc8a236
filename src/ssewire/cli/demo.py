"""`ssewire demo`: a small recording, replayed at the pace of a model: what ssewire does, on one screen."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire import ChatStream
from ssewire.chat.dialect import CHAT

if TYPE_CHECKING:
    import argparse
SECONDS_PER_READ: Final = 0.02


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "demo",
        help="replay a recording that comes with ssewire",
        description="Replay a small recording: its typed events as they come, then the final message, the "
        "verdict and the timing.",
    )
    command.set_defaults(run=run)


def run(_options: argparse.Namespace) -> int:
    """Show the demo."""
    body = files("ssewire.cli").joinpath("demo.sse").read_bytes()
    stream = ChatStream(map(_after_a_while, body.removesuffix(b"\n\n").split(b"\n\n")))
    print("typed events, as they come (what repeats the first is left out):\n")
    repeating: dict[str, Any] = {}
    for number, chunk in enumerate(stream, 1):
        print(f"  {number:2}  {brief(msgspec.structs.replace(chunk, **repeating))}", flush=True)
        repeating = dict.fromkeys(("id", "created", "model", "object", "system_fingerprint"))
    completion = stream.result()
    choice = completion.choices[0]
    print(f"\nfinal message:\n\n  {choice.message.content}")
    for line in CHAT.beside_text(completion):
        print(f"  {line}")
    timing = stream.timing
    print(f"\nverdict:  {stream.verdict.value} (finish reason: {choice.finish_reason})")
    print(
        f"timing:   first token after {_milliseconds(timing.time_to_first_token)}, "
        f"all after {_milliseconds(timing.duration)}, longest gap {_milliseconds(max(timing.gaps))}"
    )
    print(f"usage:    {brief(completion.usage)}")
    return 0


def brief(value: Any) -> str:
    """A Struct as its constructor would be written, without what has its default value."""
    if isinstance(value, msgspec.Struct):
        shown = ", ".join(
            f"{field.name}={brief(getattr(value, field.name))}"
            for field in msgspec.structs.fields(value)
            if getattr(value, field.name) not in (None, [], field.default)
        )
        return f"{type(value).__name__}({shown})"
    if isinstance(value, list):
        return f"[{', '.join(brief(each) for each in value)}]"
    return repr(value)


def _after_a_while(event: bytes) -> bytes:
    time.sleep(SECONDS_PER_READ)
    return event + b"\n\n"


def _milliseconds(seconds: float | None) -> str:
    return f"{(seconds or 0) * 1000:.0f} ms"
