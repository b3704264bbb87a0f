"""Grouped streams and what is counted, reduced and aggregated of them, in windows or not."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, overload

from ottla.streams.builder.building import Materialized
from ottla.streams.builder.columns import ColumnSpec, columns_of
from ottla.streams.builder.graph import GraphNode, ProcessorNode, RepartitionNode
from ottla.streams.builder.kinds import Kind
from ottla.streams.builder.signatures import (
    ADDED,
    JOINED,
    REDUCED,
    Adds,
    AddsKeyed,
    Begins,
    Kept,
    Merges,
    Reduces,
    SerdeOf,
)
from ottla.streams.builder.specs import StoreSpec, spec_of
from ottla.streams.builder.stream import KStream, serde_of
from ottla.streams.builder.tables import Kept as KeptTable
from ottla.streams.builder.windows import Windows
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Aggregation, Emit, Operator
from ottla.streams.plan.stores import Store
from ottla.streams.plan.windows import SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows
from ottla.streams.serdes import JSON, LONG, Serde, Windowed, session_windowed, time_windowed
from ottla.streams.serdes.serde import INT_MAX
from ottla.streams.variables import KT, A, K, V

if TYPE_CHECKING:
    from ottla.streams.builder.cogrouped import CogroupedKStream
    from ottla.streams.builder.table import KTable


REDUCE = "KSTREAM-REDUCE-"
AGGREGATE = "KSTREAM-AGGREGATE-"


class Aggregating(Kind, Generic[K, V, KT]):
    """What all grouped streams offer. Subclasses say which operator and which store it is."""

    grouped: KGroupedStream[K, V]

    @abstractmethod
    def _kept(self, kept: Materialized) -> Store: ...

    @abstractmethod
    def _operator(self, store: str, aggregation: Aggregation, send_old: bool) -> Operator: ...

    def _table_key(self, key: Serde | None) -> Serde | None:
        return key

    @property
    def _grace_ms(self) -> int | None:
        return None

    def count(self, *, store: Kept = None, name: str | None = None) -> KTable[KT, int]:
        """How many records each key (and window) has; a table of whole numbers.

        >>> app.stream("clicks", key=str, value=str).group_by_key().count(store="clicks-by-user")
        """
        building = self.grouped._building
        if self._count_takes_a_name and store is not None and _name(store) is None:
            building.new_store_name(AGGREGATE)  # Kafka does, and never uses it
        return self._aggregated(AGGREGATE, plan.Count(), store, name, LONG)

    def reduce(
        self, reducer: Reduces[V], *, store: Kept = None, value: SerdeOf[V] = None,
        name: str | None = None,
    ) -> KTable[KT, V]:  # fmt: skip
        """`reducer(aggregate, value)`; the first value of a key stands as it is.

        The reducer returns the new aggregate; None takes the key away.
        """
        function = Function.of(reducer, REDUCED, what="reduce")
        serde = serde_of(value, self.grouped._value, store=store)
        return self._aggregated(REDUCE, plan.Reduce(function), store, name, serde)

    @overload
    def aggregate(
        self, initializer: Begins[A], adder: Adds[V, A], merger: Merges | None = None, /, *,
        store: Kept = None, value: SerdeOf[A] = None, name: str | None = None,
    ) -> KTable[KT, A]: ...  # fmt: skip

    @overload
    def aggregate(
        self, initializer: Begins[A], adder: AddsKeyed[K, V, A], merger: Merges | None = None,
        /, *, store: Kept = None, value: SerdeOf[A] = None, name: str | None = None,
    ) -> KTable[KT, A]: ...  # fmt: skip

    @overload
    def aggregate(
        self, *, store: Kept = None, value: SerdeOf[dict[str, Any]] = None,
        name: str | None = None, **columns: ColumnSpec,
    ) -> KTable[KT, dict[str, Any]]: ...  # fmt: skip

    def aggregate(  # type: ignore[misc]  # mypy: a column may be called as a function is
        self,
        initializer: Any = None,
        adder: Any = None,
        merger: Any = None,
        /,
        *,
        store: object = None,
        value: object = None,
        name: str | None = None,
        **columns: Any,
    ) -> KTable[Any, Any]:
        """`initializer()` once a key, then `adder(value, aggregate)`; the key may come first.

        The adder returns the new aggregate; None takes the key away, and the next record begins
        anew. `value` is the aggregate's serde. Sessions need `merger(left, right)` too.

        Or native columns, which need no Python while records run, and give dicts:

        >>> sales.group_by_key().aggregate(n=count(), total=sum_of(col("price")), store="sales")
        """
        aggregation = self._aggregation(initializer, adder, merger, columns)
        serde = serde_of(value, JSON if columns else None, store=store)
        return self._aggregated(AGGREGATE, aggregation, store, name, serde)

    def _aggregation(
        self, initializer: Any, adder: Any, merger: Any, columns: dict[str, ColumnSpec]
    ) -> Aggregation:
        if columns:
            if initializer is not None:
                raise TopologyError(
                    "aggregate takes functions or columns, not both",
                    hint="aggregate(dict, add), or aggregate(n=count(), total=sum_of(col('x')))",
                )
            return columns_of(columns, self.grouped._value)
        if initializer is None or adder is None:
            raise TopologyError(
                "aggregate needs to know how an aggregate begins and how a value is added",
                hint="aggregate(lambda: 0, lambda value, total: total + value, value=int)",
            )
        return fold(initializer, adder, merger, self._needs_merger)

    _needs_merger = False
    #: Kafka's count moves the counter once more for a store without a name, but not if sliding.
    _count_takes_a_name = True

    def _aggregated(
        self,
        prefix: str,
        aggregation: Aggregation,
        store: object,
        name: str | None,
        value: Serde | None,
    ) -> KTable[Any, Any]:
        grouped = self.grouped
        building = grouped._building
        kept = Materialized.of(building, store, prefix, key=grouped._key, value=value)
        name = building.name(name, prefix)
        self._kept(kept)  # what does not fit is said here, and not when the topology is built

        def made(store: str, send_old: bool) -> Operator:
            return self._operator(store, aggregation, send_old)

        table = KeptTable(lambda: self._kept(kept), made)
        node = ProcessorNode(
            name, versioned=kept.is_versioned, operator=table.operator, stores=table.stores,
            grace_ms=self._grace_ms,
        )  # fmt: skip
        return grouped._placed(name, node, table, kept, self._table_key(kept.spec.key))


def fold(initializer: Any, adder: Any, merger: Any, needs_merger: bool) -> plan.Fold:
    if needs_merger and merger is None:
        raise TopologyError(
            "sessions grow together, so aggregate needs to know how two aggregates become one",
            hint="aggregate(initializer, adder, merger) with merger(left, right)",
        )
    if merger is not None and not needs_merger:
        raise TopologyError("only sessions have a merger", hint="leave the third function out")
    return plan.Fold(
        Function.of(initializer, (), what="the initializer"),
        Function.of(adder, ADDED, what="the adder"),
        None if merger is None else Function.of(merger, JOINED, what="the merger"),
    )


def _name(given: object) -> str | None:
    spec = spec_of(given)
    return spec.name if isinstance(spec, StoreSpec) else None


class KGroupedStream(Aggregating[K, V, K]):
    """A stream by key, ready to be counted, reduced, aggregated, cut into windows or cogrouped."""

    words = "a grouped stream"

    def __init__(
        self,
        stream: KStream[Any, V],
        source: str,
        node: GraphNode,
        key: Serde | None,
        value: Serde | None,
        topic: str | None,
        *,
        rekeyed: bool,
    ) -> None:
        self._building = stream._building
        self._source = source
        self._node = node
        self._sources = stream._sources
        self._key_serde = key
        self._value = value
        #: The name that the user gave to the repartition topic.
        self._topic = topic
        self._rekeyed = rekeyed
        self._repartition: RepartitionNode | None = None
        self.grouped = self

    @property
    def _key(self) -> Any:
        return self._key_serde

    def _kept(self, kept: Materialized) -> Store:
        return kept.key_value(self._building)

    def _operator(self, store: str, aggregation: Aggregation, send_old: bool) -> Operator:
        return plan.StreamAggregate(store, aggregation, send_old)

    def windowed_by(self, windows: Windows) -> WindowedKStream[K, V]:
        """Count, reduce or aggregate in windows: `tumbling`, `hopping`, `sliding`, `session` …"""
        return WindowedKStream(self, windows)

    @overload
    def cogroup(self, adder: Adds[V, A]) -> CogroupedKStream[K, A]: ...

    @overload
    def cogroup(self, adder: AddsKeyed[K, V, A]) -> CogroupedKStream[K, A]: ...

    def cogroup(self, adder: Any) -> CogroupedKStream[K, Any]:
        """Begin an aggregate of several grouped streams; `adder` is for this one's values."""
        return self._building.kinds.cogrouped(self, adder)

    def _placed(
        self,
        name: str,
        node: ProcessorNode,
        table: KeptTable,
        kept: Materialized,
        key: Serde | None,
    ) -> KTable[Any, Any]:
        """The aggregation below the group, through a repartition topic where keys have changed."""
        building, parent, sources = self._building, self._node, self._sources
        if self._rekeyed:
            prefix = self._topic if self._topic is not None else str(kept.name)
            named = self._topic is not None or kept.queryable
            made = building.repartition(prefix, self._key_serde, self._value, named=named)
            if self._repartition is None or self._topic is None:
                self._repartition = made
            building.graph.add(parent, self._repartition)
            parent, sources = self._repartition, frozenset((made.name,))
        building.graph.add(parent, node)
        made_of = building.kinds.table
        return made_of(building, name, node, sources, key, kept.spec.value, table)


