"""One transactional id: whose it is, where its transaction stands, and what it becomes.

Pure values. A transaction of a producer that speaks version 2 of transactions (KIP-890) gets a new
producer epoch at its every end, so that no batch of it can count for the next; an older one only
where somebody is fenced. `decide` in the other files says what may become what; here is how.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ottla.coordinators.questions import TopicPartition
from ottla.wire.producers import EPOCH_BUMPS_LEVEL, EPOCH_MAX, NO_PRODUCER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMEOUT_NEVER_MS: Final = (1 << 31) - 1
"""Of a transaction that somebody else commits, in two phases."""


class State(IntEnum):
    """Where a transaction stands, by the number that records have for it."""

    EMPTY = 0
    ONGOING = 1
    PREPARE_COMMIT = 2
    PREPARE_ABORT = 3
    COMPLETE_COMMIT = 4
    COMPLETE_ABORT = 5
    DEAD = 6
    PREPARE_EPOCH_FENCE = 7

    @property
    def title(self) -> str:
        """As clients and tools are shown it."""
        return "".join(word.capitalize() for word in self.name.split("_"))


PREPARED: Final = (State.PREPARE_COMMIT, State.PREPARE_ABORT)
"""Decided, and not every partition has its marker."""
COMPLETED: Final = (State.COMPLETE_COMMIT, State.COMPLETE_ABORT)
IDLE: Final = (*COMPLETED, State.EMPTY)
"""Nothing is open: a transaction may begin, and the id may expire."""
TITLES: Final = {state.title: state for state in State}


def by_topic(places: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """The partitions of each topic, both in order, as messages and records list them."""
    topics: dict[str, list[int]] = {}
    for topic, partition in sorted(places):
        topics.setdefault(topic, []).append(partition)
    return topics


class Transaction(NamedTuple):
    """What the log keeps of one transactional id."""

    producer_id: int
    producer_epoch: int
    timeout_ms: int
    state: State = State.EMPTY
    partitions: frozenset[TopicPartition] = frozenset()
    start_ms: int = -1
    updated_ms: int = -1
    previous_producer_id: int = NO_PRODUCER_ID
    next_producer_id: int = NO_PRODUCER_ID
    """The one that the producer goes on with when this transaction has ended."""
    client_version: int = 0
    """The level of transaction.version that its producer speaks."""

    @property
    def is_exhausted(self) -> bool:
        """Whether no epoch is left for the producer; the last is for who fences it."""
        return is_exhausted(self.producer_epoch)

    def begun_by(self, timeout_ms: int, now_ms: int, epoch: int) -> Transaction:
        """A producer begins, with this epoch; nothing is open."""
        return self._become(
            State.EMPTY,
            now_ms,
            producer_epoch=epoch,
            timeout_ms=timeout_ms,
            partitions=frozenset(),
            start_ms=-1,
        )

    def rotated(self, producer_id: int, timeout_ms: int, now_ms: int) -> Transaction:
        """The same under a new producer id, as no epoch is left of the old one."""
        return self.begun_by(timeout_ms, now_ms, 0)._replace(producer_id=producer_id)

    def with_partitions(
        self, partitions: tuple[TopicPartition, ...], client_version: int, now_ms: int
    ) -> Transaction:
        """They are in the transaction, which begins if there is none."""
        return self._become(
            State.ONGOING,
            now_ms,
            partitions=self.partitions.union(partitions),
            start_ms=now_ms if self.state in IDLE else self.start_ms,
            client_version=client_version,
        )

    def prepared(
        self, *, commit: bool, epoch: int, client_version: int, next_producer_id: int, now_ms: int
    ) -> Transaction:
        """It is decided how it ends; its markers carry this epoch."""
        return Transaction(
            self.producer_id,
            epoch,
            self.timeout_ms,
            State.PREPARE_COMMIT if commit else State.PREPARE_ABORT,
            self.partitions,
            now_ms if self.state in IDLE else self.start_ms,
            now_ms,
            previous_producer_id=self.producer_id,
            next_producer_id=next_producer_id,
            client_version=client_version,
        )

    @property
    def next_producer(self) -> tuple[int, int]:
        """The producer id and the epoch that the producer goes on with when this has ended."""
        if self.client_version >= EPOCH_BUMPS_LEVEL and self.next_producer_id != NO_PRODUCER_ID:
            return self.next_producer_id, 0
        return self.producer_id, self.producer_epoch

    def completed(self, now_ms: int) -> Transaction:
        """Every partition has its marker."""
        producer_id, epoch = self.next_producer
        return self._become(
            State.COMPLETE_COMMIT if self.state == State.PREPARE_COMMIT else State.COMPLETE_ABORT,
            now_ms,
            producer_id=producer_id,
            producer_epoch=epoch,
            next_producer_id=NO_PRODUCER_ID,
            partitions=frozenset(),
        )

    def _become(self, state: State, now_ms: int, **fields: Any) -> Transaction:
        return self._replace(
            state=state, updated_ms=now_ms, previous_producer_id=self.producer_id, **fields
        )


def is_exhausted(epoch: int) -> bool:
    """Whether a producer can't have another epoch after this one."""
    return epoch >= EPOCH_MAX - 1
