"""Payloads to objects: what the strict way takes, each leniency with its report, and what neither reads."""

import datetime as dt
import decimal
import enum
import itertools
import json
import math
import pickle
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import fitting, numbers, pieces, plain_values, written
from ssewire import ChatCompletionChunk, EventDecodeError, extra_fields
from ssewire._json import (
    MAX_INTEGER_DIGITS,
    MAX_SCALAR_CHARS,
    STRICT_ERRORS,
    JsonProgress,
    PayloadDecoder,
    loads,
    plain,
)
from ssewire.chat import ChatCompletion, ContentPart

T = TypeVar("T")

CHUNKS = PayloadDecoder(ChatCompletionChunk)


def chunk(raw: bytes) -> tuple[ChatCompletionChunk, list[str]]:
    return CHUNKS.decode(raw)


def paths(repairs: list[str]) -> list[str]:
    """Where the repairs were made."""
    return [repair.rpartition(" at ")[2] for repair in repairs]


def one_field(annotation: Any) -> type[Any]:
    """A type with one field, `v`."""
    return msgspec.defstruct("OneField", [("v", annotation)])


# -- one leniency a row ----------------------------------------------------------------------------------

DELTA = "$.choices[].delta"
LOGPROB = "$.choices[].logprobs.content[].logprob"


def delta(fields: bytes) -> bytes:
    return b'{"choices":[{"index":0,"delta":{%s}}]}' % fields


def content(event: ChatCompletionChunk) -> Any:
    return event.choices[0].delta.content


def arguments(event: ChatCompletionChunk) -> Any:
    calls = event.choices[0].delta.tool_calls
    assert calls is not None
    assert calls[0].function is not None
    return calls[0].function.arguments


def logprobs(number: bytes) -> bytes:
    return b'{"choices":[{"logprobs":{"content":[{"token":"a","logprob":%s}]}}]}' % number


def logprob(event: ChatCompletionChunk) -> Any:
    found = event.choices[0].logprobs
    assert found is not None
    assert found.content is not None
    return found.content[0].logprob


def call(passed: bytes) -> bytes:
    return delta(b'"tool_calls":[{"function":{"arguments":%s}}]' % passed)


ARGUMENTS = f"{DELTA}.tool_calls[].function.arguments"

