"""Nothing goes in; strategies of event streams, line by line, and of their reads come out.

A line is the smallest thing with a meaning, so streams are drawn as lines. Glued fragments seldom
make two lines that have anything to do with each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from ssewire._wire.tokenizer import MAX_RETRY_DIGITS, ServerSentEvent
from ssewire.testing.cases import WireCase
from ssewire.testing.cutting import cut
from ssewire.testing.writer import BOM, COMMENTS

# -- lines -----------------------------------------------------------------------------------------------


def _one_line(value: bytes) -> bytes:
    return value.replace(b"\r", b"").replace(b"\n", b"")


_TEXTS = (
    b"",
    b"a",
    b'{"id":"x","choices":[{"delta":{"content":"hi"}}]}',
    b"[DONE]",
    "gr\u00fc\u00df \u20ac \U0001f600".encode(),
)
_LOOKALIKES = (
    b" ",
    b"  two",
    b"trailing  ",
    b"\ttab",
    b":",
    b": comment",
    b"data: x",
    b"id: 1",
    b"event:",
    b"a:b:c",
    BOM,
    BOM + b"a",
    b"\0",
    b"a\0b",
)
# What `splitlines` takes for line ends, and `strip` for space.
_SEPARATORS = (
    b"\x0b",
    b"a\x0cb",
    b"\x1c\x1d\x1e\x1f",
    b"a\xc2\x85b",
    b"\x85",
    b"a\xe2\x80\xa8b\xe2\x80\xa9",
    b"\xc2\xa0a\xe3\x80\x80",
)
_MALFORMED = (
    b"\xff",
    b"\x80",
    b"\xc0\x80",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"a\xe2\x82b",
    b"\xef\xbb",
    b"\xef",
)

_plain_values = st.one_of(
    st.sampled_from(_TEXTS),
    st.integers(1, 300).map(lambda length: b"x" * length),
)
_values = st.one_of(
    _plain_values,
    st.sampled_from(_LOOKALIKES),
    st.sampled_from(_SEPARATORS),
    st.sampled_from(_MALFORMED),
    st.binary(max_size=12).map(_one_line),
    st.text(max_size=6).map(lambda text: _one_line(text.encode("utf-8", "surrogatepass"))),
)
_colons = st.sampled_from((b":", b": "))

_data_lines = st.one_of(
    st.builds(lambda colon, value: b"data" + colon + value, _colons, _values),
    st.sampled_from((b"data", b"data:", b"data: ")),
)
_event_lines = st.one_of(
    st.builds(lambda colon, value: b"event" + colon + value, _colons, _values),
    st.sampled_from((b"event", b"event:", b"event: ping", b"event:message")),
)
_id_lines = st.one_of(
    st.builds(lambda colon, value: b"id" + colon + value, _colons, _values),
    st.builds(lambda head, tail: b"id:" + head + b"\0" + tail, _values, _values),
    st.sampled_from((b"id", b"id:", b"id: 1", b"id:\0", b"id:a\xc0\x80")),
)
_retry_lines = st.one_of(
    st.builds(
        lambda colon, zeros, number: b"retry" + colon + b"0" * zeros + b"%d" % number,
        _colons,
        st.sampled_from((0, 1, 5000)),
        st.integers(0, 10**12),
    ),
    st.sampled_from(
        (
            b"retry",
            b"retry:",
            b"retry: ",
            b"retry:0",
            b"retry:+5",
            b"retry:-5",
            b"retry:  5",
            b"retry:5 ",
            b"retry:1_000",
            b"retry:1.5",
            b"retry:\xd9\xa1\xd9\xa2",
            b"retry:\xc2\xb2",
            b"retry:5\0",
            b"retry:5\xff",
            b"retry:" + b"7" * 640,
            b"retry:" + b"7" * 641,
            b"retry:" + b"7" * 5000,
            b"retry:0" + b"7" * 640,
        )
    ),
)
_comment_lines = _values.map(lambda value: b":" + value)
_NEAR_MISSES = (
    b"Data",
    b"DATA",
    b" data",
    b"data ",
    b"\tdata",
    b"dat",
    b"d",
    b"datas",
    b"data\0",
    b"data\xff",
    BOM + b"data",
    b"\xef\xbbdata",
    b"\xefdata",
    b"Event",
    b"events",
    b"even",
    b"Id",
    b"i",
    b"ids",
    b"retry ",
    b"retr",
    b"error",
    b" ",
    b"\t",
    b"\0",
    BOM,
    b"{",
)
_unknown_names = st.one_of(
    st.sampled_from(_NEAR_MISSES),
    st.binary(min_size=1, max_size=6)
    .map(lambda name: _one_line(name).replace(b":", b""))
    .filter(lambda name: name not in (b"", b"data", b"event", b"id", b"retry")),
)
_unknown_lines = st.one_of(
    _unknown_names,
    st.builds(lambda name, colon, value: name + colon + value, _unknown_names, _colons, _values),
)
_lines = st.one_of(
    _data_lines,
    _data_lines,
    _event_lines,
    _id_lines,
    _retry_lines,
    _comment_lines,
    _unknown_lines,
)

# Most real events are one data line, and a tokenizer may have a short way for them. Runs of such
# events with something else in between lead into that way and out of it.
_plain_blocks = st.builds(lambda colon, value: [b"data" + colon + value, b""], _colons, _plain_values)
_named_blocks = st.builds(
    lambda first, value: [*first, b"data: " + value, b""],
    st.sampled_from(((b"event: a.b",), (b"event: ping",), (b"id: 5",), (b"id: 6", b"event: a.b"))),
    _plain_values,
)
_odd_blocks = st.builds(
    lambda content, blanks: content + [b""] * blanks,
    st.lists(_lines, max_size=5),
    st.sampled_from((0, 1, 1, 1, 2, 3)),
)
# An id with NUL is ignored, which shows only where an event follows.
_nul_blocks = _plain_values.map(lambda value: [b"id: 9\0", b"data: " + value, b""])
_blocks = st.one_of(_plain_blocks, _plain_blocks, _named_blocks, _nul_blocks, _odd_blocks, _odd_blocks)

# One kind of line end for most of a stream, as servers do it, or any kind anywhere.
_line_ends = st.sampled_from(
    (
        (b"\n",),
        (b"\n",),
        (b"\r\n",),
        (b"\r",),
        (b"\n", b"\r\n", b"\r"),
    )
)

# A byte order mark at the start, in pieces, twice, or behind a line end: what is dropped, lines, and what is
# glued to the first line.
_Line = tuple[bytes, bytes]
_Head = tuple[bytes, list[_Line], bytes]
_NO_HEAD: Final[_Head] = (b"", [], b"")
_heads: st.SearchStrategy[_Head] = st.sampled_from(
    (
        _NO_HEAD,
        _NO_HEAD,
        _NO_HEAD,
        (BOM, [], b""),
        (BOM, [], BOM),
        (b"", [], b"\xef\xbb"),
        (b"", [], b"\xef"),
        (b"", [(b"", b"\n")], BOM),
        (BOM, [(b"", b"\n")], b""),
        (BOM, [(b"", b"\r")], b""),
    )
)

# -- streams ---------------------------------------------------------------------------------------------

_plain_lines = st.one_of(
    st.sampled_from(COMMENTS),
    st.sampled_from((b"retry: 3000", b"id: 7", b"id", b"event: ping", b"data", b"data:")),
    _plain_values.map(lambda value: b"data: " + value),
)
_sensible_blocks = st.one_of(
    _plain_blocks,
    _named_blocks,
    st.lists(_plain_lines, max_size=4).map(lambda content: [*content, b""]),
)


def wire_streams(*, hostile: bool = False) -> st.SearchStrategy[WireCase]:
    """Event streams with what the standard makes of them.

    Args:
        hostile: Draw what no server should send too: malformed UTF-8, NUL, byte order marks anywhere, fields
            that are nearly known, mixed line ends, a body that stops anywhere.
    """
    return _hostile_streams() if hostile else _sensible_streams()


@st.composite
def _sensible_streams(draw: st.DrawFn) -> WireCase:
    end = draw(st.sampled_from((b"\n", b"\n", b"\r\n", b"\r")))
    contents = [line for block in draw(st.lists(_sensible_blocks, max_size=6)) for line in block]
    return _meant(draw(st.sampled_from((b"", b"", BOM))), [(content, end) for content in contents], b"")


@st.composite
def _hostile_streams(draw: st.DrawFn) -> WireCase:
    ends = draw(_line_ends)
    dropped, lines, glued = draw(_heads)
    lines = list(lines)
    for block in draw(st.lists(_blocks, max_size=6)):
        for content in block:
            lines.append((glued + content, draw(st.sampled_from(ends)) if len(ends) > 1 else ends[0]))
            glued = b""
    if lines and draw(st.integers(0, 3)) == 0:
        # One end that differs from all others is what a look at the whole read can miss.
        odd_one = draw(st.integers(0, len(lines) - 1))
        lines[odd_one] = lines[odd_one][0], draw(st.sampled_from((b"\n", b"\r\n", b"\r")))
    partial = glued
    how = draw(st.sampled_from(("whole", "whole", "no last line end", "cut", "a line more")))
    if how == "no last line end" and lines:
        partial = lines.pop()[0]
    elif how == "cut" and lines:
        lines = lines[: draw(st.integers(1, len(lines)))]
        content, end = lines.pop()
        stop = draw(st.integers(0, len(content) + len(end)))
        if stop > len(content):
            lines.append((content, end[: stop - len(content)]))
        else:
            partial = content[:stop]
    elif how == "a line more":
        partial += draw(_lines)
    return _meant(dropped, lines, partial)


def _meant(head: bytes, lines: list[_Line], partial: bytes) -> WireCase:
    """What lines mean, the last of which is perhaps unfinished."""
    body = head + b"".join(content + end for content, end in lines) + partial
    if not head and body.startswith(BOM):
        # What was drawn as the beginning of a line is a byte order mark here.
        if lines and lines[0][0]:
            lines = [(lines[0][0].removeprefix(BOM), lines[0][1]), *lines[1:]]
        else:
            partial = partial.removeprefix(BOM)
    meaning = _Meaning()
    last_end = b""
    for content, end in lines:
        # A CR and the LF behind it are one line end, even where they were drawn as two.
        if content or end != b"\n" or last_end != b"\r":
            meaning.take(content)
        last_end = end
    case = WireCase(
        body,
        list(meaning.events),
        meaning.last_event_id,
        meaning.retry,
        list(meaning.comments),
        list(meaning.unknown_fields),
    )
    if partial:
        meaning.take(partial)
    meaning.take(b"")
    unfinished = meaning.events[len(case.events) :]
    return replace(case, unfinished=unfinished[0] if unfinished else None)


class _Meaning:
    """What the lines so far mean: the table of the standard's section 9.2.6."""

    def __init__(self) -> None:
        self.events: list[ServerSentEvent] = []
        self.last_event_id = ""
        self.retry: int | None = None
        self.comments: list[bytes] = []
        self.unknown_fields: list[tuple[bytes, bytes]] = []
        self._data: list[bytes] = []
        self._event = ""
        self._id = ""

    def take(self, line: bytes) -> None:
        """Take a line."""
        name, _, value = line.partition(b":")
        if line and not name:
            self.comments.append(value)
            return
        value = value.removeprefix(b" ")
        match name:
            case b"":
                self._dispatch()
            case b"data":
                self._data.append(value)
            case b"event":
                self._event = value.decode(errors="replace")
            case b"id":
                self._id = self._id if b"\0" in value else value.decode(errors="replace")
            case b"retry":
                digits = value.lstrip(b"0")
                if value.isdigit() and len(digits) <= MAX_RETRY_DIGITS:
                    self.retry = int(digits or b"0")
            case _:
                self.unknown_fields.append((name, value))

    def _dispatch(self) -> None:
        self.last_event_id = self._id
        if self._data:
            event = ServerSentEvent(b"\n".join(self._data), self._event or "message", self._id)
            self.events.append(event)
        self._data.clear()
        self._event = ""


