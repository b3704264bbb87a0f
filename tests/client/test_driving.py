"""The client's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import ottla
from client.peers import HOST, Asked, Peer
from ottla.client import BadSetting, Client, Closed, Consumer, Delivery, Producer, machine
from ottla.client.consuming.fetching import Fetching
from ottla.client.driving import Driver
from ottla.client.machine import Ask
from ottla.client.producing.sending import Sending
from ottla.errors import BrokenInvariant, OttlaError
from ottla.wire.messages.metadata import MetadataRequest
from servers import eventually


def test_a_mistake_of_ours_is_told_to_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a bug in a machine would look like a cluster that never answers, or end all
    that share its client.
    """

    def fails(*_: Any, **__: Any) -> None:
        raise LookupError("a bug")

    with ottla.Broker() as broker, Client(broker.bootstrap_servers) as client:
        broker.create_topic("t")
        producer = Producer(client=client)
        producer.send("t", "x").result(10)
        consumer = Consumer(client=client, auto_offset_reset="earliest")
        consumer.assign([("t", 0)])
        monkeypatch.setattr(Sending, "asks", fails)
        with pytest.raises(BrokenInvariant, match="a bug"):
            producer.send("t", "y").result(10)
        with pytest.raises(BrokenInvariant):
            producer.send("t", "z")
        producer.close()
        assert [record.value for record in consumer.poll(10)] == [b"x"]
        monkeypatch.setattr(Fetching, "_ended", fails)
        with pytest.raises(BrokenInvariant, match="a bug"):
            consumer.poll(10)
        consumer.close(timeout=1)
        assert client.metadata(topics=["t"]).topics[0].name == "t"
    assert "ottla-client" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("method", ["_round", "_next_deadline_ms"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_the_driver_is_told_to_all(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, whoever waits would wait for a thread that has ended."""

    def fails(*_: Any, **__: Any) -> None:
        raise LookupError("a bug")

    with ottla.Broker() as broker, Client(broker.bootstrap_servers) as client:
        broker.create_topic("t")
        producer, consumer = Producer(client=client), Consumer(client=client, group_id="g")
        producer.send("t", "x").result(10)
        consumer.subscribe(["t"])
        consumer.poll(0.1)
        monkeypatch.setattr(Driver, method, fails)
        with pytest.raises(BrokenInvariant, match="a bug"):
            producer.send("t", "y").result(10)
        with pytest.raises(BrokenInvariant, match="a bug"):
            consumer.poll(10)
        with pytest.raises(BrokenInvariant):
            Producer(client=client)
        producer.close()
        consumer.close(timeout=1)


def test_whoever_wants_to_be_told_is_told_of_a_mistake_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If this failed, a flush would wait for ever for a machine that has ended."""

    def fails(*_: Any, **__: Any) -> None:
        raise LookupError("a bug")

    told: list[Delivery] = []
    with ottla.Broker() as broker:
        broker.create_topic("t")
        producer = Producer(broker.bootstrap_servers)
        producer.send("t", "x").result(10)
        monkeypatch.setattr(Sending, "asks", fails)
        delivery = producer.send("t", "y", on_delivery=told.append)
        producer.flush(20)
        assert told == [delivery]
        assert isinstance(delivery.error, BrokenInvariant)
        producer.close()


def test_what_is_driven_ends_with_its_client() -> None:
    """If this failed, whoever waits would wait for a client that is gone."""
    with ottla.Broker() as broker:
        broker.create_topic("t")
        client = Client(broker.bootstrap_servers)
        producer, consumer = Producer(client=client), Consumer(client=client, group_id="g")
        producer.send("t", "x").result(10)
        consumer.subscribe(["t"])
        consumer.poll(0.1)
        broker.faults.hold(topic="t")
        delivery = producer.send("t", "y")
        client.close()
        client.close()
        with pytest.raises(Closed):
            delivery.result(10)
        with pytest.raises(Closed):
            producer.send("t", "z")
        with pytest.raises(Closed):
            consumer.poll(10)
        with pytest.raises(Closed):
            client.metadata()
        with pytest.raises(Closed):
            Producer(client=client)
        producer.close()
        consumer.close()
        assert "ottla-client" not in [thread.name for thread in threading.enumerate()]
        broker.faults.clear()


def test_a_function_of_the_users_that_fails_ends_its_consumer_alone() -> None:
    """If this failed, one program's mistake would stop all who share its client."""

    def fails(topic: str) -> bool:
        raise LookupError(topic)

    with ottla.Broker() as broker, Client(broker.bootstrap_servers) as client:
        broker.create_topic("t")
        with Producer(client=client) as producer, Consumer(client=client, group_id="g") as consumer:
            consumer.subscribe(fails)
            with pytest.raises(OttlaError, match="LookupError"):
                consumer.poll(10)
            assert producer.send("t", "x").result(10).offset == 0


def test_what_the_client_has_is_not_given_again() -> None:
    """If this failed, a password beside a shared client would be dropped without a word."""
    with Client("127.0.0.1:1") as client:
        for wrong in ({"sasl.password": "x"}, {"client_id": "me"}, {"bootstrap.servers": "a:1"}):
            with pytest.raises(BadSetting, match="shared"):
                Producer(wrong, client=client)


class Asks:
    """A machine that asks one node one thing."""

    topics: tuple[str, ...] = ()
    topic_ids: tuple[bytes, ...] = ()
    topics_to_make: tuple[str, ...] = ()
    wants_all_topics = False
    deadline_ms = None

    def __init__(self, node: int) -> None:
        self.outcomes: list[Any] = []
        self._asks = [Ask(1, machine.Node(node), MetadataRequest(topics=[]), 30_000)]

    def asks(self, now_ms: int) -> list[Ask]:
        """Once."""
        asks, self._asks = self._asks, []
        return asks

    def answered(self, token: int, outcome: Any, now_ms: int) -> None:
        """Remember how it ended."""
        self.outcomes.append(outcome)

    def doubts(self) -> list[machine.Destination]:
        """None."""
        return []

    def break_off(self, error: OttlaError) -> None:
        """Nothing."""

    def calls(self) -> list[Callable[[], object]]:
        """None."""
        return []


def test_a_node_that_the_cluster_does_not_have_is_told_at_once() -> None:
    """If this failed, a request to a node that is gone would wait for its whole time-out: a
    follower that a consumer was told to read from, for one.
    """
    with ottla.Broker() as broker, Client(broker.bootstrap_servers) as client:
        asks = Asks(77)
        client.run(asks)
        with client.waiting:
            until_ms = client.waiting.now_ms() + 20_000
            client.waiting.wait_for(lambda: bool(asks.outcomes), until_ms)
        assert [str(outcome) for outcome in asks.outcomes] == [
            "the cluster has no node 77 right now"
        ]


class Waits(Asks):
    """A machine that waits for a coordinator, by two requests."""

    def __init__(self, wrong: str = "") -> None:
        super().__init__(1)
        self.wrong = wrong
        self.broken: OttlaError | None = None
        to = machine.Coordinator(0, "g")
        self._asks = [Ask(n, to, MetadataRequest(topics=[]), 30_000) for n in (1, 2)]

    def answered(self, token: int, outcome: Any, now_ms: int) -> None:
        """Remember how it ended, or make a mistake."""
        super().answered(token, outcome, now_ms)
        if self.wrong == "answered":
            raise LookupError("a bug")

    @property
    def deadline_ms(self) -> None:  # type: ignore[override]
        """None, or a mistake."""
        if self.wrong == "deadline_ms":
            raise LookupError("a bug")

    def break_off(self, error: OttlaError) -> None:
        """Remember it."""
        self.broken = error


def no_kafka(asked: Asked) -> bytes:
    """What no node of Kafka says."""
    return b"HTTP/1.1 400 Bad Request\r\n\r\n"


def test_who_waits_for_a_coordinator_hears_why_there_is_none() -> None:
    """If this failed, a consumer of a group at a port that is no Kafka listener would turn without
    rest, and wait for its whole time-out.
    """
    with Peer(no_kafka, versions=no_kafka) as peer, Client(f"{HOST}:{peer.port}") as client:
        waits = Waits()
        client.run(waits)
        eventually(lambda: len(waits.outcomes) == 2, "both are told")
        assert all("Kafka listener" in (one.hint or "") for one in waits.outcomes)


@pytest.mark.parametrize("wrong", ["answered", "deadline_ms"])
def test_a_machine_that_fails_takes_its_requests_with_it(wrong: str) -> None:
    """If this failed, another machine of the client would end with it, or what nobody waits for
    would be sent.
    """
    with Peer(no_kafka, versions=no_kafka) as peer, Client(f"{HOST}:{peer.port}") as client:
        good, bad = Waits(), Waits(wrong)
        client.run(bad)
        client.run(good)
        eventually(lambda: len(good.outcomes) == 2 and bad.broken is not None, "it is told")
        assert isinstance(bad.broken, BrokenInvariant)
        assert len(bad.outcomes) <= 1
        assert good.broken is None
