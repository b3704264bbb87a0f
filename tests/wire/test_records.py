"""Record batches as Python builds and reads them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ottla.wire.records import (
    MARKER_ABORT,
    CorruptBatch,
    Record,
    build_batch,
    control_batch,
    control_kind,
    read_batches,
)

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
optional_bytes = st.none() | st.binary(max_size=600)
records = st.lists(
    st.builds(
        Record,
        key=optional_bytes,
        value=optional_bytes,
        headers=st.lists(st.tuples(st.text(max_size=8), optional_bytes), max_size=3).map(tuple),
        timestamp_ms=st.integers(min_value=-1, max_value=2**62),
        offset=st.just(-1),
    ),
    min_size=1,
    max_size=20,
)


@settings(deadline=None, max_examples=150)
@given(records=records, codec=st.sampled_from(CODECS), base_offset=st.integers(0, 2**60))
def test_what_is_built_is_read_back(records: list[Record], codec: str, base_offset: int) -> None:
    """Coordinators would lose or change their state if a record came back different."""
    data = build_batch(records, base_offset=base_offset, codec=codec, leader_epoch=7)
    (batch,) = read_batches(data)
    assert [record[:4] for record in batch.records] == [record[:4] for record in records]
    assert [record.offset for record in batch.records] == [
        base_offset + index for index in range(len(records))
    ]
    assert (batch.base_offset, batch.last_offset) == (base_offset, base_offset + len(records) - 1)
    assert (batch.codec, batch.leader_epoch, batch.record_count) == (codec, 7, len(records))
    assert batch.max_timestamp_ms == max(record.timestamp_ms for record in records)
    assert batch.size_bytes == len(data)


def test_the_header_lies_where_kafka_has_it() -> None:
    """Every field at another place would make the batch unreadable to all other programs."""
    data = build_batch(
        [Record(b"k", b"v", (), 1000), Record(None, b"w", (), 1005)],
        base_offset=40,
        leader_epoch=3,
        producer_id=77,
        producer_epoch=5,
        base_sequence=9,
        transactional=True,
    )
    fields = struct.unpack_from(">qiibIhiqqqhii", data)
    assert fields[:4] == (40, len(data) - 12, 3, 2)
    assert fields[5:] == (0x10, 1, 1000, 1005, 77, 5, 9, 2)
    assert data[61:] == bytes.fromhex("10 00 00 00 02 6b 02 76 00  0e 00 0a 02 01 02 77 00")


def test_a_changed_byte_is_found() -> None:
    """A replay over a broken batch would build a wrong state without a word."""
    data = bytearray(build_batch([Record(b"key", b"value")]))
    for position in range(17, len(data)):
        data[position] ^= 1
        with pytest.raises(CorruptBatch):
            read_batches(bytes(data))
        data[position] ^= 1
    assert len(read_batches(bytes(data))) == 1


def test_a_tail_that_was_cut_is_left_out() -> None:
    """Reads end at a number of bytes, not at the end of a batch."""
    first, second = build_batch([Record(b"a", None)]), build_batch([Record(b"b", None)])
    for cut in range(len(second)):
        assert len(read_batches(first + second[:cut])) == 1
    assert len(read_batches(first + second)) == 2


def test_control_records_and_append_time() -> None:
    """Markers tell replay whether a transaction counts; append time is the whole batch's."""
    marker = control_batch(
        MARKER_ABORT, b"\0" * 6, timestamp_ms=5, producer_id=1, producer_epoch=0, transactional=True
    )
    (batch,) = read_batches(marker)
    assert batch.is_control
    assert batch.is_transactional
    assert control_kind(batch.records[0]) == MARKER_ABORT
    data = build_batch([Record(b"a", b"b", (), 5)], timestamp_type="append", log_append_time_ms=99)
    (batch,) = read_batches(data)
    assert batch.is_log_append_time
    assert batch.records[0].timestamp_ms == 99


def test_wrong_arguments_are_named() -> None:
    """A typo in a codec must not silently give an uncompressed log."""
    with pytest.raises(ValueError, match="brotli"):
        build_batch([Record(b"", b"")], codec="brotli")
    with pytest.raises(ValueError, match="needs a record"):
        build_batch([])
    with pytest.raises(ValueError, match="level"):
        build_batch([Record(b"", b"")], codec="lz4", level=18)
    with pytest.raises(ValueError, match="grow"):
        build_batch([Record(b"", b"", offset=3), Record(b"", b"", offset=3)])


def test_levels_have_effect() -> None:
    """A producer or a test that asks for a level would get another one's bytes."""
    records = [
        Record(None, b"user-%03d clicked %d" % (i * i % 997, i * 7 % 50)) for i in range(4000)
    ]
    plain = len(build_batch(records))
    for codec, least, most in (("gzip", 1, 9), ("lz4", 1, 17), ("zstd", 1, 19)):
        sizes = [len(build_batch(records, codec=codec, level=at)) for at in (least, most)]
        assert plain > sizes[0] > sizes[1], codec
    assert build_batch(records, codec="lz4", level=9) == build_batch(records, codec="lz4")
