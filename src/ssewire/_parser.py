"""Bytes go in, typed events come out, and in the end the final object or the error: the push object."""

from __future__ import annotations

import sys
from collections import deque
from operator import length_hint
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, TypeVar

import msgspec

from ssewire._dialect import NoRun, payload_or_text, provider_error
from ssewire._json import STRICT_ERRORS
from ssewire._wire.tokenizer import DEFAULT_MAX_EVENT_BYTES, ServerSentEvent, Tokenizer
from ssewire.errors import (
    EmptyStreamError,
    EventDecodeError,
    EventTooLargeError,
    NotAnEventStreamError,
    SSEWireError,
    StreamTruncatedError,
)
from ssewire.events import DONE, Diagnostic, DiagnosticLog, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ssewire._dialect import Dialect, Reducer, Run
    from ssewire._timing import Stopwatch
    from ssewire.events import EndMark
    from ssewire.message import Message

    Malformed = Literal["raise", "skip"] | Callable[[bytes, EventDecodeError], object]

E = TypeVar("E")
S = TypeVar("S")

CR: Final = 0x0D

MAX_HEAD_BYTES: Final = 64 * 2**10
"""How much of a body without events is kept, to tell what it was."""
BLOCK_BYTES: Final = 64 * 2**10
"""How much of a read is tokenized at a time; more at once falls out of the processor's cache."""
BATCH_EVENTS: Final = 32
"""How many events are decoded ahead, and how many are folded late, at most; more gain nothing."""

GOOD_VERDICTS: Final = frozenset({Verdict.COMPLETE, Verdict.NO_DONE, Verdict.NO_FINISH})
"""The verdicts with which `result()` returns, unless it is strict."""


class _Tail(msgspec.Struct, frozen=True):
    """An event that the end of the body completed."""

    event: ServerSentEvent


class _End(msgspec.Struct, frozen=True):
    """The end of the body."""

    broken: bool
    cause: SSEWireError | None


_Last = EventTooLargeError | _Tail | _End

FIELDS: Final = (b"data", b"event", b"id", b"retry")
"""The fields of an event stream. A body that is cut may end in the beginning of one."""


class _UnknownFields:
    """Sees the fields that the standard ignores. Apart from the parser, so that no cycle keeps that alive.

    Args:
        queue: Where events go.
    """

    def __init__(self, queue: list[ServerSentEvent]) -> None:
        self.foreign = False
        """Lines came that no event stream has."""
        self._queue = queue

    def take(self, name: bytes, value: bytes) -> None:
        """Lift the error that older llama.cpp servers send as a field; remember that there are others."""
        if name == b"error":
            self._queue.append(ServerSentEvent(value, "error"))
        elif value or not any(field.startswith(name) for field in FIELDS):
            self.foreign = True


