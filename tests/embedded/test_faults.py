"""What a test lets go wrong, as real clients and raw sockets meet it."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import ottla
from conformance.talk import Closed, Talk
from ottla.node.error_answer import error_answer
from ottla.wire import api as wire_api
from ottla.wire import frame
from ottla.wire.clip import encode_reply
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.records import Record, build_batch
from servers import eventually

TOPIC = "faulty"


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A broker with one topic of one partition."""
    with ottla.Broker() as found:
        admin = AdminClient({"bootstrap.servers": found.bootstrap_servers, "log_level": 0})
        for topic in (TOPIC, "other"):
            admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
        yield found


@pytest.fixture
def talk(broker: ottla.Broker) -> Iterator[Talk]:
    """A raw client, of the id "conformance"."""
    found = Talk(broker.port, "faults")
    yield found
    found.hang_up()


def produce_request(topic: str = TOPIC, *, acks: int = -1) -> ProduceRequest:
    """One record."""
    data = build_batch([Record(None, b"v", timestamp_ms=int(time.time() * 1000))])
    rows = [PartitionProduceData(index=0, records=data)]
    topics = [TopicProduceData(name=topic, partition_data=rows)]
    return ProduceRequest(acks=acks, timeout_ms=5000, topic_data=topics)


def produced(talk: Talk, topic: str = TOPIC) -> ErrorCode:
    """Send a record; what the answer says."""
    (found,) = talk.ask(produce_request(topic), 9).responses[0].partition_responses
    return ErrorCode(found.error_code)


def records(broker: ottla.Broker, topic: str = TOPIC) -> int:
    """How many there are."""
    settings = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "n", "log_level": 0}
    consumer = Consumer(settings)
    end: int = consumer.get_watermark_offsets(TopicPartition(topic, 0), 20)[1]
    consumer.close()
    return end


