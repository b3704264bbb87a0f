"""Functions that take the values of many records at once: a model that scores rows, NumPy, Arrow.

The reference executor calls them with one value at a time, the fast one with as many as it has: all
records of a batch that reach the operator through nothing but expressions and other such functions.
So what a function says of a value must not depend on the values beside it, nor on when it is asked.
If it raises for many, it is asked again for each alone, and only the record at fault fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.errors import ProcessingError, TopologyError
from ottla.streams.plan.callables import check_plain, name_of


class Batched:
    """What `batched` and `arrow` make of a function. Called with one value, it gives one result."""

    __slots__ = ("function", "name")

    def __init__(self, function: Callable[[Any], Any]) -> None:
        if not callable(function):
            raise TopologyError(
                f"a function of many values is needed, not {function!r}",
                hint="give a function that takes a list and gives a list as long",
            )
        check_plain(function, "a function of many values")
        self.function = function
        self.name = name_of(function)

    def __call__(self, value: Any) -> Any:
        return self.many([value])[0]

    def many(self, values: list[Any]) -> list[Any]:
        """The results of many values, in their order.

        Raises:
            ProcessingError: it gave more or fewer results than values.
        """
        results = self._results(values)
        if len(results) != len(values):
            raise ProcessingError(
                f"{self.name} was given {len(values)} values and gave {len(results)}",
                hint="give one result for each value, in their order; None where there is none",
            )
        return results

    def _results(self, values: list[Any]) -> list[Any]:
        return listed(self.function(values))


class Arrow(Batched):
    """As `Batched`, with values and results as arrays of Apache Arrow."""

    __slots__ = ("type",)

    def __init__(self, function: Callable[[Any], Any], type: Any = None) -> None:
        super().__init__(function)
        self.type = type
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise TopologyError(
                "functions of Arrow arrays need the package pyarrow",
                hint="pip install 'ottla[arrow]'",
            ) from None

    def _results(self, values: list[Any]) -> list[Any]:
        import pyarrow

        return listed(self.function(pyarrow.array(values, type=self.type)))


def batched(function: Callable[[list[Any]], Any]) -> Batched:
    """A function of many values: it takes a list of them and gives as many results.

    For `map_values`, `filter`, `flat_map_values` and `select_key`, as a decorator or around the
    function. The results are a list, or anything that has `tolist()`, such as a NumPy array.

    Raises:
        TopologyError: it is no function.
    """
    return Batched(function)


def arrow(function: Callable[[Any], Any], type: Any = None) -> Batched:
    """A function of a `pyarrow.Array` of values that gives an array as long (needs `ottla[arrow]`).

    `type` is the array's type where it should not be guessed from the values. Values that are dicts
    are an array of structs; a `RecordBatch` of results becomes dicts.

    Raises:
        TopologyError: it is no function, or pyarrow is not installed.
    """
    return Arrow(function, type)


def listed(results: Any) -> list[Any]:
    for method in ("to_pylist", "tolist"):
        if hasattr(results, method):
            return list(getattr(results, method)())
    return list(results)
