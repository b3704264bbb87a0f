"""What a running node does otherwise when a dynamic key is changed: a probe for each key.

A probe sees the node go by the key as it was, changes it, and sees that it goes by the new value.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ottla
from config.cleaner_probes import PROBES as CLEANER_PROBES
from config.directory_probes import PROBES as DIRECTORY_PROBES
from ottla._core import DiskFault
from ottla.client.admin import configs
from ottla.client.client import Client
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import describe_producers, fetch
from ottla.wire.records import Batch, Record, build_batch, read_batches
from servers import eventually
from transacting import Producer, Transacting, batch_of, produce_request

HOUR_MS = 3_600_000
MIB = 1 << 20


class Probed:
    """A running node, and one topic of it that sets nothing itself."""

    def __init__(self, broker: ottla.Broker, name: str, *, make: bool = True) -> None:
        """Changes are made for `name`: the id of the broker, or all under the empty name."""
        self.broker = broker
        self.name = name
        self.asking = Transacting(broker.port)
        self.topic = "probed"
        if make:
            self.asking.create(self.topic)

    def set(self, key: str, value: str | int, *, name: str | None = None) -> None:
        """Change a key while the node runs."""
        change = configs.Change(key, configs.SET, str(value))
        with Client(self.broker.bootstrap_servers) as client:
            configs.alter(client, configs.BROKER, {self.name if name is None else name: [change]})

    def produce(
        self, *values: bytes, topic: str | None = None, who: Producer | None = None, **header: Any
    ) -> Any:
        """One batch, and what is said of it."""
        now = self.broker.clock.now().timestamp() * 1000
        timestamp = int(header.pop("timestamp", now))
        records = [Record(None, value, (), timestamp) for value in values]
        batch = build_batch(records, **header) if who is None else batch_of(who, 0, *values)
        rows = self.asking.produce(who, topic or self.topic, {0: batch})
        return rows[0]

    def wrote(self, *values: bytes, **header: Any) -> Any:
        """As `produce`, which must succeed."""
        row = self.produce(*values, **header)
        assert row.error_code == 0, row
        return row

    def batches(self) -> list[Batch]:
        """All that the topic holds, as it is stored."""
        return list(read_batches(self.stored()))

    def stored(self) -> bytes:
        """The bytes of the topic's batches."""
        at = self.asking.end_offset(self.topic, 0, timestamp=-2)
        row = fetch.FetchPartition(partition=0, fetch_offset=at, partition_max_bytes=1 << 24)
        request = fetch.FetchRequest(
            max_wait_ms=0,
            min_bytes=0,
            max_bytes=1 << 24,
            topics=[fetch.FetchTopic(topic=self.topic, partitions=[row])],
        )
        found = self.asking.line.ask(request, 11).responses[0].partitions[0]
        assert found.error_code == 0, found
        records: bytes = found.records or b""
        return records

    def last_stored(self, *values: bytes) -> bytes:
        """Write a batch; its bytes in the log."""
        before = len(self.stored())
        self.wrote(*values)
        return self.stored()[before:]

    def files(self, suffix: str, *, partition: int = 0) -> list[Path]:
        """The files of the topic's partition that end so."""
        folder = Path(self.broker.dir) / f"{self.topic}-{partition}"
        return sorted(folder.glob(f"*{suffix}"))

    def start(self) -> int:
        """The first offset that is still there."""
        return self.asking.end_offset(self.topic, 0, timestamp=-2)

    def advance(self, seconds: float) -> None:
        """Move the clock, with all that comes due."""
        self.broker.advance(seconds)


@contextmanager
def probed(broker: ottla.Broker, name: str) -> Iterator[Probed]:
    """The node, ready to be probed."""
    one = Probed(broker, name)
    try:
        yield one
    finally:
        one.asking.close()


TEXT = b"".join(
    b"%d: all work and no play makes %d a dull record\n" % (n, n * n) for n in range(4000)
)


def _compression_type(node: Probed) -> None:
    node.wrote(TEXT)
    node.set("compression.type", "gzip")
    node.wrote(TEXT)
    assert [batch.codec for batch in node.batches()] == ["none", "gzip"]


def _level(codec: str, low: int, high: int) -> Callable[[Probed], None]:
    def probe(node: Probed) -> None:
        node.set("compression.type", codec, name="")
        sizes = []
        for level in (low, high):
            node.set(f"compression.{codec}.level", level)
            sizes.append(len(node.last_stored(TEXT)))
        assert sizes[1] < sizes[0], sizes

    return probe


