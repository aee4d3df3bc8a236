"""A completion goes in, the stream of chunks that adds up to it comes out."""

from __future__ import annotations

import json
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ssewire.testing import chunks
from ssewire.testing.writer import NEXT_YEAR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from ssewire.testing.cases import StreamCase
    from ssewire.testing.decisions import Decisions

TEXT_FIELDS: Final = ("reasoning_content", "reasoning", "content", "refusal")


def stream_chat(
    answer: dict[str, Any], decisions: Decisions, quirks: AbstractSet[str] = frozenset()
) -> StreamCase:
    """Stream a completion, which is given as the API's own JSON."""
    return chunks.stream(
        answer, pieces_of, decisions, quirks, dialect="chat", chunk_object="chat.completion.chunk"
    )


def pieces_of(choice: dict[str, Any], decisions: Decisions, quirks: AbstractSet[str]) -> list[dict[str, Any]]:
    """The pieces in which a choice comes."""
    message = choice["message"]
    split = partial(cut_text, decisions=decisions, quirks=quirks)
    channels: list[list[dict[str, Any]]] = [
        [{name: piece} for piece in _texts(message[name], split, decisions)]
        for name in TEXT_FIELDS
        if message.get(name)
    ]
    if message.get("function_call"):
        channels.append(
            [{"function_call": each} for each in _called(message["function_call"], "arguments", split)]
        )
    if message.get("audio"):
        channels.append([{"audio": each} for each in _audio(message["audio"], split)])
    channels.append([{"annotations": [each]} for each in message.get("annotations") or ()])
    logprobs = choice.get("logprobs")
    if logprobs is not None:
        # Servers cut them as they cut the text, but nothing depends on it.
        channels.append(
            [{"logprobs": {"content": [each], "refusal": None}} for each in logprobs["content"]]
            or [{"logprobs": {"content": [], "refusal": None}}]
        )
    calls = _tool_calls(message.get("tool_calls") or [], quirks, split)
    deltas = [_opening(message, decisions), *_interleaved(channels, calls, decisions)]
    pieces = [_piece(choice, delta, decisions) for delta in deltas]
    if "filter_reports" in quirks and choice.get("content_filter_results"):
        report = {"index": choice["index"], "finish_reason": None}
        report["content_filter_results"] = choice["content_filter_results"]
        pieces.insert(decisions.below(len(pieces) + 1), report)
    if choice["finish_reason"] is not None:
        pieces += _finish(choice, quirks)
    for piece in pieces:
        _disguise(piece, message, quirks)
    return pieces


def _opening(message: dict[str, Any], decisions: Decisions) -> dict[str, Any]:
    """The first delta: the role, and beside it nothing or an empty text."""
    opening: dict[str, Any] = {"role": message["role"]}
    if message["content"] is None:
        if decisions.chance():
            opening["content"] = None
    elif message["content"] == "" or not decisions.chance():
        opening["content"] = ""
    return opening


def _piece(choice: dict[str, Any], delta: dict[str, Any], decisions: Decisions) -> dict[str, Any]:
    piece: dict[str, Any] = {"index": choice["index"], "delta": delta}
    if "logprobs" in delta:
        piece["logprobs"] = delta.pop("logprobs")
    elif decisions.chance():
        piece["logprobs"] = None
    if decisions.chance():
        piece["finish_reason"] = None
    return piece


def _finish(choice: dict[str, Any], quirks: AbstractSet[str]) -> list[dict[str, Any]]:
    reasons = [choice["finish_reason"]]
    if "finish_empty" in quirks:
        reasons.insert(0, "")
    if "finish_twice" in quirks:
        reasons += reasons
    return [{"index": choice["index"], "delta": {}, "finish_reason": reason} for reason in reasons]


# -- texts -----------------------------------------------------------------------------------------------


def cut_text(text: str, decisions: Decisions, quirks: AbstractSet[str]) -> list[str]:
    """Cut a text into deltas."""
    pieces = decisions.split(text)
    if "numbers_for_text" in quirks:
        pieces = list(_numbered(pieces))
    return list(_halved(pieces)) if "lone_halves" in quirks else pieces


