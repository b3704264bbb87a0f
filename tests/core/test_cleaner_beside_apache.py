"""Our log cleaner beside 4.3.1's own, over the same logs: which records, batches and segments stay.

A story writes seeded batches to topics of small segments and stops; the folder is copied, one copy
is cleaned by us and one by Apache's code, at the same moment; then whatever lies in both must be
the same, byte for byte where nothing is compressed. Each round goes on with a folder that the other
one cleaned, so each has to go on where the other ended.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

import ottla
from attack.line import Line
from javatools import JavaTools
from ottla.wire.messages import incremental_alter_configs
from ottla.wire.records import Batch, Record, build_batch, read_batches
from servers import eventually
from transacting import Producer, Transacting

pytestmark = pytest.mark.jvm

CONFIGS = {
    "cleanup.policy": "compact",
    "internal.segment.bytes": "8000",
    "index.interval.bytes": "1000",
    "segment.index.bytes": "4096",
    "min.cleanable.dirty.ratio": "0",
    "delete.retention.ms": "500",
    "file.delete.delay.ms": "0",
    "message.timestamp.before.max.ms": "9223372036854775807",
}
OWN = {"stamped": {"message.timestamp.type": "LogAppendTime"}}
TOPICS = {
    "large": ("plain", "coded", "stamped", "transacted"),
    "small": ("plain", "coded", "stamped"),
}
"""Which a table of keys cleans. A round of 4.3.1 that begins within a segment takes records for
aborted whose producer aborted something before in that segment, and keeps what they supersede; ours
does not, so transactions are compared where rounds begin with segments.
"""
CODECS = {"coded": ("none", "gzip", "snappy", "lz4", "zstd")}
TABLE_BYTES = 2 << 20
LOAD_FACTORS = {"large": "0.9", "small": "0.0005"}
"""So few keys fit into the small one, 43, that one cleaning takes several rounds."""
BACKOFF = "log.cleaner.backoff.ms"
DAY_MS = 86_400_000


class Story:
    """Writes to the topics of one broker, as a seed says."""

    def __init__(self, seed: int, port: int, topics: tuple[str, ...]) -> None:
        self._topics = topics
        self._random = random.Random(seed)
        self._line = Transacting(port)
        self._sequences: dict[int, int] = {}
        self.close = self._line.close

    def create(self) -> None:
        for name in self._topics:
            configs = {**CONFIGS, **OWN.get(name, {})}
            self._line.create(name, 1, **{k.replace(".", "_"): v for k, v in configs.items()})

    def tell(self, now_ms: int, batches: int) -> None:
        """Some more batches for every topic."""
        chance = self._random
        for topic in self._topics:
            if topic != "transacted":
                for _ in range(batches):
                    codec = chance.choice(CODECS.get(topic, ("none",)))
                    self._write(topic, build_batch(self._records(now_ms), codec=codec))
                continue
            for newer in (True, False):
                for number in range(3):
                    key = f"id-{newer}-{number}"
                    who = self._line.begin(key, newer=newer)
                    self._sequences[who.id] = 0
                    for _ in range(chance.randint(0, batches // 6)):
                        who = self._transaction(who, now_ms)

    def _transaction(self, who: Producer, now_ms: int) -> Producer:
        chance = self._random
        for _ in range(chance.randint(1, 3)):
            if not who.newer:
                assert self._line.add(who, "transacted", 0) == [0]
            records = self._records(now_ms)
            batch = build_batch(
                records,
                producer_id=who.id,
                producer_epoch=who.epoch,
                base_sequence=self._sequences.get(who.id, 0),
                transactional=True,
            )
            self._write("transacted", batch, who)
            self._sequences[who.id] = self._sequences.get(who.id, 0) + len(records)
        before = who.epoch
        who = self._line.finish(who, commit=chance.random() < 0.6)
        if who.epoch != before:
            self._sequences[who.id] = 0
        return who

    def _write(self, topic: str, batch: bytes, who: Producer | None = None) -> None:
        row = self._line.given(
            lambda: self._line.produce(who, topic, {0: batch})[0], lambda one: [one.error_code]
        )
        assert row.error_code == 0, row

    def _records(self, now_ms: int) -> list[Record]:
        chance = self._random
        return [
            Record(
                key=f"key-{chance.randint(0, 60)}".encode(),
                value=None if chance.random() < 0.2 else chance.randbytes(chance.randint(0, 200)),
                timestamp_ms=now_ms - chance.randint(0, 10_000),
                headers=[("h", b"v")] if chance.random() < 0.1 else [],
            )
            for _ in range(chance.randint(1, 8))
        ]


def _broker(place: Path, table: str, *, cleans: bool) -> ottla.Broker:
    config = {
        "log.cleaner.enable": str(cleans).lower(),
        BACKOFF: str(DAY_MS),
        "log.cleaner.dedupe.buffer.size": str(TABLE_BYTES),
        "log.cleaner.io.buffer.load.factor": LOAD_FACTORS[table],
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.num.partitions": "1",
    }
    return ottla.Broker(dir=place, config=config)


def _points(place: Path) -> dict[str, int]:
    """Up to where each topic is clean."""
    path = place / "cleaner-offset-checkpoint"
    lines = path.read_text().splitlines()[2:] if path.exists() else []
    return {line.split()[0]: int(line.split()[2]) for line in lines}


def _segments(place: Path, topic: str) -> dict[str, bytes]:
    """What a partition's folder holds and is no snapshot of producers, by name."""
    suffixes = (".log", ".index", ".timeindex", ".txnindex")
    files = sorted((place / f"{topic}-0").iterdir())
    return {file.name: file.read_bytes() for file in files if file.suffix in suffixes}


