"""Plants in compaction: what readers of a table hear is spoilt, or the cleaner is misled.

| plant | what is wrong then |
|---|---|
| dropped-records | a record that nothing supersedes is not there |
| withheld-tombstones | a tombstone is not there, and what it deletes is |
| returned-records | a record that went is there again |
| changed-times | a record is of another time at each look |
| hasty-tombstones | the cleaner knows nothing of `delete.retention.ms` |
| early-clean-points | a log is called clean to its end when a node starts: keys are not learnt |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ottla._core import TopicConfig
from ottla.node.publisher import Publisher
from ottla.sim.machine import Machine
from ottla.sim.plants.files import read_rows, write_rows
from ottla.sim.plants.sound import Sound
from ottla.sim.plants.transactions import broken
from ottla.sim.stored import whole
from ottla.wire.messages.fetch import FetchRequest
from ottla.wire.records import Batch, build_batch

if TYPE_CHECKING:
    from ottla.sim.line import Sent
    from ottla.sim.model import Model

POINTS = "cleaner-offset-checkpoint"

Parts = list[tuple[Batch, bytes]]
"""Batches, and the bytes of each."""


class Tables(Sound):
    """What a Fetch answers of a compacted partition is spoilt."""

    is_first = False
    """It was asked from the start on."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Spoil it, as long as something is left."""
        if not isinstance(sent.request, FetchRequest):
            return
        for topic in response.responses:
            for row in topic.partitions:
                partition = self.model.partition(topic.topic_id, row.partition_index)
                if partition is not None and partition.table is not None and row.records:
                    asks, _room = sent.note
                    key = (topic.topic_id, row.partition_index)
                    self.is_first = asks[key].position == 0
                    parts = self.spoilt(partition.name, _parts(row.records))
                    row.records = b"".join(data for _, data in parts)

    def spoilt(self, name: str, parts: Parts) -> Parts:
        """What is answered instead of these."""
        return parts


class DroppedRecords(Tables):
    """The first one is not there."""

    def spoilt(self, name: str, parts: Parts) -> Parts:
        """Leave out its batch."""
        return parts[1:] if len(parts) > 1 else parts


class WithheldTombstones(Tables):
    """Tombstones are not there."""

    def spoilt(self, name: str, parts: Parts) -> Parts:
        """Leave out their batches."""
        return [part for part in parts[:-1] if not _deletes(part[0])] + parts[-1:]


class ReturnedRecords(Tables):
    """What was the first once is again."""

    def __init__(self, machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        self._first: dict[str, tuple[Batch, bytes]] = {}

    def spoilt(self, name: str, parts: Parts) -> Parts:
        """Put it before what is there."""
        if not self.is_first:
            return parts
        first = self._first.setdefault(name, parts[0])
        return [first, *parts] if first[0].last_offset < parts[0][0].base_offset else parts


class ChangedTimes(Tables):
    """Times are never the same."""

    _count = 0

    def spoilt(self, name: str, parts: Parts) -> Parts:
        """Write the first anew."""
        self._count += 1
        batch, _ = parts[0]
        if batch.is_control or not batch.records:
            return parts
        data = build_batch(
            [one._replace(timestamp_ms=one.timestamp_ms + self._count) for one in batch.records],
            base_offset=batch.base_offset,
            producer_id=batch.producer_id,
            producer_epoch=batch.producer_epoch,
            base_sequence=batch.base_sequence,
            transactional=batch.is_transactional,
        )
        return [(batch, data), *parts[1:]]


class EarlyCleanPoints(Sound):
    """Logs are clean to their ends."""

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Before each start."""
        start = Machine.start

        def misled(machine: Machine) -> None:
            self._mislead()
            start(machine)

        with patch.object(Machine, "start", misled):
            yield

    def _mislead(self) -> None:
        """As if a round had been over just before."""
        rows = read_rows(self.machine, POINTS)
        for one in self.model.compacted():
            end = max(one.table.entries, default=-1) + 1 if one.table is not None else 0
            rows[one.topic, one.index] = end
        write_rows(self.machine, POINTS, rows)


def _parts(records: bytes) -> Parts:
    parts, at = [], 0
    for batch in whole(records):
        parts.append((batch, records[at : at + batch.size_bytes]))
        at += batch.size_bytes
    return parts


def _deletes(batch: Batch) -> bool:
    return any(record.value is None for record in batch.records)


def _hasty(_config: Any) -> Any:
    def config(publisher: Any, topic: str, _configs: Any) -> TopicConfig:
        values = publisher._context.settings.topic(topic)
        return TopicConfig(values | {"delete.retention.ms": 0})

    return config


COMPACTION: dict[str, Callable[[Machine, Model], Sound]] = {
    "dropped-records": DroppedRecords,
    "withheld-tombstones": WithheldTombstones,
    "returned-records": ReturnedRecords,
    "changed-times": ChangedTimes,
    "hasty-tombstones": broken(Publisher, "_config", _hasty),
    "early-clean-points": EarlyCleanPoints,
}
