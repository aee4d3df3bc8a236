"""The legacy Completions: types, decoder, reducer, verdict, streams, and how they are told from chat."""

from __future__ import annotations

import asyncio
import hashlib
import json
import pickle
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
import pytest
from openai.types import Completion as OpenAICompletion

from shared import CORPUS, TESTS, Body, captures_folder, published_schemas, shared_folder
from ssewire import (
    DONE,
    AsyncCompletionsStream,
    ChatStream,
    Completion,
    CompletionChunk,
    CompletionsDecoder,
    CompletionsParser,
    CompletionsReducer,
    CompletionsStream,
    EmptyStreamError,
    EventDecodeError,
    NotAnEventStreamError,
    ProviderError,
    ServerSentEvent,
    SSEWireError,
    StreamTruncatedError,
    completions,
    detect_dialect,
)
from ssewire._choices import index_of
from ssewire._merge import Fields
from ssewire.cli import main
from ssewire.completions import (
    CompletionChoice,
    CompletionChunkChoice,
    CompletionTokensDetails,
    CompletionUsage,
    Logprobs,
    PromptTokensDetails,
)
from ssewire.events import DiagnosticLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


# -- bodies ----------------------------------------------------------------------------------------------


def bodies(expectations: str, folder: Path, start: str) -> list[Body]:
    rows: dict[str, Any] = json.loads((TESTS / expectations).read_text())
    return [Body(name, folder / name, row) for name, row in rows.items() if name.startswith(start)]


CORPUS_BODIES = bodies("corpus_expected.json", CORPUS, "completions/")
BODIES = CORPUS_BODIES + bodies("captures_expected.json", captures_folder(), "completions-")
OTHER_BODIES = bodies("corpus_expected.json", CORPUS, "chat/") + bodies(
    "captures_expected.json", captures_folder(), "chat-"
)
every_body = pytest.mark.parametrize("body", BODIES, ids=lambda body: body.name)


def event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def piece(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish} | more


