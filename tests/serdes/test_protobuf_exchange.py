"""Protobuf between our serializers and confluent-kafka's, by the same registry."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer as TheirDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer as TheirSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pool, message_factory

from ottla._core import SchemaFault, read_protobuf
from ottla.schemas.language import PROTOBUF
from ottla.serdes.contract import Contract
from ottla.serdes.protobuf import ProtobufDeserializer, ProtobufSerializer
from ottla.serdes.registry_client import SchemaRegistry

_numbers = itertools.count(1)

PLACE = """syntax = "proto3"; package geo%(n)s;
message Place { double x = 1; repeated string names = 2; }
"""
ORDER = """syntax = "proto3"; package shop%(n)s;
import "geo%(n)s/place.proto";
import "google/protobuf/timestamp.proto";
message Other { int32 a = 1; }
message Order {
  string what = 1; int32 count = 2; geo%(n)s.Place to = 3;
  google.protobuf.Timestamp at = 4; map<string, int64> prices = 5;
  oneof how { string card = 6; bool cash = 7; }
  message Line { string name = 1; message Part { int32 size = 1; } }
  repeated Line lines = 8; optional string note = 9;
}
"""


def classes(*names: str) -> list[Any]:
    """Classes of messages such as protoc makes, of files that no test before has had."""
    n = {"n": next(_numbers)}
    imports = [(f"geo{n['n']}/place.proto", PLACE % n)]
    files = read_protobuf(f"shop{n['n']}/order.proto", ORDER % n, imports)
    assert not isinstance(files, SchemaFault), files.text
    pool = descriptor_pool.DescriptorPool()
    for _, data in files.linked:
        pool.AddSerializedFile(data)
    return [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shop{n['n']}.{name}"))
        for name in names
    ]


def order(kind: Any) -> Any:
    """A message with something in every field."""
    made = kind(what="bicycle", count=2, card="1234", note="")
    made.to.x = 1.5
    made.to.names.append("home")
    made.at.seconds = 7
    made.prices["eur"] = 12
    made.lines.add(name="wheel")
    return made


@pytest.mark.parametrize("is_key", [False, True])
@pytest.mark.parametrize("in_header", [False, True])
@pytest.mark.parametrize("name", ["Other", "Order", "Order.Line", "Order.Line.Part"])
def test_both_write_the_same_bytes_and_read_each_other(
    registry: SchemaRegistry,
    theirs: SchemaRegistryClient,
    topic: Callable[[], str],
    is_key: bool,
    in_header: bool,
    name: str,
) -> None:
    """If this failed, a program with one of both serializers could not read what the other wrote,
    or another message of the file would be taken for the one that was written.
    """
    (kind,) = classes(name)
    value = {"Other": lambda: kind(a=5), "Order": lambda: order(kind)}.get(
        name, lambda: kind(**{kind.DESCRIPTOR.fields[0].name: "x" if name[-1] == "e" else 3})
    )()
    where = topic()
    ours = ProtobufSerializer(registry, schema_in="header" if in_header else "prefix")
    options: dict[str, Any] = {"use.deprecated.format": False}
    if in_header:
        options["schema.id.serializer"] = header_schema_id_serializer
    other = TheirSerializer(kind, theirs, conf=options)
    our_headers: list[Any] = []
    their_headers: list[Any] = []
    context = SerializationContext(
        where, MessageField.KEY if is_key else MessageField.VALUE, their_headers
    )
    written = ours.serialize(where, value, our_headers, is_key)
    assert other(value, context) == written
    assert our_headers == their_headers
    read = TheirDeserializer(kind, {"use.deprecated.format": False}, theirs)(written, context)
    assert read == value
    read = ProtobufDeserializer(registry, kind).deserialize(where, written, our_headers, is_key)
    assert read == value
    made = ProtobufDeserializer(registry).deserialize(where, written, our_headers, is_key)
    assert made.DESCRIPTOR.full_name == kind.DESCRIPTOR.full_name
    assert made.SerializeToString() == value.SerializeToString()


def test_imports_are_registered_under_their_paths(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, nobody else could read a schema that has imports."""
    (kind,) = classes("Order")
    where = topic()
    ProtobufSerializer(registry)(where, order(kind))
    path = kind.DESCRIPTOR.file.dependencies[0].name
    assert registry.versions(path) == [1]
    (reference,) = registry.latest(f"{where}-value").contract.references
    assert reference == (path, path, 1)


def test_dicts_are_written_and_read_by_a_schema_alone(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a program would need protoc to write and read Protobuf."""
    where = topic()
    schema = 'syntax = "proto3"; package p; message A { int32 x = 1; } message B { string y = 1; }'
    ours = ProtobufSerializer(registry, "B", schema)
    written = ours(where, {"y": "text"})
    assert written is not None
    assert written[5:8] == b"\x02\x02\n"
    reads = ProtobufDeserializer(registry, as_dict=True)
    assert reads.deserialize(where, written) == {"y": "text"}
    contract = Contract(schema, PROTOBUF)
    assert registry.latest(f"{where}-value").id == registry.register("again", contract).id
