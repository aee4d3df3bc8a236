"""Feed, close, snapshot, result and all the rest in any order: a state machine drives a parser."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ssewire import ChatParser, CompletionsParser, EventDecodeError, ResponsesParser, SSEWireError, Verdict
from ssewire.testing import StreamCase, cuttings, push
from streams import FACTOR, any_streams

PARSERS: dict[str, Any] = {"chat": ChatParser, "completions": CompletionsParser, "responses": ResponsesParser}
RETURNING = {Verdict.COMPLETE, Verdict.NO_DONE, Verdict.NO_FINISH}


class ParserMachine(RuleBasedStateMachine):
    """Drives one parser, and knows what it may do in each of its states."""

    dialect: Any

    @initialize(data=st.data(), malformed=st.sampled_from(("raise", "skip")))
    def begin(self, data: st.DataObject, malformed: str) -> None:
        case: StreamCase = data.draw(any_streams(self.dialect))
        self.malformed = malformed
        self.waiting = data.draw(cuttings(case.body))
        self.parser = PARSERS[self.dialect](malformed=malformed)
        self.taken: list[bytes] = []
        self.events: list[str] = []
        self.held: list[tuple[Any, str]] = []
        self.raised: SSEWireError | None = None
        self.closed = self.broken = False

    def step(self, what: Any, *arguments: Any, **options: Any) -> None:
        """Do what may raise; only once, and only what is documented."""
        try:
            self.events += [repr(event) for event in what(*arguments, **options)]
        except SSEWireError as error:
            assert self.raised is None
            self.raised = error

    @precondition(lambda self: self.waiting and not self.closed and not self.raised)
    @rule()
    def feed(self) -> None:
        self.taken.append(self.waiting.pop(0))
        self.step(self.parser.feed, self.taken[-1])

    @precondition(lambda self: not self.closed and not self.raised)
    @rule()
    def feed_nothing(self) -> None:
        self.step(self.parser.feed, b"")

    @precondition(lambda self: not self.raised)
    @rule(broken=st.booleans())
    def close(self, broken: bool) -> None:
        self.broken = broken if not self.closed else self.broken
        self.closed = True
        self.step(self.parser.close, broken=broken)

    @precondition(lambda self: self.closed or self.raised)
    @rule()
    def feed_after_the_end(self) -> None:
        if self.raised is None:
            self.step(self.parser.close)  # what was still to be raised is raised first
        before = (self.parser.verdict, repr(self.parser.snapshot))
        with pytest.raises(RuntimeError):
            self.parser.feed(b'data: {"choices":[{"index":0,"delta":{"content":"late"}}]}\n\n')
        assert (self.parser.verdict, repr(self.parser.snapshot)) == before

    @rule()
    def snapshot(self) -> None:
        try:
            snapshot = self.parser.snapshot()
        except SSEWireError:
            return
        self.held.append((snapshot, repr(snapshot)))

    @rule()
    def result(self) -> None:
        verdict = self.parser.verdict
        raised: Exception | None = None
        try:
            assert repr(self.parser.result()) == repr(self.parser.snapshot())
        except (SSEWireError, RuntimeError) as error:
            raised = error
        if isinstance(raised, EventDecodeError) and verdict in RETURNING:  # it is in the server's own object
            assert isinstance(self.parser, ResponsesParser)
            assert repr(raised.snapshot) == repr(self.parser.assembled())
            return
        assert (raised is None) is (verdict in RETURNING)
        assert isinstance(raised, RuntimeError) is (verdict is Verdict.OPEN)
        if isinstance(raised, SSEWireError) and raised.snapshot is not None:
            assert repr(raised.snapshot) == repr(self.parser.snapshot())

    @rule()
    def look(self) -> None:
        for name in ("usage", "model", "created", "diagnostics", "tokens"):
            try:
                getattr(self.parser, name)
            except SSEWireError:
                assert self.dialect == "responses"

    @invariant()
    def what_was_handed_out_stays(self) -> None:
        for snapshot, before in getattr(self, "held", [])[-3:]:
            assert repr(snapshot) == before

    def teardown(self) -> None:
        if not hasattr(self, "parser") or getattr(self, "broken", True) or not self.closed:
            return
        # The same bytes without all the looks: the same events, and the same end.
        if self.raised is None:
            self.step(self.parser.close)
        plain = push(self.dialect, self.taken, self.malformed)
        assert [event for event, _ in plain.events] == self.events or self.dialect == "responses"
        assert len(plain.events) == len(self.events)
        assert plain.facts["verdict"] == repr(self.parser.verdict)


def machine(dialect: str) -> Any:
    made: Any = type(f"{dialect.title()}Machine", (ParserMachine,), {"dialect": dialect})
    case = made.TestCase
    case.settings = settings(max_examples=20 * FACTOR, stateful_step_count=25, deadline=None)
    return case


TestChat = machine("chat")
TestCompletions = machine("completions")
TestResponses = machine("responses")
