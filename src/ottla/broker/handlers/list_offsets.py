"""ListOffsets: the offset of a time, or of the start, the end or the largest timestamp of a
partition.

Needs DESCRIBE on the topic. Negative timestamps are names: -1 latest, -2 earliest, -3 max
timestamp (version 7), -4 earliest local (8), -5 latest tiered (9), -6 earliest pending upload
(11); nothing is tiered here, so the last two answer "none".
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ottla.broker.partition_logs import LogRefused
from ottla.broker.partitions import leadership_error
from ottla.security.resources import Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

_FIRST_VERSION = {-1: 0, -2: 0, -3: 7, -4: 8, -5: 9, -6: 11}
_TIERED = (-5, -6)


def handle(context: Context, asked: Asked[ListOffsetsRequest]) -> ListOffsetsResponse:
    """Look every partition up; each has its own error."""
    times = Counter(
        (topic.name, partition.partition_index)
        for topic in asked.body.topics
        for partition in topic.partitions
    )
    names = [topic.name for topic in asked.body.topics]
    seen = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.TOPIC, names)
    return ListOffsetsResponse(
        topics=[
            ListOffsetsTopicResponse(
                name=topic.name,
                partitions=[
                    _failed(partition, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
                    if topic.name not in seen
                    else _failed(partition, ErrorCode.INVALID_REQUEST)
                    if times[topic.name, partition.partition_index] > 1
                    else _offset(context, asked, topic.name, partition)
                    for partition in topic.partitions
                ],
            )
            for topic in asked.body.topics
        ]
    )


def _offset(
    context: Context, asked: Asked[ListOffsetsRequest], topic: str, partition: ListOffsetsPartition
) -> ListOffsetsPartitionResponse:
    index, timestamp = partition.partition_index, partition.timestamp
    if timestamp < 0 and asked.version < _FIRST_VERSION.get(timestamp, 32767):
        return _failed(partition, ErrorCode.UNSUPPORTED_VERSION)
    error = leadership_error(context, topic, index, partition.current_leader_epoch)
    if error:
        return _failed(partition, error)
    if timestamp in _TIERED:
        return ListOffsetsPartitionResponse(partition_index=index)
    try:
        found = context.logs.find_offset(
            topic, index, timestamp, isolation=asked.body.isolation_level
        )
    except LogRefused as refused:
        return _failed(partition, refused.code)
    return ListOffsetsPartitionResponse(
        partition_index=index,
        timestamp=found.timestamp_ms,
        offset=found.offset,
        leader_epoch=found.leader_epoch if asked.version >= 4 else -1,
    )


def _failed(partition: ListOffsetsPartition, error: ErrorCode) -> ListOffsetsPartitionResponse:
    return ListOffsetsPartitionResponse(partition_index=partition.partition_index, error_code=error)
