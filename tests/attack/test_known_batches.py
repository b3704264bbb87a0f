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
from ottla.wire.messages.produce import ProduceResponse
from ottla.wire.stored.frame import TRANSACTION_STATE
from servers import eventually
from transacting import Producer, Transacting, batch_of, produce_request

TRANSACTIONS, LINES, PARTITIONS, BATCHES = 2, 3, 6, 500
"""Each line has as many partitions, and writes so many batches to each of them."""
COMMIT_RECORDS = 2
"""What ends a transaction: it is prepared, it is complete."""
PRODUCE = 12


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ottla.Broker]:
    config = {"transaction.state.log.num.partitions": "1"}
    with ottla.Broker(dir=tmp_path / "data", config=config) as broker:
        yield broker


def produce(who: Producer, partition: int, sequence: int) -> bytes:
    """One request with one batch of one record, whole."""
    request = produce_request(who, "t", {partition: batch_of(who, sequence, b"v")})
    sent = frame.encode_request(request, PRODUCE, correlation_id=sequence, client_id="attack")
    return struct.pack(">i", len(sent)) + sent


def test_a_batch_of_a_known_transaction_is_nobodys_decision(broker: ottla.Broker) -> None:
    """If this failed, each batch of a transaction would cost a turn of the decision thread, and
    producing in transactions would be many times slower than producing.
    """
    node = Transacting(broker.port)
    node.create("t", PARTITIONS)
    who = node.begin("x")
    lines = [Line(broker.port) for _ in range(LINES)]
    metrics = broker._node._core.metrics

    def decided() -> int:
        """How many steps of transactions there were so far."""
        return node.end_offset(TRANSACTION_STATE, 0)

    for _ in range(TRANSACTIONS):
        asked_before, decided_before = metrics()["produce.unverified"], decided()
        for at, line in enumerate(lines):
            line.send_bytes(
                b"".join(
                    produce(who, partition, sequence)
                    for sequence in range(BATCHES)
                    for partition in range(at, PARTITIONS, LINES)
                )
            )
        for line in lines:
            for _ in range(BATCHES * PARTITIONS // LINES):
                answer = frame.decode_response(ProduceResponse, line.next_frame(), PRODUCE)[1]
                assert not answer.responses[0].partition_responses[0].error_code
        assert metrics()["produce.unverified"] - asked_before == PARTITIONS
        assert decided() - decided_before == PARTITIONS
        error, who = node.end(who, commit=True)
        assert not error
        complete = decided_before + PARTITIONS + COMMIT_RECORDS
        eventually(lambda end=complete: decided() == end, "its markers are written")
    for line in (node, *lines):
        line.close()
