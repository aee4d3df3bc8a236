"""A pytest session goes in, fixtures for tests of stream consumers come out.

It lies beside the package, and imports it only when a fixture is used: a test session that needs none pays
nothing, and coverage of ssewire itself begins before ssewire is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ssewire.testing import Body


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that names the corpus."""
    parser.addini("ssewire_corpus", "folders of recorded bodies (*.sse), for `ssewire_body`", type="paths")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `ssewire_body` once for each file of the corpus.

    Raises:
        pytest.UsageError: The setting names no folder, or one that is not there or has no recorded body: the
            test would be skipped, and nobody would know that it tests nothing.
    """
    if "ssewire_body" in metafunc.fixturenames:
        folders: list[Path] = metafunc.config.getini("ssewire_corpus")
        if not folders:
            raise pytest.UsageError("ssewire_body needs the setting ssewire_corpus, which names no folder")
        files = [(folder, file) for folder in folders for file in _recorded(folder)]
        names = [file.relative_to(folder).as_posix() for folder, file in files]
        metafunc.parametrize("ssewire_body", [file for _, file in files], ids=names, indirect=True)


def _recorded(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise pytest.UsageError(f"the setting ssewire_corpus names {folder}, which is no folder")
    files = sorted(folder.rglob("*.sse"))
    if not files:
        raise pytest.UsageError(f"the setting ssewire_corpus names {folder}, which has no *.sse file in it")
    return files


@pytest.fixture
def ssewire_body(request: pytest.FixtureRequest) -> Body:
    """A recorded body: the test is run once for each file of the folders in the setting `ssewire_corpus`.

    A setting that leads to no file is an error.
    """
    from ssewire.testing import Body

    return Body(request.param.read_bytes())


@pytest.fixture
def ssewire_client() -> Iterator[Callable[..., Any]]:
    """A function that makes a client whose requests are answered with bodies, one after the other.

    `ssewire_client(*bodies, client=httpx.Client, status=200, headers=None)`: a body is bytes or a `Body`, and
    the last one answers all further requests; `client` is a client class of httpx or httpx2, or one derived
    from theirs, sync or async.
    Sync clients are closed when the test ends.
    """
    from ssewire.testing import clients

    opened: list[Any] = []

    def make(*bodies: Any, **options: Any) -> Any:
        opened.append(clients.fake_client(*bodies, **options))
        return opened[-1]

    yield make
    for client in opened:
        if hasattr(client, "close"):
            client.close()
