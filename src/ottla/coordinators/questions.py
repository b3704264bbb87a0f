"""What one coordinator asks of another, or of whoever hands out producer ids: the bodies of its
`Send`s that are no requests of the protocol, and their answers. docs/design/transactions.md has the
whole of the way.
"""

from __future__ import annotations

from typing import Final, NamedTuple

THE_NODE: Final = "User:ANONYMOUS"
"""In whose name a node asks itself."""
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
    transaction_version: int
    """What the client speaks: 2 if the leader of a partition enters it by itself, else 0."""
    verify_only: bool = False
    patient: bool = False
    """Whether who asks would wait a little for the transaction before this one to end; others are
    told CONCURRENT_TRANSACTIONS.
    """


class PartitionsAdded(NamedTuple):
    """An error code for each partition, in the order of the question."""

    errors: tuple[int, ...]


class NewProducerId(NamedTuple):
    """A producer id that nobody has had, please. The answer is `ProducerId`."""


class ProducerId(NamedTuple):
    """A new one, or why there is none."""

    producer_id: int
    error_code: int = 0
