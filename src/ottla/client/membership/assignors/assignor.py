"""What every assignor is given, and gives.

An assignor of a sticky kind remembers, between rounds, what its member was given. Besides that it
depends on nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from ottla.client.membership.events import KnownTopics
from ottla.client.places import TopicPartition

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


class Assignor(Protocol):
    """One way to share partitions out."""

    name: str
    protocols: tuple[int, ...]
    """The rebalance protocols that it can be used with."""

    def user_data(self) -> bytes | None:
        """What to add to this member's subscription."""

    def assign(
        self, topics: KnownTopics, members: Mapping[str, Subscription]
    ) -> dict[str, tuple[TopicPartition, ...]]:
        """Each member's partitions. The members come in the order in which the coordinator told
        them; topics without partitions count as not there.
        """

    def assigned(self, share: Share, generation_id: int) -> None:
        """This member was given that."""


class Forgetful:
    """The half of an assignor that keeps nothing."""

    def user_data(self) -> bytes | None:
        """Nothing."""
        return None

    def assigned(self, share: Share, generation_id: int) -> None:
        """Nothing is kept of it."""


def by_instance(members: Mapping[str, Subscription]) -> list[str]:
    """The member ids in the order of range and roundrobin: static members first, by their
    group.instance.id, which a restart does not change; then the others by member id.
    """
    return sorted(members, key=lambda one: _rank(one, members[one].instance_id))


def _rank(member_id: str, instance_id: str | None) -> tuple[bool, str, str]:
    return (instance_id is None, instance_id or "", member_id)
