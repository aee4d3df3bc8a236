"""What `ssewire.testing` hands to others: bodies, made answers, fake clients, fixtures, and its imports."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tracemalloc
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import hypothesis
import msgspec
import pytest

import _ssewire_pytestplugin
from ssewire import (
    AsyncChatStream,
    ChatStream,
    CompletionsStream,
    ProviderError,
    ResponsesStream,
    ServerSentEvent,
    StreamInterruptedError,
    StreamTruncatedError,
    Verdict,
    testing,
)
from ssewire.responses import FunctionCall
from ssewire.testing import (
    QUIRKS,
    Body,
    StreamCase,
    chat_streams,
    check_answer,
    cut,
    event_by_event,
    every_cutting,
    fake_client,
    in_reads_of,
    make,
    make_chat_body,
    make_completions_body,
    make_responses_body,
    quirks_of,
    wire,
)
from ssewire.testing.chat import stream_chat
from ssewire.testing.completions import stream_completions
from ssewire.testing.decisions import Steady
from ssewire.testing.quirks import compatible
from ssewire.testing.responses import stream_responses
from ssewire.testing.writer import BOM, MALFORMED, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ssewire._dialects import DialectName

pytest_plugins = ["pytester"]

# -- reads -----------------------------------------------------------------------------------------------


def test_a_body_is_cut_at_places_and_in_sizes() -> None:
    assert cut(b"abcd", [1, 1, 3]) == [b"a", b"", b"bc", b"d"]
    assert in_reads_of(b"abcde", 2) == [b"ab", b"cd", b"e"]
    assert event_by_event(b"data: 1\n\n\r\ndata: 2\r\rdata") == [b"data: 1\n\n", b"\r\ndata: 2\r\r", b"data"]


def test_every_cutting_of_a_short_body_is_there_once_with_empty_reads_and_once_without() -> None:
    found = list(every_cutting(b"abc"))
    assert [b"a", b"bc"] in found
    assert [b"ab", b"c"] in found
    assert [b"", b"abc", b""] in found
    assert all(b"".join(reads) == b"abc" for reads in found)
    assert len(list(every_cutting(b"a" * 65))) == 2 * (2 + 64)
    assert len(list(every_cutting(b"a" * 401))) == 4


# -- bodies ----------------------------------------------------------------------------------------------


def given(body: Body) -> list[bytes]:
    reads: list[bytes] = []
    try:
        reads.extend(body)
    except OSError as error:
        reads.append(repr(error).encode())
    return reads


async def awaited(body: Body) -> list[bytes]:
    reads: list[bytes] = []
    try:
        async for read in body:
            reads += [read]
    except OSError as error:
        reads.append(repr(error).encode())
    return reads


RESET = b"ConnectionResetError('the connection was reset')"


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        (Body(b"abcd"), [b"abcd"]),
        (Body([b"ab", b"", b"cd"]), [b"ab", b"", b"cd"]),
        (Body(b"abcd", reads=3), [b"abc", b"d"]),
        (Body([b"ab", b"cd"], reads=[1]), [b"a", b"bcd"]),
        (Body(b"abcd", corrupt={1: b"XY", 3: b"Z"}), [b"aXYZ"]),
        (Body(b"abcd", reads=1, end_at=2), [b"a", b"b"]),
        (Body(b"abcd", end_at=9), [b"abcd"]),
        (Body(b"abcd", break_at=3), [b"abc", RESET]),
        (Body(b"abcd", reads=2, break_at=0), [b"", RESET]),
        (Body(b"abcd", break_at=4, error=OSError("mine")), [b"abcd", b"OSError('mine')"]),
        (Body(b"abcd", break_at=2, end_at=1), [b"a", RESET]),
        (Body(b""), [b""]),
    ],
)
def test_a_body_arrives_as_it_is_told_whoever_reads_it(body: Body, reads: list[bytes]) -> None:
    assert given(body) == reads
    assert given(body) == reads
    assert asyncio.run(awaited(body)) == reads


@pytest.mark.parametrize(
    ("stall_at", "steps"),
    [
        (0, [9.5, b"abc", 0.5, b"de", 0.5]),
        (2, [0.5, b"ab", 9.5, b"c", 0.5, b"de", 0.5]),
        (3, [0.5, b"abc", 9.5, b"de", 0.5]),
        (5, [0.5, b"abc", 0.5, b"de", 9.5]),
    ],
)
def test_a_body_stalls_where_it_is_told(stall_at: int, steps: list[Any]) -> None:
    found: list[Any] = []
    body = Body(b"abcde", reads=3, stall_at=stall_at, stall_seconds=9, delay=0.5, sleep=found.append)
    for read in body:
        found += [read] if read else []
    assert found == steps


def test_a_stalling_body_waits_in_the_loop() -> None:
    body = Body(b"abcd", stall_at=2, stall_seconds=0.001)

    async def main() -> list[bytes]:
        return [read async for read in body]

    assert asyncio.run(main()) == [b"ab", b"cd"]
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(awaited(Body(b"abcd", stall_at=2)), 0.01))


def test_a_body_counts_what_it_gave_and_who_closed_it() -> None:
    body = Body(make_chat_body(text="one two"), reads=10)
    with ChatStream(body) as stream:
        next(stream)
    assert 0 < body.given < len(make_chat_body(text="one two"))
    assert body.closed == 1

    async def main() -> None:
        async with AsyncChatStream(body) as other:
            await anext(other)

    asyncio.run(main())
    assert body.closed == 2


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_a_body_is_the_stream_of_a_response(module: Any) -> None:
    body = Body(make_chat_body(text="one two"), reads=7)
    response = module.Response(200, stream=body.stream(module))
    with ChatStream(response) as stream:
        assert "".join(stream.text()) == "one two"
    assert body.closed == 1

    async def main() -> None:
        async with AsyncChatStream(module.Response(200, stream=body.stream(module))) as stream:
            assert (await stream.result()).choices[0].message.content == "one two"

    asyncio.run(main())
    assert body.closed == 2


# -- fake clients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [None, httpx.Client, httpx2.Client])
def test_a_fake_client_answers_with_bodies_one_after_the_other(client: Any) -> None:
    broken = Body(make_chat_body(text="one two three"), break_at=400, error=httpx.ReadError("gone"))
    with fake_client(make_chat_body(text="first"), broken, client=client) as made:
        with made.stream("POST", "https://fake/v1") as response, ChatStream(response) as stream:
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert "".join(stream.text()) == "first"
        for _ in range(2):
            with made.stream("POST", "https://fake/v1") as response, ChatStream(response) as stream:
                with pytest.raises(StreamInterruptedError):
                    stream.result()
                assert stream.verdict is Verdict.TRUNCATED


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_a_fake_client_may_be_async(module: Any) -> None:
    async def main() -> None:
        client = fake_client(b'{"error":"no"}', client=module.AsyncClient, status=503, headers={"x": "y"})
        async with (
            client,
            client.stream("GET", "https://fake") as response,
            AsyncChatStream(response) as stream,
        ):
            assert response.headers["x"] == "y"
            with pytest.raises(ProviderError) as caught:
                await stream.result()
            assert caught.value.status == 503

    asyncio.run(main())


class OwnClient(httpx.Client):
    """As an application has one."""


class OwnerClient(OwnClient):
    pass


class OwnAsyncClient(httpx2.AsyncClient):
    pass


@pytest.mark.parametrize("client", [OwnClient, OwnerClient])
def test_a_fake_client_may_be_of_a_class_of_its_own(client: Any) -> None:
    with fake_client(make_chat_body(text="first"), client=client) as made:
        assert type(made) is client
        with made.stream("POST", "https://fake/v1") as response, ChatStream(response) as stream:
            assert "".join(stream.text()) == "first"


def test_an_async_fake_client_may_be_of_a_class_of_its_own() -> None:
    async def main() -> None:
        async with fake_client(b"said", client=OwnAsyncClient) as made:
            assert (await made.get("https://fake")).text == "said"

    asyncio.run(main())


@pytest.mark.parametrize("client", [dict, "httpx.Client"])
def test_what_is_no_class_of_clients_is_refused(client: Any) -> None:
    with pytest.raises(TypeError, match="a client class of httpx or httpx2, or one derived from it, is nee"):
        fake_client(b"", client=client)


@pytest.mark.parametrize("module", [httpx, httpx2])
@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
def test_a_given_header_replaces_the_usual_one(module: Any, name: str) -> None:
    headers = {name: "text/html", "X-Other": "1"}
    with fake_client(b"<html>", client=module.Client, headers=headers) as made:
        found = made.get("https://fake").headers
    assert found.get_list("content-type") == ["text/html"]
    assert found["x-other"] == "1"


def test_a_client_needs_a_body() -> None:
    with pytest.raises(ValueError, match="without a body"):
        fake_client()


# -- made answers ----------------------------------------------------------------------------------------


def test_a_made_chat_body_says_what_it_is_told() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    body = make_chat_body(
        text="Hello  big\nworld ",
        tool_calls=[
            ("look_up", '{"q": "x y"}'),
            {"id": "c", "type": "custom", "custom": {"name": "n", "input": "i"}},
        ],
        reasoning="hm hm",
        usage=usage,
        choices=["other"],
    )
    assert body.endswith(b"data: [DONE]\n\n")
    assert b'"content":"Hello"' in body
    with ChatStream(body) as stream:
        completion = stream.result()
    message = completion.choices[0].message
    assert (message.content, message.reasoning_content) == ("Hello  big\nworld ", "hm hm")
    assert message.tool_calls is not None
    assert [(call.id, call.type) for call in message.tool_calls] == [("call_0", "function"), ("c", "custom")]
    assert message.tool_calls[0].function is not None
    assert message.tool_calls[0].function.arguments == '{"q": "x y"}'
    assert completion.choices[1].message.content == "other"
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 3
    assert stream.verdict is Verdict.COMPLETE
    with ChatStream(make_chat_body(refusal="No.", finish_reason="content_filter")) as stream:
        assert stream.result().choices[0].message.refusal == "No."
        assert stream.result().choices[0].finish_reason == "content_filter"


@pytest.mark.parametrize("arguments", ['{"q": 1}', {"q": 1}], ids=["text", "meaning"])
def test_of_a_made_call_its_name_and_arguments_are_enough(arguments: Any) -> None:
    calls: list[Any] = [("f", arguments), ["f", arguments]]
    wanted = arguments if isinstance(arguments, str) else '{"q":1}'
    named = {"name": "f", "arguments": wanted}
    with ChatStream(make_chat_body(tool_calls=[*calls, {"function": named}])) as stream:
        made = stream.result().choices[0].message.tool_calls or []
        assert [(call.id, call.type) for call in made] == [(f"call_{at}", "function") for at in range(3)]
        assert [call.function and call.function.arguments for call in made] == [wanted] * 3
    with ResponsesStream(make_responses_body(tool_calls=[*calls, named])) as stream:
        output: list[Any] = stream.result().output
        assert [item.call_id for item in output] == ["call_0", "call_1", "call_2"]
        assert [item.arguments for item in output] == [wanted] * 3


@pytest.mark.parametrize(
    "call", [{}, {"function": {"name": "f"}}, {"name": "f", "arguments": None}, {"type": "custom"}]
)
def test_a_made_call_without_a_name_or_arguments_is_refused(call: Any) -> None:
    with pytest.raises(ValueError, match="a call has a name and"):
        make_chat_body(tool_calls=[call])
    if call != {"type": "custom"}:  # as an item of a response it may be anything
        with pytest.raises(ValueError, match="a call has a name and arguments, both text"):
            make_responses_body(tool_calls=[call])


def test_a_made_completions_body_says_what_it_is_told() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    with CompletionsStream(make_completions_body(text="a b", finish_reason="length", usage=usage)) as stream:
        completion = stream.result()
    assert (completion.choices[0].text, completion.choices[0].finish_reason) == ("a b", "length")
    assert completion.usage is not None
    with CompletionsStream(make_completions_body()) as stream:
        assert stream.result().choices[0].text == ""


def test_a_made_responses_body_says_what_it_is_told() -> None:
    body = make_responses_body(
        text="Hello world",
        reasoning="hm",
        refusal="or not",
        tool_calls=[
            ("look_up", "{}"),
            {"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "i"},
        ],
        usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        output=[{"type": "web_search_call", "action": {"type": "search", "query": "q"}}],
    )
    with ResponsesStream(body) as stream:
        response = stream.result()
        assert stream.compare() == []
    kinds = ["reasoning", "message", "function_call", "custom_tool_call", "web_search_call"]
    assert [item.type for item in response.output] == kinds
    assert response.usage is not None
    with pytest.raises(ValueError, match="completed or incomplete, not 'failed'"):
        make_responses_body(status="failed")
    with ResponsesStream(make_responses_body(status="incomplete")) as stream:
        assert stream.result().incomplete_details is not None


MADE: dict[DialectName, tuple[Callable[..., bytes], Callable[..., StreamCase]]] = {
    "chat": (make_chat_body, stream_chat),
    "completions": (make_completions_body, stream_completions),
    "responses": (make_responses_body, stream_responses),
}
"""Each function that makes bodies, and what it streams them with."""
TEXT = "12 w\U0001f600rds, \ufffd and 3 more"
CALLS = [("look_up", {"q": "x \U0001f600", "n": [1]}), ("run", {"b": 2})]
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
RICH: dict[DialectName, dict[str, Any]] = {
    "chat": {
        "text": TEXT,
        "reasoning": "hm hm",
        "tool_calls": CALLS,
        "usage": USAGE,
        "choices": ["another one"],
    },
    "completions": {"text": TEXT, "usage": USAGE},
    "responses": {"text": TEXT, "reasoning": "hm hm", "tool_calls": CALLS},
}
"""Answers that give each quirk a place."""


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message"},
        {"type": "message", "content": [{"type": "output_text", "text": "a b"}]},
        {"type": "message", "content": [{"type": "output_text"}, {"type": "refusal"}, {"type": "next_year"}]},
        {"type": "reasoning"},
        {"type": "reasoning", "encrypted_content": "gAAA", "summary": None},
        {"type": "reasoning", "summary": [{"type": "summary_text"}], "content": [{"type": "reasoning_text"}]},
        {"type": "function_call", "name": "f"},
        {"type": "code_interpreter_call", "code": None},
        {"type": "apply_patch_call"},
        {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a.py"}},
        {"type": "shell_call"},
        {"type": "shell_call", "action": {"max_output_length": None}},
        {"type": "web_search_call", "action": None},
    ],
    ids=str,
)
def test_an_item_may_leave_out_what_it_does_not_say(item: dict[str, Any]) -> None:
    with ResponsesStream(make_responses_body(output=[item])) as stream:
        (found,) = stream.result().output
        assert stream.compare() == []
    assert found.type == item["type"]
    with ResponsesStream(make_responses_body(output=[item], quirks=["empty_output"])) as stream:
        assert stream.result().output == [found]


@pytest.mark.parametrize(
    "item", [{}, {"type": "message", "content": "text"}, {"type": "reasoning", "summary": [{"text": "a"}]}]
)
def test_an_item_without_a_type_is_refused(item: Any) -> None:
    with pytest.raises(ValueError, match="an item has a type, and so has each of its parts: "):
        make_responses_body(output=[item])


def test_quirks_are_turned_on_by_name() -> None:
    assert b"data:{" in make_chat_body(text="a", quirks=["no_space"])
    assert b"\r\n\r\n" in make_completions_body(text="a", quirks=["crlf"])
    with (
        ChatStream(make_chat_body(text="a b", quirks=["cut"])) as stream,
        pytest.raises(StreamTruncatedError),
    ):
        stream.result()
    with ResponsesStream(make_responses_body(text="a", quirks=["empty_output"])) as stream:
        assert stream.result().output
    with ResponsesStream(make_responses_body(tool_calls=[("f", "{}")], quirks=["late_deltas"])) as stream:
        call = stream.result().output[0]
        assert isinstance(call, FunctionCall)
        assert call.arguments == "{}"
        assert [each.kind for each in stream.diagnostics] == ["late_delta"]


@pytest.mark.parametrize(
    ("make", "quirks"),
    [
        (make_chat_body, ["cr", "crlf"]),
        (make_chat_body, ["no_done", "error_payload"]),
        (make_completions_body, ["done_variants", "no_done"]),
        (make_chat_body, ["tools_id_changes", "tools_name_repeated"]),
        (make_chat_body, ["tools_id_changes", "tools_two_indexes"]),
        (make_chat_body, ["tools_whole", "bom", "tools_name_pieces"]),
        (make_responses_body, ["lone_halves", "no_deltas"]),
    ],
)
def test_quirks_that_contradict_each_other_are_refused_by_name(make: Any, quirks: list[str]) -> None:
    with pytest.raises(ValueError, match="only one of the quirks") as caught:
        make(text="a", quirks=quirks)
    assert all(name in str(caught.value) for name in quirks if name != "bom")


def test_of_quirks_that_contradict_each_other_a_strategy_takes_the_first() -> None:
    assert compatible(["cr", "bom", "crlf", "cut", "no_space"]) == {"cr", "bom", "cut", "no_space"}
    assert compatible(["tools_id_changes", "tools_without_index"]) == {"tools_id_changes"}
    assert compatible(["tools_without_index", "tools_id_changes"]) == {"tools_without_index"}
    assert all(other in QUIRKS for quirk in QUIRKS.values() for other in quirk.without)


@hypothesis.given(chat_streams(quirks=["cr", "crlf", "tools_whole", "malformed"]))
def test_each_stream_is_drawn_with_some_of_the_quirks(case: StreamCase) -> None:
    assert case.quirks
    assert case.quirks < {"cr", "crlf", "tools_whole", "malformed"}
    assert (b"\r" in case.body) is bool(case.quirks & {"cr", "crlf"})


@pytest.mark.parametrize("make", [make_chat_body, make_responses_body, make_completions_body, chat_streams])
def test_a_text_is_no_list_of_quirks(make: Any) -> None:
    with pytest.raises(TypeError, match="quirks are a list of names, not the text 'no_done'"):
        make(quirks="no_done")


EACH_QUIRK = [(name, quirk) for name in MADE for quirk in quirks_of(name)]


def made(dialect: DialectName, quirks: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> StreamCase:
    """What a make function makes of a rich answer, with what it means."""
    function, stream = MADE[dialect]
    cases: list[StreamCase] = []

    def keep(*arguments: Any) -> StreamCase:
        cases.append(stream(*arguments))
        return cases[-1]

    monkeypatch.setattr(make, stream.__name__, keep)
    body = function(**RICH[dialect], quirks=quirks)
    assert body == cases[0].body
    return cases[0]


@pytest.mark.parametrize(("dialect", "quirk"), EACH_QUIRK)
def test_a_quirk_that_is_asked_for_is_in_the_body_and_the_answer_comes_back(
    dialect: DialectName, quirk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = made(dialect, [quirk], monkeypatch)
    assert case.body != made(dialect, [], monkeypatch).body
    assert case.body == made(dialect, [quirk], monkeypatch).body
    assert bool(case.malformed) is (quirk == "malformed")
    check_answer(case)


@pytest.mark.parametrize("dialect", MADE)
def test_what_quirks_add_comes_beside_what_others_add(
    dialect: DialectName, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = ["control_blocks", "heartbeats", "malformed", "mixed_line_ends", "keepalives", "unknown_events"]
    quirks = [each for each in added if each in quirks_of(dialect)]
    case = made(dialect, quirks, monkeypatch)
    check_answer(case)
    for quirk in quirks:
        others = [each for each in quirks if each != quirk]
        assert case.body != made(dialect, others, monkeypatch).body


def test_the_shapes_of_a_quirk_come_one_after_the_other() -> None:
    body = make_chat_body(text="a b c d e f g h i j k l", quirks=["malformed"])
    assert body.startswith(b"data: " + MALFORMED[0])
    assert all(b"data: %b\n\n" % each in body for each in MALFORMED)
    lines = make_chat_body(text="a b", quirks=["mixed_line_ends"])
    assert {*re.findall(rb"\r\n|\r|\n", lines)} == {b"\r", b"\n", b"\r\n"}


def test_a_number_behind_a_space_is_sent_as_a_number() -> None:
    body = make_chat_body(text="take 12  eggs, 3", quirks=["numbers_for_text"])
    assert [each for each in (12, 3) if b'"content":%d}' % each in body] == [12, 3]
    with ChatStream(body) as stream:
        assert stream.result().choices[0].message.content == "take 12  eggs, 3"
    body = make_completions_body(text="7 of 9", quirks=["numbers_for_text"])
    assert [each for each in (7, 9) if b'"text":%d,' % each in body] == [7, 9]


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        ('{"q": [1, 2]}', True),
        ("", True),
        ("{}\n", True),
        ("[1]", False),
        ('{"q": NaN}', False),
        ("{", False),
    ],
)
def test_calls_have_one_index_where_their_end_tells_them_apart(passed: str, told: bool) -> None:
    calls: list[Any] = [("f", passed), ("g", "any")]
    body = make_chat_body(tool_calls=calls, quirks=["tools_index_zero"])
    assert (body != make_chat_body(tool_calls=calls)) is told
    with ChatStream(body) as stream:
        found = stream.result().choices[0].message.tool_calls or []
    assert [call.function and call.function.arguments for call in found] == [passed, "any"]


def test_a_custom_call_does_not_tell_its_end() -> None:
    calls: list[Any] = [{"type": "custom", "custom": {"name": "n", "input": "{}"}}, ("f", "{}")]
    assert make_chat_body(tool_calls=calls, quirks=["tools_index_zero"]) == make_chat_body(tool_calls=calls)


@pytest.mark.parametrize("quirk", ["cut", "error_payload", "error_event"])
def test_a_made_body_breaks_off_in_the_middle(quirk: str) -> None:
    text = "one two three four five six"
    for body in (
        make_chat_body(text=text, quirks=[quirk]),
        make_completions_body(text=text, quirks=[quirk]),
        make_responses_body(text=text, quirks=[quirk]),
    ):
        assert b'" two"' in body
        assert b'" six"' not in body


@pytest.mark.parametrize("make", [make_chat_body, make_responses_body, make_completions_body])
def test_a_quirk_that_nobody_knows_is_an_error(make: Any) -> None:
    with pytest.raises(ValueError, match=r"no quirk of .* streams: nobody_knows"):
        make(text="a", quirks=["nobody_knows", "crlf"])


def test_quirks_have_dialects_and_effects() -> None:
    assert "tools_whole" in quirks_of("chat")
    assert "tools_whole" not in quirks_of("responses")
    assert all(quirk.effect and quirk.dialects for quirk in QUIRKS.values())


def test_an_event_costs_no_copy_of_what_was_written_before() -> None:
    writer = Writer(Steady(), frozenset())
    writer.body += bytes(2**20)
    writer.event({})  # makes room for more
    tracemalloc.start()
    try:
        writer.event({})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < peak < 2**16


# -- every decision of a server -----------------------------------------------------------------------------


class Dice:
    """Decides by chance, and the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)

    def chance(self) -> bool:
        return self._random.random() < 0.3

    def split(self, text: str) -> list[str]:
        return list(text)

    def stop(self, limit: int) -> int:
        return self.below(limit)

    def occurs(self, quirk: str, /) -> bool:
        return self.chance()

    def turn(self, quirk: str, shapes: int, /) -> int:
        return self.below(shapes)