# -- reads -----------------------------------------------------------------------------------------------


@st.composite
def cuttings(draw: st.DrawFn, body: bytes) -> list[bytes]:
    """Draw a way in which a body arrives: its reads, of which some may be empty."""
    ends = [at + 1 for at, byte in enumerate(body) if byte in b"\r\n"]
    blanks = [at for at in ends if body[:at].endswith((b"\n\n", b"\r\r", b"\r\n\r\n"))]
    how = draw(st.sampled_from(("whole", "bytes", "lines", "blank lines", "even", "anywhere")))
    if how == "whole":
        positions = []
    elif how == "bytes":
        positions = list(range(1, len(body)))
    elif how == "lines":
        positions = ends
    elif how == "blank lines":
        positions = blanks
    elif how == "even":
        positions = list(range(0, len(body), draw(st.integers(1, 40))))
    else:
        # Around line ends, and in the first bytes, is where a cut can matter most.
        near = {at + step for at in [0, *ends] for step in (-1, 0, 1)} & set(range(len(body) + 1))
        place = st.one_of(st.sampled_from(sorted(near)), st.integers(0, len(body)))
        positions = draw(st.lists(place, max_size=8))
    if draw(st.booleans()):
        positions = positions + draw(st.lists(st.sampled_from(positions or [0]), max_size=4))
    return cut(body, sorted(positions))


# -- events to be encoded --------------------------------------------------------------------------------

_no_surrogates = st.characters(exclude_categories=["Cs"])
_one_line_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")
_id_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")
_seams = ("", " ", "  ", ":", "\ufeff", "\u2028", "\x85", "\x0b", "data: x", "message")


@st.composite
def sendable_events(draw: st.DrawFn) -> ServerSentEvent:
    """Draw an event that an encoder must be able to carry."""
    pieces = st.one_of(
        st.sampled_from((b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"\n\r")),
        _values,
        st.binary(max_size=8),
        st.text(_no_surrogates, max_size=4).map(str.encode),
    )
    data = b"".join(draw(st.lists(pieces, max_size=6)))
    event = draw(st.sampled_from(_seams)) + draw(st.text(_one_line_characters, max_size=6))
    last_id = draw(st.sampled_from(_seams)) + draw(st.text(_id_characters, max_size=6))
    return ServerSentEvent(data, event or "message", last_id)
