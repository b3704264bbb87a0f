"""The word for each operator in a drawing: the builder's own, with its window where it has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.plan import operators as row
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import Node
from ottla.streams.plan.windows import (
    JoinWindows,
    SessionWindows,
    SlidingWindows,
    TimeWindows,
    UnlimitedWindows,
)

STREAM, TABLE, STATE, JOIN, CODE = "stream", "table", "state", "join", "code"
"""Kinds, by which boxes are coloured."""

UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms"))


def duration(ms: int) -> str:
    """A length as people say it: `5 min`, `90 s`."""
    unit, name = next((u for u in UNITS if ms and ms % u[0] == 0), (1, "ms"))
    return f"{ms // unit} {name}"


def windows(given: Any) -> str:
    """What a window is, in two or three words."""
    match given:
        case TimeWindows(size, advance, _) if size == advance:
            return f"tumbling {duration(size)}"
        case TimeWindows(size, advance, _):
            return f"hopping {duration(size)} by {duration(advance)}"
        case SlidingWindows(difference, _):
            return f"sliding {duration(difference)}"
        case SessionWindows(gap, _):
            return f"sessions, gap {duration(gap)}"
        case UnlimitedWindows():
            return "unlimited"
        case JoinWindows(before, after) if before == after:
            return f"within {duration(before)}"
        case JoinWindows(before, after):
            return f"{duration(before)} before, {duration(after)} after"
    return ""


def _aggregate(operator: Any) -> str:
    word = {row.Count: "count", row.Reduce: "reduce"}.get(type(operator.aggregation), "aggregate")
    shown = windows(getattr(operator, "windows", None))
    return f"{word}, {shown}" if shown else word


def _join(word: str) -> Callable[[Any], str]:
    def said(operator: Any) -> str:
        kind = "" if operator.kind == "inner" else f"{operator.kind} "
        return f"{kind}{word}"

    return said


def _stream_join(operator: Any) -> str:
    kind = "" if operator.kind == "inner" else f"{operator.kind} "
    return f"{kind}join, {windows(operator.windows)}"


def _suppress(operator: row.Suppress) -> str:
    if operator.until_window_closes:
        return "suppress until the window closes"
    return f"suppress for {duration(operator.wait_ms)}"


Word = str | Callable[[Any], str]
ROWS: dict[type[Any], tuple[str, Word]] = {
    row.Filter: (STREAM, lambda op: "filter_not" if op.negate else "filter"),
    row.Map: (STREAM, "map"),
    row.SelectKey: (STREAM, "select_key"),
    row.MapValues: (STREAM, "map_values"),
    row.FlatMap: (STREAM, "flat_map"),
    row.FlatMapValues: (STREAM, "flat_map_values"),
    row.Branch: (STREAM, "split"),
    row.Peek: (STREAM, "peek"),
    row.PassThrough: (STREAM, "pass on"),
    row.Process: (CODE, lambda op: "process_values" if op.fixed_key else "process"),
    row.StreamAggregate: (STATE, _aggregate),
    row.WindowAggregate: (STATE, _aggregate),
    row.SlidingAggregate: (STATE, _aggregate),
    row.SessionAggregate: (STATE, _aggregate),
    row.TableSource: (TABLE, "table"),
    row.TableFilter: (TABLE, lambda op: "filter_not" if op.negate else "filter"),
    row.TableMapValues: (TABLE, "map_values"),
    row.TableTransformValues: (CODE, "transform_values"),
    row.TableToStream: (STREAM, "to_stream"),
    row.TableRepartitionMap: (TABLE, "group_by"),
    row.TableAggregate: (STATE, "aggregate"),
    row.TableReduce: (STATE, "reduce"),
    row.Suppress: (STATE, _suppress),
    row.JoinWindow: (JOIN, "keep for the join"),
    row.StreamStreamJoin: (JOIN, _stream_join),
    row.StreamSelfJoin: (JOIN, lambda op: f"self-join, {windows(op.windows)}"),
    row.StreamTableJoin: (JOIN, _join("join with a table")),
    row.StreamGlobalJoin: (JOIN, _join("join with a global table")),
    row.TableTableJoin: (JOIN, lambda op: f"{_join('join')(op)}, {op.side} side"),
    row.TableTableMerge: (JOIN, "join, both sides"),
    row.SubscriptionSend: (JOIN, "foreign key: subscribe"),
    row.SubscriptionReceive: (JOIN, "foreign key: subscriptions"),
    row.SubscriptionJoin: (JOIN, "foreign key: answer one"),
    row.ForeignTableJoin: (JOIN, "foreign key: answer all"),
    row.ResponseJoin: (JOIN, _join("foreign-key join")),
}
"""Every operator of the plan: its kind and its word; a test holds it against the plan."""

STORES: dict[StoreKind, str] = {
    StoreKind.KEY_VALUE: "key-value store",
    StoreKind.LRU: "LRU store",
    StoreKind.WINDOW: "window store",
    StoreKind.SESSION: "session store",
    StoreKind.VERSIONED: "versioned store",
    StoreKind.SUPPRESS_BUFFER: "buffer of suppress",
    StoreKind.GRACE_BUFFER: "buffer of the join",
    StoreKind.OUTER_JOIN: "not joined yet",
    StoreKind.SUBSCRIPTION: "subscriptions",
}

_NAMED = {"KSTREAM-MERGE-": "merge"}


def of_node(node: Node) -> tuple[str, str]:
    """The kind and the word of a node."""
    kind, word = ROWS.get(type(node.operator), (CODE, type(node.operator).__name__))
    if isinstance(node.operator, row.PassThrough):
        word = next((w for begin, w in _NAMED.items() if node.name.startswith(begin)), word)
    if isinstance(node.operator, row.Peek) and not node.children:
        word = "foreach"
    return kind, word if isinstance(word, str) else word(node.operator)


def of_store(store: Store) -> str:
    word = STORES[store.kind]
    return word if store.persistent or store.kind is StoreKind.LRU else f"{word} in memory"
