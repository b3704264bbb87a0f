"""Producer and consumer in a simulated cluster: whatever happens, everything ends in its time."""

from __future__ import annotations

from typing import Any

import pytest

from client.simulated.cluster import TOPIC, Cluster
from client.simulated.world import NODES, World, client_in
from ottla.client import Consumer, OttlaError, Producer
from ottla.wire.outbox import Delivery

PARTITIONS = 4
DELIVERY_MS = 8_000
RECORDS = 150
CALM_MS = 30_000
"""So long after the last trouble all must be as if there had been none."""
SLACK_MS = 50


class Sent:
    """What was sent, and when that was known to have ended."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.all: list[tuple[int, bytes, Delivery, int]] = []
        self.ended: dict[int, int] = {}

    def send(self, producer: Producer) -> None:
        """One more record."""
        number = len(self.all)
        partition, value = number % PARTITIONS, b"%d" % number

        def told(_: Delivery) -> None:
            assert number not in self.ended, "told twice"
            self.ended[number] = self._world.now_ms

        delivery = producer.send(TOPIC, value, partition=partition, on_delivery=told)
        self.all.append((partition, value, delivery, self._world.now_ms))

    def check(self) -> None:
        """Everything has ended in its time; what was acknowledged lies where it was said to, and
        nothing is there twice.
        """
        for number, (partition, value, delivery, sent_ms) in enumerate(self.all):
            assert self.ended[number] - sent_ms <= DELIVERY_MS + SLACK_MS, number
            if delivery.error is None:
                values = self._world.cluster.logs[partition].values
                assert values[delivery.offset] == value
        for log in self._world.cluster.logs:
            numbers = [int(value or b"") for value in log.values]
            assert numbers == sorted(set(numbers)), "doubled, or out of order"


def read_all(world: World, consumer: Consumer, found: dict[int, list[bytes | None]]) -> None:
    """Poll until everything was read; that takes its time, but not for ever."""
    until_ms = world.now_ms + CALM_MS
    while any(len(found[n]) < len(log.values) for n, log in enumerate(world.cluster.logs)):
        assert world.now_ms < until_ms, f"read {found}"
        take(consumer, found)


def take(consumer: Consumer, found: dict[int, list[bytes | None]]) -> None:
    """Poll once."""
    try:
        records = consumer.poll(0.2)
    except OttlaError:
        return  # what it says may be so: it goes on with the next poll
    for record in records:
        assert record.offset == len(found[record.partition]), "skipped, or read twice"
        found[record.partition].append(record.value)


@pytest.mark.parametrize("seed", range(60))
def test_everything_ends_in_its_time(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, some fault, at some moment, would hang a program, keep a processor busy for
    nothing, or lose, double or reorder records.
    """
    world = World(seed, Cluster(PARTITIONS, NODES))
    client = client_in(world, monkeypatch)
    own: dict[str, Any] = {
        "delivery_timeout_ms": DELIVERY_MS,
        "request_timeout_ms": 1_000,
        "max_block_ms": 3_000,
        "linger_ms": seed % 3 * 5,
    }
    producer = Producer(client=client, **own)
    consumer = Consumer(client=client, auto_offset_reset="earliest", request_timeout_ms=1_000)
    consumer.assign([(TOPIC, number) for number in range(PARTITIONS)])
    sent, found = Sent(world), {number: [] for number in range(PARTITIONS)}
    world.chance_of_trouble = world.random.choice((0.02, 0.1, 0.4))
    world.later(world.random.choice((0, 100, 1000)), world.rage)
    while len(sent.all) < RECORDS:
        try:
            sent.send(producer)
        except OttlaError:
            assert world.chance_of_trouble, "nothing was in the way"
        match world.random.choice(("poll", "pause", "resume", "seek", "send", "send")):
            case "poll":
                take(consumer, found)
            case "pause":
                consumer.pause([(TOPIC, world.random.randrange(PARTITIONS))])
            case "resume":
                consumer.resume(consumer.paused)
            case "seek":
                number = world.random.randrange(PARTITIONS)
                del found[number][world.random.randrange(len(found[number]) + 1) :]
                consumer.seek((TOPIC, number), len(found[number]))
    world.later(5_000, world.calm)
    producer.flush()
    world.calm()
    sent.check()
    for _ in range(8):
        sent.send(producer)
        take(consumer, found)
    producer.flush(CALM_MS / 1000)
    sent.check()
    assert [delivery.error for _, _, delivery, _ in sent.all[-8:]] == [None] * 8
    consumer.resume(consumer.paused)
    read_all(world, consumer, found)
    for number, log in enumerate(world.cluster.logs):
        assert found[number] == log.values
    consumer.close()
    producer.close()
    client.close()
    world.close()


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(30))
def test_everything_ends_in_its_time_at_length(
    hundred: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, what is so for sixty seeds would not be so for thousands."""
    for seed in range(100 * hundred + 60, 100 * hundred + 160):
        with monkeypatch.context() as patch:
            test_everything_ends_in_its_time(seed, patch)