LENIENCIES: list[tuple[str, bytes, Callable[[ChatCompletionChunk], Any], Any, list[str]]] = [
    ("null for a list", b'{"choices":null}', lambda e: e.choices, [], ["$.choices"]),
    ("null for an object", b'{"choices":[{"delta":null}]}', content, None, [DELTA]),
    (
        "two nulls",
        b'{"choices":[{"delta":null},{"delta":null}]}',
        lambda e: len(e.choices),
        2,
        [DELTA, DELTA],
    ),
    ("1.0 for an integer", b'{"created":1.0}', lambda e: e.created, 1, ["$.created"]),
    ("-0.0 for an integer", b'{"created":-0.0}', lambda e: e.created, 0, ["$.created"]),
    ("1e3 for an integer", b'{"created":1e3}', lambda e: e.created, 1000, ["$.created"]),
    (
        "1700000035.0 for an integer",
        b'{"created":1700000035.0}',
        lambda e: e.created,
        1700000035,
        ["$.created"],
    ),
    ("an integer for text", delta(b'"content":6'), content, "6", [f"{DELTA}.content"]),
    ("a fraction for text", delta(b'"content":6.0'), content, "6.0", [f"{DELTA}.content"]),
    ("digits as they were sent", delta(b'"content":0.10'), content, "0.10", [f"{DELTA}.content"]),
    ("an exponent for text", delta(b'"content":1e3'), content, "1e3", [f"{DELTA}.content"]),
    ("a negative number for text", delta(b'"content":-2.50E-1'), content, "-2.50E-1", [f"{DELTA}.content"]),
    ("NaN for text", delta(b'"content":NaN'), content, "NaN", [f"{DELTA}.content"]),
    ("a number for an id", b'{"id":12}', lambda e: e.id, "12", ["$.id"]),
    (
        "5,000 digits for text",
        delta(b'"content":' + b"1" * 5000),
        content,
        "1" * 5000,
        [f"{DELTA}.content"],
    ),
    (
        "an object for text",
        call(b'{ "city" : "K\xc3\xb6ln", "days": [1, 2.5, true, null], "n": {} }'),
        arguments,
        '{"city":"Köln","days":[1,2.5,true,null],"n":{}}',
        [ARGUMENTS],
    ),
    ("a list for text", call(b'["a", {"b": 1}]'), arguments, '["a",{"b":1}]', [ARGUMENTS]),
    (
        "a lone half in an object for text",
        call(b'{"a": "\\ud83d"}'),
        arguments,
        '{"a":"\ud83d"}',
        [ARGUMENTS, f"{ARGUMENTS}.a"],
    ),
    ("a first half alone", delta(b'"content":"a \\ud83d"'), content, "a \ud83d", [f"{DELTA}.content"]),
    ("a second half alone", delta(b'"content":"\\ude00!"'), content, "\ude00!", [f"{DELTA}.content"]),
    (
        "halves in the wrong order",
        delta(b'"content":"\\ude00\\ud83d"'),
        content,
        "\ude00\ud83d",
        [f"{DELTA}.content"],
    ),
    (
        "a lone half as a key",
        b'{"x_groq":{"\\ud83d":1}}',
        lambda e: e.x_groq,
        {"\ud83d": 1},
        ["$.x_groq"],
    ),
    (
        "a lone half deep inside",
        b'{"x_groq":{"a":[{"b":"\\udc00"}]}}',
        lambda e: e.x_groq,
        {"a": [{"b": "\udc00"}]},
        ["$.x_groq.a[].b"],
    ),
    (
        "invalid UTF-8",
        delta(b'"content":"caf\xc3"'),
        content,
        "caf\ufffd",
        ["invalid UTF-8 read as U+FFFD"],
    ),
    (
        "each maximal part of a character is one U+FFFD",
        delta(b'"content":"\xf0\x9f\x98 \xff\xfe"'),
        content,
        "\ufffd \ufffd\ufffd",
        ["invalid UTF-8 read as U+FFFD"],
    ),
    (
        "a half encoded as UTF-8",
        delta(b'"content":"\xed\xa0\xbd"'),
        content,
        "\ufffd\ufffd\ufffd",
        ["invalid UTF-8 read as U+FFFD"],
    ),
    ("Infinity", logprobs(b"Infinity"), logprob, math.inf, [LOGPROB]),
    ("-Infinity", logprobs(b"-Infinity"), logprob, -math.inf, [LOGPROB]),
    ("a number that overflows", logprobs(b"-1e999"), logprob, -math.inf, [LOGPROB]),
    ("5,000 digits for a number", logprobs(b"1" * 5000), logprob, math.inf, [LOGPROB]),
    ("Infinity where anything goes", b'{"cost":[Infinity]}', lambda e: e.cost, [math.inf], ["$.cost[]"]),
    (
        "an integer beyond 64 bits where anything goes",
        b'{"cost":123456789012345678901234567890,"choices":null}',
        lambda e: e.cost,
        123456789012345678901234567890,
        ["$.choices"],
    ),
    (
        "all at once",
        b'{"id":1,"created":2.0,"choices":[{"index":0.0,"delta":{"content":"\xff\\ud83d"}}]}',
        lambda e: (e.id, e.created, e.choices[0].index, content(e)),
        ("1", 2, 0, "\ufffd\ud83d"),
        ["invalid UTF-8 read as U+FFFD", f"{DELTA}.content", "$.choices[].index", "$.id", "$.created"],
    ),
]


@pytest.mark.parametrize(
    ("raw", "look", "value", "where"),
    [row[1:] for row in LENIENCIES],
    ids=[row[0] for row in LENIENCIES],
)
def test_a_leniency_reads_what_was_meant_and_is_reported(
    raw: bytes, look: Callable[[ChatCompletionChunk], Any], value: Any, where: list[str]
) -> None:
    with pytest.raises(STRICT_ERRORS):
        CHUNKS.strict(raw)
    event, repairs = chunk(raw)
    assert look(event) == value
    assert type(look(event)) is type(value)
    assert sorted(paths(repairs)) == sorted(where)


