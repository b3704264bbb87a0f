"""What a test lets go wrong, as real clients and raw sockets meet it."""

from __future__ import annotations

import gc
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

import ottla
from conformance.talk import Closed, Talk
from ottla.testing.errors import BadArgument
from ottla.wire import frame
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.records import Record, build_batch
from ottla.wire.schema import Request
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


def produce_request(
    topic: str = TOPIC, *, acks: int = -1, key: bytes | None = None
) -> ProduceRequest:
    """One record."""
    data = build_batch([Record(key, b"v", timestamp_ms=int(time.time() * 1000))])
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


def producer_for(broker: ottla.Broker, **settings: object) -> Producer:
    """A producer of librdkafka's that is quick to try again."""
    given = {key.replace("_", "."): value for key, value in settings.items()}
    base = {"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 0, "log_level": 0}
    return Producer({**base, "retry.backoff.ms": 10, "reconnect.backoff.ms": 10, **given})


def deliver(broker: ottla.Broker, count: int = 1, **settings: object) -> list[str]:
    """Produce with librdkafka, one after the other; the names of the errors."""
    producer = producer_for(broker, **settings)
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
    billing = producer_for(broker, client_id="billing")
    answered: list[object] = []
    billing.produce(TOPIC, b"v", on_delivery=lambda *told: answered.append(told))
    eventually(lambda: (billing.poll(0.01), broker.faults.events[1:])[1], "it is cut off")
    assert all("'billing'" in line for line in broker.faults.events[1:])
    assert not answered, "it tries on"
    billing.purge()


def test_the_nth_is_the_nth_or_none(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a rule that another one came before would come over the next request."""
    broker.faults.slow(0, api="ListGroups", nth=2)
    broker.faults.cut(api="ListGroups", nth=2)
    broker.faults.cut(api="ListGroups", nth=3, rate=0)
    for _ in range(4):
        assert talk.ask(ListGroupsRequest(), 4).error_code == 0
    assert broker.faults.events == ["slow 0 ms: ListGroups 2 of 'conformance'"]
    assert "1 events" in repr(broker.faults)


def test_a_topic_made_anew_is_the_same_topic(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a rule would come over what names the topic, and not over what says its new
    id.
    """
    broker.faults.slow(0, api="Fetch", topic=TOPIC)
    broker.delete_topic(TOPIC)
    broker.create_topic(TOPIC)
    asked = talk.ask(MetadataRequest(topics=[MetadataRequestTopic(name=TOPIC)]), 12)
    topics = [FetchTopic(topic_id=asked.topics[0].topic_id, partitions=FETCHED)]
    talk.ask(FetchRequest(max_wait_ms=0, topics=topics), 13, note=False)
    assert broker.faults.events == ["slow 0 ms: Fetch 1 of 'conformance'"]


def test_the_brokers_own_calls_are_spared(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a test could not look at its broker while its clients' requests are lost."""
    for api in ("Produce", "Fetch", "Metadata", "ListOffsets"):
        broker.faults.hold(api=api)
    broker.produce(TOPIC, "v")
    broker.expect(TOPIC, ["v"])
    assert broker.faults.events == []
    broker.faults.clear()
    broker.faults.answer("Produce", "NOT_LEADER_OR_FOLLOWER", times=2, client_id="ottla-test")
    assert broker.produce(TOPIC, "w") == 1, "as a client it tries again"
    broker.faults.drop_reply(api="Produce", client_id="ottla-test")
    with pytest.raises(ottla.OttlaError):
        broker.produce(TOPIC, "x")
    broker.expect(TOPIC, ["v", "w", "x"])
    broker.faults.kill(at_record=4, topic=TOPIC)
    with pytest.raises(ottla.OttlaError):
        broker.produce(TOPIC, "y")
    eventually(lambda: has_ended(broker), "records of its own count")


ROWS = [PartitionProduceData(index=0, records=b"")]
FETCHED = [FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)]
COMMITTED = [OffsetCommitRequestPartition(partition_index=0, committed_offset=0)]
UNKNOWN_ID = bytes(range(16))


def about(name: str, topic_id: bytes, version: int) -> dict[str, Request]:
    """By API what names a topic, in whichever way the version does; the group is named as `TOPIC`
    always.
    """
    topics = [OffsetFetchRequestTopics(name=name, topic_id=topic_id, partition_indexes=[0])]
    committed = OffsetCommitRequestTopic(name=name, topic_id=topic_id, partitions=COMMITTED)
    found = {
        "Produce": ProduceRequest(
            acks=1,
            timeout_ms=5000,
            topic_data=[TopicProduceData(name=name, topic_id=topic_id, partition_data=ROWS)],
        ),
        "Fetch": FetchRequest(
            topics=[FetchTopic(topic=name, topic_id=topic_id, partitions=FETCHED)]
        ),
        "ListOffsets": ListOffsetsRequest(
            topics=[
                ListOffsetsTopic(name=name, partitions=[ListOffsetsPartition(partition_index=0)])
            ]
        ),
        "Metadata": MetadataRequest(topics=[MetadataRequestTopic(name=name)]),
        "OffsetCommit": OffsetCommitRequest(group_id=TOPIC, topics=[committed]),
        "OffsetFetch": OffsetFetchRequest(
            groups=[OffsetFetchRequestGroup(group_id=TOPIC, topics=topics)]
        ),
    }
    return {api: found[api] for api in (found if version == 9 else BY_ID)}


BY_ID = {"Produce": 13, "Fetch": 13, "OffsetCommit": 10, "OffsetFetch": 10}


def test_a_topic_is_named_where_a_request_names_topics(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a rule about a topic would miss requests about it, or come over others: of a
    client, of a group, or with a record's key of that name.
    """
    asked = talk.ask(MetadataRequest(topics=[MetadataRequestTopic(name=TOPIC)]), 12)
    topic_id = asked.topics[0].topic_id
    broker.faults.slow(0, topic=TOPIC)
    for name, its_id, there in (("other", UNKNOWN_ID, False), (TOPIC, topic_id, True)):
        for version in (9, 10):
            for api, request in about(name, its_id, version).items():
                before = len(broker.faults.events)
                talk.ask(request, 9 if version == 9 else BY_ID[api], note=False)
                assert len(broker.faults.events) - before == there, (api, version, name)
    before = len(broker.faults.events)
    assert deliver_to(broker, "other", key=TOPIC.encode(), client_id=TOPIC) == []
    assert broker.faults.events[before:] == []


def deliver_to(broker: ottla.Broker, topic: str, *, key: bytes, client_id: str) -> list[str]:
    """Produce one record with a key."""
    producer = producer_for(broker, client_id=client_id)
    errors: list[str] = []
    producer.produce(
        topic,
        b"v",
        key=key,
        on_delivery=lambda error, _: errors.append(error.name()) if error else None,
    )
    assert producer.flush(30) == 0
    return errors


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
    broker.faults.slow(3_600_000, api="ListGroups", times=1)
    sent = frame.encode_request(ListGroupsRequest(), 4, correlation_id=7, client_id="slow")
    with socket.create_connection(("127.0.0.1", broker.port), 20) as slow:
        slow.sendall(struct.pack(">i", len(sent)) + sent)
        eventually(lambda: broker.faults.events, "it is slow")
        assert talk.ask(ListGroupsRequest(), 4).error_code == 0
        assert not select.select([slow], [], [], 0)[0], "it is still slow"


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
    sent = frame.encode_request(MetadataRequest(topics=[]), 9, correlation_id=7, client_id="lost")
    with socket.create_connection(("127.0.0.1", broker.port), 20) as lost:
        lost.sendall(struct.pack(">i", len(sent)) + sent)
        eventually(lambda: broker.faults.events, "it is held")
        assert produced(talk) == ErrorCode.NONE, "others are served"
        assert broker.faults.events == ["hold: Metadata 1 of 'lost'"]
        broker.faults.clear()
        assert talk.ask(MetadataRequest(topics=[]), 9).brokers
        assert not select.select([lost], [], [], 0)[0], "neither answered nor closed"


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


def test_a_refusal_of_what_is_administered(broker: ottla.Broker) -> None:
    """If this failed, an admin client would meet a closed connection for the error that its test
    wants.
    """
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    broker.faults.answer("DeleteTopics", "TOPIC_AUTHORIZATION_FAILED", times=1)
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        admin.delete_topics([TOPIC])[TOPIC].result(20)
    wanted = ConfigResource(ConfigResource.Type.TOPIC, TOPIC)
    broker.faults.answer("DescribeConfigs", "TOPIC_AUTHORIZATION_FAILED", times=1)
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        admin.describe_configs([wanted])[wanted].result(20)
    assert TOPIC in admin.list_topics(timeout=20).topics


def test_an_unwanted_answer_ends_the_connection(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a producer with acks=0 would take an answer for that of its next request."""
    broker.faults.answer("Produce", "NOT_LEADER_OR_FOLLOWER", times=1)
    sent = frame.encode_request(
        produce_request(acks=0), 9, correlation_id=1, client_id="conformance"
    )
    assert talk.is_closed_after(sent)


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


def has_ended(broker: ottla.Broker) -> bool:
    """Whether the broker runs no more."""
    return "not running" in repr(broker)


def test_a_kill_at_a_record(broker: ottla.Broker) -> None:
    """If this failed, the end would not come, or after records that should not be there."""
    broker.faults.kill(at_record=3, topic=TOPIC)
    assert deliver(broker, 2) == []
    third = producer_for(broker)
    answered: list[object] = []
    third.produce(TOPIC, b"v", on_delivery=lambda *told: answered.append(told))
    eventually(lambda: (third.poll(0.01), has_ended(broker))[1], "it has ended")
    eventually(lambda: broker.faults.events, "it is told")
    assert broker.faults.events == [f"kill at record 3 of {TOPIC}"]
    assert not answered, "nor is whoever wrote the last"
    third.purge()
    broker.start()
    assert records(broker) == 3
    assert deliver(broker) == []


def test_ends_come_one_after_the_other(broker: ottla.Broker) -> None:
    """If this failed, the first end would be the only one, and the next a connection that hangs."""
    for at_record in (5, 1, 3):
        broker.faults.restart(at_record=at_record, topic=TOPIC)
    assert deliver(broker, 6, enable_idempotence=True) == []
    assert records(broker) == 6
    told = [f"restart at record {at_record} of {TOPIC}" for at_record in (1, 3, 5)]
    assert broker.faults.events == told
    broker.faults.kill(at_record=8, topic=TOPIC)
    assert deliver(broker) == []
    eighth = producer_for(broker)
    eighth.produce(TOPIC, b"v")
    eventually(lambda: (eighth.poll(0.01), has_ended(broker))[1], "a rule of later ends it too")
    eighth.purge()
    eventually(lambda: broker.faults.events[3:], "it is told")


def test_an_end_to_come_outlives_another(broker: ottla.Broker) -> None:
    """If this failed, the rule would be in the next node, and nobody who ends that."""
    broker.faults.restart(at_record=2, topic=TOPIC)
    broker.kill()
    broker.start()
    assert deliver(broker, 3, enable_idempotence=True) == []
    assert records(broker) == 3
    assert broker.faults.events == [f"restart at record 2 of {TOPIC}"]


def test_an_end_to_come_is_in_nobodys_way(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, rules about records that are made after one about the node's end would come
    over nothing until then.
    """
    broker.faults.kill(at_record=100, topic=TOPIC)
    broker.faults.cut(api="Produce", times=1)
    with pytest.raises(Closed):
        produced(talk)
    assert produced(talk) == ErrorCode.NONE


def waiters() -> int:
    """Threads that wait for ends to come."""
    return [thread.name for thread in threading.enumerate()].count("ottla-faults")


def test_a_close_after_an_end_to_come_is_the_last(broker: ottla.Broker) -> None:
    """If this failed, a broker that was closed might be started again behind its user's back."""
    for _ in range(3):
        with ottla.Broker() as ends:
            ends.create_topic(TOPIC)
            ends.faults.restart(at_record=1, topic=TOPIC)
            last = producer_for(ends)
            last.produce(TOPIC, b"v")
            eventually(lambda: (last.poll(0.01), ends.faults.events)[1], "it ends")  # noqa: B023
            last.purge()
        eventually(lambda: waiters() == 0, "nobody waits to start it")
        assert has_ended(ends)


def dropped_with_a_rule() -> int:
    """The port of a broker that is let go while an end of it is to come."""
    broker = ottla.Broker().start()
    broker.create_topic(TOPIC)
    broker.faults.kill(at_record=100, topic=TOPIC)
    return broker.port


def test_a_dropped_broker_ends_though_an_end_is_to_come() -> None:
    """If this failed, a rule that nothing met would leave a node and two threads behind."""
    gc.collect()
    gc.disable()
    try:
        with pytest.warns(ResourceWarning, match="was dropped"):
            port = dropped_with_a_rule()
    finally:
        gc.enable()

    def refuses() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 20).close()
        except ConnectionRefusedError:
            return True
        return False

    eventually(refuses, "its port is closed")
    eventually(lambda: waiters() == 0, "nobody waits any more")


def test_a_broker_has_its_faults_once(broker: ottla.Broker) -> None:
    """If this failed, rules of two threads would be kept apart, and one's `clear` miss the
    other's.
    """
    other = ottla.Broker()
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(lambda _: id(other.faults), range(64)))) == 1
    other.close()


def test_a_full_disk(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, nobody could see what their program does when the broker has no room."""
    assert produced(talk) == ErrorCode.NONE
    broker.faults.fill_disk(TOPIC)
    assert produced(talk) == ErrorCode.KAFKA_STORAGE_ERROR
    assert produced(talk, "other") == ErrorCode.NONE
    broker.faults.clear()
    assert produced(talk) == ErrorCode.NONE
    assert records(broker) == 2
    assert broker.faults.events == [f"fill_disk {TOPIC}"]


def looked_up(talk: Talk) -> ErrorCode:
    """Look for a record by its time, for which the log is read."""
    part = ListOffsetsPartition(partition_index=0, timestamp=0)
    request = ListOffsetsRequest(topics=[ListOffsetsTopic(name=TOPIC, partitions=[part])])
    return ErrorCode(talk.ask(request, 7).topics[0].partitions[0].error_code)


def test_a_failing_disk(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a read error could not be had."""
    assert produced(talk) == ErrorCode.NONE
    broker.faults.fail_disk("read", f"/{TOPIC}-0/*.log", times=1)
    assert looked_up(talk) != ErrorCode.NONE
    assert looked_up(talk) == ErrorCode.NONE


def test_what_a_disk_has_failed_is_not_forgotten(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, a rule about the disk that has been met would begin anew with every other
    one that is made, and with each start.
    """
    assert produced(talk) == ErrorCode.NONE
    broker.faults.fail_disk("read", f"/{TOPIC}-0/*.log", times=1)
    assert looked_up(talk) != ErrorCode.NONE
    broker.faults.fail_disk("write", "/other-0/*.log", times=1)
    assert looked_up(talk) == ErrorCode.NONE
    broker.kill()
    broker.start()
    again = Talk(broker.port, "faults")
    assert looked_up(again) == ErrorCode.NONE
    assert produced(again, "other") == ErrorCode.KAFKA_STORAGE_ERROR, "that one is still to come"
    assert produced(again, "other") == ErrorCode.NONE
    again.hang_up()


def test_nobody_pays_for_what_is_not_there(broker: ottla.Broker, talk: Talk) -> None:
    """If this failed, `clear` would leave something behind."""
    broker.faults.cut(api="ListGroups")
    broker.faults.clear()
    assert talk.ask(ListGroupsRequest(), 4).error_code == 0
    assert broker.faults.events == []


@pytest.mark.parametrize("topic", ["__transaction_state", "__consumer_offsets"])
def test_a_record_of_the_nodes_own_ends_none(topic: str) -> None:
    """If this failed, a test would wait for an end that never comes."""
    with ottla.Broker() as broker, pytest.raises(BadArgument, match="written by the node itself"):
        broker.faults.restart(at_record=3, topic=topic)
