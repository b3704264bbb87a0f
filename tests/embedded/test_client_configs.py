"""Each library with the arguments that a broker has ready for it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ottla

SOURCE = Path(__file__).parents[2] / "src"

SHORT_MS = 100
"""What every wait of a consumer is at most."""
COMMIT_SECONDS = 4
"""Less than the five seconds after which a consumer commits by default."""


@contextmanager
def at_work(poll: Callable[[], object]) -> Iterator[None]:
    """Poll in a thread, as a service does."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            poll()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def until(there: Callable[[], bool], poll: Callable[[], object] = lambda: None) -> None:
    """Poll until it is so; the deadline proves that it ever is."""
    deadline = time.monotonic() + 20
    while not there():
        assert time.monotonic() < deadline
        poll()


@pytest.mark.parametrize(
    "library", ["ottla", "confluent-kafka", "aiokafka", "kafka-python", "faststream"]
)
def test_no_wait_of_a_consumer_is_left(library: str) -> None:
    """If this failed, a test would stand for seconds where a group commits, grows or shrinks."""
    with ottla.Broker() as broker:
        config = broker.client_config(library, group="g")
    given = {key.replace(".", "_"): value for key, value in config.items()}
    waits = {"heartbeat_interval_ms"}
    if library != "confluent-kafka":
        waits |= {"auto_commit_interval_ms"}
    waits |= {"fetch_wait_max_ms" if library == "confluent-kafka" else "fetch_max_wait_ms"}
    refresh = {
        "confluent-kafka": {"topic_metadata_refresh_interval_ms"},
        "kafka-python": {"metadata_max_age_ms"},
    }
    for wait in waits | refresh.get(library, set()):
        assert 0 < given[wait] <= SHORT_MS, wait


@pytest.mark.parametrize("library", ["ottla", "aiokafka", "kafka-python", "faststream"])
def test_consumers_read_what_is_committed(library: str) -> None:
    """If this failed, the same test would get aborted records with one library and not with
    another, nor with `expect`.
    """
    with ottla.Broker() as broker:
        config = broker.client_config(library, group="g")
        given = {key.replace(".", "_"): value for key, value in config.items()}
        assert given["isolation_level"] == "read_committed"
        assert "isolation_level" not in broker.client_config(library)


@pytest.mark.parametrize("library", ["confluent-kafka", "aiokafka", "kafka-python", "faststream"])
def test_a_producer_looks_at_its_topics_as_rarely_as_ever(library: str) -> None:
    """If this failed, a topic that a test deletes would be made again under its feet."""
    with ottla.Broker() as broker:
        config = broker.client_config(library)
    assert not {"topic.metadata.refresh.interval.ms", "metadata_max_age_ms"} & config.keys()


def test_a_group_of_confluent_kafka_at_work() -> None:
    """If this failed, who waits for a group that works on would wait for its consumers' default;
    or its arguments would keep it from seeing a topic that is made later, or a second member.
    """
    from confluent_kafka import Consumer

    with ottla.Broker(config={"auto.create.topics.enable": False}) as broker:
        first = Consumer(broker.client_config("confluent-kafka", group="g"))
        first.subscribe(["t"])
        first.poll(0)
        broker.create_topic("t", partitions=2)
        until(lambda: len(first.assignment()) == 2, lambda: first.poll(0.01))
        broker.produce("t", "one")
        with at_work(lambda: first.poll(0.01)):
            assert broker.wait_for("g", timeout=20) == 0
        first.close()


def test_a_group_of_our_own_at_work() -> None:
    """If this failed, as above, for our own client."""
    from ottla.client import Consumer, Producer

    broker = ottla.Broker(config={"auto.create.topics.enable": False})
    with broker, Consumer(broker.client_config("ottla", group="g")) as first:
        first.subscribe(["t"])
        first.poll()
        broker.create_topic("t", partitions=2)
        until(lambda: len(first.assignment) == 2, lambda: first.poll(0.01))
        with Producer(broker.client_config("ottla")) as producer:
            producer.send("t", "one")
        with at_work(lambda: first.poll(0.01)):
            assert broker.wait_for("g", timeout=20) == 0


def test_a_group_of_aiokafka_at_work() -> None:
    """If this failed, as above, for aiokafka."""
    from aiokafka import AIOKafkaConsumer

    async def talk() -> None:
        async with ottla.Broker() as broker:
            await broker.aio.create_topic("t", partitions=2)
            await broker.aio.produce("t", "one")
            config: dict[str, Any] = broker.client_config("aiokafka", group="g")
            async with AIOKafkaConsumer("t", **config) as consumer:
                assert (await consumer.getone()).value == b"one"
                await broker.aio.wait_for("g", timeout=COMMIT_SECONDS)

    asyncio.run(talk())


def test_a_group_of_kafka_python_at_work() -> None:
    """If this failed, as above, for kafka-python."""
    from kafka import KafkaConsumer

    with ottla.Broker() as broker:
        broker.produce("t", "one")
        consumer = KafkaConsumer("t", **broker.client_config("kafka-python", group="g"))
        assert next(consumer).value == b"one"
        with at_work(lambda: consumer.poll(20)):
            broker.wait_for("g", timeout=COMMIT_SECONDS)
        consumer.close()


