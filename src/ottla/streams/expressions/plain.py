"""Values as expressions see them: null, bool, int, float, str, bytes, dict, list, windowed keys.

What is none of these (a dataclass, a msgspec struct, a date) is what JSON would make of it. Whole
numbers have 64 bits. The Rust executor sees the same values, because it asks for the same
conversion.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

from ottla.streams.serdes import Windowed
from ottla.streams.serdes.documents import loaded
from ottla.streams.serdes.serde import INT_MAX, INT_MIN

NATIVE = frozenset((type(None), bool, int, float, str, bytes, dict, list, Windowed))
#: The native types that need no look at their value.
UNBOUNDED = NATIVE - {int}


class Foreign(Exception):
    """A value that has no plain one; the text says what it is."""


def plain(value: Any) -> Any:
    """The plain value of any value.

    Raises:
        Foreign: it has none.
    """
    kind = type(value)
    if kind in UNBOUNDED:
        return value
    if kind is int:
        if INT_MIN <= value <= INT_MAX:
            return value
        raise Foreign("a whole number does not fit 64 bits")
    if isinstance(value, dict):
        return dict(value)
    msgspec = loaded("msgspec")
    try:
        found = msgspec.to_builtins(value)
    except (TypeError, ValueError, RecursionError):
        found = value
    if type(found) not in NATIVE:
        raise Foreign(f"a value of type {kind.__name__} is nothing that expressions know")
    return plain(found)


@lru_cache(maxsize=4096)
def attribute_of(kind: type, field: str) -> str | None:
    """The attribute of a dataclass or struct that is this field in its JSON; None where none is.

    A class whose JSON leaves fields out, or is no object, has none: its whole JSON is asked for.
    """
    config = getattr(kind, "__struct_config__", None)
    if config is not None:
        if config.omit_defaults or config.array_like:
            return None
        names = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)  # type: ignore[attr-defined]
        return dict(names).get(field)
    if dataclasses.is_dataclass(kind):
        known = any(row.name == field for row in dataclasses.fields(kind))
        return field if known and not field.startswith("_") else None
    return None


def type_of(value: Any) -> str:
    """What errors call a plain value's type."""
    return "None" if value is None else type(value).__name__
