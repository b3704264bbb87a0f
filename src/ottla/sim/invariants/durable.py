"""What `flush.messages=1` promises: an acknowledged record is on disk, and all before it is."""

from __future__ import annotations

from ottla.sim.invariants.watch import Watch
from ottla.sim.model import Partition
from ottla.sim.stored import is_safe
from ottla.sim.violation import held


class Durable(Watch):
    """No acknowledgement before the sync that it promises."""

    def acknowledged(self, partition: Partition, base_offset: int, sent: list[bytes]) -> None:
        """It must be safe by now."""
        # What was deleted before its answer came is on disk no more.
        is_there = base_offset >= partition.log_start and self.model.lives(partition)
        if partition.flushes and is_there:
            last = base_offset + len(sent) - 1
            held(
                is_safe(self.machine.disk, partition.name, last),
                f"{partition.name}: offset {last} was acknowledged and is not on disk",
            )
