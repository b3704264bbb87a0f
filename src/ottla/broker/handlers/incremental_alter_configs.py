"""IncrementalAlterConfigs: set, delete, append to and subtract from configs (KIP-339).

Needs ALTER_CONFIGS on the topic or group, and on the cluster for all other resources. What makes no
sense is refused before anybody asks who may, as in Apache Kafka. The controller decides; each
resource succeeds or fails on its own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ottla.broker.config_resources import DENIALS, config_resource
from ottla.controller.configs import check_form
from ottla.controller.topics import TopicError
from ottla.metadata.image import BROKER_LOGGER_RESOURCE, BROKER_RESOURCE
from ottla.security.resources import Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[IncrementalAlterConfigsRequest]) -> None:
    """Hand on what the client may alter; the controller answers."""
    body = asked.body
    times = Counter((one.resource_type, one.resource_name) for one in body.resources)
    allowed: list[AlterConfigsResource] = []
    denied: list[AlterConfigsResourceResponse] = []
    for resource in body.resources:
        kind, name = resource.resource_type, resource.resource_name
        error = ErrorCode.NONE
        if times[kind, name] == 1 and _makes_sense(context, resource):
            error = _denial(context, asked, kind, name)
        if error:
            denied.append(
                AlterConfigsResourceResponse(
                    error_code=error,
                    error_message=error.text,
                    resource_type=kind,
                    resource_name=name,
                )
            )
        else:
            allowed.append(resource)
    if not denied:
        context.controller.submit(asked)
        return

    def finished(response: IncrementalAlterConfigsResponse) -> IncrementalAlterConfigsResponse:
        response.responses += denied
        return response

    request = IncrementalAlterConfigsRequest(resources=allowed, validate_only=body.validate_only)
    context.controller.submit(asked, request, finished)


def _makes_sense(context: Context, resource: AlterConfigsResource) -> bool:
    """Whether the controller would not refuse it whoever asks."""
    try:
        check_form(resource)
    except TopicError:
        return False
    return resource.resource_type != BROKER_RESOURCE or resource.resource_name in (
        "",
        str(context.node_id),
    )


def _denial(
    context: Context, asked: Asked[IncrementalAlterConfigsRequest], kind: int, name: str
) -> ErrorCode:
    resource = config_resource(kind, name)
    if resource is None:
        return ErrorCode.NONE  # no kind that there is: the controller says so
    operation = Operation.ALTER_CONFIGS
    if kind == BROKER_LOGGER_RESOURCE and asked.controller:
        operation = Operation.CLUSTER_ACTION
    if context.authorize(asked, operation, resource):
        return ErrorCode.NONE
    return DENIALS[resource.type]
