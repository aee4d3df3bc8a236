"""A log in JSON Lines goes in, with the key under which its records hold bodies; captures come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ssewire.errors import CaptureError
from ssewire.logs.capture import Capture, Head
from ssewire.logs.foreign import Aside
from ssewire.logs.lines import BOM, decode_line, split_lines
from ssewire.logs.storage import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ssewire.logs.foreign import Report


def read_records(blocks: Iterable[bytes], name: str, *, body_key: str, report: Report) -> Iterator[Capture]:
    """The bodies in a log, record by record.

    A body is a text, or a list of texts: its reads. Where a record holds none, it is left out.

    Args:
        blocks: The log's content.
        name: What it is called in messages.
        body_key: The key of the body, or the keys that lead to it, joined by dots.
        report: Called with a line of text for each line that cannot be read, and for records without body.

    Raises, while iterating:
        CaptureError: No record holds a body.
    """
    found = without = 0
    number = 0
    try:
        for number, line in enumerate(split_lines(blocks), 1):
            if not line.strip():
                continue
            record = decode_line(line.removeprefix(BOM))
            if not isinstance(record, dict):
                report(f"{name}, line {number}: no JSON object")
                continue
            texts = _texts(record, body_key)
            if texts is None:
                without += 1
                continue
            found += 1
            unknown = ("times", "bytes", "end") if len(texts) > 1 else ("times", "reads", "bytes", "end")
            reads = [(None, text.encode(errors="replace")) for text in texts]
            yield Capture(Head(origin="jsonl", unknown=unknown), reads)
    except BrokenFileError as error:
        report(f"{name}, behind line {number}: {error}")
    if without and not found:
        raise CaptureError(f"{name}: none of {without} records holds a body as {body_key!r}")
    if without:
        report(Aside(f"{name}: {without} records without {body_key!r} left out"))


def _texts(record: Any, body_key: str) -> list[str] | None:
    """The body of a record; a key with dots in it is preferred to the way that the dots describe."""
    value = record.get(body_key)
    if value is None:
        value = record
        for key in body_key.split("."):
            value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return value
    return None
