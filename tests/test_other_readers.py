"""Other readers, given the same streams, agree; where one does not, the shape is named."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import httpx2
import httpx_sse
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI
from openai._streaming import SSEDecoder
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest, TextPart, ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from reference import interpret
from shared import captures_folder
from ssewire import Tokenizer
from ssewire.testing import chat_streams, fake_client, responses_streams, wire_streams
from streams import STRATEGIES, examples
from test_openai_agreement import differences, ours, reason_for, theirs

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire.testing import StreamCase

    Events = list[tuple[str, str, str]]

# -- event streams ---------------------------------------------------------------------------------------


def of_ssewire(body: bytes) -> Events:
    tokenizer = Tokenizer(max_event_size=None)
    return [(event.event, event.text, event.id) for event in tokenizer.feed(body)]


def of_httpx_sse(body: bytes) -> Events:
    with fake_client(body) as client, httpx_sse.connect_sse(client, "GET", "https://x") as source:
        return [(event.event, event.data, event.id) for event in source.iter_sse()]


def of_httpx2(body: bytes) -> Events:
    with fake_client(body, client=httpx2.Client) as client, client.stream("GET", "https://x") as response:
        return [(event.event, event.data, event.id) for event in httpx2.EventSource(response)]


def of_openai(body: bytes) -> Events:
    return [
        (event.event or "message", event.data, event.id or "")
        for event in SSEDecoder().iter_bytes(iter([body]))
    ]


def blocks(body: bytes) -> list[list[bytes]]:
    """The lines of a body, in blocks that a blank line ends."""
    lines = re.sub(rb"\r\n?", b"\n", body).split(b"\n")
    found: list[list[bytes]] = [[]]
    for line in lines:
        if line:
            found[-1].append(line)
        else:
            found.append([])
    return found


def has(name: bytes, block: list[bytes]) -> bool:
    return any(line.partition(b":")[0] == name for line in block)


def has_byte_order_mark(body: bytes) -> bool:
    return body.startswith(b"\xef\xbb\xbf")


def has_block_without_data(body: bytes) -> bool:
    return any(
        not has(b"data", each) and any(map(has, (b"id", b"event", b"retry"), [each] * 3))
        for each in blocks(body)
    )


def has_id_before_a_block_without_data(body: bytes) -> bool:
    found = blocks(body)[:-1]
    first = next((at for at, each in enumerate(found) if has(b"id", each)), len(found))
    return any(not has(b"data", each) for each in found[first:])


class Deviation(NamedTuple):
    """A shape that a reader reads otherwise than the standard says."""

    name: str
    shape: Callable[[bytes], bool]
    example: bytes
    theirs: list[Any]


BYTE_ORDER_MARK = Deviation(
    "a byte order mark belongs to the first field's name", has_byte_order_mark, b"\xef\xbb\xbfdata: a\n\n", []
)
WITHOUT_DATA = Deviation(
    "a block without data is an event", has_block_without_data, b"event: a\n\n", [("a", "", "")]
)
ID_STAYS = Deviation(
    "once there was an id, every blank line is an event",
    has_id_before_a_block_without_data,
    b"id: 1\ndata: a\n\n: b\n\n",
    [("message", "a", "1"), ("message", "", "1")],
)

READERS: dict[str, tuple[Callable[[bytes], Events], list[Deviation]]] = {
    "httpx-sse": (of_httpx_sse, [BYTE_ORDER_MARK, WITHOUT_DATA, ID_STAYS]),
    "httpx2": (of_httpx2, [BYTE_ORDER_MARK, WITHOUT_DATA]),
    "openai": (of_openai, [BYTE_ORDER_MARK, WITHOUT_DATA, ID_STAYS]),
}
each_reader = pytest.mark.parametrize("reader", READERS)
bodies = st.one_of(
    wire_streams().map(lambda case: case.body),
    *(
        strategy(quirks=["crlf", "no_space", "heartbeats", "control_blocks", "bom"]).map(
            lambda case: case.body
        )
        for strategy in STRATEGIES.values()
    ),
)


@each_reader
@given(body=bodies)
@examples(80)
def test_a_reader_agrees_or_the_shape_is_named(reader: str, body: bytes) -> None:
    read, deviations = READERS[reader]
    if not any(each.shape(body) for each in deviations):
        assert read(body) == of_ssewire(body)


@pytest.mark.parametrize(
    ("reader", "deviation"), [(name, each) for name, (_, found) in READERS.items() for each in found]
)
def test_a_deviation_that_is_named_is_there(reader: str, deviation: Deviation) -> None:
    read, _ = READERS[reader]
    assert deviation.shape(deviation.example)
    assert read(deviation.example) == deviation.theirs
    assert of_ssewire(deviation.example) != deviation.theirs


RECORDED = sorted(captures_folder().glob("*.sse"))


@each_reader
def test_a_reader_agrees_over_recorded_streams(reader: str) -> None:
    read, deviations = READERS[reader]
    for path in RECORDED:
        body = path.read_bytes()
        if not any(each.shape(body) for each in deviations):
            expected = [(name, data, last_id) for data, name, last_id in interpret(body).events]
            assert of_ssewire(body) == expected
            assert read(body) == expected, path.name


# -- accumulators ----------------------------------------------------------------------------------------


RAISED = {
    "IndexError": "the first choice that comes is not that of index 0",
    "RuntimeError": "annotations have no index to be merged by",
}
"""What the official accumulator raises over sound streams, and why."""
DRAWN_REASONS: list[tuple[str, str, Callable[[Any, Any], bool]]] = [
    ("an id that repeats is appended by theirs", r"audio\.id$", lambda mine, other: other.startswith(mine)),
    (
        "a text that nobody sent is missing from theirs",
        r"(data|transcript|arguments|input)$",
        lambda mine, other: not mine and not other,
    ),
]
"""Where the official accumulator differs over drawn streams, beside what it does over recorded ones."""


@given(chat_streams())
@examples(60)
def test_the_official_accumulator_agrees_over_drawn_chat_streams(case: StreamCase) -> None:
    try:
        other = theirs(case.body)
    except pytest.skip.Exception as skipped:
        other = str(skipped).rpartition(" ")[2]
    if isinstance(other, str):
        assert other in RAISED
        return
    for path, mine, another in differences("", "", ours(case.body), other):
        named = [why for why, where, how in DRAWN_REASONS if re.search(where, path) and how(mine, another)]
        assert named or reason_for(path, mine, another), (path, mine, another)


def of_pydantic_ai(body: bytes, model: Any) -> tuple[str, list[tuple[str, str, Any]]]:
    """The text and the calls of functions that pydantic-ai reads."""

    async def read() -> Any:
        http = fake_client(body, client=httpx.AsyncClient)
        client = AsyncOpenAI(http_client=http, api_key="none", base_url="https://x")
        async with (
            client,
            model_request_stream(
                model("m", provider=OpenAIProvider(openai_client=client)),
                [ModelRequest.user_text_prompt("?")],
            ) as stream,
        ):
            async for _ in stream:
                pass
            return stream.get()

    response = asyncio.run(read())
    calls = [each for each in response.parts if isinstance(each, ToolCallPart)]
    text = "".join(each.content for each in response.parts if isinstance(each, TextPart))
    return text, [(each.tool_call_id, each.tool_name, each.args or "") for each in calls]


def has_custom_tools(case: StreamCase) -> bool:
    choices = (case.final or {}).get("choices", [])
    return any(call["type"] == "custom" for each in choices for call in each["message"].get("tool_calls", []))


BEYOND_PYDANTIC_AI: dict[str, Callable[[StreamCase], bool]] = {
    "what the openai package reads in its own way, all who are built on it read so": lambda case: any(
        each.shape(case.body) for each in READERS["openai"][1]
    ),
    "it reads the first choice of each chunk, whatever its index": lambda case: (
        len((case.final or {}).get("choices", [])) > 1
    ),
    "it knows no custom tools in chat": has_custom_tools,
    "it makes something of its own of other items": lambda case: any(
        item["type"] not in ("message", "function_call") for item in (case.final or {}).get("output", [])
    ),
}
"""Streams that pydantic-ai reads otherwise, or not at all: why, and which."""


@given(chat_streams())
@examples(30)
def test_pydantic_ai_agrees_over_drawn_chat_streams(case: StreamCase) -> None:
    assert case.final is not None
    if any(beyond(case) for beyond in BEYOND_PYDANTIC_AI.values()):
        return
    message = case.final["choices"][0]["message"]
    calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
        if call["type"] == "function"
    ]
    text, others = of_pydantic_ai(case.body, OpenAIChatModel)
    assert text == (message["content"] or "")
    assert others == calls


@given(responses_streams())
@examples(20)
def test_pydantic_ai_agrees_over_drawn_responses_streams(case: StreamCase) -> None:
    assert case.final is not None
    items = case.final["output"]
    if any(beyond(case) for beyond in BEYOND_PYDANTIC_AI.values()):
        return
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    calls = [
        (item["call_id"], item["name"], item["arguments"])
        for item in items
        if item["type"] == "function_call"
    ]
    text, others = of_pydantic_ai(case.body, OpenAIResponsesModel)
    assert sorted(text) == sorted("".join(part["text"] for part in parts if part["type"] == "output_text"))
    assert sorted(others) == sorted(calls)
