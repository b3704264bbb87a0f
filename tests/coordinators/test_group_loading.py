"""What lies in a partition of `__consumer_offsets`, or keeps it from being read, ends at most that
partition, mostly a record: never a start, and never what comes after.
"""

from __future__ import annotations

from typing import Any

import pytest

from coordinators.world import World
from ottla.coordinators import runtime
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.questions import WriteMarkers
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_fetch import OffsetFetchRequestGroup
from ottla.wire.records import Record, build_batch, control_batch
from ottla.wire.stored.frame import CONSUMER_OFFSETS, encode_coordinator
from ottla.wire.stored.groups import (
    ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue,
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
)
from ottla.wire.stored.offsets import (
    OffsetCommitKey,
    OffsetCommitValue,
)

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
        [OffsetFetchRequestGroup(group_id=group_id, topics=None)],
        world.asker(9),
        answers.extend,
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
    group = world.shard("g").state.groups["g"]
    assert (group.generation_id, list(group.members)) == (4, ["m"])


def test_records_that_cannot_be_understood_are_named_once() -> None:
    """A million of them would fill the disk with lines, and again at every reload."""
    world = world_of(*[record(b"\xff\xff", b"x")] * 100, GOOD)
    assert len(world.reports) == runtime.SKIPS_NAMED_MAX + 1
    assert "90 more records" in world.reports[-1]
    world.reports.clear()
    world.elect(0)
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


def transactional(epoch: int, *records: Record) -> bytes:
    return build_batch(records, producer_id=5, producer_epoch=epoch, transactional=True)


def ended(epoch: int, coordinator_epoch: int = 0, kind: int = 1) -> bytes:
    return control_batch(
        kind,
        bytes(2) + coordinator_epoch.to_bytes(4, "big"),
        timestamp_ms=0,
        producer_id=5,
        producer_epoch=epoch,
        transactional=True,
    )


def told_marker(world: World, epoch: int, coordinator_epoch: int = 0, version: int = 0) -> Any:
    """What the coordinator of transactions hears that ends producer 5's."""
    answers: list[Any] = []
    place = (CONSUMER_OFFSETS, 0)
    marker = WriteMarkers(5, epoch, True, coordinator_epoch, version, (place,))
    world.groups.end_transaction(marker, world.asker(2), answers.append)
    world.settle()
    (answer,) = answers
    return ErrorCode(answer.errors[place])


def test_a_load_tells_whose_transaction_is_open_and_in_which_epoch() -> None:
    """After a failover the marker of a fenced producer, or of a coordinator that was replaced,
    would be written, which the log refuses and the shard dies of; or an open transaction would be
    taken for one that has ended.
    """
    five = Record(OFFSET, FIVE)
    world = world_of(transactional(2, five), ended(3, coordinator_epoch=7), transactional(3, five))
    assert told_marker(world, 2) == ErrorCode.INVALID_PRODUCER_EPOCH
    assert told_marker(world, 3, 7, version=2) == ErrorCode.INVALID_PRODUCER_EPOCH
    assert told_marker(world, 4, 6, version=2) == ErrorCode.TRANSACTION_COORDINATOR_FENCED
    assert committed(world, "good") == 5
    assert told_marker(world, 4, 7, version=2) == ErrorCode.NONE
    for _ in range(2):
        assert told_marker(world, 4, 7, version=2) == ErrorCode.NONE, "it is a retry"
    assert world.reports == []


def test_a_producer_is_known_by_records_that_cannot_be_understood() -> None:
    """The log knows it by any batch: what the shard then lets through, the log would refuse."""
    world = world_of(transactional(2, Record(b"\xff\xff", b"x")))
    world.reports.clear()
    assert told_marker(world, 1) == ErrorCode.INVALID_PRODUCER_EPOCH
    assert told_marker(world, 2, version=2) == ErrorCode.INVALID_PRODUCER_EPOCH
    assert told_marker(world, 2) == ErrorCode.NONE
    assert world.reports == []


def test_only_markers_end_transactions() -> None:
    """A control batch of a kind that only others know would abort what is open here, and the log
    would go on with it.
    """
    nine = Record(OFFSET, encode_coordinator(OffsetCommitValue(offset=9), 4))
    world = world_of(GOOD, transactional(2, nine), ended(2, kind=77))
    assert committed(world, "good") == 5
    assert told_marker(world, 3, version=2) == ErrorCode.NONE
    assert committed(world, "good") == 9


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
    assert world.shard("g").state.groups["g"].generation_id == 1


