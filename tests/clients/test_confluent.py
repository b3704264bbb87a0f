"""confluent-kafka (librdkafka in Python): produce, consume, groups and admin, as a black box."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from servers import Server, eventually


@functools.cache
def admin_at(bootstrap: str) -> AdminClient:
    """One admin client an address: a future dies with the client that it came from."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def admin_of(server: Server) -> AdminClient:
    """The admin client of that server."""
    return admin_at(server.bootstrap)


def create(server: Server, topic: str, partitions: int = 1, **config: str) -> None:
    """Create a topic; config keys are written with underscores."""
    settings = {k.replace("_", "."): v for k, v in config.items()}
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=settings)
    admin = admin_of(server)
    admin.create_topics([new])[topic].result(20)
    if server.kind == "kafka":  # its broker learns of the topic a moment after the controller
        eventually(lambda: topic in admin.list_topics(timeout=20).topics, "the topic is there")


def produce(
    server: Server, topic: str, records: list[dict[str, Any]], **config: Any
) -> list[Message]:
    """Produce records and return their delivery reports, all of them good."""
    settings = {k.replace("_", "."): v for k, v in config.items()}
    producer = Producer({"bootstrap.servers": server.bootstrap, "linger.ms": 5, **settings})
    reports: list[Message] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        reports.append(message)

    for record in records:
        producer.produce(topic, on_delivery=delivered, **record)
    assert producer.flush(30) == 0
    return reports


def consume(
    server: Server, topic: str, count: int, *, partitions: int = 1, **config: Any
) -> list[Message]:
    """The first `count` records, read by assignment from the beginning."""
    settings = {k.replace("_", "."): v for k, v in config.items()}
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "unused", **settings})
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    found: list[Message] = []
    deadline = time.monotonic() + 30
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records"
        found += good(consumer.consume(count - len(found), 0.2))
    consumer.close()
    return found


def good(messages: list[Message]) -> list[Message]:
    """The same messages, none of which is an error."""
    for message in messages:
        assert message.error() is None, message.error()
    return messages


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_codecs(server: Server, name: Callable[[], str], codec: str) -> None:
    """If this failed, a batch of this codec would be refused, or come back changed or reordered."""
    topic = name()
    create(server, topic)
    values = [f"{i}:{'v' * (i % 97)}".encode() for i in range(1000)]
    produce(server, topic, [{"value": v} for v in values], compression_type=codec, acks="all")
    found = consume(server, topic, 1000)
    assert [m.value() for m in found] == values
    assert [m.offset() for m in found] == list(range(1000))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_codec_of_the_topic(server: Server, name: Callable[[], str], codec: str) -> None:
    """If this failed, a topic's compression.type would lose or change records."""
    topic = name()
    create(server, topic, compression_type=codec)
    values = [f"{i}".encode() * 20 for i in range(200)]
    produce(server, topic, [{"value": v, "key": b"k"} for v in values], compression_type="none")
    assert [m.value() for m in consume(server, topic, 200)] == values


def test_keys_headers_nulls_timestamps(server: Server, name: Callable[[], str]) -> None:
    """If this failed, a part of a record would be lost, or null be confused with empty."""
    topic = name()
    create(server, topic)
    records: list[dict[str, Any]] = [
        {"key": b"k", "value": b"v", "headers": [("h", b"1"), ("h", b"2"), ("n", None), ("", b"")]},
        {"key": None, "value": b"v"},
        {"key": b"k", "value": None},
        {"key": b"", "value": b""},
        {"key": "ключ".encode(), "value": b"\0\xff", "timestamp": 1_600_000_000_123},
    ]
    produce(server, topic, records)
    found = consume(server, topic, len(records))
    assert [(m.key(), m.value()) for m in found] == [(r["key"], r["value"]) for r in records]
    assert found[0].headers() == records[0]["headers"]
    assert found[1].headers() is None
    assert found[4].timestamp() == (1, 1_600_000_000_123)


def test_log_append_time(server: Server, name: Callable[[], str]) -> None:
    """If this failed, message.timestamp.type=LogAppendTime would keep the client's time."""
    topic = name()
    create(server, topic, message_timestamp_type="LogAppendTime")
    produce(server, topic, [{"value": b"v", "timestamp": 1_600_000_000_000}])
    (found,) = consume(server, topic, 1)
    kind, stamp = found.timestamp()
    assert kind == 2
    assert abs(stamp / 1000 - time.time()) < 60


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_acks(server: Server, name: Callable[[], str], acks: str) -> None:
    """If this failed, one of the three kinds of acknowledgement would hang or lose records."""
    topic = name()
    create(server, topic)
    produce(server, topic, [{"value": str(i).encode()} for i in range(100)], acks=acks)
    assert len(consume(server, topic, 100)) == 100


