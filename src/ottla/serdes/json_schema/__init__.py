"""JSON: documents as dicts and lists, and dataclasses by hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.serdes.deserializer import Deserializer
from ottla.serdes.json_schema.codec import JsonCodec
from ottla.serdes.plain import plain
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.serializer import Serializer, Text


class JsonSerializer(Serializer):
    """Writes documents that are valid under a JSON Schema.

        serializer = JsonSerializer(registry, Path("order.json"))
        producer.send("orders", serializer("orders", {"what": "bicycle"}))

    Args:
        registry: the client, or the URL of one that is made for it.
        schema: a text, a file's path, a dict, or a contract with references; None: the latest
            version.
        to_dict: makes a value a document; without it, dataclasses are taken apart.
        validate: hold each document against the schema.
        options: those of `Serializer`.

    Raises:
        BadRegistrySetting: something of that can't be meant.
        MissingExtra: jsonschema-rs is not installed.
    """

    def __init__(
        self,
        registry: SchemaRegistry | str,
        schema: Text | None = None,
        *,
        to_dict: Callable[[Any], Any] | None = None,
        validate: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(registry, JsonCodec(validate=validate), schema, **options)
        self._to_dict = to_dict

    def _plain(self, value: Any) -> Any:
        return plain(value, self._to_dict)


class JsonDeserializer(Deserializer):
    """Reads documents, valid under the schema that they were written or are wanted with.

        deserializer = JsonDeserializer(registry, from_dict=lambda row: Order(**row))
        for record in consumer:
            order = deserializer(record)

    Args:
        registry: the client, or the URL of one that is made for it.
        schema: the reader's schema; None: each document is held against its writer's.
        from_dict: makes a document what the program wants.
        validate: hold each document against the schema.
        options: those of `Deserializer`.

    Raises:
        BadRegistrySetting: something of that can't be meant.
        MissingExtra: jsonschema-rs is not installed.
    """

    def __init__(
        self,
        registry: SchemaRegistry | str,
        schema: Text | None = None,
        *,
        from_dict: Callable[[Any], Any] | None = None,
        validate: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(registry, JsonCodec(validate=validate), schema, **options)
        self._from_dict = from_dict

    def _made(self, value: Any) -> Any:
        return value if self._from_dict is None else self._from_dict(value)
