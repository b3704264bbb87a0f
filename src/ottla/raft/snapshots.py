"""Metadata snapshots: their names, their bytes, when one is due, and what may be deleted after it.

A snapshot `OFFSET-EPOCH.checkpoint` holds the cluster as of all records before OFFSET, the last of
which was written in EPOCH: a control batch with SnapshotHeader (and KRaftVersion and Voters in a
dynamic quorum), batches of metadata records, and a control batch with SnapshotFooter. Offsets
inside of it count from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ottla.errors import OttlaError
from ottla.raft.control_records import KeyValue, decode_control, encode_control
from ottla.raft.voters import VoterSet, voters_record
from ottla.wire.records import Record, build_batch, read_batches
from ottla.wire.stored.frame import decode_metadata_record, encode_metadata_record
from ottla.wire.stored.raft import (
    KRaftVersionRecord,
    SnapshotFooterRecord,
    SnapshotHeaderRecord,
)

SNAPSHOT_SUFFIX = ".checkpoint"
PARTIAL_SUFFIX = ".checkpoint.part"
DELETED_SUFFIX = ".checkpoint.deleted"

RECORDS_PER_BATCH = 1024
HEAD_BYTES = 16 * 1024
"""So many hold a snapshot's first batch, which has the voters too, with dozens of them."""

_PREFIX_BYTES = 12
"""Of a batch, before what its length counts."""

_OFFSET_MAX = (1 << 63) - 1
_EPOCH_MAX = (1 << 31) - 1


class SnapshotError(OttlaError):
    """A snapshot is damaged or not whole."""


class SnapshotId(NamedTuple):
    """All records before `offset` are in it; the last of them has leader epoch `epoch`."""

    offset: int
    epoch: int


BOOTSTRAP_SNAPSHOT = SnapshotId(0, 0)
"""Written by format in a dynamic quorum: the first voters, and no metadata."""


def snapshot_name(snapshot: SnapshotId) -> str:
    """The file's name."""
    return f"{snapshot.offset:020d}-{snapshot.epoch:010d}{SNAPSHOT_SUFFIX}"


def parse_snapshot_name(name: str) -> SnapshotId | None:
    """The id in a file's name; None if it is no snapshot."""
    if not name.endswith(SNAPSHOT_SUFFIX):
        return None
    offset, _, epoch = name.removesuffix(SNAPSHOT_SUFFIX).partition("-")
    if len(offset) != 20 or len(epoch) != 10 or not (name.isascii() and offset.isdigit()):
        return None
    if not epoch.isdigit() or int(offset) > _OFFSET_MAX or int(epoch) > _EPOCH_MAX:
        return None
    return SnapshotId(int(offset), int(epoch))


def encode_snapshot(
    records: Iterable[tuple[Any, int]],
    *,
    epoch: int,
    now_ms: int,
    last_contained_log_timestamp: int,
    kraft_version: int | None = None,
    voters: VoterSet | None = None,
) -> bytes:
    """The bytes of a snapshot of these (metadata record, version) pairs.

    `kraft_version` and `voters` go in when they are given: in dynamic quorums, and nowhere else.
    """
    return b"".join(
        snapshot_batches(
            records,
            epoch=epoch,
            now_ms=now_ms,
            last_contained_log_timestamp=last_contained_log_timestamp,
            kraft_version=kraft_version,
            voters=voters,
        )
    )


def snapshot_batches(
    records: Iterable[tuple[Any, int]],
    *,
    epoch: int,
    now_ms: int,
    last_contained_log_timestamp: int,
    kraft_version: int | None = None,
    voters: VoterSet | None = None,
) -> Iterator[bytes]:
    """The same, a batch at a time: who has others to serve meanwhile does so between two."""
    header = [
        encode_control(
            SnapshotHeaderRecord(
                version=0, last_contained_log_timestamp=last_contained_log_timestamp
            )
        )
    ]
    if kraft_version is not None:
        header.append(encode_control(KRaftVersionRecord(version=0, kraft_version=kraft_version)))
    if voters is not None:
        header.append(encode_control(voters_record(voters)))
    yield _control_batch(0, header, epoch, now_ms)
    offset = len(header)
    for group in _grouped(records):
        values = [
            Record(None, encode_metadata_record(record, version), timestamp_ms=now_ms)
            for record, version in group
        ]
        yield build_batch(values, base_offset=offset, leader_epoch=epoch)
        offset += len(values)
    footer = [encode_control(SnapshotFooterRecord(version=0))]
    yield _control_batch(offset, footer, epoch, now_ms)


def _grouped(records: Iterable[tuple[Any, int]]) -> Iterator[list[tuple[Any, int]]]:
    group: list[tuple[Any, int]] = []
    for pair in records:
        group.append(pair)
        if len(group) == RECORDS_PER_BATCH:
            yield group
            group = []
    if group:
        yield group


