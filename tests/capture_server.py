"""A server that plays captures, in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from ssewire.logs.server import Program, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def playing(*captures: Any, told: Any = None, **options: Any) -> Iterator[str]:
    """Serve captures, or pairs of a name and a capture; gives the server's URL."""
    named = [each if isinstance(each, tuple) else ("log.jsonl", each) for each in captures]
    program = Program(named, **options)
    server = make_server(program, told) if told else make_server(program)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
