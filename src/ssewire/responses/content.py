"""What items are written with: the parts of a message and of a reasoning, annotations, log probabilities.

Enumerations are open `str`s, and every field may be missing. A field that the API requires is always encoded,
and is null, `[]` or `""` when nobody sent it; an optional field is encoded when a value came.
"""

from types import NoneType
from typing import Any

from msgspec import Struct, field

from ssewire.responses.tagged import Member, OrUnknown, no_items

# -- log probabilities -----------------------------------------------------------------------------------


class TopLogprob(Struct, frozen=True, gc=False, omit_defaults=True):
    """A token that was likely at a position."""

    token: str = field(default_factory=str)
    bytes: list[int] | None = field(default_factory=NoneType)
    logprob: float | None = field(default_factory=NoneType)


class Logprob(Struct, frozen=True, gc=False, omit_defaults=True):
    """A token, its log probability, and the likeliest tokens at its position."""

    token: str = field(default_factory=str)
    bytes: list[int] | None = field(default_factory=NoneType)
    logprob: float | None = field(default_factory=NoneType)
    top_logprobs: list[TopLogprob] = field(default_factory=no_items)


# -- annotations -----------------------------------------------------------------------------------------


class FileCitation(Member, frozen=True, tag="file_citation"):
    """Names the file that a text draws on."""

    file_id: str = field(default_factory=str)
    filename: str = field(default_factory=str)
    index: int | None = field(default_factory=NoneType)


class UrlCitation(Member, frozen=True, tag="url_citation"):
    """Names the web page that a stretch of the text draws on."""

    end_index: int | None = field(default_factory=NoneType)
    start_index: int | None = field(default_factory=NoneType)
    title: str = field(default_factory=str)
    url: str = field(default_factory=str)


class ContainerFileCitation(Member, frozen=True, tag="container_file_citation"):
    """Names the file of a container that a stretch of the text draws on."""

    container_id: str = field(default_factory=str)
    end_index: int | None = field(default_factory=NoneType)
    file_id: str = field(default_factory=str)
    filename: str = field(default_factory=str)
    start_index: int | None = field(default_factory=NoneType)


class FilePath(Member, frozen=True, tag="file_path"):
    """Names a file that the text refers to by its path."""

    file_id: str = field(default_factory=str)
    index: int | None = field(default_factory=NoneType)


Annotation = OrUnknown[FileCitation | UrlCitation | ContainerFileCitation | FilePath]

# -- parts -----------------------------------------------------------------------------------------------


class OutputText(Member, frozen=True, tag="output_text"):
    """Text that the model wrote."""

    annotations: list[Annotation] = field(default_factory=no_items)
    logprobs: list[Logprob] = field(default_factory=no_items)
    text: str = field(default_factory=str)


class Refusal(Member, frozen=True, tag="refusal"):
    """The model's explanation of why it refuses."""

    refusal: str = field(default_factory=str)


class ReasoningText(Member, frozen=True, tag="reasoning_text"):
    """Reasoning as the model wrote it."""

    text: str = field(default_factory=str)


class SummaryText(Member, frozen=True, tag="summary_text"):
    """A summary of some of the reasoning."""

    text: str = field(default_factory=str)


OutputContent = OrUnknown[OutputText | Refusal | ReasoningText]
SummaryContent = OrUnknown[SummaryText]

# -- parts of what a caller's tool gave back -------------------------------------------------------------


class InputText(Member, frozen=True, tag="input_text"):
    """A text."""

    text: str = field(default_factory=str)
    prompt_cache_breakpoint: Any = None  # echoes the request


class InputImage(Member, frozen=True, tag="input_image"):
    """An image, by URL or by the id of a file."""

    image_url: str | None = None
    file_id: str | None = None
    detail: str = field(default_factory=str)
    prompt_cache_breakpoint: Any = None  # echoes the request


class InputFile(Member, frozen=True, tag="input_file"):
    """A file, by URL, by id or in base64."""

    file_id: str | None = None
    filename: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    detail: str | None = None
    prompt_cache_breakpoint: Any = None  # echoes the request


InputContent = OrUnknown[InputText | InputImage | InputFile]
