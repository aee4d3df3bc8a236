"""The dialects there are: one table, a parser and two streams for each, and how to tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from ssewire._json import loads
from ssewire._parser import Parser
from ssewire._stream import AsyncStream, Stream
from ssewire._wire.tokenizer import Tokenizer
from ssewire.chat.dialect import CHAT
from ssewire.chat.types import ChatCompletion, ChatCompletionChunk

if TYPE_CHECKING:
    from ssewire._dialect import Dialect

DialectName = Literal["chat"]


class ChatParser(Parser[ChatCompletionChunk, ChatCompletion]):
    """A parser of Chat Completions streams."""

    dialect = CHAT


class ChatStream(Stream[ChatCompletionChunk, ChatCompletion]):
    """A Chat Completions stream over a source that is read without `await`."""

    parser_class = ChatParser
    other_class = "AsyncChatStream"


class AsyncChatStream(AsyncStream[ChatCompletionChunk, ChatCompletion]):
    """A Chat Completions stream over a source that is read with `await`."""

    parser_class = ChatParser
    other_class = "ChatStream"


class Row:
    """One dialect and its classes."""

    def __init__(self, parser: type[Parser[Any, Any]], stream: type[Stream[Any, Any]]) -> None:
        self.dialect: Dialect[Any, Any] = parser.dialect
        self.parser = parser
        self.stream = stream


DIALECTS: Final[dict[DialectName, Row]] = {
    "chat": Row(ChatParser, ChatStream),
}


def detect_dialect(data: bytes) -> DialectName | None:
    """Tell the dialect of a body from its first events.

    Args:
        data: The body, or a start of it that holds a whole event.

    Returns:
        The dialect's name; None when no event tells, as for an error, a foreign body, or none at all.
    """
    tokenizer = Tokenizer(max_event_size=None)
    for event in tokenizer.feed(data) + tokenizer.close(flush=True):
        try:
            payload = loads(event.data)
        except (ValueError, RecursionError):
            continue
        if not isinstance(payload, dict):
            continue
        found = next((name for name, row in DIALECTS.items() if row.dialect.claims(payload)), None)
        if found is not None:
            return found
    return None
