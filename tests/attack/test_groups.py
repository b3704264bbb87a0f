"""What clients ask of groups, and what others wrote into their topic, against a running node."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ottla
from attack.line import Line
from ottla.coordinators.key_partition import partition_for
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.delete_topics import DeleteTopicsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.messages.sync_group import SyncGroupRequest
from ottla.wire.records import Record, build_batch
from ottla.wire.stored.frame import CONSUMER_OFFSETS, encode_coordinator
from ottla.wire.stored.groups import GroupMetadataKey, GroupMetadataValue, MemberMetadata
from ottla.wire.stored.offsets import OffsetCommitKey, OffsetCommitValue
from servers import eventually

PARTITIONS = 4
CONFIG = {"offsets.topic.num.partitions": str(PARTITIONS)}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ottla.Broker]:
    """A broker with a folder that can be found again, and a topic to commit to."""
    with ottla.Broker(dir=tmp_path / "data", config=CONFIG) as found:
        make_topic(found, "t")
        yield found


def make_topic(broker: ottla.Broker, name: str, partitions: int = 1) -> None:
    topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)
    line = Line(broker.port)
    answer = line.ask(CreateTopicsRequest(topics=[topic]), 7)
    assert [one.error_code for one in answer.topics] == [0]
    line.close()


def test_a_group_that_is_named_twice(broker: ottla.Broker) -> None:
    """One OffsetFetch would stop the node: a group that is named twice, each time by another
    member, would be asked for once and missed in the answer. Or a few bytes, sent again and again
    by other members, would have all told that is committed, as often as they say.
    """
    names = ["g", "h", "i"]
    eventually(
        lambda: all(coordinator_error(broker, name) == 0 for name in names), "groups are here"
    )
    line = Line(broker.port)
    asked = [
        OffsetFetchRequestGroup(group_id=name, member_id=member, member_epoch=epoch, topics=None)
        for member, epoch in ((None, -1), ("a", 1), ("b", 1), ("b", 2))
        for name in names
    ]
    for groups in (asked, asked[::3], asked[:2] + asked[::3]):
        rows = line.ask(OffsetFetchRequest(groups=groups), 9).groups
        once = list(
            dict.fromkeys((one.group_id, one.member_id, one.member_epoch) for one in groups)
        )
        first = {group: (group, member, epoch) for group, member, epoch in reversed(once)}
        codes = [0 if one == first[one[0]] else ErrorCode.INVALID_REQUEST for one in once]
        assert [(one.group_id, one.error_code) for one in rows] == [
            (one[0], code) for one, code in zip(once, codes, strict=True)
        ]


def coordinator_error(broker: ottla.Broker, group_id: str) -> ErrorCode:
    line = Line(broker.port)
    answer = line.ask(FindCoordinatorRequest(coordinator_keys=[group_id]), 6)
    line.close()
    return ErrorCode(answer.coordinators[0].error_code)


def commit(broker: ottla.Broker, group_id: str, offset: int = 5) -> ErrorCode:
    """Commit one offset; while the group's part of the topic loads, ask again."""
    line = Line(broker.port)
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
    topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
    request = OffsetCommitRequest(group_id=group_id, topics=[topic])
    found = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS

    def loaded() -> bool:
        nonlocal found
        answer = line.ask(request, 9)
        found = ErrorCode(answer.topics[0].partitions[0].error_code)
        return found != ErrorCode.COORDINATOR_LOAD_IN_PROGRESS

    eventually(loaded, f"the group {group_id} is loaded")
    line.close()
    return found


def committed(broker: ottla.Broker, group_id: str) -> Any:
    """The offset that was committed, or the error; while it loads, ask again."""
    line = Line(broker.port)
    group = OffsetFetchRequestGroup(group_id=group_id, topics=None)
    answers: list[Any] = []

    def loaded() -> bool:
        answers.append(line.ask(OffsetFetchRequest(groups=[group]), 8).groups[0])
        return answers[-1].error_code != ErrorCode.COORDINATOR_LOAD_IN_PROGRESS

    eventually(loaded, f"the group {group_id} is loaded")
    line.close()
    if answers[-1].error_code:
        return ErrorCode(answers[-1].error_code)
    return answers[-1].topics[0].partitions[0].committed_offset if answers[-1].topics else None


