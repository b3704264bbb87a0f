"""The records that groups are kept in, in the form and the versions that Apache Kafka 4.3.1 writes.

GroupMetadata (key type 2): value version 3. OffsetCommit (key type 1): value version 4, or 1 when
the commit names its own retention. Key type 0 is read only. All other kinds are foreign.py's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ottla.coordinators.group.classic import EMPTY, STABLE, ClassicGroup, Member
from ottla.coordinators.runtime import StoredRecord
from ottla.wire import schema
from ottla.wire.messages.consumer_protocol import ConsumerProtocolSubscription
from ottla.wire.stored.frame import decode_coordinator_key, encode_coordinator
from ottla.wire.stored.groups import GroupMetadataKey, GroupMetadataValue, MemberMetadata
from ottla.wire.stored.offsets import (
    LegacyOffsetCommitValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from ottla.wire.types import ZERO_UUID

LEGACY_OFFSET_COMMIT: Final = 0
OFFSET_COMMIT: Final = 1
GROUP_METADATA: Final = 2
GROUP_METADATA_VERSION: Final = 3
OFFSET_COMMIT_VERSION: Final = 4
OFFSET_COMMIT_EXPIRING_VERSION: Final = 1
STRING_BYTES_MAX: Final = 32767
"""What a string may have in records and requests whose lengths have 16 bits."""


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


# ---------------------------------------------------------------- groups


def group_metadata(group: ClassicGroup) -> StoredRecord:
    """What the group's last finished rebalance decided."""
    value = GroupMetadataValue(
        protocol_type=group.protocol_type or "",
        generation=group.generation_id,
        protocol=group.protocol_name,
        leader=group.leader_id,
        current_state_timestamp=group.state_timestamp_ms,
        members=[
            MemberMetadata(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                rebalance_timeout=member.rebalance_timeout_ms,
                session_timeout=member.session_timeout_ms,
                subscription=member.metadata(group.protocol_name),
                assignment=member.assignment,
            )
            for member in group.members.values()
        ],
    )
    return StoredRecord(
        _group_key(group.group_id), encode_coordinator(value, GROUP_METADATA_VERSION)
    )


def empty_group_metadata(group: ClassicGroup) -> StoredRecord:
    """A group that has just come to be: no generation yet."""
    value = GroupMetadataValue(
        protocol=None, leader=None, current_state_timestamp=group.state_timestamp_ms
    )
    return StoredRecord(
        _group_key(group.group_id), encode_coordinator(value, GROUP_METADATA_VERSION)
    )


def group_tombstone(group_id: str) -> StoredRecord:
    """The end of a group."""
    return StoredRecord(_group_key(group_id), None)


def fits(record: StoredRecord, batch_bytes_max: int) -> bool:
    """Whether the log takes a batch with this record alone."""
    return len(record.key) + len(record.value or b"") + 128 <= batch_bytes_max


def read_group_id(key: bytes) -> str:
    """The group of a record of any kind: the key's first field, whatever it is called.

    Raises:
        ProtocolError: it is no key of a kind that 4.3.1 knows.
    """
    stored = decode_coordinator_key(key)
    group_id: str = getattr(stored, next(iter(stored.__fields__)))
    return group_id


def read_group(group_id: str, value: bytes) -> ClassicGroup:
    """A group as its record tells it; nobody is joining.

    Raises:
        ProtocolError: it is no such record, or none that a group could have written.
    """
    stored = schema.decode(GroupMetadataValue, value[2:], _version(value))
    _check_members(stored)
    group = ClassicGroup(group_id, stored.current_state_timestamp)
    group.state = STABLE if stored.members else EMPTY
    group.protocol_type = stored.protocol_type or None
    group.protocol_name = stored.protocol
    group.generation_id = stored.generation
    group.leader_id = stored.leader
    for one in stored.members:
        member = Member(
            one.member_id,
            instance_id=one.group_instance_id,
            client_id=one.client_id,
            client_host=one.client_host,
            rebalance_timeout_ms=one.session_timeout
            if one.rebalance_timeout == -1
            else one.rebalance_timeout,
            session_timeout_ms=one.session_timeout,
            protocols=((stored.protocol or "", bytes(one.subscription)),),
            assignment=bytes(one.assignment),
        )
        group.add(member, stored.protocol_type)
    if group.leader_id not in group.members:
        group.leader_id = next(iter(group.members), None)
    group.subscribed_topics = subscribed_topics(group)
    return group