def test_idempotent_producer(server: Server, name: Callable[[], str]) -> None:
    """If this failed, enable.idempotence would get no producer id or misjudge sequences."""
    topic = name()
    create(server, topic, 3)
    records = [{"value": str(i).encode(), "partition": i % 3} for i in range(3000)]
    settings: dict[str, Any] = {"enable_idempotence": True, "batch_num_messages": 50}
    reports = produce(server, topic, records, **settings)
    for p in range(3):
        assert sorted(m.offset() for m in reports if m.partition() == p) == list(range(1000))
    found = consume(server, topic, 3000, partitions=3)
    assert sorted(int(m.value() or b"") for m in found) == list(range(3000))


def test_auto_creation(server: Server, name: Callable[[], str]) -> None:
    """If this failed, producing to a topic that nobody created would not create it."""
    topic = name()
    (report,) = produce(server, topic, [{"value": b"first"}])
    assert report.offset() == 0
    assert [m.value() for m in consume(server, topic, 1)] == [b"first"]


def test_unknown_topic_without_auto_creation(server: Server, name: Callable[[], str]) -> None:
    """If this failed, a consumer that forbids auto-creation would create topics by looking."""
    topic = name()
    consumer = Consumer(
        {
            "bootstrap.servers": server.bootstrap,
            "group.id": name(),
            "allow.auto.create.topics": False,
            "topic.metadata.propagation.max.ms": 0,
        }
    )
    consumer.subscribe([topic])

    def error() -> KafkaError | None:
        message = consumer.poll(0.1)
        return message.error() if message is not None else None

    found = eventually(error, "an error for the unknown topic")
    assert found.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    consumer.close()
    assert topic not in admin_of(server).list_topics(timeout=10).topics


def test_big_messages(server: Server, name: Callable[[], str]) -> None:
    """If this failed, a message near the default limit of 1 MiB would not pass."""
    topic = name()
    create(server, topic)
    values = [bytes([i]) * 900_000 for i in range(8)]
    produce(server, topic, [{"value": v} for v in values])
    assert [m.value() for m in consume(server, topic, 8)] == values


