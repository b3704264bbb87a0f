"""Topics that a consumer hears of by another call of its client."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ottla.client.client import Client
from ottla.client.consuming.consumer import Consumer
from ottla.client.errors import BrokerError
from ottla.client.producing.producer import Producer
from servers import OttlaServer, Server, eventually


def test_a_topic_that_the_client_knows_already(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a member would wait for the partitions of a topic that its client was told of
    by another call, and that nobody asks for again.
    """
    first, second = name(), name()
    with Producer(ottla_server.bootstrap) as producer:
        for topic in (first, second):
            producer.send(topic, topic.encode()).result(20)
    with (
        Client(ottla_server.bootstrap) as client,
        Consumer(client=client, group_id=name(), auto_offset_reset="earliest") as consumer,
    ):
        consumer.subscribe([first])
        assert [record.value for record in consumer.poll(20)] == [first.encode()]
        client.metadata(topics=[second])
        consumer.commit()  # the client's thread has seen what there is
        consumer.subscribe([second])
        assert [record.value for record in consumer.poll(20)] == [second.encode()]


def test_a_topic_that_can_not_be_read_is_told(either: Server, name: Callable[[], str]) -> None:
    """If this failed, a consumer of a name that no topic can have would wait for ever, and so would
    one of a topic that it may not read.
    """
    good = name()
    with Producer(either.bootstrap) as producer:
        producer.send(good, "x").result(20)
    with Consumer(either.bootstrap, group_id=name(), auto_offset_reset="earliest") as consumer:
        consumer.subscribe(["no such/name", good])
        for _ in range(2):
            with pytest.raises(BrokerError, match="no such/name") as caught:
                list(zip(consumer, range(100), strict=False))
            assert caught.value.code.name == "INVALID_TOPIC_EXCEPTION"
        consumer.subscribe([good])
        eventually(lambda: consumer.poll(1) or consumer.position((good, 0)) == 1, "it reads")
