"""Acknowledged records are there: at their offset, unchanged, in order, those of idempotent
producers and of transactions once.

A kill loses nothing. A power cut leaves a first part of what was there, at least what was safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.invariants.watch import Ask, Watch
from ottla.sim.model import TRANSACTIONAL, Partition, values, wrote
from ottla.sim.stored import has_unsafe_segment, safe_end, visible
from ottla.sim.violation import held

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ottla._core import PartitionOffsets
    from ottla.wire.records import Batch

ONCE = ("i-", TRANSACTIONAL)


class Records(Watch):
    """Nothing acknowledged is lost, changed, moved or doubled."""

    def acknowledged(self, partition: Partition, base_offset: int, sent: list[bytes]) -> None:
        """From now on they are there."""
        held(base_offset >= 0, f"{partition.name}: acknowledged without an offset")
        for offset, value in enumerate(sent, base_offset):
            _learn(partition, offset, value, "was acknowledged")
            partition.acked[offset] = value

    def fetched(self, partition: Partition, ask: Ask, row: Any, batches: Sequence[Batch]) -> None:
        """What is read once is read again; of what is compacted `compaction.py` speaks."""
        if partition.table is None:
            _learn_all(partition, batches, "was read")

    def audited(
        self, partition: Partition, offsets: PartitionOffsets, batches: Sequence[Batch]
    ) -> None:
        """Everything that was promised is in the log."""
        if partition.table is not None:
            return
        name, end = partition.name, offsets.log_end
        held(
            end >= partition.floor,
            f"{name} ends at {end}, though {partition.floor} was safe before the power cut",
        )
        _learn_all(partition, batches, "is in the log")
        next_offset = offsets.log_start
        for number, batch in enumerate(batches):
            held(
                partition.joins(next_offset, batch, first=number == 0),
                f"{name}: {batch.base_offset} to {batch.last_offset} is in the log at "
                f"{next_offset}",
            )
            next_offset = batch.last_offset + 1
        held(
            next_offset == end or partition.may_skip(next_offset, end),
            f"{name} can be read to {next_offset}, and ends at {end}",
        )
        there = {record.offset for batch in batches for record in batch.records}
        lost = [at for at in partition.acked if at >= offsets.log_start and at not in there]
        held(not lost, f"{name} ends at {end}, and has lost {sorted(lost)[:5]}")
        _in_order(partition, batches)

    def ends(self, power_cut: bool) -> None:
        """Look at the disk: after a power cut a first part of it must come back."""
        disk = self.machine.disk
        for partition in self.model.partitions():
            partition.floor = 0
            if power_cut:
                _learn_all(partition, visible(disk, partition.name), "lies in its segment")
                partition.floor = safe_end(disk, partition.name, partition.log_start)
                partition.holed |= has_unsafe_segment(disk, partition.name)


def forget_lost(partition: Partition, log_end: int, batches: Sequence[Batch]) -> None:
    """After a power cut: what lay behind the end that is found is lost, as it may be; so is what a
    hole between two segments held.
    """
    there = {record.offset for batch in batches for record in batch.records}
    for seen in (partition.known, partition.acked):
        for offset in list(seen):
            in_hole = partition.holed and offset >= partition.floor and offset not in there
            if offset >= log_end or in_hole:
                del seen[offset]


def _learn(partition: Partition, offset: int, value: bytes, how: str) -> None:
    known = partition.known.setdefault(offset, value)
    held(
        known == value,
        f"{partition.name}: at offset {offset} {wrote(value)} {how}, where {wrote(known)} was",
    )


def _learn_all(partition: Partition, batches: Iterable[Batch], how: str) -> None:
    for batch in batches:
        for offset, value in values(batch):
            _learn(partition, offset, value, how)


def _in_order(partition: Partition, batches: Sequence[Batch]) -> None:
    """Of idempotent producers and transactions every record once, each after the one before."""
    last: dict[str, int] = {}
    for batch in batches:
        for offset, value in values(batch):
            who, number = wrote(value)
            if who.startswith(ONCE):
                before = last.get(who, 0)
                held(
                    number > before,
                    f"{partition.name}: {who}:{number} at {offset} comes after {before}",
                )
                last[who] = number
