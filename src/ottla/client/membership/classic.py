"""A member of a classic group, of whatever protocol type: consumers, Connect's workers, registries.

It knows how one joins, syncs, heartbeats and leaves (as Apache Kafka's AbstractCoordinator does),
and nothing of what the members tell each other: its owner brings the protocols' metadata, assigns
when this member leads, and takes the assignments' bytes. It is not the consumer: that is
`consumer_member`.

A round goes UNJOINED or STABLE → JOINING (JoinGroup is under way; it may wait for minutes, and
nobody heartbeats meanwhile) → SYNCING (the generation is known; a leader waits for its owner's
assignment, then SyncGroup is under way) → STABLE. What stays true:

- One JoinGroup or SyncGroup is under way at a time, and one heartbeat.
- No round begins before the owner has answered the `Prepare` that comes before it, and none while
  the owner's last poll is older than max.poll.interval.ms.
- What an answer says of a generation that is not the member's any more changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ottla.client.backoff import Backoff
from ottla.client.errors import ApiNotSupported
from ottla.client.machine import Ask, Coordinator, Destination
from ottla.client.membership.classic_events import (
    NO_GENERATION,
    ClassicEvent,
    ClassicProtocol,
    ClassicSettings,
    Joined,
    JoinedMember,
    Leaving,
    Left,
    NeedsAssignment,
    Prepare,
)
from ottla.client.membership.events import Failed, GroupGeneration
from ottla.client.membership.refusals import code_of, error_of, failure_of, is_lost, passes
from ottla.errors import OttlaError
from ottla.wire.coordinator_types import GROUP
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from ottla.wire.schema import EncodeError

UNJOINED, JOINING, SYNCING, STABLE = "UNJOINED", "JOINING", "SYNCING", "STABLE"
JOIN_LAPSE_MS = 5000
"""For so much longer than a rebalance may take is JoinGroup's answer waited for."""
REASON_CHARS_MAX = 255
LEAVE_VERSION_OF_ONE = 2
"""The last LeaveGroup that tells one member id, for brokers before 2.4."""


