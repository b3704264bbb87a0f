"""What the builder shares while a topology grows: names, the graph, what must go together.

Names are Kafka's: a prefix and a counter of ten digits that every generated name moves, wherever it
is used; an explicit name moves it or not exactly as in Kafka, so that a topology that is described
in Python has the internal topics of its twin in Java.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ottla.streams.builder.graph import Graph, RepartitionNode
from ottla.streams.builder.specs import SEGMENT_MIN_MS, StoreSpec, checked_name, spec_of
from ottla.streams.errors import TopologyError
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.serdes import Serde

if TYPE_CHECKING:
    from ottla.streams.builder.cogrouped import CogroupedKStream
    from ottla.streams.builder.foreign_key import ForeignKeyJoin
    from ottla.streams.builder.grouped import KGroupedStream
    from ottla.streams.builder.grouped_table import KGroupedTable
    from ottla.streams.builder.stream import KStream
    from ottla.streams.builder.table import KTable
    from ottla.streams.plan.operators import JoinKind

GENERATED = re.compile(r"KSTREAM.*-[0-9]{10}")
REPARTITION = "-repartition"


@dataclass(frozen=True, slots=True)
class Kinds:
    """What makes each kind. A stream gives tables and a table gives streams, and so on round, so
    that they get each other from here and no file needs another that needs it.
    """

    table: type[KTable[Any, Any]]
    grouped_stream: type[KGroupedStream[Any, Any]]
    grouped_table: type[KGroupedTable[Any, Any]]
    cogrouped: type[CogroupedKStream[Any, Any]]
    foreign_key_join: type[ForeignKeyJoin]
    #: A stream with a stream, a table or a global table; what `join` was given, by name.
    join: Callable[[KStream[Any, Any], JoinKind, dict[str, Any]], KStream[Any, Any]]


@dataclass(eq=False)
class Building:
    """One topology on its way."""

    kinds: Kinds
    graph: Graph = field(default_factory=Graph)
    #: Sets of source nodes whose topics must have as many partitions as each other.
    copartitioned: list[set[str]] = field(default_factory=list)
    #: What has a generated name although it lives in Kafka: for `explicit_names`.
    implicit: list[str] = field(default_factory=list)
    #: Names of stores that are versioned.
    versioned: set[str] = field(default_factory=set)
    key: Serde | None = None
    value: Serde | None = None
    in_memory: bool = False
    with_headers: bool = False
    _index: int = 0
    _shared: list[Store] = field(default_factory=list)
    done: bool = False

    # ------------------------------------------------------------ names
    def new_name(self, prefix: str) -> str:
        if self.done:
            raise TopologyError(
                "the topology was built and cannot grow any more",
                hint="make all operators before build(), describe() or a test",
            )
        name = f"{prefix}{self._index:010d}"
        self._index += 1
        return name

    def new_store_name(self, prefix: str) -> str:
        return self.new_name(f"{prefix}STATE-STORE-")

    def name(self, given: str | None, prefix: str, suffix: str = "") -> str:
        """The given name and suffix, or a generated one. Either moves the counter, as in Kafka."""
        generated = self.new_name(prefix)
        return generated if given is None else checked_name(checked_name(given) + suffix)

    def shared(self, rows: Iterable[Store]) -> list[Store]:
        """Rows of stores that users add: equal ones are one store, wherever they are said."""
        found = []
        for row in rows:
            known = [other for other in self._shared if other == row]
            if not known:
                self._shared.append(row)
            found.append(known[0] if known else row)
        return found

    def check_mine(self, other: Building, what: str) -> None:
        """Refuse to tie what belongs to another application."""
        if other is not self:
            raise TopologyError(
                f"{what} ties streams and tables of two applications",
                hint="make both of the same Streams(…); a topic leads from one to another",
            )

    def copartition(self, *sources: frozenset[str]) -> frozenset[str]:
        """These source nodes read topics with as many partitions; all of them together."""
        together = frozenset().union(*sources)
        self.copartitioned.append(set(together))
        return together

    def replaced_source(self, old: str, new: str) -> None:
        for group in self.copartitioned:
            if old in group:
                group.remove(old)
                group.add(new)

    # ------------------------------------------------------------ repartitions
    def repartition(
        self,
        prefix: str,
        key: Serde | None,
        value: Serde | None,
        *,
        named: bool,
        mergeable: bool = True,
        partitioner: Any = None,
        partitions: int | None = None,
    ) -> RepartitionNode:
        """A repartition topic `PREFIX-repartition` with the nodes around it."""
        prefix = checked_name(prefix)
        topic = checked_name(prefix if prefix.endswith(REPARTITION) else prefix + REPARTITION)
        if not named:
            self.implicit.append(topic)
        sink = self.new_name("KSTREAM-SINK-")
        filter_ = self.new_name("KSTREAM-FILTER-")
        source = self.new_name("KSTREAM-SOURCE-")
        if not GENERATED.fullmatch(prefix):
            sink, source, filter_ = f"{topic}-sink", f"{topic}-source", f"{topic}-filter"
        return RepartitionNode(
            source, filter=filter_, sink=sink, topic=topic, key=key, value=value,
            partitioner=partitioner, partitions=partitions, mergeable=mergeable,
        )  # fmt: skip

    def merged_repartition(self, topic: str, nodes: Iterable[RepartitionNode]) -> RepartitionNode:
        """One repartition in place of several: the first serdes that any of them has."""
        every = list(nodes)
        key = next((node.key for node in every if node.key is not None), None)
        value = next((node.value for node in every if node.value is not None), None)
        return self.repartition(topic, key, value, named=True)


@dataclass(eq=False)
class Materialized:
    """What an operator keeps: the user's spec, and the name that it has or was generated."""

    spec: StoreSpec
    name: str | None
    #: The user gave it a name, so it may be asked from outside.
    queryable: bool
    #: The one row that stands for the store: another row is another store, even if it is equal.
    row: Store | None = None

    @classmethod
    def of(
        cls, building: Building, given: object, prefix: str | None, *, key: Serde | None = None,
        value: Serde | None = None,
    ) -> Materialized:  # fmt: skip
        """From `store=`; without a prefix no name is generated."""
        spec = spec_of(given) or StoreSpec()
        spec = replace(spec, key=spec.key or key, value=spec.value or value)
        name, queryable = spec.name, spec.name is not None
        if name is None and prefix is not None:
            name = building.new_store_name(prefix)
            building.implicit.append(name)
        if spec.kind is StoreKind.VERSIONED and name is not None:
            building.versioned.add(name)
        return cls(spec, name, queryable)

    @property
    def is_versioned(self) -> bool:
        return self.spec.kind is StoreKind.VERSIONED

    def _in_memory(self, building: Building) -> bool:
        given = self.spec.in_memory
        if given is None:  # who names the very store means it, whatever others are
            return building.in_memory and not self.spec.is_supplier
        return given

    def _row(self, building: Building, kind: StoreKind, **more: Any) -> Store:
        assert self.name is not None
        spec = self.spec
        in_memory = self._in_memory(building)
        return self._once(
            Store(
                self.name,
                kind,
                spec.key,
                spec.value,
                persistent=not in_memory,
                logged=spec.logged,
                topic_configs=dict(spec.configs),
                **more,
            )
        )

    def _with_headers(self, building: Building) -> bool:
        """Whether it keeps headers: of what operators choose, Kafka's do on disk alone."""
        spec = self.spec
        chosen = building.with_headers and not (spec.is_supplier or self._in_memory(building))
        return chosen or spec.with_headers

    def _once(self, row: Store) -> Store:
        if self.row is None:
            self.row = row
        return self.row

    def key_value(self, building: Building) -> Store:
        """The store of a table that is not windowed."""
        spec = self.spec
        if spec.kind in (StoreKind.WINDOW, StoreKind.SESSION):
            raise TopologyError(
                f"the store {self.name} is one of windows, and its operator has none",
                hint="use key_value(…) here, or group into windows with windowed_by(…) first",
            )
        if spec.kind is StoreKind.VERSIONED:
            return self._once(replace(spec.row(), key=spec.key, value=spec.value))
        if spec.kind is StoreKind.LRU:
            return self._once(replace(spec.row(), timestamped=True))
        headers = self._with_headers(building)
        return self._row(
            building, StoreKind.KEY_VALUE, timestamped=True, with_headers=headers,
            times_lost=spec.plain and not self._in_memory(building),
        )  # fmt: skip

    def windows(self, building: Building, size_ms: int, least_ms: int) -> Store:
        """The store of windows of this size; it keeps them for `least_ms` or longer."""
        spec = self.spec
        if spec.kind not in (None, StoreKind.WINDOW):
            raise TopologyError(
                f"the store {self.name} is no store of windows, which its operator needs",
                hint=f'store="{self.name}", or store=window_store("{self.name}", …)',
            )
        if spec.duplicates:
            raise TopologyError(
                f"the store {self.name} keeps every record of a window, and its operator one value",
                hint="leave duplicates= out; it is for joins of streams",
            )
        if spec.size_ms not in (None, size_ms):
            raise TopologyError(
                f"the store {self.name} is of windows of {spec.size_ms} ms, and its operator's are "
                f"of {size_ms} ms",
                hint="leave size= out",
            )
        retention = self._retention(least_ms)
        headers = self._with_headers(building)
        return self._row(
            building, StoreKind.WINDOW, timestamped=True, with_headers=headers,
            retention_ms=retention, window_size_ms=size_ms,
            segment_interval_ms=spec.segment_ms or max(retention // 2, SEGMENT_MIN_MS),
        )  # fmt: skip

    def sessions(self, building: Building, least_ms: int) -> Store:
        spec = self.spec
        if spec.kind not in (None, StoreKind.SESSION):
            raise TopologyError(
                f"the store {self.name} is no store of sessions, which its operator needs",
                hint=f'store="{self.name}", or store=session_store("{self.name}", …)',
            )
        retention = self._retention(least_ms)
        headers = self._with_headers(building)
        return self._row(
            building, StoreKind.SESSION, with_headers=headers, retention_ms=retention,
            segment_interval_ms=max(retention // 2, SEGMENT_MIN_MS),
        )  # fmt: skip

    def _retention(self, least_ms: int) -> int:
        retention = self.spec.retention_ms
        if retention is None:
            return least_ms
        if retention < least_ms:
            raise TopologyError(
                f"the store {self.name} keeps windows for {retention} ms, and its operator needs "
                f"them for {least_ms} ms",
                hint="retention= is at least the size and the grace of its windows",
            )
        return retention
