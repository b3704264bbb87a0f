"""DeleteGroups: delete groups that nobody is in, with their offsets.

Needs DELETE on each group (no authorizer yet). Versions 0 to 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import answer, asker
from ottla.wire.messages.delete_groups import DeleteGroupsRequest

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[DeleteGroupsRequest]) -> None:
    """Hand them to their shards."""
    context.groups.delete_groups(asked.body, asker(context, asked), answer(context, asked))
