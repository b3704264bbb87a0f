"""confluent-kafka's SchemaRegistryClient: every method of it, as a black box."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    AsyncSchemaRegistryClient,
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    SchemaRegistryError,
)
from confluent_kafka.schema_registry.common.schema_registry_client import (
    ConfigCompatibilityLevel,
    Metadata,
    MetadataProperties,
    MetadataTags,
    Rule,
    RuleKind,
    RuleMode,
    RuleParams,
    RuleSet,
    ServerConfig,
)

import ottla

Name = Callable[[], str]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where a registry is."""
    with ottla.Broker(registry=True) as broker:
        yield broker.schema_registry_url


@pytest.fixture
def client(url: str) -> Iterator[SchemaRegistryClient]:
    """A client that knows nothing yet."""
    with SchemaRegistryClient({"url": url}) as found:
        yield found


def avro(name: str, *fields: str) -> Schema:
    """A record; a field that ends with "?" may be left out."""
    told = [
        {"name": field[:-1], "type": ["null", "string"], "default": None}
        if field.endswith("?")
        else {"name": field, "type": "string"}
        for field in fields
    ]
    record = {"type": "record", "name": name.replace("-", "_"), "fields": told}
    return Schema(json.dumps(record), "AVRO")


def json_schema(*properties: str) -> Schema:
    """An object with these properties and no others."""
    told = {"type": "object", "properties": {name: {"type": "string"} for name in properties}}
    return Schema(json.dumps({**told, "additionalProperties": False}), "JSON")


def rule(name: str, **fields: Any) -> Rule:
    """A rule, with these fields besides."""
    told = {
        "doc": "why",
        "kind": RuleKind.TRANSFORM,
        "mode": RuleMode.WRITEREAD,
        "type": "ENCRYPT",
        "tags": None,
        "params": None,
        "expr": None,
        "on_success": None,
        "on_failure": "ERROR,NONE",
        "disabled": False,
    }
    return Rule(name, **{**told, **fields})


KINDS = pytest.mark.parametrize("kind", ["AVRO", "JSON"])


def made(kind: str, name: str, *fields: str) -> Schema:
    """A schema of a language."""
    return avro(name, *fields) if kind == "AVRO" else json_schema(name, *fields)


def code(call: Callable[[], Any]) -> int:
    """The error that a call ends with."""
    with pytest.raises(SchemaRegistryError) as refused:
        call()
    found: int = refused.value.error_code
    assert refused.value.http_status_code == int(str(found)[:3])
    return found


@KINDS
def test_a_schema_is_registered_and_found(
    client: SchemaRegistryClient, name: Name, kind: str
) -> None:
    """If this failed, a serializer of confluent-kafka could not write or read a record."""
    subject = f"{name()}-value"
    schema = made(kind, subject, "a")
    schema_id = client.register_schema(subject, schema)
    full = client.register_schema_full_response(subject, schema, normalize_schemas=True)
    assert (full.schema_id, full.subject) == (schema_id, subject)
    assert full.guid is not None
    client.clear_caches()
    by_id = client.get_schema(schema_id, subject)
    assert json.loads(by_id.schema_str) == json.loads(schema.schema_str)
    assert by_id.schema_type == kind
    assert client.get_schema(schema_id).schema_str == by_id.schema_str
    assert client.get_schema_by_guid(full.guid).schema_str == by_id.schema_str
    found = client.lookup_schema(subject, schema)
    assert (found.schema_id, found.version, found.guid) == (schema_id, 1, full.guid)
    assert client.lookup_schema(subject, schema, normalize_schemas=True, deleted=True).version == 1
    latest = client.get_latest_version(subject)
    assert (latest.schema_id, latest.version, latest.subject) == (schema_id, 1, subject)
    assert client.get_version(subject, 1).schema_id == schema_id
    assert client.get_version(subject, "latest", deleted=True).schema_id == schema_id
    assert client.get_versions(subject) == [1]
    assert client.get_subjects_by_schema_id(schema_id) == [subject]
    assert client.get_subjects_by_schema_id(schema_id, subject, True, 0, 1) == [subject]
    (version,) = client.get_schema_versions(schema_id, subject)
    assert (version.subject, version.version) == (subject, 1)
    assert subject in client.get_subjects()
    assert client.get_subjects(subject_prefix=subject, limit=1) == [subject]
    assert {"AVRO", "JSON"} <= set(client.get_schema_types())