def chunk(*pieces: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m", "choices": pieces} | more


END = b"data: [DONE]\n\n"
WHOLE = event(chunk(piece("Good "))) + event(chunk(piece("day", "stop"))) + END


class Run(NamedTuple):
    """What a parser made of one body."""

    parser: CompletionsParser
    events: list[CompletionChunk]
    error: SSEWireError | None


def run(*reads: bytes, broken: bool = False, **options: Any) -> Run:
    """Feed all reads, close, and see what the step after the last says."""
    parser = CompletionsParser(**options)
    events: list[CompletionChunk] = []
    try:
        for read in reads:
            events += parser.feed(read)
        events += parser.close(broken=broken)
        parser.close()
    except SSEWireError as error:
        return Run(parser, events, error)
    return Run(parser, events, None)


def digest(text: str) -> Any:
    """A text as the expectations write it: a long one by its length, hash and ends."""
    if len(text) <= 80:
        return text
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return {"chars": len(text), "sha256": sha256, "starts": text[:30], "ends": text[-30:]}


def told(ran: Run) -> dict[str, Any]:
    """What a run gave, as the expectations write it."""
    final = ran.parser.snapshot()
    usage, error = final.usage, ran.error
    return {
        "verdict": ran.parser.verdict.value,
        "id": final.id or None,
        "model": final.model or None,
        "created": final.created,
        "system_fingerprint": final.system_fingerprint,
        "service_tier": None,
        "choices": [
            {
                "index": choice.index,
                "finish_reason": choice.finish_reason,
                "text": digest(choice.text),
                "logprob_tokens": len(choice.logprobs.tokens or ()) if choice.logprobs else 0,
            }
            for choice in final.choices
        ],
        "usage": usage
        and {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
        },
        "error": {
            "message": error.message,
            "code": error.code,
            "type": error.type,
            "param": error.param,
        }
        if isinstance(error, ProviderError)
        else None,
        "events": len(ran.events),
    }


@pytest.mark.parametrize("size", [1, 7, 64, 10**9])
@every_body
def test_every_body_gives_what_is_expected_however_it_is_cut(body: Body, size: int) -> None:
    content = body.read()
    ran = run(*(content[at : at + size] for at in range(0, len(content), size)))
    beside = {"done", "malformed", "note"}  # the end mark shows in the verdict
    assert told(ran) == {name: value for name, value in body.expected.items() if name not in beside}
    assert [entry.count for entry in ran.parser.diagnostics if entry.kind == "malformed"] == []
    assert body.expected["malformed"] == 0


@pytest.mark.parametrize("body", CORPUS_BODIES, ids=lambda body: body.name)
def test_every_cut_in_two_gives_the_same(body: Body) -> None:
    content = body.read()
    whole = told(run(content))
    for at in range(len(content)):
        assert told(run(content[:at], content[at:])) == whole


@every_body
def test_a_snapshot_may_be_taken_at_every_event_and_never_changes(body: Body) -> None:
    watched = CompletionsReducer()
    taken = []
    events = run(body.read()).events
    for count, each in enumerate(events, 1):
        before = msgspec.json.encode(each)
        watched.apply(each)
        alone = CompletionsReducer()
        for again in events[:count]:
            alone.apply(again)
        taken.append((watched.snapshot(), msgspec.json.encode(alone.snapshot())))
        assert watched.snapshot() is taken[-1][0]
        assert msgspec.json.encode(each) == before
    for snapshot, encoded in taken:
        assert msgspec.json.encode(snapshot) == encoded
        assert pickle.loads(pickle.dumps(snapshot)) == snapshot


# -- types -----------------------------------------------------------------------------------------------

API: dict[type[msgspec.Struct], dict[str, tuple[str, bool]]] = {
    Completion: {
        "id": ("string", True),
        "choices": ("array<object>", True),
        "created": ("integer", True),
        "model": ("string", True),
        "object": ("string", True),
        "system_fingerprint": ("string", False),
        "usage": ("CompletionUsage", False),
    },
    CompletionChoice: {
        "finish_reason": ("string", True),
        "index": ("integer", True),
        "logprobs": ("object", True),
        "text": ("string", True),
    },
    Logprobs: {
        "text_offset": ("array<integer>", False),
        "token_logprobs": ("array<number>", False),
        "tokens": ("array<string>", False),
        "top_logprobs": ("array<map<number>>", False),
    },
    CompletionUsage: {
        "completion_tokens": ("integer", True),
        "prompt_tokens": ("integer", True),
        "total_tokens": ("integer", True),
        "completion_tokens_details": ("object", False),
        "prompt_tokens_details": ("object", False),
    },
    CompletionTokensDetails: {
        "accepted_prediction_tokens": ("integer", False),
        "audio_tokens": ("integer", False),
        "reasoning_tokens": ("integer", False),
        "rejected_prediction_tokens": ("integer", False),
        "text_tokens": ("integer", False),
    },
    PromptTokensDetails: {
        "audio_tokens": ("integer", False),
        "cache_write_tokens": ("integer", False),
        "cached_tokens": ("integer", False),
        "image_tokens": ("integer", False),
        "text_tokens": ("integer", False),
    },
}
"""The fields of the API: the type of each, and whether it is required."""

EXTENSIONS: dict[type[msgspec.Struct], set[str]] = {
    Completion: {"prompt_filter_results", "prompt_token_ids", "provider", "timings"},
    CompletionChoice: {
        "content_filter_results",
        "matched_stop",
        "native_finish_reason",
        "prompt_logprobs",
        "prompt_token_ids",
        "stop_reason",
        "token_ids",
    },
    Logprobs: {"content", "token_ids"},
    CompletionTokensDetails: {"image_tokens"},
    PromptTokensDetails: set(),
}


def expression(annotation: Any) -> str:
    """A type as the published schemas write it."""
    plain = {str: "string", int: "integer", float: "number", CompletionUsage: "CompletionUsage"}
    if get_origin(annotation) is UnionType:
        (annotation,) = (member for member in get_args(annotation) if member is not NoneType)
    if get_origin(annotation) is list:
        return f"array<{expression(get_args(annotation)[0])}>"
    if get_origin(annotation) is dict:
        return f"map<{expression(get_args(annotation)[1])}>"
    return plain.get(annotation, "object")


@pytest.mark.parametrize("struct", API, ids=lambda struct: struct.__name__)
def test_the_fields_are_those_of_the_api_and_the_declared_extensions(struct: type[msgspec.Struct]) -> None:
    hints = get_type_hints(struct)
    assert {name: expression(hints[name]) for name in API[struct]} == {
        name: written for name, (written, _) in API[struct].items()
    }
    if struct in EXTENSIONS:
        assert set(hints) == set(API[struct]) | EXTENSIONS[struct]


@pytest.mark.parametrize("struct", API, ids=lambda struct: struct.__name__)
def test_what_the_api_requires_is_always_encoded_and_nothing_else_is(struct: type[msgspec.Struct]) -> None:
    assert set(msgspec.to_builtins(struct())) == {
        name for name, (_, required) in API[struct].items() if required
    }


@pytest.mark.parametrize(
    ("chunk_type", "final_type", "only_streamed"),
    [
        (CompletionChunk, Completion, {"error", "type"}),
        (CompletionChunkChoice, CompletionChoice, {"error"}),
    ],
)
def test_chunks_have_the_fields_of_the_final_object_and_may_lack_all(
    chunk_type: type[msgspec.Struct], final_type: type[msgspec.Struct], only_streamed: set[str]
) -> None:
    assert set(get_type_hints(chunk_type)) == set(get_type_hints(final_type)) | only_streamed
    assert msgspec.to_builtins(chunk_type()) == {}


def test_the_fields_are_those_of_the_published_schemas() -> None:
    def fields(described: dict[str, Any]) -> dict[str, tuple[str, bool]]:
        return {name: (facts["type"], facts["required"]) for name, facts in described.items()}

    objects = published_schemas()["index"]["objects"]
    completion, usage = objects["CreateCompletionResponse"], objects["CompletionUsage"]
    choice = completion["choices"]["fields"]
    published = {
        Completion: fields(completion),
        CompletionChoice: fields(choice),
        Logprobs: fields(choice["logprobs"]["fields"]),
        CompletionUsage: fields(usage),
        CompletionTokensDetails: fields(usage["completion_tokens_details"]["fields"]),
        PromptTokensDetails: fields(usage["prompt_tokens_details"]["fields"]),
    }
    assert published == API


def test_the_published_example_is_read_and_written_as_it_is() -> None:
    published_schemas()
    examples = json.loads((shared_folder() / "spec" / "examples.json").read_text())
    example = examples["objects"]["CreateCompletionResponse"]["value"]
    assert msgspec.to_builtins(msgspec.convert(example, Completion)) == example


def test_chat_and_completions_tell_usage_with_the_same_type() -> None:
    from ssewire import chat

    assert chat.CompletionUsage is completions.CompletionUsage


def without_nulls(final: Any) -> Any:
    """A completion whose tokens all have log probabilities; the API itself leaves out the first's."""
    for choice in final["choices"]:
        logprobs = choice["logprobs"] or {}
        for name, nothing in (("token_logprobs", 0.0), ("top_logprobs", {})):
            if name in logprobs:
                logprobs[name] = [nothing if each is None else each for each in logprobs[name]]
    return final


COMPLETE_BODIES = [body for body in BODIES if body.expected["verdict"] == "complete"]


@pytest.mark.parametrize("body", COMPLETE_BODIES, ids=lambda body: body.name)
def test_the_final_object_of_a_complete_stream_is_what_the_api_returns(body: Body) -> None:
    final = msgspec.json.decode(msgspec.json.encode(run(body.read()).parser.result()))
    loaded = OpenAICompletion.model_validate(without_nulls(final))
    assert [choice.text for choice in loaded.choices] == [choice["text"] for choice in final["choices"]]
    schemas = published_schemas()
    jsonschema: Any = pytest.importorskip("jsonschema")  # comes without types
    needed = {name: schemas["$defs"][name] for name in schemas["groups"]["completions"]["schemas"]}
    jsonschema.validate(final, {"$ref": "#/$defs/CreateCompletionResponse", "$defs": needed})


# -- decoding --------------------------------------------------------------------------------------------

DECODER: CompletionsDecoder[CompletionChunk] = CompletionsDecoder()


def chunk_of(payload: Any) -> CompletionChunk:
    """The chunk of a payload, as it comes from the wire."""
    decoded = DECODER.decode(ServerSentEvent(json.dumps(payload).encode()))
    assert isinstance(decoded, CompletionChunk)
    return decoded


class Projection(msgspec.Struct):
    model: str


class Extended(CompletionChunk, frozen=True):
    tier: str | None = None


def test_the_end_mark_and_heartbeats_are_no_chunks() -> None:
    assert DECODER.decode(ServerSentEvent(b" [DONE]")) is DONE
    assert DECODER.decode(ServerSentEvent(b" null ")) is None


def test_the_decoder_takes_any_struct_and_the_parser_a_subclass() -> None:
    decoder = CompletionsDecoder(Projection)
    assert decoder.decode(ServerSentEvent(b'{"model":"m"}')) == Projection("m")
    with pytest.raises(EventDecodeError):
        decoder.decode(ServerSentEvent(b"timed out", "error"))
    (extended,) = CompletionsParser(type=Extended).feed(event(chunk(tier="a")))
    assert isinstance(extended, Extended)
    assert extended.tier == "a"
    projection: Any = Projection
    with pytest.raises(TypeError, match="type is CompletionChunk or a subclass"):
        CompletionsParser(type=projection)


def test_the_text_of_an_error_event_is_an_error() -> None:
    assert DECODER.decode(ServerSentEvent(b"timed out", "error")) == CompletionChunk(error="timed out")
    with pytest.raises(EventDecodeError):
        DECODER.decode(ServerSentEvent(b"timed out"))


def test_null_lists_and_numbers_for_text_are_repaired() -> None:
    ran = run(event(chunk() | {"choices": None}), event(chunk(piece("1", "stop"), created=7.0)), END)
    assert ran.parser.result().choices[0].text == "1"
    assert [entry.detail for entry in ran.parser.diagnostics] == [
        "null at $.choices",
        "fraction for an integer at $.created",
    ]
    assert run(event(chunk(piece() | {"text": 1}))).parser.snapshot().choices[0].text == "1"


# -- folding ---------------------------------------------------------------------------------------------


def folded(*payloads: dict[str, Any]) -> CompletionsReducer:
    reducer = CompletionsReducer()
    for payload in payloads:
        reducer.apply(chunk_of(payload))
    return reducer


def completion(*payloads: dict[str, Any]) -> Completion:
    return folded(*payloads).snapshot()


def choice_of(*pieces: dict[str, Any]) -> CompletionChoice:
    """Choice 0 of chunks of one choice each."""
    (choice,) = completion(*({"choices": [each]} for each in pieces)).choices
    return choice


FIRST = [None, "", "a", None, "b", ""]
LAST = [None, "a", "b", None, ""]


@pytest.mark.parametrize(
    ("field", "values", "value"),
    [
        ("id", FIRST, "a"),
        ("model", FIRST, "a"),
        ("created", [None, 0, 5, 6], 5),
        ("object", ["", "text_completion.chunk"], "text_completion"),
        ("system_fingerprint", LAST, "b"),
        ("provider", LAST, "b"),
        ("timings", [{"n": 1}, {"n": 2}, {}], {"n": 2}),
        ("prompt_token_ids", [[1], [1, 2], None], [1, 2]),
        (
            "prompt_filter_results",
            [[{"prompt_index": 0, "a": 1}], [{"prompt_index": 1}], [{"prompt_index": 0, "a": 2}]],
            [{"prompt_index": 0, "a": 2}, {"prompt_index": 1}],
        ),
        (
            "usage",
            [None, {"prompt_tokens": 1}, {"prompt_tokens": 3, "total_tokens": 4}, {}, None],
            CompletionUsage(prompt_tokens=3, total_tokens=4),
        ),
    ],
)
def test_each_field_of_a_chunk_merges_by_its_row(field: str, values: list[Any], value: Any) -> None:
    assert getattr(completion(*({field: each} for each in values)), field) == value


@pytest.mark.parametrize(
    ("field", "values", "value"),
    [
        ("text", ["a", None, "", "b", "\ud83d", "\ude00", "\ud83d"], "ab😀\ufffd"),
        ("finish_reason", [None, "stop", "", "length", None], "length"),
        ("stop_reason", [None, 7, None], 7),
        ("matched_stop", [0, None], 0),
        ("native_finish_reason", LAST, "b"),
        ("token_ids", [[1, 2], None, [3]], [1, 2, 3]),
        ("token_ids", [[1], [1], [1]], [1, 1, 1]),
        ("prompt_token_ids", [[1, 2], None], [1, 2]),
        ("prompt_logprobs", [[None, {"9": {"logprob": -1.0}}], None], [None, {"9": {"logprob": -1.0}}]),
        (
            "content_filter_results",
            [{"hate": {"filtered": False}}, {"violence": 1, "hate": None}],
            {"hate": {"filtered": False}, "violence": 1},
        ),
    ],
)
def test_each_field_of_a_choice_merges_by_its_row(field: str, values: list[Any], value: Any) -> None:
    assert getattr(choice_of(piece(""), *({"index": 0, field: each} for each in values)), field) == value


@pytest.mark.parametrize(("index", "position", "found"), [(None, 0, 0), (None, 2, 2), (0, 2, 0), (5, 0, 5)])
def test_a_choice_without_an_index_has_that_of_its_place(
    index: int | None, position: int, found: int
) -> None:
    assert index_of(CompletionChunkChoice(index=index), position) == found


def test_what_repeats_the_chunk_before_is_not_folded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[object] = []
    add = Fields.add

    def noting(fields: Fields, piece: object) -> None:
        folded.append(piece)
        add(fields, piece)

    monkeypatch.setattr(Fields, "add", noting)
    completion(*({"id": "c", "choices": [piece(text, logprobs={"tokens": [text]})]} for text in "abcde"))
    # The log probabilities of each piece, and the first chunk and the first piece beside its text.
    assert len(folded) == 5 + 2


def test_null_everywhere_is_nothing() -> None:
    nulls = dict.fromkeys(get_type_hints(CompletionChunk)) | {
        "choices": [dict.fromkeys(get_type_hints(CompletionChunkChoice))]
    }
    assert completion(nulls) == Completion()


def test_logprobs_extend_and_keep_nulls_inside() -> None:
    first = {
        "tokens": ["a", "b"],
        "token_logprobs": [None, -0.5],
        "top_logprobs": [None, {"b": -0.5, "c": None}],
        "text_offset": [0, 1],
    }
    second = {"tokens": ["d"], "token_logprobs": [-1], "top_logprobs": [{}], "text_offset": [2]}
    choice = choice_of(piece("ab", logprobs=first), piece(""), piece("d", "stop", logprobs=second))
    assert choice.logprobs == Logprobs(
        tokens=["a", "b", "d"],
        token_logprobs=[None, -0.5, -1.0],
        top_logprobs=[None, {"b": -0.5, "c": None}, {}],
        text_offset=[0, 1, 2],
    )


@pytest.mark.parametrize(
    ("pieces", "logprobs"),
    [
        ([piece("a"), piece("b", "stop")], None),
        ([piece("a", logprobs={})], Logprobs()),
        ([piece("a", logprobs={"tokens": None}), piece("b", logprobs={"tokens": []})], Logprobs(tokens=[])),
        ([piece("a", logprobs={"content": [{"token": "a"}]})], Logprobs(content=[{"token": "a"}])),
        ([piece("a", logprobs={"token_ids": [5]})], Logprobs(token_ids=[5])),
    ],
)
def test_logprobs_are_what_came(pieces: list[dict[str, Any]], logprobs: Logprobs | None) -> None:
    assert choice_of(*pieces).logprobs == logprobs


def test_an_echoed_prompt_is_text() -> None:
    echo = {"tokens": ["Say", " hi"], "token_logprobs": [None, -3.0], "text_offset": [0, 3]}
    choice = choice_of(piece("Say hi", logprobs=echo), piece(" Hi", "stop"))
    assert choice.text == "Say hi Hi"
    assert choice.logprobs is not None
    assert choice.logprobs.token_logprobs == [None, -3.0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_choices_come_in_any_order(order: tuple[int, ...]) -> None:
    apart = [chunk(piece(f"{index}a", index=index)) for index in order]
    together = chunk(*(piece(f"{index}b", "stop", index=index) for index in reversed(order)))
    reducer = folded(*apart, together)
    assert [(each.index, each.text) for each in reducer.snapshot().choices] == [
        (0, "0a0b"),
        (1, "1a1b"),
        (2, "2a2b"),
    ]
    assert reducer.finished
    assert reducer.tokens == 6


@pytest.mark.parametrize("index", [{}, {"index": None}])
def test_without_an_index_the_place_in_the_chunk_counts(index: dict[str, None]) -> None:
    texts = [
        choice.text for choice in completion({"choices": [{"text": "a"} | index]}, chunk(piece("b"))).choices
    ]
    assert texts == ["ab"]
    pair = {"choices": [{"text": "a"} | index, {"text": "b"} | index]}
    assert [(each.index, each.text) for each in completion(pair, pair).choices] == [(0, "aa"), (1, "bb")]


def test_a_far_index_costs_nothing() -> None:
    assert [each.index for each in completion(chunk(piece("a", index=2**60))).choices] == [2**60]


def test_a_choice_of_which_only_a_filter_reports_is_left_out() -> None:
    reducer = folded(chunk({"index": 0, "content_filter_results": {"hate": 1}}))
    assert reducer.snapshot().choices == []
    assert not reducer.finished
    reducer.apply(chunk_of(chunk(piece(None, "stop"))))
    assert [(each.text, each.content_filter_results) for each in reducer.snapshot().choices] == [
        ("", {"hate": 1})
    ]
    assert reducer.finished


def test_what_is_known_of_an_unfinished_stream() -> None:
    reducer = CompletionsReducer()
    assert (reducer.model, reducer.created, reducer.usage, reducer.tokens) == (None, None, None, 0)
    assert not reducer.finished
    assert reducer.snapshot() == Completion()
    reducer.apply(chunk_of(chunk(piece("a"), piece("", "stop", index=1))))
    assert (reducer.model, reducer.created, reducer.tokens) == ("m", 7, 1)
    assert not reducer.finished
    reducer.apply(chunk_of({"choices": [], "usage": {"prompt_tokens": 2}}))
    assert reducer.usage == CompletionUsage(prompt_tokens=2)
    assert reducer.snapshot().usage == reducer.usage
    assert reducer.diagnostics == []


def test_diagnostics_are_noted_in_the_log_that_is_given() -> None:
    log = DiagnosticLog()
    reducer = CompletionsReducer(log)
    reducer.apply(chunk_of(chunk(piece("a"))))
    assert log.ordinal == 0
    log.note("a", "b")
    assert reducer.diagnostics == log.entries()


# -- verdicts and errors ---------------------------------------------------------------------------------

OPEN, OVER, OTHER = chunk(piece("a")), chunk(piece("b", "stop")), chunk(piece("c", index=1))


@pytest.mark.parametrize(
    ("content", "broken", "verdict", "raised", "raised_if_strict"),
    [
        (WHOLE, False, "complete", None, None),
        (event(OVER), False, "no_done", None, StreamTruncatedError),
        (event(OVER), True, "truncated", StreamTruncatedError, StreamTruncatedError),
        (event(OPEN), False, "truncated", StreamTruncatedError, StreamTruncatedError),
        (event(OVER) + event(OTHER), False, "truncated", StreamTruncatedError, StreamTruncatedError),
        (event(OVER) + event(OTHER) + END, False, "no_finish", None, StreamTruncatedError),
        (event(OPEN) + END, True, "no_finish", None, StreamTruncatedError),
        (END, False, "no_finish", None, StreamTruncatedError),
        (event(OVER) + event(OTHER)[:-9], False, "truncated", StreamTruncatedError, StreamTruncatedError),
        (b"", False, "empty", EmptyStreamError, EmptyStreamError),
        (b"<html>\n", False, "empty", NotAnEventStreamError, NotAnEventStreamError),
        (event(OVER) + event({"error": {"message": "no"}}), False, "failed", ProviderError, ProviderError),
    ],
)
def test_the_verdict_and_what_the_result_raises(
    content: bytes,
    broken: bool,
    verdict: str,
    raised: type[SSEWireError] | None,
    raised_if_strict: type[SSEWireError] | None,
) -> None:
    for strict, expected in ((False, raised), (True, raised_if_strict)):
        parser = run(content, broken=broken, strict=strict).parser
        assert parser.verdict == verdict
        if expected is None:
            assert parser.result() == parser.snapshot()
        else:
            with pytest.raises(expected) as caught:
                parser.result()
            assert caught.value.snapshot == parser.snapshot()


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        (event({"error": {"message": "full", "code": 503}}), "full"),
        (event({"error": "full"}), "full"),
        (event(chunk(error={"message": "full"})), "full"),
        (event(chunk(piece("b", "error", error={"message": "full"}))), "full"),
        (event({"type": "error", "message": "full"}), "full"),
        (event({"type": "error", "error": {"message": "full"}}), "full"),
        (b'event: error\ndata: {"message":"full"}\n\n', "full"),
        (b"event: error\ndata: full\n\n", "full"),
        (b'error: {"message":"full"}\n\n', "full"),
    ],
)
def test_an_error_is_handed_out_and_then_raised(failing: bytes, message: str) -> None:
    ran = run(event(OPEN) + failing + event(OVER))
    assert isinstance(ran.error, ProviderError)
    assert ran.error.message == message
    assert len(ran.events) == 2
    assert ran.parser.verdict == "failed"
    assert ran.parser.snapshot().choices[0].text.startswith("a")


