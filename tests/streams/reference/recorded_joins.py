"""Recorded topologies with joins of streams, as plans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ottla.streams.plan import operators as rows
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.views import Filtered, Mapped, Stored
from ottla.streams.plan.windows import JoinWindows, TimeWindows
from ottla.streams.serdes import LONG, STRING
from streams.reference.join_plans import (
    NAMES,
    join_streams,
    joiner,
    table,
    window_store,
)
from streams.reference.plans import Plan, function, store
from streams.reference.recorded_words import (
    Given,
    both,
    first,
    last,
    out,
    shown,
    topology,
    windows_out,
)


def windows(given: Given) -> JoinWindows:
    difference = given["diff"]
    return JoinWindows(
        given.get("before", difference), given.get("after", difference), given.get("grace", 0)
    )


def keyed(key: Any, left: Any, right: Any) -> str:
    return f"{shown(key)}:{both(left, right)}"


# ---------------------------------------------------------------- two streams
def joined(
    kind: rows.JoinKind,
    names: tuple[str, str, str | None] | None = None,
    call: Callable[..., Any] = both,
    **more: Any,
) -> Callable[[Plan, Given], None]:
    def build(plan: Plan, given: Given) -> None:
        sources = plan.source("a"), plan.source("b")
        shape = windows(given)
        join = join_streams(plan, kind, shape, sources, names or NAMES[kind], joiner(call), **more)
        out(plan, join)

    return build


ASYMMETRIC = ("stream-stream-asymmetric-outer-join", "stream-stream-outer-join-long")
for name in ("stream-stream-outer-join", *ASYMMETRIC):
    topology(name)(joined("outer"))
for name in ("stream-stream-left-join", "stream-stream-no-grace"):
    topology(name)(joined("left"))
for name in ("stream-stream-join", "stream-stream-asymmetric-join"):
    topology(name)(joined("inner"))
topology("stream-stream-unlogged")(joined("left", logged=False))
topology("stream-stream-in-memory")(joined("outer", persistent=False, timestamped=True))
topology("headers-stream-join")(joined("outer", with_headers=True, timestamped=True))
GENERATED = (
    "KSTREAM-JOINTHIS-0000000004-store",
    "KSTREAM-OUTEROTHER-0000000005-store",
    "KSTREAM-OUTERSHARED-0000000004-store",
)
topology("stream-stream-key-join")(joined("left", GENERATED, keyed))


@topology("two-stream-joins")
def _(plan: Plan, given: Given) -> None:
    shape = windows(given)
    one = join_streams(plan, "inner", shape, (plan.source("a"), plan.source("b")), NAMES["inner"])
    names = tuple(None if each is None else "k" + each[1:] for each in NAMES["left"])
    two = join_streams(plan, "left", shape, (one, plan.source("c")), names, name="k")  # type: ignore[arg-type]
    out(plan, two)


@topology("self-join")
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a")
    out(plan, join_streams(plan, "inner", windows(given), (source, source), NAMES["inner"]))


@topology("self-join-optimised")
def _(plan: Plan, given: Given) -> None:
    kept = window_store("j-this-join-store", windows(given))
    keep = plan.node("keep", rows.JoinWindow(kept.name), plan.source("a"), kept)
    row = rows.StreamSelfJoin(windows(given), joiner(), kept.name)
    out(plan, plan.node("join", row, keep, kept))


def by_key(plan: Plan, topic: str, key: Callable[..., Any], through: str) -> str:
    """A stream under another key, through a topic of its own; null keys stay away."""
    selected = plan.node(f"key-{topic}", rows.SelectKey(function(key)), plan.source(topic))
    named = rows.Filter(function(lambda key, value: key is not None))
    return plan.repartition(through, plan.node(f"named-{topic}", named, selected))


@topology("rekey-stream-join")
def _(plan: Plan, given: Given) -> None:
    sources = (
        by_key(plan, "a", first, "j-left-repartition"),
        by_key(plan, "b", last, "j-right-repartition"),
    )
    out(plan, join_streams(plan, "inner", windows(given), sources, NAMES["inner"]))


@topology("window-join-count")
def _(plan: Plan, given: Given) -> None:
    sources = plan.source("a"), plan.source("b")
    join = join_streams(plan, "outer", windows(given), sources, NAMES["outer"])
    kept = store("agg", LONG, StoreKind.WINDOW, retention_ms=2000, window_size_ms=1000)
    row = rows.WindowAggregate("agg", TimeWindows(1000, 1000, 1000), rows.Count())
    windows_out(plan, plan.node("agg", row, join, kept))


# ---------------------------------------------------------------- a stream and a table
def looked_up(kind: rows.JoinKind) -> Callable[[Plan, Given], None]:
    """The table t, versioned where a history is given, with grace where one is."""

    def build(plan: Plan, given: Given) -> None:
        source = plan.source("a")
        _, view = table(plan, "t", history_ms=given.get("history"))
        grace = given.get("grace")
        row = rows.StreamTableJoin(kind, joiner(), view, versioned="history" in given)
        if grace is None:
            out(plan, plan.node("join", row, source))
            return
        kept = Store("g-Buffer", StoreKind.GRACE_BUFFER, STRING, STRING, grace_ms=grace)
        row = replace(row, buffer=kept.name, grace_ms=grace)
        out(plan, plan.node("join", row, source, kept))

    return build


for name in ("stream-table-join", "stream-versioned-join", "stream-grace-join"):
    topology(name)(looked_up("inner"))
for name in ("stream-table-left-join", "stream-versioned-left-join", "stream-grace-left-join"):
    topology(name)(looked_up("left"))


@topology("headers-stream-table-join")
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a")
    _, view = table(plan, "t", with_headers=True)
    out(plan, plan.node("join", rows.StreamTableJoin("inner", joiner(), view), source))


@topology("rekey-stream-table-join")
def _(plan: Plan, given: Given) -> None:
    source = by_key(plan, "a", first, "rj-repartition")
    _, view = table(plan, "t")
    out(plan, plan.node("join", rows.StreamTableJoin("inner", joiner(keyed), view), source))


@topology("stream-derived-table-join")
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a")
    _, view = table(plan, "t", name="t-STATE-STORE-0000000001")
    kept = Filtered(view, function(lambda value: not value.endswith("3")), negate=False)
    derived = Mapped(kept, function(lambda value: value + "'"))
    out(plan, plan.node("join", rows.StreamTableJoin("left", joiner(), derived), source))


@topology("stream-aggregate-join")
def _(plan: Plan, given: Given) -> None:
    source = plan.source("a")
    plan.node("agg", rows.StreamAggregate("agg", rows.Count()), source, store("agg", LONG))
    row = rows.StreamTableJoin("inner", joiner(), Stored("agg"))
    out(plan, plan.node("join", row, source))


@topology("table-joins-own-stream")
def _(plan: Plan, given: Given) -> None:
    node, view = table(plan, "a")
    stream = plan.node("own", rows.TableToStream(), node)
    out(plan, plan.node("join", rows.StreamTableJoin("left", joiner(), view), stream))


def looked_up_globally(
    kind: rows.JoinKind,
    selector: Callable[..., Any],
    call: Callable[..., Any] = both,
    kept: str = "store-t",
) -> Callable[[Plan, Given], None]:
    def build(plan: Plan, given: Given) -> None:
        source = plan.source("a")
        above = plan.source("t", is_global=True)
        plan.node("t", rows.TableSource(kept), above, store(kept, logged=False, is_global=True))
        row = rows.StreamGlobalJoin(kind, function(selector), joiner(call), Stored(kept))
        out(plan, plan.node("join", row, source))

    return build


def first_unless_four(value: str | None) -> str | None:
    return None if value is None or value.endswith("4") else first(value)


topology("stream-global-join")(looked_up_globally("inner", first))
topology("stream-global-left-join")(looked_up_globally("left", first_unless_four))
topology("stream-global-key-join")(
    looked_up_globally("inner", last, keyed, "t-STATE-STORE-0000000001")
)
