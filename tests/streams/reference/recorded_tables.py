"""Recorded topologies with joins and versions of tables, as plans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ottla.streams.plan import operators as rows
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.views import Filtered, Mapped, Stored, View
from ottla.streams.processors import ValueAndTimestamp
from ottla.streams.serdes import LONG, STRING
from ottla.streams.serdes.changed import ChangedSerde
from streams.reference.join_plans import join_by_foreign_key, table, table_join
from streams.reference.plans import Plan, by_aggregate, constant, function, store
from streams.reference.recorded_plans import PROCESSING, checked
from streams.reference.recorded_processors import Asked, stepped
from streams.reference.recorded_words import (
    Given,
    aggregated,
    both,
    first,
    last,
    plus,
    reduced,
    table_out,
    time_windows,
    topology,
    window_store,
    windows_out,
)


def versioned_store(given: Given) -> Store:
    return store("agg", kind=StoreKind.VERSIONED, history_retention_ms=given["history"])


# ---------------------------------------------------------------- by one key
def joined(
    kind: rows.JoinKind, into: str | None = "agg", call: Callable[..., Any] = both, **more: Any
) -> Callable[[Plan, Given], None]:
    def build(plan: Plan, given: Given) -> None:
        sides = table(plan, "a", **more), table(plan, "b", **more)
        kept = None if into is None else store(into, **more)
        node, _ = table_join(plan, kind, *sides, into=kept, call=call)
        table_out(plan, node)

    return build


topology("table-table-join")(joined("inner"))
topology("table-table-left-join")(joined("left"))
topology("table-table-outer-join")(joined("outer"))
topology("headers-table-join")(joined("outer", with_headers=True))
topology("table-join-null")(
    joined("left", call=lambda left, right: None if left.endswith("1") else both(left, right))
)


@topology("table-outer-chain")
def _(plan: Plan, given: Given) -> None:
    one = table_join(plan, "outer", table(plan, "a"), table(plan, "b"), "one")
    node, _ = table_join(plan, "outer", one, table(plan, "c"), "two", store("agg"))
    table_out(plan, node)


@topology("table-left-inner-bare")
def _(plan: Plan, given: Given) -> None:
    left, right = unnamed(plan, "a", 0), unnamed(plan, "b", 3)
    one = table_join(plan, "left", left, right, "one")
    node, _ = table_join(plan, "inner", one, unnamed(plan, "c", 9), "two")
    table_out(plan, node)


def unnamed(plan: Plan, topic: str, place: int) -> tuple[str, View]:
    """A table whose store has the name that Kafka makes for it."""
    return table(plan, topic, name=f"{topic}-STATE-STORE-{place:010}")


@topology("table-derived-join")
def _(plan: Plan, given: Given) -> None:
    low, primed = function(lambda value: value < "4"), function(lambda value: value + "'")
    left, right = unnamed(plan, "a", 0), unnamed(plan, "b", 4)
    sides = (
        (
            plan.node("low", rows.TableFilter(low, False, None, True), left[0]),
            Filtered(left[1], low, negate=False),
        ),
        (
            plan.node("primed", rows.TableMapValues(primed, None, True), right[0]),
            Mapped(right[1], primed),
        ),
    )
    node, _ = table_join(plan, "outer", *sides)
    quoted = rows.TableMapValues(function(lambda value: f"<{value}>"), None)
    table_out(plan, plan.node("quoted", quoted, node))


@topology("table-self-join")
def _(plan: Plan, given: Given) -> None:
    left = table(plan, "a")
    derived = plan.node("last", rows.TableMapValues(function(last), None, True), left[0])
    right = derived, Mapped(left[1], function(last))
    node, _ = table_join(plan, "inner", left, right, into=store("agg"))
    table_out(plan, node)


@topology("table-stream-table")
def _(plan: Plan, given: Given) -> None:
    left, right = table(plan, "a"), table(plan, "b")
    stream = plan.node("own", rows.TableToStream(), left[0])
    kept = rows.Filter(function(lambda value: value is None or not value.endswith("2")))
    again = plan.node(
        "again", rows.TableSource("again", True), plan.node("kept", kept, stream), store("again")
    )
    node, _ = table_join(plan, "inner", (again, Stored("again")), right, into=store("agg"))
    table_out(plan, node)


@topology("table-aggregate-join")
def _(plan: Plan, given: Given) -> None:
    count = rows.StreamAggregate("agg", rows.Count(), True)
    put = rows.StreamAggregate("red", reduced(plus), True)
    left = plan.node("agg", count, plan.source("a"), store("agg", LONG)), Stored("agg")
    right = plan.node("red", put, plan.source("b"), store("red")), Stored("red")
    node, _ = table_join(plan, "outer", left, right)
    table_out(plan, node)


# ---------------------------------------------------------------- by a foreign key
def joined_by(
    kind: rows.JoinKind, extractor: Callable[..., Any], **more: Any
) -> Callable[[Plan, Given], None]:
    def build(plan: Plan, given: Given) -> None:
        sides = table(plan, "a", **more), table(plan, "b", **more)
        kept = store("agg", **more)
        node, _ = join_by_foreign_key(plan, kind, extractor, *sides, into=kept, **more)
        table_out(plan, node)

    return build


def first_unless_three(value: str) -> str | None:
    return None if value.endswith("3") else value[:1]


topology("fk-join")(joined_by("inner", first))
topology("fk-left-join")(joined_by("left", first))
topology("fk-null-join")(joined_by("inner", first_unless_three))
topology("fk-null-left-join")(joined_by("left", first_unless_three))
topology("headers-fk-join")(joined_by("inner", first, with_headers=True))


def own_key_or_last(key: str | None, value: str) -> str | None:
    return key if key is None or value.endswith("5") else value[-1:]


@topology("fk-key-join")
def _(plan: Plan, given: Given) -> None:
    kind = "KTABLE-FK-JOIN-SUBSCRIPTION"
    names = (
        f"{kind}-REGISTRATION-0000000006-topic",
        f"{kind}-RESPONSE-0000000014-topic",
        f"{kind}-STATE-STORE-0000000010",
    )
    sides = unnamed(plan, "a", 0), unnamed(plan, "b", 3)
    node, _ = join_by_foreign_key(plan, "inner", own_key_or_last, *sides, into=None, names=names)
    table_out(plan, node)


@topology("fk-self-join")
def _(plan: Plan, given: Given) -> None:
    side = table(plan, "a")
    node, _ = join_by_foreign_key(plan, "left", first, side, side, into=store("agg"))
    table_out(plan, node)


@topology("fk-twice")
def _(plan: Plan, given: Given) -> None:
    sides = table(plan, "a"), table(plan, "b")
    one = join_by_foreign_key(plan, "inner", first, *sides, into=store("one"))
    third = table(plan, "c")
    node, _ = join_by_foreign_key(plan, "left", last, one, third, into=store("agg"), name="fk2")
    table_out(plan, node)


# ---------------------------------------------------------------- windowed, and with errors
@topology("window-filter-join")
def _(plan: Plan, given: Given) -> None:
    sides = []
    for topic, name in (("a", "agg"), ("b", "agg-b")):
        row = rows.WindowAggregate(name, time_windows(given), rows.Count(), send_old=True)
        kept = window_store(given, LONG, name)
        sides.append((plan.node(name, row, plan.source(topic), kept), Stored(name)))
    left, right = sides
    node, _ = table_join(plan, "inner", left, right, call=lambda one, other: f"{one}/{other}")
    others = rows.TableFilter(function(lambda value: not value.startswith("1")), False, None, True)
    windows_out(plan, plan.node("others", others, node))


@topology("errors-join-continue", PROCESSING)
def _(plan: Plan, given: Given) -> None:
    def call(left: Any, right: Any) -> Any:
        return checked(both(left, right))

    sides = table(plan, "a"), table(plan, "b")
    kept = store("agg")
    node, _ = table_join(plan, "outer", *sides, into=kept, call=call, send_old=False)
    table_out(plan, node)


# ---------------------------------------------------------------- versions
@topology("count-versioned")
def _(plan: Plan, given: Given) -> None:
    kept = store(
        "agg", LONG, StoreKind.VERSIONED, timestamped=False, history_retention_ms=given["history"]
    )
    table_out(plan, aggregated(rows.StreamAggregate("agg", rows.Count()), kept, plan))


class Versions(Asked):
    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        if asked == 1:
            return version_text(kept.delete(key, time))
        if asked in (2, 3):
            return version_text(kept.get(key, time - (200 if asked == 2 else 5000)))
        if asked == 4:
            return version_text(kept.get(key))
        return kept.put(key, value, time)


def version_text(found: ValueAndTimestamp | None) -> str | None:
    return None if found is None else f"<{found.value},{found.timestamp},Optional.empty>"


def history(given: Given) -> Store:
    return store(
        "side",
        kind=StoreKind.VERSIONED,
        timestamped=False,
        history_retention_ms=given["history"],
    )


stepped("process-versioned", Versions, kept=history)
stepped("process-versioned-long", Versions, kept=history)


@topology("versioned-table")
def _(plan: Plan, given: Given) -> None:
    table_out(plan, table(plan, "a", history_ms=given["history"])[0])


@topology("versioned-filter")
def _(plan: Plan, given: Given) -> None:
    node, _ = table(plan, "a", history_ms=given["history"])
    low = rows.TableFilter(function(lambda value: value < "5"), False, None, versioned=True)
    table_out(plan, plan.node("low", low, node))


@topology("versioned-map-stored")
def _(plan: Plan, given: Given) -> None:
    node, _ = table(plan, "a", history_ms=given["history"])
    primed = rows.TableMapValues(function(lambda value: value + "'"), "agg")
    table_out(plan, plan.node("primed", primed, node, store("agg")))


@topology("versioned-aggregate")
def _(plan: Plan, given: Given) -> None:
    node, _ = table(plan, "a", history_ms=given["history"])
    aggregated_by_first(plan, node, versioned=True)


def aggregated_by_first(plan: Plan, above: str, *, versioned: bool = False) -> None:
    """Texts of what was added and taken away, by the first letter."""
    row = rows.TableRepartitionMap(function(lambda value: (value[:1], value)), versioned)
    mapped = plan.node("by-first", row, above)
    source = plan.repartition("rk-repartition", mapped, STRING, ChangedSerde(STRING))
    aggregate = rows.TableAggregate(
        "agg",
        constant(str),
        by_aggregate(lambda key, value, aggregate: f"{aggregate}+{value}"),
        by_aggregate(lambda key, value, aggregate: f"{aggregate}-{value}"),
    )
    table_out(plan, plan.node("agg", aggregate, source, store("agg")))


@topology("versioned-join")
def _(plan: Plan, given: Given) -> None:
    left, right = (table(plan, topic, history_ms=given["history"]) for topic in "ab")
    node, _ = table_join(plan, "outer", left, right)
    for side in ("j-left", "j-right"):
        row = plan.nodes[side]
        assert isinstance(row.operator, rows.TableTableJoin)
        plan.nodes[side] = replace(row, operator=replace(row.operator, versioned=True))
    table_out(plan, node)


@topology("versioned-fk-join")
def _(plan: Plan, given: Given) -> None:
    left, right = (table(plan, topic, history_ms=given["history"]) for topic in "ab")
    node, _ = join_by_foreign_key(
        plan, "left", first, left, right, into=store("agg"), versioned=True
    )
    table_out(plan, node)


@topology("versioned-result")
def _(plan: Plan, given: Given) -> None:
    sides = table(plan, "a"), table(plan, "b")
    node, _ = table_join(plan, "inner", *sides, into=versioned_store(given))
    table_out(plan, node)
