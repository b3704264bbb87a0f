"""Values as CEL has them, and back.

A record, a document or a message of Protobuf is a map; dates are days since 1970, as Avro writes
them; UUIDs are text. What comes back is Python's own, and a message where a message was given.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ottla.serdes.codec import Misfit

EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()


class CelValues:
    """Between Python's types and celpy's.

    Args:
        types: the module `celpy.celtypes`.
    """

    def __init__(self, types: Any) -> None:
        self._types = types

    def told(self, value: Any) -> Any:
        """A value for an expression."""
        types = self._types
        match value:
            case None:
                return None
            case bool():
                return types.BoolType(value)
            case int():
                return types.IntType(value)
            case float():
                return types.DoubleType(value)
            case str():
                return types.StringType(value)
            case bytes() | bytearray():
                return types.BytesType(bytes(value))
            case datetime.datetime():
                aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
                return types.TimestampType(aware)
            case datetime.timedelta():
                return types.DurationType(value)
            case datetime.date():
                return types.IntType(value.toordinal() - EPOCH_DAY)
            case uuid.UUID():
                return types.StringType(str(value))
            case Decimal():
                return types.DoubleType(float(value))
        return self._told_whole(value)

    def _told_whole(self, value: Any) -> Any:
        types = self._types
        if hasattr(value, "DESCRIPTOR"):
            return self._told_message(value)
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
            return self.told(value[1])  # a branch of a union, with its name
        if isinstance(value, Mapping) or hasattr(value, "items"):
            return types.MapType({self.told(key): self.told(item) for key, item in value.items()})
        if isinstance(value, list | tuple) or hasattr(value, "__len__"):
            return types.ListType([self.told(item) for item in value])
        return value

    def _told_message(self, message: Any) -> Any:
        if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
            return self.told(message.ToDatetime(tzinfo=datetime.UTC))
        fields = [
            field
            for field in message.DESCRIPTOR.fields
            if not field.has_presence or message.HasField(field.name)
        ]
        rows = {field.name: getattr(message, field.name) for field in fields}
        return self._types.MapType({self.told(k): self.told(v) for k, v in rows.items()})

    def plain(self, value: Any, *, like: Any = None) -> Any:
        """A result as Python has it; of the kind of what it came from, where that is a message.

        Raises:
            Misfit: a message can't be made of it.
        """
        if hasattr(like, "DESCRIPTOR"):
            return self._message(self._plain(value), like)
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        types = self._types
        for kind, make in (
            (types.BoolType, bool),
            (types.StringType, str),
            (types.BytesType, bytes),
            (types.DoubleType, float),
            (types.IntType, int),
            (types.UintType, int),
        ):
            if isinstance(value, kind):
                return make(value)
        if isinstance(value, types.TimestampType):
            return datetime.datetime.fromtimestamp(value.timestamp(), value.tzinfo)
        if isinstance(value, types.DurationType):
            return datetime.timedelta(seconds=value.total_seconds())
        if isinstance(value, Mapping):
            return {self._plain(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(item) for item in value]
        return value

    def _message(self, value: Any, like: Any) -> Any:
        if isinstance(value, datetime.datetime):
            made = type(like)()
            made.FromDatetime(value)
            return made
        if not isinstance(value, Mapping):
            raise Misfit(
                f"the expression gives a {type(value).__name__}, where a message should be"
            )
        made = type(like)()
        try:
            for name, item in value.items():
                _put(made, name, item)
        except (TypeError, ValueError, AttributeError) as error:
            raise Misfit(f"no message can be made of what the expression gives: {error}") from error
        return made


def _put(message: Any, name: str, value: Any) -> None:
    """Set a field of a message from what `told` made of it, or from the like."""
    here = getattr(message, name)
    if isinstance(value, datetime.datetime):
        here.FromDatetime(value)
    elif hasattr(here, "DESCRIPTOR"):
        here.SetInParent()
        for inner, item in (value or {}).items():
            _put(here, inner, item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, Mapping):
                for inner, of in item.items():
                    _put(here[key], inner, of)
            else:
                here[key] = item
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, Mapping):
                made = here.add()
                for inner, of in item.items():
                    _put(made, inner, of)
            else:
                here.append(item)
    elif value is not None:
        setattr(message, name, value)
