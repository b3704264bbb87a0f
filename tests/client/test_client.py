"""Our own client against a running node: Ottla, and Apache Kafka under `make test-long`."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from ottla.client.admin import cluster, configs, groups, offsets, topics
from ottla.client.client import Client
from ottla.client.connecting.connection import Connection
from ottla.client.errors import BadAddress, BrokerError, ConnectionFailed, TimedOut, Unreachable
from ottla.errors import OttlaError
from ottla.wire.schema import ProtocolError
from servers import Server, eventually

Name = Callable[[], str]


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client of the node."""
    with Client(server.bootstrap, timeout_ms=20_000) as found:
        yield found


def test_a_topic_lives_and_dies(client: Client, name: Name) -> None:
    """If this failed, create, describe, more partitions or delete would not do what they say."""
    topic = name()
    new = topics.NewTopic(topic, 2, 1, configs={"retention.ms": "60000"})
    assert topics.create(client, [new]) == {topic: None}
    # Apache Kafka's broker learns of a change a moment after the controller has confirmed it.
    eventually(lambda: topic in topics.names(client), "the topic is there")
    (found,) = topics.describe(client, [topic])
    assert [p.number for p in found.partitions] == [0, 1]
    assert all(p.leader == 1 and p.isr == [1] for p in found.partitions)
    assert topics.name_of(client, found.id) == topic
    topics.create_partitions(client, topic, 5)

    def numbers() -> list[int]:
        (found,) = topics.describe(client, [topic], partitions_per_response=2)
        return [p.number for p in found.partitions]

    eventually(lambda: numbers() == [0, 1, 2, 3, 4], "all five partitions are told")
    assert topics.delete(client, [topic]) == {topic: None}
    eventually(lambda: topic not in topics.names(client), "the topic is gone")


def test_refusals_carry_kafkas_codes(client: Client, name: Name) -> None:
    """If this failed, a program could not tell one refusal from another."""
    topic = name()
    topics.create(client, [topics.NewTopic(topic, 1, 1)])
    again = topics.create(client, [topics.NewTopic(topic, 1, 1)])[topic]
    assert again is not None
    assert again.code.name == "TOPIC_ALREADY_EXISTS"
    with pytest.raises(BrokerError) as caught:
        topics.describe(client, [name()])
    assert caught.value.code.name == "UNKNOWN_TOPIC_OR_PARTITION"
    with pytest.raises(BrokerError) as caught:
        topics.create_partitions(client, topic, 1)
    assert caught.value.code.name == "INVALID_PARTITIONS"
    bad = topics.create(client, [topics.NewTopic("a b", 1, 1)])["a b"]
    assert bad is not None
    assert bad.code.name == "INVALID_TOPIC_EXCEPTION"


def test_validation_changes_nothing(client: Client, name: Name) -> None:
    """If this failed, asking whether a topic could be made would make it."""
    topic = name()
    assert topics.create(client, [topics.NewTopic(topic)], validate_only=True) == {topic: None}
    assert topic not in topics.names(client)


def test_configs_are_described_and_changed(client: Client, name: Name) -> None:
    """If this failed, a config would be lost, invented, or told from the wrong source."""
    topic = name()
    topics.create(client, [topics.NewTopic(topic, 1, 1, configs={"retention.ms": "60000"})])
    change = configs.Change("max.message.bytes", configs.SET, "2000")
    configs.alter(client, configs.TOPIC, {topic: [change]})
    drop = configs.Change("retention.ms", configs.DELETE, None)
    configs.alter(client, configs.TOPIC, {topic: [drop]})

    def values() -> dict[str, configs.Entry]:
        found = configs.describe(client, configs.TOPIC, [topic], synonyms=True)[topic]
        return {entry.name: entry for entry in found}

    eventually(lambda: values()["max.message.bytes"].value == "2000", "the change is seen")
    assert values()["max.message.bytes"].source == "DYNAMIC_TOPIC_CONFIG"
    assert values()["retention.ms"].is_default
    wrong = configs.Change("retention.ms", configs.SET, "soon")
    with pytest.raises(BrokerError) as caught:
        configs.alter(client, configs.TOPIC, {topic: [wrong]})
    assert caught.value.code.name == "INVALID_CONFIG"


def test_offsets_of_ends_and_times(client: Client, server: Server, name: Name) -> None:
    """If this failed, tools would show wrong ends of logs, or cut the wrong records."""
    topic = name()
    topics.create(client, [topics.NewTopic(topic, 2, 1, configs={"retention.ms": "-1"})])
    _produce(server, topic, [1_700_000_000_000 + i for i in range(4)])
    place = (topic, 0)

    def at(timestamp: int) -> int:
        found = offsets.list_offsets(client, {place: timestamp})[place]
        assert isinstance(found, offsets.Found), found
        return found.offset

    assert at(offsets.LATEST) == 4
    assert at(offsets.EARLIEST) == 0
    assert at(1_700_000_000_002) == 2
    assert at(1_800_000_000_000) == -1
    assert at(offsets.MAX_TIMESTAMP) == 3
    assert offsets.delete_records(client, {place: 3}) == {place: 3}
    assert at(offsets.EARLIEST) == 3
    missing = offsets.list_offsets(client, {(topic, 9): offsets.LATEST})[(topic, 9)]
    assert isinstance(missing, BrokerError)
    assert missing.code.name == "UNKNOWN_TOPIC_OR_PARTITION"


