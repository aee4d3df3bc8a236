"""The official accumulator, given the same chunks, agrees; where it does not, the reason is here."""

from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from reference import interpret
from shared import CHAT_BODIES, Body
from ssewire import ChatParser, SSEWireError
from ssewire._json import loads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# The fields of the API's own final object that are compared; the rest are extensions, or the request's echo.
COMPARED = {
    "": {"id", "created", "model", "choices", "usage", "service_tier", "system_fingerprint"},
    "choices": {"index", "finish_reason", "message", "logprobs"},
    "message": {"role", "content", "refusal", "tool_calls", "function_call", "audio", "annotations"},
    "tool_calls": {"id", "type", "function"},
    "usage": {"prompt_tokens", "completion_tokens", "total_tokens"},
    "logprobs": {"content", "refusal"},
}


def repeated(ours: Any, theirs: Any) -> bool:
    return (
        isinstance(ours, str)
        and isinstance(theirs, str)
        and theirs == ours * (len(theirs) // len(ours or "?"))
    )


def begins(ours: Any, theirs: Any) -> bool:
    return isinstance(ours, str) and isinstance(theirs, str) and theirs.startswith(ours)


def nothing(value: Any) -> bool:
    return value in (None, "", 0, [])


REASONS: list[tuple[str, str, Callable[[Any, Any], bool]]] = [
    ("whatever text repeats is appended by theirs: a role", r"message\.role$", repeated),
    ("whatever text repeats is appended by theirs: the id of a call", r"tool_calls\[\d+\]\.id$", begins),
    ("whatever text repeats is appended by theirs: the name", r"function\.name$", begins),
    ("a role that nobody sent is the assistant's", r"message\.role$", lambda _, theirs: theirs is None),
    ("a type of call that nobody sent is a function's", r"\.type$", lambda _, theirs: theirs is None),
    (
        "theirs is the first chunk's, which is empty",
        r"^(id|model|created)$",
        lambda _, theirs: nothing(theirs),
    ),
    (
        "theirs is the last chunk's, which is empty",
        r"^(service_tier|system_fingerprint)$",
        lambda _, b: nothing(b),
    ),
    (
        "theirs forgets usage when a chunk without it follows, or it came from `x_groq`",
        r"^usage$",
        lambda _, b: not b,
    ),
    (
        "theirs joins texts only: a list, or a number, is lost",
        r"message\.content$",
        lambda a, b: len(a) > len(b or ""),
    ),
    ("one index for several calls makes one of them", r"message\.tool_calls$", lambda a, b: len(a) > len(b)),
    (
        "the same call at two indexes is two calls to theirs",
        r"message\.tool_calls$",
        lambda a, b: len(a) < len(b),
    ),
]
"""What differs: why, where, and how."""


def ours(raw: bytes) -> Any:
    parser = ChatParser(malformed="skip")
    try:
        parser.feed(raw)
        parser.close()
    except SSEWireError:
        pass  # what had come is compared all the same
    return json.loads(msgspec.json.encode(parser.snapshot()))


def theirs(raw: bytes) -> Any:
    """What their accumulator makes of the stream; skips the test where it raises."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    try:
        for data, _, _ in interpret(raw, flush=True).events:
            if data.strip() == "[DONE]":
                break
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                chunk: Any = construct_type(type_=ChatCompletionChunk, value=loads(data.encode()))
                state.handle_chunk(chunk)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return json.loads(state.current_completion_snapshot.to_json())
    except Exception as error:  # whatever it cannot take
        pytest.skip(f"their accumulator raises {type(error).__name__}")


def differences(name: str, path: str, mine: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where the two differ, in what is compared; null, absent and `[]` are the same."""
    if isinstance(mine, dict) and isinstance(other, dict):
        for key in sorted(COMPARED.get(name, mine.keys() | other.keys())):
            below = f"{path}.{key}" if path else key
            yield from differences(key, below, mine.get(key), other.get(key))
    elif isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        for at, pair in enumerate(zip(mine, other, strict=True)):
            yield from differences(name, f"{path}[{at}]", *pair)
    elif mine != other and not (mine in (None, []) and other in (None, [])):
        yield path, mine, other


def reason_for(path: str, mine: Any, other: Any) -> str | None:
    return next((why for why, where, how in REASONS if re.search(where, path) and how(mine, other)), None)


@pytest.mark.parametrize("body", CHAT_BODIES, ids=lambda body: body.name)
def test_the_official_accumulator_agrees_or_the_reason_is_known(body: Body) -> None:
    raw = body.read()
    found = list(differences("", "", ours(raw), theirs(raw)))
    assert [each for each in found if reason_for(*each) is None] == []
