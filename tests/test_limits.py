"""What no server should send, at its extremes: each thing is understood or refused, in bounded memory."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ssewire import (
    ChatParser,
    ChatReducer,
    ChatStream,
    CompletionsParser,
    EventDecodeError,
    EventTooLargeError,
    ResponsesParser,
    Tokenizer,
)
from ssewire._dialect import provider_error
from ssewire.testing import check_cutting, check_parts, make_chat_body, push

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire._dialects import DialectName

MIB = 2**20
GIB = 2**30
PARSERS: dict[DialectName, Any] = {
    "chat": ChatParser,
    "completions": CompletionsParser,
    "responses": ResponsesParser,
}
each_dialect = pytest.mark.parametrize("dialect", PARSERS)


def chunk(content: str, **more: str) -> bytes:
    beside = "".join(f',"{name}":{value}' for name, value in more.items())
    return f'data: {{"choices":[{{"index":0,"delta":{{"content":{content}}}}}]{beside}}}\n\n'.encode()


def content_of(*events: bytes) -> str | None:
    parser = ChatParser()
    for event in events:
        parser.feed(event)
    return parser.snapshot().choices[0].message.content


@each_dialect
@pytest.mark.parametrize(
    "opening", [b"[", b'{"a":', b'{"choices":[', b'{"type":"response.created","response":[']
)
def test_10_000_nested_arrays_are_one_malformed_event(dialect: DialectName, opening: bytes) -> None:
    deep = b"data: " + opening * 10_000 + b"\n\n"
    with pytest.raises(EventDecodeError):
        PARSERS[dialect]().feed(deep)
    parser = PARSERS[dialect](malformed="skip")
    assert parser.feed(deep) == []
    assert [each.kind for each in parser.diagnostics] == ["malformed"]


@pytest.mark.parametrize("field", ["created", "usage", "next_year", "timings"])
def test_a_number_of_5_000_digits_costs_its_event_at_most(field: str) -> None:
    # Where no type looks it is left out; where one does, no integer is that long.
    odd = chunk('"b"', **{field: "7" * 5000})
    account = push("chat", [chunk('"a"') + odd + chunk('"c"')], "skip")
    assert len(account.events) + account.count("malformed") == 3
    assert not [error for error in account.errors if "StreamTruncatedError" not in error]


@pytest.mark.parametrize("field", ["sequence_number", "output_index", "content_index", "next_year"])
def test_a_number_of_5_000_digits_costs_its_responses_event_at_most(field: str) -> None:
    odd = text_delta(b"b").replace(b"}", b',"%b":%b}' % (field.encode(), b"7" * 5000))
    account = push("responses", [text_delta(b"a") + odd + text_delta(b"c")], "skip")
    assert len(account.events) + account.count("malformed") == 3
    assert not [error for error in account.errors if "StreamTruncatedError" not in error]


def text_delta(text: bytes, more: bytes = b"") -> bytes:
    delta = b'"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0'
    return b'data: {%b,"delta":"%b"%b}\n\n' % (delta, text, more)


def test_an_event_that_is_nested_too_deep_to_be_folded_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    def apply(*_: object) -> None:
        raise RecursionError("too deep")

    hello, there = make_chat_body(text="Hello there").split(b"\n\n")[:2]
    with monkeypatch.context() as patch:
        patch.setattr(ChatReducer, "apply", apply)
        parser = ChatParser()
        with pytest.raises(EventDecodeError, match="too deep") as told:
            parser.feed(b"event: chunk\n" + hello + b"\n\n")
        assert (told.value.raw, told.value.event) == (hello.removeprefix(b"data: "), "chunk")
        assert (told.value.ordinal, type(told.value.__cause__)) == (1, RecursionError)
        skipping = ChatParser(malformed="skip")
        assert skipping.feed(hello + b"\n\n") == []
    assert len(skipping.feed(there + b"\n\n")) == 1
    assert [each.kind for each in skipping.diagnostics] == ["malformed"]


def test_an_error_that_is_nested_too_deep_for_words_is_told_as_sent() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert provider_error(deep, b"as sent \xff").message == "as sent \ufffd"


def pieces(head: bytes, piece: bytes, size: int) -> Iterator[bytes]:
    yield head
    for _ in range(size // len(piece)):
        yield piece


def test_a_data_line_of_1_gib_is_refused_at_the_limit() -> None:
    given = 0

    def counted() -> Iterator[bytes]:
        nonlocal given
        for piece in pieces(b"data: ", b"x" * MIB, GIB):
            given += len(piece)
            yield piece

    with ChatStream(counted()) as stream, pytest.raises(EventTooLargeError) as caught:
        stream.result()
    assert (caught.value.limit, caught.value.seen) == (16 * MIB, 16 * MIB + 1)
    assert given <= 17 * MIB + 6


@pytest.mark.parametrize("head", [b": ", b"unknown: ", b"unknown"])
def test_a_line_of_1_gib_that_means_nothing_passes_in_constant_memory(head: bytes) -> None:
    tokenizer = Tokenizer()
    tracemalloc.start()
    for piece in pieces(head, b"x" * 4 * MIB, GIB):
        assert tokenizer.feed(piece) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * MIB
    assert [event.data for event in tokenizer.feed(b"\ndata: still here\n\n")] == [b"still here"]


def test_of_duplicate_keys_the_last_counts() -> None:
    choices = b'"choices":[],"choices":[{"index":0,"delta":{"content":"x","content":"y"}}]'
    parser = ChatParser()
    parser.feed(b'data: {"id":"a","id":"b",%b}\n\n' % choices)
    assert parser.snapshot().id == "b"
    assert parser.snapshot().choices[0].message.content == "y"
    response = ResponsesParser()
    response.feed(text_delta(b"x", b',"delta":"y"'))
    assert response.message().text == "y"


INVALID = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\x80", b"\xf5\x80\x80\x80"]


@pytest.mark.parametrize("invalid", INVALID)
@pytest.mark.parametrize(
    "shape",
    [
        b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n',
        b'data: {"%b":1,"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"id":"%b"}\n\n',
        b'event: %b\ndata: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
        b'id: %b\ndata: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
        b': %b\n%b: %b\ndata: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
    ],
)
def test_bytes_that_are_no_utf8_never_stop_a_stream(invalid: bytes, shape: bytes) -> None:
    body = shape.replace(b"%b", invalid)
    parser = ChatParser()
    (event,) = parser.feed(body)
    assert event.choices[0].delta.content in ("a", invalid.decode(errors="replace"))
    json.loads(msgspec.json.encode(parser.snapshot()))
    check_cutting("chat", body, malformed="skip")


@pytest.mark.parametrize("invalid", INVALID)
@pytest.mark.parametrize(
    "place", ["m", "text", "type", "delta", "response.output_text.delta", "content_index"]
)
def test_bytes_that_are_no_utf8_never_stop_a_response_either(invalid: bytes, place: str) -> None:
    odd = text_delta(b"text").replace(b'"%b"' % place.encode(), b'"%b%b"' % (place.encode(), invalid))
    assert invalid in odd
    body = text_delta(b"a") + odd + text_delta(b"c")
    parser = ResponsesParser(malformed="skip")
    parser.feed(body)
    text = parser.message().text
    assert text.startswith("a")
    assert text.endswith("c")
    json.loads(msgspec.json.encode(parser.snapshot()))
    check_cutting("responses", body, malformed="skip")
    check_parts("responses", body, adds_up=True)


@pytest.mark.parametrize("invalid", INVALID)
def test_bytes_that_are_no_utf8_never_stop_a_completion_either(invalid: bytes) -> None:
    body = b'data: {"id":"%b","%b":1,"choices":[{"index":0,"text":"a%b"}]}\n\n'.replace(b"%b", invalid)
    parser = CompletionsParser()
    parser.feed(body)
    assert parser.message().text == "a" + invalid.decode(errors="replace")
    json.loads(msgspec.json.encode(parser.snapshot()))
    check_cutting("completions", body, malformed="skip")


def test_nul_is_a_character_like_any_other_but_in_an_id() -> None:
    assert content_of(chunk('"a\\u0000b"')) == "a\0b"
    with pytest.raises(EventDecodeError):
        ChatParser().feed(b"data: \0\n\n")
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"id: 1\n\nid: 2\0\nevent: a\0\ndata: \0\n\n")[0].data == b"\0"
    assert tokenizer.last_event_id == "1"


@pytest.mark.parametrize(
    ("deltas", "content"),
    [
        (['"\\ud83d"', '"\\ude00"'], "\U0001f600"),
        (['"\\ud83d"', '"a"'], "\ufffda"),
        (['"\\ude00"', '"\\ud83d"'], "\ufffd\ufffd"),
        (['"a\\ud83d"'], "a\ufffd"),
        (['"\\ud83d\\ude00"'], "\U0001f600"),
    ],
)
def test_halves_of_characters_are_joined_or_replaced(deltas: list[str], content: str) -> None:
    assert content_of(*map(chunk, deltas)) == content
