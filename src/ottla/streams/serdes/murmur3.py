"""Murmur3's hash of 128 bits as Kafka's foreign-key joins write it: two big-endian longs.

A foreign-key join sends this hash of the left value instead of the value, and drops answers whose
hash is not that of the present value any more.
"""

from __future__ import annotations

import struct

SEED = 104729
MASK = 0xFFFFFFFFFFFFFFFF
C1, C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
_BLOCK = struct.Struct("<QQ")
_HASH = struct.Struct(">QQ")


def hash128(data: bytes) -> bytes:
    """The 16 bytes of the hash."""
    one = two = SEED
    whole = len(data) & ~15
    for low, high in _BLOCK.iter_unpack(data[:whole]):
        one = (_rotated(one ^ _mixed(low, C1, 31, C2), 27) + two) * 5 + 0x52DCE729 & MASK
        two = (_rotated(two ^ _mixed(high, C2, 33, C1), 31) + one) * 5 + 0x38495AB5 & MASK
    low, high = _BLOCK.unpack(data[whole:].ljust(16, b"\0"))
    one ^= _mixed(low, C1, 31, C2) ^ len(data)
    two ^= _mixed(high, C2, 33, C1) ^ len(data)
    one = one + two & MASK
    two = two + one & MASK
    one, two = _finished(one), _finished(two)
    one = one + two & MASK
    return _HASH.pack(one, two + one & MASK)


def _mixed(number: int, first: int, bits: int, second: int) -> int:
    return _rotated(number * first & MASK, bits) * second & MASK


def _rotated(number: int, bits: int) -> int:
    return (number << bits | number >> 64 - bits) & MASK


def _finished(number: int) -> int:
    """The last mix: every bit of the input moves every bit of the hash."""
    number = (number ^ number >> 33) * 0xFF51AFD7ED558CCD & MASK
    number = (number ^ number >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return number ^ number >> 33
