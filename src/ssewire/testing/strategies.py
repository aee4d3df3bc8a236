"""A dialect and names of quirks go in, a strategy of streams that know their answer comes out.

The final object is drawn first and then streamed, so that each stream carries what it means.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from ssewire.testing.chat import stream_chat
from ssewire.testing.completions import stream_completions
from ssewire.testing.hostile import with_hostility
from ssewire.testing.quirks import check_names, compatible
from ssewire.testing.responses import stream_responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ssewire._dialects import DialectName
    from ssewire.testing.cases import StreamCase

# -- values ----------------------------------------------------------------------------------------------

_TRICKY: Final = (
    "",
    "7",
    "12",
    "0",
    "a b c d e f",
    "data: x\n\ndata: [DONE]\n\n",
    '"\\"}{',
    "\u2028\u2029\x85\x0b\x0c",
    "\ufeff",
    "\0",
    "\r\n",
    "gr\u00fc\u00df \u20ac \U0001f600\U0001f468\u200d\U0001f469",
    "e\u0301\ufffd",
    "[DONE]",
    "\\ud83d",
)
texts = st.one_of(
    st.text(st.sampled_from('ab "\\\n\u00e9\u20ac\U0001f600\ufffd'), max_size=12),
    st.sampled_from(_TRICKY),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers(20, 60).map(lambda length: "ab c" * length),
)
"""What a model writes."""
some_text = texts.filter(bool)
_names = st.sampled_from(("look_up", "forecast", "send_mail", "run"))
_json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
arguments = st.one_of(
    st.dictionaries(texts, _json_values, max_size=2).map(
        lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    ),
    st.sampled_from(("", "{}", "null", '{"a": 1}\n', '{"cut": "he', "}")),
    some_text,
)
"""What a model passes to a tool: mostly whole JSON."""
_counts = st.integers(0, 10**6)
_times = st.integers(1, 2**33)
_logprob_numbers = st.one_of(st.just(0.0), st.floats(-20, 0, allow_nan=False), st.just(-9999.0))


def _ids(prefix: str, number: int) -> str:
    return f"{prefix}_{number}"


def _top_logprobs() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"token": texts, "logprob": _logprob_numbers, "bytes": st.none() | st.just([97])}
    )


_logprobs = st.fixed_dictionaries(
    {
        "token": texts,
        "logprob": _logprob_numbers,
        "bytes": st.none() | st.just([206, 169]),
        "top_logprobs": st.lists(_top_logprobs(), max_size=1),
    }
)
_completion_usage = st.fixed_dictionaries(
    {"prompt_tokens": _counts, "completion_tokens": _counts, "total_tokens": _counts},
    optional={
        "prompt_tokens_details": st.fixed_dictionaries({"cached_tokens": _counts}),
        "completion_tokens_details": st.fixed_dictionaries({"reasoning_tokens": _counts}),
    },
)
_finish_reasons = st.sampled_from(("stop", "length", "tool_calls", "content_filter", "next_year"))


# -- decisions -------------------------------------------------------------------------------------------


class _Drawn:
    """Decides as it is drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def below(self, limit: int) -> int:
        return self._draw(st.integers(0, limit - 1)) if limit > 1 else 0

    def chance(self) -> bool:
        return self._draw(_one_in_four)

    def split(self, text: str) -> list[str]:
        if len(text) < 2:
            return [text] if text else []
        sizes = self._draw(_sizes)
        if not sizes:
            return [text]
        pieces: list[str] = []
        at = 0
        while at < len(text) and len(pieces) < _MAX_PIECES - 1:
            size = sizes[len(pieces) % len(sizes)]
            pieces.append(text[at : at + size])
            at += size
        return [*pieces, text[at:]] if at < len(text) else pieces

    def stop(self, limit: int) -> int:
        return self.below(limit)

    def occurs(self, _quirk: str, /) -> bool:
        return self.chance()

    def turn(self, _quirk: str, shapes: int, /) -> int:
        return self.below(shapes)


_MAX_PIECES: Final = 12
_one_in_four = st.sampled_from((False, False, False, True))
_sizes = st.lists(st.sampled_from((1, 1, 2, 3, 5, 20)), max_size=4)


# -- chat ------------------------------------------------------------------------------------------------


