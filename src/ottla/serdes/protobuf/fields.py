"""The fields of a message, for rules that change them one by one.

The message itself stays as it is: a copy is changed. Fields are found by their numbers, and told by
the names that the registered schema has for them, which may be others than the program's class has.
What is not set is not touched, so no field comes to be by a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ottla.serdes.codec import Change, Field, Misfit

LEAVES = {"google.protobuf.Timestamp": "LONG", "confluent.type.Decimal": "BYTES"}
"""Messages that stand for one value."""

NO_TAGS: frozenset[str] = frozenset()
KINDS = {
    "DOUBLE": (1,),
    "FLOAT": (2,),
    "LONG": (3, 4, 6, 16, 18),
    "INT": (5, 7, 13, 15, 17),
    "BOOLEAN": (8,),
    "STRING": (9,),
    "RECORD": (10, 11),
    "BYTES": (12,),
    "ENUM": (14,),
}
"""What rules call a type, and descriptor.proto's numbers of it."""
KIND_OF = {number: kind for kind, numbers in KINDS.items() for number in numbers}
MESSAGES = (10, 11)


def changed(schema: Any, message: Any, tags: Mapping[str, frozenset[str]], change: Change) -> Any:
    """A copy of a message with its fields changed."""
    made = type(message)()
    made.CopyFrom(message)
    _change(schema, made, tags, change)
    return made


def kind_of(field: Any) -> str:
    """What rules call the type of a field."""
    if is_map(field):
        return "MAP"
    if field.type in MESSAGES:
        return LEAVES.get(field.message_type.full_name, "RECORD")
    return KIND_OF[field.type]


def is_map(field: Any) -> bool:
    """Whether a field is a map."""
    return bool(field.type in MESSAGES and field.message_type.GetOptions().map_entry)


def is_repeated(field: Any) -> bool:
    """Whether a field is a list, by whichever way this version of the package tells it."""
    told = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if told is None else told)


def _change(schema: Any, message: Any, tags: Mapping[str, frozenset[str]], change: Change) -> None:
    for field in message.DESCRIPTOR.fields:
        told = schema.fields_by_number.get(field.number)
        if told is None or (field.has_presence and not message.HasField(field.name)):
            continue
        here = Field(
            message, told.full_name, told.name, kind_of(field), tags.get(told.full_name, NO_TAGS)
        )
        try:
            _change_field(field, told, message, tags, change, here)
        except (TypeError, ValueError, AttributeError) as error:
            raise Misfit(
                f"a rule gave a value that the field can't hold: {error}", field=told.full_name
            ) from error


def _change_field(
    field: Any,
    told: Any,
    message: Any,
    tags: Mapping[str, frozenset[str]],
    change: Change,
    here: Field,
) -> None:
    value = getattr(message, field.name)
    if is_map(field):
        inner = field.message_type.fields_by_name["value"]
        below = told.message_type.fields_by_name["value"]
        if inner.type in MESSAGES:
            for key in value:
                _change(below.message_type, value[key], tags, change)
        else:
            for key in list(value):  # of the kind MAP, which expressions leave alone
                value[key] = change(here, value[key])
    elif field.type in MESSAGES and kind_of(field) == "RECORD":
        for item in value if is_repeated(field) else (value,):
            _change(told.message_type, item, tags, change)
    elif field.type in MESSAGES:
        for item in value if is_repeated(field) else (value,):
            made = change(here, item)
            if made is not item:
                item.CopyFrom(made)
    elif is_repeated(field):
        value[:] = [change(here, item) for item in list(value)]
    else:
        made = change(here, value)
        if made is not value:
            setattr(message, field.name, made)
