"""How rules find fields in odd shapes: as confluent-kafka's find them, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer as TheirAvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer as TheirJsonSerializer
from confluent_kafka.schema_registry.rule_registry import RuleRegistry
from confluent_kafka.schema_registry.rules.cel.cel_field_executor import CelFieldExecutor
from confluent_kafka.serialization import MessageField, SerializationContext

from ottla.schemas.language import AVRO, JSON
from ottla.serdes import (
    AvroDeserializer,
    AvroSerializer,
    Contract,
    JsonSerializer,
    Reference,
    RuleFailed,
    SchemaRegistry,
)

TEXT = {"type": "string"}
SHOUT = {
    "name": "shout", "kind": "TRANSFORM", "type": "CEL_FIELD", "mode": "WRITE",
    "expr": "typeName == 'STRING' ; value + '!' + fullName",
}  # fmt: skip
TREE = {
    "$id": "http://x.invalid/tree.json",
    "type": "object",
    "properties": {
        "name": TEXT,
        "kids": {"type": "array", "items": {"$ref": "#"}},
        "one": {"oneOf": [{"type": "integer"}, {"$ref": "#/definitions/A"}, TEXT]},
        "any": {"anyOf": [{"$ref": "#/definitions/A"}, {"type": "object"}]},
        "all": {"allOf": [{"$ref": "#/definitions/A"}], "properties": {"b": TEXT}},
        "many": {"type": ["null", "string"]},
        "kind": {"enum": ["x", "y"]},
        "odd": {"type": "object", "additionalProperties": TEXT},
        "a~b/c": {"oneOf": [{"properties": {"z": TEXT}, "type": "object"}, TEXT]},
    },
    "definitions": {
        "A": {"type": "object", "properties": {"a": TEXT}, "required": ["a"]},
    },
}
JSON_VALUES = [
    {"name": "n", "kids": [{"name": "k", "kids": []}, {"one": "s"}]},
    {"one": 5},
    {"one": {"a": "t"}},
    {"any": {"a": "t"}},
    {"any": {"c": "t"}},
    {"all": {"a": "t", "b": "u"}},
    {"many": None},
    {"many": "t"},
    {"kind": "x", "odd": {"p": "q"}},
    {"a~b/c": {"z": "t"}},
    {"a~b/c": "t"},
    {},
]
SHAPES = {
    "type": "record",
    "name": "S",
    "namespace": "n.m",
    "fields": [
        {"name": "map", "type": {"type": "map", "values": ["null", "string"]}, "default": {}},
        {
            "name": "union",
            "type": [
                "null",
                "int",
                "string",
                {"type": "record", "name": "A", "fields": [{"name": "a", "type": "string"}]},
                {"type": "record", "name": "B", "fields": [{"name": "b", "type": "string"}]},
            ],
            "default": None,
        },
        {"name": "again", "type": ["null", "A"], "default": None},
        {"name": "list", "type": {"type": "array", "items": "A"}, "default": []},
        {"name": "self", "type": ["null", "S"], "default": None},
        {
            "name": "id",
            "type": ["null", {"type": "string", "logicalType": "uuid"}],
            "default": None,
        },
    ],
}
AVRO_VALUES = [
    {"map": {"x": "y", "z": None}},
    {"union": 5},
    {"union": "t"},
    {"union": {"a": "t"}},
    {"union": {"b": "t"}},
    {"union": ("n.m.B", {"b": "t"})},
    {"again": {"a": "t"}, "list": [{"a": "t"}, {"a": "u"}]},
    {},
]


def their_rules() -> RuleRegistry:
    """What runs rules over fields at theirs."""
    rules = RuleRegistry()
    rules.register_executor(CelFieldExecutor())
    return rules


CONF = {"auto.register.schemas": False, "use.latest.version": True}


@pytest.mark.parametrize("value", JSON_VALUES)
def test_documents(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    topic: Callable[[], str],
    value: Any,
) -> None:
    """If this failed, a field to hide would be written in clear for the way its schema is told."""
    name = topic()
    contract = Contract(json.dumps(TREE), JSON, rule_set={"domainRules": [SHOUT]})
    registry.register(f"{name}-value", contract)
    they = TheirJsonSerializer(json.dumps(TREE), theirs, conf=CONF, rule_registry=their_rules())
    before = json.dumps(value)
    data = JsonSerializer(registry)(name, value)
    assert json.dumps(value) == before
    assert data == they(json.loads(before), SerializationContext(name, MessageField.VALUE))


@pytest.mark.parametrize("value", AVRO_VALUES)
def test_records(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    topic: Callable[[], str],
    value: Any,
) -> None:
    """If this failed, a field to hide would be written in clear for the way its schema is told."""
    name = topic()
    contract = Contract(json.dumps(SHAPES), AVRO, rule_set={"domainRules": [SHOUT]})
    registry.register(f"{name}-value", contract)
    they = TheirAvroSerializer(theirs, json.dumps(SHAPES), conf=CONF, rule_registry=their_rules())
    data = AvroSerializer(registry)(name, value)
    assert data == they(value, SerializationContext(name, MessageField.VALUE))


def test_records_within_their_own_kind(registry: SchemaRegistry, topic: Callable[[], str]) -> None:
    """If this failed, what lies in a tree would be written in clear (confluent-kafka leaves it so;
    Java's Avro goes into it, for there a name is the schema that it names).
    """
    name = topic()
    contract = Contract(json.dumps(SHAPES), AVRO, rule_set={"domainRules": [SHOUT]})
    registry.register(f"{name}-value", contract)
    data = AvroSerializer(registry)(name, {"self": {"self": {"union": "t"}}})
    found = AvroDeserializer(registry).deserialize(name, data)
    assert found["self"]["self"]["union"] == "t!n.m.S.union"


def test_a_reference_to_another_document(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, fields of types that are shared would not be hidden."""
    name = topic()
    shared = {"definitions": {"P": {"type": "object", "properties": {"a": TEXT}}}}
    registry.register(f"{name}-shared", Contract(json.dumps(shared), JSON))
    text = json.dumps(
        {
            "type": "object",
            "properties": {
                "p": {"$ref": "shared.json#/definitions/P"},
                "o": {"oneOf": [{"type": "string"}, {"$ref": "shared.json#/definitions/P"}]},
            },
        }
    )
    rule_set = {"domainRules": [SHOUT]}
    reference = Reference("shared.json", f"{name}-shared", 1)
    registry.register(f"{name}-value", Contract(text, JSON, (reference,), None, rule_set))
    data = JsonSerializer(registry)(name, {"p": {"a": "x"}, "o": {"a": "y"}})
    assert data is not None
    assert json.loads(data[5:]) == {"p": {"a": "x!$.p.a"}, "o": {"a": "y!$.o.a"}}


def test_a_reference_that_can_not_be_followed_is_an_error(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, what stands behind an anchor would be written in clear."""
    name = topic()
    text = json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"p": {"$ref": "#there"}},
            "$defs": {"P": {"$anchor": "there", "type": "object", "properties": {"a": TEXT}}},
        }
    )
    registry.register(f"{name}-value", Contract(text, JSON, rule_set={"domainRules": [SHOUT]}))
    with pytest.raises(RuleFailed, match="can't follow the reference '#there'"):
        JsonSerializer(registry)(name, {"p": {"a": "x"}})
