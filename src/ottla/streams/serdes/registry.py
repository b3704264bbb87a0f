"""Serdes of schemas that a registry keeps: Avro, Protobuf, JSON Schema.

They wrap the serializers and deserializers of `ottla.serdes`, which say what a schema allows and
how a record names its schema. Keys and values have subjects of their own, so `as_key()` gives
another serde.
"""

from __future__ import annotations

from typing import Any

from ottla.serdes.errors import BadData
from ottla.streams.serdes.serde import READ_HINT, WRITE_HINT, Headers, Serde, SerdeError


class RegistrySerde(Serde):
    """A serializer and a deserializer of `ottla.serdes`; one may be missing where unused."""

    def __init__(
        self, serializer: Any = None, deserializer: Any = None, *, is_key: bool = False
    ) -> None:
        self.serializer, self.deserializer, self.is_key = serializer, deserializer, is_key

    @property
    def name(self) -> str:
        known = self.serializer if self.serializer is not None else self.deserializer
        form = type(known).__name__.removesuffix("Serializer").removesuffix("Deserializer")
        return f"{form} of the registry"

    def as_key(self) -> Serde:
        if self.is_key:
            return self
        return RegistrySerde(self.serializer, self.deserializer, is_key=True)

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        if self.serializer is None:
            raise self._unwritable("anything: it has no serializer", topic)
        try:
            data = self.serializer.serialize(topic, value, headers, is_key=self.is_key)
        except BadData as error:
            raise SerdeError(str(error), hint=error.hint or WRITE_HINT) from error
        return None if data is None else bytes(data)

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if data is None:
            return None
        if self.deserializer is None:
            raise self._unreadable(data, topic, "it has no deserializer")
        try:
            return self.deserializer.deserialize(topic, data, headers, is_key=self.is_key)
        except BadData as error:
            raise SerdeError(str(error), hint=error.hint or READ_HINT) from error


def registry(serializer: Any = None, deserializer: Any = None) -> Serde:
    """The serde of a serializer and a deserializer of `ottla.serdes`."""
    return RegistrySerde(serializer, deserializer)


def avro(registry: Any, schema: Any = None, **settings: Any) -> Serde:
    """Avro by a registry (a client or its URL); settings are the serializer's.

    Raises:
        MissingExtra: the packages of the extra `registry` are not installed.
    """
    from ottla.serdes import AvroDeserializer, AvroSerializer

    serializer = AvroSerializer(registry, schema, **settings)
    return RegistrySerde(serializer, AvroDeserializer(registry, schema))


def protobuf(registry: Any, message: Any, **settings: Any) -> Serde:
    """Protobuf by a registry, for messages of one generated class; settings are the serializer's.

    Raises:
        MissingExtra: the packages of the extra `registry` are not installed.
    """
    from ottla.serdes import ProtobufDeserializer, ProtobufSerializer

    return RegistrySerde(
        ProtobufSerializer(registry, message, **settings), ProtobufDeserializer(registry, message)
    )


def json_schema(registry: Any, schema: Any = None, **settings: Any) -> Serde:
    """JSON with a schema in a registry; settings are the serializer's.

    Raises:
        MissingExtra: the packages of the extra `registry` are not installed.
    """
    from ottla.serdes import JsonDeserializer, JsonSerializer

    return RegistrySerde(JsonSerializer(registry, schema, **settings), JsonDeserializer(registry))
