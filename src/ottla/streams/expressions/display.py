"""How an expression looks: as it would be typed, from its rows.

Literals are printed as JSON has them (text) or as Python has them (all else); a nested operation
stands in parentheses always. The Rust executor prints the same, so that errors read the same.
"""

from __future__ import annotations

import json
from typing import Any

SHOWN_MAX = 200
VALUE_SHOWN_MAX = 40
MEMBERS_SHOWN_MAX = 5

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
ARITHMETIC = ("+", "-", "*", "/", "//", "%")
#: What is put into parentheses where it is an operand.
LOOSE = frozenset((*COMPARISONS, *ARITHMETIC, "&", "|", "~", "neg", "when"))

Rows = tuple[Any, ...]


def shown(rows: Rows) -> str:
    """The expression, as it would be typed."""
    return "lit(" + literal(rows[1]) + ")" if rows[0] == "lit" else _inner(rows)


def cut(text: str, most: int = SHOWN_MAX) -> str:
    """Text of at most so many letters."""
    return text if len(text) <= most else text[:most] + "…"


def quoted(text: str) -> str:
    """A value's text in an error."""
    return json.dumps(cut(text, VALUE_SHOWN_MAX), ensure_ascii=False)


def literal(value: Any) -> str:
    """A literal, as it would be typed."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bytes):
        return f'bytes.fromhex("{value.hex()}")'
    return repr(value)


def _inner(rows: Rows) -> str:
    """An expression where it is an argument: literals stand bare."""
    name = rows[0]
    if name == "lit":
        return literal(rows[1])
    if name == "col":
        return _column(rows[1])
    if name in ("key", "timestamp"):
        return f"{name}()"
    if name == "header":
        return f"header({literal(rows[1])})"
    if name in ("~", "neg"):
        return ("~" if name == "~" else "-") + _operand(rows[1])
    if name in LOOSE and name != "when":
        return f" {name} ".join(_operand(row) for row in rows[1:])
    if name == "when":
        cases = "".join(f"when({_inner(c)}).then({_inner(then)})." for c, then in rows[1])
        return f"{cases}otherwise({_inner(rows[2])})"
    if name == "record":
        return "record(" + ", ".join(f"{field}={_inner(row)}" for field, row in rows[1]) + ")"
    if name == "parse_time":
        return f"parse_time({_inner(rows[1])})"
    return _method(rows)


def _method(rows: Rows) -> str:
    name, of, *rest = rows
    receiver = f"lit({literal(of[1])})" if of[0] == "lit" else _operand(of)
    if name == "item":
        return f"{receiver}[{literal(rest[0])}]"
    if name == "is_in":
        members = [literal(member) for member in rest[0][:MEMBERS_SHOWN_MAX]]
        if len(rest[0]) > MEMBERS_SHOWN_MAX:
            members.append("…")
        return f"{receiver}.is_in([{', '.join(members)}])"
    if name == "cast":
        return f"{receiver}.cast({rest[0]})"
    if name in TIME:
        arguments = f'"{rest[0]}ms"' if name == "truncate" else ""
        return f"{receiver}.time.{name}({arguments})"
    return f"{receiver}.{name}({', '.join(_argument(part) for part in rest)})"


#: Methods of `.time`.
TIME = frozenset(("truncate", "hour", "minute", "second", "day", "weekday", "month", "year", "iso"))


def _argument(part: Any) -> str:
    return _inner(part) if isinstance(part, tuple) else literal(part)


def _operand(rows: Rows) -> str:
    text = _inner(rows)
    return f"({text})" if rows[0] in LOOSE else text


def _column(path: tuple[str | int, ...]) -> str:
    plain = 0
    for segment in path:
        if not isinstance(segment, str) or not segment or "." in segment:
            break
        plain += 1
    head = f"col({literal('.'.join(map(str, path[:plain])))})" if plain else "value()"
    return head + "".join(f"[{literal(segment)}]" for segment in path[plain:])
