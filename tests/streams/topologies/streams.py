"""Twins of StreamTopologies.java: what is done record by record."""

from __future__ import annotations

import io
import re
from typing import Any

from ottla.streams import Streams, tumbling
from ottla.streams.plan.description import hash_order
from streams.topologies.words import (
    ALL_TEXT,
    COUNTS,
    TEXTS,
    Given,
    bare,
    first,
    grouped,
    kept,
    last,
    out,
    plus,
    quoted,
    row,
    shown,
    stream,
    table,
    texts,
    window_text,
)


@row("count")
def _(app: Streams, given: Given) -> None:
    out(grouped(app).count(**COUNTS))


@row("filter-map")
def _(app: Streams, given: Given) -> None:
    some = stream(app).filter(lambda v: v is not None and v >= "2")
    some = some.filter_not(lambda v: v.endswith("5"))
    some = some.map(lambda k, v: (f"{shown(k)}m", f"{v}!")).map_values(lambda k, v: f"{k}:{v}")
    out(some.peek(lambda k, v: None))


@row("flat-map")
def _(app: Streams, given: Given) -> None:
    def mapped(key: str, value: str | None) -> list[tuple[Any, Any]]:
        if value is None:
            return [(key, "none")]
        return [] if value.endswith("1") else [(first(value), value), (last(value), None)]

    out(stream(app).flat_map(mapped))


@row("flat-map-values")
def _(app: Streams, given: Given) -> None:
    parts = stream(app).flat_map_values(lambda v: [] if v is None else [first(v), last(v)])
    out(parts.flat_map_values(lambda k, v: [f"{shown(k)}{v}", v]))


@row("foreach-print")
def _(app: Streams, given: Given) -> None:
    records = stream(app)
    records.foreach(lambda k, v: None)
    records.print(label="a", file=io.StringIO())
    out(records.map_values(lambda v: "seen"))


@row("merge-three")
def _(app: Streams, given: Given) -> None:
    two = stream(app).merge(stream(app, "b"))
    out(two.merge(stream(app, "c").select_key(lambda k, v: f"c{shown(k)}")))


@row("one-source-of-two")
def _(app: Streams, given: Given) -> None:
    records = app.stream("a", "b", key=str, value=str)
    out(records.group_by_key(**ALL_TEXT).count(**COUNTS))


@row("source-pattern")
def _(app: Streams, given: Given) -> None:
    out(app.stream(re.compile("[ab]"), key=str, value=str))


@row("split-merge")
def _(app: Streams, given: Given) -> None:
    parts = stream(app).split(name="s-")
    parts = parts.branch(lambda v: v is not None and v < "3", name="lo")
    parts = parts.branch(lambda v: v is not None and v < "6", name="mid")
    found = parts.default(name="hi")
    out(found["s-lo"].map_values(lambda v: f"L{shown(v)}").merge(found["s-hi"]))


@row("split-cases")
def _(app: Streams, given: Given) -> None:
    parts = stream(app).split().branch(lambda v: v is None)
    parts = parts.branch(lambda v: v < "3", through=lambda s: s.map_values(lambda v: f"f{v}"))
    parts = parts.branch(lambda v: v < "6", to=lambda s: s.to("mid", key=str, value=str))
    found = parts.no_default()
    for name in hash_order(found):  # Java gives a HashMap
        out(found[name])


def two_counts(app: Streams, given: Given) -> None:
    keyed = stream(app).select_key(first)
    out(keyed.group_by_key(**ALL_TEXT).count(store="c1"))
    marked = keyed.map_values(lambda v: f"x{shown(v)}").group_by_key(**ALL_TEXT)
    marked.reduce(plus, **texts("c2")).to_stream().to("other", key=str, value=str)


row("select-key-two-counts")(two_counts)
row("select-key-two-counts-merged", optimization="merge.repartition.topics")(two_counts)


@row("repartition")
def _(app: Streams, given: Given) -> None:
    through = stream(app).select_key(first).repartition(name="rp", key=str, value=str)
    out(through.group_by_key(**ALL_TEXT).count(**COUNTS))


@row("repartition-partitions")
def _(app: Streams, given: Given) -> None:
    out(stream(app).repartition(key=str, value=str, partitions=3))


@row("rekey-to-table")
def _(app: Streams, given: Given) -> None:
    out(stream(app).select_key(first).to_table(name="tt", **TEXTS))


@row("several-sinks")
def _(app: Streams, given: Given) -> None:
    records = stream(app)
    records.to("out", key=str, value=str)
    records.map_values(quoted).to("out", key=str, value=str)
    records.to("other", key=str, value=str, name="other-sink")


class ByValue:
    """A topic for each last digit; its name is in descriptions."""

    def __call__(self, key: Any, value: Any, context: Any) -> str:
        return f"out-{context.topic if value is None else value[-1:]}"


@row("topic-extractor")
def _(app: Streams, given: Given) -> None:
    stream(app).to(ByValue(), key=str, value=str)


@row("timestamp-extractor")
def _(app: Streams, given: Given) -> None:
    def time(*record: Any) -> int:
        value, before = record[5], record[7]
        return before if value is None else 100 * (int(value) - 10)

    records = app.stream("a", key=str, value=str, timestamp=time).group_by_key(**ALL_TEXT)
    counts = records.windowed_by(tumbling(1000, grace=500)).count(store=kept("agg", int))
    out(counts.to_stream().map(lambda k, v: (window_text(k), v)))


@row("through-topic")
def _(app: Streams, given: Given) -> None:
    stream(app).map_values(quoted).to("mid", key=str, value=str)
    out(stream(app, "mid").group_by_key(**ALL_TEXT).count(**COUNTS))


@row("table-to-out")
def _(app: Streams, given: Given) -> None:
    out(bare(app, "a"))


@row("stream-to-table")
def _(app: Streams, given: Given) -> None:
    out(stream(app).to_table(**TEXTS))


@row("table-filter")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").filter(lambda v: v < "5", **TEXTS))
