"""Topics that a consumer hears of by another call of its client."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ottla.client.client import Client
from ottla.client.consuming.consumer import Consumer
from ottla.client.errors import BrokerError
from ottla.client.membership.consumer_member import ConsumerMember
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


def test_what_another_member_asks_for_is_its_own_error(
    ottla_server: Server, name: Callable[[], str]
) -> None:
    """If this failed, one member's wrong name would be told to the leader of its group, and what a
    consumer does not subscribe to any more would be told to it until the group is shared out anew.
    """
    good, group = name(), name()
    with Producer(ottla_server.bootstrap) as producer:
        producer.send(good, "x").result(20)
    settings = {"group_id": group, "auto_offset_reset": "earliest", "heartbeat_interval_ms": 100}
    with (
        Consumer(ottla_server.bootstrap, **settings) as leader,
        Consumer(ottla_server.bootstrap, **settings) as other,
    ):
        leader.subscribe([good])
        eventually(lambda: leader.poll(0.1) or leader.assignment, "it has the topic")
        other.subscribe(["no such/name"])
        told: list[BrokerError] = []

        def is_told() -> bool:
            leader.poll(0.05)
            try:
                other.poll(0.05)
            except BrokerError as error:
                told.append(error)
            return bool(told) and len(members(leader)) == 2

        eventually(is_told, "the group has both, and the other is told")
        for _ in range(20):
            leader.poll(0.05)


def members(consumer: Consumer) -> set[str]:
    """All whose subscriptions the leader of a group has shared out."""
    member = consumer._machine.member
    assert isinstance(member, ConsumerMember)
    return set(member._members)
