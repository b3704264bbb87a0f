"""Records to and from nodes that are scripts: what is asked, and what becomes of odd answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.peers import Asked, Counted, HangUp, Leads, Peer, metadata_of, versions
from ottla.client import records
from ottla.client.client import Client
from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut
from ottla.wire.messages import fetch, list_offsets, produce
from ottla.wire.messages.api_versions import ApiVersionsResponse
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.records import Record, build_batch

NOT_LEADER, STORAGE_ERROR, INVALID_RECORD = 6, 56, 87
ONE, TWO = Record(b"k", b"one", (), 5, 0), Record(None, b"two", (("h", b"x"),), 6, 1)


class Node:
    """A node with one partition, which ends at 2: `produced` and `fetched` say what it answers."""

    def __init__(self, versions: Callable[[Asked], Any] = versions) -> None:
        self.end = 2
        self.produced: list[produce.PartitionProduceResponse] = []
        self.fetched: list[fetch.PartitionData] = []
        self.peer = Peer(self._answer, versions=versions)

    def _answer(self, asked: Asked) -> Any:
        match asked.message:
            case MetadataRequest():
                return metadata_of([self.peer.port], [Leads("t", 0, 1)], asked)
            case list_offsets.ListOffsetsRequest():
                (topic,) = asked.message.topics
                last = topic.partitions[0].timestamp == -1
                row = list_offsets.ListOffsetsPartitionResponse(
                    partition_index=0, offset=self.end if last else 0
                )
                topics = [list_offsets.ListOffsetsTopicResponse(name="t", partitions=[row])]
                return list_offsets.ListOffsetsResponse(topics=topics)
            case produce.ProduceRequest() if self.produced:
                rows = [self.produced.pop(0)]
                (sent,) = asked.message.topic_data
                said = produce.TopicProduceResponse(
                    name="t", topic_id=sent.topic_id, partition_responses=rows
                )
                return produce.ProduceResponse(responses=[said])
            case fetch.FetchRequest() if self.fetched:
                (wanted,) = asked.message.topics
                found = self.fetched.pop(0) if len(self.fetched) > 1 else self.fetched[0]
                rows = [found]
                told = fetch.FetchableTopicResponse(
                    topic="t", topic_id=wanted.topic_id, partitions=rows
                )
                return fetch.FetchResponse(responses=[told])
        raise HangUp


@pytest.fixture
def node() -> Iterator[Node]:
    """One that speaks what 4.3.1 does."""
    made = Node()
    yield made
    made.peer.close()


def client_of(node: Node) -> Client:
    """A client that waits for no time."""
    return Client(f"127.0.0.1:{node.peer.port}", timeout_ms=3000, waiting=Counted())


def test_a_record_is_written_by_the_topic_s_id(node: Node) -> None:
    """If this failed, the newest versions, which clients speak, would be tried by nobody here."""
    node.produced = [produce.PartitionProduceResponse(base_offset=7)]
    with client_of(node) as client:
        assert records.produce(client, ("t", 0), [ONE]) == 7
    (asked,) = node.peer.of(produce.ProduceRequest)
    assert (asked.acks, asked.topic_data[0].topic_id) == (-1, b"t" * 16)
    assert [one.version for one in node.peer.requests if one.message is asked] == [13]


def test_a_node_that_knows_no_ids_is_told_names() -> None:
    """If this failed, older clusters could not be written to."""

    def older(asked: Asked) -> ApiVersionsResponse:
        said = versions(asked)
        for row in said.api_keys:
            row.max_version = min(row.max_version, 9)
        return said

    node = Node(older)
    node.produced = [produce.PartitionProduceResponse(base_offset=7)]
    node.fetched = [fetch.PartitionData(records=build_batch([ONE, TWO]))]
    try:
        with client_of(node) as client:
            assert records.produce(client, ("t", 0), [ONE]) == 7
            assert [found.record.value for found in records.read(client, "t", [0])] == [
                b"one",
                b"two",
            ]
    finally:
        node.peer.close()
    assert node.peer.of(produce.ProduceRequest)[0].topic_data[0].name == "t"
    assert node.peer.of(fetch.FetchRequest)[0].topics[0].topic == "t"


def test_a_refused_record_is_told_with_its_place(node: Node) -> None:
    """If this failed, a test would be told that something is invalid, and not what."""
    node.produced = [
        produce.PartitionProduceResponse(error_code=INVALID_RECORD, error_message="no key"),
        produce.PartitionProduceResponse(error_code=STORAGE_ERROR),
    ]
    with client_of(node) as client:
        with pytest.raises(BrokerError, match=r"^t-0: no key$"):
            records.produce(client, ("t", 0), [ONE])
        with pytest.raises(BrokerError, match=r"^t-0: ") as refused:
            records.produce(client, ("t", 0), [ONE])
    assert refused.value.code == STORAGE_ERROR


def test_a_record_that_nobody_took_is_sent_again(node: Node) -> None:
    """If this failed, a test would fail where every producer goes on."""
    node.produced = [
        produce.PartitionProduceResponse(error_code=NOT_LEADER),
        produce.PartitionProduceResponse(base_offset=7),
    ]
    with client_of(node) as client:
        assert records.produce(client, ("t", 0), [ONE]) == 7
    assert node.peer.count(produce.ProduceRequest) == 2


def test_a_record_whose_answer_is_lost_is_not_sent_again(node: Node) -> None:
    """If this failed, it might be there twice."""
    with client_of(node) as client, pytest.raises(ConnectionFailed):
        records.produce(client, ("t", 0), [ONE])
    assert node.peer.count(produce.ProduceRequest) == 1


def test_what_is_read_is_what_was_there_at_the_beginning(node: Node) -> None:
    """If this failed, marks of transactions would be records, stamps be the producer's where the
    topic has the broker's, and what comes meanwhile be read for ever.
    """
    stamped = {"timestamp_type": "append", "log_append_time_ms": 99}
    node.end = 4
    node.fetched = [
        fetch.PartitionData(records=build_batch([ONE, TWO], **stamped)),  # type: ignore[arg-type]
        fetch.PartitionData(
            records=build_batch(
                [ONE._replace(offset=2)], base_offset=2, control=True, producer_id=1
            )
            + build_batch([ONE._replace(offset=3), TWO._replace(offset=4)], base_offset=3)
        ),
    ]
    with client_of(node) as client:
        found = [read.record for read in records.read(client, "t", [0])]
    assert [(r.offset, r.value, r.timestamp_ms) for r in found] == [
        (0, b"one", 99),
        (1, b"two", 99),
        (3, b"one", 5),
    ]
    asked = node.peer.of(fetch.FetchRequest)
    assert [one.topics[0].partitions[0].fetch_offset for one in asked] == [0, 2]
    assert all(one.isolation_level == 1 for one in asked)


def test_who_is_not_the_leader_any_more_is_asked_for_another(node: Node) -> None:
    """If this failed, a reader would ask the same node until its time is over."""
    node.fetched = [
        fetch.PartitionData(error_code=NOT_LEADER),
        fetch.PartitionData(records=build_batch([ONE, TWO])),
    ]
    with client_of(node) as client:
        assert len(records.read(client, "t", [0])) == 2
    assert node.peer.count(MetadataRequest) == 2


def test_a_partition_that_gives_nothing_ends_the_wait(node: Node) -> None:
    """If this failed, a test that looks into a topic could hang for ever."""
    node.fetched = [fetch.PartitionData(records=b"")]
    with client_of(node) as client, pytest.raises(TimedOut, match="no record from 0 to 2"):
        records.read(client, "t", [0])
    assert node.peer.count(fetch.FetchRequest) == records.EMPTY_FETCHES_MAX