@pytest.mark.parametrize("error", [None, {}, ""])
def test_no_error_is_none(error: Any) -> None:
    assert run(event(chunk(piece("a", "stop", error=error), error=error)), END).error is None


def test_a_json_body_with_an_error_is_an_error() -> None:
    ran = run(b'{"error": {"message": "no such model", "type": "invalid_request_error"}}')
    assert isinstance(ran.error, ProviderError)
    assert (ran.error.message, ran.error.type) == ("no such model", "invalid_request_error")


def test_a_malformed_event_can_be_skipped() -> None:
    content = event(chunk(piece("a"))) + b"data: {oops\n\n" + event(chunk(piece("b", "stop"))) + END
    assert isinstance(run(content).error, EventDecodeError)
    ran = run(content, malformed="skip")
    assert ran.parser.result().choices[0].text == "ab"
    assert [entry.kind for entry in ran.parser.diagnostics] == ["malformed"]


# -- streams ---------------------------------------------------------------------------------------------


def test_a_stream_gives_events_text_and_result() -> None:
    with CompletionsStream([WHOLE]) as stream:
        assert [each.choices[0].text for each in stream] == ["Good ", "day"]
        assert stream.result().choices[0].text == "Good day"
        assert stream.verdict == "complete"
    two = event(chunk(piece("a", "stop"), piece("b", "stop", index=1))) + event(chunk({"index": 0})) + END
    assert list(CompletionsStream([two]).text()) == ["a"]
    assert list(CompletionsStream([two]).text(choice=1)) == ["b"]


