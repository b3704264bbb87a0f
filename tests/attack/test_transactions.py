"""Producers of transactions that do what no client should, against a running node: each is told
what 4.3.1 tells them, nobody's records count that should not, and nothing is held up after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ottla
from attack.faults import HELD, Fault, disk_faults
from attack.line import Line
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import describe_transactions
from servers import eventually
from transacting import Producer, Transacting, batch_of, produce_request

NONE = ErrorCode.NONE
CONFIG = {
    "transaction.state.log.num.partitions": "2",
    "offsets.topic.num.partitions": "1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ottla.Broker]:
    with ottla.Broker(dir=tmp_path / "data", config=CONFIG) as broker:
        yield broker


@pytest.fixture
def node(broker: ottla.Broker) -> Iterator[Transacting]:
    """A node with the topics t of two partitions and u of one."""
    node = Transacting(broker.port)
    node.create("t", 2)
    node.create("u")
    yield node
    node.close()


def code(node: Transacting, who: Producer | None, batch: bytes, version: int = 0) -> ErrorCode:
    """What Produce is told for t-0."""
    return ErrorCode(node.produce(who, "t", {0: batch}, version)[0].error_code)


@pytest.mark.parametrize("newer", [True, False], ids=["newer", "older"])
def test_batches_outside_of_a_transaction(node: Transacting, newer: bool) -> None:
    """A record of a transaction that no coordinator knows would hold readers back for ever."""
    who = node.begin("x", newer=newer)
    unknown = who._replace(id=who.id + 1000)
    stranger = who._replace(key="nobody")
    # Without an id in the request nobody may write in one.
    nameless = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert code(node, None, batch_of(who, 0, b"a")) == nameless
    assert code(node, unknown, batch_of(unknown, 0, b"a")) == ErrorCode.INVALID_PRODUCER_ID_MAPPING
    assert code(node, stranger, batch_of(who, 0, b"a")) == ErrorCode.INVALID_PRODUCER_ID_MAPPING
    if not newer:
        told = code(node, who, batch_of(who, 0, b"a"))
        assert told == ErrorCode.TRANSACTION_ABORTABLE
        assert code(node, who, batch_of(who, 0, b"a"), 10) == ErrorCode.INVALID_TXN_STATE
    node.sees("t", 0)
    node.write(who, "t", 0, b"kept")
    node.finish(who, commit=True)
    node.sees("t", 0, b"kept")


@pytest.mark.parametrize("newer", [True, False], ids=["newer", "older"])
def test_a_fenced_producer(node: Transacting, newer: bool) -> None:
    """Two instances of one job would both count."""
    old = node.begin("x", newer=newer)
    node.write(old, "t", 0, b"lost")
    new = node.begin("x", newer=newer)
    assert code(node, old, batch_of(old, 1, b"late")) == ErrorCode.INVALID_PRODUCER_EPOCH
    assert node.end(old, commit=True)[0] == ErrorCode.PRODUCER_FENCED
    node.ready("g", 0)
    refused = (ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED)
    told = node.given(lambda: [node.offset_committed(old, "g", "t", 3)], lambda codes: codes)
    assert told[0] in refused
    ahead = new._replace(epoch=new.epoch + 5)
    assert code(node, ahead, batch_of(ahead, 0, b"ahead")) == ErrorCode.INVALID_PRODUCER_EPOCH
    node.write(new, "t", 0, b"kept")
    node.finish(new, commit=True)
    node.sees("t", 0, b"kept")
    assert node.group_offset("g", "t") == -1


def test_control_batches_and_two_producers(node: Transacting) -> None:
    """A client could end other people's transactions, or hide one producer behind another."""
    who, other = node.begin("x"), node.begin("y")
    node.write(who, "t", 0, b"kept")
    marker = batch_of(who, -1, b"\0\0\0\0\0\0", control=True)
    assert code(node, who, marker) == ErrorCode.INVALID_RECORD
    assert code(node, None, marker) == ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    answers = node.produce(who, "t", {0: batch_of(who, 1, b"a"), 1: batch_of(other, 0, b"b")})
    assert {row.error_code for row in answers.values()} == {ErrorCode.INVALID_PRODUCER_ID_MAPPING}
    assert node.open_in("t", 0) == [who.id]
    assert node.open_in("t", 1) == []
    node.finish(who, commit=True)
    node.sees("t", 0, b"kept")


