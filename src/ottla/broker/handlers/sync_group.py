"""SyncGroup: hand in the assignment (the leader) and get one's own part.

Needs READ on the group. Versions 0 to 5: static members from 3, protocol type
and name from 5, where they must be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, group
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

PROTOCOL_VERSION = 5


def handle(context: Context, asked: Asked[SyncGroupRequest]) -> SyncGroupResponse | None:
    """Hand it to the coordinator; a follower's is answered after its leader's."""
    body = asked.body
    # What lacks its protocol is refused by the coordinator, before anybody asks who may.
    is_whole = asked.version < PROTOCOL_VERSION or None not in (
        body.protocol_type,
        body.protocol_name,
    )
    if is_whole and not context.authorize(asked, Operation.READ, group(body.group_id)):
        return SyncGroupResponse(error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
    context.groups.submit(as_ask(asked))
    return None
