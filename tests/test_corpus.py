"""Every body of the corpus and every recorded stream, however it is cut and wherever it ends."""

import bisect
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from reference import completion_offsets, interpret
from shared import (
    CHAT_BODIES,
    CHAT_CAPTURES,
    CHAT_CORPUS,
    CORPUS,
    TESTS,
    Body,
    Run,
    captures_folder,
    pieces,
    run,
)
from ssewire import (
    ChatCompletionChunk,
    ChatParser,
    ChatReducer,
    EmptyStreamError,
    NotAnEventStreamError,
    ProviderError,
    SSEWireError,
    StreamTruncatedError,
)

SHOWN_WHOLE_CHARS = 80
EVERY_CUT_BYTES = 2048
CUTS = 120
SNAPSHOTS = 40

bodies = pytest.mark.parametrize("body", CHAT_BODIES, ids=lambda body: body.name)


def skipping(*reads: bytes) -> Run:
    return run(ChatParser(malformed="skip"), *reads)


# -- the expectations ------------------------------------------------------------------------------------


def digest(text: str | None) -> Any:
    """A text, or of a long one as much as the expectations hold."""
    if text is None or len(text) <= SHOWN_WHOLE_CHARS:
        return text
    return {
        "chars": len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "starts": text[:30],
        "ends": text[-30:],
    }


def facts(run: Run) -> dict[str, Any]:
    """What came of a body, in the shape of the expectations."""
    snapshot = run.snapshot
    error = run.error
    return {
        "verdict": run.verdict,
        "id": snapshot.id or None,
        "model": snapshot.model or None,
        "created": snapshot.created,
        "system_fingerprint": snapshot.system_fingerprint,
        "service_tier": snapshot.service_tier,
        "choices": [choice_facts(choice) for choice in snapshot.choices],
        "usage": picked(snapshot.usage, "prompt_tokens", "completion_tokens", "total_tokens"),
        "error": picked(error, "message", "code", "type", "param")
        if isinstance(error, ProviderError)
        else None,
    }


def picked(thing: Any, *names: str) -> dict[str, Any] | None:
    return None if thing is None else {name: getattr(thing, name) for name in names}


def choice_facts(choice: Any) -> dict[str, Any]:
    message, logprobs, audio = choice.message, choice.logprobs, choice.message.audio
    return {
        "index": choice.index,
        "finish_reason": choice.finish_reason,
        "role": message.role,
        "content": digest(message.content),
        "refusal": digest(message.refusal),
        "reasoning_content": digest(message.reasoning_content),
        "reasoning": digest(message.reasoning),
        "tool_calls": [
            {
                "id": call.id,
                "type": call.type,
                "name": call.function.name,
                "arguments": digest(call.function.arguments),
            }
            for call in message.tool_calls or []
        ],
        "function_call": picked(message.function_call, "name", "arguments"),
        "logprob_tokens": len(logprobs.content or []) if logprobs else 0,
        "refusal_logprob_tokens": len(logprobs.refusal or []) if logprobs else 0,
        "annotations": len(message.annotations or []),
        "audio": audio
        and {
            "id": audio.id,
            "data_chars": len(audio.data),
            "transcript": digest(audio.transcript),
            "expires_at": audio.expires_at,
        },
    }


def check_expected(body: Body, run: Run) -> None:
    """All the fields that are expected, and the number of events."""
    found = facts(run)
    assert found == {name: body.expected[name] for name in found}
    heartbeats = body.expected.get("heartbeats", 0)
    assert len(run.events) == body.expected["events"] - body.expected["malformed"] - heartbeats
    assert (
        sum(each.count for each in run.parser.diagnostics if each.kind == "malformed")
        == body.expected["malformed"]
    )
    raises = body.expected.get("raises") or ("ProviderError" if body.expected["error"] else "NoneType")
    assert type(run.error).__name__ == raises


EACH_BYTE = 16 * 2**10