def test_a_transaction_that_nobody_can_name_twice(node: Transacting) -> None:
    """A few bytes would bring a whole transaction each."""
    who = node.begin("x")
    node.write(who, "t", 0, b"a")
    request = describe_transactions.DescribeTransactionsRequest(transactional_ids=["x"] * 50)
    assert len(node.line.ask(request, 0).transaction_states) == 1


LONG = ("a" * 40, "ab" * 400, "a" * 3000 + "!")
BOMBS = {
    "(a+)+$": [LONG[0]],
    "(a|a)*b": [],
    "(.*a){60}.*b": [LONG[1]],
    "(a|b)*a(a|b){200}": [],
    "((a*)*)*b": [],
    "(((a?){9}){9}){9}b": [],
}


def test_patterns_that_would_take_for_ever(node: Transacting) -> None:
    """One request would end the node for all others."""
    for name in LONG:
        node.begin(name)
    for bomb, matched in BOMBS.items():
        answer = node.listed(bomb)
        if answer.error_code != ErrorCode.INVALID_REGULAR_EXPRESSION:
            assert answer.error_code == NONE
            assert [one.transactional_id for one in answer.transaction_states] == matched, bomb
    for refused in ("(", "(?=a)", "\\p{Greek}", "a{1000}" * 9, "(" * 500 + ")" * 500):
        assert node.listed(refused).error_code == ErrorCode.INVALID_REGULAR_EXPRESSION
    assert [one.transactional_id for one in node.listed("(ab)+").transaction_states] == [LONG[1]]


def test_clients_that_hang_up_while_they_wait(broker: ottla.Broker, node: Transacting) -> None:
    """What waits for a transaction to end would be kept for who is gone, or hold up who comes."""
    who = node.begin("x")
    node.write(who, "t", 0, b"one")
    with disk_faults(broker, Fault("write", "t-0/*.log", "ENOSPC")):
        told, after = node.end(who, commit=True)
        assert told == NONE
        for _ in range(150):  # more than may wait: the markers of the one before are not written
            line = Line(broker.port)
            line.send(produce_request(after, "u", {0: batch_of(after, 0, b"gone")}), 12)
            line.close(reset=True)
        refused = node.produce(after, "u", {0: batch_of(after, 0, b"gone")})[0].error_code
        assert refused == ErrorCode.CONCURRENT_TRANSACTIONS
    node.until("x", "CompleteCommit", "Ongoing")
    after = node.begin("x")
    node.write(after, "u", 0, b"two")
    node.finish(after, commit=True)
    node.sees("t", 0, b"one")
    node.sees("u", 0, b"two")


def test_clients_that_hang_up_while_they_are_verified(
    broker: ottla.Broker, node: Transacting
) -> None:
    """A partition would stay entered for a batch that nobody sent any more, and hang, or the
    request's memory be kept.
    """
    who = node.begin("x")
    state = Fault("write", "__transaction_state-*/*.log", delay_ms=HELD, errno="", times=1)
    with disk_faults(broker, state) as fired:
        for _ in range(20):
            line = Line(broker.port)
            line.send(produce_request(who, "t", {0: batch_of(who, 0, b"one")}), 12)
            line.close(reset=True)
        eventually(lambda: fired()[0], "the coordinator writes the partition down")
    node.until("x", "Ongoing")
    node.write(who, "t", 0, b"one")
    node.finish(who, commit=True)
    node.sees("t", 0, b"one")
