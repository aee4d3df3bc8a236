"""The items that a response's output is made of: messages, reasoning, calls of tools and what they gave back.

Field for field those of https://platform.openai.com/docs/api-reference/responses/object, one type for each
`type` of the API and named after it. Open and optional like the types of `content`.
"""

from types import NoneType
from typing import Any

from msgspec import field

from ssewire.responses.calls import (
    Caller,
    CodeInterpreterOutput,
    ComputerAction,
    ComputerOutput,
    FileSearchResult,
    ImageGenerationError,
    LocalShellAction,
    McpCallError,
    McpTool,
    PatchOperation,
    SafetyCheck,
    ShellAction,
    ShellCallOutputContent,
    ShellEnvironment,
    SvgUsage,
    WebSearchAction,
)
from ssewire.responses.content import InputContent, OutputContent, SummaryContent
from ssewire.responses.tagged import Member, OrUnknown, no_items

# -- what the model writes -------------------------------------------------------------------------------


class Message(Member, frozen=True, tag="message"):
    """A message of the model."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    content: list[OutputContent] = field(default_factory=no_items)
    phase: str | None = None
    role: str = field(default_factory=lambda: "assistant")


class Reasoning(Member, frozen=True, tag="reasoning"):
    """The model's reasoning: summarised, as written, or encrypted."""

    id: str = field(default_factory=str)
    encrypted_content: str | None = None
    summary: list[SummaryContent] = field(default_factory=no_items)
    content: list[OutputContent] | None = None
    status: str | None = None
    format: Any = None  # OpenRouter


# -- functions and custom tools --------------------------------------------------------------------------


class FunctionCall(Member, frozen=True, tag="function_call"):
    """A call of a function; `arguments` is the text as written, whole JSON or not."""

    id: str | None = None
    status: str | None = None
    arguments: str = field(default_factory=str)
    call_id: str = field(default_factory=str)
    name: str = field(default_factory=str)
    namespace: str | None = None
    caller: Caller | None = None
    async_: bool | None = field(name="async", default=None)


class FunctionCallOutput(Member, frozen=True, tag="function_call_output"):
    """What a function gave back."""

    id: str = field(default_factory=str)
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    caller: Caller | None = None
    output: str | list[InputContent] = field(default_factory=str)
    status: str = field(default_factory=str)
    created_by: str | None = None


class CustomToolCall(Member, frozen=True, tag="custom_tool_call"):
    """A call of a tool that takes free text."""

    id: str | None = None
    status: str | None = None  # sent, though not documented
    call_id: str = field(default_factory=str)
    input: str = field(default_factory=str)
    name: str = field(default_factory=str)
    namespace: str | None = None
    caller: Caller | None = None
    async_: bool | None = field(name="async", default=None)


class CustomToolCallOutput(Member, frozen=True, tag="custom_tool_call_output"):
    """What a custom tool gave back."""

    id: str = field(default_factory=str)
    call_id: str = field(default_factory=str)
    caller: Caller | None = None
    output: str | list[InputContent] = field(default_factory=str)
    status: str = field(default_factory=str)
    created_by: str | None = None


# -- MCP -------------------------------------------------------------------------------------------------


class McpCall(Member, frozen=True, tag="mcp_call"):
    """A call of an MCP server's tool."""

    id: str = field(default_factory=str)
    status: str | None = None
    approval_request_id: str | None = None
    arguments: str = field(default_factory=str)
    error: McpCallError | str | None = None  # a text in older streams
    name: str = field(default_factory=str)
    output: str | None = None
    server_label: str = field(default_factory=str)


class McpListTools(Member, frozen=True, tag="mcp_list_tools"):
    """The tools that an MCP server offers."""

    id: str = field(default_factory=str)
    error: str | None = None
    server_label: str = field(default_factory=str)
    tools: list[McpTool] = field(default_factory=no_items)


class McpApprovalRequest(Member, frozen=True, tag="mcp_approval_request"):
    """A call of an MCP tool that waits for approval."""

    id: str = field(default_factory=str)
    arguments: str = field(default_factory=str)
    name: str = field(default_factory=str)
    server_label: str = field(default_factory=str)


class McpApprovalResponse(Member, frozen=True, tag="mcp_approval_response"):
    """The answer to a request for approval."""

    id: str = field(default_factory=str)
    approval_request_id: str = field(default_factory=str)
    approve: bool | None = field(default_factory=NoneType)
    reason: str | None = None


# -- the provider's own tools ----------------------------------------------------------------------------


class WebSearchCall(Member, frozen=True, tag="web_search_call"):
    """A search of the web."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    action: WebSearchAction | None = field(default_factory=NoneType)

    # xAI: the search as a call of a function
    arguments: Any = None
    call_id: Any = None
    name: Any = None


class FileSearchCall(Member, frozen=True, tag="file_search_call"):
    """A search of the caller's files."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    queries: list[str] = field(default_factory=no_items)
    results: list[FileSearchResult] | None = None


class CodeInterpreterCall(Member, frozen=True, tag="code_interpreter_call"):
    """Code that the provider ran."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    code: str | None = field(default_factory=NoneType)
    container_id: str = field(default_factory=str)
    outputs: list[CodeInterpreterOutput] | None = field(default_factory=NoneType)


class ImageGenerationCall(Member, frozen=True, tag="image_generation_call"):
    """An image that the model asked for; `result` is base64."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    action: str | None = None
    background: str | None = None
    error: ImageGenerationError | None = None
    output_format: str | None = None
    quality: str | None = None
    result: str | None = field(default_factory=NoneType)
    revised_prompt: str | None = None
    size: str | None = None
    svg_usage: SvgUsage | None = None


