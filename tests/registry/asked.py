"""A registry as a client sees it, and what lies in its topic."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import httpx

from ottla.client import Client, Consumer, Producer, connect
from ottla.client.admin import topics
from ottla.registry.service import Options, Registry

Row = tuple[bytes, bytes | None]
QUICK = Options(port=0)


class Asked:
    """Where a registry is, and what it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON of an answer that is good."""
        got = self.got(method, path, body, **query)
        assert got.status_code < 300, got.text
        return got.json() if got.content else None

    def got(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """The answer, whatever it is."""
        return self._client.request(method, path, json=body, params=query)

    def code(self, method: str, path: str, body: Any = None, **query: Any) -> int:
        """The code of the error that is answered."""
        got = self.got(method, path, body, **query)
        assert got.status_code >= 400, got.text
        found: int = got.json()["error_code"]
        assert str(found).startswith(str(got.status_code))
        return found

    def register(self, subject: str, text: str, **fields: Any) -> int:
        """The id of a schema."""
        body = {"schema": text, **fields}
        found: int = self.ask("POST", f"/subjects/{subject}/versions", body)["id"]
        return found

    def close(self) -> None:
        """Hang up."""
        self._client.close()


class Served(NamedTuple):
    """A registry of this process, and who asks it."""

    registry: Registry
    asked: Asked

    def stop(self) -> None:
        """End both."""
        self.asked.close()
        self.registry.stop()


def serve(bootstrap: str, options: Options = QUICK, **settings: Any) -> Served:
    """Start a registry."""
    kafka = {"bootstrap.servers": bootstrap}
    registry = Registry({**kafka, **{k.replace("_", "."): v for k, v in settings.items()}}, options)
    registry.start()
    return Served(registry, Asked(registry.url))


def fixed(name: str, size: int = 4) -> str:
    """A small schema that is like no other."""
    return json.dumps({"type": "fixed", "name": name, "size": size})


def make_topic(client: Client, name: str, partitions: int = 1, **configs: str) -> None:
    """Make a topic with some configs, told with _ for dots."""
    told = {key.replace("_", "."): value for key, value in configs.items()}
    (refused,) = topics.create(
        client, [topics.NewTopic(name, partitions, 1, configs=told)]
    ).values()
    assert refused is None, refused


def write(bootstrap: str, name: str, rows: Iterable[tuple[Any, Any]]) -> None:
    """Write records by hand: objects become JSON in the order in which they are told."""
    client = connect({"bootstrap.servers": bootstrap})
    try:
        make_topic(client, name, cleanup_policy="compact")
        with Producer(client=client, acks="all") as producer:
            for key, value in rows:
                producer.send(name, in_bytes(value), in_bytes(key), partition=0)
            producer.flush()
    finally:
        client.close()


def in_bytes(told: Any) -> bytes | None:
    """Bytes as they are, and objects as JSON."""
    if told is None or isinstance(told, bytes):
        return told
    return json.dumps(told, separators=(",", ":")).encode()


def records(bootstrap: str, name: str = "_schemas") -> list[Row]:
    """What lies in a topic."""
    found: list[Row] = []
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([(name, 0)])
        end = consumer.end_offsets([(name, 0)])[name, 0]
        while consumer.position((name, 0)) < end:
            found += [(record.key, record.value) for record in consumer.poll(1)]
    return found
