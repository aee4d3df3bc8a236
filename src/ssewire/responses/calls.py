"""What the tool calls among the items are made of: callers, actions, operations, outputs, errors.

Open and optional like the types of `content`.
"""

from types import NoneType
from typing import Any

from msgspec import Struct, field

from ssewire.responses.tagged import Member, OrUnknown, no_items

# -- who calls -------------------------------------------------------------------------------------------


class DirectCaller(Member, frozen=True, tag="direct"):
    """The model itself."""


class ProgramCaller(Member, frozen=True, tag="program"):
    """A program that the model wrote."""

    caller_id: str = field(default_factory=str)


Caller = OrUnknown[DirectCaller | ProgramCaller]

# -- web search ------------------------------------------------------------------------------------------


class UrlSource(Member, frozen=True, tag="url"):
    """A web page that a search used."""

    url: str = field(default_factory=str)


WebSearchSource = OrUnknown[UrlSource]


class SearchAction(Member, frozen=True, tag="search"):
    """Searching the web."""

    query: str | None = None
    queries: list[str] | None = None
    sources: list[WebSearchSource] | None = None


class OpenPageAction(Member, frozen=True, tag="open_page"):
    """Opening a page."""

    url: str | None = None


class FindInPageAction(Member, frozen=True, tag="find_in_page"):
    """Looking for a pattern in a page."""

    url: str = field(default_factory=str)
    pattern: str = field(default_factory=str)


WebSearchAction = OrUnknown[SearchAction | OpenPageAction | FindInPageAction]

# -- file search -----------------------------------------------------------------------------------------


class FileSearchResult(Struct, frozen=True, gc=False, omit_defaults=True):
    """A passage that a file search found."""

    file_id: str | None = None
    text: str | None = None
    filename: str | None = None
    attributes: dict[str, Any] | None = None  # the caller's own: texts, numbers, booleans
    score: float | None = None


# -- code interpreter ------------------------------------------------------------------------------------


class LogsOutput(Member, frozen=True, tag="logs"):
    """What the code printed."""

    logs: str = field(default_factory=str)


class ImageOutput(Member, frozen=True, tag="image"):
    """An image that the code made."""

    url: str = field(default_factory=str)


CodeInterpreterOutput = OrUnknown[LogsOutput | ImageOutput]

# -- image generation ------------------------------------------------------------------------------------


class ModerationDetails(Struct, frozen=True, gc=False, omit_defaults=True):
    """Which categories an image was blocked for, and at which stage."""

    categories: list[str] = field(default_factory=no_items)
    moderation_stage: str = field(default_factory=str)


class ImageGenerationError(Struct, frozen=True, gc=False, omit_defaults=True):
    """Why there is no image."""

    code: str | int | None = None
    message: str = field(default_factory=str)
    param: str | None = None
    type: str = field(default_factory=str)
    moderation_details: ModerationDetails | None = None


class SvgUsage(Struct, frozen=True, gc=False, omit_defaults=True):
    """Token counts of the model that drew an SVG image."""

    input_tokens: int | None = field(default_factory=NoneType)
    model: str = field(default_factory=str)
    output_tokens: int | None = field(default_factory=NoneType)
    reasoning_tokens: int | None = field(default_factory=NoneType)
    total_tokens: int | None = field(default_factory=NoneType)


# -- computer use ----------------------------------------------------------------------------------------


class ClickAction(Member, frozen=True, tag="click"):
    """Clicking with a button of the mouse."""

    button: str = field(default_factory=str)
    x: int | None = field(default_factory=NoneType)
    y: int | None = field(default_factory=NoneType)
    keys: list[str] | None = None


class DoubleClickAction(Member, frozen=True, tag="double_click"):
    """Clicking twice."""

    x: int | None = field(default_factory=NoneType)
    y: int | None = field(default_factory=NoneType)
    keys: list[str] | None = field(default_factory=NoneType)


class Coordinate(Struct, frozen=True, gc=False, omit_defaults=True):
    """A point on the screen."""

    x: int | None = field(default_factory=NoneType)
    y: int | None = field(default_factory=NoneType)


class DragAction(Member, frozen=True, tag="drag"):
    """Dragging along a path."""

    path: list[Coordinate] = field(default_factory=no_items)
    keys: list[str] | None = None


class KeypressAction(Member, frozen=True, tag="keypress"):
    """Pressing keys together."""

    keys: list[str] = field(default_factory=no_items)


class MoveAction(Member, frozen=True, tag="move"):
    """Moving the mouse."""

    x: int | None = field(default_factory=NoneType)
    y: int | None = field(default_factory=NoneType)
    keys: list[str] | None = None


class ScreenshotAction(Member, frozen=True, tag="screenshot"):
    """Taking a screenshot."""


