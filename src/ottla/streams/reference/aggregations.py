"""Aggregations of streams: what starts an aggregate, what takes a value in, what joins two
sessions.

`Columns` are the native ones, a dictionary of fields. A null input changes nothing: `count` counts
the records whose input is not null (all records where it has no input), `sum` adds, `min` and `max`
compare, `first` keeps the first that came, `last` the last that came. Sums, minima, maxima, firsts
and lasts start at null; a count starts at 0. Whole numbers stay whole. A join of two sessions
counts and adds both sides; `first` is the earlier session's, `last` the later one's. What cannot be
added or compared, and a sum of whole numbers beyond 64 bits, is refused and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.errors import ProcessingError, TopologyError
from ottla.streams.execution import Headers
from ottla.streams.expressions.plain import type_of
from ottla.streams.plan import operators as plan
from ottla.streams.plan.operators import Aggregate
from ottla.streams.reference.operator import RECORD, Wiring, bind
from ottla.streams.reference.tables import TableOperator
from ottla.streams.serdes.serde import INT_MAX, INT_MIN

#: What takes a record into an aggregate: (key, value, aggregate, timestamp, headers).
Adder = Callable[[Any, Any, Any, int, Headers], Any]


class Aggregator:
    """An aggregation ready to be used. `initial()` may be None: then the first value stands
    alone."""

    __slots__ = ("add", "initial", "merge")

    def __init__(self, row: plan.Aggregation) -> None:
        self.initial: Callable[[], Any]
        self.add: Adder
        #: (key, the one so far, the next session's)
        self.merge: Callable[[Any, Any, Any], Any]
        match row:
            case plan.Count():
                self.initial, self.add = int, count
                self.merge = lambda key, one, other: one + other
            case plan.Reduce():
                reducer = bind(row.reducer, ("aggregate", "value"))
                self.initial, self.add = nothing, reducing(reducer)
                self.merge = lambda key, one, other: other if one is None else reducer(one, other)
            case plan.Fold():
                self.initial = bind(row.initializer, ())
                adder = bind(row.adder, ("key", "value", "aggregate"))
                self.add = lambda key, value, aggregate, timestamp, headers: adder(
                    key, value, aggregate
                )
                self.merge = bind(row.merger, ("key", "left", "right")) if row.merger else no_merger
            case plan.Columns():
                self.initial, self.add, self.merge = columns(row)


def nothing() -> None:
    return None


def no_merger(key: Any, one: Any, other: Any) -> Any:
    raise TopologyError("an aggregation of sessions has no function that joins two sessions")


def count(key: Any, value: Any, aggregate: int, timestamp: int, headers: Headers) -> int:
    return aggregate + 1


def reducing(reducer: Callable[[Any, Any], Any]) -> Adder:
    def add(key: Any, value: Any, aggregate: Any, timestamp: int, headers: Headers) -> Any:
        return value if aggregate is None else reducer(aggregate, value)

    return add


def unfit(what: str) -> ProcessingError:
    return ProcessingError(
        f"an aggregation cannot {what}", hint="give each column inputs of one type"
    )


#: What an aggregate takes in, and what it does with it; the others take anything.
TAKES: dict[Aggregate, tuple[frozenset[type], str]] = {
    Aggregate.SUM: (frozenset({int, float}), "add"),
    Aggregate.MIN: (frozenset({int, float, bool, str}), "compare"),
    Aggregate.MAX: (frozenset({int, float, bool, str}), "compare"),
}


def added(one: Any, other: Any) -> Any:
    total = one + other
    if type(total) is int and not INT_MIN <= total <= INT_MAX:
        raise unfit("add numbers beyond 64 bits")
    return total


def comparable(one: Any, other: Any) -> None:
    if (type(one) is str) is not (type(other) is str):
        raise unfit(f"compare {type_of(other)} and {type_of(one)}")


def smaller(one: Any, other: Any) -> Any:
    comparable(one, other)
    return other if other < one else one


def larger(one: Any, other: Any) -> Any:
    comparable(one, other)
    return other if other > one else one


#: How two values that are not null become one, by aggregate.
COMBINE: dict[Aggregate, Callable[[Any, Any], Any]] = {
    Aggregate.COUNT: lambda one, other: one + other,
    Aggregate.SUM: added,
    Aggregate.MIN: smaller,
    Aggregate.MAX: larger,
    Aggregate.FIRST: lambda one, other: one,
    Aggregate.LAST: lambda one, other: other,
}


def columns(
    row: plan.Columns,
) -> tuple[Callable[[], Any], Adder, Callable[[Any, Any, Any], Any]]:
    start = {c.name: 0 if c.aggregate is Aggregate.COUNT else None for c in row.columns}
    #: (name, what it reads, whether it counts, what it takes, how it combines)
    fields = [
        (
            column.name,
            None if column.of is None else bind(column.of, RECORD),
            column.aggregate is Aggregate.COUNT,
            TAKES.get(column.aggregate),
            COMBINE[column.aggregate],
        )
        for column in row.columns
    ]

    def add(key: Any, value: Any, aggregate: Any, timestamp: int, headers: Headers) -> Any:
        new = dict(aggregate)
        for name, of, counts, takes, combine in fields:
            if of is None:
                new[name] += 1
                continue
            given = of(key, value, timestamp, headers)
            if given is None:
                continue
            if counts:
                given = 1
            elif takes is not None and type(given) not in takes[0]:
                raise unfit(f"{takes[1]} {type_of(given)}")
            held = new[name]
            new[name] = given if held is None else combine(held, given)
        return new

    def merge(key: Any, one: Any, other: Any) -> Any:
        new = dict(one)
        for name, _, _, _, combine in fields:
            given = other[name]
            if given is not None:
                held = new[name]
                new[name] = given if held is None else combine(held, given)
        return new

    return start.copy, add, merge


class StreamAggregate(TableOperator):
    """One aggregate a key. Records with a null key or a null value are left out."""

    def __init__(self, row: plan.StreamAggregate, wiring: Wiring) -> None:
        super().__init__(row.store, row.send_old, wiring)
        self.aggregator = Aggregator(row.aggregation)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        if key is None or value is None:
            self.skip("the key or the value is null")
            return
        held = self.store.get(key)  # type: ignore[union-attr]
        if held is None:
            old, time = self.aggregator.initial(), timestamp
        else:
            old, time, _ = held
            if timestamp > time:
                time = timestamp
        new = self.aggregator.add(key, value, old, timestamp, headers)
        self.keep_and_forward(key, new, old, True, time, headers)
