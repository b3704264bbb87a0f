"""Somebody sets the machine's clock under a running node: durations do not notice, dates follow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

import ottla
from attack.line import Line
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from ottla.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.messages.sync_group import SyncGroupRequest
from ottla.wire.records import Record, build_batch
from servers import eventually

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
JUMPS = {
    "a minute forward": [MINUTE_MS],
    "a day forward and back": [DAY_MS, -DAY_MS],
    "an hour back": [-HOUR_MS],
    "ten years back and forth": [-3650 * DAY_MS, 7300 * DAY_MS, -3650 * DAY_MS],
}
CONFIG = {
    "offsets.topic.num.partitions": "1",
    "log.flush.scheduler.interval.ms": "50",
    "log.flush.offset.checkpoint.interval.ms": "50",
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ottla.Broker]:
    """A broker whose group coordinator is ready."""
    with ottla.Broker(dir=tmp_path / "data", config=CONFIG) as found:
        line = Line(found.port)
        request = FindCoordinatorRequest(coordinator_keys=["g"])
        assert line.ask(request, 6).coordinators[0].error_code == 0
        eventually(lambda: describe(line).group_state == "Dead", "the groups are loaded")
        yield found


@pytest.fixture(params=JUMPS.values(), ids=JUMPS.keys())
def jumps(request: pytest.FixtureRequest) -> list[int]:
    """What somebody does to the clock, ms by ms."""
    found: list[int] = request.param
    return found


def jump(broker: ottla.Broker, by_ms: list[int]) -> None:
    """Set the wall clock; the node has a turn after each time."""
    node: Any = broker._node
    for one in by_ms:
        node._core.jump_wall_clock(one)
        for _ in range(3):
            describe(Line(broker.port))


def describe(line: Line) -> Any:
    return line.ask(DescribeGroupsRequest(groups=["g"]), 5).groups[0]


def join(line: Line, *, session_ms: int, rebalance_ms: int = 60_000, member_id: str = "") -> None:
    protocols = [JoinGroupRequestProtocol(name="range", metadata=b"")]
    request = JoinGroupRequest(
        group_id="g",
        member_id=member_id,
        session_timeout_ms=session_ms,
        rebalance_timeout_ms=rebalance_ms,
        protocol_type="consumer",
        protocols=protocols,
    )
    line.send(request, 3)


def member(line: Line, *, session_ms: int, rebalance_ms: int = 60_000) -> Any:
    """The only member of a stable group."""
    join(line, session_ms=session_ms, rebalance_ms=rebalance_ms)
    joined = line.answer()
    assert joined.error_code == 0
    sync = SyncGroupRequest(group_id="g", member_id=joined.member_id, generation_id=1)
    assert line.ask(sync, 3).error_code == 0
    return joined


def test_a_live_member_stays(broker: ottla.Broker, jumps: list[int]) -> None:
    """A time server's correction would expel every consumer of the cluster at once."""
    line = Line(broker.port)
    joined = member(line, session_ms=300_000)
    jump(broker, jumps)
    beat = HeartbeatRequest(group_id="g", member_id=joined.member_id, generation_id=1)
    assert line.ask(beat, 4).error_code == 0
    broker.advance(250)
    assert line.ask(beat, 4).error_code == 0
    broker.advance(250)
    assert [one.member_id for one in describe(line).members] == [joined.member_id]


def test_a_dead_member_goes(broker: ottla.Broker, jumps: list[int]) -> None:
    """A member that is gone would keep its partitions for as long as the clock went back."""
    line = Line(broker.port)
    member(line, session_ms=30_000)
    jump(broker, jumps)
    broker.clock.advance(seconds=31, members="silent")
    eventually(lambda: describe(line).members == [], "the dead member's session is over")


def test_a_join_is_answered(broker: ottla.Broker, jumps: list[int]) -> None:
    """A consumer that joins while another is away would wait for a day."""
    line = Line(broker.port)
    member(line, session_ms=300_000, rebalance_ms=60_000)
    other = Line(broker.port)
    join(other, session_ms=300_000, rebalance_ms=60_000)
    eventually(lambda: describe(line).group_state == "PreparingRebalance", "the round began")
    jump(broker, jumps)
    broker.clock.advance(seconds=61, members="silent")
    joined = other.answer()
    assert (joined.error_code, joined.leader) == (ErrorCode.NONE, joined.member_id)