def join_request(group_id: str = "g", member_id: str = "", **fields: Any) -> JoinGroupRequest:
    protocols = [JoinGroupRequestProtocol(name="range", metadata=b"")]
    settings = {"session_timeout_ms": 6000, "rebalance_timeout_ms": 0, "protocols": protocols}
    return JoinGroupRequest(
        group_id=group_id, member_id=member_id, protocol_type="consumer", **{**settings, **fields}
    )


def describe(broker: ottla.Broker, group_id: str = "g") -> Any:
    line = Line(broker.port)
    (found,) = line.ask(DescribeGroupsRequest(groups=[group_id]), 5).groups
    line.close()
    return found


def is_alive(broker: ottla.Broker) -> bool:
    """Whether somebody else is answered, and what the decision thread decides."""
    line = Line(broker.port)
    assert line.ask(ApiVersionsRequest(), 0).error_code == 0
    described = line.ask(DescribeGroupsRequest(groups=["somebody-else"]), 5)
    line.close()
    return len(described.groups) == 1


def test_a_round_of_static_members_without_any_patience(broker: ottla.Broker) -> None:
    """Two clients could keep the node at 100 % of a processor and from every decision for ever."""
    assert coordinator_error(broker, "g") == ErrorCode.NONE
    eventually(lambda: committed(broker, "g") is None, "the group's part of the topic is loaded")
    a, b = Line(broker.port), Line(broker.port)
    patient = {"rebalance_timeout_ms": 60_000}
    first = a.ask(join_request(**patient), 3)
    b.send(join_request(group_instance_id="two", **patient), 9)
    eventually(lambda: describe(broker).group_state == "PreparingRebalance", "the other came")
    leader = a.ask(join_request(member_id=first.member_id, **patient), 3)
    static = b.answer()
    assert (leader.leader, leader.generation_id) == (leader.member_id, static.generation_id)
    for line, member in ((a, leader), (b, static)):
        sync = SyncGroupRequest(
            group_id="g", member_id=member.member_id, generation_id=member.generation_id
        )
        assert line.ask(sync, 3).error_code == 0
    assert b.ask(join_request(group_instance_id="two"), 9).error_code == 0
    leave = LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id=leader.member_id)])
    assert a.ask(leave, 5).error_code == 0
    for _ in range(20):
        assert is_alive(broker)
    assert describe(broker).group_state == "PreparingRebalance"
    broker.clock.advance(seconds=10, members="silent")
    assert (describe(broker).group_state, describe(broker).members) == ("Empty", [])


@pytest.mark.parametrize("timeout_ms", [-(1 << 31), -1, 0, 1, (1 << 31) - 1])
def test_timeouts_of_all_kinds(broker: ottla.Broker, timeout_ms: int) -> None:
    """A timeout that nobody thought of would stop the node, or leave members unanswered."""
    assert coordinator_error(broker, "g") == ErrorCode.NONE
    eventually(lambda: committed(broker, "g") is None, "the group's part of the topic is loaded")
    lines = []
    for number, instance_id in enumerate((None, "one", "two")):
        line = Line(broker.port)
        line.send(
            join_request(rebalance_timeout_ms=timeout_ms, group_instance_id=instance_id),
            9 if number else 3,
        )
        lines.append(line)
    odd = Line(broker.port)
    refused = odd.ask(join_request("h", session_timeout_ms=timeout_ms), 3)
    assert refused.error_code == ErrorCode.INVALID_SESSION_TIMEOUT
    topic = OffsetCommitRequestTopic(
        name="t", partitions=[OffsetCommitRequestPartition(partition_index=0, committed_offset=1)]
    )
    kept = OffsetCommitRequest(group_id="kept", topics=[topic], retention_time_ms=timeout_ms)
    assert odd.ask(kept, 4).topics[0].partitions[0].error_code == 0
    broker.advance(30)
    for line in lines:
        assert line.answer().error_code in (ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID)
    broker.advance(30 * 24 * 3600)
    assert is_alive(broker)


