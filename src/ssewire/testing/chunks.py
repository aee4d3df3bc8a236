"""The pieces of an answer's choices go in, a stream of chunks comes out: what both completions APIs share."""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ssewire.events import Verdict
from ssewire.testing.cases import StreamCase
from ssewire.testing.writer import NEXT_YEAR, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from ssewire._dialects import DialectName
    from ssewire.testing.decisions import Decisions

    Pieces = Callable[[dict[str, Any], "Decisions", AbstractSet[str]], list[dict[str, Any]]]
    """Streams one choice of an answer: makes the pieces in which it comes, its finish reason last."""

ERROR = {"message": "The model is overloaded", "type": "server_error", "code": "overloaded", "param": None}
"""What a provider's error says here."""


def stream(
    answer: dict[str, Any],
    pieces_of: Pieces,
    decisions: Decisions,
    quirks: AbstractSet[str],
    *,
    dialect: DialectName,
    chunk_object: str,
) -> StreamCase:
    """Stream an answer.

    Args:
        answer: The object that the stream adds up to.
        pieces_of: Streams one choice.
        decisions: Decides what the API leaves open.
        quirks: The names of the shapes that the stream has.
        dialect: The dialect's name.
        chunk_object: The `object` of a chunk.
    """
    answer = deepcopy(answer)
    verdict = _adjust(answer, decisions, quirks)
    chunks = _chunks(answer, pieces_of, decisions, quirks, chunk_object)
    writer = Writer(decisions, quirks)
    error = None
    stop = 1 + decisions.stop(len(chunks)) if verdict is Verdict.FAILED else len(chunks)
    for chunk in chunks[:stop]:
        writer.event(chunk)
    if verdict is Verdict.FAILED:
        error = _fail(writer, decisions, quirks, chunks[stop - 1])
    elif verdict is not Verdict.NO_DONE:
        writer.between()
    sent, malformed = len(writer.sent), len(writer.malformed)
    if verdict is not Verdict.NO_DONE:
        variants = (b" [DONE]", b"[DONE] ", b"[DONE]") if "done_variants" in quirks else (b"[DONE]",)
        for variant in variants:
            writer.mark(variant)
        if "late_events" in quirks:
            writer.event(chunks[-1])
    del writer.sent[sent:], writer.malformed[malformed:]
    if verdict is Verdict.TRUNCATED:
        first, last = writer.sent[0], writer.sent[_finished_at(chunks)]
        writer.cut(first.whole + decisions.stop(last.whole - first.whole))
    elif "unterminated" in quirks:
        writer.leave_unterminated()
    return StreamCase(
        dialect,
        bytes(writer.body),
        [each.payload for each in writer.sent],
        answer,
        verdict,
        error,
        len(writer.malformed),
        frozenset(quirks),
    )


def _adjust(answer: dict[str, Any], decisions: Decisions, quirks: AbstractSet[str]) -> Verdict:
    """Put into the answer what quirks add to it, and tell the verdict."""
    if "empty_header" in quirks:
        answer["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": {}}]
    if "choices_disordered" in quirks:
        for choice in answer["choices"]:
            choice["index"] = 2 * choice["index"] + 1
    if "filter_reports" in quirks:
        answer["choices"][0]["content_filter_results"] = {"hate": {"filtered": False, "severity": "safe"}}
    if "no_finish" in quirks:
        choices = answer["choices"]
        choices[decisions.below(len(choices))]["finish_reason"] = None
        return Verdict.NO_FINISH
    if "cut" in quirks:
        return Verdict.TRUNCATED
    if quirks & {"error_payload", "error_event", "error_field", "error_in_chunk"}:
        return Verdict.FAILED
    return Verdict.NO_DONE if "no_done" in quirks else Verdict.COMPLETE


