"""What administrators ask: ListGroups, DescribeGroups, DeleteGroups.

Each group is asked for its own row, whatever its kind. A kind that DescribeGroups does not find is
left to its own API, as in Apache Kafka, whose tools ask that one then.
"""

from __future__ import annotations

from typing import Final

from ottla.coordinators.group.state import ShardTurn
from ottla.decide import Ask
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)
from ottla.wire.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsResponse,
)
from ottla.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse

DEAD: Final = "Dead"
NOT_FOUND_VERSION: Final = 6
"""From this version of DescribeGroups on a missing group is an error; before, it is a dead group.
"""


def list_groups(turn: ShardTurn, ask: Ask) -> None:
    """All groups in the states and of the types that are asked for; case does not matter, empty
    means all.
    """
    request: ListGroupsRequest = ask.body
    states = {state.casefold() for state in request.states_filter}
    types = {kind.casefold() for kind in request.types_filter}
    listed = [group.list_row() for group in turn.state.groups.values()]
    response = ListGroupsResponse(
        groups=[
            one
            for one in listed
            if (not states or one.group_state.casefold() in states)
            and (not types or one.group_type.casefold() in types)
        ]
    )
    turn.reply(ask.token, response)


def describe_groups(turn: ShardTurn, ask: Ask) -> None:
    """Each group as it describes itself."""
    described = []
    for group_id in ask.body.groups:
        group = turn.state.groups.get(group_id)
        row = None if group is None else group.describe_row()
        described.append(row or _not_found(group_id, ask.version))
    turn.reply(ask.token, DescribeGroupsResponse(groups=described))


def _not_found(group_id: str, version: int) -> DescribedGroup:
    if version < NOT_FOUND_VERSION:
        return DescribedGroup(group_id=group_id, group_state=DEAD)
    return DescribedGroup(
        group_id=group_id,
        group_state=DEAD,
        error_code=ErrorCode.GROUP_ID_NOT_FOUND,
        error_message=f"Group {group_id} not found.",
    )


def delete_groups(turn: ShardTurn, ask: Ask) -> None:
    """Delete groups that nobody is in, with all their offsets."""
    request: DeleteGroupsRequest = ask.body
    results = []
    for group_id in dict.fromkeys(request.groups_names):
        group = turn.state.groups.get(group_id)
        error = ErrorCode.GROUP_ID_NOT_FOUND if group is None else group.deletion_error()
        if group is not None and error is None:
            turn.state.offsets.tombstone_all(turn, group_id)
            group.end(turn)
        if error is not None:
            turn.note(f"group {group_id}: is not deleted: {error.name}")
        results.append(DeletableGroupResult(group_id=group_id, error_code=error or ErrorCode.NONE))
    turn.reply(ask.token, DeleteGroupsResponse(results=results))
