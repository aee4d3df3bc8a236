"""Files and the work to do on each go in; an exit code comes out: one after the other, or many at a time.

However many processes work, what is printed is the same, in the order of the files.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import signal
import stat
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ssewire.cli.inputs import STDIN, expand
from ssewire.cli.output import CLEAN, INTERRUPTED, WRONG_USE, say

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

    Outcome = tuple[int, str]
    """The exit code that a file asks for, and what to say about it; nothing if that is empty."""
    Work = Callable[[str], Outcome]

MAX_JOBS: Final = 61
"""More processes than that cannot be waited for on Windows."""
CHUNK_BYTES: Final = 256 * 2**10
"""How much a process is given at a time: 10 ms of work, beside which handing over costs little."""
FILE_BYTES: Final = 4 * 2**10
"""What opening a file counts in that."""
CHUNKS_AHEAD: Final = 2
"""How many chunks are begun for each process before the first of them is printed."""
MAX_KEPT_BYTES: Final = 2**20
"""What is printed of a file waits for its turn on disk if it is larger."""


def add_to(command: argparse.ArgumentParser) -> None:
    """Add the option to a command that works on files."""
    command.add_argument(
        "--jobs",
        type=_count,
        default=1,
        metavar="N",
        help="read so many files at a time, each in a process of its own (1 by default, at most "
        f"{MAX_JOBS}); what is printed stays the same",
    )


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 1 <= count <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAX_JOBS}, not {text!r}")
    return count


def for_each(names: Iterable[str], work: Work, jobs: int = 1) -> int:
    """Do a piece of work for each file meant; a bad file does not stop the others.

    Args:
        names: Files, folders, patterns, `-`.
        work: Does it for one file, and prints what comes of it. Can be pickled if there are several jobs.
        jobs: How many processes work at a time.

    Returns:
        The exit code.
    """
    files = list(expand(names))
    if not files:
        say("no .sse files there")
        return WRONG_USE
    code = CLEAN
    done = 0
    jobs = min(jobs, len(files))
    here = (_outcome(work, file) for file in files)
    try:
        with contextlib.closing(here if jobs == 1 else _in_processes(files, work, jobs)) as outcomes:
            for asked, found in outcomes:
                if found:
                    say(f"{files[done]}: {found}")
                code = max(code, asked)
                done += 1
    except (KeyboardInterrupt, ChildProcessError) as error:
        reason = str(error) or "interrupted"
        if len(files) > 1:
            say(f"{reason}: {done} of {len(files)} files are done")
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else WRONG_USE
    return code


def _outcome(work: Work, file: str) -> Outcome:
    """Do the work for one file."""
    try:
        return work(file)
    except BrokenPipeError:
        raise
    except OSError as error:
        return WRONG_USE, error.strerror or str(error)


# -- processes -------------------------------------------------------------------------------------------


class _Done(NamedTuple):
    """What came of one file, in another process."""

    outcome: Outcome
    printed: bytes | Path
    """What the work has printed, or where that is."""


class _Screen(NamedTuple):
    """How to print for somebody else."""

    folder: str
    encoding: str
    errors: str | None


def _in_processes(files: Sequence[str], work: Work, jobs: int) -> Generator[Outcome]:
    """Do the work in processes, and print what they would have printed.

    Raises:
        ChildProcessError: A process died.
    """
    import multiprocessing  # 15 ms, for those who want several processes
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    # A forked process would inherit threads' locks; a spawned one is the same on every platform.
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    pending: deque[tuple[str, Future[list[_Done]] | None]] = deque()
    with (
        tempfile.TemporaryDirectory(prefix="ssewire-") as folder,
        ours,
        theirs,
        ProcessPoolExecutor(jobs, mp_context=context, initializer=begin, initargs=(theirs,)) as pool,
    ):
        screen = _Screen(folder, sys.stdout.encoding, sys.stdout.errors)
        try:
            for chunk, away in chunks(files):
                with _shielded():
                    future = pool.submit(work_off, work, chunk, screen) if away else None
                pending.append((chunk[0], future))
                if len(pending) > CHUNKS_AHEAD * jobs:
                    yield from _print(*pending.popleft(), work)
            while pending:
                yield from _print(*pending.popleft(), work)
        except BaseException as error:
            # Nobody waits for a process that is in the middle of a file: see `begin`.
            ours.close()
            if isinstance(error, BrokenProcessPool):
                raise ChildProcessError("a worker process died") from error
            raise


def chunks(files: Iterable[str]) -> Iterator[tuple[list[str], bool]]:
    """Put files together, so that handing them over pays.

    Returns:
        The files, and whether another process can read them.
    """
    chunk: list[str] = []
    size = 0
    for file in files:
        file_size = _size_of(file)
        if chunk and (file_size is None or size >= CHUNK_BYTES):
            yield chunk, True
            chunk, size = [], 0
        if file_size is None:
            yield [file], False
        else:
            chunk.append(file)
            size += FILE_BYTES + file_size
    if chunk:
        yield chunk, True


def _size_of(file: str) -> int | None:
    """The size of a file that another process can read; None for stdin, a descriptor of ours, or no file."""
    if file == STDIN or file.startswith(("/dev/", "/proc/")):
        return None
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _print(file: str, future: Future[list[_Done]] | None, work: Work) -> Iterator[Outcome]:
    """Print what came of a chunk; without a future, do its one file here."""
    if future is None:
        yield _outcome(work, file)
        return
    for done in future.result():
        sys.stdout.flush()
        if isinstance(done.printed, Path):
            with done.printed.open("rb") as printed:
                shutil.copyfileobj(printed, sys.stdout.buffer)
            done.printed.unlink()
        else:
            sys.stdout.buffer.write(done.printed)
        yield done.outcome
    sys.stdout.buffer.flush()


@contextlib.contextmanager
def _shielded() -> Iterator[None]:
    """Start processes that no Ctrl-C disturbs, from their first moment: they inherit the mask."""
    if hasattr(signal, "pthread_sigmask"):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        yield


def begin(alive: Connection) -> None:
    """Begin to work for another process, and end with it, whatever it dies of."""
    # Ctrl-C reaches all processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()


def _end_with(alive: Connection) -> None:
    """Wait until the other end of a pipe is closed, by its owner or by his death, and end."""
    with contextlib.suppress(EOFError, OSError):
        alive.recv_bytes()
    os._exit(1)


def work_off(work: Work, files: Iterable[str], screen: _Screen) -> list[_Done]:
    """Do the work for files, and keep what it prints."""
    return [_kept(work, file, screen) for file in files]


def _kept(work: Work, file: str, screen: _Screen) -> _Done:
    with tempfile.SpooledTemporaryFile(MAX_KEPT_BYTES, dir=screen.folder) as printed:
        stdout = io.TextIOWrapper(printed, screen.encoding, screen.errors)
        with contextlib.redirect_stdout(stdout):
            outcome = _outcome(work, file)
        stdout.detach()
        size = printed.tell()
        printed.seek(0)
        if size <= MAX_KEPT_BYTES:
            return _Done(outcome, printed.read())
        with tempfile.NamedTemporaryFile(dir=screen.folder, delete=False) as large:
            shutil.copyfileobj(printed, large)
    return _Done(outcome, Path(large.name))