def _row(batch: Batch) -> tuple[Any, ...]:
    """A batch without what depends on the codec's implementation."""
    records = [(r.offset, r.timestamp_ms, r.key, r.value, list(r.headers)) for r in batch.records]
    return (
        batch.base_offset,
        batch.last_offset,
        batch.base_timestamp_ms,
        batch.max_timestamp_ms,
        batch.producer_id,
        batch.producer_epoch,
        batch.base_sequence,
        batch.is_control,
        batch.codec,
        records,
    )


def _compare(ours: Path, theirs: Path, topic: str) -> int:
    """Whether both folders hold the same; how many records."""
    our, their = _segments(ours, topic), _segments(theirs, topic)
    logs = [name for name in our if name.endswith(".log")]
    assert logs == [name for name in their if name.endswith(".log")], topic
    count = 0
    for name in logs[:-1]:
        our_rows = [_row(batch) for batch in read_batches(our[name])]
        their_rows = [_row(batch) for batch in read_batches(their[name])]
        assert our_rows == their_rows, (topic, name)
        count += sum(len(row[-1]) for row in our_rows)
        if topic in CODECS:
            continue
        for suffix in (".log", ".index", ".timeindex", ".txnindex"):
            file = name.removesuffix(".log") + suffix
            assert our.get(file, b"") == their.get(file, b""), (topic, file)
    return count


def _cleaned(place: Path, table: str, starts_at: dict[str, int]) -> int:
    """Let us clean what is there; the moment that it was done at."""
    topics = TOPICS[table]
    with _broker(place, table, cleans=True) as broker:
        broker.clock.freeze()
        _clean_every(broker, 1)
        broker.advance(0.001)
        now_ms = round(broker.clock.now().timestamp() * 1000)
        eventually(
            lambda: all(_is_clean(place, topic) for topic in topics), "clean logs", timeout_s=30
        )
        _clean_every(broker, DAY_MS)
    assert any(_points(place).get(topic, 0) > starts_at.get(topic, 0) for topic in topics)
    return now_ms


def _clean_every(broker: ottla.Broker, period_ms: int) -> None:
    """Where the clock stands still all is cleaned in one moment, the next that it shows."""
    change = incremental_alter_configs.AlterableConfig(name=BACKOFF, value=str(period_ms))
    resource = incremental_alter_configs.AlterConfigsResource(
        resource_type=4, resource_name="", configs=[change]
    )
    request = incremental_alter_configs.IncrementalAlterConfigsRequest(resources=[resource])
    line = Line(_port(broker))
    (answer,) = line.ask(request, 1).responses
    assert answer.error_code == 0, answer
    line.close()


def _port(broker: ottla.Broker) -> int:
    return int(broker.bootstrap_servers.rpartition(":")[2])


def _is_clean(place: Path, topic: str) -> bool:
    folder = place / f"{topic}-0"
    active = max(int(file.stem) for file in folder.glob("*.log"))
    return _points(place).get(topic, 0) == active


def _tell(place: Path, table: str, seed: int, batches: int) -> None:
    with _broker(place, table, cleans=False) as broker:
        story = Story(seed, _port(broker), TOPICS[table])
        if not (place / "plain-0").exists():
            story.create()
        story.tell(round(broker.clock.now().timestamp() * 1000), batches)
        story.close()


def _cleaned_by_apache(
    tools: JavaTools, folder: Path, table: str, start: int, now_ms: int
) -> dict[str, Any]:
    topic = folder.name.removesuffix("-0")
    configs = {**CONFIGS, **OWN.get(topic, {})}
    return tools.run(
        "CleanerProgram",
        str(folder),
        str(start),
        str(now_ms),
        str(TABLE_BYTES),
        LOAD_FACTORS[table],
        *(f"{key}={value}" for key, value in configs.items()),
    ).json()


@pytest.mark.parametrize("table", ["large", "small"])
@pytest.mark.parametrize(
    ("seed", "batches"),
    [(1, 40), *(pytest.param(seed, 120, marks=pytest.mark.long) for seed in range(2, 12))],
)
def test_what_stays(
    java_tools: JavaTools, tmp_path: Path, seed: int, batches: int, table: str
) -> None:
    """If this failed, a topic would hold other records after we compacted it than after Apache
    Kafka did, or one of the two could not go on where the other ended.
    """
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for number in range(4):
        _tell(ours, table, seed * 100 + number, batches)
        shutil.rmtree(theirs, ignore_errors=True)
        shutil.copytree(ours, theirs)
        starts = _points(ours)
        now_ms = _cleaned(ours, table, starts)
        for topic in TOPICS[table]:
            folder, start = theirs / f"{topic}-0", starts.get(topic, 0)
            done = _cleaned_by_apache(java_tools, folder, table, start, now_ms)
            assert done["cleanTo"] == _points(ours).get(topic, 0), (number, topic, done)
            assert _compare(ours, theirs, topic), (number, topic)
        if number % 2:
            for topic in TOPICS[table]:
                shutil.rmtree(ours / f"{topic}-0")
                shutil.copytree(theirs / f"{topic}-0", ours / f"{topic}-0")
