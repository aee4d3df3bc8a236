"""Payloads that differ from the one before in their text alone go in; chunks come out, undecoded.

Between two deltas of an answer a server changes nothing but the text, and perhaps the padding beside it. Such
a payload is compared with the one before, only its text is decoded, and the chunk is the one before with
another text: nothing is left to be folded but the text. `benchmarks/compare.py` has the figures.

That is exact: what stands between two quotes, and decodes as one JSON text, changes the value of that text
and nothing else. Whatever is not like that is left to the exact way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ssewire._json import STRICT_ERRORS
from ssewire.chat.types import ChatCompletionChunk, ChunkChoice, Delta, FunctionDelta, ToolCallDelta

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire._wire.tokenizer import ServerSentEvent
    from ssewire.chat.reducer import ChatReducer

TEXT_FIELDS: Final = ("content", "reasoning_content", "reasoning", "refusal")
ALIKE_BYTES: Final = 16
"""How much of two payloads must be the same for a study of them to be worth its cost."""
MIN_CHUNKS: Final = 16
"""So many chunks of a stream are left to the exact way first: a lesson costs as much as two."""
MAX_VAIN_LESSONS: Final = 6
"""After so many lessons in a row that served for nothing, a stream is taken not to repeat itself."""

_replace = msgspec.structs.replace
_read_text = msgspec.json.Decoder(str).decode


class _Places(NamedTuple):
    """Where a payload, or a read that has it, has its text and its padding."""

    before: bytes
    """The payload up to the text, with its opening quote."""
    between: bytes
    """From the closing quote to the padding's opening quote; empty where there is no padding."""
    after: bytes
    """The rest, with the closing quote."""
    text: int
    """Where the text's opening quote is."""
    end: int
    """Behind the last closing quote, counted from the end of the payload."""


