"""DescribeLogDirs: the folders that hold the logs, what is in them and how much room there is.

Needs DESCRIBE on the cluster. A null list of topics means all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[DescribeLogDirsRequest]) -> DescribeLogDirsResponse:
    """Every log folder with the asked partitions that live in it."""
    if not context.authorize(asked, Operation.DESCRIBE, CLUSTER):
        return DescribeLogDirsResponse(error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
    wanted = (
        None
        if asked.body.topics is None
        else {topic.topic: set(topic.partitions) for topic in asked.body.topics}
    )
    placed: dict[str, dict[str, list[int]]] = {folder: {} for folder in context.log_dirs}
    for topic in context.image.topics.by_name.values():
        for index, partition in enumerate(topic.partitions):
            if context.node_id not in partition.replicas:
                continue
            if wanted is None or index in wanted.get(topic.name, ()):
                place = context.directories.index(topic.id, index)
                if place is not None:
                    folder = context.log_dirs[place]
                    placed[folder].setdefault(topic.name, []).append(index)
    return DescribeLogDirsResponse(
        results=[_folder(context, folder, topics) for folder, topics in placed.items()]
    )


def _folder(context: Context, folder: str, topics: dict[str, list[int]]) -> DescribeLogDirsResult:
    failed = context.log_dirs.index(folder) in context.directories.failed
    space = None if failed else context.logs.space(folder)
    if space is None:
        return DescribeLogDirsResult(error_code=ErrorCode.KAFKA_STORAGE_ERROR, log_dir=folder)
    total_bytes, usable_bytes = space
    return DescribeLogDirsResult(
        log_dir=folder,
        topics=[
            DescribeLogDirsTopic(
                name=name,
                partitions=[
                    DescribeLogDirsPartition(
                        partition_index=index,
                        partition_size=context.logs.size_bytes(name, index),
                    )
                    for index in indexes
                ],
            )
            for name, indexes in topics.items()
        ],
        total_bytes=total_bytes,
        usable_bytes=usable_bytes,
    )
