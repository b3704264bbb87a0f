"""Lines of text as records and records as lines, as Apache's console tools read and print them.

Bytes stay bytes: what is not UTF-8 goes through unharmed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ottla.errors import OttlaError

Headers = list[tuple[str, bytes | None]]


class Line(NamedTuple):
    """A record as one line of input says it."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class BadLine(OttlaError):
    """A line that lacks what the reader's properties promise."""


def lines_of(data: bytes) -> list[bytes]:
    """The lines in what was read up to a newline or the end, as Java's `readLine` has them: a lone
    carriage return ends a line as well.
    """
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    return line.split(b"\r")


def _flag(properties: Mapping[str, str], name: str, default: bool) -> bool:
    return properties.get(name, str(default)).strip().lower() == "true"


class LineReader:
    """Cuts lines into headers, key and value, by the properties of Apache's LineMessageReader."""

    NAMES = frozenset(
        (
            "parse.key",
            "parse.headers",
            "ignore.error",
            "key.separator",
            "headers.delimiter",
            "headers.separator",
            "headers.key.separator",
            "null.marker",
        )
    )

    def __init__(self, properties: Mapping[str, str]) -> None:
        """Raises OttlaError when two separators are the same, or a property is unknown."""
        unknown = sorted(set(properties) - self.NAMES)
        if unknown:
            raise OttlaError(
                f"the line reader has no property {unknown[0]}",
                hint=f"it has {', '.join(sorted(self.NAMES))}",
            )
        self._parse_key = _flag(properties, "parse.key", False)
        self._parse_headers = _flag(properties, "parse.headers", False)
        self._ignore_error = _flag(properties, "ignore.error", False)
        self._key_separator = properties.get("key.separator", "\t").encode()
        self._headers_delimiter = properties.get("headers.delimiter", "\t").encode()
        self._headers_separator = properties.get("headers.separator", ",").encode()
        self._header_separator = properties.get("headers.key.separator", ":").encode()
        marker = properties.get("null.marker")
        self._null = marker.encode() if marker is not None else None
        self._number = 0
        self._refuse_same()

    def _refuse_same(self) -> None:
        named = {
            "headers.delimiter": self._headers_delimiter,
            "headers.separator": self._headers_separator,
            "headers.key.separator": self._header_separator,
        }
        if self._null is not None:
            named["null.marker"] = self._null
            if self._null == self._key_separator:
                raise OttlaError("null.marker and key.separator may not be equal")
        names = list(named)
        for at, first in enumerate(names):
            for second in names[at + 1 :]:
                if named[first] == named[second]:
                    raise OttlaError(f"{first} and {second} may not be equal")

    def read(self, line: bytes) -> Line:
        """One line without its end.

        Raises:
            BadLine: a separator is missing, and `ignore.error` is not set.
        """
        self._number += 1
        rest = line
        headers: Headers = []
        if self._parse_headers:
            head, found, after = rest.partition(self._headers_delimiter)
            if found:
                rest = after
                headers = self._headers(head)
            elif not self._ignore_error:
                raise self._bad("header delimiter", line)
        key = None
        if self._parse_key:
            before, found, after = rest.partition(self._key_separator)
            if found:
                key, rest = self._nullable(before), after
            elif not self._ignore_error:
                raise self._bad("key separator", line)
        return Line(key, self._nullable(rest), headers)

    def _headers(self, text: bytes) -> Headers:
        if text == self._null or not text:
            return []
        found: Headers = []
        for pair in text.split(self._headers_separator):
            name, separator, value = pair.partition(self._header_separator)
            if not separator and not self._ignore_error:
                raise BadLine(
                    f"No header key separator found in pair '{pair.decode(errors='replace')}' "
                    f"on line number {self._number}"
                )
            if name == self._null:
                raise BadLine(f"line number {self._number}: a header's key can't be null")
            found.append(
                (name.decode(errors="replace"), self._nullable(value) if separator else None)
            )
        return found

    def _nullable(self, part: bytes) -> bytes | None:
        return None if self._null is not None and part == self._null else part

    def _bad(self, what: str, line: bytes) -> BadLine:
        shown = line.decode(errors="replace")
        return BadLine(
            f"No {what} found on line number {self._number}: '{shown}'",
            hint="--reader-property key.separator=: sets what keys end with; the default is a tab",
        )


class Printed(NamedTuple):
    """A record as it is to be printed; `timestamp_type` is None when it has no timestamp."""

    timestamp_type: str | None
    timestamp_ms: int
    partition: int
    offset: int
    headers: Headers
    key: bytes | None
    value: bytes | None


