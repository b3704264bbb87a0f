"""What members say that they own, made consistent: the first step of every sticky assignment.

A partition that two claim stays with the one of the newer generation; if both are of the same one,
neither keeps it, for one of them must be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from ottla.client.membership.assignors.assignor import DEFAULT_GENERATION, Subscription
from ottla.client.places import TopicPartition


class MemberData(NamedTuple):
    """What one member claims, and in which generation it was given that, if it says so."""

    partitions: tuple[TopicPartition, ...]
    generation: int | None


ReadClaim = Callable[[Subscription], MemberData]


class Claims:
    """The members' claims; members come in the order of the assignment."""

    def __init__(
        self, names: Collection[str], members: Mapping[str, Subscription], read: ReadClaim
    ) -> None:
        self.data = {member: read(one) for member, one in members.items()}
        self.owned: dict[str, list[TopicPartition]] = {}
        self.twice: set[TopicPartition] = set()
        """Claimed by two members of one generation."""
        self.newest = DEFAULT_GENERATION
        owner_of: dict[TopicPartition, str] = {}
        for member, data in self.data.items():
            mine: list[TopicPartition] = []
            self.owned[member] = mine
            generation = DEFAULT_GENERATION if data.generation is None else data.generation
            self.newest = max(self.newest, generation)
            for place in data.partitions:
                if place[0] not in names:
                    continue
                other = owner_of.get(place)
                if other is None:
                    mine.append(place)
                    owner_of[place] = member
                    continue
                # As Java: of the subscription's field, even where the claim came as user data.
                others_generation = max(members[other].generation_id, DEFAULT_GENERATION)
                if generation == others_generation:
                    self.twice.add(place)
                    _discard(self.owned[other], place)
                    owner_of[place] = member
                elif generation > others_generation:
                    mine.append(place)
                    _discard(self.owned[other], place)
                    owner_of[place] = member

    def before(self) -> dict[TopicPartition, tuple[str, int]]:
        """(member, generation) that had a partition before its claim of now, as far as members that
        missed a generation tell.
        """
        found: dict[TopicPartition, tuple[str, int]] = {}
        for member, data in self.data.items():
            if data.generation is None:
                if self.newest <= DEFAULT_GENERATION:
                    continue
                generation = DEFAULT_GENERATION
            elif data.generation < self.newest:
                generation = data.generation
            else:
                continue
            for place in data.partitions:
                if place not in found or generation > found[place][1]:
                    found[place] = (member, generation)
        return found


def all_alike(members: Mapping[str, Subscription]) -> bool:
    """Whether all members subscribe to the same topics; as Java, not asking those that come before
    the first that subscribes to any.
    """
    first: frozenset[str] = frozenset()
    for one in members.values():
        topics = frozenset(one.topics)
        if first and topics != first:
            return False
        first = topics
    return True


def _discard(places: list[TopicPartition], place: TopicPartition) -> None:
    if place in places:
        places.remove(place)
