"""What a node calls itself where no listener says it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ottla.config.broker import BrokerConfig
from ottla.node.cluster import Identity
from ottla.node.format import standalone_voters
from ottla.node.host_name import host_name
from ottla.node.registration import controller_endpoints, register_controller


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """How often the resolver was asked."""
    found: list[str] = []

    def getfqdn() -> str:
        found.append("asked")
        return f"machine-{len(found)}.example"

    monkeypatch.setattr(socket, "getfqdn", getfqdn)
    host_name.cache_clear()
    yield found
    host_name.cache_clear()


def test_a_resolver_is_asked_once(asked: list[str]) -> None:
    """A resolver that hangs would hold up each registration on the thread that decides, and what is
    formatted could bear another name than what is registered.
    """
    config = BrokerConfig(
        {
            "node.id": "1",
            "process.roles": "broker,controller",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.bootstrap.servers": "localhost:9093",
            "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        }
    )
    identity = Identity(1, "cluster", (bytes(16),), {"PLAINTEXT": 9092, "CONTROLLER": 9093})
    told = {
        *(host for _, host, _ in standalone_voters(config, bytes(16))[1].endpoints),
        *(host for _, host, _ in controller_endpoints(identity, config)),
        *(row.host for row in register_controller(identity, config, bytes(16)).listeners),
    }
    assert told == {"machine-1.example"}
    assert asked == ["asked"]
