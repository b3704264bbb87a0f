"""DeleteRecords: move the start of partitions forward (KIP-107).

Needs DELETE on the topic. Offset -1 means the high watermark. Only topics whose cleanup policy
deletes may lose records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ottla.broker.partitions import leadership_error
from ottla.metadata.topic_names import is_internal
from ottla.security.resources import Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_records import (
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.broker.partition_logs import Answer


def handle(context: Context, asked: Asked[DeleteRecordsRequest]) -> DeleteRecordsResponse | None:
    """Cut every partition; each has its own error."""
    names = [topic.name for topic in asked.body.topics]
    deletable = context.allowed_names(asked, Operation.DELETE, ResourceType.TOPIC, names)
    response = DeleteRecordsResponse()
    questions: list[Any] = []
    rows: list[DeleteRecordsPartitionResult] = []
    for topic in asked.body.topics:
        told = DeleteRecordsTopicResult(name=topic.name)
        response.topics.append(told)
        for cut in topic.partitions:
            index = cut.partition_index
            row = DeleteRecordsPartitionResult(partition_index=index, low_watermark=-1)
            told.partitions.append(row)
            row.error_code = ErrorCode.TOPIC_AUTHORIZATION_FAILED
            if topic.name in deletable:
                row.error_code = _refusal(context, topic.name, index)
            if not row.error_code:
                questions.append(context.logs.delete_before(topic.name, index, cut.offset))
                rows.append(row)

    def respond(answers: Sequence[Answer]) -> DeleteRecordsResponse:
        for row, answer in zip(rows, answers, strict=True):
            row.error_code = answer.error_code
            row.low_watermark = answer.offset
        return response

    done: DeleteRecordsResponse | None = context.logs.ask(asked.token, questions, respond)
    return done


def _refusal(context: Context, topic: str, index: int) -> ErrorCode:
    """Why it is not cut, NONE if it is."""
    error = leadership_error(context, topic, index)
    if not error and is_internal(topic):
        error = ErrorCode.INVALID_TOPIC_EXCEPTION
    if not error and "delete" not in context.settings.topic(topic)["cleanup.policy"]:
        error = ErrorCode.POLICY_VIOLATION
    return error
