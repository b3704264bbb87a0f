"""Whatever members do, and in whatever order: no invariant of a group breaks.

The world is the scripts' one, with a few groups and members so that they meet often. After every
step each group passes its own `check` (it raises inside of the decision otherwise), the log alone
tells the same story as the memory does, and no decision has changed what it tells.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coordinators.world import Counter, World
from ottla.coordinators.batches import marker_of
from ottla.coordinators.group.classic.group import COMPLETING_REBALANCE, EMPTY, STABLE, ClassicGroup
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.producers import Producer
from ottla.coordinators.group.shard import GroupShard, every_kind
from ottla.coordinators.questions import WriteMarkers
from ottla.decide import Ask, Decision, Now, Record
from ottla.metadata.image import MetadataImage
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from ottla.wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from ottla.wire.producers import EPOCH_BUMPS_LEVEL
from ottla.wire.records import read_batches
from ottla.wire.stored.frame import CONSUMER_OFFSETS

GROUPS = st.sampled_from(["g", "h"])
NOBODY = 99
MEMBERS = st.one_of(st.integers(0, 5), st.just(NOBODY))
INSTANCES = st.sampled_from([None, None, "one", "two"])
PRODUCERS = st.sampled_from([1, 1, 2])
EPOCHS = st.sampled_from([0, 0, 1, 1, 2, 3])
PROTOCOLS = st.sampled_from([("range",), ("range", "sticky"), ("sticky", "range"), ("sticky",)])
CONFIG = GroupConfig(
    initial_rebalance_delay_ms=100,
    size_max=4,
    offsets_retention_ms=60000,
    offsets_retention_check_interval_ms=20000,
)


def durable(shard: GroupShard) -> Any:
    """What the log tells, and a replay has to make again."""
    groups = {
        group_id: (group.kind, getattr(group, "settled", None))
        for group_id, group in shard.state.groups.items()
    }
    offsets = shard.state.offsets
    return groups, copy.deepcopy((offsets.by_group, offsets.pending)), producers(shard, ended=False)


def producers(shard: GroupShard, *, ended: bool) -> dict[int, Any]:
    """What is known of producers, but when they were seen; those that wait for no marker may be
    forgotten at any time.
    """
    known = shard.state.producers.known.items()
    return {
        producer_id: one._replace(seen_ms=0) for producer_id, one in known if one.is_open or ended
    }


class Watched(GroupShard):
    """A shard that is caught when it changes what the log tells otherwise than by a record."""

    def _watch(self, decided: Callable[[], Decision]) -> Decision:
        before = durable(self)
        decision = decided()
        assert durable(self) == before, "changed without a record"
        return decision

    def answered(self, key: Any, response: Any, now: Now) -> Decision:
        return self._watch(lambda: GroupShard.answered(self, key, response, now))

    def loaded(self, image: MetadataImage, now: Now) -> Decision:
        return self._watch(lambda: GroupShard.loaded(self, image, now))

    def decide(self, ask: Ask, now: Now) -> Decision:
        return self._watch(lambda: GroupShard.decide(self, ask, now))

    def fire(self, key: Hashable, now: Now) -> Decision:
        return self._watch(lambda: GroupShard.fire(self, key, now))


class Members(RuleBasedStateMachine):
    """Members of two groups who do as they please."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(CONFIG, partitions=1, shard=Watched)
        self.answers: list[list[Any]] = []
        self.known: dict[str, list[str]] = {"g": [], "h": []}
        self.generations: dict[str, int] = {}

    def _ask(self, ask: Callable[[Callable[[Any], None]], None], group_id: str = "") -> None:
        answers: list[Any] = []
        self.answers.append(answers)

        def done(response: Any) -> None:
            answers.append(response)
            member_id = getattr(response, "member_id", "")
            if member_id and member_id not in self.known[group_id]:
                self.known[group_id].append(member_id)

        ask(done)
        self.world.settle()

    def _member(self, group_id: str, index: int) -> str:
        """A member of the group, or one of the past, or none."""
        group = self.world.shard(group_id).state.groups.get(group_id)
        known = list(group.members) if group is not None else []
        known += [one for one in reversed(self.known[group_id]) if one not in known]
        return known[index] if index < len(known) else ""

    def _replayed(self) -> GroupShard:
        """What the log alone tells."""
        replayed = GroupShard(lambda _: CONFIG, Counter(), every_kind(), 0)
        for batch in read_batches(self.world.log.data[0]):
            producer = batch.producer_id, batch.producer_epoch
            for record in batch.records:
                assert record.key is not None
                marker = marker_of(record) if batch.is_control else None
                one = Record(record.key, record.value, -1, *producer, marker)
                replayed.apply([one], Now(0, 0, 0))
        return replayed

    def _stored(self, group_id: str) -> ClassicGroup | None:
        group = self._replayed().state.groups.get(group_id)
        return group if isinstance(group, ClassicGroup) else None

    def _generation(self, group_id: str, off: int) -> int:
        group = self.world.shard(group_id).state.groups.get(group_id)
        return (0 if group is None else group.generation_id) + off

    @rule(
        group_id=GROUPS,
        member=MEMBERS,
        instance=INSTANCES,
        protocols=PROTOCOLS,
        version=st.sampled_from([3, 8, 9]),
        patience_ms=st.sampled_from([5000, 5000, 5000, 1, 0, -1, -(1 << 31)]),
    )
    def join(
        self,
        group_id: str,
        member: int,
        instance: str | None,
        protocols: tuple[str, ...],
        version: int,
        patience_ms: int = 5000,
    ) -> None:
        request = JoinGroupRequest(
            group_id=group_id,
            member_id=self._member(group_id, member),
            group_instance_id=instance,
            protocol_type="consumer",
            session_timeout_ms=10000,
            rebalance_timeout_ms=patience_ms,
            protocols=[
                JoinGroupRequestProtocol(name=name, metadata=bytes(6)) for name in protocols
            ],
        )
        asker = self.world.asker(version)
        self._ask(lambda done: self.world.groups.join_group(request, asker, done), group_id)

    @rule(
        group_id=GROUPS,
        member=MEMBERS,
        instance=INSTANCES,
        off=st.sampled_from([0, 0, 0, 1]),
        text=st.binary(max_size=3),
    )
    def sync(self, group_id: str, member: int, instance: str | None, off: int, text: bytes) -> None:
        request = SyncGroupRequest(
            group_id=group_id,
            member_id=self._member(group_id, member),
            group_instance_id=instance,
            generation_id=self._generation(group_id, off),
            assignments=[
                SyncGroupRequestAssignment(member_id=one, assignment=text)
                for one in self.known[group_id]
            ],
        )
        asker = self.world.asker(3)
        self._ask(lambda done: self.world.groups.sync_group(request, asker, done))

    @rule(group_id=GROUPS)
    def sync_all(self, group_id: str) -> None:
        group = self.world.shard(group_id).state.groups.get(group_id)
        for member in list(group.members.values()) if group is not None else []:
            request = SyncGroupRequest(
                group_id=group_id,
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                generation_id=group.generation_id,
                assignments=[
                    SyncGroupRequestAssignment(member_id=one, assignment=one.encode())
                    for one in group.members
                ],
            )
            asker = self.world.asker(3)
            self._ask(lambda done, r=request, a=asker: self.world.groups.sync_group(r, a, done))

    @rule(group_id=GROUPS, protocols=PROTOCOLS)
    def join_all(self, group_id: str, protocols: tuple[str, ...]) -> None:
        group = self.world.shard(group_id).state.groups.get(group_id)
        for index in range(len(group.members) if group is not None else 0):
            self.join(group_id, index, None, protocols, 9)

    @rule(group_id=GROUPS)
    def followers_sync(self, group_id: str) -> None:
        group = self.world.shard(group_id).state.groups.get(group_id)
        for index, member in enumerate(list(group.members) if group is not None else []):
            if member != group.leader_id:
                self.sync(group_id, index, None, 0, b"")

    @rule(group_id=GROUPS, member=MEMBERS, off=st.sampled_from([0, 0, 1]))
    def heartbeat(self, group_id: str, member: int, off: int) -> None:
        request = HeartbeatRequest(
            group_id=group_id,
            member_id=self._member(group_id, member),
            generation_id=self._generation(group_id, off),
        )
        asker = self.world.asker(4)
        self._ask(lambda done: self.world.groups.heartbeat(request, asker, done))

    @rule(group_id=GROUPS, members=st.lists(st.tuples(MEMBERS, INSTANCES), max_size=3))
    def leave(self, group_id: str, members: list[tuple[int, str | None]]) -> None:
        request = LeaveGroupRequest(
            group_id=group_id,
            members=[
                MemberIdentity(member_id=self._member(group_id, member), group_instance_id=instance)
                for member, instance in members
            ],
        )
        asker = self.world.asker(5)
        self._ask(lambda done: self.world.groups.leave_group(request, asker, done))

    @rule(
        group_id=GROUPS,
        member=MEMBERS,
        generation=st.sampled_from([-1, 0, 1]),
        offset=st.integers(0, 9),
    )
    def commit(self, group_id: str, member: int, generation: int, offset: int) -> None:
        if generation >= 0:
            generation = self._generation(group_id, generation)
        partition = OffsetCommitRequestPartition(
            partition_index=offset % 2, committed_offset=offset
        )
        request = OffsetCommitRequest(
            group_id=group_id,
            member_id=self._member(group_id, member),
            generation_id_or_member_epoch=generation,
            topics=[OffsetCommitRequestTopic(name="t", partitions=[partition])],
        )
        asker = self.world.asker(9)
        self._ask(lambda done: self.world.groups.offset_commit(request, asker, done))

    @rule(
        group_id=GROUPS,
        member=MEMBERS,
        generation=st.sampled_from([-1, -1, 0]),
        producer_id=PRODUCERS,
        epoch=EPOCHS,
        version=st.sampled_from([4, 5]),
        offset=st.integers(0, 9),
    )
    def commit_in_transaction(
        self,
        group_id: str,
        member: int,
        generation: int,
        producer_id: int,
        epoch: int,
        version: int,
        offset: int,
    ) -> None:
        if generation >= 0:
            generation = self._generation(group_id, generation)
        partition = TxnOffsetCommitRequestPartition(
            partition_index=offset % 2, committed_offset=offset
        )
        request = TxnOffsetCommitRequest(
            transactional_id="x",
            group_id=group_id,
            member_id=self._member(group_id, member),
            generation_id=generation,
            producer_id=producer_id,
            producer_epoch=epoch,
            topics=[TxnOffsetCommitRequestTopic(name="t", partitions=[partition])],
        )
        asker = self.world.asker(version)
        self._ask(lambda done: self.world.groups.txn_offset_commit(request, asker, done))

    @rule(nth=st.integers(0, 3), error=st.sampled_from([0, 0, 0, 51]))
    def tell(self, nth: int, error: int) -> None:
        """The coordinator of transactions answers, in any order."""
        if nth < len(self.world.runtime.outgoing):
            self.world.tell(nth, [ErrorCode(error)])
            self.world.settle()

    @rule(
        producer_id=PRODUCERS,
        epoch=EPOCHS,
        committed=st.booleans(),
        coordinator_epoch=st.integers(0, 2),
        transaction_version=st.sampled_from([0, 2, 2]),
    )
    def end_transaction(
        self,
        producer_id: int,
        epoch: int,
        committed: bool,
        coordinator_epoch: int,
        transaction_version: int,
    ) -> None:
        place = (CONSUMER_OFFSETS, 0)
        marker = WriteMarkers(
            producer_id, epoch, committed, coordinator_epoch, transaction_version, (place,)
        )
        asker = self.world.asker(2)
        for _ in range(2):
            self._ask(lambda done: self.world.groups.end_transaction(marker, asker, done))

    @rule(group_id=GROUPS, producer_id=PRODUCERS, level=st.sampled_from([0, 2]))
    def transact(self, group_id: str, producer_id: int, level: int) -> None:
        """A transaction as its producer means it, which chance alone would seldom make whole."""
        self._tell_all()
        known = self.world.shard(group_id).state.producers.get(producer_id)
        epoch = max(known.epoch, 0)
        self.commit_in_transaction(group_id, NOBODY, -1, producer_id, epoch, 5, 7)
        self._tell_all()
        epoch += level == EPOCH_BUMPS_LEVEL
        coordinator_epoch = max(known.coordinator_epoch, 0)
        self.end_transaction(producer_id, epoch, True, coordinator_epoch, level)
        self.nothing_failed()
        known = self.world.shard(group_id).state.producers.get(producer_id)
        assert known._replace(seen_ms=0) == Producer(epoch, coordinator_epoch)

    def _tell_all(self) -> None:
        while self.world.runtime.outgoing:
            self.tell(0, 0)

    @rule(group_id=GROUPS)
    def delete(self, group_id: str) -> None:
        request = DeleteGroupsRequest(groups_names=[group_id])
        asker = self.world.asker(2)
        self._ask(lambda done: self.world.groups.delete_groups(request, asker, done))

    @rule(by_ms=st.sampled_from([100, 4999, 5000, 10000, 30000]))
    def advance(self, by_ms: int) -> None:
        self.world.advance(by_ms)

    @rule(by_ms=st.sampled_from([99, 100, 200]))
    def wait(self, by_ms: int) -> None:
        self.world.wait(by_ms)

    @rule(by_ms=st.sampled_from([60_000, 86_400_000, -86_400_000, -3_600_000]))
    def jump(self, by_ms: int) -> None:
        """Somebody sets the machine's clock: no member notices."""
        self.world.wall_ahead_ms += by_ms

    @rule()
    def restart(self) -> None:
        """The process dies: nobody who waits is answered by it any more."""
        self.world.boot()
        self.answers = [one for one in self.answers if one]
        self.generations.clear()

    @rule(group_id=GROUPS, offset=st.integers(0, 9))
    def fail(self, group_id: str, offset: int) -> None:
        """An append fails, and the shard is dropped and loaded again."""
        self.world.log.failing = True
        self.commit(group_id, NOBODY, -1, offset)
        self.world.log.failing = False
        self.generations.clear()
        if self.world.shard("g") is None:  # it waits until it is tried again
            self.world.elect(0)
            self.world.settle()

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.world.log.held = True
        if not held:
            self.world.release()
            self.world.settle()

    @invariant()
    def nothing_failed(self) -> None:
        """A broken rule costs its shard, and everybody else would never hear of it."""
        assert not [one for one in self.world.reports if "the disk is full" not in one]

    @invariant()
    def log_forgets_producers(self) -> None:
        """As the core's does, by the same age."""
        known = self.world.shard("g").state.producers.known
        log = self.world.log.producers[0]
        for producer_id in [one for one in log if one not in known]:
            assert not log.pop(producer_id).is_open

    @invariant()
    def groups_are_whole(self) -> None:
        for group in self.world.shard("g").state.groups.values():
            group.check()

    @invariant()
    def answered_at_most_once(self) -> None:
        assert all(len(one) <= 1 for one in self.answers)

    @invariant()
    def a_generation_is_new(self) -> None:
        """A generation that is being made has not been written before."""
        for group_id, group in self.world.shard("g").state.groups.items():
            if group.state == COMPLETING_REBALANCE:
                stored = self._stored(group_id)
                assert stored is None or stored.generation_id < group.generation_id

    @invariant()
    def generations_rise(self) -> None:
        for group_id in list(self.generations):
            if group_id not in self.world.shard(group_id).state.groups:
                del self.generations[group_id]
        for group_id, group in self.world.shard(group_id="g").state.groups.items():
            assert group.generation_id >= self.generations.get(group_id, 0)
            self.generations[group_id] = group.generation_id

    @invariant()
    def log_tells_what_memory_holds(self) -> None:
        live = self.world.shard("g").state
        replayed = self._replayed().state
        assert replayed.offsets.by_group == live.offsets.by_group
        assert replayed.offsets.pending == live.offsets.pending
        assert replayed.offsets.pending_of == live.offsets.pending_of
        known = producers(self.world.shard("g"), ended=True)
        told = producers(self._replayed(), ended=True)
        # Who was forgotten, and came again, is told of with what ended before.
        assert all(told[one].coordinator_epoch >= known[one].coordinator_epoch for one in known)
        assert {
            one: told[one]._replace(coordinator_epoch=known[one].coordinator_epoch) for one in known
        } == known
        assert not any(told[one].is_open for one in told.keys() - known.keys())
        assert replayed.groups.keys() == live.groups.keys()
        for group_id, group in live.groups.items():
            stored = replayed.groups[group_id]
            assert isinstance(stored, ClassicGroup)
            assert isinstance(group, ClassicGroup)
            assert stored.settled == group.settled
            if group.state not in (STABLE, EMPTY):
                assert stored.generation_id <= group.generation_id
                continue
            if group.settled is not None:
                as_it_is = group.now_settled()
                assert as_it_is._replace(state_timestamp_ms=0) == group.settled._replace(
                    state_timestamp_ms=0
                )
            assert stored.generation_id == group.generation_id
            assert stored.protocol_name == group.protocol_name
            assert stored.leader_id == group.leader_id
            assert {
                member.member_id: (member.instance_id, member.assignment)
                for member in stored.members.values()
            } == {
                member.member_id: (member.instance_id, member.assignment)
                for member in group.members.values()
            }

    def teardown(self) -> None:
        """In the end everybody has been answered: no request is parked for ever."""
        self.hold(False)
        self._tell_all()
        for _ in range(40):
            self.world.wait(200)
            self.world.advance(30000)
        assert all(len(one) == 1 for one in self.answers)


Members.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestMembers = Members.TestCase
TestMembers.__doc__ = "Members of classic groups could be lost, answered twice, or forgotten."
