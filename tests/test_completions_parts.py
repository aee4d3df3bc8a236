"""Chunks of legacy completions in, one text for each choice out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from part_laws import check_part_events, texts_of
from shared import CORPUS, captures_folder
from ssewire import CompletionsParser, SSEWireError
from ssewire.completions import CompletionChunk, CompletionChunkChoice
from ssewire.completions.parts import CompletionsParts, parts_of
from ssewire.parts import PartDelta, PartEnd, PartEvent, PartStart, TextPart

if TYPE_CHECKING:
    from pathlib import Path

BODIES = sorted(captures_folder().glob("completions-*.sse")) + sorted((CORPUS / "completions").glob("*.sse"))


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
def test_the_parts_of_a_recorded_stream_are_what_it_adds_up_to(path: Path) -> None:
    parser, parts = CompletionsParser(malformed="skip"), CompletionsParts()
    told: list[PartEvent] = []
    try:
        for step in (partial(parser.feed, path.read_bytes()), parser.close):
            told += [each for event in step() for each in parts.apply(event)]
    except SSEWireError:
        pass  # what had come is compared all the same
    found = check_part_events(told + parts.end())
    completion = parser.snapshot()
    for choice in completion.choices:
        own = [part for part in found if part.choice == choice.index]
        assert texts_of(own, TextPart) == choice.text
        assert [part.type for part in parts_of(completion, choice.index)] == [part.type for part in own]
        assert texts_of(parts_of(completion, choice.index), TextPart) == choice.text


def test_each_choice_has_a_text() -> None:
    parts = CompletionsParts()
    first = CompletionChunk([CompletionChunkChoice("a", 1), CompletionChunkChoice("", 2)])
    second = CompletionChunk([CompletionChunkChoice("b\ud83d"), CompletionChunkChoice("c", 1)])
    assert parts.apply(first) + parts.apply(second) + parts.end() == [
        PartStart(0, 1, TextPart(index=0, choice=1)),
        PartDelta(0, "a"),
        PartStart(1, 0, TextPart(index=1)),
        PartDelta(1, "b"),
        PartDelta(0, "c"),
        PartEnd(0, TextPart(index=0, choice=1, text="ac")),
        PartDelta(1, "\ufffd"),
        PartEnd(1, TextPart(index=1, text="b\ufffd")),
    ]
