"""Rules of CEL and JSONata, run by our serializers and by confluent-kafka's, by the same schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer as TheirAvroDeserializer
from confluent_kafka.schema_registry.avro import AvroSerializer as TheirAvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer as TheirJsonDeserializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer as TheirJsonSerializer
from confluent_kafka.schema_registry.rule_registry import RuleRegistry
from confluent_kafka.schema_registry.rules.cel.cel_executor import CelExecutor
from confluent_kafka.schema_registry.rules.cel.cel_field_executor import CelFieldExecutor
from confluent_kafka.schema_registry.rules.jsonata.jsonata_executor import JsonataExecutor
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

from ottla.schemas.language import AVRO, JSON
from ottla.serdes.avro import AvroDeserializer, AvroSerializer
from ottla.serdes.contract import Contract
from ottla.serdes.errors import RuleFailed
from ottla.serdes.json_schema import JsonDeserializer, JsonSerializer
from ottla.serdes.registry_client import SchemaRegistry

AVRO_SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Person",
        "namespace": "p",
        "fields": [
            {"name": "name", "type": "string", "confluent:tags": ["PII"]},
            {"name": "age", "type": "int"},
            {"name": "mail", "type": ["null", "string"], "default": None},
            {"name": "nicks", "type": {"type": "array", "items": "string"}},
            {
                "name": "home",
                "type": {
                    "type": "record",
                    "name": "Home",
                    "fields": [{"name": "street", "type": "string", "confluent:tags": ["PII"]}],
                },
            },
        ],
    }
)
JSON_SCHEMA = json.dumps(
    {
        "title": "Person",
        "type": "object",
        "properties": {
            "name": {"type": "string", "confluent:tags": ["PII"]},
            "age": {"type": "integer"},
            "mail": {"type": "string"},
            "nicks": {"type": "array", "items": {"type": "string"}},
            "home": {"$ref": "#/definitions/Home"},
        },
        "definitions": {
            "Home": {
                "type": "object",
                "properties": {"street": {"type": "string", "confluent:tags": ["PII"]}},
            }
        },
    }
)
PERSON = {
    "name": "alice",
    "age": 30,
    "mail": "a@example.org",
    "nicks": ["al", "ali"],
    "home": {"street": "High"},
}


@pytest.fixture
def their_rules() -> RuleRegistry:
    """A registry of rules with those that are run here, apart from the process's own."""
    rules = RuleRegistry()
    for executor in (CelExecutor(), CelFieldExecutor(), JsonataExecutor()):
        rules.register_executor(executor)
    return rules


def rule(**told: Any) -> dict[str, Any]:
    """A rule with what a test does not care for."""
    return {"name": "r", "kind": "TRANSFORM", "type": "CEL_FIELD", "mode": "WRITE", **told}


def languages(
    language: str,
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    rules: RuleRegistry,
) -> tuple[Any, Any, Any, Any]:
    """Our serializer and deserializer and theirs, all by the latest version."""
    conf = {"auto.register.schemas": False, "use.latest.version": True}
    reads = {"use.latest.version": True}
    if language == AVRO:
        return (
            AvroSerializer(registry, use_latest=True),
            AvroDeserializer(registry, use_latest=True),
            TheirAvroSerializer(theirs, AVRO_SCHEMA, conf=conf, rule_registry=rules),
            TheirAvroDeserializer(theirs, conf=reads, rule_registry=rules),
        )
    return (
        JsonSerializer(registry, use_latest=True),
        JsonDeserializer(registry, use_latest=True),
        TheirJsonSerializer(JSON_SCHEMA, theirs, conf=conf, rule_registry=rules),
        TheirJsonDeserializer(None, conf=reads, schema_registry_client=theirs, rule_registry=rules),
    )


TRANSFORMS = [
    pytest.param(rule(tags=["PII"], expr="value + '-x'"), id="tags"),
    pytest.param(rule(expr="typeName == 'STRING' ; value + name"), id="guard"),
    pytest.param(rule(expr="name == 'street' ; fullName"), id="full name"),
    pytest.param(rule(expr="typeName == 'INT' ; value + 1"), id="number"),
    pytest.param(rule(expr="'PII' in tags ; message.street"), id="message of a field"),
    pytest.param(rule(mode="READ", tags=["PII"], expr="value + '!'"), id="read"),
    pytest.param(rule(mode="WRITEREAD", tags=["PII"], expr="value + '!'"), id="both ways"),
    pytest.param(rule(type="CEL", kind="CONDITION", expr="message.age > 18"), id="holds"),
    pytest.param(rule(type="CEL", kind="CONDITION", expr="size(message.nicks) > 5"), id="fails"),
    pytest.param(
        rule(type="CEL", kind="CONDITION", expr="false", onFailure="NONE"), id="fails in vain"
    ),
    pytest.param(rule(type="CEL", kind="CONDITION", expr="false", disabled=True), id="disabled"),
    pytest.param(rule(kind="CONDITION", expr="typeName == 'STRING'; size(value) > 1"), id="each"),
    pytest.param(rule(kind="CONDITION", expr="typeName == 'STRING'; size(value) > 4"), id="one"),
    pytest.param(rule(kind="CONDITION", mode="READ", expr="name != 'age'"), id="read fails"),
    pytest.param(rule(expr="value +"), id="no expression"),
    pytest.param(rule(type="JSONATA", expr='$merge([$, {"age": age + 1}])'), id="jsonata"),
    pytest.param(rule(type="CEL", kind="CONDITION", expr="isEmail(message.mail)"), id="mail"),
]


