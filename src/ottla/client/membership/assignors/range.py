"""range: each topic by itself, cut into as many pieces as there are members that want it.

The first members, by `by_instance`, get one partition more where it does not come out even. With
racks (KIP-881) members first get partitions that have a replica in their rack; topics with the same
members and the same number of partitions stay cut alike, so that what is joined lies together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ottla.client.membership.assignors.assignor import (
    EAGER,
    Assignor,
    Subscription,
    by_instance,
)
from ottla.client.membership.assignors.java_order import hash_order
from ottla.client.membership.events import KnownTopics
from ottla.client.places import TopicPartition

Fits = Callable[[str, int], bool]
"""Whether a member may have a partition of the topic."""


class RangeAssignor(Assignor):
    """As Java's RangeAssignor."""

    name = "range"
    protocols: tuple[int, ...] = (EAGER,)

    def assign(
        self, topics: KnownTopics, members: Mapping[str, Subscription]
    ) -> dict[str, tuple[TopicPartition, ...]]:
        """Each member's partitions."""
        wanted_by: dict[str, list[str]] = {}
        for member in hash_order(members):
            for topic in members[member].topics:
                wanted_by.setdefault(topic, []).append(member)
        order = by_instance(members)
        rank = {member: at for at, member in enumerate(order)}
        racks = {member: members[member].rack_id or None for member in members}
        shares: dict[str, list[TopicPartition]] = {member: [] for member in members}
        pieces = [
            _Pieces(topic, topics, sorted(wanted_by[topic], key=rank.__getitem__), racks, shares)
            for topic in hash_order(one for one in hash_order(wanted_by) if topics.counts.get(one))
        ]
        by_racks = any(one.goes_by_racks for one in pieces)
        if by_racks:
            _assign_by_racks(pieces)
        for one in pieces:
            one.fill(lambda member, partition: True)
        return {
            member: tuple(sorted(share) if by_racks else share) for member, share in shares.items()
        }


class _Pieces:
    """One topic being cut."""

    def __init__(
        self,
        topic: str,
        topics: KnownTopics,
        members: Sequence[str],
        racks: Mapping[str, str | None],
        shares: dict[str, list[TopicPartition]],
    ) -> None:
        self.topic = topic
        self.members = tuple(dict.fromkeys(members))
        self.count = topics.counts[topic]
        self._shares = shares
        self._left = dict.fromkeys(range(self.count))
        self._has = dict.fromkeys(self.members, 0)
        self._each, self._more = divmod(self.count, len(self.members))
        self._rack_of = {member: racks[member] for member in self.members}
        member_racks = {rack for rack in self._rack_of.values() if rack is not None}
        self._racks = topics.racks.get(topic, ())
        all_racks: frozenset[str] = frozenset().union(*self._racks)
        self.goes_by_racks = bool(member_racks & all_racks) and any(
            one != all_racks for one in self._racks
        )
        self.alike = (self.count if member_racks else 0, tuple(self._rack_of.items()))
        """What topics have in common that are cut alike."""

    def room(self, member: str) -> int:
        """How many more the member may have."""
        return max(0, self._each + (self._more > 0) - self._has[member])

    def is_near(self, member: str, partition: int) -> bool:
        """Whether the partition has a replica in the member's rack, if it has one."""
        rack = self._rack_of[member]
        near = self._racks[partition] if partition < len(self._racks) else ()
        return rack is None or rack in near

    def give(self, member: str, partitions: Iterable[int]) -> None:
        """These are the member's."""
        for partition in list(partitions):
            del self._left[partition]
            self._shares[member].append((self.topic, partition))
            self._has[member] += 1
        if self._has[member] > self._each:
            self._more -= 1

    def fill(self, fits: Fits) -> None:
        """Each member in turn takes what it may of what fits."""
        for member in self.members:
            found = [partition for partition in self._left if fits(member, partition)]
            found = found[: self.room(member)]
            if found:
                self.give(member, found)


def _assign_by_racks(pieces: list[_Pieces]) -> None:
    groups: dict[object, list[_Pieces]] = {}
    for one in pieces:
        groups.setdefault(one.alike, []).append(one)
    for group in groups.values():
        if len(group) > 1:
            if group[0].alike[0]:
                _cut_alike(group)
        elif group[0].goes_by_racks:
            group[0].fill(group[0].is_near)


def _cut_alike(group: list[_Pieces]) -> None:
    """The same partitions of all these topics go to the same member, near to it in all of them."""
    left = list(group[0].members)
    for partition in range(group[0].count):
        member = next(
            (
                one
                for one in left
                if all(topic.is_near(one, partition) and topic.room(one) for topic in group)
            ),
            None,
        )
        if member is None:
            continue
        for topic in group:
            topic.give(member, [partition])
        if not any(topic.room(member) for topic in group):
            left.remove(member)
            if not left:
                return
