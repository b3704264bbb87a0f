"""How an operation refuses a value: the same words in both executors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.expressions.display import Rows, cut, shown
from ottla.streams.expressions.errors import ExpressionError

#: What rows become: a function of (key, value, timestamp, headers).
Part = Callable[[Any, Any, int, Any], Any]

NUMBERS_HINT = "make it a number by .cast(int) or .cast(float), or filter such records out before"
TEXT_HINT = "make it text by .cast(str), or filter such records out before"
TRUTH_HINT = 'compare first, e.g. col("x") == 1, or use .cast(bool)'
KINDS_HINT = "make both one kind by .cast(), or filter such records out before"
SIZE_HINT = "use .cast(float), or smaller numbers"
ZERO_HINT = "test first: when(divisor != 0).then(…).otherwise(…)"
CAST_HINT = "filter such records out before, or cast in a function of your own"
TIME_HINT = 'give ms since the epoch as an int, e.g. timestamp() or parse_time(col("at"))'
PARSE_HINT = "write it as 2026-11-28T05:31:43.120Z; .cast(int) reads ms since the epoch"
PATH_HINT = "fields are read from JSON objects, places from lists; value() is the whole value"
RECORD_HINT = "use .cast(str), or leave the field out"
VALUE_HINT = "take what you need of it in a function before"


def refused(rows: Rows, what: str, hint: str) -> ExpressionError:
    """The error of this expression."""
    return ExpressionError(f"{cut(shown(rows))}: {what}", hint=hint)
