"""`max.message.bytes` of `__consumer_offsets` is changed while its groups are in use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ottla
from attack.line import Line
from attack.test_groups import coordinator_error, make_topic
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from ottla.wire.stored.frame import CONSUMER_OFFSETS
from servers import eventually

PARTITIONS = 100
TOPIC_RESOURCE, BROKER_RESOURCE = 2, 4
OF_TOPIC = (TOPIC_RESOURCE, CONSUMER_OFFSETS, "max.message.bytes")
OF_CLUSTER = (BROKER_RESOURCE, "", "message.max.bytes")


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A broker whose groups are coordinated, with a topic to commit to."""
    with ottla.Broker(config={"offsets.topic.num.partitions": "1"}) as found:
        make_topic(found, "t", PARTITIONS)
        eventually(lambda: coordinator_error(found, "g") == 0, "groups are here")
        yield found


def alter(line: Line, key: tuple[int, str, str], value: int) -> None:
    """Set one config."""
    kind, resource, name = key
    config = AlterableConfig(name=name, value=str(value))
    row = AlterConfigsResource(resource_type=kind, resource_name=resource, configs=[config])
    answer = line.ask(IncrementalAlterConfigsRequest(resources=[row]), 1)
    assert [one.error_code for one in answer.responses] == [0]


def commit_all(line: Line) -> set[int]:
    """Commit an offset of every partition at once: the codes that came back."""
    rows = [
        OffsetCommitRequestPartition(partition_index=index, committed_offset=1)
        for index in range(PARTITIONS)
    ]
    topic = OffsetCommitRequestTopic(name="t", partitions=rows)
    answer = line.ask(OffsetCommitRequest(group_id="g", topics=[topic]), 9)
    return {row.error_code for row in answer.topics[0].partitions}


def settle_group(line: Line, size: int) -> int:
    """What the one member of a group hears, whose metadata is so large, when it hands in its
    assignment; then it leaves, or the next one's JoinGroup would wait for it to be gone.
    """
    protocol = JoinGroupRequestProtocol(name="range", metadata=bytes(size))
    join = JoinGroupRequest(
        group_id="large",
        session_timeout_ms=30_000,
        rebalance_timeout_ms=30_000,
        protocol_type="consumer",
        protocols=[protocol],
    )
    joined = line.ask(join, 3)
    assert joined.error_code == 0
    assignment = SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"a")
    sync = SyncGroupRequest(
        group_id="large",
        generation_id=joined.generation_id,
        member_id=joined.member_id,
        assignments=[assignment],
    )
    code: int = line.ask(sync, 2).error_code
    leave = LeaveGroupRequest(group_id="large", member_id=joined.member_id)
    assert line.ask(leave, 1).error_code == 0
    return code


@pytest.mark.parametrize("key", [OF_TOPIC, OF_CLUSTER])
def test_a_lowered_limit_cuts_what_is_written(
    broker: ottla.Broker, key: tuple[int, str, str]
) -> None:
    """A commit that fits in pieces would be refused, and all who wait for that partition told that
    nobody knows why, until the node is started again.
    """
    line = Line(broker.port)
    assert commit_all(line) == {0}
    alter(line, key, 2000)
    assert commit_all(line) == {0}
    line.close()


@pytest.mark.parametrize("key", [OF_TOPIC, OF_CLUSTER])
def test_a_limit_holds_for_groups_from_now_on(
    broker: ottla.Broker, key: tuple[int, str, str]
) -> None:
    """A group that its topic has room for would be refused until the node is started again; or one
    that it has none for would take all other groups with it.
    """
    line = Line(broker.port, timeout_s=30)
    assert settle_group(line, 1_500_000) == ErrorCode.UNKNOWN_SERVER_ERROR
    line.close()
    line = Line(broker.port, timeout_s=30)
    alter(line, key, 4_000_000)
    assert settle_group(line, 1_500_000) == 0
    line.close()