# -- computer use ----------------------------------------------------------------------------------------


class ComputerCall(Member, frozen=True, tag="computer_call"):
    """What the model wants done on a screen: one action, or several."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    action: ComputerAction | None = None
    actions: list[ComputerAction] | None = None
    call_id: str = field(default_factory=str)
    pending_safety_checks: list[SafetyCheck] = field(default_factory=no_items)


class ComputerCallOutput(Member, frozen=True, tag="computer_call_output"):
    """What the screen showed afterwards."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    acknowledged_safety_checks: list[SafetyCheck] | None = None
    call_id: str = field(default_factory=str)
    output: ComputerOutput | None = field(default_factory=NoneType)
    created_by: str | None = None


# -- shells and patches ----------------------------------------------------------------------------------


class LocalShellCall(Member, frozen=True, tag="local_shell_call"):
    """A command for the caller's machine."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    action: LocalShellAction | None = field(default_factory=NoneType)
    call_id: str = field(default_factory=str)


class LocalShellCallOutput(Member, frozen=True, tag="local_shell_call_output"):
    """What the command wrote."""

    id: str = field(default_factory=str)
    output: str = field(default_factory=str)
    status: str | None = None


class ShellCall(Member, frozen=True, tag="shell_call"):
    """Commands for a shell."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    action: ShellAction | None = field(default_factory=NoneType)
    call_id: str = field(default_factory=str)
    environment: ShellEnvironment | None = field(default_factory=NoneType)
    caller: Caller | None = None
    created_by: str | None = None


class ShellCallOutput(Member, frozen=True, tag="shell_call_output"):
    """What the commands wrote, one entry a command."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    call_id: str = field(default_factory=str)
    max_output_length: int | None = field(default_factory=NoneType)
    output: list[ShellCallOutputContent] = field(default_factory=no_items)
    caller: Caller | None = None
    created_by: str | None = None


class ApplyPatchCall(Member, frozen=True, tag="apply_patch_call"):
    """A change to a file."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    call_id: str = field(default_factory=str)
    operation: PatchOperation | None = field(default_factory=NoneType)
    caller: Caller | None = None
    created_by: str | None = None


class ApplyPatchCallOutput(Member, frozen=True, tag="apply_patch_call_output"):
    """Whether the change was made, and what was said about it."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    call_id: str = field(default_factory=str)
    output: str | None = None
    caller: Caller | None = None
    created_by: str | None = None


# -- tools that are looked for, or come later ------------------------------------------------------------


class ToolSearchCall(Member, frozen=True, tag="tool_search_call"):
    """A search for tools."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    arguments: Any = field(default_factory=NoneType)  # whatever the search takes
    call_id: str | None = field(default_factory=NoneType)
    execution: str = field(default_factory=str)
    created_by: str | None = None


class ToolSearchOutput(Member, frozen=True, tag="tool_search_output"):
    """The tools that were found."""

    id: str = field(default_factory=str)
    status: str = field(default_factory=str)
    call_id: str | None = field(default_factory=NoneType)
    execution: str = field(default_factory=str)
    tools: list[Any] = field(default_factory=no_items)  # as the request declares them
    created_by: str | None = None


class AdditionalTools(Member, frozen=True, tag="additional_tools"):
    """Tools that were added on the way."""

    id: str = field(default_factory=str)
    role: str = field(default_factory=str)
    tools: list[Any] = field(default_factory=no_items)  # as the request declares them


# -- programs --------------------------------------------------------------------------------------------


class Program(Member, frozen=True, tag="program"):
    """A program that calls tools."""

    id: str = field(default_factory=str)
    call_id: str = field(default_factory=str)
    code: str = field(default_factory=str)
    fingerprint: str = field(default_factory=str)


class ProgramOutput(Member, frozen=True, tag="program_output"):
    """What the program gave back."""

    id: str = field(default_factory=str)
    call_id: str = field(default_factory=str)
    result: str = field(default_factory=str)
    status: str = field(default_factory=str)


# -- compaction ------------------------------------------------------------------------------------------


class Compaction(Member, frozen=True, tag="compaction"):
    """What stands, encrypted, for the conversation so far."""

    id: str = field(default_factory=str)
    encrypted_content: str = field(default_factory=str)
    created_by: str | None = None


OutputItem = OrUnknown[
    Message
    | Reasoning
    | FunctionCall
    | FunctionCallOutput
    | CustomToolCall
    | CustomToolCallOutput
    | McpCall
    | McpListTools
    | McpApprovalRequest
    | McpApprovalResponse
    | WebSearchCall
    | FileSearchCall
    | CodeInterpreterCall
    | ImageGenerationCall
    | ComputerCall
    | ComputerCallOutput
    | LocalShellCall
    | LocalShellCallOutput
    | ShellCall
    | ShellCallOutput
    | ApplyPatchCall
    | ApplyPatchCallOutput
    | ToolSearchCall
    | ToolSearchOutput
    | AdditionalTools
    | Program
    | ProgramOutput
    | Compaction
]
