"""The last stable offset never goes back, but by a power cut, or with a log start that a kill took
back, and is no higher than the high watermark: what a reader of committed records has read stays
read.

That it reaches the end of each log once all clients are done is looked at in run.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.invariants.watch import Ask, Watch
from ottla.sim.model import Partition
from ottla.sim.violation import held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ottla._core import PartitionOffsets
    from ottla.wire.records import Batch


class Stable(Watch):
    """Where open transactions begin."""

    def fetched(self, partition: Partition, ask: Ask, row: Any, batches: Sequence[Batch]) -> None:
        """As an answer says; what its reader asked by may be older than what others know."""
        if ask.committed:
            _seen(partition, row.last_stable_offset, row.high_watermark, ask.readable)

    def audited(
        self, partition: Partition, offsets: PartitionOffsets, batches: Sequence[Batch]
    ) -> None:
        """As the node says."""
        known = partition.last_stable
        _seen(partition, offsets.last_stable, offsets.high_watermark, known)

    def ends(self, power_cut: bool) -> None:
        """What was not synced is not known any more, nor is a log start that no checkpoint has,
        below which nothing is open.
        """
        for partition in self.model.every_partition():
            if power_cut or partition.last_stable <= partition.may_trim:
                partition.last_stable = 0


def _seen(partition: Partition, last_stable: int, high_watermark: int, known: int) -> None:
    name = partition.name
    held(
        last_stable >= known,
        f"{name}: the last stable offset went back from {known} to {last_stable}",
    )
    held(
        last_stable <= high_watermark,
        f"{name}: the last stable offset {last_stable} is above the high watermark "
        f"{high_watermark}",
    )
    partition.last_stable = max(partition.last_stable, last_stable)
