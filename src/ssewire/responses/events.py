"""The events of a Responses stream: one type for each `type` on the wire.

Field for field those of https://platform.openai.com/docs/api-reference/responses-streaming, plus what is sent
without being documented. A class is named after its `type`, without `response.`: `response.output_text.delta`
is `OutputTextDelta`. Open and optional like the types of `content`; an index that nobody sent is None.
"""

from types import NoneType
from typing import Any, Final, Self, get_args

import msgspec
from msgspec import Raw, Struct, field

from ssewire.responses.calls import ShellCallOutputContent, ShellCallOutputDelta
from ssewire.responses.content import Annotation, Logprob, OutputContent, SummaryContent
from ssewire.responses.items import OutputItem
from ssewire.responses.response import NO_RESPONSE, Response, read_response
from ssewire.responses.tagged import Tagged, no_items

# -- what events have in common --------------------------------------------------------------------------


class Event(Tagged, frozen=True):
    """Any event. The events of one response are numbered from 0."""

    sequence_number: int | None = field(default_factory=NoneType)


class ResponseEvent(Event, frozen=True):
    """An event that brings the whole response as it stands.

    The response repeats the whole request and is large, so it is decoded only when somebody looks.
    """

    raw_response: Raw = field(name="response", default=NO_RESPONSE)
    """The JSON of the response, checked to be JSON and no more."""

    @classmethod
    def of(cls, response: Response, sequence_number: int | None = None) -> Self:
        """The event that brings this response."""
        return cls(sequence_number, Raw(msgspec.json.encode(response)))

    @property
    def response(self) -> Response:
        """The response; empty when the event brought none. Every look decodes it anew, so keep what you get.

        Raises:
            EventDecodeError: What the event brought is no response.
        """
        return read_response(self.raw_response, self.type)[0]


class ItemEvent(Event, frozen=True):
    """An event about an item. `output_index` is the item's place in the output; ids may vary."""

    item_id: str = field(default_factory=str)
    output_index: int | None = field(default_factory=NoneType)


class PartEvent(ItemEvent, frozen=True):
    """An event about a part of an item's content."""

    content_index: int | None = field(default_factory=NoneType)


class SummaryEvent(ItemEvent, frozen=True):
    """An event about a part of a reasoning's summary."""

    summary_index: int | None = field(default_factory=NoneType)


# -- the response ----------------------------------------------------------------------------------------


class Created(ResponseEvent, frozen=True, tag="response.created"):
    """The response has been created."""


class Queued(ResponseEvent, frozen=True, tag="response.queued"):
    """The response waits for its turn."""


class InProgress(ResponseEvent, frozen=True, tag="response.in_progress"):
    """The model has begun."""


class Completed(ResponseEvent, frozen=True, tag="response.completed"):
    """The response is complete. Ends the stream."""

    copilot_usage: Any = None  # GitHub Copilot


class Incomplete(ResponseEvent, frozen=True, tag="response.incomplete"):
    """The response was cut; its `incomplete_details` say why. Ends the stream."""


class Failed(ResponseEvent, frozen=True, tag="response.failed"):
    """The response failed; its `error` says why. Ends the stream."""


class ErrorDetail(Struct, frozen=True, gc=False, omit_defaults=True):
    """What went wrong, where an error event says it in an object of its own."""

    type: str = field(default_factory=str)
    code: str | int | None = field(default_factory=NoneType)
    message: str = field(default_factory=str)
    param: str | None = field(default_factory=NoneType)
    headers: dict[str, Any] | None = None
    misalignment: Any = None  # what a review objected to


class Error(Event, frozen=True, tag="error"):
    """Something went wrong. The API documents the flat form, and sends the nested one."""

    code: str | int | None = field(default_factory=NoneType)
    message: str = field(default_factory=str)
    param: str | None = field(default_factory=NoneType)
    error: ErrorDetail | str | None = None


class Keepalive(Event, frozen=True, tag="keepalive"):
    """Nothing is new."""


# -- items and their parts -------------------------------------------------------------------------------


class OutputItemAdded(Event, frozen=True, tag="response.output_item.added"):
    """An item has begun."""

    output_index: int | None = field(default_factory=NoneType)
    item: OutputItem | None = field(default_factory=NoneType)


