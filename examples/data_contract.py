"""A data contract: orders by an Avro schema, a change that is refused, and one that may come.

    python examples/data_contract.py

Orders are written by version 1 of their schema. A version whose new field has no default is
refused by the registry, for nobody could read the orders of before by it. With a default it may
come: readers move first, then writers, and those that never moved go on. What is no order at all
is put aside. Prints what each of them reads. Needs `pip install 'ottla[registry]'`. With
OTTLA_AT=host:port it runs on that cluster, with its schemas in a topic of the example's own, and
else on a Broker of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ottla
from ottla.client import Consumer, Producer, connect
from ottla.client.admin import topics
from ottla.registry.service import Options, Registry
from ottla.serdes.avro import AvroDeserializer, AvroSerializer
from ottla.serdes.errors import BadData, RegistryError
from ottla.serdes.registry_client import SchemaRegistry

TOPIC = "orders-by-contract"
INCOMPATIBLE = 40901
FIRST = """{
  "type": "record", "name": "Order", "namespace": "shop",
  "fields": [
    {"name": "what", "type": "string"},
    {"name": "count", "type": "int"}
  ]
}"""
WRONG = FIRST.replace('"int"}', '"int"},\n    {"name": "customer", "type": "string"}')
SECOND = WRONG.replace('"string"}\n  ]', '"string", "default": "unknown"}\n  ]')


@dataclass
class Order:
    """An order as programs of today have it."""

    what: str
    count: int
    customer: str


def write(servers: str, registry: SchemaRegistry, schema: str, orders: list[Any]) -> None:
    """Write orders by a schema, which is registered if it is new."""
    serialize = AvroSerializer(registry, schema)
    with Producer(servers) as producer:
        for order in orders:
            producer.send(TOPIC, serialize(TOPIC, order), key="alice")


def read(servers: str, deserialize: AvroDeserializer) -> Iterator[Any]:
    """What is in the topic, from its beginning to its end."""
    with Consumer(servers) as consumer:
        places = [(TOPIC, number) for number in consumer.partitions_for(TOPIC)]
        consumer.assign([(*place, 0) for place in places])
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for record in consumer.poll(1):
                try:
                    yield deserialize(record)
                except BadData as error:  # one record must not hold up all others
                    print(f"put aside: {error.began_with!r} at offset {record.offset}")


def main(servers: str, registry: SchemaRegistry) -> None:
    """The story of two versions."""
    with connect(servers) as client:
        if there := topics.create(client, [topics.NewTopic(TOPIC, 1)])[TOPIC]:
            raise there
    write(servers, registry, FIRST, [{"what": "bicycle", "count": 2}, {"what": "bell", "count": 1}])
    print("by version 1:", list(read(servers, AvroDeserializer(registry))))
    try:
        registry.register(f"{TOPIC}-value", WRONG)
    except RegistryError as error:
        if error.code != INCOMPATIBLE:
            raise
        print("refused:", error.text.partition("): ")[2].partition(": ")[0])
    assert registry.check(f"{TOPIC}-value", SECOND).is_compatible
    registry.register(f"{TOPIC}-value", SECOND)
    today = AvroDeserializer(registry, SECOND, from_dict=lambda row: Order(**row))
    print("readers first:", [order.customer for order in read(servers, today)])
    write(servers, registry, SECOND, [Order("tandem", 1, "bob")])
    with Producer(servers) as producer:
        producer.send(TOPIC, "a tandem, please", key="alice")
    print("then writers:", [order.customer for order in read(servers, today)])
    before = AvroDeserializer(registry, FIRST)
    print("by version 1 still:", sum(order["count"] for order in read(servers, before)))


def on_cluster(servers: str) -> None:
    """The same where there is a Kafka; its schemas are in a topic of the example's own."""
    options = Options(port=0, topic="example-schemas", group="example-schemas")
    with Registry(servers, options) as service, SchemaRegistry(service.url) as registry:
        main(servers, registry)


if __name__ == "__main__":
    at = os.environ.get("OTTLA_AT")
    if at:
        on_cluster(at)
    else:
        with (
            ottla.Broker(registry=True) as broker,
            SchemaRegistry(broker.schema_registry_url) as registry,
        ):
            main(broker.bootstrap_servers, registry)