def test_confluent_kafka() -> None:
    """If this failed, the ready arguments would be none for librdkafka."""
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient

    with ottla.Broker() as broker:
        producer = Producer(broker.client_config("confluent-kafka"))
        producer.produce("t", "one")
        assert producer.flush(20) == 0
        assert "t" in AdminClient(broker.client_config("confluent-kafka")).list_topics().topics
        consumer = Consumer(broker.client_config("confluent-kafka", group="g"))
        consumer.subscribe(["t"])
        assert consumer.poll(20).value() == b"one"
        consumer.close()
        broker.wait_for("g")


def test_a_transaction_of_confluent_kafka_lives_through_a_restart() -> None:
    """If this failed, a job in a test would stand in `send_offsets_to_transaction` for minutes,
    beyond that call's own time-out, once its node was restarted.
    """
    from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

    def again(call: Callable[..., object], *args: object) -> None:
        while True:
            try:
                call(*args, 5)
                return
            except KafkaException as problem:
                if not problem.args[0].retriable():
                    raise

    with ottla.Broker() as broker:
        broker.create_topic("in")
        broker.create_topic("out")
        consumer = Consumer(broker.client_config("confluent-kafka", group="g"))
        settings = {"transactional.id": "t"}
        producer = Producer(broker.client_config("confluent-kafka") | settings)
        again(producer.init_transactions)

        def transact() -> None:
            for number in range(3):
                producer.begin_transaction()
                producer.produce("out", str(number))
                offsets = [TopicPartition("in", 0, number + 1)]
                group = consumer.consumer_group_metadata()
                again(producer.send_offsets_to_transaction, offsets, group)
                again(producer.commit_transaction)

        broker.faults.restart(at_record=3, topic="out")  # "0", its mark, "1"
        job = threading.Thread(target=transact, daemon=True)
        job.start()
        job.join(20)
        assert not job.is_alive()
        broker.expect("out", ["0", "1", "2"])
        consumer.close()


def test_aiokafka() -> None:
    """If this failed, the ready arguments would be none for aiokafka."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    async def talk() -> None:
        async with ottla.Broker() as broker:
            async with AIOKafkaProducer(**broker.client_config("aiokafka")) as producer:
                await producer.send_and_wait("t", b"one")
            config = broker.client_config("aiokafka", group="g")
            async with AIOKafkaConsumer("t", **config) as consumer:
                assert (await consumer.getone()).value == b"one"
                await consumer.commit()
            await broker.aio.wait_for("g")

    asyncio.run(talk())


def test_kafka_python() -> None:
    """If this failed, the ready arguments would be none for kafka-python."""
    from kafka import KafkaConsumer, KafkaProducer

    with ottla.Broker() as broker:
        producer = KafkaProducer(**broker.client_config("kafka-python"))
        producer.send("t", b"one").get(20)
        producer.close()
        consumer = KafkaConsumer("t", **broker.client_config("kafka-python", group="g"))
        assert next(consumer).value == b"one"
        consumer.close()
        broker.wait_for("g")


@pytest.mark.skipif(importlib.util.find_spec("faststream") is None, reason="not installed")
def test_faststream() -> None:
    """If this failed, the ready arguments would be none for faststream."""
    from faststream.kafka import KafkaBroker

    async def talk() -> None:
        async with ottla.Broker() as broker:
            stream = KafkaBroker(**broker.client_config("faststream"))
            came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            @stream.subscriber("t", **broker.client_config("faststream", group="g"))
            async def read(text: str) -> None:
                came.set_result(text)

            async with stream:
                await stream.start()
                await stream.publish("one", "t")
                assert await asyncio.wait_for(came, 20) == "one"

    asyncio.run(talk())


def test_another_library_is_told_what_there_is() -> None:
    """If this failed, a name that is spelled otherwise would be a KeyError."""
    with ottla.Broker() as broker:
        assert broker.client_config("Kafka_Python") == broker.client_config("kafka-python")
        with pytest.raises(ottla.OttlaError, match="'sarama'") as refused:
            broker.client_config("sarama")
    assert "aiokafka" in str(refused.value.hint)


def test_a_client_that_outlives_its_broker_is_silent() -> None:
    """If this failed, the first thing that a newcomer sees would be an error of librdkafka's."""
    program = """if True:
        import time, ottla
        from confluent_kafka import Consumer, Producer
        with ottla.Broker() as broker:
            producer = Producer(broker.client_config("confluent-kafka"))
            producer.produce("t", "one")
            assert producer.flush(20) == 0
            consumer = Consumer(broker.client_config("confluent-kafka", group="g"))
            consumer.subscribe(["t"])
            assert consumer.poll(20).value() == b"one"
        ends = time.monotonic() + 0.3
        while time.monotonic() < ends:
            producer.poll(0.05)
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
