"""Names of modules go in, their mutation scores come out: every small change that the tests do not notice.

mutmut makes the mutants. They are tried here and not by its own runner, which leaves out properties, and
whose wrappers around each function would be counted by the tests that count work. A process collects the
tests once and forks for each mutant, puts the changed code into the function, and runs the tests that call
it until one fails. Constants and tables are changed before the import instead.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import hashlib
import importlib.machinery
import importlib.util
import inspect
import json
import os
import re
import resource
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libcst
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings
from mutmut.mutation.file_mutation import create_mutations, deep_replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType, FunctionType

TESTS = Path(__file__).parent
ROOT = TESTS.parent
SOURCE = ROOT / "src" / "ssewire"
RESULTS = ROOT / "build" / "mutation"
LISTED = TESTS / "mutants.md"

LEFT_OUT = " and ".join(
    f"not {words}"
    for words in ("costs_the_same", "three_times_its_memory", "looked_for_again", "for_long", "64_mib")
)
"""Tests that a clock decides, which would kill what is alive on a busy machine, and one that takes long."""

JUDGES = {
    "_wire/tokenizer.py": ["test_tokenizer_fast.py", "test_tokenizer.py"],
    "_wire/encoder.py": ["test_encoder.py"],
    "_json.py": ["test_json.py", "test_chat_decoder.py"],
    "_choices.py": ["test_chat_reducer.py", "test_completions.py", "test_message.py"],
    "chat/reducer.py": ["test_chat_reducer.py", "test_chat_repeats.py"],
    "completions/reducer.py": ["test_completions.py"],
    "responses/reducer.py": ["test_responses_folding.py", "test_responses_deltas.py", "test_resuming.py"],
    "_parser.py": [
        "test_parser.py",
        "test_parser_fast.py",
        "test_limits.py",
        "test_stream.py",
        "test_resuming.py",
        "test_timing.py",
        "test_chat_repeats.py",
        "test_responses_deltas.py",
    ],
    "_merge.py": ["test_merge.py", "test_chat_reducer.py", "test_responses_folding.py"],
    "chat/repeats.py": ["test_chat_repeats.py"],
    "responses/deltas.py": ["test_responses_deltas.py"],
}
"""The modules that are measured, each with the tests that judge it."""

SPARE_CPU_SECONDS = 2.0
"""What a test may take beyond ten times its usual time before it counts as endless."""
SPARE_BYTES = 2 * 2**30
"""What a mutant may take before it counts as endless."""
EARLY = 77
"""How a process ends that cannot change its function: the module is to be changed before its import."""


def store_of(name: str, suffix: str) -> Path:
    """A file with what is known of a module."""
    return RESULTS / f"{name.replace('/', '.')}.{suffix}"


def hashed(text: str) -> str:
    """A short name for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# -- mutants ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        where: The function, or the name of the class or of the module around it.
        before: The lines that go, without their indentation.
        after: The lines that come.
        text: The function that changes, in its class if it has one, or else the statement.
        module: Gives the whole module.
        is_function: It is a function that changes.
    """

    where: str
    before: str
    after: str
    text: str
    module: Callable[[], str]
    is_function: bool

    @property
    def key(self) -> str:
        """What tells it from every other mutant, as long as its function stays the same."""
        return hashed(f"{self.where}\n{self.text}")

    def __str__(self) -> str:
        return f"- `{self.where}`: `{self.before}` → `{self.after}`"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """What mutmut makes of a module. Decorators are hidden from it, for it passes over what is decorated."""
    module, mutations, _, _ = create_mutations(str(path), re.sub(r"(?m)^( *)@", r"\1#@", path.read_text()))
    code = module.code_for_node
    homes: dict[Any, tuple[int, libcst.ClassDef | None]] = {}  # of each node, its statement and its class
    for at, statement in enumerate(module.body):
        home = statement if isinstance(statement, libcst.ClassDef) else None
        homes |= dict.fromkeys(nodes(statement), (at, home))

    def changed_module(at: int, mutation: Any) -> str:
        statement: Any = deep_replace(module.body[at], mutation.original_node, mutation.mutated_node)
        text = module.with_changes(body=[*module.body[:at], statement, *module.body[at + 1 :]]).code
        return re.sub(r"(?m)^( *)#@", r"\1@", text)

    for mutation in mutations:
        at, home = homes[mutation.original_node]
        if code(module.body[at]).lstrip().startswith("if TYPE_CHECKING:"):
            continue
        outer: Any = mutation.contained_by_top_level_function
        is_function = isinstance(outer, libcst.FunctionDef)
        within = outer if is_function else module.body[at]
        changed: Any = deep_replace(within, mutation.original_node, mutation.mutated_node)
        before, text = code(within), code(changed)
        lines = [line for line in difflib.ndiff(before.splitlines(), text.splitlines()) if line[0] in "+-"]
        gone, come = (
            " ⏎ ".join(line[2:].strip() for line in lines if line[0] == sign) or "nothing" for sign in "-+"
        )
        where = home.name.value if home is not None else "" if is_function else "the module"
        if is_function:
            where = f"{where}.{outer.name.value}".removeprefix(".")
            if home is not None:
                body = home.body.with_changes(body=[changed])
                text = code(home.with_changes(body=body, leading_lines=[]))
        yield Mutant(where, gone, come, text, partial(changed_module, at, mutation), is_function)


def nodes(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    """A node and all below it."""
    yield node
    for child in node.children:
        yield from nodes(child)


# -- functions -------------------------------------------------------------------------------------------


def live(module: Any, where: str) -> FunctionType:
    """The function of a module, also out of a property."""
    holder, _, name = where.rpartition(".")
    found: Any = vars(vars(module)[holder] if holder else module)[name]
    for wrapped in ("fget", "func", "__func__", "__wrapped__"):
        found = getattr(found, wrapped, None) or found
    function: FunctionType = found
    return function


def code_in(code: CodeType, where: str) -> CodeType:
    """The code of a function in the code of a module."""
    for name in where.split("."):
        (code,) = (each for each in code.co_consts if hasattr(each, "co_name") and each.co_name == name)
    return code


def plant(module: Any, mutant: Mutant) -> None:
    """Change a function in its place, for whoever has it already."""
    function = live(module, mutant.where)
    flags = "from __future__ import annotations\n"
    tree = ast.parse(flags + mutant.text)
    function.__code__ = code_in(compile(tree, function.__code__.co_filename, "exec"), mutant.where)
    (definition,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == mutant.where.rpartition(".")[2]
    )

    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), "<default>", "eval"), vars(module))

    arguments = definition.args
    function.__defaults__ = tuple(map(value, arguments.defaults)) or None
    function.__kwdefaults__ = {
        name.arg: value(default)
        for name, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    }


class Trial:
    """A pytest plugin that, instead of running the tests, lets them judge the mutants of functions.

    Args:
        name: The module's path below the package.
        mutants: What to try.
        jobs: How many at a time.
        report: Is told each result.
    """

    def __init__(
        self, name: str, mutants: list[Mutant], jobs: int, report: Callable[[Mutant, str], None]
    ) -> None:
        self.name = name
        self.module = "ssewire." + name.removesuffix(".py").replace("/", ".")
        self.mutants = mutants
        self.jobs = jobs
        self.report = report
        self.early: set[str] = set()

    def pytest_load_initial_conftests(self) -> None:
        """See what is called before the tests: a change of that would come too late."""
        file = str(SOURCE / self.name)
        sys.settrace(partial(note, file, self.early))

    def pytest_collection_finish(self) -> None:
        """Everything is imported."""
        sys.settrace(None)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge each."""
        module = importlib.import_module(self.module)
        gc.freeze()  # or else each process would copy what it only counts
        seconds, callers = self.observe(session.items, module)
        killers: dict[str, list[int]] = {}
        running: dict[int, tuple[Mutant, Path]] = {}
        for mutant in [*self.mutants, None]:
            while running and (mutant is None or len(running) == self.jobs):
                pid, status = os.wait()
                done, found = running.pop(pid)
                result = outcome(status)
                if found.exists():
                    killer = int(found.read_text())
                    found.unlink()
                    killers.setdefault(done.where, []).insert(0, killer)
                self.report(done, result)
            if mutant is None:
                continue
            if mutant.where in self.early:
                self.report(mutant, "early")
                continue
            if not (touching := callers.get(mutant.where)):
                self.report(mutant, "untested")
                continue
            first = [at for at in dict.fromkeys(killers.get(mutant.where, ())) if at in touching]
            order = [*first[:20], *sorted(touching, key=lambda at: seconds[at])]
            found = RESULTS / f"killer-{mutant.key}"
            pid = os.fork()
            if pid:
                running[pid] = mutant, found
                continue
            quiet()
            try:
                plant(module, mutant)
            except ValueError:  # it has lost its `super()`, and with it the class that goes with the code
                os._exit(EARLY)
            for at in order:
                signal.setitimer(signal.ITIMER_PROF, SPARE_CPU_SECONDS + 10 * seconds[at])
                if failed(session.items[at]):
                    found.write_text(str(at))
                    os._exit(1)
            os._exit(0)
        return True

    def observe(self, items: list[Any], module: Any) -> tuple[list[float], dict[str, set[int]]]:
        """How long each test takes and which call each function; kept for the next time."""
        store = store_of(self.name, "calls.json")
        source = hashed(Path(module.__file__).read_text())
        kept: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
        before = kept.get("tests", {}) if kept.get("source") == source else {}
        tests: dict[str, Any] = {}
        for item in items:
            key = f"{item.nodeid} {hashed(inspect.getsource(item.function))}"
            tests[key] = before.get(key) or self.observe_one(item, module.__file__)
        store.write_text(json.dumps({"source": source, "tests": tests}))
        callers: dict[str, set[int]] = {}
        for at, (_, called) in enumerate(tests.values()):
            for where in called:
                callers.setdefault(where, set()).add(at)
        return [seconds for seconds, _ in tests.values()], callers

    def observe_one(self, item: pytest.Item, file: str) -> tuple[float, list[str]]:
        """The same of one test, in a process of its own: the first would fill the caches of the others."""
        to_here, from_there = os.pipe()
        pid = os.fork()
        if not pid:
            quiet()
            called: set[str] = set()
            sys.settrace(partial(note, file, called))
            begun = time.process_time()
            bad = failed(item)
            seconds = time.process_time() - begun
            with os.fdopen(from_there, "w") as answer:
                json.dump([bad, seconds, list(called)], answer)
            os._exit(0)
        os.close(from_there)
        with os.fdopen(to_here) as answer:
            bad, seconds, names = json.load(answer)
        os.waitpid(pid, 0)
        if bad:
            raise RuntimeError(f"{item.nodeid} fails without any mutant")
        return seconds, names