def test_what_is_not_there_is_told_by_its_code(client: SchemaRegistryClient, name: Name) -> None:
    """If this failed, a client that looks at codes would take one mistake for another."""
    subject = name()
    schema = avro(subject, "a")
    assert code(lambda: client.get_schema(1 << 30)) == 40403
    assert code(lambda: client.get_schema_by_guid("0" * 32)) == 40403
    assert code(lambda: client.get_latest_version(subject)) == 40401
    assert code(lambda: client.get_versions(subject)) == 40401
    assert code(lambda: client.lookup_schema(subject, schema)) == 40401
    assert code(lambda: client.delete_subject(subject)) == 40401
    assert code(lambda: client.get_config(subject)) == 40408
    assert code(lambda: client.get_mode(subject)) == 40409
    client.register_schema(subject, schema)
    assert code(lambda: client.get_version(subject, 7)) == 40402
    assert code(lambda: client.get_version(subject, 0)) == 42202
    assert code(lambda: client.lookup_schema(subject, avro("Other"))) == 40403
    assert code(lambda: client.register_schema(subject, Schema('{"type":', "AVRO"))) == 42201
    assert code(lambda: client.register_schema(subject, Schema('"int"', "XML"))) == 42201
    assert code(lambda: client.set_compatibility(subject, "SOME")) == 42203
    assert code(lambda: client.update_mode(subject, "SOME")) == 42204


def test_deleted_softly_and_for_good(client: SchemaRegistryClient, name: Name) -> None:
    """If this failed, what was deleted would be used on, or what was not would be lost."""
    subject = name()
    first = client.register_schema(subject, avro(subject, "a"))
    client.register_schema(subject, avro(subject, "a", "b?"))
    assert code(lambda: client.delete_version(subject, 1, permanent=True)) == 40407
    assert client.delete_version(subject, 1) == 1
    assert code(lambda: client.delete_version(subject, 1)) == 40406
    client.clear_caches()
    assert client.get_versions(subject) == [2]
    assert client.get_versions(subject, deleted=True) == [1, 2]
    assert client.get_versions(subject, deleted_only=True) == [1]
    assert code(lambda: client.get_version(subject, 1)) == 40402
    assert client.get_version(subject, 1, deleted=True).schema_id == first
    assert client.get_schema(first) is not None
    assert client.get_subjects_by_schema_id(first, deleted=True) == [subject]
    assert client.get_schema_versions(first, deleted=True)[0].version == 1
    assert client.delete_version(subject, 1, permanent=True) == 1
    assert client.get_versions(subject, deleted=True) == [2]
    assert code(lambda: client.delete_subject(subject, permanent=True)) == 40405
    # The client itself deletes softly first.
    assert client.delete_subject(subject) == [2]
    assert code(lambda: client.delete_subject(subject)) == 40404
    assert subject not in client.get_subjects()
    assert subject in client.get_subjects(deleted=True)
    assert subject in client.get_subjects(deleted_only=True)
    assert client.delete_subject(subject, permanent=True) == [2]
    assert subject not in client.get_subjects(deleted=True)
    client.clear_caches()
    assert code(lambda: client.get_schema(first)) == 40403


