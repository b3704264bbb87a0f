"""Twins of the described topologies of joins and tables, and of those that are refused."""

from __future__ import annotations

from typing import Any

from ottla.streams import Processor, Streams, ValueTransformer, versioned, window_store
from streams.builder.described_words import (
    COUNTS,
    NEAR,
    ROWS,
    SERDES,
    a,
    both,
    empty,
    first,
    latest,
    out,
    pair,
    rekeyed,
    row,
    row_of,
    same,
    table,
    texts,
    yes,
)


# ---------------------------------------------------------------- joins of streams
def join(app: Streams, kind: str = "join", **more: Any) -> None:
    stream = a(app)
    out(getattr(stream, kind)(app.stream("b"), both, within=NEAR, **more))


def join_rekeyed(app: Streams, **more: Any) -> None:
    left = rekeyed(app, "a")
    out(left.join(rekeyed(app, "b"), both, within=NEAR, **more))


row_of("stream-join", join)
row_of("stream-left-join", lambda app: join(app, "left_join"))
row_of("stream-outer-join", lambda app: join(app, "outer_join"))
row_of("stream-join-stored", lambda app: join(app, "outer_join", store="st"))
row_of("stream-join-named", lambda app: join(app, "outer_join", name="jn"))
row_of("stream-join-both-named", lambda app: join(app, "left_join", name="jn", store="st"))
row_of("stream-join-rekeyed", join_rekeyed)
row_of("stream-join-rekeyed-named", lambda app: join_rekeyed(app, name="jn"))


@row("stream-join-half-rekeyed")
def _(app: Streams) -> None:
    left = a(app)
    out(left.join(rekeyed(app, "b"), both, within=NEAR))


@row("stream-join-suppliers")
def _(app: Streams) -> None:
    kept: dict[str, Any] = {"retention": 800, "size": 600, "duplicates": True, "in_memory": True}
    join(app, this_store=window_store("one", **kept), other_store=window_store("two", **kept))


@row("stream-self-join")
def _(app: Streams) -> None:
    stream = a(app)
    out(stream.join(stream, both, within=NEAR))


@row("stream-self-join-twice")
def _(app: Streams) -> None:
    stream = a(app)
    joined = stream.join(stream, both, within=NEAR, name="jn", store="st")
    out(joined.join(stream, both, within=NEAR, this_value=str))


# ---------------------------------------------------------------- joins of streams and tables
@row("stream-table-join")
def _(app: Streams) -> None:
    stream = a(app)
    out(stream.join(app.table("t"), both))


@row("stream-table-join-rekeyed")
def _(app: Streams) -> None:
    stream = rekeyed(app, "a")
    out(stream.left_join(app.table("t"), both))


@row("stream-table-join-named")
def _(app: Streams) -> None:
    stream = rekeyed(app, "a")
    out(stream.join(table(app, "t"), both, name="jn"))


@row("stream-grace-join")
def _(app: Streams) -> None:
    stream = a(app)
    rows = app.table("t", store=versioned("vs", history=1000))
    out(stream.join(rows, both, name="jn", grace=100))


@row("global-join")
def _(app: Streams) -> None:
    stream = a(app)
    out(stream.join(app.global_table("t"), both, on=same))


@row("global-join-named")
def _(app: Streams) -> None:
    stream = a(app)
    out(stream.left_join(app.global_table("t", store="gl"), both, on=same, name="jn"))


# ---------------------------------------------------------------- joins of tables
def join_bare(app: Streams, kind: str = "join", **more: Any) -> Any:
    left = app.table("a")
    return getattr(left, kind)(app.table("b"), both, **more)


def join_stored(app: Streams, kind: str, **more: Any) -> Any:
    left = table(app, "a")
    return getattr(left, kind)(table(app, "b"), both, **more)