def _control_batch(base_offset: int, pairs: Sequence[KeyValue], epoch: int, now_ms: int) -> bytes:
    records = [Record(key, value, timestamp_ms=now_ms) for key, value in pairs]
    return build_batch(records, base_offset=base_offset, leader_epoch=epoch, control=True)


class Snapshot(NamedTuple):
    """What a snapshot holds."""

    last_contained_log_timestamp: int
    control: tuple[Any, ...]
    """Control messages between header and footer: KRaftVersionRecord, VotersRecord."""
    records: list[Any]
    versions: list[int]
    """The version of each record."""


def decode_snapshot(data: bytes, name: str) -> Snapshot:
    """Read a snapshot.

    Raises:
        SnapshotError: it is damaged, or has no header or footer (which is written last).
    """
    records: list[Any] = []
    versions: list[int] = []
    control: list[Any] = []
    try:
        for batch in read_batches(data):
            for record in batch.records:
                if batch.is_control:
                    message = decode_control(record.key or b"", record.value or b"")
                    if message is not None:
                        control.append(message)
                elif record.value is not None:
                    message, version = decode_metadata_record(record.value)
                    records.append(message)
                    versions.append(version)
    except OttlaError as error:
        raise SnapshotError(f"snapshot {name} is damaged: {error}") from error
    if not control or not isinstance(control[0], SnapshotHeaderRecord):
        raise SnapshotError(f"snapshot {name} does not begin with a header")
    if not isinstance(control[-1], SnapshotFooterRecord):
        raise SnapshotError(f"snapshot {name} has no footer: it was not written to its end")
    timestamp = control[0].last_contained_log_timestamp
    return Snapshot(timestamp, tuple(control[1:-1]), records, versions)


def last_contained_log_timestamp(beginning: bytes, name: str) -> int:
    """When the last record before a snapshot was written, from its first `HEAD_BYTES` or more.

    Raises:
        SnapshotError: they do not hold a snapshot's first batch whole.
    """
    try:
        first = read_batches(beginning[: _PREFIX_BYTES + int.from_bytes(beginning[8:12])])
        header = next(
            (
                decode_control(record.key or b"", record.value or b"")
                for batch in first
                for record in batch.records
            ),
            None,
        )
    except OttlaError as error:
        raise SnapshotError(f"snapshot {name} is damaged: {error}") from error
    if not isinstance(header, SnapshotHeaderRecord):
        raise SnapshotError(f"snapshot {name} does not begin with a header")
    timestamp_ms: int = header.last_contained_log_timestamp
    return timestamp_ms


class SnapshotPolicy:
    """When the next snapshot is due: after so many bytes of records, or so much time."""

    __slots__ = ("_bytes", "_last_ms", "bytes_max", "interval_ms_max")

    def __init__(self, *, bytes_max: int, interval_ms_max: int, now_ms: int) -> None:
        self.bytes_max = bytes_max
        self.interval_ms_max = interval_ms_max
        self._bytes = 0
        self._last_ms = now_ms

    def committed(self, size_bytes: int, now_ms: int) -> str | None:
        """Count committed batches; why a snapshot is due now, or None."""
        self._bytes += size_bytes
        if self._bytes >= self.bytes_max:
            return f"{self._bytes} bytes of records since the last snapshot"
        # Somebody may have set the clock back: the interval begins anew then, and does not wait for
        # the old date.
        self._last_ms = min(self._last_ms, now_ms)
        age_ms = now_ms - self._last_ms
        if self.interval_ms_max > 0 and age_ms >= self.interval_ms_max:
            return f"{age_ms} ms since the last snapshot"
        return None

    def taken(self, now_ms: int) -> None:
        """A snapshot was taken."""
        self._bytes = 0
        self._last_ms = now_ms


def deletable_snapshots(
    snapshots: Sequence[tuple[SnapshotId, int]],
    *,
    log_size_bytes: int,
    retention_bytes: int,
    retention_ms: int,
    timestamp_of: Any,
    now_ms: int,
) -> list[SnapshotId]:
    """Which snapshots `metadata.max.retention.bytes` and `.ms` let go, oldest first; the newest
    always stays.

    `snapshots` are (id, size), oldest first; `timestamp_of` gives a snapshot's last contained log
    timestamp. Negative limits mean none. After them the log may start at the oldest snapshot that
    is left.
    """
    total = log_size_bytes + sum(size for _, size in snapshots)
    gone: list[SnapshotId] = []
    for snapshot, size in snapshots[:-1]:
        too_big = 0 <= retention_bytes < total
        too_old = retention_ms >= 0 and now_ms - timestamp_of(snapshot) > retention_ms
        if not too_big and not too_old:
            break
        gone.append(snapshot)
        total -= size
    return gone
