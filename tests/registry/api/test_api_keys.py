"""Operations of the keys for field encryption, as they are served."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from confluent_kafka.schema_registry import (
    Rule,
    RuleKind,
    RuleMode,
    RuleParams,
    RuleSet,
    Schema,
    SchemaRegistryClient,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.rule_registry import RuleRegistry
from confluent_kafka.schema_registry.rules.encryption.dek_registry.dek_registry_client import (
    DekAlgorithm,
    DekRegistryClient,
)
from confluent_kafka.schema_registry.rules.encryption.encrypt_executor import (
    FieldEncryptionExecutor,
)
from confluent_kafka.schema_registry.rules.encryption.localkms.local_driver import (
    LocalKmsDriver,
)
from confluent_kafka.serialization import MessageField, SerializationContext

import ottla
from ottla.client import Consumer
from ottla.client.admin import topics
from ottla.registry.keys.records import TOPIC
from ottla.registry.service import Options, Registry
from registry.caller import Caller

KEKS = "/dek-registry/v1/keks"


@pytest.fixture
def confluents(registry: Registry) -> Iterator[DekRegistryClient]:
    """Confluent's own client of keys, with nothing in its caches."""
    with DekRegistryClient({"url": registry.url}) as client:
        yield client


def kek(ask: Caller, name: str) -> None:
    """Make a KEK."""
    body = {"name": name, "kmsType": "local-kms", "kmsKeyId": "mine"}
    assert ask("POST", KEKS, body).status == 200


def names(registry: Registry) -> list[str]:
    """The topics of the broker."""
    client = registry.instance.client
    assert client is not None
    return list(topics.names(client))


def test_the_topic_is_made_when_it_is_first_written_to(registry: Registry, ask: Caller) -> None:
    """A registry whose users encrypt nothing would pay for a topic at each start."""
    assert ask("GET", KEKS) == (200, [])
    assert ask("GET", f"{KEKS}/none").code == 40470
    assert ask("GET", f"{KEKS}/none/deks").code == 40470
    assert ask("DELETE", f"{KEKS}/none").code == 40470
    assert TOPIC not in names(registry)
    kek(ask, "first")
    assert TOPIC in names(registry)


def test_confluents_client_keeps_and_finds_keys(confluents: DekRegistryClient) -> None:
    """Serializers of the field could not encrypt with keys that we keep."""
    made = confluents.register_kek("theirs", "local-kms", "mine", False, {"a": "b"}, "doc")
    found = confluents.get_kek("theirs")
    assert made == found
    assert (found.kms_type, found.kms_key_id, found.doc) == ("local-kms", "mine", "doc")
    assert found.kms_props is not None
    assert found.kms_props.properties == {"a": "b"}
    first = confluents.register_dek("theirs", "s-value", "YWJj")
    assert confluents.get_dek("theirs", "s-value") == first
    second = confluents.register_dek("theirs", "s-value", "ZGVm", version=2)
    assert confluents.get_dek("theirs", "s-value", version=-1) == second
    siv = confluents.register_dek("theirs", "s-value", "Z2hp", DekAlgorithm.AES256_SIV)
    assert siv.algorithm == DekAlgorithm.AES256_SIV
    confluents._kek_cache.clear()
    confluents._dek_cache.clear()
    with pytest.raises(SchemaRegistryError) as refused:
        confluents.register_kek("theirs", "local-kms", "mine")
    assert (refused.value.http_status_code, refused.value.error_code) == (409, 40971)
    with pytest.raises(SchemaRegistryError) as refused:
        confluents.register_dek("theirs", "s-value", "YWJj")
    assert (refused.value.http_status_code, refused.value.error_code) == (409, 40971)
    with pytest.raises(SchemaRegistryError) as refused:
        confluents.get_dek("theirs", "s-value", DekAlgorithm.AES128_GCM)
    assert (refused.value.http_status_code, refused.value.error_code) == (404, 40470)


