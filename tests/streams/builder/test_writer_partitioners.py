"""What a sink's partitioner may choose: the same in both executors."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from ottla.streams import Answer, ProcessingError, Processor, Record, Streams, Topology
from ottla.streams.builder.application import Application
from ottla.streams.errors import TopologyError
from ottla.streams.testing import ExecutorName, TopologyTest

NO_PARTITIONS = (-1, -7, 2**31, [None], "ab", [0, -1], 1.5, object())


class Passing(Processor):
    def process(self, record: Record) -> None:
        self.context.forward(record)


def by_stream(partitioner: Any, **told: Any) -> Application:
    app = Streams("a", key=str, value=int, **told)
    passed = app.stream("in").filter(lambda value: True)
    passed.to("out", partitioner=partitioner, name="routed")
    return app


def by_topology(partitioner: Any, **told: Any) -> Application:
    app = Topology("a", key=str, value=int, **told)
    app.add_source("source", "in")
    app.add_processor("passing", Passing, "source")
    app.add_sink("routed", "out", "passing", partitioner=partitioner)
    return app


@pytest.mark.parametrize("made", [by_stream, by_topology])
@pytest.mark.parametrize("chosen", NO_PARTITIONS)
@pytest.mark.parametrize("executor", get_args(ExecutorName))
def test_what_is_no_partition_fails_its_record(
    executor: ExecutorName, chosen: Any, made: Any
) -> None:
    """If this failed, one executor would write to partition -7, which no topic has, and the other
    would let the producer choose."""

    def partitioner(topic: str, key: str, value: int, count: int) -> Any:
        return 0 if value else chosen

    app = made(partitioner, processing_handler=lambda failure: Answer.RESUME)
    with TopologyTest(app, executor=executor) as test:
        for value in (1, 0, 2):
            test.input("in").send("k", value)
        assert test.output("out").read_values() == [("k", 1), ("k", 2)]
        assert sum(test.skipped().values()) == 1


@pytest.mark.parametrize("executor", get_args(ExecutorName))
def test_the_error_names_what_was_chosen_by_whom(executor: ExecutorName) -> None:
    """If this failed, who reads the error would not find the partitioner or its result."""
    app = by_stream(lambda topic, key, value, count: -7)
    with (
        TopologyTest(app, executor=executor) as test,
        pytest.raises(ProcessingError, match="of routed chose no partition: -7") as caught,
    ):
        test.input("in").send("k", 1)
    assert "from 0 on" in str(caught.value.hint)


@pytest.mark.parametrize("executor", get_args(ExecutorName))
@pytest.mark.parametrize(
    ("chosen", "places"),
    [(0, [0]), (2**31 - 1, [2**31 - 1]), (None, [None]), ({2, 1}, [1, 2]), ([], []), (True, [1])],
)
def test_what_is_a_partition_is_written_there(
    executor: ExecutorName, chosen: Any, places: list[int | None]
) -> None:
    """If this failed, a partitioner that is right would be refused, or not be heeded."""
    app = by_stream(lambda topic, key, value, count: chosen)
    with TopologyTest(app, executor=executor) as test:
        record = test.input("in").record("k", 1)
        assert [row.partition for row in test.process([record])] == places


def test_a_partitioner_is_a_function() -> None:
    """If this failed, a number of a partition would fail every record, not the program."""
    with pytest.raises(TopologyError, match="routed takes a function, not 3"):
        by_stream(3).build()
