"""What lies in a partition of `__consumer_offsets`, or keeps it from being read, ends at most that
partition, mostly a record: never a start, and never what comes after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordinators.world import World
from ottla.coordinators import runtime
from ottla.coordinators.group.config import GroupConfig
from ottla.wire.errors import ErrorCode
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
from ottla.wire.records import Record, build_batch, control_batch
from ottla.wire.schema import encode
from ottla.wire.stored.frame import CONSUMER_OFFSETS, encode_coordinator
from ottla.wire.stored.groups import (
    ConsumerGroupMemberMetadataKey,
    ConsumerGroupMetadataKey,
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
)
from ottla.wire.stored.offsets import (
    LegacyOffsetCommitKey,
    LegacyOffsetCommitValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from ottla.wire.stored.share import ShareGroupMemberMetadataKey
from ottla.wire.stored.streams import StreamsGroupTopologyKey

CONFIG = GroupConfig(initial_rebalance_delay_ms=0, offsets_retention_check_interval_ms=600_000)
MINUTE_MS = 60_000


def world_of(*batches: bytes, config: GroupConfig = CONFIG) -> World:
    """A broker that finds these batches in the one partition."""
    world = World(config, partitions=1)
    for batch in batches:
        world.log.append(CONSUMER_OFFSETS, 0, batch)
    world.boot()
    return world


def record(key: bytes | None, value: bytes | None) -> bytes:
    return build_batch([Record(key, value)])


def committed(world: World, group_id: str, topic: str = "t") -> Any:
    """What an OffsetFetch of all says, or its error."""
    answers: list[Any] = []
    world.groups.offset_fetch(
        OffsetFetchRequestGroup(group_id=group_id, topics=None),
        world.asker(9),
        answers.append,
        require_stable=False,
    )
    world.settle()
    (answer,) = answers
    if answer.error_code:
        return ErrorCode(answer.error_code)
    return {one.name: one.partitions[0].committed_offset for one in answer.topics}.get(topic)


def commit(world: World, group_id: str = "after", offset: int = 7) -> list[Any]:
    """One commit; the answers so far, and those that come."""
    answers: list[Any] = []
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
    topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
    request = OffsetCommitRequest(group_id=group_id, topics=[topic])
    world.groups.offset_commit(request, world.asker(9), answers.append)
    world.settle()
    return answers


def codes(answers: list[Any]) -> list[ErrorCode]:
    return [ErrorCode(answer.topics[0].partitions[0].error_code) for answer in answers]


OFFSET = encode_coordinator(OffsetCommitKey(group="good", topic="t", partition=0))
FIVE = encode_coordinator(OffsetCommitValue(offset=5), 4)
GOOD = record(OFFSET, FIVE)


def member(member_id: str, instance_id: str | None = None, **fields: Any) -> MemberMetadata:
    return MemberMetadata(member_id=member_id, group_instance_id=instance_id, **fields)


def group_value(version: int = 3, **fields: Any) -> bytes:
    stored = GroupMetadataValue(protocol_type="consumer", protocol="range", **fields)
    return encode_coordinator(stored, version)


GROUP = encode_coordinator(GroupMetadataKey(group="g"))
LONG_LEADER = (
    b"\0\4\x09consumer\0\0\0\1\x06range" + b"\xc1\xb8\x02" + b"x" * 40_000 + bytes(8) + b"\1\0"
)
"""Of the version whose strings may be longer than those of the version that is written."""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (bytes.fromhex("00020001ff"), b""),
        (bytes.fromhex("00030001ff"), b"x"),
        (bytes.fromhex("00080001ff"), None),
        (bytes.fromhex("0003ffff"), b"x"),
        (bytes.fromhex("00037fff"), b"x"),
        (b"", b"x"),
        (b"\0", None),
        (b"\x00\x01", FIVE),
        (OFFSET + b"\0", FIVE),
        (OFFSET, b""),
        (OFFSET, b"\0"),
        (OFFSET, b"\x00\x05" + FIVE[2:]),
        (OFFSET, b"\xff\xff" + FIVE[2:]),
        (b"\x00\x63", b"x"),
        (b"\xff\xff\xff", b"x"),
        (None, b"x"),
        (None, None),
        (GROUP, b"\x00\x09"),
        (GROUP, group_value(members=[member("m"), member("m")])),
        (GROUP, group_value(members=[member("m", "i"), member("n", "i")])),
        (GROUP, LONG_LEADER),
    ],
)
def test_a_record_that_cannot_be_understood_is_left_out(
    key: bytes | None, value: bytes | None
) -> None:
    """Whoever may write into the topic could keep the node from ever starting again."""
    world = world_of(record(key, value), GOOD)
    assert committed(world, "good") == 5
    assert codes(commit(world)) == [ErrorCode.NONE]
    (line,) = world.reports
    assert line.startswith(f"{CONSUMER_OFFSETS}-0: the record at offset 0 can't be understood")


def test_a_group_keeps_what_was_understood_of_it() -> None:
    """A record that is left out would take with it what was known before."""
    good = group_value(generation=4, leader="m", members=[member("m")])
    world = world_of(record(GROUP, good), record(GROUP, group_value(members=[member("x")] * 2)))
    group = world.shard("g").groups["g"]
    assert (group.generation_id, list(group.members)) == (4, ["m"])


def test_records_that_cannot_be_understood_are_named_once() -> None:
    """A million of them would fill the disk with lines, and again at every reload."""
    world = world_of(*[record(b"\xff\xff", b"x")] * 100, GOOD)
    assert len(world.reports) == runtime.SKIPS_NAMED_MAX + 1
    assert "90 more records" in world.reports[-1]
    world.reports.clear()
    world.runtime.elected(0)
    world.settle()
    assert committed(world, "good") == 5
    assert world.reports == []


def test_markers_of_transactions_that_wrote_nothing() -> None:
    """A marker or a tombstone for what is not there would stop the load."""
    marker = {"timestamp_ms": 0, "producer_epoch": 0, "transactional": True}
    pending = build_batch(
        [Record(OFFSET, encode_coordinator(OffsetCommitValue(offset=9), 4))],
        producer_id=4,
        producer_epoch=0,
        transactional=True,
    )
    world = world_of(
        control_batch(1, bytes(6), producer_id=3, **marker),
        control_batch(0, bytes(6), producer_id=3, **marker),
        control_batch(77, bytes(6), producer_id=4, **marker),
        build_batch(
            [Record(b"\0", b"")],
            control=True,
            transactional=True,
            producer_id=3,
            producer_epoch=0,
        ),
        record(OFFSET, None),
        record(GROUP, None),
        GOOD,
        pending,
        record(OFFSET, None),
        control_batch(1, bytes(6), producer_id=4, **marker),
        GOOD,
    )
    assert committed(world, "good") == 5


# ---------------------------------------------------------------- whatever bytes there are

INT32 = st.sampled_from([-(1 << 31), -1, 0, 1, 300, 6000, (1 << 31) - 1])
INT64 = st.sampled_from([-(1 << 63), -1, 0, 1, 1_000_000, (1 << 63) - 1])
NAMES = st.sampled_from(["", "g", "h", "good", "m", "n", "x" * 300, "ü", "\0"])
GROUPS = st.sampled_from(["g", "g", "h", "h", "good", "", "ü"])
MAYBE = st.one_of(st.none(), NAMES)
SUBSCRIPTIONS = st.one_of(
    st.binary(max_size=12),
    st.just(b"\0\0\0\0\0\1\0\1t\xff\xff\xff\xff"),
    st.just(b"\0\0\x7f\xff\xff\xff"),
    st.just(b"\xff\xff\0\0\0\0"),
)
MEMBERS = st.lists(
    st.builds(
        MemberMetadata,
        member_id=NAMES,
        group_instance_id=MAYBE,
        client_id=NAMES,
        client_host=NAMES,
        rebalance_timeout=INT32,
        session_timeout=INT32,
        subscription=SUBSCRIPTIONS,
        assignment=st.binary(max_size=4),
    ),
    max_size=3,
)
GROUP_VALUES = st.builds(
    encode_coordinator,
    st.builds(
        GroupMetadataValue,
        protocol_type=st.sampled_from(["", "consumer", "connect"]),
        generation=INT32,
        protocol=st.sampled_from([None, "", "range"]),
        leader=MAYBE,
        current_state_timestamp=INT64,
        members=MEMBERS,
    ),
    st.sampled_from([3, 4]),
)
OFFSET_VALUES = st.builds(
    encode_coordinator,
    st.builds(
        OffsetCommitValue,
        offset=INT64,
        leader_epoch=INT32,
        metadata=NAMES,
        commit_timestamp=INT64,
        topic_id=st.sampled_from([bytes(16), b"\1" * 16]),
    ),
    st.sampled_from([3, 4]),
)
EXPIRING_VALUES = st.builds(
    encode_coordinator,
    st.builds(OffsetCommitValue, offset=INT64, commit_timestamp=INT64, expire_timestamp=INT64),
    st.just(1),
)
LEGACY_VALUES = st.builds(
    encode_coordinator,
    st.builds(LegacyOffsetCommitValue, offset=INT64, metadata=NAMES, commit_timestamp=INT64),
)
KEYS = st.one_of(
    st.builds(GroupMetadataKey, group=NAMES),
    st.builds(OffsetCommitKey, group=NAMES, topic=NAMES, partition=INT32),
    st.builds(LegacyOffsetCommitKey, group=NAMES, topic=NAMES, partition=INT32),
    st.builds(ConsumerGroupMetadataKey, group_id=NAMES),
    st.builds(ConsumerGroupMemberMetadataKey, group_id=NAMES, member_id=NAMES),
    st.builds(ShareGroupMemberMetadataKey, group_id=NAMES, member_id=NAMES),
    st.builds(StreamsGroupTopologyKey, group_id=NAMES),
).map(encode_coordinator)


def _mutated(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    """Some bytes of it are others; an edit past the end cuts it there or makes it longer."""
    changed = bytearray(data)
    for at, byte in edits:
        if at < len(changed):
            changed[at] = byte
        elif byte < 128:
            del changed[byte:]
        else:
            changed.append(byte)
    return bytes(changed)


EDITS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3)
VALUES = st.one_of(GROUP_VALUES, OFFSET_VALUES, EXPIRING_VALUES, LEGACY_VALUES)
MATCHED = st.one_of(
    st.tuples(st.builds(GroupMetadataKey, group=GROUPS).map(encode_coordinator), GROUP_VALUES),
    st.tuples(
        st.builds(OffsetCommitKey, group=GROUPS, topic=NAMES, partition=INT32).map(
            encode_coordinator
        ),
        st.one_of(OFFSET_VALUES, EXPIRING_VALUES),
    ),
)
PAIRS = st.one_of(
    MATCHED,
    MATCHED,
    st.tuples(KEYS, st.one_of(st.none(), VALUES)),
    st.tuples(
        st.builds(_mutated, KEYS, EDITS), st.one_of(st.none(), st.builds(_mutated, VALUES, EDITS))
    ),
    st.tuples(st.one_of(st.none(), st.binary(max_size=12)), st.one_of(st.none(), st.binary())),
)


def _batch(pairs: list[tuple[bytes | None, bytes | None]], producer_id: int) -> bytes:
    return build_batch(
        [Record(key, value) for key, value in pairs],
        producer_id=producer_id,
        producer_epoch=-1 if producer_id < 0 else 0,
        transactional=producer_id >= 0,
    )


BATCHES = st.one_of(
    st.builds(_batch, st.lists(PAIRS, min_size=1, max_size=4), st.sampled_from([-1, -1, -1, 5, 6])),
    st.builds(
        lambda kind, producer_id: control_batch(
            kind,
            bytes(6),
            timestamp_ms=0,
            producer_id=producer_id,
            producer_epoch=0,
            transactional=True,
        ),
        st.sampled_from([0, 1, 1, 9]),
        st.sampled_from([5, 6, 7]),
    ),
)


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
        group = self.world.shard("g").groups.get(group_id)
        members = [*group.members][:2] if group is not None else []
        for member_id in [*members, "", "nobody"]:
            generation = 0 if group is None else group.generation_id
            instance_id = None
            if group is not None and member_id in group.members:
                instance_id = group.members[member_id].instance_id
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
                    OffsetFetchRequestGroup(group_id=group_id, topics=None),
                    asker,
                    done,
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
        self.world.groups.topics_deleted({"t": b"\1" * 16})
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


def test_the_last_generation_is_followed_by_the_first() -> None:
    """A group whose generation is the largest number could never rebalance again."""
    last = group_value(
        generation=(1 << 31) - 1, leader="m", members=[member("m", session_timeout=10_000)]
    )
    world = world_of(record(GROUP, last))
    answers: list[Any] = []
    request = LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id="m")])
    world.groups.leave_group(request, world.asker(5), answers.append)
    world.settle()
    assert [one.error_code for one in answers] == [0]
    assert world.shard("g").groups["g"].generation_id == 1


# ---------------------------------------------------------------- logs that can't be read


def test_a_partition_that_is_not_open_costs_its_own_groups_only() -> None:
    """One folder that can't be opened would keep the whole node from starting."""
    world = World(CONFIG, partitions=2)
    lost = world.groups.partition_for("g")
    assert world.groups.partition_for("h") != lost
    assert codes(commit(world, "g")) == codes(commit(world, "h")) == [ErrorCode.NONE]
    world.log.closed.add(lost)
    world.boot()
    assert committed(world, "g") == ErrorCode.NOT_COORDINATOR
    assert committed(world, "h") == 7
    assert [f"{CONSUMER_OFFSETS}-{lost} is not open" in line for line in world.reports] == [True]
    assert not world.groups.serves(lost)
    assert world.groups.serves(1 - lost)
    timers = world.timers()
    world.advance(10 * MINUTE_MS)
    assert world.timers() == timers, "nobody asks for a log that is not open"
    world.log.closed.clear()
    world.runtime.elected(lost)
    world.settle()
    assert committed(world, "g") == 7
    assert world.groups.serves(lost)


