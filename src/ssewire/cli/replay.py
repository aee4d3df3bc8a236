"""`ssewire replay`: captures go in; their answers, events or final objects come out."""

from __future__ import annotations

import functools
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ssewire._wire.encoder import encode_event
from ssewire._wire.tokenizer import Tokenizer
from ssewire.cli import inputs, jobs, picks
from ssewire.cli.output import WRONG_USE, finding, json_line, say, told, writing
from ssewire.cli.streams import Reading, end_of, none_asked_for, open_stream
from ssewire.errors import SSEWireError
from ssewire.logs.capture import Capture, PassingReads, broken_off
from ssewire.logs.lines import encode_end, encode_head, encode_read
from ssewire.logs.play import play
from ssewire.logs.reading import read_captures
from ssewire.logs.transports import sleep

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from ssewire._stream import Stream
    from ssewire.cli.tally import Tally
    from ssewire.logs.capture import End, Read

FORMS: Final = ("text", "json", "events", "sse")
_ESCAPES: Final = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
}
"""How control characters are shown on a terminal, but for those that lay out text."""
MAX_COPIED_BYTES: Final = 8 * 2**20
"""A copy of a capture is on disk if it is larger."""


class _Form(msgspec.Struct, frozen=True):
    """What to print, and when."""

    name: str
    speed: float | None


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "replay",
        help="replay recorded streams",
        description="Replay recorded streams: print the answers as they would have streamed.",
    )
    inputs.add_to(command)
    command.add_argument(
        "--as",
        dest="form",
        choices=FORMS,
        default="text",
        help="text: the answer (the default); json: a line with the final object and the verdict for each "
        "stream; events: a line for each typed event; sse: the events as a clean event stream",
    )
    command.add_argument(
        "--speed",
        type=inputs.speed,
        default=None,
        metavar="FACTOR",
        help="1 to wait as long as the recording tells, 10 for a tenth of that, 0 or none for no waiting "
        "(the default)",
    )
    picks.add_to(command)
    jobs.add_to(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay each file."""
    if options.speed is not None and options.jobs > 1:
        say("--speed is for one job: nobody can watch several")
        return WRONG_USE
    form = _Form(options.form, options.speed)
    work = functools.partial(_replay_file, form=form, reading=Reading.of(options))
    # What is printed on a terminal would be torn apart by progress.
    watched = not options.quiet and not sys.stdout.isatty()
    ended = jobs.for_each(options.files, work, options.jobs, watched=watched)
    shown = ended.interrupted or sys.stderr.isatty()
    if shown and not options.quiet and ended.tally.streams > 1:
        for line in ended.tally.lines():
            say(line)
    return none_asked_for(ended)


def _replay_file(name: str, tally: Tally, *, form: _Form, reading: Reading) -> None:
    """Replay the captures in one file."""
    for source, capture in reading.captures_of(name, tally):
        if not reading.picks.need_reading:
            _replay(source, capture, tally, form, reading)
            continue
        with _copied(capture) as (passing, again):
            known = reading.dialect_of(passing)
            with open_stream(passing, known) as stream:
                _read(stream)
            passing.skip()
            if reading.asks_for(stream, known, tally):
                _replay(source, again(), tally, form, reading)


def _read(stream: Stream[Any, Any]) -> None:
    """Read a stream to its end."""
    try:
        for _ in stream:
            pass
    except SSEWireError:
        pass  # whoever reads it again tells that


def _replay(source: str, capture: Capture, tally: Tally, form: _Form, reading: Reading) -> None:
    """Replay one capture."""
    known = reading.dialect_of(capture)
    if form.speed is not None:
        if "times" in capture.head.unknown:
            say(f"{source}: played without waiting: its times were not recorded")
        capture = Capture(capture.head, _Paced(capture, form.speed))
    if form.name == "sse":
        found = _rewrite(capture)
        end_of(capture, tally)
        tally.count(source, found)
        return
    stream = open_stream(capture, known)
    problem: SSEWireError | None = None
    with stream:
        try:
            if form.name == "text":
                print_text(stream)
            for event in stream:
                if form.name == "events" and known:
                    with writing():
                        print(json_line(event))
            stream.result()
        except SSEWireError as error:
            problem = error
    found = finding(stream, problem, known, end_of(capture, tally))
    tally.look_at(source, stream, known)
    report = _report(source, known, stream, problem) if form.name == "json" else None
    del stream  # a long one holds much beside its result
    if report is not None:
        with writing():
            print(json_line(report))
    tally.count(source, found)


def _rewrite(capture: Capture) -> str:
    """Write the events as a clean event stream; returns what is wrong."""
    tokenizer = Tokenizer(max_event_size=None)
    count = 0
    for _, read in capture.reads:
        events = tokenizer.feed(read)
        count += len(events)
        with writing():
            sys.stdout.buffer.writelines(map(encode_event, events))
            sys.stdout.buffer.flush()
    cut = tokenizer.close(flush=True)
    if capture.end.broken:
        return f"truncated: {broken_off(capture.end)}"
    if cut:
        return "truncated: the last event came without its blank line and was left out"
    return "" if count else "no events"


def print_text(stream: Stream[Any, Any]) -> None:
    """Print the answer as it streams, then what it has beside text; nothing in it controls a terminal."""
    escapes = _ESCAPES if sys.stdout.isatty() else {}
    ends_line = True
    try:
        for piece in stream.text():
            with writing():
                sys.stdout.write(piece.translate(escapes))
                sys.stdout.flush()
            ends_line = piece.endswith("\n")
    finally:
        with writing():
            if not ends_line:
                print()
            for line in stream.parser_class.dialect.beside_text(stream.snapshot()):
                print(line.translate(escapes))


def _report(
    name: str, known: str | None, stream: Stream[Any, Any], problem: SSEWireError | None
) -> dict[str, Any]:
    return {
        "source": name,
        "dialect": known,
        "verdict": stream.verdict,
        "result": stream.snapshot(),
        "error": told(problem),
        "diagnostics": stream.diagnostics,
    }


# -- captures on their way -------------------------------------------------------------------------------


class _Paced(PassingReads):
    """The reads of a capture, each when it is due."""

    def __init__(self, capture: Capture, speed: float) -> None:
        super().__init__()
        self._capture = capture
        self._speed = speed
        self._steps = play(capture, speed=speed)
        self._began = time.monotonic()

    def advance(self) -> Read | End:
        step = next(self._steps, None)
        if step is None:
            return self._capture.end
        if not self._over:  # nobody waits for what is left out
            sleep(step.due - (time.monotonic() - self._began))
        self.size += len(step.data)
        return step.due * self._speed, step.data


class _Copy(PassingReads):
    """The reads of a capture, each of which is copied to a capture file while it passes."""

    def __init__(self, capture: Capture, file: Any) -> None:
        super().__init__()
        self._capture = capture
        self._reads = iter(capture.reads)
        self._count = 0
        self._file = file
        file.write(encode_head(capture.head))

    def advance(self) -> Read | End:
        read = next(self._reads, None)
        if read is None:
            self._file.write(encode_end(self._capture.end, self._count, self.size))
            return self._capture.end
        self._file.write(encode_read(*read))
        self._count += 1
        self.size += len(read[1])
        return read


@contextmanager
def _copied(capture: Capture) -> Iterator[tuple[Capture, Callable[[], Capture]]]:
    """A capture to be read whole, and a function that gives it anew then, to be read again."""
    with tempfile.SpooledTemporaryFile(MAX_COPIED_BYTES) as file:
        passing = Capture(capture.head, _Copy(capture, file))

        def again() -> Capture:
            file.seek(0)
            return next(read_captures(file, form="capture"))

        yield passing, again
