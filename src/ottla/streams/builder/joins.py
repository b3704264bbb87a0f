"""Joins of a stream with a stream, a table or a global table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ottla.streams.builder.building import Building
from ottla.streams.builder.graph import JoinWindowNode, ProcessorNode, StreamJoinNode
from ottla.streams.builder.join_keys import check_keys
from ottla.streams.builder.signatures import JOINED, RECORD
from ottla.streams.builder.specs import SEGMENT_MIN_MS, StoreSpec, checked_name, shown
from ottla.streams.builder.stream import KStream, serde_of
from ottla.streams.builder.table import GlobalKTable, KTable
from ottla.streams.builder.tables import check_reads
from ottla.streams.durations import ms
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.functions import Function
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.views import Stored
from ottla.streams.plan.windows import JoinWindows
from ottla.streams.serdes import Serde
from ottla.streams.serdes.join_sides import JoinSideKeySerde, JoinSideValueSerde


@dataclass
class Asked:
    """What a call of `join` was given."""

    other: Any
    joiner: Any
    within: JoinWindows | None
    on: Any
    key: Any
    value: Any
    this_value: Any
    other_value: Any
    grace: Any
    store: str | None
    this_store: StoreSpec | None
    other_store: StoreSpec | None
    logged: bool
    configs: dict[str, str] | None
    name: str | None


def join(
    stream: KStream[Any, Any], kind: plan.JoinKind, given: dict[str, Any]
) -> KStream[Any, Any]:
    """A join of a stream with what it was given."""
    asked = Asked(**given)
    other = asked.other
    if isinstance(other, (KStream, KTable, GlobalKTable)):
        stream._building.check_mine(other._building, "join")
    joiner = Function.of(asked.joiner, JOINED, what="join")
    if isinstance(other, KStream):
        _refuse(asked, ("on", "grace"), "a stream")
        _check_stores(asked)
        return StreamJoin(stream, other, kind, joiner, asked).made()
    stores = ("within", "store", "this_store", "other_store", "configs")
    if isinstance(other, (KTable, GlobalKTable)) and not asked.logged:
        raise TopologyError(
            "a join with a table keeps nothing that its user could leave unlogged",
            hint="leave logged= out",
        )
    if isinstance(other, KTable):
        _refuse(asked, ("on", "other_value", *stores), "a table")
        return join_table(stream, other, kind, joiner, asked)
    if isinstance(other, GlobalKTable):
        _refuse(asked, ("grace", "key", "this_value", "other_value", *stores), "a global table")
        return join_global(stream, other, kind, joiner, asked)
    raise TopologyError(
        "a stream joins with a stream, a table or a global table, "
        f"not with a {type(other).__name__}",
        hint="give what app.stream, app.table or app.global_table made",
    )


def _check_stores(asked: Asked) -> None:
    """What a join of two streams was told of its windows and of what it keeps."""
    hint = 'within=join_within("5m", grace="10s")'
    if asked.within is None:
        raise TopologyError(
            "a join of two streams needs to know how far apart records may be", hint=hint
        )
    if not isinstance(asked.within, JoinWindows):
        raise TopologyError(
            f"within= takes what join_within made, not {shown(asked.within)}", hint=hint
        )
    if asked.store is not None and not isinstance(asked.store, str):
        raise TopologyError(
            "store= of a join of streams is the beginning of its stores' names, "
            f"not {shown(asked.store)}",
            hint='store="near"; this_store= and other_store= take window_store(…)',
        )
    for name in ("this_store", "other_store"):
        given = getattr(asked, name)
        if given is not None and not isinstance(given, StoreSpec):
            raise TopologyError(
                f"{name}= takes a spec, not {shown(given)}",
                hint=f'{name}=window_store("name", retention=…, size=…, duplicates=True)',
            )


def _refuse(asked: Asked, names: tuple[str, ...], other: str) -> None:
    for name in names:
        if getattr(asked, name) is not None:
            raise TopologyError(f"a join with {other} has no {name}=", hint=f"leave {name}= out")


def repartitioned(
    stream: KStream[Any, Any],
    prefix: str,
    key: Serde | None,
    value: Serde | None,
    *,
    named: bool,
) -> KStream[Any, Any]:
    """The stream behind a repartition topic; one for all joins under the stream's own name."""
    building = stream._building
    key, value = key or stream._key, value or stream._value
    node = building.repartition(prefix, key, value, named=named)
    if stream._repartitioned is None or stream._name != prefix:
        building.graph.add(stream._node, node)
        stream._repartitioned = node
    sources = frozenset((node.name,))
    return KStream(building, node.name, stream._repartitioned, sources, key, value)


