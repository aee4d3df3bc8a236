"""Payloads go in, the bytes of an event stream come out, in the manner of one server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ssewire._merge import REPLACEMENT

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from ssewire.testing.decisions import Decisions

BOM: Final = b"\xef\xbb\xbf"

COMMENTS: Final = (b": keepalive", b":", b": OPENROUTER PROCESSING", b":data: {}", b": ping - 2026")
"""Comments, as servers send them to keep a connection alive."""
CONTROLS: Final = ((b"retry: 3000",), (b"id: 7",), (b"event: ping",), (b"id", b"retry: 10", b"event: x"))
"""Blocks without data."""
HEARTBEATS: Final = (b"data:", b"data: null", b"data:  ", b"data: null ")
"""Events that say nothing."""
MALFORMED: Final = (
    b'{"a":1}{"a":2}',
    b'{"a":',
    b"3}",
    b": OPENROUTER PROCESSING",
    b"[1,2]",
    b'"text"',
    b"12",
    b'{"choices":[{"delta":{"content":"cut',
    b"{'a':1}",
    b"<html>",
    b"nul",
)
"""Data that is no JSON object."""
LINE_ENDS: Final = {
    "": (b"\n",),
    "crlf": (b"\r\n",),
    "cr": (b"\r",),
    "mixed_line_ends": (b"\n", b"\r\n", b"\r"),
}
"""What ends lines, by the quirk that asks for it."""
NEXT_YEAR: Final = {"next_year": {"kind": ["new", 1.5, None, True]}}
"""A field that nobody knows."""


class Sent:
    """An event that was written.

    Attributes:
        payload: Its data.
        start: Where its first line begins.
        whole: Behind the last byte of its data.
    """

    def __init__(self, payload: bytes, start: int) -> None:
        self.payload = payload
        self.start = start
        self.whole = start


class Writer:
    """Writes one body.

    Args:
        decisions: Decides what the API leaves open.
        quirks: The names of the shapes that the body has.
    """

    def __init__(self, decisions: Decisions, quirks: AbstractSet[str]) -> None:
        self.body = bytearray(BOM if "bom" in quirks else b"")
        self.sent: list[Sent] = []
        """The events that a reader is handed."""
        self.barred: list[tuple[int, int]] = []
        """Where the body is not to be cut: what has come of an event there is an event, and another one."""
        self.malformed: list[int] = []
        """Where each event that does not decode ends."""
        self._decisions = decisions
        self._quirks = quirks
        self._ends = next((name for name in LINE_ENDS if name in quirks), "")
        self._colon = b"data:" if "no_space" in quirks else b"data: "
        self._escaped = decisions.chance()
        self._spaced = decisions.chance()
        self._reversed = decisions.chance()
        self._noisy = decisions.chance()
        self._last_line = 0  # where the content of the last line of an event ends
        self._last_block = 0  # where its last line end ends

    def pick(self, options: tuple[Any, ...]) -> Any:
        """One of some options."""
        return options[self._decisions.below(len(options))]

    def _occurs(self, quirk: str) -> bool:
        """Whether what a quirk adds comes here."""
        return quirk in self._quirks and self._decisions.occurs(quirk)

    def _shape(self, quirk: str, shapes: tuple[Any, ...]) -> Any:
        """The next of the shapes of a quirk."""
        return shapes[self._decisions.turn(quirk, len(shapes))]

    def line(self, content: bytes) -> None:
        """Write a line."""
        self.body += content
        end = self._shape(self._ends, LINE_ENDS[self._ends])
        if end == b"\n" and not content and self.body.endswith(b"\r"):
            end = b"\r"  # the two would be one line end
        self.body += end

    def block(self, *lines: bytes) -> None:
        """Write lines and a blank one."""
        for line in lines:
            self._last_line = len(self.body) + len(line)
            self.line(line)
        self._last_block = len(self.body)
        self.line(b"")

    def encode(self, value: Any) -> bytes:
        """Write a value as JSON."""
        invalid = "invalid_utf8" in self._quirks
        try:
            raw = self._dump(value, escaped=self._escaped and not invalid).encode()
        except UnicodeEncodeError:  # half a character is in it
            return self._dump(value, escaped=True).encode()
        return raw.replace(REPLACEMENT.encode(), b"\xff") if invalid else raw

    def _dump(self, value: Any, *, escaped: bool) -> str:
        if self._reversed and isinstance(value, dict):
            value = dict(reversed(value.items()))
        if "data_lines" in self._quirks:
            return json.dumps(value, ensure_ascii=escaped, indent=self._decisions.below(3))
        separators = (", ", ": ") if self._spaced else (",", ":")
        return json.dumps(value, ensure_ascii=escaped, separators=separators)

    def quiet(self) -> None:
        """From here on write nothing between events."""
        self._noisy = False
        self._quirks = self._quirks - {"control_blocks", "heartbeats", "malformed"}

    def between(self) -> None:
        """Write what a server sends between events."""
        while self._noisy and self._decisions.chance():
            if self._decisions.chance():
                self.line(b"")
            else:
                self.block(self.pick(COMMENTS))
        if self._occurs("control_blocks"):
            self.block(*self._shape("control_blocks", CONTROLS))
        if self._occurs("heartbeats"):
            self.block(self._shape("heartbeats", HEARTBEATS))
        while self._occurs("malformed"):
            self._write_malformed()

    def _write_malformed(self) -> None:
        """Write an event that does not decode."""
        start = len(self.body)
        self.block(b"data: " + self._shape("malformed", MALFORMED))
        self.barred.append((start, len(self.body)))
        self.malformed.append(len(self.body))

    def event(self, value: Any, name: str = "") -> None:
        """Write an event that a reader is handed.

        Args:
            value: Its JSON; or its data, if that is bytes.
            name: Its SSE name, if it has one.
        """
        self.between()
        payload = value if isinstance(value, bytes) else self.encode(value)
        sent = Sent(payload, len(self.body))
        self.mark(payload, name)
        sent.whole = self._last_line
        self.sent.append(sent)
        if not self.body.endswith(payload.rpartition(b"\n")[2], 0, sent.whole):
            self.barred.append((sent.start, sent.whole))  # its name, or a comment, stands behind its data

    def field(self, name: bytes, value: Any) -> None:
        """Write a line of its own kind that a reader takes for an event."""
        payload = json.dumps(value).encode()  # on one line: a field has no second
        sent = Sent(payload, len(self.body))
        self.block(name + b": " + payload)
        sent.whole = self._last_block
        self.sent.append(sent)

    def mark(self, payload: bytes, name: str = "") -> None:
        """Write an event that a reader is not handed, such as the end mark."""
        # Without the space, one that the line itself begins with would be taken for it.
        lines = [(b"data: " if line[:1] == b" " else self._colon) + line for line in payload.split(b"\n")]
        if name:
            lines.insert(0, b"event: " + name.encode())
        if self._noisy and self._decisions.chance():
            lines.insert(self._decisions.below(len(lines) + 1), self.pick((b": in the middle", b"id: 5")))
        if self._decisions.chance():
            # The order of the lines of an event means nothing, but for the data among themselves.
            lines.append(lines.pop(0) if name and len(lines) > 1 else b": behind")
        self.block(*lines)

    def leave_unterminated(self) -> None:
        """Take the blank line away from the end of the body, or all that is behind its last line."""
        del self.body[self.pick((self._last_block, self._last_line)) :]

    def cut(self, end: int) -> None:
        """End the body early, at a byte before which no malformed event is cut."""
        for start, stop in self.barred:
            if start < end < stop:
                end = start
        del self.body[end:]
        self.sent = [each for each in self.sent if each.whole <= end]
        self.malformed = [each for each in self.malformed if each <= end]
