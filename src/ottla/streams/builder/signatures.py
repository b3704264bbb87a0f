"""What users give operators, by names: functions over keys and values, and what says a serde.

A function may take the value, or key and value; type checkers need one overload for each, as they
learn a lambda's types from one alone. `OfValue` and its likes are the shorter form and may be an
expression, whose result is Any.

Null is not in the types: any value may be null, as in Kafka, so a function may give None where its
result is W. Only where an operator itself gives None, as a left join does, a parameter says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypedDict

from ottla.streams.builder.specs import StoreSpec
from ottla.streams.durations import Duration
from ottla.streams.expressions import Expression
from ottla.streams.plan.windows import JoinWindows
from ottla.streams.processors import RecordContext
from ottla.streams.serdes import Serde
from ottla.streams.variables import K2, V2, VO, A, K, V

#: What an operator on records offers its function.
RECORD = ("key", "value")
#: What is offered to what adds up, to what reduces, and to what makes one of two: values that are
#: joined, aggregates of sessions.
ADDED = ("key", "value", "aggregate")
REDUCED = ("aggregate", "value")
JOINED = ("key", "left", "right")

#: A type such as `str` or a dataclass, or a serde: both say what the values are.
SerdeOf = type[V] | Serde[V] | None
#: `store=`: a name, or a spec such as `key_value("totals")`.
Kept = str | StoreSpec | None

#: From a value, or from key and value.
OfValue = Callable[[V], V2 | None] | Expression
OfRecord = Callable[[K, V], V2 | None]
#: A new key and a new value; one such pair or many.
PairOfValue = Callable[[V], tuple[K2 | None, V2 | None]] | Expression
PairOfRecord = Callable[[K, V], tuple[K2 | None, V2 | None]]
PairsOfValue = Callable[[V], Iterable[tuple[K2 | None, V2 | None]]] | Expression
PairsOfRecord = Callable[[K, V], Iterable[tuple[K2 | None, V2 | None]]]
ManyOfValue = Callable[[V], Iterable[V2 | None]] | Expression
ManyOfRecord = Callable[[K, V], Iterable[V2 | None]]
#: A question, and what is only called: what comes back is not looked at, or only as a truth.
AskedOfValue = Callable[[V], object] | Expression
AskedOfRecord = Callable[[K, V], object]

#: What names a topic for a record. The longest stands first: pyright tries a lambda in this order.
TopicOf = (
    Callable[[K, V, RecordContext], str] | Callable[[K, V], str] | Callable[[V], str] | Expression
)

#: Adding up: `(value, aggregate)`, or with the key before them.
Begins = Callable[[], A | None]
Adds = Callable[[V, A], A | None]
AddsKeyed = Callable[[K, V, A], A | None]
Reduces = Callable[[V, V], V | None]
#: Two aggregates become one: `(left, right)`, or with the key before them. Said in types, either
#: mypy or pyright would lose the type of the aggregate.
Merges = Callable[..., object]

#: Joining: `(left, right)`, or with the key before them.
Joins = Callable[[V, VO], V2 | None]
JoinsKeyed = Callable[[K, V, VO], V2 | None]


class ResultTold(TypedDict, Generic[V2], total=False):
    """What every join is told by keyword; alone, with a global table."""

    value: SerdeOf[V2]
    name: str | None


class StreamJoinTold(ResultTold[V2], Generic[K, V, VO, V2], total=False):
    """What joins of two streams are told by keyword; see `KStream.join`."""

    within: JoinWindows | None
    key: SerdeOf[K]
    this_value: SerdeOf[V]
    other_value: SerdeOf[VO]
    store: str | None
    this_store: StoreSpec | None
    other_store: StoreSpec | None
    logged: bool
    configs: dict[str, str] | None


class JoinTold(StreamJoinTold[K, V, VO, V2], total=False):
    """What joins with tables may be told, too."""

    grace: Duration | None


class TableJoinTold(ResultTold[V2], total=False):
    """What joins of two tables are told by keyword; see `KTable.join`."""

    store: Kept


class ForeignTold(TableJoinTold[V2], total=False):
    """What joins by a foreign key are told, too."""

    partitioner: Any
    other_partitioner: Any
