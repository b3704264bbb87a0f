"""A second kind of group is a folder and a name: it needs nothing of the shard, the coordinator or
the node, and they nothing of it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ottla
from attack.line import Closed, Line
from coordinators.toys import INTERVAL, TOY
from coordinators.world import Counter, World
from ottla.broker.asker import as_ask
from ottla.broker.handlers import describe_groups
from ottla.broker.router import ROUTES, Route, Router
from ottla.coordinators.group import shard
from ottla.coordinators.group.classic.group import ClassicGroup
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.group import TimerKey
from ottla.coordinators.group.kinds import Kind
from ottla.coordinators.group.shard import GroupShard, every_kind
from ottla.decide import Ask, Now
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE, GROUP_RESOURCE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from ottla.wire.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from ottla.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from ottla.wire.stored.metadata import PartitionRecord, TopicRecord
from servers import eventually

NOW = Now(0, 0, 0)
CONFIG = GroupConfig(initial_rebalance_delay_ms=0, group={INTERVAL: 5000})
TOPIC = b"topic".ljust(16)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind's one name, where a kind is named."""
    monkeypatch.setattr(shard, "KINDS", (*shard.KINDS, TOY))


class Shard:
    """A shard of all kinds, without anything around it."""

    def __init__(self) -> None:
        self.shard = GroupShard(lambda _: CONFIG, Counter(), every_kind(), 0)

    def ask(self, body: Any, version: int = 0) -> Any:
        decision = self.shard.decide(Ask(1, body, version, "User:alice"), NOW)
        self.shard.apply(decision.records, NOW)
        return decision.replies[0].message if decision.replies else None


def beat(group_id: str) -> ConsumerGroupHeartbeatRequest:
    return ConsumerGroupHeartbeatRequest(group_id=group_id, subscribed_topic_names=["t"])


def partitions_of(told: Any) -> list[int]:
    return [index for one in told.assignment.topic_partitions for index in one.partitions]


def join(group_id: str) -> JoinGroupRequest:
    protocols = [JoinGroupRequestProtocol(name="range")]
    return JoinGroupRequest(group_id=group_id, protocol_type="consumer", protocols=protocols)


@pytest.mark.usefixtures("toys")
def test_requests_go_to_the_groups_own_kind() -> None:
    """Consumer groups could only come by changing what classic groups rest on."""
    world = Shard()
    assert "toys are here" in world.shard.loaded(EMPTY_IMAGE, NOW).notes
    assert world.ask(beat("g")).member_epoch == 1
    assert world.ask(beat("g")).heartbeat_interval_ms == 5000
    heard = world.ask(HeartbeatRequest(group_id="g"))
    assert heard.error_code == ErrorCode.FENCED_MEMBER_EPOCH, "of the toy's own"
    nobody = HeartbeatRequest(group_id="nobody")
    assert world.ask(nobody).error_code == ErrorCode.UNKNOWN_MEMBER_ID
    world.ask(join("c"), 3)
    assert isinstance(world.shard.state.groups["c"], ClassicGroup)
    assert world.ask(beat("c")).error_code == ErrorCode.GROUP_ID_NOT_FOUND
    assert world.ask(join("g"), 3) is None
    assert isinstance(world.shard.state.groups["g"], ClassicGroup), "an empty one yields its name"
    world.ask(beat("h"))
    listed = world.ask(ListGroupsRequest()).groups
    assert {(one.group_id, one.group_type) for one in listed} == {
        ("c", "classic"),
        ("g", "classic"),
        ("h", "toy"),
    }


@pytest.mark.usefixtures("toys")
def test_a_group_says_who_is_told_what_is_committed() -> None:
    """A consumer of a newer kind of group that was left behind would begin where others have
    committed since.
    """
    world = World(CONFIG)
    told: list[Any] = []

    def fetch(*groups: OffsetFetchRequestGroup) -> list[int]:
        told.clear()
        world.groups.submit(OffsetFetchRequest(groups=list(groups)), world.asker(9), told.append)
        world.settle()
        return [one.error_code for one in told[0].groups]

    def of(group_id: str, member_epoch: int) -> OffsetFetchRequestGroup:
        return OffsetFetchRequestGroup(group_id=group_id, member_id="m", member_epoch=member_epoch)

    world.groups.submit(beat("g"), world.asker(0), told.append)
    world.groups.submit(join("c"), world.asker(3), told.append)
    world.settle()
    stale = ErrorCode.STALE_MEMBER_EPOCH
    assert fetch(of("g", -1), of("g", 2), of("c", 2), of("g", 1)) == [0, stale, 0, 0]


