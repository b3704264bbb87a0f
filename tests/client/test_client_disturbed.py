"""The same stories on Ottla and on two nodes of Apache Kafka 4.3.1, which lose answers, move
leaders and coordinators, are killed and restarted while our client is at work.

On 4.3.1 they are for `make test-long`: `tests/client/disturbed.py` starts two of its nodes.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.disturbed import DISTURBANCES, World, Worlds
from client.test_consumer import values
from ottla.client import (
    CommitFailed,
    Consumer,
    ConsumerRecord,
    Delivery,
    MustAbort,
    Producer,
)
from servers import eventually

Name = Callable[[], str]
WRITES: dict[str, Any] = {"retry_backoff_ms": 20, "linger_ms": 1}
READS: dict[str, Any] = {"retry_backoff_ms": 20, "fetch_max_wait_ms": 50}
MEMBER: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "session_timeout_ms": 6000,
    "heartbeat_interval_ms": 100,
    **READS,
}
PARTITIONS = 2
WITHIN_S = 60
"""How soon work must go on after a disturbance; 4.3.1 waits for the session of a node that was
killed.
"""

pytestmark = pytest.mark.seconds(400)


@pytest.fixture(
    scope="module",
    params=["ottla", pytest.param("kafka", marks=[pytest.mark.jvm, pytest.mark.long])],
)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A cluster that is disturbed."""
    with Worlds[request.param](tmp_path_factory.mktemp(request.param) / "world") as found:
        yield found


class Sends(threading.Thread):
    """Sends 0, 1, ... to a topic's partitions by turns, until it is told to stop."""

    def __init__(self, producer: Producer, topic: str) -> None:
        super().__init__(daemon=True)
        self._producer, self._topic = producer, topic
        self._stops = threading.Event()
        self.sent: list[Delivery] = []
        self.failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        """A few at a time, so that there are many batches."""
        try:
            while not self._stops.wait(0.002):
                number = len(self.sent)
                at = number % PARTITIONS
                self.sent.append(self._producer.send(self._topic, str(number), partition=at))
        except BaseException as error:
            self.failure = error

    def stop(self) -> int:
        """How many there are, all acknowledged."""
        self._stops.set()
        self.join(WITHIN_S)
        assert self.failure is None
        self._producer.flush(WITHIN_S)
        assert [one.error for one in self.sent if one.error is not None] == []
        return len(self.sent)


def read_on(consumer: Consumer, records: list[ConsumerRecord], until: Callable[[], bool]) -> None:
    """Read until something holds."""
    deadline = time.monotonic() + WITHIN_S
    while not until():
        assert time.monotonic() < deadline, f"stands still at {len(records)} records"
        records += consumer.poll(0.1)


def disturbed(world: World, topics: list[str], goes_on: Callable[[], None]) -> None:
    """Each disturbance, twice; between them work must go on."""
    goes_on()
    for what in DISTURBANCES:
        for _ in range(2):
            world.disturb(what, topics)
            goes_on()


def test_each_record_is_there_once_and_in_order(world: World, name: Name) -> None:
    """If this failed, what was acknowledged would be lost, doubled or out of order, for whoever
    reads along or later, whenever a cluster is disturbed.
    """
    topic = name()
    world.create(topic, PARTITIONS)
    records: list[ConsumerRecord] = []
    with (
        Producer(world.bootstrap, **WRITES) as producer,
        Consumer(world.bootstrap, auto_offset_reset="none", **READS) as consumer,
    ):
        consumer.assign([(topic, number, 0) for number in range(PARTITIONS)])
        sends = Sends(producer, topic)

        def goes_on() -> None:
            enough = len(records) + 100
            read_on(consumer, records, lambda: len(records) >= enough)

        disturbed(world, [topic], goes_on)
        count = sends.stop()
        read_on(consumer, records, lambda: len(records) >= count)
        assert consumer.poll(0.2) == []
    for number in range(PARTITIONS):
        mine = [record for record in records if record.partition == number]
        assert values(mine) == list(range(number, count, PARTITIONS))
        offsets = [delivery.offset for delivery in sends.sent if delivery.partition == number]
        assert [record.offset for record in mine] == offsets


