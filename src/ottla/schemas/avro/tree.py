"""An Avro schema as a tree of types.

A type stands where the text defines it; elsewhere a `Reference` points to it, so the tree itself
has no circles, however recursive the schema. What stays true: after reading, every reference has a
target, and nothing changes a tree any more. Two types that are told alike are still two objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

PRIMITIVES = ("string", "bytes", "int", "long", "float", "double", "boolean", "null")
NAMED = ("record", "enum", "fixed")
TYPE_WORDS = frozenset((*PRIMITIVES, *NAMED, "array", "map", "union"))
"""The words of Avro's type kinds; a name that is one of them is always printed in full."""

Props: TypeAlias = dict[str, Any]
"""The properties that Avro gives no meaning to, in the order of the text."""


class Missing:
    """The class of `NO_DEFAULT`: a field's default may be null, and null is a default."""


NO_DEFAULT: Final = Missing()


class Name(NamedTuple):
    """A name of a type; `space` is empty for a name outside all namespaces."""

    space: str
    simple: str

    @property
    def full(self) -> str:
        """The name with its namespace."""
        return f"{self.space}.{self.simple}" if self.space else self.simple


@dataclass(slots=True, eq=False)
class Primitive:
    """One of the eight types that need no definition."""

    kind: str
    props: Props


@dataclass(slots=True, eq=False)
class Array:
    """A list of items of one type."""

    items: Type
    props: Props
    kind: ClassVar[str] = "array"


@dataclass(slots=True, eq=False)
class Map:
    """Values of one type by strings."""

    values: Type
    props: Props
    kind: ClassVar[str] = "map"


@dataclass(slots=True, eq=False)
class Union:
    """One of several types."""

    branches: tuple[Type, ...]
    kind: ClassVar[str] = "union"


@dataclass(slots=True, eq=False)
class Field:
    """One field of a record."""

    name: str
    type: Type
    doc: str | None
    default: Any
    order: str
    aliases: tuple[str, ...]
    props: Props

    @property
    def has_default(self) -> bool:
        """Whether a reader finds a value where the writer has no such field."""
        return self.default is not NO_DEFAULT


@dataclass(slots=True, eq=False)
class Record:
    """Fields under a name; `is_error` when its text says "error", which means the same."""

    name: Name
    doc: str | None
    aliases: tuple[Name, ...]
    props: Props
    is_error: bool
    fields: tuple[Field, ...] = ()
    kind: ClassVar[str] = "record"


@dataclass(slots=True, eq=False)
class Enum:
    """Symbols under a name; `default` is what a reader takes for a symbol that it lacks."""

    name: Name
    doc: str | None
    aliases: tuple[Name, ...]
    props: Props
    symbols: tuple[str, ...]
    default: str | None
    kind: ClassVar[str] = "enum"


@dataclass(slots=True, eq=False)
class Fixed:
    """A number of bytes under a name."""

    name: Name
    doc: str | None
    aliases: tuple[Name, ...]
    props: Props
    size: int
    kind: ClassVar[str] = "fixed"


Named: TypeAlias = Record | Enum | Fixed
Definite: TypeAlias = Primitive | Array | Map | Union | Record | Enum | Fixed


@dataclass(slots=True, eq=False)
class Reference:
    """A name where a type could stand; `full` is the name that was looked up."""

    full: str
    target: Named | None = field(default=None, repr=False)


Type: TypeAlias = Definite | Reference


def definite(found: Type) -> Definite:
    """The type itself, where a reference may stand for it."""
    if isinstance(found, Reference):
        assert found.target is not None, f"{found.full} was never resolved"
        return found.target
    return found


def branch_name(found: Definite) -> str:
    """What tells one branch of a union from the others: two of one name can't stand in it."""
    if isinstance(found, Record | Enum | Fixed):
        return found.name.full
    return found.kind