CHAT_ANSWER: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    "choices": [
        {
            "index": index,
            "message": {
                "role": "assistant",
                "content": content,
                "refusal": None,
                "reasoning_content": "\U0001f600\ufffd",
                "tool_calls": [
                    {
                        "id": f"call_{at}",
                        "type": "function",
                        "function": {"name": "look_up", "arguments": body},
                    }
                    for at, body in enumerate(('{"a":1}', "{}"))
                ],
            },
            "finish_reason": "stop",
            "logprobs": None,
        }
        for index, content in enumerate(("70\U0001f600\ufffd", None))
    ],
}
COMPLETIONS_ANSWER: dict[str, Any] = {
    "id": "c",
    "object": "text_completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": index, "text": text, "finish_reason": "stop", "logprobs": None}
        for index, text in enumerate(("70\U0001f600", ""))
    ],
}
RESPONSES_ITEMS: list[dict[str, Any]] = [
    {
        "type": "message",
        "role": "assistant",
        "content": [
            {
                "type": "output_text",
                "text": "a\U0001f600\ufffd",
                "annotations": [{"type": "file_path", "file_id": "f", "index": 0}],
                "logprobs": [{"token": "a", "bytes": None, "logprob": -0.5, "top_logprobs": []}],
            },
        ],
    },
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
    {
        "type": "shell_call",
        "call_id": "call",
        "action": {"commands": ["ls"], "max_output_length": None, "timeout_ms": None},
        "environment": None,
    },
]


