"""CreatePartitions: more partitions for topics that exist.

Needs ALTER on the topics. The controller decides; partitions are never taken away.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ottla.security.resources import Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopicResult,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[CreatePartitionsRequest]) -> None:
    """Hand on what the client may alter; the controller answers."""
    body = asked.body
    # What is named twice is refused by the controller, before anybody asks who may.
    times = Counter(topic.name for topic in body.topics)
    names = [name for name, count in times.items() if count == 1]
    alterable = context.allowed_names(asked, Operation.ALTER, ResourceType.TOPIC, names)
    denied = dict.fromkeys(name for name in names if name not in alterable)  # a set, in order
    if not denied:
        context.controller.submit(asked)
        return

    def finished(response: CreatePartitionsResponse) -> CreatePartitionsResponse:
        response.results += [
            CreatePartitionsTopicResult(name=name, error_code=ErrorCode.TOPIC_AUTHORIZATION_FAILED)
            for name in denied
        ]
        return response

    allowed = CreatePartitionsRequest(
        topics=[topic for topic in body.topics if topic.name not in denied],
        timeout_ms=body.timeout_ms,
        validate_only=body.validate_only,
    )
    context.controller.submit(asked, allowed, finished)
