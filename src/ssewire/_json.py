"""A payload and a type go in, an object of that type comes out: msgspec first, then the lenient builder.

The strict way is msgspec's. What it refuses is read once more: the standard library parses the JSON, and one
builder, directed by the same types, makes of it what was meant. Each liberty it takes is reported. Where the
strict way accepts, the lenient way gives the same.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from ssewire.errors import EventDecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    Build = Callable[[Any, str, list[str]], Any]
    """Makes an object of a parsed value at a path, and adds what it had to repair.

    Raises ValueError for what does not fit.
    """

T = TypeVar("T")

STRICT_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a payload that it refuses."""
MAX_INTEGER_DIGITS: Final = 4300
"""The longest integer that is read, as in the standard library by default."""

MAX_SCALAR_CHARS: Final = 64
"""The longest number that is recognised as a whole value."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class PayloadDecoder(Generic[T]):
    """Decodes JSON into one type. Shared and thread-safe."""

    def __init__(self, type: type[T]) -> None:
        self.type = type
        self.strict: Callable[[bytes], T] = msgspec.json.Decoder(type).decode
        """The strict way alone; raises `STRICT_ERRORS`."""
        self._build: Build | None = None

    def decode(self, raw: bytes, event: str = "message") -> tuple[T, list[str]]:
        """Decode strictly, or else leniently.

        Returns:
            The object, and what had to be repaired.

        Raises:
            EventDecodeError: Neither way reads it.
        """
        try:
            return self.strict(raw), []
        except STRICT_ERRORS as refusal:
            return self.lenient(raw, event, refusal)

    def lenient(
        self, raw: bytes, event: str = "message", refusal: Exception | None = None
    ) -> tuple[T, list[str]]:
        """Decode leniently; the error, if it comes to that, tells why the strict way refused."""
        repairs: list[str] = []
        try:
            if self._build is None:
                self._build = builder(self.type)
            built: T = self._build(parse(raw, repairs), "$", repairs)
        except (ValueError, RecursionError, msgspec.MsgspecError) as error:
            failure = EventDecodeError(raw, event)
            failure.reason = str(refusal or error)
            raise failure from (refusal or error)
        if refusal is not None and not repairs:
            repairs.append(f"left out: {refusal}")  # it stood where no type looks
        return built, repairs


# -- parsing ---------------------------------------------------------------------------------------------


class Number(str):
    """A number as it stood in the JSON."""

    __slots__ = ()


def parse(raw: bytes, repairs: list[str]) -> Any:
    """Parse JSON as the standard library does, with U+FFFD for invalid UTF-8 and numbers as `Number`.

    Raises:
        ValueError, RecursionError: It is no JSON, or nested too deep.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
        repairs.append("invalid UTF-8 read as U+FFFD")
    value: Any = _decoder().decode(text)
    return value


@cache
def _decoder() -> Any:
    import json  # a program that never meets an odd payload does without

    return json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=Number)


def _dumps(value: Any, **options: Any) -> str:
    import json

    return json.dumps(value, **options)


def plain(value: Any) -> Any:
    """What `parse` gave, as the plain values that `json.loads` gives."""
    match value:
        case Number():
            return float(value) if _is_float(value) else _integer(value)
        case list():
            return [plain(each) for each in value]
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case _:
            return value


def written(value: Any) -> bytes:
    """What `parse` gave, as JSON again, its numbers as they were."""
    match value:
        case Number():
            return value.encode()
        case list():
            return b"[%b]" % b",".join(map(written, value))
        case dict():
            return b"{%b}" % b",".join(
                b"%b:%b" % (written(key), written(each)) for key, each in value.items()
            )
        case _:
            return _dumps(value).encode()


def loads(raw: bytes) -> Any:
    """Plain values of a JSON text, leniently.

    Raises:
        ValueError, RecursionError: It is no JSON, or nested too deep.
    """
    return plain(parse(raw, []))


def extra_fields(event_type: type[msgspec.Struct] | msgspec.Struct, raw: bytes) -> dict[str, Any]:
    """The top-level fields of a payload that a type does not name.

    Args:
        event_type: A Struct type, or an object of one.
        raw: The data of the event, as `feed_raw` and `raw()` give it.

    Raises:
        EventDecodeError: The data is no JSON object.
    """
    try:
        payload = loads(raw)
    except (ValueError, RecursionError) as error:
        raise EventDecodeError(raw) from error
    if not isinstance(payload, dict):
        raise EventDecodeError(raw)
    known = {field.encode_name for field in msgspec.structs.fields(event_type)}
    if event_type.__struct_config__.tag_field is not None:
        known.add(event_type.__struct_config__.tag_field)
    return {name: value for name, value in payload.items() if name not in known}


