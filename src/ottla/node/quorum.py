"""Runs this node's quorum: loads the metadata log, appends what the controller decides, moves the
image.

It does what `raft.quorum.Quorum` says, on a `MetadataLog`. `append` only writes; `commit` brings
everything that was appended to disk with one fsync and tells raft so. Records count when raft's
high watermark has passed them, and only then does the image have them: where this node is the only
voter that is the same turn. Who leads is raft's to say too (`leads`). Snapshots are taken here when
they are due, a piece a turn and written in the background, and what they made needless is deleted
after that.

Used on the decision thread only. An error of the log leaves it in doubt what is in it: the quorum
must not be used after one, unless it is `DiskUnwilling`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.errors import OttlaError
from ottla.metadata.delta import MetadataError
from ottla.metadata.image import MetadataImage
from ottla.metadata.loader import CommittedBatch, MetadataLoader
from ottla.metadata.snapshot import snapshot_records
from ottla.raft.control_records import decode_control
from ottla.raft.description import QuorumDescription, VoterDescription
from ottla.raft.metadata_log import DiskUnwilling, Unappended
from ottla.raft.quorum import (
    LEADER,
    Flushed,
    Propose,
    Quorum,
    Ready,
    Resign,
    Started,
    Withdrawn,
)
from ottla.raft.quorum_state import QuorumState
from ottla.raft.snapshots import (
    SnapshotError,
    SnapshotId,
    SnapshotPolicy,
    decode_snapshot,
    deletable_snapshots,
    snapshot_batches,
    snapshot_name,
)
from ottla.raft.voters import BOOTSTRAP_OFFSET, Endpoints, Voter, VoterHistory, VoterSet, voters_of
from ottla.wire.records import Batch as StoredBatch
from ottla.wire.records import CorruptBatch, read_batches
from ottla.wire.schema import ProtocolError
from ottla.wire.stored.frame import decode_metadata_record, encode_metadata_record
from ottla.wire.stored.raft import KRaftVersionRecord, VotersRecord

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.delta import MetadataDelta
    from ottla.raft.metadata_log import MetadataLog

READ_BYTES = 4 * 1024 * 1024
NEVER_OLD_MS = (1 << 63) - 1

Versioned = tuple[Any, int]
Encoded = tuple[Any, bytes]


class MetadataLogError(OttlaError):
    """The metadata log or its snapshots can't be read, or do not fit each other."""


class _Taking(NamedTuple):
    """A snapshot that is being taken."""

    id: SnapshotId
    timestamp_ms: int
    began_ms: int
    why: str
    batches: Iterator[bytes] | None
    """What is left to encode; None once it is being written."""
    pieces: list[bytes]


