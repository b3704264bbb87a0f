"""Twins of ErrorTopologies.java: what fails, and what the handlers make of it."""

from __future__ import annotations

from typing import Any

from ottla.streams import Streams, key_value
from streams.topologies.poison import Picky, checked
from streams.topologies.steps import BadClock, BadWriter, GlobalReader
from streams.topologies.words import (
    ALL_TEXT,
    COUNTS,
    TEXTS,
    Given,
    both,
    first,
    nothing,
    out,
    row,
    stream,
    table,
)

READING: dict[str, Any] = {"deserialization_handler": "continue"}
PROCESSING: dict[str, Any] = {"processing_handler": "continue"}
WRITING: dict[str, Any] = {"production_handler": "continue"}
DEAD: dict[str, Any] = {"dead_letter_topic": "dead"}


def read(app: Streams, given: Given) -> None:
    records = app.stream("a", key=str, value=Picky(reads=True))
    out(records.group_by_key(**ALL_TEXT).count(**COUNTS))


row("errors-reading-fail")(read)
row("errors-reading-fail-dead", **DEAD)(read)
row("errors-reading-continue", **READING)(read)
row("errors-reading-dead", **READING, **DEAD)(read)


@row("errors-table-reading-dead", **READING, **DEAD)
def _(app: Streams, given: Given) -> None:
    out(app.table("a", key=str, value=Picky(reads=True), store="store-a"))


@row("errors-global-reading", **READING)
def _(app: Streams, given: Given) -> None:
    records = stream(app)
    everywhere = app.global_table("t", key=str, value=Picky(reads=True), store="store-t")
    out(records.left_join(everywhere, both, on=lambda k, v: first(v)))


@row("errors-timestamp")
def _(app: Streams, given: Given) -> None:
    def time(*record: Any) -> int:
        if record[5] == "97":
            raise ValueError("a negative time")
        found: int = record[3]
        return found

    out(app.stream("a", key=str, value=str, timestamp=time))


def process(app: Streams, given: Given) -> None:
    records = stream(app).map_values(checked)
    out(records.group_by_key(**ALL_TEXT).count(**COUNTS))


row("errors-processing-fail")(process)
row("errors-processing-continue", **PROCESSING)(process)
row("errors-processing-dead", **PROCESSING, **DEAD)(process)


@row("errors-aggregate-dead", **PROCESSING, **DEAD)
def _(app: Streams, given: Given) -> None:
    keyed = stream(app).group_by(first, key=str, value=str, name="rk")
    out(keyed.aggregate(nothing, lambda v, agg: agg + checked(v), **TEXTS))


@row("errors-two-branches", **PROCESSING, **DEAD)
def _(app: Streams, given: Given) -> None:
    records = stream(app)
    records.to("before", key=str, value=str)
    out(records.filter(lambda v: checked(v) is not None))
    records.to("after", key=str, value=str)


@row("errors-join-continue", **PROCESSING)
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").outer_join(table(app, "b"), lambda x, y: checked(both(x, y)), **TEXTS))


@row("errors-global-processing", **PROCESSING, handles_global_failures=True)
def _(app: Streams, given: Given) -> None:
    store = key_value("glob", key=str, value=str, in_memory=True, logged=False)
    app.add_global_store(store, "t", BadWriter, key=str, value=str)
    stream(app).process(GlobalReader).to("out", key=str, value=str)


@row("errors-punctuate", **PROCESSING, **DEAD)
def _(app: Streams, given: Given) -> None:
    stream(app).process(lambda: BadClock(given["every"])).to("out", key=str, value=str)


def write(app: Streams, given: Given) -> None:
    stream(app).to("out", key=str, value=Picky(reads=False))


row("errors-writing-fail")(write)
row("errors-writing-continue", **WRITING)(write)
row("errors-writing-dead", **DEAD)(write)


@row("errors-repartition-continue", **WRITING)
def _(app: Streams, given: Given) -> None:
    keyed = stream(app).select_key(first)
    out(keyed.repartition(name="rp", key=str, value=Picky(reads=False)))