def _is_float(number: Number) -> bool:
    return not number.removeprefix("-").isdigit()


def _integer(number: Number) -> int:
    if len(number.removeprefix("-")) > MAX_INTEGER_DIGITS:
        raise ValueError(f"integer of {len(number)} digits")
    return int(number)


_MARKS: Final = re.compile(r'["\\\[\]{}]')


class JsonProgress:
    """Follows a JSON text that arrives in pieces, and knows when it is a whole value; each byte is seen once.

    It counts brackets and strings and does not validate: `{oops}` is whole.
    """

    __slots__ = ("_depth", "_escaped", "_quoted", "_scalar", "_values")

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = False
        self._escaped = False  # the last piece ended in a backslash
        self._values = 0  # how many brackets and strings have been closed at the top
        self._scalar = ""  # what stands at the top beside them

    def feed(self, piece: str) -> None:
        """Take the next piece."""
        at = 1 if self._escaped and piece else 0
        self._escaped = self._escaped and not piece
        for mark in _MARKS.finditer(piece):
            if mark.start() < at:
                continue
            char = mark[0]
            if self._quoted:
                if char == "\\":
                    at = mark.start() + 2
                    self._escaped = at > len(piece)
                    continue
                if char != '"':
                    continue
                self._quoted = False
                self._values += self._depth == 0
            else:
                self._beside(piece[at : mark.start()])
                if char == '"':
                    self._quoted = True
                elif char in "[{":
                    self._depth += 1
                elif char in "]}":
                    self._depth -= 1
                    self._values += self._depth == 0
            at = mark.end()
        if not self._quoted:
            self._beside(piece[at:])

    def _beside(self, text: str) -> None:
        if not self._depth and len(self._scalar) <= MAX_SCALAR_CHARS:
            self._scalar += text if self._scalar else text.lstrip()

    @property
    def whole(self) -> bool:
        """One value has been closed, and no second one begun."""
        if self._quoted or self._depth:
            return False
        if self._values:
            return self._values == 1 and not self._scalar.strip()
        if len(self._scalar) > MAX_SCALAR_CHARS:
            return False
        try:
            msgspec.json.decode(self._scalar)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return False
        return True


# -- building --------------------------------------------------------------------------------------------


def builder(annotation: Any) -> Build:
    """The lenient builder of a type."""
    from msgspec import inspect  # 4 ms that only an odd payload is worth

    return _Builders(inspect).of(inspect.type_info(annotation))


class _Unsupported(ValueError):
    """A type that the lenient way knows nothing about."""


class _Builders:
    """Makes one builder a type, for types that may refer to themselves."""

    def __init__(self, inspect: Any) -> None:
        self._inspect = inspect
        self._structs: dict[type, Build] = {}

    def of(self, info: Any) -> Build:
        inspect = self._inspect
        if isinstance(info, inspect.AnyType):
            return _any
        reading = _Reading()
        for member in info.types if isinstance(info, inspect.UnionType) else (info,):
            match member:
                case inspect.NoneType():
                    reading.null = True
                case inspect.BoolType():
                    reading.boolean = True
                case inspect.StrType(min_length=None, max_length=None, pattern=None):
                    reading.text = True
                case inspect.IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
                    reading.integer = True
                case inspect.FloatType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
                    reading.number = True
                case inspect.ListType(min_length=None, max_length=None):
                    reading.item = self.of(member.item_type)
                case inspect.DictType(min_length=None, max_length=None, key_type=inspect.StrType()):
                    reading.value = self.of(member.value_type)
                case inspect.RawType():
                    return _raw
                case inspect.StructType(array_like=False, tag=None | str()):
                    reading.structs[member.tag] = self._struct(member)
                    reading.tag_field = member.tag_field
                    reading.unknown = getattr(member.cls, "unknown_member", None)
                case _:
                    raise _Unsupported
        return reading.build

    def _struct(self, info: Any) -> Build:
        known = self._structs.get(info.cls)
        if known is not None:
            return known
        fields: list[tuple[Any, Build, bool]] = []

        def build(value: Any, path: str, repairs: list[str]) -> Any:
            found: dict[str, Any] = {}
            for field, item, nullable in fields:
                there = f"{path}.{field.encode_name}"
                if field.encode_name not in value:
                    if field.required:
                        raise ValueError(f"nothing at {there}")
                elif value[field.encode_name] is None and not nullable and not field.required:
                    repairs.append(f"null at {there}")
                else:
                    found[field.name] = item(value[field.encode_name], there, repairs)
            try:
                return info.cls(**found)
            except TypeError as error:  # what a caller's type says of its values
                raise ValueError(f"{error} at {path}") from error

        self._structs[info.cls] = build
        for field, declared in zip(info.fields, msgspec.structs.fields(info.cls), strict=True):
            fields.append((field, self._field(field.type, declared.type), self._nullable(field.type)))
        return build

    def _nullable(self, info: Any) -> bool:
        members = info.types if isinstance(info, self._inspect.UnionType) else (info,)
        return any(isinstance(each, (self._inspect.AnyType, self._inspect.NoneType)) for each in members)

    def _field(self, info: Any, annotation: Any) -> Build:
        try:
            return self.of(info)
        except _Unsupported:
            # A field that a caller's type adds: a date, an enum. It is read as msgspec reads it.
            strict = msgspec.json.Decoder(annotation).decode
            return lambda value, _path, _repairs: strict(written(value))


