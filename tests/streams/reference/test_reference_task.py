"""The task of the reference executor: which record comes first, what is fed back, both clocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ottla.streams.errors import ProcessingError, StreamsError, TopologyError
from ottla.streams.execution import Answer, Failure, Input, Settings, Skipped
from ottla.streams.plan.operators import (
    Count,
    Filter,
    Map,
    MapValues,
    PassThrough,
    Process,
    SelectKey,
    StreamAggregate,
    TableSource,
    TableToStream,
)
from ottla.streams.processors import Processor, ProcessorContext, Record
from ottla.streams.reference.task import ReferenceTask
from ottla.streams.serdes import LONG
from streams.plans import SETTINGS, Plan, function, store


def a_record(topic: str, key: str | None, value: str | None, time: int) -> Input:
    return Input(
        topic,
        None if key is None else key.encode(),
        None if value is None else value.encode(),
        time,
    )


def flow(task: ReferenceTask, *records: Input, now: int = 0) -> list[tuple[Any, ...]]:
    """What came out: (cause, topic, key, value, time)."""
    return [each[:5] for each in task.process(records, now)]


class Clock(Processor):
    """Forwards every call of its clocks."""

    def __init__(self, *clocks: tuple[int, str]) -> None:
        self.clocks = clocks

    def init(self, context: ProcessorContext) -> None:
        self.context = context
        self.handles = [
            context.schedule(every, clock, self.called(clock))  # type: ignore[arg-type]
            for every, clock in self.clocks
        ]

    def called(self, clock: str) -> Callable[[int], None]:
        return lambda time: self.context.forward(Record(clock, str(time), time))

    def process(self, record: Record) -> None:
        if record.value == "cancel":
            self.handles[0].cancel()


def clock_task(*clocks: tuple[int, str], now: int = 0) -> ReferenceTask:
    plan = Plan()
    plan.sink("out", plan.node("clock", Process(lambda: Clock(*clocks)), plan.source("a")))
    return ReferenceTask(plan.topology(), SETTINGS, now=now)


def test_what_comes_back_is_taken_by_time() -> None:
    """If this failed, records of a repartition would be processed in the order of writing, not of
    time, and joins and windows behind it would differ from Kafka's.
    """
    plan = Plan()
    source = plan.source("a")
    plan.sink("late", plan.node("late", PassThrough(), source))
    plan.sink("early", plan.node("early", Process(Earlier), source))
    for topic in ("late", "early"):
        plan.sink("out", plan.source(topic))
    got = flow(ReferenceTask(plan.topology(), SETTINGS), a_record("a", "k", "v", 100))
    assert [row[4] for row in got if row[1] == "out"] == [50, 100]


class Earlier(Processor):
    """Forwards a record with half its time."""

    def init(self, context: ProcessorContext) -> None:
        self.context = context

    def process(self, record: Record) -> None:
        self.context.forward(record.with_timestamp(record.timestamp // 2))


def test_ties_are_taken_as_javas_heap_takes_them() -> None:
    """If this failed, records of one time from several topics would come in another order than
    Kafka's: after the first of three is taken, the last moves to the top.
    """
    plan = Plan()
    source = plan.source("a")
    for topic in "xyz":
        plan.sink(topic, source)
        plan.sink("out", plan.node(topic, Map(function(named(topic))), plan.source(topic)))
    got = flow(ReferenceTask(plan.topology(), SETTINGS), a_record("a", "k", "v", 7))
    assert [row[2] for row in got if row[1] == "out"] == [b"x", b"z", b"y"]


def named(topic: str) -> Callable[[Any, Any], tuple[str, Any]]:
    return lambda key, value: (topic, value)


def test_nothing_comes_back_when_told_so() -> None:
    """If this failed, a running application would process its repartitions twice."""
    plan = Plan()
    plan.sink("out", plan.repartition("r-repartition", plan.source("a")))
    task = ReferenceTask(plan.topology(), replace(SETTINGS, loop_back=False))
    assert flow(task, a_record("a", "k", "v", 1)) == [
        (0, "app-r-repartition", b"k", b"v", 1),
    ]
    assert flow(task, a_record("app-r-repartition", "k", "v", 1)) == [(0, "out", b"k", b"v", 1)]


def test_each_record_is_the_cause_of_what_it_does() -> None:
    """If this failed, an application could not tell which input an output belongs to."""
    plan = Plan()
    source = plan.source("a")
    plan.sink("out", plan.repartition("r-repartition", source))
    task = ReferenceTask(plan.topology(), SETTINGS)
    got = flow(task, a_record("a", "k", "v", 5), a_record("a", "k", "w", 3))
    assert [(row[0], row[1], row[3]) for row in got] == [
        (0, "app-r-repartition", b"v"),
        (0, "out", b"v"),
        (1, "app-r-repartition", b"w"),
        (1, "out", b"w"),
    ]


def test_stream_time_punctuates_after_a_record_and_skips_what_it_missed() -> None:
    """If this failed, punctuations would come before their record, or once for every interval that
    stream time jumped over.
    """
    task = clock_task((100, "stream_time"))
    assert flow(task, a_record("a", "k", "v", 30)) == [(0, "out", b"stream_time", b"30", 30)]
    assert flow(task, a_record("a", "k", "v", 99)) == []
    assert flow(task, a_record("a", "k", "v", 450)) == [(0, "out", b"stream_time", b"450", 450)]
    assert flow(task, a_record("a", "k", "v", 499), a_record("a", "k", "cancel", 499)) == []
    assert flow(task, a_record("a", "k", "v", 900)) == []


def test_the_wall_clock_punctuates_only_as_it_advances() -> None:
    """If this failed, wall-clock punctuations would depend on records, or be caused by one."""
    task = clock_task((100, "wall_clock"), now=1000)
    assert flow(task, a_record("a", "k", "v", 5000), now=1100) == []
    assert [row[:5] for row in task.advance(1100)] == [(-1, "out", b"wall_clock", b"1100", 1100)]
    assert task.advance(1199) == []
    assert [row[3] for row in task.advance(1650)] == [b"1650"]


def test_a_global_table_is_read_past_all_queues() -> None:
    """If this failed, a global table's records would wait, or move the task's stream time."""
    plan = Plan()
    glob = store("glob", logged=False, is_global=True)
    plan.node("fill", TableSource("glob"), plan.source("g", is_global=True), glob)
    plan.sink("out", plan.node("clock", Process(lambda: Clock((10, "stream_time"))),
              plan.source("a")))  # fmt: skip
    task = ReferenceTask(plan.topology(), SETTINGS)
    assert flow(task, a_record("g", "k", "v", 900)) == []
    assert task.store("glob").get("k") == ("v", 900, ())
    assert [row[3] for row in flow(task, a_record("a", "k", "v", 20))] == [b"20"]


def test_a_pattern_reads_every_topic_that_it_matches() -> None:
    """If this failed, topics that come later would not be read, or wrongly others."""
    plan = Plan()
    plan.sink("out", plan.source(pattern=re.compile("a[0-9]")))
    task = ReferenceTask(plan.topology(), SETTINGS)
    assert [row[3] for row in flow(task, a_record("a1", "k", "v", 1))] == [b"v"]
    with pytest.raises(StreamsError, match="no source of the topology reads the topic b1"):
        task.process([a_record("b1", "k", "v", 1)], 0)


def test_negative_times_are_refused_or_skipped() -> None:
    """If this failed, a record without a time would be processed: Kafka stops, and leaves it out
    where the user's own extractor gave such a time.
    """
    plan = Plan()
    plan.sink("out", plan.source("a"))
    with pytest.raises(ProcessingError, match="negative time -1"):
        ReferenceTask(plan.topology(), SETTINGS).process([a_record("a", "k", "v", -1)], 0)
    plan = Plan()
    plan.sink("out", plan.source("a", timestamp_extractor=lambda *told: -5))
    task = ReferenceTask(plan.topology(), SETTINGS)
    assert flow(task, a_record("a", "k", "v", 10)) == []
    assert task.skipped() == {Skipped("source-a", "its time is negative"): 1}


def test_an_extractor_is_told_the_time_so_far() -> None:
    """If this failed, an extractor that falls back on its partition's time would go astray."""
    seen = []

    def extract(*told: Any) -> int:
        seen.append(told[-1])
        return int(told[5])

    plan = Plan()
    plan.sink("out", plan.source("a", timestamp_extractor=extract))
    task = ReferenceTask(plan.topology(), SETTINGS)
    flow(task, a_record("a", "k", "70", 0), a_record("a", "k", "30", 0), a_record("a", "k", "9", 0))
    assert seen == [-1, 70, 70]


