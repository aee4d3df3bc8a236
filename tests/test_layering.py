"""The order of the house: a module imports only from rooms below it. It is written once, here."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "ssewire"

ORDER = """
errors
_wire.tokenizer  _wire.encoder  _wire
events
_json
_merge
_structured
parts
_growing
message
usage
_choices
_dialect
chat.types  chat.reducer  chat.repeats  chat.parts  chat.helpers  chat.dialect  chat
completions.types  completions.reducer  completions.parts  completions.dialect  completions
responses.tagged  responses.content  responses.calls  responses.items  responses.response  responses.events
    responses.compare  responses.reducer  responses.deltas  responses.parts  responses.dialect  responses
_timing
_parser
_source
_bounded
_part_events
_stalling
_stream
_resuming
_dialects

testing.cutting  testing.decisions  testing.cases  testing.quirks  testing.writer
testing.chunks  testing.chat  testing.completions  testing.responses  testing.hostile
testing.bodies  testing.clients  testing.make  testing.accounts  testing.laws
testing.wire  testing.strategies  testing
logs.detection  logs.capture  logs.redaction  logs.storage  logs.lines
    logs.foreign  logs.har  logs.cassettes  logs.records  logs.reading  logs.writing
    logs.heads  logs.recording  logs.play  logs.transports  logs.rest  logs.server
    logs.timeline  logs.report  logs.page  logs
cli.inputs  cli.output  cli.tally  cli.picks  cli.progress  cli.jobs  cli.streams
    cli.replay  cli.check  cli.demo  cli.record  cli.serve  cli.tables  cli.inspect  cli
__main__
""".replace("\n\n", "\n<package>\n").split()
"""All modules, from the bottom to the top; `<package>` is `ssewire` itself."""

DIALECTS = ("chat", "completions", "responses")
MECHANISM = (
    "_json",
    "_merge",
    "_structured",
    "parts",
    "_growing",
    "message",
    "_dialect",
    "_timing",
    "_parser",
    "_source",
    "_stalling",
    "_stream",
)
OUTSIDE = {"msgspec"}
NEEDED = {"testing.strategies": {"hypothesis"}, "testing.wire": {"hypothesis"}}
"""What a module needs beyond that, which an extra installs."""
FOR_TYPE_CHECKERS = {"_dialects": {"typing_extensions"}}
"""What type checkers bring along, and no program imports (`test_exports` sees to that)."""
LATE = {"asyncio"}
"""What is imported where it is needed, and nowhere else."""
EXTRAS = {
    "_structured": {"jiter"},
    "logs.cassettes": {"yaml"},
    "logs.server": {"starlette", "uvicorn"},
    "testing.clients": {"httpx"},
    "cli.progress": {"rich"},
    "cli.record": {"httpx"},
    "cli.tables": {"rich"},
}
"""What only an extra brings, by the module whose feature needs it; imported late."""


def modules() -> dict[str, Path]:
    """All modules, by their name below the package."""
    found: dict[str, Path] = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name or "<package>"] = path
    return found


MODULES = modules()


def imports(path: Path, *, late: bool = False) -> set[str]:
    """What a module imports when it is imported itself; or else, what its functions import."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if (id(node) in inside) is not late:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {name for name in whole if name.removeprefix("ssewire.") in MODULES}
            found |= submodules or {node.module}
    return found


def of_ours(path: Path) -> set[str]:
    """The modules of ssewire that a module imports, by their names below the package."""
    every = imports(path) | imports(path, late=True)
    ours = {name for name in every if name == "ssewire" or name.startswith("ssewire.")}
    return {name.removeprefix("ssewire").removeprefix(".") or "<package>" for name in ours}


def test_every_module_has_its_place() -> None:
    assert sorted(ORDER) == sorted(MODULES)


@pytest.mark.parametrize("name", ORDER)
def test_a_module_imports_only_from_below(name: str) -> None:
    place = ORDER.index(name)
    above = {each for each in of_ours(MODULES[name]) if ORDER.index(each) >= place}
    assert not above


@pytest.mark.parametrize("name", [name for name in ORDER if name.partition(".")[0] in DIALECTS])
def test_dialects_do_not_know_each_other(name: str) -> None:
    others = {each.partition(".")[0] for each in of_ours(MODULES[name])} & set(DIALECTS)
    assert others <= {name.partition(".")[0]}


@pytest.mark.parametrize("name", MECHANISM)
def test_the_mechanism_knows_no_dialect(name: str) -> None:
    assert not {each.partition(".")[0] for each in of_ours(MODULES[name])} & set(DIALECTS)


@pytest.mark.parametrize("name", ORDER)
def test_nothing_is_imported_from_outside_but_what_the_core_needs(name: str) -> None:
    roots = {each.partition(".")[0] for each in imports(MODULES[name])} - {"ssewire"}
    allowed = OUTSIDE | NEEDED.get(name, set()) | FOR_TYPE_CHECKERS.get(name, set())
    assert roots <= allowed | set(sys.stdlib_module_names) - LATE
    late = {each.partition(".")[0] for each in imports(MODULES[name], late=True)} - {"ssewire"}
    assert late <= allowed | set(sys.stdlib_module_names) | EXTRAS.get(name, set())


@pytest.mark.parametrize("name", ORDER)
def test_a_module_opens_with_what_it_is(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text()))
