"""The page as text: it holds what it should, as data that no browser takes for more, and not too much."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html.parser
import io
import json
import re
from importlib.resources import files
from typing import Any

import pytest

from capture_cases import HEAD, story
from server import STORY, chunk
from ssewire.logs import Capture, End
from ssewire.logs import page as page_module
from ssewire.logs.page import Kept, Page
from ssewire.logs.report import look
from ssewire.parts import TextPart


class Reader(html.parser.HTMLParser):
    """Reads a page as a browser does, roughly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}  # of scripts and styles, by class or tag
        self._at = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._at = ""
        if tag in ("script", "style"):
            self._at = dict(attrs).get("class") or tag
            self.texts.setdefault(self._at, []).append("")

    def handle_endtag(self, tag: str) -> None:
        self._at = ""

    def handle_data(self, data: str) -> None:
        if self._at:
            self.texts[self._at][-1] += data

    def values(self, name: str) -> list[Any]:
        return [json.loads(text) for text in self.texts.get(name, [])]


def page_of(*captures: Capture, names: Any = "log.jsonl") -> Reader:
    file = io.BytesIO()
    with Page(file) as page:
        for number, capture in enumerate(captures, 1):
            kept = page.witness()
            page.add(look(capture, names, number, witness=kept), kept)
    assert page.streams == len(captures)
    return Reader(file.getvalue().decode())


HOSTILE = "</script><script>alert(1)</script><!--<script><img src=x onerror=alert(1)>\u2028\u2029\0\x1b[2J"


def test_a_page_holds_each_stream() -> None:
    found = page_of(story(), story())
    first, second = found.values("report")
    assert (first["source"], first["number"], second["number"]) == ("log.jsonl", 1, 2)
    assert (first["verdict"], first["first_token"]) == ("complete", 0.5)
    kept = found.values("kept")[0]
    assert kept["reads"] == [[at, len(data)] for at, data in story().reads]
    (event,) = kept["events"]
    assert event[:6] == [1, 0.5, 2, "text", 0, "Café"]
    assert json.loads(event[6])["choices"][0]["delta"] == {"content": "Café"}
    assert event[7] == 0
    assert kept["texts"] == {"0": ["Café", 0]}
    assert kept["columns"]["0"] == [[int(0.5 / kept["width"]), 4]]
    assert kept["left_out"] == {"reads": 0, "events": 0}
    assert found.values("page") == [{"streams": 2}]


def test_nothing_in_a_stream_is_markup() -> None:
    body = chunk(HOSTILE, finish=HOSTILE) + b"data: [DONE]\n\n"
    plain = page_of(story())
    found = page_of(Capture(HEAD, [(0.0, body)], End("eof", error=HOSTILE)), names=HOSTILE)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    (report,) = found.values("report")
    assert report["source"] == report["finish_reason"] == report["end"]["error"] == HOSTILE
    assert found.values("kept")[0]["texts"] == {"0": [HOSTILE, 0]}
    assert not any("<" in text for name in ("report", "kept", "page") for text in found.texts[name])


