"""What stands before stored records, against bytes that Apache Kafka 4.3.1 wrote."""

from __future__ import annotations

import pytest
from wire_classes import messages
from wire_definitions import definitions

from ottla.wire.schema import EncodeError, ProtocolError
from ottla.wire.stored.frame import (
    CONSUMER_OFFSETS,
    SHARE_GROUP_STATE,
    TRANSACTION_STATE,
    UnknownRecordType,
    decode_coordinator_key,
    decode_coordinator_value,
    decode_metadata_record,
    encode_coordinator,
    encode_metadata_record,
)
from ottla.wire.stored.metadata import FeatureLevelRecord, TopicRecord
from ottla.wire.stored.offsets import OffsetCommitKey, OffsetCommitValue
from ottla.wire.stored.share import ShareSnapshotKey
from ottla.wire.stored.transaction import TransactionLogKey


def test_metadata_record() -> None:
    """The frame is three bytes: frame version, type, version."""
    record = FeatureLevelRecord(name="metadata.version", feature_level=30)
    data = encode_metadata_record(record, 0)
    assert data == b"\x01\x0c\x00\x11metadata.version\x00\x1e\x00"
    assert decode_metadata_record(data) == (record, 0)
    with pytest.raises(EncodeError):
        encode_metadata_record(record, 9)


@pytest.mark.parametrize("data", [b"", b"\1\2", b"\2\2\0", b"\1\2\0", b"\1\2\x09\0", b"\1\x80\1\0"])
def test_broken_metadata_records(data: bytes) -> None:
    """A log that holds something else is refused, not misread."""
    with pytest.raises(ProtocolError):
        decode_metadata_record(data)


def test_unknown_metadata_record() -> None:
    """A newer controller's record is told apart from a broken one."""
    with pytest.raises(UnknownRecordType, match="type 99"):
        decode_metadata_record(b"\1\x63\0\0")
    with pytest.raises(ProtocolError, match="1 bytes follow"):
        decode_metadata_record(encode_metadata_record(TopicRecord(name="t"), 0) + b"\0")


def test_coordinator_record() -> None:
    """Keys begin with their type, values with their version."""
    key = OffsetCommitKey(group="g", topic="t", partition=1)
    value = OffsetCommitValue(offset=5, metadata="", commit_timestamp=9)
    assert encode_coordinator(key) == b"\0\1\0\1g\0\1t\0\0\0\1"
    assert decode_coordinator_key(encode_coordinator(key)) == key
    data = encode_coordinator(value, 3)
    assert data[:2] == b"\0\3"
    assert decode_coordinator_value(data, key) == (value, 3)


def test_each_topic_counts_its_types_apart() -> None:
    """Type 0 is three different keys in three topics."""
    for topic, key in (
        (TRANSACTION_STATE, TransactionLogKey(transactional_id="x")),
        (SHARE_GROUP_STATE, ShareSnapshotKey(group_id="g", partition=1)),
    ):
        assert decode_coordinator_key(encode_coordinator(key), topic) == key
    with pytest.raises(UnknownRecordType, match="__transaction_state has no records of type 1"):
        decode_coordinator_key(b"\0\1\0", TRANSACTION_STATE)


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xff", b"\0\x09\0\0", b"\0\1\0\5g"])
def test_broken_coordinator_records(data: bytes) -> None:
    """As broken metadata records."""
    with pytest.raises(ProtocolError):
        decode_coordinator_key(data)
    with pytest.raises(ProtocolError):
        decode_coordinator_value(data, OffsetCommitKey())


@pytest.mark.jvm
def test_every_coordinator_record_has_its_topic() -> None:
    """A type that is missing in the table could be declared and never read."""
    for name, row in definitions().items():
        if row.type != "coordinator-key":
            continue
        topic = CONSUMER_OFFSETS
        if name == "TransactionLogKey":
            topic = TRANSACTION_STATE
        elif name in ("ShareSnapshotKey", "ShareUpdateKey"):
            topic = SHARE_GROUP_STATE
        key = messages()[name]()
        assert decode_coordinator_key(encode_coordinator(key), topic) == key
        value = messages()[name.removesuffix("Key") + "Value"]()
        lowest = value.min_version
        data = encode_coordinator(value, lowest)
        assert decode_coordinator_value(data, key, topic) == (value, lowest)
