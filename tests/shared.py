"""What several test modules share: bodies with what they must give, schemas, and a way to run a parser.

The corpus lies beside this file. Recorded streams and the published schemas lie in a folder outside the
repository; the environment variable `SSEWIRE_SHARED` names it. Tests skip what is not there.
"""

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from msgspec import inspect

from ssewire import ChatCompletion, ChatCompletionChunk, ChatParser, SSEWireError

TESTS = Path(__file__).parent
CORPUS = TESTS / "corpus"


def shared_folder() -> Path:
    """Where the recorded streams and the published schemas are, if they are there."""
    named = os.environ.get("SSEWIRE_SHARED")
    return Path(named) if named else TESTS.parent.parent / "shared"


def captures_folder() -> Path:
    """Where the recorded streams are, if they are there."""
    return shared_folder() / "captures"


@functools.cache
def _published(name: str) -> dict[str, Any]:
    path = shared_folder() / "spec" / name
    if not path.is_file():
        pytest.skip("what is published is not here")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def published_schemas() -> dict[str, Any]:
    """The published schemas of streamed responses; skips the test where they are not."""
    return _published("streaming-schemas.json")


def published_additions() -> dict[str, Any]:
    """What the published client knows beyond the schemas; skips the test where it is not."""
    return _published("additions.json")


def published_examples() -> dict[str, Any]:
    """The published examples; skips the test where they are not."""
    return _published("examples.json")


@dataclass(frozen=True)
class Body:
    """One body, and what it must give."""

    name: str
    path: Path
    expected: dict[str, Any]

    def read(self) -> bytes:
        """Its bytes; skips the test where they are not."""
        if not self.path.is_file():
            pytest.skip("the recorded streams are not here")
        return self.path.read_bytes()


def _bodies(expectations: str, folder: Path, start: str) -> list[Body]:
    rows: dict[str, Any] = json.loads((TESTS / expectations).read_text())
    return [Body(name, folder / name, row) for name, row in rows.items() if name.startswith(start)]


CHAT_CORPUS = _bodies("corpus_expected.json", CORPUS, "chat/")
CHAT_CAPTURES = _bodies("captures_expected.json", captures_folder(), "chat-")
CHAT_BODIES = CHAT_CORPUS + CHAT_CAPTURES


@dataclass
class Run:
    """What a parser made of one body."""

    parser: ChatParser
    events: list[ChatCompletionChunk]
    error: SSEWireError | None

    @property
    def verdict(self) -> str:
        return self.parser.verdict.value

    @property
    def snapshot(self) -> ChatCompletion:
        return self.parser.snapshot()

    @property
    def diagnostics(self) -> list[tuple[str, int]]:
        """What was noted: kinds with their counts."""
        return [(entry.kind, entry.count) for entry in self.parser.diagnostics]


def run(parser: ChatParser, *reads: bytes, broken: bool = False) -> Run:
    """Feed all reads, close, and see what the step after the last says."""
    events: list[ChatCompletionChunk] = []
    try:
        for read in reads:
            events += parser.feed(read)
        events += parser.close(broken=broken)
        events += parser.close()
    except SSEWireError as error:
        return Run(parser, events, error)
    return Run(parser, events, None)


def pieces(body: bytes, size: int) -> list[bytes]:
    """A body in reads of one size."""
    return [body[at : at + size] for at in range(0, len(body), size)]


# -- JSON that fits a type -------------------------------------------------------------------------------

whole_texts = st.text(max_size=5)
broken_texts = st.text(st.sampled_from("aé\u20ac😀\ud83d\ude00"), max_size=4)
numbers = st.integers(-(2**70), 2**70) | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False)


def values_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """JSON values of any kind."""
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    )


plain_values = values_of(whole_texts)


class _Fitting:
    """Makes strategies of JSON values, directed by a type."""

    def __init__(self, texts: st.SearchStrategy[str]) -> None:
        self._texts = texts
        self._any = values_of(texts)
        self._structs: dict[type, st.SearchStrategy[Any]] = {}

    def of(self, info: inspect.Type) -> st.SearchStrategy[Any]:
        match info:
            case inspect.UnionType():
                return st.one_of([self.of(each) for each in info.types])
            case inspect.NoneType():
                return st.none()
            case inspect.StrType():
                return self._texts
            case inspect.IntType():
                return st.integers(-(2**62), 2**63) | st.integers(0, 3)
            case inspect.FloatType():
                return numbers
            case inspect.ListType():
                return st.lists(self.of(info.item_type), max_size=2)
            case inspect.StructType():
                return self._struct(info)
            case _:
                return self._any

    def _struct(self, info: inspect.StructType) -> st.SearchStrategy[Any]:
        if info.cls not in self._structs:
            made: list[st.SearchStrategy[Any]] = []
            self._structs[info.cls] = st.deferred(lambda: made[0])
            fields = {field.encode_name: self.of(field.type) for field in info.fields}
            some = st.fixed_dictionaries({}, optional=fields)
            more = st.dictionaries(self._texts, self._any, max_size=1)
            made.append(st.builds(lambda named, unnamed: unnamed | named, some, more))
        return self._structs[info.cls]


def fitting(annotation: Any, texts: st.SearchStrategy[str] = whole_texts) -> st.SearchStrategy[Any]:
    """JSON values that fit a type."""
    return _Fitting(texts).of(inspect.type_info(annotation))


def written(values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """JSON texts of values, in one of the ways in which they are written."""
    return st.builds(
        lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent),
        values,
        st.booleans(),
        st.sampled_from((None, 0, 1)),
    )
