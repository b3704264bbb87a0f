"""Protobuf's own bytes, as far as descriptors need them: fields one by one, by rows.

A descriptor is itself a Protobuf message. It is decoded here, not by Google's runtime, so that
schemas are read from a plain install. The bytes come from the core, or were decoded by it before:
so a malformed one is refused there, and `fields` only has to be safe, not to explain.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
"""How the bytes of a value are laid."""


class Malformed(ValueError):
    """Bytes that are no Protobuf message."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of up to 64 bits, and where it ends."""
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise Malformed("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise Malformed("a number is longer than ten bytes")


def signed(value: int) -> int:
    """What an int32, int64 or enum was before it was a number of 64 bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def to_varint(value: int) -> bytes:
    """The bytes of a number; of a negative one, those of its 64 bits."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """(number, kind, value) of every field in a message, as they come.

    The value of BYTES and of the two FIXED kinds is bytes; a GROUP's is what is in it.

    Raises:
        Malformed: the bytes are no message.
    """
    at = 0
    while at < len(data):
        number, kind, value, at = _field(data, at)
        yield number, kind, value


def without(data: bytes, number: int) -> bytes:
    """A message without the fields that have a number.

    Raises:
        Malformed: the bytes are no message.
    """
    kept = bytearray()
    at = 0
    while at < len(data):
        found, _, _, end = _field(data, at)
        if found != number:
            kept += data[at:end]
        at = end
    return bytes(kept)


def _field(data: bytes, at: int) -> tuple[int, int, int | bytes, int]:
    """A field's number, kind and value, and where it ends."""
    key, at = varint(data, at)
    number, kind = key >> 3, key & 7
    if kind == VARINT:
        count, at = varint(data, at)
        return number, kind, count, at
    if kind == GROUP:
        end, after = _group_end(data, at, number)
        return number, kind, data[at:end], after
    length, at = _length(data, at, kind)
    if at + length > len(data):
        raise Malformed("a value is cut off")
    return number, kind, data[at : at + length], at + length


def _length(data: bytes, at: int, kind: int) -> tuple[int, int]:
    if kind == BYTES:
        return varint(data, at)
    if kind in (FIXED32, FIXED64):
        return (4 if kind == FIXED32 else 8), at
    raise Malformed(f"a value is of the unknown kind {kind}")


def _group_end(data: bytes, at: int, number: int) -> tuple[int, int]:
    """Where the fields of a group end, and where what follows it begins."""
    open_groups = [number]
    while at < len(data):
        start = at
        key, at = varint(data, at)
        kind = key & 7
        if kind == GROUP:
            open_groups.append(key >> 3)
        elif kind == GROUP_END:
            if open_groups.pop() != key >> 3:
                break
            if not open_groups:
                return start, at
        elif kind == VARINT:
            _, at = varint(data, at)
        else:
            length, at = _length(data, at, kind)
            at += length
    raise Malformed("a group has no end")
