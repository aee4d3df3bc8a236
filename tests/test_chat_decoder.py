"""Server-sent events to chunks: what is the end, what is nothing, and into which types."""

import copy
import threading
from typing import Any

import msgspec
import pytest

from ssewire import DONE, ChatCompletionChunk, ChatDecoder, EventDecodeError, ServerSentEvent
from ssewire._dialect import ChunkDecoder
from ssewire.chat import ChunkChoice, Delta
from ssewire.chat.dialect import CHAT
from ssewire.chat.types import NO_DELTA

DECODER: ChatDecoder[ChatCompletionChunk] = ChatDecoder()


def decode(data: bytes, event: str = "message") -> Any:
    return DECODER.decode(ServerSentEvent(data, event))


@pytest.mark.parametrize(
    "data", [b"[DONE]", b" [DONE]", b"[DONE] ", b"  [DONE]\t", b"\n[DONE]", b"[DONE]\n", b"\r[DONE]\f"]
)
@pytest.mark.parametrize("event", ["message", "done", "error"])
def test_the_end_mark_is_done(data: bytes, event: str) -> None:
    assert decode(data, event) is DONE


@pytest.mark.parametrize("data", [b"", b" ", b"\n", b"\t\r\n ", b"null", b" null\n"])
@pytest.mark.parametrize("event", ["message", "ping", "keepalive"])
def test_a_heartbeat_is_none(data: bytes, event: str) -> None:
    assert decode(data, event) is None


def test_done_and_nothing_stay_what_they_are() -> None:
    assert copy.copy(DONE) is DONE
    assert copy.deepcopy(DONE) is DONE
    assert DONE.value == "[DONE]"


@pytest.mark.parametrize(
    "data",
    [
        b"[done]",
        b"DONE",
        b'"[DONE]"',
        b"[DONE][DONE]",
        b"\xc2\xa0[DONE]",
        b"nul",
        b"NULL",
        b"0",
        b"false",
        b"[]",
        b'"text"',
        b": ping",
        b'{"choices":',
        b'{"id":true}',
    ],
)
def test_what_is_neither_is_an_error(data: bytes) -> None:
    with pytest.raises(EventDecodeError) as caught:
        decode(data, "ping")
    assert (caught.value.raw, caught.value.event) == (data.strip(), "ping")


@pytest.mark.parametrize("data", [b"{}", b" {} ", b"\n{\n}\n", b'{"choices":[]}', b'{"choices":null}'])
def test_an_object_is_a_chunk_whatever_it_lacks(data: bytes) -> None:
    assert decode(data) == ChatCompletionChunk()


def test_a_chunk_has_choices_and_deltas_always() -> None:
    chunk = decode(b'{"choices":[{},{"delta":null},{"delta":{}}]}')
    assert chunk.choices == [ChunkChoice(NO_DELTA), ChunkChoice(NO_DELTA), ChunkChoice(Delta())]
    assert all(isinstance(choice.delta, Delta) for choice in chunk.choices)
    assert decode(b'{"choices":null}').choices == []


def test_fields_that_no_type_names_are_no_error() -> None:
    assert decode(b'{"id":"a","novel":{"x":[1]},"choices":[{"novel":1,"delta":{"novel":null}}]}') == (
        ChatCompletionChunk(id="a", choices=[ChunkChoice(Delta())])
    )


def test_values_of_an_enumeration_are_open() -> None:
    chunk = decode(
        b'{"object":"","service_tier":"novel","choices":[{"finish_reason":"novel","delta":{"role":"x"}}]}'
    )
    assert (chunk.object, chunk.service_tier) == ("", "novel")
    assert (chunk.choices[0].finish_reason, chunk.choices[0].delta.role) == ("novel", "x")


# -- error events ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"boom", "boom"),
        (b'"boom"', "boom"),
        (b'{"boom', '{"boom'),
        (b"b\xff", "b\ufffd"),
        (b'["boom"]', ["boom"]),
        (b"7", 7),
        (b'{"error":"boom"}', "boom"),
        (b'{"error":{"message":"boom"}}', {"message": "boom"}),
        (b'{"message":"boom"}', None),  # the payload is the error, and the chunk does not name its fields
        (b"[" * 10_000, "[" * 10_000),
    ],
)
def test_an_event_named_error_is_a_chunk_whatever_it_holds(data: bytes, error: Any) -> None:
    assert decode(data, "error") == ChatCompletionChunk(error=error)


