"""Read LLM streams exactly: SSE bytes to typed events, a finished message, and an honest verdict."""

from ssewire import chat, completions, responses
from ssewire._bounded import bounded
from ssewire._dialects import (
    AsyncChatStream,
    AsyncCompletionsStream,
    AsyncResponsesStream,
    ChatParser,
    ChatStream,
    CompletionsParser,
    CompletionsStream,
    ResponsesParser,
    ResponsesStream,
    detect_dialect,
)
from ssewire._json import extra_fields
from ssewire._timing import Timing
from ssewire._wire.encoder import encode_comment, encode_event
from ssewire._wire.tokenizer import ServerSentEvent, Tokenizer
from ssewire.chat import ChatCompletion, ChatCompletionChunk, ChatDecoder, ChatReducer
from ssewire.completions import Completion, CompletionChunk, CompletionsDecoder, CompletionsReducer
from ssewire.errors import (
    BodyTooLargeError,
    CaptureError,
    EmptyStreamError,
    EventDecodeError,
    EventTooLargeError,
    NoCaptureError,
    NotAnEventStreamError,
    ProviderError,
    SSEWireError,
    StreamInterruptedError,
    StreamTruncatedError,
)
from ssewire.events import DONE, Diagnostic, UnknownEvent, Verdict
from ssewire.responses import Response, ResponsesDecoder, ResponsesReducer

__all__ = [
    "DONE",
    "AsyncChatStream",
    "AsyncCompletionsStream",
    "AsyncResponsesStream",
    "BodyTooLargeError",
    "CaptureError",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatDecoder",
    "ChatParser",
    "ChatReducer",
    "ChatStream",
    "Completion",
    "CompletionChunk",
    "CompletionsDecoder",
    "CompletionsParser",
    "CompletionsReducer",
    "CompletionsStream",
    "Diagnostic",
    "EmptyStreamError",
    "EventDecodeError",
    "EventTooLargeError",
    "NoCaptureError",
    "NotAnEventStreamError",
    "ProviderError",
    "Response",
    "ResponsesDecoder",
    "ResponsesParser",
    "ResponsesReducer",
    "ResponsesStream",
    "SSEWireError",
    "ServerSentEvent",
    "StreamInterruptedError",
    "StreamTruncatedError",
    "Timing",
    "Tokenizer",
    "UnknownEvent",
    "Verdict",
    "bounded",
    "chat",
    "completions",
    "detect_dialect",
    "encode_comment",
    "encode_event",
    "extra_fields",
    "responses",
]
