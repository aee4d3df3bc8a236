"""A body or a case goes in; where ssewire breaks a promise, an `AssertionError` that says which comes out.

Each law is a plain function, so that a property test, a fuzz target and a test of one body can call it.
"""

from __future__ import annotations

import re
import tracemalloc
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ssewire._dialects import DIALECTS, ResponsesParser, ResponsesStream
from ssewire._merge import REPLACEMENT, without_halves
from ssewire._wire.encoder import encode_event
from ssewire._wire.tokenizer import ServerSentEvent, Tokenizer
from ssewire.errors import (
    EventDecodeError,
    EventTooLargeError,
    NotAnEventStreamError,
    ProviderError,
    SSEWireError,
)
from ssewire.events import DONE, DiagnosticLog, Verdict
from ssewire.parts import PartEnd, PartStart, TextPart
from ssewire.responses.events import OutputItemDone
from ssewire.responses.reducer import ResponsesState
from ssewire.testing.accounts import (
    Account,
    pull,
    pull_async,
    pull_parts,
    pull_parts_async,
    push,
    push_parts,
    shown,
    shown_error,
)
from ssewire.testing.cutting import event_by_event, in_reads_of
from ssewire.testing.writer import BOM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ssewire._dialects import DialectName
    from ssewire._parser import Parser
    from ssewire.testing.cases import StreamCase, WireCase


def require(kept: bool, broken: str) -> None:
    """Raise an `AssertionError` that says what is broken, unless the promise is kept."""
    if not kept:
        raise AssertionError(broken)


# -- the wire --------------------------------------------------------------------------------------------


def check_tokenizer(case: WireCase, reads: Sequence[bytes]) -> None:
    """A tokenizer makes of a stream what it means, in any reads."""
    comments: list[bytes] = []
    unknown_fields: list[tuple[bytes, bytes]] = []
    tokenizer = Tokenizer(
        on_comment=comments.append, on_unknown_field=lambda name, value: unknown_fields.append((name, value))
    )
    events = [event for read in reads for event in tokenizer.feed(read)]
    require(events == case.events, f"{events} are not {case.events}")
    facts = (tokenizer.last_event_id, tokenizer.retry, comments, unknown_fields, tokenizer.position)
    meant = (case.last_event_id, case.retry, case.comments, case.unknown_fields, len(case.body))
    require(facts == meant, f"{facts} are not {meant}")
    rest = tokenizer.close(flush=True)
    require(rest == ([] if case.unfinished is None else [case.unfinished]), f"{rest} is left at the end")


def check_encoding(event: ServerSentEvent) -> None:
    """A fresh tokenizer that is fed an encoded event returns it, with CR and CRLF of its data as LF."""
    encoded = encode_event(event)
    data = event.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    wanted = ServerSentEvent(data, event.event, event.id)
    for reads in ([encoded], in_reads_of(encoded, 1)):
        tokenizer = Tokenizer()
        found = [each for read in reads for each in tokenizer.feed(read)]
        require(found == [wanted], f"{wanted} comes back as {found}")


def check_limit(event: ServerSentEvent) -> None:
    """An event of exactly the limit passes; of one byte more it is refused, at that byte, in any reads."""
    encoded = encode_event(event)
    (found,) = Tokenizer(max_event_size=None).feed(encoded)
    size = len(found.data) + len(event.id.encode())
    size += len(event.event.encode()) if event.event != "message" else 0
    if not size:
        return
    for reads in ([encoded], in_reads_of(encoded, 1), in_reads_of(encoded, 7)):
        require(_refusal(reads, size) is None, f"{size} bytes are refused by a limit of as many")
        refusal = _refusal(reads, size - 1)
        require(refusal is not None, f"{size} bytes are not refused by a limit of one less")
        expected = (size - 1, size, _last_counted(encoded))
        require(refusal == expected, f"refused with {refusal} instead of {expected}")


