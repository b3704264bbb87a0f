"""The fields of a value of Avro, for rules that change them one by one.

The value is not changed: records on the way are copied. A field that is a list or a map has each of
its values changed; a field of a union, the value by the branch that it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ottla.serdes.codec import Change, Field
from ottla.serdes.errors import MissingExtra

TAGS = "confluent:tags"
COMBINED = "COMBINED"


def changed(schema: Any, names: Mapping[str, Any], value: Any, change: Change) -> Any:
    """A value with all fields changed that hold no record."""
    return _changed(schema, names, value, change, None)


def kind_of(schema: Any, names: Mapping[str, Any]) -> str:
    """What rules call the type of a schema."""
    while True:
        if isinstance(schema, list):
            return COMBINED
        if isinstance(schema, str):
            if schema not in names:
                return schema.upper()
            schema = names[schema]
        else:
            schema = schema["type"]
            if schema in ("record", "enum", "array", "map", "fixed"):
                return str(schema).upper()


def _changed(
    schema: Any, names: Mapping[str, Any], value: Any, change: Change, field: Field | None
) -> Any:
    if isinstance(schema, list):
        return _of_union(schema, names, value, change, field)
    here = names.get(schema, schema) if isinstance(schema, str) else schema
    kind = kind_of(here, names)
    if isinstance(here, dict) and isinstance(here.get("type"), dict):
        return _changed(here["type"], names, value, change, field)
    if kind == "ARRAY" and isinstance(value, list | tuple):
        return [_changed(here["items"], names, item, change, field) for item in value]
    if kind == "MAP" and isinstance(value, Mapping):
        return {
            key: _changed(here["values"], names, item, change, field) for key, item in value.items()
        }
    if kind == "RECORD":
        return _of_record(here, names, value, change) if isinstance(value, Mapping) else value
    return value if field is None else change(field._replace(kind=kind), value)


def _of_record(schema: Any, names: Mapping[str, Any], value: Any, change: Change) -> Any:
    made = dict(value)
    for row in schema["fields"]:
        name = row["name"]
        if name in value:
            field = Field(
                value,
                f"{schema['name']}.{name}",
                name,
                kind_of(row["type"], names),
                frozenset(row.get(TAGS) or ()),
            )
            made[name] = _changed(row["type"], names, value[name], change, field)
    return made


def _of_union(
    schema: list[Any], names: Mapping[str, Any], value: Any, change: Change, field: Field | None
) -> Any:
    branch = _branch(schema, names, value)
    if branch is None:
        return value
    if isinstance(value, tuple) and len(value) == 2:
        made = _changed(branch, names, value[1], change, field)
        return (value[0], made) if _fits(branch, names, made) else made
    return _changed(branch, names, value, change, field)


def _branch(schema: list[Any], names: Mapping[str, Any], value: Any) -> Any:
    """The branch that a value has: the one that it names, or the first that it fits."""
    named = None
    if isinstance(value, tuple) and len(value) == 2:
        named = value[0]
    elif isinstance(value, Mapping) and "-type" in value:
        named = value["-type"]
    for branch in schema:
        if named is not None:
            name = branch.get("name") if isinstance(branch, dict) else branch
            if name == named or (isinstance(name, str) and name.rpartition(".")[2] == named):
                return branch
        elif _fits(branch, names, value):
            return branch
    return None


def _fits(branch: Any, names: Mapping[str, Any], value: Any) -> bool:
    if branch == "null" or value is None:
        return bool(branch == "null" and value is None)
    try:
        from fastavro.validation import validate
    except ImportError:
        raise MissingExtra("fastavro", "registry") from None
    whole = names.get(branch, branch) if isinstance(branch, str) else branch
    return bool(validate(value, whole, raise_errors=False))
