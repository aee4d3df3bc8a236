"""The fast way of deltas gives what the exact way gives: events, snapshots, counts and diagnostics."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import CORPUS, captures_folder
from ssewire import (
    ResponsesParser,
    ResponsesReducer,
    ResponsesStream,
    ServerSentEvent,
    SSEWireError,
    responses,
)
from ssewire._dialect import NoRun
from ssewire.responses.deltas import PLACES, Deltas
from ssewire.responses.dialect import RESPONSES

if TYPE_CHECKING:
    from pathlib import Path

    from ssewire._dialect import Dialect
    from ssewire._parser import Malformed

RECORDED = sorted(captures_folder().glob("responses-*.sse")) + sorted((CORPUS / "responses").glob("*.sse"))


class ExactParser(ResponsesParser):
    """A parser without the fast way."""

    dialect: ClassVar[Dialect[Any, Any]] = msgspec.structs.replace(RESPONSES, run=NoRun)


class ExactStream(ResponsesStream):
    """A stream without the fast way."""

    def __init__(self, source: Any, *, malformed: Malformed = "raise") -> None:
        self._begin(source, ExactParser(malformed=malformed), time.monotonic, None, None)


def seen(stream_class: type[ResponsesStream], reads: list[bytes], every: int = 1) -> list[Any]:
    """All that a stream shows, its snapshot at every so many events, and in the end."""
    story: list[Any] = []
    stream = stream_class(reads, malformed="skip")
    try:
        for number, (event, raw) in enumerate(stream.raw()):
            story.append((event, raw))
            if number % every == 0:
                story.append((stream.snapshot(), stream.state()))
    except SSEWireError as error:
        story.append((type(error), str(error)))
    return [
        *story,
        stream.verdict,
        stream.snapshot(),
        stream.assembled(),
        stream.diagnostics,
        stream.timing.first_token is None,
        stream._parser.tokens,
    ]


def test_the_two_ways_are_two() -> None:
    assert isinstance(ResponsesStream(b"")._parser._run, Deltas)
    assert isinstance(ExactStream(b"")._parser._run, NoRun)


def frame(fields: dict[str, Any], name: str | None = None) -> bytes:
    """An event as OpenAI writes it, or under another name."""
    return b"event: %b\ndata: %b\n\n" % ((name or fields["type"]).encode(), json.dumps(fields).encode())


def delta(kind: str = "output_text", number: int | None = None, **fields: Any) -> dict[str, Any]:
    numbered = {} if number is None else {"sequence_number": number}
    return {"type": f"response.{kind}.delta", "output_index": 0, "item_id": "m", **numbered, **fields}


ADDED = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m"}}
DONE = {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "id": "m"}}
TEXT_DONE = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "all"}
END = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}
LOGPROBS = [{"token": "a", "logprob": -1.0}]

DELTAS = st.builds(
    delta,
    st.sampled_from(["output_text"] * 5 + ["refusal", "reasoning_text", "function_call_arguments"]),
    delta=st.sampled_from(["a", "b c", "", "é", "\ud83d", "\ude00"]),
    content_index=st.sampled_from([0, 0, 0, 1]),
    output_index=st.sampled_from([0, 0, 0, 0, 1, None]),
    item_id=st.sampled_from(["m", "m", "m", "n"]),
    logprobs=st.sampled_from([[], [], [], LOGPROBS]),
    obfuscation=st.sampled_from([None, "x", "yz"]),
)
OTHERS = st.sampled_from([ADDED, DONE, TEXT_DONE, {"type": "keepalive"}, {"type": "response.next_year"}])
NUMBERING = st.sampled_from(["none", "in order", "in order", "constant", "gaps"])


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Events, numbered in some way, most of them deltas that go on."""
    runs = draw(st.lists(st.tuples(st.one_of(DELTAS, DELTAS, OTHERS), st.integers(1, 4)), max_size=8))
    numbering = draw(NUMBERING)
    events = [event for event, times in runs for _ in range(times)]
    if draw(st.booleans()):
        events.append(END)
    numbers = {"constant": [3] * len(events), "gaps": [at * 2 for at in range(len(events))]}
    named = [draw(st.sampled_from([None] * 9 + ["error"])) for _ in events]
    if numbering == "none":
        return [frame(event, name) for event, name in zip(events, named, strict=True)]
    order = numbers.get(numbering, list(range(len(events))))
    return [
        frame(event | {"sequence_number": number}, name)
        for event, number, name in zip(events, order, named, strict=True)
    ]


@settings(max_examples=300, deadline=None)
@given(streams(), st.booleans())
def test_the_fast_way_gives_what_the_exact_way_gives(events: list[bytes], live: bool) -> None:
    reads = events if live else [b"".join(events)]
    assert seen(ResponsesStream, reads) == seen(ExactStream, reads)


def text(number: int | None, piece: str = "a", **fields: Any) -> dict[str, Any]:
    return delta(number=number, delta=piece, content_index=0, **fields)


