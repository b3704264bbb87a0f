"""`__cluster_metadata-0` on disk: a log of the core, snapshots beside it, and the quorum-state
file.

The folder's names, bytes and modes are Apache Kafka's. A snapshot is written under a `.part` name,
synced, and renamed; an unfinished one is removed when the folder is opened. Without `durable` (an
embedded node in a temporary folder) nothing is synced.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from ottla._core import CoreError, Log
from ottla.errors import OttlaError
from ottla.node.meta_properties import remove_files, replace_file, sync_directory
from ottla.node.metadata_damage import EPOCH_MAX, refuse_damage, refuse_emptiness
from ottla.node.refusals import advice
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
    from ottla._core import Node as Core
    from ottla.config.broker import BrokerConfig

METADATA_FOLDER = "__cluster_metadata-0"
UNLIMITED = -1
BATCH_BYTES_MAX = (1 << 31) - 1

Result = TypeVar("Result")


class MetadataFilesError(OttlaError):
    """The disk refused the metadata log, or what lies there can't be read."""


class MetadataFiles:
    """A `MetadataLog` (see raft/metadata_log.py) in a node's metadata log directory."""

    __slots__ = ("_durable", "_folder", "_log", "_now_ms")

    def __init__(
        self,
        config: BrokerConfig,
        now_ms: Callable[[], int],
        *,
        durable: bool = True,
        core: Core | None = None,
    ) -> None:
        self._durable = durable
        self._folder = os.path.join(config.metadata_log_dir, METADATA_FOLDER)
        self._now_ms = now_ms
        os.makedirs(self._folder, exist_ok=True)
        self._sweep()
        state = self.load_state()
        _opened(
            self._folder,
            lambda: refuse_damage(self._folder, EPOCH_MAX if state is None else state.leader_epoch),
        )
        known = self.snapshots()
        # The snapshot at offset 0 is of the formatting.
        nothing_known = not any(snapshot.offset for snapshot, _ in known)
        if nothing_known and (state is None or state.leader_epoch > 0):
            _opened(self._folder, lambda: refuse_emptiness(self._folder, config.log_dirs))
        self._log = _reached(
            lambda: Log(
                self._folder,
                {
                    "segment.bytes": config["metadata.log.segment.bytes"],
                    "segment.ms": config["metadata.log.segment.ms"],
                    "max.message.bytes": BATCH_BYTES_MAX,
                    "retention.ms": UNLIMITED,
                    "retention.bytes": UNLIMITED,
                },
                now_ms=now_ms(),
                log_start_offset=0 if not known else known[0][0].offset,
                durable=durable,
                node=core,
            )
        )

    @property
    def report(self) -> str:
        """What opening the log mended; empty if nothing."""
        return self._log.report

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
        base_offset, _ = _reached(
            lambda: self._log.append(data, leader_epoch=batch.leader_epoch, now_ms=self._now_ms())
        )
        if base_offset != batch.base_offset:
            raise MetadataFilesError(
                f"the metadata log put a batch at {base_offset} that was decided for "
                f"{batch.base_offset}"
            )
        return len(data)

    def flush(self) -> int:
        """Bring all to disk; the end offset."""
        return _reached(self._log.flush)

    def read(self, offset: int, bytes_max: int) -> bytes:
        """Whole batches from the one that holds `offset` on."""
        return _reached(lambda: self._log.read(offset, bytes_max))

    def delete_before(self, offset: int) -> None:
        """Let the log start at `offset`."""
        _reached(lambda: self._log.delete_before(offset, self._now_ms()))

    def start_at(self, offset: int) -> None:
        """Drop the log and begin it anew at `offset`, where a snapshot ends."""
        _reached(lambda: self._log.start_at(offset, self._now_ms()))

    # ------------------------------------------------------------------ the quorum's state
    def load_state(self) -> QuorumState | None:
        """The saved state; None on a fresh node."""
        path = os.path.join(self._folder, QUORUM_STATE_FILE)
        contents = read_file(path)
        return None if contents is None else parse_quorum_state(contents, path)

    def save_state(self, state: QuorumState, kraft_version: int, voter_ids: Sequence[int]) -> None:
        """Replace the quorum-state file."""
        text = quorum_state_text(state, kraft_version, voter_ids)
        path = os.path.join(self._folder, QUORUM_STATE_FILE)
        replace_file(path, text.encode(), durable=self._durable)

    # ------------------------------------------------------------------ snapshots
    def snapshots(self) -> Sequence[tuple[SnapshotId, int]]:
        """All snapshots with their size in bytes, oldest first."""
        found = [
            (snapshot, entry.stat().st_size)
            for entry in os.scandir(self._folder)
            if (snapshot := parse_snapshot_name(entry.name)) is not None
        ]
        return sorted(found)

    def read_snapshot(self, snapshot: SnapshotId) -> bytes:
        """All of a snapshot."""
        contents = read_file(os.path.join(self._folder, snapshot_name(snapshot)))
        if contents is None:
            raise MetadataFilesError(f"the snapshot {snapshot_name(snapshot)} is gone")
        return contents

    def write_snapshot(self, snapshot: SnapshotId, contents: bytes) -> None:
        """Add a snapshot: whole and on disk when this returns."""
        path = os.path.join(self._folder, snapshot_name(snapshot))
        replace_file(path, contents, mode=0o400, durable=self._durable)

    def delete_snapshot(self, snapshot: SnapshotId) -> None:
        """Take a snapshot away."""
        remove_files([os.path.join(self._folder, snapshot_name(snapshot))])
        if self._durable:
            sync_directory(self._folder)

    # ------------------------------------------------------------------ ends
    def close(self) -> None:
        """Flush and close."""
        _reached(lambda: self._log.close(clean=True))

    def abandon(self) -> None:
        """Close without flushing."""
        self._log.close(clean=False)

    def _sweep(self) -> None:
        """What an interrupted snapshot or deletion left."""
        remove_files(
            os.path.join(self._folder, name)
            for name in os.listdir(self._folder)
            if name.endswith((PARTIAL_SUFFIX, DELETED_SUFFIX, ".checkpoint.tmp"))
        )


def _opened(folder: str, call: Callable[[], Result]) -> Result:
    try:
        return call()
    except OSError as problem:
        raise MetadataFilesError(
            f"{problem.filename or folder} can't be read: {problem.strerror}",
            hint=advice(str(problem.strerror))
            or "the folder must be readable and writable, and its disk sound",
        ) from problem
    except CoreError as problem:
        text = str(problem.args[-1])
        raise MetadataFilesError(text, hint=advice(text)) from problem


def read_file(path: str) -> bytes | None:
    """All of a small file; None if it is not there.

    Raises:
        MetadataFilesError: it is there and can't be read.
    """

    def read() -> bytes | None:
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    return _opened(path, read)


def _reached(call: Callable[[], Result]) -> Result:
    try:
        return call()
    except CoreError as problem:
        raise MetadataFilesError(
            f"the metadata log failed: {problem.args[-1]}",
            hint=advice(str(problem.args[-1]))
            or "see to the disk that holds metadata.log.dir, then start the node again",
        ) from problem