def test_flushes_go_on(broker: ottla.Broker, jumps: list[int]) -> None:
    """What `flush.ms` promises would be lost with the power for as long as the clock went back."""
    line = Line(broker.port)
    topic = CreatableTopic(
        name="t",
        num_partitions=1,
        replication_factor=1,
        configs=[CreatableTopicConfig(name="flush.ms", value="30")],
    )
    assert line.ask(CreateTopicsRequest(topics=[topic]), 7).topics[0].error_code == 0
    checkpoint = Path(broker.dir, "recovery-point-offset-checkpoint")
    for by_ms in [0, *jumps]:
        jump(broker, [by_ms])
        produced(broker, line)
        last_offset, _ = produced(broker, line)
        # Recovery looks at the last batch in any case.
        eventually(
            lambda wanted=f"t 0 {last_offset}": (
                checkpoint.exists() and wanted in checkpoint.read_text().splitlines()
            ),
            "what was produced is flushed",
        )


def produced(broker: ottla.Broker, line: Line) -> tuple[int, int]:
    """(offset, log append time) of one record that was produced now."""
    node: Any = broker._node
    records = build_batch([Record(b"k", b"v", timestamp_ms=node._core.now_ms())])
    rows = [PartitionProduceData(index=0, records=records)]
    data = [TopicProduceData(name="t", partition_data=rows)]
    answer = line.ask(ProduceRequest(acks=-1, timeout_ms=5000, topic_data=data), 9)
    (found,) = answer.responses[0].partition_responses
    assert found.error_code == 0
    return found.base_offset, found.log_append_time_ms


def test_timestamps_follow_the_clock_forward_and_back(broker: ottla.Broker) -> None:
    """After a jump that somebody mended, records would bear tomorrow's date until tomorrow."""
    line = Line(broker.port)
    config = CreatableTopicConfig(name="message.timestamp.type", value="LogAppendTime")
    topic = CreatableTopic(name="t", num_partitions=1, replication_factor=1, configs=[config])
    assert line.ask(CreateTopicsRequest(topics=[topic]), 7).topics[0].error_code == 0
    ahead_ms = 0
    for by_ms in (0, DAY_MS, -DAY_MS, -HOUR_MS, HOUR_MS):
        jump(broker, [by_ms])
        ahead_ms += by_ms
        _, stamp = produced(broker, line)
        assert abs(stamp - ahead_ms - time.time() * 1000) < MINUTE_MS


def test_a_real_consumer_does_not_notice(broker: ottla.Broker, jumps: list[int]) -> None:
    """A consumer would lose its partitions, or not hear of new records."""
    settings = {"bootstrap.servers": broker.bootstrap_servers, "log_level": 0}
    producer = Producer(settings)
    producer.produce("t", b"before")
    assert producer.flush(20) == 0
    rebalances: list[str] = []
    consumer = Consumer(
        {
            **settings,
            "group.id": "real",
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 60_000,
        }
    )
    consumer.subscribe(
        ["t"],
        on_assign=lambda *_: rebalances.append("assigned"),
        on_revoke=lambda *_: rebalances.append("revoked"),
    )
    assert polled(consumer) == b"before"
    jump(broker, jumps)
    broker.advance(30)
    producer.produce("t", b"after")
    assert producer.flush(20) == 0
    assert polled(consumer) == b"after"
    consumer.commit(asynchronous=False)
    assert rebalances == ["assigned"]
    consumer.close()


def polled(consumer: Consumer) -> Any:
    """The value of the next record."""

    def poll() -> Any:
        message = consumer.poll(0.1)
        return message.value() if message is not None and message.error() is None else None

    return eventually(poll, "a record comes")


def test_what_was_deleted_goes(tmp_path: Path) -> None:
    """A clock that is set back would keep deleted topics on the disk for as long."""
    with ottla.Broker(dir=tmp_path) as broker:
        line = Line(broker.port)
        topic = CreatableTopic(name="gone", num_partitions=1, replication_factor=1)
        assert line.ask(CreateTopicsRequest(topics=[topic]), 7).topics[0].error_code == 0
        deleted = line.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name="gone")]), 6)
        assert deleted.responses[0].error_code == 0
        assert list(tmp_path.glob("gone-0.*-delete"))
        jump(broker, [-86_400_000])
        broker.advance(130)
        eventually(lambda: not list(tmp_path.glob("gone-0*")), "the folder is removed")
