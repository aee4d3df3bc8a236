"""Which streams the user asks for goes in; whether a stream is one of them comes out."""

from __future__ import annotations

import argparse
from collections import defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from ssewire._dialects import DIALECTS
from ssewire.errors import SSEWireError
from ssewire.events import Verdict
from ssewire.message import FinishReason

if TYPE_CHECKING:
    from ssewire._stream import Stream
    from ssewire.logs.capture import Head

NONE: Final = "none"
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "verdict": tuple(each.value for each in Verdict if each is not Verdict.OPEN),
    "dialect": (*DIALECTS, "unknown"),
    "finish_reason": (*(each.value for each in FinishReason), NONE),
}
"""What can be asked for, and the values that there are."""


class Condition(msgspec.Struct, frozen=True):
    """Something that is to hold of a stream."""

    key: str
    value: str
    equal: bool

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read it as it is written: `KEY=VALUE` or `KEY!=VALUE`. For `argparse`."""
        key, sign, value = text.partition("=")
        key, equal = key.removesuffix("!"), not key.endswith("!")
        if not sign or key not in KEYS:
            keys = ", ".join(KEYS)
            raise argparse.ArgumentTypeError(f"KEY=VALUE or KEY!=VALUE, with a key of {keys}, not {text!r}")
        if value not in KEYS[key]:
            raise argparse.ArgumentTypeError(f"{key} is one of {', '.join(KEYS[key])}, not {value!r}")
        return cls(key, value, equal)


class Picks(msgspec.Struct, frozen=True):
    """What is asked for.

    Attributes:
        models: Patterns of the model's name, one of which is to fit; any model if there are none.
        hosts: Patterns of the host that was asked, likewise.
        where: What is to hold. Of several values for a key, one; of several that it is not to have, all.
    """

    models: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()

    @classmethod
    def of(cls, options: argparse.Namespace) -> Picks:
        """What the options ask for."""
        return cls(
            tuple(each.lower() for each in options.model),
            tuple(each.lower() for each in options.host),
            tuple(options.where),
        )

    @property
    def need_reading(self) -> bool:
        """Whether a stream has to be read before it is known whether it is asked for."""
        return bool(self.models or self.where)

    def select_head(self, head: Head) -> bool:
        """Whether a capture with this head may be one to look at."""
        if not self.hosts:
            return True
        try:
            host = urlsplit(head.request.url).hostname if head.request is not None else None
        except ValueError:
            host = None
        return host is not None and any(fnmatchcase(host, each) for each in self.hosts)

    def select(self, stream: Stream[Any, Any]) -> bool:
        """Whether a stream that was read is one to look at."""
        model = (stream.model or "").lower()
        return not self.models or any(fnmatchcase(model, each) for each in self.models)

    def hold(self, stream: Stream[Any, Any], dialect: str | None) -> bool:
        """Whether what is to hold does, of a stream that was read."""
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        for each in self.where:
            if each.equal:
                wanted[each.key].add(each.value)
            elif _fact(each.key, stream, dialect) == each.value:
                return False
        return all(_fact(key, stream, dialect) in values for key, values in wanted.items())


def add_to(command: argparse.ArgumentParser) -> None:
    """Add the options to a command that reads streams."""
    command.add_argument(
        "--where",
        type=Condition.parse,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="only streams of which this holds: verdict, dialect or finish_reason (of the first choice, as "
        "message() tells it) = or != VALUE; may be repeated: one of several values of a key is enough",
    )
    command.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only streams of a model whose name fits, such as 'gpt-*'; may be repeated",
    )
    command.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only captures of a host whose name fits, such as '*.example.com'; may be repeated",
    )


def _fact(key: str, stream: Stream[Any, Any], dialect: str | None) -> str:
    if key == "verdict":
        return stream.verdict.value
    if key == "dialect":
        return dialect or "unknown"
    try:
        reason = stream.message().finish_reason
    except SSEWireError:  # a response that does not decode
        reason = None
    return NONE if reason is None else reason.value
