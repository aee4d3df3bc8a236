"""The tally: what is counted, what two tallies make together, and how it is told."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from capture_cases import DONE, story
from ssewire import ChatStream
from ssewire.cli import tally
from ssewire.cli.output import CLEAN, FINDINGS, WRONG_USE
from ssewire.cli.tally import Tally
from ssewire.logs.foreign import Aside

if TYPE_CHECKING:
    import pytest


def test_streams_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    counted = Tally()
    with story().stream() as whole:
        whole.result()
    with ChatStream(b"") as empty:
        list(empty)
    counted.look_at("a", whole, "chat")
    counted.look_at("b", empty, None)
    counted.count("a", "")
    counted.count("b", "nothing")
    counted.count("c", "", code=FINDINGS)
    assert counted.streams == 3
    assert counted.findings == 2
    assert counted.code == FINDINGS
    assert counted.verdicts == {"complete": 1, "empty": 1}
    assert counted.dialects == {"chat": 1, "unknown": 1}
    assert counted.models == {"example-1": 1, "unknown": 1}
    assert counted.slowest == (0.5, "a")
    assert capsys.readouterr() == ("", "ssewire: b: nothing\n")


def test_times_that_are_not_known_are_none() -> None:
    counted = Tally()
    capture = story()
    with type(capture)(capture.head, [(None, capture.body)]).stream() as stream:
        stream.result()
    counted.look_at("a", stream, "chat")
    assert counted.slowest is None


def test_two_tallies_make_one() -> None:
    first = Tally(files=1, streams=2, size=3, findings=1, code=FINDINGS, slowest=(0.5, "a"))
    first.verdicts.update(complete=1, failed=1)
    second = Tally(files=4, unreadable=1, left_out=2, selected=1, code=WRONG_USE, slowest=(0.7, "b"))
    second.verdicts.update(complete=2)
    second.models.update(x=2)
    first.add(pickle.loads(pickle.dumps(second)))
    first.add(Tally(foreign=1, events=5, slowest=(0.1, "c")))
    assert first == Tally(
        files=5,
        unreadable=1,
        foreign=1,
        streams=2,
        left_out=2,
        selected=1,
        size=3,
        events=5,
        findings=1,
        verdicts=first.verdicts,
        models=second.models,
        slowest=(0.7, "b"),
        code=WRONG_USE,
    )
    assert first.verdicts == {"complete": 3, "failed": 1}


def test_models_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_MODELS", 2)
    counted, other = Tally(), Tally()
    other.models.update(a=1, b=2)
    counted.add(other)
    other.models.update(c=3)
    counted.add(other)
    assert counted.models == {"a": 2, "b": 4, "…": 3}


def test_what_is_left_out_is_a_finding_unless_it_is_rightly_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counted = Tally()
    counted.report(Aside("others"))
    assert (counted.findings, counted.code) == (0, CLEAN)
    counted.report("damage")
    assert (counted.findings, counted.code) == (1, FINDINGS)
    counted.fail()
    counted.find()
    assert (counted.findings, counted.unreadable, counted.code) == (2, 1, WRONG_USE)
    assert capsys.readouterr().err == "ssewire: others\nssewire: damage\n"


def test_people_are_told_in_lines() -> None:
    counted = Tally(files=1200, unreadable=1, foreign=2, streams=3, left_out=4, size=3 * 2**19, events=5000)
    assert list(Tally(files=1).lines()) == [
        "files:       1 read",
        "streams:     0, 0.0 MiB",
        "findings:    0",
    ]
    counted.verdicts.update(complete=2, failed=1)
    counted.models.update({f"m{number:02}": 20 - number for number in range(12)})
    counted.slowest = (1.25, "a#2")
    lines = list(counted.lines())
    assert lines[:3] == [
        "files:       1,200 read, 1 unreadable, 2 without captures",
        "streams:     3, 1.5 MiB, 5,000 events, 4 others left out",
        "verdicts:    complete 2, failed 1",
    ]
    assert lines[3].startswith("models:      m00 20, m01 19, ")
    assert lines[3].endswith(", m09 11, and 2 more")
    assert lines[4:] == ["findings:    0", "first token: 1.250 s at the latest (a#2)"]


def test_programs_are_told_in_plain_values() -> None:
    counted = Tally(files=2, streams=2, size=10, slowest=(1.5, "a"))
    counted.dialects.update(chat=2)
    facts = counted.facts(interrupted=True)
    assert facts["slowest_first_token"] == {"seconds": 1.5, "source": "a"}
    assert (facts["bytes"], facts["dialects"], facts["interrupted"]) == (10, {"chat": 2}, True)
    assert Tally().facts(interrupted=False)["slowest_first_token"] is None


def test_a_stream_of_the_end_mark_alone_has_no_first_token() -> None:
    counted = Tally()
    with ChatStream(DONE) as stream:
        stream.result()
    counted.look_at("a", stream, "chat")
    assert counted.slowest is None