def test_a_read_error_while_loading_is_tried_again_with_back_off() -> None:
    """One bad moment of a disk would take a partition's groups away until a restart."""
    world = World(CONFIG, partitions=2)
    lost = world.groups.partition_for("g")
    assert codes(commit(world, "g")) == codes(commit(world, "h")) == [ErrorCode.NONE]
    world.log.unreadable[lost] = 0
    world.boot()
    assert committed(world, "g") == ErrorCode.NOT_COORDINATOR
    assert committed(world, "h") == 7
    reads = 0
    read = world.log.read

    def counting(*args: Any, **more: Any) -> bytes:
        nonlocal reads
        reads += args[1] == lost
        return read(*args, **more)

    world.log.read = counting  # type: ignore[method-assign]
    world.advance(60 * MINUTE_MS)
    assert 60 <= reads <= 70, "once a minute, after it was tried sooner"
    assert len(world.reports) == 1
    world.log.unreadable.clear()
    world.advance(MINUTE_MS)
    assert committed(world, "g") == 7


def test_a_partition_that_is_given_away_is_not_tried_again() -> None:
    """A broker would take up groups that another coordinates."""
    world = World(CONFIG, partitions=1)
    assert codes(commit(world)) == [ErrorCode.NONE]
    world.log.unreadable[0] = 0
    world.boot()
    world.runtime.resigned(0)
    world.log.unreadable.clear()
    world.advance(10 * MINUTE_MS)
    assert committed(world, "after") == ErrorCode.NOT_COORDINATOR


