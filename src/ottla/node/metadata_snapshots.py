"""The snapshots of this node's metadata log: when one is begun, how it comes to disk, what goes.

One at a time is taken, of an image, which never changes: it is encoded a piece a turn, so that
others are served between two pieces, and written in the background. What it made needless (older
snapshots by `metadata.max.retention.bytes` and `.ms`, and the log before the oldest that is left)
is deleted when it is there, in the background too, and one such deletion at a time.

Nothing depends on any of it but the next start: what the disk refuses is tried again later. How old
the snapshots of earlier lives are is read from their first bytes at the start, when nobody waits;
no snapshot is read after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ottla.errors import OttlaError
from ottla.metadata.snapshot import snapshot_records
from ottla.raft.metadata_log import DiskUnwilling
from ottla.raft.snapshots import (
    HEAD_BYTES,
    SnapshotId,
    SnapshotPolicy,
    deletable_snapshots,
    last_contained_log_timestamp,
    snapshot_batches,
    snapshot_name,
)

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.image import MetadataImage
    from ottla.raft.metadata_log import MetadataLog
    from ottla.raft.voters import VoterHistory

NEVER_OLD_MS = (1 << 63) - 1
"""For a snapshot that can't be read: it is kept, whatever its age."""


class _Taking(NamedTuple):
    """A snapshot that is being taken."""

    id: SnapshotId
    timestamp_ms: int
    began_ms: int
    why: str
    batches: Iterator[bytes] | None
    """What is left to encode; None once it is being written."""
    pieces: list[bytes]


class MetadataSnapshots:
    """Takes and cleans. `committed` says that the image moved, `go_on` is called once a turn."""

    __slots__ = (
        "_deleting",
        "_history",
        "_log",
        "_oldest",
        "_policy",
        "_retention",
        "_say",
        "_taking",
        "_timestamps",
        "last",
    )

    def __init__(
        self,
        log: MetadataLog,
        history: VoterHistory,
        config: BrokerConfig,
        *,
        now_ms: int,
        say: Callable[[str], None],
    ) -> None:
        self._log = log
        self._history = history
        self._say = say
        self._taking: _Taking | None = None
        self._oldest: SnapshotId | None = None
        """What lies before it is to go; None where that is gone."""
        self._deleting = False
        """Whether a deletion is under way."""
        self._retention: tuple[int, int] = (
            config["metadata.max.retention.bytes"],
            config["metadata.max.retention.ms"],
        )
        self._policy = SnapshotPolicy(
            bytes_max=config["metadata.log.max.record.bytes.between.snapshots"],
            interval_ms_max=config["metadata.log.max.snapshot.interval.ms"],
            now_ms=now_ms,
        )
        self._timestamps = {known: self._read_timestamp(known) for known, _ in log.snapshots()}
        """The last contained log timestamp of each snapshot."""
        self.last = (0, now_ms)
        """Bytes of the last one that was taken, and when; 0 and the start if none was."""

    def committed(self, size_bytes: int, image: MetadataImage | None, now_ms: int) -> None:
        """So many more bytes of records are committed: begin a snapshot if one is due. None is
        for an image that stays behind the log, which is not to be taken now.
        """
        why = self._policy.committed(size_bytes, now_ms)
        if why is not None and image is not None:
            self.begin(image, now_ms, why)

    def begin(self, image: MetadataImage, now_ms: int, why: str) -> SnapshotId | None:
        """Begin a snapshot of this image, which `go_on` makes; None if there is nothing new to
        take, or one is being taken.
        """
        wanted = SnapshotId(image.offset + 1, image.epoch)
        if image.offset < 0 or self._taking is not None:
            return None
        if any(wanted == known for known, _ in self._log.snapshots()):
            return None
        kraft_version, voters = self._history.at(image.offset)
        dynamic = kraft_version > 0
        batches = snapshot_batches(
            snapshot_records(image),
            epoch=wanted.epoch,
            now_ms=now_ms,
            last_contained_log_timestamp=image.timestamp_ms,
            kraft_version=kraft_version if dynamic else None,
            voters=voters if dynamic else None,
        )
        self._taking = _Taking(wanted, image.timestamp_ms, now_ms, why, batches, [])
        self._policy.taken(now_ms)
        return wanted

    def go_on(self) -> bool:
        """Encode a piece of the snapshot that is being taken, then have it written; whether there
        is more to encode.
        """
        taking = self._taking
        if taking is None or taking.batches is None:
            return False
        batch = next(taking.batches, None)
        if batch is not None:
            taking.pieces.append(batch)
            return True
        self._taking = taking._replace(batches=None)
        contents = b"".join(taking.pieces)
        try:
            self._log.write_snapshot(
                taking.id, contents, lambda problem: self._written(taking, problem)
            )
        except DiskUnwilling as problem:
            self._written(taking, problem)
        return False

    def clean(self, now_ms: int) -> None:
        """Begin to delete what may go; what can't be deleted is tried after the next snapshot."""
        if self._deleting:
            return
        self._choose(now_ms)
        if self._oldest is not None:
            self._deleting = True
            self._log.delete_before(self._oldest, self._deleted)

    def _written(self, taking: _Taking, problem: DiskUnwilling | None) -> None:
        """A snapshot is on disk; or not, and the log has all that it would hold."""
        self._taking = None
        if problem is not None:
            # As long as after one that was taken: not at every turn.
            self._wait(problem)
            return
        self._timestamps[taking.id] = taking.timestamp_ms
        self.last = (sum(map(len, taking.pieces)), taking.began_ms)
        self._say(f"took the metadata snapshot {snapshot_name(taking.id)}: {taking.why}")
        self.clean(taking.began_ms)

    def _wait(self, problem: DiskUnwilling) -> None:
        self._say(f"a metadata snapshot has to wait: {problem}; it is tried again later")

    def _choose(self, now_ms: int) -> None:
        """Which snapshot is to be the oldest from now on, if any are to go."""
        known = self._log.snapshots()
        retention_bytes, retention_ms = self._retention
        gone = deletable_snapshots(
            known,
            log_size_bytes=self._log.size_bytes,
            retention_bytes=retention_bytes,
            retention_ms=retention_ms,
            timestamp_of=lambda snapshot: self._timestamps.get(snapshot, NEVER_OLD_MS),
            now_ms=now_ms,
        )
        if gone:
            self._oldest = known[len(gone)][0]
            self._history.trim(self._oldest.offset)
        for snapshot in gone:
            self._timestamps.pop(snapshot, None)

    def _deleted(self, problem: DiskUnwilling | None) -> None:
        """It is gone; or not, and nobody needs it to be."""
        self._deleting = False
        if problem is None:
            self._oldest = None
        else:
            self._say(f"old metadata can't be deleted: {problem}; it is tried again later")

    def _read_timestamp(self, snapshot: SnapshotId) -> int:
        try:
            beginning = self._log.read_snapshot(snapshot, bytes_max=HEAD_BYTES)
            return last_contained_log_timestamp(beginning, snapshot_name(snapshot))
        except OttlaError as error:  # garbled, or a bad sector
            # Nothing depends on an old snapshot; only its age is not known.
            self._say(f"{error}; it is kept, whatever its age")
            return NEVER_OLD_MS
