"""The tokenizer makes of any bytes, in any reads, what the reference makes of them."""

from __future__ import annotations

from harness import main, reads_of
from reference import interpret
from ssewire import Tokenizer


def law(data: bytes) -> None:
    """Compare events, comments, fields and state."""
    comments: list[bytes] = []
    fields: list[tuple[bytes, bytes]] = []
    tokenizer = Tokenizer(
        on_comment=comments.append, on_unknown_field=lambda name, value: fields.append((name, value))
    )
    events = [event for read in reads_of(data) for event in tokenizer.feed(read)]
    meant = interpret(data)
    assert [(event.text, event.event, event.id) for event in events] == meant.events
    assert (tokenizer.last_event_id, tokenizer.retry) == (meant.last_event_id, meant.retry)
    sent = interpret(data, errors="surrogateescape")
    assert [comment.decode(errors="surrogateescape") for comment in comments] == sent.comments
    assert len(fields) == len(sent.unknown_fields)


if __name__ == "__main__":
    main(law)
