"""Lists of one inner format, as Kafka's ListSerializer writes them.

A byte says how: 0 for inner formats of one size (places of nulls, count, the entries), 1 for all
others (count, then each entry after its length; -1 is null). Kafka's sizes are 4 bytes.
"""

from __future__ import annotations

import struct
from typing import Any

from ottla.streams.serdes.choice import serde_for
from ottla.streams.serdes.kafka import DOUBLE, FLOAT, INTEGER, LONG, SHORT, UUID
from ottla.streams.serdes.serde import Headers, Serde
from ottla.streams.variables import V

CONSTANT_SIZE, VARIABLE_SIZE = 0, 1
NULL = -1
_SIZE = struct.Struct(">i")
#: Inner formats whose entries all have one size, in bytes.
SIZES = {SHORT: 2, INTEGER: 4, LONG: 8, FLOAT: 4, DOUBLE: 8, UUID: 36}


class ListSerde(Serde):
    """`list` of what the inner serde takes; entries may be None."""

    name = "LIST"

    def __init__(self, inner: Serde) -> None:
        self.inner = inner
        self._size = SIZES.get(inner)

    def __repr__(self) -> str:
        return f"LIST({self.inner!r})"

    def as_key(self) -> Serde:
        inner = self.inner.as_key()
        return self if inner is self.inner else ListSerde(inner)

    def prepare(self) -> None:
        self.inner.prepare()

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)):
            raise self._wrong_type(value, topic)
        entries = [self.inner.serialize(entry, topic, headers) for entry in value]
        count = _SIZE.pack(len(entries))
        if self._size is not None:
            nulls = [_SIZE.pack(at) for at, entry in enumerate(entries) if entry is None]
            kept = [entry for entry in entries if entry is not None]
            return b"".join([b"\0", _SIZE.pack(len(nulls)), *nulls, count, *kept])
        rows = (
            _SIZE.pack(NULL) if entry is None else _SIZE.pack(len(entry)) + entry
            for entry in entries
        )
        return b"".join([b"\1", count, *rows])

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if data is None:
            return None
        try:
            raw = self._entries(data)
        except (struct.error, IndexError, ValueError) as error:
            raise self._unreadable(data, topic, "it is no list as Kafka writes it") from error
        return [self.inner.deserialize(entry, topic, headers) for entry in raw]

    def _entries(self, data: bytes) -> list[bytes | None]:
        if data[0] == CONSTANT_SIZE and self._size is not None:
            return _constant(data, self._size)
        if data[0] == VARIABLE_SIZE:
            return _variable(data)
        raise ValueError(data[0])


def _number(data: bytes, at: int, least: int) -> int:
    (number,) = _SIZE.unpack_from(data, at)
    if not least <= number <= len(data):
        raise ValueError(number)
    return int(number)


def _cut(data: bytes, at: int, size: int) -> bytes:
    entry = data[at : at + size]
    if len(entry) < size:
        raise ValueError(size)
    return entry


def _constant(data: bytes, size: int) -> list[bytes | None]:
    count_nulls = _number(data, 1, 0)
    nulls = {_number(data, 5 + 4 * i, 0) for i in range(count_nulls)}
    at = 5 + 4 * count_nulls
    count = _number(data, at, 0)
    at += 4
    entries: list[bytes | None] = []
    for place in range(count):
        if place in nulls:
            entries.append(None)
        else:
            entries.append(_cut(data, at, size))
            at += size
    return entries


def _variable(data: bytes) -> list[bytes | None]:
    at = 5
    entries: list[bytes | None] = []
    for _ in range(_number(data, 1, 0)):
        size = _number(data, at, NULL)
        at += 4
        if size == NULL:
            entries.append(None)
        else:
            entries.append(_cut(data, at, size))
            at += size
    return entries


def list_of(inner: type[V] | Serde[V]) -> Serde[list[V]]:
    """The serde of lists of what a type or a serde says: Kafka's ListSerializer and its reader.

    Raises:
        SerdeError: it says none.
    """
    return ListSerde(serde_for(inner))
