"""Consumers in a classic group, beside a node's own coordinator: what their owners hear."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from client.group_world import GROUP_ID, POLL_INTERVAL_MS_MAX, Group, Owner
from ottla.client.membership.assignors.assignor import Assignor, Subscription
from ottla.client.membership.assignors.cooperative_sticky import CooperativeStickyAssignor
from ottla.client.membership.assignors.range import RangeAssignor
from ottla.client.membership.assignors.roundrobin import RoundRobinAssignor
from ottla.client.membership.classic_events import ClassicSettings
from ottla.client.membership.consumer_member import ConsumerMember, rebalance_protocol
from ottla.client.membership.events import Assigned, Event, Failed, KnownTopics, Lost, Revoke
from ottla.client.places import TopicPartition
from ottla.coordinators.group.config import GroupConfig
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.join_group import JoinGroupResponse
from ottla.wire.messages.leave_group import LeaveGroupRequest
from ottla.wire.messages.sync_group import SyncGroupResponse

ALL = (("t", 0), ("t", 1), ("t", 2), ("t", 3))


def settled(group: Group, *owners: Owner) -> None:
    """Let time pass until everybody has what they are to have; their logs begin again."""
    for _ in range(8):
        group.poll_all()
        group.advance(3_000)
        group.check()
    for owner in owners:
        owner.log.clear()


def heard(group: Group, owner: Owner) -> list[Event]:
    """What the owner hears until all is quiet again."""
    settled(group)
    found = list(owner.log)
    owner.log.clear()
    return found


def alone(assignor: Assignor, topics: str = "t") -> tuple[Group, Owner]:
    """A group of one."""
    group = Group({"t": 4, "u": 1})
    owner = group.start([assignor], topics)
    settled(group)
    return group, owner


def test_eager_members_let_go_of_everything() -> None:
    """If this failed, members of an eager group would read what others have been given."""
    group, first = alone(RangeAssignor())
    assert first.log == [Assigned(ALL, ALL)]
    first.log.clear()
    second = group.start([RangeAssignor()], "t")
    assert heard(group, first) == [Revoke(ALL), Assigned(ALL[:2], ALL[:2])]
    assert second.log == [Assigned(ALL[2:], ALL[2:])]


def test_cooperative_members_keep_what_stays() -> None:
    """If this failed, each rebalance would stop everybody's reading (KIP-429)."""
    group, first = alone(CooperativeStickyAssignor())
    first.log.clear()
    second = group.start([CooperativeStickyAssignor()], "t")
    assert heard(group, first) == [
        Revoke(ALL[2:]),
        Assigned((), ALL[:2]),
        Assigned((), ALL[:2]),
    ]
    assert second.log == [Assigned((), ()), Assigned(ALL[2:], ALL[2:])]


def test_a_lost_membership_is_told_as_lost() -> None:
    """If this failed, a member that was out would commit over the work of others."""
    for assignor in (RangeAssignor(), CooperativeStickyAssignor()):
        group, owner = alone(assignor)
        owner.log.clear()
        owner.stalled = True
        group.advance(11_000)
        owner.stalled = False
        assert heard(group, owner) == [Lost(ALL), Assigned(ALL, ALL)]


def test_a_subscription_that_changes() -> None:
    """If this failed, a consumer would go on with topics that it does not want."""
    group, owner = alone(CooperativeStickyAssignor())
    owner.log.clear()
    owner.member.subscribe(frozenset("u"), group.world.now_ms)
    assert heard(group, owner) == [Revoke(ALL), Assigned((("u", 0),), (("u", 0),))]


def test_a_topic_that_grows_is_noticed_by_the_leader() -> None:
    """If this failed, new partitions would be read by nobody."""
    group, owner = alone(CooperativeStickyAssignor())
    owner.log.clear()
    group.counts["t"] = 5
    owner.tell_metadata()
    new = ("t", 4)
    assert heard(group, owner) == [Assigned((new,), (*ALL, new))]


