"""How stored records say what they are.

A metadata record is an unsigned varint frame version (1), its type, its version, and then its
body. A coordinator's record has a key that begins with its type as int16, in the one version
that keys have, and a value that begins with its own version; a null value deletes the key. Each
of the coordinators' topics counts its types apart.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import cast

from ottla.wire.schema import (
    CoordinatorKey,
    CoordinatorValue,
    MetadataRecord,
    ProtocolError,
    decode,
    decode_prefix,
    encode,
)

FRAME_VERSION = 1
KEY_VERSION = 0

CONSUMER_OFFSETS = "__consumer_offsets"
TRANSACTION_STATE = "__transaction_state"
SHARE_GROUP_STATE = "__share_group_state"

_RECORDS: dict[str, dict[str, tuple[str, ...]]] = {
    CONSUMER_OFFSETS: {
        "offsets": ("LegacyOffsetCommit", "OffsetCommit"),
        "groups": (
            "GroupMetadata",
            "ConsumerGroupMetadata",
            "ConsumerGroupPartitionMetadata",
            "ConsumerGroupMemberMetadata",
            "ConsumerGroupTargetAssignmentMetadata",
            "ConsumerGroupTargetAssignmentMember",
            "ConsumerGroupCurrentMemberAssignment",
            "ConsumerGroupRegularExpression",
        ),
        "share": (
            "ShareGroupMemberMetadata",
            "ShareGroupMetadata",
            "ShareGroupTargetAssignmentMetadata",
            "ShareGroupTargetAssignmentMember",
            "ShareGroupCurrentMemberAssignment",
            "ShareGroupStatePartitionMetadata",
        ),
        "streams": (
            "StreamsGroupMetadata",
            "StreamsGroupMemberMetadata",
            "StreamsGroupTargetAssignmentMetadata",
            "StreamsGroupTargetAssignmentMember",
            "StreamsGroupCurrentMemberAssignment",
            "StreamsGroupTopology",
        ),
    },
    TRANSACTION_STATE: {"transaction": ("TransactionLog",)},
    SHARE_GROUP_STATE: {"share": ("ShareSnapshot", "ShareUpdate")},
}
"""What lies in each topic, by the module that declares it; the declaration says its type."""


class UnknownRecordType(ProtocolError):
    """A record of a type that 4.3.1 does not write; newer brokers may have left it."""


def encode_metadata_record(record: MetadataRecord, version: int) -> bytes:
    """The value of a record of `__cluster_metadata`.

    Raises:
        EncodeError: the version cannot carry the record.
    """
    # Types and versions are below 128, where a varint is the byte itself.
    return bytes((FRAME_VERSION, record.api_key, version)) + encode(record, version)


def decode_metadata_record(data: bytes) -> tuple[MetadataRecord, int]:
    """The record and its version.

    Raises:
        UnknownRecordType: there is no such type.
        ProtocolError: the bytes are no framed record.
    """
    if len(data) < 3 or data[0] != FRAME_VERSION:
        raise ProtocolError(f"not a metadata record of frame version {FRAME_VERSION}: {data[:3]!r}")
    kind = _metadata_types().get(data[1])
    if kind is None:
        raise UnknownRecordType(f"there is no metadata record of type {data[1]}")
    record, end = decode_prefix(kind, data, data[2], 3)
    if end != len(data):
        raise ProtocolError(f"{kind.__name__}: {len(data) - end} bytes follow its end")
    return record, data[2]


@cache
def _metadata_types() -> dict[int, type[MetadataRecord]]:
    from ottla.wire.stored.metadata import BY_TYPE

    return BY_TYPE


def encode_coordinator(message: CoordinatorKey | CoordinatorValue, version: int = 0) -> bytes:
    """A key with its type before it, or a value with its version before it.

    Raises:
        EncodeError: the version cannot carry the value.
    """
    if isinstance(message, CoordinatorKey):
        return message.api_key.to_bytes(2, "big") + encode(message, KEY_VERSION)
    return version.to_bytes(2, "big") + encode(message, version)


def record_type(key: bytes) -> int:
    """The type that the key of a coordinator's record begins with.

    Raises:
        ProtocolError: it is too short for that.
    """
    return _prefix(key)


def key_class(data: bytes, topic: str = CONSUMER_OFFSETS) -> type[CoordinatorKey]:
    """The class of a key of a coordinator's topic.

    Raises:
        UnknownRecordType: the topic has no such type.
        ProtocolError: the bytes are no such key.
    """
    return cast("type[CoordinatorKey]", _class_of(topic, _prefix(data), "Key"))


def value_class(record_type: int, topic: str = CONSUMER_OFFSETS) -> type[CoordinatorValue]:
    """The class of the values that belong to keys of a type.

    Raises:
        UnknownRecordType: the topic has no such type.
    """
    return cast("type[CoordinatorValue]", _class_of(topic, record_type, "Value"))


def decode_coordinator_key(
    data: bytes, topic: str = CONSUMER_OFFSETS, *, whole: bool = True
) -> CoordinatorKey:
    """The key of a record of a coordinator's topic; with `whole`, nothing may follow its end.

    Raises:
        UnknownRecordType: the topic has no such type.
        ProtocolError: the bytes are no such key.
    """
    kind = key_class(data, topic)
    if whole:
        return decode(kind, data[2:], KEY_VERSION)
    return decode_prefix(kind, data, KEY_VERSION, 2)[0]


def decode_coordinator_value(
    data: bytes, key: CoordinatorKey, topic: str = CONSUMER_OFFSETS
) -> tuple[CoordinatorValue, int]:
    """The value that belongs to a key, and its version.

    Raises:
        ProtocolError: the bytes are no such value.
    """
    version = _prefix(data)
    return decode(value_class(key.api_key, topic), data[2:], version), version


def _prefix(data: bytes) -> int:
    if len(data) < 2:
        raise ProtocolError(f"a coordinator's key or value has 2 bytes before it, not {len(data)}")
    return int.from_bytes(data[:2], "big", signed=True)


def _class_of(topic: str, record_type: int, suffix: str) -> object:
    row = _types(topic).get(record_type)
    if row is None:
        raise UnknownRecordType(f"{topic} has no records of type {record_type}")
    module, name = row
    return getattr(module, name + suffix)


@cache
def _types(topic: str) -> dict[int, tuple[ModuleType, str]]:
    found = {}
    for module_name, names in _RECORDS[topic].items():
        module = import_module(f"ottla.wire.stored.{module_name}")
        for name in names:
            found[getattr(module, f"{name}Key").api_key] = (module, name)
    return found