CLOSE_CALLS = {
    "another part, next number": [text(0), text(1), text(2) | {"content_index": 1}],
    "another item, next number": [text(0), text(1), text(2, output_index=1)],
    "another id of the item": [text(0), text(1), text(2) | {"item_id": "n"}],
    "another id, no index": [
        text(at, output_index=None) | {"item_id": each} for at, each in enumerate("mmn")
    ],
    "the first of two items, no index": [
        {**ADDED, "output_index": None, "sequence_number": 0},
        {**ADDED, "output_index": None, "sequence_number": 1, "item": {"type": "message", "id": "n"}},
        *(text(at, output_index=None) for at in (2, 3, 4)),
    ],
    "one of two that grow, no index": [
        {**ADDED, "output_index": None, "sequence_number": 0},
        text(1, output_index=None),
        {**ADDED, "output_index": None, "sequence_number": 2, "item": {"type": "message", "id": "n"}},
        text(3, output_index=None, item_id="n"),
        *(text(at, output_index=None) for at in (4, 5, 6)),
    ],
    "another kind": [text(0), text(1), delta("refusal", 2, delta="a", content_index=0)],
    "the same part, a number too far": [text(0), text(1), text(3)],
    "the same part, the same number": [text(0), text(1), text(1)],
    "the same part, no number": [text(0), text(1), text(None)],
    "never a number": [text(None), text(None), text(None)],
    "log probabilities each time": [text(at, logprobs=LOGPROBS) for at in range(3)],
    "log probabilities at last": [text(0), text(1), text(2, logprobs=LOGPROBS)],
    "nothing in between": [text(0), text(1), text(2, ""), text(3, ""), text(4, "b")],
    "a text that is done": [text(0), text(1), {**TEXT_DONE, "sequence_number": 2}, text(3), text(4)],
    "an item that is done": [text(0), text(1), {**DONE, "sequence_number": 2}, text(3), text(4)],
}


@pytest.mark.parametrize("every", [1, 100])
@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("events", CLOSE_CALLS.values(), ids=CLOSE_CALLS.keys())
def test_what_nearly_goes_on_is_the_same_both_ways(
    events: list[dict[str, Any]], live: bool, every: int
) -> None:
    frames = [frame(event) for event in events]
    reads = frames if live else [b"".join(frames)]
    assert seen(ResponsesStream, reads, every) == seen(ExactStream, reads, every)


def test_a_delta_under_the_name_of_an_error_is_an_error() -> None:
    reads = [frame(text(0)), frame(text(1)), frame(text(2), "error"), frame(text(3))]
    story = seen(ResponsesStream, reads)
    assert story == seen(ExactStream, reads)
    assert story[-6].value == "failed"


def test_a_delta_out_of_order_is_not_remembered() -> None:
    reducer = ResponsesReducer()
    decoder = RESPONSES.decoder_of()
    run = Deltas(reducer, decoder.strict)
    first, early, next_ = (ServerSentEvent(json.dumps(text(at)).encode()) for at in (0, -1, 1))
    for wire in (first, early):
        event: Any = decoder.decode(wire)
        reducer.apply(event)
        run.learn(wire.data, event)
    assert run.take(next_) is None


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_streams_are_the_same_both_ways(path: Path, live: bool) -> None:
    body = path.read_bytes()
    reads = [event + b"\n\n" for event in body.split(b"\n\n")] if live else [body]
    assert seen(ResponsesStream, reads, every=40) == seen(ExactStream, reads, every=40)


def test_the_deltas_of_every_text_have_a_place() -> None:
    assert {each.__name__ for each in PLACES} == {
        "OutputTextDelta",
        "RefusalDelta",
        "ReasoningTextDelta",
        "ReasoningSummaryTextDelta",
        "FunctionCallArgumentsDelta",
        "CustomToolCallInputDelta",
        "McpCallArgumentsDelta",
        "CodeInterpreterCallCodeDelta",
        "ShellCallCommandDelta",
        "ApplyPatchCallOperationDiffDelta",
    }


def test_a_delta_that_goes_on_is_taken() -> None:
    stream = ResponsesStream([frame(delta(number=at, delta="a", content_index=0)) for at in range(5)])
    for number, _ in enumerate(stream):
        run = stream._parser._run
        assert isinstance(run, Deltas)
        assert run.pieces == ["a"] * number  # the first goes the exact way
    assert stream.state().sequence_number == 4


def test_a_reducer_of_ones_own_may_be_fed_by_the_fast_way() -> None:
    reducer = ResponsesReducer()
    decoder = RESPONSES.decoder_of()
    run = Deltas(reducer, decoder.strict)
    first, second = (ServerSentEvent(json.dumps(delta(number=at, delta="a")).encode()) for at in (0, 1))
    assert run.take(first) is None
    assert run.decoded is not None
    reducer.apply(run.decoded)
    run.learn(first.data, run.decoded)
    assert run.take(second) == decoder.decode(second)
    assert run.fold(1) == ["a"]
    assert (reducer.tokens, reducer.sequence_number) == (2, 1)
    reducer.apply(responses.OutputTextDone(sequence_number=5, output_index=0, content_index=0, text="aa"))
    assert [(each.kind, each.ordinal) for each in reducer.diagnostics] == [
        ("missing_item", 1),
        ("sequence_gap", 3),
    ]


@pytest.mark.parametrize(
    ("field", "kind"), [("arguments", "function_call_arguments"), ("content", "output_text")]
)
def test_a_delta_for_what_is_no_text_is_not_remembered(field: str, kind: str) -> None:
    reducer = ResponsesReducer()
    decoder = RESPONSES.decoder_of()
    run = Deltas(reducer, decoder.strict)
    added = {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {"type": "next_year", field: 5},
    }
    wire = ServerSentEvent(json.dumps(delta(kind, delta="a")).encode())
    for each in (ServerSentEvent(json.dumps(added).encode()), wire):
        event: Any = decoder.decode(each)
        reducer.apply(event)
        run.learn(each.data, event)
    assert reducer.diagnostics[0].kind == "misplaced_event"
    assert run.take(wire) is None
