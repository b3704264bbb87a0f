"""Records that an iteration has taken from a consumer, and not handed out yet.

They do not count as read: a commit in the loop, or at its end, names what the program has seen. Who
breaks off gives the rest back, and it is read again. A seek in the loop ends what was taken before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ottla.client.consuming.committing import OffsetAndMetadata
from ottla.client.places import TopicPartition
from ottla.wire.fetched import ConsumerRecord

if TYPE_CHECKING:
    from ottla.client.connecting.waiting import Waiting
    from ottla.client.consuming.fetching import Fetching


class Unseen:
    """What one iteration has in hand."""

    def __init__(self, fetching: Fetching, waiting: Waiting) -> None:
        self.is_stale = False
        """Whether somebody has set a position since they were taken."""
        self._fetching = fetching
        self._waiting = waiting
        self._records: list[ConsumerRecord] = []
        self._seen = 0
        self._ages: dict[TopicPartition, int] = {}

    def each(self, records: list[ConsumerRecord]) -> Iterator[ConsumerRecord]:
        """Hand these out; whatever ends it, what is left is given back."""
        with self._waiting:
            parts = self._fetching.parts
            self._ages = {place: part.age for place, part in parts.items()}
            self._records, self._seen, self.is_stale = records, 0, False
        try:
            for record in records:
                if self.is_stale:
                    return
                self._seen += 1
                yield record
        finally:
            self.give_back()

    def positions(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Of the first record of each partition that was not handed out. Inside the monitor."""
        found: dict[TopicPartition, OffsetAndMetadata] = {}
        for record in self._records[self._seen :]:
            place = (record.topic, record.partition)
            part = self._fetching.parts.get(place)
            if place not in found and part is not None and part.age == self._ages.get(place):
                found[place] = OffsetAndMetadata(record.offset)
        return found

    def give_back(self) -> None:
        """What was not handed out is read again."""
        if self._seen == len(self._records):
            return
        with self._waiting:
            for place, at in self.positions().items():
                self._fetching.parts[place].seek(at.offset)
            self._records, self._seen, self.is_stale = [], 0, True
