"""Where values come from: the record's parts, literals, fields and places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.expressions.display import Rows, literal
from ottla.streams.expressions.evaluation.refusal import PATH_HINT, VALUE_HINT, Part, refused
from ottla.streams.expressions.plain import UNBOUNDED, Foreign, attribute_of, plain, type_of
from ottla.streams.serdes import java_text
from ottla.streams.serdes.serde import INT_MAX, INT_MIN


def column(rows: Rows) -> Part:
    """A path in the value. A field that is not there is null, and so is what would be below it."""
    path = rows[1]
    if not path:
        return lambda key, value, timestamp, headers: known(rows, value)
    if len(path) == 1 and isinstance(path[0], str):
        return _field(rows, path[0])

    def read(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        for segment in path:
            value = step(rows, value, segment)
        return value

    return read


def _field(rows: Rows, name: str) -> Part:
    """One field of the value, which is what most expressions read."""

    def read(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        if type(value) is dict:
            found = value.get(name)
            if type(found) in UNBOUNDED:
                return found
            if type(found) is int and INT_MIN <= found <= INT_MAX:
                return found
        return step(rows, value, name)

    return read


def step(rows: Rows, value: Any, segment: str | int) -> Any:
    """One step down a path."""
    if isinstance(segment, str):
        kind: Any = type(value)
        attribute = attribute_of(kind, segment)
        if attribute is not None:
            return known(rows, getattr(value, attribute))
    value = known(rows, value)
    if value is None:
        return None
    if isinstance(segment, str):
        if type(value) is dict:
            return known(rows, value.get(segment))
    elif type(value) is list:
        is_inside = -len(value) <= segment < len(value)
        return known(rows, value[segment]) if is_inside else None
    what = "field" if isinstance(segment, str) else "place"
    raise refused(rows, f"type {type_of(value)} has no {what} {literal(segment)}", PATH_HINT)


def known(rows: Rows, value: Any) -> Any:
    """A value as operations take it."""
    if type(value) in UNBOUNDED:
        return value
    try:
        return plain(value)
    except Foreign as foreign:
        raise refused(rows, str(foreign), VALUE_HINT) from None


def item(rows: Rows, of: Part) -> Part:
    """A field or place of what an expression gives."""
    segment = rows[2]
    return lambda key, value, timestamp, headers: step(
        rows, of(key, value, timestamp, headers), segment
    )


def key_(rows: Rows) -> Part:
    return lambda key, value, timestamp, headers: known(rows, key)


def timestamp_(rows: Rows) -> Part:
    return lambda key, value, timestamp, headers: timestamp


def header(rows: Rows) -> Part:
    """The last header of the name, as text; what is malformed UTF-8 is read as Java reads it."""
    wanted = rows[1]

    def read(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        for name, data in reversed(headers or ()):
            if name == wanted:
                return None if data is None else java_text(data)
        return None

    return read


def lit(rows: Rows) -> Part:
    found = rows[1]
    return lambda key, value, timestamp, headers: found


LEAVES: dict[str, Callable[..., Part]] = {
    "col": column,
    "item": item,
    "key": key_,
    "timestamp": timestamp_,
    "header": header,
    "lit": lit,
}
