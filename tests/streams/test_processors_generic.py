"""Processors that say the types of what comes in and goes out, as in Java."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import pytest

from ottla.streams import (
    FixedKeyProcessor,
    FixedKeyRecord,
    GlobalKTable,
    KGroupedStream,
    KGroupedTable,
    KStream,
    KTable,
    Processor,
    ProcessorContext,
    Record,
    Serde,
    Streams,
    ValueAndTimestamp,
    ValueTransformer,
    Windowed,
)
from ottla.streams.testing import ExecutorName, TopologyTest

T = TypeVar("T")


class Length(Processor[str, str, str, int]):
    def process(self, record: Record[str, str]) -> None:
        self.context.forward(record.with_value(len(record.value)))


class Twice(FixedKeyProcessor[str, int, int]):
    def process(self, record: FixedKeyRecord[str, int]) -> None:
        self.context.forward(record.with_value(record.value * 2))


class Text(ValueTransformer[str, int, str]):
    def transform(self, key: str, value: int) -> str:
        return f"{key}{value}"


class Same(Processor[str, T, str, T], Generic[T]):
    def process(self, record: Record[str, T]) -> None:
        self.context.forward(record)


class OfNumbers(Same[int]):
    pass


@pytest.mark.parametrize("executor", ["rust", "python"])
def test_with_types(executor: ExecutorName) -> None:
    """A Java developer's first processor would be a TypeError, or would not be called."""
    app = Streams("app", key=str, value=str)
    lengths = app.stream("in", key=str, value=str).process(Length).process_values(Twice)
    table = lengths.process(OfNumbers).to_table(value=int)
    table.transform_values(Text, value=str).to_stream().to("out")
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("k", "abc", at=1)
        assert test.output("out").read().value == "k6"


@pytest.mark.parametrize(
    "generic", [Processor, FixedKeyProcessor, ValueTransformer, Record, FixedKeyRecord,
                ProcessorContext, Serde, Windowed, ValueAndTimestamp, KStream, KTable, GlobalKTable,
                KGroupedStream, KGroupedTable],
)  # fmt: skip
def test_subscripted(generic: Any) -> None:
    """Fewer types than there are, which type checkers take, would be a TypeError of Python's."""
    given = generic[str]
    assert (given.__origin__, given.__args__) == (generic, (str,))


def test_records_are_as_before() -> None:
    """A record would equal none of its likes, or show its types."""
    assert Record("k", 1, 5) == Record[str, int]("k", 1, 5)
    assert repr(Windowed("k", 0, 5)) == "Windowed(key='k', start=0, end=5)"
