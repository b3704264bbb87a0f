"""The log that a quorum keeps, as raft sees it; node/ wires the real one, tests one in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ottla.errors import OttlaError
from ottla.raft.quorum import Batch
from ottla.raft.quorum_state import QuorumState
from ottla.raft.snapshots import SnapshotId


class Unappended(OttlaError):
    """It is not in the log, and all is as it was before."""


class DiskUnwilling(Unappended):
    """The disk did not take it now: it may be tried again later."""


class BatchTooLarge(Unappended):
    """It is one batch, and no segment may hold it."""


class MetadataLog(Protocol):
    """`__cluster_metadata-0`: batches, snapshots, and the quorum-state file beside them."""

    @property
    def start_offset(self) -> int:
        """The first offset that can be read; later than 0 once a snapshot replaced what was
        before."""

    @property
    def end_offset(self) -> int:
        """The offset of the next record."""

    @property
    def last_epoch(self) -> int:
        """The leader epoch of the last batch, or of the snapshot that the log begins after; 0 if
        empty."""

    @property
    def size_bytes(self) -> int:
        """What the segments take, snapshots not counted."""

    def append(self, batch: Batch) -> int:
        """Put one batch at the end and give back its size in bytes; not yet on disk.

        Raises:
            DiskUnwilling: nothing of it is in the log.
            BatchTooLarge: the same, and it never will be.
        """

    def flush(self) -> int:
        """Bring all to disk; gives back the end offset."""

    def read(self, offset: int, bytes_max: int) -> bytes:
        """Whole batches from the one that holds `offset` on; at least one if there is one."""

    def delete_before(
        self, snapshot: SnapshotId, then: Callable[[DiskUnwilling | None], None]
    ) -> None:
        """Let the log start where this snapshot ends, and forget those before it: it holds all of
        that. `then` hears, never before this returns, when that is gone from the disk, or why some
        of it may still be there; the next call tries that again. One at a time.
        """

    def start_at(self, offset: int) -> None:
        """Throw the whole log away and begin anew at `offset`: a snapshot is ahead of the log."""

    def load_state(self) -> QuorumState | None:
        """The saved quorum state; None on a fresh node."""

    def save_state(self, state: QuorumState, kraft_version: int, voter_ids: Sequence[int]) -> None:
        """Replace the quorum-state file and flush the log, both on disk when this returns."""

    def snapshots(self) -> Sequence[tuple[SnapshotId, int]]:
        """All snapshots with their size in bytes, oldest first."""

    def read_snapshot(self, snapshot: SnapshotId, *, bytes_max: int | None = None) -> bytes:
        """All of a snapshot, or its first bytes."""

    def write_snapshot(
        self, snapshot: SnapshotId, contents: bytes, then: Callable[[DiskUnwilling | None], None]
    ) -> None:
        """Begin to add a snapshot; `then` hears, never before this returns, when it is whole and on
        disk, or why it is not there, or not for good.
        """

    def close(self) -> None:
        """Flush and close; nothing may follow."""

    def abandon(self) -> None:
        """Close without flushing, as a killed process would."""
