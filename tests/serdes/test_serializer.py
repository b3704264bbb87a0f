"""What serializers say when a value, a record or the registry is not as it should be."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ottla
from ottla.client import Consumer, Producer
from ottla.schemas.json_schema.engine import engine
from ottla.schemas.language import AVRO, JSON, PROTOBUF
from ottla.serdes import (
    AvroDeserializer,
    AvroSerializer,
    BadData,
    BadRegistrySetting,
    Contract,
    JsonDeserializer,
    JsonSerializer,
    MissingExtra,
    ProtobufDeserializer,
    ProtobufSerializer,
    Reference,
    RegistryError,
    RegistryUnreachable,
    SchemaRegistry,
)

ORDER = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [
            {"name": "what", "type": "string"},
            {"name": "count", "type": "int", "default": 1},
        ],
    }
)
WRITERS: list[Any] = [AvroSerializer, JsonSerializer, ProtobufSerializer]
READERS: list[Any] = [AvroDeserializer, JsonDeserializer, ProtobufDeserializer]


@dataclasses.dataclass
class Order:
    """What a program has."""

    what: str
    count: int = 1


def test_records_go_to_kafka_and_come_back(
    bootstrap: str, registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, what the guide shows would not work."""
    name = topic()
    write = AvroSerializer(registry, ORDER, schema_in="header")
    keys = AvroSerializer(registry, '"string"')
    read = AvroDeserializer(registry, from_dict=lambda row: Order(**row))
    with Producer(bootstrap) as producer:
        headers = [("source", b"shop")]
        producer.send(
            name,
            write(name, Order("bicycle", 2), headers),
            key=keys.key(name, "alice"),
            headers=headers,
        ).result(10)
        producer.send(name, write(name, None, []), key=keys.key(name, "bob")).result(10)
    with Consumer(bootstrap) as consumer:
        consumer.assign([(name, 0, 0)])
        found: list[Any] = []
        while len(found) < 2:
            found += consumer.poll(10)
    first, second = found
    assert read(first) == Order("bicycle", 2)
    assert dict(first.headers)["source"] == b"shop"
    assert AvroDeserializer(registry).key(first) == "alice"
    assert read(second) is None


