"""Which serde a thing means: `str`, `int`, a dataclass, a struct, or a serde itself."""

from __future__ import annotations

import dataclasses
import sys
import uuid

from ottla.streams.serdes.documents import JSON, ObjectSerde
from ottla.streams.serdes.kafka import BOOLEAN, BYTES, DOUBLE, LONG, STRING, UUID, VOID
from ottla.streams.serdes.serde import Serde, SerdeError

OF_TYPES: dict[object, Serde] = {
    str: STRING,
    bytes: BYTES,
    int: LONG,
    float: DOUBLE,
    bool: BOOLEAN,
    uuid.UUID: UUID,
    dict: JSON,
    list: JSON,
    None: VOID,
    type(None): VOID,
}


def serde_for(thing: object) -> Serde:
    """The serde that a type or a serde means.

    Raises:
        SerdeError: it means none.
        MissingExtra: the serde stands on a package that is not installed.
    """
    if isinstance(thing, Serde):
        serde = thing
    elif isinstance(thing, type) and issubclass(thing, Serde):
        raise SerdeError(f"{thing.__name__} is a class of serdes", hint="give an object of it")
    elif isinstance(thing, type) and _is_record(thing):
        serde = ObjectSerde(thing)
    else:
        try:
            found = OF_TYPES.get(thing)
        except TypeError:  # what cannot be hashed is no type
            found = None
        if found is None:
            shown = thing.__name__ if isinstance(thing, type) else type(thing).__name__
            raise SerdeError(
                f"no serde is known for {shown}",
                hint="give str, bytes, int, float, bool, uuid.UUID, dict, a dataclass, "
                "a msgspec.Struct, or one of ottla.streams.serdes",
            )
        serde = found
    serde.prepare()
    return serde


def _is_record(kind: type) -> bool:
    if dataclasses.is_dataclass(kind):
        return True
    msgspec = sys.modules.get("msgspec")  # who has a struct has imported it
    return msgspec is not None and issubclass(kind, msgspec.Struct)
