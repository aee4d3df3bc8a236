"""What several test modules share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

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
