"""AlterReplicaLogDirs: move partitions to other log dirs of this broker (KIP-113).

Needs ALTER on the cluster. What is answered is that the move begins: DescribeLogDirs shows how far
it is. Asking for the dir that a partition is in takes a move back. For a partition that does not
exist the wish is kept, so that it is made there, and UNKNOWN_TOPIC_OR_PARTITION answered. Of a
partition that is asked for twice the last dir counts. While a dir is offline nothing moves, as in
Apache Kafka.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDirPartitionResult,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
    AlterReplicaLogDirTopicResult,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

_NAME_LENGTH_MAX = 255
_FUTURE_LENGTH = len("-.-future") + 32
"""What the name of a folder has beside topic and partition while it is filled."""


def handle(
    context: Context, asked: Asked[AlterReplicaLogDirsRequest]
) -> AlterReplicaLogDirsResponse:
    """Begin, redirect or take back the move of every partition; each has its own error."""
    wanted = {
        (topic.name, index): folder.path
        for folder in asked.body.dirs
        for topic in folder.topics
        for index in topic.partitions
    }
    denied = not context.authorize(asked, Operation.ALTER, CLUSTER)
    results: dict[str, AlterReplicaLogDirTopicResult] = {}
    for (name, index), path in wanted.items():
        error = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
        if not denied:
            error = _move(context, name, index, path)
        result = results.setdefault(name, AlterReplicaLogDirTopicResult(topic_name=name))
        result.partitions.append(
            AlterReplicaLogDirPartitionResult(partition_index=index, error_code=error)
        )
    return AlterReplicaLogDirsResponse(results=list(results.values()))


def _move(context: Context, name: str, index: int, path: str) -> ErrorCode:
    directories = context.directories
    if len(name) + len(str(index)) + _FUTURE_LENGTH > _NAME_LENGTH_MAX:
        return ErrorCode.INVALID_TOPIC_EXCEPTION
    place = _place(context, path)
    if place is None:
        known = path in map(os.path.abspath, context.config.log_dirs)
        return ErrorCode.KAFKA_STORAGE_ERROR if known else ErrorCode.LOG_DIR_NOT_FOUND
    if place in directories.failed:
        return ErrorCode.KAFKA_STORAGE_ERROR
    if place in directories.cordoned:
        return ErrorCode.INVALID_REPLICA_ASSIGNMENT
    if (name, index) in directories.offline:
        return ErrorCode.KAFKA_STORAGE_ERROR
    topic = context.image.topics.by_name.get(name)
    if topic is None or not 0 <= index < len(topic.partitions):
        directories.wish(name, index, place)
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if context.node_id not in topic.partitions[index].replicas:
        directories.wish(name, index, place)
        return ErrorCode.REPLICA_NOT_AVAILABLE
    current = directories.index(topic.id, index)
    if current is None or (current != place and (directories.failed or directories.incomplete)):
        return ErrorCode.KAFKA_STORAGE_ERROR
    context.logs.move(name, index, place)
    directories.moves(topic.id, index, place)
    return ErrorCode.NONE


def _place(context: Context, path: str) -> int | None:
    """Which of the log dirs that could be opened has this very path."""
    for place, folder in enumerate(context.log_dirs):
        if path in (folder, os.path.abspath(folder)):
            return place
    return None