class Repeats:
    """Remembers the last chunk of a stream, and takes what repeats it. Single-owner.

    Args:
        reducer: Where the texts go.
        strict: Decodes a chunk, the exact way.
    """

    __slots__ = (
        "_add",
        "_chunk",
        "_early",
        "_index",
        "_last",
        "_make_delta",
        "_places",
        "_read_places",
        "_reducer",
        "_strict",
        "_vain",
        "decoded",
        "pieces",
    )

    def __init__(self, reducer: ChatReducer, strict: Callable[[bytes], ChatCompletionChunk]) -> None:
        self.pieces: list[str] = []
        """The texts that were taken and are not folded yet."""
        self.decoded = None
        """A payload that was not taken has not been decoded."""
        self._reducer = reducer
        self._strict = strict
        self._last: tuple[bytes, ChatCompletionChunk] | None = None  # to be studied when another one follows
        self._early = MIN_CHUNKS  # so many chunks are still to be left to the exact way
        self._vain = 0  # lessons that served for nothing, in a row
        self._places: _Places | None = None  # None: nothing is remembered
        self._read_places: _Places | None = None  # the same in a whole event as it stands in the stream
        # What is set with the places:
        self._chunk: ChatCompletionChunk  # what all of them have in common
        self._index: int  # of the choice
        self._make_delta: Callable[[str], Delta]
        self._add: Callable[[str], object]  # where the text goes

    def take(self, wire: ServerSentEvent) -> ChatCompletionChunk | None:
        """The chunk; None where the payload does not repeat the last one."""
        if self._last is not None:
            self._study(wire.data, *self._last)
        return None if self._places is None or wire.event == "error" else self._make(wire.data, self._places)

    def take_read(self, data: bytes) -> ChatCompletionChunk | None:
        """The same of a read that is a data line, a blank line, and nothing else."""
        return None if self._read_places is None else self._make(data, self._read_places)

    def _make(self, data: bytes, places: _Places) -> ChatCompletionChunk | None:
        before, between, after, begin, end = places
        if not data.startswith(before) or not data.endswith(after):
            return None
        padding = None
        try:
            if between:
                # A text cannot hold this: each of its quotes would have a backslash before it.
                quote = data.find(between, begin + 1)
                padding = _read_text(data[quote + len(between) - 1 : end])
                end = quote + 1
            text = _read_text(data[begin:end])
        except STRICT_ERRORS:
            return None
        self._vain = 0
        self.pieces.append(text)
        delta = self._make_delta(text)
        return _replace(self._chunk, choices=[ChunkChoice(delta, self._index)], obfuscation=padding)

    def fold(self, count: int) -> list[str]:
        """Fold the first so many texts, and return them."""
        texts = self.pieces[:count]
        del self.pieces[:count]
        self._add("".join(texts))
        self._reducer.repeated(count, tokens=count - texts.count(""))
        return texts

    def learn(self, payload: bytes, chunk: ChatCompletionChunk) -> None:
        """Remember a chunk that the exact way has decoded and folded."""
        self._places = self._read_places = self._last = None
        if self._early:
            self._early -= 1
        elif len(chunk.choices) == 1 and self._vain < MAX_VAIN_LESSONS:
            self._last = (payload, chunk)

    def _study(self, following: bytes, payload: bytes, chunk: ChatCompletionChunk) -> None:
        """Find the places in a payload, if the next begins like it and its chunk has but a text."""
        self._last = None
        choice = chunk.choices[0]
        if following[:ALIKE_BYTES] != payload[:ALIKE_BYTES] or choice.index is None:
            return
        found = _text_of(choice.delta)
        if found is None:
            return
        field, text, make_delta = found
        copy = _replace(chunk, choices=[ChunkChoice(make_delta(text), choice.index)])
        if copy != chunk or chunk.error or chunk.type is not None:
            return  # something else in it adds up, or tells
        self._vain += 1  # until it serves
        cut = _cut(payload, text)
        if cut is None:
            return
        before, after = cut
        between = b""
        if chunk.obfuscation is not None:
            cut = _cut(after, chunk.obfuscation)
            if cut is None:
                return
            between, after = cut
        # The places were found by their values; a probe shows that they are the places of the fields.
        probe = before + b"?" + (between + b"a" if between else b"") + after
        meant = _replace(
            chunk,
            choices=[ChunkChoice(make_delta("?"), choice.index)],
            obfuscation="a" if between else None,
        )
        try:
            decoded = self._strict(probe)
        except STRICT_ERRORS:
            return  # the payload had to be repaired
        if decoded == meant:
            self._places = _Places(before, between, after, len(before) - 1, 1 - len(after))
            before, after = b"data: " + before, after + b"\n\n"
            self._read_places = _Places(before, between, after, len(before) - 1, 1 - len(after))
            self._chunk, self._index, self._make_delta = chunk, choice.index, make_delta
            self._add = self._reducer.adder(choice.index, field, choice.delta)


def _text_of(delta: Delta) -> tuple[str, str, Callable[[str], Delta]] | None:
    """The field that holds the text of a delta, the text, and what makes deltas with other texts."""
    if delta.tool_calls:
        call = delta.tool_calls[0]
        arguments = None if call.function is None else call.function.arguments

        def make_call(text: str, index: int | None = call.index) -> Delta:
            return Delta(tool_calls=[ToolCallDelta(index, function=FunctionDelta(text))])

        return ("arguments", arguments, make_call) if arguments else None
    for field in TEXT_FIELDS:
        text = getattr(delta, field)
        if isinstance(text, str) and text:

            def make_delta(text: str, field: str = field, role: str | None = delta.role) -> Delta:
                return _replace(Delta(role=role), **{field: text})

            plain = field == "content" and delta.role is None
            return field, text, Delta if plain else make_delta
    return None


def _cut(payload: bytes, text: str) -> tuple[bytes, bytes] | None:
    """The payload before and behind a text that stands in it once, written as most servers write it."""
    try:
        quoted = msgspec.json.encode(text)
    except UnicodeEncodeError:
        return None
    before, found, after = payload.partition(quoted)
    if not found or quoted in after:
        return None
    return before + b'"', b'"' + after
