"""What the group coordinator's parts promise beside the rules of members."""

from __future__ import annotations

from typing import Any

import pytest

from coordinators.world import World
from ottla.coordinators.group.classic.group import ClassicGroup
from ottla.coordinators.group.classic.member import in_hash_map_order
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.shard import KINDS, SHARED, every_kind
from ottla.coordinators.key_partition import partition_for
from ottla.coordinators.questions import WriteMarkers
from ottla.decide import Ask
from ottla.wire.errors import ErrorCode
from ottla.wire.java import java_hash
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.records import read_batches
from ottla.wire.stored.frame import CONSUMER_OFFSETS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("my-group", -1906497762),
        ("polygenelubricants", -2147483648),
        ("größe", 98762257),
        ("🦦", 1772840),
    ],
)
def test_java_hash(text: str, expected: int) -> None:
    """A group would live in another partition than Apache Kafka looks for it in."""
    assert java_hash(text) == expected


def test_partition_of_the_smallest_hash() -> None:
    """Utils.abs makes 0 of Integer.MIN_VALUE; anything else is another partition, or none."""
    assert partition_for("polygenelubricants", 50) == 0


def test_hash_map_order() -> None:
    """Members whose votes tie would be given another protocol than Apache Kafka gives them."""
    names = ["range", "roundrobin", "sticky", "cooperative-sticky"]
    assert in_hash_map_order(names) == ["sticky", "range", "roundrobin", "cooperative-sticky"]
    fifteen = (
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    )
    assert " ".join(in_hash_map_order(fifteen.split())) == (
        "nine fifteen six one seven two three thirteen eight fourteen four twelve eleven ten five"
    )


def test_a_turn_is_one_batch() -> None:
    """Commits that came together would each cost an append of their own."""
    world = World(GroupConfig(), partitions=1)
    for offset in range(20):
        partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
        topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
        request = OffsetCommitRequest(group_id=f"g{offset}", topics=[topic])
        world.groups.offset_commit(request, world.asker(9), lambda response: None)
    world.settle()
    assert [batch.record_count for batch in read_batches(world.log.data[0])] == [20]


def commit_hundred(world: World) -> list[Any]:
    """A hundred groups commit in one turn: what each heard."""
    answers: list[Any] = []
    for offset in range(100):
        partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
        topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
        request = OffsetCommitRequest(group_id=f"g{offset}", topics=[topic])
        world.groups.offset_commit(request, world.asker(9), answers.append)
    world.settle()
    return [answer.topics[0].partitions[0].error_code for answer in answers]


def test_a_turn_that_is_too_large_for_a_batch_is_cut() -> None:
    """A busy turn would be refused by the log as a whole, also when an administrator has lowered
    what it takes.
    """
    world = World(GroupConfig(), partitions=1)
    for most in (1_000_000, 2000, 1000, 4000):
        world.limit(most)
        before = len(world.log.data[0])
        assert commit_hundred(world) == [0] * 100
        batches = read_batches(world.log.data[0][before:])
        assert max(batch.size_bytes for batch in batches) <= most
        assert sum(batch.record_count for batch in batches) == 100
        assert min(1, 8000 // most) < len(batches) < 2 + 30_000 // most
    world.boot()
    assert len(world.shard("g0").state.groups) == 100


def test_a_log_that_takes_less_than_it_said_costs_no_more_than_that_turn() -> None:
    """A limit that the log heard of first would leave in memory what is not in the log."""
    world = World(GroupConfig(), partitions=1)
    world.limit(2000, told=False)
    assert commit_hundred(world) == [-1] * 100
    assert not world.log.data[0]
    world.limit(2000)
    assert commit_hundred(world) == [0] * 100


def test_a_heartbeat_costs_no_timer() -> None:
    """Ten thousand members' heartbeats would fill the timers' heap."""
    world = World(GroupConfig(initial_rebalance_delay_ms=0), partitions=1)
    joined: list[Any] = []
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=10000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
    )
    world.groups.join_group(request, world.asker(3), joined.append)
    world.settle()
    world.wait(0)
    set_before = world.set
    times = 0

    def counting(*args: Any) -> None:
        nonlocal times
        times += 1
        set_before(*args)

    world.set = counting  # type: ignore[method-assign]
    beat = HeartbeatRequest(group_id="g", member_id=joined[0].member_id, generation_id=1)
    for _ in range(100):
        world.groups.heartbeat(beat, world.asker(4), lambda response: None)
        world.advance(10)
    assert times == 0


