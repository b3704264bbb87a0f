"""kafka-dump-log.sh of what lies beside a segment: its indexes, aborted transactions, producers.

An index is held against the log that it is of; what does not agree is noted and told at the end.
Nothing is written: where Apache's tool makes an empty index that was missing, this one says so.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from ottla.cli.dumped_log import Write, first_offset
from ottla.cli.dumped_oddities import Oddities, Oddity
from ottla.cli.java_reading import JavaError, JavaReader, read
from ottla.cli.run import Failed
from ottla.cli.segment_batches import INT_MAX, batches, contents, crc32c, optional_long
from ottla.wire.stored.producer_snapshot import ProducerSnapshot

WARM_ENTRIES = 1024
"""How many at the end of an index a lookup tries first, as Apache's does: an index that is out of
order is then misread alike.
"""

OFFSET_ENTRY = struct.Struct(">ii")
TIME_ENTRY = struct.Struct(">qi")
ABORTED = struct.Struct(">bBqqqq")


class HowIndex(NamedTuple):
    """What is to be done with an index."""

    sanity_only: bool
    verify_only: bool
    message_size_max: int


class Index:
    """The whole entries of an index file; `form` is that of one entry."""

    def __init__(self, path: str, data: mmap.mmap | bytes, form: struct.Struct) -> None:
        self._data = data
        self._form = form
        self.path = path
        self.base_offset = first_offset(os.path.basename(path))
        self.entries = len(data) // form.size
        self._is_even = len(data) % form.size == 0

    def entry(self, place: int) -> tuple[int, int]:
        """The two numbers of an entry."""
        first, second = self._form.unpack_from(self._data, place * self._form.size)
        return first, second

    def check(self, last_offset: int) -> None:
        """Raises Failed where a broker's start would make the index anew."""
        if self.entries and last_offset < self.base_offset:
            raise Failed(
                f"Corrupt index found, index file ({self.path}) has non-zero size but the last "
                f"offset is {last_offset} which is less than the base offset {self.base_offset}"
            )
        if not self._is_even:
            raise Failed(
                f"Corrupt index found, index file ({self.path}) has {len(self._data)} bytes, which "
                f"is no multiple of {self._form.size}"
            )


@contextmanager
def _opened(path: str, form: struct.Struct) -> Iterator[Index]:
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            yield Index(path, b"", form)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield Index(path, data, form)


def _sibling(path: str, ending: str) -> str:
    """The file of the same segment with another ending."""
    name = os.path.basename(path)
    first_offset(name)
    return os.path.join(os.path.dirname(os.path.abspath(path)), name.split(".")[0] + ending)


# ---------------------------------------------------------------- by offset
def dump_index(path: str, how: HowIndex, write: Write, odd: Oddities) -> None:
    """Print the entries of an offset index, and hold each against the log.

    Raises:
        Failed: an entry leads to no batch, or the index is not sane.
    """
    with open(_sibling(path, ".log"), "rb") as log, _opened(path, OFFSET_ENTRY) as index:
        if not index.entries:
            write(f"{path} is empty.\n")
            return
        base = index.base_offset
        if how.sanity_only:
            index.check(base + index.entry(index.entries - 1)[0])
            write(f"{path} passed sanity check.\n")
            return
        for place in range(index.entries):
            relative, position = index.entry(place)
            if relative == 0 and place > 0:
                return  # the rest was reserved and never written
            last_offset = _batch_at(log, position, how.message_size_max)
            if last_offset != base + relative:
                odd.note(Oddity.INDEX_MISMATCH, path, base + relative, last_offset)
            if not how.verify_only:
                write(f"offset: {base + relative} position: {position}\n")


def _batch_at(log: BinaryIO, position: int, size_max: int) -> int:
    """The last offset of the batch there."""
    size = _checked_size(log, position)
    for found in batches(log, min(size, position + size_max), position):
        return found.last_offset
    raise Failed(
        f"{log.name} has no batch at byte {position}",
        hint="the index is damaged, or the batch is larger than --max-message-size",
    )


def _checked_size(log: BinaryIO, position: int) -> int:
    size = os.fstat(log.fileno()).st_size
    if not 0 <= position <= size:
        raise Failed(f"the index leads to byte {position} of {log.name}, which has {size} bytes")
    return size


# ---------------------------------------------------------------- by time
def dump_time_index(path: str, how: HowIndex, write: Write, odd: Oddities) -> None:
    """Print the entries of a time index, and hold each against the log by way of the offset index.

    Raises:
        Failed: the log can't be read, or the index is not sane.
    """
    with (
        open(_sibling(path, ".log"), "rb") as log,
        _opened(_sibling(path, ".index"), OFFSET_ENTRY) as by_offset,
        _opened(path, TIME_ENTRY) as index,
    ):
        if how.sanity_only:
            _check_times(index)
            write(f"{path} passed sanity check.\n")
            return
        previous, checked = -1, False
        for place in range(index.entries):
            timestamp, relative = index.entry(place)
            if relative == 0 and place > 0:
                return
            offset = index.base_offset + relative
            position = _lookup(by_offset, offset)
            if not checked:
                checked = True
                _walk_to_the_end(log, position)
            _compare(log, position, (path, offset, timestamp, previous), odd)
            if not how.verify_only:
                write(f"timestamp: {timestamp} offset: {offset}\n")
            previous = timestamp


