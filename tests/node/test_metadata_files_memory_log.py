"""The quorum's log in memory against the one on disk: what one refuses or tells, so does the other.

What was never flushed is another matter: a power cut may take it, and in memory always does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memory_log import MemoryLog
from ottla._core import Disk
from ottla.config.broker import BrokerConfig
from ottla.errors import OttlaError
from ottla.node.metadata_files import MetadataFiles
from ottla.raft.metadata_log import MetadataLog
from ottla.raft.quorum import Batch
from ottla.raft.quorum_state import QuorumState
from ottla.raft.snapshots import SnapshotId


class Writes:
    """What is written in the background is there at once."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def replace(self, path: str, contents: bytes, then: Callable[[str | None], None]) -> None:
        self._disk.replace(path, contents, read_only=True)
        then(None)


def on_disk(folder: Path) -> MetadataLog:
    properties = {
        "node.id": "1",
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": "1@localhost:9093",
        "log.dirs": str(folder),
    }
    disk = Disk()
    writes: Any = Writes(disk)
    return MetadataFiles(BrokerConfig(properties), disk, lambda: 1_700_000_000_000, writes)


def batch(base_offset: int, epoch: int, count: int = 1, *, control: bool = False) -> Batch:
    key = b"\0\0\0\2" if control else None
    records = [(key, b"v" * 20)] * count
    return Batch(base_offset, epoch, 1_700_000_000_000, control, records)


STATE = QuorumState(leader_epoch=3, leader_id=1)


def ends(log: MetadataLog) -> tuple[int, int, int]:
    return log.start_offset, log.end_offset, log.last_epoch


def script(log: MetadataLog) -> Iterator[Callable[[], Any]]:
    """One step after another, each with what it gives."""
    yield partial(ends, log)
    yield partial(log.read, 0, 1000)
    yield log.load_state
    yield log.snapshots
    yield partial(log.append, batch(0, 1, 2, control=True))
    yield partial(log.append, batch(2, 3, 3))
    yield partial(log.append, batch(5, 3))
    yield partial(log.append, batch(6, 4))
    yield partial(ends, log)
    yield log.flush
    for offset in (-1, 0, 1, 2, 5, 6, 7, 8):
        for bytes_max in (0, 1, 200, 10_000):
            yield partial(log.read, offset, bytes_max)
    yield lambda: log.size_bytes
    yield partial(log.save_state, STATE, 0, [1])
    yield log.load_state
    for snapshot in (SnapshotId(2, 1), SnapshotId(0, 0), SnapshotId(5, 3)):
        yield partial(written, log, snapshot)
    yield log.snapshots
    yield partial(log.read_snapshot, SnapshotId(2, 1))
    yield partial(log.read_snapshot, SnapshotId(3, 1))
    yield partial(log.delete_snapshot, SnapshotId(2, 1))
    yield partial(log.delete_snapshot, SnapshotId(2, 1))
    yield log.snapshots
    yield partial(log.start_at, 9)
    yield partial(ends, log)
    yield partial(log.read, 6, 1000)
    yield partial(log.read, 9, 1000)
    yield partial(log.append, batch(9, 5))
    yield partial(ends, log)
    yield log.flush
    yield log.abandon
    yield partial(log.append, batch(10, 4))
    yield partial(log.read, 9, 1000)


def written(log: MetadataLog, snapshot: SnapshotId) -> list[Any]:
    heard: list[Any] = []
    log.write_snapshot(snapshot, b"contents", heard.append)
    return heard


def trace(log: MetadataLog) -> Sequence[Any]:
    """What each step gave, or that it was refused."""
    found = []
    for step in script(log):
        try:
            found.append(step())
        except OttlaError:
            found.append("refused")
    return found


def test_the_log_in_memory_is_as_strict_as_the_one_on_disk(tmp_path: Path) -> None:
    """What raft does wrong would be found by a node alone."""
    steps, there, memory = script(MemoryLog()), trace(on_disk(tmp_path)), trace(MemoryLog())
    for number, (step, real, double) in enumerate(zip(steps, there, memory, strict=True)):
        assert double == real, f"step {number}: {step}"


def test_what_was_flushed_is_there_in_the_next_life(tmp_path: Path) -> None:
    """A quorum in memory would forget its vote, or keep what no disk has seen."""
    memory = MemoryLog()
    for log, again in ((on_disk(tmp_path), lambda: on_disk(tmp_path)), (memory, memory.reopened)):
        log.append(batch(0, 1, 2))
        log.flush()
        log.save_state(STATE, 0, [1])
        written(log, SnapshotId(2, 1))
        log.abandon()
        found = again()
        assert ends(found) == (2, 2, 1), "it starts where its oldest snapshot ends"
        assert found.load_state() == STATE
        assert [snapshot for snapshot, _ in found.snapshots()] == [SnapshotId(2, 1)]


def test_a_batch_for_another_offset_than_the_end(tmp_path: Path) -> None:
    """A decision would lie elsewhere than those think who wait for its offset."""
    for log in (on_disk(tmp_path), MemoryLog()):
        with pytest.raises(OttlaError):
            log.append(batch(1, 1))


def test_where_a_log_starts_once_a_snapshot_took_its_place(tmp_path: Path) -> None:
    """Offsets that are gone would be read in memory and nowhere else."""
    for log in (on_disk(tmp_path), MemoryLog()):
        for offset in range(4):
            log.append(batch(offset, 1))
        log.flush()
        log.delete_before(2)
        assert (log.start_offset, log.end_offset) == (2, 4), log
        with pytest.raises(OttlaError):
            log.read(1, 1000)
        with pytest.raises(OttlaError):
            log.delete_before(5)
