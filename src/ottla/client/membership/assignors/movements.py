"""Which partitions were moved between whom in one assignment, so that none goes back and forth: if
one of a topic moved from A to B, and another is to move from B to A, the first goes back instead.
"""

from __future__ import annotations

from ottla.client.membership.assignors.java_order import BUCKETS_MIN, bucket, string_hash
from ottla.client.places import TopicPartition

Pair = tuple[str, str]


class Movements:
    """The moves so far."""

    def __init__(self) -> None:
        self._pair: dict[TopicPartition, Pair] = {}
        self._moved: dict[tuple[str, Pair], _Places] = {}

    def instead(self, place: TopicPartition, source: str, target: str) -> TopicPartition:
        """The partition to move, where this one is to go from source to target."""
        if place in self._pair:
            source = self._pair[place][0]
        back = self._moved.get((place[0], (target, source)))
        return place if back is None else back.first()

    def moved(self, place: TopicPartition, source: str, target: str) -> None:
        """A partition has moved."""
        if place in self._pair:
            pair = self._pair.pop(place)
            key = (place[0], pair)
            self._moved[key].remove(place)
            if not self._moved[key].places:
                del self._moved[key]
            if pair[0] == target:
                return
            source = pair[0]
        pair = (source, target)
        self._pair[place] = pair
        self._moved.setdefault((place[0], pair), _Places()).add(place)


class _Places:
    """A HashSet of partitions, as far as which comes first."""

    def __init__(self) -> None:
        self.places: dict[TopicPartition, int] = {}
        self._buckets = BUCKETS_MIN

    def add(self, place: TopicPartition) -> None:
        topic, partition = place
        code = (31 * (31 + partition) + string_hash(topic)) & 0xFFFFFFFF
        self.places[place] = code
        if len(self.places) * 4 > self._buckets * 3:
            self._buckets *= 2

    def remove(self, place: TopicPartition) -> None:
        del self.places[place]

    def first(self) -> TopicPartition:
        return min(self.places, key=lambda one: bucket(self.places[one], self._buckets))
