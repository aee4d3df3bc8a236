"""`ssewire replay`: recorded bodies go in; their answers, events or final objects come out."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire._dialects import DIALECTS
from ssewire._wire.encoder import encode_event
from ssewire._wire.tokenizer import Tokenizer
from ssewire.cli.inputs import expand, reads_of, with_dialect
from ssewire.errors import EmptyStreamError, NotAnEventStreamError, ProviderError, SSEWireError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ssewire._dialects import DialectName
    from ssewire._stream import Stream

FORMS: Final = ("text", "json", "events", "sse")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "replay",
        help="replay recorded streams",
        description="Replay recorded response bodies (.sse): print the answers as they would have streamed.",
    )
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="a file, a folder, a pattern, or - for stdin"
    )
    command.add_argument(
        "--as",
        dest="form",
        choices=FORMS,
        default="text",
        help="text: the answer (the default); json: a line with the final object and the verdict for each "
        "stream; events: a line for each typed event; sse: the events as a clean event stream",
    )
    command.add_argument(
        "--dialect", choices=tuple(DIALECTS), help="what the streams are; by default their events tell"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay each file; a bad one does not stop the others."""
    code = 0
    names = list(expand(options.files))
    if not names:
        say("no .sse files there")
        code = 2
    for name in names:
        try:
            found = _replay(name, options.form, options.dialect)
        except BrokenPipeError:
            raise
        except OSError as error:
            say(f"{name}: {error.strerror or error}")
            code = 2
            continue
        if found:
            say(f"{name}: {found}")
            code = max(code, 1)
    return code


def say(line: str) -> None:
    """Tell the user something that is not the answer."""
    sys.stdout.flush()
    print(f"ssewire: {line}", file=sys.stderr, flush=True)


def _replay(name: str, form: str, dialect: DialectName | None) -> str:
    """Replay one body; returns what is wrong with it."""
    if form == "sse":
        return _rewrite(reads_of(name))
    detected, reads = with_dialect(reads_of(name))
    known = dialect or detected
    problem: SSEWireError | None = None
    with DIALECTS[known or "chat"].stream(reads, malformed="skip") as stream:
        try:
            if form == "text":
                _print_text(stream)
            for event in stream:
                if form == "events" and known:
                    print(_json_line(event))
            stream.result()
        except SSEWireError as error:
            problem = error
    if form == "json":
        print(_json_line(_report(name, known, stream, problem)))
    return _findings(stream, problem, known)


def _findings(stream: Stream[Any, Any], problem: SSEWireError | None, known: str | None) -> str:
    if isinstance(problem, (EmptyStreamError, NotAnEventStreamError)):
        return str(problem)
    malformed = sum(each.count for each in stream.diagnostics if each.kind == "malformed")
    findings = [] if problem is None else [f"{stream.verdict.value}: {problem}"]
    if malformed:
        findings.append(f"{malformed} malformed event{'s' if malformed > 1 else ''} skipped")
    if known is None and stream.timing.first_event is not None and not isinstance(problem, ProviderError):
        findings = ["events of no known dialect"]
    return "; ".join(findings)


def _rewrite(reads: Iterator[bytes]) -> str:
    """Write the events as a clean event stream."""
    tokenizer = Tokenizer(max_event_size=None)
    count = 0
    for read in reads:
        for event in tokenizer.feed(read):
            sys.stdout.buffer.write(encode_event(event))
            count += 1
        sys.stdout.buffer.flush()
    cut = tokenizer.close(flush=True)
    if cut:
        return "truncated: the last event came without its blank line and was left out"
    return "" if count else "no events"


def _print_text(stream: Stream[Any, Any]) -> None:
    """Print the answer as it streams, then what it has beside text."""
    ends_line = True
    try:
        for piece in stream.text():
            sys.stdout.write(piece)
            sys.stdout.flush()
            ends_line = piece.endswith("\n")
    finally:
        if not ends_line:
            print()
        for line in _beside_text(stream.snapshot()):
            print(line)


def _beside_text(final: Any) -> Iterator[str]:
    """What a final object holds that is not the first answer's text, a line each."""
    for choice in final.choices:
        message = choice.message
        if choice.index and message.content is not None:
            yield f"[choice {choice.index}] {message.content}"
        if message.refusal:
            yield f"[refusal] {message.refusal}"
        for call in message.tool_calls or ():
            name, body = (
                (call.custom.name, call.custom.input)
                if call.custom is not None
                else (call.function.name, call.function.arguments)
            )
            yield f"[{call.type} call {call.id}] {name} {body}"
        if message.function_call is not None:
            yield f"[function call] {message.function_call.name} {message.function_call.arguments}"


def _report(
    name: str, known: str | None, stream: Stream[Any, Any], problem: SSEWireError | None
) -> dict[str, Any]:
    told: dict[str, Any] | None = None
    if problem is not None:
        facts = {
            key: value
            for key, value in vars(problem).items()
            if key != "snapshot" and not isinstance(value, bytes) and value is not None
        }
        told = {"kind": type(problem).__name__, "text": str(problem)} | facts
        if told.get("headers") is not None:
            told["headers"] = dict(told["headers"])
    return {
        "source": name,
        "dialect": known,
        "verdict": stream.verdict,
        "result": stream.snapshot(),
        "error": told,
        "diagnostics": stream.diagnostics,
    }


def _json_line(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        # An event keeps half a surrogate pair as it was sent; escaped, it can be written.
        return json.dumps(msgspec.to_builtins(value))
