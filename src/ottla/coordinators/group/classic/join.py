"""JoinGroup: how members come in, and how a rebalance begins and gets its members together.

A round goes Empty or Stable → PreparingRebalance (everybody joins, each request is parked) →
CompletingRebalance (the next generation is told, the leader computes the assignment) → Stable
(sync.py). The first round of an empty group waits group.initial.rebalance.delay.ms on the machine's
time, and again while members keep coming; later rounds wait until all have joined or the rebalance
timeout of the most patient member is over.

KIP-345 (static members), KIP-394 (MEMBER_ID_REQUIRED), KIP-559 (protocol in the response), KIP-800
(reason, only logged by Apache Kafka and so not kept), KIP-814 (a static leader that returns skips
the assignment).
"""

from __future__ import annotations

from collections.abc import Iterable

from ottla.coordinators.group.classic import membership, settled
from ottla.coordinators.group.classic.group import (
    COMPLETING_REBALANCE,
    EMPTY,
    PREPARING_REBALANCE,
    STABLE,
    ClassicGroup,
)
from ottla.coordinators.group.classic.member import Member, Protocols
from ottla.coordinators.group.classic.membership import join_key, sync_key
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.state import ShardTurn
from ottla.decide import Ask, Entropy
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.join_group import (
    JoinGroupRequest,
    JoinGroupResponse,
    JoinGroupResponseMember,
)

KNOWN_MEMBER_ID_VERSION = 4
SKIP_ASSIGNMENT_VERSION = 9
ANOTHER_ROUND_MS_MIN = 1000
SPOKEN_MAX = 200
"""How much of what clients call their protocols one line of the log holds."""


