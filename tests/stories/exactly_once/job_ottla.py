"""The job with our own client, in the two ways that are written about (see `job_confluent`)."""

from __future__ import annotations

from ottla.client import (
    CommitFailed,
    Consumer,
    ConsumerRecord,
    MustAbort,
    NotAssigned,
    Producer,
    TimedOut,
)
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from stories.exactly_once import job
from stories.exactly_once.judge import ABORT

CALL_SECONDS = 20
LINGERING_ASKS = 50


class Job:
    """One consumer and its transactional producers."""

    def __init__(self, spec: job.Spec) -> None:
        self._spec = spec
        self._chances = job.Chances(spec)
        self._producers: dict[str, Producer] = {}
        self._consumer = Consumer(
            spec.bootstrap,
            group_id=spec.group,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=spec.session_timeout_ms,
            heartbeat_interval_ms=200,
            max_poll_interval_ms=60_000,
            fetch_max_wait_ms=20,
        )

    def work(self) -> None:
        """Until SIGTERM, or until the client can't go on."""
        if self._spec.id_of == "job":
            self._producer(self._spec.slot)
        self._consumer.subscribe(
            [self._spec.source], on_assign=self._on_assign, on_revoke=self._on_revoke
        )
        while True:
            batch: dict[str, list[ConsumerRecord]] = {}
            for record in self._consumer.poll(0.05, max_records=self._chances.batch_size()):
                by_partition = self._spec.id_of == "partition"
                key = str(record.partition) if by_partition else self._spec.slot
                batch.setdefault(key, []).append(record)
            for key, records in batch.items():
                if not self._transaction(self._producer(key), records):
                    self._rewind()
                    break

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(timeout=5)
        for producer in self._producers.values():
            try:
                producer.close(1)
            except OttlaError as error:
                job.tell("closed", why=str(error))

    def _producer(self, key: str) -> Producer:
        if key not in self._producers:
            self._producers[key] = Producer(
                self._spec.bootstrap,
                transactional_id=f"{self._spec.group}-{key}",
                transaction_timeout_ms=self._spec.transaction_timeout_ms,
                linger_ms=1,
            )
            self._producers[key].init_transactions(CALL_SECONDS)
        return self._producers[key]

    def _on_assign(self, places: list[TopicPartition]) -> None:
        job.tell("assigned", partitions=[number for _, number in places])
        if self._spec.id_of == "partition":
            for _, number in places:
                old = self._producers.pop(str(number), None)
                if old is not None:
                    old.close(0)
                self._producer(str(number))

    def _on_revoke(self, places: list[TopicPartition]) -> None:
        job.tell("revoked", partitions=[number for _, number in places])

    def _transaction(self, producer: Producer, records: list[ConsumerRecord]) -> bool:
        """Whether it was committed; if not, its inputs are to be consumed again."""
        fate = self._chances.fate()
        producer.begin_transaction()
        try:
            self._produce(producer, records, fate)
            ends = {(self._spec.source, r.partition): r.offset + 1 for r in records}
            if self._spec.fault == "commits outside":
                self._consumer.commit(ends)
            elif fate != ABORT or self._chances.even():
                group = self._consumer.group_metadata()
                producer.send_offsets_to_transaction(ends, group, CALL_SECONDS)
            if fate != ABORT:
                with self._chances.commit():
                    self._commit(producer)
                return True
        except (MustAbort, CommitFailed) as why:
            job.tell("aborted", why=str(why))
        producer.abort_transaction(CALL_SECONDS)
        return False

    def _commit(self, producer: Producer) -> None:
        while True:
            try:
                producer.commit_transaction(CALL_SECONDS)
                return
            except TimedOut as why:
                job.tell("commit", why=str(why))

    def _produce(self, producer: Producer, records: list[ConsumerRecord], fate: str) -> None:
        for record in records:
            partition, number = (int(n) for n in (record.value or b"").split())
            to, value = self._chances.output(partition, number, fate)
            producer.send(self._spec.sink, value, partition=to)
        if self._chances.lingers():
            producer.flush(CALL_SECONDS)
            if fate != ABORT:  # who aborts is no zombie
                print(job.OPEN, flush=True)
            for _ in range(LINGERING_ASKS):  # and asks what takes a while
                self._consumer.end_offsets([(self._spec.source, 0)])
            job.tell("goes on")
        elif fate == ABORT and self._chances.even():
            producer.flush(CALL_SECONDS)

    def _rewind(self) -> None:
        """Go back to where the group is."""
        held = self._consumer.assignment
        found = self._consumer.committed(held)
        for place in held:
            try:
                self._consumer.seek(place, found[place].offset if place in found else 0)
            except NotAssigned:
                continue  # it was taken from us meanwhile: there is nothing to go back to


def main() -> None:
    """The process."""
    work = Job(job.told())
    try:
        work.work()
    except job.Ended:
        work.close()
    except OttlaError as problem:
        job.leave(problem)


if __name__ == "__main__":
    main()
