"""Whatever a file holds, captures come out of it or a `CaptureError`; written, they are read as they were."""

from __future__ import annotations

import atexit
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

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
    """All that captures tell, as it can be written: how a raw body was cut is not known."""
    return [
        (
            each.head,
            each.body if each.head.origin == "sse" else [(micros(at), data) for at, data in each.reads],
            replace(each.end, seconds=micros(each.end.seconds)),
        )
        for each in captures
    ]


def micros(seconds: float | None) -> float | None:
    """A time as it is written: to the microsecond."""
    return None if seconds is None else round(seconds, 6)


if __name__ == "__main__":
    main(law, inputs, "captures")
