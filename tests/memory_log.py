"""A metadata log in memory, for tests of what runs on one: it loses what was not flushed when it is
abandoned. `node/test_metadata_files.py` holds it against the one on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ottla.errors import OttlaError
from ottla.raft.metadata_log import DiskUnwilling
from ottla.raft.quorum import Batch
from ottla.raft.quorum_state import QuorumState
from ottla.raft.snapshots import SnapshotId
from ottla.wire.records import Record, build_batch


class MemoryLog:
    """`MetadataLog` (see ottla/raft/metadata_log.py) over a list of batches."""

    def __init__(self) -> None:
        self.start_offset = 0
        self.batches: list[tuple[Batch, bytes]] = []
        self.flushed = 0
        self.flushes = 0
        self.state: QuorumState | None = None
        self.files: dict[SnapshotId, bytes] = {}
        self.empty_end = 0
        self.closed = False

    def reopened(self) -> MemoryLog:
        """The same log in the next life: it starts where its oldest snapshot ends."""
        self.closed = False
        if self.files and not self.start_offset:
            self.start_offset = min(self.files).offset
        return self

    @property
    def end_offset(self) -> int:
        return self.batches[-1][0].last_offset + 1 if self.batches else self.empty_end

    @property
    def last_epoch(self) -> int:
        if self.batches:
            return self.batches[-1][0].leader_epoch
        return max((snapshot.epoch for snapshot in self.files), default=0)

    @property
    def size_bytes(self) -> int:
        return sum(len(data) for _, data in self.batches)

    def append(self, batch: Batch) -> int:
        self._check_open()
        if batch.base_offset != self.end_offset:
            raise OttlaError(f"{batch.base_offset} is not the log's end, {self.end_offset}")
        data = build_batch(
            [Record(key, value, timestamp_ms=batch.timestamp_ms) for key, value in batch.records],
            base_offset=batch.base_offset,
            leader_epoch=batch.leader_epoch,
            control=batch.control,
        )
        self.batches.append((batch, data))
        return len(data)

    def flush(self) -> int:
        self._check_open()
        self.flushed = self.end_offset
        self.flushes += 1
        return self.flushed

    def read(self, offset: int, bytes_max: int) -> bytes:
        self._check_open()
        if not self.start_offset <= offset <= self.end_offset:
            raise OttlaError(f"there is no offset {offset} in this log")
        chosen = b""
        for batch, data in self.batches:
            if batch.last_offset >= offset:
                if chosen and len(chosen) + len(data) > bytes_max:
                    break
                chosen += data
        return chosen

    def delete_before(self, offset: int) -> None:
        self._check_open()
        if offset > self.end_offset:
            raise OttlaError(f"there is no offset {offset} in this log")
        self.empty_end = self.end_offset
        self.batches = [entry for entry in self.batches if entry[0].last_offset >= offset]
        self.start_offset = max(self.start_offset, offset)

    def start_at(self, offset: int) -> None:
        self._check_open()
        self.batches = []
        self.start_offset = self.empty_end = offset

    def load_state(self) -> QuorumState | None:
        return self.state

    def save_state(self, state: QuorumState, kraft_version: int, voter_ids: Sequence[int]) -> None:
        self.state = state

    def snapshots(self) -> list[tuple[SnapshotId, int]]:
        return [(snapshot, len(self.files[snapshot])) for snapshot in sorted(self.files)]

    def read_snapshot(self, snapshot: SnapshotId) -> bytes:
        if snapshot not in self.files:
            raise OttlaError(f"the snapshot {snapshot} is gone")
        return self.files[snapshot]

    def write_snapshot(
        self, snapshot: SnapshotId, contents: bytes, then: Callable[[DiskUnwilling | None], None]
    ) -> None:
        self.files[snapshot] = contents
        then(None)

    def delete_snapshot(self, snapshot: SnapshotId) -> None:
        self.files.pop(snapshot, None)

    def close(self) -> None:
        self.flush()
        self.closed = True

    def abandon(self) -> None:
        """Lose what was not flushed; the state and snapshots were, when they were written."""
        self.closed = True
        self.batches = [entry for entry in self.batches if entry[0].last_offset < self.flushed]

    def _check_open(self) -> None:
        if self.closed:
            raise OttlaError("this log is closed")
