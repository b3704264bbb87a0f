"""What the guide to moving a registry says of a saved topic and of what was deleted."""

from __future__ import annotations

import subprocess
import sys

import ottla
from ottla.registry.service import Options, Registry
from ottla.serdes.registry_client import SchemaRegistry


def run(bootstrap: str, *words: str, given: str | None = None) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "ottla", *words, "--at", bootstrap]
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_a_copy_of_the_topic_can_be_put_back() -> None:
    """If this failed, the copy that the guide has one keep would be of no use, or a version that
    is registered again after its deletion would have another id.
    """
    with ottla.Broker(registry=True) as broker:
        url = broker.schema_registry_url
        with SchemaRegistry(url) as registry:
            registry.register("a-value", '"string"')
            first = registry.register("b-value", '"int"')
            registry.request("DELETE", "/subjects/b-value/versions/1")
        with SchemaRegistry(url) as registry:
            again = registry.register("b-value", '"int"')
        assert (again.id, again.version) == (first.id, 2)
        copy = run(broker.bootstrap_servers, "consume", "_schemas", "--json", "--exit")
    with ottla.Broker() as broker:
        where = broker.bootstrap_servers
        run(where, "topics", "create", "_schemas", "--config", "cleanup.policy=compact")
        run(where, "produce", "_schemas", "--json", given=copy)
        with Registry(where, Options(port=0)) as service, SchemaRegistry(service.url) as registry:
            assert registry.subjects() == ["a-value", "b-value"]
            assert registry.latest("b-value").id == first.id
            assert registry.register("c-value", '"bytes"').id == 3
