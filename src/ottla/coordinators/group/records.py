"""The records that every kind of group shares, in the form and the versions that Apache Kafka 4.3.1
writes: offsets.

OffsetCommit (key type 1): value version 4, or 1 when the commit names its own retention. Key type 0
is read only. All other key types belong to one kind of group, and are read and written there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ottla.decide import Record
from ottla.wire import schema
from ottla.wire.stored.frame import decode_coordinator_key, encode_coordinator
from ottla.wire.stored.offsets import (
    LegacyOffsetCommitValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from ottla.wire.types import ZERO_UUID

OFFSET_COMMIT_VERSION: Final = 4
OFFSET_COMMIT_EXPIRING_VERSION: Final = 1
STRING_BYTES_MAX: Final = 32767
"""What a string may have in records and requests whose lengths have 16 bits."""
TEXT_BYTES_MAX: Final = STRING_BYTES_MAX - 64
"""The same of one that may be made longer, to a member id."""


def is_too_long(*texts: str | None) -> bool:
    """Whether a text, made longer to a member id, has no place in a record; requests of newer
    versions have longer ones.
    """
    return any(text is not None and len(text.encode()) > TEXT_BYTES_MAX for text in texts)


class Committed(NamedTuple):
    """One committed offset."""

    offset: int
    leader_epoch: int
    metadata: str
    commit_timestamp_ms: int
    expire_timestamp_ms: int
    topic_id: bytes


def key_type(key: bytes) -> int:
    """The kind of a record: the first two bytes of its key."""
    return int.from_bytes(key[:2], "big", signed=True)


def read_group_id(key: bytes) -> str:
    """The group of a record of any kind: the key's first field, whatever it is called.

    Raises:
        ProtocolError: it is no key of a kind that 4.3.1 knows.
    """
    stored = decode_coordinator_key(key)
    group_id: str = getattr(stored, next(iter(stored.__fields__)))
    return group_id


# ---------------------------------------------------------------- offsets


def offset_commit(group_id: str, topic: str, partition: int, committed: Committed) -> Record:
    """One committed offset."""
    expires = committed.expire_timestamp_ms != -1
    value = OffsetCommitValue(
        offset=committed.offset,
        leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        commit_timestamp=committed.commit_timestamp_ms,
        expire_timestamp=committed.expire_timestamp_ms,
        topic_id=committed.topic_id,
    )
    version = OFFSET_COMMIT_EXPIRING_VERSION if expires else OFFSET_COMMIT_VERSION
    return Record(_offset_key(group_id, topic, partition), encode_coordinator(value, version))


def offset_tombstone(group_id: str, topic: str, partition: int) -> Record:
    """The end of a committed offset."""
    return Record(_offset_key(group_id, topic, partition), None)


def read_offset_key(key: bytes) -> tuple[str, str, int]:
    """(group id, topic, partition) of an offset's key; the legacy one has the same form."""
    stored = schema.decode(OffsetCommitKey, key[2:], 0)
    return stored.group, stored.topic, stored.partition


def read_committed(kind: int, value: bytes) -> Committed:
    """A committed offset of any version."""
    if kind == LegacyOffsetCommitValue.api_key and value_version(value) == 0:
        legacy = schema.decode(LegacyOffsetCommitValue, value[2:], 0)
        return Committed(legacy.offset, -1, legacy.metadata, legacy.commit_timestamp, -1, ZERO_UUID)
    stored = schema.decode(OffsetCommitValue, value[2:], value_version(value))
    return Committed(
        stored.offset,
        stored.leader_epoch,
        stored.metadata,
        stored.commit_timestamp,
        stored.expire_timestamp,
        stored.topic_id,
    )


def _offset_key(group_id: str, topic: str, partition: int) -> bytes:
    return encode_coordinator(OffsetCommitKey(group=group_id, topic=topic, partition=partition))


def value_version(value: bytes) -> int:
    """The version of a record's value: its first two bytes."""
    return int.from_bytes(value[:2], "big", signed=True)
