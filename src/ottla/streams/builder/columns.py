"""Native aggregates: what `aggregate(n=count(), total=sum_of(col("price")))` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ottla.streams.errors import TopologyError
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Aggregate, Column, Columns
from ottla.streams.serdes import Serde


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One aggregate; `of` is an expression or a function of the value."""

    aggregate: Aggregate
    of: Any = None


def count(of: Any = None) -> ColumnSpec:
    """How many records; with an expression, those for which it is not null."""
    return ColumnSpec(Aggregate.COUNT, of)


def sum_of(of: Any) -> ColumnSpec:
    """The sum of numbers; null until there is one. A sum of ints beyond 64 bits is refused."""
    return ColumnSpec(Aggregate.SUM, of)


def min_of(of: Any) -> ColumnSpec:
    """The least of numbers or texts; nulls are left out."""
    return ColumnSpec(Aggregate.MIN, of)


def max_of(of: Any) -> ColumnSpec:
    """The greatest of numbers or texts; nulls are left out."""
    return ColumnSpec(Aggregate.MAX, of)


def first_of(of: Any) -> ColumnSpec:
    """The first that is not null, in the order in which records came."""
    return ColumnSpec(Aggregate.FIRST, of)


def last_of(of: Any) -> ColumnSpec:
    """The last that is not null, in the order in which records came."""
    return ColumnSpec(Aggregate.LAST, of)


def columns_of(given: Mapping[str, object], values: Serde | None = None) -> Columns:
    """The columns of an aggregate of values of this serde, where it is known."""
    found = []
    for name, spec in given.items():
        if not isinstance(spec, ColumnSpec):
            raise TopologyError(
                f"the column {name} is {spec!r}, which is no aggregate",
                hint="count(), sum_of(…), min_of(…), max_of(…), first_of(…), last_of(…)",
            )
        of = None
        if spec.of is not None:
            of = Function.of_record(spec.of, what=f"the column {name}", values=values)
        found.append(Column(name, spec.aggregate, of))
    return Columns(tuple(found))