def _check_members(stored: GroupMetadataValue) -> None:
    """Refuse what would break the rules of a group, or could not be written again."""
    ids = [one.member_id for one in stored.members]
    instances = [
        one.group_instance_id for one in stored.members if one.group_instance_id is not None
    ]
    for names in (ids, instances):
        if len(set(names)) != len(names):
            raise schema.ProtocolError("the group has a member twice")
    hosts = [text for one in stored.members for text in (one.client_id, one.client_host)]
    names = [stored.protocol_type, stored.protocol or "", stored.leader or ""]
    for text in (*names, *ids, *instances, *hosts):
        if len(text.encode()) > STRING_BYTES_MAX:
            raise schema.ProtocolError("the group has a name that is longer than names can be")


def subscribed_topics(group: ClassicGroup) -> frozenset[str] | None:
    """What the members of a group of consumers read, from their own words; None if it cannot be
    told.
    """
    if not group.uses_consumer_protocol:
        return None
    if not group.members:
        return frozenset()
    if group.protocol_name is None:
        return None
    topics: set[str] = set()
    for member in group.members.values():
        metadata = member.metadata(group.protocol_name)
        try:
            topics.update(_subscription_topics(metadata))
        except schema.ProtocolError:
            return None
    return frozenset(topics)


def _subscription_topics(metadata: bytes) -> list[str]:
    if len(metadata) < 2:
        raise schema.ProtocolError("a subscription begins with its version")
    version = min(_version(metadata), ConsumerProtocolSubscription.max_version)
    subscription, _ = schema.decode_prefix(ConsumerProtocolSubscription, metadata, version, 2)
    return subscription.topics


# ---------------------------------------------------------------- offsets


def offset_commit(group_id: str, topic: str, partition: int, committed: Committed) -> StoredRecord:
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
    return StoredRecord(_offset_key(group_id, topic, partition), encode_coordinator(value, version))


def offset_tombstone(group_id: str, topic: str, partition: int) -> StoredRecord:
    """The end of a committed offset."""
    return StoredRecord(_offset_key(group_id, topic, partition), None)


def read_offset_key(key: bytes) -> tuple[str, str, int]:
    """(group id, topic, partition) of an offset's key; the legacy one has the same form."""
    stored = schema.decode(OffsetCommitKey, key[2:], 0)
    return stored.group, stored.topic, stored.partition


def read_committed(kind: int, value: bytes) -> Committed:
    """A committed offset of any version."""
    if kind == LEGACY_OFFSET_COMMIT and _version(value) == 0:
        legacy = schema.decode(LegacyOffsetCommitValue, value[2:], 0)
        return Committed(legacy.offset, -1, legacy.metadata, legacy.commit_timestamp, -1, ZERO_UUID)
    stored = schema.decode(OffsetCommitValue, value[2:], _version(value))
    return Committed(
        stored.offset,
        stored.leader_epoch,
        stored.metadata,
        stored.commit_timestamp,
        stored.expire_timestamp,
        stored.topic_id,
    )


def _group_key(group_id: str) -> bytes:
    return encode_coordinator(GroupMetadataKey(group=group_id))


def _offset_key(group_id: str, topic: str, partition: int) -> bytes:
    return encode_coordinator(OffsetCommitKey(group=group_id, topic=topic, partition=partition))


def _version(value: bytes) -> int:
    return int.from_bytes(value[:2], "big", signed=True)
