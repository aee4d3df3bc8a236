"""What other programs recorded: cassettes, HAR, logs in JSON Lines, and packed bodies in them."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from capture_cases import BODY, REQUEST, URL
from ssewire import CaptureError, ForeignFileError
from ssewire.logs import Capture, End, Head, RequestHead, ResponseHead, foreign, read_captures
from ssewire.logs.foreign import Aside
from ssewire.logs.storage import zstd

if TYPE_CHECKING:
    from pathlib import Path

    from ssewire.logs.reading import Form

STREAM = {"content-type": ["text/event-stream; charset=utf-8"]}


def read(content: bytes | str, form: Form, **options: Any) -> tuple[list[Capture], list[str]]:
    told: list[str] = []
    source = [content.encode() if isinstance(content, str) else content]
    return list(read_captures(source, form=form, report=told.append, **options)), told


# -- cassettes -------------------------------------------------------------------------------------------


def interaction(
    body: Any = BODY, headers: Any = STREAM, posted: Any = '{"stream": true}', uri: str = URL
) -> dict[str, Any]:
    asked = {"method": "POST", "uri": uri, "headers": {"accept": ["*/*"]}, "body": posted}
    answer = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": body}}
    return {"request": asked, "response": answer}


def old_interaction(body: Any) -> dict[str, Any]:
    answer = {"status_code": 200, "http_version": "HTTP/1.1", "headers": STREAM, "content": body}
    return interaction() | {"response": answer}


def cassette(*interactions: Any) -> str:
    return yaml.safe_dump({"interactions": list(interactions), "version": 1})


@pytest.mark.parametrize("body", [BODY.decode(), BODY], ids=["text", "binary"])
@pytest.mark.parametrize("layout", [interaction, old_interaction])
def test_both_layouts_of_cassettes_are_read(layout: Any, body: Any) -> None:
    ((capture,), told) = read(cassette(layout(body)), "vcr")
    version = "HTTP/1.1" if layout is old_interaction else None
    response = ResponseHead(200, (("content-type", "text/event-stream; charset=utf-8"),), version)
    assert capture.head == Head(REQUEST, response, None, "vcr", ("times", "reads", "end"))
    assert list(capture.reads) == [(None, BODY)]
    assert capture.end == End()
    assert told == []


def test_cassettes_in_json_are_read() -> None:
    content = json.dumps({"interactions": [interaction(BODY.decode())], "version": 1})
    ((capture,), _) = read(content, "vcr")
    assert capture.body == BODY


def test_yaml_may_begin_with_a_brace() -> None:
    listed = json.dumps([interaction(BODY.decode())])
    ((capture,), _) = read("{interactions: " + listed + "}", "vcr")
    assert capture.body == BODY


def test_bytes_that_are_no_text_survive_a_cassette() -> None:
    ((capture,), _) = read(cassette(interaction(b"data: \xff\n\n")), "vcr")
    assert capture.body == b"data: \xff\n\n"


def test_only_streams_are_taken_from_a_cassette_unless_all_are_asked_for() -> None:
    json_body = interaction(b"{}", {"content-type": ["application/json"]}, None, uri="https://h/json")
    by_body = interaction(BODY, {}, None, uri="https://h/body")
    by_request = interaction(b'{"error": {}}', {}, b'{"stream" : true}', uri="https://h/request")
    content = cassette(json_body, by_body, by_request)

    def urls(**options: Any) -> list[str]:
        return [each.head.request.url for each in read(content, "vcr", **options)[0] if each.head.request]

    assert urls() == ["https://h/body", "https://h/request"]
    assert urls(every=True) == ["https://h/json", "https://h/body", "https://h/request"]


def test_what_of_a_cassette_cannot_be_read_is_told() -> None:
    content = cassette(
        {"request": {}, "response": {}},
        interaction(5),
        interaction(None),
        interaction(b"{}", {}, None),
        "text",
        interaction(b"\x8b\x00", STREAM | {"content-encoding": ["br"]}),
    )
    captures, told = read(content, "vcr")
    assert [each.body for each in captures] == [b""]
    assert [line.partition(": ")[0] for line in told] == [
        "the source, interaction 1",
        "the source, interaction 2",
        "the source, interaction 5",
        "the source, interaction 6",
    ]
    assert "neither text nor bytes, but int" in told[1]
    assert "packed as br, which is not known here" in told[3]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- request: {}\n  response: {}\n", "by a vcrpy before 1.0"),
        ("[]", "no list of interactions"),
        ("text", "no list of interactions"),
        ("a: [", "no YAML that can be read"),
        ("a: !!python/object:os.system {}", "no YAML that can be read"),
        (b"a: \xff", "no YAML that can be read"),
        ("[" * 100_000, "nested more than 100 levels deep"),
        ("- " * 100_000, "nested more than 100 levels deep"),
        ("{a: " * 100_000, "nested more than 100 levels deep"),
        ("a: !!bool a", "no YAML that can be read"),
        ("a: !!int ''", "no YAML that can be read"),
        ("a: !!timestamp a", "no YAML that can be read"),
        ("a: !!float 1:a", "no YAML that can be read"),
        (
            "".join(f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}]}}\n" for n in range(60)),
            "no YAML that can be read",
        ),
        ("m0: &m0 {a: b}\nm1: {<<: *m0}", "no YAML that can be read"),
    ],
)
def test_what_is_no_cassette_is_refused(content: bytes | str, problem: str) -> None:
    with pytest.raises(CaptureError, match=problem):
        read(content, "vcr")


BOMB = "bomb:\n- &b0 [a]\n" + "".join(f"- &b{n} [*b{n - 1}, *b{n - 1}]\n" for n in range(1, 61))
"""A list of 2 ** 60 elements."""
EXCHANGE = """
interactions:
- request: {method: %s, uri: a}
  response: {status: {code: %s}, body: {string: a}, headers: {a: [%s]}, protocol: %s}
