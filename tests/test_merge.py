"""Each way in which the values of one field add up."""

import copy
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire._merge import (
    MAX_PIECES,
    REPLACEMENT,
    Fields,
    First,
    Items,
    Keyed,
    Last,
    Merge,
    Merged,
    ReasoningDetails,
    Text,
    join_halves,
    whole_text,
    without_halves,
)
from ssewire.chat import TokenLogprob, TopLogprob


def merged(merge: Merge, *values: Any) -> Any:
    """What the values add up to, after a look at every step; no value and no look may change."""
    before = copy.deepcopy(values)
    looks = []
    for value in values:
        merge.add(value)
        look = merge.value()
        looks.append((look, copy.deepcopy(look)))
    assert values == before
    for look, then in looks:
        assert look == then
    return merge.value()


@pytest.mark.parametrize(
    ("values", "first", "last"),
    [
        ([], None, None),
        ([""], None, None),
        (["", "a", "b", ""], "a", "b"),
        ([0, 5, 6, 0], 5, 0),
        ([0], None, 0),
        ([0.0], None, 0.0),
        ([7, 0.0], 7, 0.0),
        ([False], None, False),
        ([True, False], True, False),
        ([[], ["a"], []], ["a"], ["a"]),
        ([{}, {"a": 1}, {}, {"b": 2}, {}], {"a": 1}, {"b": 2}),
        ([("a",)], ("a",), ("a",)),
    ],
)
def test_the_first_and_the_last_value_that_is_not_empty(values: list[Any], first: Any, last: Any) -> None:
    assert merged(First(), *values) == first
    assert merged(Last(), *values) == last
    assert type(merged(Last(), *values)) is type(last)


# -- text ------------------------------------------------------------------------------------------------

TEXTS: list[tuple[list[str], str]] = [
    ([], ""),
    ([""], ""),
    (["a", "", "b"], "ab"),
    (["é", "😀"], "é😀"),
    (["\ud83d", "\ude00"], "😀"),
    (["a\ud83d", "\ude00b"], "a😀b"),
    (["\ud83d", "", "\ude00"], "😀"),
    (["\ud83d\ude00"], "😀"),
    (["\ud83d"], "\ufffd"),
    (["\ude00"], "\ufffd"),
    (["a\ude00b"], "a\ufffdb"),
    (["\ud83d", "b"], "\ufffdb"),
    (["\ud83d", "é"], "\ufffdé"),
    (["\ud83d\ud83d"], "\ufffd\ufffd"),
    (["\ud83d", "\ud83d", "\ude00"], "\ufffd😀"),
    (["\ude00\ud83d"], "\ufffd\ufffd"),
    (["\ude00\ud83d", "\ude00"], "\ufffd😀"),
    (["\ud83d", "\ude00\ude00"], "😀\ufffd"),
    (["\ufffd", "\ud83d\ufffd"], "\ufffd\ufffd\ufffd"),
]


@pytest.mark.parametrize(("added", "text"), TEXTS)
def test_pieces_of_text_are_joined_and_so_are_halves(added: list[str], text: str) -> None:
    assert merged(Text(), *added) == text
    unwatched = Text()
    for piece in added:
        unwatched.add(piece)
    assert unwatched.value() == text
    assert unwatched.value() is unwatched.value() or text == REPLACEMENT or text.endswith(REPLACEMENT)


def test_a_text_that_is_dumped_and_loaded_grows_on() -> None:
    for added, dumped in ((["a"], ("a", None)), (["a", "\ud83d"], ("a", 0xD83D)), ([], ("", None))):
        text = Text()
        for piece in added:
            text.add(piece)
        assert text.dump() == dumped
        loaded = Text.load(*dumped)
        assert loaded.value() == text.value()
        for grown in (text, loaded):
            grown.add("\ude00")
        assert loaded.value() == text.value()


@pytest.mark.parametrize("count", [MAX_PIECES - 1, MAX_PIECES, MAX_PIECES + 1, 3 * MAX_PIECES])
def test_many_pieces_are_joined_in_their_order(count: int) -> None:
    text = Text()
    for at in range(count):
        text.add(f"{at},")
    text.add("\ud83d")
    text.add("\ude00")
    expected = "".join(f"{at}," for at in range(count)) + "😀"
    assert text.value() == expected
    text.add("!")
    assert text.value() == expected + "!"


