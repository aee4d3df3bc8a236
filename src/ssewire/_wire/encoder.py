"""Server-sent events go in, the bytes of an event stream come out, refusing what would not survive.

Line ends inside `event`, `id` or a comment would let whoever chose them write fields and events of their
own, so they are errors here, never escaped and never dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssewire._wire.tokenizer import MAX_RETRY_DIGITS

if TYPE_CHECKING:
    from ssewire._wire.tokenizer import ServerSentEvent


def encode_event(event: ServerSentEvent, *, retry: int | None = None) -> bytes:
    """Encode one event with its blank line.

    A fresh `Tokenizer` that is fed the result returns the event, with CR and CRLF of its data as LF. An
    empty `id` writes no `id` line, so that a reader keeps the one it has.

    Args:
        event: The event.
        retry: A reconnection time in milliseconds to send along.

    Raises:
        ValueError: `event` is empty, `event` or `id` holds CR or LF, `id` holds NUL, one of the two is no
            Unicode text (a lone surrogate), or `retry` is no integer of at least 0 and at most 640 digits.
        TypeError: `data` is not bytes.
    """
    if not isinstance(event.data, bytes):
        raise TypeError(f"data is bytes, not {type(event.data).__name__}")
    if not event.event:
        raise ValueError("an empty event type would be read as 'message'")
    lines: list[bytes] = []
    if event.event != "message":
        lines.append(b"event: " + _one_line("event", event.event))
    if event.id:
        if "\0" in event.id:
            raise ValueError("an id with NUL would be ignored")
        lines.append(b"id: " + _one_line("id", event.id))
    if retry is not None:
        if type(retry) is not int or not 0 <= retry < 10**MAX_RETRY_DIGITS:
            raise ValueError("retry is milliseconds, an integer of at least 0 and at most 640 digits")
        lines.append(b"retry: %d" % retry)
    data = event.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines += [b"data: " + line for line in data.split(b"\n")]
    return b"\n".join(lines) + b"\n\n"


def encode_comment(text: str) -> bytes:
    """Encode a comment, such as a keep-alive, with a blank line behind it.

    Raises:
        ValueError: The text holds CR or LF, or is no Unicode text (a lone surrogate).
    """
    return b": " + _one_line("comment", text) + b"\n\n"


def _one_line(what: str, text: str) -> bytes:
    if "\r" in text or "\n" in text:
        raise ValueError(f"{what} with a line end: {text!r}")
    return text.encode()
