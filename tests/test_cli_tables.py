"""What the terminal shows of a stream: words, figures and a timeline, in colours where there are some."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest

from capture_cases import HEAD, story
from server import STORY, USAGE, chunk, event
from ssewire.cli.tables import BLOCKS, SHOWN, SHOWN_PARTS, facts_of, print_report, rows_of, seconds, shown
from ssewire.events import Diagnostic
from ssewire.logs import Capture, End, Head
from ssewire.logs.report import MAX_PARTS, DifferenceReport, Looked, look
from ssewire.message import Usage


def timed(*reads: tuple[float | None, bytes], end: str = "eof") -> Looked:
    return look(Capture(HEAD, list(reads), End(end)), "log.jsonl")


def printed(looked: Looked, capsys: pytest.CaptureFixture[str], width: int = 100) -> list[str]:
    print_report(looked, width)
    return capsys.readouterr().out.splitlines()


REASONING = event({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm"}}]})
ANSWER = timed(
    (0.5, STORY[0]),
    (1.0, REASONING),
    (2.0, STORY[1]),
    (3.0, STORY[2] + STORY[3]),
    (3.5, STORY[4]),
    (4.0, STORY[5] + STORY[6]),
)


def test_a_stream_is_a_table_and_a_timeline(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(ANSWER, capsys)
    assert lines[0] == "log.jsonl #1: complete"
    facts = {line[2:20].strip(): line[22:] for line in lines[1:-5]}
    assert facts["dialect"] == "chat"
    assert facts["model"] == "example-1"
    assert facts["verdict"] == "complete (finish reason: stop)"
    assert facts["status"] == "200"
    assert facts["end"] == "eof"
    assert re.fullmatch(r"7 events, [\d,]+ bytes, 6 reads", facts["size"])
    assert facts["first token"] == "after 1 s (first byte: 500 ms)"
    assert facts["last token"] == "after 3 s (last byte: 4 s)"
    assert facts["tokens a second"] == "1.5 (3 output tokens from the first to the last)"
    assert facts["gaps"] == "median 1 s, p95 1 s, max 1 s (2 between reads with tokens)"
    assert facts["usage"] == "input 4, output 3"
    assert "problem" not in facts
    scale, reasoning, text, reads, empty = lines[-5:]
    assert re.fullmatch(r"  timeline {12}0 +4 s", scale)
    assert re.fullmatch(r"  0 reasoning {9} +█ +2 chars, 1 s", reasoning)
    assert re.fullmatch(r"  1 text {14} +▃ +█ +16 chars, 2 s to 3 s", text)  # 4 chars, then 12
    assert re.fullmatch(r"  reads {15} +█ +█ +█ +█ +█ +█ +6 reads", reads)
    assert empty == ""


def test_no_line_is_wider_than_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for width in (80, 120):
        assert max(len(line) for line in printed(ANSWER, capsys, width)[-5:]) <= width


def test_a_capture_without_times_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    body = b"".join(STORY)
    looked = look(Capture(Head(origin="sse", unknown=("times", "reads", "end")), [(None, body)]), "a.sse")
    text = "\n".join(printed(looked, capsys))
    assert "no times: the capture does not know when its reads came" in text
    assert "by event: no times" in text
    assert "reads not known" in text
    assert not re.search(r"\bm?s\b|first token|\n  reads|status|began|request|end  ", text)


def facts(looked: Looked, **changes: Any) -> list[tuple[str, str]]:
    for name, value in changes.items():
        setattr(looked.report, name, value)
    return list(facts_of(looked.report))


def test_what_is_wrong_is_in_the_table() -> None:
    found = dict(facts(timed((1.0, STORY[1]), end="cut"), end=End("cut", problem="disk full")))
    assert found["problem"].startswith("truncated: ")
    assert found["end"] == "cut, disk full"
    found = dict(facts(timed((1.0, STORY[1])), end=End("error", error="reset"), problem="broke: reset"))
    assert found["end"] == "error"


def test_without_tokens_there_is_no_first_one() -> None:
    assert ("first token", "none") in facts(timed((1.0, STORY[4]), (2.0, STORY[6])))


def test_an_answer_of_no_known_dialect() -> None:
    found = dict(facts(timed((1.0, b'data: {"hello": 1}\n\n'))))
    assert found["dialect"] == "unknown"
    assert "model" not in found


def test_hidden_reasoning_is_told_beside_the_rate() -> None:
    usage = Usage(output_tokens=10, reasoning_tokens=1_000)
    found = dict(facts(timed((1.0, STORY[1]), (2.0, STORY[2])), usage=usage, tokens_per_second=10.0))
    assert (
        found["tokens a second"]
        == "10.0 (10 output tokens, 1,000 of them reasoning, from the first to the last)"
    )
    assert found["usage"] == "output 10, reasoning 1,000"
    assert dict(facts(timed((1.0, STORY[1])), usage=Usage()))["usage"] == "no counts"


def test_long_lists_are_cut() -> None:
    changes: dict[str, Any] = {
        "diagnostics": [Diagnostic("repaired", f"{n}", n, n) for n in range(1, SHOWN + 3)],
        "differences": [DifferenceReport(f"p{n}", "different", "x" * 99, "y") for n in range(SHOWN + 3)],
        "unknown_events": {"a.b": 2},
    }
    found = facts(timed((1.0, STORY[1])), **changes)
    assert ("unknown event", "a.b (2 times)") in found
    assert [value for label, value in found if label == "diagnostic"][:2] == [
        "repaired at event 1: 1",
        "repaired at event 2: 2 (2 times)",
    ]
    assert [value for label, value in found if label == "diagnostic"][-1] == "and 2 more"
    values = [value for label, value in found if label == "difference"]
    assert len(values) == SHOWN + 1
    assert values[0] == f"different: p0: streamed {'x' * 59}…, final y"
    assert values[-1] == "and 3 more"


def test_a_stream_that_is_what_its_server_says() -> None:
    found = dict(facts(timed((1.0, STORY[1])), differences=[]))
    assert found["differences"].startswith("none")


def test_many_parts_are_counted() -> None:
    body = b"".join((chunk("x"), REASONING)[number % 2] for number in range(MAX_PARTS + 7))
    report, columns = timed((1.0, body))
    rows = list(rows_of(report, columns, 20, BLOCKS))
    assert len(rows) == 1 + SHOWN_PARTS + 2
    assert rows[-2].bar == f"and {MAX_PARTS + 7 - SHOWN_PARTS} more parts"


def test_a_part_says_what_it_lacks() -> None:
    function = {"name": "look_up_a_long_name", "arguments": ""}
    delta = {"tool_calls": [{"index": 0, "id": "c", "function": function}]}
    report, columns = timed((1.0, event({"choices": [{"index": 0, "delta": delta}]})))
    row = list(rows_of(report, columns, 20, BLOCKS))[1]
    assert row == ("0 look_up_a_long_…", " " * 20, "no text, 1 s, incomplete", "tool_call")


def test_a_stream_without_events_has_no_timeline() -> None:
    assert list(rows_of(*timed((1.0, b"<html>")), 20, BLOCKS)) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "?"),
        (0.0, "0 ms"),
        (0.0012, "1.2 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (1.0, "1 s"),
        (59.96, "60 s"),
        (4e4, "40,000 s"),
    ],
)
def test_times_have_three_digits(value: float | None, told: str) -> None:
    assert seconds(value) == told


# -- terminals -------------------------------------------------------------------------------------------


def test_nothing_moves_the_cursor_or_turns_the_text() -> None:
    assert shown("a\x1b[2Jb\nc\u202ed\x9be\0é 中") == "a\\x1b[2Jb\\nc\\u202ed\\x9be\\x00é 中"


def test_a_terminal_without_unicode_gets_other_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    looked = timed((1.0, chunk("中")), (2.0, chunk("xx")), (3.0, STORY[6]))
    looked.report.model = "中é"
    print_report(looked, 80)
    sys.stdout.flush()
    text = raw.getvalue().decode("latin-1")
    assert "\\u4e2dé" in text
    assert re.search(r"0 text +=  +% +3 chars", text)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def on_terminal(looked: Looked, monkeypatch: pytest.MonkeyPatch) -> str:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    print_report(looked, 100)
    return terminal.getvalue()


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    text = on_terminal(ANSWER, monkeypatch)
    assert "\x1b[1;32mlog.jsonl #1: complete" in text
    assert "\x1b[35m" in text  # reasoning
    assert "█" in text
    cut = on_terminal(timed((1.0, STORY[1])), monkeypatch)
    assert "\x1b[1;31mlog.jsonl #1: truncated" in cut


def test_markup_in_a_stream_is_none_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = timed((1.0, STORY[1]), (2.0, event({"choices": [], "usage": USAGE})))
    looked.report.model = "[bold red]x[/] :smile: \x1b[2J"
    text = on_terminal(looked, monkeypatch)
    assert "[bold red]x[/] :smile: \\x1b[2J" in text


def test_without_rich_a_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    text = on_terminal(story_looked(), monkeypatch)
    assert text.startswith("a #1: complete\n")
    assert "\x1b" not in text


def story_looked() -> Looked:
    return look(story(), "a")
