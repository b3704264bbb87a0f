"""What kafka-dump-log.sh makes of a record's key and value: text, numbers, or the JSON of what a
broker wrote for itself.

Each decoder gives two texts, of which the one or the other may be left out. What it can't decode it
says in their place, in Apache's words, and the reading goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ottla.cli.java_reading import NO_MESSAGE, JavaError, JavaReader, read
from ottla.cli.java_text import java_text
from ottla.cli.legacy_batches import LegacyRecord
from ottla.cli.message_json import as_json, text_of
from ottla.cli.run import Failed
from ottla.wire.records import Record
from ottla.wire.schema import Message, MetadataRecord
from ottla.wire.stored import frame
from ottla.wire.types import uuid_text

Texts = tuple[str | None, str | None]
Decoder = Callable[[Record | LegacyRecord], Texts]


# ---------------------------------------------------------------- bytes of a producer
PACKAGE = "org.apache.kafka.tools.api."


def _number(size: int) -> Callable[[bytes], str]:
    def decode(data: bytes) -> str:
        if len(data) < size:
            raise Failed(f"{len(data)} bytes are no number of {size} bytes")
        return str(int.from_bytes(data[:size], "big", signed=True))

    return decode


PLAIN: dict[str, Callable[[bytes], str]] = {
    PACKAGE + "StringDecoder": java_text,
    PACKAGE + "IntegerDecoder": _number(4),
    PACKAGE + "LongDecoder": _number(8),
}


def plain_decoder(key_class: str, value_class: str) -> Decoder:
    """Apache's own decoders by their class names.

    Raises:
        Failed: it is another class.
    """
    key_text, value_text = _plain(key_class), _plain(value_class)

    def decode(record: Record | LegacyRecord) -> Texts:
        key = None if record.key is None else key_text(record.key)
        return key, None if record.value is None else value_text(record.value)

    return decode


def _plain(name: str) -> Callable[[bytes], str]:
    if name in PLAIN:
        return PLAIN[name]
    why = (
        "it prints where the bytes lie in memory"
        if name == PACKAGE + "DefaultDecoder"
        else ("it is a Java class, and there is no Java here")
    )
    raise Failed(f"{name} is not honoured: {why}", hint=f"there are {', '.join(PLAIN)}")


# ---------------------------------------------------------------- coordinators
def coordinator_decoder(topic: str) -> Decoder:
    """Keys and values of a coordinator's topic."""

    def decode(record: Record | LegacyRecord) -> Texts:
        if record.key is None:
            raise Failed(
                f"Failed to decode message at offset {record.offset} using the specified decoder "
                "(message had a missing key)"
            )
        try:
            return _coordinator_texts(record.key, record.value, topic)
        except frame.UnknownRecordType:
            kind = frame.record_type(record.key)
            return f"Unknown record type {kind} at offset {record.offset}, skipping.", None
        except JavaError as error:
            return f"Error at offset {record.offset}, skipping. {error}", None

    return decode


def _coordinator_texts(key_data: bytes, value_data: bytes | None, topic: str) -> Texts:
    kind = _prefix(key_data, "key")
    key_class = frame.key_class(key_data, topic)
    key = _part(key_class, key_data, frame.KEY_VERSION, ("key", kind))
    value = "<DELETE>"
    if value_data is not None:
        version = _prefix(value_data, "value")
        value_class = frame.value_class(kind, topic)
        if not value_class.min_version <= version <= value_class.max_version:
            raise JavaError(f"Found an unknown record version {version} for {kind} type")
        message = _part(value_class, value_data, version, ("value", version))
        shown = as_json(message, version)
        if kind == _GROUP_METADATA and topic == frame.CONSUMER_OFFSETS:
            _open_members(shown, message)
        value = text_of({"version": str(version), "data": shown})
    return text_of({"type": str(kind), "data": as_json(key, frame.KEY_VERSION)}), value


def _prefix(data: bytes, what: str) -> int:
    if len(data) < 2:
        raise JavaError(f"Could not read version from {what}'s buffer.")
    return int.from_bytes(data[:2], "big", signed=True)


def _part(kind: type[Any], data: bytes, version: int, named: tuple[str, int]) -> Any:
    """`named`: what it is, and the version that Apache gives it in an error."""
    try:
        return read(kind, data, version, 2)[0]
    except JavaError as error:
        what, shown = named
        raise JavaError(
            f"Could not read record with version {shown} from {what}'s buffer due to: {error}."
        ) from None


_GROUP_METADATA = 2


def _open_members(shown: dict[str, Any], message: Any) -> None:
    """A consumer's subscription and assignment as JSON, where they can be read."""
    if message.protocol_type != "consumer":
        return
    from ottla.wire.messages.consumer_protocol import (
        ConsumerProtocolAssignment,
        ConsumerProtocolSubscription,
    )

    for row, member in zip(shown["members"], message.members, strict=True):
        _open(row, "subscription", ConsumerProtocolSubscription, member.subscription)
        _open(row, "assignment", ConsumerProtocolAssignment, member.assignment)