class MetadataQuorum:
    """The quorum of one node. `start` once, then `append` while it `leads`, and `commit`; at the
    end `close` or `abandon`.
    """

    __slots__ = (
        "_loader",
        "_log",
        "_pending",
        "_policy",
        "_quorum",
        "_retention",
        "_say",
        "_taking",
        "_timestamps",
        "_unflushed",
    )

    def __init__(
        self,
        *,
        node_id: int,
        directory_id: bytes,
        config: BrokerConfig,
        log: MetadataLog,
        now_ms: int,
        say: Callable[[str], None],
        endpoints: Endpoints = (),
    ) -> None:
        """`say` takes a line for the node's log; `endpoints` are this controller's, as others may
        dial them.
        """
        self._log = log
        self._say = say
        self._loader = MetadataLoader()
        self._pending: list[CommittedBatch] = []
        """What the image does not have: the high watermark has not passed it."""
        self._unflushed = False
        self._taking: _Taking | None = None
        self._timestamps: dict[SnapshotId, int] = {}
        """The last contained log timestamps of snapshots that were written or read here."""
        self._retention = (
            config["metadata.max.retention.bytes"],
            config["metadata.max.retention.ms"],
        )
        self._policy = SnapshotPolicy(
            bytes_max=config["metadata.log.max.record.bytes.between.snapshots"],
            interval_ms_max=config["metadata.log.max.snapshot.interval.ms"],
            now_ms=now_ms,
        )
        history = VoterHistory(_static_voters(config))
        self._read(history)
        self._quorum = Quorum(
            node_id=node_id,
            directory_id=directory_id,
            state=log.load_state() or QuorumState(),
            history=history,
            end_offset=log.end_offset,
            last_epoch=log.last_epoch,
            endpoints=endpoints,
        )

    # ------------------------------------------------------------------ what it knows
    @property
    def image(self) -> MetadataImage:
        """The cluster as of the high watermark."""
        return self._loader.image

    @property
    def next_offset(self) -> int:
        """Where the next record will land."""
        return self._quorum.end_offset

    @property
    def high_watermark(self) -> int:
        """Records below it are on disk and count."""
        return self._quorum.high_watermark

    @property
    def kraft_version(self) -> int:
        """The finalized kraft.version."""
        return self._quorum.history.kraft_version

    @property
    def open_transaction(self) -> int | None:
        """The offset of a metadata transaction that was begun and not ended."""
        return self._loader.transaction_start

    @property
    def leads(self) -> int | None:
        """The epoch in which this node leads, and has committed that it does; None while it does
        not.
        """
        quorum = self._quorum
        if quorum.role != LEADER or quorum.high_watermark <= quorum.epoch_start_offset:
            return None
        return quorum.state.leader_epoch

    def describe(self, now_ms: int) -> QuorumDescription:
        """The quorum as its leader sees it."""
        quorum = self._quorum
        return QuorumDescription(
            leader_id=quorum.state.leader_id,
            leader_epoch=quorum.state.leader_epoch,
            high_watermark=quorum.high_watermark,
            voters=tuple(
                VoterDescription(voter, quorum.position(voter.id, now_ms))
                for voter in quorum.history.voters.values()
            ),
            observers=(),
        )

    # ------------------------------------------------------------------ what it does
    def start(self, now_ms: int) -> None:
        """Take part in the quorum: its only voter wins at once, and `commit` makes it count.

        Raises:
            QuorumError: this node is not the quorum's only voter.
        """
        self._do(self._quorum.step(Started(), now_ms))

    def append(self, records: Sequence[Encoded], now_ms: int) -> int:
        """Append records as one batch; the offset of the last. They count after `commit`.

        Raises:
            NotLeader: `start` was not called, or leadership is gone.
            Unappended: nothing of it is in the log, and everything is as it was.
        """
        values = [(None, data) for _, data in records]
        ready = self._quorum.step(Propose(values), now_ms)
        try:
            self._do(ready, records=[record for record, _ in records])
        except Unappended:
            self._quorum.step(Withdrawn(ready.append[0].base_offset), now_ms)
            raise
        return self._quorum.end_offset - 1

    @property
    def has_pending(self) -> bool:
        """Whether the image lacks anything that was appended or found."""
        return bool(self._pending)

    def commit(self, now_ms: int) -> MetadataDelta | None:
        """Bring what was appended to disk, and what the high watermark has passed into the image;
        None if that is nothing. The first delta begins with nothing.

        Raises:
            MetadataLogError: what was found in the log contradicts itself.
        """
        if not self._pending:
            return None
        if self._unflushed:
            self._unflushed = False
            self._quorum.step(Flushed(self._log.flush()), now_ms)
        high_watermark = self._quorum.high_watermark
        committed = [batch for batch in self._pending if batch.last_offset < high_watermark]
        if not committed:
            return None
        del self._pending[: len(committed)]
        if self._loader.image.offset < 0:
            return self._first(committed, now_ms)
        delta = self._loader.load(committed)
        self._try_snapshot(sum(batch.size_bytes for batch in committed), now_ms)
        return delta

    def _first(self, found: Sequence[CommittedBatch], now_ms: int) -> MetadataDelta:
        """The delta from nothing to what the log holds."""
        try:
            delta = self._loader.load(found)
        except MetadataError as error:
            raise MetadataLogError(
                f"__cluster_metadata-0 contradicts itself: {error}",
                hint="restore the folder from a backup",
            ) from error
        self._try_snapshot(sum(batch.size_bytes for batch in found), now_ms)
        self._try_clean(now_ms)
        return delta

    # ------------------------------------------------------------------ snapshots
    def snapshot(self, now_ms: int, why: str) -> SnapshotId | None:
        """Begin a snapshot of the image as it is now, which `go_on` makes; None if there is nothing
        new to take, or one is being taken.
        """
        image = self._loader.image
        wanted = SnapshotId(image.offset + 1, image.epoch)
        if image.offset < 0 or self._taking is not None:
            return None
        if any(wanted == known for known, _ in self._log.snapshots()):
            return None
        kraft_version, voters = self._quorum.history.at(image.offset)
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
        is more to encode. An image never changes, so others are served between two pieces.
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
                taking.id, contents, lambda problem: self._taken(taking, problem)
            )
        except DiskUnwilling as problem:
            self._taken(taking, problem)
        return False

    def _taken(self, taking: _Taking, problem: DiskUnwilling | None) -> None:
        """A snapshot is on disk; or not, and the log has all that it would hold."""
        self._taking = None
        if problem is not None:
            # As long as after one that was taken: not at every turn.
            self._say(f"a metadata snapshot has to wait: {problem}; it is tried again later")
            return
        self._timestamps[taking.id] = taking.timestamp_ms
        self._say(f"took the metadata snapshot {snapshot_name(taking.id)}: {taking.why}")
        self._try_clean(taking.began_ms)

    # ------------------------------------------------------------------ ends
    def close(self, now_ms: int) -> None:
        """Give up leadership and close the log in order."""
        self._quorum.step(Resign(), now_ms)
        self._log.close()

    def abandon(self) -> None:
        """Close as a killed process would: what was appended and not committed may be lost."""
        self._log.abandon()

    # ------------------------------------------------------------------ carrying out Ready
    def _do(self, ready: Ready, records: Sequence[Any] = ()) -> None:
        if ready.save is not None:
            history = self._quorum.history
            self._log.save_state(ready.save, history.kraft_version, list(history.voters))
        for batch in ready.append:
            size = self._log.append(batch)
            self._pending.append(
                CommittedBatch(
                    batch.base_offset,
                    batch.last_offset,
                    batch.leader_epoch,
                    batch.timestamp_ms,
                    size,
                    records,
                )
            )
            self._unflushed = True

    def _try_snapshot(self, size_bytes: int, now_ms: int) -> None:
        """Take a snapshot if one is due after so many more bytes."""
        why = self._policy.committed(size_bytes, now_ms)
        if why is not None and self._loader.transaction_start is None:
            try:
                self.snapshot(now_ms, why)
            except DiskUnwilling as problem:
                self._policy.taken(now_ms)
                self._say(f"a metadata snapshot has to wait: {problem}; it is tried again later")

    # ------------------------------------------------------------------ loading
    def _read(self, history: VoterHistory) -> None:
        """Read snapshot and log; batches wait in `_pending` until an election makes them count."""
        log = self._log
        offset = 0
        snapshots = log.snapshots()
        if snapshots:
            latest = snapshots[-1][0]
            if latest.offset > log.end_offset:
                self._say(
                    f"the metadata log ends at {log.end_offset}, before its snapshot "
                    f"{snapshot_name(latest)}: it begins anew there"
                )
                log.start_at(latest.offset)
            self._pending.append(self._read_snapshot(latest, history))
            offset = latest.offset
        if log.start_offset > offset:
            raise MetadataLogError(
                f"the metadata log begins at {log.start_offset}, "
                "and no snapshot holds what was before",
                hint="restore the *.checkpoint files of __cluster_metadata-0",
            )
        for batch in self._batches(offset):
            self._pending.append(_read_batch(batch, offset, history))

    def _read_snapshot(self, snapshot: SnapshotId, history: VoterHistory) -> CommittedBatch:
        name = snapshot_name(snapshot)
        data = self._log.read_snapshot(snapshot)
        try:
            contents = decode_snapshot(data, name)
        except SnapshotError as error:
            raise MetadataLogError(
                str(error), hint=f"restore {name}, or remove it if an older snapshot is there"
            ) from error
        at = snapshot.offset - 1 if snapshot.offset > 0 else BOOTSTRAP_OFFSET
        for message in contents.control:
            _tell(history, at, message)
        return CommittedBatch(
            0,
            snapshot.offset - 1,
            snapshot.epoch,
            contents.last_contained_log_timestamp,
            0,
            contents.records,
        )

    def _batches(self, offset: int) -> Iterator[StoredBatch]:
        end_offset = self._log.end_offset
        while offset < end_offset:
            try:
                batches = read_batches(self._log.read(offset, READ_BYTES))
            except CorruptBatch as error:
                raise _unreadable(offset, error) from error
            if not batches:
                raise _unreadable(offset, "no whole batch is there")
            yield from batches
            offset = batches[-1].last_offset + 1

    # ------------------------------------------------------------------ cleaning
    def _try_clean(self, now_ms: int) -> None:
        """What is not deleted now is deleted after the next snapshot: nothing depends on it."""
        try:
            self._clean(now_ms)
        except DiskUnwilling as problem:
            self._say(f"an old metadata snapshot can't be deleted: {problem}; it is tried later")

    def _clean(self, now_ms: int) -> None:
        log = self._log
        retention_bytes, retention_ms = self._retention
        gone = deletable_snapshots(
            log.snapshots(),
            log_size_bytes=log.size_bytes,
            retention_bytes=retention_bytes,
            retention_ms=retention_ms,
            timestamp_of=self._timestamp_of,
            now_ms=now_ms,
        )
        if not gone:
            return
        oldest_left = log.snapshots()[len(gone)][0]
        log.delete_before(oldest_left.offset)
        for snapshot in gone:
            log.delete_snapshot(snapshot)
            self._timestamps.pop(snapshot, None)
        self._quorum.history.trim(oldest_left.offset)

    def _timestamp_of(self, snapshot: SnapshotId) -> int:
        known = self._timestamps.get(snapshot)
        if known is not None:
            return known
        name = snapshot_name(snapshot)
        try:
            contents = decode_snapshot(self._log.read_snapshot(snapshot), name)
        except OttlaError as error:  # garbled, or a bad sector
            # Nothing depends on an old snapshot; only its age is not known.
            self._say(f"{error}; it is kept, whatever its age")
            return NEVER_OLD_MS
        self._timestamps[snapshot] = contents.last_contained_log_timestamp
        return contents.last_contained_log_timestamp


