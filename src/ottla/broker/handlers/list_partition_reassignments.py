"""ListPartitionReassignments: the partitions whose replicas are on the move.

Needs DESCRIBE on the cluster. The controller answers: it alone knows what is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
    OngoingPartitionReassignment,
    OngoingTopicReassignment,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(
    context: Context, asked: Asked[ListPartitionReassignmentsRequest]
) -> ListPartitionReassignmentsResponse | None:
    """Hand the request to the controller, which answers by its token."""
    if context.authorize(asked, Operation.DESCRIBE, CLUSTER):
        context.controller.submit(asked)
        return None
    error = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    return ListPartitionReassignmentsResponse(
        error_code=error,
        error_message=error.text,
        topics=[
            OngoingTopicReassignment(
                name=topic.name,
                partitions=[
                    OngoingPartitionReassignment(partition_index=index)
                    for index in topic.partition_indexes
                ],
            )
            for topic in asked.body.topics or ()
        ],
    )