def failing(value: str) -> str:
    if value == "bad":
        raise ValueError("a bad value")
    return value


def failing_task(**settings: Any) -> ReferenceTask:
    """Source to map, which may fail, to sink; and a second sink of the source."""
    plan = Plan()
    source = plan.source("a")
    plan.sink("out", plan.node("map", MapValues(function(failing)), source))
    plan.sink("all", source)
    return ReferenceTask(plan.topology(), replace(SETTINGS, **settings))


def test_a_failure_stops_and_what_came_before_counts() -> None:
    """If this failed, a batch would be lost as a whole for one record in its middle."""
    task = failing_task()
    with pytest.raises(ProcessingError, match=r"map .*topic a.*offset 1.*a bad value") as caught:
        task.process([a_record("a", "k", value, 1) for value in ("good", "bad", "more")], 0)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.place == 1
    assert [row[3] for row in caught.value.produced] == [b"good", b"good"]  # type: ignore[index]


def test_a_handler_that_resumes_drops_the_record_at_its_operator_alone() -> None:
    """If this failed, one bad branch would take its siblings' records with it, or go uncounted."""
    asked: list[Failure] = []

    def resume(failure: Failure) -> Answer:
        asked.append(failure)
        return Answer.RESUME

    task = failing_task(processing_handler=resume)
    got = flow(task, a_record("a", "k", "bad", 1))
    assert got == [(0, "all", b"k", b"bad", 1)]
    (failure,) = asked
    assert (failure.stage, failure.node, failure.topic, failure.offset) == (
        "processing", "map", "a", 0,
    )  # fmt: skip
    assert (failure.key, failure.value) == (b"k", b"bad")
    assert task.skipped() == {Skipped("map", "processing failed: ValueError"): 1}