def _last_counted(encoded: bytes) -> int:
    """The offset of the last byte that counts: the last of a value, or the colon that joins an empty line."""
    before, _, last = encoded.removesuffix(b"\n\n").rpartition(b"\n")
    if last != b"data: ":
        return len(encoded) - len(b"\n\n") - 1
    name = before.rpartition(b"\n")[2].partition(b":")[0]
    return len(before) + len(b"\ndata") if name == b"data" else len(before) - 1


def _refusal(reads: Iterable[bytes], limit: int) -> tuple[int, int, int] | None:
    tokenizer = Tokenizer(max_event_size=limit)
    try:
        for read in reads:
            tokenizer.feed(read)
        tokenizer.feed(b"")
    except EventTooLargeError as error:
        return error.limit, error.seen, error.position
    return None


HELD_FACTOR: Final = 3
"""How many times the limit is held: the event, what is handed out, and the reserve of a `bytearray`."""
HELD_BESIDE_BYTES: Final = 256 * 2**10
"""What is held beside the event: what a callback gets, the read at hand, and Python's own."""


def check_memory(reads: Iterable[bytes], limit: int, largest_read: int) -> None:
    """However much comes, a parser holds no more than a small multiple of the limit and of one read.

    Args:
        reads: The reads of a chat stream, made while they are fed.
        limit: `max_event_size`, in bytes.
        largest_read: The size of the largest read, in bytes.
    """
    parser = DIALECTS["chat"].parser(max_event_size=limit, malformed="skip")
    tracemalloc.start()
    try:
        for read in reads:
            parser.feed(read)
    except SSEWireError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    allowed = HELD_FACTOR * (limit + largest_read) + HELD_BESIDE_BYTES
    require(peak <= allowed, f"{peak} bytes were held, which is more than {allowed}")


# -- reading ---------------------------------------------------------------------------------------------


def check_cutting(
    dialect: DialectName, body: bytes, reads: Sequence[bytes] = (), malformed: str = "raise", **options: Any
) -> None:
    """However a body is cut into reads, a parser tells the same.

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
    """With each read come the events that its bytes complete, and no later. As `check_cutting`."""
    counts = [0]
    for count, _ in _counted(dialect, in_reads_of(body, 1), malformed):
        counts.append(count)
    for count, taken in _counted(dialect, reads, malformed):
        expected = counts[min(taken, len(counts) - 1)]
        require(count == expected, f"{count} events after {taken} bytes, which complete {expected}")


def _counted(dialect: DialectName, reads: Iterable[bytes], malformed: str) -> Iterator[tuple[int, int]]:
    """After each read, how many events there have been, and how many bytes; until an error."""
    parser: Parser[Any, Any] = DIALECTS[dialect].parser(malformed="skip" if malformed == "skip" else "raise")
    count = taken = 0
    for read in reads:
        try:
            count += len(parser.feed(read))
        except SSEWireError:
            return
        taken += len(read)
        yield count, taken


def check_streams(
    dialect: DialectName, body: bytes, reads: Sequence[bytes] = (), malformed: str = "raise", **options: Any
) -> None:
    """A parser, a stream and an async stream tell the same, in any reads. As `check_cutting`.

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
        if before != now:  # to say it for each comparison would take a third of the time
            raise AssertionError(f"{name} differ in {len(reads)} reads:\n{before}\n{now}\n{list(reads)!r}")