@bodies
@pytest.mark.parametrize("size", [0, pytest.param(1, marks=pytest.mark.no_cover), 64])
def test_a_body_gives_what_is_expected_in_reads_of_any_size(body: Body, size: int) -> None:
    data = body.read()
    whole = skipping(data)
    # A byte a read for all of a long body is the tokenizer's own test.
    end = EACH_BYTE if size == 1 else len(data)
    found = skipping(*pieces(data[:end], size or len(data) or 1), data[end:])
    check_expected(body, found)
    assert repr(found.events) == repr(whole.events)
    assert found.parser.diagnostics == whole.parser.diagnostics


@pytest.mark.no_cover
@bodies
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r", b"\n"])
def test_a_body_gives_the_same_with_other_line_ends(body: Body, line_end: bytes) -> None:
    # JSON holds no raw line end in a text, so each one here ends a line of the stream.
    data = body.read()
    converted = re.sub(rb"\r\n|\r|\n", line_end, data)
    found = skipping(converted)
    check_expected(body, found)
    assert repr(found.events) == repr(skipping(data).events)


def test_every_file_has_its_expectation() -> None:
    assert {body.path for body in CHAT_CORPUS} == set((CORPUS / "chat").glob("*"))
    recorded = set(captures_folder().glob("chat-*.sse"))
    assert not recorded or {body.path for body in CHAT_CAPTURES} == recorded
    assert (TESTS / "corpus_expected.json").is_file()


# -- cut anywhere ----------------------------------------------------------------------------------------


@dataclass
class Told:
    """What the events of a body have told so far, by Python's own JSON and the table of verdicts."""

    settled: str | None = None
    seen: bool = False
    cut: bool = False
    finished: dict[int, bool] = field(default_factory=dict)

    def after(self, data: str, name: str, *, complete: bool) -> "Told":
        """What is told after one more event."""
        told = Told(self.settled, self.seen, self.cut, dict(self.finished))
        if told.settled is None:
            told._take(data.strip(" \t\n\r\f"), name, complete=complete)
        return told

    def _take(self, data: str, name: str, *, complete: bool) -> None:
        if data == "[DONE]":
            self.settled = "complete" if self._whole else "no_finish"
            return
        if data in ("", "null"):
            return
        payload = object_in(data)
        if name == "error" or tells_error(payload):
            self.settled = "failed"
        elif payload is None and not complete:
            self.cut = True
        else:
            self.seen = True
            for position, choice in enumerate(payload.get("choices") or [] if payload else []):
                self._take_choice(choice, position)

    def _take_choice(self, choice: dict[str, Any], position: int) -> None:
        index = choice.get("index")
        index = position if index is None else index
        reason = choice.get("finish_reason")
        begun = choice.get("delta") is not None or choice.get("message") is not None or reason
        if begun or index in self.finished:
            self.finished[index] = self.finished.get(index, False) or bool(reason)

    @property
    def _whole(self) -> bool:
        return bool(self.finished) and all(self.finished.values())

    def verdict(self, body: bytes) -> str:
        """The verdict, if the body ends cleanly here."""
        if self.settled is not None:
            return self.settled
        if self.cut:
            return "truncated"
        if self.seen:
            return "no_done" if self._whole else "truncated"
        whole = object_in(body.decode(errors="replace"))
        return "failed" if whole and whole.get("error") else "empty"


def object_in(data: str) -> dict[str, Any] | None:
    try:
        payload = json.loads(data)
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def tells_error(payload: dict[str, Any] | None) -> bool:
    if payload is None:
        return False
    choices = payload.get("choices") or []
    return bool(
        payload.get("error") or payload.get("type") == "error" or any(c.get("error") for c in choices)
    )


