"""One connection that asks for partitions by topic name, in codes and offsets: nothing is retried
or hidden, as a client library would.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import ottla
from ottla.client.connecting.connection import Connection
from ottla.wire import frame
from ottla.wire.messages import (
    create_topics,
    delete_records,
    delete_topics,
    describe_log_dirs,
    describe_topic_partitions,
    fetch,
    list_offsets,
    metadata,
    offset_fetch,
    offset_for_leader_epoch,
    produce,
)
from ottla.wire.records import Record, build_batch

PRODUCE_BY_NAME = 9
FETCH_BY_NAME = 12
TIMEOUT_MS = 60_000


class Read(NamedTuple):
    """What a Fetch said of one partition."""

    error_code: int
    records: bytes
    high_watermark: int


class PartitionClient:
    """Requests for one partition each; what comes back is the partition's own row."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, message: Any, version: int | None = None) -> Any:
        """Any request."""
        return self._connection.request(message, timeout_ms=TIMEOUT_MS, version=version)

    def create(self, *names: str, partitions: int = 1, **configs: str) -> list[int]:
        """CreateTopics: an error code a topic. Configs' names with `_` for `.`."""
        rows = [
            create_topics.CreatableTopicConfig(name=key.replace("_", "."), value=value)
            for key, value in configs.items()
        ]
        topics = [
            create_topics.CreatableTopic(
                name=name, num_partitions=partitions, replication_factor=1, configs=rows
            )
            for name in names
        ]
        answer = self.ask(create_topics.CreateTopicsRequest(topics=topics, timeout_ms=TIMEOUT_MS))
        return [topic.error_code for topic in answer.topics]

    def delete(self, name: str) -> int:
        """DeleteTopics: its error code."""
        topic = delete_topics.DeleteTopicState(name=name)
        answer = self.ask(delete_topics.DeleteTopicsRequest(topics=[topic], timeout_ms=TIMEOUT_MS))
        code: int = answer.responses[0].error_code
        return code

    def produce(self, topic: str, value: bytes, partition: int = 0, acks: int = -1) -> int:
        """One record, with acks=all unless it is said: the error code."""
        batch = build_batch([Record(None, value, timestamp_ms=1)], base_offset=0, leader_epoch=0)
        data = produce.PartitionProduceData(index=partition, records=batch)
        request = produce.ProduceRequest(
            acks=acks,
            timeout_ms=TIMEOUT_MS,
            topic_data=[produce.TopicProduceData(name=topic, partition_data=[data])],
        )
        answer = self.ask(request, PRODUCE_BY_NAME)
        code: int = answer.responses[0].partition_responses[0].error_code
        return code

    def fetch(self, topic: str, partition: int = 0, offset: int = 0) -> Read:
        """What lies at an offset, at once."""
        wanted = fetch.FetchPartition(
            partition=partition, fetch_offset=offset, partition_max_bytes=1 << 20
        )
        request = fetch.FetchRequest(
            max_wait_ms=0,
            min_bytes=0,
            max_bytes=1 << 20,
            topics=[fetch.FetchTopic(topic=topic, partitions=[wanted])],
        )
        row = self.ask(request, FETCH_BY_NAME).responses[0].partitions[0]
        return Read(row.error_code, bytes(row.records or b""), row.high_watermark)

    def fetch_all(
        self, topic: str, partitions: int, max_wait_ms: int, min_bytes: int
    ) -> list[Read]:
        """What lies at the beginning of several partitions."""
        wanted = [
            fetch.FetchPartition(partition=index, fetch_offset=0, partition_max_bytes=1 << 20)
            for index in range(partitions)
        ]
        request = fetch.FetchRequest(
            max_wait_ms=max_wait_ms,
            min_bytes=min_bytes,
            max_bytes=1 << 20,
            topics=[fetch.FetchTopic(topic=topic, partitions=wanted)],
        )
        rows = self.ask(request, FETCH_BY_NAME).responses[0].partitions
        return [Read(row.error_code, bytes(row.records or b""), row.high_watermark) for row in rows]

    def produce_all(self, topic: str, partitions: int, timeout_ms: int, acks: int) -> list[int]:
        """One record for each of several partitions: their error codes."""
        batch = build_batch([Record(None, b"x", timestamp_ms=1)], base_offset=0, leader_epoch=0)
        rows = [
            produce.PartitionProduceData(index=index, records=batch) for index in range(partitions)
        ]
        request = produce.ProduceRequest(
            acks=acks,
            timeout_ms=timeout_ms,
            topic_data=[produce.TopicProduceData(name=topic, partition_data=rows)],
        )
        told = self.ask(request, PRODUCE_BY_NAME).responses[0].partition_responses
        return [row.error_code for row in told]

    def end_offset(self, topic: str, partition: int = 0, timestamp_ms: int = -1) -> tuple[int, int]:
        """ListOffsets for the latest, or for a time: (error code, offset)."""
        wanted = list_offsets.ListOffsetsPartition(
            partition_index=partition, timestamp=timestamp_ms
        )
        request = list_offsets.ListOffsetsRequest(
            topics=[list_offsets.ListOffsetsTopic(name=topic, partitions=[wanted])]
        )
        row = self.ask(request).topics[0].partitions[0]
        return row.error_code, row.offset

    def epoch_end(self, topic: str, epoch: int = 0, partition: int = 0) -> int:
        """OffsetForLeaderEpoch: its error code."""
        wanted = offset_for_leader_epoch.OffsetForLeaderPartition(
            partition=partition, leader_epoch=epoch
        )
        request = offset_for_leader_epoch.OffsetForLeaderEpochRequest(
            topics=[offset_for_leader_epoch.OffsetForLeaderTopic(topic=topic, partitions=[wanted])]
        )
        code: int = self.ask(request).topics[0].partitions[0].error_code
        return code

    def delete_records(self, topic: str, offset: int, partition: int = 0) -> int:
        """DeleteRecords: its error code."""
        wanted = delete_records.DeleteRecordsPartition(partition_index=partition, offset=offset)
        request = delete_records.DeleteRecordsRequest(
            topics=[delete_records.DeleteRecordsTopic(name=topic, partitions=[wanted])],
            timeout_ms=TIMEOUT_MS,
        )
        code: int = self.ask(request).topics[0].partitions[0].error_code
        return code

    def log_dirs(self) -> int:
        """DescribeLogDirs: how many bytes all partitions have."""
        answer = self.ask(describe_log_dirs.DescribeLogDirsRequest(topics=None))
        return sum(
            partition.partition_size
            for folder in answer.results
            for topic in folder.topics
            for partition in topic.partitions
        )

    def committed(self, group: str, topic: str, partition: int = 0) -> tuple[int, int]:
        """OffsetFetch: (the group's error code or else the partition's, offset)."""
        wanted = offset_fetch.OffsetFetchRequestTopics(name=topic, partition_indexes=[partition])
        asked = offset_fetch.OffsetFetchRequestGroup(group_id=group, topics=[wanted])
        answer = self.ask(offset_fetch.OffsetFetchRequest(groups=[asked]), 9).groups[0]
        if answer.error_code:
            return answer.error_code, -1
        row = answer.topics[0].partitions[0]
        return row.error_code, row.committed_offset

    def metadata(self, topic: str, partition: int = 0) -> Any:
        """Metadata's row of the partition."""
        wanted = metadata.MetadataRequestTopic(name=topic)
        request = metadata.MetadataRequest(topics=[wanted], allow_auto_topic_creation=False)
        rows = self.ask(request).topics[0].partitions
        return next(row for row in rows if row.partition_index == partition)

    def described(self, topic: str, partition: int = 0) -> Any:
        """DescribeTopicPartitions' row of the partition."""
        wanted = describe_topic_partitions.TopicRequest(name=topic)
        request = describe_topic_partitions.DescribeTopicPartitionsRequest(topics=[wanted])
        rows = self.ask(request).topics[0].partitions
        return next(row for row in rows if row.partition_index == partition)