def check_steps(dialect: DialectName, body: bytes) -> None:
    """Tokenizer, decoder and reducer, used one after the other, tell what the parser tells in one go.

    A parser has fast ways for what most servers send; the three by hand have none.
    """
    lifted: list[bytes] = []
    tokenizer = Tokenizer(on_unknown_field=lambda name, _: lifted.append(name))
    wire = [*tokenizer.feed(body), *tokenizer.close(flush=True)]
    if b"error" in lifted:
        return  # the parser lifts such a line to an event, which nobody does by hand
    row = DIALECTS[dialect].dialect
    decoder, reducer = row.decoder_of(), row.reducer(DiagnosticLog())
    decoded: list[Any] = []
    for each in wire:
        try:
            event = decoder.decode(each)
        except EventDecodeError:
            continue
        if event is not None and event is not DONE:
            decoded.append(event)
    for cutting in (event_by_event(body), [body]):
        account = push(dialect, cutting, "skip")
        count = len(account.events)
        by_hand = [shown(event) for event in decoded[:count]]
        require(by_hand == [event for event, _ in account.events], f"events differ:\n{by_hand}\n{account}")
    for event in decoded[:count]:
        reducer.apply(event)
    try:
        snapshot = shown(reducer.snapshot())
    except EventDecodeError:
        return  # a response that nobody had looked at
    require(snapshot == account.snapshot, f"snapshots differ:\n{snapshot}\n{account.snapshot}")


def check_parts(
    dialect: DialectName, body: bytes, reads: Sequence[bytes] = (), *, adds_up: bool = False
) -> None:
    """Whoever reads a body, and in any reads, is told the same of its parts.

    A part begins once, grows while it is open, and ends once, at the latest with the stream; nothing that is
    told holds half a character.

    Args:
        dialect: The dialect's name.
        body: The bytes of a response.
        reads: A cutting of the body, as for `check_cutting`.
        adds_up: The texts of the parts are to be the text of the answer, as they are unless events write
            into items of another type. A server that takes back what it has streamed is not asked.
    """
    told, text = push_parts(dialect, [body])
    states: dict[int, str] = {}
    for event in told:
        open_before = states.get(event.index)
        require(open_before == (None if isinstance(event, PartStart) else "open"), f"{event} is out of order")
        states[event.index] = "ended" if isinstance(event, PartEnd) else "open"
    require(set(states.values()) <= {"ended"}, f"parts have not ended: {states}")
    require(without_halves(told) == told, f"half a character is told: {told}")
    parts = [event.part for event in told if isinstance(event, PartEnd) and event.part.choice == 0]
    written = "".join(part.text for part in parts if isinstance(part, TextPart))
    require(not adds_up or text in (None, written), f"the text is {text!r}, that of the parts {written!r}")
    for cutting in _cuttings(body, reads):
        for way in (push_parts, pull_parts, pull_parts_async):
            found = way(dialect, cutting)[0]
            require(shown(found) == shown(told), f"of parts is told\n{found}\ninstead of\n{told}")


_POLICIES: Final[tuple[Literal["raise", "skip"], ...]] = ("raise", "skip")


def check_errors(dialect: DialectName, body: bytes, reads: Sequence[bytes] = ()) -> None:
    """Whatever comes, nothing is raised but what is documented, and a parser that has raised is closed."""
    for cutting in _cuttings(body, reads):
        for malformed in _POLICIES:
            parser: Parser[Any, Any] = DIALECTS[dialect].parser(malformed=malformed)
            try:
                for read in cutting:
                    parser.feed(read)
                    _look_around(parser)
                parser.close()
                parser.close()
            except SSEWireError as error:
                _require_copies(error)
                _require_closed(parser)
            _look_around(parser)


def _look_around(parser: Any) -> None:
    """Everything that one may ask at any time."""
    looks = ["snapshot", "result", "usage", "model", "created", "diagnostics"]
    for name in [*looks, "assembled", "compare"] if isinstance(parser, ResponsesParser) else looks:
        try:
            value = getattr(parser, name)
            if callable(value):
                value()
        except SSEWireError as error:
            _require_copies(error)
        except RuntimeError:
            require(name == "result" and parser.verdict is Verdict.OPEN, f"{name} raised before the end")


def _require_copies(error: SSEWireError) -> None:
    """An error is copied as it is pickled."""
    copied = deepcopy(error)
    same = type(copied) is type(error) and str(copied) == str(error)
    same = same and shown(copied.snapshot) == shown(error.snapshot)
    require(same, f"{error!r} is copied as {copied!r}")


