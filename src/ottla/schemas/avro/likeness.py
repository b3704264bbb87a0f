"""Whether two definitions of one name say the same, so that the second is only a repetition.

Java's Avro compares names, fields, symbols, sizes and other properties, and neither docs nor
aliases. Types inside are compared by what they are: a reference is as good as a definition.
"""

from __future__ import annotations

import json
from typing import Any

from ottla.schemas.avro.tree import (
    NO_DEFAULT,
    Array,
    Definite,
    Enum,
    Field,
    Fixed,
    Map,
    Primitive,
    Props,
    Record,
    Type,
    Union,
    definite,
)


def alike(first: Definite, second: Definite, seen: set[tuple[int, int]]) -> bool:
    """Whether both mean the same.

    Pairs in `seen` were found to be alike already; those that are met are added to it, which is
    right as long as one answer that is no ends all comparing.
    """
    todo: list[tuple[Type, Type]] = [(first, second)]
    while todo:
        one, other = map(definite, todo.pop())
        if one is other or (id(one), id(other)) in seen:
            continue
        seen.add((id(one), id(other)))
        inner = _inner(one, other)
        if inner is None:
            return False
        todo.extend(inner)
    return True


def _inner(one: Definite, other: Definite) -> list[tuple[Type, Type]] | None:
    """The pairs of types inside that have to be alike as well; None: these two are not."""
    if one.kind != other.kind or not _same(_props(one), _props(other)):
        return None
    match one, other:
        case (Primitive(), Primitive()):
            return []
        case (Array(), Array()):
            return [(one.items, other.items)]
        case (Map(), Map()):
            return [(one.values, other.values)]
        case (Union(), Union()) if len(one.branches) == len(other.branches):
            return list(zip(one.branches, other.branches, strict=True))
        case (Enum(), Enum()) if one.name == other.name and one.symbols == other.symbols:
            return []
        case (Fixed(), Fixed()) if one.name == other.name and one.size == other.size:
            return []
        case (Record(), Record()) if one.name == other.name:
            return _fields(one.fields, other.fields)
    return None


def _props(found: Definite) -> Props:
    return {} if isinstance(found, Union) else found.props


def _fields(one: tuple[Field, ...], other: tuple[Field, ...]) -> list[tuple[Type, Type]] | None:
    if len(one) != len(other):
        return None
    for a, b in zip(one, other, strict=True):
        if a.name != b.name or a.order != b.order or not _same(a.props, b.props):
            return None
        if a.has_default != b.has_default or (
            a.default is not NO_DEFAULT and not _same(a.default, b.default)
        ):
            return None
    return [(a.type, b.type) for a, b in zip(one, other, strict=True)]


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is not 1.0 and not true, and the order of keys does not matter."""
    if one == {} == other:
        return True
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
