"""What was streamed goes in, and what the server says it sent; the differences come out."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire.responses.response import Response

TERMINAL_FIELDS: Final = frozenset(
    {"status", "completed_at", "usage", "error", "incomplete_details", "service_tier", "content_filters"}
)
"""Fields of the response that only its end can tell; they are not compared."""

ENCRYPTED_FIELDS: Final = frozenset({"encrypted_content", "fingerprint"})
"""Servers encrypt these anew in each event that carries them."""

ROUNDING: Final = 1e-6
"""Servers round log probabilities in finished items to six decimals."""


class DifferenceKind(StrEnum):
    """What a difference is."""

    RE_ENCRYPTED = "re-encrypted"
    """The same, encrypted anew."""
    ROUNDED = "rounded"
    """The same number, with fewer decimals."""
    MISSING = "missing"
    """One of the two has nothing there."""
    DIFFERENT = "different"
    """Both have something, and not the same."""


class Difference(msgspec.Struct, frozen=True):
    """A place where the stream and the server's own final object differ.

    Attributes:
        path: The place, such as `output[1].content[0].text`.
        kind: What the difference is.
        streamed: What the stream added up to there, or None.
        final: What the server's final object has there, or None.
    """

    path: str
    kind: DifferenceKind
    streamed: Any
    final: Any


def compare(streamed: Response, final: Response) -> list[Difference]:
    """List the differences between what was streamed and the server's own final object."""
    ours, theirs = (
        {name: value for name, value in msgspec.to_builtins(each).items() if name not in TERMINAL_FIELDS}
        for each in (streamed, final)
    )
    return list(_differences("", ours, theirs))


def _differences(path: str, ours: Any, theirs: Any) -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in ours | theirs:
            yield from _differences(f"{path}.{name}" if path else name, ours.get(name), theirs.get(name))
    elif isinstance(ours, list) and isinstance(theirs, list):
        for at in range(max(len(ours), len(theirs))):
            yield from _differences(
                f"{path}[{at}]", *(each[at] if at < len(each) else None for each in (ours, theirs))
            )
    elif ours != theirs and not (_is_nothing(ours) and _is_nothing(theirs)):
        yield Difference(path, _kind(path, ours, theirs), ours, theirs)


def _kind(path: str, ours: Any, theirs: Any) -> DifferenceKind:
    if _is_nothing(ours) or _is_nothing(theirs):
        return DifferenceKind.MISSING
    if path.rpartition(".")[2] in ENCRYPTED_FIELDS:
        return DifferenceKind.RE_ENCRYPTED
    numbers = isinstance(ours, (int, float)) and isinstance(theirs, (int, float))
    if numbers and abs(ours - theirs) <= ROUNDING:
        return DifferenceKind.ROUNDED
    return DifferenceKind.DIFFERENT


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})
