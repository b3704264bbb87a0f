"""Whatever lies in a partition of `__consumer_offsets`: the shard loads, and answers everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordinators.stored import BATCHES
from coordinators.test_group_loading import GOOD, MINUTE_MS, world_of
from coordinators.world import World
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from ottla.wire.messages.offset_fetch import OffsetFetchRequestGroup
from ottla.wire.messages.sync_group import SyncGroupRequest
from ottla.wire.schema import encode


class Asking:
    """Asks everything of some groups, and holds that everything is answered in words that exist."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.waiting = 0

    def ask(self, ask: Callable[[Callable[[Any], None]], None], version: int) -> None:
        self.waiting += 1

        def done(response: Any) -> None:
            self.waiting -= 1
            if hasattr(response, "api_key"):
                encode(response, version)

        ask(done)
        self.world.settle()

    def everything(self, group_id: str) -> None:
        groups, asker = self.world.groups, self.world.asker(9)
        group = self.world.shard("g").state.groups.get(group_id)
        known = getattr(group, "members", {})
        for member_id in [*[*known][:2], "", "nobody"]:
            generation = getattr(group, "generation_id", 0)
            instance_id = None
            if member_id in known:
                instance_id = known[member_id].instance_id
            beat = HeartbeatRequest(
                group_id=group_id, member_id=member_id, generation_id=generation
            )
            self.ask(lambda done, r=beat: groups.heartbeat(r, asker, done), 4)
            sync = SyncGroupRequest(
                group_id=group_id,
                member_id=member_id,
                generation_id=generation,
                protocol_type="consumer",
                protocol_name="range",
            )
            self.ask(lambda done, r=sync: groups.sync_group(r, asker, done), 5)
            join = JoinGroupRequest(
                group_id=group_id,
                member_id=member_id,
                group_instance_id=instance_id,
                protocol_type="consumer",
                session_timeout_ms=10_000,
                rebalance_timeout_ms=0,
                protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
            )
            self.ask(lambda done, r=join: groups.join_group(r, asker, done), 9)
            self.ask(lambda done, g=group_id: self._commit(g, done), 9)
            self.world.wait(1)
            self.world.advance(400)
            leave = LeaveGroupRequest(
                group_id=group_id,
                members=[MemberIdentity(member_id=member_id, group_instance_id=instance_id)],
            )
            self.ask(lambda done, r=leave: groups.leave_group(r, asker, done), 5)
        self._administer(group_id)

    def _commit(self, group_id: str, done: Callable[[Any], None]) -> None:
        partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=1)
        topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
        for retention_ms in (-(1 << 63), -2, -1, 0, (1 << 63) - 1):
            request = OffsetCommitRequest(
                group_id=group_id, topics=[topic], retention_time_ms=retention_ms
            )
            self.ask(
                lambda done, r=request: self.world.groups.offset_commit(
                    r, self.world.asker(4), done
                ),
                4,
            )
        done(None)

    def _administer(self, group_id: str) -> None:
        groups, asker = self.world.groups, self.world.asker(6)
        for stable in (False, True):
            self.ask(
                lambda done, s=stable: groups.offset_fetch(
                    [OffsetFetchRequestGroup(group_id=group_id, topics=None)],
                    asker,
                    lambda answers: done(answers[0]),
                    require_stable=s,
                ),
                9,
            )
        self.ask(lambda done: groups.list_groups(ListGroupsRequest(), asker, done), 5)
        described = DescribeGroupsRequest(groups=[group_id])
        self.ask(lambda done: groups.describe_groups(described, asker, done), 6)
        partition = OffsetDeleteRequestPartition(partition_index=0)
        deleted = OffsetDeleteRequest(
            group_id=group_id, topics=[OffsetDeleteRequestTopic(name="t", partitions=[partition])]
        )
        self.ask(lambda done: groups.offset_delete(deleted, asker, done), 0)
        self.world.know("t", b"\1" * 16)
        self.world.delete_topic("t")
        self.world.settle()
        self.world.advance(20 * MINUTE_MS)
        gone = DeleteGroupsRequest(groups_names=[group_id])
        self.ask(lambda done: groups.delete_groups(gone, asker, done), 2)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(BATCHES, max_size=6))
def test_whatever_lies_in_the_log(batches: list[bytes]) -> None:
    """One record, whoever wrote it, would end a start, a shard or the thread that decides."""
    world = world_of(*batches, GOOD)
    shard = world.shard("g")
    assert shard is not None
    asking = Asking(world)
    for group_id in ("g", "h", "good", "ü", ""):
        asking.everything(group_id)
    world.wait(10 * MINUTE_MS)
    world.advance(120 * MINUTE_MS)
    assert world.shard("g") is shard, "a fault of ours had it loaded again"
    assert asking.waiting == 0
    assert not [line for line in world.reports if "left out" not in line and "kept" not in line]
    world.boot()
    assert world.shard("g") is not None
