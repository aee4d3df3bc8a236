"""However a stream is cut, and whoever reads it, the same is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire.testing import check_cutting, check_parts, check_streams, check_timeliness, cuttings, push
from streams import any_streams, each_dialect, examples

if TYPE_CHECKING:
    from ssewire._dialects import DialectName

each_policy = pytest.mark.parametrize("malformed", ["raise", "skip", "call"])


@pytest.mark.no_cover
@each_dialect
@each_policy
@given(data=st.data())
@examples(15)
def test_however_a_body_is_cut_the_same_is_told(
    dialect: DialectName, malformed: str, data: st.DataObject
) -> None:
    case = data.draw(any_streams(dialect))
    check_cutting(dialect, case.body, data.draw(cuttings(case.body)), malformed)


@pytest.mark.no_cover
@each_dialect
@each_policy
@given(data=st.data())
@examples(12)
def test_a_parser_a_stream_and_an_async_stream_tell_the_same(
    dialect: DialectName, malformed: str, data: st.DataObject
) -> None:
    case = data.draw(any_streams(dialect))
    check_streams(dialect, case.body, data.draw(cuttings(case.body)), malformed)


@pytest.mark.no_cover
@each_dialect
@given(data=st.data())
@examples(15)
def test_each_event_comes_with_the_read_that_completes_it(dialect: DialectName, data: st.DataObject) -> None:
    case = data.draw(any_streams(dialect))
    check_timeliness(dialect, case.body, data.draw(cuttings(case.body)))


@pytest.mark.no_cover
@each_dialect
@given(data=st.data())
@examples(25)
def test_of_parts_the_same_is_told_to_everybody(dialect: DialectName, data: st.DataObject) -> None:
    case = data.draw(any_streams(dialect))
    check_parts(dialect, case.body, data.draw(cuttings(case.body)), adds_up=True)


MALFORMED = [b'{"a":1}{"a":2}', b'{"a":', b"3}"]
GOOD: dict[str, list[bytes]] = {
    "chat": [
        b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}' % text for text in (b"one ", b"two ", b"3")
    ],
    "completions": [b'{"choices":[{"index":0,"text":"%b"}]}' % text for text in (b"one ", b"two ", b"3")],
    "responses": [
        b'{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"%b"}' % text
        for text in (b"one ", b"two ", b"3")
    ],
}


@pytest.mark.no_cover
@each_dialect
@each_policy
@pytest.mark.parametrize("before", [0, 1, 2, 5])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_malformed_events_one_behind_another_are_no_events_in_any_cutting(
    dialect: DialectName, malformed: str, before: int, count: int
) -> None:
    # Joined by anything but a line end of their own, the three would be three events.
    payloads = GOOD[dialect] * 2
    payloads[before:before] = MALFORMED[:count]
    body = b"".join(b"data: %b\n\n" % payload for payload in payloads)
    check_cutting(dialect, body, malformed=malformed)
    check_streams(dialect, body, malformed=malformed)
    account = push(dialect, [body], malformed)
    if malformed == "raise":
        assert len(account.events) == before
        assert f"'ordinal': {before + 1}," in account.errors[0]
    else:
        assert len(account.events) == 6
        assert account.count("malformed") == count
