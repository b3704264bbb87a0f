"""Record batches for Python: built and read in Rust, dressed as tuples here.

Deciders make the records of their logs with `build_batch` and replay them with `read_batches`.
Produced and fetched data of clients never passes here: the core moves it as bytes. What stays
true: what `build_batch` gives, `read_batches` and Apache Kafka read back to the same records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ottla import _core
from ottla.errors import OttlaError
from ottla.wire.producers import NO_PRODUCER_ID

NO_TIMESTAMP = -1

MARKER_ABORT = 0
MARKER_COMMIT = 1


class CorruptBatch(OttlaError):
    """The bytes hold no record batch, or one whose checksum or records are wrong."""


class Record(NamedTuple):
    """One record. An `offset` of -1 takes the batch's next one."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp_ms: int = NO_TIMESTAMP
    offset: int = -1


class Batch(NamedTuple):
    """One batch of a log: its header and its records."""

    base_offset: int
    last_offset: int
    leader_epoch: int
    codec: str
    is_log_append_time: bool
    is_transactional: bool
    is_control: bool
    base_timestamp_ms: int
    max_timestamp_ms: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int
    position: int
    """Where the batch begins in the bytes that were read."""
    size_bytes: int
    records: Sequence[Record]


def build_batch(
    records: Iterable[Record],
    *,
    base_offset: int = 0,
    leader_epoch: int = -1,
    codec: str = "none",
    level: int | None = None,
    producer_id: int = NO_PRODUCER_ID,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    transactional: bool = False,
    control: bool = False,
    timestamp_type: str = "create",
    log_append_time_ms: int | None = None,
) -> bytes:
    """Make one sealed batch of at least one record.

    With `timestamp_type="append"` all records carry `log_append_time_ms`, which must then be given.

    Raises:
        ValueError: an unknown codec, level or timestamp type, no records, offsets that do not rise.
    """
    if timestamp_type not in ("create", "append"):
        raise ValueError(f"timestamp_type is 'create' or 'append', not {timestamp_type!r}")
    if (timestamp_type == "append") != (log_append_time_ms is not None):
        raise ValueError("log_append_time_ms goes with timestamp_type='append', and only with it")
    try:
        return _core.build_batch(
            list(records),
            base_offset=base_offset,
            leader_epoch=leader_epoch,
            codec=codec,
            level=level,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            base_sequence=base_sequence,
            transactional=transactional,
            control=control,
            log_append_time_ms=log_append_time_ms,
        )
    except _core.CoreError as error:
        raise ValueError(error.args[1]) from None


def control_batch(
    kind: int,
    value: bytes,
    *,
    timestamp_ms: int,
    base_offset: int = 0,
    leader_epoch: int = -1,
    producer_id: int = NO_PRODUCER_ID,
    producer_epoch: int = -1,
    transactional: bool = False,
) -> bytes:
    """Make a batch of one control record: a transaction marker, or one of raft's own records.

    The key of a control record is its version (0) and `kind`.
    """
    key = b"\x00\x00" + kind.to_bytes(2, "big")
    return build_batch(
        [Record(key, value, (), timestamp_ms)],
        base_offset=base_offset,
        leader_epoch=leader_epoch,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        transactional=transactional,
        control=True,
    )


def control_kind(record: Record) -> int:
    """The kind of a control batch's record: MARKER_ABORT, MARKER_COMMIT, or one of raft's."""
    if record.key is None or len(record.key) < 4:
        raise CorruptBatch("a control record without its kind")
    return int.from_bytes(record.key[2:4], "big")


def read_batches(
    data: bytes, *, records: bool = True, unpacked_bytes_max: int | None = None
) -> list[Batch]:
    """Read the whole batches in `data`; one that is cut off at the end is left out, as fetches cut.

    Without `records` only the headers are read (and the checksums checked). A few thousand bytes
    may unpack to a thousand times as many: who reads what anybody wrote sets `unpacked_bytes_max`.

    Raises:
        CorruptBatch: a wrong checksum, format or record, or records of more than that.
    """
    try:
        read = _core.read_batches(data, records, unpacked_bytes_max)
    except _core.CoreError as error:
        raise CorruptBatch(error.args[1]) from None
    make = Record._make
    return [
        Batch._make((*place, *flags, *times, *producer, *sizes, [*map(make, walked)]))
        for place, flags, times, producer, sizes, walked in read
    ]