def _numbered(pieces: list[str]) -> Iterator[str]:
    """Pieces of a text, each number that has spaces before it cut off from them."""
    for piece in pieces:
        number = piece.lstrip()
        if is_number(number) and number != piece:
            yield piece.removesuffix(number)
            yield number
        else:
            yield piece


def _halved(pieces: list[str]) -> Iterator[str]:
    """Pieces of a text, each cut in the middle of its first character that is a surrogate pair."""
    for piece in pieces:
        at = next((at for at, char in enumerate(piece) if ord(char) > 0xFFFF), None)
        if at is None:
            yield piece
            continue
        high, low = piece[at].encode("utf-16-be")[:2], piece[at].encode("utf-16-be")[2:]
        yield piece[:at] + high.decode("utf-16-be", "surrogatepass")
        yield low.decode("utf-16-be", "surrogatepass") + piece[at + 1 :]


def _texts(text: str, split: Callable[[str], list[str]], decisions: Decisions) -> list[str]:
    """The pieces of a text, perhaps with an empty one among them."""
    pieces = split(text)
    if decisions.chance():
        pieces.insert(decisions.below(len(pieces) + 1), "")
    return pieces


def _called(called: dict[str, Any], body: str, split: Callable[[str], list[str]]) -> list[dict[str, Any]]:
    """A function and what is passed: the name, then the rest in pieces."""
    return [{"name": called["name"]}, *({body: piece} for piece in split(called[body]))]


def _audio(audio: dict[str, Any], split: Callable[[str], list[str]]) -> list[dict[str, Any]]:
    return [
        {"id": audio["id"]},
        *({"id": audio["id"], "transcript": piece} for piece in split(audio["transcript"])),
        *({"data": piece} for piece in split(audio["data"])),
        {"expires_at": audio["expires_at"]},
    ]


# -- tool calls ------------------------------------------------------------------------------------------


def _tool_calls(
    calls: list[dict[str, Any]],
    quirks: AbstractSet[str],
    split: Callable[[str], list[str]],
) -> list[list[dict[str, Any]]]:
    """The deltas of each call."""
    if not all(_tells_its_end(call) for call in calls[:-1]):
        quirks = quirks - {"tools_index_zero"}
    return [_tool_call(call, number, quirks, split) for number, call in enumerate(calls)]


def _tells_its_end(call: dict[str, Any]) -> bool:
    """Whether a call is over before another one begins at its index: nothing is passed, or a JSON object."""
    if call["type"] == "custom":
        return False
    passed = call["function"]["arguments"]
    return passed == "" or isinstance(_meaning(passed), dict)


def _tool_call(
    call: dict[str, Any], number: int, quirks: AbstractSet[str], split: Callable[[str], list[str]]
) -> list[dict[str, Any]]:
    key, body = ("custom", "input") if call["type"] == "custom" else ("function", "arguments")
    name, passed = call[key]["name"], call[key][body]
    identity = {"id": call["id"], "type": call["type"]}
    if "tools_arguments_object" in quirks and body == "arguments" and is_plain_object(passed):
        parts: list[dict[str, Any]] = [{"name": name, body: json.loads(passed)}]
    elif quirks & {"tools_whole", "tools_arguments_object"}:
        parts = [{"name": name, body: passed}]
    else:
        names = [name[:2], name[2:]] if "tools_name_pieces" in quirks else [name]
        parts = [{"name": each, body: ""} for each in names]
        parts += [{body: piece} for piece in split(passed)]
    deltas: list[dict[str, Any]] = []
    for place, part in enumerate(parts):
        delta: dict[str, Any] = {"index": _index(number, place, quirks)}
        if delta["index"] is None:
            del delta["index"]
        if place == 0 or quirks & {"tools_id_repeated", "tools_two_indexes"}:
            delta |= identity
        elif "tools_id_changes" in quirks and "name" not in part:
            delta["id"] = f"{call['id']}-{place}"
        if "tools_name_repeated" in quirks:
            part = {"name": name, **part}
        deltas.append({**delta, key: part})
    return deltas


