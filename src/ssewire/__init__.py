"""Read LLM streams exactly: SSE bytes to typed events, a finished message, and an honest verdict."""

from ssewire import chat
from ssewire._dialects import AsyncChatStream, ChatParser, ChatStream, detect_dialect
from ssewire._json import extra_fields
from ssewire._timing import Timing
from ssewire._wire.encoder import encode_comment, encode_event
from ssewire._wire.tokenizer import ServerSentEvent, Tokenizer
from ssewire.chat import ChatCompletion, ChatCompletionChunk, ChatDecoder, ChatReducer
from ssewire.errors import (
    EmptyStreamError,
    EventDecodeError,
    EventTooLargeError,
    NotAnEventStreamError,
    ProviderError,
    SSEWireError,
    StreamInterruptedError,
    StreamTruncatedError,
)
from ssewire.events import DONE, Diagnostic, UnknownEvent, Verdict

__all__ = [
    "DONE",
    "AsyncChatStream",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatDecoder",
    "ChatParser",
    "ChatReducer",
    "ChatStream",
    "Diagnostic",
    "EmptyStreamError",
    "EventDecodeError",
    "EventTooLargeError",
    "NotAnEventStreamError",
    "ProviderError",
    "SSEWireError",
    "ServerSentEvent",
    "StreamInterruptedError",
    "StreamTruncatedError",
    "Timing",
    "Tokenizer",
    "UnknownEvent",
    "Verdict",
    "chat",
    "detect_dialect",
    "encode_comment",
    "encode_event",
    "extra_fields",
]
