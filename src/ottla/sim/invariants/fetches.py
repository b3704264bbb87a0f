"""A Fetch gives whole batches without a gap (but where the log is compacted) from the position on,
and nothing beyond the high watermark, or the last stable offset for who reads what is committed;
below it a reader is given something, and gets on.

As in Apache Kafka the last batch may be cut, but only where the answer had no more room. Nothing is
given where the room is less than a batch needs and another partition's records came first.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ottla.sim.invariants.watch import Ask, Watch
from ottla.sim.model import Partition
from ottla.sim.stored import is_cut
from ottla.sim.violation import held
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ottla.wire.records import Batch

BATCH_BYTES_MAX = 600
"""No batch of the producers' is larger."""
REFUSALS_MAX = 8
"""So often in a row a reader may be refused where it can read: for a session of the node before,
or for records that are deleted.
"""


class Fetches(Watch):
    """Consumers see all of it, in order, and nothing too early."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._refused: Counter[tuple[str, bytes, int]] = Counter()
        """How often in a row a reader was refused where it can read."""

    def fetched(self, partition: Partition, ask: Ask, row: Any, batches: Sequence[Batch]) -> None:
        """Look at one partition's answer."""
        name = partition.name
        next_offset = ask.position
        for number, batch in enumerate(batches):
            held(
                partition.joins(next_offset, batch, first=number == 0),
                f"{name}: {batch.base_offset} to {batch.last_offset} was read at {next_offset}",
            )
            next_offset = batch.last_offset + 1
        end = row.last_stable_offset if ask.committed else row.high_watermark
        what = "last stable offset" if ask.committed else "high watermark"
        held(
            not batches or next_offset <= end,
            f"{name}: read to {next_offset}, beyond the {what} {end}",
        )
        self._ends_well(partition, ask, row.records or b"", batches)
        self._refused.pop((ask.reader, partition.topic_id, partition.index), None)
        if not batches:
            self._gives_nothing(partition, ask, max(end, ask.readable))

    def unfetched(self, partition: Partition, ask: Ask, error_code: int) -> None:
        """Silence is as good as no records; a refusal must have a reason, and an end."""
        if not error_code:
            self._gives_nothing(partition, ask, ask.readable)
            return
        held(
            error_code != ErrorCode.OFFSET_OUT_OF_RANGE
            or not partition.may_trim <= ask.position <= ask.readable,
            f"{partition.name}: {ask.position} is said to be out of range, though nobody deleted "
            f"beyond {partition.may_trim}, and it could be read to {ask.readable}",
        )
        if self._is_readable(partition, ask, ask.readable):
            key = (ask.reader, partition.topic_id, partition.index)
            self._refused[key] += 1
            held(
                self._refused[key] <= REFUSALS_MAX,
                f"{partition.name}: {ask.reader} is still at {ask.position} after "
                f"{REFUSALS_MAX} refusals, though it can be read to {ask.readable}",
            )

    def ends(self, power_cut: bool) -> None:
        """The next node answers anew."""
        self._refused.clear()

    def _ends_well(
        self, partition: Partition, ask: Ask, data: bytes, batches: Sequence[Batch]
    ) -> None:
        """What follows the last whole batch is the first part of the next, where room ended."""
        rest = data[sum(batch.size_bytes for batch in batches) :]
        if rest:
            held(bool(batches), f"{partition.name}: {len(rest)} bytes that are no batch")
            after = batches[-1].last_offset + 1
            held(
                partition.holed or partition.table is not None or is_cut(rest, after),
                f"{partition.name}: {len(rest)} bytes that are no part of a batch at {after}",
            )
            held(
                len(data) == ask.room,
                f"{partition.name}: a batch at {after} is cut after {len(data)} bytes of records, "
                f"though there was room for {ask.room}",
            )

    def _gives_nothing(self, partition: Partition, ask: Ask, readable: int) -> None:
        """Only because there was no room: who asks for enough gets on with each answer."""
        if self._is_readable(partition, ask, readable):
            held(
                not ask.first and ask.room < BATCH_BYTES_MAX,
                f"{partition.name}: {ask.reader} was given nothing at {ask.position}, though it "
                f"can be read to {readable} and there was room for {ask.room} bytes",
            )

    def _is_readable(self, partition: Partition, ask: Ask, readable: int) -> bool:
        """Whether there surely is something at this position that nothing is known to hide. A power
        cut may have opened a transaction again behind what was compacted because it had ended.
        """
        is_gap = partition.table is not None and ask.committed and self.model.lossy
        return (
            not is_gap
            and ask.position < readable
            and not self.model.excused
            and self.model.lives(partition)
            and not partition.may_skip(ask.position, readable)
        )
