"""What is durable of a classic group: what its last GroupMetadata record says, and no more.

`Settled` is that record in our words. A decision makes one and has it written (`record`); applying
the record makes it again from the bytes (`read`), in life as at replay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from ottla.coordinators.group.records import STRING_BYTES_MAX, value_version
from ottla.decide import Record
from ottla.wire import schema
from ottla.wire.messages.consumer_protocol import ConsumerProtocolSubscription
from ottla.wire.stored.frame import encode_coordinator
from ottla.wire.stored.groups import GroupMetadataKey, GroupMetadataValue, MemberMetadata

GROUP_METADATA_VERSION: Final = 3
CONSUMER_PROTOCOL_TYPE: Final = "consumer"


class SettledMember(NamedTuple):
    """One member as the record has it: with what it said in the protocol that was selected."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    rebalance_timeout_ms: int
    session_timeout_ms: int
    subscription: bytes
    assignment: bytes


class Settled(NamedTuple):
    """A group as its last finished rebalance left it."""

    state_timestamp_ms: int
    """When the group came into its state; -1 unknown (records before version 2)."""
    protocol_type: str | None = None
    protocol_name: str | None = None
    generation_id: int = 0
    leader_id: str | None = None
    members: tuple[SettledMember, ...] = ()


def record(group_id: str, settled: Settled) -> Record:
    """The record that makes it so."""
    value = GroupMetadataValue(
        protocol_type=settled.protocol_type or "",
        generation=settled.generation_id,
        protocol=settled.protocol_name,
        leader=settled.leader_id,
        current_state_timestamp=settled.state_timestamp_ms,
        members=[
            MemberMetadata(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                rebalance_timeout=member.rebalance_timeout_ms,
                session_timeout=member.session_timeout_ms,
                subscription=member.subscription,
                assignment=member.assignment,
            )
            for member in settled.members
        ],
    )
    return Record(_key(group_id), encode_coordinator(value, GROUP_METADATA_VERSION))


def tombstone(group_id: str) -> Record:
    """The end of a group."""
    return Record(_key(group_id), None)


def fits(written: Record, batch_bytes_max: int) -> bool:
    """Whether the log takes a batch with this record alone."""
    return len(written.key or b"") + len(written.value or b"") + 128 <= batch_bytes_max


def read(value: bytes) -> Settled:
    """What a record says.

    Raises:
        ProtocolError: it is no such record, or none that a group could have written.
    """
    stored = schema.decode(GroupMetadataValue, value[2:], value_version(value))
    _check_members(stored)
    return Settled(
        state_timestamp_ms=stored.current_state_timestamp,
        protocol_type=stored.protocol_type or None,
        protocol_name=stored.protocol,
        generation_id=stored.generation,
        leader_id=stored.leader,
        members=tuple(
            SettledMember(
                one.member_id,
                one.group_instance_id,
                one.client_id,
                one.client_host,
                one.session_timeout if one.rebalance_timeout == -1 else one.rebalance_timeout,
                one.session_timeout,
                bytes(one.subscription),
                bytes(one.assignment),
            )
            for one in stored.members
        ),
    )


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


def subscribed_topics(
    protocol_type: str | None, protocol_name: str | None, said: Iterable[bytes]
) -> frozenset[str] | None:
    """What the members of a group of consumers read, from their own words; None if it cannot be
    told.
    """
    if protocol_type != CONSUMER_PROTOCOL_TYPE:
        return None
    subscriptions = list(said)
    if not subscriptions:
        return frozenset()
    if protocol_name is None:
        return None
    topics: set[str] = set()
    for metadata in subscriptions:
        try:
            topics.update(_subscription_topics(metadata))
        except schema.ProtocolError:
            return None
    return frozenset(topics)


def _subscription_topics(metadata: bytes) -> list[str]:
    if len(metadata) < 2:
        raise schema.ProtocolError("a subscription begins with its version")
    version = min(value_version(metadata), ConsumerProtocolSubscription.max_version)
    subscription, _ = schema.decode_prefix(ConsumerProtocolSubscription, metadata, version, 2)
    return subscription.topics


def _key(group_id: str) -> bytes:
    return encode_coordinator(GroupMetadataKey(group=group_id))