@pytest.mark.usefixtures("toys")
def test_a_timer_finds_its_own_kind_of_group_only() -> None:
    """A timer of a group that is gone would be heard by another kind's group of the name."""
    world = Shard()
    world.ask(beat("g"))
    bored = TimerKey("bored", "g")
    assert world.shard.fire(bored, NOW).notes == ["g is bored"]
    world.shard.state.groups["g"] = ClassicGroup("g", 0)
    assert world.shard.fire(bored, NOW).notes == ()
    del world.shard.state.groups["g"]
    assert world.shard.fire(bored, NOW).notes == ()


@pytest.mark.usefixtures("toys")
def test_a_kind_sees_the_cluster_and_what_a_group_sets_for_itself() -> None:
    """What a broker assigns would be of the partitions of its start, or of none."""
    world = World(CONFIG, partitions=2)
    told: list[Any] = []

    def ask(body: Any) -> Any:
        world.groups.submit(body, world.asker(1), told.append)
        world.settle()
        return told[-1]

    def change(*records: Any) -> None:
        delta = MetadataDelta(world.image)
        for record in records:
            delta.replay(record)
        world.image = delta.finish(offset=world.image.offset + 1)
        world.runtime.on_image(delta)
        world.wake()
        world.settle()

    def partition(index: int) -> PartitionRecord:
        return PartitionRecord(topic_id=TOPIC, partition_id=index, replicas=[1], isr=[1], leader=1)

    change(TopicRecord(name="n", topic_id=TOPIC), partition(0))
    request = ConsumerGroupHeartbeatRequest(group_id="g", subscribed_topic_names=["n"])
    assert partitions_of(ask(request)) == [0]
    change(partition(1))
    after = ask(request)
    assert (after.member_epoch, partitions_of(after)) == (2, [0, 1])
    world.boot()
    after = ask(request)
    assert (after.member_epoch, partitions_of(after)) == (2, [0, 1]), "a shard that loaded knows it"
    world.configs["g"] = CONFIG._replace(group={INTERVAL: 7000})
    assert ask(request).heartbeat_interval_ms == 7000
    other = ConsumerGroupHeartbeatRequest(group_id="h", subscribed_topic_names=["n"])
    assert ask(other).heartbeat_interval_ms == 5000
    names = ["h", "nobody", "g", "h"]
    assert world.groups.partition_for("g") != world.groups.partition_for("h")
    rows = ask(ConsumerGroupDescribeRequest(group_ids=names)).groups
    assert [(one.group_id, one.error_code, one.group_epoch) for one in rows] == [
        ("h", 0, 1),
        ("nobody", ErrorCode.GROUP_ID_NOT_FOUND, 0),
        ("g", 0, 2),
    ]
    assert ask(ConsumerGroupDescribeRequest()).groups == []
    world.runtime.resigned(world.groups.partition_for("g"))
    rows = ask(ConsumerGroupDescribeRequest(group_ids=["g", "h"])).groups
    assert [one.error_code for one in rows] == [ErrorCode.NOT_COORDINATOR, 0]


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(
    "kind",
    [
        TOY._replace(names=("classic",)),
        TOY._replace(begins={ListGroupsRequest: next(iter(TOY.begins.values()))}),
        TOY._replace(begins={JoinGroupRequest: next(iter(TOY.begins.values()))}),
        TOY._replace(shared={ListGroupsRequest: next(iter(TOY.shared.values()))}),
        TOY._replace(shared={JoinGroupRequest: next(iter(TOY.shared.values()))}),
        TOY._replace(records={1: TOY.records[77]}),
        TOY._replace(records={5: TOY.records[77]}),
        TOY._replace(timers={"session": TOY.timers["bored"]}),
        TOY._replace(by_commit=ClassicGroup),
    ],
)
def test_two_kinds_do_not_share_a_row(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later of the two would silently take what is the other's."""
    monkeypatch.setattr(shard, "KINDS", (*shard.KINDS[:-1], kind))
    with pytest.raises(ValueError):  # noqa: PT011
        every_kind()


# ---------------------------------------------------------------- in a real node


@pytest.fixture
def apis(monkeypatch: pytest.MonkeyPatch, toys: None) -> None:
    """What any new API takes beside its kind: a handler, and a route to it."""
    routes = list(ROUTES)
    for key in (68, 69):
        module: Any = ModuleType(f"ottla.broker.handlers.toy_{key}")
        module.handle = lambda context, asked: context.groups.submit(as_ask(asked))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        routes.append(Route(key, f"toy_{key}"))
    monkeypatch.setattr(Router.__init__, "__defaults__", (tuple(routes),))


@pytest.mark.parametrize("groups", [["g"], ["g", "h", "i"]])
def test_a_fault_at_the_end_of_an_answer_costs_its_connection_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: list[str]
) -> None:
    """One client's request that a handler has not thought of would stop the node for everybody,
    if the handler fails as the answer is made whole and not before.
    """

    def broken(response: Any) -> Any:
        raise ValueError("a fault of ours")

    def handle(context: Any, asked: Any) -> None:
        context.groups.submit(as_ask(asked, finish=broken))

    properties = {"offsets.topic.num.partitions": 3}
    with ottla.Broker(dir=tmp_path / "data", config=properties) as broker:
        line = Line(broker.port)
        line.ask(FindCoordinatorRequest(coordinator_keys=groups), 4)
        described = DescribeGroupsRequest(groups=groups)
        eventually(
            lambda: {one.error_code for one in line.ask(described, 0).groups} == {0}, "groups"
        )
        monkeypatch.setattr(describe_groups, "handle", handle)
        monkeypatch.setattr(broker._node._engine.desk._router, "_handlers", {})
        with pytest.raises(Closed):
            line.ask(described, 0)
        assert Line(broker.port).ask(HeartbeatRequest(group_id="g"), 0).error_code
        assert line.ask(ListGroupsRequest(), 0).groups == []


