"""The batches of a log file one after another, as Apache's FileLogInputStream finds them.

Nothing is mended and little is believed: a batch whose checksum is wrong is one all the same, and
its records are read as far as they go. Only one batch is in memory, and its records unpack to no
more than `UNPACKED_BYTES_MAX`. The core reads the records; what it would refuse (a checksum, a
format to come) is first put right in the copy that it is given.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ottla.cli.java_text import java_text
from ottla.cli.legacy_batches import CODECS, LegacyBatch, legacy_batch
from ottla.cli.run import Failed
from ottla.wire.records import CorruptBatch, Record, read_batches

UNPACKED_BYTES_MAX = 256 << 20

INT_MAX = 0x7FFFFFFF
NO_SEQUENCE = -1

_BEGIN = struct.Struct(">qiib")  # base offset, size, leader epoch (of old formats a CRC), magic
_HEADER = struct.Struct(">qiibIhiqqqhii")
_LOG_OVERHEAD = 12
_LEAST_SIZE = 14
_CRC_AT, _CHECKED_AT = 17, 21
_TYPE_BIT, _TRANSACTIONAL_BIT, _CONTROL_BIT, _HORIZON_BIT = 0x08, 0x10, 0x20, 0x40


class Found(NamedTuple):
    """A batch in a file: the fields of its header, and where it lies."""

    position: int
    size_bytes: int
    base_offset: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def last_offset(self) -> int:
        """The offset of the last record that it was made with."""
        return self.base_offset + self.last_offset_delta

    @property
    def is_control(self) -> bool:
        """Whether its records are the broker's or the quorum's own."""
        return bool(self.attributes & _CONTROL_BIT)

    @property
    def is_transactional(self) -> bool:
        """Whether it belongs to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL_BIT)

    @property
    def timestamp_type(self) -> str:
        """The name of Apache's TimestampType."""
        return "LogAppendTime" if self.attributes & _TYPE_BIT else "CreateTime"

    @property
    def delete_horizon(self) -> int | None:
        """From when on cleaning may drop its tombstones."""
        return self.base_timestamp if self.attributes & _HORIZON_BIT else None

    @property
    def codec(self) -> str:
        """Raises Failed where there is no such codec."""
        number = self.attributes & 7
        if number >= len(CODECS):
            raise Failed(f"Unknown compression type id: {number}")
        return CODECS[number]

    @property
    def last_sequence(self) -> int:
        """The sequence number of the last record that it was made with; -1 without a producer."""
        if self.base_sequence == NO_SEQUENCE:
            return NO_SEQUENCE
        return _after(self.base_sequence, self.last_offset_delta)

    def sequence(self, offset: int) -> int:
        """The sequence number of one of its records; -1 without a producer."""
        if self.base_sequence < 0:
            return NO_SEQUENCE
        return _after(self.base_sequence, offset - self.base_offset)

    def heading(self) -> str:
        """What opens its line."""
        return (
            f"baseOffset: {self.base_offset} lastOffset: {self.last_offset} "
            f"count: {self.record_count} baseSequence: {self.base_sequence} "
            f"lastSequence: {self.last_sequence} producerId: {self.producer_id} "
            f"producerEpoch: {self.producer_epoch} partitionLeaderEpoch: {self.leader_epoch} "
            f"isTransactional: {flag(self.is_transactional)} isControl: {flag(self.is_control)} "
            f"deleteHorizonMs: {optional_long(self.delete_horizon)}"
        )


def flag(value: bool) -> str:
    """As Java prints a boolean."""
    return "true" if value else "false"


def optional_long(value: int | None) -> str:
    """As Java prints an OptionalLong."""
    return "OptionalLong.empty" if value is None else f"OptionalLong[{value}]"


def _after(sequence: int, steps: int) -> int:
    """A sequence number some steps later, in Java's ints, which go around after the largest."""
    if sequence > _int(INT_MAX - steps):
        return _int(steps - (INT_MAX - sequence) - 1)
    return _int(sequence + steps)


def _int(value: int) -> int:
    return (value + 0x80000000) % 0x100000000 - 0x80000000


