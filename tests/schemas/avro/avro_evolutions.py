"""Avro schemas by chance, changes to them by chance, and data that meets every branch of one.

No type here leaves a namespace for none: fastavro takes an empty namespace for the one around it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
VALUES: dict[str, list[Any]] = {
    "null": [None],
    "boolean": [True],
    "int": [-1, 2**31 - 1],
    "long": [2**62],
    "float": [0.5],
    "double": [0.1],
    "bytes": [b"b\x00"],
    "string": ["s\u00e9"],
}
Draw = Callable[[st.SearchStrategy[Any]], Any]


class _Names:
    """Names that no other type or field of one schema has."""

    def __init__(self) -> None:
        self._count = 0

    def take(self, letter: str) -> str:
        """The next one."""
        self._count += 1
        return f"{letter}{self._count}"


def _named(draw: Draw, names: _Names, kind: str, letter: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind, "name": names.take(letter)}
    if draw(st.booleans()):
        found["namespace"] = draw(st.sampled_from(["n", "m.o"]))
    if draw(st.booleans()):
        found["doc"] = draw(st.text(max_size=3))
    return found


def _type(draw: Draw, names: _Names, depth: int, *, is_branch: bool = False) -> Any:
    kinds = ["primitive", "enum", "fixed"]
    if depth:
        kinds += ["record", "record", "array", "map"] + ([] if is_branch else ["union", "union"])
    kind = draw(st.sampled_from(kinds))
    if kind == "primitive":
        return draw(st.sampled_from(PRIMITIVES))
    if kind == "enum":
        symbols = draw(st.lists(st.sampled_from("ABCD"), min_size=1, unique=True))
        return {**_named(draw, names, "enum", "E"), "symbols": symbols}
    if kind == "fixed":
        return {**_named(draw, names, "fixed", "F"), "size": draw(st.integers(1, 3))}
    if kind == "array":
        return {"type": "array", "items": _type(draw, names, depth - 1)}
    if kind == "map":
        return {"type": "map", "values": _type(draw, names, depth - 1)}
    if kind == "union":
        return _union(draw, names, depth)
    return _record(draw, names, depth)


def _union(draw: Draw, names: _Names, depth: int) -> list[Any]:
    found: dict[str, Any] = {}
    for _ in range(draw(st.integers(1, 3))):
        branch = _type(draw, names, depth - 1, is_branch=True)
        kind = branch if isinstance(branch, str) else branch.get("name", branch["type"])
        found.setdefault(kind, branch)
    return list(found.values())


def _record(draw: Draw, names: _Names, depth: int) -> dict[str, Any]:
    found = _named(draw, names, "record", "R")
    found["fields"] = [
        {"name": names.take("f"), "type": _type(draw, names, depth - 1)}
        for _ in range(draw(st.integers(0, 3)))
    ]
    if draw(st.booleans()):  # the record inside itself, by its name
        again = draw(st.sampled_from(["null-or", "array", "map"]))
        space = found.get("namespace")
        name = found["name"] if not space else f"{space}.{found['name']}"
        told: dict[str, Any] = {
            "null-or": ["null", name],
            "array": {"type": "array", "items": name},
            "map": {"type": "map", "values": name},
        }
        found["fields"].append({"name": names.take("f"), "type": told[again]})
    return found


@st.composite
def schemas(draw: Draw) -> Any:
    """Any schema, as JSON values."""
    return _type(draw, _Names(), 3)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """The containers and keys at which types stand, from the top down."""
    if isinstance(value, list):
        for index in range(len(value)):
            yield value, index
            yield from _places(value[index])
    elif isinstance(value, dict):
        for key in ("items", "values"):
            if key in value:
                yield value, key
                yield from _places(value[key])
        for field in value.get("fields", ()):
            yield field, "type"
            yield from _places(field["type"])


def _change_record(draw: Draw, record: dict[str, Any], names: _Names) -> None:
    fields = record["fields"]
    what = draw(st.sampled_from(["add", "add-default", "rename", "alias", "drop", "shuffle"]))
    if what == "add":
        fields.append({"name": names.take("g"), "type": draw(st.sampled_from(PRIMITIVES))})
    elif what == "add-default":
        told = draw(st.sampled_from([["int", 1], [["null", "string"], None], ["double", 0.5]]))
        fields.insert(0, {"name": names.take("g"), "type": told[0], "default": told[1]})
    elif what == "shuffle":
        record["fields"] = draw(st.permutations(fields))
    elif fields:
        index = draw(st.integers(0, len(fields) - 1))
        if what == "drop":
            del fields[index]
        elif what == "rename":
            fields[index]["name"] = names.take("g")
        else:
            fields[index]["aliases"] = [fields[index]["name"]]
            fields[index]["name"] = names.take("g")


def _rename(draw: Draw, told: dict[str, Any], names: _Names) -> None:
    """Give a type another name or namespace, once, unless it uses its own name.

    Aliases inherit a namespace and fastavro compares them as they stand: what has one, or could
    have one inside, is not moved.
    """
    if {"aliases", "moved"} & set(told) or any(
        quote + told["name"] + '"' in json.dumps(told.get("fields", [])) for quote in '".'
    ):
        return
    if told["type"] != "record" and draw(st.booleans()):
        told["namespace"] = draw(st.sampled_from(["n", "p"]))
        told["moved"] = True  # any property
        return
    if draw(st.booleans()):
        told["aliases"] = [told["name"]]
    told["name"] = names.take("T")


def _changed(draw: Draw, told: Any, names: _Names) -> Any:
    """A type a little otherwise; definitions that others may need by name stay."""
    if isinstance(told, list):
        if draw(st.booleans()) and "null" not in told:
            return ["null", *told]
        return draw(st.permutations(told))
    if isinstance(told, str):
        if told not in PRIMITIVES:
            return told
        other = draw(st.sampled_from(PRIMITIVES))
        return draw(st.sampled_from([other, ["null", told] if told != "null" else ["null"]]))
    if "name" in told and draw(st.integers(0, 3)) == 0:
        _rename(draw, told, names)
        return told
    match told["type"]:
        case "record":
            _change_record(draw, told, names)
        case "enum":
            told["symbols"] = draw(st.lists(st.sampled_from("ABCD"), min_size=1, unique=True))
            told.pop("default", None)
            if draw(st.booleans()):
                told["default"] = told["symbols"][0]
        case "fixed":
            told["size"] = draw(st.integers(1, 3))
    return told


@st.composite
def evolutions(draw: Draw) -> tuple[Any, Any]:
    """A writer's schema, and a reader's that it was changed into."""
    writer = draw(schemas())
    top = [copy.deepcopy(writer)]
    names = _Names()
    for _ in range(draw(st.integers(1, 3))):
        places = [(top, 0), *_places(top[0])]
        container, key = places[draw(st.integers(0, len(places) - 1))]
        found = _changed(draw, container[key], names)
        is_nested = isinstance(container, list) and container is not top
        if not (is_nested and (isinstance(found, list) or found in container)):
            container[key] = found
            if key == "type":
                container.pop("default", None)  # it may not fit any more
    return writer, top[0]


def covering(told: Any) -> list[Any]:
    """Data that together meet every branch, symbol and field of a schema; unions as pairs."""
    known: dict[str, Any] = {}
    return _covering(told, "", known, 0)


def _covering(told: Any, space: str, known: dict[str, Any], turns: int) -> list[Any]:
    if isinstance(told, list):
        return _covering_union(told, space, known, turns)
    if isinstance(told, str):
        if told in VALUES:
            return VALUES[told]
        name = told if "." in told or not space else f"{space}.{told}"
        if turns == 2:
            return []
        return _covering(known[name], space, known, turns + 1)
    if told["type"] in ("array", "map"):
        inner = _covering(told.get("items", told.get("values")), space, known, turns)
        return [inner] if told["type"] == "array" else [{f"k{i}": v for i, v in enumerate(inner)}]
    space = told.get("namespace", space)
    known[_full(told, space)] = {**told, "namespace": space}
    if told["type"] == "enum":
        return list(told["symbols"])
    if told["type"] == "fixed":
        return [b"x" * told["size"]]
    columns = {f["name"]: _covering(f["type"], space, known, turns) for f in told["fields"]}
    if not all(columns.values()):
        return []
    count = max((len(column) for column in columns.values()), default=1)
    return [{n: column[i % len(column)] for n, column in columns.items()} for i in range(count)]


def _full(told: dict[str, Any], space: str) -> str:
    return f"{space}.{told['name']}" if space else str(told["name"])


def _covering_union(told: list[Any], space: str, known: dict[str, Any], turns: int) -> list[Any]:
    found: list[Any] = []
    for branch in told:
        name = branch
        if isinstance(branch, dict):
            name = branch["type"]
            if "name" in branch:
                name = _full(branch, branch.get("namespace", space))
        elif branch not in VALUES and "." not in branch and space:
            name = f"{space}.{branch}"
        found += [(name, value) for value in _covering(branch, space, known, turns)]
    return found
