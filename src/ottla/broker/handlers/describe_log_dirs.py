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
    from ottla.broker.partition_logs import Answer, Moving


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
    moving: dict[int, list[Moving]] = {}
    for one in context.logs.moves():
        if wanted is None or one.partition in wanted.get(one.topic, ()):
            moving.setdefault(one.log_dir, []).append(one)
    failed = context.directories.failed
    there = [place for place in range(len(placed)) if place not in failed]

    def respond(answers: Sequence[Answer]) -> DescribeLogDirsResponse:
        spaces = dict(zip(there, answers, strict=True))
        return DescribeLogDirsResponse(
            results=[
                _folder(
                    context,
                    place,
                    spaces.get(place),
                    _rows(context, placed[place], moving.get(place, ())),
                )
                for place in range(len(context.log_dirs))
            ]
        )

    questions = [context.logs.space_of(place) for place in there]
    found: DescribeLogDirsResponse | None = context.logs.ask(asked.token, questions, respond)
    return found


def _rows(
    context: Context, topics: dict[str, list[int]], moving: Sequence[Moving]
) -> dict[str, list[DescribeLogDirsPartition]]:
    """What lies in a folder, and what is on its way there."""
    rows = {
        name: [
            DescribeLogDirsPartition(
                partition_index=index, partition_size=context.logs.size_bytes(name, index)
            )
            for index in indexes
        ]
        for name, indexes in topics.items()
    }
    for one in moving:
        rows.setdefault(one.topic, []).append(
            DescribeLogDirsPartition(
                partition_index=one.partition,
                partition_size=one.size_bytes,
                offset_lag=one.lag,
                is_future_key=True,
            )
        )
    return rows


def _folder(
    context: Context,
    place: int,
    space: Answer | None,
    rows: dict[str, list[DescribeLogDirsPartition]],
) -> DescribeLogDirsResult:
    folder = context.log_dirs[place]
    if space is None or space.error_code:
        return DescribeLogDirsResult(error_code=ErrorCode.KAFKA_STORAGE_ERROR, log_dir=folder)
    return DescribeLogDirsResult(
        log_dir=folder,
        topics=[
            DescribeLogDirsTopic(name=name, partitions=partitions)
            for name, partitions in rows.items()
        ],
        total_bytes=space.total_bytes,
        usable_bytes=space.usable_bytes,
        is_cordoned=place in context.directories.cordoned,
    )
