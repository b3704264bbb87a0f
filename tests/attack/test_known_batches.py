"""Transactions at full speed: who decides hears of each once for every partition that it reaches,
however many batches there are, over however many connections.

What the node asked is in its metrics; what was decided is in the log of `__transaction_state`,
which has a record for every step of a transaction and for nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

import ottla
from attack.line import Line
from ottla.wire import frame
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from ottla.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from ottla.wire.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from ottla.wire.records import Record, build_batch
from ottla.wire.stored.frame import TRANSACTION_STATE
from servers import eventually

TRANSACTIONS, LINES, PARTITIONS, BATCHES = 2, 3, 6, 500
"""Each line has as many partitions, and writes so many batches to each of them."""
COMMIT_RECORDS = 2
"""What ends a transaction: it is prepared, it is complete."""
PRODUCE, LATEST = 12, -1
TRANSACTIONAL_ID = "x"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ottla.Broker]:
    config = {"transaction.state.log.num.partitions": "1"}
    with ottla.Broker(dir=tmp_path / "data", config=config) as broker:
        yield broker


def begun(line: Line) -> InitProducerIdResponse:
    """A producer of its own id, and a topic."""
    topic = CreatableTopic(name="t", num_partitions=PARTITIONS, replication_factor=1)
    line.ask(CreateTopicsRequest(topics=[topic]), 7)
    asked = FindCoordinatorRequest(key_type=1, coordinator_keys=[TRANSACTIONAL_ID])
    eventually(lambda: not line.ask(asked, 4).coordinators[0].error_code, "a coordinator")
    init = InitProducerIdRequest(transactional_id=TRANSACTIONAL_ID, transaction_timeout_ms=60_000)
    answers: list[InitProducerIdResponse] = []

    def initialized() -> bool:
        answers.append(line.ask(init, 5))
        return not answers[-1].error_code

    eventually(initialized, "a producer id")
    return answers[-1]


def produce(producer: tuple[int, int], partition: int, sequence: int) -> bytes:
    """One request with one batch of one record, whole."""
    producer_id, epoch = producer
    batch = build_batch(
        [Record(None, b"v", (), 1000)],
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
        transactional=True,
    )
    part = PartitionProduceData(index=partition, records=batch)
    request = ProduceRequest(
        transactional_id=TRANSACTIONAL_ID,
        acks=-1,
        timeout_ms=30_000,
        topic_data=[TopicProduceData(name="t", partition_data=[part])],
    )
    sent = frame.encode_request(request, PRODUCE, correlation_id=sequence, client_id="attack")
    return struct.pack(">i", len(sent)) + sent


def end_of(producer: tuple[int, int]) -> EndTxnRequest:
    """Its commit."""
    producer_id, epoch = producer
    return EndTxnRequest(
        transactional_id=TRANSACTIONAL_ID,
        producer_id=producer_id,
        producer_epoch=epoch,
        committed=True,
    )


def decided(line: Line) -> int:
    """How many steps of transactions there were so far."""
    part = ListOffsetsPartition(partition_index=0, timestamp=LATEST)
    topic = ListOffsetsTopic(name=TRANSACTION_STATE, partitions=[part])
    (found,) = line.ask(ListOffsetsRequest(replica_id=-1, topics=[topic]), 7).topics
    return int(found.partitions[0].offset)


def test_a_batch_of_a_known_transaction_is_nobodys_decision(broker: ottla.Broker) -> None:
    """If this failed, each batch of a transaction would cost a turn of the decision thread, and
    producing in transactions would be many times slower than producing.
    """
    lines = [Line(broker.port) for _ in range(LINES)]
    first = begun(lines[0])
    producer = (first.producer_id, first.producer_epoch)
    metrics = broker._node._core.metrics
    for _ in range(TRANSACTIONS):
        asked_before, decided_before = metrics()["produce.unverified"], decided(lines[0])
        for at, line in enumerate(lines):
            line.send_bytes(
                b"".join(
                    produce(producer, partition, sequence)
                    for sequence in range(BATCHES)
                    for partition in range(at, PARTITIONS, LINES)
                )
            )
        for line in lines:
            for _ in range(BATCHES * PARTITIONS // LINES):
                answer = frame.decode_response(ProduceResponse, line.next_frame(), PRODUCE)[1]
                assert not answer.responses[0].partition_responses[0].error_code
        assert metrics()["produce.unverified"] - asked_before == PARTITIONS
        assert decided(lines[0]) - decided_before == PARTITIONS
        ended = lines[0].ask(end_of(producer), 5)
        assert not ended.error_code
        producer = (ended.producer_id, ended.producer_epoch)
        complete = decided_before + PARTITIONS + COMMIT_RECORDS
        eventually(lambda end=complete: decided(lines[0]) == end, "its markers are written")
    for line in lines:
        line.close()
