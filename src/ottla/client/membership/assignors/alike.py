"""Sticky assignment where all members want the same topics: quick, balanced to one partition.

Everybody keeps what they have, up to an even share; as many members as come out one over keep one
more. What is then left goes round to those below, in order of their ids.
"""

from __future__ import annotations

from collections.abc import Mapping

from ottla.client.membership.assignors.claims import Claims
from ottla.client.membership.assignors.near import Nearness
from ottla.client.places import TopicPartition


class EvenShares:
    """One assignment; `moving` says afterwards which partitions another member still has."""

    def __init__(self, counts: Mapping[str, int], near: Nearness, claims: Claims) -> None:
        self._claims = claims
        self._near = near
        self._places = [
            (topic, partition) for topic in sorted(counts) for partition in range(counts[topic])
        ]
        self._existing = frozenset(self._places)
        self._least, self._expected_over = divmod(len(self._places), len(claims.owned))
        self._most = self._least + (self._expected_over > 0)
        self._over = 0
        """How many members have more than the least share."""
        self._shares: dict[str, list[TopicPartition]] = {one: [] for one in claims.owned}
        self._below: list[str] = []
        self._at_least: list[str] = []
        """The members that may have one more."""
        self._let_go: dict[TopicPartition, str] = {}
        self.moving: dict[TopicPartition, str] = {}

    def assign(self) -> dict[str, list[TopicPartition]]:
        """Each member's partitions."""
        for member, owned in self._claims.owned.items():
            self._keep(member, owned)
        kept = {place for share in self._shares.values() for place in share}
        left = self._near.fewest_first([place for place in self._places if place not in kept])
        self._below.sort()
        self._at_least.sort()
        self._go_round(self._go_to_the_near(left))
        return self._shares

    def _keep(self, member: str, owned: list[TopicPartition]) -> None:
        """The member keeps what it may of what it owns."""
        mine = []
        for place in sorted(owned, key=lambda one: (one[1], one[0])):
            if self._near.is_far(member, place):
                self._let_go[place] = member
            elif place not in self._claims.twice and place in self._existing:
                mine.append(place)
        if len(mine) < self._least:
            self._shares[member] += mine
            self._below.append(member)
            return
        size = self._least
        if len(mine) >= self._most and self._over < self._expected_over:
            size = self._most
            self._over += 1
            if self._over == self._expected_over:
                self._at_least.clear()
        elif self._over < self._expected_over:
            self._at_least.append(member)
        self._shares[member] += mine[:size]
        self._let_go.update(dict.fromkeys(mine[size:], member))

    def _go_to_the_near(self, places: list[TopicPartition]) -> list[TopicPartition]:
        """Give to members that are near while they have room; what is left comes back."""
        if not self._near.member_racks:
            return places
        left = []
        next_at = 0
        for place in places:
            at = self._near.next_near(place, self._below, next_at)
            if at is not None:
                member = self._below[at]
                size = len(self._shares[member]) + 1
                if size >= self._least:
                    self._below.remove(member)
                    if size < self._most and self._over < self._expected_over:
                        self._at_least.append(member)
                else:
                    at += 1
                next_at = at % len(self._below) if self._below else 0
                self._give(place, member)
                continue
            at = self._near.next_near(place, self._at_least, 0)
            if at is None:
                left.append(place)
                continue
            member = self._at_least[at]
            if len(self._shares[member]) + 1 == self._most:
                self._at_least.pop(at)
                self._over += 1
                if self._over == self._expected_over:
                    self._at_least.clear()
            self._give(place, member)
        return left

    def _go_round(self, places: list[TopicPartition]) -> None:
        """Give to those below in turn, and when there are none to those at the least share."""
        at = 0
        for place in places:
            if not self._below:
                self._give(place, self._at_least.pop(0))
                continue
            at = at if at < len(self._below) else 0
            member = self._below[at]
            if self._give(place, member) == self._least:
                self._below.pop(at)
                self._at_least.append(member)
            else:
                at += 1

    def _give(self, place: TopicPartition, member: str) -> int:
        self._shares[member].append(place)
        if self._let_go.get(place, member) != member or place in self._claims.twice:
            self.moving[place] = member
        return len(self._shares[member])
