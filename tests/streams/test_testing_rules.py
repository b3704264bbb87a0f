"""What a topology's test takes, keeps and refuses, on both executors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ottla.streams import Processor, ProcessorContext, Record, Streams, col
from ottla.streams.errors import ProcessingError, StreamsError
from ottla.streams.execution import Skipped
from ottla.streams.testing import TestRecord, TopologyTest

EXECUTORS = pytest.mark.parametrize("executor", ["python", "rust"])


def tenths() -> Streams:
    app = Streams("rules")
    app.stream("in", key=str, value=int).map_values(lambda v: 10 // v, value=int).to("out")
    return app


@EXECUTORS
def test_outputs_before_a_failure_are_kept(executor: Any) -> None:
    """If this failed, records sent at once would give other outputs than one by one."""
    with TopologyTest(tenths(), executor=executor) as test:
        with pytest.raises(ProcessingError, match="ZeroDivisionError") as failed:
            test.input("in").send_all([("a", 1), ("b", 2), ("c", 0), ("d", 5)])
        assert failed.value.place == 2
        assert test.output("out").read_values() == [("a", 10), ("b", 5)]


@EXECUTORS
def test_many_records_are_given_in_any_of_three_ways(executor: Any) -> None:
    """If this failed, what `record()` gives could not be sent, or a tuple's time would be lost."""
    with TopologyTest(tenths(), executor=executor) as test:
        given = test.input("in", start=5, step="1s")
        given.send_all([TestRecord("a", 1, 3), given.record("b", 2, at=4), ("c", 5), ("d", 5, 9)])
        given.send("e", 1)
        assert [(r.key, r.timestamp) for r in test.output("out").read_all()] == [
            ("a", 3), ("b", 4), ("c", 5), ("d", 9), ("e", 1005),
        ]  # fmt: skip
        with pytest.raises(StreamsError, match="which is no record"):
            given.send_all([object()])  # type: ignore[list-item]


@EXECUTORS
def test_times_are_whole_ms_or_moments(executor: Any) -> None:
    """If this failed, seconds would be taken for ms, or a datetime for another moment."""
    with TopologyTest(tenths(), executor=executor) as test:
        given = test.input("in")
        given.send("a", 1, at=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
        assert test.output("out").read().timestamp == 1000
        for wrong in (1.5, "5s", True, 2**63):
            with pytest.raises(StreamsError, match="is no time of a record"):
                given.send("a", 1, at=wrong)  # type: ignore[arg-type]
        with pytest.raises(StreamsError, match="has no zone"):
            given.send("a", 1, at=datetime(2026, 1, 1))


class Closing(Processor):
    closed: list[str]

    def process(self, record: Record) -> None:
        self.context.forward(record)

    def close(self) -> None:
        self.closed.append("one")
        if len(self.closed) == 1:
            raise ValueError("the first does not close")


@EXECUTORS
def test_all_is_closed_once_and_takes_no_more(executor: Any) -> None:
    """If this failed, a processor would keep what it opened, or records would go nowhere."""
    Closing.closed = []
    app = Streams("closing")
    records = app.stream("in", key=str, value=int)
    for _ in range(2):
        records = records.process(Closing, key=str, value=int)
    records.to("out")
    test = TopologyTest(app, executor=executor)
    with pytest.raises((ValueError, ProcessingError), match="the first does not close"):
        test.close()
    test.close()
    assert Closing.closed == ["one", "one"]
    for use in (lambda: test.input("in").send("a", 1), lambda: test.advance(1)):
        with pytest.raises(StreamsError, match="this task is closed"):
            use()


@EXECUTORS
def test_a_call_out_of_a_function_is_refused(executor: Any) -> None:
    """If this failed, what the outer call caused would be lost, or be there twice."""
    app = Streams("within")
    tests: list[TopologyTest] = []

    def sending(value: int) -> int:
        if value == 2:
            tests[0].input("in").send("inner", 1)
        return value

    app.stream("in", key=str, value=int).map_values(sending, value=int).to("out")
    with TopologyTest(app, executor=executor) as test:
        tests.append(test)
        with pytest.raises(ProcessingError, match="this task is at work"):
            test.input("in").send_all([("a", 1), ("b", 2), ("c", 3)])
        assert test.output("out").read_values() == [("a", 1)]


class Ticking(Processor):
    def init(self, context: ProcessorContext) -> None:
        super().init(context)
        context.schedule(60_000, "wall_clock", self.tick)

    def tick(self, now: int) -> None:
        self.context.forward(Record("tick", now, now))

    def process(self, record: Record) -> None:
        pass


@EXECUTORS
def test_the_clock_of_the_test_is_the_clock_of_the_task(executor: Any) -> None:
    """If this failed, a schedule would be due at once where a test begins at a real date."""
    app = Streams("clock")
    app.stream("in", key=str, value=int).process(Ticking, key=str, value=int).to("out")
    with TopologyTest(app, executor=executor, now=1_700_000_000_000) as test:
        test.advance(59_999)
        assert test.topics() == []
        test.advance(1)
        assert test.output("out").read().value == 1_700_000_060_000


@EXECUTORS
def test_null_keys_before_a_repartition_are_counted(executor: Any) -> None:
    """If this failed, a misspelt field in `group_by` would lose every record without a sign."""
    app = Streams("nulls")
    orders = app.stream("orders", key=str, value=dict)
    orders.group_by(col("citty"), key=str, name="cities").count().to_stream().to("counts")
    with TopologyTest(app, executor=executor) as test:
        test.input("orders").send("a", {"city": "Bern"})
        assert test.skipped() == {Skipped("cities-repartition-filter", "the key is null"): 1}
