"""What a shard is asked beside Kafka's own requests; how what names several groups is refused."""

from __future__ import annotations

from typing import NamedTuple

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
from ottla.wire.messages.offset_fetch import OffsetFetchRequestGroup, OffsetFetchResponseGroup


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


def refuse_fetch(request: FetchOffsets, error: ErrorCode) -> list[OffsetFetchResponseGroup]:
    """Each group carries the error."""
    return [
        OffsetFetchResponseGroup(group_id=one.group_id, error_code=error) for one in request.groups
    ]


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
