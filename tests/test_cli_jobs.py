"""`--jobs`: what many processes print is what one prints; and how they end, whatever happens."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ssewire.cli import jobs, main
from ssewire.cli.inputs import File
from ssewire.cli.output import CLEAN, FINDINGS, INTERRUPTED, WRONG_USE, say
from ssewire.cli.tally import Tally
from ssewire.logs import Capture, End, Head, write_captures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def answer(text: str) -> bytes:
    choice = f'{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":"stop"}}'
    return f'data: {{"object":"chat.completion.chunk","choices":[{choice}]}}\n\ndata: [DONE]\n\n'.encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of every kind: whole, failed, cut, empty, foreign, large."""
    bodies = {
        "a whole": answer("Good day ☀"),
        "b cut": answer("Good").replace(b'"stop"', b"null")[:-14],
        "c empty": b"",
        "d foreign": b"<html>",
        "e failed": b'data: {"error":{"message":"full"}}\n\n',
        "f large": answer("long " * 2**18),
        "g odd": b'data: {"type":"next.year"}\n\n' + answer("x"),
        "i last": answer("bye"),
    }
    for name, body in bodies.items():
        (tmp_path / f"{name}.sse").write_bytes(body)
    captures = [
        Capture(Head(), [(0.5, bodies[name])], End("eof", 1.0)) for name in ("a whole", "b cut", "e failed")
    ]
    write_captures(captures, tmp_path / "h captures.jsonl")
    with open(tmp_path / "h captures.jsonl", "ab") as log:
        log.write(b'[1.5, "da')
    (tmp_path / "j foreign.json").write_bytes(b"{}")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["replay"],
        ["replay", "--as", "json"],
        ["replay", "--as", "events"],
        ["replay", "--as", "sse"],
        ["replay", "--as", "json", "--where", "verdict=truncated"],
        ["check", "--json"],
        ["check", "--strict"],
        ["check", "--summary", "--json"],
        ["check", "--findings"],
    ],
    ids=" ".join,
)
def test_two_processes_print_what_one_prints(
    folder: Path,
    command: list[str],
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "CHUNK_BYTES", 1)  # so that both have something to do
    names = [str(folder), str(folder / "missing.sse"), str(folder / "j foreign.json")]
    code = main([*command, *names])
    alone = capfdbinary.readouterr()
    assert alone.err.count(b"\n") > 2
    assert main([*command, "--jobs", "2", *names]) == code
    assert capfdbinary.readouterr() == alone


