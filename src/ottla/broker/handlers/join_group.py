"""JoinGroup: enter a classic group; the answer comes when the rebalance is through.

Needs READ on the group (no authorizer yet). Versions 0 to 9: a rebalance timeout of its own from 1,
MEMBER_ID_REQUIRED from 4, static members from 5, the protocol type from 7, a reason from 8,
skip_assignment from 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import answer, asker
from ottla.wire.messages.join_group import JoinGroupRequest

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[JoinGroupRequest]) -> None:
    """Hand it to the coordinator; it answers later."""
    context.groups.join_group(asked.body, asker(context, asked), answer(context, asked))