class Reads(threading.Thread):
    """A member of a group, which commits what it has read."""

    def __init__(self, world: World, group: str, topic: str) -> None:
        super().__init__(daemon=True)
        self._stops = threading.Event()
        self._world, self._group, self._topic = world, group, topic
        self.seen: list[int] = []
        self.failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Poll and commit; a commit that comes too late is for the others to do again."""
        try:
            with Consumer(self._world.bootstrap, group_id=self._group, **MEMBER) as consumer:
                consumer.subscribe([self._topic])
                while not self._stops.is_set():
                    records = consumer.poll(0.05)
                    self.seen += values(records)
                    try:
                        if records:
                            consumer.commit()
                    except CommitFailed:
                        continue
        except BaseException as error:
            self.failure = error

    def stop(self) -> None:
        """Leave."""
        self._stops.set()
        self.join(WITHIN_S)
        assert self.failure is None


def test_a_group_reads_all_of_it(world: World, name: Name) -> None:
    """If this failed, members would lose their places for good, or commit what they never read."""
    topic, group = name(), name()
    world.create(topic, PARTITIONS)
    with Producer(world.bootstrap, **WRITES) as producer:
        sends = Sends(producer, topic)
        members = [Reads(world, group, topic) for _ in range(2)]

        def seen() -> set[int]:
            return {number for member in members for number in member.seen}

        def goes_on() -> None:
            enough = len(seen()) + 100
            eventually(lambda: len(seen()) >= enough, "the group reads on", timeout_s=WITHIN_S)
            assert [member.failure for member in members] == [None, None]

        disturbed(world, [topic], goes_on)
        count = sends.stop()
        eventually(lambda: len(seen()) == count, "it has read all", timeout_s=WITHIN_S)
        for member in members:
            member.stop()
    with Consumer(world.bootstrap, group_id=group, **READS) as another:
        places = [(topic, number) for number in range(PARTITIONS)]
        committed = another.committed(places)
        ends = another.end_offsets(places)
        # The last commit of a member that was thrown out meanwhile was another's to do.
        assert all(committed[place].offset <= ends[place] for place in places)
        assert sum(ends.values()) == count


class Moves(threading.Thread):
    """Reads, writes and commits the reading in transactions."""

    def __init__(self, world: World, group: str, source: str, sink: str) -> None:
        super().__init__(daemon=True)
        self._stops = threading.Event()
        self._world, self._group, self._source, self._sink = world, group, source, sink
        self.failure: BaseException | None = None
        self.aborted = 0
        self.start()

    def run(self) -> None:
        """As docs/guides/client.md has it."""
        try:
            with (
                Producer(self._world.bootstrap, transactional_id=self._group, **WRITES) as producer,
                Consumer(self._world.bootstrap, group_id=self._group, **MEMBER) as consumer,
            ):
                producer.init_transactions(WITHIN_S)
                consumer.subscribe([self._source])
                while not self._stops.is_set():
                    records = consumer.poll(0.05, max_records=20)
                    if records and not self._move(producer, consumer, records):
                        self.aborted += 1
                        self._rewind(consumer)
        except BaseException as error:
            self.failure = error

    def _move(self, producer: Producer, consumer: Consumer, records: list[ConsumerRecord]) -> bool:
        producer.begin_transaction()
        try:
            for record in records:
                producer.send(self._sink, record.value, partition=record.partition)
            ends = {(r.topic, r.partition): r.offset + 1 for r in records}
            group = consumer.group_metadata()
            producer.send_offsets_to_transaction(ends, group, WITHIN_S)
            producer.commit_transaction(WITHIN_S)
        except (MustAbort, CommitFailed):
            producer.abort_transaction(WITHIN_S)
            return False
        return True

    def _rewind(self, consumer: Consumer) -> None:
        held = consumer.assignment
        found = consumer.committed(held)
        for place in held:
            consumer.seek(place, found[place].offset if place in found else 0)

    def stop(self) -> None:
        """End."""
        self._stops.set()
        self.join(WITHIN_S)
        assert self.failure is None


def test_what_is_moved_in_transactions_is_moved_once(world: World, name: Name) -> None:
    """If this failed, exactly once would hold only in clusters that nobody touches."""
    source, sink, group = name(), name(), name()
    for topic in (source, sink):
        world.create(topic, PARTITIONS)
    moved: list[ConsumerRecord] = []
    reading: dict[str, Any] = {"isolation_level": "read_committed", **READS}
    with (
        Producer(world.bootstrap, **WRITES) as producer,
        Consumer(world.bootstrap, auto_offset_reset="none", **reading) as consumer,
    ):
        consumer.assign([(sink, number, 0) for number in range(PARTITIONS)])
        sends = Sends(producer, source)
        moves = Moves(world, group, source, sink)

        def goes_on() -> None:
            enough = len(moved) + 100
            read_on(consumer, moved, lambda: len(moved) >= enough or bool(moves.failure))
            assert moves.failure is None

        disturbed(world, [source, sink], goes_on)
        count = sends.stop()
        read_on(consumer, moved, lambda: len(moved) >= count or bool(moves.failure))
        assert consumer.poll(0.5) == []
        moves.stop()
    twice = [number for number, times in Counter(values(moved)).items() if times > 1]
    assert (twice, len(moved)) == ([], count)
    for number in range(PARTITIONS):
        mine = [record for record in moved if record.partition == number]
        assert values(mine) == list(range(number, count, PARTITIONS))