# ---------------------------------------------------------------- tables
def join_table(
    stream: KStream[Any, Any],
    table: KTable[Any, Any],
    kind: plan.JoinKind,
    joiner: Function,
    asked: Asked,
) -> KStream[Any, Any]:
    building = stream._building
    key, value = serde_of(asked.key), serde_of(asked.this_value)
    if stream._rekeyed:
        prefix = stream._name if asked.name is None else asked.name
        stream = repartitioned(stream, prefix, key, value, named=asked.name is not None)
    check_keys(building, stream, table)
    sources = building.copartition(stream._sources, table._sources)
    prefix = "KSTREAM-LEFTJOIN-" if kind == "left" else "KSTREAM-JOIN-"
    name = building.name(asked.name, prefix)
    grace = None if asked.grace is None else ms(asked.grace, what="grace")
    buffer = None
    if grace is not None:
        if table._node.versioned is False:
            raise TopologyError(
                f"{name} waits for late changes of a table that is not versioned",
                hint='keep the table in store=versioned("name", history=…), or leave grace= out',
            )
        buffer = Store(
            f"{name}-Buffer", StoreKind.GRACE_BUFFER, key or stream._key, value or stream._value,
            logged=True, grace_ms=grace, topic_configs={},
        )  # fmt: skip
        if asked.name is None:
            building.implicit.append(buffer.name)
    behind = table._table
    check_reads(behind, name)
    view, names = behind.view(), behind.store_names()
    operator = plan.StreamTableJoin(
        kind, joiner, view, versioned=False, buffer=buffer.name if buffer else None, grace_ms=grace
    )
    node = ProcessorNode(
        name,
        keeps_null_keys=kind == "left",
        operator=lambda: replace(operator, versioned=is_versioned(building, behind.view())),
        stores=lambda: () if buffer is None else (buffer,),
        connected=lambda: names,
    )
    building.graph.add(stream._node, node)
    return KStream(building, name, node, sources, key or stream._key, serde_of(asked.value))


def is_versioned(building: Building, view: Any) -> bool:
    """Whether a view ends in a versioned store, through filters and maps alone."""
    while not isinstance(view, Stored):
        view = getattr(view, "source", None)
        if view is None:
            return False
    return view.store in building.versioned


def join_global(
    stream: KStream[Any, Any],
    table: GlobalKTable[Any, Any],
    kind: plan.JoinKind,
    joiner: Function,
    asked: Asked,
) -> KStream[Any, Any]:
    building = stream._building
    if asked.on is None:
        raise TopologyError(
            "a join with a global table needs to know the table's key of each record",
            hint="on=lambda key, value: value['user']",
        )
    name = building.name(asked.name, "KSTREAM-LEFTJOIN-")
    selector = Function.of(asked.on, RECORD, what="on", values=stream._value)
    operator = plan.StreamGlobalJoin(kind, selector, joiner, table._view())
    node = ProcessorNode(name, keeps_null_keys=kind == "left", operator=lambda: operator)
    building.graph.add(stream._node, node)
    value = serde_of(asked.value)
    return stream._derived(name, node, stream._key, value, rekeyed=stream._rekeyed)


