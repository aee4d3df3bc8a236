"""Programs side by side, on the pages for those who come from elsewhere, print the same."""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import openai
import pytest
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from shared import CORPUS, TESTS

if TYPE_CHECKING:
    from pathlib import Path

PAGES = TESTS.parent / "docs"
BLOCK = re.compile(r"^With ([^\n]*?):\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
CHAT = (CORPUS / "chat" / "tools-parallel.sse").read_bytes()


def call(index: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]}


def body_of(*deltas: dict[str, Any]) -> bytes:
    """A stream of one choice, as OpenAI writes it."""
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": "example-1",
    }
    choices: list[Any] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    events = [json.dumps(head | {"choices": [choice]}) for choice in choices]
    return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}\n\n'
BODIES = {
    "Parts as they come": CHAT.replace(b"data: [DONE]", USAGE + b"data: [DONE]"),
    "Responses": (CORPUS / "responses" / "reasoning-text.sse").read_bytes(),
    "Any stream of server-sent events": b": hi\n\nid: 7\nevent: a\ndata: 1\ndata: 2\n\ndata: caf\xc3\xa9\n\n",
    "The events of the helper": body_of(
        {"content": "One moment. "}, call(0, "weigh", '{"grams":1}'), call(1, "measure", '{"unit":"mm"}')
    ),
    "The text as it comes": (CORPUS / "chat" / "openai-usage.sse").read_bytes(),
    "A stream of a model": (CORPUS / "chat" / "openai-usage.sse").read_bytes(),
}


def sections() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Pages, titles of sections, and their programs, each with what it is written with."""
    found = []
    for page in sorted(PAGES.glob("coming-from-*.md")):
        for title, text in SECTION.findall(page.read_text()):
            if programs := BLOCK.findall(text):
                found.append((page.name, title, programs))
    return found


def names_for(body: bytes) -> dict[str, Any]:
    """What the programs are given: clients that answer with the body."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body))
    transport2 = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=body))
    client = openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=transport2))
    async_client = openai.AsyncOpenAI(api_key="none", http_client=httpx2.AsyncClient(transport=transport2))
    return {
        "url": "http://localhost/",
        "messages": [{"role": "user", "content": "Hello"}],
        "http": httpx.Client(transport=transport),
        "async_http": httpx.AsyncClient(transport=transport),
        "client": client,
        "model": OpenAIChatModel("example-1", provider=OpenAIProvider(openai_client=async_client)),
    }


def output_of(program: str, body: bytes, tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text(program)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(str(path), init_globals=names_for(body), run_name="__main__")
    return out.getvalue()


@pytest.mark.parametrize(
    ("title", "programs"),
    [each[1:] for each in sections()],
    ids=[f"{page}: {title}" for page, title, _ in sections()],
)
def test_programs_side_by_side_print_the_same(
    title: str, programs: list[tuple[str, str]], tmp_path: Path
) -> None:
    body = BODIES.get(title, CHAT)
    outputs = [output_of(program, body, tmp_path) for _, program in programs]
    assert len(outputs) >= 2
    assert [with_what for with_what, _ in programs][1].startswith("ssewire")
    assert len(outputs[0]) > 10
    assert outputs == [outputs[0]] * len(outputs)


def test_every_program_on_the_pages_is_one_of_a_pair() -> None:
    paired = sum(len(programs) for _, _, programs in sections())
    assert paired == sum(page.read_text().count("```python") for page in PAGES.glob("coming-from-*.md"))
    assert {page for page, _, _ in sections()} == {page.name for page in PAGES.glob("coming-from-*.md")}