@st.composite
def _chat_messages(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(("text", "text", "tools", "both", "refusal", "function", "audio", "nothing")))
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    if kind in ("text", "both"):
        message["content"] = draw(texts)
        if draw(st.booleans()):
            message[draw(st.sampled_from(("reasoning_content", "reasoning")))] = draw(some_text)
        if draw(_one_in_four):
            titles = draw(st.lists(texts, min_size=1, max_size=2))
            message["annotations"] = [
                {"type": "url_citation", "url_citation": {"url": "https://example.org", "title": title}}
                for title in titles
            ]
    if kind in ("tools", "both"):
        message["tool_calls"] = [draw(_tool_calls(number)) for number in range(draw(st.integers(1, 3)))]
    if kind == "refusal":
        message["refusal"] = draw(some_text)
    if kind == "function":
        message["function_call"] = {"name": draw(_names), "arguments": draw(arguments)}
    if kind == "audio":
        message["audio"] = {"id": "audio_1", "transcript": draw(texts), "expires_at": draw(_times)}
        message["audio"]["data"] = draw(st.sampled_from(("", "UklGRiQA", "UklGRiQAUklGRiQA")))
    return message


@st.composite
def _tool_calls(draw: st.DrawFn, number: int) -> dict[str, Any]:
    call_id, name = _ids("call", number), draw(_names)
    if draw(_one_in_four):
        return {"id": call_id, "type": "custom", "custom": {"name": name, "input": draw(texts)}}
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": draw(arguments)}}


