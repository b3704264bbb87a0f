"""Where expressions begin: the parts of a record, literals, cases, records of their own."""

from __future__ import annotations

from ottla.streams.expressions.errors import ExpressionError
from ottla.streams.expressions.expression import Expression, expression_of, literal_of


def col(name: str) -> Expression:
    """A field of the value; `a.b` is the field b of the field a.

    A name that has a dot of its own is written `value()["a.b"]`.
    """
    if not isinstance(name, str) or not all(name.split(".")):
        raise ExpressionError(
            f"col() takes the name of a field, not {name!r}",
            hint='e.g. col("price"), or col("address.city") for a field in a field',
        )
    return Expression(("col", tuple(literal_of(name).split("."))))


def value() -> Expression:
    """The record's value."""
    return Expression(("col", ()))


def key() -> Expression:
    """The record's key."""
    return Expression(("key",))


def timestamp() -> Expression:
    """The record's time in ms since the epoch."""
    return Expression(("timestamp",))


def header(name: str) -> Expression:
    """The text of the record's last header of this name; null where there is none."""
    if not isinstance(name, str):
        raise ExpressionError(f"header() takes a name, not {name!r}", hint='e.g. header("trace")')
    return Expression(("header", literal_of(name)))


def lit(value: object) -> Expression:
    """A literal: None, a bool, an int of 64 bits, a float, a str or bytes."""
    return Expression(("lit", literal_of(value)))


def parse_time(text: object) -> Expression:
    """The ms since the epoch of a text by ISO 8601; UTC where it names no zone."""
    of = expression_of(text)
    return Expression(("parse_time", of.rows()), (of,))


def record(**fields: object) -> Expression:
    """An object of JSON with these fields alone, in this order.

    To add a field to a document take a function: `lambda value: {**value, "total": 3}`.
    """
    parts = {literal_of(name): expression_of(part) for name, part in fields.items()}
    rows = tuple((name, part.rows()) for name, part in parts.items())
    return Expression(("record", rows), parts.values())


class When:
    """A condition that waits for its result."""

    __slots__ = ("_cases", "_condition")

    def __init__(
        self, condition: object, cases: tuple[tuple[Expression, Expression], ...] = ()
    ) -> None:
        self._condition, self._cases = expression_of(condition), cases

    def then(self, result: object) -> Then:
        """What it is where the condition holds."""
        return Then((*self._cases, (self._condition, expression_of(result))))


class Then(Expression):
    """Cases; null where none holds, until `otherwise` says more."""

    __slots__ = ("_cases",)

    _cases: tuple[tuple[Expression, Expression], ...]

    def __init__(self, cases: tuple[tuple[Expression, Expression], ...]) -> None:
        made = _cases(cases, expression_of(None))
        super().__init__(made.rows(), [part for case in cases for part in case])
        object.__setattr__(self, "_cases", cases)

    def when(self, condition: object) -> When:
        """A further case, tried where those before do not hold."""
        return When(condition, self._cases)

    def otherwise(self, result: object) -> Expression:
        """What it is where no case holds."""
        return _cases(self._cases, expression_of(result))


def when(condition: object) -> When:
    """`when(condition).then(result).otherwise(other)`; more cases by `.when()` after `.then()`."""
    return When(condition)


def _cases(cases: tuple[tuple[Expression, Expression], ...], otherwise: Expression) -> Expression:
    rows = tuple((condition.rows(), result.rows()) for condition, result in cases)
    parts = [part for case in cases for part in case]
    return Expression(("when", rows, otherwise.rows()), (*parts, otherwise))
