"""What a shard is asked, and how each request is refused when no shard can decide it: one row a
type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from ottla.coordinators.group.offsets import refuse_commit
from ottla.decide import Ask
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)
from ottla.wire.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
from ottla.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
from ottla.wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse
from ottla.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from ottla.wire.messages.offset_commit import OffsetCommitRequest
from ottla.wire.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from ottla.wire.messages.offset_fetch import OffsetFetchRequestGroup, OffsetFetchResponseGroup
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse


class FetchOffsets(NamedTuple):
    """Groups of an OffsetFetch; each is answered, in their order."""

    groups: list[OffsetFetchRequestGroup]
    require_stable: bool


class EndTransaction(NamedTuple):
    """A producer's transaction ends on this partition, says its coordinator; the answer is an
    ErrorCode.
    """

    producer_id: int
    producer_epoch: int
    committed: bool
    coordinator_epoch: int = 0


def refuse(ask: Ask, error: ErrorCode) -> Any:
    """The response that carries an error."""
    return _REFUSALS[type(ask.body)](ask.body, error)


def _heartbeat(request: HeartbeatRequest, error: ErrorCode) -> HeartbeatResponse:
    # A client that hears COORDINATOR_LOAD_IN_PROGRESS at a heartbeat would give up; it shall go on
    # beating.
    loading = error == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    return HeartbeatResponse(error_code=ErrorCode.NONE if loading else error)


def _fetch(request: FetchOffsets, error: ErrorCode) -> list[OffsetFetchResponseGroup]:
    return [
        OffsetFetchResponseGroup(group_id=one.group_id, error_code=error) for one in request.groups
    ]


def _list(request: ListGroupsRequest, error: ErrorCode) -> ListGroupsResponse:
    # A shard that went elsewhere is listed there.
    lost = error == ErrorCode.NOT_COORDINATOR
    return ListGroupsResponse(error_code=ErrorCode.NONE if lost else error)


def _describe(request: DescribeGroupsRequest, error: ErrorCode) -> DescribeGroupsResponse:
    return DescribeGroupsResponse(
        groups=[DescribedGroup(group_id=one, error_code=error) for one in request.groups]
    )


def _delete(request: DeleteGroupsRequest, error: ErrorCode) -> DeleteGroupsResponse:
    return DeleteGroupsResponse(
        results=[
            DeletableGroupResult(group_id=one, error_code=error) for one in request.groups_names
        ]
    )


_REFUSALS: Final[Mapping[type[Any], Callable[[Any, ErrorCode], Any]]] = {
    JoinGroupRequest: lambda request, error: JoinGroupResponse(
        error_code=error, member_id=request.member_id
    ),
    SyncGroupRequest: lambda request, error: SyncGroupResponse(error_code=error),
    HeartbeatRequest: _heartbeat,
    LeaveGroupRequest: lambda request, error: LeaveGroupResponse(error_code=error),
    OffsetCommitRequest: refuse_commit,
    FetchOffsets: _fetch,
    OffsetDeleteRequest: lambda request, error: OffsetDeleteResponse(error_code=error),
    EndTransaction: lambda request, error: error,
    ListGroupsRequest: _list,
    DescribeGroupsRequest: _describe,
    DeleteGroupsRequest: _delete,
}
