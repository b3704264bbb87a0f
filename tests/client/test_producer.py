"""Our own producer against a running node: Ottla, and Apache Kafka 4.3.1."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import ottla
from ottla.client import (
    BadRecord,
    BadSetting,
    Client,
    Closed,
    Consumer,
    ConsumerRecord,
    Delivery,
    Producer,
    TimedOut,
)
from ottla.client.admin import topics
from ottla.errors import OttlaError
from ottla.wire.fetched import CoreError
from ottla.wire.outbox import partition_of
from servers import Server, eventually

Name = Callable[[], str]


def made(server: Server, topic: str, partitions: int = 1, **configs: str) -> str:
    """A topic, once it can be written to. It keeps records of whatever time."""
    configs = {"retention.ms": "-1", **configs}
    with Client(server.bootstrap) as client:
        assert topics.create(client, [topics.NewTopic(topic, partitions, 1, configs=configs)]) == {
            topic: None
        }
        eventually(lambda: topic in topics.names(client), "the topic is there")
    return topic


def all_of(server: Server, topic: str, count: int, **settings: Any) -> list[ConsumerRecord]:
    """The records of a topic, once there are so many."""
    with Consumer(server.bootstrap, auto_offset_reset="earliest", **settings) as consumer:
        with Client(server.bootstrap) as client:
            (found,) = topics.describe(client, [topic])
        consumer.assign([(topic, part.number) for part in found.partitions])
        records: list[ConsumerRecord] = []
        deadline = time.monotonic() + 20
        while len(records) < count and time.monotonic() < deadline:
            records += consumer.poll(1)
        return records


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_is_sent_is_there(either: Server, name: Name, codec: str) -> None:
    """If this failed, a record would lose its key, headers, time or place on the way."""
    topic = made(either, name(), 3)
    with Producer(either.bootstrap, compression_type=codec) as producer:
        sent = [
            producer.send(
                topic,
                f"value {number}",
                f"key {number}",
                headers=[("n", str(number).encode()), ("none", None)],
                timestamp_ms=1_700_000_000_000 + number,
            )
            for number in range(100)
        ]
        producer.flush(20)
    assert all(delivery.done and delivery.error is None for delivery in sent)
    records = {(r.partition, r.offset): r for r in all_of(either, topic, 100)}
    assert len(records) == 100
    for number, delivery in enumerate(sent):
        record = records[(delivery.partition, delivery.offset)]
        assert delivery.partition == partition_of(f"key {number}".encode(), 3)
        assert record.value == f"value {number}".encode()
        assert record.key == f"key {number}".encode()
        assert record.headers == (("n", str(number).encode()), ("none", None))
        assert record.timestamp_ms == delivery.timestamp_ms == 1_700_000_000_000 + number


def test_a_partition_keeps_the_order_of_its_records(either: Server, name: Name) -> None:
    """If this failed, batches would overtake each other."""
    topic = made(either, name())
    with Producer(either.bootstrap, batch_size=200, linger_ms=0) as producer:
        for number in range(2000):
            producer.send(topic, str(number))
    values = [int(record.value or b"") for record in all_of(either, topic, 2000)]
    assert values == list(range(2000))


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_kind_of_acknowledgement(either: Server, name: Name, acks: str) -> None:
    """If this failed, acks would not mean what it says."""
    topic = made(either, name())
    with Producer(either.bootstrap, acks=acks) as producer:
        delivery = producer.send(topic, "x").result(20)
        assert delivery.offset == (-1 if acks == "0" else 0)
    assert len(all_of(either, topic, 1)) == 1


def test_who_wants_to_be_told_is_told(either: Server, name: Name) -> None:
    """If this failed, a callback would be lost, or called twice, or without its record."""
    topic = made(either, name())
    told: list[Delivery] = []
    with Producer(either.bootstrap) as producer:
        sent = [producer.send(topic, str(n), on_delivery=told.append) for n in range(50)]
        producer.flush()
        eventually(lambda: len(told) == 50, "all were told")
        late: list[Delivery] = []
        sent[0].add_done_callback(late.append)
        assert late == [sent[0]]
    assert told == sent
    assert [delivery.offset for delivery in told] == list(range(50))


def test_the_brokers_time_is_told(either: Server, name: Name) -> None:
    """If this failed, a delivery would show another time than the record has."""
    topic = made(either, name(), **{"message.timestamp.type": "LogAppendTime"})
    with Producer(either.bootstrap) as producer:
        delivery = producer.send(topic, "x", timestamp_ms=5).result(20)
    (record,) = all_of(either, topic, 1)
    assert record.is_log_append_time
    assert record.timestamp_ms == delivery.timestamp_ms > 5


def test_many_threads_send_with_one_producer(either: Server, name: Name) -> None:
    """If this failed, threads would lose each other's records."""
    topic = made(either, name(), 2)
    with Producer(either.bootstrap, linger_ms=1) as producer:

        def work(who: int) -> None:
            for number in range(300):
                producer.send(topic, f"{who} {number}", key=str(who))
                if number % 100 == 0:
                    producer.flush()

        threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = [(r.value or b"").decode().split() for r in all_of(either, topic, 1200)]
    for who in range(4):
        assert [int(n) for w, n in found if int(w) == who] == list(range(300))


