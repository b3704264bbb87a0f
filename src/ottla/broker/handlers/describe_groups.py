"""DescribeGroups: state, protocol and members of classic groups.

Needs DESCRIBE on each group. Versions 0 to 6: authorized operations from 3,
static members from 4; from 6 on a missing group is GROUP_ID_NOT_FOUND, before it is a group in the
state Dead. A group that is named twice is answered once: no client sends that, and what a group
says of itself may be much longer than its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, ResourceType, group
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[DescribeGroupsRequest]) -> None:
    """Hand them to their shards."""
    names = list(dict.fromkeys(asked.body.groups))
    seen = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.GROUP, names)
    denied = [
        DescribedGroup(group_id=name, error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
        for name in names
        if name not in seen
    ]
    asked.body.groups = [name for name in names if name in seen]

    def described(response: DescribeGroupsResponse) -> DescribeGroupsResponse:
        if asked.body.include_authorized_operations:
            for found in response.groups:
                if found.error_code == ErrorCode.NONE:
                    found.authorized_operations = context.authorized_operations(
                        asked, group(found.group_id)
                    )
        response.groups = denied + response.groups
        return response

    context.groups.submit(as_ask(asked, finish=described))
