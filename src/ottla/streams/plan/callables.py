"""What users give to be called, and that it is no `async` function.

Streams calls a function and takes what it gives for the result. A coroutine that nobody awaits is
such a result too, and true: a filter would let every record through. So all that takes a function
asks here, once, when the topology is built. What a plain function gives is not looked at.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from ottla.streams.errors import TopologyError

ASYNC_HINT = (
    "write it with def; what must be awaited belongs before the topic that is read, or after the "
    "one that is written"
)


def name_of(given: object) -> str:
    while isinstance(given, partial):
        given = given.func
    return getattr(given, "__qualname__", None) or type(given).__qualname__


def is_async(given: object) -> bool:
    """Whether a call gives a coroutine or an async generator, as far as Python can say."""
    while isinstance(given, partial):
        given = given.func
    kind: Any = type(given)
    called = kind.__call__ if callable(given) and not isinstance(given, type) else None
    return any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each)
        for each in (given, called)
    )


def check_plain(given: object, what: str) -> None:
    """Refuse an `async` function; `what` takes it.

    Raises:
        TopologyError: it is one.
    """
    if is_async(given):
        raise TopologyError(
            f"{what} was given {name_of(given)}, which is async, and Streams calls plain functions",
            hint=ASYNC_HINT,
        )