class Formatter:
    """Prints records by the properties of Apache's DefaultMessageFormatter."""

    NAMES = frozenset(
        (
            "print.timestamp",
            "print.key",
            "print.offset",
            "print.delivery",
            "print.epoch",
            "print.partition",
            "print.headers",
            "print.value",
            "key.separator",
            "line.separator",
            "headers.separator",
            "null.literal",
            "key.deserializer",
            "value.deserializer",
            "headers.deserializer",
        )
    )

    def __init__(self, properties: Mapping[str, str]) -> None:
        """Raises OttlaError when a property is unknown or names a deserializer that is not here."""
        unknown = sorted(set(properties) - self.NAMES)
        if unknown:
            raise OttlaError(
                f"the formatter has no property {unknown[0]}",
                hint=f"it has {', '.join(sorted(self.NAMES))}",
            )
        self._timestamp = _flag(properties, "print.timestamp", False)
        self._key = _flag(properties, "print.key", False)
        self._offset = _flag(properties, "print.offset", False)
        self._delivery = _flag(properties, "print.delivery", False)
        self._epoch = _flag(properties, "print.epoch", False)
        self._partition = _flag(properties, "print.partition", False)
        self._headers = _flag(properties, "print.headers", False)
        self._value = _flag(properties, "print.value", True)
        self._separator = properties.get("key.separator", "\t").encode()
        self._line_separator = properties.get("line.separator", "\n").encode()
        self._headers_separator = properties.get("headers.separator", ",").encode()
        self._null = properties.get("null.literal", "null").encode()
        self._show_key = deserializer(properties.get("key.deserializer"))
        self._show_value = deserializer(properties.get("value.deserializer"))
        self._show_header = deserializer(properties.get("headers.deserializer"))

    def line(self, record: Printed) -> bytes:
        """The record's line, its end included."""
        parts: list[bytes] = []
        if self._timestamp:
            kind = record.timestamp_type
            shown = "NO_TIMESTAMP" if kind is None else f"{kind}:{record.timestamp_ms}"
            parts.append(shown.encode())
        if self._partition:
            parts.append(b"Partition:%d" % record.partition)
        if self._offset:
            parts.append(b"Offset:%d" % record.offset)
        if self._delivery:
            parts.append(b"Delivery:NOT_PRESENT")
        if self._epoch:
            # As Apache's tool, which loses the epoch on the way to its formatter.
            parts.append(b"Epoch:NOT_PRESENT")
        if self._headers:
            parts.append(self._headers_text(record.headers))
        if self._key:
            parts.append(self._text(record.key, self._show_key))
        if self._value:
            parts.append(self._text(record.value, self._show_value))
        return self._separator.join(parts) + self._line_separator

    def _headers_text(self, headers: Headers) -> bytes:
        if not headers:
            return b"NO_HEADERS"
        return self._headers_separator.join(
            name.encode() + b":" + self._text(value, self._show_header) for name, value in headers
        )

    def _text(self, data: bytes | None, show: Callable[[bytes], bytes]) -> bytes:
        return self._null if data is None else show(data)


def _number(form: str) -> Callable[[bytes], bytes]:
    def show(data: bytes) -> bytes:
        try:
            return str(struct.unpack(form, data)[0]).encode()
        except struct.error:
            raise OttlaError(
                f"{len(data)} bytes are not the {struct.calcsize(form)} bytes of this number"
            ) from None

    return show


def _uuid(data: bytes) -> bytes:
    # As Java does it: the text's bytes, checked.
    from uuid import UUID

    try:
        return str(UUID(data.decode())).encode()
    except ValueError:
        raise OttlaError("the bytes are not a UUID's text") from None


def _bytes(data: bytes) -> bytes:
    """As Java's Bytes prints itself."""
    return b"".join(
        bytes((byte,)) if 32 <= byte < 127 and byte != 0x5C else b"\\x%02X" % byte for byte in data
    )


_DESERIALIZERS: dict[str, Callable[[bytes], bytes]] = {
    "StringDeserializer": bytes,
    "ByteArrayDeserializer": bytes,
    "ByteBufferDeserializer": bytes,
    "BytesDeserializer": _bytes,
    "ShortDeserializer": _number(">h"),
    "IntegerDeserializer": _number(">i"),
    "LongDeserializer": _number(">q"),
    "FloatDeserializer": _number(">f"),
    "DoubleDeserializer": _number(">d"),
    "UUIDDeserializer": _uuid,
    "BooleanDeserializer": lambda data: b"true" if data == b"\1" else b"false",
    "VoidDeserializer": lambda data: b"null",
}


def deserializer(name: str | None) -> Callable[[bytes], bytes]:
    """What prints bytes as the Java class of that name would; the bytes themselves with None.

    Raises:
        OttlaError: there is none like it here.
    """
    if not name:
        return bytes
    package, _, short = name.strip().rpartition(".")
    found = _DESERIALIZERS.get(short)
    if found is None or package not in ("", "org.apache.kafka.common.serialization"):
        raise OttlaError(
            f"{name} is a class that only Java can load",
            hint=f"there are {', '.join(_DESERIALIZERS)}",
        )
    return found
