"""The promises of the library, over generated streams. The laws of reading are in `test_laws_reading`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import interpret
from ssewire.testing import (
    check_answer,
    check_deltas,
    check_encoding,
    check_errors,
    check_folding,
    check_limit,
    check_memory,
    check_noise,
    check_prefix,
    check_snapshots,
    check_state,
    check_steps,
    check_tokenizer,
    cuttings,
    event_by_event,
    quirks_of,
    responses_streams,
    sendable_events,
    wire_streams,
)
from streams import (
    NUMBERED,
    STRATEGIES,
    any_streams,
    complete_streams,
    each_dialect,
    examples,
    sound_streams,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssewire import ServerSentEvent
    from ssewire._dialects import DialectName
    from ssewire.testing import StreamCase, WireCase

wire = st.one_of(wire_streams(), wire_streams(hostile=True))

# -- the wire --------------------------------------------------------------------------------------------


@given(wire)
@examples(60)
def test_a_wire_stream_means_what_the_standard_says(case: WireCase) -> None:
    meant = interpret(case.body)
    assert [(event.text, event.event, event.id) for event in case.events] == meant.events
    assert (case.last_event_id, case.retry) == (meant.last_event_id, meant.retry)
    sent = interpret(case.body, errors="surrogateescape")  # shows which bytes there were
    assert [event.data for event in case.events] == [raw(data) for data, _, _ in sent.events]
    assert case.comments == [raw(comment) for comment in sent.comments]
    assert case.unknown_fields == [(raw(name), raw(value)) for name, value in sent.unknown_fields]
    flushed = interpret(case.body, flush=True).events[len(meant.events) :]
    left = [] if case.unfinished is None else [case.unfinished]
    assert [(event.text, event.event, event.id) for event in left] == flushed


def raw(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


@given(wire, st.data())
@examples(200)
def test_a_tokenizer_makes_of_a_stream_what_it_means(case: WireCase, data: st.DataObject) -> None:
    check_tokenizer(case, data.draw(cuttings(case.body)))


@given(sendable_events())
@examples(50)
def test_an_encoded_event_comes_back(event: ServerSentEvent) -> None:
    check_encoding(event)


@given(sendable_events())
@examples(50)
def test_the_limit_is_exact(event: ServerSentEvent) -> None:
    check_limit(event)


def endless(line: bytes, reads: int) -> Iterator[bytes]:
    yield b"data: {}\n\n"
    yield line[:6]
    for _ in range(reads):
        yield line


@pytest.mark.parametrize(
    "line", [b"data: " + b"x" * 4090, b": " + b"x" * 4094, b"unknown" * 500, b"id:" * 1400]
)
def test_no_line_fills_memory(line: bytes) -> None:
    check_memory(endless(line, 400), limit=2**18, largest_read=2**12)


# -- reading ---------------------------------------------------------------------------------------------


@each_dialect
@given(data=st.data())
@examples(15)
def test_tokenizer_decoder_and_reducer_one_by_one_tell_what_the_parser_tells(
    dialect: DialectName, data: st.DataObject
) -> None:
    check_steps(dialect, data.draw(any_streams(dialect)).body)


@each_dialect
@given(data=st.data())
@examples(25)
def test_nothing_is_raised_but_what_is_documented(dialect: DialectName, data: st.DataObject) -> None:
    case = data.draw(STRATEGIES[dialect](quirks=quirks_of(dialect), hostile=True))
    check_errors(dialect, case.body, data.draw(cuttings(case.body)))


@each_dialect
@given(data=st.data())
@examples(25)
def test_what_is_no_stream_of_the_dialect_raises_nothing_else_either(
    dialect: DialectName, data: st.DataObject
) -> None:
    other = data.draw(st.sampled_from(sorted(STRATEGIES)))
    check_errors(dialect, data.draw(st.one_of(any_streams(other), wire)).body)


# -- folding ---------------------------------------------------------------------------------------------


@each_dialect
@given(data=st.data())
@examples(45)
def test_no_later_event_alters_a_snapshot(dialect: DialectName, data: st.DataObject) -> None:
    check_snapshots(dialect, data.draw(any_streams(dialect)).body)


@each_dialect
@given(data=st.data())
@examples(45)
def test_folding_leaves_events_alone_and_looking_changes_nothing(
    dialect: DialectName, data: st.DataObject
) -> None:
    # A look between the two halves of a character is where a fold has most to lose.
    halved = STRATEGIES[dialect](quirks=["lone_halves"])
    check_folding(dialect, data.draw(st.one_of(halved, any_streams(dialect))).body)


@given(st.data())
@examples(100)
def test_a_saved_state_goes_on_to_the_same_end(data: st.DataObject) -> None:
    case = data.draw(st.one_of(responses_streams(), responses_streams(quirks=NUMBERED)))
    stop = data.draw(st.integers(0, len(event_by_event(case.body))))
    check_state(case.body, stop, data.draw(st.sampled_from((0, 1, 1, 2, 100))))


EACH_QUIRK = [(dialect, quirk) for dialect in STRATEGIES for quirk in quirks_of(dialect)]

# -- meaning ---------------------------------------------------------------------------------------------


@each_dialect
@given(data=st.data())
@examples(15)
def test_a_stream_gives_back_what_was_streamed(dialect: DialectName, data: st.DataObject) -> None:
    case = data.draw(sound_streams(dialect))
    check_answer(case, data.draw(cuttings(case.body)))


@pytest.mark.parametrize(("dialect", "quirk"), EACH_QUIRK)
@given(data=st.data())
@examples(10)
def test_each_quirk_alone_is_understood(dialect: DialectName, quirk: str, data: st.DataObject) -> None:
    check_answer(data.draw(STRATEGIES[dialect](quirks=[quirk])))


@each_dialect
@given(data=st.data())
@examples(15)
def test_a_stream_that_ends_early_is_not_called_complete(dialect: DialectName, data: st.DataObject) -> None:
    case = data.draw(complete_streams(dialect))
    check_prefix(case, data.draw(st.integers(0, len(case.body))))


@given(complete_streams("responses"))
@examples(50)
def test_deltas_add_up_to_what_the_done_event_says(case: StreamCase) -> None:
    check_deltas(case)


@each_dialect
@given(data=st.data())
@examples(15)
def test_comments_and_other_line_ends_change_nothing(dialect: DialectName, data: st.DataObject) -> None:
    case = data.draw(sound_streams(dialect))
    places = data.draw(st.lists(st.integers(0, case.body.count(b"\n")), max_size=4))
    check_noise(case, places, data.draw(st.sampled_from((b"\n", b"\r\n", b"\r"))))
