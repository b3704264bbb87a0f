"""A schema registry beside an embedded broker."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

import ottla
from ottla.testing.errors import BadArgument, NotRunning


def asked(url: str, body: object = None) -> object:
    """What a registry answers."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.load(answer)


def test_a_broker_brings_its_registry() -> None:
    """If this failed, a test that needs schemas would need a registry from elsewhere."""
    with ottla.Broker(registry=True) as broker:
        url = broker.schema_registry_url
        told = asked(f"{url}/subjects/orders-value/versions", {"schema": '"string"'})
        assert told["id"] == 1
        assert asked(f"{url}/subjects") == ["orders-value"]
    with pytest.raises(urllib.error.URLError):
        asked(f"{url}/subjects")


def test_it_outlives_a_kill_of_the_broker() -> None:
    """If this failed, a test of crashes would lose its schemas with its node."""
    with ottla.Broker(registry=True) as broker:
        url = broker.schema_registry_url
        asked(f"{url}/subjects/a/versions", {"schema": '"string"'})
        broker.kill()
        assert asked(f"{url}/subjects") == ["a"]
        broker.start()
        assert broker.schema_registry_url == url
        assert asked(f"{url}/subjects/b/versions", {"schema": '"long"'})["id"] == 2


def test_without_one_it_says_how_to_get_one() -> None:
    """If this failed, whoever forgot the argument would look for the fault elsewhere."""
    with ottla.Broker() as broker, pytest.raises(NotRunning) as missed:
        broker.schema_registry_url  # noqa: B018
    assert "registry=True" in str(missed.value.hint)
    with pytest.raises(NotRunning):
        ottla.Broker(registry=True).schema_registry_url  # noqa: B018


def test_the_fixture_is_on_the_sessions_broker(
    kafka: ottla.Broker, schema_registry_url: str, topic: str
) -> None:
    """If this failed, the fixture's schemas would be in another Kafka than the test's records."""
    asked(f"{schema_registry_url}/subjects/{topic}-value/versions", {"schema": '"int"'})
    from ottla.client import Consumer

    with Consumer(kafka.bootstrap_servers, auto_offset_reset="earliest") as consumer:
        consumer.assign([("_schemas", 0)])
        keys = [record.key for record in consumer.poll(10)]
    assert any(topic.encode() in (key or b"") for key in keys)


def test_a_port_of_ones_own() -> None:
    """If this failed, who asks for a port would be served on another without a word."""
    with ottla.Broker(registry=True) as other:
        taken = int(other.schema_registry_url.rpartition(":")[2])
    with ottla.Broker(registry=taken) as broker:
        assert broker.schema_registry_url.endswith(f":{taken}")
    with pytest.raises(BadArgument):
        ottla.Broker(registry="http://localhost:8081")  # type: ignore[arg-type]
