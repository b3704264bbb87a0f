"""Whole record batches in and out of the fast executor: the same records as one by one."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from ottla.streams import Streams, col, count, sum_of, tumbling
from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Input, Produced
from ottla.streams.fast.task import FastTask
from ottla.wire.records import Record, build_batch, read_batches

ROWS = [
    Input("in", b"a", b'{"price":12,"name":"x"}', 1_000, (("h", b"1"), ("none", None))),
    Input("in", b"b", b'{"price":3}', 1_500),
    Input("in", b"a", b'{"price":30.5, "nested":{"price":1}}', 900),
    Input("in", b"a", b'{"name":"\xc3\xa9","price":11}', 2_100),
    Input("in", None, b'{"price":40}', 2_200),
    Input("in", b"", b'{"price":10}', 70_000),
    Input("in", b"c", None, 70_001),
]


def application() -> Streams:
    """Records that pass through, with their headers, and windows that end in a sink."""
    app = Streams("batches", key=str, value=dict, emit_interval=0)
    stream = app.stream("in")
    stream.to("copies")
    large = stream.filter(col("price") >= 10)
    windows = large.group_by_key().windowed_by(tumbling("1s", grace="1h"))
    windows.aggregate(n=count(), total=sum_of(col("price")), store="s").to_stream().to("totals")
    return app


def one_by_one() -> list[Produced]:
    app = application()
    return FastTask(app.build(), app.settings()).process(ROWS, 0)


def in_batches(size: int) -> list[Produced]:
    """The records of all batches that come out, by topic."""
    app = application()
    task = FastTask(app.build(), app.settings())
    found = []
    for at in range(0, len(ROWS), size):
        rows = [Record(r.key, r.value, r.headers, r.timestamp) for r in ROWS[at : at + size]]
        for topic, partition, sealed in task.process_batches("in", 0, build_batch(rows), 0):
            assert partition is None
            for batch in read_batches(sealed):
                found += [
                    Produced(0, topic, r.key, r.value, r.timestamp_ms, tuple(r.headers))
                    for r in batch.records
                ]
    return found


def test_batches_hold_what_single_records_give() -> None:
    """If this failed, a consumer would read other keys, values, times or headers, or none."""
    expected = [row._replace(cause=0) for row in one_by_one()]
    topics = {row.topic for row in expected}
    assert len(topics) == 3
    for size in (1, 3, len(ROWS)):
        found = in_batches(size)
        for topic in topics:
            assert [r for r in found if r.topic == topic] == [
                r for r in expected if r.topic == topic
            ], (topic, size)
        assert len(found) == len(expected)


def numbers(*given: int) -> bytes:
    rows = [Record(b"k", struct.pack(">q", number), (), 1_000 + number) for number in given]
    return build_batch(rows)


def values(sealed: bytes) -> list[int]:
    found = [each.value for batch in read_batches(sealed) for each in batch.records]
    return [struct.unpack(">q", each or b"")[0] for each in found]


def test_a_stop_keeps_the_batches_of_what_came_before() -> None:
    """If this failed, outputs would be lost whose records have changed stores already."""
    app = Streams("batches", key=str, value=int)
    app.stream("in").map_values(lambda number: 10 // number).to("out")
    task = FastTask(app.build(), app.settings())
    with pytest.raises(ProcessingError) as caught:
        task.process_batches("in", 0, numbers(1, 2, 0, 5), 0)
    assert caught.value.place == 2
    batches: Any = caught.value.produced
    found = [(topic, partition, values(sealed)) for topic, partition, sealed in batches]
    assert found == [("out", None, [10, 5])]


def test_batches_go_to_the_partitions_that_were_chosen() -> None:
    """If this failed, a partitioner's choice would be lost where batches go out whole."""
    app = Streams("batches", key=str, value=int)
    app.stream("in").to("out", partitioner=lambda topic, key, number, count: number % count)
    app.stream("also").to("out")
    settings = replace(app.settings(), partitions=lambda topic: 8)
    task = FastTask(app.build(), settings)
    for _ in range(2):
        found = task.process_batches("in", 0, numbers(1, 2, 9), 0)
        assert [(topic, at, values(sealed)) for topic, at, sealed in found] == [
            ("out", 1, [1, 9]),
            ("out", 2, [2]),
        ]
        ((topic, at, sealed),) = task.process_batches("also", 0, numbers(4), 0)
        assert (topic, at, values(sealed)) == ("out", None, [4])


def test_a_topics_name_is_made_once() -> None:
    """If this failed, every batch would cost more with each topic that was ever written to."""
    app = Streams("batches", key=str, value=int)
    app.stream("in").to(lambda key, number, context: f"out-{key}")
    task = FastTask(app.build(), app.settings())
    record = Input("in", b"k", struct.pack(">q", 1), 0)
    (first,), (second,) = task.process([record], 0), task.process([record], 0)
    assert first.topic is second.topic
