"""DescribeCluster: the cluster's id, its brokers or its controllers (KIP-700, KIP-919, KIP-1073).

Needs DESCRIBE on the cluster. A broker's listener tells of brokers, a controller's of controllers;
asking the one for the other is MISMATCHED_ENDPOINT_TYPE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.authorized_operations import CLUSTER_OPERATIONS
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

BROKERS, CONTROLLERS = 1, 2
_NAMES = {BROKERS: "BROKER", CONTROLLERS: "CONTROLLER"}


def handle(context: Context, asked: Asked[DescribeClusterRequest]) -> DescribeClusterResponse:
    """Answer from the image, with this node's address as the client reached it."""
    body = asked.body
    serves = CONTROLLERS if asked.controller else BROKERS
    if body.endpoint_type != serves:
        return _mismatch(body.endpoint_type, serves)
    me = context.image.brokers.get(context.node_id)
    alive = me is not None and not me.fenced
    response = DescribeClusterResponse(
        endpoint_type=serves,
        cluster_id=context.cluster_id,
        controller_id=context.node_id if asked.controller or alive else -1,
        brokers=[_this_node(context, asked)] if asked.controller else _brokers(context, asked),
    )
    if body.include_cluster_authorized_operations:
        response.cluster_authorized_operations = CLUSTER_OPERATIONS
    return response


def _mismatch(endpoint_type: int, serves: int) -> DescribeClusterResponse:
    if endpoint_type not in _NAMES:
        return DescribeClusterResponse(
            error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message=f"Unsupported endpoint type {endpoint_type}",
        )
    return DescribeClusterResponse(
        error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        error_message=f"The request was sent to an endpoint of type {_NAMES[serves]}, but we "
        f"wanted an endpoint of type {_NAMES[endpoint_type]}",
    )


def _this_node(context: Context, asked: Asked[DescribeClusterRequest]) -> DescribeClusterBroker:
    host, port = context.endpoint(asked)
    return DescribeClusterBroker(broker_id=context.node_id, host=host, port=port)


def _brokers(context: Context, asked: Asked[DescribeClusterRequest]) -> list[DescribeClusterBroker]:
    found = []
    for broker in context.image.brokers.values():
        if broker.fenced and not asked.body.include_fenced_brokers:
            continue
        address = context.broker_endpoint(broker, asked)
        if address is not None:
            host, port = address
            found.append(
                DescribeClusterBroker(
                    broker_id=broker.id,
                    host=host,
                    port=port,
                    rack=broker.rack,
                    is_fenced=broker.fenced,
                )
            )
    return found
