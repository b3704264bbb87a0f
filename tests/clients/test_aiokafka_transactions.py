"""aiokafka's transactions, as its users know them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or fail after a minute."""
    asyncio.run(asyncio.wait_for(work, 60))


@asynccontextmanager
async def producer_of(transactional: Any, transactional_id: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that is ready to begin."""
    producer = AIOKafkaProducer(
        bootstrap_servers=transactional.bootstrap, transactional_id=transactional_id
    )
    async with producer:
        yield producer


async def read(transactional: Any, topic: str, count: int, isolation: str) -> list[str]:
    """The first records of partition 0, by aiokafka's own consumer."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=transactional.bootstrap, isolation_level=isolation
    )
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        return [(await consumer.getone()).value.decode() for _ in range(count)]


def test_commit_and_abort(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, read_committed would see what was aborted, or not what was committed."""
    topic = transactional.create(name())

    async def work() -> None:
        async with producer_of(transactional, name()) as producer:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"a", partition=0)
            with contextlib.suppress(ZeroDivisionError):
                async with producer.transaction():
                    await producer.send_and_wait(topic, b"b", partition=0)
                    raise ZeroDivisionError
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"c", partition=0)
            await producer.commit_transaction()
        assert await read(transactional, topic, 2, "read_committed") == ["a", "c"]
        assert await read(transactional, topic, 3, "read_uncommitted") == ["a", "b", "c"]

    run(work())
    transactional.seen(topic, ["a", "c"], ["a", "b", "c"])


@pytest.mark.parametrize("commits", [True, False])
def test_offsets_go_with_the_transaction(
    transactional: Any, name: Callable[[], str], commits: bool
) -> None:
    """If this failed, a group would move for a transaction that was aborted, or not for one that
    was committed.
    """
    source, sink, group = transactional.create(name()), transactional.create(name()), name()

    async def work() -> None:
        async with producer_of(transactional, name()) as producer:
            async with producer.transaction():
                for _ in range(3):
                    await producer.send_and_wait(source, b"in", partition=0)
                await producer.send_offsets_to_transaction({TopicPartition(source, 0): 1}, group)
            await producer.begin_transaction()
            await producer.send_and_wait(sink, b"out", partition=0)
            await producer.send_offsets_to_transaction({TopicPartition(source, 0): 3}, group)
            if commits:
                await producer.commit_transaction()
            else:
                await producer.abort_transaction()

    run(work())
    transactional.group_at(group, source, 3 if commits else 1)
    transactional.seen(sink, ["out"] if commits else [], ["out"])


@pytest.mark.parametrize("where", ["this process", "another process"])
def test_fenced(transactional: Any, name: Callable[[], str], where: str) -> None:
    """If this failed, two producers of one id could both commit."""
    topic, transactional_id = transactional.create(name()), name()

    async def work() -> None:
        async with producer_of(transactional, transactional_id) as first:
            await first.begin_transaction()
            await first.send_and_wait(topic, b"of the first", partition=0)
            if where == "this process":
                async with (
                    producer_of(transactional, transactional_id) as second,
                    second.transaction(),
                ):
                    await second.send_and_wait(topic, b"of another process", partition=0)
            else:
                await asyncio.to_thread(transactional.take_over, transactional_id, topic)
            with pytest.raises(ProducerFenced):
                await first.commit_transaction()

    run(work())
    transactional.seen(topic, ["of another process"], ["of the first", "of another process"])