- request: {method: GET, uri: a}
  response: {status: {code: 200}, body: {string: "data: a"}}
"""


@pytest.mark.parametrize(
    "odd",
    [
        ("*b60", "200", "a", "a"),
        ("POST", "200", "*b60", "a"),
        ("POST", "200", "a", "*b60"),
        ("POST", ".inf", "a", "a"),
        ("POST", "*b60", "a", "a"),
    ],
)
def test_an_interaction_of_odd_values_costs_no_other(odd: tuple[str, ...]) -> None:
    captures, told = read(BOMB + EXCHANGE % odd, "vcr")
    assert [each.body for each in captures] == [b"data: a"]
    assert [line.partition(": ")[0] for line in told] == ["the source, interaction 1"]


def test_yaml_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"pip install 'ssewire\[yaml\]'"):
        read(cassette(), "vcr")


def test_what_is_no_cassette_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ForeignFileError, match="no list of interactions"):
        read("services: {}\n", "vcr")


@pytest.mark.parametrize("name", ["recorded.yaml", "recorded.yml", "recorded.yaml.gz"])
def test_a_cassette_is_told_by_its_name(tmp_path: Path, name: str) -> None:
    content = cassette(interaction()).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert [each.body for each in read_captures(path)] == [BODY]


# -- packed bodies ---------------------------------------------------------------------------------------


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


TEXT = b"data: caf\xc3\xa9\n\n" * 50


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP ", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("zstd", lambda data: zstd().compress(data)),
        ("gzip", bytes),  # the client had unpacked it
        ("gzip", lambda data: gzip.compress(data) + b"\0" * 5000),
        ("br", bytes),
        ("identity", bytes),
    ],
)
def test_packed_bodies_are_unpacked(encoding: str, pack: Any) -> None:
    headers = STREAM | {"Content-Encoding": [encoding]}
    ((capture,), told) = read(cassette(interaction(pack(TEXT), headers)), "vcr")
    assert capture.body == TEXT
    assert capture.end == End()
    assert told == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (gzip.compress(TEXT, mtime=0)[:-10], "its packed body ends too early"),
        (gzip.compress(TEXT, mtime=0)[:-8] + b"\xff" * 8, "its packed body is damaged: "),
        (b"\xff\xff", "its packed body is damaged: "),
    ],
)
def test_a_packed_body_that_is_cut_is_a_cut_capture(body: bytes, problem: str) -> None:
    headers = STREAM | {"content-encoding": ["gzip"]}
    ((capture,), _) = read(cassette(interaction(body, headers)), "vcr")
    assert TEXT.startswith(capture.body)
    assert capture.end.how == "cut"
    assert (capture.end.problem or "").startswith(problem)


def test_a_body_that_unpacks_to_too_much_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "MAX_WHOLE_BYTES", 10_000)
    headers = STREAM | {"content-encoding": ["gzip"]}
    captures, told = read(cassette(interaction(gzip.compress(b"\xff" * 20_000), headers)), "vcr")
    assert captures == []
    assert told == ["the source, interaction 1: its unpacked body is larger than 10000 bytes"]


def test_a_file_that_is_too_large_to_be_read_whole_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "MAX_WHOLE_BYTES", 50)
    with pytest.raises(CaptureError, match="has to be read whole, and has more than 50 bytes"):
        read(cassette(interaction()), "vcr")


@pytest.mark.parametrize("name", ["a.yaml.gz", "a.har.gz"])
def test_a_packed_file_that_is_cut_cannot_be_read_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(cassette(interaction()).encode())[:-9])
    with pytest.raises(CaptureError, match=f"{name}: its compressed data ends too early"):
        list(read_captures(path))


# -- HAR -------------------------------------------------------------------------------------------------


def entry(text: str | None = BODY.decode(), kind: str = "text/event-stream", **more: Any) -> dict[str, Any]:
    content = {"size": 1, "mimeType": kind} | ({} if text is None else {"text": text}) | more
    return {
        "startedDateTime": "2026-01-01T12:00:00.000Z",
        "request": {
            "method": "POST",
            "url": URL,
            "headers": [{"name": "accept", "value": "*/*"}],
            "postData": {"mimeType": "application/json", "text": '{"stream": true}'},
        },
        "response": {
            "status": 200,
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": "content-type", "value": kind}],
            "content": content,
        },
    }


def har(*entries: Any) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}})


def test_a_har_file_is_read_and_says_what_it_does_not_know() -> None:
    ((capture,), told) = read("\ufeff" + har(entry()), "har")
    assert capture.head == Head(
        REQUEST,
        ResponseHead(200, (("content-type", "text/event-stream"),), "HTTP/1.1"),
        "2026-01-01T12:00:00.000Z",
        "har",
        ("times", "reads", "bytes", "end"),
    )
    assert list(capture.reads) == [(None, BODY)]
    assert told == []


def test_a_har_body_in_base64_is_exact() -> None:
    text = base64.b64encode(b"data: \xff\n\n").decode()
    ((capture,), _) = read(har(entry(text, encoding="base64")), "har")
    assert capture.body == b"data: \xff\n\n"
    assert capture.head.unknown == ("times", "reads", "end")


def test_a_har_with_little_in_it_is_read() -> None:
    small = {
        "request": {"method": "GET", "url": "https://h/"},
        "response": {"status": 200, "content": {"text": "data: x\n\n"}},
    }
    ((capture,), _) = read(har(small), "har")
    assert capture.head.request == RequestHead("GET", "https://h/")
    assert capture.head.response == ResponseHead(200)
    assert capture.head.began is None


def test_only_streams_are_taken_from_a_har_unless_all_are_asked_for() -> None:
    other = entry("<p>", "text/html")
    other["request"]["postData"] = None
    assert len(read(har(entry(), other), "har")[0]) == 1
    assert len(read(har(entry(), other), "har", every=True)[0]) == 2


def test_streams_without_body_are_told_and_other_entries_are_not() -> None:
    picture = entry(None, "image/png")
    del picture["request"]["postData"]
    captures, told = read(har(entry(), entry(None), picture), "har")
    assert len(captures) == 1
    assert told == [f"the source, entry 2 (POST {URL}): saved without its body"]


def test_a_har_without_bodies_is_refused() -> None:
    with pytest.raises(CaptureError, match="the source holds no bodies: it was saved without content"):
        read(har(entry(None)), "har")
    assert read(har(), "har") == ([], [])


def test_entries_that_cannot_be_read_are_told() -> None:
    packed = entry(base64.b64encode(b"\x8b").decode(), encoding="base64")
    packed["response"]["headers"].append({"name": "content-encoding", "value": "br"})
    captures, told = read(har({}, 5, entry("?", encoding="base64"), packed, entry()), "har")
    assert len(captures) == 1
    assert [line.partition(": ")[0] for line in told] == [f"the source, entry {n}" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "content", ["{}", "[]", "{", b"\xff", '{"log": {"entries": {}}}', '{"log": 1}', "[" * 5000]
)
def test_what_is_no_har_is_refused(content: bytes | str) -> None:
    with pytest.raises(CaptureError, match="the source is no HAR file"):
        read(content, "har")


@pytest.mark.parametrize(
    ("content", "form", "kind"),
    [
        ("{}", "har", ForeignFileError),
        ('{"log": {"entries": [{"request": {"met', "har", CaptureError),
        ("- item: {{ template }}\n  [", "vcr", ForeignFileError),
        ("interactions:\n- request: {", "vcr", CaptureError),
    ],
)
def test_a_file_that_is_cut_is_told_from_one_of_another_kind(
    content: str, form: Any, kind: type[CaptureError]
) -> None:
    with pytest.raises(CaptureError) as caught:
        read(content, form)
    assert type(caught.value) is kind


# -- JSON Lines ------------------------------------------------------------------------------------------


def log(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_a_log_is_read_record_by_record() -> None:
    captures, told = read(
        "\ufeff" + log({"body": BODY.decode()}, {"body": "data: y\n\n"}), "jsonl", body_key="body"
    )
    assert [each.body for each in captures] == [BODY, b"data: y\n\n"]
    assert captures[0].head == Head(origin="jsonl", unknown=("times", "reads", "bytes", "end"))
    assert captures[0].end == End()
    assert told == []


def test_a_list_of_texts_is_a_list_of_reads() -> None:
    ((capture,), _) = read(log({"chunks": ["a", "é"]}), "jsonl", body_key="chunks")
    assert list(capture.reads) == [(None, b"a"), (None, "é".encode())]
    assert capture.head.unknown == ("times", "bytes", "end")


@pytest.mark.parametrize(
    "record", [{"response": {"body": "x"}}, {"response.body": "x"}, {"response.body": "x", "response": 5}]
)
def test_dots_lead_into_a_record(record: Any) -> None:
    ((capture,), _) = read(log(record), "jsonl", body_key="response.body")
    assert capture.body == b"x"


def test_what_of_a_log_is_left_out_is_told() -> None:
    content = log({"body": "x"}, {"body": None}, {"body": 5}, {"body": []}, {"body": ["x", 1]}, {})
    captures, told = read(content + '\n[1]\n{"bod', "jsonl", body_key="body")
    assert len(captures) == 1
    assert [isinstance(each, Aside) for each in told] == [False, False, True]
    assert told == [
        "the source, line 8: no JSON object",
        "the source, line 9: no JSON object",
        "the source: 5 records without 'body' left out",
    ]


def test_a_key_that_no_record_has_is_refused() -> None:
    with pytest.raises(CaptureError, match="none of 2 records holds a body as 'answer'"):
        read(log({"body": "x"}, {}), "jsonl", body_key="answer")


def test_a_log_in_a_cut_gz_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(log({"body": "x"}).encode()) + gzip.compress(b"more")[:-2])
    told: list[str] = []
    assert [each.body for each in read_captures(path, body_key="body", report=told.append)] == [b"x"]
    assert told == [f"{path}, behind line 1: its compressed data ends too early"]
