"""The group coordinator as handlers see it: any group request in, one response out.

It knows which partition of `__consumer_offsets` a group lives in (Apache Kafka's rule, so that
mixed clusters agree), checks what can be checked without the group, splits requests that name
several groups over their shards and puts the answers together again. It decides nothing about a
group itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.offsets import refuse_commit
from ottla.coordinators.group.shard import FetchOffsets, TopicsDeleted
from ottla.coordinators.runtime import Done, Refuse, Runtime
from ottla.wire.errors import ErrorCode
from ottla.wire.java import java_hash
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

TEXT_BYTES_MAX: Final = 32767 - 64


def partition_for(group_id: str, partition_count: int) -> int:
    """The partition that a group lives in: the absolute value of Java's hash, as Kafka's Utils.abs
    takes it.
    """
    value = java_hash(group_id)
    return (0 if value == -(1 << 31) else abs(value)) % partition_count


class Asker:
    """Who asks: what a shard keeps of a member, and the version that the answer must have."""

    __slots__ = ("client_host", "client_id", "version")

    def __init__(self, version: int, client_id: str, client_host: str) -> None:
        self.version = version
        # A member id is made of it, and has to fit into a record.
        self.client_id = client_id[: TEXT_BYTES_MAX // 4]
        self.client_host = client_host


class GroupCoordinator:
    """All groups of one broker."""

    __slots__ = ("_config", "_partition_count", "_runtime")

    def __init__(
        self, runtime: Runtime, config: GroupConfig, partition_count: Callable[[], int]
    ) -> None:
        self._runtime = runtime
        self._config = config
        self._partition_count = partition_count

    def partition_for(self, group_id: str) -> int:
        """The partition of `__consumer_offsets` that the group lives in."""
        return partition_for(group_id, self._partition_count())

    def serves(self, partition: int) -> bool:
        """Whether the groups of a partition are coordinated here, and it can be read."""
        return self._runtime.leads(partition)

    # ------------------------------------------------------------ membership

    def join_group(self, request: JoinGroupRequest, asker: Asker, done: Done) -> None:
        """Answer one JoinGroup; it may take as long as a rebalance."""

        def refuse(error: ErrorCode) -> JoinGroupResponse:
            return JoinGroupResponse(error_code=error, member_id=request.member_id)

        def finish(response: JoinGroupResponse) -> None:
            if response.error_code:
                response.protocol_name = None
            if response.protocol_name is None and asker.version < 7:
                response.protocol_name = ""
            done(response)

        timeout_ms = request.session_timeout_ms
        config = self._config
        names = [protocol.name for protocol in request.protocols]
        if not request.group_id or _is_too_long(request.group_id):
            finish(refuse(ErrorCode.INVALID_GROUP_ID))
        elif _is_too_long(request.group_instance_id, request.protocol_type, *names):
            finish(refuse(ErrorCode.INVALID_REQUEST))
        elif not config.session_timeout_ms_min <= timeout_ms <= config.session_timeout_ms_max:
            finish(refuse(ErrorCode.INVALID_SESSION_TIMEOUT))
        else:
            self._ask(request.group_id, request, asker, finish, refuse)

    def sync_group(self, request: SyncGroupRequest, asker: Asker, done: Done) -> None:
        """Answer one SyncGroup; a follower's waits for its leader's."""

        def refuse(error: ErrorCode) -> SyncGroupResponse:
            return SyncGroupResponse(error_code=error)

        if asker.version >= 5 and (request.protocol_type is None or request.protocol_name is None):
            done(refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
        elif not request.group_id:
            done(refuse(ErrorCode.INVALID_GROUP_ID))
        else:
            self._ask(request.group_id, request, asker, done, refuse)

    def heartbeat(self, request: HeartbeatRequest, asker: Asker, done: Done) -> None:
        """Answer one Heartbeat."""

        def refuse(error: ErrorCode) -> HeartbeatResponse:
            # A client that hears COORDINATOR_LOAD_IN_PROGRESS at a heartbeat would give up; it
            # shall go on beating.
            loading = error == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
            return HeartbeatResponse(error_code=ErrorCode.NONE if loading else error)

        if not request.group_id:
            done(refuse(ErrorCode.INVALID_GROUP_ID))
        else:
            self._ask(request.group_id, request, asker, done, refuse)

    def leave_group(self, request: LeaveGroupRequest, asker: Asker, done: Done) -> None:
        """Answer one LeaveGroup of one member or, from version 3 on, of several."""

        def refuse(error: ErrorCode) -> LeaveGroupResponse:
            return LeaveGroupResponse(error_code=error)

        def finish(response: LeaveGroupResponse) -> None:
            if asker.version < 3 and response.members:
                response = LeaveGroupResponse(error_code=response.members[0].error_code)
            done(response)

        if not request.group_id:
            done(refuse(ErrorCode.INVALID_GROUP_ID))
        else:
            self._ask(request.group_id, request, asker, finish, refuse)

    # ------------------------------------------------------------ offsets

    def offset_commit(self, request: OffsetCommitRequest, asker: Asker, done: Done) -> None:
        """Answer one OffsetCommit; topics that do not exist are already taken out."""

        def refuse(error: ErrorCode) -> Any:
            return refuse_commit(request, error)

        if _is_too_long(request.group_id):
            done(refuse(ErrorCode.INVALID_GROUP_ID))
        else:
            self._ask(request.group_id, request, asker, done, refuse)

    def offset_fetch(
        self,
        groups: list[OffsetFetchRequestGroup],
        asker: Asker,
        done: Done,
        *,
        require_stable: bool,
    ) -> None:
        """Answer the groups of an OffsetFetch, in their order."""

        def refuse_some(some: list[OffsetFetchRequestGroup]) -> Refuse:
            def refuse(error: ErrorCode) -> list[OffsetFetchResponseGroup]:
                return [
                    OffsetFetchResponseGroup(group_id=one.group_id, error_code=error)
                    for one in some
                ]

            return refuse

        places: dict[int, list[int]] = {}
        for place, group in enumerate(groups):
            places.setdefault(self.partition_for(group.group_id), []).append(place)

        def merge(parts: list[list[OffsetFetchResponseGroup]]) -> None:
            answers: dict[int, OffsetFetchResponseGroup] = {}
            for part, of_part in zip(parts, places.values(), strict=True):
                answers.update(zip(of_part, part, strict=True))
            done([answers[place] for place in range(len(groups))])

        gather = _gather(len(places), merge)
        for partition, of_part in places.items():
            some = [groups[place] for place in of_part]
            part = FetchOffsets(some, require_stable)
            self._submit(partition, part, asker, gather(), refuse_some(some))

    def offset_delete(self, request: OffsetDeleteRequest, asker: Asker, done: Done) -> None:
        """Answer one OffsetDelete; topics that do not exist are already taken out."""

        def refuse(error: ErrorCode) -> OffsetDeleteResponse:
            return OffsetDeleteResponse(error_code=error)

        if not request.group_id:
            done(refuse(ErrorCode.INVALID_GROUP_ID))
        else:
            self._ask(request.group_id, request, asker, done, refuse)

    def topics_deleted(self, topics: dict[str, bytes]) -> None:
        """Topics (name to id) are gone: forget what was committed to them."""
        for partition in self._runtime.partitions():
            self._runtime.submit(partition, TopicsDeleted(topics), _nobody, refuse=_nothing)

    # ------------------------------------------------------------ administration

    def list_groups(self, request: ListGroupsRequest, asker: Asker, done: Done) -> None:
        """Answer one ListGroups from all shards; one that still loads makes the whole answer wait
        to be asked again.
        """

        def refuse(error: ErrorCode) -> ListGroupsResponse:
            lost = error == ErrorCode.NOT_COORDINATOR
            return ListGroupsResponse(error_code=ErrorCode.NONE if lost else error)

        def merge(parts: list[ListGroupsResponse]) -> None:
            error = next((part.error_code for part in parts if part.error_code), ErrorCode.NONE)
            groups = [] if error else [group for part in parts for group in part.groups]
            done(ListGroupsResponse(error_code=error, groups=groups))

        partitions = self._runtime.partitions()
        gather = _gather(len(partitions), merge)
        for partition in partitions:
            self._submit(partition, request, asker, gather(), refuse)

    def describe_groups(self, request: DescribeGroupsRequest, asker: Asker, done: Done) -> None:
        """Answer one DescribeGroups."""

        def refuse_some(group_ids: list[str]) -> Refuse:
            def refuse(error: ErrorCode) -> DescribeGroupsResponse:
                return DescribeGroupsResponse(
                    groups=[DescribedGroup(group_id=one, error_code=error) for one in group_ids]
                )

            return refuse

        def merge(parts: list[DescribeGroupsResponse]) -> None:
            done(DescribeGroupsResponse(groups=[one for part in parts for one in part.groups]))

        by_partition = self._by_partition(request.groups)
        gather = _gather(len(by_partition), merge)
        for partition, group_ids in by_partition.items():
            part = DescribeGroupsRequest(groups=group_ids)
            self._submit(partition, part, asker, gather(), refuse_some(group_ids))

    def delete_groups(self, request: DeleteGroupsRequest, asker: Asker, done: Done) -> None:
        """Answer one DeleteGroups."""

        def refuse_some(group_ids: list[str]) -> Refuse:
            def refuse(error: ErrorCode) -> DeleteGroupsResponse:
                return DeleteGroupsResponse(
                    results=[
                        DeletableGroupResult(group_id=one, error_code=error) for one in group_ids
                    ]
                )

            return refuse

        def merge(parts: list[DeleteGroupsResponse]) -> None:
            done(DeleteGroupsResponse(results=[one for part in parts for one in part.results]))

        by_partition = self._by_partition(list(dict.fromkeys(request.groups_names)))
        gather = _gather(len(by_partition), merge)
        for partition, group_ids in by_partition.items():
            part = DeleteGroupsRequest(groups_names=group_ids)
            self._submit(partition, part, asker, gather(), refuse_some(group_ids))

    # ------------------------------------------------------------ the inside

    def _by_partition(self, group_ids: list[str]) -> dict[int, list[str]]:
        by_partition: dict[int, list[str]] = {}
        for group_id in group_ids:
            by_partition.setdefault(self.partition_for(group_id), []).append(group_id)
        return by_partition

    def _ask(self, group_id: str, body: Any, asker: Asker, done: Done, refuse: Refuse) -> None:
        self._submit(self.partition_for(group_id), body, asker, done, refuse)

    def _submit(self, partition: int, body: Any, asker: Asker, done: Done, refuse: Refuse) -> None:
        self._runtime.submit(
            partition,
            body,
            done,
            refuse=refuse,
            version=asker.version,
            client_id=asker.client_id,
            client_host=asker.client_host,
        )


def _is_too_long(*texts: str | None) -> bool:
    """Whether a text, made longer to a member id, has no place in a record.

    Records have lengths of 16 bits; requests of newer versions have not.
    """
    return any(text is not None and len(text.encode()) > TEXT_BYTES_MAX for text in texts)


def _gather(count: int, merge: Callable[[list[Any]], None]) -> Callable[[], Done]:
    """Callbacks for `count` parts; `merge` gets all of them, in the order of the callbacks, when
    the last is there.
    """
    parts: list[Any] = [None] * count
    missing = count
    given = 0
    if not count:
        merge([])

    def callback() -> Done:
        nonlocal given
        index = given
        given += 1

        def part_done(part: Any) -> None:
            nonlocal missing
            parts[index] = part
            missing -= 1
            if not missing:
                merge(parts)

        return part_done

    return callback


def _nobody(_response: Any) -> None:
    """Nobody waits for this answer."""


def _nothing(_error: ErrorCode) -> None:
    """A shard that is lost or still loads keeps these offsets until they expire."""
