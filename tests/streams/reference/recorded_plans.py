"""Recorded topologies of streams and tables, as plans."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ottla.streams.execution import Answer, Failure
from ottla.streams.plan.operators import (
    Branch,
    Count,
    Filter,
    MapValues,
    PassThrough,
    SelectKey,
    StreamAggregate,
    TableAggregate,
    TableFilter,
    TableMapValues,
    TableReduce,
    TableRepartitionMap,
    TableSource,
    TableToStream,
)
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.serdes import LONG, STRING, Serde
from ottla.streams.serdes.changed import ChangedSerde
from ottla.streams.serdes.serde import Headers
from streams.reference.plans import (
    SETTINGS,
    Plan,
    by_aggregate,
    constant,
    function,
    reducer,
    store,
)
from streams.reference.recorded_words import (
    Given,
    aggregated,
    first,
    folded,
    forgetful,
    out,
    plus,
    plus_unless_zero,
    reduced,
    rekeyed,
    shown,
    table,
    table_out,
    topology,
)


# ---------------------------------------------------------------- aggregations of streams
def counted(plan: Plan, kept: Store) -> None:
    table_out(plan, aggregated(StreamAggregate("agg", Count()), kept, plan))


@topology("count")
def _(plan: Plan, given: Given) -> None:
    counted(plan, store("agg", LONG))


@topology("count-in-memory")
def _(plan: Plan, given: Given) -> None:
    counted(plan, store("agg", LONG, persistent=False))


@topology("count-unlogged")
def _(plan: Plan, given: Given) -> None:
    counted(plan, store("agg", LONG, logged=False))


@topology("count-lru")
def _(plan: Plan, given: Given) -> None:
    counted(plan, store("agg", LONG, StoreKind.LRU, persistent=False, entries_max=given["most"]))


@topology("count-plain-store")
def _(plan: Plan, given: Given) -> None:
    counted(plan, store("agg", LONG, times_lost=True))


@topology("headers-count")
def _(plan: Plan, given: Given) -> None:
    counted(plan, store("agg", LONG, with_headers=True))


@topology("reduce")
def _(plan: Plan, given: Given) -> None:
    row = StreamAggregate("agg", reduced(plus_unless_zero))
    table_out(plan, aggregated(row, store("agg"), plan))


@topology("aggregate")
def _(plan: Plan, given: Given) -> None:
    table_out(plan, aggregated(StreamAggregate("agg", forgetful()), store("agg"), plan))


@topology("rekey-count")
def _(plan: Plan, given: Given) -> None:
    source = rekeyed(plan, plan.source("a"), lambda value: first(value))
    table_out(plan, plan.node("agg", StreamAggregate("agg", Count()), source, store("agg", LONG)))


@topology("count-of-counts")
def _(plan: Plan, given: Given) -> None:
    row = StreamAggregate("first", Count())
    stream = plan.node("counts", TableToStream(), aggregated(row, store("first", LONG), plan))
    source = rekeyed(plan, stream, lambda value: str(value % 3), value=LONG)
    table_out(plan, plan.node("agg", StreamAggregate("agg", Count()), source, store("agg", LONG)))


@topology("one-source-of-two")
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a", "b")
    table_out(plan, plan.node("agg", StreamAggregate("agg", Count()), source, store("agg", LONG)))


@topology("cogroup")
def _(plan: Plan, given: Given) -> None:
    sides = {
        "a": folded(lambda value, aggregate: f"{shown(aggregate)}a{shown(value)}"),
        "b": folded(lambda value, aggregate: plus_unless_zero(f"{shown(aggregate)}b", value)),
    }
    nodes = [
        plan.node(topic, StreamAggregate("agg", row), plan.source(topic), store("agg"))
        for topic, row in sides.items()
    ]
    table_out(plan, plan.node("merge", PassThrough(), *nodes))


# ---------------------------------------------------------------- streams
@topology("split-merge")
def _(plan: Plan, given: Given) -> None:
    low = function(lambda value: value is not None and value < "3")
    middle = function(lambda value: value is not None and value < "6")
    split = plan.node("s-", Branch((low, middle)), plan.source("a"))
    lo, _mid, hi = (plan.node(name, PassThrough(), split) for name in ("lo", "mid", "hi"))
    marked = plan.node("marked", MapValues(function(lambda value: "L" + value)), lo)
    out(plan, plan.node("merge", PassThrough(), marked, hi))


@topology("merge-three")
def _(plan: Plan, given: Given) -> None:
    keyed = SelectKey(function(lambda key, value: "c" + shown(key)))
    three = plan.source("a"), plan.source("b"), plan.node("c", keyed, plan.source("c"))
    out(plan, plan.node("merge", PassThrough(), *three))


@topology("source-pattern")
def _(plan: Plan, given: Given) -> None:
    out(plan, plan.source(pattern=re.compile("[ab]")))


@topology("topic-extractor")
def _(plan: Plan, given: Given) -> None:
    def chosen(key: Any, value: str | None, context: Any) -> str:
        return "out-" + (context.topic if value is None else value[-1])

    source = plan.source("a")
    plan.sink(None, source, extractor=function(chosen, "key", "value", "context"))


@topology("through-topic")
def _(plan: Plan, given: Given) -> None:
    row = MapValues(function(lambda value: shown(value) + "'"))
    plan.sink("mid", plan.node("map", row, plan.source("a")))
    source = plan.source("mid")
    table_out(plan, plan.node("agg", StreamAggregate("agg", Count()), source, store("agg", LONG)))


# ---------------------------------------------------------------- tables
@topology("table-filter")
def _(plan: Plan, given: Given) -> None:
    row = TableFilter(function(lambda value: value < "5"), False, "agg", True)
    table_out(plan, plan.node("filter", row, table(plan, send_old=True), store("agg")))


@topology("stream-to-table")
def _(plan: Plan, given: Given) -> None:
    table_out(plan, aggregated(TableSource("agg"), store("agg"), plan))


@topology("table-map-null")
def _(plan: Plan, given: Given) -> None:
    row = TableMapValues(function(lambda v: None if v.endswith("0") else v), "agg", True)
    mapped = plan.node("map", row, table(plan, send_old=True), store("agg"))
    kept = TableFilter(function(lambda value: not value.endswith("1")), False, None, True)
    table_out(plan, plan.node("filter", kept, mapped))


def regrouped(plan: Plan, key: Any, row: Any, value: Serde = STRING, topic: str = "rk") -> None:
    mapper = TableRepartitionMap(function(lambda value: (key(value), value)))
    grouped = plan.node("group", mapper, table(plan, send_old=True))
    serde = ChangedSerde(STRING)
    again = plan.repartition(f"{topic}-repartition", grouped, STRING, serde)
    table_out(plan, plan.node("agg", row, again, store("agg", value)))


@topology("table-aggregate")
def _(plan: Plan, given: Given) -> None:
    row = TableAggregate(
        "agg", constant(str), by_aggregate(lambda key, value, aggregate: aggregate + "+" + value),
        by_aggregate(lambda key, value, aggregate: aggregate + "-" + value),
    )  # fmt: skip
    regrouped(plan, first, row)


@topology("table-group-reduce")
def _(plan: Plan, given: Given) -> None:
    less = reducer(lambda one, other: None if other.endswith("0") else one + "-" + other)
    regrouped(plan, first, TableReduce("agg", reducer(plus), less))


@topology("table-group-null-key")
def _(plan: Plan, given: Given) -> None:
    row = TableAggregate(
        "agg", constant(int), by_aggregate(lambda key, value, aggregate: aggregate + 1),
        by_aggregate(lambda key, value, aggregate: aggregate - 1),
    )  # fmt: skip
    regrouped(plan, lambda v: None if v.endswith("3") else v[-1], row, LONG, "agg")


# ---------------------------------------------------------------- what fails
class Poison(Exception):
    """What every value that ends in 7 raises."""


def checked(value: Any) -> Any:
    if value is not None and value.endswith("7"):
        raise Poison(f"poison {value}")
    return value


class Picky(Serde):
    """Texts, of which it refuses some: where it reads, or where it writes."""

    def __init__(self, *, reads: bool) -> None:
        self.reads = reads

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        return STRING.serialize(value if self.reads else checked(value))

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        read = STRING.deserialize(data)
        return checked(read) if self.reads else read


def go_on(failure: Failure) -> Answer:
    return Answer.RESUME


DEAD = replace(SETTINGS, dead_letter_topic="dead")
READING = replace(SETTINGS, deserialization_handler=go_on)
PROCESSING = replace(SETTINGS, processing_handler=go_on)
WRITING = replace(SETTINGS, production_handler=go_on)


@topology("errors-reading-fail")
@topology("errors-reading-fail-dead", DEAD)
@topology("errors-reading-continue", READING)
@topology("errors-reading-dead", replace(READING, dead_letter_topic="dead"))
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a", value=Picky(reads=True))
    table_out(plan, plan.node("agg", StreamAggregate("agg", Count()), source, store("agg", LONG)))


@topology("errors-processing-fail")
@topology("errors-processing-continue", PROCESSING)
@topology("errors-processing-dead", replace(PROCESSING, dead_letter_topic="dead"))
def _(plan: Plan, given: Given) -> None:
    above = plan.node("map", MapValues(function(checked)), plan.source("a"))
    table_out(plan, plan.node("agg", StreamAggregate("agg", Count()), above, store("agg", LONG)))


@topology("errors-writing-fail")
@topology("errors-writing-dead", DEAD)
@topology("errors-writing-continue", WRITING)
def _(plan: Plan, given: Given) -> None:
    plan.sink("out", plan.source("a"), value=Picky(reads=False))


@topology("errors-aggregate-dead", replace(PROCESSING, dead_letter_topic="dead"))
def _(plan: Plan, given: Given) -> None:
    source = rekeyed(plan, plan.source("a"), lambda value: first(value))
    row = StreamAggregate("agg", folded(lambda value, aggregate: aggregate + checked(value)))
    table_out(plan, plan.node("agg", row, source, store("agg")))


@topology("errors-two-branches", replace(PROCESSING, dead_letter_topic="dead"))
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a")
    plan.sink("before", source)
    row = Filter(function(lambda value: checked(value) is not None))
    out(plan, plan.node("filter", row, source))
    plan.sink("after", source)