# ---------------------------------------------------------------- logs that can't be read


def test_a_partition_that_is_not_open_costs_its_own_groups_only() -> None:
    """One folder that can't be opened would keep the whole node from starting."""
    world = World(CONFIG, partitions=2)
    lost = world.groups.partition_for("g")
    assert world.groups.partition_for("h") != lost
    assert codes(commit(world, "g")) == codes(commit(world, "h")) == [ErrorCode.NONE]
    world.log.closed.add(lost)
    world.wake()
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
    world.elect(lost)
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


def test_a_log_that_goes_while_replies_wait_for_it_costs_its_own_groups_only() -> None:
    """A log directory that fails on another thread would end the whole node at the next flush."""
    world = World(CONFIG, partitions=2)
    lost = world.groups.partition_for("g")
    world.log.held = True
    waiting = commit(world, "g")
    assert waiting == []
    world.log.closed.add(lost)
    world.wake()
    world.settle()
    assert codes(waiting) == [ErrorCode.NOT_COORDINATOR]
    assert committed(world, "g") == ErrorCode.NOT_COORDINATOR
    world.log.held = False
    assert codes(commit(world, "h")) == [ErrorCode.NONE]
    world.log.closed.clear()
    world.log.marks[lost] = world.log.ends[lost]
    world.wake()
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
    world.wake()
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
    assert world.shard("g").state.offsets.get("g", "t", 0).offset == 2
    answers: list[Any] = []
    world.groups.offset_fetch(
        [OffsetFetchRequestGroup(group_id="g", topics=None)],
        world.asker(9),
        answers.extend,
        require_stable=False,
    )
    world.settle()
    assert answers == []
    world.log.marks[0] = world.log.ends[0]
    world.wake()
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
    world.wake()
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
    shard.state.groups["g"] = object()
    world.advance(CONFIG.offsets_retention_check_interval_ms)
    assert world.shard("g") is None
    assert "AttributeError" in world.reports[-1]
    world.advance(runtime.RETRY_MS_MIN)
    assert world.shard("g") is not shard
    assert codes(commit(world)) == [ErrorCode.NONE]


def test_a_group_in_use_is_not_taken_away_by_a_record_of_another_kind() -> None:
    """Names are used once: whoever may write into the topic could end a group of members with a
    record of a kind that is not even served.
    """
    good = group_value(generation=4, leader="m", members=[member("m")])
    other = encode_coordinator(ConsumerGroupMetadataKey(group_id="g"))
    epoch = encode_coordinator(ConsumerGroupMetadataValue(epoch=9))
    world = world_of(record(GROUP, good), record(other, epoch))
    group = world.shard("g").state.groups["g"]
    assert (group.kind, group.generation_id, list(group.members)) == ("classic", 4, ["m"])
    assert "g is a classic group with members" in world.reports[0]


def test_a_log_that_takes_nothing_is_read_again_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a full disk each commit that is tried would have all of its log read anew."""
    world = world_of()
    assert codes(commit(world)) == [ErrorCode.NONE]
    loads = 0
    elected = runtime.Runtime.elected

    def counted(self: runtime.Runtime, partition: int) -> None:
        nonlocal loads
        loads += 1
        elected(self, partition)

    monkeypatch.setattr(runtime.Runtime, "elected", counted)
    world.log.failing = True
    assert codes(commit(world)) == [ErrorCode.NOT_COORDINATOR]
    assert committed(world, "after") == 7, "the first time it is loaded at once"
    for _ in range(600):
        assert codes(commit(world)) == [ErrorCode.NOT_COORDINATOR]
        world.advance(500)
    assert loads < 70, "five minutes of trying"
    assert len(world.reports) == 2, world.reports
    world.log.failing = False
    world.advance(MINUTE_MS)
    assert codes(commit(world)) == [ErrorCode.NONE]
    world.log.failing = True
    assert codes(commit(world)) == [ErrorCode.NOT_COORDINATOR]
    assert committed(world, "after") == 7, "it begins anew with what was taken"
