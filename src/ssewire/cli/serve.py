"""`ssewire serve`: captures go in; a server that plays them runs until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Final

from ssewire.cli.inputs import STDIN, expand, file_name, speed, stdin
from ssewire.cli.output import CLEAN, WRONG_USE, say
from ssewire.errors import CaptureError
from ssewire.logs.play import Fault
from ssewire.logs.reading import FOLDER_SUFFIXES, read_captures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire.logs.capture import Capture

MAX_PORT: Final = 65535


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "serve",
        help="play captures to any client, over HTTP on this machine",
        description="Serve captures on the loopback interface: /v1/chat/completions, /v1/responses, "
        "/v1/completions and the recorded paths are answered with a capture of that API, in turn; the model "
        "that a request names is preferred, and the header x-ssewire-capture (or ?capture=) names a capture "
        "by its number or a part of its file's name. GET / lists them. GET /v1/responses/{id}?stream=true"
        "&starting_after=N goes on with that response behind event N. The URL is printed on stdout. Needs "
        "the extra: pip install 'ssewire[server]'.",
    )
    command.add_argument(
        "files",
        nargs="+",
        type=file_name,
        metavar="CAPTURE",
        help="a capture file, raw body (.sse), cassette (.yaml), .har or log; a folder, a pattern, or -",
    )
    command.add_argument("--host", default="127.0.0.1", help="the interface (127.0.0.1)")
    command.add_argument("--port", type=_port, default=8080, help="the port (8080); 0 for a free one")
    command.add_argument(
        "--speed",
        type=speed,
        default=1.0,
        metavar="FACTOR",
        help="1 for the recorded times (the default), 10 for a tenth of them, 0 or none for no waiting",
    )
    command.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        dest="faults",
        metavar="FAULT",
        help="what goes wrong in each body: cut:AT, reset:AT, stall:AT[:SECONDS] (for ever without a "
        "number), garbage:AT[:COUNT] (16 bytes), reads:SIZE, reads:whole, reads:random[:SEED]; AT is a byte; "
        "may be repeated",
    )
    command.add_argument(
        "--body-key", metavar="KEY", help="where the records of a JSON Lines log hold bodies"
    )
    command.set_defaults(run=run)


def _fault(text: str) -> Fault:
    try:
        return Fault.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else MAX_PORT + 1
    if port > MAX_PORT:
        raise argparse.ArgumentTypeError(f"a number from 0 to {MAX_PORT}, not {text!r}")
    return port


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from ssewire.logs.server import Program, serve

    try:
        captures = _captures(expand(options.files, FOLDER_SUFFIXES), options.body_key)
        program = Program(captures, speed=options.speed, faults=options.faults)
        if not program.entries:
            say("no captures there")
            return WRONG_USE
        count = len(program.entries)

        def ready(url: str) -> None:
            print(url, flush=True)
            say(f"serving {count} capture{'s' if count > 1 else ''} at {url}/v1; Ctrl-C ends it")

        with contextlib.suppress(KeyboardInterrupt):
            serve(program, host=options.host, port=options.port, ready=ready, told=say)
    except ImportError as error:
        say(str(error))
        return WRONG_USE
    except OSError as error:
        say(f"{options.host}:{options.port}: {error.strerror or error}")
        return WRONG_USE
    return CLEAN


def _captures(files: Iterable[str], body_key: str | None) -> Iterator[tuple[str, Capture]]:
    """The captures in files; what cannot be read is told, and the rest goes on."""
    for file in files:
        try:
            source = stdin() if file == STDIN else file
            for capture in read_captures(source, body_key=body_key, report=say):
                yield file, capture.load()
        except CaptureError as error:
            say(str(error))
        except OSError as error:
            say(f"{file}: {error.strerror or error}")
