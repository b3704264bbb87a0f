"""The group coordinator as handlers see it: any group request in, one response out, by
its token.

It knows which partition of `__consumer_offsets` a group lives in (Apache Kafka's rule, so that
mixed clusters agree), checks what can be checked without the group, splits requests that name
several groups over their shards and puts the answers together again. It decides nothing about a
group itself.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Final

from ottla.coordinators.group.config import ConfigOf
from ottla.coordinators.group.kinds import Kinds, Several
from ottla.coordinators.runtime import Runtime
from ottla.decide import Ask
from ottla.driver import Desk, answer
from ottla.wire.errors import ErrorCode
from ottla.wire.java import java_hash
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
from ottla.wire.messages.leave_group import LeaveGroupResponse
from ottla.wire.messages.list_groups import ListGroupsResponse
from ottla.wire.messages.sync_group import SyncGroupRequest

TEXT_BYTES_MAX: Final = 32767 - 64


def partition_for(group_id: str, partition_count: int) -> int:
    """The partition that a group lives in: the absolute value of Java's hash, as Kafka's Utils.abs
    takes it.
    """
    value = java_hash(group_id)
    return (0 if value == -(1 << 31) else abs(value)) % partition_count


class GroupCoordinator:
    """All groups of one broker."""

    __slots__ = ("_config_of", "_desk", "_kinds", "_partition_count", "_runtime")

    def __init__(
        self,
        runtime: Runtime,
        config_of: ConfigOf,
        kinds: Kinds,
        partition_count: Callable[[], int],
        desk: Desk,
    ) -> None:
        self._runtime = runtime
        self._config_of = config_of
        self._kinds = kinds
        self._partition_count = partition_count
        self._desk = desk

    def partition_for(self, group_id: str) -> int:
        """The partition of `__consumer_offsets` that the group lives in."""
        return partition_for(group_id, self._partition_count())

    def serves(self, partition: int) -> bool:
        """Whether the groups of a partition are coordinated here, and it can be read."""
        return self._runtime.leads(partition)

    def submit(self, ask: Ask) -> None:
        """Answer a request about one group or several, of any kind, of which nothing more is to be
        checked here.
        """
        several = self._kinds.several(ask.body)
        if several is not None:
            self._submit_several(ask, several)
        elif ask.body.group_id:
            self._submit(ask)
        else:
            self._refuse(ask, ErrorCode.INVALID_GROUP_ID)

    # ------------------------------------------------------------ membership

    def join_group(self, ask: Ask) -> None:
        """Answer one JoinGroup; it may take as long as a rebalance."""
        request: JoinGroupRequest = ask.body
        version = ask.version

        def finish(response: JoinGroupResponse) -> JoinGroupResponse:
            if response.error_code:
                response.protocol_name = None
            if response.protocol_name is None and version < 7:
                response.protocol_name = ""
            return response

        # A member id is made of the client id, and has to fit into a record.
        ask = ask._replace(client_id=ask.client_id[: TEXT_BYTES_MAX // 4]).finished_by(finish)
        timeout_ms = request.session_timeout_ms
        config = self._config_of(request.group_id)
        names = [protocol.name for protocol in request.protocols]
        if not request.group_id or _is_too_long(request.group_id):
            self._refuse(ask, ErrorCode.INVALID_GROUP_ID)
        elif _is_too_long(request.group_instance_id, request.protocol_type, *names):
            self._refuse(ask, ErrorCode.INVALID_REQUEST)
        elif not config.session_timeout_ms_min <= timeout_ms <= config.session_timeout_ms_max:
            self._refuse(ask, ErrorCode.INVALID_SESSION_TIMEOUT)
        else:
            self._submit(ask)

    def sync_group(self, ask: Ask) -> None:
        """Answer one SyncGroup; a follower's waits for its leader's."""
        request: SyncGroupRequest = ask.body
        if ask.version >= 5 and (request.protocol_type is None or request.protocol_name is None):
            self._refuse(ask, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        else:
            self.submit(ask)

    def leave_group(self, ask: Ask) -> None:
        """Answer one LeaveGroup of one member or, from version 3 on, of several."""

        def finish(response: LeaveGroupResponse) -> LeaveGroupResponse:
            if response.members:
                return LeaveGroupResponse(error_code=response.members[0].error_code)
            return response

        self.submit(ask.finished_by(finish) if ask.version < 3 else ask)

    # ------------------------------------------------------------ offsets

    def offset_commit(self, ask: Ask) -> None:
        """Answer one OffsetCommit; topics that do not exist are already taken out."""
        if _is_too_long(ask.body.group_id):
            self._refuse(ask, ErrorCode.INVALID_GROUP_ID)
        else:
            self._submit(ask)

    # ------------------------------------------------------------ administration

    def list_groups(self, ask: Ask) -> None:
        """Answer one ListGroups from all shards; one that still loads makes the whole answer wait
        to be asked again.
        """

        def merge(parts: list[ListGroupsResponse]) -> ListGroupsResponse:
            error = next((part.error_code for part in parts if part.error_code), ErrorCode.NONE)
            groups = [] if error else [group for part in parts for group in part.groups]
            return ListGroupsResponse(error_code=error, groups=groups)

        self._split(ask, dict.fromkeys(self._runtime.partitions(), ask.body), merge)

    # ------------------------------------------------------------ the inside

    def _submit_several(self, ask: Ask, several: Several) -> None:
        """To the shards of the groups that it names; each is answered for once, in their order."""
        named: dict[str, Any] = {}
        for one in getattr(ask.body, several.groups):
            named.setdefault(one if isinstance(one, str) else one.group_id, one)
        by_partition: dict[int, list[str]] = {}
        for name in named:
            by_partition.setdefault(self.partition_for(name), []).append(name)

        def part(names: list[str]) -> Any:
            body = copy(ask.body)
            setattr(body, several.groups, [named[name] for name in names])
            return body

        def merge(parts: list[Any]) -> Any:
            rows: dict[str, Any] = {}
            for names, response in zip(by_partition.values(), parts, strict=True):
                rows.update(zip(names, getattr(response, several.rows), strict=True))
            whole = parts[0]
            setattr(whole, several.rows, [rows[name] for name in named])
            return whole

        if named:
            bodies = {partition: part(names) for partition, names in by_partition.items()}
            self._split(ask, bodies, merge)
        else:
            self._refuse(ask, ErrorCode.NONE)

    def _refuse(self, ask: Ask, error: ErrorCode) -> None:
        answer(self._desk, ask, self._kinds.refuse(ask, error))

    def _submit(self, ask: Ask) -> None:
        self._runtime.submit(self.partition_for(ask.body.group_id), ask)

    def _split(self, ask: Ask, bodies: dict[int, Any], merge: Callable[[list[Any]], Any]) -> None:
        """Ask several shards, each for its part; `merge` makes one answer of theirs, in the order
        of `bodies`.
        """
        if len(bodies) == 1:
            ((partition, body),) = bodies.items()
            part = ask._replace(body=body).finished_by(lambda response: merge([response]))
            self._runtime.submit(partition, part)
            return
        responses: dict[int, Any] = dict.fromkeys(bodies)
        missing = len(bodies)
        if not missing:
            answer(self._desk, ask, merge([]))
        for partition, body in bodies.items():

            def responded(response: Any, partition: int = partition) -> None:
                nonlocal missing
                responses[partition] = response
                missing -= 1
                if not missing:
                    answer(self._desk, ask, merge(list(responses.values())))

            token = self._desk.internal(responded)
            self._runtime.submit(partition, ask._replace(token=token, body=body, finish=None))


def _is_too_long(*texts: str | None) -> bool:
    """Whether a text, made longer to a member id, has no place in a record.

    Records have lengths of 16 bits; requests of newer versions have not.
    """
    return any(text is not None and len(text.encode()) > TEXT_BYTES_MAX for text in texts)