def _require_closed(parser: Any) -> None:
    try:
        parser.feed(b"data: {}\n\n")
    except RuntimeError:
        return
    raise AssertionError("a parser that has raised takes more bytes")


# -- folding ---------------------------------------------------------------------------------------------


def check_snapshots(dialect: DialectName, body: bytes) -> None:
    """No later event alters a snapshot that was handed out, and a second look sees the same."""
    parser: Parser[Any, Any] = DIALECTS[dialect].parser(malformed="skip")
    held: list[tuple[Any, str]] = []
    try:
        for read in event_by_event(body):
            parser.feed(read)
            snapshot = parser.snapshot()
            again = shown(parser.snapshot())
            require(again == shown(snapshot), f"it differs at a second look:\n{snapshot}\n{again}")
            held.append((snapshot, shown(snapshot)))
    except SSEWireError:
        pass
    for snapshot, before in held:
        require(shown(snapshot) == before, f"a snapshot was altered:\n{before}\n{snapshot}")


def check_folding(dialect: DialectName, body: bytes) -> None:
    """Folding leaves the events as they are, and the same events fold to the same again, look or no look."""
    parser: Parser[Any, Any] = DIALECTS[dialect].parser(malformed="skip")
    events = parser.feed(body)
    before = [shown(event) for event in events]
    row = DIALECTS[dialect].dialect
    looked, blind = row.reducer(DiagnosticLog()), row.reducer(DiagnosticLog())
    try:
        for event in events:
            looked.apply(event)
            looked.snapshot()
            blind.apply(event)
        snapshots = [shown(looked.snapshot()), shown(blind.snapshot())]
    except EventDecodeError:
        return  # the response inside an event does not decode
    require([shown(event) for event in events] == before, "folding has changed an event")
    require(snapshots[0] == snapshots[1], f"a look has changed the fold:\n{snapshots[0]}\n{snapshots[1]}")


def check_state(body: bytes, stop: int, again: int = 0) -> None:
    """A Responses stream that is saved in the middle and gone on with adds up to what it adds up to whole.

    Args:
        body: The bytes of a response whose events are numbered.
        stop: How many reads, of an event each, come before the state is saved.
        again: How many of those reads come once more, as a server repeats events on resuming.
    """
    reads = event_by_event(body)
    whole, first = ResponsesParser(malformed="skip"), ResponsesParser(malformed="skip")
    if _feed(whole, reads[:stop]) or _feed(first, reads[:stop]):
        return  # nobody goes on behind an error
    saved = msgspec.json.encode(first.state())
    second = ResponsesParser(malformed="skip", state=msgspec.json.decode(saved, type=ResponsesState))
    require(shown(second.snapshot()) == shown(first.snapshot()), "the state is not what was saved")
    require(second.verdict is first.verdict, f"what was saved as {first.verdict} is {second.verdict}")
    if first.verdict is Verdict.FAILED:
        return
    require(_feed(second, reads[max(stop - again, 0) : stop]) is None, "what is repeated raises")
    for read in [b"", *reads[stop:]]:
        errors = [shown(_feed(parser, [read])) for parser in (second, whole)]
        require(errors[0] == errors[1], f"gone on with, it raises {errors[0]} instead of {errors[1]}")
        if whole.verdict is Verdict.FAILED:
            return
        folds = [shown(parser.snapshot()) for parser in (second, whole)]
        require(folds[0] == folds[1], f"gone on with, it adds up to another:\n{folds[0]}\n{folds[1]}")