def test_who_leaves_before_the_first_round_is_over_leaves_nothing_behind(tmp_path: Path) -> None:
    """The next member would be told INCONSISTENT_GROUP_PROTOCOL until the delay is over."""
    config = {**CONFIG, "group.initial.rebalance.delay.ms": "1500"}
    with ottla.Broker(dir=tmp_path / "data", config=config) as broker:
        make_topic(broker, "t")
        assert coordinator_error(broker, "g") == ErrorCode.NONE
        eventually(lambda: committed(broker, "g") is None, "the group is loaded")
        first, second, admin = (Line(broker.port) for _ in range(3))
        given = first.ask(join_request(rebalance_timeout_ms=60_000), 9)
        assert given.error_code == ErrorCode.MEMBER_ID_REQUIRED
        first.send(join_request(member_id=given.member_id, rebalance_timeout_ms=60_000), 9)
        leave = LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id=given.member_id)])
        eventually(lambda: describe(broker).members, "the first member has joined")
        assert admin.ask(leave, 5).error_code == 0
        assert first.answer().error_code == ErrorCode.UNKNOWN_MEMBER_ID
        other = [JoinGroupRequestProtocol(name="another", metadata=b"")]
        second.send(join_request(rebalance_timeout_ms=60_000, protocols=other), 3)
        answer = second.answer()
        assert (answer.error_code, answer.protocol_name) == (0, "another")


# ---------------------------------------------------------------- what others wrote


def write(broker: ottla.Broker, partition: int, key: bytes | None, value: bytes | None) -> None:
    """Produce into the internal topic, as Apache Kafka's administration client may."""
    line = Line(broker.port, "__admin_client")
    rows = [PartitionProduceData(index=partition, records=build_batch([Record(key, value)]))]
    request = ProduceRequest(
        acks=-1,
        timeout_ms=5000,
        topic_data=[TopicProduceData(name=CONSUMER_OFFSETS, partition_data=rows)],
    )
    answer = line.ask(request, 9)
    assert answer.responses[0].partition_responses[0].error_code == 0
    line.close()


def test_whatever_is_written_into_the_topic_does_not_keep_the_node_from_starting(
    tmp_path: Path,
) -> None:
    """One record of a stranger would brick the folder: every later start would die of it."""
    with ottla.Broker(dir=tmp_path / "data", config=CONFIG) as broker:
        make_topic(broker, "t")
        assert coordinator_error(broker, "g") == ErrorCode.NONE
        assert commit(broker, "g", 5) == ErrorCode.NONE
        twice = GroupMetadataValue(
            protocol_type="consumer",
            generation=1,
            protocol="range",
            leader="m",
            members=[MemberMetadata(member_id="m", session_timeout=6000)] * 2,
        )
        stored = encode_coordinator(GroupMetadataKey(group="g"))
        for partition in range(PARTITIONS):
            write(broker, partition, bytes.fromhex("00020001ff"), b"")
            write(broker, partition, bytes.fromhex("00080001ff"), b"\xff")
            write(broker, partition, b"", b"")
            write(broker, partition, stored, encode_coordinator(twice, 3))
            write(broker, partition, b"\x7f\xff", None)
    for end in (ottla.Broker.close, ottla.Broker.kill):
        broker = ottla.Broker(dir=tmp_path / "data", config=CONFIG).start()
        for group_id in ("g", "h", "i", "j", "k"):
            assert coordinator_error(broker, group_id) == ErrorCode.NONE
            assert commit(broker, group_id, 6) == ErrorCode.NONE
        joined = Line(broker.port).ask(join_request("g", rebalance_timeout_ms=60_000), 3)
        assert joined.error_code == 0
        beat = HeartbeatRequest(
            group_id="g", member_id=joined.member_id, generation_id=joined.generation_id
        )
        assert Line(broker.port).ask(beat, 4).error_code == 0
        end(broker)


