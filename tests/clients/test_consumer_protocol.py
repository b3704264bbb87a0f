"""Consumers of the newer group protocol (KIP-848), which Ottla has no groups of yet: each hears so
at once, in words of its own, instead of polling nothing for ever.

Neither kafka-python nor aiokafka speaks that protocol.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaError, Message

from javatools import JavaTools
from ottla.client.client import Client
from ottla.wire.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from servers import OttlaServer, eventually


def test_librdkafka_is_told(ottla_server: OttlaServer, name: Callable[[], str]) -> None:
    """If this failed, librdkafka would look for another coordinator for ever, and its user see
    neither a record nor an error.
    """
    with Client(ottla_server.bootstrap) as client:
        client.metadata(topics=[topic := name()], create=True)
    consumer = Consumer(
        {
            "bootstrap.servers": ottla_server.bootstrap,
            "group.id": name(),
            "group.protocol": "consumer",
            "log_level": 0,
        }
    )
    try:
        consumer.subscribe([topic])
        told: Message = eventually(lambda: consumer.poll(0.1), "an error")
        error = told.error()
        assert error is not None
        assert error.code() == KafkaError._FATAL
        assert "ConsumerGroupHeartbeat" in error.str()
    finally:
        consumer.close()


def test_others_are_told_what_to_do(ottla_server: OttlaServer, name: Callable[[], str]) -> None:
    """If this failed, a client that shows the broker's text would not say what to change."""
    request = ConsumerGroupHeartbeatRequest(group_id=name(), member_id="m")
    with Client(ottla_server.bootstrap) as client:
        for version in (0, 1):
            told = client.request(request, version=version)
            assert told.error_code == 35
            assert "group.protocol=classic" in told.error_message


@pytest.mark.jvm
def test_javas_consumer_is_told(
    ottla_server: OttlaServer, java_tools: JavaTools, name: Callable[[], str]
) -> None:
    """If this failed, Apache's consumer would wait out its time-out, and not say what to change."""
    with Client(ottla_server.bootstrap) as client:
        client.metadata(topics=[topic := name()], create=True)
    where = ("--bootstrap-server", ottla_server.bootstrap, "--topic", topic)
    asks = ("--group", name(), "--consumer-property", "group.protocol=consumer")
    ran = java_tools.run("kafka-console-consumer", *where, *asks, "--timeout-ms", "60000")
    assert "Set group.protocol=classic on the consumer configs" in ran.out + ran.err
