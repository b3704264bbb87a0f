"""Claims about objects: their properties, the ones they name and the ones they don't.

The field calls an object's content model open (further properties may be anything), closed (there
are none) or partially open (they have a schema, or names that match a pattern). What a property
that is added or removed means depends on the model of whoever does not name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ottla.schemas.json_schema.claims import Claims, Writer, types_of
from ottla.schemas.json_schema.linking import NAMES, Node
from ottla.schemas.json_schema.parsing import escaped, shown
from ottla.schemas.json_schema.scalars import limits, named
from ottla.schemas.language import Difference

WITH_DEFAULT = "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED"
"""What the field lets pass, since a reader fills in the default; no validator does."""


def check_objects(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """All of the reader's keywords about objects."""
    if "object" not in writer.types & types_of(part):
        return
    yield from _check_required(claims, writer, part, at)
    if {"properties", "patternProperties", "additionalProperties"} & part.keys():
        yield from _check_named(claims, writer, part, at)
        yield from _check_patterns(claims, writer, part, at)
        yield from _check_additional(claims, writer, part, at)
    yield from limits(claims, writer, part, at, "maxProperties", "MAX_PROPERTIES")
    if part.get("minProperties", 0) > len(writer.required):
        yield from limits(claims, writer, part, at, "minProperties", "MIN_PROPERTIES")
    if "propertyNames" in part:
        yield from _check_names(claims, writer, part, at)
    yield from _check_dependencies(claims, writer, part, at)


