"""What several test modules share."""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from server import Server

# A usual run tries the same examples each time, so that it fails where something was changed, and nowhere
# else. A long run, and the targets in `fuzz/`, look for what nobody has seen.
settings.register_profile(
    "usual",
    deadline=None,
    derandomize="SSEWIRE_EXAMPLES" not in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
if settings.get_current_profile_name() == "default":
    settings.load_profile("usual")


def pytest_collection_finish() -> None:
    """Keep the thousands of tests out of each collection of garbage, of which many tests ask for one."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Measure no coverage at all where a test says so.

    In a worker of pytest-xdist, pytest-cov has started a second measurement below its own, which goes on
    while its own is paused. And what was made meanwhile once and for all is forgotten, or no other test would
    be seen to make it.
    """
    if item.get_closest_marker("no_cover") is None or not item.config.pluginmanager.hasplugin("_cov"):
        return (yield)
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        for forget in _cached():
            forget()
        sys.settrace(trace)


@cache
def _cached() -> list[Callable[[], None]]:
    """What empties each cache of the package."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "ssewire"]
    each = {id(thing): thing for module in modules for thing in vars(module).values()}
    return [thing.cache_clear for thing in each.values() if hasattr(thing, "cache_clear")]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The loopback server, running."""
    from server import Server  # what only some tests need is imported for them

    with Server() as running:
        yield running


@pytest.fixture
def chat_url(server: Server) -> str:
    """Where a chat stream is sent whole."""
    return server.url("chat")
