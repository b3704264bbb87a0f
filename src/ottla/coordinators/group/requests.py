"""How what names several groups, or ends a transaction, is answered with an error."""

from __future__ import annotations

from typing import Final

from ottla.coordinators.questions import MarkersWritten, WriteMarkers
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
from ottla.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
)

_ELSEWHERE: Final = (
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.NOT_COORDINATOR,
)


def refuse_fetch(request: OffsetFetchRequest, error: ErrorCode) -> OffsetFetchResponse:
    """Each group carries the error."""
    return OffsetFetchResponse(
        groups=[
            OffsetFetchResponseGroup(group_id=one.group_id, error_code=error)
            for one in request.groups
        ]
    )


def refuse_markers(asked: WriteMarkers, error: ErrorCode) -> MarkersWritten:
    """The same for each partition, in the words of a partition's leader: the coordinator of
    transactions, who asks, knows no others.
    """
    if error in _ELSEWHERE:
        error = ErrorCode.NOT_LEADER_OR_FOLLOWER
    return MarkersWritten(dict.fromkeys(asked.partitions, error))


def refuse_list(request: ListGroupsRequest, error: ErrorCode) -> ListGroupsResponse:
    """An error for all of them."""
    # A shard that went elsewhere is listed there.
    lost = error == ErrorCode.NOT_COORDINATOR
    return ListGroupsResponse(error_code=ErrorCode.NONE if lost else error)


def refuse_describe(request: DescribeGroupsRequest, error: ErrorCode) -> DescribeGroupsResponse:
    """Each group carries the error."""
    return DescribeGroupsResponse(
        groups=[DescribedGroup(group_id=one, error_code=error) for one in request.groups]
    )


def refuse_delete(request: DeleteGroupsRequest, error: ErrorCode) -> DeleteGroupsResponse:
    """Each group carries the error."""
    return DeleteGroupsResponse(
        results=[
            DeletableGroupResult(group_id=one, error_code=error) for one in request.groups_names
        ]
    )
