"""What one coordinator asks of another, of the leaders of partitions, or of whoever hands out
producer ids: the bodies of its `Send`s, and their answers. docs/design/transactions.md has the
whole of the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ottla.wire.producers import EPOCH_BUMPS_LEVEL

TopicPartition = tuple[str, int]
"""(topic, partition)."""


class AddPartitions(NamedTuple):
    """Enter partitions into a transaction, or look whether they are in it, as AddPartitionsToTxn
    does; asked of the coordinator of transactions. The answer is `PartitionsAdded`.
    """

    transactional_id: str
    producer_id: int
    producer_epoch: int
    partitions: tuple[TopicPartition, ...]
    transaction_version: int = 0
    """What the client speaks: level 2 if who leads a partition enters it by itself, else 0."""
    verify_only: bool = False
    patient: bool = False
    """Whether who asks would wait a little for the transaction before this one to end; others are
    told CONCURRENT_TRANSACTIONS.
    """

    @classmethod
    def at_first_sight(
        cls,
        transactional_id: str,
        producer_id: int,
        producer_epoch: int,
        partitions: tuple[TopicPartition, ...],
        *,
        adds: bool,
    ) -> AddPartitions:
        """What is asked by who leads them when something of a transaction comes there first. For a
        producer of version 2 that `adds` them; an older one has entered them before.
        """
        return cls(
            transactional_id,
            producer_id,
            producer_epoch,
            partitions,
            transaction_version=EPOCH_BUMPS_LEVEL if adds else 0,
            verify_only=not adds,
            patient=adds,
        )


class PartitionsAdded(NamedTuple):
    """An error code for each partition, in the order of the question."""

    errors: tuple[int, ...]


class WriteMarkers(NamedTuple):
    """Write the end of a transaction to these partitions, as WriteTxnMarkers does; asked of their
    leaders. The answers are `MarkersWritten`.
    """

    producer_id: int
    producer_epoch: int
    committed: bool
    coordinator_epoch: int
    transaction_version: int
    """The level that it is ended by."""
    partitions: tuple[TopicPartition, ...]


class MarkersWritten(NamedTuple):
    """What came of some of the partitions; of the others another answer tells."""

    errors: Mapping[TopicPartition, int]


class NewProducerId(NamedTuple):
    """A producer id that nobody has had, please. The answer is `ProducerId`."""


class ProducerId(NamedTuple):
    """A new one, or why there is none."""

    producer_id: int
    error_code: int = 0