@pytest.mark.parametrize(
    ("raw", "repairs"),
    [
        (b'{"choices":null}', ["null at $.choices"]),
        (b'{"created":1.0}', ["fraction for an integer at $.created"]),
        (b'{"id":7}', ["number for text at $.id"]),
        (call(b"{}"), [f"dict for text at {ARGUMENTS}"]),
        (call(b"[]"), [f"list for text at {ARGUMENTS}"]),
        (b'{"id":"\\ud83d"}', ["lone surrogate at $.id"]),
        (b'{"cost":NaN}', ["nan at $.cost"]),
        (b'{"cost":[-1e999]}', ["-inf at $.cost[]"]),
        (b'{"id":"\xff"}', ["invalid UTF-8 read as U+FFFD"]),
    ],
)
def test_a_repair_says_what_and_where(raw: bytes, repairs: list[str]) -> None:
    assert chunk(raw)[1] == repairs


def test_nan_is_read_and_reported() -> None:
    event, repairs = chunk(logprobs(b"NaN"))
    assert math.isnan(logprob(event))
    assert paths(repairs) == [LOGPROB]


def test_what_needs_no_repair_is_read_strictly_and_reports_nothing() -> None:
    raw = delta(b'"content":"a \\ud83d\\ude00","role":null')
    event, repairs = chunk(raw)
    assert content(event) == "a 😀"
    assert repairs == []
    assert CHUNKS.lenient(raw) == (event, [])


def test_what_is_beside_a_repair_is_read_as_ever() -> None:
    event, repairs = chunk(
        b'{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":null,"total_tokens":4,"cost":1.5},'
        b'"citations":["a",{"b":[1,1.5,true,false,null,"\\u00e9"]}],"model":"m","moderation":null}'
    )
    assert paths(repairs) == ["$.choices"]
    assert event.usage is not None
    assert (event.usage.prompt_tokens, event.usage.completion_tokens, event.usage.cost) == (3, None, 1.5)
    assert event.citations == ["a", {"b": [1, 1.5, True, False, None, "é"]}]
    assert (event.model, event.moderation) == ("m", None)


def test_a_member_of_a_union_is_found_by_the_kind_of_its_value() -> None:
    event, _ = chunk(delta(b'"content":[{"text":"a"},{"thinking":[{"text":1}]},{"thinking":"b"}]'))
    assert content(event) == [
        ContentPart(text="a"),
        ContentPart(thinking=[ContentPart(text="1")]),
        ContentPart(thinking="b"),
    ]


def test_nan_in_a_field_that_no_type_names_is_reported_too() -> None:
    raw = b'{"id":"a","novel":NaN}'
    event, repairs = chunk(raw)
    assert event.id == "a"
    with pytest.raises(STRICT_ERRORS) as refused:
        CHUNKS.strict(raw)
    assert repairs == [f"left out: {refused.value}"]


# -- what neither way reads ------------------------------------------------------------------------------

NESTED = b"[" * 10_000 + b"]" * 10_000

UNREADABLE = {
    "nothing": b"",
    "a word": b"word",
    "a cut object": b'{"choices":[',
    "a cut text": b'{"id":"a',
    "two values": b'{"choices":[]}{"choices":[]}',
    "a comma behind": b'{"choices":[]},',
    "text behind": b'{"choices":[]} x',
    "a byte order mark": b'\xef\xbb\xbf{"choices":[]}',
    "a control character in a text": b'{"id":"a\x01"}',
    "a line end in a text": b'{"id":"a\nb"}',
    "a list": b"[]",
    "a number": b"7",
    "a boolean": b"true",
    "a text": b'"a"',
    "text for a list": b'{"choices":"a"}',
    "a number for a list": b'{"choices":1}',
    "an object for a list": b'{"choices":{}}',
    "null in a list of objects": b'{"choices":[null]}',
    "a list for an object": b'{"choices":[{"delta":[]}]}',
    "a boolean for text": b'{"id":true}',
    "a boolean for an integer": b'{"created":true}',
    "text for an integer": b'{"created":"1"}',
    "a fraction for an integer": b'{"created":1.5}',
    "infinity for an integer": b'{"created":1e999}',
    "NaN for an integer": b'{"created":NaN}',
    "5,000 digits for an integer": b'{"created":' + b"1" * 5000 + b"}",
    "5,000 digits where anything goes": b'{"cost":' + b"1" * 5000 + b"}",
    "10,000 nested lists": NESTED,
    "10,000 nested lists where anything goes": b'{"cost":' + NESTED + b"}",
    "10,000 nested lists that nobody asked for": b'{"novel":' + NESTED + b"}",
    "10,000 unclosed lists": b"[" * 10_000,
    "10,000 nested objects": b'{"cost":' * 10_000 + b"1" + b"}" * 10_000,
    "5,000 nested parts": delta(b'"content":' + b'[{"thinking":' * 5000 + b'""' + b"}]" * 5000),
    "invalid UTF-8 between values": b'{"choices":[]\xff}',
    "a NUL between values": b'{"choices"\0:[]}',
    "UTF-16": '{"choices":[]}'.encode("utf-16-le"),
}


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_neither_way_reads_is_an_error_with_its_facts(raw: bytes) -> None:
    with pytest.raises(EventDecodeError) as caught:
        CHUNKS.decode(raw, "ping")
    error = caught.value
    assert error.raw == raw
    assert error.event == "ping"
    assert error.ordinal is None
    assert isinstance(error.__cause__, STRICT_ERRORS)
    assert error.reason == str(error.__cause__)
    assert error.reason
    assert len(str(error)) < 1000


