"""High watermark and log start never go back, but by a power cut; a log start moves only up to
where somebody asked to delete, and a high watermark only up to the end of the log. Replies of one
connection wait for each other: so an answer to a reader is held against what was known when it
asked, and what others heard meanwhile may be newer.

A kill may take back a log start that no checkpoint has yet: as in Apache Kafka, the records are
seen again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.invariants.watch import Ask, Watch
from ottla.sim.model import Partition
from ottla.sim.stored import visible_end
from ottla.sim.violation import held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ottla._core import PartitionOffsets
    from ottla.wire.records import Batch


class Watermarks(Watch):
    """Offsets that readers rely on."""

    def fetched(self, partition: Partition, ask: Ask, row: Any, batches: Sequence[Batch]) -> None:
        """As an answer says; the log's end is read past the node."""
        if row.high_watermark > partition.high_watermark:
            end = visible_end(self.machine.disk, partition.name)
            held(
                end is None or row.high_watermark <= end or not self.model.lives(partition),
                f"{partition.name}: the high watermark {row.high_watermark} is beyond {end}, "
                "where the log ends",
            )
        _seen(partition, row.log_start_offset, row.high_watermark, (ask.log_start, ask.readable))

    def audited(
        self, partition: Partition, offsets: PartitionOffsets, batches: Sequence[Batch]
    ) -> None:
        """As the node says."""
        held(
            offsets.high_watermark <= offsets.log_end,
            f"{partition.name}: the high watermark {offsets.high_watermark} is beyond the log end "
            f"{offsets.log_end}",
        )
        known = (partition.log_start, partition.high_watermark)
        _seen(partition, offsets.log_start, offsets.high_watermark, known)

    def trimmed(self, partition: Partition, log_start: int) -> None:
        """As DeleteRecords was answered."""
        known = (partition.log_start, partition.high_watermark)
        _seen(partition, log_start, partition.high_watermark, known)

    def sought(self, partition: Partition, log_start: int, at_ms: int, row: Any) -> None:
        """What is found by time is there, and of that time."""
        held(
            log_start <= row.offset and at_ms <= row.timestamp,
            f"{partition.name}: at {at_ms}, from {log_start} on, offset {row.offset} was found, "
            f"which is of {row.timestamp}",
        )

    def ends(self, power_cut: bool) -> None:
        """What a checkpoint did not have yet is not known any more."""
        for partition in self.model.every_partition():
            partition.log_start = 0
            if power_cut:
                partition.high_watermark = 0


def _seen(
    partition: Partition, log_start: int, high_watermark: int, known: tuple[int, int]
) -> None:
    name, (known_start, known_watermark) = partition.name, known
    held(
        log_start >= known_start,
        f"{name}: the log start went back from {known_start} to {log_start}",
    )
    held(
        log_start <= partition.may_trim,
        f"{name} starts at {log_start}, though nobody deleted beyond {partition.may_trim}",
    )
    held(
        high_watermark >= known_watermark,
        f"{name}: the high watermark went back from {known_watermark} to {high_watermark}",
    )
    held(
        log_start <= high_watermark,
        f"{name}: the log start {log_start} is above the high watermark {high_watermark}",
    )
    partition.log_start = max(partition.log_start, log_start)
    partition.high_watermark = max(partition.high_watermark, high_watermark)
