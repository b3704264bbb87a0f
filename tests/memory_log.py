"""A metadata log in memory, for tests of what runs on one: it loses what was not flushed when it is
abandoned, and what is written or removed in the background waits for `settle`, where `refusal` may
refuse it for the disk.
`node/test_metadata_files_memory_log.py` holds it against the one on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ottla.errors import OttlaError
from ottla.raft.metadata_log import BatchTooLarge, DiskUnwilling
from ottla.raft.quorum import Batch
from ottla.raft.quorum_state import QuorumState
from ottla.raft.snapshots import SnapshotId
from ottla.wire.records import Record, build_batch

SEGMENT_BYTES = 1 << 30


class MemoryLog:
    """`MetadataLog` (see ottla/raft/metadata_log.py) over a list of batches."""

    def __init__(self, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.segment_bytes = segment_bytes
        self.start_offset = 0
        self.batches: list[tuple[Batch, bytes]] = []
        self.flushed = 0
        self.flushes = 0
        self.state: QuorumState | None = None
        self.files: dict[SnapshotId, bytes] = {}
        self.reads: list[tuple[SnapshotId, int | None]] = []
        """What was read of snapshots, and how much of each at most."""
        self.empty_end = 0
        self.closed = False
        self.refusal: Callable[[str], DiskUnwilling | None] = lambda _what: None
        """Asked before a snapshot is written ("write") or what is before one removed ("remove")."""
        self._needless: dict[SnapshotId, bytes] = {}
        """Snapshots that nobody needs, and that the disk still has."""
        self._background: list[Callable[[], None]] = []

    def reopened(self) -> MemoryLog:
        """The same log in the next life: it starts where its oldest snapshot ends."""
        self.closed = False
        self.files |= self._needless
        self._needless.clear()
        if self.files and not self.start_offset:
            self.start_offset = min(self.files).offset
        return self

    def settle(self) -> None:
        """A later turn: what was being written is there, and who asked for it hears so."""
        while self._background:
            self._background.pop(0)()

    @property
    def end_offset(self) -> int:
        return self.batches[-1][0].last_offset + 1 if self.batches else self.empty_end

    @property
    def last_epoch(self) -> int:
        newest = max(self.files).epoch if self.files else 0
        return max(self.batches[-1][0].leader_epoch if self.batches else 0, newest)

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
        if len(data) > self.segment_bytes:
            raise BatchTooLarge(f"{len(data)} bytes, and a segment has {self.segment_bytes}")
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

    def delete_before(
        self, snapshot: SnapshotId, then: Callable[[DiskUnwilling | None], None]
    ) -> None:
        self._check_open()
        offset = snapshot.offset
        if offset > self.end_offset:
            raise OttlaError(f"there is no offset {offset} in this log")
        self.empty_end = self.end_offset
        self.batches = [entry for entry in self.batches if entry[0].last_offset >= offset]
        self.start_offset = max(self.start_offset, offset)
        for older in [known for known in self.files if known < snapshot]:
            self._needless[older] = self.files.pop(older)

        def remove() -> None:
            refused = self.refusal("remove")
            if refused is None:
                self._needless.clear()
            then(refused)

        self._background.append(remove)

    def start_at(self, offset: int) -> None:
        self._check_open()
        self.batches = []
        self.start_offset = self.empty_end = offset

    def load_state(self) -> QuorumState | None:
        return self.state

    def save_state(self, state: QuorumState, kraft_version: int, voter_ids: Sequence[int]) -> None:
        self.state = state
        self.flush()

    def snapshots(self) -> list[tuple[SnapshotId, int]]:
        return [(snapshot, len(self.files[snapshot])) for snapshot in sorted(self.files)]

    def read_snapshot(self, snapshot: SnapshotId, *, bytes_max: int | None = None) -> bytes:
        self.reads.append((snapshot, bytes_max))
        if snapshot not in self.files:
            raise OttlaError(f"the snapshot {snapshot} is gone")
        return self.files[snapshot][:bytes_max]

    def write_snapshot(
        self, snapshot: SnapshotId, contents: bytes, then: Callable[[DiskUnwilling | None], None]
    ) -> None:
        def write() -> None:
            refused = self.refusal("write")
            if refused is None:
                self.files[snapshot] = contents
            then(refused)

        self._background.append(write)

    def close(self) -> None:
        self.flush()
        self.closed = True

    def abandon(self) -> None:
        """Lose what was not flushed; the state and snapshots were, when they were written."""
        self.closed = True
        self._background.clear()
        self.batches = [entry for entry in self.batches if entry[0].last_offset < self.flushed]

    def _check_open(self) -> None:
        if self.closed:
            raise OttlaError("this log is closed")
