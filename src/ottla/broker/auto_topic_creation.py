"""Topics that come to be because a client named them, and the internal ones that coordinators live
in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ottla.broker.internal_topics import INTERNAL_TOPICS
from ottla.controller.state import RECORDS_PER_REQUEST_MAX
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.context import Context

CREATE_TOPICS_VERSION = 7

_INTERNAL = {topic.name: topic for topic in INTERNAL_TOPICS}


def create(context: Context, names: Iterable[str], then: Callable[[dict[str, int]], None]) -> None:
    """Ask the controller for these topics with the broker's defaults; `then` gets an error code
    for each name.

    The answer comes when the topics are committed and this broker leads its partitions, so that
    the client's next request finds them. More than the controller takes in one request are refused
    as it would refuse them, without asking.
    """
    topics = [_creatable(context, name) for name in names]
    if sum(topic.num_partitions for topic in topics) > RECORDS_PER_REQUEST_MAX:
        then({topic.name: ErrorCode.POLICY_VIOLATION for topic in topics})
        return

    def answered(response: CreateTopicsResponse) -> None:
        then({topic.name: topic.error_code for topic in response.topics})

    request = CreateTopicsRequest(
        topics=topics,
        timeout_ms=context.config["request.timeout.ms"],
    )
    context.controller.ask(request, CREATE_TOPICS_VERSION, answered)


def _creatable(context: Context, name: str) -> CreatableTopic:
    config = context.config
    internal = _INTERNAL.get(name)
    if internal is not None:
        return CreatableTopic(
            name=name,
            num_partitions=config[internal.partitions_key],
            replication_factor=config[internal.replication_factor_key],
            configs=[
                CreatableTopicConfig(name=key, value=value)
                for key, value in internal.configs(config).items()
            ],
        )
    return CreatableTopic(
        name=name,
        num_partitions=config["num.partitions"],
        replication_factor=config["default.replication.factor"],
    )
