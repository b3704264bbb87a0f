"""A node on a folder of which one bit is flipped; run as a program (see children.py).

`make` builds a folder with everything in it that a node writes, stops it as asked and notes what
was acknowledged beside it. A case is `[folder, file, bit]`: the folder is copied, the bit flipped,
a node started on the copy and asked for all that was acknowledged. What comes of it is a list of
words, one for each thing that is not as it was, of which test_bits.py knows which may be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import ottla
from attack import children
from attack.line import Closed, Line, Silent
from ottla.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestTopic,
)
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.records import (
    MARKER_ABORT,
    CorruptBatch,
    Record,
    build_batch,
    control_batch,
    read_batches,
)

CONFIG = {
    "offsets.topic.num.partitions": "2",
    "log.index.size.max.bytes": "4096",
    "metadata.log.max.record.bytes.between.snapshots": "1",
    "log.index.interval.bytes": "64",
    "log.retention.ms": "-1",
}
TOPICS = {"events": 2, "others": 1, "aborted": 1}
GROUPS = ("g0", "g1", "g2")
SEGMENTS = 3
BATCHES = 4
BASE_MS = 1_700_000_000_000
STORAGE_ERROR = 56


def make(folder: Path, how: str) -> None:
    """A folder after a clean stop or a crash; what was acknowledged is in `folder`.json."""
    broker = ottla.Broker(dir=folder, config=CONFIG)
    broker.start()
    node: Any = broker._node
    line = Line(broker.port)
    made = [
        CreatableTopic(
            name=name,
            num_partitions=count,
            replication_factor=1,
            configs=[CreatableTopicConfig(name="segment.ms", value="60000")],
        )
        for name, count in TOPICS.items()
    ]
    line.ask(CreateTopicsRequest(topics=made), 5)
    line.ask(FindCoordinatorRequest(key="g"), 2)
    kept: dict[str, list[str]] = {f"{t}-{p}": [] for t, n in TOPICS.items() for p in range(n)}
    for segment in range(SEGMENTS):
        for number in range(BATCHES):
            for name, values in kept.items():
                value = f"{name}/{segment}/{number}/" + "x" * 60
                at_ms = BASE_MS + len(values) * 1000
                produce(line, name, [Record(b"k", value.encode(), (), at_ms)], len(values))
                values.append(value)
        if segment < SEGMENTS - 1:
            broker.advance(400)  # the segments roll
            node._engine.turner.call(node._core.flush)
            node._core.begin("checkpoint")
            assert node._core.settle(timeout_ms=10_000)
    append_aborted(broker)
    for number, group in enumerate(GROUPS):
        commit(line, group, number + 7)
    # What follows at the end of the metadata log is nothing that anybody waits for.
    last = CreatableTopic(name="last", num_partitions=1, replication_factor=1)
    line.ask(CreateTopicsRequest(topics=[last]), 5)
    line.close()
    broker.close() if how == "clean" else broker.kill()
    Path(f"{folder}.json").write_text(json.dumps(kept))


def produce(line: Line, name: str, records: list[Record], sequence: int) -> None:
    """One idempotent batch, acknowledged."""
    topic, _, partition = name.rpartition("-")
    batch = build_batch(records, producer_id=5, producer_epoch=0, base_sequence=sequence)
    data = [PartitionProduceData(index=int(partition), records=batch)]
    topics = [TopicProduceData(name=topic, partition_data=data)]
    request = ProduceRequest(acks=-1, timeout_ms=5000, topic_data=topics)
    (answer,) = line.ask(request, 9).responses[0].partition_responses
    assert answer.error_code == 0, answer


def append_aborted(broker: ottla.Broker) -> None:
    """A transaction that was aborted, so that there is a .txnindex with something in it."""
    node: Any = broker._node
    record = Record(b"k", b"never", (), BASE_MS)
    producer = {"producer_id": 9, "producer_epoch": 0, "transactional": True}
    batch = build_batch([record], base_sequence=0, **producer)
    end = control_batch(MARKER_ABORT, b"\0\0\0\0\0\0", timestamp_ms=BASE_MS, **producer)
    for part in (batch, end):
        node._core.append("aborted", 0, part)


def commit(line: Line, group: str, offset: int) -> None:
    """One group's offset, acknowledged."""
    part = OffsetCommitRequestPartition(committed_offset=offset, committed_metadata="")
    topics = [OffsetCommitRequestTopic(name="events", partitions=[part])]
    for _ in range(1000):
        answer = line.ask(OffsetCommitRequest(group_id=group, topics=topics), 6)
        error = answer.topics[0].partitions[0].error_code
        if error != 14:  # its coordinator loads a piece at each turn
            break
    assert error == 0, error


