"""A Protobuf file as objects: what google/protobuf/descriptor.proto says of it, row by row.

Of a file that was linked, names of types are full and begin with a dot; of one as its author wrote
it, they are as they stand. Options stay bytes until somebody asks for them (`options.py`).
Nothing here changes once it was read.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any, Final, TypeVar

from ottla.schemas.protobuf.binary import BYTES, Malformed, fields, signed, varint

_T = TypeVar("_T")

OPTIONAL, REQUIRED, REPEATED = 1, 2, 3
"""Labels."""

DOUBLE, FLOAT, INT64, UINT64, INT32, FIXED64, FIXED32, BOOL, STRING = range(1, 10)
GROUP, MESSAGE, BYTES_, UINT32, ENUM, SFIXED32, SFIXED64, SINT32, SINT64 = range(10, 19)
"""Kinds of fields, by the numbers that descriptors have for them."""

SCALARS: Final = {
    DOUBLE: "double", FLOAT: "float", INT64: "int64", UINT64: "uint64", INT32: "int32",
    FIXED64: "fixed64", FIXED32: "fixed32", BOOL: "bool", STRING: "string", BYTES_: "bytes",
    UINT32: "uint32", SFIXED32: "sfixed32", SFIXED64: "sfixed64", SINT32: "sint32",
    SINT64: "sint64",
}  # fmt: skip


@dataclass(slots=True)
class Range:
    """Numbers that are reserved, or left to extensions; `end` is as the descriptor has it."""

    start: int = 0
    end: int = 0
    options: bytes = b""


@dataclass(slots=True)
class Field:
    """A field of a message, or an extension."""

    name: str = ""
    extendee: str = ""
    number: int = 0
    label: int = OPTIONAL
    type: int = 0
    """0 in a file as written, where it is not known whether a name is an enum's."""
    type_name: str = ""
    default_value: str | None = None
    options: bytes = b""
    oneof_index: int | None = None
    json_name: str | None = None
    proto3_optional: bool = False


@dataclass(slots=True)
class Oneof:
    name: str = ""
    options: bytes = b""


@dataclass(slots=True)
class EnumValue:
    name: str = ""
    number: int = 0
    options: bytes = b""


@dataclass(slots=True)
class Enum:
    name: str = ""
    value: list[EnumValue] = attribute(default_factory=list)
    options: bytes = b""
    reserved_range: list[Range] = attribute(default_factory=list)
    reserved_name: list[str] = attribute(default_factory=list)


@dataclass(slots=True)
class Message:
    name: str = ""
    field: list[Field] = attribute(default_factory=list)
    nested_type: list[Message] = attribute(default_factory=list)
    enum_type: list[Enum] = attribute(default_factory=list)
    extension_range: list[Range] = attribute(default_factory=list)
    extension: list[Field] = attribute(default_factory=list)
    options: bytes = b""
    oneof_decl: list[Oneof] = attribute(default_factory=list)
    reserved_range: list[Range] = attribute(default_factory=list)
    reserved_name: list[str] = attribute(default_factory=list)

    @property
    def is_map_entry(self) -> bool:
        """Whether it is no message of the author's, but stands for the entries of a map."""
        return any(number == 7 and value for number, _, value in fields(self.options))

    def real_oneof_of(self, member: Field) -> Oneof | None:
        """The oneof that a field is in; none where it only stands for proto3's `optional`."""
        at = member.oneof_index
        if at is None or member.proto3_optional or at >= len(self.oneof_decl):
            return None
        return self.oneof_decl[at]


@dataclass(slots=True)
class Method:
    name: str = ""
    input_type: str = ""
    output_type: str = ""
    options: bytes = b""
    client_streaming: bool = False
    server_streaming: bool = False


@dataclass(slots=True)
class Service:
    name: str = ""
    method: list[Method] = attribute(default_factory=list)
    options: bytes = b""


@dataclass(slots=True)
class Location:
    """Where something begins; both lists are varints one after the other."""

    path: bytes = b""
    span: bytes = b""


@dataclass(slots=True)
class SourceInfo:
    location: list[Location] = attribute(default_factory=list)


@dataclass(slots=True)
class File:
    name: str = ""
    package: str = ""
    dependency: list[str] = attribute(default_factory=list)
    message_type: list[Message] = attribute(default_factory=list)
    enum_type: list[Enum] = attribute(default_factory=list)
    service: list[Service] = attribute(default_factory=list)
    extension: list[Field] = attribute(default_factory=list)
    options: bytes = b""
    source_code_info: SourceInfo = attribute(default_factory=SourceInfo)
    public_dependency: list[int] = attribute(default_factory=list)
    weak_dependency: list[int] = attribute(default_factory=list)
    syntax: str = ""
    edition: int = 0

    def begins(self) -> dict[tuple[int, ...], tuple[int, int]]:
        """Where messages, enums and extensions begin, by their paths in the descriptor."""
        places = {}
        for location in self.source_code_info.location:
            span = _numbers(location.span)
            if len(span) >= 2:
                places[tuple(_numbers(location.path))] = (span[0], span[1])
        return places


