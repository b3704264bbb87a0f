"""Whole batches as tables of Apache Arrow."""

from __future__ import annotations

import datetime
import sys

import pytest

import ottla
from ottla.client import Consumer, Producer, RecordBatch, to_arrow
from ottla.errors import OttlaError


def batches_of(
    broker: ottla.Broker, *places: tuple[str, int, int], count: int
) -> list[RecordBatch]:
    """The batches of these places, which have so many records."""
    with Consumer(broker.bootstrap_servers) as consumer:
        consumer.assign(places)
        found: list[RecordBatch] = []
        while sum(len(batch) for batch in found) < count:
            found += consumer.batches(10)
        return found


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_a_table_holds_what_the_records_hold(codec: str) -> None:
    """If this failed, who computes by columns would compute with something else."""
    at_ms = 1_700_000_000_000
    with ottla.Broker() as broker:
        broker.create_topic("t", partitions=2)
        with Producer(broker.bootstrap_servers, compression_type=codec) as producer:
            for number in range(20):
                producer.send(
                    "t",
                    None if number % 5 == 0 else f"value {number}",
                    None if number % 3 == 0 else f"key {number}",
                    partition=number % 2,
                    timestamp_ms=at_ms + number,
                    headers=[(f"h{n}", None if n else b"x") for n in range(number % 3)],
                )
        batches = batches_of(broker, ("t", 0, 4), ("t", 1, 0), count=20)
    table = to_arrow(batches)
    table.validate(full=True)
    records = [record for batch in batches for record in batch.records()]
    assert len(records) == table.num_rows == 16
    rows = {(row["partition"], row["offset"]): row for row in table.to_pylist()}
    for record in records:
        row = rows[(record.partition, record.offset)]
        assert row["topic"] == "t"
        assert (row["key"], row["value"]) == (record.key, record.value)
        when = datetime.datetime.fromtimestamp(record.timestamp_ms / 1000, datetime.UTC)
        assert row["timestamp"] == when
        assert [(h["name"], h["value"]) for h in row["headers"]] == list(record.headers)


def test_a_table_of_nothing_has_its_columns() -> None:
    """If this failed, an empty poll would break a program's pipeline."""
    table = to_arrow([])
    assert table.num_rows == 0
    assert table.column_names[:3] == ["topic", "partition", "offset"]


def test_without_pyarrow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a user would get an ImportError from somewhere inside."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OttlaError) as caught:
        to_arrow([])
    assert "ottla[arrow]" in (caught.value.hint or "")