def deliver(broker: ottla.Broker, count: int = 1, **settings: object) -> list[str]:
    """Produce with librdkafka, one after the other; the names of the errors."""
    given = {key.replace("_", "."): value for key, value in settings.items()}
    base = {"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 0, "log_level": 0}
    producer = Producer({**base, "retry.backoff.ms": 10, "reconnect.backoff.ms": 10, **given})
    errors: list[str] = []
    for _ in range(count):
        producer.produce(
            TOPIC, b"v", on_delivery=lambda error, _: errors.append(error.name()) if error else None
        )
        assert producer.flush(30) == 0
    return errors


def test_cut(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a lost connection could not be had at a given request."""
    broker.faults.cut(api="ListGroups", nth=2)
    request = ListGroupsRequest()
    assert talk.ask(request, 4).error_code == 0
    with pytest.raises(Closed):
        talk.ask(request, 4)
    assert talk.ask(request, 4).error_code == 0
    assert broker.faults.events == ["cut: ListGroups 2 of 'conformance'"]


def test_rules_are_about_whom_they_say(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a fault meant for one client or topic would come over all."""
    broker.faults.cut(client_id="somebody else")
    broker.faults.cut(api="Produce", topic=TOPIC, times=1)
    assert produced(talk, "other") == ErrorCode.NONE
    with pytest.raises(Closed):
        produced(talk)
    assert produced(talk) == ErrorCode.NONE
    broker.faults.clear()
    broker.faults.cut(client_id="billing")
    assert deliver(broker) == []
    assert deliver(broker, client_id="billing", message_timeout_ms=500) == ["_MSG_TIMED_OUT"]
    assert all("'billing'" in line for line in broker.faults.events[1:])


@pytest.mark.parametrize(("idempotent", "there"), [(False, 2), (True, 1)])
def test_a_lost_acknowledgement(broker: ottla.Broker, idempotent: bool, there: int) -> None:
    """If this failed, nobody could see what a retry does with a record that had arrived."""
    broker.faults.drop_reply(api="Produce", times=1)
    assert deliver(broker, enable_idempotence=idempotent) == []
    assert records(broker) == there
    assert len(broker.faults.events) == 1


def test_a_dropped_reply_of_what_python_decides(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, only records could be acknowledged in vain, and no topic or commit."""
    broker.faults.drop_reply(api="CreateTopics", times=1)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    created = admin.create_topics([NewTopic("made", 1, 1)], operation_timeout=5)["made"]
    with pytest.raises(KafkaException):
        created.result(20)
    assert "made" in admin.list_topics(timeout=20).topics


def test_slow_holds_up_nobody_else(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, one slow request would stop a thread that serves others."""
    broker.faults.slow(1500, api="ListGroups", times=1)
    sent = frame.encode_request(ListGroupsRequest(), 4, correlation_id=7, client_id="slow")
    with socket.create_connection(("127.0.0.1", broker.port), 20) as slow:
        slow.sendall(struct.pack(">i", len(sent)) + sent)
        eventually(lambda: broker.faults.events, "it is slow")
        assert talk.ask(ListGroupsRequest(), 4).error_code == 0
        assert not select.select([slow], [], [], 0)[0], "it is still handled"
        assert slow.recv(4)


def test_a_slow_request_is_handled_though_its_client_gave_up(
    broker: ottla.Broker, talk: Talk
) -> None:
    """If this failed, a time-out would be kinder than it is: the record would never be there."""
    broker.faults.slow(300, api="Produce", times=1)
    sent = frame.encode_request(produce_request(), 9, correlation_id=7, client_id="slow")
    with socket.create_connection(("127.0.0.1", broker.port), 20) as slow:
        slow.sendall(struct.pack(">i", len(sent)) + sent)
        eventually(lambda: broker.faults.events, "it is slow")
    eventually(lambda: records(broker) == 1, "it is written all the same")


def test_hold(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a peer that says nothing and stays could not be had."""
    broker.faults.hold(api="Metadata", client_id="lost")
    lost = AdminClient(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "client.id": "lost",
            "log_level": 0,
            "socket.timeout.ms": 10_000,
        }
    )
    with pytest.raises(KafkaException):
        lost.list_topics(timeout=1)
    assert produced(talk) == ErrorCode.NONE, "others are served"
    assert broker.faults.events[0] == "hold: Metadata 1 of 'lost'"
    broker.faults.clear()
    del lost


def test_repeat(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a frame that arrives twice could not be had, or be answered twice."""
    broker.faults.repeat(api="Produce", times=1)
    assert produced(talk) == ErrorCode.NONE
    assert records(broker) == 2
    assert produced(talk) == ErrorCode.NONE
    assert records(broker) == 3
    broker.faults.repeat(api="Metadata", times=1)
    for _ in range(2):
        assert talk.ask(MetadataRequest(topics=None), 12).brokers


def test_answers_that_a_client_gets_over(broker: ottla.Broker) -> None:
    """If this failed, a test could not see whether its client tries again."""
    broker.faults.answer("Produce", "NOT_LEADER_OR_FOLLOWER", times=2)
    assert deliver(broker) == []
    assert records(broker) == 1
    assert len(broker.faults.events) == 2


def test_answers_that_are_the_end(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a refusal that only an authorizer makes could not be had."""
    broker.faults.answer("Produce", "TOPIC_AUTHORIZATION_FAILED", times=1)
    assert deliver(broker) == ["TOPIC_AUTHORIZATION_FAILED"]
    broker.faults.answer("Fetch", ErrorCode.KAFKA_STORAGE_ERROR, times=1)
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    request = FetchRequest(max_wait_ms=0, topics=[FetchTopic(topic=TOPIC, partitions=[part])])
    (found,) = talk.ask(request, 12).responses[0].partitions
    assert found.error_code == ErrorCode.KAFKA_STORAGE_ERROR
    broker.faults.answer("FindCoordinator", 15, times=1)
    answer = talk.ask(FindCoordinatorRequest(coordinator_keys=["g"]), 4)
    assert [(row.key, row.error_code) for row in answer.coordinators] == [("g", 15)]
    broker.faults.answer("Metadata", "UNKNOWN_TOPIC_OR_PARTITION", times=1)
    asked = MetadataRequest(topics=[MetadataRequestTopic(name=TOPIC)])
    (row,) = talk.ask(asked, 9).topics
    assert (row.name, row.error_code) == (TOPIC, 3)
    (row,) = talk.ask(asked, 9).topics
    assert row.error_code == 0, "what was made up is kept for nobody"


def test_an_unwanted_answer_ends_the_connection(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a producer with acks=0 would take an answer for that of its next request."""
    broker.faults.answer("Produce", "NOT_LEADER_OR_FOLLOWER", times=1)
    sent = frame.encode_request(
        produce_request(acks=0), 9, correlation_id=1, client_id="conformance"
    )
    assert talk.is_closed_after(sent)


def test_every_api_has_an_answer_that_can_be_sent() -> None:
    """If this failed, an error for some API would end its connection for a fault of ours."""
    without = set()
    for row in wire_api.apis():
        try:
            kind = wire_api.request_class(row.key)
        except (ImportError, AttributeError):
            continue
        for version in range(kind.min_version, kind.max_version + 1):
            response = error_answer(kind(), version, 1)
            if response is None:
                without.add((row.name, version))
            else:
                encode_reply(response, version)
    asked_for_nothing = {name for name, _ in without}
    assert "JoinGroup" not in asked_for_nothing
    assert "Heartbeat" not in asked_for_nothing


def test_the_same_seed_is_the_same_fate() -> None:
    """If this failed, a test that found something could not find it again."""

    def fate(seed: int) -> tuple[list[bool], list[str]]:
        with ottla.Broker() as broker:
            broker.faults.cut(api="ListGroups", rate=0.5, seed=seed)
            talk = Talk(broker.port, "fate")
            answered = []
            for _ in range(32):
                try:
                    talk.ask(ListGroupsRequest(), 4)
                    answered.append(True)
                except Closed:
                    answered.append(False)
            talk.hang_up()
            return answered, broker.faults.events

    first, again, other = fate(1), fate(1), fate(2)
    assert first == again
    assert first != other
    assert 4 < first[0].count(False) < 28


def test_a_restart_in_the_middle(broker: ottla.Broker) -> None:
    """If this failed, a broker's end at a given record could not be had, or would lose what was
    acknowledged, or double what was not.
    """
    broker.faults.restart(at_record=5, topic=TOPIC)
    broker.faults.cut(api="Produce", nth=12)
    assert deliver(broker, 12, enable_idempotence=True) == []
    assert records(broker) == 12
    first, *rest = broker.faults.events
    assert first == f"restart at record 5 of {TOPIC}"
    assert len(rest) == 1, "the other rule counted on through the restart"


def test_a_kill_at_a_record(broker: ottla.Broker) -> None:
    """If this failed, the end would not come, or after records that should not be there."""
    broker.faults.kill(at_record=3, topic=TOPIC)
    assert deliver(broker, 2) == []
    assert deliver(broker, message_timeout_ms=500) == ["_MSG_TIMED_OUT"]
    eventually(lambda: "not running" in repr(broker), "it has ended")
    assert broker.faults.events == [f"kill at record 3 of {TOPIC}"]
    broker.start()
    assert records(broker) == 3
    assert deliver(broker) == []


def test_a_full_disk(tmp_path: Path) -> None:
    """If this failed, nobody could see what their program does when the broker has no room."""
    with ottla.Broker(dir=tmp_path / "data") as broker:
        assert deliver(broker) == []
        broker.faults.fill_disk(TOPIC)
        assert deliver(broker, message_timeout_ms=500) != []
        broker.faults.clear()
        assert broker.faults.events == [f"fill_disk /{TOPIC}-*"]


def test_a_failing_disk(broker: ottla.Broker) -> None:
    """If this failed, a read error could not be had."""
    broker.faults.fail_disk("read", f"/{TOPIC}-0/*.log", delay_ms=0, times=1)
    with pytest.raises(ValueError, match="verb"):
        broker.faults.fail_disk("reed")


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("cut", {"api": "Produse"}),
        ("cut", {"nth": 0}),
        ("cut", {"times": 0}),
        ("cut", {"rate": 2}),
        ("cut", {"topic": "nowhere"}),
        ("slow", {"ms": -1}),
        ("answer", {"api": "Produce", "error": "NO_SUCH"}),
        ("kill", {"at_record": 0, "topic": TOPIC}),
    ],
)
def test_nonsense_is_refused(broker: ottla.Broker, what: str, given: dict[str, Any]) -> None:
    """If this failed, a slip would be a rule that never comes over anything."""
    with pytest.raises(ValueError, match=r"\w"):
        getattr(broker.faults, what)(**given)


def test_nobody_pays_for_what_is_not_there(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, `clear` would leave something behind."""
    broker.faults.cut(api="ListGroups")
    broker.faults.clear()
    assert talk.ask(ListGroupsRequest(), 4).error_code == 0
    assert broker.faults.events == []
