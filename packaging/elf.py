"""What a shared library asks of whoever loads it: a machine, libraries, versions of their symbols.

It reads 64-bit little-endian ELF files, by their dynamic section, and changes nothing. It exists
because a wheel's name promises an oldest glibc, and a library that asks for a newer one than its
wheel says is found out only by users.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

MACHINES = {62: "x86_64", 183: "aarch64"}
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB = 1, 5
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
SHT_SYMTAB = 2


class Library(NamedTuple):
    """What was found in one file."""

    machine: str
    needed: tuple[str, ...]
    """The libraries that it loads."""
    versions: tuple[str, ...]
    """The versions of their symbols that it asks for: GLIBC_2.17 and the like."""
    stripped: bool

    def glibc(self) -> tuple[int, ...]:
        """The oldest glibc that has all that it asks for."""
        found = [re.fullmatch(r"GLIBC_([\d.]+)", version) for version in self.versions]
        return max((tuple(map(int, m[1].split("."))) for m in found if m), default=(0,))


def read(data: bytes) -> Library:
    """Read a library.

    Raises:
        ValueError: it is no ELF file of 64 bits, least significant byte first.
    """
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no 64-bit little-endian ELF file")
    (machine,) = struct.unpack_from("<H", data, 18)
    segments = list(_segments(data))
    entries = list(_dynamic(data, segments))
    single = dict(entries)
    strings = _place(segments, single[DT_STRTAB])

    def text(at: int) -> str:
        begin = strings + at
        return data[begin : data.index(b"\0", begin)].decode()

    needed = tuple(text(value) for tag, value in entries if tag == DT_NEEDED)
    versions: set[str] = set()
    at = _place(segments, single[DT_VERNEED]) if DT_VERNEED in single else 0
    for _ in range(single.get(DT_VERNEEDNUM, 0)):
        _, count, _, first, following = struct.unpack_from("<HHIII", data, at)
        row = at + first
        for _ in range(count):
            _, _, _, name, onward = struct.unpack_from("<IHHII", data, row)
            versions.add(text(name))
            row += onward
        at += following
    stripped = SHT_SYMTAB not in _section_types(data)
    name = MACHINES.get(machine, f"machine {machine}")
    return Library(name, needed, tuple(sorted(versions)), stripped)


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


def _segments(data: bytes) -> Iterator[_Segment]:
    (begin,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, in_file = struct.unpack_from(
            "<IIQQQQ", data, begin + number * size
        )
        yield _Segment(kind, offset, address, in_file)


def _section_types(data: bytes) -> set[int]:
    (begin,) = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    return {struct.unpack_from("<I", data, begin + number * size + 4)[0] for number in range(count)}


def _dynamic(data: bytes, segments: list[_Segment]) -> Iterator[tuple[int, int]]:
    (found,) = [segment for segment in segments if segment.kind == PT_DYNAMIC]
    for at in range(found.offset, found.offset + found.size, 16):
        tag, value = struct.unpack_from("<QQ", data, at)
        if tag == 0:
            return
        yield tag, value


def _place(segments: list[_Segment], address: int) -> int:
    """Where in the file lies what is loaded at that address."""
    for segment in segments:
        if segment.kind == PT_LOAD and 0 <= address - segment.address < segment.size:
            return address - segment.address + segment.offset
    raise ValueError(f"nothing of the file is loaded at {address:#x}")