def test_a_finding_is_told_behind_what_its_file_printed(folder: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ssewire", "replay", "--jobs", "2", "b cut.sse", "missing", "i last.sse"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert ran.returncode == WRONG_USE
    lines = ran.stdout.decode().splitlines()
    assert lines[0] == "Good"
    assert lines[1].startswith("ssewire: b cut.sse: truncated")
    assert lines[2:] == ["ssewire: missing: No such file or directory", "bye"]


def test_stdin_and_descriptors_are_read_here(folder: Path) -> None:
    with open(folder / "i last.sse", "rb") as stdin:
        ran = subprocess.run(
            [sys.executable, "-m", "ssewire", "replay", "--jobs", "2", "a whole.sse", "/dev/stdin", "-"],
            cwd=folder,
            stdin=stdin,
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )
    # `-` goes on where /dev/stdin, which is opened anew, has not moved.
    assert ran.stdout.decode().splitlines() == ["Good day ☀", "bye", "bye"]
    assert ran.stderr == b""


@pytest.mark.parametrize("count", ["0", "-1", "two", "62", "²", ""])
def test_a_count_that_is_none_is_wrong_use(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["check", "--jobs", count, "x"])
    assert stop.value.code == WRONG_USE
    assert "a number from 1 to 61" in capsys.readouterr().err


def test_small_files_are_put_together_and_what_is_no_file_stays_here(tmp_path: Path) -> None:
    small, large = File(str(tmp_path / "small")), File(str(tmp_path / "large"), searched=True)
    stdin, missing = File("-"), File("missing")
    Path(small.name).write_bytes(b"x")
    Path(large.name).write_bytes(bytes(jobs.CHUNK_BYTES))
    found = list(jobs.chunks([small, small, large, small, stdin, missing, small]))
    assert found == [
        ([small, small, large], True),
        ([small], True),
        ([stdin], False),
        ([missing], False),
        ([small], True),
    ]
    assert list(jobs.chunks([])) == []


def test_many_empty_files_are_several_chunks(tmp_path: Path) -> None:
    empty = File(str(tmp_path / "empty"))
    Path(empty.name).touch()
    assert len(list(jobs.chunks([empty] * 10_000))) > 10


def test_stdin_is_stdin_also_where_a_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").touch()
    assert list(jobs.chunks([File("-")])) == [([File("-")], False)]


def test_a_pipe_is_read_here(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = File(str(tmp_path / "pipe"))
    assert list(jobs.chunks([pipe])) == [([pipe], False)]


# -- what a process does, in this one --------------------------------------------------------------------


def shout(name: str, tally: Tally) -> None:
    if name == "broken":
        raise PermissionError(13, "Permission denied")
    print(name.upper())
    say("quiet")
    sys.stdout.buffer.write(b"\xff")
    print("é" * 5)
    say("loud")
    tally.find()


END = os.linesep.encode()


def test_what_is_printed_and_said_is_kept_and_encoded_as_stdout_would(tmp_path: Path) -> None:
    screen = jobs._Screen(str(tmp_path), "latin-1", "strict")
    first, second = jobs.work_off(shout, [File("a"), File("broken")], screen)
    assert first.printed == b"A" + END + b"\xff" + b"\xe9" * 5 + END
    assert first.said == [(1 + len(END), "ssewire: quiet\n"), (len(first.printed), "ssewire: loud\n")]
    assert first.tally == Tally(files=1, findings=1, code=FINDINGS)
    assert second.printed == b""
    assert second.said == [(0, "ssewire: broken: Permission denied\n")]
    assert second.tally == Tally(files=1, unreadable=1, code=WRONG_USE)
    assert list(tmp_path.iterdir()) == []


def test_much_waits_on_disk_and_is_told_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(jobs, "MAX_KEPT_BYTES", 4)
    (done,) = jobs.work_off(shout, [File("abcdef")], jobs._Screen(str(tmp_path), "latin-1", None))
    assert isinstance(done.printed, Path)
    assert list(tmp_path.iterdir()) == [done.printed]
    content = done.printed.read_bytes()
    assert content.startswith(b"ABCDEF" + END + b"\xff")
    with done.printed.open("rb") as printed:
        jobs._print_again(printed, done.said)
    sys.stdout.flush()
    assert capfdbinary.readouterr() == (content, b"ssewire: quiet\nssewire: loud\n")


def test_a_process_ends_with_the_one_that_it_works_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    monkeypatch.setattr(os, "_exit", end)
    handler = signal.getsignal(signal.SIGINT)
    theirs, ours = Pipe(duplex=False)
    try:
        jobs.begin(theirs)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, handler)
    assert not ended.wait(0.05)
    ours.close()
    assert ended.wait(10)
    assert codes == [1]
    theirs.close()


def test_processes_start_without_signal_masks_where_there_are_none(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "pthread_sigmask")
    name = str(folder / "i last.sse")
    assert main(["replay", "--jobs", "2", name, name]) == CLEAN
    assert capfd.readouterr() == ("bye\nbye\n", "")


# -- a consumer that is slow, and one that leaves --------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path) -> list[str]:
    for number in range(60):
        (tmp_path / f"{number:02}.sse").write_bytes(answer(f"n{number}"))
    return [str(path) for path in sorted(tmp_path.iterdir())]


def test_a_slow_consumer_bounds_what_is_begun(
    many: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = 0
    real = jobs.chunks

    def counted(files: list[File]) -> Iterator[tuple[list[File], bool]]:
        nonlocal begun
        for chunk in real(files):
            begun += 1
            yield chunk

    monkeypatch.setattr(jobs, "chunks", counted)
    monkeypatch.setattr(jobs, "CHUNK_BYTES", 1)
    outcomes = jobs._in_processes(list(map(File, many)), shout_name, 2, Tally())
    handed_out = 0
    most = 0
    for _ in outcomes:
        handed_out += 1
        most = max(most, begun - handed_out)
    assert handed_out == 60
    assert most == jobs.CHUNKS_AHEAD * 2
    assert capsys.readouterr().out == "".join(f"{Path(name).name}\n" for name in many)


def shout_name(name: str, tally: Tally) -> None:
    print(Path(name).name)


def test_half_of_what_came_of_a_work_is_never_handed_over(tmp_path: Path) -> None:
    held: list[bool] = []
    screen = jobs._Screen(str(tmp_path), "utf-8", None)
    for _ in range(2):
        jobs.work_off(lambda name, tally: held.append(jobs._handing_over.locked()), [File("a")], screen)
        assert jobs._handing_over.locked()  # a process that nobody waits for ends at the next work
    assert held == [False, False]


def test_a_reader_that_leaves_ends_the_processes(many: list[str]) -> None:
    command = [sys.executable, "-m", "ssewire", "replay", "--jobs", "2", *many * 50]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"n0" + os.linesep.encode()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == CLEAN


# -- interruptions ---------------------------------------------------------------------------------------

SLOW = """
import os, signal, sys, time
from pathlib import Path
from ssewire.cli.jobs import for_each

def work(name, tally):
    if Path(name).name == "1":
        print("first")
        return
    Path(name + ".begun").write_text(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    import ssewire.cli.jobs
    # A shell starts what it runs in the background without Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ssewire.cli.jobs.CHUNK_BYTES = 1
    print("ready", flush=True)
    sys.exit(for_each(sys.argv[1:], work, 2).code)
"""


@contextlib.contextmanager
def slow_run(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A run that has printed its first file and is in the middle of its second, and its worker.

    Its stderr ends when the last process that holds it has ended: `communicate` shows that nobody is left.
    """
    program = tmp_path / "slow.py"
    program.write_text(SLOW)
    names = [str(tmp_path / str(number)) for number in (1, 2, 3, 4, 5, 6, 7)]
    for name in names:
        Path(name).touch()
    # Buffered, so that what can be read here has been counted there.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    begun = Path(names[1] + ".begun")
    with subprocess.Popen(
        [sys.executable, str(program), *names],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            wait_until(lambda: begun.exists() and begun.read_text() != "")
            assert running.stdout is not None
            assert [running.stdout.readline() for _ in range(2)] == ["ready\n", "first\n"]
            yield running, int(begun.read_text())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_ctrl_c_says_how_much_was_done_and_leaves_no_process(tmp_path: Path) -> None:
    with slow_run(tmp_path) as (running, _):
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        out, err = running.communicate(timeout=30)
        assert running.returncode == INTERRUPTED
        assert out == ""
        assert err == "ssewire: interrupted: 1 of 7 files are done\n"


@pytest.mark.parametrize("delay", [0.02, 0.06, 0.12, 0.2])
def test_ctrl_c_while_processes_start_leaves_no_trace(tmp_path: Path, delay: float) -> None:
    names = [str(tmp_path / str(number)) for number in (2, 3)]
    for name in names:
        Path(name).touch()
    (tmp_path / "slow.py").write_text(SLOW)
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "slow.py"), *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        time.sleep(delay)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=30)
        assert running.returncode == INTERRUPTED
        assert (out, err) == ("", "ssewire: interrupted: 0 of 2 files are done\n")


def test_a_killed_command_leaves_no_process(tmp_path: Path) -> None:
    with slow_run(tmp_path) as (running, _):
        running.kill()
        running.communicate(timeout=30)


def test_a_process_that_dies_is_told_in_one_line(tmp_path: Path) -> None:
    with slow_run(tmp_path) as (running, worker):
        os.kill(worker, signal.SIGKILL)
        out, err = running.communicate(timeout=30)
        assert running.returncode == WRONG_USE
        assert out == ""
        assert err == "ssewire: a worker process died: 1 of 7 files are done\n"


def die(_name: str, _tally: Tally) -> None:
    os._exit(3)


def test_a_process_that_dies_ends_the_others(many: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ended = jobs.for_each(many, die, 2)
    assert (ended.code, ended.tally, ended.interrupted) == (WRONG_USE, Tally(), True)
    assert capsys.readouterr().err == "ssewire: a worker process died: 0 of 60 files are done\n"


def test_an_interruption_between_two_files_tells_how_far_it_came(
    many: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(name: str, tally: Tally) -> None:
        if name == many[3]:
            raise KeyboardInterrupt

    assert jobs.for_each(many, work) == (INTERRUPTED, Tally(files=3), True)
    assert capsys.readouterr().err == "ssewire: interrupted: 3 of 60 files are done\n"


def test_who_wants_no_more_ends_the_processes(many: list[str]) -> None:
    outcomes = jobs._in_processes(list(map(File, many)), shout_name, 2, Tally())
    assert next(outcomes) == Tally(files=1)
    outcomes.close()
    assert not multiprocessing.active_children()


def test_an_interruption_before_the_first_file_is_quiet(
    many: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_names: list[str]) -> Iterator[File]:
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "find", interrupt)
    assert main(["replay", *many]) == INTERRUPTED
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError("full")])
def test_a_stdout_that_takes_nothing_is_told(
    error: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open(tmp_path / "out", "w") as stdout:

        def full() -> None:
            raise error

        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(stdout, "flush", full, raising=False)
        assert main(["replay", str(tmp_path / "missing")]) == WRONG_USE
        monkeypatch.undo()
    assert capsys.readouterr().err == f"ssewire: stdout: {error.strerror or error}\n"


def test_a_full_disk_is_told_without_a_traceback(many: list[str]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    for count in ("1", "2"):
        with open("/dev/full", "wb") as full:
            ran = subprocess.run(
                [sys.executable, "-m", "ssewire", "replay", "--jobs", count, *many[:2]],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert ran.returncode == WRONG_USE
        assert "No space left on device" in ran.stderr
        assert "Traceback" not in ran.stderr