class ScrollAction(Member, frozen=True, tag="scroll"):
    """Scrolling with the mouse at a point."""

    x: int | None = field(default_factory=NoneType)
    y: int | None = field(default_factory=NoneType)
    scroll_x: int | None = field(default_factory=NoneType)
    scroll_y: int | None = field(default_factory=NoneType)
    keys: list[str] | None = None


class TypeAction(Member, frozen=True, tag="type"):
    """Typing a text."""

    text: str = field(default_factory=str)


class WaitAction(Member, frozen=True, tag="wait"):
    """Waiting."""


class SafetyCheck(Struct, frozen=True, gc=False, omit_defaults=True):
    """A warning about an action: pending until the caller acknowledges it."""

    id: str = field(default_factory=str)
    code: str | None = None
    message: str | None = None


class ComputerScreenshot(Member, frozen=True, tag="computer_screenshot"):
    """What the screen showed."""

    image_url: str | None = None
    file_id: str | None = None


ComputerAction = OrUnknown[
    ClickAction
    | DoubleClickAction
    | DragAction
    | KeypressAction
    | MoveAction
    | ScreenshotAction
    | ScrollAction
    | TypeAction
    | WaitAction
]
ComputerOutput = OrUnknown[ComputerScreenshot]

# -- shells ----------------------------------------------------------------------------------------------


class ExecAction(Member, frozen=True, tag="exec"):
    """A command for a shell on the caller's machine."""

    command: list[str] = field(default_factory=no_items)
    timeout_ms: int | None = None
    working_directory: str | None = None
    env: dict[str, Any] | None = field(default_factory=NoneType)
    user: str | None = None


class ShellAction(Struct, frozen=True, gc=False, omit_defaults=True):
    """Commands for a shell, and their limits."""

    commands: list[str] = field(default_factory=no_items)
    max_output_length: int | None = field(default_factory=NoneType)
    timeout_ms: int | None = field(default_factory=NoneType)


class LocalEnvironment(Member, frozen=True, tag="local"):
    """The caller's machine."""


class ContainerReference(Member, frozen=True, tag="container_reference"):
    """A container at the provider's."""

    container_id: str = field(default_factory=str)


class TimeoutOutcome(Member, frozen=True, tag="timeout"):
    """A command that did not end in time."""


class ExitOutcome(Member, frozen=True, tag="exit"):
    """A command that ended by itself."""

    exit_code: int | None = field(default_factory=NoneType)


LocalShellAction = OrUnknown[ExecAction]
ShellEnvironment = OrUnknown[LocalEnvironment | ContainerReference]
ShellOutcome = OrUnknown[TimeoutOutcome | ExitOutcome]


class ShellCallOutputContent(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a command wrote, and how it ended."""

    outcome: ShellOutcome | None = field(default_factory=NoneType)
    stderr: str = field(default_factory=str)
    stdout: str = field(default_factory=str)
    created_by: str | None = None


class ShellCallOutputDelta(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a command wrote next."""

    stdout: str | None = None
    stderr: str | None = None


# -- patches ---------------------------------------------------------------------------------------------


class CreateFileOperation(Member, frozen=True, tag="create_file"):
    """Writing a new file."""

    diff: str = field(default_factory=str)
    path: str = field(default_factory=str)


class DeleteFileOperation(Member, frozen=True, tag="delete_file"):
    """Removing a file."""

    path: str = field(default_factory=str)


class UpdateFileOperation(Member, frozen=True, tag="update_file"):
    """Changing a file."""

    diff: str = field(default_factory=str)
    path: str = field(default_factory=str)


PatchOperation = OrUnknown[CreateFileOperation | DeleteFileOperation | UpdateFileOperation]

# -- MCP -------------------------------------------------------------------------------------------------


class McpTool(Struct, frozen=True, gc=False, omit_defaults=True):
    """A tool that an MCP server offers."""

    annotations: dict[str, Any] | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = field(default_factory=NoneType)
    name: str = field(default_factory=str)


class HttpError(Member, frozen=True, tag="http_error"):
    """The server could not be reached, or refused."""

    code: int | None = field(default_factory=NoneType)
    message: str = field(default_factory=str)


class McpProtocolError(Member, frozen=True, tag="mcp_protocol_error"):
    """The server broke off with an error of the protocol."""

    code: int | None = field(default_factory=NoneType)
    message: str = field(default_factory=str)


class McpToolExecutionError(Member, frozen=True, tag="mcp_tool_execution_error"):
    """The tool failed; the content is what it says about it."""

    content: Any = field(default_factory=NoneType)


McpCallError = OrUnknown[HttpError | McpProtocolError | McpToolExecutionError]
