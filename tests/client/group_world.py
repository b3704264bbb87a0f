"""A group of our client's members beside a node's own group coordinator, in one process: requests
go from the machines to the coordinator's decider as bytes of some version, and nothing waits.

The clock stands still until it is moved; it then stops wherever somebody has something to do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from coordinators.world import World
from ottla.client.errors import ConnectionFailed
from ottla.client.membership.assignors.assignor import Assignor
from ottla.client.membership.classic_events import ClassicSettings
from ottla.client.membership.consumer_member import ConsumerMember
from ottla.client.membership.events import Assigned, Event, Failed, KnownTopics
from ottla.client.places import TopicPartition
from ottla.coordinators.group.config import GroupConfig
from ottla.errors import OttlaError
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest
from ottla.wire.messages.leave_group import LeaveGroupRequest
from ottla.wire.messages.sync_group import SyncGroupRequest
from ottla.wire.schema import EncodeError, decode, encode

GROUP_ID = "g"
SESSION_TIMEOUT_MS = 10_000
POLL_INTERVAL_MS_MAX = 60_000
OLD_VERSIONS = {JoinGroupRequest: 3, SyncGroupRequest: 1, HeartbeatRequest: 1, LeaveGroupRequest: 2}
"""What a broker of 2.0 serves."""
NAMES: dict[type[Any], str] = {
    JoinGroupRequest: "join_group",
    SyncGroupRequest: "sync_group",
    HeartbeatRequest: "heartbeat",
    LeaveGroupRequest: "leave_group",
}


class Owner:
    """One consumer and what its user sees of it."""

    def __init__(self, group: Group, name: str, member: ConsumerMember, old: bool) -> None:
        self.group = group
        self.name = name
        self.member = member
        self.old = old
        self.owned: set[TopicPartition] = set()
        self.log: list[Event] = []
        self.unconfirmed: Event | None = None
        self.failure: OttlaError | None = None
        self.stalled = False
        """Whether the process stands still: it neither sends nor hears."""
        self.answers: list[tuple[int, Any]] = []
        self.waiting: set[int] = set()
        """Requests whose answers are not here yet."""
        self.epoch = group.epoch

    def take(self) -> bool:
        """Take one event, as the thread that polls does; its callback has not returned yet."""
        now_ms = self.group.world.now_ms
        self.member.polled(now_ms)
        if self.unconfirmed is not None:
            return False
        if self.member.wanted_topics - self.group.told.get(self.name, frozenset()):
            self.tell_metadata()
        has_event = self.member.has_event
        event = self.member.event(now_ms)
        if event is None:
            assert not self.member.has_event
            return False
        assert has_event
        self.log.append(event)
        self.unconfirmed = event
        if isinstance(event, Assigned):
            self.owned |= set(event.added)
            assert self.owned == set(event.partitions)
        elif isinstance(event, Failed):
            self.failure = event.error
        else:
            assert set(event.partitions) <= self.owned
        return True

    def confirm(self) -> None:
        """The callback has returned."""
        event, self.unconfirmed = self.unconfirmed, None
        if event is None:
            return
        if not isinstance(event, Assigned | Failed):
            self.owned -= set(event.partitions)
        self.member.confirmed(self.group.world.now_ms)

    def poll(self) -> None:
        """Take all events there are."""
        self.confirm()
        while self.take():
            self.confirm()

    def tell_metadata(self) -> None:
        """What the cluster says of the topics that the member wants."""
        wanted = self.member.wanted_topics
        self.group.told[self.name] = wanted
        counts = {topic: self.group.counts.get(topic, 0) for topic in wanted}
        self.member.metadata_changed(KnownTopics(counts), self.group.world.now_ms)


class Group:
    """The coordinator and everybody who may be a member."""

    def __init__(self, counts: dict[str, int], config: GroupConfig | None = None) -> None:
        config = config or GroupConfig(initial_rebalance_delay_ms=0)
        self.world = World(config, partitions=1)
        self.counts = counts
        self.owners: list[Owner] = []
        self.told: dict[str, frozenset[str]] = {}
        self.started = 0
        self.epoch = 0
        self.doubts = 0
        """How often somebody was told to look for the coordinator."""
        self.chance = random.Random(1)
        self.sent: list[str] = []

    def start(
        self,
        assignors: Sequence[Assignor],
        topics: str,
        *,
        instance_id: str | None = None,
        old: bool = False,
        **settings: Any,
    ) -> Owner:
        """A new consumer, which has subscribed."""
        self.started += 1
        member = ConsumerMember(
            ClassicSettings(
                GROUP_ID,
                "consumer",
                instance_id,
                **{
                    "session_timeout_ms": SESSION_TIMEOUT_MS,
                    "rebalance_timeout_ms": POLL_INTERVAL_MS_MAX,
                    "poll_interval_ms_max": POLL_INTERVAL_MS_MAX,
                    **settings,
                },
            ),
            assignors,
            chance=self.chance.random,
        )
        owner = Owner(self, f"m{self.started}", member, old)
        member.subscribe(frozenset(topics), self.world.now_ms)
        self.owners.append(owner)
        return owner

    # ------------------------------------------------------------ the network

    def pump(self) -> None:
        """Bring everything that is under way to where it goes, until nobody says anything."""
        for _ in range(10_000):
            self.world.wait(0)
            self.world.settle()
            if not [owner for owner in list(self.owners) if self._pump(owner)]:
                break
        else:
            raise AssertionError("members and coordinator talk for ever")
        for owner in self.owners:
            deadline_ms = owner.member.deadline_ms
            assert owner.stalled or deadline_ms is None or deadline_ms > self.world.now_ms

    def _pump(self, owner: Owner) -> bool:
        if owner.stalled:
            return False
        now_ms = self.world.now_ms
        answers, owner.answers = owner.answers, []
        for token, outcome in answers:
            owner.member.answered(token, outcome, now_ms)
        if owner.member.awaited_topics:
            owner.tell_metadata()
        self.doubts += len(owner.member.doubts())
        asks = owner.member.asks(now_ms)
        for ask in asks:
            owner.waiting.add(ask.token)
            self._send(owner, ask)
        return bool(answers or asks)

    def _send(self, owner: Owner, ask: Any) -> None:
        kind = type(ask.message)
        self.sent.append(f"{owner.name} {NAMES[kind]}")
        version = kind.max_version if ask.version is None else ask.version
        if owner.old:
            version = min(version, OLD_VERSIONS[kind])
        try:
            request = decode(kind, encode(ask.message, version), version)
        except EncodeError as error:
            self._answer(owner, ask.token, error)
            return
        call: Callable[..., None] = getattr(self.world.groups, NAMES[kind])
        asker = self.world.asker(version, owner.name)

        def done(response: Any) -> None:
            read = decode(type(response), encode(response, version), version)
            self._answer(owner, ask.token, read)

        call(request, asker, done)

    def _answer(self, owner: Owner, token: int, outcome: Any) -> None:
        if token in owner.waiting:
            owner.waiting.discard(token)
            owner.answers.append((token, outcome))

    def restart(self) -> None:
        """The coordinator's process dies and comes up again: all connections break."""
        self.world.boot()
        for owner in self.owners:
            for token in sorted(owner.waiting):
                self._answer(owner, token, ConnectionFailed("node", 9092, "closed"))

    # ------------------------------------------------------------ time

    def advance(self, by_ms: int) -> None:
        """Move the clock, stopping wherever a member has something to do."""
        until_ms = self.world.now_ms + by_ms
        self.pump()
        while self.world.now_ms < until_ms:
            now_ms = self.world.now_ms
            due = [
                owner.member.deadline_ms
                for owner in self.owners
                if owner.member.deadline_ms is not None and not owner.stalled
            ]
            next_ms = max(min([until_ms, *due]), now_ms + 1)
            self.world.advance(next_ms - now_ms)
            self.world.wait(next_ms - now_ms)
            self.pump()

    def poll_all(self) -> None:
        """Everybody polls."""
        for owner in self.owners:
            if not owner.stalled:
                owner.poll()
        self.pump()

    # ------------------------------------------------------------ what holds

    @property
    def coordinated(self) -> Any:
        """The group as its coordinator has it; None if there is none."""
        shard = self.world.shard(GROUP_ID)
        return None if shard is None else shard.state.groups.get(GROUP_ID)

    def current(self) -> list[Owner]:
        """The owners that are members of the group's generation of now."""
        group = self.coordinated
        if group is None:
            return []
        return [
            owner
            for owner in self.owners
            if owner.member.classic.member_id in group.members
            and owner.member.classic.generation_id == group.generation_id
        ]

    def check(self) -> None:
        """No partition is owned twice within the generation."""
        owner_of: dict[TopicPartition, str] = {}
        for owner in self.current():
            for place in owner.owned:
                assert place not in owner_of, (place, owner_of[place], owner.name)
                owner_of[place] = owner.name
