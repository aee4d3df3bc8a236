"""Whatever comes, a Responses state that is saved in the middle is what was saved."""

from __future__ import annotations

import msgspec

from harness import chooser, main
from ssewire import EventDecodeError, ResponsesParser, SSEWireError
from ssewire.responses import ResponsesState
from ssewire.testing import event_by_event


def law(data: bytes) -> None:
    """Save, load and compare; only what is documented may be raised."""
    reads = event_by_event(data)
    parser = ResponsesParser(malformed="skip")
    try:
        for read in reads[: chooser(data).randrange(len(reads) + 1)]:
            parser.feed(read)
        expected = repr(parser.snapshot())
    except (SSEWireError, EventDecodeError):
        return
    saved = msgspec.msgpack.encode(parser.state())
    loaded = ResponsesParser(malformed="skip", state=msgspec.msgpack.decode(saved, type=ResponsesState))
    # A state may be saved as JSON, which has no NaN: it comes back as null.
    assert repr(loaded.snapshot()).replace("nan", "None") == expected.replace("nan", "None")


if __name__ == "__main__":
    main(law)
