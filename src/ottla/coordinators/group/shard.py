"""One partition of `__consumer_offsets`: its groups, its offsets, and which rule decides which
request.

Of a classic group only what a finished rebalance decided is durable (see classic.py). So `apply`
builds groups while the shard loads; afterwards it finds the group already as the record says, holds
them against each other and changes nothing. Offsets, deletions and other kinds of groups change by
`apply` alone.

What stays true: a group passes `check` before anything of it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from ottla.coordinators.group import (
    administration,
    foreign,
    join,
    membership,
    offsets,
    records,
    sync,
)
from ottla.coordinators.group.classic import (
    COMPLETING_REBALANCE,
    PREPARING_REBALANCE,
    STABLE,
    ClassicGroup,
)
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.foreign import ForeignGroup
from ottla.coordinators.group.membership import TimerKey
from ottla.coordinators.group.offsets import Offsets
from ottla.coordinators.group.turn import Turn
from ottla.coordinators.runtime import Ask, StoredRecord
from ottla.decide import Decision, Entropy, Now
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from ottla.wire.messages.join_group import JoinGroupRequest
from ottla.wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberResponse
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.offset_commit import OffsetCommitRequest
from ottla.wire.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from ottla.wire.messages.offset_fetch import OffsetFetchRequestGroup
from ottla.wire.messages.sync_group import SyncGroupRequest

EXPIRE: Final = "expire"
GROUP_ID_NOT_FOUND_VERSION: Final = 9
"""From this version of OffsetCommit on an unknown group is named; before, it is an
ILLEGAL_GENERATION.
"""


class FetchOffsets(NamedTuple):
    """Groups of an OffsetFetch; each is answered, in their order."""

    groups: list[OffsetFetchRequestGroup]
    require_stable: bool


class TopicsDeleted(NamedTuple):
    """Topics that are gone, name to id."""

    topics: dict[str, bytes]


class GroupShard:
    """The groups and offsets of one partition (a `Machine` of the runtime)."""

    __slots__ = (
        "_config",
        "_entropy",
        "_handlers",
        "_loading",
        "foreign",
        "groups",
        "offsets",
    )

    def __init__(self, config: GroupConfig, entropy: Entropy) -> None:
        self._config = config
        self._entropy = entropy
        self._loading = True
        self.groups: dict[str, ClassicGroup] = {}
        self.foreign: dict[str, ForeignGroup] = {}
        self.offsets = Offsets()
        self._handlers: dict[type, Callable[[Turn, Ask], ClassicGroup | None]] = {
            JoinGroupRequest: self._join,
            SyncGroupRequest: self._sync,
            HeartbeatRequest: self._heartbeat,
            LeaveGroupRequest: self._leave,
            OffsetCommitRequest: self._commit,
            FetchOffsets: self._fetch,
            OffsetDeleteRequest: self._delete_offsets,
            ListGroupsRequest: self._list,
            DescribeGroupsRequest: self._describe,
            DeleteGroupsRequest: self._delete_groups,
            TopicsDeleted: self._topics_deleted,
        }

    # ------------------------------------------------------------ Machine

    def decide(self, ask: Ask, now: Now) -> Decision:
        turn = Turn(now)
        touched = self._handlers[type(ask.body)](turn, ask)
        if touched is not None and turn.records:
            # It looks at every member, so a join of the ten-thousandth must not pay for it.
            touched.check()
        return turn.decision()

    def fire(self, key: Hashable, now: Now) -> Decision:
        turn = Turn(now, fired=True)
        if not isinstance(key, TimerKey):
            self._expire(turn)
            return turn.decision()
        group = self.groups.get(key.group_id)
        if group is None:
            return turn.decision()
        generation_id = group.generation_id
        if key.kind == membership.SESSION:
            membership.session_timer(
                turn,
                group,
                key.member_id,
                lambda one: join.member_expired(turn, self._config, one),
            )
        elif key.kind == membership.SYNC:
            sync.sync_timer(turn, self._config, group)
        elif group.join_timer is not None:
            join.initial_delay_over(turn, self._config, group)
        else:
            join.complete_join(turn, group)
        if turn.records or group.generation_id != generation_id:
            # It looks at every member: a session that only goes on must not pay for it.
            group.check()
        return turn.decision()

    def apply(self, record: StoredRecord, producer_id: int, now: Now) -> None:
        kind = records.key_type(record.key)
        if kind in (records.OFFSET_COMMIT, records.LEGACY_OFFSET_COMMIT):
            self._apply_offset(kind, record, producer_id, now.wall_ms)
        elif kind == records.GROUP_METADATA:
            self._apply_group(record)
        else:
            # A kind of the future, which has no group either, is refused by its key.
            group_id = records.read_group_id(record.key)
            foreign.apply(self.foreign, group_id, kind, record)

    def end_transaction(self, producer_id: int, *, committed: bool) -> None:
        self.offsets.end_transaction(producer_id, committed=committed)

    def loaded(self, now: Now) -> Decision:
        turn = Turn(now)
        self._loading = False
        for group in self.groups.values():
            for member in group.members.values():
                membership.extend_session(turn, group, member)
            if len(group.members) > self._config.size_max:
                join.prepare_rebalance(turn, self._config, group)
            group.check()
        turn.wake_in(self._config.offsets_retention_check_interval_ms, EXPIRE)
        return turn.decision()

    def report(self) -> list[str]:
        """What the load found that is not served, one line each."""
        kinds = sorted({group.kind for group in self.foreign.values()})
        return [
            f"{sum(g.kind == kind for g in self.foreign.values())} {kind} group(s) are kept as "
            f"they are and not served yet"
            for kind in kinds
        ]

    # ------------------------------------------------------------ records

    def _apply_offset(
        self, kind: int, record: StoredRecord, producer_id: int, wall_ms: int
    ) -> None:
        position = records.read_offset_key(record.key)
        if record.value is None:
            self.offsets.drop(position)
            return
        committed = records.read_committed(kind, record.value)
        group_id = position[0]
        if group_id not in self.groups and group_id not in self.foreign:
            # A commit alone makes a group: a simple one, that nobody ever joined.
            self.groups[group_id] = ClassicGroup(group_id, wall_ms)
        self.offsets.put(position, committed, producer_id)

    def _apply_group(self, record: StoredRecord) -> None:
        group_id = records.read_group_id(record.key)
        if record.value is None:
            self.groups.pop(group_id, None)
        elif self._loading:
            self.groups[group_id] = records.read_group(group_id, record.value)
            self.foreign.pop(group_id, None)
        else:
            live = self.groups[group_id]
            stored = records.read_group(group_id, record.value)
            if stored.generation_id != live.generation_id or (
                stored.members and stored.members.keys() != live.members.keys()
            ):
                raise RuntimeError(f"group {group_id} was written otherwise than it is")

    # ------------------------------------------------------------ membership

    def _join(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        request: JoinGroupRequest = ask.body
        other = self.foreign.get(request.group_id)
        if other is not None:
            if not other.is_empty or other.kind == "share":
                join.refuse(turn, ask, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, member_id="")
                return None
            for record in other.tombstones():
                turn.write(record)
        group = self.groups.get(request.group_id)
        created = group is None
        if group is None:
            if request.member_id:
                join.refuse(turn, ask, ErrorCode.UNKNOWN_MEMBER_ID)
                return None
            group = self.groups[request.group_id] = ClassicGroup(request.group_id, turn.now.wall_ms)
            turn.write(records.empty_group_metadata(group))
        join.join(turn, self._config, self._entropy, group, ask)
        if created and not membership.lives(group):
            # The join was refused: leave no group behind.
            del self.groups[request.group_id]
            turn.records.clear()
        return group

    def _sync(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        group = self.groups.get(ask.body.group_id)
        if group is None or group.is_empty:
            sync.refuse(turn, ask, ErrorCode.UNKNOWN_MEMBER_ID)
            return None
        sync.sync(turn, self._config, group, ask)
        return group

    def _heartbeat(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        group = self.groups.get(ask.body.group_id)
        if group is None:
            turn.reply(ask.token, HeartbeatResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID))
        else:
            membership.heartbeat(turn, group, ask)
        return None

    def _leave(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        request: LeaveGroupRequest = ask.body
        group = self.groups.get(request.group_id)
        if group is not None:
            membership.leave(
                turn, group, ask, lambda one: join.member_left(turn, self._config, one)
            )
            return group
        answers = [
            MemberResponse(
                member_id=one.member_id,
                group_instance_id=one.group_instance_id,
                error_code=ErrorCode.UNKNOWN_MEMBER_ID,
            )
            for one in request.members
        ]
        turn.reply(ask.token, LeaveGroupResponse(members=answers))
        return None

    # ------------------------------------------------------------ offsets

    def _commit(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        request: OffsetCommitRequest = ask.body
        group = self.groups.get(request.group_id)
        error = self._commit_error(group, ask)
        if error is not None:
            turn.reply(ask.token, offsets.refuse_commit(request, error))
            return None
        if group is not None and group.state in (STABLE, PREPARING_REBALANCE):
            membership.extend_session(turn, group, group.members[request.member_id])
        turn.reply(ask.token, offsets.commit(turn, self._config, request))
        return None

    def _commit_error(self, group: ClassicGroup | None, ask: Ask) -> ErrorCode | None:
        request: OffsetCommitRequest = ask.body
        generation_id: int = request.generation_id_or_member_epoch
        if group is None:
            other = self.foreign.get(request.group_id)
            if generation_id < 0 and (other is None or other.is_empty):
                return None
            if other is not None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if ask.version >= GROUP_ID_NOT_FOUND_VERSION:
                return ErrorCode.GROUP_ID_NOT_FOUND
            return ErrorCode.ILLEGAL_GENERATION
        if generation_id < 0 and group.is_empty:
            return None
        if generation_id >= 0 or request.member_id or request.group_instance_id is not None:
            error = membership.validate(group, request.member_id, request.group_instance_id)
            if error is not None:
                return error
            if generation_id != group.generation_id:
                return ErrorCode.ILLEGAL_GENERATION
        elif not group.is_empty:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if group.state == COMPLETING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return None

    def _fetch(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        request: FetchOffsets = ask.body
        answers = [
            offsets.fetch(self.offsets, group, require_stable=request.require_stable)
            for group in request.groups
        ]
        turn.reply(ask.token, answers)
        return None

    def _delete_offsets(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        request: OffsetDeleteRequest = ask.body
        group = self.groups.get(request.group_id)
        other = self.foreign.get(request.group_id)
        error = ErrorCode.NONE
        if group is None and other is None:
            error = ErrorCode.GROUP_ID_NOT_FOUND
        elif (group is not None and not group.is_empty and not group.uses_consumer_protocol) or (
            other is not None and not other.is_empty
        ):
            error = ErrorCode.NON_EMPTY_GROUP
        if error:
            turn.reply(ask.token, OffsetDeleteResponse(error_code=error))
        else:
            turn.reply(ask.token, offsets.delete(turn, self.offsets, group, request))
        return None

    def _topics_deleted(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        self.offsets.tombstone_topics(turn, ask.body.topics)
        turn.reply(ask.token, None)
        return None

    # ------------------------------------------------------------ administration

    def _list(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        turn.reply(ask.token, administration.list_groups(self.groups, self.foreign, ask.body))
        return None

    def _describe(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        turn.reply(ask.token, administration.describe_groups(self.groups, ask))
        return None

    def _delete_groups(self, turn: Turn, ask: Ask) -> ClassicGroup | None:
        request: DeleteGroupsRequest = ask.body
        answer = administration.delete_groups(
            turn, self.groups, self.foreign, self.offsets, request
        )
        turn.reply(ask.token, answer)
        return None

    def _expire(self, turn: Turn) -> None:
        """Forget what has aged out, and empty groups that nothing is left of."""
        for group in self.groups.values():
            nothing_left = self.offsets.tombstone_expired(turn, self._config, group)
            if nothing_left and not membership.lives(group):
                administration.delete(turn, group)
        turn.wake_in(self._config.offsets_retention_check_interval_ms, EXPIRE)
