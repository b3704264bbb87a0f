"""What a log does as time goes by: the test moves the broker's clock instead of waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

import ottla
from attack.faults import core_of
from conformance.talk import Talk
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.records import Record, build_batch
from servers import OttlaProcess, eventually
from stories.folders import read

HOUR_S = 3600.0
DAY_MS = 86_400_000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ottla.Broker]:
    """A broker with a folder that can be looked into and found again."""
    with ottla.Broker(dir=tmp_path / "data") as found:
        yield found


def create(broker: ottla.Broker, topic: str = "t", **config: str) -> None:
    """One partition; keys with underscores."""
    settings = {key.replace("_", "."): value for key, value in config.items()}
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    admin.create_topics([NewTopic(topic, 1, 1, config=settings)])[topic].result(20)


def produce(
    broker: ottla.Broker, values: list[bytes], topic: str = "t", *, timestamp_ms: int = 0
) -> list[str]:
    """A batch a value; the names of the errors."""
    settings = {"batch.num.messages": 1, "linger.ms": 0, "log_level": 0}
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, **settings})
    errors: list[str] = []
    for value in values:
        producer.produce(
            topic,
            value,
            b"k",
            timestamp=timestamp_ms,
            on_delivery=lambda error, _: errors.append(error.name()) if error else None,
        )
    assert producer.flush(20) == 0
    return errors


def segments(broker: ottla.Broker, topic: str = "t") -> list[int]:
    """Base offsets of the segments on disk."""
    folder = Path(broker.dir, f"{topic}-0")
    return sorted(int(file.stem) for file in folder.glob("*.log"))


def bounds(broker: ottla.Broker, topic: str = "t") -> tuple[int, int]:
    """(log start offset, end)."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "unused", "log_level": 0}
    )
    found: tuple[int, int] = consumer.get_watermark_offsets(TopicPartition(topic, 0), 20)
    consumer.close()
    return found


def test_retention_by_time(broker: ottla.Broker) -> None:
    """If this failed, records would stay for ever, or go before their time."""
    create(broker, retention_ms="7200000", segment_bytes="1048576")
    assert produce(broker, [b"a" * 600_000] * 4) == []
    before = segments(broker)
    assert len(before) > 1
    broker.advance(HOUR_S)
    assert (bounds(broker), segments(broker)) == ((0, 4), before)
    broker.advance(1.5 * HOUR_S)
    assert bounds(broker) == (4, 4)
    broker.advance(120)
    assert segments(broker) == [4]
    assert produce(broker, [b"after"]) == []
    assert bounds(broker)[1] == 5


def test_retention_by_size(broker: ottla.Broker) -> None:
    """If this failed, a log would outgrow what its topic allows."""
    create(broker, retention_bytes="1500000", retention_ms="-1", segment_bytes="1048576")
    assert produce(broker, [b"a" * 900_000] * 5) == []
    assert bounds(broker) == (0, 5)
    broker.advance(600)
    start, end = bounds(broker)
    assert (start, end) == (3, 5), "two whole segments are more than what may stay"


def test_roll_by_time(broker: ottla.Broker) -> None:
    """If this failed, segment.ms would not hold and old records could not go."""
    create(broker, segment_ms="60000", retention_ms="-1")
    assert produce(broker, [b"a"]) == []
    assert segments(broker) == [0]
    broker.advance(61)
    later = int(time.time() * 1000) + 61_000
    assert produce(broker, [b"b"], timestamp_ms=later) == []
    assert segments(broker) == [0, 1]


def test_compacted_topics_lose_nothing_by_time_or_size(tmp_path: Path) -> None:
    """If this failed, the last value of a key would go by age or size."""
    config = {"log.retention.check.interval.ms": "50", "log.segment.delete.delay.ms": "0"}
    node = OttlaProcess(tmp_path / "data", config)
    node.start()
    try:
        small = {"cleanup.policy": "compact", "segment.bytes": "1048576", "retention.ms": "1"}
        small["retention.bytes"] = "1"
        admin = AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0})
        for topic in ("one", "two"):
            admin.create_topics([NewTopic(topic, 1, 1, config=small)])[topic].result(20)
        old = {**small, "cleanup.policy": "delete"}
        admin.create_topics([NewTopic("gone", 1, 1, config=old)])["gone"].result(20)
        producer = Producer({"bootstrap.servers": node.bootstrap, "log_level": 0})
        for i in range(4):
            for topic in ("one", "gone"):
                producer.produce(topic, b"%d" % i * 500_000, b"k", timestamp=1_700_000_000_000)
                producer.flush(20)
        while read(node.bootstrap, "gone", 0):
            pass  # the deadline of the test ends this
        assert read(node.bootstrap, "one", 0)[-1].value[:1] == b"3"
    finally:
        node.kill()


