"""Topics that a consumer hears of by another call of its client."""

from __future__ import annotations

from collections.abc import Callable

from ottla.client.client import Client
from ottla.client.consuming.consumer import Consumer
from ottla.client.producing.producer import Producer
from servers import OttlaServer


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
