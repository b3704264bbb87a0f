"""ListGroups: the groups that this broker coordinates.

Needs DESCRIBE on the cluster, else each group needs it. Versions 0 to 5:
filters by state from 4, by type from 5. Every broker answers for its own groups: tools ask them
all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import CLUSTER, Operation, ResourceType
from ottla.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[ListGroupsRequest]) -> None:
    """Gather them from all shards."""
    sees_all = context.authorize(asked, Operation.DESCRIBE, CLUSTER, quiet=True)

    def listed(response: ListGroupsResponse) -> ListGroupsResponse:
        if not sees_all:
            names = [group.group_id for group in response.groups]
            seen = context.allowed_names(
                asked, Operation.DESCRIBE, ResourceType.GROUP, names, quiet=True
            )
            response.groups = [group for group in response.groups if group.group_id in seen]
        return response

    context.groups.submit(as_ask(asked, finish=listed))