def _check_times(index: Index) -> None:
    if index.entries:
        timestamp, relative = index.entry(index.entries - 1)
        first = index.entry(0)[0]
        if timestamp < first:
            raise Failed(
                f"Corrupt time index found, time index file ({index.path}) has non-zero size but "
                f"the last timestamp is {timestamp} which is less than the first timestamp {first}"
            )
        index.check(index.base_offset + relative)
    else:
        index.check(index.base_offset)


def _walk_to_the_end(log: BinaryIO, position: int) -> None:
    """Apache's tool reads all that follows before it compares; what is broken there ends it."""
    for _ in batches(log, _checked_size(log, position), position):
        pass


def _compare(log: BinaryIO, position: int, entry: tuple[str, int, int, int], odd: Oddities) -> None:
    path, offset, timestamp, previous = entry
    for found in batches(log, _checked_size(log, position), position):
        if found.last_offset >= offset:
            break
    else:
        odd.note(Oddity.OFFSET_MISSING, path, offset, -1)
        return
    if found.last_offset != offset:
        odd.note(Oddity.OFFSET_MISSING, path, offset, found.last_offset)
        return
    largest = max((record.timestamp_ms for record in contents(log, found).records()), default=-1)
    if max(largest, -1) != timestamp:
        odd.note(Oddity.TIME_MISMATCH, path, timestamp, max(largest, -1))
    if previous >= timestamp:
        odd.note(Oddity.TIME_ORDER, path, timestamp, previous)


def _lookup(index: Index, offset: int) -> int:
    """The position of the last entry at or before an offset; 0 if there is none."""
    relative = offset - index.base_offset
    if not index.entries:
        return 0
    low, high = 0, index.entries - 1
    hot = max(0, high - WARM_ENTRIES)
    if index.entry(hot)[0] < relative:
        low = hot
    elif index.entry(0)[0] > relative:
        return 0
    else:
        high = hot
    while low < high:
        middle = (low + high + 1) >> 1
        found = index.entry(middle)[0]
        if found == relative:
            return index.entry(middle)[1]
        if found > relative:
            high = middle - 1
        else:
            low = middle
    return index.entry(low)[1]


# ---------------------------------------------------------------- producers and transactions
def dump_aborted(path: str, write: Write) -> None:
    """Print a transaction index; one that is not there has no entries.

    Of an entry's version only the first byte is shown, as Apache's tool does.
    """
    first_offset(os.path.basename(path))
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    except FileNotFoundError:
        return
    with file:
        while len(data := file.read(ABORTED.size)) == ABORTED.size:
            version, _, producer_id, first, last, stable = ABORTED.unpack(data)
            write(
                f"version: {version} producerId: {producer_id} firstOffset: {first} "
                f"lastOffset: {last} lastStableOffset: {stable}\n"
            )


_CHECKED_AT = 6


def dump_producers(path: str, write: Write) -> str | None:
    """Print a snapshot of producers; or what is wrong with the file."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        snapshot = _snapshot(data)
    except JavaError as error:
        return f"Snapshot failed schema validation: {error}"
    computed = crc32c(data[_CHECKED_AT:])
    if computed != snapshot.crc:
        return (
            "Snapshot is corrupt (CRC is no longer valid). "
            f"Stored crc: {snapshot.crc}. Computed crc: {computed}"
        )
    for entry in snapshot.producer_entries:
        begun = entry.current_txn_first_offset
        write(
            f"producerId: {entry.producer_id} producerEpoch: {entry.epoch} "
            f"coordinatorEpoch: {entry.coordinator_epoch} "
            f"currentTxnFirstOffset: {optional_long(begun if begun >= 0 else None)} "
            f"lastTimestamp: {entry.timestamp}"
        )
        if entry.last_offset >= 0:
            write(
                f" firstSequence: {_before(entry.last_sequence, entry.offset_delta)} "
                f"lastSequence: {entry.last_sequence} lastOffset: {entry.last_offset} "
                f"offsetDelta: {entry.offset_delta} timestamp: {entry.timestamp}"
            )
        write("\n")
    return None


def _snapshot(data: bytes) -> ProducerSnapshot:
    version = JavaReader(data).number("int16")
    if version != ProducerSnapshot.max_version:
        raise JavaError(f"Snapshot contained an unknown file version {version}")
    return read(ProducerSnapshot, data, version, 2)[0]


def _before(sequence: int, decrement: int) -> int:
    """A sequence number some steps earlier, which goes around below 0."""
    if sequence < decrement:
        return INT_MAX - (decrement - sequence) + 1
    return sequence - decrement