def set_interval(line: Line, group_id: str, value: str | None) -> int:
    config = AlterableConfig(name=INTERVAL, config_operation=0 if value else 1, value=value)
    resource = AlterConfigsResource(
        resource_type=GROUP_RESOURCE, resource_name=group_id, configs=[config]
    )
    answer = line.ask(IncrementalAlterConfigsRequest(resources=[resource]), 1)
    code: int = answer.responses[0].error_code
    return code


@pytest.mark.usefixtures("apis")
def test_a_second_kind_lives_in_a_real_node(tmp_path: Path) -> None:
    """A kind would be served by its shard, and never hear from the node around it: no partition
    that was added, and no config that an administrator changed while it runs.
    """
    properties = {"offsets.topic.num.partitions": 3}
    with ottla.Broker(dir=tmp_path / "data", config=properties) as broker:
        line = Line(broker.port)
        topic = CreatableTopic(name="t", num_partitions=2, replication_factor=1)
        assert line.ask(CreateTopicsRequest(topics=[topic]), 7).topics[0].error_code == 0
        keys = ["g", "h", "i"]
        line.ask(FindCoordinatorRequest(coordinator_keys=keys), 4)

        def loaded() -> bool:
            return all(line.ask(beat(key), 1).error_code == 0 for key in keys)

        eventually(loaded, "the shards are loaded")
        first = line.ask(beat("g"), 1)
        assert (first.member_epoch, partitions_of(first)) == (1, [0, 1])
        assert first.heartbeat_interval_ms == 5000
        grown_topic = CreatePartitionsTopic(name="t", count=3, assignments=None)
        more = CreatePartitionsRequest(topics=[grown_topic])
        assert line.ask(more, 3).results[0].error_code == 0
        grown = line.ask(beat("g"), 1)
        assert (grown.member_epoch, partitions_of(grown)) == (2, [0, 1, 2])
        assert set_interval(line, "g", "6000") == 0
        own = line.ask(beat("g"), 1)
        assert (own.member_epoch, own.heartbeat_interval_ms) == (3, 6000)
        assert line.ask(beat("h"), 1).heartbeat_interval_ms == 5000
        described = line.ask(ConsumerGroupDescribeRequest(group_ids=["i", "g", "x"]), 1).groups
        assert [(one.group_id, one.error_code, one.group_epoch) for one in described] == [
            ("i", 0, 2),
            ("g", 0, 3),
            ("x", ErrorCode.GROUP_ID_NOT_FOUND, 0),
        ]
        assert set_interval(line, "g", None) == 0
        assert line.ask(beat("g"), 1).heartbeat_interval_ms == 5000
