"""Which serde a thing means: `str`, `int`, a dataclass, a struct, or a serde itself."""

from __future__ import annotations

import dataclasses
import inspect
import reprlib
import sys
import uuid
from types import GenericAlias

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
        _check_calls(thing)
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
            is_class = isinstance(thing, type) and not isinstance(thing, GenericAlias)
            shown = str(getattr(thing, "__name__", thing)) if is_class else reprlib.repr(thing)
            raise SerdeError(
                f"no serde is known for {shown}",
                hint="give str, bytes, int, float, bool, uuid.UUID, dict, list, a dataclass, "
                "a msgspec.Struct, or one of ottla.streams.serdes, such as list_of(int)",
            )
        serde = found
    serde.prepare()
    return serde


def _check_calls(serde: Serde) -> None:
    """A method that takes less than it is called with would fail at the first record."""
    for method, what in ((serde.serialize, "value"), (serde.deserialize, "data")):
        try:
            inspect.signature(method).bind(None, "", None)
        except ValueError:
            continue  # Python knows nothing of its parameters
        except TypeError:
            raise SerdeError(
                f"{method.__name__}() of the serde {serde.name} is called with ({what}, topic, "
                "headers), which it does not take",
                hint=f'def {method.__name__}(self, {what}, topic="", headers=None): …',
            ) from None


def _is_record(kind: type) -> bool:
    if dataclasses.is_dataclass(kind):
        return True
    msgspec = sys.modules.get("msgspec")  # who has a struct has imported it
    return msgspec is not None and issubclass(kind, msgspec.Struct)