def encode_records(records: Sequence[Versioned]) -> list[Encoded]:
    """Records with their bytes, as `MetadataQuorum.append` takes them.

    Raises:
        EncodeError: a version can't carry its record.
    """
    return [(record, encode_metadata_record(record, version)) for record, version in records]


def _read_batch(batch: StoredBatch, offset: int, history: VoterHistory) -> CommittedBatch:
    """A batch of the log; its records before `offset` are in the snapshot already."""
    records: list[Any] = []
    for record in batch.records:
        try:
            if batch.is_control:
                message = decode_control(record.key or b"", record.value or b"")
                _tell(history, record.offset, message)
            elif record.offset >= offset:
                records.append(decode_metadata_record(record.value or b"")[0])
        except ProtocolError as error:
            raise _unreadable(record.offset, error) from error
    return CommittedBatch(
        batch.base_offset,
        batch.last_offset,
        batch.leader_epoch,
        batch.max_timestamp_ms,
        batch.size_bytes,
        records,
    )


def _unreadable(offset: int, why: object) -> MetadataLogError:
    return MetadataLogError(
        f"offset {offset} of __cluster_metadata-0 can't be read: {why}",
        hint="a newer release may have written it: start that one; else restore the folder from a "
        "backup",
    )


def _tell(history: VoterHistory, offset: int, message: Any) -> None:
    if isinstance(message, VotersRecord):
        history.set_voters(offset, voters_of(message))
    elif isinstance(message, KRaftVersionRecord):
        history.set_kraft_version(offset, message.kraft_version)


def _static_voters(config: BrokerConfig) -> VoterSet:
    """The voters of `controller.quorum.voters`; they listen on the first controller listener."""
    listener = next(iter(config.controller_listener_names), "")
    return {
        voter.id: Voter(voter.id, endpoints=((listener, voter.host, voter.port),))
        for voter in config.voters
    }
