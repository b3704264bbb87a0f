"""Tags in the text of an Avro schema: the property "confluent:tags" of records and of fields.

A record is named by its full name, a field by that of its record and its own, with a dot between.
Types of other schemas, which a text refers to, are tagged where they are defined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ottla.schemas.avro.fault import shown
from ottla.schemas.avro.tree import Named, Props, Record
from ottla.schemas.language import InvalidSchema, Tagging

TAGS = "confluent:tags"
RECORD, FIELD = "sr_record", "sr_field"


def tags(types: Sequence[Named]) -> list[Tagging]:
    """All tags, by what has them."""
    found = (Tagging(kind, path, tuple(_of(props))) for kind, path, props in _entities(types))
    return [each for each in found if each.tags]


def tag(types: Sequence[Named], add: Sequence[Tagging], remove: Sequence[Tagging]) -> None:
    """Change the tags of types that nobody else holds yet.

    Raises:
        InvalidSchema: nothing is at a path.
    """
    entities = {(kind, path): props for kind, path, props in _entities(types)}
    for each in add:
        props = _props(entities, each)
        _put(props, dict.fromkeys([*_of(props), *each.tags]))
    for each in remove:
        props = _props(entities, each)
        _put(props, dict.fromkeys(tag for tag in _of(props) if tag not in each.tags))


def _entities(types: Sequence[Named]) -> Iterator[tuple[str, str, Props]]:
    for found in types:
        if isinstance(found, Record):
            yield RECORD, found.name.full, found.props
            for field in found.fields:
                yield FIELD, f"{found.name.full}.{field.name}", field.props


def _of(props: Props) -> list[str]:
    told = props.get(TAGS)
    return [each for each in told if isinstance(each, str)] if isinstance(told, list) else []


def _put(props: Props, some: dict[str, None]) -> None:
    if some:
        props[TAGS] = list(some)
    else:
        props.pop(TAGS, None)


def _props(entities: dict[tuple[str, str], Props], wanted: Tagging) -> Props:
    props = entities.get((wanted.kind, wanted.path))
    if props is None:
        raise InvalidSchema(
            f"the schema has no {shown(wanted.kind)} '{shown(wanted.path)}' to be tagged",
            hint=f"{RECORD} takes the full name of a record, {FIELD} adds a dot and a field's name",
        )
    return props
