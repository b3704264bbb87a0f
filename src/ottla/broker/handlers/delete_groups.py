"""DeleteGroups: delete groups that nobody is in, with their offsets.

Needs DELETE on each group. Versions 0 to 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[DeleteGroupsRequest]) -> None:
    """Hand them to their shards."""
    names = list(dict.fromkeys(asked.body.groups_names))
    deletable = context.allowed_names(asked, Operation.DELETE, ResourceType.GROUP, names)

    def deleted(response: DeleteGroupsResponse) -> DeleteGroupsResponse:
        response.results += [
            DeletableGroupResult(group_id=name, error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
            for name in names
            if name not in deletable
        ]
        return response

    request = DeleteGroupsRequest(groups_names=[name for name in names if name in deletable])
    context.groups.submit(as_ask(asked, request, deleted))