@pytest.mark.parametrize(("dialect", "quirk"), [*EACH_QUIRK, *((name, None) for name in MADE)])
def test_whatever_a_server_decides_the_answer_comes_back(dialect: str, quirk: str | None) -> None:
    streams: dict[str, Any] = {
        "chat": stream_chat,
        "completions": stream_completions,
        "responses": stream_responses,
    }
    answers = {"chat": CHAT_ANSWER, "completions": COMPLETIONS_ANSWER, "responses": responses_answer()}
    for seed in range(12):
        quirks = {quirk, "lone_halves", "bom"} if seed % 3 == 0 else {quirk}
        check_answer(streams[dialect](answers[dialect], Dice(seed), quirks - {None}))


@pytest.mark.parametrize("seed", range(8))
def test_a_report_of_a_filter_begins_no_choice(seed: int) -> None:
    check_answer(stream_chat(CHAT_ANSWER, Dice(seed), {"filter_reports", "cut"}))


def responses_answer() -> dict[str, Any]:
    body = make_responses_body(output=RESPONSES_ITEMS)
    with ResponsesStream(body) as stream:
        made: dict[str, Any] = msgspec.to_builtins(stream.result())
    return made


def test_a_byte_order_mark_that_begins_a_line_is_one_where_the_line_is_the_first() -> None:
    event = ServerSentEvent(b"x")
    assert wire._meant(b"", [(BOM + b"data: x", b"\n"), (b"", b"\n")], b"").events == [event]
    assert wire._meant(b"", [], BOM + b"data: x").unfinished == event
    assert wire._meant(b"", [(b"", b"\n")], BOM + b"data: x").unfinished is None