def test_half_a_surrogate_pair_can_be_told() -> None:
    body = b'data: {"choices":[],"model":"\\ud83d"}\n\n\xff\n\ndata: [DONE]\n\n'
    found = page_of(Capture(HEAD, [(0.0, body)], End("eof")), names="\udcff.jsonl")
    assert found.values("report")[0]["source"] == "\udcff.jsonl"
    assert "\\ud83d" in found.values("kept")[0]["events"][0][6]


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else() -> None:
    found = page_of(story())
    (policy,) = [attributes for tag, attributes in found.tags if "http-equiv" in attributes]
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy["content"]).split(";"))
    for rule, text in (("script-src", found.texts["script"]), ("style-src", found.texts["style"])):
        digest = base64.b64encode(hashlib.sha256("".join(text).encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{digest}'"
    assert rules == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}


@pytest.mark.parametrize("name", ["page.html", "page.css", "page.js"])
def test_the_page_asks_for_nothing_and_makes_no_markup(name: str) -> None:
    text = files("ssewire.logs").joinpath(name).read_text()
    text = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(
        r"https?:|//[a-z]+\.|url\(|@import|\bsrc=|innerHTML|outerHTML|insertAdjacent|eval\(", text
    )
    assert not re.search(r"document\.write|new Function|setTimeout\(['\"]", text)


# -- not too much ----------------------------------------------------------------------------------------


def kept_of(*reads: bytes) -> dict[str, Any]:
    found: dict[str, Any] = page_of(Capture(HEAD, [(0.5, read) for read in reads], End("eof"))).values(
        "kept"
    )[0]
    return found


def test_of_many_events_the_first_and_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MAX_EVENTS", 3)
    monkeypatch.setattr(page_module, "LAST_EVENTS", 2)
    monkeypatch.setattr(page_module, "MAX_READS", 4)
    kept = kept_of(*[chunk(f"{number}") for number in range(9)])
    assert [event[0] for event in kept["events"]] == [1, 2, 3, 8, 9]
    assert len(kept["reads"]) == 4
    assert kept["left_out"] == {"reads": 5, "events": 4}


def test_long_data_and_texts_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MAX_EVENT_CHARS", 20)
    monkeypatch.setattr(page_module, "MAX_TEXT_CHARS", 3)
    monkeypatch.setattr(page_module, "MAX_BROUGHT_CHARS", 2)
    kept = kept_of(chunk("ABCDE"))
    data = chunk("ABCDE").removeprefix(b"data: ").rstrip()
    assert kept["events"][0][5:] == ["AB", data[:20].decode(), len(data) - 20]
    assert kept["texts"] == {"0": ["ABC", 2]}


def test_bytes_that_are_no_utf_8_are_shown_as_such() -> None:
    kept = Kept(1_000)
    kept.event(1, "x", None, "", b"\xff\xfe")
    assert kept.told(look(story()))["events"][0][4:] == (-1, "", "\ufffd\ufffd", 0)


def test_a_full_page_has_figures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MAX_PAGE_BYTES", 700)  # one stream, and half a one
    found = page_of(*[Capture(HEAD, [(0.5, STORY[1]), (1.0, STORY[2])], End("eof")) for _ in range(4)])
    assert [len(kept["events"]) for kept in found.values("kept")] == [2, 0, 0, 0]
    assert [report["events"] for report in found.values("report")] == [2, 2, 2, 2]
    assert found.values("kept")[3]["columns"]["0"]


def test_streams_beyond_what_a_page_holds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MAX_STREAMS", 2)
    found = page_of(story(), story(), story())
    assert len(found.values("report")) == 2
    assert found.values("page") == [{"streams": 3}]


def test_a_text_without_room_is_left_out() -> None:
    kept = Kept(3)
    kept.part(TextPart(index=0), "abcd")
    kept.part(TextPart(index=1), "abc")
    assert kept.told(look(story()))["texts"] == {1: ("abc", 0)}
    assert kept.room == 0


# -- the end ---------------------------------------------------------------------------------------------


def test_a_page_is_whole_also_when_something_goes_wrong() -> None:
    file = io.BytesIO()
    with contextlib.suppress(KeyboardInterrupt), Page(file) as page:
        page.add(look(story()), page.witness())
        raise KeyboardInterrupt
    found = Reader(file.getvalue().decode())
    assert len(found.values("report")) == 1
    assert "script" in found.texts


class Full(io.BytesIO):
    """A disk with room for so many writes."""

    left = 3

    def write(self, data: Any) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_told() -> None:
    with pytest.raises(OSError, match="No space"), Page(Full()) as page:
        page.add(look(story()), page.witness())
    with pytest.raises(OSError, match="No space"), Page(Full()):
        pass


def test_of_two_errors_the_first_is_told() -> None:
    with pytest.raises(ValueError, match="first"), Page(Full()):
        raise ValueError("first")