class _Reading:
    """What a type accepts, by the kind of JSON value."""

    def __init__(self) -> None:
        self.null = self.boolean = self.text = self.integer = self.number = False
        self.item: Build | None = None  # of a list
        self.value: Build | None = None  # of an object without a type
        self.structs: dict[Any, Build] = {}  # by tag
        self.tag_field: str | None = None
        self.unknown: Callable[[dict[str, Any]], Any] | None = None  # for another tag, where there is one

    def build(self, value: Any, path: str, repairs: list[str]) -> Any:
        match value:
            case Number():
                return self._number(value, path, repairs)
            case str() if self.text:
                return _any(value, path, repairs)
            case None if self.null:
                return None
            case bool() if self.boolean:
                return value
            case list() if self.item:
                return [self.item(each, f"{path}[]", repairs) for each in value]
            case dict() if self.structs:
                return self._struct(value, path, repairs)
            case dict() if self.value:
                return {
                    _any(key, path, repairs): self.value(each, f"{path}.{key}", repairs)
                    for key, each in value.items()
                }
            case dict() | list() if self.text:
                # Ollama through LiteLLM sends the arguments of a call as an object.
                repairs.append(f"{type(value).__name__} for text at {path}")
                return _dumps(_any(value, path, repairs), ensure_ascii=False, separators=(",", ":"))
        raise ValueError(f"{type(value).__name__} does not belong at {path}")

    def _number(self, number: Number, path: str, repairs: list[str]) -> Any:
        fraction = _is_float(number)
        if self.integer and not fraction:
            return _integer(number)
        if self.number:
            return _finite(number, path, repairs)
        if self.integer and float(number).is_integer():
            repairs.append(f"fraction for an integer at {path}")
            return int(float(number))
        if self.text:
            # Cloudflare Workers AI sends an answer's digits as numbers.
            repairs.append(f"number for text at {path}")
            return str(number)
        raise ValueError(f"number does not belong at {path}")

    def _struct(self, value: dict[str, Any], path: str, repairs: list[str]) -> Any:
        tag = None if self.tag_field is None else value.get(self.tag_field)
        build = self.structs.get(tag) if tag is None or isinstance(tag, str) else None
        if build is None and tag is None and len(self.structs) == 1:
            (build,) = self.structs.values()
        if build is not None:
            return build(value, path, repairs)
        if self.unknown is None:
            raise ValueError(f"unknown {self.tag_field} at {path}")
        repairs.append(f"unknown {self.tag_field} {tag!r} at {path}")
        return self.unknown(_any(value, path, repairs))


def _raw(value: Any, path: str, repairs: list[str]) -> msgspec.Raw:
    """JSON that is decoded later, written anew; halves of surrogate pairs and NaN stay what they are."""
    _any(value, path, repairs)
    return msgspec.Raw(written(value))


def _finite(number: Number, path: str, repairs: list[str]) -> float:
    value = float(number)
    if not math.isfinite(value):
        repairs.append(f"{value} at {path}")
    return value


def _any(value: Any, path: str, repairs: list[str]) -> Any:
    """The plain value; a half of a surrogate pair stays as it was sent, for the other half may follow."""
    match value:
        case Number():
            return _finite(value, path, repairs) if _is_float(value) else _integer(value)
        case str():
            if _SURROGATE.search(value):
                repairs.append(f"lone surrogate at {path}")
            return value
        case list():
            return [_any(each, f"{path}[]", repairs) for each in value]
        case dict():
            return {
                _any(key, path, repairs): _any(each, f"{path}.{key}", repairs) for key, each in value.items()
            }
        case _:
            return value
