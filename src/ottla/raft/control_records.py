"""The quorum's own records in the metadata log and in snapshots: kinds, keys, values.

A control record's key is (version int16 = 0, kind int16); its value is a message of
`ottla.wire.stored.raft`, encoded in version 0 (as Apache Kafka 4.3.1 writes all of them).
"""

from __future__ import annotations

from typing import Any

from ottla.wire.schema import decode_prefix, encode
from ottla.wire.stored.raft import (
    KRaftVersionRecord,
    LeaderChangeMessage,
    SnapshotFooterRecord,
    SnapshotHeaderRecord,
    VotersRecord,
)

_KINDS: dict[int, type[Any]] = {
    2: LeaderChangeMessage,
    3: SnapshotHeaderRecord,
    4: SnapshotFooterRecord,
    5: KRaftVersionRecord,
    6: VotersRecord,
}
_KEYS = {
    message: b"\x00\x00" + kind.to_bytes(2, "big", signed=True) for kind, message in _KINDS.items()
}

KeyValue = tuple[bytes, bytes]


def encode_control(message: Any) -> KeyValue:
    """Key and value of a control record."""
    return _KEYS[type(message)], encode(message, 0)


def decode_control(key: bytes, value: bytes) -> Any | None:
    """The message of a control record; None for kinds that are not the quorum's (transaction
    markers)."""
    if len(key) < 4:
        return None
    message = _KINDS.get(int.from_bytes(key[2:4], "big", signed=True))
    if message is None:
        return None
    # Later versions of these records only add to them, and say so in their own version field.
    version = int.from_bytes(value[:2], "big", signed=True)
    return decode_prefix(message, value, min(version, message.max_version))[0]
