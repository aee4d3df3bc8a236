"""Every fuzz target over every regression, over a few hundred inputs, and as a command."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from streams import FACTOR

if TYPE_CHECKING:
    from collections.abc import Callable

FUZZ = Path(__file__).parent.parent / "fuzz"
TARGETS = sorted(path.stem for path in FUZZ.glob("fuzz_*.py"))
REGRESSIONS = sorted((Path(__file__).parent / "corpus" / "regressions").iterdir())
EXAMPLES = {"fuzz_streams": 25, "fuzz_cutting": 40, "fuzz_reducers": 25, "fuzz_cli": 40}

each_target = pytest.mark.parametrize("target", TARGETS)


@pytest.fixture(scope="module")
def harness() -> Any:
    sys.path.insert(0, str(FUZZ))
    yield importlib.import_module("harness")
    sys.path.remove(str(FUZZ))


@pytest.fixture
def law(harness: Any, target: str) -> Callable[[bytes], None]:
    found: Callable[[bytes], None] = importlib.import_module(target).law
    return found


@pytest.mark.no_cover
@each_target
@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.name)
def test_what_was_found_once_stays_found(law: Callable[[bytes], None], path: Path) -> None:
    law(path.read_bytes())


@pytest.mark.no_cover
@each_target
def test_a_target_holds_over_some_inputs(law: Callable[[bytes], None], harness: Any, target: str) -> None:
    count = EXAMPLES.get(target, 80) * FACTOR
    limited: Any = settings(max_examples=count, deadline=None)
    inputs: Any = getattr(sys.modules[target], "inputs", harness.inputs)
    tried: Any = given(inputs())
    limited(tried(law))()


@each_target
def test_a_target_is_of_a_readable_size(target: str) -> None:
    assert len((FUZZ / f"{target}.py").read_text().splitlines()) <= 75


def test_a_target_runs_as_a_command() -> None:
    subprocess.run([sys.executable, str(FUZZ / "fuzz_tokenizer.py"), "5"], check=True)


def test_the_tests_that_the_readme_names_are_there() -> None:
    named = re.findall(r"`(test_[a-z_]+|Test[A-Za-z]+)`", (FUZZ / "README.md").read_text())
    written = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    missing = [name for name in named if f"def {name}(" not in written and f"{name} = " not in written]
    assert named
    assert not missing


def test_the_readme_names_every_target_and_its_findings_are_there() -> None:
    readme = (FUZZ / "README.md").read_text()
    found = re.findall(r"`([a-z-]+\.(?:sse|json|jsonl|yaml))`", readme)
    assert found
    assert {*found} <= {path.name for path in REGRESSIONS}
    assert all(f"`{target}.py`" in readme for target in TARGETS)