def test_offsets_of_topics_that_went_while_nobody_led_their_partition(tmp_path: Path) -> None:
    """The consumers of a namesake would begin where those of the topic before it had been."""
    value = encode_coordinator(OffsetCommitValue(offset=5), 4)
    with ottla.Broker(dir=tmp_path / "data", config=CONFIG) as broker:
        make_topic(broker, "t")
        for group_id in ("g", "h"):
            assert coordinator_error(broker, group_id) == ErrorCode.NONE
        for group_id, topic in (("g", "gone"), ("h", "t")):
            key = encode_coordinator(OffsetCommitKey(group=group_id, topic=topic, partition=0))
            write(broker, partition_for(group_id, PARTITIONS), key, value)
    with ottla.Broker(dir=tmp_path / "data", config=CONFIG) as broker:
        assert committed(broker, "h") == 5
        assert committed(broker, "g") is None


# ---------------------------------------------------------------- a partition that is not there


def test_a_partition_that_cannot_be_opened_costs_its_own_groups_only(tmp_path: Path) -> None:
    """One bad folder of the topic would stop the whole node; or its groups would stay away after
    it is mended.
    """
    folder = tmp_path / "data"
    groups = {partition_for(f"g{n}", PARTITIONS): f"g{n}" for n in range(40)}
    with ottla.Broker(dir=folder, config=CONFIG) as broker:
        make_topic(broker, "t")
        for group_id in groups.values():
            assert coordinator_error(broker, group_id) == ErrorCode.NONE
            assert commit(broker, group_id, 5) == ErrorCode.NONE
    lost = 2
    place = folder / f"{CONSUMER_OFFSETS}-{lost}"
    shutil.move(place, tmp_path / "kept")
    place.write_bytes(b"this is no folder")
    with ottla.Broker(dir=folder, config=CONFIG) as broker:
        for partition, group_id in groups.items():
            if partition == lost:
                assert coordinator_error(broker, group_id) == ErrorCode.COORDINATOR_NOT_AVAILABLE
                assert committed(broker, group_id) == ErrorCode.NOT_COORDINATOR
            else:
                assert coordinator_error(broker, group_id) == ErrorCode.NONE
                assert committed(broker, group_id) == 5
        place.unlink()
        shutil.move(tmp_path / "kept", place)
        eventually(
            lambda: coordinator_error(broker, groups[lost]) == ErrorCode.NONE,
            "the partition is opened again by itself",
        )
        assert committed(broker, groups[lost]) == 5
        assert commit(broker, groups[lost], 6) == ErrorCode.NONE


@pytest.mark.parametrize("partitions", [PARTITIONS, 1])
def test_the_topic_is_deleted_and_made_again_in_one_turn(
    broker: ottla.Broker, partitions: int
) -> None:
    """Every commit would be answered NOT_COORDINATOR until a restart, or be sought in a partition
    that the topic has no more.
    """
    assert partition_for("g", PARTITIONS) > 0
    assert coordinator_error(broker, "g") == ErrorCode.NONE
    assert commit(broker, "g", 5) == ErrorCode.NONE
    node: Any = broker._node
    go_on = threading.Event()
    holder = threading.Thread(target=node._engine.turner.call, args=(lambda: go_on.wait(20),))
    holder.start()
    waiting = node._core.metrics()["request.held"]
    deleter, maker = Line(broker.port), Line(broker.port)
    deleter.send(DeleteTopicsRequest(topic_names=[CONSUMER_OFFSETS], timeout_ms=5000), 5)
    eventually(
        lambda: node._core.metrics()["request.held"] > waiting, "the first request has come in"
    )
    topic = CreatableTopic(name=CONSUMER_OFFSETS, num_partitions=partitions, replication_factor=1)
    maker.send(CreateTopicsRequest(topics=[topic]), 7)
    eventually(
        lambda: node._core.metrics()["request.held"] > waiting + 1, "and the second one, too"
    )
    go_on.set()
    assert [one.error_code for one in deleter.answer().responses] == [0]
    assert [one.error_code for one in maker.answer().topics] == [0]
    holder.join(20)
    assert committed(broker, "g") is None
    assert commit(broker, "g", 7) == ErrorCode.NONE
    assert committed(broker, "g") == 7
