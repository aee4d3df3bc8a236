"""Stamps of reads go in, the figures of a stream come out: when its first token came, how evenly the rest."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Timing(msgspec.Struct, frozen=True):
    """When things arrived, in seconds of the stream's clock (monotonic unless another one was given).

    A token here is a delta with text, reasoning, a refusal or arguments in it; comments and chunks that
    carry a role or usage alone are none. How many tokens the model counts is told by `usage` only.

    Attributes:
        opened: When the stream object was made.
        first_byte: The first read that brought bytes, or None.
        first_event: The read that completed the first event, or None.
        first_token: The read that brought the first token, or None.
        last_token: The read that brought the last token so far, or None.
        last_byte: The last read so far that brought bytes, or None.
        gaps: The times between reads that brought tokens, in order.
    """

    opened: float
    first_byte: float | None = None
    first_event: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    last_byte: float | None = None
    gaps: tuple[float, ...] = ()

    @property
    def time_to_first_token(self) -> float | None:
        """Seconds from the making of the stream object to the first token, or None."""
        return None if self.first_token is None else self.first_token - self.opened

    @property
    def duration(self) -> float | None:
        """Seconds from the making of the stream object to the last byte so far, or None."""
        return None if self.last_byte is None else self.last_byte - self.opened


class Stopwatch:
    """Collects the stamps of one stream."""

    __slots__ = (
        "_counted",
        "_first_byte",
        "_first_event",
        "_first_token",
        "_gaps",
        "_last_byte",
        "_last_token",
        "_opened",
    )

    def __init__(self, opened: float) -> None:
        self._opened = opened
        self._first_byte: float | None = None
        self._first_event: float | None = None
        self._first_token: float | None = None
        self._last_token: float | None = None
        self._last_byte: float | None = None
        self._gaps = array("d")
        self._counted = False  # the last read has brought a token

    def read(self, now: float) -> None:
        """A read brought bytes."""
        self._last_byte = now
        self._counted = False
        if self._first_byte is None:
            self._first_byte = now

    def event(self, *, token: bool) -> None:
        """The last read completed an event, which perhaps brought a token."""
        now = self._last_byte
        if now is None:
            return
        if self._first_event is None:
            self._first_event = now
        if not token or self._counted:
            return
        self._counted = True
        if self._last_token is None:
            self._first_token = now
        else:
            self._gaps.append(now - self._last_token)
        self._last_token = now

    def events(self, stamps: Sequence[float], pieces: Sequence[str]) -> None:
        """Reads came at these times, each of which completed one event that brought this piece of text."""
        self.read(stamps[0])
        self.event(token=pieces[0] != "")
        last = self._last_token
        for now, piece in zip(stamps[1:], pieces[1:], strict=True):
            if piece:
                if last is None:
                    self._first_token = now
                else:
                    self._gaps.append(now - last)
                last = now
        self._last_token = last
        self._last_byte = stamps[-1]
        self._counted = pieces[-1] != ""

    def time_to_first_token(self) -> float | None:
        """That of `timing()`, without the gaps: a long stream has many."""
        return None if self._first_token is None else self._first_token - self._opened

    def timing(self) -> Timing:
        """The figures so far."""
        return Timing(
            self._opened,
            self._first_byte,
            self._first_event,
            self._first_token,
            self._last_token,
            self._last_byte,
            tuple(self._gaps),
        )
