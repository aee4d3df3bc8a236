"""Payloads that differ from the one before in their text alone go in; chunks come out, folded and undecoded.

Between two deltas of an answer a server changes nothing but the text, and perhaps the padding beside it. Such
a payload is compared with the one before, only its text is decoded, and the chunk is the one before with
another text: a third of the work of decoding and folding it anew. `benchmarks/compare.py` has the figures.

That is exact: what stands between two quotes, and decodes as one JSON text, changes the value of that text
and nothing else. Whatever is not like that is left to the exact way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ssewire._json import STRICT_ERRORS
from ssewire.chat.types import ChatCompletionChunk, ChunkChoice, Delta

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire._merge import Text
    from ssewire.chat.reducer import ChatReducer

TEXT_FIELDS: Final = ("content", "reasoning_content", "reasoning")
ALIKE_BYTES: Final = 16
"""How much of two payloads must be the same for a study of them to be worth its cost."""
MAX_VAIN_LESSONS: Final = 4
"""After so many lessons in a row that served for nothing, a stream is taken not to repeat itself."""

_replace = msgspec.structs.replace
_read_text = msgspec.json.Decoder(str).decode


class Repeats:
    """Remembers the last chunk of a stream, and takes what repeats it. Single-owner.

    Args:
        reducer: Where the text goes.
        strict: Decodes a chunk, the exact way.
    """

    __slots__ = (
        "_after",
        "_before",
        "_between",
        "_choice",
        "_chunk",
        "_delta",
        "_field",
        "_last",
        "_reducer",
        "_served",
        "_strict",
        "_text",
        "_vain",
    )

    def __init__(self, reducer: ChatReducer, strict: Callable[[bytes], ChatCompletionChunk]) -> None:
        self._reducer = reducer
        self._strict = strict
        self._last: tuple[bytes, ChatCompletionChunk] | None = None  # to be studied when another one follows
        self._vain = 0  # lessons that served for nothing, in a row
        self._served = True  # the last lesson has served
        self._text: Text | None = None  # where the text goes; None while nothing is remembered
        self._before = b""  # the payload up to the text, with its opening quote
        self._between = b""  # from the closing quote to the padding's opening quote; empty without padding
        self._after = b""  # the rest, with its closing quote
        self._field = ""
        self._chunk = ChatCompletionChunk()
        self._choice = ChunkChoice()
        self._delta = Delta()

    def take(self, payload: bytes) -> ChatCompletionChunk | None:
        """The chunk, folded; None where the payload does not repeat the last one."""
        if self._last is not None:
            self._study(payload, *self._last)
        text_so_far = self._text
        if text_so_far is None or not (payload.startswith(self._before) and payload.endswith(self._after)):
            return None
        begin = len(self._before)
        end = len(payload) - len(self._after)
        padding = self._chunk.obfuscation
        if self._between:
            rest = payload.find(self._between, begin)
            if rest < 0:
                return None
            sent = payload[rest + len(self._between) : end]
            if not sent.isalnum():
                return None
            padding = sent.decode()
            end = rest
        try:
            text = _read_text(payload[begin - 1 : end + 1])
        except STRICT_ERRORS:
            return None
        self._served = True
        text_so_far.add(text)
        self._reducer.changed(tokens=text != "")
        delta = _replace(self._delta, **{self._field: text})
        return _replace(self._chunk, choices=[_replace(self._choice, delta=delta)], obfuscation=padding)

    def learn(self, payload: bytes, chunk: ChatCompletionChunk) -> None:
        """Remember a chunk that the exact way has decoded and folded."""
        self._text = self._last = None
        if len(chunk.choices) == 1 and self._vain <= MAX_VAIN_LESSONS:
            delta = chunk.choices[0].delta
            if delta.content or delta.reasoning_content or delta.reasoning:
                self._last = (payload, chunk)

    def _study(self, following: bytes, payload: bytes, chunk: ChatCompletionChunk) -> None:
        """Find the places in a payload, if the next begins like it and its chunk has but a text."""
        self._last = None
        choice = chunk.choices[0]
        delta = choice.delta
        field = next(name for name in TEXT_FIELDS if getattr(delta, name))
        if following[:ALIKE_BYTES] != payload[:ALIKE_BYTES] or not _adds_text_alone(chunk, choice, field):
            return
        self._vain = 0 if self._served else self._vain + 1
        self._served = False
        text = getattr(delta, field)
        cut = _cut(payload, text)
        if cut is None:
            return
        self._before, self._after = cut
        self._between = b""
        if chunk.obfuscation:
            cut = _cut(self._after, chunk.obfuscation)
            if cut is None:
                return
            self._between, self._after = cut
        self._field, self._chunk, self._choice, self._delta = field, chunk, choice, delta
        # The places were found by their values; a probe shows that they are the places of the fields.
        probe = self._before + b"?" + (self._between + b"a" if self._between else b"") + self._after
        meant = _replace(
            chunk,
            choices=[_replace(choice, delta=_replace(delta, **{field: "?"}))],
            obfuscation="a" if self._between else chunk.obfuscation,
        )
        try:
            found = self._strict(probe)
        except STRICT_ERRORS:
            return  # the payload had to be repaired
        if found == meant:
            self._text = self._reducer.text(choice.index or 0, field)


def _adds_text_alone(chunk: ChatCompletionChunk, choice: ChunkChoice, field: str) -> bool:
    """Whether folding the chunk once more would add its text once more, and change nothing else."""
    rest = _replace(choice.delta, **{field: None, "role": None})
    return (
        isinstance(getattr(choice.delta, field), str)
        and rest == Delta()
        and choice == ChunkChoice(choice.delta, choice.index)
        and choice.index is not None
        and not chunk.error
        and chunk.type is None
    )


def _cut(payload: bytes, text: str) -> tuple[bytes, bytes] | None:
    """The payload before and behind a text that stands in it once, and as it is."""
    quoted = b'"%b"' % text.encode(errors="replace")
    if payload.count(quoted) != 1:
        return None
    before, _, after = payload.partition(quoted)
    return before + b'"', b'"' + after