def test_many_small_pieces_take_little_more_memory_than_the_text() -> None:
    text = Text()
    tracemalloc.start()
    try:
        for at in range(50_000):
            text.add(f"{at:05}")
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 2 * 250_000
    assert len(text.value()) == 250_000


@given(st.lists(st.text(st.sampled_from("a\xe9\u20ac\ud83d\ud800\ude00\udfff"), max_size=4), max_size=5))
@settings(max_examples=200, deadline=None)
def test_text_is_what_utf_16_makes_of_it(added: list[str]) -> None:
    units = "".join(added).encode("utf-16-le", "surrogatepass")
    assert merged(Text(), *added) == units.decode("utf-16-le", "replace")


@pytest.mark.parametrize(
    ("text", "joined", "half"),
    [
        ("", "", ""),
        ("abc", "abc", ""),
        ("café", "café", ""),
        ("a\ud83d", "a", "\ud83d"),
        ("\ud83d", "", "\ud83d"),
        ("\ud83d\ude00", "😀", ""),
        ("\ude00", "\ufffd", ""),
        ("\ud83d\ud83d", "\ufffd", "\ud83d"),
    ],
)
def test_a_first_half_at_the_end_is_given_back(text: str, joined: str, half: str) -> None:
    assert join_halves(text) == (joined, half)
    assert whole_text(text) == (joined + REPLACEMENT if half else joined)


HALVES: list[tuple[Any, Any]] = [
    ("a", "a"),
    ("é", "é"),
    ("a\ud83d", "a\ufffd"),
    ("\ud83d\ude00", "😀"),
    (["\ud83d", "\ude00"], ["\ufffd", "\ufffd"]),
    ({"\ud83d": {"a": ["\ude00", 1, None, 1.5, True]}}, {"\ufffd": {"a": ["\ufffd", 1, None, 1.5, True]}}),
    (2**70, 2**70),
]


@pytest.mark.parametrize(("value", "whole"), HALVES)
def test_no_value_that_is_handed_out_holds_a_half(value: Any, whole: Any) -> None:
    assert without_halves(value) == whole
    assert merged(Last(), value) == whole
    assert merged(First(), value) == whole
    assert merged(Items(), [value]) == [whole]
    assert merged(Merged(), {"a": value}) == {"a": whole}
    assert merged(Merged(), {}, {"a": value}) == {"a": whole}
    assert merged(Keyed("i"), [{"i": value}]) == [{"i": whole}]


def test_an_object_without_halves_is_of_its_type() -> None:
    broken = TokenLogprob("\ud83d", -1.0, [240], [TopLogprob("\ude00")])
    whole = TokenLogprob("\ufffd", -1.0, [240], [TopLogprob("\ufffd")])
    assert merged(Last(), broken) == whole
    assert merged(Items(), [broken, broken]) == [whole, whole]


def test_what_holds_no_half_is_not_copied() -> None:
    value = {"a": ["é", 1]}
    assert without_halves(value) is value
    assert without_halves("é") == "é"


# -- lists and objects -----------------------------------------------------------------------------------


def test_lists_follow_one_another() -> None:
    assert merged(Items(), [], [1], [], [1, 2]) == [1, 1, 2]
    assert merged(Items(), {"a": 1}, [{"a": 1}]) == [{"a": 1}, {"a": 1}]
    assert merged(Items(), []) == []


def test_a_list_that_was_handed_out_is_not_altered() -> None:
    items = Items()
    items.add([1])
    held = items.value()
    held.append(9)
    items.add([2])
    assert held == [1, 9]
    assert items.value() == [1, 2]


