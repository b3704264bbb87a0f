"""A registry that runs, on a broker of its own, for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

import ottla
from ottla.registry.service import Options, Registry
from registry.caller import Caller


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """The broker that the registry of a module is on."""
    with ottla.Broker() as broker:
        yield broker


@pytest.fixture(scope="module")
def registry(broker: ottla.Broker) -> Iterator[Registry]:
    """A registry behind a port that the system chose. What a test registers stays for the next."""
    with Registry(broker.bootstrap_servers, Options(port=0)) as registry:
        yield registry


@pytest.fixture(scope="module")
def ask(registry: Registry) -> Caller:
    """Asks that registry, as any client would."""
    return Caller(registry.url)


@pytest.fixture
def confluent(registry: Registry) -> Iterator[SchemaRegistryClient]:
    """Confluent's own client of that registry, with nothing in its caches."""
    with SchemaRegistryClient({"url": registry.url}) as client:
        yield client
