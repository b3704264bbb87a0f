"""What makes processors: their class, or a function that makes one each time that it is called.

A task has a processor of its own for each node, so a supplier that gives the same object twice
would let two nodes share one context, and write where it should not. As Kafka's `ApiUtils` does, we
call a function twice when the topology is described and look at what it gives; of a class we know
it without making one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from ottla.streams.builder.specs import shown
from ottla.streams.errors import TopologyError
from ottla.streams.plan.callables import ASYNC_HINT, check_plain, is_async, name_of
from ottla.streams.plan.stores import Store

#: What executors call of what a supplier made.
CALLED = ("init", "process", "transform", "close")


def check_supplier(supplier: Any, what: str, stores: Iterable[object] = ()) -> None:
    """The supplier that the operator `what` was given, and the names of stores beside it.

    Raises:
        TopologyError: it is no class or function without parameters that makes processors, each
            time another one; or one of the stores is no name.
    """
    if not callable(supplier):
        raise TopologyError(
            f"{what} needs a class or a function that makes a processor, not {shown(supplier)}",
            hint="give the class itself: process(Counter, 'counts')",
        )
    check_plain(supplier, what)
    _check_parameters(supplier, what)
    method = "transform" if what == "transform_values" else "process"
    new: Any = supplier.__new__
    if isinstance(supplier, type) and new is object.__new__:
        _check_processor(supplier, supplier, method, what)
    else:
        made = _made(supplier, what)
        _check_processor(made, supplier, method, what)
        if made is _made(supplier, what):
            raise TopologyError(
                f"the supplier {name_of(supplier)} of {what} gave the same {type(made).__name__} "
                "twice, and each node of each task needs a processor of its own",
                hint="give the class itself, or make one at each call: "
                f"lambda: {type(made).__name__}(…)",
            )
    for store in stores:
        if not isinstance(store, str):
            raise TopologyError(
                f"{what} is told the names of stores, not {shown(store)}",
                hint="app.add_store(spec) gives the name: process(Counter, app.add_store(…))",
            )


def _check_parameters(supplier: Any, what: str) -> None:
    try:
        inspect.signature(supplier).bind()
    except ValueError:
        return  # Python knows nothing of its parameters
    except TypeError:
        raise TopologyError(
            f"{what} calls {name_of(supplier)} without arguments to make a processor, "
            "and it needs some",
            hint="give what it needs in a lambda: `lambda: Counter(5)`; a function of records "
            "goes to map, filter or foreach",
        ) from None


def _made(supplier: Any, what: str) -> Any:
    try:
        return supplier()
    except Exception as error:
        raise TopologyError(
            f"{what} called {name_of(supplier)} to make a processor, which failed: "
            f"{type(error).__name__}: {error}",
            hint="let it only make the processor; what it needs of the task it gets in init",
        ) from error


def _check_processor(made: Any, supplier: Any, method: str, what: str) -> None:
    """What was made, or its class: it has the method that records go to, and none is async."""
    if not callable(getattr(made, method, None)):
        kind = "ValueTransformer" if method == "transform" else "Processor"
        given = f"gives {shown(made)}" if made is not supplier else "is a class"
        raise TopologyError(
            f"{what} needs what makes a processor, and {name_of(supplier)} {given}, which has no "
            f"method {method}",
            hint=f"write a subclass of {kind} and give the class itself",
        )
    for each in CALLED:
        if is_async(getattr(made, each, None)):
            kind = made.__name__ if isinstance(made, type) else type(made).__name__
            raise TopologyError(
                f"{what} was given a processor whose {each} is async ({kind}.{each}), and Streams "
                "calls plain methods",
                hint=ASYNC_HINT,
            )


def stores_of(supplier: Any) -> Iterable[Store]:
    """The stores that a supplier brings along."""
    stores = getattr(supplier, "stores", None)
    return [spec.row() for spec in stores()] if stores is not None else []
