"""Batches that are small as they come and huge once unpacked, which nobody holds to make them."""

from __future__ import annotations

import struct
from functools import cache

ZSTD, ZSTD_BLOCK = 4, 128 << 10
_RAW, _REPEAT = 0, 1


def zstd_bomb(unpacked: int, *, window_log: int = 21) -> bytes:
    """A batch of one record, its value `unpacked` zeroes, in one zstd frame of runs."""
    return _sealed(_zstd_record(unpacked, window_log), ZSTD)


def _zstd_record(unpacked: int, window_log: int) -> bytes:
    before = b"\0\0\0" + _varint(-1) + _varint(unpacked)
    record = _varint(len(before) + unpacked + 1) + before
    runs = b"".join(
        _block(_REPEAT, min(ZSTD_BLOCK, unpacked - at)) + b"\0"
        for at in range(0, unpacked, ZSTD_BLOCK)
    )
    frame = struct.pack("<IBB", 0xFD2FB528, 0, (window_log - 10) << 3)
    headers = _block(_RAW, 1, last=True) + b"\0"
    return frame + _block(_RAW, len(record)) + record + runs + headers


def _block(kind: int, size: int, *, last: bool = False) -> bytes:
    return (last | kind << 1 | size << 3).to_bytes(3, "little")


def _varint(value: int) -> bytes:
    value = value << 1 ^ value >> 63
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _sealed(records: bytes, codec: int) -> bytes:
    """A batch of one record without a producer, with the right checksum."""
    checked = struct.pack(">hiqqqhii", codec, 0, 1, 1, -1, -1, -1, 1) + records
    head = struct.pack(">iBI", -1, 2, _crc32c(checked))
    return struct.pack(">qi", 0, len(head) + len(checked)) + head + checked


@cache
def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 & -(byte & 1))
        table.append(byte)
    return table


def _crc32c(data: bytes) -> int:
    crc, table = 0xFFFFFFFF, _table()
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
