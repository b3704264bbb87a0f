"""SyncGroup: hand in the assignment (the leader) and get one's own part.

Needs READ on the group (no authorizer yet). Versions 0 to 5: static members from 3, protocol type
and name from 5, where they must be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import answer, asker
from ottla.wire.messages.sync_group import SyncGroupRequest

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[SyncGroupRequest]) -> None:
    """Hand it to the coordinator; a follower's is answered after its leader's."""
    context.groups.sync_group(asked.body, asker(context, asked), answer(context, asked))
