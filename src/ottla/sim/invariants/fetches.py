"""A Fetch gives whole batches without a gap from the position on, and nothing beyond the high
watermark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.invariants.watch import Watch
from ottla.sim.model import Partition
from ottla.sim.violation import held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ottla.wire.records import Batch


class Fetches(Watch):
    """Consumers see all of it, in order, and nothing too early."""

    def fetched(
        self, partition: Partition, position: int, row: Any, batches: Sequence[Batch]
    ) -> None:
        """Look at one partition's answer."""
        name = partition.name
        held(
            bool(batches) or len(row.records or b"") == 0 or position >= row.log_start_offset,
            f"{name}: bytes that are no batch",
        )
        next_offset = position
        for number, batch in enumerate(batches):
            joins = partition.may_skip(next_offset, batch.base_offset) or (
                batch.base_offset <= next_offset <= batch.last_offset
                if number == 0
                else batch.base_offset == next_offset
            )
            held(
                joins,
                f"{name}: {batch.base_offset} to {batch.last_offset} was read at {next_offset}",
            )
            next_offset = batch.last_offset + 1
        held(
            not batches or next_offset <= row.high_watermark,
            f"{name}: read to {next_offset}, beyond the high watermark {row.high_watermark}",
        )
