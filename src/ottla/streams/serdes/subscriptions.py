"""What a foreign-key join sends through its two internal topics, and the keys of its subscriptions.

    subscription   version, instruction, [hash: 16], primary key, partition: 4
    answer         version, [hash: 16], the foreign value or nothing
    store's key    length of the foreign key: 4, foreign key, primary key

The hash is of the left value (`murmur3.hash128`); without it the left value was removed, and the
version's highest bit is set. Subscriptions have version 1 (0, without a partition, is read too),
answers version 0.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any, NamedTuple

from ottla.streams.serdes.serde import Headers, Serde

VERSION = 1
NO_HASH = 0x80
HASH_SIZE = 16
_INT = struct.Struct(">i")


class Instruction(IntEnum):
    """What the foreign side does with a subscription."""

    DELETE_KEY_NO_PROPAGATE = 0
    DELETE_KEY_AND_PROPAGATE = 1
    PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE = 2
    PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE = 3


class Subscription(NamedTuple):
    """One primary key's wish to be told of a foreign key. `partition` is the primary key's."""

    hash: bytes | None
    instruction: Instruction
    primary_key: Any
    partition: int | None = None
    version: int = VERSION


class SubscriptionAnswer(NamedTuple):
    """A foreign key's value for a primary key. `partition` is where the sink writes it."""

    hash: bytes | None
    foreign_value: Any
    partition: int | None = None


class SubscriptionSerde(Serde):
    """Subscriptions; `topic` is the name that a registry sees for primary keys."""

    name = "SUBSCRIPTION"

    def __init__(self, primary_key: Serde, topic: str = "") -> None:
        self.primary_key = primary_key.as_key()
        self.topic = topic
        if primary_key.native is not None:
            self.native = ("subscription", primary_key.native)

    def prepare(self) -> None:
        self.primary_key.prepare()

    def __repr__(self) -> str:
        return f"SUBSCRIPTION({self.primary_key!r})"

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, Subscription):
            raise self._wrong_type(value, topic)
        key = self.primary_key.serialize(value.primary_key, self.topic, headers)
        if key is None:
            raise self._unwritable("a subscription without a primary key", topic)
        start = bytes((_first(value.version, value.hash), value.instruction)) + (value.hash or b"")
        if value.version == 0:
            return start + key
        return start + key + _INT.pack(value.partition or 0)

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if data is None:
            return None
        version = data[0] & ~NO_HASH if data else VERSION + 1
        start = 2 if not data or data[0] & NO_HASH else 2 + HASH_SIZE
        end = len(data) - (_INT.size if version else 0)
        if version > VERSION or end < start or data[1] > max(Instruction):
            raise self._unreadable(data, topic, "it is no subscription of version 0 or 1")
        key = self.primary_key.deserialize(data[start:end], self.topic, headers)
        partition = _INT.unpack_from(data, end)[0] if version else None
        return Subscription(data[2:start] or None, Instruction(data[1]), key, partition, version)


class SubscriptionAnswerSerde(Serde):
    """Answers; the foreign value's serde sees the topic of the answers."""

    name = "SUBSCRIPTION_ANSWER"

    def __init__(self, foreign_value: Serde) -> None:
        self.foreign_value = foreign_value
        if foreign_value.native is not None:
            self.native = ("subscription_answer", foreign_value.native)

    def prepare(self) -> None:
        self.foreign_value.prepare()

    def __repr__(self) -> str:
        return f"SUBSCRIPTION_ANSWER({self.foreign_value!r})"

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, SubscriptionAnswer):
            raise self._wrong_type(value, topic)
        data = self.foreign_value.serialize(value.foreign_value, topic, headers)
        return bytes((_first(0, value.hash),)) + (value.hash or b"") + (data or b"")

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if data is None:
            return None
        start = 1 if not data or data[0] & NO_HASH else 1 + HASH_SIZE
        if len(data) < start or data[0] & ~NO_HASH:
            raise self._unreadable(data, topic, "it is no answer of version 0")
        rest = data[start:]
        value = self.foreign_value.deserialize(rest, topic, headers) if rest else None
        return SubscriptionAnswer(data[1:start] or None, value)


def _first(version: int, hashed: bytes | None) -> int:
    return version if hashed is not None else version | NO_HASH


def foreign_prefix(foreign_key: bytes) -> bytes:
    """What every key of a subscription to a foreign key begins with in the store."""
    return _INT.pack(len(foreign_key)) + foreign_key


def primary_key_of(stored: bytes) -> bytes:
    """The primary key's bytes in a key of the store."""
    return stored[_INT.size + _INT.unpack_from(stored)[0] :]
