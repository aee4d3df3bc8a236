"""JSON that a model writes: whole, cut or wrong, and as far as it has come."""

from __future__ import annotations

import dataclasses
import json
import pickle
import sys
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import plain_values
from ssewire import _structured
from ssewire._structured import JsonState, PartialJson, json_state, parse, parse_partial
from ssewire.chat import ChatCompletionChunk
from ssewire.chat.parts import ChatParts
from ssewire.errors import StructuredOutputError
from ssewire.parts import TextPart, ToolCallPart

STATES = [
    ("{}", "complete"),
    (' [1, "a", null, true, {"b": -1.5e3}] \n', "complete"),
    ('"text"', "complete"),
    (r'{"a": "\ud83d\ude00"}', "complete"),
    (r'{"a": "\ud83d"}', "complete"),  # as the standard library reads it
    (r'{"a": "\ude00\ud83d x"}', "complete"),
    (r'{"a": "\\ud83d"}', "complete"),
    ("", "incomplete"),
    (" \n", "incomplete"),
    ("{", "incomplete"),
    ('{"a"', "incomplete"),
    ('{"a": ', "incomplete"),
    ('{"a": tr', "incomplete"),
    ('{"a": -', "incomplete"),
    ('{"a": 1.', "incomplete"),
    ('{"a": 1e', "incomplete"),
    ('{"a": 1e+', "incomplete"),
    ("-", "incomplete"),
    ('{"a": "x', "incomplete"),
    ('{"a": "\\', "incomplete"),
    (r'{"a": "\u12', "incomplete"),
    (r'{"a": "\ud83d', "incomplete"),
    (r'{"a": "\ud83d\ude', "incomplete"),
    (r'{"a": "\ud83d x', "incomplete"),
    ("[1,", "incomplete"),
    ("{}{", "invalid"),
    ('{"a": 1,}', "invalid"),
    ('{"a" 1', "invalid"),
    ("{a", "invalid"),
    ("{'", "invalid"),
    ('{"a": trux', "invalid"),
    ('{"a": 01', "invalid"),
    ('{"a": NaN', "invalid"),
    (r'{"a": "\ud83d x" !', "invalid"),
    ("Certainly!", "invalid"),
    ("[" * 100_000, "invalid"),
]


@pytest.mark.parametrize(("text", "state"), STATES, ids=[text[:30] for text, _ in STATES])
def test_what_was_cut_is_told_from_what_is_wrong(text: str, state: str) -> None:
    assert json_state(text) == state


@given(plain_values, st.data())
def test_each_beginning_of_json_is_incomplete_until_it_is_complete(value: Any, data: st.DataObject) -> None:
    text = json.dumps({"a": value}, ensure_ascii=data.draw(st.booleans()))
    assert json_state(text) is JsonState.COMPLETE
    at = data.draw(st.integers(0, len(text) - 1))
    assert json_state(text[:at]) is JsonState.INCOMPLETE
    assert json_state(text + data.draw(st.sampled_from("}]0x"))) is JsonState.INVALID


# -- parsing ---------------------------------------------------------------------------------------------


class Weather(msgspec.Struct):
    city: str
    days: int = 1


@dataclasses.dataclass
class WeatherData:
    city: str
    days: int = 1


class WeatherDict(TypedDict):
    city: str
    days: int


class WeatherModel(pydantic.BaseModel):
    city: str
    days: int = 1


TYPES: list[tuple[Any, Any]] = [
    (Weather, Weather("Oslo", 2)),
    (WeatherData, WeatherData("Oslo", 2)),
    (WeatherDict, {"city": "Oslo", "days": 2}),
    (WeatherModel, WeatherModel(city="Oslo", days=2)),
    (dict[str, str | int], {"city": "Oslo", "days": 2}),
    (Any, {"city": "Oslo", "days": 2}),
]


