"""kafka-python, the pure Python client, as a black box; it uses other versions than librdkafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata

from servers import Server, eventually


@contextmanager
def producer_of(server: Server, **config: Any) -> Iterator[KafkaProducer]:
    """A producer that is closed at the end."""
    with closing(KafkaProducer(bootstrap_servers=server.bootstrap, **config)) as producer:
        yield producer


@contextmanager
def consumer_of(server: Server, *topics: str, **config: Any) -> Iterator[KafkaConsumer]:
    """A consumer that is closed at the end."""
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, **config}
    with closing(KafkaConsumer(bootstrap_servers=server.bootstrap, **settings)) as consumer:
        if topics:
            # Its assignor sees no partitions if the group is faster than its first metadata.
            consumer.subscribe(topics)
            eventually(lambda: all(map(consumer.partitions_for_topic, topics)), "metadata")
        yield consumer


def read(consumer: KafkaConsumer, count: int) -> list[Any]:
    """The next `count` records."""
    found: list[Any] = []

    def poll() -> bool:
        for records in consumer.poll(timeout_ms=100).values():
            found.extend(records)
        return len(found) >= count

    eventually(poll, f"{count} records")
    return found


def create(server: Server, topic: str, partitions: int) -> None:
    """Create a topic."""
    with closing(KafkaAdminClient(bootstrap_servers=server.bootstrap)) as admin:
        admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
        eventually(lambda: topic in admin.list_topics(), "the topic is known")


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_codecs(server: Server, name: Callable[[], str], codec: str | None) -> None:
    """If this failed, a batch as kafka-python compresses it would be refused or changed."""
    topic = name()
    values = [f"{i}:{'v' * (i % 97)}".encode() for i in range(300)]
    with producer_of(server, compression_type=codec, linger_ms=10) as producer:
        sent = [producer.send(topic, v, key=b"k", headers=[("h", b"1")]) for v in values]
        producer.flush(20)
        assert [s.get(10).offset for s in sent] == list(range(300))
    with consumer_of(server) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        found = read(consumer, 300)
    assert [r.value for r in found] == values
    assert [r.key for r in found] == [b"k"] * 300
    assert list(found[0].headers) == [("h", b"1")]


def test_offsets(server: Server, name: Callable[[], str]) -> None:
    """If this failed, beginning, end and time would be looked up wrongly."""
    topic = name()
    partition = TopicPartition(topic, 0)
    with producer_of(server) as producer:
        for i in range(20):
            producer.send(topic, b"v", timestamp_ms=1_700_000_000_000 + i * 1000)
        producer.flush(20)
    with consumer_of(server) as consumer:
        assert consumer.beginning_offsets([partition]) == {partition: 0}
        assert consumer.end_offsets([partition]) == {partition: 20}
        at = consumer.offsets_for_times({partition: 1_700_000_004_500})[partition]
        assert (at.offset, at.timestamp) == (5, 1_700_000_005_000)


def test_group_that_rebalances(server: Server, name: Callable[[], str]) -> None:
    """If this failed, two kafka-python members would not share, or lose commits when one leaves."""
    topic, group = name(), name()
    create(server, topic, 4)
    settings = {
        "group_id": group,
        "heartbeat_interval_ms": 200,
        "session_timeout_ms": 10000,
    }

    def settled(members: list[KafkaConsumer], sizes: list[int]) -> bool:
        for consumer in members:
            # A poll that ends in the middle of a join may leave kafka-python waiting for ever,
            # against Apache Kafka too; a longer one does not end there.
            consumer.poll(timeout_ms=400)
        return [len(c.assignment()) for c in members] == sizes

    with consumer_of(server, topic, **settings) as one:
        eventually(lambda: settled([one], [4]), "one member holds all")
        with consumer_of(server, topic, **settings) as two:
            eventually(lambda: settled([one, two], [2, 2]), "two members share")
        eventually(lambda: settled([one], [4]), "the one that stays holds all")
        partition = TopicPartition(topic, 1)
        one.commit({partition: OffsetAndMetadata(3, "note", -1)})
        assert one.committed(partition) == 3


def test_admin(server: Server, name: Callable[[], str]) -> None:
    """If this failed, kafka-python could not list, describe or delete topics and groups."""
    topic = name()
    create(server, topic, 3)
    with closing(KafkaAdminClient(bootstrap_servers=server.bootstrap)) as admin:
        assert topic in admin.list_topics()
        (described,) = admin.describe_topics([topic])
        assert len(described["partitions"]) == 3
        admin.delete_topics([topic])
        eventually(lambda: topic not in admin.list_topics(), "the topic is gone")
