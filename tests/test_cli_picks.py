"""Filters: what they are written like, and what they let through."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from capture_cases import HEAD, story
from ssewire import ChatStream, EventDecodeError, ResponsesStream, Verdict
from ssewire.cli.picks import KEYS, Condition, Picks
from ssewire.logs import Head, RequestHead


def stream(finish: str = '"stop"', model: str = "Example-1") -> ChatStream:
    choice = f'{{"index":0,"delta":{{"content":"x"}},"finish_reason":{finish}}}'
    read = ChatStream(f'data: {{"model":"{model}","choices":[{choice}]}}\n\ndata: [DONE]\n\n'.encode())
    list(read)
    return read


def picks(*where: str, **patterns: tuple[str, ...]) -> Picks:
    return Picks(where=tuple(map(Condition.parse, where)), **patterns)


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ((), True),
        (("verdict=complete",), True),
        (("verdict=truncated",), False),
        (("verdict!=complete",), False),
        (("verdict!=truncated", "verdict!=failed"), True),
        (("verdict=truncated", "verdict=complete"), True),
        (("verdict=complete", "dialect=chat"), True),
        (("verdict=complete", "dialect=responses"), False),
        (("dialect!=unknown",), True),
        (("finish_reason=stop",), True),
        (("finish_reason=length", "finish_reason=none"), False),
    ],
)
def test_what_is_to_hold_of_a_whole_stream(where: tuple[str, ...], holds: bool) -> None:
    assert picks(*where).hold(stream(), "chat") is holds


def test_what_is_not_known_has_a_name_too() -> None:
    unfinished = stream("null")
    assert unfinished.verdict is Verdict.NO_FINISH
    assert picks("finish_reason=none", "dialect=unknown", "verdict=no_finish").hold(unfinished, None)
    odd = ResponsesStream(b'data: {"type":"response.completed","response":3}\n\n')
    with pytest.raises(EventDecodeError):
        odd.result()
    assert picks("finish_reason=none").hold(odd, "responses")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("verdict", "with a key of verdict, dialect, finish_reason, not 'verdict'"),
        ("model=x", "KEY=VALUE or KEY!=VALUE"),
        ("=truncated", "KEY=VALUE or KEY!=VALUE"),
        ("verdict=open", "verdict is one of complete, "),
        ("dialect!=anthropic", "dialect is one of chat, completions, responses, unknown, not 'anthropic'"),
        ("finish_reason=", "finish_reason is one of stop, "),
    ],
)
def test_what_is_no_condition_is_refused(text: str, problem: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        Condition.parse(text)
    assert problem in str(caught.value)


def test_every_verdict_of_a_stream_that_has_ended_can_be_asked_for() -> None:
    assert set(KEYS["verdict"]) == {str(verdict) for verdict in Verdict} - {"open"}


@pytest.mark.parametrize(
    ("models", "selected"),
    [((), True), (("example-1",), True), (("example-?", "x"), True), (("example",), False), (("*2",), False)],
)
def test_models_fit_a_pattern(models: tuple[str, ...], selected: bool) -> None:
    assert picks(models=models).select(stream()) is selected


def test_no_model_is_no_name() -> None:
    assert not picks(models=("?*",)).select(stream(model=""))


@pytest.mark.parametrize(
    ("head", "hosts", "selected"),
    [
        (HEAD, (), True),
        (HEAD, ("api.example.com",), True),
        (HEAD, ("other", "*.example.com"), True),
        (HEAD, ("example.com",), False),
        (Head(), (), True),
        (Head(), ("*",), False),
        (Head(RequestHead("GET", "http://[half/")), ("*",), False),
        (Head(RequestHead("GET", "/path")), ("*",), False),
        (Head(RequestHead("GET", "HTTPS://API.Example.com:8080/")), ("api.example.com",), True),
    ],
)
def test_hosts_fit_a_pattern(head: Any, hosts: tuple[str, ...], selected: bool) -> None:
    assert picks(hosts=hosts).select_head(head) is selected


def test_a_host_is_known_before_a_stream_is_read() -> None:
    assert not picks(hosts=("x",)).need_reading
    assert picks(models=("x",)).need_reading
    assert picks("verdict=failed").need_reading
    options = argparse.Namespace(model=["GPT-*"], host=["API.*"], where=[])
    assert Picks.of(options) == Picks(("gpt-*",), ("api.*",))
    assert Picks.of(options).select_head(story().head)
