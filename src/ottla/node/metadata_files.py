"""`__cluster_metadata-0` on disk: a log of the core, snapshots beside it, and the quorum-state
file.

The folder's names, bytes and modes are Apache Kafka's. All of it lies on the core's disk: nothing
of it is written after a kill, and a power cut takes what was not synced. A snapshot is written
under another name, synced, and renamed, in the background; an unfinished one is removed when the
folder is opened. What a snapshot makes needless is out of memory at once, and its files go in the
background: nobody asks the disk which snapshots there are after the start.

What the disk refuses and what can wait (an append that left no trace, a snapshot, a deletion) is
`DiskUnwilling`; all else is a `MetadataFilesError`, after which nobody knows what is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ottla._core import CoreError, Log
from ottla.errors import OttlaError
from ottla.metadata.topic_names import METADATA_PARTITION
from ottla.node.metadata_damage import EPOCH_MAX, refuse_damage, refuse_emptiness
from ottla.node.refusals import advice, in_words
from ottla.raft.metadata_log import BatchTooLarge, DiskUnwilling
from ottla.raft.quorum import Batch
from ottla.raft.quorum_state import (
    QUORUM_STATE_FILE,
    QuorumState,
    parse_quorum_state,
    quorum_state_text,
)
from ottla.raft.snapshots import (
    DELETED_SUFFIX,
    PARTIAL_SUFFIX,
    SnapshotId,
    parse_snapshot_name,
    snapshot_name,
)
from ottla.wire.records import Record, build_batch

if TYPE_CHECKING:
    from ottla._core import Disk
    from ottla.config.broker import BrokerConfig
    from ottla.node.writes import Writes

UNLIMITED = -1
BATCH_BYTES_MAX = (1 << 31) - 1

_FAILED = "the metadata log failed: "
_SEE_TO_THE_DISK = "see to the disk that holds metadata.log.dir, then start the node again"
_SOUND = "the folder must be readable and writable, and its disk sound"


class MetadataFilesError(OttlaError):
    """The disk refused the metadata log, or what lies there can't be read."""


