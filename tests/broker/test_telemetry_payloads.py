"""What clients push, read off the bytes: every codec, and anything that anybody may send."""

from __future__ import annotations

import contextlib
import gzip
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ottla.broker.telemetry import otlp
from ottla.broker.telemetry.otlp import Point, points
from ottla.wire.compression import CODECS, unpacked
from ottla.wire.records import Record, build_batch

MAX = 1 << 20
HEAD = 61
"""Bytes before the records of a batch."""
PACKED = CODECS[1:]
TEXTS = (
    b"",
    b"a",
    b"abcdefgh" * 3,
    b"a" * 5000,
    b"ab" * 40_000,
    bytes(range(256)) * 300,
    b"".join(b"org.apache.kafka.producer.metric.%d" % n for n in range(3000)),
)


def packed(codec: str, text: bytes) -> tuple[bytes, bytes]:
    """The records of a batch with this text, packed by the core, and as they are."""
    records = [Record(None, text, (), 0)]
    return build_batch(records, codec=codec)[HEAD:], build_batch(records)[HEAD:]


@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_what_another_program_packed_is_unpacked(codec: str, text: bytes) -> None:
    """Clients that pack with that codec would be refused, or their numbers would be others."""
    data, plain = packed(codec, text)
    assert unpacked(CODECS.index(codec), data, MAX) == plain
    with pytest.raises(ValueError, match="more than"):
        unpacked(CODECS.index(codec), data, len(plain) - 1)


@pytest.mark.parametrize("codec", PACKED)
@given(data=st.binary(max_size=200), cut=st.integers(0, 200), flip=st.integers(0, 1599))
def test_nothing_that_is_sent_does_more_than_be_refused(
    codec: str, data: bytes, cut: int, flip: int
) -> None:
    """A client could end its connection, or the node, with some bytes."""
    good = bytearray(packed(codec, b"kafka " * 30)[0])
    damaged = bytearray(good)
    damaged[flip // 8 % len(good)] ^= 1 << flip % 8
    for one in (data, bytes(good[:cut]), bytes(damaged), bytes(good) + data):
        with contextlib.suppress(ValueError):
            assert len(unpacked(CODECS.index(codec), one, 4096)) <= 4096


def test_a_bomb_is_refused_early() -> None:
    """A few bytes that pretend to be a gigabyte would take as much memory."""
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        unpacked(1, bomb, 1000)
    back = b"\x04\x22\x4d\x18\x60\x40\x82"
    block = b"\x1fa\x01\x00" + b"\xff" * 100_000 + b"\x00"
    with pytest.raises(ValueError, match=r"more than|damaged"):
        unpacked(3, back + struct.pack("<I", len(block)) + block + bytes(4), MAX)


def test_a_payload_of_crumbs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload made to be slow would keep the thread that decides from everybody else."""
    monkeypatch.setattr(otlp, "FIELDS_MAX", 3)
    with pytest.raises(ValueError, match="more than 3 fields"):
        list(points(b"\x58\x01" * 4))


# ---------------------------------------------------------------------- OTLP
def field(number: int, data: bytes) -> bytes:
    """A field of protobuf with bytes in it."""
    size, length = b"", len(data)
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + data


def attribute(key: str, value: bytes) -> bytes:
    """A KeyValue; `value` is an AnyValue's field."""
    return field(1, key.encode()) + field(2, value)


def whole(*metrics: bytes, shared: bytes = b"") -> bytes:
    """A payload with these metrics."""
    resource = field(1, field(1, shared)) if shared else b""
    return field(1, resource + field(2, b"".join(field(2, one) for one in metrics)))


def test_gauges_and_sums_are_read() -> None:
    """Numbers of clients would be others on `/metrics`, or a gauge would be taken for a counter."""
    double = b"\x21" + struct.pack("<d", 2.5)
    integer = b"\x31" + struct.pack("<q", -7)
    time = b"\x19" + bytes(8)
    payload = whole(
        field(1, b"g") + field(2, b"what") + field(5, field(1, time + double)),
        field(1, b"s") + field(7, field(1, integer) + b"\x10\x01\x18\x01"),
        field(1, b"c") + field(7, field(1, double) + b"\x10\x02\x18\x00"),
        field(1, b"h") + field(9, field(1, double)),
        field(1, b"none") + field(5, field(1, time)),
        shared=attribute("rack", field(1, b"r1")),
    )
    rack = (("rack", "r1"),)
    assert list(points(payload)) == [
        Point("g", 2.5, rack, False, False),
        Point("s", -7.0, rack, True, True),
        Point("c", 2.5, rack, False, False),
    ]


def test_attributes_of_every_kind_are_texts() -> None:
    """A label would be empty, or the payload refused, for a number in an attribute."""
    values = (
        field(1, "ü".encode()),
        b"\x10\x01",
        b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x21" + struct.pack("<d", 0.5),
        field(5, b""),
    )
    attributes = b"".join(field(7, attribute(f"k{n}", value)) for n, value in enumerate(values))
    one = b"\x21" + struct.pack("<d", 1) + attributes
    (found,) = points(whole(field(1, b"g") + field(5, field(1, one))))
    assert [text for _, text in found.attributes] == ["ü", "true", "-1", "0.5", ""]


def test_texts_and_attributes_are_bounded() -> None:
    """A client could make labels of a megabyte, thousands a point."""
    long = field(7, attribute("k" * 1000, field(1, b"v" * 1000)))
    one = b"\x21" + struct.pack("<d", 1) + long * 50
    (found,) = points(whole(field(1, b"n" * 1000) + field(5, field(1, one))))
    assert len(found.attributes) == otlp.ATTRIBUTES_MAX
    assert {len(text) for pair in found.attributes for text in pair} == {otlp.TEXT_MAX}
    assert len(found.name) == otlp.TEXT_MAX


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """A client could end its connection, or the node, with some bytes."""
    for payload in (data, whole(data), whole(field(1, b"g") + field(5, data))):
        with contextlib.suppress(ValueError):
            list(points(payload))
