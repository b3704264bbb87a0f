"""Whether a batch's partition is in its producer's transaction (KIP-890).

The core asks once for each transaction and partition. A producer that speaks version 2 of
transactions has its partitions entered by that; an older one has entered them before, and it is
looked up whether it did. What the coordinator says becomes what each version of Produce is told: an
old client takes only a few errors for a reason to come again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ottla.broker.sends import add_partitions
from ottla.coordinators.questions import AddPartitions, PartitionsAdded, TopicPartition
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.broker.context import Context

ADDS_VERSION: Final = 12
"""From this version of Produce on a producer leaves it to us to enter its partitions."""
ABORTABLE_VERSION: Final = 11
"""From this one on it knows TRANSACTION_ABORTABLE."""

NOT_ADDED: Final = "Partition was not added to the transaction"
UNABLE: Final = (
    "Unable to verify the partition has been added to the transaction. Underlying error: {}"
)

Told = tuple[int, str | None]
"""The error code that a producer is told, 0 to go on; what is wrong if the code says too little."""
GO_ON: Final[Told] = (ErrorCode.NONE, None)

_COME_AGAIN: Final = frozenset(
    {
        ErrorCode.NETWORK_EXCEPTION,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
    }
)


class Producer(NamedTuple):
    """Who writes, and in whose name."""

    transactional_id: str
    producer_id: int
    producer_epoch: int


def verify(
    context: Context,
    job: int,
    producer: Producer,
    version: int,
    partitions: Sequence[TopicPartition],
) -> None:
    """Answer the core's question about these partitions of one Produce."""
    adds = version >= ADDS_VERSION
    if not adds and not context.config["transaction.partition.verification.enable"]:
        context.logs.verified(job, [GO_ON] * len(partitions))
        return
    question = AddPartitions.at_first_sight(*producer, tuple(partitions), adds=adds)

    def answered(response: PartitionsAdded) -> None:
        context.logs.verified(job, [_told(code, version) for code in response.errors])

    add_partitions(context, question, answered)


def _told(code: int, version: int) -> Told:
    if code == ErrorCode.PRODUCER_FENCED:
        return ErrorCode.INVALID_PRODUCER_EPOCH, None
    abortable = code == ErrorCode.TRANSACTION_ABORTABLE and version < ABORTABLE_VERSION
    if abortable or code == ErrorCode.INVALID_TXN_STATE:
        return ErrorCode.INVALID_TXN_STATE, NOT_ADDED
    concurrent = code == ErrorCode.CONCURRENT_TRANSACTIONS and version < ADDS_VERSION
    if concurrent or code in _COME_AGAIN:
        return ErrorCode.NOT_ENOUGH_REPLICAS, UNABLE.format(ErrorCode(code).name)
    return code, None
