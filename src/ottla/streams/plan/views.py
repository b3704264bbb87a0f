"""Where an operator reads a table's present value: in a store, or through operators above it.

A table that is not materialized has no store of its own; what reads it asks the nearest store above
and applies the operators between. `Stored` may stand above any operator, so a view is a small tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ottla.streams.plan.functions import Function


@dataclass(frozen=True, slots=True)
class Stored:
    """The store's value of the key. Window and session stores are asked with windowed keys."""

    store: str


@dataclass(frozen=True, slots=True)
class Filtered:
    source: View
    predicate: Function
    negate: bool


@dataclass(frozen=True, slots=True)
class Mapped:
    source: View
    mapper: Function


@dataclass(frozen=True, slots=True)
class Transformed:
    """Read through the transformer of the node of this name."""

    source: View
    node: str


@dataclass(frozen=True, slots=True)
class JoinedView:
    kind: Literal["inner", "left", "outer"]
    left: View
    right: View
    joiner: Function


@dataclass(frozen=True, slots=True)
class Buffered:
    """A suppressed table: what its buffer held before, else what stands above it."""

    source: View
    store: str


View = Stored | Filtered | Mapped | Transformed | JoinedView | Buffered