def check_resuming(body: bytes, cuts: Sequence[int], again: int = 0, *, clean: bool = False) -> None:
    """A Responses stream that breaks and is resumed tells what it tells whole: events, parts, final object.

    Args:
        body: The bytes of a response that does not fail, whose events are numbered.
        cuts: How many bytes each connection gives before it breaks; the one after the last gives the rest.
            The first connection gives at least the first event, without which nothing can be resumed.
        again: How many events that the reader has seen a connection sends once more.
        clean: The connections end there, instead of breaking.
    """
    reads = event_by_event(body)
    numbers = [_number_in(read) for read in reads]
    first = next((at for at, number in enumerate(numbers) if number is not None), len(reads))
    least = sum(map(len, reads[: first + 1]))

    def connection(rest: bytes, size: int | None) -> Iterator[bytes]:
        yield rest[:size]
        if size is not None and not clean:
            raise ConnectionError("reset")

    for told_by in (iter, ResponsesStream.parts):
        sizes = iter([max(least, cuts[0]), *cuts[1:]] if cuts else ())

        def connect(after: int, sizes: Iterator[int] = sizes) -> Iterator[bytes]:
            next_one = next((at for at, number in enumerate(numbers) if (number or 0) > after), len(reads))
            return connection(b"".join(reads[max(next_one - again, 0) :]), next(sizes, None))

        stream = ResponsesStream(connection(body, next(sizes, None)), malformed="skip")
        found = _read_whole(stream.resume(connect, attempts=len(cuts) + 1), told_by)
        whole = _read_whole(ResponsesStream(body, malformed="skip"), told_by)
        for before, now in zip(whole, found, strict=True):
            require(before == now, f"cut at {cuts} and resumed, it tells\n{now}\ninstead of\n{before}")


def _number_in(event: bytes) -> int | None:
    """The sequence number in the bytes of an event."""
    found = re.search(rb'"sequence_number":\s*(\d+)', event)
    return None if found is None else int(found[1])


def _read_whole(
    stream: ResponsesStream, told_by: Callable[[ResponsesStream], Iterator[Any]]
) -> tuple[list[str], list[str], str, str]:
    """What a stream tells, what it raises, what it adds up to, and its verdict."""
    told: list[str] = []
    errors: list[str] = []
    snapshot = ""
    with stream:
        try:
            told.extend(map(shown, told_by(stream)))
        except SSEWireError as error:
            errors.append(shown_error(error))
        with suppress(EventDecodeError):  # a response that nobody had looked at
            snapshot = shown(stream.snapshot())
        return told, errors, snapshot, stream.verdict


def _feed(parser: Parser[Any, Any], reads: Iterable[bytes]) -> SSEWireError | None:
    """Feed all reads; returns what is raised on the way."""
    try:
        for read in reads:
            parser.feed(read)
    except SSEWireError as error:
        return error
    return None


# -- meaning ---------------------------------------------------------------------------------------------


def check_answer(case: StreamCase, reads: Sequence[bytes] = ()) -> None:
    """A stream gives back what was drawn and then streamed: events, final object, verdict, error.

    Args:
        case: A case that says what it means.
        reads: A cutting of its body; whole by default.
    """
    parser: Parser[Any, Any] = DIALECTS[case.dialect].parser(malformed="skip")
    payloads: list[bytes] = []
    error: SSEWireError | None = None
    at_the_end = 0
    try:
        for read in reads or [case.body]:
            payloads += [raw for _, raw in parser.feed_raw(read)]
        at_the_end = len(parser.close())
        parser.close()
    except SSEWireError as caught:
        error = caught
    require(parser.verdict is case.verdict, f"{parser.verdict} instead of {case.verdict}: {error!r}")
    if case.payloads is not None:
        count = len(payloads) + at_the_end
        expected = case.payloads[: len(payloads)]
        require(payloads == expected, f"events of\n{payloads}\ninstead of\n{expected}")
        require(count == len(case.payloads), f"{count} events instead of {len(case.payloads)}")
    told = error.message if isinstance(error, ProviderError) else None
    require(told == case.error, f"the error {error!r} instead of {case.error!r}")
    malformed = sum(each.count for each in parser.diagnostics if each.kind == "malformed")
    require(malformed == case.malformed, f"{malformed} malformed events instead of {case.malformed}")
    if case.final is not None:
        final = msgspec.to_builtins(parser.result())
        require(final == case.final, f"the final object\n{final}\ninstead of\n{case.final}")
    elif case.answer is not None:
        _require_beginnings(msgspec.to_builtins(parser.snapshot()), case.answer)