def test_a_dead_letter_is_the_source_record_with_what_happened() -> None:
    """If this failed, dead letters would not be Kafka's (KIP-1034)."""
    task = failing_task(processing_handler=lambda _: Answer.RESUME, dead_letter_topic="dead")
    record = a_record("a", "k", "bad", 9)._replace(headers=(("h", b"1"),), partition=3, offset=44)
    dead = next(row for row in task.process([record], 0) if row.topic == "dead")
    assert (dead.key, dead.value, dead.timestamp) == (b"k", b"bad", 9)
    told = dict(dead.headers)
    trace = told.pop("__streams.errors.stacktrace")
    assert trace is not None
    assert b"in failing" in trace
    assert told == {
        "h": b"1",
        "__streams.errors.exception": b"builtins.ValueError",
        "__streams.errors.message": b"a bad value",
        "__streams.errors.topic": b"a",
        "__streams.errors.partition": b"3",
        "__streams.errors.offset": b"44",
    }


def test_a_handler_that_fails_stops_the_task() -> None:
    """If this failed, a broken handler would look like one that resumes."""

    def broken(failure: Failure) -> Answer:
        raise KeyError("handler")

    with pytest.raises(ProcessingError, match="handler failed too"):
        failing_task(processing_handler=broken).process([a_record("a", "k", "bad", 1)], 0)


def test_what_is_skipped_is_counted_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """If this failed, records would vanish silently, or fill the log."""
    plan = Plan()
    count = StreamAggregate("agg", Count())
    plan.node("count", count, plan.source("a"), store("agg", LONG))
    task = ReferenceTask(plan.topology(), SETTINGS)
    task.process([a_record("a", None, "v", 1), a_record("a", "k", None, 1)], 0)
    assert task.skipped() == {Skipped("count", "the key or the value is null"): 2}
    assert len(caplog.records) == 1
    assert "count skips a record" in caplog.text


def test_a_store_is_read_and_not_written_from_outside() -> None:
    """If this failed, a reader could change a task's state past its changelog."""
    plan = Plan()
    plan.node("table", TableSource("t"), plan.source("a"), store("t"))
    task = ReferenceTask(plan.topology(), SETTINGS)
    flow(task, a_record("a", "b", "1", 1), a_record("a", "a", "2", 2))
    assert list(task.store("t").all()) == [("a", ("2", 2, ())), ("b", ("1", 1, ()))]
    with pytest.raises(StreamsError, match="may only be read"):
        task.store("t").put("a", None)
    with pytest.raises(StreamsError, match="there is no store u"):
        task.store("u")


def test_records_and_headers_pass_untouched() -> None:
    """If this failed, headers would be lost in operators that do not look at them."""
    plan = Plan()
    kept = plan.node("filter", Filter(function(lambda value: value != "no")), plan.source("a"))
    keyed = plan.node("key", SelectKey(function(lambda value: value)), kept)
    table = plan.node("table", TableSource("t"), keyed, store("t"))
    plan.sink("out", plan.node("stream", TableToStream(), table))
    headers = (("h", b"1"), ("h", None))
    records = [a_record("a", "k", each, 1)._replace(headers=headers) for each in ("no", "yes")]
    made = ReferenceTask(plan.topology(), Settings("app")).process(records, 0)
    assert [(row.topic, row.headers) for row in made] == [("app-t-changelog", ()), ("out", headers)]


def test_a_topology_that_is_too_deep_is_refused() -> None:
    """If this failed, a long chain of operators would end in a RecursionError at its first record;
    one that is allowed runs.
    """

    def chain(depth: int) -> ReferenceTask:
        plan = Plan()
        above = plan.source("a")
        for place in range(depth):
            table = plan.node(f"t{place}", TableSource(f"s{place}"), above, store(f"s{place}"))
            above = plan.node(f"s{place}", TableToStream(), table)
        plan.sink("out", above)
        return ReferenceTask(plan.topology(), SETTINGS)

    assert flow(chain(60), a_record("a", "k", "v", 1))[-1] == (0, "out", b"k", b"v", 1)
    with pytest.raises(TopologyError, match="122 operators deep"):
        chain(61)


def test_the_node_that_failed_is_named_without_a_handler_too() -> None:
    """If this failed, an error would name its source, and not the operator or the sink that it came
    out of.
    """
    plan = Plan()
    above = plan.node("first", PassThrough(), plan.source("a"))
    keyed = plan.node("key", SelectKey(function(lambda value: value)), above)
    plan.sink("out", plan.node("last", MapValues(function(failing)), keyed), value=LONG)
    task = ReferenceTask(plan.topology(), SETTINGS)
    unwritten = r"sink-out-0 \(topic a.*cannot write a value of type str"
    for value, said in (("bad", r"last \(topic a.*a bad value"), ("good", unwritten)):
        with pytest.raises(ProcessingError, match=f"^{said}"):
            task.process([a_record("a", "k", value, 1)], 0)
