"""The formats of Kafka's own serializers: text, bytes, numbers, truth, UUIDs, nothing.

The bytes are Kafka's to the last one, so Java's clients read what is written here, and the other
way.
"""

from __future__ import annotations

import math
import re
import struct
import uuid

from ottla.streams.serdes.serde import Headers, Serde
from ottla.streams.variables import V

_ENCODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def java_text(data: bytes) -> str:
    """The text of bytes as Java reads UTF-8: what is malformed becomes U+FFFD, never an error.

    Java and Python put one U+FFFD for each maximal malformed part, but for an encoded surrogate,
    cut short or not: Java puts one for all its bytes, Python one for each.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _ENCODED_SURROGATE.sub("\ufffd".encode(), data).decode(errors="replace")


class StringSerde(Serde[str]):
    """`str` as UTF-8."""

    native = ("string",)
    name = "STRING"

    def serialize(
        self, value: str | None, topic: str = "", headers: Headers = None
    ) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._wrong_type(value, topic)
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise self._unwritable("text with half a surrogate pair", topic, error) from error

    def deserialize(
        self, data: bytes | None, topic: str = "", headers: Headers = None
    ) -> str | None:
        return None if data is None else java_text(data)


class BytesSerde(Serde[bytes]):
    """`bytes` as they are."""

    native = ("bytes",)
    name = "BYTES"

    def serialize(
        self, value: bytes | bytearray | memoryview | None, topic: str = "", headers: Headers = None
    ) -> bytes | None:
        if value is None or type(value) is bytes:
            return value
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise self._wrong_type(value, topic)
        return bytes(value)

    def deserialize(
        self, data: bytes | None, topic: str = "", headers: Headers = None
    ) -> bytes | None:
        return data


class NumberSerde(Serde[V]):
    """`int` or `float` as so many bytes, the highest first; a float's serde takes an int too."""

    def __init__(self, name: str, form: str, kind: type[V]) -> None:
        self._name = name
        self.native = (name.lower(),)
        self.kind = kind
        self._struct = struct.Struct(f">{form}")
        #: How many bytes a number has.
        self.size = self._struct.size

    @property
    def name(self) -> str:
        return self._name

    def serialize(self, value: V | None, topic: str = "", headers: Headers = None) -> bytes | None:
        if type(value) is not self.kind:
            if value is None:
                return None
            if isinstance(value, bool) or not isinstance(value, (int, self.kind)):
                raise self._wrong_type(value, topic)
        try:
            # As Java does: one NaN for all.
            return self._struct.pack(value if value == value else math.nan)
        except (struct.error, OverflowError) as error:
            raise self._out_of_range(topic) from error

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> V | None:
        if data is None:
            return None
        if len(data) != self.size:
            raise self._unreadable(data, topic, f"it has {self.size} bytes")
        number: V = self._struct.unpack(data)[0]
        return number


class BooleanSerde(Serde[bool]):
    """`bool` as one byte."""

    native = ("boolean",)
    name = "BOOLEAN"

    def serialize(
        self, value: bool | None, topic: str = "", headers: Headers = None
    ) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, bool):
            raise self._wrong_type(value, topic)
        return b"\x01" if value else b"\x00"

    def deserialize(
        self, data: bytes | None, topic: str = "", headers: Headers = None
    ) -> bool | None:
        if data is None:
            return None
        if len(data) != 1:
            raise self._unreadable(data, topic, "it has 1 byte")
        if data[0] > 1:
            raise self._unreadable(data, topic, "the byte is 0 or 1")
        return data[0] == 1


class UuidSerde(Serde[uuid.UUID]):
    """`uuid.UUID` as its text of 36 letters, as Kafka has it."""

    name = "UUID"

    def serialize(
        self, value: uuid.UUID | None, topic: str = "", headers: Headers = None
    ) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, uuid.UUID):
            raise self._wrong_type(value, topic)
        return str(value).encode()

    def deserialize(
        self, data: bytes | None, topic: str = "", headers: Headers = None
    ) -> uuid.UUID | None:
        if data is None:
            return None
        text = java_text(data)
        if not _UUID.fullmatch(text):
            raise self._unreadable(data, topic, "it is the text of a UUID")
        return uuid.UUID(text)


class VoidSerde(Serde[None]):
    """Nothing but None."""

    native = ("void",)
    name = "VOID"

    def serialize(self, value: None, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is not None:
            raise self._wrong_type(value, topic)
        return None

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> None:
        if data is not None:
            raise self._unreadable(data, topic, "there must be none")
        return None


STRING = StringSerde()
BYTES = BytesSerde()
LONG = NumberSerde("LONG", "q", int)
INTEGER = NumberSerde("INTEGER", "i", int)
SHORT = NumberSerde("SHORT", "h", int)
DOUBLE = NumberSerde("DOUBLE", "d", float)
FLOAT = NumberSerde("FLOAT", "f", float)
BOOLEAN = BooleanSerde()
UUID = UuidSerde()
VOID = VoidSerde()

#: Of single values, which have no fields.
SINGLE = (StringSerde, BytesSerde, NumberSerde, BooleanSerde, UuidSerde)
