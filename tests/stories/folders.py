"""What the stories write into a folder of one server and look for in it with the other."""

from __future__ import annotations

from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from ottla.client.admin import groups
from ottla.client.client import Client
from servers import eventually

THEN = 1_700_000_000_000


class Seen(NamedTuple):
    """One record as a consumer sees it."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any
    timestamp: Any


def read(
    bootstrap: str, topic: str, partition: int, *, isolation: str = "read_committed"
) -> list[Seen]:
    """All of a partition up to its last stable offset or high watermark."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "unused",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    # To ask first is quicker: a consumer that is told to look for the beginning itself, before it
    # knows who leads the partition, looks again after half a second.
    place = TopicPartition(topic, partition)

    def watermarks() -> tuple[int, int] | None:
        try:
            return consumer.get_watermark_offsets(place, 20)
        except KafkaException as error:
            if error.args[0].retriable():
                return None  # a node that has just started may lead nothing yet
            raise

    place.offset, _ = eventually(watermarks, f"{topic}-{partition} is led by somebody")
    consumer.assign([place])
    found: list[Message] = []

    def ended() -> bool:
        for message in consumer.consume(1000, 0.02):
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                return True
            assert error is None, error
            found.append(message)
        return False

    eventually(ended, f"the end of {topic}-{partition}", timeout_s=30)
    consumer.close()
    return [Seen(m.offset() or 0, m.key(), m.value(), m.headers(), m.timestamp()) for m in found]


def committed(bootstrap: str, group: str, topic: str, partitions: int) -> list[tuple[int, str]]:
    """A group's offsets and metadata, asked by our own client: confluent-kafka takes metadata for a
    C string, and what lies behind it in memory for its end.
    """
    with Client(bootstrap) as client:
        found = groups.committed(client, group)
    return [(one.offset, one.metadata) for p in range(partitions) for one in [found[topic, p]]]


def write(bootstrap: str) -> None:
    """Topics with every codec, small segments, idempotent batches, headers, nulls, and commits."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    kept = {"retention.ms": "-1"}
    topics = [
        NewTopic("packed", num_partitions=1, replication_factor=1, config=kept),
        NewTopic("many", 2, 1, config={**kept, "segment.bytes": "1048576"}),
        NewTopic("appended", 1, 1, config={**kept, "message.timestamp.type": "LogAppendTime"}),
        NewTopic("compacted", 1, 1, config={"cleanup.policy": "compact"}),
        NewTopic("deleted", 1, 1),
        NewTopic("unwritten", 2, 1, config=kept),
    ]
    for future in admin.create_topics(topics).values():
        future.result(20)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        producer = Producer(
            {"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 50}
        )
        for i in range(30):
            value = f"{codec} {i} ".encode() * 20
            producer.produce("packed", value, codec.encode(), timestamp=THEN + i)
        assert producer.flush(20) == 0
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for i in range(3000):
        producer.produce("many", b"%d" % i * 250, b"k", partition=i % 2, headers=[("n", b"%d" % i)])
    for topic in ("appended", "compacted", "deleted"):
        for i in range(10):
            producer.produce(topic, None if i == 5 else b"v%d" % i, b"k%d" % (i % 3))
    assert producer.flush(30) == 0
    admin.delete_topics(["deleted"])["deleted"].result(20)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "readers", "log_level": 0})
    at = [TopicPartition("many", 0, 17, metadata="seventeen"), TopicPartition("many", 1, 23)]
    consumer.commit(offsets=at, asynchronous=False)
    consumer.close()


WRITTEN = (
    *(("packed", 0), ("many", 0), ("many", 1), ("appended", 0), ("compacted", 0)),
    *(("unwritten", 0), ("unwritten", 1)),
)


def read_written(bootstrap: str) -> dict[str, Any]:
    """All that `write` wrote, as that server serves it."""
    found: dict[str, Any] = {f"{t}-{p}": read(bootstrap, t, p) for t, p in WRITTEN}
    found["commits"] = committed(bootstrap, "readers", "many", 2)
    return found


def check_apaches_folder(bootstrap: str) -> None:
    """Look for all that `WriteFolder.java` wrote."""
    for partition in (0, 1):
        rows = read(bootstrap, "plain", partition)
        assert [r.value for r in rows[:50]] == [b"v%d" % i for i in range(partition, 100, 2)]
        assert [r.timestamp for r in rows[:50]] == [(1, THEN + i) for i in range(partition, 100, 2)]
        assert rows[7].headers == [("n", b"%d" % (14 + partition))]
    assert read(bootstrap, "plain", 0)[-1][1:3] == (b"gone", None)
    rows = read(bootstrap, "codecs", 0)
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    assert [r.value for r in rows] == [b"%s%d" % (c.encode(), i) for c in codecs for i in range(20)]
    rows = read(bootstrap, "transactions", 0)
    expected = [b"c%d%d" % (r, i) for r in range(2) for i in range(5)]
    assert [r.value for r in rows] == expected, "committed ones before the open transaction"
    rows = read(bootstrap, "transactions", 0, isolation="read_uncommitted")
    keys = [r.key for r in rows]
    assert (keys.count(b"aborted"), keys.count(b"open"), keys.count(b"committed")) == (10, 1, 11)
    offsets = committed(bootstrap, "readers", "plain", 2)
    assert offsets == [(17, "seventeen"), (23, "")], offsets


def write_more(bootstrap: str) -> None:
    """A few records at the end of what `write` wrote, as the other server."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for i in range(10):
        producer.produce("many", b"more", b"k", partition=i % 2)
    producer.produce("unwritten", b"first", partition=0)
    assert producer.flush(30) == 0


def write_last(bootstrap: str) -> None:
    """The first record of the partition that neither server had written to."""
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("unwritten", b"last", partition=1)
    assert producer.flush(30) == 0
