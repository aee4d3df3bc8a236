"""A response goes in, the stream of events that adds up to it comes out."""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from ssewire.events import Verdict
from ssewire.testing.cases import StreamCase
from ssewire.testing.chat import cut_text
from ssewire.testing.chunks import ERROR
from ssewire.testing.writer import NEXT_YEAR, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from ssewire.testing.decisions import Decisions

    Event = dict[str, Any]

GROWING: Final = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
    "code_interpreter_call": ("code", "code_interpreter_call_code"),
}
"""The text of an item that comes in pieces, and the name of the events that bring it."""
PROGRESS: Final = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
}
"""The states that events tell of an item."""
AT_THE_END: Final = ("usage", "completed_at", "incomplete_details", "error", "service_tier")
"""What only the terminal event tells."""


def stream_responses(
    answer: dict[str, Any], decisions: Decisions, quirks: AbstractSet[str] = frozenset()
) -> StreamCase:
    """Stream a response, which is given as the API's own JSON."""
    answer = deepcopy(answer)
    if "unknown_items" in quirks:
        answer["output"].append({"type": "next_year_call", "id": "ny_1", "payload": [{"deep": None}]})
    server = _Server(answer, decisions, quirks)
    return server.stream()


class _Server:
    """Streams one response."""

    def __init__(self, answer: dict[str, Any], decisions: Decisions, quirks: AbstractSet[str]) -> None:
        self._answer = answer
        self._decisions = decisions
        self._quirks = quirks
        self._writer = Writer(decisions, quirks)
        self._padded = decisions.chance()
        self._number = 0
        self._ids = 0

    def stream(self) -> StreamCase:
        """Write it all."""
        verdict = Verdict.COMPLETE
        if "cut" in self._quirks:
            verdict = Verdict.TRUNCATED
        if self._quirks & {"error_payload", "error_event", "error_field", "response_failed"}:
            verdict = Verdict.FAILED
        body = [*self._beginning(), *self._output()]
        if verdict is Verdict.FAILED:
            body = body[: self._decisions.stop(len(body) + 1)]
        for event in body:
            self._send(event)
        error = None
        writer = self._writer
        if verdict is Verdict.FAILED:
            error = ERROR["message"]
            self._fail()
        else:
            self._send(self._terminal())
        sent, malformed = len(writer.sent), len(writer.malformed)
        if verdict is not Verdict.FAILED and "done_after_all" in self._quirks:
            writer.mark(b"[DONE]")
        if verdict is not Verdict.FAILED and "late_events" in self._quirks:
            self._send({"type": "response.rate_limits.updated", "rate_limits": []})
        del writer.sent[sent:], writer.malformed[malformed:]
        if verdict is Verdict.TRUNCATED:
            first, last = writer.sent[0], writer.sent[-1]
            writer.cut(first.whole + self._decisions.stop(last.whole - first.whole))
        elif "unterminated" in self._quirks:
            writer.leave_unterminated()
        return StreamCase(
            "responses",
            bytes(writer.body),
            [each.payload for each in writer.sent],
            self._answer,
            verdict,
            error,
            len(writer.malformed),
            frozenset(self._quirks),
        )

    # -- events ------------------------------------------------------------------------------------------

    def _beginning(self) -> Iterator[Event]:
        # Of a stream that is cut something has to be left.
        if "no_created" in self._quirks and (self._answer["output"] or "cut" not in self._quirks):
            return
        begun = {**self._answer, "status": "in_progress", "output": []} | dict.fromkeys(AT_THE_END)
        yield {"type": "response.created", "response": begun}
        if self._decisions.chance():
            yield {"type": "response.queued", "response": {**begun, "status": "queued"}}
        yield {"type": "response.in_progress", "response": begun}

    def _terminal(self) -> Event:
        response = self._answer
        if "empty_output" in self._quirks:
            response = {**response, "output": self._writer.pick(([], None))}
        return {"type": f"response.{self._answer['status']}", "response": response}

    def _fail(self) -> None:
        self._between()
        nested = {"type": "error", "error": ERROR} if self._decisions.chance() else {**ERROR, "type": "error"}
        if "error_payload" in self._quirks:
            self._writer.event({"error": ERROR})
        elif "error_field" in self._quirks:
            self._writer.field(b"error", {"error": ERROR})
        elif "error_event" in self._quirks:
            self._writer.event(nested, "error")
        else:
            if self._decisions.chance():
                self._writer.event(nested, "error")
                self._writer.quiet()  # nothing comes between an error and what explains it
            error = {name: ERROR[name] for name in ("code", "message")}
            failed = {**self._answer, "status": "failed", "output": [], "error": error, "usage": None}
            self._put({"type": "response.failed", "response": failed})

    def _output(self) -> list[Event]:
        """The events of all items, in one order; those of one item keep theirs."""
        waiting = [deque(self._item(item, at)) for at, item in enumerate(self._answer["output"])]
        events: list[Event] = []
        begun = 0
        while any(waiting):
            # Items begin one after the other, and then may grow side by side.
            ready = [at for at, each in enumerate(waiting[: begun + 1]) if each]
            chosen = ready[self._decisions.below(len(ready))]
            begun = max(begun, chosen + 1)
            events.append(waiting[chosen].popleft())
        return events

    def _item(self, item: dict[str, Any], index: int) -> Iterator[Event]:
        kind = item["type"]
        about = {"output_index": index, "item_id": item.get("id")}
        added = _skeleton(item)
        if "changing_item_ids" in self._quirks and "id" in added:
            added["id"] = self._next_id()
        if "no_added" not in self._quirks:
            yield {"type": "response.output_item.added", "output_index": index, "item": added}
        for state in PROGRESS.get(kind, ())[:2]:
            yield {"type": f"response.{kind}.{state}", **about}
        if kind == "message":
            for at, part in enumerate(item.get("content") or ()):
                yield from self._part(part, {**about, "content_index": at})
        elif kind == "reasoning":
            for at, part in enumerate(item.get("summary") or ()):
                yield from self._summary(part, {**about, "summary_index": at})
            for at, part in enumerate(item.get("content") or ()):
                yield from self._part(part, {**about, "content_index": at})
        elif kind in GROWING:
            name, events = GROWING[kind]
            yield from self._text(f"response.{events}", name, item.get(name), about)
        elif kind == "apply_patch_call":
            diff = (item.get("operation") or {}).get("diff")
            yield from self._text("response.apply_patch_call_operation_diff", "diff", diff, about)
        elif kind == "shell_call":
            for at, command in enumerate((item.get("action") or {}).get("commands") or ()):
                place = {"output_index": index, "command_index": at}
                if "no_added" not in self._quirks:
                    yield {"type": "response.shell_call_command.added", **place, "command": ""}
                yield from self._text("response.shell_call_command", "command", command, place)
        for state in PROGRESS.get(kind, ())[2:]:
            yield {"type": f"response.{kind}.{state}", **about}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
        if "late_deltas" in self._quirks and kind in GROWING:
            yield {"type": f"response.{GROWING[kind][1]}.delta", **about, "delta": "}"}

    def _part(self, part: dict[str, Any], about: dict[str, Any]) -> Iterator[Event]:
        if "no_added" not in self._quirks:
            yield {"type": "response.content_part.added", **about, "part": _skeleton(part)}
        if part["type"] == "refusal":
            yield from self._text("response.refusal", "refusal", part.get("refusal"), about)
        elif part["type"] == "reasoning_text":
            yield from self._text("response.reasoning_text", "text", part.get("text"), about)
        elif part["type"] == "output_text":
            yield from self._output_text(part, about)
        yield {"type": "response.content_part.done", **about, "part": part}

    def _output_text(self, part: dict[str, Any], about: dict[str, Any]) -> Iterator[Event]:
        *deltas, done = self._text("response.output_text", "text", part.get("text") or "", about)
        logprobs = part.get("logprobs") or []
        done["logprobs"] = logprobs
        for at, delta in enumerate(deltas):
            delta["logprobs"] = logprobs[at:] if delta is deltas[-1] else logprobs[at : at + 1]
        for at, annotation in enumerate(part.get("annotations") or ()):
            added = {"type": "response.output_text.annotation.added", **about}
            added |= {"annotation_index": at, "annotation": annotation}
            deltas.insert(self._decisions.below(len(deltas) + 1), added)
        # Annotations go by their index, so they may come in any order, but before the text is done.
        yield from [*deltas, done]

    def _summary(self, part: dict[str, Any], about: dict[str, Any]) -> Iterator[Event]:
        if "no_added" not in self._quirks:
            yield {"type": "response.reasoning_summary_part.added", **about, "part": _skeleton(part)}
        yield from self._text("response.reasoning_summary_text", "text", part.get("text"), about)
        yield {"type": "response.reasoning_summary_part.done", **about, "part": part}

    def _text(self, event: str, name: str, text: str | None, about: dict[str, Any]) -> Iterator[Event]:
        """The deltas of a text, and its done event; nothing where there is no text."""
        if text is None:
            return
        for piece in [] if "no_deltas" in self._quirks else cut_text(text, self._decisions, self._quirks):
            delta: Event = {"type": f"{event}.delta", **about, "delta": piece}
            if self._padded:
                delta["obfuscation"] = "kQ8zz"[self._decisions.below(3) :]
            yield delta
        yield {"type": f"{event}.done", **about, name: text}

    # -- sending -----------------------------------------------------------------------------------------

    def _send(self, event: Event) -> None:
        """Write an event, with what may come before it."""
        self._between()
        self._put(event)

    def _between(self) -> None:
        """Write the events that come between the others."""
        if "keepalives" in self._quirks and self._decisions.occurs("keepalives"):
            self._put({"type": "keepalive"})
        if "unknown_events" in self._quirks and self._decisions.occurs("unknown_events"):
            self._put({"type": "response.next_year.delta", "delta": ["?"]})

    def _put(self, event: Event) -> None:
        quirks = self._quirks
        event = dict(event)
        name: str = event["type"]
        if "no_sequence_numbers" not in quirks:
            event["sequence_number"] = self._number
        self._number += 1
        if "changing_item_ids" in quirks and "item_id" in event:
            event["item_id"] = self._next_id()
        if "nulls" in quirks:
            for each in ("item_id", "logprobs"):
                if not event.get(each, "?") or each == "item_id":
                    event[each] = None
        if "fractions" in quirks:
            for each in ("sequence_number", "output_index", "content_index", "summary_index"):
                if each in event:
                    event[each] = float(event[each])
        if "unknown_fields" in quirks:
            event |= NEXT_YEAR
        if "types_in_names" in quirks:
            del event["type"]
        self._writer.event(event, "" if "no_event_names" in quirks else name)

    def _next_id(self) -> str:
        self._ids += 1
        return f"changing_{self._ids}"


def _skeleton(thing: dict[str, Any]) -> dict[str, Any]:
    """An item or a part as it is when it begins: its texts empty, its lists as well."""
    begun = dict(thing)
    for name in ("text", "refusal", "arguments", "input", "code"):
        if isinstance(begun.get(name), str):
            begun[name] = ""
    for name in ("content", "summary", "annotations", "logprobs"):
        if begun.get(name):
            begun[name] = []
    if "status" in begun:
        begun["status"] = "in_progress"
    for name, growing, nothing in (("operation", "diff", ""), ("action", "commands", [])):
        if growing in (begun.get(name) or ()):
            begun[name] = {**begun[name], growing: nothing}
    return begun
