"""Operations of associations, as they are served."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    AssociationCreateOrUpdateInfo,
    AssociationCreateOrUpdateRequest,
    Schema,
    SchemaRegistryClient,
)
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from registry.caller import Caller
from registry.world import record


def wish(name: str, *rows: dict[str, Any]) -> dict[str, Any]:
    """A request for associations of a topic."""
    return {
        "resourceName": name,
        "resourceNamespace": "lkc-1",
        "resourceId": f"id-{name}",
        "associations": list(rows),
    }


def test_confluents_client_makes_finds_and_ends_an_association(
    confluent: SchemaRegistryClient,
) -> None:
    """Clients of the field could not use associations that we serve."""
    client = confluent
    told = AssociationCreateOrUpdateInfo(
        subject="orders-schemas",
        association_type="value",
        lifecycle="STRONG",
        schema=Schema(record("a"), "AVRO"),
    )
    made = client.create_association(
        AssociationCreateOrUpdateRequest("orders", "lkc-1", "id-orders", "topic", [told])
    )
    assert made.associations is not None
    assert [(a.subject, a.lifecycle, a.frozen) for a in made.associations] == [
        ("orders-schemas", "STRONG", False)
    ]
    for namespace in ("lkc-1", "-"):
        found = client.get_associations_by_resource_name("orders", namespace, "topic", ["value"])
        assert [(a.subject, a.resource_id) for a in found] == [("orders-schemas", "id-orders")]
    assert client.get_latest_version("orders-schemas").version == 1
    with pytest.raises(SchemaRegistryError) as refused:
        client.delete_subject("orders-schemas")
    assert refused.value.error_code == 40904
    client.delete_associations("id-orders", "topic", ["value"], cascade_lifecycle=True)
    assert client.get_associations_by_resource_name("orders", "-") == []
    assert "orders-schemas" not in client.get_subjects()


def test_confluents_serializer_uses_the_associated_subject(
    confluent: SchemaRegistryClient,
) -> None:
    """A topic with an association would still be written under the subject of its name."""
    client = confluent
    told = AssociationCreateOrUpdateInfo(
        subject="payments-schemas", lifecycle="STRONG", schema=Schema(record("a"), "AVRO")
    )
    client.create_association(
        AssociationCreateOrUpdateRequest("payments", "lkc-1", "id-payments", None, [told])
    )
    serialize = AvroSerializer(client, record("a"))
    data = serialize({"a": 1}, SerializationContext("payments", MessageField.VALUE))
    assert data is not None
    assert client.get_schema(int.from_bytes(data[1:5], "big")).schema_str is not None
    assert "payments-value" not in client.get_subjects()


def test_a_try_changes_nothing_and_answers_as_if(ask: Caller) -> None:
    """dryRun would register, or would not say what would be."""
    row = {"subject": "tried", "schema": {"schema": record("a")}}
    body = {name: value for name, value in wish("tried", row).items() if name != "resourceId"}
    told = ask("POST", "/associations?dryRun=true", body)
    assert told.status == 200
    assert told.body["associations"][0]["lifecycle"] == "STRONG"
    assert ask("GET", "/associations/resources/lkc-1/tried") == (200, [])
    assert "tried" not in ask("GET", "/subjects").body


def test_what_is_asked_for_by_id_name_and_subject(ask: Caller) -> None:
    """One of the three ways to find an association would miss it, or tell it otherwise."""
    rows = [
        {"associationType": kind, "subject": f"found-{kind}", "schema": {"schema": record("a")}}
        for kind in ("key", "value")
    ]
    assert ask("POST", "/associations", wish("found", *rows)).status == 200
    by_id = ask("GET", "/associations/resources/id-found").body
    assert by_id == ask("GET", "/associations/resources/lkc-1/found").body
    assert [row["associationType"] for row in by_id] == ["key", "value"]
    assert ask("GET", "/associations/subjects/found-key").body == by_id[:1]
    assert ask("GET", "/associations/resources/id-found?associationType=value").body == by_id[1:]
    assert ask("GET", "/associations/resources/id-found?lifecycle=WEAK").body == []
    assert ask("GET", "/associations/resources/id-found?offset=1&limit=1").body == by_id[1:]
    assert ask("GET", "/associations/resources/id-found?lifecycle=SOME").code == 42212
    assert set(by_id[0]) == {
        "subject", "guid", "resourceName", "resourceNamespace", "resourceId", "resourceType",
        "associationType", "lifecycle", "frozen", "createTs", "updateTs",
    }  # fmt: skip
    schemas = ask("GET", "/schemas?subjectPrefix=found-&resourceType=topic").body
    assert [schema["associations"] for schema in schemas] == [[by_id[0]], [by_id[1]]]


def test_a_change_by_the_id_in_the_path(ask: Caller) -> None:
    """PUT would make another association beside the one that is there."""
    ask("POST", "/subjects/changed/versions", {"schema": record("a")})
    row = {"subject": "changed"}
    assert ask("POST", "/associations", wish("changed", row)).body["associations"] == [
        {"subject": "changed", "associationType": "value", "lifecycle": "WEAK", "frozen": False}
    ]
    told = ask(
        "PUT", "/associations/resources/id-changed", wish("changed", {**row, "lifecycle": "STRONG"})
    )
    assert told.body["associations"][0]["lifecycle"] == "STRONG"
    assert len(ask("GET", "/associations/subjects/changed").body) == 1
    assert ask("PUT", "/associations/resources/other", wish("changed", row)).code == 42212


def test_a_batch_answers_for_each_resource(ask: Caller) -> None:
    """One resource's fault would spoil the whole batch, or leave half of its own behind."""
    good = {"opType": "UPSERT", "subject": "batch-a", "schema": {"schema": record("a")}}
    bad = {
        "opType": "CREATE",
        "associationType": "key",
        "subject": "batch-b",
        "schema": {"schema": record("a")},
    }
    requests = [
        wish("batch-1", good),
        wish("batch-2", bad, {"opType": "UPSERT", "subject": "batch-none"}),
        wish("batch-3", {"opType": "DELETE"}),
    ]
    told = ask("POST", "/associations:batch", {"requests": requests})
    assert told.status == 207
    first, second, third = told.body["results"]
    assert first["result"]["associations"][0]["schema"]["version"] == 1
    assert second["error"]["error_code"] == 40907
    assert third["error"]["error_code"] == 40410
    assert "batch-a" in ask("GET", "/subjects").body
    assert "batch-b" not in ask("GET", "/subjects").body
    asked = [{"resourceId": "id-batch-1"}, {"resourceName": "n", "resourceNamespace": "lkc-1"}]
    got = ask("POST", "/associations:batchGet?includeSchemas=true", {"requests": asked})
    assert got.status == 207
    one, none = got.body["results"]
    assert one["result"]["associations"][0]["schema"]["subject"] == "batch-a"
    assert none["result"]["associations"] == []
    gone = ask(
        "POST",
        "/associations:batchMutate",
        {"requests": [wish("batch-1", {"opType": "DELETE", "cascadeLifecycle": True})]},
    )
    assert gone.body["results"] == [
        {
            "result": {
                "resourceName": "batch-1",
                "resourceNamespace": "lkc-1",
                "resourceId": "id-batch-1",
                "resourceType": "topic",
                "associations": [],
            }
        }
    ]
    assert "batch-a" not in ask("GET", "/subjects?deleted=true").body


