"""Recorded topologies with suppressions, as plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.plan import operators as rows
from ottla.streams.plan.stores import Store
from ottla.streams.plan.views import Stored
from ottla.streams.serdes import LONG, STRING, Serde, session_windowed, time_windowed
from streams.reference.join_plans import suppressed, table, table_join
from streams.reference.plans import Plan
from streams.reference.recorded_tables import aggregated_by_first
from streams.reference.recorded_words import (
    Given,
    aggregated,
    session_store,
    session_windows,
    sliding_store,
    sliding_windows,
    table_out,
    time_windows,
    topology,
    window_store,
    windows_out,
)


def final(
    plan: Plan, operator: rows.Operator, kept: Store, key: Serde, wait_ms: int, **more: Any
) -> None:
    """Counts of windows, once they have closed."""
    node = aggregated(operator, kept, plan)
    above = node, Stored(kept.name)
    more = {"final": True, **more}
    windows_out(plan, suppressed(plan, above, wait_ms, key=key, value=LONG, **more)[0])


def windowed(**more: Any) -> Callable[[Plan, Given], None]:
    def build(plan: Plan, given: Given) -> None:
        row = rows.WindowAggregate("agg", time_windows(given), rows.Count(), send_old=True)
        key = time_windowed(STRING, given["size"])
        wait = given["grace"] if more.get("final", True) else given["wait"]
        bound = {"records_max": given["most"]} if "most" in given else {}
        final(plan, row, window_store(given, LONG), key, wait, **bound, **more)

    return build


topology("suppress-window")(windowed())
topology("suppress-window-unnamed")(windowed(name="KTABLE-SUPPRESS-STATE-STORE-0000000003"))
topology("suppress-window-unlogged")(windowed(logged=False))
topology("suppress-window-full")(windowed(when_full=rows.BufferFull.SHUT_DOWN))
topology("suppress-window-limit")(windowed(final=False))


@topology("headers-suppress")
def _(plan: Plan, given: Given) -> None:
    row = rows.WindowAggregate("agg", time_windows(given), rows.Count(), send_old=True)
    kept = window_store(given, LONG, with_headers=True)
    final(plan, row, kept, time_windowed(STRING, given["size"]), given["grace"])


@topology("suppress-sliding")
def _(plan: Plan, given: Given) -> None:
    row = rows.SlidingAggregate("agg", sliding_windows(given), rows.Count(), send_old=True)
    key = time_windowed(STRING, given["diff"])
    final(plan, row, sliding_store(given, LONG), key, given["grace"])


@topology("suppress-session")
def _(plan: Plan, given: Given) -> None:
    row = rows.SessionAggregate("agg", session_windows(given), rows.Count(), send_old=True)
    wait = given["grace"] + given["gap"]  # a session that ends now may still grow by its gap
    final(plan, row, session_store(given, LONG), session_windowed(STRING), wait)


def limited(**more: Any) -> Callable[[Plan, Given], None]:
    def build(plan: Plan, given: Given) -> None:
        bounds = {"records_max": given.get("most"), "bytes_max": given.get("bytes"), **more}
        node, _ = suppressed(plan, table(plan, "a"), given.get("wait", 0), **bounds)
        table_out(plan, node)

    return build


for name in ("suppress-limit", "suppress-limit-zero"):
    topology(name)(limited())
for name in ("suppress-early-records", "suppress-early-bytes"):
    topology(name)(limited())
topology("suppress-full-bytes")(limited(when_full=rows.BufferFull.SHUT_DOWN))


@topology("suppress-join")
def _(plan: Plan, given: Given) -> None:
    left = suppressed(plan, table(plan, "a"), given["wait"])
    node, _ = table_join(plan, "outer", left, table(plan, "b"))
    table_out(plan, node)


@topology("suppress-aggregate")
def _(plan: Plan, given: Given) -> None:
    aggregated_by_first(plan, suppressed(plan, table(plan, "a"), given["wait"])[0])
