"""ListGroups: the groups that this broker coordinates.

Needs DESCRIBE on the cluster, else each group needs it (no authorizer yet). Versions 0 to 5:
filters by state from 4, by type from 5. Every broker answers for its own groups: tools ask them
all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import answer, asker
from ottla.wire.messages.list_groups import ListGroupsRequest

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[ListGroupsRequest]) -> None:
    """Gather them from all shards."""
    context.groups.list_groups(asked.body, asker(context, asked), answer(context, asked))
