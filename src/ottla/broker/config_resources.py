"""Whose permission it takes to see or change the configs of something.

Topics and groups are their own; brokers, their loggers and client metrics are the cluster's.
"""

from __future__ import annotations

from typing import Final

from ottla.metadata.image import (
    BROKER_LOGGER_RESOURCE,
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
)
from ottla.security.resources import CLUSTER, Resource, ResourceType
from ottla.wire.errors import ErrorCode

DENIALS: Final = {
    ResourceType.TOPIC: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ResourceType.GROUP: ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ResourceType.CLUSTER: ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
}
"""How each kind of resource is refused."""


def config_resource(kind: int, name: str) -> Resource | None:
    """What to ask the authorizer about; None for a kind that there is not."""
    if kind == TOPIC_RESOURCE:
        return Resource(ResourceType.TOPIC, name)
    if kind == GROUP_RESOURCE:
        return Resource(ResourceType.GROUP, name)
    if kind in (BROKER_RESOURCE, BROKER_LOGGER_RESOURCE, CLIENT_METRICS_RESOURCE):
        return CLUSTER
    return None
