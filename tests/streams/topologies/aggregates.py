"""Twins of AggregateTopologies.java: aggregations of streams and of tables, cogroups."""

from __future__ import annotations

from typing import Any

from ottla.streams import Streams, key_value, lru, versioned
from streams.topologies.words import (
    ALL_TEXT,
    COUNTS,
    SESSION_TEXTS,
    TEXTS,
    WINDOW_TEXTS,
    Given,
    added,
    bare,
    by_key,
    first,
    grouped,
    last,
    less,
    more,
    nothing,
    out,
    outw,
    plus,
    plus_unless_zero,
    row,
    sessions,
    slides,
    stream,
    table,
    versions,
    windows,
)

REGROUPED: dict[str, Any] = {"key": str, "value": str, "name": "rk"}


def by_first(value: str) -> tuple[Any, Any]:
    return first(value), value


@row("reduce")
def _(app: Streams, given: Given) -> None:
    def reduced(x: str, y: str) -> str | None:
        return None if y.endswith("0") else f"{x}+{y}"

    out(grouped(app).reduce(reduced, **TEXTS))


@row("rekey-count")
def _(app: Streams, given: Given) -> None:
    out(stream(app).group_by(first, **REGROUPED).count(**COUNTS))


@row("aggregate")
def _(app: Streams, given: Given) -> None:
    out(grouped(app).aggregate(nothing, added, **TEXTS))


@row("aggregate-unnamed")
def _(app: Streams, given: Given) -> None:
    by_last = stream(app).group_by(last, **ALL_TEXT)
    out(by_last.aggregate(nothing, lambda v, agg: agg + v, value=str))


@row("count-in-memory")
def _(app: Streams, given: Given) -> None:
    out(grouped(app).count(store=key_value("agg", key=str, value=int, in_memory=True)))


@row("count-unlogged")
def _(app: Streams, given: Given) -> None:
    out(grouped(app).count(store=key_value("agg", key=str, value=int, logged=False)))


@row("count-lru")
def _(app: Streams, given: Given) -> None:
    out(grouped(app).count(store=lru("agg", given["most"], key=str, value=int)))


@row("count-plain-store")
def _(app: Streams, given: Given) -> None:
    out(grouped(app).count(store=key_value("agg", key=str, value=int, plain=True)))


@row("count-versioned")
def _(app: Streams, given: Given) -> None:
    store = versioned("agg", history=given["history"], key=str, value=int)
    out(grouped(app).count(store=store))


@row("count-of-counts")
def _(app: Streams, given: Given) -> None:
    counts = grouped(app).count(store="first").to_stream()
    by_rest = counts.group_by(lambda v: str(v % 3), key=str, value=int, name="rk")
    out(by_rest.count(**COUNTS))


@row("table-aggregate")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").group_by(by_first, **REGROUPED).aggregate(nothing, more, less, **TEXTS))


@row("versioned-aggregate")
def _(app: Streams, given: Given) -> None:
    rows = versions(app, "a", given).group_by(by_first, **REGROUPED)
    out(rows.aggregate(nothing, more, less, **TEXTS))


@row("table-group-count")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").group_by(by_first, **REGROUPED).count(**COUNTS))


@row("table-group-reduce")
def _(app: Streams, given: Given) -> None:
    def taken(x: str, y: str) -> str | None:
        return None if y.endswith("0") else f"{x}-{y}"

    out(table(app, "a").group_by(by_first, **REGROUPED).reduce(plus, taken, **TEXTS))


@row("table-group-same-key")
def _(app: Streams, given: Given) -> None:
    rows = table(app, "a").group_by(lambda k, v: (k, v), **ALL_TEXT)
    out(rows.aggregate(nothing, more, less, **TEXTS))


@row("table-group-null-key")
def _(app: Streams, given: Given) -> None:
    def keyed(value: str) -> tuple[Any, Any]:
        return (None if value.endswith("3") else last(value)), value

    out(table(app, "a").group_by(keyed, **ALL_TEXT).count(**COUNTS))


@row("table-group-bare")
def _(app: Streams, given: Given) -> None:
    rows = bare(app, "a").map_values(lambda v: v + v).group_by(by_first, **ALL_TEXT)
    out(rows.aggregate(nothing, more, less, value=str))


def summed(app: Streams, counts: Any) -> None:
    by_name = counts.group_by(lambda w, v: (w.key, v), key=str, value=int, name="rk")
    out(by_name.reduce(lambda x, y: x + y, lambda x, y: x - y, **COUNTS))


@row("window-regroup")
def _(app: Streams, given: Given) -> None:
    summed(app, grouped(app).windowed_by(windows(given)).count(store="first"))


@row("session-regroup")
def _(app: Streams, given: Given) -> None:
    summed(app, grouped(app).windowed_by(sessions(given)).count(store="first"))


def pair(app: Streams) -> Any:
    one = grouped(app).cogroup(lambda v, agg: f"{agg}a{'null' if v is None else v}")
    return one.cogroup(by_key(app, "b"), lambda v, agg: plus_unless_zero(f"{agg}b", v))


@row("cogroup")
def _(app: Streams, given: Given) -> None:
    out(pair(app).aggregate(nothing, **TEXTS))


@row("cogroup-rekeyed")
def _(app: Streams, given: Given) -> None:
    one = grouped(app).cogroup(lambda v, agg: f"{agg}a{v}")
    other = stream(app, "b").group_by(last, **ALL_TEXT)
    out(one.cogroup(other, lambda v, agg: f"{agg}b{v}").aggregate(nothing, **TEXTS))


@row("cogroup-window")
def _(app: Streams, given: Given) -> None:
    outw(pair(app).windowed_by(windows(given)).aggregate(nothing, **WINDOW_TEXTS))


@row("cogroup-sliding")
def _(app: Streams, given: Given) -> None:
    outw(pair(app).windowed_by(slides(given)).aggregate(nothing, **WINDOW_TEXTS))


@row("cogroup-session")
def _(app: Streams, given: Given) -> None:
    def merged(x: Any, y: Any) -> str:
        return f"{'null' if x is None else x}&{'null' if y is None else y}"

    outw(pair(app).windowed_by(sessions(given)).aggregate(nothing, merged, **SESSION_TEXTS))
