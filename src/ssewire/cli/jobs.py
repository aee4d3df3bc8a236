"""Files and the work to do on each go in; a tally of it comes out: one after the other, or many at a time.

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
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ssewire.cli import progress
from ssewire.cli.inputs import STDIN, File, find
from ssewire.cli.output import INTERRUPTED, WRONG_USE, StdoutError, say, writing
from ssewire.cli.tally import Tally
from ssewire.errors import CaptureError, ForeignFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

    Work = Callable[[str, Tally], None]
    """Reads the file of that name, prints what comes of it, and counts that."""

MAX_JOBS: Final = 61
"""More processes than that cannot be waited for on Windows."""
CHUNK_BYTES: Final = 2**20
"""How much a process is given at a time: 10 ms of work or more, beside which handing over costs little."""
FILE_BYTES: Final = 4 * 2**10
"""What opening a file counts in that."""
CHUNKS_AHEAD: Final = 2
"""How many chunks are begun for each process before the first of them is printed."""
MAX_KEPT_BYTES: Final = 2**20
"""What is printed of a file waits for its turn on disk if it is larger."""


class Ended(NamedTuple):
    """How the work ended."""

    code: int
    """The exit code."""
    tally: Tally
    """What was done."""
    interrupted: bool = False
    """Not all of it was."""


def add_to(command: argparse.ArgumentParser) -> None:
    """Add the options to a command that works on files."""
    command.add_argument(
        "--jobs",
        type=_count,
        default=1,
        metavar="N",
        help="read so many files at a time, each in a process of its own (1 by default, at most "
        f"{MAX_JOBS}); what is printed stays the same",
    )
    command.add_argument("-q", "--quiet", action="store_true", help="show no progress and no summary")


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 1 <= count <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAX_JOBS}, not {text!r}")
    return count


def for_each(names: Iterable[str], work: Work, jobs: int = 1, *, watched: bool = False) -> Ended:
    """Do a piece of work for each file meant; a bad file does not stop the others.

    Args:
        names: Files, folders, patterns, `-`.
        work: Does it for one file. Can be pickled if there are several jobs.
        jobs: How many processes work at a time.
        watched: Show progress on a terminal.

    Raises:
        StdoutError: What the work prints cannot be written.
    """
    tally = Tally()
    files = list(find(names))
    jobs = min(jobs, len(files))
    watch = progress.shown(tally, len(files)) if watched and sys.stderr.isatty() else contextlib.nullcontext()
    try:
        with watch:
            if jobs > 1:
                with contextlib.closing(_in_processes(files, work, jobs, tally)) as done_elsewhere:
                    for done in done_elsewhere:
                        tally.add(done)
            else:
                for file in files:
                    _do(work, file, tally)
        with writing():
            sys.stdout.flush()  # while it is known what was found
    except StdoutError as error:
        error.code = tally.code
        raise
    except (KeyboardInterrupt, ChildProcessError) as error:
        reason = str(error) or "interrupted"
        if len(files) > 1:
            say(f"{reason}: {tally.files:,} of {len(files):,} files are done")
        return Ended(
            INTERRUPTED if isinstance(error, KeyboardInterrupt) else WRONG_USE, tally, interrupted=True
        )
    if not tally.files - tally.foreign and not tally.code:
        say("no captures there")
        tally.code = WRONG_USE
    return Ended(tally.code, tally)


def _do(work: Work, file: File, tally: Tally) -> None:
    """Do the work for one file."""
    try:
        work(file.name, tally)
    except ForeignFileError as error:
        tally.foreign += 1
        say(f"left out: {error}" if file.searched else str(error))
        if not file.searched:
            tally.find()
    except CaptureError as error:
        say(str(error))
        tally.find()
    except (OSError, ImportError) as error:
        say(f"{file.name}: {(isinstance(error, OSError) and error.strerror) or error}")
        tally.fail()
    tally.capture = None
    tally.files += 1


# -- processes -------------------------------------------------------------------------------------------


HAND_OVER_SECONDS: Final = 1.0
"""How long a process without work stays when nobody waits for it any more."""

_handing_over = threading.Lock()
"""Held between two works: half of what came of one would block whoever reads it for ever."""


class _Done(NamedTuple):
    """What came of one file, in another process."""

    tally: Tally
    printed: bytes | Path
    """What the work has printed, or where that is."""
    said: list[tuple[int, str]]
    """What it has said on stderr, behind so many bytes of that."""


class _Screen(NamedTuple):
    """How to print for somebody else."""

    folder: str
    encoding: str
    errors: str | None


def _in_processes(files: Sequence[File], work: Work, jobs: int, tally: Tally) -> Generator[Tally]:
    """Do the work in processes, and print what they would have printed.

    Args:
        files: The files.
        work: The work.
        jobs: How many processes work at a time.
        tally: Counts what has to be done in this process.

    Returns:
        What was counted elsewhere, once it is printed.

    Raises, while iterating:
        ChildProcessError: A process died.
    """
    import multiprocessing  # 15 ms, for those who want several processes
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    # A forked process would inherit threads' locks; a spawned one is the same on every platform.
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    pending: deque[tuple[File, Future[list[_Done]] | None]] = deque()
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
                    yield from _print(*pending.popleft(), work, tally)
            while pending:
                yield from _print(*pending.popleft(), work, tally)
        except BaseException as error:
            # Nobody waits for a process that is in the middle of a file: see `begin`.
            ours.close()
            if isinstance(error, BrokenProcessPool):
                raise ChildProcessError("a worker process died") from error
            raise


def chunks(files: Iterable[File]) -> Iterator[tuple[list[File], bool]]:
    """Put files together, so that handing them over pays.

    Returns:
        The files, and whether another process can read them.
    """
    chunk: list[File] = []
    size = 0
    for file in files:
        file_size = _size_of(file.name)
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


def _print(file: File, future: Future[list[_Done]] | None, work: Work, tally: Tally) -> Iterator[Tally]:
    """Print what came of a chunk; without a future, do its one file here."""
    if future is None:
        _do(work, file, tally)
        return
    for done in future.result():
        with writing():
            sys.stdout.flush()
            if isinstance(done.printed, Path):
                with done.printed.open("rb") as printed:
                    _print_again(printed, done.said)
                done.printed.unlink()
            else:
                _print_again(io.BytesIO(done.printed), done.said)
        yield done.tally
    with writing():
        sys.stdout.buffer.flush()


def _print_again(printed: Any, said: list[tuple[int, str]]) -> None:
    """Print what was printed, and say in between what was said there."""
    for at, text in said:
        # Pieces of that size are of files that wait on disk.
        while left := at - printed.tell():
            sys.stdout.buffer.write(printed.read(min(left, MAX_KEPT_BYTES)))
        sys.stdout.buffer.flush()
        sys.stderr.write(text)
        sys.stderr.flush()
    shutil.copyfileobj(printed, sys.stdout.buffer)


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
    _handing_over.acquire(timeout=HAND_OVER_SECONDS)
    os._exit(1)


def work_off(work: Work, files: Iterable[File], screen: _Screen) -> list[_Done]:
    """Do the work for files, and keep what it prints and says."""
    if _handing_over.locked():
        _handing_over.release()
    try:
        return [_kept(work, file, screen) for file in files]
    finally:
        _handing_over.acquire()


class _Said(io.TextIOBase):
    """A stderr that keeps what is said, and where in what is printed."""

    def __init__(self, printed: Any) -> None:
        self.said: list[tuple[int, str]] = []
        self._printed = printed

    def write(self, text: str) -> int:
        self.said.append((self._printed.tell(), text))  # `say` has flushed what was printed
        return len(text)


def _kept(work: Work, file: File, screen: _Screen) -> _Done:
    tally = Tally()
    with tempfile.SpooledTemporaryFile(MAX_KEPT_BYTES, dir=screen.folder) as printed:
        stdout = io.TextIOWrapper(printed, screen.encoding, screen.errors)
        stderr = _Said(printed)
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            _do(work, file, tally)
        stdout.detach()
        size = printed.tell()
        printed.seek(0)
        if size <= MAX_KEPT_BYTES:
            return _Done(tally, printed.read(), stderr.said)
        with tempfile.NamedTemporaryFile(dir=screen.folder, delete=False) as large:
            shutil.copyfileobj(printed, large)
    return _Done(tally, Path(large.name), stderr.said)
