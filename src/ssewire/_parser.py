"""Bytes go in, typed events come out, and in the end the final object or the error: the push object."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, NamedTuple, TypeVar

from ssewire._dialect import payload_or_text, provider_error
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
    from collections.abc import Callable, Mapping

    from ssewire._dialect import Dialect
    from ssewire.events import EndMark
    from ssewire.message import Message

    Malformed = Literal["raise", "skip"] | Callable[[bytes, EventDecodeError], object]

E = TypeVar("E")
S = TypeVar("S")

CR: Final = 0x0D

MAX_HEAD_BYTES: Final = 64 * 2**10
"""How much of a body without events is kept, to tell what it was."""

GOOD_VERDICTS: Final = frozenset({Verdict.COMPLETE, Verdict.NO_DONE, Verdict.NO_FINISH})
"""The verdicts with which `result()` returns, unless it is strict."""


class _Tail(NamedTuple):
    """An event that the end of the body completed."""

    event: ServerSentEvent


class _End(NamedTuple):
    """The end of the body."""

    broken: bool
    cause: SSEWireError | None


_Item = ServerSentEvent | EventTooLargeError | _Tail | _End


class Parser(Generic[E, S]):
    """Turns the bytes of one stream into its typed events, its final object and its verdict.

    However the bytes are cut into reads, the same events come out, each at the earliest read. What is wrong
    is raised by the call after the one that returned the events before it; with none to return, at once.
    An error that the provider sends is handed out as an event first. Single-owner.

    Args:
        type: The event type to decode into: the dialect's own, or a subclass with more fields.
        max_event_size: The largest event in bytes; None for no limit.
        malformed: What to do with an event that does not decode: `"raise"` an `EventDecodeError`, `"skip"`
            it, or call a function with its data and the error. Skipped ones are counted in `diagnostics`.
        strict: Let `result()` return for a complete stream only.
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
        if malformed not in ("raise", "skip") and not callable(malformed):
            raise ValueError(f"malformed is 'raise', 'skip' or a function, not {malformed!r}")
        self.verdict = Verdict.OPEN
        """How the stream ended, or that it is still running."""
        self.status: int | None = None
        """The HTTP status that the body came with, if known; for the errors to tell."""
        self.headers: Mapping[str, str] | None = None
        """The headers that the body came with, if known."""

        decoder = self.dialect.decoder_of(type)
        self._decode = decoder.read
        self._decode_strictly = decoder.strict
        self._log = DiagnosticLog()
        self._reducer = self.dialect.reducer(self._log)
        make_repeats = self.dialect.repeats if type is None else None
        self._repeats = None if make_repeats is None else make_repeats(self._reducer, decoder.strict)
        self._malformed = malformed
        self._strict = strict
        self._queue: deque[_Item] = deque()  # tokenized, to be pulled
        self._tokenizer = Tokenizer(max_event_size=max_event_size, on_unknown_field=self._unknown_field)
        self._max_line_size = sys.maxsize if max_event_size is None else max_event_size + len("data: ")
        self._closed = False  # takes no more bytes
        self._deaf = False  # an event was too large: what follows it is not looked at
        self._failure: SSEWireError | None = None  # what went wrong; `result()` raises it
        self._raise_next = False  # the failure is yet to be raised by a step
        self._waiting = False  # the failure may be explained by the next event
        self._seen = False  # an event came that was more than a heartbeat
        self._cut = False  # the body ended inside an event
        self._foreign = False  # lines came that no event stream has
        self._head = bytearray()  # the start of the body, while no event has come

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
        return [event for event, _ in self.feed_raw(data)]

    def feed_raw(self, data: bytes | bytearray | memoryview) -> list[tuple[E, bytes]]:
        """Like `feed`, with the data of each event beside it."""
        self._check()
        self.push(data)
        return self._pull_all()

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
        return [event for event, _ in self._pull_all()]

    def _pull_all(self) -> list[tuple[E, bytes]]:
        """Pull what there is; what goes wrong behind an event is left for the next step."""
        found: list[tuple[E, bytes]] = []
        while True:
            try:
                pair = self.pull()
            except SSEWireError:
                if not found:
                    raise
                self._raise_next = True
                return found
            if pair is None:
                return found
            found.append(pair)

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
            self._head += data[: MAX_HEAD_BYTES - len(self._head)]
        try:
            self._tokenizer.feed_into(data, self._queue.append)
            self._tokenizer.check()
        except EventTooLargeError as error:
            self._queue.append(error)
            self._deaf = True
        if self.verdict is not Verdict.OPEN:
            self._drop_late()

    def take(self, data: Any) -> tuple[E, bytes] | None:
        """`push`, then `pull`: for a stream that is read event by event."""
        # A live stream has an event a read, most of which are a line and a blank one. `partition` is the
        # cheapest way to see that, and saves the tokenizer's work and the queue's.
        if self._seen and self._tokenizer.fresh and type(data) is bytes and self.verdict is Verdict.OPEN:
            line, _, rest = data.partition(b"\n")
            if (
                rest == b"\n"
                and line[:6] == b"data: "
                and CR not in line
                and len(line) <= self._max_line_size
            ):
                self._tokenizer.skip(len(data))
                pair = self._take(line[6:], "message")
                if pair is None:
                    self._check()
                return pair
        self.push(data)
        return self.pull()

    def push_end(self, *, broken: bool = False, cause: SSEWireError | None = None) -> None:
        """The body ends here; what it left unfinished is an event if the end is clean and it decodes.

        Args:
            broken: The transport failed.
            cause: What to raise for that, unless the end of the stream was told before.
        """
        if self._closed:
            return
        self._closed = True
        if not broken and not self._deaf:
            pushed, self._queue = self._queue, deque()
            try:
                self._queue.extend(self._tokenizer.close(flush=True))
            except EventTooLargeError as error:
                self._queue.append(error)
            pushed.extend(_Tail(each) if isinstance(each, ServerSentEvent) else each for each in self._queue)
            self._queue = pushed
        self._queue.append(_End(broken, cause))
        if self.verdict is not Verdict.OPEN:
            self._drop_late()

    def pull(self) -> tuple[E, bytes] | None:
        """The next event with its data; None when it has not come, or none will. Raises like `feed`."""
        self._check()
        while self._queue:
            item = self._queue.popleft()
            pair = None
            if isinstance(item, ServerSentEvent):
                pair = self._take(item.data, item.event)
            elif isinstance(item, _Tail):
                pair = self._take_tail(item.event)
            elif isinstance(item, _End):
                self._settle(broken=item.broken, cause=item.cause)
            elif self._waiting:
                self._settle()
            else:
                self._fail(item, Verdict.CLOSED)
            if pair is not None:
                return pair
            self._check()
        return None

    def abandon(self) -> None:
        """The caller stops here: what has not ended yet is `closed`."""
        self._closed = True
        self._queue.clear()
        if self._waiting:
            self._settle()
        elif self.verdict is Verdict.OPEN:
            self.verdict = Verdict.CLOSED

    def _check(self) -> None:
        """Raise what went wrong behind the last event, once."""
        if self._raise_next and self._failure is not None:
            self._raise_next = False
            self._closed = True
            self._queue.clear()
            raise self._told(self._failure)

    # -- what has arrived --------------------------------------------------------------------------------

    def snapshot(self) -> S:
        """What has arrived so far. What was handed out before is never altered."""
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
        return self._reducer.tokens

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was unusual, each thing once with its count."""
        return self._log.entries()

    # -- one event ---------------------------------------------------------------------------------------

    def _unknown_field(self, name: bytes, value: bytes) -> None:
        """Lift the error that older llama.cpp servers send as a field; remember that there are others."""
        if name == b"error":
            self._queue.append(ServerSentEvent(value, "error"))
        else:
            self._foreign = True

    def _take(self, raw: bytes, name: str) -> tuple[E, bytes] | None:
        """Decode the data of an event of that name, fold it, and see whether it ends the stream."""
        self._log.ordinal += 1
        if self._repeats is not None and name == "message":
            repeated: E | None = self._repeats.take(raw)
            if repeated is not None:
                return repeated, raw
        try:
            event: E | EndMark | None = self._decode_strictly(raw)
        except STRICT_ERRORS:
            try:
                event, repairs = self._decode(raw, name)
            except EventDecodeError as error:
                self._seen = True
                self._refuse(error)
                return None
            for repair in repairs:
                self._log.note("repaired", repair)
        if event is None:
            return None
        self._seen = True
        if self._waiting and (event is DONE or not self.dialect.explains(event)):
            self._settle()
        elif event is not DONE:
            self._reducer.apply(event)
            self._judge(event, raw, name)
            if self._repeats is not None:
                self._repeats.learn(raw, event)
            return event, raw
        elif self.dialect.ends_with_done:
            self._settle(ended=True)
        return None

    def _take_tail(self, wire: ServerSentEvent) -> tuple[E, bytes] | None:
        """Take the event that came without its blank line, if it is whole."""
        try:
            self._decode(wire.data, wire.event)
        except EventDecodeError:
            self._cut = True
            self._log.ordinal += 1
            self._log.note("cut_event", "the body ends inside an event")
            return None
        pair = self._take(wire.data, wire.event)
        self._log.note("unterminated", "the last event came without its blank line")
        return pair

    def _judge(self, event: E, raw: bytes, name: str) -> None:
        """See whether an event tells an error or the end."""
        if self._failure is None:
            error = self.dialect.error_of(event, name, raw)
            if error is not None:
                self._failure = provider_error(error, raw, self.status)
                self._waiting = self.dialect.awaits_explanation(event)
        else:
            self._waiting = False
        if self._failure is not None:
            if not self._waiting:
                self._settle()
        elif self.dialect.ends(event):
            self._settle(ended=True)

    def _refuse(self, error: EventDecodeError) -> None:
        """An event is malformed: do as the policy says."""
        error.ordinal = self._log.ordinal
        if self._waiting:
            self._settle()
            return
        if self._malformed == "raise":
            self._fail(error, Verdict.CLOSED)
            return
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
        elif self._foreign:
            self._explain_foreign_body()
        else:
            self.verdict = Verdict.EMPTY
        self._drop_late()

    def _drop_late(self) -> None:
        """What comes after the end is no event any more, but it is noted."""
        for item in self._queue:
            if isinstance(item, EventTooLargeError) or (
                isinstance(item, ServerSentEvent) and item.data.strip() != b"[DONE]"
            ):
                self._log.note("late_event", "an event after the end")
        self._queue.clear()

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
        # A response that was not looked at until now may not decode; the error at hand is the one to tell.
        with contextlib.suppress(EventDecodeError):
            error.snapshot = self.snapshot()
        return error


_REASONS: Final = {
    Verdict.TRUNCATED: "the stream was cut before its end was told",
    Verdict.CLOSED: "the stream was closed before its end",
    Verdict.NO_DONE: "the stream ended without [DONE]",
    Verdict.NO_FINISH: "[DONE] came, but not every choice has a finish reason",
}
