"""DescribeLogDirs: the folders that hold the logs, what is in them and how much room there is.

Needs DESCRIBE on the cluster. A null list of topics means all of them. How much room there is only
the disks can say, so the answer waits for the slowest of them and nobody else does.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    from ottla.broker.partition_logs import Answer


def handle(
    context: Context, asked: Asked[DescribeLogDirsRequest]
) -> DescribeLogDirsResponse | None:
    """Every log folder with the asked partitions that live in it."""
    if not context.authorize(asked, Operation.DESCRIBE, CLUSTER):
        return DescribeLogDirsResponse(error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
    wanted = (
        None
        if asked.body.topics is None
        else {topic.topic: set(topic.partitions) for topic in asked.body.topics}
    )
    placed: list[dict[str, list[int]]] = [{} for _ in context.log_dirs]
    for topic in context.image.topics.by_name.values():
        for index, partition in enumerate(topic.partitions):
            if context.node_id not in partition.replicas:
                continue
            if wanted is None or index in wanted.get(topic.name, ()):
                place = context.directories.index(topic.id, index)
                if place is not None:
                    placed[place].setdefault(topic.name, []).append(index)
    failed = context.directories.failed
    there = [place for place in range(len(placed)) if place not in failed]

    def respond(answers: Sequence[Answer]) -> DescribeLogDirsResponse:
        spaces = dict(zip(there, answers, strict=True))
        return DescribeLogDirsResponse(
            results=[
                _folder(context, folder, spaces.get(place), placed[place])
                for place, folder in enumerate(context.log_dirs)
            ]
        )

    questions = [context.logs.space_of(place) for place in there]
    found: DescribeLogDirsResponse | None = context.logs.ask(asked.token, questions, respond)
    return found


def _folder(
    context: Context, folder: str, space: Answer | None, topics: dict[str, list[int]]
) -> DescribeLogDirsResult:
    if space is None or space.error_code:
        return DescribeLogDirsResult(error_code=ErrorCode.KAFKA_STORAGE_ERROR, log_dir=folder)
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
        total_bytes=space.total_bytes,
        usable_bytes=space.usable_bytes,
    )
