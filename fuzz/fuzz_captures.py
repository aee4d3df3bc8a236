"""Whatever a file holds, captures come out of it or a `CaptureError`; written, they are read as they were."""

from __future__ import annotations

import atexit
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import chooser, main, reads_of, spliced
from ssewire import CaptureError
from ssewire.logs import Capture, read_captures, write_captures
from ssewire.logs.reading import FORMS

FOLDER = TemporaryDirectory(prefix="ssewire-fuzz-")
atexit.register(FOLDER.cleanup)


def inputs() -> Any:
    """Capture files, logs, HAR files and cassettes with other bytes in them."""
    return spliced("captures", "*")


def law(data: bytes) -> None:
    """Read the bytes as each form in two cuttings, write what comes out and read it, whole and cut."""
    path = Path(FOLDER.name) / f"log.jsonl{chooser(data).choice(('', '.gz', '.zst'))}"
    for form in (None, *FORMS):
        found = read([data], form)
        assert told(read(reads_of(data), form)) == told(found), form
        path.unlink(missing_ok=True)
        if not write_captures(found, path, keep_credentials=True):
            continue
        assert told(read(path)) == told(found), form
        size = chooser(data).randrange(path.stat().st_size)
        path.write_bytes(path.read_bytes()[:size])
        for (head, reads, _), whole in zip(told(read(path)), told(found), strict=False):
            assert (head, reads) == (whole[0], whole[1][: len(reads)]), (form, size)


def read(source: Any, form: Any = None) -> list[Capture]:
    """The captures up to where the rest is refused."""
    found: list[Capture] = []
    with suppress(CaptureError):
        captures = read_captures(source, form=form, body_key="body", every=True, report=str)
        found += (each.load() for each in captures)
    return found


def told(captures: list[Capture]) -> list[Any]:
    """All that captures tell. How a raw body was cut is not known."""
    return [(c.head, c.body if c.head.origin == "sse" else list(c.reads), c.end) for c in captures]


if __name__ == "__main__":
    main(law, inputs, "captures")
