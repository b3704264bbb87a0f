"""Whole record batches in and out of the fast executor: the same records as one by one."""

from __future__ import annotations

from ottla.streams import Streams, col, count, sum_of, tumbling
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