def test_an_error_of_the_lenient_way_alone_has_its_own_reason() -> None:
    with pytest.raises(EventDecodeError) as caught:
        CHUNKS.lenient(b'{"created":true}')
    assert caught.value.event == "message"
    assert caught.value.reason == "bool does not belong at $.created"
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_event_is_a_message_unless_it_has_another_name() -> None:
    with pytest.raises(EventDecodeError) as caught:
        CHUNKS.decode(b"")
    assert caught.value.event == "message"


def test_nesting_that_the_strict_way_takes_is_no_error() -> None:
    raw = b'{"cost":' + b"[" * 200 + b"]" * 200 + b"}"
    assert chunk(raw)[1] == []
    assert CHUNKS.lenient(raw)[1] == []


# -- types that a caller brings --------------------------------------------------------------------------


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Grade(enum.IntEnum):
    ONE = 1


class Place(msgspec.Struct):
    name: str
    seen: dt.date | None = None


class Sub(ChatCompletionChunk, frozen=True, kw_only=True):
    at: dt.datetime
    level: Level = Level.LOW
    grade: Grade | None = None
    tier: Literal["free", "paid"] = "free"
    limit: int | Literal["none"] = "none"
    place: Place | None = None
    places: tuple[Place, ...] = ()
    marks: set[int] | None = None
    anything: Any = None


SUB = PayloadDecoder(Sub)


def test_fields_of_a_subclass_are_read_beside_a_repair() -> None:
    event, repairs = SUB.decode(
        b'{"choices":null,"at":"2026-01-02T03:04:05Z","level":"high","grade":1,"tier":"paid","limit":8,'
        b'"place":{"name":"here","seen":"2026-01-02"},"places":[{"name":"there"}],"marks":[1,2,1],'
        b'"anything":{"a":1.0}}'
    )
    assert paths(repairs) == ["$.choices"]
    assert event == Sub(
        at=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        level=Level.HIGH,
        grade=Grade.ONE,
        tier="paid",
        limit=8,
        place=Place("here", dt.date(2026, 1, 2)),
        places=(Place("there"),),
        marks={1, 2},
        anything={"a": 1.0},
    )


def test_defaults_of_a_subclass_are_taken_beside_a_repair() -> None:
    event, _ = SUB.decode(b'{"choices":null,"at":"2026-01-02T03:04:05Z","place":{"name":7}}')
    assert (event.level, event.tier, event.limit, event.places) == (Level.LOW, "free", "none", ())
    assert event.place == Place("7")


@pytest.mark.parametrize(
    "fields",
    [
        b'"id":"no time"',
        b'"at":null',
        b'"at":"yesterday"',
        b'"at":"2026-01-02T03:04:05Z","level":"middle"',
        b'"at":"2026-01-02T03:04:05Z","tier":"royal"',
        b'"at":"2026-01-02T03:04:05Z","limit":"some"',
        b'"at":"2026-01-02T03:04:05Z","place":{"seen":"2026-01-02"}',
        b'"at":"2026-01-02T03:04:05Z","place":"here"',
        b'"at":"2026-01-02T03:04:05Z","marks":["a"]',
    ],
)
def test_fields_of_a_subclass_are_as_strict_as_they_say(fields: bytes) -> None:
    with pytest.raises(EventDecodeError):
        SUB.decode(b'{"choices":null,%s}' % fields)


class Circle(msgspec.Struct, tag="circle"):
    radius: float


class Square(msgspec.Struct, tag="square"):
    sides: list[float] = []


