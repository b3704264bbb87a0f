"""What is said of a node's refusals, beside what happened: what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ottla
from ottla.client import BrokerError, Client, Consumer, Producer
from ottla.client.admin import topics
from ottla.client.errors import check
from ottla.client.hints import HINTS
from ottla.wire.errors import ErrorCode


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A node that makes no topics by itself."""
    with ottla.Broker(config={"auto.create.topics.enable": False}) as broker:
        broker.create_topic("there")
        yield broker


def test_a_hint_by_code_where_nobody_knows_better() -> None:
    """If this failed, people would read what a node says, and not what to do."""
    with pytest.raises(BrokerError) as caught:
        check(ErrorCode.TOPIC_ALREADY_EXISTS, "Topic 't' already exists.")
    assert caught.value.hint == HINTS[ErrorCode.TOPIC_ALREADY_EXISTS]
    assert BrokerError(ErrorCode.TOPIC_ALREADY_EXISTS, hint="mine").hint == "mine"
    assert BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR).hint is None


def test_a_topics_name_that_can_not_be(broker: ottla.Broker) -> None:
    """If this failed, people would not learn which letters a name may have."""
    with Client(broker.bootstrap_servers) as client:
        error = topics.create(client, [topics.NewTopic("a b", 1, 1)])["a b"]
    assert error is not None
    assert "a-z, A-Z, 0-9" in (error.hint or "")
    with (
        Producer(broker.bootstrap_servers, max_block_ms=5000) as producer,
        pytest.raises(BrokerError, match="'a b'") as caught,
    ):
        producer.send("a b", "x")
    assert "a-z, A-Z, 0-9" in (caught.value.hint or "")


@pytest.mark.parametrize("place", [("nowhere", 0), ("there", 7)])
def test_what_is_not_there_is_named(broker: ottla.Broker, place: tuple[str, int]) -> None:
    """If this failed, who asks for several partitions would not know which of them is missing."""
    with (
        Consumer(broker.bootstrap_servers) as consumer,
        pytest.raises(BrokerError, match=place[0]) as caught,
    ):
        consumer.end_offsets([("there", 0), place])
    assert caught.value.code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert "kafka-topics.sh --list" in (caught.value.hint or "")


def test_a_batch_that_is_too_large_for_its_topic(broker: ottla.Broker) -> None:
    """If this failed, people would not learn that a topic has a limit of its own."""
    with Client(broker.bootstrap_servers) as client:
        small = topics.NewTopic("small", 1, 1, configs={"max.message.bytes": "1000"})
        assert topics.create(client, [small]) == {"small": None}
    with Producer(broker.bootstrap_servers) as producer:
        delivery = producer.send("small", b"x" * 2000)
        with pytest.raises(BrokerError) as caught:
            delivery.result(20)
    assert caught.value.code == ErrorCode.MESSAGE_TOO_LARGE
    assert "max.message.bytes" in (caught.value.hint or "")