class OutputItemDone(Event, frozen=True, tag="response.output_item.done"):
    """An item is finished; this is all of it."""

    output_index: int | None = field(default_factory=NoneType)
    item: OutputItem | None = field(default_factory=NoneType)


class ContentPartAdded(PartEvent, frozen=True, tag="response.content_part.added"):
    """A part of an item's content has begun."""

    part: OutputContent | None = field(default_factory=NoneType)


class ContentPartDone(PartEvent, frozen=True, tag="response.content_part.done"):
    """A part of an item's content is finished; this is all of it."""

    part: OutputContent | None = field(default_factory=NoneType)


# -- text and refusals -----------------------------------------------------------------------------------


class OutputTextDelta(PartEvent, frozen=True, tag="response.output_text.delta"):
    """The text goes on."""

    delta: str = field(default_factory=str)
    logprobs: list[Logprob] = field(default_factory=no_items)
    obfuscation: str | None = None


class OutputTextDone(PartEvent, frozen=True, tag="response.output_text.done"):
    """The text is finished; this is all of it."""

    text: str = field(default_factory=str)
    logprobs: list[Logprob] = field(default_factory=no_items)


class OutputTextAnnotationAdded(PartEvent, frozen=True, tag="response.output_text.annotation.added"):
    """The text has an annotation."""

    annotation_index: int | None = field(default_factory=NoneType)
    annotation: Annotation | None = field(default_factory=NoneType)


class RefusalDelta(PartEvent, frozen=True, tag="response.refusal.delta"):
    """The refusal goes on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class RefusalDone(PartEvent, frozen=True, tag="response.refusal.done"):
    """The refusal is finished; this is all of it."""

    refusal: str = field(default_factory=str)


# -- reasoning -------------------------------------------------------------------------------------------


class ReasoningTextDelta(PartEvent, frozen=True, tag="response.reasoning_text.delta"):
    """The reasoning goes on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class ReasoningTextDone(PartEvent, frozen=True, tag="response.reasoning_text.done"):
    """A part of the reasoning is finished; this is all of it."""

    text: str = field(default_factory=str)


class ReasoningSummaryPartAdded(SummaryEvent, frozen=True, tag="response.reasoning_summary_part.added"):
    """A part of the summary has begun."""

    part: SummaryContent | None = field(default_factory=NoneType)


class ReasoningSummaryPartDone(SummaryEvent, frozen=True, tag="response.reasoning_summary_part.done"):
    """A part of the summary is finished, or, with status `incomplete`, was cut; this is all of it."""

    status: str | None = None
    part: SummaryContent | None = field(default_factory=NoneType)


class ReasoningSummaryTextDelta(SummaryEvent, frozen=True, tag="response.reasoning_summary_text.delta"):
    """The summary goes on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class ReasoningSummaryTextDone(SummaryEvent, frozen=True, tag="response.reasoning_summary_text.done"):
    """A part of the summary is written; this is all of its text."""

    text: str = field(default_factory=str)


# -- calls of the caller's tools -------------------------------------------------------------------------


class FunctionCallArgumentsDelta(ItemEvent, frozen=True, tag="response.function_call_arguments.delta"):
    """The arguments go on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class FunctionCallArgumentsDone(ItemEvent, frozen=True, tag="response.function_call_arguments.done"):
    """The arguments are finished; these are all of them."""

    arguments: str = field(default_factory=str)
    name: str | None = None  # documented, and almost never sent


class CustomToolCallInputDelta(ItemEvent, frozen=True, tag="response.custom_tool_call_input.delta"):
    """The input of a custom tool goes on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class CustomToolCallInputDone(ItemEvent, frozen=True, tag="response.custom_tool_call_input.done"):
    """The input of a custom tool is finished; this is all of it."""

    input: str = field(default_factory=str)


# -- MCP -------------------------------------------------------------------------------------------------


class McpCallArgumentsDelta(ItemEvent, frozen=True, tag="response.mcp_call_arguments.delta"):
    """The arguments of an MCP call go on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class McpCallArgumentsDone(ItemEvent, frozen=True, tag="response.mcp_call_arguments.done"):
    """The arguments of an MCP call are finished; these are all of them."""

    arguments: str = field(default_factory=str)


