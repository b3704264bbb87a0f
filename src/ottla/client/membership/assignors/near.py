"""Which members are near to which partitions: in a rack that holds a replica (KIP-881).

Racks count only where they tell members apart: some member's rack holds replicas, and not every
partition is in every rack. Otherwise nothing is known here, and everything is near.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from ottla.client.membership.assignors.assignor import Subscription
from ottla.client.membership.events import KnownTopics
from ottla.client.places import TopicPartition


class Nearness:
    """The racks of one assignment."""

    def __init__(
        self, topics: KnownTopics, names: Collection[str], members: Mapping[str, Subscription]
    ) -> None:
        self.member_racks: dict[str, str] = {}
        self._racks: dict[TopicPartition, frozenset[str]] = {}
        members_of = Counter(one.rack_id for one in members.values() if one.rack_id)
        racks: dict[TopicPartition, frozenset[str]] = {}
        for topic in names:
            for partition, found in enumerate(topics.racks.get(topic, ())):
                racks[(topic, partition)] = found
        everywhere: frozenset[str] = frozenset().union(*racks.values())
        if members_of.keys() & everywhere and any(one != everywhere for one in racks.values()):
            self.member_racks = {
                member: one.rack_id for member, one in members.items() if one.rack_id
            }
            self._racks = racks
        self._counts = {
            place: sum(members_of[rack] for rack in found) for place, found in self._racks.items()
        }

    def is_far(self, member: str, place: TopicPartition) -> bool:
        """Whether the member has a rack, and the partition no replica there."""
        rack = self.member_racks.get(member)
        return rack is not None and rack not in self._racks.get(place, ())

    def is_near(self, member: str, place: TopicPartition) -> bool:
        """Whether the partition has a replica in the member's own rack."""
        rack = self.member_racks.get(member)
        return rack is not None and rack in self._racks.get(place, ())

    def fewest_first(self, places: list[TopicPartition]) -> list[TopicPartition]:
        """Those that few members are near to come before the others."""
        return sorted(places, key=lambda place: self._counts.get(place, 0))

    def next_near(self, place: TopicPartition, members: Sequence[str], first: int) -> int | None:
        """Where in the members, from `first` on and around, one is near to the partition."""
        for step in range(len(members)):
            at = (first + step) % len(members)
            if self.is_near(members[at], place):
                return at
        return None
