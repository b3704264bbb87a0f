"""The operators of a topology, one row each. What a row means is written in the reference executor.

A stream's record is (key, value, timestamp, headers). A table's record carries a change in place of
the value: the new value, the old one (only where `send_old` of the operator above is on), and
whether it is the latest by time. `store` is the name of the operator's own store; `None` where it
is not materialized.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from ottla.streams.plan.functions import Function
from ottla.streams.plan.views import View
from ottla.streams.plan.windows import (
    JoinWindows,
    SessionWindows,
    SlidingWindows,
    TimeWindows,
    UnlimitedWindows,
)
from ottla.streams.serdes import Serde


# ---------------------------------------------------------------- streams, record by record
@dataclass(frozen=True, slots=True)
class Filter:
    predicate: Function
    negate: bool = False
    #: It lets keys through that are not null, and counts the others as skipped.
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class Map:
    """The function gives (key, value)."""

    mapper: Function


@dataclass(frozen=True, slots=True)
class SelectKey:
    mapper: Function


@dataclass(frozen=True, slots=True)
class MapValues:
    mapper: Function


@dataclass(frozen=True, slots=True)
class FlatMap:
    """The function gives an iterable of (key, value); the iterable itself is refused as None."""

    mapper: Function


@dataclass(frozen=True, slots=True)
class FlatMapValues:
    mapper: Function


@dataclass(frozen=True, slots=True)
class Branch:
    """The record goes to the child of the first predicate that holds; `children[i]` for
    `predicates[i]`.

    One child more than predicates is the default branch's. Without it what matches none is dropped.
    """

    predicates: tuple[Function, ...]


@dataclass(frozen=True, slots=True)
class Peek:
    """The function is called, the record goes on. `foreach` is a peek without children."""

    action: Function


@dataclass(frozen=True, slots=True)
class PassThrough:
    """Merges, and the nodes that only have a name."""


# ---------------------------------------------------------------- the Processor API
@dataclass(frozen=True, slots=True)
class Process:
    """A user's processor, made once a task by `supplier()`. `fixed_key`: it may not change keys."""

    supplier: Callable[[], Any]
    fixed_key: bool = False


# ---------------------------------------------------------------- aggregations of streams
class Aggregate(StrEnum):
    """Aggregations that both executors know."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Count:
    """Counts records; starts at 0."""


@dataclass(frozen=True, slots=True)
class Reduce:
    """The first value stands as it is; then `reducer(aggregate, value)`."""

    reducer: Function


@dataclass(frozen=True, slots=True)
class Fold:
    """`initializer()` once a key, then `adder(key, value, aggregate)`."""

    initializer: Function
    adder: Function
    #: Sessions alone: `merger(key, left, right)`.
    merger: Function | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record of aggregates; `of` is what it reads (None for a count)."""

    name: str
    aggregate: Aggregate
    of: Function | None


@dataclass(frozen=True, slots=True)
class Columns:
    """A JSON object of native aggregates. Nulls change nothing; sum, min and max start at null."""

    columns: tuple[Column, ...]


Aggregation = Count | Reduce | Fold | Columns


class Emit(StrEnum):
    ON_UPDATE = "on_window_update"
    ON_CLOSE = "on_window_close"


@dataclass(frozen=True, slots=True)
class StreamAggregate:
    store: str
    aggregation: Aggregation
    send_old: bool = False


@dataclass(frozen=True, slots=True)
class WindowAggregate:
    store: str
    windows: TimeWindows | UnlimitedWindows
    aggregation: Aggregation
    emit: Emit = Emit.ON_UPDATE
    send_old: bool = False


@dataclass(frozen=True, slots=True)
class SlidingAggregate:
    store: str
    windows: SlidingWindows
    aggregation: Aggregation
    emit: Emit = Emit.ON_UPDATE
    send_old: bool = False


@dataclass(frozen=True, slots=True)
class SessionAggregate:
    store: str
    windows: SessionWindows
    aggregation: Aggregation
    emit: Emit = Emit.ON_UPDATE
    send_old: bool = False


# ---------------------------------------------------------------- tables
@dataclass(frozen=True, slots=True)
class TableSource:
    """Takes a stream's record as the new value of its key: sources of tables, and `to_table`."""

    store: str | None
    send_old: bool = False


@dataclass(frozen=True, slots=True)
class TableFilter:
    predicate: Function
    negate: bool
    store: str | None
    send_old: bool = False
    versioned: bool = False


@dataclass(frozen=True, slots=True)
class TableMapValues:
    mapper: Function
    store: str | None
    send_old: bool = False


@dataclass(frozen=True, slots=True)
class TableTransformValues:
    """A transformer with a key, made once a task; `source` is how old values are read."""

    supplier: Callable[[], Any]
    store: str | None
    source: View | None = None
    send_old: bool = False


@dataclass(frozen=True, slots=True)
class TableToStream:
    """The change's new value goes on as a stream's value."""