# ---------------------------------------------------------------- streams
class StreamJoin:
    """A join of two streams: two window stores, two sides, a merge."""

    def __init__(
        self,
        left: KStream[Any, Any],
        right: KStream[Any, Any],
        kind: plan.JoinKind,
        joiner: Function,
        asked: Asked,
    ) -> None:
        assert asked.within is not None
        self.building = left._building
        self.kind = kind
        self.joiner = joiner
        self.windows = asked.within
        self.asked = asked
        self.key = serde_of(asked.key)
        self.left_value = serde_of(asked.this_value)
        self.right_value = serde_of(asked.other_value)
        self.left = self._ready(left, "-left", self.left_value)
        self.right = self._ready(right, "-right", self.right_value)
        check_keys(self.building, self.left, self.right)
        self.key = self.key or self.left._key or self.right._key
        self.left_value = self.left_value or self.left._value
        self.right_value = self.right_value or self.right._value
        self.building.copartition(self.left._sources, self.right._sources)

    def _ready(self, side: KStream[Any, Any], suffix: str, value: Any) -> KStream[Any, Any]:
        if not side._rekeyed:
            return side
        name = self.asked.name
        prefix = side._name if name is None else checked_name(name + suffix)
        return repartitioned(side, prefix, self.key, value, named=name is not None)

    def made(self) -> KStream[Any, Any]:
        building, name = self.building, self.asked.name
        left_windowed = building.name(name, "KSTREAM-WINDOWED-", "-this-windowed")
        right_windowed = building.name(name, "KSTREAM-WINDOWED-", "-other-windowed")
        outer, lefts = self.kind == "outer", self.kind != "inner"
        left_suffix = "-outer-this-join" if outer else "-this-join"
        right_suffix = "-outer-other-join" if lefts else "-other-join"
        left_made = building.new_name("KSTREAM-OUTERTHIS-" if outer else "KSTREAM-JOINTHIS-")
        right_made = building.new_name("KSTREAM-OUTEROTHER-" if lefts else "KSTREAM-JOINOTHER-")
        left_name = left_made if name is None else checked_name(name + left_suffix)
        right_name = right_made if name is None else checked_name(name + right_suffix)
        merge = building.name(name, "KSTREAM-MERGE-", "-merge")
        left_store = self._window_store(self.asked.this_store, left_made, left_suffix, "left")
        right_store = self._window_store(self.asked.other_store, right_made, right_suffix, "right")
        waiting = self._outer_store(left_made) if lefts else None
        graph = building.graph
        for stream, windowed, store in (
            (self.left, left_windowed, left_store), (self.right, right_windowed, right_store),
        ):  # fmt: skip
            graph.add(stream._node, self._windowed(windowed, store))
        node = StreamJoinNode(
            merge,
            keeps_null_keys=lefts,
            left=self._side("left", left_name, right_store, waiting, merge),
            right=self._side("right", right_name, left_store, waiting, merge),
            self_join=lambda: plan.StreamSelfJoin(self.windows, self.joiner, left_store.name),
            left_windowed=left_windowed,
            right_windowed=right_windowed,
            left_store=lambda: left_store,
        )
        graph.add((self.left._node, self.right._node), node)
        sources = self.left._sources | self.right._sources
        return KStream(building, merge, node, sources, self.key, serde_of(self.asked.value))

    def _windowed(self, name: str, store: Store) -> JoinWindowNode:
        operator = plan.JoinWindow(store.name)
        return JoinWindowNode(name, operator=lambda: operator, stores=lambda: (store,))

    def _side(
        self, side: Any, name: str, other: Store, waiting: Store | None, shared: str
    ) -> ProcessorNode:
        outer = None if waiting is None else waiting.name
        operator = plan.StreamStreamJoin(
            side, self.kind, self.windows, self.joiner, other.name, outer, shared
        )
        stores = (other,) if waiting is None else (other, waiting)
        return ProcessorNode(name, operator=lambda: operator, stores=lambda: stores)

    # ------------------------------------------------------------ stores
    @property
    def size_ms(self) -> int:
        return self.windows.before_ms + self.windows.after_ms

    def _window_store(
        self, given: StoreSpec | None, generated: str, suffix: str, side: str
    ) -> Store:
        value = self.left_value if side == "left" else self.right_value
        retention = self.size_ms + self.windows.grace_ms
        if given is not None:
            return self._given_store(given, retention, value)
        base = self.asked.store
        name = f"{generated if base is None else base + suffix}-store"
        if base is None:
            self.building.implicit.append(name)
        # Kafka's in memory always keep times and headers, those on disk only as the format says.
        in_memory = self.building.in_memory
        headers = self.building.with_headers or in_memory
        return Store(
            checked_name(name), StoreKind.WINDOW, self.key, value,
            timestamped=headers, with_headers=headers, logs_headers=True,
            persistent=not in_memory, logged=self.asked.logged,
            topic_configs=dict(self.asked.configs or {}), retention_ms=retention,
            window_size_ms=self.size_ms,
            segment_interval_ms=max(retention // 2, SEGMENT_MIN_MS), retain_duplicates=True,
        )  # fmt: skip

    def _given_store(self, spec: StoreSpec, retention: int, value: Serde | None) -> Store:
        row = spec.row()
        fits = (
            row.kind is StoreKind.WINDOW
            and row.retain_duplicates
            and (row.retention_ms, row.window_size_ms) == (retention, self.size_ms)
        )
        if not fits:
            raise TopologyError(
                f"the store {row.name} does not fit the join's windows",
                hint=f"window_store(…, retention={retention}, size={self.size_ms}, "
                "duplicates=True)",
            )
        return replace(row, key=row.key or self.key, value=row.value or value, logs_headers=True)

    def _outer_store(self, left_made: str) -> Store:
        suffix = "-outer-shared-join" if self.kind == "outer" else "-left-shared-join"
        given, base = self.asked.this_store, self.asked.store
        number = left_made.rsplit("-", 1)[1]
        if given is not None and given.name is not None:
            name = given.name + suffix
        elif base is not None:
            name = base + suffix
        else:
            name = f"KSTREAM-OUTERSHARED-{number}"
        if base is None:
            self.building.implicit.append(f"{name}-store")
        in_memory = self.building.in_memory
        if given is not None and given.in_memory is not None:
            in_memory = given.in_memory
        default = self.building
        key = self.key or default.key
        left, right = self.left_value or default.value, self.right_value or default.value
        if key is None or left is None or right is None:
            raise TopologyError(
                "nothing says how the joined records are written",
                hint="give key=, this_value= and other_value= to the join, or to Streams(…)",
            )
        return Store(
            checked_name(f"{name}-store"), StoreKind.OUTER_JOIN, JoinSideKeySerde(key),
            JoinSideValueSerde(left, right), persistent=not in_memory, logged=self.asked.logged,
            topic_configs=dict(self.asked.configs or {}),
        )  # fmt: skip