@KINDS
def test_compatibility(client: SchemaRegistryClient, name: Name, kind: str) -> None:
    """If this failed, a schema would be let in that breaks its readers, or kept out that does
    not.
    """
    subject = name()
    old = made(kind, subject, "a")
    new, bad = (
        (avro(subject, "a", "b?"), avro(subject, "a", "b"))
        if kind == "AVRO"
        else (json_schema(subject, "a", "b"), json_schema(subject))
    )
    client.register_schema(subject, old)
    assert client.test_compatibility(subject, new)
    assert client.test_compatibility(subject, new, 1, normalize=True, verbose=True)
    assert client.test_compatibility_all_versions(subject, new, True, True)
    assert not client.test_compatibility(subject, bad)
    assert not client.test_compatibility_all_versions(subject, bad)
    assert code(lambda: client.register_schema(subject, bad)) == 40901
    assert client.set_compatibility(subject, "none") == {"compatibility": "NONE"}
    assert client.get_compatibility(subject) == "NONE"
    assert client.test_compatibility(subject, bad)
    assert client.register_schema(subject, bad) > 0


def test_configs(client: SchemaRegistryClient, name: Name) -> None:
    """If this failed, a config would be lost, or would come back as another."""
    subject = name()
    rules = RuleSet(None, [rule("r")])
    config = ServerConfig(
        compatibility=ConfigCompatibilityLevel.FULL,
        compatibility_group="major",
        default_metadata=Metadata(None, MetadataProperties({"owner": "us"}), None),
        override_rule_set=rules,
    )
    client.set_config(subject, config)
    found = client.get_config(subject)
    assert found.compatibility_level == ConfigCompatibilityLevel.FULL
    assert found.compatibility_group == "major"
    assert found.default_metadata.properties.properties == {"owner": "us"}
    assert [rule.name for rule in found.override_rule_set.domain_rules] == ["r"]
    assert client.delete_config(subject).compatibility_level == ConfigCompatibilityLevel.FULL
    assert code(lambda: client.get_config(subject)) == 40408
    # That of everything.
    assert client.get_compatibility() == "BACKWARD"
    client.set_config(config=ServerConfig(compatibility=ConfigCompatibilityLevel.FORWARD))
    assert client.get_config().compatibility_level == ConfigCompatibilityLevel.FORWARD
    client.set_compatibility(level="FULL_TRANSITIVE")
    assert client.get_compatibility() == "FULL_TRANSITIVE"
    client.delete_config()
    assert client.get_compatibility() == "BACKWARD"


def test_modes(client: SchemaRegistryClient, name: Name) -> None:
    """If this failed, what may not change would change, or nothing could be imported."""
    subject = name()
    assert client.get_global_mode() == "READWRITE"
    assert client.update_mode(subject, "READONLY") == "READONLY"
    assert client.get_mode(subject) == "READONLY"
    assert code(lambda: client.register_schema(subject, avro(subject))) == 42205
    assert client.delete_mode(subject) == "READONLY"
    assert client.register_schema(subject, avro(subject)) > 0
    assert code(lambda: client.update_mode(subject, "IMPORT")) == 42205
    assert client.update_mode(subject, "IMPORT", force=True) == "IMPORT"
    assert client.update_global_mode("READONLY") == "READONLY"
    assert client.update_global_mode("READWRITE", force=True) == "READWRITE"


def test_metadata_and_rules(client: SchemaRegistryClient, name: Name) -> None:
    """If this failed, a client's rules would not come back as they went, or it would not find the
    version that it is to use; this client quotes the properties twice.
    """
    subject = name()
    properties = {"application major": "1/ä%2", "owner": "us"}
    metadata = Metadata(MetadataTags({"**.a": ["PII"]}), MetadataProperties(properties), None)
    encrypts = rule("encrypt_it", tags=["PII"], params=RuleParams({"encrypt.kek.name": "k"}))
    text = avro(subject, "a").schema_str
    schema = Schema(text, "AVRO", [], metadata, RuleSet(None, [encrypts]))
    first = client.register_schema(subject, schema)
    client.clear_caches()
    found = client.get_latest_version(subject)
    assert found.schema.metadata.tags.tags == {"**.a": ["PII"]}
    assert found.schema.metadata.properties.properties == properties
    assert found.schema.rule_set.domain_rules == [encrypts]
    later = Metadata(None, MetadataProperties({"application major": "2"}), None)
    second = Schema(avro(subject, "a", "b?").schema_str, "AVRO", [], later)
    client.register_schema(subject, second)
    assert client.get_latest_with_metadata(subject, properties).schema_id == first
    assert client.get_latest_with_metadata(subject, {"application major": "2"}).version == 2
    assert code(lambda: client.get_latest_with_metadata(subject, {"owner": "them"})) == 40403