row_of("table-join", lambda app: out(join_bare(app).to_stream()))
row_of("table-join-named", lambda app: out(join_bare(app, "left_join", name="jn").to_stream()))
row_of("table-join-stored", lambda app: out(
    join_stored(app, "outer_join", store=texts()).to_stream()
))  # fmt: skip
row_of("table-join-both-named", lambda app: out(
    join_stored(app, "outer_join", name="jn", store=texts()).to_stream()
))  # fmt: skip
row_of("table-join-serdes", lambda app: out(
    join_bare(app, store=SERDES).filter(yes).to_stream()
))  # fmt: skip
row_of("fk-join", lambda app: out(join_bare(app, on=same).to_stream()))
row_of("fk-join-named", lambda app: out(
    join_bare(app, "left_join", on=same, name="fk").to_stream()
))  # fmt: skip
row_of("fk-join-stored", lambda app: out(
    join_stored(app, "join", on=same, store=texts()).to_stream()
))  # fmt: skip


@row("table-join-same")
def _(app: Streams) -> None:
    rows = app.table("a")
    out(rows.join(rows.map_values(same), both).to_stream())


# ---------------------------------------------------------------- tables
class Shown(ValueTransformer):
    """Any transformer of a table's values."""


row_of("table", lambda app: out(app.table("a").to_stream()))
row_of("table-sourced", lambda app: out(
    app.table("a", name="src", store="st").to_stream(name="ts")
))  # fmt: skip
row_of("table-alone", lambda app: app.table("a"))
row_of("table-store-alone", lambda app: table(app, "a"))


@row("table-chain")
def _(app: Streams) -> None:
    rows = app.table("a").filter(yes).map_values(same).filter_not(yes)
    out(rows.transform_values(Shown).to_stream())


@row("table-chain-named")
def _(app: Streams) -> None:
    rows = app.table("a").filter(yes, name="f").map_values(same, name="mv")
    kept = rows.filter_not(yes, name="fn", store=texts())
    out(kept.transform_values(Shown, name="tv").to_stream(same, name="ts"))


@row("table-chain-stored")
def _(app: Streams) -> None:
    rows = app.table("a").filter(yes, store=texts())
    out(rows.map_values(same, store=texts("two")).to_stream())


@row("table-serdes")
def _(app: Streams) -> None:
    rows = app.table("a").filter(yes, store=SERDES)
    out(rows.map_values(same, store=SERDES).to_stream())


row_of("table-group", lambda app: out(app.table("a").group_by(pair).count().to_stream()))


@row("table-group-named")
def _(app: Streams) -> None:
    grouped = table(app, "a").group_by(pair, name="g")
    out(grouped.aggregate(empty, latest, latest, name="n", store=texts()).to_stream())


@row("table-group-stored")
def _(app: Streams) -> None:
    out(table(app, "a").group_by(pair).reduce(first, first, store=texts()).to_stream())


row_of("global-table", lambda app: app.global_table("t"))


@row("stream-and-table")
def _(app: Streams) -> None:
    rows = app.table("a")
    out(app.stream("b").join(rows, both).left_join(rows, both))
    out(rows.to_stream(), "other")


@row("sub-topologies")
def _(app: Streams) -> None:
    a(app).to("mid")
    out(app.stream("mid").group_by_key().count().to_stream())
    out(app.stream("x").map_values(same), "y")


# ---------------------------------------------------------------- explicit names, refusals
row_of("explicit", lambda app: rekeyed(app, "a").group_by_key().count())
row_of("explicit-named", lambda app: rekeyed(app, "a").group_by_key(name="g").count(store=COUNTS))
row_of("unknown-switch", a)


@row("two-stores")
def _(app: Streams) -> None:
    table(app, "a")
    app.table("b", store="store-a")


@row("two-processors")
def _(app: Streams) -> None:
    a(app).map_values(same, name="x").map_values(same, name="x")


class Swap(Processor):
    """Wants a store that nobody added."""


row_of("no-store", lambda app: a(app).process(Swap, "side"))
row_of("nothing", lambda app: None)
row_of("bad-name", lambda app: a(app).map_values(same, name="a b"))


@row("table-and-stream-of-one-topic")
def _(app: Streams) -> None:
    table(app, "a")
    out(a(app))


__all__ = ["ROWS"]