KEYED: list[tuple[list[Any], list[Any]]] = [
    ([[]], []),
    ([[{"i": 0, "a": 1}], [{"i": 0, "a": 2}]], [{"i": 0, "a": 2}]),
    ([[{"i": 1}, {"i": 0}], [{"i": 1, "b": 1}]], [{"i": 1, "b": 1}, {"i": 0}]),
    ([[{"a": 1}], [{"a": 1}]], [{"a": 1}, {"a": 1}]),
    ([[{"i": None}], [{"i": None}]], [{"i": None}, {"i": None}]),
    ([[{"i": 0}], [{"i": "0"}], [{"i": 0.0}]], [{"i": 0}, {"i": "0"}, {"i": 0.0}]),
    ([["text"], [None], [7]], ["text", None, 7]),
    ([{"i": 0}, {"i": 0, "a": 1}], [{"i": 0, "a": 1}]),
    ([[{"i": [1]}], [{"i": [1], "a": 1}]], [{"i": [1], "a": 1}]),
    (
        [["a", {"i": 0}, "b"], [{"i": 0, "c": 1}, "d"], [{"i": 1}]],
        ["a", {"i": 0, "c": 1}, "b", "d", {"i": 1}],
    ),
]


@pytest.mark.parametrize(("values", "objects"), KEYED)
def test_an_object_replaces_the_one_with_its_key(values: list[Any], objects: list[Any]) -> None:
    found = merged(Keyed("i"), *values)
    assert found == objects
    assert repr(found) == repr(objects)


def test_all_keys_make_the_key() -> None:
    one = {"index": 0, "arguments": "a"}
    two = {"index": 0, "arguments": "b"}
    three = {"index": 0, "arguments": "a", "output": "c"}
    assert merged(Keyed("index", "arguments"), [one], [two], [three]) == [three, two]


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}),
        ([{"a": 1, "b": 1}, {"a": None, "b": 2}], {"a": 1, "b": 2}),
        ([{"a": None}, {"a": 1}], {"a": 1}),
        ([{"a": {"x": 1}}, {"a": {"y": 2}}], {"a": {"y": 2}}),
        ([{"a": 1}, {}], {"a": 1}),
        ([{"a": 1}, {"a": 0}], {"a": 0}),
        ([{"a": 1}, "text"], "text"),
        (["text", {"a": 1}], {"a": 1}),
        ([[1], [2]], [2]),
        ([], None),
    ],
)
def test_objects_are_laid_over_one_another(values: list[Any], result: Any) -> None:
    assert merged(Merged(), *values) == result


def test_what_was_laid_over_is_neither_shared_nor_changed() -> None:
    first, second = {"a": 1}, {"b": 2}
    fold = Merged()
    fold.add(first)
    before = fold.value()
    fold.add(second)
    assert (before, first, second) == ({"a": 1}, {"a": 1}, {"b": 2})
    assert fold.value() == {"a": 1, "b": 2}
    assert fold.value() is not fold.value()


# -- reasoning details -----------------------------------------------------------------------------------