def test_message_over_the_limit_of_its_topic(server: Server, name: Callable[[], str]) -> None:
    """If this failed, max.message.bytes would not be honoured, or refused without a clear error."""
    topic = name()
    create(server, topic, max_message_bytes="1000")
    producer = Producer({"bootstrap.servers": server.bootstrap})
    errors: list[KafkaError | None] = []
    producer.produce(topic, b"x" * 2000, on_delivery=lambda e, m: errors.append(e))
    producer.produce(topic, b"x" * 10)
    producer.flush(20)
    (error,) = errors
    assert error is not None
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    larger = ConfigResource(
        ResourceType.TOPIC,
        topic,
        incremental_configs=[
            ConfigEntry("max.message.bytes", "5000", incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin_of(server).incremental_alter_configs([larger])[larger].result(20)
    produce(server, topic, [{"value": b"x" * 2000}])


def test_from_a_timestamp(server: Server, name: Callable[[], str]) -> None:
    """If this failed, offsets_for_times would point at a wrong record."""
    topic = name()
    create(server, topic)
    records = [{"value": b"v", "timestamp": 1_700_000_000_000 + i * 1000} for i in range(100)]
    produce(server, topic, records)
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "unused"})
    ask = [TopicPartition(topic, 0, 1_700_000_041_500)]
    assert consumer.offsets_for_times(ask, 10)[0].offset == 42
    ask = [TopicPartition(topic, 0, 1_800_000_000_000)]
    assert consumer.offsets_for_times(ask, 10)[0].offset == -1
    consumer.close()


class Members:
    """The members that a test starts; each is closed exactly once, also when the test fails."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._living: list[Consumer] = []

    def join(self, group: str, topic: str, **config: Any) -> Consumer:
        """Start one more member."""
        settings = {k.replace("_", "."): v for k, v in config.items()}
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "heartbeat.interval.ms": 200,
                "session.timeout.ms": 10000,
                **settings,
            }
        )
        self._living.append(consumer)
        consumer.subscribe([topic])
        return consumer

    def leave(self, consumer: Consumer) -> None:
        """Close a member."""
        self._living.remove(consumer)
        consumer.close()

    def leave_all(self) -> None:
        """Close all that still live."""
        while self._living:
            self.leave(self._living[-1])


@pytest.fixture
def members(server: Server) -> Iterator[Members]:
    """The group members of one test."""
    found = Members(server.bootstrap)
    yield found
    found.leave_all()


def settled(members: list[Consumer], sizes: list[int], seen: set[bytes]) -> bool:
    """Poll every member once; whether they now hold that many partitions each."""
    for consumer in members:
        for message in good(consumer.consume(100, 0.02)):
            seen.add(message.value() or b"")
    return sorted(len(c.assignment()) for c in members) == sorted(sizes)


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_group_that_rebalances(
    server: Server, name: Callable[[], str], members: Members, strategy: str
) -> None:
    """If this failed, members would not share partitions, or lose records or commits on the way."""
    topic, group = name(), name()
    create(server, topic, 4)
    records = [{"value": str(i).encode(), "partition": i % 4} for i in range(100)]
    produce(server, topic, records)
    options = {"partition_assignment_strategy": strategy}
    seen: set[bytes] = set()
    one = members.join(group, topic, **options)
    eventually(lambda: settled([one], [4], seen), "one member holds all")
    two = members.join(group, topic, **options)
    eventually(lambda: settled([one, two], [2, 2], seen), "two members share")
    eventually(lambda: settled([one, two], [2, 2], seen) and len(seen) == 100, "all records")
    for consumer in (one, two):
        at = [TopicPartition(topic, p.partition, 25) for p in consumer.assignment()]
        consumer.commit(offsets=at, asynchronous=False)
    members.leave(two)
    eventually(lambda: settled([one], [4], seen), "the one that stays holds all")
    committed = one.committed([TopicPartition(topic, p) for p in range(4)], 10)
    assert [c.offset for c in committed] == [25, 25, 25, 25]


def test_static_member_keeps_its_place(
    server: Server, name: Callable[[], str], members: Members
) -> None:
    """If this failed, a static member's restart would trigger a rebalance and lose its share."""
    topic, group = name(), name()
    create(server, topic, 4)
    seen: set[bytes] = set()
    one = members.join(group, topic, group_instance_id="one")
    two = members.join(group, topic, group_instance_id="two")
    eventually(lambda: settled([one, two], [2, 2], seen), "two static members share")
    held = {p.partition for p in two.assignment()}
    members.leave(two)
    described = admin_of(server).describe_consumer_groups([group])[group].result(10)
    assert sorted(m.group_instance_id for m in described.members) == ["one", "two"]
    again = members.join(group, topic, group_instance_id="two")
    eventually(lambda: settled([one, again], [2, 2], seen), "the static member is back")
    assert {p.partition for p in again.assignment()} == held


def test_commits_are_found_after_a_restart(
    server: Server, name: Callable[[], str], members: Members
) -> None:
    """If this failed, a restart would forget what a group had consumed."""
    topic, group = name(), name()
    create(server, topic, 2)
    produce(server, topic, [{"value": b"v", "partition": i % 2} for i in range(20)])
    seen: set[bytes] = set()
    one = members.join(group, topic)
    eventually(lambda: settled([one], [2], seen), "one member holds all")
    at = [TopicPartition(topic, 0, 7, metadata="seven"), TopicPartition(topic, 1, 3)]
    one.commit(offsets=at, asynchronous=False)
    members.leave(one)
    server.restart()
    again = Consumer({"bootstrap.servers": server.bootstrap, "group.id": group})

    def found() -> list[TopicPartition]:
        # A coordinator that has just come back may still be reading its log.
        try:
            return again.committed([TopicPartition(topic, 0), TopicPartition(topic, 1)], 20)
        except KafkaException as problem:
            loading = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
            if server.kind != "kafka" or problem.args[0].code() not in loading:
                raise
            return []

    rows = eventually(found, "the coordinator has read its log")
    again.close()
    assert [(p.offset, p.metadata) for p in rows] == [(7, "seven"), (3, None)]


def test_admin_topics(server: Server, name: Callable[[], str]) -> None:
    """If this failed, topics could not be created, grown, described or deleted by librdkafka."""
    topic = name()
    admin = admin_of(server)
    create(server, topic, 2)
    with pytest.raises(KafkaException, match=r"TOPIC_ALREADY_EXISTS|already exists"):
        create(server, topic)
    with pytest.raises(KafkaException):
        create(server, "not/a/legal name")
    admin.create_partitions([NewPartitions(topic, 4)])[topic].result(20)
    eventually(
        lambda: len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == 4,
        "four partitions",
    )
    admin.delete_topics([topic])[topic].result(20)
    eventually(lambda: topic not in admin.list_topics(timeout=10).topics, "the topic is gone")
    with pytest.raises(KafkaException):
        admin.delete_topics([topic])[topic].result(20)


def test_admin_configs(server: Server, name: Callable[[], str]) -> None:
    """If this failed, topic configs could not be described or altered by librdkafka."""
    topic = name()
    admin = admin_of(server)
    create(server, topic, retention_ms="12345")
    resource = ConfigResource(ResourceType.TOPIC, topic)
    found = admin.describe_configs([resource])[resource].result(20)
    assert found["retention.ms"].value == "12345"
    assert found["retention.ms"].is_default is False
    assert found["cleanup.policy"].value == "delete"
    change = ConfigResource(
        ResourceType.TOPIC,
        topic,
        incremental_configs=[
            ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE),
            ConfigEntry(
                "cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND
            ),
        ],
    )
    admin.incremental_alter_configs([change])[change].result(20)
    found = admin.describe_configs([resource])[resource].result(20)
    assert found["retention.ms"].value == "604800000"
    assert found["cleanup.policy"].value == "delete,compact"


