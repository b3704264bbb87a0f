"""A schema of Avro with what it refers to put in where it is first named.

So one JSON has everything, as fastavro wants it, and the bytes do not depend on where a type was
defined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))
NAMED = ("record", "error", "enum", "fixed")


def inlined(schema: Any, dependencies: Sequence[Any]) -> Any:
    """One schema out of one and those that it needs, all as JSON."""
    if not dependencies:
        return schema
    known: dict[str, Any] = {}
    for dependency in dependencies:
        _gather(dependency, "", known)
    return _put_in(schema, "", known, set())


def full_name(name: str, namespace: str) -> str:
    """A name as it is known everywhere."""
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _named(schema: Mapping[str, Any], namespace: str) -> tuple[str, str]:
    """The full name of a definition, and the namespace within it."""
    name = str(schema.get("name", ""))
    if "." not in name:
        namespace = str(schema.get("namespace", namespace) or "")
        return full_name(name, namespace), namespace
    return name, name.rpartition(".")[0]


def _gather(schema: Any, namespace: str, known: dict[str, Any]) -> None:
    """Every definition in a schema by its full name, with its namespace told."""
    if isinstance(schema, list):
        for branch in schema:
            _gather(branch, namespace, known)
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind in NAMED:
        name, namespace = _named(schema, namespace)
        known.setdefault(name, {**schema, "name": name.rpartition(".")[2], "namespace": namespace})
        for field in schema.get("fields", ()):
            _gather(field.get("type"), namespace, known)
    elif kind == "array":
        _gather(schema.get("items"), namespace, known)
    elif kind == "map":
        _gather(schema.get("values"), namespace, known)
    else:
        _gather(kind, namespace, known)


def _put_in(schema: Any, namespace: str, known: Mapping[str, Any], defined: set[str]) -> Any:
    if isinstance(schema, str):
        if schema in PRIMITIVES:
            return schema
        name = full_name(schema, namespace)
        if name in defined:
            return name
        return _put_in(known[name], "", known, defined) if name in known else schema
    if isinstance(schema, list):
        return [_put_in(branch, namespace, known, defined) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind in NAMED:
        name, namespace = _named(schema, namespace)
        if name in defined:
            return name
        defined.add(name)
        if "fields" not in schema:
            return schema
        fields = [
            {**field, "type": _put_in(field.get("type"), namespace, known, defined)}
            for field in schema["fields"]
        ]
        return {**schema, "fields": fields}
    for inner in ("items", "values"):
        if kind in ("array", "map") and inner in schema:
            return {**schema, inner: _put_in(schema[inner], namespace, known, defined)}
    return {**schema, "type": _put_in(kind, namespace, known, defined)}
