"""DescribeGroups: state, protocol and members of classic groups.

Needs DESCRIBE on each group (no authorizer yet). Versions 0 to 6: authorized operations from 3,
static members from 4; from 6 on a missing group is GROUP_ID_NOT_FOUND, before it is a group in the
state Dead. A group that is named twice is answered once: no client sends that, and what a group
says of itself may be much longer than its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import answer, asker
from ottla.broker.authorized_operations import GROUP_OPERATIONS
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[DescribeGroupsRequest]) -> None:
    """Hand them to their shards."""
    send = answer(context, asked)
    asked.body.groups = list(dict.fromkeys(asked.body.groups))

    def described(response: DescribeGroupsResponse) -> None:
        if asked.body.include_authorized_operations:
            for group in response.groups:
                if group.error_code == ErrorCode.NONE:
                    group.authorized_operations = GROUP_OPERATIONS
        send(response)

    context.groups.describe_groups(asked.body, asker(context, asked), described)
