"""How a turn's records become batches: one for all that belong to no transaction, one for those of
each producer's, and one for each marker.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ottla.decide import Marker, Record
from ottla.wire.records import (
    MARKER_ABORT,
    MARKER_COMMIT,
    build_batch,
    control_batch,
    control_kind,
)
from ottla.wire.records import Record as Stored
from ottla.wire.schema import ProtocolError

_EPOCH_END: Final = 6
"""Where the coordinator's epoch ends in a marker's value, behind two bytes of a version."""


class Written(NamedTuple):
    """A record that is not appended yet, and when it was decided."""

    record: Record
    wall_ms: int


def by_batch(written: list[Written], bytes_max: int) -> list[list[Written]]:
    """Cut the records of a turn where a batch would grow too large (the bound is generous a
    record), where another producer's begin, and around markers.
    """
    groups: list[list[Written]] = []
    size = bytes_max
    producer: tuple[int, int, Marker | None] = (-1, -1, None)
    for one in written:
        record = one.record
        record_size = len(record.key or b"") + len(record.value or b"") + 64
        if (
            size + record_size > bytes_max - 64
            or record.marker is not None
            or producer != record[3:6]
        ):
            groups.append([])
            size = 0
            producer = (record.producer_id, record.producer_epoch, record.marker)
        groups[-1].append(one)
        size += record_size
    return groups


def batch_of(group: list[Written], codec: str) -> bytes:
    """The batch of one such group."""
    first, wall_ms = group[0]
    producer_id, producer_epoch = first.producer_id, first.producer_epoch
    if first.marker is not None:
        return control_batch(
            MARKER_COMMIT if first.marker.committed else MARKER_ABORT,
            b"\0\0" + first.marker.coordinator_epoch.to_bytes(4, "big", signed=True),
            timestamp_ms=wall_ms,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            transactional=True,
        )
    return build_batch(
        [Stored(record.key, record.value, (), wall_ms) for record, wall_ms in group],
        codec=codec,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=0 if producer_id >= 0 else -1,
        transactional=producer_id >= 0,
    )


def marker_of(record: Stored) -> Marker:
    """The marker that a control record is.

    Raises:
        ProtocolError: it is none that the log would take for one.
        CorruptBatch: it has no kind.
    """
    kind, value = control_kind(record), record.value or b""
    if kind not in (MARKER_ABORT, MARKER_COMMIT) or len(value) < _EPOCH_END:
        raise ProtocolError(f"it is no transaction's marker (kind {kind}, {len(value)} bytes)")
    epoch = int.from_bytes(value[2:_EPOCH_END], "big", signed=True)
    return Marker(kind == MARKER_COMMIT, epoch)