def test_lookup_by_timestamp(broker: ottla.Broker) -> None:
    """If this failed, earliest, latest, max timestamp or a time would lead to the wrong record."""
    create(broker, retention_ms="-1")
    base = 1_700_000_000_000
    for delta in (0, 1000, 5000, 3000):
        assert produce(broker, [b"v"], timestamp_ms=base + delta) == []
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})

    def offset(spec: OffsetSpec) -> tuple[int, int]:
        asked = TopicPartition("t", 0)
        found = admin.list_offsets({asked: spec})[asked].result(20)
        return found.offset, found.timestamp

    assert offset(OffsetSpec.earliest())[0] == 0
    assert offset(OffsetSpec.latest())[0] == 4
    assert offset(OffsetSpec.max_timestamp()) == (2, base + 5000)
    assert offset(OffsetSpec.for_timestamp(base + 1)) == (1, base + 1000)
    assert offset(OffsetSpec.for_timestamp(base + 1001)) == (2, base + 5000)
    assert offset(OffsetSpec.for_timestamp(base + 5001))[0] == -1


def test_append_time_follows_the_clock(broker: ottla.Broker) -> None:
    """If this failed, LogAppendTime would be the producer's time, or the machine's."""
    create(broker, message_timestamp_type="LogAppendTime", retention_ms="-1")
    broker.advance(HOUR_S)
    assert produce(broker, [b"v"], timestamp_ms=1_700_000_000_000) == []
    ((kind, stamp),) = [row.timestamp for row in read(broker.bootstrap_servers, "t", 0)]
    assert kind == 2
    assert 0 <= stamp - (time.time() - 60 + HOUR_S) * 1000 < 120_000