class WindowedKStream(Aggregating[K, V, Windowed[K]]):
    """A grouped stream in windows. Keys of the tables are `Windowed(key, start, end)`."""

    words = "a windowed stream"

    def __init__(
        self, grouped: KGroupedStream[K, V], windows: Windows, emit: Emit = Emit.ON_UPDATE
    ) -> None:
        self.grouped = grouped
        self._windows = windows
        self._emit = emit
        self._needs_merger = isinstance(windows, SessionWindows)
        self._count_takes_a_name = not isinstance(windows, SlidingWindows)
        check_windows(windows)

    def emit(self, when: str) -> WindowedKStream[K, V]:
        """When results are sent: `"on_window_update"` at each record, `"on_window_close"` once.

        Closed windows are looked for at most once an `emit_interval` of the wall clock, which in a
        test stands still: there, take `Streams(..., emit_interval=0)`.
        """
        try:
            emit = Emit(when)
        except ValueError:
            raise TopologyError(
                f"results cannot be emitted {when!r}",
                hint='take "on_window_update" or "on_window_close"',
            ) from None
        if emit is Emit.ON_CLOSE and isinstance(self._windows, UnlimitedWindows):
            raise TopologyError(
                "an unlimited window never closes", hint='leave emit("on_window_close") out'
            )
        return WindowedKStream(self.grouped, self._windows, emit)

    @property
    def _grace_ms(self) -> int | None:
        return grace_of(self._windows)

    def _table_key(self, key: Serde | None) -> Serde | None:
        return windowed_key(self._windows, key or self.grouped._building.key)

    def _kept(self, kept: Materialized) -> Store:
        return window_store_of(self.grouped, self._windows, kept)

    def _operator(self, store: str, aggregation: Aggregation, send_old: bool) -> Operator:
        return window_operator(self._windows, store, aggregation, self._emit, send_old)


