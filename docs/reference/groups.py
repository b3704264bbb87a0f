"""What a classic group goes through, as the code does it: its states, and three rounds as drawings.

Nothing here knows the rules. The states are those that the real decider reaches when it is given
each input in each state that it has reached. The rounds are played by the real members of our own
client and the real decider, on a clock that only this file moves. `generate.py` writes all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from ottla.client.membership.assignors.assignor import Assignor
from ottla.client.membership.assignors.cooperative_sticky import CooperativeStickyAssignor
from ottla.client.membership.assignors.range import RangeAssignor
from ottla.client.membership.classic_events import ClassicSettings
from ottla.client.membership.consumer_member import ConsumerMember
from ottla.client.membership.events import Assigned, KnownTopics, Lost, Revoke
from ottla.coordinators.group.classic.group import SESSION
from ottla.coordinators.group.classic.membership import JOIN, SYNC
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.group import TimerKey
from ottla.coordinators.group.shard import GroupShard, every_kind
from ottla.decide import Ask, Decision, Now
from ottla.metadata.image import EMPTY_IMAGE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.sync_group import SyncGroupRequest

GROUP: Final = "readers"
TOPIC: Final = "orders"
PARTITIONS: Final = 4
NOBODY: Final = "no such group"


class Counter:
    """Ids that count."""

    count = 0

    def uuid(self) -> bytes:
        """The next."""
        self.count += 1
        return self.count.to_bytes(16, "big")

    def below(self, bound: int) -> int:
        """No number below it is as good as another."""
        return 0


class Coordinator:
    """One shard with its log and timers, on a clock that stands still."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.log: list[Any] = []
        self.replies: list[Any] = []
        self.timers: dict[Any, int] = {}
        self.entropy = Counter()
        self.load()

    @property
    def now(self) -> Now:
        """All clocks show the same."""
        return Now(self.now_ms, self.now_ms, self.now_ms)

    @property
    def group(self) -> Any:
        """The group, if there is one."""
        return self.shard.state.groups.get(GROUP)

    @property
    def state(self) -> str:
        """As operators are shown it."""
        return NOBODY if self.group is None else str(self.group.state)

    def load(self) -> None:
        """Begin with nothing but the log."""
        self.timers.clear()
        self.shard = GroupShard(lambda _: GroupConfig(), self.entropy, every_kind(), 0)
        self.shard.apply(self.log, self.now)
        self.take(self.shard.loaded(EMPTY_IMAGE, self.now))

    def ask(self, body: Any, token: int = 1, client: str = "reader") -> Decision:
        """One request in its newest version."""
        version = type(body).max_version
        return self.take(
            self.shard.decide(Ask(token, body, version, "User:a", client, "host"), self.now)
        )

    def fire(self, key: Any) -> Decision:
        """That timer is due, whenever it would be."""
        self.now_ms = max(self.now_ms, self.timers.pop(key))
        return self.take(self.shard.fire(key, self.now))

    def take(self, decision: Decision) -> Decision:
        """What was decided counts."""
        self.shard.apply(decision.records, self.now)
        self.log += decision.records
        self.replies += [reply.message for reply in decision.replies]
        for timer in decision.timers:
            self.timers.pop(timer.key, None)
            if timer.at_ms is not None:
                self.timers[timer.key] = timer.at_ms
        return decision


# ------------------------------------------------------------------ the states


class Step(NamedTuple):
    """What one input made of the group; `asks` is for other drawings."""

    before: str
    what: str
    after: str
    written: tuple[str, ...]
    error: str
    asks: str = ""


MEMBERS_MAX: Final = 2


def _join(one: Coordinator, member_id: str) -> None:
    said = JoinGroupRequestProtocol(name="range", metadata=b"")
    request = JoinGroupRequest(
        group_id=GROUP,
        session_timeout_ms=45_000,
        rebalance_timeout_ms=300_000,
        member_id=member_id,
        protocol_type="consumer",
        protocols=[said],
    )
    one.ask(request)


def _comes(one: Coordinator) -> None:
    if one.group is None or len(one.group.members) < MEMBERS_MAX:
        _join(one, "")
        _join(one, one.replies[-1].member_id)


def _all_join(one: Coordinator) -> None:
    for member in [] if one.group is None else list(one.group.members.values()):
        if member.join_token is None:
            _join(one, member.member_id)


def _syncs(one: Coordinator) -> None:
    if one.group is not None and one.group.leader_id:
        one.ask(
            SyncGroupRequest(
                group_id=GROUP,
                generation_id=one.group.generation_id,
                member_id=one.group.leader_id,
                protocol_type="consumer",
                protocol_name="range",
            )
        )