@pytest.mark.parametrize(("wanted", "expected"), TYPES, ids=[str(each[0]) for each in TYPES])
def test_text_and_arguments_parse_into_what_is_asked_for(wanted: Any, expected: Any) -> None:
    text = '{"city": "Oslo", "days": 2}'
    assert ToolCallPart(index=0, arguments=text).parse(wanted) == expected
    assert TextPart(index=0, text=text).parse(wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "text", "state", "where"),
    [
        (Weather, '{"city": "Oslo", "days": "two"}', "complete", "`$.days`"),
        (WeatherData, '{"days": 2}', "complete", "missing required field `city`"),
        (
            WeatherModel,
            '{"city": "Oslo", "days": "two"}',
            "complete",
            "days\n  Input should be a valid integer",
        ),
        (Weather, '{"city": "Os', "incomplete", "truncated"),
        (WeatherModel, '{"city": "Os', "incomplete", "EOF while parsing a string"),
        (Weather, "", "incomplete", "truncated"),
        (Weather, "{'city'", "invalid", "byte 1"),
        (list[Any], "[" * 100_000, "invalid", "recursion"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(wanted: Any, text: str, state: str, where: str) -> None:
    part = ToolCallPart(index=0, call_id="call_1", name="look", arguments=text)
    with pytest.raises(StructuredOutputError) as caught:
        part.parse(wanted)
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, StructuredOutputError)
    assert (error.text, error.state) == (text, state)
    assert error.what == "arguments of call 'call_1' of 'look'"
    assert where in str(error)
    assert caught.value.__cause__ is not None


def test_a_half_that_the_model_escaped_is_replaced() -> None:
    assert parse(r'{"a": "\ud83d!", "b": "\ud83d\ude00", "c": "\\ud83d"}', Any, "") == {
        "a": "\ufffd!",
        "b": "😀",
        "c": r"\ud83d",
    }


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_halves_of_characters_that_come_in_two_pieces_are_joined(size: int) -> None:
    text = '{"a": "\ud83d\ude00", "b": "\ud83d", "c": "\ude00"}'
    partial = PartialJson()
    for at in range(0, len(text), size):
        partial.feed(text[at : at + size])
        partial.value()
    assert partial.value(final=True) == parse(text, Any, "") == {"a": "😀", "b": "\ufffd", "c": "\ufffd"}


def test_half_a_character_is_told_when_nothing_can_follow() -> None:
    partial = PartialJson()
    partial.feed('["a\ud83d')
    assert [partial.value(), partial.value(final=True), partial.value(final=True)] == [
        ["a"],
        ["a\ufffd"],
        ["a\ufffd"],
    ]


@pytest.mark.parametrize(
    ("part", "state"),
    [
        (ToolCallPart(index=0, arguments="{}"), "complete"),
        (ToolCallPart(index=0, arguments='{"a'), "incomplete"),
        (ToolCallPart(index=0, arguments="", ended=True), "incomplete"),
        (ToolCallPart(index=0, kind="mcp", arguments="{!", ended=True), "invalid"),
        (ToolCallPart(index=0, kind="custom", arguments="{!", ended=True), "complete"),
        (ToolCallPart(index=0, kind="custom", arguments="ls"), "incomplete"),
        (ToolCallPart(index=0, kind="code_interpreter", arguments="1+1", ended=True), "complete"),
    ],
)
def test_nobody_needs_to_run_a_call_that_was_cut(part: ToolCallPart, state: str) -> None:
    assert part.arguments_state == state


# -- as far as it has come -------------------------------------------------------------------------------

BEGINNINGS: list[tuple[str, Any]] = [
    ("", None),
    (" ", None),
    ("n", None),
    ("-", None),
    ("{", {}),
    ('{"city', {}),
    ('{"city": "Os', {"city": "Os"}),
    ('{"city": "Oslo", "days": ', {"city": "Oslo"}),
    ('{"city": "Oslo", "days": [1, 2', {"city": "Oslo", "days": [1, 2]}),
    ('{"city": "Oslo"}', {"city": "Oslo"}),
    (r'{"city": "\ud83d', {"city": ""}),
    (r'{"city": "\ud83d!', {"city": "\ufffd!"}),
]


@pytest.mark.parametrize(("text", "value"), BEGINNINGS, ids=[text for text, _ in BEGINNINGS])
def test_the_value_so_far(text: str, value: Any) -> None:
    assert ToolCallPart(index=0, arguments=text).parse_partial() == value
    assert TextPart(index=0, text=text).parse_partial() == value


@pytest.mark.parametrize(
    "text", ["Certainly!", '{"x": 1}}', '{"x": 1} {', "1 2", '"a" b', "[1] // that is it", "[NaN]"]
)
def test_what_is_no_beginning_of_json_is_an_error(text: str) -> None:
    with pytest.raises(
        StructuredOutputError, match=r"text of part 3, invalid JSON, cannot be parsed: \w"
    ) as caught:
        TextPart(index=3, text=text).parse_partial()
    assert caught.value.state == "invalid"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jiter", None)
    with pytest.raises(ImportError, match=r"pip install 'ssewire\[json\]'"):
        parse_partial("{}", "")


def test_a_short_text_is_as_fresh_as_its_last_piece() -> None:
    partial = PartialJson()
    assert partial.value() is None
    for piece, value in [('{"a": [', {"a": []}), ("1, ", {"a": [1]}), ('"b', {"a": [1, "b"]})]:
        partial.feed(piece)
        assert partial.value() == value


def test_the_cost_of_a_look_does_not_grow_with_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def counting(text: str, what: str) -> Any:
        parsed.append(len(text))
        return parse_partial(text, what)

    monkeypatch.setattr(_structured, "parse_partial", counting)
    partial, body = PartialJson(), "[" + "123, " * 40_000 + "4]"
    for at in range(0, len(body), 5):
        partial.feed(body[at : at + 5])
        value = partial.value()
    assert partial.value(final=True) == json.loads(body)
    assert len(value) > 0.8 * 40_000
    looks = _structured.SMALL_JSON_CHARS // 5
    assert sum(parsed) < 9 * len(body) + looks * _structured.SMALL_JSON_CHARS + len(body)


def test_what_is_no_json_is_parsed_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    partial = PartialJson("the text")
    partial.feed("Certainly! ")
    with pytest.raises(StructuredOutputError, match="the text, invalid JSON"):
        partial.value()
    monkeypatch.setattr(_structured, "parse_partial", None)
    partial.feed("{}")
    with pytest.raises(StructuredOutputError, match="the text, invalid JSON") as caught:
        partial.value()
    assert caught.value.text == "Certainly! "


def test_a_part_is_followed_while_it_arrives() -> None:
    parts = ChatParts()

    def feed(delta: dict[str, Any]) -> None:
        parts.apply(msgspec.convert({"choices": [{"index": 0, "delta": delta}]}, ChatCompletionChunk))

    feed({"content": '{"a": "\ud83d\ude00'})
    assert parts.partial(0) == {"a": "😀"}
    feed({"content": '", "b": [1'})
    assert parts.partial(0) == {"a": "😀", "b": [1]}
    feed({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": '{"c": '}}]})
    assert parts.partial(1) == {}
    feed({"tool_calls": [{"index": 0, "function": {"arguments": "true}"}}]})
    assert parts.partial(1) == {"c": True}
    feed({"reasoning": "Hm"})
    with pytest.raises(TypeError, match="part 2 holds no JSON: it is of type reasoning"):
        parts.partial(2)
    parts.end()
    assert parts.partial(0) == {"a": "😀", "b": [1]}


def test_a_long_part_that_has_ended_leaves_nothing_out() -> None:
    parts = ChatParts()
    body = json.dumps(list(range(5000)))
    for at in range(0, len(body), 10):
        delta = {"content": body[at : at + 10]}
        parts.apply(msgspec.convert({"choices": [{"index": 0, "delta": delta}]}, ChatCompletionChunk))
        parts.partial(0)
    parts.end()
    assert parts.partial(0) == list(range(5000))
