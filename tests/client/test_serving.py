"""What a consumer does for its group when the program or the cluster fails it."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import ottla
from ottla.client import (
    BadSetting,
    BadSubscription,
    BrokerError,
    Client,
    Consumer,
    MustAbort,
    Producer,
    TimedOut,
)
from ottla.client.admin import groups
from ottla.client.consuming.consumer import CLOSE_TIMEOUT_S
from ottla.errors import OttlaError
from servers import eventually

Name = Callable[[], str]


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A node with a topic."""
    with ottla.Broker() as found:
        found.create_topic("t")
        found.produce("t", "x")
        yield found


@contextmanager
def soon() -> Iterator[None]:
    """What is in here does not wait for what will not come: a bound, and no measure."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < CLOSE_TIMEOUT_S / 2


def test_a_callback_that_fails_is_told_and_changes_nothing(broker: ottla.Broker) -> None:
    """If this failed, a mistake in on_assign would cost what the member was given, and close() its
    whole time-out.
    """
    fails = [True]

    def on_assign(_: object) -> None:
        if fails:
            fails.clear()
            raise LookupError("mine")

    consumer = Consumer(broker.bootstrap_servers, group_id="a", auto_offset_reset="earliest")
    consumer.subscribe(["t"], on_assign=on_assign)
    with pytest.raises(LookupError, match="mine"):
        consumer.poll(20)
    assert [record.value for record in consumer.poll(20)] == [b"x"]
    with soon():
        consumer.close()


@pytest.mark.parametrize("settings", [{"group_id": ""}, {"group_protocol": "consumer"}])
def test_who_is_refused_is_closed_at_once(broker: ottla.Broker, settings: dict[str, str]) -> None:
    """If this failed, the reason would be seen half a minute later, behind a `with`."""
    consumer = Consumer(broker.bootstrap_servers, **{"group_id": "b", **settings})
    consumer.subscribe(["t"])
    with pytest.raises(OttlaError):
        consumer.poll(20)
    with soon():
        consumer.close()


def test_a_cluster_that_is_away_is_not_waited_for() -> None:
    """If this failed, Ctrl-C would take half a minute while a cluster is down."""
    with ottla.Broker() as broker:
        broker.create_topic("t")
        broker.produce("t", "x")
        consumer = Consumer(broker.bootstrap_servers, group_id="c", auto_offset_reset="earliest")
        consumer.subscribe(["t"])
        assert consumer.poll(20)
        broker.kill()
        eventually(lambda: not consumer._client.network.is_reached, "the node is missed")
        with soon():
            consumer.close()
        broker.start()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"127.0.0.1:{silent.getsockname()[1]}"
        consumer = Consumer(at, group_id="c")
        consumer.subscribe(["t"])
        assert consumer.poll(0.1) == []
        with soon():
            consumer.close()


def test_one_reads_by_subscription_or_by_hand(broker: ottla.Broker) -> None:
    """If this failed, a program that forgets to subscribe would wait for ever, and one that does
    both would read something else than it thinks.
    """
    with Consumer(broker.bootstrap_servers, group_id="d") as consumer:
        with pytest.raises(BadSubscription, match="nothing is subscribed to"):
            consumer.poll(0.1)
        consumer.subscribe(["t"])
        with pytest.raises(BadSubscription, match="nothing is assigned yet"):
            consumer.seek_to_beginning()
        with pytest.raises(BadSubscription, match="exclude each other"):
            consumer.assign([("t", 0)])
        consumer.unsubscribe()
        consumer.assign([("t", 0)])
        with pytest.raises(BadSubscription, match="exclude each other"):
            consumer.subscribe(["t"])
        consumer.assign([])
        assert consumer.poll(0.01) == []
        consumer.subscribe(["t"])


def test_who_is_waited_for_in_vain_is_named_in_the_log(
    broker: ottla.Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """If this failed, a wrong address or name would look like a topic without records."""
    with Consumer("127.0.0.1:1", group_id="e") as lost:
        lost.subscribe(["t"])
        lost.poll(1)
    (refused,) = caplog.records
    assert refused.getMessage().startswith("127.0.0.1:1: connection refused; still trying (")
    caplog.clear()
    own = {"bootstrap.servers": broker.bootstrap_servers, "allow.auto.create.topics": "false"}
    with Consumer(own, group_id="e") as misled:
        misled.subscribe(["nosuch"])
        eventually(lambda: misled.poll(0.1) or caplog.records, "the topic is named")
        misled.poll(1)
    (missing,) = caplog.records
    assert missing.getMessage().startswith("topic 'nosuch': ")
    assert missing.levelno == logging.WARNING


def test_a_position_in_a_partition_that_is_not_there(broker: ottla.Broker) -> None:
    """If this failed, nobody would be told that the number is wrong."""
    with Consumer(broker.bootstrap_servers) as consumer:
        consumer.assign([("t", 99)])
        with pytest.raises(OttlaError) as caught:
            consumer.position(("t", 99), timeout=0.5)
        assert caught.value.hint == "the topic has 1 partitions"
        assert consumer.partitions_for("t") == [0]
        with pytest.raises(BrokerError):
            consumer.partitions_for("none of that name")


def test_names_of_other_clients_are_answered(broker: ottla.Broker) -> None:
    """If this failed, who comes from another client would search for the name in vain."""
    with Producer(broker.bootstrap_servers) as producer:
        with pytest.raises(AttributeError, match=r"here it is send\(topic, value, key\)"):
            producer.produce("t", "x")
        assert not hasattr(producer, "no_such_thing")
    with (
        Consumer(broker.bootstrap_servers) as consumer,
        pytest.raises(AttributeError, match=r"here it is poll\(timeout"),
    ):
        consumer.consume(5)


def fail(producer: Producer) -> None:
    """A block that fails."""
    with producer.transaction():
        producer.send("sink", "dropped").result(20)
        raise LookupError


def refused(broker: ottla.Broker, producer: Producer) -> None:
    """A block of which the node refuses a record."""
    with producer.transaction():
        broker.faults.answer("Produce", "INVALID_RECORD", 1)
        producer.send("sink", "refused")


def late(producer: Producer) -> None:
    """A block in which something is late."""
    with producer.transaction():
        raise TimedOut("a call of the block's own")


def test_a_transaction_in_a_with_block(broker: ottla.Broker) -> None:
    """If this failed, a block that fails would leave its records to count, or to be waited for."""
    broker.create_topic("sink")
    with Producer(broker.bootstrap_servers, transactional_id="x") as producer:
        producer.init_transactions()
        with producer.transaction():
            producer.send("sink", "kept")
        with pytest.raises(LookupError):
            fail(producer)
        with pytest.raises(MustAbort):
            refused(broker, producer)
        with pytest.raises(TimedOut):
            late(producer)
        with producer.transaction() as same:
            same.send("sink", "kept too")
    broker.expect("sink", ["kept", "kept too"])


def test_asking_what_is_committed_makes_no_topic(broker: ottla.Broker) -> None:
    """If this failed, a slip in a name would make a topic, and be asked for for ever."""
    with Consumer(broker.bootstrap_servers, group_id="f") as consumer:
        assert consumer.committed([("never", 0)]) == {}
        consumer.assign([("t", 0, 0)])
        assert consumer.poll(20)
        assert list(consumer._machine.topics) == ["t"]
    assert "never" not in broker.topics()


def test_settings_that_are_refused_leave_nothing() -> None:
    """If this failed, a program that tries settings would run out of descriptors."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(BadSetting):
            Consumer("127.0.0.1:1", group_id="g", partition_assignment_strategy="nosuch")
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_who_fails_in_close_has_left(broker: ottla.Broker) -> None:
    """If this failed, a mistake in on_revoke would cost the group a whole session time-out."""

    def fail(_: object) -> None:
        raise LookupError("mine")

    consumer = Consumer(broker.bootstrap_servers, group_id="h", auto_offset_reset="earliest")
    consumer.subscribe(["t"], on_revoke=fail)
    assert consumer.poll(20)
    with pytest.raises(LookupError, match="mine"):
        consumer.close()
    with Client(broker.bootstrap_servers) as client:
        assert groups.describe(client, "h").members == []


