"""Compressed payloads of clients, unpacked within bounds of size and of work.

Python has the codec of gzip; lz4 and snappy are read here, and zstd is not. A payload is small, and
clients are asked for gzip first. Who decides waits for this, so the number of single copies in it
is bounded too: a real payload has far fewer.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Final

NONE, GZIP, SNAPPY, LZ4 = range(4)
COPIES_MAX: Final = 60_000

_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEAD: Final = 16
_LZ4_MAGIC: Final = b"\x04\x22\x4d\x18"


class Unreadable(ValueError):
    """A payload that is not what it should be, or is too large."""


def unpacked(codec: int, data: bytes, bytes_max: int) -> bytes:
    """The payload as it was before it was packed.

    Raises:
        Unreadable: it is damaged, or would be larger than `bytes_max`.
    """
    try:
        return _CODECS[codec](data, bytes_max)
    except (IndexError, zlib.error) as problem:
        raise Unreadable(f"the compressed payload is damaged: {problem}") from None


def _plain(data: bytes, bytes_max: int) -> bytes:
    return data


def _gzip(data: bytes, bytes_max: int) -> bytes:
    found = b""
    while data:
        member = zlib.decompressobj(wbits=31)
        found += member.decompress(data, bytes_max + 1 - len(found))
        if len(found) > bytes_max:
            raise _too_large(bytes_max)
        if not member.eof:
            raise Unreadable("the compressed payload is cut off")
        data = member.unused_data
    return found


def _too_large(bytes_max: int) -> Unreadable:
    return Unreadable(f"the payload is larger than {bytes_max} bytes")


class _Out:
    """What was unpacked so far."""

    __slots__ = ("_bytes_max", "_copies", "data")

    def __init__(self, bytes_max: int) -> None:
        self.data = bytearray()
        self._bytes_max = bytes_max
        self._copies = 0

    def put(self, part: bytes, length: int) -> None:
        """Bytes that stand in the payload; `length` is what is said of them."""
        if len(part) != length:
            raise Unreadable("the compressed payload is cut off")
        self._room(length)
        self.data += part

    def again(self, back: int, length: int) -> None:
        """Bytes that were there before, maybe over and over."""
        self._room(length)
        start = len(self.data) - back
        if back <= 0 or start < 0:
            raise Unreadable("the compressed payload refers to what was before it")
        part = bytes(self.data[start : start + length])
        self.data += (part * (length // len(part) + 1))[:length]

    def _room(self, length: int) -> None:
        self._copies += 1
        if self._copies > COPIES_MAX:
            raise Unreadable(f"the payload is packed in more than {COPIES_MAX} pieces")
        if len(self.data) + length > self._bytes_max:
            raise _too_large(self._bytes_max)


# ---------------------------------------------------------------------- snappy
def _snappy(data: bytes, bytes_max: int) -> bytes:
    """Bare, or in the frames that Java's library makes."""
    out = _Out(bytes_max)
    if not data.startswith(_XERIAL):
        _snappy_block(data, out)
        return bytes(out.data)
    at = _XERIAL_HEAD
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        block = data[at + 4 : at + 4 + size]
        if len(block) != size or not size:
            raise Unreadable("the compressed payload is cut off")
        _snappy_block(block, out)
        at += 4 + size
    return bytes(out.data)


def _snappy_block(data: bytes, out: _Out) -> None:
    at = shift = size = 0
    while True:
        byte = data[at]
        size |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
        if shift > 28:
            raise Unreadable("the compressed payload has no length")
    end = len(out.data) + size
    first = len(out.data)
    while at < len(data):
        tag = data[at]
        kind, length = tag & 3, (tag >> 2) + 1
        at += 1
        if kind == 0:
            extra = max(length - 60, 0)
            if extra:
                length = int.from_bytes(data[at : at + extra], "little") + 1
                at += extra
            out.put(data[at : at + length], length)
            at += length
            continue
        if kind == 1:
            length = (tag >> 2 & 7) + 4
            back = (tag >> 5) << 8 | data[at]
            at += 1
        else:
            width = 2 if kind == 2 else 4
            back = int.from_bytes(data[at : at + width], "little")
            at += width
        if back > len(out.data) - first:
            raise Unreadable("the compressed payload refers to what was before it")
        out.again(back, length)
    if len(out.data) != end:
        raise Unreadable("the compressed payload is not as long as it says")


# ---------------------------------------------------------------------- lz4
def _lz4(data: bytes, bytes_max: int) -> bytes:
    """One frame after the other."""
    out = _Out(bytes_max)
    at = 0
    while at < len(data):
        if data[at : at + 4] != _LZ4_MAGIC:
            raise Unreadable("the compressed payload is no lz4 frame")
        flags = data[at + 4]
        at += 7 + 8 * (flags >> 3 & 1) + 4 * (flags & 1)
        while True:
            if at + 4 > len(data):
                raise Unreadable("the compressed payload is cut off")
            size = int.from_bytes(data[at : at + 4], "little")
            at += 4
            if not size:
                break
            length = size & 0x7FFFFFFF
            block = data[at : at + length]
            if size >> 31:
                out.put(block, length)
            elif len(block) == length:
                _lz4_block(block, out)
            else:
                raise Unreadable("the compressed payload is cut off")
            at += length + 4 * (flags >> 4 & 1)
        at += 4 * (flags >> 2 & 1)
    return bytes(out.data)


def _lz4_block(data: bytes, out: _Out) -> None:
    at = 0
    while True:
        token = data[at]
        length, at = _lz4_length(data, at + 1, token >> 4)
        if length:
            out.put(data[at : at + length], length)
            at += length
        if at >= len(data):
            return
        back = data[at] | data[at + 1] << 8
        length, at = _lz4_length(data, at + 2, token & 15)
        out.again(back, length + 4)


def _lz4_length(data: bytes, at: int, length: int) -> tuple[int, int]:
    if length == 15:
        while True:
            byte = data[at]
            at += 1
            length += byte
            if byte != 255:
                break
    return length, at


_CODECS: Final[Mapping[int, Callable[[bytes, int], bytes]]] = {
    NONE: _plain,
    GZIP: _gzip,
    SNAPPY: _snappy,
    LZ4: _lz4,
}
ACCEPTED: Final = (GZIP, LZ4, SNAPPY)
"""What clients are told to pack with, the best first."""