def test_every_request_that_has_a_row_comes_in_by_the_front_door() -> None:
    """A request that has a rule would not find the way to its shard, and its handler would fail."""
    world = World(GroupConfig())
    kinds = every_kind()
    rows = [*SHARED, *(asked for kind in KINDS for asked in (*kind.begins, *kind.shared))]
    assert len(rows) == 12
    for asked in rows:
        body = WriteMarkers(1, 0, True, 0, 2, ()) if asked is WriteMarkers else asked()
        answers: list[Any] = []
        world.groups.submit(body, world.asker(9), answers.append)
        world.settle()
        response = kinds.refuse(Ask(1, body, 9, "User:alice"), ErrorCode.NONE)
        assert [type(one) for one in answers] == [type(response)]
    with pytest.raises(KeyError):
        world.groups.submit(FindCoordinatorRequest(), world.asker(1), lambda _: None)


def test_markers_go_to_the_partitions_that_they_name() -> None:
    """Transactions would end where nothing of theirs is, or stay open in some partition for ever;
    who writes the markers would hear of what is not known to be done, or in words that mean giving
    up.
    """
    world = World(GroupConfig(), partitions=3)
    world.runtime.resigned(2)

    def ended(producer_id: int, *indexes: int) -> dict[int, int]:
        told: list[Any] = []
        places = tuple((CONSUMER_OFFSETS, index) for index in indexes)
        body = WriteMarkers(producer_id, 7, True, 5, 2, places)
        world.groups.submit(body, world.asker(1), told.append)
        world.settle()
        (answer,) = told
        return {index: answer.errors[topic, index] for topic, index in places}

    def written() -> list[list[int]]:
        return [[one.producer_id for one in read_batches(data)] for data in world.log.data]

    elsewhere = ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert ended(1, 1, 0, 2, 9) == {1: 0, 0: 0, 2: elsewhere, 9: elsewhere}
    assert ended(2, 0) == {0: 0}
    assert written() == [[1, 2], [1], []]
    (first, _) = read_batches(world.log.data[0])
    assert first.is_control
    assert first.producer_epoch == 7
    assert first.records[0].value == b"\0\0\0\0\0\5"
    assert ended(3) == {}
    world.log.failing = True
    assert ended(4, 0) == {0: elsewhere}


def test_requests_for_no_group_at_all_are_answered() -> None:
    """A client that lists the groups of a broker without any would wait for ever."""
    world = World(GroupConfig(), partitions=1)
    world.runtime.resigned(0)
    answers: list[Any] = []
    world.groups.list_groups(ListGroupsRequest(), world.asker(5), answers.append)
    assert [one.groups for one in answers] == [[]]


@pytest.mark.parametrize(
    "field", ["group_id", "group_instance_id", "protocol_type", "protocol", "client_id"]
)
def test_text_that_no_record_can_hold(field: str) -> None:
    """One member with an endless name would make its group's records impossible to write."""
    world = World(GroupConfig(initial_rebalance_delay_ms=0), partitions=1)
    text = "ü" * 20000
    request = JoinGroupRequest(
        group_id=text if field == "group_id" else "g",
        group_instance_id=text if field == "group_instance_id" else "one",
        session_timeout_ms=10000,
        protocol_type=text if field == "protocol_type" else "consumer",
        protocols=[
            JoinGroupRequestProtocol(name=text if field == "protocol" else "range", metadata=b"")
        ],
    )
    answers: list[Any] = []
    asker = world.asker(9, text if field == "client_id" else "c")
    world.groups.join_group(request, asker, answers.append)
    world.settle()
    world.wait(0)
    wanted = {"group_id": ErrorCode.INVALID_GROUP_ID, "client_id": ErrorCode.NONE}
    assert [one.error_code for one in answers] == [wanted.get(field, ErrorCode.INVALID_REQUEST)]