@st.composite
def chat_answers(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a `ChatCompletion` as the API's own JSON."""
    answer: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion", "created": draw(_times)}
    answer["model"] = draw(st.sampled_from(("example-1", "example/r1")))
    answer["choices"] = [
        {
            "index": index,
            "message": draw(_chat_messages()),
            "finish_reason": draw(_finish_reasons),
            "logprobs": draw(st.none() | st.none() | st.lists(_logprobs, max_size=3).map(_chat_logprobs)),
        }
        for index in range(draw(st.sampled_from((1, 1, 1, 2, 3))))
    ]
    if draw(st.booleans()):
        answer["usage"] = draw(_completion_usage)
    if draw(_one_in_four):
        answer["system_fingerprint"] = "fp_1"
    if draw(_one_in_four):
        answer["service_tier"] = "default"
    return answer


def _chat_logprobs(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": entries, "refusal": None}


# -- completions -----------------------------------------------------------------------------------------


@st.composite
def completions_answers(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a legacy `Completion` as the API's own JSON."""
    answer: dict[str, Any] = {"id": "cmpl-1", "object": "text_completion", "created": draw(_times)}
    answer["model"] = "example-instruct"
    answer["choices"] = [
        {
            "index": index,
            "text": draw(texts),
            "finish_reason": draw(_finish_reasons),
            "logprobs": draw(st.none() | _completions_logprobs()),
        }
        for index in range(draw(st.sampled_from((1, 1, 2, 3))))
    ]
    if draw(st.booleans()):
        answer["usage"] = draw(_completion_usage)
    return answer


@st.composite
def _completions_logprobs(draw: st.DrawFn) -> dict[str, Any]:
    tokens = draw(st.lists(texts, max_size=3))
    return {
        "tokens": tokens,
        "token_logprobs": [draw(st.none() | _logprob_numbers) for _ in tokens],
        "text_offset": list(range(len(tokens))),
    }


# -- Responses -------------------------------------------------------------------------------------------


_url_citations = st.builds(
    lambda title: {
        "type": "url_citation",
        "start_index": 0,
        "end_index": 1,
        "title": title,
        "url": "https://example.org",
    },
    texts,
)


@st.composite
def _output_texts(draw: st.DrawFn) -> dict[str, Any]:
    text = draw(texts)
    return {
        "type": "output_text",
        "text": text,
        "annotations": draw(st.lists(_url_citations, max_size=2)),
        "logprobs": draw(st.lists(_logprobs, max_size=2)) if draw(_one_in_four) else [],
    }


_parts = st.one_of(
    _output_texts(), _output_texts(), some_text.map(lambda text: {"type": "refusal", "refusal": text})
)
_summaries = some_text.map(lambda text: {"type": "summary_text", "text": text})
_thoughts = some_text.map(lambda text: {"type": "reasoning_text", "text": text})


@st.composite
def _items(draw: st.DrawFn, number: int) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(
            (
                "message",
                "message",
                "reasoning",
                "function_call",
                "function_call",
                "custom_tool_call",
                "mcp_call",
                "code_interpreter_call",
                "web_search_call",
                "file_search_call",
                "image_generation_call",
                "shell_call",
                "apply_patch_call",
            )
        )
    )
    item: dict[str, Any] = {"type": kind, "id": _ids("item", number), "status": "completed"}
    call_id = {"call_id": _ids("call", number)}
    match kind:
        case "message":
            item |= {"role": "assistant", "content": draw(st.lists(_parts, max_size=2))}
        case "reasoning":
            item["summary"] = draw(st.lists(_summaries, max_size=2))
            if draw(st.booleans()):
                item["content"] = draw(st.lists(_thoughts, min_size=1, max_size=1))
            if draw(_one_in_four):
                item["encrypted_content"] = "gAAAAB"
        case "function_call":
            item |= call_id | {"name": draw(_names), "arguments": draw(arguments)}
        case "custom_tool_call":
            item |= call_id | {"name": draw(_names), "input": draw(texts)}
        case "mcp_call":
            item |= {"name": draw(_names), "arguments": draw(arguments), "server_label": "wiki"}
            item["output"] = draw(texts)
        case "code_interpreter_call":
            item |= {"code": draw(texts), "container_id": "cntr_1"}
            item["outputs"] = draw(st.none() | st.just([{"type": "logs", "logs": "2\n"}]))
        case "web_search_call":
            item["action"] = {"type": "search", "query": draw(texts)}
        case "file_search_call":
            item |= {"queries": draw(st.lists(texts, max_size=2))}
        case "image_generation_call":
            item["result"] = "iVBORw0KGgo="
        case "shell_call":
            commands = draw(st.lists(some_text, max_size=2))
            item |= call_id | {
                "action": {"commands": commands, "max_output_length": None, "timeout_ms": 1000},
                "environment": None,
            }
        case _:
            item |= call_id
            item["operation"] = {"type": "update_file", "path": "a.py", "diff": draw(texts)}
    return item


@st.composite
def responses_answers(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a `Response` as the API's own JSON."""
    status = draw(st.sampled_from(("completed", "completed", "incomplete")))
    reason = None if status == "completed" else {"reason": "max_output_tokens"}
    answer: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "created_at": draw(_times),
        "status": status,
        "model": "example-1",
        "output": [draw(_items(number)) for number in range(draw(st.integers(0, 3)))],
        "error": None,
        "incomplete_details": reason,
        "instructions": draw(st.none() | texts),
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 0.98,
        "tool_choice": "auto",
        "tools": [],
    }
    if draw(st.booleans()):
        answer["usage"] = {
            "input_tokens": draw(_counts),
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": draw(_counts),
            "output_tokens_details": {"reasoning_tokens": draw(_counts)},
            "total_tokens": draw(_counts),
        }
    return answer


# -- streams ---------------------------------------------------------------------------------------------


def chat_streams(*, quirks: Iterable[str] = (), hostile: bool = False) -> st.SearchStrategy[StreamCase]:
    """Chat Completions streams, each with the completion that it adds up to.

    Args:
        quirks: The names of the shapes of `QUIRKS` that may occur. Each stream is drawn with one to six of
            them, which are the case's `quirks`. In the body a shape is where the answer gives it a place;
            and how often something comes in between, such as `malformed` events, is drawn, and may be never.
        hostile: Add what no server should send. Such a stream does not say what it means.

    Raises:
        TypeError: `quirks` is a text.
        ValueError: A name is none of the dialect's.
    """
    return _streams("chat", chat_answers(), stream_chat, quirks, hostile=hostile)


def completions_streams(
    *, quirks: Iterable[str] = (), hostile: bool = False
) -> st.SearchStrategy[StreamCase]:
    """Legacy Completions streams, each with the completion that it adds up to. As `chat_streams`."""
    return _streams("completions", completions_answers(), stream_completions, quirks, hostile=hostile)


def responses_streams(*, quirks: Iterable[str] = (), hostile: bool = False) -> st.SearchStrategy[StreamCase]:
    """Responses streams, each with the response that it adds up to. As `chat_streams`."""
    return _streams("responses", responses_answers(), stream_responses, quirks, hostile=hostile)


def _streams(
    dialect: DialectName,
    answers: st.SearchStrategy[dict[str, Any]],
    stream: Callable[..., StreamCase],
    quirks: Iterable[str],
    *,
    hostile: bool,
) -> st.SearchStrategy[StreamCase]:
    names = check_names(quirks, dialect)
    some = st.lists(st.sampled_from(names), min_size=1, max_size=6, unique=True) if names else st.just([])

    @st.composite
    def streams(draw: st.DrawFn) -> StreamCase:
        case = stream(draw(answers), _Drawn(draw), compatible(draw(some)))
        return with_hostility(case, _Drawn(draw)) if hostile else case

    return streams()
