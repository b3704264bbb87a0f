"""The quorum's log in memory against the one on disk: what one refuses or tells, so does the other.

What was never flushed is another matter: a power cut may take it, and in memory always does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from memory_log import SEGMENT_BYTES, MemoryLog
from ottla._core import Disk
from ottla.config.broker import BrokerConfig
from ottla.errors import OttlaError
from ottla.node.metadata_files import MetadataFiles
from ottla.raft.metadata_log import BatchTooLarge, MetadataLog
from ottla.raft.quorum import Batch
from ottla.raft.quorum_state import QuorumState
from ottla.raft.snapshots import SnapshotId


class Background:
    """What is written in the background, which is a later turn's: `settle` is that."""

    def __init__(self) -> None:
        self._work: list[Callable[[], None]] = []

    def replace(self, path: str, contents: bytes, then: Callable[[str | None], None]) -> None:
        def write() -> None:
            Disk().replace(path, contents, read_only=True)
            then(None)

        self._work.append(write)

    def remove(self, folder: str, paths: Sequence[str], then: Callable[[str | None], None]) -> None:
        def remove() -> None:
            for path in paths:
                assert Path(path).parent == Path(folder)
                Disk().remove(path)
            then(None)

        self._work.append(remove)

    def settle(self) -> None:
        while self._work:
            self._work.pop(0)()


class Opened(NamedTuple):
    """A log and what it does in the background."""

    log: MetadataLog
    settle: Callable[[], None]


def in_memory(segment_bytes: int = SEGMENT_BYTES) -> Opened:
    memory = MemoryLog(segment_bytes)
    return Opened(memory, memory.settle)


def on_disk(folder: Path, segment_bytes: int = SEGMENT_BYTES) -> Opened:
    properties = {
        "node.id": "1",
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": "1@localhost:9093",
        "log.dirs": str(folder),
        "metadata.log.segment.bytes": str(segment_bytes),
    }
    writes: Any = Background()
    log = MetadataFiles(BrokerConfig(properties), Disk(), lambda: 1_700_000_000_000, writes)
    return Opened(log, writes.settle)


def batch(base_offset: int, epoch: int, count: int = 1, *, control: bool = False) -> Batch:
    key = b"\0\0\0\2" if control else None
    records = [(key, b"v" * 20)] * count
    return Batch(base_offset, epoch, 1_700_000_000_000, control, records)


STATE = QuorumState(leader_epoch=3, leader_id=1)


def ends(log: MetadataLog) -> tuple[int, int, int]:
    return log.start_offset, log.end_offset, log.last_epoch


def script(opened: Opened) -> Iterator[Callable[[], Any]]:
    """One step after another, each with what it gives."""
    log, settle = opened
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
    heard: list[Any] = []
    for snapshot in (SnapshotId(2, 1), SnapshotId(0, 0), SnapshotId(5, 3)):
        yield partial(log.write_snapshot, snapshot, b"contents", heard.append)
        yield heard.copy
        yield log.snapshots
        yield settle
        yield heard.copy
    yield log.snapshots
    yield partial(ends, log)
    yield partial(log.read_snapshot, SnapshotId(2, 1))
    yield partial(log.read_snapshot, SnapshotId(2, 1), bytes_max=3)
    yield partial(log.read_snapshot, SnapshotId(2, 1), bytes_max=100)
    yield partial(log.read_snapshot, SnapshotId(3, 1), bytes_max=3)
    yield partial(log.read_snapshot, SnapshotId(3, 1))
    for snapshot in (SnapshotId(2, 1), SnapshotId(5, 3), SnapshotId(3, 1)):
        yield partial(log.delete_before, snapshot, heard.append)
        yield partial(ends, log)
        yield log.snapshots
        yield heard.copy
        yield settle
        yield heard.copy
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
    yield partial(log.save_state, STATE, 0, [1])
    yield log.flush


def trace(opened: Opened) -> Sequence[Any]:
    """What each step gave, or that it was refused."""
    found = []
    for step in script(opened):
        try:
            found.append(step())
        except OttlaError:
            found.append("refused")
    return found


def test_the_log_in_memory_is_as_strict_as_the_one_on_disk(tmp_path: Path) -> None:
    """What raft does wrong would be found by a node alone."""
    steps, there, memory = script(in_memory()), trace(on_disk(tmp_path)), trace(in_memory())
    for number, (step, real, double) in enumerate(zip(steps, there, memory, strict=True)):
        assert double == real, f"step {number}: {step}"


def test_what_was_flushed_is_there_in_the_next_life(tmp_path: Path) -> None:
    """A quorum in memory would forget its vote, or keep what no disk has seen."""
    memory = in_memory()
    lives: list[tuple[Opened, Callable[[], Opened]]] = [
        (on_disk(tmp_path), lambda: on_disk(tmp_path)),
        (memory, lambda: reopened(memory)),
    ]
    for (log, settle), again in lives:
        log.append(batch(0, 1, 2))
        log.save_state(STATE, 0, [1])
        log.write_snapshot(SnapshotId(2, 1), b"contents", lambda _: None)
        settle()
        log.write_snapshot(SnapshotId(3, 1), b"contents", lambda _: None)
        log.abandon()
        found = again().log
        assert ends(found) == (2, 2, 1), "it starts where its oldest snapshot ends"
        assert found.load_state() == STATE
        assert [snapshot for snapshot, _ in found.snapshots()] == [SnapshotId(2, 1)]


def reopened(memory: Opened) -> Opened:
    assert isinstance(memory.log, MemoryLog)
    return memory._replace(log=memory.log.reopened())


def test_a_batch_for_another_offset_than_the_end(tmp_path: Path) -> None:
    """A decision would lie elsewhere than those think who wait for its offset."""
    for log, _ in (on_disk(tmp_path), in_memory()):
        with pytest.raises(OttlaError):
            log.append(batch(1, 1))


def test_a_batch_that_no_segment_holds(tmp_path: Path) -> None:
    """What is refused on a disk, and leaves no trace, would be taken in memory."""
    least = 8 * 1024 * 1024
    for log, _ in (on_disk(tmp_path, least), in_memory(least)):
        with pytest.raises(BatchTooLarge):
            log.append(batch(0, 1, least // 20))
        assert log.append(batch(0, 1)) == log.size_bytes


def test_where_a_log_starts_once_a_snapshot_took_its_place(tmp_path: Path) -> None:
    """Offsets that are gone would be read in memory and nowhere else."""
    for log, _ in (on_disk(tmp_path), in_memory()):
        for offset in range(4):
            log.append(batch(offset, 1))
        log.flush()
        log.delete_before(SnapshotId(2, 1), lambda _: None)
        assert (log.start_offset, log.end_offset) == (2, 4), log
        with pytest.raises(OttlaError):
            log.read(1, 1000)
        with pytest.raises(OttlaError):
            log.delete_before(SnapshotId(5, 1), lambda _: None)
