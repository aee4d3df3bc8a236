"""What a dialect tells the mechanism: the row that a new dialect fills in, and the decoder it starts from."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeVar

import msgspec

from ssewire._json import STRICT_ERRORS, PayloadDecoder, loads
from ssewire.errors import EventDecodeError, ProviderError
from ssewire.events import DONE, DiagnosticLog, EndMark

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from ssewire._growing import Parts
    from ssewire._wire.tokenizer import ServerSentEvent
    from ssewire.events import Verdict
    from ssewire.message import Message

E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)

MIN_ERROR_STATUS: Final = 400
MAX_ERROR_STATUS: Final = 599


class Reducer(Protocol[E_contra, S_co]):
    """Folds events into the object that they add up to."""

    tokens: int
    """How many deltas have brought text, reasoning, a refusal or arguments."""

    def apply(self, event: E_contra) -> None:
        """Fold one event, and leave it as it is."""

    def snapshot(self) -> S_co:
        """The object so far; later events do not alter it."""
        ...

    @property
    def finished(self) -> bool:
        """Whether all that the stream began has been told to be finished."""
        ...

    @property
    def usage(self) -> Any:
        """The provider's usage object as last sent."""

    @property
    def model(self) -> str | None:
        """The model's name."""

    @property
    def created(self) -> float | None:
        """When the answer was created, in seconds since 1970."""


class Run(Protocol[E]):
    """A fast way for events in a row, each of which adds a piece to the same text and changes nothing else.

    Such events are folded many at a time, and by then the caller knows which of them he has handed out.
    """

    pieces: list[str]
    """What the events that were taken add, and is not folded yet."""

    @property
    def decoded(self) -> E | None:
        """What the strict way made of the last event, where that was tried and the event was not taken."""

    def take(self, wire: ServerSentEvent, /) -> E | None:
        """The typed event, its piece added to `pieces`; None where it does not continue the run."""

    def take_read(self, data: bytes, /) -> E | None:
        """The same of a read that begins an event and is, perhaps, that event and nothing else."""

    def fold(self, count: int, /) -> list[str]:
        """Fold the first so many pieces, and return them."""
        ...

    def learn(self, payload: bytes, event: E, /) -> None:
        """Remember an event that was decoded and folded the exact way: a run may begin with it."""


class NoRun(Generic[E]):
    """For a dialect without such a way."""

    def __init__(self, _reducer: object, _strict: object) -> None:
        self.pieces: list[str] = []
        self.decoded: E | None = None

    def take(self, _wire: ServerSentEvent, /) -> E | None:
        """Nothing continues."""
        return None

    def take_read(self, _data: bytes, /) -> E | None:
        """Nothing continues."""
        return None

    def fold(self, _count: int, /) -> list[str]:
        """There is nothing to fold."""
        return []

    def learn(self, _payload: bytes, _event: E, /) -> None:
        """There is nothing to learn."""


def never(_event: Any) -> bool:
    """For a dialect that has no such event."""
    return False


class Dialect(msgspec.Struct, Generic[E, S], frozen=True, kw_only=True):
    """One API's way of streaming."""

    name: str
    event_type: Any
    decoder: Callable[[Any], Decoder[E]]
    """Makes the decoder of an event type."""
    reducer: Callable[[DiagnosticLog], Reducer[E, S]]
    error_of: Callable[[E, str, bytes], Any]
    """The error in an event, by the event, its SSE name and its data; None for none."""
    text_of: Callable[[E, int], str]
    """The text that an event adds to one choice's answer."""
    beside_text: Callable[[S], Iterable[str]]
    """What a final object holds that is not the first answer's text, a line each, for people."""
    claims: Callable[[dict[str, Any]], bool]
    """Whether a payload is of this dialect."""
    ends_with_done: bool
    """`[DONE]` is the end mark."""
    parts: Callable[[], Parts[E]]
    """Makes what tells of the parts."""
    message: Callable[[S, int, Verdict], Message]
    """Makes the message of a final object or snapshot, by the choice and the verdict."""
    run: Callable[[Any, Callable[[bytes], E]], Run[E]] = NoRun
    """Makes the fast way, of a reducer and a strict decoder."""
    ends: Callable[[E], bool] | None = None
    """Whether an event is the end mark."""
    awaits_explanation: Callable[[E], bool] = never
    """Whether an error event may be explained by the event after it."""
    explains: Callable[[E], bool] = never
    """Whether an event explains the error event before it."""
    keepalive: type[Any] | tuple[()] = ()
    """The type of the events that are signs of life and nothing more."""

    def decoder_of(self, event_type: type[Any] | None = None) -> Decoder[E]:
        """The shared decoder of the dialect's event type, or of a subclass with more fields.

        Raises:
            TypeError: It is neither.
        """
        wanted: Any = self.event_type if event_type is None else event_type
        if not issubclass(wanted, self.event_type):
            raise TypeError(f"type is {self.event_type.__name__} or a subclass, not {event_type!r}")
        decoder: Decoder[E] = _shared_decoder(self.decoder, wanted)
        return decoder


