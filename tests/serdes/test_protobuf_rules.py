"""Rules over messages of Protobuf, run by our serializers and by confluent-kafka's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer as TheirDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer as TheirSerializer
from confluent_kafka.schema_registry.rule_registry import RuleRegistry
from confluent_kafka.schema_registry.rules.cel.cel_executor import CelExecutor
from confluent_kafka.schema_registry.rules.cel.cel_field_executor import CelFieldExecutor
from confluent_kafka.schema_registry.rules.encryption.encrypt_executor import (
    FieldEncryptionExecutor,
)
from confluent_kafka.schema_registry.rules.encryption.localkms.local_driver import LocalKmsDriver
from confluent_kafka.schema_registry.rules.jsonata.jsonata_executor import JsonataExecutor
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from google.protobuf import descriptor_pool, message_factory

from ottla.schemas.language import PROTOBUF
from ottla.schemas.protobuf.linked import linked_files
from ottla.serdes import (
    Contract,
    ProtobufDeserializer,
    ProtobufSerializer,
    RuleFailed,
    Rules,
    SchemaRegistry,
)

_numbers = itertools.count(1)

PERSON = """syntax = "proto3"; package p%d;
import "confluent/meta.proto";
import "google/protobuf/timestamp.proto";
message Person {
  string name = 1 [(confluent.field_meta).tags = "PII"];
  int32 age = 2;
  optional string mail = 3 [(confluent.field_meta).tags = "PII"];
  repeated string nicks = 4 [(confluent.field_meta).tags = "NICK"];
  bytes chip = 5 [(confluent.field_meta).tags = "PII"];
  map<string, string> more = 6 [(confluent.field_meta).tags = "MORE"];
  Home home = 7;
  repeated Home homes = 8;
  map<string, Home> places = 9;
  google.protobuf.Timestamp born = 10;
  message Home { string street = 1 [(confluent.field_meta).tags = "PII"]; int64 number = 2; }
}
"""
SECRET = "a secret of ours"


@pytest.fixture
def their_rules() -> Iterator[RuleRegistry]:
    """A registry of rules with those that are run here, apart from the process's own."""
    LocalKmsDriver.register()
    encryption = FieldEncryptionExecutor()
    rules = RuleRegistry()
    for executor in (CelExecutor(), CelFieldExecutor(), JsonataExecutor(), encryption):
        rules.register_executor(executor)
    yield rules
    if encryption.executor.client is not None:
        encryption.close()


def made() -> tuple[str, Any, Any]:
    """A text that no test before has had, its class, and a message."""
    text = PERSON % next(_numbers)
    pool = descriptor_pool.DescriptorPool()
    for _, data in linked_files("person.proto", text):
        pool.AddSerializedFile(data)
    file = pool.FindFileByName("person.proto")
    kind: Any = message_factory.GetMessageClass(file.message_types_by_name["Person"])
    message = kind(name="alice", age=30, nicks=["al", "ali"], chip=b"\0\1")
    message.more["a"] = "b"
    message.home.street = "High"
    message.home.number = 5
    message.homes.add(street="Low")
    message.places["x"].street = "Mid"
    message.born.seconds = 1_000_000_000
    return text, kind, message


def rule(**told: Any) -> dict[str, Any]:
    """A rule with what a test does not care for."""
    return {"name": "r", "kind": "TRANSFORM", "type": "CEL_FIELD", "mode": "WRITEREAD", **told}


ENCRYPTS = {
    "encrypt.kek.name": "kek-of-protobuf",
    "encrypt.kms.type": "local-kms",
    "encrypt.kms.key.id": "mine",
    "encrypt.dek.algorithm": "AES256_SIV",
}
RULES = [
    pytest.param(rule(tags=["PII"], expr="typeName == 'STRING' ; value + '!'"), id="tags"),
    pytest.param(rule(tags=["NICK", "MORE"], expr="value + '!'"), id="lists but maps"),
    pytest.param(rule(expr="name == 'street' ; value + fullName"), id="nested"),
    pytest.param(rule(expr="typeName == 'INT' ; value + 1"), id="numbers"),
    pytest.param(rule(type="CEL", kind="CONDITION", expr="message.home.number == 5"), id="holds"),
    pytest.param(rule(type="CEL", kind="CONDITION", expr="size(message.homes) == 5"), id="fails"),
    pytest.param(
        rule(type="CEL", kind="CONDITION", expr="has(message.mail) || message.age > 1"), id="has"
    ),
    pytest.param(rule(kind="CONDITION", expr="name == 'age' ; value > 40"), id="a field fails"),
    pytest.param(rule(type="ENCRYPT", tags=["PII"], params=ENCRYPTS), id="encrypts"),
]


