"""What names mean, and what captures a file gives."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from capture_cases import BODY, story
from ssewire.cli import main
from ssewire.cli.inputs import File, captures_of, expand, find
from ssewire.cli.output import CLEAN, WRONG_USE
from ssewire.logs import write_captures

SEARCHED = True


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a/one.sse", "a/two.jsonl", "b.HAR", "b.yaml.gz", "notes.txt", "code.py", "c.sse.zst"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(BODY)
    return tmp_path


FOUND = ["a/one.sse", "a/two.jsonl", "b.HAR", "b.yaml.gz", "c.sse.zst"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["code.py", "-", "missing"], [File("code.py"), File("-"), File("missing")]),
        (["."], [File(name, SEARCHED) for name in FOUND]),
        (["a", "a"], [File("a/one.sse", SEARCHED), File("a/two.jsonl", SEARCHED)] * 2),
        (["*.py", "?/*.sse"], [File("code.py"), File("a/one.sse")]),
        (["[ab]"], [File("a/one.sse", SEARCHED), File("a/two.jsonl", SEARCHED)]),
        (["**/*.sse"], [File("a/one.sse")]),
    ],
)
def test_names_mean_files(folder: Path, names: list[str], found: list[File]) -> None:
    assert list(find(names)) == found
    assert list(expand(names)) == [file.name for file in found]


def test_what_is_hidden_is_read_where_it_is_named(folder: Path) -> None:
    for name in (".git/one.sse", "a/.kept/two.sse", "a/.one.sse"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(BODY)
    assert list(expand(["."])) == FOUND
    assert list(expand(["**/*.sse"])) == ["a/one.sse"]
    assert list(expand([".git", "a/.one.sse", "a/.kept/*"])) == [
        ".git/one.sse",
        "a/.one.sse",
        "a/.kept/two.sse",
    ]


def test_a_circle_of_links_is_gone_through_once(folder: Path) -> None:
    os.symlink(folder, folder / "a" / "circle")
    assert list(expand(["."])) == FOUND
    assert list(expand(["**/*.sse"])) == ["a/one.sse"]


def test_links_to_files_are_files_and_those_to_nothing_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.symlink("one.sse", "a/link.sse")
    os.symlink("gone", "a/nothing.sse")
    os.mkfifo("a/pipe.sse")
    assert list(expand(["a"])) == ["a/link.sse", "a/nothing.sse", "a/one.sse", "a/two.jsonl"]
    assert main(["check", "a/nothing.sse"]) == WRONG_USE
    assert capsys.readouterr().err == "ssewire: a/nothing.sse: No such file or directory\n"


def test_a_folder_that_cannot_be_read_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("shut").mkdir()
    Path("open.sse").write_bytes(BODY)
    scandir = os.scandir

    def shut(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", shut)
    assert list(expand(["shut"])) == ["shut"]
    assert main(["check", "shut", "open.sse"]) == WRONG_USE
    out, err = capsys.readouterr()
    assert out.startswith("open.sse: complete")
    # As root, a folder is one that can be read, yet no file.
    assert err in ("ssewire: shut: Is a directory\n", "ssewire: shut: Permission denied\n")


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="needs to become somebody else")
def test_a_file_that_may_not_be_read_is_told_and_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are for one user
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("shut", "open"):
            (folder / f"{each}.sse").write_bytes(BODY)
        (folder / "shut.sse").chmod(0o600)
        assert main(["check", "--quiet", name]) == CLEAN  # now whatever has to be imported is
        capsys.readouterr()
        os.seteuid(65534)
        try:
            assert main(["check", name]) == WRONG_USE
        finally:
            os.seteuid(0)
    out, err = capsys.readouterr()
    assert out == f"{folder / 'open.sse'}: complete (chat, 1 event)\n"
    assert err == f"ssewire: {folder / 'shut.sse'}: Permission denied\n"


@pytest.mark.parametrize("command", ["check", "inspect", "serve"])
def test_an_empty_name_is_wrong_use(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, ""])
    assert stop.value.code == WRONG_USE
    assert "the name of a file is empty" in capsys.readouterr().err


def test_what_is_under_a_file_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "code.py/x.sse"]) == WRONG_USE
    assert capsys.readouterr().err == "ssewire: code.py/x.sse: Not a directory\n"


def test_a_file_that_vanishes_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(_names: list[str]) -> list[File]:
        return [File("a/gone.sse", SEARCHED), File("a/one.sse", SEARCHED)]

    monkeypatch.setattr("ssewire.cli.jobs.find", found)
    assert main(["check", "--quiet", "a"]) == WRONG_USE
    assert capsys.readouterr() == (
        "a/one.sse: complete (chat, 1 event)\n",
        "ssewire: a/gone.sse: No such file or directory\n",
    )


def test_the_captures_of_a_file_have_names(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write_captures([story(), story(), story()], path)
    names = [name for name, _ in captures_of(str(path), None, print)]
    assert names == [str(path), f"{path}#2", f"{path}#3"]
