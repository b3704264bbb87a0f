"""OffsetForLeaderEpoch: where a leader epoch ended, so that a consumer finds out that its log was
cut (KIP-320).

Needs DESCRIBE on the topic, or CLUSTER_ACTION on the cluster, which followers have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ottla.broker.partitions import leadership_error
from ottla.security.resources import CLUSTER, Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderTopicResult,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.broker.partition_logs import Answer


def handle(
    context: Context, asked: Asked[OffsetForLeaderEpochRequest]
) -> OffsetForLeaderEpochResponse | None:
    """The largest epoch not above the asked one, and its end offset."""
    seen = {topic.topic for topic in asked.body.topics}
    if not context.authorize(asked, Operation.CLUSTER_ACTION, CLUSTER, quiet=True):
        seen = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.TOPIC, seen)
    response = OffsetForLeaderEpochResponse()
    questions: list[Any] = []
    rows: list[EpochEndOffset] = []
    for topic in asked.body.topics:
        told = OffsetForLeaderTopicResult(topic=topic.topic)
        response.topics.append(told)
        for partition in topic.partitions:
            index = partition.partition
            row = EpochEndOffset(partition=index)
            told.partitions.append(row)
            row.error_code = ErrorCode.TOPIC_AUTHORIZATION_FAILED
            if topic.topic in seen:
                epoch = partition.current_leader_epoch
                row.error_code = leadership_error(context, topic.topic, index, epoch)
            if not row.error_code:
                questions.append(
                    context.logs.end_of_epoch(topic.topic, index, partition.leader_epoch)
                )
                rows.append(row)

    def respond(answers: Sequence[Answer]) -> OffsetForLeaderEpochResponse:
        for row, answer in zip(rows, answers, strict=True):
            row.error_code = answer.error_code
            row.leader_epoch = answer.leader_epoch
            row.end_offset = answer.offset
        return response

    found: OffsetForLeaderEpochResponse | None = context.logs.ask(asked.token, questions, respond)
    return found