class First(msgspec.Struct, tag=1):
    text: str = ""


class Second(msgspec.Struct, tag=2):
    text: str = ""


class Renamed(msgspec.Struct, rename="camel"):
    some_name: int


class Row(msgspec.Struct, array_like=True):
    a: int
    b: str = ""


class Box(msgspec.Struct, Generic[T]):
    inside: T | None = None


class TwoBoxes(msgspec.Struct):
    a: Box[int]
    b: Box[str]


ACCEPTED: list[tuple[Any, bytes]] = [
    (Circle | Square, b'{"type":"circle","radius":1}'),
    (Circle | Square, b'{"radius":1.5,"type":"circle"}'),
    (Circle | Square | str | None, b'{"type":"square","sides":[1,2]}'),
    (Circle | Square | str | None, b'"a"'),
    (Circle, b'{"type":"circle","radius":1}'),
    (Circle, b'{"radius":1}'),
    (First | Second, b'{"type":2,"text":"a"}'),
    (Renamed, b'{"someName":4,"some_name":5}'),
    (Row, b'[1,"a"]'),
    (Box[int], b'{"inside":1}'),
    (TwoBoxes, b'{"a":{"inside":1},"b":{"inside":"x"}}'),
    (dict[str, Circle], b'{"a":{"radius":1}}'),
    (dict[str, float], b'{"a":1,"b":1.5}'),
    (dict[int, str], b'{"1":"a"}'),
    (dict[Level, int], b'{"low":1}'),
    (dict[str, Any], b'{"a":[1,{"b":null}]}'),
    (dict[str, Any], b"{}"),
    (list[dict[str, int | None]], b'[{"a":1},{"b":null}]'),
    (list[dt.date], b'["2026-01-02"]'),
    (tuple[int, str], b'[1,"a"]'),
    (frozenset[str], b'["a","a"]'),
    (bool, b"true"),
    (float, b"1"),
    (int, b"-0"),
    (int, b"-9223372036854775808"),
    (int, b"18446744073709551615"),
    (float, b"1e-400"),
    (Any, b"18446744073709551616"),
    (Any, b"1E5"),
    (bytes, b'"AAEC"'),
    (dt.timedelta, b'"PT1S"'),
    (decimal.Decimal, b'"1.50"'),
    (decimal.Decimal, b"0.10000000000000000000000001"),
    (Literal["a", 1] | None, b"null"),
    (Annotated[int, msgspec.Meta(ge=0)], b"0"),
    (int | msgspec.UnsetType, b"1"),
]


@pytest.mark.parametrize(
    ("annotation", "value"), ACCEPTED, ids=[f"{row[0]}-{row[1].decode()}"[:60] for row in ACCEPTED]
)
def test_where_the_strict_way_takes_a_callers_type_so_does_the_lenient(annotation: Any, value: bytes) -> None:
    decoder = PayloadDecoder(one_field(annotation))
    raw = b'{"v":%s}' % value
    assert decoder.lenient(raw) == (decoder.strict(raw), [])


class Kept(msgspec.Struct):
    v: msgspec.Raw
    text: str


def test_raw_of_a_callers_type_can_be_decoded_later() -> None:
    built, repairs = PayloadDecoder(Kept).decode(b'{"v":{"a": [1.50, "\xc3\xa9"]},"text":1}')
    assert json.loads(bytes(built.v)) == {"a": [1.5, "é"]}
    assert paths(repairs) == ["$.text"]
    built, repairs = PayloadDecoder(Kept).decode(b'{"v":{"a":NaN,"b":"\\ud83d"},"text":"t"}')
    assert bytes(built.v) == b'{"a":NaN,"b":"\\ud83d"}'
    assert repairs == ["nan at $.v.a", "lone surrogate at $.v.b"]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Circle | Square, b'{"type":"circle"}'),
        (Circle | Square, b'{"type":"hexagon"}'),
        (Circle | Square, b"{}"),
        (Circle | Square, b'{"type":{}}'),
        (Circle | Square, b'{"type":[]}'),
        (Circle | Square, b'{"type":1}'),
        (Circle | Square, b"null"),
        (Circle, b'{"type":"square","radius":1}'),
        (First | Second, b'{"type":3}'),
        (dict[str, int], b'{"a":"1"}'),
        (dict[str, int], b"[]"),
        (list[int], b"null"),
        (float, b'"1"'),
        (float, b"null"),
        (bool, b"1"),
        (Literal["a"], b'"b"'),
        (Annotated[int, msgspec.Meta(ge=0)], b"-1"),
        (Annotated[str, msgspec.Meta(max_length=2)], b'"abc"'),
        (Annotated[list[int], msgspec.Meta(min_length=1)], b"[]"),
    ],
)
def test_what_a_callers_type_refuses_stays_refused(annotation: Any, value: bytes) -> None:
    decoder = PayloadDecoder(one_field(annotation))
    with pytest.raises(EventDecodeError):
        decoder.decode(b'{"v":%s}' % value)


