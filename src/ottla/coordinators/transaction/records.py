"""What `__transaction_state` holds: the whole state of one transactional id a record, in the form
that Apache Kafka 4.3.1 writes.

The value's version follows from the cluster's transaction.version: 0 at level 0, 1 above it, which
has the producer ids before and after, and what the client speaks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ottla.coordinators.key_partition import REMEMBERED, REMEMBERED_LENGTH_MAX
from ottla.coordinators.questions import TopicPartition
from ottla.coordinators.transaction.transaction import State, Transaction, by_topic
from ottla.decide import Record
from ottla.metadata.topic_names import TOPIC_NAME_LENGTH_MAX
from ottla.wire import schema
from ottla.wire.producers import NEXT_IDS_LEVEL, NO_PRODUCER_ID
from ottla.wire.schema import ProtocolError
from ottla.wire.stored.frame import encode_coordinator
from ottla.wire.stored.transaction import PartitionsSchema, TransactionLogKey, TransactionLogValue

TEXT_BYTES_MAX: Final = 32767
"""What a transactional id may have: its key's length has 16 bits."""


def state_of(transactional_id: str, transaction: Transaction, level: int) -> Record:
    """The record that says where an id stands, at this level of transaction.version, of which it
    holds what is `kept`.
    """
    partitions = [
        PartitionsSchema(topic=name, partition_ids=ids)
        for name, ids in by_topic(transaction.partitions).items()
    ]
    value = TransactionLogValue(
        producer_id=transaction.producer_id,
        producer_epoch=transaction.producer_epoch,
        transaction_timeout_ms=transaction.timeout_ms,
        transaction_status=transaction.state,
        transaction_partitions=None if transaction.state == State.EMPTY else partitions,
        transaction_last_update_timestamp_ms=transaction.updated_ms,
        transaction_start_timestamp_ms=transaction.start_ms,
    )
    version = 0
    if level >= NEXT_IDS_LEVEL:
        version = 1
        value.previous_producer_id = transaction.previous_producer_id
        value.next_producer_id = transaction.next_producer_id
        value.client_transaction_version = transaction.client_version
    stored = encode_coordinator(value, version)
    return Record(_key(transactional_id), stored, made=(transactional_id, transaction))


def kept(transaction: Transaction, level: int) -> Transaction:
    """What of it the log keeps, at this level of transaction.version."""
    if level >= NEXT_IDS_LEVEL:
        return transaction
    return transaction._replace(
        previous_producer_id=NO_PRODUCER_ID, next_producer_id=NO_PRODUCER_ID, client_version=0
    )


def fits(transactional_id: str, transaction: Transaction, bytes_max: int) -> bool:
    """Whether its record takes no more than that; it may say no of one that takes a little less."""
    partitions = transaction.partitions
    most = 256 + TEXT_BYTES_MAX + len(partitions) * (TOPIC_NAME_LENGTH_MAX + 20)
    return most <= bytes_max or size_of(transactional_id, partitions) <= bytes_max


def size_of(transactional_id: str, partitions: frozenset[TopicPartition]) -> int:
    """About how many bytes a record takes, and no less."""
    names = {topic for topic, _ in partitions}
    topics = sum(len(name.encode()) + 16 for name in names)
    return 256 + len(transactional_id.encode()) + topics + 4 * len(partitions)


def tombstone(transactional_id: str) -> Record:
    """The end of an id."""
    return Record(_key(transactional_id), None)


def _key(transactional_id: str) -> bytes:
    short = len(transactional_id) <= REMEMBERED_LENGTH_MAX
    return _remembered_key(transactional_id) if short else _new_key(transactional_id)


def _new_key(transactional_id: str) -> bytes:
    return encode_coordinator(TransactionLogKey(transactional_id=transactional_id))


_remembered_key = lru_cache(maxsize=REMEMBERED)(_new_key)
"""An id is written three times a transaction."""


def read_key(key: bytes) -> str:
    """The transactional id.

    Raises:
        ProtocolError: it is of a kind that is not known here.
    """
    kind = int.from_bytes(key[:2], "big", signed=True)
    if kind != TransactionLogKey.api_key:
        raise ProtocolError(f"no transaction has records of type {kind}")
    transactional_id: str = schema.decode(TransactionLogKey, key[2:], 0).transactional_id
    return transactional_id


def read_state(value: bytes) -> Transaction:
    """Where it stands.

    Raises:
        ProtocolError: it can't be understood.
    """
    stored = schema.decode(
        TransactionLogValue, value[2:], int.from_bytes(value[:2], "big", signed=True)
    )
    try:
        state = State(stored.transaction_status)
    except ValueError:
        text = f"a transaction has no state {stored.transaction_status}"
        raise ProtocolError(text) from None
    return Transaction(
        producer_id=stored.producer_id,
        producer_epoch=stored.producer_epoch,
        timeout_ms=stored.transaction_timeout_ms,
        state=state,
        partitions=_partitions(stored) if state != State.EMPTY else frozenset(),
        start_ms=stored.transaction_start_timestamp_ms,
        updated_ms=stored.transaction_last_update_timestamp_ms,
        previous_producer_id=getattr(stored, "previous_producer_id", NO_PRODUCER_ID),
        next_producer_id=getattr(stored, "next_producer_id", NO_PRODUCER_ID),
        client_version=stored.client_transaction_version,
    )


def _partitions(stored: TransactionLogValue) -> frozenset[TopicPartition]:
    return frozenset(
        (topic.topic, partition)
        for topic in stored.transaction_partitions or ()
        for partition in topic.partition_ids
    )
