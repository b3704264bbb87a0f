"""Topics that come to be because a client named them, and the internal ones that coordinators live
in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ottla.broker.internal_topics import INTERNAL_TOPICS
from ottla.controller.topics import TopicError, check_partitions_asked
from ottla.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.config.broker import BrokerConfig

CREATE_TOPICS_VERSION = 7

_INTERNAL = {topic.name: topic for topic in INTERNAL_TOPICS}


def create(
    context: Context,
    names: Iterable[str],
    finish: Callable[[dict[str, int]], Any],
    asked: Asked[Any],
) -> Any:
    """Ask the controller for these topics with the broker's defaults, in the name of the client
    whose request needs them, as in Apache Kafka. `finish` makes that request's response of an error
    code for each name; it is returned if there is nothing to wait for, and else goes out by the
    request's token.

    The answer comes when the topics are committed and this broker leads its partitions, so that
    the client's next request finds them. What the controller would refuse for its number is not
    even made into a request: a client may name a million topics.
    """
    wanted = list(names)
    try:
        check_partitions_asked(sum(_partitions(context.config, name) for name in wanted))
    except TopicError as error:
        return finish(dict.fromkeys(wanted, error.code))

    def answered(response: CreateTopicsResponse) -> Any:
        return finish({topic.name: topic.error_code for topic in response.topics})

    context.controller.submit(
        asked, _request(context, wanted), answered, version=CREATE_TOPICS_VERSION
    )
    return None


def create_internal(context: Context, name: str, then: Callable[[int], None]) -> None:
    """The same for a topic that is the node's own affair, in its own name; `then` gets the error
    code.
    """
    try:
        check_partitions_asked(_partitions(context.config, name))
    except TopicError as error:
        then(error.code)
        return

    def answered(response: CreateTopicsResponse) -> None:
        then(response.topics[0].error_code)

    context.controller.ask(_request(context, [name]), CREATE_TOPICS_VERSION, answered)


def _request(context: Context, names: Iterable[str]) -> CreateTopicsRequest:
    return CreateTopicsRequest(
        topics=[_creatable(context, name) for name in names],
        timeout_ms=context.config["request.timeout.ms"],
    )


def _partitions(config: BrokerConfig, name: str) -> int:
    internal = _INTERNAL.get(name)
    key = "num.partitions" if internal is None else internal.partitions_key
    partitions: int = config[key]
    return partitions


def _creatable(context: Context, name: str) -> CreatableTopic:
    config = context.config
    internal = _INTERNAL.get(name)
    if internal is not None:
        return CreatableTopic(
            name=name,
            num_partitions=_partitions(config, name),
            replication_factor=config[internal.replication_factor_key],
            configs=[
                CreatableTopicConfig(name=key, value=value)
                for key, value in internal.configs(config).items()
            ],
        )
    return CreatableTopic(
        name=name,
        num_partitions=_partitions(config, name),
        replication_factor=config["default.replication.factor"],
    )