def _leaves(one: Coordinator) -> None:
    if one.group is not None and one.group.members:
        last = list(one.group.members)[-1]
        one.ask(LeaveGroupRequest(group_id=GROUP, members=[MemberIdentity(member_id=last)]))


def _is_silent(one: Coordinator) -> None:
    if one.group is not None and one.group.members:
        key = TimerKey(SESSION, GROUP, list(one.group.members)[-1])
        while key in one.timers and key.member_id in one.group.members:
            one.fire(key)


def _late(kind: str) -> Callable[[Coordinator], None]:
    def late(one: Coordinator) -> None:
        key, before = TimerKey(kind, GROUP), one.state
        while key in one.timers and one.state == before:
            one.fire(key)  # the first time to join is longer while others come

    return late


INPUTS: Final[dict[str, Callable[[Coordinator], None]]] = {
    "a new member joins": _comes,
    "its members join again": _all_join,
    "the time to join is over": _late(JOIN),
    "the leader hands in the assignment": _syncs,
    "the time to sync is over": _late(SYNC),
    "a member leaves": _leaves,
    "a member's session is over": _is_silent,
    "the coordinator is killed and loads": Coordinator.load,
    "it is deleted": lambda one: one.ask(DeleteGroupsRequest(groups_names=[GROUP])) and None,
}


def steps() -> list[Step]:
    """All that becomes of a group of up to two members, from each state that it reaches."""
    Key = tuple[str, int]
    ways: dict[Key, tuple[str, ...]] = {(NOBODY, 0): ()}
    found: dict[Step, None] = {}
    for key in (left := [(NOBODY, 0)]):
        for what in INPUTS:
            one = Coordinator()
            for input_ in ways[key]:
                INPUTS[input_](one)
            before, written, told = one.state, len(one.log), len(one.replies)
            INPUTS[what](one)
            errors = [_error(reply) for reply in one.replies[told:]]
            records = tuple(map(_title, one.log[written:]))
            if before != one.state or (records and what != "the coordinator is killed and loads"):
                error = " and ".join(dict.fromkeys(filter(None, errors)))
                found[Step(before, what, one.state, records, error)] = None
            then = one.state, len(one.group.members) if one.group else 0
            if then not in ways:
                ways[then] = (*ways[key], what)
                left.append(then)
    return list(found)


def _error(reply: Any) -> str:
    code = getattr(reply, "error_code", 0)
    return ErrorCode(code).name if code not in (0, ErrorCode.MEMBER_ID_REQUIRED) else ""


def _title(record: Any) -> str:
    return "a tombstone" if record.value is None else "GroupMetadata"


# ------------------------------------------------------------------ the rounds


class Said(NamedTuple):
    """One thing that somebody tells somebody, or does (`by` is `to`). Where time passes, both are
    empty.
    """

    by: str
    to: str
    what: str


COORDINATOR, LOG = "coordinator", "__consumer_offsets"


