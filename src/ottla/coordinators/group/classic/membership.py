"""Being a member: who may speak for one, how long a session lasts, Heartbeat and LeaveGroup.

A member with a parked JoinGroup or
SyncGroup is alive whatever its session says, except in its first join, which may last
`new_member_join_timeout_ms`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ottla.coordinators.group.classic.group import (
    PREPARING_REBALANCE,
    ClassicGroup,
)
from ottla.coordinators.group.classic.member import Member
from ottla.coordinators.group.group import TimerKey
from ottla.coordinators.group.state import ShardTurn
from ottla.decide import Ask
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from ottla.wire.messages.join_group import JoinGroupResponse
from ottla.wire.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
    MemberResponse,
)
from ottla.wire.messages.sync_group import SyncGroupResponse

JOIN: Final = "join"
SYNC: Final = "sync"

Rebalance = Callable[[ShardTurn, ClassicGroup], None]
"""What follows a departure: one of join.py's."""


def join_key(group: ClassicGroup) -> TimerKey:
    """The timer of gathering members, initial delay or rebalance timeout."""
    return TimerKey(JOIN, group.group_id)


def sync_key(group: ClassicGroup) -> TimerKey:
    """The timer of the members' SyncGroup after a join."""
    return TimerKey(SYNC, group.group_id)


# ---------------------------------------------------------------- sessions


def session_timer(
    turn: ShardTurn, group: ClassicGroup, member_id: str, rebalance: Rebalance
) -> None:
    """The timer of a session fired: it ends, or the timer was early."""
    if member_id in group.pending_joins:
        group.remove(member_id)
        if group.state == PREPARING_REBALANCE:
            rebalance(turn, group)
        return
    member = group.members.get(member_id)
    if member is None:
        return
    member.timer_at_ms = None
    left_ms = member.deadline_ms - turn.now.steady_ms
    if left_ms > 0:
        member.timer_at_ms = member.deadline_ms
        turn.wake_in(left_ms, group.session_key(member_id))
    elif member.is_new or (member.join_token is None and member.sync_token is None):
        turn.note(f"group {group.group_id}: {member_id} was not heard of in time, and is out")
        remove(turn, group, member_id)
        rebalance(turn, group)


def on_leap(turn: ShardTurn, group: ClassicGroup, by_ms: int, connected: frozenset[int]) -> None:
    """The clocks are about to leap, and no member can know: whoever is waited for has so much
    longer, but for those who have hung up.
    """
    for member_id, member in group.members.items():
        if member.heard_on is not None and member.heard_on not in connected:
            continue
        member.deadline_ms += by_ms
        if member.timer_at_ms is not None:
            at_ms = member.timer_at_ms + by_ms
            member.timer_at_ms = turn.wake_at(at_ms, group.session_key(member_id))
    for member_id, at_ms in group.pending_joins.items():
        group.pending_joins[member_id] = turn.wake_at(at_ms + by_ms, group.session_key(member_id))
    if group.join_at_ms is not None:
        group.join_at_ms = turn.wake_at(group.join_at_ms + by_ms, join_key(group))
    if group.sync_at_ms is not None:
        group.sync_at_ms = turn.wake_at(group.sync_at_ms + by_ms, sync_key(group))


def remove(turn: ShardTurn, group: ClassicGroup, member_id: str) -> None:
    """Take a member out; what it has parked is answered with UNKNOWN_MEMBER_ID."""
    member = group.members.get(member_id)
    if member is not None:
        token = group.park_join(member, None)
        if token is not None:
            turn.reply(
                token, JoinGroupResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID, member_id="")
            )
        answer_sync(turn, group, member, error=ErrorCode.UNKNOWN_MEMBER_ID)
    if member is not None or member_id in group.pending_joins:
        turn.cancel(group.session_key(member_id))
    group.remove(member_id)


def fence(turn: ShardTurn, group: ClassicGroup, member: Member) -> None:
    """A newer process took this static member's place: what the older one waits for ends here."""
    token = group.park_join(member, None)
    if token is not None:
        turn.reply(
            token,
            JoinGroupResponse(
                error_code=ErrorCode.FENCED_INSTANCE_ID,
                member_id=member.member_id,
                protocol_type=None,
                protocol_name=None,
            ),
        )
    if member.sync_token is not None:
        turn.reply(member.sync_token, SyncGroupResponse(error_code=ErrorCode.FENCED_INSTANCE_ID))
        member.sync_token = None
    turn.cancel(group.session_key(member.member_id))


def answer_sync(
    turn: ShardTurn,
    group: ClassicGroup,
    member: Member,
    *,
    assignment: bytes = b"",
    error: ErrorCode = ErrorCode.NONE,
) -> None:
    """Answer a parked SyncGroup, if there is one; its session counts from now on."""
    if member.sync_token is None:
        return
    done = error == ErrorCode.NONE
    turn.reply(
        member.sync_token,
        SyncGroupResponse(
            error_code=error,
            protocol_type=group.protocol_type if done else None,
            protocol_name=group.protocol_name if done else None,
            assignment=assignment,
        ),
    )
    member.sync_token = None
    group.extend_session(turn, member)


# ---------------------------------------------------------------- Heartbeat


def heartbeat(turn: ShardTurn, group: ClassicGroup, ask: Ask) -> None:
    """Decide one Heartbeat to a group that exists."""
    request: HeartbeatRequest = ask.body
    error = group.member_error(request.member_id, request.group_instance_id)
    if error is None and request.generation_id != group.generation_id:
        error = ErrorCode.ILLEGAL_GENERATION
    if error is None:
        member = group.members[request.member_id]
        member.heard_on = ask.connection
        group.extend_session(turn, member)
        if group.state == PREPARING_REBALANCE:
            error = ErrorCode.REBALANCE_IN_PROGRESS
    turn.reply(ask.token, HeartbeatResponse(error_code=error or ErrorCode.NONE))


# ---------------------------------------------------------------- LeaveGroup


def leave(turn: ShardTurn, group: ClassicGroup, ask: Ask, rebalance: Rebalance) -> None:
    """Decide one LeaveGroup: each member that it names leaves or gets its own error, then one
    rebalance follows.
    """
    request: LeaveGroupRequest = ask.body
    answers = []
    left = False
    for identity in request.members:
        error = _leave_one(turn, group, identity)
        left = left or error is None
        answers.append(
            MemberResponse(
                member_id=identity.member_id,
                group_instance_id=identity.group_instance_id,
                error_code=error or ErrorCode.NONE,
            )
        )
    if left:
        rebalance(turn, group)
    turn.reply(ask.token, LeaveGroupResponse(members=answers))


def _leave_one(turn: ShardTurn, group: ClassicGroup, identity: MemberIdentity) -> ErrorCode | None:
    member_id: str = identity.member_id
    instance_id: str | None = identity.group_instance_id
    if not member_id:
        # An administrator removes a static member by its instance id alone.
        known_id = group.static_members.get(instance_id) if instance_id is not None else None
        if known_id is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        turn.note(f"group {group.group_id}: {known_id} was removed by its instance id")
        remove(turn, group, known_id)
        return None
    if member_id in group.pending_joins:
        remove(turn, group, member_id)
        return None
    error = group.member_error(member_id, instance_id)
    if error is None:
        turn.note(f"group {group.group_id}: {member_id} leaves")
        remove(turn, group, member_id)
    return error
