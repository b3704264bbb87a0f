"""Tags that stand in a schema's text, under `confluent:tags`, and the paths that they go by.

A path tells the way to an entity as the field's registries do: `object` where an object is gone
into, `array` where an array's items are, `allof.0` (`anyof.0`, `oneof.0`) and `not` where schemas
are combined, and else the names of properties. So "object.address.object.street" is a field of a
record, and "object.address.object" that record. Definitions are gone into by the name of their
keyword ("definitions.Address.object"): a `$ref` is not followed, and a tag stands where it stands.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ottla.schemas.json_schema.drafts import Draft
from ottla.schemas.language import InvalidSchema, Tagging

TAGS = "confluent:tags"
RECORD, FIELD = "sr_record", "sr_field"

_ENTITIES_MAX = 100_000


class _Entity(NamedTuple):
    kind: str
    path: str
    holder: Any
    """What has the entity's schema: a dict or a list."""
    key: Any

    @property
    def schema(self) -> Any:
        return self.holder[self.key]


def tags(value: Any, draft: Draft) -> list[Tagging]:
    """The tags of every record and field that has some, by its kind and path."""
    found: dict[tuple[str, str], list[str]] = {}
    for entity in _entities(value, draft):
        if isinstance(entity.schema, dict) and (here := _listed(entity.schema)):
            at = (entity.kind, entity.path)
            found[at] = list(dict.fromkeys([*found.get(at, ()), *here]))
    return [Tagging(*at, tuple(some)) for at, some in found.items()]


def tagged(value: Any, draft: Draft, add: Sequence[Tagging], remove: Sequence[Tagging]) -> Any:
    """A copy with tags added and removed.

    Raises:
        InvalidSchema: nothing is at a path.
    """
    value = copy.deepcopy(value)
    entities = {(entity.kind, entity.path): entity for entity in _entities(value, draft)}
    for tagging, adds in (*((t, True) for t in add), *((t, False) for t in remove)):
        entity = entities.get((tagging.kind, tagging.path))
        if entity is None or entity.schema is False:
            what = {RECORD: "object", FIELD: "property"}.get(tagging.kind, tagging.kind)
            raise InvalidSchema(
                f"the schema has no {what} at {tagging.path!r}",
                path=tagging.path,
                hint='a property is told as "object.name", an object within it as'
                ' "object.name.object"',
            )
        if entity.schema is True:
            entity.holder[entity.key] = {}
        kept = [tag for tag in _listed(entity.schema) if adds or tag not in tagging.tags]
        kept += tagging.tags if adds else ()
        entity.schema[TAGS] = list(dict.fromkeys(kept))
        if not kept:
            del entity.schema[TAGS]
    return value


def _listed(schema: dict[str, Any]) -> list[str]:
    held = schema.get(TAGS)
    return [tag for tag in held if isinstance(tag, str)] if isinstance(held, list) else []


def _entities(value: Any, draft: Draft) -> Iterator[_Entity]:
    """Every record and field of a schema; the same entity once, whatever its path."""
    stack: list[tuple[Any, Any, str]] = [([value], 0, "")]
    for _ in range(_ENTITIES_MAX):
        if not stack:
            return
        holder, key, prefix = stack.pop()
        schema = holder[key]
        if not isinstance(schema, dict):
            continue
        below: list[tuple[Any, Any, str]] = []
        for keyword in ("allOf", "anyOf", "oneOf"):
            branches = schema.get(keyword)
            if isinstance(branches, list):
                word = keyword.lower()
                below += ((branches, n, f"{prefix}{word}.{n}.") for n in range(len(branches)))
        if isinstance(schema.get("not"), dict):
            below.append((schema, "not", f"{prefix}not."))
        if isinstance(schema.get("items"), dict):
            below.append((schema, "items", f"{prefix}array."))
        for keyword in ("prefixItems", "items"):
            places = schema.get(keyword)
            if isinstance(places, list):
                below += ((places, n, f"{prefix}array.{n}.") for n in range(len(places)))
        for keyword in ("$defs", "definitions"):
            named = schema.get(keyword)
            if isinstance(named, dict):
                below += ((named, name, f"{prefix}{keyword}.{name}.") for name in named)
        properties = schema.get("properties")
        if isinstance(properties, dict) or schema.get("type") == "object":
            yield _Entity(RECORD, f"{prefix}object", holder, key)
        if isinstance(properties, dict):
            for name in properties:
                path = f"{prefix}object.{name}"
                yield _Entity(FIELD, path, properties, name)
                below.append((properties, name, f"{path}."))
        stack += reversed(below)
