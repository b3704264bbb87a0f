"""What every assignor is given, and gives.

An assignor of a sticky kind remembers, between rounds, what its member was given. Besides that it
depends on nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ottla.client.membership.events import KnownTopics
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError

EAGER, COOPERATIVE = 0, 1
"""The rebalance protocols: to let go of everything before a round, or of what moves, after it."""

DEFAULT_GENERATION = -1


class Subscription(NamedTuple):
    """What a member says of itself when it joins."""

    topics: tuple[str, ...]
    user_data: bytes | None = None
    owned: tuple[TopicPartition, ...] = ()
    generation_id: int = DEFAULT_GENERATION
    """The generation that `owned` is of."""
    rack_id: str | None = None
    instance_id: str | None = None


class Share(NamedTuple):
    """What a member is given."""

    partitions: tuple[TopicPartition, ...]
    user_data: bytes | None = None


class Assignor:
    """One way to share partitions out. `partition.assignment.strategy` takes objects of kinds that
    follow from this one, beside the names of Java's. All members of a group must have one in
    common. What a method of it raises ends the consumer, and is told by `poll`.

    It has a `name`, and `protocols`: EAGER (members let go of everything before a round; the usual
    one), or COOPERATIVE (an assignment only ever gives what nobody else owns), or both. It is
    called by the client's thread, which all of a client wait for: it computes, and asks nobody.
    """

    EAGER, COOPERATIVE = EAGER, COOPERATIVE
    name: str
    protocols: tuple[int, ...] = (EAGER,)

    def assign(
        self, topics: KnownTopics, members: Mapping[str, Subscription]
    ) -> Mapping[str, Share | tuple[TopicPartition, ...]]:
        """Each member's partitions, perhaps with `user_data` for it. The members come in the order
        in which the coordinator told them; topics without partitions count as not there.
        """
        raise OttlaError(f"{type(self).__name__} does not say how it shares out")

    def user_data(self) -> bytes | None:
        """What to add to this member's subscription."""
        return None

    def assigned(self, share: Share, generation_id: int) -> None:
        """This member was given that."""


def by_instance(members: Mapping[str, Subscription]) -> list[str]:
    """The member ids in the order of range and roundrobin: static members first, by their
    group.instance.id, which a restart does not change; then the others by member id.
    """
    return sorted(members, key=lambda one: _rank(one, members[one].instance_id))


def _rank(member_id: str, instance_id: str | None) -> tuple[bool, str, str]:
    return (instance_id is None, instance_id or "", member_id)
