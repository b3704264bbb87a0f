"""DeleteRecords: move the start of partitions forward (KIP-107).

Needs DELETE on the topic. Offset -1 means the high watermark. Only topics whose cleanup policy
deletes may lose records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.partition_logs import LogRefused
from ottla.broker.partitions import leadership_error
from ottla.metadata.topic_names import is_internal
from ottla.security.resources import Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[DeleteRecordsRequest]) -> DeleteRecordsResponse:
    """Cut every partition; each has its own error."""
    names = [topic.name for topic in asked.body.topics]
    deletable = context.allowed_names(asked, Operation.DELETE, ResourceType.TOPIC, names)
    return DeleteRecordsResponse(
        topics=[
            DeleteRecordsTopicResult(
                name=topic.name,
                partitions=[
                    _cut(context, topic.name, cut)
                    if topic.name in deletable
                    else _result(cut.partition_index, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
                    for cut in topic.partitions
                ],
            )
            for topic in asked.body.topics
        ]
    )


def _cut(context: Context, topic: str, cut: DeleteRecordsPartition) -> DeleteRecordsPartitionResult:
    index = cut.partition_index
    error = leadership_error(context, topic, index)
    if not error and is_internal(topic):
        error = ErrorCode.INVALID_TOPIC_EXCEPTION
    if not error and "delete" not in context.settings.topic(topic)["cleanup.policy"]:
        error = ErrorCode.POLICY_VIOLATION
    low = -1
    if not error:
        try:
            low = context.logs.delete_records(topic, index, cut.offset)
        except LogRefused as refused:
            error = refused.code
    return _result(index, error, low)


def _result(index: int, error: ErrorCode, low: int = -1) -> DeleteRecordsPartitionResult:
    return DeleteRecordsPartitionResult(partition_index=index, low_watermark=low, error_code=error)
