"""Records to and from nodes that are scripts: what is asked, and what becomes of odd answers."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from client.peers import Asked, Counted, HangUp, Leads, Peer, metadata_of, versions
from ottla.client import ConsumerRecord, records
from ottla.client.client import Client
from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut
from ottla.wire.messages import fetch, list_offsets, produce
from ottla.wire.messages.api_versions import ApiVersionsResponse
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.records import (
    MARKER_ABORT,
    MARKER_COMMIT,
    Record,
    build_batch,
    control_batch,
    read_batches,
)
from servers import OttlaProcess

NOT_LEADER, STORAGE_ERROR, INVALID_RECORD = 6, 56, 87
ONE, TWO = Record(b"k", b"one", (), 5, 0), Record(None, b"two", (("h", b"x"),), 6, 1)


class Node:
    """A node with one partition, which ends at 2: `produced` and `fetched` say what it answers."""

    def __init__(self, versions: Callable[[Asked], Any] = versions) -> None:
        self.begin, self.end = 0, 2
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
                    partition_index=0, offset=self.end if last else self.begin
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
            assert [found.value for found in records.read(client, "t", [0])] == [
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
        with pytest.raises(BrokerError, match=r"^t-0: no key\n"):
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
            records=control_batch(
                MARKER_COMMIT, b"", timestamp_ms=5, base_offset=2, producer_id=1, transactional=True
            )
            + build_batch([ONE._replace(offset=3), TWO._replace(offset=4)], base_offset=3)
        ),
    ]
    with client_of(node) as client:
        found = records.read(client, "t", [0])
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


FETCHED = Path(__file__).parents[1] / "data" / "fetched-transactions.json"


def recorded(offset: int) -> list[fetch.PartitionData]:
    """What Apache Kafka 4.3.1 answered to who read from there to the end (`record_fetched.py`).

    There is a segment for the first five records, as they are older than the markers by years; so
    a Fetch from one of them brings no more than these.
    """
    found = []
    rows = json.loads(FETCHED.read_text())
    while offset < len(rows):
        row = rows[offset]
        one = fetch.PartitionData(
            high_watermark=row["high_watermark"],
            last_stable_offset=row["last_stable_offset"],
            aborted_transactions=[
                fetch.AbortedTransaction(producer_id=who, first_offset=first)
                for who, first in row["aborted"]
            ],
            records=base64.b64decode(row["records"]),
        )
        found.append(one)
        offset = read_batches(one.records or b"")[-1].last_offset + 1
    return found


def test_nothing_aborted_of_what_apache_wrote_is_read(node: Node) -> None:
    """If this failed, a test would see records that no read_committed consumer sees."""
    node.fetched = recorded(0)
    node.end = node.fetched[0].last_stable_offset
    with client_of(node) as client:
        found = [read.value for read in records.read(client, "t", [0])]
    assert found == [
        value
        for number, (first, second) in enumerate([("abort", "commit"), ("commit", "abort")] * 2)
        for value in [
            *[b"first commit %d" % number] * (first == "commit"),
            *[b"second commit %d" % number] * (second == "commit"),
            b"plain %d" % number,
            *[b"first commit %d again" % number] * (first == "commit"),
            *[b"second commit %d again" % number] * (second == "commit"),
        ]
    ]


def test_wherever_a_fetch_begins_the_aborted_are_left_out(node: Node) -> None:
    """If this failed, who goes on in the middle of a transaction would see the rest of it."""
    whole = recorded(0)
    values = {
        record.offset: record.value
        for batch in read_batches(b"".join(one.records or b"" for one in whole))
        if not batch.is_control
        for record in batch.records
    }
    node.end = whole[0].last_stable_offset
    for begin in range(node.end):
        node.begin, node.fetched = begin, recorded(begin)
        with client_of(node) as client:
            found = [read.value for read in records.read(client, "t", [0])]
        assert found == [
            value
            for offset, value in values.items()
            if offset >= begin and value is not None and b"abort" not in value
        ]


def test_only_the_marker_ends_an_aborted_transaction(node: Node) -> None:
    """If this failed, what a producer writes after an abort would be lost with it, or the abort be
    over too early: at another one's marker, or at a batch that is in no transaction.
    """

    def batch(offset: int, who: int, *, transactional: bool = True) -> bytes:
        value = Record(None, b"%d" % offset, (), 5, offset)
        return build_batch(
            [value], base_offset=offset, producer_id=who, transactional=transactional
        )

    def marker(offset: int, who: int, kind: int) -> bytes:
        return control_batch(
            kind, b"", timestamp_ms=5, base_offset=offset, producer_id=who, transactional=True
        )

    batches = [
        batch(0, 7),
        batch(1, 8),
        marker(2, 8, MARKER_ABORT),
        batch(3, 7),
        batch(4, 7, transactional=False),
        batch(5, 8),
        marker(6, 8, MARKER_COMMIT),
        marker(7, 7, MARKER_ABORT),
        batch(8, 7),
        marker(9, 7, MARKER_COMMIT),
    ]
    aborted = [
        fetch.AbortedTransaction(producer_id=8, first_offset=1),
        fetch.AbortedTransaction(producer_id=7, first_offset=0),
    ]
    node.end = 10
    node.fetched = [
        fetch.PartitionData(aborted_transactions=aborted, records=b"".join(batches)),
    ]
    with client_of(node) as client:
        found = [read.value for read in records.read(client, "t", [0])]
    assert found == [b"4", b"5", b"8"]


def test_a_recorded_folder_of_apache_is_read_committed(tmp_path: Path, data_dir: Path) -> None:
    """If this failed, aborted records in a folder that was taken over would be read."""
    with tarfile.open(data_dir / "apache-4.3.1-folder.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    ours = OttlaProcess(tmp_path / "data")
    ours.start()
    try:
        with Client(ours.bootstrap) as client:
            found = [read.value for read in records.read(client, "transactions", [0])]
    finally:
        ours.stop()
    assert found == [b"c%d%d" % (number, at) for number in range(2) for at in range(5)]


def test_a_record_is_a_value() -> None:
    """If this failed, records could not be handed to other processes, nor made for tests of what
    handles them.
    """
    plain = ConsumerRecord("t", 1, 2)
    assert (plain.timestamp_ms, plain.leader_epoch, plain.key, plain.headers) == (-1, -1, None, ())
    headers = [("a", b"1"), ("b", None)]
    more = {"timestamp_ms": 5, "is_log_append_time": True, "leader_epoch": 3}
    full = ConsumerRecord("t", 1, 2, key=b"k", value=b"v", headers=headers, **more)
    assert full.headers == (("a", b"1"), ("b", None))
    for copied in (pickle.loads(pickle.dumps(full)), copy.copy(full), copy.deepcopy(full)):
        assert (copied, hash(copied)) == (full, hash(full))
    assert full not in (plain, None, ("t", 1, 2))
    assert full == mock.ANY
    with pytest.raises(TypeError):
        ConsumerRecord("t", 1, 2, value="text")  # type: ignore[arg-type]
