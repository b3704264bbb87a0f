"""One aggregate of several grouped streams, each with a function of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, overload

from ottla.streams.builder.building import Materialized
from ottla.streams.builder.graph import GraphNode, ProcessorNode
from ottla.streams.builder.grouped import (
    KGroupedStream,
    check_windows,
    grace_of,
    window_operator,
    window_store_of,
    windowed_key,
)
from ottla.streams.builder.kinds import Kind
from ottla.streams.builder.signatures import (
    ADDED,
    JOINED,
    Adds,
    AddsKeyed,
    Begins,
    Kept,
    Merges,
    SerdeOf,
)
from ottla.streams.builder.stream import serde_of
from ottla.streams.builder.table import KTable
from ottla.streams.builder.tables import CogroupTable, TableOperator
from ottla.streams.builder.tables import Kept as KeptTable
from ottla.streams.builder.windows import Windows
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Emit, Operator
from ottla.streams.plan.stores import Store
from ottla.streams.plan.windows import SessionWindows
from ottla.streams.serdes import Serde, Windowed
from ottla.streams.variables import A, K, V

AGGREGATE = "COGROUPKSTREAM-AGGREGATE-"
MERGE = "COGROUPKSTREAM-MERGE-"


@dataclass(frozen=True)
class _Part:
    grouped: KGroupedStream[Any, Any]
    adder: Function


class CogroupedKStream(Kind, Generic[K, A]):
    """Grouped streams that feed one aggregate; each `cogroup` adds one."""

    words = "a cogrouped stream"

    def __init__(self, first: KGroupedStream[K, Any], adder: Any) -> None:
        self._first = first
        self._parts: dict[KGroupedStream[Any, Any], _Part] = {}
        self._parents: dict[KGroupedStream[Any, Any], GraphNode] = {}
        self.cogroup(first, adder)

    @overload
    def cogroup(
        self, grouped: KGroupedStream[K, V], adder: Adds[V, A]
    ) -> CogroupedKStream[K, A]: ...

    @overload
    def cogroup(
        self, grouped: KGroupedStream[K, V], adder: AddsKeyed[K, V, A]
    ) -> CogroupedKStream[K, A]: ...

    def cogroup(self, grouped: KGroupedStream[K, Any], adder: Any) -> CogroupedKStream[K, A]:
        """Add a grouped stream; `adder(value, aggregate)` or `adder(key, value, aggregate)`."""
        if not isinstance(grouped, KGroupedStream):
            raise TopologyError(
                f"cogroup takes a grouped stream, not a {type(grouped).__name__}",
                hint="group it first: other.group_by_key()",
            )
        self._first._building.check_mine(grouped._building, "cogroup")
        function = Function.of(adder, ADDED, what="cogroup")
        self._parts[grouped] = _Part(grouped, function)
        return self

    def windowed_by(self, windows: Windows) -> WindowedCogrouped[K, A]:
        """Aggregate in windows."""
        check_windows(windows)
        return WindowedCogrouped(self, windows)

    def aggregate(
        self,
        initializer: Begins[A],
        *,
        store: Kept = None,
        key: SerdeOf[K] = None,
        value: SerdeOf[A] = None,
        name: str | None = None,
    ) -> KTable[K, A]:
        """One aggregate a key of all streams; `initializer()` is how it begins.

        An adder returns the new aggregate; None takes the key away.
        """
        return self._aggregated(initializer, None, None, store, key, value, name)

    def _aggregated(
        self, initializer: Any, merger: Any, windows: Windows | None, store: object, key: object,
        value: object, name: str | None,
    ) -> KTable[Any, Any]:  # fmt: skip
        building = self._first._building
        # A windowed operator and one without keep their stores under different rules of Kafka.
        serde = serde_of(key, self._first._key)
        kept = Materialized.of(
            building, store, AGGREGATE, key=serde, value=serde_of(value, store=store)
        )
        self._repartition(kept)
        begin = Function.of(initializer, (), what="the initializer")
        end = None if merger is None else Function.of(merger, JOINED, what="merger")

        def row() -> Store:
            if windows is None:
                return kept.key_value(building)
            return window_store_of(self._first, windows, kept)

        nodes: list[ProcessorNode] = []
        tables: list[TableOperator] = []
        for number, part in enumerate(self._parts.values()):
            label = building.name(name, AGGREGATE, f"-cogroup-agg-{number}")
            table = KeptTable(row, _operator(windows, plan.Fold(begin, part.adder, end)))
            node = ProcessorNode(
                label, versioned=kept.is_versioned if windows is None else None,
                operator=table.operator, stores=table.stores,
                grace_ms=None if windows is None else grace_of(windows),
            )  # fmt: skip
            building.graph.add(self._parents[part.grouped], node)
            nodes.append(node)
            tables.append(table)
        label = building.name(name, MERGE, "-cogroup-merge")
        merged = CogroupTable(row, tables)
        node = ProcessorNode(label, operator=merged.operator)
        building.graph.add(nodes, node)
        made: Serde | None = kept.spec.key
        if windows is not None:
            made = windowed_key(windows, made or building.key)
        return KTable(building, label, node, frozenset((label,)), made, kept.spec.value, merged)

    def _repartition(self, kept: Materialized) -> None:
        building = self._first._building
        for grouped in self._parts:
            if not grouped._rekeyed:
                self._parents[grouped] = grouped._node
                continue
            prefix = grouped._topic if grouped._topic is not None else str(kept.name)
            named = grouped._topic is not None or kept.queryable
            node = building.repartition(prefix, grouped._key, grouped._value, named=named)
            if grouped not in self._parents:
                building.graph.add(grouped._node, node)
                self._parents[grouped] = node
        building.copartition(*(grouped._sources for grouped in self._parts))


def _operator(windows: Windows | None, fold: plan.Fold) -> Any:
    def made(store: str, send_old: bool) -> Operator:
        if windows is None:
            return plan.StreamAggregate(store, fold, send_old)
        return window_operator(windows, store, fold, Emit.ON_UPDATE, send_old)

    return made


class WindowedCogrouped(Kind, Generic[K, A]):
    """Cogrouped streams in windows."""

    words = "a windowed cogrouped stream"

    def __init__(self, cogrouped: CogroupedKStream[K, A], windows: Windows) -> None:
        self._cogrouped = cogrouped
        self._windows = windows

    def aggregate(
        self,
        initializer: Begins[A],
        merger: Merges | None = None,
        *,
        store: Kept = None,
        key: SerdeOf[K] = None,
        value: SerdeOf[A] = None,
        name: str | None = None,
    ) -> KTable[Windowed[K], A]:
        """One aggregate a key and window; sessions need `merger(left, right)` too."""
        if (merger is None) is isinstance(self._windows, SessionWindows):
            raise TopologyError(
                "sessions, and only they, need to know how two aggregates become one",
                hint="aggregate(initializer, merger) for session(…), aggregate(initializer) else",
            )
        return self._cogrouped._aggregated(
            initializer, merger, self._windows, store, key, value, name
        )
