"""Avro between our serializers and confluent-kafka's, by the same registry."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer as TheirDeserializer
from confluent_kafka.schema_registry.avro import AvroSerializer as TheirSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from ottla.serdes.avro import AvroDeserializer, AvroSerializer
from ottla.serdes.contract import Contract, Reference
from ottla.serdes.registry_client import SchemaRegistry

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "what", "type": "string"},
        {"name": "count", "type": "int", "default": 1},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "prices", "type": {"type": "map", "values": "double"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {
            "name": "cost",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
        },
        {"name": "number", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "size", "type": {"type": "enum", "name": "Size", "symbols": ["S", "L"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 2}},
    ],
}
ORDER_VALUE = {
    "what": "bicycle",
    "count": 2,
    "note": "blue",
    "tags": ["a", "b"],
    "prices": {"eur": 1.5},
    "at": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
    "day": datetime.date(2026, 1, 2),
    "cost": decimal.Decimal("12.34"),
    "number": uuid.UUID(int=7),
    "size": "L",
    "hash": b"ab",
}
CASES = [
    pytest.param(ORDER, ORDER_VALUE, id="record"),
    pytest.param("string", "long text", id="string"),
    pytest.param("long", -(7**15), id="long"),
    pytest.param("bytes", b"\0\1 as it is", id="bytes"),
    pytest.param(["null", "int", "string"], "long text", id="union"),
    pytest.param({"type": "array", "items": "int"}, [1, 2, 3, 4, 5, 6], id="array"),
]


@pytest.mark.parametrize(("schema", "value"), CASES)
@pytest.mark.parametrize("is_key", [False, True])
@pytest.mark.parametrize("in_header", [False, True])
def test_both_write_the_same_bytes_and_read_each_other(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    topic: Callable[[], str],
    schema: Any,
    value: Any,
    is_key: bool,
    in_header: bool,
) -> None:
    """If this failed, a program with one of both serializers could not read what the other wrote,
    or the same records would not compare as equal.
    """
    name, text = topic(), json.dumps(schema)
    ours = AvroSerializer(registry, text, schema_in="header" if in_header else "prefix")
    options = {"schema.id.serializer": header_schema_id_serializer} if in_header else {}
    other = TheirSerializer(theirs, text, conf=options)
    our_headers: list[Any] = []
    their_headers: list[Any] = []
    field = MessageField.KEY if is_key else MessageField.VALUE
    written = ours.serialize(name, value, our_headers, is_key)
    context = SerializationContext(name, field, their_headers)
    assert other(value, context) == written
    assert our_headers == their_headers
    assert TheirDeserializer(theirs)(written, context) == value
    assert AvroDeserializer(registry).deserialize(name, written, our_headers, is_key) == value


def test_references_are_resolved_as_theirs_are(
    registry: SchemaRegistry, theirs: SchemaRegistryClient, topic: Callable[[], str]
) -> None:
    """If this failed, schemas that share types could not be written or read."""
    name = topic()
    place = (
        '{"type":"record","name":"Place","namespace":"geo","fields":[{"name":"x","type":"int"}]}'
    )
    order = json.dumps(
        {
            "type": "record",
            "name": "Order",
            "fields": [{"name": "to", "type": "geo.Place"}, {"name": "of", "type": "geo.Place"}],
        }
    )
    registry.register(f"{name}-place", place)
    value = {"to": {"x": 1}, "of": {"x": 2}}
    ours = AvroSerializer(
        registry, Contract(order, references=[Reference("geo.Place", f"{name}-place", 1)])
    )
    other = TheirSerializer(
        theirs, Schema(order, "AVRO", [SchemaReference("geo.Place", f"{name}-place", 1)])
    )
    context = SerializationContext(name, MessageField.VALUE)
    written = ours(name, value)
    assert written == other(value, context)
    assert TheirDeserializer(theirs)(written, context) == value
    assert AvroDeserializer(registry).deserialize(name, written) == value


def test_the_latest_version_is_read_and_written(
    registry: SchemaRegistry, theirs: SchemaRegistryClient, topic: Callable[[], str]
) -> None:
    """If this failed, a reader that wants the latest version would get another shape."""
    name = topic()
    first = {"type": "record", "name": "A", "fields": [{"name": "x", "type": "int"}]}
    added = {"name": "y", "type": "string", "default": "none"}
    second = {**first, "fields": [*first["fields"], added]}  # type: ignore[misc]
    old = AvroSerializer(registry, json.dumps(first))(name, {"x": 1})
    registry.register(f"{name}-value", json.dumps(second))
    new = AvroSerializer(registry, use_latest=True)(name, {"x": 2, "y": "z"})
    context = SerializationContext(name, MessageField.VALUE)
    other = TheirDeserializer(theirs, conf={"use.latest.version": True})
    latest = AvroDeserializer(registry, use_latest=True)
    for data, value in ((old, {"x": 1, "y": "none"}), (new, {"x": 2, "y": "z"})):
        assert latest.deserialize(name, data) == value
        assert other(data, context) == value
    assert AvroDeserializer(registry, json.dumps(first)).deserialize(name, new) == {"x": 2}
