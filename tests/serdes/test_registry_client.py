"""The client of a registry, against ours; how it asks is in test_registry_http.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from ottla.schemas.language import JSON
from ottla.serdes.contract import Contract, Reference
from ottla.serdes.errors import RegistryError
from ottla.serdes.registry_client import SchemaRegistry

INT = '{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}'
TEXT = INT.replace('"int"', '"string"')
LONGER = INT.replace("]}", ',{"name":"y","type":"int","default":0}]}')


def test_what_is_registered_is_found_in_every_way(
    registry: SchemaRegistry, theirs: SchemaRegistryClient, topic: Callable[[], str]
) -> None:
    """If this failed, a serializer would not find what another one registered."""
    subject = topic()
    made = registry.register(subject, INT)
    assert made.id is not None
    assert made.guid is not None
    assert (made.subject, made.version, made.text) == (subject, 1, INT)
    assert theirs.get_latest_version(subject).guid == made.guid
    for found in (
        registry.register(subject, INT),
        registry.look_up(subject, INT),
        registry.by_id(made.id, subject),
        registry.by_guid(made.guid),
        registry.latest(subject),
        registry.version(subject, 1),
        registry.version(subject, "latest"),
    ):
        assert (found.contract, found.guid) == (made.contract, made.guid)
    assert registry.versions(subject) == [1]
    assert subject in registry.subjects()
    assert registry.subjects(subject) == [subject]
    assert (subject, 1) in registry.versions_of(made.id)
    assert [row.id for row in registry.schemas(subject)] == [made.id]


def test_what_is_said_of_a_schema_comes_back(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, metadata, rules or references would be lost on the way."""
    subject, place = topic(), topic()
    registry.register(place, Contract('{"type":"object"}', JSON))
    rule = {"name": "r", "kind": "CONDITION", "mode": "WRITE", "type": "CEL", "expr": "true"}
    contract = Contract(
        '{"type":"object","properties":{"at":{"$ref":"place.json"}}}',
        JSON,
        references=(Reference("place.json", place, 1),),
        metadata={"properties": {"team": "shop"}},
        rule_set={"domainRules": [rule]},
    )
    made = registry.register(subject, contract)
    found = registry.version(subject, 1)
    assert found.contract.references == contract.references
    assert found.contract.metadata == contract.metadata
    assert found.contract.rule_set is not None
    assert found.contract.rule_set["domainRules"][0]["expr"] == "true"
    assert registry.referenced_by(place, 1) == [made.id]
    assert registry.latest_with(subject, {"team": "shop"}).id == made.id
    with pytest.raises(RegistryError) as caught:
        registry.latest_with(subject, {"team": "other"})
    assert caught.value.code == 40403


def test_a_check_says_why(registry: SchemaRegistry, topic: Callable[[], str]) -> None:
    """If this failed, nobody could ask before a schema is registered."""
    subject = topic()
    registry.register(subject, INT)
    assert registry.check(subject, LONGER) == (True, ())
    checked = registry.check(subject, TEXT)
    assert not checked.is_compatible
    assert checked.messages
    assert not registry.check(subject, TEXT, 1).is_compatible
    with pytest.raises(RegistryError) as caught:
        registry.register(subject, TEXT)
    assert (caught.value.status, caught.value.code) == (409, 40901)


def test_what_is_deleted_is_forgotten(registry: SchemaRegistry, topic: Callable[[], str]) -> None:
    """If this failed, a client would go on with what it has itself deleted."""
    subject = topic()
    registry.register(subject, INT)
    registry.register(subject, LONGER)
    assert registry.latest(subject).version == 2
    assert registry.delete_version(subject, 2) == 2
    assert registry.latest(subject).version == 1
    assert registry.version(subject, 2, deleted=True).text == LONGER
    assert registry.delete_subject(subject) == [1]
    with pytest.raises(RegistryError) as caught:
        registry.latest(subject)
    assert caught.value.status == 404
    assert registry.versions(subject, deleted=True) == [1, 2]
    assert registry.delete_subject(subject, permanent=True) == [1, 2]
    assert registry.register(subject, INT).version == 1


def test_settings_and_contexts(
    registry: SchemaRegistry, registry_url: str, topic: Callable[[], str]
) -> None:
    """If this failed, a registry could not be set up by this client."""
    subject, context = topic(), f".{topic()}"
    assert registry.config()["compatibilityLevel"] == "BACKWARD"
    with pytest.raises(RegistryError) as caught:
        registry.config(subject, default_to_global=False)
    assert caught.value.code == 40408
    registry.set_config({"compatibility": "FULL"}, subject)
    assert registry.config(subject)["compatibilityLevel"] == "FULL"
    registry.delete_config(subject)
    assert registry.config(subject)["compatibilityLevel"] == "BACKWARD"
    assert registry.set_mode("READONLY", subject) == "READONLY"
    assert registry.mode(subject) == "READONLY"
    with pytest.raises(RegistryError) as caught:
        registry.register(subject, INT)
    assert caught.value.code == 42205
    registry.delete_mode(subject)
    assert registry.mode(subject) == "READWRITE"
    assert set(registry.types()) == {"AVRO", "JSON", "PROTOBUF"}
    with SchemaRegistry(f"{registry_url}/contexts/{context}") as inside:
        inside.register(subject, INT)
        assert inside.latest(subject).subject == f":{context}:{subject}"
    assert context in registry.contexts()
    within = f":{context}:{subject}"
    registry.delete_subject(within)
    registry.delete_subject(within, permanent=True)
    registry.delete_context(context)
    assert context not in registry.contexts()


def test_names_may_have_anything_in_them(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a subject with a slash or a space would be another subject."""
    subject = f"{topic()}/ä b?c#d&e%2F"
    registry.register(subject, INT)
    assert registry.versions(subject) == [1]
    assert subject in registry.subjects()
