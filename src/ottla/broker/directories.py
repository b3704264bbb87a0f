"""Which of this broker's log directories holds which partition, and what they don't serve.

With one there is nothing to decide. With more, a partition is where its folder lies, whatever was
recorded: people move folders while a broker is down. One without a folder goes where its record
says; a new one, whose record says nothing, goes where the fewest are, as in Apache Kafka 4.3.1. It
stays there while the broker runs, and what the record says otherwise is for the controller to hear
(KIP-858).

Which directories failed, and which partitions are offline, by that or by a fault of their own, is
known here and nowhere else in Python; the core says so in events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.metadata.image import MIGRATING_DIRECTORY, UNASSIGNED_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Collection

    from ottla.metadata.image import MetadataImage, Partition, Topic

UNNAMED = (UNASSIGNED_DIRECTORY, MIGRATING_DIRECTORY)

Assignment = tuple[bytes, int, bytes]
"""(topic id, partition, directory id)"""


class Directories:
    """The places of partitions, as numbers in the order of `log.dirs`."""

    __slots__ = (
        "_away",
        "_counts",
        "_ids",
        "_node_id",
        "_places",
        "_unrecorded",
        "failed",
        "incomplete",
        "offline",
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
        self.offline: set[tuple[str, int]] = set()
        """Partitions of this broker, by topic and index, that the disk keeps from being served."""

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
            place = None if key in self._away else self._choose(recorded, lying)
            if place is None:
                self._away.add(key)
                return
            self._places[key] = place
            self._counts[place] += 1
        if recorded != self._ids[place]:
            self._unrecorded[key] = place

    def _choose(self, recorded: bytes, lying: Collection[int] | None) -> int | None:
        named = self._ids.index(recorded) if recorded in self._ids else None
        if lying:
            return named if named in lying else min(lying)
        if named is not None or recorded not in UNNAMED:
            return named
        if lying is not None and self.incomplete:
            return None
        online = [place for place in range(len(self._ids)) if place not in self.failed]
        return min(online or range(len(self._ids)), key=self._counts.__getitem__)

    def forget(self, topic: Topic, index: int) -> None:
        """The partition is not this broker's any more."""
        self.offline.discard((topic.name, index))
        self._away.discard((topic.id, index))
        place = self._places.pop((topic.id, index), None)
        self._unrecorded.pop((topic.id, index), None)
        if place is not None:
            self._counts[place] -= 1

    def lose(self, place: int, image: MetadataImage) -> None:
        """A directory failed: what lies there is offline until the broker is started again."""
        self.failed.add(place)
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
