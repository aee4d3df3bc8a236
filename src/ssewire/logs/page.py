"""Reports about streams go in, with what was kept of them; one HTML page that needs no network comes out."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections import deque
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from ssewire.logs.report import Witness

if TYPE_CHECKING:
    from typing import BinaryIO

    from ssewire.logs.report import Looked
    from ssewire.parts import AnyPart

MAX_PAGE_BYTES: Final = 64 * 2**20
"""How much of events and texts a page holds; streams beyond it have their figures only."""
MAX_STREAM_BYTES: Final = 8 * 2**20
MAX_STREAMS: Final = 5_000
MAX_EVENTS: Final = 20_000
MAX_READS: Final = 20_000
LAST_EVENTS: Final = 100
"""Of a stream with more events than a page holds, the last are there nevertheless."""
MAX_EVENT_CHARS: Final = 16 * 2**10
MAX_BROUGHT_CHARS: Final = 200
MAX_TEXT_CHARS: Final = 64 * 2**10
ROW_BYTES: Final = 40
"""What an event or a read takes in the page beside its data, about."""

_Row = tuple[int, float | None, int, str, int, str, str, int]
"""An event: its number, when it came, with which read, what it is, the part or -1, the start of what it
brought, its data, and how many bytes of that are cut."""


class Kept(Witness):
    """What a page keeps of one stream.

    Args:
        room: How many bytes it may take.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._now: float | None = None
        self._all_reads = 0
        self._all_events = 0
        self._reads: list[tuple[float | None, int]] = []
        self._first: list[_Row] = []
        self._last: deque[_Row] = deque(maxlen=LAST_EVENTS)
        self._texts: dict[int, tuple[str, int]] = {}

    @property
    def room(self) -> int:
        """How many bytes are left."""
        return self._room

    def read(self, seconds: float | None, size: int) -> None:
        """Keep a read."""
        self._now = seconds
        self._all_reads += 1
        if len(self._reads) < MAX_READS and self._take(ROW_BYTES):
            self._reads.append((seconds, size))

    def event(self, ordinal: int, what: str, part: int | None, brought: str, data: bytes) -> None:
        """Keep an event."""
        self._all_events += 1
        # A byte that is no UTF-8 is a character of its own; four bytes make one at most.
        text = data[: 4 * MAX_EVENT_CHARS].decode(errors="replace")[:MAX_EVENT_CHARS]
        cut = len(data) - len(text.encode()) if len(data) > MAX_EVENT_CHARS else 0
        start = brought[:MAX_BROUGHT_CHARS]
        index = -1 if part is None else part
        row = (ordinal, self._now, self._all_reads, what, index, start, text, max(0, cut))
        size = ROW_BYTES + len(what) + len(start) + len(text)
        if len(self._first) < MAX_EVENTS and not self._last and self._take(size):
            self._first.append(row)
        else:
            self._last.append(row)

    def part(self, part: AnyPart, content: str) -> None:
        """Keep what is in a part."""
        text = content[:MAX_TEXT_CHARS]
        if self._take(len(text)):
            self._texts[part.index] = (text, len(content) - len(text))

    def _take(self, size: int) -> bool:
        if size > self._room:
            return False
        self._room -= size
        return True

    def told(self, looked: Looked) -> dict[str, Any]:
        """What the page knows of the stream beside its report."""
        columns = looked.columns
        events = self._first + (list(self._last) if self._first else [])
        return {
            "width": columns.width,
            "columns": {row: columns.pairs(row) for row in columns.rows},
            "texts": self._texts,
            "reads": self._reads,
            "events": events,
            "left_out": {
                "reads": self._all_reads - len(self._reads),
                "events": self._all_events - len(events),
            },
        }


class Page:
    """A page while it is written: a context manager, whose end makes it whole.

    Args:
        file: A binary file to write to.

    Raises, also while writing:
        OSError: It cannot be written.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._room = MAX_PAGE_BYTES
        self.streams = 0
        """How many were added."""

    def __enter__(self) -> Self:
        start, self._end = _template()
        self._file.write(start)
        return self

    def witness(self) -> Kept:
        """What keeps of a stream what is to be added with it."""
        return Kept(min(MAX_STREAM_BYTES, self._room))

    def add(self, looked: Looked, kept: Kept) -> None:
        """Add a stream."""
        self.streams += 1
        if self.streams > MAX_STREAMS:
            return
        self._room -= min(MAX_STREAM_BYTES, self._room) - kept.room
        self._block("report", looked.report)
        self._block("kept", kept.told(looked))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with contextlib.ExitStack() as stack:
            if error is not None:  # that is the one to tell
                stack.enter_context(contextlib.suppress(OSError))
            self._block("page", {"streams": self.streams})
            self._file.write(self._end)
            self._file.flush()

    def _block(self, name: str, value: Any) -> None:
        """Write a value as JSON that no browser takes for anything else."""
        self._file.write(b'<script type="application/json" class="%b">' % name.encode())
        self._file.write(_json(value))
        self._file.write(b"</script>\n")


def _json(value: Any) -> bytes:
    """A value as JSON without a `<`: in HTML, nothing else ends a script or begins something in it."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, which has to be escaped
        data = json.dumps(msgspec.to_builtins(value, str_keys=True)).encode()
    return data.replace(b"<", b"\\u003c")


def _template() -> tuple[bytes, bytes]:
    """The page up to the streams, and behind them."""
    folder = files("ssewire.logs")
    html, css, js = (folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    # Whatever a stream smuggled in: the browser runs this script, and fetches nothing.
    html = html.replace("{script-hash}", _hash(js)).replace("{style-hash}", _hash(css))
    html = html.replace("{style}", css).replace("{script}", js)
    start, _, end = html.partition("{streams}\n")
    return start.encode(), end.encode()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
