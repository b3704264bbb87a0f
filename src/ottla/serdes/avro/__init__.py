"""Avro: values that fastavro takes and gives, and dataclasses by hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.serdes.avro.codec import AvroCodec
from ottla.serdes.deserializer import Deserializer
from ottla.serdes.plain import plain
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.serializer import Serializer, Text


class AvroSerializer(Serializer):
    """Writes values by a schema of Avro.

        serializer = AvroSerializer(registry, Path("order.avsc"))
        producer.send("orders", serializer("orders", {"what": "bicycle"}))

    Args:
        registry: the client, or the URL of one that is made for it.
        schema: a text, a file's path, a dict, or a contract with references; None: the latest
            version.
        to_dict: makes a value what fastavro takes; without it, dataclasses are taken apart.
        strict: refuse what does not fit: a number out of its range, 2.7 or True for an int, a field
            that the schema does not have. False: what fastavro can make bytes of is written.
        options: those of `Serializer`.

    Raises:
        BadRegistrySetting: something of that can't be meant.
        MissingExtra: fastavro is not installed.
    """

    def __init__(
        self,
        registry: SchemaRegistry | str,
        schema: Text | None = None,
        *,
        to_dict: Callable[[Any], Any] | None = None,
        strict: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(registry, AvroCodec(strict=strict), schema, **options)
        self._to_dict = to_dict

    def _plain(self, value: Any) -> Any:
        return plain(value, self._to_dict)


class AvroDeserializer(Deserializer):
    """Reads data of Avro.

        deserializer = AvroDeserializer(registry, from_dict=lambda row: Order(**row))
        for record in consumer:
            order = deserializer(record)

    Args:
        registry: the client, or the URL of one that is made for it.
        schema: the reader's schema; None: each record is read as it was written.
        from_dict: makes what fastavro gives what the program wants.
        return_record_name: tell which branch of a union of records was read, as a pair.
        options: those of `Deserializer`.

    Raises:
        BadRegistrySetting: something of that can't be meant.
        MissingExtra: fastavro is not installed.
    """

    def __init__(
        self,
        registry: SchemaRegistry | str,
        schema: Text | None = None,
        *,
        from_dict: Callable[[Any], Any] | None = None,
        return_record_name: bool = False,
        **options: Any,
    ) -> None:
        codec = AvroCodec(return_record_name=return_record_name)
        super().__init__(registry, codec, schema, **options)
        self._from_dict = from_dict

    def _made(self, value: Any) -> Any:
        return value if self._from_dict is None else self._from_dict(value)