def text(piece: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": piece} | more


def summary(piece: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.summary", "summary": piece} | more


def signed(signature: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "signature": signature} | more


def sealed(data: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": data} | more


DETAILS: dict[str, tuple[list[Any], list[Any]]] = {
    "nothing": ([[]], []),
    "a run of one type": ([[text("a")], [text("b"), text("c")]], [text("abc")]),
    "a run of summaries": ([[summary("a")], [summary("b")]], [summary("ab")]),
    "another type starts another entry": (
        [[text("a")], [summary("b")], [text("c")]],
        [text("a"), summary("b"), text("c")],
    ),
    "a late signature belongs to the open entry": (
        [[text("a", index=0)], [text("b", index=0)], [signed("s", index=0)]],
        [text("ab", index=0, signature="s")],
    ),
    "a signature beside a null text": (
        [[text("a")], [{"type": "reasoning.text", "text": None, "signature": "s"}]],
        [text("a", signature="s")],
    ),
    "a null text before the first piece": (
        [[{"type": "reasoning.text", "text": None}], [text("a")], [text("b")]],
        [text("ab")],
    ),
    "a signature is not appended": ([[signed("s")], [signed("t")]], [signed("t")]),
    "a null or empty signature is none": (
        [[text("a", signature="s")], [text("b", signature=None)], [text("c", signature="")]],
        [text("abc", signature="s")],
    ),
    "another id starts another entry": (
        [[text("a", id="1")], [text("b", id="1")], [text("c", id="2")]],
        [text("ab", id="1"), text("c", id="2")],
    ),
    "an id may come late or go missing": (
        [[text("a")], [text("b", id="1")], [text("c", id=None)]],
        [text("abc", id="1")],
    ),
    "another index starts another entry": (
        [[text("a", index=0)], [text("b", index=1)], [text("c", index=0)]],
        [text("a", index=0), text("b", index=1), text("c", index=0)],
    ),
    "encrypted entries are whole": (
        [[sealed("x", id="1", index=0)], [sealed("y", id="1", index=0)]],
        [sealed("x", id="1", index=0), sealed("y", id="1", index=0)],
    ),
    "encrypted entries are as they came": (
        [[sealed("x", format="", id=None, more=[])]],
        [sealed("x", format="", id=None, more=[])],
    ),
    "text behind an encrypted entry": (
        [[text("a")], [sealed("x")], [text("b")]],
        [text("a"), sealed("x"), text("b")],
    ),
    "the last format counts": ([[text("a", format="1")], [text("b", format="2")]], [text("ab", format="2")]),
    "halves of a character": ([[text("a\ud83d")], [text("\ude00")]], [text("a😀")]),
    "halves that stay alone": (
        [[{"type": "t\ud83d", "summary": "\ude00", "data": "\ud83d", "\ud83d": 1}]],
        [{"type": "t\ufffd", "summary": "\ufffd", "data": "\ufffd", "\ufffd": 1}],
    ),
    "no list": ([text("a"), text("b")], [text("ab")]),
    "no objects": ([["a", None, 1], "b", [text("c")]], [text("c")]),
    "no type": ([[{"text": "a"}], [{"text": "b"}]], [{"text": "ab"}]),
    "a text that is none": ([[text("a")], [{"type": "reasoning.text", "text": 7}]], [text("a")]),
}


@pytest.mark.parametrize(("values", "entries"), DETAILS.values(), ids=DETAILS.keys())
def test_reasoning_details_are_runs_of_one_type(values: list[Any], entries: list[Any]) -> None:
    assert merged(ReasoningDetails(), *values) == entries


# -- tables ----------------------------------------------------------------------------------------------


class Piece:
    def __init__(self, **fields: Any) -> None:
        self.id: Any = None
        self.text: Any = None
        self.beside: Any = None
        vars(self).update(fields)


def test_a_table_says_how_each_field_merges() -> None:
    fields = Fields({"id": First, "text": Text})
    assert fields.values() == {}
    assert fields.get("text") is None
    fields.add(Piece(text="a", beside=1))
    fields.add(Piece(id="", text=""))
    fields.add(Piece(id="x", text="b"))
    fields.add(Piece(id="y"))
    assert fields.values() == {"id": "x", "text": "ab"}
    assert (fields.get("id"), fields.get("text"), fields.get("beside")) == ("x", "ab", None)


def test_a_field_that_only_empty_values_came_for_has_none() -> None:
    fields = Fields({"id": First, "text": Text})
    fields.add(Piece(id="", text=""))
    assert fields.values() == {"text": ""}


@pytest.mark.parametrize("kind", [First, Last])
def test_a_half_that_comes_after_a_look_is_replaced_too(kind: type[First]) -> None:
    held = kind()
    held.add("")
    assert held.value() is None
    held.add("a\ud83d")
    assert held.value() == "a\ufffd"


def test_a_half_in_a_list_that_comes_after_a_look_is_replaced_too() -> None:
    items = Items()
    items.add(["a"])
    assert items.value() == ["a"]
    items.add([{"b": "\ud83d"}])
    assert items.value() == ["a", {"b": "\ufffd"}]


def test_values_that_were_handed_out_are_not_altered() -> None:
    fields = Fields({"beside": Items})
    fields.merge("beside").add([1])
    values = fields.values()
    fields.merge("beside").add([2])
    assert values == {"beside": [1]}
    assert json.dumps(fields.values()) == '{"beside": [1, 2]}'