@pytest.mark.parametrize("language", [AVRO, JSON])
@pytest.mark.parametrize("one", TRANSFORMS)
def test_rules_come_to_the_same(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    their_rules: RuleRegistry,
    topic: Callable[[], str],
    language: str,
    one: dict[str, Any],
) -> None:
    """If this failed, a contract would mean one thing to one client and another to the next."""
    name = topic()
    text = AVRO_SCHEMA if language == AVRO else JSON_SCHEMA
    contract = Contract(text, language, rule_set={"domainRules": [one]})
    registry.register(f"{name}-value", contract)
    write, read, they_write, they_read = languages(language, registry, theirs, their_rules)
    context = SerializationContext(name, MessageField.VALUE)

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (RuleFailed, SerializationError) as error:
            return RuleFailed if isinstance(error, RuleFailed | SerializationError) else error

    before = json.loads(json.dumps(PERSON))
    ours = outcome(lambda: write(name, PERSON))
    assert before == PERSON
    they = outcome(lambda: they_write(json.loads(json.dumps(PERSON)), context))
    assert ours == they
    if isinstance(ours, bytes):
        assert outcome(lambda: read.deserialize(name, ours)) == outcome(
            lambda: they_read(ours, context)
        )


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("language", [AVRO, JSON])
def test_migrations_come_to_the_same(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    their_rules: RuleRegistry,
    topic: Callable[[], str],
    upwards: bool,
    language: str,
) -> None:
    """If this failed, a consumer of the latest version would read old records, or new ones after
    a step back, in another shape.
    """
    name = topic()
    subject = f"{name}-value"

    def text(field: str) -> str:
        if language == AVRO:
            fields = [{"name": field, "type": "string"}]
            return json.dumps({"type": "record", "name": "A", "fields": fields})
        return json.dumps({"type": "object", "properties": {field: {"type": "string"}}})

    def step(mode: str, old: str, new: str) -> dict[str, Any]:
        expr = f'$merge([$sift($, function($v, $k) {{$k != "{old}"}}), {{"{new}": $.{old}}}])'
        return rule(name=mode, type="JSONATA", mode=mode, expr=expr)

    registry.set_config({"compatibility": "NONE"}, subject)
    rules = [step("UPGRADE", "old", "mid"), step("DOWNGRADE", "mid", "old")]
    more = [step("UPGRADE", "mid", "new"), step("DOWNGRADE", "new", "mid")]
    first = registry.register(
        subject, Contract(text("old"), language, metadata={"properties": {"v": "1"}})
    )
    registry.register(
        subject,
        Contract(
            text("mid"), language, metadata={"properties": {"v": "2"}},
            rule_set={"migrationRules": rules},
        ),
    )  # fmt: skip
    last = Contract(
        text("new"), language, metadata={"properties": {"v": "3"}},
        rule_set={"migrationRules": more},
    )  # fmt: skip
    registry.register(subject, last)
    assert first.version == 1
    wanted = {"v": "3" if upwards else "1"}
    conf = {"use.latest.with.metadata": wanted}
    if language == AVRO:
        write: Any = AvroSerializer(registry, use_latest={"v": "1" if upwards else "3"})
        read: Any = AvroDeserializer(registry, use_latest=wanted)
        they: Any = TheirAvroDeserializer(theirs, conf=conf, rule_registry=their_rules)
    else:
        write = JsonSerializer(registry, use_latest={"v": "1" if upwards else "3"})
        read = JsonDeserializer(registry, use_latest=wanted)
        they = TheirJsonDeserializer(
            None, conf=conf, schema_registry_client=theirs, rule_registry=their_rules
        )
    data = write(name, {"old" if upwards else "new": "text"})
    expected = {"new" if upwards else "old": "text"}
    assert read.deserialize(name, data) == expected
    assert they(data, SerializationContext(name, MessageField.VALUE)) == expected
