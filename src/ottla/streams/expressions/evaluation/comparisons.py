"""Comparisons, and truth of three values: true, false, null.

Numbers compare as numbers, whole or not; text by code points; bytes by bytes; truth only for
equality. Kinds do not mix: that a text is no number is an error, never a quiet false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ottla.streams.expressions.display import Rows
from ottla.streams.expressions.evaluation.refusal import (
    KINDS_HINT,
    TRUTH_HINT,
    Part,
    refused,
)
from ottla.streams.expressions.plain import type_of

NUMBERS = frozenset((int, float))
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUALITY = ("==", "!=", "is_in")
_TEXTS = frozenset((str,)), frozenset((bytes,))
_TRUTH = frozenset((bool,))
_NONE: frozenset[type] = frozenset()


def _comparable(name: str, kind: type) -> frozenset[type]:
    """The types that compare with this one."""
    if kind in NUMBERS:
        return NUMBERS
    if kind is bool:
        return _TRUTH if name in _EQUALITY else _NONE
    return next((kinds for kinds in _TEXTS if kind in kinds), _NONE)


def _mixed(rows: Rows, name: str, left: Any, right: Any) -> Exception:
    what = f"{name} does not compare {type_of(left)} with {type_of(right)}"
    return refused(rows, what, KINDS_HINT)


def _compared(rows: Rows, name: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    if type(right) not in _comparable(name, type(left)):
        raise _mixed(rows, rows[0] if rows[0] in OPERATORS else rows[0] + "()", left, right)
    return OPERATORS[name](left, right)


def compare(rows: Rows, left: Part, right: Part) -> Part:
    name, _, other = rows
    if other[0] == "lit" and other[1] is not None:
        return _compare_literal(rows, left, other[1])

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        one = left(key, value, timestamp, headers)
        return _compared(rows, name, one, right(key, value, timestamp, headers))

    return run


def _compare_literal(rows: Rows, left: Part, other: Any) -> Part:
    """A comparison with a literal, whose kind is known before."""
    name = rows[0]
    kinds, apply = _comparable(name, type(other)), OPERATORS[name]

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        one = left(key, value, timestamp, headers)
        if type(one) in kinds:
            return apply(one, other)
        return _compared(rows, name, one, other)

    return run


def between(rows: Rows, of: Part, low: Part, high: Part) -> Part:
    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        least = low(key, value, timestamp, headers)
        most = high(key, value, timestamp, headers)
        above = _compared(rows, ">=", it, least)
        below = _compared(rows, "<=", it, most)
        if above is False or below is False:
            return False
        return None if above is None or below is None else True

    return run


def is_in(rows: Rows, of: Part) -> Part:
    members = rows[2]
    known = frozenset(members)

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        if it is None:
            return None
        if not members:
            return False
        if type(members[0]) not in _comparable("is_in", type(it)):
            raise _mixed(rows, "is_in()", it, members[0])
        return it in known

    return run


def is_null(rows: Rows, of: Part) -> Part:
    return lambda key, value, timestamp, headers: of(key, value, timestamp, headers) is None


def fill_null(rows: Rows, of: Part, other: Part) -> Part:
    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        return other(key, value, timestamp, headers) if it is None else it

    return run


def _truth(rows: Rows, name: str, it: Any) -> bool | None:
    if it is True or it is False or it is None:
        return it
    raise refused(rows, f"{name} takes bool, not {type_of(it)}", TRUTH_HINT)


def chain(rows: Rows, *parts: Part) -> Part:
    """And stops at the first false, or at the first true; null where that hangs on a null."""
    name = rows[0]
    stop = name == "|"

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        result: bool | None = not stop
        for part in parts:
            it = part(key, value, timestamp, headers)
            if it is stop:
                return it
            if it is None or _truth(rows, name, it) is None:
                result = None
        return result

    return run


def invert(rows: Rows, of: Part) -> Part:
    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = _truth(rows, "~", of(key, value, timestamp, headers))
        return None if it is None else not it

    return run


def cases(rows: Rows, *parts: Part) -> Part:
    """The result of the first condition that is true; no other result is evaluated."""
    *paired, otherwise = parts
    pairs = list(zip(paired[::2], paired[1::2], strict=True))

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        for condition, result in pairs:
            if _truth(rows, "when", condition(key, value, timestamp, headers)):
                return result(key, value, timestamp, headers)
        return otherwise(key, value, timestamp, headers)

    return run


COMPARISONS: dict[str, Callable[..., Part]] = {
    **dict.fromkeys(OPERATORS, compare),
    "between": between,
    "is_in": is_in,
    "is_null": is_null,
    "fill_null": fill_null,
    "&": chain,
    "|": chain,
    "~": invert,
    "when": cases,
}