def test_an_event_of_another_name_is_not() -> None:
    with pytest.raises(EventDecodeError):
        decode(b"boom", "errors")


# -- types that a caller brings --------------------------------------------------------------------------


class TextDelta(msgspec.Struct, frozen=True):
    content: str | None = None


class TextChoice(msgspec.Struct):
    delta: TextDelta = TextDelta()


class TextChunk(msgspec.Struct):
    """What somebody needs who wants the text alone."""

    choices: list[TextChoice] = []


class More(ChatCompletionChunk, frozen=True):
    novel: int = 0


def test_any_struct_will_do() -> None:
    decoder = ChatDecoder(type=TextChunk)
    event = ServerSentEvent(b'{"id":7,"choices":[{"index":"x","delta":{"content":"a","role":1}}]}')
    assert decoder.decode(event) == TextChunk([TextChoice(TextDelta("a"))])
    assert decoder.decode(ServerSentEvent(b"[DONE]")) is DONE
    assert decoder.decode(ServerSentEvent(b"null")) is None


def test_any_struct_is_read_leniently_as_well() -> None:
    decoder = ChatDecoder(type=TextChunk)
    assert decoder.decode(ServerSentEvent(b'{"choices":null}')) == TextChunk()
    assert decoder.decode(ServerSentEvent(b'{"choices":[{"delta":{"content":6}}]}')) == (
        TextChunk([TextChoice(TextDelta("6"))])
    )
    with pytest.raises(EventDecodeError):
        decoder.decode(ServerSentEvent(b"boom", "error"))


def test_a_subclass_has_its_fields() -> None:
    decoder = ChatDecoder(type=More)
    assert decoder.decode(ServerSentEvent(b'{"id":"a","novel":7}')) == More(id="a", novel=7)
    assert decoder.decode(ServerSentEvent(b"boom", "error")) == More(error="boom")


def test_the_dialect_has_one_decoder_a_type() -> None:
    assert CHAT.decoder_of() is CHAT.decoder_of(ChatCompletionChunk)
    assert CHAT.decoder_of(More) is CHAT.decoder_of(More)
    assert CHAT.decoder_of(More) is not CHAT.decoder_of()
    assert isinstance(CHAT.decoder_of(), ChunkDecoder)
    with pytest.raises(TypeError, match="ChatCompletionChunk"):
        CHAT.decoder_of(TextChunk)


# -- text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "index", "text"),
    [
        (b"{}", 0, ""),
        (b'{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}', 0, "a"),
        (b'{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}', 1, "b"),
        (b'{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}', 1, "b"),
        (b'{"choices":[{"index":0,"delta":{"content":"a"}},{"index":0,"delta":{"content":"b"}}]}', 0, "ab"),
        (b'{"choices":[{"index":0,"delta":{"content":null,"refusal":"a","reasoning":"b"}}]}', 0, ""),
        (
            b'{"choices":[{"delta":{"content":[{"text":"a"},{"thinking":"b"},{"type":"x"},{"text":"c"}]}}]}',
            0,
            "ac",
        ),
        (b'{"choices":[{"delta":{"content":"\\ud83d"}}]}', 0, "\ud83d"),
        (b'{"choices":[{"index":0,"message":{"content":"a"}}]}', 0, "a"),
        (b'{"choices":[{"index":0,"message":{"content":"a"},"delta":{"content":"b"}}]}', 0, "b"),
    ],
)
def test_the_text_of_a_chunk_is_what_it_adds_to_the_content(data: bytes, index: int, text: str) -> None:
    assert CHAT.text_of(decode(data), index) == text


# -- threads ---------------------------------------------------------------------------------------------


def test_one_decoder_serves_many_threads() -> None:
    """Also at the first odd payload, for which the lenient way is built on the spot."""
    decoder = ChatDecoder(type=More)
    start = threading.Barrier(8)
    wrong: list[Any] = []

    def work(number: int) -> None:
        start.wait()
        for count in range(200):
            text = f"{number}-{count}"
            strict = decoder.decode(ServerSentEvent(b'{"id":"%s","novel":1}' % text.encode()))
            lenient = decoder.decode(
                ServerSentEvent(b'{"id":"%s","choices":null,"novel":1.0}' % text.encode())
            )
            if not strict == lenient == More(id=text, novel=1):
                wrong.append((strict, lenient))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