def test_timestamps_too_far_off_are_refused(broker: ottla.Broker) -> None:
    """If this failed, one wrong clock could keep a segment from ever going, or have it go now."""
    create(
        broker,
        message_timestamp_after_max_ms=str(DAY_MS),
        message_timestamp_before_max_ms=str(DAY_MS),
    )
    now_ms = int(time.time() * 1000)
    for wrong in (now_ms - 2 * DAY_MS, now_ms + 2 * DAY_MS):
        assert produce(broker, [b"v"], timestamp_ms=wrong) == ["INVALID_TIMESTAMP"]
    assert produce(broker, [b"v"], timestamp_ms=now_ms + DAY_MS // 2) == []
    broker.advance(DAY_MS / 1000)
    assert produce(broker, [b"v"], timestamp_ms=now_ms + int(1.5 * DAY_MS)) == []
    assert bounds(broker) == (0, 2)


class Idempotent:
    """A producer of one id, request by request."""

    def __init__(self, broker: ottla.Broker) -> None:
        self._talk = Talk(broker.port, "idempotent")
        self.id = self._talk.ask(InitProducerIdRequest(transactional_id=None), 4).producer_id

    def send(self, sequence: int, broker: ottla.Broker) -> tuple[ErrorCode, int]:
        """One record with this sequence; (error, offset)."""
        self._talk.hang_up()
        self._talk = Talk(broker.port, "idempotent")
        record = Record(b"k", b"v", timestamp_ms=int(time.time() * 1000))
        data = build_batch([record], producer_id=self.id, producer_epoch=0, base_sequence=sequence)
        rows = [PartitionProduceData(index=0, records=data)]
        request = ProduceRequest(
            acks=-1,
            timeout_ms=5000,
            topic_data=[TopicProduceData(name="t", partition_data=rows)],
        )
        (found,) = self._talk.ask(request, 9).responses[0].partition_responses
        self._talk.hang_up()
        return ErrorCode(found.error_code), found.base_offset


@pytest.mark.parametrize("end", [ottla.Broker.close, ottla.Broker.kill])
def test_duplicates_are_known_after_a_restart(tmp_path: Path, end: object) -> None:
    """If this failed, a producer that asks again after a crash would have its records twice."""
    broker = ottla.Broker(dir=tmp_path / "data").start()
    create(broker)
    producer = Idempotent(broker)
    assert [producer.send(n, broker) for n in range(3)] == [(ErrorCode.NONE, n) for n in range(3)]
    assert callable(end)
    end(broker)
    with ottla.Broker(dir=tmp_path / "data") as again:
        assert producer.send(2, again) == (ErrorCode.NONE, 2)
        assert producer.send(5, again)[0] == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
        assert producer.send(3, again) == (ErrorCode.NONE, 3)
        assert bounds(again) == (0, 4)


def test_producers_expire(broker: ottla.Broker) -> None:
    """If this failed, every producer that ever was would stay in memory and in every snapshot."""
    create(broker, retention_ms="-1")
    producer = Idempotent(broker)
    assert producer.send(0, broker) == (ErrorCode.NONE, 0)
    broker.advance(23 * HOUR_S)
    assert producer.send(7, broker)[0] == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    broker.advance(2 * HOUR_S)
    assert producer.send(7, broker) == (ErrorCode.NONE, 1), "nobody remembers its last sequence"


def test_a_producer_of_after_the_move_is_remembered(broker: ottla.Broker) -> None:
    """If this failed, a producer whose own clock was not moved would be forgotten at the next look,
    and a retry of its be there twice.
    """
    create(broker, retention_ms="-1")
    broker.clock.advance(days=7)
    producer = Idempotent(broker)
    assert producer.send(0, broker) == (ErrorCode.NONE, 0)
    broker.clock.advance(hours=23)
    assert producer.send(0, broker) == (ErrorCode.NONE, 0), "a retry of what is there"
    broker.clock.advance(hours=2)
    assert producer.send(7, broker) == (ErrorCode.NONE, 1), "nobody remembers its last sequence"


def test_a_clients_own_time_is_as_far_behind_as_the_clock_was_moved(broker: ottla.Broker) -> None:
    """If this failed, what a client writes after `advance` would go with the next look at
    retention, because its clock was not moved; or would never go.
    """
    create(broker, retention_ms=str(7 * DAY_MS))
    assert produce(broker, [b"before"]) == []
    broker.clock.advance(days=8)
    assert bounds(broker) == (1, 1)
    assert produce(broker, [b"after"]) == []
    broker.clock.advance(hours=1)
    assert bounds(broker) == (1, 2), "written an hour ago, by any clock"
    ((_, stamp),) = [row.timestamp for row in read(broker.bootstrap_servers, "t", 0)]
    assert abs(stamp - time.time() * 1000) < 600_000, "what is served is what was written"
    broker.clock.advance(days=8)
    assert bounds(broker) == (2, 2)


def test_what_the_node_stamped_is_not_moved_again(broker: ottla.Broker) -> None:
    """If this failed, records of a topic with LogAppendTime would stay twice as long."""
    create(broker, retention_ms=str(7 * DAY_MS), message_timestamp_type="LogAppendTime")
    broker.clock.advance(days=30)
    assert produce(broker, [b"after"]) == []
    broker.clock.advance(days=6)
    assert bounds(broker) == (0, 1)
    broker.clock.advance(days=2)
    assert bounds(broker) == (1, 1)


def test_segments_roll_by_the_moved_clock(broker: ottla.Broker) -> None:
    """If this failed, a segment would get records of weeks, since clients' clocks stood still."""
    create(broker, segment_ms=str(DAY_MS), retention_ms="-1", segment_jitter_ms="0")
    assert produce(broker, [b"a", b"b"]) == []
    broker.clock.advance(hours=2)
    assert produce(broker, [b"c"]) == []
    assert segments(broker) == [0], "two hours are no day"
    broker.clock.advance(hours=23)
    assert produce(broker, [b"d"]) == []
    assert 3 in segments(broker)


def test_another_broker_on_the_folder_has_the_machines_clock(tmp_path: Path) -> None:
    """If this failed, docs would promise too little, or a log keep what is no record's time."""
    with ottla.Broker(dir=tmp_path / "data") as first:
        create(first, retention_ms=str(7 * DAY_MS))
        first.clock.advance(days=8)
        assert produce(first, [b"after"]) == []
    with ottla.Broker(dir=tmp_path / "data") as again:
        again.clock.advance(days=6)
        assert bounds(again) == (0, 1)
        again.clock.advance(days=2)
        assert bounds(again) == (1, 1)


def test_a_frozen_clock_moves_only_when_it_is_told_to(broker: ottla.Broker) -> None:
    """If this failed, a test could not say at which second something happens."""
    broker.clock.freeze()
    at = broker.clock.now()
    assert at.utcoffset() is not None
    create(broker)
    assert produce(broker, [b"served"]) == []
    assert broker.clock.now() == at
    broker.clock.advance(days=1, hours=1, minutes=1, seconds=1.5)
    assert (broker.clock.now() - at).total_seconds() == 86_400 + 3600 + 60 + 1.5
    broker.clock.resume()
    eventually(lambda: (broker.clock.now() - at).total_seconds() > 90_061.5, "it runs on")


def test_a_frozen_clock_fires_what_an_advance_comes_by(tmp_path: Path) -> None:
    """If this failed, frozen would be dead: a test moves the clock and nothing would be done."""
    with ottla.Broker(dir=tmp_path / "data") as broker:
        create(broker, retention_ms="7200000")
        broker.clock.freeze()
        assert produce(broker, [b"old"]) == []
        broker.clock.advance(hours=3)
        assert bounds(broker) == (1, 1)


def ahead_s(broker: ottla.Broker) -> float:
    """How far the broker's clock is ahead of the machine's."""
    return broker.clock.now().timestamp() - time.time()


def again(end: str, broker: ottla.Broker) -> None:
    """The broker ends in this way, and is started again."""
    if end == "restart":
        topic = f"straw{len(broker.topics())}"
        create(broker, topic)
        broker.faults.restart(at_record=1, topic=topic)
        servers = {"bootstrap.servers": broker.bootstrap_servers, "log_level": 0}
        producer = Producer(servers)
        producer.produce(topic, b"last")
        assert producer.flush(20) == 0
    else:
        getattr(broker, end)()
    broker.start()


@pytest.mark.parametrize("end", ["close", "kill", "power_cut", "restart"])
def test_the_clock_goes_on_after_a_restart(broker: ottla.Broker, end: str) -> None:
    """If this failed, what the node stamped before would lie in its future, and nothing of it come
    due for as long as the test had moved the clock.
    """
    create(broker, message_timestamp_type="LogAppendTime")
    broker.clock.advance(days=7)
    assert produce(broker, [b"before"]) == []
    again(end, broker)
    assert abs(ahead_s(broker) - 7 * 86_400) < 600
    broker.clock.advance(days=1)
    assert produce(broker, [b"after"]) == []
    stamps = [row.timestamp[1] for row in read(broker.bootstrap_servers, "t", 0)]
    if end != "power_cut":
        assert abs(stamps[1] - stamps[0] - DAY_MS) < 600_000
    broker.clock.advance(days=1)
    again(end, broker)
    assert abs(ahead_s(broker) - 9 * 86_400) < 600


@pytest.mark.parametrize("end", ["close", "kill", "restart"])
def test_a_frozen_clock_stands_through_a_restart(broker: ottla.Broker, end: str) -> None:
    """If this failed, a test that says at which second something happens would not know it after
    a crash, or the node not come up for want of time that passes.
    """
    broker.clock.freeze()
    broker.clock.advance(days=2)
    at = broker.clock.now()
    again(end, broker)
    assert broker.clock.now() == at
    create(broker)
    consumer_of(broker).close()
    broker.clock.advance(seconds=5)
    assert (broker.clock.now() - at).total_seconds() == 5
    broker.clock.resume()
    again(end, broker)
    assert (broker.clock.now() - at).total_seconds() > 5
    assert abs(ahead_s(broker) - 2 * 86_400) < 600


def test_what_is_written_after_a_restart_is_as_old_as_the_clock_says(tmp_path: Path) -> None:
    """If this failed, what a client writes to the next node would go with its first look at
    retention; or the guide say what does not hold of records of before.
    """
    broker = ottla.Broker(dir=tmp_path / "data").start()
    create(broker, retention_ms=str(7 * DAY_MS))
    broker.clock.advance(days=8)
    assert produce(broker, [b"before"]) == []
    broker.kill()
    with broker:
        assert produce(broker, [b"after"]) == []
        broker.clock.advance(hours=1)
        assert bounds(broker) == (1, 2), "as old as it says: eight days"
        broker.clock.advance(days=7)
        assert bounds(broker) == (2, 2)


@pytest.mark.parametrize("end", [ottla.Broker.close, ottla.Broker.kill])
def test_producers_of_after_the_move_are_known_after_a_restart(tmp_path: Path, end: object) -> None:
    """If this failed, a retry that comes to the next node would be there twice, for a reason that
    no server has.
    """
    broker = ottla.Broker(dir=tmp_path / "data").start()
    create(broker, retention_ms="-1")
    broker.clock.advance(days=7)
    producer = Idempotent(broker)
    assert producer.send(0, broker) == (ErrorCode.NONE, 0)
    assert callable(end)
    end(broker)
    with broker.start():
        broker.clock.advance(hours=1)
        assert producer.send(0, broker) == (ErrorCode.NONE, 0), "a retry of what is there"


def consumer_of(broker: ottla.Broker, group: str = "g") -> Consumer:
    """A member of a group that has its partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": group,
            "session.timeout.ms": 6000,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe(["t"])
    eventually(lambda: consumer.poll(0.05) or consumer.assignment(), "it has a partition")
    return consumer


def member_ids(broker: ottla.Broker, group: str = "g") -> list[str]:
    """Who is in a group."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    found = admin.describe_consumer_groups([group])[group].result(20)
    return sorted(member.member_id for member in found.members)


def test_a_living_member_lives_through_an_advance(broker: ottla.Broker) -> None:
    """If this failed, every consumer of a test that moves the clock would lose its partitions,
    through no fault of its own.
    """
    create(broker)
    consumer = consumer_of(broker)
    before = member_ids(broker)
    assert len(before) == 1
    broker.clock.advance(days=7)
    broker.clock.advance(seconds=5.9)
    broker.advance(3600)
    assert member_ids(broker) == before
    broker.clock.advance(seconds=6.1, members="silent")
    assert member_ids(broker) == [], "nobody was heard for longer than a session"
    consumer.close()


def test_a_member_that_is_gone_still_expires(broker: ottla.Broker) -> None:
    """If this failed, whoever was spared once would never be missed again."""
    talk = Talk(broker.port, "gone")
    create(broker)
    join = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=6000,
        rebalance_timeout_ms=6000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"\x00\x00")],
    )
    assert talk.ask(FindCoordinatorRequest(key="g"), 3).error_code == ErrorCode.NONE
    first = talk.ask(join, 3)
    assert first.error_code == ErrorCode.NONE
    broker.clock.advance(days=1)
    beat = HeartbeatRequest(
        group_id="g", generation_id=first.generation_id, member_id=first.member_id
    )
    assert ErrorCode(talk.ask(beat, 3).error_code) == ErrorCode.NONE
    broker.clock.advance(seconds=5)
    assert ErrorCode(talk.ask(beat, 3).error_code) == ErrorCode.NONE
    broker.clock.advance(seconds=7, members="silent")
    assert ErrorCode(talk.ask(beat, 3).error_code) == ErrorCode.UNKNOWN_MEMBER_ID
    talk.hang_up()


