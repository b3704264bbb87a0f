"""cooperative-sticky: as sticky, for members that keep what they have while they join (KIP-429).

What is to move to another member is given to nobody in the round that says so: whoever has it lets
go of it and joins again, and the next round gives it. So no partition has two owners.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ottla.client.membership.assignors.assignor import (
    COOPERATIVE,
    DEFAULT_GENERATION,
    EAGER,
    Assignor,
    Share,
    Subscription,
)
from ottla.client.membership.assignors.claims import MemberData
from ottla.client.membership.assignors.sticky import stick
from ottla.client.membership.events import KnownTopics
from ottla.client.places import TopicPartition


class CooperativeStickyAssignor(Assignor):
    """As Java's CooperativeStickyAssignor."""

    name = "cooperative-sticky"
    protocols: tuple[int, ...] = (EAGER, COOPERATIVE)

    def __init__(self) -> None:
        self._generation = DEFAULT_GENERATION

    def user_data(self) -> bytes | None:
        """The generation that this member was last given something in, for leaders that know only
        subscriptions before version 2.
        """
        return struct.pack(">i", self._generation)

    def assigned(self, share: Share, generation_id: int) -> None:
        """This member was given that."""
        self._generation = generation_id

    def assign(
        self, topics: KnownTopics, members: Mapping[str, Subscription]
    ) -> dict[str, tuple[TopicPartition, ...]]:
        """Each member's partitions, without those that others have yet to let go of."""
        shares, moving = stick(topics, members, read_claim)
        if moving is None:
            moving = _moving(shares, members)
        for place, member in moving.items():
            if place in shares[member]:
                shares[member].remove(place)
        return {member: tuple(share) for member, share in shares.items()}


def read_claim(subscription: Subscription) -> MemberData:
    """What a member says that it owns."""
    if subscription.generation_id >= 0:
        return MemberData(subscription.owned, subscription.generation_id)
    data = subscription.user_data
    if not data:
        return MemberData(subscription.owned, None)
    generation = struct.unpack_from(">i", data)[0] if len(data) >= 4 else DEFAULT_GENERATION
    return MemberData(subscription.owned, generation)


def _moving(
    shares: Mapping[str, list[TopicPartition]], members: Mapping[str, Subscription]
) -> dict[TopicPartition, str]:
    added: dict[TopicPartition, str] = {}
    revoked: set[TopicPartition] = set()
    for member, share in shares.items():
        owned = set(members[member].owned)
        added.update((place, member) for place in share if place not in owned)
        revoked.update(owned.difference(share))
    return {place: member for place, member in added.items() if place in revoked}
