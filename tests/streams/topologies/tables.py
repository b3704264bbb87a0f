"""Twins of TableTopologies.java: chains and joins of tables, foreign keys, versions, headers."""

from __future__ import annotations

from typing import Any

from ottla.streams import Streams, key_value, versioned
from streams.topologies.steps import Counting, Shown
from streams.topologies.words import (
    ALL_TEXT,
    COUNTS,
    TEXTS,
    Given,
    bare,
    both,
    by_key,
    first,
    grouped,
    last,
    out,
    plus,
    quoted,
    row,
    table,
    texts,
    versions,
)


def from_three(value: str) -> bool:
    return value >= "3"


def together(key: Any, value: Any) -> str:
    return f"{key}{value}"


@row("table-map-filter")
def _(app: Streams, given: Given) -> None:
    rows = bare(app, "a").map_values(quoted).filter(from_three)
    out(rows.filter_not(lambda v: v.startswith("9")).map_values(together))


@row("table-map-filter-stored")
def _(app: Streams, given: Given) -> None:
    out(bare(app, "a").map_values(quoted).filter(from_three).map_values(together, **TEXTS))


@row("table-map-null")
def _(app: Streams, given: Given) -> None:
    rows = table(app, "a").map_values(lambda v: None if v.endswith("0") else v, **TEXTS)
    out(rows.filter(lambda v: not v.endswith("1")))


@row("table-reuse-source", optimization="reuse.ktable.source.topics")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").map_values(quoted))


@row("table-in-memory")
def _(app: Streams, given: Given) -> None:
    store = key_value("store-a", in_memory=True)
    rows = app.table("a", key=str, value=str, store=store)
    kept = key_value("agg", key=str, value=str, in_memory=True)
    out(rows.filter(lambda v: v < "5", store=kept))


@row("table-transform-values")
def _(app: Streams, given: Given) -> None:
    app.add_store(key_value("side", key=str, value=int))
    out(table(app, "a").transform_values(Counting, "side", **TEXTS))


@row("table-transform-bare")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").transform_values(Shown))


@row("table-stream-table")
def _(app: Streams, given: Given) -> None:
    changes = table(app, "a").to_stream().filter(lambda v: v is None or not v.endswith("2"))
    out(changes.to_table(**texts("again")).join(table(app, "b"), both, **TEXTS))


@row("table-to-stream-keys")
def _(app: Streams, given: Given) -> None:
    changes = table(app, "a").to_stream(lambda k, v: k if v is None else first(v))
    out(changes.group_by_key(name="rk", **ALL_TEXT).count(**COUNTS))


# ---------------------------------------------------------------- joins
@row("table-table-join")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").join(table(app, "b"), both, **TEXTS))


@row("table-table-left-join")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").left_join(table(app, "b"), both, **TEXTS))


def outer(app: Streams, given: Given) -> None:
    out(table(app, "a").outer_join(table(app, "b"), both, **TEXTS))


row("table-table-outer-join")(outer)
row("headers-table-join", store_format="headers")(outer)


@row("table-outer-chain")
def _(app: Streams, given: Given) -> None:
    two = table(app, "a").outer_join(table(app, "b"), both)
    out(two.outer_join(table(app, "c"), both, **TEXTS))


@row("table-left-inner-bare")
def _(app: Streams, given: Given) -> None:
    out(bare(app, "a").left_join(bare(app, "b"), both).join(bare(app, "c"), both))


@row("table-derived-join")
def _(app: Streams, given: Given) -> None:
    some = bare(app, "a").filter(lambda v: v < "4")
    joined = some.outer_join(bare(app, "b").map_values(quoted), both)
    out(joined.map_values(lambda v: f"<{v}>"))


@row("table-self-join")
def _(app: Streams, given: Given) -> None:
    rows = table(app, "a")
    out(rows.join(rows.map_values(last), both, **TEXTS))


@row("table-joins-own-stream")
def _(app: Streams, given: Given) -> None:
    rows = table(app, "a")
    out(rows.to_stream().left_join(rows, both, key=str, this_value=str))


@row("table-join-null")
def _(app: Streams, given: Given) -> None:
    def joined(x: str, y: str | None) -> str | None:
        return None if x.endswith("1") else both(x, y)

    out(table(app, "a").left_join(table(app, "b"), joined, **TEXTS))


@row("table-aggregate-join")
def _(app: Streams, given: Given) -> None:
    counts = grouped(app).count(**COUNTS)
    out(counts.outer_join(by_key(app, "b").reduce(plus, **texts("red")), both))


# ---------------------------------------------------------------- foreign keys
NAMED: dict[str, Any] = {"name": "fk", **TEXTS}


def unless_three(value: str) -> str | None:
    return None if value.endswith("3") else first(value)


def by_first(app: Streams, given: Given) -> None:
    out(table(app, "a").join(table(app, "b"), both, on=first, **NAMED))


row("fk-join")(by_first)
row("headers-fk-join", store_format="headers")(by_first)


@row("fk-left-join")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").left_join(table(app, "b"), both, on=first, **NAMED))


@row("fk-null-join")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").join(table(app, "b"), both, on=unless_three, **NAMED))


@row("fk-null-left-join")
def _(app: Streams, given: Given) -> None:
    out(table(app, "a").left_join(table(app, "b"), both, on=unless_three, **NAMED))


@row("fk-key-join")
def _(app: Streams, given: Given) -> None:
    def key(key: Any, value: str) -> Any:
        return key if key is None or value.endswith("5") else last(value)

    out(bare(app, "a").join(bare(app, "b"), both, on=key))


@row("fk-self-join")
def _(app: Streams, given: Given) -> None:
    rows = table(app, "a")
    out(rows.left_join(rows, both, on=first, **NAMED))


@row("fk-twice")
def _(app: Streams, given: Given) -> None:
    one = table(app, "a").join(table(app, "b"), both, on=first, name="fk", **texts("one"))
    out(one.left_join(table(app, "c"), both, on=last, name="fk2", **TEXTS))


# ---------------------------------------------------------------- versions, headers
@row("versioned-table")
def _(app: Streams, given: Given) -> None:
    out(versions(app, "a", given))


@row("versioned-filter")
def _(app: Streams, given: Given) -> None:
    out(versions(app, "a", given).filter(lambda v: v < "5"))


@row("versioned-map-stored")
def _(app: Streams, given: Given) -> None:
    out(versions(app, "a", given).map_values(quoted, **TEXTS))


@row("versioned-join")
def _(app: Streams, given: Given) -> None:
    out(versions(app, "a", given).outer_join(versions(app, "b", given), both))


@row("versioned-fk-join")
def _(app: Streams, given: Given) -> None:
    rows = versions(app, "a", given)
    out(rows.left_join(versions(app, "b", given), both, on=first, **NAMED))


@row("versioned-result")
def _(app: Streams, given: Given) -> None:
    store = versioned("agg", history=given["history"], key=str, value=str)
    out(table(app, "a").join(table(app, "b"), both, store=store))


@row("headers-count", store_format="headers")
def _(app: Streams, given: Given) -> None:
    out(grouped(app).count(**COUNTS))
