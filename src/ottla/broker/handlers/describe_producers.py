"""DescribeProducers: who has written to partitions, and what is open there (KIP-664).

Needs READ on the topic. Asked of a partition's leader, to find transactions that hang. A partition
that is named twice is answered once: no client sends that, and four bytes would ask for all that
its log remembers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ottla.broker.handlers.delete_topics import UNKNOWN_NAME
from ottla.broker.partitions import leadership_error
from ottla.metadata.topic_names import topic_name_problem
from ottla.security.resources import Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_producers import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    PartitionResponse,
    ProducerState,
    TopicResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.broker.partition_logs import Answer


def handle(
    context: Context, asked: Asked[DescribeProducersRequest]
) -> DescribeProducersResponse | None:
    """Every producer that the partition's log remembers."""
    names = {one.name for one in asked.body.topics if topic_name_problem(one.name) is None}
    readable = context.allowed_names(asked, Operation.READ, ResourceType.TOPIC, names)
    response = DescribeProducersResponse()
    questions: list[Any] = []
    rows: list[PartitionResponse] = []
    wanted: dict[str, dict[int, None]] = {}
    for topic in asked.body.topics:
        wanted.setdefault(topic.name, {}).update(dict.fromkeys(topic.partition_indexes))
    for name, indexes in wanted.items():
        told = TopicResponse(name=name)
        response.topics.append(told)
        problem = topic_name_problem(name)
        for index in indexes:
            row = PartitionResponse(partition_index=index)
            told.partitions.append(row)
            row.error_code = ErrorCode.TOPIC_AUTHORIZATION_FAILED
            if problem is not None:
                row.error_code = ErrorCode.INVALID_TOPIC_EXCEPTION
                row.error_message = f"Topic name is invalid: {problem}"
            elif name in readable:
                row.error_code = leadership_error(context, name, index)
                if name not in context.image.topics.by_name:
                    row.error_message = UNKNOWN_NAME
            else:
                row.error_message = ErrorCode.TOPIC_AUTHORIZATION_FAILED.text
            if not row.error_code:
                questions.append(context.logs.producers(name, index))
                rows.append(row)

    def respond(answers: Sequence[Answer]) -> DescribeProducersResponse:
        for row, answer in zip(rows, answers, strict=True):
            row.error_code = answer.error_code
            row.active_producers = [
                ProducerState(
                    producer_id=one.producer_id,
                    producer_epoch=one.producer_epoch,
                    last_sequence=one.last_sequence,
                    last_timestamp=one.last_timestamp_ms,
                    coordinator_epoch=one.coordinator_epoch,
                    current_txn_start_offset=one.first_offset,
                )
                for one in answer.producers
            ]
        return response

    found: DescribeProducersResponse | None = context.logs.ask(asked.token, questions, respond)
    return found
