"""Recorded topologies of windows, sliding windows and sessions, as plans."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ottla.streams.plan.operators import (
    Aggregation,
    Count,
    Emit,
    PassThrough,
    SessionAggregate,
    SlidingAggregate,
    TableReduce,
    TableRepartitionMap,
    TableToStream,
    WindowAggregate,
)
from ottla.streams.plan.stores import StoreKind
from ottla.streams.plan.windows import TimeWindows, UnlimitedWindows
from ottla.streams.serdes import LONG, STRING, Serde, session_windowed, time_windowed
from ottla.streams.serdes.changed import ChangedSerde
from streams.reference.plans import Plan, function, reducer, store
from streams.reference.recorded_words import (
    Given,
    aggregated,
    folded,
    forgetful,
    plus,
    plus_unless_zero,
    reduced,
    rekeyed,
    session_store,
    session_windows,
    shown,
    sliding_store,
    sliding_windows,
    table_out,
    time_windows,
    topology,
    window_store,
    windows_out,
)

FOREVER = 2**63 - 1


# ---------------------------------------------------------------- time windows
def windowed(
    plan: Plan, given: Given, row: Aggregation, value: Serde = LONG, emit: Emit = Emit.ON_UPDATE,
    **kept: Any,
) -> None:  # fmt: skip
    operator = WindowAggregate("agg", time_windows(given), row, emit)
    windows_out(plan, aggregated(operator, window_store(given, value, **kept), plan))


@topology("window-count")
@topology("window-count-long")
@topology("window-no-grace")
@topology("hopping-count")
def _(plan: Plan, given: Given) -> None:
    windowed(plan, given, Count())


@topology("window-count-in-memory")
def _(plan: Plan, given: Given) -> None:
    windowed(plan, given, Count(), persistent=False)


@topology("window-count-retained")
def _(plan: Plan, given: Given) -> None:
    windowed(plan, given, Count(), retention_ms=given["retention"])


@topology("headers-window-count")
def _(plan: Plan, given: Given) -> None:
    windowed(plan, given, Count(), with_headers=True)


@topology("window-count-final")
def _(plan: Plan, given: Given) -> None:
    windowed(plan, given, Count(), emit=Emit.ON_CLOSE)


@topology("window-reduce")
def _(plan: Plan, given: Given) -> None:
    windowed(plan, given, reduced(plus_unless_zero), STRING)


@topology("hopping-aggregate")
def _(plan: Plan, given: Given) -> None:
    windowed(plan, given, forgetful(), STRING)


@topology("hopping-aggregate-final")
def _(plan: Plan, given: Given) -> None:
    windowed(plan, given, forgetful(), STRING, Emit.ON_CLOSE)


@topology("unlimited-count")
def _(plan: Plan, given: Given) -> None:
    kept = store("agg", LONG, StoreKind.WINDOW, retention_ms=FOREVER, window_size_ms=FOREVER)
    row = WindowAggregate("agg", UnlimitedWindows(given["start"]), Count())
    windows_out(plan, aggregated(row, kept, plan))


@topology("window-count-windowed-keys")
def _(plan: Plan, given: Given) -> None:
    row = WindowAggregate("agg", time_windows(given), Count())
    stream = plan.node("s", TableToStream(), aggregated(row, window_store(given, LONG), plan))
    plan.sink("out", stream, time_windowed(STRING, given["size"]), LONG)


@topology("rekey-window-count")
def _(plan: Plan, given: Given) -> None:
    source = rekeyed(plan, plan.source("a"), lambda value: None if value is None else value[-1:])
    row = WindowAggregate("agg", time_windows(given), Count())
    windows_out(plan, plan.node("agg", row, source, window_store(given, LONG)))


def summed_by_key(plan: Plan, windows: str) -> None:
    """A windowed table's counts, summed by key as a table."""
    mapper = TableRepartitionMap(function(lambda key, value: (key.key, value)))
    grouped = plan.node("group", mapper, windows)
    again = plan.repartition("rk-repartition", grouped, STRING, ChangedSerde(LONG))
    row = TableReduce(
        "agg", reducer(lambda one, other: one + other), reducer(lambda one, other: one - other)
    )
    table_out(plan, plan.node("agg", row, again, store("agg", LONG)))


@topology("window-regroup")
def _(plan: Plan, given: Given) -> None:
    row = WindowAggregate("first", time_windows(given), Count(), send_old=True)
    summed_by_key(plan, aggregated(row, window_store(given, LONG, "first"), plan))


