"""DescribeTopicPartitions: topics and partitions a page at a time, with their eligible leaders
(KIP-966).

Needs DESCRIBE on the topics: without it a topic that was named is refused, whether it exists or
not, and one that was not is left out. Topics come in the order of their names; a cursor says where
the next page starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.shown import shown
from ottla.metadata.topic_names import is_internal, topic_name_problem
from ottla.security.resources import Operation, ResourceType, topic
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.metadata.image import Partition, Topic

Response = DescribeTopicPartitionsResponse


def handle(context: Context, asked: Asked[DescribeTopicPartitionsRequest]) -> Response:
    """One page of what was asked."""
    body = asked.body
    cursor = body.cursor
    if cursor is not None and cursor.partition_index < 0:
        error = ErrorCode.INVALID_REQUEST
        refused = dict.fromkeys(topic.name for topic in body.topics)
        return Response(
            topics=[
                DescribeTopicPartitionsResponseTopic(name=name, error_code=error)
                for name in refused
            ]
        )
    limit = context.config["max.request.partition.size.limit"]
    room = max(min(body.response_partition_limit, limit), 1)
    response = Response()
    names = _names(context, body, cursor)
    seen = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.TOPIC, names)
    for name in names:
        if name not in seen:
            continue
        found = context.image.topics.by_name.get(name)
        if found is None:
            response.topics.append(_unknown(name))
            continue
        first = cursor.partition_index if cursor is not None and cursor.topic_name == name else 0
        page = found.partitions[first : first + room]
        response.topics.append(_page(context, found, first, page))
        room -= len(page)
        if first + len(page) < len(found.partitions):
            response.next_cursor = Cursor(topic_name=name, partition_index=first + len(page))
            break
    for told in response.topics:
        told.topic_authorized_operations = context.authorized_operations(
            asked, topic(told.name or "")
        )
    if body.topics:
        response.topics += [_denied(name) for name in names if name not in seen]
    return response


def _denied(name: str) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(
        name=name, error_code=ErrorCode.TOPIC_AUTHORIZATION_FAILED
    )


def _names(
    context: Context, body: DescribeTopicPartitionsRequest, cursor: Cursor | None
) -> list[str]:
    names = {topic.name for topic in body.topics} or set(context.image.topics.by_name)
    from_name = "" if cursor is None else cursor.topic_name
    return sorted(name for name in names if name >= from_name)


def _unknown(name: str) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(
        error_code=ErrorCode.INVALID_TOPIC_EXCEPTION
        if topic_name_problem(name)
        else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        name=name,
        is_internal=is_internal(name),
    )


def _page(
    context: Context, topic: Topic, first: int, page: tuple[Partition, ...]
) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(
        name=topic.name,
        topic_id=topic.id,
        is_internal=is_internal(topic.name),
        partitions=[
            _partition(context, topic.name, index, partition)
            for index, partition in enumerate(page, first)
        ],
    )


def _partition(
    context: Context, topic: str, index: int, partition: Partition
) -> DescribeTopicPartitionsResponsePartition:
    error, leader, offline = shown(context, topic, index, partition)
    return DescribeTopicPartitionsResponsePartition(
        error_code=error,
        partition_index=index,
        leader_id=leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=list(partition.replicas),
        isr_nodes=list(partition.isr),
        eligible_leader_replicas=list(partition.eligible_leader_replicas),
        last_known_elr=list(partition.last_known_elr),
        offline_replicas=offline,
    )
