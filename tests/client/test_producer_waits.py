"""What a producer's waits tell, and when they end."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import ottla
from ottla.client.client import Client
from ottla.client.errors import BrokerError, TimedOut
from ottla.client.producing.producer import BadRecord, Producer, RecordTooLarge
from ottla.errors import OttlaError
from ottla.wire.outbox import Delivery
from servers import OttlaServer, eventually


def test_flush_returns_when_all_were_told(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a program that counts in its callbacks would count too few after a flush."""
    told: list[int] = []
    let_go = threading.Event()

    def tell(delivery: Delivery) -> None:
        let_go.wait(20)
        told.append(delivery.offset)

    topic = name()
    with Producer(ottla_server.bootstrap) as producer:
        for _ in range(10):
            producer.send(topic, b"x", on_delivery=tell)
        with pytest.raises(TimedOut):
            producer.flush(0)
        let_go.set()
        producer.flush()
        assert len(told) == 10


def test_partitions_for(ottla_server: OttlaServer, name: Callable[[], str]) -> None:
    """If this failed, a tool could not say that a topic is not there before it sends anything."""
    with Producer(ottla_server.bootstrap) as producer:
        assert producer.partitions_for(name()) == [0]
        with pytest.raises(BrokerError, match="not allowed"):
            producer.partitions_for("bad/name")
    with (
        ottla.Broker(config={"auto.create.topics.enable": "false"}) as node,
        Producer(node.bootstrap_servers) as producer,
        pytest.raises(BrokerError, match="topic 'nope'"),
    ):
        producer.partitions_for("nope", 0.2)


def test_a_topic_that_the_client_knows_already(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a producer would wait for partitions that its client was told by another
    call, and that nobody asks for again.
    """
    first, second = name(), name()
    with Client(ottla_server.bootstrap) as client, Producer(client=client) as producer:
        producer.send(second, b"x").result(20)
    with Client(ottla_server.bootstrap) as client, Producer(client=client) as producer:
        producer.partitions_for(first)
        client.metadata(topics=[second])
        producer.send(first, b"x").result(20)
        assert producer.partitions_for(second, 20) == [0]


def test_what_is_wrong_is_raised_where_it_is_waited_for(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a record for a partition that is not there would end the client's thread, and
    with it everything.
    """
    with Producer(ottla_server.bootstrap) as producer:
        with pytest.raises(BadRecord, match="has 1 partitions"):
            producer.send(name(), b"x", partition=99)
        with pytest.raises(RecordTooLarge, match=r"max\.request\.size"):
            producer.send(name(), b"x" * 2_000_000)
        assert producer.send(name(), b"x").result(20).offset == 0


def test_that_nobody_answers_is_told_once() -> None:
    """If this failed, a producer whose cluster is away would wait in silence, or chatter."""
    said: list[OttlaError] = []
    back: list[bool] = []
    with ottla.Broker() as node:
        client = Client(
            node.bootstrap_servers, on_wait=said.append, on_answer=lambda: back.append(True)
        )
        with client, Producer(client=client) as producer:
            producer.partitions_for("t")
            assert not said
            node.kill()
            producer.send("t", b"x")
            eventually(lambda: said, "it is told that nobody answers")
            node.start()
            producer.flush(20)
            assert (len(said), back) == (1, [True])
