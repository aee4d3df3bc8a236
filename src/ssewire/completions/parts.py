"""Chunks go in; the texts that they write come out as parts, one for each choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssewire._choices import index_of, message_of_choice
from ssewire._growing import Growing, Parts
from ssewire.completions.types import Completion, CompletionChunk, CompletionChunkChoice
from ssewire.events import Verdict
from ssewire.parts import TextPart

if TYPE_CHECKING:
    from ssewire.message import Message
    from ssewire.parts import AnyPart, PartEvent


class CompletionsParts(Parts[CompletionChunk]):
    """Tells, chunk by chunk, which texts begin and go on; they end with the stream. Single-owner."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[int, Growing] = {}  # by choice

    def tell(self, event: CompletionChunk) -> list[PartEvent]:
        """Take any chunk."""
        found: list[PartEvent] = []
        for position, piece in enumerate(event.choices):
            if piece.text:
                index = index_of(piece, position)
                growing = self._texts.get(index)
                if growing is None:
                    growing = self._texts[index] = self._start(TextPart, found, index)
                self._grow(growing, piece.text, found)
        return found


def parts_of(completion: Completion, choice: int = 0) -> list[AnyPart]:
    """The parts of one choice of a whole completion, streamed or not: its text, if there is any."""
    parts = CompletionsParts()
    for each in completion.choices:
        if each.index == choice:
            parts.apply(CompletionChunk([CompletionChunkChoice(each.text, each.index)]))
    parts.end()
    return parts.parts(choice)


def message_of(
    completion: Completion,
    choice: int = 0,
    verdict: Verdict = Verdict.COMPLETE,
) -> Message:
    """One choice of a completion, streamed or not, as a neutral message.

    Args:
        completion: The completion, or a snapshot of it.
        choice: The index of the choice; one that is not there gives an empty message.
        verdict: How its stream ended.
    """
    return message_of_choice(completion, choice, parts_of(completion, choice), verdict)