def note(file: str, called: set[str], frame: Any, _event: str, _what: object) -> None:
    """A function of that file was called."""
    if frame.f_code.co_filename == file:
        called.add(".".join(frame.f_code.co_qualname.split(".<locals>")[0].split(".")[:2]))


def failed(item: pytest.Item) -> bool:
    """Run a test alone."""
    try:
        return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))
    except BaseException:  # an interrupt, or what ends pytest
        return True


def quiet() -> None:
    """In a forked process: nothing to the terminal, and an end to what would never end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + SPARE_BYTES, taken + SPARE_BYTES))


def outcome(status: int) -> str:
    """What a process says of its mutant."""
    if os.WIFSIGNALED(status):
        return "endless" if os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGXCPU) else "killed"
    return {0: "survived", EARLY: "early"}.get(os.WEXITSTATUS(status), "killed")


# -- modules ---------------------------------------------------------------------------------------------


class Changed(importlib.machinery.SourceFileLoader):
    """Loads one module from another source, for it stands before all finders."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(".".join(path.relative_to(SOURCE.parent).with_suffix("").parts), str(path))
        self.text = text

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        """The module, if it is that one."""
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        """The code of the other source."""
        return compile(self.text, self.path, "exec")


def run_tests(judges: list[str], *more: str, plugins: Iterable[object] = ()) -> int:
    """Run the tests that judge a module."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist", "-k", LEFT_OUT, *more]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is imported already
    return pytest.main([*options, *(str(TESTS / name) for name in judges)], plugins=list(plugins))


def try_early(path: Path, judges: list[str], mutants: list[Mutant], jobs: int, report: Any) -> None:
    """Judge mutants of what an import runs, each in a process that has imported nothing yet."""
    running: dict[int, Mutant] = {}
    for mutant in [*mutants, None]:
        while running and (mutant is None or len(running) == jobs):
            pid, status = os.wait()
            report(running.pop(pid), outcome(status))
        if mutant is None:
            continue
        pid = os.fork()
        if pid:
            running[pid] = mutant
            continue
        quiet()
        resource.setrlimit(resource.RLIMIT_CPU, (120, 130))
        sys.meta_path.insert(0, Changed(path, mutant.module()))
        os._exit(int(run_tests(judges, "-x")))


# -- scores ----------------------------------------------------------------------------------------------


DEAD = ("killed", "endless")


def read(store: Path) -> dict[str, str]:
    """The last result of each mutant, by key."""
    lines = store.read_text().splitlines() if store.exists() else ()
    return {row["key"]: row["result"] for row in map(json.loads, lines)}


def listed() -> dict[str, Counter[str]]:
    """The mutants that are known to live, by module."""
    found: dict[str, Counter[str]] = {}
    rows: Counter[str] = Counter()
    for line in LISTED.read_text().splitlines() if LISTED.exists() else ():
        if heading := re.fullmatch(r"## `(.*)`", line):
            rows = found[heading[1]] = Counter()
        elif line.startswith("- `"):
            rows[line] += 1
    return found


def measure(name: str, options: argparse.Namespace) -> tuple[int, int, int]:
    """Try the mutants of a module that are not known to be dead, and tell of the others.

    Returns:
        How many there are, how many of them are not dead, and how many of those are listed.
    """
    path, store, known = SOURCE / name, store_of(name, "jsonl"), listed().get(name, Counter())
    mutants = {mutant.key: mutant for mutant in mutants_of(path) if mutant.is_function or options.tables}
    before = read(store)
    left = [
        mutant
        for key, mutant in mutants.items()
        if before.get(key) not in DEAD and (options.again or not known[str(mutant)])
    ]

    def report(mutant: Mutant, result: str) -> None:
        with store.open("a") as file:
            file.write(json.dumps({"key": mutant.key, "result": result, "mutant": str(mutant)}) + "\n")

    if left and not options.known:
        pid = os.fork()
        if not pid:
            trial = Trial(name, [each for each in left if each.is_function], options.jobs, report)
            os._exit(run_tests(JUDGES[name], plugins=[trial]))
        os.waitpid(pid, 0)
        results = read(store)
        early = [each for each in left if not each.is_function or results.get(each.key) == "early"]
        try_early(path, JUDGES[name], early, options.jobs, report)

    results = read(store)
    living = Counter(str(mutant) for key, mutant in mutants.items() if results.get(key) not in DEAD)
    untried = Counter(str(mutant) for key, mutant in mutants.items() if key not in results) - known
    count, listed_count = living.total(), (living & known).total()
    print(
        f"{name}: {len(mutants)} mutants, {len(mutants) - count} killed ({share(len(mutants), count)}),"
        f" {listed_count} live and are listed, {untried.total()} were not tried,"
        f" {count - listed_count - untried.total()} live",
        flush=True,
    )
    for row in (living - known - untried).elements():
        print(f"  lives: {row}")
    for row in (known - living).elements():
        print(f"  listed, but dead or gone: {row}")
    return len(mutants), count, listed_count


def share(total: int, living: int) -> str:
    """How many of them are dead."""
    return f"{100 * (total - living) / total:.1f} %"


def main() -> int:
    """Measure, and print what lives without a reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "modules", nargs="*", help=f"of {', '.join(JUDGES)}; all by default", metavar="module"
    )
    parser.add_argument("-n", "--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--tables", action="store_true", help="change what stands outside of functions, too")
    parser.add_argument("--again", action="store_true", help="try those that are listed, too")
    parser.add_argument("--known", action="store_true", help="try none: tell what is known")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    settings.register_profile(
        "mutation", derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate)
    )
    settings.load_profile("mutation")
    os.environ["SSEWIRE_PLANTED"] = "1"  # a failure is enough; nobody wants the smallest one
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    sys.path.insert(0, str(SOURCE.parent))
    rows = [measure(name, options) for name in options.modules or JUDGES]
    total, living, known = map(sum, zip(*rows, strict=True))
    print(f"in all: {total} mutants, {share(total, living)} killed, {known} listed, {living - known} others")
    return int(living != known)


if __name__ == "__main__":
    sys.exit(main())
