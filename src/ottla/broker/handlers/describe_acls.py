"""DescribeAcls: there is no authorizer, and this says so.

The same answer as Apache Kafka gives without `authorizer.class.name`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_acls import DescribeAclsRequest, DescribeAclsResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[DescribeAclsRequest]) -> DescribeAclsResponse:
    """Security is not enabled."""
    return DescribeAclsResponse(
        error_code=ErrorCode.SECURITY_DISABLED,
        error_message="No Authorizer is configured.",
    )
