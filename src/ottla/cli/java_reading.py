"""Declared messages read as Apache's generated classes read them, in Python.

The core's codec reads what is well-formed and says in its own words what is not. A tool that prints
what Apache's prints needs Java's view of the rest: text that is no UTF-8 is taken, and a refusal
has the words of the generated code. It is slow; whoever reads asks the core first.
"""

from __future__ import annotations

import struct
from typing import Any, TypeVar

from ottla.cli.java_text import java_text
from ottla.cli.message_json import kafka_name
from ottla.errors import OttlaError
from ottla.wire.schema import Message, ProtocolError, decode_prefix
from ottla.wire.types import Field

M = TypeVar("M", bound=Message)

STRING_BYTES_MAX = 0x7FFF

_NUMBERS = {
    "int8": struct.Struct(">b"),
    "int16": struct.Struct(">h"),
    "uint16": struct.Struct(">H"),
    "int32": struct.Struct(">i"),
    "uint32": struct.Struct(">I"),
    "int64": struct.Struct(">q"),
    "float64": struct.Struct(">d"),
    "bool": struct.Struct(">?"),
    "uuid": struct.Struct(">16s"),
}


class JavaError(OttlaError):
    """A RuntimeException of the generated code; its text is getMessage()."""


NO_MESSAGE = "null"
"""What Java prints of an exception without a message, as a buffer's underflow is."""


def read(kind: type[M], data: bytes, version: int, at: int = 0) -> tuple[M, int]:
    """The message that begins at a byte, and where it ended; a version below 0 is read as 0.

    Raises:
        JavaError: Apache's class refuses it.
    """
    version = max(version, 0)
    try:
        return decode_prefix(kind, data, version, at)
    except ProtocolError:
        reader = JavaReader(data, at, kind.max_version)
        first, last = kind.flexible
        return reader.struct(kind, version, first <= version <= last), reader.at


class JavaReader:
    """ByteBufferAccessor, and what the generated `read` does with it."""

    def __init__(self, data: bytes, at: int = 0, version_max: int = 0) -> None:
        """`version_max`: structs inside refuse a later one, messages themselves take it."""
        self.data = data
        self.at = at
        self._version_max = version_max

    @property
    def remaining(self) -> int:
        """Bytes that were not read yet."""
        return len(self.data) - self.at

    def number(self, kind: str) -> Any:
        """A value of fixed size."""
        form = _NUMBERS[kind]
        if form.size > self.remaining:
            raise JavaError(NO_MESSAGE)
        (value,) = form.unpack_from(self.data, self.at)
        self.at += form.size
        return value

    def unsigned_varint(self) -> int:
        """As an int of 32 bits, which it may turn negative."""
        value = 0
        for shift in range(0, 35, 7):
            byte: int = self.number("int8")
            value |= (byte & 0x7F) << shift
            if byte >= 0:
                value &= 0xFFFFFFFF
                return value - (1 << 32) if value >> 31 else value
        raise JavaError(
            "Varint is too long, the most significant bit in the 5th byte is set, converted value: "
            f"{value & 0xFFFFFFFF:x}"
        )

    def take(self, size: int) -> bytes:
        """So many bytes."""
        if size < 0:
            raise JavaError(str(size))
        if size > self.remaining:
            raise JavaError(
                f"Error reading byte array of {size} byte(s): only {self.remaining} byte(s) "
                "available"
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def struct(self, kind: Any, version: int, flexible: bool) -> Any:
        """All fields, and the tagged ones where they are set."""
        values: dict[str, Any] = {}
        tagged: dict[int, tuple[str, Field]] = {}
        for name, field in kind.__fields__.items():
            if not field.versions[0] <= version <= field.versions[1]:
                continue
            if field.tagged[0] <= version <= field.tagged[1]:
                tagged[field.tag or 0] = name, field
            else:
                values[name] = self._field(kafka_name(name), field, version, flexible)
        if flexible:
            for _ in range(self.unsigned_varint()):
                tag, size = self.unsigned_varint(), self.unsigned_varint()
                if tag in tagged:
                    name, field = tagged[tag]
                    values[name] = self._tagged(kafka_name(name), field, version)
                else:
                    self.take(size)
        return kind(**values)

    def _tagged(self, name: str, field: Field, version: int) -> Any:
        """As any field, but a struct that can be null has a varint before it: 0 if it is."""
        is_nullable = field.nullable[0] <= version <= field.nullable[1]
        if field.kind == "struct" and is_nullable:
            return self._nested(field, version, True) if self.unsigned_varint() > 0 else None
        return self._field(name, field, version, True)

    def _nested(self, field: Field, version: int, flexible: bool) -> Any:
        if version > self._version_max:
            raise JavaError(f"Can't read version {version} of {field.nested.__name__}")
        return self.struct(field.nested, version, flexible)

    def _field(self, name: str, field: Field, version: int, flexible: bool) -> Any:
        nullable = field.nullable[0] <= version <= field.nullable[1]
        kind = field.kind
        if not kind.startswith("[]"):
            return self._value(name, kind, field, version, (flexible, nullable))
        count = self._length(kind, flexible)
        if count < 0:
            return self._null(name, nullable)
        if count > self.remaining:
            raise JavaError(
                f"Tried to allocate a collection of size {count}, but there are only "
                f"{self.remaining} bytes remaining."
            )
        element = f"{name} element"
        return [
            self._value(element, kind[2:], field, version, (flexible, False)) for _ in range(count)
        ]

    def _value(
        self, name: str, kind: str, field: Field, version: int, how: tuple[bool, bool]
    ) -> Any:
        flexible, nullable = how
        if kind in _NUMBERS:
            return self.number(kind)
        if kind == "struct":
            if nullable and self.number("int8") < 0:
                return None
            return self._nested(field, version, flexible)
        length = self._length(kind, flexible and not field.fixed)
        if length < 0:
            return self._null(name, nullable)
        if kind == "bytes":
            return self.take(length)
        if length > STRING_BYTES_MAX:
            raise JavaError(f"string field {name} had invalid length {length}")
        return java_text(self.take(length))

    def _length(self, kind: str, flexible: bool) -> int:
        if flexible:
            return self.unsigned_varint() - 1
        return int(self.number("int16" if kind == "string" else "int32"))

    def _null(self, name: str, nullable: bool) -> None:
        if not nullable:
            raise JavaError(f"non-nullable field {name} was serialized as null")
