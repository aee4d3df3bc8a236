"""Faults that somebody might write, planted in a copy of the package: the laws find each in a usual run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "ssewire"


class Fault(NamedTuple):
    """One line that is wrong.

    Attributes:
        what: What it makes wrong.
        path: The module, below the package.
        right: What stands there, once.
        wrong: What is planted instead.
        law: The test that finds it, as `-k` takes it.
    """

    what: str
    path: str
    right: str
    wrong: str
    law: str


WIRE = "makes_of_a_stream"

FAULTS = [
    Fault(
        "the LF of a CRLF that was cut in two is a blank line",
        "_wire/tokenizer.py",
        "                self._after_cr = True\n",
        "                self._after_cr = False\n",
        WIRE,
    ),
    Fault("an id with NUL is taken", "_wire/tokenizer.py", 'if b"\\0" not in value:', "if True:", WIRE),
    Fault(
        "the fast way takes a bare CR for data",
        "_wire/tokenizer.py",
        """if _CR in data:
                return None
        return data.split""",
        """if False:
                return None
        return data.split""",
        WIRE,
    ),
    Fault(
        "the limit is one byte lower",
        "_wire/tokenizer.py",
        "size > self._limit:\n            raise",
        "size >= self._limit:\n            raise",
        "limit_is_exact",
    ),
    Fault(
        "a bare CR in data is not encoded as a line end",
        "_wire/encoder.py",
        '.replace(b"\\r", b"\\n")',
        "",
        "encoded_event",
    ),
    Fault(
        "half a character is forgotten at a look",
        "_merge.py",
        "join_halves(self._half + ",
        "join_halves(",
        "folding_leaves or alone_is_understood and lone",
    ),
    Fault(
        "a snapshot shares its lists with the reducer",
        "_merge.py",
        "return self._items.copy()",
        "return self._items",
        "alters_a_snapshot",
    ),
    Fault(
        "the first usage is kept, not the last",
        "chat/reducer.py",
        '"usage": LastUsage',
        '"usage": First',
        "alone_is_understood and usage_running",
    ),
    Fault(
        "a delta without an index goes to the first call",
        "chat/reducer.py",
        "else self.slots[-1]",
        "else self.slots[0]",
        "alone_is_understood and tools_without_index",
    ),
    Fault(
        "an event that was seen before the stream was resumed is folded again",
        "responses/reducer.py",
        "if number <= self._resume_after:",
        "if number < self._resume_after:",
        "saved_state",
    ),
    Fault(
        "[DONE] alone makes a stream complete",
        "_parser.py",
        "Verdict.COMPLETE if finished else Verdict.NO_FINISH",
        "Verdict.COMPLETE",
        "alone_is_understood and no_finish",
    ),
    Fault(
        "malformed payloads count as heartbeats",
        "_dialect.py",
        'case b"" | b"null":',
        'case b"" | b"null" | b"3}":',
        "alone_is_understood and malformed",
    ),
]


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[Fault], Path]:
    def planted(fault: Fault) -> Path:
        copy = tmp_path / "ssewire"
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        module = copy / fault.path
        text = module.read_text()
        assert text.count(fault.right) == 1, f"{fault.path} has changed: plant the fault anew"
        module.write_text(text.replace(fault.right, fault.wrong))
        return tmp_path

    return planted


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_planted_fault_is_found(fault: Fault, plant: Callable[[Fault], Path]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment |= {"PYTHONPATH": str(plant(fault)), "SSEWIRE_PLANTED": "1"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:cov", "--tb=line"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(TESTS / "test_laws.py"), "-k", fault.law],
        env=environment,
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
        check=False,
    )
    assert done.returncode == 1, f"nothing found {fault.what}:\n{done.stdout[-2000:]}"
