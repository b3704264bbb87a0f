"""AssignReplicasToDirs: a broker says in which of its log dirs it keeps a replica (KIP-858).

Needs CLUSTER_ACTION on the cluster, and is the controller's alone to answer. This node's own broker
asks the same without a connection (node/membership.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.assign_replicas_to_dirs import (
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(
    context: Context, asked: Asked[AssignReplicasToDirsRequest]
) -> AssignReplicasToDirsResponse | None:
    """Hand the request to the controller, which answers by its token."""
    if context.authorize(asked, Operation.CLUSTER_ACTION, CLUSTER):
        context.controller.submit(asked)
        return None
    return AssignReplicasToDirsResponse(error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
