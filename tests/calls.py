"""What a piece of work calls: it tells a fast way from a slow one without a clock."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Calls(NamedTuple):
    """The names of functions in the order of their calls."""

    python: list[str]
    """Qualified names of what is written in Python."""
    c: list[str]
    """Names of what is written in C."""


def calls_of(work: Callable[[], object]) -> Calls:
    """Do some work, and tell what it called."""
    calls = Calls([], [])

    def see(frame: Any, event: str, called: Any) -> None:
        if event == "call":
            calls.python.append(frame.f_code.co_qualname)
        elif event == "c_call":
            calls.c.append(called.__name__)

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls
