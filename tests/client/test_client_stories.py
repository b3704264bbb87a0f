"""Stories of the client's own programs on an embedded node: it goes and comes back, is silent, is
left in the middle of something. Each is what once went wrong, or would cost most if it did.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ottla
from client.test_consumer import take, values
from ottla.client import (
    AsyncConsumer,
    Client,
    Closed,
    Consumer,
    MustAbort,
    NoTransaction,
    Producer,
    TimedOut,
)
from ottla.client.connecting import waiting as room
from ottla.client.membership.events import GroupGeneration
from ottla.errors import OttlaError
from servers import eventually

Name = Callable[[], str]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ottla.Broker]:
    """A node with a folder, so that it finds again what it had."""
    with ottla.Broker(dir=tmp_path / "node") as found:
        yield found


# ------------------------------------------------------------ a node that goes and comes back


def test_a_node_that_restarts_while_one_produces_and_another_consumes(
    broker: ottla.Broker,
) -> None:
    """If this failed, a restart would lose a record, or bring one twice, to whoever was at work."""
    broker.create_topic("t", partitions=2)
    goes_on = threading.Event()
    goes_on.set()
    sent: list[Any] = []
    with Producer(broker.bootstrap_servers, linger_ms=1, batch_size=200) as producer:

        def work() -> None:
            while goes_on.is_set():
                number = len(sent)
                sent.append(producer.send("t", str(number), partition=number % 2))
                sent[-1].result(60)

        thread = threading.Thread(target=work)
        thread.start()
        with Consumer(broker.bootstrap_servers, auto_offset_reset="earliest") as consumer:
            consumer.assign([("t", 0), ("t", 1)])
            records = take(consumer, 20)
            for end in (broker.kill, broker.close, broker.kill):
                end()
                broker.start()
                records += take(consumer, 20)
            goes_on.clear()
            thread.join()
            producer.flush()
            assert all(delivery.error is None for delivery in sent)
            records += take(consumer, len(sent) - len(records))
            assert consumer.poll(0.1) == []
        for partition in (0, 1):
            mine = [record for record in records if record.partition == partition]
            assert values(mine) == list(range(partition, len(sent), 2))
            offsets = [delivery.offset for delivery in sent if delivery.partition == partition]
            assert [record.offset for record in mine] == offsets


def test_a_member_whose_coordinator_restarts(broker: ottla.Broker) -> None:
    """If this failed, a restart would cost a member its place, or its group what it committed."""
    broker.create_topic("t")
    own = {"group_id": "g", "auto_offset_reset": "earliest"}
    with Producer(broker.bootstrap_servers) as producer:
        with Consumer(broker.bootstrap_servers, **own, enable_auto_commit=False) as consumer:
            consumer.subscribe(["t"])
            for number in range(3):
                producer.send("t", str(number)).result(60)
                assert values(take(consumer, 1)) == [number]
                consumer.commit()
                broker.kill()
                broker.start()
            assert consumer.poll(0.2) == []
            producer.send("t", "3").result(60)
            assert values(take(consumer, 1)) == [3]
            assert consumer.committed([("t", 0)])[("t", 0)].offset == 3
        with Consumer(broker.bootstrap_servers, **own) as another:
            another.subscribe(["t"])
            assert values(take(another, 1)) == [3]


def test_a_topic_that_is_made_anew(broker: ottla.Broker) -> None:
    """If this failed, who writes to a name would write to what is gone, or stop for good."""
    broker.create_topic("t")
    with Producer(broker.bootstrap_servers) as producer:
        for _ in range(3):
            producer.send("t", "old").result(20)
        broker.delete_topic("t")
        broker.create_topic("t")
        assert producer.send("t", "new").result(20).offset == 0
        assert producer.send("t", "newer").result(20).offset == 1
    assert [record.value for record in broker.records("t")] == [b"new", b"newer"]


# ------------------------------------------------------------ transactions that are left


@pytest.fixture
def producer(broker: ottla.Broker) -> Iterator[Producer]:
    """One with transactions, on a topic that is there."""
    broker.create_topic("t")
    with Producer(
        broker.bootstrap_servers, transactional_id="x", linger_ms=0, request_timeout_ms=500
    ) as found:
        yield found


def committed_values(broker: ottla.Broker) -> list[bytes | None]:
    """What readers of what is committed get."""
    return [record.value for record in broker.records("t")]


def test_who_calls_again_hears_how_it_went(broker: ottla.Broker, producer: Producer) -> None:
    """If this failed, nobody would know whether a transaction counts whose end took too long."""
    for api, call in (
        ("InitProducerId", producer.init_transactions),
        ("EndTxn", producer.commit_transaction),
        ("EndTxn", producer.abort_transaction),
    ):
        if api == "EndTxn":
            producer.begin_transaction()
            producer.send("t", call.__name__).result(20)
        broker.faults.slow(300, api=api, times=1)
        with pytest.raises(TimedOut, match="has not done it"):
            call(0.05)
        transactions = producer._transactions
        assert transactions is not None
        eventually(lambda of=transactions: of.state == "ready", "it is done, and nobody heard")
        call()
        with pytest.raises(NoTransaction):
            call()
    assert committed_values(broker) == [b"commit_transaction"]


def test_what_comes_back_after_an_abort_is_not_part_of_the_next(
    broker: ottla.Broker, producer: Producer
) -> None:
    """If this failed, a record that was aborted would count with the next transaction."""
    producer.init_transactions()
    broker.faults.hold(api="Produce", times=1)
    producer.begin_transaction()
    lost = producer.send("t", "aborted")
    eventually(lambda: broker.faults.events, "it is held")
    producer.abort_transaction()
    producer.begin_transaction()
    producer.send("t", "good")
    producer.commit_transaction()
    assert lost.error is not None
    assert committed_values(broker) == [b"good"]


def test_a_refusal_that_comes_after_the_abort_ends_nothing(
    broker: ottla.Broker, producer: Producer
) -> None:
    """If this failed, an offset that came too late would end the producer for good."""
    producer.init_transactions()
    producer.begin_transaction()
    producer.send("t", "aborted").result(20)
    broker.faults.slow(300, api="TxnOffsetCommit")
    who = GroupGeneration("g", "nobody", None, 7)
    with pytest.raises(TimedOut):
        producer.send_offsets_to_transaction({("t", 0): 1}, who, 0.05)
    producer.abort_transaction()
    producer.begin_transaction()
    producer.send("t", "good")
    producer.commit_transaction()
    assert committed_values(broker) == [b"good"]


def test_who_closes_in_a_transaction_aborts_it(broker: ottla.Broker, producer: Producer) -> None:
    """If this failed, a program that fails in a transaction would stop all readers of what is
    committed for a minute.
    """
    producer.init_transactions()
    producer.begin_transaction()
    producer.send("t", "half").result(20)
    producer.close()
    broker.produce("t", "after")
    with Consumer(
        broker.bootstrap_servers, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign([("t", 0)])
        assert [record.value for record in take(consumer, 1)] == [b"after"]


def test_a_transaction_that_failed_is_aborted_by_close(
    broker: ottla.Broker, producer: Producer
) -> None:
    """If this failed, so would the end of every program that meets an error in a transaction."""
    producer.init_transactions()
    producer.begin_transaction()
    producer.send("t", "half").result(20)
    broker.faults.answer("Produce", "MESSAGE_TOO_LARGE", times=1)
    with pytest.raises(OttlaError):
        producer.send("t", "more").result(20)
    with pytest.raises(MustAbort):
        producer.commit_transaction()
    producer.close()
    assert committed_values(broker) == []


# ------------------------------------------------------------ batches that wait


def test_a_batch_behind_one_that_was_given_up_goes_on(broker: ottla.Broker) -> None:
    """If this failed, it would wait until its own time is over, and fail too."""
    broker.create_topic("t")
    with Producer(
        broker.bootstrap_servers,
        linger_ms=0,
        retry_backoff_ms=1000,
        request_timeout_ms=300,
        delivery_timeout_ms=600,
    ) as producer:
        producer.send("t", "0").result(20)
        broker.faults.answer("Produce", "NOT_ENOUGH_REPLICAS", times=1)
        given_up = producer.send("t", "1")
        eventually(lambda: given_up.done, "it is too late")
        assert producer.send("t", "2").result(20).offset == 1
        assert isinstance(given_up.error, TimedOut)
        assert "in sync" in str(given_up.error)


# ------------------------------------------------------------ closing, and waiting


def test_close_keeps_its_own_time(broker: ottla.Broker) -> None:
    """If this failed, a coordinator that is silent would hold up the end of a program."""
    broker.create_topic("t")
    broker.produce("t", "0")
    consumer = Consumer(
        broker.bootstrap_servers,
        group_id="g",
        auto_offset_reset="earliest",
        default_api_timeout_ms=3_600_000,
        request_timeout_ms=3_000_000,
    )
    consumer.subscribe(["t"])
    take(consumer, 1)
    broker.faults.hold(api="OffsetCommit")
    consumer.close(timeout=0.2)


def test_who_polls_while_another_thread_closes_hears_of_it(broker: ottla.Broker) -> None:
    """If this failed, a thread would wait in poll() for ever, with a client that others share."""
    broker.create_topic("t")
    said: list[OttlaError] = []
    with Client(broker.bootstrap_servers) as client:
        consumer = Consumer(client=client)
        consumer.assign([("t", 0)])
        consumer.poll(0.1)

        def work() -> None:
            try:
                consumer.poll(3600)
            except OttlaError as error:
                said.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        eventually(lambda: client.waiting._waiters or client.waiting._watching, "it waits")
        consumer.close()
        thread.join()
    assert [type(error) for error in said] == [Closed]


def test_a_loop_is_free_for_its_callbacks(broker: ottla.Broker) -> None:
    """If this failed, a coroutine that is called back would be waited for by its own loop."""
    broker.create_topic("t")
    broker.produce("t", "0")
    given: list[Any] = []

    async def on_assign(places: list[Any]) -> None:
        given.extend(places)

    async def test() -> None:
        async with AsyncConsumer(
            broker.bootstrap_servers, group_id="g", auto_offset_reset="earliest"
        ) as consumer:
            consumer.subscribe(["t"], on_assign=on_assign)
            member = consumer.consumer._member
            assert member is not None
            consumer.consumer._tend()
            eventually(lambda: member.has_event, "it was given something")
            consumer.consumer._tend()
            assert given == []
            while not await consumer.poll(1):
                pass

    asyncio.run(test())
    assert given == [("t", 0)]


def test_a_wake_up_between_two_is_no_wake_up_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a record could lie in a producer until something else happened."""
    waiting = room.Waiting()
    waiting.share()
    read = os.read

    def read_late(descriptor: int, count: int) -> bytes:
        monkeypatch.setattr(os, "read", read)
        waiting.wake()  # of another thread, in the middle of it
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", read_late)
    waiting.wake()
    waiting.wait_for(lambda: os.read is read, waiting.now_ms() + 1000)
    assert waiting._pipe is not None
    waiting.wake()
    assert read(waiting._pipe[0], 1) == b"\0"
    waiting.close()
