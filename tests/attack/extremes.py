"""A request with its fields one by one at their extremes.

Nothing here knows what a node should answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ottla.wire.schema import Struct
from ottla.wire.types import Field

BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
UNSIGNED = {"uint16": 16, "uint32": 32}

Build = Callable[[], Any]


class Extreme(NamedTuple):
    """One request with one field changed: which and to what, and the message."""

    path: str
    value: Any
    message: Any

    def __str__(self) -> str:
        shown = repr(self.value)
        return f"{self.path} = {shown if len(shown) < 60 else shown[:57] + '...'}"


def extremes(build: Build, version: int) -> Iterator[Extreme]:
    """The message that `build` makes, each time with one field at one of its extremes."""
    for path in _paths(build(), version, ()):
        owner = _at(build(), path[:-1])
        field = type(owner).__fields__[path[-1]]
        for value in _values(field, getattr(owner, path[-1]), version):
            message = build()
            setattr(_at(message, path[:-1]), path[-1], value)
            yield Extreme(".".join(map(str, path)), value, message)


def _paths(found: Any, version: int, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for name, field in type(found).__fields__.items():
        if not _within(field.versions, version):
            continue
        yield (*path, name)
        inner = getattr(found, name)
        if isinstance(inner, Struct):
            yield from _paths(inner, version, (*path, name))
        elif field.kind == "[]struct" and inner:
            yield from _paths(inner[0], version, (*path, name, 0))


def _at(found: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        found = found[step] if isinstance(step, int) else getattr(found, step)
    return found


def _values(field: Field, now: Any, version: int) -> list[Any]:
    null = [None] if _within(field.nullable, version) else []
    if not field.kind.startswith("[]"):
        return null + _single(field.kind, now)
    kind = field.kind[2:]
    if kind == "struct":
        return [*null, [], *([now * 2, now * 300] if now else [])]
    return [*null, [], *([one] for one in _single(kind, None)), *([now * 2] if now else [])]


def _single(kind: str, now: Any) -> list[Any]:
    if kind in BITS:
        half = 1 << (BITS[kind] - 1)
        return [-half, -1, 0, 1, half - 1]
    if kind in UNSIGNED:
        return [0, 1, (1 << UNSIGNED[kind]) - 1]
    if kind == "bool":
        return [False, True]
    if kind == "float64":
        return [0.0, -1.0, math.inf, -math.inf, math.nan, 1.7e308]
    if kind == "uuid":
        return [bytes(16), b"\xff" * 16]
    if kind == "string":
        # The last: more digits than Python makes a number of, and as long as a text may be.
        return ["", "\0", "\N{LATIN SMALL LETTER SHARP S}.*\U0010ffff", "-1", "9" * 32767]
    if kind in ("bytes", "records"):
        return [b"", b"\0", b"\xff" * 61, (now or b"") * 2]
    return []


def _within(span: tuple[int, int], version: int) -> bool:
    return span[0] <= version <= span[1]
