"""What serializers say when a value, a record or the registry is not as it should be."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ottla.client import Consumer, Producer
from ottla.schemas.language import AVRO, JSON, PROTOBUF
from ottla.serdes import (
    AvroDeserializer,
    AvroSerializer,
    BadData,
    BadRegistrySetting,
    Contract,
    JsonDeserializer,
    JsonSerializer,
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
    strict = AvroSerializer(registry, ORDER, strict=True)
    with pytest.raises(BadData, match="more"):
        strict(name, {"what": "x", "count": 1, "more": 2})
    with pytest.raises(BadData) as caught:
        strict(name, {"what": "x", "count": 1 << 40})
    assert caught.value.field == "shop.Order.count"
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