class McpCallInProgress(ItemEvent, frozen=True, tag="response.mcp_call.in_progress"):
    """An MCP call has begun."""


class McpCallCompleted(ItemEvent, frozen=True, tag="response.mcp_call.completed"):
    """An MCP call succeeded."""


class McpCallFailed(ItemEvent, frozen=True, tag="response.mcp_call.failed"):
    """An MCP call failed."""


class McpListToolsInProgress(ItemEvent, frozen=True, tag="response.mcp_list_tools.in_progress"):
    """An MCP server is asked for its tools."""


class McpListToolsCompleted(ItemEvent, frozen=True, tag="response.mcp_list_tools.completed"):
    """An MCP server has named its tools."""


class McpListToolsFailed(ItemEvent, frozen=True, tag="response.mcp_list_tools.failed"):
    """An MCP server did not name its tools."""


# -- code interpreter ------------------------------------------------------------------------------------


class CodeInterpreterCallInProgress(ItemEvent, frozen=True, tag="response.code_interpreter_call.in_progress"):
    """A call of the code interpreter has begun."""


class CodeInterpreterCallInterpreting(
    ItemEvent, frozen=True, tag="response.code_interpreter_call.interpreting"
):
    """The code runs."""


class CodeInterpreterCallCompleted(ItemEvent, frozen=True, tag="response.code_interpreter_call.completed"):
    """The code has run."""


class CodeInterpreterCallCodeDelta(ItemEvent, frozen=True, tag="response.code_interpreter_call_code.delta"):
    """The code goes on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class CodeInterpreterCallCodeDone(ItemEvent, frozen=True, tag="response.code_interpreter_call_code.done"):
    """The code is finished; this is all of it."""

    code: str = field(default_factory=str)


# -- searches --------------------------------------------------------------------------------------------


class FileSearchCallInProgress(ItemEvent, frozen=True, tag="response.file_search_call.in_progress"):
    """A file search has begun."""


class FileSearchCallSearching(ItemEvent, frozen=True, tag="response.file_search_call.searching"):
    """The files are searched."""


class FileSearchCallCompleted(ItemEvent, frozen=True, tag="response.file_search_call.completed"):
    """A file search is finished."""


class WebSearchCallInProgress(ItemEvent, frozen=True, tag="response.web_search_call.in_progress"):
    """A web search has begun."""


class WebSearchCallSearching(ItemEvent, frozen=True, tag="response.web_search_call.searching"):
    """The web is searched."""


class WebSearchCallCompleted(ItemEvent, frozen=True, tag="response.web_search_call.completed"):
    """A web search is finished."""


# -- images ----------------------------------------------------------------------------------------------


class ImageGenerationCallInProgress(ItemEvent, frozen=True, tag="response.image_generation_call.in_progress"):
    """An image has been asked for."""


class ImageGenerationCallGenerating(ItemEvent, frozen=True, tag="response.image_generation_call.generating"):
    """The image is being made."""


class ImageGenerationCallCompleted(ItemEvent, frozen=True, tag="response.image_generation_call.completed"):
    """The image is made; its item brings it."""


class ImageGenerationCallPartialImage(
    ItemEvent, frozen=True, tag="response.image_generation_call.partial_image"
):
    """A preview of the image, in base64."""

    partial_image_index: int | None = field(default_factory=NoneType)
    partial_image_b64: str = field(default_factory=str)
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None


# -- shells and patches ----------------------------------------------------------------------------------


class ShellCallCommandAdded(Event, frozen=True, tag="response.shell_call_command.added"):
    """A command has begun. The events of commands name no item but by its index."""

    command: str = field(default_factory=str)
    command_index: int | None = field(default_factory=NoneType)
    output_index: int | None = field(default_factory=NoneType)


class ShellCallCommandDelta(Event, frozen=True, tag="response.shell_call_command.delta"):
    """The command goes on."""

    command_index: int | None = field(default_factory=NoneType)
    delta: str = field(default_factory=str)
    obfuscation: str | None = None
    output_index: int | None = field(default_factory=NoneType)


class ShellCallCommandDone(Event, frozen=True, tag="response.shell_call_command.done"):
    """The command is finished; this is all of it."""

    command: str = field(default_factory=str)
    command_index: int | None = field(default_factory=NoneType)
    output_index: int | None = field(default_factory=NoneType)


class ShellCallOutputContentDelta(ItemEvent, frozen=True, tag="response.shell_call_output_content.delta"):
    """A command wrote more."""

    command_index: int | None = field(default_factory=NoneType)
    delta: ShellCallOutputDelta | None = field(default_factory=NoneType)
    obfuscation: str | None = None


class ShellCallOutputContentDone(ItemEvent, frozen=True, tag="response.shell_call_output_content.done"):
    """A command has ended; this is all that it wrote."""

    command_index: int | None = field(default_factory=NoneType)
    output: list[ShellCallOutputContent] = field(default_factory=no_items)


class ApplyPatchCallOperationDiffDelta(
    ItemEvent, frozen=True, tag="response.apply_patch_call_operation_diff.delta"
):
    """The patch goes on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class ApplyPatchCallOperationDiffDone(
    ItemEvent, frozen=True, tag="response.apply_patch_call_operation_diff.done"
):
    """The patch is finished; this is all of it."""

    diff: str = field(default_factory=str)


