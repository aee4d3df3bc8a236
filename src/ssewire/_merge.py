"""Values of one field, as they come, go in; the field's value in the final object comes out.

A reducer is a table of these: one row a field, and the row says how the field merges. None is never added:
a field that only null came for stays as if nobody had sent it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Table = Mapping[str, Callable[[], "Merge"]]
    """How each field of an object merges."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_HIGH: Final = re.compile("[\ud800-\udbff]")
REPLACEMENT: Final = "\ufffd"
MAX_PIECES: Final = 1024
"""So many pieces of a text are kept as they came; a piece of its own costs ten times what is in it."""


class Merge(Protocol):
    """How the values of one field add up."""

    def add(self, value: Any) -> None:
        """Take the next value, which is not None and is never changed."""

    def value(self) -> Any:
        """What it is so far, or None for nothing; never changed afterwards."""


class First:
    """The first value that is not empty."""

    __slots__ = ("_held", "_whole")

    def __init__(self) -> None:
        self._held: Any = None
        self._whole = False  # surrogate halves have been looked for

    def add(self, value: Any) -> None:
        """Keep it, if it is the first."""
        if not self._held and value:
            self._held = value
            self._whole = False

    def value(self) -> Any:
        """The value that was kept."""
        if not self._whole:
            self._held = without_halves(self._held)
            self._whole = True
        return self._held


class Last(First):
    """The last value that is not empty; 0 and false are values."""

    __slots__ = ()

    def add(self, value: Any) -> None:
        """Keep it instead of the one before."""
        if value or isinstance(value, (bool, int, float)):
            self._held = value
            self._whole = False


def whole_text(text: str) -> str:
    """A text that nothing follows, its surrogate halves joined, and U+FFFD for those that are alone."""
    joined, half = join_halves(text)
    return joined + REPLACEMENT if half else joined


class Text:
    """Pieces of text, joined when somebody looks.

    The two halves of a surrogate pair may come in two pieces. What is handed out never holds a half: one
    that is alone, so far, is U+FFFD.
    """

    __slots__ = ("_half", "_joined", "_pieces", "_runs")

    def __init__(self) -> None:
        self._joined = ""
        self._half = ""  # a first half that ends the text so far
        self._runs: list[str] = []  # not yet joined, in pieces of a better size
        self._pieces: list[str] = []  # not yet joined

    def add(self, value: str) -> None:
        """Append a piece."""
        self._pieces.append(value)
        if len(self._pieces) >= MAX_PIECES:
            self._runs.append("".join(self._pieces))
            self._pieces.clear()

    def value(self) -> str:
        """The text; one copy of it when a piece came since the last look, nothing otherwise."""
        if self._pieces or self._runs:
            text, self._half = join_halves(self._half + "".join(self._runs) + "".join(self._pieces))
            self._joined += text
            self._runs.clear()
            self._pieces.clear()
        return self._joined + REPLACEMENT if self._half else self._joined

    def dump(self) -> tuple[str, int | None]:
        """The text, and the first half that ends it, as its code point: no JSON text can hold it."""
        self.value()
        return self._joined, ord(self._half) if self._half else None

    @classmethod
    def load(cls, text: str, half: int | None) -> Text:
        """What `dump` gave, as a text that grows on."""
        loaded = cls()
        loaded._joined = text
        loaded._half = "" if half is None else chr(half)
        return loaded


def join_halves(text: str) -> tuple[str, str]:
    """Join the surrogate halves in a text.

    Returns:
        The text with U+FFFD for each half that is alone, and the first half that ended it and may still
        find its other one, or `""`.
    """
    if text.isascii() or not _SURROGATE.search(text):
        return text, ""
    half = text[-1] if _HIGH.match(text[-1]) else ""
    whole = text.removesuffix(half)
    return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), half


def without_halves(value: Any) -> Any:
    """A value that is no piece of a text, with U+FFFD for each surrogate half in it."""
    if isinstance(value, str):
        return value if value.isascii() else whole_text(value)
    try:
        # Only a surrogate half keeps a value from being encoded, and msgspec finds it faster than any walk.
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return _walk(value)
    return value


