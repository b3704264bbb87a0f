"""The job with confluent-kafka, in the two ways that are written about.

With an id for the job, members are fenced by the group's generation (KIP-447). With an id for each
input partition they are fenced by the id, which moves with the partition: who gets a partition
ends what the one before it left open, before it asks where that one was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from stories.exactly_once import job
from stories.exactly_once.judge import ABORT

CALL_SECONDS = 5
QUIET = {
    "log_level": 0,
    "reconnect.backoff.ms": 5,
    "reconnect.backoff.max.ms": 50,
    # Else librdkafka forgets its only broker at every kill, and looks for it once a second; and
    # 2.16.0 takes the forgotten one for the coordinator, and waits for it (its #5511).
    "metadata.recovery.strategy": "none",
}


class Aborted(Exception):
    """The transaction is gone; what it consumed has to be consumed again."""


def patiently(call: Callable[..., Any], *args: Any) -> Any:
    """Call again for as long as the client says that this may help.

    Raises:
        Aborted: the client says that the transaction has to be aborted.
    """
    while True:
        try:
            return call(*args)
        except KafkaException as problem:
            error = problem.args[0]
            if error.txn_requires_abort():
                raise Aborted(str(error)) from problem
            if not error.retriable():
                raise


class Job:
    """One consumer and its transactional producers."""

    def __init__(self, spec: job.Spec) -> None:
        self._spec = spec
        self._chances = job.Chances(spec)
        self._producers: dict[str, Producer] = {}
        self._moved = False
        """Whether the group has moved since the batch was begun."""
        self._consumer = Consumer(
            {
                "bootstrap.servers": spec.bootstrap,
                "group.id": spec.group,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": spec.session_timeout_ms,
                "heartbeat.interval.ms": 200,
                "max.poll.interval.ms": 60_000,
                "fetch.wait.max.ms": 20,
                "topic.metadata.refresh.interval.ms": 1000,
                **QUIET,
            }
        )

    def work(self) -> None:
        """Until SIGTERM, or until the client can't go on."""
        if self._spec.id_of == "job":
            self._producer(self._spec.slot)
        self._consumer.subscribe(
            [self._spec.source], on_assign=self._on_assign, on_revoke=self._on_revoke
        )
        while True:
            try:
                for key, messages in self._batch().items():
                    self._transaction(self._producer(key), messages)
            except Aborted as why:
                job.tell("aborted", why=str(why))
                self._rewind()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _producer(self, key: str) -> Producer:
        if key not in self._producers:
            producer = Producer(
                {
                    "bootstrap.servers": self._spec.bootstrap,
                    "transactional.id": f"{self._spec.group}-{key}",
                    "transaction.timeout.ms": self._spec.transaction_timeout_ms,
                    "linger.ms": 1,
                    **QUIET,
                }
            )
            patiently(producer.init_transactions, CALL_SECONDS)
            self._producers[key] = producer
        return self._producers[key]

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._moved = True
        job.tell("assigned", partitions=[p.partition for p in partitions])
        if self._spec.id_of == "partition":
            self._producers.clear()
            for one in partitions:
                self._producer(str(one.partition))

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._moved = True
        job.tell("revoked", partitions=[p.partition for p in partitions])

    def _batch(self) -> dict[str, list[Message]]:
        """Some records, by the producer whose transaction they go to."""
        wanted, found = self._chances.batch_size(), dict[str, list[Message]]()
        by_partition = self._spec.id_of == "partition"
        self._moved = False
        for _ in range(wanted):
            message = self._consumer.poll(0.05)
            if self._moved:
                # What came before may belong to somebody else now, and what is ours begins where
                # the group is. To seek there as well would meet the client as it asks for that.
                found.clear()
                self._moved = False
            if message is None:
                break
            if message.error() is not None:
                job.tell("consumer", why=str(message.error()))
                break
            key = str(message.partition()) if by_partition else self._spec.slot
            found.setdefault(key, []).append(message)
        return found

    def _transaction(self, producer: Producer, messages: list[Message]) -> None:
        fate = self._chances.fate()
        patiently(producer.begin_transaction)
        try:
            self._produce(producer, messages, fate)
            at = {m.partition(): m.offset() + 1 for m in messages}
            ends = [TopicPartition(self._spec.source, p, offset) for p, offset in at.items()]
            if self._spec.fault == "commits outside":
                self._consumer.commit(offsets=ends, asynchronous=False)
            elif fate != ABORT or self._chances.even():
                group = self._consumer.consumer_group_metadata()
                patiently(producer.send_offsets_to_transaction, ends, group, CALL_SECONDS)
            if fate == ABORT:
                raise Aborted("on purpose")
            producer.flush(CALL_SECONDS)
            with self._chances.commit():
                patiently(producer.commit_transaction, CALL_SECONDS)
        except Aborted:
            patiently(producer.abort_transaction, CALL_SECONDS)
            raise

    def _produce(self, producer: Producer, messages: list[Message], fate: str) -> None:
        for message in messages:
            partition, number = (int(n) for n in (message.value() or b"").split())
            to, value = self._chances.output(partition, number, fate)
            producer.produce(self._spec.sink, value, partition=to)
        if self._chances.lingers():
            producer.flush(CALL_SECONDS)
            if fate != ABORT:  # who aborts is no zombie
                print(job.OPEN, flush=True)
            producer.poll(job.LINGER_SECONDS)
            job.tell("goes on")
        elif fate == ABORT and self._chances.even():
            producer.flush(CALL_SECONDS)

    def _rewind(self) -> None:
        """Go back to where the group is. Its offsets are asked for, not remembered: those of an
        aborted transaction would be seen here.
        """
        held = self._consumer.assignment()
        if not held:
            return
        for one in patiently(self._consumer.committed, held, CALL_SECONDS):
            one.offset = one.offset if one.offset >= 0 else OFFSET_BEGINNING
            # It may have been taken from us meanwhile; then there is nothing to go back to.
            with contextlib.suppress(KafkaException):
                self._consumer.seek(one)


def main() -> None:
    """The process."""
    work = Job(job.told())
    try:
        work.work()
    except job.Ended:
        work.close()
    except (KafkaException, Aborted) as problem:
        job.leave(problem)


if __name__ == "__main__":
    main()
