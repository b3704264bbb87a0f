"""Which rule of classic groups decides which request, applies which record, sees to which timer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ottla.coordinators.group.classic import door, join, membership, settled, sync
from ottla.coordinators.group.classic.group import SESSION, ClassicGroup
from ottla.coordinators.group.classic.membership import JOIN, SYNC
from ottla.coordinators.group.kinds import Begin, Door, Kind, has_name
from ottla.coordinators.group.records import read_group_id
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
from ottla.wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberResponse
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse
from ottla.wire.stored.groups import GroupMetadataKey

if TYPE_CHECKING:
    from ottla.coordinators.group.group import Group, TimerKey
    from ottla.coordinators.group.state import ShardTurn, State
    from ottla.decide import Ask, Now, Record


def _check(turn: ShardTurn, group: ClassicGroup) -> None:
    """Stop before a broken group is written; it looks at every member, so a join of the
    ten-thousandth must not pay for it.
    """
    if turn.records:
        group.check()


# ---------------------------------------------------------------- requests


def _join(turn: ShardTurn, group: ClassicGroup, ask: Ask) -> None:
    join.join(turn, group, ask)
    _check(turn, group)


def _join_other(turn: ShardTurn, other: Group, ask: Ask) -> None:
    if other.yields:
        other.end(turn)
        _join_new(turn, ask)
    else:
        join.refuse(turn, ask, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, member_id="")


def _join_new(turn: ShardTurn, ask: Ask) -> None:
    request: JoinGroupRequest = ask.body
    if request.member_id:
        join.refuse(turn, ask, ErrorCode.UNKNOWN_MEMBER_ID)
        return
    group = ClassicGroup(request.group_id, turn.now.wall_ms)
    turn.write(settled.record(request.group_id, settled.Settled(turn.now.wall_ms)))
    join.join(turn, group, ask)
    if group.lives:
        group.check()
        turn.state.begun[request.group_id] = group
    else:
        # The join was refused: leave no group behind.
        turn.records.clear()


def _sync(turn: ShardTurn, group: ClassicGroup, ask: Ask) -> None:
    if group.is_empty:
        sync.refuse(turn, ask, ErrorCode.UNKNOWN_MEMBER_ID)
    else:
        sync.sync(turn, group, ask)
        _check(turn, group)


def _leave(turn: ShardTurn, group: ClassicGroup, ask: Ask) -> None:
    membership.leave(turn, group, ask, join.member_left)
    _check(turn, group)


def _leave_new(turn: ShardTurn, ask: Ask) -> None:
    request: LeaveGroupRequest = ask.body
    answers = [
        MemberResponse(
            member_id=one.member_id,
            group_instance_id=one.group_instance_id,
            error_code=ErrorCode.UNKNOWN_MEMBER_ID,
        )
        for one in request.members
    ]
    turn.reply(ask.token, LeaveGroupResponse(members=answers))


def _no_member(
    new: Callable[[ShardTurn, Ask], None],
    refuse: Callable[[Any, ErrorCode], Any],
    at_door: Door = has_name,
) -> Begin:
    """A request of a member, who is in no other kind of group either."""
    return Begin(new, lambda turn, other, ask: new(turn, ask), refuse, at_door)


def _refuse_sync(request: SyncGroupRequest, error: ErrorCode) -> SyncGroupResponse:
    return SyncGroupResponse(error_code=error)


def _refuse_join(request: JoinGroupRequest, error: ErrorCode) -> JoinGroupResponse:
    return JoinGroupResponse(error_code=error, member_id=request.member_id)


def _refuse_heartbeat(request: HeartbeatRequest, error: ErrorCode) -> HeartbeatResponse:
    # A client that hears COORDINATOR_LOAD_IN_PROGRESS at a heartbeat would give up; it shall go on
    # beating.
    loading = error == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    return HeartbeatResponse(error_code=ErrorCode.NONE if loading else error)


# ---------------------------------------------------------------- timers


def _session_over(turn: ShardTurn, group: ClassicGroup, key: TimerKey) -> None:
    generation_id = group.generation_id
    membership.session_timer(turn, group, key.member_id, join.member_expired)
    if turn.records or group.generation_id != generation_id:
        # A session that only goes on must not pay for it.
        group.check()


def _sync_over(turn: ShardTurn, group: ClassicGroup, key: TimerKey) -> None:
    sync.sync_timer(turn, group)
    group.check()


def _join_over(turn: ShardTurn, group: ClassicGroup, key: TimerKey) -> None:
    if group.join_timer is not None:
        join.initial_delay_over(turn, group)
    else:
        join.complete_join(turn, group)
    group.check()


# ---------------------------------------------------------------- records


def _apply(state: State, _key_type: int, record: Record, now: Now) -> None:
    group_id = read_group_id(record.key or b"")
    group = state.groups.get(group_id)
    if record.value is None:
        if isinstance(group, ClassicGroup):
            del state.groups[group_id]
        return
    said = settled.read(record.value)
    if not isinstance(group, ClassicGroup):
        begun = state.begun.pop(group_id, None)
        group = (
            begun
            if isinstance(begun, ClassicGroup)
            else ClassicGroup(group_id, said.state_timestamp_ms)
        )
        state.groups[group_id] = group
    group.settle(said, now.wall_ms)


def _loaded(turn: ShardTurn) -> None:
    """Sessions begin anew, and a group that has become too large rebalances."""
    for group in turn.state.groups.values():
        if isinstance(group, ClassicGroup):
            for member in group.members.values():
                group.extend_session(turn, member)
            if len(group.members) > turn.state.config_of(group.group_id).size_max:
                join.prepare_rebalance(turn, group)
            group.check()


def _on_leap(turn: ShardTurn, by_ms: int, connected: frozenset[int]) -> None:
    for group in turn.state.groups.values():
        if isinstance(group, ClassicGroup):
            membership.on_leap(turn, group, by_ms, connected)


CLASSIC: Final = Kind(
    names=(ClassicGroup.kind,),
    requests={
        JoinGroupRequest: _join,
        SyncGroupRequest: _sync,
        HeartbeatRequest: membership.heartbeat,
        LeaveGroupRequest: _leave,
    },
    begins={
        JoinGroupRequest: Begin(_join_new, _join_other, _refuse_join, door.join),
        SyncGroupRequest: _no_member(
            lambda turn, ask: sync.refuse(turn, ask, ErrorCode.UNKNOWN_MEMBER_ID),
            _refuse_sync,
            door.sync,
        ),
        HeartbeatRequest: _no_member(
            lambda turn, ask: turn.reply(
                ask.token, HeartbeatResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID)
            ),
            _refuse_heartbeat,
        ),
        LeaveGroupRequest: _no_member(
            _leave_new, lambda request, error: LeaveGroupResponse(error_code=error), door.leave
        ),
    },
    records={GroupMetadataKey.api_key: _apply},
    timers={SESSION: _session_over, JOIN: _join_over, SYNC: _sync_over},
    loaded=_loaded,
    on_leap=_on_leap,
    by_commit=ClassicGroup,
)
