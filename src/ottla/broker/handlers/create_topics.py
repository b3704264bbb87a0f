"""CreateTopics: new topics with their partitions, replicas and configs.

Needs CREATE on the cluster or on each topic, and DESCRIBE_CONFIGS on a topic to be told what it
came to be. The controller decides; each topic succeeds or fails on its own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ottla.metadata.topic_names import METADATA_TOPIC
from ottla.security.resources import CLUSTER, Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import (
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

DENIED = "Authorization failed."


def handle(context: Context, asked: Asked[CreateTopicsRequest]) -> None:
    """Hand on what the client may create; the controller answers."""
    body = asked.body
    # What is named twice, and the metadata topic, nobody creates: the controller says so.
    times = Counter(topic.name for topic in body.topics)
    names = [name for name, count in times.items() if count == 1 and name != METADATA_TOPIC]
    creatable = set(names)
    if not context.authorize(asked, Operation.CREATE, CLUSTER, quiet=True):
        creatable = context.allowed_names(asked, Operation.CREATE, ResourceType.TOPIC, names)
    describable = context.allowed_names(
        asked, Operation.DESCRIBE_CONFIGS, ResourceType.TOPIC, creatable, quiet=True
    )
    if len(describable) == len(names):
        context.controller.submit(asked)
        return
    denied = dict.fromkeys(name for name in names if name not in creatable)  # a set, in order
    allowed = CreateTopicsRequest(
        topics=[topic for topic in body.topics if topic.name not in denied],
        timeout_ms=body.timeout_ms,
        validate_only=body.validate_only,
    )

    def finished(response: CreateTopicsResponse) -> CreateTopicsResponse:
        for topic in response.topics:
            if topic.error_code == ErrorCode.NONE and topic.name not in describable:
                topic.topic_config_error_code = ErrorCode.TOPIC_AUTHORIZATION_FAILED
                topic.num_partitions = topic.replication_factor = -1
                topic.configs = []
        response.topics += [_denied(name) for name in denied]
        return response

    context.controller.submit(asked, allowed, finished)


def _denied(name: str) -> CreatableTopicResult:
    return CreatableTopicResult(
        name=name,
        error_code=ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        error_message=DENIED,
        configs=[],
    )
