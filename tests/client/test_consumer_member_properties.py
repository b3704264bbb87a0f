"""Consumers who come, go, crash, stall and are slow, beside a node's own group coordinator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from client.group_world import Group, Owner
from ottla.client.membership.assignors.assignor import Assignor
from ottla.client.membership.assignors.cooperative_sticky import CooperativeStickyAssignor
from ottla.client.membership.assignors.range import RangeAssignor
from ottla.client.membership.assignors.roundrobin import RoundRobinAssignor
from ottla.client.membership.assignors.sticky import StickyAssignor
from ottla.client.membership.classic import STABLE
from ottla.wire.errors import ErrorCode

KINDS: dict[str, Sequence[Callable[[], list[Assignor]]]] = {
    "range": [lambda: [RangeAssignor()]],
    "roundrobin": [lambda: [RoundRobinAssignor()]],
    "sticky": [lambda: [StickyAssignor()]],
    "cooperative": [lambda: [CooperativeStickyAssignor()]],
    "several": [lambda: [RangeAssignor(), CooperativeStickyAssignor()]],
    # The second half of a move from one protocol to the other (KIP-429).
    "moving": [
        lambda: [RangeAssignor(), CooperativeStickyAssignor()],
        lambda: [CooperativeStickyAssignor()],
    ],
}
SUBSCRIPTIONS = st.sampled_from(["t", "t", "tu", "tu", "u", "tuv"])
WHO = st.integers(0, 7)
STEP_MS = 2_000
SETTLING_MS = 160_000
"""In this all sessions of those who are gone end, several times over."""


class Consumers(RuleBasedStateMachine):
    """Whatever happens to a group, nothing is read twice at once, and in the end it is whole."""

    @initialize(
        kind=st.sampled_from(sorted(KINDS)),
        partitions=st.integers(1, 5),
        subscriptions=st.lists(SUBSCRIPTIONS, min_size=1, max_size=4),
    )
    def begin(self, kind: str, partitions: int, subscriptions: list[str]) -> None:
        self.kinds = KINDS[kind]
        self.group = Group({"t": partitions, "u": 3, "v": 1})
        self.instances = 0
        for at, topics in enumerate(subscriptions):
            self.group.start(self.kinds[at % len(self.kinds)](), topics)
        self._pass_time(8_000)

    def _owner(self, who: int) -> Owner | None:
        owners = self.group.owners
        return owners[who % len(owners)] if owners else None

    @precondition(lambda self: len(self.group.owners) < 6)
    @rule(
        topics=SUBSCRIPTIONS,
        kind=st.integers(0, 1),
        old=st.sampled_from([False, False, True]),
        static=st.sampled_from([False, False, True]),
    )
    def start(self, topics: str, kind: int, old: bool, static: bool) -> None:
        assignors = self.kinds[kind % len(self.kinds)]()
        self.instances += static
        instance_id = f"i{self.instances}" if static and not old else None
        self.group.start(assignors, topics, old=old, instance_id=instance_id)
        self.group.poll_all()

    @rule(who=WHO)
    def poll(self, who: int) -> None:
        owner = self._owner(who)
        if owner is not None and not owner.stalled:
            owner.poll()
        self.group.pump()

    @rule()
    def poll_everybody(self) -> None:
        self.group.poll_all()

    @rule(who=WHO)
    def take(self, who: int) -> None:
        """A callback begins, and does not return soon."""
        owner = self._owner(who)
        if owner is not None and not owner.stalled:
            owner.take()
        self.group.pump()

    @rule(who=WHO)
    def confirm(self, who: int) -> None:
        owner = self._owner(who)
        if owner is not None:
            owner.confirm()
        self.group.pump()

    @rule(by_ms=st.sampled_from([100, 3_000, 3_000, 9_000, 20_000, 61_000]))
    def advance(self, by_ms: int) -> None:
        self.group.advance(by_ms)

    @rule(who=WHO, topics=SUBSCRIPTIONS)
    def subscribe(self, who: int, topics: str) -> None:
        owner = self._owner(who)
        if owner is not None:
            owner.member.subscribe(frozenset(topics), self.group.world.now_ms)
        self.group.pump()

    @rule(who=WHO)
    def unsubscribe(self, who: int) -> None:
        owner = self._owner(who)
        if owner is not None:
            owner.member.subscribe(frozenset(), self.group.world.now_ms)
        self.group.pump()

    @precondition(lambda self: len(self.group.owners) > 2)
    @rule(who=WHO)
    def crash(self, who: int) -> None:
        owner = self._owner(who)
        if owner is not None:
            self.group.owners.remove(owner)

    @rule(who=WHO)
    def stall(self, who: int) -> None:
        """A long pause of the process, or the end of one."""
        owner = self._owner(who)
        if owner is not None:
            owner.stalled = not owner.stalled
        self.group.pump()

    @precondition(lambda self: len(self.group.owners) > 2)
    @rule(who=WHO)
    def close(self, who: int) -> None:
        owner = self._owner(who)
        if owner is None or owner.stalled:
            return
        owner.member.close(self.group.world.now_ms)
        for _ in range(3):
            owner.poll()
            self.group.pump()
        assert not owner.owned
        assert owner.member.is_over or owner.waiting
        if owner.member.is_over:
            self.group.owners.remove(owner)

    @rule(topic=st.sampled_from("tu"))
    def grow(self, topic: str) -> None:
        self.group.counts[topic] += 1
        for owner in self.group.owners:
            if not owner.stalled:
                owner.tell_metadata()
        self.group.pump()

    @rule(
        who=WHO,
        code=st.sampled_from(
            [
                ErrorCode.REBALANCE_IN_PROGRESS,
                ErrorCode.ILLEGAL_GENERATION,
                ErrorCode.UNKNOWN_MEMBER_ID,
            ]
        ),
    )
    def commit_refused(self, who: int, code: ErrorCode) -> None:
        owner = self._owner(who)
        generation = None if owner is None else owner.member.generation
        if owner is not None and generation is not None:
            owner.member.commit_refused(code, generation, self.group.world.now_ms)

    @precondition(lambda self: len(self.kinds) == 1)
    @rule()
    def restart(self) -> None:
        """What a coordinator reads again of a group is the one protocol that it went by: a member
        that offers others alone is refused until everybody has joined again.
        """
        self.group.restart()
        self.group.pump()

    @invariant()
    def nothing_is_owned_twice(self) -> None:
        if hasattr(self, "group"):
            self.group.check()

    def teardown(self) -> None:
        """Once nothing happens any more, the group is whole, and stays as it is."""
        if not hasattr(self, "group"):
            return
        group = self.group
        for owner in group.owners:
            owner.stalled = False
            owner.tell_metadata()
        self._pass_time(SETTLING_MS)
        members = [
            owner
            for owner in group.owners
            if owner.member.wanted_topics and not owner.member.is_over
        ]
        for owner in group.owners:
            assert owner.failure is None, owner.failure
        self._is_whole(members)
        if members:
            generation = group.coordinated.generation_id
            self._pass_time(60_000)
            assert group.coordinated.generation_id == generation, "it rebalances for nothing"
            self._change(members)

    def _change(self, members: list[Owner]) -> None:
        """One more change costs few rounds."""
        before = self.group.coordinated.generation_id
        members[0].member.subscribe(frozenset("t"), self.group.world.now_ms)
        newcomer = self.group.start(self.kinds[0](), "t")
        self._pass_time(60_000)
        self._is_whole([*members, newcomer])
        rounds = self.group.coordinated.generation_id - before
        assert rounds <= 6, f"{rounds} rounds after one change"

    def _pass_time(self, ms: int) -> None:
        """Everybody polls, in any order, and callbacks take a while."""
        group = self.group
        for _ in range(ms // STEP_MS):
            for owner in group.chance.sample(group.owners, len(group.owners)):
                owner.confirm()
                if owner.take():
                    group.check()
                group.pump()
            group.advance(STEP_MS)

    def _is_whole(self, members: list[Owner]) -> None:
        owned = [place for owner in members for place in owner.owned]
        wanted = {topic for owner in members for topic in owner.member.topics}
        counts = self.group.counts
        assert sorted(owned) == sorted((one, p) for one in wanted for p in range(counts[one]))
        for owner in members:
            assert owner.member.classic.state == STABLE
            assert owner.member.owned == owner.owned
        assert len(self.group.current()) == len(members)


Consumers.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestConsumers = Consumers.TestCase
TestConsumers.__doc__ = "A partition could be read twice at once, by nobody, or a group never rest."