def test_a_log_start_that_moves_while_it_loads() -> None:
    """DeleteRecords during a load would leave the shard half loaded for ever."""
    world = World(CONFIG, partitions=1)
    for offset in range(3):
        assert codes(commit(world, f"g{offset}", offset)) == [ErrorCode.NONE]
    world.loads = False
    world.boot()
    world.log.starts[0] = 2
    world.loads = True
    world.settle()
    assert world.shard("g2") is None
    world.advance(runtime.RETRY_MS_MIN)
    assert committed(world, "g2") == 2
    assert committed(world, "g0") is None


def test_what_is_above_the_high_watermark_is_loaded_and_held_back() -> None:
    """A new leader would have forgotten acknowledged commits, or tell what may be lost."""
    world = World(CONFIG, partitions=1)
    assert codes(commit(world, "g", 1)) == [ErrorCode.NONE]
    world.log.held = True
    before = commit(world, "g", 2)
    assert before == []
    world.boot()
    assert world.shard("g").offsets.get("g", "t", 0).offset == 2
    answers: list[Any] = []
    world.groups.offset_fetch(
        OffsetFetchRequestGroup(group_id="g", topics=None),
        world.asker(9),
        answers.append,
        require_stable=False,
    )
    world.settle()
    assert answers == []
    world.log.marks[0] = world.log.ends[0]
    world.settle()
    assert [one.topics[0].partitions[0].committed_offset for one in answers] == [2]