def _cleanup_policy(node: Probed) -> None:
    node.wrote(b"without a key")
    node.set("log.cleanup.policy", "compact")
    assert node.produce(b"without a key").error_code == ErrorCode.INVALID_RECORD


def _syncs(node: Probed) -> Callable[[], bool]:
    """Counts from here on; whether the topic's log was forced to disk."""
    core = node.broker._here().core
    core.set_disk_faults([DiskFault("sync", f"{node.topic}-0/*.log")])
    return lambda: bool(core.disk_faults_fired()[0])


def _flush_interval_messages(node: Probed) -> None:
    synced = _syncs(node)
    node.wrote(b"v")
    assert not synced()
    node.set("log.flush.interval.messages", 1)
    node.wrote(b"v")
    assert synced()


def _flush_interval_ms(node: Probed) -> None:
    synced = _syncs(node)
    node.wrote(b"v")
    assert not synced()
    node.set("log.flush.interval.ms", 1)
    eventually(synced, "a flush by time")


def _segments(node: Probed) -> int:
    return len(node.files(".log"))


def _segment_bytes(node: Probed) -> None:
    for _ in range(3):
        node.wrote(os.urandom(MIB // 2))
    assert _segments(node) == 1
    node.set("log.segment.bytes", MIB)
    for _ in range(4):
        node.wrote(os.urandom(MIB // 2))
    assert _segments(node) > 1


def _index_size(node: Probed) -> None:
    node.set("log.index.interval.bytes", 1, name="")
    for _ in range(4):
        node.wrote(b"v" * 100)
    assert _segments(node) == 1
    node.set("log.index.size.max.bytes", 16)
    node.set("log.roll.ms", 1000, name="")
    node.advance(2)
    for _ in range(8):  # in segments that begin after the change
        node.wrote(b"v" * 100)
    assert _segments(node) > 3


def _index_interval(node: Probed) -> None:
    def entries() -> int:
        """Of the index of a whole segment, which is made anew by what comes after it."""
        node.advance(2)
        node.wrote(b"the next segment")
        sizes = [path.stat().st_size for path in node.files(".index")]
        return sizes[-2] // 8

    node.set("log.roll.ms", 1000, name="")
    node.wrote(b"v" * 100)
    for _ in range(5):
        node.wrote(b"v" * 100)
    few = entries()
    node.set("log.index.interval.bytes", 1)
    for _ in range(5):
        node.wrote(b"v" * 100)
    assert entries() > few


def _timestamps(key: str, away_ms: int) -> Callable[[Probed], None]:
    def probe(node: Probed) -> None:
        now = int(node.broker.clock.now().timestamp() * 1000)
        node.set(key, 10 * HOUR_MS)
        node.wrote(b"v", timestamp=now + away_ms)
        node.set(key, HOUR_MS)
        refused = node.produce(b"v", timestamp=now + away_ms)
        assert refused.error_code == ErrorCode.INVALID_TIMESTAMP

    return probe


def _timestamp_type(node: Probed) -> None:
    assert node.wrote(b"v", timestamp=1000).log_append_time_ms == -1
    node.set("log.message.timestamp.type", "LogAppendTime")
    assert node.wrote(b"v", timestamp=1000).log_append_time_ms > 1000


def _preallocate(node: Probed) -> None:
    node.set("log.segment.bytes", MIB, name="")
    node.set("log.preallocate", "true")
    node.topic = "preallocated"
    node.asking.create(node.topic)
    node.wrote(b"v")
    assert node.files(".log")[0].stat().st_blocks * 512 >= MIB


def _retention_bytes(node: Probed) -> None:
    node.set("log.segment.bytes", MIB, name="")
    for _ in range(4):
        node.wrote(os.urandom(MIB // 2 + 1))
    node.advance(301)
    assert node.start() == 0
    node.set("log.retention.bytes", 1)
    node.advance(301)
    assert node.start() > 0


def _retention_ms(node: Probed) -> None:
    node.wrote(b"v")
    node.advance(601)
    assert node.start() == 0
    node.set("log.retention.ms", 1000)
    node.advance(301)
    assert node.start() == 1


def _roll_ms(node: Probed) -> None:
    node.wrote(b"v")
    node.advance(10)
    node.wrote(b"v")
    assert _segments(node) == 1
    node.set("log.roll.ms", 1000)
    node.advance(10)
    node.wrote(b"v")
    assert _segments(node) == 2


def _roll_jitter(node: Probed) -> None:
    """With all of the time as jitter about half of many are rolled at half of the time."""
    count = 30
    node.set("log.roll.ms", HOUR_MS, name="")
    node.set("log.roll.jitter.ms", HOUR_MS)
    node.topic = "jittered"
    node.asking.create(node.topic, count)
    for wait_s in (0, HOUR_MS / 2000):
        node.advance(wait_s)
        for partition in range(count):
            now = int(node.broker.clock.now().timestamp() * 1000)
            batch = build_batch([Record(None, b"v", (), now)])
            (row,) = node.asking.produce(None, node.topic, {partition: batch}).values()
            assert row.error_code == 0
    rolled = [len(node.files(".log", partition=partition)) > 1 for partition in range(count)]
    assert 0 < sum(rolled) < count


def _delete_delay(node: Probed) -> None:
    """Each deleted segment keeps the delay that it went with."""
    node.set("log.retention.ms", 1000, name="")
    for number, (delay_ms, stays) in enumerate(((30 * HOUR_MS, True), (1000, False))):
        node.set("log.segment.delete.delay.ms", delay_ms)
        node.wrote(b"v")
        for seconds in (601, 5, 5):  # deleted, found by the next look, gone by the one after it
            node.advance(seconds)
        assert node.start() == number + 1
        there = f"{number:020}.log.deleted" in [path.name for path in node.files(".deleted")]
        assert there == stays


def _message_max(node: Probed) -> None:
    node.wrote(b"v" * 1000)
    node.set("message.max.bytes", 500)
    assert node.produce(b"v" * 1000).error_code == ErrorCode.MESSAGE_TOO_LARGE


def _min_isr(node: Probed) -> None:
    """As in Apache Kafka no partition wants more than it has, which is one: what the controller
    would want of others is seen.
    """
    state = _controller(node)
    assert state.min_insync_replicas(node.topic) == 1
    node.set("min.insync.replicas", 2, name="")
    assert state.min_insync_replicas(node.topic) == 2
    node.wrote(b"v")


def _unclean(node: Probed) -> None:
    """One node has nobody else to elect: what its controller would do is seen, and not done."""
    state = _controller(node)
    assert not state.unclean_leader_election(node.topic)
    node.set("unclean.leader.election.enable", "true")
    assert state.unclean_leader_election(node.topic)


def _controller(node: Probed) -> Any:
    driver: Any = node.broker._here()._built()[1].cluster._controller
    return driver.decider.state


def _remembered(node: Probed) -> list[int]:
    rows = [describe_producers.TopicRequest(name=node.topic, partition_indexes=[0])]
    request = describe_producers.DescribeProducersRequest(topics=rows)
    found = node.asking.line.ask(request, 0).topics[0].partitions[0]
    return [one.producer_id for one in found.active_producers]


def _producer_expiration(node: Probed) -> None:
    given = node.asking.init(None)
    node.wrote(b"v", producer_id=given.producer_id, producer_epoch=0, base_sequence=0)
    node.advance(1201)
    assert _remembered(node) == [given.producer_id]
    node.set("producer.id.expiration.ms", 1000)
    node.advance(1201)
    assert _remembered(node) == []


def _verification(node: Probed) -> None:
    """A batch of an older producer whose partition nobody entered."""
    who = node.asking.begin("older", newer=False)
    request = produce_request(who, node.topic, {0: batch_of(who, 0, b"v")})

    def code() -> int:
        found: int = (
            node.asking.line.ask(request, 11).responses[0].partition_responses[0].error_code
        )
        return found

    assert code() == ErrorCode.TRANSACTION_ABORTABLE
    node.set("transaction.partition.verification.enable", "false")
    assert code() == 0


class Held:
    """Connections that are kept open."""

    def __init__(self, broker: ottla.Broker) -> None:
        self._port = broker.port
        self._open: list[socket.socket] = []

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._open:
            one.close()

    def connect(self) -> socket.socket:
        """A connection on which something is asked, answered or not."""
        one = socket.create_connection(("127.0.0.1", self._port), 10)
        self._open.append(one)
        one.sendall(struct.pack(">ihhih", 10, 18, 0, 7, -1))
        return one

    def let_in(self) -> None:
        """One more is served."""
        assert self.connect().recv(4)

    def refused(self) -> None:
        """One more is hung up on."""
        one = self.connect()
        with suppress(ConnectionResetError):
            assert one.recv(4) == b""


def connections(broker: ottla.Broker) -> int:
    """How many there are."""
    return int(broker._here().core.metrics()["connection.count"])


def _waits_for_room(key: str) -> Callable[[Probed], None]:
    """Who is one too many waits, and is served when there may be more: nobody else has gone."""

    def probe(node: Probed) -> None:
        with Held(node.broker) as held, Client(node.broker.bootstrap_servers) as client:
            held.let_in()
            node.asking.end_offset(node.topic, 0)
            client.connection()

            def set(value: int) -> None:
                change = configs.Change(key, configs.SET, str(value))
                configs.alter(client, configs.BROKER, {node.name: [change]})

            set(connections(node.broker))
            count = connections(node.broker)
            late = held.connect()
            # Whatever else the node does for its clients, this one is not among them.
            for _ in range(3):
                node.asking.end_offset(node.topic, 0)
                assert connections(node.broker) == count
            set(1000)
            assert late.recv(4)

    return probe


def _per_ip(node: Probed) -> None:
    with Held(node.broker) as held:
        held.let_in()
        node.set("max.connections.per.ip", 1)
        held.refused()


def _per_ip_overrides(node: Probed) -> None:
    with Held(node.broker) as held:
        held.let_in()
        node.set("max.connections.per.ip.overrides", "10.0.0.1:9,127.0.0.1:1")
        held.refused()


def _creation_rate(key: str) -> Callable[[Probed], None]:
    """None at all is a rate as well; those who wait are let in when there is another."""

    def probe(node: Probed) -> None:
        with Held(node.broker) as held, Client(node.broker.bootstrap_servers) as client:
            held.let_in()
            client.connection()

            def set(value: int) -> None:
                change = configs.Change(key, configs.SET, str(value))
                configs.alter(client, configs.BROKER, {node.name: [change]})

            set(0)
            count = connections(node.broker)
            late = held.connect()
            for _ in range(3):
                node.asking.end_offset(node.topic, 0)
                assert connections(node.broker) == count
            set(1000)
            assert late.recv(4)

    return probe


PROBES: dict[str, Callable[[Probed], None]] = {
    **CLEANER_PROBES,
    **DIRECTORY_PROBES,
    "compression.gzip.level": _level("gzip", 1, 9),
    "compression.lz4.level": _level("lz4", 1, 17),
    "compression.type": _compression_type,
    "compression.zstd.level": _level("zstd", 1, 19),
    "listener.name.plaintext.max.connection.creation.rate": _creation_rate(
        "listener.name.plaintext.max.connection.creation.rate"
    ),
    "listener.name.plaintext.max.connections": _waits_for_room(
        "listener.name.plaintext.max.connections"
    ),
    "log.cleanup.policy": _cleanup_policy,
    "log.flush.interval.messages": _flush_interval_messages,
    "log.flush.interval.ms": _flush_interval_ms,
    "log.index.interval.bytes": _index_interval,
    "log.index.size.max.bytes": _index_size,
    "log.message.timestamp.after.max.ms": _timestamps(
        "log.message.timestamp.after.max.ms", 2 * HOUR_MS
    ),
    "log.message.timestamp.before.max.ms": _timestamps(
        "log.message.timestamp.before.max.ms", -2 * HOUR_MS
    ),
    "log.message.timestamp.type": _timestamp_type,
    "log.preallocate": _preallocate,
    "log.retention.bytes": _retention_bytes,
    "log.retention.ms": _retention_ms,
    "log.roll.jitter.ms": _roll_jitter,
    "log.roll.ms": _roll_ms,
    "log.segment.bytes": _segment_bytes,
    "log.segment.delete.delay.ms": _delete_delay,
    "max.connection.creation.rate": _creation_rate("max.connection.creation.rate"),
    "max.connections": _waits_for_room("max.connections"),
    "max.connections.per.ip": _per_ip,
    "max.connections.per.ip.overrides": _per_ip_overrides,
    "message.max.bytes": _message_max,
    "min.insync.replicas": _min_isr,
    "producer.id.expiration.ms": _producer_expiration,
    "transaction.partition.verification.enable": _verification,
    "unclean.leader.election.enable": _unclean,
}
"""Key to its probe; each begins with a node and a topic of its own."""
