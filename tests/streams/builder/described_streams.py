"""Twins of the described topologies of streams: operators, branches, groups and windows."""

from __future__ import annotations

import re
from typing import Any

from ottla.streams import (
    Processor,
    Streams,
    key_value,
    session,
    session_store,
    sliding,
    window_store,
)
from ottla.streams.processors import FixedKeyProcessor
from streams.builder.described_words import (
    COUNTS,
    NEAR,
    ROWS,
    TUMBLING,
    a,
    all_out,
    both,
    empty,
    first,
    latest,
    listed,
    out,
    pair,
    pairs,
    rekeyed,
    row,
    row_of,
    same,
    table,
    texts,
    window_texts,
    yes,
)


# ---------------------------------------------------------------- record by record
@row("stateless")
def _(app: Streams) -> None:
    changed = a(app).filter(yes).filter_not(yes).map_values(same).map(pair).flat_map(pairs)
    out(changed.flat_map_values(listed).select_key(same).peek(yes))


@row("stateless-named")
def _(app: Streams) -> None:
    kept = a(app).filter(yes, name="f").filter_not(yes, name="fn").map_values(same, name="mv")
    flat = kept.map(pair, name="m").flat_map(pairs, name="fm")
    keyed = flat.flat_map_values(listed, name="fmv").select_key(same, name="sk")
    keyed.peek(yes, name="p").to("out", name="sink")


@row("ends")
def _(app: Streams) -> None:
    a(app).foreach(yes)
    app.stream("b", name="src").foreach(yes, name="each")
    app.stream("c").print()
    app.stream("d").print(name="shown")


@row("some-named")
def _(app: Streams) -> None:
    out(a(app).map_values(same).filter(yes, name="f").map_values(same))


@row("merge")
def _(app: Streams) -> None:
    out(a(app).merge(app.stream("b")).merge(app.stream("c"), name="m"))


@row("sources")
def _(app: Streams) -> None:
    out(app.stream("b", "a"))
    out(app.stream(re.compile("x.*")))


class ByValue:
    """Names a topic. The text of a topology shows what an extractor is called."""

    def __call__(self, key: Any, value: Any, context: Any) -> str:
        return f"out-{value}"


row_of("extractor", lambda app: a(app).to(ByValue()))


@row("same-source-twice")
def _(app: Streams) -> None:
    out(a(app).map_values(same))
    out(a(app).filter(yes), "other")


# ---------------------------------------------------------------- branches
@row("split")
def _(app: Streams) -> None:
    all_out(a(app).split().branch(yes).branch(yes, name="two").default())


@row("split-named")
def _(app: Streams) -> None:
    parts = a(app).split(name="s-").branch(yes).branch(yes, name="two")
    all_out(parts.default(name="rest"))


@row("split-no-default")
def _(app: Streams) -> None:
    parts = a(app).split(name="s-").branch(yes, name="c", to=lambda s: out(s, "one"))
    parts.branch(yes, name="f", through=lambda s: s.map_values(same)).no_default()


row_of("split-alone", lambda app: a(app).split())


# ---------------------------------------------------------------- repartitions
row_of("repartition", lambda app: out(a(app).repartition()))
row_of("repartition-named", lambda app: out(rekeyed(app, "a").repartition(name="rp")))


@row("repartition-count")
def _(app: Streams) -> None:
    wide = rekeyed(app, "a").repartition(name="rp", partitions=3)
    out(wide.group_by_key().count().to_stream())


@row("repartition-rekey-count")
def _(app: Streams) -> None:
    out(a(app).repartition().select_key(same).group_by_key().count().to_stream())


row_of("to-table", lambda app: out(a(app).to_table().to_stream()))


@row("to-table-named")
def _(app: Streams) -> None:
    out(a(app).to_table(name="tt", store=texts()).to_stream(name="ts"))


row_of("to-table-rekeyed", lambda app: out(rekeyed(app, "a").to_table().to_stream()))


@row("to-table-rekeyed-stored")
def _(app: Streams) -> None:
    out(rekeyed(app, "a").to_table(store=texts()).to_stream())


@row("to-table-rekeyed-named")
def _(app: Streams) -> None:
    out(rekeyed(app, "a").to_table(name="tt").to_stream())


# ---------------------------------------------------------------- groups
def by_key(app: Streams) -> Any:
    return a(app).group_by_key()


def by_new_key(app: Streams, **more: Any) -> Any:
    return rekeyed(app, "a").group_by_key(**more)


row_of("count", lambda app: out(by_key(app).count().to_stream()))
row_of("count-stored", lambda app: out(by_key(app).count(store=COUNTS).to_stream()))
row_of("count-named", lambda app: out(by_key(app).count(name="n", store=COUNTS).to_stream()))
row_of("count-named-alone", lambda app: out(by_key(app).count(name="n").to_stream()))
row_of("rekey-count", lambda app: out(by_new_key(app).count().to_stream()))
row_of("rekey-count-stored", lambda app: out(by_new_key(app).count(store=COUNTS).to_stream()))
row_of("rekey-count-grouped", lambda app: out(by_new_key(app, name="g").count().to_stream()))
row_of("group-by", lambda app: out(a(app).group_by(same).count().to_stream()))


@row("group-by-named")
def _(app: Streams) -> None:
    grouped = a(app).group_by(same, name="g")
    out(grouped.reduce(first, name="r", store=texts()).to_stream())


@row("group-by-stored")
def _(app: Streams) -> None:
    out(a(app).group_by(same).aggregate(empty, latest, store=texts()).to_stream())


def twice(app: Streams, **more: Any) -> None:
    grouped = a(app).group_by(same, **more)
    out(grouped.count().to_stream())
    out(grouped.reduce(first).to_stream(), "other")


