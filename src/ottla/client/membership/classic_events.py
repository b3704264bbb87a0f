"""What a classic member is told once, and what it tells its owner: the vocabulary of `classic`."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ottla.client.membership.events import Failed, GroupGeneration

NO_GENERATION = -1
LEAVE_GROUP = 13
"""The key of the request that must not wait behind a round."""


class ClassicSettings(NamedTuple):
    """What does not change of a member; the defaults are those of Java's consumer."""

    group_id: str
    protocol_type: str
    instance_id: str | None = None
    session_timeout_ms: int = 45_000
    heartbeat_interval_ms: int = 3_000
    rebalance_timeout_ms: int = 300_000
    """max.poll.interval.ms, for a consumer."""
    poll_interval_ms_max: int | None = 300_000
    """None for a member that does not tell when it `polled`."""
    request_timeout_ms: int = 30_000
    retry_backoff_ms: int = 100
    retry_backoff_ms_max: int = 1_000


class Prepare(NamedTuple):
    """A round is wanted, or the membership is lost: let go of what must be, and then say
    `ready_to_join`. When `lost`, others may have by now what this member had.
    """

    lost: bool
    reason: str


class JoinedMember(NamedTuple):
    """A member as the leader is told of it; `metadata` is of the protocol that was selected."""

    member_id: str
    instance_id: str | None
    metadata: bytes


class NeedsAssignment(NamedTuple):
    """This member leads: answer by `assigned`, and look up before what that takes.

    With `skip` (KIP-814) everybody keeps what they have, and it is answered already.
    """

    generation: GroupGeneration
    protocol_name: str
    leader_id: str
    members: tuple[JoinedMember, ...]
    skip: bool


class Joined(NamedTuple):
    """A round is over, and this is the member's share of it."""

    generation: GroupGeneration
    protocol_name: str
    is_leader: bool
    assignment: bytes


class Left(NamedTuple):
    """The owner has not polled for max.poll.interval.ms: the member has left by itself, and joins
    again when the owner polls. A `Prepare` of what is lost comes next.
    """

    reason: str


ClassicEvent = Prepare | NeedsAssignment | Joined | Left | Failed


class Leaving(NamedTuple):
    """Of whom a LeaveGroup is to be sent; no id is known while the first join is under way."""

    reason: str
    member_id: str
    is_of_one: bool = False
    """Whether the coordinator knows only the LeaveGroup of one member."""


class ClassicProtocol(Protocol):
    """What a kind of member tells the others."""

    def protocols(self) -> list[tuple[str, bytes]]:
        """(name, metadata) of each protocol, the dearest first; asked before every JoinGroup."""
