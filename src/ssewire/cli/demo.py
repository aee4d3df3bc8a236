"""`ssewire demo`: a small recording, replayed at the pace of a model: what ssewire does, on one screen."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire import ChatStream

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

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
    stream = ChatStream(_paced(files("ssewire.cli").joinpath("demo.sse").read_bytes()))
    print("typed events, as they come:\n")
    for number, chunk in enumerate(stream, 1):
        print(f"  {number:2}  {brief(chunk)}", flush=True)
    completion = stream.result()
    message = completion.choices[0].message
    print(f"\nfinal message:\n\n  {message.content}")
    for call in message.tool_calls or ():
        if call.function is not None:
            print(f"  calls {call.function.name} with {call.function.arguments}")
    timing = stream.timing
    usage = completion.usage
    print(f"\nverdict:  {stream.verdict.value} (finish reason: {completion.choices[0].finish_reason})")
    print(
        f"timing:   first token after {_milliseconds(timing.time_to_first_token)}, "
        f"all after {_milliseconds(timing.duration)}, "
        f"longest gap {_milliseconds(max(timing.gaps, default=None))}"
    )
    if usage is not None:
        print(f"usage:    {usage.prompt_tokens} tokens in, {usage.completion_tokens} out")
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


def _paced(body: bytes) -> Iterator[bytes]:
    """The body, an event a read."""
    for event in body.split(b"\n\n"):
        if event.strip():
            time.sleep(SECONDS_PER_READ)
            yield event + b"\n\n"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"
