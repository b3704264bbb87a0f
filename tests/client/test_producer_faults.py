"""Our own producer against a node that loses connections and answers, is slow, silent, or begins
anew: what was acknowledged is there once, where it was said to be, and in order.

Chance says what is sent and what goes wrong between; a failing example is told by hypothesis.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import ottla
from ottla.client import Consumer, Delivery, Producer
from ottla.errors import OttlaError

PARTITIONS = 3
QUICK = {
    "linger_ms": 0,
    "batch_size": 64,
    "retry_backoff_ms": 5,
    "retry_backoff_max_ms": 20,
    "request_timeout_ms": 300,
    "delivery_timeout_ms": 15_000,
}
"""So that a fault costs no time, and a few records are many batches."""

_numbers = itertools.count()

send = st.tuples(st.just("send"), st.integers(0, PARTITIONS - 1), st.integers(1, 12))
wait = st.tuples(st.just("wait"))
times = st.integers(1, 2)
nth = st.integers(1, 3)
refusals = st.sampled_from(
    [
        "NOT_LEADER_OR_FOLLOWER",
        "NOT_ENOUGH_REPLICAS",
        "UNKNOWN_TOPIC_OR_PARTITION",
        "COORDINATOR_NOT_AVAILABLE",
    ]
)
apis = st.sampled_from(["Produce", "Produce", "Produce", "Metadata", "InitProducerId"])
fault = st.one_of(
    st.tuples(st.sampled_from(["cut", "drop_reply", "hold", "repeat"]), apis, nth),
    st.tuples(st.just("slow"), apis, nth, st.integers(1, 200)),
    st.tuples(st.just("answer"), st.just("Produce"), nth, refusals),
)
too_large = st.tuples(st.just("send_too_large"), st.integers(0, PARTITIONS - 1))
restart = st.tuples(st.just("restart"))
steps = st.lists(
    st.one_of(send, send, send, fault, fault, fault, wait, too_large, restart),
    min_size=4,
    max_size=14,
)


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """One for all examples, of which each has a topic of its own."""
    with tempfile.TemporaryDirectory() as folder, ottla.Broker(dir=folder) as found:
        yield found


def new_topic(broker: ottla.Broker) -> str:
    """A fresh one, in which a large record is refused."""
    topic = f"faulty-{next(_numbers)}"
    broker.create_topic(topic, partitions=PARTITIONS, config={"max.message.bytes": "4000"})
    return topic


def do_fault(broker: ottla.Broker, step: tuple[object, ...], who: str) -> None:
    """Let that go wrong with the producer's requests."""
    kind, api, number, *more = step
    faults = broker.faults
    match kind:
        case "slow":
            faults.slow(int(str(more[0])), api=str(api), nth=int(str(number)), client_id=who)
        case "answer":
            faults.answer(str(api), str(more[0]), nth=int(str(number)), client_id=who)
        case _:
            getattr(faults, str(kind))(api=str(api), nth=int(str(number)), client_id=who)


def logs(broker: ottla.Broker, topic: str) -> dict[int, dict[int, bytes]]:
    """What is there: the value at each offset of each partition."""
    found: dict[int, dict[int, bytes]] = defaultdict(dict)
    for record in broker.records(topic):
        found[record.partition][record.offset] = record.value or b""
    return found


def check(sent: list[tuple[str, Delivery]], found: dict[int, dict[int, bytes]]) -> None:
    """What has to hold when all has ended."""
    assert all(delivery.done for _, delivery in sent)
    there = Counter(value for log in found.values() for value in log.values())
    assert not set(there) - {value.encode() for value, _ in sent}, "nobody sent that"
    assert [value for value, count in there.items() if count > 1] == [], "written twice"
    last: dict[int, int] = {}
    for value, delivery in sent:
        if delivery.error is not None:
            continue
        place = [
            (number, offset)
            for number, log in found.items()
            for offset, other in log.items()
            if other == value.encode()
        ]
        assert place, f"{value} was acknowledged, and is not there"
        (number, offset) = place[0]
        assert number == delivery.partition
        assert delivery.offset in (offset, -1), "a leader that knew it already may say no offset"
        assert offset > last.get(number, -1), "out of order"
        last[number] = offset