@contextmanager
def client_of(broker: ottla.Broker) -> Iterator[PartitionClient]:
    """A connection to the broker, until the block ends."""
    connection = Connection("127.0.0.1", broker.port, client_id="attack", timeout_ms=TIMEOUT_MS)
    try:
        yield PartitionClient(connection)
    finally:
        connection.close()


@contextmanager
def downloading(port: int, topic: str) -> Iterator[tuple[socket.socket, int]]:
    """A connection that has asked for all of partition 0, of whose answer only the size was taken,
    and that size. It has a small receive buffer, so that the node has to wait for who reads it.
    """
    wanted = fetch.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=50 << 20)
    request = fetch.FetchRequest(
        max_wait_ms=0,
        min_bytes=0,
        max_bytes=50 << 20,
        topics=[fetch.FetchTopic(topic=topic, partitions=[wanted])],
    )
    asked = frame.encode_request(request, FETCH_BY_NAME, correlation_id=1, client_id="download")
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        reader.settimeout(30)
        reader.connect(("127.0.0.1", port))
        reader.sendall(struct.pack(">i", len(asked)) + asked)
        (size,) = struct.unpack(">i", reader.recv(4, socket.MSG_WAITALL))
        yield reader, size


def take(reader: socket.socket, count: int) -> int:
    """Receive so many bytes, or what comes until the end: how many came."""
    taken = 0
    while part := reader.recv(min(1 << 20, count - taken)):
        taken += len(part)
    return taken
