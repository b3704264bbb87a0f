"""A classic group and its members: the facts, and what can be read off them.

Two kinds of facts live apart. What the last finished rebalance decided (generation, protocol,
leader, members, assignments) is durable: it is `settled`, which only a record that is applied
changes. All else is soft: the members as they are now, the round that is under way (who has joined,
who has synced, what is parked), sessions. A round begins with what is settled and ends when the
record that it decided is applied (`settle`); it is lost with leadership, here as in Apache Kafka,
and the members join again. The rules that move a group are in join.py, sync.py and membership.py.

What stays true (`check`): every static member is a member, votes are the sum of the members'
protocols, the number of parked joins is counted right, and the leader is a member. And while no
round is under way, a group is as it is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.coordinators.group.classic.member import Member, Protocols, in_hash_map_order
from ottla.coordinators.group.classic.settled import (
    CONSUMER_PROTOCOL_TYPE,
    Settled,
    SettledMember,
    subscribed_topics,
    tombstone,
)
from ottla.coordinators.group.group import TimerKey
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_groups import DescribedGroup, DescribedGroupMember
from ottla.wire.messages.list_groups import ListedGroup

if TYPE_CHECKING:
    from ottla.coordinators.turn import Turn
    from ottla.decide import Ask
    from ottla.wire.messages.offset_commit import OffsetCommitRequest
    from ottla.wire.messages.txn_offset_commit import TxnOffsetCommitRequest

EMPTY: Final = "Empty"
PREPARING_REBALANCE: Final = "PreparingRebalance"
COMPLETING_REBALANCE: Final = "CompletingRebalance"
STABLE: Final = "Stable"
DEAD: Final = "Dead"

SESSION: Final = "session"
GENERATION_MAX: Final = (1 << 31) - 1


class ClassicGroup:
    """One group. Its fields are changed through the methods that keep the counts right."""

    kind: Final = "classic"

    __slots__ = (
        "awaiting_join",
        "ends_round",
        "generation_id",
        "group_id",
        "join_at_ms",
        "join_timer",
        "leader_id",
        "members",
        "new_member_added",
        "pending_joins",
        "pending_syncs",
        "previous_state",
        "protocol_name",
        "protocol_type",
        "settled",
        "state",
        "state_timestamp_ms",
        "static_members",
        "subscribed_topics",
        "sync_at_ms",
        "votes",
    )

    def __init__(self, group_id: str, state_timestamp_ms: int) -> None:
        self.group_id = group_id
        self.settled: Settled | None = None
        """What its last record says; None if there is none, which makes it a simple group that has
        offsets only.
        """
        # All from here on is soft.
        self.ends_round = False
        """Whether the record that ends the round is decided; applying it does."""
        self.state = EMPTY
        self.previous_state = DEAD
        self.state_timestamp_ms = state_timestamp_ms
        """When the group came into its state; -1 unknown (records before version 2)."""
        self.protocol_type: str | None = None
        self.protocol_name: str | None = None
        self.generation_id = 0
        self.leader_id: str | None = None
        self.members: dict[str, Member] = {}
        self.static_members: dict[str, str] = {}
        """Group instance id to member id."""
        self.pending_joins: dict[str, int] = {}
        """Member ids that were given out (KIP-394) and have not come back yet, and until when."""
        self.pending_syncs: set[str] = set()
        self.awaiting_join = 0
        self.votes: dict[str, int] = {}
        """How many members know each protocol."""
        self.subscribed_topics: frozenset[str] | None = None
        """The topics of a group of consumers; None where it cannot be known."""
        self.new_member_added = False
        """Whether someone joined since the initial delay was last extended."""
        self.join_timer: tuple[int, int] | None = None
        """During the initial rebalance: (this delay, what may remain after it), in ms."""
        self.join_at_ms: int | None = None
        """Until when members may join, while that is a time of the steady clock."""
        self.sync_at_ms: int | None = None
        """Until when they may sync."""

    # ------------------------------------------------------------ reading

    @property
    def is_empty(self) -> bool:
        return self.state == EMPTY

    @property
    def lives(self) -> bool:
        """Whether anybody is in the group or on the way in."""
        return self.state in (PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE) or bool(
            self.pending_joins
        )

    @property
    def yields(self) -> bool:
        return False

    @property
    def uses_consumer_protocol(self) -> bool:
        return self.protocol_type == CONSUMER_PROTOCOL_TYPE

    @property
    def can_rebalance(self) -> bool:
        return self.state in (EMPTY, STABLE, COMPLETING_REBALANCE)

    @property
    def all_joined(self) -> bool:
        return self.awaiting_join == len(self.members) and not self.pending_joins

    @property
    def rebalance_timeout_ms(self) -> int:
        """How long a rebalance may take: as long as the most patient member allows."""
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def supports(self, protocol_type: str, protocols: Protocols) -> bool:
        """Whether a member with these protocols could be in the group with all others."""
        if self.state == EMPTY:
            return bool(protocol_type) and bool(protocols)
        size = len(self.members)
        return protocol_type == self.protocol_type and any(
            # In a round that everybody has left again, nobody objects to any protocol.
            self.votes.get(name, 0) == size
            for name, _ in protocols
        )

    def is_subscribed_to(self, topic: str) -> bool:
        """Whether members may be reading the topic; unknown counts as yes for consumers."""
        if self.subscribed_topics is None:
            return self.uses_consumer_protocol
        return topic in self.subscribed_topics

    def select_protocol(self) -> str:
        """The protocol that all know and most members like best.

        Equal votes fall as in Apache Kafka, which takes the first in the order of Java's HashMap.
        """
        size = len(self.members)
        candidates = {name for name, count in self.votes.items() if count == size}
        ballots: dict[str, int] = {}
        for member in self.members.values():
            choice = next((name for name, _ in member.protocols if name in candidates), None)
            if choice is not None:
                ballots[choice] = ballots.get(choice, 0) + 1
        most = max(ballots.values())
        return next(name for name in in_hash_map_order(ballots) if ballots[name] == most)

    def member_error(self, member_id: str, instance_id: str | None) -> ErrorCode | None:
        """Why this member may not speak; a static one only by its last id (KIP-345)."""
        if instance_id is not None:
            known_id = self.static_members.get(instance_id)
            if known_id is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if known_id != member_id:
                return ErrorCode.FENCED_INSTANCE_ID
        if member_id not in self.members:
            return ErrorCode.UNKNOWN_MEMBER_ID
        return None

    def now_settled(self, assignments: dict[str, bytes] | None = None) -> Settled:
        """The group as it is now, for its record; with what its members are to be assigned."""
        return Settled(
            self.state_timestamp_ms,
            self.protocol_type or None,
            self.protocol_name,
            self.generation_id,
            self.leader_id,
            tuple(
                SettledMember(
                    member.member_id,
                    member.instance_id,
                    member.client_id,
                    member.client_host,
                    member.rebalance_timeout_ms,
                    member.session_timeout_ms,
                    member.metadata(self.protocol_name),
                    member.assignment
                    if assignments is None
                    else assignments.get(member.member_id, b""),
                )
                for member in self.members.values()
            ),
        )

    # ------------------------------------------------------------ what the shard asks

    @property
    def offsets_age(self) -> bool:
        """As KIP-211 has it: when it is empty, or as far as it is known what its members read."""
        if self.protocol_type is None or self.state == EMPTY:
            return True
        return (
            self.uses_consumer_protocol
            and self.subscribed_topics is not None
            and self.state == STABLE
        )

    @property
    def empty_since_ms(self) -> int | None:
        if self.protocol_type is None or self.state != EMPTY or self.state_timestamp_ms == -1:
            return None
        return self.state_timestamp_ms

    def list_row(self) -> ListedGroup:
        """Its row of ListGroups."""
        return ListedGroup(
            group_id=self.group_id,
            protocol_type=self.protocol_type or "",
            group_state=self.state,
            group_type=self.kind,
        )

    def describe_row(self) -> DescribedGroup | None:
        """Its row of DescribeGroups; what members said is told of stable groups alone."""
        stable = self.state == STABLE
        return DescribedGroup(
            group_id=self.group_id,
            group_state=self.state,
            protocol_type=self.protocol_type or "",
            protocol_data=(self.protocol_name or "") if stable else "",
            members=[
                DescribedGroupMember(
                    member_id=member.member_id,
                    group_instance_id=member.instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    member_metadata=member.metadata(self.protocol_name) if stable else b"",
                    member_assignment=member.assignment,
                )
                for member in self.members.values()
            ],
        )

    def commit_error(self, ask: Ask) -> ErrorCode | None:
        """Who is no member may commit to an empty group; a member in its generation alone."""
        request: OffsetCommitRequest = ask.body
        generation_id: int = request.generation_id_or_member_epoch
        if generation_id < 0 and self.is_empty:
            return None
        if generation_id >= 0 or request.member_id or request.group_instance_id is not None:
            error = self.member_error(request.member_id, request.group_instance_id)
            if error is not None:
                return error
            if generation_id != self.generation_id:
                return ErrorCode.ILLEGAL_GENERATION
        elif not self.is_empty:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if self.state == COMPLETING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return None

    def transactional_commit_error(self, request: TxnOffsetCommitRequest) -> ErrorCode | None:
        """A member commits in its generation alone; who says nothing of itself may, as older
        clients do.
        """
        if request.generation_id < 0:
            says_nothing = not request.member_id and request.group_instance_id is None
            if self.is_empty or says_nothing:
                return None
        error = self.member_error(request.member_id, request.group_instance_id)
        if error is None and request.generation_id != self.generation_id:
            error = ErrorCode.ILLEGAL_GENERATION
        return error

    def fetch_error(self, member_id: str | None, member_epoch: int) -> ErrorCode | None:
        """Anybody is told, whoever it is: a member's words about itself are for newer kinds."""
        return None

    def committed(self, turn: Turn, member_id: str) -> None:
        """A member committed: it was heard."""
        if self.state in (STABLE, PREPARING_REBALANCE):
            self.extend_session(turn, self.members[member_id])

    def deletion_error(self) -> ErrorCode | None:
        """Only an empty group can be deleted."""
        return None if self.is_empty else ErrorCode.NON_EMPTY_GROUP

    def offset_deletion_error(self) -> ErrorCode | None:
        """Of a group in use it must be known what its members read."""
        if self.is_empty or self.uses_consumer_protocol:
            return None
        return ErrorCode.NON_EMPTY_GROUP

    def end(self, turn: Turn) -> None:
        """Write its tombstone; pending members are sent away with it."""
        for member_id in self.pending_joins:
            turn.cancel(self.session_key(member_id))
        turn.write(tombstone(self.group_id))
        turn.note(f"group {self.group_id}: is deleted")

    # ------------------------------------------------------------ a record is applied

    def settle(self, settled: Settled, wall_ms: int) -> None:
        """Its record is applied: in a life it ends the round that decided it, at a replay the group
        is made as it says.
        """
        self.settled = settled
        if self.ends_round:
            self._end_round(settled, wall_ms)
        elif self.state in (EMPTY, STABLE) and settled != self.now_settled():
            self._follow(settled)
        # Else somebody was on the way in when the group's first record was decided.

    def _end_round(self, settled: Settled, wall_ms: int) -> None:
        self.ends_round = False
        if settled.generation_id != self.generation_id or self.members.keys() != {
            member.member_id for member in settled.members
        }:
            raise RuntimeError(f"group {self.group_id} was written otherwise than it is")
        for member in settled.members:
            self.members[member.member_id].assignment = member.assignment
        self.transition(STABLE if settled.members else EMPTY, wall_ms)

    def _follow(self, settled: Settled) -> None:
        if self.awaiting_join or any(one.sync_token is not None for one in self.members.values()):
            raise RuntimeError(f"the parked requests of {self.group_id} must be answered first")
        self.state = STABLE if settled.members else EMPTY
        self.state_timestamp_ms = settled.state_timestamp_ms
        self.protocol_type = settled.protocol_type
        self.protocol_name = settled.protocol_name
        self.generation_id = settled.generation_id
        self.leader_id = settled.leader_id
        self.members.clear()
        self.static_members.clear()
        self.votes.clear()
        self.pending_syncs.clear()
        for one in settled.members:
            member = Member(
                one.member_id,
                instance_id=one.instance_id,
                client_id=one.client_id,
                client_host=one.client_host,
                rebalance_timeout_ms=one.rebalance_timeout_ms,
                session_timeout_ms=one.session_timeout_ms,
                protocols=((settled.protocol_name or "", one.subscription),),
                assignment=one.assignment,
            )
            self.add(member, settled.protocol_type or "")
        if self.leader_id not in self.members:
            self.leader_id = next(iter(self.members), None)
        self.find_subscribed_topics()

    # ------------------------------------------------------------ sessions

    def session_key(self, member_id: str) -> TimerKey:
        """A member's session, or the time that a pending one has to come back."""
        return TimerKey(SESSION, self.group_id, member_id)

    def extend_session(self, turn: Turn, member: Member, timeout_ms: int | None = None) -> None:
        """The member was heard: its session lasts that long from now on.

        The timer is not moved at each heartbeat: the deadline is, and the timer, when it fires
        early, is set again. So a heartbeat costs no timer.
        """
        if timeout_ms is None:
            timeout_ms = member.session_timeout_ms
        member.deadline_ms = turn.now.steady_ms + timeout_ms
        if member.timer_at_ms is None or member.timer_at_ms > member.deadline_ms:
            member.timer_at_ms = member.deadline_ms
            turn.wake_in(timeout_ms, self.session_key(member.member_id))

    # ------------------------------------------------------------ changing

    def transition(self, state: str, wall_ms: int) -> None:
        self.previous_state, self.state = self.state, state
        self.state_timestamp_ms = wall_ms

    def find_subscribed_topics(self) -> None:
        """Read off the members' words what they read."""
        self.subscribed_topics = subscribed_topics(
            self.protocol_type,
            self.protocol_name,
            (member.metadata(self.protocol_name) for member in self.members.values()),
        )

    def next_generation(self) -> None:
        """Number the next generation. After the last number there is comes 1: a negative one would
        mean that a member is in none.
        """
        self.generation_id = 1 if self.generation_id == GENERATION_MAX else self.generation_id + 1

    def add(self, member: Member, protocol_type: str) -> None:
        """Take a member in; the first one brings the protocol type and leads."""
        if not self.members:
            self.protocol_type = protocol_type
        self.members[member.member_id] = member
        if member.instance_id is not None:
            self.static_members[member.instance_id] = member.member_id
        if self.leader_id is None:
            self.leader_id = member.member_id
        self._count(member.protocols, 1)
        if member.join_token is not None:
            self.awaiting_join += 1
        self.pending_joins.pop(member.member_id, None)

    def remove(self, member_id: str) -> Member | None:
        """Take a member or a pending one out; the member who joined first leads then."""
        member = self.members.pop(member_id, None)
        if member is not None:
            self._count(member.protocols, -1)
            if member.join_token is not None:
                self.awaiting_join -= 1
            if member.instance_id is not None:
                self.static_members.pop(member.instance_id, None)
        if self.leader_id == member_id:
            self.leader_id = next(iter(self.members), None)
        self.pending_joins.pop(member_id, None)
        self.pending_syncs.discard(member_id)
        return member

    def replace(self, old_id: str, new_id: str) -> Member:
        """Give a static member a new member id; what it had stays its own."""
        old = self.members.pop(old_id)
        if old.join_token is not None or old.sync_token is not None:
            raise RuntimeError(f"the parked requests of {old_id} must be answered first")
        member = Member(
            new_id,
            instance_id=old.instance_id,
            client_id=old.client_id,
            client_host=old.client_host,
            rebalance_timeout_ms=old.rebalance_timeout_ms,
            session_timeout_ms=old.session_timeout_ms,
            protocols=old.protocols,
            assignment=old.assignment,
        )
        self.members[new_id] = member
        if self.leader_id == old_id:
            self.leader_id = new_id
        if old.instance_id is not None:
            self.static_members[old.instance_id] = new_id
        if old_id in self.pending_syncs:
            self.pending_syncs.remove(old_id)
            self.pending_syncs.add(new_id)
        return member

    def update(
        self,
        member: Member,
        *,
        protocols: Protocols,
        rebalance_timeout_ms: int,
        session_timeout_ms: int,
    ) -> None:
        """What a member says when it joins again."""
        self._count(member.protocols, -1)
        member.protocols = protocols
        self._count(member.protocols, 1)
        member.rebalance_timeout_ms = rebalance_timeout_ms
        member.session_timeout_ms = session_timeout_ms

    def park_join(self, member: Member, token: int | None) -> int | None:
        """Park a JoinGroup, or take it back with None; what was parked before."""
        before, member.join_token = member.join_token, token
        if member.member_id in self.members:
            self.awaiting_join += (token is not None) - (before is not None)
        return before

    def elect_joined_leader(self) -> bool:
        """Pass the leadership on if the leader has not joined this round; False if nobody could
        take it.
        """
        if self.leader_id is None:
            return False
        if self.members[self.leader_id].join_token is not None:
            return True
        joined = next((m for m in self.members.values() if m.join_token is not None), None)
        if joined is None:
            return False
        self.leader_id = joined.member_id
        return True

    def check(self) -> None:
        """Stop before a broken group is written."""
        members = self.members
        votes: dict[str, int] = {}
        for member in members.values():
            for name in dict(member.protocols):
                votes[name] = votes.get(name, 0) + 1
        if (
            votes != self.votes
            or self.awaiting_join != sum(m.join_token is not None for m in members.values())
            or (self.leader_id is not None and self.leader_id not in members)
            or (bool(members) and self.leader_id is None)
            or not self.pending_syncs <= members.keys()
            or any(members[m].instance_id != i for i, m in self.static_members.items())
            or (self.state == EMPTY and bool(members))
        ):
            raise RuntimeError(f"group {self.group_id} broke an invariant in state {self.state}")

    def _count(self, protocols: Protocols, by: int) -> None:
        for name in dict(protocols):
            count = self.votes.get(name, 0) + by
            if count:
                self.votes[name] = count
            else:
                self.votes.pop(name, None)
