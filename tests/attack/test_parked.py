"""Requests that are parked, and peers that have gone: neither keeps memory or a place from others.

How long a JoinGroup or a Fetch is parked is for its peer to say, up to weeks.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import ottla
from attack.line import HOST, Line
from ottla.wire import frame
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.messages.sync_group import SyncGroupRequest
from ottla.wire.records import Record, build_batch
from ottla.wire.schema import Request
from servers import eventually

MEMORY = 3 << 20
LONG_MS = 300_000
"""How long requests are parked here: far longer than any test waits."""
LOADING = {ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS}
LOADING |= {ErrorCode.NOT_COORDINATOR}


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A node with little memory for requests, a topic, and coordinators that are there."""
    config = {
        "queued.max.request.bytes": MEMORY,
        "socket.request.max.bytes": MEMORY,
        "socket.send.buffer.bytes": 16_384,
        "offsets.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
    }
    with ottla.Broker(config=config) as broker:
        create(broker, "t")
        line = Line(broker.port)
        line.ask(FindCoordinatorRequest(key="g"), 3)
        beat = HeartbeatRequest(group_id="g", generation_id=1, member_id="x")
        eventually(lambda: line.ask(beat, 3).error_code not in LOADING, "groups are loaded")
        line.close()
        yield broker


def create(broker: ottla.Broker, *names: str) -> None:
    topics = [CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in names]
    answer = Line(broker.port).ask(CreateTopicsRequest(topics=topics), 7)
    assert {topic.error_code for topic in answer.topics} == {0}


def core_metric(broker: ottla.Broker, name: str) -> float:
    """One of the core's numbers."""
    assert broker._node is not None
    return broker._node._core.metrics()[name]


def join(group_id: str, metadata_bytes: int, member_id: str = "") -> JoinGroupRequest:
    """A JoinGroup with so much to say, and patience."""
    return JoinGroupRequest(
        group_id=group_id,
        session_timeout_ms=LONG_MS,
        rebalance_timeout_ms=LONG_MS,
        member_id=member_id,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"\0" * metadata_bytes)],
    )


def parking(broker: ottla.Broker, group_id: str) -> Line:
    """The one member of a group, who is stable and does not come back: whoever joins is parked."""
    line = Line(broker.port)
    joined = line.ask(join(group_id, 1), 2)
    assert joined.error_code == 0
    synced = SyncGroupRequest(
        group_id=group_id, generation_id=joined.generation_id, member_id=joined.member_id
    )
    assert line.ask(synced, 1).error_code == 0
    return line


def sent(request: Request, version: int) -> bytes:
    """A request as it is sent."""
    payload = frame.encode_request(request, version, correlation_id=1, client_id="attacker")
    return struct.pack(">i", len(payload)) + payload


def fetch(max_wait_ms: int, min_bytes: int, max_bytes: int = 50 << 20) -> FetchRequest:
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=max_bytes)
    return FetchRequest(
        replica_id=-1,
        max_wait_ms=max_wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        topics=[FetchTopic(topic="t", partitions=[part])],
    )


def test_parked_requests_keep_no_memory_from_others(broker: ottla.Broker) -> None:
    """If this failed, a few members that wait for a rebalance would stop all requests over 4 KB."""
    member = parking(broker, "parking")
    lines = [Line(broker.port) for _ in range(8)]
    for line in lines:
        line.send(join("parking", 100_000), 2)
    eventually(lambda: core_metric(broker, "request.held") == len(lines), "all are parked")
    assert Line(broker.port).ask(join("other", 50_000), 2).error_code == 0
    eventually(lambda: core_metric(broker, "memory.used_bytes") < MEMORY / 2, "it is given back")
    member.close()


def test_members_do_not_wait_for_the_memory_of_each_other(broker: ottla.Broker) -> None:
    """If this failed, a large group could never come together: the last of it would wait for
    memory that the first give back when all are there.
    """
    lines = [Line(broker.port) for _ in range(12)]
    first = lines[0].ask(join("large", 60_000), 2)
    for line in lines[1:]:
        line.send(join("large", 60_000), 2)
    eventually(lambda: core_metric(broker, "request.held") == len(lines) - 1, "all are parked")
    lines[0].send(join("large", 60_000, first.member_id), 2)
    answers = [line.answer() for line in lines]
    assert {answer.error_code for answer in answers} == {0}
    assert {answer.generation_id for answer in answers} == {first.generation_id + 1}


