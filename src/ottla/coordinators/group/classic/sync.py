"""SyncGroup: the leader hands in the assignment, everybody gets their part.

While the group completes its rebalance the members' requests are parked; the leader's makes the
generation durable (one GroupMetadata record) and the group stable, and all are answered once the
record is safe. Who has not synced when the rebalance timeout is over is removed and a new round
begins.
"""

from __future__ import annotations

from ottla.coordinators.group.classic import join, membership, settled
from ottla.coordinators.group.classic.group import (
    COMPLETING_REBALANCE,
    PREPARING_REBALANCE,
    STABLE,
    ClassicGroup,
)
from ottla.coordinators.group.classic.membership import sync_key
from ottla.coordinators.group.state import ShardTurn
from ottla.decide import Ask
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse


def sync(turn: ShardTurn, group: ClassicGroup, ask: Ask) -> None:
    """Decide one SyncGroup to a group that exists and is not empty."""
    request: SyncGroupRequest = ask.body
    error = _validate(group, request)
    if error is None and group.state == PREPARING_REBALANCE:
        error = ErrorCode.REBALANCE_IN_PROGRESS
    if error is not None:
        refuse(turn, ask, error)
        return
    member = group.members[request.member_id]
    if member.sync_token is not None:
        # The client sent its sync again; nobody waits for the first one any more.
        turn.reply(member.sync_token, SyncGroupResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS))
    member.sync_token = ask.token
    member.heard_on = ask.connection
    group.pending_syncs.discard(member.member_id)
    if group.state == STABLE:
        _cancel_timer_when_all_synced(turn, group)
        membership.answer_sync(turn, group, member, assignment=member.assignment)
    elif group.leader_id == member.member_id:
        _take_assignment(turn, group, request)


def refuse(turn: ShardTurn, ask: Ask, error: ErrorCode) -> None:
    """Answer with an error."""
    turn.reply(ask.token, SyncGroupResponse(error_code=error))


def sync_timer(turn: ShardTurn, group: ClassicGroup) -> None:
    """The time to sync is over: who did not is out, and the others rebalance without them."""
    group.sync_at_ms = None
    if group.state in (COMPLETING_REBALANCE, STABLE) and group.pending_syncs:
        for member_id in sorted(group.pending_syncs):
            membership.remove(turn, group, member_id)
        join.prepare_rebalance(turn, group)


def _validate(group: ClassicGroup, request: SyncGroupRequest) -> ErrorCode | None:
    error = group.member_error(request.member_id, request.group_instance_id)
    if error is not None:
        return error
    if request.generation_id != group.generation_id:
        return ErrorCode.ILLEGAL_GENERATION
    for claimed, known in (
        (request.protocol_type, group.protocol_type),
        (request.protocol_name, group.protocol_name),
    ):
        if claimed is not None and known is not None and claimed != known:
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    return None


def _take_assignment(turn: ShardTurn, group: ClassicGroup, request: SyncGroupRequest) -> None:
    assignments = {one.member_id: bytes(one.assignment) for one in request.assignments}
    record = settled.record(group.group_id, group.now_settled(assignments))
    if not settled.fits(record, turn.state.config_of(group.group_id).batch_bytes_max):
        # The log would never take it: Apache Kafka answers with its unknown error and rebalances.
        for member in group.members.values():
            membership.answer_sync(turn, group, member, error=ErrorCode.UNKNOWN_SERVER_ERROR)
        join.prepare_rebalance(turn, group)
        return
    turn.write(record)
    turn.count("rebalances")
    group.ends_round = True
    for member in group.members.values():
        assignment = assignments.get(member.member_id, b"")
        membership.answer_sync(turn, group, member, assignment=assignment)
    _cancel_timer_when_all_synced(turn, group)


def _cancel_timer_when_all_synced(turn: ShardTurn, group: ClassicGroup) -> None:
    if group.sync_at_ms is not None and not group.pending_syncs:
        group.sync_at_ms = None
        turn.cancel(sync_key(group))
