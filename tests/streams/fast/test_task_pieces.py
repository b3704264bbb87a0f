"""A fetch of many batches is worked on in pieces: bounded in memory, and nothing of it is lost."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from ottla._core import CoreError
from ottla.streams import Streams, batched
from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Input
from ottla.streams.fast.task import FastTask
from ottla.wire.records import Record, build_batch, read_batches

OFFSET_MAX = 2**63 - 1
#: More than a piece of records, and more bytes than a piece unpacks to, has.
RECORDS, LARGE_BYTES = 70_000, 17 << 20


def numbers(*given: int, **batch: Any) -> bytes:
    rows = [Record(b"k", struct.pack(">q", number), (), 1_000) for number in given]
    return build_batch(rows, **batch)


def values(sealed: Any) -> list[int]:
    found = [each.value for batch in read_batches(sealed) for each in batch.records]
    return [struct.unpack(">q", each or b"")[0] for each in found]


def task(function: Any) -> FastTask:
    app = Streams("pieces", key=str, value=int)
    app.stream("in").map_values(function).to("out")
    return FastTask(app.build(), app.settings())


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def changed(batch: bytes, at: int, fields: bytes) -> bytes:
    """The batch with other bytes at a place, and its checksum made right."""
    made = bytearray(batch)
    made[at : at + len(fields)] = fields
    made[17:21] = struct.pack(">I", crc32c(bytes(made[21:])))
    return bytes(made)


def test_a_header_that_lies_about_its_records_is_refused() -> None:
    """If this failed, a few bytes could ask for all memory and end the process."""
    count = 2**31 - 1
    lying = changed(changed(numbers(1, 2), 57, struct.pack(">i", count)), 23, b"\x7f\xff\xff\xfe")
    with pytest.raises(CoreError, match="ends within a record"):
        task(lambda number: number).process_batches("in", 0, lying, 0)


def test_records_are_counted_on_over_all_pieces() -> None:
    """If this failed, the error of a large fetch would name another record, or lose results."""
    wrong = RECORDS - 3
    data = numbers(*range(1, RECORDS // 2), codec="gzip") + numbers(
        *range(RECORDS // 2, wrong), 0, *range(3)
    )
    divided = task(lambda number: 0 if number == 1 else number + 0 // number)
    with pytest.raises(ProcessingError) as caught:
        divided.process_batches("in", 0, data, 0)
    assert caught.value.place == wrong - 1
    produced: Any = caught.value.produced
    ((topic, partition, sealed),) = produced
    assert (topic, partition) == ("out", None)
    assert values(sealed) == [0, *range(2, wrong)]


def test_functions_of_many_values_see_each_record_once() -> None:
    """If this failed, a record of a later piece would get the result of one of the first piece."""
    asked: list[int] = []

    def doubled(given: list[int]) -> list[int]:
        asked.extend(given)
        return [2 * each for each in given]

    found = task(batched(doubled)).process_batches("in", 0, numbers(*range(RECORDS)), 0)
    assert asked == list(range(RECORDS))
    assert values(found[0][2]) == [2 * each for each in asked]


def test_a_batch_is_unpacked_once_those_before_it_were_worked_on() -> None:
    """If this failed, a fetch of small bombs would be unpacked all at once; or what a batch before
    a damaged one had caused would be lost, though it has changed stores."""
    app = Streams("pieces", key=str, value=bytes)
    app.stream("in").map_values(lambda blob: len(blob)).to("out", value=int)
    pieces = FastTask(app.build(), app.settings())
    large = build_batch([Record(b"k", bytes(LARGE_BYTES), (), 0)], codec="gzip")
    broken = changed(large, 61, bytes(20))
    with pytest.raises(ProcessingError, match="compressed records are broken") as caught:
        pieces.process_batches("in", 0, large + broken, 0)
    produced: Any = caught.value.produced
    ((_, _, sealed),) = produced
    assert (values(sealed), caught.value.place) == ([LARGE_BYTES], 1)
    with pytest.raises(CoreError, match="compressed records are broken"):
        pieces.process_batches("in", 0, broken, 0)
    ((_, _, sealed),) = pieces.process_batches("in", 0, large, 0)
    assert values(sealed) == [LARGE_BYTES]


def test_the_last_offset_there_is_is_one_like_others() -> None:
    """If this failed, that offset would end the batch, and the next one would hold its results."""
    last = task(lambda number: number)
    rows = [Input("in", b"k", struct.pack(">q", 1), 0, offset=at) for at in (1, OFFSET_MAX, -1)]
    assert [row.cause for row in last.process(rows, 0)] == [0, 1, 2]
    assert [row.cause for row in last.process(rows[:1], 0)] == [0]