def _chunks(
    answer: dict[str, Any],
    pieces_of: Pieces,
    decisions: Decisions,
    quirks: AbstractSet[str],
    chunk_object: str,
) -> list[dict[str, Any]]:
    """The chunks in which an answer comes."""
    waiting = [deque(pieces_of(choice, decisions, quirks)) for choice in answer["choices"]]
    if "choices_disordered" in quirks:
        waiting.reverse()
    header = {name: answer[name] for name in ("id", "created", "model")} | {"object": chunk_object}
    header |= {name: answer[name] for name in ("system_fingerprint", "service_tier") if name in answer}
    padded = decisions.chance()
    chunks: list[dict[str, Any]] = []
    while waiting := [pieces for pieces in waiting if pieces]:
        first = decisions.below(len(waiting))
        choices = [waiting[first].popleft()]
        if len(waiting) > 1 and decisions.chance():
            following = waiting[(first + 1) % len(waiting)]
            choices += [following.popleft()] if following else []
        chunk: dict[str, Any] = {**header, "choices": choices}
        if padded:
            chunk["obfuscation"] = "aZ9"[decisions.below(3) :]
        chunks.append(chunk)
    if answer.get("usage"):
        _put_usage(answer["usage"], chunks, header, decisions, quirks)
    if "empty_header" in quirks:
        empty = {"id": "", "object": "", "created": 0, "model": ""}
        chunks.insert(0, {**empty, "choices": [], "prompt_filter_results": answer["prompt_filter_results"]})
    for number, chunk in enumerate(chunks):
        if "changing_id" in quirks and chunk["id"] and number > ("empty_header" in quirks):
            chunk["id"] += f"-{number}"
        _disguise(chunk, quirks)
    return chunks


def _put_usage(
    usage: dict[str, Any],
    chunks: list[dict[str, Any]],
    header: dict[str, Any],
    decisions: Decisions,
    quirks: AbstractSet[str],
) -> None:
    """Say what the answer has used: in a chunk of its own, in any chunk, or in each of them."""
    if "usage_running" in quirks:
        for number, chunk in enumerate(chunks):
            chunk["usage"] = {"prompt_tokens": 1, "completion_tokens": number, "total_tokens": number + 1}
        chunks[-1]["usage"] = usage
        return
    others_null = decisions.chance()
    for chunk in chunks:
        if others_null:
            chunk["usage"] = None
    if decisions.chance():
        chunks[decisions.below(len(chunks))]["usage"] = usage
    else:
        chunks.append({**header, "choices": [], "usage": usage})


def _disguise(chunk: dict[str, Any], quirks: AbstractSet[str]) -> None:
    """Write a chunk as some servers do."""
    if "fractions" in quirks:
        chunk["created"] = float(chunk["created"])
        for choice in chunk["choices"]:
            choice["index"] = float(choice["index"])
    if "unknown_fields" in quirks:
        chunk |= NEXT_YEAR
        for choice in chunk["choices"]:
            choice |= NEXT_YEAR
    if "nulls" in quirks and not chunk["choices"]:
        chunk["choices"] = None


def _fail(writer: Writer, decisions: Decisions, quirks: AbstractSet[str], chunk: dict[str, Any]) -> str:
    """Write an error; returns what it says."""
    if "error_payload" in quirks:
        writer.event({"error": ERROR})
    elif "error_in_chunk" in quirks:
        writer.event({**chunk, "choices": [], "error": ERROR})
    elif "error_field" in quirks:
        writer.field(b"error", ERROR)
    elif decisions.chance():
        writer.event(b"It went wrong", "error")
        return "It went wrong"
    else:
        writer.event(ERROR, "error")
    return str(ERROR["message"])


def _finished_at(chunks: list[dict[str, Any]]) -> int:
    """The number of the first chunk with which every choice that has begun has a finish reason."""
    begun: set[Any] = set()
    finished: set[Any] = set()
    number = -1
    while not begun or begun > finished:
        number += 1
        for choice in chunks[number]["choices"] or ():
            if choice.get("finish_reason"):
                finished.add(choice["index"])
            if choice.keys() & {"delta", "text"}:  # a report of a filter begins nothing
                begun.add(choice["index"])
    return number
