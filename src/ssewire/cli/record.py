"""`ssewire record`: a URL goes in; the answer is printed as it arrives, and written to a capture file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ssewire._dialects import DIALECTS
from ssewire.cli.inputs import stdin
from ssewire.cli.output import CLEAN, FINDINGS, WRONG_USE, finding, say
from ssewire.cli.replay import print_text
from ssewire.errors import CaptureError, SSEWireError
from ssewire.logs.detection import with_dialect
from ssewire.logs.recording import record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ssewire.logs.recording import Recording

_TOKEN: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""RFC 9110, 5.6.2: what methods and names of headers are made of."""
_VALUE: Final = re.compile(r"[\t -~]*")
TIMEOUT_SECONDS: Final = 120.0


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the grammar."""
    command = commands.add_parser(
        "record",
        help="ask a server, print its answer as it arrives, and record it",
        description="Send one request, print the answer as it streams, and append it to a capture file: its "
        "bytes, reads, times, status and headers, without credentials. Needs the extra: pip install "
        "'ssewire[httpx]'.",
    )
    command.add_argument("url", metavar="URL", help="what to ask")
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="the capture file (.jsonl), or a folder (made if it ends in /)",
    )
    command.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        dest="headers",
        metavar="'NAME: VALUE'",
        help="a header of the request; may be repeated",
    )
    command.add_argument(
        "-d",
        "--data",
        metavar="DATA",
        help="the request's body; @FILE to read it, @- for stdin; makes it a POST of JSON",
    )
    command.add_argument("-X", "--method", help="the request's method")
    command.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help=f"the longest silence ({TIMEOUT_SECONDS:.0f})",
    )
    command.add_argument(
        "--dialect", choices=tuple(DIALECTS), help="what the stream is; by default its events tell"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask, print and record."""
    try:
        import httpx
    except ImportError:
        say("recording from the shell needs an extra: pip install 'ssewire[httpx]'")
        return WRONG_USE
    try:
        headers, data = _headers(options.headers), _data(options.data)
        if data is not None and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("content-type", "application/json"))
        method = options.method or ("GET" if data is None else "POST")
        if not _TOKEN.fullmatch(method):
            raise ValueError(f"a method is a word such as POST, not {method!r}")
        with (
            httpx.Client(timeout=options.timeout) as client,
            client.stream(method, options.url, headers=headers, content=data) as response,
            record(response, options.output) as recording,
        ):
            try:
                return _take(recording, options.dialect)
            except KeyboardInterrupt:
                say(f"interrupted: what came until then is recorded to {recording.path}")
                raise
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, CaptureError, ImportError, ValueError) as error:
        say(str(error))
        return WRONG_USE
    except httpx.HTTPError as error:
        say(f"{options.url}: {error or type(error).__name__}")
        return FINDINGS
    except OSError as error:
        say(f"{error.filename or options.output}: {error.strerror or error}")
        return WRONG_USE


def _headers(lines: list[str]) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not _TOKEN.fullmatch(name):
            raise ValueError(f"a header is written 'Name: value', not {line!r}")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name} has something else than one line of ASCII")
        headers.append((name, value))
    return headers


def _data(text: str | None) -> bytes | None:
    if text is None or not text.startswith("@"):
        return None if text is None else text.encode()
    if text == "@-":
        return stdin().read()
    return Path(text[1:]).read_bytes()


class _Source:
    """A recording that a stream cannot close: it goes on behind the stream's end mark."""

    def __init__(self, reads: Iterator[bytes], recording: Recording) -> None:
        self.status = recording.status
        self.headers = recording.headers
        self._reads = reads

    def __iter__(self) -> Iterator[bytes]:
        return map(bytes, self._reads)


def _take(recording: Recording, dialect: Any) -> int:
    """Print the answer and read the recording to its end; returns the exit code."""
    detected, reads = with_dialect(map(bytes, recording), bytes)
    known = dialect or detected
    problem: SSEWireError | None = None
    with DIALECTS[known or "chat"].stream(_Source(reads, recording), malformed="skip") as stream:
        try:
            print_text(stream)
            stream.result()
        except SSEWireError as error:
            problem = error
    for _ in recording:
        pass
    code = CLEAN
    found = finding(stream, problem, known)
    if found:
        say(found)
        code = FINDINGS
    if recording.problem:
        say(f"{recording.path}: {recording.problem} (lost {recording.lost_bytes} bytes)")
        code = FINDINGS
    say(f"recorded to {recording.path}")
    return code
