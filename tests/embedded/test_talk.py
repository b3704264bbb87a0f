"""What a test says to its broker in one line, and what it is told when that is not so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

import ottla
from ottla.client.errors import BrokerError
from ottla.testing.errors import NotAsExpected
from producing import end, producer_of, transact, write
from servers import eventually


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """One broker for all tests here, each with topics of its own."""
    with ottla.Broker() as broker:
        yield broker


def test_what_is_produced_is_found(broker: ottla.Broker) -> None:
    """If this failed, a test would need a client library to look into a topic."""
    broker.create_topic("orders", partitions=3, config={"retention.ms": -1})
    assert broker.produce("orders", "one", key="k", headers={"h": "x"}, partition=2) == 0
    assert broker.produce("orders", b"two", partition=2, timestamp_ms=1234) == 1
    assert broker.produce("orders", None, key=b"k", partition=0) == 0
    gone, one, two = broker.records("orders")
    assert (gone.value, gone.key, gone.partition, gone.offset) == (None, b"k", 0, 0)
    assert (one.value, one.key, one.headers) == (b"one", b"k", (("h", b"x"),))
    assert (two.value, two.timestamp_ms, two.partition, two.offset) == (b"two", 1234, 2, 1)
    assert broker.records("orders", 2) == [one, two]
    assert broker.records("orders", 1) == []
    assert "orders" in broker.topics()


def test_topics_are_the_users_own(broker: ottla.Broker) -> None:
    """If this failed, a test would have to know which topics Kafka makes for itself."""
    broker.produce("made-by-itself", "v")
    group_once(broker, "made-by-itself", "looks")
    assert "made-by-itself" in broker.topics()
    assert not [name for name in broker.topics() if name.startswith("__")]


def test_large_and_many(broker: ottla.Broker) -> None:
    """If this failed, records beyond one fetch would be left out."""
    broker.create_topic("large", config={"max.message.bytes": 6_000_000})
    for number in range(4):
        broker.produce("large", b"%d" % number + b"x" * 5_000_000)
    assert [r.value[:1] for r in broker.records("large")] == [b"0", b"1", b"2", b"3"]


def test_what_is_there_already_and_what_is_not(broker: ottla.Broker) -> None:
    """If this failed, a wrong name would be an empty topic, or a riddle."""
    broker.create_topic("twice")
    with pytest.raises(BrokerError, match="exists"):
        broker.create_topic("twice")
    with pytest.raises(BrokerError):
        broker.records("never-made")
    with pytest.raises(BrokerError):
        broker.records("twice", 7)
    with pytest.raises(BrokerError):
        broker.produce("no such name", "v")
    with pytest.raises(TypeError, match=r"(?s)not dict") as refused:
        broker.produce("twice", {"a": 1})  # type: ignore[arg-type]
    assert "json.dumps" in str(refused.value.hint)
    assert broker.produce("twice", json.dumps({"a": 1})) == 0


def test_expect_waits(broker: ottla.Broker) -> None:
    """If this failed, whoever expects would have to sleep first."""

    async def both() -> None:
        waits = asyncio.create_task(asyncio.to_thread(broker.expect, "late", ["one", "two"], 20))
        await asyncio.to_thread(broker.produce, "late", "one")
        await asyncio.to_thread(broker.produce, "late", "two")
        assert [record.offset for record in await waits] == [0, 1]

    asyncio.run(both())
    broker.expect("late", [(None, b"one"), "two"])
    broker.expect("late", ["two", "one"], any_order=True)
    broker.expect("nobody-wrote-here", [])


def test_what_was_not_expected_is_shown(broker: ottla.Broker) -> None:
    """If this failed, a red test would say that it is red, and not why."""
    for value in ("one", "three", "four"):
        broker.produce("shown", value, key="k")
    with pytest.raises(AssertionError) as failed:
        broker.expect("shown", ["one", "two", "three"], timeout=0)
    assert str(failed.value).splitlines()[1:] == [
        "  b'k': b'one'   (partition 0, offset 0)",
        "- b'two'",
        "  b'k': b'three'   (partition 0, offset 1)",
        "+ b'k': b'four'   (partition 0, offset 2)",
    ]
    with pytest.raises(NotAsExpected, match=r"(?s)- b'x'.*and 3 as expected"):
        broker.expect("shown", ["four", "one", "x", "three"], timeout=0, any_order=True)
    with pytest.raises(NotAsExpected, match=r"(?s)- b'other': b'one'"):
        broker.expect("shown", [("other", "one"), "three", "four"], timeout=0)


def test_waiting_for_a_group(broker: ottla.Broker) -> None:
    """If this failed, a test would sleep until its consumer has got there."""
    broker.create_topic("read", partitions=2)
    for number in range(6):
        broker.produce("read", str(number), partition=number % 2)
    with pytest.raises(NotAsExpected, match="neither members nor commits"):
        broker.wait_for("readers", timeout=0)
    group_once(broker, "read", "readers", count=6)
    assert broker.wait_for("readers") == 0
    broker.produce("read", "more", partition=1)
    assert broker.wait_for("readers", lag=1) == 1
    with pytest.raises(NotAsExpected, match=r"read-0 is at 3 of 3, read-1 is at 3 of 4"):
        broker.wait_for("readers", timeout=0)


def test_after_a_restart() -> None:
    """If this failed, a test of a crash could not ask its broker about it."""
    with ottla.Broker() as broker:
        broker.produce("t", "before")
        broker.kill()
        with pytest.raises(ottla.OttlaError, match="not running"):
            broker.produce("t", "meanwhile")
        broker.start()
        broker.produce("t", "after")
        broker.expect("t", ["before", "after"])


def group_once(broker: ottla.Broker, topic: str, group: str, count: int = 1) -> None:
    """Read so many records of a topic in a group, commit, and leave."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    assert len(consumer.consume(count, 20)) == count
    consumer.close()


