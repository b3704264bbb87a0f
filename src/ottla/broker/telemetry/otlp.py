"""The metrics in a payload of OpenTelemetry (OTLP, MetricsData of version 1), read off the bytes.

Gauges and sums alone: KIP-714 has nothing else. Fields that are not needed, those of later versions
among them, are left out, as protobuf does. How many fields are looked at is bounded, since who
decides waits for it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

FIELDS_MAX: Final = 40_000
TEXT_MAX: Final = 256
"""Longer texts are cut."""
ATTRIBUTES_MAX: Final = 16
"""Of one point; what is more is left out."""

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
DELTA: Final = 1

Attributes = tuple[tuple[str, str], ...]


class Point(NamedTuple):
    """One number of one metric."""

    name: str
    value: float
    attributes: Attributes
    is_monotonic: bool
    """Of a sum that only grows."""
    is_delta: bool
    """Whether it is what came since the last push."""


def points(payload: bytes) -> Iterator[Point]:
    """Every number in the payload.

    Raises:
        ValueError: it is no such payload.
    """
    return _Reading(payload).points()


class _Reading:
    """One payload; fields are counted over all of it."""

    __slots__ = ("_data", "_left")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = FIELDS_MAX

    def points(self) -> Iterator[Point]:
        for start, end in self._parts((0, len(self._data)), 1):
            shared: list[tuple[str, str]] = []
            scopes = []
            for number, kind, value in self._fields(start, end):
                if (number, kind) == (1, BYTES):
                    for one in self._parts(value, 1):
                        if len(shared) < ATTRIBUTES_MAX:
                            shared.append(self._attribute(*one))
                elif (number, kind) == (2, BYTES):
                    scopes.append(value)
            for scope in scopes:
                for metric in self._parts(scope, 2):
                    yield from self._metric(*metric, shared)

    def _metric(self, start: int, end: int, shared: list[tuple[str, str]]) -> Iterator[Point]:
        name = ""
        found: list[tuple[int, int]] = []
        is_sum = is_delta = is_monotonic = False
        for number, kind, value in self._fields(start, end):
            if (number, kind) == (1, BYTES):
                name = self._text(*value)
            elif kind == BYTES and number in (5, 7, 9, 10, 11):
                # Of one that is given several times the last kind counts.
                is_sum, found = number == 7, []
                is_delta = is_monotonic = False
                if number not in (5, 7):
                    continue
                for inner, inner_kind, inside in self._fields(*value):
                    if (inner, inner_kind) == (1, BYTES):
                        found.append(inside)
                    elif (inner, inner_kind) == (2, VARINT) and is_sum:
                        is_delta = inside == DELTA
                    elif (inner, inner_kind) == (3, VARINT) and is_sum:
                        is_monotonic = bool(inside)
        for place in found:
            number_of, attributes = self._point(*place, shared)
            if number_of is not None:
                yield Point(name, number_of, attributes, is_monotonic, is_delta)

    def _point(
        self, start: int, end: int, shared: list[tuple[str, str]]
    ) -> tuple[float | None, Attributes]:
        found: float | None = None
        attributes = list(shared)
        for number, kind, value in self._fields(start, end):
            if number == 4 and kind == FIXED64:
                found = struct.unpack_from("<d", self._data, value)[0]
            elif number == 6 and kind == FIXED64:
                found = float(struct.unpack_from("<q", self._data, value)[0])
            elif number == 7 and kind == BYTES and len(attributes) < ATTRIBUTES_MAX:
                attributes.append(self._attribute(*value))
        return found, tuple(attributes)

    def _attribute(self, start: int, end: int) -> tuple[str, str]:
        key, text = "", ""
        for number, kind, value in self._fields(start, end):
            if (number, kind) == (1, BYTES):
                key = self._text(*value)
            elif (number, kind) == (2, BYTES):
                for inner, inner_kind, inside in self._fields(*value):
                    text = self._any(inner, inner_kind, inside)
        return key, text

    def _any(self, number: int, kind: int, value: Any) -> str:
        if (number, kind) == (1, BYTES):
            return self._text(*value)
        if (number, kind) == (2, VARINT):
            return "true" if value else "false"
        if (number, kind) == (3, VARINT):
            return str(value - (1 << 64) if value >> 63 else value)
        if (number, kind) == (4, FIXED64):
            return repr(struct.unpack_from("<d", self._data, value)[0])
        return ""

    def _text(self, start: int, end: int) -> str:
        try:
            return self._data[start:end].decode()[:TEXT_MAX]
        except UnicodeDecodeError:
            raise ValueError("a text in the payload is no UTF-8") from None

    def _parts(self, place: tuple[int, int], wanted: int) -> list[tuple[int, int]]:
        """Where the messages in a field lie that is there several times."""
        return [
            value
            for number, kind, value in self._fields(*place)
            if number == wanted and kind == BYTES
        ]

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int, Any]]:
        """(number, wire type, value): a number, where a fixed one lies, or begin and end."""
        value: Any
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise ValueError(f"the payload has more than {FIELDS_MAX} fields")
            tag, at = self._varint(at, end)
            number, kind = tag >> 3, tag & 7
            if not 0 < number < 1 << 29:
                raise ValueError("the payload has a field of no number")
            if kind == VARINT:
                value, at = self._varint(at, end)
            elif kind in (FIXED64, FIXED32):
                value, at = at, at + (8 if kind == FIXED64 else 4)
            elif kind == BYTES:
                size, begin = self._varint(at, end)
                value, at = (begin, begin + size), begin + size
            else:
                raise ValueError("the payload has a field of an unknown kind")
            if at > end:
                raise ValueError("the payload is cut off")
            yield number, kind, value

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        found = shift = 0
        data = self._data
        while True:
            if at >= end or shift > 63:
                raise ValueError("a number in the payload is cut off")
            byte = data[at]
            at += 1
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found & 0xFFFFFFFFFFFFFFFF, at
            shift += 7
