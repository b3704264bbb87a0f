"""The words that the plans of recorded topologies are written with, as Java's list has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ottla.streams.execution import Settings
from ottla.streams.plan.operators import (
    Filter,
    Fold,
    MapValues,
    Operator,
    Reduce,
    SelectKey,
    TableSource,
    TableToStream,
)
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.windows import SessionWindows, SlidingWindows, TimeWindows
from ottla.streams.serdes import STRING, Serde, Windowed
from streams.reference.plans import SETTINGS, Plan, by_aggregate, constant, function, reducer, store

Given = Mapping[str, int]
Build = Callable[[Plan, Given], None]

#: What builds each topology, and the settings of those that are not the usual ones.
BUILDS: dict[str, Build] = {}
SETTINGS_OF: dict[str, Settings] = {}


def topology(name: str, settings: Settings = SETTINGS) -> Callable[[Build], Build]:
    """Put a function that adds rows to a plan into the list."""

    def added(build: Build) -> Build:
        BUILDS[name], SETTINGS_OF[name] = build, settings
        return build

    return added


# ---------------------------------------------------------------- values
def shown(value: Any) -> str:
    """As Java puts a value into a text."""
    return "null" if value is None else str(value)


def first(value: str | None) -> str | None:
    return None if value is None else value[:1]


def last(value: str | None) -> str | None:
    return None if value is None else value[-1:]


def both(left: Any, right: Any) -> str:
    return f"{shown(left)}|{shown(right)}"


def plus(one: Any, other: Any) -> str:
    return f"{shown(one)}+{shown(other)}"


def plus_unless_zero(one: Any, other: str | None) -> str | None:
    """Nothing for a value that ends in 0: an aggregation that forgets."""
    return None if other is not None and other.endswith("0") else plus(one, other)


def window_text(window: Windowed) -> str:
    return f"{window.key}@{window.start}/{window.end}"


# ---------------------------------------------------------------- aggregations
def forgetful() -> Fold:
    """Texts put together; the aggregate goes with a value that ends in 0."""
    return folded(lambda value, aggregate: plus_unless_zero(aggregate, value))


def folded(add: Callable[[Any, Any], Any]) -> Fold:
    return Fold(
        constant(str),
        by_aggregate(lambda key, value, aggregate: add(value, aggregate)),
        function(lambda key, left, right: f"{shown(left)}&{shown(right)}", "key", "left", "right"),
    )


def reduced(call: Callable[[Any, Any], Any]) -> Reduce:
    return Reduce(reducer(call))


# ---------------------------------------------------------------- windows
def time_windows(given: Given) -> TimeWindows:
    size = given["size"]
    return TimeWindows(size, given.get("advance", size), given.get("grace", 0))


def sliding_windows(given: Given) -> SlidingWindows:
    return SlidingWindows(given["diff"], given.get("grace", 0))


def session_windows(given: Given) -> SessionWindows:
    return SessionWindows(given["gap"], given.get("grace", 0))


def window_store(given: Given, value: Serde = STRING, name: str = "agg", **more: Any) -> Store:
    shape = {"retention_ms": given["size"] + given.get("grace", 0), **more}
    return store(name, value, StoreKind.WINDOW, window_size_ms=given["size"], **shape)


def sliding_store(given: Given, value: Serde = STRING, **more: Any) -> Store:
    retention = 2 * given["diff"] + given.get("grace", 0)
    return store(
        "agg", value, StoreKind.WINDOW, retention_ms=retention, window_size_ms=given["diff"], **more
    )


def session_store(given: Given, value: Serde = STRING, name: str = "agg", **more: Any) -> Store:
    retention = given["gap"] + given.get("grace", 0)
    return store(name, value, StoreKind.SESSION, timestamped=False, retention_ms=retention, **more)


def aggregated(operator: Operator, kept: Store, plan: Plan) -> str:
    """The operator of that store, below topic a."""
    return plan.node(kept.name, operator, plan.source("a"), kept)


# ---------------------------------------------------------------- ends
def out(plan: Plan, above: str, key: Serde = STRING) -> None:
    """Values as texts, to out."""
    texts = plan.node(
        "texts", MapValues(function(lambda value: None if value is None else str(value))), above
    )
    plan.sink("out", texts, key)


def table_out(plan: Plan, above: str) -> None:
    out(plan, plan.node("stream", TableToStream(), above))


def windows_out(plan: Plan, above: str) -> None:
    """A windowed table's changes, each under key@start/end."""
    stream = plan.node("stream", TableToStream(), above)
    out(plan, plan.node("keys", SelectKey(function(lambda key, value: window_text(key))), stream))


def table(plan: Plan, topic: str = "a", *, send_old: bool = False, **more: Any) -> str:
    """A table of a topic, in a store named after it."""
    name = f"store-{topic}"
    row = TableSource(name, send_old)
    return plan.node(name, row, plan.source(topic), store(name, **more))


def rekeyed(plan: Plan, above: str, key: Callable[..., Any], **serdes: Serde) -> str:
    """Another key, then through the repartition topic rk; null keys stay away."""
    keyed = plan.node("key", SelectKey(function(key)), above)
    named = plan.node("named", Filter(function(lambda key, value: key is not None)), keyed)
    return plan.repartition("rk-repartition", named, **serdes)
