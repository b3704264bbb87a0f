"""The functions that rows may name; each stands in `tests/java/streams/GivenFunctions.java` too.

A function sees keys and values as texts, None among them, and gives a text, which becomes a value
of the type that is wanted: a number is ten times the text's length and its last letter, a document
has the text and its length. So every function is total and fits every type. What they give is cut
to its last few letters, so that nothing grows from one operator to the next.

Names that begin with `native_` are expressions here, which the Rust executor evaluates itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from ottla.streams import (
    Expression,
    Windowed,
    col,
    count,
    first_of,
    key,
    last_of,
    max_of,
    min_of,
    record,
    sum_of,
    value,
)
from streams.topologies.poison import Poison

LETTERS_MAX = 24


# ---------------------------------------------------------------- values as texts and back
def text_of(given: Any) -> str | None:
    """A key or a value as a text; the same as Java gives."""
    if isinstance(given, Windowed):
        return f"{given.key}@{given.start}/{given.end}"
    if isinstance(given, dict):
        return orjson.dumps(given).decode()
    return None if given is None else str(given)


def size(text: str) -> int:
    return len(text) * 10 + ord(text[-1]) % 10 if text else 0


def made(kind: str, text: str | None) -> Any:
    """A value of this type from a text."""
    if text is None:
        return None
    cut = text[-LETTERS_MAX:]
    if kind == "number":
        return size(cut)
    return {"v": cut, "n": len(cut)} if kind == "json" else cut


def shown(text: str | None) -> str:
    return "null" if text is None else text


def last(text: str | None) -> str | None:
    """The last digit."""
    return next((each for each in reversed(text or "") if each in "0123456789"), None)


def ends(text: str | None, end: str) -> bool:
    return text is not None and text.endswith(end)


def checked(text: str | None, raises: bool) -> None:
    if raises and ends(text, "7"):
        raise Poison(f"poison {text}")


def plus(one: str | None, other: str | None) -> str:
    return f"{shown(one)}+{shown(other)}"


# ---------------------------------------------------------------- the catalogue
Text = str | None

PREDICATES: dict[str, Callable[[Text, Text], bool]] = {
    "all": lambda k, v: True,
    "none": lambda k, v: False,
    "some": lambda k, v: v is not None,
    "low": lambda k, v: v is not None and v < "5",
    "even": lambda k, v: v is not None and size(v) % 2 == 0,
    "keyed": lambda k, v: bool(k) and ord(shown(k)[-1]) % 2 == 0,
    "odd_or_null": lambda k, v: v is None or size(v) % 2 == 1,
}

MAPPERS: dict[str, Callable[[Text, Text], Text]] = {
    "same": lambda k, v: v,
    "quote": lambda k, v: f"{shown(v)}'",
    "first": lambda k, v: v and v[0],
    "last": lambda k, v: last(v),
    "forget": lambda k, v: None if ends(v, "0") else v,
    "unless_three": lambda k, v: None if ends(v, "3") else last(v),
    "pair": lambda k, v: f"{shown(k)}={shown(v)}",
    "key": lambda k, v: k,
    "spelled": lambda k, v: shown(v),
    "e_acute": lambda k, v: None if v is None else f"{v}\u00e9",
}

#: Those that look at the key.
OF_KEYS = ("keyed", "pair", "key")

JOINERS: dict[str, Callable[[Text, Text, Text], Text]] = {
    "both": lambda k, x, y: f"{shown(x)}|{shown(y)}",
    "keyed": lambda k, x, y: f"{shown(k)}:{shown(x)}|{shown(y)}",
    "left": lambda k, x, y: x,
    "right": lambda k, x, y: y,
    "unless_one": lambda k, x, y: None if ends(x, "1") else f"{shown(x)}|{shown(y)}",
}

ADDERS: dict[str, Callable[[Text, Text, Text], Text]] = {
    "plus": lambda k, v, agg: plus(agg, v),
    "minus": lambda k, v, agg: f"{shown(agg)}-{shown(v)}",
    "forget": lambda k, v, agg: None if ends(v, "0") else plus(agg, v),
    "latest": lambda k, v, agg: v,
    "keyed": lambda k, v, agg: plus(agg, k),
}

#: Expressions by name: the type of value that they are for, and what they give.
NATIVE_PREDICATES: dict[str, tuple[str, Expression]] = {
    "native_low": ("text", value() < "5"),
    "native_key": ("", key() < "5"),
    "native_odd": ("number", value() % 2 == 1),
    "native_n": ("json", col("n") >= 2),
    "native_v": ("json", col("v").starts_with("1")),
}

NATIVE_MAPPERS: dict[str, tuple[str, str, Expression]] = {
    "native_bump": ("json", "number", col("n") + 1),
    "native_text": ("json", "text", col("v")),
    "native_record": ("json", "json", record(v=col("v"), n=col("n") + 1)),
    "native_more": ("number", "number", value() + 3),
    "native_upper": ("text", "text", value().upper()),
    "native_front": ("text", "text", value().substring(0, 1)),
}

#: Native aggregates of documents, by the name of their column.
COLUMNS = {
    "n": count(),
    "v": last_of(col("v")),
    "some": count(col("n")),
    "total": sum_of(col("n")),
    "least": min_of(col("v")),
    "most": max_of(col("n")),
    "first": first_of(col("v")),
}


# ---------------------------------------------------------------- what operators are given
def predicate(name: str, raises: bool = False) -> Any:
    if name in NATIVE_PREDICATES:
        return NATIVE_PREDICATES[name][1]
    holds = PREDICATES[name]

    def asked(key: Any, value: Any) -> bool:
        text = text_of(value)
        checked(text, raises)
        return holds(text_of(key), text)

    return asked


def mapper(name: str, kind: str, raises: bool = False) -> Any:
    """A function of key and value that gives a value of a type."""
    if name in NATIVE_MAPPERS:
        return NATIVE_MAPPERS[name][2]
    call = MAPPERS[name]

    def mapped(key: Any, value: Any) -> Any:
        text = text_of(value)
        checked(text, raises)
        return made(kind, call(text_of(key), text))

    return mapped


def several(kind: str, raises: bool = False) -> Any:
    """No, one or two values of each."""

    def values(key: Any, value: Any) -> list[Any]:
        text = text_of(value)
        checked(text, raises)
        if text is None or text.endswith("1"):
            return []
        if text.endswith("2"):
            return [made(kind, text), None]
        return [made(kind, text[:1]), made(kind, text)]

    return values


def pairs(kind: str, raises: bool = False) -> Any:
    """No, one or two keys with values of each."""

    def records(key: Any, value: Any) -> list[tuple[Any, Any]]:
        text = text_of(value)
        checked(text, raises)
        if text is None:
            return [(text_of(key), made(kind, "none"))]
        if text.endswith("1"):
            return []
        return [(last(text), made(kind, text)), (text[:1], None)]

    return records


def joiner(name: str, kind: str, raises: bool = False, *, keyed: bool = True) -> Any:
    """A function of a key and both values; of the values alone, as tables have it in Java."""
    call = JOINERS[name]

    def joined(key: Any, left: Any, right: Any) -> Any:
        text = text_of(left)
        checked(text, raises)
        return made(kind, call(text_of(key), text, text_of(right)))

    return joined if keyed else lambda left, right: joined(None, left, right)


def adder(name: str, kind: str, raises: bool = False) -> Any:
    call = ADDERS[name]

    def added(key: Any, value: Any, aggregate: Any) -> Any:
        text = text_of(value)
        checked(text, raises)
        return made(kind, call(text_of(key), text, text_of(aggregate)))

    return added


def reducer(name: str, kind: str, raises: bool = False) -> Any:
    added = adder(name, kind, raises)
    return lambda aggregate, value: added(None, value, aggregate)


def begun(kind: str) -> Any:
    return lambda: made(kind, "")


def merger(kind: str) -> Any:
    def merged(key: Any, left: Any, right: Any) -> Any:
        return made(kind, f"{shown(text_of(left))}&{shown(text_of(right))}")

    return merged


def time(*told: Any) -> int:
    """A record's time by its value's last digit; a negative one for 9."""
    own, value, before = told[3], told[5], told[7]
    digit = last(text_of(value))
    if digit is None:
        return int(before)
    return -5 if digit == "9" else int(own) + 50 * int(digit)


class BySize:
    """A topic by a value's length and last letter as a text, or the record's own topic."""

    def __call__(self, key: Any, value: Any, context: Any) -> str:
        text = text_of(value)
        if text is None:
            return f"out-{context.topic or 'null'}"  # as Java writes what time alone caused
        return "out-odd" if size(text) % 2 else "out-even"
