"""Heartbeat: say that a member lives, hear whether the group rebalances.

Needs READ on the group. Versions 0 to 4: static members from 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, group
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[HeartbeatRequest]) -> HeartbeatResponse | None:
    """Hand it to the coordinator."""
    if not context.authorize(asked, Operation.READ, group(asked.body.group_id)):
        return HeartbeatResponse(error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
    context.groups.submit(as_ask(asked))
    return None
