"""OffsetForLeaderEpoch: where a leader epoch ended, so that a consumer finds out that its log was
cut (KIP-320).

Needs DESCRIBE on the topic, or CLUSTER_ACTION on the cluster, which followers have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.partition_logs import LogRefused
from ottla.broker.partitions import leadership_error
from ottla.security.resources import CLUSTER, Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(
    context: Context, asked: Asked[OffsetForLeaderEpochRequest]
) -> OffsetForLeaderEpochResponse:
    """The largest epoch not above the asked one, and its end offset."""
    seen = {topic.topic for topic in asked.body.topics}
    if not context.authorize(asked, Operation.CLUSTER_ACTION, CLUSTER, quiet=True):
        seen = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.TOPIC, seen)
    return OffsetForLeaderEpochResponse(
        topics=[
            OffsetForLeaderTopicResult(
                topic=topic.topic,
                partitions=[
                    _end(context, topic.topic, partition)
                    if topic.topic in seen
                    else EpochEndOffset(
                        partition=partition.partition,
                        error_code=ErrorCode.TOPIC_AUTHORIZATION_FAILED,
                    )
                    for partition in topic.partitions
                ],
            )
            for topic in asked.body.topics
        ]
    )


def _end(context: Context, topic: str, asked: OffsetForLeaderPartition) -> EpochEndOffset:
    error = leadership_error(context, topic, asked.partition, asked.current_leader_epoch)
    if error:
        return EpochEndOffset(partition=asked.partition, error_code=error)
    try:
        epoch, end = context.logs.end_of_epoch(topic, asked.partition, asked.leader_epoch)
    except LogRefused as refused:
        return EpochEndOffset(partition=asked.partition, error_code=refused.code)
    return EpochEndOffset(partition=asked.partition, leader_epoch=epoch, end_offset=end)
