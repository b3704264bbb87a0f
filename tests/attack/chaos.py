"""Everything at once: writers, committers and creators at work while the node is killed, loses
power, runs out of disk and descriptors, and hears nonsense; then an audit of all it promised.

One seed decides the order of troubles; threads make the rest. What an answer acknowledged must
be found at the end: records at the offsets that were told, an idempotent producer's each once and
in order, the last commits, the topics. Every append is flushed (`flush.messages=1`), so a power
cut may take nothing that was acknowledged either. What was read once must never change.

By hand: `python tests/attack/chaos.py --seconds 60 --seed 1` (with src and tests on PYTHONPATH).
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from attack.chaos_troubles import trouble
from attack.chaos_world import TOPIC, Broken, World
from attack.line import Gone, Line
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import create_topics, delete_topics, fetch, metadata, produce
from ottla.wire.messages import offset_commit as commits
from ottla.wire.messages import offset_fetch as committed
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.records import Record, build_batch, read_batches
from servers import eventually

GROUPS = tuple(f"chaos-{number}" for number in range(3))
PARTITIONS = 4
IDEMPOTENT = (0, 1)
"""Partitions whose writers are idempotent; the others' writers never send a record twice."""
JOIN_S = 20
AUDIT_SECONDS_MIN = 60  # for the last start and all questions; a longer run has more to read
STATE_LOST = (
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode.INVALID_PRODUCER_EPOCH,
    ErrorCode.UNKNOWN_PRODUCER_ID,
)
OFFLINE = (
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.LEADER_NOT_AVAILABLE,
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.KAFKA_STORAGE_ERROR,
)


class Worker(threading.Thread, ABC):
    """A client of its own that works until the world is over."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(name=f"{type(self).__name__}-{number}", daemon=True)
        self.world = world
        self.number = number
        self.dice = random.Random(number * 7919 + 1)
        self.line = Line(world.port, client_id=self.name, timeout_s=5)

    def run(self) -> None:
        """Work; a lost connection is trouble, and anything else a defect."""
        while not self.world.over.is_set():
            try:
                self.work()
            except Gone:
                self.world.counts["gone"] += 1
                self.world.over.wait(0.01)
            except Exception as problem:
                self.world.blame(f"{self.name}: {type(problem).__name__}: {problem}")
        self.line.close()

    @abstractmethod
    def work(self) -> None:
        """One request and what follows from it."""

    def refused(self, code: int) -> None:
        """An error is an answer, and no acknowledgement."""
        self.world.counts[f"{type(self).__name__.lower()} error {code}"] += 1
        self.world.over.wait(0.01)


class Other(Worker):
    """One that looks itself for what it was promised."""

    @abstractmethod
    def audit(self, deadline: float) -> list[str]:
        """What is not kept of that, asked by then of a node that nothing happens to."""


class Writer(Worker):
    """Writes numbered records to one partition, one batch at a time."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.idempotent = number in IDEMPOTENT
        self.acknowledged: dict[int, int] = {}
        """Value to offset."""
        self.attempted = 0
        self.retry = False
        self._producer_id = -1

    def work(self) -> None:
        """Send the next record; an idempotent one again until it is acknowledged."""
        if self.idempotent and self._producer_id < 0:
            answer = self.line.ask(InitProducerIdRequest(transactional_id=None), 4)
            if answer.error_code:
                self.refused(answer.error_code)
                return
            self._producer_id = answer.producer_id
        value = self.attempted
        if self.retry:
            value -= 1
        else:
            self.attempted += 1
        self.retry = self.idempotent
        (topic,) = self.line.ask(self._request(value), 9).responses
        (part,) = topic.partition_responses
        if part.error_code:
            if part.error_code in STATE_LOST:
                self.world.blame(f"{self.name}: the producer's state was lost at {value}: {part}")
            self.refused(part.error_code)
            return
        self.retry = False
        self.acknowledged[value] = part.base_offset
        self.world.counts["acknowledged"] += 1

    def _request(self, value: int) -> produce.ProduceRequest:
        text = b"%d:%d:" % (self.number, value)
        records = [
            Record(None, text + b"x" * (value * 37 % 9000), timestamp_ms=int(time.time() * 1000))
        ]
        producer: dict[str, int] = {}
        if self.idempotent:
            producer = {
                "producer_id": self._producer_id,
                "producer_epoch": 0,
                "base_sequence": value,
            }
        batch = build_batch(records, **producer)  # type: ignore[arg-type]
        data = produce.PartitionProduceData(index=self.number, records=batch)
        topic = produce.TopicProduceData(name=TOPIC, partition_data=[data])
        return produce.ProduceRequest(acks=-1, timeout_ms=5000, topic_data=[topic])


