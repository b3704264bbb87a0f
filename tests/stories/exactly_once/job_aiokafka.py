"""The job with aiokafka, which leaves at the first trouble.

Its consumer does not ask for stable offsets, so it must not ask at all while a transaction of its
predecessor may be open: its producer, which ends those, is started before it, and when the group
moves later on the job leaves and is started anew.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import KafkaError

from stories.exactly_once import job
from stories.exactly_once.judge import ABORT


class Moves(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts how often the group gave partitions to this job."""

    def __init__(self) -> None:
        self.count = 0

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Nothing is open then."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Again."""
        self.count += 1
        job.tell("assigned", partitions=sorted(p.partition for p in assigned))


async def transaction(
    spec: job.Spec,
    chances: job.Chances,
    producer: AIOKafkaProducer,
    consumer: AIOKafkaConsumer,
    batch: dict[TopicPartition, list[Any]],
) -> None:
    """One batch, and back to its begin if it was aborted."""
    fate = chances.fate()
    await producer.begin_transaction()
    sent = []
    for records in batch.values():
        for record in records:
            to, value = chances.output(*(int(n) for n in record.value.split()), fate)
            sent.append(await producer.send(spec.sink, value, partition=to))
    await asyncio.gather(*sent)
    if fate != ABORT or chances.even():
        ends = {p: records[-1].offset + 1 for p, records in batch.items()}
        await producer.send_offsets_to_transaction(ends, spec.group)
    if fate != ABORT:
        with chances.commit():
            await producer.commit_transaction()
        return
    await producer.abort_transaction()
    job.tell("aborted", why="on purpose")
    for partition, records in batch.items():
        consumer.seek(partition, records[0].offset)


async def work(spec: job.Spec) -> None:
    """Until SIGTERM."""
    chances, moves = job.Chances(spec), Moves()
    producer = AIOKafkaProducer(
        bootstrap_servers=spec.bootstrap,
        transactional_id=spec.group,
        transaction_timeout_ms=spec.transaction_timeout_ms,
        retry_backoff_ms=20,
    )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=spec.bootstrap,
        group_id=spec.group,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=spec.session_timeout_ms,
        heartbeat_interval_ms=200,
        rebalance_timeout_ms=spec.session_timeout_ms,
        fetch_max_wait_ms=20,
        retry_backoff_ms=20,
    )
    async with producer:
        consumer.subscribe([spec.source], listener=moves)
        async with consumer:
            while moves.count <= 1:
                batch = await consumer.getmany(timeout_ms=50, max_records=chances.batch_size())
                if batch and moves.count <= 1:
                    await asyncio.wait_for(
                        transaction(spec, chances, producer, consumer, batch), 30
                    )
    job.leave("the group has moved")


def main() -> None:
    """The process."""
    spec = job.told()
    try:
        asyncio.run(work(spec))
    except job.Ended:
        return
    except (KafkaError, TimeoutError) as problem:
        job.leave(repr(problem))


if __name__ == "__main__":
    main()