def _walk(value: Any) -> Any:
    match value:
        case str():
            return whole_text(value)
        case list():
            return [_walk(each) for each in value]
        case dict():
            return type(value)((_walk(key), _walk(each)) for key, each in value.items())
        case msgspec.Struct():
            return msgspec.structs.replace(
                value, **{name: _walk(each) for name, each in msgspec.structs.asdict(value).items()}
            )
        case _:
            return value


class Items:
    """Lists, one after the other."""

    __slots__ = ("_items", "_new")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._new: list[Any] = []  # in which surrogate halves were not looked for yet

    def add(self, value: Any) -> None:
        """Extend by a list, or by what should have been one."""
        self._new += value if isinstance(value, list) else [value]

    def value(self) -> list[Any]:
        """A list of its own."""
        self._items += without_halves(self._new)
        self._new.clear()
        return self._items.copy()


class Keyed:
    """Lists of objects; a later object replaces the one that has the same values under the keys."""

    __slots__ = ("_items", "_keys")

    def __init__(self, *keys: str) -> None:
        self._keys = keys
        self._items: dict[object, Any] = {}

    def add(self, value: Any) -> None:
        """Take each object of a list, or what should have been one."""
        for item in without_halves(value if isinstance(value, list) else [value]):
            found = [item.get(key) for key in self._keys] if isinstance(item, dict) else [None]
            keyed = found[0] is not None
            self._items[repr(found) if keyed else len(self._items)] = item

    def value(self) -> list[Any]:
        """The objects, in order of first appearance."""
        return list(self._items.values())


class Merged:
    """Objects, laid over one another: of each key the last value that is not null."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: Any = None

    def add(self, value: Any) -> None:
        """Lay it over what is there."""
        value = without_halves(value)
        if not isinstance(value, dict):
            self._held = value
        elif isinstance(self._held, dict):
            self._held.update((key, each) for key, each in value.items() if each is not None)
        else:
            self._held = dict(value)

    def value(self) -> Any:
        """The object."""
        return dict(self._held) if isinstance(self._held, dict) else self._held


class ReasoningDetails:
    """OpenRouter's `reasoning_details`: consecutive entries of one type are pieces of one entry.

    An id or an index that differs starts another entry. Encrypted entries are whole as they come.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []

    def add(self, value: Any) -> None:
        """Take each entry of a list."""
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict):
                if not (self._entries and _continues(entry, self._entries[-1])):
                    self._entries.append({})
                self._merge(entry, self._entries[-1])

    def _merge(self, piece: dict[str, Any], entry: dict[str, Any]) -> None:
        for key, value in piece.items():
            name = whole_text(key)
            if name in ("text", "summary") and isinstance(value, str):
                if not isinstance(entry.get(name), Text):
                    entry[name] = Text()
                entry[name].add(value)
            elif name not in entry or (value and not isinstance(entry[name], Text)):
                entry[name] = without_halves(value)

    def value(self) -> list[dict[str, Any]]:
        """The entries, with the keys that came."""
        return [
            {name: held.value() if isinstance(held, Text) else held for name, held in entry.items()}
            for entry in self._entries
        ]


def _continues(piece: dict[str, Any], entry: dict[str, Any]) -> bool:
    if piece.get("type") != entry.get("type") or piece.get("type") == "reasoning.encrypted":
        return False
    return all(
        piece.get(name) is None or entry.get(name) is None or piece[name] == entry[name]
        for name in ("id", "index")
    )


class Fields:
    """The fields of one object, merged by a table."""

    __slots__ = ("_merges", "_table")

    def __init__(self, table: Table) -> None:
        self._table = table
        self._merges: dict[str, Merge] = {}

    def add(self, piece: object) -> None:
        """Take the fields of a Struct that are in the table and have a value."""
        for name in self._table:
            value = getattr(piece, name)
            if value is not None:
                self.merge(name).add(value)

    def merge(self, name: str) -> Any:
        """What merges a field."""
        merge = self._merges.get(name)
        if merge is None:
            merge = self._merges[name] = self._table[name]()
        return merge

    def get(self, name: str) -> Any:
        """One field's value so far, or None."""
        return self._merges[name].value() if name in self._merges else None

    def values(self) -> dict[str, Any]:
        """The fields that have a value."""
        pairs = ((name, merge.value()) for name, merge in self._merges.items())
        return {name: value for name, value in pairs if value is not None}