def test_a_callback_may_ask_where_it_is_and_not_close(broker: ottla.Broker) -> None:
    """If this failed, what callbacks are for would wait for its whole time-out."""
    found: list[object] = []

    def on_assign(places: list[tuple[str, int]]) -> None:
        found.append(consumer.position(places[0]))
        with pytest.raises(OttlaError, match="in a rebalance callback"):
            consumer.close()

    for number in range(10):
        own = {"bootstrap.servers": broker.bootstrap_servers, "default.api.timeout.ms": "5000"}
        consumer = Consumer(own, group_id=f"i{number}", auto_offset_reset="earliest")
        consumer.subscribe(["t"], on_assign=on_assign)
        assert consumer.poll(20)
        consumer.close()
    assert found == [0] * 10


def test_trouble_is_told_once(broker: ottla.Broker, caplog: pytest.LogCaptureFixture) -> None:
    """If this failed, a node that answers one thing and not another would flood the log."""
    broker.faults.cut(api="InitProducerId", client_id="victim")
    with Producer(broker.bootstrap_servers, client_id="victim", max_block_ms=2000) as producer:
        delivery = producer.send("t", "x")
        with pytest.raises(TimedOut):
            delivery.result(3)
        broker.faults.clear()
        delivery.result(20)
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) <= 3, texts
