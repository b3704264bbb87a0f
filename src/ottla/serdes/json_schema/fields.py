"""The properties of a JSON document, for rules that change them one by one.

A document is walked beside its schema: properties, items, what `$ref` leads to, the branches of
`oneOf` and `anyOf` that it is valid under, all of `allOf`. Nothing is changed in place. A reference
that can't be followed is an error and never a field left out: it may be one to encrypt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

from ottla.schemas.json_schema import JSON_LANGUAGE, validator
from ottla.schemas.language import DEPTH_MAX, Dependency
from ottla.serdes.codec import Change, Field, Misfit

TAGS = "confluent:tags"
ROOT = "urn:ottla:the-schema-itself"
COMBINING = ("allOf", "oneOf", "anyOf")
KINDS = {
    "array": "ARRAY",
    "string": "STRING",
    "integer": "INT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "null": "NULL",
}
LEAVES = ("ENUM", "STRING", "INT", "DOUBLE", "BOOLEAN")


class Spot(NamedTuple):
    """A schema within a document."""

    value: Any
    document: str
    tokens: tuple[str | int, ...]


class Walk:
    """A schema with what it refers to, as documents are walked beside it."""

    def __init__(self, text: str, dependencies: Sequence[Dependency]) -> None:
        self._dependencies = [Dependency(ROOT, text), *dependencies]
        self._documents = {name: json.loads(told) for name, told in self._dependencies}
        self._bases = {name: _base(name, value) for name, value in self._documents.items()}
        self._by_uri = {urldefrag(uri)[0]: name for name, uri in self._bases.items()}
        self._by_uri.update({name: name for name in self._documents})
        self._valid: dict[tuple[str, tuple[str | int, ...]], Callable[[Any], list[str]]] = {}

    def changed(self, value: Any, change: Change) -> Any:
        """A document with its properties changed.

        Raises:
            Misfit: a reference leads nowhere, or too many within each other.
        """
        root = Spot(self._documents[ROOT], ROOT, ())
        return self._changed(root, "$", value, change, None, 0)

    def _changed(
        self, spot: Spot, path: str, value: Any, change: Change, field: Field | None, depth: int
    ) -> Any:
        schema = spot.value
        if value is None or not isinstance(schema, dict):
            return value
        if depth > 4 * DEPTH_MAX:
            raise Misfit("the value or its schema nests too deep for rules")
        below = depth + 1
        if isinstance(schema.get("type"), list):
            return self._of_type(spot, path, value, change, field, below)
        if any(keyword in schema for keyword in COMBINING):
            for branch in self._branches(spot, value):
                value = self._changed(branch, path, value, change, field, below)
            return self._within(spot, path, value, change, field, below)
        if "items" in schema and isinstance(value, list):
            return self._within(spot, path, value, change, field, below)
        if isinstance(schema.get("$ref"), str):
            target = self._target(spot, schema["$ref"])
            return self._changed(target, path, value, change, field, below)
        kind = kind_of(schema)
        if kind == "RECORD":
            return self._within(spot, path, value, change, field, below)
        if kind in LEAVES and field is not None:
            return change(field._replace(kind=kind), value)
        return value

    def _within(
        self, spot: Spot, path: str, value: Any, change: Change, field: Field | None, depth: int
    ) -> Any:
        schema = spot.value
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and isinstance(value, Mapping):
            made = dict(value)
            for name, inner in properties.items():
                if isinstance(inner, dict) and value.get(name) is not None:
                    full_name = f"{path}.{name}"
                    tags = frozenset(map(str, inner.get(TAGS) or ()))
                    here = Field(value, full_name, name, kind_of(inner), tags)
                    at = _below(spot, inner, "properties", name)
                    made[name] = self._changed(at, full_name, value[name], change, here, depth)
            return made
        items = schema.get("items")
        if isinstance(items, dict) and isinstance(value, list):
            at = _below(spot, items, "items")
            return [self._changed(at, path, item, change, field, depth) for item in value]
        return value

    def _of_type(
        self, spot: Spot, path: str, value: Any, change: Change, field: Field | None, depth: int
    ) -> Any:
        """Of a list of types, the one that the value has."""
        for kind in spot.value["type"]:
            if _is_of(kind, value):
                narrowed = {**spot.value, "type": kind}
                return self._changed(
                    spot._replace(value=narrowed), path, value, change, field, depth
                )
        return value

    def _branches(self, spot: Spot, value: Any) -> list[Spot]:
        """The branches of a combination that the value is valid under."""
        schema = spot.value
        for keyword in COMBINING:
            if isinstance(schema.get(keyword), list):
                spots = [
                    _below(spot, inner, keyword, number)
                    for number, inner in enumerate(schema[keyword])
                ]
                if keyword == "allOf":
                    return spots
                valid = [branch for branch in spots if self._is_valid(branch, value)]
                return valid[:1] if keyword == "oneOf" else valid
        return []

    def _is_valid(self, spot: Spot, value: Any) -> bool:
        key = (spot.document, spot.tokens)
        told = self._valid.get(key)
        if told is None:
            tokens = (str(token).replace("~", "~0").replace("/", "~1") for token in spot.tokens)
            pointer = "".join(f"/{token}" for token in tokens)
            schema = JSON_LANGUAGE.read(
                json.dumps({"$ref": f"{self._bases[spot.document].rstrip('#')}#{pointer}"}),
                self._dependencies,
            )
            told = self._valid[key] = validator(schema)
        return not told(value)

    def _target(self, spot: Spot, reference: str) -> Spot:
        uri, fragment = urldefrag(urljoin(self._bases[spot.document], reference))
        if reference.startswith("#"):
            name, fragment = spot.document, reference[1:]
        else:
            name = self._by_uri.get(uri) or self._by_uri.get(urldefrag(reference)[0]) or ""
        value: Any = self._documents.get(name)
        tokens = [
            token.replace("~1", "/").replace("~0", "~")
            for token in unquote(fragment).split("/")[1:]
        ]
        at: list[str | int] = []
        for token in tokens:
            key = int(token) if isinstance(value, list) and token.isdigit() else token
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                value = None
            at.append(key)
        if value is None or (fragment and not fragment.startswith("/")):
            raise Misfit(
                f"rules can't follow the reference {reference!r} of the schema",
                hint='refer by a path, as "#/definitions/Name", or by the name of a reference',
            )
        return Spot(value, name, tuple(at))


def kind_of(schema: Any) -> str:
    """What rules call the type of a schema."""
    if not isinstance(schema, dict):
        return "COMBINED"
    if schema.get("const") is not None or schema.get("enum") is not None:
        return "ENUM"
    kind = schema.get("type")
    if kind == "object":
        return "RECORD" if schema.get("properties") else "MAP"
    if isinstance(kind, str) and kind in KINDS:
        return KINDS[kind]
    return "RECORD" if "properties" in schema else "NULL"


def _base(name: str, value: Any) -> str:
    if isinstance(value, dict):
        for keyword in ("$id", "id"):
            told = value.get(keyword)
            if isinstance(told, str):
                return urljoin(name, told)
    return name


def _below(spot: Spot, value: Any, *tokens: str | int) -> Spot:
    return Spot(value, spot.document, (*spot.tokens, *tokens))


def _is_of(kind: object, value: Any) -> bool:
    match kind:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            whole = isinstance(value, float) and value.is_integer()
            return whole or (isinstance(value, int) and not isinstance(value, bool))
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
    return False
