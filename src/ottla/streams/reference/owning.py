"""A value of one's own: dicts and lists anew for every function that is given one.

A function, joiner or processor may change what it was given, and nobody else sees it: not the
sibling that reads the same stream, not the table that it came of. What it returns or forwards is
all that counts. The fast executor makes a document anew from its bytes, so this is its rule too.
Objects of a user's own classes are shared, as every object is in Java.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: What is nested deeper is shared (`NESTED` in the core's `convert.rs`).
NESTED = 64


def of_its_own(value: Any, depth: int = NESTED) -> Any:
    """The value, or a dict or list with the same content."""
    kind = type(value)
    if (kind is not dict and kind is not list) or not depth:
        return value
    if kind is dict:
        return {key: of_its_own(each, depth - 1) for key, each in value.items()}
    return [of_its_own(each, depth - 1) for each in value]


def with_its_own(call: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function that is given values of its own."""

    def of_own(*given: Any) -> Any:
        return call(*[of_its_own(each) for each in given])

    return of_own
