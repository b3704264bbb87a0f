"""How users' functions are called by operators."""

from __future__ import annotations

import pytest

from ottla.streams.errors import TopologyError
from ottla.streams.expressions import col, timestamp
from ottla.streams.plan.functions import Function
from ottla.streams.reference.operator import bind
from streams.plans import function


def test_functions_get_what_they_take() -> None:
    """If this failed, a function would be called with other things than its parameters name."""
    offered = ("key", "left", "right")
    assert bind(function(lambda left, right: (left, right), *offered), offered)(1, 2, 3) == (2, 3)
    assert bind(function(lambda value: value, "key", "value"), ("key", "value"))(1, 2) == 2
    assert bind(function(lambda *all_: all_, *offered), offered)(1, 2, 3) == (1, 2, 3)


def test_an_expression_works_where_only_key_and_value_are_offered() -> None:
    """If this failed, tables could not be filtered or joined by expressions, or an expression would
    see a time that its operator does not have.
    """
    offered = ("key", "value")
    assert bind(Function.of(col("a") > 1, offered, what="a test"), offered)("k", {"a": 2}) is True
    with pytest.raises(TopologyError, match="timestamp"):
        bind(Function.of(timestamp(), offered, what="a test"), offered)
