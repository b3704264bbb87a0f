"""Rows to one function of (key, value, timestamp, headers)."""

from __future__ import annotations

from collections.abc import Callable

from ottla.streams.expressions.display import Rows
from ottla.streams.expressions.evaluation.arithmetic import ARITHMETIC
from ottla.streams.expressions.evaluation.comparisons import COMPARISONS
from ottla.streams.expressions.evaluation.leaves import LEAVES
from ottla.streams.expressions.evaluation.refusal import Part
from ottla.streams.expressions.evaluation.texts import TEXTS
from ottla.streams.expressions.evaluation.times import TIMES
from ottla.streams.expressions.fields import children

#: By the name of an operation: its rows and the functions of its parts to its function.
OPERATIONS: dict[str, Callable[..., Part]] = {
    **LEAVES,
    **COMPARISONS,
    **ARITHMETIC,
    **TEXTS,
    **TIMES,
}


def compiled(rows: Rows) -> Part:
    """The function of an expression. The whole key or value by itself is given as it is."""
    if rows == ("key",):
        return lambda key, value, timestamp, headers: key
    if rows == ("col", ()):
        return lambda key, value, timestamp, headers: value
    return _part(rows)


def _part(rows: Rows) -> Part:
    return OPERATIONS[rows[0]](rows, *(_part(child) for child in children(rows)))