def test_who_hung_up_is_not_spared(broker: ottla.Broker) -> None:
    """If this failed, no test could let one process of a group crash beside one that lives."""
    create(broker)
    talks = {name: Talk(broker.port, name) for name in ("dead", "alive")}
    joined = {}
    for name, talk in talks.items():
        join = JoinGroupRequest(
            group_id=name,
            session_timeout_ms=6000,
            rebalance_timeout_ms=6000,
            protocol_type="consumer",
            protocols=[JoinGroupRequestProtocol(name="range", metadata=b"\x00\x00")],
        )
        assert talk.ask(FindCoordinatorRequest(key=name), 3).error_code == ErrorCode.NONE
        joined[name] = talk.ask(join, 3)
    there = len(core_of(broker).connections())
    talks["dead"].hang_up()
    eventually(lambda: len(core_of(broker).connections()) < there, "the node has heard of it")
    broker.clock.advance(seconds=30)
    told = {}
    for name, member in joined.items():
        beat = HeartbeatRequest(
            group_id=name, generation_id=member.generation_id, member_id=member.member_id
        )
        again = Talk(broker.port, name)
        told[name] = ErrorCode(again.ask(beat, 3).error_code)
        again.hang_up()
    assert told == {"dead": ErrorCode.UNKNOWN_MEMBER_ID, "alive": ErrorCode.NONE}
    talks["alive"].hang_up()


def test_how_members_are_is_one_of_two_words(broker: ottla.Broker) -> None:
    """If this failed, a slip of the pen would mean the opposite of what was meant."""
    with pytest.raises(ValueError, match="how members can be"):
        broker.clock.advance(days=1, members="quiet")  # type: ignore[arg-type]
