"""The snapshots of a metadata log in memory: when they are taken, what comes of them, what goes."""

from __future__ import annotations

from typing import Any

import pytest

from memory_log import MemoryLog
from ottla.config.broker import BrokerConfig
from ottla.node.metadata_snapshots import MetadataSnapshots
from ottla.node.quorum import Encoded, MetadataQuorum, encode_records
from ottla.raft.metadata_log import DiskUnwilling
from ottla.raft.snapshots import HEAD_BYTES, SnapshotId
from ottla.wire.stored.metadata import FeatureLevelRecord, TopicRecord

STATIC = {"controller.quorum.voters": "1@localhost:9093"}
SMALL = {
    "metadata.log.max.record.bytes.between.snapshots": "200",
    "metadata.max.retention.bytes": "1000",
    **STATIC,
}
DAY_MS = 24 * 3_600_000


def topic(name: str) -> Encoded:
    return encoded(TopicRecord(name=name, topic_id=name.encode().ljust(16, b"\0")))


def encoded(record: Any) -> Encoded:
    return encode_records([(record, 0)])[0]


def opened(
    log: MemoryLog, properties: dict[str, str] | None = None, said: list[str] | None = None
) -> MetadataQuorum:
    config = BrokerConfig(
        {
            "node.id": "1",
            "process.roles": "broker,controller",
            "controller.listener.names": "CONTROLLER",
            **(STATIC if properties is None else properties),
        }
    )
    return MetadataQuorum(
        node_id=1,
        directory_id=bytes(16),
        config=config,
        log=log.reopened(),
        now_ms=0,
        say=[].append if said is None else said.append,
    )


def lead(quorum: MetadataQuorum, now_ms: int) -> None:
    """Win the election, and commit what is in the log."""
    quorum.start(now_ms)
    assert quorum.commit(now_ms) is not None


def commit(quorum: MetadataQuorum, log: MemoryLog, now_ms: int) -> None:
    """Commit, and take to its end what snapshot follows from it."""
    quorum.commit(now_ms)
    while quorum.go_on():
        pass
    log.settle()


def test_snapshots_are_taken_by_size_and_read_back() -> None:
    """Without snapshots the log would grow for ever, and with wrong ones a restart loses topics."""
    log = MemoryLog()
    size = {"metadata.log.max.record.bytes.between.snapshots": "500", **STATIC}
    quorum = opened(log, size)
    lead(quorum, 1)
    quorum.append([encoded(FeatureLevelRecord(name="metadata.version", feature_level=30))], 1)
    for number in range(10):
        quorum.append([topic(f"t{number}")], 10 + number)
        commit(quorum, log, 10 + number)
    assert log.files
    newest = max(log.files)
    log.delete_before(newest, lambda _: None)
    again = opened(log, size)
    lead(again, 50)
    assert again.image.topics == quorum.image.topics
    assert again.image.features == {"metadata.version": 30}


def test_a_snapshot_is_taken_by_time_only_when_something_is_new() -> None:
    """A second snapshot at one offset would replace a file that may be in use."""
    log = MemoryLog()
    quorum = opened(log, {"metadata.log.max.snapshot.interval.ms": "100", **STATIC})
    lead(quorum, 1)
    quorum.append([topic("a")], 150)
    commit(quorum, log, 150)
    assert set(log.files) == {SnapshotId(2, 1)}
    assert quorum._snapshots.begin(quorum.image, 160, "asked for") is None


def outgrow(log: MemoryLog, said: list[str] | None = None) -> None:
    """Write 60 topics: many times what the metadata may keep."""
    quorum = opened(log, SMALL, said)
    lead(quorum, 1)
    for number in range(60):
        quorum.append([topic(f"t{number}")], 10 + number)
        commit(quorum, log, 10 + number)


def topics_of(log: MemoryLog) -> int:
    """How many topics a start on this log finds."""
    again = opened(log, SMALL)
    lead(again, 100)
    return len(again.image.topics.by_name)


def test_old_snapshots_and_the_log_before_them_go_by_size() -> None:
    """metadata.max.retention.bytes must bound what the metadata takes on disk."""
    log = MemoryLog()
    outgrow(log)
    assert log.start_offset > 0
    assert min(log.files).offset >= log.start_offset
    assert topics_of(log) == 60


def aged(log: MemoryLog, days: int) -> list[SnapshotId]:
    """A day passes before each topic, so that each has its snapshot; all of it in one life."""
    quorum = opened(log)
    lead(quorum, 0)
    for day in range(1, days + 1):
        quorum.append([topic(f"t{day}")], day * DAY_MS)
        commit(quorum, log, day * DAY_MS)
    assert len(log.files) == days
    return sorted(log.files)


