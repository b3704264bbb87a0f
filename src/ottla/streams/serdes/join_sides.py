"""The store in which a left or outer join of streams keeps what has not joined: keys and values.

    key     time: 8, 1 for the left side or 0 for the right, the record's key
    value   1 for the left side or 0 for the right, the record's value

So the store's order is by time, then the right side before the left, then by key. Its values are
lists of such values (`list_of(BYTES)`): records of one key, time and side in the order in which
they came.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from ottla.streams.serdes.serde import Headers, Serde

_HEAD = struct.Struct(">q?")


class JoinSideKey(NamedTuple):
    """Key, time in ms and side of a record that has not joined."""

    key: Any
    timestamp: int
    is_left: bool


class JoinSideValue(NamedTuple):
    """The value of a record that has not joined; it is the left side's or the right one's."""

    value: Any
    is_left: bool


class JoinSideKeySerde(Serde):
    name = "JOIN_SIDE_KEY"

    def __init__(self, key: Serde) -> None:
        self.key = key
        if key.native is not None:
            self.native = ("join_side_key", key.native)

    def as_key(self) -> Serde:
        key = self.key.as_key()
        return self if key is self.key else JoinSideKeySerde(key)

    def prepare(self) -> None:
        self.key.prepare()

    def __repr__(self) -> str:
        return f"{self.name}({self.key!r})"

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, JoinSideKey):
            raise self._wrong_type(value, topic)
        key = self.key.serialize(value.key, topic, headers)
        if key is None:
            raise self.key._wrong_type(None, topic)
        return _HEAD.pack(value.timestamp, value.is_left) + key

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if data is None:
            return None
        if len(data) < _HEAD.size:
            raise self._unreadable(data, topic, "it begins with 9 bytes of time and side")
        timestamp, is_left = _HEAD.unpack_from(data)
        key = self.key.deserialize(data[_HEAD.size :], topic, headers)
        return JoinSideKey(key, timestamp, is_left)


class JoinSideValueSerde(Serde):
    name = "JOIN_SIDE_VALUE"

    def __init__(self, left: Serde, right: Serde) -> None:
        self.left, self.right = left, right
        if left.native is not None and right.native is not None:
            self.native = ("join_side_value", left.native, right.native)

    def prepare(self) -> None:
        self.left.prepare()
        self.right.prepare()

    def __repr__(self) -> str:
        return f"{self.name}({self.left!r}, {self.right!r})"

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, JoinSideValue):
            raise self._wrong_type(value, topic)
        data = (self.left if value.is_left else self.right).serialize(value.value, topic, headers)
        return None if data is None else bytes((value.is_left,)) + data

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if not data:
            return None
        is_left = data[0] == 1
        serde = self.left if is_left else self.right
        return JoinSideValue(serde.deserialize(data[1:], topic, headers), is_left)
