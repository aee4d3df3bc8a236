"""Whatever an event holds, a decoder gives an event or raises `EventDecodeError`, and the parser agrees."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from harness import DIALECTS, main
from ssewire import ChatDecoder, CompletionsDecoder, EventDecodeError, ResponsesDecoder, ServerSentEvent
from ssewire.testing import check_steps

DECODERS: tuple[Any, ...] = (ChatDecoder(), CompletionsDecoder(), ResponsesDecoder())


def law(data: bytes) -> None:
    """Decode the bytes as one event, and as a body in steps."""
    for decoder in DECODERS:
        for name in ("message", "error", "response.created"):
            with suppress(EventDecodeError):
                decoder.decode(ServerSentEvent(data, name))
    for dialect in DIALECTS:
        check_steps(dialect, data)


if __name__ == "__main__":
    main(law)
