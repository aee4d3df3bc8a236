"""Hypothesis strategies: event streams built line by line, and the ways to cut them into reads.

A line is the smallest thing with a meaning, so streams are drawn as lines. Glued fragments seldom
make two lines that have anything to do with each other.
"""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import strategies as st

from ssewire import ServerSentEvent

BOM = b"\xef\xbb\xbf"


def _one_line(value: bytes) -> bytes:
    return value.replace(b"\r", b"").replace(b"\n", b"")


TEXTS = (
    b"",
    b"a",
    b'{"id":"x","choices":[{"delta":{"content":"hi"}}]}',
    b"[DONE]",
    "gr\u00fc\u00df \u20ac \U0001f600".encode(),
)
LOOKALIKES = (
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
SEPARATORS = (
    b"\x0b",
    b"a\x0cb",
    b"\x1c\x1d\x1e\x1f",
    b"a\xc2\x85b",
    b"\x85",
    b"a\xe2\x80\xa8b\xe2\x80\xa9",
    b"\xc2\xa0a\xe3\x80\x80",
)
MALFORMED = (
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

plain_values = st.one_of(
    st.sampled_from(TEXTS),
    st.integers(1, 300).map(lambda length: b"x" * length),
)
values = st.one_of(
    plain_values,
    st.sampled_from(LOOKALIKES),
    st.sampled_from(SEPARATORS),
    st.sampled_from(MALFORMED),
    st.binary(max_size=12).map(_one_line),
    st.text(max_size=6).map(lambda text: _one_line(text.encode("utf-8", "surrogatepass"))),
)
colons = st.sampled_from((b":", b": "))

data_lines = st.one_of(
    st.builds(lambda colon, value: b"data" + colon + value, colons, values),
    st.sampled_from((b"data", b"data:", b"data: ")),
)
event_lines = st.one_of(
    st.builds(lambda colon, value: b"event" + colon + value, colons, values),
    st.sampled_from((b"event", b"event:", b"event: ping", b"event:message")),
)
id_lines = st.one_of(
    st.builds(lambda colon, value: b"id" + colon + value, colons, values),
    st.builds(lambda head, tail: b"id:" + head + b"\0" + tail, values, values),
    st.sampled_from((b"id", b"id:", b"id: 1", b"id:\0", b"id:a\xc0\x80")),
)
retry_lines = st.one_of(
    st.builds(
        lambda colon, zeros, number: b"retry" + colon + b"0" * zeros + b"%d" % number,
        colons,
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
comment_lines = values.map(lambda value: b":" + value)
NEAR_MISSES = (
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
unknown_names = st.one_of(
    st.sampled_from(NEAR_MISSES),
    st.binary(min_size=1, max_size=6)
    .map(lambda name: _one_line(name).replace(b":", b""))
    .filter(lambda name: name not in (b"", b"data", b"event", b"id", b"retry")),
)
unknown_lines = st.one_of(
    unknown_names,
    st.builds(lambda name, colon, value: name + colon + value, unknown_names, colons, values),
)
lines = st.one_of(
    data_lines,
    data_lines,
    event_lines,
    id_lines,
    retry_lines,
    comment_lines,
    unknown_lines,
)

# Most real events are one data line, and a tokenizer may have a short way for them. Runs of such
# events with something else in between lead into that way and out of it.
plain_blocks = st.builds(lambda colon, value: [b"data" + colon + value, b""], colons, plain_values)
named_blocks = st.builds(
    lambda first, value: [*first, b"data: " + value, b""],
    st.sampled_from(((b"event: a.b",), (b"event: ping",), (b"id: 5",), (b"id: 6", b"event: a.b"))),
    plain_values,
)
odd_blocks = st.builds(
    lambda content, blanks: content + [b""] * blanks,
    st.lists(lines, max_size=5),
    st.sampled_from((0, 1, 1, 1, 2, 3)),
)
blocks = st.one_of(plain_blocks, plain_blocks, named_blocks, odd_blocks, odd_blocks)

# One kind of line end for most of a stream, as servers do it, or any kind anywhere.
line_ends = st.sampled_from(
    (
        (b"\n",),
        (b"\n",),
        (b"\r\n",),
        (b"\r",),
        (b"\n", b"\r\n", b"\r"),
    )
)
BOM_HEADS = (BOM, BOM + BOM, b"\xef\xbb", b"\xef", b"\n" + BOM, BOM + b"\n", BOM + b"\r")
heads = st.one_of(st.just(b""), st.sampled_from(BOM_HEADS))


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a stream; it may lack its last blank line, or stop anywhere."""
    ends = draw(line_ends)
    pieces = [draw(heads)]
    for block in draw(st.lists(blocks, max_size=6)):
        for line in block:
            pieces += [line, draw(st.sampled_from(ends)) if len(ends) > 1 else ends[0]]
    if len(pieces) > 1 and draw(st.integers(0, 3)) == 0:
        # One end that differs from all others is what a look at the whole read can miss.
        odd_one = draw(st.integers(1, len(pieces) // 2))
        pieces[2 * odd_one] = draw(st.sampled_from((b"\n", b"\r\n", b"\r")))
    body = b"".join(pieces)
    how = draw(st.sampled_from(("whole", "whole", "no last line end", "cut", "a line more")))
    if how == "no last line end":
        body = body[:-1]
    elif how == "cut":
        body = body[: draw(st.integers(0, len(body)))]
    elif how == "a line more":
        body += draw(lines)
    return body


def cut(body: bytes, positions: list[int]) -> list[bytes]:
    """Cut a body at ascending positions; a position given twice makes an empty read."""
    edges = [0, *positions, len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


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


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Draw a body with the reads in which it arrives."""
    body = draw(bodies())
    return body, draw(cuttings(body))


def every_cutting(body: bytes) -> Iterator[list[bytes]]:
    """Yield a body whole, byte by byte, and in two and in three reads at every place.

    Only a short body is cut in two or three. Each cutting comes a second time, with empty reads
    before, between and behind.
    """
    for reads in _dense_cuttings(body):
        yield reads
        yield [b"", *(piece for read in reads for piece in (read, b""))]


def _dense_cuttings(body: bytes) -> Iterator[list[bytes]]:
    yield [body]
    yield [body[at : at + 1] for at in range(len(body))]
    if len(body) > 400:
        return
    for first in range(1, len(body)):
        yield cut(body, [first])
    if len(body) > 64:
        return
    for first in range(1, len(body)):
        for second in range(first + 1, len(body)):
            yield cut(body, [first, second])


_no_surrogates = st.characters(exclude_categories=["Cs"])
_one_line_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")
_id_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")
_seams = ("", " ", "  ", ":", "\ufeff", "\u2028", "\x85", "\x0b", "data: x", "message")


@st.composite
def sendable_events(draw: st.DrawFn) -> ServerSentEvent:
    """Draw an event that an encoder must be able to carry."""
    pieces = st.one_of(
        st.sampled_from((b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"\n\r")),
        values,
        st.binary(max_size=8),
        st.text(_no_surrogates, max_size=4).map(str.encode),
    )
    data = b"".join(draw(st.lists(pieces, max_size=6)))
    event = draw(st.sampled_from(_seams)) + draw(st.text(_one_line_characters, max_size=6))
    last_id = draw(st.sampled_from(_seams)) + draw(st.text(_id_characters, max_size=6))
    return ServerSentEvent(data, event or "message", last_id)