def test_a_parked_join_goes_with_its_peer(broker: ottla.Broker) -> None:
    """If this failed, members that have gone would stay connected for as long as they once said."""
    member = parking(broker, "parking")
    lines = [Line(broker.port) for _ in range(5)]
    for line in lines:
        line.send(join("parking", 5_000), 2)
    eventually(lambda: core_metric(broker, "request.held") == len(lines), "all are parked")
    for line in lines:
        line.close()
    eventually(lambda: core_metric(broker, "request.held") == 0, "none is held")
    eventually(lambda: core_metric(broker, "connection.count") == 1, "only the member is there")
    member.close()


@pytest.mark.parametrize("abrupt", [False, True])
def test_a_full_inbox_does_not_hide_that_the_peer_has_gone(
    broker: ottla.Broker, abrupt: bool
) -> None:
    """If this failed, who sends on behind a parked Fetch and goes would keep memory and a place."""
    request = sent(fetch(LONG_MS, 1 << 30), 4)
    peers = [socket.create_connection((HOST, broker.port), 20) for _ in range(5)]
    for peer in peers:
        peer.sendall(request)
    eventually(lambda: core_metric(broker, "fetch.parked") == len(peers), "all are parked")
    for peer in peers:
        peer.sendall(request * (200_000 // len(request)))
        if abrupt:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
    eventually(lambda: core_metric(broker, "fetch.parked") == 0, "none is parked")
    eventually(lambda: core_metric(broker, "connection.count") == 0, "none is there")
    eventually(lambda: core_metric(broker, "memory.used_bytes") == 0, "nothing is kept")


def test_what_a_peer_sent_before_it_went_is_decided(broker: ottla.Broker) -> None:
    """If this failed, a client that commits or leaves and closes at once would not have done it;
    Apache Kafka reads what came before the end.
    """
    topics = [CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in "ab"]
    with socket.create_connection((HOST, broker.port), 20) as peer:
        peer.sendall(b"".join(sent(CreateTopicsRequest(topics=[one]), 5) for one in topics))
        peer.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: peer.recv(65_536), b""))
    (size,) = struct.unpack(">i", received[:4])
    assert len(received) > size + 4, "both are answered"


def test_a_reader_of_records_is_not_judged_by_the_memory_of_answers(broker: ottla.Broker) -> None:
    """If this failed, a consumer that pauses would be cut off for answers that others do not read,
    though its records are sent from their file and hold nothing.
    """
    records = [Record(key=None, value=b"v" * 900_000)]
    for _ in range(20):
        data = PartitionProduceData(index=0, records=build_batch(records))
        request = ProduceRequest(
            acks=1,
            timeout_ms=10_000,
            topic_data=[TopicProduceData(name="t", partition_data=[data])],
        )
        answer = Line(broker.port).ask(request, 9)
        assert answer.responses[0].partition_responses[0].error_code == 0
    create(broker, *(f"{'x' * 200}-{number}" for number in range(300)))
    with ExitStack() as stack:
        consumer, *idle = (stack.enter_context(small_reader(broker)) for _ in range(60))
        assert_borne(broker, consumer, idle)


def assert_borne(broker: ottla.Broker, consumer: socket.socket, idle: list[socket.socket]) -> None:
    """The consumer gets all of its reply after others were closed for not reading theirs."""
    consumer.sendall(sent(fetch(100, 1), 4))
    (size,) = struct.unpack(">i", consumer.recv(4, socket.MSG_WAITALL))
    assert size > 10 << 20
    for peer in idle:
        peer.sendall(sent(MetadataRequest(topics=None), 1) * 4)
    eventually(lambda: core_metric(broker, "connection.stalled") >= 10, "answers are not awaited")
    while size > 0:
        received = len(consumer.recv(1 << 20))
        assert received > 0, "the consumer was cut off"
        size -= received


def small_reader(broker: ottla.Broker) -> socket.socket:
    """A peer that takes little of what it does not read."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    peer.settimeout(20)
    peer.connect((HOST, broker.port))
    return peer


def test_what_is_there_counts_with_what_comes(broker: ottla.Broker) -> None:
    """If this failed, a reader that waits for two batches would get them when its time is up, and
    not when the second is there.
    """
    batch = build_batch([Record(None, b"x" * 100, timestamp_ms=1)])
    data = PartitionProduceData(index=0, records=batch)
    topic = TopicProduceData(name="t", partition_data=[data])
    writer, reader = Line(broker.port), Line(broker.port)

    def produce() -> None:
        answer = writer.ask(ProduceRequest(acks=-1, timeout_ms=5000, topic_data=[topic]), 9)
        assert answer.responses[0].partition_responses[0].error_code == 0

    produce()
    reader.send(fetch(LONG_MS, 2 * len(batch) - 10), 4)
    eventually(lambda: core_metric(broker, "fetch.parked") == 1, "it is parked")
    produce()
    (part,) = reader.answer().responses[0].partitions
    assert len(part.records) == 2 * len(batch)
