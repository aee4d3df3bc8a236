"""A real browser: the page of `ssewire inspect` works in it and is safe, its EventSource is served."""

from __future__ import annotations

import http.server
import json
import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from capture_cases import HEAD, story
from capture_server import playing
from chromium import Chromium, Tab
from server import STORY, chunk, event
from shared import CORPUS
from ssewire import Tokenizer
from ssewire.cli import main
from ssewire.logs import Capture, End, Head, write_captures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    running = Chromium()
    yield running
    running.close()


REASONING = event({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm"}}]})
READS: list[tuple[float | None, bytes]] = [
    (0.5, STORY[0] + REASONING),
    (1.0, STORY[1]),
    (1.25, STORY[2] + STORY[3]),
    (4.0, STORY[4] + STORY[5] + STORY[6]),
]
ANSWER = Capture(HEAD, READS, End("eof", 4.0))


def page_of(tmp_path: Path, *captures: Capture, name: str = "log.jsonl") -> str:
    """Write a page about captures; returns its URL."""
    write_captures(captures, tmp_path / name)
    main(["inspect", str(tmp_path / name), "--html", str(tmp_path / "page.html")])
    return (tmp_path / "page.html").as_uri()


def text_of(tab: Tab, selector: str) -> Any:
    return tab.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(each => each.innerText)")


def assert_calm(tab: Tab) -> None:
    """Nothing was wrong, nothing was asked for."""
    tab.look()
    assert tab.complaints == []
    assert tab.requests == []
    assert tab.run("performance.getEntriesByType('resource').length") == 0


def test_a_page_shows_figures_timeline_gaps_and_events(browser: Chromium, tmp_path: Path) -> None:
    with browser.open(page_of(tmp_path, ANSWER)) as tab:
        assert tab.run("document.title") == "log.jsonl #1 · ssewire inspect"
        figures = dict(each.split("\n")[:2] for each in text_of(tab, ".figures > div"))
        assert figures["Verdict"] == "complete"
        assert figures["Model"] == "example-1"
        assert figures["First token"] == "500 ms"
        assert figures["Tokens in and out"] == "4 → 3"
        assert figures["Tokens a second"] == "4"  # 3 from 0.5 to 1.25
        assert text_of(tab, ".lanes .label") == ["reasoning", "text", "reads"]
        assert [
            lane.count("z")
            for lane in tab.run(
                "[...document.querySelectorAll('.lanes path')].map(each => each.getAttribute('d'))"
            )
        ] == [2, 3, 4]  # a line below and a bar for each delta; the reads
        bars = tab.run("[...document.querySelectorAll('.bars div')].map(each => each.title)")
        assert [bar for bar in bars if not bar.endswith(": 0")] == [
            "158 ms to 251 ms: 1",
            "398 ms to 631 ms: 1",
        ]  # 0.25 and 0.5 seconds
        assert len(text_of(tab, ".row")) == 7
        assert text_of(tab, ".row")[1].split("\n") == ["2", "0.500 s", "reasoning", "Hm"]
        assert tab.run("document.querySelector('#unready').hidden && document.querySelector('nav').hidden")
        assert_calm(tab)


def test_events_are_found_and_read_with_the_keyboard(browser: Chromium, tmp_path: Path) -> None:
    with browser.open(page_of(tmp_path, ANSWER)) as tab:
        tab.press("/")
        tab.type("T\N{LATIN CAPITAL LETTER I WITH DIAERESIS}ME")  # in any case
        (row,) = text_of(tab, ".row")
        assert row.split("\n")[:3] == ["5", "1.250 s", "text"]
        assert text_of(tab, ".row mark") == ["tïme"]
        assert text_of(tab, ".tools .quiet") == ["1 of 7 events"]
        tab.press("Escape")
        assert text_of(tab, ".tools .quiet") == ["7 events"]
        tab.run("document.querySelector('.list').focus()")
        tab.press("End")
        tab.press("ArrowUp")
        (detail,) = text_of(tab, ".detail")
        assert detail.startswith("event 6 · 4.000 s · read 4")
        assert json.loads(detail.partition("\n")[2])["choices"][0]["finish_reason"] == "stop"
        tab.press("Home")
        assert text_of(tab, ".row[aria-selected=true]")[0].startswith("1\n")
        assert_calm(tab)


def test_a_part_shows_what_it_says_and_its_events(browser: Chromium, tmp_path: Path) -> None:
    with browser.open(page_of(tmp_path, ANSWER)) as tab:
        tab.run("document.querySelectorAll('button.label')[1].click()")
        assert text_of(tab, ".said") == ["Once upon a tïme"]
        assert text_of(tab, ".tools .quiet") == ["3 of 7 events"]
        tab.run("document.querySelectorAll('button.label')[1].click()")
        assert tab.run("document.querySelector('.said').hidden")
        assert text_of(tab, ".tools .quiet") == ["7 events"]
        tab.run("document.querySelectorAll('.tabs button')[1].click()")
        assert [row.split("\n")[1:] for row in text_of(tab, ".row")][1:3] == [
            ["1.000 s", "+0.500 s", f"{len(STORY[1])} bytes"],
            ["1.250 s", "+0.250 s", f"{len(STORY[2] + STORY[3])} bytes"],
        ]
        assert_calm(tab)


def test_many_streams_are_a_list_to_choose_from(browser: Chromium, tmp_path: Path) -> None:
    cut = Capture(HEAD, READS[:2], End("cut", problem="gone"))
    with browser.open(page_of(tmp_path, ANSWER, cut, story()) + "#stream=2&find=Hm") as tab:
        assert text_of(tab, "nav b") == ["log.jsonl #1", "log.jsonl #2", "log.jsonl #3"]
        assert text_of(tab, "nav [aria-current] b") == ["log.jsonl #2"]
        assert "the capture is cut" in text_of(tab, ".problem")[0]
        assert len(text_of(tab, ".row")) == 1
        tab.run("document.querySelector('nav input').focus()")
        tab.type("truncated")
        assert tab.run("[...document.querySelectorAll('nav button')].map(each => each.hidden)") == [
            True,
            False,
            True,
        ]
        tab.run("document.querySelectorAll('nav button')[2].click()")
        assert tab.run("document.title") == "log.jsonl #3 · ssewire inspect"
        assert_calm(tab)


def test_without_times_the_page_says_so(browser: Chromium, tmp_path: Path) -> None:
    raw = Capture(Head(origin="sse", unknown=("times", "reads", "end")), [(None, b"".join(STORY))])
    with browser.open(page_of(tmp_path, raw)) as tab:
        (text,) = text_of(tab, "main")
        assert "no times" in text
        assert (
            "This capture does not know when its reads came, how it was cut into reads, how it ended." in text
        )
        assert not re.search(r"\d m?s\b", text)
        assert text_of(tab, ".lanes .label") == ["text"]
        assert_calm(tab)


def test_responses_show_what_differs_from_the_final_object(browser: Chromium, tmp_path: Path) -> None:
    body = (CORPUS / "responses" / "text.sse").read_bytes()
    at = body.index(b"response.completed")
    model = json.loads(body[at:].partition(b"data: ")[2].partition(b"\n")[0])["response"]["model"].encode()
    other = body[:at] + body[at:].replace(model, b"<b>another</b>")
    captures = [Capture(HEAD, [(1.0, each)], End("eof")) for each in (body, other, body[:at])]
    told = []
    with browser.open(page_of(tmp_path, *captures)) as tab:
        for number in range(3):
            tab.run(f"document.querySelectorAll('nav button')[{number}].click()")
            told += text_of(tab, "section[aria-label='Streamed and final']")
        assert_calm(tab)
    assert "None: what was streamed is what the server's own final object says." in told[0]
    assert told[1].split()[-4:] == ["model", "different", f'"{model.decode()}"', '"<b>another</b>"']
    assert "did not come" in told[2]


HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--<script>\u2028\u2029\0\x07"
    "<svg onload=alert(3)>javascript:alert(4) {{7*7}} \N{RIGHT-TO-LEFT OVERRIDE}"
)


def test_hostile_streams_do_nothing(browser: Chromium, tmp_path: Path) -> None:
    function = {"name": HOSTILE, "arguments": HOSTILE}
    call = event({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": function}]}}]})
    unknown = {"error": {"message": HOSTILE, "code": HOSTILE}}
    half = b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}\n\n'
    named = event({"model": HOSTILE, "choices": [{"index": 0, "delta": {"content": HOSTILE}}]})
    bad = b"data: " + HOSTILE.replace("\0", "").encode() + b"\xff\xfe\n\n"
    deep = b"data: " + b"[" * 3_000 + b"\n\n"
    reads = [
        (number / 10, each) for number, each in enumerate((named, half, bad, call, deep, event(unknown)))
    ]
    hostile = Capture(HEAD, reads, End("error", error=HOSTILE))
    url = page_of(tmp_path, hostile, ANSWER, name="<img src=x onerror=alert(5)>.jsonl")
    with browser.open(url) as tab:
        assert "onerror=alert(2)" in text_of(tab, ".problem")[0]
        assert len(text_of(tab, "button.label")) == 3
        for at in (0, 1, 2, 2):  # the last shows all events again
            tab.run(f"document.querySelectorAll('button.label')[{at}].click()")
        tab.run("document.querySelector('.list').focus()")
        for _ in range(7):
            tab.press("ArrowDown")
        tab.press("/")
        tab.type("<img")
        assert len(text_of(tab, ".row")) >= 3
        assert tab.run("document.images.length") == 0
        assert_calm(tab)


def test_what_is_smuggled_into_the_page_is_not_run(browser: Chromium, tmp_path: Path) -> None:
    url = page_of(tmp_path, ANSWER)
    page = tmp_path / "page.html"
    smuggled = (
        "<script>window.ran = true</script><img src='http://127.0.0.1:9/x' onerror='window.ran = true'>"
    )
    page.write_text(page.read_text().replace("<nav", smuggled + "<nav"))
    with browser.open(url) as tab:
        assert tab.run("window.ran") is None
        assert tab.look().complaints  # the policy forbids it


def test_ten_thousand_events_are_searched_at_once(browser: Chromium, tmp_path: Path) -> None:
    reads = [(number / 100, chunk(f"word {number}")) for number in range(10_000)]
    with browser.open(page_of(tmp_path, Capture(HEAD, reads, End("eof")))) as tab:
        assert len(text_of(tab, ".row")) < 60  # only what can be seen is drawn
        tab.press("/")
        tab.run("window.began = performance.now()")
        for key in "9876":
            tab.press(key)
        assert text_of(tab, ".tools .quiet") == ["1 of 10,000 events"]
        assert tab.run("performance.now() - window.began") < 4_000  # 30 on a quiet machine
        tab.press("Escape")
        tab.run("document.querySelector('.list').focus()")
        tab.press("End")
        assert "word 9999" in text_of(tab, ".row[aria-selected=true]")[0]
        assert_calm(tab)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_can_be_read_in_light_and_dark(browser: Chromium, tmp_path: Path, dark: bool) -> None:
    # https://www.w3.org/TR/WCAG22/#contrast-minimum
    too_weak = """(() => {
        const light = rgb => rgb.match(/[\\d.]+/g).slice(0, 3).map(each => each / 255)
            .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
            .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
        const ground = each => {
            const found = getComputedStyle(each).backgroundColor;
            return found === "rgba(0, 0, 0, 0)" && each.parentElement ? ground(each.parentElement) : found;
        };
        return [...document.querySelectorAll("main *, nav *")]
            .filter(each => !each.childElementCount && each.textContent.trim() && each.checkVisibility())
            .filter(each => !each.closest("select, .bars"))  // whose texts stand above their bars
            .map(each => {
                const [dark, bright] = [getComputedStyle(each).color, ground(each)].map(light).sort();
                return [(bright + 0.05) / (dark + 0.05), each.outerHTML];
            }).filter(each => each[0] < 4.5);
    })()"""
    with browser.open(page_of(tmp_path, ANSWER, story()) + "#event=2&find=m", dark=dark) as tab:
        assert tab.run(too_weak) == []


# -- EventSource -----------------------------------------------------------------------------------------

LISTENING = """<!doctype html><title>listening</title><script>
const asked = new URLSearchParams(location.search);
window.found = [];
window.over = false;
const source = new EventSource(asked.get("url"));
const note = event => window.found.push([event.type, event.data, event.lastEventId]);
for (const name of ["message", ...JSON.parse(asked.get("names"))]) source.addEventListener(name, note);
source.onerror = () => { source.close(); window.over = true; };
</script>"""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(LISTENING.encode() if self.path.startswith("/?") else b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def listening() -> Iterator[str]:
    """Where the page is that listens: another origin than that of the server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


ODD = (
    b"\xef\xbb\xbf: hello\r\rdata: 1\rdata:2\r\nid: a\n\nid\ndata:  3\n\nevent: x\ndata\n\nevent: y\n\n"
    b"data: \xff\xf0\x9f\x98\n\nid: 7\0\ndata: nul \0\n\nid: 8\nretry: 10\n\n"
    b"novel: x\ndata: caf\xc3\xa9\xe2\x80\xa8\n\n"
    b"event:message\ndata: [DONE]\n\ndata: not ended\n"
)
BODIES = {
    "odd": ODD,
    "chat": (CORPUS / "chat" / "tools-parallel.sse").read_bytes(),
    "responses": (CORPUS / "responses" / "reasoning-text.sse").read_bytes(),
}


def listening_to(page: str, url: str, names: list[str]) -> str:
    return f"{page}?{urlencode({'url': url, 'names': json.dumps(names)})}"


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("faults", [[], ["reads:1"]], ids=["whole", "byte by byte"])
def test_an_event_source_gets_what_the_tokenizer_gets(
    browser: Chromium, listening: str, name: str, faults: list[str]
) -> None:
    body = BODIES[name]
    wanted = [[each.event, each.text, each.id] for each in Tokenizer().feed(body)]
    names = sorted({each[0] for each in wanted} - {"message"})
    capture = Capture(Head(), [(0.0, body)])
    with playing(capture, speed=None, faults=faults) as url:
        asked = listening_to(listening, f"{url}/captures/1", names)
        with browser.open(asked) as tab:
            tab.wait("window.over")
            assert tab.run("window.found") == wanted
    assert len(wanted) > 4


def test_an_event_source_gets_events_when_they_come(browser: Chromium, listening: str) -> None:
    reads = [(0.05, b"data: 1\n\n"), (0.4, b"data: 2\n\n"), (0.8, b"data: 3\n\n")]
    with (
        playing(Capture(Head(), reads, End("eof", 0.8)), speed=1) as url,
        browser.open(listening_to(listening, f"{url}/captures/1", [])) as tab,
    ):
        tab.wait("window.found.length === 1")
        assert not tab.run("window.over")
        tab.wait("window.over")
        assert tab.run("window.found.map(each => each[1])") == ["1", "2", "3"]


def test_a_page_posts_as_clients_in_javascript_do(browser: Chromium, listening: str) -> None:
    headers = {"authorization": "Bearer x", "content-type": "application/json"}
    request = json.dumps({"method": "POST", "body": "{}", "headers": headers})
    with playing(ANSWER, speed=None) as url, browser.open(listening) as tab:
        text = tab.run(f"fetch('{url}/v1/chat/completions', {request}).then(response => response.text())")
        assert text.encode() == ANSWER.body
        assert tab.look().complaints == []