def test_old_snapshots_go_by_age_in_a_later_life_too() -> None:
    """metadata.max.retention.ms (seven days here) would count anew at each restart, or never."""
    log = MemoryLog()
    snapshots = aged(log, 5)
    lead(opened(log), 10 * DAY_MS)
    assert sorted(log.files) == snapshots[2:]
    assert log.start_offset == snapshots[2].offset


def test_no_snapshot_is_read_while_others_are_served() -> None:
    """A heartbeat would wait until an old snapshot is read and decoded, which grows with the
    cluster and with what the disk has to do; at a start their first bytes are enough.
    """
    log = MemoryLog()
    *_, newest = aged(log, 5)
    log.reads.clear()
    quorum = opened(log)
    assert [read for read in log.reads if read[1] is None] == [(newest, None)]
    assert {most for _, most in log.reads} == {None, HEAD_BYTES}
    log.reads.clear()
    lead(quorum, 6 * DAY_MS)
    for day in range(7, 30):
        quorum.append([topic(f"t{day}")], day * DAY_MS)
        commit(quorum, log, day * DAY_MS)
    assert len(log.files) < 9, "nothing was cleaned"
    assert not log.reads


def test_a_damaged_old_snapshot_harms_nothing() -> None:
    """If this failed, a file that nothing depends on would stop a node."""
    log, said = MemoryLog(), list[str]()
    oldest, _ = aged(log, 2)
    log.files[oldest] = log.files[oldest][:40]
    lead(opened(log, said=said), 10**15)
    assert oldest in log.files
    assert [line for line in said if "whatever its age" in line], said


@pytest.mark.parametrize("way", ["at once", "later"])
def test_a_snapshot_that_can_not_be_written_is_tried_again(way: str) -> None:
    """One moment without space would be the last snapshot of this life, or the end of it."""

    class Full(MemoryLog):
        refused = 0

        def write_snapshot(self, snapshot: SnapshotId, contents: bytes, then: Any) -> None:
            self.refused += 1
            if self.refused == 1 and way == "at once":
                raise DiskUnwilling("No space left on device")
            super().write_snapshot(snapshot, contents, then)

        def full(self, what: str) -> DiskUnwilling | None:
            is_first = what == "write" and self.refused == 1
            return DiskUnwilling("No space left on device") if is_first else None

    log = Full()
    log.refusal = log.full
    outgrow(log)
    assert log.refused > 1
    assert log.files
    assert topics_of(log) == 60


def test_one_snapshot_at_a_time_is_taken() -> None:
    """A slow disk would be given one after the other, each of them all of the cluster."""
    log = MemoryLog()
    quorum = opened(log)
    lead(quorum, 1)
    snapshots: MetadataSnapshots = quorum._snapshots
    assert snapshots.begin(quorum.image, 2, "asked for") is not None
    while quorum.go_on():
        pass
    quorum.append([topic("a")], 3)
    quorum.commit(3)
    assert snapshots.begin(quorum.image, 3, "asked for") is None, "the first is not on disk yet"
    assert not log.files
    log.settle()
    assert snapshots.begin(quorum.image, 4, "asked for") is not None


def test_what_can_not_be_deleted_is_tried_again() -> None:
    """A disk that refuses a deletion would end the node, or keep what it refused once for ever."""
    refused: list[str] = []

    def refusal(what: str) -> DiskUnwilling | None:
        if what == "write" or len(refused) == 3:
            return None
        refused.append(what)
        return DiskUnwilling("Input/output error")

    log, said = MemoryLog(), list[str]()
    log.refusal = refusal
    outgrow(log, said)
    assert len(refused) == 3
    assert len([line for line in said if "can't be deleted" in line]) == 3, said
    assert not log._needless, "all of it went in the end"
    assert topics_of(log) == 60


def test_what_could_not_be_deleted_goes_with_a_later_life() -> None:
    """The disk would fill up with the snapshots of lives whose deletions it refused."""
    log = MemoryLog()
    log.refusal = lambda what: DiskUnwilling("EIO") if what == "remove" else None
    outgrow(log)
    left = len(log._needless)
    assert left > 3
    log.refusal = lambda _what: None
    lead(opened(log, SMALL), 100)
    log.settle()
    assert not log._needless
    assert len(log.files) < left


def test_one_deletion_at_a_time_is_under_way() -> None:
    """A disk that hangs would be given one more after each snapshot, each of all that is left."""
    log = MemoryLog()
    asked: list[SnapshotId] = []
    delete_before = log.delete_before

    def held(snapshot: SnapshotId, then: Any) -> None:
        asked.append(snapshot)
        if len(asked) > 1:
            delete_before(snapshot, then)

    log.delete_before = held  # type: ignore[method-assign]
    outgrow(log)
    assert len(asked) == 1