def test_keys_go_and_come_back(ask: Caller) -> None:
    """A key that was deleted by mistake would be lost, or one that was deleted for good be kept."""
    kek(ask, "gone")
    dek = f"{KEKS}/gone/deks/s"
    for version in (1, 2):
        body = {"version": version, "encryptedKeyMaterial": "YWJj"}
        assert ask("POST", dek, body).body["version"] == version
    assert ask("GET", f"{KEKS}/gone/deks").body == ["s"]
    assert ask("GET", f"{dek}/versions").body == [1, 2]
    assert ask("GET", f"{dek}/versions?offset=1").body == [2]
    assert ask("GET", dek).body["version"] == 1
    assert ask("DELETE", f"{KEKS}/gone").code == 42272
    assert ask("DELETE", f"{dek}/versions/1") == (204, None)
    assert ask("GET", f"{dek}/versions").body == [2]
    assert ask("GET", f"{dek}/versions/1?deleted=true").body["deleted"] is True
    assert ask("POST", f"{dek}/versions/1/undelete") == (204, None)
    assert ask("DELETE", f"{dek}?permanent=true").code == 40471
    assert ask("DELETE", dek) == (204, None)
    assert ask("GET", f"{dek}/versions/latest").code == 40470
    assert ask("DELETE", f"{KEKS}/gone") == (204, None)
    assert ask("POST", f"{dek}/undelete").code == 40472
    assert ask("POST", f"{KEKS}/gone/undelete") == (204, None)
    assert ask("POST", f"{dek}/undelete") == (204, None)
    assert ask("GET", f"{dek}/versions").body == [1, 2]
    for path in (dek, f"{KEKS}/gone"):
        assert ask("DELETE", path) == (204, None)
        assert ask("DELETE", f"{path}?permanent=true") == (204, None)
    assert "gone" not in ask("GET", f"{KEKS}?deleted=true").body


def test_a_dek_in_the_way_of_older_clients(ask: Caller) -> None:
    """A client that names the subject in the body alone could not keep a DEK."""
    kek(ask, "older")
    body = {"subject": "s", "encryptedKeyMaterial": "YWJj"}
    assert ask("POST", f"{KEKS}/older/deks", body).body["subject"] == "s"
    assert ask("POST", f"{KEKS}/older/deks", {}).code == 42271
    again = {**body, "encryptedKeyMaterial": "ZGVm"}
    assert ask("POST", f"{KEKS}/older/deks?rewrap=true", again).status == 200
    assert ask("GET", f"{KEKS}/older/deks/s").body["encryptedKeyMaterial"] == "ZGVm"


def test_shared_keks_are_refused_by_name(ask: Caller) -> None:
    """Who relies on the registry to decrypt would learn it from records that can't be read."""
    body = {"name": "shared", "kmsType": "aws-kms", "kmsKeyId": "arn", "shared": True}
    told = ask("POST", KEKS, body)
    assert told.code == 42271
    assert "shared" in told.body["message"]
    kek(ask, "tested")
    assert ask("PUT", f"{KEKS}/tested", {"shared": True}).code == 42271
    assert ask("POST", f"{KEKS}/tested/test").code == 42271
    assert ask("PUT", f"{KEKS}/tested", {"doc": "d"}).body["doc"] == "d"


def test_nothing_is_shared_for_a_trial(ask: Caller) -> None:
    """Who tries whether the registry may use a KEK would be told yes, without a trial."""
    body = {"name": "trial", "kmsType": "aws-kms", "kmsKeyId": "arn"}
    told = ask("POST", f"{KEKS}?testSharing=true", body)
    assert told.code == 42271
    assert "testSharing" in told.body["message"]
    assert ask("GET", f"{KEKS}/trial").code == 40470
    assert ask("POST", f"{KEKS}?testSharing=false", body).status == 200
    assert ask("PUT", f"{KEKS}/trial?testSharing=true", {"doc": "d"}).code == 42271
    assert ask("PUT", f"{KEKS}/trial?testSharing=false", {"doc": "d"}).status == 200


def test_keys_are_in_no_context(ask: Caller) -> None:
    """A client whose URL names a context would get another's keys under its own names."""
    kek(ask, "everywhere")
    told = ask("GET", f"/contexts/.x{KEKS}/everywhere")
    assert told.code == 404
    assert ".x" in told.body["message"]
    assert ask("POST", f"/contexts/.x{KEKS}", {"name": "n"}).code == 404
    assert ask("GET", f"/contexts/.{KEKS}/everywhere").status == 200


