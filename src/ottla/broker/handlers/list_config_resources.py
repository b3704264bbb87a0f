"""ListConfigResources: the names of everything that can hold configs (KIP-1142).

Needs DESCRIBE_CONFIGS on the cluster. Version 0 knew client metrics alone. No types means all of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.metadata.image import (
    BROKER_LOGGER_RESOURCE,
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
)
from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.list_config_resources import (
    ConfigResource,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

_ALL = (
    GROUP_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    BROKER_LOGGER_RESOURCE,
    BROKER_RESOURCE,
    TOPIC_RESOURCE,
)


def handle(
    context: Context, asked: Asked[ListConfigResourcesRequest]
) -> ListConfigResourcesResponse:
    """All resources of the asked types."""
    if not context.authorize(asked, Operation.DESCRIBE_CONFIGS, CLUSTER):
        return ListConfigResourcesResponse(error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
    if asked.version == 0:
        kinds: tuple[int, ...] = (CLIENT_METRICS_RESOURCE,)
    else:
        kinds = tuple(asked.body.resource_types) or _ALL
    if not set(kinds) <= set(_ALL):
        return ListConfigResourcesResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
    return ListConfigResourcesResponse(
        config_resources=[
            ConfigResource(resource_name=name, resource_type=kind)
            for kind in _ALL
            if kind in kinds
            for name in _names(context, kind)
        ]
    )


def _names(context: Context, kind: int) -> list[str]:
    image = context.image
    if kind == TOPIC_RESOURCE:
        return list(image.topics.by_name)
    if kind in (BROKER_RESOURCE, BROKER_LOGGER_RESOURCE):
        return [str(broker) for broker in image.brokers]
    return [name for configured, name in image.configs if configured == kind]
