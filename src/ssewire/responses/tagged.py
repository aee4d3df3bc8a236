"""What the types that are told apart by their `type` have in common."""

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from msgspec import Struct, StructMeta


class _TaggedMeta(StructMeta):
    """Keeps a type's tag as the class attribute `type`, which is read five times as fast as a property."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any
    ) -> "_TaggedMeta":
        if "tag" in config:
            namespace["type"] = config["tag"]
        return super().__new__(mcls, name, bases, namespace, **config)


class Tagged(Struct, metaclass=_TaggedMeta, frozen=True, gc=False, omit_defaults=True, tag_field="type"):
    """An object that says in `type` which kind of object it is."""

    type: ClassVar[str]


class UnknownMember(dict[str, Any]):
    """An item, part, annotation or other member of a union, of a type that this version does not know.

    It is the JSON object that came: its fields are keys, and it encodes to what it was.
    """

    __slots__ = ()

    @property
    def type(self) -> str:
        """The type as sent, or an empty string when none was."""
        kind = self.get("type")
        return kind if isinstance(kind, str) else ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class Member(Tagged, frozen=True):
    """A member of a union that may also have members which this version does not know."""

    unknown_member: ClassVar[type[UnknownMember]] = UnknownMember
    """What the lenient builder makes of an object with another tag."""


if TYPE_CHECKING:
    _KnownT = TypeVar("_KnownT")
    OrUnknown: TypeAlias = _KnownT | UnknownMember
else:

    class OrUnknown:
        """The known members or an unknown one, to a type checker; only the known ones to msgspec.

        msgspec takes no other class into a union of Structs. It decodes the known members in one pass; of
        what it refuses, the lenient builder makes an `UnknownMember`.
        """

        def __class_getitem__(cls, known):
            return known


def no_items() -> list[Any]:
    """The default of a list that the API requires: unlike that of `list`, it is encoded."""
    return []