class Reader(Worker):
    """Reads one partition again and again, and holds each record against what it read before."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.seen: dict[int, bytes] = {}
        self._next = 0

    def work(self) -> None:
        """Read from where it stands; from the start now and then."""
        if self.dice.random() < 0.02:
            self._next = 0
        code, batches = read(self.line, self.number, self._next)
        if code == ErrorCode.OFFSET_OUT_OF_RANGE:
            if any(offset >= self._next for offset in self.seen):
                self.world.blame(f"{self.name}: offset {self._next} was there and is gone")
            self._next = 0
        elif code:
            self.refused(code)
        for offset, value in batches:
            if self.seen.setdefault(offset, value) != value:
                self.world.blame(f"{self.name}: the record at {offset} changed")
            self._next = offset + 1


class Committer(Worker):
    """Commits rising offsets for one group and now and then asks for the last."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.acknowledged = -1
        self.attempted = -1

    def work(self) -> None:
        """Commit the next offset, or ask."""
        group = GROUPS[self.number]
        if self.dice.random() < 0.2:
            found = last_commit(self.line, group)
            if found is not None and not self.acknowledged <= found[0] <= self.attempted:
                self.world.blame(
                    f"{group}: {self.acknowledged} was committed, {found[0]} is what it has"
                )
            return
        self.attempted += 1
        part = commits.OffsetCommitRequestPartition(
            partition_index=0, committed_offset=self.attempted
        )
        topic = commits.OffsetCommitRequestTopic(name=TOPIC, partitions=[part])
        request = commits.OffsetCommitRequest(group_id=group, topics=[topic])
        (answer,) = self.line.ask(request, 8).topics
        code = answer.partitions[0].error_code
        if code == ErrorCode.NOT_COORDINATOR:  # nobody has asked for the offsets topic yet
            find = FindCoordinatorRequest(coordinator_keys=[group])
            self.line.ask(find, 4)
        if code:
            self.refused(code)
        else:
            self.acknowledged = self.attempted
            self.world.counts["committed"] += 1


class Creator(Worker):
    """Creates topics and deletes them, and remembers which must be there."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.there: set[str] = set()
        self.gone: set[str] = set()
        self._count = 0

    def work(self) -> None:
        """Create one, or delete one of those that are there."""
        self.world.over.wait(0.02)
        if len(self.there) > 5:
            name = self.dice.choice(sorted(self.there))
            self.there.discard(name)  # from here on nobody knows, until the answer comes
            request = delete_topics.DeleteTopicsRequest(topic_names=[name], timeout_ms=5000)
            (answer,) = self.line.ask(request, 5).responses
            if answer.error_code in (ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION):
                self.gone.add(name)
            else:
                self.refused(answer.error_code)
            return
        self._count += 1
        name = f"made-{self.number}-{self._count}"
        new = create_topics.CreatableTopic(name=name, num_partitions=2, replication_factor=1)
        (answer,) = self.line.ask(create_topics.CreateTopicsRequest(topics=[new]), 5).topics
        if answer.error_code:
            self.refused(answer.error_code)
        else:
            self.there.add(name)
            self.world.counts["created"] += 1


class Hostile(Worker):
    """Sends what no client should: half frames, nonsense, huge announcements."""

    def work(self) -> None:
        """One bad connection, and a pause."""
        line = Line(self.world.port, timeout_s=1)
        nonsense = self.dice.randbytes(self.dice.randrange(1, 200))
        size = self.dice.choice((len(nonsense), 5_000, 90_000_000, 2**31 - 1))
        with suppress(Gone):
            line.send_bytes(size.to_bytes(4, "big") + nonsense)
            self.world.over.wait(self.dice.random() * 0.2)
        line.close()


def read(line: Line, partition: int, offset: int) -> tuple[int, list[tuple[int, bytes]]]:
    """(error code, the offset and `fingerprint` of each record from an offset on) of one fetch."""
    part = fetch.FetchPartition(
        partition=partition, fetch_offset=offset, partition_max_bytes=1 << 20
    )
    topic = fetch.FetchTopic(topic=TOPIC, partitions=[part])
    request = fetch.FetchRequest(max_wait_ms=100, min_bytes=1, topics=[topic])
    (answer,) = line.ask(request, 11).responses
    (data,) = answer.partitions
    if data.error_code:
        return data.error_code, []
    found = [
        (record.offset, fingerprint(record.value or b""))
        for batch in read_batches(data.records or b"")
        for record in batch.records
        if record.offset >= offset
    ]
    return 0, found


def fingerprint(value: bytes) -> bytes:
    """Who wrote a value, and a digest: an hour's values would fill memory."""
    return value[:16] + blake2b(value, digest_size=8).digest()


def last_commit(line: Line, group: str) -> tuple[int] | None:
    """What a group committed last, -1 if nothing; None while nobody can say."""
    topic = committed.OffsetFetchRequestTopic(name=TOPIC, partition_indexes=[0])
    answer = line.ask(committed.OffsetFetchRequest(group_id=group, topics=[topic]), 7)
    if answer.error_code:
        return None
    part = answer.topics[0].partitions[0]
    return None if part.error_code else (part.committed_offset,)


# ---------------------------------------------------------------------- the run
def run(
    folder: Path,
    *,
    seed: int,
    seconds: float,
    others: Callable[[World], list[Other]] = lambda _: [],
) -> Counter[str]:
    """Attack a node for so long, then audit it; what happened how often. `others` work beside.

    Raises:
        Broken: a promise was not kept; the text says which. Whatever is raised names the seed.
    """
    try:
        world = World(folder, seed)
        return _run(world, seconds, others(world))
    except BaseException as problem:
        problem.add_note(f"under the seed {seed}")
        raise