def property_of(claims: Claims, writer: Writer, name: str) -> Writer:
    """Whoever writes the values of a property."""
    claims.pay(len(writer.parts) // 10)
    return claims.writer(*(n for part in writer.parts for n, _ in _schemas_of(claims, part, name)))


def _schemas_of(claims: Claims, part: dict[str, Any], name: str) -> list[tuple[Node, str]]:
    """What a node holds a property to, each with the tail of its path."""
    found: list[tuple[Node, str]] = []
    if name in part.get("properties", ()):
        found.append((part["properties"][name], f"properties/{escaped(name)}"))
    for pattern, schema in part.get("patternProperties", {}).items():
        if claims.matches(pattern, name):
            found.append((schema, f"patternProperties/{escaped(pattern)}"))
    if not found and "additionalProperties" in part:
        found.append((part["additionalProperties"], "additionalProperties"))
    return found


def _check_required(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    properties = part.get("properties", {})
    for number, name in enumerate(part.get("required", ())):
        if name in writer.required:
            continue
        if _has_default(properties.get(name)):
            claims.lax.add(WITH_DEFAULT)
            continue
        kind = "REQUIRED_ATTRIBUTE_ADDED"
        if not writer.declares(name):
            closed = property_of(claims, writer, name)
            if closed.impossible or closed.parts:
                kind = "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL"
        path = (
            f"{at}/properties/{escaped(name)}" if name in properties else f"{at}/required/{number}"
        )
        yield from claims.found(kind, path)


def _has_default(node: Any) -> bool:
    """Whether a property has a default, itself or where it refers to."""
    while isinstance(node, dict):
        if "default" in node:
            return True
        node = node.get("$ref")
    return False


def _check_named(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    """Each property that either side names."""
    names = dict.fromkeys(part.get("properties", ()))
    for properties in writer.all("properties"):
        names.update(dict.fromkeys(properties))
    for name in names:
        theirs = property_of(claims, writer, name)
        if theirs.impossible:
            continue
        declared = writer.declares(name)
        for schema, tail in _schemas_of(claims, part, name):
            path = f"{at}/{tail}"
            if tail == "additionalProperties":
                path = f"{at}/properties/{escaped(name)}"
                if schema is not True and theirs.types:
                    yield from _check_removed(claims, theirs, schema, path)
            elif declared:
                yield from claims.unread(theirs, schema, path)
            else:
                yield from _check_added(claims, theirs, schema, path)


def _check_removed(claims: Claims, theirs: Writer, schema: Node, path: str) -> Iterator[Difference]:
    """A property that only the writer names."""
    if schema is False:
        yield from claims.found("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", path)
    elif claims.unread(theirs, schema, path):
        kind = "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
        yield from claims.found(kind, path, old=str(theirs), new=told(claims, schema))


def _check_added(claims: Claims, theirs: Writer, schema: Node, path: str) -> Iterator[Difference]:
    """A property, or a pattern of them, that only the reader names."""
    if theirs.impossible or not claims.unread(theirs, schema, path):
        return
    kind = "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"
    if theirs.parts:
        kind = "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
    yield from claims.found(kind, path, old=str(theirs), new=told(claims, schema))


def told(claims: Claims, schema: Node) -> str:
    """A schema as it is called in a message."""
    return "nothing" if schema is False else str(claims.writer(schema))


def _check_patterns(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    """Each pattern of the reader, for properties that neither side names."""
    for pattern, schema in part.get("patternProperties", {}).items():
        path = f"{at}/patternProperties/{escaped(pattern)}"
        best: list[Difference] | None = None
        for theirs in writer.parts or ({},):
            patterns = theirs.get("patternProperties", {})
            if pattern in patterns:
                here = list(claims.unread(claims.writer(patterns[pattern]), schema, path))
            else:
                extra = claims.writer(theirs.get("additionalProperties", True))
                here = list(_check_added(claims, extra, schema, path))
                for other in patterns.values():
                    here += _check_added(claims, claims.writer(other), schema, path)
            best = here if best is None or len(here) < len(best) else best
        yield from best or ()


def _check_additional(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    """What the reader holds properties to that neither side names."""
    extra = part.get("additionalProperties", True)
    if extra is True:
        return
    path = named(part, "additionalProperties", at)
    best: list[Difference] | None = None
    for theirs in writer.parts or ({},):
        here = list(_narrowed(claims, theirs, extra, path))
        for pattern, schema in theirs.get("patternProperties", {}).items():
            if pattern not in part.get("patternProperties", ()):
                tail = f"{at}/patternProperties/{escaped(pattern)}"
                writes = claims.writer(schema)
                if writes.types:
                    here += _check_removed(claims, writes, extra, tail)
        best = here if best is None or len(here) < len(best) else best
    yield from best or ()


def _narrowed(
    claims: Claims, theirs: dict[str, Any], extra: Node, path: str
) -> Iterator[Difference]:
    held = theirs.get("additionalProperties", True)
    writes = claims.writer(held)
    if writes.impossible or not writes.types:
        return
    if extra is False:
        yield from claims.found("ADDITIONAL_PROPERTIES_REMOVED", path)
    elif writes.parts:
        yield from claims.unread(writes, extra, path)
    elif claims.unread(writes, extra, path):
        yield from claims.found("ADDITIONAL_PROPERTIES_NARROWED", path, new=told(claims, extra))


def _check_names(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    path, wanted = f"{at}/propertyNames", part["propertyNames"]
    text = claims.of_type("string")
    own = [claims.writer(text, names) for names in writer.all("propertyNames")]
    if any(not claims.unread(names, wanted, path) for names in [*own, claims.writer(text)]):
        return
    for theirs in writer.parts:
        closed = theirs.get("additionalProperties") is False and not theirs.get("patternProperties")
        names = theirs.get("properties", ())
        if closed and all(claims.accepts(wanted, name) for name in names):
            return
    yield from claims.found("PROPERTY_NAMES_NARROWED", path, new=told(claims, wanted))


def _check_dependencies(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    word = part.get(NAMES, {})
    for name, names in part.get("dependentRequired", {}).items():
        if property_of(claims, writer, name).impossible:
            continue
        theirs = [held[name] for held in writer.all("dependentRequired") if name in held]
        promised = {other for held in theirs for other in held} | {name}
        missing = [n for n in names if n not in promised and n not in writer.required]
        if missing:
            kind = "DEPENDENCY_ARRAY_EXTENDED" if theirs else "DEPENDENCY_ARRAY_ADDED"
            path = f"{at}/{word.get('dependentRequired', 'dependentRequired')}/{escaped(name)}"
            yield from claims.found(kind, path, missing=shown(missing))
    for name, schema in part.get("dependentSchemas", {}).items():
        if property_of(claims, writer, name).impossible:
            continue
        held = [schemas[name] for schemas in writer.all("dependentSchemas") if name in schemas]
        theirs_too = claims.narrowed(writer, *held, claims.of_type("object"))
        path = f"{at}/{word.get('dependentSchemas', 'dependentSchemas')}/{escaped(name)}"
        found = claims.unread(theirs_too, schema, path)
        if found and not held:
            yield from claims.found("DEPENDENCY_SCHEMA_ADDED", path)
        yield from found