def join(turn: ShardTurn, group: ClassicGroup, ask: Ask) -> None:
    """Decide one JoinGroup to a group that exists."""
    request: JoinGroupRequest = ask.body
    member_id = request.member_id
    protocols = _protocols(request)
    if not _has_room(turn.state.config_of(group.group_id), group, member_id):
        membership.remove(turn, group, member_id)
        refuse(turn, ask, ErrorCode.GROUP_MAX_SIZE_REACHED, member_id="")
    elif not group.supports(request.protocol_type, protocols):
        refuse(turn, ask, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        turn.note(
            f"group {group.group_id}: its members speak {_spoken(group.protocol_type, group.votes)}"
            f", who is refused {_spoken(request.protocol_type, dict(protocols))}"
        )
    elif not member_id:
        _join_unknown(turn, group, ask, protocols)
    else:
        _join_known(turn, group, ask, protocols)


def refuse(turn: ShardTurn, ask: Ask, error: ErrorCode, *, member_id: str | None = None) -> None:
    """Answer with an error, and with the member id that came unless another is given; to ask for
    the id that was given out is none for the operator.
    """
    request: JoinGroupRequest = ask.body
    if error != ErrorCode.MEMBER_ID_REQUIRED:
        who = request.member_id or request.group_instance_id or ask.client_id
        turn.note(
            f"group {request.group_id}: {who} from {ask.client_host} may not join: {error.name}"
        )
    turn.reply(
        ask.token,
        JoinGroupResponse(
            error_code=error, member_id=request.member_id if member_id is None else member_id
        ),
    )


def _spoken(protocol_type: str | None, names: Iterable[str]) -> str:
    text = f"{protocol_type or 'nothing'} ({', '.join(names) or 'without a protocol'})"
    return text if len(text) <= SPOKEN_MAX else f"{text[:SPOKEN_MAX]}..."


def _protocols(request: JoinGroupRequest) -> Protocols:
    return tuple((protocol.name, bytes(protocol.metadata)) for protocol in request.protocols)


def _has_room(config: GroupConfig, group: ClassicGroup, member_id: str) -> bool:
    """group.max.size: while a rebalance gathers, those who have joined count; else the members."""
    member = group.members.get(member_id)
    if group.state == PREPARING_REBALANCE:
        if member is not None and member.join_token is not None:
            return True
        return group.awaiting_join < config.size_max
    if group.state in (COMPLETING_REBALANCE, STABLE):
        return member is not None or len(group.members) < config.size_max
    return True


def _join_unknown(
    turn: ShardTurn,
    group: ClassicGroup,
    ask: Ask,
    protocols: Protocols,
) -> None:
    """A member without an id: a new one, or a static one that came back."""
    request: JoinGroupRequest = ask.body
    instance_id = request.group_instance_id
    new_id = _member_id(turn.state.entropy, ask.client_id if instance_id is None else instance_id)
    if instance_id is not None:
        old_id = group.static_members.get(instance_id)
        if old_id is not None:
            _replace_static(turn, group, ask, old_id, new_id, protocols)
        else:
            _add(turn, group, ask, new_id, protocols)
    elif ask.version >= KNOWN_MEMBER_ID_VERSION:
        group.pending_joins[new_id] = turn.wake_in(
            request.session_timeout_ms, group.session_key(new_id)
        )
        refuse(turn, ask, ErrorCode.MEMBER_ID_REQUIRED, member_id=new_id)
    else:
        _add(turn, group, ask, new_id, protocols)


def _member_id(entropy: Entropy, prefix: str) -> str:
    text = entropy.uuid().hex()
    return f"{prefix}-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _join_known(turn: ShardTurn, group: ClassicGroup, ask: Ask, protocols: Protocols) -> None:
    """A member that has an id: a pending one that comes in, or one that joins again."""
    request: JoinGroupRequest = ask.body
    member_id = request.member_id
    if member_id in group.pending_joins:
        if request.group_instance_id is not None:
            # Ids are given out to dynamic members only; Apache Kafka trips over an illegal state
            # here.
            refuse(turn, ask, ErrorCode.UNKNOWN_SERVER_ERROR)
        else:
            _add(turn, group, ask, member_id, protocols)
        return
    error = group.member_error(member_id, request.group_instance_id)
    if error is not None:
        turn.reply(
            ask.token,
            JoinGroupResponse(
                error_code=error, member_id=member_id, protocol_type=None, protocol_name=None
            ),
        )
        return
    member = group.members[member_id]
    if group.state == COMPLETING_REBALANCE and member.protocols == protocols:
        # Its response was lost: it gets the same one again, and the round goes on.
        turn.reply(ask.token, _joined(group, member_id))
    elif group.state == STABLE and group.leader_id != member_id and member.protocols == protocols:
        # A follower that changes nothing learns of the generation it is in; the leader's join means
        # a rebalance.
        turn.reply(ask.token, _joined(group, member_id))
    elif group.state in (PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE):
        _update(turn, group, member, ask, protocols)
        _prepare_or_complete(turn, group)
    else:
        refuse(turn, ask, ErrorCode.UNKNOWN_MEMBER_ID)


def _joined(group: ClassicGroup, member_id: str) -> JoinGroupResponse:
    """The answer of a finished join; the leader alone is told who else is in."""
    leads = group.leader_id == member_id
    return JoinGroupResponse(
        generation_id=group.generation_id,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        leader=group.leader_id or "",
        member_id=member_id,
        members=_all_members(group) if leads else [],
    )


def _all_members(group: ClassicGroup) -> list[JoinGroupResponseMember]:
    return [
        JoinGroupResponseMember(
            member_id=member.member_id,
            group_instance_id=member.instance_id,
            metadata=member.metadata(group.protocol_name),
        )
        for member in group.members.values()
    ]


def _add(
    turn: ShardTurn,
    group: ClassicGroup,
    ask: Ask,
    member_id: str,
    protocols: Protocols,
) -> None:
    request: JoinGroupRequest = ask.body
    member = Member(
        member_id,
        instance_id=request.group_instance_id,
        client_id=ask.client_id,
        client_host=ask.client_host,
        rebalance_timeout_ms=_rebalance_timeout_ms(request),
        session_timeout_ms=request.session_timeout_ms,
        protocols=protocols,
    )
    member.is_new = True
    member.join_token = ask.token
    member.heard_on = ask.connection
    if group.state == PREPARING_REBALANCE and group.previous_state == EMPTY:
        group.new_member_added = True
    group.add(member, request.protocol_type)
    turn.note(f"group {group.group_id}: {member_id} joins, from {ask.client_host}")
    group.extend_session(
        turn, member, turn.state.config_of(group.group_id).new_member_join_timeout_ms
    )
    _prepare_or_complete(turn, group)


def _update(
    turn: ShardTurn, group: ClassicGroup, member: Member, ask: Ask, protocols: Protocols
) -> None:
    request: JoinGroupRequest = ask.body
    group.update(
        member,
        protocols=protocols,
        rebalance_timeout_ms=_rebalance_timeout_ms(request),
        session_timeout_ms=request.session_timeout_ms,
    )
    displaced = group.park_join(member, ask.token)
    if displaced is not None:
        # The client sent its join again; nobody waits for the first one any more.
        turn.reply(
            displaced,
            JoinGroupResponse(
                error_code=ErrorCode.REBALANCE_IN_PROGRESS, member_id=member.member_id
            ),
        )


def _rebalance_timeout_ms(request: JoinGroupRequest) -> int:
    """Version 0 had no rebalance timeout: the session's counts, as it does for a negative one.
    Apache Kafka takes that for a time that is over.
    """
    timeout_ms: int = request.rebalance_timeout_ms
    return request.session_timeout_ms if timeout_ms < 0 else timeout_ms


def _replace_static(
    turn: ShardTurn,
    group: ClassicGroup,
    ask: Ask,
    old_id: str,
    new_id: str,
    protocols: Protocols,
) -> None:
    """A static member came back without its id: the id that it had is fenced from now on.

    If the group is stable and would select the same protocol, nobody else notices. The leader is
    then told to skip the assignment (version 9), and older clients are given the old leader id so
    that they do not think they lead.
    """
    request: JoinGroupRequest = ask.body
    leader_before = group.leader_id or ""
    membership.fence(turn, group, group.members[old_id])
    member = group.replace(old_id, new_id)
    turn.note(
        f"group {group.group_id}: {new_id} from {ask.client_host} takes the place of {old_id}, "
        f"which is fenced: both are the instance {request.group_instance_id}"
    )
    group.extend_session(turn, member)
    _update(turn, group, member, ask, protocols)
    record = settled.record(group.group_id, group.now_settled())
    if (
        group.state == STABLE
        and group.select_protocol() == group.protocol_name
        and settled.fits(record, turn.state.config_of(group.group_id).batch_bytes_max)
    ):
        leads = group.leader_id == new_id and ask.version >= SKIP_ASSIGNMENT_VERSION
        turn.write(record)
        _answer_join(
            turn,
            group,
            member,
            JoinGroupResponse(
                generation_id=group.generation_id,
                protocol_type=group.protocol_type,
                protocol_name=group.protocol_name,
                leader=(group.leader_id or "")
                if ask.version >= SKIP_ASSIGNMENT_VERSION
                else leader_before,
                member_id=new_id,
                members=_all_members(group) if leads else [],
                skip_assignment=leads,
            ),
        )
    elif group.state == COMPLETING_REBALANCE:
        prepare_rebalance(turn, group)
    else:
        _prepare_or_complete(turn, group)


def _answer_join(
    turn: ShardTurn, group: ClassicGroup, member: Member, response: JoinGroupResponse
) -> None:
    token = group.park_join(member, None)
    if token is not None:
        turn.reply(token, response)


# ---------------------------------------------------------------- the round


def _prepare_or_complete(turn: ShardTurn, group: ClassicGroup) -> None:
    if group.can_rebalance:
        prepare_rebalance(turn, group)
    else:
        complete_if_all_joined(turn, group)


def member_left(turn: ShardTurn, group: ClassicGroup) -> None:
    """Somebody left: begin a round, or see whether that was the one everybody waited for."""
    if group.state in (STABLE, COMPLETING_REBALANCE):
        prepare_rebalance(turn, group)
    else:
        complete_if_all_joined(turn, group)


def member_expired(turn: ShardTurn, group: ClassicGroup) -> None:
    """Like `member_left`, but an expiry ends the gathering of an initial rebalance too, as in
    Apache Kafka.
    """
    if group.state == PREPARING_REBALANCE and group.all_joined:
        complete_join(turn, group)
    else:
        member_left(turn, group)


def complete_if_all_joined(turn: ShardTurn, group: ClassicGroup) -> None:
    """Finish gathering when all are there; the initial rebalance always waits for its timer."""
    if group.state == PREPARING_REBALANCE and group.previous_state != EMPTY and group.all_joined:
        complete_join(turn, group)


def prepare_rebalance(turn: ShardTurn, group: ClassicGroup) -> None:
    """Begin a round: wait until all members have joined."""
    if group.state == COMPLETING_REBALANCE:
        for member in group.members.values():
            member.assignment = b""
            membership.answer_sync(turn, group, member, error=ErrorCode.REBALANCE_IN_PROGRESS)
    group.pending_syncs.clear()
    _cancel_sync_timer(turn, group)
    initial = group.state == EMPTY
    turn.note(f"group {group.group_id}: begins a rebalance after generation {group.generation_id}")
    group.transition(PREPARING_REBALANCE, turn.now.wall_ms)
    if initial:
        delay_ms = turn.state.config_of(group.group_id).initial_rebalance_delay_ms
        group.join_timer = (delay_ms, max(group.rebalance_timeout_ms - delay_ms, 0))
        turn.wake_in(delay_ms, join_key(group), real=True)
    elif group.all_joined:
        complete_join(turn, group)
    else:
        group.join_at_ms = turn.wake_in(group.rebalance_timeout_ms, join_key(group))


def initial_delay_over(turn: ShardTurn, group: ClassicGroup) -> None:
    """The initial delay has passed: wait once more if someone has just come and time is left, else
    go on.
    """
    if group.join_timer is None:
        return
    delay_ms, remaining_ms = group.join_timer
    next_ms = min(turn.state.config_of(group.group_id).initial_rebalance_delay_ms, remaining_ms)
    if group.new_member_added and next_ms > 0:
        group.new_member_added = False
        group.join_timer = (next_ms, max(remaining_ms - delay_ms, 0))
        turn.wake_in(next_ms, join_key(group), real=True)
    else:
        complete_join(turn, group)


def complete_join(turn: ShardTurn, group: ClassicGroup) -> None:
    """Gathering is over: who is missing is out (unless static), the rest learns of the next
    generation.
    """
    turn.cancel(join_key(group))
    group.join_timer = group.join_at_ms = None
    for member in list(group.members.values()):
        if member.join_token is None and member.instance_id is None:
            turn.note(f"group {group.group_id}: {member.member_id} did not join again, and is out")
            membership.remove(turn, group, member.member_id)
    if group.members and not group.elect_joined_leader():
        # Only static members are left and none has joined: wait for one of them another round, or
        # for the ends of their sessions. Nothing but this timer moves in such a round, and members
        # choose how long it is: it must not be asked for again and again.
        delay_ms = max(group.rebalance_timeout_ms, ANOTHER_ROUND_MS_MIN)
        group.join_at_ms = turn.wake_in(delay_ms, join_key(group))
        return
    group.next_generation()
    group.pending_syncs.clear()
    turn.note(
        f"group {group.group_id}: generation {group.generation_id}, "
        f"{len(group.members) or 'no'} member{'s' * (len(group.members) != 1)}"
    )
    if not group.members:
        group.protocol_name = None
        group.find_subscribed_topics()
        now_settled = group.now_settled()._replace(state_timestamp_ms=turn.now.wall_ms)
        turn.write(settled.record(group.group_id, now_settled))
        group.ends_round = True
        return
    group.protocol_name = group.select_protocol()
    group.find_subscribed_topics()
    group.transition(COMPLETING_REBALANCE, turn.now.wall_ms)
    for member in group.members.values():
        _answer_join(turn, group, member, _joined(group, member.member_id))
        group.extend_session(turn, member)
        member.is_new = False
        group.pending_syncs.add(member.member_id)
    group.sync_at_ms = turn.wake_in(group.rebalance_timeout_ms, sync_key(group))


def _cancel_sync_timer(turn: ShardTurn, group: ClassicGroup) -> None:
    if group.sync_at_ms is not None:
        group.sync_at_ms = None
        turn.cancel(sync_key(group))