@lru_cache(maxsize=64)
def _shared_decoder(decoder: Callable[[Any], Any], event_type: Hashable) -> Any:
    return decoder(event_type)


class Decoder(Generic[E]):
    """Decodes server-sent events into one dialect's typed events. Shared and thread-safe.

    Args:
        type: The Struct to decode into.
    """

    def __init__(self, type: type[E]) -> None:
        self._payload = PayloadDecoder(type)
        self.strict: Callable[[bytes], E] = self._payload.strict
        """Decodes the data of an event that is as it should be; raises `STRICT_ERRORS` for any other."""

    def decode(self, event: ServerSentEvent) -> E | EndMark | None:
        """Decode one event.

        Returns:
            The typed event; `DONE` for `[DONE]`; None for data that is empty, white space or `null`.

        Raises:
            EventDecodeError: The data is no JSON, or does not fit the type.
        """
        return self.read(event.data, event.event)[0]

    def read(self, data: bytes, name: str) -> tuple[E | EndMark | None, Sequence[str]]:
        """Decode the data of an event of that name, and tell what had to be repaired."""
        try:
            return self._payload.strict(data), ()
        except STRICT_ERRORS as refusal:
            # Neither of these is ever an event to the strict way, so only what it refuses is compared.
            match data.strip():
                case b"[DONE]":
                    return DONE, ()
                case b"" | b"null":
                    return None, ()
            return self._read_odd(data, name, refusal)

    def _read_odd(self, data: bytes, name: str, refusal: Exception) -> tuple[E, Sequence[str]]:
        """Decode what the strict way refuses, for that reason."""
        return self._payload.lenient(data, name, refusal)


class ChunkDecoder(Decoder[E]):
    """Decodes chunks: events that have no type of their own, and hold an `error` where there is one.

    Args:
        type: The Struct to decode into; None for the dialect's own.
    """

    chunk_type: ClassVar[Any]
    """The dialect's own event type."""

    def __init__(self, type: type[E] | None = None) -> None:
        super().__init__(self.chunk_type if type is None else type)

    def _read_odd(self, data: bytes, name: str, refusal: Exception) -> tuple[E, Sequence[str]]:
        """An error event may also hold a text instead of an object."""
        try:
            return super()._read_odd(data, name, refusal)
        except EventDecodeError:
            chunk_type: Any = self._payload.type
            if name != "error" or not issubclass(chunk_type, self.chunk_type):
                raise
            try:
                return chunk_type(error=payload_or_text(data)), ()
            except TypeError:  # a caller's type asks for more
                pass
            raise


def error_of_chunk(chunk: Any, name: str, raw: bytes) -> Any:
    """The error in a chunk: in it, on a choice, or the payload itself."""
    if chunk.error:
        return chunk.error
    for choice in chunk.choices:
        if choice.error:
            return choice.error
    if name == "error" or chunk.type == "error":
        return payload_or_text(raw)
    return None


def payload_or_text(raw: bytes) -> Any:
    """The plain value of a JSON text, or the text itself where it is no JSON."""
    try:
        return loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def provider_error(error: Any, raw: bytes, status: int | None = None) -> ProviderError:
    """Make an exception of an error in any of the shapes that providers send.

    Args:
        error: A text, or an object with the facts in it or in its `error`.
        raw: The bytes that carried it.
        status: The HTTP status of the response, if known.
    """
    body = error if isinstance(error, dict) else {}
    while isinstance(body.get("error"), dict) and body["error"]:
        body = body["error"]
    message = body.get("message") or body.get("error") or body.get("detail") or error
    code = body.get("code")
    kind = body.get("type")
    param = body.get("param")
    named = next(
        (each for each in (body.get("status"), body.get("status_code"), code) if _is_status(each)), None
    )
    return ProviderError(
        message if isinstance(message, str) else _in_words(message, raw),
        code if isinstance(code, (int, str)) else None,
        kind if isinstance(kind, str) else None,
        param if isinstance(param, str) else None,
        named or (status if _is_status(status) else None),
        raw,
    )


def _in_words(message: Any, raw: bytes) -> str:
    """What an error says that says no text."""
    try:
        return repr(message)
    except RecursionError:  # it was just not nested too deep to be decoded
        return raw.decode(errors="replace")


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and MIN_ERROR_STATUS <= value <= MAX_ERROR_STATUS
