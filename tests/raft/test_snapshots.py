"""Snapshots by name, by bytes, and by when they come and go."""

from __future__ import annotations

import pytest

from ottla.raft.snapshots import (
    HEAD_BYTES,
    SnapshotError,
    SnapshotId,
    SnapshotPolicy,
    decode_snapshot,
    deletable_snapshots,
    encode_snapshot,
    last_contained_log_timestamp,
    parse_snapshot_name,
    snapshot_name,
)
from ottla.raft.voters import Voter, VoterHistory
from ottla.wire.records import read_batches
from ottla.wire.stored.metadata import NoOpRecord, TopicRecord


def test_names_are_apache_kafkas() -> None:
    """Apache Kafka finds snapshots by their names, and so do we."""
    name = "00000000000000000129-0000000003.checkpoint"
    assert snapshot_name(SnapshotId(129, 3)) == name
    assert parse_snapshot_name(name) == SnapshotId(129, 3)
    for other in (f"{name}.part", "bootstrap.checkpoint", "1-1.checkpoint", f"{0:020d}.log"):
        assert parse_snapshot_name(other) is None


def test_a_snapshot_is_header_records_footer() -> None:
    """A reader knows by the footer that the snapshot was written to its end."""
    records = [(TopicRecord(name=f"t{n}", topic_id=bytes(16)), 0) for n in range(2500)]
    voters = {1: Voter(1, b"d" * 16, (("CONTROLLER", "localhost", 9093),))}
    data = encode_snapshot(
        records,
        epoch=7,
        now_ms=5,
        last_contained_log_timestamp=4,
        kraft_version=1,
        voters=voters,
    )
    batches = read_batches(data)
    assert [batch.is_control for batch in batches] == [True, False, False, False, True]
    assert {batch.leader_epoch for batch in batches} == {7}
    ends = [(batch.base_offset, batch.last_offset) for batch in batches]
    assert ends == [(0, 2), (3, 1026), (1027, 2050), (2051, 2502), (2503, 2503)]
    found = decode_snapshot(data, "test")
    assert found.last_contained_log_timestamp == 4
    assert [type(message).__name__ for message in found.control] == [
        "KRaftVersionRecord",
        "VotersRecord",
    ]
    assert [record.name for record in found.records] == [f"t{n}" for n in range(2500)]


def test_a_snapshot_cut_anywhere_is_refused() -> None:
    """Half a snapshot is half of the topics."""
    data = encode_snapshot([(NoOpRecord(), 0)], epoch=1, now_ms=1, last_contained_log_timestamp=1)
    for size in range(len(data)):
        with pytest.raises(SnapshotError):
            decode_snapshot(data[:size], "test")


def test_a_damaged_snapshot_is_refused() -> None:
    """A flipped bit must not become a topic of another name."""
    data = bytearray(
        encode_snapshot([(NoOpRecord(), 0)], epoch=1, now_ms=1, last_contained_log_timestamp=1)
    )
    data[-5] ^= 1
    with pytest.raises(SnapshotError):
        decode_snapshot(bytes(data), "test")


def test_how_old_a_snapshot_is_stands_in_its_first_bytes() -> None:
    """All of it would be read and decoded for one number, or its age be another than it says."""
    listener = ("CONTROLLER", "a-host-with-a-long-name.example.org", 9093)
    voters = {n: Voter(n, b"d" * 16, (listener, listener)) for n in range(60)}
    records = [(TopicRecord(name=f"t{n}", topic_id=bytes(16)), 0) for n in range(2500)]
    for kraft_version, some in ((1, voters), (None, None)):
        data = encode_snapshot(
            records,
            epoch=7,
            now_ms=5,
            last_contained_log_timestamp=4,
            kraft_version=kraft_version,
            voters=some,
        )
        assert len(data) > HEAD_BYTES
        assert last_contained_log_timestamp(data[:HEAD_BYTES], "test") == 4
        first = read_batches(data)[0].size_bytes
        assert last_contained_log_timestamp(data[:first], "test") == 4
        for size in range(first):
            with pytest.raises(SnapshotError):
                last_contained_log_timestamp(data[:size], "test")
        for at in range(8, first):
            flipped = bytearray(data[:HEAD_BYTES])
            flipped[at] ^= 0x80
            try:
                assert last_contained_log_timestamp(bytes(flipped), "test") == 4
            except SnapshotError:
                continue
    with pytest.raises(SnapshotError, match="header"):
        last_contained_log_timestamp(data[read_batches(data)[1].position :], "test")


def test_snapshots_are_due_by_bytes_or_by_time() -> None:
    """`metadata.log.max.record.bytes.between.snapshots` and `.max.snapshot.interval.ms`."""
    policy = SnapshotPolicy(bytes_max=100, interval_ms_max=1000, now_ms=0)
    assert policy.committed(99, 1) is None
    assert policy.committed(1, 2) is not None
    policy.taken(2)
    assert policy.committed(1, 1001) is None
    assert policy.committed(1, 1002) is not None
    never = SnapshotPolicy(bytes_max=100, interval_ms_max=0, now_ms=0)
    assert never.committed(1, 1 << 40) is None


def test_a_clock_that_is_set_back_puts_no_snapshot_off() -> None:
    """After a day forward and back no snapshot would be taken by time for a day."""
    policy = SnapshotPolicy(bytes_max=100, interval_ms_max=1000, now_ms=86_400_000)
    assert policy.committed(1, 5) is None
    assert policy.committed(1, 1004) is None
    assert policy.committed(1, 1005) is not None


def _deletable(*, retention_bytes: int = -1, retention_ms: int = -1) -> list[int]:
    snapshots = [(SnapshotId(offset, 1), 100) for offset in (10, 20, 30)]
    gone = deletable_snapshots(
        snapshots,
        log_size_bytes=100,
        retention_bytes=retention_bytes,
        retention_ms=retention_ms,
        timestamp_of=lambda snapshot: snapshot.offset,
        now_ms=100,
    )
    return [snapshot.offset for snapshot in gone]


def test_snapshots_go_by_size_and_age_but_never_the_newest() -> None:
    """The newest snapshot is what a restart begins with."""
    assert _deletable() == []
    assert _deletable(retention_bytes=400) == []
    assert _deletable(retention_bytes=399) == [10]
    assert _deletable(retention_bytes=0) == [10, 20]
    assert _deletable(retention_ms=85) == [10]
    assert _deletable(retention_ms=0) == [10, 20]


def test_voters_come_back_when_the_log_is_cut() -> None:
    """A voter set that was appended and truncated never was (KIP-853)."""
    history = VoterHistory({1: Voter(1)})
    history.set_voters(5, {1: Voter(1), 2: Voter(2)})
    history.set_kraft_version(4, 1)
    assert (set(history.voters), history.kraft_version) == ({1, 2}, 1)
    assert history.at(4) == (1, {1: Voter(1)})
    history.truncate(5)
    assert (set(history.voters), history.kraft_version) == ({1}, 1)
    history.truncate(4)
    assert history.kraft_version == 0