def test_a_subject_borrows_the_deks_of_another(ask: Caller) -> None:
    """The config aliasForDeks would be kept, and have no effect."""
    kek(ask, "lent")
    assert ask("PUT", "/config/borrower", {"aliasForDeks": "lender"}).status == 200
    body = {"encryptedKeyMaterial": "YWJj"}
    assert ask("POST", f"{KEKS}/lent/deks/lender", body).status == 200
    assert ask("GET", f"{KEKS}/lent/deks/borrower").body["subject"] == "lender"
    assert ask("POST", f"{KEKS}/lent/deks/borrower", body).code == 40971


def test_another_registry_on_the_same_kafka_reads_the_keys(
    broker: ottla.Broker, registry: Registry
) -> None:
    """Keys would be known to the instance that was asked alone, or be gone after a restart."""
    Caller(registry.url)("POST", KEKS, {"name": "told", "kmsType": "t", "kmsKeyId": "i"})
    with Registry(broker.bootstrap_servers, Options(port=0)) as other:
        asked = Caller(other.url)
        assert asked("GET", f"{KEKS}/told").body["kmsType"] == "t"
        made = asked("POST", f"{KEKS}/told/deks/s", {"encryptedKeyMaterial": "YWJj"})
        assert made.status == 200
        assert asked("GET", f"{KEKS}/told/deks/s").body == made.body
        assert Caller(registry.url)("GET", f"{KEKS}/told/deks/s").body == made.body


def test_the_topic_holds_records_and_keeps_them(registry: Registry, ask: Caller) -> None:
    """The topic would forget keys in time, or be read by nobody."""
    kek(ask, "kept")
    client = registry.instance.client
    assert client is not None
    with Consumer(client=client, auto_offset_reset="earliest") as consumer:
        consumer.assign([(TOPIC, 0)])
        found = [record.key for record in consumer.poll(5)]
    assert b'{"keytype":"KEK","tenant":"default","name":"kept","magic":0}' in found


@pytest.fixture
def encrypting() -> Iterator[RuleRegistry]:
    """What lets Confluent's serializers encrypt, with a KMS that is only a password."""
    LocalKmsDriver.register()
    executor = FieldEncryptionExecutor()
    rules = RuleRegistry()
    rules.register_executor(executor)
    yield rules
    executor.close()


def test_confluents_serializer_encrypts_with_keys_that_we_keep(
    registry: Registry, confluent: SchemaRegistryClient, encrypting: RuleRegistry
) -> None:
    """A rule that encrypts would find no key, and a consumer none to decrypt with."""
    fields = [
        {"name": "plain", "type": "string"},
        {"name": "secret", "type": "string", "confluent:tags": ["PII"]},
    ]
    text = json.dumps({"type": "record", "name": "R", "fields": fields})
    rule = Rule(
        "hide",
        "",
        RuleKind.TRANSFORM,
        RuleMode.WRITEREAD,
        "ENCRYPT",
        ["PII"],
        RuleParams(
            {
                "encrypt.kek.name": "hidden",
                "encrypt.kms.type": "local-kms",
                "encrypt.kms.key.id": "mine",
            }
        ),
        None,
        None,
        "ERROR,NONE",
        False,
    )
    confluent.register_schema("people-value", Schema(text, "AVRO", [], None, RuleSet(None, [rule])))
    told = {"auto.register.schemas": False, "use.latest.version": True}
    secret = {"secret": "of this test"}
    context = SerializationContext("people", MessageField.VALUE)
    write = AvroSerializer(confluent, text, None, told, rule_conf=secret, rule_registry=encrypting)
    data = write({"plain": "a", "secret": "whisper"}, context)
    assert data is not None
    assert b"whisper" not in data
    with SchemaRegistryClient({"url": registry.url}) as another:
        read = AvroDeserializer(another, None, rule_conf=secret, rule_registry=encrypting)
        assert read(data, context) == {"plain": "a", "secret": "whisper"}
    found = Caller(registry.url)("GET", f"{KEKS}/hidden/deks")
    assert found.body == ["people-value"]
