"""What happens between a schema, its registry and a record, as our serializers and our registry do
it.

Recorded while one order is written by a schema that is new and two are read, on a real broker with
a real registry: requests to the registry, what it writes to `_schemas` and takes from there, and
the bytes of the records. `generate.py` draws what comes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple
from unittest import mock

import ottla
from ottla.client import Consumer, Producer
from ottla.registry.state import State
from ottla.registry.topic import Topic
from ottla.serdes.avro import AvroDeserializer, AvroSerializer
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.registry_http import RegistryHttp

ORDERS: Final = "orders"
SCHEMA: Final = (
    '{"type": "record", "name": "Order", "fields": [{"name": "what", "type": "string"}]}'
)
PRODUCER, ORDERS_LOG, CONSUMER = "a producer", "the topic orders", "a consumer"
REGISTRY, SCHEMAS_LOG = "the registry", "_schemas"
ACTORS: Final = (SCHEMAS_LOG, REGISTRY, PRODUCER, ORDERS_LOG, CONSUMER)
PREFIX_BYTES: Final = 5


class Said(NamedTuple):
    """One thing that somebody tells somebody, or does (`by` is `to`)."""

    by: str
    to: str
    what: str


def way() -> list[Said]:
    """From `register` to a value that was read."""
    said: list[Said] = []
    with _listened(said) as asks, ottla.Broker(registry=True) as broker:
        with SchemaRegistry(broker.schema_registry_url) as registry:
            asks[0] = PRODUCER
            serialize = AvroSerializer(registry, SCHEMA)
            with Producer(broker.bootstrap_servers) as producer:
                for what in ("bicycle", "bell"):
                    value = serialize(ORDERS, {"what": what}) or b""
                    said.append(Said(PRODUCER, ORDERS_LOG, _shown(value)))
                    producer.send(ORDERS, value).result(20)
        with SchemaRegistry(broker.schema_registry_url) as registry:
            asks[0] = CONSUMER
            deserialize = AvroDeserializer(registry)
            with Consumer(broker.bootstrap_servers) as consumer:
                consumer.assign([(ORDERS, 0, 0)])
                for record in consumer.poll(20):
                    said.append(Said(ORDERS_LOG, CONSUMER, _shown(record.value or b"")))
                    value = deserialize(record)
                    said.append(Said(CONSUMER, CONSUMER, f'"{value["what"]}"'))
    return said


@contextmanager
def _listened(said: list[Said]) -> Iterator[list[str]]:
    """Write down what is asked, by whom the first of the list says, and what comes of it."""
    asks = [PRODUCER]
    request, write, apply = RegistryHttp.request, Topic.write, State.apply

    def asked(http: RegistryHttp, method: str, path: str, *more: Any, **how: Any) -> Any:
        by = asks[0]
        place = path.partition("?")[0].replace("/subjects/", "…/")
        said.append(Said(by, REGISTRY, f"{method} {place}"))
        answer = request(http, method, path, *more, **how)
        told = f"id {answer['id']}" if "id" in answer else "the schema's text"
        said.append(Said(REGISTRY, by, told))
        return answer

    def written(topic: Topic, entries: Any, within_s: float) -> int:
        for key, value in entries:
            said.append(Said(REGISTRY, SCHEMAS_LOG, f"{key['subject']} {key['version']}"))
            said.append(Said(SCHEMAS_LOG, SCHEMAS_LOG, f"id {value['id']}, text"))
        return write(topic, entries, within_s)

    def applied(state: State, *record: Any) -> bool:
        said.append(Said(SCHEMAS_LOG, REGISTRY, "read back"))
        return apply(state, *record)

    with ExitStack() as patches:
        for owner, name, call in (
            (RegistryHttp, "request", asked),
            (Topic, "write", written),
            (State, "apply", applied),
        ):
            patches.enter_context(mock.patch.object(owner, name, call))
        yield asks


def _shown(value: bytes) -> str:
    schema_id = value[1:PREFIX_BYTES].hex()
    return f"{value[:1].hex()} {schema_id}, {len(value) - PREFIX_BYTES} bytes"
