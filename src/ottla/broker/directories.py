"""Which of this broker's log directories holds which partition, and what they don't serve.

With one there is nothing to decide. With more, a partition is where its folder lies, whatever was
recorded: people move folders while a broker is down. One without a folder goes where its record
says; a new one, whose record says nothing, goes where the fewest are, as in Apache Kafka 4.3.1. It
stays there until it is moved, and what the record says otherwise is for the controller to hear
(KIP-858). One that moves (KIP-113) is recorded in its new place before it is there, so that a crash
in between leaves no doubt which of two folders counts.

Which directories failed, and which partitions are offline, by that or by a fault of their own, is
known here and nowhere else in Python; the core says so in events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.metadata.image import UNNAMED_DIRECTORIES

if TYPE_CHECKING:
    from collections.abc import Collection

    from ottla.metadata.image import MetadataImage, Partition, Topic

Assignment = tuple[bytes, int, bytes]
"""(topic id, partition, directory id)"""
WISHES_MAX = 100_000
"""So many partitions that do not exist are remembered; more than any cluster is given at once."""


class Directories:
    """The places of partitions, as numbers in the order of `log.dirs`."""

    __slots__ = (
        "_assigned",
        "_away",
        "_counts",
        "_ids",
        "_node_id",
        "_places",
        "_unrecorded",
        "cordoned",
        "failed",
        "incomplete",
        "moving",
        "offline",
        "preferred",
        "several",
    )

    def __init__(
        self,
        node_id: int,
        ids: tuple[bytes, ...],
        *,
        incomplete: bool = False,
        failed: Collection[int] = (),
    ) -> None:
        self._node_id = node_id
        self.incomplete = incomplete
        """Some could not be looked at when the broker started: what is nowhere may lie there."""
        self.several = incomplete or len(ids) > 1
        """Whether there is anything to decide."""
        self._ids = ids
        self._places: dict[tuple[bytes, int], int] = {}
        self._away: set[tuple[bytes, int]] = set()
        """What is in none of these: a change of it says nothing of where its records are."""
        self._counts = [0] * len(ids)
        self._unrecorded: dict[tuple[bytes, int], int] = {}
        self.failed = set(failed)
        """Those that ended, by a failed sync or at the start."""
        self.cordoned: frozenset[int] = frozenset()
        """Those that take no new partitions (KIP-1066)."""
        self.moving: dict[tuple[bytes, int], int] = {}
        """Where partitions are on their way to."""
        self._assigned: list[tuple[Topic, int]] = []
        """Those of them that the cluster knows to be there since this was asked last."""
        self.preferred: dict[tuple[str, int], int] = {}
        """Where partitions are wanted that are not there yet."""
        self.offline: set[tuple[str, int]] = set()
        """Partitions of this broker, by topic and index, that the disk keeps from being served."""

    def wish(self, topic: str, index: int, place: int) -> None:
        """Remember where a partition is wanted that is not there yet."""
        if (topic, index) in self.preferred or len(self.preferred) < WISHES_MAX:
            self.preferred[topic, index] = place

    def index(self, topic_id: bytes, index: int) -> int | None:
        """Where the partition is; None if its record names a directory that is not here."""
        return self._places.get((topic_id, index)) if self.several else 0

    def place(
        self,
        topic: Topic,
        index: int,
        partition: Partition,
        lying: Collection[int] | None = None,
    ) -> None:
        """Settle where the partition is from now on; `lying` are those that have its folder, None
        for a new one.
        """
        key = topic.id, index
        recorded = partition.directory_of(self._node_id)
        place = self._places.get(key)
        if place is None:
            wish = self.preferred.pop((topic.name, index), None) if lying is None else None
            place = None if key in self._away else self._choose(recorded, lying, wish)
            if place is None:
                self._away.add(key)
                return
            self._places[key] = place
            self._counts[place] += 1
        target = self.moving.get(key)
        if target is not None and recorded == self._ids[target]:
            self._assigned.append((topic, index))
        elif recorded != self._ids[place]:
            self._unrecorded[key] = place

    def _choose(
        self, recorded: bytes, lying: Collection[int] | None, wish: int | None = None
    ) -> int | None:
        named = self._ids.index(recorded) if recorded in self._ids else None
        if lying:
            return named if named in lying else min(lying)
        if wish is not None and wish not in self.failed:
            return wish
        if named is not None or recorded not in UNNAMED_DIRECTORIES:
            return named
        if lying is not None and self.incomplete:
            return None
        online = [place for place in range(len(self._ids)) if place not in self.failed]
        open_ = [place for place in online if place not in self.cordoned]
        return min(open_ or online or range(len(self._ids)), key=self._counts.__getitem__)

    def forget(self, topic: Topic, index: int) -> None:
        """The partition is not this broker's any more."""
        self.offline.discard((topic.name, index))
        self._away.discard((topic.id, index))
        self.moving.pop((topic.id, index), None)
        place = self._places.pop((topic.id, index), None)
        self._unrecorded.pop((topic.id, index), None)
        if place is not None:
            self._counts[place] -= 1

    # ------------------------------------------------------------------ moves
    def moves(self, topic_id: bytes, index: int, place: int) -> None:
        """The partition is wanted there, and on its way; in its own place a move is taken back."""
        if self.index(topic_id, index) == place:
            self.moving.pop((topic_id, index), None)
        else:
            self.moving[topic_id, index] = place

    def caught_up(self, topic_id: bytes, index: int, place: int) -> None:
        """All of the partition is in the new place: the controller has to hear of that first."""
        if self.moving.get((topic_id, index)) == place:
            self._unrecorded[topic_id, index] = place

    def moved(self, topic: Topic, index: int, place: int) -> None:
        """The partition is there."""
        key = topic.id, index
        if self.moving.get(key) == place:
            del self.moving[key]
        before = self._places.get(key)
        if before is not None:
            self._counts[before] -= 1
        self._places[key] = place
        self._counts[place] += 1
        self._see(topic, index)

    def stays(self, topic: Topic, index: int, place: int) -> None:
        """The partition does not get there."""
        key = topic.id, index
        if self.moving.get(key) == place:
            del self.moving[key]
        self._see(topic, index)

    def _see(self, topic: Topic, index: int) -> None:
        """Let the controller hear where the partition is, if its record says otherwise."""
        key = topic.id, index
        recorded = topic.partitions[index].directory_of(self._node_id)
        place = self._places.get(key)
        if place is not None and recorded != self._ids[place]:
            self._unrecorded[key] = place
        elif self._unrecorded.get(key) != place:
            self._unrecorded.pop(key, None)

    def take_assigned(self) -> list[tuple[Topic, int]]:
        """What moves and is known to the cluster in its new place since this was asked last."""
        found, self._assigned = self._assigned, []
        return found

    def id_of(self, place: int) -> bytes:
        """The directory id of a place."""
        return self._ids[place]

    def cordoned_ids(self) -> list[bytes]:
        """The ids of those that take no new partitions."""
        return [self._ids[place] for place in sorted(self.cordoned)]

    # ------------------------------------------------------------------ what disks do
    def lose(self, place: int, image: MetadataImage) -> None:
        """A directory failed: what lies there is offline until the broker is started again, and
        what was to go there stays where it is.
        """
        self.failed.add(place)
        for (topic_id, index), target in list(self.moving.items()):
            if target == place:
                self.stays(image.topics.by_id[topic_id], index, place)
        self.offline.update(
            (topic.name, index)
            for topic in image.topics.by_name.values()
            for index, partition in enumerate(topic.partitions)
            if self._node_id in partition.replicas and self.index(topic.id, index) == place
        )

    def unopened(self, name: str, index: int) -> None:
        """The partition can't be opened (any more): it is offline until it is `opened`."""
        self.offline.add((name, index))

    def opened(self, name: str, index: int) -> bool:
        """The partition is served (again); whether it was offline."""
        was_offline = (name, index) in self.offline
        self.offline.discard((name, index))
        return was_offline

    def take_unrecorded(self) -> list[Assignment]:
        """What the controller does not know yet; it is taken for told from now on."""
        if not self._unrecorded:
            return []
        rows = [(topic, index, self._ids[at]) for (topic, index), at in self._unrecorded.items()]
        self._unrecorded.clear()
        return rows
