"""Which producers have written transactions into a shard, and whose is open.

It is what the partition's log knows of them, by the same records: of each producer the epoch and
the coordinator epoch that were seen last, and whether a transaction of that epoch is open. So what
the log would refuse is refused before it is decided. A transaction is known by (producer id,
epoch): a client begins the next one, in the next epoch, before the marker of the one before has
come, and what it commits then must not count with that.

Only records change it (`wrote`, `ended`), and age: who has no transaction open is forgotten in the
end (`forget`), as the log forgets. When somebody was seen is soft: after a load, it was then.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ottla.wire.errors import ErrorCode
from ottla.wire.producers import EPOCH_BUMPS_LEVEL, EPOCH_MAX


class Producer(NamedTuple):
    """What is known of one."""

    epoch: int = -1
    coordinator_epoch: int = -1
    is_open: bool = False
    """Whether it has a transaction open here, of this epoch."""
    seen_ms: int = 0
    """The wall clock's time at which it was seen last."""

    def marker_error(
        self, epoch: int, coordinator_epoch: int, transaction_version: int
    ) -> ErrorCode:
        """Why a marker of this epoch can't be taken; NONE if it can."""
        if epoch < self.epoch:
            return ErrorCode.INVALID_PRODUCER_EPOCH
        again = not self.is_open or epoch == EPOCH_MAX
        if transaction_version >= EPOCH_BUMPS_LEVEL and epoch == self.epoch and not again:
            return ErrorCode.INVALID_PRODUCER_EPOCH
        if coordinator_epoch < self.coordinator_epoch:
            return ErrorCode.TRANSACTION_COORDINATOR_FENCED
        return ErrorCode.NONE


NEW: Final = Producer()


class Producers:
    """All of a shard, by producer id."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[int, Producer] = {}

    def get(self, producer_id: int) -> Producer:
        """What is known of this one."""
        return self.known.get(producer_id, NEW)

    def has_open(self, producer_id: int, epoch: int) -> bool:
        """Whether just this transaction is open."""
        known = self.get(producer_id)
        return known.is_open and known.epoch == epoch

    def wrote(self, producer_id: int, epoch: int, wall_ms: int) -> None:
        """A record of its transaction was written."""
        coordinator_epoch = self.get(producer_id).coordinator_epoch
        self.known[producer_id] = Producer(epoch, coordinator_epoch, True, wall_ms)

    def ended(self, producer_id: int, epoch: int, coordinator_epoch: int, wall_ms: int) -> None:
        """A marker was written."""
        self.known[producer_id] = Producer(epoch, coordinator_epoch, False, wall_ms)

    def forget(self, wall_ms: int, expiration_ms: int) -> None:
        """Those that have no transaction open, and were not seen for so long."""
        for producer_id, one in list(self.known.items()):
            if not one.is_open and wall_ms - one.seen_ms >= expiration_ms:
                del self.known[producer_id]