class MetadataFiles:
    """A `MetadataLog` (see raft/metadata_log.py) in a node's metadata log directory."""

    __slots__ = (
        "_disk",
        "_folder",
        "_log",
        "_needless",
        "_now_ms",
        "_segment_bytes",
        "_snapshots",
        "_writes",
    )

    def __init__(
        self, config: BrokerConfig, disk: Disk, now_ms: Callable[[], int], writes: Writes
    ) -> None:
        self._segment_bytes: int = config["metadata.log.segment.bytes"]
        self._disk = disk
        self._writes = writes
        self._folder = folder = os.path.join(config.metadata_log_dir, METADATA_PARTITION)
        self._now_ms = now_ms
        with in_words(MetadataFilesError, hint=_SOUND):
            disk.make_folder(folder)
            self._sweep()
            state = self.load_state()
            epoch = EPOCH_MAX if state is None else state.leader_epoch
            refuse_damage(disk, folder, epoch)
            self._snapshots = self._find_snapshots()
            """With their size in bytes."""
            known = self.snapshots()
            # The snapshot at offset 0 is of the formatting.
            nothing_known = not any(snapshot.offset for snapshot, _ in known)
            if nothing_known and (state is None or state.leader_epoch > 0):
                refuse_emptiness(disk, folder, config.log_dirs)
        self._needless: list[str] = []
        """Files that nobody needs, which may be there, in the order in which they are to go."""
        with _open_log():
            self._log = Log(
                folder,
                {
                    "segment.bytes": self._segment_bytes,
                    "segment.ms": config["metadata.log.segment.ms"],
                    "max.message.bytes": BATCH_BYTES_MAX,
                    "retention.ms": UNLIMITED,
                    "retention.bytes": UNLIMITED,
                },
                now_ms=now_ms(),
                log_start_offset=0 if not known else known[0][0].offset,
                disk=disk,
            )

    @property
    def report(self) -> str:
        """What opening the log mended; empty if nothing."""
        return self._log.report

    @property
    def has_lost(self) -> bool:
        """Whether opening the log cut or dropped records."""
        return self._log.has_lost

    # ------------------------------------------------------------------ the log
    @property
    def start_offset(self) -> int:
        """The first offset that can be read."""
        return self._log.start_offset

    @property
    def end_offset(self) -> int:
        """The offset of the next record."""
        return self._log.end_offset

    @property
    def last_epoch(self) -> int:
        """The leader epoch of the last batch, or of the newest snapshot; 0 if there is neither."""
        known = self.snapshots()
        return max(self._log.last_epoch, known[-1][0].epoch if known else 0, 0)

    @property
    def size_bytes(self) -> int:
        """What the segments take."""
        return self._log.size_bytes

    def append(self, batch: Batch) -> int:
        """Put one batch at the end; its size in bytes."""
        data = build_batch(
            [Record(key, value, timestamp_ms=batch.timestamp_ms) for key, value in batch.records],
            base_offset=batch.base_offset,
            leader_epoch=batch.leader_epoch,
            control=batch.control,
        )
        if len(data) > self._segment_bytes:
            raise BatchTooLarge(
                f"{len(batch.records)} records take {len(data)} bytes, and a segment of the "
                f"metadata log has {self._segment_bytes} (metadata.log.segment.bytes)"
            )
        try:
            done = self._log.append(data, leader_epoch=batch.leader_epoch, now_ms=self._now_ms())
        except CoreError as problem:
            failure = self._log.failure if problem.kind == "storage" else ""
            as_it_was = problem.kind == "storage" and not failure
            error = DiskUnwilling if as_it_was else MetadataFilesError
            hint = advice(problem.errno) or _SEE_TO_THE_DISK
            raise error(_FAILED + (failure or problem.text), hint=hint) from problem
        if done.base_offset != batch.base_offset:
            raise MetadataFilesError(
                f"the metadata log put a batch at {done.base_offset} that was decided for "
                f"{batch.base_offset}"
            )
        return len(data)

    def flush(self) -> int:
        """Bring all to disk; the end offset."""
        with _open_log():
            return self._log.flush()

    def read(self, offset: int, bytes_max: int) -> bytes:
        """Whole batches from the one that holds `offset` on."""
        with _open_log():
            return self._log.read(offset, bytes_max)

    def delete_before(
        self, snapshot: SnapshotId, then: Callable[[DiskUnwilling | None], None]
    ) -> None:
        """Let the log start where this snapshot ends, and begin to remove what was before it.

        The log goes first and the snapshots after it, oldest first: whatever is left at a start
        begins with a snapshot, or is in one.
        """
        with _open_log():
            self._needless += self._log.forget_before(snapshot.offset)
        for older in [known for known in sorted(self._snapshots) if known < snapshot]:
            del self._snapshots[older]
            self._needless.append(self._path(older))
        paths = self._needless.copy()

        def removed(refused: CoreError | None) -> None:
            if refused is None:
                del self._needless[: len(paths)]
            then(_unwilling(refused))

        # A snapshot whose name was written and not synced is no reason to delete anything: it is
        # synced there first.
        self._writes.remove(self._folder, paths, removed)

    def start_at(self, offset: int) -> None:
        """Drop the log and begin it anew at `offset`, where a snapshot ends."""
        with _open_log():
            self._log.start_at(offset, self._now_ms())

    # ------------------------------------------------------------------ the quorum's state
    def load_state(self) -> QuorumState | None:
        """The saved state; None on a fresh node."""
        path = os.path.join(self._folder, QUORUM_STATE_FILE)
        with in_words(MetadataFilesError, hint=_SOUND):
            contents = self._disk.read(path)
        return None if contents is None else parse_quorum_state(contents, path)

    def save_state(self, state: QuorumState, kraft_version: int, voter_ids: Sequence[int]) -> None:
        """Replace the quorum-state file, and make safe what the log holds of earlier epochs.

        So no power cut leaves an epoch behind bytes that never arrived: those are damage.
        """
        text = quorum_state_text(state, kraft_version, voter_ids)
        with in_words(MetadataFilesError, hint=_SEE_TO_THE_DISK):
            self._disk.replace(os.path.join(self._folder, QUORUM_STATE_FILE), text.encode())
        self.flush()

    # ------------------------------------------------------------------ snapshots
    def snapshots(self) -> Sequence[tuple[SnapshotId, int]]:
        """All snapshots with their size in bytes, oldest first."""
        return sorted(self._snapshots.items())

    def read_snapshot(self, snapshot: SnapshotId, *, bytes_max: int | None = None) -> bytes:
        """All of a snapshot, or its first bytes."""
        with in_words(MetadataFilesError, hint=_SOUND):
            contents = self._disk.read(self._path(snapshot), bytes_max=bytes_max)
        if contents is None:
            raise MetadataFilesError(f"the snapshot {snapshot_name(snapshot)} is gone")
        return contents

    def write_snapshot(
        self, snapshot: SnapshotId, contents: bytes, then: Callable[[DiskUnwilling | None], None]
    ) -> None:
        """Begin to add a snapshot; `then` hears when it is whole and on disk, or why not."""

        def written(refused: CoreError | None) -> None:
            if refused is None:
                self._snapshots[snapshot] = len(contents)
            then(_unwilling(refused))

        self._writes.replace(self._path(snapshot), contents, written)

    def _path(self, snapshot: SnapshotId) -> str:
        return os.path.join(self._folder, snapshot_name(snapshot))

    # ------------------------------------------------------------------ ends
    def close(self) -> None:
        """Flush and close."""
        with _open_log():
            self._log.close(clean=True)

    def abandon(self) -> None:
        """Close without flushing."""
        self._log.close(clean=False)

    def _find_snapshots(self) -> dict[SnapshotId, int]:
        return {
            snapshot: file.size_bytes
            for file in self._disk.list(self._folder)
            if (snapshot := parse_snapshot_name(file.name)) is not None
        }

    def _sweep(self) -> None:
        """What an interrupted snapshot or deletion left."""
        for file in self._disk.list(self._folder):
            if file.name.endswith((PARTIAL_SUFFIX, DELETED_SUFFIX, ".checkpoint.tmp")):
                self._disk.remove(os.path.join(self._folder, file.name))


def _unwilling(refused: CoreError | None) -> DiskUnwilling | None:
    """Why the background has not done what can wait, in words; None if it has."""
    return None if refused is None else DiskUnwilling(refused.text, hint=advice(refused.errno))


def _open_log() -> AbstractContextManager[None]:
    """What the log refuses, in words; nobody knows then what is in it."""
    return in_words(MetadataFilesError, _FAILED, _SEE_TO_THE_DISK)