# -- sound -----------------------------------------------------------------------------------------------


class AudioDelta(Event, frozen=True, tag="response.audio.delta"):
    """The sound goes on, in base64."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class AudioDone(Event, frozen=True, tag="response.audio.done"):
    """The sound is finished."""


class AudioTranscriptDelta(Event, frozen=True, tag="response.audio.transcript.delta"):
    """What is said goes on."""

    delta: str = field(default_factory=str)
    obfuscation: str | None = None


class AudioTranscriptDone(Event, frozen=True, tag="response.audio.transcript.done"):
    """What is said is finished."""


# -- compaction ------------------------------------------------------------------------------------------


class CompactionCompacting(ItemEvent, frozen=True, tag="response.compaction.compacting"):
    """The conversation is being compacted."""


# -- all of them ----------------------------------------------------------------------------------------

KnownEvent = (
    Created
    | Queued
    | InProgress
    | Completed
    | Incomplete
    | Failed
    | Error
    | Keepalive
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | OutputTextAnnotationAdded
    | RefusalDelta
    | RefusalDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | ReasoningSummaryPartAdded
    | ReasoningSummaryPartDone
    | ReasoningSummaryTextDelta
    | ReasoningSummaryTextDone
    | FunctionCallArgumentsDelta
    | FunctionCallArgumentsDone
    | CustomToolCallInputDelta
    | CustomToolCallInputDone
    | McpCallArgumentsDelta
    | McpCallArgumentsDone
    | McpCallInProgress
    | McpCallCompleted
    | McpCallFailed
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
    | CodeInterpreterCallInProgress
    | CodeInterpreterCallInterpreting
    | CodeInterpreterCallCompleted
    | CodeInterpreterCallCodeDelta
    | CodeInterpreterCallCodeDone
    | FileSearchCallInProgress
    | FileSearchCallSearching
    | FileSearchCallCompleted
    | WebSearchCallInProgress
    | WebSearchCallSearching
    | WebSearchCallCompleted
    | ImageGenerationCallInProgress
    | ImageGenerationCallGenerating
    | ImageGenerationCallCompleted
    | ImageGenerationCallPartialImage
    | ShellCallCommandAdded
    | ShellCallCommandDelta
    | ShellCallCommandDone
    | ShellCallOutputContentDelta
    | ShellCallOutputContentDone
    | ApplyPatchCallOperationDiffDelta
    | ApplyPatchCallOperationDiffDone
    | AudioDelta
    | AudioDone
    | AudioTranscriptDelta
    | AudioTranscriptDone
    | CompactionCompacting
)

EVENT_TYPES: Final[dict[str, type[Event]]] = {known.type: known for known in get_args(KnownEvent)}
"""The class of each `type`. Alone, a class also decodes an event that came without its `type`."""