_NOT_GROWING: Final = ("status", "id", "annotations")
"""What is replaced on the way, or need not come in order."""


def _require_beginnings(part: Any, whole: Any) -> None:
    """Each text of a snapshot is the beginning of the answer's, where the answer has it."""
    if isinstance(part, dict) and isinstance(whole, dict):
        for name in part.keys() & whole.keys():
            if name not in _NOT_GROWING:
                _require_beginnings(part[name], whole[name])
    elif isinstance(part, list) and isinstance(whole, list):
        by_index = {each.get("index"): each for each in whole if isinstance(each, dict)}
        for at, each in enumerate(part):
            same = by_index.get(each.get("index")) if isinstance(each, dict) and "index" in each else None
            if same is not None or at < len(whole):
                _require_beginnings(each, whole[at] if same is None else same)
    elif isinstance(part, str) and isinstance(whole, str):
        # Half a character may still have been waiting for its other half.
        kept = whole.startswith((part, part.removesuffix(REPLACEMENT)))
        require(kept, f"{part!r} does not begin {whole!r}")


def check_prefix(case: StreamCase, end: int) -> None:
    """A stream that ends early is not called complete, and its texts are beginnings of the whole ones.

    Args:
        case: A case that says what it means, and is complete.
        end: How many of its bytes come.
    """
    for broken in (False, True):
        parser: Parser[Any, Any] = DIALECTS[case.dialect].parser(malformed="skip")
        count = len(parser.feed(case.body[:end]))
        with suppress(NotAnEventStreamError):  # there is no event yet
            count += len(parser.close(broken=broken))
        good = parser.verdict in (Verdict.COMPLETE, Verdict.NO_FINISH)
        if good and case.payloads is not None:
            require(
                count == len(case.payloads), f"{parser.verdict} after {count} of {len(case.payloads)} events"
            )
        if broken and not good:
            require(parser.verdict is Verdict.TRUNCATED, f"a broken stream is {parser.verdict}")
        _require_beginnings(msgspec.to_builtins(parser.snapshot()), case.answer)


def check_deltas(case: StreamCase) -> None:
    """In a Responses stream what an item's deltas add up to is what its done event says."""
    parser = ResponsesParser(malformed="skip")
    for read in event_by_event(case.body):
        before = {item["id"]: item for item in map(_texts_of, parser.snapshot().output)}
        for event in parser.feed(read):
            if isinstance(event, OutputItemDone) and event.item is not None:
                done = _texts_of(event.item)
                folded = before.get(done["id"], done)
                require(folded == done, f"the deltas add up to\n{folded}\ninstead of\n{done}")


def _texts_of(item: Any) -> dict[str, Any]:
    """What of an item comes in deltas, and its id."""
    fields: dict[str, Any] = msgspec.to_builtins(item)
    names = ("id", "content", "summary", "arguments", "input", "code")
    return {name: fields.get(name) or None for name in names}


_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


def check_noise(
    case: StreamCase, places: Sequence[int], line_end: bytes, comment: bytes = b": noise"
) -> None:
    """Comments between its lines and other line ends change nothing of what a stream tells.

    Args:
        case: A case of which events come.
        places: The numbers of the lines behind which a comment is put.
        line_end: What ends each line: CR, LF or CR LF.
        comment: The comment.
    """
    # JSON holds no raw line end in a text, so each one here ends a line of the stream.
    head = BOM if case.body.startswith(BOM) else b""
    lines = _LINE_END.split(case.body.removeprefix(BOM))
    for place in sorted(places, reverse=True):
        if place < len(lines):
            lines.insert(place, comment)
    noisy = head + line_end.join(lines)
    plain, found = push(case.dialect, [case.body], "skip"), push(case.dialect, [noisy], "skip")
    _same(plain, found, [noisy])
