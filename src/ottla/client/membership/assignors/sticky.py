"""sticky: everybody keeps what they had as far as that is balanced; used with eager rebalances.

Members let go of everything before they join, so what a member had, and in which generation, goes
with its subscription as user data: version 1; of version 0, of old members, there is no generation.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ottla.client.membership.assignors.alike import EvenShares
from ottla.client.membership.assignors.assignor import (
    DEFAULT_GENERATION,
    EAGER,
    Assignor,
    Share,
    Subscription,
)
from ottla.client.membership.assignors.claims import Claims, MemberData, ReadClaim, all_alike
from ottla.client.membership.assignors.java_order import hash_order
from ottla.client.membership.assignors.mixed import MixedShares
from ottla.client.membership.assignors.near import Nearness
from ottla.client.membership.events import KnownTopics
from ottla.client.places import TopicPartition

NOTHING = MemberData((), DEFAULT_GENERATION)
"""What data that can't be read says."""


class StickyAssignor(Assignor):
    """As Java's StickyAssignor."""

    name = "sticky"
    protocols: tuple[int, ...] = (EAGER,)

    def __init__(self) -> None:
        self._given: Share | None = None
        self._generation = DEFAULT_GENERATION

    def user_data(self) -> bytes | None:
        """What this member had."""
        if self._given is None:
            return None
        return claim_bytes(self._given.partitions, self._generation)

    def assigned(self, share: Share, generation_id: int) -> None:
        """This member was given that."""
        self._given, self._generation = share, generation_id

    def assign(
        self, topics: KnownTopics, members: Mapping[str, Subscription]
    ) -> dict[str, tuple[TopicPartition, ...]]:
        """Each member's partitions."""
        shares, _ = stick(topics, members, read_claim)
        return {member: tuple(share) for member, share in shares.items()}


def stick(
    topics: KnownTopics, members: Mapping[str, Subscription], read: ReadClaim
) -> tuple[dict[str, list[TopicPartition]], dict[TopicPartition, str] | None]:
    """Each member's partitions, and which of them another member still has; None if that is yet to
    be found out.
    """
    members = {member: members[member] for member in hash_order(members)}
    wanted = {topic for one in members.values() for topic in one.topics}
    counts = {topic: topics.counts[topic] for topic in wanted if topics.counts.get(topic, 0) > 0}
    near = Nearness(topics, counts, members)
    claims = Claims(counts, members, read)
    if all_alike(members):
        even = EvenShares(counts, near, claims)
        return even.assign(), even.moving
    return MixedShares(counts, near, claims, members).assign(), None


def claim_bytes(partitions: tuple[TopicPartition, ...], generation_id: int) -> bytes:
    """User data of version 1: an array of topics with arrays of partitions, and the generation."""
    by_topic: dict[str, list[int]] = {}
    for topic, partition in partitions:
        by_topic.setdefault(topic, []).append(partition)
    found = struct.pack(">i", len(by_topic))
    for topic in hash_order(reversed(by_topic)):  # Java's computeIfAbsent puts in front
        name = topic.encode()
        mine = by_topic[topic]
        found += struct.pack(f">h{len(name)}si", len(name), name, len(mine))
        found += struct.pack(f">{len(mine)}i", *mine)
    return found + struct.pack(">i", generation_id)


def read_claim(subscription: Subscription) -> MemberData:
    """What a member says that it had."""
    data = subscription.user_data
    if not data:
        return MemberData((), None)
    try:
        partitions, end = _read_partitions(data)
    except (struct.error, UnicodeDecodeError):
        return NOTHING
    if len(data) - end < 4:
        return MemberData(partitions, None)
    return MemberData(partitions, struct.unpack_from(">i", data, end)[0])


def _read_partitions(data: bytes) -> tuple[tuple[TopicPartition, ...], int]:
    found: list[TopicPartition] = []
    (topics,) = struct.unpack_from(">i", data)
    at = 4
    for _ in range(topics):
        (size,) = struct.unpack_from(">h", data, at)
        if size < 0:
            raise struct.error("no topic")
        (name,) = struct.unpack_from(f">{size}s", data, at + 2)
        at += 2 + size
        (count,) = struct.unpack_from(">i", data, at)
        if not 0 <= count <= (len(data) - at) // 4:
            raise struct.error("more partitions than there are bytes")
        found += [(name.decode(), p) for p in struct.unpack_from(f">{count}i", data, at + 4)]
        at += 4 + 4 * count
    return tuple(found), at
