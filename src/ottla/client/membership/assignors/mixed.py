"""Sticky assignment where members want different topics: as balanced as that allows.

Everybody keeps what they have and still want. What is left goes, one by one, to whoever has least
of those that want it; then partitions move from who has more to who has less, until none can. If
that has made nothing better, all stays as it was.

The order of everything counts, for which of many assignments comes out; it is Java's.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping

from ottla.client.membership.assignors.assignor import Subscription
from ottla.client.membership.assignors.claims import Claims
from ottla.client.membership.assignors.movements import Movements
from ottla.client.membership.assignors.near import Nearness
from ottla.client.places import TopicPartition

Shares = dict[str, list[TopicPartition]]


class MixedShares:
    """One assignment."""

    def __init__(
        self,
        counts: Mapping[str, int],
        near: Nearness,
        claims: Claims,
        members: Mapping[str, Subscription],
    ) -> None:
        self._counts = counts
        self._near = near
        self._members = members
        self._before = claims.before()
        self._shares: Shares = claims.owned
        self._wanted = {
            member: [topic for topic in one.topics if topic in counts]
            for member, one in members.items()
        }
        self._wants = {member: frozenset(topics) for member, topics in self._wanted.items()}
        self._wanted_by: dict[str, list[str]] = {topic: [] for topic in counts}
        for member, topics in self._wanted.items():
            for topic in topics:
                self._wanted_by[topic].append(member)
        self._owner = {place: one for one, share in self._shares.items() for place in share}
        self._places = [
            (topic, partition)
            for topic in sorted(counts, key=lambda one: (len(self._wanted_by[one]), one))
            for partition in range(counts[topic])
        ]
        self._movements = Movements()
        self._lets_go = False
        """Whether somebody had what it no longer wants, or is far from."""
        self._ranks: list[tuple[int, str]] = []
        """(size of the share, member), in order, of those that partitions may move between."""

    def assign(self) -> Shares:
        """Each member's partitions."""
        kept = self._keep()
        left = [place for place in self._places if place not in kept]
        self._ranks = sorted((len(share), member) for member, share in self._shares.items())
        self._balance(left)
        return self._shares

    def _keep(self) -> set[TopicPartition]:
        kept: set[TopicPartition] = set()
        for member, share in self._shares.items():
            mine = []
            for place in share:
                if place[0] not in self._wants[member] or self._near.is_far(member, place):
                    self._lets_go = True
                elif place[1] < self._counts[place[0]]:
                    mine.append(place)
            share[:] = mine
            kept.update(mine)
        return kept

    # ------------------------------------------------------------ balance

    def _balance(self, left: list[TopicPartition]) -> None:
        began_with_nothing = not self._ranks[-1][0]
        if self._near.member_racks:
            left_far = [place for place in left if not self._give_least(place, near_only=True)]
        else:
            left_far = left
        for place in left_far:
            self._give_least(place, near_only=False)
        fixed = {topic for topic, members in self._wanted_by.items() if len(members) < 2}
        places = [place for place in self._places if place[0] not in fixed]
        left = [place for place in left if place[0] not in fixed]
        set_aside: Shares = {}
        for member in self._wanted:
            if not self._may_take_part(member):
                self._ranks.remove((len(self._shares[member]), member))
                set_aside[member] = self._shares.pop(member)
        before = {member: list(share) for member, share in self._shares.items()}
        if not self._lets_go:
            self._move(left)
        moved = self._move(places)
        if not began_with_nothing and moved and _score(self._shares) >= _score(before):
            self._shares = before
        self._shares.update(set_aside)

    def _give_least(self, place: TopicPartition, *, near_only: bool) -> bool:
        """Give it to whoever has least of those that want it."""
        for size, member in self._ranks:
            if place[0] not in self._wants[member]:
                continue
            if near_only and self._near.is_far(member, place):
                continue
            self._unrank(member)
            self._shares[member].append(place)
            self._owner[place] = member
            insort(self._ranks, (size + 1, member))
            return True
        return False

    def _unrank(self, member: str) -> None:
        del self._ranks[bisect_left(self._ranks, (len(self._shares[member]), member))]

    def _room(self, member: str) -> int:
        """How many partitions the member could have at most."""
        return sum(self._counts[topic] for topic in self._wanted[member])

    def _may_take_part(self, member: str) -> bool:
        share = self._shares[member]
        if len(share) < self._room(member):
            return True
        return any(len(self._wanted_by[topic]) >= 2 for topic, _ in share)

    def _is_balanced(self) -> bool:
        if not self._ranks or self._ranks[0][0] >= self._ranks[-1][0] - 1:
            return True
        owner = {place: one for one, share in self._shares.items() for place in share}
        for size, member in self._ranks:
            if size == self._room(member):
                continue
            for topic in self._wanted[member]:
                for partition in range(self._counts[topic]):
                    other = owner.get((topic, partition))
                    if other not in (None, member) and size < len(self._shares[other or ""]):
                        return False
        return True

    # ------------------------------------------------------------ moving

    def _move(self, places: list[TopicPartition]) -> bool:
        """Move partitions until nothing gets better; whether any was."""
        ever = False
        again = True
        while again:
            again = False
            for place in places:
                if self._is_balanced():
                    break
                if self._moves(place):
                    ever = again = True
        return ever

    def _moves(self, place: TopicPartition) -> bool:
        owner = self._owner[place]
        had, _ = self._before.get(place, ("", 0))
        # Java does not ask whether they still want it: members are then given, round after round,
        # what they refuse.
        wants = had in self._shares and place[0] in self._wants[had]
        if wants and self._is_fuller(owner, had):
            self._move_to(place, had)
            return True
        if any(self._is_fuller(owner, other) for other in self._wanted_by[place[0]]):
            self._move_to(place, self._least_of(place[0]))
            return True
        return False

    def _is_fuller(self, member: str, other: str) -> bool:
        return len(self._shares[member]) > len(self._shares[other]) + 1

    def _least_of(self, topic: str) -> str:
        return next(member for _, member in self._ranks if topic in self._wants[member])

    def _move_to(self, place: TopicPartition, member: str) -> None:
        place = self._movements.instead(place, self._owner[place], member)
        owner = self._owner[place]
        self._unrank(owner)
        self._unrank(member)
        self._movements.moved(place, owner, member)
        self._shares[owner].remove(place)
        self._shares[member].append(place)
        self._owner[place] = member
        insort(self._ranks, (len(self._shares[member]), member))
        insort(self._ranks, (len(self._shares[owner]), owner))


def _score(shares: Shares) -> int:
    """How far from even: the sum of all differences in size."""
    sizes = [len(share) for share in shares.values()]
    return sum(abs(a - b) for at, a in enumerate(sizes) for b in sizes[at + 1 :])