@dataclass(frozen=True, slots=True)
class TableRepartitionMap:
    """`mapper(key, value)` gives the new (key, value); a change becomes removals and additions."""

    mapper: Function
    versioned: bool = False


@dataclass(frozen=True, slots=True)
class TableAggregate:
    """Adds new values, takes old ones away; the aggregations' functions as of streams."""

    store: str
    initializer: Function
    adder: Function
    subtractor: Function
    send_old: bool = False


@dataclass(frozen=True, slots=True)
class TableReduce:
    store: str
    adder: Function
    subtractor: Function
    send_old: bool = False


class BufferFull(StrEnum):
    EMIT = "emit"
    SHUT_DOWN = "shut_down"


@dataclass(frozen=True, slots=True)
class Suppress:
    """Holds changes back until `wait_ms` of stream time has passed since a record's time.

    `until_window_closes`: the time is the window's end (and `wait_ms` the window's grace),
    tombstones are not passed on (`safe_to_drop_tombstones`). Bounds are None where there is none.
    """

    store: str
    wait_ms: int
    until_window_closes: bool
    records_max: int | None
    bytes_max: int | None
    when_full: BufferFull
    safe_to_drop_tombstones: bool
    source: View | None = None


# ---------------------------------------------------------------- joins
JoinKind = Literal["inner", "left", "outer"]


@dataclass(frozen=True, slots=True)
class JoinWindow:
    """Puts a stream's record into its window store and passes it on."""

    store: str


@dataclass(frozen=True, slots=True)
class StreamStreamJoin:
    """One side of a join of two streams; both sides share `shared` (their clock) by the join's
    name.

    `kind` is the whole join's; `outer_here`: this side's records that find nothing are results too.
    `joiner` takes (key, left, right) whichever side this is.
    """

    side: Literal["left", "right"]
    kind: JoinKind
    windows: JoinWindows
    joiner: Function
    other_store: str
    outer_store: str | None
    shared: str


@dataclass(frozen=True, slots=True)
class StreamSelfJoin:
    windows: JoinWindows
    joiner: Function
    store: str


@dataclass(frozen=True, slots=True)
class StreamTableJoin:
    """`kind` is inner or left. With grace: `buffer` holds records until `grace_ms` of stream time
    passed.
    """

    kind: JoinKind
    joiner: Function
    table: View
    versioned: bool = False
    buffer: str | None = None
    grace_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StreamGlobalJoin:
    kind: JoinKind
    selector: Function
    joiner: Function
    table: View


@dataclass(frozen=True, slots=True)
class TableTableJoin:
    """One side of a join of two tables; `other` is the other side's value. Children: the merger."""

    side: Literal["left", "right"]
    kind: JoinKind
    joiner: Function
    other: View
    send_old: bool = False
    versioned: bool = False


@dataclass(frozen=True, slots=True)
class TableTableMerge:
    """Takes both sides' results; keeps them where materialized."""

    store: str | None
    send_old: bool = False


# ---------------------------------------------------------------- joins over a foreign key
@dataclass(frozen=True, slots=True)
class SubscriptionSend:
    extractor: Function
    foreign_key: Serde
    value: Serde
    kind: JoinKind
    versioned: bool = False
    #: Names that a serde of the registry sees as topics.
    foreign_key_topic: str = ""
    value_topic: str = ""


@dataclass(frozen=True, slots=True)
class SubscriptionReceive:
    store: str
    foreign_key: Serde
    primary_key: Serde
    foreign_key_topic: str = ""
    primary_key_topic: str = ""


@dataclass(frozen=True, slots=True)
class SubscriptionJoin:
    """A subscription that arrives reads the foreign table."""

    table: View


@dataclass(frozen=True, slots=True)
class ForeignTableJoin:
    """A change of the foreign table answers every subscription of its key."""

    store: str
    foreign_key: Serde
    primary_key: Serde
    foreign_key_topic: str = ""
    primary_key_topic: str = ""
    versioned: bool = False


@dataclass(frozen=True, slots=True)
class ResponseJoin:
    """An answer joins with the primary table's present value, if its hash is still the same."""

    table: View
    value: Serde
    joiner: Function
    kind: JoinKind
    value_topic: str = ""


Operator = (
    Filter | Map | SelectKey | MapValues | FlatMap | FlatMapValues | Branch | Peek | PassThrough
    | Process | StreamAggregate | WindowAggregate | SlidingAggregate | SessionAggregate
    | TableSource | TableFilter | TableMapValues | TableTransformValues | TableToStream
    | TableRepartitionMap | TableAggregate | TableReduce | Suppress
    | JoinWindow | StreamStreamJoin | StreamSelfJoin | StreamTableJoin | StreamGlobalJoin
    | TableTableJoin | TableTableMerge
    | SubscriptionSend | SubscriptionReceive | SubscriptionJoin | ForeignTableJoin | ResponseJoin
)  # fmt: skip

__all__ = [name for name, kind in list(globals().items()) if isinstance(kind, type)]
_ = field