class Versioned(msgspec.Struct, tag=1, tag_field="v"):
    a: int = 0


class Listed(msgspec.Struct, array_like=True):
    a: int = 0


@pytest.mark.parametrize("type_", [Versioned, Listed])
@pytest.mark.parametrize("raw", [b"{x", b'{"v":1,"a":"b"}', b'["b"]'])
def test_what_the_lenient_way_knows_nothing_about_is_refused_strictly(type_: Any, raw: bytes) -> None:
    with pytest.raises(EventDecodeError):
        PayloadDecoder(type_).decode(raw)


class Picky(msgspec.Struct):
    a: int

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError("a is negative")
        if self.a == 0:
            raise TypeError("a is zero")


@pytest.mark.parametrize("number", [b"-1", b"0"])
def test_a_type_that_refuses_its_values_is_an_error_too(number: bytes) -> None:
    with pytest.raises(EventDecodeError):
        PayloadDecoder(Picky).decode(b'{"a":%s}' % number)


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (Picky, b'{"a":0}', "a is zero at $.v"),
        (Picky, b"{}", "nothing at $.v.a"),
        (Circle | Square, b'{"type":"hexagon"}', "unknown type at $.v"),
        (int, b"1.5", "number does not belong at $.v"),
        (int, b"{}", "dict does not belong at $.v"),
        (dict[str, int], b"[]", "list does not belong at $.v"),
        (list[dict[str, int]], b'[{"a":null}]', "NoneType does not belong at $.v[].a"),
        (int, b"9" * 4301, "integer of 4301 digits"),
    ],
)
def test_an_error_of_the_lenient_way_says_what_and_where(annotation: Any, value: bytes, reason: str) -> None:
    with pytest.raises(EventDecodeError) as caught:
        PayloadDecoder(one_field(annotation)).lenient(b'{"v":%s}' % value)
    assert caught.value.reason == reason


class Kind(msgspec.Struct, tag="kind"):
    unknown_member: ClassVar[Callable[[dict[str, Any]], Any]] = staticmethod(lambda fields: ["novel", fields])

    text: str = ""


@pytest.mark.parametrize(
    ("annotation", "value", "built", "repairs"),
    [
        (bool | str, b"5", "5", ["number for text at $.v"]),
        (bool | int, b"5.0", 5, ["fraction for an integer at $.v"]),
        (dict[str, int], b'{"a":1.0}', {"a": 1}, ["fraction for an integer at $.v.a"]),
        (
            dict[str, str],
            b'{"\\ud83d":1}',
            {"\ud83d": "1"},
            ["lone surrogate at $.v", "number for text at $.v.\ud83d"],
        ),
        (Kind, b'{"text":1}', Kind("1"), ["number for text at $.v.text"]),
        (
            Kind,
            b'{"type":"new","a":[1.5]}',
            ["novel", {"type": "new", "a": [1.5]}],
            ["unknown type 'new' at $.v"],
        ),
        (
            Kind,
            b'{"type":"new","a":"\\ud83d"}',
            ["novel", {"type": "new", "a": "\ud83d"}],
            ["lone surrogate at $.v.a", "unknown type 'new' at $.v"],
        ),
    ],
)
def test_a_callers_type_is_repaired_too(
    annotation: Any, value: bytes, built: Any, repairs: list[str]
) -> None:
    decoded, found = PayloadDecoder(one_field(annotation)).decode(b'{"v":%s}' % value)
    assert (decoded.v, sorted(found)) == (built, repairs)


class Node(msgspec.Struct):
    name: str = ""
    children: list["Node"] = []


def test_a_type_may_refer_to_itself() -> None:
    built, repairs = PayloadDecoder(Node).decode(b'{"children":[{"name":1,"children":[{"name":2}]}]}')
    assert built == Node("", [Node("1", [Node("2")])])
    assert paths(repairs) == ["$.children[].name", "$.children[].children[].name"]