def test_nothing_to_read_below_the_end_is_not_the_end() -> None:
    """A log that hides what lies above the high watermark would count as loaded."""
    world = World(CONFIG, partitions=1)
    assert codes(commit(world, "g", 1)) == [ErrorCode.NONE]
    world.log.held = True
    commit(world, "g", 2)
    read = world.log.read
    world.log.read = lambda *args, to_log_end=False: read(*args)  # type: ignore[method-assign]
    world.boot()
    assert world.shard("g") is None
    assert committed(world, "g") == ErrorCode.NOT_COORDINATOR
    world.log.marks[0] = world.log.ends[0]
    world.advance(runtime.RETRY_MS_MIN)
    assert committed(world, "g") == 2


def test_a_log_whose_last_records_were_cleaned_away() -> None:
    """A folder of an Apache Kafka, whose cleaner took the last records, would never load."""
    world = World(CONFIG, partitions=1)
    assert codes(commit(world, "g", 1)) == [ErrorCode.NONE]
    world.log.ends[0] = world.log.marks[0] = 100
    world.boot()
    assert committed(world, "g") == 1
    assert codes(commit(world, "g", 2)) == [ErrorCode.NONE]
    world.boot()
    assert committed(world, "g") == 2


def test_a_load_ends_where_the_log_ended_when_it_began() -> None:
    """Whoever writes faster than a shard loads would keep its groups from ever being served."""
    world = World(CONFIG, partitions=1)
    assert codes(commit(world, "g", 1)) == [ErrorCode.NONE]
    read = world.log.read

    def writing(*args: Any, **more: Any) -> bytes:
        world.log.append(CONSUMER_OFFSETS, 0, record(b"\xff\xff", b""))
        return read(*args, **more)

    world.log.read = writing  # type: ignore[method-assign]
    world.boot()
    assert world.log.ends[0] == 2
    assert committed(world, "g") == 1


def test_a_turn_loads_a_piece() -> None:
    """A large partition would keep all other requests waiting until it is loaded."""
    key = b"\xff\xff"
    batch = build_batch([Record(key, b"")] * 10_000)
    world = World(CONFIG, partitions=1)
    for _ in range(3):
        world.log.append(CONSUMER_OFFSETS, 0, batch)
    world.loads = False
    world.boot()
    steps = 1
    while world.runtime.step():
        steps += 1
    assert steps >= 6
    assert committed(world, "g") is None


def test_a_timer_that_fails_has_its_shard_loaded_again() -> None:
    """A fault in one rule of groups would end the node."""
    world = World(CONFIG, partitions=1)
    shard = world.shard("g")
    shard.groups["g"] = object()
    world.advance(CONFIG.offsets_retention_check_interval_ms)
    assert world.shard("g") is None
    assert "AttributeError" in world.reports[-1]
    world.advance(runtime.RETRY_MS_MIN)
    assert world.shard("g") is not shard
    assert codes(commit(world)) == [ErrorCode.NONE]