def test_whole_batches_go_on_as_they_are(either: Server, name: Name) -> None:
    """If this failed, a mirror would have to take every batch apart."""
    source, target = made(either, name(), 1), made(either, name(), 1)
    with Producer(either.bootstrap, compression_type="zstd") as producer:
        for number in range(500):
            producer.send(source, f"v{number}" * 10, f"k{number}", headers=[("h", b"1")])
        producer.flush()
        with Consumer(either.bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign([(source, 0)])
            moved = 0
            while moved < 500:
                for batch in consumer.batches(5):
                    moved += len(batch)
                    assert batch.codec == "zstd"
                    producer.send_batch(target, 0, batch)
            assert consumer.position((source, 0)) == 500
        producer.send(target, "after").result(20)
    before, after = all_of(either, source, 500), all_of(either, target, 501)
    assert [(r.key, r.value, r.headers, r.timestamp_ms) for r in before] == [
        (r.key, r.value, r.headers, r.timestamp_ms) for r in after[:-1]
    ]


def test_a_topic_makes_itself_where_nodes_may(either: Server, name: Name) -> None:
    """If this failed, a first program would have to make its topic before."""
    topic = name()
    with Producer(either.bootstrap) as producer:
        assert producer.send(topic, "x").result(20).offset == 0


def test_a_record_that_is_too_large_is_refused_at_once(either: Server, name: Name) -> None:
    """If this failed, it would be sent, and fail later for a reason that says less."""
    topic = made(either, name())
    with Producer(either.bootstrap) as producer:
        producer.send(topic, "x").result(20)
        with pytest.raises(BadRecord, match=r"max\.request\.size is 1048576") as caught:
            producer.send(topic, b"x" * 2_000_000)
        assert caught.value.hint
        with pytest.raises(BadRecord, match="1 partitions"):
            producer.send(topic, "x", partition=7)


def test_the_brokers_own_sentence_is_told(either: Server, name: Name) -> None:
    """If this failed, nobody would know why a record is refused."""
    topic = made(either, name(), **{"cleanup.policy": "compact"})
    with Producer(either.bootstrap) as producer:
        delivery = producer.send(topic, "without a key")
        with pytest.raises(OttlaError, match="key"):
            delivery.result(20)
        assert delivery.offset == -1
        # Numbers began anew: what comes next is written.
        assert producer.send(topic, "x", key="k").result(20).offset == 0


def test_a_node_that_finds_a_batch_too_large_says_so(either: Server, name: Name) -> None:
    """If this failed, such a batch would be tried for two minutes."""
    topic = made(either, name(), **{"max.message.bytes": "1000"})
    with Producer(either.bootstrap) as producer, pytest.raises(OttlaError, match="large"):
        producer.send(topic, b"x" * 5000).result(20)


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_a_batch_that_a_node_finds_too_large_goes_in_parts(
    either: Server, name: Name, codec: str
) -> None:
    """If this failed, many small records would be refused where each alone is welcome."""
    topic = made(either, name(), **{"max.message.bytes": "2000"})
    with Producer(either.bootstrap, compression_type=codec, linger_ms=100) as producer:
        sent = [producer.send(topic, os.urandom(100), str(n)) for n in range(100)]
        sent.append(producer.send(topic, os.urandom(3000), "100"))
        sent += [producer.send(topic, b"x", str(n)) for n in range(101, 110)]
        producer.flush(20)
        assert producer.send(topic, b"x", "110").result(20).offset == 109
    assert "large" in str(sent[100].error) or "max.message.bytes" in str(sent[100].error)
    written = [delivery for delivery in sent if delivery.error is None]
    assert [delivery.offset for delivery in written] == list(range(109))
    records = all_of(either, topic, 110)
    assert [int(r.key or b"") for r in records] == [n for n in range(111) if n != 100]


def test_a_topic_that_is_not_there_is_told_in_time(ottla_server: Server, name: Name) -> None:
    """If this failed, a misspelt topic would hang a program for a minute, or for ever."""
    producer = Producer(ottla_server.bootstrap, max_block_ms=300)
    with producer, pytest.raises(OttlaError, match="bad topic"):
        producer.send("bad topic", "x")


def test_no_room_is_told_in_time(name: Name) -> None:
    """If this failed, a producer would grow without limit, or block for ever."""
    import ottla

    with ottla.Broker() as broker:
        broker.create_topic("t")
        with Producer(
            broker.bootstrap_servers,
            buffer_memory=10_000,
            max_block_ms=200,
            linger_ms=0,
            request_timeout_ms=500,
        ) as producer:
            producer.send("t", "x").result(10)
            broker.faults.hold(topic="t")

            def fill() -> None:
                for _ in range(100):
                    producer.send("t", b"x" * 500)

            with pytest.raises(TimedOut, match=r"no room .* bytes wait") as caught:
                fill()
            assert "buffer.memory" in (caught.value.hint or "")
            broker.faults.clear()
            producer.flush(10)


def test_settings_by_all_their_names() -> None:
    """If this failed, a setting would be taken for another, or swallowed."""
    for wrong in (
        {"linger.sm": 5},
        {"linger_ms": "soon"},
        {"acks": "2"},
        {"acks": 1, "enable.idempotence": True},
        {"interceptor.classes": "x.Y"},
    ):
        with pytest.raises(BadSetting):
            Producer("127.0.0.1:1", **wrong)
    with pytest.raises(BadSetting, match=r"did you mean linger\.ms"):
        Producer({"bootstrap.servers": "127.0.0.1:1", "lingerms": 5})
    for right in ({"linger.ms": 1}, {"queue.buffering.max.ms": "1"}, {"linger_ms": 1}):
        Producer("127.0.0.1:1", **right).close()


def test_what_was_closed_says_so(either: Server, name: Name) -> None:
    """If this failed, a record would be taken that nobody sends."""
    topic = made(either, name())
    producer = Producer(either.bootstrap)
    delivery = producer.send(topic, "x")
    producer.close()
    producer.close()
    assert delivery.result(0).offset == 0
    with pytest.raises(Closed):
        producer.send(topic, "y")


def test_what_is_not_written_in_time_is_given_up() -> None:
    """If this failed, close would wait for a cluster that is gone."""
    import ottla

    with ottla.Broker() as broker:
        broker.create_topic("t")
        producer = Producer(broker.bootstrap_servers, linger_ms=0)
        producer.send("t", "x").result(10)
        broker.faults.hold(topic="t")
        delivery = producer.send("t", "y")
        with pytest.raises(TimedOut):
            producer.close(0.2)
        assert isinstance(delivery.error, Closed)
        broker.faults.clear()


def test_a_callback_cannot_wait_for_its_own_thread(either: Server, name: Name) -> None:
    """If this failed, flush in a callback would hang the producer for ever."""
    topic = made(either, name())
    raised: list[BaseException] = []
    with Producer(either.bootstrap) as producer:

        def told(_: Delivery) -> None:
            try:
                producer.flush()
            except OttlaError as error:
                raised.append(error)

        producer.send(topic, "x", on_delivery=told)
        producer.flush()
        eventually(lambda: raised, "it was refused")
    assert "callback" in str(raised[0])


def test_no_thread_is_left(either: Server, name: Name) -> None:
    """If this failed, each producer and consumer would leave something behind."""
    topic = made(either, name())
    before = set(threading.enumerate())
    with Producer(either.bootstrap) as producer:
        producer.send(topic, "x").result(20)
        assert set(threading.enumerate()) - before
    all_of(either, topic, 1)
    assert set(threading.enumerate()) == before


def test_a_producer_that_was_closed_takes_nothing_and_goes(name: Name) -> None:
    """If this failed, a record taken by another thread just then would be waited for for ever, and
    a program that makes a producer a task would keep them all.
    """
    topic = name()
    with ottla.Broker() as broker, Client(broker.bootstrap_servers) as client:
        broker.create_topic(topic)
        producer = Producer(client=client)
        producer.send(topic, "x").result(20)
        append = producer._append
        producer.close()
        with pytest.raises(CoreError, match="takes nothing any more"):
            append(topic, "y", None, (), -1, -1, None)
        gone = weakref.ref(producer)
        del producer
        # Another thread may have it in hand for one more step.
        eventually(lambda: gc.collect() >= 0 and gone() is None, "nothing has it any more")


def test_a_callback_does_not_wait_for_a_topic(name: Name) -> None:
    """If this failed, a dead-letter topic that is not known yet would stop the client's thread, and
    the heartbeats of all who share it, for max.block.ms.
    """
    topic, told = name(), []
    with ottla.Broker() as broker, Producer(broker.bootstrap_servers) as producer:
        broker.create_topic(topic)

        def hear(_: Delivery) -> None:
            try:
                producer.send(f"{topic}-dead", "x")
            except OttlaError as error:
                told.append(error)

        producer.send(topic, "x", on_delivery=hear).result(20)
        eventually(lambda: told, "it is refused")
        assert "in a callback" in str(told[0])
        producer.partitions_for(f"{topic}-dead")
        producer.send(topic, "x", on_delivery=hear).result(20)
        producer.flush(20)
        assert len(told) == 1
