"""aiokafka, the asyncio client, as a black box."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from servers import Server


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or fail after half a minute."""
    asyncio.run(asyncio.wait_for(work, 30))


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_codecs(server: Server, name: Callable[[], str], codec: str | None) -> None:
    """If this failed, a batch as aiokafka compresses it would be refused or changed."""
    topic = name()
    values = [f"{i}:{'v' * (i % 97)}".encode() for i in range(300)]

    async def work() -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=server.bootstrap, compression_type=codec, enable_idempotence=True
        ) as producer:
            sent = [await producer.send(topic, v, key=b"k", partition=0) for v in values]
            assert [(await s).offset for s in sent] == list(range(300))
        async with AIOKafkaConsumer(bootstrap_servers=server.bootstrap) as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            await consumer.seek_to_beginning()
            assert [(await consumer.getone()).value for _ in values] == values

    run(work())


def test_group_shares_and_commits(server: Server, name: Callable[[], str]) -> None:
    """If this failed, aiokafka members would not share partitions or find their commits."""
    topic, group = name(), name()

    async def work() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic, num_partitions=4, replication_factor=1)])
        await admin.close()
        settings = {
            "bootstrap_servers": server.bootstrap,
            "group_id": group,
            "heartbeat_interval_ms": 200,
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
        }
        async with AIOKafkaConsumer(topic, **settings) as one:
            while len(one.assignment()) != 4:
                await one.getmany(timeout_ms=50)
            async with AIOKafkaConsumer(topic, **settings) as two:
                while (len(one.assignment()), len(two.assignment())) != (2, 2):
                    await asyncio.gather(one.getmany(timeout_ms=50), two.getmany(timeout_ms=50))
            while len(one.assignment()) != 4:
                await one.getmany(timeout_ms=50)
            partition = TopicPartition(topic, 2)
            await one.commit({partition: (5, "note")})
            assert await one.committed(partition) == 5

    run(work())


def test_offsets_for_times(server: Server, name: Callable[[], str]) -> None:
    """If this failed, aiokafka would start at a wrong record for a timestamp."""
    topic = name()

    async def work() -> None:
        partition = TopicPartition(topic, 0)
        async with AIOKafkaProducer(bootstrap_servers=server.bootstrap) as producer:
            for i in range(10):
                await producer.send_and_wait(topic, b"v", timestamp_ms=1_700_000_000_000 + i)
        async with AIOKafkaConsumer(bootstrap_servers=server.bootstrap) as consumer:
            found = await consumer.offsets_for_times({partition: 1_700_000_000_004})
            assert found[partition].offset == 4
            assert await consumer.end_offsets([partition]) == {partition: 10}

    run(work())
