"""A partition's folder on the simulated disk, read past the node: what is there, and what is safe.

It shares no code with the log but the reading of a batch, so that a fault of the log's is not
believed here as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla._core import CoreError
from ottla.sim.machine import LOG_DIR
from ottla.wire.records import Batch, CorruptBatch, read_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ottla._core import SimDisk

OFFSET = 8
PREFIX = OFFSET + 4
"""The base offset and the length of a batch."""


def whole(data: bytes) -> Iterator[Batch]:
    """The whole batches that bytes begin with."""
    at = 0
    while at + PREFIX <= len(data):
        end = at + _size(data[at:])
        if not at + PREFIX < end <= len(data):
            return
        try:
            yield from read_batches(data[at:end])
        except CorruptBatch:
            return
        at = end


def is_cut(data: bytes, offset: int) -> bool:
    """Whether bytes are the first part of a batch that begins at this offset, as far as they
    reach.
    """
    base = offset.to_bytes(OFFSET, "big")
    return base.startswith(data[:OFFSET]) and (len(data) < PREFIX or _size(data) > len(data))


def _size(data: bytes) -> int:
    return PREFIX + int.from_bytes(data[OFFSET:PREFIX], "big", signed=True)


def segments(disk: SimDisk, name: str) -> list[tuple[int, str]]:
    """Base offset and path of the segments of a partition, as the names are now."""
    folder = f"{LOG_DIR}/{name}"
    try:
        files = disk.disk.list(folder)
    except CoreError:
        return []
    paths = [file.name for file in files if file.name.endswith(".log")]
    return [(int(path.removesuffix(".log")), f"{folder}/{path}") for path in sorted(paths)]


def visible(disk: SimDisk, name: str) -> Iterator[Batch]:
    """The batches that a process finds."""
    for _base, path in segments(disk, name):
        yield from whole(disk.disk.read(path) or b"")


def visible_end(disk: SimDisk, name: str) -> int | None:
    """The log end that a process finds; None without a log."""
    found = segments(disk, name)
    if not found:
        return None
    base, path = found[-1]
    return max([base, *(one.last_offset + 1 for one in whole(disk.disk.read(path) or b""))])


def safe_end(disk: SimDisk, name: str, log_start: int) -> int:
    """The log end that a power cut leaves at least, whatever the seed says."""
    end = -1
    for base, path in segments(disk, name):
        data = disk.safe(path)
        if data is None or (end >= 0 and base != end):
            break
        end = base
        for batch in whole(data):
            end = batch.last_offset + 1
    return end if end >= log_start else 0


def safe_part(disk: SimDisk, name: str) -> int:
    """The same of a log with gaps; 0 while a segment's names change."""
    end, found = 0, segments(disk, name)
    files = disk.disk.list(f"{LOG_DIR}/{name}") if found else []
    for _base, path in found:
        data = disk.safe(path)
        if data is None or any(file.name.endswith(".swap") for file in files):
            return 0
        batches = list(whole(data))
        end = max([end, *(batch.last_offset + 1 for batch in batches)])
        is_whole = sum(batch.size_bytes for batch in batches) == len(data)
        if not is_whole or data != disk.disk.read(path):
            break
    return end


def is_safe(disk: SimDisk, name: str, offset: int) -> bool:
    """Whether the batch that holds this offset is on disk, with all that is before it in its
    segment.
    """
    paths = [(base, path) for base, path in segments(disk, name) if base <= offset]
    if not paths:
        return False
    data = disk.safe(paths[-1][1])
    return data is not None and any(batch.last_offset >= offset for batch in whole(data))


def has_unsafe_segment(disk: SimDisk, name: str) -> bool:
    """Whether a segment that is not the last may lose something in a power cut."""
    paths = [path for _base, path in segments(disk, name)]
    return any(disk.safe(path) != disk.disk.read(path) for path in paths[:-1])