def test_admin_delete_records_and_offsets(server: Server, name: Callable[[], str]) -> None:
    """If this failed, deleted records would come back, or ListOffsets miss what is left."""
    topic = name()
    admin = admin_of(server)
    create(server, topic)
    records = [{"value": b"v", "timestamp": 1_700_000_000_000 + (i % 7) * 1000} for i in range(10)]
    for record in records:  # one batch each, so that the largest timestamp's offset is known
        produce(server, topic, [record])
    partition = TopicPartition(topic, 0)
    result = admin.delete_records([TopicPartition(topic, 0, 4)])[partition].result(20)
    assert result.low_watermark == 4

    def offset(spec: OffsetSpec) -> int:
        found: int = admin.list_offsets({partition: spec})[partition].result(20).offset
        return found

    assert offset(OffsetSpec.earliest()) == 4
    assert offset(OffsetSpec.latest()) == 10
    assert offset(OffsetSpec.max_timestamp()) == 6
    assert offset(OffsetSpec.for_timestamp(1_700_000_005_000)) == 5
    assert [m.offset() for m in consume(server, topic, 6)] == list(range(4, 10))


def test_admin_groups(server: Server, name: Callable[[], str], members: Members) -> None:
    """If this failed, groups could not be listed, described, reset or deleted by librdkafka."""
    topic, group = name(), name()
    admin = admin_of(server)
    create(server, topic)
    produce(server, topic, [{"value": b"v"}] * 5)
    seen: set[bytes] = set()
    one = members.join(group, topic)
    eventually(lambda: settled([one], [1], seen), "the member holds all")
    described = admin.describe_consumer_groups([group])[group].result(20)
    assert described.state.name == "STABLE"
    assert [p.partition for p in described.members[0].assignment.topic_partitions] == [0]
    with pytest.raises(KafkaException, match=r"NON_EMPTY_GROUP|not empty"):
        admin.delete_consumer_groups([group])[group].result(20)
    members.leave(one)
    listed = admin.list_consumer_groups().result(20)
    assert group in {g.group_id for g in listed.valid}
    new = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 2)])
    admin.alter_consumer_group_offsets([new])[group].result(20)
    admin.delete_consumer_groups([group])[group].result(20)
    listed = admin.list_consumer_groups().result(20)
    assert group not in {g.group_id for g in listed.valid}


def test_describe_cluster(server: Server) -> None:
    """If this failed, a client would not learn the cluster's id and nodes."""
    found = admin_of(server).describe_cluster().result(20)
    assert len(found.cluster_id) == 22
    assert [f"{n.host}:{n.port}" for n in found.nodes] == [server.bootstrap]
