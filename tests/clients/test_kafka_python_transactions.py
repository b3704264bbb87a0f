"""kafka-python's transactions, as its users know them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import ProducerFencedError
from kafka.structs import OffsetAndMetadata

from servers import eventually


@contextmanager
def producer_of(transactional: Any, transactional_id: str) -> Iterator[KafkaProducer]:
    """A producer that is ready to begin."""
    producer = KafkaProducer(
        bootstrap_servers=transactional.bootstrap, transactional_id=transactional_id
    )
    with closing(producer):
        producer.init_transactions()
        yield producer


def write(producer: KafkaProducer, topic: str, *values: bytes) -> None:
    """Write to partition 0 in the transaction, and see that it is in the log."""
    sent = [producer.send(topic, value, partition=0) for value in values]
    producer.flush(20)
    for one in sent:
        one.get(10)


def read(transactional: Any, topic: str, count: int, isolation: str) -> list[bytes]:
    """The first records of partition 0, by kafka-python's own consumer."""
    consumer = KafkaConsumer(
        bootstrap_servers=transactional.bootstrap,
        isolation_level=isolation,
        auto_offset_reset="earliest",
    )
    found: list[bytes] = []
    with closing(consumer):
        consumer.assign([TopicPartition(topic, 0)])

        def poll() -> bool:
            for records in consumer.poll(timeout_ms=100).values():
                found.extend(record.value for record in records)
            return len(found) >= count

        eventually(poll, f"{count} records")
    return found


def test_commit_and_abort(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, read_committed would see what was aborted, or not what was committed."""
    topic = transactional.create(name())
    with producer_of(transactional, name()) as producer:
        for value, commits in ((b"a", True), (b"b", False), (b"c", True)):
            producer.begin_transaction()
            write(producer, topic, value)
            if commits:
                producer.commit_transaction()
            else:
                producer.abort_transaction()
    assert read(transactional, topic, 2, "read_committed") == [b"a", b"c"]
    assert read(transactional, topic, 3, "read_uncommitted") == [b"a", b"b", b"c"]
    transactional.seen(topic, ["a", "c"], ["a", "b", "c"])


@pytest.mark.parametrize("commits", [True, False])
def test_offsets_go_with_the_transaction(
    transactional: Any, name: Callable[[], str], commits: bool
) -> None:
    """If this failed, a group would move for a transaction that was aborted, or not for one that
    was committed.
    """
    source, sink, group = transactional.create(name()), transactional.create(name()), name()
    partition = TopicPartition(source, 0)
    with producer_of(transactional, name()) as producer:
        producer.begin_transaction()
        write(producer, source, b"1", b"2", b"3")
        producer.send_offsets_to_transaction({partition: OffsetAndMetadata(1, "", -1)}, group)
        producer.commit_transaction()
        producer.begin_transaction()
        write(producer, sink, b"out")
        producer.send_offsets_to_transaction({partition: OffsetAndMetadata(3, "", -1)}, group)
        if commits:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    transactional.group_at(group, source, 3 if commits else 1)
    transactional.seen(sink, ["out"] if commits else [], ["out"])


@pytest.mark.parametrize("where", ["this process", "another process"])
def test_fenced(transactional: Any, name: Callable[[], str], where: str) -> None:
    """If this failed, two producers of one id could both commit."""
    topic, transactional_id = transactional.create(name()), name()
    with producer_of(transactional, transactional_id) as first:
        first.begin_transaction()
        write(first, topic, b"of the first")
        if where == "this process":
            with producer_of(transactional, transactional_id) as second:
                second.begin_transaction()
                write(second, topic, b"of another process")
                second.commit_transaction()
        else:
            transactional.take_over(transactional_id, topic)
        with pytest.raises(ProducerFencedError):
            first.commit_transaction()
    transactional.seen(topic, ["of another process"], ["of the first", "of another process"])
