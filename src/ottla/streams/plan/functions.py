"""What a user gives an operator to call: a Python function, or an expression as data.

How many parameters a function has says what it is called with, in Kafka's order: where Kafka offers
`(key, value)`, one parameter gets the value; where it offers `(key, value, aggregate)`, two get the
value and the aggregate; where it offers `(key, left, right)`, two get left and right. That is
decided once, when the topology is built, so an executor only reads `arguments`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ottla.streams.errors import TopologyError
from ottla.streams.expressions import Expression
from ottla.streams.expressions.fields import children
from ottla.streams.plan.batched import Batched
from ottla.streams.plan.callables import check_plain, name_of
from ottla.streams.plan.fields import check_fields
from ottla.streams.serdes import Serde

TIME_AND_HEADERS = ("timestamp", "headers")
#: What leaves of expressions read besides the value.
READS = {"key": "key", "timestamp": "timestamp", "header": "headers"}


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function and the names of what it is called with, in order.

    `expression` is set where the user gave an expression; `call` then evaluates it and takes
    `key, value, timestamp, headers`.
    """

    call: Callable[..., Any]
    arguments: tuple[str, ...]
    expression: Expression | None = None
    name: str = field(default="")
    #: As `call`, for the values of many records at once.
    batch: Callable[[list[Any]], list[Any]] | None = None

    @classmethod
    def of(
        cls, given: object, offered: Sequence[str], *, what: str, values: Serde | None = None
    ) -> Function:
        """The function for an operator that offers these arguments; `what` is named in errors.

        `values` is the serde of the values that it reads, where that is known.

        Raises:
            TopologyError: it is no function, or asks for what the operator does not offer, or for
                a field that the values do not have.
        """
        return cls._of(given, offered, offered, what, values)

    @classmethod
    def of_record(
        cls, given: object, offered: Sequence[str] = ("key", "value"), *, what: str,
        values: Serde | None = None,
    ) -> Function:  # fmt: skip
        """As `of`, for an operator that has a whole record: an expression may also ask for its time
        and its headers.
        """
        return cls._of(given, offered, (*offered, *TIME_AND_HEADERS), what, values)

    @classmethod
    def _of(
        cls, given: object, offered: Sequence[str], readable: Sequence[str], what: str,
        values: Serde | None,
    ) -> Function:  # fmt: skip
        if isinstance(given, Expression):
            _check_reads(given, readable, what)
            check_fields(given, values, what)
            arguments = ("key", "value", *TIME_AND_HEADERS)
            return cls(given.evaluate, arguments, given, repr(given))
        if isinstance(given, Batched):
            if tuple(offered) != ("key", "value"):
                raise TopologyError(
                    f"{what} calls its function with ({', '.join(offered)}), "
                    f"and {given.name} takes many values and nothing else",
                    hint="give it to map_values, filter, flat_map_values or select_key",
                )
            return cls(given, ("value",), None, given.name, given.many)
        if not callable(given):
            raise TopologyError(
                f"{what} needs a function or an expression, not {given!r}",
                hint="give a function, a lambda, or an expression such as col('price') >= 10",
            )
        check_plain(given, what)
        count = positional_parameters(given, len(offered))
        # Of two that belong together, one alone would be the one that nobody expects.
        least = min(len(offered), 2 if {"aggregate", "left"} & set(offered) else 1)
        if not least <= count <= len(offered):
            raise TopologyError(
                f"{what} calls its function with ({', '.join(offered)}), "
                f"but {name_of(given)} takes {count} parameters",
                hint=f"take {' or '.join(suffixes(offered, least)) or 'none'}",
            )
        return cls(given, tuple(offered[len(offered) - count :]), None, name_of(given))


def _check_reads(given: Expression, readable: Sequence[str], what: str) -> None:
    missing = [name for name in reads_of(given) if name not in readable]
    if missing:
        has = f"({', '.join(readable)})" if readable else "nothing"
        raise TopologyError(
            f"{given!r} reads the record's {' and '.join(missing)}, and {what} has {has}",
            hint="give it a Python function",
        )


def reads_of(expression: Expression) -> list[str]:
    """What an expression reads of a record: its value always, the rest where it names it."""
    found, rest = ["value"], [expression.rows()]
    while rest:
        rows = rest.pop()
        read = READS.get(rows[0])
        if read is not None and read not in found:
            found.append(read)
        rest += children(rows)
    return found


def suffixes(offered: Sequence[str], least: int) -> list[str]:
    starts = range(len(offered) - least, -1, -1) if offered else ()
    return [f"({', '.join(offered[start:])})" for start in starts]


def positional_parameters(given: Callable[..., Any], offered: int) -> int:
    """How many of what is offered the function takes; all, where Python cannot say.

    A parameter with a default is not filled; one that catches all (`*args`) takes all.
    """
    try:
        signature = inspect.signature(given)
    except (TypeError, ValueError):  # a type such as `str`, or a function in C that does not say
        return min(offered, 1) if isinstance(given, type) else offered
    parameters = signature.parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return offered
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for p in parameters if p.kind in places and p.default is p.empty)
