"""Encryption of fields and of records, ours and confluent-kafka's, with one registry's keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer as TheirAvroDeserializer
from confluent_kafka.schema_registry.avro import AvroSerializer as TheirAvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer as TheirJsonDeserializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer as TheirJsonSerializer
from confluent_kafka.schema_registry.rule_registry import RuleRegistry
from confluent_kafka.schema_registry.rules.encryption.encrypt_executor import (
    EncryptionExecutor,
    FieldEncryptionExecutor,
)
from confluent_kafka.schema_registry.rules.encryption.localkms.local_driver import LocalKmsDriver
from confluent_kafka.serialization import MessageField, SerializationContext

from ottla.schemas.language import AVRO, JSON
from ottla.serdes.avro import AvroDeserializer, AvroSerializer
from ottla.serdes.contract import Contract
from ottla.serdes.errors import RuleFailed
from ottla.serdes.json_schema import JsonDeserializer, JsonSerializer
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.rules.rules import Rules

AVRO_SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Card",
        "fields": [
            {"name": "number", "type": ["null", "string"], "confluent:tags": ["PII"]},
            {"name": "chip", "type": "bytes", "confluent:tags": ["PII"]},
            {"name": "of", "type": "string"},
        ],
    }
)
AVRO_VALUE = {"number": "4711", "chip": b"\0\xff", "of": "alice"}
JSON_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "number": {"type": "string", "confluent:tags": ["PII"]},
            "of": {"type": "string"},
        },
    }
)
JSON_VALUE = {"number": "4711 „ö“", "of": "alice"}
VALUES = {AVRO: AVRO_VALUE, JSON: JSON_VALUE}
SECRET = "a secret of ours"


def contract(language: str, kek: str, kind: str, **params: str) -> Contract:
    """A schema whose rule encrypts."""
    rule = {
        "name": "hide",
        "kind": "TRANSFORM",
        "mode": "WRITEREAD",
        "type": kind,
        "tags": ["PII"] if kind == "ENCRYPT" else None,
        "params": {
            "encrypt.kek.name": kek,
            "encrypt.kms.type": "local-kms",
            "encrypt.kms.key.id": "mine",
            **params,
        },
        "onFailure": "ERROR,ERROR",
    }
    group = "domainRules" if kind == "ENCRYPT" else "encodingRules"
    told = {name: value for name, value in rule.items() if value is not None}
    text = AVRO_SCHEMA if language == AVRO else JSON_SCHEMA
    return Contract(text, language, rule_set={group: [told]})


@pytest.fixture
def their_rules() -> Iterator[RuleRegistry]:
    """What encrypts at theirs, apart from the process's own."""
    LocalKmsDriver.register()
    rules = RuleRegistry()
    executors = (FieldEncryptionExecutor(), EncryptionExecutor())
    for executor in executors:
        rules.register_executor(executor)
    yield rules
    for executor in executors:
        executor.close()


def pairs(
    language: str, registry: SchemaRegistry, theirs: SchemaRegistryClient, rules: RuleRegistry
) -> tuple[Any, Any, Any, Any]:
    """Our serializer and deserializer, and theirs."""
    ours = Rules(secret=SECRET)
    conf = {"auto.register.schemas": False, "use.latest.version": True}
    more: dict[str, Any] = {"rule_conf": {"secret": SECRET}, "rule_registry": rules}
    if language == AVRO:
        return (
            AvroSerializer(registry, use_latest=True, rules=ours),
            AvroDeserializer(registry, rules=ours),
            TheirAvroSerializer(theirs, AVRO_SCHEMA, conf=conf, **more),
            TheirAvroDeserializer(theirs, **more),
        )
    return (
        JsonSerializer(registry, use_latest=True, rules=ours),
        JsonDeserializer(registry, rules=ours),
        TheirJsonSerializer(JSON_SCHEMA, theirs, conf=conf, **more),
        TheirJsonDeserializer(None, schema_registry_client=theirs, **more),
    )


