"""Text, counted in code points, and what becomes text or is read from it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from ottla.streams.expressions.display import Rows, quoted
from ottla.streams.expressions.evaluation.arithmetic import TOO_LARGE
from ottla.streams.expressions.evaluation.refusal import (
    CAST_HINT,
    RECORD_HINT,
    SIZE_HINT,
    TEXT_HINT,
    Part,
    refused,
)
from ottla.streams.expressions.plain import type_of
from ottla.streams.serdes import JSON, SerdeError, Windowed
from ottla.streams.serdes.serde import INT_MAX, INT_MIN

#: Digits of a text that `.cast(int)` reads at most, so that a long one costs no time.
DIGITS_MAX = 40
_INT = re.compile(rf"[+-]?[0-9]{{1,{DIGITS_MAX}}}")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUTH = {"true": True, "false": False}


def _text(rows: Rows, of: Part, apply: Callable[[str], Any]) -> Part:
    """An operation on one text."""
    name = f"{rows[0]}()"

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        if it is None:
            return None
        if type(it) is not str:
            raise refused(rows, f"{name} takes str, not {type_of(it)}", TEXT_HINT)
        return apply(it)

    return run


def upper(rows: Rows, of: Part) -> Part:
    return _text(rows, of, str.upper)


def lower(rows: Rows, of: Part) -> Part:
    return _text(rows, of, str.lower)


def strip(rows: Rows, of: Part) -> Part:
    return _text(rows, of, str.strip)


def substring(rows: Rows, of: Part) -> Part:
    _, _, start, length = rows
    end = None if length is None else start + length
    return _text(rows, of, lambda it: it[start:end])


def replace(rows: Rows, of: Part) -> Part:
    _, _, old, new = rows
    return _text(rows, of, lambda it: it.replace(old, new))


def split(rows: Rows, of: Part) -> Part:
    separator = rows[2]
    return _text(rows, of, lambda it: it.split(separator))


def length(rows: Rows, of: Part) -> Part:
    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        if it is None:
            return None
        if type(it) not in (str, bytes, list):
            raise refused(rows, f"length() takes str, not {type_of(it)}", TEXT_HINT)
        return len(it)

    return run


def _texts(rows: Rows, parts: tuple[Part, ...], apply: Callable[[list[str]], Any]) -> Part:
    """An operation on several texts."""
    name = f"{rows[0]}()"

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        found = [part(key, value, timestamp, headers) for part in parts]
        if None in found:
            return None
        for it in found:
            if type(it) is not str:
                raise refused(rows, f"{name} takes str, not {type_of(it)}", TEXT_HINT)
        return apply(found)

    return run


def starts_with(rows: Rows, *parts: Part) -> Part:
    return _texts(rows, parts, lambda found: found[0].startswith(found[1]))


def ends_with(rows: Rows, *parts: Part) -> Part:
    return _texts(rows, parts, lambda found: found[0].endswith(found[1]))


def contains(rows: Rows, *parts: Part) -> Part:
    return _texts(rows, parts, lambda found: found[1] in found[0])


def concat(rows: Rows, *parts: Part) -> Part:
    return _texts(rows, parts, "".join)


# ---------------------------------------------------------------- casts


def cast(rows: Rows, of: Part) -> Part:
    apply = _CASTS[rows[2]]

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        return None if it is None else apply(rows, it)

    return run


def _no_cast(rows: Rows, it: Any) -> Exception:
    if type(it) is str:
        return refused(rows, f"the text {quoted(it)} is no {rows[2]}", CAST_HINT)
    return refused(rows, f"type {type_of(it)} does not become {rows[2]}", CAST_HINT)


def _to_int(rows: Rows, it: Any) -> int:
    if type(it) is int:
        return it
    if type(it) is bool:
        return int(it)
    if type(it) is str and _INT.fullmatch(it):
        found = int(it)
    elif type(it) is float:
        if not math.isfinite(it):
            raise refused(rows, TOO_LARGE, SIZE_HINT)
        found = int(it)
    else:
        raise _no_cast(rows, it)
    if INT_MIN <= found <= INT_MAX:
        return found
    raise refused(rows, TOO_LARGE, SIZE_HINT)


def _to_float(rows: Rows, it: Any) -> float:
    if type(it) in (int, float, bool) or (type(it) is str and _FLOAT.fullmatch(it)):
        return float(it)
    raise _no_cast(rows, it)


def _to_bool(rows: Rows, it: Any) -> bool:
    if type(it) in (int, float, bool):
        return bool(it)
    if type(it) is str and it in _TRUTH:
        return _TRUTH[it]
    raise _no_cast(rows, it)


def _to_str(rows: Rows, it: Any) -> str:
    """Numbers as Python prints them, truth, dicts and lists as JSON does."""
    if type(it) is str:
        return it
    if type(it) is bool:
        return "true" if it else "false"
    if type(it) in (int, float):
        return repr(it)
    if type(it) in (dict, list):
        try:
            return (JSON.serialize(it) or b"").decode()
        except SerdeError:
            pass
    raise _no_cast(rows, it)


_CASTS: dict[str, Callable[[Rows, Any], Any]] = {
    "int": _to_int,
    "float": _to_float,
    "bool": _to_bool,
    "str": _to_str,
}


def record(rows: Rows, *parts: Part) -> Part:
    """An object of JSON; numbers that JSON does not have are null."""
    named = list(zip((name for name, _ in rows[1]), parts, strict=True))

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        made = {}
        for name, part in named:
            it = part(key, value, timestamp, headers)
            if type(it) is float and not math.isfinite(it):
                it = None
            elif type(it) is bytes or type(it) is Windowed:
                what = f"JSON has nothing for the field {quoted(name)} of type {type_of(it)}"
                raise refused(rows, what, RECORD_HINT)
            made[name] = it
        return made

    return run


TEXTS: dict[str, Callable[..., Part]] = {
    "upper": upper,
    "lower": lower,
    "strip": strip,
    "substring": substring,
    "replace": replace,
    "split": split,
    "length": length,
    "starts_with": starts_with,
    "ends_with": ends_with,
    "contains": contains,
    "concat": concat,
    "cast": cast,
    "record": record,
}