def _run(world: World, seconds: float, others: list[Other]) -> Counter[str]:
    world.start()
    new = create_topics.CreatableTopic(name=TOPIC, num_partitions=PARTITIONS, replication_factor=1)
    with closing(Line(world.port)) as line:
        (made,) = line.ask(create_topics.CreateTopicsRequest(topics=[new]), 5).topics
    assert made.error_code == 0, made
    writers = [Writer(world, number) for number in range(PARTITIONS)]
    readers = [Reader(world, number) for number in range(PARTITIONS)]
    committers = [Committer(world, number) for number in range(len(GROUPS))]
    creators = [Creator(world, number) for number in range(2)]
    hostile = Hostile(world, 0)
    workers: list[Worker] = [*writers, *readers, *committers, *creators, hostile, *others]
    for worker in workers:
        worker.start()
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end and not world.over.is_set():
            world.over.wait(world.dice.random() * 0.4)
            trouble(world)
    finally:
        world.over.set()
        end = time.monotonic() + JOIN_S
        for worker in workers:
            worker.join(max(end - time.monotonic(), 0))
    stuck = [worker.name for worker in workers if worker.is_alive()]
    world.broker.close()
    deadline = time.monotonic() + max(AUDIT_SECONDS_MIN, seconds / 3)
    world.start()
    try:
        problems = world.broken + [f"{name} never ended" for name in stuck]
        with closing(Line(world.port)) as line:
            problems += audit(line, deadline, writers, readers, committers, creators)
        for other in others:
            problems += other.audit(deadline)
    finally:
        world.broker.close()
    if problems:
        listed = "\n  ".join(problems[:20])
        raise Broken(f"{len(problems)} promises broken\n  {listed}\n{world.counts}")
    return world.counts


def audit(
    line: Line,
    deadline: float,
    writers: list[Writer],
    readers: list[Reader],
    committers: list[Committer],
    creators: list[Creator],
) -> list[str]:
    """Every promise that the node does not keep now."""
    problems = []
    for writer, reader in zip(writers, readers, strict=True):
        log = whole_log(line, deadline, writer.number)
        problems += audit_log(writer, log)
        problems += [
            f"partition {writer.number}: what was read at {offset} is {log.get(offset)!r:.40} now"
            for offset, value in reader.seen.items()
            if log.get(offset) != value
        ]
    for committer in committers:
        group = GROUPS[committer.number]
        found = patiently(deadline, lambda group=group: last_commit(line, group))
        if not committer.acknowledged <= found <= committer.attempted:
            problems.append(f"{group}: {committer.acknowledged} was committed, now it has {found}")
    topics = {topic.name for topic in line.ask(metadata.MetadataRequest(topics=None), 9).topics}
    for creator in creators:
        problems += [f"the topic {name} is lost" for name in sorted(creator.there - topics)]
        problems += [f"the topic {name} came back" for name in sorted(creator.gone & topics)]
    return problems


def whole_log(line: Line, deadline: float, partition: int) -> dict[int, bytes]:
    """Offset to fingerprint of all that a partition holds."""
    log: dict[int, bytes] = {}
    while True:
        code, found = patiently(deadline, lambda: served(read(line, partition, len(log))))
        if code:
            raise Broken(f"partition {partition} can't be read at {len(log)}: error {code}")
        log.update(found)
        if not found:
            return log


def served(found: tuple[int, Any]) -> tuple[tuple[int, Any]] | None:
    """What was read; None while the partition is offline."""
    return None if found[0] in OFFLINE else (found,)


def audit_log(writer: Writer, log: dict[int, bytes]) -> list[str]:
    """What is wrong with a partition that one writer filled."""
    where = f"partition {writer.number}"
    values = [int(log[offset].split(b":")[1]) for offset in sorted(log)]
    problems = []
    if sorted(log) != list(range(len(log))):
        problems.append(f"{where}: its offsets have gaps")
    for value, offset in writer.acknowledged.items():
        found = log.get(offset, b"nothing")
        if not found.startswith(b"%d:%d:" % (writer.number, value)):
            problems.append(f"{where}: {value} was acknowledged at {offset}; there is {found:.20}")
    if values != sorted(set(values)):
        problems.append(f"{where}: records are twice or out of order")
    if writer.idempotent and values != list(range(len(values))):
        problems.append(f"{where}: an idempotent producer's records have gaps")
    return problems


def patiently(deadline: float, ask: Callable[[], tuple[Any] | None]) -> Any:
    """Ask until there is an answer; a partition may be loading, or healing."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise Broken("the audit was not over in time")
    return eventually(ask, "an answer after the end of all troubles", timeout_s=left)[0]


def main() -> int:
    """One run by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {given.seed}, {folder}", flush=True)
    try:
        counts = run(folder / "data", seed=given.seed, seconds=given.seconds)
    except Broken as problem:
        print(problem, *problem.__notes__, sep="\n")
        return 1
    for what, count in sorted(counts.items()):
        print(f"{count:8} {what}")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
