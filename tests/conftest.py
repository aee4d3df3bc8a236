"""Fixtures that several test modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server import Server


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
