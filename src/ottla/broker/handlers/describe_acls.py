"""DescribeAcls: there is no authorizer, and this says so.

Needs DESCRIBE on the cluster. The same answer as Apache Kafka gives without
`authorizer.class.name`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_acls import DescribeAclsRequest, DescribeAclsResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[DescribeAclsRequest]) -> DescribeAclsResponse:
    """Security is not enabled."""
    if not context.authorize(asked, Operation.DESCRIBE, CLUSTER):
        denied = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
        return DescribeAclsResponse(error_code=denied, error_message=denied.text)
    return DescribeAclsResponse(
        error_code=ErrorCode.SECURITY_DISABLED,
        error_message="No Authorizer is configured on the broker",
    )