def test_a_leader_looks_up_what_only_others_subscribe_to() -> None:
    """If this failed, topics that the leader does not read itself would go to nobody."""
    group, first = alone(RangeAssignor())
    second = group.start([RangeAssignor()], "u")
    settled(group)
    assert first.member.wanted_topics == {"t", "u"}
    assert second.owned == {("u", 0)}


def test_unsubscribing_leaves_the_group_at_once() -> None:
    """If this failed, the others would wait for the end of a session."""
    group, first = alone(RangeAssignor())
    second = group.start([RangeAssignor()], "t")
    settled(group, first)
    first.member.subscribe(frozenset(), group.world.now_ms)
    first.poll()
    group.pump()
    assert first.log == [Revoke(ALL[:2])]
    assert len(group.coordinated.members) == 1
    settled(group)
    assert second.owned == set(ALL)
    first.member.subscribe(frozenset("t"), group.world.now_ms)
    settled(group)
    assert len(first.owned) == len(second.owned) == 2


def test_closing() -> None:
    """If this failed, a consumer that ends would be waited for, or its owner never be done."""
    group, owner = alone(RangeAssignor())
    owner.log.clear()
    owner.member.close(group.world.now_ms)
    assert not owner.member.is_over
    owner.poll()
    assert owner.log == [Revoke(ALL)]
    group.pump()
    assert owner.member.is_over
    assert not group.coordinated.members


def test_a_static_member_that_restarts_moves_nothing() -> None:
    """If this failed, a rolling restart of static members would be one rebalance each (KIP-345)."""
    group = Group({"t": 4})
    first = group.start([RangeAssignor()], "t", instance_id="a")
    second = group.start([RangeAssignor()], "t", instance_id="b")
    settled(group, first, second)
    generation = group.coordinated.generation_id
    for leaver in (first, second):
        had = set(leaver.owned)
        leaver.member.close(group.world.now_ms)
        leaver.poll()
        group.pump()
        group.owners.remove(leaver)
        instance_id = "a" if leaver is first else "b"
        back = group.start([RangeAssignor()], "t", instance_id=instance_id)
        settled(group)
        assert back.owned == had
    assert group.coordinated.generation_id == generation


def test_a_static_leader_that_restarts_learns_the_groups_topics_in_peace() -> None:
    """If this failed, a leader's restart would move everybody as soon as it has metadata of what
    only the others read.
    """
    group = Group({"t": 4, "u": 1})
    first = group.start([RangeAssignor()], "t", instance_id="a")
    group.start([RangeAssignor()], "u", instance_id="b")
    settled(group)
    generation = group.coordinated.generation_id
    group.owners.remove(first)
    back = group.start([RangeAssignor()], "t", instance_id="a")
    settled(group)
    assert back.member.wanted_topics == {"t", "u"}
    assert group.coordinated.generation_id == generation
    group.counts["u"] = 2
    back.tell_metadata()
    settled(group)
    assert group.coordinated.generation_id == generation + 1


def test_a_fenced_static_member_fails_with_a_hint() -> None:
    """If this failed, two processes with one group.instance.id would take turns."""
    group = Group({"t": 4})
    first = group.start([RangeAssignor()], "t", instance_id="a")
    settled(group, first)
    group.start([RangeAssignor()], "t", instance_id="a")
    lost, failed = heard(group, first)
    assert lost == Lost(ALL)
    assert isinstance(failed, Failed)
    assert "group.instance.id" in (failed.error.hint or "")
    assert first.member.is_over


def test_strangers_are_refused_with_a_hint() -> None:
    """If this failed, a consumer whose assignor nobody else has would wait for ever."""
    group, _ = alone(RangeAssignor())
    stranger = group.start([RoundRobinAssignor()], "t")
    settled(group)
    assert "assignor" in (getattr(stranger.failure, "hint", None) or "")


