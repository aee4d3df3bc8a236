"""Reports: what they tell about a capture, and that they tell nothing that it does not know."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from typing import Any

import pytest

from capture_cases import BODY, CHUNK, DONE, HEAD, READS, RESPONSE, URL, story
from server import STORY, USAGE, chunk, event
from shared import CORPUS
from ssewire import Verdict
from ssewire._dialects import DIALECTS
from ssewire.errors import SSEWireError
from ssewire.logs import Capture, End, Head, RequestHead
from ssewire.logs.capture import PassingReads
from ssewire.logs.report import BYTES_ROW, MAX_PARTS, READS_ROW, Report, Witness, look

Seen = tuple[int, str, int | None, str]


class Noting(Witness):
    def __init__(self) -> None:
        self.reads: list[tuple[float | None, int]] = []
        self.events: list[Seen] = []
        self.data: list[bytes] = []
        self.parts: list[tuple[int, str]] = []

    def read(self, seconds: float | None, size: int) -> None:
        self.reads.append((seconds, size))

    def event(self, ordinal: int, what: str, part: int | None, brought: str, data: bytes) -> None:
        self.events.append((ordinal, what, part, brought))
        self.data.append(data)

    def part(self, part: Any, content: str) -> None:
        self.parts.append((part.index, content))


def timed(*reads: tuple[float | None, bytes], end: str = "eof", head: Head = HEAD) -> Capture:
    return Capture(head, list(reads), End(end))


def report_of(*reads: tuple[float | None, bytes], **options: Any) -> Report:
    return look(timed(*reads, **options)).report


def call(name: str = "", arguments: str = "") -> bytes:
    function = {"name": name, "arguments": arguments}
    return event({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": function}]}}]})


def test_a_report_tells_what_there_is() -> None:
    report = look(story(), "log.jsonl", 3).report
    assert (report.source, report.number) == ("log.jsonl", 3)
    assert (report.request, report.status, report.began) == (f"POST {URL}", 200, HEAD.began)
    assert (report.dialect, report.model, report.verdict) == ("chat", "example-1", Verdict.COMPLETE)
    assert (report.finish_reason, report.problem, report.end) == ("stop", "", End("eof", 1.25))
    assert (report.events, report.reads, report.bytes) == (1, 3, len(BODY))
    assert report.timed
    assert (report.first_byte, report.first_token, report.last_token, report.last_byte) == (0.25, 0.5, 0.5, 1)
    assert report.gaps is None  # one token
    (part,) = report.parts
    assert (part.kind, part.chars, part.first, part.last) == ("text", 4, 0.5, 0.5)
    assert (part.first_event, part.last_event) == (1, 1)
    assert report.differences is None


def test_credentials_of_the_request_are_not_told() -> None:
    head = Head(RequestHead("GET", URL + "?api_key=hush"), RESPONSE)
    assert "hush" not in str(look(Capture(head, READS)).report)


def test_tokens_a_second_are_those_of_the_usage_over_the_time_of_the_tokens() -> None:
    role, once, upon, time, stop, usage, done = STORY
    reads = [(1.0, role), (2.0, once), (2.25, upon), (4.0, time), (4.5, stop + usage), (5.0, done)]
    report = report_of(*reads)
    assert (report.first_token, report.last_token, report.last_byte) == (2.0, 4.0, 5.0)
    assert report.tokens_per_second == USAGE["completion_tokens"] / 2.0
    assert report.gaps is not None
    assert (report.gaps.count, report.gaps.median, report.gaps.max) == (2, 0.25, 1.75)
    assert report.usage is not None
    assert (report.usage.input_tokens, report.usage.output_tokens, report.usage.raw) == (4, 3, None)


def test_tokens_that_came_at_once_have_no_rate() -> None:
    assert report_of((1.0, b"".join(STORY))).tokens_per_second is None
    assert report_of((1.0, STORY[1]), (2.0, STORY[2]), (3.0, STORY[6])).tokens_per_second is None  # no usage


@pytest.mark.parametrize("path", sorted(CORPUS.rglob("*.sse")), ids=lambda path: path.stem)
def test_the_times_are_those_of_the_stream(path: Any) -> None:
    body = path.read_bytes()
    pieces = [body[at : at + 97] for at in range(0, len(body), 97)]
    capture = Capture(Head(), [(number / 100, piece) for number, piece in enumerate(pieces)], End("eof"))
    report = look(capture).report
    with capture.stream(malformed="skip") as stream, contextlib.suppress(SSEWireError):
        stream.result()
    timing = stream.timing
    assert (report.first_token, report.last_token) == (timing.first_token, timing.last_token)
    assert (report.gaps.count if report.gaps else 0) == len(timing.gaps)
    assert report.verdict is stream.verdict


@pytest.mark.parametrize("odd", [None, -1.0, 1e300, float("nan"), float("inf")])
def test_what_no_time_can_be_is_not_told(odd: float | None) -> None:
    looked = look(timed((1.0, STORY[1]), (odd, STORY[2]), (3.0, STORY[3] + DONE)))
    report = looked.report
    assert not report.timed
    assert {report.first_byte, report.first_token, report.last_token, report.last_byte} == {None}
    assert (report.gaps, report.tokens_per_second) == (None, None)
    assert (report.parts[0].first, report.parts[0].last) == (None, None)
    assert looked.columns.pairs(0) == [(0, 4), (1, 5), (2, 7)]  # by event: "Once", " upon", " a tïme"


def test_a_raw_body_has_no_times() -> None:
    looked = look(Capture(Head(unknown=("times", "reads")), [(None, b"".join(STORY))]))
    assert (looked.report.timed, looked.report.events, looked.report.unknown) == (
        False,
        6,
        ("times", "reads"),
    )
    assert looked.columns.pairs(0) == [(1, 4), (2, 5), (3, 7)]


def test_events_that_came_at_once_are_told_one_by_one() -> None:
    noting = Noting()
    look(timed((0.0, STORY[0]), (1.0, b"".join(chunk(f"{n}") for n in range(50)))), witness=noting)
    assert noting.events[1:] == [(n + 2, "text", 0, f"{n}") for n in range(50)]
    assert [json.loads(data)["choices"][0]["delta"]["content"] for data in noting.data[1:]] == [
        f"{n}" for n in range(50)
    ]


def test_columns_tell_what_came_when() -> None:
    columns = look(timed((0.1, STORY[1]), (0.2, STORY[2] + STORY[3]), (0.4, DONE))).columns
    assert columns.cells(0, 0.4, 4) == [0, 4, 5 + 7, 0]
    assert columns.cells(READS_ROW, 0.4, 4) == [0, 1, 1, 1]
    assert columns.cells(BYTES_ROW, 0.4, 4)[1] == len(STORY[1])


def test_a_clock_that_goes_back_stands_still() -> None:
    report = report_of((2.0, STORY[1]), (1.0, STORY[2]), (3.0, STORY[3]), (3.0, STORY[4] + DONE))
    assert report.timed
    assert (report.first_token, report.last_token) == (2.0, 3.0)
    assert report.gaps is not None
    assert (report.gaps.count, report.gaps.max) == (2, 1.0)


def test_a_capture_without_reads_has_no_times() -> None:
    report = report_of()
    assert (report.timed, report.events, report.verdict) == (False, 0, Verdict.EMPTY)
    assert report.problem == "the body ended without an event"


def test_an_empty_read_is_a_read_without_bytes() -> None:
    report = report_of((1.0, b""), (2.0, STORY[1]), (3.0, STORY[4] + DONE), (4.0, b""))
    assert (report.reads, report.first_byte, report.last_byte) == (4, 2.0, 3.0)


# -- what is wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reads", "end", "problem"),
    [
        ([CHUNK, DONE], "eof", ""),
        ([CHUNK, DONE], "closed", ""),
        ([STORY[1]], "eof", "truncated: the stream was cut before its end was told"),
        ([STORY[1]], "cut", "truncated: the transport broke: the capture is cut: None"),
        ([b"<html>"], "eof", "not an event stream (status 200): '<html>'"),
        ([b'data: {"hello": 1}\n\n'], "eof", "events of no known dialect"),
        ([b'{"error": {"message": "no"}}'], "eof", "failed: no"),
        ([b'data: {"error": {"message": "no"}}\n\n'], "eof", "failed: no"),
        ([CHUNK, b"data: {\n\n", b"data: [\n\n", DONE], "eof", "2 malformed events skipped"),
        (
            [CHUNK.replace(b"stop", b""), b"data: {\n\n"],
            "eof",
            "truncated: the stream was cut before its end was told; 1 malformed event skipped",
        ),
    ],
)
def test_what_is_wrong_is_told_on_one_line(reads: list[bytes], end: str, problem: str) -> None:
    report = report_of(*((float(at), read) for at, read in enumerate(reads)), end=end)
    assert report.problem == problem


def test_a_status_is_told_with_the_error() -> None:
    head = Head(HEAD.request, RESPONSE.__class__(429, (("retry-after", "7"),)))
    report = report_of((0.0, b'{"error": {"message": "slow down"}}'), head=head)
    assert (report.status, report.problem) == (429, "failed: slow down (status 429)")


def test_what_follows_an_error_is_counted_and_not_looked_at() -> None:
    error = b'data: {"error": {"message": "no"}}\n\n'
    report = report_of((0.0, STORY[1]), (1.0, error), (2.0, STORY[2]), (3.0, STORY[3]))
    assert (report.reads, report.events, report.last_token) == (4, 2, 0.0)
    assert report.bytes == len(STORY[1] + error + STORY[2] + STORY[3])


def test_an_event_without_its_blank_line_is_told_at_the_last_read() -> None:
    report = report_of((1.0, STORY[1]), (2.0, STORY[4].rstrip()[:-2]), (3.0, STORY[4].rstrip()[-2:]))
    assert (report.events, report.verdict) == (2, Verdict.NO_DONE)


def test_what_came_is_told_to_the_witness() -> None:
    noting = Noting()
    reads = [
        (0.5, STORY[0] + STORY[1][:20]),
        (0.75, STORY[1][20:]),
        (1.0, call("look_up")),
        (1.5, call(arguments="{}") + b"data: {\n\n"),
        (2.0, event({"choices": [], "usage": USAGE}) + DONE),
    ]
    look(timed(*reads), witness=noting)
    assert noting.reads == [(at, len(data)) for at, data in reads]
    assert noting.events == [
        (1, "chunk", None, ""),
        (2, "text", 0, "Once"),
        (3, "tool_call", 1, ""),
        (4, "arguments", 1, "{}"),
        (5, noting.events[4][1], None, ""),
        (6, "chunk", None, ""),
    ]
    assert noting.events[4][1].startswith("malformed: ")
    assert noting.data[1] == STORY[1].removeprefix(b"data: ").removesuffix(b"\n\n")
    assert noting.parts == [(0, "Once"), (1, "{}")]


def test_parts_beyond_what_is_told_of_are_counted() -> None:
    texts = [chunk("x"), event({"choices": [{"index": 0, "delta": {"reasoning_content": "y"}}]})]
    body = b"".join(texts[number % 2] for number in range(MAX_PARTS + 7))
    noting = Noting()
    report = look(timed((0.0, body)), witness=noting).report
    assert (len(report.parts), report.more_parts) == (MAX_PARTS, 7)
    assert noting.events[-1][1:] == ("reasoning" if MAX_PARTS % 2 else "text", MAX_PARTS + 6, "x")
    assert len(noting.parts) == MAX_PARTS


def test_a_call_that_was_cut_says_so() -> None:
    report = report_of((0.0, call("look_up")), (1.0, call(arguments='{"of')))
    (part,) = report.parts
    assert (part.kind, part.name, part.chars, part.arguments) == ("tool_call", "look_up", 4, "incomplete")


# -- Responses -------------------------------------------------------------------------------------------


def wire(**payload: Any) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def message(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": content}


def answer(final: Any) -> list[tuple[float | None, bytes]]:
    response = {"id": "r", "object": "response", "model": "m", "status": "in_progress", "output": []}
    return [
        (0.0, wire(type="response.created", sequence_number=0, response=response)),
        (1.0, wire(type="response.novel", sequence_number=1)),
        (2.0, wire(type="response.output_item.done", sequence_number=2, output_index=0, item=message("abc"))),
        (3.0, wire(type="response.completed", sequence_number=3, response=response | {"output": final})),
    ]


def test_what_was_streamed_is_compared_with_what_the_server_says() -> None:
    assert report_of(*answer([message("abc")])).differences == []
    (difference,) = report_of(*answer([message("abd")])).differences or []
    assert difference.path == "output[0].content[0].text"
    assert (difference.kind, difference.streamed, difference.final) == ("different", '"abc"', '"abd"')


def test_long_values_are_cut_to_where_they_differ() -> None:
    long = "x" * 1_000
    reads = answer([message(long + "b" + long)])
    reads[2] = (2.0, reads[2][1].replace(b'"abc"', json.dumps(long + "a" + long).encode()))
    (difference,) = report_of(*reads).differences or []
    assert difference.streamed == "…" + "x" * 40 + "a" + "x" * 359 + "…"
    assert difference.final == "…" + "x" * 40 + "b" + "x" * 359 + "…"


def test_without_the_servers_own_object_nothing_is_compared() -> None:
    assert report_of(*answer([])[:3]).differences is None


def test_unknown_events_are_counted() -> None:
    assert report_of(*answer([])).unknown_events == {"response.novel": 1}


def test_a_final_object_that_does_not_decode_is_told_and_is_no_further_event() -> None:
    report = report_of(*answer(7))
    assert report.problem == "1 malformed event skipped"
    assert (report.verdict, report.usage, report.differences) == (Verdict.COMPLETE, None, [])
    assert report.events == report_of(*answer([])).events
    assert [(each.kind, each.ordinal) for each in report.diagnostics] == [("malformed", report.events)]


def test_the_dialect_can_be_chosen() -> None:
    assert look(story(), dialect="responses").report.dialect == "responses"
    assert set(DIALECTS) >= {"responses"}


# -- size ------------------------------------------------------------------------------------------------


LONG = CHUNK.replace(b"{", b'{"padding":"%b",' % (b"x" * 2_000), 1)


class Endless(PassingReads):
    """So many reads, each made when it is asked for."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count

    def advance(self) -> Any:
        self._left -= 1
        return End("eof") if self._left < 0 else (1e6 - self._left / 100, LONG)


def test_memory_does_not_grow_with_the_stream_but_by_its_text() -> None:
    peaks = []
    for count in (500, 2_000):
        tracemalloc.start()
        assert look(Capture(Head(), Endless(count))).report.events == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 1_500 * len(LONG) / 10
