"""An application: topics as streams and tables, operators, and the topology that they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Unpack

from ottla.streams.builder.application import Application, Told, checked_reset
from ottla.streams.builder.building import Building, Kinds, Materialized
from ottla.streams.builder.cogrouped import CogroupedKStream
from ottla.streams.builder.foreign_key import ForeignKeyJoin
from ottla.streams.builder.graph import GlobalStoreNode, SourceNode, StoreNode, TableSourceNode
from ottla.streams.builder.grouped import KGroupedStream
from ottla.streams.builder.grouped_table import KGroupedTable
from ottla.streams.builder.joins import join
from ottla.streams.builder.optimisation import optimise, switches
from ottla.streams.builder.signatures import Kept, SerdeOf
from ottla.streams.builder.specs import (
    StoreSpec,
    checked_topic,
    kinded,
    spec_of,
)
from ottla.streams.builder.stream import KStream, serde_of
from ottla.streams.builder.suppliers import check_supplier
from ottla.streams.builder.table import GlobalKTable, KTable
from ottla.streams.builder.tables import SourceTable
from ottla.streams.builder.writer import Writer
from ottla.streams.durations import Duration
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.stores import StoreKind
from ottla.streams.plan.topology import Topology
from ottla.streams.processors import Processor
from ottla.streams.variables import K, V

KINDS = Kinds(KTable, KGroupedStream, KGroupedTable, CogroupedKStream, ForeignKeyJoin, join)


class Streams(Application):
    """A stream application: describe it here, run it in a `TopologyTest`.

    `optimization` is "all", "none" or some of Kafka's switches; what all applications are told says
    `Application`. `emit_interval` is how often at most, by the wall clock, closed windows are
    looked for, of `emit("on_window_close")` and of left and outer joins of streams; a test, whose
    wall clock stands still, takes 0.

    >>> app = Streams("shop", key=str, value=dict)
    >>> large = app.stream("orders").filter(col("price") >= 10)
    >>> large.group_by_key().count(store="large-orders").to_stream().to("counts", value=int)
    """

    def __init__(
        self,
        app_id: str,
        *,
        key: object = None,
        value: object = None,
        optimization: str | Iterable[str] | None = None,
        store_format: str = "default",
        in_memory: bool = False,
        emit_interval: Duration = 1000,
        explicit_names: bool = False,
        **told: Unpack[Told],
    ) -> None:
        super().__init__(app_id, key=key, value=value, emit_interval=emit_interval, **told)
        self._on = switches(optimization)
        if store_format not in ("default", "headers"):
            raise TopologyError(
                f"there is no store format {store_format!r}", hint='take "default" or "headers"'
            )
        self._building = Building(
            KINDS, key=self._key, value=self._value, in_memory=in_memory,
            with_headers=store_format == "headers",
        )  # fmt: skip
        self._explicit_names = explicit_names

    # ------------------------------------------------------------ topics
    def stream(
        self,
        *topics: str | re.Pattern[str],
        key: SerdeOf[K] = None,
        value: SerdeOf[V] = None,
        timestamp: Callable[..., int] | None = None,
        reset: str | None = None,
        name: str | None = None,
    ) -> KStream[K, V]:
        """One topic, several, or all that match a pattern, as a stream.

        `timestamp` is a function of (topic, partition, offset, timestamp, key, value, headers,
        partition_time) that gives a record's time in ms; a negative one leaves the record out.
        """
        names = [topic for topic in topics if isinstance(topic, str)]
        patterns = [topic for topic in topics if isinstance(topic, re.Pattern)]
        if len(names) + len(patterns) != len(topics) or not topics:
            raise TopologyError(
                f"stream reads topics, not {', '.join(map(repr, topics)) or 'nothing'}",
                hint='app.stream("orders"), or app.stream(re.compile("orders-.*"))',
            )
        for topic in names:
            checked_topic(topic)
        if patterns and len(topics) > 1:
            raise TopologyError("a pattern stands alone", hint="give one pattern, or names")
        name = self._building.name(name, "KSTREAM-SOURCE-")
        key_serde, value_serde = serde_of(key), serde_of(value)
        node = SourceNode(
            name, topics=tuple(dict.fromkeys(names)), pattern=patterns[0] if patterns else None,
            key=key_serde, value=value_serde, timestamp=timestamp, reset=checked_reset(reset),
        )  # fmt: skip
        self._building.graph.add(self._building.graph.root, node)
        sources = frozenset((name,))
        value_serde = value_serde or self._value
        return KStream(self._building, name, node, sources, key_serde, value_serde)

    def table(
        self,
        topic: str,
        *,
        key: SerdeOf[K] = None,
        value: SerdeOf[V] = None,
        store: Kept = None,
        timestamp: Callable[..., int] | None = None,
        reset: str | None = None,
        name: str | None = None,
    ) -> KTable[K, V]:
        """A topic as a table: the last value of each key. Null values take rows away."""
        building, topic = self._building, checked_topic(topic)
        kept = Materialized.of(
            building,
            store,
            f"{topic}-",
            key=serde_of(key),
            value=serde_of(value),
        )
        given = name
        source = building.name(given, "KSTREAM-SOURCE-", "-source")
        name = building.name(given, "KTABLE-SOURCE-")
        table = SourceTable(lambda: kept.key_value(building), is_kept=kept.queryable)
        kept.key_value(building)
        node = TableSourceNode(
            name, versioned=kept.is_versioned, source=source, topic=topic, key=kept.spec.key,
            value=kept.spec.value, timestamp=timestamp, reset=checked_reset(reset),
            operator=table.operator, store=table.store,
        )  # fmt: skip
        building.graph.add(building.graph.root, node)
        sources = frozenset((source,))
        value_serde = kept.spec.value or self._value
        return KTable(building, name, node, sources, kept.spec.key, value_serde, table)

    def global_table(
        self,
        topic: str,
        *,
        key: SerdeOf[K] = None,
        value: SerdeOf[V] = None,
        store: Kept = None,
        timestamp: Callable[..., int] | None = None,
        name: str | None = None,
    ) -> GlobalKTable[K, V]:
        """A topic as a table that every task has whole."""
        building, topic = self._building, checked_topic(topic)
        kept = Materialized.of(
            building,
            store,
            f"{topic}-",
            key=serde_of(key),
            value=serde_of(value),
        )
        if kept.is_versioned:
            raise TopologyError(
                "a global table cannot be versioned", hint="give a name, or key_value(…)"
            )
        given = name
        source = building.name(given, "KSTREAM-SOURCE-", "-source")
        name = building.name(given, "KTABLE-SOURCE-")
        table = SourceTable(lambda: kept.key_value(building), is_kept=True)
        node = TableSourceNode(
            name, source=source, topic=topic, key=kept.spec.key, value=kept.spec.value,
            timestamp=timestamp, operator=table.operator, store=table.store, is_global=True,
        )  # fmt: skip
        building.graph.add(building.graph.root, node)
        return GlobalKTable(building, str(kept.name), kept.spec.key, kept.spec.value)

    # ------------------------------------------------------------ stores for processors
    def add_store(self, spec: StoreSpec | str) -> str:
        """A store that processors may name; its name comes back."""
        row = kinded(spec_of(spec) or StoreSpec()).row()
        (row,) = self._building.shared([row])
        self._building.graph.add(self._building.graph.root, StoreNode(row.name, store=lambda: row))
        if row.kind is StoreKind.VERSIONED:
            self._building.versioned.add(row.name)
        return row.name

    def add_global_store(
        self,
        spec: StoreSpec | str,
        topic: str,
        supplier: Callable[[], Processor[K, V]],
        *,
        key: SerdeOf[K] = None,
        value: SerdeOf[V] = None,
        timestamp: Callable[..., int] | None = None,
        name: str | None = None,
    ) -> str:
        """A store that every task has whole, filled from a topic by a processor of yours."""
        check_supplier(supplier, "add_global_store")
        row = kinded(spec_of(spec) or StoreSpec()).row()
        building, topic = self._building, checked_topic(topic)
        source = building.name(name, "KSTREAM-SOURCE-", "-source")
        processor = building.name(name, "KTABLE-SOURCE-")
        operator = plan.Process(supplier)
        node = GlobalStoreNode(
            row.name, source=source, topic=topic, key=serde_of(key), value=serde_of(value),
            timestamp=timestamp, processor=processor, operator=lambda: operator,
            store=lambda: row,
        )  # fmt: skip
        building.graph.add(building.graph.root, node)
        return row.name

    # ------------------------------------------------------------ what it makes
    def _built(self) -> Topology:
        building = self._building
        try:
            optimise(
                building.graph, self._on, building.merged_repartition, building.replaced_source
            )
        finally:
            building.done = True
        writer = Writer(building.key, building.value)
        building.graph.write(writer)
        writer.copartitioned = building.copartitioned
        topology = writer.topology()
        if not topology.sources:
            raise TopologyError(
                "the topology reads no topic", hint='begin with app.stream("topic")'
            )
        if self._explicit_names and building.implicit:
            raise TopologyError(
                f"these have generated names: {', '.join(building.implicit)}",
                hint="give store= and name= to their operators, or leave explicit_names out",
            )
        return topology
