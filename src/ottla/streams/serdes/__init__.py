"""Serdes: what stands between the values of a topology and the bytes of records.

`STRING`, `LONG` and the other formats of Kafka, `JSON`, `list_of`, `time_windowed`,
`session_windowed`, and `avro`, `protobuf`, `json_schema` by a registry. `serde_for` finds the one
that a type means.
"""

from ottla.streams.serdes.choice import serde_for
from ottla.streams.serdes.documents import JSON, JsonSerde, ObjectSerde
from ottla.streams.serdes.kafka import (
    BOOLEAN,
    BYTES,
    DOUBLE,
    FLOAT,
    INTEGER,
    LONG,
    SHORT,
    STRING,
    UUID,
    VOID,
    java_text,
)
from ottla.streams.serdes.lists import list_of
from ottla.streams.serdes.registry import avro, json_schema, protobuf, registry
from ottla.streams.serdes.serde import Headers, Serde, SerdeError, WrongType
from ottla.streams.serdes.windowed import Windowed, session_windowed, time_windowed

__all__ = [
    "BOOLEAN",
    "BYTES",
    "DOUBLE",
    "FLOAT",
    "INTEGER",
    "JSON",
    "LONG",
    "SHORT",
    "STRING",
    "UUID",
    "VOID",
    "Headers",
    "JsonSerde",
    "ObjectSerde",
    "Serde",
    "SerdeError",
    "Windowed",
    "WrongType",
    "avro",
    "java_text",
    "json_schema",
    "list_of",
    "protobuf",
    "registry",
    "serde_for",
    "session_windowed",
    "time_windowed",
]