@pytest.mark.parametrize("one", RULES)
def test_rules_come_to_the_same(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    their_rules: RuleRegistry,
    topic: Callable[[], str],
    one: dict[str, Any],
) -> None:
    """If this failed, a contract would mean one thing to one client and another to the next."""
    name = topic()
    text, kind, message = made()
    rule_set = {"domainRules": [one]}
    registry.register(f"{name}-value", Contract(text, PROTOBUF, rule_set=rule_set))
    ours = Rules(secret=SECRET)
    write = ProtobufSerializer(registry, use_latest=True, rules=ours)
    read = ProtobufDeserializer(registry, kind, rules=ours)
    conf = {"use.latest.version": True, "auto.register.schemas": False}
    more: Any = {"rule_conf": {"secret": SECRET}, "rule_registry": their_rules}
    they_write = TheirSerializer(kind, theirs, conf=conf, **more)
    they_read = TheirDeserializer(kind, {}, theirs, **more)
    context = SerializationContext(name, MessageField.VALUE)
    copy = kind()
    copy.CopyFrom(message)
    try:
        data = write(name, message)
    except RuleFailed:
        with pytest.raises(SerializationError):
            they_write(copy, context)
        return
    assert data is not None
    assert message == copy
    written = kind.FromString(data[6:])
    assert written == kind.FromString(they_write(copy, context)[6:])
    assert (written != message) is (one["kind"] == "TRANSFORM")
    assert read.deserialize(name, data) == they_read(data, context)
    made_up = ProtobufDeserializer(registry, rules=ours).deserialize(name, data)
    assert made_up.SerializeToString(deterministic=True) == read.deserialize(
        name, data
    ).SerializeToString(deterministic=True)


def test_messages_are_migrated(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    their_rules: RuleRegistry,
    topic: Callable[[], str],
) -> None:
    """If this failed, old records could not be read as the latest version has them."""
    name = topic()
    subject = f"{name}-value"
    registry.set_config({"compatibility": "NONE"}, subject)
    package = f"q{next(_numbers)}"
    first = f'syntax = "proto3"; package {package}; message A {{ string old = 1; }}'
    second = f'syntax = "proto3"; package {package}; message A {{ string fresh = 2; }}'
    data = ProtobufSerializer(registry, schema=first)(name, {"old": "text"})
    upgrade = rule(type="JSONATA", mode="UPGRADE", expr='{"fresh": old}')
    rule_set = {"migrationRules": [upgrade]}
    registry.register(subject, Contract(second, PROTOBUF, rule_set=rule_set))
    read = ProtobufDeserializer(registry, use_latest=True, as_dict=True)
    assert read.deserialize(name, data) == {"fresh": "text"}
    pool = descriptor_pool.DescriptorPool()
    for _, file in linked_files("a.proto", second):
        pool.AddSerializedFile(file)
    kind: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.A"))
    typed = ProtobufDeserializer(registry, kind, use_latest=True)
    assert typed.deserialize(name, data) == kind(fresh="text")
    conf = {"use.latest.version": True}
    they = TheirDeserializer(kind, conf, theirs, rule_registry=their_rules)
    assert they(data, SerializationContext(name, MessageField.VALUE)).fresh == "text"


@pytest.mark.parametrize(
    ("expr", "told"),
    [("5", "a int"), ("{'nope': 1}", "nope"), ("{'age': 'old'}", "age|int"), ("value", "value")],
)
def test_what_is_no_message_is_told(
    registry: SchemaRegistry, topic: Callable[[], str], expr: str, told: str
) -> None:
    """If this failed, a wrong expression would end a producer with an error of protobuf's."""
    name = topic()
    text, _, message = made()
    one = rule(type="CEL", expr=expr)
    registry.register(f"{name}-value", Contract(text, PROTOBUF, rule_set={"domainRules": [one]}))
    with pytest.raises(RuleFailed, match=told):
        ProtobufSerializer(registry, use_latest=True)(name, message)


def test_a_message_is_made_anew_by_an_expression(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, rules over whole messages could only say yes or no."""
    name = topic()
    text, kind, message = made()
    one = rule(
        type="CEL", mode="WRITE",
        expr="{'name': message.name + '!', 'home': message.home, 'homes': message.homes,"
        " 'more': message.more, 'places': message.places, 'born': message.born, 'age': 7}",
    )  # fmt: skip
    registry.register(f"{name}-value", Contract(text, PROTOBUF, rule_set={"domainRules": [one]}))
    data = ProtobufSerializer(registry, use_latest=True)(name, message)
    read = ProtobufDeserializer(registry, kind).deserialize(name, data)
    expected = kind()
    expected.CopyFrom(message)
    expected.name, expected.age, expected.chip = "alice!", 7, b""
    del expected.nicks[:]
    assert read == expected
