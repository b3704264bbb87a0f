"""Reads what a metadata log holds when a node starts: its newest snapshot, and all batches after.

The batches come back as they will be committed, but for the voters, which count as soon as they are
found: raft needs them to know who may elect. What can't be read is refused by name, as what comes
after it could not be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ottla.errors import OttlaError
from ottla.metadata.loader import CommittedBatch
from ottla.raft.control_records import decode_control
from ottla.raft.snapshots import SnapshotError, SnapshotId, decode_snapshot, snapshot_name
from ottla.raft.voters import BOOTSTRAP_OFFSET, VoterHistory, voters_of
from ottla.wire.records import Batch, CorruptBatch, read_batches
from ottla.wire.schema import ProtocolError
from ottla.wire.stored.frame import decode_metadata_record
from ottla.wire.stored.raft import KRaftVersionRecord, VotersRecord

if TYPE_CHECKING:
    from ottla.raft.metadata_log import MetadataLog

READ_BYTES = 4 * 1024 * 1024


class MetadataLogError(OttlaError):
    """The metadata log or its snapshots can't be read, or do not fit each other."""


def load(
    log: MetadataLog, history: VoterHistory, say: Callable[[str], None]
) -> list[CommittedBatch]:
    """All that the log and its newest snapshot hold; the voters go to the history.

    Raises:
        MetadataLogError: it can't be read, or something of it is missing.
    """
    found: list[CommittedBatch] = []
    offset = 0
    snapshots = log.snapshots()
    if snapshots:
        latest = snapshots[-1][0]
        if latest.offset > log.end_offset:
            say(
                f"the metadata log ends at {log.end_offset}, before its snapshot "
                f"{snapshot_name(latest)}: it begins anew there"
            )
            log.start_at(latest.offset)
        found.append(_read_snapshot(log, latest, history))
        offset = latest.offset
    if log.start_offset > offset:
        raise MetadataLogError(
            f"the metadata log begins at {log.start_offset}, and no snapshot holds what was before",
            hint="restore the *.checkpoint files of __cluster_metadata-0",
        )
    found.extend(_read_batch(batch, offset, history) for batch in _batches(log, offset))
    return found


def _read_snapshot(log: MetadataLog, snapshot: SnapshotId, history: VoterHistory) -> CommittedBatch:
    name = snapshot_name(snapshot)
    data = log.read_snapshot(snapshot)
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


def _batches(log: MetadataLog, offset: int) -> Iterator[Batch]:
    end_offset = log.end_offset
    while offset < end_offset:
        try:
            batches = read_batches(log.read(offset, READ_BYTES))
        except CorruptBatch as error:
            raise _unreadable(offset, error) from error
        if not batches:
            raise _unreadable(offset, "no whole batch is there")
        yield from batches
        offset = batches[-1].last_offset + 1


def _read_batch(batch: Batch, offset: int, history: VoterHistory) -> CommittedBatch:
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
