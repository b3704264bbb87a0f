"""What administrators ask: ListGroups, DescribeGroups, DeleteGroups.

Groups of other kinds (foreign.py) are listed with what their records tell and deleted when nobody
is in them; a DescribeGroups does not find them, as in Apache Kafka, whose tools then ask the other
kinds' own APIs.
"""

from __future__ import annotations

from typing import Final

from ottla.coordinators.group import membership, records
from ottla.coordinators.group.classic import DEAD, EMPTY, STABLE, ClassicGroup
from ottla.coordinators.group.foreign import ForeignGroup
from ottla.coordinators.group.offsets import Offsets
from ottla.coordinators.group.turn import Turn
from ottla.coordinators.runtime import Ask
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)
from ottla.wire.messages.describe_groups import (
    DescribedGroup,
    DescribedGroupMember,
    DescribeGroupsResponse,
)
from ottla.wire.messages.list_groups import ListedGroup, ListGroupsRequest, ListGroupsResponse

NOT_FOUND_VERSION: Final = 6
"""From this version of DescribeGroups on a missing group is an error; before, it is a dead group.
"""


def list_groups(
    groups: dict[str, ClassicGroup], foreign: dict[str, ForeignGroup], request: ListGroupsRequest
) -> ListGroupsResponse:
    """All groups in the states and of the types that are asked for; case does not matter, empty
    means all.
    """
    states = {state.casefold() for state in request.states_filter}
    types = {kind.casefold() for kind in request.types_filter}
    listed = [
        ListedGroup(
            group_id=group.group_id,
            protocol_type=group.protocol_type or "",
            group_state=group.state,
            group_type="classic",
        )
        for group in groups.values()
    ]
    listed += [
        ListedGroup(
            group_id=other.group_id,
            protocol_type=other.kind,
            group_state=other.state,
            group_type=other.kind,
        )
        for other in foreign.values()
    ]
    return ListGroupsResponse(
        groups=[
            one
            for one in listed
            if (not states or one.group_state.casefold() in states)
            and (not types or one.group_type.casefold() in types)
        ]
    )


def describe_groups(groups: dict[str, ClassicGroup], ask: Ask) -> DescribeGroupsResponse:
    """Each group with its members; what they said and got is told for stable groups alone."""
    described = []
    for group_id in ask.body.groups:
        group = groups.get(group_id)
        if group is not None:
            described.append(_described(group))
        elif ask.version >= NOT_FOUND_VERSION:
            described.append(
                DescribedGroup(
                    group_id=group_id,
                    group_state=DEAD,
                    error_code=ErrorCode.GROUP_ID_NOT_FOUND,
                    error_message=f"Group {group_id} not found.",
                )
            )
        else:
            described.append(DescribedGroup(group_id=group_id, group_state=DEAD))
    return DescribeGroupsResponse(groups=described)


def _described(group: ClassicGroup) -> DescribedGroup:
    stable = group.state == STABLE
    return DescribedGroup(
        group_id=group.group_id,
        group_state=group.state,
        protocol_type=group.protocol_type or "",
        protocol_data=(group.protocol_name or "") if stable else "",
        members=[
            DescribedGroupMember(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.metadata(group.protocol_name) if stable else b"",
                member_assignment=member.assignment,
            )
            for member in group.members.values()
        ],
    )


def delete_groups(
    turn: Turn,
    groups: dict[str, ClassicGroup],
    foreign: dict[str, ForeignGroup],
    offsets: Offsets,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse:
    """Delete groups that nobody is in, with all their offsets."""
    results = []
    for group_id in dict.fromkeys(request.groups_names):
        group = groups.get(group_id)
        other = foreign.get(group_id)
        error = ErrorCode.NONE
        if group is None and (other is None or other.kind == "share"):
            # A share group's state lies in another coordinator's topic; it is not ours to delete
            # yet.
            error = ErrorCode.GROUP_ID_NOT_FOUND
        elif (group is not None and group.state != EMPTY) or (
            other is not None and not other.is_empty
        ):
            error = ErrorCode.NON_EMPTY_GROUP
        else:
            offsets.tombstone_all(turn, group_id)
            if group is not None:
                delete(turn, group)
            elif other is not None:
                for record in other.tombstones():
                    turn.write(record)
        results.append(DeletableGroupResult(group_id=group_id, error_code=error))
    return DeleteGroupsResponse(results=results)


def delete(turn: Turn, group: ClassicGroup) -> None:
    """Write the end of an empty group; pending members are sent away with it."""
    for member_id in group.pending_joins:
        turn.cancel(membership.session_key(group, member_id))
    turn.write(records.group_tombstone(group.group_id))