class Round:
    """Members of our client and a coordinator, and what they say to each other."""

    def __init__(self, names: Sequence[str], assignor: type[Assignor]) -> None:
        self.actors = [names[0], COORDINATOR, LOG, *names[1:]]
        self.coordinator = Coordinator()
        self.said: list[Said] = []
        self.members: dict[str, ConsumerMember] = {}
        self._assignor = assignor
        self._waiting: dict[int, tuple[str, int, Any]] = {}
        self._token = 0

    def comes(self, name: str, instance_id: str | None = None) -> None:
        """A consumer begins, with the settings that it has by itself."""
        settings = ClassicSettings(GROUP, "consumer", instance_id)
        member = ConsumerMember(settings, [self._assignor()], chance=lambda: 0.0)
        member.subscribe(frozenset([TOPIC]), self.coordinator.now_ms)
        member.metadata_changed(KnownTopics({TOPIC: PARTITIONS}), self.coordinator.now_ms)
        self.members[name] = member
        self.settle()

    def settle(self) -> None:
        """All that follows without time."""
        moved = True
        while moved:
            moved = False
            for name, member in self.members.items():
                member.polled(self.coordinator.now_ms)
                moved |= self._events(name, member)
                for ask in member.asks(self.coordinator.now_ms):
                    moved = True
                    self._asked(name, ask)

    def until(self, over: Callable[[], bool]) -> None:
        """Time goes on from one deadline to the next until that is so."""
        while not over():
            due = {key: at for key, at in self.coordinator.timers.items() if _is_of_round(key)}
            times = [*due.values(), *(one.deadline_ms for one in self.members.values())]
            at_ms = min(at for at in times if at is not None)
            self.coordinator.now_ms = max(at_ms, self.coordinator.now_ms)
            for key, at in due.items():
                if at <= self.coordinator.now_ms:
                    self._decided(self.coordinator.fire(key))
            self.settle()

    def later(self, why: str) -> None:
        """Say that time goes by."""
        self.said.append(Said("", "", why))

    def _events(self, name: str, member: ConsumerMember) -> bool:
        event = member.event(self.coordinator.now_ms)
        match event:
            case None:
                return False
            case Revoke(partitions):
                self.said.append(Said(name, name, f"lets go of {_short(partitions)}"))
            case Lost(partitions):
                self.said.append(Said(name, name, f"has lost {_short(partitions)}"))
            case Assigned(_, partitions):
                self.said.append(Said(name, name, f"has {_short(partitions)}"))
        member.confirmed(self.coordinator.now_ms)
        return True

    def _asked(self, name: str, ask: Any) -> None:
        self._token += 1
        self._waiting[self._token] = name, ask.token, ask.message
        if not isinstance(ask.message, HeartbeatRequest):
            self.said.append(Said(name, COORDINATOR, _title_of(ask.message)))
        # Ids are made of the client's name.
        self._decided(self.coordinator.ask(ask.message, self._token, name[-1]))

    def _decided(self, decision: Decision) -> None:
        self.said += [Said(COORDINATOR, LOG, _title(record)) for record in decision.records]
        for reply in decision.replies:
            name, token, request = self._waiting.pop(reply.token)
            code = getattr(reply.message, "error_code", 0)
            if isinstance(request, HeartbeatRequest) and code:
                self.said.append(Said(name, COORDINATOR, "Heartbeat"))
            if code or not isinstance(request, HeartbeatRequest):
                self.said.append(Said(COORDINATOR, name, _answer(request, reply.message, code)))
            if name in self.members:
                self.members[name].answered(token, reply.message, self.coordinator.now_ms)


def _is_of_round(key: Any) -> bool:
    return isinstance(key, TimerKey)


def _short(partitions: Sequence[tuple[str, int]]) -> str:
    numbers = ", ".join(str(number) for _, number in partitions)
    return f"{TOPIC} {numbers}" if numbers else "nothing"


def _title_of(request: Any) -> str:
    name = type(request).__name__.removesuffix("Request")
    return f"{name}, an assignment in it" if getattr(request, "assignments", ()) else name


def _answer(request: Any, response: Any, code: int) -> str:
    if code:
        return ErrorCode(code).name
    if isinstance(request, JoinGroupRequest):
        leads = " leads" if response.leader == response.member_id else ""
        return f"generation {response.generation_id}{',' + leads if leads else ''}"
    if isinstance(request, SyncGroupRequest):
        return "its share"
    return "yes"


A, B = "member A", "member B"
SETTINGS: Final = ClassicSettings(GROUP, "consumer")


def _seconds(ms: int) -> str:
    return f"{ms // 1000} seconds"


def round_of(assignor: type[Assignor]) -> Round:
    """One member comes to an empty group, and a second one to the first."""
    play = Round((A, B), assignor)
    play.comes(A)
    play.later(
        f"group.initial.rebalance.delay.ms: {_seconds(GroupConfig().initial_rebalance_delay_ms)}"
    )
    play.until(lambda: bool(play.members[A].owned))
    play.later("A reads; B comes")
    play.comes(B)
    beat = _seconds(SETTINGS.heartbeat_interval_ms)
    play.later(f"A hears of it at its next heartbeat; heartbeat.interval.ms: {beat}")
    play.until(lambda: all(len(one.owned) == PARTITIONS / 2 for one in play.members.values()))
    return play


def eager() -> Round:
    """With an assignor that has everybody let go of everything first."""
    return round_of(RangeAssignor)


def cooperative() -> Round:
    """With one that has members let go of what others are to have."""
    return round_of(CooperativeStickyAssignor)


def static() -> Round:
    """A static member goes without a word, and comes back."""
    play = Round((A, B), RangeAssignor)
    play.comes(A)
    play.comes(B, "shop-2")
    play.until(lambda: all(len(one.owned) == PARTITIONS / 2 for one in play.members.values()))
    play.said.clear()
    del play.members[B]
    session = _seconds(SETTINGS.session_timeout_ms)
    play.later(f"B is killed, and is there again within session.timeout.ms: {session}")
    play.comes(B, "shop-2")
    play.until(lambda: len(play.members[B].owned) == PARTITIONS / 2)
    return play
