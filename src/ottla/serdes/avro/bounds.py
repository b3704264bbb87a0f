"""How deep and how long Avro's data may be, told before fastavro sees it.

fastavro reads and writes nested values by recursion in C and counts nothing: a record of a schema
that refers to itself can end the process with 2 MB of one repeated byte, and an array of nulls can
say in ten bytes that it has 2⁶⁰ of them. Only schemas of these two kinds can do harm, and only
their data is walked first, without a value being made and without recursion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ottla.serdes.codec import Misfit

DEPTH_MAX = 250
"""Values within values. fastavro needs about 1.3 kB of stack for each; threads have 512 kB of it
and more.
"""
STEPS_A_BYTE = 64
STEPS_FREE = 100_000
"""Values that bytes may hold: so many, and 64 a byte. An empty record takes no byte at all."""

FIXED_BYTES = {"null": 0, "boolean": 1, "float": 4, "double": 8}
VARIABLE = ("int", "long", "bytes", "string", "enum", "map", "array")


class Items(NamedTuple):
    """What is left of an array's or a map's block."""

    schema: Any
    left: int
    is_map: bool


def is_dangerous(schema: Any, names: Mapping[str, Any]) -> bool:
    """Whether a schema refers to itself, or has an array of what takes no bytes."""
    return _recurs(schema, names) or any(
        _width(items, names, ()) == 0 for items in _arrays(schema, names, set())
    )


def check_data(schema: Any, names: Mapping[str, Any], data: bytes) -> None:
    """Walk the bytes of a value.

    Raises:
        Misfit: they nest too deep, hold too many values, or end too early.
    """
    at, steps, steps_max = 0, 0, STEPS_A_BYTE * len(data) + STEPS_FREE
    stack: list[tuple[Any, int]] = [(schema, 0)]
    while stack:
        here, depth = stack.pop()
        steps += 1
        if steps > steps_max:
            raise Misfit(f"{len(data)} bytes say that they hold more than {steps_max} values")
        if depth > DEPTH_MAX:
            raise Misfit(f"the values lie more than {DEPTH_MAX} deep in each other")
        if isinstance(here, Items):
            at = _item(here, depth, stack, data, at)
            continue
        if isinstance(here, list):
            branch, at = _long(data, at)
            if not 0 <= branch < len(here):
                raise Misfit(f"they name branch {branch} of a union that has {len(here)}")
            stack.append((here[branch], depth + 1))
            continue
        kind, here = _told(here, names)
        if kind in ("record", "error"):
            stack += [(field["type"], depth + 1) for field in reversed(here["fields"])]
        elif kind in ("array", "map"):
            items = here["items"] if kind == "array" else here["values"]
            stack.append((Items(items, 0, kind == "map"), depth + 1))
        else:
            at = _leaf(kind, here, data, at)


def check_value(value: Any) -> None:
    """Walk a value that is to be written.

    Raises:
        Misfit: it nests too deep, or holds itself.
    """
    stack = [(value, 0)]
    while stack:
        here, depth = stack.pop()
        if depth > DEPTH_MAX:
            raise Misfit(f"the values lie more than {DEPTH_MAX} deep in each other")
        if isinstance(here, Mapping):
            stack += [(item, depth + 1) for item in here.values()]
        elif isinstance(here, Sequence) and not isinstance(here, str | bytes | bytearray):
            stack += [(item, depth + 1) for item in here]


def _told(schema: Any, names: Mapping[str, Any]) -> tuple[str, Any]:
    """The kind of a schema, and what defines it."""
    while True:
        if isinstance(schema, str):
            if schema not in names:
                return schema, schema
            schema = names[schema]
        kind = schema["type"]
        if isinstance(kind, str) and kind not in names:
            return kind, schema
        schema = kind


def _item(items: Items, depth: int, stack: list[tuple[Any, int]], data: bytes, at: int) -> int:
    """One item of a block, or the beginning of the next block."""
    left = items.left
    if left == 0:
        left, at = _long(data, at)
        if left == 0:
            return at
        if left < 0:
            left = -left
            _, at = _long(data, at)
    stack.append((items._replace(left=left - 1), depth))
    stack.append((items.schema, depth))
    return _text(data, at) if items.is_map else at


def _leaf(kind: str, schema: Any, data: bytes, at: int) -> int:
    if kind in ("int", "long", "enum"):
        return _long(data, at)[1]
    if kind in ("bytes", "string"):
        return _text(data, at)
    at += schema["size"] if kind == "fixed" else FIXED_BYTES.get(kind, 0)
    if at > len(data):
        raise Misfit("they end too early")
    return at


def _text(data: bytes, at: int) -> int:
    length, at = _long(data, at)
    if not 0 <= length <= len(data) - at:
        raise Misfit(f"they say that {length} bytes follow where {len(data) - at} do")
    return at + length


def _long(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
    raise Misfit("they end within a number")


def _parts(schema: Any, names: Mapping[str, Any]) -> list[Any]:
    """The schemas that a schema is made of."""
    if isinstance(schema, list):
        return schema
    kind, here = _told(schema, names)
    if kind in ("record", "error"):
        return [field["type"] for field in here["fields"]]
    if kind == "array":
        return [here["items"]]
    return [here["values"]] if kind == "map" else []


def _name(schema: Any, names: Mapping[str, Any]) -> str | None:
    if isinstance(schema, list):
        return None
    kind, here = _told(schema, names)
    return here["name"] if kind in ("record", "error") else None


def _recurs(schema: Any, names: Mapping[str, Any]) -> bool:
    """Whether one of its records can hold itself: a walk of the graph of names."""
    state: dict[str, bool] = {}
    stack: list[tuple[Any, bool]] = [(schema, False)]
    while stack:
        here, is_done = stack.pop()
        name = _name(here, names)
        if is_done:
            state[str(name)] = True
            continue
        if name is not None:
            if name in state:
                if not state[name]:
                    return True
                continue
            state[name] = False
            stack.append((here, True))
        stack += [(part, False) for part in _parts(here, names)]
    return False


def _arrays(schema: Any, names: Mapping[str, Any], seen: set[str]) -> list[Any]:
    """The items of every array in it."""
    found: list[Any] = []
    stack = [schema]
    while stack:
        here = stack.pop()
        name = _name(here, names)
        if name is not None:
            if name in seen:
                continue
            seen.add(name)
        if not isinstance(here, list) and _told(here, names)[0] == "array":
            found += _parts(here, names)
        stack += _parts(here, names)
    return found


def _width(schema: Any, names: Mapping[str, Any], above: tuple[str, ...]) -> int:
    """The least number of bytes that a value takes, 1 standing for more."""
    if isinstance(schema, list):
        return 1
    kind, here = _told(schema, names)
    if kind == "fixed":
        return min(int(here["size"]), 1)
    if kind in ("record", "error"):
        if here["name"] in above:
            return 1  # it holds itself without end: there is no such value
        inner = (*above, here["name"])
        return max((_width(f["type"], names, inner) for f in here["fields"]), default=0)
    return FIXED_BYTES.get(kind, 1) and 1
