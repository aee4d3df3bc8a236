"""The public names: all there, all explained, and cheap to import."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ssewire
from ssewire import chat, completions, logs, responses

SOURCE = Path(ssewire.__file__).parent
IMPORT_SECONDS = 0.060
UNWANTED = (
    "asyncio",
    "httpx",
    "httpx2",
    "pydantic",
    "jiter",
    "pyarrow",
    "rich",
    "starlette",
    "ssl",
    "socket",
    "ssewire.logs",
)


@pytest.mark.parametrize(
    "module", [ssewire, chat, completions, responses, logs], ids=lambda module: module.__name__
)
def test_what_is_exported_is_there(module: Any) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), name


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in (ssewire, logs) for name in module.__all__]
)
def test_what_is_public_is_explained(module: Any, name: str) -> None:
    thing = getattr(module, name)
    if not (inspect.isclass(thing) or inspect.isfunction(thing) or inspect.ismodule(thing)):
        return
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for each, member in vars(thing).items():
            if each.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
                continue
            assert inspect.getdoc(getattr(thing, each)), f"{name}.{each}"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which a compiled copy of the package is imported, as an installed one is."""
    folder = tmp_path_factory.mktemp("compiled")
    shutil.copytree(SOURCE, folder / "ssewire")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))
    }
    environment["PYTHONPATH"] = str(folder)
    run("import ssewire", environment)
    return environment


def run(program: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_importing_brings_in_nothing_that_it_does_not_need(compiled: dict[str, str]) -> None:
    loaded = run("import ssewire, sys; print(*sys.modules)", compiled).split()
    before = run("import msgspec, sys; print(*sys.modules)", compiled).split()
    assert not set(loaded) & set(UNWANTED)
    foreign = {name.partition(".")[0] for name in set(loaded) - set(before)}
    assert foreign <= {"ssewire", *sys.stdlib_module_names}


def test_what_type_checkers_bring_along_is_not_imported(compiled: dict[str, str]) -> None:
    run("import sys; sys.modules['typing_extensions'] = None; import ssewire", compiled)


def test_importing_takes_less_than_60_ms(compiled: dict[str, str]) -> None:
    program = "import time; t = time.process_time(); import ssewire; print(time.process_time() - t)"
    times: list[float] = []
    for _ in range(20):  # a busy machine makes it slower, nothing makes it faster
        times.append(float(run(program, compiled)))
        if times[-1] < IMPORT_SECONDS:
            return
    pytest.fail(f"the fastest of {len(times)} imports took {min(times) * 1000:.0f} ms")
