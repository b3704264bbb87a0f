"""Who is idle: a connection on which nothing moves, and no other (`connections.max.idle.ms`)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

import ottla
from attack.line import HOST
from attack.partition_client import PartitionClient, downloading, take
from ottla.client.connecting.connection import Connection
from ottla.wire import frame
from ottla.wire.messages.metadata import MetadataRequest
from servers import eventually

IDLE_MS = 1_500
RECORDS = 16
STEPS = 20
STEP_S = 0.25
"""Together several times the idle time."""


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A node that closes idle connections soon."""
    with ottla.Broker(config={"connections.max.idle.ms": str(IDLE_MS)}) as broker:
        yield broker


@pytest.fixture
def client(broker: ottla.Broker) -> Iterator[PartitionClient]:
    """Makes topics."""
    connection = Connection(HOST, broker.port, client_id="idle", timeout_ms=30_000)
    yield PartitionClient(connection)
    connection.close()


def connections(broker: ottla.Broker) -> float:
    """How many there are."""
    assert broker._node is not None
    return broker._node._core.metrics()["connection.count"]


def test_a_slow_download_is_not_idle(broker: ottla.Broker, client: PartitionClient) -> None:
    """If this failed, a consumer behind a thin line would be closed in the middle of each large
    reply and never get past it.
    """
    assert client.create("t") == [0]
    for _ in range(RECORDS):
        assert client.produce("t", b"v" * 900_000) == 0
    pause = threading.Event()
    with downloading(broker.port, "t") as (reader, size):
        assert size > RECORDS * 900_000
        taken = 0
        for _ in range(STEPS):
            taken += take(reader, size // (STEPS + 1))
            pause.wait(STEP_S)
        taken += take(reader, size - taken)
        assert taken == size


def test_who_takes_nothing_is_idle(broker: ottla.Broker, client: PartitionClient) -> None:
    """If this failed, replies that nobody takes would be kept for ever: those sent from files, and
    large ones that were decided.
    """
    assert client.create("t", *(f"{'x' * 200}-{number}" for number in range(300))) == [0] * 301
    for _ in range(RECORDS):
        assert client.produce("t", b"v" * 900_000) == 0
    eventually(lambda: connections(broker) == 0, "the client is idle")
    request = MetadataRequest(topics=None)
    asked = frame.encode_request(request, 1, correlation_id=1, client_id="deaf")
    with downloading(broker.port, "t"), socket.create_connection((HOST, broker.port)) as deaf:
        for _ in range(1000):
            deaf.sendall(struct.pack(">i", len(asked)) + asked)
        assert connections(broker) > 0
        eventually(lambda: connections(broker) == 0, "both are closed")