row_of("group-twice", twice)
row_of("group-twice-named", lambda app: twice(app, name="g"))


# ---------------------------------------------------------------- windows
row_of("window", lambda app: out(by_key(app).windowed_by(TUMBLING).count().to_stream()))


@row("window-named")
def _(app: Streams) -> None:
    windowed = by_new_key(app, name="g").windowed_by(TUMBLING)
    out(windowed.count(name="n", store=window_store("agg", key=str, value=int)).to_stream())


@row("window-final")
def _(app: Streams) -> None:
    windowed = by_new_key(app).windowed_by(TUMBLING).emit("on_window_close")
    out(windowed.reduce(first).to_stream())


@row("sliding")
def _(app: Streams) -> None:
    out(by_key(app).windowed_by(sliding(100)).aggregate(empty, latest).to_stream())


row_of("session", lambda app: out(by_new_key(app).windowed_by(session(100)).count().to_stream()))


@row("session-named")
def _(app: Streams) -> None:
    kept = session_store("agg", key=str, value=int)
    counts = by_key(app).windowed_by(session(100)).count(name="n", store=kept)
    out(counts.to_stream(name="ts"))


@row("suppress")
def _(app: Streams) -> None:
    counts = by_key(app).windowed_by(TUMBLING).count()
    out(counts.suppress(until="window_closes").to_stream())


@row("suppress-named")
def _(app: Streams) -> None:
    counts = by_key(app).windowed_by(TUMBLING).count()
    out(counts.suppress(until="window_closes", name="sup").to_stream(lambda key, value: key.key))


# ---------------------------------------------------------------- cogroups
@row("cogroup")
def _(app: Streams) -> None:
    first_one = by_key(app).cogroup(latest)
    out(first_one.cogroup(app.stream("b").group_by_key(), latest).aggregate(empty).to_stream())


@row("cogroup-rekeyed")
def _(app: Streams) -> None:
    first_one = a(app).group_by(same).cogroup(latest)
    other = app.stream("b").group_by(same, name="g")
    out(first_one.cogroup(other, latest).aggregate(empty).to_stream())


@row("cogroup-named")
def _(app: Streams) -> None:
    first_one = a(app).group_by(same).cogroup(latest)
    every = first_one.cogroup(app.stream("b").group_by_key(), latest)
    out(every.aggregate(empty, name="n", store=texts()).to_stream())


@row("cogroup-window")
def _(app: Streams) -> None:
    every = by_key(app).cogroup(latest).cogroup(app.stream("b").group_by_key(), latest)
    out(every.windowed_by(TUMBLING).aggregate(empty, store=window_texts()).to_stream())


@row("cogroup-one-stream")
def _(app: Streams) -> None:
    grouped = a(app).group_by(same)
    out(grouped.cogroup(latest).cogroup(grouped, latest).aggregate(empty).to_stream())


# ---------------------------------------------------------------- processors
class Changes(Processor):
    """May change keys, so that a repartition follows."""


class Keeps(FixedKeyProcessor):
    """May not."""


SIDE = key_value("side", key=str, value=str, in_memory=True)


@row("process")
def _(app: Streams) -> None:
    app.add_store(SIDE)
    out(a(app).process(Changes, "side").group_by_key().count().to_stream())


@row("process-named")
def _(app: Streams) -> None:
    app.add_store(SIDE)
    out(a(app).process(Changes, name="sw").process_values(Keeps, "side", name="nu"))


@row("process-values")
def _(app: Streams) -> None:
    app.add_store(SIDE)
    out(a(app).process_values(Keeps, "side").group_by_key().count().to_stream())


@row("global-store")
def _(app: Streams) -> None:
    app.add_global_store(key_value("glob", key=str, value=str, in_memory=True), "t", Changes)
    out(a(app).process(Changes))


@row("shared-store")
def _(app: Streams) -> None:
    app.add_store(SIDE)
    out(a(app).process(Changes, "side"))
    out(app.stream("b").process(Changes, "side"))


# ---------------------------------------------------------------- what optimisations change
@row("many")
def _(app: Streams) -> None:
    keyed = rekeyed(app, "a").map_values(same)
    out(keyed.group_by_key().count().to_stream())
    windowed = keyed.filter(yes).group_by_key().windowed_by(TUMBLING)
    out(windowed.count().to_stream(), "other")
    out(keyed.join(app.stream("b"), both, within=NEAR), "third")
    out(keyed.left_join(app.table("t"), both), "fourth")


@row("chained")
def _(app: Streams) -> None:
    mapped = a(app).map(pair).flat_map_values(listed)
    out(mapped.group_by_key(name="g").count(store="c1").to_stream())
    reduced = mapped.map_values(same).group_by_key().reduce(first, store="c2").to_stream()
    out(reduced.select_key(same).group_by_key().count().to_stream(), "other")
    out(mapped.to_table(name="tt").to_stream(), "third")
    out(mapped.repartition(), "fourth")


@row("branching")
def _(app: Streams) -> None:
    keyed = rekeyed(app, "a")
    parts = keyed.split(name="s-").branch(yes, name="x").default(name="y")
    out(parts["s-x"].group_by_key().count().to_stream())
    out(parts["s-y"].merge(keyed).group_by_key().count().to_stream(), "other")


@row("sourced")
def _(app: Streams) -> None:
    rows = table(app, "a")
    out(rows.to_stream().group_by_key().count().to_stream())
    other = app.stream("b")
    out(other.join(other, both, within=NEAR), "other")
    out(other.select_key(same).group_by_key().count().to_stream(), "third")


__all__ = ["ROWS"]
