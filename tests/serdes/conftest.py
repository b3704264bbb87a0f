"""A registry on an embedded broker, one for all tests of the serializers, and clients of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

import ottla
from ottla.registry.service import Options, Registry
from ottla.serdes.registry_client import SchemaRegistry

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def bootstrap() -> Iterator[str]:
    """Where a broker of ours is."""
    with ottla.Broker() as broker:
        yield broker.bootstrap_servers


@pytest.fixture(scope="package")
def registry_url(bootstrap: str) -> Iterator[str]:
    """Where a registry of ours is."""
    with Registry(bootstrap, Options(port=0)) as registry:
        yield registry.url


@pytest.fixture
def registry(registry_url: str) -> Iterator[SchemaRegistry]:
    """A client of ours that knows nothing yet."""
    with SchemaRegistry(registry_url) as client:
        yield client


@pytest.fixture
def theirs(registry_url: str) -> Iterator[SchemaRegistryClient]:
    """confluent-kafka's client, which knows nothing yet."""
    with SchemaRegistryClient({"url": registry_url}) as client:
        yield client


@pytest.fixture
def topic() -> Callable[[], str]:
    """A name that no test has had."""
    return lambda: f"topic-{next(_numbers)}"
