"""roundrobin: all partitions of all topics in order, each to the next member that wants its topic.

Topics come by name, members by `by_instance`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ottla.client.membership.assignors.assignor import (
    EAGER,
    Assignor,
    Subscription,
    by_instance,
)
from ottla.client.membership.events import KnownTopics
from ottla.client.places import TopicPartition


class RoundRobinAssignor(Assignor):
    """As Java's RoundRobinAssignor."""

    name = "roundrobin"
    protocols: tuple[int, ...] = (EAGER,)

    def assign(
        self, topics: KnownTopics, members: Mapping[str, Subscription]
    ) -> dict[str, tuple[TopicPartition, ...]]:
        """Each member's partitions."""
        shares: dict[str, list[TopicPartition]] = {member: [] for member in members}
        circle = by_instance(members)
        wants = {member: frozenset(members[member].topics) for member in members}
        at = 0
        for topic in sorted({topic for wanted in wants.values() for topic in wanted}):
            for partition in range(topics.counts.get(topic, 0)):
                while topic not in wants[circle[at % len(circle)]]:
                    at += 1
                shares[circle[at % len(circle)]].append((topic, partition))
                at += 1
        return {member: tuple(share) for member, share in shares.items()}
