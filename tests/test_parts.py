"""The parts of an answer, of the machinery that all dialects share, and what their types promise."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from ssewire._growing import Growing, Halves
from ssewire.chat import ChatCompletionChunk, ChunkChoice, Delta
from ssewire.chat.parts import ChatParts
from ssewire.parts import (
    AnyPart,
    AudioPart,
    ImagePart,
    OtherPart,
    PartDelta,
    PartEnd,
    PartEvent,
    PartStart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

PARTS: list[tuple[AnyPart, str]] = [
    (TextPart(index=0, text="a", annotations=[{"type": "url_citation"}]), "text"),
    (ReasoningPart(index=1, text="b", summary=True, signature="s", encrypted="e"), "reasoning"),
    (RefusalPart(index=2, choice=1, text="c"), "refusal"),
    (ToolCallPart(index=3, call_id="call_1", name="f", arguments="{}", extra={"a": 1}), "tool_call"),
    (AudioPart(index=4, id="audio_1", data="AAAA", transcript="d"), "audio"),
    (ImagePart(index=5, url="https://example.com/a.png"), "image"),
    (OtherPart(index=6, kind="compaction"), "other"),
]


@pytest.mark.parametrize(("part", "kind"), PARTS, ids=[kind for _, kind in PARTS])
def test_a_part_knows_its_type_and_survives_pickling_and_json(part: AnyPart, kind: str) -> None:
    assert part.type == kind
    assert pickle.loads(pickle.dumps(part)) == part
    encoded = msgspec.json.encode(part)
    assert msgspec.json.decode(encoded)["type"] == kind
    assert msgspec.json.decode(encoded, type=type(part)) == part


def test_the_events_tell_themselves_apart_in_json() -> None:
    told: list[PartEvent] = [PartStart(0, 0, PARTS[0][0]), PartDelta(0, "x"), PartEnd(0, PARTS[0][0])]
    encoded = msgspec.json.encode(told)
    assert [each["type"] for each in msgspec.json.decode(encoded)] == ["part_start", "part_delta", "part_end"]
    assert msgspec.json.decode(encoded, type=list[PartStart | PartDelta | PartEnd]) == told


def test_halves_wait_for_the_text_that_they_belong_to() -> None:
    halves = Halves()
    assert halves.join("a\ud83d", 0, "text") == "a"
    assert halves.join("b", 1, "text") == "b"
    assert halves.join("\ude00c", 0, "text") == "😀c"
    assert halves.rest(0, "text") == ""


def test_a_half_that_nothing_follows_is_replaced_once() -> None:
    halves = Halves()
    assert halves.join("\ud83d", 0, "text") == ""
    assert halves.rest(1, "text") == ""
    assert halves.rest(0, "text") == "\ufffd"
    assert halves.rest(0, "text") == ""


@pytest.mark.parametrize(
    ("streamed", "told", "delta"),
    [
        (["He", "llo"], "Hello", None),
        (["He"], "Hello", "llo"),
        ([], "Hello", "Hello"),
        (["Hello"], "Jello", None),
        (["Hello"], "Hell", None),
        (["Hello"], "", None),
        ([], "x\ud83d", "x\ufffd"),
    ],
)
def test_the_last_word_is_the_providers_and_what_was_missing_is_told(
    streamed: list[str], told: str, delta: str | None
) -> None:
    growing = Growing(TextPart(index=4))
    for piece in streamed:
        growing.append(piece)
    found: list[PartEvent] = []
    growing.settle(told, found)
    assert found == ([] if delta is None else [PartDelta(4, delta)])
    assert growing.value() == TextPart(index=4, text=told.replace("\ud83d", "\ufffd"))


def test_what_was_handed_out_is_never_altered() -> None:
    growing = Growing(TextPart(index=0))
    growing.append("a")
    growing.annotate([1])
    before = growing.value()
    assert growing.value() is before
    growing.append("b")
    assert growing.value() == TextPart(index=0, text="ab", annotations=[1])
    growing.annotate([2])
    assert before == TextPart(index=0, text="a", annotations=[1])
    assert growing.value() == TextPart(index=0, text="ab", annotations=[1, 2])
    growing.annotate([3], anew=True)
    assert growing.value() == TextPart(index=0, text="ab", annotations=[3])


def test_a_part_that_has_ended_keeps_its_text_as_the_part_alone() -> None:
    growing = Growing(AudioPart(index=0))
    growing.append("AAAA")
    found: list[PartEvent] = [growing.append_to("transcript", "a"), growing.append_to("transcript", "b")]
    growing.end(found)
    whole = AudioPart(index=0, data="AAAA", transcript="ab")
    assert found == [PartDelta(0, "a", "transcript"), PartDelta(0, "b", "transcript"), PartEnd(0, whole)]
    assert growing.ended
    assert growing.value() is growing.value() == whole


def test_ending_twice_tells_it_once() -> None:
    parts = ChatParts()
    parts.apply(ChatCompletionChunk([ChunkChoice(Delta("a"), 0)]))
    assert parts.end() == [PartEnd(0, TextPart(index=0, text="a"))]
    assert parts.end() == []


def test_a_part_is_found_by_its_number_and_its_choice() -> None:
    parts = ChatParts()
    parts.apply(ChatCompletionChunk([ChunkChoice(Delta("a"), 0), ChunkChoice(Delta("b"), 1)]))
    assert parts.part(1) == TextPart(index=1, choice=1, text="b")
    assert parts.parts() == [parts.part(0)]
    assert parts.parts(1) == [parts.part(1)]
    assert parts.parts(2) == []