class Parser(Generic[E, S]):
    """Turns the bytes of one stream into its typed events, its final object and its verdict.

    However the bytes are cut into reads, the same events come out, each at the earliest read. What is wrong
    is raised by the call after the one that returned the events before it; with none to return, at once.
    An error that the provider sends is handed out as an event first. Single-owner.
    """

    dialect: ClassVar[Dialect[Any, Any]]

    def __init__(
        self,
        *,
        type: type[E] | None = None,
        max_event_size: int | None = DEFAULT_MAX_EVENT_BYTES,
        malformed: Malformed = "raise",
        strict: bool = False,
    ) -> None:
        """Expect a stream.

        Args:
            type: The event type to decode into: the dialect's own, or a subclass with more fields.
            max_event_size: The largest event in bytes; None for no limit.
            malformed: What to do with an event that does not decode: `"raise"` an `EventDecodeError`,
                `"skip"` it, or call a function with its data and the error. Skipped ones are counted in
                `diagnostics`. A terminal event of the Responses API of which only the response does not
                decode counts as one when that is looked at: then what was streamed stands for it.
            strict: Let `result()` return for a complete stream only.

        Raises:
            ValueError: `malformed` or `max_event_size` is none that there is.
            TypeError: `type` is no subclass of the dialect's own.
        """
        if malformed not in ("raise", "skip") and not callable(malformed):
            raise ValueError(f"malformed is 'raise', 'skip' or a function, not {malformed!r}")
        self.verdict = Verdict.OPEN
        """How the stream ended, or that it is still running."""
        self.status: int | None = None
        """The HTTP status that the body came with, if known; for the errors to tell."""
        self.headers: Mapping[str, str] | None = None
        """The headers that the body came with, if known."""
        self.stopwatch: Stopwatch | None = None
        """Is told when reads brought tokens, if there is a clock."""
        self.ready: Iterator[E] = iter(())
        """Events that were decoded ahead: to be handed out before the next step."""
        self.plain = False
        """The next read may take the fast way: it begins an event, and nothing is left from before."""

        decoder = self.dialect.decoder_of(type)
        self._decode = decoder.read
        self._decode_strictly = decoder.strict
        self._error_of = self.dialect.error_of
        self._ends = self.dialect.ends
        self._malformed = malformed
        self._log = DiagnosticLog()
        self._reducer = self._new_reducer()
        make_run = self.dialect.run if type is None else NoRun
        self._run: Run[E] = make_run(self._reducer, decoder.strict)
        self._came_before: Callable[[E], bool] | None = None  # tells what a resumed body repeats
        self._strict = strict
        self._max_event_size = max_event_size
        self._blocks: deque[memoryview] = deque()  # taken, to be tokenized
        self._queue: list[ServerSentEvent] = []  # tokenized, to be pulled
        self._pulled = 0  # so many of the queue have been
        self._last: deque[_Last] = deque()  # what comes behind the queue
        self._raw = b""  # the data of the event that was handed out last
        self._read = b""  # or else the read that it had alone
        self._decoded: E | None = None  # the next of the queue, which ended a run
        self._ahead: list[bytes] = []  # the data of the events that were decoded ahead
        self._stamps: list[float] = []  # when the reads came of the events that are to be folded
        self._unknown_fields = _UnknownFields(self._queue)
        self._tokenizer = Tokenizer(max_event_size=max_event_size, on_unknown_field=self._unknown_fields.take)
        self._max_plain_size = sys.maxsize if max_event_size is None else max_event_size
        self._closed = False  # takes no more bytes
        self._deaf = False  # an event was too large: what follows it is not looked at
        self._failure: SSEWireError | None = None  # what went wrong; `result()` raises it
        self._raise_next = False  # the failure is yet to be raised by a step
        self._waiting = False  # the failure may be explained by the next event
        self._seen = False  # an event came that was more than a heartbeat
        self._cut = False  # the body ended inside an event
        self._head = bytearray()  # the start of the body, while no event has come
        self._first = b""  # the data of the first event that was more than a heartbeat
        self._first_ordinal = 0  # its number

    # -- steps -------------------------------------------------------------------------------------------

    def feed(self, data: bytes | bytearray | memoryview) -> list[E]:
        """Take the next bytes of the body and return the typed events they complete.

        Args:
            data: The next bytes as received; may be empty.

        Raises:
            ProviderError: The provider sent an error; the event that carried it has been returned.
            EventDecodeError: An event is malformed, unless the policy says otherwise.
            EventTooLargeError: An event outgrew the limit.
            RuntimeError: The parser was closed, or has raised.
        """
        self._check()
        self.push(data)
        return self._pull_all()

    def feed_raw(self, data: bytes | bytearray | memoryview) -> list[tuple[E, bytes]]:
        """Like `feed`, with the data of each event beside it."""
        self._check()
        self.push(data)
        raws: list[bytes] = []
        return list(zip(self._pull_all(raws), raws, strict=True))

    def close(self, *, broken: bool = False) -> list[E]:
        """End the stream and settle the verdict.

        The event that a clean end leaves without its blank line is taken when it decodes. Closing again does
        nothing.

        Args:
            broken: The transport failed: the end of the bytes is not the end of the stream.

        Raises:
            ProviderError: As `feed`; also for a body that is JSON with an `error` instead of a stream.
            NotAnEventStreamError: The body is no event stream.
            EventTooLargeError: As `feed`.
        """
        self._check()
        self.push_end(broken=broken)
        return self._pull_all()

    def _pull_all(self, raws: list[bytes] | None = None) -> list[E]:
        """Pull what there is; what goes wrong behind an event is left for the next step.

        Args:
            raws: Takes the data of the events.
        """
        found: list[E] = []
        while True:
            try:
                event = self.pull()
            except SSEWireError:
                if not found:
                    raise
                self._raise_next = True
                return found
            if event is None:
                return found
            found.append(event)
            if raws is not None:
                raws += self._ahead or (self._raw,)
            found += self.ready

    # -- half steps, for a stream that hands out event by event ------------------------------------------

    def push(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes, and decode nothing yet."""
        if self._closed:
            raise RuntimeError("the parser is closed")
        if self._deaf:
            return
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"a stream is read in bytes, not in {type(data).__name__}")
        if not self._seen and len(self._head) < MAX_HEAD_BYTES:
            self._head += bytes(data[: MAX_HEAD_BYTES - len(self._head)])
        if len(data) <= BLOCK_BYTES:
            self._tokenize(data)
        else:
            view = memoryview(bytes(data))
            self._blocks.extend(view[at : at + BLOCK_BYTES] for at in range(0, len(view), BLOCK_BYTES))
        if self.verdict is not Verdict.OPEN:
            self._drop_late()

    def push_end(self, *, broken: bool = False, cause: SSEWireError | None = None) -> None:
        """The body ends here; what it left unfinished is an event if the end is clean and it decodes.

        Args:
            broken: The transport failed.
            cause: What to raise for that, unless the end of the stream was told before.
        """
        if self._closed:
            return
        self._closed = True
        self.plain = False
        if not broken and not self._deaf:
            tokenized = len(self._queue)
            try:
                tails = self._tokenizer.close(flush=True)
            except EventTooLargeError as error:
                self._last.append(error)
            else:
                # What the flush gave beside the last event: a field that tells of an error.
                tails[:0] = self._queue[tokenized:]
                del self._queue[tokenized:]
                self._last.extend(map(_Tail, tails))
        self._last.append(_End(broken, cause))
        if self.verdict is not Verdict.OPEN:
            self._drop_late()

    def pull(self) -> E | None:
        """The next event; None when it has not come, or none will. Raises like `feed`."""
        self.fold()
        self._check()
        while self._refill():
            event = self._take_queued()
            if event is not None:
                return event
            self._check()
        while self._last:
            item = self._last.popleft()
            if isinstance(item, _Tail):
                event = self._take_tail(item.event)
                if event is not None:
                    return event
            elif isinstance(item, _End):
                self._settle(broken=item.broken, cause=item.cause)
            elif self._waiting:
                self._settle()
            else:
                self._fail(item, Verdict.CLOSED)
            self._check()
        self.plain = (
            self.verdict is Verdict.OPEN
            and self._seen
            and not self._waiting
            and not self._closed
            and self._tokenizer.fresh
        )
        return None

    def abandon(self) -> None:
        """The caller stops here: what has not ended yet is `closed`."""
        self.fold()
        self.ready = iter(())
        self._run.pieces.clear()
        self._shut()
        if self._waiting:
            self._settle()
        elif self.verdict is Verdict.OPEN:
            self.verdict = Verdict.CLOSED

    def _reopen(self) -> None:
        """Take another body, which goes on where the one before was cut; of that, nothing is left."""
        self._shut()
        self._unknown_fields = _UnknownFields(self._queue)
        self._tokenizer = Tokenizer(
            max_event_size=self._max_event_size, on_unknown_field=self._unknown_fields.take
        )
        self._run = self.dialect.run(self._reducer, self._decode_strictly)
        self._decoded = self._failure = None
        self._ahead.clear()
        self._closed = self._deaf = self._cut = self._seen = self._raise_next = False
        self._head.clear()
        self.verdict = Verdict.OPEN

    def _tokenize(self, data: bytes | bytearray | memoryview) -> None:
        """Cut into events; what follows an event that is too large is not looked at."""
        try:
            self._tokenizer.feed_into(data, self._queue)
            self._tokenizer.check()
        except EventTooLargeError as error:
            self._last.append(error)
            self._deaf = True
            self._blocks.clear()

    def _refill(self) -> bool:
        """See that something is in the queue, if something is left."""
        while self._pulled == len(self._queue):
            self._clear_queue()
            if not self._blocks:
                return False
            self._tokenize(self._blocks.popleft())
        return True

    def _clear_queue(self) -> None:
        self._queue.clear()
        self._pulled = 0

    def _shut(self) -> None:
        """Take nothing more, and forget what is left."""
        self._closed = True
        self.plain = False
        self._blocks.clear()
        self._clear_queue()
        self._last.clear()

    def _check(self) -> None:
        """Raise what went wrong behind the last event, once."""
        if self._raise_next and self._failure is not None:
            self._raise_next = False
            self._shut()
            raise self._told(self._failure)

    # -- the fast way ------------------------------------------------------------------------------------

    def take(self, data: Any, now: float) -> E | None:
        """`push` what was read at that time, then `pull`: for a stream that is read event by event."""
        # A live stream has an event a read: most continue a run, and most of the others are one plain event.
        # Neither needs the queue, which costs as much as all the rest (docs/performance.md).
        if self.plain and type(data) is bytes:
            event = self._run.take_read(data) if len(data) <= self._max_plain_size else None
            if event is not None:
                self._tokenizer.position += len(data)
                self._read = data
            else:
                data = self._tokenizer.skip_comments(data)
                if not data:
                    self._note_read(now)
                    return None
                wire = self._tokenizer.take_plain(data)
                if wire is not None:
                    event = self._run.take(wire)
                    if event is None:
                        self._note_read(now)
                        event = self._take(wire, self._run.decoded)
                        if event is None:
                            self._check()
                        return event
                    self._raw, self._read = wire.data, b""
            if event is not None:
                self._stamps.append(now)
                if len(self._stamps) == BATCH_EVENTS:
                    self.fold()
                return event
        self.plain = False
        self._note_read(now)
        self.push(data)
        return self.pull()

    def _note_read(self, now: float) -> None:
        """Bytes came at that time."""
        if self._run.pieces:
            self.fold()
        if self.stopwatch is not None:
            self.stopwatch.read(now)

    def _take_queued(self) -> E | None:
        """Take the next event of the queue, and decode ahead what continues a run."""
        events: list[E] = []
        decoded, self._decoded = self._decoded, None
        if decoded is None and not self._waiting:
            take = self._run.take
            for wire in self._queue[self._pulled : self._pulled + BATCH_EVENTS]:
                event = take(wire)
                if event is None:
                    decoded = self._run.decoded
                    break
                events.append(event)
        if events:
            self._decoded = decoded
            self._ahead = [wire.data for wire in self._queue[self._pulled : self._pulled + len(events)]]
            self._pulled += len(events)
            self.ready = iter(events)
            return next(self.ready)
        wire = self._queue[self._pulled]
        self._pulled += 1
        return self._take(wire, decoded)

    def fold(self) -> None:
        """Fold what has been handed out of a run."""
        if not self._run.pieces:
            return
        count = len(self._run.pieces) - length_hint(self.ready)
        if not count:
            return
        pieces = self._run.fold(count)
        self._log.ordinal += count
        if self.stopwatch is not None:
            if self._stamps:
                self.stopwatch.events(self._stamps, pieces)
                self._stamps.clear()
            else:
                self.stopwatch.event(token=any(pieces))
        if not self._run.pieces:
            self._ahead.clear()

    # -- what has arrived --------------------------------------------------------------------------------

    def snapshot(self) -> S:
        """What has arrived so far. What was handed out before is never altered."""
        self.fold()
        snapshot: S = self._reducer.snapshot()
        return snapshot

    def message(self, choice: int = 0) -> Message:
        """What has arrived so far of one choice, as a neutral message."""
        return self.dialect.message(self.snapshot(), choice, self.verdict)

    def result(self) -> S:
        """The final object.

        Raises:
            ProviderError, EventDecodeError, EventTooLargeError, NotAnEventStreamError: As the step that
                found it.
            StreamTruncatedError: The stream was cut, was closed before its end, or, with `strict`, is not
                complete.
            EmptyStreamError: There was no event.
            RuntimeError: The stream has not ended.
        """
        if self._failure is not None and not self._waiting:
            raise self._told(self._failure)
        verdict = self.verdict
        if verdict is Verdict.OPEN:
            raise RuntimeError("the stream has not ended; snapshot() gives what has arrived")
        if verdict is Verdict.COMPLETE or (verdict in GOOD_VERDICTS and not self._strict):
            return self.snapshot()
        if verdict is Verdict.EMPTY:
            raise self._told(EmptyStreamError("the body ended without an event"))
        raise self._told(StreamTruncatedError(_REASONS[verdict]))

    @property
    def usage(self) -> Any:
        """The provider's usage object as last sent, or None."""
        return self._reducer.usage

    @property
    def model(self) -> str | None:
        """The name of the model that answers, or None."""
        return self._reducer.model

    @property
    def created(self) -> float | None:
        """When the answer was created, in seconds since 1970, or None."""
        return self._reducer.created

    @property
    def tokens(self) -> int:
        """How many deltas have brought text, reasoning, a refusal or arguments; they are no tokens."""
        self.fold()
        return self._reducer.tokens

    @property
    def raw(self) -> bytes:
        """The data of the event that was handed out last."""
        if self._ahead:
            return self._ahead[-1 - length_hint(self.ready)]
        return self._read[len(b"data: ") : -len(b"\n\n")] if self._read else self._raw

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was unusual, each thing once with its count."""
        return self._log.entries()

    # -- one event ---------------------------------------------------------------------------------------

    def _new_reducer(self) -> Reducer[E, S]:
        return self.dialect.reducer(self._log)

    def _take(self, wire: ServerSentEvent, decoded: E | None = None) -> E | None:
        """Decode an event, fold it, and see whether it ends the stream.

        Args:
            wire: The event.
            decoded: What the strict way makes of its data, if that is known.
        """
        raw = wire.data
        self._log.ordinal += 1
        event: E | EndMark | None = decoded
        if event is None:
            try:
                event = self._decode_strictly(raw)
            except STRICT_ERRORS:
                try:
                    event, repairs = self._decode(raw, wire.event)
                except EventDecodeError as error:
                    self._seen = True
                    self._refuse(error)
                    return None
                for repair in repairs:
                    self._log.note("repaired", repair)
        if event is None:
            return None
        if not self._seen:
            self._seen = True
            self._first, self._first_ordinal = raw, self._log.ordinal
        if self._came_before is not None and event is not DONE and self._came_before(event):
            return None
        if self._waiting and (event is DONE or not self.dialect.explains(event)):
            self._settle()
        elif event is not DONE:
            tokens = self._reducer.tokens
            try:
                self._reducer.apply(event)
            except RecursionError as refusal:  # the caller's stack had room for decoding it, and no more
                too_deep = EventDecodeError(raw, wire.event)
                too_deep.reason = str(refusal)
                too_deep.__cause__ = refusal
                self._refuse(too_deep)
                return None
            told = self._error_of(event, wire.event, raw)
            if told is not None or self._waiting:
                self._note_error(event, told, raw)
            elif self._ends is not None and self._ends(event):
                self._settle(ended=True)
            self._run.learn(raw, event)
            if self.stopwatch is not None:
                self.stopwatch.event(token=self._reducer.tokens != tokens)
            self._raw, self._read = raw, b""
            return event
        elif self.dialect.ends_with_done:
            self._settle(ended=True)
        return None

    def _take_tail(self, wire: ServerSentEvent) -> E | None:
        """Take the event that came without its blank line, if it is whole."""
        if not self._is_whole(wire):
            self._cut = True
            self._log.ordinal += 1
            self._log.note("cut_event", "the body ends inside an event")
            return None
        event = self._take(wire)
        self._log.note("unterminated", "the last event came without its blank line")
        return event

    def _is_whole(self, wire: ServerSentEvent) -> bool:
        """Whether an event that the end of the body completed is all that was sent."""
        try:
            self._decode(wire.data, wire.event)
        except EventDecodeError:
            return False
        return True

    def _note_error(self, event: E, error: Any, raw: bytes) -> None:
        """An event tells an error, or explains the one before."""
        if self._failure is None:
            self._failure = provider_error(error, raw, self.status)
            self._waiting = self.dialect.awaits_explanation(event)
        else:
            self._waiting = False
        if not self._waiting:
            self._settle()

    def _refuse(self, error: EventDecodeError) -> None:
        """An event is malformed: do as the policy says."""
        error.ordinal = self._log.ordinal
        if self._waiting:
            self._settle()
            return
        if self._malformed == "raise":
            self._fail(error, Verdict.CLOSED)
        else:
            self._skip(error)

    def _skip(self, error: EventDecodeError) -> None:
        """Go on without what is malformed."""
        self._log.note("malformed", error.reason)
        if callable(self._malformed):
            self._malformed(error.raw, error)

    # -- the end -----------------------------------------------------------------------------------------

    def _settle(
        self, *, ended: bool = False, broken: bool = False, cause: SSEWireError | None = None
    ) -> None:
        """Give the verdict: the first that applies.

        Args:
            ended: The end mark came.
            broken: The transport failed.
            cause: What to raise for that.
        """
        finished = self._reducer.finished
        if self._failure is not None:
            self._fail(self._failure, Verdict.FAILED)
        elif ended:
            self.verdict = Verdict.COMPLETE if finished else Verdict.NO_FINISH
        elif cause is not None:
            self._fail(cause, Verdict.TRUNCATED)
        elif broken or self._cut:
            self.verdict = Verdict.TRUNCATED
        elif finished and self.dialect.ends_with_done:
            self.verdict = Verdict.NO_DONE
        elif self._seen:
            self.verdict = Verdict.TRUNCATED
        elif self._unknown_fields.foreign:
            self._explain_foreign_body()
        else:
            self.verdict = Verdict.EMPTY
        if self._failure is None and not self._reducer.tokens:
            self._note_foreign()
        self._drop_late()

    def _note_foreign(self) -> None:
        """Nothing came to be read: perhaps the events are those of another API."""
        try:
            payload = msgspec.json.decode(self._first)
        except STRICT_ERRORS:
            return
        if isinstance(payload, dict) and not self.dialect.claims(payload):
            detail = f"the first event is none of the {self.dialect.name} API"
            self._log.note("foreign_event", detail, self._first_ordinal)

    def _drop_late(self) -> None:
        """What comes after the end is no event any more, but it is noted."""
        self.plain = False
        while self._refill():
            if self._queue[self._pulled].data.strip() != b"[DONE]":
                self._log.note("late_event", "an event after the end")
            self._pulled += 1
        if any(isinstance(item, EventTooLargeError) for item in self._last):
            self._log.note("late_event", "an event after the end")
        self._last.clear()

    def _explain_foreign_body(self) -> None:
        body = bytes(self._head)
        payload = payload_or_text(body.removeprefix(b"\xef\xbb\xbf"))
        if isinstance(payload, list) and payload:
            payload = payload[0]  # Google puts its error into a list
        if isinstance(payload, dict) and payload.get("error"):
            self._fail(provider_error(payload, body, self.status), Verdict.FAILED)
        else:
            self._fail(NotAnEventStreamError(self.status, self.headers, body), Verdict.EMPTY)

    def _fail(self, error: SSEWireError, verdict: Verdict) -> None:
        self._failure = error
        self._waiting = False
        self._raise_next = True
        self.verdict = verdict

    def _told(self, error: SSEWireError) -> SSEWireError:
        """An error as it is to be raised: with what has arrived, and without the steps of the last time."""
        try:
            error.snapshot = self.snapshot()
        except EventDecodeError as refusal:
            # A response that was not looked at until now; the error at hand is the one to tell.
            error.snapshot = refusal.snapshot
        return error.with_traceback(None)


_REASONS: Final = {
    Verdict.TRUNCATED: "the stream was cut before its end was told",
    Verdict.CLOSED: "the stream was closed before its end",
    Verdict.NO_DONE: "the stream ended without [DONE]",
    Verdict.NO_FINISH: "[DONE] came, but not every choice has a finish reason",
}
