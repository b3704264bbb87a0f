"""DescribeCluster: the cluster's id, its brokers or its controllers (KIP-700, KIP-919, KIP-1073).

Needs ALTER on the cluster on a controller's listener; a broker's tells everybody, and who has no
DESCRIBE on the cluster sees no operations. A broker's listener tells of brokers, a controller's of
controllers; asking the one for the other is MISMATCHED_ENDPOINT_TYPE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.security.resources import CLUSTER, Operation
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
    if asked.controller and not context.authorize(asked, Operation.ALTER, CLUSTER):
        denied = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
        return DescribeClusterResponse(error_code=denied, error_message=denied.text)
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
        may_ask = context.authorize(asked, Operation.DESCRIBE, CLUSTER)
        response.cluster_authorized_operations = (
            context.authorized_operations(asked, CLUSTER) if may_ask else 0
        )
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
