"""JSON that a model writes goes in, whole or as far as it has come; the value of a type comes out.

A half of a surrogate pair that a model escaped alone is U+FFFD, as everywhere; nothing else is repaired.
"""

from __future__ import annotations

import re
from enum import StrEnum
from io import StringIO
from typing import Any, Final

import msgspec

from ssewire._merge import join_halves, whole_text
from ssewire.errors import StructuredOutputError

SMALL_JSON_CHARS: Final = 4096
"""Up to this length a growing text is parsed at every look."""
GROWTH: Final = 8
"""A longer one is parsed again when it has grown by one part in so many."""

_LONE: Final = re.compile(
    r"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # an escaped backslash, a whole pair,
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z)"  # or a pair that is still arriving
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


class JsonState(StrEnum):
    """What a text is as JSON."""

    COMPLETE = "complete"
    """A whole value."""
    INCOMPLETE = "incomplete"
    """The beginning of a value, or nothing at all: what was cut, or is still arriving."""
    INVALID = "invalid"
    """Nothing that may follow makes a value of it."""


def json_state(text: str) -> JsonState:
    """Tell whether a text is whole JSON, the beginning of it, or neither. Costs one parse."""
    raw = _mended(text)
    if (error := _refusal(raw)) is None:
        return JsonState.COMPLETE
    # A number that has just begun is malformed to msgspec; one digit more tells it from a wrong one.
    if "truncated" in error or (error := _refusal(raw + b"0")) is None or "truncated" in error:
        return JsonState.INCOMPLETE
    return JsonState.INVALID


def parse(text: str, type: Any, what: str) -> Any:
    """Parse a whole JSON text into a type.

    Args:
        text: The text.
        type: Whatever msgspec decodes into (a Struct, a dataclass, a TypedDict, `dict[str, int]`, ...), or
            anything with `model_validate_json`.
        what: What the text is, for the error.

    Raises:
        StructuredOutputError: It is not whole, is no JSON, or does not fit.
    """
    raw = _mended(text)
    validate = getattr(type, "model_validate_json", None)
    try:
        return msgspec.json.decode(raw, type=type) if validate is None else validate(raw)
    except (ValueError, RecursionError) as error:  # msgspec's errors and pydantic's are ValueErrors
        raise StructuredOutputError(text, json_state(text).value, what, str(error)) from error


def parse_partial(text: str, what: str) -> Any:
    """Parse the beginning of a JSON text into plain values, the last text in it as far as it has come.

    Returns:
        The value; None while there is none.

    Raises:
        StructuredOutputError: It is not the beginning of JSON.
        ImportError: The extra `json` is not installed.
    """
    try:
        import jiter
    except ImportError as error:
        raise ImportError("parsing JSON as it arrives needs jiter: pip install 'ssewire[json]'") from error

    raw = _mended(text)
    value, refusal = None, None
    try:
        value = jiter.from_json(raw, partial_mode="trailing-strings", allow_inf_nan=False)
    except ValueError as error:
        refusal = error
    state = json_state(text)  # which also looks at what follows a whole value
    if state is JsonState.INVALID or (state is JsonState.COMPLETE and refusal is not None):
        raise StructuredOutputError(text, state.value, what, str(refusal or _refusal(raw))) from refusal
    return value


class PartialJson:
    """Follows a JSON text that arrives in pieces, and gives its value as far as it has come.

    Looking costs nothing while nothing came. A text of up to 4,096 characters is parsed at every look that
    finds it longer; a longer one only when it has grown by an eighth since it was parsed last, and between
    the value is the one before. So all looks at a text together cost no more than eighteen parses of it,
    plus two of 4,096 characters each while it is short.

    Args:
        what: What the text is, for errors.
    """

    __slots__ = ("_error", "_half", "_parsed", "_size", "_text", "_value", "_what")

    def __init__(self, what: str = "the text") -> None:
        self._text = StringIO()
        self._half = ""  # a character of which the other half is yet to come
        self._size = 0  # characters so far
        self._parsed = 0  # characters at the last parse
        self._value: Any = None  # of the last parse
        self._error: StructuredOutputError | None = None  # nothing that follows makes good for it
        self._what = what

    def feed(self, piece: str) -> None:
        """Take the next piece."""
        text, self._half = join_halves(self._half + piece)
        self._size += self._text.write(text)

    def value(self, *, final: bool = False) -> Any:
        """The value so far, in plain values; None while there is none. What was handed out never changes.

        Args:
            final: Nothing follows: leave nothing out.

        Raises:
            StructuredOutputError: The text is not the beginning of JSON.
            ImportError: The extra `json` is not installed.
        """
        if self._error is not None:
            raise StructuredOutputError(*self._error.args) from self._error.__cause__
        if final and self._half:
            self._half, half = "", whole_text(self._half)
            self._size += self._text.write(half)
        grown = self._size - self._parsed
        if grown and (final or self._size <= SMALL_JSON_CHARS or grown * GROWTH >= self._parsed):
            try:
                self._value = parse_partial(self._text.getvalue(), self._what)
            except StructuredOutputError as error:
                self._error = error
                raise
            self._parsed = self._size
        return self._value


def _mended(text: str) -> bytes:
    """The text in UTF-8, with U+FFFD for the halves that are alone, escaped or not."""
    return _LONE.sub(lambda found: found[1] or r"\ufffd", whole_text(text)).encode()


def _refusal(raw: bytes) -> str | None:
    """Why msgspec refuses a text, or None."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return str(error)
    return None