@topology("timestamp-extractor")
def _(plan: Plan, given: Given) -> None:
    def extract(*told: Any) -> int:
        value, before = told[5], told[7]
        return int(before) if value is None else 100 * (int(value) - 10)

    source = plan.source("a", timestamp_extractor=extract)
    shape = {"size": 1000, "grace": 500}
    row = WindowAggregate("agg", TimeWindows(1000, 1000, 500), Count())
    windows_out(plan, plan.node("agg", row, source, window_store(shape, LONG)))


# ---------------------------------------------------------------- sliding windows
def slid(
    plan: Plan, given: Given, row: Aggregation, value: Serde = LONG, emit: Emit = Emit.ON_UPDATE,
    **kept: Any,
) -> None:  # fmt: skip
    operator = SlidingAggregate("agg", sliding_windows(given), row, emit)
    windows_out(plan, aggregated(operator, sliding_store(given, value, **kept), plan))


@topology("sliding-count")
@topology("sliding-no-grace")
def _(plan: Plan, given: Given) -> None:
    slid(plan, given, Count())


@topology("sliding-in-memory")
def _(plan: Plan, given: Given) -> None:
    slid(plan, given, Count(), persistent=False)


@topology("sliding-aggregate")
def _(plan: Plan, given: Given) -> None:
    slid(plan, given, forgetful(), STRING)


@topology("sliding-reduce")
def _(plan: Plan, given: Given) -> None:
    slid(plan, given, reduced(plus), STRING)


@topology("sliding-final")
def _(plan: Plan, given: Given) -> None:
    row = folded(lambda value, aggregate: plus(aggregate, value))
    slid(plan, given, row, STRING, Emit.ON_CLOSE)


# ---------------------------------------------------------------- sessions
def in_sessions(
    plan: Plan, given: Given, row: Aggregation, value: Serde = LONG, emit: Emit = Emit.ON_UPDATE,
    **kept: Any,
) -> None:  # fmt: skip
    operator = SessionAggregate("agg", session_windows(given), row, emit)
    windows_out(plan, aggregated(operator, session_store(given, value, **kept), plan))


@topology("session-count")
@topology("session-count-long")
@topology("session-no-grace")
def _(plan: Plan, given: Given) -> None:
    in_sessions(plan, given, Count())


@topology("session-in-memory")
def _(plan: Plan, given: Given) -> None:
    in_sessions(plan, given, Count(), persistent=False)


@topology("headers-session-count")
def _(plan: Plan, given: Given) -> None:
    in_sessions(plan, given, Count(), with_headers=True)


@topology("session-final")
def _(plan: Plan, given: Given) -> None:
    in_sessions(plan, given, Count(), emit=Emit.ON_CLOSE)


@topology("session-aggregate")
def _(plan: Plan, given: Given) -> None:
    in_sessions(plan, given, forgetful(), STRING)


@topology("session-reduce")
def _(plan: Plan, given: Given) -> None:
    in_sessions(plan, given, reduced(plus), STRING)


@topology("session-windowed-keys")
def _(plan: Plan, given: Given) -> None:
    row = SessionAggregate("agg", session_windows(given), Count())
    stream = plan.node("s", TableToStream(), aggregated(row, session_store(given, LONG), plan))
    plan.sink("out", stream, session_windowed(STRING), LONG)


@topology("session-regroup")
def _(plan: Plan, given: Given) -> None:
    row = SessionAggregate("first", session_windows(given), Count(), send_old=True)
    summed_by_key(plan, aggregated(row, session_store(given, LONG, "first"), plan))


# ---------------------------------------------------------------- two streams, one aggregate
def cogrouped(plan: Plan, kind: Any, shape: Any, kept: Any) -> None:
    sides = {
        "a": folded(lambda value, aggregate: f"{shown(aggregate)}a{shown(value)}"),
        "b": folded(lambda value, aggregate: plus_unless_zero(f"{shown(aggregate)}b", value)),
    }
    nodes = [
        plan.node(topic, kind("agg", shape, row), plan.source(topic), replace(kept))
        for topic, row in sides.items()
    ]
    windows_out(plan, plan.node("merge", PassThrough(), *nodes))


@topology("cogroup-window")
def _(plan: Plan, given: Given) -> None:
    cogrouped(plan, WindowAggregate, time_windows(given), window_store(given))


@topology("cogroup-sliding")
def _(plan: Plan, given: Given) -> None:
    cogrouped(plan, SlidingAggregate, sliding_windows(given), sliding_store(given))


@topology("cogroup-session")
def _(plan: Plan, given: Given) -> None:
    cogrouped(plan, SessionAggregate, session_windows(given), session_store(given))