def _index(number: int, place: int, quirks: AbstractSet[str]) -> int | None:
    if "tools_without_index" in quirks:
        return None
    if "tools_index_zero" in quirks:
        return 0
    if "tools_index_gaps" in quirks:
        return 3 * number + 2
    if "tools_two_indexes" in quirks and place:
        return number + 100
    return number


def is_plain_object(text: str) -> bool:
    """Whether a text is an object as ssewire writes the arguments of a call that came as one."""
    value = _meaning(text)
    return isinstance(value, dict) and text == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _meaning(text: str) -> Any:
    """What a text means as JSON; None where it is none."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


# -- order -----------------------------------------------------------------------------------------------


def _interleaved(
    channels: list[list[dict[str, Any]]],
    calls: list[list[dict[str, Any]]],
    decisions: Decisions,
) -> list[dict[str, Any]]:
    """The deltas of texts and calls in one order; what is of one channel keeps its own."""
    # A call that is told by its place alone has to be whole before the next one begins.
    apart = not all(call[0].get("index") for call in calls[1:])
    begun = 0
    deltas: list[dict[str, Any]] = []
    texts = [deque(channel) for channel in channels]
    waiting = [deque(call) for call in calls]
    while True:
        ready = [text for text in texts if text]
        # Calls are told apart by the order in which they begin.
        of_calls = [call for at, call in enumerate(waiting) if call and at <= begun]
        if apart:
            of_calls = of_calls[:1]
        if not ready and not of_calls:
            return deltas
        chosen = decisions.below(len(ready) + len(of_calls))
        if chosen < len(ready):
            delta = ready[chosen].popleft()
        else:
            call = of_calls[chosen - len(ready)]
            if begun < len(waiting) and call is waiting[begun]:
                begun += 1
            delta = {"tool_calls": [call.popleft()]}
        if deltas and decisions.chance():
            # Several things may come at once: two fields, or two pieces of calls.
            if not delta.keys() & deltas[-1].keys():
                deltas[-1] |= delta
                continue
            if delta.keys() == deltas[-1].keys() == {"tool_calls"}:
                deltas[-1]["tool_calls"] += delta["tool_calls"]
                continue
        deltas.append(delta)


def _disguise(piece: dict[str, Any], message: dict[str, Any], quirks: AbstractSet[str]) -> None:
    """Write a piece as some servers do."""
    delta = piece.get("delta")
    if delta is None:
        return
    if "role_repeated" in quirks:
        delta["role"] = message["role"]
    content = delta.get("content")
    if "numbers_for_text" in quirks and isinstance(content, str) and is_number(content):
        delta["content"] = int(content)
    if "content_list" in quirks:
        _list_content(delta)
    if "unknown_fields" in quirks:
        delta |= NEXT_YEAR
    if "message_beside_delta" in quirks:
        piece["message"] = {"role": "assistant", "content": "all of it so far"}
    if "nulls" in quirks:
        nothing = dict.fromkeys(("refusal", "tool_calls", "function_call", "audio", "annotations"))
        for call in delta.get("tool_calls") or ():
            for name in ("id", "type", "custom", "function", "index"):
                call.setdefault(name, None)
        if delta or "message" in piece:
            piece["delta"] = nothing | delta
        else:
            piece["delta"] = None


def is_number(text: str) -> bool:
    """Whether a text is how JSON writes an integer."""
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _list_content(delta: dict[str, Any]) -> None:
    """Mistral's way: what is thought is a part of the content."""
    parts: list[dict[str, Any]] = []
    if "reasoning_content" in delta:
        thought = {"type": "text", "text": delta.pop("reasoning_content")}
        parts.append({"type": "thinking", "thinking": [thought]})
    if isinstance(delta.get("content"), str):
        parts.append({"type": "text", "text": delta["content"]})
    if parts:
        delta["content"] = parts