def test_a_context_in_the_url_is_the_context_of_subjects(ask: Caller) -> None:
    """A client whose URL names a context would associate subjects of another one."""
    row = {"subject": "inside", "schema": {"schema": record("a")}}
    told = ask("POST", "/contexts/.box/associations", wish("inside", row))
    assert told.body["associations"][0]["subject"] == ":.box:inside"
    assert len(ask("GET", "/contexts/.box/associations/subjects/inside").body) == 1
    assert ask("GET", "/contexts/.other/associations/resources/id-inside").body == []
    assert ask("DELETE", "/contexts/.other/associations/resources/id-inside").code == 40410


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"resourceName": "x"},
        wish("x"),
        wish("x", {"subject": 1}),
        wish("x", {"lifecycle": "FIRM"}),
        wish("x", {"frozen": "yes"}),
        wish("x", {"associationType": "header"}),
        wish("x", {"colour": "red"}),
        wish("x", {}, {}),
        {**wish("x", {}), "resourceType": "table"},
        {**wish("x", {}), "resourceNamespace": "-"},
        {**wish("x", {}), "resourceId": ""},
        {**wish("x\n", {})},
        {**wish("x", {}), "associations": ["x"]},
    ],
)
def test_what_can_not_be_meant_is_one_clear_error(ask: Caller, body: Any) -> None:
    """A request that nobody can read would be taken for something, or break the service."""
    told = ask("POST", "/associations", body)
    assert (told.status, told.code) == (422, 42212)
