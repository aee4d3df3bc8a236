"""The parts of an answer, the same for every API, and the events that tell how they come.

A part is what the model wrote in one go: a text, some reasoning, a call of a tool. Parts are numbered from 0
in the order in which they began, over all choices of a stream; text behind a tool call is a new part.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

from msgspec import Struct, field

from ssewire._structured import JsonState, json_state, parse, parse_partial

T = TypeVar("T")

JSON_KINDS = frozenset({"function", "mcp"})
"""The kinds of tool call whose arguments are JSON for certain."""


class Part(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type"):
    """What every part has.

    Attributes:
        index: Its number in the stream: what its events name it by.
        choice: The index of the choice that it belongs to.
        id: The id that the provider gave it, or the item that holds it; empty where there is none.
    """

    index: int
    choice: int = 0
    id: str = ""

    @property
    def type(self) -> str:
        """What it is: `text`, `reasoning`, `refusal`, `tool_call`, `audio`, `image` or `other`."""
        return str(self.__struct_config__.tag)


class TextPart(Part, frozen=True, tag="text"):
    """Text of the answer.

    Attributes:
        text: The text.
        annotations: Citations and the like, as the provider's own objects.
    """

    text: str = ""
    annotations: list[Any] = field(default_factory=list)

    @overload
    def parse(self, type: type[T]) -> T: ...
    @overload
    def parse(self, type: Any) -> Any: ...
    def parse(self, type: Any) -> Any:
        """Parse the text, which is JSON, into a type: see `ToolCallPart.parse`."""
        return parse(self.text, type, self.what)

    def parse_partial(self) -> Any:
        """Parse as much of the text as there is: see `ToolCallPart.parse_partial`."""
        return parse_partial(self.text, self.what)

    @property
    def what(self) -> str:
        """What the text is, for errors."""
        return f"text of part {self.index}"


class ReasoningPart(Part, frozen=True, tag="reasoning"):
    """What the model thought, or a summary of it.

    Attributes:
        text: The reasoning; empty where the provider keeps it to itself.
        summary: Whether the text is a summary. (Chat APIs do not always tell.)
        signature: What proves to the provider that the text is its own, to be sent back with it.
        encrypted: The reasoning as only the provider can read it, to be sent back.
    """

    text: str = ""
    summary: bool = False
    signature: str | None = None
    encrypted: str | None = None


class RefusalPart(Part, frozen=True, tag="refusal"):
    """Why the model refuses."""

    text: str = ""


class ToolCallPart(Part, frozen=True, tag="tool_call"):
    """A call of a tool.

    Attributes:
        kind: `function`, `custom`, `mcp`, or the provider's name of the tool, such as `web_search`,
            `code_interpreter`, `shell`, `apply_patch`.
        call_id: The id that the answer to the call names; empty where none was sent.
        name: The name of the function, or of the tool at its server.
        arguments: What is passed: JSON for a function or an MCP tool, free text for a custom tool, the code,
            the commands (a line each) or the patch for tools that take these; what the tool is asked to do,
            as JSON, for the others.
        hosted: The provider answers the call itself.
        ended: The provider has told that the call is whole.
        extra: What only this provider tells: the whole item of the Responses API, `extra_content` of a chat
            call, the entry of a tool that Groq ran.
    """

    kind: str = "function"
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    hosted: bool = False
    ended: bool = False
    extra: Any = None

    @property
    def arguments_state(self) -> JsonState:
        """Whether the call is whole, so that nobody runs one that was cut. Costs one parse.

        `complete`: the arguments are a whole JSON value, or, for tools that take free text, the provider has
        told that they are whole. `incomplete`: they are the beginning of a value, or empty. `invalid`: they
        are neither.
        """
        if self.kind in JSON_KINDS:
            return json_state(self.arguments)
        return JsonState.COMPLETE if self.ended else JsonState.INCOMPLETE

    @overload
    def parse(self, type: type[T]) -> T: ...
    @overload
    def parse(self, type: Any) -> Any: ...
    def parse(self, type: Any) -> Any:
        """Parse the arguments into a type.

        Args:
            type: Whatever msgspec decodes into (a Struct, a dataclass, a TypedDict, `dict[str, int]`, ...),
                or anything with `model_validate_json`, such as a pydantic model.

        Raises:
            StructuredOutputError: They are not whole, are no JSON, or do not fit; it says where.
        """
        return parse(self.arguments, type, self.what)

    def parse_partial(self) -> Any:
        """Parse as much of the arguments as there is, into plain values; None while there is nothing.

        One parse a call. While a part is arriving, `partial(index)` of what gives the events does the same
        at a cost that does not grow with the text.

        Raises:
            StructuredOutputError: They are not the beginning of JSON.
            ImportError: The extra `json` is not installed.
        """
        return parse_partial(self.arguments, self.what)

    @property
    def what(self) -> str:
        """What the arguments are, for errors."""
        return f"arguments of call {self.call_id!r} of {self.name!r}"


class AudioPart(Part, frozen=True, tag="audio"):
    """A spoken answer.

    Attributes:
        data: The sound, in base64.
        transcript: What is said.
        expires_at: Until when the provider knows it by its id, in seconds since 1970.
    """

    data: str = ""
    transcript: str = ""
    expires_at: int | None = None


class ImagePart(Part, frozen=True, tag="image"):
    """An image.

    Attributes:
        data: The image, in base64; empty where there is a URL, or no image yet.
        url: Where it is; empty where there is data.
        media_type: What it is, such as `image/png`; empty where nobody told.
        extra: The provider's own object.
    """

    data: str = ""
    url: str = ""
    media_type: str = ""
    extra: Any = None


class OtherPart(Part, frozen=True, tag="other"):
    """Anything else that stands in the answer: results of tools, lists of tools, types of next year.

    Attributes:
        kind: The provider's own type of it.
        extra: The provider's own object; None while only its beginning was told.
    """

    kind: str = ""
    extra: Any = None


AnyPart = TextPart | ReasoningPart | RefusalPart | ToolCallPart | AudioPart | ImagePart | OtherPart
"""A part of any kind."""


class PartStart(Struct, frozen=True, gc=False, tag_field="type", tag="part_start"):
    """A part has begun.

    Attributes:
        index: The part's number.
        choice: The choice that it belongs to.
        part: What is known of it, without content.
    """

    index: int
    choice: int
    part: AnyPart


class PartDelta(Struct, frozen=True, gc=False, tag_field="type", tag="part_delta"):
    """A part goes on.

    Attributes:
        index: The part's number.
        delta: What is to be appended; never empty, and never half a character.
        field: The field of the part that it is appended to: `text`, `arguments`, `transcript`, `data`, or
            what was not known at the start: `name`, `call_id`, `id`.
    """

    index: int
    delta: str
    field: str = "text"


class PartEnd(Struct, frozen=True, gc=False, tag_field="type", tag="part_end"):
    """A part has ended: by itself, or with the stream.

    Attributes:
        index: The part's number.
        part: The whole part. Where the provider's last word differs from its deltas, it is the last word.
    """

    index: int
    part: AnyPart


PartEvent = PartStart | PartDelta | PartEnd
