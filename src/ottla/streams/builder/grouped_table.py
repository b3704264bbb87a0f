"""A grouped table: aggregates that change with its rows, old values out and new ones in."""

from __future__ import annotations

from typing import Any, Generic, overload

from ottla.streams.builder.building import REPARTITION, Building, Materialized
from ottla.streams.builder.graph import ChangesNode, ProcessorNode
from ottla.streams.builder.kinds import Kind
from ottla.streams.builder.signatures import (
    ADDED,
    REDUCED,
    Adds,
    AddsKeyed,
    Begins,
    Kept,
    Reduces,
    SerdeOf,
)
from ottla.streams.builder.specs import checked_name
from ottla.streams.builder.stream import serde_of
from ottla.streams.builder.table import KTable
from ottla.streams.builder.tables import Kept as KeptTable
from ottla.streams.plan import operators as plan
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Operator
from ottla.streams.serdes import LONG, Serde
from ottla.streams.variables import A, K, V


def _zero() -> int:
    return 0


def _one_more(aggregate: int) -> int:
    return aggregate + 1


def _one_less(aggregate: int) -> int:
    return aggregate - 1


class KGroupedTable(Kind, Generic[K, V]):
    """Made by `KTable.group_by`."""

    words = "a grouped table"

    def __init__(
        self,
        building: Building,
        name: str,
        node: ProcessorNode,
        key: Serde | None,
        value: Serde | None,
        sources: frozenset[str],
        topic: str | None,
    ) -> None:
        self._building = building
        self._name = name
        self._node = node
        self._key = key
        self._value = value
        self._sources = sources
        #: The name that the user gave to the repartition topic.
        self._topic = topic
        self._repartition: ChangesNode | None = None

    def count(self, *, store: Kept = None, name: str | None = None) -> KTable[K, int]:
        """How many rows each group has."""
        begin = Function(_zero, (), None, "count")
        add = Function(_one_more, ("aggregate",), None, "count")
        take = Function(_one_less, ("aggregate",), None, "count")

        def made(store: str, send_old: bool) -> Operator:
            return plan.TableAggregate(store, begin, add, take, send_old)

        return self._aggregated("KTABLE-AGGREGATE-", made, store, LONG, name)

    def reduce(
        self,
        adder: Reduces[V],
        subtractor: Reduces[V],
        *,
        store: Kept = None,
        value: SerdeOf[V] = None,
        name: str | None = None,
    ) -> KTable[K, V]:
        """`adder(aggregate, value)` for new values, `subtractor(aggregate, value)` for old ones.

        Both return the new aggregate; None takes the key away, and behind it the next value begins.
        """
        add = Function.of(adder, REDUCED, what="the adder")
        take = Function.of(subtractor, REDUCED, what="the subtractor")

        def made(store: str, send_old: bool) -> Operator:
            return plan.TableReduce(store, add, take, send_old)

        serde = serde_of(value, self._value, store=store)
        return self._aggregated("KTABLE-REDUCE-", made, store, serde, name)

    @overload
    def aggregate(
        self, initializer: Begins[A], adder: Adds[V, A], subtractor: Adds[V, A], *,
        store: Kept = None, value: SerdeOf[A] = None, name: str | None = None,
    ) -> KTable[K, A]: ...  # fmt: skip

    @overload
    def aggregate(
        self, initializer: Begins[A], adder: AddsKeyed[K, V, A], subtractor: AddsKeyed[K, V, A], *,
        store: Kept = None, value: SerdeOf[A] = None, name: str | None = None,
    ) -> KTable[K, A]: ...  # fmt: skip

    def aggregate(
        self,
        initializer: Any,
        adder: Any,
        subtractor: Any,
        *,
        store: object = None,
        value: object = None,
        name: str | None = None,
    ) -> KTable[K, Any]:
        """`initializer()`, then `adder(value, aggregate)` and `subtractor(value, aggregate)`.

        Both return the new aggregate; None takes the key away, and behind it `initializer` begins
        anew. `value` is the aggregate's serde.
        """
        begin = Function.of(initializer, (), what="the initializer")
        add = Function.of(adder, ADDED, what="the adder")
        take = Function.of(subtractor, ADDED, what="the subtractor")

        def made(store: str, send_old: bool) -> Operator:
            return plan.TableAggregate(store, begin, add, take, send_old)

        serde = serde_of(value, store=store)
        return self._aggregated("KTABLE-AGGREGATE-", made, store, serde, name)

    def _aggregated(
        self,
        prefix: str,
        made: Any,
        store: object,
        value: Serde | None,
        name: str | None,
    ) -> KTable[K, Any]:
        building = self._building
        kept = Materialized.of(building, store, "KTABLE-AGGREGATE-", key=self._key, value=value)
        kept.key_value(building)
        sink = building.name(name, "KSTREAM-SINK-", "-sink")
        source = building.name(name, "KSTREAM-SOURCE-", "-source")
        label = building.name(name, prefix)
        topic = (self._topic if self._topic is not None else str(kept.name)) + REPARTITION
        if self._topic is None and not kept.queryable:
            building.implicit.append(topic)
        if self._repartition is None or self._topic is None:
            self._repartition = ChangesNode(
                source, sink=sink, topic=checked_name(topic), key=self._key, value=self._value
            )
        building.graph.add(self._node, self._repartition)
        table = KeptTable(lambda: kept.key_value(building), made)
        node = ProcessorNode(
            label, versioned=kept.is_versioned, operator=table.operator, stores=table.stores
        )
        building.graph.add(self._repartition, node)
        sources = frozenset((source,))
        return KTable(building, label, node, sources, kept.spec.key, kept.spec.value, table)
