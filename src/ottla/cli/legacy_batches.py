"""Batches of the formats 0 and 1, which Kafka wrote before 0.11 and Apache's tools still read.

Such a batch is one record; a compressed one has a value that unpacks to more of them. The core does
not know them, so all is done here, in Python: it is slow, and such files are old and few.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple
from zlib import MAX_WBITS, crc32, decompressobj
from zlib import error as ZlibError

from ottla.cli.run import Failed

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
NO_TIMESTAMP = -1

_OVERHEAD = struct.Struct(">qi")
_HEADER = struct.Struct(">qiIbb")
_CHECKED_AT = 16
_LEAST_SIZE = 14
_TYPE_BIT = 0x08


class LegacyRecord(NamedTuple):
    """One record, and what its own checksum says."""

    key: bytes | None
    value: bytes | None
    headers: tuple[()]
    timestamp_ms: int
    offset: int
    crc: int
    is_valid: bool


class LegacyBatch(NamedTuple):
    """A batch in a file, with all of its bytes."""

    position: int
    data: bytes
    last_offset: int
    crc: int
    magic: int
    attributes: int
    bytes_max: int
    """What it may unpack to."""

    @property
    def is_control(self) -> bool:
        """Control records came with format 2."""
        return False

    @property
    def size_bytes(self) -> int:
        """With its offset and size."""
        return len(self.data)

    @property
    def timestamp_type(self) -> str:
        """The name of Apache's TimestampType.

        Raises Failed where there never was such a format.
        """
        if self.magic == 0:
            return "NoTimestampType"
        if self.magic != 1:
            raise Failed(f"Invalid magic used in LegacyRecord: {self.magic}")
        return "LogAppendTime" if self.attributes & _TYPE_BIT else "CreateTime"

    @property
    def max_timestamp(self) -> int:
        """Its own, which is the largest of those inside."""
        if self.magic == 0:
            return NO_TIMESTAMP
        return int.from_bytes(self.data[18:26], "big", signed=True)

    @property
    def codec(self) -> str:
        """Raises Failed where there is no such codec."""
        number = self.attributes & 7
        if number >= len(CODECS):
            raise Failed(f"Unknown compression type id: {number}")
        return CODECS[number]

    def heading(self) -> str:
        """What opens its line."""
        return f"offset: {self.last_offset}"

    def is_valid(self) -> bool:
        """Whether the checksum is that of the bytes."""
        return crc32(self.data[_CHECKED_AT:]) == self.crc

    def records(self) -> Iterator[LegacyRecord]:
        """Its records.

        Raises:
            Failed: they can't be read.
        """
        try:
            if self.codec == "none":
                yield _record(self, 0, None)
                return
            inner = list(_entries(_unpacked(self), self.bytes_max))
        except (struct.error, IndexError, ZlibError) as error:
            raise Failed(f"the batch at byte {self.position} can't be read: {error}") from None
        base = self.last_offset - inner[-1].last_offset if inner and self.magic == 1 else 0
        appended = self.max_timestamp if self.timestamp_type == "LogAppendTime" else None
        for entry in inner:
            if entry.magic != self.magic:
                raise Failed(
                    f"Compressed message magic {entry.magic} does not match wrapper magic "
                    f"{self.magic}"
                )
            yield _record(entry, base, appended)


def legacy_batch(file: BinaryIO, position: int, size: int, bytes_max: int) -> LegacyBatch:
    """The batch that lies there, of so many bytes."""
    file.seek(position)
    return _batch(file.read(size), position, bytes_max)


def _batch(data: bytes, position: int, bytes_max: int) -> LegacyBatch:
    offset, _, crc, magic, attributes = _HEADER.unpack_from(data)
    return LegacyBatch(position, data, offset, crc, magic, attributes, bytes_max)


def _entries(data: bytes, bytes_max: int) -> Iterator[LegacyBatch]:
    at = 0
    while len(data) - at >= _OVERHEAD.size:
        _, size = _OVERHEAD.unpack_from(data, at)
        end = at + _OVERHEAD.size + size
        if size < _LEAST_SIZE or end > len(data):
            raise IndexError(f"a record of {size} bytes")
        yield _batch(data[at:end], at, bytes_max)
        at = end


def _key_and_value(batch: LegacyBatch) -> tuple[bytes | None, bytes | None]:
    at = 18 if batch.magic == 0 else 26
    found = []
    for _ in range(2):
        (size,) = struct.unpack_from(">i", batch.data, at)
        at += 4
        if size > len(batch.data) - at:
            raise IndexError(f"a field of {size} bytes")
        found.append(None if size < 0 else batch.data[at : at + size])
        at += max(size, 0)
    return found[0], found[1]


def _record(batch: LegacyBatch, base: int, appended: int | None) -> LegacyRecord:
    key, value = _key_and_value(batch)
    timestamp = batch.max_timestamp if appended is None else appended
    offset = base + batch.last_offset
    return LegacyRecord(key, value, (), timestamp, offset, batch.crc, batch.is_valid())


# ---------------------------------------------------------------- codecs
def _unpacked(batch: LegacyBatch) -> bytes:
    packed = _key_and_value(batch)[1] or b""
    unpack = {"gzip": _gzip, "snappy": _snappy, "lz4": _lz4}.get(batch.codec)
    if unpack is None:
        raise Failed(f"Magic {batch.magic} does not support {batch.codec} compression")
    return unpack(packed, batch.bytes_max)


def _gzip(data: bytes, bytes_max: int) -> bytes:
    stream = decompressobj(16 + MAX_WBITS)
    unpacked = stream.decompress(data, bytes_max)
    _check(len(unpacked) if stream.eof else bytes_max + 1, bytes_max)
    return unpacked


def _check(size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise IndexError(f"cut off, or its records take more than {bytes_max} bytes")


_SNAPPY_HEADER = b"\x82SNAPPY\x00"


def _snappy(data: bytes, bytes_max: int) -> bytes:
    """Blocks behind a header of snappy-java, or one without."""
    if not data.startswith(_SNAPPY_HEADER):
        return _snappy_block(data, bytes_max)
    out, at = b"", 16
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        out += _snappy_block(data[at + 4 : at + 4 + size], bytes_max)
        _check(len(out), bytes_max)
        at += 4 + size
    return out


def _snappy_block(data: bytes, bytes_max: int) -> bytes:
    at = shift = size = 0
    while True:
        byte = data[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    _check(size, bytes_max)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        kind, length = tag & 3, tag >> 2
        if kind == 0:
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(data[at : at + extra], "little")
                at += extra
            out += data[at : at + length + 1]
            at += length + 1
        elif kind == 1:
            _copy(out, (tag >> 5) << 8 | data[at], (length & 7) + 4)
            at += 1
        else:
            width = 2 if kind == 2 else 4
            _copy(out, int.from_bytes(data[at : at + width], "little"), length + 1)
            at += width
        _check(len(out), bytes_max)
    return bytes(out)


def _copy(out: bytearray, distance: int, length: int) -> None:
    """Repeat what was written `distance` bytes ago; it may reach into what it writes."""
    start = len(out) - distance
    if distance == 0 or start < 0:
        raise IndexError("a copy of what is not there")
    piece = bytes(out[start:])
    out += (piece * (length // distance + 1))[:length]


_LZ4_MAGIC = b"\x04\x22\x4d\x18"


def _lz4(data: bytes, bytes_max: int) -> bytes:
    """A frame; its checksums are not looked at, as those of format 0 are wrong."""
    flags = data[4]
    if not data.startswith(_LZ4_MAGIC) or flags >> 6 != 1:
        raise IndexError("no frame of lz4")
    at = 7 + (8 if flags & 0x08 else 0)
    out = bytearray()
    while size := int.from_bytes(data[at : at + 4], "little"):
        at += 4
        block = data[at : at + (size & 0x7FFFFFFF)]
        if size >> 31:
            out += block
        else:
            _lz4_block(block, out, bytes_max)
        at += len(block) + (4 if flags & 0x10 else 0)
        _check(len(out), bytes_max)
    return bytes(out)


def _lz4_block(data: bytes, out: bytearray, bytes_max: int) -> None:
    at = 0
    while at < len(data):
        token = data[at]
        length, at = _lz4_length(data, token >> 4, at + 1)
        out += data[at : at + length]
        at += length
        if at >= len(data):
            return
        distance = int.from_bytes(data[at : at + 2], "little")
        length, at = _lz4_length(data, token & 15, at + 2)
        _check(len(out) + length, bytes_max)
        _copy(out, distance, length + 4)


def _lz4_length(data: bytes, length: int, at: int) -> tuple[int, int]:
    if length == 15:
        while True:
            length += data[at]
            at += 1
            if data[at - 1] != 255:
                break
    return length, at
