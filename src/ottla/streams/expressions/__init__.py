"""Expressions: `col("price") >= 10`, read by both executors and run without Python in the fast one.

`builders` is where they begin, `expression` what they offer, `evaluation` what they mean.
"""

from ottla.streams.expressions.builders import (
    col,
    header,
    key,
    lit,
    parse_time,
    record,
    timestamp,
    value,
    when,
)
from ottla.streams.expressions.errors import ExpressionError
from ottla.streams.expressions.expression import Expression

__all__ = [
    "Expression",
    "ExpressionError",
    "col",
    "header",
    "key",
    "lit",
    "parse_time",
    "record",
    "timestamp",
    "value",
    "when",
]
