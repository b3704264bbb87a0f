"""Values to bytes and back by the schemas of a registry; and a client of such a registry.

    from ottla.client import Producer
    from ottla.serdes import AvroSerializer, SchemaRegistry

    registry = SchemaRegistry("http://localhost:8081")
    serializer = AvroSerializer(registry, '{"type": "record", "name": "Order", "fields": …}')
    with Producer("localhost:9092") as producer:
        producer.send("orders", serializer("orders", {"what": "bicycle"}))

`registry_client` talks to it, a package a language (`avro`, `protobuf`, `json_schema`) writes and
reads, `framing` is how a record names its schema, `rules` runs the rules that a schema carries.
It runs with any registry of the field and never imports ours. What stands in `__all__` is stable.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ottla.serdes.avro import AvroDeserializer, AvroSerializer
    from ottla.serdes.contract import Checked, Contract, Reference, Registered
    from ottla.serdes.errors import (
        BadData,
        BadRegistrySetting,
        MissingExtra,
        RegistryError,
        RegistryUnreachable,
        RuleFailed,
    )
    from ottla.serdes.json_schema import JsonDeserializer, JsonSerializer
    from ottla.serdes.protobuf import ProtobufDeserializer, ProtobufSerializer
    from ottla.serdes.registry_client import SchemaRegistry
    from ottla.serdes.rules.rules import Rules

_HOMES = {
    "AvroDeserializer": "ottla.serdes.avro",
    "AvroSerializer": "ottla.serdes.avro",
    "BadData": "ottla.serdes.errors",
    "BadRegistrySetting": "ottla.serdes.errors",
    "Checked": "ottla.serdes.contract",
    "Contract": "ottla.serdes.contract",
    "JsonDeserializer": "ottla.serdes.json_schema",
    "JsonSerializer": "ottla.serdes.json_schema",
    "MissingExtra": "ottla.serdes.errors",
    "ProtobufDeserializer": "ottla.serdes.protobuf",
    "ProtobufSerializer": "ottla.serdes.protobuf",
    "Reference": "ottla.serdes.contract",
    "Registered": "ottla.serdes.contract",
    "RegistryError": "ottla.serdes.errors",
    "RegistryUnreachable": "ottla.serdes.errors",
    "RuleFailed": "ottla.serdes.errors",
    "Rules": "ottla.serdes.rules.rules",
    "SchemaRegistry": "ottla.serdes.registry_client",
}

__all__ = [
    "AvroDeserializer",
    "AvroSerializer",
    "BadData",
    "BadRegistrySetting",
    "Checked",
    "Contract",
    "JsonDeserializer",
    "JsonSerializer",
    "MissingExtra",
    "ProtobufDeserializer",
    "ProtobufSerializer",
    "Reference",
    "Registered",
    "RegistryError",
    "RegistryUnreachable",
    "RuleFailed",
    "Rules",
    "SchemaRegistry",
]

if not TYPE_CHECKING:  # a type checker that saw this would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Load what is asked for on first use."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'ottla.serdes' has no attribute '{name}'")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(home), name)
        return found
