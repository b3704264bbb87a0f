"""JSON between our serializers and confluent-kafka's, by the same registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.json_schema import JSONDeserializer as TheirDeserializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer as TheirSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from ottla.schemas.language import JSON
from ottla.serdes.contract import Contract, Reference
from ottla.serdes.errors import BadData
from ottla.serdes.json_schema import JsonDeserializer, JsonSerializer
from ottla.serdes.registry_client import SchemaRegistry

ORDER = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order",
    "type": "object",
    "properties": {
        "what": {"type": "string", "minLength": 1},
        "count": {"type": "integer", "minimum": 0},
        "to": {"$ref": "#/definitions/Place"},
    },
    "required": ["what"],
    "definitions": {"Place": {"type": "object", "properties": {"x": {"type": "number"}}}},
}
CASES = [
    {"what": "bicycle", "count": 2, "to": {"x": 1.5}},
    {"what": "Fahrräder „Öttla“ \U0001f6b2", "more": [1, None, True]},
]


@pytest.mark.parametrize("value", CASES)
@pytest.mark.parametrize("is_key", [False, True])
@pytest.mark.parametrize("in_header", [False, True])
def test_both_write_the_same_bytes_and_read_each_other(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    topic: Callable[[], str],
    value: Any,
    is_key: bool,
    in_header: bool,
) -> None:
    """If this failed, a program with one of both serializers could not read what the other wrote,
    or the same records would not compare as equal.
    """
    name, text = topic(), json.dumps(ORDER)
    ours = JsonSerializer(registry, text, schema_in="header" if in_header else "prefix")
    options = {"schema.id.serializer": header_schema_id_serializer} if in_header else {}
    other = TheirSerializer(text, theirs, conf=options)
    our_headers: list[Any] = []
    their_headers: list[Any] = []
    context = SerializationContext(
        name, MessageField.KEY if is_key else MessageField.VALUE, their_headers
    )
    written = ours.serialize(name, value, our_headers, is_key)
    assert other(value, context) == written
    assert our_headers == their_headers
    assert TheirDeserializer(None, schema_registry_client=theirs)(written, context) == value
    assert JsonDeserializer(registry).deserialize(name, written, our_headers, is_key) == value


def test_references_are_resolved_as_theirs_are(
    registry: SchemaRegistry, theirs: SchemaRegistryClient, topic: Callable[[], str]
) -> None:
    """If this failed, schemas that share types could not be written or read."""
    name = topic()
    place = {"$id": "https://x.invalid/place.json", "type": "object", "required": ["x"]}
    text = json.dumps({"type": "object", "properties": {"to": {"$ref": "place.json"}}})
    uri = "place.json"
    registry.register(f"{name}-place", Contract(json.dumps(place), JSON))
    ours = JsonSerializer(
        registry, Contract(text, JSON, references=[Reference(uri, f"{name}-place", 1)])
    )
    other = TheirSerializer(
        Schema(text, "JSON", [SchemaReference(uri, f"{name}-place", 1)]), theirs
    )
    context = SerializationContext(name, MessageField.VALUE)
    value = {"to": {"x": 1}}
    written = ours(name, value)
    assert written == other(value, context)
    assert TheirDeserializer(None, schema_registry_client=theirs)(written, context) == value
    assert JsonDeserializer(registry).deserialize(name, written) == value
    with pytest.raises(BadData, match="not valid") as caught:
        ours(name, {"to": {}})
    assert caught.value.field == "/to"


def test_a_document_that_is_not_valid_is_refused_when_it_is_read(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a consumer would take what its contract forbids."""
    name = topic()
    ours = JsonSerializer(registry, json.dumps(ORDER), validate=False)
    written = ours(name, {"what": "", "count": -1})
    with pytest.raises(BadData) as caught:
        JsonDeserializer(registry).deserialize(name, written)
    assert caught.value.topic == name
    assert "/what" in str(caught.value)
    assert "/count" in str(caught.value)
    relaxed = JsonDeserializer(registry, validate=False)
    assert relaxed.deserialize(name, written) == {"what": "", "count": -1}
