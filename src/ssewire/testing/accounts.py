"""A body and a way to read it go in, all that the reader was told comes out, to be compared."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ssewire._dialects import (
    DIALECTS,
    AsyncChatStream,
    AsyncCompletionsStream,
    AsyncResponsesStream,
    DialectName,
)
from ssewire.errors import EventDecodeError, SSEWireError
from ssewire.responses.compare import DifferenceKind
from ssewire.responses.events import ResponseEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from ssewire._stream import AsyncStream
    from ssewire.parts import PartEvent
    from ssewire.responses.compare import Difference

    PartsTold = tuple[list[PartEvent], str | None]
    """What is told of the parts, and the text in the end, None where nobody can say (`_text`)."""

R = TypeVar("R")

ASYNC_STREAMS: Final[dict[DialectName, type[AsyncStream[Any, Any]]]] = {
    "chat": AsyncChatStream,
    "completions": AsyncCompletionsStream,
    "responses": AsyncResponsesStream,
}
MALFORMED_POLICIES: Final = ("raise", "skip", "call")
"""What can be done with an event that does not decode; `call` stands for any function."""


class Account(NamedTuple):
    """All that a reader was told of one stream; two accounts are equal when nobody could tell them apart.

    Attributes:
        events: The events, each with its data where the way of reading gives it.
        errors: What was raised: by the steps, and by `result()`.
        refused: What the `malformed` function was given.
        facts: The verdict, what is known of the response, and how often a token came.
        diagnostics: What was unusual: kind, detail, ordinal and count.
        snapshot: What had arrived in the end.
    """

    events: list[tuple[str, bytes | None]]
    errors: list[str]
    refused: list[str]
    facts: dict[str, Any]
    diagnostics: list[tuple[str, str, int, int]]
    snapshot: str

    def count(self, kind: str) -> int:
        """How often something of a kind was unusual."""
        return sum(count for each, _, _, count in self.diagnostics if each == kind)


def shown(thing: Any) -> str:
    """All of an object in a text: halves of characters and NaN as well, and which types it is made of."""
    if isinstance(thing, ResponseEvent):  # a `Raw` does not show what is in it
        return f"{type(thing).__name__} {thing.sequence_number} {bytes(thing.raw_response)!r}"
    return repr(thing)


def shown_error(error: BaseException) -> str:
    """An error with all its facts."""
    facts = {name: value for name, value in vars(error).items() if name != "snapshot"}
    snapshot = shown(getattr(error, "snapshot", None))
    return f"{error!r} {error} {facts!r} {snapshot} {error.__cause__!r}"


class _Reading:
    """One reading: its options, and what the `malformed` function was given."""

    def __init__(self, malformed: str, options: dict[str, Any]) -> None:
        self.refused: list[str] = []
        self.options: dict[str, Any] = dict(options)
        self.options["malformed"] = self._refuse if malformed == "call" else malformed
        self.events: list[tuple[Any, bytes | None]] = []
        self.errors: list[str] = []

    def _refuse(self, raw: bytes, error: EventDecodeError) -> None:
        self.refused.append(f"{raw!r} {shown_error(error)}")

    def account(self, read: Any) -> Account:
        """All that was told by a parser or a stream."""
        return Account(
            [(shown(event), raw) for event, raw in self.events],
            self.errors,
            self.refused,
            {name: _look(read, name) for name in ("verdict", "usage", "model", "created", "tokens")},
            [(each.kind, each.detail, each.ordinal, each.count) for each in read.diagnostics],
            _look(read, "snapshot"),
        )


def _look(read: Any, name: str) -> str:
    """What an attribute says, or a method without arguments."""
    parser = getattr(read, "_parser", read)  # a stream does not count tokens
    try:
        value = getattr(parser, name)
        return shown(value() if callable(value) else value)
    except EventDecodeError as error:  # a response is decoded when somebody looks
        return shown_error(error)


def push(dialect: DialectName, reads: Iterable[bytes], malformed: str = "raise", **options: Any) -> Account:
    """Read with a parser.

    Args:
        dialect: The dialect's name.
        reads: The reads in which the body arrives.
        malformed: `raise`, `skip`, or `call` for a function.
        options: Further options of the parser.
    """
    reading = _Reading(malformed, options)
    parser = DIALECTS[dialect].parser(**reading.options)
    try:
        for read in reads:
            reading.events += parser.feed_raw(read)
        reading.events += [(event, None) for event in parser.close()]
        parser.close()  # an error that came behind the last events
    except SSEWireError as error:
        reading.errors.append(shown_error(error))
    _take_result(reading, parser.result)
    return reading.account(parser)


def _take_result(reading: _Reading, result: Callable[[], Any]) -> None:
    try:
        result()
    except SSEWireError as error:
        reading.errors.append(shown_error(error))


def pull(dialect: DialectName, reads: Iterable[bytes], malformed: str = "raise", **options: Any) -> Account:
    """Read with a stream. As `push`."""
    reading = _Reading(malformed, options)
    with DIALECTS[dialect].stream(reads, **reading.options) as stream:
        try:
            reading.events += stream.raw()
        except SSEWireError as error:
            reading.errors.append(shown_error(error))
        _take_result(reading, stream.result)
        return reading.account(stream)


def pull_async(
    dialect: DialectName, reads: Iterable[bytes], malformed: str = "raise", **options: Any
) -> Account:
    """Read with an async stream, but without a loop, since nothing is waited for. As `push`."""
    return _run(_pull_async(dialect, list(reads), malformed, options))


async def _pull_async(
    dialect: DialectName, reads: list[bytes], malformed: str, options: dict[str, Any]
) -> Account:
    reading = _Reading(malformed, options)
    async with ASYNC_STREAMS[dialect](reads, **reading.options) as stream:
        try:
            async for pair in stream.raw():
                reading.events += [pair]
        except SSEWireError as error:
            reading.errors.append(shown_error(error))
        try:
            await stream.result()
        except SSEWireError as error:
            reading.errors.append(shown_error(error))
        return reading.account(stream)


def push_parts(dialect: DialectName, reads: Iterable[bytes]) -> PartsTold:
    """What a parser's events tell of parts, malformed ones left out.

    Args:
        dialect: The dialect's name.
        reads: The reads in which the body arrives.
    """
    parser = DIALECTS[dialect].parser(malformed="skip")
    parts = DIALECTS[dialect].dialect.parts()
    events: list[Any] = []
    with suppress(SSEWireError):
        for read in reads:
            events += parser.feed(read)
        events += parser.close()
    told: list[PartEvent] = []
    for event in events:
        with suppress(SSEWireError):
            told += parts.apply(event)
    return [*told, *parts.end()], _text(parser)


def pull_parts(dialect: DialectName, reads: Iterable[bytes]) -> PartsTold:
    """What a stream tells of parts, also behind an error. As `push_parts`."""
    told: list[PartEvent] = []
    with DIALECTS[dialect].stream(reads, malformed="skip") as stream:
        parts = stream.parts()
        while True:
            try:
                told.append(next(parts))
            except StopIteration:
                return told, _text(stream)
            except SSEWireError:
                pass


def pull_parts_async(dialect: DialectName, reads: Iterable[bytes]) -> PartsTold:
    """What an async stream tells of parts, also behind an error. As `push_parts`."""
    return _run(_pull_parts_async(dialect, list(reads)))


async def _pull_parts_async(dialect: DialectName, reads: list[bytes]) -> PartsTold:
    told: list[PartEvent] = []
    async with ASYNC_STREAMS[dialect](reads, malformed="skip") as stream:
        parts = stream.parts()
        while True:
            try:
                told.append(await anext(parts))
            except StopAsyncIteration:
                return told, _text(stream)
            except SSEWireError:
                pass


def _text(read: Any) -> str | None:
    """The text of the first choice; None where the server's own response takes something back."""
    if hasattr(read, "compare") and any(map(_takes_back, read.compare())):
        return None
    text: str = read.message().text
    return text


def _takes_back(difference: Difference) -> bool:
    """The server's final object lacks what was streamed, or has something else there."""
    kinds = (DifferenceKind.MISSING, DifferenceKind.DIFFERENT)
    return difference.streamed is not None and difference.kind in kinds


def _run(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: R = stop.value
        return result
    raise AssertionError("a source that never waits was waited for")