def test_a_session_timeout_that_the_broker_refuses() -> None:
    """If this failed, a wrong setting would look like a broker that does not answer."""
    group = Group({"t": 1}, GroupConfig(initial_rebalance_delay_ms=0))
    owner = group.start([RangeAssignor()], "t", session_timeout_ms=1)
    settled(group)
    assert "session.timeout.ms" in (getattr(owner.failure, "hint", None) or "")


def test_who_does_not_poll_is_out_and_comes_back() -> None:
    """If this failed, a callback or a loop that hangs would hold its partitions for ever."""
    group, first = alone(RangeAssignor())
    second = group.start([RangeAssignor()], "t")
    settled(group, first, second)
    for _ in range(POLL_INTERVAL_MS_MAX // 3_000 + 3):
        second.poll()
        group.advance(3_000)
    assert second.owned == set(ALL)
    assert first.member.generation is None
    first.poll()
    assert first.log == [Lost(ALL[:2])]
    settled(group)
    assert len(first.owned) == 2


def test_a_slow_callback_is_waited_for() -> None:
    """If this failed, partitions would be taken from under a callback that still commits."""
    group, first = alone(RangeAssignor())
    first.log.clear()
    second = group.start([RangeAssignor()], "t")
    second.poll()
    group.advance(3_000)
    assert first.take()
    assert first.log == [Revoke(ALL)]
    for _ in range(5):
        group.advance(3_000)
        second.poll()
        assert not second.owned
        assert first.member.generation is not None
    first.confirm()
    settled(group)
    assert len(second.owned) == 2


def test_refused_commits_speak_of_the_membership() -> None:
    """If this failed, a consumer would hear of a rebalance only at its next heartbeat."""
    group, owner = alone(RangeAssignor())
    owner.log.clear()
    generation = owner.member.generation
    assert generation is not None
    assert generation.group_id == GROUP_ID
    code = ErrorCode.REBALANCE_IN_PROGRESS
    owner.member.commit_refused(code, generation, group.world.now_ms)
    owner.poll()
    assert owner.log == [Revoke(ALL)]


def test_assignors_that_do_not_go_together_are_refused() -> None:
    """If this failed, half of a group would keep what the other half lets go of."""

    class OnlyCooperative(CooperativeStickyAssignor):
        protocols = (1,)

    assert rebalance_protocol([RangeAssignor(), CooperativeStickyAssignor()]) == 0
    assert rebalance_protocol([CooperativeStickyAssignor()]) == 1
    with pytest.raises(OttlaError, match="can't be used together"):
        rebalance_protocol([RangeAssignor(), OnlyCooperative()])


@pytest.mark.parametrize("share", [b"", b"\0", b"\0\0\0\0\0\7nonsense"])
def test_an_assignment_that_nobody_can_read_ends_the_member(share: bytes) -> None:
    """If this failed, a leader that writes nonsense would end the program that reads it, or leave
    it waiting.
    """
    member = ConsumerMember(ClassicSettings("g", "consumer"), [RangeAssignor()])
    member.subscribe(frozenset("t"), 0)
    member.polled(0)
    assert member.event(0) is None
    join = JoinGroupResponse(generation_id=1, protocol_name="range", leader="other", member_id="me")
    for outcome in (join, SyncGroupResponse(assignment=share)):
        (ask,) = member.asks(0)
        member.answered(ask.token, outcome, 0)
    event = member.event(0)
    assert isinstance(event, Failed)
    member.confirmed(0)
    (ask,) = member.asks(0)
    assert isinstance(ask.message, LeaveGroupRequest)


def test_an_assignor_that_raises_ends_the_member() -> None:
    """If this failed, a mistake in a user's assignor would stop the thread that drives all."""

    class Broken(RangeAssignor):
        def assign(
            self, topics: KnownTopics, members: Mapping[str, Subscription]
        ) -> dict[str, tuple[TopicPartition, ...]]:
            raise KeyError("t")

    group = Group({"t": 4})
    owner = group.start([Broken()], "t")
    settled(group)
    assert "Broken" in str(owner.failure)
    assert owner.member.is_over