class Verdicts:
    """The verdict of each start of a body, as if it ended there cleanly."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._offsets = completion_offsets(body)
        self._told = [Told()]
        for data, name, _ in interpret(body).events:
            self._told.append(self._told[-1].after(data, name, complete=True))
        # A line of its own kind that tells an error counts as an event as soon as it says something.
        line = re.search(rb"(?m)^error: *\S", body)
        self._error_line_end = line.end() if line else len(body) + 1

    def of(self, end: int) -> str:
        if end >= self._error_line_end:
            return "failed"
        count = bisect.bisect_right(self._offsets, end)
        told = self._told[count]
        tail = self._body[self._offsets[count - 1] if count else 0 : end]
        for data, name, _ in interpret(tail, flush=True).events:
            told = told.after(data, name, complete=False)
        return told.verdict(self._body[:end])


def texts(run: Run) -> dict[Any, str]:
    """Every text that only ever grows."""
    found: dict[Any, str] = {}
    for choice in run.snapshot.choices:
        message = choice.message
        for name in ("content", "refusal", "reasoning_content", "reasoning"):
            found[choice.index, name] = getattr(message, name) or ""
        for number, call in enumerate(message.tool_calls or []):
            assert call.function is not None
            found[choice.index, number] = call.function.arguments
    return found


OUTCOMES: dict[str, tuple[type[SSEWireError], ...]] = {
    "truncated": (StreamTruncatedError,),
    "failed": (ProviderError,),
    "empty": (EmptyStreamError, NotAnEventStreamError),
}


def check_cut(body: bytes, verdict: str, whole: dict[Any, str]) -> None:
    """A body that ended early has the verdict of what came, and texts that begin the whole ones."""
    found = skipping(body)
    assert found.verdict == verdict
    for key, text in texts(found).items():
        # A first half of a character may still have been waiting for its other half.
        assert whole[key].startswith((text, text.removesuffix("\ufffd")))
    if verdict in OUTCOMES:
        with pytest.raises(OUTCOMES[verdict]) as caught:
            found.parser.result()
        assert caught.value.snapshot is found.snapshot
    else:
        assert found.parser.result() is found.snapshot


def cuts(size: int) -> list[int]:
    """Where a body of that size is cut: at every byte of a short one, at some bytes of a long one."""
    if size <= EVERY_CUT_BYTES:
        return list(range(size + 1))
    return [size * number // CUTS for number in range(CUTS + 1)]


@pytest.mark.no_cover
@bodies
def test_a_body_that_is_cut_anywhere_says_so(body: Body) -> None:
    data = body.read()
    whole = texts(skipping(data))
    verdicts = Verdicts(data)
    for end in cuts(len(data)):
        check_cut(data[:end], verdicts.of(end), whole)


# -- folding ---------------------------------------------------------------------------------------------


@bodies
def test_a_snapshot_is_a_fresh_fold_and_is_never_altered(body: Body) -> None:
    events = skipping(body.read()).events
    before = [encoded(event) for event in events]
    wanted = {len(events) * number // SNAPSHOTS for number in range(SNAPSHOTS + 1)}
    reducer = ChatReducer()
    held = []
    for count in range(len(events) + 1):
        if count in wanted:
            snapshot = reducer.snapshot()
            assert reducer.snapshot() is snapshot
            held.append((count, snapshot, encoded(snapshot)))
        if count < len(events):
            reducer.apply(events[count])
    assert [encoded(event) for event in events] == before
    for count, snapshot, then in held:
        fresh = ChatReducer()
        for event in events[:count]:
            fresh.apply(event)
        assert encoded(snapshot) == then
        assert encoded(fresh.snapshot()) == then


def encoded(thing: Any) -> str:
    """All of an object, halves of characters and NaN as well."""
    return repr(msgspec.to_builtins(thing))


@bodies
def test_events_that_were_encoded_and_decoded_fold_alike(body: Body) -> None:
    found = skipping(body.read())
    reducer = ChatReducer()
    for event in found.events:
        reducer.apply(msgspec.convert(msgspec.to_builtins(event), ChatCompletionChunk))
    assert encoded(reducer.snapshot()) == encoded(found.snapshot)
