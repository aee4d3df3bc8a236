"""A body or a case goes in, an `AssertionError` comes out where ssewire breaks one of its promises.

Each law is a plain function, so that a property test, a fuzz target and a test of one body can all call it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ssewire._dialects import (
    DIALECTS,
    AsyncChatStream,
    AsyncCompletionsStream,
    AsyncResponsesStream,
    DialectName,
)
from ssewire.errors import EventDecodeError, SSEWireError
from ssewire.responses.events import ResponseEvent
from ssewire.testing.cutting import event_by_event, in_reads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from ssewire._parser import Parser
    from ssewire._stream import AsyncStream, Stream

ASYNC_STREAMS: Final[dict[DialectName, type[AsyncStream[Any, Any]]]] = {
    "chat": AsyncChatStream,
    "completions": AsyncCompletionsStream,
    "responses": AsyncResponsesStream,
}
MALFORMED_POLICIES: Final = ("raise", "skip", "call")
"""What can be done with an event that does not decode; `call` is for any function."""


# -- reading ---------------------------------------------------------------------------------------------


class Account(NamedTuple):
    """All that a reader was told of one stream; two accounts are equal when nobody could tell them apart.

    Attributes:
        events: The events with their data, in order.
        errors: What was raised: by the steps, and by `result()`.
        refused: What the `malformed` function was given.
        facts: The verdict, what is known of the response, and how often a token came.
        diagnostics: What was unusual.
        snapshot: What had arrived in the end, encoded.
    """

    events: list[tuple[str, bytes | None]]
    errors: list[str]
    refused: list[str]
    facts: dict[str, Any]
    diagnostics: list[tuple[str, str, int, int]]
    snapshot: str


def shown(thing: Any) -> str:
    """All of an object in a text: halves of characters and NaN as well, and which types it is made of."""
    if isinstance(thing, ResponseEvent):  # a `Raw` does not show what is in it
        return f"{type(thing).__name__} {thing.sequence_number} {bytes(thing.raw_response)!r}"
    return repr(thing)


def shown_error(error: BaseException) -> str:
    """An error with all its facts."""
    facts = {name: value for name, value in vars(error).items() if name != "snapshot"}
    cause = error.__cause__
    return f"{error!r} {error} {facts!r} {shown(getattr(error, 'snapshot', None))} {cause!r}"


class Reader:
    """Options for reading, and what the `malformed` function was given."""

    def __init__(self, malformed: str = "raise", **options: Any) -> None:
        self.refused: list[str] = []
        self.options = options | {"malformed": self._refuse if malformed == "call" else malformed}

    def _refuse(self, raw: bytes, error: EventDecodeError) -> None:
        self.refused.append(f"{raw!r} {shown_error(error)}")

    def account(
        self, read: Parser[Any, Any] | Stream[Any, Any], events: list[Any], errors: list[str]
    ) -> Account:
        """All that was told."""
        return Account(
            [(shown(event), raw) for event, raw in events],
            errors,
            self.refused,
            _facts(read),
            [(each.kind, each.detail, each.ordinal, each.count) for each in read.diagnostics],
            _snapshot(read),
        )


def _facts(read: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"verdict": read.verdict}
    for name in ("usage", "model", "created", "tokens"):
        try:
            facts[name] = shown(getattr(getattr(read, "_parser", read), name))
        except EventDecodeError as error:  # a response is decoded when somebody looks
            facts[name] = shown_error(error)
    return facts


def _snapshot(read: Any) -> str:
    try:
        return shown(read.snapshot())
    except EventDecodeError as error:
        return shown_error(error)


def _result(result: Callable[[], Any]) -> list[str]:
    """What `result()` raises, as a list of at most one."""
    try:
        result()
    except SSEWireError as error:
        return [shown_error(error)]
    return []


def push(dialect: DialectName, reads: Iterable[bytes], malformed: str = "raise", **options: Any) -> Account:
    """Read with a parser."""
    reader = Reader(malformed, **options)
    parser = DIALECTS[dialect].parser(**reader.options)
    events: list[Any] = []
    errors: list[str] = []
    try:
        for read in reads:
            events += parser.feed_raw(read)
        events += [(event, None) for event in parser.close()]
        parser.close()  # an error that came with the last events
    except SSEWireError as error:
        errors.append(shown_error(error))
    return reader.account(parser, events, errors + _result(parser.result))


def pull(dialect: DialectName, reads: Iterable[bytes], malformed: str = "raise", **options: Any) -> Account:
    """Read with a stream."""
    reader = Reader(malformed, **options)
    events: list[Any] = []
    errors: list[str] = []
    with DIALECTS[dialect].stream(reads, **reader.options) as stream:
        try:
            events += stream.raw()
        except SSEWireError as error:
            errors.append(shown_error(error))
        return reader.account(stream, events, errors + _result(stream.result))


def pull_async(
    dialect: DialectName, reads: Iterable[bytes], malformed: str = "raise", **options: Any
) -> Account:
    """Read with an async stream, without a loop: nothing here has to be waited for."""
    return run(_pull_async(dialect, list(reads), malformed, **options))


async def _pull_async(dialect: DialectName, reads: list[bytes], malformed: str, **options: Any) -> Account:
    reader = Reader(malformed, **options)
    events: list[Any] = []
    errors: list[str] = []
    async with ASYNC_STREAMS[dialect](reads, **reader.options) as stream:
        try:
            async for pair in stream.raw():
                events.append(pair)
        except SSEWireError as error:
            errors.append(shown_error(error))
        try:
            await stream.result()
        except SSEWireError as error:
            errors.append(shown_error(error))
        return reader.account(stream, events, errors)


def run(coroutine: Coroutine[Any, Any, Account]) -> Account:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        account: Account = stop.value
        return account
    raise AssertionError("a source that never waits was waited for")


# -- laws of reading -------------------------------------------------------------------------------------


def check_cutting(
    dialect: DialectName, body: bytes, reads: Sequence[bytes] = (), malformed: str = "raise", **options: Any
) -> None:
    """However a body is cut into reads, a parser tells the same, and each event at the earliest read.

    Args:
        dialect: The dialect's name.
        body: The bytes of a response.
        reads: A cutting of the body, beside those that are always tried: whole, byte by byte, and event by
            event.
        malformed: `raise`, `skip`, or `call` for a function.
        options: Further options of the parser.
    """
    exact = push(dialect, in_reads_of(body, 1), malformed, **options)
    for cutting in _cuttings(body, reads):
        found = push(dialect, cutting, malformed, **options)
        if exact.errors:
            # What came behind an error was in the same read, or nobody has read it.
            _same(_without_late(exact), _without_late(found), cutting)
        else:
            _same(exact, found, cutting)


def check_timeliness(
    dialect: DialectName, body: bytes, reads: Sequence[bytes], malformed: str = "skip"
) -> None:
    """With each read come the events that its bytes complete, and no later."""
    counts = [0]
    parser = DIALECTS[dialect].parser(malformed=Reader(malformed).options["malformed"])
    try:
        for byte in in_reads_of(body, 1):
            counts.append(counts[-1] + len(parser.feed(byte)))
    except SSEWireError:
        pass
    parser = DIALECTS[dialect].parser(malformed=Reader(malformed).options["malformed"])
    taken = seen = 0
    try:
        for read in reads:
            seen += len(parser.feed(read))
            taken += len(read)
            assert seen == counts[min(taken, len(counts) - 1)], f"{seen} events after {taken} bytes"
    except SSEWireError:
        pass


def check_streams(
    dialect: DialectName, body: bytes, reads: Sequence[bytes] = (), malformed: str = "raise", **options: Any
) -> None:
    """A parser, a stream and an async stream tell the same, however the body is cut into reads.

    A stream does not read on behind the end, so what came late is left out of the comparison.
    """
    pushed = _told_by_all(push(dialect, [body], malformed, **options))
    for cutting in (in_reads_of(body, 1), *_cuttings(body, reads)):
        for way in (pull, pull_async):
            _same(pushed, _told_by_all(way(dialect, cutting, malformed, **options)), cutting)


def _cuttings(body: bytes, reads: Sequence[bytes]) -> list[Sequence[bytes]]:
    """A body whole, event by event, and as it was asked for."""
    return [[body], event_by_event(body), reads] if reads else [[body], event_by_event(body)]


def _without_late(account: Account) -> Account:
    """An account without the diagnostics of what came behind the end."""
    return account._replace(diagnostics=[each for each in account.diagnostics if each[0] != "late_event"])


def _told_by_all(account: Account) -> Account:
    """What parsers and streams tell alike: a parser's `close` gives no data with its events."""
    return _without_late(account)._replace(events=[(event, None) for event, _ in account.events])


def _same(expected: Account, found: Account, reads: Sequence[bytes]) -> None:
    for name, before, now in zip(Account._fields, expected, found, strict=True):
        assert before == now, f"{name} differ in {len(reads)} reads:\n{before}\n{now}\n{list(reads)!r}"