def test_a_broken_decision_reloads_its_shard() -> None:
    """A bug in one rule would leave a half-changed group behind that is then written."""
    world = World(GroupConfig(), partitions=1)
    shard = world.shard("g")
    shard.state.groups["g"] = broken = ClassicGroup("g", 0)
    broken.members = None  # type: ignore[assignment]
    request = HeartbeatRequest(group_id="g", member_id="m", generation_id=1)
    answers: list[Any] = []
    world.groups.heartbeat(request, world.asker(4), answers.append)
    world.settle()
    assert [one.error_code for one in answers] == [ErrorCode.UNKNOWN_SERVER_ERROR]
    assert ["TypeError" in one for one in world.reports] == [True]
    assert world.shard("g") is not shard
    assert world.shard("g").state.groups == {}


def test_a_shard_whose_log_is_damaged() -> None:
    """One damaged partition would stop the node, or serve groups that it knows half of."""
    world = World(GroupConfig(), partitions=2)
    for group_id in ("g", "h"):
        topic = OffsetCommitRequestTopic(name="t", partitions=[OffsetCommitRequestPartition()])
        request = OffsetCommitRequest(group_id=group_id, topics=[topic])
        world.groups.offset_commit(request, world.asker(9), lambda response: None)
    world.settle()
    damaged = world.groups.partition_for("g")
    assert world.groups.partition_for("h") != damaged
    data = world.log.data[damaged]
    world.log.data[damaged] = data[:-1] + bytes([data[-1] ^ 1])
    world.boot()
    assert world.shard("g") is None
    assert world.shard("h").state.groups.keys() == {"h"}
    assert [f"__consumer_offsets-{damaged} can't be used" in one for one in world.reports] == [True]


def test_what_only_times_out_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, thousands of ids that nobody came back with would each have the whole group
    looked through at their end, all in one turn.
    """
    world = World(GroupConfig(), partitions=1)
    protocols = [JoinGroupRequestProtocol(name="range", metadata=b"")]
    join = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=6000,
        rebalance_timeout_ms=600_000,
        protocol_type="consumer",
        protocols=protocols,
    )
    answers: list[Any] = []
    for _ in range(50):
        world.groups.join_group(join, world.asker(4), answers.append)
    world.settle()
    assert [answer.error_code for answer in answers] == [ErrorCode.MEMBER_ID_REQUIRED] * 50
    looks: list[str] = []
    monkeypatch.setattr(ClassicGroup, "check", lambda group: looks.append(group.group_id))
    world.advance(7000)
    assert not world.shard("g").state.groups["g"].pending_joins
    assert len(looks) <= 1


def test_what_holds_for_one_group_alone() -> None:
    """What an administrator says of a group would count for all of them, or for none."""
    world = World(GroupConfig(initial_rebalance_delay_ms=0))
    patient = world.config._replace(session_timeout_ms_max=3_600_000, size_max=1)
    world.configs["patient"] = patient
    protocols = [JoinGroupRequestProtocol(name="range", metadata=b"")]
    found: dict[str, list[Any]] = {"patient": [], "g": []}
    for group_id, answers in found.items():
        for timeout_ms in (3_600_000, 10_000, 10_000):
            join = JoinGroupRequest(
                group_id=group_id,
                session_timeout_ms=timeout_ms,
                rebalance_timeout_ms=1,
                protocol_type="consumer",
                protocols=protocols,
            )
            world.groups.join_group(join, world.asker(3), answers.append)
            world.settle()
    world.advance(10_000)
    codes = {group_id: [one.error_code for one in answers] for group_id, answers in found.items()}
    assert codes["patient"].count(ErrorCode.INVALID_SESSION_TIMEOUT) == 0
    assert codes["patient"].count(ErrorCode.GROUP_MAX_SIZE_REACHED) == 2
    assert codes["g"].count(ErrorCode.INVALID_SESSION_TIMEOUT) == 1
    assert codes["g"].count(ErrorCode.GROUP_MAX_SIZE_REACHED) == 0
