"""The client for asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import ottla
from ottla.client import (
    AsyncConsumer,
    AsyncProducer,
    BrokerError,
    Closed,
    Consumer,
    OffsetAndMetadata,
    Producer,
    TimedOut,
)
from servers import eventually

Test = Callable[[ottla.Broker], Awaitable[None]]


def run(test: Test) -> None:
    """Run a coroutine beside a broker; nothing may be left of it."""
    with ottla.Broker() as broker:
        broker.create_topic("t")
        before = set(threading.enumerate())
        asyncio.run(test(broker))  # type: ignore[arg-type]
        assert set(threading.enumerate()) == before


def test_records_go_and_come() -> None:
    """If this failed, an asyncio program could neither write nor read."""

    async def test(broker: ottla.Broker) -> None:
        async with AsyncProducer(broker.bootstrap_servers) as producer:
            first = await producer.send_and_wait("t", "0", key="k", headers=[("h", b"1")])
            assert first.offset == 0
            sent = [await producer.send("t", str(number)) for number in range(1, 100)]
            assert [delivery.offset for delivery in await asyncio.gather(*sent)] == [*range(1, 100)]
        told: list[Any] = []

        async def assigned(places: list[Any]) -> None:
            told.append((threading.current_thread(), places))

        settings = {"group_id": "g", "auto_offset_reset": "earliest", "enable_auto_commit": False}
        async with AsyncConsumer(broker.bootstrap_servers, **settings) as consumer:
            consumer.subscribe(["t"], on_assign=assigned)
            found = []
            async for record in consumer:
                found.append(int(record.value or b""))
                if len(found) == 100:
                    break
            assert found == [*range(100)]
            assert told == [(threading.main_thread(), [("t", 0)])]
            await consumer.commit()
            assert (await consumer.committed([("t", 0)]))[("t", 0)].offset == 100
            assert await consumer.position(("t", 0)) == 100
            assert await consumer.poll(0.05) == []
            consumer.seek(("t", 0), 50)
            assert sum(len(batch.records()) for batch in await consumer.batches(10)) == 50

    run(test)


def test_a_transaction() -> None:
    """If this failed, an asyncio program could not write all or nothing."""

    async def test(broker: ottla.Broker) -> None:
        async with AsyncProducer(broker.bootstrap_servers, transactional_id="x") as producer:
            await producer.init_transactions()
            for commits in (True, False):
                producer.begin_transaction()
                await producer.send("t", str(commits))
                await producer.send_offsets_to_transaction({("t", 0): 1}, "g")
                if commits:
                    await producer.commit_transaction()
                else:
                    await producer.abort_transaction()
        assert [record.value for record in broker.records("t")] == [b"True"]

    run(test)


def test_the_loop_goes_on_meanwhile() -> None:
    """If this failed, a wait for records would stop everything else in the loop."""

    async def test(broker: ottla.Broker) -> None:
        async with AsyncConsumer(
            broker.bootstrap_servers, auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign([("t", 0)])
            polled = asyncio.create_task(consumer.poll(30))
            async with AsyncProducer(broker.bootstrap_servers) as producer:
                await producer.send_and_wait("t", "x")
            assert [record.value for record in await polled] == [b"x"]
            waits = asyncio.create_task(consumer.poll(30))
            waits.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waits

    run(test)


def test_a_busy_loop_loses_no_partition() -> None:
    """If this failed, a loop that computes for a while would be thrown out of its group."""

    async def test(broker: ottla.Broker) -> None:
        lost: list[Any] = []
        settings = {"group_id": "g", "session_timeout_ms": 6000, "heartbeat_interval_ms": 100}
        async with AsyncConsumer(broker.bootstrap_servers, **settings) as consumer:
            consumer.subscribe(["t"], on_lost=lost.extend)
            while not consumer.assignment:
                await consumer.poll(0.1)
            broker.clock.freeze()
            before = consumer.group_metadata()
            broker.faults.slow(0, api="Heartbeat")
            for beats in range(1, 6):
                # The loop is blocked, as a program's may be.
                eventually(lambda b=beats: len(broker.faults.events) >= b, "it beats")
                broker.clock.advance(3)
            await consumer.poll(0.1)
            assert consumer.group_metadata() == before
            assert not lost

    run(test)


def test_what_can_not_be_written_is_told() -> None:
    """If this failed, a coroutine would hang, or go on as if it were written."""

    async def test(broker: ottla.Broker) -> None:
        producer = AsyncProducer(broker.bootstrap_servers, max_block_ms=200)
        with pytest.raises(BrokerError, match="bad topic"):
            await producer.send("bad topic", "x")
        await producer.close()
        with pytest.raises(Closed):
            await producer.send("t", "x")
        nobody = AsyncProducer("127.0.0.1:1", max_block_ms=200)
        with pytest.raises(TimedOut, match="refused"):
            await nobody.send("t", "x")
        await nobody.close()

    run(test)


def test_a_callback_commits() -> None:
    """If this failed, what a rebalance callback is for would be a deadlock."""

    async def test(broker: ottla.Broker) -> None:
        broker.produce("t", "x")
        found: list[OffsetAndMetadata] = []
        own = {"bootstrap.servers": broker.bootstrap_servers, "enable.auto.commit": "false"}
        async with AsyncConsumer(own, group_id="g", auto_offset_reset="earliest") as consumer:

            async def on_revoke(_: object) -> None:
                await consumer.commit()
                found.extend((await consumer.committed([("t", 0)])).values())

            consumer.subscribe(["t"], on_revoke=on_revoke)
            assert await consumer.poll(20)
        assert [at.offset for at in found] == [1]

    run(test)


def test_who_is_cancelled_ends() -> None:
    """If this failed, a task that reads would go on after Ctrl-C or a time-out."""

    async def test(broker: ottla.Broker) -> None:
        at = broker.bootstrap_servers
        async with AsyncConsumer(at) as consumer, AsyncProducer(at, linger_ms=0) as producer:
            consumer.assign([("t", 0)])

            async def read() -> None:
                while True:
                    await consumer.poll(1)

            async def write() -> None:
                while True:
                    await producer.send("t", "x")

            for number in range(30):
                tasks = [asyncio.create_task(read()), asyncio.create_task(write())]
                for _ in range(number):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                _, pending = await asyncio.wait(tasks, timeout=20)
                assert not pending

    run(test)


def test_a_cancelled_close_leaves_the_loop_free() -> None:
    """If this failed, a time-out around close() would stop the loop, for ever if a callback waits
    for it.
    """

    async def test(broker: ottla.Broker) -> None:
        broker.produce("t", "x")
        own = {"bootstrap.servers": broker.bootstrap_servers, "auto.offset.reset": "earliest"}
        consumer = AsyncConsumer(own, group_id="g")
        revoked = asyncio.Event()
        goes_on = asyncio.Event()

        async def on_revoke(_: object) -> None:
            revoked.set()
            await goes_on.wait()

        consumer.subscribe(["t"], on_revoke=on_revoke)
        assert await consumer.poll(20)
        closing = asyncio.create_task(consumer.close())
        await asyncio.wait_for(revoked.wait(), 20)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        goes_on.set()
        while "ottla-client" in {thread.name for thread in threading.enumerate()}:
            await asyncio.sleep(0)
        while any("ottla-aio" in thread.name for thread in threading.enumerate()):
            await asyncio.sleep(0)

    run(test)


@pytest.mark.parametrize("pair", [(Producer, AsyncProducer), (Consumer, AsyncConsumer)])
def test_what_one_can_do_the_other_can(pair: tuple[type, type]) -> None:
    """If this failed, a program would have to reach through to the object of the threads."""
    of_threads, of_loops = ({n for n in dir(one) if not n.startswith("_")} for one in pair)
    habits = {name for name in of_threads if not callable(getattr(pair[0], name))}
    assert of_threads - of_loops <= habits - {"assignment", "paused"}


def test_a_transaction_is_a_block() -> None:
    """If this failed, a task that fails or is cancelled would leave a transaction open."""

    async def test(broker: ottla.Broker) -> None:
        at = broker.bootstrap_servers
        reading = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
        async with AsyncProducer(at, transactional_id="x") as producer:
            await producer.init_transactions()
            assert await producer.partitions_for("t") == [0]
            async with producer.transaction():
                await producer.send("t", "kept")

            async def broken_off(by: Awaitable[object]) -> None:
                async with producer.transaction():
                    await producer.send("t", "dropped")
                    await by

            async def failure() -> None:
                raise ZeroDivisionError

            task = asyncio.create_task(broken_off(asyncio.sleep(3600)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=20)
            with pytest.raises(ZeroDivisionError):
                await broken_off(failure())
            async with producer.transaction():
                await producer.send("t", "kept too")
            assert producer.metrics()
        async with AsyncConsumer(at, **reading) as consumer:
            consumer.assign([("t", 0)])
            found: list[Any] = []
            while len(found) < 2:
                found += await consumer.poll(20)
            assert [record.value for record in found] == [b"kept", b"kept too"]

    run(test)


def test_a_consumer_moves_and_rests() -> None:
    """If this failed, a program with a loop could not step back, skip or hold a partition."""

    async def test(broker: ottla.Broker) -> None:
        for number in range(4):
            broker.produce("t", str(number), timestamp_ms=1_000 * number)
        place = ("t", 0)
        async with AsyncConsumer(broker.bootstrap_servers) as consumer:

            async def first() -> bytes | None:
                (record,) = await consumer.poll(20, max_records=1)
                return record.value

            consumer.assign([(*place, 1)])
            assert (consumer.assignment, await first()) == ([place], b"1")
            consumer.seek_to_beginning()
            assert await first() == b"0"
            consumer.seek(place, 3)
            assert await first() == b"3"
            consumer.seek_to_time(2_000)
            assert await first() == b"2"
            consumer.pause([place])
            assert (consumer.paused, await consumer.poll(0.05)) == ([place], [])
            consumer.resume([place])
            assert await first() == b"3"
            consumer.seek_to_end([place])
            assert await consumer.position(place) == 4
            consumer.wakeup()
            assert await consumer.poll(3600) == []
            assert consumer.metrics()
            await consumer.unsubscribe()
            assert consumer.assignment == []

    run(test)


def test_a_cancelled_block_does_not_wait_for_the_cluster() -> None:
    """If this failed, Ctrl-C in a transaction would wait for as long as records may be tried."""

    async def test(broker: ottla.Broker) -> None:
        at = broker.bootstrap_servers
        async with AsyncProducer(at, transactional_id="x") as producer:
            await producer.init_transactions()
            broker.faults.answer("Produce", "NOT_LEADER_OR_FOLLOWER", 1000)
            flushes = asyncio.Event()

            async def block() -> None:
                async with producer.transaction():
                    await producer.send("t", "x")
                    flushes.set()
                    await producer.flush()

            task = asyncio.create_task(block())
            await flushes.wait()
            await asyncio.sleep(0)
            task.cancel()
            _, pending = await asyncio.wait([task], timeout=20)
            assert not pending
            broker.faults.clear()

    run(test)
