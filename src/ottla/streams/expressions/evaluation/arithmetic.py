"""Arithmetic: ints of 64 bits, floats of IEEE 754, never quietly wrong.

Two ints give an int (but by `/`, which divides floats), anything with a float a float. What does
not fit 64 bits, and a division by zero, is an error; floats may become infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ottla.streams.expressions.display import Rows
from ottla.streams.expressions.evaluation.refusal import (
    NUMBERS_HINT,
    SIZE_HINT,
    ZERO_HINT,
    Part,
    refused,
)
from ottla.streams.expressions.plain import type_of
from ottla.streams.serdes.serde import INT_MAX, INT_MIN

TOO_LARGE = "the result does not fit 64 bits"


def _fit(rows: Rows, number: int) -> int:
    if INT_MIN <= number <= INT_MAX:
        return number
    raise refused(rows, TOO_LARGE, SIZE_HINT)


def _divisor(rows: Rows, number: Any) -> Any:
    if number == 0:
        raise refused(rows, "division by zero", ZERO_HINT)
    return number


def _quotient(rows: Rows, left: Any, right: Any) -> float:
    return float(left) / float(_divisor(rows, right))


Apply = Callable[[Rows, Any, Any], Any]
#: By operator: of two ints, of anything with a float.
OPERATORS: dict[str, tuple[Apply, Apply]] = {
    "+": (lambda rows, a, b: _fit(rows, a + b), lambda rows, a, b: float(a) + float(b)),
    "-": (lambda rows, a, b: _fit(rows, a - b), lambda rows, a, b: float(a) - float(b)),
    "*": (lambda rows, a, b: _fit(rows, a * b), lambda rows, a, b: float(a) * float(b)),
    "/": (_quotient, _quotient),
    "//": (
        lambda rows, a, b: _fit(rows, a // _divisor(rows, b)),
        lambda rows, a, b: float(a) // float(_divisor(rows, b)),
    ),
    "%": (
        lambda rows, a, b: a % _divisor(rows, b),
        lambda rows, a, b: float(a) % float(_divisor(rows, b)),
    ),
}


def arithmetic(rows: Rows, left: Part, right: Part) -> Part:
    name = rows[0]
    of_ints, of_floats = OPERATORS[name]

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        one = left(key, value, timestamp, headers)
        two = right(key, value, timestamp, headers)
        kinds = type(one), type(two)
        if kinds == (int, int):
            return of_ints(rows, one, two)
        if kinds in WITH_FLOATS:
            return of_floats(rows, one, two)
        if one is None or two is None:
            return None
        what = f"{name} takes numbers, not {type_of(one)} and {type_of(two)}"
        raise refused(rows, what, NUMBERS_HINT)

    return run


WITH_FLOATS = frozenset(((int, float), (float, int), (float, float)))


def _of_number(rows: Rows, of: Part, name: str, apply: Callable[[Any], Any]) -> Part:
    """An operation on one number."""

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        if it is None:
            return None
        if type(it) is not int and type(it) is not float:
            raise refused(rows, f"{name} takes a number, not {type_of(it)}", NUMBERS_HINT)
        return apply(it)

    return run


def negate(rows: Rows, of: Part) -> Part:
    return _of_number(rows, of, "-", lambda it: _fit(rows, -it) if type(it) is int else -it)


def absolute(rows: Rows, of: Part) -> Part:
    return _of_number(
        rows, of, "abs()", lambda it: _fit(rows, abs(it)) if type(it) is int else abs(it)
    )


def rounded(rows: Rows, of: Part) -> Part:
    places = rows[2]
    return _of_number(rows, of, "round()", lambda it: it if type(it) is int else round(it, places))


def _whole(rows: Rows, of: Part, apply: Callable[[float], int]) -> Part:
    def whole(it: Any) -> int:
        if type(it) is int:
            return it
        if not math.isfinite(it):
            raise refused(rows, TOO_LARGE, SIZE_HINT)
        return _fit(rows, apply(it))

    return _of_number(rows, of, f"{rows[0]}()", whole)


def floor(rows: Rows, of: Part) -> Part:
    return _whole(rows, of, math.floor)


def ceil(rows: Rows, of: Part) -> Part:
    return _whole(rows, of, math.ceil)


ARITHMETIC: dict[str, Callable[..., Part]] = {
    **dict.fromkeys(OPERATORS, arithmetic),
    "neg": negate,
    "abs": absolute,
    "round": rounded,
    "floor": floor,
    "ceil": ceil,
}
