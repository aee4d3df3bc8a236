"""Chunks with choices go in, an object with those choices comes out: what both completions APIs share.

The choices of a chunk come in any order, and nothing is ever allocated up to an index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeVar

import msgspec

from ssewire._merge import Fields, Last
from ssewire.events import Diagnostic, DiagnosticLog
from ssewire.message import finish_reason_of, make_message
from ssewire.usage import CompletionUsage, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ssewire._merge import Table
    from ssewire.events import Verdict
    from ssewire.message import Message
    from ssewire.parts import AnyPart


class Chunk(Protocol):
    """An event that has choices."""

    @property
    def choices(self) -> Sequence[Any]:
        """What it says of each choice."""
        ...


E = TypeVar("E", bound=Chunk)
S = TypeVar("S")

NO_USAGE: Final = CompletionUsage()

_put = msgspec.structs.force_setattr


def index_of(piece: Any, position: int) -> int:
    """The index of the choice that a piece belongs to; where none was sent, its place in the chunk."""
    index: int | None = piece.index
    return position if index is None else index


class LastUsage(Last):
    """The last usage that has a count. Never a sum: some servers repeat it, some send running totals."""

    __slots__ = ()

    def add(self, value: CompletionUsage) -> None:
        """Keep it instead of the one before."""
        if value != NO_USAGE:
            super().add(value)


class FoldedChoice(ABC):
    """What is known of one choice.

    Args:
        table: How the fields that are its own merge.
        logprobs: How the fields of its log probabilities merge.
        log: Where to note what is unusual.
    """

    delta: ClassVar[dict[str, Any]]
    """The fields of a piece that add up, each with its value for nothing."""
    lists: ClassVar[tuple[str, ...]] = ("token_ids",)
    """Further fields that add up, and are rare."""

    def __init__(self, table: Table, logprobs: Table, log: DiagnosticLog) -> None:
        self.begun = False
        """There is something of the answer; false while nothing is known but a filter's report."""
        self.usage: Any = None
        """The usage of the whole object, where the last piece told it."""
        self._log = log
        self._fields = Fields(table)
        self._logprobs_table = logprobs
        self._logprobs: Fields | None = None
        self._head: Any = None  # the last piece without its delta

    @abstractmethod
    def apply(self, piece: Any) -> int:
        """Fold a chunk's piece of this choice; returns how many of its deltas brought something to read."""

    @abstractmethod
    def snapshot(self, index: int) -> Any:
        """The choice so far."""

    def add_fields(self, piece: Any) -> None:
        """Fold all but the delta: the fields that are the choice's own, and the log probabilities."""
        if piece.logprobs is not None:
            if self._logprobs is None:
                self._logprobs = Fields(self._logprobs_table)
            self._logprobs.add(piece.logprobs)
        head = msgspec.structs.replace(piece, logprobs=None, **self.delta)
        # As with chunks, what repeats the piece before has nothing to tell, unless a part of it adds up.
        if head == self._head:
            return
        adds_up = any(getattr(head, name) is not None for name in self.lists)
        self._head = None if adds_up else head
        if head.finish_reason:
            self.begun = True
        self._fields.add(head)

    def values(self, index: int, logprobs_type: Callable[..., Any]) -> dict[str, Any]:
        """What `add_fields` has folded, by field."""
        logprobs = None if self._logprobs is None else logprobs_type(**self._logprobs.values())
        return self._fields.values() | {"index": index, "logprobs": logprobs}

    @property
    def finished(self) -> bool:
        """A finish reason came."""
        return self._fields.get("finish_reason") is not None


class ChoicesReducer(Generic[E, S]):
    """Folds the chunks of one stream into one object.

    Chunks are never changed, nor is a snapshot that was handed out. Applying a chunk costs in proportion to
    its size; a snapshot costs one copy of the text when something came since the last, nothing otherwise.
    Single-owner: not for several threads at once.

    Args:
        table: How the fields of a chunk merge; `usage`, `model` and `created` are among them.
        choice: Makes the fold of one choice.
        final: Makes the object.
        log: Where to note what is unusual; None for a log of its own.
    """

    padding: ClassVar[tuple[str, ...]] = ("choices",)
    """The fields of a chunk that differ from chunk to chunk and tell nothing of the whole."""

    def __init__(
        self,
        table: Table,
        choice: Callable[[DiagnosticLog], FoldedChoice],
        final: Callable[..., S],
        log: DiagnosticLog | None,
    ) -> None:
        self.tokens = 0
        """How many deltas have brought text, reasoning, a refusal or arguments."""
        self._new_choice = choice
        self._final = final
        self._own_log = log is None
        self._log = log or DiagnosticLog()
        self._fields = Fields(table)
        self._last: Any = None  # a copy of the last chunk that told something new
        self._choices: dict[int, FoldedChoice] = {}
        self._snapshot: S | None = None  # unless something came since

    def apply(self, event: E) -> None:
        """Fold one chunk."""
        if self._own_log:
            self._log.ordinal += 1
        self._snapshot = None
        for position, piece in enumerate(event.choices):
            index = position if piece.index is None else piece.index
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = self._new_choice(self._log)
            self.tokens += choice.apply(piece)
            if choice.usage is not None:
                self._fields.merge("usage").add(choice.usage)
                choice.usage = None
                self._last = None  # the chunk's own usage goes before that of a choice
        # Nothing in the table of a chunk adds up, so what repeats the chunk before has nothing to tell, and
        # one comparison in C stands for a look at each field. What always differs is made equal before.
        if self._last is not None:
            for name in self.padding:
                _put(self._last, name, getattr(event, name))
        if event != self._last:
            chunk: Any = event
            self._last = msgspec.structs.replace(chunk)
            self._fields.add(event)

    def snapshot(self) -> S:
        """The object so far. A choice that nothing is known of but a filter's report is left out."""
        if self._snapshot is None:
            choices = [
                choice.snapshot(index) for index, choice in sorted(self._choices.items()) if choice.begun
            ]
            self._snapshot = self._final(
                **(self._fields.values() | {"choices": choices, "usage": self.usage})
            )
        return self._snapshot

    @property
    def usage(self) -> CompletionUsage | None:
        """The usage as last sent."""
        usage: CompletionUsage | None = self._fields.get("usage")
        return usage

    @property
    def model(self) -> str | None:
        """The model's name as first sent."""
        model: str | None = self._fields.get("model")
        return model

    @property
    def created(self) -> int | None:
        """When the object was created, in seconds since 1970, as first sent."""
        created: int | None = self._fields.get("created")
        return created

    @property
    def finished(self) -> bool:
        """There is a choice, and every choice has a finish reason."""
        begun = [choice for choice in self._choices.values() if choice.begun]
        return bool(begun) and all(choice.finished for choice in begun)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was unusual."""
        return self._log.entries()


def message_of_choice(completion: Any, choice: int, parts: list[AnyPart], verdict: Verdict) -> Message:
    """One choice of an object with choices, as a neutral message.

    Args:
        completion: The object, or a snapshot of it.
        choice: The index of the choice.
        parts: What that choice wrote.
        verdict: How the stream ended.
    """
    reason = next((each.finish_reason for each in completion.choices if each.index == choice), None)
    return make_message(
        choice,
        parts,
        usage=normalised(completion.usage),
        model=completion.model,
        created=completion.created,
        finish_reason=finish_reason_of(reason),
        raw_finish_reason=reason,
        verdict=verdict,
    )
