"""JSON texts read, printed and pointed into, as a registry that is written in Java does it.

A text becomes dicts, lists, strings, ints, Decimals (so that a number keeps its digits), booleans
and None; of a key that is given twice the last value counts. Printed, it is compact, in the order
of the text, nothing beyond ASCII escaped, as Jackson's writeValueAsString does: that is what
another registry stores, and what an id is looked up by. What is not JSON, nests too deep or can't
be kept is refused with its line and column.

Not here: what a JSON Schema may say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, DecimalException
from typing import Any

from ottla.schemas.language import DEPTH_MAX, InvalidSchema

NESTING_MAX = 2 * DEPTH_MAX
"""Brackets within brackets: a property's schema takes two."""

DIGITS_MAX = 1000
"""Of one number; Jackson's own limit."""

EXPONENT_MAX = 1000
"""A number of more digits before or after its point would cost whoever calculates with it."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_ESCAPES = {code: f"\\u{code:04X}" for code in range(0x20)} | {
    8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\",
}  # fmt: skip
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class _BadNumber(ValueError):
    """A literal that is no number of JSON, or is one that nobody should calculate with."""

    def __init__(self, literal: str, why: str) -> None:
        super().__init__(why)
        self.literal = literal


def parse(text: str) -> Any:
    """What a text says.

    Raises:
        InvalidSchema: it is no JSON, nests deeper than NESTING_MAX, or has half a surrogate pair or
            a number without end.
    """
    if text.count("[") + text.count("{") > NESTING_MAX:
        _check_nesting(text)
    if (half := _SURROGATE.search(text)) is not None:
        raise _at(text, half.start(), "the text has half a surrogate pair, which is no character")
    try:
        value = json.loads(text, parse_float=_number, parse_int=_whole, parse_constant=_constant)
    except json.JSONDecodeError as error:
        what = error.msg[0].lower() + error.msg[1:]
        raise InvalidSchema(
            f"the text is no JSON: {what} at line {error.lineno}, column {error.colno}",
            line=error.lineno,
            column=error.colno,
        ) from None
    except _BadNumber as error:
        found = (t.start() for t in _TOKEN.finditer(text) if t.group() == error.literal)
        raise _at(text, next(found, 0), str(error)) from None
    if "\\u" in text:
        _check_escapes(value)
    return value


def printed(value: Any, *, sort: bool = False) -> str:
    """A value as compact JSON; with its keys sorted, where that is asked for."""
    parts: list[str] = []
    _print(value, sort, parts.append)
    return "".join(parts)


def shown(value: Any, length: int = 60) -> str:
    """A value as it stands in a message: in one line, and no longer than `length` characters."""
    text = printed(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def pointer(tokens: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901), "" for the whole."""
    return "".join(f"/{escaped(str(token))}" for token in tokens)


def escaped(token: str) -> str:
    """One name, as a JSON pointer spells it."""
    return token.replace("~", "~0").replace("/", "~1")


def place(text: str, tokens: Sequence[str | int]) -> tuple[int, int]:
    """Line and column, from 1, of what a pointer's tokens lead to; (0, 0) if it isn't there.

    The text is read once more for it: only an error needs a place.
    """
    wanted = [str(token) for token in tokens]
    # Of a key that is given twice the last value counts.
    found = [start for path, start in _values(text) if path == wanted][-1:]
    return line_and_column(text, found[0]) if found else (0, 0)


def _print(value: Any, sort: bool, put: Any) -> None:
    if isinstance(value, str):
        put(f'"{value.translate(_ESCAPES)}"')
    elif isinstance(value, dict):
        put("{")
        for number, key in enumerate(sorted(value) if sort else value):
            put(f'{"," if number else ""}"{key.translate(_ESCAPES)}":')
            _print(value[key], sort, put)
        put("}")
    elif isinstance(value, list):
        put("[")
        for number, item in enumerate(value):
            if number:
                put(",")
            _print(item, sort, put)
        put("]")
    else:
        put({True: "true", False: "false", None: "null"}[value] if _word(value) else str(value))


def _word(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _number(literal: str) -> Decimal:
    """Decimal prints itself by the rules that Java's BigDecimal has too."""
    _check_length(literal)
    try:
        number = Decimal(literal)
        far = number != 0 and abs(number.adjusted()) > EXPONENT_MAX
        far = far or abs(int(number.as_tuple().exponent)) > EXPONENT_MAX
    except (DecimalException, ValueError):
        far = True
    if far:
        raise _BadNumber(literal, f"a number is beyond 1e±{EXPONENT_MAX}")
    return abs(number) if number == 0 else number


def _whole(literal: str) -> int:
    _check_length(literal)
    return int(literal)


def _check_length(literal: str) -> None:
    if len(literal) > DIGITS_MAX:
        raise _BadNumber(literal, f"a number has more than {DIGITS_MAX} digits")


def _constant(literal: str) -> Any:
    raise _BadNumber(literal, f"{literal} is no number of JSON")


def _check_nesting(text: str) -> None:
    depth = 0
    for token in _BRACKET.finditer(text):
        mark = token.group()
        if mark in "[{":
            depth += 1
            if depth > NESTING_MAX:
                what = f"the text nests deeper than {NESTING_MAX} brackets"
                raise _at(text, token.start(), what)
        elif mark in "]}":
            depth -= 1


def _check_escapes(value: Any) -> None:
    """An escape can spell half a surrogate pair, which no UTF-8 can keep."""
    half = _SURROGATE.search(printed(value))
    if half is not None:
        raise InvalidSchema(
            f"the text has \\u{ord(half.group()):04x} alone: half a surrogate pair is no character"
        )


def _values(text: str) -> Iterator[tuple[list[str], int]]:
    """Every value's path and where it begins; the text is known to be JSON."""
    path: list[str] = []
    kinds: list[str] = []  # What we are within: "[", "{" before a key, ":" before a value.
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "]}":
            kinds.pop()
            path.pop()
        elif mark == ",":
            if kinds[-1] == "[":
                path[-1] = str(int(path[-1]) + 1)
            else:
                kinds[-1] = "{"
        elif mark == ":":
            kinds[-1] = ":"
        elif kinds and kinds[-1] == "{":
            path[-1] = json.loads(mark)
        else:
            yield path, token.start()
            if mark in "[{":
                kinds.append(mark)
                path.append("0" if mark == "[" else "")


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Where an offset is, from 1; lines end as in the text."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _at(text: str, offset: int, what: str) -> InvalidSchema:
    line, column = line_and_column(text, offset)
    return InvalidSchema(f"{what} (line {line}, column {column})", line=line, column=column)
