"""A node that is killed while it writes loses nothing that it acknowledged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from oracle import Oracle
from servers import OttlaProcess, eventually

TOPIC = "kills"
QUICK_RECONNECT = {
    "reconnect.backoff.ms": 5,
    "reconnect.backoff.max.ms": 50,
    # Else librdkafka forgets its only broker at every kill, and looks for it once a second.
    "metadata.recovery.strategy": "none",
    "log_level": 0,
}


class Writer:
    """A producer that remembers what was acknowledged, and lives through every kill."""

    def __init__(self, bootstrap: str, partition: int, **config: object) -> None:
        settings = {"bootstrap.servers": bootstrap, "linger.ms": 1, **QUICK_RECONNECT}
        self._producer = Producer({**settings, **config})
        self._partition = partition
        self._next = 0
        self.acknowledged: dict[int, int] = {}
        """Value to offset."""

    def write(self, count: int) -> None:
        """Hand over some records and take reports that have come."""
        for _ in range(count):
            value = str(self._next).encode()
            self._producer.produce(TOPIC, value, partition=self._partition, on_delivery=self._done)
            self._next += 1
        self._producer.poll(0)

    def finish(self) -> None:
        """Wait until all is acknowledged."""
        assert self._producer.flush(60) == 0

    def _done(self, error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        offset = message.offset()
        self.acknowledged[int(message.value() or b"")] = -1 if offset is None else offset


def read_all(bootstrap: str, partition: int) -> list[int]:
    """Every value of a partition, in the order of the log."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "log_level": 0})
    where = TopicPartition(TOPIC, partition, OFFSET_BEGINNING)
    _, end = consumer.get_watermark_offsets(where, 20)
    consumer.assign([where])
    found: list[int] = []

    def take() -> bool:
        for message in consumer.consume(10000, 0.1):
            assert message.error() is None, message.error()
            found.append(int(message.value() or b""))
        return len(found) >= end

    eventually(take, f"{end} records of partition {partition}", timeout_s=60)
    consumer.close()
    return found


@pytest.fixture(params=["ottla", pytest.param("kafka", marks=[pytest.mark.long, pytest.mark.jvm])])
def victim(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[OttlaProcess | Oracle, int]]:
    """A node that may be killed, and how often (a JVM takes three seconds to come back)."""
    found: OttlaProcess | Oracle
    if request.param == "kafka":
        found, kills = Oracle(tmp_path / "node"), 3
    else:
        found, kills = OttlaProcess(tmp_path / "node"), 50
    found.start()
    yield found, kills
    found.kill()


def test_every_acknowledged_record_survives_kills(
    victim: tuple[OttlaProcess | Oracle, int],
) -> None:
    """If this failed, a crash of the process would lose, repeat or reorder acknowledged records."""
    node, kills = victim
    admin = AdminClient({"bootstrap.servers": node.bootstrap, **QUICK_RECONNECT})
    config = {"segment.bytes": "1048576"}
    new = NewTopic(TOPIC, num_partitions=2, replication_factor=1, config=config)
    admin.create_topics([new])[TOPIC].result(20)
    plain = Writer(node.bootstrap, 0, acks="all")
    idempotent = Writer(node.bootstrap, 1, **{"enable.idempotence": True})
    dice = random.Random(7)
    for _ in range(kills):
        goals = [(w, len(w.acknowledged) + dice.randrange(20, 200)) for w in (plain, idempotent)]

        def reached(goals: list[tuple[Writer, int]] = goals) -> bool:
            for writer, _ in goals:
                writer.write(dice.randrange(1, 20))
            return all(len(w.acknowledged) >= goal for w, goal in goals)

        eventually(reached, "acknowledgements", timeout_s=60)
        node.kill()
        for writer in (plain, idempotent):
            writer.write(dice.randrange(0, 5))
        node.start(timeout_s=60)
    for writer in (plain, idempotent):
        writer.finish()
    found = read_all(node.bootstrap, 0)
    assert set(plain.acknowledged) <= set(found)
    once = read_all(node.bootstrap, 1)
    assert once == list(range(len(idempotent.acknowledged)))
    for value, offset in idempotent.acknowledged.items():
        assert offset in (-1, value)
