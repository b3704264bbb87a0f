"""Fetch sessions remember what each reader asked for: a thousand slots of any size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import ottla
from attack.line import Line
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic

MEMORY = 4 << 20
SHARE = 4
VERSION = 12
PARTITIONS = 1_000
NOT_FOUND = 70


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A node with little memory for requests, of which sessions may take a quarter."""
    config = {"queued.max.request.bytes": MEMORY, "socket.request.max.bytes": MEMORY}
    with ottla.Broker(config=config) as broker:
        yield broker


def ask(line: Line, topic: str, count: int, *, session: int = 0, epoch: int = 0) -> Any:
    """Fetch from so many partitions, at once."""
    parts = [
        FetchPartition(partition=index, fetch_offset=0, partition_max_bytes=1)
        for index in range(count)
    ]
    request = FetchRequest(
        max_wait_ms=0,
        min_bytes=0,
        max_bytes=1 << 20,
        session_id=session,
        session_epoch=epoch,
        topics=[FetchTopic(topic=topic, partitions=parts)],
    )
    return line.ask(request, VERSION)


def core_metric(broker: ottla.Broker, name: str) -> float:
    """One of the core's numbers."""
    assert broker._node is not None
    return broker._node._core.metrics()[name]


@pytest.mark.parametrize("topic", ["u", "n" * 20_000])
def test_what_sessions_remember_is_bounded(broker: ottla.Broker, topic: str) -> None:
    """If this failed, a client could fill the memory with partitions and names that need not exist.
    Beyond the bound readers go on without a session, as where Apache Kafka has no slot left.
    """
    line = Line(broker.port)
    numbers = []
    for _ in range(20):
        answer = ask(line, topic, PARTITIONS)
        assert len(answer.responses[0].partitions) == PARTITIONS
        numbers.append(answer.session_id)
    assert numbers[-1] == 0
    assert (numbers[0] > 0) is (topic == "u")
    assert core_metric(broker, "session.bytes") <= MEMORY / SHARE
    assert ask(line, "small", 1).session_id > 0, "a small one still finds room"
    line.close()


def test_a_session_cannot_outgrow_the_bound(broker: ottla.Broker) -> None:
    """If this failed, one session that is added to would do what many may not."""
    line = Line(broker.port)
    session = ask(line, "u", PARTITIONS).session_id
    codes = [
        ask(line, f"u{epoch}", PARTITIONS, session=session, epoch=epoch).error_code
        for epoch in range(1, 10)
    ]
    assert codes[0] == 0
    assert codes[-1] == NOT_FOUND, "the reader begins anew"
    assert core_metric(broker, "session.bytes") <= MEMORY / SHARE
    assert ask(line, "u", PARTITIONS).session_id > 0
    line.close()