def batches(file: BinaryIO, size: int, start: int = 0) -> Iterator[Found | LegacyBatch]:
    """Those that lie whole between two places of a file.

    Raises:
        Failed: bytes there are no batch.
    """
    position = start
    while position < size - _BEGIN.size:
        file.seek(position)
        begin = file.read(_HEADER.size)
        if len(begin) < _BEGIN.size:
            return
        _, length, _, magic = _BEGIN.unpack_from(begin)
        if length < _LEAST_SIZE:
            raise Failed(
                f"Found record size {length} smaller than minimum record overhead ({_LEAST_SIZE}) "
                f"in file {file.name}.",
                hint=f"the bytes from {position} on are no batch",
            )
        if position > size - _LOG_OVERHEAD - length:
            return
        if magic < 2:
            whole = _LOG_OVERHEAD + length
            yield legacy_batch(file, position, whole, UNPACKED_BYTES_MAX)
            position += whole
            continue
        if len(begin) < _HEADER.size:
            raise Failed(f"{file.name}: the header of the batch at byte {position} is cut off")
        yield _found(position, begin)
        position += _LOG_OVERHEAD + length


def _found(position: int, header: bytes) -> Found:
    fields = _HEADER.unpack(header)
    base_offset, length, leader_epoch, magic, crc = fields[:5]
    return Found(
        position, _LOG_OVERHEAD + length, base_offset, leader_epoch, magic, crc, *fields[5:]
    )


def contents(file: BinaryIO, found: Found | LegacyBatch) -> Contents | LegacyBatch:
    """The bytes of a batch, which one of an old format has already."""
    return found if isinstance(found, LegacyBatch) else Contents(file, found)


class Contents:
    """The bytes of one batch."""

    def __init__(self, file: BinaryIO, found: Found) -> None:
        file.seek(found.position)
        self._found = found
        self._data = file.read(found.size_bytes)

    def is_valid(self) -> bool:
        """Whether the checksum is that of the bytes."""
        if len(self._data) < _HEADER.size:
            return False
        if self._found.magic == 2 and self._found.attributes & 7 < len(CODECS):
            try:
                return bool(read_batches(self._data, records=False))
            except CorruptBatch:
                return False
        return crc32c(self._data[_CHECKED_AT:]) == self._found.crc

    def records(self) -> Iterator[Record]:
        """Its records, whether or not the checksum holds.

        Raises:
            Failed: they can't be read (to their end).
        """
        data = self._data
        if self._found.record_count == 0:
            return
        try:
            try:
                (batch,) = read_batches(data, unpacked_bytes_max=UNPACKED_BYTES_MAX)
            except CorruptBatch:
                (batch,) = read_batches(_sealed(data), unpacked_bytes_max=UNPACKED_BYTES_MAX)
        except CorruptBatch as error:
            if self._found.attributes & 7 == 0:
                yield from _as_far_as_they_go(self._found, data)
            place = f"the batch at byte {self._found.position}"
            raise Failed(f"{place} (offset {self._found.base_offset}): {error}") from None
        yield from batch.records


def _sealed(data: bytes) -> bytes:
    crc = crc32c(data[_CHECKED_AT:]).to_bytes(4, "big")
    return data[:16] + b"\x02" + crc + data[_CHECKED_AT:]


def _as_far_as_they_go(found: Found, data: bytes) -> Iterator[Record]:
    """Records that lie unpacked, up to the first that is none."""
    walk = _Walk(data, _HEADER.size)
    try:
        for left in range(found.record_count - 1, -1, -1):
            size = walk.varint()
            end = walk.at + size
            if size < 0 or end > len(data):
                return
            walk.at += 1
            timestamp, delta = found.base_timestamp + walk.varint(), walk.varint()
            key, value = walk.binary(), walk.binary()
            headers = walk.headers()
            if walk.at != end or (left == 0 and end != len(data)):
                return
            if found.timestamp_type == "LogAppendTime":
                timestamp = found.max_timestamp
            yield Record(key, value, headers, timestamp, found.base_offset + delta)
    except IndexError:
        return


class _Walk:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value >> 1 ^ -(value & 1)
            shift += 7
            if shift > 63:
                raise IndexError

    def binary(self) -> bytes | None:
        size = self.varint()
        if size < 0:
            return None
        self.at += size
        if self.at > len(self.data):
            raise IndexError
        return self.data[self.at - size : self.at]

    def headers(self) -> list[tuple[str, bytes | None]]:
        count = self.varint()
        if count < 0:
            raise IndexError
        return [(java_text(self.binary() or b""), self.binary()) for _ in range(count)]


_crc_table: list[int] = []


def crc32c(data: bytes) -> int:
    """Slow; only for what the core has no word for: damage, and files that are no batches."""
    if not _crc_table:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
            _crc_table.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _crc_table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
