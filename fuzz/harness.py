"""A law over bytes goes in; it is run by atheris where that is installed, elsewhere by Hypothesis."""

from __future__ import annotations

import gc
import importlib.util
import re
import sys
import zlib
from pathlib import Path
from random import Random
from types import FunctionType
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire.testing import (
    chat_streams,
    completions_streams,
    cut,
    quirks_of,
    responses_streams,
    wire_streams,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssewire._dialects import DialectName

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "tests" / "corpus"
FOUND = ROOT / "build" / "fuzz"
FUZZ = Path(__file__).parent
INSTRUMENTED = re.compile(r"ssewire\.(?!testing)")
DIALECTS: tuple[DialectName, ...] = ("chat", "completions", "responses")

sys.path.insert(0, str(ROOT / "tests"))  # for the reference


def chooser(data: bytes) -> Random:
    """What decides everything beside the bytes: the same bytes always decide alike."""
    return Random(zlib.crc32(data))


def reads_of(data: bytes) -> list[bytes]:
    """A cutting of a body into at most nine reads."""
    random = chooser(data)
    return cut(data, sorted(random.choices(range(len(data) + 1), k=random.randrange(9))))


def spliced(folder: str, pattern: str) -> st.SearchStrategy[bytes]:
    """Files of the corpus with other bytes in them."""
    return st.builds(
        lambda body, start, count, other: body[:start] + other + body[start + count :],
        st.sampled_from([file.read_bytes() for file in sorted((CORPUS / folder).rglob(pattern))]),
        st.integers(0, 4000),
        st.integers(0, 100),
        st.binary(max_size=8),
    )


def inputs() -> st.SearchStrategy[bytes]:
    """Bodies that are nearly right, and the corpus with other bytes in it."""
    return st.one_of(
        chat_streams(quirks=quirks_of("chat"), hostile=True).map(lambda case: case.body),
        completions_streams(quirks=quirks_of("completions"), hostile=True).map(lambda case: case.body),
        responses_streams(quirks=quirks_of("responses"), hostile=True).map(lambda case: case.body),
        wire_streams(hostile=True).map(lambda case: case.body),
        spliced(".", "*.sse"),
    )


def main(
    law: Callable[[bytes], None],
    inputs: Callable[[], st.SearchStrategy[bytes]] = inputs,
    dictionary: str = "sse",
) -> None:
    """Run a law from the command line: `python fuzz/fuzz_….py [runs] [arguments of libFuzzer]`."""
    runs, *arguments = sys.argv[1:] or ["100000"]
    if importlib.util.find_spec("atheris") is None:
        settings(max_examples=int(runs), deadline=None)(given(inputs())(law))()
        return
    atheris = importlib.import_module("atheris")
    for each in gc.get_objects():
        # The branches of the laws and of other libraries would guide to nothing, and cost as much again.
        if isinstance(each, FunctionType) and INSTRUMENTED.match(each.__module__):
            atheris.instrument_func(each)
    learned = FOUND / Path(sys.argv[0]).stem
    learned.mkdir(parents=True, exist_ok=True)  # libFuzzer writes into the first folder
    folders = [str(folder) for folder in (learned, *CORPUS.iterdir()) if folder.is_dir()]
    words = FUZZ / f"{dictionary}.dict"
    atheris.Setup([sys.argv[0], f"-runs={runs}", f"-dict={words}", *arguments, *folders], law)
    atheris.Fuzz()