def test_a_stream_can_be_read_with_await() -> None:
    async def reads() -> AsyncIterator[bytes]:
        yield WHOLE

    async def read() -> tuple[list[str], Completion]:
        async with AsyncCompletionsStream(reads()) as stream:
            return [text async for text in stream.text()], await stream.result()

    texts, final = asyncio.run(read())
    assert texts == ["Good ", "day"]
    assert final.choices[0].text == "Good day"


def test_the_other_class_is_named_for_the_other_kind_of_source() -> None:
    async def reads() -> AsyncIterator[bytes]:
        yield WHOLE

    with pytest.raises(TypeError, match="AsyncCompletionsStream"):
        CompletionsStream(reads())


# -- telling the dialects apart --------------------------------------------------------------------------


@every_body
def test_completions_are_known_as_such(body: Body) -> None:
    assert detect_dialect(body.read()) == "completions"


@pytest.mark.parametrize("body", OTHER_BODIES, ids=lambda body: body.name)
def test_chat_is_not_taken_for_completions(body: Body) -> None:
    assert detect_dialect(body.read()) != "completions"


@pytest.mark.parametrize(
    ("payload", "dialect"),
    [
        ({"object": "text_completion", "choices": []}, "completions"),
        ({"object": "text_completion"}, "completions"),
        ({"choices": [{"text": "a"}]}, "completions"),
        ({"object": "completion.chunk", "choices": [{"text": "a"}]}, "completions"),
        ({"choices": [{"text": "a", "delta": {}}]}, None),
        ({"choices": [{"text": "a", "message": {}}]}, None),
        ({"choices": ["a"]}, None),
        ({"choices": {"text": "a"}}, None),
        ({"text": "a"}, None),
        ({"choices": [{"delta": {}}]}, "chat"),
        ({"object": "chat.completion.chunk", "choices": [{"delta": {}, "text": "a"}]}, "chat"),
    ],
)
def test_the_choices_tell_where_no_name_does(payload: Any, dialect: str | None) -> None:
    assert detect_dialect(event(payload)) == dialect


# -- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def two_choices(tmp_path: Path) -> Path:
    path = tmp_path / "two.sse"
    path.write_bytes(event(chunk(piece("one", "stop"), piece("two", "stop", index=1))) + END)
    return path


@pytest.mark.parametrize("arguments", [[], ["--dialect", "completions"]])
def test_replay_prints_the_text_and_the_other_choices(
    two_choices: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["replay", *arguments, str(two_choices)]) == 0
    assert capsys.readouterr().out == "one\n[choice 1] two\n"


def test_replay_prints_the_final_object(two_choices: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--as", "json", str(two_choices)]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["dialect"], line["verdict"], line["error"]) == ("completions", "complete", None)
    assert [choice["text"] for choice in line["result"]["choices"]] == ["one", "two"]


@pytest.mark.parametrize("make", [CompletionsStream, ChatStream])
def test_a_body_of_the_other_dialect_gives_no_text(make: Callable[[list[bytes]], Any]) -> None:
    other = WHOLE if make is ChatStream else WHOLE.replace(b'"text":', b'"content":')
    assert list(make([other]).text()) == []