def _open(row: dict[str, Any], name: str, kind: type[Message], data: bytes) -> None:
    if len(data) < 2:
        return
    version = int.from_bytes(data[:2], "big", signed=True)
    try:
        row[name] = as_json(read(kind, data, version, 2)[0], version)
    except JavaError:
        return


# ---------------------------------------------------------------- the cluster's metadata
class _Refused(JavaError):
    """A MetadataParseException."""


def metadata_decoder(record: Record | LegacyRecord) -> Texts:
    """Records of `__cluster_metadata`."""
    try:
        if record.value is None:
            raise JavaError("Error while reading frame version")
        message, version = _framed(record.value, _metadata_class)
    except JavaError as error:
        return None, f"Error at {record.offset}, skipping. {error}"
    name = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", type(message).__name__).upper()
    return None, text_of({"type": name, "version": version, "data": as_json(message, version)})


def _metadata_class(kind: int) -> type[MetadataRecord]:
    from ottla.wire.stored.metadata import BY_TYPE

    if kind not in BY_TYPE:
        raise _Refused(
            "org.apache.kafka.common.errors.UnsupportedVersionException: "
            f"Unknown metadata id {kind}"
        )
    return BY_TYPE[kind]


def _framed(data: bytes, class_of: Callable[[int], type[MetadataRecord]]) -> tuple[Any, int]:
    reader = JavaReader(data)
    frame_version = _unsigned_short(reader, "frame version")
    if frame_version == 0:
        raise _Refused(
            "Could not deserialize metadata record with frame version 0. Note that upgrades from "
            "the preview release of KRaft in 2.8 to newer versions are not supported."
        )
    if frame_version != frame.FRAME_VERSION:
        raise _Refused(
            "Could not deserialize metadata record due to unknown frame version "
            f"{frame_version}(only frame version {frame.FRAME_VERSION} is supported)"
        )
    kind = _unsigned_short(reader, "type")
    version = _unsigned_short(reader, "version")
    found = class_of(kind)
    try:
        message, end = read(found, data, version, reader.at)
    except JavaError:
        raise _Refused(f"Failed to deserialize record with type {kind}") from None
    if end < len(data):
        raise _Refused(f"Found {len(data) - end} byte(s) of garbage after {kind}")
    return message, version


def _unsigned_short(reader: JavaReader, what: str) -> int:
    try:
        value = reader.unsigned_varint()
    except JavaError:
        raise _Refused(f"Error while reading {what}") from None
    if value > 0x7FFF:
        raise _Refused(f"Value for {what} was too large.")
    return (value + 0x8000) % 0x10000 - 0x8000


# ---------------------------------------------------------------- tiered storage
def remote_log_decoder(record: Record | LegacyRecord) -> Texts:
    """Records of `__remote_log_metadata`, as the classes that they stand for print themselves."""
    try:
        if record.value is None:
            raise JavaError(
                'Cannot invoke "java.nio.ByteBuffer.remaining()" because the return value of '
                '"org.apache.kafka.common.record.internal.Record.value()" is null'
            )
        message, _ = _framed(record.value, _remote_log_class)
        return None, _REMOTE[type(message).__name__](message)
    except JavaError as error:
        return None, f"Error at offset {record.offset}, skipping. {error}"


def _remote_log_class(kind: int) -> type[MetadataRecord]:
    from ottla.wire.stored import remote_log

    for found in (
        remote_log.RemoteLogSegmentMetadataRecord,
        remote_log.RemoteLogSegmentMetadataUpdateRecord,
        remote_log.RemotePartitionDeleteMetadataRecord,
        remote_log.RemoteLogSegmentMetadataSnapshotRecord,
    ):
        if found.api_key == kind:
            return found
    raise _Refused(
        f"org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id {kind}"
    )


_SEGMENT_STATES = (
    "COPY_SEGMENT_STARTED",
    "COPY_SEGMENT_FINISHED",
    "DELETE_SEGMENT_STARTED",
    "DELETE_SEGMENT_FINISHED",
)
_DELETE_STATES = (
    "DELETE_PARTITION_MARKED",
    "DELETE_PARTITION_STARTED",
    "DELETE_PARTITION_FINISHED",
)


_NO_STATE = "state can not be null"


def _state(number: int, names: tuple[str, ...], otherwise: str) -> str:
    if not 0 <= number < len(names):
        raise JavaError(otherwise)
    return names[number]


def _topic_partition(entry: Any) -> str:
    return f"{uuid_text(entry.id)}:{entry.name}-{entry.partition}"


