"""Records to and from partitions, whole and in order: for tests and tools, not for throughput.

One request is on its way at a time. It is no producer (nothing is batched, and a record whose
acknowledgement was lost is not sent again, as nobody knows whether it is there; one that a node
refused as not the leader is) and no consumer
(there is no group, and what is read is what was there when the reading began). Versions that call
a topic by its id get the one of the metadata that named the leader.

What is read is committed: nothing lies behind the first open transaction, and records of aborted
ones are left out, by the list that comes with each Fetch, as Java's consumer does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ottla.client.admin.offsets import EARLIEST, LATEST, list_offsets
from ottla.client.client import Client
from ottla.client.errors import BrokerError, TimedOut, check
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.fetched import UNPACKED_BYTES_MAX, ConsumerRecord, CoreError, Fetched
from ottla.wire.records import CorruptBatch, Record, build_batch

FETCH_WAIT_MS = 500
FETCH_BYTES_MAX = 8 * 1024 * 1024
EMPTY_FETCHES_MAX = 20
RECORDS_AT_ONCE = 1000
NOT_WRITTEN = (
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.LEADER_NOT_AVAILABLE,
    ErrorCode.FENCED_LEADER_EPOCH,
    ErrorCode.UNKNOWN_LEADER_EPOCH,
    ErrorCode.UNKNOWN_TOPIC_ID,
)
"""Errors of a Produce that pass, and by which nothing was appended."""


def partitions(client: Client, topic: str, *, create: bool = False) -> list[int]:
    """The numbers of a topic's partitions; with `create` it makes itself if the cluster lets it.

    Raises:
        BrokerError: UNKNOWN_TOPIC_OR_PARTITION, or a name that no topic can have.
    """

    def ask() -> list[int]:
        (row,) = client.metadata(topics=[topic], create=create).topics
        if row.error_code:
            raise BrokerError(row.error_code, f"topic '{topic}': {ErrorCode(row.error_code).text}")
        return sorted(p.partition_index for p in row.partitions)

    return client.attempt(ask)


def produce(client: Client, place: TopicPartition, records: Iterable[Record]) -> int:
    """Append one batch, acknowledged by all in-sync replicas; the offset of its first record.

    Raises:
        BrokerError: the leader refused it.
        OttlaError: the leader could not be reached, or its answer was lost on the way.
    """
    from ottla.wire.messages import produce as m

    topic, partition = place
    row = m.PartitionProduceData(index=partition, records=build_batch(records))

    def send() -> int | OttlaError:
        leader = client.leader(topic, partition)
        topic_id = client.topic_id(topic, partition)
        request = m.ProduceRequest(
            acks=-1,
            timeout_ms=client.timeout_ms,
            topic_data=[m.TopicProduceData(name=topic, topic_id=topic_id, partition_data=[row])],
        )
        client.connection(leader)
        try:
            answer = client.request_node(leader, request)
        except OttlaError as error:
            return error  # whatever it is: the record may be there
        found = answer.responses[0].partition_responses[0]
        if not found.error_code:
            return int(found.base_offset)
        code = ErrorCode(found.error_code)
        refused = BrokerError(code, f"{topic}-{partition}: {found.error_message or code.text}")
        if code not in NOT_WRITTEN:
            return refused
        client.doubt_leader(place, refused)
        raise refused

    outcome = client.attempt(send)
    if isinstance(outcome, OttlaError):
        raise outcome
    return outcome


def read(client: Client, topic: str, numbers: Iterable[int]) -> list[ConsumerRecord]:
    """All records that are in these partitions now, by partition and offset.

    Raises:
        BrokerError: no such partition, or its leader refused.
        TimedOut: a partition gave nothing of what it should hold.
    """
    places = [(topic, number) for number in numbers]
    first = list_offsets(client, dict.fromkeys(places, EARLIEST))
    end = list_offsets(client, dict.fromkeys(places, LATEST), read_committed=True)
    found: list[ConsumerRecord] = []
    for place in places:
        begin, stop = first[place], end[place]
        for bound in (begin, stop):
            if isinstance(bound, BrokerError):
                raise bound
        assert not isinstance(begin, BrokerError)
        assert not isinstance(stop, BrokerError)
        found += committed(client, place, begin.offset, stop.offset)
    return found


def committed(
    client: Client, place: TopicPartition, offset: int, end: int, bytes_max: int = FETCH_BYTES_MAX
) -> Iterator[ConsumerRecord]:
    """What counts between two offsets, so many bytes a Fetch.

    Raises:
        BrokerError: no such partition or offset, or its leader refused.
        TimedOut: the partition gave nothing of what it should hold.
    """
    empty = 0
    while offset < end:
        data = client.attempt(lambda at=offset: fetch(client, place, at, bytes_max))  # type: ignore[misc]
        aborted = [(row.producer_id, row.first_offset) for row in data.aborted_transactions or ()]
        fetched = Fetched(
            *place,
            data.records or b"",
            position=offset,
            aborted=aborted,
            check_crcs=True,
            unpacked_bytes_max=UNPACKED_BYTES_MAX,
        )
        empty = empty + 1 if fetched.next_offset == offset else 0
        if empty and fetched.fault is not None:
            raise CorruptBatch(fetched.fault)
        if empty == EMPTY_FETCHES_MAX:
            raise TimedOut(f"{place[0]}-{place[1]} gives no record from {offset} to {end}")
        try:
            while found := fetched.records(RECORDS_AT_ONCE):
                yield from (record for record in found if record.offset < end)
        except CoreError as error:
            raise CorruptBatch(error.text) from None
        offset = fetched.next_offset


def fetch(
    client: Client, place: TopicPartition, offset: int, bytes_max: int = FETCH_BYTES_MAX
) -> Any:
    """What a Fetch brings from that offset on: batches, as many as fit, and what of them was
    aborted.
    """
    from ottla.wire.messages import fetch as m

    topic, partition = place
    leader = client.leader(topic, partition)
    topic_id = client.topic_id(topic, partition)
    row = m.FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=bytes_max)
    request = m.FetchRequest(
        max_wait_ms=FETCH_WAIT_MS,
        min_bytes=1,
        max_bytes=bytes_max,
        isolation_level=1,
        topics=[m.FetchTopic(topic=topic, topic_id=topic_id, partitions=[row])],
    )
    answer: Any = client.request_node(leader, request)
    check(answer.error_code)
    found = answer.responses[0].partitions[0]
    if found.error_code:
        error = BrokerError(found.error_code)
        client.doubt_leader(place, error)
        raise error
    return found
