"""A stream: records that stand each for itself. Kafka's KStream in Python's habits.

A function's number of parameters says what it is called with: `lambda value:` or `lambda key,
value:`. Every operator takes `name=` for its node, as Kafka's `Named` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, overload

from ottla.streams.builder.building import Building, Materialized
from ottla.streams.builder.graph import GraphNode, ProcessorNode, SinkNode
from ottla.streams.builder.joining import Joining
from ottla.streams.builder.signatures import (
    AskedOfRecord,
    AskedOfValue,
    Kept,
    ManyOfRecord,
    ManyOfValue,
    OfRecord,
    OfValue,
    PairOfRecord,
    PairOfValue,
    PairsOfRecord,
    PairsOfValue,
    SerdeOf,
    TopicOf,
)
from ottla.streams.builder.specs import StoreSpec, checked_name, checked_topic, shown
from ottla.streams.builder.split import Split
from ottla.streams.builder.suppliers import check_supplier, stores_of
from ottla.streams.builder.tables import SourceTable
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.callables import check_plain
from ottla.streams.plan.functions import Function
from ottla.streams.processors import FixedKeyProcessor, Processor
from ottla.streams.serdes import Serde, serde_for
from ottla.streams.variables import K2, V2, K, R, V

if TYPE_CHECKING:
    from ottla.streams.builder.grouped import KGroupedStream
    from ottla.streams.builder.table import KTable


def serde_of(
    given: object, otherwise: Serde | None = None, *, store: object = None
) -> Serde | None:
    """What `key=` or `value=` says; of a `value=` beside a `store=`, that the two agree."""
    if given is None:
        return otherwise
    serde = serde_for(given)
    if isinstance(store, StoreSpec) and store.value not in (None, serde):
        raise TopologyError(
            f"the store {store.name} would keep its values as {store.value!r}, "
            f"and its operator was given {serde!r}",
            hint="say value= once",
        )
    return serde


class KStream(Joining[K, V]):
    """A stream of records. Made by `Streams.stream` and by operators, never by hand."""

    words = "a stream"

    def __init__(
        self,
        building: Building,
        name: str,
        node: GraphNode,
        sources: frozenset[str],
        key: Serde | None,
        value: Serde | None,
        *,
        rekeyed: bool = False,
    ) -> None:
        self._building = building
        self._name = name
        self._node = node
        self._sources = sources
        self._key = key
        self._value = value
        #: Its key may have changed: whatever groups or joins by key goes through a topic first.
        self._rekeyed = rekeyed
        self._repartitioned: GraphNode | None = None

    def __repr__(self) -> str:
        return f"<KStream {self._name}>"

    def __iter__(self) -> Any:
        raise TypeError(
            "a stream cannot be iterated: it is a plan; take a TopologyTest to see records"
        )

    # ------------------------------------------------------------ record by record
    def _then(
        self,
        prefix: str,
        name: str | None,
        operator: plan.Operator,
        *,
        key: Serde | None,
        value: Serde | None,
        changes_key: bool = False,
        changes_value: bool = False,
    ) -> KStream[Any, Any]:
        name = self._building.name(name, prefix)
        node = ProcessorNode(
            name,
            changes_key=changes_key,
            changes_value=changes_value,
            operator=lambda: operator,
        )
        self._building.graph.add(self._node, node)
        return self._derived(name, node, key, value, rekeyed=changes_key or self._rekeyed)

    def _derived(
        self, name: str, node: GraphNode, key: Serde | None, value: Serde | None, *, rekeyed: bool
    ) -> KStream[Any, Any]:
        return KStream(self._building, name, node, self._sources, key, value, rekeyed=rekeyed)

    def _same(self, prefix: str, name: str | None, operator: plan.Operator) -> KStream[K, V]:
        return self._then(prefix, name, operator, key=self._key, value=self._value)

    @overload
    def filter(self, predicate: AskedOfValue[V], *, name: str | None = None) -> KStream[K, V]: ...

    @overload
    def filter(
        self, predicate: AskedOfRecord[K, V], *, name: str | None = None
    ) -> KStream[K, V]: ...  # fmt: skip

    def filter(self, predicate: Any, *, name: str | None = None) -> KStream[K, V]:
        """Records for which the predicate is true; it is also asked about null values.

        >>> app.stream("orders", key=str, value=dict).filter(col("price") >= 10).to("large")
        """
        function = Function.of_record(predicate, what="filter", values=self._value)
        return self._same("KSTREAM-FILTER-", name, plan.Filter(function))

    @overload
    def filter_not(
        self, predicate: AskedOfValue[V], *, name: str | None = None
    ) -> KStream[K, V]: ...  # fmt: skip

    @overload
    def filter_not(
        self, predicate: AskedOfRecord[K, V], *, name: str | None = None
    ) -> KStream[K, V]: ...  # fmt: skip

    def filter_not(self, predicate: Any, *, name: str | None = None) -> KStream[K, V]:
        """Records for which the predicate is not true."""
        function = Function.of_record(predicate, what="filter_not", values=self._value)
        return self._same("KSTREAM-FILTER-", name, plan.Filter(function, negate=True))

    @overload
    def map(
        self,
        mapper: PairOfValue[V, K2, V2],
        *,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K2, V2]: ...

    @overload
    def map(
        self,
        mapper: PairOfRecord[K, V, K2, V2],
        *,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K2, V2]: ...

    def map(
        self, mapper: Any, *, key: object = None, value: object = None, name: str | None = None
    ) -> KStream[Any, Any]:
        """A new (key, value) for each record. Grouping and joining after it go through a topic."""
        function = Function.of_record(mapper, what="map", values=self._value)
        return self._then(
            "KSTREAM-MAP-", name, plan.Map(function), key=serde_of(key), value=serde_of(value),
            changes_key=True,
        )  # fmt: skip

    @overload
    def map_values(
        self, mapper: OfValue[V, V2], *, value: SerdeOf[V2] = None, name: str | None = None
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def map_values(
        self, mapper: OfRecord[K, V, V2], *, value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K, V2]: ...  # fmt: skip

    def map_values(
        self, mapper: Any, *, value: object = None, name: str | None = None
    ) -> KStream[K, Any]:
        """A new value for each record; the key stays."""
        function = Function.of_record(mapper, what="map_values", values=self._value)
        return self._then(
            "KSTREAM-MAPVALUES-", name, plan.MapValues(function), key=self._key,
            value=serde_of(value), changes_value=True,
        )  # fmt: skip

    @overload
    def flat_map(
        self,
        mapper: PairsOfValue[V, K2, V2],
        *,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K2, V2]: ...

    @overload
    def flat_map(
        self,
        mapper: PairsOfRecord[K, V, K2, V2],
        *,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K2, V2]: ...

    def flat_map(
        self, mapper: Any, *, key: object = None, value: object = None, name: str | None = None
    ) -> KStream[Any, Any]:
        """No, one or several (key, value) for each record."""
        function = Function.of_record(mapper, what="flat_map", values=self._value)
        return self._then(
            "KSTREAM-FLATMAP-", name, plan.FlatMap(function), key=serde_of(key),
            value=serde_of(value), changes_key=True,
        )  # fmt: skip

    @overload
    def flat_map_values(
        self, mapper: ManyOfValue[V, V2], *, value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def flat_map_values(
        self, mapper: ManyOfRecord[K, V, V2], *, value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K, V2]: ...  # fmt: skip

    def flat_map_values(
        self, mapper: Any, *, value: object = None, name: str | None = None
    ) -> KStream[K, Any]:
        """No, one or several values for each record, all under its key."""
        function = Function.of_record(mapper, what="flat_map_values", values=self._value)
        return self._then(
            "KSTREAM-FLATMAPVALUES-", name, plan.FlatMapValues(function), key=self._key,
            value=serde_of(value), changes_value=True,
        )  # fmt: skip

    @overload
    def select_key(
        self, selector: OfValue[V, K2], *, key: SerdeOf[K2] = None, name: str | None = None
    ) -> KStream[K2, V]: ...  # fmt: skip

    @overload
    def select_key(
        self, selector: OfRecord[K, V, K2], *, key: SerdeOf[K2] = None,
        name: str | None = None,
    ) -> KStream[K2, V]: ...  # fmt: skip

    def select_key(
        self, selector: Any, *, key: object = None, name: str | None = None
    ) -> KStream[Any, V]:
        """A new key for each record."""
        function = Function.of_record(selector, what="select_key", values=self._value)
        return self._then(
            "KSTREAM-KEY-SELECT-", name, plan.SelectKey(function), key=serde_of(key),
            value=self._value, changes_key=True,
        )  # fmt: skip

    @overload
    def peek(self, action: AskedOfValue[V], *, name: str | None = None) -> KStream[K, V]: ...

    @overload
    def peek(self, action: AskedOfRecord[K, V], *, name: str | None = None) -> KStream[K, V]: ...

    def peek(self, action: Any, *, name: str | None = None) -> KStream[K, V]:
        """Call a function on each record, which goes on as it is."""
        function = Function.of_record(action, what="peek", values=self._value)
        return self._same("KSTREAM-PEEK-", name, plan.Peek(function))

    @overload
    def foreach(self, action: Callable[[V], R], *, name: str | None = None) -> Callable[[V], R]: ...

    @overload
    def foreach(
        self, action: Callable[[K, V], R], *, name: str | None = None
    ) -> Callable[[K, V], R]: ...  # fmt: skip

    def foreach(self, action: Any, *, name: str | None = None) -> Any:
        """Call a function on each record; the stream ends there. Also a decorator."""
        function = Function.of_record(action, what="foreach", values=self._value)
        self._same("KSTREAM-FOREACH-", name, plan.Peek(function))
        return action

    def print(
        self,
        *,
        label: str | None = None,
        mapper: Callable[[K, V], str] | None = None,
        file: TextIO | None = None,
        name: str | None = None,
    ) -> None:
        """Print each record as `[label]: key, value`, to standard output or a file."""
        label = self._name if label is None else label
        check_plain(mapper, "mapper= of print")

        def action(key: K, value: V) -> None:
            shown = (
                f"{_java_text(key)}, {_java_text(value)}" if mapper is None else mapper(key, value)
            )
            print(f"[{label}]: {shown}", file=file)

        self._same(
            "KSTREAM-PRINTER-",
            name,
            plan.Peek(Function.of_record(action, what="print")),
        )

    def merge(self, other: KStream[K, V], *, name: str | None = None) -> KStream[K, V]:
        """Records of both streams, in no order between them."""
        _check(other, KStream, "merge")
        self._building.check_mine(other._building, "merge")
        name = self._building.name(name, "KSTREAM-MERGE-")
        node = ProcessorNode(name, is_merge=True)
        self._building.graph.add((self._node, other._node), node)
        return KStream(
            self._building, name, node, self._sources | other._sources,
            self._key if self._key == other._key else None,
            self._value if self._value == other._value else None,
            rekeyed=self._rekeyed or other._rekeyed,
        )  # fmt: skip

    def split(self, *, name: str | None = None) -> Split[K, V, KStream[K, V]]:
        """Branches: a record goes to the first whose predicate is true.

        >>> parts = orders.split(name="by-size-").branch(large, name="large").default(name="small")
        >>> parts["by-size-large"].to("large")
        """
        return Split(self, name)

    # ------------------------------------------------------------ out, and through topics
    def to(
        self,
        topic: str | TopicOf[K, V],
        *,
        key: SerdeOf[K] = None,
        value: SerdeOf[V] = None,
        partitioner: Any = None,
        name: str | None = None,
    ) -> None:
        """Write each record to a topic, or to the one that `topic(key, value, context)` or an
        expression names.
        """
        name = self._building.name(name, "KSTREAM-SINK-")
        fixed = checked_topic(topic) if isinstance(topic, str) else None
        offered = ("key", "value", "context")
        extractor = None
        if fixed is None:
            extractor = Function.of_record(topic, offered, what="to", values=self._value)
        node = SinkNode(
            name, topic=fixed, extractor=extractor, key=serde_of(key, self._key),
            value=serde_of(value, self._value), partitioner=partitioner,
        )  # fmt: skip
        self._building.graph.add(self._node, node)

    def repartition(
        self,
        *,
        key: SerdeOf[K] = None,
        value: SerdeOf[V] = None,
        partitions: int | None = None,
        partitioner: Any = None,
        name: str | None = None,
    ) -> KStream[K, V]:
        """Write the stream to a topic and read it back, so that equal keys come together."""
        building = self._building
        if partitions is not None and not (isinstance(partitions, int) and partitions >= 1):
            raise TopologyError(
                f"a topic cannot have {shown(partitions)} partitions",
                hint="give a number, 1 or more",
            )
        prefix = building.new_name("KSTREAM-REPARTITION-") if name is None else checked_name(name)
        key_serde, value_serde = serde_of(key, self._key), serde_of(value, self._value)
        node = building.repartition(
            prefix, key_serde, value_serde, named=name is not None, mergeable=False,
            partitioner=partitioner, partitions=partitions,
        )  # fmt: skip
        building.graph.add(self._node, node)
        sources = frozenset((node.name,))
        return KStream(building, node.name, node, sources, key_serde, value_serde)

    def to_table(
        self,
        *,
        store: Kept = None,
        key: SerdeOf[K] = None,
        value: SerdeOf[V] = None,
        name: str | None = None,
    ) -> KTable[K, V]:
        """The last value of each key, as a table."""
        building = self._building
        given = name
        name = building.name(given, "KSTREAM-TOTABLE-")
        kept = Materialized.of(
            building, store, "KSTREAM-TOTABLE-", key=serde_of(key, self._key),
            value=serde_of(value, self._value, store=store),
        )  # fmt: skip
        parent, sources = self._node, self._sources
        if self._rekeyed:
            node = building.repartition(
                name, kept.spec.key, kept.spec.value, named=given is not None
            )
            building.graph.add(parent, node)
            parent, sources = node, frozenset((node.name,))
        table = SourceTable(lambda: kept.key_value(building), is_kept=kept.queryable)
        made = ProcessorNode(
            name, versioned=kept.is_versioned, operator=table.operator, stores=table.stores
        )
        building.graph.add(parent, made)
        return building.kinds.table(
            building, name, made, sources, kept.spec.key, kept.spec.value, table
        )

    # ------------------------------------------------------------ groups
    def group_by_key(
        self,
        *,
        key: SerdeOf[K] = None,
        value: SerdeOf[V] = None,
        name: str | None = None,
    ) -> KGroupedStream[K, V]:
        """Group by the key that records have. `name` is the repartition topic's, if any."""
        return self._building.kinds.grouped_stream(
            self, self._name, self._node, serde_of(key, self._key), serde_of(value, self._value),
            name, rekeyed=self._rekeyed,
        )  # fmt: skip

    @overload
    def group_by(
        self,
        selector: OfValue[V, K2],
        *,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V] = None,
        name: str | None = None,
    ) -> KGroupedStream[K2, V]: ...

    @overload
    def group_by(
        self,
        selector: OfRecord[K, V, K2],
        *,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V] = None,
        name: str | None = None,
    ) -> KGroupedStream[K2, V]: ...

    def group_by(
        self, selector: Any, *, key: object = None, value: object = None, name: str | None = None
    ) -> KGroupedStream[Any, V]:
        """Group by what the function gives; through a repartition topic."""
        function = Function.of_record(selector, what="group_by", values=self._value)
        selected = self._then(
            "KSTREAM-KEY-SELECT-", name, plan.SelectKey(function), key=serde_of(key),
            value=self._value, changes_key=True,
        )  # fmt: skip
        return self._building.kinds.grouped_stream(
            selected, selected._name, selected._node, serde_of(key),
            serde_of(value, self._value), name, rekeyed=True,
        )  # fmt: skip

    # ------------------------------------------------------------ processors
    def process(
        self,
        supplier: Callable[[], Processor[K, V, K2, V2]],
        *stores: str,
        key: SerdeOf[K2] = None,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K2, V2]:
        """Records through a `Processor` of yours, which may change keys.

        `supplier` is its class or a function without parameters that makes one; `stores` are names
        of stores that it may reach. A supplier with a method `stores()` brings specs of its own.
        """
        return self._processed(
            "KSTREAM-PROCESSOR-", supplier, stores, name, serde_of(key), serde_of(value), False
        )

    def process_values(
        self,
        supplier: Callable[[], FixedKeyProcessor[K, V, V2]],
        *stores: str,
        value: SerdeOf[V2] = None,
        name: str | None = None,
    ) -> KStream[K, V2]:
        """Records through a `FixedKeyProcessor` of yours: the key stays."""
        return self._processed(
            "KSTREAM-PROCESSVALUES-", supplier, stores, name, self._key, serde_of(value), True
        )

    def _processed(
        self,
        prefix: str,
        supplier: Callable[[], Any],
        stores: tuple[str, ...],
        name: str | None,
        key: Serde | None,
        value: Serde | None,
        fixed: bool,
    ) -> KStream[Any, Any]:
        check_supplier(supplier, "process_values" if fixed else "process", stores)
        name = self._building.new_name(prefix) if name is None else checked_name(name)
        operator = plan.Process(supplier, fixed_key=fixed)
        node = ProcessorNode(
            name, operator=lambda: operator, connected=lambda: stores,
            stores=lambda: self._building.shared(stores_of(supplier)),
        )  # fmt: skip
        self._building.graph.add(self._node, node)
        return self._derived(name, node, key, value, rekeyed=self._rekeyed or not fixed)

    # ------------------------------------------------------------ joins
    def _join(self, kind: plan.JoinKind, given: dict[str, Any]) -> KStream[Any, Any]:
        del given["self"]
        return self._building.kinds.join(self, kind, given)


def _check(given: object, kind: type, what: str) -> None:
    if not isinstance(given, kind):
        raise TopologyError(
            f"{what} takes a {kind.__name__}, not a {type(given).__name__}",
            hint="to_table() and to_stream() make one of the other",
        )


def _java_text(value: Any) -> str:
    return "null" if value is None else str(value)
