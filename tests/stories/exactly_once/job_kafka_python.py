"""The job with kafka-python, which leaves at the first trouble."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from stories.exactly_once import job
from stories.exactly_once.judge import ABORT

PATIENCE_SECONDS = 15


class Job:
    """A producer, and a consumer that is asked only after the producer's predecessor was ended."""

    def __init__(self, spec: job.Spec) -> None:
        self._spec = spec
        self._chances = job.Chances(spec)
        self._producer = KafkaProducer(
            bootstrap_servers=spec.bootstrap,
            transactional_id=spec.group,
            transaction_timeout_ms=spec.transaction_timeout_ms,
            retry_backoff_ms=20,
            max_block_ms=20_000,
        )
        self._producer.init_transactions()
        self._consumer = KafkaConsumer(
            bootstrap_servers=spec.bootstrap,
            group_id=spec.group,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=spec.session_timeout_ms,
            heartbeat_interval_ms=200,
            fetch_max_wait_ms=20,
            retry_backoff_ms=20,
        )
        self._consumer.subscribe([spec.source])
        # Its assignor sees no partitions if the group is faster than its first metadata.
        while not self._consumer.partitions_for_topic(spec.source):
            self._chances.batch_size()

    def work(self) -> None:
        """Until SIGTERM."""
        while True:
            size = self._chances.batch_size()
            # Shorter polls may end in the middle of a join, and kafka-python then waits for ever.
            batch = self._consumer.poll(timeout_ms=400, max_records=size)
            if batch:
                with patience():
                    self._transaction(batch)

    def _transaction(self, batch: dict[TopicPartition, list[Any]]) -> None:
        fate = self._chances.fate()
        self._producer.begin_transaction()
        for records in batch.values():
            for record in records:
                partition, number = (int(n) for n in record.value.split())
                to, value = self._chances.output(partition, number, fate)
                self._producer.send(self._spec.sink, value, partition=to)
        if self._chances.lingers():
            self._producer.flush(10)
            for partition in batch:  # and asks what takes a while
                self._consumer.committed(partition)
        if fate != ABORT or self._chances.even():
            ends = {p: OffsetAndMetadata(r[-1].offset + 1, "", -1) for p, r in batch.items()}
            group = self._consumer.group_metadata()
            self._producer.send_offsets_to_transaction(ends, group)
        if fate != ABORT:
            with self._chances.commit():
                self._producer.commit_transaction()
            return
        self._producer.flush(10)
        self._producer.abort_transaction()
        job.tell("aborted", why="on purpose")
        for partition, records in batch.items():
            self._consumer.seek(partition, records[0].offset)


@contextmanager
def patience() -> Iterator[None]:
    """kafka-python 3.0.12 forgets a request of a transaction whose coordinator it can't connect to
    (its await_ready raises where its sender expects False), and waits for the answer for ever.
    """

    def give_up() -> None:
        job.tell("left", why="a request was forgotten")
        os._exit(job.LEFT)

    timer = Timer(PATIENCE_SECONDS, give_up)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def main() -> None:
    """The process."""
    spec = job.told()
    try:
        Job(spec).work()
    except job.Ended:
        return
    except KafkaError as problem:
        job.leave(repr(problem))


if __name__ == "__main__":
    main()