def test_a_groups_offsets_from_outside(client: Client, name: Name) -> None:
    """If this failed, offsets could not be set, read, forgotten, or a group not be deleted."""
    topic, group = name(), name()
    topics.create(client, [topics.NewTopic(topic, 2, 1)])
    places = {(topic, 0): 7, (topic, 1): 9}
    assert groups.commit(client, group, places) == dict.fromkeys(places)
    assert {p: row.offset for p, row in groups.committed(client, group).items()} == places
    one = groups.committed(client, group, [(topic, 1)])
    assert {place: row.offset for place, row in one.items()} == {(topic, 1): 9}
    assert group in [row.group for row in groups.list_groups(client, states=["Empty"])]
    described = groups.describe(client, group)
    assert (described.state, described.members, described.coordinator) == ("Empty", [], 1)
    assert groups.delete_offsets(client, group, [(topic, 0)]) == {(topic, 0): None}
    assert list(groups.committed(client, group)) == [(topic, 1)]
    groups.delete(client, group)
    with pytest.raises(BrokerError) as caught:
        groups.describe(client, group)
    assert caught.value.code == groups.GROUP_ID_NOT_FOUND


def test_the_cluster_describes_itself(client: Client) -> None:
    """If this failed, nodes, APIs, log dirs, the quorum or features would be misread."""
    found = cluster.describe(client)
    assert [broker.id for broker in found.brokers] == [1]
    assert found.id == client.metadata(topics=[]).cluster_id
    ranges = {row.name: row for row in cluster.api_ranges(client, 1)}
    assert ranges["Produce"].max_version == ranges["Produce"].usable == 13
    (log_dir,) = cluster.log_dirs(client)
    assert log_dir.path
    assert not log_dir.error_code
    quorum = cluster.quorum(client)
    assert quorum.leader_id == 1
    assert quorum.high_watermark > 0
    assert cluster.features(client)["metadata.version"] == 30


def test_it_lives_through_a_restart(server: Server, name: Name) -> None:
    """If this failed, a client would not survive its node being restarted."""
    with Client(server.bootstrap, timeout_ms=20_000) as client:
        before = topics.names(client)
        server.restart()
        assert topics.names(client) == before
        topic = name()
        assert topics.create(client, [topics.NewTopic(topic, 1, 1)]) == {topic: None}


def test_nobody_there() -> None:
    """If this failed, a wrong port would be waited for in silence, or forever."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        said: list[OttlaError] = []
        client = Client(f"127.0.0.1:{port}", connect_timeout_ms=300, on_wait=said.append)
        with pytest.raises(Unreachable, match="refused") as caught:
            client.metadata()
        assert caught.value.hint
        assert len(said) == 1


def test_a_name_that_is_none() -> None:
    """If this failed, a misspelt host would be retried for a minute."""
    with pytest.raises(BadAddress, match="can't be resolved"):
        Client("no-such-host.invalid:9092").metadata()


def _answers(payload: bytes) -> tuple[int, threading.Thread]:
    """A listener that answers one connection with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]

    def serve() -> None:
        connection, _ = listener.accept()
        with listener, connection:
            connection.recv(65536)
            connection.sendall(payload)
            with contextlib.suppress(ConnectionResetError):
                connection.recv(1)  # until the client hangs up

    thread = threading.Thread(target=serve)
    thread.start()
    return port, thread


@pytest.mark.parametrize(
    "payload",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        struct.pack(">i", -1),
        struct.pack(">ii", 8, 99) + b"abcd",
    ],
    ids=["http", "negative size", "another correlation id"],
)
def test_what_is_no_kafka_is_named(payload: bytes) -> None:
    """If this failed, the port of a web server would look like a broken Kafka, or eat memory."""
    port, thread = _answers(payload)
    with pytest.raises((ProtocolError, ConnectionFailed)):
        Connection("127.0.0.1", port, client_id="test", timeout_ms=2000)
    thread.join(10)


def test_silence_ends() -> None:
    """If this failed, a node that hangs would hang its clients."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(TimedOut, match="did not answer within 100 ms"),
    ):
        Connection("127.0.0.1", silent.getsockname()[1], client_id="test", timeout_ms=100)


def _produce(server: Server, topic: str, timestamps: list[int]) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": server.bootstrap})
    for number, timestamp in enumerate(timestamps):
        producer.produce(topic, b"%d" % number, partition=0, timestamp=timestamp)
    assert producer.flush(20) == 0