# -- the plugin ------------------------------------------------------------------------------------------


def test_the_plugin_gives_clients_and_bodies(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nssewire_corpus = recorded\n")
    folder = pytester.mkdir("recorded")
    (folder / "deep").mkdir()
    (folder / "one.sse").write_bytes(make_chat_body(text="one"))
    (folder / "deep" / "two.sse").write_bytes(make_chat_body(text="two"))
    pytester.makepyfile(
        """
        import httpx
        from ssewire import ChatStream
        from ssewire.testing import make_chat_body

        opened = []

        class Own(httpx.Client):
            pass

        def test_client(ssewire_client):
            opened.append(ssewire_client(make_chat_body(text="hi")))
            ssewire_client(b"", client=httpx.AsyncClient)
            assert ssewire_client(b"", client=Own).get("https://fake").status_code == 200
            with opened[0].stream("POST", "https://fake") as response:
                assert "".join(ChatStream(response).text()) == "hi"

        def test_closed():
            assert opened[0].is_closed

        def test_body(ssewire_body):
            assert ChatStream(ssewire_body).result().choices[0].message.content in ("one", "two")
        """
    )
    result = pytester.runpytest_subprocess("-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_body?deep/two.sse?*", "*test_body?one.sse?*"])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "ssewire_body needs the setting ssewire_corpus, which names no folder"),
        (["one.sse"], "the setting ssewire_corpus names .*one.sse, which is no folder"),
        (["recorded", "empty"], r"the setting ssewire_corpus names .*empty, which has no \*.sse file in it"),
    ],
)
def test_a_corpus_without_a_body_is_an_error(names: list[str], message: str, tmp_path: Path) -> None:
    body = make_chat_body(text="one")
    for name in ("one.sse", "recorded/one.sse", "empty/one.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
    config = SimpleNamespace(getini=lambda _: [tmp_path / name for name in names])
    asked: Any = SimpleNamespace(fixturenames=["ssewire_body"], config=config)
    with pytest.raises(pytest.UsageError, match=message):
        _ssewire_pytestplugin.pytest_generate_tests(asked)


def test_a_corpus_that_is_not_there_is_an_error_where_it_is_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nssewire_corpus = recordngs\n")
    pytester.makepyfile(
        test_body="def test_body(ssewire_body): pass", test_client="def test_client(ssewire_client): pass"
    )
    result = pytester.runpytest_subprocess("--continue-on-collection-errors")
    result.assert_outcomes(errors=1, passed=1)
    told = "the setting ssewire_corpus names *recordngs, which is no folder"
    result.stdout.fnmatch_lines([f"E *UsageError: {told}"])


def test_the_plugin_imports_nothing_before_it_is_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            assert "_ssewire_pytestplugin" in sys.modules
            assert not {"ssewire", "hypothesis", "httpx", "msgspec"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)


# -- imports ---------------------------------------------------------------------------------------------


def test_hypothesis_is_imported_when_a_strategy_is_used() -> None:
    program = (
        "import sys, ssewire.testing as t; t.make_chat_body(text='a');"
        "assert not {'hypothesis', 'httpx', 'httpx2', 'asyncio', 'pytest'} & set(sys.modules);"
        "t.chat_streams; assert 'hypothesis' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["chat_streams", "cuttings", "wire_streams"])
def test_without_hypothesis_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for module in ("ssewire.testing.strategies", "ssewire.testing.wire"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r"pip install 'ssewire\[testing\]'"):
        getattr(testing, name)


def test_without_httpx_a_client_class_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ImportError, match="or httpx, is needed"):
        fake_client(b"")


def test_another_missing_module_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ssewire.testing.strategies", raising=False)
    monkeypatch.setitem(sys.modules, "ssewire.testing.hostile", None)
    with pytest.raises(ModuleNotFoundError, match=r"ssewire\.testing\.hostile"):
        _ = testing.chat_streams


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'nonsense'"):
        _ = testing.nonsense
    assert all(hasattr(testing, name) for name in testing.__all__)