def test_the_top_may_be_a_plain_type() -> None:
    assert PayloadDecoder(list[int]).decode(b"[1.0]") == ([1], ["fraction for an integer at $[]"])


# -- laws ------------------------------------------------------------------------------------------------


def check_lenient_agrees(decoder: PayloadDecoder[Any], raw: bytes) -> bool:
    """Where the strict way accepts, the lenient way gives the same and repairs nothing."""
    try:
        built = decoder.strict(raw)
    except STRICT_ERRORS:
        return False
    assert decoder.lenient(raw) == (built, [])
    assert repr(decoder.lenient(raw)[0]) == repr(built)
    return True


@given(written(fitting(ChatCompletionChunk)))
@settings(max_examples=250, deadline=None)
def test_where_a_chunk_is_taken_strictly_the_lenient_way_agrees(text: str) -> None:
    assert check_lenient_agrees(CHUNKS, text.encode())


@given(written(fitting(ChatCompletion)))
@settings(max_examples=100, deadline=None)
def test_where_a_completion_is_taken_strictly_the_lenient_way_agrees(text: str) -> None:
    assert check_lenient_agrees(PayloadDecoder(ChatCompletion), text.encode())


keys = st.sampled_from(("choices", "delta", "content", "index", "id", "created", "usage", "x_groq", "text"))
loose_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)


@given(written(loose_values))
@settings(max_examples=250, deadline=None)
def test_random_json_is_taken_alike_or_refused(text: str) -> None:
    check_lenient_agrees(CHUNKS, text.encode())


broken_texts = st.text(st.characters(max_codepoint=0x2FF) | st.sampled_from("\ud83d\ude00"), max_size=4)
broken_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | broken_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
named_values = st.fixed_dictionaries(
    {},
    optional={
        "id": broken_values,
        "created": broken_values,
        "x_groq": broken_values,
        "choices": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": st.floats() | st.integers(0, 3),
                    "delta": st.none() | st.fixed_dictionaries({}, optional={"content": broken_values}),
                },
            ),
            max_size=3,
        ),
    },
)