def check_windows(windows: object) -> None:
    kinds = TimeWindows | UnlimitedWindows | SlidingWindows | SessionWindows
    if not isinstance(windows, kinds):
        raise TopologyError(
            f"windowed_by takes windows, not {windows!r}",
            hint='tumbling("1m"), hopping("5m", every="1m"), sliding("30s"), session("10s")',
        )


def grace_of(windows: Windows) -> int:
    """For suppress: how long after its end a window takes records; a session's gap counts too."""
    if isinstance(windows, SessionWindows):
        return windows.grace_ms + windows.gap_ms
    return windows.grace_ms


def windowed_key(windows: Windows, key: Serde | None) -> Serde | None:
    if key is None:
        return None
    match windows:
        case TimeWindows():
            return time_windowed(key, windows.size_ms)
        case UnlimitedWindows():
            return time_windowed(key, INT_MAX)
        case SlidingWindows():
            return time_windowed(key, windows.difference_ms)
        case SessionWindows():
            return session_windowed(key)


def window_store_of(
    grouped: KGroupedStream[Any, Any], windows: Windows, kept: Materialized
) -> Store:
    building = grouped._building
    match windows:
        case TimeWindows():
            size = windows.size_ms
            return kept.windows(building, size, size + windows.grace_ms)
        case UnlimitedWindows():
            return kept.windows(building, INT_MAX, INT_MAX)
        case SlidingWindows():
            size = windows.difference_ms
            return kept.windows(building, size, 2 * size + windows.grace_ms)
        case SessionWindows():
            return kept.sessions(building, windows.gap_ms + windows.grace_ms)


def window_operator(
    windows: Windows, store: str, aggregation: Aggregation, emit: Emit, send_old: bool
) -> Operator:
    match windows:
        case SlidingWindows():
            return plan.SlidingAggregate(store, windows, aggregation, emit, send_old)
        case SessionWindows():
            return plan.SessionAggregate(store, windows, aggregation, emit, send_old)
        case _:
            return plan.WindowAggregate(store, windows, aggregation, emit, send_old)
