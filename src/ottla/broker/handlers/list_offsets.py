"""ListOffsets: the offset of a time, or of the start, the end or the largest timestamp of a
partition.

Needs DESCRIBE on the topic. Negative timestamps are names: -1 latest, -2 earliest, -3 max
timestamp (version 7), -4 earliest local (8), -5 latest tiered (9), -6 earliest pending upload
(11); nothing is tiered here, so the last two answer "none".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
    from ottla.broker.partition_logs import Answer

_FIRST_VERSION = {-1: 0, -2: 0, -3: 7, -4: 8, -5: 9, -6: 11}
_TIERED = (-5, -6)


def handle(context: Context, asked: Asked[ListOffsetsRequest]) -> ListOffsetsResponse | None:
    """Look every partition up; each has its own error."""
    times = Counter(
        (topic.name, partition.partition_index)
        for topic in asked.body.topics
        for partition in topic.partitions
    )
    names = [topic.name for topic in asked.body.topics]
    seen = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.TOPIC, names)
    response = ListOffsetsResponse()
    questions: list[Any] = []
    rows: list[ListOffsetsPartitionResponse] = []
    for topic in asked.body.topics:
        told = ListOffsetsTopicResponse(name=topic.name)
        response.topics.append(told)
        for partition in topic.partitions:
            index = partition.partition_index
            row = ListOffsetsPartitionResponse(partition_index=index)
            told.partitions.append(row)
            if topic.name not in seen:
                row.error_code = ErrorCode.TOPIC_AUTHORIZATION_FAILED
            elif times[topic.name, index] > 1:
                row.error_code = ErrorCode.INVALID_REQUEST
            else:
                row.error_code = _refusal(context, asked.version, topic.name, partition)
                if not row.error_code and partition.timestamp not in _TIERED:
                    isolation = asked.body.isolation_level
                    questions.append(
                        context.logs.find_offset(topic.name, index, partition.timestamp, isolation)
                    )
                    rows.append(row)

    def respond(answers: Sequence[Answer]) -> ListOffsetsResponse:
        for row, answer in zip(rows, answers, strict=True):
            row.error_code = answer.error_code
            row.offset = answer.offset
            row.timestamp = answer.timestamp_ms
            if asked.version >= 4:
                row.leader_epoch = answer.leader_epoch
        return response

    found: ListOffsetsResponse | None = context.logs.ask(asked.token, questions, respond)
    return found


def _refusal(
    context: Context, version: int, topic: str, partition: ListOffsetsPartition
) -> ErrorCode:
    """Why it is not looked up, NONE if it is."""
    timestamp = partition.timestamp
    if timestamp < 0 and version < _FIRST_VERSION.get(timestamp, 32767):
        return ErrorCode.UNSUPPORTED_VERSION
    return leadership_error(
        context, topic, partition.partition_index, partition.current_leader_epoch
    )
