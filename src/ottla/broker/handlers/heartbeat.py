"""Heartbeat: say that a member lives, hear whether the group rebalances.

Needs READ on the group (no authorizer yet). Versions 0 to 4: static members from 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import answer, asker
from ottla.wire.messages.heartbeat import HeartbeatRequest

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[HeartbeatRequest]) -> None:
    """Hand it to the coordinator."""
    context.groups.heartbeat(asked.body, asker(context, asked), answer(context, asked))
