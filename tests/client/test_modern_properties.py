"""Members of a KIP-848 group who come, go, stall, are slow and are thrown out, beside a coordinator
of the test's own that is as simple as can be: our node serves no such group yet.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ottla.client.errors import ConnectionFailed
from ottla.client.membership.events import Assigned, Event, Failed, KnownTopics
from ottla.client.membership.modern import ModernMember, ModernSettings
from ottla.client.places import TopicPartition
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.consumer_group_heartbeat import (
    Assignment,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)

IDS = {name: name.encode() * 16 for name in "tu"}
COUNTS = {"t": 4, "u": 2}
KNOWN = KnownTopics(COUNTS, names={uid: name for name, uid in IDS.items()})
INTERVAL_MS = 3_000
SESSION_TIMEOUT_MS = 45_000
LOST = ConnectionFailed("node", 9092, "closed")
WHO = st.integers(0, 7)
TOPICS = st.sampled_from(["t", "tu", "u"])


class Known:
    """A member as the coordinator has it."""

    def __init__(self) -> None:
        self.epoch = 0
        self.topics: list[str] = []
        self.given: set[TopicPartition] = set()
        """What it was told last that it may have."""
        self.holds: set[TopicPartition] = set()
        """What it may still have: nobody else is given that."""
        self.told: set[TopicPartition] | None = None
        self.heard_ms = 0


class Coordinator:
    """Shares evenly, and gives nothing that somebody else may still have."""

    def __init__(self) -> None:
        self.members: dict[str, Known] = {}
        self.epoch = 0

    def expire(self, now_ms: int) -> None:
        """Sessions end: of members that were fenced, say, and did not come back."""
        for name, known in list(self.members.items()):
            if known.heard_ms + SESSION_TIMEOUT_MS <= now_ms:
                del self.members[name]
                self.epoch += 1

    def heartbeat(self, request: Any, now_ms: int) -> Any:
        """The answer to a heartbeat. A member whose epoch is not the newest is fenced even if it
        only missed an answer, which Kafka would let pass.
        """
        name = request.member_id
        if request.member_epoch < 0:
            if self.members.pop(name, None) is not None:
                self.epoch += 1
            return ConsumerGroupHeartbeatResponse(member_epoch=request.member_epoch)
        if request.member_epoch == 0:
            assert request.topic_partitions == []
            assert request.subscribed_topic_names is not None
            self.members[name] = Known()
            self.epoch += 1
        known = self.members.get(name)
        if known is None:
            return ConsumerGroupHeartbeatResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID)
        if request.member_epoch not in (0, known.epoch):
            return ConsumerGroupHeartbeatResponse(error_code=ErrorCode.FENCED_MEMBER_EPOCH)
        known.heard_ms = now_ms
        names = request.subscribed_topic_names
        if names is not None and names != known.topics:
            known.topics = names
            self.epoch += 1
        if request.topic_partitions is not None:
            names_of = KNOWN.names
            has = {
                (names_of[row.topic_id], p)
                for row in request.topic_partitions
                for p in row.partitions
            }
            assert has <= known.holds, f"{name} has {has - known.holds} that nobody gave it"
            known.holds = has | known.given
        return self._answer(name, known, is_full=names is not None)

    def _answer(self, name: str, known: Known, *, is_full: bool) -> Any:
        target = self.targets()[name]
        held = {place for one, k in self.members.items() if one != name for place in k.holds}
        if known.holds - target:
            known.given = known.holds & target  # First it lets go.
        else:
            known.given = {place for place in target if place not in held}
            known.epoch = self.epoch
        known.epoch = max(known.epoch, 1)
        known.holds |= known.given
        answer = ConsumerGroupHeartbeatResponse(
            member_id=name, member_epoch=known.epoch, heartbeat_interval_ms=INTERVAL_MS
        )
        if is_full or known.given != known.told:
            known.told = set(known.given)
            rows: dict[str, list[int]] = {}
            for topic, partition in sorted(known.given):
                rows.setdefault(topic, []).append(partition)
            answer.assignment = Assignment(
                topic_partitions=[
                    TopicPartitions(topic_id=IDS[topic], partitions=found)
                    for topic, found in rows.items()
                ]
            )
        return answer

    def targets(self) -> dict[str, set[TopicPartition]]:
        """Who is to have what in the end."""
        found: dict[str, set[TopicPartition]] = {name: set() for name in self.members}
        for topic, count in COUNTS.items():
            wanting = sorted(one for one, known in self.members.items() if topic in known.topics)
            for partition in range(count if wanting else 0):
                found[wanting[partition % len(wanting)]].add((topic, partition))
        return found


class Owner:
    """One consumer and what its user sees of it."""

    def __init__(self, name: str, topics: str, static: bool) -> None:
        instance_id = f"i-{name}" if static else None
        self.name = name
        self.member = ModernMember(
            ModernSettings("g", name, instance_id, poll_interval_ms_max=60_000)
        )
        self.member.metadata_changed(KNOWN, 0)
        self.member.subscribe(frozenset(topics), 0)
        self.owned: set[TopicPartition] = set()
        self.unconfirmed: Event | None = None
        self.life = -1

    def take(self, now_ms: int) -> None:
        """Take one event."""
        self.member.polled(now_ms)
        has_event = self.member.has_event
        event = self.member.event(now_ms)
        if event is None:
            return
        assert has_event
        assert self.unconfirmed is None
        self.unconfirmed = event
        assert not isinstance(event, Failed)
        if isinstance(event, Assigned):
            self.owned |= set(event.added)
            assert self.owned == set(event.partitions)

    def confirm(self, now_ms: int) -> None:
        """The callback of the last event returns."""
        event, self.unconfirmed = self.unconfirmed, None
        if event is None:
            return
        if not isinstance(event, Assigned | Failed):
            self.owned -= set(event.partitions)
        self.member.confirmed(now_ms)
        assert self.member.owned == self.owned


class Members(RuleBasedStateMachine):
    """Whatever happens to a group, nothing is read twice at once, and in the end it is whole."""

    @initialize(subscriptions=st.lists(TOPICS, min_size=1, max_size=3))
    def begin(self, subscriptions: list[str]) -> None:
        self.coordinator = Coordinator()
        self.owners: list[Owner] = []
        self.now_ms = 0
        self.started = 0
        self.chance = random.Random(1)
        for topics in subscriptions:
            self.start(topics, static=False)
        self._pass_time(10)

    @precondition(lambda self: len(self.owners) < 5)
    @rule(topics=TOPICS, static=st.booleans())
    def start(self, topics: str, static: bool) -> None:
        self.started += 1
        self.owners.append(Owner(f"m{self.started}", topics, static))

    def _owner(self, who: int) -> Owner:
        return self.owners[who % len(self.owners)]

    def _send(self, owner: Owner, lost: str | None = None) -> None:
        """Send what is due: it may get lost on the way there, or its answer on the way back."""
        for ask in owner.member.asks(self.now_ms):
            assert isinstance(ask.message, ConsumerGroupHeartbeatRequest)
            outcome: Any = LOST
            if lost != "request":
                answer = self.coordinator.heartbeat(ask.message, self.now_ms)
                outcome = LOST if lost == "answer" else answer
            owner.member.answered(ask.token, outcome, self.now_ms)

    @rule(who=WHO)
    def take(self, who: int) -> None:
        self._owner(who).take(self.now_ms)

    @rule(who=WHO)
    def confirm(self, who: int) -> None:
        self._owner(who).confirm(self.now_ms)

    @rule(who=WHO, lost=st.sampled_from([None, None, "request", "answer"]))
    def send(self, who: int, lost: str | None) -> None:
        self._send(self._owner(who), lost)

    @rule(by_ms=st.sampled_from([100, 3_000, 3_000, 61_000]))
    def advance(self, by_ms: int) -> None:
        self.now_ms += by_ms

    @rule(who=WHO, topics=st.sampled_from(["t", "tu", "u", ""]))
    def subscribe(self, who: int, topics: str) -> None:
        self._owner(who).member.subscribe(frozenset(topics), self.now_ms)

    @rule(who=WHO)
    def expire(self, who: int) -> None:
        """The coordinator throws a member out, which knows nothing of that."""
        self.coordinator.members.pop(self._owner(who).name, None)
        self.coordinator.epoch += 1

    @precondition(lambda self: len(self.owners) > 1)
    @rule(who=WHO)
    def close(self, who: int) -> None:
        owner = self._owner(who)
        owner.member.close(self.now_ms)
        for _ in range(6):
            owner.confirm(self.now_ms)
            owner.take(self.now_ms)
            self._send(owner)
        assert owner.member.is_over
        assert not owner.owned
        self.owners.remove(owner)

    @invariant()
    def nothing_is_owned_twice(self) -> None:
        seen: set[TopicPartition] = set()
        for owner in getattr(self, "owners", []):
            known = self.coordinator.members.get(owner.name)
            generation = owner.member.generation
            if known is None or generation is None or generation.generation_id != known.epoch:
                continue
            assert not seen & owner.owned, owner.name
            seen |= owner.owned

    def _pass_time(self, steps: int) -> None:
        for _ in range(steps):
            for owner in self.chance.sample(self.owners, len(self.owners)):
                owner.confirm(self.now_ms)
                owner.take(self.now_ms)
                self._send(owner)
                self.nothing_is_owned_twice()
            self.now_ms += 1_000
            self.coordinator.expire(self.now_ms)

    def teardown(self) -> None:
        """Once nothing happens any more, the group is whole, and stays as it is."""
        if not hasattr(self, "owners"):
            return
        self._pass_time(120)
        targets = self.coordinator.targets()
        for owner in self.owners:
            assert owner.owned == targets.get(owner.name, set())
            assert (owner.name in targets) == bool(owner.member.wanted_topics)
        epoch = self.coordinator.epoch
        self._pass_time(30)
        assert self.coordinator.epoch == epoch


Members.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestMembers = Members.TestCase
TestMembers.__doc__ = "A partition could be read twice at once, by nobody, or a group never rest."
