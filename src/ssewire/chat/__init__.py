"""Chat Completions: https://platform.openai.com/docs/api-reference/chat-streaming."""

from ssewire.chat.dialect import ChatDecoder
from ssewire.chat.parts import ChatParts, message_of, parts_of
from ssewire.chat.reducer import ChatReducer
from ssewire.chat.types import (
    Audio,
    AudioDelta,
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionModeration,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    ContentPart,
    Custom,
    CustomDelta,
    Delta,
    Function,
    FunctionDelta,
    Message,
    ModerationOutcome,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    TopLogprob,
)
from ssewire.usage import CompletionTokensDetails, CompletionUsage, PromptTokensDetails

__all__ = [
    "Audio",
    "AudioDelta",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatCompletionModeration",
    "ChatDecoder",
    "ChatParts",
    "ChatReducer",
    "Choice",
    "ChoiceLogprobs",
    "ChunkChoice",
    "CompletionTokensDetails",
    "CompletionUsage",
    "ContentPart",
    "Custom",
    "CustomDelta",
    "Delta",
    "Function",
    "FunctionDelta",
    "Message",
    "ModerationOutcome",
    "PromptTokensDetails",
    "TokenLogprob",
    "ToolCall",
    "ToolCallDelta",
    "TopLogprob",
    "message_of",
    "parts_of",
]
