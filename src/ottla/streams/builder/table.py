"""A table: the latest value of each key, and its changes. Kafka's KTable in Python's habits.

`store=` keeps a table in a store of that name (Kafka's `Materialized`); without it, it is kept only
where an operator below needs its values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, overload

from ottla.streams.builder.building import Building, Materialized
from ottla.streams.builder.graph import GraphNode, ProcessorNode, TableJoinNode
from ottla.streams.builder.join_keys import check_keys
from ottla.streams.builder.kinds import Kind
from ottla.streams.builder.signatures import (
    JOINED,
    RECORD,
    AskedOfRecord,
    AskedOfValue,
    Kept,
    OfRecord,
    OfValue,
    PairOfRecord,
    PairOfValue,
    SerdeOf,
)
from ottla.streams.builder.specs import checked_name, shown
from ottla.streams.builder.stream import KStream, serde_of
from ottla.streams.builder.suppliers import check_supplier, stores_of
from ottla.streams.builder.table_joining import TableJoining
from ottla.streams.builder.tables import (
    FilterTable,
    JoinSide,
    MapTable,
    MergeTable,
    SuppressTable,
    TableOperator,
    TransformTable,
    check_reads,
)
from ottla.streams.durations import Duration, ms
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.functions import Function
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.views import Stored, View
from ottla.streams.processors import ValueTransformer
from ottla.streams.serdes import Serde
from ottla.streams.variables import K2, V2, K, V

if TYPE_CHECKING:
    from ottla.streams.builder.grouped_table import KGroupedTable


class KTable(TableJoining[K, V]):
    """A table. Made by `Streams.table`, aggregations and operators, never by hand."""

    words = "a table"

    def __init__(
        self,
        building: Building,
        name: str,
        node: GraphNode,
        sources: frozenset[str],
        key: Serde | None,
        value: Serde | None,
        table: TableOperator,
    ) -> None:
        self._building = building
        self._name = name
        self._node = node
        self._sources = sources
        self._key = key
        self._value = value
        self._table = table

    def __repr__(self) -> str:
        return f"<KTable {self._name}>"

    @property
    def store_name(self) -> str | None:
        """The store that it is kept in, where the user gave it a name."""
        return self._table.store_name

    # ------------------------------------------------------------ one table from another
    @overload
    def filter(
        self, predicate: AskedOfValue[V], *, store: Kept = None, name: str | None = None
    ) -> KTable[K, V]: ...

    @overload
    def filter(
        self, predicate: AskedOfRecord[K, V], *, store: Kept = None, name: str | None = None
    ) -> KTable[K, V]: ...

    def filter(
        self, predicate: Any, *, store: object = None, name: str | None = None
    ) -> KTable[K, V]:
        """Rows for which the predicate is true; a row that stops being so is taken away."""
        return self._filtered(predicate, False, store, name)

    @overload
    def filter_not(
        self, predicate: AskedOfValue[V], *, store: Kept = None, name: str | None = None
    ) -> KTable[K, V]: ...

    @overload
    def filter_not(
        self, predicate: AskedOfRecord[K, V], *, store: Kept = None, name: str | None = None
    ) -> KTable[K, V]: ...

    def filter_not(
        self, predicate: Any, *, store: object = None, name: str | None = None
    ) -> KTable[K, V]:
        """Rows for which the predicate is not true."""
        return self._filtered(predicate, True, store, name)

    def _filtered(
        self, predicate: Any, negate: bool, store: object, name: str | None
    ) -> KTable[K, V]:
        what = "filter_not" if negate else "filter"
        function = Function.of(predicate, RECORD, what=what, values=self._value)
        kept = self._materialized(store, "KTABLE-FILTER-", self._value)
        name = self._building.name(name, "KTABLE-FILTER-")
        table = FilterTable(self._table, function, negate, self._row(kept))
        return self._derived(name, table, kept, self._value, heeds_versions=True)

    @overload
    def map_values(
        self,
        mapper: OfValue[V, V2],
        *,
        store: Kept = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KTable[K, V2]: ...

    @overload
    def map_values(
        self,
        mapper: OfRecord[K, V, V2],
        *,
        store: Kept = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KTable[K, V2]: ...

    def map_values(
        self, mapper: Any, *, store: object = None, value: object = None, name: str | None = None
    ) -> KTable[K, Any]:
        """A new value for each row."""
        function = Function.of(mapper, RECORD, what="map_values", values=self._value)
        serde = serde_of(value, store=store)
        kept = self._materialized(store, "KTABLE-MAPVALUES-", serde)
        name = self._building.name(name, "KTABLE-MAPVALUES-")
        table = MapTable(self._table, function, self._row(kept))
        return self._derived(name, table, kept, serde)

    def transform_values(
        self,
        supplier: Callable[[], ValueTransformer[K, V, V2]],
        *stores: str,
        store: Kept = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KTable[K, V2]:
        """A new value for each row by a `ValueTransformer`, which may reach stores."""
        check_supplier(supplier, "transform_values", stores)
        serde = serde_of(value, store=store)
        kept = None if store is None else Materialized.of(
            self._building, store, None, key=self._key, value=serde
        )  # fmt: skip
        name = self._building.name(name, "KTABLE-TRANSFORMVALUES-")
        table = TransformTable(self._table, name, supplier, self._row(kept))
        return self._derived(
            name,
            table,
            kept,
            serde,
            connected=stores,
            more=lambda: self._building.shared(stores_of(supplier)),
        )

    def _materialized(self, store: object, prefix: str, value: Serde | None) -> Materialized | None:
        if store is None:
            return None
        kept = Materialized.of(self._building, store, None, key=self._key, value=value)
        if kept.name is None:
            self._building.new_store_name(prefix)  # Kafka does, and never uses it
        return kept

    def _row(self, kept: Materialized | None) -> Callable[[], Store] | None:
        if kept is None or kept.name is None:
            return None
        found = kept
        found.key_value(self._building)  # what does not fit is said at once
        return lambda: found.key_value(self._building)

    def _derived(
        self,
        name: str,
        table: TableOperator,
        kept: Materialized | None,
        value: Serde | None,
        *,
        heeds_versions: bool = False,
        connected: tuple[str, ...] = (),
        more: Callable[[], list[Store]] = list,
    ) -> KTable[K, Any]:
        node = ProcessorNode(
            name,
            versioned=None if kept is None else kept.is_versioned,
            operator=table.operator,
            stores=lambda: [*more(), *table.stores()],
            connected=lambda: connected,
            mark_versioned=table.mark_versioned if heeds_versions else None,
        )
        self._building.graph.add(self._node, node)
        if kept is not None:
            value = kept.spec.value or value
        key = self._key if kept is None else kept.spec.key
        return KTable(self._building, name, node, self._sources, key, value, table)

    @overload
    def to_stream(self, selector: None = None, *, name: str | None = None) -> KStream[K, V]: ...

    @overload
    def to_stream(
        self, selector: OfValue[V, K2], *, key: SerdeOf[K2] = None, name: str | None = None
    ) -> KStream[K2, V]: ...

    @overload
    def to_stream(
        self, selector: OfRecord[K, V, K2], *, key: SerdeOf[K2] = None, name: str | None = None
    ) -> KStream[K2, V]: ...

    def to_stream(
        self, selector: Any = None, *, key: Any = None, name: str | None = None
    ) -> KStream[Any, V]:
        """Its changes as a stream of new values; None says that a row is gone.

        With a function, under new keys.
        """
        if selector is None and key is not None:
            raise TopologyError(
                "to_stream() keeps the table's keys, so it takes no key=",
                hint="give it a function that makes new keys, or leave key= out",
            )
        name = self._building.name(name, "KTABLE-TOSTREAM-")
        operator = plan.TableToStream()
        node = ProcessorNode(name, operator=lambda: operator)
        self._building.graph.add(self._node, node)
        stream: KStream[Any, V] = KStream(
            self._building, name, node, self._sources, self._key, self._value
        )
        return stream if selector is None else stream.select_key(selector, key=key)

    # ------------------------------------------------------------ hold back
    def suppress(
        self,
        *,
        until: str | None = None,
        wait: Duration | None = None,
        records_max: int | None = None,
        bytes_max: int | None = None,
        when_full: str | None = None,
        logged: bool = True,
        configs: dict[str, str] | None = None,
        name: str | None = None,
    ) -> KTable[K, V]:
        """Hold changes back: until windows close, or until `wait` of stream time has passed.

        Bounds say how much is held at most; `when_full` is "emit" (send the oldest early) or
        "shut_down". Final results of windows are never sent early.
        """
        building = self._building
        final = _suppresses_final(until, wait)
        bounded = records_max is not None or bytes_max is not None
        full = _when_full(when_full, bounded, final)
        if self._node.versioned:
            raise TopologyError(
                "suppress does not work on a versioned table",
                hint="keep the table in a store that is not versioned",
            )
        given = name
        name = building.new_name("KTABLE-SUPPRESS-") if given is None else checked_name(given)
        wait_ms = grace_above(self._node, name) if final else ms(wait or 0, what="wait")
        if given is not None:
            store = f"{given}-store"
        else:
            store = building.new_store_name("KTABLE-SUPPRESS-")
            building.implicit.append(store)
        buffer = Store(
            checked_name(store), StoreKind.SUPPRESS_BUFFER, self._key, self._value, logged=logged,
            persistent=False, topic_configs=dict(configs or {}),
        )  # fmt: skip
        source = self._table
        source.ask_old(True)

        def made(view: View | None) -> plan.Suppress:
            return plan.Suppress(
                buffer.name, wait_ms, final, records_max, bytes_max, full, final, view
            )

        table = SuppressTable(source, buffer, made)
        node = ProcessorNode(
            name, versioned=False, operator=table.operator, stores=table.stores,
            refuses_versions=True,
        )  # fmt: skip
        building.graph.add(self._node, node)
        sources = frozenset((self._name,))
        return KTable(building, name, node, sources, self._key, self._value, table)

    # ------------------------------------------------------------ groups and joins
    @overload
    def group_by(
        self,
        mapper: PairOfValue[V, K2, V2],
        *,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KGroupedTable[K2, V2]: ...

    @overload
    def group_by(
        self,
        mapper: PairOfRecord[K, V, K2, V2],
        *,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KGroupedTable[K2, V2]: ...

    def group_by(
        self, mapper: Any, *, key: object = None, value: object = None, name: str | None = None
    ) -> KGroupedTable[Any, Any]:
        """Group rows anew: the function gives (key, value); through a repartition topic."""
        function = Function.of(mapper, RECORD, what="group_by", values=self._value)
        building = self._building
        label = building.name(name, "KTABLE-SELECT-")
        marked: list[str] = []
        node = ProcessorNode(
            label,
            operator=lambda: plan.TableRepartitionMap(function, versioned=bool(marked)),
            mark_versioned=marked.append,
        )
        building.graph.add(self._node, node)
        self._table.ask_old(True)
        return building.kinds.grouped_table(
            building, label, node, serde_of(key), serde_of(value), self._sources, name
        )

    def _join_foreign(self, kind: plan.JoinKind, given: dict[str, Any]) -> KTable[K, Any]:
        self._check_table(given["other"])
        return self._building.kinds.foreign_key_join(
            self, given["other"], kind, given["joiner"], given["on"], given["partitioner"],
            given["other_partitioner"], given["name"],
        ).made(given["store"], serde_of(given["value"], store=given["store"]))  # fmt: skip

    def _join(
        self,
        kind: plan.JoinKind,
        other: KTable[Any, Any],
        joiner: Any,
        store: object,
        value: object,
        name: str | None,
    ) -> KTable[K, Any]:
        self._check_table(other)
        building = self._building
        check_keys(building, self, other)
        function = Function.of(joiner, JOINED, what="join")
        serde = serde_of(value, store=store)
        kept = None
        if store is not None:
            kept = Materialized.of(building, store, "KTABLE-MERGE-", key=self._key, value=serde)
        merge = building.name(name, "KTABLE-MERGE-")
        check_reads(self._table, merge)
        check_reads(other._table, merge)
        sources = building.copartition(self._sources, other._sources)
        if kind != "inner":
            self._table.ask_old(True)
        if kind == "outer":
            other._table.ask_old(True)
        left = JoinSide("left", kind, self._table, other._table, function)
        right = JoinSide("right", kind, other._table, self._table, function)
        left_name = building.name(name, "KTABLE-JOINTHIS-", "-join-this")
        right_name = building.name(name, "KTABLE-JOINOTHER-", "-join-other")
        merged = MergeTable(left, right, self._row(kept))
        left_stores, right_stores = self._table.store_names(), other._table.store_names()
        node = TableJoinNode(
            merge,
            versioned=kept is not None and kept.is_versioned,
            left=_side_node(left_name, left, right_stores),
            right=_side_node(right_name, right, left_stores),
            left_table=self._name,
            right_table=other._name,
            merge=merged.operator,
            stores=merged.stores,
        )
        building.graph.add((self._node, other._node), node)
        found = serde if kept is None else kept.spec.value
        return KTable(building, merge, node, sources, self._key, found, merged)

    def _check_table(self, other: object) -> None:
        if not isinstance(other, KTable):
            raise TopologyError(
                f"a table joins with a table, not with a {type(other).__name__}",
                hint="a stream becomes a table by to_table(); or join the stream with this table",
            )
        self._building.check_mine(other._building, "join")


def _side_node(name: str, side: JoinSide, stores: tuple[str, ...]) -> ProcessorNode:
    return ProcessorNode(
        name, operator=side.operator, connected=lambda: stores, mark_versioned=side.mark_versioned
    )


def _suppresses_final(until: str | None, wait: Duration | None) -> bool:
    if until not in (None, "window_closes"):
        raise TopologyError(
            f"suppress holds nothing back until {shown(until)}",
            hint='take until="window_closes", or wait="5s"',
        )
    if (until is None) is (wait is None):
        raise TopologyError(
            "suppress needs to know how long changes are held back",
            hint='until="window_closes", or wait="5s"',
        )
    return until is not None


def _when_full(given: str | None, bounded: bool, final: bool) -> plan.BufferFull:
    word = given if given is not None else ("emit" if bounded and not final else "shut_down")
    try:
        full = plan.BufferFull(word)
    except ValueError:
        raise TopologyError(
            f"a full buffer cannot {given!r}", hint='when_full is "emit" or "shut_down"'
        ) from None
    if final and full is plan.BufferFull.EMIT:
        raise TopologyError(
            "final results of windows are never sent early",
            hint='leave when_full="emit" out, or use wait= in place of until=',
        )
    return full


def grace_above(node: GraphNode, name: str) -> int:
    """The grace of the windowed aggregations above; the longest of several."""
    waiting, seen, found = [node], {node}, []
    while waiting:
        above = waiting.pop()
        if isinstance(above, ProcessorNode) and above.grace_ms is not None:
            found.append(above.grace_ms)
        elif not above.parents:
            raise TopologyError(
                f"{name} waits for windows to close, and there are none above it",
                hint="suppress(until='window_closes') is for tables of windowed_by(…)",
            )
        else:
            waiting += [parent for parent in above.parents if parent not in seen]
            seen.update(above.parents)
    return max(found)


class GlobalKTable(Kind, Generic[K, V]):
    """A table that every task has whole; streams join with it by any key."""

    words = "a global table"

    def __init__(
        self, building: Building, store: str, key: Serde | None, value: Serde | None
    ) -> None:
        self._building = building
        self._store = store
        self._key = key
        self._value = value

    def __repr__(self) -> str:
        return f"<GlobalKTable {self._store}>"

    @property
    def store_name(self) -> str:
        """The store that it is kept in."""
        return self._store

    def _view(self) -> View:
        return Stored(self._store)


__all__ = ["GlobalKTable", "KTable"]
