"""LeaveGroup: leave a classic group, or remove members from it as an administrator.

Needs READ on the group. Versions 0 to 5: several members, by instance id too,
from 3; reasons from 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, group
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[LeaveGroupRequest]) -> LeaveGroupResponse | None:
    """Hand it to the coordinator; the one member of old versions becomes a list of one."""
    request = asked.body
    if not context.authorize(asked, Operation.READ, group(request.group_id)):
        return LeaveGroupResponse(error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
    if asked.version < 3:
        members = [MemberIdentity(member_id=request.member_id)]
        request = LeaveGroupRequest(group_id=request.group_id, members=members)
    context.groups.submit(as_ask(asked, request))
    return None