def test_references(client: SchemaRegistryClient, name: Name) -> None:
    """If this failed, schemas of several files could not be registered or deleted in order."""
    one, other = name(), name()
    inner = Schema('{"type":"record","name":"Inner","fields":[]}', "AVRO")
    client.register_schema(one, inner)
    outer = Schema(
        '{"type":"record","name":"Outer","fields":[{"name":"i","type":"Inner"}]}',
        "AVRO",
        [SchemaReference("Inner", one, 1)],
    )
    schema_id = client.register_schema(other, outer)
    assert client.get_referenced_by(one) == [schema_id]
    assert client.get_referenced_by(one, 1, 0, 10) == [schema_id]
    client.clear_caches()
    (reference,) = client.get_schema(schema_id).references
    assert (reference.name, reference.subject, reference.version) == ("Inner", one, 1)
    resolved = client.get_schema(schema_id, other, fmt="resolved").schema_str
    assert '"name":"Inner"' in resolved
    assert code(lambda: client.delete_subject(one)) == 42206
    client.delete_subject(other)
    client.delete_subject(one)


def test_contexts(client: SchemaRegistryClient, url: str, name: Name) -> None:
    """If this failed, what is in a context would be seen from without, or would not be found."""
    context, subject = f".{name()}", name()
    qualified = f":{context}:{subject}"
    schema_id = client.register_schema(qualified, avro(subject, "a"))
    assert context in client.get_contexts()
    assert len(client.get_contexts(offset=0, limit=1)) == 1
    assert client.get_latest_version(qualified).subject == qualified
    assert code(lambda: client.get_latest_version(subject)) == 40401
    client.clear_caches()
    assert client.get_schema(schema_id, qualified).schema_str
    client.update_mode(f":{context}:", "READONLY")
    assert code(lambda: client.register_schema(qualified, avro(subject))) == 42205
    client.delete_mode(f":{context}:")
    client.set_compatibility(f":{context}:", "NONE")
    assert client.get_compatibility(f":{context}:") == "NONE"
    with SchemaRegistryClient({"url": f"{url}/contexts/{context}"}) as within:
        assert within.get_subjects() == [qualified]
        assert within.get_latest_version(subject).schema_id == schema_id
        assert within.register_schema(subject, avro(subject, "b")) == schema_id + 1
        assert within.get_schema(schema_id).schema_str


@pytest.mark.parametrize("subject", ["a/b c%2F", "ä\U0001f600", "a?b#c&d=e", "%"])
def test_odd_subjects(client: SchemaRegistryClient, subject: str) -> None:
    """If this failed, a subject would be taken for another, or could not be reached."""
    client.register_schema(subject, Schema('"string"', "AVRO"))
    client.clear_caches()
    assert client.get_latest_version(subject).subject == subject
    assert client.get_versions(subject) == [1]
    assert subject in client.get_subjects()


def test_the_client_of_asyncio(url: str, name: Name) -> None:
    """If this failed, the same client of an event loop could not work."""
    subject = name()

    async def work() -> None:
        async with AsyncSchemaRegistryClient({"url": url}) as client:
            schema_id = await client.register_schema(subject, avro(subject, "a"))
            assert (await client.get_latest_version(subject)).schema_id == schema_id
            assert await client.get_subjects(subject_prefix=subject) == [subject]
            assert await client.delete_subject(subject) == [1]

    asyncio.run(work())