@given(written(named_values))
@settings(max_examples=250, deadline=None)
def test_what_only_the_lenient_way_takes_is_reported(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    try:
        CHUNKS.strict(raw)
    except STRICT_ERRORS:
        try:
            _, repairs = CHUNKS.lenient(raw)
        except EventDecodeError:
            return
        assert repairs


@given(st.binary(max_size=30) | st.builds(bytes.__add__, st.just(b'{"choices":['), st.binary(max_size=20)))
@settings(max_examples=250, deadline=None)
def test_any_bytes_are_an_object_or_an_error_of_ours(raw: bytes) -> None:
    try:
        built: object = CHUNKS.decode(raw)[0]
    except EventDecodeError as error:
        built = error
    assert pickle.loads(pickle.dumps(built)).__class__ in (ChatCompletionChunk, EventDecodeError)


# -- plain values and extra fields -----------------------------------------------------------------------


@given(written(loose_values))
@settings(max_examples=100, deadline=None)
def test_plain_values_are_those_of_the_standard_library(text: str) -> None:
    assert repr(loads(text.encode())) == repr(json.loads(text))
    assert plain(json.loads(text)) == json.loads(text)


def test_the_longest_integer_is_that_of_the_standard_library() -> None:
    longest = b"9" * MAX_INTEGER_DIGITS
    assert loads(longest) == int(longest)
    assert loads(b"-" + longest) == -int(longest)
    with pytest.raises(ValueError, match="4301"):
        loads(b"1" + longest)


class Named(msgspec.Struct, rename={"kind": "type"}):
    id: str = ""
    kind: str = ""


def test_extra_fields_are_those_that_the_type_does_not_name() -> None:
    raw = b'{"id":"a","type":"b","kind":1,"more":{"x":[1,2.5,NaN]},"\\ud83d":null}'
    extra = extra_fields(Named, raw)
    assert list(extra) == ["kind", "more", "\ud83d"]
    assert extra["kind"] == 1
    assert extra["more"]["x"][:2] == [1, 2.5]
    assert math.isnan(extra["more"]["x"][2])
    assert extra["\ud83d"] is None


def test_extra_fields_take_an_object_of_the_type_as_well() -> None:
    assert extra_fields(Named("a"), b'{"id":"a","novel":1}') == {"novel": 1}
    assert extra_fields(ChatCompletionChunk(), b'{"choices":[],"object":"x","novel":"\xff"}') == {
        "novel": "\ufffd"
    }
    assert extra_fields(ChatCompletionChunk, b"{}") == {}
    assert extra_fields(ChatCompletionChunk, b'{"":1}') == {"": 1}


def test_the_tag_of_a_type_is_no_extra_field() -> None:
    assert extra_fields(Circle, b'{"type":"circle","radius":1,"novel":2}') == {"novel": 2}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"a"', b"1", NESTED, b'{"a":' + NESTED + b"}"])
def test_extra_fields_of_what_is_no_object_are_an_error(raw: bytes) -> None:
    with pytest.raises(EventDecodeError) as caught:
        extra_fields(ChatCompletionChunk, raw)
    assert caught.value.raw == raw


# -- progress --------------------------------------------------------------------------------------------


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


spaces = st.text(" \n\t", max_size=3)


@given(spaces, written(plain_values), spaces, st.lists(st.integers(0, 8), min_size=1).filter(any))
@settings(max_examples=250, deadline=None)
def test_a_text_is_whole_where_the_standard_library_reads_it(
    before: str, value: str, behind: str, sizes: list[int]
) -> None:
    text = before + value + behind
    progress = JsonProgress()
    at = 0
    for size in itertools.cycle(sizes):
        progress.feed(text[at : at + size])
        at += size
        assert progress.whole == is_json(text[:at]), text[:at]
        if at >= len(text):
            return


@given(written(plain_values))
@settings(max_examples=100, deadline=None)
def test_each_character_can_be_a_piece(text: str) -> None:
    progress = JsonProgress()
    for end in range(len(text)):
        assert progress.whole == is_json(text[:end]), text[:end]
        progress.feed(text[end])
    assert progress.whole


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", False),
        (" ", False),
        ("{}", True),
        ("{} ", True),
        ("{}{", False),
        ("{}{}", False),
        ('{}"', False),
        ('{}""', False),
        ('"}"', True),
        ('"\\""', True),
        ('"\\\\"', True),
        ("\\", False),
        ("{\\}", True),
        ('{"a":"\\"}"', False),
        ('"]', False),
        ("]", False),
        ("][", False),
        ("}{", False),
        ("tru", False),
        ("true", True),
        ("1", True),
        ("-", False),
        ("nul", False),
        ("null", True),
        ("\ud83d", False),
        ('"\ud83d"', True),
        ("{oops}", True),  # it counts, and does not validate
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_progress_counts_brackets_and_texts(text: str, whole: bool, size: int) -> None:
    progress = JsonProgress()
    for at in range(0, len(text), size):
        progress.feed(text[at : at + size])
        progress.feed("")
    assert progress.whole is whole


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        (['"\\"', '"'], True),
        (['"\\\\', '"'], True),
        (['"\\', '""'], True),
        (['"a\\n', '"'], True),
        (["1", " 2"], False),
        (["1 ", "2"], False),
        ([" 1", "2 "], True),
        ([" " * (MAX_SCALAR_CHARS + 1), "1"], True),
        (["[1] ", " 2"], False),
        (["X", "{}"], False),
    ],
    ids=repr,
)
def test_what_ends_a_piece_and_begins_the_next_is_told_apart(cut: list[str], whole: bool) -> None:
    progress = JsonProgress()
    for piece in cut:
        progress.feed(piece)
    assert progress.whole is whole


LONG_TEXTS = {
    "a number": ("1" * MAX_SCALAR_CHARS, True),
    "a number and more": ("1" * MAX_SCALAR_CHARS + "x", False),
    "a word": ("x" * MAX_SCALAR_CHARS + "1", False),
    "many words": ("x " * 10_000, False),
    "a quoted number": ('"' + "1" * 10_000 + '"', True),
    "an object behind spaces": (" " * 10_000 + "{}", True),
}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(("text", "whole"), LONG_TEXTS.values(), ids=LONG_TEXTS.keys())
def test_a_number_is_recognised_up_to_a_length(text: str, whole: bool, size: int) -> None:
    progress = JsonProgress()
    for piece in pieces(text.encode(), size):
        progress.feed(piece.decode())
    assert progress.whole is whole