def test_records_of_an_embedded_broker_can_be_read(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a test could not look at what its program wrote."""
    name = topic()
    write, keys = AvroSerializer(registry, ORDER), AvroSerializer(registry, '"string"')
    read = AvroDeserializer(registry)
    with ottla.Broker() as broker:
        broker.produce(name, write(name, {"what": "bicycle"}), key=keys.key(name, "alice"))
        found = broker.records(name)
    assert [(record.topic, read.key(record), read(record)) for record in found] == [
        (name, "alice", {"what": "bicycle", "count": 1})
    ]


def test_a_schema_may_stand_in_a_file(
    registry: SchemaRegistry, topic: Callable[[], str], tmp_path: Path
) -> None:
    """If this failed, schemas would have to be copied into programs."""
    file = tmp_path / "order.avsc"
    file.write_text(ORDER)
    name = topic()
    data = AvroSerializer(registry, file)(name, {"what": "x"})
    assert AvroDeserializer(registry).deserialize(name, data) == {"what": "x", "count": 1}
    with pytest.raises(BadRegistrySetting, match=r"no\.avsc"):
        AvroSerializer(registry, tmp_path / "no.avsc")
    assert AvroSerializer(registry, str(file))(name, {"what": "x"}) == data
    with pytest.raises(BadRegistrySetting, match=r"no\.avsc") as caught:
        AvroSerializer(registry, "no.avsc")
    assert "Path('no.avsc')" in str(caught.value.hint)
    proto = 'syntax = "proto3"; message A { int32 b = 1; } // as in a.proto'
    assert ProtobufSerializer(registry, "A", proto)(topic(), {"b": 1})


def test_a_schema_may_be_a_dict(registry: SchemaRegistry, topic: Callable[[], str]) -> None:
    """If this failed, a program that has its schema as Python's values would get a TypeError."""
    name, schema = topic(), json.loads(ORDER)
    data = AvroSerializer(registry, schema)(name, {"what": "x"})
    assert registry.register(f"{name}-value", schema).version == 1
    assert AvroDeserializer(registry, schema).deserialize(name, data)["count"] == 1
    assert JsonSerializer(registry, {"type": "object"})(topic(), {})
    assert AvroSerializer(registry, ["null", "int"])(topic(), 1)
    wrong: list[tuple[Any, Any, str]] = [
        (AvroSerializer, 5, "no int"),
        (AvroSerializer, {"type": {1, 2}}, "is no JSON"),
        (JsonSerializer, b"{}", "no bytes"),
    ]
    for maker, odd, text in wrong:
        with pytest.raises(BadRegistrySetting, match=text):
            maker(registry, odd)
    with pytest.raises(BadRegistrySetting, match="of Protobuf is a text"):
        ProtobufSerializer(registry, "A", {"a": 1})


def test_a_registry_may_be_given_by_its_url(
    registry_url: str, registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, the first thing that one tries would end in an AttributeError."""
    name = topic()
    data = AvroSerializer(registry_url, ORDER)(name, {"what": "x"})
    assert AvroDeserializer(registry_url.removeprefix("http://")).deserialize(name, data)
    assert registry.versions(f"{name}-value") == [1]
    odd: Any = 8081
    with pytest.raises(BadRegistrySetting, match="int is no such"):
        AvroSerializer(odd, ORDER)


def test_a_broken_schema_is_told_with_its_place(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, whoever mistyped a type would be told its name and nothing else."""
    broken = ORDER.replace('"int"', '"itn"')
    place = r"/fields/1/type \(line 1, column \d+\).*shop.itn"
    with pytest.raises(BadData, match=place):
        AvroSerializer(registry, broken)(topic(), {})
    name = topic()
    data = AvroSerializer(registry, ORDER)(name, {"what": "x"})
    with pytest.raises(BadData, match=place):
        AvroDeserializer(registry, broken).deserialize(name, data)


def test_subjects_are_named_as_one_says(registry: SchemaRegistry, topic: Callable[[], str]) -> None:
    """If this failed, schemas would be registered where nobody looks for them."""
    name = topic()
    strategies: list[tuple[Any, str]] = [
        ("topic", f"{name}-value"),
        ("record", "shop.Order"),
        ("topic-record", f"{name}-shop.Order"),
        ("associated", f"{name}-value"),
        (lambda topic, is_key, record: f"{topic}/{is_key}/{record}", f"{name}/False/shop.Order"),
    ]
    for strategy, subject in strategies:
        data = AvroSerializer(registry, ORDER, subject=strategy)(name, {"what": "x"})
        assert registry.versions(subject) == [1]
        read = AvroDeserializer(registry, subject=strategy, use_latest=True)
        assert read.deserialize(name, data)["what"] == "x"
    with pytest.raises(BadRegistrySetting, match="called 'records'"):
        AvroSerializer(registry, ORDER, subject="records")
    with pytest.raises(BadRegistrySetting, match="needs the record's"):
        AvroSerializer(registry, '"int"', subject="record")(name, 1)
    with pytest.raises(BadRegistrySetting, match="schema_in"):
        AvroSerializer(registry, ORDER, schema_in="footer")


def test_a_value_that_does_not_fit_is_told_with_its_place(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, somebody would look for one wrong field among hundreds."""
    name = topic()
    write = AvroSerializer(registry, ORDER)
    for value, field in (
        ({"what": 5}, "shop.Order.what"),
        ({}, "shop.Order.what"),
    ):
        with pytest.raises(BadData) as caught:
            write(name, value)
        error = caught.value
        assert (error.topic, error.subject, error.field) == (name, f"{name}-value", field)
        assert name in str(error)
        assert field in str(error)
    with pytest.raises(BadData):
        write(name, 5)
    with pytest.raises(BadData, match="more"):
        write(name, {"what": "x", "count": 1, "more": 2})
    with pytest.raises(BadData) as caught:
        write(name, {"what": "x", "count": 1 << 31})
    assert caught.value.field == "shop.Order.count"
    lenient = AvroSerializer(registry, ORDER, strict=False)
    assert lenient(name, {"what": "x", "count": 1, "more": 2})
    with pytest.raises(BadData, match="which message"):
        ProtobufSerializer(registry)(name, {"a": 1})
    with pytest.raises(BadData, match="no message of Protobuf"):
        ProtobufSerializer(registry)(name, 5)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\0\0\0", b"hello, world", b"{}", b"\2" * 20, b"\1" * 16]
)
def test_records_that_no_serializer_wrote(
    registry: SchemaRegistry, reader: Any, data: bytes
) -> None:
    """If this failed, a poison record would raise what no consumer expects."""
    with pytest.raises(BadData, match="not written by a serializer") as caught:
        reader(registry).deserialize("odd", data)
    assert caught.value.began_with == data[:16]
    assert caught.value.topic == "odd"


@pytest.mark.parametrize("reader", READERS)
def test_schemas_that_the_registry_does_not_have(registry: SchemaRegistry, reader: Any) -> None:
    """If this failed, records of another registry would look like a fault of this one."""
    for data in (b"\0\0\x0f\xff\xff\0\0", b"\1" * 17 + b"\0\0"):
        with pytest.raises(BadData, match="does not have the schema") as caught:
            reader(registry).deserialize("odd", data)
        assert caught.value.schema_id in (0xFFFFF, "01010101-0101-0101-0101-010101010101")


def test_a_record_of_another_language_is_told(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, JSON would be read as Avro, and give something."""
    name = topic()
    data = JsonSerializer(registry, "{}")(name, {"a": 1})
    with pytest.raises(BadData, match="written by JSON, and this reads AVRO"):
        AvroDeserializer(registry).deserialize(name, data)
    with pytest.raises(BadData, match="is of JSON, and this writes PROTOBUF"):
        ProtobufSerializer(registry, use_latest=True, schema='syntax="proto3"; message A {}')(
            name, {}
        )
    with pytest.raises(BadRegistrySetting, match="is given for AVRO"):
        AvroSerializer(registry, Contract("{}", JSON))


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        (AVRO, ORDER, {"what": "bicycle"}),
        (JSON, '{"type":"object"}', {"what": "bicycle"}),
        (PROTOBUF, 'syntax = "proto3"; message A { string what = 1; }', {"what": "bicycle"}),
    ],
)
def test_data_that_is_cut_off(
    registry: SchemaRegistry, topic: Callable[[], str], language: str, text: str, value: Any
) -> None:
    """If this failed, half a record would end a consumer, or be taken for a whole one."""
    name = topic()
    at = (AVRO, JSON, PROTOBUF).index(language)
    write = WRITERS[at](registry, schema=text)
    data = write(name, value)
    with pytest.raises(BadData) as caught:
        READERS[at](registry).deserialize(name, data[:-3])
    error = caught.value
    assert error.began_with == data[:-3][:16]
    assert error.schema_id == int.from_bytes(data[1:5], "big")


def test_a_schema_must_be_there_where_none_is_registered_by_itself(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, nobody would know how a schema gets to the registry."""
    name = topic()
    for write in (
        AvroSerializer(registry, ORDER, auto_register=False),
        AvroSerializer(registry, use_latest=True),
        AvroSerializer(registry),
    ):
        with pytest.raises(RegistryError) as caught:
            write(name, {"what": "x"})
        assert caught.value.status == 404
        assert f"{name}-value" in str(caught.value)
        assert "auto_register" in str(caught.value.hint)
    AvroSerializer(registry, ORDER)(name, {"what": "x"})
    assert AvroSerializer(registry, ORDER, auto_register=False)(name, {"what": "x"})
    assert AvroSerializer(registry)(name, {"what": "x"})


def test_a_schema_that_may_not_come_next_is_told(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a producer would break those who read."""
    name = topic()
    AvroSerializer(registry, ORDER)(name, {"what": "x"})
    other = ORDER.replace('"string"', '"int"')
    with pytest.raises(RegistryError) as caught:
        AvroSerializer(registry, other)(name, {"what": 1})
    assert caught.value.code == 40901
    assert name in str(caught.value)


def test_a_reader_that_can_not_read_what_was_written(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a schema that does not match would look like a broken record."""
    name = topic()
    data = AvroSerializer(registry, ORDER)(name, {"what": "x"})
    reader = ORDER.replace('"what", "type": "string"', '"other", "type": "string"')
    with pytest.raises(BadData, match="reader's schema does not match"):
        AvroDeserializer(registry, reader).deserialize(name, data)


def test_a_registry_that_is_away(registry: SchemaRegistry, topic: Callable[[], str]) -> None:
    """If this failed, what was learnt would be lost with the registry, or nobody would see that
    it is away.
    """
    name = topic()
    write, read = AvroSerializer(registry, ORDER), AvroDeserializer(registry)
    data = write(name, {"what": "x"})
    read.deserialize(name, data)
    with SchemaRegistry("http://127.0.0.1:1", retries=0) as away:
        registry._http, lost = away._http, registry._http
        try:
            assert write(name, {"what": "x"}) == data
            assert read.deserialize(name, data)["what"] == "x"
            with pytest.raises(RegistryUnreachable, match="nobody listens"):
                write(topic(), {"what": "x"})
        finally:
            registry._http = lost


def test_references_that_lead_nowhere(registry: SchemaRegistry, topic: Callable[[], str]) -> None:
    """If this failed, a schema would be told as broken where another is missing."""
    contract = Contract('{"type":"array","items":"a.B"}', references=[Reference("a.B", topic(), 1)])
    with pytest.raises(RegistryError):
        AvroSerializer(registry, contract)(topic(), [])


def test_the_subject_that_a_topic_goes_with_is_found(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a topic whose schema is kept under another name would get a second one."""
    name, subject = topic(), topic()
    registry.register(subject, ORDER)
    body = {
        "resourceName": name,
        "resourceNamespace": "a-cluster",
        "resourceId": f"id-{name}",
        "resourceType": "topic",
        "associations": [{"subject": subject, "associationType": "value"}],
    }
    registry.request("POST", "/associations", body)
    write = AvroSerializer(registry, ORDER, subject="associated")
    data = write(name, {"what": "x"})
    assert registry.versions(subject) == [1]
    assert f"{name}-value" not in registry.subjects()
    read = AvroDeserializer(registry, subject="associated", use_latest=True)
    assert read.deserialize(name, data)["what"] == "x"


def test_a_message_that_the_schema_does_not_have(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a record with odd indexes would end a consumer."""
    name = topic()
    data = ProtobufSerializer(registry, schema='syntax = "proto3"; message A {}')(name, {})
    assert data is not None
    for indexes in (b"\x02\x04", b"\x04\0\0", b"\x02\xfe\xff\xff\xff\x0f"):
        with pytest.raises(BadData, match="no message at") as caught:
            ProtobufDeserializer(registry).deserialize(name, data[:5] + indexes)
        assert caught.value.topic == name
        read = ProtobufDeserializer(registry, subject="record")
        with pytest.raises(BadData, match="no message at"):
            read.deserialize(name, data[:5] + indexes)


@pytest.mark.parametrize(
    ("module", "maker"),
    [
        ("fastavro", AvroSerializer),
        ("google.protobuf", ProtobufSerializer),
        ("jsonschema_rs", JsonSerializer),
    ],
)
def test_a_package_that_is_missing_is_named(
    registry: SchemaRegistry, monkeypatch: pytest.MonkeyPatch, module: str, maker: Any
) -> None:
    """If this failed, nobody would know what to install."""
    engine.cache_clear()
    for name in list(sys.modules):
        if name == module or name.startswith(f"{module}."):
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"pip install 'ottla\[registry\]'"):
        maker(registry)


def test_contexts_keep_their_ids_apart(
    registry: SchemaRegistry, registry_url: str, topic: Callable[[], str]
) -> None:
    """If this failed, a record of one context would be read by the schema of another."""
    name, context = topic(), f".{topic()}"
    other = ORDER.replace("count", "number")
    AvroSerializer(registry, ORDER)(name, {"what": "x"})
    with SchemaRegistry(f"{registry_url}/contexts/{context}") as inside:
        data = AvroSerializer(inside, other)(name, {"what": "x"})
        assert data is not None
        assert data[:5] == b"\0\0\0\0\1"
        value = {"what": "x", "number": 1}
        assert AvroDeserializer(inside).deserialize(name, data) == value
    outside = AvroDeserializer(registry, subject=lambda topic, *_: f":{context}:{topic}-value")
    assert outside.deserialize(name, data) == value