class ClassicMember:
    """One member; see `ottla.client.machine` for who drives it.

    Args:
        chance: numbers from 0 to 1, for retries not to come all at once.
    """

    def __init__(
        self,
        settings: ClassicSettings,
        protocol: ClassicProtocol,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._settings = settings
        self._protocol = protocol
        self._coordinator = Coordinator(GROUP, settings.group_id)
        self.state = UNJOINED
        self.member_id = ""
        self.generation_id = NO_GENERATION
        self._protocol_name: str | None = None
        self._is_leader = False
        self._events: list[ClassicEvent] = []
        self._doubts: list[Destination] = []
        self._ends: dict[int, tuple[Callable[[Any, Any, int], None], Any]] = {}
        self._last_token = 0
        self._now_ms = 0
        # The round.
        self._rejoin: str | None = None
        """Why a round is wanted; None when none is."""
        self._needs_prepare = True
        self._is_preparing = False
        self._prepares_again = False
        """Whether the membership was lost while the owner prepared a round."""
        self._round_token: int | None = None
        self._round_at_ms = 0
        self._shares: Mapping[str, bytes] | None = None
        """What SyncGroup has to say; None while it is under way or waits for the owner."""
        self._backoff = Backoff(settings.retry_backoff_ms, settings.retry_backoff_ms_max, chance)
        # The session.
        self._beat_token: int | None = None
        self._beat_at_ms = 0
        self._beat_backoff = Backoff(
            settings.retry_backoff_ms, settings.retry_backoff_ms_max, chance
        )
        self._heard_at_ms = 0
        self._polled_at_ms: int | None = None
        # The end.
        self._wanted = True
        """Whether to be a member at all."""
        self._leaving: Leaving | None = None
        """Of whom a LeaveGroup is to be sent."""
        self._leave_tokens: set[int] = set()
        self._failed = False
        self.join("")

    # ------------------------------------------------------------ the owner's side

    @property
    def generation(self) -> GroupGeneration | None:
        """Who the member is, while it is in a generation that has its assignment."""
        return self._generation() if self.state == STABLE else None

    @property
    def is_lost(self) -> bool:
        """Whether what the member had may be others' by now."""
        return self.generation_id == NO_GENERATION or not self.member_id

    @property
    def is_over(self) -> bool:
        """Whether it has failed, or has left and there is nothing more to send for that."""
        rests = self._leaving is None and not self._leave_tokens
        return self._failed or (not self._wanted and rests)

    def join(self, reason: str) -> None:
        """Want a round, because something has changed that the others must hear of; or want to be
        a member again, after `leave`.
        """
        self._wanted = True
        if self._rejoin is None:
            self._rejoin = reason

    def polled(self, now_ms: int) -> None:
        """The owner is alive: it takes events now."""
        self._now_ms = now_ms
        self._polled_at_ms = now_ms

    @property
    def has_event(self) -> bool:
        """Whether `event` would give one."""
        return bool(self._events) or self._wants_to_prepare

    def event(self) -> ClassicEvent | None:
        """The next event, or None."""
        if self._events:
            return self._events.pop(0)
        if self._wants_to_prepare:
            self._is_preparing = True
            return Prepare(self.is_lost, self._rejoin or "")
        return None

    def needed_assignment(self) -> NeedsAssignment | None:
        """Take a `NeedsAssignment` out of turn, for an owner that answers it at once."""
        for at, one in enumerate(self._events):
            if isinstance(one, NeedsAssignment):
                del self._events[at]
                return one
        return None

    @property
    def _wants_to_prepare(self) -> bool:
        idle = self.state in (UNJOINED, STABLE) and not self._is_preparing
        return idle and self._wanted and self._needs_prepare and self._rejoin is not None

    def ready_to_join(self, now_ms: int) -> None:
        """The owner has let go of what `Prepare` asked for."""
        self._now_ms = now_ms
        if not self._is_preparing:
            return
        self._needs_prepare = self._prepares_again
        self._is_preparing = self._prepares_again = False

    def assigned(self, generation_id: int, shares: Mapping[str, bytes], now_ms: int) -> None:
        """The leader's answer to `NeedsAssignment`: each member's share. It is too late for a
        generation that has passed, and is forgotten then.
        """
        self._now_ms = now_ms
        if self.state == SYNCING and self._is_leader and generation_id == self.generation_id:
            self._shares = shares

    def commit_refused(self, code: ErrorCode, by: GroupGeneration, now_ms: int) -> None:
        """A commit in the generation `by` was refused: what that says of the membership."""
        self._now_ms = now_ms
        if by != self._generation():
            return
        if code == ErrorCode.REBALANCE_IN_PROGRESS:
            if self.state == STABLE:
                self.join("a commit was refused because the group rebalances")
        elif code in (ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID):
            self._reset(f"a commit was refused: {code.name}", code != ErrorCode.ILLEGAL_GENERATION)
        elif code == ErrorCode.FENCED_INSTANCE_ID:
            self._fail(error_of(code))

    def leave(self, reason: str, now_ms: int, *, even_static: bool = False) -> None:
        """Be no member until `join`. A static one stays in the group until its session ends, so
        that it may come back to what it had (KIP-345), unless `even_static`.
        """
        self._now_ms = now_ms
        self._wanted = False
        if self._failed:
            return
        self._leaves(reason, even_static)
        self._reset(reason, True)
        self._rejoin = None
        self._is_preparing = self._prepares_again = False

    # ------------------------------------------------------------ the driver's side

    def asks(self, now_ms: int) -> list[Ask]:
        """What is to be sent now."""
        self._now_ms = now_ms
        if self._failed:
            return []
        self._watch_poll(now_ms)
        found: list[Ask] = []
        if self._leaving is not None and self._leave_is_due:
            version = LEAVE_VERSION_OF_ONE if self._leaving.is_of_one else None
            found.append(self._ask_leave(self._leaving, version))
            self._leaving = None
        self._watch_session(now_ms)
        if self._beat_due_ms is not None and self._beat_due_ms <= now_ms:
            found.append(self._ask_heartbeat(now_ms))
        if self._may_join and self._round_at_ms <= now_ms:
            found.append(self._ask_join())
        if self.state == SYNCING and self._shares is not None:
            found.append(self._ask_sync(self._shares))
        return found

    def doubts(self) -> list[Destination]:
        """The coordinator, if it is to be looked for again."""
        found, self._doubts = self._doubts, []
        return found

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """A request has ended."""
        self._now_ms = now_ms
        ended, sent = self._ends.pop(token)
        self._leave_tokens.discard(token)
        if self._failed:
            return
        if is_lost(outcome) and not self._doubts:
            self._doubts.append(self._coordinator)
        ended(outcome, sent, now_ms)

    @property
    def deadline_ms(self) -> int | None:
        """When to look again."""
        if self._failed:
            return None
        if self._leave_is_due:
            return self._now_ms
        if self.state == SYNCING and self._shares is not None:
            return self._now_ms
        times = [self._beat_due_ms, self._session_over_ms, self._poll_late_ms]
        if self._may_join:
            times.append(self._round_at_ms)
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    # ------------------------------------------------------------ the session

    @property
    def _beats(self) -> bool:
        return self.state in (SYNCING, STABLE)

    @property
    def _beat_due_ms(self) -> int | None:
        return self._beat_at_ms if self._beats and self._beat_token is None else None

    @property
    def _session_over_ms(self) -> int | None:
        return self._heard_at_ms + self._settings.session_timeout_ms if self._beats else None

    @property
    def _poll_late_ms(self) -> int | None:
        most_ms = self._settings.poll_interval_ms_max
        if most_ms is None or self._polled_at_ms is None or not self._beats:
            return None
        return self._polled_at_ms + most_ms

    def _watch_session(self, now_ms: int) -> None:
        """Nobody has answered for a whole session: the coordinator may be elsewhere. Whether the
        member is out is for the coordinator to say, once it is found.
        """
        if self._session_over_ms is not None and self._session_over_ms <= now_ms:
            self._heard_at_ms = now_ms
            if not self._doubts:
                self._doubts.append(self._coordinator)

    def _watch_poll(self, now_ms: int) -> None:
        if self._poll_late_ms is None or self._poll_late_ms > now_ms:
            return
        reason = (
            f"nothing was polled for max.poll.interval.ms ({self._settings.poll_interval_ms_max})"
        )
        self._leaves(reason, even_static=False)
        self._reset(reason, True)
        self._events.append(Left(reason))

    def _is_late(self, now_ms: int) -> bool:
        most_ms = self._settings.poll_interval_ms_max
        if most_ms is None:
            return False
        return self._polled_at_ms is None or now_ms - self._polled_at_ms >= most_ms

    def _ask_heartbeat(self, now_ms: int) -> Ask:
        request = HeartbeatRequest(
            group_id=self._settings.group_id,
            generation_id=self.generation_id,
            member_id=self.member_id,
            group_instance_id=self._settings.instance_id,
        )
        self._beat_at_ms = now_ms + self._settings.heartbeat_interval_ms
        timeout_ms = min(self._settings.request_timeout_ms, self._settings.session_timeout_ms)
        ask = self._ask(request, self._heartbeat_ended, self._generation(), timeout_ms)
        self._beat_token = ask.token
        return ask

    def _heartbeat_ended(self, outcome: Any, sent: GroupGeneration, now_ms: int) -> None:
        self._beat_token = None
        code = code_of(outcome)
        if code in (ErrorCode.NONE, ErrorCode.REBALANCE_IN_PROGRESS):
            self._heard_at_ms = now_ms
            self._beat_backoff.reset()
            if code and self.state == STABLE and sent == self._generation():
                self.join("the group rebalances")
        elif code in (ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID):
            if sent == self._generation():
                self._reset(
                    f"a heartbeat was refused: {code.name}", code != ErrorCode.ILLEGAL_GENERATION
                )
        elif code in (ErrorCode.FENCED_INSTANCE_ID, ErrorCode.GROUP_AUTHORIZATION_FAILED):
            if sent == self._generation():
                self._fail(failure_of(outcome))
        elif code is None and not passes(outcome):
            self._fail(failure_of(outcome))
        else:
            self._beat_at_ms = now_ms + self._beat_backoff.next_ms()

    # ------------------------------------------------------------ the round

    @property
    def _may_join(self) -> bool:
        idle = self.state in (UNJOINED, STABLE) and self._round_token is None
        ready = not self._needs_prepare and not self._is_preparing
        wanted = self._wanted and self._rejoin is not None
        return wanted and idle and ready and not self._is_late(self._now_ms)

    def _ask_join(self) -> Ask:
        protocols = [  # first of all: it may fail
            JoinGroupRequestProtocol(name=name, metadata=metadata)
            for name, metadata in self._protocol.protocols()
        ]
        reason, self._rejoin = self._rejoin or "", None
        self.state = JOINING
        self._is_leader = False
        request = JoinGroupRequest(
            group_id=self._settings.group_id,
            session_timeout_ms=self._settings.session_timeout_ms,
            rebalance_timeout_ms=self._settings.rebalance_timeout_ms,
            member_id=self.member_id,
            group_instance_id=self._settings.instance_id,
            protocol_type=self._settings.protocol_type,
            protocols=protocols,
            reason=reason[:REASON_CHARS_MAX],
        )
        lapse_ms = self._settings.rebalance_timeout_ms + JOIN_LAPSE_MS
        timeout_ms = max(self._settings.request_timeout_ms, lapse_ms)
        ask = self._ask(request, self._join_ended, self._generation(), timeout_ms)
        self._round_token = ask.token
        return ask

    def _join_ended(self, outcome: Any, sent: GroupGeneration, now_ms: int) -> None:
        self._round_token = None
        code = code_of(outcome)
        if self.state != JOINING or sent != self._generation():
            # The membership was lost, or left, meanwhile.
            self._learn_id_to_leave(outcome)
        elif code == ErrorCode.NONE:
            self._take_generation(outcome, now_ms)
        elif code == ErrorCode.MEMBER_ID_REQUIRED and not isinstance(outcome, OttlaError):
            # KIP-394: come in with this id, at once.
            self.member_id = outcome.member_id
            self.state = UNJOINED
            self.join("a member id was asked for")
            if sent.member_id:
                self._again_soon(now_ms)
        elif code == ErrorCode.UNKNOWN_MEMBER_ID:
            self._reset(f"could not join: {code.name}", True)
            self._again_soon(now_ms)
        elif code == ErrorCode.REBALANCE_IN_PROGRESS or passes(outcome):
            self._round_failed(outcome, now_ms, at_once=False)
        else:
            self._fail(failure_of(outcome))

    def _learn_id_to_leave(self, outcome: Any) -> None:
        """The first join of a member that is to leave has ended."""
        if self._leaving is None or self._leaving.member_id:
            return
        code = code_of(outcome)
        is_told = code in (ErrorCode.NONE, ErrorCode.MEMBER_ID_REQUIRED)
        if is_told and not isinstance(outcome, OttlaError):
            self._leaving = self._leaving._replace(member_id=outcome.member_id)
        elif self._settings.instance_id is None:
            self._leaving = None

    def _take_generation(self, response: JoinGroupResponse, now_ms: int) -> None:
        if response.protocol_type not in (None, self._settings.protocol_type):
            self._fail(error_of(ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
            return
        self.state = SYNCING
        self.member_id = response.member_id
        self.generation_id = response.generation_id
        self._protocol_name = response.protocol_name
        self._is_leader = response.leader == response.member_id
        self._shares = None if self._is_leader else {}
        self._heard_at_ms = now_ms
        self._beat_at_ms = now_ms + self._settings.heartbeat_interval_ms
        if not self._is_leader:
            return
        members = tuple(
            JoinedMember(one.member_id, one.group_instance_id, bytes(one.metadata))
            for one in response.members
        )
        self._events.append(
            NeedsAssignment(
                self._generation(),
                response.protocol_name or "",
                response.leader,
                members,
                response.skip_assignment,
            )
        )
        if response.skip_assignment:
            self._shares = {}

    def _ask_sync(self, shares: Mapping[str, bytes]) -> Ask:
        self._shares = None
        request = SyncGroupRequest(
            group_id=self._settings.group_id,
            generation_id=self.generation_id,
            member_id=self.member_id,
            group_instance_id=self._settings.instance_id,
            protocol_type=self._settings.protocol_type,
            protocol_name=self._protocol_name,
            assignments=[
                SyncGroupRequestAssignment(member_id=member_id, assignment=share)
                for member_id, share in shares.items()
            ],
        )
        timeout_ms = self._settings.request_timeout_ms
        ask = self._ask(request, self._sync_ended, self._generation(), timeout_ms)
        self._round_token = ask.token
        return ask

    def _sync_ended(self, outcome: Any, sent: GroupGeneration, now_ms: int) -> None:
        self._round_token = None
        code = code_of(outcome)
        if self.state != SYNCING or sent != self._generation():
            return
        if code == ErrorCode.NONE:
            self._take_share(outcome)
        elif code in (ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID):
            self._reset(f"could not sync: {code.name}", code != ErrorCode.ILLEGAL_GENERATION)
            self._again_soon(now_ms)
        elif code == ErrorCode.REBALANCE_IN_PROGRESS:
            self._round_failed(outcome, now_ms, at_once=True)
        elif passes(outcome):
            self._round_failed(outcome, now_ms, at_once=False)
        else:
            self._fail(failure_of(outcome))

    def _take_share(self, response: Any) -> None:
        kind_differs = response.protocol_type not in (None, self._settings.protocol_type)
        if kind_differs or response.protocol_name not in (None, self._protocol_name):
            self._fail(error_of(ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
            return
        self.state = STABLE
        self._needs_prepare = True
        self._backoff.reset()
        self._beat_backoff.reset()
        self._round_at_ms = 0
        self._events.append(
            Joined(
                self._generation(),
                self._protocol_name or "",
                self._is_leader,
                bytes(response.assignment),
            )
        )

    def _round_failed(self, outcome: Any, now_ms: int, *, at_once: bool) -> None:
        """The round is to begin anew, with the same member id and without another `Prepare`."""
        self.state = UNJOINED
        self._drop_round()
        self.join(f"the last round failed: {_told(outcome)}")
        if at_once:
            self._again_soon(now_ms)
        else:
            self._round_at_ms = now_ms + self._backoff.next_ms()

    def _again_soon(self, now_ms: int) -> None:
        """The first round after a refusal comes at once, further ones after a while."""
        if self._backoff.failures:
            self._round_at_ms = now_ms + self._backoff.next_ms()
        else:
            self._backoff.failures = 1

    # ------------------------------------------------------------ ends

    def _reset(self, reason: str, forgets_id: bool) -> None:
        """The member is out of its generation, and perhaps of the group."""
        self.state = UNJOINED
        self.generation_id = NO_GENERATION
        if forgets_id:
            self.member_id = ""
        self._protocol_name = None
        self._is_leader = False
        self._drop_round()
        self._needs_prepare = True
        self._prepares_again = self._is_preparing
        if self._wanted:
            self.join(reason)

    def _drop_round(self) -> None:
        """Nobody is to hear any more of the round that was."""
        self._shares = None
        self._events = [
            one for one in self._events if not isinstance(one, Joined | NeedsAssignment)
        ]

    def _fail(self, error: OttlaError) -> None:
        self._wanted = False
        self._reset(str(error), True)
        self._failed = True
        self._events = [Failed(error)]

    def _leaves(self, reason: str, even_static: bool) -> None:
        """Have the group told, if there is, or soon will be, somebody to tell of."""
        is_static = self._settings.instance_id is not None
        if is_static and not even_static:
            return
        if self.member_id or is_static or self._round_token is not None:
            self._leaving = Leaving(reason, self.member_id)

    @property
    def _leave_is_due(self) -> bool:
        """A member whose first join is under way hears first which id it leaves with."""
        if self._leaving is None:
            return False
        is_static = self._settings.instance_id is not None
        return bool(self._leaving.member_id) or is_static or self._round_token is None

    def _ask_leave(self, leaving: Leaving, version: int | None = None) -> Ask:
        member_id, instance_id = leaving.member_id, self._settings.instance_id
        request = LeaveGroupRequest(group_id=self._settings.group_id)
        if version is None:
            reason = leaving.reason[:REASON_CHARS_MAX]
            request.members = [
                MemberIdentity(member_id=member_id, group_instance_id=instance_id, reason=reason)
            ]
        else:
            request.member_id = member_id
        timeout_ms = self._settings.request_timeout_ms
        ask = self._ask(request, self._leave_ended, leaving, timeout_ms)._replace(version=version)
        self._leave_tokens.add(ask.token)
        return ask

    def _leave_ended(self, outcome: Any, sent: Leaving, now_ms: int) -> None:
        """Whatever it was: a member that could not leave is put out when its session ends."""
        is_old = isinstance(outcome, ApiNotSupported | EncodeError)
        if is_old and not sent.is_of_one and self._settings.instance_id is None:
            self._leaving = sent._replace(is_of_one=True)

    # ------------------------------------------------------------ asking

    def _generation(self) -> GroupGeneration:
        return GroupGeneration(
            self._settings.group_id, self.member_id, self._settings.instance_id, self.generation_id
        )

    def _ask(
        self, message: Any, ended: Callable[[Any, Any, int], None], sent: Any, timeout_ms: int
    ) -> Ask:
        self._last_token += 1
        self._ends[self._last_token] = (ended, sent)
        return Ask(self._last_token, self._coordinator, message, timeout_ms)


def _told(outcome: Any) -> str:
    code = code_of(outcome)
    return str(outcome) if code is None else code.name