def test_marks_and_aborted_records_are_no_lag(broker: ottla.Broker) -> None:
    """If this failed, a group that has read all that there is would be behind for ever, as marks of
    transactions have offsets of their own.
    """
    producer = producer_of(broker.bootstrap_servers, "marks")
    for commits in (True, False):
        transact(producer, "marked", "one", "two", commit=commits)
    broker.expect("marked", ["one", "two"])
    consumer = Consumer(broker.client_config("confluent-kafka", group="behind-marks"))
    consumer.commit(offsets=[TopicPartition("marked", 0, 1)], asynchronous=False)
    assert broker.wait_for("behind-marks", lag=5) == 1
    consumer.commit(offsets=[TopicPartition("marked", 0, 2)], asynchronous=False)
    assert broker.wait_for("behind-marks") == 0
    consumer.close()


def test_where_transactions_stand(broker: ottla.Broker) -> None:
    """If this failed, a test could not tell whether a job has left a transaction open."""
    producer = producer_of(broker.bootstrap_servers, "stands")

    def stands() -> str | None:
        return broker.transactions().get("stands")

    assert stands() == "Empty"
    for commits, ended in ((True, "CompleteCommit"), (False, "CompleteAbort")):
        producer.begin_transaction()
        write(producer, "stood", "v")
        assert stands() == "Ongoing"
        end(producer, commit=commits)
        eventually(lambda ended=ended: stands() == ended, ended)


def test_an_open_transaction_is_named(broker: ottla.Broker) -> None:
    """If this failed, who forgot to commit would search for records that are there; or a wait for a
    group would end before the marks are written that make them count.
    """
    broker.produce("half", "before")
    producer = producer_of(broker.bootstrap_servers, "half")
    producer.begin_transaction()
    write(producer, "half", "inside")
    broker.produce("half", "behind")
    with pytest.raises(NotAsExpected, match="- b'inside'") as failed:
        broker.expect("half", ["before", "inside", "behind"], timeout=0)
    assert "a transaction is open in half-0" in str(failed.value.hint)
    consumer = Consumer(broker.client_config("confluent-kafka", group="half"))
    consumer.commit(offsets=[TopicPartition("half", 0, 1)], asynchronous=False)
    with pytest.raises(NotAsExpected, match=r"at 1 of 3 \(open transactions begin at 1\)"):
        broker.wait_for("half", timeout=0)
    producer.abort_transaction(20)
    broker.expect("half", ["before", "behind"])
    assert broker.wait_for("half", lag=1) == 1
    consumer.close()
