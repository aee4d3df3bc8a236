"""The name of a shape that some servers send goes in, what it does comes out."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ssewire._dialects import DialectName


class Quirk(NamedTuple):
    """A shape that some servers send."""

    effect: str
    """What it does to the bytes, and to the answer where it does anything to it."""
    dialects: tuple[DialectName, ...] = ("chat", "completions", "responses")
    group: str = ""
    """Of the quirks of one group a stream has at most one."""
    without: tuple[str, ...] = ()
    """Quirks of other groups that a stream does not have beside this one."""


_CHUNKS: Final[tuple[DialectName, ...]] = ("chat", "completions")
_CHAT: Final[tuple[DialectName, ...]] = ("chat",)
_RESPONSES: Final[tuple[DialectName, ...]] = ("responses",)
_SEVERAL_DELTAS: Final = ("tools_two_indexes", "tools_id_changes", "tools_name_pieces")

QUIRKS: Final[dict[str, Quirk]] = {
    # -- the wire
    "no_space": Quirk("`data:{…}`, without the space"),
    "crlf": Quirk("lines end with CR LF", group="line ends"),
    "cr": Quirk("lines end with CR", group="line ends"),
    "mixed_line_ends": Quirk("each line ends with CR, LF or CR LF", group="line ends"),
    "bom": Quirk("a byte order mark begins the body"),
    "control_blocks": Quirk("blocks of `id`, `retry` or `event` lines without data; they are no events"),
    "data_lines": Quirk("the JSON of an event goes over several data lines"),
    "heartbeats": Quirk("events of empty data, white space or `null`; they are not handed out"),
    "done_variants": Quirk("`[DONE]` with more space around it, and sent twice", _CHUNKS),
    "done_after_all": Quirk("`[DONE]` behind the terminal event", _RESPONSES),
    "unterminated": Quirk("the last event comes without its blank line, or without any line end"),
    "malformed": Quirk(
        "events that are no JSON, not one JSON value, or no object, among the others; `malformed` counts them"
    ),
    "late_events": Quirk("events behind the end; the answer does not change"),
    # -- decoding
    "unknown_fields": Quirk("fields of next year in every object of the envelope"),
    "nulls": Quirk("null where a list or an object belongs, or a text that is left out"),
    "fractions": Quirk("integers as `1.0`"),
    "lone_halves": Quirk("characters beyond U+FFFF cut into two halves of a surrogate pair, a delta each"),
    "invalid_utf8": Quirk("a byte that is no UTF-8 for each U+FFFD of the answer"),
    "numbers_for_text": Quirk("a delta that is a number is sent as a number", _CHUNKS),
    "content_list": Quirk("content as a list of parts; reasoning as a part of it", _CHAT, group="content"),
    # -- chunks
    "empty_header": Quirk("a first chunk without choices and with empty id, model and time", _CHUNKS),
    "changing_id": Quirk("an id of its own in each chunk; the first is the answer's", _CHUNKS),
    "role_repeated": Quirk("the role in each delta", _CHAT),
    "usage_running": Quirk("a running total of usage in each chunk; the last is the answer's", _CHUNKS),
    "choices_disordered": Quirk("choices with gaps between their indexes, the last first", _CHUNKS),
    "finish_empty": Quirk("an empty finish reason before the right one", _CHUNKS),
    "finish_twice": Quirk("the finish reason in two chunks", _CHUNKS),
    "filter_reports": Quirk("Azure's reports of filters: choices without a delta", _CHAT),
    "message_beside_delta": Quirk("the message so far beside each delta; it adds nothing", _CHAT),
    # -- tool calls
    "tools_without_index": Quirk("calls without an index, one after the other", _CHAT, group="index"),
    "tools_index_zero": Quirk("each call has the index 0", _CHAT, group="index"),
    "tools_index_gaps": Quirk("indexes begin above 0 and leave gaps", _CHAT, group="index"),
    "tools_two_indexes": Quirk("a call goes on at another index, under its id", _CHAT, group="index"),
    "tools_id_changes": Quirk(
        "each delta of a call has another id; the first is the call's",
        _CHAT,
        group="id",
        without=("tools_without_index", "tools_two_indexes", "tools_name_repeated"),
    ),
    "tools_id_repeated": Quirk("each delta of a call repeats id and type", _CHAT, group="id"),
    "tools_name_repeated": Quirk("each delta of a call repeats the name", _CHAT, group="name"),
    "tools_name_pieces": Quirk("the name comes in pieces", _CHAT, group="name"),
    "tools_whole": Quirk("a call in one delta", _CHAT, group="arguments", without=_SEVERAL_DELTAS),
    "tools_arguments_object": Quirk(
        "a call in one delta; its arguments an object, where they are JSON without spaces",
        _CHAT,
        group="arguments",
        without=_SEVERAL_DELTAS,
    ),
    # -- Responses
    "no_created": Quirk("no `response.created`, nor any other beginning", _RESPONSES),
    "no_added": Quirk("items and parts that no event adds", _RESPONSES),
    "changing_item_ids": Quirk("an id of its own in each event of an item; `output_index` tells", _RESPONSES),
    "empty_output": Quirk(
        "the terminal event has an empty `output`; the items are those streamed", _RESPONSES
    ),
    "no_deltas": Quirk("texts in their done events alone", _RESPONSES, without=("lone_halves",)),
    "late_deltas": Quirk("deltas for an item that is done; they add nothing", _RESPONSES),
    "no_sequence_numbers": Quirk("events without a number", _RESPONSES),
    "no_event_names": Quirk("events without an SSE name", _RESPONSES, group="type"),
    "types_in_names": Quirk("events without a `type`: their SSE name tells it", _RESPONSES, group="type"),
    "keepalives": Quirk("`keepalive` events", _RESPONSES),
    "unknown_events": Quirk("events of a type from next year", _RESPONSES),
    "unknown_items": Quirk("an item of a type from next year in the output", _RESPONSES),
    # -- how it ends
    "no_done": Quirk(
        "every finish reason, and no `[DONE]`: the verdict `no_done`",
        _CHUNKS,
        group="end",
        without=("done_variants",),
    ),
    "no_finish": Quirk("`[DONE]`, and a choice without a finish reason: `no_finish`", _CHUNKS, group="end"),
    "cut": Quirk("the body ends before the end was told: the verdict `truncated`", group="end"),
    "error_payload": Quirk('an event of `{"error": …}`: the verdict `failed`', group="end"),
    "error_event": Quirk("an event named `error`: the verdict `failed`", group="end"),
    "error_field": Quirk("a line `error: …`, as llama.cpp sent it: the verdict `failed`", group="end"),
    "error_in_chunk": Quirk(
        "an `error` beside the choices of a chunk: the verdict `failed`", _CHUNKS, group="end"
    ),
    "response_failed": Quirk(
        "`response.failed`, perhaps behind an `error`: the verdict `failed`", _RESPONSES, group="end"
    ),
}
"""The quirks by name. Those of them that change no verdict leave the answer as it was drawn."""


def quirks_of(dialect: DialectName) -> list[str]:
    """The names of the quirks that streams of a dialect can have."""
    return [name for name, quirk in QUIRKS.items() if dialect in quirk.dialects]


def check_names(names: Iterable[str], dialect: DialectName) -> list[str]:
    """The names, each once and in order.

    Raises:
        TypeError: They are a text.
        ValueError: One of them is none of the dialect's.
    """
    if isinstance(names, str):
        raise TypeError(f"quirks are a list of names, not the text {names!r}")
    wanted = set(names)
    known = quirks_of(dialect)
    if unknown := wanted.difference(known):
        raise ValueError(f"no quirk of {dialect} streams: {', '.join(sorted(unknown))}")
    return [name for name in known if name in wanted]


def compatible(names: Iterable[str]) -> frozenset[str]:
    """The names, without those that a stream does not have beside one before them."""
    found: list[str] = []
    for name in names:
        if not any(_apart(name, other) for other in found):
            found.append(name)
    return frozenset(found)


def check_compatible(names: Iterable[str]) -> frozenset[str]:
    """The names.

    Raises:
        ValueError: A stream does not have two of them at once.
    """
    found = list(names)
    for one, other in combinations(found, 2):
        if _apart(one, other):
            raise ValueError(f"a stream has only one of the quirks {one} and {other}")
    return frozenset(found)


def _apart(one: str, other: str) -> bool:
    """Whether a stream does not have two quirks at once."""
    group = QUIRKS[one].group
    same_group = group != "" and group == QUIRKS[other].group
    return same_group or other in QUIRKS[one].without or one in QUIRKS[other].without
