"""Recorded topologies of streams, tables and processors that the other files leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ottla.streams.plan.operators import (
    Branch,
    Count,
    Filter,
    FlatMap,
    FlatMapValues,
    Map,
    MapValues,
    Operator,
    PassThrough,
    Peek,
    Process,
    SelectKey,
    StreamAggregate,
    StreamGlobalJoin,
    TableAggregate,
    TableFilter,
    TableMapValues,
    TableRepartitionMap,
    TableSource,
    TableToStream,
    WindowAggregate,
)
from ottla.streams.plan.stores import StoreKind
from ottla.streams.plan.views import Stored
from ottla.streams.processors import Record, ValueAndTimestamp
from ottla.streams.serdes import LONG, STRING, Serde, Windowed
from ottla.streams.serdes.changed import ChangedSerde
from streams.reference.plans import Plan, by_aggregate, constant, function, store
from streams.reference.recorded_plans import PROCESSING, READING, WRITING, Picky, checked
from streams.reference.recorded_processors import (
    GlobalReader,
    GlobalWriter,
    Remember,
    Step,
    side,
    stamped,
    window,
)
from streams.reference.recorded_words import (
    Given,
    aggregated,
    both,
    first,
    folded,
    last,
    out,
    plus,
    reduced,
    rekeyed,
    shown,
    table,
    table_out,
    time_windows,
    topology,
    window_store,
    windows_out,
)


def counted(plan: Plan, above: str, name: str = "agg") -> str:
    return plan.node(name, StreamAggregate(name, Count()), above, store(name, LONG))


def named(plan: Plan, above: str) -> str:
    """Without null keys, as before every repartition."""
    return plan.node("named", Filter(function(lambda key, value: key is not None)), above)


# ---------------------------------------------------------------- streams
@topology("filter-map")
def _(plan: Plan, given: Given) -> None:
    above = plan.source("a")
    rows: dict[str, Operator] = {
        "filter": Filter(function(lambda value: value is not None and value >= "2")),
        "not": Filter(function(lambda value: value.endswith("5")), negate=True),
        "map": Map(function(lambda key, value: (shown(key) + "m", value + "!"))),
        "values": MapValues(function(lambda key, value: key + ":" + value)),
        "peek": Peek(function(lambda value: None)),
    }
    for name, row in rows.items():
        above = plan.node(name, row, above)
    out(plan, above)


@topology("flat-map")
def _(plan: Plan, given: Given) -> None:
    def mapped(key: str | None, value: str | None) -> list[tuple[str | None, str | None]]:
        if value is None:
            return [(key, "none")]
        return [] if value.endswith("1") else [(first(value), value), (last(value), None)]

    out(plan, plan.node("flat", FlatMap(function(mapped)), plan.source("a")))


@topology("flat-map-values")
def _(plan: Plan, given: Given) -> None:
    two = FlatMapValues(
        function(lambda value: [] if value is None else [first(value), last(value)])
    )
    again = FlatMapValues(function(lambda key, value: [shown(key) + value, value]))
    out(plan, plan.node("again", again, plan.node("two", two, plan.source("a"))))


@topology("foreach-print")
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a")
    plan.node("foreach", Peek(function(lambda value: None)), source)
    out(plan, plan.node("seen", MapValues(function(lambda value: "seen")), source))


@topology("split-cases")
def _(plan: Plan, given: Given) -> None:
    cases = (
        function(lambda value: value is None),
        function(lambda value: value < "3"),
        function(lambda value: value < "6"),
    )
    split = plan.node("split", Branch(cases), plan.source("a"))
    nulls, low, middle = (plan.node(name, PassThrough(), split) for name in ("0", "1", "2"))
    marked = plan.node("f", MapValues(function(lambda value: "f" + value)), low)
    plan.sink("mid", middle)
    out(plan, plan.node("both", PassThrough(), nulls, marked))


@topology("several-sinks")
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a")
    plan.sink("out", source)
    plan.sink("out", plan.node("map", MapValues(function(lambda v: shown(v) + "'")), source))
    plan.sink("other", source)


@topology("repartition")
def _(plan: Plan, given: Given) -> None:
    keyed = plan.node("key", SelectKey(function(lambda value: first(value))), plan.source("a"))
    table_out(plan, counted(plan, plan.repartition("rp-repartition", named(plan, keyed))))


@topology("repartition-partitions")
def _(plan: Plan, given: Given) -> None:
    topic = "KSTREAM-REPARTITION-0000000001-repartition"
    out(plan, plan.repartition(topic, named(plan, plan.source("a"))))


@topology("errors-repartition-continue", WRITING)
def _(plan: Plan, given: Given) -> None:
    keyed = plan.node("key", SelectKey(function(lambda value: first(value))), plan.source("a"))
    picky = Picky(reads=False)
    out(plan, plan.repartition("rp-repartition", named(plan, keyed), STRING, picky))


@topology("select-key-two-counts")
@topology("select-key-two-counts-merged")
def _(plan: Plan, given: Given) -> None:
    keyed = plan.node("key", SelectKey(function(lambda value: first(value))), plan.source("a"))
    table_out(plan, counted(plan, plan.repartition("c1-repartition", named(plan, keyed)), "c1"))
    marked = plan.node("x", MapValues(function(lambda value: "x" + shown(value))), keyed)
    kept = plan.node("kept", Filter(function(lambda key, value: key is not None)), marked)
    row = StreamAggregate("c2", reduced(plus))
    again = plan.repartition("c2-repartition", kept)
    reducing = plan.node("c2", row, again, store("c2"))
    plan.sink("other", plan.node("c2-stream", TableToStream(), reducing))


@topology("rekey-to-table")
def _(plan: Plan, given: Given) -> None:
    keyed = plan.node("key", SelectKey(function(lambda value: first(value))), plan.source("a"))
    source = plan.repartition("tt-repartition", named(plan, keyed))
    table_out(plan, plan.node("agg", TableSource("agg"), source, store("agg")))


# ---------------------------------------------------------------- tables
@topology("table-to-out")
def _(plan: Plan, given: Given) -> None:
    table_out(plan, plan.node("t", TableSource(None), plan.source("a")))


def mapped_and_filtered(plan: Plan) -> str:
    above = plan.node("t", TableSource(None), plan.source("a"))
    above = plan.node("map", TableMapValues(function(lambda value: value + "'"), None), above)
    row = TableFilter(function(lambda value: value >= "3"), False, None)
    return plan.node("filter", row, above)


@topology("table-map-filter")
def _(plan: Plan, given: Given) -> None:
    row = TableFilter(function(lambda value: value.startswith("9")), True, None)
    above = plan.node("not", row, mapped_and_filtered(plan))
    table_out(plan, plan.node("k", TableMapValues(function(lambda k, v: k + v), None), above))


@topology("table-map-filter-stored")
def _(plan: Plan, given: Given) -> None:
    row = TableMapValues(function(lambda key, value: key + value), "agg")
    table_out(plan, plan.node("k", row, mapped_and_filtered(plan), store("agg")))


@topology("table-in-memory")
def _(plan: Plan, given: Given) -> None:
    row = TableFilter(function(lambda value: value < "5"), False, "agg", True)
    source = table(plan, send_old=True, persistent=False)
    table_out(plan, plan.node("filter", row, source, store("agg", persistent=False)))


@topology("table-to-stream-keys")
def _(plan: Plan, given: Given) -> None:
    stream = plan.node("changes", TableToStream(), table(plan))
    source = rekeyed(plan, stream, lambda key, value: key if value is None else first(value))
    table_out(plan, counted(plan, source))


def grouped(plan: Plan, mapper: Callable[..., Any], row: Any, value: Serde, topic: str) -> None:
    above = plan.node("group", TableRepartitionMap(function(mapper)), table(plan, send_old=True))
    again = plan.repartition(f"{topic}-repartition", above, STRING, ChangedSerde(STRING))
    table_out(plan, plan.node("agg", row, again, store("agg", value)))


@topology("table-group-count")
def _(plan: Plan, given: Given) -> None:
    row = TableAggregate(
        "agg", constant(int), by_aggregate(lambda key, value, aggregate: aggregate + 1),
        by_aggregate(lambda key, value, aggregate: aggregate - 1),
    )  # fmt: skip
    grouped(plan, lambda key, value: (first(value), value), row, LONG, "rk")


@topology("table-group-same-key")
def _(plan: Plan, given: Given) -> None:
    row = TableAggregate(
        "agg", constant(str), by_aggregate(lambda key, value, aggregate: aggregate + "+" + value),
        by_aggregate(lambda key, value, aggregate: aggregate + "-" + value),
    )  # fmt: skip
    grouped(plan, lambda key, value: (key, value), row, STRING, "agg")


@topology("errors-table-reading-dead", replace(READING, dead_letter_topic="dead"))
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a", value=Picky(reads=True))
    table_out(plan, plan.node("t", TableSource("store-a"), source, store("store-a")))


@topology("errors-timestamp")
def _(plan: Plan, given: Given) -> None:
    def extract(*told: Any) -> int:
        if told[5] == "97":
            raise ValueError("a negative time")
        return int(told[3])

    out(plan, plan.source("a", timestamp_extractor=extract))


# ---------------------------------------------------------------- processors
class Swap(Step):
    def process(self, record: Record) -> None:
        self.context.forward(record.with_key(record.value).with_value(record.key))


class ReadsCounts(Step):
    def process(self, record: Record) -> None:
        if record.key is not None:
            found = self.context.store("agg").get(record.key)
            self.emit(record.key, stamped(found) or "none", record.timestamp)


class BadWriter(Step):
    def process(self, record: Record) -> None:
        if record.key is not None:
            self.context.store("glob").put(record.key, checked(record.value))


class Kept(Step):
    """Keeps each record with its headers, and forwards what was there before."""

    def process(self, record: Record) -> None:
        if record.key is None:
            return
        before = self.swapped(self.context.store("side"), record)
        if before is None:
            self.emit(record.key, "none", record.timestamp)
        else:
            self.context.forward(Record(record.key, *before))

    def swapped(self, kept: Any, record: Record) -> tuple[Any, ...] | None:
        start = record.timestamp // 100 * 100
        before: tuple[Any, ...] | None = kept.fetch(record.key, start)
        now = ValueAndTimestamp(record.value, record.timestamp, record.headers)
        kept.put(record.key, now, start)
        return before


class KeptSessions(Kept):
    def swapped(self, kept: Any, record: Record) -> tuple[Any, ...] | None:
        start = record.timestamp // 200 * 200
        before = kept.fetch_session(record.key, start, start + 150)
        now = ValueAndTimestamp(record.value, record.timestamp, record.headers)
        kept.put(Windowed(record.key, start, start + 150), now)
        return None if before is None else (before.value, record.timestamp, before.headers)


@topology("process-then-count")
def _(plan: Plan, given: Given) -> None:
    swapped = plan.node("swap", Process(Swap), plan.source("a"))
    table_out(plan, counted(plan, plan.repartition("agg-repartition", named(plan, swapped))))


@topology("process-aggregate-store")
def _(plan: Plan, given: Given) -> None:
    source, kept = plan.source("a"), store("agg", LONG)
    counted(plan, source)
    plan.sink("out", plan.node("step", Process(ReadsCounts), source, kept))


@topology("process-window-with-headers")
def _(plan: Plan, given: Given) -> None:
    kept = window(timestamped=True, with_headers=True)(given)
    plan.sink("out", plan.node("step", Process(Kept), plan.source("a"), kept))


@topology("process-session-with-headers")
def _(plan: Plan, given: Given) -> None:
    kept = side(StoreKind.SESSION, retention_ms="retention", with_headers=True)(given)
    plan.sink("out", plan.node("step", Process(KeptSessions), plan.source("a"), kept))


@topology("errors-global-processing", replace(PROCESSING, handles_global_failures=True))
def _(plan: Plan, given: Given) -> None:
    kept = store("glob", timestamped=False, persistent=False, logged=False, is_global=True)
    plan.node("fill", Process(BadWriter), plan.source("t", is_global=True), kept)
    plan.sink("out", plan.node("look", Process(GlobalReader), plan.source("a")))


@topology("topology-alone")
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a", "b")
    swap = plan.node("swap", Process(Swap), source)
    kept = store("side", timestamped=False, persistent=False)
    remember = plan.node("remember", Process(lambda: Remember("n")), swap, source, kept)
    plan.sink("out", remember)
    plan.sink("raw", swap)


@topology("topology-read-only")
def _(plan: Plan, given: Given) -> None:
    kept = store("glob", timestamped=False, persistent=False, logged=False, changelog_topic="t")
    plan.node("fill", Process(GlobalWriter), plan.source("t"), kept)
    plan.sink("out", plan.node("look", Process(GlobalReader), plan.source("a"), kept))


# ---------------------------------------------------------------- names that Kafka generates
@topology("aggregate-unnamed")
def _(plan: Plan, given: Given) -> None:
    name = "KSTREAM-AGGREGATE-STATE-STORE-0000000002"
    keyed = plan.node("key", SelectKey(function(lambda value: last(value))), plan.source("a"))
    source = plan.repartition(f"{name}-repartition", named(plan, keyed))
    row = StreamAggregate(name, folded(lambda value, aggregate: aggregate + value))
    table_out(plan, plan.node("agg", row, source, store(name)))


@topology("window-count-unnamed")
def _(plan: Plan, given: Given) -> None:
    kept = window_store(given, LONG, "KSTREAM-AGGREGATE-STATE-STORE-0000000001")
    row = WindowAggregate(kept.name, time_windows(given), Count())
    windows_out(plan, aggregated(row, kept, plan))


@topology("table-group-bare")
def _(plan: Plan, given: Given) -> None:
    name, above = "KTABLE-AGGREGATE-STATE-STORE-0000000005", "a-STATE-STORE-0000000000"
    source = plan.node("t", TableSource(above, True), plan.source("a"), store(above))
    doubled = plan.node("m", TableMapValues(function(lambda v: v + v), None, True), source)
    mapper = TableRepartitionMap(function(lambda value: (first(value), value)))
    serde = ChangedSerde(STRING)
    again = plan.repartition(
        f"{name}-repartition", plan.node("group", mapper, doubled), STRING, serde
    )
    row = TableAggregate(
        name, constant(str), by_aggregate(lambda key, value, aggregate: aggregate + "+" + value),
        by_aggregate(lambda key, value, aggregate: aggregate + "-" + value),
    )  # fmt: skip
    table_out(plan, plan.node("agg", row, again, store(name)))


def marked_with(topic: str) -> Callable[[Any, Any], str]:
    return lambda value, aggregate: f"{shown(aggregate)}{topic}{shown(value)}"


@topology("cogroup-rekeyed")
def _(plan: Plan, given: Given) -> None:
    keyed = plan.node("key", SelectKey(function(lambda value: last(value))), plan.source("b"))
    sources = {
        "a": plan.source("a"),
        "b": plan.repartition("agg-repartition", named(plan, keyed)),
    }
    nodes = []
    for topic, source in sources.items():
        row = StreamAggregate("agg", folded(marked_with(topic)))
        nodes.append(plan.node(topic, row, source, store("agg")))
    table_out(plan, plan.node("merge", PassThrough(), *nodes))


@topology("table-reuse-source")
def _(plan: Plan, given: Given) -> None:
    source = table(plan, logged=False, changelog_topic="a")
    row = TableMapValues(function(lambda value: value + "'"), None)
    table_out(plan, plan.node("map", row, source))


@topology("errors-global-reading", READING)
def _(plan: Plan, given: Given) -> None:
    kept = store("store-t", is_global=True, logged=False)
    source = plan.source("t", value=Picky(reads=True), is_global=True)
    plan.node("t", TableSource("store-t"), source, kept)
    joiner = function(both, "left", "right")
    row = StreamGlobalJoin("left", function(lambda v: first(v)), joiner, Stored("store-t"))
    out(plan, plan.node("join", row, plan.source("a"), kept))
