"""The bytes that consumers of a classic group hand each other: what each subscribes to and owns,
and what each is given. An int16 version stands before them.

They are written in the newest version, as Java writes them, to the byte; of versions that are newer
than ours what is known is read.
"""

from __future__ import annotations

from collections.abc import Iterable

from ottla.client.membership.assignors.assignor import Share, Subscription
from ottla.client.places import TopicPartition
from ottla.wire.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
)
from ottla.wire.schema import Message, ProtocolError, decode_prefix, encode


def subscription_bytes(subscription: Subscription) -> bytes:
    """What a member says of itself when it joins; topics and partitions are put in order."""
    version = ConsumerProtocolSubscription.max_version
    owned = [
        ConsumerProtocolSubscriptionTopicPartition(topic=topic, partitions=partitions)
        for topic, partitions in _by_topic(sorted(subscription.owned)).items()
    ]
    message = ConsumerProtocolSubscription(
        topics=sorted(subscription.topics),
        user_data=subscription.user_data,
        owned_partitions=owned,
        generation_id=subscription.generation_id,
        rack_id=subscription.rack_id,
    )
    return version.to_bytes(2, "big") + encode(message, version)


def read_subscription(data: bytes, instance_id: str | None = None) -> Subscription:
    """What a member said of itself.

    Raises:
        ProtocolError: it said nothing that can be read.
    """
    version = _version(data, ConsumerProtocolSubscription)
    read, _ = decode_prefix(ConsumerProtocolSubscription, data, version, 2)
    return Subscription(
        tuple(read.topics),
        None if read.user_data is None else bytes(read.user_data),
        tuple((row.topic, p) for row in read.owned_partitions for p in row.partitions),
        read.generation_id,
        read.rack_id,
        instance_id,
    )


def assignment_bytes(share: Share) -> bytes:
    """A member's share; its topics come in the order of their first partition there."""
    version = ConsumerProtocolAssignment.max_version
    message = ConsumerProtocolAssignment(
        assigned_partitions=[
            ConsumerProtocolAssignmentTopicPartition(topic=topic, partitions=partitions)
            for topic, partitions in _by_topic(share.partitions).items()
        ],
        user_data=share.user_data,
    )
    return version.to_bytes(2, "big") + encode(message, version)


def read_assignment(data: bytes) -> Share:
    """A member's share.

    Raises:
        ProtocolError: it is nothing that can be read.
    """
    version = _version(data, ConsumerProtocolAssignment)
    read, _ = decode_prefix(ConsumerProtocolAssignment, data, version, 2)
    return Share(
        tuple((row.topic, p) for row in read.assigned_partitions for p in row.partitions),
        None if read.user_data is None else bytes(read.user_data),
    )


def _version(data: bytes, kind: type[Message]) -> int:
    version = int.from_bytes(data[:2], "big", signed=True)
    if len(data) < 2 or version < 0:
        raise ProtocolError("no version before what a consumer told its group")
    return min(version, kind.max_version)


def _by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for topic, partition in partitions:
        found.setdefault(topic, []).append(partition)
    return found
