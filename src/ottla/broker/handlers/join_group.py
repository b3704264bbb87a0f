"""JoinGroup: enter a classic group; the answer comes when the rebalance is through.

Needs READ on the group. Versions 0 to 9: a rebalance timeout of its own from 1,
MEMBER_ID_REQUIRED from 4, static members from 5, the protocol type from 7, a reason from 8,
skip_assignment from 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, group
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

NULL_PROTOCOL_VERSION = 7


def handle(context: Context, asked: Asked[JoinGroupRequest]) -> JoinGroupResponse | None:
    """Hand it to the coordinator; it answers later."""
    if not context.authorize(asked, Operation.READ, group(asked.body.group_id)):
        return JoinGroupResponse(
            error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED,
            protocol_name=None if asked.version >= NULL_PROTOCOL_VERSION else "",
        )
    context.groups.submit(as_ask(asked))
    return None
