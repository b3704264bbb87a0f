"""A producer of transactions in raw requests, for any node: nothing is retried but what a node says
while it is not ready, and nothing is hidden.

The newer way is that of transaction.version 2 (Produce 12, EndTxn 5, TxnOffsetCommit 5: the broker
enters partitions); the older one enters them itself (AddPartitionsToTxn 3, AddOffsetsToTxn) and
speaks Produce 11, EndTxn 4 and TxnOffsetCommit 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from attack.line import Line
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    add_offsets_to_txn,
    add_partitions_to_txn,
    create_topics,
    describe_producers,
    describe_transactions,
    end_txn,
    fetch,
    find_coordinator,
    init_producer_id,
    list_offsets,
    list_transactions,
    offset_fetch,
    produce,
    txn_offset_commit,
)
from ottla.wire.records import Record, build_batch, read_batches
from servers import eventually

NOT_READY = frozenset(
    {
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.NOT_ENOUGH_REPLICAS,
        ErrorCode.CONCURRENT_TRANSACTIONS,
    }
)
"""What a client hears while a node starts, loads, or ends the transaction before."""
UNSTABLE = -2


class Producer(NamedTuple):
    """Who speaks: a transactional id, and what InitProducerId gave it."""

    key: str
    id: int
    epoch: int
    newer: bool = True


class Transacting:
    """A line to a node, and what is asked over it."""

    def __init__(self, port: int, *, timeout_s: float = 20) -> None:
        self.line = Line(port, timeout_s=timeout_s)
        self.close = self.line.close

    def create(self, name: str, partitions: int = 1, **configs: str) -> None:
        """A topic, which must be new, ready to be written to."""
        rows = [
            create_topics.CreatableTopicConfig(name=key.replace("_", "."), value=value)
            for key, value in configs.items()
        ]
        topic = create_topics.CreatableTopic(
            name=name, num_partitions=partitions, replication_factor=1, configs=rows
        )
        request = create_topics.CreateTopicsRequest(topics=[topic], timeout_ms=20_000)
        (answer,) = self.line.ask(request, 5).topics
        assert answer.error_code == 0, answer
        for partition in range(partitions):
            self.end_offset(name, partition)

    def ready(self, key: str, kind: int = 1) -> None:
        """Ask until the coordinator of a transactional id, or group (kind 0), is there."""
        request = find_coordinator.FindCoordinatorRequest(key_type=kind, coordinator_keys=[key])
        eventually(
            lambda: not self.line.ask(request, 4).coordinators[0].error_code,
            f"a coordinator of {key}",
            timeout_s=60,
        )

    def init(
        self,
        key: str | None,
        given: tuple[int, int] = (-1, -1),
        *,
        newer: bool = True,
        timeout_ms: int = 60_000,
    ) -> Any:
        """InitProducerId, once."""
        request = init_producer_id.InitProducerIdRequest(
            transactional_id=key,
            transaction_timeout_ms=timeout_ms,
            producer_id=given[0],
            producer_epoch=given[1],
        )
        return self.line.ask(request, 5 if newer else 4)

    def begin(self, key: str, given: tuple[int, int] = (-1, -1), **more: Any) -> Producer:
        """InitProducerId until it is given."""
        self.ready(key)
        answer = self.given(lambda: self.init(key, given, **more), lambda one: [one.error_code])
        assert answer.error_code == 0, answer
        return Producer(key, answer.producer_id, answer.producer_epoch, more.get("newer", True))

    def given(self, asked: Callable[[], Any], codes: Callable[[Any], list[int]]) -> Any:
        """Ask until a node that is not ready has become so."""

        def answered() -> Any:
            answer = asked()
            return None if NOT_READY.intersection(codes(answer)) else answer

        return eventually(answered, "a node that is ready", timeout_s=60)

    def add(self, who: Producer, topic: str, *partitions: int) -> list[int]:
        """AddPartitionsToTxn as clients ask it, once."""
        row = add_partitions_to_txn.AddPartitionsToTxnTopic(name=topic, partitions=[*partitions])
        request = add_partitions_to_txn.AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=who.key,
            v3_and_below_producer_id=who.id,
            v3_and_below_producer_epoch=who.epoch,
            v3_and_below_topics=[row],
        )
        (answer,) = self.line.ask(request, 3).results_by_topic_v3_and_below
        return [one.partition_error_code for one in answer.results_by_partition]

    def write(self, who: Producer, topic: str, partition: int, *values: bytes, at: int = 0) -> int:
        """Records in the transaction, from the sequence `at` on, each value a batch; where the last
        is. The older way enters the partition first.
        """
        if not who.newer:
            entered = self.given(lambda: self.add(who, topic, partition), list)
            assert entered == [0], entered
        offset = -1
        for sequence, value in enumerate(values, at):
            batch = batch_of(who, sequence, value)
            row = self.given(
                lambda batch=batch: self.produce(who, topic, {partition: batch})[partition],  # type: ignore[misc]
                lambda one: [one.error_code],
            )
            assert row.error_code == 0, row
            offset = row.base_offset
        return offset

    def produce(
        self, who: Producer | None, topic: str, batches: dict[int, bytes], version: int = 0
    ) -> dict[int, Any]:
        """Produce, once: the answer for each partition."""
        request = produce_request(who, topic, batches)
        newer = who is None or who.newer
        answer = self.line.ask(request, version or (12 if newer else 11))
        return {row.index: row for row in answer.responses[0].partition_responses}

    def commit_offset(self, who: Producer, group: str, topic: str, offset: int) -> None:
        """A group's offset of partition 0, in the transaction."""
        if not who.newer:
            entry = add_offsets_to_txn.AddOffsetsToTxnRequest(
                transactional_id=who.key,
                producer_id=who.id,
                producer_epoch=who.epoch,
                group_id=group,
            )
            entered = self.given(lambda: self.line.ask(entry, 3), lambda one: [one.error_code])
            assert entered.error_code == 0, entered
        self.ready(group, 0)
        code = self.given(
            lambda: [self.offset_committed(who, group, topic, offset)], lambda codes: codes
        )
        assert code == [0], code

    def offset_committed(self, who: Producer, group: str, topic: str, offset: int) -> int:
        """TxnOffsetCommit, once."""
        row = txn_offset_commit.TxnOffsetCommitRequestPartition(
            partition_index=0, committed_offset=offset
        )
        request = txn_offset_commit.TxnOffsetCommitRequest(
            transactional_id=who.key,
            group_id=group,
            producer_id=who.id,
            producer_epoch=who.epoch,
            topics=[txn_offset_commit.TxnOffsetCommitRequestTopic(name=topic, partitions=[row])],
        )
        answer = self.line.ask(request, 5 if who.newer else 4)
        code: int = answer.topics[0].partitions[0].error_code
        return code

    def end(self, who: Producer, *, commit: bool) -> tuple[int, Producer]:
        """EndTxn, once: the error, and the producer as it goes on."""
        request = end_txn.EndTxnRequest(
            transactional_id=who.key, producer_id=who.id, producer_epoch=who.epoch, committed=commit
        )
        got = self.line.ask(request, 5 if who.newer else 4)
        if who.newer and not got.error_code:
            who = who._replace(id=got.producer_id, epoch=got.producer_epoch)
        return got.error_code, who

    def finish(self, who: Producer, *, commit: bool) -> Producer:
        """End it, and wait until its markers are written."""
        code, who = self.given(lambda: self.end(who, commit=commit), lambda one: [one[0]])
        assert code == 0, ErrorCode(code)
        self.until(who.key, "CompleteCommit" if commit else "CompleteAbort")
        return who

    def state(self, key: str) -> Any:
        """What DescribeTransactions says of one id."""
        request = describe_transactions.DescribeTransactionsRequest(transactional_ids=[key])
        return self.line.ask(request, 0).transaction_states[0]

    def until(self, key: str, *states: str) -> Any:
        """Wait until the id's transaction is in one of these states."""

        def there() -> Any:
            found = self.state(key)
            return found if found.transaction_state in states else None

        return eventually(there, f"{key} in {states}", timeout_s=60)

    def listed(self, pattern: str | None = None) -> Any:
        """ListTransactions; with a pattern by its newest version."""
        request = list_transactions.ListTransactionsRequest(transactional_id_pattern=pattern)
        return self.line.ask(request, 2)

    def end_offset(
        self, topic: str, partition: int, *, committed: bool = False, timestamp: int = -1
    ) -> int:
        """The high watermark, or the last stable offset; with -2 the first offset."""
        row = list_offsets.ListOffsetsPartition(partition_index=partition, timestamp=timestamp)
        request = list_offsets.ListOffsetsRequest(
            replica_id=-1,
            isolation_level=int(committed),
            topics=[list_offsets.ListOffsetsTopic(name=topic, partitions=[row])],
        )

        def asked() -> Any:
            return self.line.ask(request, 8).topics[0].partitions[0]

        found = self.given(asked, lambda one: [one.error_code])
        assert found.error_code == 0, found
        offset: int = found.offset
        return offset

    def open_in(self, topic: str, partition: int) -> list[int]:
        """The ids of producers whose transactions are open in a partition."""
        row = describe_producers.TopicRequest(name=topic, partition_indexes=[partition])
        request = describe_producers.DescribeProducersRequest(topics=[row])
        found = self.line.ask(request, 0).topics[0].partitions[0]
        assert found.error_code == 0, found
        return [
            one.producer_id for one in found.active_producers if one.current_txn_start_offset >= 0
        ]

    def values(self, topic: str, partition: int) -> list[bytes]:
        """What a reader of read_committed sees, by what the node says was aborted."""
        at, found = self.end_offset(topic, partition, timestamp=-2), []
        aborted: set[int] = set()
        while True:
            row = fetch.FetchPartition(
                partition=partition, fetch_offset=at, partition_max_bytes=1 << 24
            )
            request = fetch.FetchRequest(
                max_wait_ms=0,
                min_bytes=0,
                isolation_level=1,
                topics=[fetch.FetchTopic(topic=topic, partitions=[row])],
            )
            data = self.line.ask(request, 11).responses[0].partitions[0]
            assert data.error_code == 0, data
            new = read_batches(data.records or b"")
            if not new:
                return found
            starts = [
                (one.first_offset, one.producer_id) for one in data.aborted_transactions or ()
            ]
            for batch in new:
                aborted |= {p for first, p in starts if first <= batch.last_offset}
                starts = [one for one in starts if one[0] > batch.last_offset]
                if batch.is_control:
                    aborted.discard(batch.producer_id)
                elif not (batch.is_transactional and batch.producer_id in aborted):
                    found += [record.value or b"" for record in batch.records]
            at = new[-1].last_offset + 1

    def closed(self, topic: str, partition: int) -> int:
        """Where a partition ends, in which no transaction may be open."""
        end = self.end_offset(topic, partition)
        stable = self.end_offset(topic, partition, committed=True)
        assert stable == end, f"{topic}-{partition}: stable to {stable} of {end}"
        assert not self.open_in(topic, partition), f"{topic}-{partition}"
        return end

    def sees(self, topic: str, partition: int, *values: bytes) -> None:
        """Readers of read_committed see just these, and can read to the end."""
        self.closed(topic, partition)
        found = self.values(topic, partition)
        assert found == [*values], f"{topic}-{partition}: {found}"

    def group_offset(self, group: str, topic: str) -> int:
        """What a group committed for partition 0; -1 for nothing, `UNSTABLE` while it is open."""
        rows = [offset_fetch.OffsetFetchRequestTopics(name=topic, partition_indexes=[0])]
        request = offset_fetch.OffsetFetchRequest(
            groups=[offset_fetch.OffsetFetchRequestGroup(group_id=group, topics=rows)],
            require_stable=True,
        )
        self.ready(group, 0)
        answer = self.given(
            lambda: self.line.ask(request, 9).groups[0], lambda one: [one.error_code]
        )
        assert answer.error_code == 0, answer
        (row,) = answer.topics[0].partitions
        if row.error_code == ErrorCode.UNSTABLE_OFFSET_COMMIT:
            return UNSTABLE
        assert row.error_code == 0, row
        offset: int = row.committed_offset
        return offset


def produce_request(
    who: Producer | None, topic: str, batches: dict[int, bytes]
) -> produce.ProduceRequest:
    """Produce, by partition."""
    rows = [
        produce.PartitionProduceData(index=index, records=data) for index, data in batches.items()
    ]
    return produce.ProduceRequest(
        transactional_id=None if who is None else who.key,
        acks=-1,
        timeout_ms=5000,
        topic_data=[produce.TopicProduceData(name=topic, partition_data=rows)],
    )


def batch_of(who: Producer, sequence: int, *values: bytes, **header: Any) -> bytes:
    """A batch of some records in a producer's transaction."""
    named = {
        "producer_id": who.id,
        "producer_epoch": who.epoch,
        "base_sequence": sequence,
        "transactional": True,
    }
    return build_batch([Record(None, value) for value in values], **{**named, **header})