Row = tuple[str, Any, bool]
"""A field's attribute, what it is read as (str, int, bool, bytes or a class above), and whether it
is a list."""

ROWS: Final[dict[type, dict[int, Row]]] = {
    Range: {1: ("start", int, False), 2: ("end", int, False), 3: ("options", bytes, False)},
    Field: {
        1: ("name", str, False),
        2: ("extendee", str, False),
        3: ("number", int, False),
        4: ("label", int, False),
        5: ("type", int, False),
        6: ("type_name", str, False),
        7: ("default_value", str, False),
        8: ("options", bytes, False),
        9: ("oneof_index", int, False),
        10: ("json_name", str, False),
        17: ("proto3_optional", bool, False),
    },
    Oneof: {1: ("name", str, False), 2: ("options", bytes, False)},
    EnumValue: {1: ("name", str, False), 2: ("number", int, False), 3: ("options", bytes, False)},
    Enum: {
        1: ("name", str, False),
        2: ("value", EnumValue, True),
        3: ("options", bytes, False),
        4: ("reserved_range", Range, True),
        5: ("reserved_name", str, True),
    },
    Message: {
        1: ("name", str, False),
        2: ("field", Field, True),
        3: ("nested_type", Message, True),
        4: ("enum_type", Enum, True),
        5: ("extension_range", Range, True),
        6: ("extension", Field, True),
        7: ("options", bytes, False),
        8: ("oneof_decl", Oneof, True),
        9: ("reserved_range", Range, True),
        10: ("reserved_name", str, True),
    },
    Method: {
        1: ("name", str, False),
        2: ("input_type", str, False),
        3: ("output_type", str, False),
        4: ("options", bytes, False),
        5: ("client_streaming", bool, False),
        6: ("server_streaming", bool, False),
    },
    Service: {
        1: ("name", str, False),
        2: ("method", Method, True),
        3: ("options", bytes, False),
    },
    Location: {1: ("path", bytes, False), 2: ("span", bytes, False)},
    SourceInfo: {1: ("location", Location, True)},
    File: {
        1: ("name", str, False),
        2: ("package", str, False),
        3: ("dependency", str, True),
        4: ("message_type", Message, True),
        5: ("enum_type", Enum, True),
        6: ("service", Service, True),
        7: ("extension", Field, True),
        8: ("options", bytes, False),
        9: ("source_code_info", SourceInfo, False),
        10: ("public_dependency", int, True),
        11: ("weak_dependency", int, True),
        12: ("syntax", str, False),
        14: ("edition", int, False),
    },
}


@functools.lru_cache(maxsize=64)
def file_of(data: bytes) -> File:
    """A serialized FileDescriptorProto as objects; those of imports come again and again.

    Raises:
        Malformed: the bytes are none.
    """
    return read_as(File, data)


def read_as(kind: type[_T], data: bytes) -> _T:
    """Read bytes as one of the classes above; what descriptors have beside is left out.

    Raises:
        Malformed: the bytes are none.
    """
    rows = ROWS[kind]
    made = kind()
    for number, wire, value in fields(data):
        if (row := rows.get(number)) is None:
            continue
        name, item, many = row
        if many and item is int and wire == BYTES and isinstance(value, bytes):
            getattr(made, name).extend(_numbers(value))
        elif many:
            getattr(made, name).append(_item(item, value))
        elif item is bytes and isinstance(value, bytes):
            setattr(made, name, getattr(made, name) + value)  # a message that comes twice is merged
        else:
            setattr(made, name, _item(item, value))
    return made


def _item(kind: Any, value: int | bytes) -> Any:
    if kind in (int, bool):
        if not isinstance(value, int):
            raise Malformed("a number has the bytes of something else")
        return kind(signed(value))
    if not isinstance(value, bytes):
        raise Malformed("something that is no number has the bytes of one")
    if kind is str:
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise Malformed("a name is no UTF-8") from error
    return read_as(kind, value)


def _numbers(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        found.append(signed(value))
    return found


def float_of(value: bytes) -> float:
    """A float or a double from its bytes."""
    number: float
    (number,) = struct.unpack("<f" if len(value) == 4 else "<d", value)
    return number