@pytest.mark.parametrize("language", [AVRO, JSON])
@pytest.mark.parametrize("kind", ["ENCRYPT", "ENCRYPT_PAYLOAD"])
@pytest.mark.parametrize("algorithm", ["AES128_GCM", "AES256_GCM", "AES256_SIV"])
@pytest.mark.parametrize("expiry", [False, True])
@pytest.mark.parametrize("ours_first", [False, True])
def test_both_decrypt_what_the_other_encrypts(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    their_rules: RuleRegistry,
    topic: Callable[[], str],
    language: str,
    kind: str,
    algorithm: str,
    expiry: bool,
    ours_first: bool,
) -> None:
    """If this failed, data that one client hides could not be read by those who may read it."""
    name = topic()
    params = {"encrypt.dek.algorithm": algorithm}
    if expiry:
        params["encrypt.dek.expiry.days"] = "7"
    registry.register(f"{name}-value", contract(language, f"kek-{name}", kind, **params))
    write, read, they_write, they_read = pairs(language, registry, theirs, their_rules)
    context = SerializationContext(name, MessageField.VALUE)
    value = VALUES[language]
    calls: list[Callable[[], Any]] = [
        lambda: write(name, value),
        lambda: they_write(dict(value), context),
    ]
    for call in calls if ours_first else calls[::-1]:
        data = call()
        assert b"4711" not in data
        assert (b"alice" in data) is (kind == "ENCRYPT")
        assert read.deserialize(name, data) == value
        assert they_read(data, context) == value


def test_another_secret_and_no_secret_are_told(
    registry: SchemaRegistry, topic: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a reader without the key would get what it can't explain, or ciphertext."""
    monkeypatch.delenv("LOCAL_SECRET", raising=False)
    name = topic()
    registry.register(f"{name}-value", contract(AVRO, f"kek-{name}", "ENCRYPT"))
    with pytest.raises(RuleFailed, match="no secret") as caught:
        AvroSerializer(registry, use_latest=True)(name, AVRO_VALUE)
    assert caught.value.rule == "hide"
    rules = Rules(secret=SECRET)
    data = AvroSerializer(registry, use_latest=True, rules=rules)(name, AVRO_VALUE)
    other = AvroDeserializer(registry, rules=Rules(secret="another"))
    with pytest.raises(RuleFailed, match="unwrap") as caught:
        other.deserialize(name, data)
    assert "same secret" in str(caught.value.hint)


def test_a_rule_is_run_though_nobody_asked_for_the_latest(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a producer of the plain schema would write in clear what is to be hidden."""
    name = topic()
    registry.register(f"{name}-value", contract(AVRO, f"kek-{name}", "ENCRYPT"))
    data = AvroSerializer(registry, AVRO_SCHEMA, rules=Rules(secret=SECRET))(name, AVRO_VALUE)
    assert data is not None
    assert b"4711" not in data


def test_a_service_that_is_not_known_is_named_unless_it_is_brought(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, keys in a cloud could not be used, or nobody would say what is missing."""

    class Backwards:
        def wrap(self, key_id: str, key: bytes) -> bytes:
            assert key_id == "mine"
            return key[::-1]

        def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
            return wrapped[::-1]

    name = topic()
    told = contract(AVRO, f"kek-{name}", "ENCRYPT", **{"encrypt.kms.type": "odd-kms"})
    registry.register(f"{name}-value", told)
    with pytest.raises(RuleFailed, match="'odd-kms' is not known"):
        AvroSerializer(registry, use_latest=True)(name, AVRO_VALUE)
    rules = Rules(kms={"odd-kms": Backwards()})
    data = AvroSerializer(registry, use_latest=True, rules=rules)(name, AVRO_VALUE)
    assert AvroDeserializer(registry, rules=rules).deserialize(name, data) == AVRO_VALUE
