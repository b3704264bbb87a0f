"""Protobuf: messages of the program's classes, or made from the schema that the registry has."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ottla.errors import OttlaError
from ottla.schemas.language import PROTOBUF
from ottla.serdes.contract import Contract, Reference
from ottla.serdes.deserializer import Deserializer
from ottla.serdes.errors import BadData
from ottla.serdes.framing import Indexes
from ottla.serdes.protobuf.codec import ProtobufCodec, indexes_of
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.serializer import Serializer, Text, told

KNOWN = ("google/protobuf/", "google/type/", "confluent/")
"""Imports that every registry has by itself."""


class ProtobufSerializer(Serializer):
    """Writes messages; their class is their schema, which is registered with all that it imports.

        serializer = ProtobufSerializer(registry)
        producer.send("orders", serializer("orders", Order(what="bicycle")))

    An import is registered under its path as its subject, unless every registry has it.

    Args:
        registry: the client, or the URL of one that is made for it.
        message: the class, or the name of a message in the schema, that a dict is made into;
            messages need none.
        schema: a text, a file's path, or a contract with references, instead of the class's own.
        options: those of `Serializer`.

    Raises:
        BadRegistrySetting: something of that can't be meant.
        MissingExtra: protobuf is not installed.
    """

    def __init__(
        self,
        registry: SchemaRegistry | str,
        message: Any = None,
        schema: Text | None = None,
        **options: Any,
    ) -> None:
        self._protobuf = ProtobufCodec()
        super().__init__(registry, self._protobuf, schema, **options)
        self._message = message

    def _plain(self, value: Any) -> Any:
        if hasattr(value, "DESCRIPTOR"):
            return value
        with told("", None, None):
            if isinstance(value, Mapping):
                return self._protobuf.from_dict(value, self._class())
        raise BadData(
            f"the value is no message of Protobuf but a {type(value).__name__}",
            hint="give a message, or a dict and its message: ProtobufSerializer(registry, Order)",
        )

    def _class(self) -> Any:
        if self._message is not None and not isinstance(self._message, str):
            return self._message
        if self._own is None:
            raise BadData(
                "nothing says which message a dict is to be made into",
                hint="name it: ProtobufSerializer(registry, Order)",
            )
        return self._protobuf.dynamic(self._schemas.own(self._own), self._message)

    def _kind(self, value: Any) -> Any:
        return value.DESCRIPTOR

    def _contract(self, topic: str, is_key: bool, value: Any) -> Contract | None:
        if self._own is not None or self._latest:
            return self._own
        return self._of_file(value.DESCRIPTOR.file)

    def _record_name(self, contract: Contract | None, value: Any) -> str | None:
        return str(value.DESCRIPTOR.full_name)

    def _indexes(self, parsed: Any, value: Any) -> Indexes:
        return indexes_of(parsed, value.DESCRIPTOR)

    def _of_file(self, file: Any) -> Contract:
        """A file as a contract; what it imports is registered, or found, on the way."""
        references = []
        for imported in file.dependencies:
            if imported.name.startswith(KNOWN):
                continue
            contract = self._of_file(imported)
            found = self._registered(imported.name, contract)
            if found.version is None:
                found = self._registry.look_up(imported.name, contract, normalize=self._normalize)
            if found.version is None:
                raise OttlaError(f"the registry tells no version of the import {imported.name!r}")
            references.append(Reference(imported.name, imported.name, found.version))
        text = base64.b64encode(file.serialized_pb).decode()
        return Contract(text, PROTOBUF, tuple(references))


class ProtobufDeserializer(Deserializer):
    """Reads messages of a class, or made from the schema that wrote them.

        deserializer = ProtobufDeserializer(registry, Order)
        for record in consumer:
            order = deserializer(record)

    Args:
        registry: the client, or the URL of one that is made for it.
        message: the class; None: messages are made from the schema.
        as_dict: give dicts, as Protobuf's JSON has them, with the names of the schema.
        options: those of `Deserializer`.

    Raises:
        BadRegistrySetting: something of that can't be meant.
        MissingExtra: protobuf is not installed.
    """

    def __init__(
        self,
        registry: SchemaRegistry | str,
        message: Any = None,
        *,
        as_dict: bool = False,
        **options: Any,
    ) -> None:
        self._protobuf = ProtobufCodec(message)
        super().__init__(registry, self._protobuf, None, **options)
        self._as_dict = as_dict

    def _made(self, value: Any) -> Any:
        if not self._as_dict:
            return value
        with told("", None, None):
            return self._protobuf.as_dict(value)
