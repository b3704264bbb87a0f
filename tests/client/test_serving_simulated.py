"""A group's consumers in a simulated cluster: whatever happens, every record is handed out, nothing
counts as read that was not, and the group comes to rest.
"""

from __future__ import annotations

from typing import Any

import pytest

from client.simulated.cluster import TOPIC
from client.simulated.groups import Groups
from client.simulated.world import NODES, World, client_in
from ottla.client import Client, Consumer, OttlaError, Producer

PARTITIONS = 4
GROUP = "g"
STEPS = 160
POLL_S = 0.2
CALL_MS_MAX = 12_000
"""What a poll may take at most: a commit in a rebalance waits for a coordinator."""
CALM_MS = 90_000
STRATEGIES = ("range", "roundrobin", "sticky", "cooperative-sticky", "range,cooperative-sticky")


class Reader:
    """One consumer after another, of one program that starts again when it has failed."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch, seen: Seen, **own: Any) -> None:
        self._world, self._patch, self._seen, self._own = world, patch, seen, own
        self.consumer: Consumer | None = None
        self._client: Client | None = None
        self._next: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """A new consumer, if there is none."""
        if self.consumer is None:
            self._client = client_in(self._world, self._patch)
            self.consumer = Consumer(client=self._client, **self._own)
            self._next = {}
            self.consumer.subscribe(
                [TOPIC], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken
            )

    def _given(self, places: list[tuple[str, int]]) -> None:
        for place in places:
            self._next.pop(place, None)

    def _taken(self, places: list[tuple[str, int]]) -> None:
        for place in places:
            self._next.pop(place, None)

    def poll(self) -> None:
        """Once; who fails starts again."""
        self.start()
        assert self.consumer is not None
        began_ms = self._world.now_ms
        try:
            records = self.consumer.poll(POLL_S)
        except OttlaError:
            self.stop()
            return
        finally:
            assert self._world.now_ms - began_ms < CALL_MS_MAX, "a poll that does not end"
        for record in records:
            place = (record.topic, record.partition)
            assert record.offset == self._next.get(place, record.offset), "skipped, or read twice"
            self._next[place] = record.offset + 1
            self._seen.add(record.partition, record.offset)

    def commit(self) -> None:
        """What was handed out, if that is possible now."""
        if self.consumer is not None:
            try:
                self.consumer.commit(timeout=2)
            except OttlaError:
                return

    def stop(self) -> None:
        """Close it."""
        if self.consumer is not None and self._client is not None:
            began_ms = self._world.now_ms
            self.consumer.close(timeout=5)
            assert self._world.now_ms - began_ms < CALL_MS_MAX, "a close that does not end"
            self._client.close()
            self._world.clients.remove(self._client)
            self.consumer = None


class Seen:
    """What was handed out to anybody."""

    def __init__(self, cluster: Groups) -> None:
        self._cluster = cluster
        self.offsets: dict[int, set[int]] = {number: set() for number in range(PARTITIONS)}

    def add(self, partition: int, offset: int) -> None:
        """One record was."""
        self.offsets[partition].add(offset)

    def check(self) -> None:
        """Nothing is committed that nobody has had."""
        for number, offset in self._cluster.committed(GROUP).items():
            assert set(range(offset)) <= self.offsets[number], "committed, and never handed out"

    def is_whole(self) -> bool:
        """Whether everything was handed out, and is committed."""
        committed = self._cluster.committed(GROUP)
        ends = {number: log.end for number, log in enumerate(self._cluster.logs)}
        return committed == ends and all(
            self.offsets[number] == set(range(end)) for number, end in ends.items()
        )


def act(world: World, readers: list[Reader], producer: Producer) -> None:
    """Something that a program does."""
    reader = world.random.choice(readers)
    match world.random.choice(("poll", "poll", "poll", "poll", "send", "send", "commit", "stop")):
        case "poll":
            reader.poll()
        case "commit":
            reader.commit()
        case "stop":
            if world.random.random() < 0.2:
                reader.stop()
        case "send":
            for _ in range(world.random.randrange(4)):
                partition = world.random.randrange(PARTITIONS)
                producer.send(TOPIC, b"x", partition=partition)


@pytest.mark.parametrize("seed", range(30))
def test_everything_is_handed_out(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, some fault would lose records for a group, commit what nobody had, or leave
    the group in a rebalance for ever.
    """
    cluster = Groups(PARTITIONS, NODES, 1_000_000)
    world = World(seed, cluster)
    cluster.cut = world.cut
    producing = client_in(world, monkeypatch)
    producer = Producer(client=producing, delivery_timeout_ms=60_000, request_timeout_ms=1_000)
    seen = Seen(cluster)
    own = {
        "group_id": GROUP,
        "auto_offset_reset": "earliest",
        "partition_assignment_strategy": STRATEGIES[seed % len(STRATEGIES)],
        "session_timeout_ms": 6_000,
        "heartbeat_interval_ms": 500,
        # A JoinGroup is waited for for that long, and five seconds more, as in Java.
        "max_poll_interval_ms": 20_000,
        "request_timeout_ms": 1_000,
        "default_api_timeout_ms": 4_000,
        "enable_auto_commit": bool(seed % 2),
        "auto_commit_interval_ms": 700,
    }
    readers = [Reader(world, monkeypatch, seen, **own) for _ in range(3)]
    producer.partitions_for(TOPIC, 60)
    world.chance_of_trouble = world.random.choice((0.01, 0.05, 0.2))
    world.later(world.random.choice((0, 100, 1000)), world.rage)
    for _ in range(STEPS):
        act(world, readers, producer)
        seen.check()
    world.calm()
    producer.flush(120)
    until_ms = world.now_ms + CALM_MS
    while not (seen.is_whole() and is_shared(readers)):
        assert world.now_ms < until_ms, "the group does not come to rest"
        for reader in readers:
            reader.poll()
            reader.commit()
        seen.check()
    for reader in readers:
        reader.stop()
    producer.close()
    producing.close()
    world.close()


def is_shared(readers: list[Reader]) -> bool:
    """Whether each partition is somebody's, and nobody else's."""
    owned = [
        number
        for reader in readers
        if reader.consumer is not None
        for _, number in reader.consumer.assignment
    ]
    return sorted(owned) == [*range(PARTITIONS)]


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(10))
def test_everything_is_handed_out_at_length(hundred: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, what is so for some seeds would not be so for many."""
    for seed in range(100 * hundred + 30, 100 * hundred + 130):
        with monkeypatch.context() as patch:
            test_everything_is_handed_out(seed, patch)