def _segment_id(entry: Any) -> str:
    partition = _topic_partition(entry.topic_id_partition)
    return f"RemoteLogSegmentId{{topicIdPartition={partition}, id={uuid_text(entry.id)}}}"


def _custom(data: bytes | None) -> str:
    if data is None:
        return "Optional.empty"
    return f"Optional[CustomMetadata{{{len(data)} bytes}}]"


def _segment(message: Any) -> str:
    start, end = message.start_offset, message.end_offset
    if start < 0:
        raise JavaError(
            f"Unexpected start offset = {start}. StartOffset for a remote segment cannot be "
            "negative"
        )
    if end < start:
        raise JavaError(
            f"Unexpected end offset = {end}. EndOffset for a remote segment cannot be less than "
            f"startOffset = {start}"
        )
    if not message.segment_leader_epochs:
        raise JavaError("segmentLeaderEpochs can not be null or empty")
    epochs = {row.leader_epoch: row.offset for row in message.segment_leader_epochs}
    shown = ", ".join(f"{epoch}={epochs[epoch]}" for epoch in sorted(epochs))
    return (
        f"RemoteLogSegmentMetadata{{remoteLogSegmentId={_segment_id(message.remote_log_segment_id)}"
        f", startOffset={start}, endOffset={end}, "
        f"brokerId={message.broker_id}, maxTimestampMs={message.max_timestamp_ms}, "
        f"eventTimestampMs={message.event_timestamp_ms}, segmentLeaderEpochs={{{shown}}}, "
        f"segmentSizeInBytes={message.segment_size_in_bytes}, "
        f"customMetadata={_custom(message.custom_metadata)}, "
        f"state={_state(message.remote_log_segment_state, _SEGMENT_STATES, _NO_STATE)}, "
        f"txnIdxEmpty={str(message.txn_index_empty).lower()}}}"
    )


def _segment_update(message: Any) -> str:
    return (
        "RemoteLogSegmentMetadataUpdate{"
        f"remoteLogSegmentId={_segment_id(message.remote_log_segment_id)}, "
        f"customMetadata={_custom(message.custom_metadata)}, "
        f"state={_state(message.remote_log_segment_state, _SEGMENT_STATES, _NO_STATE)}, "
        f"eventTimestampMs={message.event_timestamp_ms}, brokerId={message.broker_id}}}"
    )


def _partition_delete(message: Any) -> str:
    state = _state(message.remote_partition_delete_state, _DELETE_STATES, NO_MESSAGE)
    return (
        "RemotePartitionDeleteMetadata{"
        f"topicPartition={_topic_partition(message.topic_id_partition)}, state={state}, "
        f"eventTimestampMs={message.event_timestamp_ms}, brokerId={message.broker_id}}}"
    )


def _segment_snapshot(message: Any) -> str:
    raise JavaError("RemoteLogMetadataTransform for apikey: 3 does not exist.")


_REMOTE: dict[str, Callable[[Any], str]] = {
    "RemoteLogSegmentMetadataRecord": _segment,
    "RemoteLogSegmentMetadataUpdateRecord": _segment_update,
    "RemotePartitionDeleteMetadataRecord": _partition_delete,
    "RemoteLogSegmentMetadataSnapshotRecord": _segment_snapshot,
}


# ---------------------------------------------------------------- control records
CONTROL = {2: "LeaderChange:", 3: "SnapshotHeader", 4: "SnapshotFooter"}
CONTROL |= {5: "KRaftVersion", 6: "KRaftVoters"}


def control_text(record: Record) -> str:
    """What a control record says.

    Raises:
        Failed: it is none.
    """
    from ottla.wire.stored import control, raft

    key = record.key or b""
    if len(key) < 4 or key[0] >= 0x80:
        raise Failed(f"Invalid value size found for end control record key: {len(key)}")
    kind = int.from_bytes(key[2:4], "big", signed=True)
    value = record.value or b""
    try:
        if kind in (0, 1):
            marker = read(control.EndTxnMarker, value, 0, 2)[0]
            name = ("ABORT", "COMMIT")[kind]
            return f" endTxnMarker: {name} coordinatorEpoch: {marker.coordinator_epoch}"
        if kind not in CONTROL:
            return f" controlType: UNKNOWN({kind})"
        found: tuple[type[Message], ...] = (
            raft.LeaderChangeMessage,
            raft.SnapshotHeaderRecord,
            raft.SnapshotFooterRecord,
            raft.KRaftVersionRecord,
            raft.VotersRecord,
        )
        message: Any = read(found[kind - 2], value, 0)[0]
    except JavaError as error:
        raise Failed(f"the control record at offset {record.offset} can't be read: {error}") from (
            None
        )
    return f" {CONTROL[kind]} {text_of(as_json(message, message.version))}"
