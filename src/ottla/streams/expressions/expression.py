"""Expressions: what is computed of a record, said as a value that both executors read.

`col("price") >= 10` is no comparison but the plan of one. It is immutable, prints as it was
typed, and gives its rows (nested tuples) to the Rust executor and a function to the Python one;
what the rows mean is written in `evaluation`. Nulls are SQL's: a missing field is null, an
operation on null is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from ottla.streams.expressions.display import Rows, shown
from ottla.streams.expressions.errors import ExpressionError
from ottla.streams.expressions.evaluation.compiled import compiled
from ottla.streams.expressions.fields import Fields, fields_of
from ottla.streams.serdes.serde import INT_MAX, INT_MIN

DEPTH_MAX = 100
NODES_MAX = 10_000
#: How many places `.round()` keeps at most.
PLACES_MAX = 15

CASTS = {str: "str", int: "int", float: "float", bool: "bool"}
UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LENGTH_OF_TIME = re.compile(r"([0-9]{1,15})(ms|s|m|h|d)")

Evaluate = Callable[[Any, Any, int, Any], Any]


class Expression:
    """Something to be computed of a record; made by `col`, `key`, `value`, `lit` and the like."""

    __slots__ = ("_depth", "_evaluate", "_nodes", "_rows")

    _rows: Rows
    _depth: int
    _nodes: int
    _evaluate: Evaluate | None

    def __init__(self, rows: Rows, children: Iterable[Expression] = ()) -> None:
        depth, nodes = 0, 1
        for child in children:
            depth, nodes = max(depth, child._depth), nodes + child._nodes
        if depth >= DEPTH_MAX or nodes > NODES_MAX:
            raise ExpressionError(
                f"the expression is too large: at most {DEPTH_MAX} levels and {NODES_MAX} parts",
                hint="use is_in() or between(), or compute a part in an operator before",
            )
        put = object.__setattr__
        put(self, "_rows", rows)
        put(self, "_depth", depth + 1)
        put(self, "_nodes", nodes)
        put(self, "_evaluate", None)

    # ------------------------------------------------------------ what it is to executors

    def rows(self) -> Rows:
        """The expression as nested tuples; each begins with the name of the operation."""
        return self._rows

    def fields(self) -> Fields:
        """The paths in the value that it reads; None where it reads the whole value."""
        return fields_of(self._rows)

    @property
    def evaluate(self) -> Evaluate:
        """The function of (key, value, timestamp in ms, headers) that computes it.

        It raises ExpressionError where a value is not what an operation takes.
        """
        if self._evaluate is None:
            object.__setattr__(self, "_evaluate", compiled(self._rows))
        assert self._evaluate is not None
        return self._evaluate

    def __repr__(self) -> str:
        return shown(self._rows)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an expression does not change: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an expression does not change: {name} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_again, (self._rows, self._depth, self._nodes))

    def __bool__(self) -> NoReturn:
        raise ExpressionError(
            f"{self!r} is neither true nor false until a record is there",
            hint="write & | ~ instead of and, or, not, with parentheses around comparisons; "
            "and .between(a, b) instead of a < x < b",
        )

    __hash__ = object.__hash__
    # An index is a field, so Python would take an expression for an endless sequence.
    __iter__ = None
    __contains__ = None

    # ------------------------------------------------------------ comparisons

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return self._binary("==", other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return self._binary("!=", other)

    def __lt__(self, other: object) -> Expression:
        return self._binary("<", other)

    def __le__(self, other: object) -> Expression:
        return self._binary("<=", other)

    def __gt__(self, other: object) -> Expression:
        return self._binary(">", other)

    def __ge__(self, other: object) -> Expression:
        return self._binary(">=", other)

    def is_null(self) -> Expression:
        """Whether it is null; never null itself."""
        return self._of("is_null")

    def is_in(self, members: Iterable[Any]) -> Expression:
        """Whether it is one of these literals, all of one kind: numbers, text, bytes or truth."""
        found = tuple(literal_of(member) for member in members)
        kinds = {_kind(member) for member in found}
        if len(kinds) > 1 or None in kinds:
            raise ExpressionError(
                "is_in() takes literals of one kind: numbers, text, bytes or truth; no null",
                hint="combine several is_in() by |, and ask for null by is_null()",
            )
        return self._of("is_in", found)

    def between(self, low: object, high: object) -> Expression:
        """Whether it lies from `low` to `high`, both included."""
        low, high = expression_of(low), expression_of(high)
        return Expression(("between", self._rows, low._rows, high._rows), (self, low, high))

    # ------------------------------------------------------------ arithmetic

    def __add__(self, other: object) -> Expression:
        return self._binary("+", other)

    def __radd__(self, other: object) -> Expression:
        return expression_of(other)._binary("+", self)

    def __sub__(self, other: object) -> Expression:
        return self._binary("-", other)

    def __rsub__(self, other: object) -> Expression:
        return expression_of(other)._binary("-", self)

    def __mul__(self, other: object) -> Expression:
        return self._binary("*", other)

    def __rmul__(self, other: object) -> Expression:
        return expression_of(other)._binary("*", self)

    def __truediv__(self, other: object) -> Expression:
        return self._binary("/", other)

    def __rtruediv__(self, other: object) -> Expression:
        return expression_of(other)._binary("/", self)

    def __floordiv__(self, other: object) -> Expression:
        return self._binary("//", other)

    def __rfloordiv__(self, other: object) -> Expression:
        return expression_of(other)._binary("//", self)

    def __mod__(self, other: object) -> Expression:
        return self._binary("%", other)

    def __rmod__(self, other: object) -> Expression:
        return expression_of(other)._binary("%", self)

    def __neg__(self) -> Expression:
        return self._of("neg")

    def abs(self) -> Expression:
        """Without its sign."""
        return self._of("abs")

    def round(self, places: int = 0) -> Expression:
        """To so many decimal places, halves to the even neighbour; an int stays as it is."""
        if not isinstance(places, int) or not 0 <= places <= PLACES_MAX:
            raise ExpressionError(
                f"round() takes 0 to {PLACES_MAX} places, not {places!r}",
                hint="divide first, to round to tens or hundreds",
            )
        return self._of("round", places)

    def floor(self) -> Expression:
        """The next int that is not greater."""
        return self._of("floor")

    def ceil(self) -> Expression:
        """The next int that is not less."""
        return self._of("ceil")

    # ------------------------------------------------------------ truth

    def __and__(self, other: object) -> Expression:
        return self._chain("&", other)

    def __rand__(self, other: object) -> Expression:
        return expression_of(other)._chain("&", self)

    def __or__(self, other: object) -> Expression:
        return self._chain("|", other)

    def __ror__(self, other: object) -> Expression:
        return expression_of(other)._chain("|", self)

    def __invert__(self) -> Expression:
        return self._of("~")

    # ------------------------------------------------------------ types, nulls, parts

    def cast(self, kind: type) -> Expression:
        """As `str`, `int`, `float` or `bool`; text must be a number to become one."""
        name = CASTS.get(kind) if isinstance(kind, type) else None
        if name is None:
            raise ExpressionError(
                f"cast() takes str, int, float or bool, not {kind!r}", hint="e.g. .cast(int)"
            )
        return self._of("cast", name)

    def fill_null(self, other: object) -> Expression:
        """The other where this is null."""
        return self._binary("fill_null", other)

    def __getitem__(self, segment: str | int) -> Expression:
        """A field of an object, or an entry of a list (from the end where negative)."""
        checked = literal_of(segment)
        if isinstance(checked, bool) or not isinstance(checked, (str, int)):
            raise ExpressionError(
                f"{self!r} takes a field's name or a place in a list, not {segment!r}",
                hint='e.g. col("address")["city"] or col("lines")[0]',
            )
        if self._rows[0] == "col":
            return Expression(("col", (*self._rows[1], checked)))
        return self._of("item", checked)

    # ------------------------------------------------------------ text

    def upper(self) -> Expression:
        """In capitals."""
        return self._of("upper")

    def lower(self) -> Expression:
        """In small letters."""
        return self._of("lower")

    def length(self) -> Expression:
        """How many code points text has, bytes have, or entries a list."""
        return self._of("length")

    def strip(self) -> Expression:
        """Without white space at both ends."""
        return self._of("strip")

    def starts_with(self, other: object) -> Expression:
        """Whether the text begins with the other."""
        return self._binary("starts_with", other)

    def ends_with(self, other: object) -> Expression:
        """Whether the text ends with the other."""
        return self._binary("ends_with", other)

    def contains(self, other: object) -> Expression:
        """Whether the other is somewhere in the text."""
        return self._binary("contains", other)

    def substring(self, start: int, length: int | None = None) -> Expression:
        """`length` code points (None: all) from `start`, which counts from 0."""
        for number in (start, 0 if length is None else length):
            if not isinstance(number, int) or isinstance(number, bool) or number < 0:
                raise ExpressionError(
                    f"substring() takes a start and a length of at least 0, not {number!r}",
                    hint="split() and [-1] find a part from the end",
                )
        return self._of("substring", literal_of(start), literal_of(length))

    def replace(self, old: str, new: str) -> Expression:
        """With each `old` become `new`."""
        return self._of("replace", _text("replace()", old), _text("replace()", new, True))

    def split(self, separator: str) -> Expression:
        """The list of the parts between separators."""
        return self._of("split", _text("split()", separator))

    def concat(self, *others: object) -> Expression:
        """The texts one after the other."""
        parts = [expression_of(other) for other in others]
        rows = ("concat", self._rows, *(part._rows for part in parts))
        return Expression(rows, (self, *parts))

    @property
    def time(self) -> Times:
        """What is known of a time, given as ms since the epoch; all in UTC."""
        return Times(self)

    # ------------------------------------------------------------ how they are made

    def _of(self, name: str, *rest: object) -> Expression:
        return Expression((name, self._rows, *rest), (self,))

    def _binary(self, name: str, other: object) -> Expression:
        right = expression_of(other)
        return Expression((name, self._rows, right._rows), (self, right))

    def _chain(self, name: str, other: object) -> Expression:
        """A chain of & or | is one operation of many parts, however long no deeper."""
        right = expression_of(other)
        if self._rows[0] != name:
            return Expression((name, self._rows, right._rows), (self, right))
        longer = Expression((*self._rows, right._rows), (right,))
        object.__setattr__(longer, "_depth", max(self._depth, right._depth + 1))
        object.__setattr__(longer, "_nodes", self._nodes + right._nodes)
        if longer._nodes > NODES_MAX:
            raise ExpressionError(
                f"the expression is too large: at most {DEPTH_MAX} levels and {NODES_MAX} parts",
                hint="use is_in() or between(), or compute a part in an operator before",
            )
        return longer


class Times:
    """What `.time` offers: parts of a time, given as ms since the epoch, in UTC."""

    __slots__ = ("_of",)

    def __init__(self, of: Expression) -> None:
        self._of = of

    def truncate(self, length: str) -> Expression:
        """The start of the span of this length that it lies in; spans count from the epoch.

        A length is a number and ms, s, m, h or d: "15m".
        """
        match = _LENGTH_OF_TIME.fullmatch(length) if isinstance(length, str) else None
        size = int(match[1]) * UNITS_MS[match[2]] if match else 0
        if not 0 < size <= INT_MAX:
            raise ExpressionError(
                f"truncate() takes a length of time, not {length!r}",
                hint='a number and ms, s, m, h or d: "500ms", "15m", "1d"',
            )
        return self._of._of("truncate", size)

    def year(self) -> Expression:
        return self._of._of("year")

    def month(self) -> Expression:
        """1 to 12."""
        return self._of._of("month")

    def day(self) -> Expression:
        """The day of the month, 1 to 31."""
        return self._of._of("day")

    def weekday(self) -> Expression:
        """0 on Monday to 6 on Sunday."""
        return self._of._of("weekday")

    def hour(self) -> Expression:
        """0 to 23."""
        return self._of._of("hour")

    def minute(self) -> Expression:
        """0 to 59."""
        return self._of._of("minute")

    def second(self) -> Expression:
        """0 to 59."""
        return self._of._of("second")

    def iso(self) -> Expression:
        """Its text by ISO 8601, to the ms: 2026-11-28T05:31:43.120Z."""
        return self._of._of("iso")


def expression_of(thing: object) -> Expression:
    """An expression as it is, anything else as a literal."""
    return thing if isinstance(thing, Expression) else Expression(("lit", literal_of(thing)))


def literal_of(value: Any) -> Any:
    """A literal: None, bool, int of 64 bits, float, str or bytes.

    Raises:
        ExpressionError: it is nothing of these.
    """
    kinds: tuple[Any, ...] = (bool, int, float, str, bytes)
    for kind in kinds:
        if isinstance(value, kind):
            found: Any = value if type(value) is kind else kind(value)
            if kind is int and not INT_MIN <= found <= INT_MAX:
                raise ExpressionError(
                    "a literal does not fit 64 bits", hint="use a float for numbers so large"
                )
            if isinstance(found, str) and not _is_unicode(found):
                raise ExpressionError("a literal has half a surrogate pair", hint="leave it out")
            return found
    if value is None:
        return None
    hint = "give None, a bool, an int, a float, a str or bytes, or an expression"
    if callable(value):
        hint = "a function is no part of an expression; give it to the operator by itself"
    raise ExpressionError(f"a literal cannot be of type {type(value).__name__}", hint=hint)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(what: str, given: object, may_be_empty: bool = False) -> str:
    if not isinstance(given, str) or not (given or may_be_empty):
        raise ExpressionError(f"{what} takes text, not {given!r}", hint='e.g. ","')
    return str(literal_of(given))


def _kind(member: Any) -> str | None:
    if isinstance(member, bool):
        return "bool"
    if isinstance(member, float) and member != member:
        return None
    if isinstance(member, (int, float)):
        return "number"
    return None if member is None else type(member).__name__


def _again(rows: Rows, depth: int, nodes: int) -> Expression:
    made = Expression(rows)
    object.__setattr__(made, "_depth", depth)
    object.__setattr__(made, "_nodes", nodes)
    return made