@example(
    story=[
        ("send", 0, 1),
        ("send", 1, 1),
        ("wait",),
        ("drop_reply", "Produce", 1),
        ("send", 0, 1),
        ("send_too_large", 1),
        ("send", 1, 3),
    ]
)
@example(story=[("send", 0, 12), ("drop_reply", "Produce", 1), ("send", 0, 12), ("restart",)])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(story=steps)
def test_what_was_acknowledged_is_there_once(
    broker: ottla.Broker, story: list[tuple[object, ...]]
) -> None:
    """If this failed, a fault would lose a record, double it, or change its place."""
    topic, who = new_topic(broker), f"who-{next(_numbers)}"
    sent: list[tuple[str, Delivery]] = []
    with Producer(broker.bootstrap_servers, client_id=who, **QUICK) as producer:
        for step in story:
            match step:
                case ("send", int() as partition, int() as count):
                    for _ in range(count):
                        value = f"{len(sent)} {'x' * 20}"
                        sent.append((value, producer.send(topic, value, partition=partition)))
                case ("send_too_large", int() as partition):
                    value = f"{len(sent)} {'x' * 8000}"
                    sent.append((value, producer.send(topic, value, partition=partition)))
                case ("wait",):
                    with contextlib.suppress(OttlaError):
                        sent[-1][1].result(20) if sent else None
                case ("restart",):
                    broker.kill()
                    broker.start()
                case _:
                    do_fault(broker, step, who)
        producer.flush(20)
    broker.faults.clear()
    refused = [value for value, delivery in sent if delivery.error is not None]
    assert all(len(value) > 4000 for value in refused), "whatever passes does not end a delivery"
    check(sent, logs(broker, topic))


transactional_apis = st.sampled_from(
    ["Produce", "EndTxn", "TxnOffsetCommit", "InitProducerId", "FindCoordinator"]
)
transactional_fault = st.one_of(
    st.tuples(st.sampled_from(["cut", "drop_reply", "hold", "repeat"]), transactional_apis, nth),
    st.tuples(st.just("answer"), st.just("Produce"), nth, refusals),
    st.tuples(
        st.just("answer"),
        st.just("EndTxn"),
        nth,
        st.sampled_from(["NOT_COORDINATOR", "CONCURRENT_TRANSACTIONS"]),
    ),
)
transaction = st.tuples(
    st.lists(transactional_fault, max_size=2),
    st.lists(st.integers(0, PARTITIONS - 1), max_size=6),
    st.sampled_from(["commit", "commit", "abort"]),
    st.booleans(),
)


@example(
    story=[
        ([("hold", "Produce", 1)], [0, 1], "abort", False),
        ([], [0, 1], "commit", True),
    ]
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(story=st.lists(transaction, min_size=1, max_size=5))
def test_what_was_committed_is_there_once_and_what_was_aborted_is_not(
    broker: ottla.Broker,
    story: list[tuple[list[tuple[object, ...]], list[int], str, bool]],
) -> None:
    """If this failed, part of a transaction would be lost, doubled, or count with the next one."""
    topic, who = new_topic(broker), f"who-{next(_numbers)}"
    wanted: list[tuple[str, Delivery]] = []
    offset = 0
    number = itertools.count()
    with Producer(
        broker.bootstrap_servers, client_id=who, transactional_id=who, **QUICK
    ) as producer:
        producer.init_transactions(60)
        for faults, partitions, end, has_offsets in story:
            for step in faults:
                do_fault(broker, step, who)
            producer.begin_transaction()
            mine = []
            for partition in partitions:
                value = f"{next(number)} {'x' * 20}"
                mine.append((value, producer.send(topic, value, partition=partition)))
            if has_offsets:
                producer.send_offsets_to_transaction({(topic, 0): offset + 1}, who, 60)
            if end == "commit":
                producer.commit_transaction(60)
                wanted += mine
                offset += has_offsets
            else:
                producer.abort_transaction(60)
    broker.faults.clear()
    check(wanted, logs(broker, topic))
    assert all(delivery.error is None for _, delivery in wanted)
    with Consumer(broker.bootstrap_servers, group_id=who) as consumer:
        told = consumer.committed([(topic, 0)])
    assert (told[(topic, 0)].offset if told else 0) == offset