def attempt(case: tuple[str, str, int]) -> list[str]:
    """What is not as it was."""
    folder, name, bit = case
    kept: dict[str, list[str]] = json.loads(Path(f"{folder}.json").read_text())
    # In memory where that is possible: thousands of starts would wait for the disk alone.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as place:
        copy = Path(place) / "data"
        # Indexes of a node that crashed are large and full of holes.
        subprocess.run(["cp", "-a", "--sparse=always", folder, copy], check=True)
        path = copy / name
        data = bytearray(path.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        path.chmod(0o600)
        path.write_bytes(data)
        broker = ottla.Broker(dir=copy, config=CONFIG)
        try:
            broker.start()
        except ottla.OttlaError as refused:
            said = f"{refused} {refused.hint}"
            named = any(part in said for part in (path.name, path.parent.name))
            return ["refused"] if named else [f"refused without a name: {said}"]
        try:
            found = differences(broker, kept)
            if broker._node is not None and broker._node.failure:
                found.append(f"broke: {broker._node.failure}")
        finally:
            if broker._node is not None and broker._node.failure is None:
                broker.kill()
        return found


def differences(broker: ottla.Broker, kept: dict[str, list[str]]) -> list[str]:
    """Ask for all that was acknowledged."""
    found: list[str] = []
    line = Line(broker.port, timeout_s=8)
    try:
        topics = {t.name: t for t in line.ask(MetadataRequest(topics=None), 9).topics}
        for name, values in kept.items():
            topic, _, index = name.rpartition("-")
            if topic not in topics:
                found.append(f"{name}: gone")
                continue
            word = partition_difference(line, topic, int(index), values)
            found += [f"{name}: {word}"] if word else []
        for number, group in enumerate(GROUPS):
            word = group_difference(line, group, number + 7)
            found += [f"__consumer_offsets: {word}"] if word else []
    except (Closed, Silent) as problem:
        found.append(f"no answer: {problem!r}")
    line.close()
    return found


def partition_difference(line: Line, topic: str, index: int, values: list[str]) -> str:
    """ "", or a word for what differs."""
    read, word = read_all(line, topic, index)
    expected = list(enumerate(values))
    ours = [(offset, value) for offset, value in read if value != "never"]
    if word:
        return wrong(ours, expected) if set(ours) - set(expected) else word
    if ours != expected:
        if ours == expected[: len(ours)]:
            return "cut"
        if ours == expected[len(expected) - len(ours) :]:
            return "begins later"
        return wrong(ours, expected)
    return point_difference(line, topic, index, expected) or lookup_difference(
        line, topic, index, values
    )


def wrong(ours: list[tuple[int, str]], expected: list[tuple[int, str]]) -> str:
    """What was read and never written, or left out; one batch under another offset is a kind of
    its own: its checksum does not cover that.
    """
    strangers = [one for one in ours if one not in expected]
    if len(strangers) == 1 and strangers[0][1] in dict(expected).values():
        return "misplaced"
    return f"wrong: {strangers[:3] or 'a gap'}"


def read_all(line: Line, topic: str, index: int) -> tuple[list[tuple[int, str]], str]:
    """All records from the start on, and what stopped the reading, "" if the end did."""
    read: list[tuple[int, str]] = []
    start = listed(line, topic, index, -2)
    end = listed(line, topic, index, -1)
    if start is None or end is None:
        return read, "offline"
    offset = start
    while offset < end:
        part = FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=1 << 20)
        asked = FetchRequest(
            session_epoch=-1, max_wait_ms=0, topics=[FetchTopic(topic=topic, partitions=[part])]
        )
        answer = line.ask(asked, 11).responses[0].partitions[0]
        if answer.error_code:
            return read, "offline" if answer.error_code == STORAGE_ERROR else "unreadable"
        try:
            batches = read_batches(answer.records or b"")
        except CorruptBatch:
            return read, "corrupt"
        if not batches:
            return read, "corrupt"
        for batch in batches:
            records = [] if batch.is_control else batch.records
            read += [(one.offset, (one.value or b"").decode(errors="replace")) for one in records]
        if batches[-1].last_offset < offset:
            return read, "corrupt"
        offset = batches[-1].last_offset + 1
    return read, ""


def point_difference(line: Line, topic: str, index: int, expected: list[tuple[int, str]]) -> str:
    """Whether each record is found by its offset."""
    for offset, value in expected:
        part = FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=1)
        asked = FetchRequest(
            session_epoch=-1, max_wait_ms=0, topics=[FetchTopic(topic=topic, partitions=[part])]
        )
        answer = line.ask(asked, 11).responses[0].partitions[0]
        if answer.error_code:
            return "unreadable"
        first = read_batches(answer.records or b"")[:1]
        if [(one.offset, one.value) for one in first[0].records] != [(offset, value.encode())]:
            return f"wrong: at {offset}"
    return ""


def lookup_difference(line: Line, topic: str, index: int, values: list[str]) -> str:
    """Whether each record is found by its time."""
    for offset in range(len(values)):
        found = listed(line, topic, index, BASE_MS + offset * 1000)
        if found != offset:
            return f"lookup: {found} for {offset}"
    return ""


def listed(line: Line, topic: str, index: int, timestamp: int) -> int | None:
    """The offset of a time, None where the partition does not answer."""
    part = ListOffsetsPartition(partition_index=index, timestamp=timestamp)
    asked = ListOffsetsRequest(
        replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=[part])]
    )
    answer = line.ask(asked, 5).topics[0].partitions[0]
    return None if answer.error_code else int(answer.offset)


def group_difference(line: Line, group: str, offset: int) -> str:
    """ "", or a word for what became of a committed offset."""
    asked = OffsetFetchRequest(
        group_id=group, topics=[OffsetFetchRequestTopic(name="events", partition_indexes=[0])]
    )
    for _ in range(2000):
        answer = line.ask(asked, 5)
        if answer.error_code != 14:
            break
    if answer.error_code:
        return "no coordinator"
    found = answer.topics[0].partitions[0].committed_offset
    if found == offset:
        return ""
    return "cut" if found == -1 else f"wrong: {found} for {offset}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    children.work(attempt)
