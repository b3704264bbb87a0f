"""How many parameters a user's function has says what it is called with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams.errors import TopologyError
from ottla.streams.plan.functions import Function

JOINER = ("key", "left", "right")
ADDER = ("key", "value", "aggregate")
REDUCER = ("aggregate", "value")


@pytest.mark.parametrize(
    ("call", "offered", "arguments"),
    [
        (lambda value: value, ("key", "value"), ("value",)),
        (lambda key, value: value, ("key", "value"), ("key", "value")),
        (lambda left, right: left, JOINER, ("left", "right")),
        (lambda value, total: total, ADDER, ("value", "aggregate")),
        (lambda total, value: total, REDUCER, REDUCER),
        (lambda: 0, (), ()),
        (max, REDUCER, REDUCER),
    ],
)
def test_the_last_of_what_is_offered_is_taken(
    call: Callable[..., Any], offered: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    """If this failed, a function would get other arguments than the guides say."""
    assert Function.of(call, offered, what="it").arguments == arguments


@pytest.mark.parametrize(
    ("call", "offered", "hint"),
    [
        (lambda right: right, JOINER, r"take \(left, right\) or \(key, left, right\)"),
        (lambda total: total, ADDER, r"take \(value, aggregate\) or \(key, value, aggregate\)"),
        (lambda value: value, REDUCER, r"take \(aggregate, value\)"),
        (lambda: 0, ("key", "value"), r"take \(value\) or \(key, value\)"),
        (lambda key: 0, (), "take none"),
    ],
)
def test_too_few_or_too_many_are_refused(
    call: Callable[..., Any], offered: tuple[str, ...], hint: str
) -> None:
    """If this failed, a joiner of one parameter would get the right side, and nobody would know."""
    with pytest.raises(TopologyError, match=r"takes [01] parameters") as refused:
        Function.of(call, offered, what="it")
    assert refused.match(hint)
